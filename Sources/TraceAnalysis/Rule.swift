public import TraceModel
public import TraceStore

/// A limit at which a rule speaks, or speaks louder. Stated, and changeable by `--threshold`.
public struct Threshold: Sendable, Equatable {
  /// Its name for the option: `steal`.
  public let name: String
  /// The value unless another is given.
  public let standard: Double
  /// Its unit: `%`, `ms`, or nothing for a ratio.
  public let unit: String
  /// What happens there.
  public let about: String

  init(_ name: String, _ standard: Double, _ unit: String, _ about: String) {
    self.name = name
    self.standard = standard
    self.unit = unit
    self.about = about
  }
}

/// A rule: reads the documented views and says what they show. One file in `Rules/` each, which has all that others
/// need of it, and its place in ``allRules``.
protocol Rule: Sendable {
  /// What it can find.
  var code: Finding.Code { get }
  /// The topic whose numbers show it.
  var topic: Topic { get }
  /// What a finding of it is about.
  var about: Subject { get }
  /// The kinds of input that a finding of it rests on: files without one of them could not have shown it.
  func inputs(of finding: Finding) -> Set<Evidence.Kind>
  /// What a finding of it may be a consequence of, the likeliest first.
  func follows(_ finding: Finding) -> [Precursor]
  /// Its limits.
  var thresholds: [Threshold] { get }
  /// Whether it judges a part of the capture: it takes what has a time from ``Evidence/from(_:as:)`` and sums from the
  /// views, and proves by ``Evidence/proof(_:)`` what rests on such sums. Nil: the whole alone; else the kinds of input
  /// of one of which something must lie in that part.
  var judgesSelections: Set<Evidence.Kind>? { get }
  /// What it finds: nothing where all is well; one of severity `info` and confidence `none` where an input
  /// is missing without which it cannot judge. Each says when it was so: as the cause of a phase does, where one is of its
  /// kind and name; of what holds throughout, ``Evidence/throughout(_:)``.
  func findings(_ evidence: Evidence) throws -> [Finding]
}

extension Rule {
  /// None.
  func inputs(of _: Finding) -> Set<Evidence.Kind> { [] }
  /// It stands for itself.
  func follows(_: Finding) -> [Precursor] { [] }
  /// The whole alone.
  var judgesSelections: Set<Evidence.Kind>? { nil }
}

/// A topic of the analysis, as a report is divided.
public enum Topic: Sendable, CaseIterable {
  /// CPUs, and who had them.
  case cpus
  case memory
  /// Queue depths and their limits.
  case queues
  /// All layers on one time axis.
  case layers
  case network
  /// What the hypervisor's own tool says.
  case hypervisor
  /// Where the time of an I/O went.
  case hops
  /// What slow I/Os are like.
  case tail
  /// Which requests of guest and host belong together.
  case matches
  /// What happened to requests on their way: merges, requeues, errors.
  case stages
  /// The files that were given.
  case files
}

extension Finding.Code {
  /// Its rule's topic; nil for a code that no rule has.
  public var topic: Topic? { (allRules + tailRules).first { $0.code == self }?.topic }
}

/// What the findings of a rule are about.
enum Subject: Sendable {
  /// Something that makes I/O slow or fail, and can be ruled out.
  case cause(Suspect)
  /// Where slow I/Os spend their time, or what they share, without a cause.
  case tail
  /// The files that were given.
  case input

  var isInput: Bool { if case .input = self { true } else { false } }
}

/// What a rule looks for in the system, and when its silence means that it is not there.
struct Suspect: Sendable {
  /// Where in the system, in the order in which an explanation goes through it.
  enum Area: CaseIterable {
    /// Others on the CPUs and disks.
    case contention
    /// CPUs and memory.
    case placement
    /// From the guest to its host.
    case transport
    case queues
    case throughput
    case device
    case caches
    /// What nothing else accounts for.
    case rest
    case errors
  }

