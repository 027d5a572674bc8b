internal import TraceModel

/// Figures as SVG. Every mark has a title that shows when it is pointed at; letters stand in or beside the
/// colours.
enum Drawing {
  static let width = 900.0

  static func svg(_ figure: Figure) -> Markup {
    switch figure.drawing {
    case .bars(let bars): stacked(bars, figure.title)
    case .steps(let chart): steps(chart, figure.title)
    case .layers(let chart): layers(chart, figure.title)
    case .heat(let maps): .lines([shadeKey(maps)] + maps.map(heat))
    case .lines(let chart): lines(chart, figure.title)
    case .changes(let strips): changes(strips, figure.title)
    case .distributions(let pairs): distributions(pairs, figure.title)
    }
  }

  /// A waterfall's bar.
  static func waterfall(_ waterfall: Waterfall) -> Markup {
    // Less than nothing takes no room, but a line that says what it is.
    let lengths = waterfall.segments.map { Double(max(0, $0.nanoseconds)) }
    let whole = lengths.reduce(0, +)
    var x = 0.0
    var marks: [Markup] = []
    for (segment, length) in zip(waterfall.segments, lengths)
    where whole > 0 && segment.nanoseconds != 0 {
      let part = length / whole * width
      let mark = segment.mark
      marks += box(
        x: x, y: 0, width: part, height: 20, mark: mark,
        note: "\(mark.label): \(Quantity.time(segment.nanoseconds))"
          + (segment.culprit.map { "; \($0.name) had the CPU for \(Quantity.time($0.wait))" } ?? ""),
        name: segment.culprit?.name)
      x += part
    }
    return frame(height: 20, label: waterfall.detail, keepsRatio: false, marks)
  }

  /// The colours of some waterfalls.
  static func key(_ waterfalls: [Waterfall]) -> Markup {
    let marks = Set(waterfalls.flatMap(\.segments).map(\.mark))
    let names = Mark.ordered.filter(marks.contains).map { mark in
      switch mark {
      case .flush: (mark, "flush in H2")
      case .notFollowed: (mark, "not followed")
      default: (mark, mark.label)
      }
    }
    return frame(
      height: 20, label: "The colours of the bars below", legend(names, x: 0, y: 14))
  }

  // MARK: - Bars

  private static func stacked(_ chart: StackedBars, _ title: String) -> Markup {
    let left = 150.0
    let right = 130.0
    let room = width - left - right
    let longest = chart.bars.map { $0.parts.reduce(0) { $0 + $1.value } }.max() ?? 0
    var marks: [Markup] = []
    var y = 4.0
    for bar in chart.bars {
      marks.append(text(left - 8, y + 16, bar.label, anchor: "end"))
      var x = left
      for part in bar.parts where longest > 0 && part.value > 0 {
        let length = part.value / longest * room
        marks += box(x: x, y: y, width: length, height: 22, mark: part.mark, note: part.note)
        if let bound = bar.bound,
          part.mark == .hop(.virtioSubmit) || part.mark == .hop(.hardwareQueue)
        {
          // The end of the way in and the begin of the way back: the clock decides where they are.
          let half = bound / longest * room
          marks.append(
            .single(
              "path",
              [
                "class": "bound", "fill": "none", "stroke": Paint.ink, "stroke-width": "1.5",
                "d": "M\(number(max(left, x + length - half))) \(number(y + 26))"
                  + "H\(number(min(width - right, x + length + half)))",
              ]))
        }
        x += length
      }
      marks.append(text(x + 8, y + 16, bar.total, anchor: "start"))
      y += 34
    }
    let used = Mark.ordered.filter { mark in
      chart.bars.contains { $0.parts.contains { $0.mark == mark } }
    }
    marks += legend(used.map { ($0, $0.label) }, x: left, y: y + 8)
    return frame(height: y + 24, label: title, marks)
  }

  // MARK: - Heat

  /// Shades of a cell, by the logarithm of its count: 1, 2 to 4, 5 to 16, 17 to 64, ...
  static let shades = [0.18, 0.36, 0.54, 0.72, 0.88, 1.0]

  /// What the shades stand for.
  static let shadeNames = ["1", "2-4", "5-16", "17-64", "65-256", "more"]

