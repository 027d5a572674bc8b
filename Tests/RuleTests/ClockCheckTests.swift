import Foundation
import TestSupport
import Testing

/// Readings of a guest's clock beside what the requests show of it.
struct ClockCheckTests {
  /// Where both traces begin on CLOCK_MONOTONIC of their machines, ns.
  private static let starts = (guest: Int64(500_000_000_000), host: Int64(900_000_000_000))

  /// A reading of both clocks at a moment of the guest's trace, s; what the host's clock shows too much, ns.
  private struct Reading {
    let at: Int64
    var ahead: Int64 = 0
  }

  /// A pair of traces over 3 s with readings of both clocks, each within 100 us.
  private static func incident(_ readings: [Reading]) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(HandMadePair.every10ms(300, seed: 3))
    try incident.alter(
      """
      UPDATE source_file SET monotonic_start_ns =
        CASE (SELECT layer FROM machine WHERE machine.machine_id = source_file.machine_id)
          WHEN 'guest' THEN \(starts.guest) ELSE \(starts.host) END
      """)
    var table = "# rtt_ns h_real1 h_real2 h_mono1 h_mono2 g_real g_mono\n"
    for reading in readings {
      let own = reading.at * 1_000_000_000
      // The host's trace begins 35 us after the guest's: with the first bio that arrives there.
      let host = starts.host + own - 35_000 + reading.ahead
      let wall = 1_795_336_480_000_000_000 + own
      table +=
        "100000 \(wall - 50_000) \(wall + 50_000) \(host - 50_000) \(host + 50_000) \(wall) \(starts.guest + own)\n"
    }
    try incident.add(table, "host", "host", path: "clocks.txt")
    return incident
  }

  /// `contradicts` of each reading, `-` for NULL.
  private static func checks(_ incident: SmallIncident) throws -> String {
    try incident.value(
      "SELECT group_concat(coalesce(contradicts, '-'), ' ') FROM (SELECT * FROM clock_check ORDER BY at_ns)"
    )
  }

  @Test("a reading behind the last matched request that differs is not judged")
  func afterTheRequests() throws {
    // At 30 s the guest may have been paused for 300 ms since the last request; at 20 s it had not been.
    let incident = try Self.incident([
      Reading(at: 1), Reading(at: 2), Reading(at: 20), Reading(at: 30, ahead: 300_000_000),
    ])
    #expect(try Self.checks(incident) == "0 0 0 -")
    #expect(
      try incident.value(
        "SELECT found_error_ns IS NULL, recorded_ns - found_ns > 299000000 FROM clock_check WHERE contradicts IS NULL"
      ) == "1,1")
    #expect(
      try incident.value("SELECT count(*) FROM finding WHERE sentence LIKE '%clock%'")
        == "0")
    let report = try incident.report()
    #expect(
      report.contains("1 recorded relations of both clocks are of times without requests"),
      "\(report)")
    #expect(!report.contains("contradict it"), "\(report)")
  }

  @Test("a reading between matched requests that differs contradicts them")
  func betweenTheRequests() throws {
    let incident = try Self.incident([
      Reading(at: 1), Reading(at: 2, ahead: 300_000_000), Reading(at: 20),
    ])
    #expect(try Self.checks(incident) == "0 1 0")
    #expect(
      try incident.report().contains(
        "1 of 3 recorded relations of both clocks contradict it"))
  }

  /// 120 writes of a program, each with the page that it dirties, the bio that it queues and its times on a CPU.
  private static func recording() -> String {
    (0..<120).flatMap { number -> [String] in
      let start = 5_000_000_000 + number * 10_000_000 + number * number * 7_919 % 9_000_000
      let blocks = "254,0 WS \(2_048 + 8 * number) + 8"
      func line(_ after: Int, _ task: String, _ event: String) -> String {
        let time = start + after
        let fraction = String(1_000_000_000 + time % 1_000_000_000).dropFirst()
        return "\(task) [000] \(time / 1_000_000_000).\(fraction): \(event)\n"
      }
      func turn(_ from: String, _ to: String) -> String {
        "sched:sched_switch: prev_comm=\(from) prev_prio=120 prev_state=S ==> next_comm=\(to) next_prio=120"
      }
      let (dd, idle) = ("dd 77/77", "swapper 0/0")
      let position = "dev 254,0 ino 12 pos \(4_096 * number) len 4096"
      return [
        line(0, idle, turn("swapper/0 prev_pid=0", "dd next_pid=77")),
        line(10_000, dd, "ext4:ext4_da_write_begin: \(position)"),
        line(12_000, dd, "writeback:writeback_dirty_folio: bdi 254:0: ino=12 index=\(number)"),
        line(14_000, dd, "ext4:ext4_da_write_end: \(position) copied 4096"),
        line(30_000, dd, "block:block_bio_queue: \(blocks) [dd]"),
        line(31_000, dd, "block:block_getrq: \(blocks) [dd]"),
        line(33_000, dd, "block:block_rq_issue: 254,0 WS 4096 () \(2_048 + 8 * number) + 8 [dd]"),
        line(40_000, dd, turn("dd prev_pid=77", "swapper/0 next_pid=0")),
        line(140_000, idle, "block:block_rq_complete: 254,0 WS () \(2_048 + 8 * number) + 8 [0]"),
      ]
    }.joined()
  }

  @Test("a recording of the scheduler, of blocks and of the page cache has one relation")
  func allInOne() throws {
    let incident = try SmallIncident(of: ["guest/all.txt": Self.recording()])
    try incident.correlate()
    #expect(
      try incident.value(
        "SELECT count(*), max(abs(offset_ns) <= error_ns), max(error_ns) < 100000 FROM machine_clock_tie"
      ) == "1,1,1")
  }
}
