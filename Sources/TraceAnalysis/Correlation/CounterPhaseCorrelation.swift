internal import Glibc
internal import TraceModel
internal import TraceStore

/// The phases of machines of which only counters tell: guests without a block trace that no host's traces show, and hosts
/// where no guest has phases at all. Counters tell that something changed and in which interval, and seldom because of
/// whom: all of it is of low confidence.
struct CounterPhaseCorrelation: CorrelationPass {
  static let fills = ["guest_phase", "phase_candidate"]

  private struct Story {
    let signals: CounterSignals
    let isHost: Bool
    /// The first moment, ns since 1970: 0 of the phases.
    let zero: Int64
    let phases: [GuestPhases.Phase]
    /// The ESXi host whose esxtop tells of it; nil where its own files do.
    let esx: String?
    var causes: [(phase: Int, row: Cause)] = []

    /// A phase, in ns since 1970.
    func times(_ phase: GuestPhases.Phase) -> Range<Int64> {
      phase.range.lowerBound + zero..<phase.range.upperBound + zero
    }
  }

  /// What a phase may come from.
  struct Cause {
    let kind: CauseKind
    var name: String?
    var machine: String?
    var rates: (before: Double, after: Double)?
    var unit: String?
    let because: String
  }

  private var stories: [Story] = []

  init(_ context: CorrelationContext) throws {
    let told = Set(context.stories.map(\.population.guest))
    let hosts = try context.machineNames(.host).sorted().map {
      try CounterSignals($0, context.file)
    }
    for guest in try context.machineNames(.guest).sorted() where !told.contains(guest) {
      add(try CounterSignals(guest, context.file), isHost: false)
    }
    if told.isEmpty { for host in hosts { add(host, isHost: true) } }
    for place in stories.indices {
      let others = stories[place].isHost ? [] : hosts
      stories[place].causes = Self.causes(of: stories[place], hosts: others)
    }
    // Where guests' own traces tell more, nothing is said of other VMs.
    if told.isEmpty { try addVMs(context) }
  }

  private mutating func add(_ signals: CounterSignals, isHost: Bool, esx: String? = nil) {
    guard let grid = signals.grid else { return }
    let zeroed = BlockGrid(
      from: 0, to: grid.length * Int64(grid.count) - 1, length: grid.length, most: .max)
    let phases = GuestPhases(counters: signals.amounts(from: grid), zeroed).phases
    // Of the many VMs of a host those that changed have something to tell.
    guard esx == nil || phases.count > 1 else { return }
    stories.append(
      Story(signals: signals, isHost: isHost, zero: grid.start, phases: phases, esx: esx))
  }

  /// The VMs of ESXi hosts, by the rows of esxtop; those whose own counters are here are told by these.
  private mutating func addVMs(_ context: CorrelationContext) throws {
    let known = Set(stories.map(\.signals.machine))
    for loads in try context.file.esxLoads() {
      let neighbours = EsxPhaseCauses(loads)
      for vm in loads.names where !known.contains(vm) {
        let signals = CounterSignals(vm: vm, of: loads)
        guard signals.mayHaveChanged else { continue }
        let before = stories.count
        add(signals, isHost: false, esx: loads.host)
        guard stories.count > before else { continue }
        let story = stories[before]
        // What is there in a phase and was not in the baseline: of several that overlap each has a begin and an end.
        let usual = story.phases.filter(\.isBaseline).map(story.times)
        stories[before].causes = story.phases.indices.filter { !story.phases[$0].isBaseline }
          .flatMap { place in
            let own = [story.times(story.phases[place])]
            return neighbours.causes(of: signals, (usual, own)).map { (phase: place, row: $0) }
          }
      }
    }
  }

  // MARK: - Causes

  /// By how much more of it there is for a load to be a cause.
  static let grown = 1.25
  /// Requests of a host's disk a second that are more at least.
  static let leastRate = 5.0
  /// Shares of CPU time that are more at least: stolen, used by the machine, used on one CPU.
  static let (leastSteal, leastUse, leastCPU) = (0.05, 0.15, 0.3)