  let area: Area
  /// A phrase for people: `stolen CPU time`; nil where an explanation does not name it.
  let thing: String?
  /// The causes of a phase that it would find. A short phase may not reach its limits, and yet it is not ruled out.
  let causes: Set<CauseKind>
  /// Whether it would find a phase in which nothing was completed.
  let findsStalls: Bool
  /// The data without which its silence says nothing, for people: `the host's block trace`.
  let data: String
  /// Whether that data is missed where it is not there: what only hosts of another kind have is not.
  let isMissed: Bool
  private let sql: String

  /// The statement has a row where there is some of the data.
  init(
    _ area: Area, _ thing: String? = nil, causes: Set<CauseKind> = [], stalls: Bool = false,
    without data: String, isMissed: Bool = true, _ sql: String
  ) {
    self.isMissed = isMissed
    (self.area, self.thing, self.causes, self.findsStalls) = (area, thing, causes, stalls)
    (self.data, self.sql) = (data, sql)
  }

  /// Whether the incident has the data.
  func isJudged(in file: IncidentFile) throws -> Bool {
    try !file.rows("SELECT 1 AS found WHERE EXISTS (\(sql))").isEmpty
  }
}

/// What a rule may look at: the views of an incident, and its limits.
struct Evidence {
  private let file: IncidentFile
  private let given: [String: Double]
  private let results = Results()
  private let ownSlices: Slices
  /// The part of the capture that is judged, on the timeline, ns; nil: all of it.
  let window: Range<Int64>?

  /// How the disks went on over time, told by who has their I/Os at hand.
  typealias Slices = () throws -> [DiskSlices]

  init(
    _ file: IncidentFile, given: [String: Double], window: Range<Int64>? = nil,
    slices: Slices? = nil
  ) {
    self.file = file
    self.given = given
    self.window = window
    ownSlices = slices ?? { try DiskSlices.all(file) }
  }

  /// How the guests' disks went on over time, over the whole capture, by guest and device.
  func slices() throws -> [DiskSlices] { try ownSlices() }

  /// A view whose rows have times.
  enum Timed: String {
    case io
    /// Of a part of the capture it has what rules that judge one need: how many there are, and those that were given back.
    case ioCount = "io_count"
    case queueDepth = "queue_depth"
    case queueStall = "queue_stall"
    case pause
    case limit = "io_limit"
    case steal
    case counterValue = "counter_value"
    case netCounter = "net_counter"
    /// Of a part of the capture it has the means alone.
    case hopSummary = "hop_summary"
  }

  /// What stands behind FROM: the view, or its rows that are of the part that is judged.
  func from(_ view: Timed, as alias: String? = nil) -> String {
    let name = alias ?? view.rawValue
    guard let window else { return alias.map { "\(view.rawValue) AS \($0)" } ?? view.rawValue }
    let (from, to) = (window.lowerBound, window.upperBound)
    let queued = "coalesce(reference_ns, queued_at_ns)"
    let condition: String
    switch view {
    case .io: condition = "\(queued) >= \(from) AND \(queued) < \(to)"
    case .ioCount:
      return """
        (SELECT guest, device, count(*) AS count, sum(coalesce(requeue_ns, 0) > 0) AS requeued,
          sum(1.0 * max(coalesce(requeue_ns, 0), 0)) AS requeued_ns
        FROM io WHERE \(queued) >= \(from) AND \(queued) < \(to) GROUP BY guest, device) AS \(name)
        """
    case .queueDepth: condition = "at_ns >= \(from) AND at_ns + interval_ns <= \(to)"
    case .pause, .limit: condition = "to_ns > \(from) AND from_ns < \(to)"
    case .queueStall: condition = "at_ns + length_ns > \(from) AND at_ns < \(to)"
    case .steal: condition = "at_ns >= \(from) AND at_ns + 1000000000 <= \(to)"
    case .counterValue, .netCounter:
      condition = "at_ns - interval_ns >= \(from) AND at_ns <= \(to)"
    case .hopSummary:
      // One pass over the I/Os: through io_hop it would be one for each hop.
      let hops = Hop.allCases.filter { $0 != .belowGuest }
      func each(_ made: (Hop) -> String, _ separator: String = ", ") -> String {
        hops.map(made).joined(separator: separator)
      }
      return """
        (SELECT guest, device, 'all' AS op, hop,
          CASE hop \(each({ "WHEN '\($0.name)' THEN \($0.name)_count" }, " ")) END AS count,
          CASE hop \(each({ "WHEN '\($0.name)' THEN \($0.column)" }, " ")) END AS mean_ns
        FROM (SELECT guest, device, \(each { "count(\($0.column)) AS \($0.name)_count, avg(\($0.column)) AS \($0.column)" })
          FROM io WHERE \(queued) >= \(from) AND \(queued) < \(to) AND op <> 'flush' AND block_ns IS NOT NULL
            AND match_grade IN \(Self.list(MatchGrade.certain)) GROUP BY guest, device)
        JOIN (\(each({ "SELECT '\($0.name)' AS hop" }, " UNION ALL "))) AS hops) AS \(name)
        """
    }
    return "(SELECT * FROM \(view.rawValue) WHERE \(condition)) AS \(name)"
  }

