internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Whose threads there are in scheduler traces, and what else other passes need of the traces.
struct ThreadFindings {
  /// A scheduler trace.
  struct Trace {
    let source: Int64
    let machine: Machine
    /// Its first to its last event, own ns.
    let span: Span
    /// Of the guests' threads, by the thread's number.
    let extents: [Int64: ThreadExtent]
    let threads: [Int64: TracedThreadRow]
    /// On which CPUs each of its threads ran.
    let cpus: [Int64: CPUSet]
    /// How its times become those of the block trace of its machine; nil where nothing tells.
    let clock: SchedulerClock?
    /// That block trace.
    let block: Int64?
    /// Who was on the CPU while others waited for it, over the whole trace.
    let blame: [Blame]
    /// Who was held back by a quota.
    let throttling: Throttling
    /// When no thread got or left a CPU or was woken, own ns.
    let silence: Silences
    /// By guest: when its vCPUs neither ran nor waited for a CPU, own ns.
    let silences: [String: Silences]
  }

  typealias Blame = (pair: Culprits.Pair, kind: CulpritClass, wait: Int64)

  /// On which nodes the guests' threads of a host's trace ran.
  struct PlacedTrace {
    let machine: String
    /// All nodes of the host.
    let nodes: Set<Int64>
    let placement: NodePlacement
  }

  var owners: [Int64: ThreadOwners.Owner] = [:]
  var traces: [Trace] = []
  /// Of hosts of which a file lists the nodes of the CPUs.
  var placed: [PlacedTrace] = []
  /// By host: the guests that may run there.
  var hosted: [String: [String]] = [:]

  /// Thread ids that work for a guest, by the host whose they are.
  var guestThreads: [String: Set<Int64>] {
    var threads: [String: Set<Int64>] = [:]
    for trace in traces where trace.machine.layer == .host {
      for (number, thread) in trace.threads where owners[number]?.guest != nil {
        threads[trace.machine.name, default: []].insert(thread.tid)
      }
    }
    return threads
  }

  /// By thread id: whose the threads of a machine are. Of several that had one number, one that works for a guest.
  func owners(on machine: String) -> [Int64: ThreadOwners.Owner] {
    var found: [Int64: ThreadOwners.Owner] = [:]
    for trace in traces where trace.machine.name == machine {
      for (number, thread) in trace.threads.sorted(by: { $0.key < $1.key }) {
        guard let owner = owners[number] else { continue }
        if owner.guest != nil || found[thread.tid] == nil { found[thread.tid] = owner }
      }
    }
    return found
  }

  /// The guests that may run on a machine; what runs in a guest works for no other guest.
  func guests(on machine: String) -> [String] { hosted[machine] ?? [] }
}

/// Whose threads they are, who was on the CPU while they waited, and when the guests' threads ran and waited.
struct SchedulingCorrelation: CorrelationPass {
  static let fills = ["clock_relation", "culprit_sum", "machine_clock", "thread_owner"]

  init(_ context: CorrelationContext) throws {
    let hosts = try context.machineNames(.host)
    let guests = try context.machineNames(.guest)
    let placed = Self.placedGuests(context)
    // A guest of one of several hosts is on the one where its disk is.
    context.threads.hosted = Dictionary(
      uniqueKeysWithValues: hosts.map { host in
        (host, hosts.count == 1 ? guests : guests.filter { placed[host]?.contains($0) ?? false })
      })
    let threads = try context.tracedThreads()
    guard !threads.isEmpty else { return }
    try findOwners(context, threads)
    var serving: [String: Set<Int64>] = [:]
    for thread in threads where context.threads.owners[thread.id]?.guest != nil {
      serving[thread.machine.name, default: []].insert(thread.tid)
    }
    let blocks = BlockMoments(
      context.devices, reference: context.clocks.first?.reference, tids: try context.tids(),
      serving: serving)
    for (source, own) in Dictionary(grouping: threads, by: \.source).sorted(by: { $0.key < $1.key })
    {
      try add(context, source, own, blocks)
    }
  }

