import TestSupport
import Testing

/// A guest's trace that lost its last event, which leaves no gap: what blkparse counted tells it.
struct LostAtEndTests {
  private static func incident(skips: Int) throws -> MadeIncident {
    let pair = HandMadePair.every10ms(300, seed: 9)
    var lines = pair.guest.split(separator: "\n").map(String.init)
    lines.removeLast()
    lines += [
      "CPU0 (253,0):", "", "Throughput (R/W): 0KiB/s / 400KiB/s",
      "Events (253,0): \(lines.count) entries",
      "Skips: \(skips) forward (\(skips) -   0.\(skips)%)",
    ]
    let incident = try MadeIncident()
    try incident.add(lines.map { $0 + "\n" }.joined(), "guest", "vm1")
    try incident.add(pair.host, "host", "h")
    return incident
  }

  private static let reasons =
    "SELECT match_reason, count(*) FROM io GROUP BY match_reason ORDER BY 2"
  private static let lost =
    "SELECT lost_events, (SELECT group_concat(kind) FROM problem) AS kinds FROM source WHERE layer = 'guest'"

  @Test("its request has the reason lost_events, and the trace one lost event")
  func counted() throws {
    let incident = try Self.incident(skips: 1)
    #expect(try incident.rows(Self.lost) == ["1,lost_unseen"])
    #expect(try incident.rows(Self.reasons).contains("lost_events,1"))
    #expect(
      try incident.findings()["TRACE_INCOMPLETE"]?.contains("1 event beside the") == true)
  }

  @Test("where blkparse counted none, it is open at the end")
  func notCounted() throws {
    let incident = try Self.incident(skips: 0)
    #expect(try incident.rows(Self.lost) == ["0,"])
    #expect(try incident.rows(Self.reasons).contains("after_end,1"))
  }
}
