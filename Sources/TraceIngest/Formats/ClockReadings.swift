internal import TraceModel

/// Readings of a guest's clocks with the host's own before and after each, taken over a connection:
///
///     # bracket 0
///     host_before realtime=1795336480.235040393 monotonic=584.603676589
///     guest realtime=1795336479.789946321 monotonic=537.529427120
///     host_after realtime=1795336480.246423070 monotonic=584.615120328
///
/// or a table of them, whose columns its head names, times in whole ns:
///
///     # rtt_ns h_real1 h_real2 h_mono1 h_mono2 g_real g_mono g_boot g_monoraw | g_real-mid(h_real)
///     4330572 1795337810536194443 1795337810540531805 3188307472760 3188311803332 1795337809736511361 ...
///
/// The guest read its clock between the two readings of the host.
struct ClockReadings: FactFormat {
  let name = "clock-readings"
  let producedBy = "readings of a guest's clocks between two of the host's"
  let clock = "none"
  let goodFor = "the relation of both clocks, beside or without what the requests show"
  let readBy: Layer? = .host

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = ClockReadingLines()
    return anyLine(of: head, atMost: 8) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { ClockReadingLines() }
}

private final class ClockReadingLines: FactLines {
  /// Which reading it is, counted by its first line.
  private var number = 0
  private var table: ClockReadingTable?

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    bytes.has("host_before realtime=", at: start, end)
      || bytes.has(ClockReadingTable.head, at: start, end)
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    if bytes.has(ClockReadingTable.head, at: start, end) {
      table = ClockReadingTable(bytes, fields)
      return table != nil
    }
    if bytes.has("#", at: start, end) { return true }
    if let table, start < end, (0x30...0x39).contains(bytes[start]) {
      return take(table, bytes, &log)
    }
    // One clock's state alone: what the command that took the readings printed before and after them.
    if fields.count >= 2, bytes.has("real=", at: fields[1].lowerBound, end) { return true }
    guard let realtime = Self.time("realtime=", bytes, fields) else { return false }
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
    add(name, realtime, &log)
    if let monotonic = Self.time("monotonic=", bytes, fields) {
      add(name + "_monotonic", monotonic, &log)
    }
    return true
  }

  private func add(_ name: String, _ value: String, _ log: inout FactLog) {
    log.batch.settings.append(
      SettingFact(kind: "clock", object: "\(number)", name: name, value: value, line: log.line))
  }

  /// A row of the table.
  private func take(_ table: ClockReadingTable, _ bytes: Span<UInt8>, _ log: inout FactLog) -> Bool
  {
    guard let times = table.times(bytes, log.fields) else { return false }
    number += 1
    for (name, time) in times {
      let fraction = String(time % 1_000_000_000)
      let zeros = String(repeating: "0", count: 9 - fraction.utf8.count)
      add(name, "\(time / 1_000_000_000).\(zeros)\(fraction)", &log)
    }
    return true
  }

  /// The value of a field with this name; nil when there is none, or when it is no time.
  private static func time(
    _ name: StaticString, _ bytes: Span<UInt8>, _ fields: Fields
  ) -> String? {
    for place in 1..<max(1, fields.count)
    where bytes.has(name, at: fields[place].lowerBound, fields[place].upperBound) {
      let start = fields[place].lowerBound + name.utf8CodeUnitCount
      guard isTime(bytes, start, fields[place].upperBound) else { return nil }
      return bytes.text(from: start, to: fields[place].upperBound)
    }
    return nil
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

/// Where the columns of a table of readings are.
private struct ClockReadingTable {
  static let head: StaticString = "# rtt_ns "

  /// By the name of what is there.
  private var columns: [(name: String, column: Int)] = []

  /// The table with this head; nil when a column is missing.
  init?(_ bytes: Span<UInt8>, _ fields: Fields) {
    // The head's mark is a field of its own.
    func add(_ name: String, _ title: StaticString) {
      if let place = (1..<max(1, fields.count)).first(where: { bytes.equals(title, fields[$0]) }) {
        columns.append((name, place - 1))
      }
    }
    add("host_before", "h_real1")
    add("guest", "g_real")
    add("host_after", "h_real2")
    guard columns.count == 3 else { return nil }
    add("host_before_monotonic", "h_mono1")
    add("guest_monotonic", "g_mono")
    add("host_after_monotonic", "h_mono2")
  }

  /// The times of a row, ns; nil when one is not there.
  func times(_ bytes: Span<UInt8>, _ fields: Fields) -> [(String, Int64)]? {
    var times: [(String, Int64)] = []
    for (name, column) in columns {
      guard column < fields.count else { return nil }
      var at = fields[column].lowerBound
      guard let time = bytes.decimal(&at, fields[column].upperBound),
        at == fields[column].upperBound,
        time < 1 << 33 * 1_000_000_000
      else { return nil }
      times.append((name, Int64(time)))
    }
    return times
  }
}
