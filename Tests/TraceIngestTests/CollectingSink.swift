import TraceIngest
import TraceModel

/// Keeps what ingest hands over.
final class CollectingSink: EventSink {
  private(set) var requests: [BlockRequest] = []
  private(set) var bios: [MergedBio] = []
  private(set) var tasks: [TaskIdentity] = []
  private(set) var streams: [StreamKey] = []
  /// Rows of the scheduler.
  private(set) var slices = 0
  private var lastThread: Int64 = 0
  private var lastRequest: Int64 = 0

  func nextRequestID() -> Int64 {
    lastRequest += 1
    return lastRequest
  }

  func stream(_ key: StreamKey) -> Int32 {
    if let known = streams.firstIndex(of: key) { return Int32(known) }
    streams.append(key)
    return Int32(streams.count - 1)
  }

  func task(_ identity: TaskIdentity) -> Int32 {
    if let known = tasks.firstIndex(of: identity) { return Int32(known) }
    tasks.append(identity)
    return Int32(tasks.count - 1)
  }

  func nextThreadID() -> Int64 {
    lastThread += 1
    return lastThread
  }

  func receive(_ batch: SchedBatch) { slices += batch.count }

  func receive(_ batch: BlockBatch) {
    requests += batch.requests
    bios += batch.bios
  }

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
