internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// What the changes between each guest's phases come from. Only what changed is looked at: a capture with one phase costs
/// nothing.
struct CauseCorrelation: CorrelationPass {
  static let fills = ["hop_excess", "phase_candidate"]

  private var found: [(story: PhaseStory, parts: PhaseParts, causes: PhaseCauses)] = []

  /// Tools that record; that they ran is no cause of what they recorded.
  static let recorders = RecordingTool.names

  init(_ context: CorrelationContext) throws {
    let changed = context.stories.filter { $0.phases.contains { !$0.isBaseline } }
    guard !changed.isEmpty else { return }
    var measures = changed.map {
      PhaseMeasures(periods: PhasePeriods($0.phases), isOfHost: $0.population.side == .host)
    }
    let names = try Dictionary(
      uniqueKeysWithValues: context.tasks().map { ($0.task, (tid: Int64($0.tid), name: $0.name)) })
    var parts: [StoryParts?] = []
    for (place, story) in changed.enumerated() {
      Self.addArrivals(story, to: &measures[place])
      Self.addTasks(story, context, names, to: &measures[place])
      measures[place].limits = Self.limits(of: story, context, measures[place].periods)
      let devices =
        story.requests.map {
          Self.addSharers(of: $0, story, context, names, to: &measures[place])
        } ?? Self.addSharers(story, context, names, to: &measures[place])
      parts.append(StoryParts(story, context, devices))
    }
    for trace in context.threads.traces where trace.machine.layer == .host {
      try Self.addThreads(changed, context, trace, to: &measures, &parts)
    }
    for trace in context.threads.traces where trace.machine.layer == .guest {
      try Self.addOwnThreads(changed, context, trace, to: &measures)
    }
    for (place, story) in changed.enumerated() {
      let own = parts[place].map { PhaseParts($0.sums, story.excess) } ?? PhaseParts()
      found.append((story, own, PhaseCauses(measures[place], story.phases, story.excess, own)))
    }
  }

  // MARK: - The guest's own

  private static func addArrivals(_ story: PhaseStory, to measures: inout PhaseMeasures) {
    let periods = measures.periods
    var counts = [Double](repeating: 0, count: periods.count)
    var (bytes, waits, waited) = (counts, counts, counts)
    story.population.forEach { _, moment, io in
      guard let period = periods.period(at: moment) else { return }
      counts[period] += 1
      bytes[period] += 512 * Double(io.sectors)
      let own = [io.submitCPUWait, io.returnCPUWait].compactMap(\.nanoseconds)
      guard !own.isEmpty else { return }
      waited[period] += 1
      waits[period] += Double(own.saturatingSum(\.self))
    }
    measures.arrivals = periods.rates(counts)
    measures.bytes = periods.rates(bytes)
    if waited.contains(where: { $0 > 0 }) {
      measures.cpuWaits = zip(waits, counts).map { $1 > 0 ? $0 / $1 : 0 }
    }
  }

  /// The limits that the guest's disks reached: in which periods they were there for most of the time.
  private static func limits(
    of story: PhaseStory, _ context: CorrelationContext, _ periods: PhasePeriods
  ) -> [PhaseUser] {
    context.limits.filter { $0.guest == story.population.guest }.map { limit in
      var present = [Double](repeating: 0, count: periods.count)
      periods.forEachPart(Span(from: limit.range.lowerBound, to: limit.range.upperBound)) {
        present[$0] += Double($1)
      }
      let rates = periods.rates(present).map { $0 / 1e9 >= 0.5 ? limit.rate : 0 }
      return PhaseUser(
        name: limit.name, machine: nil, pid: nil, rates: rates,
        unit: limit.isBytes ? "bytes/s let through" : "requests/s let through", weights: rates)
    }
  }

  /// Who asked for something, by name.
  private struct Askers {
    struct Sum {
      var tids: Set<Int64> = []
      var requests: [Double]
      var weights: [Double]

