internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the guests' vCPUs waited for, second by second and I/O by I/O, beside what the guests themselves say.
struct GuestCPUCorrelation: CorrelationPass {
  static let fills = ["clock_relation", "steal_second", "steal_sum", "vcpu_check_sum"]

  private var seconds: [(guest: String, vcpus: Int?, row: StealSeconds.Row)] = []
  /// What guests said at times that no clock places on the reference; `wall` is nil without dates.
  private var unplaced: [(guest: String, vcpus: Int?, wall: Int64?, report: CPUReportRow)] = []
  private var checks: [(guest: String, source: Int64, host: Int64, check: RunCheck)] = []
  private var sums: [(guest: String, source: Int64, vcpus: Int, sum: StealSum)] = []
  private var wallClocks: WallClocks?

  /// A guest's threads in one trace, and what they did in each second of it.
  private struct Side {
    let threads: GuestThreads
    var seconds: StealSeconds.Sums
  }

  /// By guest.
  private var sides: [String: [Side]] = [:]
  /// The waits of all threads of each guest over time.
  private var waits: [String: PhaseAmounts.Sum] = [:]
  /// The waits of each guest's vCPUs over time, where there is a series of its own to lay over them.
  private var curves: [String: GrowthCurve.Sum] = [:]

  init(_ context: CorrelationContext) throws {
    let named = Set(context.threads.owners.values.compactMap(\.guest))
    let guests = Set(try context.machineNames(.guest)).union(named).sorted()
    for guest in guests {
      sides[guest] = context.threads.traces.compactMap { trace in
        GuestThreads(of: guest, trace, context.threads.owners).map {
          Side(threads: $0, seconds: StealSeconds.Sums($0.span))
        }
      }
    }
    for (guest, own) in sides {
      guard let span = Self.span(own) else { continue }
      waits[guest] = PhaseAmounts.Sum(within: span)
    }
    for machine in Set(try context.wallSources().map(\.machine)) {
      guard let span = sides[machine].flatMap(Self.span) else { continue }
      curves[machine] = GrowthCurve.Sum(within: span)
    }
    try lay(context)
    context.waits = waits.mapValues { $0.amounts("waits for a CPU") }
    try relateWallClocks(context, guests)
    for guest in guests { try addSeconds(context, guest) }
    for (guest, own) in Dictionary(grouping: seconds, by: \.guest) {
      context.stolen[guest] = StolenTime(
        own.compactMap { _, vcpus, row in
          guard let vcpus, let share = row.reported else { return nil }
          return (
            Span(from: row.at, to: Stamp.sum(row.at, 1_000_000_000)),
            share / 100 * 1e9 * Double(vcpus)
          )
        })
    }
    try addSums(context, guests)
  }

  /// From the first trace's begin to the last one's end.
  private static func span(_ sides: [Side]) -> Span? {
    let spans = sides.map(\.threads.span)
    guard let from = spans.map(\.from).min(), let to = spans.map(\.to).max() else { return nil }
    return Span(from: from, to: to)
  }

  // MARK: - The hosts' traces

  /// Reads each host's scheduler trace once, from its end to its begin, and lays it over all that it tells of.
  private mutating func lay(_ context: CorrelationContext) throws {
    let (streams, clocks) = (context.devices, context.clocks)
    let places = Dictionary(
      uniqueKeysWithValues: streams.enumerated().map { ($1.stream.stream, $0) })
    var sums: [String: (source: Int64, host: Int64, check: RunCheck)] = [:]
    for trace in context.threads.traces {
      let guests = sides.compactMap { guest, own in
        own.firstIndex { $0.threads.source == trace.source }.map { (guest: guest, place: $0) }
      }.sorted { $0.guest < $1.guest }
      guard !guests.isEmpty, let clock = trace.clock else { continue }
      var overlays: [DiskOverlay] = []
      var checks: [(guest: String, source: Int64, check: RunCheck)] = []
      for disk in context.disks.indices where context.disks[disk].verdict == .joined {
        guard let entry = places[context.disks[disk].disk].map({ streams[$0] }),
          let own = guests.first(where: { $0.guest == entry.stream.machine.name }),
          let side = sides[own.guest]?[own.place].threads,
          let clock = clocks.first(where: {
            $0.source == entry.stream.source && $0.segment == entry.stream.segment
          })?.clock,
          let halves = try context.halves(of: disk)
        else { continue }
        overlays.append(
          DiskOverlay(
            disk: disk, &context.disks[disk].ios, halves,
            WaitOverlay(side.numbers, known: side.span)))
        checks.append((own.guest, entry.stream.source, Self.check(entry.rows, clock, side)))
      }
      try walk(context.file, trace, clock, guests) { window in
        for place in overlays.indices {
          overlays[place].add(window, to: &context.disks[overlays[place].disk].ios)
        }
        for place in checks.indices { checks[place].check.check(window) }
      }
      for (guest, source, check) in checks {
        guard let sum = sums[guest] else {
          sums[guest] = (source, trace.source, check)
          continue
        }
        sums[guest] = (sum.source, sum.host, sum.check + check)
      }
    }
    for (guest, sum) in sums.sorted(by: { $0.key < $1.key }) where sum.check.events > 0 {
      checks.append((guest, sum.source, sum.host, sum.check))
    }
  }

