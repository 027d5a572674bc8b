/// A reading of a wall clock as somebody's loop wrote it between two tables.
public struct WallTime: Hashable, Sendable {
  /// Nanoseconds since 1970 in UTC; where the zone is not known, the local reading counted as if it were
  /// UTC.
  public let nanoseconds: Int64
  /// Seconds that the written time was ahead of UTC; nil where the text does not say for sure
  /// (`CST` and `IST` are several zones).
  public let utcOffset: Int32?

  /// A reading and how far its zone is from UTC.
  @inlinable
  public init(nanoseconds: Int64, utcOffset: Int32?) {
    self.nanoseconds = nanoseconds
    self.utcOffset = utcOffset
  }
}

/// What a counter belongs to.
public enum CounterObjectKind: String, Sendable, CaseIterable {
  /// The machine as a whole.
  case machine
  /// A memory node.
  case node
  /// A CPU.
  case cpu
  /// A network interface.
  case interface
  /// A queue of a network interface: `eth0 rx 3`.
  case queue
  /// A queueing discipline: `eth0 root fq_codel 0:`.
  case qdisc
  /// A disk or partition.
  case disk
  /// A thread: `2842 CPU 0/KVM`.
  case task
  /// A process: `2832 (qemu-system-x86)`.
  case process
  /// A scheduling domain of a CPU: `cpu0 domain1`.
  case domain
  /// A slab cache of the kernel.
  case slab
  /// A virtual machine, as its host sees it.
  case vm
  /// A virtual CPU of such a machine.
  case vcpu
  /// A service of a host.
  case service
  /// What one virtual machine does on a disk of its host.
  case diskUser = "disk_user"
  /// A virtual machine's disk, as the machine sees it.
  case virtualDisk = "virtual_disk"
  /// A store of virtual machines' files.
  case datastore
  /// A port of a virtual switch.
  case port
}

/// A thing that is counted on, as one tool sees it.
public struct CounterObject: Hashable, Sendable {
  /// The tool or file: `numastat`, `ethtool`, `ip`, `proc-net-dev`, ...
  public let tool: String
  /// What kind of thing.
  public let kind: CounterObjectKind
  /// Its name, unique on the machine within tool and kind; `#1`, `#2` by their order where neither the text nor
  /// the file's name names it, which are things of this file alone.
  public let name: String
  /// The virtual machine that it belongs to, where the tool says so.
  public var owner: String?
  /// What of its owner, or which disk of the host, it is: `0` of virtual CPUs, `scsi0:0` of disks.
  public var part: String?

  /// A thing as a tool names it.
  public init(
    tool: String, kind: CounterObjectKind, name: String, owner: String? = nil, part: String? = nil
  ) {
    self.tool = tool
    self.kind = kind
    self.name = name
    self.owner = owner
    self.part = part
  }
}

/// What a value counts.
public enum CounterUnit: String, Sendable, CaseIterable {
  /// Things that happened, or that are there.
  case count
  /// Bytes.
  case bytes
  /// Pages of the machine's page size.
  case pages
  /// Sectors of 512 bytes.
  case sectors
  /// Nanoseconds.
  case nanoseconds = "ns"
  /// Milliseconds.
  case milliseconds = "ms"
  /// Seconds.
  case seconds = "s"
  /// Hundredths of a second (USER_HZ).
  case ticks
  /// 1,024 bytes.
  case kibibytes = "KiB"
  /// 1,048,576 bytes.
  case mebibytes = "MiB"
  /// Hundredths of the whole.
  case percent = "%"
}

/// Whether values of two moments are to be subtracted.
public enum CounterNature: String, Sendable, CaseIterable {
  /// Grows since boot or since the object was made; it may wrap or be reset.
  case total
  /// How much there is at that moment.
  case level
  /// So much a second, over the interval that ends at that moment.
  case rate
  /// The part of that interval.
  case share
  /// The mean over that interval, or of what ended in it.
  case mean
  /// The same as one of these three, from the machine's start on.
  case sinceBoot = "since_boot"
}

/// A column or row of a tool's table.
public struct Counter: Hashable, Sendable {
  /// Its name in the tool's own words.
  public let name: String
  /// What it counts.
  public let unit: CounterUnit
  /// What the value is over time.
  public let nature: CounterNature
  /// By how much values are larger than they were printed: 100 where they have two decimal places.
  public let scale: Int64