      init(periods count: Int) {
        requests = [Double](repeating: 0, count: count)
        weights = requests
      }

      mutating func add(_ tid: Int64?, _ period: Int, _ weight: Double) {
        requests[period] += 1
        weights[period] += weight
        if let tid { tids.insert(tid) }
      }
    }

    let periods: PhasePeriods
    var sums: [String: Sum] = [:]

    mutating func add(_ name: String, _ tid: Int64?, at moment: Int64, weight: Double) {
      guard let period = periods.period(at: moment) else { return }
      let count = periods.count
      sums[name, default: Sum(periods: count)].add(tid, period, weight)
    }

    func users(_ machine: String?) -> [PhaseUser] {
      sums.sorted { $0.key < $1.key }.map { name, sum in
        PhaseUser(
          name: name.isEmpty ? nil : name, machine: machine,
          pid: sum.tids.count == 1 ? sum.tids.first : nil, rates: periods.rates(sum.requests),
          unit: "requests/s", weights: periods.rates(sum.weights))
      }
    }
  }

  private static func addTasks(
    _ story: PhaseStory, _ context: CorrelationContext,
    _ names: [Int32: (tid: Int64, name: String)], to measures: inout PhaseMeasures
  ) {
    var askers = Askers(periods: measures.periods)
    let guest = story.population.guest
    // The moments of its requests on the reference: their I/Os have them.
    let tasks = RequestTasks(context.guests.filter { $0.machine == guest }.map(\.rows))
    story.population.forEach { _, moment, io in
      guard let task = tasks.task(of: io.request), let own = names[task] else { return }
      askers.add(own.name, own.tid, at: moment, weight: 512 * Double(max(1, io.sectors)))
    }
    measures.tasks = askers.users(guest)
  }

  // MARK: - The devices

  /// Gives whose the requests on each of the devices are.
  private static func addSharers(
    _ story: PhaseStory, _ context: CorrelationContext,
    _ names: [Int32: (tid: Int64, name: String)], to measures: inout PhaseMeasures
  ) -> [StoryParts.Device] {
    let guest = story.population.guest
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    let disks = context.disks.filter { $0.verdict == .joined }
    var beside: [(stay: Span, period: Int)] = []
    var requests: [(user: String, request: BlockRequest)] = []
    var askers = Askers(periods: measures.periods)
    var machine: String?
    var devices: [StoryParts.Device] = []
    for host in context.hosts {
      let own = disks.filter { $0.device == host.stream && machines[$0.disk] == guest }
      // Who is not seen while the trace does not reach is not known to be away.
      let known = Span(from: host.first, to: host.last)
      guard !own.isEmpty, measures.periods.within(known) != nil else { continue }
      measures.isDeviceKnown = true
      machine = machines[host.stream]
      let owners = machine.map { context.threads.owners(on: $0) } ?? [:]
      let all = host.rows.filter { $0.sector >= 0 && $0.sectors > 0 && $0.completed.isSeen }
      // What is another guest's lies in its part of the device, or its thread is known.
      let others = GuestRegions(
        disks.filter { $0.device == host.stream && machines[$0.disk] != guest }, machines)
      let isForeign = DiskNeighbours.isForeign(all, own.flatMap(\.map.extents))
      let users = DeviceUsers(all) { place, request in
        guard isForeign[place] else { return .own }
        let asker = names[request.task]
        let owner = asker.flatMap { owners[$0.tid]?.guest } ?? others.owner(of: request.sector)
        if owner == guest { return .own }
        let name = owner ?? asker?.name ?? ""
        return recorders.contains(name) ? .recorder : .other(name, isGuest: owner != nil)
      }
      devices.append(StoryParts.Device(stream: host.stream, users: users))
      requests += add(users, names, to: &askers)
      for io in own.lazy.flatMap(\.ios) where io.isLeading {
        guard let start = io.reference.nanoseconds, let period = measures.periods.period(at: start),
          let from = io.times.begin(of: .hostScheduler, from: start),
          let to = io.times.end(of: .hardwareQueue, from: start), to >= from
        else { continue }
        beside.append((Span(from: from, to: to), period))
      }
    }
    measures.sharers = askers.users(machine)
    for (phase, own) in story.phases.enumerated() where !own.isBaseline {
      measures.behind[phase] = behind(
        phase, measures.periods.baseline, measures.sharers, requests, beside)
    }
    return devices
  }

