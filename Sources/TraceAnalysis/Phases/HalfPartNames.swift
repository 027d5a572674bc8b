internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// The parts of the halves of the virtio queue: who had the CPU for which a guest's threads waited, and what else the thread
/// that had to act did.
struct HalfPartNames {
  /// Who had to act.
  enum Actor: Int, CaseIterable {
    case vcpu
    case hostThread

    var word: String {
      switch self {
      case .vcpu: "vcpu"
      case .hostThread: "host_thread"
      }
    }
  }

  /// In the order of their columns.
  let parts: [HopPart]
  private let places: [HopPart: Int]
  /// How many are waits for a CPU: they are the first, and the last of them is for all others.
  private let waits: Int

  /// Names that have a part of their own.
  private static let most = 12

  /// Out of all that a guest's threads waited for in the traces of its host.
  init(of guest: String, _ traces: [ThreadFindings.Trace], _ owners: [Int64: ThreadOwners.Owner]) {
    var sums: [HopPart: Int64] = [:]
    for trace in traces where trace.machine.layer == .host {
      for (pair, kind, wait) in trace.blame where owners[pair.victim]?.guest == guest {
        let part = Self.part(kind, pair.culprit, of: guest, trace, owners)
        sums[part, default: 0].add(saturating: wait)
      }
    }
    let words = sums.keys.filter { $0.name == nil && $0.word != HopPart.others }
    let named = sums.filter { $0.key.name != nil }
      .sorted { ($1.value, $0.key.name ?? "") < ($0.value, $1.key.name ?? "") }
      .prefix(Self.most).map(\.key)
    self.init(
      waits: named + words.sorted { ($0.word ?? "") < ($1.word ?? "") }
        + [HopPart(.cpuWait, word: HopPart.others)])
  }

  init(waits: [HopPart]) {
    parts =
      waits + Self.kinds.flatMap { kind in Actor.allCases.map { HopPart(kind, word: $0.word) } }
      + [HopPart(.clock)]
    self.waits = waits.count
    places = Dictionary(uniqueKeysWithValues: waits.enumerated().map { ($1, $0) })
  }

  /// What a thread did that did not wait for a CPU.
  private static let kinds = [HopPart.Kind.busy, .busyWithOthers, .asleep, .blocked]

  private func place(_ kind: Int, _ actor: Actor) -> Int {
    waits + kind * Actor.allCases.count + actor.rawValue
  }

  /// It ran for the I/O, as far as is known.
  func busy(_ actor: Actor) -> Int { place(0, actor) }

  /// It ran, and was done with another I/O after that.
  func busyWithOthers(_ actor: Actor) -> Int { place(1, actor) }

  /// It waited for an event, or, blocked, for I/O or a lock.
  func idle(_ actor: Actor, _ isBlocked: Bool) -> Int { place(isBlocked ? 3 : 2, actor) }

  /// What the clocks' bound leaves open.
  var clock: Int { parts.count - 1 }

  /// Which of them a culprit is.
  func place(
    of pair: Culprits.Pair, _ guest: String, _ trace: ThreadFindings.Trace,
    _ owners: [Int64: ThreadOwners.Owner]
  ) -> Int {
    let kind = CulpritClass(
      pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
      isThrottled: trace.throttling.holds(pair.victim, owners: owners))
    return places[Self.part(kind, pair.culprit, of: guest, trace, owners)] ?? waits - 1
  }

  private static func part(
    _ kind: CulpritClass, _ culprit: Int64, of guest: String, _ trace: ThreadFindings.Trace,
    _ owners: [Int64: ThreadOwners.Owner]
  ) -> HopPart {
    let name = trace.threads[culprit]?.name ?? ""
    func named(_ name: String) -> HopPart {
      name.isEmpty
        ? HopPart(.cpuWait, word: HopPart.others) : HopPart(.cpuWait, name: name)
    }
    switch kind {
    case .host:
      return CauseCorrelation.recorders.contains(name)
        ? HopPart(.cpuWait, word: HopPart.recorder) : named(name)
    case .guest: return named(owners[culprit]?.guest ?? name)
    case .sibling: return named(guest)
    case .kernel: return HopPart(.cpuWait, word: HopPart.kernel)
    case .throttled: return HopPart(.cpuWait, word: HopPart.throttled)
    case .unknown: return HopPart(.cpuWait, word: HopPart.nobody)
    }
  }
}
