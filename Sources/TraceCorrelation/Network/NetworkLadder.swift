/// What is known of a host's interfaces besides their counters.
public struct NetworkTopology: Sendable {
  /// Which guest's interface a tap is, by machine and name, and how that is known.
  public var taps: [InterfaceKey: TapOwner] = [:]
  /// Interfaces that others are ports of.
  public var bridges: Set<InterfaceKey> = []
  /// Hardware addresses.
  public var addresses: [InterfaceKey: String] = [:]
  /// Sizes of rings: receive and transmit.
  public var rings: [InterfaceKey: (receive: Int64?, transmit: Int64?)] = [:]
  /// The guests whose files are there.
  public var guests: [String] = []

  /// Nothing known.
  public init() {}
}

/// An interface of a machine.
public struct InterfaceKey: Hashable, Sendable {
  /// The machine.
  public var machine: String
  /// The interface's name.
  public var name: String

  /// An interface.
  public init(_ machine: String, _ name: String) {
    self.machine = machine
    self.name = name
  }
}

/// Whose a tap is.
public struct TapOwner: Sendable, Equatable {
  /// The guest.
  public var guest: String
  /// How that is known.
  public var by: Reason

  /// How a tap's guest is known.
  public enum Reason: String, Sendable {
    /// QEMU's command line names the tap.
    case commandLine = "command line"
    /// The addresses of both ends agree but for the first byte.
    case address = "hardware address"
    /// There is one guest and one tap.
    case onlyGuest = "only guest"
    /// What passed the tap passed this guest's interface and no other's.
    case counters = "packet counts"
  }

  /// An owner.
  public init(_ guest: String, by reason: Reason) {
    self.guest = guest
    by = reason
  }
}

/// Builds the path of packets between guests and the wire out of the counters of all tools.
public struct NetworkLadder {
  /// The points, the guest's end first.
  public private(set) var points: [NetworkPoint] = []
  /// The owners of taps that were found.
  public private(set) var owners: [InterfaceKey: TapOwner]

  private let topology: NetworkTopology
  private var interfaces: [InterfaceKey: InterfaceGrowth] = [:]
  private var backlogs: [String: (isGuest: Bool, passed: Growth, dropped: Growth)] = [:]

  /// Counters that were read but once, counted since the interface came up.
  private let isSinceUp: Bool

  /// The ladder of what these counters grew by; `sinceUp`: of those that were read but once, by all that they
  /// counted.
  public init(
    _ counters: [NetworkCounter], _ topology: NetworkTopology, sinceUp isSinceUp: Bool = false
  ) {
    self.topology = topology
    self.isSinceUp = isSinceUp
    owners = topology.taps
    collect(counters)
    findOwners()
    let keys = interfaces.keys.sorted { ($0.machine, $0.name) < ($1.machine, $1.name) }
    for key in keys {
      guard let interface = interfaces[key] else { continue }
      if interface.isGuest {
        if !Self.isVirtual(key.name) { addGuest(key, interface) }
      } else if isTap(key) {
        addTap(key, interface)
      } else if isBridge(key) {
        addBridge(key, interface)
      } else if !Self.isVirtual(key.name) {
        addNIC(key, interface)
      }
    }
    for (machine, backlog) in backlogs.sorted(by: { $0.key < $1.key }) {
      var point = NetworkPoint(
        machine: machine, guest: backlog.isGuest ? machine : nil,
        place: backlog.isGuest ? .guestSoftnet : .hostSoftnet,
        direction: backlog.isGuest ? .toGuest : .both)
      point.packets = backlog.passed.total
      point.lose(backlog.dropped)
      points.append(point)
    }
    points.sort { $0.order < $1.order }
    markFirstLosses()
  }

  // MARK: Counters to interfaces

