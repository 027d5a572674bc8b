internal import TraceModel

/// The text of `perf sched timehist`, one line per switch away from a thread:
///
///                time    cpu  task name                       wait time  sch delay   run time
///                             [tid/pid]                          (msec)     (msec)     (msec)
///     --------------- ------  ------------------------------  ---------  ---------  ---------
///          900.803913 [0000]  goaccess[28967/28966]               0.000      0.010      0.060
///
/// Second choice behind `perf sched script`: an unknown time is printed as 0.000, and says neither how a
/// thread left (but for `--state`) nor where it waited. So a delay of 0.000 is "not seen" here, not a
/// wait of no length.
struct PerfSchedTimehist: TraceFormat {
  let name = "perf-sched-timehist"
  let producedBy = "perf sched timehist"
  let clock = "perf's sched_clock, or the clock given to perf record -k"
  let goodFor = "run and wait per thread where the events themselves are not at hand"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    var found = Recognition.no
    TracepointHead.lines(head) { line in
      if PerfSchedTimehistReader.isHeader(head, line.lowerBound, line.upperBound) { found = .yes }
    }
    return found
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(PerfSchedTimehistReader(sink: sink))
  }
}

/// Turns the lines of `perf sched timehist` into stays on a CPU.
final class PerfSchedTimehistReader: LineFormatReader {
  private let sink: any EventSink
  private var batch = SchedBatch()
  private var threads: [UInt32: Thread] = [:]
  private var rows = ThreadRows()
  private var summary = SourceSummary()
  private var notices = ProblemTally()
  private var first = Int64.max
  private var last = Int64.min
  /// How far the name begins behind the CPU's bracket, from the header: `-V` puts a picture between.
  private var nameOffset = 3
  private var insideSummary = false
  private var hasMigrations = false

  private struct Thread {
    var row = TracedThread()
    var cpu: Int32 = -1
    var moves: Int64 = 0
    var changes: Int64 = 0
  }

  /// A line's fields.
  private struct Line {
    var time: Int64 = 0
    var cpu: Int32 = 0
    var name = 0..<0
    var tid: UInt32 = 0
    var pid: UInt32 = 0
    var delay: Int64 = 0
    var run: Int64 = 0
    var left = LeaveReason.unknown
  }

  private static let batchSize = 4096
  /// Threads that are remembered.
  private static let mostThreads = 1 << 18

  init(sink: any EventSink) { self.sink = sink }

  /// `           time    cpu  task name                       wait time  sch delay   run time`.
  static func isHeader(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard let wait = bytes.find("wait time", from: start, end),
      let delay = bytes.find("sch delay", from: wait, end)
    else { return false }
    return bytes.find("run time", from: delay, end) != nil
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    let end = line.upperBound
    var at = line.lowerBound
    bytes.skipBlanks(&at, end)
    guard at < end else { return }
    if Self.isHeader(bytes, line.lowerBound, end) {
      insideSummary = false
      if let cpu = bytes.find("cpu", from: line.lowerBound, end),
        let task = bytes.find("task name", from: cpu, end)
      {
        nameOffset = task - (cpu + 3) + 1
      }
      return
    }
    guard let (time, resolution) = bytes.tracepointTime(&at, end) else {
      guard isAside(bytes, at, end) else {
        throw ParseError(.unrecognizedLine, column: at - line.lowerBound + 1)
      }
      return
    }
    if bytes.has(" lost ", at: at, end) {
      at += 6
      let events = bytes.decimal(&at, end) ?? 1
      summary.lostEvents.add(saturating: events)
      notices.add(.droppedEvents, count: events, line: number)
      return
    }
    var fields = Line()
    fields.time = time
    bytes.skipBlanks(&at, end)
    guard let cpu = bytes.bracketedCPU(&at, end) else {
      throw ParseError(.malformedNumber, column: at - line.lowerBound + 1)
    }
    fields.cpu = cpu
    summary.events += 1
    summary.resolution = Int64(resolution)
    first = min(first, time)
    last = max(last, time)
    // The place of the name counts from the bracket: a wide time shifts all columns.
    at = min(end, max(at, at - 1 + nameOffset))
    if bytes.has("<idle>", at: at, end) || bytes.find(" awakened: ", from: at, end) != nil {
      return
    }
    if let moved = bytes.find(" migrated: ", from: at, end) {
      migrated(bytes, moved + 11, end)
      return
    }
    guard durations(bytes, at, end, &fields) else {
      throw ParseError(.truncatedLine, column: at - line.lowerBound + 1)
    }
    try add(bytes, fields, number)
  }

