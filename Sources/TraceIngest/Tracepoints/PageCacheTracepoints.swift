internal import TraceModel

/// The tracepoints of the page cache, of the file systems above it, and of write-back. It looks at those of
/// the block layer, too, and leaves them to their own family.
final class PageCacheTracepoints: TracepointFamily {
  private var event = PageCacheEvent()
  private var block = BlockEvent()
  private let folding: PageCacheFolding

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
    let kind: BlockMoment.Kind
    switch BlockPayload.meaning(bytes, line.event) {
    case .action(.queue): kind = .queued
    case .action(.issue): kind = .issued
    case .action(.complete): kind = .completed
    default: return
    }
    let action: BlockAction =
      switch kind {
      case .queued: .queue
      case .issued: .issue
      case .completed: .complete
      }
    // Its own family says what is wrong with it.
    guard (try? BlockPayload.parse(action, bytes, line.payload, into: &block)) != nil,
      block.sectors > 0, block.isPossible
    else { return }
    var moment = BlockMoment()
    moment.kind = kind
    moment.device = block.device
    moment.sector = block.sector
    moment.sectors = Int64(block.sectors)
    moment.direction = block.rwbs.direction
    moment.at = line.time
    try folding.add(moment)
  }

  func lost(cpu: Int32?) throws { folding.lost() }

  func finish(_ summary: inout SourceSummary) throws { try folding.finish() }
}
