/// A sink that takes everything and keeps nothing: for sniffing at a file, and for tests that override
/// what they look at.
open class IdleSink: EventSink {
  private var lastRequest: Int64 = 0
  private var lastThread: Int64 = 0
  private var streams: [StreamKey] = []
  private var tasks: [TaskIdentity] = []
  private var objects: Int32 = 0
  private var counters: Int32 = 0
  private var moments: Int64 = 0
  private var lastInode: Int64 = 0

  /// A sink.
  public init() {}

  /// Counts up.
  open func nextRequestID() -> Int64 {
    lastRequest += 1
    return lastRequest
  }

  /// Counts up.
  open func nextThreadID() -> Int64 {
    lastThread += 1
    return lastThread
  }

  /// Counts up.
  open func nextInodeID() -> Int64 {
    lastInode += 1
    return lastInode
  }

  /// The place of the key among those asked for.
  open func stream(_ key: StreamKey) throws -> Int32 {
    if let known = streams.firstIndex(of: key) { return Int32(known) }
    streams.append(key)
    return Int32(streams.count - 1)
  }

  /// The place of the thread among those asked for.
  open func task(_ identity: TaskIdentity) throws -> Int32 {
    if let known = tasks.firstIndex(of: identity) { return Int32(known) }
    tasks.append(identity)
    return Int32(tasks.count - 1)
  }

  /// Counts up.
  open func object(_ object: CounterObject) throws -> Int32 {
    objects += 1
    return objects
  }

  /// Counts up.
  open func counter(_ counter: Counter) throws -> Int32 {
    counters += 1
    return counters
  }

  /// Counts up.
  open func moment(_ moment: CounterMoment) throws -> Int64 {
    moments += 1
    return moments
  }

  /// It does not.
  open var keepsEvents: Bool { false }

  /// Lets it go.
  open func receive(_ batch: BlockBatch) throws {}
  /// Lets it go.
  open func receive(_ batch: SchedBatch) throws {}
  /// Lets them go.
  open func receive(_ requests: [QEMURequest]) throws {}
  /// Lets it go.
  open func receive(_ batch: CounterBatch) throws {}
  /// Lets it go.
  open func receive(_ batch: TopologyBatch) throws {}
  /// Lets it go.
  open func receive(_ batch: PageCacheBatch) throws {}
  /// Lets them go.
  open func receive(_ events: [BlockEvent], segment: Int32) throws {}
  /// Lets them go.
  open func receive(_ events: [SchedEvent], segment: Int32) throws {}
}
