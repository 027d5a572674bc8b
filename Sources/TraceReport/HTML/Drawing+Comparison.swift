internal import Glibc
internal import TraceAnalysis
internal import TraceModel

extension Drawing {
  // MARK: - Changes

  /// Further than this factor a strip goes on beyond the picture.
  private static let farthest = 512.0

  static func changes(_ chart: ChangeStrips, _ title: String) -> Markup {
    let left = 190.0
    let right = width - 90
    let top = 22.0
    let row = 15.0
    let groups = chart.strips.reduce(into: [(name: String, strips: [ChangeStrips.Strip])]()) {
      if $0.last?.name != $1.group { $0.append(($1.group, [])) }
      $0[$0.count - 1].strips.append($1)
    }
    let bottom = top + Double(chart.strips.count) * row + Double(groups.count) * 6
    let reach = chart.strips.flatMap { [$0.low, $0.ratio, $0.high] }.reduce(1.1) {
      max($0, $1, 1 / $1)
    }
    let scale = log(min(farthest, reach * 1.02))
    func x(_ ratio: Double) -> Double {
      (left + right) / 2 + max(-1, min(1, log(ratio) / scale)) * (right - left) / 2
    }
    var marks: [Markup] = []
    for (ratio, name) in ticks(exp(scale)) {
      let isSame = ratio == 1
      marks.append(
        line(isSame ? .zero : .limit, "M\(number(x(ratio))) \(number(top - 6))V\(number(bottom))"))
      marks.append(text(x(ratio), 11, name, anchor: "middle", isSoft: !isSame))
    }
    var y = top
    for group in groups {
      marks.append(text(0, y + 11, group.name, anchor: "start"))
      for strip in group.strips {
        marks.append(text(left - 10, y + 11, strip.label, anchor: "end", isSoft: true))
        marks.append(
          self.strip(strip, from: x(strip.low), at: x(strip.ratio), to: x(strip.high), y))
        if strip.verdict == .better || strip.verdict == .worse {
          marks.append(text(right + 10, y + 11, strip.verdict.rawValue, anchor: "start"))
        } else if strip.isUncorrected {
          marks.append(text(right + 10, y + 11, "uncorrected", anchor: "start", isSoft: true))
        }
        y += row
      }
      y += 6
    }
    return frame(height: bottom + 6, label: title, marks)
  }

  private static func strip(
    _ strip: ChangeStrips.Strip, from low: Double, at ratio: Double, to high: Double, _ y: Double
  ) -> Markup {
    let (name, colour) =
      switch strip.verdict {
      case .better: ("better", "#009e73")
      case .worse: ("worse", "#d55e00")
      case .noDifference: (strip.isUncorrected ? "uncorrected" : "same", Paint.soft)
      case .cannotTell: ("unsaid", Paint.line)
      }
    var band: Markup.Attributes = [
      "x": number(low), "y": number(y + 3), "width": number(max(1, high - low)), "height": "9",
      "fill-opacity": "0.45",
    ]
    if strip.isUncorrected {
      band = [
        "x": number(low), "y": number(y + 3.5), "width": number(max(1, high - low)), "height": "8",
        "fill-opacity": "0", "stroke": colour, "stroke-width": "1", "stroke-dasharray": "3 2",
      ]
    }
    return .element(
      "g", at: ["class": "strip \(name)", "fill": colour],
      [
        .element("title", strip.note),
        .single("rect", band),
        .single(
          "rect",
          ["x": number(ratio - 1.5), "y": number(y + 1), "width": "3", "height": "13"]),
      ])
  }

  /// Where lines stand on a scale that goes to a factor either way.
  private static func ticks(_ factor: Double) -> [(Double, String)] {
    guard factor < 2.2 else {
      let steps = factor > 70 ? [4.0, 32, 256] : factor > 9 ? [4.0, 16, 64] : [2.0, 4, 8]
      let near = steps.filter { $0 <= factor }
      return near.reversed().map { (1 / $0, "/ \(Int($0))") } + [(1, "same")]
        + near.map { ($0, "x \(Int($0))") }
    }
    let step = factor > 1.5 ? 40 : factor > 1.25 ? 20 : factor > 1.12 ? 10 : 5
    let places = stride(from: -2 * step, through: 2 * step, by: step).filter {
      let ratio = 1 + Double($0) / 100
      return ratio >= 1 / factor && ratio <= factor
    }
    return places.map {
      (1 + Double($0) / 100, $0 == 0 ? "same" : $0 < 0 ? "\($0) %" : "+\($0) %")
    }
  }

