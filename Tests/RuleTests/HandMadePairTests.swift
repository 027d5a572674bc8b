import TestSupport
import Testing
import TraceModel

/// The rows of a pair that are declared are those that its texts give.
struct HandMadePairTests {
  @Test("a pair's rows are those of its texts, before and after they are correlated")
  func rows() throws {
    var pair = HandMadePair.every10ms(200, seed: 12) { io, place in
      if place % 10 == 0 { (io.isRequeued, io.scheduled) = (true, 900) }
    }
    pair.foreign = (0..<40).map { .init(queued: 500_000 + 7_000 * $0, device: 2_000) }
    pair.lost = 5
    let declared = try SmallIncident()
    try declared.add(pair)
    let read = try SmallIncident()
    try read.add(pair.host, "host", "host", path: "host.txt")
    try read.add(pair.guest, "guest", "vm1", path: "vm1.txt")
    for sql in [
      """
      SELECT machine, device, op, rwbs, sector, sectors, queued_ns, get_ns, inserted_ns, first_issued_ns,
        issued_ns, completed_ns, comm, pid FROM request ORDER BY machine, device, queued_ns
      """,
      "SELECT machine, device, stage, count, min_ns, mean_ns, p50_ns, p99_ns, max_ns FROM stage ORDER BY 1, 2, 3",
      """
      SELECT machine, layer, path, format, tool_clock, events, lost_events, first_ns, last_ns
      FROM source ORDER BY machine
      """,
      """
      SELECT guest, device, op, sector, queued_at_ns, completed_at_ns, match_grade, guest_scheduler_ns, requeue_ns,
        virtio_submit_ns, host_scheduler_ns, hardware_queue_ns, virtio_return_ns FROM io ORDER BY queued_at_ns
      """,
      "SELECT code, severity, guest, sentence, confidence, because FROM finding",
    ] {
      let rows = try declared.rows(sql)
      #expect(rows == (try read.rows(sql)))
      #expect(!rows.isEmpty)
    }
  }

  @Test("a column that must have a value and is not named is 0 or empty, and the others are NULL")
  func defaults() throws {
    let incident = try SmallIncident()
    let source = try incident.source(
      "vmstat.txt", of: incident.machine("g", .guest), format: "vmstat", clock: "wall")
    try incident.add("vmstat_sample", ["source_id": source, "st": 7])
    #expect(
      try incident.rows("SELECT source_id, ordinal, run, since_boot, us, st FROM vmstat_sample")
        == ["\(source),0,0,0,,7"])
  }
}
