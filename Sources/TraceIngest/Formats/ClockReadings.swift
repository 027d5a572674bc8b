internal import TraceModel

/// Readings of a guest's clocks with the host's own before and after each, taken over a connection:
///
///     # bracket 0
///     host_before realtime=1795336480.235040393 monotonic=584.603676589
///     guest realtime=1795336479.789946321 monotonic=537.529427120
///     host_after realtime=1795336480.246423070 monotonic=584.615120328
///
/// The guest read its clock between the two readings of the host.
struct ClockReadings: TraceFormat {
  let name = "clock-readings"
  let producedBy = "readings of a guest's clocks between two of the host's"
  let clock = "none"
  let goodFor = "a check of the relation of both clocks that the requests show"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    anyLine(of: head, atMost: 8) { start, end in
      head.has("host_before realtime=", at: start, end)
    } ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(FactLineReader(sink: sink, format: name, lines: ClockReadingLines()))
  }
}

private final class ClockReadingLines: FactLines {
  /// Which reading it is, counted by its first line.
  private var number = 0

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if bytes.has("#", at: start, end) { return true }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count >= 2, bytes.has("realtime=", at: fields[1].lowerBound, end),
      Self.isTime(bytes, fields[1].lowerBound + 9, fields[1].upperBound)
    else { return false }
    let name: String
    if bytes.equals("host_before", fields[0]) {
      name = "host_before"
      number += 1
    } else if bytes.equals("guest", fields[0]) {
      name = "guest"
    } else if bytes.equals("host_after", fields[0]) {
      name = "host_after"
    } else {
      return false
    }
    log.batch.settings.append(
      SettingFact(
        kind: "clock", object: "\(number)", name: name,
        value: bytes.text(from: fields[1].lowerBound + 9, to: fields[1].upperBound),
        line: log.line))
    return true
  }

  /// `1795336480.235040393`: seconds that fit ns in Int64, and nine digits.
  private static func isTime(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var at = start
    guard let seconds = bytes.decimal(&at, end), seconds < 1 << 33, at < end,
      bytes[at] == UInt8(ascii: "."), end - at == 10
    else { return false }
    at += 1
    return bytes.decimal(&at, end) != nil && at == end
  }
}
