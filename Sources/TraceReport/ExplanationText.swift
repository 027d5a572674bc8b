public import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// An explanation for a terminal, a chat or a ticket: at most 25 lines of 80 columns.
public enum ExplanationText {
  /// Lines of the text at most.
  public static let mostLines = 25

  /// The text, with a newline at its end.
  public static func render(_ explanation: Explanation) -> String {
    var lines: [String] = []
    for detail in ExplanationDetail.levels {
      lines = Self.lines(explanation, detail)
      if lines.count <= mostLines { break }
    }
    if lines.count > mostLines { lines = lines.prefix(mostLines - 1) + ["..."] }
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: - Parts

  private static func lines(_ explanation: Explanation, _ detail: ExplanationDetail) -> [String] {
    if let mixed = explanation.mixed {
      return wrapped("The files are not of one capture, so nothing else is said of them.")
        + wrapped(cut(Printable.text(mixed.sentence), to: 8 * TextRenderer.width))
        + wrapped("Next: \(cut(Printable.text(mixed.nextStep), to: 4 * TextRenderer.width))")
    }
    guard let worst = explanation.guests.first else {
      return wrapped("No guest's own files are here, so no change of its I/O was looked for.")
        + findings(explanation, nil, detail)
    }
    var lines: [String] = []
    let changed = worst.changed
    if let largest = worst.largest {
      lines += headline(worst, largest)
      lines += clock(worst)
      lines += asked(worst, largest)
      let shown = worst.shown(detail.phases)
      for (place, phase) in shown.enumerated() {
        let mark = shown.count > 1 ? "\(place + 1). " : ""
        lines += self.lines(phase, of: worst, explanation, detail, mark: mark)
      }
      let others = changed.filter { phase in !shown.contains { $0.number == phase.number } }
      for phase in others.prefix(detail.otherPhases) { lines += brief(phase, of: worst) }
      if others.count > detail.otherPhases {
        lines += labelled("Also", "\(others.count - detail.otherPhases) more phases omitted")
      }
      lines += pauses(worst)
    } else {
      lines += steady(worst)
      lines += pauses(worst)
      lines += findings(explanation, worst.guest, detail)
    }
    let others = explanation.guests.dropFirst()
    for guest in others.prefix(ExplanationDetail.guests) { lines += oneLine(guest) }
    if others.count > ExplanationDetail.guests {
      lines += wrapped("\(others.count - ExplanationDetail.guests) more guests omitted.")
    }
    if detail.hasRules { lines += rules(explanation, isSteady: changed.isEmpty) }
    return lines
  }

  /// `guest vm1: I/Os got slower at 6.338 s (14:52:13.0 UTC): 74.063 ms on average instead of 1.875 ms.`
  static func headline(_ guest: GuestStory, _ phase: GuestStory.Phase) -> [String] {
    let count = guest.changed.count
    let more = count > 1 ? "; \(count - 1) more \(count == 2 ? "change" : "changes")" : ""
    let isLast = phase.number == guest.phases.last?.number
    // What a person named, or what was there from the first, has no onset.
    let hasOnset = phase.onsetError != nil
    let since =
      hasOnset
      ? "at \(moment(phase.from, guest))"
      : phase.number > 0
        ? "from \(moment(phase.from, guest))"
          + (isLast ? " on" : " to \(moment(phase.to, guest))")
        : "up to \(moment(phase.to, guest))"
    let until = isLast || !hasOnset ? "" : ", until \(Quantity.seconds(phase.to))"
    if guest.isCounted {
      return wrapped(
        "\(title(guest)): by \(guest.teller.map { "the counters of host \(name($0))" } ?? "its counters") \(cut(Printable.text(guest.signals(phase)), to: 160)) changed \(since)"
          + (phase.onsetError.map { ", within \(Quantity.seconds($0))" } ?? "")
          + "\(more). No trace shows how long its I/Os took.")
    }
    guard let change = phase.headline(guest.op) else {
      return wrapped(
        "\(title(guest)): I/O \(hasOnset ? "changed" : "was otherwise") \(since); too few \(operation(guest.op)) to tell by how much\(more)."
      )
    }
    // Only the tail may have changed.
    let verb =
      !change.isSure
      ? hasOnset ? "changed" : "were otherwise"
      : "\(hasOnset ? "got" : "were") \(change.delta < 0 ? "faster" : "slower")"
    guard !guest.isSeenByHost || change.isSure else {
      return wrapped(
        "\(title(guest)): its threads' waits for a CPU, or its requests on the host, \(hasOnset ? "changed" : "were otherwise") \(since)\(until)"
          + "; its \(operation(change.op)) there took \(Quantity.time(change.mean)) on average instead of "
          + "\(Quantity.time(change.baselineMean)), which may be chance\(more).")
    }
    let what =
      change.hop == .pageCache
      ? "waits in the page cache \(hasOnset ? "got" : "were") \(change.delta < 0 ? "shorter" : "longer")"
      : "\(operation(change.op)) \(verb)"
    return wrapped(
      "\(title(guest)): \(what)\(guest.isSeenByHost ? " on its host" : "") \(since): "
        + "\(Quantity.time(change.mean)) \(span(change.hop))on "
        + "average instead of \(Quantity.time(change.baselineMean))"
        + (change.isSure ? "" : ", which may be chance") + "\(until)\(more).")
  }

  /// `from Q to C `, where a mean is of that.
  private static func span(_ hop: Hop) -> String { hop == .block ? "from Q to C " : "" }

  static func clock(_ guest: GuestStory) -> [String] {
    let own =
      switch guest.source {
      case .guest: "of the guest's own trace"
      case .host: "of the host's trace"
      case .counters:
        guest.teller.map { "of \(name($0)), from its first reading on" }
          ?? "of the machine, from its first reading on"
      }
    let clock = guest.timeline.map { "of \(name($0))" } ?? own
    return wrapped(
      guest.wall.map { "Times: 0 s is \(UTCText.full($0.utc(0))) (clock \(clock))." }
        ?? "Times: seconds \(clock); no file tells the date.")
  }

  /// What a person named, and how what is told here lies to it.
  private static func asked(_ guest: GuestStory, _ phase: GuestStory.Phase) -> [String] {
    func words(_ window: Range<Int64>?, _ text: String) -> String? {
      window.map {
        "\(moment($0.lowerBound, guest)) to \(moment($0.upperBound, guest)) \(text)"
      }
    }
    let named = [
      words(guest.windows.symptom, "as the time of complaints"),
      words(guest.windows.baseline, "as what is usual"),
    ].compactMap(\.self)
    guard !named.isEmpty else { return [] }
    return labelled(
      "Named",
      named.joined(separator: ", ")
        + (guest.phases.contains(where: \.isNamed)
          ? "; no change was found at its ends, so it was cut out as it is"
          : "; the phases end where changes were found"))
  }

  // MARK: A phase

  private static func lines(
    _ phase: GuestStory.Phase, of guest: GuestStory, _ explanation: Explanation,
    _ detail: ExplanationDetail, mark: String
  ) -> [String] {
    var lines: [String] = []
    let devices = phase.devices.prefix(3).map { name(guest.disk($0)) }.joined(separator: ", ")
    let place = devices.isEmpty ? "" : " on \(devices)"
    let operations = ["read", "write"].filter { phase.change($0, .block) != nil }
    let isSplit = guest.op == BlockOperation.together && !operations.isEmpty
    let ops = isSplit && (!detail.isShort || operations.count == 1) ? operations : [guest.op]
    for op in ops {
      if let text = numbers(phase, op) {
        lines += labelled(
          lines.isEmpty ? "\(mark)What" : "", "\(Self.operation(op))\(place): \(text)")
      }
    }
    if guest.isCounted {
      lines += labelled("\(mark)What", cut(Printable.text(guest.signals(phase)), to: 160))
      lines += labelled("Since", since(phase, of: guest))
      lines += causes(phase, of: guest, explanation, detail, isRepeated: mark == "2. ")
      return lines + labelled("Cleared", "nothing: counters alone clear no layer")
    }
    lines += labelled("Since", since(phase, of: guest))
    lines += hops(phase, guest.op, detail)
    lines += pageCache(phase, guest.op)
    lines += causes(phase, of: guest, explanation, detail, isRepeated: mark == "2. ")
    return lines + labelled("Cleared", cleared(phase, isShort: detail.isShort))
  }

  /// `less than a tenth of the change: H4 host sched (-0.6 to +781.2 us)`.
  static func cleared(_ phase: GuestStory.Phase, isShort: Bool = false) -> String {
    let cleared = phase.cleared.map { row in
      let layer = row.hop.map { title($0) } ?? "stolen CPU time"
      guard !isShort else { return layer }
      let (low, high) = (row.interval.lowerBound, row.interval.upperBound)
      let unit = Quantity.TimeUnit.fitting(max(abs(low), abs(high)))
      return "\(layer) (\(signed(low, unit)) to \(signed(high, unit)) \(unit.symbol))"
    }
    return cleared.isEmpty
      ? "nothing: no layer is shown to be unchanged"
      : "less than a tenth of the change: \(cleared.joined(separator: ", "))"
  }

  /// `mean 1.875 -> 74.063 ms, median 1.2 -> 70.1 ms, p99 4.1 -> 98.2 ms (1,543 and 349 I/Os)`
  static func numbers(_ phase: GuestStory.Phase, _ op: String) -> String? {
    guard let block = phase.change(op, .block) ?? phase.change(op, .total) else { return nil }
    var parts = ["mean \(briefPair(block.baselineMean, block.mean))"]
    if let p50 = block.p50 { parts.append("median \(briefPair(p50.before, p50.after))") }
    if let p99 = block.p99 { parts.append("p99 \(briefPair(p99.before, p99.after))") }
    return parts.joined(separator: ", ")
      + " (\(Quantity.count(block.baselineCount)) and \(Quantity.count(block.count, "I/O")))"
  }

  static func since(_ phase: GuestStory.Phase, of guest: GuestStory) -> String {
    var text = phase.number == 0 ? "the begin of the capture" : moment(phase.from, guest)
    if let error = phase.onsetError { text += ", within \(Quantity.seconds(error))" }
    let next = guest.phases.first { $0.number > phase.number }
    if let next {
      text += "; until \(moment(phase.to, guest))"
      if let error = next.onsetError { text += ", within \(Quantity.seconds(error))" }
      if next.isBaseline { text += ", then as before" }
    } else {
      text += "; until the capture ends at \(Quantity.seconds(phase.to))"
    }
    return text + "; confidence \(phase.confidence.name)"
  }

  /// Hops that hold less of the change are summed up.
  private static let leastShare = 0.05

  private static func hops(
    _ phase: GuestStory.Phase, _ op: String, _ detail: ExplanationDetail
  ) -> [String] {
    guard let change = phase.headline(op) else {
      return labelled("Where", "too few I/Os to tell by how much each hop changed")
    }
    let op = change.op
    // The page cache comes before Q.
    let isWhole = change.hop != .block
    let whole = isWhole ? phase.change(op, .total) ?? change : change
    func share(_ delta: Double) -> Double? {
      whole.delta == 0 ? nil : delta / Double(whole.delta)
    }
    let parts = phase.changes.filter {
      $0.op == op && $0.part == nil && $0.hop != .total && $0.hop != .block
        && (isWhole || $0.hop != .pageCache)
    }.sorted { $0.delta.magnitude > $1.delta.magnitude }
    let cleared = phase.cleared.map(\.hop)
    let shown = parts.filter {
      abs(share(Double($0.delta)) ?? 0) >= leastShare && !cleared.contains($0.hop)
    }.prefix(detail.hops)
    // Of some I/Os nothing of the host is known, of others it is.
    let isMatched = parts.contains { $0.hop == .hardwareQueue && max($0.mean, $0.baselineMean) > 0 }
    let largest = shown.flatMap { [$0.baselineMean, $0.mean] }.max() ?? whole.delta
    let unit = Quantity.TimeUnit.fitting(largest)
    var lines: [String] = []
    for hop in shown {
      let interval =
        hop.interval.map {
          " (\(signed($0.lowerBound, unit)) to \(signed($0.upperBound, unit)))"
        } ?? ""
      let title = hop.hop == .belowGuest && isMatched ? "H3-H5 unmatched" : title(hop.hop)
      var text =
        "\(title) \(unit.text(hop.baselineMean)) -> \(unit.text(hop.mean)) \(unit.symbol), "
        + "\(signed(Double(hop.delta), unit))\(interval), \(percent(share(Double(hop.delta))))"
      if detail.hasParts, let part = part(of: hop, phase) { text += "; \(part)" }
      lines += labelled(lines.isEmpty ? "Where" : "", text)
    }
    let rest = Double(whole.delta) - shown.reduce(0) { $0 + Double($1.delta) }
    if shown.count < parts.count {
      lines += labelled(
        lines.isEmpty ? "Where" : "",
        "\(shown.isEmpty ? "all" : "the other") hops together \(signed(rest, unit)) \(unit.symbol)"
          + ", \(percent(share(rest))) of the \(signed(Double(whole.delta), unit)) \(unit.symbol)")
    }
    return lines
  }

  /// `page cache 2.745 -> 2.474 ms, -0.271 (-0.694 to +0.152): may be chance`, where it is not the change itself.
  private static func pageCache(_ phase: GuestStory.Phase, _ op: String) -> [String] {
    guard let change = phase.headline(op), change.hop == .block,
      let cache = phase.change(op, .pageCache), max(cache.baselineMean, cache.mean) > 0
    else { return [] }
    let unit = Quantity.TimeUnit.fitting(max(cache.baselineMean, cache.mean))
    let interval =
      cache.interval.map {
        " (\(signed($0.lowerBound, unit)) to \(signed($0.upperBound, unit)))"
      } ?? ""
    return labelled(
      "Before Q",
      "not part of this: page cache \(unit.text(cache.baselineMean)) -> \(unit.text(cache.mean)) \(unit.symbol) per "
        + "\(String(operation(op).dropLast())), \(signed(Double(cache.delta), unit))\(interval)"
        + (cache.isSure ? "" : ": may be chance"))
  }

  /// The largest parts of a hop's change, at most two that hold a quarter of it; nil without any.
  private static func part(of hop: GuestStory.Change, _ phase: GuestStory.Phase) -> String? {
    let parts = phase.changes.filter {
      $0.op == hop.op && $0.hop == hop.hop && $0.delta > 0 && $0.delta >= hop.delta / 4
    }
    let told = parts.sorted { $0.delta > $1.delta }.compactMap { part in
      part.part.flatMap(words).map { "\($0) \(signedTime(part.delta))" }
    }.prefix(2)
    return told.isEmpty ? nil : "of it " + told.joined(separator: ", ")
  }

  /// `waits for a CPU held by stress-ng-cpu` for `cpu_wait:stress-ng-cpu`; nil for the remainder of a hop.
  static func words(_ part: String) -> String? {
    switch part {
    case "unattributed", "device": return nil
    case "clock": return "time within the bound of the clocks"
    case "flush": return "cache flushes"
    case "ring_full": return "waits for room in the ring"
    case "behind:own": return "time behind the guest's own requests"
    case "cpu_wait:(throttled)": return "waits for a CPU under a quota"
    case "cpu_wait:(nobody)": return "waits for a CPU on which nobody is seen"
    default: break
    }
    let words = part.split(separator: ":", maxSplits: 1).map(String.init)
    guard words.count == 2 else { return name(part) }
    let who =
      switch words[1] {
      case "(kernel)": "the kernel"
      case "(recorder)": "recording tools"
      case "(others)": "others"
      default: name(words[1])
      }
    switch words[0] {
    case "cpu_wait": return "waits for a CPU held by \(who)"
    case "behind": return "time behind requests of \(who)"
    case "busy": return "time in which the \(actor(words[1])) ran"
    case "busy_others": return "time in which the \(actor(words[1])) ran for other I/Os"
    case "asleep": return "time in which the \(actor(words[1])) slept"
    case "blocked": return "time in which the \(actor(words[1])) was blocked"
    default: return name(part)
    }
  }

  /// The words for a part as short as they are clear beside its hop.
  static func short(_ words: String) -> String {
    words.replacing("waits for a CPU held by", with: "CPU held by")
      .replacing("time behind", with: "behind").replacing("time in which the ", with: "")
      .replacing("time within the", with: "within the")
  }

  /// The same for a part by its name; nil for the remainder.
  static func part(_ name: String) -> String? { words(name).map(short) }

  /// `host's thread` for `host_thread`.
  private static func actor(_ word: String) -> String {
    switch word {
    case "vcpu": "virtual CPU"
    case "host_thread": "host's thread"
    default: name(word)
    }
  }

  // MARK: Causes

  private static func causes(
    _ phase: GuestStory.Phase, of guest: GuestStory, _ explanation: Explanation,
    _ detail: ExplanationDetail, isRepeated: Bool
  ) -> [String] {
    guard !phase.causes.isEmpty else {
      if let change = phase.headline(guest.op), !change.isSure {
        return labelled("Because", "none is looked for: the change may be chance")
      }
      // Said once.
      guard !isRepeated else { return labelled("Because", "no cause was looked for") }
      var codes: [String] = []
      for finding in explanation.findings where finding.guest == guest.guest || finding.guest == nil
      {
        let code = "\(finding.code.rawValue) (\(finding.severity.rawValue))"
        if !codes.contains(code), codes.count < 4 { codes.append(code) }
      }
      return labelled(
        "Because",
        "no cause was looked for"
          + (codes.isEmpty
            ? "" : "; findings of the whole capture: \(codes.joined(separator: ", "))"))
    }
    var lines: [String] = []
    for (place, cause) in phase.causes.prefix(detail.causes).enumerated() {
      let number = phase.causes.count > 1 ? "\(place + 1). " : ""
      lines += labelled(
        lines.isEmpty ? "Because" : "",
        number + words(cause, of: guest, hasReason: detail.hasReasons))
    }
    if phase.causes.count > detail.causes {
      lines += labelled("", "\(phase.causes.count - detail.causes) more candidates omitted")
    }
    return lines
  }

  /// `CPU neighbour stress-ng-cpu (pid 4242 on kvm7), 0 -> 1.98 CPUs from 8.184 s on: explains +7.5 ms, 31 %;
  /// confidence medium`
  static func words(
    _ cause: GuestStory.Cause, of guest: GuestStory, hasReason: Bool
  ) -> String {
    if cause.kind == CauseKind.unknown.name {
      var text = "unknown: no cause in these files for "
      if let explains = cause.explains {
        text += signedTime(explains)
        if let share = cause.share { text += ", \(percent(share)) of the change" }
      } else {
        text += cause.share.map { "\(percent($0)) of the change" } ?? "all of the change"
      }
      let reason = cut(Printable.text(cause.because), to: 160)
      return hasReason && !reason.isEmpty ? "\(text) (\(reason))" : text
    }
    var text = CauseKind(name: cause.kind)?.words ?? name(cause.kind.replacing("_", with: " "))
    if let own = cause.name {
      text += (CauseKind(name: cause.kind)?.beforeName ?? " ") + name(own)
    }
    let place = [
      cause.pid.map { "pid \($0)" },
      cause.machine.map { $0 == Layer.host.rawValue ? "on the host" : "on \(name($0))" },
    ].compactMap(\.self)
    if !place.isEmpty { text += " (\(place.joined(separator: " ")))" }
    if let after = cause.rateAfter {
      let unit = cause.rateUnit.map { " \(name($0))" } ?? ""
      // What a limit lets through where it is not reached is no rate of its own.
      let before =
        cause.kind == CauseKind.throttle.name && cause.rateBefore == 0
        ? nil : cause.rateBefore
      text += ", " + (before.map { "\(rate($0)) -> " } ?? "") + rate(after) + unit
    }
    if let began = cause.began { text += ", from \(Quantity.seconds(began))" }
    if let ended = cause.ended { text += " to \(Quantity.seconds(ended))" }
    if let explains = cause.explains {
      text += ": explains \(signedTime(explains))"
      // Something else made the change smaller: then a cause holds more than is left of it.
      if let share = cause.share {
        text += share <= 1 ? ", \(percent(share))" : ", more than the whole change"
      }
    } else {
      text +=
        cause.share.map { ": explains \(percent($0)) of what the host shows of the change" }
        ?? ": it is not known how much it explains"
    }
    if !cause.confidence.isEmpty { text += "; confidence \(name(cause.confidence))" }
    if hasReason, !cause.because.isEmpty {
      text += " (\(cut(Printable.text(cause.because), to: 180)))"
    }
    return text
  }

  // MARK: Other phases and guests

  private static func brief(_ phase: GuestStory.Phase, of guest: GuestStory) -> [String] {
    labelled("Also", other(phase, of: guest))
  }

  /// `17.076 s (14:52:26.5 UTC) to 23.811 s: writes changed; 899 writes took 8.570 ms from Q to C on average instead of
  /// 1.875 ms, the change mostly in H5 hardware, because of CPU neighbour stress-ng-cpu`.
  static func other(_ phase: GuestStory.Phase, of guest: GuestStory) -> String {
    var text = "\(moment(phase.from, guest)) to \(Quantity.seconds(phase.to)): "
    if guest.isCounted {
      text += "\(cut(Printable.text(guest.signals(phase)), to: 120)) changed"
      guard let cause = phase.causes.first, let kind = CauseKind(name: cause.kind), kind != .unknown
      else { return text }
      return text + ", perhaps because of \(kind.words)"
        + (cause.name.map { kind.beforeName + name($0) } ?? "")
    }
    if phase.isStall {
      let (length, isTooLong) = phase.to.subtractingReportingOverflow(phase.from)
      text += "nothing was completed"
      if !isTooLong { text += " for \(Quantity.time(length))" }
    } else {
      text +=
        phase.signals.isEmpty
        ? "changed" : "\(cut(Printable.text(guest.signals(phase)), to: 60)) changed"
    }
    if let change = phase.headline(guest.op) {
      text += "; \(counted(change.count, change.op)) took \(Quantity.time(change.mean)) "
      text += "\(span(change.hop))on average instead of \(Quantity.time(change.baselineMean))"
      let hops = phase.changes.filter {
        $0.op == change.op && $0.part == nil && $0.hop != .total && $0.hop != .block
          && (change.hop != .block || $0.hop != .pageCache)
      }
      if let largest = hops.max(by: { ($0.share ?? 0) < ($1.share ?? 0) }) {
        text += ", the change mostly in \(largest.hop.place)"
      }
      if let cause = phase.causes.first, let kind = CauseKind(name: cause.kind), kind != .unknown {
        text += ", because of \(kind.words)" + (cause.name.map { kind.beforeName + name($0) } ?? "")
      }
    } else {
      text += "; too few I/Os to tell by how much"
    }
    return text
  }

  /// `it stood still 4 times, 1.892 s in all: 1.205 s at 13.014 s, 302.3 ms at 9.010 s; so did its clock, so on its own clock no I/O took longer`
  private static func pauses(_ guest: GuestStory) -> [String] {
    pauseSentence(guest).map { labelled("Paused", $0) } ?? []
  }

  /// The same without its label; nil where it did not stand still.
  static func pauseSentence(_ guest: GuestStory) -> String? {
    guard !guest.pauses.isEmpty else { return nil }
    let longest = guest.pauses.sorted { $0.length > $1.length }
    let shown = longest.prefix(3).map { pause in
      "\(Quantity.time(pause.length)) "
        + (pause.isPlaced
          ? "from \(moment(pause.from, guest)) on"
          : "between \(Quantity.seconds(pause.from)) and \(Quantity.seconds(pause.to))")
    }
    let whole = guest.pauses.map(\.length).saturatingSum(\.self)
    return "the guest stood still "
      + (longest.count == 1
        ? "for " : "\(longest.count) times, \(Quantity.time(whole)) in all: ")
      + shown.joined(separator: ", ")
      + (longest.count > shown.count ? " ..." : "") + pauseCount(guest)
  }

  /// What the I/Os show of its pauses.
  private static func pauseCount(_ guest: GuestStory) -> String {
    if guest.pauses.allSatisfy(\.isClockStill) {
      return "; so did its clock, so on its own clock no I/O took longer"
    }
    let spanning = guest.pauses.filter { !$0.isClockStill }.map(\.spanning).saturatingSum(\.self)
    return spanning > 0
      ? "; \(counted(spanning, BlockOperation.together)) took that much longer, by no layer's fault"
      : ""
  }

  static func oneLine(_ guest: GuestStory, width: Int = TextRenderer.width) -> [String] {
    let head = "\(name(guest.guest)): "
    if guest.isCounted {
      let cause = guest.changed.first?.causes.first
      let text =
        guest.changed.first.map { "its counters changed at \(moment($0.from, guest))" }
        ?? "no change was found in its counters, which show large ones"
      return [
        cut(
          head + text
            + (cause.map {
              ", \(CauseKind(name: $0.kind)?.words ?? name($0.kind))"
                + ($0.name.map { " \(name($0))" } ?? "")
            } ?? ""), to: width)
      ]
    }
    if let largest = guest.largest {
      let change = largest.headline(guest.op)
      var text = "\(Self.operation(change?.op ?? guest.op)) "
      text += change.map { pair($0.baselineMean, $0.mean) } ?? "changed"
      text += " from \(Quantity.seconds(largest.from))"
      if let cause = largest.causes.first {
        text += cause.kind == CauseKind.unknown.rawValue ? ", " : ", because of "
        text +=
          "\(CauseKind(name: cause.kind)?.words ?? name(cause.kind))"
          + (cause.name.map { (CauseKind(name: cause.kind)?.beforeName ?? " ") + name($0) } ?? "")
      }
      return [cut(head + text, to: width)]
    }
    if guest.phases.isEmpty { return [cut(head + "no I/O is known", to: width)] }
    let disk = guest.disks.first.map {
      ", mean \(Quantity.time($0.mean)), p99 \(Quantity.time($0.p99))"
    }
    let outcome =
      switch guest.smallestChange {
      case .share(let share)? where guest.smallestChange?.isSure == true:
        "no change of its I/O by \(Quantity.decimal(100 * share, digits: 0)) % or more"
      case nil: "no change of its I/O was found; how small a one would have been is unknown"
      default: "too few I/Os to tell of a change"
      }
    return [cut(head + outcome + (disk ?? ""), to: width)]
  }

  // MARK: Nothing changed

  private static func steady(_ guest: GuestStory) -> [String] {
    var lines = wrapped(steadySentence(guest))
    if !guest.phases.isEmpty { lines += clock(guest) }
    return lines + held(guest).enumerated().flatMap { labelled($0 == 0 ? "Held" : "", $1) }
  }

  /// Of fewer I/Os no number stands for all.
  private static let fewestIOs = 10

  /// What is to be said of a guest of which no change was found.
  static func steadySentence(_ guest: GuestStory) -> String {
    guard let first = guest.phases.first, let last = guest.phases.last else {
      return
        "\(title(guest)): none of its I/Os is known from its begin to its end, so no change was looked for."
    }
    let (length, isTooLong) = last.to.subtractingReportingOverflow(first.from)
    if guest.isCounted {
      let time = isTooLong ? "" : " (\(Quantity.seconds(length)))"
      return
        "\(title(guest)): no change was found\(time) in its counters. They show what lasts for three readings and is large; "
        + "what its I/Os felt only a block trace tells. How small a change would have been seen is not known "
        + "(confidence none)."
    }
    if guest.isSeenByHost {
      let time = isTooLong ? "" : " (\(Quantity.seconds(length)))"
      return
        "\(title(guest)): no change was found\(time) in what its host's traces show of it: its requests there, and its "
        + "threads' waits for a CPU. What its I/Os felt only its own block trace tells. How small a change would have been "
        + "seen is not known (confidence none)."
    }
    if let disk = guest.disks.first, guest.disks.count == 1, disk.count < fewestIOs {
      return
        "\(title(guest)): no change was looked for, as \(Quantity.ios(disk.count)) from Q to C \(disk.count == 1 ? "is" : "are") too "
        + "few (confidence none)."
    }
    let isSure = guest.smallestChange?.isSure ?? false
    var text =
      "\(title(guest)): "
      + (isSure
        ? "nothing changed during the capture"
        : "no change was found during the capture, but its I/Os are too few to tell")
    let note = isSure ? "" : "confidence none"
    if isTooLong {
      text += note.isEmpty ? "" : " (\(note))"
    } else {
      text += " (\(Quantity.seconds(length)) of I/Os\(note.isEmpty ? "" : ", \(note)"))"
    }
    if let disk = guest.disks.first {
      text +=
        "; \(operation(guest.op)) took \(Quantity.time(disk.mean)) from Q to C on average throughout, p99 "
        + Quantity.time(disk.p99)
    }
    if case .share(let share) = guest.smallestChange {
      let percent = "\(Quantity.decimal(100 * share, digits: 0)) %"
      text +=
        isSure
        ? ". A change of the mean by \(percent) that lasts for half of that time would have been seen"
        : ". A change by less than \(percent) might have been missed"
    }
    return "\(text)."
  }

  /// What held throughout, disk by disk.
  static func held(_ guest: GuestStory) -> [String] {
    guard !guest.isCounted, !guest.isSeenByHost, !guest.phases.isEmpty else { return [] }
    return guest.disks.prefix(2).map { disk in
      let shares = disk.shares.filter { $0.share >= leastShare }.prefix(3).map {
        "\($0.hop.place) \(Quantity.share($0.share))"
      }
      let count =
        disk.traced > disk.count
        ? "\(Quantity.count(Int64(disk.count))) of \(counted(Int64(disk.traced), guest.op)) (those \(disk.isJoined ? "joined with its host" : "whose time is known"))"
        : counted(Int64(disk.count), guest.op)
      guard disk.count >= fewestIOs else {
        return "\(name(guest.disk(disk.device))): \(count), mean \(Quantity.time(disk.mean))"
      }
      return "\(name(guest.disk(disk.device))): \(count), mean "
        + "\(Quantity.time(disk.mean)), median \(Quantity.time(disk.p50)), p99 \(Quantity.time(disk.p99))"
        + (shares.isEmpty ? "" : "; of that \(shares.joined(separator: ", "))")
        + (disk.pageCache.map {
          "; before Q, not part of that, \(Quantity.time($0)) in the page cache"
        } ?? "")
    }
  }

  private static func findings(
    _ explanation: Explanation, _ guest: String?, _ detail: ExplanationDetail
  ) -> [String] {
    let own = explanation.findings.filter { guest == nil || $0.guest == nil || $0.guest == guest }
    guard !own.isEmpty else { return labelled("Found", "no warning") }
    var lines: [String] = []
    let grouped = own.grouped
    for (finding, consequences) in grouped.prefix(detail.findings) {
      let text =
        "\(finding.severity.rawValue) \(finding.code.rawValue): \(Printable.text(finding.sentence))"
      lines += labelled("Found", cut(text, to: detail.findingWidth))
      if !consequences.isEmpty {
        let codes = consequences.map(\.code.rawValue).joined(separator: ", ")
        lines += labelled("", cut("also seen, as its consequence: \(codes)", to: 140))
      }
    }
    if grouped.count > detail.findings {
      lines += labelled("", "\(grouped.count - detail.findings) more: hiddenq findings INCIDENT")
    }
    return lines
  }

  /// Letters of what is missing; a whole sentence is too much here.
  private static let mostMissing = 70
  private static let mostExplained = 2
  private static let mostUnknown = 4

  /// What was judged of the whole capture and not found, where it holds throughout; and what could not be judged.
  private static func rules(_ explanation: Explanation, isSteady: Bool) -> [String] {
    let quiet = isSteady ? explanation.ruledOut.compactMap(\.thing) : []
    var lines: [String] = []
    if !quiet.isEmpty {
      lines += labelled("Not seen", "\(quiet.joined(separator: ", ")) (below their thresholds)")
    }
    var open: [(thing: String, missing: String)] = []
    for rule in explanation.notJudged {
      guard let thing = rule.thing, !open.contains(where: { $0.thing == thing }) else { continue }
      open.append((thing, Printable.text(rule.missing)))
    }
    // Of many, what would tell them is a page of its own.
    let isShort = open.count <= mostExplained && open.allSatisfy { $0.missing.count <= mostMissing }
    if !open.isEmpty {
      let things = open.map { isShort ? "\($0.thing) (missing: \($0.missing))" : $0.thing }
      let shown = things.count > mostUnknown ? Array(things.prefix(mostUnknown - 1)) : things
      lines += labelled(
        "Unknown",
        shown.joined(separator: ", ")
          + (shown.count < things.count ? " and \(things.count - shown.count) more" : "")
          + (isShort ? "" : " (no data; 'hiddenq capture' says what to record)"))
    }
    return lines
  }

  // MARK: - Words

  static func operation(_ op: String) -> String {
    switch op {
    case "read": "reads"
    case "write": "writes"
    default: "I/Os"
    }
  }

  /// `5,524 I/Os`.
  private static func counted(_ count: Int64, _ op: String) -> String {
    let operation = operation(op)
    return "\(Quantity.count(count)) \(count == 1 ? String(operation.dropLast()) : operation)"
  }

  static func title(_ guest: GuestStory) -> String {
    name(Report.name(Machine(name: guest.guest, layer: guest.isHost ? .host : .guest)))
  }

  static func title(_ hop: Hop) -> String { hop.isHalf ? hop.title : hop.tableName }

  /// `6.338 s (14:52:13.0 UTC)`.
  static func moment(_ moment: Int64, _ guest: GuestStory) -> String {
    Quantity.seconds(moment)
      + (guest.wall.map { " (\(UTCText.time($0.utc(moment))) UTC)" } ?? "")
  }

  /// `1.875 -> 74.063 ms`.
  /// The same in a sentence: three significant digits.
  private static func briefPair(_ before: Int64, _ after: Int64) -> String {
    let unit = Quantity.TimeUnit.fitting(before.magnitude > after.magnitude ? before : after)
    return "\(unit.brief(before)) -> \(unit.brief(after)) \(unit.symbol)"
  }

  private static func pair(_ before: Int64, _ after: Int64) -> String {
    let unit = Quantity.TimeUnit.fitting(before.magnitude > after.magnitude ? before : after)
    return "\(unit.text(before)) -> \(unit.text(after)) \(unit.symbol)"
  }

  static func signed(_ time: Double, _ unit: Quantity.TimeUnit) -> String {
    let text = unit.text(time)
    return text.hasPrefix("-") ? text : "+\(text)"
  }

  private static func signedTime(_ time: Int64) -> String {
    time < 0 ? Quantity.time(time) : "+\(Quantity.time(time))"
  }

  private static func percent(_ share: Double?) -> String {
    share.map { "\(Quantity.decimal(100 * $0, digits: 1)) %" } ?? "share unknown"
  }

  private static func rate(_ rate: Double) -> String {
    rate == 0 ? "0" : Quantity.decimal(rate, digits: abs(rate) < 10 ? 2 : 0)
  }

  /// A name out of a trace, at most 24 characters long.
  static func name(_ raw: String) -> String { cut(Printable.text(raw), to: 24) }

  /// The beginning of a text, cut at a word where that is near.
  private static func cut(_ text: String, to width: Int) -> String {
    guard text.count > width else { return text }
    let head = text.prefix(width - 2)
    let end = head.lastIndex(of: " ").map { head[..<$0] } ?? head
    return (end.count > width / 2 ? String(end) : String(head)) + ".."
  }

  // MARK: Lines

  /// Columns of the labels.
  private static let indent = 9

  /// `Since    6.338 s`, and what does not fit below it.
  private static func labelled(_ label: String, _ text: String) -> [String] {
    wrapped(text, width: TextRenderer.width - indent).enumerated().map { place, line in
      let head = place == 0 ? label : ""
      return head + String(repeating: " ", count: max(1, indent - head.count)) + line
    }
  }

  private static func wrapped(_ text: String, width: Int = TextRenderer.width) -> [String] {
    // A path may be longer than a line.
    let words = text.split(separator: " ").map {
      $0.count > width ? "..\($0.suffix(width - 2))" : "\($0)"
    }
    return TextRenderer.wrapped(words.joined(separator: " "), width: width)
  }
}

/// How much of an explanation is printed: less of each part where there are more.
struct ExplanationDetail {
  /// Guests besides the worst.
  static let guests = 5

