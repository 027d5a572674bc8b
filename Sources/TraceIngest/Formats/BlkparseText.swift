internal import TraceModel

/// The text that `blkparse` prints, in its default form:
///
///     259,0    3     1041     2.000134567   912  Q  WS 81920 + 16 [fio]
///
/// The times count from the first event of the trace; the text does not say when that was.
struct BlkparseText: TraceFormat {
  let name = "blktrace"
  let producedBy = "blktrace -d /dev/vdb -o - | blkparse -i -"
  let clock = "CLOCK_MONOTONIC since the first event of the trace"
  let goodFor = "every block request: scheduler, device, and the join of guest and host"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    var position = 0
    var parser = BlkparseLine()
    var event = BlockEvent()
    var tried = 0
    while position < head.count, tried < 200 {
      var end = position
      while end < head.count, head[end] != 10 { end += 1 }
      var last = end
      while last > position, head[last - 1] == 13 || head[last - 1] == 0 { last -= 1 }
      if end < head.count || position == 0 {
        if (try? parser.parse(head, position..<last, into: &event)) != nil { return .yes }
      }
      tried += 1
      position = end + 1
    }
    return .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(BlkparseReader(sink: sink))
  }
}

/// Feeds the lines of a blkparse text to the folding, and knows the lines that are no events.
final class BlkparseReader: LineFormatReader {
  // One value: each property of a class that is changed per line would cost a check of its own.
  private var state: BlkparseState

  init(sink: any EventSink, custom: BlkparseCustomLine? = nil) {
    state = BlkparseState(sink: sink, custom: custom)
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    try state.read(bytes, line, number: number)
  }

  func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64
  ) throws -> (Int64, Int) {
    try state.readAhead(bytes, range, number: number)
  }

  var takesAnnotatedLines: Bool { true }

  func readEvent(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    try state.readEvent(bytes, line, number: number)
  }

  func elided() throws { try state.elided() }

  func finish() throws -> SourceSummary { try state.finish() }
}

/// What is known while a blkparse text is read.
private struct BlkparseState {
  private var columns = BlkparseColumns()
  private var parser = BlkparseLine()
  private var event = BlockEvent()
  private var folding: BlockFolding
  private var notices = ProblemTally()
  private var insideSummary = false

  private let custom: BlkparseCustomLine?

  init(sink: any EventSink, custom: BlkparseCustomLine?) {
    folding = BlockFolding(sink: sink, completionsMayGrow: true)
    self.custom = custom
  }

  mutating func elided() throws { try folding.elided() }

