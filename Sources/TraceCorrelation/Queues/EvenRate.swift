/// A stretch of time in which something came through at one even rate, second by second: what a limit does, and hardly
/// anything that has to work for each request.
public struct EvenRate: Sendable, Equatable {
  /// Per second.
  public let rate: Double
  /// Its time, ns, to whole cells of the series.
  public let range: Range<Int64>
  /// The cell that it was found with, ns: its ends may be off by as much.
  public let cell: Int64
  /// How far a cell was from the mean at most, as a part of that; cells in which something stood still are left out.
  public let unevenness: Double

  /// Amounts over time, in cells of one length.
  public struct Series: Sendable {
    /// Begin of the first cell, ns.
    public let start: Int64
    /// The length of a cell, ns.
    public let cell: Int64
    /// Things that ended in each cell.
    public private(set) var counts: [Int64]
    /// What they add up to in the unit of the rate: bytes.
    public private(set) var amounts: [Int64]

    /// The cells that a stretch of time has; longer ones where there would be too many.
    public init(_ range: ClosedRange<Int64>) {
      start = range.lowerBound
      let (length, isTooLong) = range.upperBound.subtractingReportingOverflow(range.lowerBound)
      let span = isTooLong ? Int64.max / 2 : length
      cell = max(Self.finest, span / Int64(Self.most) + 1)
      counts = [Int64](repeating: 0, count: Int(span / cell) + 1)
      amounts = counts
    }

    /// One thing ended.
    public mutating func add(at moment: Int64, amount: Int64) {
      let place = Int((moment - start) / cell)
      guard moment >= start, place < counts.count else { return }
      counts[place] += 1
      amounts[place] += amount
    }

    private static let finest: Int64 = 50_000_000
    private static let most = 1 << 18
  }

  /// Cells of the stretch at least; of those that are uneven there is at most one for so many others.
  private static let (leastCells, evenForUneven) = (6, 4)
  /// Things in a cell at least: steps of a few would hide that a rate is uneven.
  private static let leastCount: Int64 = 40
  /// How far a cell may be from the mean, beside one thing that ends at its border.
  private static let tolerance = 0.02
  /// What may wait in a bucket while something stands still, s of the rate: QEMU's and the kernel's limits let as much
  /// through at once afterwards.
  private static let bucket = 0.15
  /// Lengths of cells that are tried, ns.
  private static let lengths: [Int64] = [250_000_000, 500_000_000, 1_000_000_000, 2_000_000_000]

  /// Stretches that are looked at.
  private static let most = 16

  /// Those of a series, by how many things or by their amounts, the longest first; of those that overlap only the longer
  /// one.
  public static func all(_ series: Series, byAmount: Bool) -> [EvenRate] {
    let whole = Double(series.amounts.reduce(0) { $0 &+ $1 })
    let all = Double(series.counts.reduce(0) { $0 &+ $1 })
    guard all > 0, !byAmount || whole > 0 else { return [] }
    let grain = byAmount ? whole / all : 1
    var found: [EvenRate] = []
    for length in lengths {
      let width = max(1, Int(length / series.cell))
      let cells = (0..<series.counts.count / width).map { place -> (count: Int64, value: Double) in
        let own = place * width..<(place + 1) * width
        let count = series.counts[own].reduce(0) { $0 &+ $1 }
        return (
          count, byAmount ? Double(series.amounts[own].reduce(0) { $0 &+ $1 }) : Double(count)
        )
      }
      let seconds = Double(width) * Double(series.cell) / 1e9
      let cell = Int64(width) * series.cell
      found += runs(cells, grain: grain, seconds: seconds).map { run in
        EvenRate(
          rate: run.mean / seconds,
          range: series.start + Int64(run.cells.lowerBound) * cell..<series.start
            + Int64(run.cells.upperBound) * cell, cell: cell, unevenness: run.unevenness)
      }
    }
    // Of two of nearly the same length, the one in longer cells is surer of its rate.
    func length(_ own: EvenRate) -> Int64 { own.range.upperBound - own.range.lowerBound + own.cell }
    var kept: [EvenRate] = []
    for own in found.sorted(by: { length($0) > length($1) }) where kept.count < most {
      if !kept.contains(where: { $0.range.overlaps(own.range) }) { kept.append(own) }
    }
    return kept
  }

  private init(rate: Double, range: Range<Int64>, cell: Int64, unevenness: Double) {
    (self.rate, self.range, self.cell, self.unevenness) = (rate, range, cell, unevenness)
  }

  private static func runs(
    _ cells: [(count: Int64, value: Double)], grain: Double, seconds: Double
  ) -> [(cells: Range<Int>, mean: Double, unevenness: Double)] {
    var found: [(cells: Range<Int>, mean: Double, unevenness: Double)] = []
    var first = 0
    while first < cells.count {
      guard cells[first].count >= leastCount else {
        first += 1
        continue
      }
      var (sum, even, uneven, drift, last) = (cells[first].value, 1, 0, 0.0, first)
      for place in first + 1..<max(cells.count, first + 1) {
        let mean = sum / Double(even)
        let off = cells[place].value - mean
        if abs(off) <= grain + tolerance * mean, cells[place].count >= leastCount {
          sum += cells[place].value
          (even, last) = (even + 1, place)
        } else {
          (drift, uneven) = (drift + off, uneven + 1)
          let isFar = abs(drift) > bucket * mean / seconds + 2 * grain
          if isFar || uneven * evenForUneven > even { break }
        }
      }
      if even >= leastCells {
        let mean = sum / Double(even)
        // Those that stood still are no part of it.
        let far = cells[first...last].map { abs($0.value - mean) }
          .filter { $0 <= 2 * (grain + tolerance * mean) }.max()
        found.append((first..<last + 1, mean, (far ?? 0) / mean))
      }
      first = even >= leastCells ? last + 1 : first + 1
    }
    return found
  }
}