  private static func heat(_ map: HeatMap) -> Markup {
    let height = 9.0
    let top = 24.0
    let bottom = top + Double(map.rows.count) * height
    let axis = TimeAxis(
      from: map.from, to: map.from + map.length * Double(map.columns), zero: map.zero, left: 70)
    var marks = [text(0, 14, map.title, anchor: "start")]
    marks += axis.ticks.map {
      line(.grid, "M\(number(axis.x($0))) \(number(top))V\(number(bottom))")
    }
    for (row, name) in map.rows.enumerated() where map.decades.contains(row) {
      let y = bottom - Double(row) * height
      marks.append(line(.grid, "M\(number(axis.left)) \(number(y))H\(number(axis.right))"))
      marks.append(text(axis.left - 6, y + 4, name, anchor: "end", isSoft: true))
    }
    let width = (axis.right - axis.left) / Double(max(1, map.columns))
    for (step, opacity) in shades.enumerated() {
      let own = runs(map.cells.filter { shade($0.count) == step }).map {
        (
          axis.left + Double($0.column) * width, bottom - Double($0.row + 1) * height,
          width * Double($0.length) - 0.5, height - 0.5
        )
      }
      if !own.isEmpty {
        marks.append(
          cells(
            own, style: "heat", colour: Paint.heat, opacity: opacity, shadeNames[step] + " I/Os"))
      }
    }
    marks.append(
      line(
        .axis, "M\(number(axis.left)) \(number(top))V\(number(bottom))H\(number(axis.right))"))
    marks += axis.labels(y: bottom + 14)
    return frame(height: bottom + axis.labelHeight, label: map.title, marks)
  }

  /// Cells of a row that stand beside each other, as one.
  private static func runs(_ cells: [HeatMapCell]) -> [(column: Int, row: Int, length: Int)] {
    var runs: [(column: Int, row: Int, length: Int)] = []
    for cell in cells.sorted(by: { ($0.row, $0.column) < ($1.row, $1.column) }) {
      if let last = runs.last, last.row == cell.row, last.column + last.length == cell.column {
        runs[runs.count - 1].length += 1
      } else {
        runs.append((cell.column, cell.row, 1))
      }
    }
    return runs
  }

  /// The shades and what they stand for.
  static func shadeKey(_ maps: [HeatMap]) -> Markup {
    let most = maps.flatMap(\.cells).map { shade($0.count) }.max() ?? 0
    var x = 70.0
    var marks: [Markup] = []
    for step in 0...most {
      marks.append(
        cells(
          [(x, 4, 12, 12)], style: "heat", colour: Paint.heat, opacity: shades[step],
          shadeNames[step]))
      marks.append(text(x + 16, 14, shadeNames[step], anchor: "start", isSoft: true))
      x += 70
    }
    marks.append(text(x, 14, "I/Os per cell", anchor: "start", isSoft: true))
    return frame(height: 20, label: "What the shades stand for", marks)
  }

  /// Boxes of one colour as one mark.
  static func cells(
    _ boxes: [(x: Double, y: Double, width: Double, height: Double)], style: String, colour: String,
    opacity: Double = 1, _ title: String
  ) -> Markup {
    let path = boxes.map {
      "M\(number($0.x)) \(number($0.y))h\(number($0.width))v\(number($0.height))h\(number(-$0.width))z"
    }.joined()
    return .element(
      "path",
      at: ["class": style, "fill": colour, "fill-opacity": number(opacity), "d": path],
      [.element("title", title)])
  }

  static func shade(_ count: Int) -> Int {
    var step = 0
    var limit = 1
    while count > limit, step + 1 < shades.count {
      limit *= 4
      step += 1
    }
    return step
  }

  // MARK: - Lines

  private static func lines(_ chart: LineChart, _ title: String) -> Markup {
    let left = 70.0
    let top = 22.0
    let bottom = 170.0
    let points = chart.lines.flatMap(\.points)
    let from = points.map(\.at).min() ?? 0
    let to = max(points.map(\.at).max() ?? 1, from + 1e-9)
    let highest = max(
      points.compactMap(\.value).max() ?? 1, chart.limit?.value ?? 0, 1e-9)
    let scale = rounded(highest)
    let axis = TimeAxis(from: from, to: to, zero: chart.zero, left: left)
    let right = axis.right
    func y(_ value: Double) -> Double { bottom - value / scale * (bottom - top) }
    var marks = [text(0, 14, chart.unit, anchor: "start", isSoft: true)]
    marks += axis.ticks.map {
      line(.grid, "M\(number(axis.x($0))) \(number(top))V\(number(bottom))")
    }
    for part in [0.0, 0.5, 1.0] {
      marks.append(
        text(
          left - 8, y(part * scale) + 4, Quantity.decimal(part * scale, digits: scale < 4 ? 1 : 0),
          anchor: "end", isSoft: true))
    }
    marks.append(
      line(.axis, "M\(number(left)) \(number(top))V\(number(bottom))H\(number(right))"))
    if let limit = chart.limit {
      marks.append(
        self.line(
          .limit, "M\(number(left)) \(number(y(limit.value)))H\(number(right))", limit.name))
      marks.append(text(right, y(limit.value) - 4, limit.name, anchor: "end", isSoft: true))
    }
    for line in chart.lines {
      var path = ""
      var isPenUp = true
      for point in line.points {
        guard let value = point.value else {
          isPenUp = true
          continue
        }
        path += "\(isPenUp ? "M" : "L")\(number(axis.x(point.at))) \(number(y(value)))"
        isPenUp = false
      }
      marks.append(
        .element(
          "path",
          at: [
            "class": "stroke \(line.mark.style)", "fill": "none", "stroke": line.mark.colour,
            "stroke-width": "1.8", "d": path,
          ], [.element("title", line.name)]))
    }
    marks += axis.labels(y: bottom + 18)
    marks += legend(
      chart.lines.map { ($0.mark, $0.name) }, x: left, y: bottom + axis.labelHeight + 16)
    return frame(height: bottom + axis.labelHeight + 26, label: title, marks)
  }

