public import TraceAnalysis
internal import TraceModel
internal import TraceStore

extension Report {
  /// The document for a comparison. The same files and settings give the same document.
  public static func document(_ comparison: Comparison) -> Document {
    Document(
      title: ComparisonVerdictLine(comparison: comparison).text,
      blocks: ComparisonSections(comparison: comparison).blocks,
      origin:
        "Made by hiddenq \(Tool.version) compare. The same files and settings give the same text.")
  }
}

/// What a comparison says, in order: the outcome, the load, the hops, the rest, and how it was judged.
struct ComparisonSections {
  let comparison: Comparison

  /// Whether two windows of one incident are compared.
  var isWithin: Bool { comparison.before.window != nil }

  var blocks: [Block] {
    answer + sides + [.contents] + total + outcome + load + differences + pictures + hops + others
      + method
  }

  /// A disk as tables call it: `web1 vdb (254,16)`.
  func disk(_ guest: String, _ device: String) -> String {
    let name = comparison.diskNames[guest]?[device].map { "\($0) (\(device))" } ?? device
    return Printable.text("\(guest) \(name)")
  }

  private var sides: [Block] {
    func list(_ side: Comparison.Side) -> String {
      let paths = side.paths.map(Printable.text).joined(separator: ", ")
      guard let window = side.window else { return paths }
      return "\(paths), \(comparison.timeline.text(window.lowerBound)) to "
        + comparison.timeline.text(window.upperBound)
    }
    var facts = [Fact("before", list(comparison.before)), Fact("after", list(comparison.after))]
    if isWithin, let timeline = comparison.timeline {
      facts.append(
        Fact("times", Printable.text("\(timeline.date) (clock of \(timeline.name))")))
    }
    return [.heading(Heading("What was compared", anchor: Anchor("sides"))), .facts(facts)]
  }

  // MARK: Pictures

  private var pictures: [Block] {
    [.heading(Heading("In pictures", anchor: Anchor("pictures")))]
      + comparison.loads.flatMap {
        ComparisonFigures(comparison: comparison, guest: $0.guest, device: $0.device).blocks
      }
  }

  // MARK: Load

  private var load: [Block] {
    guard !comparison.loads.isEmpty else { return [] }
    var blocks: [Block] = [.heading(Heading("Was the load the same", anchor: Anchor("load")))]
    for load in comparison.loads {
      let (first, second) = (load.before, load.after)
      func count(_ number: Double, _ digits: Int = 1) -> String {
        Quantity.decimal(number, digits: digits)
      }
      blocks.append(
        .table(
          Table(
            caption: disk(load.guest, load.device) + ":",
            columns: [.text("load"), .number("before"), .number("after")],
            rows: [
              ["traced, s", count(first.seconds), count(second.seconds)],
              [
                "I/Os with data", Quantity.count(Int64(first.count)),
                Quantity.count(Int64(second.count)),
              ],
              ["I/Os per second", count(first.rate), count(second.rate)],
              [
                "in flight", first.depth.map { count($0, 2) } ?? "-",
                second.depth.map { count($0, 2) } ?? "-",
              ],
              ["reads", Quantity.percent(first.readShare), Quantity.percent(second.readShare)],
              ["mean KiB", count(first.meanBytes / 1024), count(second.meanBytes / 1024)],
            ])))
      if load.rateChange != 0 {
        blocks.append(
          .paragraph(
            "The I/Os came \(load.rateChange > 0 ? "more" : "less") often. More load makes queues "
              + "longer, never shorter: what got \(load.rateChange > 0 ? "longer" : "shorter") may "
              + "be due to that, what got \(load.rateChange > 0 ? "shorter" : "longer") is not."))
      }
    }
    return blocks
  }

  // MARK: Hops

  private var hops: [Block] {
    guard !comparison.loads.isEmpty else { return [] }
    var blocks: [Block] = [
      .heading(Heading("Hop by hop", anchor: Anchor("hops"))),
      .paragraph(
        "Change: after against before, with the \(percent(comparison.settings.confidence)) "
          + "interval. Means of hops add up to the total's; quantiles do not."),
    ]
    for load in comparison.loads {
      let own = comparison.lines.filter { $0.guest == load.guest && $0.device == load.device }
      let all = BlockOperation.together
      let data = Set(own.compactMap(\.op)).subtracting([all, BlockOperation.flush.name])
      for statistic in [Statistic.mean, .p50, .p99] {
        blocks += table(
          own.filter { $0.op == all && $0.statistic == statistic },
          data.count == 1 ? data.first ?? all : all, statistic, load)
      }
      for operation in BlockOperation.inReports where operation == .flush || data.count > 1 {
        blocks += single(own.filter { $0.op == operation.name }, operation.name, load)
      }
    }
    return blocks
  }

