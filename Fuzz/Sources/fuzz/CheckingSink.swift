import TraceModel

/// Takes what is read and ends the process where a promise is broken.
final class CheckingSink: IdleSink {
  private var streams: [StreamKey: Int32] = [:]
  private var tasks: [TaskIdentity: Int32] = [:]

  override func stream(_ key: StreamKey) -> Int32 {
    if let known = streams[key] { return known }
    let number = Int32(streams.count)
    streams[key] = number
    return number
  }

  override func task(_ identity: TaskIdentity) -> Int32 {
    if let known = tasks[identity] { return known }
    let number = Int32(tasks.count)
    tasks[identity] = number
    return number
  }

  override func receive(_ batch: BlockBatch) {
    for request in batch.requests {
      let stamps = [
        request.queued, request.got, request.inserted, request.firstIssued, request.issued,
        request.completed, request.finished, request.flushIssued, request.flushCompleted,
      ].compactMap(\.nanoseconds)
      precondition(!stamps.isEmpty, "a request that no event made")
      precondition((0..<streams.count).contains(Int(request.stream)), "a stream nobody asked for")
      precondition(request.sectors >= 0 && request.sector >= -1, "a place that cannot be")
    }
  }

  override func receive(_ batch: SchedBatch) {
    for slice in batch.slices {
      precondition(slice.run == .min || slice.run >= 0, "a stay of negative length")
      precondition(slice.wait == .min || slice.wait >= 0, "a wait of negative length")
    }
    for thread in batch.threads {
      precondition(thread.run >= 0 && thread.wait >= 0 && thread.longestWait <= thread.wait)
    }
  }

  /// What holds for every source that is not refused.
  func check(_ summary: SourceSummary) {
    precondition(summary.events > 0, "used without an event")
    precondition(summary.skippedLines >= 0 && summary.lostEvents >= 0)
    precondition(summary.first.rawValue <= summary.last.rawValue, "ends before it begins")
    for problem in summary.problems { precondition(problem.count > 0, "no trouble") }
    let skipped = summary.problems.filter { $0.kind.severity == .skipped }
    precondition(
      summary.skippedLines == 0 || !skipped.isEmpty, "lines skipped without a reason")
  }
}
