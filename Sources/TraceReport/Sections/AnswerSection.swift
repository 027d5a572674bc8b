internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// What happened, since when, because of whom, how sure that is, and what to do. The sentences are those of `explain`.
struct AnswerSection: ReportSection {
  static let anchor = Anchor("answer")

  /// Maximum of causes, other changes and guests in the answer.
  private static let mostCauses = 2
  private static let mostOthers = 3
  private static let mostGuests = 8
  /// Of the line about another guest.
  private static let mostLetters = 160
  private static let nothingToDo =
    "Nothing, as far as these files tell. If there were complaints at that time, look above the block layer, or record while "
    + "they last."
  /// The part of the CPU waits from which on the tools that record belong to how sure the answer is.
  private static let leastRecorders = 0.01
  /// Findings that are named besides.
  private static let mostFindings = 4

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    guard let explanation = request.explanation, let worst = explanation.guests.first,
      explanation.mixed == nil
    else { return [] }
    let places = Dictionary(
      try FindingSection.findings(file, request.filter).filter { $0.confidence != .none }
        .enumerated().map { (Key($1), $0) }, uniquingKeysWith: { first, _ in first })
    func link(_ finding: Finding) -> [Remark] {
      places[Key(finding)].map { [Remark("details", .finding($0))] } ?? []
    }
    var facts: [Fact] = []
    var told: [Finding] = []
    if let phase = worst.largest {
      facts += Self.facts(
        worst, phase, try DeviceNames(file), try RecorderShare(file, guest: worst.guest))
      if let cause = phase.causes.first {
        let finding = explanation.finding(about: cause, of: worst)
        if let finding { told.append(finding) }
        facts.append(Self.next(cause, finding, finding.map(link) ?? []))
      }
    } else {
      if let first = explanation.findings.first {
        facts.append(Fact("What happened", first.sentence, links: link(first)))
        if let when = Self.when(first, worst) { facts.append(Fact("When", when)) }
        facts += [
          Fact("How sure", Self.capital("\(first.confidence.name): \(first.because)")),
          Fact("What to do", first.nextStep),
        ]
        told.append(first)
      }
      facts += Self.steady(worst, isAlone: told.isEmpty)
      if told.isEmpty { facts.append(Fact("What to do", Self.nothingToDo)) }
    }
    let others = explanation.findings.filter { !told.contains($0) }
    if !others.isEmpty {
      facts.append(
        Fact(
          "Also seen", "",
          links: others.prefix(Self.mostFindings).map { finding in
            Remark(
              "\(finding.severity.rawValue) \(Self.thing(finding))",
              places[Key(finding)].map { .finding($0) })
          }
            + (others.count > Self.mostFindings
              ? [Remark("\(others.count - Self.mostFindings) more", FindingSection.anchor)] : [])))
    }
    let guests = explanation.guests.dropFirst()
    for (place, guest) in guests.prefix(Self.mostGuests).enumerated() {
      facts.append(
        Fact(
          place == 0 ? "Other guests" : "",
          ExplanationText.oneLine(guest, width: Self.mostLetters).joined(separator: " ") + "."))
    }
    if guests.count > Self.mostGuests {
      facts.append(Fact("", "\(guests.count - Self.mostGuests) more guests."))
    }
    let severities = explanation.findings.map(\.severity)
    let severity =
      worst.largest == nil ? severities.max() : max(severities.max() ?? .warning, .warning)
    let isUnsure = severity == nil && !(worst.smallestChange?.isSure ?? false)
    return [.answer(Answer(severity: severity, isUnsure: isUnsure, facts: facts))]
  }

  /// Which finding it is: `finding` keeps no number that both lists have.
  private struct Key: Hashable {
    let code: Finding.Code
    let guest: String?
    let sentence: String

    init(_ finding: Finding) {
      (code, guest, sentence) = (finding.code, finding.guest, finding.sentence)
    }
  }

  private static func thing(_ finding: Finding) -> String {
    Explanation.thing(of: finding.code) ?? finding.code.rawValue
  }

  // MARK: A change

  private static func facts(
    _ guest: GuestStory, _ phase: GuestStory.Phase, _ names: DeviceNames,
    _ recorders: RecorderShare?
  ) -> [Fact] {
    let place =
      phase.devices.isEmpty
      ? ""
      : " on \(phase.devices.prefix(3).map { names.full($0, of: guest.guest) }.joined(separator: ", "))"
    let ops = phase.operations(guest.op)
    let numbers = ops.compactMap { op in
      ExplanationText.numbers(phase, op).map {
        "\(capital(ExplanationText.operation(op)))\(place) from Q (queued in the guest) to C (completed): \($0)."
      }
    }
    var facts = [
      Fact(
        "What happened",
        (numbers.isEmpty ? ExplanationText.headline(guest, phase) : numbers)
          .joined(separator: " "), links: [Remark("over time", LayerSection.anchor)]),
      Fact("Since when", ExplanationText.since(phase, of: guest) + "."),
    ]
    let causes = phase.causes.prefix(mostCauses).enumerated().map { place, cause in
      (phase.causes.count > 1 ? "\(place + 1). " : "")
        + ExplanationText.words(cause, of: guest, hasReason: false) + "."
    }
    facts.append(
      Fact(
        "Because of",
        causes.isEmpty ? "No cause was looked for." : causes.joined(separator: " "),
        links: phase.changes.isEmpty ? [] : [Remark("where the time went", ExcessSection.anchor)]))
    facts.append(
      Fact(
        "How sure",
        capital(
          "that it changed: \(phase.confidence.name), as \(Printable.text(phase.because))."
            + (phase.causes.first.map {
              $0.because.isEmpty || $0.kind == CauseKind.unknown.name
                ? ""
                : " That this is the cause: \(Printable.text($0.confidence)), as \(Printable.text($0.because))."
            } ?? ""))
          + (recorders.map {
            $0.share >= leastRecorders
              ? " Of the CPU waits \(Quantity.share($0.share)) were for recording tools; they count as no neighbour."
              : ""
          } ?? "")))
    let rest = guest.changed.filter { $0.number != phase.number }
    if !rest.isEmpty {
      facts.append(
        Fact(
          "Other changes",
          rest.prefix(mostOthers).map { ExplanationText.other($0, of: guest) }
            .joined(separator: ". ")
            + (rest.count > mostOthers ? ". \(rest.count - mostOthers) more." : ".")))
    }
    if let pauses = ExplanationText.pauseSentence(guest) {
      facts.append(Fact("Paused", capital(pauses) + "."))
    }
    return facts
  }

  private static func next(
    _ cause: GuestStory.Cause, _ finding: Finding?, _ links: [Remark]
  ) -> Fact {
    let step = finding?.nextStep ?? CauseKind(name: cause.kind)?.nextStep ?? ""
    return Fact(
      "What to do",
      "\(step)\(step.hasSuffix(".") ? "" : ".") Then record again, and compare: 'hiddenq compare INCIDENT AFTER'.",
      links: links)
  }

  // MARK: No change

  private static func when(_ finding: Finding, _ guest: GuestStory) -> String? {
    guard let from = finding.extent.from, let to = finding.extent.to else { return nil }
    return "\(ExplanationText.moment(from, guest)) to \(ExplanationText.moment(to, guest))."
  }

  /// `isAlone`: there is nothing else to say.
  private static func steady(_ guest: GuestStory, isAlone: Bool) -> [Fact] {
    var facts = [
      Fact(isAlone ? "What happened" : "Its I/Os", ExplanationText.steadySentence(guest))
    ]
    for held in ExplanationText.held(guest) { facts.append(Fact("Throughout", held + ".")) }
    if let pauses = ExplanationText.pauseSentence(guest) {
      facts.append(Fact("Paused", capital(pauses) + "."))
    }
    return facts
  }

  private static func capital(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
  }
}

extension GuestStory.Phase {
  /// The operations whose numbers stand for it: that of its headline; where `all` are of one operation, that.
  func operations(_ asked: String) -> [String] {
    let op = headline(asked)?.op ?? asked
    guard op == BlockOperation.together, let whole = change(op, .block) else { return [op] }
    let only = ["read", "write"].first {
      guard let own = change($0, .block) else { return false }
      return own.count == whole.count && own.baselineCount == whole.baselineCount
    }
    return only.map { [$0] }
      ?? ["read", "write"].filter { change($0, .block)?.isSure ?? false }
      .ifEmpty([op])
  }
}

extension Array {
  /// Itself; something else where it is empty.
  fileprivate func ifEmpty(_ other: [Element]) -> [Element] { isEmpty ? other : self }
}
