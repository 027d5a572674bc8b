internal import TraceCorrelation
internal import TraceModel

/// Who used a CPU or a device in each period.
struct PhaseUser {
  /// A thread's, a process's or a guest's name; nil where there is none.
  let name: String?
  let machine: String?
  /// Nil where several threads have that name.
  var pid: Int64?
  /// What it did, a second, by period.
  var rates: [Double]
  let unit: String
  /// What others waited for it, or how long it kept the device busy, ns a second, by period.
  var weights: [Double]
}

/// What was measured beside the I/Os of a guest, for its causes.
struct PhaseMeasures {
  let periods: PhasePeriods
  /// Whether the host alone tells of the guest: its I/Os are what its threads asked of the host's devices.
  var isOfHost = false
  /// By period: what the guest's threads waited for a CPU together, ns a second; empty without a scheduler trace of the
  /// host.
  var threadWaits: [Double] = []
  /// By period: what the guest's I/Os waited for a CPU in H3, ns each; empty without a scheduler trace of the host.
  var cpuWaits: [Double] = []
  /// Whose threads the guest's threads waited behind, with the cause that it would be.
  var occupants: [(kind: CauseKind, user: PhaseUser)] = []
  /// Who used the devices of the guest's disks besides its own threads.
  var sharers: [PhaseUser] = []
  /// Whether a trace of the host's device reaches over a fair part of all periods: else nobody is known to be away.
  var isDeviceKnown = false
  /// By phase: what of H4 and H5 was behind requests of those of the sharers who changed with it, ns for each I/O.
  var behind: [Int: Double] = [:]
  /// The guest's processes that asked for I/O.
  var tasks: [PhaseUser] = []
  /// The guest's threads, by its own trace.
  var ownThreads: [PhaseUser] = []
  /// I/Os, and bytes, a second, by period.
  var arrivals: [Double] = []
  var bytes: [Double] = []
  /// Time on a CPU of the threads that serve the disks for each I/O, and of the vCPUs a second, ns, by period; empty
  /// where unknown.
  var served: [Double] = []
  var ran: [Double] = []
  /// The share of the time of the guest's threads on each node of the host, by period; empty where unknown.
  var nodes: [[Double]] = []
  /// The phase with which a scheduler trace that does not show the baseline compares; nil where it shows that.
  var standIn: Int?
  /// Who serves the disks.
  var server: PhaseUser?
  /// The limits on the guest's I/O, each with what it let through a second, by period; 0 where it was not reached.
  var limits: [PhaseUser] = []
  /// Who moves the guest's packets on the host: its vhost threads; nil without any.
  var network: PhaseUser?

  /// Whether a scheduler trace of the host tells of all periods.
  var isCPUKnown: Bool { !served.isEmpty }
}

/// What the change of each phase may come from: what began or grew with it at the place where the excess lies, by how much
/// of the change from Q to C it accounts for.
///
/// Waits for a CPU within H3 are shared out by who was on the CPU meanwhile; H4 and H5 of I/Os beside requests of others,
/// less those of I/Os without, by the others' time on the device; the rest goes to the guest's own load where that
/// grew, else to the device or the host's scheduler. What nothing accounts for is unknown. Where a phase is better than the
/// baseline, what ended or shrank is looked for in the same way.
///
/// Of a host alone the whole is what the guest's requests took on the host and, for each of them, what its threads waited
/// for a CPU.
struct PhaseCauses {
  struct Row {
    let phase: Int
    let kind: CauseKind
    let user: PhaseUser?
    /// Whether it is there in the phase and was not before.
    let began: Bool
    /// Ns for each I/O.
    let explains: Double
    /// Of the change from Q to C; nil where that is 0.
    let share: Double?
    /// Whether it is known what the I/Os felt of it. Of a host alone nobody knows what waits of the guest's threads were
    /// to its I/Os.
    let isPerIO: Bool
    let because: String
    let confidence: Finding.Confidence
  }

  /// By phase, the one that explains most first.
  private(set) var rows: [Row] = []

