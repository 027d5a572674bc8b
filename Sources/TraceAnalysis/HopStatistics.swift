public import TraceModel

/// What statistics need of one I/O. Millions are held at once.
public struct HopValues: Sendable {
  /// What the I/O is for.
  public let operation: BlockOperation
  /// Whether its host side is certain.
  public let isSound: Bool
  /// Its hops, ns.
  public let times: HopTimes

  /// The hops of an I/O, ns.
  public init(operation: BlockOperation, isSound: Bool, times: HopTimes) {
    self.operation = operation
    self.isSound = isSound
    self.times = times
  }
}

/// The distributions of hops over many I/Os.
public enum HopStatistics {
  /// Calls with the I/Os that count, as `all` of those that carry data and then per operation: one group at a
  /// time, so that one copy is held.
  ///
  /// Where guest and host are joined only I/Os with a certain and whole way count, so that the hops of a
  /// row of percentages belong to the same I/Os and add up. Flushes are apart: they carry no data and have
  /// other costs.
  public static func eachGroup(
    _ ios: [HopValues], isJoined: Bool, _ body: (_ op: String, _ ios: [HopValues]) throws -> Void
  ) rethrows {
    func counted(_ isIncluded: (BlockOperation) -> Bool) -> [HopValues] {
      ios.filter { isIncluded($0.operation) && (!isJoined || $0.isSound && $0.times.isWhole) }
    }
    let data = counted { $0 != .flush }
    if !data.isEmpty { try body(BlockOperation.together, data) }
    for operation in BlockOperation.inReports {
      let own = counted { $0 == operation }
      if !own.isEmpty { try body(operation.name, own) }
    }
  }

  /// The distribution of each hop that was observed.
  public static func hops(_ ios: [HopValues]) -> [(Hop, LatencyStatistics)] {
    let total = ios.reduce(0) { $0 + Double($1.times[.total].nanoseconds ?? 0) }
    return Hop.allCases.compactMap { hop in
      let values = ios.compactMap { $0.times[hop].nanoseconds }
      guard var statistics = LatencyStatistics(values) else { return nil }
      if total > 0 {
        statistics.shareOfTotal = values.reduce(0) { $0 + Double($1) } / total
      }
      return (hop, statistics)
    }
  }
}
