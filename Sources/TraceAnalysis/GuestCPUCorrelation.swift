internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the guests' vCPUs waited for, second by second and I/O by I/O, beside what the guests themselves say.
struct GuestCPUCorrelation {
  private var seconds: [(guest: String, vcpus: Int?, row: StealSeconds.Row)] = []
  /// What guests said at times that no clock places on the reference.
  private var unplaced: [(guest: String, vcpus: Int?, report: CPUReportRow)] = []
  private var checks: [(guest: String, source: Int64, host: Int64, check: RunCheck)] = []
  private var sums: [(guest: String, source: Int64, vcpus: Int, sum: StealSum)] = []
  private var wallClocks: WallClocks?

  /// A guest's threads in one host's scheduler trace, on the reference.
  private struct Side {
    let source: Int64
    let span: Span
    let vcpus: [Int64: ThreadTimeline]
    let threads: [Int64: ThreadTimeline]
    let fallback: ThreadTimeline?
    let error: Int64
  }

  init(
    _ file: IncidentFile, _ scheduling: SchedulingCorrelation,
    _ streams: [TracedDevice],
    _ clocks: [SourceClock], _ tids: [Int32: UInt32], _ disks: inout [DiskJoin]
  ) throws {
    let named = Set(scheduling.owners.values.compactMap(\.guest))
    let machines = try file.guestNames()
    let guests = Set(machines).union(named).sorted()
    var sides: [String: [Side]] = [:]
    for guest in guests {
      sides[guest] = scheduling.traces.compactMap { Self.side(of: guest, $0, scheduling.owners) }
    }
    try relateWallClocks(file, scheduling, streams, clocks, guests, sides)
    for guest in guests {
      try addSeconds(file, guest, sides[guest] ?? [], hasHost: !(sides[guest] ?? []).isEmpty)
    }
    overlay(streams, clocks, tids, sides, &disks)
  }

  private static func side(
    of guest: String, _ trace: SchedulingCorrelation.Trace, _ owners: [Int64: ThreadOwners.Owner]
  ) -> Side? {
    guard trace.machine.layer == .host, let clock = trace.clock else { return nil }
    var vcpus: [Int64: ThreadTimeline] = [:]
    var threads: [Int64: ThreadTimeline] = [:]
    var workers: [TracedRole: [Int64]] = [:]
    // Of threads that had one number one after the other, the last.
    for (number, timeline) in trace.timelines.sorted(by: { $0.key < $1.key }) {
      guard let owner = owners[number], owner.guest == guest, let thread = trace.threads[number]
      else { continue }
      let mapped = timeline.mapped(clock)
      if owner.role == .vcpu { vcpus[owner.vcpu ?? -1 - thread.tid] = mapped }
      threads[thread.tid] = mapped
      workers[owner.role, default: []].append(thread.tid)
    }
    guard !vcpus.isEmpty else { return nil }
    // Where a kernel thread queued for the guest, its iothread did the rest, if it has but one.
    let served = workers[.iothread] ?? workers[.emulator] ?? []
    return Side(
      source: trace.source,
      span: Span(
        from: clock.reference(trace.span.from), to: clock.reference(trace.span.to)),
      vcpus: vcpus, threads: threads,
      fallback: served.count == 1 ? served.first.flatMap { threads[$0] } : nil,
      error: max(clock.error(at: trace.span.from), clock.error(at: trace.span.to)))
  }

  // MARK: - Wall clocks

  private mutating func relateWallClocks(
    _ file: IncidentFile, _ scheduling: SchedulingCorrelation,
    _ streams: [TracedDevice],
    _ clocks: [SourceClock], _ guests: [String], _ sides: [String: [Side]]
  ) throws {
    let hosts = Set(
      streams.filter { $0.stream.machine.layer == .host }.map(\.stream.machine.name))
    let reference =
      clocks.first?.reference
      ?? streams.first { $0.stream.machine.layer == .host }?.stream.source
      ?? scheduling.traces.first { $0.machine.layer == .host }?.source
      ?? streams.first?.stream.source
    guard let reference else { return }
    let isHostless =
      hosts.isEmpty && !scheduling.traces.contains { $0.machine.layer == .host }
    var machines: [WallClocks.Machine] = []
    for name in guests + hosts.sorted() {
      var machine = WallClocks.Machine(name: name)
      let own = streams.filter { $0.stream.machine.name == name }
      let isHost = hosts.contains(name)
      if let source = own.max(by: { $0.rows.count < $1.rows.count })?.stream.source {
        let clock = clocks.first { $0.source == source && $0.segment == 0 }?.clock
        // A guest's trace that is not joined has no place on the host's timeline.
        if isHost ? source == reference : clock != nil || isHostless {
          machine.block = (
            source, clock, Self.curve(own, source, .read), Self.curve(own, source, .write)
          )
        }
      }
      let seen = sides[name] ?? []
      if let curve = GrowthCurve(spans: seen.flatMap { $0.vcpus.values.flatMap(\.waits) }) {
        machine.waits = (curve, try Self.vcpus(file, name, seen) ?? 1)
      }
      machines.append(machine)
    }
    wallClocks = try WallClocks(file, machines, reference: reference)
  }

