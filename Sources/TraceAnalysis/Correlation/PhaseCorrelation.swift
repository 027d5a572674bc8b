internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// A guest's phases, and what changed between them.
struct PhaseStory {
  let population: PhasePopulation
  let phases: [GuestPhases.Phase]
  let excess: PhaseExcess
  /// What its threads asked of the host's devices, of a guest without a block trace.
  let requests: HostRequests?
  /// What the guest itself counted as stolen, where no host's trace shows its threads.
  let stolen: StolenTime?

  init(
    _ population: PhasePopulation, _ phases: [GuestPhases.Phase], requests: HostRequests? = nil,
    stolen: StolenTime? = nil
  ) {
    self.stolen = stolen
    (self.population, self.phases, self.requests) = (population, phases, requests)
    excess = PhaseExcess(population, phases)
  }
}

/// In which phases each guest's I/O behaved alike, and by how much each hop changed from the usual ones to the others.
struct PhaseCorrelation: CorrelationPass {
  static let fills = ["cleared_layer", "guest_phase", "hop_excess"]

  private var stories: [PhaseStory] = []

  /// Nothing is completed for so long, ns, and for so many times what hardly a request takes: a phase of its own, however
  /// short. What is shorter is part of a phase.
  private static let leastStall: (time: Int64, times: Int64) = (100_000_000, 20)

  init(_ context: CorrelationContext) throws {
    let devices = Dictionary(uniqueKeysWithValues: context.streams.map { ($0.stream, $0.device) })
    let machines = Dictionary(
      uniqueKeysWithValues: context.guests.map { ($0.stream, $0.machine) })
    let own = Dictionary(grouping: context.disks) { machines[$0.disk] ?? "" }
    for (guest, disks) in own.sorted(by: { $0.key < $1.key }) {
      let population = PhasePopulation(
        guest: guest, disks.map { (devices[$0.disk] ?? "", $0.ios) })
      let queues = disks.map { disk in
        disk.device.map { ($0, Hop.hardwareQueue) } ?? (disk.disk, .virtioQueue)
      }
      let phases = GuestPhases(
        population, context.waits[guest].map { [$0] } ?? [],
        Self.interruptions(of: queues, context, population),
        context.windows[guest] ?? NamedWindows()
      ).phases
      guard !phases.isEmpty else { continue }
      stories.append(
        PhaseStory(
          population, phases, stolen: context.waits[guest] == nil ? context.stolen[guest] : nil))
    }
    let alone = try HostRequests.all(context)
    for requests in alone {
      let waits = [context.waits[requests.guest], context.neighbourWaits[requests.guest]]
        .compactMap(\.self)
      let population = requests.population(threads: waits.first?.span)
      let queues = requests.devices.map { ($0.stream, Hop.hardwareQueue) }
      let phases = GuestPhases(
        population, waits, Self.interruptions(of: queues, context, population),
        context.windows[requests.guest] ?? NamedWindows()
      ).phases
      guard !phases.isEmpty else { continue }
      stories.append(PhaseStory(population, phases, requests: requests))
    }
    context.stories = stories
  }

  /// When nothing was completed in some queues, or the guest stood still, for much longer than I/Os usually take.
  private static func interruptions(
    of queues: [(stream: Int32, hop: Hop)], _ context: CorrelationContext,
    _ population: PhasePopulation
  ) -> GuestPhases.Interruptions {
    var usual = LatencyHistogram()
    population.forEach { _, _, io in
      let times = [Hop.hardwareQueue, .backend, .belowGuest].lazy.map { io.times[$0] }
      let time = times.first(where: \.isSeen)?.nanoseconds
      if let time { usual.add(time) }
    }
    let rare = Swift.min(Stamp.range.upperBound / leastStall.times, usual.quantile(0.99) ?? 0)
    let least = max(leastStall.time, leastStall.times * rare)
    let pauses = (context.pauses[population.guest] ?? []).filter { $0.length >= least }
    let found = context.stalls.filter { stall in
      stall.length >= least && stall.held > 0
        // Where the guest stood still as a whole, the device did not.
        && !pauses.contains { $0.holds(stall) }
        && queues.contains { stall.stream == $0.stream && stall.hop == $0.hop }
    }
    var stalls: [Range<Int64>] = []
    for stall in found.sorted(by: { $0.at < $1.at }) {
      let range = stall.at..<Stamp.sum(stall.at, max(1, stall.length))
      if let last = stalls.last, last.upperBound >= range.lowerBound {
        stalls[stalls.count - 1] =
          last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        stalls.append(range)
      }
    }
    return GuestPhases.Interruptions(
      stalls: stalls,
      pauses: pauses.map {
        ($0.range.from..<max(Stamp.sum($0.range.from, 1), $0.range.to), $0.length)
      })
  }

