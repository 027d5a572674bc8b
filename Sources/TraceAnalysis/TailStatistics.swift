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

  /// The hops around each percentile; a hop that was not observed in all of those I/Os is left out.
  public static func shares(_ ios: [HopValues]) -> [TailShare] {
    var order = ios.indices.filter { ios[$0].times[.block].isSeen }
    order.sort {
      let (a, b) = (ios[$0].times[.block].rawValue, ios[$1].times[.block].rawValue)
      return a != b ? a < b : $0 < $1
    }
    return percentiles.filter { order.count >= $0.least }.flatMap { percentile, _ in
      let around = order[band(of: percentile, among: order.count)].map { ios[$0] }
      let whole = around.reduce(0.0) { $0 + Double($1.times[.block].rawValue) }
      return (hops + [.block]).compactMap { hop -> TailShare? in
        let values = around.compactMap { $0.times[hop].nanoseconds }
        guard values.count == around.count, whole > 0 else { return nil }
        let sum = values.reduce(0.0) { $0 + Double($1) }
        return TailShare(
          percentile: percentile, hop: hop, ios: around.count,
          mean: sum / Double(around.count), share: sum / whole)
      }
    }
  }

  /// The percentiles without each hop, over the I/Os in which all of it was observed.
  public static func whatIf(_ ios: [HopValues]) -> [WhatIf] {
    hops.flatMap { hop -> [WhatIf] in
      var now: [Int64] = []
      var without: [Int64] = []
      for io in ios {
        guard let block = io.times[.block].nanoseconds, let part = io.times[hop].nanoseconds else {
          continue
        }
        now.append(block)
        without.append(block - part)
      }
      now.sort()
      without.sort()
      return percentiles.filter { now.count >= $0.least }.map { percentile, _ in
        WhatIf(
          hop: hop, percentile: percentile,
          now: LatencyStatistics.quantile(now, percentile / 100),
          without: LatencyStatistics.quantile(without, percentile / 100))
      }
    }
  }
}
