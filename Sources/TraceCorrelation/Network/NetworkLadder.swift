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
  /// The interface's name; `eth0 (web2)` where another thing of that name is there.
  public var name: String

  /// An interface.
  public init(_ machine: String, _ name: String) {
    self.machine = machine
    self.name = name
  }

  /// The name as the machine knows it: `eth0` of `eth0 (web2)`.
  public var plain: Substring { Self.parts(name).plain }

  /// The words of an object's name, and what tells it apart from another thing of that name: `eth0 rx 0` and ` (web2)`.
  static func parts(_ object: String) -> (plain: Substring, apart: Substring) {
    guard object.last == ")" else { return (object[...], "") }
    if object.first == "(" { return ("", object[...]) }
    guard let place = object.firstRange(of: " (")?.lowerBound else { return (object[...], "") }
    return (object[..<place], object[place...])
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
  private var backlogs: [InterfaceKey: (isGuest: Bool, passed: Growth, dropped: Growth)] = [:]

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
        if !Self.isVirtual(key.plain) { addGuest(key, interface) }
      } else if isTap(key) {
        addTap(key, interface)
      } else if isBridge(key) {
        addBridge(key, interface)
      } else if !Self.isVirtual(key.plain) {
        addNIC(key, interface)
      }
    }
    for (key, backlog) in backlogs.sorted(by: {
      ($0.key.machine, $0.key.name) < ($1.key.machine, $1.key.name)
    }) {
      var point = NetworkPoint(
        machine: key.machine, guest: backlog.isGuest ? key.machine : nil,
        place: backlog.isGuest ? .guestSoftnet : .hostSoftnet,
        direction: backlog.isGuest ? .toGuest : .both)
      if !key.name.isEmpty { point.object = key.name }
      point.packets = backlog.passed.total
      point.lose(backlog.dropped)
      points.append(point)
    }
    points.sort { $0.order < $1.order }
    markFirstLosses()
  }

  // MARK: Counters to interfaces

  private mutating func collect(_ counters: [NetworkCounter]) {
    var readings: [InterfaceKey: [InterfaceCount: [String: [CounterReading]]]] = [:]
    let divided = Self.divided(counters)
    var guests: [String: Bool] = [:]
    let witnesses = Self.witnesses(counters)
    for counter in counters {
      guests[counter.machine] = counter.isGuest
      let witness = witnesses[Self.thing(counter)]
      let (plain, apart) = InterfaceKey.parts(counter.object)
      let words = plain.split(separator: " ")
      switch counter.tool {
      case "softnet":
        guard let growth = growth(counter.readings, witness) else { continue }
        let key = InterfaceKey(counter.machine, apart.trimmingPrefix(" ").description)
        var backlog = backlogs[key] ?? (counter.isGuest, Growth(), Growth())
        if counter.name == "processed" { backlog.passed.add(growth, "processed") }
        if counter.name == "dropped" { backlog.dropped.add(growth, "dropped") }
        backlogs[key] = backlog
      case "ip", "proc-net-dev":
        let key = InterfaceKey(counter.machine, counter.object)
        guard let count = InterfaceCount(device: counter.name),
          counter.tool == Self.kernel || !divided.contains(key)
        else { continue }
        readings[key, default: [:]][count, default: [:]][counter.tool, default: []] +=
          counter.readings
      case "tc":
        // Children of a root count what the root counts.
        let isIngress = words.contains("ingress") || words.contains("clsact")
        guard words.count >= 2,
          isIngress || words[1] == "root" && words.contains("noqueue") == false,
          let growth = growth(counter.readings, witness)
        else { continue }
        let key = InterfaceKey(counter.machine, String(words[0] + apart))
        if isIngress {
          interfaces[key, default: InterfaceGrowth(isGuest: counter.isGuest)].addIngress(
            counter.name, isShared: words.contains("clsact"), growth)
        } else {
          interfaces[key, default: InterfaceGrowth(isGuest: counter.isGuest)].addQdisc(
            counter.name, growth)
        }
      case "ethtool":
        guard let growth = growth(counter.readings, witness) else { continue }
        guard let name = words.first else { continue }
        let key = InterfaceKey(counter.machine, String(name + apart))
        interfaces[key, default: InterfaceGrowth(isGuest: counter.isGuest)].addDriver(
          counter.name, queue: words.count > 1 ? String(words[1]) : nil, growth)
      default: continue
      }
    }
    for (key, counts) in readings {
      let witness = witnesses[
        Thing(machine: key.machine, tool: Self.kernel, object: key.name)]
      for (count, all) in counts {
        guard let growth = growth(InterfaceCount.merged(all), witness) else { continue }
        interfaces[key, default: InterfaceGrowth(isGuest: guests[key.machine] ?? false)].device[
          count, default: Growth()
        ].add(growth, count.rawValue)
      }
    }
    nameUnnamed()
  }

  /// Interfaces that `ip` saw made anew, by their index or address: `/proc/net/dev` shows neither, so that what it counts
  /// of that name may be of either.
  private static func divided(_ counters: [NetworkCounter]) -> Set<InterfaceKey> {
    Set(
      counters.lazy.filter { $0.tool == kernel }.map { InterfaceKey($0.machine, $0.object) }
        .filter { $0.plain.utf8.count < $0.name.utf8.count }.map {
          InterfaceKey($0.machine, String($0.plain))
        })
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
      witness.add(name, of: counter.tool, counter.readings)
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
        $0.machine == key.machine && !$0.name.hasPrefix("#") && !Self.isVirtual($0.plain)
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
      interfaces[$0]?.isGuest == true && !Self.isVirtual($0.plain)
    }.sorted { ($0.machine, $0.name) < ($1.machine, $1.name) }
    func distance(_ tap: InterfaceKey, _ end: InterfaceKey) -> Double {
      guard let device = interfaces[tap]?.device,
        let out = device[Self.isMacvtap(tap) ? .received : .transmitted]?.total,
        let back = device[Self.isMacvtap(tap) ? .transmitted : .received]?.total,
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
      || ["tap", "vnet", "macvtap"].contains(where: { key.plain.hasPrefix($0) })
      // Xen's: `vif1.0`, and `vif1.0-emu` of QEMU.
      || key.plain.hasPrefix("vif") && key.plain.dropFirst(3).first?.isNumber ?? false
  }

  /// A macvtap stands on a device of the host as the guest's own end: what it receives is for the guest. A tap is the
  /// other end of a cable, and so is Xen's vif.
  private static func isMacvtap(_ key: InterfaceKey) -> Bool { key.plain.hasPrefix("macvtap") }

  private func isBridge(_ key: InterfaceKey) -> Bool {
    topology.bridges.contains(key)
      || ["br", "virbr", "vmbr", "lxcbr", "ovs-"].contains { prefix in
        key.plain.hasPrefix(prefix)
          && key.plain.dropFirst(prefix.count).first.map { $0.isNumber || $0 == "-" } ?? false
      }
  }

  /// Interfaces that carry no guest's packets to a wire by themselves.
  private static func isVirtual(_ name: Substring) -> Bool {
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
    points += [
      interface.qdisc(point(.guestQdisc, .fromGuest)),
      interface.ingress(point(.guestQdisc, .toGuest)),
    ].compactMap(\.self)
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
    back.lose(interface.receiveDroppedByDriver ?? interface.receiveDropped)
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
    let isMacvtap = Self.isMacvtap(key)
    toGuest.object = key.name
    toGuest.packets = interface.device[isMacvtap ? .received : .transmitted]?.total
    toGuest.lose(interface.device[isMacvtap ? .receiveDropped : .transmitDropped])
    var fromGuest = NetworkPoint(
      machine: key.machine, guest: guest, place: .tap, direction: .fromGuest)
    fromGuest.object = key.name
    fromGuest.packets = interface.device[isMacvtap ? .transmitted : .received]?.total
    fromGuest.lose(interface.device[isMacvtap ? .transmitDropped : .receiveDropped])
    var qdisc = NetworkPoint(
      machine: key.machine, guest: guest, place: .tapQdisc,
      direction: isMacvtap ? .fromGuest : .toGuest)
    qdisc.object = key.name
    var ingress = qdisc
    ingress.direction = isMacvtap ? .toGuest : .fromGuest
    points += [toGuest, fromGuest].filter(\.isSeen)
    points += [interface.qdisc(qdisc), interface.ingress(ingress)].compactMap(\.self)
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
    var ingress = qdisc
    ingress.direction = .toGuest
    points += [interface.qdisc(qdisc), interface.ingress(ingress)].compactMap(\.self)
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
