internal import TraceModel

/// What can account for the change between the baseline and a phase, hop by hop from the guest's queue to the device and back.
struct CauseCandidates {
  /// One of them.
  struct Candidate {
    let kind: CauseKind
    let user: PhaseUser?
    /// Ns for each I/O, positive where it made the worse of the two levels.
    let explains: Double
    /// Of the worse of the two levels.
    let because: String
    /// Whether that is said of the better one instead.
    var isOfBetter = false
  }

  /// A phase beside its baseline. Of two levels the worse one is explained, whichever came first.
  struct Change {
    let phase: Int
    /// The change from Q to C, ns for each I/O.
    let whole: Double
    /// By hop.
    let deltas: [Hop: Double]
    /// What the guest's threads waited more for a CPU, ns for each request, where a host alone tells of the guest.
    let threadWait: Double
    /// How many times as long requests stand in the host's queue in the worse level.
    let hostQueueGrowth: Double
    /// Whether it is more than chance.
    let isSure: Bool
    let worse: Int
    let better: Int

    init(
      _ phase: Int, baseline: Int, whole: Double, _ deltas: [Hop: Double], threadWait: Double,
      hostQueueGrowth: Double, isSure: Bool
    ) {
      (self.phase, self.whole, self.deltas) = (phase, whole, deltas)
      (self.threadWait, self.hostQueueGrowth) = (threadWait, hostQueueGrowth)
      self.isSure = isSure
      (worse, better) = whole < 0 ? (baseline, phase) : (phase, baseline)
    }

    var sign: Double { whole < 0 ? -1 : 1 }

    /// The change of all that is below the guest, where no block trace of the host shows it.
    var belowGuest: Double { sign * Hop.withoutHost.reduce(0) { $0 + (deltas[$1] ?? 0) } }

    func delta(_ hops: Hop...) -> Double { sign * hops.reduce(0) { $0 + (deltas[$1] ?? 0) } }

    /// The worse level over the better one; 1 where there is none.
    func growth(_ values: [Double]) -> Double {
      guard !values.isEmpty, values[better] > 0 else { return 1 }
      return values[worse] / values[better]
    }
  }

  private(set) var found: [Candidate] = []
  /// What they explain is more by this factor: what stands in the guest's own queue stands behind what is below.
  private(set) var scale = 1.0

  /// By how much a user or a load changes at least for it to be a cause.
  private static let grown = 1.25
  /// By how much more a thread is on a CPU at least for others to wait for it.
  private static let more = 1.1
  /// By how much longer requests stand in the host's queue where the thread that submits them stands there, too.
  private static let full = 3.0
  /// By how much a server's time for an I/O does.
  private static let busier = 1.4
  /// How much more of a CPU one uses at least whom a host alone shows to be the cause of waits.
  private static let leastRun = 0.02
  /// How much more of a CPU the guest's packets take at least to be what holds up its vCPUs.
  private static let leastPackets = 0.05
  /// How much of the threads' time has to move from one node to another.
  private static let moved = 0.3

  private let measures: PhaseMeasures
  private let parts: PhaseParts
  private let change: Change
  private let isLoaded: Bool
  private let limit: PhaseUser?

  init(_ measures: PhaseMeasures, _ parts: PhaseParts, _ change: Change) {
    (self.measures, self.parts, self.change) = (measures, parts, change)
    isLoaded =
      max(change.growth(measures.arrivals), change.growth(measures.bytes)) >= Self.grown
    limit = measures.limits.first { $0.rates[change.worse] > 0 && $0.rates[change.better] == 0 }
    // A thread that finds no tag for a request waits in the host's queue, with all that it would have submitted next.
    let isHeld =
      measures.isCPUKnown && change.hostQueueGrowth >= Self.full
      && change.growth(measures.served) < Self.busier
    let left = addWaits(of: change.delta(.virtioSubmit, .virtioReturn))
    if left > 0, !isHeld { addQueue(left) }
    addDevice(held: isHeld ? max(0, left) : 0)
    addAbove()
  }

  // MARK: H3

  /// Waits for a CPU within H3 by who was on it; what is left of the change of H3.
  private mutating func addWaits(of queue: Double) -> Double {
    guard measures.isOfHost || !measures.cpuWaits.isEmpty, measures.isCPUKnown else { return queue }
    let (worse, better) = (change.worse, change.better)
    // Another phase stands for the baseline of the threads; the parts are of the baseline itself.
    let waits =
      measures.standIn == nil
      ? parts.deltas(.cpuWait, of: [.virtioSubmit, .virtioReturn], phase: change.phase) : [:]
    let waited =
      if measures.isOfHost {
        change.sign * change.threadWait
      } else if waits.isEmpty {
        measures.cpuWaits[worse] - measures.cpuWaits[better]
      } else {
        change.sign * Double(waits.values.reduce(0, +))
      }
    guard waited > 0 else { return queue }
    let rises = measures.occupants.map { risen($0.kind, $0.user, waits) }
    let all = rises.reduce(0, +)
    if all > 0 {
      for (occupant, rise) in zip(measures.occupants, rises) where rise > 0 {
        found.append(occupied(by: occupant, explains: waited * rise / all))
      }
    } else if !measures.isOfHost, change.growth(measures.ran) >= Self.grown,
      let own = ownThread(worse, better)
    {
      // Who wants more of a CPU stands behind those who were there as before.
      found.append(
        Candidate(
          kind: .ownCPU, user: own, explains: waited,
          because:
            "the guest's vCPUs ran for longer, and waited for CPUs that others used as before"))
    } else {
      return queue
    }
    return measures.isOfHost ? queue : queue - waited
  }