  /// Phases in full, and in one line.
  var phases: Int
  var otherPhases: Int
  var hops: Int
  var causes: Int
  var hasParts: Bool
  var hasReasons: Bool
  var findings: Int
  /// Characters of each.
  var findingWidth: Int
  var hasRules: Bool
  /// Without intervals of what is cleared, and operations together.
  var isShort = false

  /// From the one that tells most to the one that always fits.
  static let levels: [ExplanationDetail] = [
    .init(2, 3, hops: 4, causes: 3, isFull: true, findings: 3, hasRules: true),
    .init(2, 2, hops: 3, causes: 2, isFull: true, findings: 3, hasRules: false),
    .init(2, 2, hops: 3, causes: 2, isFull: false, findings: 2, hasRules: false),
    .init(2, 1, hops: 2, causes: 1, isFull: false, findings: 2, hasRules: false),
    .init(2, 1, hops: 2, causes: 2, isFull: false, findings: 2, hasRules: false, isShort: true),
    .init(2, 0, hops: 2, causes: 1, isFull: false, findings: 2, hasRules: false, isShort: true),
    .init(1, 3, hops: 3, causes: 2, isFull: true, findings: 2, hasRules: false),
    .init(1, 2, hops: 3, causes: 2, isFull: false, findings: 1, hasRules: false),
    .init(1, 1, hops: 2, causes: 1, isFull: false, findings: 1, hasRules: false),
    .init(1, 0, hops: 2, causes: 1, isFull: false, findings: 1, hasRules: false, isShort: true),
  ]

