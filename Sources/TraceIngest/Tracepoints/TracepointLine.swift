internal import TraceModel

/// A line that shows one tracepoint, taken apart as far as all tools agree: who, where, when, which
/// event. The payload is left to the family of the event.
struct TracepointLine: Equatable {
  /// The name of the running task as the tool prints it. Kernel threads carry their workqueue here; join
  /// by thread id.
  var task = 0..<0
  /// The tracepoint without its group: `sched_switch`.
  var event = 0..<0
  /// What stands behind the name, without blanks around it.
  var payload = 0..<0
  /// Where the line begins.
  var start = 0
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
  /// Whether its usual lines are those that ``TracepointFamily/readAhead(_:_:number:extent:)`` knows.
  static var hasColumns: Bool { get }
  init()
  /// Takes the line apart; false when it is no event line of this tool.
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool
  /// Reads a line that is no event but belongs to the tool's output.
  func aside(_ bytes: Span<UInt8>, _ line: Range<Int>) -> TracepointAside?
  /// The name of the file that stands before an event in a text that was made of several.
  static func file(_ bytes: Span<UInt8>, _ event: TracepointLine) -> Range<Int>?
}

extension TracepointEnvelope {
  /// None.
  static func file(_ bytes: Span<UInt8>, _ event: TracepointLine) -> Range<Int>? { nil }
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
  /// The head of one of the files that one text was made of, by its name.
  case file(Range<Int>)
}

/// A header by position.
struct SourceHeaderLine: Equatable {
  let name: Range<Int>
  let value: Range<Int>
}

/// What a family makes of an event's records.
enum RecordBinding {
  /// They are another's.
  case none
  /// They are its own and say nothing that is needed.
  case ignored
  /// It reads them.
  case read
}

/// The events of one subsystem and what becomes of them: read from text, or from the records of a binary file. The
/// payload of each event is read in one file for both, and both feed the same folding.
protocol TracepointFamily: AnyObject {
  /// Takes an event; false when it belongs to another family. Throws ``ParseError`` for a payload of its
  /// own that cannot be read.
  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool
  /// Takes as many of the next lines as are its own and in the columns of perf; returns how many, and where
  /// the next one begins.
  func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64, extent: inout TracepointExtent
  ) throws -> (Int64, Int)
  /// Looks at the format of an event of a binary recording, whose records come with this number.
  func bind(_ format: EventFormat, as event: Int) -> RecordBinding
  /// Takes records that it has said it reads; notes those that it cannot use.
  func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ problems: inout RecordProblems
  ) throws
  /// Events were lost before the next one: on this CPU, or on one that is not known.
  func lost(cpu: Int32?) throws
  /// The file is at its end.
  func finish(_ summary: inout SourceSummary) throws
}

extension TracepointFamily {
  func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64, extent: inout TracepointExtent
  ) throws -> (Int64, Int) { (0, range.lowerBound) }
}

/// What the events of a file span.
struct TracepointExtent {
  private(set) var events: Int64 = 0
  private(set) var first = Int64.max
  private(set) var last = Int64.min
  private var previous = Int64.min
  /// How often time fell.
  private(set) var falls: Int64 = 0
  /// The least step of the printed times, ns.
  private(set) var resolution = Int32.max

  init() {}

  @inline(__always)
  mutating func add(time: Int64, resolution: Int32) {
    events &+= 1
    if time < previous { falls &+= 1 }
    previous = time
    first = min(first, time)
    last = max(last, time)
    self.resolution = min(self.resolution, resolution)
  }
}

extension Span where Element == UInt8 {
  /// `812345.677697` or `812345.677697123` up to the byte behind it: nanoseconds and the step of the
  /// printed time. The position stays when it is no time.
  @inline(__always)
  func tracepointTime(_ position: inout Int, _ end: Int) -> (Int64, Int32)? {
    var at = position
    guard let seconds = decimal(&at, end), seconds < Stamp.mostSeconds, at < end,
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
    var value: Int64 = 0
    var unit: Int64 = 1
    while at > start {
      let digit = self[at - 1] &- 0x30
      guard digit < 10 else { break }
      at -= 1
      // The 19th digit would overflow: no field of a trace is that long.
      guard end - at < 19 else { return nil }
      value &+= Int64(digit) &* unit
      unit &*= 10
    }
    guard at < end else { return nil }
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
