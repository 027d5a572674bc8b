internal import TraceModel

/// A line that shows one tracepoint, taken apart as far as all tools agree: who, where, when, which
/// event. The payload is left to the family of the event.
struct TracepointLine {
  /// The name of the running task as the tool prints it. Kernel threads carry their workqueue here; join
  /// by thread id.
  var task = 0..<0
  /// The tracepoint without its group: `sched_switch`.
  var event = 0..<0
  /// What stands behind the name, without blanks around it.
  var payload = 0..<0
  /// Nanoseconds on the trace's clock.
  var time: Int64 = 0
  /// Where the line stands in the file, from 1.
  var number: Int64 = 0
  /// The CPU that recorded it; -1: not printed.
  var cpu: Int32 = -1
  /// The running thread.
  var tid: UInt32 = 0
  /// Its process; 0: not printed.
  var pid: UInt32 = 0
  /// The step of the printed time, ns.
  var resolution: Int32 = 1000

  init() {}
}

/// How a tool dresses a tracepoint.
protocol TracepointEnvelope {
  init()
  /// Takes the line apart; false when it is no event line of this tool.
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool
  /// Reads a line that is no event but belongs to the tool's output.
  func aside(_ bytes: Span<UInt8>, _ line: Range<Int>) -> TracepointAside?
}

/// Lines of a trace that are no events.
enum TracepointAside: Equatable {
  /// Nothing to keep: blank, call chain, legend.
  case decoration
  /// A notice of the tool.
  case notice
  /// `# hostname : web1`.
  case header(SourceHeaderLine)
  /// Events were lost just before this line; the CPU where it is known, the count where it is known.
  case lost(cpu: Int32?, events: Int64?)
  /// Events were lost before the first line of the file.
  case lostBefore(events: Int64)
}

/// A header by position.
struct SourceHeaderLine: Equatable {
  let name: Range<Int>
  let value: Range<Int>
}

/// The events of one subsystem and what becomes of them.
protocol TracepointFamily: AnyObject {
  /// Takes an event; false when it belongs to another family. Throws ``ParseError`` for a payload of its
  /// own that cannot be read.
  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool
  /// Events were lost before the next one: on this CPU, or on one that is not known.
  func lost(cpu: Int32?) throws
  /// The file is at its end.
  func finish(_ summary: inout SourceSummary) throws
}

extension Span where Element == UInt8 {
  /// `812345.677697` or `812345.677697123` up to the byte behind it: nanoseconds and the step of the
  /// printed time. The position stays when it is no time.
  @inline(__always)
  func tracepointTime(_ position: inout Int, _ end: Int) -> (Int64, Int32)? {
    var at = position
    guard let seconds = decimal(&at, end), seconds < 9_000_000_000, at < end,
      self[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    let start = at
    guard let fraction = decimal(&at, end) else { return nil }
    switch at - start {
    case 6:
      position = at
      return (seconds * 1_000_000_000 + fraction * 1000, 1000)
    case 9:
      position = at
      return (seconds * 1_000_000_000 + fraction, 1)
    default: return nil
    }
  }

  /// `[003]` up to the byte behind it; nil, and the position as it was, when it is none.
  @inline(__always)
  func bracketedCPU(_ position: inout Int, _ end: Int) -> Int32? {
    guard position + 4 < end, self[position] == UInt8(ascii: "[") else { return nil }
    var at = position + 1
    guard let cpu = decimal(&at, end), at - position >= 4, cpu < 1 << 16, at < end,
      self[at] == UInt8(ascii: "]")
    else { return nil }
    position = at + 1
    return Int32(truncatingIfNeeded: cpu)
  }

  /// The number that ends at `end`, which moves to its first digit; nil when there is none.
  @inline(__always)
  func decimalBefore(_ end: inout Int, _ start: Int) -> Int64? {
    var at = end
    while at > start, self[at - 1] &- 0x30 < 10 { at -= 1 }
    var first = at
    guard at < end, let value = decimal(&first, end) else { return nil }
    end = at
    return value
  }

  /// Moves back over blanks and tabs.
  @inline(__always)
  func skipBlanksBack(_ end: inout Int, _ start: Int) {
    while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
  }

  /// The end of the run of bytes that are no blanks.
  @inline(__always)
  func wordEnd(_ start: Int, _ end: Int) -> Int {
    var at = start
    while at < end, self[at] != 0x20, self[at] != 0x09 { at += 1 }
    return at
  }
}