  /// A counter of a tool.
  public init(name: String, unit: CounterUnit, nature: CounterNature, scale: Int64 = 1) {
    self.name = name
    self.unit = unit
    self.nature = nature
    self.scale = scale
  }
}

/// A moment at which counters were read: what stands between two dates, or until an object comes again.
public struct CounterMoment: Sendable {
  /// 0, 1, ... within the source.
  public let ordinal: Int64
  /// What the text says about when it was.
  public let wall: WallTime?
  /// The line its first table begins in.
  public let line: Int64

  /// A moment of a source.
  public init(ordinal: Int64, wall: WallTime?, line: Int64) {
    self.ordinal = ordinal
    self.wall = wall
    self.line = line
  }
}

/// One value: so much of that counter of that object at that moment.
public struct CounterSample: Sendable {
  /// The moment; a number given by ``CounterSink/moment(_:)``.
  public let moment: Int64
  /// The object; a number given by ``CounterSink/object(_:)``.
  public let object: Int32
  /// The counter; a number given by ``CounterSink/counter(_:)``.
  public let counter: Int32
  /// The value as it was read, wraps and resets included, times ``Counter/scale``.
  public let value: Int64

  /// A value.
  @inlinable
  public init(moment: Int64, object: Int32, counter: Int32, value: Int64) {
    self.moment = moment
    self.object = object
    self.counter = counter
    self.value = value
  }
}

/// The columns of vmstat's default table, of all its generations and options.
public enum VmstatColumn: Int, CaseIterable, Sendable {
  /// Tasks running or waiting for a CPU.
  case r
  /// Tasks in uninterruptible sleep.
  case b
  /// Swapped tasks (procps 2).
  case w
  /// Memory swapped out.
  case swpd
  /// Free memory.
  case free
  /// Buffers.
  case buff
  /// Page cache.
  case cache
  /// Inactive memory (`-a`).
  case inact
  /// Active memory (`-a`).
  case active
  /// Swapped in per second.
  case si
  /// Swapped out per second.
  case so
  /// KiB read per second.
  case bi
  /// KiB written per second.
  case bo
  /// Interrupts per second.
  case `in`
  /// Context switches per second.
  case cs
  /// User, percent.
  case us
  /// System, percent.
  case sy
  /// Idle, percent.
  case id
  /// Waiting for I/O, percent.
  case wa
  /// Stolen by the host, percent.
  case st
  /// Running guests, percent.
  case gu

  /// Its name in the header.
  public var name: String { "\(self)" }
}

/// A row of vmstat's default table.
public struct VmstatRow: Sendable {
  /// 0, 1, ... within the source.
  public var ordinal: Int64 = 0
  /// 0 for the first vmstat process whose output the source holds, then one more for each.
  public var run: Int64 = 0
  /// The first row of a run: averages since boot instead of a sample.
  public var isSinceBoot = false
  /// The row's own time stamp.
  public var wall: WallTime?
  /// The date written before its run.
  public var runStart: WallTime?
  /// Where it stands.
  public var line: Int64 = 0
  /// The values by ``VmstatColumn``; nil for columns the table does not have and values that cannot be.
  public var values: [Int64?] = []

  /// A row of which nothing is known yet.
  public init() {}
}

/// Values in the order in which they were read.
public struct CounterBatch: Sendable {
  /// Values of all tables but vmstat's.
  public var samples: [CounterSample] = []
  /// Rows of vmstat.
  public var vmstat: [VmstatRow] = []

  /// An empty batch.
  public init() {}

  /// How many rows it holds.
  public var count: Int { samples.count + vmstat.count }

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    samples.removeAll(keepingCapacity: true)
    vmstat.removeAll(keepingCapacity: true)
  }
}

/// Takes counters.
public protocol CounterSink: AnyObject {
  /// The number of an object of this source's machine.
  func object(_ object: CounterObject) throws -> Int32
  /// The number of a counter.
  func counter(_ counter: Counter) throws -> Int32
  /// The number of a moment of this source.
  func moment(_ moment: CounterMoment) throws -> Int64
  /// Takes rows; they are complete and will not be touched again.
  func receive(_ batch: CounterBatch) throws
}