  private init(
    _ phases: Int, _ otherPhases: Int, hops: Int, causes: Int, isFull: Bool, findings: Int,
    hasRules: Bool, isShort: Bool = false
  ) {
    self.isShort = isShort
    (self.phases, self.otherPhases, self.hops, self.causes) = (phases, otherPhases, hops, causes)
    (hasParts, hasReasons, self.findings, self.hasRules) = (isFull, isFull, findings, hasRules)
    findingWidth = isFull ? 280 : 140
  }
}

extension GuestStory {
  /// The phase that holds most of the change; where no phase has numbers, the first that changed.
  var largest: Phase? {
    changed.max { abs($0.excessTime(op)) < abs($1.excessTime(op)) }
  }

  /// The phases that are told in full: so many of those that hold a tenth of the change at least, in their order.
  func shown(_ most: Int) -> [Phase] {
    // Counters tell of no time.
    guard !isCounted else { return Array(changed.prefix(most)) }
    let whole = changed.reduce(0) { $0 + abs($1.excessTime(op)) }
    let sorted = changed.sorted { abs($0.excessTime(op)) > abs($1.excessTime(op)) }
    let first = sorted.prefix(1)
    return
      (first
      + sorted.dropFirst().prefix(max(0, most - 1)).filter {
        abs($0.excessTime(op)) >= 0.1 * whole && whole > 0
      }).sorted { $0.number < $1.number }
  }
}