  /// Adds what others than the guest asked of a device, and gives it.
  private static func add(
    _ users: DeviceUsers, _ names: [Int32: (tid: Int64, name: String)], to askers: inout Askers
  ) -> [(user: String, request: BlockRequest)] {
    var found: [(user: String, request: BlockRequest)] = []
    for (place, request) in zip(users.places, users.rows) {
      guard case .other(let name, let isGuest) = users.users[Int(place)],
        let moment = request.issued.nanoseconds
      else { continue }
      askers.add(
        name, isGuest ? nil : names[request.task]?.tid, at: moment,
        weight: Double(DiskNeighbours.deviceTime(request)))
      found.append((name, request))
    }
    return found
  }

  /// The same for a guest of which the host alone tells: its requests are those of its threads, and those of kernel
  /// threads are nobody's.
  private static func addSharers(
    of requests: HostRequests, _ story: PhaseStory, _ context: CorrelationContext,
    _ names: [Int32: (tid: Int64, name: String)], to measures: inout PhaseMeasures
  ) -> [StoryParts.Device] {
    var beside: [(stay: Span, period: Int)] = []
    story.population.forEach { _, moment, io in
      guard let period = measures.periods.period(at: moment),
        let time = io.times[.block].nanoseconds
      else { return }
      beside.append((Span(from: moment, to: Stamp.sum(moment, time)), period))
    }
    var found: [(user: String, request: BlockRequest)] = []
    var askers = Askers(periods: measures.periods)
    var machine: String?
    var devices: [StoryParts.Device] = []
    for host in context.hosts
    where requests.devices.contains(where: { $0.stream == host.stream }) {
      guard measures.periods.within(Span(from: host.first, to: host.last)) != nil,
        let name = context.streams.first(where: { $0.stream == host.stream })?.machine.name
      else { continue }
      measures.isDeviceKnown = true
      machine = name
      let owners = context.threads.owners(on: name)
      let all = host.rows.filter { $0.sector >= 0 && $0.sectors > 0 && $0.completed.isSeen }
      let users = DeviceUsers(all) { _, request in
        guard let asker = names[request.task], asker.tid > 0 else { return .kernel }
        let owner = owners[asker.tid]
        if owner?.guest == requests.guest { return .own }
        if owner?.role == .kernel { return .kernel }
        if recorders.contains(asker.name) { return .recorder }
        return .other(owner?.guest ?? asker.name, isGuest: owner?.guest != nil)
      }
      devices.append(StoryParts.Device(stream: host.stream, users: users))
      found += add(users, names, to: &askers)
    }
    measures.sharers = askers.users(machine)
    for (phase, own) in story.phases.enumerated() where !own.isBaseline {
      measures.behind[phase] = behind(
        phase, measures.periods.baseline, measures.sharers, found, beside)
    }
    return devices
  }

  /// The parts of a device that are guests', by their first sectors.
  private struct GuestRegions {
    private let parts: [(from: Int64, to: Int64, guest: String)]

    init(_ disks: [DiskJoin], _ machines: [Int32: String]) {
      parts = disks.flatMap { disk in
        disk.map.extents.compactMap { extent in
          machines[disk.disk].map { (extent.hostSector, extent.hostSector + extent.sectors, $0) }
        }
      }.sorted { $0.0 < $1.0 }
    }

    func owner(of sector: Int64) -> String? {
      let next = parts.partitioningIndex { $0.from > sector }
      guard next > 0, sector < parts[next - 1].to else { return nil }
      return parts[next - 1].guest
    }
  }

