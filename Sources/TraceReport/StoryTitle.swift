internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// What happened, in a line: the title of a report.
struct StoryTitle {
  let explanation: Explanation
  let names: DeviceNames
  /// Whether files of a host are among those of the incident.
  let hasHost: Bool

  /// `guest web1, disk vdb: writes 4.2x slower since 08:58:38.7 UTC; fio uses the same disk`; nil where nothing can be said
  /// of any guest.
  var text: String? {
    if explanation.mixed != nil { return "The files are not of one capture" }
    guard let worst = explanation.guests.first else { return foundAlone }
    guard let phase = worst.largest else { return steady(worst) }
    return changed(worst, phase)
  }

  // MARK: A change

  private func changed(_ guest: GuestStory, _ phase: GuestStory.Phase) -> String {
    var subject = ExplanationText.title(guest)
    if phase.devices.count == 1, let device = phase.devices.first, !guest.isSeenByHost {
      subject += ", disk \(names.short(device, of: guest.guest))"
    }
    let others = guest.changed.count - 1
    return "\(subject): \(what(guest, phase)) \(when(guest, phase))"
      + (cause(phase).map { "; \($0)" } ?? "")
      + (others > 0 ? "; \(others) more \(others == 1 ? "change" : "changes")" : "")
  }

  /// `writes 4.2x slower`.
  private func what(_ guest: GuestStory, _ phase: GuestStory.Phase) -> String {
    if phase.isStall { return "no I/O completed" }
    if guest.isCounted { return "its counters changed" }
    guard let change = phase.headline(guest.op), change.isSure else {
      return guest.isSeenByHost ? "its waits or requests on the host changed" : "I/O changed"
    }
    let what =
      change.hop == .pageCache
      ? "waits in the page cache"
      : phase.operations(guest.op).count == 1
        ? ExplanationText.operation(phase.operations(guest.op)[0])
        : ExplanationText.operation(change.op)
    let (before, after) = (Double(change.baselineMean), Double(change.mean))
    guard before > 0, after > 0 else {
      return "\(what) \(change.delta < 0 ? "got faster" : "got slower")"
    }
    let comparative =
      change.hop == .pageCache
      ? change.delta < 0 ? "shorter" : "longer" : change.delta < 0 ? "faster" : "slower"
    let factor = change.delta < 0 ? before / after : after / before
    return "\(what) \(Self.factor(factor)) \(comparative)"
  }

  /// `4.2x`, `12x`; `68 %` of less than twice.
  private static func factor(_ factor: Double) -> String {
    switch factor {
    case ..<2: "\(Quantity.decimal(100 * (factor - 1), digits: 0)) %"
    case ..<10: "\(Quantity.decimal(factor, digits: 1))x"
    default: "\(Quantity.decimal(factor, digits: 0))x"
    }
  }

  private func when(_ guest: GuestStory, _ phase: GuestStory.Phase) -> String {
    func text(_ moment: Int64) -> String {
      guest.wall.map { UTCText.time($0.utc(moment)) } ?? Quantity.seconds(moment)
    }
    let unit = guest.wall == nil ? "" : " UTC"
    // What was there from the first has no begin.
    if phase.number == 0 { return "until \(text(phase.to))\(unit)" }
    return phase.number == guest.phases.last?.number
      ? "since \(text(phase.from))\(unit)"
      : "from \(text(phase.from)) to \(text(phase.to))\(unit)"
  }

  private func cause(_ phase: GuestStory.Phase) -> String? {
    guard let cause = phase.causes.first, let kind = CauseKind(name: cause.kind) else { return nil }
    let isFaster = cause.explains.map { $0 < 0 } ?? false
    let deed = kind.deed(isFaster: isFaster)
    let text: String
    switch (kind, cause.name) {
    case (.cpuNeighbour, let name), (.diskNeighbour, let name):
      text = "\(ExplanationText.name(name ?? "another process")) \(deed)"
    case (.throttle, let name?):
      text = "an \(ExplanationText.name(name)) throttles it\(isFaster ? " less" : "")"
    default: text = deed
    }
    return kind != .unknown && cause.confidence == Finding.Confidence.low.name
      ? "perhaps \(text)" : text
  }

  // MARK: No change

  /// `a host: stolen CPU time, CPU neighbours, ...`: what was found where no guest has files of its own.
  private var foundAlone: String? {
    let things = things
    guard !things.isEmpty else { return nil }
    return (hasHost ? "a host" : "these files") + ": \(Self.list(things))"
  }

  /// What findings are about, in their order, each once.
  private var things: [String] {
    var things: [String] = []
    for finding in explanation.findings {
      let thing = Explanation.thing(of: finding.code) ?? finding.code.rawValue
      if !things.contains(thing) { things.append(thing) }
    }
    return things
  }

  /// `dropped packets, CPU neighbours, stolen CPU time, ...`
  private static func list(_ things: [String]) -> String {
    things.prefix(3).joined(separator: ", ") + (things.count > 3 ? ", ..." : "")
  }

  private func steady(_ guest: GuestStory) -> String? {
    guard !guest.phases.isEmpty else { return nil }
    let count = explanation.guests.count
    let who =
      (count == 1 ? ExplanationText.name(guest.guest) : "\(count) guests")
      + (hasHost && !guest.isHost ? count == 1 ? " and its host" : " and their host" : "")
    let things = things
    // A capture that would not have shown a change does not say that all was well.
    let isSure = guest.smallestChange?.isSure ?? false
    let hasIOs = !guest.isSeenByHost && !guest.isCounted
    guard !things.isEmpty else {
      return isSure
        ? "\(who): nothing unusual"
        : "\(who): no change found" + (hasIOs ? "; too few I/Os to tell" : "")
    }
    return
      "\(who): \(Self.list(things)); "
      + (isSure
        ? "no change meanwhile" : hasIOs ? "too few I/Os to tell of a change" : "no change found")
  }
}
