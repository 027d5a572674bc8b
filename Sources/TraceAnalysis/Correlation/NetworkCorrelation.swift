internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// The points of the network path and what they lost, from all counters of guests and hosts.
struct NetworkCorrelation: CorrelationPass {
  static let fills = ["net_point"]

  private let ladder: NetworkLadder
  /// What was read but once, counted since the interface came up.
  private let sinceUp: NetworkLadder

  init(_ context: CorrelationContext) throws {
    let counters = try Self.counters(context.file) { _ in true }
    let topology = try Self.topology(context.file, guests: context.machineNames(.guest))
    ladder = NetworkLadder(counters, topology)
    sinceUp = NetworkLadder(counters, topology, sinceUp: true)
  }

  /// What the readings that are chosen show of the points of the path.
  init(_ file: IncidentFile, reading isChosen: (NetworkReadingRow) -> Bool) throws {
    ladder = NetworkLadder(
      try Self.counters(file, isChosen),
      try Self.topology(file, guests: file.machineNames(.guest)))
    // What was read once in a part of the capture may have been read before.
    sinceUp = NetworkLadder([], NetworkTopology(), sinceUp: true)
  }

  private static func counters(
    _ file: IncidentFile, _ isChosen: (NetworkReadingRow) -> Bool
  ) throws -> [NetworkCounter] {
    var counters: [NetworkCounter] = []
    for row in try file.networkReadings() where isChosen(row) {
      let reading = CounterReading(
        source: row.source, ordinal: row.ordinal, wall: row.wall, value: row.value)
      if let last = counters.indices.last, counters[last].machine == row.machine,
        counters[last].tool == row.tool, counters[last].object == row.object,
        counters[last].name == row.counter
      {
        counters[last].readings.append(reading)
      } else {
        counters.append(
          NetworkCounter(
            machine: row.machine, isGuest: row.isGuest, tool: row.tool, object: row.object,
            name: row.counter, readings: [reading]))
      }
    }
    return try Self.apart(counters, file.sourceLabels())
  }

  /// The counters with those of files that may be of another machine as things of their own: `web1-ip.txt` and
  /// `web2-ip.txt` beside each other, both with an eth0.
  private static func apart(
    _ counters: [NetworkCounter], _ labels: [Int64: SourceLabel]
  ) -> [NetworkCounter] {
    struct Thing: Hashable {
      let machine: String
      let isKernel: Bool
      let tool: String
      let name: Substring
    }
    func thing(_ counter: NetworkCounter) -> Thing {
      let isKernel = ["ip", "proc-net-dev"].contains(counter.tool)
      return Thing(
        machine: counter.machine, isKernel: isKernel, tool: isKernel ? "" : counter.tool,
        name: counter.object.prefix { $0 != " " })
    }
    var sources: [Thing: Set<Int64>] = [:]
    for counter in counters {
      sources[thing(counter), default: []].formUnion(counter.readings.map(\.source))
    }
    let names = sources.compactMapValues { own in
      own.count < 2 ? nil : SourceLabel.apart(labels.filter { own.contains($0.key) })
    }
    return counters.flatMap { counter -> [NetworkCounter] in
      guard let names = names[thing(counter)], !names.isEmpty else { return [counter] }
      return Dictionary(grouping: counter.readings) { names[$0.source] ?? "" }.sorted {
        $0.key < $1.key
      }.map { name, readings in
        var own = counter
        own.readings = readings
        if !name.isEmpty { own.object += " (\(name))" }
        return own
      }
    }
  }

  private static func topology(
    _ file: IncidentFile, guests: [String]
  ) throws -> NetworkTopology {
    var topology = NetworkTopology()
    topology.guests = guests
    for setting in try file.settings(of: "qemu") where setting.name.hasSuffix("-netdev") {
      let words = setting.value.split(separator: ",")
      guard let name = words.first(where: { $0.hasPrefix("ifname=") })?.dropFirst(7) else {
        continue
      }
      // QEMU may call its guest otherwise than the files do; where there is one it is that one.
      let guest =
        topology.guests.contains(setting.object) || topology.guests.count != 1
        ? setting.object : topology.guests[0]
      guard !guest.isEmpty else { continue }
      topology.taps[InterfaceKey(setting.machine, String(name))] =
        TapOwner(guest, by: .commandLine)
    }
    for setting in try file.settings(of: "link") {
      let key = InterfaceKey(setting.machine, setting.object)
      if setting.name == "address" { topology.addresses[key] = setting.value }
      if setting.name == "master" {
        topology.bridges.insert(InterfaceKey(setting.machine, setting.value))
      }
    }
    for ring in try file.ringSizes() {
      let key = InterfaceKey(ring.machine, ring.object)
      var sizes = topology.rings[key] ?? (nil, nil)
      if ring.name == "current RX" { sizes.receive = ring.size }
      if ring.name == "current TX" { sizes.transmit = ring.size }
      topology.rings[key] = sizes
    }
    return topology
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    try write(to: writer)
  }

  func write(to writer: CorrelationWriter) throws {
    try Self.write(ladder, to: writer)
    try Self.write(sinceUp, to: writer, isSinceUp: true)
  }

  private static func write(
    _ ladder: NetworkLadder, to writer: CorrelationWriter, isSinceUp: Bool = false
  ) throws {
    for point in ladder.points {
      let key = point.object.map { InterfaceKey(point.machine, $0) }
      var row = NetworkPointRow(
        machine: point.machine, guest: point.guest,
        guestBy: [.tap, .tapQdisc].contains(point.place)
          ? key.flatMap { ladder.owners[$0]?.by.rawValue } : nil,
        position: point.place.rawValue,
        point: [point.place.name, point.object].compactMap(\.self).joined(separator: " "),
        direction: point.direction.rawValue, object: point.object, counters: point.counters,
        resets: Int64(point.resets), isFirstLoss: point.isFirstLoss, isSinceUp: isSinceUp)
      (row.packets, row.drops, row.requeues, row.stops) = (
        point.packets, point.drops, point.requeues, point.stops
      )
      row.kicks = point.kicks
      row.kickPackets = point.kicks == nil ? nil : point.kickedPackets
      (row.ringSize, row.from, row.to) = (point.ring, point.from, point.to)
      try writer.add(row)
    }
  }
}
