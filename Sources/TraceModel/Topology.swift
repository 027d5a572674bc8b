/// Where a CPU is.
public struct CPUPlace: Hashable, Sendable {
  /// The CPU's number.
  public var cpu: Int64
  /// Its core; nil where the file does not say.
  public var core: Int64?
  /// Its socket; nil where the file does not say.
  public var socket: Int64?
  /// Its memory node; nil where the file does not say.
  public var node: Int64?
  /// Where it stands in the file.
  public var line: Int64

  /// A CPU at a place.
  public init(cpu: Int64, core: Int64?, socket: Int64?, node: Int64?, line: Int64) {
    self.cpu = cpu
    self.core = core
    self.socket = socket
    self.node = node
    self.line = line
  }
}

/// A memory node's size, or its distance to another.
public struct NodeFact: Hashable, Sendable {
  /// What is said about the node.
  public enum Kind: String, Sendable, CaseIterable {
    /// Bytes of memory.
    case size
    /// Bytes that were free.
    case free
    /// Distance to ``other`` in the firmware's units: 10 is local.
    case distance
  }

  /// The node.
  public var node: Int64
  /// What is said.
  public var kind: Kind
  /// The other node of a distance.
  public var other: Int64?
  /// The value.
  public var value: Int64
  /// Where it stands in the file.
  public var line: Int64

  /// A fact about a node.
  public init(node: Int64, kind: Kind, other: Int64? = nil, value: Int64, line: Int64) {
    self.node = node
    self.kind = kind
    self.other = other
    self.value = value
    self.line = line
  }
}

/// A thread that a list names.
public struct ThreadFact: Hashable, Sendable {
  /// Its id on the machine the list is from.
  public var tid: Int64
  /// Its process; nil where the list does not say.
  public var pid: Int64?
  /// The process that started its process; nil where the list does not say.
  public var parent: Int64?
  /// Its name; nil where the list does not say.
  public var comm: String?
  /// What it is to a guest; nil when the list does not show it.
  public var role: ThreadRole?
  /// The number of its virtual CPU.
  public var vcpu: Int64?
  /// The id of an iothread.
  public var name: String?
  /// The guest as the file names it; nil when it does not.
  public var guest: String?
  /// The CPU it was on; nil where the list does not say.
  public var cpu: Int64?
  /// Where it stands in the file.
  public var line: Int64

  /// A thread of which nothing but the id is known yet.
  public init(tid: Int64, line: Int64) {
    self.tid = tid
    self.line = line
  }
}

/// A disk, partition or mapped device as a list names it.
public struct DiskFact: Hashable, Sendable {
  /// Its name: `vda1`.
  public var name: String
  /// Its number: `254,1`; nil where the list does not say.
  public var number: String?
  /// The device it lies on; one row per parent.
  public var parent: String?
  /// Its first sector (512 bytes) on the parent; nil where the list does not say.
  public var start: Int64?
  /// Its size in bytes; nil where the list does not say or has rounded it.
  public var bytes: Int64?
  /// `disk`, `part`, `lvm`, `loop`, ...
  public var type: String?
  /// The file that a loop device shows.
  public var file: String?
  /// Where it stands in the file.
  public var line: Int64

  /// A device of which only the name is known yet.
  public init(name: String, line: Int64) {
    self.name = name
    self.line = line
  }
}

/// A disk of a guest as its hypervisor names it.
public struct DriveFact: Hashable, Sendable {
  /// The guest as the file names it; nil when it does not.
  public var guest: String?
  /// The drive's id; empty for `-blockdev`.
  public var device: String?
  /// The block node.
  public var node: String?
  /// The path of the guest's device: `/machine/peripheral/data0/virtio-backend`.
  public var qdev: String?
  /// The format's driver: `raw`, `qcow2`.
  public var driver: String?
  /// The image or device below.
  public var file: String?
  /// Its size in bytes as the guest sees it.
  public var bytes: Int64?
  /// Where it stands in the file.
  public var line: Int64

  /// A drive of which nothing is known yet.
  public init(line: Int64) { self.line = line }
}

