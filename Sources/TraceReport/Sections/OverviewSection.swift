internal import TraceModel
internal import TraceStore

/// Whose traces these are, and of when: a report is read far from the folder that it was made in.
struct OverviewSection: ReportSection {
  static let anchor = Anchor("answer")

  /// Machines that are named; of more, how many there are.
  private static let mostNames = 6

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let sources = try file.sources().filter { !$0.isRefused }
    guard !sources.isEmpty else { return [] }
    var machines: [Machine] = []
    for source in sources {
      let machine = Machine(name: source.machine, layer: source.layer)
      if !machines.contains(machine) { machines.append(machine) }
    }
    let who =
      "Traces of "
      + [Layer.guest, .host].compactMap { layer in
        Self.names(machines.filter { $0.layer == layer }.map(Report.name))
      }.joined(separator: " and ")
    return try [.paragraph(Self.when(who, sources, file))]
      + (Self.clock(file, request.filter).map { [.paragraph($0)] } ?? [])
  }

  /// What 0 s is on the wall clock.
  private static func clock(_ file: IncidentFile, _ filter: IOFilter) throws -> String? {
    let timelines = try file.timelines(of: filter.guest).filter { $0.span != nil }
    guard let first = timelines.first else { return nil }
    // Two zeros in a line are read as one time that is told twice: the others are among the clocks.
    return "Times: " + Printable.text("\(first.date) (clock of \(first.name)).")
  }

  /// Whose traces these are, and from when to when.
  private static func when(
    _ who: String, _ sources: [SourceRow], _ file: IncidentFile
  ) throws -> String {
    // When the traces were made; a log that was kept beside them may be of a week.
    let written = try file.wallSources().filter { $0.last >= $0.first }
    let known = [
      sources.compactMap(\.wall), written.filter(\.isUTC).map { $0.first...$0.last },
    ].first { !$0.isEmpty }
    let moments = known ?? written.map { $0.first...$0.last }
    // A tool that began late, or says only its start, tells less than the events.
    let events =
      known == nil
      ? []
      : try file.timelines().compactMap { timeline in
        timeline.span.flatMap { span in
          timeline.wall.map { $0.utc(span.lowerBound)...$0.utc(span.upperBound) }
        }
      }
    guard let from = (moments + events).map(\.lowerBound).min(),
      let to = (moments + events).map(\.upperBound).max()
    else { return "\(who)." }
    let clock = known != nil ? "UTC" : "by the local time that the files have"
    let isEndKnown = !written.contains { !$0.hasEnd && $0.last >= to }
    let (begin, end) = (Self.moment(from), Self.moment(to))
    // Rows without dates below a date: they go on from there, nobody knows for how long.
    guard isEndKnown else { return "\(who), from \(begin) \(clock) on." }
    let isOneDay = begin.prefix(10) == end.prefix(10)
    let until = isOneDay ? String(end.dropFirst(11)) : end
    return "\(who), \(begin) to \(until) \(clock)."
  }

  private static func names(_ names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(mostNames).map { Printable.text($0) }.joined(separator: ", ")
    return names.count > mostNames ? "\(shown) and \(names.count - mostNames) more" : shown
  }

  /// `2026-11-22 07:55:04`.
  private static func moment(_ nanoseconds: Int64) -> String {
    String(UTCText.full(nanoseconds).prefix(19))
  }
}
