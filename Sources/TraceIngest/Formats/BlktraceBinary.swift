internal import TraceModel

/// What blktrace writes, one file per CPU, or merged into one by `blkparse -d`.
///
/// The times of events count from the first event, as blkparse prints them, so that text and binary of one
/// trace give the same rows; `line` is the number of the event in the order of time, which is its line in
/// blkparse's output.
struct BlktraceBinary: TraceFormat {
  let name = "blktrace"
  let producedBy = "blktrace -d /dev/vdb -D DIR (vdb.blktrace.0, .1, ...)"
  let clock = "CLOCK_MONOTONIC since the first event of the trace; the absolute start is known"
  let goodFor = "as the text, and when it was: the time of day of the first event"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    BlktraceRecord.Layout(head, at: 0) == nil ? .no : .yes
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .bytes(BlktraceReader(sink: sink))
  }
}

/// Merges the files of a trace by time and feeds their events to the folding. Memory is a piece of each
/// file, and the names of the threads.
final class BlktraceReader: ByteFormatReader {
  // One value: each property of a class that is changed per record would cost a check of its own.
  private var state: BlktraceMerge

  init(sink: any EventSink) { state = BlktraceMerge(sink: sink) }

  func read(_ parts: [InputPart], progress: () -> Void) throws {
    try state.read(parts, progress: progress)
  }

  func finish() throws -> SourceSummary { try state.finish() }
}

/// What is known while the files of a trace are merged.
private struct BlktraceMerge {
  private var folding: BlockFolding
  private var tally = ProblemTally()
  private var names = ThreadNames()
  private var records: Int64 = 0
  private var events: Int64 = 0
  private var skipped: Int64 = 0
  private var notes: Int64 = 0
  private var isNumbered = false
  private var genesis: Int64?
  /// The time of day, ns since 1970, and the trace's own time at the same moment.
  private var timeOfDay: (nanoseconds: Int64, at: Int64)?
  /// For threads, when they were named less when, after the first event, they were first seen.
  private var bounds: [Int64] = []
  private static let mostBounds = 4096

  /// Further from the first event than this is no time but damage: ten years.
  private static let longestTrace: Int64 = 10 * 365 * 86_400 * 1_000_000_000

  init(sink: any EventSink) {
    folding = BlockFolding(sink: sink)
  }

  mutating func read(_ parts: [InputPart], progress: () -> Void) throws {
    var queue = CursorQueue()
    var cursors: [BlktraceCursor] = []
    for (number, part) in parts.enumerated() {
      var cursor = BlktraceCursor(part)
      if try cursor.prime() { queue.insert(CursorQueue.Place(time: cursor.time, cursor: number)) }
      if let first = cursor.firstEventTime { genesis = min(genesis ?? first, first) }
      cursors.append(cursor)
    }
    while let number = queue.first {
      var event = cursors[number].event
      try take(&event, cursors[number].kind)
      if try cursors[number].advance() {
        queue.firstMovedOn(to: cursors[number].time)
      } else {
        queue.removeFirst()
        tally.add(.toolNotice, count: cursors[number].others)
      }
      if records & 0xFFFF == 0 { progress() }
    }
  }

  mutating func finish() throws -> SourceSummary {
    var summary = try folding.finish()
    summary.format = "blktrace"
    summary.toolClock = "blktrace"
    summary.lines = records
    summary.skippedLines += skipped
    summary.problems.append(contentsOf: tally.all)
    setStart(&summary)
    return summary
  }

  @inline(__always)
  private mutating func take(_ event: inout BlockEvent, _ kind: BlktraceCursor.Kind) throws {
    records += 1
    switch kind {
    case .event:
      events += 1
      let (time, overflow) = event.time.subtractingReportingOverflow(genesis ?? 0)
      guard !overflow, time.magnitude < Self.longestTrace.magnitude, event.isPossible else {
        skipped += 1
        tally.add(.malformedRecord, count: 1, line: events)
        return
      }
      event.time = time
      event.line = events
      if event.sequence != 0 { isNumbered = true }
      let (name, noted) = names.name(of: event.pid)
      if let noted, bounds.count < Self.mostBounds { bounds.append(noted &- time) }
      if event.action.printsTask { event.task = name }
      try folding.add(event)
    case .process:
      notes += 1
      names.add(event.pid, event.task, at: event.time)
    case .timeOfDay:
      notes += 1
      if timeOfDay == nil { timeOfDay = (event.other, event.time) }
    case .other: notes += 1
    case .unusable(let kind):
      skipped += 1
      tally.add(kind, count: 1, line: events + 1)
    }
  }

