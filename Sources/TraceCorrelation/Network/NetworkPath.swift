/// A counter of the network that grows, with its readings.
public struct NetworkCounter: Sendable {
  /// The machine.
  public var machine: String
  /// Whether it is a guest's.
  public var isGuest: Bool
  /// The tool, as `counter_value.tool` has it.
  public var tool: String
  /// The object, as `counter_value.object` has it.
  public var object: String
  /// The tool's own name of it.
  public var name: String
  /// Its values.
  public var readings: [CounterReading]

  /// A counter.
  public init(
    machine: String, isGuest: Bool, tool: String, object: String, name: String,
    readings: [CounterReading]
  ) {
    self.machine = machine
    self.isGuest = isGuest
    self.tool = tool
    self.object = object
    self.name = name
    self.readings = readings
  }
}

/// Which way packets go.
public enum PacketDirection: String, Sendable, CaseIterable {
  /// From the guest outward.
  case fromGuest = "from_guest"
  /// To the guest.
  case toGuest = "to_guest"
  /// The counters do not tell.
  case both
}

/// A point of the path, in the order from the guest outward.
public enum NetworkPlace: Int, Sendable, CaseIterable {
  /// Backlogs of the guest's CPUs.
  case guestSoftnet = 1
  /// What holds packets before the guest's driver.
  case guestQdisc
  /// The guest's driver and its virtqueues.
  case guestDriver
  /// The host's end of the guest's interface, in front of QEMU or vhost.
  case tap
  /// What holds packets before the tap.
  case tapQdisc
  /// Backlogs of the host's CPUs.
  case hostSoftnet
  /// A bridge of the host: its own interface.
  case bridge
  /// What holds packets before the host's driver.
  case nicQdisc
  /// The host's driver, next to the wire.
  case nic

  /// As the view says it.
  public var name: String {
    switch self {
    case .guestSoftnet: "guest softnet"
    case .guestQdisc: "guest qdisc"
    case .guestDriver: "guest driver queue"
    case .tap: "tap"
    case .tapQdisc: "tap qdisc"
    case .hostSoftnet: "host softnet"
    case .bridge: "bridge"
    case .nicQdisc: "NIC qdisc"
    case .nic: "NIC"
    }
  }
}

/// What passed and what was lost at one point in one direction. nil: not observed.
public struct NetworkPoint: Sendable, Equatable {
  /// The machine whose counters they are.
  public var machine: String
  /// The guest it serves; nil where it serves all, or nobody says.
  public var guest: String?
  /// Where.
  public var place: NetworkPlace
  /// Which way.
  public var direction: PacketDirection
  /// The interface; nil where the files do not name it, or there is none.
  public var object: String?
  /// Packets that passed.
  public var packets: Int64?
  /// Packets that were lost.
  public var drops: Int64?
  /// Packets put back because the driver took no more.
  public var requeues: Int64?
  /// How often the queue was stopped.
  public var stops: Int64?
  /// Notifications of the other side.
  public var kicks: Int64?
  /// Packets that the same file counts beside the notifications.
  public var kickedPackets: Int64?
  /// How many buffers the ring has.
  public var ring: Int64?
  /// Counters that began anew.
  public var resets = 0
  /// First and last date of the drops, or of the packets where those are not counted.
  public var from: Int64?
  /// See ``from``.
  public var to: Int64?
  /// Whose growth `drops` is, by the tools' own names.
  public var counters = ""
  /// Whether it is the first that loses on the way of the packets, among the guest's own points; among
  /// those that serve all, for one of these.
  public var isFirstLoss = false
}
