internal import TraceAnalysis
internal import TraceModel

/// A disk's comparison as pictures: where the time went, how much each quantile changed, and the whole
/// distributions.
struct ComparisonFigures {
  let comparison: Comparison
  let guest: String
  let device: String

  var blocks: [Block] { [hopBars, changes, distributions].compactMap(\.self).map(Block.figure) }

  private var disk: String {
    ComparisonSections(comparison: comparison).disk(guest, device)
  }

  private var lines: [ComparisonLine] {
    comparison.lines.filter {
      $0.guest == guest && $0.device == device && $0.op == BlockOperation.together
    }
  }

  // MARK: Hops side by side

  private var hopBars: Figure? {
    let means = lines.filter { $0.statistic == .mean }
    guard let whole = means.first(where: { $0.subject == Hop.total.name }) else { return nil }
    // A hop counts as nothing in I/Os that did not pass it, so that the bar is as long as the total.
    func bar(
      _ label: String, _ value: (ComparisonLine) -> Double?, _ count: (ComparisonLine) -> Int
    ) -> StackedBars.Bar? {
      let parts = Hop.passed.flatMap { hop -> [StackedBars.Part] in
        let pieces = hop == .virtioQueue ? Hop.parts.filter(\.isHalf) : [hop]
        return pieces.compactMap { piece in
          guard let mark = Mark(piece),
            let line = means.first(where: { $0.subject == piece.name }),
            let mean = value(line), mean > 0, count(whole) > 0
          else { return nil }
          let time = mean * Double(count(line)) / Double(count(whole))
          return StackedBars.Part(
            mark: mark, value: time,
            note: "\(mark.label): \(Quantity.time(time))")
        }
      }
      guard !parts.isEmpty else { return nil }
      let order = Mark.ordered
      return StackedBars.Bar(
        label: label,
        parts: parts.sorted {
          (order.firstIndex(of: $0.mark) ?? 0) < (order.firstIndex(of: $1.mark) ?? 0)
        },
        total: Quantity.time(Int64(parts.reduce(0) { $0 + $1.value }.rounded())))
    }
    let bars = [
      bar("before", \.before, \.countBefore), bar("after", \.after, \.countAfter),
    ].compactMap(\.self)
    guard bars.count == 2 else { return nil }
    return Figure(
      title: "\(disk): where the time of an I/O went, on average",
      reading:
        "Each bar is the mean of all I/Os, hop by hop, both on one scale. A hop that an I/O did not pass "
        + "(H1 of a direct write) counts as nothing in it.",
      drawing: .bars(StackedBars(bars: bars)),
      numbers: numbers(means.filter { $0.subject != Hop.block.name }) { Self.name($0.subject) },
      isInText: false)
  }

  private func numbers(_ lines: [ComparisonLine], _ name: (ComparisonLine) -> String) -> Table {
    func time(_ value: Double?) -> String {
      value.map { Quantity.time($0) } ?? "-"
    }
    return Table(
      caption: "",
      columns: [
        .text("hop"), .number("before"), .number("after"), .number("change"), .text("verdict"),
      ],
      rows: lines.map {
        [
          name($0), time($0.before), time($0.after), ChangeText.change($0, unit: nil) ?? "",
          ChangeText.verdict($0),
        ]
      })
  }

  private static func name(_ subject: String) -> String {
    ComparisonSections.name(of: subject)
  }

  // MARK: Changes

  private var changes: Figure? {
    // The two halves of the virtio hop depend on the clocks; the whole does not.
    let shown = lines.filter { line in
      guard let hop = Hop(name: line.subject) else { return false }
      return !hop.isHalf && (hop != .block || lines.contains { $0.subject == Hop.pageCache.name })
    }
    let hops = Hop.allCases.map(\.name)
    let ordered = hops.flatMap { hop in shown.filter { $0.subject == hop } }
    let strips = ordered.compactMap { line -> ChangeStrips.Strip? in
      guard let relative = line.relativeChange, let ratio = line.ratio, relative > -1,
        ratio.low > 0
      else { return nil }
      let name = Self.name(line.subject)
      return ChangeStrips.Strip(
        group: name, label: line.statistic.rawValue, ratio: relative + 1, low: ratio.low,
        high: ratio.high, verdict: line.verdict, isUncorrected: line.isUncorrected,
        note: Printable.text(
          "\(name) \(line.statistic.rawValue): \(ChangeText.change(line, unit: nil) ?? ""), "
            + ChangeText.verdict(line) + (line.reason.map { ": \($0)" } ?? "")))
    }
    guard !strips.isEmpty else { return nil }
    return Figure(
      title: "\(disk): after divided by before, hop by hop and quantile by quantile",
      reading: "The mark is what was measured, the strip its "
        + "\(Quantity.decimal(comparison.settings.confidence * 100, digits: 0)) % interval; the scale "
        + "is logarithmic. A strip that touches \"same\" shows no change. To the left is shorter. A strip with a border alone "
        + "is beyond its own interval, but not once corrected for the lines beside it: it shows nothing.",
      drawing: .changes(ChangeStrips(strips: strips)),
      numbers: numbers(ordered) { "\(Self.name($0.subject)) \($0.statistic.rawValue)" },
      isInText: false)
  }

  // MARK: Distributions

  private var distributions: Figure? {
    let own = comparison.distributions.filter { $0.guest == guest && $0.device == device }
    let hops = [.total] + Hop.passed
    let shown = hops.compactMap { hop in
      own.first { $0.hop == hop && !$0.before.isEmpty && !$0.after.isEmpty }
    }
    guard !shown.isEmpty else { return nil }
    let shares = [0.5, 0.9, 0.99, 0.999]
    func value(_ points: [HopDistributions.Point], _ share: Double) -> String {
      points.first { $0.share == share }.map { Quantity.time($0.nanoseconds) } ?? "-"
    }
    return Figure(
      title: "\(disk): how long the I/Os took, before over after",
      reading: "Across: time, logarithmic. Up: the part of the I/Os that took no longer. Where the "
        + "curve of after is to the left of before, I/Os got faster.",
      drawing: .distributions(
        shown.map { pair in
          DistributionPair(
            title: Self.name(pair.hop.name),
            before: pair.before.map { ($0.share, $0.nanoseconds) },
            after: pair.after.map { ($0.share, $0.nanoseconds) })
        }),
      numbers: Table(
        caption: "",
        columns: [.text("hop"), .text("side")]
          + shares.map { .number("\(Quantity.decimal($0 * 100, digits: $0 == 0.999 ? 1 : 0)) %") },
        rows: shown.flatMap { pair in
          [("before", pair.before), ("after", pair.after)].map { side, points in
            [Self.name(pair.hop.name), side] + shares.map { value(points, $0) }
          }
        }), isInText: false)
  }
}
