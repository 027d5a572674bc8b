internal import TraceModel

/// What `trace-cmd record` writes: the pages of ftrace's ring buffers, versions 6 and 7.
///
/// The events of all CPUs are merged by time, as `trace-cmd report -t` prints them. What the file knows besides goes into
/// the headers: the clock, the host and its kernel, the threads of a guest's vCPUs, the relation of a guest's clock to its
/// host's. By the protocol `kvm` that relation is exact, and the events of the guest get the times of the host.
struct TraceDat: TraceFormat {
  let name = "trace-dat"
  let producedBy = "trace-cmd record -C mono -e sched -e block sleep 30 (trace.dat)"
  let clock = "the trace_clock that the file names; with TSC2NSEC the processor's, in ns"
  let goodFor =
    "as the text of trace-cmd report, without conversion, and a guest's vCPU threads and clock"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    head.has(TracingData.magic, at: 0, head.count) ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader { .bytes(TraceDatReader(sink: sink)) }
}

/// Reads a recording of trace-cmd.
final class TraceDatReader: ByteFormatReader {
  private var merge: TraceDatMerge

  /// `isLikeReport`: a relation of clocks that was only measured is used, as `trace-cmd report` does.
  init(sink: any EventSink, isLikeReport: Bool = false) {
    merge = TraceDatMerge(sink: sink, isLikeReport: isLikeReport)
  }

  func read(_ parts: [InputPart], progress: () -> Void) throws {
    let main = parts[0]
    _ = try main.input.available(atLeast: 16)
    let source: ByteSource
    if main.input.source.isSeekable {
      source = main.input.source
      // All of it belongs to the fingerprint; the pages are then read where they stand.
      while true {
        let range = try main.input.available(atLeast: 1)
        if range.isEmpty { break }
        main.input.take(range.count)
        progress()
      }
    } else {
      source = try ByteSource.copy(of: &main.input)
    }
    try merge.read(source, progress)
  }

  func finish() throws -> SourceSummary { try merge.finish() }
}

/// Merges the CPUs of a recording and feeds their events to those who read the same from text.
private struct TraceDatMerge {
  private let sink: any EventSink
  private let isLikeReport: Bool
  private var events: RecordedEvents
  private var order = RecordOrder()
  private var file: TraceDatFile?
  /// The number of an event by the type in its record; 0: no format.
  private var types = [UInt16](repeating: 0, count: 1 << 16)
  private var used = [Bool](repeating: false, count: 1 << 16)
  private var commonPID = 4
  private var isSwapped = false
  /// The buffer that an event was first seen in, by the event's number: one machine has one stream of it.
  private var owners: [Int32] = []
  private var records: Int64 = 0
  private var unformatted: Int64 = 0
  private var damaged: Int64 = 0
  private var doubled: Int64 = 0

  private static let batch = 4096
  /// CPUs of all buffers together: each holds some pages.
  private static let mostCursors = 4096

  init(sink: any EventSink, isLikeReport: Bool) {
    self.sink = sink
    self.isLikeReport = isLikeReport
    events = RecordedEvents(sink: sink)
  }

  private static func refused(_ kind: ProblemKind, _ records: Int64, _ hint: String) -> IngestError
  {
    .refused(kind, line: nil, lines: records, hint: hint)
  }

  mutating func read(_ source: ByteSource, _ progress: () -> Void) throws {
    let size = UInt64(try source.contentSize())
    let file: TraceDatFile
    do {
      file = try TraceDatFile(source, size: size)
    } catch let failure as TraceDatFile.Failure {
      throw Self.refused(.noEvents, 0, Self.words(failure))
    }
    var clock = file.clock
    // What was measured is for the correlation to check with, and nothing to move times by.
    if let shift = clock.shift, shift.isMeasured, !isLikeReport { clock.shift = nil }
    try checkClock(file)
    bind(file)
    self.file = file
    isSwapped = file.isSwapped
    var cursors: [TraceDatPages] = []
    for (place, buffer) in file.buffers.enumerated() {
      // An instance may have a clock of its own, which says nothing about the others.
      guard Self.hasSameClock(buffer, file) else {
        events.note(
          .unusedEvent,
          excerpt: "the instance '\(buffer.name)' has another clock: \(buffer.clock)")
        continue
      }
      for pages in buffer.cpus where cursors.count < Self.mostCursors {
        do {
          cursors.append(
            try TraceDatPages(pages, in: file, buffer: place, source: source, size: size))
        } catch is TraceDatFile.Failure {
          damaged += 1
        }
      }
    }
    try merge(&cursors, clock, source, progress)
    for cursor in cursors { damaged += cursor.damaged }
  }

