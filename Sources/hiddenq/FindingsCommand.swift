internal import ArgumentParser
internal import TraceAnalysis
internal import TraceModel
internal import TraceReport
internal import TraceStore

/// Limits of rules that replace the standard ones.
struct ThresholdOptions: ParsableArguments {
  @Option(
    name: .customLong("threshold"),
    help: ArgumentHelp(
      "A rule's limit, as steal=10; 'findings --rules' names them.", valueName: "name=value")
  )
  var given: [String] = []

  var thresholds: [String: Double] {
    get throws {
      let known = Findings.rules.flatMap(\.thresholds).map(\.name)
      var thresholds: [String: Double] = [:]
      for text in given {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let value = Double(parts[1]), value.isFinite else {
          throw CommandFailure(message: "'\(text)' is no threshold: write NAME=NUMBER")
        }
        guard known.contains(parts[0]) else {
          throw CommandFailure(
            message: "no rule has a threshold '\(parts[0])': 'hiddenq findings --rules' names them")
        }
        thresholds[parts[0]] = value
      }
      return thresholds
    }
  }
}

struct FindingsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "findings", abstract: "Says what an incident shows, with the evidence.",
    discussion: """
      What cost the guests' I/Os most time first, then the most severe; the consequences of a finding stand below it. \
      What cannot be judged is 'info' with confidence 'none' and names the file that would tell. With --from or --to the rules judge that part of the capture anew; those that need all of it \
      are listed as not judged. Exit status 1: a finding is at least as severe as --fail-on.
      """)

  enum FailOn: String, ExpressibleByArgument, CaseIterable {
    case warning
    case critical
  }

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String?

  @Option(help: "text, table, csv, json, jsonl or markdown.")
  var format = Format.text

  @Option(
    help: ArgumentHelp(
      "Exit with status 1 if a finding has at least this severity.", valueName: "severity"))
  var failOn: FailOn?

  @Option(help: ArgumentHelp("Only this guest, and what is about none.", valueName: "name"))
  var guest: String?

  @Option(
    help: ArgumentHelp(
      "Judge what happened from this time on, as 8.2, 350ms; or by the wall clock, in UTC: 09:30:53, "
        + "2026-11-22T09:30:53Z.", valueName: "time"))
  var from: String?

  @Option(help: ArgumentHelp("Judge what happened before this time.", valueName: "time"))
  var to: String?

  @OptionGroup var thresholds: ThresholdOptions

  @Flag(help: "Name the rules and their thresholds.")
  var rules = false

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, table, csv, json, jsonl, markdown

    var tabular: TabularFormat? { TabularFormat(rawValue: rawValue) }
  }

  func run() throws {
    if rules {
      Tabular.print(
        format.tabular ?? .table, columns: ["code", "threshold", "standard", "unit", "about"],
        rows: Findings.rules.flatMap { rule in
          rule.thresholds.map {
            [
              .text(rule.code.rawValue), .text($0.name), .real($0.standard), .text($0.unit),
              .text($0.about),
            ]
          }
        })
      return
    }
    guard let incident else { throw CommandFailure(message: "which incident file?") }
    let file = try Incident.correlated(incident)
    try Incident.requireGuest(guest, in: file)
    let limits = try thresholds.thresholds
    let all =
      try window(in: file).map {
        try Findings.find(in: file, window: $0, guest: guest, thresholds: limits)
      } ?? (limits.isEmpty ? file.findings() : Findings.find(in: file, thresholds: limits))
    let findings = all.filter { guest == nil || $0.guest == nil || $0.guest == guest }
    if let tabular = format.tabular {
      Tabular.print(tabular, columns: Self.columns, rows: findings.map(Self.row))
    } else {
      Output.print(TextRenderer.render(Report.blocks(of: findings)))
    }
    if let failOn, findings.contains(where: { $0.severity >= failOn.severity }) {
      throw CommandFailure(
        message: "there are findings of severity \(failOn.rawValue) or above", status: Exit.exceeded
      )
    }
  }

  /// The part of the capture that is judged; nil: all of it.
  private func window(in file: IncidentFile) throws -> Range<Int64>? {
    guard from != nil || to != nil else { return nil }
    let times = try TimeReading(file, guest: guest)
    let (first, last) = try times.window(from: from, to: to)
    return try times.timeline().window(from: first, to: last)
      ?? {
        throw CommandFailure(message: "--from and --to select no time of the capture")
      }()
  }

  private static let columns = [
    "code", "severity", "guest", "sentence", "confidence", "because", "evidence_sql", "next_step",
    "rank", "from_ns", "to_ns", "explains_ns", "consequence_of",
  ]

  private static func row(_ finding: Finding) -> [StoredValue] {
    [
      .text(finding.code.rawValue), .text(finding.severity.rawValue),
      finding.guest.map { .text($0) } ?? .null, .text(finding.sentence),
      .text(finding.confidence.rawValue), .text(finding.because), StoredValue(finding.evidenceSQL),
      .text(finding.nextStep), StoredValue(finding.rank.map { Int64($0) }),
      StoredValue(finding.extent.from), StoredValue(finding.extent.to),
      StoredValue(finding.extent.explains), StoredValue(finding.consequenceOf.map { Int64($0) }),
    ]
  }
}

extension FindingsCommand.FailOn {
  fileprivate var severity: Finding.Severity {
    switch self {
    case .warning: .warning
    case .critical: .critical
    }
  }
}
