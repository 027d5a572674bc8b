import Foundation
import TestSupport
import Testing

/// Readings under one name that may be of two things, and readings of one thing that are there twice.
struct ApartCountersTests {
  private static func rows(_ incident: SmallIncident, _ sql: String) throws -> [String] {
    try incident.rows(sql)
  }

  private static func sentences(_ incident: SmallIncident, _ code: String) throws -> String {
    try rows(
      incident,
      "SELECT severity, confidence, sentence, because, next_step FROM finding WHERE code = '\(code)'"
    ).joined(separator: "\n")
  }

  // MARK: Whose readings

  private static func ethtool(_ packets: Int, _ drops: Int) -> String {
    """
    NIC statistics:
         rx_queue_0_packets: \(packets)
         rx_queue_0_drops: \(drops)

    """
  }

  private static func link(
    _ name: String, _ packets: Int, _ dropped: Int, index: Int = 4,
    address: String = "52:54:00:01:02:03", isTransmit: Bool = false
  ) -> String {
    let numbers = "  900 \(packets)  0  \(dropped)  0  0\n"
    let zero = "  900 10  0  0  0  0\n"
    return "\(index): \(name): <BROADCAST,UP> mtu 1500 qdisc fq_codel state UP\n"
      + "    link/ether \(address) brd ff:ff:ff:ff:ff:ff\n"
      + "    RX:  bytes packets errors dropped  missed   mcast\n" + (isTransmit ? zero : numbers)
      + "    TX:  bytes packets errors dropped carrier collsns\n" + (isTransmit ? numbers : zero)
  }

  private static func netDev(_ packets: Int, _ drop: Int) -> String {
    "Inter-|   Receive                            |  Transmit\n"
      + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
      + "  eth0: 900 \(packets) 0 \(drop) 0 0 0 0 900 10 0 0 0 0 0 0\n"
  }

