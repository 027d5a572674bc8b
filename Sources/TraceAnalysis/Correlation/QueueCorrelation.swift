internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// How full the queues of both sides were over time, and when nothing left them.
struct QueueCorrelation: CorrelationPass {
  static let fills = ["device_stall", "queue_interval", "queue_limit"]

  private var rows: [QueueIntervalRow] = []
  private var stalls: [QueueStallRow] = []
  private var held: [(stream: Int32, hop: Hop, limit: Int64)] = []
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
      add(.guestScheduler, disk.stream, disk.rows, \.schedulerStay, clock, last)
      add(.virtioQueue, disk.stream, disk.rows, \.driverStay, clock, last)
    }
    for device in hosts {
      let last = ends[device.stream]
      add(.hostScheduler, device.stream, device.rows, \.schedulerStay, nil, last)
      add(.hardwareQueue, device.stream, device.rows, \.driverStay, nil, last)
    }
    context.stalls = stalls
    held = try Self.limits(context)
  }

  /// What each queue can hold.
  private static func limits(_ context: CorrelationContext) throws -> [(
    stream: Int32, hop: Hop, limit: Int64
  )] {
    let settings = try context.file.settings(of: "queue", "qemu").map {
      QueueLimits.Setting(
        machine: $0.machine, kind: $0.kind, object: $0.object, name: $0.name, value: $0.value)
    }
    guard !settings.isEmpty else { return [] }
    let devices = Dictionary(grouping: try context.file.listedDevices()) {
      QueueLimits.Disk(machine: $0.machine, name: $0.name)
    }
    let limits = QueueLimits(settings, devices: devices.mapValues { Set($0.map(\.device)) })
    return context.streams.flatMap { stream in
      let hops: [Hop] =
        stream.machine.layer == .guest
        ? [.guestScheduler, .virtioQueue] : [.hostScheduler, .hardwareQueue]
      return hops.compactMap { hop in
        limits.limit(hop, machine: stream.machine.name, device: stream.device).map {
          (stream.stream, hop, $0)
        }
      }
    }
  }

  private mutating func add(
    _ hop: Hop, _ stream: Int32, _ requests: BlockRequests,
    _ stay: (BlockRequest) -> QueueDepth.Stay, _ clock: GuestClock?, _ last: Int64?
  ) {
    func reference(_ stamp: Stamp) -> Stamp {
      guard let own = stamp.nanoseconds, let clock else { return stamp }
      return Stamp(clock.reference(own))
    }
    // Flushes carry no data and take no place in the schedulers; across a step no stay is known.
    func forEachStay(_ body: (QueueDepth.Stay) -> Void) {
      for row in requests where row.operation != .flush && !row.traits.contains(.acrossStep) {
        let own = stay(row)
        body(QueueDepth.Stay(entered: reference(own.entered), left: reference(own.left)))
      }
    }
    let end = last.map { clock?.reference($0) ?? $0 } ?? .min
    guard let queue = QueueDepth(last: end, most: mostIntervals, of: forEachStay) else { return }
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
    for row in held { try writer.addLimit(stream: row.stream, hop: row.hop, limit: row.limit) }
  }
}
