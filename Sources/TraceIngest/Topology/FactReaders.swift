internal import TraceModel

/// What a file of facts about a machine has given so far.
struct FactLog {
  var batch = TopologyBatch()
  var notices = ProblemTally()
  /// The line that is read.
  var line: Int64 = 0
  var fields = Fields()
}

/// Takes lines that hold facts; false for a line that is no known part of the format.
protocol FactLines: AnyObject {
  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool
}

/// Reads a text of facts, line by line.
final class FactLineReader: LineFormatReader {
  private let sink: any EventSink
  private let format: String
  private let lines: any FactLines
  private var log = FactLog()
  private var events: Int64 = 0

  init(sink: any EventSink, format: String, lines: any FactLines) {
    self.sink = sink
    self.format = format
    self.lines = lines
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    var end = line.upperBound
    while end > line.lowerBound, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    guard end > line.lowerBound else { return }
    log.line = number
    if lines.take(bytes, line.lowerBound, end, &log) {
      // A long line may be a long text.
      if log.batch.count >= 1024 || line.count > 1 << 16 { try flush() }
      return
    }
    // Dates and rulers between the outputs of several commands.
    var start = line.lowerBound
    bytes.skipBlanks(&start, end)
    switch DateLine(bytes, start, end) {
    case .whole, .banner: return
    case .prefix, .none: throw ParseError(.unrecognizedLine, column: 1)
    }
  }

  func finish() throws -> SourceSummary {
    try flush()
    var summary = SourceSummary()
    summary.format = format
    summary.toolClock = "none"
    summary.events = events
    summary.problems = log.notices.all
    return summary
  }

  private func flush() throws {
    events += Int64(log.batch.count)
    try sink.receive(log.batch)
    log.batch = TopologyBatch()
  }
}

/// Reads a JSON file of facts as a whole.
final class FactJSONReader: WholeFileReader {
  private let sink: any EventSink
  private let format: String
  private let facts: ([JSONValue]) -> TopologyBatch
  private var summary = SourceSummary()
  private var notices = ProblemTally()

  /// `facts` finds them in the texts of the file.
  init(sink: any EventSink, format: String, facts: @escaping ([JSONValue]) -> TopologyBatch) {
    self.sink = sink
    self.format = format
    self.facts = facts
  }

  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws {
    var parser = JSONParser(range)
    var values: [JSONValue] = []
    do {
      while let value = try parser.next(bytes) { values.append(value) }
    } catch {
      // A text that is cut or broken is of no use from there on; what stands before it is.
      let at = min(max(range.lowerBound, error.column - 1), range.upperBound)
      notices.add(
        error.kind, line: parser.line, column: nil, bytes: bytes, from: at, to: range.upperBound)
      summary.skippedLines = 1
    }
    let batch = facts(values)
    try sink.receive(batch)
    summary.events = Int64(batch.count)
    summary.lines = parser.line
  }

  func finish() throws -> SourceSummary {
    summary.format = format
    summary.toolClock = "none"
    summary.problems = notices.all
    return summary
  }
}

/// The beginning of a file, looked at line by line.
func anyLine(
  of head: Span<UInt8>, atMost count: Int = 40, _ matches: (Int, Int) -> Bool
) -> Bool {
  var position = 0
  var lines = 0
  while position < head.count, lines < count {
    var end = position
    while end < head.count, head[end] != 10 { end += 1 }
    if end > position, matches(position, end) { return true }
    lines += 1
    position = end + 1
  }
  return false
}

/// Whether a file begins as JSON does.
func beginsAsJSON(_ head: Span<UInt8>) -> Bool {
  var at = 0
  while at < head.count, head[at] == 0x20 || head[at] == 10 || head[at] == 13 || head[at] == 9 {
    at += 1
  }
  return at < head.count && (head[at] == UInt8(ascii: "{") || head[at] == UInt8(ascii: "["))
}
