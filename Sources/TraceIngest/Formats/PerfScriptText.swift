internal import TraceModel

/// The text of `perf sched script`, and of `perf script` where the head shows scheduler events only:
///
///            swapper     0 [000] 812345.677697:       sched:sched_waking: comm=CPU 1/KVM pid=4004 ...
struct PerfSchedScript: TraceFormat {
  let name = "perf-sched"
  let producedBy = "perf sched record -- sleep 30; perf sched script --ns"
  let clock = "perf's sched_clock, or the clock given to perf record -k"
  let goodFor = "who waited for a CPU, how long, and who had it meanwhile"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    let (events, scheduler) = PerfScriptText.count(head)
    return events > 0 && scheduler == events ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(
      TracepointReader<PerfScriptEnvelope>(
        format: name, clock: "perf", families: tracepointFamilies(into: sink)))
  }
}

/// The text of `perf script` with tracepoints of any kind.
struct PerfScriptText: TraceFormat {
  let name = "perf-script"
  let producedBy = "perf record -a -e 'sched:*' -e 'block:*' -- sleep 30; perf script --ns"
  let clock = "perf's sched_clock, or the clock given to perf record -k"
  let goodFor = "scheduler events, and the tracepoints recorded with them"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    let (events, scheduler) = Self.count(head)
    return events > 0 && scheduler < events ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(
      TracepointReader<PerfScriptEnvelope>(
        format: name, clock: "perf", families: tracepointFamilies(into: sink)))
  }

  /// How many of the first lines are events, and how many of those are the scheduler's.
  static func count(_ head: Span<UInt8>) -> (events: Int, scheduler: Int) {
    var envelope = PerfScriptEnvelope()
    var event = TracepointLine()
    var events = 0
    var scheduler = 0
    TracepointHead.lines(head) { line in
      guard envelope.parse(head, line, into: &event), event.event.lowerBound > line.lowerBound
      else { return }
      // ftrace's lines have no group, and a name right behind the time.
      let hasGroup = head[event.event.lowerBound - 1] == UInt8(ascii: ":")
      guard hasGroup || event.cpu < 0 || isPerformanceEvent(head, event) else { return }
      // Losses and notices come with any events.
      if head.has("PERF_RECORD_", at: event.event.lowerBound, line.upperBound) { return }
      events += 1
      if hasGroup, head.has("sched_", at: event.event.lowerBound, event.event.upperBound) {
        scheduler += 1
      }
    }
    return (events, scheduler)
  }

  /// `cycles:P`, `cpu-clock`: names that no tracepoint has.
  private static func isPerformanceEvent(_ head: Span<UInt8>, _ event: TracepointLine) -> Bool {
    head.find("-", from: event.event.lowerBound, event.event.upperBound) != nil
      || head.find(":", from: event.event.lowerBound, event.event.upperBound) != nil
      || head.has("cycles", at: event.event.lowerBound, event.event.upperBound)
      || head.has("instructions", at: event.event.lowerBound, event.event.upperBound)
  }
}

/// Looks at the first lines of a file.
enum TracepointHead {
  /// Lines that are looked at.
  private static let most = 400

  /// The whole lines of the head, as positions.
  static func lines(_ head: Span<UInt8>, _ body: (Range<Int>) -> Void) {
    var position = 0
    var tried = 0
    while position < head.count, tried < most {
      let end = head.newline(from: position, to: head.count) ?? head.count
      var last = end
      while last > position, head[last - 1] == 13 || head[last - 1] == 0 { last -= 1 }
      if end < head.count || position == 0 { body(position..<last) }
      tried += 1
      position = end + 1
    }
  }
}
