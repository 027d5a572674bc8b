internal import TraceModel

/// A document for a ticket.
public enum MarkdownRenderer {
  /// The text, with a newline at its end.
  public static func render(_ document: Document) -> String {
    var parts = ["# " + escaped(document.title)]
    for block in document.inWords {
      switch block {
      case .heading(let heading): parts.append("## " + escaped(heading.title))
      case .answer(let answer): parts.append(render(answer.facts))
      case .remarks(let remarks):
        parts.append(escaped(remarks.map(\.text).joined(separator: "; ") + "."))
      case .contents: break
      case .paragraph(let text): parts.append(escaped(text))
      case .facts(let facts): parts.append(render(facts))
      case .table(let table): parts.append(render(table))
      case .waterfalls(let bars):
        parts.append(escaped(Waterfall.key(of: bars)))
        parts.append(
          bars.map { bar in
            "- \(escaped(bar.title))  \n  `|\(bar.bar(width: 60))|`  \n  \(escaped(bar.detail))"
          }.joined(separator: "\n"))
      case .findings(let findings):
        parts.append(
          findings.grouped.map { finding, consequences in
            ([render(finding)] + consequences.map { "  \(render($0, mark: "Also seen: "))" })
              .joined(separator: "\n")
          }.joined(separator: "\n"))
      case .figure(let figure):
        if figure.isInText { parts += [escaped(figure.title), render(figure.numbers)] }
      case .details, .folded, .code, .panels:
        // For those who have the incident file at hand.
        break
      }
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// Lines of a ticket.
  static let mostLines = 60
  /// Findings and rows of a ticket, as far as its lines allow.
  private static let (mostFindings, mostRows) = (10, 16)

  /// The answer, what it rests on, one table and the findings in a line each, in at most ``mostLines`` lines.
  public static func ticket(_ document: Document) -> String {
    for left in stride(from: mostFindings, through: 0, by: -1) {
      let text = render(
        ticketDocument(document, findings: left, rows: max(4, mostRows - (mostFindings - left))))
      if text.split(separator: "\n", omittingEmptySubsequences: false).count - 1 <= mostLines {
        return text
      }
    }
    return document.verdict
  }

  private static func ticketDocument(_ document: Document, findings most: Int, rows: Int)
    -> Document
  {
    var blocks = Array(document.blocks[..<document.endOfVerdict])
    let rest = document.blocks[document.endOfVerdict...]
    let table = rest.lazy.compactMap { block -> Table? in
      switch block {
      case .table(let table): table
      case .figure(let figure) where figure.isInText: figure.numbers
      default: nil
      }
    }.first
    if var table {
      if table.rows.count > rows { table.rows = Array(table.rows.prefix(rows)) }
      blocks.append(.table(table))
    }
    let every = rest.flatMap { block -> [Finding] in
      if case .findings(let findings) = block { findings } else { [] }
    }
    // What the answer says already is not said again.
    let told = Set(
      document.blocks.flatMap { block -> [String] in
        if case .answer(let answer) = block { answer.facts.map(\.value) } else { [] }
      })
    let all = every.filter { !told.contains($0.sentence) }
    if !all.isEmpty {
      blocks.append(
        .heading(told.isEmpty || all.count == every.count ? "What it shows" : "Also seen"))
      blocks.append(
        .facts(
          all.prefix(most).map { finding in
            Fact(
              "\(finding.severity.rawValue) \(finding.code.rawValue)"
                + (finding.guest.map { " (\(Printable.text($0)))" } ?? ""), finding.sentence)
          }))
    }
    let more = all.count > most ? "\(all.count - most) more findings and all" : "All"
    blocks.append(
      .paragraph(
        "\(more) details: report.html, or 'hiddenq report INCIDENT --format markdown --full'."))
    return Document(title: document.title, blocks: blocks)
  }

  private static func render(_ facts: [Fact]) -> String {
    facts.map { "- **\(escaped($0.name))**: \(escaped($0.words))" }.joined(separator: "\n")
  }

  private static func render(_ finding: Finding, mark: String = "") -> String {
    let name = finding.guest.map { " (\(Printable.text($0)))" } ?? ""
    return "- \(mark)**\(finding.severity.rawValue) \(finding.code.rawValue)**\(escaped(name)): "
      + "\(escaped(finding.sentence)) "
      + (FindingSection.time(of: finding).map { "\(escaped($0)) " } ?? "")
      + "Confidence \(finding.confidence.rawValue): "
      + "\(escaped(finding.because)) *Next:* \(escaped(finding.nextStep))"
  }

  static func render(_ table: Table) -> String {
    func row(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    var lines: [String] = []
    if !table.caption.isEmpty { lines += [escaped(table.caption), ""] }
    lines.append(row(table.columns.map { escaped($0.name) }))
    lines.append(row(table.columns.map { $0.isNumber ? "---:" : "---" }))
    lines += table.rows.map { row($0.map(escaped)) }
    return lines.joined(separator: "\n")
  }

  /// What has a meaning in Markdown or HTML, without it.
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "!": result += "\\" + String(character)
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\n", "\r": result += " "
      default: result.append(character)
      }
    }
    return result
  }
}
