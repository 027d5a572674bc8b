public import TraceModel

/// A hop's part of the I/Os around a percentile of their time from Q to C.
public struct TailShare: Sendable {
  /// 50, 90, 99 or 99.9.
  public let percentile: Double
  /// The hop.
  public let hop: Hop
  /// I/Os around the percentile.
  public let ios: Int
  /// Its mean over them, ns.
  public let mean: Double
  /// That, as a part of their time from Q to C, 0 to 1.
  public let share: Double
}

/// A percentile of the time from Q to C, with one hop taken away from each I/O.
public struct WhatIf: Sendable {
  /// The hop that is taken away.
  public let hop: Hop
  /// 50, 90, 99 or 99.9.
  public let percentile: Double
  /// As it is, ns.
  public let now: Int64
  /// Without the hop, ns: the most that any tuning of it can gain, since queues interact.
  public let without: Int64
}

/// What I/Os around a percentile spent where, and what a percentile would be without a hop.
///
/// Percentiles of hops do not add up to the percentile of the whole; the hops of the I/Os that are there do.
public enum TailStatistics {
  /// The percentiles, each with the I/Os from which on it is said.
  static let percentiles: [(percentile: Double, least: Int)] = [
    (50, 20), (90, 50), (99, 200), (99.9, 2000),
  ]

  /// Ranks on either side of a percentile that count as around it: half a percent, near the end of the
  /// distribution half of what is left, at least two I/Os.
  static func band(of percentile: Double, among count: Int) -> Range<Int> {
    let share = min(0.5, (100 - percentile) / 2) / 100
    let middle = Int((percentile * Double(count) / 100).rounded(.up)) - 1
    let half = max(2, Int((share * Double(count)).rounded()))
    return max(0, middle - half)..<min(count, middle + half + 1)
  }

  /// The hops that lie between Q and C, and the parts of H3.
  static let hops = Hop.allCases.filter {
    Hop.blockParts.contains($0) || $0 == .virtioQueue
  }
}
