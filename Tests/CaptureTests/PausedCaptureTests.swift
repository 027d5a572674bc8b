import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// A real guest that was stopped four times, three of them with requests in flight: 80, 300, 1,200 and, idle, 300 ms.
/// Its clock stood still meanwhile. Skipped where the capture is not beside the checkout.
@Suite(.needsShared) struct PausedCaptureTests {
  private static func rows(_ incident: String, _ sql: String) throws -> [[String: Any]] {
    let outcome = try Program.run("query", incident, sql, "--format", "json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]]
      ?? []
  }

  @Test("the four steps have their sizes, and every request is joined", .timeLimit(.minutes(2)))
  func paused() throws {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    let capture = try Repository.shared("changes/tcg-paused-busy")
    for (layer, file) in [
      ("guest", "guest/blkparse.txt.gz"), ("host", "host/blkparse-loop6.txt.gz"),
    ] {
      let path = capture.appending(path: file).path
      #expect(
        try Program.run("ingest", "blktrace", incident, path, "--\(layer)", layer).status == 0)
    }
    #expect(try Program.run("correlate", incident).status == 0)
    let clock = try Self.rows(
      incident, "SELECT offset_ns FROM clock WHERE machine = 'guest' ORDER BY segment")
    let offsets = clock.compactMap { ($0["offset_ns"] as? NSNumber)?.doubleValue }
    // By the readings of both clocks every half second, ms.
    let steps = [82.1, 301.7, 1_205.5, 302.0]
    #expect(offsets.count == steps.count + 1)
    for (step, (before, after)) in zip(steps, zip(offsets, offsets.dropFirst())) {
      #expect(abs((after - before) / 1e6 - step) < 1.5)
    }
    let ios = try Self.rows(
      incident,
      """
      SELECT count(*) AS ios, sum(match_grade = 'exact') AS exact, sum(total_ns IS NULL) AS unknown,
        min(virtio_queue_ns) AS least FROM io
      """)
    let first = try #require(ios.first)
    #expect((first["ios"] as? NSNumber)?.intValue == 6_470)
    #expect((first["exact"] as? NSNumber)?.intValue == 6_470)
    let unknown = try #require((first["unknown"] as? NSNumber)?.intValue)
    #expect((6...30).contains(unknown))
    #expect((first["least"] as? NSNumber)?.intValue ?? -1 >= 0)
    // The device shows what it took of every one of them, paired by its sector alone.
    let wrong = try Self.rows(
      incident,
      """
      SELECT count(*) AS wrong FROM io JOIN request AS guest ON guest.request_id = io.request_id
      JOIN request AS host ON host.request_id = io.host_request_id
      WHERE io.op <> 'flush' AND host.sector <> guest.sector + 2048
      """)
    #expect((wrong.first?["wrong"] as? NSNumber)?.intValue == 0)
  }
}
