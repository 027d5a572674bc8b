import Testing

@testable import TraceCorrelation

/// The path of packets, and where it loses first.
struct NetworkLadderTests {
  /// A counter that goes from one value to another in a second.
  private static func counter(
    _ machine: String, _ tool: String, _ object: String, _ name: String, _ from: Int64, _ to: Int64
  ) -> NetworkCounter {
    NetworkCounter(
      machine: machine, isGuest: machine != "host", tool: tool, object: object, name: name,
      readings: [
        CounterReading(source: 1, ordinal: 0, wall: 0, value: from),
        CounterReading(source: 1, ordinal: 1, wall: 1_000_000_000, value: to),
      ])
  }

  private static func tap(
    _ name: String, toGuest: Int64, lost: Int64, fromGuest: Int64, refused: Int64 = 0
  ) -> [NetworkCounter] {
    [
      counter("host", "ip", name, "tx_packets", 50, 50 + toGuest),
      counter("host", "ip", name, "tx_dropped", 17, 17 + lost),
      counter("host", "ip", name, "rx_packets", 60, 60 + fromGuest),
      counter("host", "ip", name, "rx_dropped", 0, refused),
    ]
  }

  private static func only(_ guest: String) -> NetworkTopology {
    var topology = NetworkTopology()
    topology.guests = [guest]
    return topology
  }

  @Test("what a tap transmits is what its guest receives; the first loss is told per direction")
  func tapsSide() {
    let ladder = NetworkLadder(
      Self.tap("tap0", toGuest: 900, lost: 100, fromGuest: 400)
        + [
          Self.counter("vm1", "ip", "eth0", "rx_packets", 0, 900),
          Self.counter("vm1", "ip", "eth0", "rx_dropped", 0, 3),
          Self.counter("vm1", "tc", "eth0 root fq_codel 0:", "packets", 0, 400),
          Self.counter("vm1", "tc", "eth0 root fq_codel 0:", "dropped", 0, 5),
          Self.counter("vm1", "tc", "eth0 parent :1 fq_codel 0:", "dropped", 0, 5),
        ], Self.only("vm1"))
    #expect(ladder.owners[InterfaceKey("host", "tap0")] == TapOwner("vm1", by: .onlyGuest))
    let lost = ladder.points.filter { ($0.drops ?? 0) > 0 }
    #expect(lost.map(\.place) == [.guestQdisc, .guestDriver, .tap])
    #expect(lost.map(\.drops) == [5, 3, 100])
    // On the way in the tap comes before the driver, on the way out the qdisc is first.
    #expect(lost.map(\.isFirstLoss) == [true, false, true])
    #expect(lost[2].direction == .toGuest)
    #expect(lost[2].guest == "vm1")
  }

  @Test("counters that stand still lose nothing: no point is first")
  func silent() {
    let ladder = NetworkLadder(
      Self.tap("tap0", toGuest: 900, lost: 0, fromGuest: 400), Self.only("vm1"))
    #expect(ladder.points.count == 2)
    #expect(ladder.points.allSatisfy { $0.drops == 0 && !$0.isFirstLoss })
  }

  @Test("a tap is the guest's that QEMU names, or that has its address or its packets")
  func owners() {
    var topology = NetworkTopology()
    topology.guests = ["a", "b", "c"]
    topology.taps[InterfaceKey("host", "laba0")] = TapOwner("a", by: .commandLine)
    topology.addresses[InterfaceKey("host", "vnet1")] = "fe:54:00:77:01:02"
    topology.addresses[InterfaceKey("b", "eth0")] = "52:54:00:77:01:02"
    let ladder = NetworkLadder(
      Self.tap("laba0", toGuest: 10, lost: 1, fromGuest: 10)
        + Self.tap("vnet1", toGuest: 5000, lost: 1, fromGuest: 5000)
        + Self.tap("vnet2", toGuest: 7000, lost: 1, fromGuest: 3000)
        + Self.tap("vnet3", toGuest: 2000, lost: 1, fromGuest: 9000)
        + [
          Self.counter("c", "ethtool", "#1 rx 0", "packets", 0, 7003),
          Self.counter("c", "ethtool", "#1 tx 0", "packets", 0, 2999),
        ], topology)
    #expect(ladder.owners[InterfaceKey("host", "laba0")]?.by == .commandLine)
    #expect(ladder.owners[InterfaceKey("host", "vnet1")] == TapOwner("b", by: .address))
    #expect(ladder.owners[InterfaceKey("host", "vnet2")] == TapOwner("c", by: .counters))
    #expect(ladder.owners[InterfaceKey("host", "vnet3")] == nil)
    // A tap of nobody known is a way of its own.
    let first = ladder.points.filter(\.isFirstLoss)
    #expect(first.map(\.guest) == ["a", "b", "c", nil])
  }

  @Test("two taps of one known guest are not guessed to be its")
  func ambiguous() {
    let ladder = NetworkLadder(
      Self.tap("tap0", toGuest: 10, lost: 0, fromGuest: 10)
        + Self.tap("tap1", toGuest: 10, lost: 0, fromGuest: 10), Self.only("vm1"))
    #expect(ladder.owners.isEmpty)
    #expect(ladder.points.allSatisfy { $0.guest == nil })
  }