  /// By host: the guests whose disks lie on its devices.
  private static func placedGuests(_ context: CorrelationContext) -> [String: Set<String>] {
    let machines = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, $0.machine.name) })
    var placed: [String: Set<String>] = [:]
    for disk in context.disks where disk.verdict == .joined {
      guard let guest = machines[disk.disk], let host = disk.device.flatMap({ machines[$0] })
      else { continue }
      placed[host, default: []].insert(guest)
    }
    return placed
  }

  // MARK: - Owners

  private func findOwners(_ context: CorrelationContext, _ threads: [TracedThreadRow]) throws {
    let guests = try context.machineNames(.guest)
    let facts = Dictionary(grouping: try context.threadFacts(), by: \.machine)
    for (machine, own) in Dictionary(grouping: threads, by: \.machine) {
      let found = ThreadOwners(
        own.map {
          ThreadOwners.Traced(
            id: $0.id, tid: $0.tid, process: $0.process, name: $0.name, run: $0.run)
        },
        facts: (facts[machine.name] ?? []).map { ThreadOwners.Fact($0, guests: guests) },
        named: try context.guestsByProcess(of: machine.name),
        guests: context.threads.guests(on: machine.name))
      context.threads.owners.merge(found.owners) { _, new in new }
    }
  }

  // MARK: - Slices

  /// All that wants to see each slice of a trace, so that it is unpacked once for all of them.
  private struct Observers {
    var culprits: Culprits
    var placement: NodePlacement?
    /// Of a host: of all threads, and of the vCPUs of each guest.
    var silence = Silences()
    private(set) var silences: [Silences]

    private let places: ThreadPlaces
    /// By the thread's place.
    private var watched: [Watched]

    /// What is wanted of a thread.
    private struct Watched {
      /// 0 but for a thread that does not belong to the first stretch of the trace.
      let segment: Int32
      /// The place among ``silences`` of the guest whose vCPU it is.
      let guest: Int?
      var extent: ThreadExtent?
      var cpus = CPUSet()
    }

    /// `wanted` are the threads whose extent is asked for, `vcpus` those of guests, by the guests' places.
    init(
      _ threads: [TracedThreadRow], _ culprits: Culprits, wanted: Set<Int64>, vcpus: [Int64: Int],
      guests: Int
    ) {
      self.culprits = culprits
      silences = [Silences](repeating: Silences(), count: guests)
      places = ThreadPlaces(of: threads.map(\.id))
      watched = threads.map { thread in
        Watched(
          segment: thread.segment, guest: vcpus[thread.id],
          extent: wanted.contains(thread.id) ? ThreadExtent() : nil)
      }
    }

    /// Of the threads whose extent was asked for.
    var extents: [Int64: ThreadExtent] {
      Dictionary(
        uniqueKeysWithValues: zip(places.threads, watched).compactMap { thread, watched in
          watched.extent.map { (thread, $0) }
        })
    }

    /// On which CPUs each thread ran.
    var cpus: [Int64: CPUSet] {
      Dictionary(uniqueKeysWithValues: zip(places.threads, watched.lazy.map(\.cpus)))
    }

    func segment(_ slice: ThreadSlice) -> Int32 {
      places.known(slice.thread).map { watched[$0].segment } ?? 0
    }

    mutating func see(_ slice: ThreadSlice) {
      // A damaged file may name any thread.
      guard let place = places.known(slice.thread) else { return }
      culprits.add(slice, segment: watched[place].segment)
      if slice.run > 0 { watched[place].cpus.insert(slice.cpu) }
      watched[place].extent?.add(slice)
      placement?.add(slice)
      if !silences.isEmpty, watched[place].segment == 0 { seeLife(slice, watched[place].guest) }
    }

    private mutating func seeLife(_ slice: ThreadSlice, _ guest: Int?) {
      let woken = slice.wait == .min ? slice.began : slice.began - slice.wait
      let left = slice.run == .min ? slice.began : slice.began + slice.run
      if woken < slice.began { silence.see(from: woken, to: woken) }
      silence.see(from: slice.began, to: slice.began)
      silence.see(from: left, to: left)
      if let guest { silences[guest].see(from: woken, to: left) }
    }
  }

  private mutating func add(
    _ context: CorrelationContext, _ source: Int64, _ threads: [TracedThreadRow],
    _ blocks: BlockMoments
  ) throws {
    let file = context.file
    guard let machine = threads.first?.machine else { return }
    let owners = context.threads.owners
    let isHost = machine.layer == .host
    let byNumber = Dictionary(uniqueKeysWithValues: threads.map { ($0.id, $0) })
    let start = try file.traceStart(of: source)
    let neighbours = start.flatMap { start in
      isHost ? Self.neighbourWaits(context, byNumber, Span(from: start.first, to: start.last)) : nil
    }
    let intervals = start.flatMap { start in
      isHost
        ? CulpritIntervals(byNumber, owners, span: Span(from: start.first, to: start.last)) : nil
    }
    let block = blocks.sources[machine.name]
    let queueing = Set(block?.moments.map(\.thread) ?? [])
    let wanted = Set(
      threads.lazy.filter { thread in
        thread.tid > 0 && thread.segment == 0
          && (isHost && owners[thread.id]?.guest != nil || queueing.contains(thread.tid))
      }.map(\.id))
    var vcpus: [Int64: String] = [:]
    for thread in threads where isHost && owners[thread.id]?.role == .vcpu {
      vcpus[thread.id] = owners[thread.id]?.guest
    }
    let guests = Set(vcpus.values).sorted()
    var observers = Observers(
      threads,
      Culprits(
        threads: threads.map(\.id), idle: Set(threads.filter { $0.tid == 0 }.map(\.id)),
        watches: [neighbours?.watch, intervals?.watch].compactMap(\.self)),
      wanted: wanted, vcpus: vcpus.compactMapValues(guests.firstIndex(of:)), guests: guests.count)
    let nodes = isHost ? try file.cpuNodes(of: machine.name) : [:]
    if !nodes.isEmpty {
      let counted = threads.compactMap { thread in
        owners[thread.id].flatMap { $0.guest == nil ? nil : (thread.id, $0.role == .vcpu) }
      }
      observers.placement = NodePlacement(
        nodes: nodes, threads: Dictionary(uniqueKeysWithValues: counted))
    }
    try file.forEachSlice(of: source) { observers.see($0) }
    if let placement = observers.placement {
      context.threads.placed.append(
        ThreadFindings.PlacedTrace(
          machine: machine.name, nodes: Set(nodes.values), placement: placement))
    }
    guard let start else { return }
    try Self.resolveStarved(file, source, &observers)
    let extents = observers.extents
    let blame = observers.culprits.blame
    let throttling = Throttling(blame, owners: owners)
    let clock = try block.flatMap { block in
      block.source == source
        ? .oneFile
        : try Self.clock(
          file, source, block, extents, tids: byNumber.mapValues(\.tid),
          tied: file.tiedOffset(toolClock: start.toolClock, to: block.source))
    }
    let known = blocks.sources.isEmpty ? .own : clock
    if let neighbours, let known {
      context.neighbourWaits.merge(neighbours.amounts(on: known)) { first, _ in first }
    }
    if let intervals, let known {
      context.waitIntervals += intervals.rows(on: known) {
        throttling.holds($0, owners: owners)
      }.map { (machine.name, $0) }
    }
    context.threads.traces.append(
      ThreadFindings.Trace(
        source: source, machine: machine, span: Span(from: start.first, to: start.last),
        extents: extents.filter { owners[$0.key]?.guest != nil }, threads: byNumber,
        cpus: observers.cpus, clock: known, block: block?.source,
        blame: CulpritClass.blame(blame, owners, throttling), throttling: throttling,
        silence: observers.silence,
        silences: Dictionary(uniqueKeysWithValues: zip(guests, observers.silences))))
  }

  /// Of the guests that the host alone tells of.
  private static func neighbourWaits(
    _ context: CorrelationContext, _ threads: [Int64: TracedThreadRow], _ span: Span
  ) -> NeighbourWaits? {
    let owners = context.threads.owners
    let guests = Set(threads.keys.compactMap { owners[$0]?.guest })
      .subtracting(context.guests.map(\.machine)).subtracting(context.neighbourWaits.keys)
    guard !guests.isEmpty else { return nil }
    return NeighbourWaits(
      of: guests, threads, owners, span: span, ignored: CauseCorrelation.recorders)
  }

  /// perf's clock and that of the block trace may differ by this much over a trace, ns.
  private static let wander: Int64 = 1_000_000

  private static func clock(
    _ file: IncidentFile, _ source: Int64, _ block: BlockMoments.Source,
    _ extents: [Int64: ThreadExtent], tids: [Int64: Int64], tied: Int64?
  ) throws -> SchedulerClock? {
    let queueing = Set(block.moments.map(\.thread))
    var threads: [Int64: ThreadExtent] = [:]
    var known: [Int64: Int64] = [:]
    for (number, extent) in extents.sorted(by: { $0.key < $1.key }) {
      guard let tid = tids[number], queueing.contains(tid) else { continue }
      threads[tid, default: ThreadExtent()].add(extent)
      known[number] = tid
    }
    let search = ContainmentSearch(threads, moments: block.moments)
    func clock(_ hint: (offset: Int64, bound: Int64)?) throws -> SchedulerClock? {
      try search.clock(hint: hint) { stretch, body in
        try file.forEachStay(of: source, from: stretch.from, to: stretch.to) { number, from, to in
          if let tid = known[number] { body(tid, Span(from: from, to: to)) }
        }
      }
    }
    guard let tied else { return try clock(nil) }
    return try clock((tied, 2 * wander)) ?? .constant(tied, bound: wander)
  }

  /// Who had waited for so long that more switches lay between than were kept: once more, for these alone.
  private static func resolveStarved(
    _ file: IncidentFile, _ source: Int64, _ observers: inout Observers
  ) throws {
    observers.culprits.finish()
    if var starved = observers.culprits.starved {
      try file.forEachSlice(of: source) { starved.add($0, segment: observers.segment($0)) }
      starved.finish()
      observers.culprits.add(starved)
    }
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for (thread, owner) in context.threads.owners.sorted(by: { $0.key < $1.key }) {
      try writer.addOwner(
        thread: thread, role: owner.role.name, guest: owner.guest, vcpu: owner.vcpu,
        process: owner.process)
    }
    for (pair, kind, wait) in context.threads.traces.flatMap(\.blame) {
      try writer.addBlame(
        victim: pair.victim, culprit: pair.culprit == 0 ? nil : pair.culprit, kind: kind.rawValue,
        wait: wait)
    }
    for trace in context.threads.traces {
      guard let clock = trace.clock, let block = trace.block else { continue }
      for (segment, row) in Self.rows(clock, trace.span).enumerated() {
        try writer.add(
          MachineClockRow(
            source: trace.source, other: block, segment: segment, from: row.from, to: row.to,
            offset: row.offset, driftPPM: row.drift, error: row.error,
            method: clock.method.rawValue, pairs: row.pairs, removedPairs: row.removed))
        // Where the machine's block trace is the reference, so is what becomes of its times.
        guard trace.machine.layer == .host else { continue }
        try writer.add(
          ClockRow(
            source: trace.source, reference: block, segment: segment, stretch: 0,
            start: segment == 0 ? nil : row.from, from: row.from, to: row.to, offset: row.offset,
            driftPPM: row.drift, error: row.error, middleError: row.middle,
            method: clock.method.rawValue, pairs: row.pairs, removedPairs: row.removed,
            violations: 0))
      }
    }
  }

  private struct Relation {
    let from: Int64
    let to: Int64
    let offset: Double
    let drift: Double
    let error: Int64
    let middle: Int64
    let pairs: Int
    let removed: Int
  }

  private static func rows(_ clock: SchedulerClock, _ span: Span) -> [Relation] {
    if let offset = clock.constantOffset {
      let error = clock.error(at: span.from)
      return [
        Relation(
          from: span.from, to: span.to, offset: Double(offset), drift: 0, error: error,
          middle: error, pairs: 0, removed: 0)
      ]
    }
    return clock.relations.map {
      Relation(
        from: $0.from, to: $0.to, offset: $0.offset, drift: $0.driftPPM, error: $0.largestError,
        middle: $0.middleError, pairs: $0.pairs, removed: $0.removedPairs)
    }
  }
}