  private static func causes(
    of story: Story, hosts: [CounterSignals]
  ) -> [(phase: Int, row: Cause)] {
    func moments(_ place: Int) -> [Range<Int64>] { [story.times(story.phases[place])] }
    // The first is the baseline. What changed since the phase before, not since the baseline: a load may have begun
    // before a neighbour came.
    return story.phases.indices.filter { !story.phases[$0].isBaseline }.flatMap { place in
      let times = (moments(place - 1), moments(place))
      let rows = story.isHost ? hostCauses(story, times) : guestCauses(story, times, hosts)
      return rows.map { (place, $0) }
    }
  }

  /// The means of a signal in a phase and in the one before.
  private struct Change {
    let signal: CounterSignals.Signal
    let machine: String
    let before: Double
    let after: Double

    init?(
      _ signal: CounterSignals.Signal, of machine: String,
      _ times: (before: [Range<Int64>], after: [Range<Int64>])
    ) {
      guard let before = signal.mean(times.before), let after = signal.mean(times.after) else {
        return nil
      }
      (self.signal, self.machine, self.before, self.after) = (signal, machine, before, after)
    }
  }

  private static func changes(
    _ signals: CounterSignals, _ times: ([Range<Int64>], [Range<Int64>])
  ) -> [Change] {
    signals.signals.compactMap { Change($0, of: signals.machine, times) }
  }

  /// Of two levels the worse one is explained: with the longer waits of the disk whose waits changed most, else with
  /// more stolen time, else with more of all.
  private static func isWorse(_ own: [Change]) -> Bool {
    let waits = own.filter { $0.signal.kind == .await && min($0.before, $0.after) > 0 }
      .map { log($0.after / $0.before) }.max { abs($0) < abs($1) }
    if let waits, abs(waits) >= log(grown) { return waits > 0 }
    let steal = own.first { $0.signal.kind == .steal }.map { $0.after - $0.before } ?? 0
    if abs(steal) >= leastSteal { return steal > 0 }
    return own.filter { $0.signal.kind != .await }.reduce(0) { $0 + ($1.after - $1.before) } >= 0
  }

  private static func guestCauses(
    _ story: Story, _ times: ([Range<Int64>], [Range<Int64>]), _ hosts: [CounterSignals]
  ) -> [Cause] {
    let own = changes(story.signals, times)
    let sign = isWorse(own) ? 1.0 : -1.0
    var found: [Cause] = []
    let rates = own.filter { $0.signal.kind == .rate && !$0.signal.isPart }
    let load = (
      before: rates.reduce(0) { $0 + $1.before }, after: rates.reduce(0) { $0 + $1.after }
    )
    let isLoaded = hasGrown(load, sign, least: leastRate)
    if isLoaded {
      found.append(
        Cause(
          kind: .ownLoad, machine: story.signals.machine, rates: load, unit: "requests/s",
          because: "the guest itself asked for more, by its disks' counters"))
    } else {
      found += hosts.flatMap { disks($0, times, sign) }
    }
    for change in own where change.signal.kind == .steal {
      guard sign * (change.after - change.before) >= leastSteal else { continue }
      found.append(
        Cause(
          kind: .cpuNeighbour,
          rates: (100 * change.before, 100 * change.after), unit: "% of its CPU time stolen",
          because:
            "the guest counted more stolen time: who had the CPUs, or whether it was a quota, only its host "
            + "tells"))
    }
    for change in own where change.signal.kind == .busy && change.signal.object.isEmpty {
      guard sign * (change.after - change.before) >= leastUse else { continue }
      found.append(
        Cause(
          kind: .ownCPU, machine: story.signals.machine,
          rates: (100 * change.before, 100 * change.after), unit: "% of its CPU time",
          because: "the guest itself used its CPUs more"))
    }
    return found.isEmpty
      ? [
        Cause(
          kind: .unknown,
          because: "no counter of these files shows what else changed with it")
      ] : found
  }

