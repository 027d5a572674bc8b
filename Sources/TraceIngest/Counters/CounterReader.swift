internal import TraceModel

/// Why a table is interrupted.
enum CounterBreak {
  /// An empty line.
  case blank
  /// A date, or a line that announces something (`=== numastat ===`).
  case date
  /// A line of another table.
  case other
}

/// Reads one tool's tables out of a file that may hold those of several.
protocol CounterTable: AnyObject {
  /// Takes the line when it is its own; false when it is not, and then it has changed nothing.
  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool
  /// Something that is not its own came.
  func interrupt(_ reason: CounterBreak)
  /// The file that is read, by its path.
  func begin(path: String)
}

extension CounterTable {
  func begin(path: String) {}
  func interrupt(_ reason: CounterBreak) {}
}

/// The format of files in which a tool's tables stand, often many times and with dates between. All of
/// them are read by the same reader, since one loop often prints the tables of several tools.
protocol CounterFormat: TraceFormat {
  /// A table of this format.
  func table() -> any CounterTable
}

extension CounterFormat {
  var clock: String { "wall clock, where a date or time stamp was written along" }

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    CounterReader.recognition(of: name, head)
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(CounterReader(sink: sink, format: name))
  }
}

/// All of them, in the order in which they are asked about a line. A table that takes any `name value`
/// pair comes last.
let counterFormats: [any CounterFormat] = [
  Vmstat(), Numastat(), EthtoolStatistics(), EthtoolRing(), IPLinkStatistics(), ProcNetDev(),
  SoftnetStat(), QdiscStatistics(), ProcDiskstats(), ProcSchedstat(), TaskSchedstat(),
  ProcStat(), ProcVmstat(),
]

/// Hands each line to the table it belongs to, and reads the dates between and before them.
final class CounterReader: LineFormatReader {
  private let log: CounterLog
  private let format: String
  private let tables: [any CounterTable]
  private var active = 0
  /// The last line of a table had a date before it, as `ts` writes them.
  private var isEveryLineDated = false
  /// Which table took the last line; for recognition.
  private(set) var taken: Int?

  init(
    sink: any EventSink, format: String, formats: [any CounterFormat] = counterFormats
  ) {
    log = CounterLog(sink: sink)
    self.format = format
    tables = formats.map { $0.table() }
    active = formats.firstIndex { $0.name == format } ?? 0
  }

  func begin(path: String) {
    for table in tables { table.begin(path: path) }
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    log.line = number
    log.prefix = nil
    taken = nil
    var start = line.lowerBound
    var end = line.upperBound
    // UTF-8 byte order mark.
    if number == 1, bytes.has("\u{FEFF}", at: start, end) { start += 3 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    var text = start
    bytes.skipBlanks(&text, end)
    guard text < end else { return interrupt(.blank) }
    // Dates first: `Sun Nov 22 09:30:44 UTC 2026` would be a row of numastat's with one node.
    let date = DateLine(bytes, text, end)
    if case .whole(let date) = date {
      // Where every line has its date, a date alone is an empty line.
      if isEveryLineDated { return interrupt(.blank) }
      note(date)
      log.clock(date.wall)
      return interrupt(.date)
    }
    // Names may have blanks, and 1791367872 may be a number of bytes: a date before a row is only looked
    // for where the row cannot be read without, or where the last had one.
    if isEveryLineDated, try takeDated(bytes, date, end) { return }
    if try take(bytes, start, end) {
      isEveryLineDated = false
      return
    }
    if try takeDated(bytes, date, end) { return }
    if case .banner = date { return interrupt(.date) }
    guard !Self.isNotice(bytes, text, end) else {
      log.notices.add(.toolNotice, line: number, column: nil, bytes: bytes, from: text, to: end)
      return
    }
    throw ParseError(.unrecognizedLine, column: text - line.lowerBound + 1)
  }

  func finish() throws -> SourceSummary { try log.finish(format: format) }

  private func note(_ date: WrittenDate) {
    if date.isAmbiguous { log.notices.add(.ambiguousDate, count: 1, line: log.line) }
    if date.wall == nil { log.notices.add(.timeWithoutDay, count: 1, line: log.line) }
  }

  /// Takes what stands behind a date.
  private func takeDated(_ bytes: Span<UInt8>, _ line: DateLine, _ end: Int) throws -> Bool {
    guard case .prefix(let date, let rest) = line else { return false }
    log.prefix = date.wall
    guard try take(bytes, rest, end) else {
      log.prefix = nil
      return false
    }
    isEveryLineDated = true
    note(date)
    return true
  }

  private func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws -> Bool {
    if try tables[active].take(bytes, start, end, log) {
      taken = active
      return true
    }
    for index in tables.indices where index != active {
      if try tables[index].take(bytes, start, end, log) {
        tables[active].interrupt(.other)
        active = index
        taken = index
        return true
      }
    }
    return false
  }

  private func interrupt(_ reason: CounterBreak) {
    for table in tables { table.interrupt(reason) }
  }

  /// What shells and tools print besides: prompts, command echoes, errors.
  private static func isNotice(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let beginnings: [StaticString] = [
      "#", "$ ", "+ ", "^C", "Script started", "Script done", "==> ", "netlink error", "Every ",
      "Cannot get ", "Can't read ", "cat: ", "Linux ",
    ]
    for beginning in beginnings where bytes.has(beginning, at: start, end) { return true }
    // `user@host:~$ vmstat 1`, `[root@host ~]# numastat`
    guard let at = bytes.find("@", from: start, end) else { return false }
    return bytes.find("$ ", from: at, end) != nil || bytes.find("# ", from: at, end) != nil
      || bytes[end - 1] == UInt8(ascii: "$") || bytes[end - 1] == UInt8(ascii: "#")
  }

  /// How sure it is that a file that begins so is of a format: its table comes first, and the tables take
  /// most of the lines.
  static func recognition(of format: String, _ head: Span<UInt8>) -> Recognition {
    // Most files are something else: ask the format's own table before all of them.
    let own = counterFormats.filter { $0.name == format }
    guard survey(head, format, own, lines: 30).first != nil else { return .no }
    let found = survey(head, format, counterFormats, lines: 120)
    guard let first = found.first, counterFormats[first].name == format, found.events > 0,
      found.used * 3 >= found.lines
    else { return .no }
    return found.used * 3 >= found.lines * 2 ? .yes : .maybe
  }

  /// Reads the beginning of a file: which table took a line first, of how many lines how many were taken.
  private static func survey(
    _ head: Span<UInt8>, _ format: String, _ formats: [any CounterFormat], lines most: Int
  ) -> (first: Int?, lines: Int, used: Int, events: Int64) {
    let reader = CounterReader(sink: IdleSink(), format: "", formats: formats)
    var first: Int?
    var position = 0
    var lines = 0
    var used = 0
    // A table begins within the first lines, or the file is something else.
    while position < head.count, lines < (first == nil ? 30 : most) {
      var end = position
      while end < head.count, head[end] != 10 { end += 1 }
      var last = end
      while last > position, head[last - 1] == 13 || head[last - 1] == 0 { last -= 1 }
      let line = position..<last
      position = end + 1
      // The last line may be cut by the end of the piece that is looked at.
      guard !line.isEmpty, end < head.count || head.count < 1 << 16 else { continue }
      lines += 1
      guard (try? reader.read(head, line, number: Int64(lines))) != nil else { continue }
      used += 1
      if first == nil { first = reader.taken }
    }
    return (first, lines, used, reader.log.events)
  }
}

/// What a line has of a date.
enum DateLine {
  /// The line is a date, perhaps decorated: `=== Wed Oct  7 10:11:12 CEST 2026 ===`,
  /// `## 1795339842.083645 uptime 60.36 46.40`, `Every 2.0s: numastat  host: Wed Oct 7 ...`.
  case whole(WrittenDate)
  /// A date and behind it a line of a table: `[2026-10-07 10:15:01]  2  0  0 812344 ...`.
  case prefix(WrittenDate, rest: Int)
  /// Marks that part the tables, without a date: `=== numastat ===`, `-----`.
  case banner
  /// Nothing of the kind.
  case none

