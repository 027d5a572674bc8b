internal import Glibc
internal import TraceModel

/// The time of a picture, s, with ticks in seconds and on the wall clock.
struct TimeAxis {
  let left: Double
  let right = Drawing.width - 10
  let from: Double
  let to: Double
  /// UTC of 0 s, ns since 1970; nil where no file tells.
  let zero: Int64?

  init(from: Double, to: Double, zero: Int64?, left: Double) {
    (self.from, self.to, self.zero) = (from, max(to, from + 1e-3), zero)
    self.left = left
  }

  /// How much room the labels take.
  var labelHeight: Double { zero == nil ? 18 : 32 }

  func x(_ at: Double) -> Double {
    left + (min(max(at, from), to) - from) / (to - from) * (right - left)
  }

  /// Where a stretch lies, as far as it is shown.
  func ends(_ stretch: LayerChart.Stretch) -> (from: Double, to: Double)? {
    stretch.to > from && stretch.from < to ? (x(stretch.from), x(stretch.to)) : nil
  }

  func middle(_ stretch: LayerChart.Stretch) -> Double? {
    ends(stretch).map { ($0.from + $0.to) / 2 }
  }

  /// 1, 2 or 5 times a power of ten, so that there are at most so many steps.
  static func step(_ length: Double, most: Double) -> Double {
    var unit = 1e-4
    while unit < 1e18 {
      for factor in [1.0, 2, 5] where length / (unit * factor) <= most { return unit * factor }
      unit *= 10
    }
    return length
  }

  private var step: Double { Self.step(to - from, most: 8) }

  var ticks: [Double] {
    let first = (from / step).rounded(.up)
    return (0...8).map { (first + Double($0)) * step }.filter { $0 <= to }
  }

  /// Seconds, and below them the wall clock.
  func labels(y: Double) -> [Markup] {
    // As many as tell one tick from the next.
    let digits = (0..<6).first { step >= pow(10, -Double($0)) * 0.999 } ?? 6
    return ticks.flatMap { tick -> [Markup] in
      // The last may stand at the border.
      let (place, anchor) = x(tick) > right - 24 ? (right + 8, "end") : (x(tick), "middle")
      let own = Drawing.text(
        place, y, Quantity.decimal(tick, digits: digits) + " s", anchor: anchor, isSoft: true)
      guard let zero else { return [own] }
      let utc = UTCText.time(Stamp.sum(zero, Int64(tick * 1e9)))
      return [
        own,
        Drawing.text(
          place, y + 14, utc, anchor: anchor, isSoft: true),
      ]
    } + (zero == nil ? [] : [Drawing.text(0, y + 14, "UTC", anchor: "start", isSoft: true)])
  }

  /// The names of moments above the lanes, in as many lines as they need, and where the line of each begins.
  func head(
    _ onsets: [LayerChart.Onset]
  ) -> (height: Double, marks: [Markup], tops: [Double]) {
    var ends: [Double] = []
    var marks: [Markup] = []
    var tops: [Double] = []
    for onset in onsets {
      let width = 6.6 * Double(onset.name.count)
      let at = x(onset.at)
      let isLeft = at + 4 + width > right
      let from = isLeft ? at - 4 - width : at + 4
      let row = ends.firstIndex { $0 < from } ?? ends.count
      if row == ends.count { ends.append(0) }
      ends[row] = from + width + 8
      tops.append(3 + 15 * Double(row))
      marks.append(
        .element(
          "text",
          at: [
            "class": "onset", "fill": Paint.critical, "font-family": Paint.family,
            "font-size": "12", "font-weight": "600", "x": Drawing.number(isLeft ? at - 4 : at + 4),
            "y": Drawing.number(12 + 15 * Double(row)), "text-anchor": isLeft ? "end" : "start",
          ], onset.name))
    }
    return (16 + 15 * Double(ends.count), marks, tops)
  }
}
