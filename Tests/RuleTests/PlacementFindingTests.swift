import Foundation
import TestSupport
import Testing
import TraceModel

/// Whose memory is remote, from files as people record them to the finding.
struct PlacementFindingTests {
  /// A host with two nodes (CPUs 0 and 1, 2 and 3) whose guest runs `runs` milliseconds on each CPU in turn,
  /// and has so many MiB on each node.
  static func incident(
    runs: [(cpu: Int, milliseconds: Int)], memory: [Int]?, hasNodes: Bool = true
  ) throws -> SmallIncident {
    let incident = try SmallIncident()
    func write(_ name: String, _ text: String) throws {
      try incident.add(text + "\n", "host", "host", path: "host/\(name)")
    }
    if hasNodes {
      try write(
        "lscpu.txt",
        """
        # The following is the parsable format, which can be fed to other
        # programs. Each different item in every column has an unique ID
        # starting usually from zero.
        # CPU,Core,Socket,Node,,L1d,L1i,L2,L3
        0,0,0,0,,0,0,0,0
        1,1,0,0,,1,1,1,0
        2,2,1,1,,2,2,2,1
        3,3,1,1,,3,3,3,1
        """)
    }
    try write(
      "qmp-cpus-web1.json",
      """
      {"return": [{"thread-id": 587, "cpu-index": 0, "target": "x86_64", \
      "qom-path": "/machine/unattached/device[0]"}]}
      """)
    try write("threads.txt", "    PID     TID PSR COMMAND\n    579     587   0 CPU 0/KVM")
    if let memory {
      let header = memory.indices.map { "Node \($0)".padding(to: 16) }.joined()
      try write(
        "numastat-p.txt",
        """

        Per-node process memory usage (in MBs) for PID 579 (qemu-system-x86)
                         \(header)           Total
                          --------------- --------------- ---------------
        Total            \(memory.map { "\($0).00".padding(to: 16) }.joined())\
        \("\(memory.reduce(0, +)).00".padding(to: 16))
        """)
    }
    var lines: [String] = []
    var now = 10_000_000
    func at(_ cpu: Int, _ comm: String, _ tid: Int, _ event: String) {
      let time = HandMadePair.seconds(now)
      lines.append("\(comm) \(tid) [00\(cpu)] \(time): sched:\(event)")
    }
    for (cpu, milliseconds) in runs {
      at(
        cpu, "swapper", 0,
        "sched_switch: prev_comm=swapper/\(cpu) prev_pid=0 prev_prio=120 prev_state=R ==> "
          + "next_comm=CPU 0/KVM next_pid=587 next_prio=120")
      now += milliseconds * 1000
      at(
        cpu, "CPU 0/KVM", 587,
        "sched_switch: prev_comm=CPU 0/KVM prev_pid=587 prev_prio=120 prev_state=S ==> "
          + "next_comm=swapper/\(cpu) next_pid=0 next_prio=120")
      now += 500
    }
    try write("perf-sched.txt", lines.joined(separator: "\n"))
    _ = try incident.machine("web1", .guest)
    return incident
  }

  private static func finding(_ incident: SmallIncident, _ code: String) throws -> String {
    try incident.value(
      """
      SELECT coalesce(group_concat(severity || ' ' || confidence, '; '), 'silent')
      FROM finding WHERE code = '\(code)'
      """)
  }

  @Test("runs on one node, memory on the other: remote, and by how much")
  func remote() throws {
    let incident = try Self.incident(runs: [(0, 30), (1, 10)], memory: [40, 160])
    #expect(try Self.finding(incident, "NUMA_REMOTE") == "warning medium")
    #expect(try Self.finding(incident, "NUMA_SPANNING") == "silent")
    let nodes = try incident.value(
      """
      SELECT group_concat(node || ' ' || run_share || ' ' || memory_share || ' ' || remote_share || ' '
        || migrations, '; ') FROM numa_placement
      """)
    #expect(nodes == "0 1.0 0.2 0.8 0; 1 0.0 0.8 0.0 0")
    let sentence = try incident.value("SELECT sentence FROM finding WHERE code = 'NUMA_REMOTE'")
    #expect(sentence.contains("80.0 %") && sentence.contains("node 0"))
  }

  @Test("memory beside the virtual CPUs: silent")
  func local() throws {
    let incident = try Self.incident(runs: [(2, 30), (3, 10)], memory: [4, 196])
    #expect(try Self.finding(incident, "NUMA_REMOTE") == "silent")
    #expect(try Self.finding(incident, "NUMA_SPANNING") == "silent")
  }

  @Test("a virtual CPU that goes from node to node spans; its moves are kept with their times")
  func spanning() throws {
    let incident = try Self.incident(
      runs: [(0, 30), (2, 30), (1, 20), (3, 20)], memory: [100, 100])
    #expect(try Self.finding(incident, "NUMA_SPANNING") == "warning medium")
    #expect(
      try incident.value(
        "SELECT group_concat(from_node || to_node || ' ' || own_ns, '; ') FROM numa_migration")
        == "01 10030500000; 10 10061000000; 01 10081500000")
    #expect(try incident.value("SELECT sum(remote_share) FROM numa_placement") == "0.5")
  }

  @Test("what is missing is named, and nothing is said of the rest")
  func missing() throws {
    let unknown = try Self.incident(runs: [(0, 30)], memory: nil)
    #expect(try Self.finding(unknown, "NUMA_REMOTE") == "info none")
    #expect(
      try unknown.value("SELECT sentence FROM finding WHERE code = 'NUMA_REMOTE'")
        .contains("numastat -p"))
    let nodes = try Self.incident(runs: [(0, 30)], memory: nil, hasNodes: false)
    #expect(try Self.finding(nodes, "NUMA_REMOTE") == "info none")
  }
}

extension String {
  /// At the right of so many columns.
  fileprivate func padding(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}
