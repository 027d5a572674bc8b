public import TraceModel

/// Which guest the threads of one host work for.
///
/// A thread belongs to a process (`ps`, the trace), a process with a vCPU thread is a guest, and QEMU's
/// replies, its command line or the names of the files say which. A guest that nothing names is the
/// incident's only one, or else is called by its process: `pid 4000`.
public struct ThreadOwners: Sendable {
  /// What a file said of a thread.
  public struct Fact: Sendable {
    /// The thread.
    public var tid: Int64
    /// Its process; nil where the file does not say.
    public var process: Int64?
    /// The process that started it; nil where the file does not say.
    public var parent: Int64?
    /// Its name; nil where the file does not say.
    public var name: String?
    /// Its role, where the file is about roles.
    public var role: ThreadRole?
    /// The number of its virtual CPU.
    public var vcpu: Int64?
    /// The guest that the file names, in it or by its own name.
    public var guest: String?

    /// A thread of which nothing but the number is said yet.
    public init(tid: Int64) { self.tid = tid }
  }

  /// A thread as a trace shows it.
  public struct Traced: Sendable {
    /// Its number in the incident.
    public var id: Int64
    /// Thread id, which several threads may have had, one after the other.
    public var tid: Int64
    /// Its process; nil where the trace does not say.
    public var process: Int64?
    /// Its name.
    public var name: String
    /// How long it ran, ns.
    public var run: Int64

    /// A thread.
    public init(id: Int64, tid: Int64, process: Int64?, name: String, run: Int64) {
      self.id = id
      self.tid = tid
      self.process = process
      self.name = name
      self.run = run
    }
  }

  /// What is known of a thread.
  public struct Owner: Sendable, Equatable {
    /// What it is.
    public var role: ThreadRole
    /// The guest it works for.
    public var guest: String?
    /// The number of its virtual CPU.
    public var vcpu: Int64?
    /// The hypervisor's process it belongs to or works for; 0 for the only one, where no file numbers it.
    public var process: Int64?

    /// An owner.
    public init(
      role: ThreadRole, guest: String? = nil, vcpu: Int64? = nil, process: Int64? = nil
    ) {
      (self.role, self.guest, self.vcpu, self.process) = (role, guest, vcpu, process)
    }
  }

  /// The owners, by the threads' numbers. Threads of which nothing is known are `other`.
  public private(set) var owners: [Int64: Owner] = [:]

  /// Finds the owners of a host's threads. `named`: guests by the process, as QEMU's command lines say;
  /// `guests`: the guests of the incident.
  public init(
    _ threads: [Traced], facts: [Fact], named: [Int64: String], guests: [String]
  ) {
    let known = Self.merged(facts)
    let bearers = Self.bearers(threads, known)
    for thread in threads where thread.tid > 0 {
      // A fact is about the bearer of the number that it fits best; the others had it before or after.
      let fact = bearers[thread.tid] == thread.id ? known[thread.tid] : nil
      owners[thread.id] = Self.first(thread, fact)
    }
    gather(threads, known)
    name(threads, known, named: named, guests)
  }

  // MARK: - Facts

  /// All that is said of a number; of QEMU's replies and `ps` each knows something else.
  private static func merged(_ facts: [Fact]) -> [Int64: Fact] {
    var known: [Int64: Fact] = [:]
    for fact in facts {
      var sum = known[fact.tid] ?? Fact(tid: fact.tid)
      sum.process = sum.process ?? fact.process
      sum.parent = sum.parent ?? fact.parent
      sum.name = sum.name ?? fact.name
      sum.vcpu = sum.vcpu ?? fact.vcpu
      sum.guest = sum.guest ?? fact.guest
      // `ps` lists every thread of QEMU as an emulator's where names are off; the reply knows better.
      if sum.role == nil || sum.role == .emulator { sum.role = fact.role ?? sum.role }
      known[fact.tid] = sum
    }
    return known
  }

  /// For each number the thread that a fact is about: one that bears the listed name or a hypervisor's
  /// before others, then the one that ran longest.
  private static func bearers(_ threads: [Traced], _ known: [Int64: Fact]) -> [Int64: Int64] {
    var best: [Int64: (rank: Int, run: Int64, id: Int64)] = [:]
    for thread in threads {
      guard let fact = known[thread.tid] else { continue }
      var rank = 0
      if fact.name == thread.name {
        rank = 2
      } else if fact.role != nil, fact.role == ThreadRole(threadName: thread.name) {
        rank = 2
      } else if fact.role != nil, Hypervisor.isProcess(thread.name) {
        rank = 1
      }
      if let now = best[thread.tid], (now.rank, now.run) >= (rank, thread.run) { continue }
      best[thread.tid] = (rank, thread.run, thread.id)
    }
    return best.mapValues(\.id)
  }

  private static func first(_ thread: Traced, _ fact: Fact?) -> Owner {
    let process = thread.process ?? fact?.process
    var owner = Owner(role: .other, process: process)
    let byName = ThreadRole(threadName: thread.name)
    owner.vcpu = fact?.vcpu ?? Hypervisor.vcpu(ofThread: thread.name)
    if let role = fact?.role, role != .emulator {
      owner.role = role == .iothread && byName == .emulator ? .emulator : role
    } else if fact?.parent == Self.kernelParent || thread.tid == Self.kernelParent {
      owner.role = byName == .vhost ? .vhost : .kernel
    } else if byName == .kernel {
      // A kernel thread is a process of its own, and no program's child.
      let isPlain = process == nil || process == thread.tid
      owner.role =
        isPlain && (fact?.parent ?? Self.kernelParent) == Self.kernelParent
        ? .kernel : .other
    } else {
      owner.role = byName ?? fact?.role ?? .other
    }
    if owner.role != .vcpu { owner.vcpu = nil }
    if owner.role == .vhost, let served = Hypervisor.vhostProcess(ofThread: thread.name) {
      owner.process = served
    }
    return owner
  }

