internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Where a guest's disk was let through at one even rate while its requests waited above: a limit on I/O, of QEMU, a control
/// group or a provider. It is known by a limit that files state, or by what else would have to hold the requests: nothing.
struct LimitCorrelation: CorrelationPass {
  static let fills = ["disk_limit"]

  /// A limit at which a disk was.
  struct Limit {
    let guest: String
    let device: String
    /// Which I/Os it holds back: `read`, `write` or `all`.
    let op: String
    let isBytes: Bool
    /// How much came through, per second.
    let rate: Double
    let range: Range<Int64>
    let error: Int64
    let unevenness: Double
    /// I/Os that were completed meanwhile.
    let ios: Int
    /// I/Os that waited above it, on average.
    let held: Double
    /// The part of the time in which the host had one of the disk's I/Os; nil without the host's trace.
    let busyBelow: Double?
    /// What states it.
    let setting: SettingRow?

    /// For people, as the cause of a phase: `I/O limit of 200 IOPS`, `I/O limit of 50 MB/s`.
    var name: String { "I/O limit of \(Self.words(stated ?? rate, isBytes: isBytes))" }

    /// The value that a file states.
    var stated: Double? { setting.flatMap { Double($0.value) } }

    static func words(_ rate: Double, isBytes: Bool) -> String {
      if isBytes {
        let digits = rate < 1e8 ? 1 : 0
        return "\(Quantity.decimal(rate / 1e6, digits: digits)) MB/s"
      }
      return "\(Quantity.decimal(rate, digits: 0)) IOPS"
    }
  }

  private var found: [Limit] = []

  /// I/Os that wait above a limit on average, and the part of the time in which one does, at least.
  private static let (leastHeld, leastOccupied) = (0.8, 0.8)
  /// The part of the time in which the layers below have something to do at the most.
  private static let (idle, idleIfStated) = (0.5, 0.9)
  /// The part of the time in which the threads that serve the disk run at the most, and of the wait in which they wait
  /// for a CPU.
  private static let (mostRun, mostCPUWait) = (0.6, 0.2)
  /// How far a stated limit and the rate may be apart, as a part of it.
  private static let tolerance = 0.02

  init(_ context: CorrelationContext) throws {
    let settings = try context.file.settings(of: "limit").filter {
      !$0.name.hasSuffix("_max") && Double($0.value) ?? 0 > 0
    }
    for (disk, join) in zip(context.guests, context.disks) where !join.ios.isEmpty {
      guard let device = context.streams.first(where: { $0.stream == disk.stream })?.device,
        // Another guest's own files state nothing of this one.
        let own = Self.limit(
          of: join, guest: disk.machine, device: device,
          settings.filter { !$0.isGuest || $0.machine == disk.machine }, context)
      else { continue }
      found.append(own)
    }
    context.limits = found
  }

  private static let operations: [(name: String, holds: @Sendable (BlockOperation) -> Bool)] = [
    ("all", { $0 != .flush }), ("read", { $0 == .read }), ("write", { $0 == .write }),
  ]

  private static func limit(
    of join: DiskJoin, guest: String, device: String, _ settings: [SettingRow],
    _ context: CorrelationContext
  ) -> Limit? {
    let isJoined = join.verdict == .joined
    guard let span = span(join, isJoined) else { return nil }
    for operation in operations {
      var series = EvenRate.Series(span)
      forEach(join, isJoined) { moment, io in
        guard operation.holds(io.operation), let end = completion(io, moment) else { return }
        series.add(at: end, amount: 512 * max(0, io.sectors))
      }
      for isBytes in [false, true] {
        for even in EvenRate.all(series, byAmount: isBytes) {
          let stated = settings.first {
            states($0, even.rate, isBytes: isBytes, operation: operation.name)
          }
          guard let queue = Queue(join, isJoined, even.range, operation.holds),
            queue.held >= leastHeld, queue.occupied >= leastOccupied,
            stated != nil || isInferred(queue, join, guest, context),
            queue.busyBelow ?? 0 <= (stated == nil ? idle : idleIfStated)
          else { continue }
          return Limit(
            guest: guest, device: device, op: operation.name, isBytes: isBytes, rate: even.rate,
            range: even.range, error: even.cell, unevenness: even.unevenness, ios: queue.ios,
            held: queue.held, busyBelow: queue.busyBelow, setting: stated)
        }
      }
    }
    return nil
  }

  /// Whether a file states a limit that such a rate is at.
  private static func states(
    _ setting: SettingRow, _ rate: Double, isBytes: Bool, operation: String
  ) -> Bool {
    guard let value = Double(setting.value) else { return false }
    let ends = ["all": "", "read": "_rd", "write": "_wr"]
    guard setting.name == (isBytes ? "bps" : "iops") + (ends[operation] ?? "") else { return false }
    return abs(rate - value) <= tolerance * value
  }

  /// Whether nothing else can have held the requests: the host's disk was idle, and the threads between did not work,
  /// nor wait for a CPU.
  private static func isInferred(
    _ queue: Queue, _ join: DiskJoin, _ guest: String, _ context: CorrelationContext
  ) -> Bool {
    guard queue.busyBelow != nil, queue.share >= 0.5, queue.cpuWait <= mostCPUWait else {
      return false
    }
    guard let busy = servers(of: guest, context) else { return false }
    return busy <= mostRun
  }

