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
  /// Whether its lines begin with this one, whatever stands before it.
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool
  /// Whether each line stands for itself, among those of other outputs.
  var areSingle: Bool { get }
  /// The file is a log, in which all other lines are messages.
  var isLog: Bool { get }
  /// The file is at its end.
  func finish(_ log: inout FactLog)
}

extension FactLines {
  var areSingle: Bool { false }
  var isLog: Bool { false }
  func finish(_ log: inout FactLog) {}
}

/// A JSON text of a file.
struct JSONText {
  let json: JSONValue
  /// The guest that the command before it names: `virsh qemu-monitor-command web1 ...`.
  let guest: String?
}

/// Reads a file of facts in JSON as a whole. Prompts, commands and dates may stand between its texts.
final class FactJSONReader: WholeFileReader {
  private let sink: any EventSink
  private let format: String
  private let facts: ([JSONText]) -> TopologyBatch
  /// Takes the counters of a text, with the date that was written before it.
  private let counters: ((JSONText, CounterLog) throws -> Void)?
  private let log: CounterLog
  private var summary = SourceSummary()
  private var notices = ProblemTally()

  /// `facts` finds them in the texts of the file.
  init(
    sink: any EventSink, format: String,
    counters: ((JSONText, CounterLog) throws -> Void)? = nil,
    facts: @escaping ([JSONText]) -> TopologyBatch
  ) {
    self.sink = sink
    self.counters = counters
    log = CounterLog(sink: sink)
    self.format = format
    self.facts = facts
  }

  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws {
    var parser = JSONParser(range)
    var values: [JSONText] = []
    var guest: String?
    do {
      while let begin = parser.begin(bytes) {
        let end = bytes.newline(from: begin, to: range.upperBound) ?? range.upperBound
        let isJSON = bytes[begin] == UInt8(ascii: "{") || bytes[begin] == UInt8(ascii: "[")
        let (_, last) = bytes.trimmed(begin, end)
        if let command = CommandLine.marked(bytes, begin, last)
          ?? CommandLine.bare(bytes, begin, last)
        {
          guest = Self.guest(bytes, command.text)
          notices.add(
            .toolNotice, line: parser.line, column: nil, bytes: bytes, from: begin, to: last)
          parser.skip(to: end)
        } else if isJSON, let value = try parser.next(bytes) {
          let text = JSONText(json: value, guest: guest)
          values.append(text)
          log.line = value.line ?? parser.line
          try counters?(text, log)
        } else {
          switch DateLine(bytes, begin, last) {
          case .whole(let date): log.clock(date.wall)
          case .none:
            notices.add(
              .unrecognizedLine, line: parser.line, column: 1, bytes: bytes, from: begin, to: last)
            summary.skippedLines += 1
          case .prefix, .banner: break
          }
          parser.skip(to: end)
        }
      }
    } catch let error as ParseError {
      // A text that is cut or broken is of no use from there on; what stands before it is.
      let at = min(max(range.lowerBound, error.column - 1), range.upperBound)
      notices.add(
        error.kind, line: parser.line, column: nil, bytes: bytes, from: at, to: range.upperBound)
      summary.skippedLines += 1
    }
    let batch = facts(values)
    try sink.receive(batch)
    summary.events = Int64(batch.count) + log.events
    summary.lines = parser.line
  }

  /// `virsh qemu-monitor-command web1 --pretty '{...}'`: web1.
  private static func guest(_ bytes: Span<UInt8>, _ command: Range<Int>) -> String? {
    let name: StaticString = "qemu-monitor-command "
    guard let found = bytes.find(name, from: command.lowerBound, command.upperBound) else {
      return nil
    }
    var fields = Fields()
    fields.cut(bytes, found + name.utf8CodeUnitCount, command.upperBound)
    for index in 0..<fields.count where bytes[fields[index].lowerBound] != UInt8(ascii: "-") {
      return bytes.text(from: fields[index].lowerBound, to: fields[index].upperBound)
    }
    return nil
  }

  func finish() throws -> SourceSummary {
    let counted = try log.finish(format: format)
    summary.format = format
    (summary.toolClock, summary.first, summary.last) = (
      counted.toolClock, counted.first, counted.last
    )
    summary.problems = notices.all + counted.problems
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

/// Whether a file begins as JSON does, behind commands and dates.
func beginsAsJSON(_ head: Span<UInt8>) -> Bool { beginsAsJSON(head, 0..<head.count) }

/// Whether the bytes between the positions begin as JSON does, behind commands and dates.
func beginsAsJSON(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
  var at = range.lowerBound
  // More lines than anybody's prompt has.
  for _ in 0..<20 {
    while at < range.upperBound, bytes[at] <= 0x20 { at += 1 }
    guard at < range.upperBound else { return false }
    let end = bytes.newline(from: at, to: range.upperBound) ?? range.upperBound
    let (_, last) = bytes.trimmed(at, end)
    var isBefore =
      CommandLine.marked(bytes, at, last) != nil || CommandLine.bare(bytes, at, last) != nil
    if !isBefore {
      if bytes[at] == UInt8(ascii: "{") || bytes[at] == UInt8(ascii: "[") { return true }
      switch DateLine(bytes, at, last) {
      case .whole, .banner: isBefore = true
      case .prefix, .none: break
      }
    }
    guard isBefore else { return false }
    at = end
  }
  return false
}
