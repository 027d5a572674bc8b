public import TraceModel

/// How many requests the queues of block devices can hold, as settings that came with the traces say.
public struct QueueLimits {
  /// A setting, as a file of a machine has it.
  public struct Setting: Sendable {
    /// The machine whose file it is from.
    public let machine: String
    /// Which kind of setting: `queue` of a block device, or of a hypervisor.
    public let kind: String
    /// What it is a setting of: a disk by its name, a guest.
    public let object: String
    /// Its name.
    public let name: String
    /// Its value.
    public let value: String

    /// A setting.
    public init(machine: String, kind: String, object: String, name: String, value: String) {
      self.machine = machine
      self.kind = kind
      self.object = object
      self.name = name
      self.value = value
    }
  }

  /// A disk as a machine names it.
  public struct Disk: Hashable, Sendable {
    /// The machine.
    public let machine: String
    /// The disk's name: `vda`.
    public let name: String

    /// A disk.
    public init(machine: String, name: String) {
      self.machine = machine
      self.name = name
    }
  }

  private let settings: [Setting]
  private let devices: [Disk: Set<String>]

  /// Of settings in the order of their files, and the devices that lists of disks give for a name, `major,minor`.
  public init(_ settings: [Setting], devices: [Disk: Set<String>]) {
    self.settings = settings
    self.devices = devices
  }

  /// What a queue of a machine's device can hold: nr_requests of the disk for the schedulers, nr_tags for the host's
  /// hardware, the ring of the guest's device for virtio. Nil where no setting says it.
  public func limit(_ hop: Hop, machine: String, device: String) -> Int64? {
    if hop == .virtioQueue {
      return settings.lazy.filter { $0.object == machine }
        .compactMap { Hypervisor.ringSize(kind: $0.kind, value: $0.value) }.first
    }
    let name = hop == .hardwareQueue ? "nr_tags" : "nr_requests"
    let found = settings.first {
      $0.machine == machine && $0.kind == "queue" && $0.name == name
        && isDevice(device, Disk(machine: machine, name: $0.object))
    }
    return found.flatMap { Int64($0.value.prefix { $0.isASCII && $0.isNumber }) }
  }

  private func isDevice(_ device: String, _ disk: Disk) -> Bool {
    if let listed = devices[disk] { return listed.contains(device) }
    // Without a list of the disks: vdb is disk 1 of its driver, and each has 16 minor numbers.
    guard disk.name.utf8.count == 3, let letter = disk.name.utf8.last,
      letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z")
    else { return false }
    let number = Int(letter - UInt8(ascii: "a"))
    let (major, minor) = (device.prefix { $0 != "," }, device.drop { $0 != "," }.dropFirst())
    guard minor == "\(16 * number)" else { return false }
    if disk.name.hasPrefix("vd") { return major.hasPrefix("25") }
    return disk.name.hasPrefix("sd") && number < 16 && major == "8"
  }
}
