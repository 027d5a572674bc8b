public import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// A comparison for programs; `schema/comparison.schema.json` says what is where.
public enum ComparisonJSON {
  /// One more whenever something is renamed or taken away.
  public static let version = 1

  /// The document, with a newline at its end.
  public static func render(_ comparison: Comparison) -> String {
    let settings = comparison.settings
    return object([
      ("format", .text("hiddenq-comparison")), ("version", .integer(Int64(version))),
      ("before", .raw(array(comparison.before.paths.map(JSONText.string)))),
      ("after", .raw(array(comparison.after.paths.map(JSONText.string)))),
      ("verdict", .text(comparison.outcome.kind.rawValue)),
      ("verdict_sentence", .text(ComparisonVerdictLine(comparison: comparison).text)),
      ("before_window", .raw(window(comparison.before, comparison))),
      ("after_window", .raw(window(comparison.after, comparison))),
      (
        "method",
        .raw(
          object([
            ("confidence", .real(settings.confidence)),
            ("resamples", .integer(Int64(settings.replicates))),
            ("seed", .text(String(settings.seed))),
            ("least_relative_change", .real(settings.leastRelativeChange)),
            ("least_change_ns", .real(settings.leastChange)),
            (
              "correction",
              .text(
                "Holm, over the hops of an operation and statistic of a disk; parts of a hop only "
                  + "where the whole differs")
            ),
            ("blocks", .raw(array(comparison.statements.map(statement)))),
          ]))
      ),
      ("loads", .raw(array(comparison.loads.map(load)))),
      ("settings", .raw(comparison.setup.map(setup) ?? "null")),
      ("disturbances", .raw(array(comparison.disturbances.map(disturbance)))),
      (
        "lines",
        .raw(
          array(
            comparison.lines.map { line in
              object(
                zip(ComparisonRows.columns, ComparisonRows.row(line)).map { name, value in
                  (name, Value(value))
                })
            }))
      ),
      ("findings", .raw(array(comparison.findings.map(finding)))),
      ("paired_by_place", .raw(array(comparison.pairedByPlace.map(JSONText.string)))),
      ("on_one_side", .raw(array(comparison.onOneSide.map(JSONText.string)))),
      ("not_judged", .raw(array(comparison.notJudged.map(JSONText.string)))),
      (
        "findings_on_one_side",
        .raw(
          array(
            comparison.findingsOnOneSide.map { one in
              object([
                ("side", .text(one.side.rawValue)),
                ("judged_on_both", .boolean(one.isJudgedOnBoth)),
                ("finding", .raw(finding(one.finding))),
              ])
            }))
      ),
    ]) + "\n"
  }

  private enum Value {
    case text(String)
    case integer(Int64)
    case real(Double)
    case boolean(Bool)
    case null
    case raw(String)

    init(_ stored: StoredValue) {
      self =
        switch stored {
        case .text(let text): .text(text)
        case .integer(let integer): .integer(integer)
        case .real(let real): .real(real)
        case .null, .blob: .null
        }
    }

    init(_ number: Double?) { self = number.map { .real($0) } ?? .null }
    init(_ text: String?) { self = text.map { .text($0) } ?? .null }

    var json: String {
      switch self {
      case .text(let text): JSONText.string(text)
      case .integer(let integer): String(integer)
      case .real(let real): real.isFinite ? "\(real)" : "null"
      case .boolean(let boolean): boolean ? "true" : "false"
      case .null: "null"
      case .raw(let json): json
      }
    }
  }

  private static func object(_ members: [(String, Value)]) -> String {
    "{" + members.map { JSONText.string($0) + ":" + $1.json }.joined(separator: ",") + "}"
  }

  private static func array(_ elements: [String]) -> String {
    elements.isEmpty ? "[]" : "[\n" + elements.joined(separator: ",\n") + "]"
  }

  private static func statement(_ statement: BlockStatement) -> String {
    object([
      ("guest", Value(statement.guest)), ("device", Value(statement.device)),
      ("subject", .text(statement.subject)),
      ("block_s", .real(statement.seconds)), ("blocks_before", .integer(Int64(statement.before))),
      ("blocks_after", .integer(Int64(statement.after))),
      ("correlated_for_longer", .boolean(statement.isTooShort)),
    ])
  }

  private static func setup(_ setup: SetupComparison) -> String {
    object([
      ("compared", .integer(Int64(setup.compared))),
      ("on_one_side", .integer(Int64(setup.onOneSide))),
      (
        "differ",
        .raw(
          array(
            setup.changes.map { change in
              object([
                ("machine", .text(change.machine)), ("object", Value(change.object)),
                ("name", .text(change.name)),
                ("before", .raw(array(change.before.map(JSONText.string)))),
                ("after", .raw(array(change.after.map(JSONText.string)))),
                ("place_before", .text(change.placeBefore)),
                ("place_after", .text(change.placeAfter)),
              ])
            }))
      ),
    ])
  }

  private static func disturbance(_ one: Disturbance) -> String {
    object([
      ("kind", .text(one.kind.rawValue)), ("guest", .text(one.guest)),
      ("device", Value(one.device)),
      ("name", Value(one.name)), ("before", Value(one.before?.value)),
      ("after", Value(one.after?.value)),
      ("presence_before", Value(one.before?.presence)),
      ("presence_after", Value(one.after?.presence)),
      ("differs", one.isDifferent.map { .boolean($0) } ?? .null),
    ])
  }

  private static func load(_ load: LoadComparison) -> String {
    func side(_ side: DiskLoad) -> Value {
      .raw(
        object([
          ("ios", .integer(Int64(side.count))), ("seconds", .real(side.seconds)),
          ("ios_per_s", .real(side.rate)), ("in_flight", Value(side.depth)),
          ("read_share", .real(side.readShare)), ("mean_bytes", .real(side.meanBytes)),
          ("rate_variation", Value(side.rateVariation)),
        ]))
    }
    return object([
      ("guest", .text(load.guest)), ("device", .text(load.device)), ("before", side(load.before)),
      ("after", side(load.after)), ("rate_change", .integer(Int64(load.rateChange))),
      (
        "obstacles",
        .raw(
          array(
            load.obstacles.map {
              object([
                ("what", .text($0.what)), ("remedy", .text($0.remedy)),
                ("only_all", .boolean($0.onlyAll)),
              ])
            }))
      ),
    ])
  }

  /// A window of one incident with what its begin is on the wall clock; null where incidents are compared.
  private static func window(_ side: Comparison.Side, _ comparison: Comparison) -> String {
    guard let window = side.window else { return "null" }
    func utc(_ moment: Int64) -> Value {
      comparison.timeline?.wall.map { .integer($0.utc(moment)) } ?? .null
    }
    return object([
      ("timeline", Value(comparison.timeline?.name)), ("from_ns", .integer(window.lowerBound)),
      ("to_ns", .integer(window.upperBound)), ("from_unix_ns", utc(window.lowerBound)),
      ("to_unix_ns", utc(window.upperBound)),
    ])
  }

  private static func finding(_ finding: Finding) -> String {
    object([
      ("code", .text(finding.code.rawValue)), ("severity", .text(finding.severity.rawValue)),
      ("guest", Value(finding.guest)), ("sentence", .text(finding.sentence)),
      ("confidence", .text(finding.confidence.rawValue)), ("because", .text(finding.because)),
      ("evidence_sql", Value(finding.evidenceSQL)), ("next_step", .text(finding.nextStep)),
    ])
  }
}
