internal import TraceModel

/// A document as one HTML file that loads nothing and runs nothing.
public enum HTMLRenderer {
  /// The page; the same document gives the same bytes.
  public static func render(_ document: Document) -> String {
    Markup.page(
      language: "en",
      [
        .element(
          "head",
          [
            .single("meta", ["charset": "utf-8"]),
            .single(
              "meta",
              [
                "http-equiv": "Content-Security-Policy",
                "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
              ]),
            .single(
              "meta",
              ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            .element("title", document.title), .style(StyleSheet.text),
          ]),
        .element(
          "body",
          [
            .element(
              "main", [.lines([.element("h1", document.title)] + sections(document))]),
            .element("footer", [.element("p", document.origin)]),
          ]),
      ]
    ).source
  }

  /// The blocks, with the text to copy behind the verdicts.
  private static func sections(_ document: Document) -> [Markup] {
    var parts = document.blocks.map(render)
    let verdict = document.verdict
    if !verdict.isEmpty {
      parts.insert(
        .element(
          "details",
          [
            .element("summary", "The same as Markdown, to copy into a ticket or chat"),
            .element("pre", at: ["tabindex": "0"], verdict),
          ]), at: document.endOfVerdict)
    }
    return parts
  }

  private static func render(_ block: Block) -> Markup {
    switch block {
    case .heading(let title): .element("h2", title)
    case .paragraph(let text): .element("p", text)
    case .facts(let facts):
      .element(
        "dl", facts.flatMap { [.element("dt", $0.name), .element("dd", $0.value)] })
    case .table(let table): render(table)
    case .waterfalls(let bars):
      .lines(
        [.element("div", at: ["class": "drawing"], [Drawing.key(bars)])] + bars.map(render))
    case .findings(let findings):
      .lines(
        findings.grouped.map { finding, consequences in
          render(finding, consequences: consequences)
        })
    case .figure(let figure): render(figure)
    case .details(let summary, let blocks):
      .element(
        "details", [.element("summary", summary)] + blocks.map(render))
    case .code(let text): .element("pre", at: ["tabindex": "0"], text)
    }
  }

  /// A finding with its consequences below it.
  private static func render(_ finding: Finding, consequences: [Finding] = []) -> Markup {
    let seen =
      consequences.isEmpty
      ? []
      : [Markup.element("p", [.element("strong", "Also seen"), .text(", at the same time:")])]
        + consequences.map { render($0) }
    return .element(
      "article", at: ["class": "finding \(finding.severity.rawValue)"],
      [
        .element(
          "h3",
          [
            .element("span", at: ["class": "severity"], finding.severity.rawValue), .text(" "),
            .text(
              finding.guest.map {
                Printable.text(Report.name(Machine(name: $0, layer: .guest))) + " "
              } ?? ""),
            .element("span", at: ["class": "code"], finding.code.rawValue),
          ]),
        .element("p", finding.sentence),
        .lines(
          FindingSection.time(of: finding).map { [.element("p", at: ["class": "more"], $0)] } ?? []),
        .element(
          "p", at: ["class": "more"],
          [
            .element("strong", "Confidence \(finding.confidence.rawValue)"),
            .text(": \(finding.because)"),
          ]),
        .element("p", [.element("strong", "Next"), .text(": \(finding.nextStep)")]),
        .element(
          "details",
          [
            .element("summary", "Evidence: the query that returns these numbers"),
            .element("pre", at: ["tabindex": "0"], finding.evidenceSQL ?? "-- none: see above"),
          ]),
      ] + seen)
  }

  private static func render(_ waterfall: Waterfall) -> Markup {
    .element(
      "div", at: ["class": "waterfall"],
      [
        .element("p", waterfall.title),
        .element("div", at: ["class": "drawing"], [Drawing.waterfall(waterfall)]),
        .element("p", at: ["class": "more"], waterfall.detail),
      ])
  }

  private static func render(_ figure: Figure) -> Markup {
    .element(
      "figure",
      [
        .element("figcaption", figure.title),
        .element("p", at: ["class": "reading"], figure.reading),
        .element("div", at: ["class": "drawing"], [Drawing.svg(figure)]),
        .element("details", [.element("summary", "The numbers"), render(figure.numbers)]),
      ])
  }

  private static func render(_ table: Table) -> Markup {
    let head: [Markup] = table.columns.map { column in
      .element(
        "th", at: column.isNumber ? ["scope": "col", "class": "number"] : ["scope": "col"],
        column.name)
    }
    let rows: [Markup] = table.rows.map { cells in
      .element(
        "tr",
        zip(table.columns, cells).map { column, cell in
          let name = column.isNumber ? "number" : cell.count > 40 ? "long" : ""
          return .element("td", at: name.isEmpty ? [:] : ["class": name], cell)
        })
    }
    return .element(
      "div", at: ["class": "scroll", "tabindex": "0"],
      [
        .element(
          "table",
          [
            .element("caption", table.caption.isEmpty ? " " : table.caption),
            .element("thead", [.element("tr", head)]), .element("tbody", rows),
          ])
      ])
  }
}