  /// By how much the I/Os beside requests of those who grew are the cause of the longer stays on the host, ns for each
  /// I/O; negative where they shrank. 0 without any.
  private static func behind(
    _ phase: Int, _ baseline: Int, _ sharers: [PhaseUser],
    _ requests: [(user: String, request: BlockRequest)], _ stays: [(stay: Span, period: Int)]
  ) -> Double {
    func mean(_ spans: [Span]) -> Double? {
      spans.isEmpty ? nil : spans.reduce(0) { $0 + Double($1.to - $1.from) } / Double(spans.count)
    }
    let own = [baseline, phase].map { period in stays.filter { $0.period == period }.map(\.stay) }
    guard let before = mean(own[0]), let after = mean(own[1]) else { return 0 }
    let isWorse = after > before
    let (worse, better) = isWorse ? (phase, baseline) : (baseline, phase)
    let grown = Set(
      sharers.filter { $0.weights[worse] > 1.25 * $0.weights[better] && $0.weights[worse] > 1e6 }
        .map { $0.name ?? "" })
    let busy = DiskNeighbours.busy(requests.filter { grown.contains($0.user) }.map(\.request))
    guard !busy.isEmpty else { return 0 }
    let met = own[isWorse ? 1 : 0]
    let alone = met.filter { !DiskNeighbours.overlaps($0, busy) }
    // Too few that met none say nothing: what they were before the change stands for them.
    let free = alone.count >= 30 ? max(mean(alone) ?? 0, min(before, after)) : min(before, after)
    let part = max(0, max(before, after) - free)
    return isWorse ? part : -part
  }

  // MARK: - The CPUs

  /// What one guest's threads did in a host's trace, and what others did meanwhile.
  private struct Sums {
    /// What a thread does for the guest.
    enum Part: Sendable { case vcpu, worker, vhost }

    /// The story's place.
    let place: Int
    let periods: PhasePeriods
    let parts: [Int64: Part]
    var ran: [Double]
    var served: [Double]
    /// On a CPU for its packets.
    var packets: [Double]
    var nodes: [[Double]]
    private var places: ThreadPlaces
    /// By thread: its part, and ns on a CPU by period.
    private var threads: [(part: Part?, runs: [Double])] = []

    init(
      place: Int, _ periods: PhasePeriods, _ parts: [Int64: Part], nodes count: Int,
      _ numbers: some Sequence<Int64>
    ) {
      (self.place, self.periods, self.parts) = (place, periods, parts)
      ran = [Double](repeating: 0, count: periods.count)
      (served, packets) = (ran, ran)
      nodes = Array(repeating: [Double](repeating: 0, count: count), count: periods.count)
      places = ThreadPlaces(numbers)
    }

    var vcpus: Set<Int64> { Set(parts.lazy.filter { $0.value == .vcpu }.map(\.key)) }

    /// How long a thread was on a CPU, by period, ns.
    func runs(_ thread: Int64) -> [Double]? { places.known(thread).map { threads[$0].runs } }

    mutating func add(_ slice: ThreadSlice, _ stay: Span, node: Int?) {
      let place = places.place(of: slice.thread)
      if place == threads.count {
        threads.append(
          (parts[slice.thread], [Double](repeating: 0, count: periods.count)))
      }
      let part = threads[place].part
      periods.forEachPart(stay) { period, time in
        threads[place].runs[period] += Double(time)
        switch part {
        case .vcpu: ran[period] += Double(time)
        case .worker: served[period] += Double(time)
        case .vhost: packets[period] += Double(time)
        case nil: return
        }
        if let node { nodes[period][node] += Double(time) }
      }
    }
  }

  /// What the guests' threads waited for, by story and period.
  private final class Occupants {
    private let sides: [(victims: Set<Int64>, periods: PhasePeriods)]
    private let clock: SchedulerClock
    /// The stories of a pair's victim, each with the pair's place in ``waits``.
    private var known = Culprits.PairMemo<[(story: Int, place: Int)]>()
    /// By story, for each pair and period, ns.
    private(set) var waits: [[(pair: Culprits.Pair, parts: [Int64])]]

