/// The lines of ftrace's `trace` and of `trace-cmd report`, which differ only in padding:
///
///               <idle>-0       [001] ..s1.   410.121377: block_rq_complete: 254,0 WFSM () ...
///             atrace-14446  (-----) [000] ...2  1212.465062: sched_switch: prev_comm=atrace ...
///        trace-cmd-6244  [005] 162534.215742: sched_switch:         trace-cmd:6244 [120] x ==> ...
///
/// A name may hold `-`, so thread and name are found backwards from ` [cpu] `.
struct FtraceEnvelope: TracepointEnvelope {
  static let hasColumns = false

  init() {}

  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool {
    let start = line.lowerBound
    let end = unescaped(bytes, line)
    var at = start
    while at < end {
      guard bytes[at] == UInt8(ascii: "["), at > start, bytes[at - 1] == 0x20 else {
        at += 1
        continue
      }
      var next = at
      if let cpu = bytes.bracketedCPU(&next, end), time(bytes, &next, end, &event),
        thread(bytes, start, at, &event), name(bytes, next, end, &event)
      {
        event.cpu = cpu
        return true
      }
      at += 1
    }
    return false
  }

  /// The end of the line without the `\n\` that a trace inside of a JavaScript string has.
  @inline(__always)
  private func unescaped(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Int {
    bytes.has("\\n\\", at: line.upperBound - 3, line.upperBound)
      ? line.upperBound - 3 : line.upperBound
  }

  /// ` ..s1.   410.121377:`, also without the flags.
  @inline(__always)
  private func time(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    for _ in 0...1 {
      guard at < end, bytes[at] == 0x20 else { return false }
      bytes.skipBlanks(&at, end)
      if let (time, resolution) = bytes.tracepointTime(&at, end), at < end {
        if bytes.has(" (+", at: at, end), let closing = bytes.find(")", from: at, end) {
          at = closing + 1
        }
        guard at < end, bytes[at] == UInt8(ascii: ":") else { return false }
        event.time = time
        event.resolution = resolution
        at += 1
        return true
      }
      at = bytes.wordEnd(at, end)
    }
    return false
  }

  /// `kworker/u8:0-812  ( 1234) ` up to the bracket: the name, the thread, the process.
  @inline(__always)
  private func thread(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    var last = end
    event.pid = 0
    bytes.skipBlanksBack(&last, start)
    if last > start, bytes[last - 1] == UInt8(ascii: ")") {
      var inner = last - 1
      if let process = bytes.decimalBefore(&inner, start), process < 1 << 32 {
        event.pid = UInt32(truncatingIfNeeded: process)
      } else {
        while inner > start, bytes[inner - 1] == UInt8(ascii: "-") { inner -= 1 }
      }
      bytes.skipBlanksBack(&inner, start)
      if inner > start, bytes[inner - 1] == UInt8(ascii: "(") {
        last = inner - 1
        bytes.skipBlanksBack(&last, start)
      }
    }
    guard let number = bytes.decimalBefore(&last, start), number < 1 << 32, last > start,
      bytes[last - 1] == UInt8(ascii: "-")
    else { return false }
    event.tid = UInt32(truncatingIfNeeded: number)
    var first = start
    bytes.skipBlanks(&first, last - 1)
    event.task = first..<(last - 1)
    return true
  }

  /// ` sched_switch:         payload`, `sys_recvmsg -> 0x24`, `func <-parent`.
  @inline(__always)
  private func name(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    var at = start
    bytes.skipBlanks(&at, end)
    // `410.121377:  (+12) sched_switch:`, as `trace-cmd report --ts-diff` prints it.
    if bytes.has("(+", at: at, end) {
      at += 2
      if at < end, bytes[at] == UInt8(ascii: "-") { at += 1 }
      guard bytes.decimal(&at, end) != nil, at < end, bytes[at] == UInt8(ascii: ")") else {
        return false
      }
      at += 1
      bytes.skipBlanks(&at, end)
    }
    let first = at
    while at < end, isNameByte(bytes[at]) { at += 1 }
    event.event = first..<at
    if at < end, bytes[at] == UInt8(ascii: ":") { at += 1 }
    var last = end
    bytes.skipBlanks(&at, end)
    bytes.skipBlanksBack(&last, at)
    event.payload = at..<last
    return first < end
  }

  @inline(__always)
  private func isNameByte(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10
  }

  func aside(_ bytes: Span<UInt8>, _ line: Range<Int>) -> TracepointAside? {
    var at = line.lowerBound
    let end = unescaped(bytes, line)
    bytes.skipBlanks(&at, end)
    guard at < end else { return .decoration }
    if bytes[at] == UInt8(ascii: "#") { return comment(bytes, at, end) }
    if let loss = loss(bytes, at, end) { return loss }
    if let name = Self.fileHead(bytes, at..<end) { return .file(name) }
    if bytes.has("=> ", at: at, end) || bytes.has("<stack trace>", at: at, end) {
      return .decoration
    }
    // ` gid=4`: the second line of a printed text that holds a newline.
    let notices: [StaticString] = [
      "cpus=", "version =", "trace-cmd:", "[Subbuf", "TRACE:", "<", "CPU", "cpu", "Overhead",
    ]
    for notice in notices where bytes.has(notice, at: at, end) { return .notice }
    return nil
  }

  /// `trace-web1.dat: cpus=2`, the head of one of the files of `trace-cmd report -i A -i B`: its name.
  static func fileHead(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Range<Int>? {
    var at = line.upperBound
    guard bytes.decimalBefore(&at, line.lowerBound) != nil, at - 7 > line.lowerBound,
      bytes.has(": cpus=", at: at - 7, line.upperBound)
    else { return nil }
    return line.lowerBound..<(at - 7)
  }

  /// The name of the file, or of the buffer, that stands before a line of a report of several:
  ///
  ///      trace-web1.dat:               db-60    [000]    30.005000: sched_switch:         db:60 [120] ...
  ///
  /// Nil where the name of the task is no longer than a name can be, so nothing stands before it.
  @inline(__always)
  static func file(_ bytes: Span<UInt8>, _ event: TracepointLine) -> Range<Int>? {
    guard event.task.count > 16 else { return nil }
    var at = event.task.lowerBound
    while at + 1 < event.task.upperBound {
      if bytes[at] == UInt8(ascii: ":"), bytes[at + 1] == 0x20 {
        return event.task.lowerBound..<at
      }
      at += 1
    }
    return nil
  }

  /// `# tracer: nop`, `# entries-in-buffer/entries-written: 69657/223807   #P:2`,
  /// `##### CPU 2 buffer started ####`.
  private func comment(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> TracepointAside {
    if bytes.has("##### CPU ", at: start, end) {
      var at = start + 10
      if let cpu = bytes.decimal(&at, end), bytes.has(" buffer started", at: at, end) {
        return .lost(cpu: Int32(clamping: cpu), events: nil)
      }
    }
    if let found = bytes.find("entries-written: ", from: start, end) {
      var at = found + 17
      if let kept = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: "/") {
        at += 1
        if let written = bytes.decimal(&at, end), written > kept {
          return .lostBefore(events: written - kept)
        }
      }
      return .decoration
    }
    if bytes.has("# tracer: ", at: start, end) {
      return .header(
        SourceHeaderLine(name: (start + 2)..<(start + 8), value: (start + 10)..<end))
    }
    return .decoration
  }

  /// `CPU:3 [LOST 1234 EVENTS]`, `CPU:3 [LOST EVENTS]`, `CPU:2 [123 EVENTS DROPPED]`.
  private func loss(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> TracepointAside? {
    guard bytes.has("CPU:", at: start, end) else { return nil }
    var at = start + 4
    guard let cpu = bytes.decimal(&at, end) else { return nil }
    bytes.skipBlanks(&at, end)
    guard at < end, bytes[at] == UInt8(ascii: "[") else { return nil }
    at += 1
    if bytes.has("LOST ", at: at, end) { at += 5 }
    let events = bytes.decimal(&at, end)
    guard bytes.find("EVENTS", from: at, end) != nil else { return nil }
    return .lost(cpu: Int32(clamping: cpu), events: events)
  }
}