  private mutating func collect(_ counters: [NetworkCounter]) {
    var readings: [InterfaceKey: [InterfaceCount: [CounterReading]]] = [:]
    var guests: [String: Bool] = [:]
    let witnesses = Self.witnesses(counters)
    for counter in counters {
      guests[counter.machine] = counter.isGuest
      let witness = witnesses[Self.thing(counter)]
      switch counter.tool {
      case "softnet":
        guard let growth = growth(counter.readings, witness) else { continue }
        var backlog =
          backlogs[counter.machine] ?? (counter.isGuest, Growth(), Growth())
        if counter.name == "processed" { backlog.passed.add(growth, "processed") }
        if counter.name == "dropped" { backlog.dropped.add(growth, "dropped") }
        backlogs[counter.machine] = backlog
      case "ip", "proc-net-dev":
        guard let count = InterfaceCount(device: counter.name) else { continue }
        readings[InterfaceKey(counter.machine, counter.object), default: [:]][
          count, default: []] += counter.readings
      case "tc":
        // Children of a root count what the root counts.
        let words = counter.object.split(separator: " ")
        guard words.count >= 2, words[1] == "root", words.contains("noqueue") == false,
          let growth = growth(counter.readings, witness)
        else { continue }
        let key = InterfaceKey(counter.machine, String(words[0]))
        interfaces[key, default: InterfaceGrowth(isGuest: counter.isGuest)].addQdisc(
          counter.name, growth)
      case "ethtool":
        guard let growth = growth(counter.readings, witness) else { continue }
        let words = counter.object.split(separator: " ")
        guard let name = words.first else { continue }
        let key = InterfaceKey(counter.machine, String(name))
        interfaces[key, default: InterfaceGrowth(isGuest: counter.isGuest)].addDriver(
          counter.name, queue: words.count > 1 ? String(words[1]) : nil, growth)
      default: continue
      }
    }
    for (key, counts) in readings {
      let witness = witnesses[
        Thing(machine: key.machine, tool: Self.kernel, object: key.name)]
      for (count, all) in counts {
        guard let growth = growth(count.merged(all), witness) else { continue }
        interfaces[key, default: InterfaceGrowth(isGuest: guests[key.machine] ?? false)].device[
          count, default: Growth()
        ].add(growth, count.rawValue)
      }
    }
    nameUnnamed()
  }

  private func growth(_ readings: [CounterReading], _ witness: ResetWitness?) -> CounterGrowth? {
    if isSinceUp { return CounterGrowth(sinceUp: readings) }
    if readings.count(where: { $0.wall != nil }) < 2, witness?.isOutOfOrder == true { return nil }
    return CounterGrowth(readings, isReset: witness?.isReset)
  }

  /// What begins anew as a whole.
  private struct Thing: Hashable {
    let machine: String
    let tool: String
    let object: String
  }

  /// `ip` and `/proc/net/dev` show the same counts.
  private static let kernel = "ip"

  private static func thing(_ counter: NetworkCounter) -> Thing {
    Thing(
      machine: counter.machine, tool: counter.tool == "proc-net-dev" ? kernel : counter.tool,
      object: counter.object)
  }

  private static func witnesses(_ counters: [NetworkCounter]) -> [Thing: ResetWitness] {
    var witnesses: [Thing: ResetWitness] = [:]
    for counter in counters {
      let thing = thing(counter)
      let witness = witnesses[thing] ?? ResetWitness()
      let name =
        thing.tool == kernel
        ? InterfaceCount(device: counter.name)?.rawValue ?? counter.name : counter.name
      witness.add(name, counter.readings)
      witnesses[thing] = witness
    }
    return witnesses
  }

  /// `ethtool -S` does not name its interface. In a guest with one interface it can be no other.
  private mutating func nameUnnamed() {
    let unnamed = interfaces.filter { $0.key.name.hasPrefix("#") }
    for (key, interface) in unnamed {
      let isAlone = unnamed.keys.count { $0.machine == key.machine } == 1
      let own = interfaces.keys.filter {
        $0.machine == key.machine && !$0.name.hasPrefix("#") && !Self.isVirtual($0.name)
      }
      // Of several it is not known whose they are: each stays by itself, where no tool names any.
      if interface.isGuest, !isAlone, own.isEmpty { continue }
      interfaces[key] = nil
      guard interface.isGuest, isAlone else { continue }
      if own.count == 1 {
        interfaces[own[0]]?.takeDriver(of: interface)
      } else if own.isEmpty {
        interfaces[InterfaceKey(key.machine, "")] = interface
      }
    }
  }

  // MARK: Whose is a tap

  private mutating func findOwners() {
    let open = interfaces.keys.filter {
      interfaces[$0]?.isGuest == false && isTap($0) && owners[$0] == nil
    }.sorted { ($0.machine, $0.name) < ($1.machine, $1.name) }
    for tap in open {
      let tail = topology.addresses[tap].map { $0.dropFirst(3) }
      let same = topology.addresses.filter { other, address in
        topology.guests.contains(other.machine) && tail != nil && address.dropFirst(3) == tail
      }
      if Set(same.keys.map(\.machine)).count == 1, let guest = same.keys.first?.machine {
        owners[tap] = TapOwner(guest, by: .address)
      }
    }
    let rest = open.filter { owners[$0] == nil }
    if topology.guests.count == 1, owners.isEmpty, rest.count == 1 {
      owners[rest[0]] = TapOwner(topology.guests[0], by: .onlyGuest)
      return
    }
    // Counts since each end came up need not be of the same time.
    if !isSinceUp { matchCounts(rest) }
  }

