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
  /// What was there on one side only.
  public private(set) var onOneSide: [String] = []
  /// What was found within the incidents of one side, and in none of the other.
  public private(set) var findingsOnOneSide: [OneSidedFinding] = []

  /// Compares correlated incident files.
  public init(before: [IncidentFile], after: [IncidentFile], settings: ComparisonSettings) throws {
    self.before = Side(paths: before.map(\.path))
    self.after = Side(paths: after.map(\.path))
    self.settings = settings
    let disks = try compareDisks(before, after)
    try compareSeries(before, after)
    for (load, old) in disks {
      let own = lines.filter {
        $0.guest == load.guest && ($0.device == load.device || $0.device == nil)
      }
      // Read only where it is told: it takes a look at every I/O.
      var waits: (before: WaitParts, after: WaitParts)?
      if own.contains(where: { $0.isRelief }),
        let first = try WaitParts(before, guest: old.guest, device: old.device),
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

  private struct Disk: Hashable {
    let guest: String
    let device: String
  }

  /// Compares the disks; returns them with their names of before.
  private mutating func compareDisks(
    _ before: [IncidentFile], _ after: [IncidentFile]
  ) throws -> [(load: LoadComparison, old: Disk)] {
    let first = try Self.traces(before)
    let second = try Self.traces(after)
    var pairs = Set(first.keys).intersection(second.keys).map { ($0, $0) }
    let (alone, other) = (
      first.keys.filter { second[$0] == nil }, second.keys.filter { first[$0] == nil }
    )
    if pairs.isEmpty, alone.count == 1, other.count == 1 {
      // The only disk of either side, under another name.
      pairs = [(alone[0], other[0])]
    } else {
      onOneSide += alone.map { "\($0.guest) \($0.device) before" }
      onOneSide += other.map { "\($0.guest) \($0.device) after" }
      onOneSide.sort()
    }
    var compared: [(load: LoadComparison, old: Disk)] = []
    for (old, new) in pairs.sorted(by: { ($0.0.guest, $0.0.device) < ($1.0.guest, $1.0.device) }) {
      guard let tracesBefore = first[old], let tracesAfter = second[new] else { continue }
      let disk = DiskComparison(
        guest: new.guest, device: new.device, before: tracesBefore, after: tracesAfter,
        settings: settings)
      loads.append(disk.load)
      statements += disk.statements
      distributions += disk.distributions
      lines += disk.lines
      compared.append((disk.load, old))
    }
    return compared
  }

  private mutating func compareSeries(_ before: [IncidentFile], _ after: [IncidentFile]) throws {
    let first = try before.enumerated().flatMap { try SeriesReading($1, run: $0).series }
    let second = try after.enumerated().flatMap { try SeriesReading($1, run: $0).series }
    let series = SeriesComparison(
      MeasuredSeries.renamed(first, as: second), second, loads: loads, settings: settings)
    lines += series.lines
    statements += series.statements
  }

  private static func traces(_ files: [IncidentFile]) throws -> [Disk: [DiskComparison.Trace]] {
    var traces: [Disk: [DiskComparison.Trace]] = [:]
    for (run, file) in files.enumerated() {
      for samples in try file.diskSamples() {
        guard let trace = DiskComparison.Trace(run: run, samples) else { continue }
        traces[Disk(guest: samples.guest, device: samples.device), default: []].append(trace)
      }
    }
    return traces
  }
}
