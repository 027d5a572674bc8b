public import TraceModel
public import TraceStore

/// What happened to the I/Os of one guest.
public struct GuestStory: Sendable {
  /// The guest; where ``isHost`` is true, a host.
  public let guest: String
  /// Whether it is a host, by its own counters.
  public let isHost: Bool
  /// Whose clock the times are of: `kvm7 blktrace`, the reference timeline; nil: the guest's own.
  public let timeline: String?
  /// What its phases were looked for in.
  public let source: Source
  /// The host whose own tool tells of it, where its counters are not its own; nil otherwise.
  public let teller: String?
  /// The date of that clock; nil where no file tells.
  public let wall: WallClock?
  /// Its phases, one after another; empty where none of its I/Os is known from its begin to its end.
  public let phases: [Phase]
  /// When it stood still as a whole, in order of time.
  public let pauses: [Pause]
  /// What held throughout, where nothing changed: by disk, the one with most time first.
  public let disks: [Disk]
  /// What a person named of its time.
  public let windows: NamedWindows
  /// How small a change would have been seen, where nothing changed.
  public let smallestChange: SmallestChange?

  /// What the view `cleared` calls the CPUs, by what a guest itself counted as stolen.
  public static let stolenLayer = "cpu"

  /// What phases are looked for in.
  public enum Source: String, Sendable {
    /// Its own block trace.
    case guest
    /// What a host's traces show of it: its I/Os are what its threads asked of the host's devices.
    case host
    /// The counters of the machine.
    case counters
  }

  /// Whether its host alone tells of it.
  public var isSeenByHost: Bool { source == .host }
  /// Whether counters alone tell of it.
  public var isCounted: Bool { source == .counters }

  /// A stretch of time in which its I/Os behave alike. Times in ns.
  public struct Phase: Sendable {
    /// From 0.
    public let number: Int64
    /// Its first moment.
    public let from: Int64
    /// Where the next one begins.
    public let to: Int64
    /// Whether the others are compared with it.
    public let isBaseline: Bool
    /// Half the width of the interval in which its begin lies; nil for the first, and where a person named it.
    public let onsetError: Int64?
    /// What differs from the phase before, for people.
    public let signals: String
    /// How sure it is.
    public let confidence: Finding.Confidence
    /// Why.
    public let because: String
    /// What changed from the baseline: by operation (`all` too), then hop by hop with its parts, at last the total.
    public let changes: [Change]
    /// The disks that hold a tenth of the change at least, the one that holds most first.
    public let devices: [String]
    /// What it may come from, the one that explains most first; empty where no cause was looked for.
    public let causes: [Cause]
    /// Hops that did not change.
    public let cleared: [Cleared]

    /// Whether nothing was completed in it.
    public var isStall: Bool { signals == "completions" }

    /// Whether it begins where a person named a moment.
    public var isNamed: Bool { number > 0 && onsetError == nil }

    /// The change of a hop of an operation, without its parts.
    public func change(_ op: String, _ hop: Hop) -> Change? {
      changes.first { $0.op == op && $0.hop == hop && $0.part == nil }
    }

    /// The change that stands for it: that from Q to C of an operation, or of one of those that `all` is made of where
    /// that of all may be chance; the wait in the page cache where only that changed for sure. Buffered writes wait there
    /// for milliseconds, and what the disk's I/Os do would drown in a sum of both.
    public func headline(_ op: String) -> Change? {
      let ops = op == BlockOperation.together ? [op, "read", "write"] : [op]
      let blocks = ops.compactMap { change($0, .block) }
      if let first = blocks.first, first.isSure { return first }
      let sure = blocks.filter(\.isSure).max { abs($0.time) < abs($1.time) }
      let cache = change(op, .pageCache).flatMap { $0.isSure && $0.delta != 0 ? $0 : nil }
      return sure ?? cache ?? blocks.first ?? change(op, .total)
    }

    /// The change of that, in ns over all I/Os; 0 where it is not known.
    public func excessTime(_ op: String) -> Double { headline(op)?.time ?? 0 }
  }

  /// The change of a hop from the baseline to a phase, ns per I/O.
  public struct Change: Sendable {
    /// `read`, `write` or `all`.
    public let op: String
    /// The hop.
    public let hop: Hop
    /// A part of the hop (`behind:fio`); nil for all of it.
    public let part: String?
    /// I/Os of the baseline.
    public let baselineCount: Int64
    /// I/Os of the phase.
    public let count: Int64
    /// The mean in the baseline.
    public let baselineMean: Int64
    /// The mean in the phase.
    public let mean: Int64
    /// The difference; those of the hops add up to that of the total.
    public let delta: Int64
    /// The interval of 95 % that holds it; nil where there are too few I/Os.
    public let interval: ClosedRange<Double>?
    /// Its share of the change of the total.
    public let share: Double?
    /// The medians in the baseline and in the phase.
    public let p50: (before: Int64, after: Int64)?
    /// The same of what 99 % do not exceed.
    public let p99: (before: Int64, after: Int64)?

