internal import TraceModel

/// The `sched:*` tracepoints: folded into the stays of threads on CPUs and their waits.
final class SchedTracepoints: TracepointFamily {
  private var event = SchedEvent()
  private var folding: ThreadIntervals

  init(sink: any EventSink) { folding = ThreadIntervals(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: TracepointLine) throws -> Bool {
    guard try SchedPayload.parse(bytes, line, into: &event) else { return false }
    guard event.kind != .other else { return true }
    // Without a CPU (`perf script -F` without `cpu`) nobody can say what ran where.
    guard line.cpu >= 0 else { throw ParseError(.malformedNumber, column: 1) }
    event.time = line.time
    event.line = line.number
    event.cpu = line.cpu
    event.pid = line.tid == event.tid ? line.pid : 0
    try folding.add(event)
    return true
  }

  func lost(cpu: Int32?) throws { try folding.lost(cpu: cpu) }

  func finish(_ summary: inout SourceSummary) throws { try folding.finish(&summary) }
}
