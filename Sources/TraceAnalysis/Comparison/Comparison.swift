public import TraceModel
public import TraceStore

/// Before against after, from one incident file or several on either side.
public struct Comparison: Sendable {
  /// A side.
  public struct Side: Sendable {
    /// Its files, as they were given.
    public let paths: [String]
    /// The window of its only file that is compared, moments of the timeline in ns; nil: all of its files.
    public let window: Range<Int64>?

    fileprivate init(_ recordings: [Recording]) {
      paths = recordings.map(\.file.path)
      window = recordings.first?.window
    }
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
  /// What the windows' moments are counted on; nil where incidents are compared.
  public let timeline: Timeline?
  /// What cannot be judged from two windows of one incident; empty where incidents are compared.
  public private(set) var notJudged: [String] = []
  /// Which settings differ; nil where two windows of one incident are compared.
  public private(set) var setup: SetupComparison?
  /// Neighbours, pauses and limits of each disk.
  public private(set) var disturbances: [Disturbance] = []
  /// What all of it shows.
  public private(set) var outcome: ComparisonOutcome
  /// What guests call their disks, by guest and device; those that no file names are missing.
  public private(set) var diskNames: [String: [String: String]] = [:]

  /// Compares correlated incident files.
  public init(before: [IncidentFile], after: [IncidentFile], settings: ComparisonSettings) throws {
    try self.init(
      before: before.map { Recording($0) }, after: after.map { Recording($0) }, settings: settings)
  }

  /// Compares two windows of a correlated incident file, which do not overlap; of one guest, or of all. The I/Os of a window
  /// are those whose Q lies in it.
  public init(
    within file: IncidentFile, before: Range<Int64>, after: Range<Int64>, guest: String?,
    settings: ComparisonSettings
  ) throws {
    try self.init(
      before: [Recording(file, window: before, guest: guest)],
      after: [Recording(file, window: after, guest: guest)], settings: settings)
  }

  private init(before: [Recording], after: [Recording], settings: ComparisonSettings) throws {
    self.before = Side(before)
    self.after = Side(after)
    self.settings = settings
    let windows = before.first.flatMap { first in
      first.window == nil ? nil : after.first.map { (before: first, after: $0) }
    }
    timeline = try windows.flatMap { try $0.before.file.timelines(of: $0.before.guest).first }
    // What is not one capture compares with nothing.
    let files = windows.map { [$0.before.file] } ?? (before + after).map(\.file)
    let mixed = try files.flatMap { file in
      try file.findings().filter { $0.code == .capturesMixed }.map { $0.of(file) }
    }
    outcome = ComparisonOutcome(loads: [], lines: [], isMixed: !mixed.isEmpty)
    guard mixed.isEmpty else {
      findings = mixed
      return
    }
    var pairing = try MachinePairing(before, after)
    let disks = try compareDisks(before, after, &pairing)
    try compareSeries(before, after, pairing)
    pairedByPlace = pairing.sentences
    outcome = ComparisonOutcome(loads: loads, lines: lines, isMixed: false)
    if windows == nil { setup = try SetupComparison(before, after, pairing) }
    try readNames(after.map(\.file))
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
      let beside = try DisturbanceReading(
        before, after, old: old, load: load, share: virtioShare(own)
      ).found
        .filter { one in
          // What is about a guest as a whole stands once, however many disks it has.
          one.device != nil
            || !disturbances.contains {
              $0.guest == one.guest && $0.kind == one.kind && $0.device == nil
            }
        }
      disturbances += beside
      findings +=
        ComparisonFindings(
          load: load, lines: own, runsPerSide: min(before.count, after.count), waits: waits,
          disturbances: disturbances.filter {
            $0.guest == load.guest && ($0.device == nil || $0.device == load.device)
          }, windows: windows
        ).findings
    }
    findingsOnOneSide = try OneSidedFinding.all(before: before, after: after)
    if windows != nil {
      let judging = Set(allRules.filter { $0.judgesSelections != nil }.map(\.code))
      let codes = allRules.filter { !judging.contains($0.code) && !$0.about.isInput }
        .map(\.code.rawValue)
      notJudged.append(
        "findings of rules that need the whole capture: \(codes.joined(separator: ", "))")
    }
  }

  /// Whether any line can be judged.
  public var canBeJudged: Bool { lines.contains { $0.verdict != .cannotTell } }

  /// Whether a change for the worse was shown.
  public var showsWorse: Bool { lines.contains { $0.verdict == .worse } }