    /// Whether it is surely not 0.
    public var isSure: Bool { interval.map { !$0.contains(0) } ?? false }

    /// The difference over all I/Os, ns.
    public var time: Double { Double(delta) * Double(count) }
  }

  /// What a change may come from. Times in ns.
  public struct Cause: Sendable {
    /// The word of the view `phase_cause`: `disk_neighbour`.
    public let kind: String
    /// A thread or process; nil where there is none.
    public let name: String?
    /// Where it was seen.
    public let machine: String?
    /// Its thread.
    public let pid: Int64?
    /// When it began; nil where it was there before.
    public let began: Int64?
    /// When it ended; nil where it lasted to the end.
    public let ended: Int64?
    /// Its rate in the baseline.
    public let rateBefore: Double?
    /// Its rate in the phase.
    public let rateAfter: Double?
    /// Of both.
    public let rateUnit: String?
    /// What it accounts for, per I/O.
    public let explains: Int64?
    /// The same as a share of the change of the total.
    public let share: Double?
    /// How sure it is.
    public let confidence: String
    /// Why.
    public let because: String
  }

  /// A layer that did not change; the interval that holds its change, ns.
  public struct Cleared: Sendable {
    /// The hop; nil for the CPUs, by what the guest itself counted as stolen.
    public let hop: Hop?
    /// Its interval.
    public let interval: ClosedRange<Double>
  }

  /// A time in which the guest stood still, ns.
  public struct Pause: Sendable {
    /// Begin of the stretch in which it lies.
    public let from: Int64
    /// End of that stretch.
    public let to: Int64
    /// How long it was.
    public let length: Int64
    /// By how much that may be off.
    public let error: Int64
    /// Whether its clock stood still, too.
    public let isClockStill: Bool
    /// I/Os that were in flight all the time.
    public let spanning: Int64
    /// How sure it is.
    public let confidence: Finding.Confidence

    /// Whether the stretch is hardly longer than the pause.
    public var isPlaced: Bool { Double(to) - Double(from) <= 1.25 * Double(length) }
  }

  /// What the I/Os of a disk took over the whole capture, ns.
  public struct Disk: Sendable {
    /// major,minor.
    public let device: String
    /// I/Os of which the time is known.
    public let count: Int
    /// All I/Os that its trace shows, those without a side on the host among them.
    public let traced: Int
    /// Whether ``count`` are those that were joined with its host.
    public let isJoined: Bool
    /// From Q to C.
    public let mean: Double
    /// What half of them do not exceed.
    public let p50: Int64
    /// What 99 % of them do not exceed.
    public let p99: Int64
    /// The parts of that, which follow one another, with their share of it, the largest first.
    public let shares: [(hop: Hop, share: Double)]
    /// What an I/O waited in the page cache before, on average; nil where none is known.
    public let pageCache: Double?
  }

  /// The phases that are not as usual.
  public var changed: [Phase] { phases.filter { !$0.isBaseline } }

  /// Whether something besides itself is the likeliest cause of one of its phases.
  var isVictim: Bool {
    changed.contains { phase in
      switch phase.causes.first.flatMap({ CauseKind(name: $0.kind) }) {
      case .ownLoad, .ownCPU, .unknown, nil: false
      default: true
      }
    }
  }

  /// What its I/Os lost in all phases together, ns.
  public var lostTime: Double { changed.reduce(0) { $0 + max(0, $1.excessTime(op)) } }

  /// The operation that it is about: `all`, unless one was asked for.
  public let op: String

  /// The names of its disks, where a file tells them.
  private let diskNames: [String: String]

  /// A disk as people know it: `vdb (254,16)`, where a file tells its name; else `254,16`.
  public func disk(_ device: String) -> String {
    diskNames[device].map { "\($0) (\(device))" } ?? device
  }

  /// What changed in a phase, its disks by their names: `vdb writes, waits for a CPU`.
  public func signals(_ phase: Phase) -> String {
    phase.signals.split(separator: " ", omittingEmptySubsequences: false)
      .map { diskNames[String($0)] ?? String($0) }.joined(separator: " ")
  }

