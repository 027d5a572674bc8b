/// What a source turned out to hold, known once it has been read to its end.
public struct SourceSummary: Sendable {
  /// Name of the format it was read as.
  public var format = ""
  /// What its times mean: `blktrace`, `perf`, `wall`, ...
  public var toolClock = ""
  /// SHA-256 of the bytes of the file, in hexadecimal.
  public var sha256 = ""
  /// Bytes of the file.
  public var bytes: Int64 = 0
  /// Lines, or records of a binary format.
  public var lines: Int64 = 0
  /// Events that were used.
  public var events: Int64 = 0
  /// Lines that were not events and not a known part of the format.
  public var skippedLines: Int64 = 0
  /// Events that the tracer lost: from the gaps in its numbering, or what the tool itself says where that is more.
  public var lostEvents: Int64 = 0
  /// The earliest and latest event, ns on the source's clock.
  public var first = Stamp.unseen
  /// The latest event.
  public var last = Stamp.unseen
  /// The step of its printed times, ns: 1000 where they have six decimals. Nil where it is not known.
  public var resolution: Int64?
  /// What the file says about itself: the machine's name, the kernel, the command line.
  public var headers: [SourceHeader] = []
  /// The session that made it, and how its clock relates to others.
  public var session: TraceSession?
  /// The absolute start of the clock, ns, where the source records one, and on which clock.
  public var start: (nanoseconds: Int64, clock: String)?
  /// The absolute start of the clock on CLOCK_MONOTONIC, ns, where the source records it.
  public var monotonicStart: Int64?
  /// Trouble, one entry per kind.
  public var problems: [Problem] = []
  /// Where events were lost.
  public var losses: [LossInterval] = []
  /// Per device and stage, what btt would print.
  public var stages: [StageSummary] = []
  /// What KVM's tracepoints tell of virtual CPUs.
  public var kvmExits: [KVMExits] = []
  /// What QEMU's trace tells of its disks.
  public var qemuStages: [QEMUStageSummary] = []
  /// How devices lie on one another, as remap lines say.
  public var remaps: [RemapDelta] = []

  /// Nothing read yet.
  public init() {}
}

/// What a file says about itself in its head, such as `# hostname : web1`.
public struct SourceHeader: Hashable, Sendable {
  /// What it is about, as the tool calls it.
  public let name: String
  /// What it says.
  public let value: String

  /// A line of a file's head.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// A hole in the numbering of one CPU's events: so many were lost between these moments.
public struct LossInterval: Sendable {
  /// The device's stretch.
  public let stream: Int32
  /// The CPU whose buffer overflowed.
  public let cpu: UInt32
  /// Events that are missing.
  public var events: Int64
  /// The last event before the hole, ns on the source's clock.
  public let from: Int64
  /// The first after it.
  public let to: Int64

  /// A hole between two events.
  public init(stream: Int32, cpu: UInt32, events: Int64, from: Int64, to: Int64) {
    self.stream = stream
    self.cpu = cpu
    self.events = events
    self.from = from
    self.to = to
  }
}

/// A device that lies on another at a constant distance, as `A` lines show
/// (`A WS 2056 + 8 <- (8,1) 8`: partition 8,1 begins at sector 2048).
public struct RemapDelta: Sendable, Hashable {
  /// The device the bio was sent to.
  public let from: DeviceNumber
  /// The device's stretch it arrived on.
  public let stream: Int32
  /// Sectors to add to an address on `from`.
  public let delta: Int64
  /// How many lines said so.
  public var count: Int64

  /// A distance and how often it was seen.
  public init(from: DeviceNumber, stream: Int32, delta: Int64, count: Int64) {
    self.from = from
    self.stream = stream
    self.delta = delta
    self.count = count
  }
}
