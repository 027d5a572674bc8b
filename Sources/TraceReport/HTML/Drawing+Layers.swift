internal import Glibc
internal import TraceModel

extension Drawing {
  /// Layers over one time: the plot begins behind two columns, of names and of scales.
  static func layers(_ chart: LayerChart, _ title: String) -> Markup {
    let axis = TimeAxis(from: chart.from, to: chart.to, zero: chart.zero, left: 172)
    var marks: [Markup] = []
    let head = axis.head(chart.onsets)
    var y = head.height
    var lanes: [Markup] = []
    for lane in chart.lanes {
      let height = height(of: lane)
      lanes += self.lane(lane, axis, top: y, height: height)
      y += height + 16
    }
    let bottom = y - 8
    for phase in chart.phases {
      marks.append(
        shade(phase, axis, "phase", Paint.critical, "0.07", head.height - 4, bottom))
    }
    marks += axis.ticks.map { tick in
      line(.grid, "M\(number(axis.x(tick))) \(number(head.height - 4))V\(number(bottom))")
    }
    marks += lanes
    for pause in chart.pauses {
      marks.append(shade(pause, axis, "pause", Paint.soft, "0.3", head.height - 4, bottom))
    }
    var last: Double?
    for (onset, top) in zip(chart.onsets, head.tops) {
      let x = axis.x(onset.at)
      // Lines that nearly touch would look like one: every other is dashed, and each begins at its name.
      let isClose = last.map { abs(x - $0) < 5 } ?? false
      marks.append(
        .element(
          "path",
          at: [
            "class": "onset", "fill": "none", "stroke": Paint.critical, "stroke-width": "1.2",
            "stroke-dasharray": isClose ? "4 3" : "none",
            "d": "M\(number(x)) \(number(top))V\(number(bottom))",
          ], [.element("title", onset.name)]))
      last = isClose ? nil : x
    }
    marks += head.marks
    marks += axis.labels(y: bottom + 14)
    marks += chart.columns.compactMap { column($0, axis, head.height - 4, bottom) }
    return frame(
      height: bottom + axis.labelHeight + 4, label: title, hasLinks: !chart.columns.isEmpty, marks)
  }

  /// An interval over all lanes, to click on. The panels can be reached by keys; a hundred stops in a picture would be in the way.
  private static func column(
    _ column: LayerChart.Column, _ axis: TimeAxis, _ top: Double, _ bottom: Double
  ) -> Markup? {
    guard
      let (from, to) = axis.ends(.init(from: column.from, to: column.to, value: nil)), to > from
    else { return nil }
    return .element(
      "a",
      at: ["href": "#\(column.anchor.id)", "aria-label": column.note, "tabindex": "-1"],
      [
        .element(
          "rect",
          at: [
            "class": "column", "fill": Paint.page, "fill-opacity": "0", "x": number(from),
            "y": number(top), "width": number(to - from), "height": number(bottom - top),
          ], [.element("title", column.note)])
      ])
  }

  private static func height(of lane: LayerChart.Lane) -> Double {
    switch lane.content {
    case .heat: 110
    case .stack(let series): max(76, 34 + 14 * Double(series.count))
    case .curves(let series): max(56, 34 + 14 * Double(series.count > 1 ? series.count : 0))
    }
  }

  /// A stretch of time over all lanes.
  private static func shade(
    _ range: ClosedRange<Double>, _ axis: TimeAxis, _ style: String, _ colour: String,
    _ opacity: String, _ top: Double, _ bottom: Double
  ) -> Markup {
    .single(
      "rect",
      [
        "class": style, "fill": colour, "fill-opacity": opacity,
        "x": number(axis.x(range.lowerBound)), "y": number(top),
        "width": number(max(1, axis.x(range.upperBound) - axis.x(range.lowerBound))),
        "height": number(bottom - top),
      ])
  }

  // MARK: - A lane

  private static func lane(
    _ lane: LayerChart.Lane, _ axis: TimeAxis, top: Double, height: Double
  ) -> [Markup] {
    let bottom = top + height
    var marks = [
      text(0, top + 11, short(lane.title, 19), anchor: "start"),
      text(0, top + 25, short(lane.subtitle, 24), anchor: "start", isSoft: true),
    ]
    switch lane.content {
    case .heat(let cells, let series):
      marks += heat(cells, series, axis, top, bottom)
      marks += keys(series, y: top + 40, isLine: true)
    case .stack(let series):
      let highest = stackTop(series)
      let scale = max(highest, lane.limit?.value ?? 0) * 1.05
      marks += scaleMarks(scale, lane, axis, top, bottom)
      marks += stack(series, scale, lane, axis, top, bottom)
      marks += keys(series, y: top + 40, isLine: false)
    case .curves(let series):
      let values = series.flatMap(\.stretches).compactMap(\.value)
      let scale = max(values.max() ?? 0, lane.limit?.value ?? 0, 1e-9) * 1.05
      marks += scaleMarks(scale, lane, axis, top, bottom)
      for own in series { marks.append(curve(own, axis) { bottom - $0 / scale * (bottom - top) }) }
      if series.count > 1 { marks += keys(series, y: top + 40, isLine: true) }
    }
    marks.append(line(.axis, "M\(number(axis.left)) \(number(bottom))H\(number(axis.right))"))
    return marks + hatches(lane, axis, top, bottom)
  }

