internal import TraceCorrelation
internal import TraceModel

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
      let total = own.first { $0.hop == .block }
      // Somebody named it; that does not make it a change.
      guard
        !phase.isNamed
          || excess.rows.contains(where: {
            $0.phase == number && $0.hop == .block && $0.device == nil && $0.isSure
          })
      else { continue }
      let waited = measures.isOfHost ? waits(number) : 0
      // Where one went up and the other down, the larger one is looked at.
      let stay = Double(total?.delta ?? 0)
      let whole =
        stay * waited >= 0 ? stay + waited : abs(stay) > abs(waited) ? stay : waited
      guard total != nil || waited != 0, whole != 0 else { continue }
      var deltas: [Hop: Double] = [:]
      for row in own { deltas[row.hop] = Double(row.delta) }
      let queue = own.first { $0.hop == .hostScheduler }.map { row in
        let means = whole > 0 ? (row.baselineMean, row.mean) : (row.mean, row.baselineMean)
        return means.0 > 0 ? Double(means.1) / Double(means.0) : 1
      }
      rows +=
        phase.isStall
        ? stall(number, whole, deltas)
        : causes(
          CauseCandidates.Change(
            number, baseline: measures.periods.baseline, whole: whole, deltas, threadWait: waited,
            hostQueueGrowth: queue ?? 1, isSure: waited != 0 || total?.isSure ?? false))
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

  private func causes(_ change: CauseCandidates.Change) -> [Row] {
    let isBelow = change.belowGuest >= 0.5 * abs(change.whole)
    let isBelowQEMU = change.delta(.backend) >= 0.5 * abs(change.whole)
    return ranked(
      CauseCandidates(measures, parts, change), change,
      unknown: isBelow
        ? "it lies below \(isBelowQEMU ? "QEMU" : "the guest"), of which these files show nothing"
        : "nothing else changed with it at the place where it lies"
          + (measures.isOfHost ? "; the guest's own part only its own trace tells" : ""))
  }

  private func ranked(
    _ candidates: CauseCandidates, _ change: CauseCandidates.Change, unknown: String
  ) -> [Row] {
    let (phase, whole, scale) = (change.phase, change.whole, candidates.scale)
    // The same cause in two places is one.
    var merged: [CauseCandidates.Candidate] = []
    for candidate in candidates.found {
      if let place = merged.firstIndex(where: {
        $0.kind == candidate.kind && $0.user?.name == candidate.user?.name
          && $0.user?.machine == candidate.user?.machine
      }) {
        let other = merged[place]
        merged[place] = CauseCandidates.Candidate(
          kind: other.kind, user: other.user, explains: other.explains + candidate.explains,
          because: other.because, isOfBetter: other.isOfBetter)
      } else {
        merged.append(candidate)
      }
    }
    let size = abs(whole)
    let told = merged.filter { scale * $0.explains >= Self.least * size }
      .sorted { ($1.explains, $0.kind.rawValue) < ($0.explains, $1.kind.rawValue) }
    let direction = whole < 0 ? -1.0 : 1.0
    var rows = told.map { row($0, change, explains: scale * $0.explains) }
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

  private func row(
    _ candidate: CauseCandidates.Candidate, _ change: CauseCandidates.Change, explains: Double
  ) -> Row {
    let isFaster = change.whole < 0
    let share = explains / abs(change.whole)
    let isNew =
      candidate.user.map { $0.rates[change.better] < Self.leastThere * $0.rates[change.worse] }
      ?? false
    let isStoodIn =
      measures.standIn != nil && candidate.kind.isOfCPUs
      && !(candidate.kind == .throttle && candidate.user != nil)
    let confidence: Finding.Confidence =
      switch share {
      // What may be chance has no sure cause.
      case _ where !change.isSure: .low
      case 0.5...: isNew && !isStoodIn ? .high : .medium
      case 0.25...: .medium
      default: .low
      }
    return Row(
      phase: change.phase, kind: candidate.kind, user: candidate.user, began: isNew && !isFaster,
      explains: isFaster ? -explains : explains, share: share, isPerIO: isPerIO(candidate.kind),
      because: (isFaster && !candidate.isOfBetter ? "in the baseline, " : "") + candidate.because
        + (isStoodIn
          ? "; the scheduler trace begins later than the baseline, so this is the change from phase "
            + "\(measures.standIn ?? 0)" : ""),
      confidence: confidence)
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