  /// By how much the waits behind an occupant rose. One who was there as before is waited for longer where another came:
  /// it is not the cause.
  private func risen(_ kind: CauseKind, _ user: PhaseUser, _ waits: [HopPart: Int64]) -> Double {
    let (worse, better) = (change.worse, change.better)
    guard
      kind == .throttle
        || user.rates[worse] >= Self.more * user.rates[better]
          && (!measures.isOfHost || user.rates[worse] - user.rates[better] >= Self.leastRun)
    else { return 0 }
    return waits.isEmpty
      ? max(0, user.weights[worse] - user.weights[better])
      : max(0, change.sign * Double(waits[Self.part(kind, user)] ?? 0))
  }

  private func occupied(
    by occupant: (kind: CauseKind, user: PhaseUser), explains: Double
  ) -> Candidate {
    let (worse, better) = (change.worse, change.better)
    switch occupant.kind {
    case .throttle:
      // Of a quota nothing ran.
      return Candidate(
        kind: .throttle, user: nil, explains: explains,
        because: "the guest's threads could run, their CPU was idle, and they did not")
    case .ownCPU:
      return Candidate(
        kind: .ownCPU, user: ownThread(worse, better) ?? occupant.user, explains: explains,
        because: "the guest's own threads were on the CPUs that its other threads waited for")
    case .cpuNeighbour where pushesAside(occupant.user):
      return Candidate(
        kind: .ownCPU, user: ownThread(better, worse), explains: explains,
        because: "the guest's vCPUs asked for more of the CPUs, and got what "
          + "\(occupant.user.name.map(Printable.text) ?? "others") had before",
        isOfBetter: true)
    default:
      return Candidate(
        kind: occupant.kind, user: occupant.user, explains: explains,
        because: "it was on the CPUs that the guest's threads waited for")
    }
  }

  /// Whether the guest pushed a neighbour aside in the better of two levels: it wanted more of the CPUs, not only because of
  /// more I/Os, and ran for longer by at least as much as the neighbour had less. A guest whose neighbour left wants no more
  /// than before; it waits less.
  private func pushesAside(_ neighbour: PhaseUser) -> Bool {
    guard change.sign < 0, !measures.isOfHost, !measures.ran.isEmpty, !measures.threadWaits.isEmpty
    else { return false }
    func wanted(_ period: Int) -> Double { measures.ran[period] + measures.threadWaits[period] }
    let (worse, better) = (change.worse, change.better)
    let moreIOs = measures.arrivals[better] / max(measures.arrivals[worse], 1)
    let lost = 1e9 * (neighbour.rates[worse] - neighbour.rates[better])
    return wanted(better) >= Self.grown * max(1, moreIOs) * wanted(worse)
      && measures.ran[better] - measures.ran[worse] >= lost
  }

  /// The part of a hop that waits behind an occupant of the CPUs are.
  private static func part(_ kind: CauseKind, _ user: PhaseUser) -> HopPart {
    kind == .throttle
      ? HopPart(.cpuWait, word: HopPart.throttled) : HopPart(.cpuWait, name: user.name)
  }

  /// What of H3 was no wait for a CPU.
  private mutating func addQueue(_ left: Double) {
    let (worse, better) = (change.worse, change.better)
    let served = change.growth(measures.served)
    if let limit {
      found.append(
        Candidate(
          kind: .throttle, user: limit, explains: left,
          because:
            "its I/Os came through at one even rate while others waited, and nothing else held them"
        ))
    } else if hasMoved(worse, better) {
      found.append(
        Candidate(
          kind: .numa, user: nil, explains: left,
          because: "the guest's threads ran on other nodes of the host's memory than before"))
    } else if let network = measures.network,
      network.rates[worse] - network.rates[better] >= Self.leastPackets,
      network.rates[worse] >= Self.grown * max(1, served) * network.rates[better]
    {
      found.append(
        Candidate(
          kind: .network, user: network, explains: left,
          because: "the host moved more packets for the guest, whose vCPUs handle them, too"))
    } else if served >= Self.busier, change.growth(measures.ran) < Self.grown {
      found.append(
        Candidate(
          kind: .virtioRing, user: measures.server, explains: left,
          because: "the thread that empties the queue needed more CPU time for each request"))
    } else if served >= Self.busier {
      found.append(
        Candidate(
          kind: .numa, user: nil, explains: left,
          because:
            "all of the guest's threads needed more CPU time for the same I/Os, as they do with memory on another node"
        ))
    } else if isLoaded {
      found.append(ownLoad(left))
    }
  }

