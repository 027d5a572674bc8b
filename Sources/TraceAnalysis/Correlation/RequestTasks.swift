internal import TraceCorrelation
internal import TraceModel

/// Which task queued a request, found in the requests themselves: by number it would take a table of them all.
struct RequestTasks {
  private let devices: [BlockRequests]

  /// Of the requests of some devices, each in the order of their numbers.
  init(_ devices: [BlockRequests]) { self.devices = devices.filter { !$0.isEmpty } }

  /// The task; nil for a request of another device.
  func task(of request: Int64) -> Int32? {
    for rows in devices {
      let place = rows.indices.partitioningIndex { rows.id(at: $0) >= request }
      if place < rows.count, rows.id(at: place) == request { return rows[place].task }
    }
    return nil
  }
}

/// Which thread queued a request of a host's block trace.
struct HostThreads {
  private let tasks: RequestTasks
  private let tids: [Int32: UInt32]

  init(_ context: CorrelationContext) throws {
    self.init(context.hosts.map(\.rows), tids: try context.tids())
  }

  /// Of the requests of some devices, each in the order of their numbers, and the ids of the threads, by task.
  init(_ devices: [BlockRequests], tids: [Int32: UInt32]) {
    (tasks, self.tids) = (RequestTasks(devices), tids)
  }

  /// The thread's id; 0 where it is not known.
  func tid(of request: Int64) -> Int64 {
    tasks.task(of: request).flatMap { tids[$0] }.map(Int64.init) ?? 0
  }
}