  private mutating func walk(
    _ file: IncidentFile, _ trace: ThreadFindings.Trace, _ clock: SchedulerClock,
    _ guests: [(guest: String, place: Int)], _ visit: (TimelineWindows.Window) -> Void
  ) throws {
    var windows = TimelineWindows()
    var sums = guests.compactMap { guest, place in
      sides[guest].map { own in
        let numbers = own[place].threads.numbers
        return GuestSums(
          guest: guest, place: place, vcpus: numbers.vcpus.values.sorted(),
          threads: Set(numbers.vcpus.values).union(numbers.workers.values).sorted(),
          seconds: own[place].seconds, waits: waits.removeValue(forKey: guest),
          curve: curves.removeValue(forKey: guest))
      }
    }
    let wanted = ThreadPlaces(of: trace.extents.keys)
    try file.forEachTimeBackwards(of: trace.source, threads: wanted.contains) { slice in
      windows.add(
        slice.thread, run: slice.stay(on: clock), wait: slice.waitSpan(on: clock))
    } limit: { limit in
      guard let window = windows.window(downTo: limit.map(clock.reference) ?? .min) else { return }
      for guest in sums.indices { sums[guest].add(window) }
      visit(window)
    }
    for own in sums {
      sides[own.guest]?[own.place].seconds = own.seconds
      waits[own.guest] = own.waits
      curves[own.guest] = own.curve
    }
  }

  /// What one guest's threads did, while a trace is read.
  private struct GuestSums {
    let guest: String
    let place: Int
    let vcpus: [Int64]
    let threads: [Int64]
    var seconds: StealSeconds.Sums
    var waits: PhaseAmounts.Sum?
    var curve: GrowthCurve.Sum?

    mutating func add(_ window: TimelineWindows.Window) {
      for number in vcpus {
        guard let timeline = window.timelines[number] else { continue }
        seconds.add(timeline)
        for wait in timeline.waits { curve?.add(wait) }
      }
      for number in threads {
        for wait in window.timelines[number]?.waits ?? [] { waits?.add(wait) }
      }
    }
  }

  private static func check(
    _ rows: BlockRequests, _ clock: GuestClock, _ side: GuestThreads
  ) -> RunCheck {
    var moments: [(at: Int64, error: Int64, thread: Int64)] = []
    func add(_ stamp: Stamp, _ cpu: Int32) {
      guard let thread = side.numbers.vcpus[Int64(cpu)], let at = stamp.nanoseconds else { return }
      moments.append((clock.reference(at), clock.error(at: at) + side.error, thread))
    }
    for row in rows where !row.traits.contains(.acrossStep) {
      add(row.issued, row.issuedCPU)
      add(row.completed, row.completedCPU)
    }
    return RunCheck(moments, side.extents, clock: side.clock)
  }

  // MARK: - Wall clocks

  private mutating func relateWallClocks(_ context: CorrelationContext, _ guests: [String]) throws {
    let (streams, clocks, traces) = (context.devices, context.clocks, context.threads.traces)
    let hosts = Set(
      streams.filter { $0.stream.machine.layer == .host }.map(\.stream.machine.name))
    let reference =
      clocks.first?.reference
      ?? traces.first { $0.machine.layer == .host && $0.block != nil }?.block
      ?? streams.first { $0.stream.machine.layer == .host }?.stream.source
      ?? traces.first { $0.machine.layer == .host }?.source
      ?? streams.first?.stream.source
    guard let reference else { return }
    let isHostless =
      hosts.isEmpty && !traces.contains { $0.machine.layer == .host }
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
      if let curve = curves[name]?.curve {
        machine.waits = (curve, try vcpus(context, name) ?? 1)
      }
      machines.append(machine)
    }
    wallClocks = try WallClocks(context, machines, reference: reference)
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
  private func vcpus(_ context: CorrelationContext, _ guest: String) throws -> Int? {
    let traced = sides[guest]?.map(\.threads.numbers.vcpus.count).max()
    let listed = try context.cpuCount(of: guest)
    return [traced, listed].compactMap(\.self).max()
  }

  // MARK: - Seconds

  private mutating func addSeconds(_ context: CorrelationContext, _ guest: String) throws {
    let vcpus = try vcpus(context, guest)
    let own = sides[guest] ?? []
    let all =
      try [context.vmstatReports(of: guest), context.procStatReports(of: guest)]
      + CPUShareTool.allCases.map { try context.file.reports(of: guest, by: $0) }
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
    // vmstat samples every second; /proc/stat mostly not.
    let reports = all.map(joined).first { !$0.isEmpty } ?? []
    var rows: [Int64: StealSeconds.Row] = [:]
    let parts: [Side?] = own.isEmpty ? [nil] : own
    for side in parts {
      for row in StealSeconds.rows(
        side?.seconds, trace: side?.threads.span, vcpus: vcpus ?? 1, reports: reports)
      where row.covered ?? 0 >= rows[row.at]?.covered ?? 0 { rows[row.at] = row }
    }
    for row in rows.values.sorted(by: { $0.at < $1.at }) {
      seconds.append((guest, vcpus, row))
    }
    guard reports.isEmpty, own.isEmpty else { return }
    // Nothing to lay them on: the guest's own wall clock.
    if let dated = all.first(where: { $0.contains { $0.stolen != nil } }) {
      unplaced += dated.map { (guest, vcpus, $0.from, $0) }
    } else {
      unplaced += try context.file.undatedReports(of: guest).map { (guest, vcpus, nil, $0) }
    }
  }