  @Test(
    "a heading names the interface of the table below it",
    arguments: [
      "==> % <==", "=== % ===", "--- % ---", "## %", "# %", "*** % ***", "== % statistics ==", "%",
      "%:",
    ])
  func headings(_ heading: String) throws {
    func text(_ name: String, _ packets: Int, _ drops: Int) -> String {
      heading.replacing("%", with: name) + "\n" + Self.ethtool(packets, drops)
    }
    let incident = try SmallIncident(of: [
      "guest/e.txt": text("ens3", 400, 0) + text("ens4", 9000, 700)
    ])
    #expect(
      try Self.rows(
        incident,
        "SELECT object, value, delta FROM counter_value WHERE counter = 'drops' ORDER BY 1")
        == ["ens3 rx 0,0,", "ens4 rx 0,700,"])
    #expect(try Self.rows(incident, "SELECT point FROM net_path").isEmpty)
    #expect(
      try Self.sentences(incident, "NET_DROP_BEFORE_WIRE").contains(
        "ens4 of guest lost 700 of 9,700 packets (7.2 %) on the way to the guest since the interface came up"
      ))
  }

  @Test("with a date behind each heading they are two series, each with its growth")
  func datedHeadings() throws {
    let text = (0..<3).map { turn in
      "--- ens3 ---\n\(1_760_000_000 + 10 * turn)\n" + Self.ethtool(400 + turn, 0)
        + "--- ens4 ---\n\(1_760_000_001 + 10 * turn)\n"
        + Self.ethtool(9000 + 100 * turn, 700 + turn)
    }.joined()
    let incident = try SmallIncident(of: ["guest/e.txt": text])
    #expect(
      try Self.rows(
        incident, "SELECT object, drops, packets FROM net_path WHERE drops IS NOT NULL ORDER BY 1")
        == ["ens3,0,2", "ens4,2,200"])
  }

  @Test(
    "below the headings of two machines, at two prompts and in two namespaces one name is two things",
    arguments: [
      ["=== web1 ===\n", "=== web2 ===\n", "web2"],
      ["[root@web1 ~]# ip -s link\n", "[root@web2 ~]# ip -s link\n", "web2"],
      ["web1:~ # ip -s link\n", "web2:~ # ip -s link\n", "web2"],
      ["# ip netns exec a ip -s link\n", "# ip netns exec b ip -s link\n", "in b"],
      ["$ ip -n a -s link\n", "$ ip -n b -s link\n", "in b"],
      ["$ ssh web1 ip -s link\n", "$ ssh -p 22 root@web2 ip -s link\n", "web2"],
      ["=== web1 ===\n--- network ---\n", "=== web2 ===\n--- network ---\n", "web2"],
    ])
  func places(_ texts: [String]) throws {
    let incident = try SmallIncident(of: [
      "guest/n.txt": texts[0] + Self.link("eth0", 400, 0) + texts[1] + Self.link("eth0", 9000, 700)
    ])
    #expect(
      try Self.rows(
        incident,
        "SELECT object, value, delta FROM counter_value WHERE counter = 'rx_dropped' ORDER BY 1")
        == ["eth0,0,", "eth0 (\(texts[2])),700,"])
    #expect(try Self.rows(incident, "SELECT point FROM net_path").isEmpty)
    #expect(
      try Self.rows(incident, "SELECT excerpt FROM problem WHERE kind = 'kept_apart'")
        == ["eth0 (\(texts[2]))"])
  }

  @Test(
    "headings that say when, or a prompt that stays, leave one thing one",
    arguments: [
      ["=== before ===\n", "=== after ===\n"], ["=== sample 1 ===\n", "=== sample 2 ===\n"],
      ["==> netdev-1.txt <==\n", "==> netdev-2.txt <==\n"],
      ["--- network ---\n", "--- network ---\n"],
      ["[root@web1 ~]# ip -s link\n", "[root@web1 tmp]# ip -s link\n"],
      ["=== web1 ===\n--- network ---\n", "--- cpu ---\n--- network ---\n"],
    ])
  func moments(_ texts: [String]) throws {
    let incident = try SmallIncident(of: [
      "guest/n.txt": texts[0] + Self.link("eth0", 400, 0) + texts[1] + Self.link("eth0", 900, 70)
    ])
    #expect(
      try Self.rows(incident, "SELECT drops, packets FROM net_path WHERE direction = 'to_guest'")
        == ["70,500"])
  }

  @Test(
    "with another index or address an interface is another one",
    arguments: [(4, "52:54:00:09:09:09"), (17, "52:54:00:01:02:03"), (17, "52:54:00:09:09:09")])
  func madeAnew(_ index: Int, _ address: String) throws {
    let incident = try SmallIncident(of: [
      "host/ip.txt": "1760000000\n" + Self.link("vnet0", 100, 0, isTransmit: true)
        + "1760000010\n"
        + Self.link("vnet0", 9000, 700, index: index, address: address, isTransmit: true)
        + "1760000020\n"
        + Self.link("vnet0", 9500, 720, index: index, address: address, isTransmit: true)
    ])
    let name = index == 4 ? "tap vnet0 (\(address))" : "tap vnet0 (index \(index))"
    #expect(
      try Self.rows(
        incident, "SELECT point, drops, packets FROM net_path WHERE direction = 'to_guest'")
        == ["\(name),20,500"])
  }

  @Test(
    "files whose names differ in a machine are of two, those of two moments of one",
    arguments: [
      ("web1-netdev.txt", "web2-netdev.txt", false), ("web1/netdev.txt", "web2/netdev.txt", false),
      ("netdev-before.txt", "netdev-after.txt", true), ("netdev1.txt", "netdev2.txt", true),
      ("2026-10-07_10.00.txt", "2026-10-07_10.05.txt", true), ("ip.txt", "netdev.txt", true),
    ])
  func files(_ first: String, _ second: String, _ isOne: Bool) throws {
    let incident = try SmallIncident(of: [
      "guest/\(first)": Self.netDev(400, 0), "guest/\(second)": Self.netDev(9000, 700),
    ])
    #expect(
      try Self.rows(incident, "SELECT drops FROM net_path WHERE direction = 'to_guest'")
        == (isOne ? ["700"] : []))
    #expect(
      try Self.rows(
        incident, "SELECT object, drops FROM net_total WHERE direction = 'to_guest' ORDER BY drops")
        == (isOne ? [] : ["eth0,0", "eth0 (web2),700"]))
  }

  @Test("dated files of two machines are no series either")
  func datedFiles() throws {
    let incident = try SmallIncident(of: [
      "guest/web1.txt": "1760000000\n" + Self.netDev(400, 0) + "1760000010\n" + Self.netDev(500, 0),
      "guest/web2.txt": "1760000020\n" + Self.netDev(9000, 700) + "1760000030\n"
        + Self.netDev(9100, 701),
    ])
    #expect(
      try Self.rows(
        incident, "SELECT object, drops FROM net_path WHERE direction = 'to_guest' ORDER BY 1")
        == ["eth0,0", "eth0 (web2),1"])
    #expect(
      try Self.rows(
        incident, "SELECT sum(delta) FROM counter_value WHERE counter = 'rx_drop'") == ["1"])
  }

  private static func cpu(_ user: Int, _ idle: Int, _ steal: String) -> String {
    ["cpu ", "cpu0"].map { "\($0) \(user) 0 300 \(idle) 20 0 0 \(steal) 0 0\n" }.joined()
  }

  @Test("/proc/stat of two machines in one file is stolen time of neither")
  func twoMachines() throws {
    let incident = try SmallIncident(of: [
      "guest/s.txt": "=== db1 ===\n" + Self.cpu(500, 9000, "10") + "=== db2 ===\n"
        + Self.cpu(50_000, 900_000, "300000")
    ])
    #expect(try Self.rows(incident, "SELECT guest FROM steal").isEmpty)
    #expect(try !Self.sentences(incident, "STEAL_HIDDEN").contains("on average"))
  }

  // MARK: One thing twice

  @Test(
    "ip and /proc/net/dev side by side count the same packets once",
    arguments: [true, false], ["guest", "host"])
  func twoTools(_ isDated: Bool, _ machine: String) throws {
    let text = (0..<4).map { turn in
      (isDated ? "\(1_760_000_000 + 10 * turn)\n" : "") + "# ip -s link\n"
        + Self.link("eth0", 5000 + 500 * turn, 20 * turn) + "# cat /proc/net/dev\n"
        + Self.netDev(5000 + 500 * turn, 20 * turn)
    }.joined()
    let incident = try SmallIncident(of: ["\(machine)/all.txt": text])
    #expect(
      try Self.rows(incident, "SELECT drops, packets FROM net_path WHERE direction = 'to_guest'")
        == ["60,1500"])
  }

  @Test("numastat and the files of its nodes side by side count the same pages once")
  func twoTables() throws {
    let text = (0..<3).map { turn in
      let (hit, other) = (1000 + 100 * turn, 10 + 50 * turn)
      return "\(1_760_000_000 + 10 * turn)\n# numastat\n"
        + "                           node0           node1\n"
        + "numa_hit                    \(hit)            5000\n"
        + "other_node                  \(other)               0\n"
        + "# grep . /sys/devices/system/node/node*/numastat\n"
        + "/sys/devices/system/node/node0/numastat:numa_hit \(hit)\n"
        + "/sys/devices/system/node/node0/numastat:other_node \(other)\n"
    }.joined()
    let incident = try SmallIncident(of: ["host/all.txt": text])
    #expect(
      try Self.rows(
        incident, "SELECT sum(numa_hit), sum(other_node) FROM numa_counter WHERE node = 0")
        == ["200,100"])
    #expect(
      try Self.rows(
        incident,
        "SELECT DISTINCT interval_ns FROM counter_value WHERE counter = 'numa_hit' AND object = '0' AND delta > 0"
      )
        == ["10000000000"])
  }

  @Test("of vmstat files that overlap each second counts once")
  func overlap() throws {
    func text(_ seconds: ClosedRange<Int>, _ steal: Int) -> String {
      "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----\n"
        + " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC\n"
        + seconds.map {
          " 1  0      0 812344  10240 655360    0    0     1     4   80  100 40  10 30  0 \(steal) "
            + "2026-10-07 10:15:\($0)\n"
        }.joined()
    }
    let incident = try SmallIncident(of: [
      "guest/long.txt": text(10...30, 20), "guest/short.txt": text(25...40, 20),
    ])
    #expect(
      try Self.sentences(incident, "STEAL_HIDDEN").contains(
        "20.0 % stolen on average of 30 samples"))
  }

  // MARK: Steps back

  @Test(
    "an interval in which a sum of CPU time falls, or is missing, is left out; the next ones count",
    arguments: [
      // Steal goes on from another host's; idle falls; steal cannot be read once.
      ([100, 200, 300, 150, 250, 350], [0, 100, 200, 300, 400, 500]),
      ([100, 200, 300, 400, 500, 600], [5000, 5100, 5200, 4600, 4700, 4800]),
      ([100, 200, -1, 400, 500, 600], [0, 100, 200, 300, 400, 500]),
    ])
  func stepsBack(_ steal: [Int], _ idle: [Int]) throws {
    for isDated in [true, false] {
      let text = steal.indices.map { turn in
        (isDated ? "\(1_760_000_000 + 4 * turn)\n" : "")
          + Self.cpu(
            1000 + 200 * turn, 9000 + idle[turn],
            steal[turn] < 0 ? "18446744073709551000" : "\(steal[turn])")
      }.joined()
      let incident = try SmallIncident(of: ["guest/stat.txt": text])
      let samples = steal.contains(-1) ? 3 : 4
      let said = try Self.sentences(incident, "STEAL_HIDDEN")
      #expect(
        said.contains("25.0 % stolen on average of \(samples) samples, 25.0 % at most"), "\(said)")
      if isDated { #expect(said.contains("25.0 % of the guest's CPU time was stolen"), "\(said)") }
      if steal[3] == 150 {
        #expect(
          try Self.rows(
            incident,
            "SELECT delta FROM counter_value WHERE counter = 'steal' AND kind = 'cpu' AND delta IS NOT NULL"
          )
            == ["100", "100", "0", "100", "100"])
      }
    }
  }

  // MARK: What a loss is

  @Test("frames that nobody wanted are in a guest's rx_dropped: no cause is named")
  func unwanted() throws {
    let incident = try SmallIncident(of: [
      "guest/n.txt": "1760000000\n" + Self.netDev(100, 5) + "1760000010\n" + Self.netDev(160, 10)
    ])
    let said = try Self.sentences(incident, "NET_DROP_BEFORE_WIRE")
    #expect(said.contains("warning,medium"), "\(said)")
    #expect(said.contains("lost 5 of 65 packets") && said.contains("frames that nobody wanted"))
    #expect(!said.contains("The guest had no buffer for them") && !said.contains("local queue"))
  }

  @Test("where the queues of the driver count them all, they had no buffer")
  func noBuffer() throws {
    let incident = try SmallIncident(of: [
      "guest/n.txt": "1760000000\n# ethtool -S eth0\n" + Self.ethtool(100, 5) + Self.netDev(100, 5)
        + "1760000010\n# ethtool -S eth0\n" + Self.ethtool(160, 10) + Self.netDev(160, 10)
    ])
    let said = try Self.sentences(incident, "NET_DROP_BEFORE_WIRE")
    #expect(said.contains("critical,high"), "\(said)")
    #expect(said.contains("lost 5 of 65 packets") && said.contains("ethtool -G eth0 rx 1024"))
  }

  @Test("a buffer that was short is no count of lost packets, in the table neither")
  func shortage() throws {
    func table(_ turn: Int) -> String {
      "\(1_760_000_000 + 60 * turn)\n# ethtool -S ens5\nNIC statistics:\n     rx_packets: \(1000 * turn)\n"
        + "     rx_no_buffer_count: \(7000 * turn)\n"
    }
    let incident = try SmallIncident(of: ["guest/e.txt": table(1) + table(2)])
    let report = try incident.reportText()
    #expect(report.contains("no buffer: 7,000"))
    #expect(!report.contains("<- loses first"))
  }

  @Test("what a macvtap receives is for the guest, what a tap and Xen's vif transmit is")
  func directions() throws {
    for (name, isTransmit) in [("macvtap0", false), ("tap0", true), ("vif1.0", true)] {
      let incident = try SmallIncident(of: [
        "host/ip.txt": "1760000000\n" + Self.link(name, 100, 0, isTransmit: isTransmit)
          + "1760000010\n" + Self.link(name, 1000, 50, isTransmit: isTransmit)
      ])
      #expect(
        try Self.rows(
          incident, "SELECT point, drops, packets FROM net_path WHERE direction = 'to_guest'")
          == ["tap \(name),50,900"])
    }
  }

  @Test("what tc drops where an interface's packets enter is told")
  func ingress() throws {
    func qdisc(_ turn: Int) -> String {
      "\(1_760_000_000 + 10 * turn)\nqdisc ingress ffff: dev tap3 parent ffff:fff1 ---------------- \n"
        + " Sent 900 bytes \(1000 * turn) pkt (dropped \(40 * turn), overlimits 0 requeues 0) \n"
        + " backlog 0b 0p requeues 0\n"
    }
    let incident = try SmallIncident(of: ["host/t.txt": qdisc(1) + qdisc(2)])
    #expect(
      try Self.rows(incident, "SELECT point, direction, drops, packets FROM net_path")
        == ["tap qdisc tap3,from_guest,40,960"])
    let said = try Self.sentences(incident, "NET_DROP_BEFORE_WIRE")
    #expect(
      said.contains("lost 40 of 1,000 packets") && said.contains("tc -s filter show dev tap3"))
  }

  @Test("a disk busier than time passed contradicts itself")
  func busy() throws {
    let incident = try SmallIncident(of: [
      "guest/d.txt": "1760000000\n 254 0 vda 0 0 0 0 0 0 0 0 0 0 0\n"
        + "1760000001\n 254 0 vda 10 0 80 100 0 0 0 0 0 7000 7000\n"
    ])
    let report = try incident.reportText()
    #expect(report.contains("contradicts itself"))
    #expect(report.split(separator: "\n").contains { $0.contains("vda") && $0.contains("?") })
  }

  // MARK: The least that can be told

  @Test("a single row of vmstat, and vmstat without st, are told for what they are")
  func vmstat() throws {
    let header =
      "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n"
    let columns = " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa"
    let row = " 1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 76  1"
    let once = try Self.sentences(
      SmallIncident(of: ["guest/vmstat.txt": header + columns + " st\n" + row + " 20\n"]),
      "STEAL_HIDDEN")
    #expect(once.contains("info,low") && once.contains("counted 20 % of its CPU time as stolen"))
    let without = try Self.sentences(
      SmallIncident(of: [
        "guest/vmstat.txt": header + columns + "\n" + row + "\n" + row + "\n" + row + "\n"
      ]), "STEAL_HIDDEN")
    #expect(without.contains("no column st"))
  }

  @Test("schedstat of vCPU threads that was read once is told as an average")
  func tasksOnce() throws {
    let said = try Self.sentences(
      SmallIncident(of: [
        "host/t.txt": "2842 (CPU 0/KVM) 70000000000 30000000000 100\n2850 (IO io1) 5 900 1\n"
      ]), "STEAL_HIDDEN")
    #expect(said.contains("info,low") && said.contains("waited 30.0 s"), "\(said)")
    #expect(said.contains("30.0 % of the time that it could run. That was read once"))
  }

  @Test(
    "schedstat as grep and head print it",
    arguments: [
      "/proc/70/task/72/schedstat:%\n", "==> /proc/70/task/72/schedstat <==\n%\n\n",
      "$ cat /proc/70/task/72/schedstat\n%\n",
    ])
  func taskFiles(_ form: String) throws {
    let text = ["0 0 0", "600 400 10"].enumerated().map {
      "\(1_760_000_000 + 10 * $0)\n" + form.replacing("%", with: $1)
    }.joined()
    let incident = try SmallIncident(of: ["host/t.txt": text])
    #expect(
      try Self.rows(incident, "SELECT tid, run_ns, wait_ns, readings FROM task_wait")
        == ["72,600,400,2"])
  }
}
