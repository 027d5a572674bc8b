internal import Glibc

/// Lays rows of a tool that counted a disk's commands over the moments at which a guest's I/Os were completed.
///
/// The tool prints whole seconds and its intervals are a little longer than was asked for, so that stamps alone put every
/// sixth I/O into the wrong row. Its rows lie on an even grid a + b k; a and b are fitted, by the smallest sum over the rows
/// of (I/Os per second by the guest - commands per second by the tool)^2. In steady load nothing holds the fit, and the
/// contrast says so.
public struct RowFit: Sendable {
  /// A row: the end of its interval, ns, and commands per second in it.
  public struct Row: Sendable {
    /// The end of its interval as printed, ns.
    public let end: Int64
    /// Commands per second.
    public let rate: Double

    /// A row.
    public init(end: Int64, rate: Double) { (self.end, self.rate) = (end, rate) }
  }

  /// The time of a row's begin and end on the guest's clock, ns, by the number of the row; the first has none.
  public let edges: [(from: Int64, to: Int64)?]
  /// What must be added to a printed time to get the guest's, ns, in the middle of the rows.
  public let lag: Int64
  /// Half the width of the lags that fit hardly worse, ns.
  public let lagError: Int64
  /// How long an interval is, ns.
  public let period: Int64
  /// The median over the rows of the difference between both counts, as a part of the guest's.
  public let mismatch: Double
  /// The same of three quarters of the rows.
  public let upperMismatch: Double
  /// By how much the best lag is better than the median lag: 0, all fit alike; 1, it fits perfectly.
  public let contrast: Double
  /// Rows that were compared.
  public let rows: Int

  /// Where the lag is looked for, as a distance from the guess, ns, and in which steps.
  public static let (reach, step) = (Int64(4_000_000_000), Int64(50_000_000))
  private static let fine: Int64 = 10_000_000
  /// By how much the whole grid may be longer or shorter than the stamps say, ns.
  private static let drift: Int64 = 1_000_000_000
  private static let leastRows = 4
  /// Commands in a row that are compared at least.
  private static let leastCommands = 20.0

  /// `completions` are in order, on the guest's clock; `guess` is about what must be added to a printed time to get that.
  /// Nil where fewer than four rows lie in the guest's trace.
  public init?(
    _ rows: [Row], completions: [Int64], guess: Int64, reach: Int64 = RowFit.reach
  ) {
    guard rows.count > Self.leastRows, let first = completions.first, let last = completions.last
    else { return nil }
    let grid = Grid(rows, completions, first...last)
    let steps = Int(reach / Self.step)
    var scores: [(lag: Int64, score: Double)] = []
    for number in -steps...steps {
      let lag = guess + Int64(number) * Self.step
      if let score = grid.score(lag: lag, drift: 0) { scores.append((lag, score)) }
    }
    guard let coarse = scores.min(by: { $0.score < $1.score }) else { return nil }
    var best = (lag: coarse.lag, drift: Int64(0), score: coarse.score)
    if grid.isEven {
      for drift in stride(from: -Self.drift, through: Self.drift, by: 100_000_000) {
        for distance in stride(from: -Self.drift, through: Self.drift, by: Int64.Stride(Self.step))
        {
          let lag = coarse.lag + distance
          if let score = grid.score(lag: lag, drift: drift), score < best.score {
            best = (lag, drift, score)
          }
        }
      }
      let (lag, drift) = (best.lag, best.drift)
      for ownDrift in stride(
        from: drift - 100_000_000, through: drift + 100_000_000, by: 20_000_000)
      {
        for distance in stride(from: -Self.step, through: Self.step, by: Int64.Stride(Self.fine)) {
          if let score = grid.score(lag: lag + distance, drift: ownDrift), score < best.score {
            best = (lag + distance, ownDrift, score)
          }
        }
      }
    }
    let others = scores.map(\.score).sorted()
    let usual = others[others.count / 2]
    contrast = usual > 0 ? max(0, 1 - best.score / usual) : 0
    let near = stride(from: -Self.drift, through: Self.drift, by: Int64.Stride(Self.fine)).filter {
      (grid.score(lag: best.lag + $0, drift: best.drift) ?? .infinity)
        <= best.score + 0.05 * max(0, usual - best.score)
    }
    lagError = max(Self.fine, ((near.last ?? 0) - (near.first ?? 0)) / 2)
    (lag, period) = (best.lag, grid.period(best.drift))
    edges = grid.edges(lag: best.lag, drift: best.drift)
    let differences = grid.differences(edges).sorted()
    self.rows = differences.count
    mismatch = differences.isEmpty ? 1 : differences[differences.count / 2]
    upperMismatch = differences.isEmpty ? 1 : differences[differences.count * 3 / 4]
  }