  /// By how much a user or a load changes at least for it to be a cause.
  private static let grown = 1.25
  /// By how much more a thread is on a CPU at least for others to wait for it.
  private static let more = 1.1
  /// By how much longer requests stand in the host's queue where the thread that submits them stands there, too.
  private static let full = 3.0
  /// By how much a server's time for an I/O does.
  private static let busier = 1.4
  /// Who does less than this part of what it did when things were worse was not there.
  static let leastThere = 0.1
  /// What explains less is left out.
  private static let least = 0.1
  /// From which share on the rest is a row of its own.
  private static let leastUnknown = 0.1
  /// How much more or less the guest's threads wait at least for it to count, ns a second.
  private static let leastWait = 5e7
  /// The same as a part of what they waited.
  private static let leastWaitShare = 0.25
  /// How much more of a CPU one uses at least whom a host alone shows to be the cause of waits.
  private static let leastRun = 0.02
  /// How much more of a CPU the guest's packets take at least to be what holds up its vCPUs.
  private static let leastPackets = 0.05
  /// How much of the threads' time has to move from one node to another.
  private static let moved = 0.3

  private let measures: PhaseMeasures
  private let parts: PhaseParts

  init(
    _ measures: PhaseMeasures, _ phases: [GuestPhases.Phase], _ excess: PhaseExcess,
    _ parts: PhaseParts = PhaseParts()
  ) {
    self.measures = measures
    self.parts = parts
    for (number, phase) in phases.enumerated() where !phase.isBaseline {
      let own = excess.rows.filter {
        $0.phase == number && $0.operation == nil && $0.device == nil
      }
      let block = own.first { $0.hop == .block }?.delta
      // Somebody named it; that does not make it a change.
      guard
        !phase.isNamed
          || excess.rows.contains(where: {
            $0.phase == number && $0.hop == .block && $0.device == nil && $0.isSure
          })
      else { continue }
      let waited = measures.isOfHost ? waits(number) : 0
      // Where one went up and the other down, the larger one is looked at.
      let stay = Double(block ?? 0)
      let whole =
        stay * waited >= 0 ? stay + waited : abs(stay) > abs(waited) ? stay : waited
      guard block != nil || waited != 0, whole != 0 else { continue }
      var deltas: [Hop: Double] = [:]
      for row in own { deltas[row.hop] = Double(row.delta) }
      let queue = own.first { $0.hop == .hostScheduler }.map { row in
        let means = whole > 0 ? (row.baselineMean, row.mean) : (row.mean, row.baselineMean)
        return means.0 > 0 ? Double(means.1) / Double(means.0) : 1
      }
      rows +=
        phase.isStall
        ? stall(number, whole, deltas)
        : causes(number, whole, deltas, threads: waited, hostQueueGrowth: queue ?? 1)
    }
  }

  /// What the guest's threads waited more for a CPU in a phase than in the baseline, ns for each of its requests in the
  /// phase; 0 where that hardly changed.
  private func waits(_ phase: Int) -> Double {
    guard !measures.threadWaits.isEmpty else { return 0 }
    let baseline = measures.periods.baseline
    let change = measures.threadWaits[phase] - measures.threadWaits[baseline]
    let least =
      Self.leastWaitShare
      * min(
        measures.threadWaits[phase], measures.threadWaits[baseline])
    guard abs(change) >= max(Self.leastWait, least) else { return 0 }
    let requests = [measures.arrivals[phase], measures.arrivals[baseline]].first { $0 > 0 }
    return change / (requests ?? 1)
  }

  // MARK: One phase

  private struct Candidate {
    let kind: CauseKind
    let user: PhaseUser?
    let explains: Double
    let because: String
  }

