internal import TraceModel
internal import TraceStore

/// How the clocks were laid onto the reference, how sure that is, and what checks them.
struct ClockSection: ReportSection {
  static let anchor = Anchor("clocks")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let all = try file.clocks()
    let guests = all.filter {
      Self.isGuests($0)
        && (request.filter.guest == nil || $0.machine == request.filter.guest)
    }
    var blocks: [Block] = []
    if !guests.isEmpty {
      let areRecorded = guests.allSatisfy { $0.method.hasPrefix("time shift") }
      blocks +=
        (areRecorded ? [] : [.paragraph(Self.causality)]) + [.facts(guests.map(Self.causal))]
    }
    blocks += Self.recorded(try file.clockChecks(guest: request.filter.guest))
    let schedulers = all.filter { $0.toolClock != "wall" && !Self.isGuests($0) }
    let walls = try Self.walls(file, request.filter.guest)
    if !schedulers.isEmpty || !walls.isEmpty {
      blocks.append(.facts(schedulers.map(Self.scheduler) + walls))
    }
    let checks = try file.runChecks(guest: request.filter.guest)
    if !checks.isEmpty { blocks += [.paragraph(Self.check), .facts(checks.map(Self.checked))] }
    return blocks.isEmpty ? [] : [.heading("Clocks")] + blocks
  }

  private static let causality =
    "Found from the traces alone: no request reaches the host before the guest issued it, none "
    + "ends in the guest before the host completed it. The bound is proven as long as a clock "
    + "runs evenly; a step smaller than about twice the bound cannot be seen."

  /// Whether it is the clock of a guest's block trace.
  static func isGuests(_ clock: ClockSummary) -> Bool {
    ["matched requests", "time shift"].contains { clock.method.hasPrefix($0) }
      || clock.method == "recorded"
  }

  private static let check =
    "The check of both: what a guest does on a virtual CPU happens while that CPU's thread is on a "
    + "CPU of the host."

  private static func causal(_ clock: ClockSummary) -> Fact {
    let drift = Quantity.decimal(clock.driftPPM, digits: 1)
    var text =
      "time of \(Printable.text(clock.reference)) = own \(offset(clock)), drift \(drift) ppm, "
      + "within \(Quantity.time(clock.middleError)) in the middle and "
      + "\(Quantity.time(clock.error)) at the ends "
      + "(\(Quantity.seconds(clock.from)) to \(Quantity.seconds(clock.to))); "
    switch clock.method {
    case "time shift":
      text += "recorded by trace-cmd, which is exact; there is no request to check it"
    case "time shift, matched requests":
      text +=
        "recorded by trace-cmd, which is exact; \(Quantity.count(Int64(clock.pairs))) matched requests agree"
    case "recorded": text += "no request binds it, what was recorded does"
    case "matched requests":
      text += "constrained by \(Quantity.count(Int64(clock.pairs))) matched requests"
    default:
      text +=
        "constrained by \(Quantity.count(Int64(clock.pairs))) matched requests and by recorded readings"
    }
    if clock.removedPairs > 0 { text += ", \(clock.removedPairs) taken out as wrong pairs" }
    if clock.violations > 0 { text += ", \(clock.violations) contradict it" }
    return Fact(Printable.text(clock.machine), text + ".")
  }

  /// What was recorded of both clocks, beside what the requests show.
  private static func recorded(_ checks: [ClockCheckRow]) -> [Block] {
    Dictionary(grouping: checks, by: \.guest).sorted { $0.key < $1.key }.flatMap {
      guest, rows -> [Block] in
      let wrong = rows.filter { $0.contradicts == true }
      let name = Printable.text(guest)
      let known = rows.filter { $0.contradicts != nil }
      guard let first = wrong.first else {
        var sentences: [String] = []
        if let narrowest = known.map({ $0.recordedError + ($0.foundError ?? 0) }).min() {
          sentences.append(
            "\(Quantity.count(Int64(known.count))) recorded relations of both clocks agree with it, the "
              + "closest within \(Quantity.time(narrowest)).")
        }
        if known.count < rows.count {
          sentences.append(
            "\(Quantity.count(Int64(rows.count - known.count))) recorded relations of both clocks are of "
              + "times without requests and differ from it: the clock may have stepped in between, as it "
              + "does when a guest is paused (view clock_check).")
        }
        return [.paragraph("\(name): \(sentences.joined(separator: " "))")]
      }
      let apart = first.recorded - first.found
      return [
        .paragraph(
          "WARNING, \(name): \(Quantity.count(Int64(wrong.count))) of "
            + "\(Quantity.count(Int64(rows.count))) recorded relations of both clocks contradict it. "
            + "\(Printable.text(first.path))\(first.line.map { ", line \($0)," } ?? "") is "
            + "\(Quantity.time(Int64(clamping: apart.magnitude))) \(apart < 0 ? "before" : "after") what "
            + "the requests show, and both together may be off by "
            + "\(Quantity.time(first.recordedError + (first.foundError ?? 0))). One of them is wrong: is the "
            + "record of this incident, and did a wall clock step in between? The hops are by the "
            + "requests (view clock_check).")
      ]
    }
  }

  private static func offset(_ clock: ClockSummary) -> String {
    let sign = clock.offset < 0 ? "-" : "+"
    return "\(sign) \(Quantity.decimal(abs(clock.offset) / 1e9, digits: 6)) s"
  }

  private static func scheduler(_ clock: ClockSummary) -> Fact {
    var text =
      "time of \(Printable.text(clock.reference)) = own \(offset(clock)), drift "
      + "\(Quantity.decimal(clock.driftPPM, digits: 1)) ppm, within \(Quantity.time(clock.error)): "
    if clock.pairs > 0 {
      text +=
        "who queued \(Quantity.count(Int64(clock.pairs), "bio")) was on a CPU at that moment"
    } else if clock.method == "one file" {
      text += "both are in one file"
    } else {
      text += "from block events that both tools saw"
    }
    return Fact(Printable.text("\(clock.machine) \(clock.toolClock)"), text + ".")
  }

  private static func walls(_ file: IncidentFile, _ guest: String?) throws -> [Fact] {
    try file.rows(
      """
      SELECT clock.machine, source.format, clock.error_ns, clock.method
      FROM clock JOIN source USING (source_id)
      WHERE clock.tool_clock = 'wall' AND source.format = 'vmstat' ORDER BY clock.machine, source_id
      """
    ).compactMap { row in
      guard let machine = row.text("machine"), let error = row.integer("error_ns"),
        let method = row.text("method"), guest == nil || machine == guest
      else { return nil }
      return Fact(
        Printable.text("\(machine) wall"),
        "vmstat's seconds within \(Quantity.time(error)) of the timeline (\(method)).")
    }
  }

  private static func checked(_ check: RunCheckRow) -> Fact {
    Fact(
      Printable.text(check.guest),
      "\(Quantity.count(check.violations)) of \(Quantity.count(check.events, "event")) do not "
        + "(\(Quantity.decimal(check.perThousand, digits: 1)) per 1,000; "
        + "\(Quantity.decimal(check.byChance, digits: 1)) if they lay anywhere).")
  }
}
