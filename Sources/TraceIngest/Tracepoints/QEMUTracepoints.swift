internal import TraceModel

/// Events that QEMU's `ftrace` trace backend wrote into the trace of the host's kernel:
///
///     qemu-system-x86-17676 [002] .....  1480.030015: tracing_mark_write: virtio_blk_rw_complete vdev 0x1 req 0x2 ret 0
final class QEMUTracepoints: TracepointFamily {
  private let folding: QEMURequestFolding
  /// Where the text stands in records of a binary recording, by their events' numbers.
  private var texts: [(field: EventField, isSwapped: Bool)?] = []

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

  func bind(_ format: EventFormat, as event: Int) -> RecordBinding {
    guard format.name == "print" || format.name == "tracing_mark_write", let field = format["buf"]
    else { return .none }
    while texts.count <= event { texts.append(nil) }
    texts[event] = (field, format.isSwapped)
    return .read
  }

  func read(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ run: RecordRun,
    _ problems: inout RecordProblems
  ) throws {
    for index in run.range {
      let record = records[index]
      guard let (field, isSwapped) = texts[Int(record.event)], Int(record.length) >= field.end,
        let text = field.text(bytes, record.start, Int(record.length), isSwapped)
      else {
        problems.skip(.malformedPayload, run.number(of: index), excerpt: nil)
        continue
      }
      var end = text.upperBound
      while end > text.lowerBound, bytes[end - 1] <= 0x20 { end -= 1 }
      var event = QEMUEvent()
      event.name = text.lowerBound..<bytes.wordEnd(text.lowerBound, end)
      guard QEMULine.isOurs(bytes, event.name) else { continue }
      event.fields = event.name.upperBound..<end
      event.start = text.lowerBound
      event.time = record.time
      event.number = run.number(of: index)
      event.tid = record.tid
      do {
        _ = try folding.take(bytes, event)
      } catch let error as ParseError {
        problems.skip(
          error.kind, event.number,
          excerpt: bytes.text(
            from: text.lowerBound, to: min(end, text.lowerBound + ProblemTally.excerptLength)))
      }
    }
  }

  func lost(cpu: Int32?) throws {}

  func finish(_ summary: inout SourceSummary) throws { try folding.finish(&summary) }
}
