internal import TraceAnalysis
internal import TraceModel

/// What changed: the answer, the whole of each disk, where in it, and what else.
extension ComparisonSections {
  /// What stands under the verdict: how sure it is, and what else differs between the sides.
  var answer: [Block] {
    guard comparison.outcome.kind != .capturesMixed else { return [] }
    var facts: [Fact] = []
    if isShown || comparison.outcome.kind == .unsure {
      if min(comparison.before.paths.count, comparison.after.paths.count) == 1 {
        facts.append(Fact("How sure", caveat))
      }
    } else {
      facts.append(
        Fact(
          "How sure",
          comparison.canBeJudged
            ? "No line is shown to differ. That does not show that they are equal: the intervals "
              + "below say how large a change could have gone unseen."
            : "No line can be judged; the reasons are below."))
    }
    facts.append(Fact("Setup", setupSentence, links: [Remark("settings", Anchor("differences"))]))
    facts.append(
      Fact(
        "Disturbances", disturbanceSentence,
        links: comparison.disturbances.isEmpty ? [] : [Remark("which", Anchor("differences"))]))
    if !comparison.loads.isEmpty {
      facts.append(Fact("Load", loadSentence, links: [Remark("load", Anchor("load"))]))
    }
    let severity: Finding.Severity? =
      switch comparison.outcome.kind {
      case .worse, .mixed: .warning
      case .unsure: .info
      default: nil
      }
    return [
      .answer(
        Answer(severity: severity, isUnsure: comparison.outcome.kind != .better, facts: facts))
    ]
  }

  /// Whether any line is shown to differ.
  private var isShown: Bool { comparison.lines.contains(where: Self.isShown) }

  private var setupSentence: String {
    if isWithin {
      return
        "The same: two windows of one capture have the same machines, disks, settings and memory placement."
    }
    guard let setup = comparison.setup, setup.compared > 0 else {
      return "Not known: no file on both sides states the settings of disks or of the hypervisor."
    }
    let count = setup.changes.count
    return count == 0
      ? "The \(Quantity.count(Int64(setup.compared), "setting")) that both sides state are the same."
      : "\(Quantity.count(Int64(count))) of \(Quantity.count(Int64(setup.compared), "setting")) that both sides state "
        + "\(count == 1 ? "differs" : "differ")."
  }

  private var disturbanceSentence: String {
    let different = comparison.disturbances.filter {
      ($0.isDifferent ?? false) && $0.name != "recording tools"
    }
    let unknown = comparison.disturbances.filter { $0.isDifferent == nil }
    var parts: [String] = []
    if !different.isEmpty {
      parts.append(
        "Not the same: "
          + different.prefix(3).map { one in
            one.isOneSided ?? false
              ? DisturbanceText.sentence(one)
              : "\(DisturbanceText.name(one)): \(DisturbanceText.amount(one.before)) before, "
                + "\(DisturbanceText.amount(one.after)) after"
          }.joined(separator: "; ") + (different.count > 3 ? "; \(different.count - 3) more" : "")
          + ".")
    }
    if !unknown.isEmpty {
      parts.append(
        "Cannot judge: \(unknown.count) of them, as one side lacks the traces that could show them."
      )
    }
    return parts.isEmpty
      ? "No neighbour, pause or limit is found on one side alone." : parts.joined(separator: " ")
  }

  private var loadSentence: String {
    let loads = comparison.loads
    if let other = loads.first(where: { !$0.obstacles.isEmpty }), let first = other.obstacles.first
    {
      return "Not the same: \(disk(other.guest, other.device)): \(first.what)."
    }
    guard let changed = loads.first(where: { $0.rateChange != 0 }) else {
      return "The same within a quarter: rate, sizes and mix of I/Os."
    }
    return
      "\(disk(changed.guest, changed.device)): \(Quantity.decimal(changed.before.rate, digits: 1)) I/Os/s before, "
      + "\(Quantity.decimal(changed.after.rate, digits: 1)) after"
      + (changed.isClosedLoop
        ? "; about as many wait at a time on both sides, so the rate is a result of the latency."
        : ".")
  }

  // MARK: - The total

