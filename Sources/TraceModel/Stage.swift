/// A stretch of a request's way through the block layer, by btt's names and definitions.
///
/// Counted per bio as btt does: a request of three merged bios has three D2C. Events without data
/// (flushes) do not count. Of a device without any Q in the trace D2C is counted per request.
public enum Stage: Int, CodedVocabulary {
  /// From one bio's arrival to the next.
  case q2q
  /// Waiting for a request (a tag).
  case q2g
  /// Held by the plug, from allocation to insertion.
  case g2i
  /// From arrival to being merged.
  case q2m
  /// In the scheduler, from insertion to issue.
  case i2d
  /// From being merged to issue.
  case m2d
  /// At the driver and device.
  case d2c
  /// From arrival to completion.
  case q2c

  /// btt's name.
  public var name: String {
    switch self {
    case .q2q: "Q2Q"
    case .q2g: "Q2G"
    case .g2i: "G2I"
    case .q2m: "Q2M"
    case .i2d: "I2D"
    case .m2d: "M2D"
    case .d2c: "D2C"
    case .q2c: "Q2C"
    }
  }
}

/// The latencies of one stage of one device.
public struct StageSummary: Sendable {
  /// The device's stretch.
  public let stream: Int32
  /// Which stage.
  public let stage: Stage
  /// Its latencies.
  public let histogram: LatencyHistogram

  /// Latencies of a stage.
  public init(stream: Int32, stage: Stage, histogram: LatencyHistogram) {
    self.stream = stream
    self.stage = stage
    self.histogram = histogram
  }
}

/// Counts latencies in buckets that are 1/64 of their value wide, so that memory does not grow with the
/// trace. Count, sum, least and greatest are exact; a quantile is within 0.8 % of the true one.
public struct LatencyHistogram: Sendable {
  /// How many.
  public private(set) var count: Int64 = 0
  /// Their sum, ns.
  public private(set) var sum: Int128 = 0
  /// The least, ns; 0 when there are none.
  public private(set) var least: Int64 = 0
  /// The greatest, ns; 0 when there are none.
  public private(set) var greatest: Int64 = 0
  private typealias Bins = LogBins<6>
  private var buckets: [Int64] = []

  /// No latencies.
  public init() {}

  /// Counts a latency in ns; below zero counts as what it is in `sum` and `least`, and in the lowest
  /// bucket.
  public mutating func add(_ nanoseconds: Int64) {
    least = count == 0 ? nanoseconds : Swift.min(least, nanoseconds)
    greatest = count == 0 ? nanoseconds : Swift.max(greatest, nanoseconds)
    count += 1
    sum += Int128(nanoseconds)
    let bucket = Bins.bin(of: UInt64(Swift.max(0, nanoseconds)))
    if bucket >= buckets.count {
      buckets.append(contentsOf: repeatElement(0, count: bucket + 1 - buckets.count))
    }
    buckets[bucket] += 1
  }

  /// The latency that a share `q` of all does not exceed (nearest rank), ns; nil when there are none.
  public func quantile(_ q: Double) -> Int64? {
    guard count > 0 else { return nil }
    let rank = Swift.min(count, Swift.max(1, Int64((q * Double(count)).rounded(.up))))
    if rank == count { return greatest }
    var seen: Int64 = 0
    for (bucket, members) in buckets.enumerated() {
      seen += members
      if seen >= rank {
        let values = Bins.values(of: bucket)
        let middle = values.lowerBound + Int64(values.count) / 2
        return Swift.min(greatest, Swift.max(least, middle))
      }
    }
    return greatest
  }

  /// The mean, ns; nil when there are none.
  public var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }
}