  private static func words(_ failure: TraceDatFile.Failure) -> String {
    switch failure {
    case .damaged:
      "its head or one of its tables is cut or damaged; copy it again, or, if trace-cmd was killed, put the "
        + "trace.dat.cpuN files together: trace-cmd restore"
    case .version(let version):
      "it is a trace.dat of version \(Printable.text(version)), expected 6 or 7; print it: trace-cmd report -t "
        + "-i FILE > FILE.txt"
    case .compression(let name):
      "it is packed with \(Printable.text(name)), which is not read here; convert it: trace-cmd convert "
        + "--compression zstd -i FILE -o FILE.zstd.dat"
    case .text:
      "it holds the text of a latency tracer and no events; print it: trace-cmd report -i FILE > FILE.txt"
    }
  }

  /// Clocks that count no time are refused: nobody can say how long anything took.
  private func checkClock(_ file: TraceDatFile) throws {
    let name = file.clockName
    let hint: String
    switch name {
    case "x86-tsc", "tsc2nsec":
      guard file.clock.ticks == nil else { return }
      hint =
        "its times are cycles of the processor (trace_clock x86-tsc), and it does not say how long one is (TSC2NSEC); print "
        + "it with the frequency that 'dmesg | grep tsc' names: trace-cmd report -t --ts2secs HZ -i FILE > FILE.txt, or "
        + "record with 'trace-cmd record -C mono'"
    case "counter", "uptime":
      hint =
        "its times are ticks of a counter (trace_clock \(name)), whose length it does not say; record with "
        + "'trace-cmd record -C mono'"
    default: return
    }
    throw Self.refused(.noEvents, 0, hint)
  }

  private static func hasSameClock(_ buffer: TraceDatFile.Buffer, _ file: TraceDatFile) -> Bool {
    // trace-cmd 3.1 calls the clock of an instance `local` whatever it is.
    buffer.clock.isEmpty || buffer.clock == "local" || file.clockName.isEmpty
      || buffer.clock == file.clockName
      || ["x86-tsc", "tsc2nsec"].contains(buffer.clock) && file.countsCycles
  }

  private mutating func bind(_ file: TraceDatFile) {
    for (bytes, all) in file.formats {
      for (system, text) in all {
        let group = bytes.span.text(
          from: system.lowerBound, to: min(system.upperBound, system.lowerBound + 64))
        guard
          let format = EventFormat(bytes.span, text, system: group, isSwapped: file.isSwapped),
          types[format.id] == 0, let event = events.add(format)
        else { continue }
        types[format.id] = event
        used[format.id] = events.isUsed(event)
        if let pid = format["common_pid"], pid.size == 4 { commonPID = pid.offset }
      }
    }
    owners = [Int32](repeating: -1, count: events.count)
    for (tid, name) in file.names { events.names.set(tid, name) }
  }

  private mutating func merge(
    _ cursors: inout [TraceDatPages], _ clock: TraceDatClock, _ source: ByteSource,
    _ progress: () -> Void
  ) throws {
    var queue = CursorQueue()
    var latest = [Int64](repeating: 0, count: cursors.count)
    /// Events that were lost between a CPU's last event and its next.
    var losses = [Int64](repeating: 0, count: cursors.count)
    for number in cursors.indices {
      if try advance(&cursors[number], clock, source, &latest[number], &losses[number]) {
        queue.insert(CursorQueue.Place(time: latest[number], cursor: number))
      }
    }
    var count = 0
    while let number = queue.first {
      if losses[number] > 0 { tell(&losses[number], cursors[number].cpu, at: latest[number]) }
      take(&cursors[number], at: latest[number])
      if try advance(&cursors[number], clock, source, &latest[number], &losses[number]) {
        queue.firstMovedOn(to: latest[number])
      } else {
        queue.removeFirst()
      }
      count += 1
      if count >= Self.batch {
        try order.finish(&events)
        count = 0
        progress()
      }
    }
    try order.finish(&events)
  }

