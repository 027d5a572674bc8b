internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// Where the extra time of a phase went, hop by hop and part by part, so that it adds up; which layers are cleared, and
/// what could not be judged.
struct ExcessSection: ReportSection {
  static let anchor = Anchor("excess")

  /// Phases that are drawn, and parts of a hop.
  private static let mostPhases = 2
  private static let mostParts = 3
  /// A part of a hop from which on the time of recording tools is told.
  private static let leastRecorder = 0.01
  /// A hop that holds less of the largest change of a hop is not taken apart.
  private static let leastHop = 0.2

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    guard let explanation = request.explanation, explanation.mixed == nil,
      let worst = explanation.guests.first
    else { return [] }
    var blocks: [Block] = []
    for phase in worst.shown(Self.mostPhases) {
      if let figure = Self.figure(phase, of: worst) { blocks.append(.figure(figure)) }
      if !phase.changes.isEmpty {
        blocks.append(.facts([Fact("Cleared", "\(ExplanationText.cleared(phase)).")]))
      }
    }
    let open = Self.open(explanation)
    if !open.isEmpty { blocks.append(.facts(open)) }
    return blocks.isEmpty ? [] : [.heading("Where the extra time went")] + blocks
  }

  /// What could not be judged, and what is missing for it.
  private static func open(_ explanation: Explanation) -> [Fact] {
    var missing: [String] = []
    var things: [String: [String]] = [:]
    for rule in explanation.notJudged {
      guard let thing = rule.thing else { continue }
      if things[rule.missing] == nil { missing.append(rule.missing) }
      if things[rule.missing]?.contains(thing) != true {
        things[rule.missing, default: []].append(thing)
      }
    }
    return missing.map { data in
      let names = (things[data] ?? []).joined(separator: ", ")
      // A phrase, or a sentence.
      return Fact(
        "Not judged", data.hasSuffix(".") ? "\(names): \(data)" : "\(names): needs \(data).")
    }
  }

  // MARK: - The figure

  private static func figure(_ phase: GuestStory.Phase, of guest: GuestStory) -> Figure? {
    guard let change = phase.headline(guest.op) else { return nil }
    // The page cache comes before Q and does not count from Q to C.
    let isWhole = change.hop != .block
    guard let whole = isWhole ? phase.change(change.op, .total) : change else { return nil }
    let hops = phase.changes.filter {
      $0.op == whole.op && $0.part == nil && $0.hop != .total && $0.hop != .block
        && (isWhole || $0.hop != .pageCache) && ($0.baselineMean != 0 || $0.mean != 0)
    }
    guard !hops.isEmpty else { return nil }
    let unit = Quantity.TimeUnit.fitting(max(whole.baselineMean, whole.mean))
    let only = phase.operations(guest.op)
    let operation = ExplanationText.operation(only.count == 1 ? only[0] : whole.op)
    var steps = [
      StepChart.Step(
        label: "before", from: 0, to: Double(whole.baselineMean), mark: .first,
        value: "\(unit.text(whole.baselineMean)) \(unit.symbol)", kind: .total,
        note: "mean of \(Quantity.count(whole.baselineCount)) \(operation) of the baseline")
    ]
    var rows: [[String]] = []
    var at = Double(whole.baselineMean)
    let shares = Quantity.shares(hops.map { Double($0.delta) })
    for (place, hop) in hops.enumerated() {
      let next = at + Double(hop.delta)
      let mark = Mark(hop.hop) ?? .notFollowed
      // Of some I/Os nothing of the host is known, of others it is.
      let isMatched = hops.contains { $0.hop == .hardwareQueue }
      let name =
        hop.hop == .belowGuest && isMatched ? "H3-H5 unmatched" : ExplanationText.title(hop.hop)
      steps.append(step(name, hop, from: at, to: next, mark, unit, .hop))
      rows.append(row(name, hop, unit, shares?[place]))
      var inside = at
      for part in Self.parts(of: hop, phase) {
        let end = inside + Double(part.delta)
        steps.append(
          StepChart.Step(
            label: part.label, from: inside, to: end, mark: mark,
            value: ExplanationText.signed(Double(part.delta), unit), kind: .part,
            note: "\(part.words): \(Quantity.time(part.before)) before, "
              + "\(Quantity.time(part.after)) in the phase"))
        rows.append([
          "   \(part.label)", unit.text(part.before), unit.text(part.after),
          ExplanationText.signed(Double(part.delta), unit), "", "",
        ])
        inside = end
      }
      at = next
    }
    steps.append(
      StepChart.Step(
        label: "in the phase", from: 0, to: Double(whole.mean), mark: .first,
        value: "\(unit.text(whole.mean)) \(unit.symbol)", kind: .total,
        note: "mean of \(Quantity.count(whole.count)) \(operation) of the phase"))
    rows.append(row(ExplanationText.title(whole.hop), whole, unit, shares == nil ? nil : "100.0 %"))
    let span = isWhole ? "in total" : "from Q to C"
    let begin = Quantity.seconds(phase.from)
    return Figure(
      title: "From \(begin) on: what the mean of \(operation) \(span) is made of",
      reading:
        "The upper bar is the mean before, the lower the mean in the phase; each bar between adds what a hop "
        + "changed by, and thinner ones the parts of it. They add up. H2 guest scheduler, H3 virtio queue, H4 host "
        + "scheduler, H5 hardware queue.",
      drawing: .steps(StepChart(steps: steps)),
      numbers: Table(
        caption: "Means per I/O in \(unit.symbol), of \(Quantity.count(whole.baselineCount)) and "
          + "\(Quantity.count(whole.count)) \(operation), from \(begin) on",
        columns: [
          .text("hop", yielding: .init(least: 28, keepsBeginning: true)), .number("before"),
          .number("in the phase"), .number("change"), .number("95 % interval"),
        ] + (shares == nil ? [] : [.number("share")]),
        rows: rows.map { shares == nil ? Array($0.dropLast()) : $0 }), isInText: true)
  }

  /// What a hop's time was spent on, in ns per I/O.
  private struct Part {
    let words: String
    let before: Int64
    let after: Int64
    var delta: Int64 { after - before }
    /// The words as short as they are clear beside the bar of their hop.
    var label: String { ExplanationText.short(words) }
  }

  /// The parts of a hop that changed most; the others as one, so that they add up to it. None where the whole hop is one.
  private static func parts(of hop: GuestStory.Change, _ phase: GuestStory.Phase) -> [Part] {
    let all = phase.changes.filter {
      $0.op == hop.op && $0.hop == hop.hop && $0.part != nil
        && ($0.baselineMean != 0 || $0.mean != 0)
    }.sorted { ($1.delta.magnitude, $0.part ?? "") < ($0.delta.magnitude, $1.part ?? "") }
    guard all.count > 1, abs(Double(hop.delta)) >= leastHop * abs(phase.largestDelta(hop.op)) else {
      return []
    }
    let named = all.filter { $0.part.flatMap(ExplanationText.words) != nil }
    // What the recording took has a line of its own.
    let recorders = named.dropFirst(mostParts).filter {
      $0.part?.hasSuffix(":(recorder)") ?? false
        && Double($0.mean) >= leastRecorder * Double(hop.mean)
    }
    let shown = (named.prefix(mostParts) + recorders).compactMap { part in
      part.part.flatMap(ExplanationText.words).map {
        Part(words: $0, before: part.baselineMean, after: part.mean)
      }
    }
    let rest = Part(
      words: "the rest",
      before: hop.baselineMean - shown.map(\.before).saturatingSum(\.self),
      after: hop.mean - shown.map(\.after).saturatingSum(\.self))
    return shown.isEmpty ? [] : shown + (rest.before != 0 || rest.after != 0 ? [rest] : [])
  }

  private static func step(
    _ label: String, _ change: GuestStory.Change, from: Double, to: Double, _ mark: Mark,
    _ unit: Quantity.TimeUnit, _ kind: StepChart.Step.Kind
  ) -> StepChart.Step {
    StepChart.Step(
      label: label, from: from, to: to, mark: mark,
      value: ExplanationText.signed(Double(change.delta), unit), kind: kind,
      note:
        "\(label): \(Quantity.time(change.baselineMean)) before, \(Quantity.time(change.mean)) in the phase"
    )
  }

  private static func row(
    _ name: String, _ change: GuestStory.Change, _ unit: Quantity.TimeUnit, _ share: String?
  ) -> [String] {
    [
      name, unit.text(change.baselineMean), unit.text(change.mean),
      ExplanationText.signed(Double(change.delta), unit),
      change.interval.map {
        "\(ExplanationText.signed($0.lowerBound, unit)) to \(ExplanationText.signed($0.upperBound, unit))"
      } ?? "", share ?? "",
    ]
  }
}

extension GuestStory.Phase {
  /// The largest change of a hop of an operation, ns per I/O.
  fileprivate func largestDelta(_ op: String) -> Double {
    changes.filter { $0.op == op && $0.part == nil && $0.hop != .block && $0.hop != .total }
      .map { abs(Double($0.delta)) }.max() ?? 0
  }
}