/// A piece of a file, image or device and where it lies on what is below.
public struct ExtentFact: Hashable, Sendable {
  /// The tool: `qemu-img map`, `filefrag`, `dmsetup table`.
  public var tool: String
  /// The file or device that is mapped; nil when the text does not say.
  public var object: String?
  /// First byte in the object.
  public var start: Int64
  /// Length in bytes.
  public var bytes: Int64
  /// The device or file below; nil when the text does not say.
  public var target: String?
  /// First byte on it; nil when nothing lies there (a hole, an extent without data).
  public var targetStart: Int64?
  /// What the tool says besides: flags, the kind of mapping and its arguments.
  public var detail: String
  /// Where it stands in the file.
  public var line: Int64

  /// An extent that lies nowhere yet.
  public init(
    tool: String, object: String?, start: Int64, bytes: Int64, detail: String, line: Int64
  ) {
    self.tool = tool
    self.object = object
    self.start = start
    self.bytes = bytes
    self.detail = detail
    self.line = line
  }
}

/// A name and a value: a setting of a disk's queue, an option of QEMU's command line.
public struct SettingFact: Hashable, Sendable {
  /// `queue`, `qemu`, `link`, `clock` or `limit`.
  public var kind: String
  /// The device, or the guest.
  public var object: String
  /// `nr_requests`, `-device`.
  public var name: String
  /// The value as it stands.
  public var value: String
  /// Where it stands in the file.
  public var line: Int64

  /// A setting.
  public init(kind: String, object: String, name: String, value: String, line: Int64) {
    self.kind = kind
    self.object = object
    self.name = name
    self.value = value
    self.line = line
  }
}

/// How a quantity of a virtual disk's commands was distributed, as a tool counted it in buckets.
public struct HistogramFact: Sendable {
  /// The group id of the VM.
  public var group: Int64
  /// The VM's disk: `scsi0:0`.
  public var disk: String
  /// `latency`, `interarrival` (us), `length` (bytes), `distance`, `distance16` (sectors) or `outstanding`.
  public var quantity: String
  /// `all`, `read` or `write`.
  public var operation: String
  /// The least value; nil where it is not printed. The largest, the mean, and how many commands.
  public var least: Int64?
  /// The largest value.
  public var greatest: Int64?
  /// The mean, cut to a whole number.
  public var mean: Int64?
  /// Commands, as the tool prints it.
  public var count: Int64?
  /// The upper limit of each bucket, which belongs to it, and the commands in it; without a limit: all above.
  public var buckets: [(limit: Int64?, count: Int64)] = []
  /// Where it begins in the file.
  public var line: Int64

  /// A histogram without buckets.
  public init(group: Int64, disk: String, quantity: String, operation: String, line: Int64) {
    (self.group, self.disk, self.quantity) = (group, disk, quantity)
    (self.operation, self.line) = (operation, line)
  }
}

/// Facts about how machines are built, in the order in which they were read.
public struct TopologyBatch: Sendable {
  /// CPUs.
  public var cpus: [CPUPlace] = []
  /// Memory nodes.
  public var nodes: [NodeFact] = []
  /// Threads.
  public var threads: [ThreadFact] = []
  /// Disks of a machine.
  public var disks: [DiskFact] = []
  /// Disks of a guest.
  public var drives: [DriveFact] = []
  /// Extents.
  public var extents: [ExtentFact] = []
  /// Settings.
  public var settings: [SettingFact] = []
  /// Histograms of virtual disks.
  public var histograms: [HistogramFact] = []

  /// An empty batch.
  public init() {}

  /// How many facts it holds.
  public var count: Int {
    cpus.count + nodes.count + threads.count + disks.count + drives.count + extents.count
      + settings.count + histograms.count
  }

  /// Adds another's facts behind its own.
  public mutating func append(_ other: TopologyBatch) {
    cpus += other.cpus
    nodes += other.nodes
    threads += other.threads
    disks += other.disks
    drives += other.drives
    extents += other.extents
    settings += other.settings
    histograms += other.histograms
  }
}

/// Takes facts about machines.
public protocol TopologySink: AnyObject {
  /// Takes rows; they are complete and will not be touched again.
  func receive(_ batch: TopologyBatch) throws
}