  /// That a moment of a trace's own clock, ns, is of the part that is judged, by the name of its column: ` AND completed_ns
  /// BETWEEN 1 AND 2`; nothing for the whole capture.
  func condition(ofTrace source: Int64) throws -> (_ column: String) -> String {
    guard let window else { return { _ in "" } }
    let clock = try clock(ofTrace: source)
    let from = clock?.own(window.lowerBound) ?? window.lowerBound
    let to = (clock?.own(window.upperBound) ?? window.upperBound) - 1
    return { " AND \($0) BETWEEN \(from) AND \(to)" }
  }

  /// The clock of a trace; nil where nothing ties it to the timeline.
  func clock(ofTrace source: Int64) throws -> StoredClock? { try file.storedClock(of: source) }

  /// A moment of a machine's timeline, as people read it: `8.365 s (09:30:55.4 UTC)`.
  func moment(_ moment: Int64, of machine: String) throws -> String {
    let name = Self.literal(machine)
    let distance = try rows(
      """
      SELECT unix_ns - at_ns AS apart FROM wall_time
      WHERE reference IN (SELECT reference FROM clock WHERE machine = \(name) AND tool_clock <> 'wall')
        OR reference = \(name) || ' blktrace'
      ORDER BY reference = \(name) || ' blktrace' LIMIT 1
      """
    ).first?.integer("apart")
    return WallClock.text(moment, distance: distance)
  }

  /// A moment of a trace's own clock, as people read it.
  func moment(_ moment: Int64, ofTrace source: Int64) throws -> String {
    let start = try rows(
      "SELECT start_ns FROM source WHERE source_id = \(source) AND start_clock = 'CLOCK_REALTIME'"
    ).first?.integer("start_ns")
    return WallClock.text(moment, distance: start)
  }

  /// The statement that proves what rests on sums of the capture; nil for a part of it, whose sums are in no table.
  func proof(_ sql: String) -> String? { window == nil ? sql : nil }

  /// The rows of a statement over the documented views. A sentence takes its numbers from these rows, and
  /// the same statement is the finding's evidence.
  func rows(_ sql: String) throws -> [QueryRow] {
    let (rows, returned) = try file.result(of: sql)
    results.bySQL[sql] = returned
    return rows
  }

  /// A finding with what its evidence returns. Its rule has mostly run that statement already.
  func proven(_ finding: Finding) throws -> Finding {
    guard let sql = finding.evidenceSQL else { return finding }
    var proven = finding
    proven.returned = try results.bySQL[sql] ?? file.result(of: sql).returned
    return proven
  }

  /// What the statements of rules returned.
  private final class Results {
    var bySQL: [String: Finding.Returned] = [:]
    /// By machine and device; nil until one is asked for.
    var disks: [String: [String: String]]?
  }

