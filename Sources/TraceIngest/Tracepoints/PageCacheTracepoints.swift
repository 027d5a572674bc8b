internal import TraceModel

/// The tracepoints of the page cache, of the file systems above it, and of write-back. It looks at those of
/// the block layer, too, and leaves them to their own family.
final class PageCacheTracepoints: TracepointFamily {
  private var event = PageCacheEvent()
  private var block = BlockEvent()
  private let folding: PageCacheFolding
  /// The fields of the events of a binary recording, by their numbers.
  private var formats: [PageCacheRecord?] = []
  private var moments: [(kind: BlockMoment.Kind, fields: BlockRecord)?] = []

  init(sink: any EventSink) { folding = PageCacheFolding(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    event = PageCacheEvent()
    if try PageCachePayload.parse(bytes, line, into: &event) {
      let name = TaskName(bytes, from: line.task.lowerBound, to: line.task.upperBound)
      try folding.add(event, line, name: name)
      return true
    }
    if folding.hasPages { try note(bytes, line) }
    return false
  }

  /// `block_bio_queue: 253,0 WS 5616240 + 16 [postgres]`: the same moment as a line of the block trace.
  private func note(_ bytes: Span<UInt8>, _ line: TracepointLine) throws {
    guard case .action(let action) = BlockPayload.meaning(bytes, line.event),
      let kind = Self.moment(action),
      // Its own family says what is wrong with it.
      (try? BlockPayload.parse(action, bytes, line.payload, into: &block)) != nil
    else { return }
    try add(kind, at: line.time)
  }

  private static func moment(_ action: BlockAction) -> BlockMoment.Kind? {
    switch action {
    case .queue: .queued
    case .issue: .issued
    case .complete: .completed
    default: nil
    }
  }

  private func add(_ kind: BlockMoment.Kind, at time: Int64) throws {
    guard block.sectors > 0, block.isPossible else { return }
    var moment = BlockMoment()
    moment.kind = kind
    moment.device = block.device
    moment.sector = block.sector
    moment.sectors = Int64(block.sectors)
    moment.direction = block.rwbs.direction
    moment.at = time
    try folding.add(moment)
  }

  func bind(_ format: EventFormat, as event: Int) -> RecordBinding {
    let name = Array(format.name.utf8)
    if case .action(let action) = BlockPayload.meaning(name.span, 0..<name.count) {
      guard let kind = Self.moment(action), let fields = BlockRecord(format, action) else {
        return .none
      }
      while moments.count <= event { moments.append(nil) }
      moments[event] = (kind, fields)
      return .read
    }
    guard PageCacheRecord.kind(format.name) != nil else { return .none }
    guard let fields = PageCacheRecord(format) else { return .ignored }
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
      let number = Int(record.event)
      if number < moments.count, let (kind, fields) = moments[number] {
        if folding.hasPages, fields.read(bytes, record, into: &block) {
          try add(kind, at: record.time)
        }
        continue
      }
      event = PageCacheEvent()
      guard number < formats.count, formats[number]?.read(bytes, record, into: &event) ?? false
      else {
        problems.skip(.malformedPayload, run.number(of: index), excerpt: nil)
        continue
      }
      var place = TracepointLine()
      place.time = record.time
      place.number = run.number(of: index)
      place.cpu = record.cpu
      place.tid = record.tid
      place.pid = record.pid
      try folding.add(event, place, name: run.names[record.tid])
    }
  }

  func lost(cpu: Int32?) throws { folding.lost() }

  func finish(_ summary: inout SourceSummary) throws { try folding.finish() }
}