  /// The colours, below the names.
  private static func keys(_ series: [LayerChart.Series], y: Double, isLine: Bool) -> [Markup] {
    series.enumerated().flatMap { place, own -> [Markup] in
      let at = y + 14 * Double(place)
      let sign: Markup =
        isLine
        ? .single(
          "path",
          [
            "class": "stroke \(own.mark.style)", "fill": "none", "stroke": own.mark.colour,
            "stroke-width": "1.8", "d": "M0 \(number(at - 4))H10",
          ])
        : .single(
          "rect",
          [
            "class": own.mark.style, "fill": own.mark.colour, "x": "0", "y": number(at - 9),
            "width": "10", "height": "10",
          ])
      return [sign, text(14, at, short(own.name, 20), anchor: "start", isSoft: true)]
    }
  }

  private static func scaleMarks(
    _ scale: Double, _ lane: LayerChart.Lane, _ axis: TimeAxis, _ top: Double, _ bottom: Double
  ) -> [Markup] {
    var marks = [text(axis.left - 6, bottom, "0", anchor: "end", isSoft: true)]
    func y(_ value: Double) -> Double { bottom - value / scale * (bottom - top) }
    let unit = lane.isPercent ? " %" : ""
    let step = TimeAxis.step(scale / 1.05, most: 3)
    var value = step
    while value <= scale {
      let isNearLimit = lane.limit.map { abs(y($0.value) - y(value)) < 11 } ?? false
      if !isNearLimit {
        marks.append(
          text(
            axis.left - 6, y(value) + 4, Quantity.decimal(value, digits: step < 1 ? 1 : 0) + unit,
            anchor: "end", isSoft: true))
        marks.append(
          line(.grid, "M\(number(axis.left)) \(number(y(value)))H\(number(axis.right))"))
      }
      value += step
    }
    if let limit = lane.limit {
      marks.append(
        line(
          .limit, "M\(number(axis.left)) \(number(y(limit.value)))H\(number(axis.right))",
          limit.name))
      marks.append(
        text(axis.left - 6, y(limit.value) + 4, limit.name, anchor: "end", isSoft: true))
    }
    return marks
  }

  private static func curve(
    _ series: LayerChart.Series, _ axis: TimeAxis, y: (Double) -> Double
  ) -> Markup {
    var path = ""
    var last: Double?
    for stretch in series.stretches {
      guard let value = stretch.value, let middle = axis.middle(stretch) else {
        last = nil
        continue
      }
      // A gap in time is one in the line.
      let isNext = last.map { stretch.from <= $0 + 0.5 * (stretch.to - stretch.from) } ?? false
      path += "\(isNext ? "L" : "M")\(number(middle)) \(number(y(value)))"
      // A stretch with nothing beside it is a short line.
      if !isNext { path += "h0.1" }
      last = stretch.to
    }
    return .element(
      "path",
      at: [
        "class": "stroke \(series.mark.style)", "fill": "none", "stroke": series.mark.colour,
        "stroke-width": "1.8", "stroke-linecap": "round", "d": path,
      ], [.element("title", series.name)])
  }

  // MARK: Stacks

  private static func stackTop(_ series: [LayerChart.Series]) -> Double {
    var sums: [Double: Double] = [:]
    for stretch in series.flatMap(\.stretches) {
      sums[stretch.from, default: 0] += max(0, stretch.value ?? 0)
    }
    return max(sums.values.max() ?? 0, 1e-9)
  }

  private static func stack(
    _ series: [LayerChart.Series], _ scale: Double, _ lane: LayerChart.Lane, _ axis: TimeAxis,
    _ top: Double, _ bottom: Double
  ) -> [Markup] {
    var below: [Double: Double] = [:]
    var marks: [Markup] = []
    var names: [Markup] = []
    for (place, own) in series.enumerated() {
      var area: [(from: Double, to: Double, low: Double, high: Double)] = []
      for stretch in own.stretches {
        guard let value = stretch.value, value > 0, let (from, to) = axis.ends(stretch) else {
          continue
        }
        let base = below[stretch.from] ?? 0
        below[stretch.from] = base + value
        area.append(
          (
            from, to, bottom - base / scale * (bottom - top),
            bottom - (base + value) / scale * (bottom - top)
          ))
      }
      guard !area.isEmpty else { continue }
      marks.append(
        cells(
          area.map {
            ($0.from, $0.high, max(0.5, $0.to - $0.from - 0.5), max(0.3, $0.low - $0.high))
          },
          style: own.mark.style, colour: own.mark.colour, own.name))
      if place > 0, let name = name(own, in: area) { names.append(name) }
    }
    return marks + names
  }

