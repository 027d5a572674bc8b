internal import TraceCorrelation
internal import TraceModel

/// Which thread queued a request of a host's block trace, found in the requests themselves.
struct HostThreads {
  private let devices: [[BlockRequest]]
  private let tids: [Int32: UInt32]

  init(_ context: CorrelationContext) throws {
    self.init(context.hosts.map(\.rows), tids: try context.tids())
  }

  /// Of the requests of some devices, each in the order of their numbers, and the ids of the threads, by task.
  init(_ devices: [[BlockRequest]], tids: [Int32: UInt32]) {
    self.devices = devices.filter { !$0.isEmpty }
    self.tids = tids
  }

  /// The thread's id; 0 where it is not known.
  func tid(of request: Int64) -> Int64 {
    for rows in devices {
      let place = rows.partitioningIndex { $0.id >= request }
      if place < rows.count, rows[place].id == request { return Int64(tids[rows[place].task] ?? 0) }
    }
    return 0
  }
}
