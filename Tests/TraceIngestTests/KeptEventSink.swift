import TraceModel

@testable import TraceIngest

/// Keeps the events themselves, as text to compare, whatever file they were read from.
final class KeptEventSink: IdleSink {
  private(set) var sched: [SchedEvent] = []
  private(set) var block: [BlockEvent] = []
  private(set) var slices: [ThreadSlice] = []
  private(set) var threads: [TracedThread] = []

  private(set) var topology = TopologyBatch()
  var facts: [ThreadFact] { topology.threads }

  override func receive(_ batch: TopologyBatch) { topology.append(batch) }

  override var keepsEvents: Bool { true }

  override func receive(_ events: [SchedEvent], segment: Int32) { sched += events }

  override func receive(_ events: [BlockEvent], segment: Int32) { block += events }

  override func receive(_ batch: SchedBatch) {
    slices += batch.slices
    threads += batch.threads
  }

  /// One line per event of the scheduler, without its place in the file and what only one of two forms can say.
  var schedLines: [String] {
    sched.map { event in
      "\(event.time) [\(event.cpu)] \(event.kind) \(event.name.text):\(event.tid) "
        + (event.kind == .switched
          ? "\(event.left) \(Character(UnicodeScalar(event.letter))) "
            + "-> \(event.nextName.text):\(event.nextTid)"
          : "target \(event.target) delay \(event.delay)")
    }
  }

  /// The same without the letters of states, which raw text does not have.
  var schedLinesWithoutLetters: [String] {
    sched.map { event in
      "\(event.time) [\(event.cpu)] \(event.kind) \(event.name.text):\(event.tid) "
        + (event.kind == .switched
          ? "-> \(event.nextName.text):\(event.nextTid)" : "target \(event.target)")
    }
  }

  /// One line per event of the block layer.
  var blockLines: [String] {
    block.map { event in
      "\(event.time) [\(event.knownCPU)] \(event.pid) \(event.action.name) \(event.device) "
        + "\(event.rwbs.rawValue) \(event.sector)+\(event.sectors) other \(event.otherDevice) "
        + "\(event.other) error \(event.error) \(event.isPassthrough) [\(event.task.text)]"
    }
  }

  /// The stays and waits of threads, one a line, without lines of the file.
  var sliceLines: [String] {
    let names = Dictionary(
      threads.map { ($0.id, "\($0.name.text):\($0.tid)") }, uniquingKeysWith: { first, _ in first })
    return slices.map { slice in
      "\(names[slice.thread] ?? "?") [\(slice.cpu)] \(slice.began) wait \(slice.wait) "
        + "\(slice.cause) on \(slice.waitCPU) run \(slice.run) \(slice.left)"
    }.sorted()
  }
}

/// Reads a source and keeps its events.
func readEvents(_ input: SourceInput) throws -> (sink: KeptEventSink, summary: SourceSummary) {
  var options = IngestOptions()
  options.allowedBadPercent = 100
  let sink = KeptEventSink()
  return (sink, try IngestRun(input: input, options: options).read(into: sink))
}
