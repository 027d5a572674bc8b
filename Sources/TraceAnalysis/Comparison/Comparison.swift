public import TraceModel
public import TraceStore

/// Before against after, from one incident file or several on either side.
public struct Comparison: Sendable {
  /// A side.
  public struct Side: Sendable {
    /// Its files, as they were given.
    public let paths: [String]
  }

  /// Before.
  public let before: Side
  /// After.
  public let after: Side
  /// What was taken for enough.
  public let settings: ComparisonSettings
  /// What the disks had to do.
  public private(set) var loads: [LoadComparison] = []
  /// How the blocks were made.
  public private(set) var statements: [BlockStatement] = []
  /// How the latencies of each disk are distributed, hop by hop.
  public private(set) var distributions: [HopDistributions] = []
  /// All lines: hops first, disk by disk, then other measurements.
  public private(set) var lines: [ComparisonLine] = []
  /// What the comparison as a whole shows.
  public private(set) var findings: [Finding] = []
  /// What was taken for the same under two names, and why.
  public private(set) var pairedByPlace: [String] = []
  /// What was there on one side only.
  public private(set) var onOneSide: [String] = []
  /// What was found within the incidents of one side, and in none of the other.
  public private(set) var findingsOnOneSide: [OneSidedFinding] = []

  /// Compares correlated incident files.
  public init(before: [IncidentFile], after: [IncidentFile], settings: ComparisonSettings) throws {
    self.before = Side(paths: before.map(\.path))
    self.after = Side(paths: after.map(\.path))
    self.settings = settings
    var pairing = try MachinePairing(before, after)
    let disks = try compareDisks(before, after, &pairing)
    try compareSeries(before, after, pairing)
    pairedByPlace = pairing.sentences
    for (load, old) in disks {
      let own = lines.filter {
        $0.guest == load.guest && ($0.device == load.device || $0.device == nil)
      }
      // Read only where it is told: it takes a look at every I/O.
      var waits: (before: WaitParts, after: WaitParts)?
      if own.contains(where: { $0.isRelief }),
        let first = try WaitParts(before, guest: old.machine, device: old.device),
        let second = try WaitParts(after, guest: load.guest, device: load.device)
      {
        waits = (first, second)
      }
      findings +=
        ComparisonFindings(
          load: load, lines: own, runsPerSide: min(before.count, after.count), waits: waits
        ).findings
    }
    findingsOnOneSide = try OneSidedFinding.all(before: before, after: after)
  }

  /// Whether any line can be judged.
  public var canBeJudged: Bool { lines.contains { $0.verdict != .cannotTell } }

  /// Whether a change for the worse was shown.
  public var showsWorse: Bool { lines.contains { $0.verdict == .worse } }

  /// Compares the disks; returns them with their names of before.
  private mutating func compareDisks(
    _ before: [IncidentFile], _ after: [IncidentFile], _ pairing: inout MachinePairing
  ) throws -> [(load: LoadComparison, old: MachinePairing.Device)] {
    let first = try Self.traces(before)
    let second = try Self.traces(after)
    var pairs = first.keys.map { ($0, pairing.device($0.machine, $0.device)) }
      .filter { second[$0.1] != nil }
    let (alone, other) = (
      first.keys.filter { second[pairing.device($0.machine, $0.device)] == nil },
      second.keys.filter { new in !pairs.contains { $0.1 == new } }
    )
    if pairs.isEmpty, alone.count == 1, other.count == 1 {
      pairing.pair(alone[0], with: other[0], because: "the only disk of either side")
      pairs = [(alone[0], other[0])]
    } else {
      onOneSide += alone.map { "\($0.machine) \($0.device) before" }
      onOneSide += other.map { "\($0.machine) \($0.device) after" }
      onOneSide.sort()
    }
    pairs.sort { ($0.0.machine, $0.0.device) < ($1.0.machine, $1.0.device) }
    var compared: [(load: LoadComparison, old: MachinePairing.Device)] = []
    for (old, new) in pairs {
      guard let tracesBefore = first[old], let tracesAfter = second[new] else { continue }
      let disk = DiskComparison(
        guest: new.machine, device: new.device, before: tracesBefore, after: tracesAfter,
        settings: settings)
      loads.append(disk.load)
      statements += disk.statements
      distributions += disk.distributions
      lines += disk.lines
      compared.append((disk.load, old))
      if let below = try MachinePairing.below(old, in: before),
        let belowAfter = try MachinePairing.below(new, in: after)
      {
        pairing.pair(below, with: belowAfter, because: "below the same disk")
      }
    }
    return compared
  }

  private mutating func compareSeries(
    _ before: [IncidentFile], _ after: [IncidentFile], _ pairing: MachinePairing
  ) throws {
    let first = try before.enumerated().flatMap {
      try SeriesReading($1, run: $0, pairing: pairing).series
    }
    let second = try after.enumerated().flatMap {
      try SeriesReading($1, run: $0, pairing: MachinePairing()).series
    }
    let series = SeriesComparison(first, second, loads: loads, settings: settings)
    lines += series.lines
    statements += series.statements
  }

  private typealias Traces = [MachinePairing.Device: [DiskComparison.Trace]]

  private static func traces(_ files: [IncidentFile]) throws -> Traces {
    var traces: Traces = [:]
    for (run, file) in files.enumerated() {
      for samples in try file.diskSamples() {
        guard let trace = DiskComparison.Trace(run: run, samples) else { continue }
        let disk = MachinePairing.Device(machine: samples.guest, device: samples.device)
        traces[disk, default: []].append(trace)
      }
    }
    return traces
  }
}
