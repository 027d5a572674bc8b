internal import TraceModel

/// Events that QEMU's `ftrace` trace backend wrote into the trace of the host's kernel:
///
///     qemu-system-x86-17676 [002] .....  1480.030015: tracing_mark_write: virtio_blk_rw_complete vdev 0x1 req 0x2 ret 0
final class QEMUTracepoints: TracepointFamily {
  private let folding: QEMURequestFolding

  init(sink: any EventSink) { folding = QEMURequestFolding(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    guard
      bytes.has("tracing_mark_write", at: line.event.lowerBound, line.event.upperBound)
        || bytes.equals("print", line.event)
    else { return false }
    var start = line.payload.lowerBound
    let end = line.payload.upperBound
    // trace-cmd: `print: tracing_mark_write: virtio_blk_rw_complete vdev ...`
    if bytes.has("tracing_mark_write: ", at: start, end) { start += 20 }
    var event = QEMUEvent()
    event.name = start..<bytes.wordEnd(start, end)
    guard QEMULine.isOurs(bytes, event.name) else { return false }
    event.fields = event.name.upperBound..<end
    event.start = line.start
    event.time = line.time
    event.number = line.number
    event.tid = line.tid
    return try folding.take(bytes, event)
  }

  func lost(cpu: Int32?) throws {}

  func finish(_ summary: inout SourceSummary) throws { try folding.finish(&summary) }
}