  private static func hostCauses(
    _ story: Story, _ times: ([Range<Int64>], [Range<Int64>])
  ) -> [Cause] {
    let sign = isWorse(changes(story.signals, times)) ? 1.0 : -1.0
    var found = disks(story.signals, times, sign)
    let cpus = changes(story.signals, times).filter {
      $0.signal.kind == .busy && !$0.signal.object.isEmpty
        && max(sign * ($0.after - $0.before), $0.after - $0.before) >= leastCPU
    }.sorted { abs($0.after - $0.before) > abs($1.after - $1.before) }
    // What the disks did less of may have given way to what the CPUs do more of.
    found += cpus.map { change in
      Cause(
        kind: .cpuNeighbour, name: change.signal.name, machine: story.signals.machine,
        rates: (100 * change.before, 100 * change.after), unit: "% of its time",
        because: "how much this CPU was used changed: by which thread no counter tells")
    }
    return found.isEmpty
      ? [
        Cause(kind: .unknown, because: "no counter of these files shows what else changed with it")
      ]
      : found
  }

  /// The disks of a host that were asked for more, the one that grew most first; where partitions tell it more
  /// closely, these.
  private static func disks(
    _ host: CounterSignals, _ times: ([Range<Int64>], [Range<Int64>]), _ sign: Double
  ) -> [Cause] {
    let all = changes(host, times).filter { $0.signal.kind == .rate }
    let grown = all.filter { hasGrown(($0.before, $0.after), sign, least: leastRate) }
    let parts = grown.filter(\.signal.isPart)
    let shown = grown.filter { change in
      change.signal.isPart || !parts.contains { $0.signal.name.hasPrefix(change.signal.name) }
    }
    return shown.sorted { sign * ($0.after - $0.before) > sign * ($1.after - $1.before) }
      .map { change in
        Cause(
          kind: .diskNeighbour, name: change.signal.name, machine: host.machine,
          rates: (change.before, change.after), unit: "requests/s",
          because:
            "this disk or partition of the host was asked for more: by which process no counter tells"
        )
      }
  }

  static func hasGrown(
    _ rates: (before: Double, after: Double), _ sign: Double, least: Double
  ) -> Bool {
    let (better, worse) = sign > 0 ? rates : (rates.after, rates.before)
    return worse >= grown * better && worse - better >= least
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for story in stories {
      let guest: StoredValue = story.isHost ? .null : .text(story.signals.machine)
      for (number, phase) in story.phases.enumerated() {
        try writer.add(
          to: "guest_phase",
          [
            "guest": guest, "phase": .integer(Int64(number)),
            "from_ns": .integer(phase.range.lowerBound), "to_ns": .integer(phase.range.upperBound),
            "is_baseline": .integer(phase.isBaseline ? 1 : 0),
            "onset_error_ns": StoredValue(phase.onsetError),
            "signals": .text(phase.signals.joined(separator: ", ")),
            "confidence": .text(Finding.Confidence.low.name),
            "because": .text(
              number == 0
                ? "it is the first"
                : "intervals of the counters in random order hardly ever differ as much (200 orders tried)"
            ),
            "seen_by": .text("counters"),
            "machine": .text(story.esx ?? story.signals.machine),
            "zero_unix_ns": StoredValue(story.signals.isUTC ? story.zero : nil),
          ])
      }
      var ranks: [Int: Int64] = [:]
      for (place, cause) in story.causes {
        ranks[place, default: 0] += 1
        try writer.add(
          to: "phase_candidate",
          [
            "guest": guest, "device": .null, "phase": .integer(Int64(place)),
            "rank": .integer(ranks[place] ?? 0), "kind": .text(cause.kind.rawValue),
            "name": StoredValue(cause.name),
            // Whose the phase is, where there is no guest.
            "machine": StoredValue(cause.machine ?? (story.isHost ? story.signals.machine : nil)),
            "pid": .null,
            "began_ns": .null, "ended_ns": .null,
            "rate_before": StoredValue(cause.rates?.before),
            "rate_after": StoredValue(cause.rates?.after), "rate_unit": StoredValue(cause.unit),
            "explains_ns": .null, "share": .null,
            "confidence": .text(
              (cause.kind == .unknown ? Finding.Confidence.none : .low).name),
            "because": .text(cause.because),
            "evidence_sql": .text(
              "SELECT * FROM counter_value WHERE machine = "
                + (story.esx.map {
                  "\(Evidence.literal($0)) AND owner = \(Evidence.literal(story.signals.machine))"
                } ?? Evidence.literal(story.signals.machine))),
          ])
      }
    }
  }
}