  /// The rows, and how well they fit at a lag.
  private struct Grid {
    let rows: [Row]
    let completions: [Int64]
    let range: ClosedRange<Int64>
    /// The stamps lie on an even grid, but for the seconds they are cut to.
    let isEven: Bool
    /// Rows that must lie in the trace: half of what can. A few at its end fit anything.
    private let least: Int
    private let length: Int64

    init(_ rows: [Row], _ completions: [Int64], _ range: ClosedRange<Int64>) {
      (self.rows, self.completions, self.range) = (rows, completions, range)
      length = (rows[rows.count - 1].end - rows[0].end) / Int64(rows.count - 1)
      let (start, length) = (rows[0].end, length)
      let span = (range.upperBound - range.lowerBound) / max(1, length)
      least = max(RowFit.leastRows, Int(min(Int64(rows.count - 1), span)) / 2)
      isEven =
        length > 0
        && rows.enumerated().allSatisfy {
          abs($0.element.end - start - Int64($0.offset) * length) <= 1_500_000_000
        }
    }

    func period(_ drift: Int64) -> Int64 { length + drift / Int64(rows.count - 1) }

    /// On the guest's clock. Where the stamps are uneven they are taken as they are.
    func edges(lag: Int64, drift: Int64) -> [(from: Int64, to: Int64)?] {
      let count = rows.count
      // Cut to seconds, stamps are half a second early on average.
      let middle = (rows[0].end + rows[count - 1].end) / 2
      func end(_ number: Int) -> Int64 {
        guard isEven else { return rows[number].end + lag }
        let place = Double(number) - Double(count - 1) / 2
        return middle + lag + Int64(place * (Double(length) + Double(drift) / Double(count - 1)))
      }
      return rows.indices.map { number in
        guard number > 0 else { return nil }
        let (from, to) = (end(number - 1), end(number))
        return from < to && range.contains(from) && range.contains(to) ? (from, to) : nil
      }
    }

    /// The mean of the squared differences; nil where less than half of what could lie in the trace does.
    func score(lag: Int64, drift: Int64) -> Double? {
      let edges = edges(lag: lag, drift: drift)
      var sum = 0.0
      var count = 0
      for (number, edge) in edges.enumerated() {
        guard let edge else { continue }
        let seconds = Double(edge.to - edge.from) / 1e9
        let rate = Double(self.count(edge)) / seconds
        sum += (rate - rows[number].rate) * (rate - rows[number].rate)
        count += 1
      }
      return count >= least ? sum / Double(count) : nil
    }

    func count(_ edge: (from: Int64, to: Int64)) -> Int {
      Self.place(completions, edge.to) - Self.place(completions, edge.from)
    }

    /// By row, of those in which something was done.
    func differences(_ edges: [(from: Int64, to: Int64)?]) -> [Double] {
      edges.enumerated().compactMap { number, edge in
        guard let edge else { return nil }
        let own = Double(count(edge))
        let other = rows[number].rate * Double(edge.to - edge.from) / 1e9
        return max(own, other) >= RowFit.leastCommands ? abs(own - other) / max(own, 1) : nil
      }
    }

    /// How many moments are not after this one.
    private static func place(_ moments: [Int64], _ moment: Int64) -> Int {
      var (low, high) = (0, moments.count)
      while low < high {
        let middle = (low + high) / 2
        if moments[middle] <= moment { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }
}
