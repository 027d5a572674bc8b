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

  /// The blocks section by section, with the text to copy behind the answer.
  private static func sections(_ document: Document) -> [Markup] {
    let verdict = document.verdict
    let end = verdict.isEmpty ? -1 : document.endOfVerdict
    let headings = document.blocks.compactMap { block -> Heading? in
      if case .heading(let heading) = block, heading.anchor != nil { heading } else { nil }
    }
    var parts: [Markup] = []
    var open: (heading: Heading, parts: [Markup])?
    func close() {
      if let section = open { parts.append(render(section.heading, section.parts)) }
      open = nil
    }
    for (place, block) in document.blocks.enumerated() {
      if place == end { parts.append(copy(verdict)) }
      if case .heading(let heading) = block, heading.anchor != nil {
        close()
        open = (heading, [])
        continue
      }
      if case .contents = block { close() }
      let markup = render(block, headings)
      if open == nil { parts.append(markup) } else { open?.parts.append(markup) }
    }
    close()
    if end == document.blocks.count { parts.append(copy(verdict)) }
    return parts
  }

  private static func copy(_ verdict: String) -> Markup {
    .element(
      "details",
      [
        .element("summary", "The same as Markdown, to copy into a ticket or chat"),
        .element("pre", at: ["tabindex": "0"], verdict),
      ])
  }

  /// A section that a link leads to. Of one that is folded, into it: a browser unfolds what holds the place.
  private static func render(_ heading: Heading, _ content: [Markup]) -> Markup {
    let id = heading.anchor?.id ?? ""
    guard heading.isFolded else {
      return .element(
        "section", at: ["id": id], [.lines([.element("h2", heading.title)] + content)])
    }
    return .element(
      "details", at: ["class": "section"],
      [
        .element(
          "summary",
          [
            .element("h2", heading.title), .text(" "),
            .element("span", at: ["class": "state"], heading.state),
          ]), .element("div", at: ["id": id], [.lines(content)]),
      ])
  }

  private static func contents(_ headings: [Heading]) -> Markup {
    .element(
      "nav", at: ["id": "contents", "aria-label": "Contents"],
      [
        .element("h2", "Contents"),
        .element(
          "ul",
          headings.map { heading in
            .element(
              "li",
              [
                .element("a", at: ["href": "#\(heading.anchor?.id ?? "")"], heading.title),
                .text(heading.state.isEmpty ? "" : ": \(heading.state)"),
              ])
          }),
      ])
  }

  private static func link(_ remark: Remark) -> Markup {
    remark.anchor.map { .element("a", at: ["href": "#\($0.id)"], remark.text) }
      ?? .text(remark.text)
  }

  private static func render(_ facts: [Fact]) -> Markup {
    .element(
      "dl",
      facts.flatMap { fact -> [Markup] in
        let links = fact.links.enumerated().flatMap { place, remark in
          [.text(place > 0 ? ", " : fact.value.isEmpty ? "" : " "), link(remark)]
        }
        return [
          .element("dt", fact.name), .element("dd", [.text(fact.value)] + links),
        ]
      })
  }

  private static func render(_ block: Block, _ headings: [Heading] = []) -> Markup {
    switch block {
    case .heading(let heading): .element("h2", heading.title)
    case .answer(let answer):
      .element(
        "div",
        at: [
          "id": "answer",
          "class":
            "answer \(answer.severity?.rawValue ?? (answer.isUnsure ? "unsure" : "healthy"))",
        ],
        [.element("p", at: ["class": "severity"], answer.label), render(answer.facts)])
    case .remarks(let remarks):
      .element(
        "p", at: ["class": "remarks"],
        remarks.enumerated().flatMap { place, remark in
          (place == 0 ? [] : [.text(" \u{B7} ")]) + [link(remark)]
        })
    case .contents: contents(headings)
    case .paragraph(let text): .element("p", text)
    case .facts(let facts): render(facts)
    case .table(let table): render(table)
    case .waterfalls(let bars):
      .lines(
        [.element("div", at: ["class": "drawing"], [Drawing.key(bars)])] + bars.map(render))
    case .findings(let findings):
      .lines(
        findings.grouped.map { finding, consequences in
          render(finding, consequences: consequences, among: findings, headings)
        })
    case .figure(let figure): render(figure)
    case .panels(let panels): .lines(panels.map(render))
    case .details(let summary, let blocks), .folded(let summary, let blocks):
      .element(
        "details", [.element("summary", summary)] + blocks.map { render($0) })
    case .code(let text): .element("pre", at: ["tabindex": "0"], text)
    }
  }

  /// A finding with its consequences below it.
  private static func render(
    _ finding: Finding, consequences: [Finding] = [], among all: [Finding], _ headings: [Heading]
  ) -> Markup {
    let seen =
      consequences.isEmpty
      ? []
      : [Markup.element("p", [.element("strong", "Also seen"), .text(", at the same time:")])]
        + consequences.map { render($0, among: all, headings) }
    let section = headings.first { $0.anchor != nil && $0.anchor == finding.code.section }
    // Only a document with one list of findings has links to them.
    let place =
      headings.contains { $0.anchor == FindingSection.anchor } ? all.firstIndex(of: finding) : nil
    let style = "finding \(finding.severity.rawValue)"
    let attributes: Markup.Attributes =
      if let place { ["id": Anchor.finding(place).id, "class": style] } else { ["class": style] }
    return .element(
      "article", at: attributes,
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
        section.map {
          .element(
            "p", [.text("Shown in: "), link(Remark($0.title, $0.anchor))])
        } ?? .empty,
        .lines((finding.returned.map(EvidenceText.rows) ?? []).map(renderRow)),
        .element(
          "details",
          [
            .element("summary", "Evidence: the query that returns these numbers"),
            .element("p", EvidenceText.rerun),
            .element("pre", at: ["tabindex": "0"], finding.evidenceSQL ?? "-- none: see above"),
          ]),
      ] + seen)
  }

  /// A row of evidence: its values one after the other, each behind its column's name.
  private static func renderRow(_ row: [Fact]) -> Markup {
    .element(
      "p", at: ["class": "row"],
      row.enumerated().flatMap { place, fact in
        (place == 0 ? [] : [Markup.text(" \u{B7} ")])
          + [.element("b", fact.name), .text(" \(fact.words)")]
      })
  }

  /// An interval of time, closed until it is asked for: a browser opens what holds the place that a link leads to.
  private static func render(_ panel: Panel) -> Markup {
    .element(
      "details", at: ["class": "panel"],
      [
        .element("summary", panel.title),
        .element("div", at: ["id": panel.anchor.id], [render(panel.facts)]),
      ])
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
    let drawing = Markup.element("div", at: ["class": "drawing"], [Drawing.svg(figure)])
    let reading = Markup.element("p", at: ["class": "reading"], figure.reading)
    let isFirst = if case .layers = figure.drawing { true } else { false }
    return .element(
      "figure",
      [.element("figcaption", figure.title)]
        // What is seen first needs its room; how to read it stands below.
        + (isFirst ? [drawing, reading] : [reading, drawing])
        + [.element("details", [.element("summary", "The numbers"), render(figure.numbers)])])
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