  /// A tap and a guest's interface that passed the same packets both ways are two ends of one cable; files
  /// of guest and host begin and end a moment apart, so a little is forgiven where nothing else comes near.
  private mutating func matchCounts(_ taps: [InterfaceKey]) {
    let ends = interfaces.keys.filter {
      interfaces[$0]?.isGuest == true && !Self.isVirtual($0.name)
    }.sorted { ($0.machine, $0.name) < ($1.machine, $1.name) }
    func distance(_ tap: InterfaceKey, _ end: InterfaceKey) -> Double {
      guard let out = interfaces[tap]?.device[.transmitted]?.total,
        let back = interfaces[tap]?.device[.received]?.total,
        let received = interfaces[end]?.received, let transmitted = interfaces[end]?.transmitted,
        min(out, back) >= 1000
      else { return .infinity }
      func apart(_ a: Int64, _ b: Int64) -> Double { Double(abs(a - b)) / Double(max(a, b, 1)) }
      return max(apart(out, received), apart(back, transmitted))
    }
    for tap in taps {
      guard
        let end = ends.min(by: { distance(tap, $0) < distance(tap, $1) }),
        distance(tap, end) <= 0.02
      else { continue }
      let limit = max(10 * distance(tap, end), 0.001)
      let isAlone =
        ends.allSatisfy { $0 == end || distance(tap, $0) > limit }
        && taps.allSatisfy { $0 == tap || distance($0, end) > limit }
      if isAlone { owners[tap] = TapOwner(end.machine, by: .counters) }
    }
  }

  private func isTap(_ key: InterfaceKey) -> Bool {
    topology.taps[key] != nil
      || ["tap", "vnet", "macvtap"].contains(where: { key.name.hasPrefix($0) })
  }

  private func isBridge(_ key: InterfaceKey) -> Bool {
    topology.bridges.contains(key)
      || ["br", "virbr", "vmbr", "lxcbr", "ovs-"].contains { prefix in
        key.name.hasPrefix(prefix)
          && key.name.dropFirst(prefix.count).first.map { $0.isNumber || $0 == "-" } ?? false
      }
  }

  /// Interfaces that carry no guest's packets to a wire by themselves.
  private static func isVirtual(_ name: String) -> Bool {
    name == "lo" || name.contains(".")
      || [
        "docker", "br-", "virbr", "veth", "tun", "ifb", "dummy", "sit", "ip6tnl", "gre", "erspan",
        "wg", "cali", "flannel", "cni", "vxlan", "geneve", "ovs", "teql", "ipvl", "fwbr", "fwln",
        "fwpr", "qbr", "qvo", "qvb", "lxc",
      ].contains { name.hasPrefix($0) }
  }

  // MARK: Interfaces to points

  private mutating func addGuest(_ key: InterfaceKey, _ interface: InterfaceGrowth) {
    let name = key.name.isEmpty ? nil : key.name
    func point(_ place: NetworkPlace, _ direction: PacketDirection) -> NetworkPoint {
      var point = NetworkPoint(
        machine: key.machine, guest: key.machine, place: place, direction: direction)
      point.object = name
      return point
    }
    if let qdisc = interface.qdisc(point(.guestQdisc, .fromGuest)) { points.append(qdisc) }
    let ring = topology.rings[key]
    var out = point(.guestDriver, .fromGuest)
    out.packets = interface.transmitted
    out.lose(interface.transmitDropped)
    out.stops = interface.stops?.total
    out.kicks = interface.transmitKicks?.total
    out.kickedPackets = interface.driverTransmitted?.total ?? out.packets
    out.ring = ring?.transmit
    var back = point(.guestDriver, .toGuest)
    back.packets = interface.received
    // The driver's own losses are in the interface's count, which has those of the stack too.
    back.lose(interface.receiveDropped)
    back.kicks = interface.receiveKicks?.total
    back.kickedPackets = interface.driverReceived?.total ?? back.packets
    back.ring = ring?.receive
    points += [out, back].filter(\.isSeen)
  }

