internal import TraceModel

/// The text of ftrace's `trace` and `trace_pipe`:
///
///               <idle>-0       [001] d..2.   410.121377: sched_switch: prev_comm=swapper/1 ...
struct FtraceText: TraceFormat {
  let name = "ftrace"
  let producedBy = "cat /sys/kernel/tracing/trace"
  let clock = "ftrace's trace_clock, sched_clock if it was not set; the text does not say"
  let goodFor = "scheduler events, and the tracepoints recorded with them"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    TraceCommandReport.isReport(head) || !TraceCommandReport.hasEvents(head) ? .no : .yes
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(
      TracepointReader<FtraceEnvelope>(
        format: name, clock: "ftrace", families: tracepointFamilies(into: sink)))
  }
}

/// The text of `trace-cmd report`, which begins with `cpus=8`:
///
///        trace-cmd-6244  [005] 162534.215742: sched_switch:         trace-cmd:6244 [120] x ==> ...
struct TraceCommandReport: TraceFormat {
  let name = "trace-cmd"
  let producedBy = "trace-cmd record -e sched -e block; trace-cmd report -t"
  let clock = "ftrace's trace_clock, sched_clock if it was not set; the text does not say"
  let goodFor = "scheduler events, and the tracepoints recorded with them"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    Self.isReport(head) && Self.hasEvents(head) ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(
      TracepointReader<FtraceEnvelope>(
        format: name, clock: "ftrace", families: tracepointFamilies(into: sink)))
  }

  /// `cpus=8` alone on one of the first lines.
  static func isReport(_ head: Span<UInt8>) -> Bool {
    var found = false
    TracepointHead.lines(head) { line in
      var at = line.lowerBound + 5
      if head.has("cpus=", at: line.lowerBound, line.upperBound),
        head.decimal(&at, line.upperBound) != nil, at == line.upperBound
      {
        found = true
      }
      if FtraceEnvelope.fileHead(head, line) != nil { found = true }
    }
    return found
  }

  /// Whether some line is an event in ftrace's envelope.
  static func hasEvents(_ head: Span<UInt8>) -> Bool {
    var envelope = FtraceEnvelope()
    var event = TracepointLine()
    var found = false
    TracepointHead.lines(head) { line in
      if !found, envelope.parse(head, line, into: &event) { found = true }
    }
    return found
  }
}