  init(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    var at = start
    var marks = 0
    var isComment = false
    while at < end, Self.isMark(bytes[at]) || bytes[at] == 0x20 || bytes[at] == 0x09 {
      if bytes[at] == UInt8(ascii: "#") { isComment = true }
      if Self.isRule(bytes[at]) { marks += 1 }
      at += 1
    }
    guard at < end else {
      self = marks > 1 ? .banner : .none
      return
    }
    Self.skipLabel(bytes, &at, end)
    let isBanner = marks > 1 || isComment
    if let date = bytes.writtenDate(at, end) {
      var rest = date.end
      while rest < end, Self.isMark(bytes[rest]) || Self.isBetween(bytes[rest]) { rest += 1 }
      // `TS 1375719567.0 2013-08-05 16:19:27`: the same moment twice.
      let isTwice = rest < end && bytes.writtenDate(rest, end)?.end == end
      // `1791367872 ------- -------`: the line below a header, with the date before it.
      let isRow = marks == 0 && bytes.find(" ---", from: date.end, end) != nil
      guard rest < end && !isBanner && !isTwice || isRow else {
        self = .whole(date)
        return
      }
      // One blank parts the date from the line; the others are the line's own.
      rest = date.end
      while rest < end,
        bytes[rest] == UInt8(ascii: "]") || bytes[rest] == UInt8(ascii: ":")
          || bytes[rest] == UInt8(ascii: "|") || bytes[rest] == UInt8(ascii: ",")
      {
        rest += 1
      }
      if bytes[rest] == 0x20 || bytes[rest] == 0x09 { rest += 1 }
      self = .prefix(date, rest: rest)
      return
    }
    let isWatch = bytes.has("Every ", at: at, end)
    guard isBanner || isWatch else {
      self = .none
      return
    }
    // `=== sample 3 at 2026-10-07 10:15:01 ===`: a date behind other words.
    var index = at
    while index < end {
      while index < end, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
      bytes.skipBlanks(&index, end)
      if let date = bytes.writtenDate(index, end), date.wall != nil {
        self = .whole(date)
        return
      }
    }
    self = marks > 1 ? .banner : .none
  }

  /// Marks that lines of them are made of.
  private static func isRule(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "="), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "#"),
      UInt8(ascii: "+"), UInt8(ascii: "~"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isMark(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "}"),
      UInt8(ascii: "@"), UInt8(ascii: "|"):
      true
    default: isRule(byte)
    }
  }

  private static func isBetween(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ",")
      || byte == UInt8(ascii: ";")
  }

  /// `zzz ***Wed Aug 28 ...` (OSWatcher), `TS 1375719567.0 2013-...` (pt-stalk), `Date: ...`.
  private static func skipLabel(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
    let labels: [StaticString] = [
      "zzz ", "TS ", "date:", "Date:", "DATE:", "time:", "Time:", "TIME:", "timestamp:",
      "Timestamp:", "TIMESTAMP:", "date=", "time=", "timestamp=", "ts=",
    ]
    for label in labels where bytes.has(label, at: at, end) {
      at += label.utf8CodeUnitCount
      while at < end, bytes[at] == 0x20 || bytes[at] == UInt8(ascii: "*") { at += 1 }
      return
    }
  }
}