  private mutating func addTap(_ key: InterfaceKey, _ interface: InterfaceGrowth) {
    let guest = owners[key]?.guest
    // A tap's counters are named from its own side: what it transmits is what the guest receives.
    var toGuest = NetworkPoint(
      machine: key.machine, guest: guest, place: .tap, direction: .toGuest)
    toGuest.object = key.name
    toGuest.packets = interface.device[.transmitted]?.total
    toGuest.lose(interface.device[.transmitDropped])
    var fromGuest = NetworkPoint(
      machine: key.machine, guest: guest, place: .tap, direction: .fromGuest)
    fromGuest.object = key.name
    fromGuest.packets = interface.device[.received]?.total
    fromGuest.lose(interface.device[.receiveDropped])
    var qdisc = NetworkPoint(
      machine: key.machine, guest: guest, place: .tapQdisc, direction: .toGuest)
    qdisc.object = key.name
    points += [toGuest, fromGuest].filter(\.isSeen)
    if let qdisc = interface.qdisc(qdisc) { points.append(qdisc) }
  }

  private mutating func addBridge(_ key: InterfaceKey, _ interface: InterfaceGrowth) {
    var point = NetworkPoint(machine: key.machine, place: .bridge, direction: .both)
    point.object = key.name
    var drops = interface.device[.receiveDropped] ?? Growth()
    if let transmit = interface.device[.transmitDropped] { drops.add(transmit) }
    point.packets = interface.device[.received]?.total.map {
      $0 + (interface.device[.transmitted]?.total ?? 0)
    }
    point.lose(drops)
    if point.isSeen { points.append(point) }
  }

  private mutating func addNIC(_ key: InterfaceKey, _ interface: InterfaceGrowth) {
    let ring = topology.rings[key]
    var out = NetworkPoint(machine: key.machine, place: .nic, direction: .fromGuest)
    out.object = key.name
    out.packets = interface.transmitted
    out.lose(interface.transmitDropped)
    out.stops = interface.stops?.total
    out.ring = ring?.transmit
    var back = NetworkPoint(machine: key.machine, place: .nic, direction: .toGuest)
    back.object = key.name
    back.packets = interface.received
    back.lose(interface.receiveDropped)
    back.ring = ring?.receive
    points += [out, back].filter(\.isSeen)
    var qdisc = NetworkPoint(machine: key.machine, place: .nicQdisc, direction: .fromGuest)
    qdisc.object = key.name
    if let qdisc = interface.qdisc(qdisc) { points.append(qdisc) }
  }

  // MARK: The first that loses

  private mutating func markFirstLosses() {
    struct Way: Hashable {
      let guest: String?
      /// Taps of unknown guests are ways of their own.
      let tap: String?
      let machine: String?
      let direction: PacketDirection
    }
    var first: [Way: Int] = [:]
    for index in points.indices where (points[index].drops ?? 0) > 0 {
      let point = points[index]
      let isOwnerless = point.guest == nil && [.tap, .tapQdisc].contains(point.place)
      for direction in [PacketDirection.fromGuest, .toGuest]
      where point.direction == direction || point.direction == .both {
        let way = Way(
          guest: point.guest, tap: isOwnerless ? point.object : nil,
          machine: point.guest == nil ? point.machine : nil, direction: direction)
        guard let known = first[way] else {
          first[way] = point.place.rawValue
          continue
        }
        first[way] =
          direction == .fromGuest
          ? min(known, point.place.rawValue) : max(known, point.place.rawValue)
      }
      points[index].isFirstLoss = false
    }
    for index in points.indices where (points[index].drops ?? 0) > 0 {
      let point = points[index]
      let isOwnerless = point.guest == nil && [.tap, .tapQdisc].contains(point.place)
      points[index].isFirstLoss = [PacketDirection.fromGuest, .toGuest].contains { direction in
        (point.direction == direction || point.direction == .both)
          && first[
            Way(
              guest: point.guest, tap: isOwnerless ? point.object : nil,
              machine: point.guest == nil ? point.machine : nil, direction: direction)]
            == point.place.rawValue
      }
    }
  }
}

extension NetworkPoint {
  var isSeen: Bool { packets != nil || drops != nil || kicks != nil }

  /// The order in which points are kept: hosts' common points last.
  var order: (String, Int, String, String, String) {
    (guest ?? "\u{10FFFF}", place.rawValue, machine, object ?? "", direction.rawValue)
  }

  mutating func lose(_ growth: Growth?) {
    guard let growth, let total = growth.total else { return }
    drops = total
    counters = growth.names.sorted().joined(separator: " + ")
    resets = growth.resets
    from = growth.from
    to = growth.to
  }
}
