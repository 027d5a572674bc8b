public import TraceModel
public import TraceStore

/// The answer to an incident: what got worse for whom, since when, where the extra time went, because of whom, and what is
/// cleared. It is read from the views of a correlated incident file; nothing is found anew but ``SmallestChange``.
public struct Explanation: Sendable {
  /// The files are not of one capture: this is the answer then, and nothing else is given.
  public let mixed: Finding?
  /// The guests; the one whose I/Os lost most time first, and of equals by their names, or, where counters alone tell,
  /// those that others held up, then by the order of the findings. Hosts of which counters alone tell
  /// are among them where no guest has phases otherwise.
  public let guests: [GuestStory]
  /// What the rules found of severity warning or critical, in their order.
  public let findings: [Finding]
  /// Rules that had their data and found nothing in the capture as a whole. Of what a phase may come from none is here.
  public let ruledOut: [RuledOut]
  /// Rules that could not judge.
  public let notJudged: [NotJudged]

  /// A rule whose thresholds were not met.
  public struct RuledOut: Sendable {
    /// What it would have found.
    public let code: Finding.Code
    /// The same as a phrase: `stolen CPU time`; nil where it has none.
    public let thing: String?
    /// Its limits. The numbers that were measured are not kept.
    public let thresholds: [Threshold]
  }

  /// A rule without its data.
  public struct NotJudged: Sendable {
    /// What it would have found.
    public let code: Finding.Code
    /// The same as a phrase: `stolen CPU time`; nil where it has none.
    public let thing: String?
    /// The guest; nil where it is not about one.
    public let guest: String?
    /// What is missing, as a phrase or a sentence.
    public let missing: String
  }

  /// Of a correlated incident. Of the filter, guest, device and operation count; an operation is `read` or `write`, or
  /// nil for all. The windows are what a person named, by guest. Throws ``StoreError`` for a damaged file.
  public init(
    _ file: IncidentFile, _ filter: IOFilter, named windows: [String: NamedWindows] = [:]
  ) throws {
    let all = try file.findings(guest: filter.guest)
    mixed = all.first { $0.code == .capturesMixed }
    guard mixed == nil else {
      (guests, findings, ruledOut, notJudged) = ([], [], [], [])
      return
    }
    let judged = all.filter { $0.confidence != .none }
    findings = judged.filter { $0.severity > .info }
    let clock = try ReferenceClock(file)
    var stories = try file.guestNames().filter { guest in
      let isAsked = filter.guest == nil || filter.guest == guest
      return try isAsked
        && (filter.device.map { try file.guestDisks(of: guest).contains($0) } ?? true)
    }.map { guest in
      var own = filter
      own.guest = guest
      return try GuestStory(file, own, clock, windows[guest] ?? NamedWindows())
    }
    if filter.guest == nil, filter.device == nil {
      stories += try file.rows(
        "SELECT DISTINCT machine FROM phase WHERE guest IS NULL ORDER BY machine"
      ).compactMap { $0.text("machine") }.map { try GuestStory(host: $0, file, filter, clock) }
    }
    // Counters tell of no lost time: whom something else held up is first, then who is graver in the findings.
    let places = Dictionary(
      findings.enumerated().compactMap { place, finding in finding.guest.map { ($0, place) } },
      uniquingKeysWith: min)
    func place(_ story: GuestStory) -> Int {
      story.isCounted ? places[story.guest] ?? .max : 0
    }
    guests = stories.sorted {
      if $0.lostTime != $1.lostTime { return $0.lostTime > $1.lostTime }
      if $0.changed.isEmpty != $1.changed.isEmpty { return $1.changed.isEmpty }
      if $0.isHost != $1.isHost { return $1.isHost }
      if $0.isCounted, $1.isCounted, $0.isVictim != $1.isVictim { return $0.isVictim }
      return (place($0), $0.guest) < (place($1), $1.guest)
    }
    var (ruledOut, notJudged): ([RuledOut], [NotJudged]) = ([], [])
    let suspects = Suspect.all
    for finding in all where finding.confidence == .none {
      guard let suspect = suspects.first(where: { $0.code == finding.code })?.suspect else {
        continue
      }
      notJudged.append(
        NotJudged(
          code: finding.code, thing: suspect.thing, guest: finding.guest, missing: finding.sentence)
      )
    }
    for (code, suspect) in suspects
    where !all.contains(where: { $0.code == code })
      && !guests.contains(where: { $0.suspects(suspect) })
    {
      if try suspect.isJudged(in: file) {
        let thresholds = allRules.filter { $0.code == code }.flatMap(\.thresholds)
        ruledOut.append(RuledOut(code: code, thing: suspect.thing, thresholds: thresholds))
      } else if suspect.isMissed {
        notJudged.append(
          NotJudged(code: code, thing: suspect.thing, guest: nil, missing: suspect.data))
      }
    }
    (self.ruledOut, self.notJudged) = (ruledOut, notJudged)
  }
}

extension GuestStory {
  /// Whether a phase may come from what the rule looks for.
  fileprivate func suspects(_ suspect: Suspect) -> Bool {
    changed.contains { phase in
      (phase.isStall && suspect.findsStalls)
        || phase.causes.contains { cause in
          CauseKind(name: cause.kind).map(suspect.causes.contains) ?? false
        }
    }
  }
}