  // MARK: - Rows

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for story in stories {
      for (number, phase) in story.phases.enumerated() {
        try writer.add(
          to: "guest_phase",
          [
            "guest": .text(story.population.guest), "phase": .integer(Int64(number)),
            "from_ns": .integer(phase.range.lowerBound), "to_ns": .integer(phase.range.upperBound),
            "is_baseline": .integer(phase.isBaseline ? 1 : 0),
            "onset_error_ns": StoredValue(phase.onsetError),
            "signals": .text(phase.signals.joined(separator: ", ")),
            "confidence": .text(phase.confidence.name), "because": .text(phase.because),
            "seen_by": .text(story.population.side.rawValue),
            "machine": .text(story.requests?.machine ?? story.population.guest),
            "zero_unix_ns": .null,
          ])
      }
      for (number, phase) in story.phases.enumerated() where !phase.isBaseline && !phase.isStall {
        guard let row = story.stolen?.cleared(number, story.phases, story.excess) else { continue }
        try writer.add(
          to: "cleared_layer",
          [
            "guest": .text(story.population.guest), "device": .null,
            "phase": .integer(Int64(number)), "layer": .text(GuestStory.stolenLayer),
            "low_ns": .real(row.low), "high_ns": .real(row.high),
            "because": .text(
              "what the guest counted as stolen, for each of its I/Os, changed by less than a tenth of the whole"
            ),
          ])
      }
      for row in story.excess.rows { try Self.add(row, of: story.population, to: writer) }
      for row in story.excess.cleared {
        try writer.add(
          to: "cleared_layer",
          [
            "guest": .text(story.population.guest),
            "device": StoredValue(row.device.map { story.population.devices[$0] }),
            "phase": .integer(Int64(row.phase)), "layer": .text(row.hop.name),
            "low_ns": .real(row.low), "high_ns": .real(row.high),
            "because": .text("its change lies within a tenth of the whole"),
          ])
      }
    }
  }

  /// Adds a hop, or a part of it.
  static func add(
    _ row: PhaseExcess.Row, part: PhaseParts.Row? = nil, of population: PhasePopulation,
    to writer: CorrelationWriter
  ) throws {
    let (before, after) = part == nil ? (row.baselineQuantiles, row.quantiles) : (nil, nil)
    let interval = part.map(\.interval) ?? row.interval
    try writer.add(
      to: "hop_excess",
      [
        "guest": .text(population.guest),
        "device": StoredValue(row.device.map { population.devices[$0] }),
        "op": .text(row.operation?.name ?? "all"), "phase": .integer(Int64(row.phase)),
        "hop": .text(row.hop.name), "part": StoredValue(part?.part.label),
        "part_name": StoredValue(part?.part.name),
        "baseline_count": .integer(row.baselineCount), "phase_count": .integer(row.count),
        "baseline_mean_ns": .integer(part?.baselineMean ?? row.baselineMean),
        "phase_mean_ns": .integer(part?.mean ?? row.mean),
        "delta_ns": .integer(part?.delta ?? row.delta), "low_ns": StoredValue(interval?.low),
        "high_ns": StoredValue(interval?.high),
        "share": StoredValue(part.map(\.share) ?? row.share),
        "baseline_p50_ns": StoredValue(before?.p50), "phase_p50_ns": StoredValue(after?.p50),
        "baseline_p90_ns": StoredValue(before?.p90), "phase_p90_ns": StoredValue(after?.p90),
        "baseline_p99_ns": StoredValue(before?.p99), "phase_p99_ns": StoredValue(after?.p99),
      ])
  }
}

extension GuestPhases.Phase {
  /// A phase that is shorter may be latencies that go up and down by themselves, ns.
  private static let sure: Int64 = 1_500_000_000
  /// A change that cannot be placed better may be a slow one, ns.
  private static let sharp: Int64 = 250_000_000
  /// Changes of a mean from which on they hardly are.
  private static let (overt, clear) = (0.25, 0.1)

  /// Latencies of a real capture wander: what is small, or short, and shows in nothing else may be that.
  fileprivate var confidence: Finding.Confidence {
    if isNamed { return signals.isEmpty ? .low : .medium }
    if onsetError == nil || isStall { return .high }
    let isLong = range.upperBound - range.lowerBound >= Self.sure
    let isStep = showsInWaits || change >= Self.overt && (onsetError ?? 0) <= Self.sharp
    if isStep { return isLong ? .high : .medium }
    return change >= Self.clear && isLong ? .medium : .low
  }

  fileprivate var because: String {
    if isNamed {
      return "a person named its time; "
        + (signals.isEmpty
          ? "no latency differs by more than chance" : "latencies differ by more than chance")
    }
    if onsetError == nil { return "it is the first" }
    if isStall { return "nothing was completed while requests were in flight" }
    return "blocks of time in random order hardly ever differ as much (200 orders tried)"
      + (showsInWaits ? "; the guest's waits for CPUs changed" + (change > 0 ? ", too" : "") : "")
  }
}

extension PauseSearch.Pause {
  /// Whether a time without a completion is the pause: most of both is the same.
  fileprivate func holds(_ stall: QueueStallRow) -> Bool {
    // A host that runs on sees for itself that its device stalls.
    guard isHostStill || stall.hop == .virtioQueue else { return false }
    let common = Span(from: stall.at, to: Stamp.sum(stall.at, stall.length)).overlap(range)
    return common >= stall.length / 2 && common >= length / 2
  }
}
