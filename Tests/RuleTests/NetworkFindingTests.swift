import Foundation
import TestSupport
import Testing

/// Losses before the wire, from files as people record them to the finding.
struct NetworkFindingTests {
  /// A capture of a guest and its host with one tap, which loses so many packets on the way in.
  static func incident(lost: Int) throws -> SmallIncident {
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
    let before =
      link(15, received: 100, transmitted: 1000, dropped: 17)
      + link(16, received: 150, transmitted: 2000, dropped: 17 + lost / 2)
    let after =
      link(17, received: 180, transmitted: 3000, dropped: 17 + lost / 2)
      + link(19, received: 300, transmitted: 11_000, dropped: 17 + lost)
    let guest = """
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

      """
    return try SmallIncident(of: [
      "host/ip-before.txt": before, "host/ip-after.txt": after, "guest-web1/ethtool.txt": guest,
    ])
  }

  private static func rows(_ incident: SmallIncident, _ sql: String) throws -> [[String: String]] {
    let lines = try incident.lines(sql).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    guard let head = lines.first else { return [] }
    return lines.dropFirst().map { Dictionary(zip(head, $0)) { first, _ in first } }
  }

  @Test("a tap that drops is named as the first point, with the exact count over both files")
  func drops() throws {
    let incident = try Self.incident(lost: 250)
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
    #expect(
      try Self.rows(
        incident, "SELECT * FROM finding WHERE code = 'NET_DROP_BEFORE_WIRE'"
      ).isEmpty)
    let report = try incident.reportText()
    #expect(report.contains("The network path"))
    #expect(report.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }
}
