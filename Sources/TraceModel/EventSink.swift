/// Requests and merged bios that are complete, in the order in which the folding let go of them.
public struct BlockBatch: Sendable {
  /// Requests, finished or left open by the end of the trace.
  public var requests: [BlockRequest] = []
  /// The bios merged into them.
  public var bios: [MergedBio] = []

  /// An empty batch.
  public init() {}

  /// How many rows it holds.
  public var count: Int { requests.count + bios.count }

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    requests.removeAll(keepingCapacity: true)
    bios.removeAll(keepingCapacity: true)
  }
}

/// Takes what ingest reads. Ingest pushes and never learns where it goes: a test hands it an array,
/// the program a SQLite file.
public protocol EventSink: CounterSink, TopologySink, PageCacheSink {
  /// The number to use for a request from now on; each call gives the next.
  func nextRequestID() -> Int64
  /// The number of a device's stretch of the trace.
  func stream(_ key: StreamKey) throws -> Int32
  /// The number of a thread.
  func task(_ identity: TaskIdentity) throws -> Int32
  /// The number to use for a traced thread from now on; each call gives the next.
  func nextThreadID() -> Int64
  /// Takes rows; they are complete and will not be touched again.
  func receive(_ batch: BlockBatch) throws
  /// Takes requests inside QEMU; they are complete and will not be touched again.
  func receive(_ requests: [QEMURequest]) throws
  /// Takes rows of the scheduler; they are complete and will not be touched again.
  func receive(_ batch: SchedBatch) throws
  /// Whether it wants the events, too, out of which the rows are folded.
  var keepsEvents: Bool { get }
  /// Takes events of a block trace as they were read, of one stretch of it.
  func receive(_ events: [BlockEvent], segment: Int32) throws
  /// Takes events of the scheduler as they were read, of one stretch of the trace.
  func receive(_ events: [SchedEvent], segment: Int32) throws
}

/// A device in one stretch of one source. A new stretch begins where the trace's clock jumps back, as
/// it does where two traces were put into one file: times of two stretches do not compare.
public struct StreamKey: Hashable, Sendable {
  /// The traced device.
  public let device: DeviceNumber
  /// 0, then one more at each jump.
  public let segment: Int32

  /// A device in a stretch of a trace.
  public init(device: DeviceNumber, segment: Int32) {
    self.device = device
    self.segment = segment
  }
}