    init(_ sums: [Sums], _ clock: SchedulerClock) {
      sides = sums.map { (Set($0.parts.keys), $0.periods) }
      self.clock = clock
      waits = sums.map { _ in [] }
    }

    private func begin(_ pair: Culprits.Pair) -> [(story: Int, place: Int)] {
      guard pair.occupant != .unseen else { return [] }
      var found: [(story: Int, place: Int)] = []
      for (story, side) in sides.enumerated() where side.victims.contains(pair.victim) {
        found.append((story, waits[story].count))
        waits[story].append((pair, [Int64](repeating: 0, count: side.periods.count)))
      }
      return found
    }

    func add(_ part: Culprits.Part) {
      let own = Span(
        from: clock.reference(part.span.from), to: clock.reference(part.span.to))
      for (story, place) in known.value(of: part, begin) {
        sides[story].periods.forEachPart(own) { period, length in
          waits[story][place].parts[period].add(saturating: length)
        }
      }
    }
  }

  /// Reads a host's trace once for all guests that have changes.
  private static func addThreads(
    _ stories: [PhaseStory], _ context: CorrelationContext, _ trace: ThreadFindings.Trace,
    to measures: inout [PhaseMeasures], _ parts: inout [StoryParts?]
  ) throws {
    let owners = context.threads.owners
    let nodeOf = try context.file.cpuNodes(of: trace.machine.name)
    let places = Set(nodeOf.values).sorted()
    let nodePlaces = nodeOf.compactMapValues(places.firstIndex(of:))
    var sums: [Sums] = []
    for (place, story) in stories.enumerated() {
      guard let side = GuestThreads(of: story.population.guest, trace, owners) else { continue }
      guard let periods = measures[place].periods.withinFromFirst(side.span) else { continue }
      var own: [Int64: Sums.Part] = [:]
      for thread in side.numbers.workers.values {
        own[thread] = owners[thread]?.role == .vhost ? .vhost : .worker
      }
      for thread in side.numbers.vcpus.values { own[thread] = .vcpu }
      sums.append(
        Sums(place: place, periods, own, nodes: places.count, trace.threads.keys))
    }
    let told = zip(stories, parts).map { story, parts in
      parts != nil && story.population.side == .guest ? story.population.guest : nil
    }
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    let storyOf = context.disks.map { disk in
      machines[disk.disk].flatMap { told.firstIndex(of: $0) }
    }
    // What is asked of all guests takes the same reading.
    let all = context.virtioSums()
    let isFirst = all.traces.insert(trace.source).inserted
    let halves = try GuestHalves(
      of: told.compactMap(\.self) + (isFirst ? all.guests : []), context, trace)
    guard let clock = trace.clock, !sums.isEmpty || !halves.isEmpty else { return }
    let occupants = Occupants(sums, clock)
    try halves.read(
      context.file, trace, besides: sums.reduce(into: []) { $0.formUnion($1.parts.keys) },
      part: occupants.add
    ) { slice in
      guard let stay = slice.stay(on: clock) else { return }
      let node = nodePlaces[Int64(slice.cpu)]
      for place in sums.indices { sums[place].add(slice, stay, node: node) }
    } _: { half, part, time, io, disk in
      if isFirst { all.add(half, part, time, io, disk) }
      if let story = storyOf[disk] { parts[story]?.add(half, part, time, io, disk) }
    }
    for (own, waits) in zip(sums, occupants.waits) {
      add(own, waits, trace, owners, to: &measures[own.place])
    }
  }

