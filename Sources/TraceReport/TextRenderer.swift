internal import TraceModel

/// A document for a terminal or a mail: 80 columns, no colour.
public enum TextRenderer {
  /// Columns of the page.
  public static let width = 80

  /// The text, with a newline at its end.
  public static func render(_ document: Document) -> String {
    let title = wrapped(document.title, width: width)
    let rule = String(repeating: "=", count: min(width, title.map(\.count).max() ?? 0))
    return (title + [rule]).joined(separator: "\n") + "\n" + render(document.inWords)
  }

  /// Blocks by themselves, with a newline at their end.
  public static func render(_ blocks: [Block]) -> String {
    var lines: [String] = []
    for block in blocks {
      switch block {
      case .heading(let heading):
        let title = heading.title
        lines += ["", title, String(repeating: "-", count: min(width, title.count))]
      case .answer(let answer): lines += factLines(answer.facts)
      case .remarks(let remarks):
        lines += [""] + wrapped(remarks.map(\.text).joined(separator: "; ") + ".", width: width)
      case .contents: break
      case .paragraph(let text):
        lines += wrapped(text, width: width)
      case .facts(let facts):
        lines += factLines(facts)
      case .table(let table):
        if !table.caption.isEmpty { lines += wrapped(table.caption, width: width) }
        lines += tableLines(table)
      case .waterfalls(let bars):
        lines += wrapped(Waterfall.key(of: bars), width: width)
        for bar in bars {
          lines += wrapped(bar.title, width: width)
          lines.append("  |" + bar.bar(width: width - 4) + "|")
          lines += wrapped(bar.detail, width: width - 2).map { "  " + $0 }
        }
      case .findings(let findings):
        lines += findings.grouped.flatMap { finding, consequences in
          findingLines(finding)
            + consequences.flatMap { consequence in
              findingLines(consequence, mark: "Also seen: ").map { "  " + $0 }
            }
        }
      case .figure(let figure):
        if figure.isInText {
          lines += wrapped(figure.title, width: width) + tableLines(figure.numbers)
        }
      case .folded(_, let inner): lines.append(render(inner))
      case .details, .code, .panels:
        // For those who have the incident file at hand.
        break
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Whether a table needs more than the page's width, so that texts are cut.
  public static func isTooWide(_ table: Table) -> Bool {
    naturalWidths(table).reduce(0, +) + 2 * (table.columns.count - 1) > width
  }

  private static func naturalWidths(_ table: Table) -> [Int] {
    table.columns.indices.map { column in
      max(
        table.columns[column].name.count,
        table.rows.map { $0[column].count }.max() ?? 0)
    }
  }

  /// Words put into lines of that width; a longer word gets a line of its own.
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if line.isEmpty {
        line = String(word)
      } else if line.count + 1 + word.count <= width {
        line += " " + word
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }

  private static func findingLines(_ finding: Finding, mark: String = "") -> [String] {
    let name = finding.guest.map { " (\(Printable.text($0)))" } ?? ""
    let head = "\(mark)\(finding.severity.rawValue.uppercased()) \(finding.code.rawValue)\(name)"
    return [head]
      + [
        finding.sentence, FindingSection.time(of: finding),
        "Confidence \(finding.confidence.rawValue): \(finding.because)",
        "Next: \(finding.nextStep)",
      ].compactMap(\.self).flatMap {
        wrapped($0, width: width - (mark.isEmpty ? 2 : 4)).map { "  " + $0 }
      }
  }

  private static func factLines(_ facts: [Fact]) -> [String] {
    let indent = (facts.map(\.name.count).max() ?? 0) + 2
    return facts.flatMap { fact in
      wrapped(fact.words, width: width - indent).enumerated().map { index, line in
        index == 0
          ? fact.name + String(repeating: " ", count: indent - fact.name.count) + line
          : String(repeating: " ", count: indent) + line
      }
    }
  }

  /// The table with a head; texts that do not fit are cut in the columns that yield first, then in the
  /// widest text column.
  static func tableLines(_ table: Table) -> [String] {
    var widths = naturalWidths(table)
    let gaps = 2 * (widths.count - 1)
    func least(_ column: Int) -> Int {
      max(table.columns[column].yielding?.least ?? .max, table.columns[column].name.count)
    }
    while widths.reduce(0, +) + gaps > width,
      let widest = widths.indices.filter({ widths[$0] > least($0) })
        .max(by: { widths[$0] < widths[$1] })
    {
      widths[widest] -= 1
    }
    while widths.reduce(0, +) + gaps > width,
      let widest = widths.indices.filter({ !table.columns[$0].isNumber })
        .max(by: { widths[$0] < widths[$1] }), widths[widest] > 8
    {
      widths[widest] -= 1
    }
    func row(_ cells: [String]) -> String {
      var line = ""
      for (column, cell) in cells.enumerated() {
        let keepsBeginning = table.columns[column].yielding?.keepsBeginning ?? false
        let text = cut(cell, to: widths[column], keepsBeginning)
        let padding = String(repeating: " ", count: max(0, widths[column] - text.count))
        if column > 0 { line += "  " }
        line += table.columns[column].isNumber ? padding + text : text + padding
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
    return [row(table.columns.map(\.name))] + table.rows.map(row)
  }

  /// The end of a long text, since of a path it says most, or its beginning.
  private static func cut(_ text: String, to width: Int, _ keepsBeginning: Bool) -> String {
    guard text.count > width else { return text }
    return keepsBeginning ? text.prefix(width - 2) + ".." : ".." + text.suffix(width - 2)
  }
}