  /// KiB that were queued when, in one direction.
  private static func curve(
    _ streams: [TracedDevice], _ source: Int64,
    _ operation: BlockOperation
  ) -> GrowthCurve? {
    var amounts: [(at: Int64, amount: Double)] = []
    for entry in streams where entry.stream.source == source && entry.stream.segment == 0 {
      for row in entry.rows where row.operation == operation {
        guard let at = row.queued.nanoseconds ?? row.issued.nanoseconds else { continue }
        amounts.append((at, Double(row.sectors) / 2))
      }
    }
    return GrowthCurve(amounts)
  }

  /// How many virtual CPUs: those that the host traced, or the guest's own list.
  private static func vcpus(_ file: IncidentFile, _ guest: String, _ sides: [Side]) throws -> Int? {
    let traced = sides.map(\.vcpus.count).max()
    let listed = try file.cpuCount(of: guest)
    return [traced, listed].compactMap(\.self).max()
  }

  // MARK: - Seconds

  private mutating func addSeconds(
    _ file: IncidentFile, _ guest: String, _ sides: [Side], hasHost: Bool
  ) throws {
    let vcpus = try Self.vcpus(file, guest, sides)
    let all = try [file.vmstatReports(of: guest), file.procStatReports(of: guest)]
    func joined(_ reports: [CPUReportRow]) -> [StealSeconds.Report] {
      reports.compactMap { report in
        guard let stolen = report.stolen, let relation = wallClocks?.relations[report.source],
          relation.error <= Self.mostError
        else { return nil }
        return StealSeconds.Report(
          span: Span(from: report.from + relation.offset, to: report.to + relation.offset),
          stolen: stolen, busy: report.busy)
      }.sorted { $0.span.from < $1.span.from }
    }
    try addSums(guest, all, sides, vcpus: vcpus)
    // vmstat samples every second; /proc/stat mostly not.
    let reports = all.map(joined).first { !$0.isEmpty } ?? []
    var rows: [Int64: StealSeconds.Row] = [:]
    let parts: [Side?] = sides.isEmpty ? [nil] : sides
    for side in parts {
      for row in StealSeconds.rows(
        side.map { Array($0.vcpus.values) } ?? [], trace: side?.span, vcpus: vcpus ?? 1,
        reports: reports)
      where row.covered ?? 0 >= rows[row.at]?.covered ?? 0 { rows[row.at] = row }
    }
    for row in rows.values.sorted(by: { $0.at < $1.at }) {
      seconds.append((guest, vcpus, row))
    }
    guard reports.isEmpty, !hasHost else { return }
    // Nothing to lay them on: the guest's own wall clock.
    let own = all.first { $0.contains { $0.stolen != nil } } ?? []
    unplaced += own.map { (guest, vcpus, $0) }
  }

  /// The guest's account of the whole beside the host's. /proc/stat counts time; vmstat percent of what it
  /// counted, which in a starved guest is less than the time that passed.
  private mutating func addSums(
    _ guest: String, _ reports: [[CPUReportRow]], _ sides: [Side], vcpus: Int?
  ) throws {
    guard let vcpus,
      let side = sides.max(by: { $0.span.to - $0.span.from < $1.span.to - $1.span.from })
    else { return }
    for (source, own) in Dictionary(grouping: reports.joined(), by: \.source)
      .sorted(by: { $0.key < $1.key })
    {
      let relation = wallClocks?.relations[source]
      let offset = relation?.offset ?? 0
      let accounts = own.compactMap { report -> StealSum.Account? in
        guard let percent = report.stolen else { return nil }
        let span = Span(from: report.from + offset, to: report.to + offset)
        let stolen =
          report.stolenTime.map(Double.init)
          ?? percent / 100 * Double(span.to - span.from) * Double(vcpus)
        return StealSum.Account(span: span, stolen: stolen, busy: report.busy)
      }
      let timelines = Array(side.vcpus.values)
      let isRounded = own.contains { $0.stolenTime == nil }
      let sum =
        relation.flatMap {
          StealSum(
            accounts, timelines, trace: side.span, vcpus: vcpus, rounding: isRounded ? 0.5 : 0,
            error: $0.error)
        } ?? StealSum(unplaced: accounts, timelines, trace: side.span, vcpus: vcpus)
      if let sum { sums.append((guest, source, vcpus, sum)) }
    }
  }

  /// A wall clock that is less sure says nothing about a second.
  private static let mostError: Int64 = 600_000_000

  // MARK: - I/Os

