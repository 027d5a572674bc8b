import TestSupport
import Testing
import TraceModel
import TraceStore

@testable import TraceAnalysis

/// What rules and reports count without going through the I/Os: the same as a count of them.
struct IOCountTests {
  private static func incident() throws -> SmallIncident {
    let incident = try SmallIncident()
    var pair = HandMadePair.measured(61, device: 9)
    for place in pair.ios.indices where place % 20 == 0 { pair.ios[place].isRequeued = true }
    try incident.add(pair)
    try incident.correlate()
    return incident
  }

  @Test("io_count is a count of the view io")
  func counts() throws {
    let incident = try Self.incident()
    let columns =
      "guest, device, op, match_grade, match_reason, count, from_ns, to_ns, requeued, requeued_ns, deferred, "
      + "deferred_sum_ns, deferred_max_ns, placed, followed, followed_submit_ns, followed_submit_wait_ns, "
      + "followed_return_ns, followed_return_wait_ns"
    let order = "ORDER BY guest, device, op, match_grade, match_reason"
    let stored = try incident.rows("SELECT \(columns) FROM io_count \(order)")
    let counted = try incident.rows(
      """
      SELECT guest, device, op, match_grade, match_reason, count(*), min(coalesce(reference_ns, queued_at_ns)),
        max(coalesce(reference_ns, queued_at_ns)), sum(coalesce(requeue_ns, 0) > 0),
        coalesce(sum(CASE WHEN requeue_ns > 0 THEN requeue_ns END), 0), count(deferred_ns),
        coalesce(sum(deferred_ns), 0), max(deferred_ns), count(reference_ns),
        sum(submit_cpu_wait_ns IS NOT NULL AND return_cpu_wait_ns IS NOT NULL),
        coalesce(sum(CASE WHEN return_cpu_wait_ns IS NOT NULL THEN virtio_submit_ns END), 0),
        coalesce(sum(CASE WHEN return_cpu_wait_ns IS NOT NULL THEN submit_cpu_wait_ns END), 0),
        coalesce(sum(CASE WHEN submit_cpu_wait_ns IS NOT NULL THEN virtio_return_ns END), 0),
        coalesce(sum(CASE WHEN submit_cpu_wait_ns IS NOT NULL THEN return_cpu_wait_ns END), 0)
      FROM io GROUP BY 1, 2, 3, 4, 5 \(order)
      """)
    #expect(stored == counted)
    #expect(try incident.value("SELECT sum(requeued) FROM io_count") == "75")
  }

  @Test("the slowest, the span and the grades of a filter are those of all I/Os")
  func filters() throws {
    let incident = try Self.incident()
    // Of any time: the same I/Os, but all of them are gone through.
    var (all, timed) = (IOFilter(), IOFilter())
    timed.from = -(1 << 60)
    for (guest, device) in [(nil, nil), ("vm1", nil), ("vm1", "253,0"), ("other", nil)] {
      (all.guest, all.device, timed.guest, timed.device) = (guest, device, guest, device)
      for count in [1, 10, 100] {
        let (short, long) = (
          try incident.file.ios(all, slowest: count), try incident.file.ios(timed, slowest: count)
        )
        #expect(short.map(\.id) == long.map(\.id))
        #expect(short.count == (guest == "other" ? 0 : count))
      }
      #expect(try incident.file.span(all) == incident.file.span(timed))
      let grades = try [all, timed].map { filter in
        try incident.file.grades(filter).map {
          "\($0.grade) \($0.reason?.name ?? "") \($0.isFlush) \($0.count)"
        }
      }
      #expect(grades[0] == grades[1] && grades[0].isEmpty == (guest == "other"))
    }
    #expect(try incident.file.ios(all, slowest: 1_000).isEmpty)
  }

  @Test("slices out of the I/Os at hand are those out of the file")
  func slices() throws {
    let incident = try Self.incident()
    let context = try CorrelationContext(incident.file)
    _ = try BlockJoin(context)
    let (own, read) = (DiskSlices.all(context), try DiskSlices.all(incident.file))
    #expect(own.count == 1 && own.map(\.device) == read.map(\.device))
    for (disk, other) in zip(own, read) {
      #expect(disk.parts.count == DiskSlices.partCount)
      #expect(disk.parts.map { "\($0.at) \($0.mean)" } == other.parts.map { "\($0.at) \($0.mean)" })
      func flows(_ slices: DiskSlices) -> [String] {
        slices.flows.sorted { $0.place < $1.place }.map {
          "\($0.place) \($0.done) \($0.bytes) \($0.depth)"
        }
      }
      #expect(flows(disk).count > 100 && flows(disk) == flows(other))
    }
  }
}