  mutating func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    if custom == nil, columns.parse(bytes, line, into: &event) {
      try take(number: number)
      return
    }
    do {
      try parse(bytes, line)
    } catch {
      guard try isNotice(bytes, line, number: number) else { throw error }
      return
    }
    try take(number: number)
  }

  mutating func readEvent(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    try parse(bytes, line)
    try take(number: number)
  }

  private mutating func parse(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(ParseError) {
    if let custom {
      try custom.parse(bytes, line, into: &event)
    } else {
      try parser.parse(bytes, line, into: &event)
    }
  }

  /// Takes the event that was parsed.
  @inline(__always)
  private mutating func take(number: Int64) throws {
    insideSummary = false
    guard event.isPossible else { throw ParseError(.malformedNumber, column: 1) }
    event.line = number
    try folding.add(event)
  }

  /// Takes the lines that stand in the usual columns, up to the first that does not.
  mutating func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64
  ) throws -> (Int64, Int) {
    var at = range.lowerBound
    guard custom == nil else { return (0, at) }
    var lines: Int64 = 0
    // Its own: a property would be copied for each call, from fields that have just been written.
    var event = BlockEvent()
    while let newline = bytes.newline(from: at + BlkparseColumns.tail, to: range.upperBound) {
      // A carriage return and padding are cut off elsewhere.
      guard bytes[newline - 1] != 13, bytes[newline - 1] != 0,
        columns.parse(bytes, at..<newline, into: &event), event.isPossible
      else { break }
      insideSummary = false
      event.line = number + lines
      try folding.add(event)
      lines += 1
      at = newline + 1
    }
    return (lines, at)
  }

  mutating func finish() throws -> SourceSummary {
    var summary = try folding.finish()
    summary.format = "blktrace"
    summary.toolClock = parser.hasUnnumbered ? "ftrace" : "blktrace"
    summary.problems.append(contentsOf: notices.all)
    return summary
  }

  /// Lines that belong to the format and are no events: the summary, and what blktrace and blkparse say
  /// besides. False for what is none of them.
  private mutating func isNotice(
    _ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64
  ) throws -> Bool {
    var start = line.lowerBound
    let end = line.upperBound
    bytes.skipBlanks(&start, end)
    if start == end { return true }
    if let dropped = Self.droppedEvents(bytes, start, end) {
      folding.note {
        $0.noteDropped(dropped.events, ofAll: dropped.isOfAll, line: number)
      }
      return true
    }
    noteStatistics(bytes, start, end)
    if Self.startsSummary(bytes, start, end) {
      insideSummary = true
      return true
    }
    if Self.isSummaryRow(bytes, start, end) {
      insideSummary = true
      return true
    }
    if insideSummary, bytes[end - 1] == UInt8(ascii: ")"),
      bytes.find(" (", from: start, end) != nil
    {
      return true
    }
    // `blkparse -s` prints its processes first: the rows that follow begin the statistics.
    if Self.isProcessHead(bytes, start, end) {
      notices.add(.toolNotice, line: number, column: nil, bytes: bytes, from: start, to: end)
      return true
    }
    if Self.isToolNotice(bytes, start, end) {
      notices.add(
        .toolNotice, line: number, column: nil, bytes: bytes, from: start, to: end)
      return true
    }
    return false
  }

  /// `You have 12 dropped events` and `Total:  1234 events (dropped 12),   58 KiB data`, which blktrace
  /// prints; nil for other lines.
  private static func droppedEvents(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (events: Int64, isOfAll: Bool)? {
    var position: Int
    let isOfAll = bytes.has("You have ", at: start, end)
    if isOfAll {
      position = start + 9
    } else if bytes.has("Total:", at: start, end),
      let found = bytes.find("(dropped ", from: start, end)
    {
      position = found + 9
    } else {
      return nil
    }
    return bytes.decimal(&position, end).map { ($0, isOfAll) }
  }

  /// `Events (8,16): 13,668 entries` and `Skips: 3 forward (1,412 -   7.4%)`, which say how many events blkparse had,
  /// and how many numbers were missing between them.
  private mutating func noteStatistics(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    if bytes.has("Events (", at: start, end),
      let close = bytes.find("): ", from: start + 8, min(end, start + 8 + Self.longestName))
    {
      var position = close + 3
      guard let entries = Self.grouped(bytes, &position, end),
        bytes.has(" entries", at: position, end)
      else { return }
      let name = bytes.text(from: start + 8, to: close)
      folding.note { $0.noteEntries(entries, of: name) }
    } else if bytes.has("Skips: ", at: start, end) {
      var position = start + 7
      guard let skips = Self.grouped(bytes, &position, end),
        bytes.has(" forward (", at: position, end)
      else { return }
      position += 10
      guard let events = Self.grouped(bytes, &position, end), bytes.has(" - ", at: position, end)
      else { return }
      position += 3
      bytes.skipBlanks(&position, end)
      guard let percent = bytes.decimal(&position, end), percent <= 100,
        bytes.has(".", at: position, end)
      else { return }
      position += 1
      guard let tenths = bytes.decimal(&position, end), tenths < 10,
        bytes.has("%)", at: position, end)
      else { return }
      folding.note {
        $0.noteSkips(skips, events: events, tenthsOfPercent: 10 * percent + tenths)
      }
    }
  }

  /// Bytes of a device's name, which is that of a file.
  private static let longestName = 256

  /// `13,668`: a whole number whose digits may be grouped.
  private static func grouped(_ bytes: Span<UInt8>, _ position: inout Int, _ end: Int) -> Int64? {
    var value: Int64 = 0
    var index = position
    while index < end {
      let byte = bytes[index]
      if byte == UInt8(ascii: ","), index > position {
        index += 1
        continue
      }
      guard 0x30...0x39 ~= byte else { break }
      let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isOver) = tens.addingReportingOverflow(Int64(byte - 0x30))
      guard !isTooLarge, !isOver else { return nil }
      value = sum
      index += 1
    }
    guard index > position else { return nil }
    position = index
    return value
  }

  /// `CPU0 (sda):`, `Total (sda):`, `Throughput (R/W): ...`: the statistics begin or go on.
  private static func startsSummary(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    if bytes.has("Throughput (R/W):", at: start, end) || bytes.has("Events (", at: start, end)
      || bytes.has("Trace started at ", at: start, end) || bytes.has("Skips: ", at: start, end)
      || bytes.has("discarded traces containing", at: start, end)
      || bytes.has("Total (", at: start, end)
    {
      return true
    }
    guard bytes.has("CPU", at: start, end) else { return false }
    var position = start + 3
    return bytes.decimal(&position, end) != nil && bytes.has(" (", at: position, end)
  }

  /// ` Reads Queued:       1,234,    4,936KiB ...` and what else stands in the statistics.
  private static func isSummaryRow(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let rows: [StaticString] = [
      "Reads Queued:", "Read Dispatches:", "Reads Requeued:", "Reads Completed:", "Read Merges:",
      "Read depth:", "PC Reads ", "PC Read ", "IO unplugs:", "Allocation wait:", "Dispatch wait:",
      "Completion wait:",
    ]
    for row in rows where bytes.has(row, at: start, end) { return true }
    return false
  }

  /// `fio (912)` and `fio (912, ...)`, which begin the rows of a process.
  private static func isProcessHead(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard end - start > 4, bytes[end - 1] == UInt8(ascii: ")") else { return false }
    var at = bytes.has(", ...)", at: end - 6, end) ? end - 6 : end - 1
    return bytes.decimalBefore(&at, start) != nil && at - 2 > start && at - 2 - start <= 16
      && bytes.has(" (", at: at - 2, end)
  }

  private static func isToolNotice(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let beginnings: [StaticString] = [
      "#", "Input file ", "=== ", "Consider using a larger buffer", "Unknown action",
      "Bad fs action", "Bad pc action", "sector alias", "Total:", "BLKTRACE", "blktrace",
      "blkparse",
    ]
    for beginning in beginnings where bytes.has(beginning, at: start, end) { return true }
    if bytes.has("CPU", at: start, end) || bytes.has("cpu", at: start, end) { return true }
    // `(8,0) request 123 + 4096: confused about ...`, `(8,0): skipping 5 -> 9`
    guard bytes[start] == UInt8(ascii: "(") else { return false }
    return bytes.find("request ", from: start, end) != nil
      || bytes.find("skipping ", from: start, end) != nil
  }
}
