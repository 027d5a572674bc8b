import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceStore

/// What findings make of counters of every kind: what is there is used, with the confidence that it deserves.
struct CounterFindingTests {
  private struct Said: Equatable {
    let severity: String
    let confidence: String
    let sentence: String
    let next: String
  }

  private static func findings(_ incident: SmallIncident, _ code: String) throws -> [Said] {
    try incident.correlate()
    return try incident.file.findings().filter { $0.code.rawValue == code }.map {
      Said(
        severity: $0.severity.rawValue, confidence: $0.confidence.rawValue, sentence: $0.sentence,
        next: $0.nextStep)
    }
  }

  private static let header = """
    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0

    """
  private static func row(_ us: Int, _ sy: Int, _ id: Int, _ st: Int) -> String {
    " 4  0      0 812300  10240 655360    0    0     0    40 1800 2500 \(us) \(sy) \(id)  0 \(st)\n"
  }

  // MARK: Steal

  @Test("steal of vmstat without dates is told as that with dates")
  func undatedSteal() throws {
    let incident = try SmallIncident(of: [
      "guest/vmstat.txt": Self.header + Self.row(40, 20, 20, 20) + Self.row(30, 20, 10, 40)
    ])
    let found = try Self.findings(incident, "STEAL_HIDDEN")
    #expect(found.count == 1)
    #expect(found.first?.severity == "warning")
    #expect(found.first?.confidence == "low")
    #expect(
      found.first?.sentence
        == "Of the time that it counted, the guest shows 30.0 % stolen on average of 2 samples, 40.0 % at most. "
        + "Its own work (us + sy) is 55.0 %.")
    #expect(found.first?.next.hasPrefix("In the guest: read /proc/stat twice.") ?? false)
  }

  private static func stat(
    _ readings: [(iowait: Int, steal: Int)], dated: Bool = true
  ) -> String {
    readings.enumerated().map { second, reading in
      let numbers =
        "\(5000 + 500 * second) 0 \(3000 + 100 * second) \(90000 + 200 * second) \(reading.iowait) 0 0 "
        + "\(reading.steal) 0 0"
      return (dated ? "\(1_760_000_000 + 10 * second)\n" : "")
        + "cpu  \(numbers)\ncpu0 \(numbers)\n"
    }.joined()
  }

  @Test(
    "a step of iowait or a broken steal counter takes one value away, not the account",
    arguments: [
      // iowait loses a tick.
      ([(900, 100), (900, 300), (899, 500), (900, 700)], "20.0"),
      // A live migration: the new host's count.
      ([(900, 90000), (900, 90200), (900, 40), (900, 240), (900, 440)], "20.0"),
      // A broken counter: more than there is time for, and back.
      ([(900, 100), (900, 300), (900, 184_467_440_737), (900, 700), (900, 900)], "20.0"),
    ])
  func steps(_ readings: [(iowait: Int, steal: Int)], _ stolen: String) throws {
    let found = try Self.findings(
      SmallIncident(of: ["guest/stat.txt": Self.stat(readings)]), "STEAL_HIDDEN")
    #expect(found.map(\.severity) == ["warning"])
    #expect(found.map(\.confidence) == ["medium"])
    #expect(
      found.first?.sentence.contains("\(stolen) % of the guest's CPU time was stolen") ?? false,
      "\(found)")
  }

  @Test("/proc/stat without dates, and read once, is used as far as it goes")
  func statWithoutDates() throws {
    let undated = try Self.findings(
      SmallIncident(of: [
        "guest/stat.txt": Self.stat([(900, 100), (900, 300), (900, 500)], dated: false)
      ]), "STEAL_HIDDEN")
    #expect(undated.map(\.severity) == ["warning"])
    #expect(undated.map(\.confidence) == ["low"])
    #expect(undated.first?.sentence.contains("20.0 % stolen on average of 2 samples") ?? false)
    #expect(undated.first?.next.contains("each time with the date before it") ?? false)
    let once = try Self.findings(
      SmallIncident(of: ["guest/stat.txt": Self.stat([(1000, 1000)])]), "STEAL_HIDDEN")
    #expect(once.map(\.severity) == ["info"])
    #expect(once.map(\.confidence) == ["low"])
    #expect(
      once.first?.sentence.hasPrefix("Since it was started the guest counted 1.0 % of its CPU time")
        ?? false)
    // The same by vmstat -s: 200 of 1,000 ticks between the two.
    func summary(_ time: Int) -> String {
      ["non-nice user", "nice user", "system", "idle", "IO-wait", "IRQ", "softirq", "stolen"].map {
        "  \(time * ($0 == "stolen" ? 200 : $0 == "idle" ? 800 : 0)) \($0) cpu ticks\n"
      }.joined()
    }
    for isTwice in [false, true] {
      let found = try Self.findings(
        SmallIncident(of: [
          "guest/s.txt": "1760000000\n" + summary(1) + (isTwice ? "1760000010\n" + summary(2) : "")
        ]), "STEAL_HIDDEN")
      #expect(found.map(\.confidence) == ["low"])
      #expect(
        found.first?.sentence.contains(
          isTwice ? "20.0 % stolen on average of 1 sample" : "counted 20.0 % of its CPU time")
          ?? false, "\(found)")
    }
    let average = try Self.findings(
      SmallIncident(of: ["guest/vmstat.txt": Self.header]), "STEAL_HIDDEN")
    #expect(average.map(\.confidence) == ["none"])
    #expect(average.first?.sentence.contains("only the average since boot") ?? false)
  }

  private static func tasks(_ waits: [[Int]], dated: Bool = true) -> String {
    (0...5).map { second in
      (dated ? "\(1_760_000_000 + second)\n" : "")
        + waits.enumerated().map { guest, own in
          own.enumerated().map { vcpu, wait in
            "\(2842 + 100 * guest + vcpu) (CPU \(vcpu)/KVM) \((1000 - wait) * second)000000 "
              + "\(wait * second)000000 \(100 * second)\n"
          }.joined()
        }.joined()
    }.joined()
  }

  @Test("schedstat of the vCPUs' threads, without a trace: what they waited")
  func schedstat() throws {
    let incident = try SmallIncident(of: ["host/tasks.txt": Self.tasks([[400, 300]])])
    let found = try Self.findings(incident, "STEAL_HIDDEN")
    #expect(
      found.map(\.sentence) == [
        "2 vCPU threads waited 2.0 s and 1.5 s of 5.0 s for a CPU of the host, 35.0 % of their time."
      ])
    #expect(found.map(\.severity) == ["critical"])
    #expect(found.map(\.confidence) == ["medium"])
    #expect(
      try incident.rows(named: "cpu-waits") == [
        "host,,vcpu,CPU 0/KVM,2842,3000.0,2000.0,40.0,500,,,",
        "host,,vcpu,CPU 1/KVM,2843,3500.0,1500.0,30.0,500,,,",
      ])
    #expect(
      try incident.report().contains(
        "CPU 1/KVM 2843 3.500 s 1.500 s 5.000 s 30.0 %"))
    // With the guest's files there is one guest that they can be of; of two guests' threads nobody knows.
    let whose = try Self.findings(
      SmallIncident(of: [
        "host/tasks.txt": Self.tasks([[400, 300]]), "guest-web1/vmstat.txt": Self.header,
      ]), "STEAL_HIDDEN")
    #expect(whose.count == 1)
    #expect(whose.first?.sentence.hasPrefix("Its 2 vCPU threads waited") ?? false)
    let two = try Self.findings(
      SmallIncident(of: [
        "host/tasks.txt": Self.tasks([[400, 300], [100, 200]]),
        "guest-web1/vmstat.txt": Self.header,
      ]), "STEAL_HIDDEN")
    #expect(two.first?.sentence.hasPrefix("4 vCPU threads waited") ?? false)
    #expect(two.count == 2)
    let undated = try Self.findings(
      SmallIncident(of: ["host/tasks.txt": Self.tasks([[400, 300]], dated: false)]),
      "STEAL_HIDDEN")
    #expect(undated.map(\.confidence) == ["low"])
    #expect(undated.first?.sentence.contains("35.0 % of the time that they could run") ?? false)
    #expect(
      try Self.findings(
        SmallIncident(of: ["host/tasks.txt": Self.tasks([[10, 20]])]), "STEAL_HIDDEN"
      ).isEmpty)
  }

  // MARK: Network

  @Test("a tap that was read once: what it lost since it came up, and no word of now")
  func onceRead() throws {
    let tap = """
      69: tap1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast master br1 state UNKNOWN
          link/ether fe:16:3e:00:00:01 brd ff:ff:ff:ff:ff:ff
          RX: bytes  packets  errors  dropped overrun mcast
          55000342   132047   0       0       0       0
          TX: bytes  packets  errors  dropped carrier collsns
          5481296    9000     0       %       0       0

      """
    let incident = try SmallIncident(of: ["host/ip.txt": tap.replacing("%", with: "1000")])
    let found = try Self.findings(incident, "NET_DROP_BEFORE_WIRE")
    #expect(
      found.map(\.sentence) == [
        "tap tap1 of host lost 1,000 of 10,000 packets (10.0 %) on the way to the guest since the interface "
          + "came up. The counter was read once, so when is not known."
      ])
    #expect(found.map(\.severity) == ["info"])
    #expect(found.map(\.confidence) == ["low"])
    #expect(try incident.value("SELECT count(*) FROM net_path") == "0")
    // Nothing lost since it came up: nothing to say, and nothing that is not known.
    let silent = try SmallIncident(of: ["host/ip.txt": tap.replacing("%", with: "0")])
    #expect(try Self.findings(silent, "NET_DROP_BEFORE_WIRE").isEmpty)
  }

  @Test("one file for each interface, each read once: no growth is made up")
  func fileForEach() throws {
    func table(_ packets: Int) -> String {
      "NIC statistics:\n     rx_queue_0_packets: \(packets)\n     rx_queue_0_drops: 0\n"
    }
    for names in [["ethtool_-S_eth0", "ethtool_-S_eth1"], ["a.txt", "b.txt"]] {
      let incident = try SmallIncident(of: [
        "guest/\(names[0])": table(25_000_000), "guest/\(names[1])": table(37_000),
      ])
      #expect(try incident.value("SELECT count(*) FROM net_path") == "0")
      #expect(try incident.value("SELECT count(delta) FROM net_counter") == "0")
      #expect(
        try incident.value("SELECT count(DISTINCT object) FROM net_counter") == "2")
      #expect(
        !(try Self.findings(incident, "NET_DROP_BEFORE_WIRE").contains {
          $0.sentence.contains("no file counts them")
        }))
    }
  }

  private static func ethtool(_ interface: String, _ rows: [String: [Int]]) -> String {
    (0..<2).map { reading in
      "\(1_760_000_000 + 60 * reading)\n# ethtool -S \(interface)\nNIC statistics:\n"
        + rows.sorted { $0.key < $1.key }.map { "     \($0.key): \($0.value[reading])\n" }.joined()
    }.joined()
  }

  @Test("a provider's limits, by the driver's own count")
  func allowances() throws {
    let incident = try SmallIncident(of: [
      "guest/ethtool.txt": Self.ethtool(
        "ens5",
        [
          "bw_in_allowance_exceeded": [1000, 3_241_329], "pps_allowance_exceeded": [784, 784],
          "conntrack_allowance_exceeded": [0, 12],
          "conntrack_allowance_available": [615_471, 615_460],
        ])
    ])
    let found = try Self.findings(incident, "NET_DROP_BEFORE_WIRE").filter {
      $0.confidence == "medium"
    }
    #expect(found.map(\.severity) == ["warning", "warning"])
    #expect(
      found.first?.sentence
        == "bw_in_allowance_exceeded of ens5 on guest grew by 3,240,329 in 60 s: the provider queued or dropped "
        + "that many packets, because the instance's bandwidth inward was exceeded.")
    #expect(found.last?.sentence.contains("grew by 12 in 60 s: the provider dropped") ?? false)
  }

  @Test(
    "drops by the names of other drivers",
    arguments: [
      (["rx_packets": [0, 900], "rx_dropped": [5, 105]], "lost 100 of 1,000 packets (10.00 %)"),
      (
        ["rx_packets": [0, 900], "rx_out_of_buffer": [5, 105]],
        "lost 100 of 1,000 packets (10.00 %)"
      ),
      (
        [
          "rx_packets": [0, 900], "[0]: rx_discards": [0, 60], "[1]: rx_discards": [0, 40],
          "rx_total_discard_pkts": [0, 100],
        ],
        "lost 100 of 1,000 packets (10.00 %)"
      ),
      (
        ["rx_packets": [0, 900], "rx_no_buffer_count": [0, 7]], "had no buffer for a packet 7 times"
      ),
    ])
  func drivers(_ rows: [String: [Int]], _ words: String) throws {
    let found = try Self.findings(
      SmallIncident(of: ["guest/ethtool.txt": Self.ethtool("ens3", rows)]),
      "NET_DROP_BEFORE_WIRE")
    #expect(found.first?.sentence.contains(words) ?? false, "\(found)")
  }

  // MARK: Nodes, disks, memory

  @Test("numastat's columns say how many nodes there are, also read once")
  func nodes() throws {
    let incident = try SmallIncident(of: [
      "host/numastat.txt":
        "                           node0           node1\nnuma_hit                  575343          983088\n"
    ])
    let found = try Self.findings(incident, "NUMA_REMOTE")
    #expect(found.count == 1)
    #expect(!(found.first?.sentence.contains("how many nodes it has") ?? true))
    #expect(found.first?.sentence.contains("where the guests ran") ?? false)
  }

  @Test("disks, run queues and memory by the kernel's counters have their queries")
  func queries() throws {
    func disk(_ times: Int) -> String {
      "   8 0 sda \(100 * times) 0 \(2048 * times) \(500 * times) \(50 * times) 0 \(2048 * times) "
        + "\(1000 * times) 0 \(8000 * times) \(15000 * times)\n"
    }
    let incident = try SmallIncident(of: [
      "host/files.txt": (0...1).map { time in
        "\(1_760_000_000 + 10 * time)\n" + disk(time + 1)
          + "\(1_760_000_000 + 10 * time)\nversion 15\ntimestamp 4294907384\n"
          + "cpu0 0 0 7102 1051 3677 3032 \(5_000_000_000 * (time + 1)) \(20_000_000_000 * (time + 1)) 7186\n"
      }.joined(),
      "guest/vmstat.txt": Self.header + Self.row(40, 20, 20, 20) + Self.row(30, 20, 10, 40),
      "guest/proc-vmstat.txt": (0...1).map { time in
        "\(1_760_000_000 + 10 * time)\nnr_free_pages 5\npswpin \(1000 * time)\noom_kill \(2 + time)\n"
      }.joined(),
    ])
    func rows(_ name: String) throws -> [String] { try incident.rows(named: name) }
    #expect(try rows("disk-load") == ["host,sda,100,50,2.0,10.0,80.0,1.5,10.0"])
    #expect(try rows("run-queues") == ["host,0,5000.0,20000.0,2.0,0,10.0"])
    let memory = try rows("memory-load")
    #expect(memory.contains("guest,proc-vmstat,pswpin,1000,100.0,,1"))
    #expect(memory.contains("guest,proc-vmstat,oom_kill,1,0.1,,1"))
    #expect(memory.contains("guest,vmstat,r (running or waiting),,4.0,4,2"))
    let report = try incident.report()
    #expect(report.contains("host sda 100 50 10.0 ms 80.0 % 1.5"))
    #expect(report.contains("2.0 tasks waited for a CPU on average (schedstat, 1 CPU)"))
    #expect(
      report.contains("oom_kill 1; pswpin 1,000; b (blocked) 0.0 on average, 0 at most"))
    #expect(try incident.reportText().split(separator: "\n").allSatisfy { $0.count <= 80 })
  }
}