  private func causes(
    _ phase: Int, _ whole: Double, _ deltas: [Hop: Double], threads: Double,
    hostQueueGrowth: Double
  ) -> [Row] {
    // Of two levels the worse one is explained, whichever came first.
    let sign = whole < 0 ? -1.0 : 1.0
    let baseline = measures.periods.baseline
    let (worse, better) = sign > 0 ? (phase, baseline) : (baseline, phase)
    func delta(_ hops: Hop...) -> Double { sign * hops.reduce(0) { $0 + (deltas[$1] ?? 0) } }
    func growth(_ values: [Double]) -> Double {
      guard !values.isEmpty, values[better] > 0 else { return 1 }
      return values[worse] / values[better]
    }
    let words = sign > 0 ? (longer: "longer", more: "more") : (longer: "less time", more: "less")
    var found: [Candidate] = []
    let load = max(growth(measures.arrivals), growth(measures.bytes))
    let isLoaded = load >= Self.grown

    // H3: what was waited for a CPU, by who was on it; the rest.
    let queue = delta(.virtioSubmit, .virtioReturn)
    var queueLeft = queue
    if measures.isOfHost || !measures.cpuWaits.isEmpty, measures.isCPUKnown {
      // Another phase stands for the baseline of the threads; the parts are of the baseline itself.
      let waits =
        measures.standIn == nil
        ? parts.deltas(.cpuWait, of: [.virtioSubmit, .virtioReturn], phase: phase) : [:]
      let waited =
        if measures.isOfHost {
          sign * threads
        } else if waits.isEmpty {
          sign * (measures.cpuWaits[phase] - measures.cpuWaits[baseline])
        } else {
          sign * Double(waits.values.reduce(0, +))
        }
      // One who was there as before is waited for longer where another came: it is not the cause.
      let risen = measures.occupants.map { kind, user in
        kind == .throttle
          || user.rates[worse] >= Self.more * user.rates[better]
            && (!measures.isOfHost || user.rates[worse] - user.rates[better] >= Self.leastRun)
          ? waits.isEmpty
            ? max(0, user.weights[worse] - user.weights[better])
            : max(0, sign * Double(waits[Self.part(kind, user)] ?? 0))
          : 0
      }
      let all = risen.reduce(0, +)
      if waited > 0, all > 0 {
        for (place, occupant) in measures.occupants.enumerated() where risen[place] > 0 {
          let user = occupant.kind == .ownCPU ? ownThread(worse, better) : nil
          found.append(
            Candidate(
              // Of a quota nothing ran.
              kind: occupant.kind,
              user: occupant.kind == .throttle ? nil : user ?? occupant.user,
              explains: waited * risen[place] / all,
              because: Self.occupied(occupant.kind)))
        }
        if !measures.isOfHost { queueLeft -= waited }
      } else if waited > 0, !measures.isOfHost, growth(measures.ran) >= Self.grown,
        let own = ownThread(worse, better)
      {
        // Who wants more of a CPU stands behind those who were there as before.
        found.append(
          Candidate(
            kind: .ownCPU, user: own, explains: waited,
            because:
              "the guest's vCPUs ran for longer, and waited for CPUs that others used as before"))
        queueLeft -= waited
      }
    }
    // A thread that finds no tag for a request waits in the host's queue, with all that it would have submitted next.
    let isHeld =
      measures.isCPUKnown && hostQueueGrowth >= Self.full
      && growth(measures.served) < Self.busier
    let held = isHeld ? max(0, queueLeft) : 0
    let limit = measures.limits.first { $0.rates[worse] > 0 && $0.rates[better] == 0 }
    if queueLeft > 0, !isHeld {
      if let limit {
        found.append(
          Candidate(
            kind: .throttle, user: limit, explains: queueLeft,
            because:
              "its I/Os came through at one even rate while others waited, and nothing else held them"
          ))
      } else if hasMoved(worse, better) {
        found.append(
          Candidate(
            kind: .numa, user: nil, explains: queueLeft,
            because: "the guest's threads ran on other nodes of the host's memory than before"))
      } else if let network = measures.network,
        network.rates[worse] - network.rates[better] >= Self.leastPackets,
        network.rates[worse] >= Self.grown * max(1, growth(measures.served)) * network.rates[better]
      {
        found.append(
          Candidate(
            kind: .network, user: network, explains: queueLeft,
            because: "the host moved more packets for the guest, whose vCPUs handle them, too"))
      } else if growth(measures.served) >= Self.busier, growth(measures.ran) < Self.grown {
        found.append(
          Candidate(
            kind: .virtioRing, user: measures.server, explains: queueLeft,
            because: "the thread that empties the queue needed more CPU time for each request"))
      } else if growth(measures.served) >= Self.busier {
        found.append(
          Candidate(
            kind: .numa, user: nil, explains: queueLeft,
            because: "all of the guest's threads needed more CPU time for the same"))
      } else if isLoaded {
        found.append(ownLoad(queueLeft, worse, better))
      }
    }

    // H4 and H5: what was behind requests of others; the rest.
    let stay = Hop.onHost.reduce(0) { $0 + delta($1) }
    let behind = sign * (measures.behind[phase] ?? 0)
    if behind > 0 {
      let parts = parts.deltas(.behind, of: Hop.onHost, phase: phase)
      let risen = measures.sharers.map { user in
        let own = HopPart(
          .behind, word: user.name == nil ? HopPart.others : nil, name: user.name)
        let more =
          parts.isEmpty
          ? user.weights[worse] - user.weights[better]
          : sign * Double(parts[own] ?? 0)
        return user.weights[worse] > user.weights[better] ? max(0, more) : 0
      }
      let all = risen.reduce(0, +)
      for (place, user) in measures.sharers.enumerated() where risen[place] > 0 {
        found.append(
          Candidate(
            kind: .diskNeighbour, user: user, explains: behind * risen[place] / all,
            because: "I/Os beside its requests on the device took longer than those without"))
      }
    }
    let stayLeft = stay - max(0, behind) + held
    if stayLeft > 0 {
      if isLoaded {
        found.append(ownLoad(stayLeft, worse, better))
      } else if measures.isDeviceKnown, delta(.hostScheduler) > delta(.hardwareQueue) {
        found.append(
          Candidate(
            kind: .hostScheduler, user: nil, explains: stayLeft,
            because:
              "requests waited \(words.longer) in the host's queue although neither the guest nor "
              + "others asked for \(words.more)"
              + (held > 0
                ? "; while it is full, the thread that submits waits for room, too (H3)" : "")
          ))
      } else if measures.isDeviceKnown {
        found.append(
          Candidate(
            kind: .device, user: nil, explains: stayLeft,
            because:
              "the device took \(words.longer) although neither the guest nor others asked for "
              + words.more))
      }
    }

    // What stands in the guest's own queue stands behind what is below.
    let above = delta(.guestScheduler)
    let below = found.reduce(0) { $0 + $1.explains }
    let scale = above > 0 && below > 0 ? 1 + above / below : 1
    if let limit, delta(.belowGuest) > 0 {
      found.append(
        Candidate(
          kind: .throttle, user: limit, explains: max(0, above) + delta(.belowGuest),
          because: "its I/Os came through at the rate that a file states as a limit"))
    } else if isLoaded, below <= 0 || delta(.belowGuest) > 0 {
      let left = max(0, above) + max(0, delta(.belowGuest))
      found.append(ownLoad(left, worse, better))
    }
    let isBelow = delta(.belowGuest) >= 0.5 * sign * whole
    return ranked(
      found, scale: scale, phase, whole, better: better, worse: worse,
      unknown: isBelow
        ? "it lies below the guest, of which these files show nothing"
        : "nothing else changed with it at the place where it lies"
          + (measures.isOfHost ? "; the guest's own part only its own trace tells" : ""))
  }

