public import TraceModel

/// A stretch of an I/O's way, as the views name it.
public enum Hop: String, CaseIterable, Sendable {
  /// H1.
  case pageCache = "page_cache"
  /// H2.
  case guestScheduler = "guest_scheduler"
  /// H3.
  case virtioQueue = "virtio_queue"
  /// H3 on the way in.
  case virtioSubmit = "virtio_submit"
  /// H3 on the way back.
  case virtioReturn = "virtio_return"
  /// H4.
  case hostScheduler = "host_scheduler"
  /// H5.
  case hardwareQueue = "hardware_queue"
  /// H3 to H5 as one, from D to C in the guest, where nothing of the host is known.
  case belowGuest = "below_guest"
  /// From Q to C in the guest.
  case block
  /// All of it.
  case total

  /// The five hops, in the order in which an I/O passes them.
  public static let five: [Hop] = [
    .pageCache, .guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue,
  ]
}

/// The hops of one I/O in ns; nil is "not observed".
public struct HopValues: Sendable {
  /// `read`, `write`, ...
  public let operation: String
  /// Whether its host side is certain.
  public let isSound: Bool
  let guestScheduler: Int64?
  let virtioSubmit: Int64?
  let virtioReturn: Int64?
  let hostScheduler: Int64?
  let hardwareQueue: Int64?
  let pageCache: Int64?
  let block: Int64?

  /// The hops of an I/O, ns.
  public init(
    operation: String, isSound: Bool, guestScheduler: Int64?, virtioSubmit: Int64?,
    virtioReturn: Int64?, hostScheduler: Int64?, hardwareQueue: Int64?, pageCache: Int64?,
    block: Int64?
  ) {
    self.operation = operation
    self.isSound = isSound
    self.guestScheduler = guestScheduler
    self.virtioSubmit = virtioSubmit
    self.virtioReturn = virtioReturn
    self.hostScheduler = hostScheduler
    self.hardwareQueue = hardwareQueue
    self.pageCache = pageCache
    self.block = block
  }

  /// The value of a hop.
  public subscript(hop: Hop) -> Int64? {
    switch hop {
    case .pageCache: pageCache
    case .guestScheduler: guestScheduler
    case .virtioQueue:
      if let virtioSubmit, let virtioReturn { virtioSubmit + virtioReturn } else { nil }
    case .virtioSubmit: virtioSubmit
    case .virtioReturn: virtioReturn
    case .hostScheduler: hostScheduler
    case .hardwareQueue: hardwareQueue
    case .belowGuest:
      if virtioSubmit == nil, hostScheduler == nil, let block, let guestScheduler {
        block - guestScheduler
      } else {
        nil
      }
    case .block: block
    case .total: block.map { $0 + (pageCache ?? 0) }
    }
  }
}

extension BlockOperation {
  /// Those with data first, flushes last.
  static let inReports: [BlockOperation] = [.read, .write, .discard, .other, .flush]
}

/// The distributions of hops over many I/Os.
public enum HopStatistics {
  /// What `all` leaves out: flushes carry no data and have other costs.
  private static let apart = "flush"

  /// The I/Os that count, per operation and as `all` of those that carry data.
  ///
  /// Where guest and host are joined only I/Os with a certain and whole way count, so that the hops of a
  /// row of percentages belong to the same I/Os and add up.
  public static func groups(
    _ ios: [HopValues], isJoined: Bool
  ) -> [(op: String, ios: [HopValues])] {
    let counted = isJoined ? ios.filter { $0.isSound && $0.block != nil } : ios
    var result: [(String, [HopValues])] = []
    let data = counted.filter { $0.operation != apart }
    if !data.isEmpty { result.append(("all", data)) }
    for operation in BlockOperation.inReports.map(\.name) {
      let own = counted.filter { $0.operation == operation }
      if !own.isEmpty { result.append((operation, own)) }
    }
    return result
  }

  /// Per operation, and for `all` of those that carry data: the hops that were observed.
  public static func byOperation(
    _ ios: [HopValues], isJoined: Bool
  ) -> [(op: String, hops: [(Hop, LatencyStatistics)])] {
    groups(ios, isJoined: isJoined).map { ($0.op, hops($0.ios)) }
  }

  /// The distribution of each hop that was observed.
  public static func hops(_ ios: [HopValues]) -> [(Hop, LatencyStatistics)] {
    let total = ios.reduce(0) { $0 + Double($1[.total] ?? 0) }
    return Hop.allCases.compactMap { hop in
      let values = ios.compactMap { $0[hop] }
      guard var statistics = LatencyStatistics(values) else { return nil }
      if total > 0 {
        statistics.shareOfTotal = values.reduce(0) { $0 + Double($1) } / total
      }
      return (hop, statistics)
    }
  }
}
