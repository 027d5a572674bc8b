internal import TraceModel

/// A quantity that grows, on a grid of moments: how much came about until each.
public struct GrowthCurve: Sendable {
  /// The first moment of the grid, ns.
  public let start: Int64
  /// Between two moments, ns.
  public static let step: Int64 = 20_000_000
  private let sums: [Double]

  /// Out of amounts at moments, any order. Nil when there are none or they span days.
  public init?(_ amounts: [(at: Int64, amount: Double)]) {
    guard let first = amounts.lazy.map(\.at).min(), let last = amounts.lazy.map(\.at).max(),
      last - first < Self.step * 10_000_000
    else { return nil }
    var bins = [Double](repeating: 0, count: Int((last - first) / Self.step) + 2)
    for (at, amount) in amounts { bins[Int((at - first) / Self.step) + 1] += amount }
    self.init(start: first, growth: bins)
  }

  /// Adds up stretches of time within one, each second of which counts 1.
  public struct Sum: Sendable {
    private let whole: Span
    private var bins: [Double]
    private var isEmpty = true

    /// Nothing yet; nil where the whole spans days.
    public init?(within whole: Span) {
      guard whole.from < whole.to, whole.to - whole.from < GrowthCurve.step * 10_000_000 else {
        return nil
      }
      self.whole = whole
      bins = [Double](repeating: 0, count: Int((whole.to - whole.from) / GrowthCurve.step) + 2)
    }

    /// Adds one.
    public mutating func add(_ span: Span) {
      var from = max(span.from, whole.from)
      let end = min(span.to, whole.to)
      while from < end {
        let place = (from - whole.from) / GrowthCurve.step
        let until = min(end, whole.from + (place + 1) * GrowthCurve.step)
        bins[Int(place) + 1] += Double(until - from) / 1e9
        from = until
        isEmpty = false
      }
    }

    /// The curve; nil where nothing was added.
    public var curve: GrowthCurve? {
      isEmpty ? nil : GrowthCurve(start: whole.from, growth: bins)
    }
  }

  private init(start: Int64, growth: [Double]) {
    var bins = growth
    for place in bins.indices.dropFirst() { bins[place] += bins[place - 1] }
    sums = bins
    self.start = start
  }

  /// The end of the grid, ns.
  public var end: Int64 { start + Int64(sums.count - 1) * Self.step }

  /// How much came about until a moment.
  func value(at time: Int64) -> Double {
    let place = Double(time - start) / Double(Self.step)
    guard place > 0 else { return 0 }
    let index = Int(place)
    guard index + 1 < sums.count else { return sums[sums.count - 1] }
    let part = place - Double(index)
    return sums[index] + part * (sums[index + 1] - sums[index])
  }

  /// How much came about in a stretch.
  public func growth(_ span: Span) -> Double { value(at: span.to) - value(at: span.from) }
}

/// Lays a series that a tool sampled by one clock over what a trace measured by another: the offset at which
/// the two are most alike.
public enum SeriesAlignment {
  /// What a tool saw within an interval of its clock: an amount of what the curve adds up.
  public struct Sample: Sendable {
    /// When, ns.
    public let span: Span
    /// How much.
    public let amount: Double

    /// A sample.
    public init(span: Span, amount: Double) {
      self.span = span
      self.amount = amount
    }
  }

  /// An offset, to be added to the tool's clock.
  public struct Result: Sendable {
    /// ns.
    public let offset: Int64
    /// How far off it may be: offsets within it are nearly as good, ns.
    public let error: Int64
    /// What the two differ by there, as a part of all.
    public let difference: Double
    /// Samples that fell into the trace.
    public let samples: Int

    /// The same onto a clock that is so much ahead, within a bound, ns.
    public func moved(by shift: Int64, within bound: Int64) -> Result {
      Result(
        offset: offset + shift, error: error + bound, difference: difference, samples: samples)
    }
  }

  /// Fewer samples are no series.
  private static let fewest = 4
  /// Another offset, further away than the samples are long, must be worse by this factor.
  private static let leastContrast = 1.4
  /// What the two may differ by at most, without any other knowledge.
  private static let mostDifference = 0.35
  /// Steps of the search at most.
  private static let mostSteps = 400_000

  /// The offset, within a range of offsets where one is known; else the one offset that stands out. Nil when
  /// none does.
  public static func offset(
    _ series: [(curve: GrowthCurve, samples: [Sample])], within known: ClosedRange<Int64>?
  ) -> Result? {
    let spans = series.flatMap { $0.samples.map(\.span) }
    guard let first = spans.map(\.from).min(), let last = spans.map(\.to).max(),
      let start = series.map(\.curve.start).min(), let end = series.map(\.curve.end).max()
    else { return nil }
    let range = known ?? (start - last)...max(start - last, end - first)
    let steps = (range.upperBound - range.lowerBound) / GrowthCurve.step + 1
    guard steps <= mostSteps else { return nil }
    let mean = spans.saturatingSum { $0.to - $0.from } / Int64(max(1, spans.count))
    var scores: [(offset: Int64, difference: Double, samples: Int)] = []
    for step in 0..<steps {
      let offset = range.lowerBound + step * GrowthCurve.step
      if let (difference, samples) = difference(series, offset) {
        scores.append((offset, difference, samples))
      }
    }
    let most = scores.map(\.samples).max() ?? 0
    // A few samples at an edge agree by chance.
    let judged = scores.filter { $0.samples >= fewest && 2 * $0.samples >= most }
    guard let best = judged.min(by: { $0.difference < $1.difference }) else { return nil }
    let near = judged.filter { $0.difference <= best.difference + 0.02 + 0.1 * best.difference }
    let spread = near.filter { abs($0.offset - best.offset) <= mean }
    let error =
      (spread.map { abs($0.offset - best.offset) }.max() ?? 0) + GrowthCurve.step
    if known == nil {
      let other = judged.filter { abs($0.offset - best.offset) > mean }.map(\.difference).min()
      guard best.difference <= mostDifference,
        other.map({ $0 >= leastContrast * best.difference + 0.02 }) ?? false
      else { return nil }
    }
    return Result(
      offset: best.offset, error: error, difference: best.difference, samples: best.samples)
  }

  /// What they differ by, as a part of what both saw together; samples that lie wholly inside count.
  private static func difference(
    _ series: [(curve: GrowthCurve, samples: [Sample])], _ offset: Int64
  ) -> (Double, Int)? {
    var apart = 0.0
    var count = 0
    for (curve, samples) in series {
      var differences = 0.0
      var all = 0.0
      for sample in samples {
        let span = Span(from: sample.span.from + offset, to: sample.span.to + offset)
        guard span.from >= curve.start, span.to <= curve.end else { continue }
        let seen = curve.growth(span)
        differences += abs(seen - sample.amount)
        all += (seen + sample.amount) / 2
        count += 1
      }
      if all > 0 { apart = max(apart, differences / all) }
    }
    return count == 0 || apart == 0 ? nil : (apart, count)
  }
}