  /// The start by the notes. A thread is named just before its first event, so each bound is from below
  /// and within microseconds. Those of threads that were named for another device are too low, and those
  /// of threads that were seen before are too high: the last of the millisecond that most agree on.
  private func agreedBound() -> Int64? {
    let sorted = bounds.sorted()
    var best: (count: Int, at: Int64)?
    var first = 0
    for (index, bound) in sorted.enumerated() {
      while bound.subtractingReportingOverflow(sorted[first]).partialValue.magnitude > 1_000_000 {
        first += 1
      }
      let count = index - first + 1
      if count >= best?.count ?? 0 { best = (count, bound) }
    }
    return best?.at
  }

  /// The absolute start, where notes tell it.
  private func setStart(_ summary: inout SourceSummary) {
    // ftrace's `blk` tracer writes records without numbers and notes, by a clock of its choice.
    guard let genesis, notes > 0, isNumbered else { return }
    var start = genesis
    if let named = agreedBound(), named > 1_000_000_000, genesis < named - 1_000_000_000 {
      // `blkparse -d` let the events count from the first one and left the notes as they were.
      start = named
    }
    summary.monotonicStart = start
    // A damaged note may say any time.
    if let timeOfDay {
      let (elapsed, isTooLong) = start.subtractingReportingOverflow(timeOfDay.at)
      let (realtime, isTooLate) = timeOfDay.nanoseconds.addingReportingOverflow(elapsed)
      if !isTooLong, !isTooLate { summary.start = (realtime, "CLOCK_REALTIME") }
    }
  }
}

extension BlockAction {
  /// Whether blkparse prints the name of the task that was running.
  fileprivate var printsTask: Bool {
    switch self {
    case .complete, .requeue, .remap, .message: false
    case .queue, .getRequest, .sleep, .insert, .issue, .backMerge, .frontMerge, .bounce, .plug,
      .unplug, .unplugTimer, .split:
      true
    }
  }
}

/// The names that the notes give to threads. As in blkparse, a thread keeps the first.
private struct ThreadNames {
  private struct Entry {
    var pid: UInt32
    var name: TaskName
    /// When it was named; nil once an event of it was seen.
    var noted: Int64?
  }

  private var entries: [Entry] = []
  private var index: [UInt32: Int] = [:]
  /// Threads that were seen, by the low bits of their pid; -1: none.
  private var recent = [Int](repeating: -1, count: 256)

  /// Names that are kept; more threads than a trace has, fewer than fill the memory.
  private static let most = 1 << 20

  /// What blkparse prints for a thread without a name.
  private static let unknown: TaskName = {
    let bytes = Array("(null)".utf8)
    return TaskName(bytes.span, from: 0, to: bytes.count)
  }()

  mutating func add(_ pid: UInt32, _ name: TaskName, at time: Int64) {
    guard index[pid] == nil, entries.count < Self.most else { return }
    index[pid] = entries.count
    entries.append(Entry(pid: pid, name: name, noted: time))
  }

  /// The thread's name and, with its first event, when it was named.
  @inline(__always)
  mutating func name(of pid: UInt32) -> (TaskName, noted: Int64?) {
    let slot = Int(truncatingIfNeeded: pid & 255)
    let seen = recent[slot]
    if seen >= 0, entries[seen].pid == pid { return (entries[seen].name, nil) }
    guard let known = index[pid] else { return (Self.unknown, nil) }
    recent[slot] = known
    let noted = entries[known].noted
    entries[known].noted = nil
    return (entries[known].name, noted)
  }
}

/// Goes through the records of one file, some hundred decoded at a time.
private struct BlktraceCursor {
  enum Kind {
    case event
    case process
    case timeOfDay
    case other
    case unusable(ProblemKind)
  }