  /// Compares the disks; returns them with their names of before.
  private mutating func compareDisks(
    _ before: [Recording], _ after: [Recording], _ pairing: inout MachinePairing
  ) throws -> [(load: LoadComparison, old: MachinePairing.Device)] {
    var (first, second) = (try DiskReading(before), try DiskReading(after))
    var pairs = first.disks.map { ($0, pairing.device($0.machine, $0.device)) }
      .filter { second.disks.contains($0.1) }
    let (alone, other) = (
      first.disks.filter { !second.disks.contains(pairing.device($0.machine, $0.device)) },
      second.disks.filter { new in !pairs.contains { $0.1 == new } }
    )
    if pairs.isEmpty, alone.count == 1, other.count == 1 {
      pairs = zip(alone, other).map { ($0, $1) }
      pairing.pair(pairs[0].0, with: pairs[0].1, because: "the only disk of either side")
    } else {
      // A disk that changed its name, as one with another driver does, lies where it lay.
      for old in alone.sorted(by: { $0.device < $1.device }) {
        guard let below = try MachinePairing.below(old, in: before) else { continue }
        let place = pairing.device(below.machine, below.device)
        let onIt = try other.filter { new in
          try new.machine == pairing.machine(old.machine)
            && MachinePairing.below(new, in: after) == place
        }
        let besides = try alone.filter {
          try $0 != old && MachinePairing.below($0, in: before) == below
        }
        guard let new = onIt.first, onIt.count == 1, besides.isEmpty else { continue }
        pairing.pair(old, with: new, because: "on \(place.device) of \(place.machine)")
        pairs.append((old, new))
      }
      let paired = (pairs.map(\.0), pairs.map(\.1))
      onOneSide += alone.filter { !paired.0.contains($0) }.map {
        "\($0.machine) \($0.device) before"
      }
      onOneSide += other.filter { !paired.1.contains($0) }.map {
        "\($0.machine) \($0.device) after"
      }
      onOneSide.sort()
    }
    // One population on both sides: where a side has no host, none of its I/Os was matched.
    for (old, new) in pairs where first.isJoined(old) != second.isJoined(new) {
      first.countAll(of: old)
      second.countAll(of: new)
    }
    pairs.sort { ($0.0.machine, $0.0.device) < ($1.0.machine, $1.0.device) }
    let surveys = (
      try first.surveys(of: pairs.map(\.0)), try second.surveys(of: pairs.map(\.1))
    )
    var next = 0
    while next < pairs.count {
      // As many disks at a time as their counts leave room for, one at least.
      let from = next
      var disks: [DiskComparison] = []
      while next < pairs.count, disks.reduce(0, { $0 + $1.size }) < Self.roomForCounts {
        disks.append(
          DiskComparison(
            guest: pairs[next].1.machine, device: pairs[next].1.device, before: surveys.0[next],
            after: surveys.1[next], settings: settings))
        next += 1
      }
      let read = pairs[from..<next]
      try first.forEachIO(of: read.map(\.0)) { disks[$0].before.add($2, of: $1) }
      try second.forEachIO(of: read.map(\.1)) { disks[$0].after.add($2, of: $1) }
      for disk in disks { add(disk) }
    }
    for (old, new) in pairs {
      if let below = try MachinePairing.below(old, in: before),
        let belowAfter = try MachinePairing.below(new, in: after)
      {
        pairing.pair(below, with: belowAfter, because: "below the same disk")
      }
    }
    return zip(loads, pairs).map { ($0, $1.0) }
  }

  /// The part of the time from Q to C that lies in H3 on either side; nil where that is not known.
  private func virtioShare(_ lines: [ComparisonLine]) -> (before: Double?, after: Double?) {
    func mean(_ hop: Hop) -> ComparisonLine? {
      lines.first {
        $0.subject == hop.name && $0.op == BlockOperation.together && $0.statistic == .mean
      }
    }
    guard let own = mean(.virtioQueue), let whole = mean(.block) else { return (nil, nil) }
    func share(_ part: Double?, _ all: Double?) -> Double? {
      guard let part, let all, all > 0 else { return nil }
      return part / all
    }
    return (share(own.before, whole.before), share(own.after, whole.after))
  }

  /// What the guests of after call their disks.
  private mutating func readNames(_ files: [IncidentFile]) throws {
    for names in try files.map({ try $0.deviceNames() }) {
      diskNames.merge(names) { known, new in known.merging(new) { name, _ in name } }
    }
  }

  /// The counts of disks that are read at once, bytes.
  private static let roomForCounts = 32 << 20

  private mutating func add(_ disk: DiskComparison) {
    let result = disk.judged()
    loads.append(disk.load)
    statements += result.statements
    distributions += result.distributions
    lines += result.lines
  }

  private mutating func compareSeries(
    _ before: [Recording], _ after: [Recording], _ pairing: MachinePairing
  ) throws {
    let first = try before.enumerated().map {
      try SeriesReading($1, run: $0, pairing: pairing)
    }
    let second = try after.enumerated().map {
      try SeriesReading($1, run: $0, pairing: MachinePairing())
    }
    notJudged += Set((first + second).flatMap(\.unplaced)).sorted().map {
      "\($0): nothing ties its times to the timeline"
    }
    let series = SeriesComparison(
      first.flatMap(\.series), second.flatMap(\.series), loads: loads, settings: settings,
      isWithin: timeline != nil)
    lines += series.lines
    statements += series.statements
  }
}

extension Finding {
  /// With the incident file that it is about.
  fileprivate func of(_ file: IncidentFile) -> Finding {
    var named = self
    named.sentence = "\(Printable.text(file.path)): \(sentence)"
    return named
  }
}
