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
  /// A heading names the interface whose table may follow.
  func announce(interface: String)
  /// A command or a file's name stands before what it printed.
  func announce(command: String)
  /// The file is at its end.
  func finish(_ log: CounterLog) throws
}

extension CounterTable {
  func begin(path: String) {}
  func interrupt(_ reason: CounterBreak) {}
  func announce(interface: String) {}
  func announce(command: String) {}
  func finish(_ log: CounterLog) throws {}
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
  Ifconfig(), SoftnetStat(), QdiscStatistics(), Pressure(), Iostat(), Mpstat(), Pidstat(), Top(),
  Sar(),
  Sadf(), Domstats(), FioLog(), FioText(), Biosnoop(), HistogramText(), Runqslower(),
  AmazonStats(),
  ProcDiskstats(), ProcSchedstat(), TaskSchedstat(),
  ControlGroupCPU(), ProcStat(), ProcVmstat(),
]

/// Reads the lines of one file: hands each to the table it belongs to, reads the dates between and before
/// them, and tells the output of other commands apart, which may stand in the same file.
final class CounterReader: LineFormatReader {
  /// Whose output the lines are.
  private enum Section {
    /// Nobody said; or a table of ours, or a command that prints one: a line that cannot be read is bad.
    case ours
    /// A command whose output may be anything: what no table takes is another output.
    case unclear
    /// Another tool's: only a header of ours ends it before the next command.
    case another(byCommand: Bool, isDated: Bool)
  }

  /// What became of the lines.
  private struct Lines {
    var used = 0
    var others = 0
    var bad = 0
  }

  private let log: CounterLog
  private let format: String
  private let tables: [any CounterTable]
  /// How many of the tables are of counters; the others are of facts.
  private let counters: Int
  private var active = 0
  private var section = Section.ours
  /// The last line of a table had a date before it, as `ts` writes them.
  private var isEveryLineDated = false
  /// Lines before the first table and the first command, which may be bad or another output.
  private var held = ProblemTally()
  private var heldLines: Int64 = 0
  private var isBegun = false
  /// The table of facts that the file is of.
  private let own: Int?
  private var lines = Lines()
  /// Which tables took lines, in the order in which they came; for recognition.
  private var takers: [Int] = []

  init(
    sink: any EventSink, format: String, formats: [any CounterFormat] = counterFormats,
    facts: [any FactFormat] = factFormats
  ) {
    log = CounterLog(sink: sink)
    self.format = format
    tables = formats.map { $0.table() } + facts.map { FactTable($0.lines()) }
    counters = formats.count
    active = formats.firstIndex { $0.name == format } ?? 0
    own = facts.firstIndex { $0.name == format }.map { $0 + formats.count }
    if let own { active = own }
  }

