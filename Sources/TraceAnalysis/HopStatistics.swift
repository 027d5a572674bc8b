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

  /// How a sentence names it: `H5 (hardware queue)`.
  var label: String {
    switch self {
    case .pageCache: "H1 (page cache)"
    case .guestScheduler: "H2 (guest scheduler)"
    case .virtioQueue: "H3 (virtio queue)"
    case .virtioSubmit: "H3 on the way in"
    case .virtioReturn: "H3 on the way back"
    case .hostScheduler: "H4 (host scheduler)"
    case .hardwareQueue: "H5 (hardware queue)"
    case .belowGuest: "H3 to H5"
    case .block: "Q to C"
    case .total: "the whole"
    }
  }

  /// The five hops, in the order in which an I/O passes them.
  public static let five: [Hop] = [
    .pageCache, .guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue,
  ]
}

/// The hops of one I/O in ns: eight bytes each, for millions of I/Os are summed up at once.
public struct HopValues: Sendable {
  let guestScheduler: Stamp
  let virtioSubmit: Stamp
  let virtioReturn: Stamp
  let hostScheduler: Stamp
  let hardwareQueue: Stamp
  let pageCache: Stamp
  let block: Stamp
  /// From D to C in the guest, where no Q of its disk was traced.
  let driver: Stamp
  /// What the I/O is for.
  public let operation: BlockOperation
  /// Whether its host side is certain.
  public let isSound: Bool

  /// The hops of an I/O, ns.
  public init(
    operation: BlockOperation, isSound: Bool, guestScheduler: Stamp, virtioSubmit: Stamp,
    virtioReturn: Stamp, hostScheduler: Stamp, hardwareQueue: Stamp, pageCache: Stamp,
    block: Stamp, driver: Stamp = .unseen
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
    self.driver = driver
  }

  /// Whether any of it is known.
  var isObserved: Bool {
    guestScheduler.isSeen || virtioSubmit.isSeen || virtioReturn.isSeen || hostScheduler.isSeen
      || hardwareQueue.isSeen || pageCache.isSeen || block.isSeen || driver.isSeen
  }

  /// Whether both ends are there: Q and C, or D and C where no Q was traced.
  var isWhole: Bool { block.isSeen || driver.isSeen }

  /// The value of a hop; nil is "not observed".
  public subscript(hop: Hop) -> Int64? {
    switch hop {
    case .pageCache: pageCache.nanoseconds
    case .guestScheduler: guestScheduler.nanoseconds
    case .virtioQueue:
      if let there = virtioSubmit.nanoseconds, let back = virtioReturn.nanoseconds {
        there + back
      } else {
        nil
      }
    case .virtioSubmit: virtioSubmit.nanoseconds
    case .virtioReturn: virtioReturn.nanoseconds
    case .hostScheduler: hostScheduler.nanoseconds
    case .hardwareQueue: hardwareQueue.nanoseconds
    case .belowGuest:
      if virtioSubmit.isSeen || hostScheduler.isSeen {
        nil
      } else if let whole = block.nanoseconds, let above = guestScheduler.nanoseconds {
        whole - above
      } else {
        driver.nanoseconds
      }
    case .block: block.nanoseconds
    case .total: block.nanoseconds.map { $0 + (pageCache.nanoseconds ?? 0) }
    }
  }
}

extension BlockOperation {
  /// Those with data first, flushes last.
  static let inReports: [BlockOperation] = [.read, .write, .discard, .other, .flush]
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
      ios.filter { isIncluded($0.operation) && (!isJoined || $0.isSound && $0.isWhole) }
    }
    let data = counted { $0 != .flush }
    if !data.isEmpty { try body("all", data) }
    for operation in BlockOperation.inReports {
      let own = counted { $0 == operation }
      if !own.isEmpty { try body(operation.name, own) }
    }
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
