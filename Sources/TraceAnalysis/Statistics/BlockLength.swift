internal import Glibc
internal import TraceModel

/// The latencies of a hop over one stretch of time, as means over equal parts of it: what says for how long they
/// are correlated.
struct LatencyWave: Sendable {
  /// The stretch they are of.
  let stretch: CellGrid.Stretch
  private(set) var count = 0
  private var sums = [Double](repeating: 0, count: LatencyWave.parts)
  private var counts = [Double](repeating: 0, count: LatencyWave.parts)

  private static let parts = 192

  /// Nothing in a stretch yet.
  init(_ stretch: CellGrid.Stretch) { self.stretch = stretch }

  private var span: Double { Double(stretch.length) + 1 }

  /// Takes a latency in ns that began at a moment of the stretch.
  @inline(__always)
  mutating func add(_ value: Int64, at moment: Int64) {
    let place = Double(moment - stretch.start) / span
    let part = min(Self.parts - 1, max(0, Int(place * Double(Self.parts))))
    // On this scale heavy tails do not drown everything else; differences far below half a
    // microsecond do not matter.
    sums[part] += log(max(0, Double(value)) + 500)
    counts[part] += 1
    count += 1
  }

  /// How long a block must be for them, ns.
  var correlationTime: Double {
    guard count >= 50 else { return 0 }
    let mean = sums.reduce(0, +) / Double(count)
    // A part without I/Os says nothing: it is given the mean.
    let series = zip(sums, counts).map { $1 > 0 ? $0 / $1 : mean }
    return BlockLength.automatic(series) * span / Double(Self.parts)
  }
}

/// How long a block must be so that blocks hardly depend on each other: the automatic choice of Politis and
/// White (2004, corrected 2009) for the circular bootstrap.
enum BlockLength {
  /// The length in elements of a series of means over equal times; 1 for one without correlation. Never
  /// more than a quarter of the series.
  static func automatic(_ series: [Double]) -> Double {
    let count = series.count
    guard count >= 16 else { return 1 }
    let mean = series.reduce(0, +) / Double(count)
    let centred = series.map { $0 - mean }
    func covariance(_ lag: Int) -> Double {
      var sum = 0.0
      for index in lag..<count { sum += centred[index] * centred[index - lag] }
      return sum / Double(count)
    }
    let variance = covariance(0)
    guard variance > 0 else { return 1 }
    let most = count / 4
    let covariances = (0...most).map(covariance)
    // The first lag behind which several in a row do not differ from zero.
    let limit = 2 * (log10(Double(count)) / Double(count)).squareRoot() * variance
    let inRow = max(3, Int(log10(Double(count)).squareRoot().rounded(.up)))
    var lag = most
    for candidate in 0...most
    where (1...inRow).allSatisfy({
      candidate + $0 > most || abs(covariances[candidate + $0]) < limit
    }) {
      lag = candidate
      break
    }
    guard lag > 0 else { return 1 }
    // The flat-top window over twice that lag.
    let width = min(most, 2 * lag)
    var (spectrum, slope) = (variance, 0.0)
    for step in 1...width {
      let part = Double(step) / Double(width)
      let weight = part <= 0.5 ? 1 : 2 * (1 - part)
      spectrum += 2 * weight * covariances[step]
      slope += 2 * weight * Double(step) * covariances[step]
    }
    guard spectrum > 0 else { return Double(most) }
    let length = pow(
      2 * slope * slope / (4.0 / 3 * spectrum * spectrum) * Double(count), 1.0 / 3)
    return min(Double(most), max(1, length))
  }

  /// One length in ns for both sides: as long as the latencies of any stretch are correlated, and long
  /// enough that there are not more blocks than needed; but so short that ten are left on either side, unless the
  /// longer side would then have more than the limit.
  static func common(
    _ before: [LatencyWave], _ after: [LatencyWave]
  ) -> (block: Int64, isTooShort: Bool) {
    let lengths = [before, after].map { $0.saturatingSum(\.stretch.length) }
    let longest = lengths.max() ?? 0
    let most = max(1, (lengths.min() ?? 0) / Int64(ComparisonSettings.leastWantedBlocks))
    let enough = longest / Int64(ComparisonSettings.enoughBlocks)
    // That choice is best for the spread of a mean. Blocks that change sides must not depend on their
    // neighbours either: twice as long is what keeps the test silent where there is nothing.
    let needed = 2 * ((before + after).map(\.correlationTime).max() ?? 0)
    let wanted = max(enough, length(needed, within: longest))
    return (max(least(longest), min(most, wanted)), wanted > most)
  }

  /// A length in ns, no longer than the whole.
  static func length(_ nanoseconds: Double, within whole: Int64) -> Int64 {
    nanoseconds < Double(whole) ? Int64(nanoseconds) : whole
  }

  /// The shortest block for a side of that length, ns: what is counted by block must not grow with the ratio of
  /// the sides' time spans, which may be a day and a millisecond.
  static func least(_ longest: Int64) -> Int64 {
    max(1, longest / Int64(ComparisonSettings.mostBlocks))
  }
}
