internal import TraceModel

/// The table of `perf sched latency`, kept to check our own sums against:
///
///     sh:(4)      |     31.151 ms |       10 | avg:  11.388 ms | max:  32.045 ms | max start: ...
///     perf:30288  |      0.346 ms |        1 | avg:   0.708 ms | max:   0.708 ms | max start: ...
struct PerfSchedLatency: TraceFormat {
  let name = "perf-sched-latency"
  let producedBy = "perf sched latency -p"
  let clock = "perf's sched_clock, or the clock given to perf record -k"
  let goodFor = "perf's own sums of run and delay per task, to check ours against"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    var found = Recognition.no
    TracepointHead.lines(head) { line in
      if let runtime = head.find("Runtime ms", from: line.lowerBound, line.upperBound),
        head.find("delay ms", from: runtime, line.upperBound) != nil
      {
        found = .yes
      }
    }
    return found
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(PerfSchedLatencyReader(sink: sink))
  }
}

/// Reads the rows of `perf sched latency`.
final class PerfSchedLatencyReader: LineFormatReader {
  private let sink: any EventSink
  private var batch = SchedBatch()
  private var summary = SourceSummary()
  private var notices = ProblemTally()

  private static let batchSize = 4096

  init(sink: any EventSink) { self.sink = sink }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    let end = line.upperBound
    var at = line.lowerBound
    bytes.skipBlanks(&at, end)
    guard at < end else { return }
    if bytes.has("---", at: at, end) || bytes.has("Task ", at: at, end)
      || bytes.has("TOTAL:", at: at, end)
    {
      return
    }
    if bytes.has("INFO:", at: at, end) {
      notices.add(
        .toolNotice, line: number, column: nil, bytes: bytes, from: at, to: end)
      return
    }
    guard let bar = bytes.find("|", from: at, end) else {
      throw ParseError(.unrecognizedLine, column: 1)
    }
    // A name may hold `|`: the bar counts behind which the runtime stands.
    var cut = bar
    while true {
      var number = cut + 1
      if Self.nanoseconds(bytes, &number, end, unit: " ms", scale: 1_000_000) != nil { break }
      guard let next = bytes.find("|", from: cut + 1, end) else {
        throw ParseError(.truncatedLine, column: bar - line.lowerBound + 1)
      }
      cut = next
    }
    guard let row = Self.row(bytes, at, cut, end, number) else {
      throw ParseError(.truncatedLine, column: cut - line.lowerBound + 1)
    }
    summary.events += 1
    batch.latencies.append(row)
    if batch.count >= Self.batchSize {
      try sink.receive(batch)
      batch.removeAll()
    }
  }

  /// `sh:(4)  ` up to the bar and the numbers behind it.
  private static func row(
    _ bytes: Span<UInt8>, _ start: Int, _ bar: Int, _ end: Int, _ number: Int64
  ) -> SchedLatencyRow? {
    var row = SchedLatencyRow()
    row.line = number
    var nameEnd = bar
    bytes.skipBlanksBack(&nameEnd, start)
    if bytes[max(start, nameEnd - 1)] == UInt8(ascii: ")") {
      var inner = nameEnd - 1
      guard let threads = bytes.decimalBefore(&inner, start),
        bytes.has(":(", at: inner - 2, end), inner - 2 >= start
      else { return nil }
      row.threads = threads
      nameEnd = inner - 2
    } else if let tid = bytes.decimalBefore(&nameEnd, start) {
      guard nameEnd > start, bytes[nameEnd - 1] == UInt8(ascii: ":") else { return nil }
      row.tid = tid
      nameEnd -= 1
    }
    // No name has more; a hostile line may be as long as it likes.
    guard nameEnd - start <= 256 else { return nil }
    row.name = bytes.text(from: start, to: nameEnd)
    var at = bar + 1
    guard let run = nanoseconds(bytes, &at, end, unit: " ms", scale: 1_000_000),
      skipBar(bytes, &at, end), let switches = bytes.decimal(&at, end)
    else { return nil }
    row.run = run
    row.switches = switches
    if skip("avg:", bytes, &at, end) {
      row.meanDelay = nanoseconds(bytes, &at, end, unit: " ms", scale: 1_000_000)
    }
    if skip("max:", bytes, &at, end) {
      row.longestDelay = nanoseconds(bytes, &at, end, unit: " ms", scale: 1_000_000)
    }
    // Up to perf 5 only the end: `max at: 7188685.842895 s`.
    if skip("max at:", bytes, &at, end) {
      row.longestTo = nanoseconds(bytes, &at, end, unit: " s", scale: 1_000_000_000)
    } else if skip("max start:", bytes, &at, end) {
      row.longestFrom = nanoseconds(bytes, &at, end, unit: " s", scale: 1_000_000_000)
      if skip("max end:", bytes, &at, end) {
        row.longestTo = nanoseconds(bytes, &at, end, unit: " s", scale: 1_000_000_000)
      }
    }
    // A thread that never waited has a maximum of 0 that began at 0.
    if row.longestFrom == 0 { row.longestFrom = nil }
    if row.longestTo == 0 { row.longestTo = nil }
    return row
  }

  /// ` | ` before the next field.
  private static func skipBar(_ bytes: Span<UInt8>, _ position: inout Int, _ end: Int) -> Bool {
    var at = position
    bytes.skipBlanks(&at, end)
    guard at < end, bytes[at] == UInt8(ascii: "|") else { return false }
    at += 1
    bytes.skipBlanks(&at, end)
    position = at
    return true
  }

  /// ` | avg:`; the position stays when something else comes.
  private static func skip(
    _ word: StaticString, _ bytes: Span<UInt8>, _ position: inout Int, _ end: Int
  ) -> Bool {
    var at = position
    guard skipBar(bytes, &at, end), bytes.has(word, at: at, end) else { return false }
    position = at + word.utf8CodeUnitCount
    return true
  }

  /// `  11.388 ms` in ns.
  private static func nanoseconds(
    _ bytes: Span<UInt8>, _ position: inout Int, _ end: Int, unit: StaticString, scale: Int64
  ) -> Int64? {
    var at = position
    bytes.skipBlanks(&at, end)
    guard let whole = bytes.decimal(&at, end), whole < Stamp.mostSeconds, at < end,
      bytes[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    var step = scale
    var value = whole * scale
    while at < end, bytes[at] &- 0x30 < 10 {
      step /= 10
      value += Int64(bytes[at] &- 0x30) * step
      at += 1
    }
    guard bytes.has(unit, at: at, end) else { return nil }
    position = at + unit.utf8CodeUnitCount
    return value
  }

  func finish() throws -> SourceSummary {
    if batch.count > 0 { try sink.receive(batch) }
    summary.format = "perf-sched-latency"
    summary.toolClock = "perf"
    summary.problems = notices.all
    return summary
  }
}