  /// The guest's own trace tells which of its threads were on its CPUs.
  private static func addOwnThreads(
    _ stories: [PhaseStory], _ context: CorrelationContext, _ trace: ThreadFindings.Trace,
    to measures: inout [PhaseMeasures]
  ) throws {
    let places = stories.indices.filter { stories[$0].population.guest == trace.machine.name }
    guard let place = places.first,
      let clock = trace.clock.map({ own in
        context.clocks.first { $0.source == trace.block && $0.segment == 0 }
          .map { own.followed(by: $0.clock) } ?? own
      }),
      let periods = measures[place].periods.within(
        Span(from: clock.reference(trace.span.from), to: clock.reference(trace.span.to)))
    else { return }
    var sums: [String: (tids: Set<Int64>, runs: [Double])] = [:]
    let none = [Double](repeating: 0, count: periods.count)
    try context.file.forEachSlice(of: trace.source) { slice in
      guard slice.run != .min, slice.run > 0, let thread = trace.threads[slice.thread],
        thread.segment == 0, thread.tid > 0, !recorders.contains(thread.name)
      else { return }
      let span = Span(
        from: clock.reference(slice.began), to: clock.reference(slice.began + slice.run))
      periods.forEachPart(span) { period, part in
        sums[thread.name, default: ([], none)].runs[period] += Double(part)
        sums[thread.name]?.tids.insert(thread.tid)
      }
    }
    measures[place].ownThreads = sums.sorted { $0.key < $1.key }.map { name, sum in
      PhaseUser(
        name: name, machine: trace.machine.name, pid: sum.tids.count == 1 ? sum.tids.first : nil,
        rates: periods.rates(sum.runs).map { $0 / 1e9 }, unit: "CPUs",
        weights: periods.rates(sum.runs))
    }
  }

  private struct OccupantKey: Hashable {
    let kind: CauseKind
    let name: String
  }

  private static func add(
    _ sums: Sums, _ waits: [(pair: Culprits.Pair, parts: [Int64])],
    _ trace: ThreadFindings.Trace, _ owners: [Int64: ThreadOwners.Owner],
    to measures: inout PhaseMeasures
  ) {
    let periods = sums.periods
    let none = [Double](repeating: 0, count: periods.count)
    var waited = none
    var found: [OccupantKey: (threads: Set<Int64>, weights: [Double])] = [:]
    for (pair, parts) in waits {
      let own = CulpritClass(
        pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
        isThrottled: trace.throttling.holds(pair.victim, owners: owners))
      let key = key(own, pair, trace, owners)
      for (period, wait) in parts.enumerated() where wait > 0 {
        waited[period] += Double(wait)
        guard let key else { continue }
        found[key, default: ([], none)].weights[period] += Double(wait)
        if pair.occupant == .thread { found[key]?.threads.insert(pair.culprit) }
      }
    }
    for (key, sum) in found.sorted(by: {
      ($0.key.kind.rawValue, $0.key.name) < ($1.key.kind.rawValue, $1.key.name)
    }) {
      var used = none
      for thread in sum.threads {
        for (period, part) in (sums.runs(thread) ?? none).enumerated() { used[period] += part }
      }
      let tids = Set(sum.threads.compactMap { trace.threads[$0]?.tid })
      measures.occupants.append(
        (
          key.kind,
          PhaseUser(
            name: key.name.isEmpty ? nil : key.name, machine: trace.machine.name,
            pid: key.kind == .cpuNeighbour && tids.count == 1 ? tids.first : nil,
            rates: periods.rates(used).map { $0 / 1e9 }, unit: "CPUs",
            weights: periods.rates(sum.weights))
        ))
    }
    measures.threadWaits = periods.rates(waited)
    measures.ran = periods.rates(sums.ran)
    var arrivals = measures.arrivals
    if let standIn = periods.standIn {
      measures.standIn = standIn
      arrivals[periods.baseline] = arrivals[standIn]
      if !measures.cpuWaits.isEmpty {
        measures.cpuWaits[periods.baseline] = measures.cpuWaits[standIn]
      }
    }
    measures.served = zip(periods.rates(sums.served), arrivals).map { $1 > 0 ? $0 / $1 : 0 }
    if sums.nodes.contains(where: { $0.count > 1 }) {
      measures.nodes = sums.nodes.map { own in
        let all = own.reduce(0, +)
        return own.map { all > 0 ? $0 / all : 0 }
      }
    }
    func threads(_ part: Sums.Part) -> [TracedThreadRow] {
      sums.parts.filter { $0.value == part }.keys.sorted().compactMap { trace.threads[$0] }
    }
    let vhosts = threads(.vhost)
    if let vhost = vhosts.max(by: { $0.run < $1.run }) {
      measures.network = PhaseUser(
        name: vhost.name, machine: trace.machine.name, pid: vhosts.count == 1 ? vhost.tid : nil,
        rates: periods.rates(sums.packets).map { $0 / 1e9 }, unit: "CPUs", weights: none)
    }
    if let server = threads(.worker).max(by: { $0.run < $1.run }) {
      measures.server = PhaseUser(
        name: server.name, machine: trace.machine.name, pid: server.tid,
        rates: periods.rates(sums.runs(server.id) ?? none).map { $0 / 1e9 }, unit: "CPUs",
        weights: none)
    }
  }