  /// 1, 2 or 5 times a power of ten that is not below the value.
  static func rounded(_ value: Double) -> Double {
    var step = 1e-3
    while step < 1e15 {
      for factor in [1.0, 2, 5] where step * factor >= value { return step * factor }
      step *= 10
    }
    return value
  }

  // MARK: - Parts

  /// A drawing of `width` by `height`, which the page may give another ratio if it has no letters.
  ///
  /// One with links in it is no single picture for those who hear it.
  static func frame(
    height: Double, label: String, keepsRatio: Bool = true, hasLinks: Bool = false,
    _ marks: [Markup]
  ) -> Markup {
    .element(
      "svg",
      at: [
        "viewBox": "0 0 \(number(width)) \(number(height))",
        "role": hasLinks ? "group" : "img", "aria-label": label,
        "preserveAspectRatio": keepsRatio ? "xMidYMid" : "none",
      ], marks)
  }

  /// A coloured stretch with its letter where there is room for it, and a name behind that.
  static func box(
    x: Double, y: Double, width: Double, height: Double, mark: Mark, note: String,
    name: String? = nil
  ) -> [Markup] {
    var marks: [Markup] = [
      .element(
        "rect",
        at: [
          "class": mark.style, "fill": mark.colour, "x": number(x), "y": number(y),
          "width": number(max(0.5, width)), "height": number(height),
        ], [.element("title", note)])
    ]
    func fits(_ text: String) -> Bool { width > Double(text.count) * 7 + 6 }
    let label = name.map { "\(mark.label): \($0)" }.flatMap { fits($0) ? $0 : nil } ?? mark.label
    if fits(label) {
      marks.append(
        .element(
          "text",
          at: [
            "class": "on \(mark.style)", "fill": mark.inkOnIt, "font-family": Paint.family,
            "font-size": "11", "x": number(x + width / 2), "y": number(y + height / 2 + 4),
            "text-anchor": "middle",
          ], label))
    }
    return marks
  }

  static func legend(_ entries: [(Mark, String)], x: Double, y: Double) -> [Markup] {
    var x = x
    return entries.flatMap { mark, name -> [Markup] in
      defer { x += 30 + Double(name.count) * 7 }
      return [
        .single(
          "rect",
          [
            "class": mark.style, "fill": mark.colour, "x": number(x), "y": number(y - 10),
            "width": "12", "height": "12",
          ]),
        text(x + 16, y, name, anchor: "start", isSoft: true),
      ]
    }
  }

  static func text(
    _ x: Double, _ y: Double, _ text: String, anchor: String, isSoft: Bool = false
  ) -> Markup {
    .element(
      "text",
      at: [
        "x": number(x), "y": number(y), "text-anchor": anchor, "class": isSoft ? "soft" : "label",
        "fill": isSoft ? Paint.soft : Paint.ink, "font-family": Paint.family,
        "font-size": isSoft ? "11" : "12",
      ], text)
  }

  /// A line that is no data: an axis, a grid, a limit.
  static func line(_ kind: Paint.Line, _ path: String, _ title: String? = nil) -> Markup {
    .element(
      "path",
      at: [
        "class": kind.rawValue, "fill": "none", "stroke": kind.colour,
        "stroke-width": kind.width, "stroke-dasharray": kind.dashes, "d": path,
      ], title.map { [.element("title", $0)] } ?? [])
  }

  /// A coordinate, with a tenth of a pixel.
  static func number(_ value: Double) -> String {
    let text = Quantity.decimal(value, digits: 2).filter { $0 != "," }
    guard text.contains(".") else { return text }
    var end = text[...]
    while end.hasSuffix("0") { end.removeLast() }
    if end.hasSuffix(".") { end.removeLast() }
    return String(end)
  }
}
