internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// How full the queues of both sides were over time, and when nothing left them.
struct QueueCorrelation: CorrelationPass {
  static let fills = ["queue_interval", "device_stall"]

  private var rows: [QueueIntervalRow] = []
  private var stalls: [QueueStallRow] = []
  /// Intervals of each queue.
  private let mostIntervals: Int

  /// Intervals of all queues: a host may have thousands of disks, and nobody looks at all of them.
  private static let mostRows = 1 << 15

  init(_ context: CorrelationContext) throws {
    let (guests, hosts) = (context.guests, context.hosts)
    let queues = 2 * (guests.count + hosts.count)
    mostIntervals = min(QueueDepth.mostIntervals, Self.mostRows / max(1, queues))
    let ends = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0.last) })
    for disk in guests {
      let clock = context.clocks.first { $0.source == disk.source && $0.segment == disk.segment }?
        .clock
      let last = ends[disk.stream]
      add(.guestScheduler, disk.stream, Self.stays(disk.rows, \.schedulerStay), clock, last)
      add(.virtioQueue, disk.stream, Self.stays(disk.rows, \.driverStay), clock, last)
    }
    for device in hosts {
      let last = ends[device.stream]
      add(.hostScheduler, device.stream, Self.stays(device.rows, \.schedulerStay), nil, last)
      add(.hardwareQueue, device.stream, Self.stays(device.rows, \.driverStay), nil, last)
    }
  }

  /// Flushes carry no data and take no place in the schedulers; across a step no stay is known.
  private static func stays(
    _ rows: [BlockRequest], _ stay: (BlockRequest) -> QueueDepth.Stay
  ) -> [QueueDepth.Stay] {
    rows.lazy.filter { $0.operation != .flush && !$0.traits.contains(.acrossStep) }.map(stay)
  }

  private mutating func add(
    _ hop: Hop, _ stream: Int32, _ stays: [QueueDepth.Stay], _ clock: GuestClock?, _ last: Int64?
  ) {
    func reference(_ stamp: Stamp) -> Stamp {
      guard let own = stamp.nanoseconds, let clock else { return stamp }
      return Stamp(clock.reference(own))
    }
    let placed =
      clock == nil
      ? stays
      : stays.map { QueueDepth.Stay(entered: reference($0.entered), left: reference($0.left)) }
    let end = last.map { clock?.reference($0) ?? $0 } ?? .min
    guard let queue = QueueDepth(placed, last: end, most: mostIntervals) else { return }
    // What waits in a scheduler waits for the driver's queue; where that stalls is said of it alone.
    if hop == .virtioQueue || hop == .hardwareQueue {
      stalls += queue.stalls.map {
        QueueStallRow(
          stream: stream, hop: hop, at: $0.at, length: $0.length, held: $0.held,
          joined: $0.joined, isOpen: $0.isOpen)
      }
    }
    for interval in queue.intervals {
      rows.append(
        QueueIntervalRow(
          stream: stream, hop: hop, at: interval.at, length: interval.length,
          arrivals: interval.arrivals, mean: interval.mean, greatest: interval.greatest,
          residual: interval.residual))
    }
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for row in rows { try writer.add(row) }
    for row in stalls { try writer.add(row) }
  }
}