  private static func key(
    _ kind: CulpritClass, _ pair: Culprits.Pair, _ trace: ThreadFindings.Trace,
    _ owners: [Int64: ThreadOwners.Owner]
  ) -> OccupantKey? {
    let name = trace.threads[pair.culprit]?.name ?? ""
    switch kind {
    case .host:
      return recorders.contains(name) ? nil : OccupantKey(kind: .cpuNeighbour, name: name)
    case .guest:
      return OccupantKey(kind: .cpuNeighbour, name: owners[pair.culprit]?.guest ?? name)
    case .sibling:
      return OccupantKey(kind: .ownCPU, name: owners[pair.victim]?.guest ?? "")
    case .throttled: return OccupantKey(kind: .throttle, name: "")
    case .kernel, .unknown: return nil
    }
  }

  // MARK: - Rows

  /// When a user of a CPU or device that was not there in the baseline came: with the first of the phases up to this one
  /// in which it was there.
  private static func begin(of row: PhaseCauses.Row, _ story: PhaseStory) -> Int64 {
    var place = row.phase
    while place > 0, !story.phases[place - 1].isBaseline, let rates = row.user?.rates,
      rates[place - 1] >= PhaseCauses.leastThere * rates[row.phase]
    {
      place -= 1
    }
    return story.phases[place].range.lowerBound
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for (story, parts, causes) in found {
      let guest = story.population.guest
      for row in parts.rows {
        try PhaseCorrelation.add(row.hop, part: row, of: story.population, to: writer)
      }
      let baseline = story.phases.count
      var ranks: [Int: Int64] = [:]
      for row in causes.rows {
        ranks[row.phase, default: 0] += 1
        let phase = story.phases[row.phase]
        try writer.add(
          to: "phase_candidate",
          [
            "guest": .text(guest), "device": .null, "phase": .integer(Int64(row.phase)),
            "rank": .integer(ranks[row.phase] ?? 0), "kind": .text(row.kind.rawValue),
            "name": StoredValue(row.user?.name), "machine": StoredValue(row.user?.machine),
            "pid": StoredValue(row.user?.pid),
            "began_ns": StoredValue(row.began ? Self.begin(of: row, story) : nil),
            "ended_ns": StoredValue(
              row.began && row.phase + 1 < story.phases.count ? phase.range.upperBound : nil),
            "rate_before": StoredValue(row.user?.rates[baseline]),
            "rate_after": StoredValue(row.user?.rates[row.phase]),
            "rate_unit": StoredValue(row.user?.unit),
            "explains_ns": StoredValue(row.isPerIO ? Int64(row.explains.rounded()) : nil),
            "share": StoredValue(row.share),
            "confidence": .text(row.confidence.name), "because": .text(row.because),
            "evidence_sql": .text(
              "SELECT * FROM excess WHERE guest = \(Evidence.literal(guest)) AND phase = \(row.phase)"
                + " AND device IS NULL AND op = 'all'"),
          ])
      }
    }
  }
}
