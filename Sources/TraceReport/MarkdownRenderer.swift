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
        parts.append(escaped(Waterfall.key))
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
      case .details, .folded, .code:
        // For those who have the incident file at hand.
        break
      }
    }
    return parts.joined(separator: "\n\n") + "\n"
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