  /// Latency and throughput of each disk as a whole.
  var total: [Block] {
    guard !comparison.outcome.disks.isEmpty else { return [] }
    var blocks: [Block] = [.heading(Heading("The total", anchor: Anchor("total")))]
    for own in comparison.outcome.disks {
      let lines = own.lines.filter { $0.statistic != .p999 }
      let unit = Quantity.TimeUnit.fitting(
        lines.compactMap(\.before).max() ?? lines.compactMap(\.after).max() ?? 0)
      let subject = lines.first.map { Self.name(of: $0.subject) } ?? "total"
      func rate(_ name: String, _ before: Double, _ after: Double) -> [String] {
        let change =
          before > 0 && after > 0
          ? after / before >= 4
            ? "x \(Quantity.decimal(after / before, digits: 1))"
            : "\(after < before ? "" : "+")\(Quantity.decimal(100 * (after / before - 1), digits: 1)) %"
          : ""
        return [
          name, Quantity.decimal(before, digits: 1), Quantity.decimal(after, digits: 1), change, "",
        ]
      }
      let (first, second) = (own.load.before, own.load.after)
      blocks.append(
        .table(
          Table(
            caption: "\(disk(own.load.guest, own.load.device)), \(subject):",
            columns: [
              .text("", yielding: .init(least: 8, keepsBeginning: true)), .number("before"),
              .number("after"), .number("change"), .text("verdict"),
            ],
            rows: lines.map { row($0, "\($0.statistic.rawValue), \(unit.symbol)", unit) } + [
              rate("I/Os per s", first.rate, second.rate),
              rate(
                "MB per s", first.rate * first.meanBytes / 1e6, second.rate * second.meanBytes / 1e6
              ),
            ])))
      blocks += notes(lines) { $0.statistic.rawValue }
      if own.load.isClosedLoop {
        blocks.append(
          .paragraph(
            "Throughput is a result here: about as many I/Os are in flight on both sides, so fewer come per second "
              + "where each takes longer."))
      }
    }
    return blocks
  }

  // MARK: - What changed

  var outcome: [Block] {
    var blocks: [Block] = []
    let lines = headlines
    if !lines.isEmpty {
      blocks += [.heading(Heading("What changed in it", anchor: Anchor("changes"))), .facts(lines)]
    }
    var remarks: [Block] = []
    if !comparison.pairedByPlace.isEmpty {
      remarks.append(
        .paragraph(
          "Taken for the same under two names: "
            + comparison.pairedByPlace.map(Printable.text).joined(separator: "; ") + "."))
    }
    if !comparison.onOneSide.isEmpty {
      remarks.append(
        .paragraph(
          "On one side only, and not compared: "
            + comparison.onOneSide.map(Printable.text).joined(separator: "; ") + "."))
    }
    if !remarks.isEmpty && blocks.isEmpty {
      blocks.append(.heading(Heading("What changed in it", anchor: Anchor("changes"))))
    }
    return blocks + remarks
      + (comparison.findings.isEmpty
        ? []
        : [
          .heading(Heading("What it shows", anchor: Anchor("shown"))),
          .findings(comparison.findings),
        ])
      + oneSided
  }

  /// What single runs do not prove.
  private var caveat: String {
    (isWithin
      ? "Two windows of one capture show that it differs between them, not why: whatever changed meanwhile may be "
        + "the cause ('hiddenq explain' says what the files show of it)."
      : "One run on a side shows that recordings differ, not that the change between them is the cause.")
      + (comparison.statements.contains(where: \.isTooShort)
        ? " Hops with a * at the end are correlated for longer than their blocks of time, so their intervals may be "
          + "too narrow." : "")
  }

  /// What the incidents themselves show, on one side only.
  private var oneSided: [Block] {
    let lists: [(OneSidedFinding.Side, Bool, String, Anchor)] = [
      (.after, true, "Found after and not before", Anchor("found-after")),
      (.before, true, "Found before and not after", Anchor("found-before")),
      (
        .after, false, "Found after; cannot judge before, whose files could not show it",
        Anchor("unjudged-before")
      ),
      (
        .before, false, "Found before; cannot judge after, whose files could not show it",
        Anchor("unjudged-after")
      ),
    ]
    return lists.flatMap { side, isJudged, title, anchor -> [Block] in
      let own = comparison.findingsOnOneSide.filter {
        $0.side == side && $0.isJudgedOnBoth == isJudged
      }.map(\.finding)
      return own.isEmpty ? [] : [.heading(Heading(title, anchor: anchor)), .findings(own)]
    }
  }

  /// The hops of each disk that are shown to differ, and what of its guest is.
  private var headlines: [Fact] {
    var facts: [Fact] = []
    var guests: [String?] = []
    for load in comparison.loads {
      let own = comparison.lines.filter {
        $0.guest == load.guest && $0.device == load.device && $0.op == BlockOperation.together
      }
      facts += changedHops(own)
      if !guests.contains(load.guest) { guests.append(load.guest) }
    }
    for guest in guests + [nil] { facts += changedLayers(guest) }
    return facts
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

  /// `guest vdb H4 host sched mean  0.454 ms -> 42.642 ms, x 94 (46 .. 164): worse`.
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
    let whose = line.guest.map { guest in
      line.device.map { ComparisonVerdictLine.name(guest, $0, in: comparison) } ?? guest
    }
    return Fact(
      Printable.text([whose, name].compactMap(\.self).joined(separator: " ")),
      values + (ChangeText.change(line, unit: nil).map { ", \($0)" } ?? "")
        + ": \(ChangeText.verdict(line))"
        + (notes + [line.reason].compactMap(\.self)).map { " (\($0))" }.joined())
  }
}