  @Test("ip's count and /proc/net/dev's of the same packets are one series")
  func oneCountOfTwoTools() {
    let ladder = NetworkLadder(
      [
        Self.counter("vm1", "ip", "eth0", "rx_packets", 0, 900),
        Self.counter("vm1", "ip", "eth0", "rx_dropped", 0, 3),
        Self.counter("vm1", "ip", "eth0", "rx_missed", 0, 4),
        NetworkCounter(
          machine: "vm1", isGuest: true, tool: "proc-net-dev", object: "eth0", name: "rx_drop",
          readings: [
            CounterReading(source: 2, ordinal: 0, wall: 500_000_000, value: 4),
            CounterReading(source: 2, ordinal: 1, wall: 1_400_000_000, value: 9),
          ]),
      ], Self.only("vm1"))
    let point = ladder.points.first { $0.direction == .toGuest }
    #expect(point?.drops == 9)
    #expect(point?.packets == 900)
  }

  @Test(
    "drivers of other names: a loss in sum and for each queue counts once, the hardware's besides")
  func drivers() {
    let ladder = NetworkLadder(
      [
        Self.counter("vm1", "ethtool", "ens5", "rx_packets", 0, 1000),
        Self.counter("vm1", "ethtool", "ens5", "rx_dropped", 5, 12),
        Self.counter("vm1", "ethtool", "ens5", "[0]: rx_drops", 0, 3),
        Self.counter("vm1", "ethtool", "ens5", "[1]: rx_drops", 0, 4),
        Self.counter("vm1", "ethtool", "ens5", "rx_missed_errors", 0, 100),
        Self.counter("vm1", "ethtool", "ens5", "rx_no_buffer_count", 0, 900),
        Self.counter("host", "ethtool", "eno1", "rx_out_of_buffer", 0, 6),
        Self.counter("host", "ip", "eno1", "rx_packets", 0, 500),
        Self.counter("host", "ip", "eno1", "rx_dropped", 0, 0),
      ], Self.only("vm1"))
    #expect(ladder.points.map(\.place) == [.guestDriver, .nic])
    #expect(ladder.points.map(\.drops) == [107, 6])
    #expect(ladder.points.map(\.packets) == [1000, 500])
    #expect(ladder.points[1].counters == "rx_out_of_buffer")
  }

  @Test("one counter that falls is no reset of its interface; all of them are")
  func resets() {
    func ladder(_ names: [(String, Int64, Int64)]) -> [NetworkPoint] {
      NetworkLadder(
        names.map { Self.counter("host", "ip", "tap0", $0.0, $0.1, $0.2) }, Self.only("vm1")
      ).points.filter { $0.direction == .toGuest }
    }
    let one = ladder([("tx_packets", 1000, 1500), ("tx_dropped", 900, 20), ("tx_bytes", 10, 20)])
    #expect(one.map(\.drops) == [0])
    #expect(one.map(\.resets) == [0])
    let all = ladder([("tx_packets", 1000, 150), ("tx_dropped", 900, 20), ("tx_bytes", 90, 20)])
    #expect(all.map(\.drops) == [20])
    #expect(all.map(\.packets) == [150])
    #expect(all.map(\.resets) == [1])
  }

  @Test("tables without a name: one is the guest's only interface, of two nobody knows")
  func unnamed() {
    func points(_ objects: [String]) -> [NetworkPoint] {
      NetworkLadder(
        objects.map { Self.counter("vm1", "ethtool", "\($0) rx 0", "packets", 0, 7) },
        Self.only("vm1")
      ).points
    }
    #expect(points(["#3:1"]).map(\.object) == [nil])
    #expect(points(["#3:1", "#4:1"]).map(\.object) == ["#3:1", "#4:1"])
  }

  @Test("what was read but once is what it lost since the interface came up")
  func sinceUp() {
    let counters = [("tx_packets", Int64(81_741_449)), ("tx_dropped", 11_155_280)].map {
      NetworkCounter(
        machine: "host", isGuest: false, tool: "ip", object: "tap1", name: $0.0,
        readings: [CounterReading(source: 1, ordinal: 0, wall: nil, value: $0.1)])
    }
    #expect(NetworkLadder(counters, Self.only("vm1")).points.isEmpty)
    let points = NetworkLadder(counters, Self.only("vm1"), sinceUp: true).points
    #expect(points.map(\.packets) == [81_741_449])
    #expect(points.map(\.drops) == [11_155_280])
  }

  @Test("files without dates that contradict each other's order are no series")
  func noOrder() {
    func points(_ files: [(packets: Int64, dropped: Int64)]) -> [Int64?] {
      let counters = ["tx_packets", "tx_dropped"].map { name in
        NetworkCounter(
          machine: "host", isGuest: false, tool: "ip", object: "tap0", name: name,
          readings: files.enumerated().map { source, file in
            CounterReading(
              source: Int64(source), ordinal: 0, wall: nil,
              value: name == "tx_packets" ? file.packets : file.dropped)
          })
      }
      return NetworkLadder(counters, Self.only("vm1")).points.map(\.drops)
    }
    #expect(points([(1000, 5), (4000, 25)]) == [20])
    #expect(points([(4000, 25), (1000, 5)]) == [20])
    #expect(points([(1000, 25), (4000, 5)]).isEmpty)
  }
}