/// When which thread queued block I/O, of the block trace of each machine that has one.
struct BlockMoments {
  /// A block trace; its stretch before any step back of its clock.
  struct Source {
    let source: Int64
    let moments: [(at: Int64, thread: Int64)]
  }

  /// By machine.
  private(set) var sources: [String: Source] = [:]

  /// Out of all traces that are used; of several of a machine the one that others are matched with, else the one that
  /// shows most requests of threads that work for guests, by the machine's name, else the one with most requests.
  init(
    _ streams: [TracedDevice],
    reference: Int64?, tids: [Int32: UInt32], serving: [String: Set<Int64>]
  ) {
    for (machine, own) in Dictionary(grouping: streams, by: \.stream.machine.name) {
      var counts: [Int64: (guests: Int, all: Int)] = [:]
      let guests = serving[machine] ?? []
      for entry in own {
        counts[entry.stream.source, default: (0, 0)].all += entry.rows.count
        guard !guests.isEmpty else { continue }
        counts[entry.stream.source]?.guests += entry.rows.count { row in
          tids[row.task].map { guests.contains(Int64($0)) } ?? false
        }
      }
      guard
        let best = counts.max(by: {
          ($0.key == reference ? 1 : 0, $0.value.guests, $0.value.all, -$0.key)
            < ($1.key == reference ? 1 : 0, $1.value.guests, $1.value.all, -$1.key)
        })?.key
      else { continue }
      var moments: [(at: Int64, thread: Int64)] = []
      for entry in own where entry.stream.source == best && entry.stream.segment == 0 {
        // A piece that was cut off has the Q of the bio it was part of.
        for row in entry.rows where !row.traits.contains(.splitPiece) {
          guard let at = row.queued.nanoseconds, let tid = tids[row.task], tid > 0 else { continue }
          moments.append((at, Int64(tid)))
        }
        for bio in entry.bios {
          guard let at = bio.queued.nanoseconds, let tid = tids[bio.task], tid > 0 else { continue }
          moments.append((at, Int64(tid)))
        }
      }
      sources[machine] = Source(source: best, moments: moments)
    }
  }
}

