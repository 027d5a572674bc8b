public import TraceModel
public import TraceStore

/// The numbers of a guest's disk: its hops, its tail, and what it would be without a hop.
///
/// For all I/Os they are those that correlation stored; for a selection they are computed from its I/Os.
public struct DiskStatistics: Sendable {
  /// An operation, or `all` that carry data.
  public struct Group: Sendable {
    /// `read`, `write`, ..., or `all`.
    public let op: String
    /// The hops that were observed.
    public var hops: [Hop: LatencyStatistics] = [:]
    /// What the I/Os around a percentile spent where.
    public var tail: [TailShare] = []
    /// The percentiles without a hop.
    public var whatIf: [WhatIf] = []
  }

  /// The disk.
  public let disk: DiskRow
  /// Its operations: `all` first, flushes last.
  public let groups: [Group]

  /// The guests' disks with what is known of the I/Os of a selection.
  public static func load(_ file: IncidentFile, _ filter: IOFilter) throws -> [DiskStatistics] {
    try file.disks(filter).map { disk in
      var own = filter
      own.guest = disk.guest
      own.device = disk.device
      // What is stored is of all I/Os, and by operation.
      var stored = own
      stored.op = nil
      stored.guest = nil
      stored.device = nil
      return DiskStatistics(
        disk: disk,
        groups: stored.isActive
          ? try Self.computed(file, own, isJoined: disk.verdict.isFollowed)
          : try Self.stored(file, own))
    }
  }

  private static func computed(
    _ file: IncidentFile, _ filter: IOFilter, isJoined: Bool
  ) throws -> [Group] {
    var ios: [HopValues] = []
    try file.forEachIO(filter) {
      ios.append(HopValues(operation: $0.operation, isSound: $0.grade.isCertain, times: $0.times))
    }
    var groups: [Group] = []
    HopStatistics.eachGroup(ios, isJoined: isJoined) { op, numbers in
      var group = Group(op: op)
      for (hop, statistics) in numbers.hops { group.hops[hop] = statistics }
      group.tail = numbers.tail
      group.whatIf = numbers.whatIf
      groups.append(group)
    }
    return groups
  }

  private static func stored(_ file: IncidentFile, _ filter: IOFilter) throws -> [Group] {
    var groups: [String: Group] = [:]
    for row in try file.storedHops(filter) {
      groups[row.op, default: Group(op: row.op)].hops[row.hop] = row.statistics
    }
    for row in try file.storedTail(filter) {
      groups[row.op, default: Group(op: row.op)].tail.append(
        TailShare(
          percentile: row.percentile, hop: row.hop, ios: row.ios, mean: row.mean, share: row.share))
    }
    for row in try file.storedWhatIf(filter) {
      groups[row.op, default: Group(op: row.op)].whatIf.append(
        WhatIf(hop: row.hop, percentile: row.percentile, now: row.now, without: row.without))
    }
    let order = [BlockOperation.together] + BlockOperation.inReports.map(\.name)
    for op in groups.keys where !order.contains(op) { throw StoreError.unknownWord(op, "op") }
    return order.compactMap { groups[$0] }
  }
}
