internal import TraceModel

/// The `sched:*` tracepoints: folded into the stays of threads on CPUs and their waits.
final class SchedTracepoints: TracepointFamily {
  private var event = SchedEvent()
  private var folding: ThreadIntervals
  /// The fields of the events of a binary recording, by their numbers.
  private var formats: [SchedRecord] = []
  /// Which of ``letters`` a switch has, by its event's number; -1: none.
  private var letterPlaces: [Int] = []
  private var letters: [SwitchLetters] = []
  /// The usual states of each of them, one behind the other.
  private var spelled: [SwitchLetters.Spelled] = []

  init(sink: any EventSink) { folding = ThreadIntervals(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    guard try SchedPayload.parse(bytes, line, into: &event) else { return false }
    guard event.kind != .other else { return true }
    // Without a CPU (`perf script -F` without `cpu`) nobody can say what ran where.
    guard line.cpu >= 0 else {
      throw ParseError(.malformedNumber, column: line.task.upperBound - line.start + 1)
    }
    event.time = line.time
    event.line = line.number
    event.cpu = line.cpu
    event.pid = line.tid == event.tid ? line.pid : 0
    try folding.add(event)
    return true
  }

  func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64, extent: inout TracepointExtent
  ) throws -> (Int64, Int) {
    try Self.readAhead(bytes, range, number: number, &folding, &extent)
  }

  /// Everything the loop touches is its own for as long as it runs: as properties of this class they would
  /// be checked for exclusive access for each event, which took as long as reading the line.
  private static func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64, _ folding: inout ThreadIntervals,
    _ extent: inout TracepointExtent
  ) throws -> (Int64, Int) {
    var event = SchedEvent()
    var at = range.lowerBound
    let last = range.upperBound - SchedColumns.reach
    var line = number
    var resolution: Int32 = 0
    var seconds = PerfScriptEnvelope.Seconds()
    while at <= last {
      let kind = SchedColumns.read(
        bytes, &at, range.upperBound, into: &event, resolution: &resolution,
        seconds: &seconds)
      if kind == .unknown { break }
      extent.add(time: event.time, resolution: resolution)
      if kind == .event {
        event.line = line
        try folding.add(event)
      }
      line += 1
    }
    return (line - number, at)
  }

  func bind(_ format: EventFormat, as event: Int) -> RecordBinding {
    guard SchedPayload.kind(ofName: format.name) != nil else { return .none }
    guard let fields = SchedRecord(format) else { return .ignored }
    while formats.count <= event {
      formats.append(SchedRecord())
      letterPlaces.append(-1)
    }
    formats[event] = fields
    if fields.kind == .switched, let own = SwitchLetters(format.print) {
      letterPlaces[event] = letters.count
      letters.append(own)
      spelled += own.usual
    }
    return .read
  }

  func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ problems: inout RecordProblems
  ) throws {
    try Self.read(
      bytes, records, run, formats, (letters, spelled), letterPlaces, &folding, &problems)
  }

  private static func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ formats: [SchedRecord], _ states: (letters: [SwitchLetters], usual: [SwitchLetters.Spelled]),
    _ letterPlaces: [Int], _ folding: inout ThreadIntervals, _ problems: inout RecordProblems
  ) throws {
    var event = SchedEvent()
    var left: Int64 = 0
    for index in run.range {
      let record = records[index]
      let isWhole = formats[Int(record.event)].read(bytes, record, into: &event, left: &left)
      // Without a CPU nobody can say what ran where.
      guard isWhole, record.cpu >= 0, record.cpu < SchedPayload.mostCPUs else {
        problems.skip(
          isWhole ? .malformedNumber : .malformedPayload, run.number(of: index), excerpt: nil)
        continue
      }
      if event.kind == .switched {
        let place = letterPlaces[Int(record.event)]
        if place < 0 {
          SchedPayload.rawState(left, &event)
        } else if left >= 0, left < SwitchLetters.usualCount {
          SchedPayload.state(states.usual[place * SwitchLetters.usualCount + Int(left)], &event)
        } else {
          SchedPayload.state(states.letters[place].read(left), &event)
        }
      }
      guard event.kind != .other else { continue }
      event.time = record.time
      event.line = run.number(of: index)
      event.cpu = record.cpu
      event.pid = record.tid == event.tid ? record.pid : 0
      try folding.add(event)
    }
  }

  func lost(cpu: Int32?) throws { try folding.lost(cpu: cpu) }

  func finish(_ summary: inout SourceSummary) throws { try folding.finish(&summary) }
}
