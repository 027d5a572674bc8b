import Foundation
import TestSupport
import Testing
import TraceReport

/// What a report reads of single intervals: the same as a count of all I/Os.
struct DrillDownTests {
  private static func incident() throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(HandMadePair.measured(61, device: 9))
    try incident.correlate()
    return incident
  }

  @Test("cells of hops are a count of all I/Os, interval by interval")
  func cells() throws {
    let incident = try Self.incident()
    for hop in ["block", "guest_scheduler", "virtio_submit", "host_scheduler", "hardware_queue"] {
      let counted = try incident.objects(
        """
        SELECT at_ns, low_ns, count, sum_ns FROM hop_cell WHERE hop = '\(hop)' AND device = '253,0' ORDER BY at_ns, low_ns
        """)
      let expected = try incident.objects(
        """
        SELECT at_ns, low_ns, count(*) AS count, sum(ns) AS sum_ns FROM (
          SELECT interval.at_ns AS at_ns, hop.ns AS ns,
            (SELECT max(low_ns) FROM hop_cell WHERE low_ns <= max(hop.ns, 0)) AS low_ns
          FROM io JOIN io_hop AS hop USING (io_id)
          JOIN latency_interval AS interval ON interval.op = 'all' AND interval.device = io.device
            AND io.reference_ns >= interval.at_ns
            AND NOT EXISTS (
              SELECT 1 FROM latency_interval AS later WHERE later.op = 'all' AND later.device = io.device
                AND later.at_ns > interval.at_ns AND later.at_ns <= io.reference_ns)
          WHERE hop.hop = '\(hop)' AND hop.ns IS NOT NULL AND io.op <> 'flush')
        GROUP BY at_ns, low_ns ORDER BY at_ns, low_ns
        """)
      #expect(counted.count > 20)
      func numbers(_ rows: [[String: Any]]) -> [[Int?]] {
        rows.map { row in ["at_ns", "low_ns", "count", "sum_ns"].map { row[$0] as? Int } }
      }
      #expect(numbers(counted) == numbers(expected), "\(hop)")
    }
  }

  @Test("the slowest of all and of each interval are those of a sort of all I/Os")
  func slowest() throws {
    let incident = try Self.incident()
    let all = try incident.objects(
      "SELECT io_id, block_ns FROM slowest_io WHERE at_ns IS NULL ORDER BY place")
    let sorted = try incident.objects(
      "SELECT io_id, block_ns FROM io WHERE op <> 'flush' ORDER BY block_ns DESC, io_id LIMIT 20")
    #expect(all.map { $0["block_ns"] as? Int } == sorted.map { $0["block_ns"] as? Int })
    #expect(all.count == 20)
    let wrong = try incident.objects(
      """
      SELECT slow.at_ns FROM slowest_io AS slow JOIN io USING (io_id)
      WHERE slow.at_ns IS NOT NULL AND (io.block_ns <> slow.block_ns OR io.reference_ns < slow.at_ns
        OR slow.place > 3
        OR slow.place > 1 AND slow.block_ns > (SELECT block_ns FROM slowest_io AS before
          WHERE before.at_ns = slow.at_ns AND before.place = slow.place - 1))
      """)
    #expect(wrong.isEmpty)
    let places = try incident.objects(
      "SELECT count(*) AS n FROM slowest_io WHERE at_ns IS NOT NULL")
    #expect((places.first?["n"] as? Int ?? 0) > 60)
  }

  @Test("each interval has one panel and one column that leads to it")
  func panels() throws {
    let incident = try Self.incident()
    let page = HTMLRenderer.render(try Report.document(incident.file, ReportRequest()))
    let intervals = try incident.objects(
      "SELECT count(*) AS n FROM latency_interval WHERE op = 'write'")
    let columns = page.matches(of: /<a href="#t-[0-9]+"/).count
    #expect(columns > 20 && columns == intervals.first?["n"] as? Int)
    #expect(page.matches(of: /<details class="panel">/).count == columns)
    #expect(page.contains("<dt>Mean per hop</dt><dd>H2 "))
  }
}
