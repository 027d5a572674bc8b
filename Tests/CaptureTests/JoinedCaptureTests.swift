import Foundation
import TestSupport
import Testing
import TraceModel

@testable import HiddenQTests

/// Real captures and generated ones with a known truth, where the folder with them is beside the checkout.
struct JoinedCaptureTests {
  private static let captures: [String] = {
    guard let shared = Repository.shared else { return [] }
    let all = ["traces", "changes"].flatMap { Repository.folders(in: shared.appending(path: $0)) }
    return all.filter { capture in
      ["guest", "host"].allSatisfy {
        FileManager.default.fileExists(
          atPath: capture.appending(path: $0).appending(path: "blkparse.txt").path)
      }
    }.map(\.path)
  }()

  @Test(
    "a real capture is joined whole from its two block traces", .needsShared,
    arguments: captures)
  func realCaptures(_ capture: String) throws {
    let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
    for (side, option) in [("host", "--host"), ("guest", "--guest")] {
      #expect(
        try Program.run(
          "ingest", "blktrace", incident, "\(capture)/\(side)/blkparse.txt", option, side
        ).status == 0)
    }
    #expect(try Program.run("correlate", incident).status == 0)
    func value(_ sql: String) throws -> String { try Program.value(incident, sql) }
    #expect(
      try value("SELECT group_concat(DISTINCT host_sector - guest_sector) FROM device_map")
        == "2048")
    // Requests that lie wholly inside both traces: all but those at the edges.
    #expect(
      try value(
        """
        SELECT avg(match_grade IN ('exact', 'merged', 'split', 'ambiguous')) >= 0.99
        FROM io WHERE op <> 'flush' AND coalesce(match_reason, '') NOT IN ('before_start', 'after_end')
        """) == "1")
    #expect(try value("SELECT count(*) FROM io WHERE virtio_queue_ns < 0") == "0")
    #expect(
      try value(
        """
        SELECT count(*) FROM io WHERE virtio_queue_ns IS NOT NULL AND total_ns <>
          \(Hop.blockParts.map(\.column).joined(separator: " + "))
        """) == "0")
    #expect(try value("SELECT error_middle_ns < 1000000 FROM clock WHERE machine = 'guest'") == "1")
  }

  @Test(
    "a generated scenario is scored without a problem", .needsShared,
    arguments: ["quiet", "noisy-io", "multi-vm"])
  func generated(_ preset: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let tracegen = try Repository.shared("tracegen")
    let made = try OtherProgram.run(
      "python3",
      [
        tracegen.appending(path: "tracegen.py").path, preset, folder.path, "--duration", "2.5",
        "--no-verify",
      ])
    #expect(made.status == 0, "\(made.output)")
    let wrapper = folder.appending(path: "hiddenq")
    try FileManager.default.createSymbolicLink(
      at: wrapper, withDestinationURL: Program.executable)
    let score = try OtherProgram.run(
      "python3",
      [
        tracegen.appending(path: "score_incident.py").path, folder.path, "--hiddenq", wrapper.path,
        "--only-blktrace",
      ])
    #expect(score.status == 0, "\(score.output)")
  }
}