  /// A wall clock that is less sure says nothing about a second.
  private static let mostError: Int64 = 600_000_000

  // MARK: - Sums

  /// The guests' accounts of the whole beside the hosts' longest traces of them.
  private mutating func addSums(_ context: CorrelationContext, _ guests: [String]) throws {
    var placed: [Int64: [Int]] = [:]
    for guest in guests {
      guard let vcpus = try vcpus(context, guest),
        let side = sides[guest]?.max(by: {
          $0.threads.span.to - $0.threads.span.from < $1.threads.span.to - $1.threads.span.from
        })
      else { continue }
      var reports = try context.vmstatReports(of: guest) + context.procStatReports(of: guest)
      for tool in CPUShareTool.allCases where !reports.contains(where: { $0.stolen != nil }) {
        reports = try context.file.reports(of: guest, by: tool)
      }
      if !reports.contains(where: { $0.stolen != nil }) {
        reports = try context.file.undatedReports(of: guest)
      }
      let accounts = Dictionary(grouping: reports, by: \.source).sorted { $0.key < $1.key }.map {
        source, own in (source, own.compactMap { account($0) })
      }
      let readings =
        accounts.filter { source, own in
          wallClocks?.relations[source] != nil && own.contains { $0.counted != nil }
        }.max { $0.1.count < $1.1.count }?.1 ?? []
      for (source, own) in accounts {
        let sum = wallClocks?.relations[source].flatMap {
          StealSum(
            own, trace: side.threads.span, vcpus: vcpus, counted: readings,
            StealSum.Doubts(
              rounding: own.contains { $0.counted == nil } ? 0.5 : 0, error: $0.error,
              kernel: side.threads.kernelDifference ?? StealSum.Doubts.usualKernel))
        }
        if let sum {
          placed[side.threads.source, default: []].append(sums.count)
          sums.append((guest, source, vcpus, sum))
        } else if let sum = StealSum(
          unplaced: own, trace: side.threads.span, vcpus: vcpus, waited: side.seconds.allWaits)
        {
          sums.append((guest, source, vcpus, sum))
        }
      }
    }
    for (source, places) in placed.sorted(by: { $0.key < $1.key }) {
      try addWaits(context.file, of: source, to: places)
    }
  }

  private func account(_ report: CPUReportRow) -> StealSum.Account? {
    guard let stolen = report.stolen else { return nil }
    let offset = wallClocks?.relations[report.source]?.offset ?? 0
    return StealSum.Account(
      span: Span(from: report.from + offset, to: report.to + offset), stolen: stolen,
      busy: report.busy, counted: report.counted.map(Double.init),
      late: report.late)
  }

  /// Another pass through a trace, now that it is known when its guests were read.
  private mutating func addWaits(
    _ file: IncidentFile, of source: Int64, to places: [Int]
  ) throws {
    var wanted: [Int64: [Int]] = [:]
    var clock = SchedulerClock.own
    for place in places {
      guard let own = sides[sums[place].guest]?.first(where: { $0.threads.source == source })
      else { continue }
      clock = own.threads.clock
      for number in own.threads.numbers.vcpus.values { wanted[number, default: []].append(place) }
    }
    try file.forEachSlice(of: source) { slice in
      guard let places = wanted[slice.thread], let wait = slice.waitSpan(on: clock) else { return }
      for place in places { sums[place].sum.add(wait) }
    }
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    try wallClocks?.write(to: writer)
    for (guest, vcpus, row) in seconds {
      try writer.addStealSecond(
        guest: guest, at: row.at, wall: nil, vcpus: vcpus, covered: row.covered,
        waited: row.waited, ran: row.ran, reported: row.reported, measured: row.measured,
        busy: row.busy)
    }
    for (guest, vcpus, wall, report) in unplaced {
      try writer.addStealSecond(
        guest: guest, at: nil, wall: wall, vcpus: vcpus, covered: nil, waited: nil, ran: nil,
        reported: report.stolen, measured: nil, busy: report.busy)
    }
    for (guest, source, vcpus, sum) in sums {
      try writer.addStealSum(
        guest: guest, source: source, span: sum.span.map { ($0.from, $0.to) },
        samples: sum.samples, vcpus: vcpus, reported: sum.reported, counted: sum.counted,
        measured: sum.measured, busy: sum.busy, tolerance: sum.tolerance, agrees: sum.agrees)
    }
    for (guest, source, host, check) in checks {
      try writer.addRunCheck(
        guest: guest, source: source, host: host, events: check.events,
        violations: check.violations, expected: check.expected)
    }
  }
}