  /// The part of the time in which the busiest of the threads that serve a guest's disks ran; nil where no trace shows one.
  private static func servers(of guest: String, _ context: CorrelationContext) -> Double? {
    var shares: [ThreadRole: Double] = [:]
    for trace in context.threads.traces where trace.machine.layer == .host {
      let length = Double(trace.span.to - trace.span.from)
      guard length > 0 else { continue }
      for (number, thread) in trace.threads {
        guard let owner = context.threads.owners[number], owner.guest == guest,
          [.iothread, .emulator, .vhost].contains(owner.role)
        else { continue }
        shares[owner.role] = max(shares[owner.role] ?? 0, Double(thread.run) / length)
      }
    }
    return shares[.iothread] ?? shares.values.max()
  }

  // MARK: - I/Os

  private static func forEach(
    _ join: DiskJoin, _ isJoined: Bool, _ body: (_ moment: Int64, _ io: GuestIO) -> Void
  ) {
    for io in join.ios where io.isLeading && io.operation != .flush {
      guard let moment = (isJoined ? io.reference : io.queued).nanoseconds else { continue }
      body(moment, io)
    }
  }

  private static func span(_ join: DiskJoin, _ isJoined: Bool) -> ClosedRange<Int64>? {
    var ends: (first: Int64, last: Int64)?
    forEach(join, isJoined) { moment, io in
      guard let end = completion(io, moment) else { return }
      ends = (min(ends?.first ?? moment, moment), max(ends?.last ?? end, end))
    }
    return ends.map { $0.first...max($0.first, $0.last) }
  }

  private static func completion(_ io: GuestIO, _ moment: Int64) -> Int64? {
    (io.times[.block].nanoseconds ?? io.times.driver.nanoseconds).map { Stamp.sum(moment, $0) }
  }

  /// What waited above the limit in its time, and what was at work below.
  private struct Queue {
    let ios: Int
    let held: Double
    let occupied: Double
    let busyBelow: Double?
    /// The part of the time from Q to C that was spent there.
    let share: Double
    /// The part of the wait in which a thread that serves the disk waited for a CPU.
    let cpuWait: Double

    init?(
      _ join: DiskJoin, _ isJoined: Bool, _ range: Range<Int64>, _ holds: (BlockOperation) -> Bool
    ) {
      var (above, below): ([Span], [Span]) = ([], [])
      var (whole, waited, cpu, count) = (0.0, 0.0, 0.0, 0)
      forEach(join, isJoined) { moment, io in
        guard holds(io.operation), let end = completion(io, moment), end > range.lowerBound,
          moment < range.upperBound
        else { return }
        func part(_ from: Int64, _ to: Int64) -> Span? {
          let span = Span(from: max(from, range.lowerBound), to: min(to, range.upperBound))
          return span.to > span.from ? span : nil
        }
        if range.contains(end) { count += 1 }
        whole += Double(end - moment)
        if isJoined {
          guard let from = io.times.begin(of: .virtioSubmit, from: moment),
            let to = io.times.end(of: .virtioSubmit, from: moment)
          else { return }
          waited += Double(to - from)
          cpu += Double(io.submitCPUWait.nanoseconds ?? 0)
          if let span = part(from, to) { above.append(span) }
          if let done = io.times.end(of: .hardwareQueue, from: moment), let span = part(to, done) {
            below.append(span)
          }
        } else if let time = io.times.belowGuestWithoutHost {
          waited += Double(time)
          if let span = part(end - time, end) { above.append(span) }
        }
      }
      let length = Double(range.upperBound - range.lowerBound)
      guard length > 0, whole > 0, !above.isEmpty else { return nil }
      ios = count
      held = above.reduce(0) { $0 + Double($1.to - $1.from) } / length
      occupied = Self.covered(above) / length
      busyBelow = isJoined ? Self.covered(below) / length : nil
      share = waited / whole
      cpuWait = waited > 0 ? cpu / waited : 0
    }

    /// How much time is in one or more of the spans.
    private static func covered(_ spans: [Span]) -> Double {
      var (sum, end) = (0.0, Int64.min)
      for span in spans.sorted(by: { $0.from < $1.from }) where span.to > end {
        sum += Double(span.to - max(span.from, end == .min ? span.from : end))
        end = span.to
      }
      return sum
    }
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for limit in found {
      try writer.add(
        to: "disk_limit",
        [
          "guest": .text(limit.guest), "device": .text(limit.device), "op": .text(limit.op),
          "unit": .text(limit.isBytes ? "bytes" : "requests"),
          "from_ns": .integer(limit.range.lowerBound), "to_ns": .integer(limit.range.upperBound),
          "error_ns": .integer(limit.error), "rate": .real(limit.rate),
          "uneven_share": .real(limit.unevenness), "ios": .integer(Int64(limit.ios)),
          "held_depth": .real(limit.held), "busy_below_share": StoredValue(limit.busyBelow),
          "setting_object": StoredValue(limit.setting?.object),
          "setting_name": StoredValue(limit.setting?.name),
          "setting_value": StoredValue(limit.stated),
        ])
    }
  }
}

extension HopTimes {
  /// From D to C in the guest where no block trace of the host shows the I/O, whether QEMU's own trace does or not, ns.
  fileprivate var belowGuestWithoutHost: Int64? {
    if let time = self[.belowGuest].nanoseconds { return time }
    guard self[.backend].isSeen, let block = self[.block].nanoseconds,
      let scheduler = self[.guestScheduler].nanoseconds
    else { return nil }
    return block - scheduler
  }
}