  /// `goaccess[28967/28966]               0.000      0.010      0.060  S`: a name may hold brackets, so
  /// the numbers in brackets count that three durations follow.
  private func durations(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ fields: inout Line
  ) -> Bool {
    var open = start
    while open < end {
      defer { open += 1 }
      guard bytes[open] == UInt8(ascii: "[") else { continue }
      var at = open + 1
      // `:-1[-1]`: a thread that is exiting, of which perf no longer knows the number.
      let isGone = at < end && bytes[at] == UInt8(ascii: "-")
      if isGone { at += 1 }
      guard let tid = bytes.decimal(&at, end), tid < 1 << 32 else { continue }
      fields.tid = isGone ? .max : UInt32(truncatingIfNeeded: tid)
      fields.pid = fields.tid
      if at < end, bytes[at] == UInt8(ascii: "/") {
        at += 1
        guard let pid = bytes.decimal(&at, end), pid < 1 << 32 else { continue }
        fields.pid = UInt32(truncatingIfNeeded: pid)
      }
      guard at < end, bytes[at] == UInt8(ascii: "]") else { continue }
      at += 1
      bytes.skipBlanks(&at, end)
      skipPriority(bytes, &at, end)
      guard Self.milliseconds(bytes, &at, end) != nil,
        let delay = Self.milliseconds(bytes, &at, end),
        let run = Self.milliseconds(bytes, &at, end)
      else { continue }
      fields.name = start..<open
      fields.delay = delay
      fields.run = run
      bytes.skipBlanks(&at, end)
      if at < end, at + 1 == end || bytes[at + 1] == 0x20 { fields.left = Self.left(bytes[at]) }
      return true
    }
    return false
  }

  /// `120` or `120->100` of --show-prio.
  private func skipPriority(_ bytes: Span<UInt8>, _ position: inout Int, _ end: Int) {
    var at = position
    guard bytes.decimal(&at, end) != nil else { return }
    if bytes.has("->", at: at, end) {
      at += 2
      guard bytes.decimal(&at, end) != nil else { return }
    }
    guard at < end, bytes[at] == 0x20 else { return }
    bytes.skipBlanks(&at, end)
    position = at
  }