  /// The part of a hop that waits behind an occupant of the CPUs are.
  private static func part(_ kind: CauseKind, _ user: PhaseUser) -> HopPart {
    kind == .throttle
      ? HopPart(.cpuWait, word: HopPart.throttled) : HopPart(.cpuWait, name: user.name)
  }

  private func ownLoad(_ explains: Double, _ worse: Int, _ better: Int) -> Candidate {
    let most = measures.tasks.max {
      $0.weights[worse] - $0.weights[better] < $1.weights[worse] - $1.weights[better]
    }
    return Candidate(
      kind: .ownLoad, user: most, explains: explains,
      because: "the guest itself asked for more")
  }

  /// Which of the guest's threads was on its CPUs for longer.
  private func ownThread(_ worse: Int, _ better: Int) -> PhaseUser? {
    measures.ownThreads.filter { $0.rates[worse] >= Self.grown * $0.rates[better] }
      .max { $0.rates[worse] - $0.rates[better] < $1.rates[worse] - $1.rates[better] }
  }

  private func hasMoved(_ worse: Int, _ better: Int) -> Bool {
    guard !measures.nodes.isEmpty else { return false }
    let moved = zip(measures.nodes[worse], measures.nodes[better]).map { abs($0 - $1) }
    return moved.reduce(0, +) / 2 >= Self.moved
  }