  private mutating func overlay(
    _ streams: [TracedDevice],
    _ clocks: [SourceClock], _ tids: [Int32: UInt32], _ sides: [String: [Side]],
    _ disks: inout [DiskJoin]
  ) {
    var hostTasks: [Int64: Int64] = [:]
    for entry in streams where entry.stream.machine.layer == .host {
      for row in entry.rows { hostTasks[row.id] = Int64(tids[row.task] ?? 0) }
    }
    let places = Dictionary(
      uniqueKeysWithValues: streams.enumerated().map { ($1.stream.stream, $0) })
    var sums: [String: (source: Int64, host: Int64, check: RunCheck)] = [:]
    for disk in disks.indices where disks[disk].verdict == .joined {
      guard let place = places[disks[disk].disk] else { continue }
      let entry = streams[place]
      let guest = entry.stream.machine.name
      let clock = clocks.first {
        $0.source == entry.stream.source && $0.segment == entry.stream.segment
      }?.clock
      guard let clock else { continue }
      for side in sides[guest] ?? [] {
        let overlay = WaitOverlay(
          vcpus: side.vcpus, threads: side.threads, fallback: side.fallback, known: side.span)
        Self.fill(&disks[disk].ios, entry.rows, hostTasks, overlay)
        var sum = sums[guest] ?? (entry.stream.source, side.source, RunCheck())
        Self.check(entry.rows, clock, side.vcpus, side.error, &sum.check)
        sums[guest] = sum
      }
    }
    for (guest, sum) in sums.sorted(by: { $0.key < $1.key }) where sum.check.events > 0 {
      checks.append((guest, sum.source, sum.host, sum.check))
    }
  }

  private static func fill(
    _ ios: inout [GuestIO], _ rows: [BlockRequest], _ hostTasks: [Int64: Int64],
    _ overlay: WaitOverlay
  ) {
    var row = 0
    for index in ios.indices {
      // Both are in the order of the requests.
      while row < rows.count, rows[row].id < ios[index].request { row += 1 }
      guard row < rows.count, rows[row].id == ios[index].request,
        let start = ios[index].reference.nanoseconds,
        let submit = ios[index].virtioSubmit.nanoseconds,
        let back = ios[index].virtioReturn.nanoseconds,
        let scheduler = ios[index].hostScheduler.nanoseconds,
        let hardware = ios[index].hardware.nanoseconds
      else { continue }
      let thread = ios[index].hostRequest.flatMap { hostTasks[$0] } ?? 0
      let t3 = start + (ios[index].guestScheduler.nanoseconds ?? 0)
      let t4 = t3 + submit
      let t6 = t4 + scheduler + hardware
      if let wait = overlay.wait(from: t3, to: t4, vcpu: rows[row].issuedCPU, thread: thread) {
        ios[index].submitCPUWait = Stamp(wait)
      }
      if let wait = overlay.wait(
        from: t6, to: t6 + back, vcpu: rows[row].completedCPU, thread: thread)
      {
        ios[index].returnCPUWait = Stamp(wait)
      }
    }
  }

  private static func check(
    _ rows: [BlockRequest], _ clock: GuestClock, _ vcpus: [Int64: ThreadTimeline], _ error: Int64,
    _ check: inout RunCheck
  ) {
    // In an order, because what is added up is no integer.
    for (number, timeline) in vcpus.sorted(by: { $0.key < $1.key }) {
      var moments: [(at: Int64, error: Int64)] = []
      func add(_ stamp: Stamp, _ cpu: Int32) {
        guard Int64(cpu) == number, let at = stamp.nanoseconds else { return }
        moments.append((clock.reference(at), clock.error(at: at) + error))
      }
      for row in rows where !row.traits.contains(.acrossStep) {
        add(row.issued, row.issuedCPU)
        add(row.completed, row.completedCPU)
      }
      check.add(moments, timeline)
    }
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter) throws {
    try wallClocks?.write(to: writer)
    for (guest, vcpus, row) in seconds {
      try writer.addStealSecond(
        guest: guest, at: row.at, wall: nil, vcpus: vcpus, covered: row.covered,
        waited: row.waited, ran: row.ran, reported: row.reported, measured: row.measured,
        busy: row.busy)
    }
    for (guest, vcpus, report) in unplaced {
      try writer.addStealSecond(
        guest: guest, at: nil, wall: report.from, vcpus: vcpus, covered: nil, waited: nil, ran: nil,
        reported: report.stolen, measured: nil, busy: report.busy)
    }
    for (guest, source, vcpus, sum) in sums {
      try writer.addStealSum(
        guest: guest, source: source, span: sum.span.map { ($0.from, $0.to) },
        samples: sum.samples, vcpus: vcpus, reported: sum.reported, measured: sum.measured,
        busy: sum.busy, tolerance: sum.tolerance)
    }
    for (guest, source, host, check) in checks {
      try writer.addRunCheck(
        guest: guest, source: source, host: host, events: check.events,
        violations: check.violations, expected: check.expected)
    }
  }
}