  /// The story of the filter's guest, or of a host by its counters.
  init(
    host: String? = nil, _ file: IncidentFile, _ filter: IOFilter, _ clock: ReferenceClock,
    _ windows: NamedWindows = NamedWindows()
  ) throws {
    self.windows = windows
    let name = host ?? filter.guest ?? ""
    let literal = Evidence.literal(name)
    isHost = host != nil
    let own = isHost ? "guest IS NULL AND machine = \(literal)" : "guest = \(literal)"
    let told = try file.rows("SELECT * FROM phase WHERE \(own) ORDER BY phase")
    source = told.first?.text("seen_by").flatMap(Source.init) ?? .guest
    let machine = told.first?.text("machine")
    teller = source == .counters && machine != name ? machine : nil
    let op = filter.op ?? BlockOperation.together
    (guest, self.op) = (name, op)
    diskNames = try file.deviceNames()[name] ?? [:]
    let isOnReference =
      try clock.name != nil && source != .counters
      && (source == .host
        || !file.rows(
          "SELECT 1 AS found FROM io_count WHERE guest = \(literal) AND placed > 0 LIMIT 1"
        ).isEmpty)
    timeline = isOnReference ? clock.name : nil
    wall =
      source == .counters
      ? told.first?.integer("zero_unix_ns").map {
        WallClock(distance: $0, error: 0, source: "its counters")
      }
      : isOnReference ? clock.wall : try ReferenceClock.own(name, file)
    let rows = try StoryRows(file, of: own, device: filter.device)
    phases = told.compactMap { row in
      guard let number = row.integer("phase"), let from = row.integer("from_ns"),
        let to = row.integer("to_ns"), let confidence = row.text("confidence")
      else { return nil }
      return Phase(
        number: number, from: from, to: to, isBaseline: row.integer("is_baseline") == 1,
        onsetError: row.integer("onset_error_ns"), signals: row.text("signals") ?? "",
        confidence: Finding.Confidence(name: confidence) ?? .none,
        because: row.text("because") ?? "", changes: rows.changes[number] ?? [],
        devices: rows.devices(number, op), causes: rows.causes[number] ?? [],
        cleared: rows.cleared[number] ?? [])
    }
    pauses = try file.rows("SELECT * FROM pause WHERE guest = \(literal) ORDER BY pause")
      .compactMap { row in
        guard let from = row.integer("from_ns"), let to = row.integer("to_ns"),
          let length = row.integer("length_ns"), let error = row.integer("error_ns"),
          let spanning = row.integer("spanning"), let confidence = row.text("confidence")
        else { return nil }
        return Pause(
          from: from, to: to, length: length, error: error,
          isClockStill: row.integer("is_clock_still") == 1, spanning: spanning,
          confidence: Finding.Confidence(name: confidence) ?? .none)
      }
    let isSteady = source == .guest && !phases.isEmpty && phases.allSatisfy(\.isBaseline)
    disks = isSteady ? try Self.disks(file, filter) : []
    smallestChange = isSteady ? try SmallestChange(file, filter) : nil
  }

  private static func disks(_ file: IncidentFile, _ filter: IOFilter) throws -> [Disk] {
    var whole = filter
    whole.op = nil
    var traced: [String: Int] = [:]
    let op = filter.op.map { "op = \(Evidence.literal($0))" } ?? "op IN ('read', 'write')"
    for row in try file.rows(
      """
      SELECT device, sum(count) AS ios FROM io_count
      WHERE guest = \(filter.guest.map(Evidence.literal) ?? "guest") AND \(op) GROUP BY device
      """)
    where filter.from == nil && filter.to == nil {
      if let device = row.text("device"), let ios = row.integer("ios") {
        traced[device] = Int(clamping: ios)
      }
    }
    return try DiskStatistics.load(file, whole).compactMap { disk -> Disk? in
      guard
        let group = disk.groups.first(where: {
          $0.op == filter.op ?? BlockOperation.together
        }), let block = group.hops[.block] ?? group.hops[.belowGuest]
      else { return nil }
      func time(_ hop: Hop) -> Double? {
        group.hops[hop].map { $0.mean * Double($0.count) }
      }
      let whole = block.mean * Double(block.count)
      let parts = (Hop.parts + [.belowGuest]).compactMap { hop -> (hop: Hop, share: Double)? in
        guard hop != .pageCache, whole > 0, let time = time(hop) else { return nil }
        return (hop, time / whole)
      }
      return Disk(
        device: disk.disk.device, count: block.count,
        traced: max(block.count, traced[disk.disk.device] ?? 0),
        isJoined: disk.disk.verdict.isFollowed, mean: block.mean, p50: block.p50,
        p99: block.p99, shares: parts.sorted { $0.share > $1.share },
        pageCache: time(.pageCache).flatMap { $0 > 0 ? $0 / Double(max(1, block.count)) : nil })
    }.sorted { $0.mean * Double($0.count) > $1.mean * Double($1.count) }
  }
}

/// The rows of a guest's phases, by the numbers of the phases.
private struct StoryRows {
  private(set) var changes: [Int64: [GuestStory.Change]] = [:]
  private(set) var causes: [Int64: [GuestStory.Cause]] = [:]
  private(set) var cleared: [Int64: [GuestStory.Cleared]] = [:]
  /// The change from Q to C by phase, operation and disk, ns over all I/Os.
  private var excess: [Int64: [String: [String: Double]]] = [:]

