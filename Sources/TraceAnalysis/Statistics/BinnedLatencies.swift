internal import TraceModel

/// Which latencies count as one: a bin is never wider than 0.1 % of what it holds. Those below zero, which only clocks can
/// make, have the numbers of their opposites.
enum LatencyBin {
  private typealias Bins = LogBins<10>

  /// The bin of a latency in ns.
  @inline(__always)
  static func of(_ value: Int64) -> Int {
    let bin = Bins.bin(of: value.magnitude)
    return value < 0 ? -bin : bin
  }

  /// The power of two that a bin is wide.
  static func width(_ bin: Int) -> Int { Bins.width(of: abs(bin)) }

  /// The latencies of a bin, ns.
  static func values(_ bin: Int) -> ClosedRange<Int64> {
    let values = Bins.values(of: abs(bin))
    return bin < 0 ? -values.upperBound ... -values.lowerBound : values
  }
}

/// How many latencies are in each bin, so that memory does not grow with their number. Count, mean, least and
/// greatest are exact.
struct BinnedLatencies: Sendable {
  private(set) var count = 0
  private(set) var least = Int64.max
  private(set) var greatest = Int64.min
  /// Exact as well: whole numbers, whose sum stays below 2^53 for a hundred days.
  private var sum = 0.0
  /// The bin of the first element of `counts`.
  private var first = 0
  private var counts: [UInt32] = []

  /// Counts a latency in ns.
  @inline(__always)
  mutating func add(_ value: Int64) {
    let bin = LatencyBin.of(value)
    if bin < first || bin >= first + counts.count { grow(to: bin) }
    counts[bin - first] += 1
    count += 1
    sum += Double(value)
    least = min(least, value)
    greatest = max(greatest, value)
  }

  /// Counts what others count.
  mutating func add(_ other: BinnedLatencies) {
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    grow(to: other.bins.lowerBound)
    grow(to: other.bins.upperBound)
    for (place, members) in other.counts.enumerated() where members > 0 {
      counts[other.first + place - first] += members
    }
    count += other.count
    sum += other.sum
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
  }

  /// A quarter of a power of two at a time, so that it seldom happens.
  private mutating func grow(to bin: Int) {
    let step = 256
    let start = bin - (bin % step + step) % step
    if counts.isEmpty { first = start }
    if start < first {
      counts.insert(contentsOf: repeatElement(0, count: first - start), at: 0)
      first = start
    }
    let end = start + step
    if end > first + counts.count {
      counts.append(contentsOf: repeatElement(0, count: end - first - counts.count))
    }
  }

  /// From the bin of the least to that of the greatest; there must be some.
  var bins: ClosedRange<Int> { LatencyBin.of(least)...LatencyBin.of(greatest) }

  /// The mean; nil without any.
  var mean: Double? { count > 0 ? sum / Double(count) : nil }

  /// The rank, from 1, of the value that a share does not exceed (nearest rank).
  func rank(_ share: Double) -> Int {
    min(count, max(1, Int((share * Double(count)).rounded(.up))))
  }

  /// The bin of each rank, and how many values are in the bins below it. Ranks must ascend, from 1 to the
  /// count.
  func places(ofRanks ranks: [Int]) -> [(bin: Int, below: Int)] {
    var places: [(bin: Int, below: Int)] = []
    var (index, below) = (0, 0)
    for rank in ranks {
      while below + Int(counts[index]) < rank {
        below += Int(counts[index])
        index += 1
      }
      places.append((first + index, below))
    }
    return places
  }

  /// The bin of the value that a share does not exceed, and how many values are in the bins below it; nil
  /// without any.
  func place(_ share: Double) -> (bin: Int, below: Int)? {
    count > 0 ? places(ofRanks: [rank(share)])[0] : nil
  }

  /// The value that a share does not exceed, to the middle of its bin; nil without any.
  func quantile(_ share: Double) -> Int64? {
    place(share).map { place in
      let values = LatencyBin.values(place.bin)
      let middle = values.lowerBound + (values.upperBound - values.lowerBound) / 2
      return min(greatest, max(least, middle))
    }
  }
}
