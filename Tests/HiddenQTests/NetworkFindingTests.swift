import Foundation
import TestSupport
import Testing

/// Losses before the wire, from files as people record them to the finding.
struct NetworkFindingTests {
  /// A capture of a guest and its host with one tap, which loses so many packets on the way in.
  private static func capture(lost: Int) throws -> String {
    let folder = try Repository.temporaryFolder()
    func write(_ path: String, _ text: String) throws {
      let file = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    func link(_ second: Int, received: Int, transmitted: Int, dropped: Int) -> String {
      """
      17953378\(second).5
      7: tap0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel master br0 state UP
          link/ether fe:54:00:12:34:00 brd ff:ff:ff:ff:ff:ff
          RX:  bytes packets errors dropped  missed   mcast
             89678066 \(received)      0       0       0       0
          TX:  bytes packets errors dropped carrier collsns
               547869 \(transmitted)      0      \(dropped)       0       0

      """
    }
    // Two files: the second goes on where the first ends.
    try write(
      "host/ip-before.txt",
      link(15, received: 100, transmitted: 1000, dropped: 17)
        + link(16, received: 150, transmitted: 2000, dropped: 17 + lost / 2))
    try write(
      "host/ip-after.txt",
      link(17, received: 180, transmitted: 3000, dropped: 17 + lost / 2)
        + link(19, received: 300, transmitted: 11_000, dropped: 17 + lost))
    try write(
      "guest-web1/ethtool.txt",
      """
      1795337815.5
      NIC statistics:
           rx_queue_0_packets: 1000
           rx_queue_0_drops: 0
           tx_queue_0_packets: 100
           tx_queue_0_kicks: 40
      1795337819.5
      NIC statistics:
           rx_queue_0_packets: 11000
           rx_queue_0_drops: 0
           tx_queue_0_packets: 300
           tx_queue_0_kicks: 140

      """)
    return folder.path
  }

  private static func rows(_ incident: String, _ sql: String) throws -> [[String: String]] {
    let outcome = try Program.run("query", incident, sql, "--format", "csv")
    let lines = outcome.output.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    guard let head = lines.first else { return [] }
    return lines.dropFirst().map { Dictionary(zip(head, $0)) { first, _ in first } }
  }

  private static func incident(lost: Int) throws -> String {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    #expect(try Program.run("ingest", incident, try capture(lost: lost)).status == 0)
    return incident
  }

  @Test("a tap that drops is named as the first point, with the exact count over both files")
  func drops() throws {
    let incident = try Self.incident(lost: 250)
    _ = try Program.run("correlate", incident)
    let found = try Self.rows(
      incident,
      """
      SELECT severity, guest, confidence FROM finding WHERE code = 'NET_DROP_BEFORE_WIRE'
      """)
    #expect(found == [["severity": "warning", "guest": "web1", "confidence": "high"]])
    let first = try Self.rows(
      incident, "SELECT guest, point, direction, packets, drops FROM net_path WHERE first_loss = 1")
    #expect(
      first == [
        [
          "guest": "web1", "point": "tap tap0", "direction": "to_guest", "packets": "10000",
          "drops": "250",
        ]
      ])
    let kicks = try Self.rows(
      incident, "SELECT kicks, kicks_per_packet AS rate FROM net_path WHERE kicks IS NOT NULL")
    #expect(kicks == [["kicks": "100", "rate": "0.5"]])
  }

  @Test("the same counters standing still are no finding")
  func silent() throws {
    let incident = try Self.incident(lost: 0)
    _ = try Program.run("correlate", incident)
    #expect(
      try Self.rows(
        incident, "SELECT * FROM finding WHERE code = 'NET_DROP_BEFORE_WIRE'"
      ).isEmpty)
    let report = try Program.run("report", incident)
    #expect(report.output.contains("The network path"))
    #expect(report.wideLines.isEmpty)
  }
}
