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

  /// Readings of one moment of a file as one: the parts of a count are added up; what two tools show of it side by
  /// side (`ip -s link; cat /proc/net/dev`) is one count, the larger where one of them lacks a part.
  static func merged(_ tools: [String: [CounterReading]]) -> [CounterReading] {
    var counts: [Moment: CounterReading] = [:]
    for readings in tools.values {
      var sums: [Moment: CounterReading] = [:]
      for reading in readings {
        let moment = Moment(source: reading.source, ordinal: reading.ordinal)
        if sums[moment] == nil {
          sums[moment] = reading
        } else {
          sums[moment]?.value.add(saturating: reading.value)
        }
      }
      counts.merge(sums) { $0.value < $1.value ? $1 : $0 }
    }
    return Array(counts.values)
  }

  /// A moment of a file.
  private struct Moment: Hashable {
    let source: Int64
    let ordinal: Int64
  }
}

/// What an interface's counters grew by.
struct InterfaceGrowth {
  let isGuest: Bool
  var device: [InterfaceCount: Growth] = [:]
  /// Notifications of the queues, and how often they were stopped.
  private(set) var receiveKicks: Growth?
  private(set) var transmitKicks: Growth?
  private(set) var stops: Growth?
  /// What the driver counts, by what it means and by the name of it.
  private var receive: [DriverCounter.Kind: [String: Growth]] = [:]
  private var transmit: [DriverCounter.Kind: [String: Growth]] = [:]
  private var qdiscPackets = Growth()
  private var qdiscDrops = Growth()
  private var qdiscRequeues = Growth()
  private var ingressPackets = Growth()
  private var ingressDrops = Growth()
  /// The ingress hook is shared with egress (clsact): its drops are of either way.
  private var isIngressShared = false

  init(isGuest: Bool) { self.isGuest = isGuest }

  /// Packets to the machine.
  var received: Int64? { device[.received]?.total ?? driverReceived?.total }
  /// Packets from the machine.
  var transmitted: Int64? { device[.transmitted]?.total ?? driverTransmitted?.total }
  /// Packets to the machine as its driver counts them.
  var driverReceived: Growth? { Self.passed(receive) }
  /// Packets from the machine as its driver counts them.
  var driverTransmitted: Growth? { Self.passed(transmit) }

  /// What was lost on the way in. The kernel's count of the interface has the driver's in it, where the driver
  /// reports them.
  var receiveDropped: Growth? { Self.larger(device[.receiveDropped], Self.lost(receive)) }
  /// The same by the driver's counts where they explain all of the kernel's, which has frames in it that nobody wanted,
  /// too.
  var receiveDroppedByDriver: Growth? {
    let driver = Self.lost(receive)
    guard let lost = driver?.total, lost > 0, lost >= device[.receiveDropped]?.total ?? 0 else {
      return nil
    }
    return driver
  }
  /// What was lost on the way out.
  var transmitDropped: Growth? { Self.larger(device[.transmitDropped], Self.lost(transmit)) }

  private static func larger(_ kernel: Growth?, _ driver: Growth?) -> Growth? {
    kernel?.total ?? 0 > 0 || driver?.total ?? 0 == 0 ? kernel ?? driver : driver
  }

  /// The same packets may be counted by name, in sum and for each queue: the largest of them.
  private static func passed(_ counts: [DriverCounter.Kind: [String: Growth]]) -> Growth? {
    let casts = sum(counts[.cast])
    return largest(Array((counts[.packets] ?? [:]).values) + [casts].compactMap(\.self))
  }

  /// Counts of one loss under several names are not added up: it is the largest of them, at least.
  private static func lost(_ counts: [DriverCounter.Kind: [String: Growth]]) -> Growth? {
    let parts = sum(counts[.droppedPart])
    var lost = largest(Array((counts[.dropped] ?? [:]).values) + [parts].compactMap(\.self))
    if let missed = largest(Array((counts[.missed] ?? [:]).values)) {
      if lost == nil { lost = missed } else { lost?.add(missed) }
    }
    return lost ?? largest(Array((counts[.shortage] ?? [:]).values))
  }

  private static func sum(_ counts: [String: Growth]?) -> Growth? {
    guard let counts, !counts.isEmpty else { return nil }
    return counts.sorted { $0.key < $1.key }.reduce(into: Growth()) { $0.add($1.value) }
  }

  /// The first by name among equals.
  private static func largest(_ counts: [Growth]) -> Growth? {
    counts.min {
      ($1.total ?? 0, $0.names.sorted().joined()) < ($0.total ?? 0, $1.names.sorted().joined())
    }
  }

  /// `ingress`, and `clsact`, which filters both ways.
  mutating func addIngress(_ name: String, isShared: Bool, _ growth: CounterGrowth) {
    isIngressShared = isIngressShared || isShared
    switch name {
    case "packets": ingressPackets.add(growth, "packets")
    case "dropped": ingressDrops.add(growth, isShared ? "clsact dropped" : "ingress dropped")
    default: break
    }
  }

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
    func add(to count: inout Growth?) {
      var sum = count ?? Growth()
      sum.add(growth, "\(queue ?? "") \(name)")
      count = sum
    }
    switch (queue, name) {
    case ("rx", "kicks"): add(to: &receiveKicks)
    case ("tx", "kicks"): add(to: &transmitKicks)
    case ("tx", "stop"), ("tx", "stopped"), (nil, "tx_stop"), (nil, "tx_queue_stopped"):
      add(to: &stops)
    default:
      guard let counter = DriverCounter(name, queue: queue) else { return }
      if counter.isReceive {
        receive[counter.kind, default: [:]][counter.name, default: Growth()].add(
          growth, counter.name)
      } else {
        transmit[counter.kind, default: [:]][counter.name, default: Growth()].add(
          growth, counter.name)
      }
    }
  }

  /// Takes what another's driver counts: it is the same interface.
  mutating func takeDriver(of other: InterfaceGrowth) {
    receiveKicks = other.receiveKicks
    transmitKicks = other.transmitKicks
    stops = other.stops
    receive = other.receive
    transmit = other.transmit
  }

  /// The point with what filters at the interface's entry passed and dropped on purpose; nil where none was seen. They count
  /// a packet before they decide.
  func ingress(_ point: NetworkPoint) -> NetworkPoint? {
    guard let dropped = ingressDrops.total else { return nil }
    var point = point
    if isIngressShared { point.direction = .both }
    point.packets = ingressPackets.total.map { max(0, $0 - dropped) }
    point.lose(ingressDrops)
    return point
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