  /// Of a single operation the total, and what is shown to differ.
  private func single(
    _ lines: [ComparisonLine], _ op: String, _ load: LoadComparison
  ) -> [Block] {
    let shown = lines.filter {
      $0.verdict == .better || $0.verdict == .worse
        || ($0.subject == Hop.total.name && ($0.statistic == .p50 || $0.statistic == .p99))
    }
    guard let most = shown.compactMap(\.before).max() ?? shown.compactMap(\.after).max() else {
      return []
    }
    let unit = Quantity.TimeUnit.fitting(most / 2)
    return [
      .table(
        Table(
          caption: "\(disk(load.guest, load.device)), \(op) (the total, and what differs), "
            + "\(unit.symbol):",
          columns: Self.columns,
          rows: shown.map { line in
            let hop = Hop(name: line.subject)
            return row(
              line,
              "\(hop.flatMap { $0 == .total ? nil : $0.code } ?? Self.name(of: line.subject)) \(line.statistic.rawValue)",
              unit)
          }))
    ] + notes(shown)
  }

  private static let columns: [Table.Column] = [
    .text("hop", yielding: .init(least: 8, keepsBeginning: true)), .number("before"),
    .number("after"), .number("change"), .text("verdict"),
  ]

  func row(
    _ line: ComparisonLine, _ name: String, _ unit: Quantity.TimeUnit
  ) -> [String] {
    [
      name, line.before.map { unit.text($0) } ?? "-",
      line.after.map { unit.text($0) } ?? "-",
      ChangeText.change(line, unit: unit) ?? "", ChangeText.verdict(line),
    ]
  }

  /// A hop or other measurement as a table calls it.
  static func name(of subject: String) -> String {
    Hop(name: subject)?.tableName ?? MeasuredSubject(name: subject)?.label ?? subject
  }

  private func table(
    _ lines: [ComparisonLine], _ op: String, _ statistic: Statistic, _ load: LoadComparison
  ) -> [Block] {
    guard let total = lines.first(where: { $0.subject == Hop.total.name }) ?? lines.last
    else { return [] }
    let unit = Quantity.TimeUnit.fitting(Int64((total.before ?? total.after ?? 0).rounded()))
    let caption = "\(load.guest) \(load.device), \(op), \(statistic.rawValue), \(unit.symbol)"
    if lines.allSatisfy({ $0.verdict == .cannotTell }),
      Set(lines.compactMap(\.reason)).count == 1, let reason = lines[0].reason
    {
      return [.paragraph(Printable.text("\(caption): cannot tell: \(reason)."))]
    }
    let hasCache = lines.contains { $0.subject == Hop.pageCache.name }
    let shown = lines.filter { hasCache || $0.subject != Hop.block.name }
    return [
      .table(
        Table(
          caption: Printable.text(caption + ":"),
          columns: Self.columns,
          rows: shown.map { line in
            row(line, Hop(name: line.subject)?.line ?? Self.name(of: line.subject), unit)
          }))
    ] + notes(shown)
  }

  /// The reasons of single lines, each once.
  func notes(
    _ lines: [ComparisonLine], name: (ComparisonLine) -> String = { Self.name(of: $0.subject) }
  ) -> [Block] {
    var reasons: [String: [String]] = [:]
    for line in lines {
      guard let reason = line.reason else { continue }
      reasons[reason, default: []].append(name(line))
    }
    return reasons.sorted { $0.key < $1.key }.map { reason, names in
      .paragraph(Printable.text("\(names.joined(separator: ", ")): \(reason)."))
    }
  }

  // MARK: Method

  private var method: [Block] {
    let settings = comparison.settings
    var facts: [Fact] = []
    facts.append(
      Fact(
        "intervals",
        "\(percent(settings.confidence)), moving-block bootstrap, "
          + "\(Quantity.count(Int64(settings.replicates), "draw")), seed \(settings.seed), widened for "
          + "few blocks"))
    facts.append(
      Fact(
        "verdicts",
        "better or worse: a permutation test of blocks, corrected by Holm over the hops, "
          + "finds it at \(percent(1 - settings.confidence)); the "
          + "interval excludes zero; the change is at least "
          + "\(percent(settings.leastRelativeChange)) and "
          + "\(Quantity.time(Int64(settings.leastChange))), and beyond the clocks' bound where a "
          + "line crosses clocks"))
    facts.append(Fact("runs", Self.runs(comparison)))
    if isWithin {
      facts.append(
        Fact(
          "I/Os", "those whose Q lies in a window; other measurements, by whole intervals within it"
        ))
    }
    if !comparison.notJudged.isEmpty {
      facts.append(
        Fact("not judged", Printable.text(comparison.notJudged.joined(separator: "; "))))
    }
    return [.heading(Heading("How this was judged", anchor: Anchor("method"))), .facts(facts)]
      + blocksTable
  }