  /// A disk as people know it: `vdb (254,16)`, where a file tells its name; else `254,16`.
  func disk(_ device: String, of machine: String) throws -> String {
    if results.disks == nil { results.disks = try file.deviceNames() }
    return results.disks?[machine]?[device].map { "\($0) (\(device))" } ?? device
  }

  /// A limit as it is in force.
  func value(of threshold: Threshold) -> Double { given[threshold.name] ?? threshold.standard }

  /// A limit as SQL and people write it: 100, not 100.0.
  static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  /// A text as a literal of SQL.
  static func literal(_ text: String) -> String { SQLText.literal(text) }

  /// Words as a list of SQL: `('read', 'write')`.
  static func list(_ words: some Sequence<some Vocabulary>) -> String { SQLText.list(words) }

  /// The parts between Q and C as a list of SQL.
  static var blockParts: String {
    list(Hop.allCases.filter(Hop.blockParts.contains))
  }
}

extension Evidence {
  /// A kind of input.
  enum Kind: String, CaseIterable {
    case guestBlocks, hostBlocks, joined, hostScheduler, pageCache, placement, network

    /// A statement that has a row where it is there.
    var sql: String {
      switch self {
      case .guestBlocks, .hostBlocks:
        "SELECT 1 FROM stage JOIN source USING (source_id) WHERE layer = "
          + (self == .guestBlocks ? "'guest'" : "'host'")
      case .joined: "SELECT 1 FROM device_map"
      case .hostScheduler:
        "SELECT 1 FROM thread_wait JOIN source USING (source_id) WHERE layer = 'host'"
      case .pageCache: "SELECT 1 FROM dirty_page"
      case .placement: "SELECT 1 FROM numa_placement WHERE run_share IS NOT NULL"
      case .network: "SELECT 1 FROM net_path"
      }
    }
  }
}

/// All rules, in the order of equally severe findings of equal cost.
let allRules: [any Rule] = [
  CapturesMixed(), IOErrors(), StealHidden(), EsxReady(), NoisyCPUNeighbour(), EsxCPUNeighbour(),
  CPULimit(), CoStop(), NUMASpanning(), NUMARemote(), EsxNUMA(), HostSwap(),
  VMPaused(), DeviceStall(),
  NoisyDiskNeighbour(), HostDiskNeighbour(), EsxDiskNeighbour(), LimitReached(), RingSaturated(),
  NetDropBeforeWire(), EsxDrops(),
  BackpressureCollapse(),
  DoubleQueueing(), PageCacheHides(), HostCacheAbsorbs(), NotExplained(), DiskBusy(),
  EsxDiskBusy(),
  CPUSaturated(), MemoryPressure(), IOWaitMisleads(), ClockContradiction(),
  TimeShiftContradiction(),
  CopiedTraces(), NotJoined(), CompletionsMissing(), TraceIncomplete(), TailShares(),
]

/// What stands beside the tail's numbers in the report: where slow I/Os spend their time, and what tuning would be for nothing. Every
/// capture has a tail, a healthy one, too, so these are no findings.
let tailRules: [any Rule] = [LatencyStacking(), TailAmplified(), FalseOptimisation()]

extension Suspect {
  /// What all rules look for, area by area. Of rules that find the same the first says it.
  static let all: [(code: Finding.Code, suspect: Suspect)] = {
    var seen: Set<Finding.Code> = []
    let suspects = allRules.compactMap { rule -> (code: Finding.Code, suspect: Suspect)? in
      guard case .cause(let suspect) = rule.about, seen.insert(rule.code).inserted else {
        return nil
      }
      return (rule.code, suspect)
    }
    return Area.allCases.flatMap { area in suspects.filter { $0.suspect.area == area } }
  }()
}

extension IncidentFile {
  /// What the rules found, in their order; of one guest and what is about none, when one is given. Throws
  /// ``StoreError`` for a code that no rule has.
  public func findings(guest: String? = nil) throws -> [Finding] {
    try findings(guest: guest, of: Set(allRules.map(\.code)))
  }
}
