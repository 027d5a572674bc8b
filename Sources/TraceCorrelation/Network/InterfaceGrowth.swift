internal import TraceModel

/// What counters of one meaning grew by together.
struct Growth: Equatable {
  private(set) var total: Int64?
  private(set) var resets = 0
  private(set) var from: Int64?
  private(set) var to: Int64?
  private(set) var names: Set<String> = []

  mutating func add(_ growth: CounterGrowth, _ name: String) {
    total = (total ?? 0) + growth.growth
    resets += growth.resets
    from = [from, growth.from].compactMap(\.self).min()
    to = [to, growth.to].compactMap(\.self).max()
    names.insert(name)
  }

  mutating func add(_ other: Growth) {
    guard let more = other.total else { return }
    total = (total ?? 0) + more
    resets += other.resets
    from = [from, other.from].compactMap(\.self).min()
    to = [to, other.to].compactMap(\.self).max()
    names.formUnion(other.names)
  }
}

/// What the kernel counts per interface, whichever tool prints it.
enum InterfaceCount: String {
  case received = "rx packets"
  case transmitted = "tx packets"
  /// For want of a buffer or of a taker. `/proc/net/dev` adds what the hardware missed, so that is added
  /// to `ip`'s count as well.
  case receiveDropped = "rx dropped"
  case transmitDropped = "tx dropped"

  /// The meaning of a name of `ip -s link`, its JSON or `/proc/net/dev`; nil for others.
  init?(device name: String) {
    switch name {
    case "rx_packets": self = .received
    case "tx_packets": self = .transmitted
    case "rx_dropped", "rx_missed", "rx_missed_errors", "rx_drop": self = .receiveDropped
    case "tx_dropped", "tx_drop": self = .transmitDropped
    default: return nil
    }
  }

  /// Readings of one moment of a file as one: the parts of a count.
  func merged(_ readings: [CounterReading]) -> [CounterReading] {
    struct Moment: Hashable {
      let source: Int64
      let ordinal: Int64
    }
    var sums: [Moment: CounterReading] = [:]
    for reading in readings {
      let moment = Moment(source: reading.source, ordinal: reading.ordinal)
      if sums[moment] == nil {
        sums[moment] = reading
      } else {
        sums[moment]?.value.add(saturating: reading.value)
      }
    }
    return Array(sums.values)
  }
}

/// What a driver counts of its queues.
enum DriverCount {
  case received, transmitted, receiveDropped, transmitDropped, receiveKicks, transmitKicks, stops
}

/// What an interface's counters grew by.
struct InterfaceGrowth {
  let isGuest: Bool
  var device: [InterfaceCount: Growth] = [:]
  var driver: [DriverCount: Growth] = [:]
  private var qdiscPackets = Growth()
  private var qdiscDrops = Growth()
  private var qdiscRequeues = Growth()

  init(isGuest: Bool) { self.isGuest = isGuest }

  /// Packets to the machine.
  var received: Int64? { device[.received]?.total ?? driver[.received]?.total }
  /// Packets from the machine.
  var transmitted: Int64? { device[.transmitted]?.total ?? driver[.transmitted]?.total }

  mutating func addQdisc(_ name: String, _ growth: CounterGrowth) {
    switch name {
    case "packets": qdiscPackets.add(growth, "packets")
    case "dropped": qdiscDrops.add(growth, "qdisc dropped")
    case "requeues": qdiscRequeues.add(growth, "requeues")
    default: break
    }
  }

  /// A counter of a queue (`rx`, `tx`) or of the interface as a whole.
  mutating func addDriver(_ name: String, queue: String?, _ growth: CounterGrowth) {
    let count: DriverCount
    switch (queue, name) {
    case ("rx", "packets"): count = .received
    case ("tx", "packets"): count = .transmitted
    case ("rx", "drops"): count = .receiveDropped
    case ("tx", "drops"): count = .transmitDropped
    case ("rx", "kicks"): count = .receiveKicks
    case ("tx", "kicks"): count = .transmitKicks
    case ("tx", "stop"), ("tx", "stopped"), (nil, "tx_stop"), (nil, "tx_queue_stopped"):
      count = .stops
    default: return
    }
    driver[count, default: Growth()].add(growth, "\(queue ?? "") \(name)")
  }

  /// The point with the numbers of its root queue; nil where none was seen.
  func qdisc(_ point: NetworkPoint) -> NetworkPoint? {
    guard qdiscDrops.total != nil || qdiscPackets.total != nil else { return nil }
    var point = point
    point.packets = qdiscPackets.total
    point.requeues = qdiscRequeues.total
    point.lose(qdiscDrops)
    return point
  }
}