  /// How long blocks are, hop by hop.
  private var blocksTable: [Block] {
    guard !comparison.statements.isEmpty else { return [] }
    let table = Table(
      caption: "Blocks of time that stay together, as long as what they hold is correlated:",
      columns: [
        .text("of"), .number("length"), .number("before"), .number("after"), .text(""),
      ],
      rows: comparison.statements.map { statement in
        [
          Printable.text(
            [
              statement.guest, statement.device, Self.name(of: statement.subject),
            ].compactMap { $0 }.joined(separator: " ")),
          Quantity.time(statement.seconds * 1e9), "\(statement.before)",
          "\(statement.after)", statement.isTooShort ? "*" : "",
        ]
      })
    let isShort = comparison.statements.contains { $0.isTooShort }
    return [.table(table)]
      + (isShort
        ? [
          .paragraph(
            "* Correlated for longer than that: the load shifted meanwhile, or the recording is too "
              + "short for this hop. Its intervals may be too narrow.")
        ] : [])
  }

  private static func runs(_ comparison: Comparison) -> String {
    if comparison.before.window != nil {
      return
        "two windows of one recording: a verdict says that they differ, not why. What varies from run to run is "
        + "unknown, and what happened at the border may reach into both"
    }
    let (before, after) = (comparison.before.paths.count, comparison.after.paths.count)
    guard before == 1 || after == 1 else {
      return "\(before) before, \(after) after: differences are measured by what varies between "
        + "runs"
    }
    guard before > 1 || after > 1 else {
      return
        "one on either side: a verdict says that these two recordings differ. What varies from "
        + "run to run is unknown, so it does not prove that the change between them is the cause; "
        + "repeat each side three times or more and give all files"
    }
    return "\(before) before, \(after) after: the single one is taken to vary as the others do"
  }

  private func percent(_ share: Double) -> String {
    Quantity.decimal(share * 100, digits: 0) + " %"
  }
}

/// A change with its interval as people read it.
enum ChangeText {
  /// The verdict of a line; of one that fails the correction alone, which way it goes.
  static func verdict(_ line: ComparisonLine) -> String {
    line.isUncorrected
      ? "\((line.change ?? 0) > 0 ? "more" : "less"), uncorrected" : line.verdict.rawValue
  }

  /// `+3.2 % (-1.0 .. +7.5)`, `x 5.2 (1.4 .. 8.1)` where it is a multiple, in a unit of time where there is no ratio; nil when it is not known.
  static func change(_ line: ComparisonLine, unit: Quantity.TimeUnit?) -> String? {
    if let relative = line.relativeChange, let ratio = line.ratio {
      if ratio.high > 4 {
        return "x \(factor(relative + 1)) (\(factor(ratio.low)) .. \(factor(ratio.high)))"
      }
      return "\(signed(relative * 100)) % (\(signed((ratio.low - 1) * 100)) .. "
        + "\(signed((ratio.high - 1) * 100)))"
    }
    guard let change = line.change, let difference = line.difference else { return nil }
    if line.unit == .nanoseconds {
      let unit = unit ?? Quantity.TimeUnit.fitting(change)
      func text(_ value: Double) -> String {
        (value < 0 ? "" : "+") + unit.text(value)
      }
      return "\(text(change)) (\(text(difference.low)) .. "
        + "\(text(difference.high)))"
    }
    return "\(signed(change)) (\(signed(difference.low)) .. \(signed(difference.high)))"
  }

  /// Two digits or three are enough of a factor.
  private static func factor(_ value: Double) -> String {
    Quantity.decimal(value, digits: value >= 9.95 ? 0 : value >= 0.995 ? 1 : 2)
  }

  /// Three digits are enough of a change.
  private static func signed(_ value: Double) -> String {
    (value < 0 ? "" : "+") + Quantity.decimal(value, digits: abs(value) >= 99.95 ? 0 : 1)
  }
}
