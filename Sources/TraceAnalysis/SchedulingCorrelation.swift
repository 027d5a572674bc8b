internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Whose threads they are, and who was on the CPU while they waited.
struct SchedulingCorrelation {
  private(set) var owners: [Int64: ThreadOwners.Owner] = [:]
  private var blame: [(pair: Culprits.Pair, kind: CulpritClass, wait: Int64)] = []

  init(_ file: IncidentFile) throws {
    let threads = try file.tracedThreads()
    guard !threads.isEmpty else { return }
    try findOwners(file, threads)
    for (source, own) in Dictionary(grouping: threads, by: \.source).sorted(by: { $0.key < $1.key })
    {
      try addBlame(file, source, own)
    }
  }

  private mutating func findOwners(_ file: IncidentFile, _ threads: [TracedThreadRow]) throws {
    let guests = try file.guestNames()
    let facts = Dictionary(grouping: try file.threadFacts(), by: \.machine)
    for (machine, own) in Dictionary(grouping: threads, by: \.machine) {
      // What runs in a guest works for no other guest.
      let isHost = machine.layer == .host
      let found = ThreadOwners(
        own.map {
          ThreadOwners.Traced(
            id: $0.id, tid: $0.tid, process: $0.process, name: $0.name, run: $0.run)
        },
        facts: (facts[machine.name] ?? []).map { ThreadOwners.Fact($0, guests: guests) },
        named: try file.guestsByProcess(of: machine.name), guests: isHost ? guests : [])
      owners.merge(found.owners) { _, new in new }
    }
  }

  private mutating func addBlame(
    _ file: IncidentFile, _ source: Int64, _ threads: [TracedThreadRow]
  ) throws {
    var segments: [Int64: Int32] = [:]
    for thread in threads where thread.segment > 0 { segments[thread.id] = thread.segment }
    func segment(_ slice: ThreadSlice) -> Int32 {
      segments.isEmpty ? 0 : segments[slice.thread, default: 0]
    }
    var culprits = Culprits(idle: Set(threads.filter { $0.tid == 0 }.map(\.id)))
    try file.forEachSlice(of: source) { culprits.add($0, segment: segment($0)) }
    culprits.finish()
    if var starved = culprits.starved {
      try file.forEachSlice(of: source) { starved.add($0, segment: segment($0)) }
      starved.finish()
      culprits.add(starved)
    }
    let throttling = Throttling(culprits.blame, owners: owners)
    for (pair, wait) in culprits.blame.sorted(by: { $0.key < $1.key }) {
      let kind = CulpritClass(
        pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
        isThrottled: throttling.holds(pair.victim, owners: owners))
      if let last = blame.indices.last, blame[last].pair.victim == pair.victim,
        blame[last].pair.culprit == pair.culprit, blame[last].kind == kind
      {
        blame[last].wait += wait
      } else {
        blame.append((pair, kind, wait))
      }
    }
  }

  func write(to writer: CorrelationWriter) throws {
    for (thread, owner) in owners.sorted(by: { $0.key < $1.key }) {
      try writer.addOwner(
        thread: thread, role: owner.role.rawValue, guest: owner.guest, vcpu: owner.vcpu,
        process: owner.process)
    }
    for (pair, kind, wait) in blame {
      try writer.addBlame(
        victim: pair.victim, culprit: pair.culprit == 0 ? nil : pair.culprit, kind: kind.rawValue,
        wait: wait)
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
    role = row.fact.role.flatMap { TracedRole(rawValue: $0.rawValue) }
    vcpu = row.fact.vcpu
    guest = row.fact.guest
    if guest == nil, role != nil, row.fact.pid == nil {
      guest = ThreadOwners.guest(ofFile: row.path, guests: guests)
    }
  }
}
