internal import ArgumentParser
internal import TraceAnalysis
internal import TraceModel
internal import TraceReport
internal import TraceStore

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Says whether a change helped: before against after.",
    discussion: """
      Give one incident file for each side, or several with --before and --after: only several runs of a \
      side say what varies from run to run. With one incident file alone, --before and --after are two windows of \
      it (FROM..TO, on the timeline or by the wall clock), --split cuts it at a time, and --phase, given twice, \
      compares two of its phases ('hiddenq explain' shows them). Each line gets one of four verdicts: better, worse, no \
      difference shown, cannot tell (docs/comparison.md).

      --fail-on names a line and how much more is too much: 'p99>5%' (the total of all operations), \
      'host_scheduler.p50>2ms', 'read.total.p99>10%'. An increase that may be chance does \
      not count.

      Exit status: 0 good; 1 a change for the worse was shown, or a --fail-on threshold exceeded; 2 could \
      not run; 3 no line at all can be judged.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, markdown, html, json, table, csv, jsonl
  }

  @Argument(
    help: ArgumentHelp(
      "The incident files of before and after, or one.", valueName: "incident"))
  var incidents: [String] = []

  @Option(
    name: .customLong("before"),
    help: ArgumentHelp(
      "A run of before; of one incident, its window of before (8..16, 09:30:53..09:31:00, ..16).",
      valueName: "incident|from..to"))
  var before: [String] = []

  @Option(
    name: .customLong("after"),
    help: ArgumentHelp(
      "A run of after; of one incident, its window of after.", valueName: "incident|from..to"))
  var after: [String] = []

  @OptionGroup var windows: WindowOptions

  @Option(help: "text, markdown, html, json (schema/comparison.schema.json), table, csv or jsonl.")
  var format = Format.text

  @Option(name: .shortAndLong, help: ArgumentHelp("Write here instead.", valueName: "file"))
  var output: String?

  @Option(help: ArgumentHelp("Exit with 1 when this is exceeded.", valueName: "line>limit"))
  var failOn: [String] = []

  @Option(help: ArgumentHelp("The least change that matters, % of before.", valueName: "percent"))
  var minChange = 5.0

  @Option(help: ArgumentHelp("The least change of a latency that matters, us.", valueName: "us"))
  var minTime = 1.0

  @Option(help: ArgumentHelp("Draws of the bootstrap and permutations.", valueName: "n"))
  var resamples = 2_000

  @Option(help: ArgumentHelp("Where random numbers begin.", valueName: "n"))
  var seed: UInt64 = 1

  func validate() throws {
    try windows.validate(incidents: incidents, before, after)
    guard (100...1_000_000).contains(resamples) else {
      throw ValidationError("--resamples must be 100 to 1000000")
    }
    guard minChange >= 0, minChange.isFinite, minTime >= 0, minTime.isFinite else {
      throw ValidationError("--min-change and --min-time must not be below zero")
    }
  }

  func run() throws {
    let thresholds = try failOn.map { text in
      guard let threshold = ComparisonThreshold(text) else {
        throw CommandFailure(
          message: "'\(text)' is no threshold: write 'p99>5%', 'host_scheduler.p50>2ms' or "
            + "'read.total.p99>10%'")
      }
      return threshold
    }
    var settings = ComparisonSettings()
    settings.replicates = resamples
    settings.seed = seed
    settings.leastRelativeChange = minChange / 100
    settings.leastChange = minTime * 1_000
    let comparison = try comparison(settings)
    if let output {
      try Output.write(text(comparison), to: output)
    } else {
      Output.print(text(comparison))
    }
    try decide(comparison, thresholds)
  }

  private func comparison(_ settings: ComparisonSettings) throws -> Comparison {
    guard incidents.count == 1 else {
      return try Comparison(
        before: (incidents.prefix(1) + before).map(Incident.correlated),
        after: (incidents.dropFirst() + after).map(Incident.correlated), settings: settings)
    }
    let file = try Incident.correlated(incidents[0])
    let pair = try windows.pair(in: file, before: before.first, after: after.first)
    return try Comparison(
      within: file, before: pair.before, after: pair.after, guest: windows.guest,
      settings: settings)
  }

  private func text(_ comparison: Comparison) -> String {
    switch format {
    case .text: TextRenderer.render(Report.document(comparison))
    case .markdown: MarkdownRenderer.render(Report.document(comparison))
    case .html: HTMLRenderer.render(Report.document(comparison))
    case .json: ComparisonJSON.render(comparison)
    case .table: ComparisonRows.render(comparison, as: .table)
    case .csv: ComparisonRows.render(comparison, as: .csv)
    case .jsonl: ComparisonRows.render(comparison, as: .jsonl)
    }
  }

  private func decide(_ comparison: Comparison, _ thresholds: [ComparisonThreshold]) throws {
    for threshold in thresholds {
      if !comparison.canJudge(threshold) {
        Exit.complain("--fail-on '\(threshold.text)': cannot tell; the output says why")
      }
      if let line = comparison.lines(exceeding: threshold).first {
        throw CommandFailure(
          message: "'\(threshold.text)' is exceeded: \(ComparisonRows.name(of: line))",
          status: Exit.exceeded)
      }
    }
    if comparison.showsWorse {
      throw CommandFailure(message: "a change for the worse was shown", status: Exit.exceeded)
    }
    guard comparison.canBeJudged else {
      throw CommandFailure(
        message: "no line can be judged; the output says why", status: Exit.notEnoughData)
    }
  }
}