extension ThreadOwners.Fact {
  /// What a file said; its own name may name the guest.
  fileprivate init(_ row: ThreadFactRow, guests: [String]) {
    self.init(tid: row.fact.tid)
    process = row.fact.pid
    parent = row.fact.parent
    name = row.fact.comm
    role = row.fact.role
    vcpu = row.fact.vcpu
    guest = row.fact.guest
    if guest == nil, role != nil, row.fact.pid == nil {
      guest = ThreadOwners.guest(ofFile: row.path, guests: guests)
    }
  }
}

extension CulpritClass {
  /// All blame of a trace or a part of it, by victim, culprit and class.
  static func blame(
    _ waits: [Culprits.Pair: Int64], _ owners: [Int64: ThreadOwners.Owner],
    _ throttling: Throttling
  ) -> [ThreadFindings.Blame] {
    var blame: [ThreadFindings.Blame] = []
    for (pair, wait) in waits.sorted(by: { $0.key < $1.key }) {
      let kind = CulpritClass(
        pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
        isThrottled: throttling.holds(pair.victim, owners: owners))
      if let last = blame.indices.last, blame[last].pair.victim == pair.victim,
        blame[last].pair.culprit == pair.culprit, blame[last].kind == kind
      {
        blame[last].wait.add(saturating: wait)
      } else {
        blame.append((pair, kind, wait))
      }
    }
    return blame
  }
}
