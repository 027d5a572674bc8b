internal import TraceModel

extension Drawing {
  /// Bars that begin where the one above ends.
  static func steps(_ chart: StepChart, _ title: String) -> Markup {
    let left = 250.0
    let right = width - 110
    let reach = chart.steps.flatMap { [$0.from, $0.to] }
    let (low, high) = (min(0, reach.min() ?? 0), max(reach.max() ?? 1, 1e-9))
    func x(_ value: Double) -> Double { left + (value - low) / (high - low) * (right - left) }
    var marks: [Markup] = []
    var y = 4.0
    for (place, step) in chart.steps.enumerated() {
      let height = step.kind == .part ? 10.0 : 20.0
      let (from, to) = (x(min(step.from, step.to)), x(max(step.from, step.to)))
      let baseline = y + height / 2 + 4
      marks.append(
        text(
          left - 8, baseline, short(step.label, step.kind == .part ? 36 : 30), anchor: "end",
          isSoft: step.kind == .part))
      marks.append(
        .element(
          "rect",
          at: [
            "class": step.mark.style, "fill": step.mark.colour,
            "fill-opacity": step.kind == .part ? "0.6" : "1", "x": number(from), "y": number(y),
            "width": number(max(1, to - from)), "height": number(height),
          ], [.element("title", step.note)]))
      marks.append(
        text(to + 6, baseline, step.value, anchor: "start", isSoft: step.kind == .part))
      y += height + 6
      // To where the next one begins.
      if step.kind != .part, place + 1 < chart.steps.count {
        marks.append(line(.grid, "M\(number(x(step.to))) \(number(y - 6))V\(number(y))"))
      }
    }
    marks.append(line(.axis, "M\(number(x(0))) 0V\(number(y))"))
    return frame(height: y + 4, label: title, marks)
  }

  /// The beginning of a text that has no room.
  static func short(_ text: String, _ most: Int) -> String {
    text.count > most ? "\(text.prefix(most - 2)).." : text
  }
}
