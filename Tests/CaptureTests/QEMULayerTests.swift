import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// Real captures without their host's block trace: the guest's I/Os are followed through QEMU by its own trace, and the
/// join with the host's block trace, which QEMU's does not see, tells whether that is right.
struct QEMULayerTests {
  private static let captures: [String] = {
    guard let shared = Repository.shared else { return [] }
    let all = ["traces", "changes"].flatMap { Repository.folders(in: shared.appending(path: $0)) }
    return all.filter { capture in
      let trace = capture.appending(path: "host/qemu-trace.log").path
      // A capture of the network has a handful of requests.
      return capture.lastPathComponent != "tcg-net"
        && ["", ".gz"].contains { FileManager.default.fileExists(atPath: trace + $0) }
    }.map(\.path)
  }()

  /// Analyzes the guest's block trace with those files of the host whose names pass.
  private static func analyze(
    _ capture: String, in folder: URL, _ name: String, _ isTaken: (String) -> Bool
  ) throws -> String {
    let root = folder.appending(path: name)
    for side in ["guest", "host"] {
      let from = URL(filePath: capture).appending(path: side)
      let to = root.appending(path: side)
      try FileManager.default.createDirectory(at: to, withIntermediateDirectories: true)
      for file in try FileManager.default.contentsOfDirectory(atPath: from.path)
      where side == "guest" ? file.hasPrefix("blkparse") : isTaken(file) {
        try FileManager.default.createSymbolicLink(
          at: to.appending(path: file), withDestinationURL: from.appending(path: file))
      }
    }
    let out = folder.appending(path: name + "-out").path
    #expect(try Program.run("analyze", root.path, "-o", out).status == 0)
    return out + "/incident.db"
  }

  @Test(
    "without the host's block trace a capture is followed through QEMU", .needsShared,
    arguments: captures)
  func followed(_ capture: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let isExtent = { (name: String) in
      name.hasPrefix("qemu-img-map-after") || name.hasPrefix("filefrag-v-after")
    }
    let incident = try Self.analyze(capture, in: folder, "qemu") { $0.hasPrefix("qemu-trace") }
    let whole = try Self.analyze(capture, in: folder, "blocks") {
      $0.hasPrefix("blkparse") || isExtent($0)
    }
    func value(_ sql: String) throws -> String { try Program.value(incident, sql) }
    let data = "op <> 'flush' AND coalesce(match_reason, '') NOT IN ('before_start', 'after_end')"
    #expect(
      try value(
        "SELECT avg(match_grade = 'exact' AND backend_ns IS NOT NULL) >= 0.99 FROM io WHERE \(data)"
      )
        == "1")
    #expect(
      try value(
        """
        SELECT count(*) FROM io WHERE backend_ns IS NOT NULL AND (qemu_ns IS NULL OR qemu_ns < 0
          OR block_ns <> guest_scheduler_ns + virtio_queue_ns + qemu_ns + backend_ns
          OR host_scheduler_ns IS NOT NULL OR hardware_queue_ns IS NOT NULL)
        """) == "0")
    // Ids of requests are those of the guest's trace in both, where it was read first.
    let both = """
      ATTACH '\(whole)' AS other; CREATE TEMP TABLE pair AS
      SELECT own.*, their.virtio_submit_ns AS their_submit, their.virtio_return_ns AS their_return,
        their.virtio_queue_ns AS their_queue, their.host_scheduler_ns + their.hardware_queue_ns AS below,
        own.clock_error_ns + their.clock_error_ns AS bound, their.block_ns AS their_block
      FROM main.io AS own JOIN main.request AS request USING (request_id)
        JOIN other.request AS twin ON twin.layer = 'guest' AND twin.line = request.line AND twin.sector IS request.sector
        JOIN other.io AS their ON their.request_id = twin.request_id AND their.leading = 1
      WHERE own.leading = 1 AND request.layer = 'guest' AND own.op <> 'flush'
        AND own.backend_ns IS NOT NULL AND their.virtio_queue_ns IS NOT NULL;
      """
    func compared(_ sql: String) throws -> String {
      let result = try OtherProgram.run("sqlite3", [incident, both + sql])
      #expect(result.status == 0, "\(result.output)")
      return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    #expect(try compared("SELECT count(*) > 500 FROM pair") == "1")
    // The host's block layer lies within QEMU's backend, on either way and as a whole; a wrong match would not hold.
    // While the guest stands still its clock, which is the timeline here, may not run: then the host's is longer.
    #expect(
      try compared(
        """
        SELECT count(*) FROM pair WHERE virtio_submit_ns > their_submit + bound
          OR virtio_return_ns > their_return + bound OR (backend_ns < below - bound AND abs(block_ns - their_block) <= bound)
          OR virtio_queue_ns > their_queue + bound
        """) == "0")
  }
}