  /// A disk that holds less is not named.
  private static let leastShare = 0.1

  /// A condition of SQL says whose phases they are.
  init(_ file: IncidentFile, of own: String, device: String?) throws {
    // Counters tell of no hop.
    guard !own.hasPrefix("guest IS NULL") else {
      try addCauses(file, of: own)
      return
    }
    let place =
      "\(own) AND device IS \(device.map { Evidence.literal($0) } ?? "NULL")"
    for row in try file.rows(
      "SELECT * FROM excess WHERE \(place) ORDER BY phase, op, part IS NOT NULL, delta_ns DESC, part"
    ) {
      guard let phase = row.integer("phase"), let change = Self.change(row) else { continue }
      changes[phase, default: []].append(change)
    }
    // Hop by hop on an I/O's way; the parts of a hop stay behind it.
    changes = changes.mapValues { rows in
      let ops = Set(rows.map(\.op)).sorted()
      return ops.flatMap { op in
        Hop.allCases.flatMap { hop in rows.filter { $0.op == op && $0.hop == hop } }
      }
    }
    for row in try file.rows(
      """
      SELECT phase, op, device, 1.0 * delta_ns * phase_count AS time_ns FROM excess
      WHERE \(own) AND device IS NOT NULL AND hop = 'block' AND part IS NULL
      """)
    {
      guard let phase = row.integer("phase"), let op = row.text("op"),
        let disk = row.text("device"), let time = row.number("time_ns"),
        device == nil || device == disk
      else { continue }
      excess[phase, default: [:]][op, default: [:]][disk] = time
    }
    try addCauses(file, of: own)
    for row in try file.rows("SELECT * FROM cleared WHERE \(place) ORDER BY phase") {
      guard let phase = row.integer("phase"), let layer = row.text("layer"),
        let interval = Self.interval(row)
      else { continue }
      let hop = Hop(name: layer)
      guard hop != nil || layer == GuestStory.stolenLayer else { continue }
      cleared[phase, default: []].append(GuestStory.Cleared(hop: hop, interval: interval))
    }
    cleared = cleared.mapValues { rows in
      (Hop.allCases + [nil]).flatMap { hop in rows.filter { $0.hop == hop } }
    }
  }

  private mutating func addCauses(_ file: IncidentFile, of own: String) throws {
    for row in try file.rows(
      "SELECT * FROM phase_cause WHERE \(own) AND device IS NULL ORDER BY phase, rank")
    {
      guard let phase = row.integer("phase"), let kind = row.text("kind") else { continue }
      causes[phase, default: []].append(
        GuestStory.Cause(
          kind: kind, name: row.text("name"), machine: row.text("machine"),
          pid: row.integer("pid"), began: row.integer("began_ns"), ended: row.integer("ended_ns"),
          rateBefore: row.number("rate_before"), rateAfter: row.number("rate_after"),
          rateUnit: row.text("rate_unit"), explains: row.integer("explains_ns"),
          share: row.number("share"), confidence: row.text("confidence") ?? "",
          because: row.text("because") ?? ""))
    }
  }

  /// The disks that hold the change of a phase, the one that holds most first.
  func devices(_ phase: Int64, _ op: String) -> [String] {
    let own = excess[phase]?[op] ?? [:]
    let whole = own.values.reduce(0) { $0 + abs($1) }
    return own.filter { abs($0.value) >= Self.leastShare * whole }
      .sorted { (abs($1.value), $0.key) < (abs($0.value), $1.key) }.map(\.key)
  }

  private static func interval(_ row: QueryRow) -> ClosedRange<Double>? {
    guard let low = row.number("low_ns"), let high = row.number("high_ns"), low <= high else {
      return nil
    }
    return low...high
  }

  private static func change(_ row: QueryRow) -> GuestStory.Change? {
    guard let op = row.text("op"), let hop = row.text("hop").flatMap(Hop.init(name:)),
      let baselineCount = row.integer("baseline_count"), let count = row.integer("phase_count"),
      let baselineMean = row.integer("baseline_mean_ns"), let mean = row.integer("phase_mean_ns"),
      let delta = row.integer("delta_ns")
    else { return nil }
    func pair(_ quantile: String) -> (before: Int64, after: Int64)? {
      guard let before = row.integer("baseline_\(quantile)_ns"),
        let after = row.integer("phase_\(quantile)_ns")
      else { return nil }
      return (before, after)
    }
    return GuestStory.Change(
      op: op, hop: hop, part: row.text("part"), baselineCount: baselineCount, count: count,
      baselineMean: baselineMean, mean: mean, delta: delta, interval: interval(row),
      share: row.number("share"), p50: pair("p50"), p99: pair("p99"))
  }
}
