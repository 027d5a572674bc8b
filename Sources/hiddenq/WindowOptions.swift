internal import ArgumentParser
internal import TraceModel
internal import TraceStore

/// Which two windows of one incident are compared.
struct WindowOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Of one incident: all before this time, and all after it.", valueName: "time"))
  var split: String?

  @Option(
    help: ArgumentHelp(
      "Of one incident: a phase; the first is before, the second after.", valueName: "number"))
  var phase: [Int64] = []

  @Option(help: ArgumentHelp("Of one incident: only this guest.", valueName: "name"))
  var guest: String?

  /// Whether the options fit each other.
  func validate(incidents: [String], _ before: [String], _ after: [String]) throws {
    guard incidents.count == 1 else {
      guard split == nil, phase.isEmpty, guest == nil else {
        throw ValidationError("--split, --phase and --guest are about one incident file")
      }
      guard incidents.isEmpty || incidents.count == 2 else {
        throw ValidationError(
          "two incident files, before and after; more runs go behind --before and --after")
      }
      guard incidents.count == 2 || (!before.isEmpty && !after.isEmpty) else {
        throw ValidationError("which incident files? hiddenq compare BEFORE AFTER")
      }
      return
    }
    let isWindows = before.count == 1 && after.count == 1
    guard isWindows || before.isEmpty && after.isEmpty else {
      throw ValidationError("of one incident file, a window of --before and one of --after")
    }
    guard phase.isEmpty || phase.count == 2 && phase[0] != phase[1] else {
      throw ValidationError("two different phases: --phase 0 --phase 1")
    }
    guard [isWindows, split != nil, !phase.isEmpty].count(where: { $0 }) == 1 else {
      throw ValidationError(
        "which two windows of the incident file? --before FROM..TO --after FROM..TO, or --split TIME, or "
          + "--phase M --phase N; or give two incident files")
    }
  }

  /// The windows on the timeline of the guests, ns. They do not overlap, lie within the capture, and hold I/Os.
  func pair(
    in file: IncidentFile, before: String?, after: String?
  ) throws -> (before: Range<Int64>, after: Range<Int64>) {
    try Incident.requireGuest(guest, in: file)
    if !phase.isEmpty { return try phases(in: file) }
    let times = try TimeReading(file, guest: guest)
    let timeline = try times.timeline()
    guard let span = timeline.span else {
      throw CommandFailure(
        message: "\(file.path) has no events on its timeline", status: Exit.notEnoughData)
    }
    // The last moment is in the window, too.
    let whole = span.lowerBound..<span.upperBound + 1
    let pair: (before: Range<Int64>, after: Range<Int64>)
    if let split {
      let moment = try times.moment(split, of: "--split")
      guard whole.lowerBound < moment, moment < span.upperBound else {
        throw times.outside("--split \(split)", timeline, span)
      }
      pair = (whole.lowerBound..<moment, moment..<whole.upperBound)
    } else {
      pair = (
        try times.window(before ?? "", of: "--before"),
        try times.window(after ?? "", of: "--after")
      )
    }
    guard !pair.before.overlaps(pair.after) else {
      throw CommandFailure(
        message:
          "--before and --after overlap: \(timeline.text(max(pair.before.lowerBound, pair.after.lowerBound))) to "
          + "\(timeline.text(min(pair.before.upperBound, pair.after.upperBound))) is in both")
    }
    for (name, window) in [("before", pair.before), ("after", pair.after)] {
      var filter = IOFilter()
      (filter.guest, filter.from, filter.to) = (guest, window.lowerBound, window.upperBound)
      guard try file.span(filter) != nil else {
        throw CommandFailure(
          message:
            "no I/O was queued in the window of \(name), \(timeline.text(window.lowerBound)) to "
            + timeline.text(window.upperBound), status: Exit.notEnoughData)
      }
    }
    return pair
  }

  /// The phases of a guest that were asked for, without the intervals in which the changes to them and to the next lie.
  private func phases(
    in file: IncidentFile
  ) throws -> (before: Range<Int64>, after: Range<Int64>) {
    let rows = try file.rows(
      """
      SELECT guest, phase, from_ns, to_ns, onset_error_ns FROM phase WHERE seen_by = 'guest'
      ORDER BY guest, phase
      """)
    let guests = Set(rows.compactMap { $0.text("guest") }).sorted()
    guard let name = guest ?? (guests.count == 1 ? guests[0] : nil) else {
      throw CommandFailure(
        message: guests.isEmpty
          ? "\(file.path) has no phases: they are looked for in a guest's block trace"
          : "each guest has phases of its own; choose one with --guest: \(Incident.list(guests))",
        status: guests.isEmpty ? Exit.notEnoughData : Exit.couldNotRun)
    }
    let own = rows.filter { $0.text("guest") == name }
    let found = try phase.map { number in
      guard let row = own.first(where: { $0.integer("phase") == number }),
        let from = row.integer("from_ns"), let to = row.integer("to_ns"), from < to
      else {
        throw CommandFailure(
          message: "--phase \(number): \(name) has "
            + (own.count < 2
              ? "\(own.count == 1 ? "one phase" : "no phase"): nothing is known to have changed"
              : "the phases 0 to \(own.count - 1)"))
      }
      let next = own.first { $0.integer("phase") == number + 1 }
      let first = from + (row.integer("onset_error_ns") ?? 0)
      let last = to - (next?.integer("onset_error_ns") ?? 0)
      return first < last ? first..<last : from..<to
    }
    return (found[0], found[1])
  }
}
