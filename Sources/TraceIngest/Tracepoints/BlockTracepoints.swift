internal import TraceModel

/// The `block:*` tracepoints, and the lines of ftrace's `blk` tracer: folded into requests as the events
/// of blktrace are.
final class BlockTracepoints: TracepointFamily {
  private var event = BlockEvent()
  private var folding: BlockFolding
  private var parser = BlkparseLine()
  /// The fields of the events of a binary recording, by their numbers.
  private var formats: [BlockRecord?] = []

  init(sink: any EventSink) { folding = BlockFolding(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    if bytes[line.event.lowerBound] &- 0x30 < 10 {
      guard line.payload.lowerBound == line.event.upperBound, !line.payload.isEmpty,
        bytes[line.payload.lowerBound] == UInt8(ascii: ",")
      else { return false }
      // `7,0    Q   R 11112 + 8 [fio]`: the tracer prints no `event:`.
      try parser.parseTracer(
        bytes, line.event.lowerBound..<line.payload.upperBound, into: &event)
    } else {
      switch BlockPayload.meaning(bytes, line.event) {
      case nil: return false
      case .ignored: return true
      case .action(let action):
        try BlockPayload.parse(action, bytes, line.payload, into: &event)
        // They name no device, and no request depends on them.
        if event.device.rawValue == 0 { return true }
      }
    }
    guard event.isPossible else {
      throw ParseError(.malformedPayload, column: line.payload.lowerBound - line.start + 1)
    }
    event.time = line.time
    event.line = line.number
    event.cpu = line.cpu < 0 ? 0 : UInt32(line.cpu)
    event.hasCPU = line.cpu >= 0
    event.pid = line.tid
    event.sequence = 0
    try folding.add(event)
    return true
  }

  func bind(_ format: EventFormat, as event: Int) -> RecordBinding {
    let name = Array(format.name.utf8)
    guard let meaning = BlockPayload.meaning(name.span, 0..<name.count) else { return .none }
    guard case .action(let action) = meaning, let fields = BlockRecord(format, action) else {
      return .ignored
    }
    while formats.count <= event { formats.append(nil) }
    formats[event] = fields
    return .read
  }

  func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ problems: inout RecordProblems
  ) throws {
    for index in run.range {
      let record = records[index]
      let isWhole = formats[Int(record.event)]?.read(bytes, record, into: &event) ?? false
      // Plugs name no device, and no request depends on them.
      if isWhole, event.device.rawValue == 0 { continue }
      event.time = record.time
      event.line = run.number(of: index)
      event.cpu = record.cpu < 0 ? 0 : UInt32(record.cpu)
      event.hasCPU = record.cpu >= 0
      event.pid = record.tid
      event.sequence = 0
      guard isWhole, event.isPossible else {
        problems.skip(.malformedPayload, run.number(of: index), excerpt: nil)
        continue
      }
      try folding.add(event)
    }
  }

  /// Completions may be among what was lost, of requests of any CPU.
  func lost(cpu: Int32?) throws { try folding.elided() }

  func finish(_ summary: inout SourceSummary) throws {
    let folded = try folding.finish()
    summary.stages += folded.stages
    summary.remaps += folded.remaps
    summary.losses += folded.losses
    summary.problems += folded.problems
  }
}