  private static func occupied(_ kind: CauseKind) -> String {
    switch kind {
    case .throttle: "the guest's threads could run, their CPU was idle, and they did not"
    case .ownCPU: "the guest's own threads were on the CPUs that its other threads waited for"
    default: "it was on the CPUs that the guest's threads waited for"
    }
  }

  private func ranked(
    _ found: [Candidate], scale: Double, _ phase: Int, _ whole: Double, better: Int, worse: Int,
    unknown: String
  ) -> [Row] {
    // The same cause in two places is one.
    var merged: [Candidate] = []
    for candidate in found {
      if let place = merged.firstIndex(where: {
        $0.kind == candidate.kind && $0.user?.name == candidate.user?.name
          && $0.user?.machine == candidate.user?.machine
      }) {
        let other = merged[place]
        merged[place] = Candidate(
          kind: other.kind, user: other.user, explains: other.explains + candidate.explains,
          because: other.because)
      } else {
        merged.append(candidate)
      }
    }
    let size = abs(whole)
    let told = merged.filter { scale * $0.explains >= Self.least * size }
      .sorted { ($1.explains, $0.kind.rawValue) < ($0.explains, $1.kind.rawValue) }
    let direction = whole < 0 ? -1.0 : 1.0
    var rows = told.map { candidate -> Row in
      let explains = scale * candidate.explains
      let isNew =
        candidate.user.map { $0.rates[better] < Self.leastThere * $0.rates[worse] } ?? false
      let isStoodIn =
        measures.standIn != nil && candidate.kind.isOfCPUs
        && !(candidate.kind == .throttle && candidate.user != nil)
      let confidence: Finding.Confidence =
        explains >= 0.5 * size
        ? (isNew && !isStoodIn ? .high : .medium) : explains >= 0.25 * size ? .medium : .low
      return Row(
        phase: phase, kind: candidate.kind, user: candidate.user, began: isNew && whole > 0,
        explains: direction * explains, share: explains / size, isPerIO: isPerIO(candidate.kind),
        because: candidate.because
          + (isStoodIn
            ? "; the scheduler trace begins later than the baseline, so this is the change from phase "
              + "\(measures.standIn ?? 0)" : ""),
        confidence: confidence)
    }
    let rest = size - told.reduce(0) { $0 + scale * $1.explains }
    if rest >= Self.leastUnknown * size {
      rows.append(
        Row(
          phase: phase, kind: .unknown, user: nil, began: false, explains: direction * rest,
          share: rest / size, isPerIO: !measures.isOfHost,
          because: unknown,
          confidence: .none))
    }
    return rows.sorted { ($0.share ?? 0) > ($1.share ?? 0) }
  }

  private func isPerIO(_ kind: CauseKind) -> Bool {
    switch kind {
    case .cpuNeighbour, .ownCPU, .throttle: !measures.isOfHost
    default: true
    }
  }

  /// A time in which nothing was completed comes from where the I/Os waited.
  private func stall(_ phase: Int, _ whole: Double, _ deltas: [Hop: Double]) -> [Row] {
    let most = [Hop.hardwareQueue, .hostScheduler].max { (deltas[$0] ?? 0) < (deltas[$1] ?? 0) }
    let explains = most.flatMap { deltas[$0] } ?? 0
    guard let most, explains >= 0.5 * whole, whole > 0 else {
      return [
        Row(
          phase: phase, kind: .unknown, user: nil, began: false, explains: whole, share: 1,
          isPerIO: !measures.isOfHost,
          because: "nothing was completed, and the requests were not at the host's device",
          confidence: .none)
      ]
    }
    return [
      Row(
        phase: phase, kind: most == .hardwareQueue ? .device : .hostScheduler, user: nil,
        began: true, explains: explains, share: explains / whole, isPerIO: true,
        because: "the device completed nothing while requests were in flight", confidence: .high)
    ]
  }
}