  /// The name of an owner in the middle of its bars, where all of them leave room for it.
  private static func name(
    _ series: LayerChart.Series, in area: [(from: Double, to: Double, low: Double, high: Double)]
  ) -> Markup? {
    let high = area.filter { $0.low - $0.high >= 16 }
    guard let from = high.first?.from, let to = high.last?.to,
      to - from >= 7 * Double(series.name.count) + 12, 4 * high.count >= 3 * area.count
    else { return nil }
    let middle = (from + to) / 2
    let half = 3.5 * Double(series.name.count) + 4
    let under = high.filter { $0.to > middle - half && $0.from < middle + half }
    guard let low = under.map(\.low).min(), let top = under.map(\.high).max(), low - top >= 14
    else { return nil }
    return .element(
      "text",
      at: [
        "class": "on \(series.mark.style)", "fill": series.mark.inkOnIt,
        "font-family": Paint.family, "font-size": "11", "x": number(middle),
        "y": number((low + top) / 2 + 4), "text-anchor": "middle",
      ], series.name)
  }

  // MARK: Heat

  private static func heat(
    _ cells: [LayerChart.Cell], _ series: [LayerChart.Series], _ axis: TimeAxis, _ top: Double,
    _ bottom: Double
  ) -> [Markup] {
    let shown = cells.filter { $0.to > axis.from && $0.from < axis.to }
    let least = max(1, shown.map(\.low).min() ?? 1e6)
    let most = max(shown.map(\.high).max() ?? 1e7, least * 2)
    let (low, high) = (log10(least), log10(most))
    func y(_ time: Double) -> Double {
      bottom - (min(max(log10(max(time, 1)), low), high) - low) / (high - low) * (bottom - top)
    }
    var marks: [Markup] = []
    for power in Int(low.rounded(.up))...max(Int(low.rounded(.up)), Int(high.rounded(.down))) {
      let time = pow(10, Double(power))
      guard time >= least * 0.99, time <= most * 1.01 else { continue }
      marks.append(line(.grid, "M\(number(axis.left)) \(number(y(time)))H\(number(axis.right))"))
      marks.append(
        text(axis.left - 6, y(time) + 4, decade(power), anchor: "end", isSoft: true))
    }
    for (step, opacity) in shades.enumerated() {
      let own = shown.filter { shade($0.count) == step }.compactMap {
        cell -> (Double, Double, Double, Double)? in
        guard
          let (from, to) = axis.ends(.init(from: cell.from, to: cell.to, value: nil))
        else { return nil }
        return (
          from, y(cell.high), max(0.5, to - from - 0.5),
          max(0.5, y(max(cell.low, least)) - y(cell.high) - 0.5)
        )
      }
      if !own.isEmpty {
        marks.append(
          Self.cells(
            own, style: "heat", colour: Paint.heat, opacity: opacity, shadeNames[step] + " I/Os"))
      }
    }
    for own in series { marks.append(curve(own, axis, y: y)) }
    return marks
  }

  /// `10 ms`.
  private static func decade(_ power: Int) -> String {
    let unit = ["ns", "us", "ms", "s"][min(3, max(0, power / 3))]
    let digits = power - 3 * min(3, max(0, power / 3))
    return "1\(String(repeating: "0", count: max(0, digits))) \(unit)"
  }

  // MARK: Not traced

  private static func hatches(
    _ lane: LayerChart.Lane, _ axis: TimeAxis, _ top: Double, _ bottom: Double
  ) -> [Markup] {
    var at = axis.from
    var gaps: [(from: Double, to: Double)] = []
    for range in lane.covered.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > at { gaps.append((at, min(range.lowerBound, axis.to))) }
      at = max(at, range.upperBound)
    }
    if at < axis.to { gaps.append((at, axis.to)) }
    return gaps.compactMap { gap -> Markup? in
      let (left, right) = (axis.x(gap.from), axis.x(gap.to))
      guard right - left >= 2 else { return nil }
      // Lines from below left to above right, cut at the borders.
      var path = ""
      var start = left - (bottom - top)
      while start < right {
        let (from, to) = (max(start, left), min(start + (bottom - top), right))
        if to > from {
          path +=
            "M\(number(from)) \(number(bottom - (from - start)))"
            + "L\(number(to)) \(number(bottom - (to - start)))"
        }
        start += 8
      }
      return .element(
        "path",
        at: [
          "class": "hatch", "fill": "none", "stroke": Paint.soft, "stroke-width": "0.5", "d": path,
        ], [.element("title", "not traced")])
    }
  }
}