  /// ` 12.345` in ns, and the position moves behind it; exactly three decimals.
  private static func milliseconds(
    _ bytes: Span<UInt8>, _ position: inout Int, _ end: Int
  ) -> Int64? {
    var at = position
    bytes.skipBlanks(&at, end)
    guard let whole = bytes.decimal(&at, end), whole < 1 << 40, at < end,
      bytes[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    let start = at
    guard let fraction = bytes.decimal(&at, end), at - start == 3,
      at == end || bytes[at] == 0x20
    else { return nil }
    position = at
    return whole * 1_000_000 + fraction * 1000
  }

  /// The letter of `--state`. Up to 6.6 perf decodes newer kernels wrongly and prints `K` for `I`.
  private static func left(_ letter: UInt8) -> LeaveReason {
    switch letter {
    case UInt8(ascii: "R"): .yielded
    case UInt8(ascii: "S"): .sleeping
    case UInt8(ascii: "D"): .blocked
    case UInt8(ascii: "I"): .idle
    case UInt8(ascii: "T"), UInt8(ascii: "t"): .stopped
    case UInt8(ascii: "X"), UInt8(ascii: "Z"): .dead
    default: .other
    }
  }

  private func add(_ bytes: Span<UInt8>, _ fields: Line, _ number: Int64) throws {
    if threads.count >= Self.mostThreads {
      notices.add(.tooManyThreads, count: Int64(threads.count), line: number)
      try endThreads()
    }
    // Several threads may be gone by then; their times belong to nobody that could be named.
    guard fields.tid != .max else { return }
    var thread = threads[fields.tid] ?? new(fields.tid)
    thread.row.name = TaskName(bytes, from: fields.name.lowerBound, to: fields.name.upperBound)
    thread.row.pid = fields.pid
    if thread.cpu >= 0, thread.cpu != fields.cpu { thread.changes += 1 }
    thread.cpu = fields.cpu
    var slice = ThreadSlice()
    slice.began = fields.time - fields.run
    slice.line = number
    slice.thread = thread.row.id
    slice.cpu = fields.cpu
    slice.left = fields.left
    if fields.run > 0 {
      slice.run = fields.run
      thread.row.run.add(saturating: fields.run)
      thread.row.runs += 1
    }
    if fields.delay > 0 {
      slice.wait = fields.delay
      thread.row.wait.add(saturating: fields.delay)
      thread.row.waits += 1
      thread.row.longestWait = max(thread.row.longestWait, fields.delay)
    }
    threads[fields.tid] = thread
    guard slice.run != .min || slice.wait != .min else { return }
    batch.slices.append(slice)
    if batch.count >= Self.batchSize { try flush() }
  }

  /// `name[28967] cpu 0 => 1` behind `migrated: `.
  private func migrated(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    guard let bracket = bytes.find("] cpu ", from: start, end) else { return }
    var at = bracket
    guard let tid = bytes.decimalBefore(&at, start), tid < 1 << 32 else { return }
    hasMigrations = true
    let key = UInt32(truncatingIfNeeded: tid)
    var thread = threads[key] ?? new(key)
    thread.moves += 1
    threads[key] = thread
  }

  private func new(_ tid: UInt32) -> Thread {
    var thread = Thread()
    thread.row.id = rows.number(for: tid, segment: 0, sink)
    thread.row.tid = tid
    thread.row.kernelWait = .min
    return thread
  }

  /// The other lines of the report: the header's second and third, call chains, the tables of `-s`.
  private func isAside(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    if bytes.has("[tid/pid]", at: start, end) || bytes.has("---", at: start, end) { return true }
    if bytes.has("Runtime summary", at: start, end)
      || bytes.has("Wait-time summary", at: start, end)
      || bytes.has("Terminated tasks", at: start, end) || bytes.has("Idle stats", at: start, end)
      || bytes.has("Total ", at: start, end) || bytes.has("CPU ", at: start, end)
    {
      insideSummary = true
    }
    return insideSummary || bytes.has("Samples ", at: start, end)
      || bytes.has("Warning", at: start, end) || bytes.has("#", at: start, end)
  }

  /// Hands over what is known of all threads.
  private func endThreads() throws {
    for tid in threads.keys.sorted() {
      guard let thread = threads[tid] else { continue }
      var row = thread.row
      row.migrations = hasMigrations ? thread.moves : thread.changes
      if let row = rows.ended(row) { batch.threads.append(row) }
    }
    threads.removeAll()
    try flush()
  }

  func finish() throws -> SourceSummary {
    try endThreads()
    if let others = rows.takeOthers() {
      batch.threads.append(others)
      try flush()
    }
    notices.add(.threadsAddedUp, count: rows.addedUp)
    summary.format = "perf-sched-timehist"
    summary.toolClock = "perf"
    if summary.events > 0 {
      summary.first = Stamp(first)
      summary.last = Stamp(last)
    }
    summary.problems = notices.all
    return summary
  }

  private func flush() throws {
    guard batch.count > 0 else { return }
    try sink.receive(batch)
    batch.removeAll()
  }
}