  /// Records that belong to the format and are neither events nor names.
  private(set) var others: Int64 = 0
  private let part: InputPart
  /// Records, decoded: events, or what ``BlktraceRecord/Meaning`` says of others.
  private var events: [BlockEvent] = []
  private var kinds: [Kind] = []
  private var next = 0
  /// The time by which the current item is merged: its own, but for a damaged one that of the one before.
  private(set) var time = Int64.min
  private var isAtEnd = false
  /// The bytes at hand begin with none.
  private var isLost = false

  private static let batch = 256

  init(_ part: InputPart) { self.part = part }

  /// The current record.
  var event: BlockEvent {
    @inline(__always) get { events[next] }
  }

  /// What the current record is.
  var kind: Kind {
    @inline(__always) get { kinds[next] }
  }

  /// Time of the first event among the records at hand.
  var firstEventTime: Int64? {
    for (event, kind) in zip(events, kinds) { if case .event = kind { return event.time } }
    return nil
  }

  /// Goes to the first record, with the first event at hand; false when there is no record.
  mutating func prime() throws -> Bool {
    while firstEventTime == nil, !isAtEnd { try decode() }
    next = -1
    return try advance()
  }

  /// Goes to the next record; false at the end.
  @inline(__always)
  mutating func advance() throws -> Bool {
    next += 1
    if next >= kinds.count {
      events.removeAll(keepingCapacity: true)
      kinds.removeAll(keepingCapacity: true)
      next = 0
      while kinds.isEmpty, !isAtEnd { try decode() }
      guard !kinds.isEmpty else { return false }
    }
    if case .unusable = kinds[next] { return true }
    time = events[next].time
    return true
  }

  private mutating func append(_ event: BlockEvent, _ kind: Kind) {
    events.append(event)
    kinds.append(kind)
  }

  /// Decodes some records more.
  private mutating func decode() throws {
    var range = try part.input.available(atLeast: BlktraceRecord.Layout.smallestHeader)
    while !range.isEmpty {
      let (used, needed) = part.withBytes { decode($0, range, until: kinds.count + Self.batch) }
      part.input.take(used)
      if !kinds.isEmpty, used > 0 { return }
      // The record goes on behind the bytes at hand.
      range = try part.input.available(atLeast: needed)
      guard range.count < needed else { continue }
      if !isLost, !range.isEmpty { append(BlockEvent(), .unusable(.truncatedLine)) }
      part.input.take(range.count)
      break
    }
    isAtEnd = true
  }

  /// Decodes the records that are whole and returns how many bytes they were, and how many bytes the one
  /// behind them needs.
  private mutating func decode(
    _ bytes: Span<UInt8>, _ range: Range<Int>, until limit: Int
  ) -> (used: Int, needed: Int) {
    var position = range.lowerBound
    while kinds.count < limit {
      var needed = position + 4
      guard needed <= range.upperBound,
        let end = decodeOne(bytes, position, range.upperBound, &needed)
      else { return (position - range.lowerBound, needed - position) }
      position = end
    }
    return (position - range.lowerBound, 4)
  }

  /// Decodes the record at the position and returns where it ends; nil when it needs bytes up to
  /// `needed`.
  @inline(__always)
  private mutating func decodeOne(
    _ bytes: Span<UInt8>, _ position: Int, _ limit: Int, _ needed: inout Int
  ) -> Int? {
    guard let layout = BlktraceRecord.Layout(bytes, at: position) else {
      // Damage. Records have any length, so the next may begin at any byte.
      if !isLost { append(BlockEvent(), .unusable(.malformedRecord)) }
      isLost = true
      var index = position + 1
      while index + 4 <= limit, BlktraceRecord.Layout(bytes, at: index) == nil { index += 1 }
      return index
    }
    guard let record = BlktraceRecord(bytes, at: position, limit, layout, needed: &needed) else {
      return nil
    }
    isLost = false
    var event = BlockEvent()
    var kind = Kind.other
    do throws(ParseError) {
      switch try record.read(bytes, into: &event) {
      case .event: kind = .event
      case .process: kind = .process
      case .timeOfDay: kind = .timeOfDay
      case .other: others += 1
      }
    } catch {
      kind = .unusable(error.kind)
    }
    append(event, kind)
    return record.end
  }
}
