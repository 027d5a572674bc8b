import TraceModel

/// Keeps what a format reads, as text to compare.
final class CollectingSink: IdleSink {
  private(set) var requests: [BlockRequest] = []
  private(set) var bios: [MergedBio] = []
  private(set) var streams: [StreamKey] = []
  private(set) var tasks: [TaskIdentity] = []
  private(set) var batches = 0
  /// Rows of the scheduler.
  private(set) var slices = 0

  override func stream(_ key: StreamKey) -> Int32 {
    if let known = streams.firstIndex(of: key) { return Int32(known) }
    streams.append(key)
    return Int32(streams.count - 1)
  }

  override func task(_ identity: TaskIdentity) -> Int32 {
    if let known = tasks.firstIndex(of: identity) { return Int32(known) }
    tasks.append(identity)
    return Int32(tasks.count - 1)
  }

  override func receive(_ batch: SchedBatch) { slices += batch.count }

  override func receive(_ batch: BlockBatch) {
    batches += 1
    requests += batch.requests
    bios += batch.bios
  }

  /// One line per request, bio, problem and hole, in the order in which they came.
  func text(_ summary: SourceSummary) -> String {
    var lines = [
      "\(summary.format): lines \(summary.lines) events \(summary.events) skipped "
        + "\(summary.skippedLines) lost \(summary.lostEvents) "
        + "first \(Self.text(summary.first)) last \(Self.text(summary.last))"
    ]
    for request in requests {
      lines.append(text(request))
      for bio in bios where bio.request == request.id {
        lines.append(
          "  bio \(bio.sector)+\(bio.sectors) Q \(Self.text(bio.queued)) M \(Self.text(bio.merged)) "
            + "line \(bio.line) \(text(bio.task))")
      }
    }
    for problem in summary.problems {
      let place = problem.line.map { " line \($0)" } ?? ""
      let column = problem.column.map { " column \($0)" } ?? ""
      lines.append(
        "\(problem.kind.severity.rawValue) \(problem.kind.rawValue) x\(problem.count)\(place)\(column)"
      )
    }
    for loss in summary.losses {
      lines.append("lost \(loss.events) on cpu \(loss.cpu) from \(loss.from) to \(loss.to)")
    }
    for remap in summary.remaps {
      let to = streams[Int(remap.stream)].device
      lines.append("remap \(remap.from) -> \(to) \(remap.delta) x\(remap.count)")
    }
    for stage in summary.stages {
      let device = streams[Int(stage.stream)].device
      lines.append(
        "stage \(device) \(stage.stage.name) N \(stage.histogram.count) sum \(stage.histogram.sum)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(_ request: BlockRequest) -> String {
    let key = streams[Int(request.stream)]
    let stamps = [
      ("Q", request.queued), ("G", request.got), ("I", request.inserted),
      ("D1", request.firstIssued), ("D", request.issued), ("C", request.completed),
      ("end", request.finished), ("flushD", request.flushIssued),
      ("flushC", request.flushCompleted),
    ].filter { $0.1.isSeen }.map { "\($0.0) \(Self.text($0.1))" }.joined(separator: " ")
    let traits = request.traits.rawValue == 0 ? "" : " traits \(names(request.traits))"
    let error = request.error == 0 ? "" : " error \(request.error)"
    return
      "\(key.device)/\(key.segment) \(request.operation.name) \(request.sector)+\(request.sectors) "
      + "\(stamps)\(error)\(traits) line \(request.line) \(text(request.task))"
  }

  private func text(_ task: Int32) -> String {
    let identity = tasks[Int(task)]
    return "\(identity.pid) [\(identity.name.text.debugDescription.dropFirst().dropLast())]"
  }

  private func names(_ traits: RequestTraits) -> String {
    let all: [(RequestTraits, String)] = [
      (.aliased, "aliased"), (.splitPiece, "split-piece"), (.splitHead, "split-head"),
      (.requeued, "requeued"), (.flush, "flush"), (.passthrough, "passthrough"),
      (.lossy, "lossy"), (.partial, "partial"), (.acrossStep, "across-step"),
    ]
    return all.filter { traits.contains($0.0) }.map(\.1).joined(separator: ",")
  }

  private static func text(_ stamp: Stamp) -> String { stamp.nanoseconds.map(String.init) ?? "-" }

  /// The rows as text, one a line, sorted, without numbers, source and line.
  var rows: [String] {
    let names = Dictionary(
      requests.map { ($0.id, describe($0)) }, uniquingKeysWith: { first, _ in first })
    let merged = bios.map { bio in
      "bio \(bio.queued.rawValue) \(bio.merged.rawValue) \(bio.sector)+\(bio.sectors) "
        + "\(bio.rwbs.rawValue) \(describe(task: bio.task)) in \(names[bio.request] ?? "none")"
    }
    return (requests.map(describe) + merged).sorted()
  }

  private func describe(task: Int32) -> String {
    "\(tasks[Int(task)].pid)/\(tasks[Int(task)].name.text)"
  }

  private func describe(_ request: BlockRequest) -> String {
    let stream = streams[Int(request.stream)]
    let stamps = [
      request.queued, request.got, request.inserted, request.firstIssued, request.issued,
      request.completed, request.finished, request.flushIssued, request.flushCompleted,
    ].map { $0.nanoseconds.map(String.init) ?? "-" }.joined(separator: " ")
    return "\(stream.device).\(stream.segment) \(request.sector)+\(request.sectors) "
      + "rwbs \(request.rwbs.rawValue) traits \(request.traits.rawValue) error \(request.error) "
      + "\(describe(task: request.task)) \(stamps)"
  }
}
