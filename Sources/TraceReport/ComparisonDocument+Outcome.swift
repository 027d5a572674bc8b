internal import TraceAnalysis
internal import TraceModel

/// What changed, in the first lines: the whole of each disk, where in it, and what else.
extension ComparisonSections {
  var outcome: [Block] {
    var blocks: [Block] = [.heading("What changed")]
    let lines = headlines
    if !lines.isEmpty { blocks.append(.facts(lines)) }
    let shown = comparison.lines.filter { $0.verdict == .better || $0.verdict == .worse }
    if shown.isEmpty {
      blocks.append(
        .paragraph(
          comparison.canBeJudged
            ? "No line is shown to differ. That does not show that they are equal: the intervals "
              + "below say how large a change could have gone unseen."
            : "No line can be judged; the reasons are below."))
    } else if min(comparison.before.paths.count, comparison.after.paths.count) == 1 {
      blocks.append(.paragraph(caveat))
    }
    if !comparison.pairedByPlace.isEmpty {
      blocks.append(
        .paragraph(
          "Taken for the same under two names: "
            + comparison.pairedByPlace.map(Printable.text).joined(separator: "; ") + "."))
    }
    if !comparison.onOneSide.isEmpty {
      blocks.append(
        .paragraph(
          "On one side only, and not compared: "
            + comparison.onOneSide.map(Printable.text).joined(separator: "; ") + "."))
    }
    return blocks
      + (comparison.findings.isEmpty
        ? [] : [.heading("What it shows"), .findings(comparison.findings)])
      + oneSided
  }

  /// What single runs do not prove.
  private var caveat: String {
    (isWithin
      ? "Two windows of one capture show that it differs between them, not why: whatever changed meanwhile may be "
        + "the cause ('hiddenq explain' says what the files show of it)."
      : "One run on a side shows that recordings differ, not that the change between them is the cause.")
      + (comparison.statements.contains(where: \.isTooShort)
        ? " What has a * at the end is correlated for longer than its blocks of time, as it is when the load "
          + "shifts within a recording: its intervals may be too narrow." : "")
  }

  /// What the incidents themselves show, on one side only.
  private var oneSided: [Block] {
    [
      (OneSidedFinding.Side.after, true, "Found after and not before"),
      (.before, true, "Found before and not after"),
      (.after, false, "Found after; the files of before could not have shown it"),
      (.before, false, "Found before; the files of after could not have shown it"),
    ]
    .flatMap { side, isJudged, title -> [Block] in
      let own = comparison.findingsOnOneSide.filter {
        $0.side == side && $0.isJudgedOnBoth == isJudged
      }.map(\.finding)
      return own.isEmpty ? [] : [.heading(Heading(title)), .findings(own)]
    }
  }

  /// The total of each disk, its hops that are shown to differ, and what of its guest is.
  private var headlines: [Fact] {
    var facts: [Fact] = []
    var guests: [String?] = []
    for load in comparison.loads {
      let own = comparison.lines.filter {
        $0.guest == load.guest && $0.device == load.device && $0.op == BlockOperation.together
      }
      facts += totals(own) + changedHops(own)
      if !guests.contains(load.guest) { guests.append(load.guest) }
    }
    for guest in guests + [nil] { facts += changedLayers(guest) }
    return facts
  }

  /// Its mean, its median and its 99th percentile.
  private func totals(_ lines: [ComparisonLine]) -> [Fact] {
    [Statistic.mean, .p50, .p99].compactMap { statistic in
      lines.first { $0.subject == Hop.total.name && $0.statistic == statistic }
        .flatMap { fact($0, name: statistic.rawValue) }
    }
  }

  /// The hops that are shown to differ, those first that changed most: by their means, which add up; by a
  /// quantile where only that is shown.
  private func changedHops(_ lines: [ComparisonLine]) -> [Fact] {
    Hop.passed.compactMap { hop in
      let shown = lines.filter { $0.subject == hop.name && Self.isShown($0) }
      return [Statistic.mean, .p50, .p90, .p99, .p999].lazy
        .compactMap { statistic in shown.first { $0.statistic == statistic } }.first
    }
    .sorted { abs($0.change ?? 0) > abs($1.change ?? 0) }
    .compactMap { fact($0, name: "\(Self.name(of: $0.subject)) \($0.statistic.rawValue)") }
  }

  /// Steal, waits, memory and lost packets that are shown to differ: of many vCPUs the one that changed most.
  private func changedLayers(_ guest: String?) -> [Fact] {
    [MeasuredSubject.steal, .cpuWait, .remoteShare, .drops].flatMap { subject in
      [ComparisonVerdict.worse, .better].compactMap { verdict -> Fact? in
        let shown = comparison.lines.filter {
          $0.guest == guest && $0.subject == subject.name && $0.verdict == verdict
        }
        let most = shown.max { abs($0.change ?? 0) < abs($1.change ?? 0) }
        let notes = [
          most?.object.map(Printable.text), shown.count > 1 ? "the most of \(shown.count)" : nil,
        ].compactMap(\.self)
        return most.flatMap { fact($0, name: subject.label, notes: notes) }
      }
    }
  }

  private static func isShown(_ line: ComparisonLine) -> Bool {
    line.verdict == .better || line.verdict == .worse
  }

  /// `guest 254,16 mean  27.769 ms -> 112.552 ms, x 4.1 (2.4 .. 6.6): worse`.
  private func fact(_ line: ComparisonLine, name: String, notes: [String] = []) -> Fact? {
    guard let before = line.before, let after = line.after else { return nil }
    let values: String
    if line.unit == .nanoseconds {
      let unit = Quantity.TimeUnit.fitting(Int64(max(before, after).rounded()))
      values = [before, after].map { "\(unit.text($0)) \(unit.symbol)" }
        .joined(separator: " -> ")
    } else {
      values =
        "\(Quantity.decimal(before, digits: 1)) -> \(Quantity.decimal(after, digits: 1)) "
        + line.unit.rawValue
    }
    return Fact(
      Printable.text([line.guest, line.device, name].compactMap(\.self).joined(separator: " ")),
      values + (ChangeText.change(line, unit: nil).map { ", \($0)" } ?? "")
        + ": \(line.verdict.rawValue)"
        + (notes + [line.reason].compactMap(\.self)).map { " (\($0))" }.joined())
  }
}
