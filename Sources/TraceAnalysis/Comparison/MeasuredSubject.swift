public import TraceModel

/// What is compared beside hops.
public enum MeasuredSubject: String, Vocabulary {
  /// Steal, as the guest reports it.
  case steal
  /// Waits of vCPUs for a CPU of the host.
  case cpuWait = "cpu_wait"
  /// Time run away from the memory.
  case remoteShare = "remote_share"
  /// Packets lost.
  case drops
  /// Requests in a queue.
  case queueDepth = "queue_depth"

  /// What is counted.
  public var unit: ComparisonLine.Unit {
    switch self {
    case .steal, .remoteShare: .percent
    case .cpuWait: .millisecondsPerSecond
    case .drops: .perSecond
    case .queueDepth: .number
    }
  }

  /// In a line of a table.
  public var label: String {
    switch self {
    case .steal: "steal"
    case .cpuWait: "wait for a CPU"
    case .remoteShare: "memory far away"
    case .drops: "packets lost"
    case .queueDepth: "queue depth"
    }
  }

  /// Above a table.
  public var title: String {
    switch self {
    case .steal: "Steal, as the guest reports it"
    case .cpuWait: "Waits of vCPUs for a CPU of the host"
    case .remoteShare: "Run away from their memory"
    case .drops: "Packets lost"
    case .queueDepth: "Requests in a queue, on average"
    }
  }
}
