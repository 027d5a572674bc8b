internal import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// Which I/Os 'explain --slow' is about, where options say so.
struct SlowOptions {
  let during: String?
  let phase: Int64?
  let latency: String?
  let guest: String?

  func selection(in file: IncidentFile) throws -> SlowSelection {
    var selection = SlowSelection()
    if let during {
      selection.span = try TimeReading(file, guest: guest).window(during, of: "--during")
    }
    if let phase { selection.span = try span(of: phase, in: file) }
    if let latency { selection.times = try Self.times(latency) }
    return selection
  }

  /// `that were queued from 8.365 s to 31.233 s and took 20.000 ms or more from Q to C`.
  func words(_ selection: SlowSelection) -> String {
    var words: [String] = []
    if let span = selection.span {
      words.append(
        "were queued from \(Quantity.seconds(span.lowerBound)) to \(Quantity.seconds(span.upperBound))"
      )
    }
    let (low, high) = (selection.times.lowerBound, selection.times.upperBound)
    switch (low, high) {
    case (0, .max): break
    case (_, .max): words.append("took \(Quantity.time(low)) or more from Q to C")
    case (0, _): words.append("took \(Quantity.time(high)) or less from Q to C")
    default: words.append("took \(Quantity.time(low)) to \(Quantity.time(high)) from Q to C")
    }
    return "that " + words.joined(separator: " and ")
  }

  /// A phase has its number within its guest.
  private func span(of phase: Int64, in file: IncidentFile) throws -> Range<Int64> {
    let rows = try file.rows(
      "SELECT guest, from_ns, to_ns FROM phase WHERE device IS NULL AND phase = \(phase)"
    ).filter { guest == nil || $0.text("guest") == guest }
    guard rows.count < 2 else {
      throw CommandFailure(
        message: "--phase \(phase): several guests have one; say which with --guest: "
          + rows.compactMap { $0.text("guest") }.map(Printable.text).joined(separator: ", "))
    }
    guard let from = rows.first?.integer("from_ns"), let to = rows.first?.integer("to_ns"),
      from < to
    else {
      throw CommandFailure(
        message:
          "--phase \(phase): there is no such phase; 'hiddenq query \(file.path) \"SELECT * FROM phase\"' "
          + "lists them")
    }
    return from..<to
  }

  /// `20ms..1s`, `20ms..`, `..500us`.
  static func times(_ text: String) throws -> ClosedRange<Int64> {
    let ends = text.split(separator: "..", omittingEmptySubsequences: false).map(String.init)
    let low = ends.first.flatMap { $0.isEmpty ? 0 : time($0) }
    let high = ends.last.flatMap { $0.isEmpty ? Int64.max : time($0) }
    guard ends.count == 2, ends != ["", ""], let low, let high, low <= high else {
      throw CommandFailure(
        message:
          "--latency: '\(Printable.text(text))' is no range of durations: write FROM..TO with ns, us, ms or s, "
          + "as in 20ms..1s, 20ms.. or ..500us")
    }
    return low...high
  }

  private static func time(_ text: String) -> Int64? {
    let units: [(name: String, length: Double)] = [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)]
    guard let unit = units.first(where: { text.hasSuffix($0.name) }),
      let number = Double(text.dropLast(unit.name.count)), number >= 0, number.isFinite,
      text.first?.isNumber ?? false, number * unit.length < 9e18
    else { return nil }
    return Int64((number * unit.length).rounded())
  }
}
