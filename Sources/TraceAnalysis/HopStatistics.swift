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

/// Which I/Os of many count together.
public enum HopStatistics {
  /// Calls with the numbers of the I/Os that count, as `all` of those that carry data and then per operation: one group
  /// at a time. The I/Os are gone through several times, and not copied.
  ///
  /// Where guest and host are joined only I/Os with a certain and whole way count, so that the hops of a
  /// row of percentages belong to the same I/Os and add up. Flushes are apart: they carry no data and have
  /// other costs.
  public static func eachGroup(
    _ ios: some Sequence<HopValues>, isJoined: Bool,
    _ body: (_ op: String, _ numbers: HopNumbers) throws -> Void
  ) rethrows {
    func isCounted(_ io: HopValues) -> Bool { !isJoined || io.isSound && io.times.isWhole }
    var counts = [Int](repeating: 0, count: BlockOperation.allCases.count)
    for io in ios where isCounted(io) { counts[io.operation.rawValue] += 1 }
    func numbers(_ isIncluded: @escaping (BlockOperation) -> Bool) -> HopNumbers {
      HopNumbers(ios.lazy.filter { isIncluded($0.operation) && isCounted($0) }.map(\.times))
    }
    if counts.reduce(0, +) > counts[BlockOperation.flush.rawValue] {
      try body(BlockOperation.together, numbers { $0 != .flush })
    }
    for operation in BlockOperation.inReports where counts[operation.rawValue] > 0 {
      try body(operation.name, numbers { $0 == operation })
    }
  }
}
