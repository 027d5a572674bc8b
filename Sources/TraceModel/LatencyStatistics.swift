/// The distribution of a latency: exact, by nearest rank.
public struct LatencyStatistics: Sendable, Equatable {
  /// How many.
  public let count: Int
  /// The mean, ns.
  public let mean: Double
  /// The median, ns.
  public let p50: Int64
  /// 90 % are not longer, ns.
  public let p90: Int64
  /// 99 % are not longer, ns.
  public let p99: Int64
  /// 99.9 % are not longer, ns.
  public let p999: Int64
  /// The longest, ns.
  public let max: Int64
  /// Its part of the sum of totals, 0 to 1; nil where there is no total.
  public var shareOfTotal: Double?

  /// The distribution of these latencies in ns; nil when there are none.
  public init?(_ nanoseconds: [Int64]) {
    guard let greatest = nanoseconds.max() else { return nil }
    var sorted = nanoseconds
    NumberSort.sort(&sorted)
    count = sorted.count
    mean = sorted.reduce(0) { $0 + Double($1) } / Double(sorted.count)
    p50 = Self.quantile(sorted, 0.5)
    p90 = Self.quantile(sorted, 0.9)
    p99 = Self.quantile(sorted, 0.99)
    p999 = Self.quantile(sorted, 0.999)
    max = greatest
  }

  /// A distribution whose numbers are known, ns.
  public init(
    count: Int, mean: Double, p50: Int64, p90: Int64, p99: Int64, p999: Int64, max: Int64,
    shareOfTotal: Double?
  ) {
    self.count = count
    self.mean = mean
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.p999 = p999
    self.max = max
    self.shareOfTotal = shareOfTotal
  }

  /// The value that a share `q` of the sorted, non-empty values does not exceed.
  public static func quantile(_ sorted: [Int64], _ q: Double) -> Int64 {
    sorted[rank(of: q, among: sorted.count)]
  }

  /// The shares of which it tells the values.
  public static let shares = [0.5, 0.9, 0.99, 0.999]

  /// The nearest rank of a share of so many sorted values, from 0.
  public static func rank(of q: Double, among count: Int) -> Int {
    let rank = Int((q * Double(count)).rounded(.up))
    return Swift.min(count - 1, Swift.max(0, rank - 1))
  }
}