  func begin(path: String) {
    for table in tables { table.begin(path: path) }
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    log.line = number
    log.prefix = nil
    var start = line.lowerBound
    var end = line.upperBound
    // UTF-8 byte order mark.
    if number == 1, bytes.has("\u{FEFF}", at: start, end) { start += 3 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    // `ESC [?2004h[root@web1 ~]# vmstat 1`: what script(1) keeps of a terminal.
    if start < end, bytes[start] == 0x1B { bytes.skipEscapes(&start, end) }
    var text = start
    bytes.skipBlanks(&text, end)
    guard text < end else { return part(.blank) }
    if let command = CommandLine.marked(bytes, text, end) {
      return try begin(command, bytes, start, end)
    }
    if bytes.has("#==[", at: text, end) {
      // supportconfig: `#==[ Command ]======================================#`
      note(bytes, text, end)
      return enter(.another(byCommand: true, isDated: false))
    }
    if case .another(let byCommand, let isDated) = section, !beginsOurs(bytes, start, end) {
      return try readOther(bytes, text, end, byCommand: byCommand, isDated: isDated)
    }
    // What lines of facts look like is theirs, dates or not.
    if let own {
      if active == own { (tables[own] as? FactTable)?.open() }
      if try take(own, bytes, start, end) { return }
    }
    if active >= counters, active != own, try take(active, bytes, start, end) { return }
    // Dates first: `Sun Nov 22 09:30:44 UTC 2026` would be a row of numastat's with one node.
    let date = DateLine(bytes, text, end)
    if case .whole(let date) = date {
      // Where every line has its date, a date alone is an empty line.
      if isEveryLineDated { return part(.blank) }
      note(date)
      log.clock(date.wall)
      return part(.date)
    }
    // Names may have blanks, and 1791367872 may be a number of bytes: a date before a row is only looked
    // for where the row cannot be read without, or where the last had one.
    if isEveryLineDated, try takeDated(bytes, date, end) { return }
    if try take(bytes, start, end) {
      isEveryLineDated = false
      return
    }
    if try takeDated(bytes, date, end) { return }
    if case .banner = date { return try banner(bytes, text, end) }
    if let command = CommandLine.bare(bytes, text, end) {
      return try begin(command, bytes, start, end)
    }
    if case .prefix(_, let rest) = date, let command = CommandLine.marked(bytes, rest, end) {
      return try begin(command, bytes, rest, end)
    }
    if Self.isNotice(bytes, text, end) {
      // `Linux 6.1.0 (web1)  11/22/26  _x86_64_  (2 CPU)`: a run of a tool of sysstat begins.
      if bytes.has("Linux ", at: text, end) {
        interrupt(.other)
        log.begin(day: SysstatBanner.day(bytes, text, end))
      }
      comment(bytes, text, end)
      return note(bytes, text, end)
    }
    // `echo $i; ethtool -S $i` prints `eth0`.
    if comment(bytes, text, end) { return note(bytes, text, end) }
    if KnownOutputs.output(bytes, text, end) != nil {
      section = .another(byCommand: false, isDated: true)
      interrupt(.other)
      return other(bytes, text, end)
    }
    if case .unclear = section { return other(bytes, text, end) }
    lines.bad += 1
    guard isBegun else {
      heldLines += 1
      return held.add(
        .unrecognizedLine, line: number, column: text - line.lowerBound + 1, bytes: bytes,
        from: text, to: end)
    }
    throw ParseError(.unrecognizedLine, column: text - line.lowerBound + 1)
  }

  func finish() throws -> SourceSummary {
    for table in tables { try table.finish(log) }
    var summary = try log.finish(format: format)
    summary.problems.insert(contentsOf: held.all, at: 0)
    summary.skippedLines += heldLines
    return summary
  }

  // MARK: - Parts of a file

  /// A command stands here: whose output follows is known, or not.
  private func begin(
    _ command: CommandLine, _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) throws {
    log.interval = command.interval
    let words = bytes.text(from: command.text.lowerBound, to: command.text.upperBound)
    for table in tables { table.announce(command: words) }
    log.scope.enter(
      host: command.host.map { bytes.text(from: $0.lowerBound, to: $0.upperBound) },
      space: command.space.map { bytes.text(from: $0.lowerBound, to: $0.upperBound) })
    switch command.output {
    case .ours: enter(.ours)
    case .another: enter(.another(byCommand: true, isDated: command.isDate))
    case .unclear: enter(.unclear)
    }
    // `# ethtool -S eth0` names the table below it; a hypervisor's command is one of its own.
    let text = beginsOurs(bytes, command.text.lowerBound, end) ? command.text.lowerBound : start
    if text != start, try take(bytes, text, end) { return }
    if case .ours = command.output, try take(bytes, start, end) { return }
    note(bytes, start, end)
  }

  /// Another part of the file begins; what stood before the first is no bad line then.
  private func enter(_ section: Section) {
    interrupt(.other)
    self.section = section
    isEveryLineDated = false
    guard !isBegun else { return }
    isBegun = true
    excuse()
  }

  /// The lines that are held are another output.
  private func excuse() {
    for problem in held.all {
      log.notices.add(
        Problem(
          kind: .otherOutput, line: problem.line, column: nil, count: problem.count,
          excerpt: problem.excerpt))
    }
    lines.others += Int(heldLines)
    lines.bad -= Int(heldLines)
    held = ProblemTally()
    heldLines = 0
  }

  /// `=== free -m ===`, `==> /proc/vmstat <==`, `=== sample 3 ===`
  private func banner(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws {
    if let command = CommandLine.inBanner(bytes, start, end) {
      return try begin(command, bytes, start, end)
    }
    if case .another = section { section = .unclear }
    heading(bytes, start, end)
    part(.date)
  }

  /// `=== web1 ===`, `==> eth0 <==`: whose readings follow.
  private func heading(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    let (from, to) = CommandLine.betweenMarks(bytes, start, end)
    guard from < to, to - from <= Self.longestHeading else { return }
    let text = bytes.text(from: from, to: to)
    let interface = ThingLabel.interface(text)
    let label = interface.map { text.replacing($0, with: " ") } ?? text
    log.scope.head(bytes.text(from: start, to: from), ThingLabel(label))
    if let interface { announce(interface) }
  }

  /// `# eth0`, `# web1`, and `eth0` or `eth0:` alone on its line; false for anything else.
  @discardableResult
  private func comment(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let (from, to) = CommandLine.betweenMarks(bytes, start, end)
    guard from < to, to - from <= Self.longestHeading else { return false }
    for index in from..<to where bytes[index] == 0x20 || bytes[index] == 0x09 { return false }
    if bytes[start] == UInt8(ascii: "#") {
      heading(bytes, start, end)
      return true
    }
    guard from == start, ThingLabel.isInterface(bytes.text(from: from, to: to)) else {
      return false
    }
    announce(bytes.text(from: from, to: to))
    return true
  }

  private func announce(_ interface: String) {
    for table in tables { table.announce(interface: interface) }
  }

  private static let longestHeading = 128

  /// A line of another tool's output.
  private func readOther(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, byCommand: Bool, isDated: Bool
  ) throws {
    let date = DateLine(bytes, start, end)
    switch date {
    case .whole(let date) where isDated:
      note(date)
      log.clock(date.wall)
      if !byCommand { section = .unclear }
      return part(.date)
    case .banner: return try banner(bytes, start, end)
    default: break
    }
    if let command = CommandLine.bare(bytes, start, end) {
      return try begin(command, bytes, start, end)
    }
    comment(bytes, start, end)
    other(bytes, start, end)
  }

  private func other(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    lines.others += 1
    log.notices.add(
      .otherOutput, line: log.line, column: nil, bytes: bytes, from: start, to: end)
  }

  private func note(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    lines.used += 1
    log.notices.add(
      .toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
  }

  private func note(_ date: WrittenDate) {
    if date.isAmbiguous { log.notices.add(.ambiguousDate, count: 1, line: log.line) }
    if date.wall == nil { log.notices.add(.timeWithoutDay, count: 1, line: log.line) }
  }

  /// An empty line or a date parts the tables.
  private func part(_ reason: CounterBreak) {
    lines.used += 1
    if reason == .blank, case .another(false, _) = section { section = .unclear }
    interrupt(reason)
  }

  private func interrupt(_ reason: CounterBreak) {
    for table in tables { table.interrupt(reason) }
  }

  // MARK: - Tables

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
    if try take(active, bytes, start, end) { return true }
    for index in tables.indices where index != active {
      if try take(index, bytes, start, end) { return true }
    }
    return false
  }

  private func take(_ index: Int, _ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws -> Bool {
    guard try tables[index].take(bytes, start, end, log) else { return false }
    let facts = (tables[index] as? FactTable)?.lines
    if facts?.isLog ?? false { excuse() }
    if case .another = section, facts?.areSingle ?? false {
      // A guest's command line in a list of processes does not end the list.
    } else {
      section = .ours
      if index != active {
        tables[active].interrupt(.other)
        active = index
      }
    }
    isBegun = true
    lines.used += 1
    if takers.last != index, takers.count < 64 { takers.append(index) }
    return true
  }

  /// Whether a table of ours begins here beyond doubt, whatever stands before it.
  private func beginsOurs(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    OwnHeaders.has(bytes, start, end)
      || tables.contains { ($0 as? FactTable)?.lines.opens(bytes, start, end) ?? false }
  }

  /// What shells and tools print besides: command echoes, errors.
  private static func isNotice(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let beginnings: [StaticString] = [
      "#", "^C", "Script started", "Script done", "==> ", "netlink error", "Every ",
      "Cannot get ", "Can't read ", "Attaching ", "Attached ", "cat: ", "Linux ", "lsblk: ",
      "-bash: ", "bash: ", "sh: ",
      "sudo: ", "Connection to ", "logout", "Killed", "Terminated", "real\t", "user\t", "sys\t",
    ]
    for beginning in beginnings where bytes.has(beginning, at: start, end) { return true }
    return false
  }

  // MARK: - Recognition

  /// How sure it is that a file that begins so is of a format: its table comes first, and the tables take
  /// most of the lines.
  static func recognition(of format: String, _ head: Span<UInt8>) -> Recognition {
    // Most files are something else: ask the format's own table before all of them.
    let own = counterFormats.filter { $0.name == format }
    guard survey(head, format, own, []).first != nil else { return .no }
    let found = survey(head, format, counterFormats, factFormats)
    guard let first = found.first, counterFormats[first].name == format, found.events > 0,
      found.used * 3 >= found.lines
    else { return .no }
    return found.used * 3 >= found.lines * 2 ? .yes : .maybe
  }

  /// Whether a file that begins so has counters, so that it is of a format of theirs.
  static func hasCounters(_ head: Span<UInt8>) -> Bool {
    let found = survey(head, "", counterFormats, factFormats)
    return found.first != nil && found.events > 0 && found.used * 3 >= found.lines
  }

  /// Whether facts of a format stand in a file of several commands.
  static func finds(_ format: String, _ head: Span<UInt8>) -> Bool {
    let hasCommand = anyLine(of: head) { start, end in
      let (from, to) = head.trimmed(start, end)
      return head.has("#==[", at: from, to) || CommandLine.marked(head, from, to) != nil
        || CommandLine.bare(head, from, to) != nil
        || CommandLine.inBanner(head, from, to) != nil
    }
    guard hasCommand else { return false }
    let found = survey(head, "", counterFormats, factFormats)
    return found.firstFacts.map { factFormats[$0 - counterFormats.count].name } == format
      && found.used * 3 >= found.lines
  }

  /// Lines that are looked at before the first table, and in all; those of other outputs do not count.
  private static let (mostBefore, most) = (30, 120)

  /// Reads the beginning of a file: which table of counters took a line first and which of facts, of how many
  /// lines how many were taken.
  private static func survey(
    _ head: Span<UInt8>, _ format: String, _ formats: [any CounterFormat], _ facts: [any FactFormat]
  ) -> (first: Int?, firstFacts: Int?, lines: Int, used: Int, events: Int64) {
    let reader = CounterReader(sink: IdleSink(), format: "", formats: formats, facts: facts)
    var position = 0
    var number: Int64 = 0
    while position < head.count,
      reader.lines.used + reader.lines.bad < (reader.takers.isEmpty ? mostBefore : most)
    {
      var end = position
      while end < head.count, head[end] != 10 { end += 1 }
      var last = end
      while last > position, head[last - 1] == 13 || head[last - 1] == 0 { last -= 1 }
      let line = position..<last
      position = end + 1
      // The last line may be cut by the end of the piece that is looked at.
      guard !line.isEmpty, end < head.count || head.count < 1 << 16 else { continue }
      number += 1
      try? reader.read(head, line, number: number)
    }
    let lines = reader.lines
    return (
      reader.takers.first { $0 < formats.count }, reader.takers.first { $0 >= formats.count },
      lines.used + lines.bad, lines.used, reader.log.events + reader.log.linesSinceBoot
    )
  }
}

/// Lines that a table of ours begins with, and no other output.
enum OwnHeaders {
  static func has(_ bytes: Span<UInt8>, _ position: Int, _ end: Int) -> Bool {
    var start = position
    bytes.skipBlanks(&start, end)
    let beginnings: [StaticString] = [
      "procs -", "--procs-", "disk- ---", "NIC statistics", "Ring parameters for ", "Inter-|",
      "qdisc ", "Per-node ", "avg-cpu: ", "nr_free_pages ", "nr_zone_", "no stats available",
      "some avg10=", "# hostname;interval;", "top - ", "%Cpu(s):", "Cpu(s):",
    ]
    for beginning in beginnings where bytes.has(beginning, at: start, end) { return true }
    var fields = Fields()
    guard start < end, end - start < 1024 else { return false }
    fields.cut(bytes, start, end)
    guard fields.count >= 2 else { return false }
    // ` r  b   swpd   free ...`
    if fields.count >= 15 {
      if bytes.equals("r", fields[0]), bytes.equals("b", fields[1]) {
        return (2..<4).contains { bytes.equals("swpd", fields[$0]) }
      }
    }
    // `cpu  721 0 2407 4640 496 0 425 1001 0 0`
    if bytes.equals("cpu", fields[0]) {
      return fields.count >= 5 && (1..<fields.count).allSatisfy { bytes.isNumber(fields[$0]) }
    }
    // `12:06:39 PM     CPU     %user     %nice ...`
    if fields[0].count == 8, bytes[fields[0].lowerBound + 2] == UInt8(ascii: ":") {
      let columns: [StaticString] = [
        "CPU", "DEV", "IFACE", "PID", "UID", "tps", "runq-sz", "pgpgin/s", "pswpin/s", "kbmemfree",
      ]
      return (1..<min(3, fields.count)).contains { index in
        columns.contains { bytes.equals($0, fields[index]) }
      }
    }
    // `Device            r/s     rkB/s ...`
    if bytes.equals("Device", fields[0]) || bytes.equals("Device:", fields[0]) {
      let columns: [StaticString] = ["tps", "r/s", "rrqm/s"]
      return columns.contains { bytes.equals($0, fields[1]) }
    }
    if bytes.equals("version", fields[0]) { return fields.count == 2 && bytes.isNumber(fields[1]) }
    // `2: eth0: <BROADCAST,UP> mtu 1500`
    if bytes.isNumber(fields[0].lowerBound..<fields[0].upperBound - 1) {
      if bytes[fields[0].upperBound - 1] == UInt8(ascii: ":") {
        return bytes.find(": <", from: start, end) != nil
      }
      // `8 0 sda 1 2 3 ...` with at least 11 numbers behind the name.
      return fields.count >= 14 && bytes.isNumber(fields[0]) && bytes.isNumber(fields[1])
        && !bytes.isNumber(fields[2])
        && (3..<fields.count).allSatisfy { bytes.isNumber(fields[$0]) }
    }
    // `node0 node1`
    return (0..<fields.count).allSatisfy {
      bytes.has("node", at: fields[$0].lowerBound, fields[$0].upperBound)
        && bytes.isNumber(fields[$0].lowerBound + 4..<fields[$0].upperBound)
    }
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
