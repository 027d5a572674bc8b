internal import TraceModel
internal import TraceStore

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

/// A rule: reads the documented views and says what they show. One file in `Rules/` each, and its place
/// in ``allRules``.
protocol Rule: Sendable {
  /// What it can find.
  var code: Finding.Code { get }
  /// Its limits.
  var thresholds: [Threshold] { get }
  /// What it finds: nothing where all is well; one of severity `info` and confidence `none` where an input
  /// is missing without which it cannot judge.
  func findings(_ evidence: Evidence) throws -> [Finding]
}

/// What a rule may look at: the views of an incident, and its limits.
struct Evidence {
  private let file: IncidentFile
  private let given: [String: Double]

  init(_ file: IncidentFile, given: [String: Double]) {
    self.file = file
    self.given = given
  }

  /// The rows of a statement over the documented views. A sentence takes its numbers from these rows, and
  /// the same statement is the finding's evidence.
  func rows(_ sql: String) throws -> [QueryRow] { try file.rows(sql) }

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

/// All rules, in the order in which equally severe findings are told.
let allRules: [any Rule] = [
  CapturesMixed(), IOErrors(), StealHidden(), NoisyCPUNeighbour(), NUMASpanning(), NUMARemote(),
  DeviceStall(),
  NoisyDiskNeighbour(), HostDiskNeighbour(), RingSaturated(), NetDropBeforeWire(),
  BackpressureCollapse(),
  DoubleQueueing(), LatencyStacking(), TailAmplified(), PageCacheHides(), HostCacheAbsorbs(),
  NotExplained(), FalseOptimisation(), ClockContradiction(), CopiedTraces(), NotJoined(),
  CompletionsMissing(), TraceIncomplete(),
]