  /// Goes to the next event of a CPU that is read; false at its end.
  private mutating func advance(
    _ cursor: inout TraceDatPages, _ clock: TraceDatClock, _ source: ByteSource,
    _ time: inout Int64, _ losses: inout Int64
  ) throws -> Bool {
    while true {
      switch try cursor.advance(source) {
      case .end:
        tell(&losses, cursor.cpu, at: max(0, order.latest))
        return false
      case .lost(let count):
        losses.add(saturating: count ?? 1)
      case .event:
        records += 1
        guard cursor.fields.count >= 2,
          let stamp = clock.nanoseconds(cursor.stamp, cpu: cursor.cpu)
        else {
          events.skip(.malformedRecord, excerpt: nil)
          continue
        }
        let type = Int(
          cursor.bytes.span.load16(at: cursor.fields.lowerBound, isSwapped))
        let event = types[type]
        if event == 0 {
          unformatted += 1
          continue
        }
        guard used[type] else {
          events.pass(event, at: stamp)
          continue
        }
        let owner = owners[Int(event)]
        if owner < 0 {
          owners[Int(event)] = Int32(cursor.buffer)
        } else if owner != Int32(cursor.buffer) {
          doubled += 1
          continue
        }
        time = stamp
        return true
      }
    }
  }

  /// The cursor stays as it is; a copy of it would be one of its pages.
  @inline(__always)
  private mutating func take(_ cursor: inout TraceDatPages, at time: Int64) {
    var record = TracepointRecord()
    record.time = time
    record.cpu = Int32(truncatingIfNeeded: cursor.cpu)
    record.length = UInt16(truncatingIfNeeded: cursor.fields.count)
    let span = cursor.bytes.span
    record.event = types[Int(span.load16(at: cursor.fields.lowerBound, isSwapped))]
    if cursor.fields.count >= commonPID + 4 {
      record.tid = span.load32(at: cursor.fields.lowerBound + commonPID, isSwapped)
    }
    order.add(
      record, span, at: cursor.fields.lowerBound, keeping: events.kept(record.event))
  }

  /// Tells of the events that were lost on a CPU before its next one.
  private mutating func tell(_ losses: inout Int64, _ cpu: Int, at time: Int64) {
    guard losses > 0 else { return }
    var record = TracepointRecord()
    record.event = RecordedEvents.lost
    record.time = time
    record.cpu = Int32(truncatingIfNeeded: cpu)
    record.start = Int(losses)
    order.append(record)
    losses = 0
  }

  mutating func finish() throws -> SourceSummary {
    var summary = SourceSummary()
    summary.format = "trace-dat"
    try order.finish(&events)
    guard let file else { return summary }
    for _ in 0..<min(damaged, 1000) { events.skip(.malformedRecord, excerpt: nil) }
    if doubled > 0 {
      events.note(
        .unusedEvent, count: doubled,
        excerpt: "events of a kind that another buffer of the file has, too")
    }
    if unformatted > 0 {
      events.note(.unusedEvent, count: unformatted, excerpt: "events without a format")
    }
    summary.lines = records
    try events.finish(&summary)
    guard events.used > 0 else {
      throw Self.refused(
        .noEvents, records,
        records == 0
          ? "it has no events; was the recording stopped too early?"
          : "its \(records) events are of no tracepoint that is used; record the scheduler's and the block layer's: "
            + "trace-cmd record -C mono -e sched -e block")
    }
    if !file.threads.isEmpty {
      var batch = TopologyBatch()
      batch.threads = file.threads
      try sink.receive(batch)
    }
    summary.headers = file.headers
    summary.session = file.session
    summary.toolClock = Self.toolClock(file)
    summary.headers.append(
      SourceHeader(name: "trace_clock", value: file.clockName.isEmpty ? "not said" : file.clockName)
    )
    if file.hasDate { summary.start = (0, "CLOCK_REALTIME") }
    return summary
  }

  /// What the clock of the trace is called where the same clock is meant.
  private static func toolClock(_ file: TraceDatFile) -> String {
    if file.hasDate { return "ftrace" }
    return switch file.clockName {
    case "mono": "monotonic"
    case "mono_raw": "monotonic_raw"
    case "boot": "boottime"
    case "tai": "tai"
    case "x86-tsc", "tsc2nsec": "tsc"
    case "perf": "perf"
    default: "ftrace"
    }
  }
}