  private func hasMoved(_ worse: Int, _ better: Int) -> Bool {
    guard !measures.nodes.isEmpty else { return false }
    let moved = zip(measures.nodes[worse], measures.nodes[better]).map { abs($0 - $1) }
    return moved.reduce(0, +) / 2 >= Self.moved
  }

  // MARK: H4 and H5

  /// What was behind requests of others; the rest. What a full queue held the thread that submits is shared out in the same
  /// way: it is full of both.
  private mutating func addDevice(held: Double) {
    let stay = Hop.onHost.reduce(0) { $0 + change.delta($1) }
    let rises = sharerRises()
    // Behind others that asked for no more it waits since the device or its own load changed.
    let behind =
      rises.contains { $0 > 0 } ? max(0, change.sign * (measures.behind[change.phase] ?? 0)) : 0
    let heldByOthers = stay > 0 ? held * min(1, behind / stay) : 0
    if behind > 0 { addSharers(rises, behind, held: heldByOthers) }
    let left = stay - behind + held - heldByOthers
    guard left > 0 else { return }
    let others =
      behind > 0
      ? "than requests of others explain" : "although neither the guest nor others asked for more"
    if isLoaded {
      found.append(ownLoad(left))
    } else if measures.isDeviceKnown, change.delta(.hostScheduler) > change.delta(.hardwareQueue) {
      found.append(
        Candidate(
          kind: .hostScheduler, user: nil, explains: left,
          because: "requests waited longer in the host's queue \(others)"
            + (held > heldByOthers ? Self.whileFull : "")))
    } else if measures.isDeviceKnown {
      found.append(
        Candidate(
          kind: .device, user: nil, explains: left, because: "the device took longer \(others)"))
    }
  }

  private static let whileFull =
    "; while it is full, the thread that submits waits for room, too (H3)"

  /// How much more of the device each of the others took, in their order; 0 of those that hardly asked for more.
  private func sharerRises() -> [Double] {
    let (worse, better) = (change.worse, change.better)
    let parts = parts.deltas(.behind, of: Hop.onHost, phase: change.phase)
    return measures.sharers.map { user in
      guard user.rates[worse] >= Self.more * user.rates[better] else { return 0 }
      let own = HopPart(.behind, word: user.name == nil ? HopPart.others : nil, name: user.name)
      let more =
        parts.isEmpty
        ? user.weights[worse] - user.weights[better] : change.sign * Double(parts[own] ?? 0)
      return user.weights[worse] > user.weights[better] ? max(0, more) : 0
    }
  }

  private mutating func addSharers(_ rises: [Double], _ behind: Double, held: Double) {
    let all = rises.reduce(0, +)
    for (user, rise) in zip(measures.sharers, rises) where rise > 0 {
      found.append(
        Candidate(
          kind: .diskNeighbour, user: user, explains: (behind + held) * rise / all,
          because: "I/Os beside its requests on the device took longer than those without"
            + (held > 0
              ? "; while the host's queue is full, the thread that submits waits, too, which is time in the virtio queue (H3)"
              : "")))
    }
  }

  // MARK: Above

  private mutating func addAbove() {
    let above = change.delta(.guestScheduler)
    let below = found.reduce(0) { $0 + $1.explains }
    scale = above > 0 && below > 0 ? 1 + above / below : 1
    if let limit, change.belowGuest > 0 {
      found.append(
        Candidate(
          kind: .throttle, user: limit, explains: max(0, above) + change.belowGuest,
          because: "its I/Os came through at the rate that a file states as a limit"))
    } else if isLoaded, below <= 0 || change.belowGuest > 0 {
      found.append(ownLoad(max(0, above) + max(0, change.belowGuest)))
    }
  }

  private func ownLoad(_ explains: Double) -> Candidate {
    func risen(_ user: PhaseUser) -> Double {
      user.weights[change.worse] - user.weights[change.better]
    }
    return Candidate(
      kind: .ownLoad, user: measures.tasks.max { risen($0) < risen($1) }, explains: explains,
      because: "the guest itself asked for more")
  }

  /// Which of the guest's threads was on its CPUs for longer in one level than in another.
  private func ownThread(_ longer: Int, _ shorter: Int) -> PhaseUser? {
    measures.ownThreads.filter { $0.rates[longer] >= Self.grown * $0.rates[shorter] }
      .max { $0.rates[longer] - $0.rates[shorter] < $1.rates[longer] - $1.rates[shorter] }
  }
}