  // MARK: - Distributions

  static func distributions(_ pairs: [DistributionPair], _ title: String) -> Markup {
    let columns = 2
    let room = (width: width / Double(columns), height: 190.0)
    var marks: [Markup] = []
    for (place, pair) in pairs.enumerated() {
      marks += panel(
        pair, x: Double(place % columns) * room.width, y: Double(place / columns) * room.height,
        width: room.width)
    }
    let rows = Double((pairs.count + columns - 1) / columns)
    marks += legend(
      [(.first, "before"), (.second, "after")], x: 50, y: rows * room.height + 12)
    return frame(height: rows * room.height + 20, label: title, marks)
  }

  private static func panel(
    _ pair: DistributionPair, x offset: Double, y above: Double, width: Double
  ) -> [Markup] {
    let left = offset + 50
    let right = offset + width - 16
    let top = above + 24
    let bottom = above + 160
    // Nothing at or below zero has a place on such an axis.
    let times = (pair.before + pair.after).map(\.nanoseconds).filter { $0 > 0 }
    guard let least = times.min(), let most = times.max() else { return [] }
    let from = log10(Double(least)) - 0.02
    let to = max(log10(Double(most)) + 0.02, from + 0.1)
    func x(_ time: Double) -> Double { left + (log10(time) - from) / (to - from) * (right - left) }
    func y(_ share: Double) -> Double { bottom - share * (bottom - top) }
    var marks = [text(left, above + 14, pair.title, anchor: "start")]
    for (share, name) in [(0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (1.0, "")] {
      marks.append(line(.grid, "M\(number(left)) \(number(y(share)))H\(number(right))"))
      marks.append(text(left - 6, y(share) + 4, name, anchor: "end", isSoft: true))
    }
    for (time, name) in moments(from, to) {
      marks.append(line(.grid, "M\(number(x(time))) \(number(top))V\(number(bottom))"))
      marks.append(text(x(time), bottom + 18, name, anchor: "middle", isSoft: true))
    }
    for (name, mark, points) in [
      ("before", Mark.first, pair.before), ("after", .second, pair.after),
    ] {
      var path = ""
      for point in points where point.nanoseconds > 0 {
        let here = "\(number(x(Double(point.nanoseconds)))) \(number(y(point.share)))"
        path += path.isEmpty ? "M\(here)" : "L\(here)"
      }
      marks.append(
        .element(
          "path",
          at: [
            "class": "stroke \(mark.style)", "fill": "none", "stroke": mark.colour,
            "stroke-width": "1.8", "d": path,
          ], [.element("title", "\(pair.title), \(name)")]))
    }
    return marks
  }

  /// Moments of a logarithmic axis between two powers of ten: each power, and where there are few of them
  /// 2 and 5 of each.
  private static func moments(_ from: Double, _ to: Double) -> [(Double, String)] {
    let factors = to - from > 2 ? [1.0] : [1.0, 2, 5]
    return (Int(from.rounded(.down))...Int(to.rounded(.up))).flatMap { power in
      factors.map { $0 * pow(10, Double(power)) }
    }
    .filter { log10($0) >= from && log10($0) <= to }
    .map { time in
      switch time {
      case ..<1e3: (time, "\(Quantity.decimal(time, digits: 0)) ns")
      case ..<1e6: (time, "\(Quantity.decimal(time / 1e3, digits: 0)) us")
      case ..<1e9: (time, "\(Quantity.decimal(time / 1e6, digits: 0)) ms")
      default: (time, "\(Quantity.decimal(time / 1e9, digits: 0)) s")
      }
    }
  }
}
