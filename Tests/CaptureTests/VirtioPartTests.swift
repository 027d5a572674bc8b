import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// What the virtio queue of real captures is made of; skipped where they are not beside the checkout.
@Suite(.needsShared) struct VirtioPartTests {
  private static let captures = [
    "kvm-baseline", "kvm-neighbour-gone", "kvm-neighbour-moved", "kvm-noisy-cpu", "kvm-noisy-disk",
    "kvm-numa-remote",
  ]

  private static func numbers(_ incident: String, _ sql: String) throws -> [String: Double] {
    let outcome = try Program.run("query", incident, sql, "--format", "json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let rows =
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]] ?? []
    return (rows.first ?? [:]).compactMapValues { ($0 as? NSNumber)?.doubleValue }
  }

  @Test(
    "the parts add up to the halves to the nanosecond, and nine tenths have a name",
    arguments: captures)
  func parts(capture: String) throws {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    #expect(
      try Program.run("ingest", incident, Repository.shared("traces/\(capture)").path).status == 0)
    #expect(try Program.run("correlate", incident).status == 0)

    let sums = try Self.numbers(
      incident,
      """
      SELECT count(*) AS halves, sum(whole <> parts) AS wrong, sum(whole) AS whole, sum(rest) AS rest FROM (
        SELECT sum(sum_ns) FILTER (WHERE part IS NULL) AS whole,
          sum(sum_ns) FILTER (WHERE part IS NOT NULL) AS parts,
          sum(sum_ns) FILTER (WHERE part = 'unattributed') AS rest
        FROM virtio_part GROUP BY guest, device, op, hop)
      """)
    #expect(sums["halves"] ?? 0 >= 2)
    #expect(sums["wrong"] == 0)
    let whole = try #require(sums["whole"])
    #expect(whole > 1e9)
    #expect(abs(sums["rest"] ?? whole) <= 0.1 * whole, "\(sums)")

    let ios = try Self.numbers(
      incident,
      """
      SELECT sum(CASE WHEN submit_cpu_wait_ns IS NOT NULL THEN virtio_submit_ns END)
        + sum(CASE WHEN return_cpu_wait_ns IS NOT NULL THEN virtio_return_ns END) AS whole
      FROM io WHERE leading = 1 AND op <> 'flush' AND block_ns IS NOT NULL
      """)
    #expect(ios["whole"] == whole)

    let single = try Self.numbers(
      incident,
      """
      SELECT count(*) AS halves, sum(wrong) AS wrong FROM (
        SELECT sum(time_ns) <> CASE hop WHEN 'virtio_submit' THEN virtio_submit_ns ELSE virtio_return_ns END AS wrong
        FROM io_part JOIN io USING (io_id) GROUP BY io_id, hop)
      """)
    #expect(single["halves"] ?? 0 > 20)
    #expect(single["wrong"] == 0)

    let recorders = try Self.numbers(
      incident,
      """
      SELECT (SELECT sum(taken_ns) FROM recorder_cost WHERE place = 'host_cpu') AS host,
        (SELECT sum(wait_ns) FROM culprit WHERE victim_guest IS NOT NULL AND class = 'host'
          AND culprit_comm IN ('perf', 'blktrace', 'vmstat', 'iostat', 'ethtool', 'numastat')) AS waits,
        (SELECT sum(taken_ns) FROM recorder_cost WHERE place = 'virtio_queue') AS queue,
        (SELECT max(taken_ns > of_ns) FROM recorder_cost) AS wrong
      """)
    #expect(recorders["host"] ?? 0 > 0 && recorders["host"] == recorders["waits"], "\(recorders)")
    #expect(recorders["queue"] ?? 0 <= recorders["host"] ?? 0)
    #expect(recorders["wrong"] == 0)

    let slow = try Self.numbers(
      incident,
      "SELECT count(*) AS ios FROM io WHERE leading = 1 AND op <> 'flush' AND block_ns >= 100000000"
    )
    let told = try Program.run("explain", incident, "--slow", "--latency", "100ms..")
    #expect(told.status == 0)
    #expect(
      told.output.contains(
        ": the \(Int(slow["ios"] ?? 0)) I/Os that took 100.000 ms or more from Q to C")
        || told.output.hasPrefix(
          "The I/Os that took 100.000 ms or more from Q to C have nothing in common"),
      "\(told.output)")
    for wrong in [["--latency", "5"], ["--latency", "2s..1s"], ["--phase", "99"]] {
      #expect(try Program.run(["explain", incident, "--slow"] + wrong).status == 2)
    }

    // No thread waits longer for a CPU in a half than it did at all.
    let waits = try Self.numbers(
      incident,
      """
      SELECT sum(sum_ns) AS parts, (SELECT sum(submit_cpu_wait_ns) + sum(return_cpu_wait_ns) FROM io
        WHERE leading = 1 AND op <> 'flush' AND block_ns IS NOT NULL) AS waits
      FROM virtio_part WHERE part LIKE 'cpu_wait:%'
      """)
    #expect(waits["parts"] ?? 0 > 1e9)
    #expect(waits["parts"] ?? 0 <= waits["waits"] ?? 0, "\(waits)")
  }
}