  /// `kthreadd`, the parent of all kernel threads.
  private static let kernelParent: Int64 = 2

  // MARK: - Processes and guests

  /// Puts threads into hypervisors' processes.
  private mutating func gather(_ threads: [Traced], _ known: [Int64: Fact]) {
    let vcpus = owners.values.filter { $0.role == .vcpu }
    // Without a process's number all virtual CPUs are one guest's, unless two of them have one number.
    let unnumbered = vcpus.filter { $0.process == nil }
    let named = Set(
      threads.compactMap { thread in
        owners[thread.id]?.role == .vcpu ? known[thread.tid]?.guest : nil
      })
    let isOnly =
      !unnumbered.isEmpty && unnumbered.count == vcpus.count && named.count <= 1
      && Set(unnumbered.map(\.vcpu)).count == unnumbered.count
    let names = Set(
      threads.filter { owners[$0.id]?.role == .vcpu }.map(\.name))
    var machines = Set(vcpus.compactMap(\.process))
    if isOnly { machines.insert(0) }
    for thread in threads {
      guard var owner = owners[thread.id] else { continue }
      if isOnly {
        let isOfMachine =
          owner.role == .other
          && (Hypervisor.isProcess(thread.name) || names.contains(thread.name))
        if isOfMachine { owner.role = .emulator }
        if owner.role.isOfGuest { owner.process = 0 }
      } else if let process = owner.process, machines.contains(process) {
        if owner.role == .other { owner.role = .emulator }
      } else if owner.role == .emulator || owner.role == .other || owner.role == .kernel {
        // The process stays unknown to users of roles: it is no hypervisor with a traced vCPU.
        if owner.role == .emulator, !Hypervisor.isProcess(thread.name) {
          owner.role = .other
        }
        if owner.role != .emulator { owner.process = nil }
      }
      owners[thread.id] = owner
    }
  }

  private mutating func name(
    _ threads: [Traced], _ known: [Int64: Fact], named: [Int64: String], _ guests: [String]
  ) {
    var names: [Int64: String] = [:]
    for (tid, fact) in known.sorted(by: { $0.key < $1.key }) where fact.role != nil {
      guard let guest = fact.guest else { continue }
      let process =
        threads.first { $0.tid == tid }.flatMap { owners[$0.id]?.process } ?? fact.process
      if let process, names[process] == nil { names[process] = guest }
    }
    for (process, guest) in named where names[process] == nil { names[process] = guest }
    func processes(_ role: ThreadRole) -> Set<Int64> {
      Set(owners.values.filter { $0.role == role }.compactMap(\.process))
    }
    // What bears a hypervisor's name beside a process with virtual CPUs is a tool of it.
    let machines =
      processes(.vcpu).isEmpty ? processes(.emulator) : processes(.vcpu)
    if machines.count == 1, let process = machines.first {
      if named.count == 1, names[process] == nil { names[process] = named.first?.value }
      // Whatever QEMU calls it: there is no other.
      if guests.count == 1, !guests.contains(names[process] ?? "") {
        names[process] = guests.first
      }
    }
    // A hypervisor that came and went, of which no file tells, has a vCPU 0, too.
    let numbered = Set(owners.values.compactMap { $0.process == nil ? nil : $0.vcpu })
    for thread in threads {
      guard var owner = owners[thread.id], owner.role.isOfGuest else { continue }
      let said = known[thread.tid]?.guest
      if let process = owner.process {
        owner.guest =
          names[process] ?? said ?? (machines.contains(process) ? Self.label(process) : nil)
      } else {
        let isAnothers = owner.vcpu.map(numbered.contains) ?? false
        owner.guest =
          said
          ?? (guests.count == 1 && owner.role != .vhost && !isAnothers ? guests.first : nil)
      }
      owners[thread.id] = owner
    }
  }

  private static func label(_ process: Int64) -> String? {
    process > 0 ? "pid \(process)" : nil
  }
}

extension ThreadOwners {
  /// The guest that the name of a file is about: `qmp-cpus-web1.json` is about `web1`.
  public static func guest(ofFile path: String, guests: [String]) -> String? {
    guard let file = path.split(separator: "/").last else { return nil }
    let stem = file.split(separator: ".").first.map(String.init) ?? ""
    if let known = guests.filter({ stem.hasSuffix("-\($0)") }).max(by: { $0.count < $1.count }) {
      return known
    }
    let words = stem.split(separator: "-").map(String.init)
    guard words.count > 1, words[0] == "qmp" || words[0] == "qemu" else { return nil }
    let rest = words.drop { Self.subjects.contains($0) }
    return rest.isEmpty ? nil : rest.joined(separator: "-")
  }

  /// Words of file names that are about the reply, not about a guest.
  private static let subjects: Set<String> = [
    "qmp", "qemu", "query", "cpus", "cpu", "fast", "iothreads", "iothread", "block", "blockstats",
    "threads", "name", "status", "start", "end", "before", "after", "log", "out",
  ]
}
