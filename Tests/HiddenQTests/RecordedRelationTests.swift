import Foundation
import TestSupport
import Testing

/// A relation of two clocks that an incident.yaml gives, beside what the requests show.
struct RecordedRelationTests {
  @Test("requests confirm a recorded relation of clocks, or the contradiction is said")
  func recorded() throws {
    for (offset, words) in [
      (-686_191_861, "2 recorded relations of both clocks agree with it"),
      (-386_191_861, "WARNING, g: 2 of 2 recorded relations of both clocks contradict it."),
    ] {
      let folder = try Repository.temporaryFolder()
      let traces = Repository.fixtures.appending(path: "kvm-noisy-cpu")
      for (name, from) in [("guest-g", "guest-L2"), ("host-h", "host-L1")] {
        try FileManager.default.createDirectory(
          at: folder.appending(path: name), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: "\(name)/blkparse.txt"),
          withDestinationURL: traces.appending(path: "\(from)/blkparse.txt"))
      }
      try """
      clocks:
        - machine: g
          reference: h
          offset_ns: \(offset)
          error_ns: 1000

      """.write(
        to: folder.appending(path: "incident.yaml"), atomically: true, encoding: .utf8)
      let incident = folder.appending(path: "incident.db").path
      #expect(try Program.run("ingest", incident, folder.path).status == 0)
      let report = try Program.run("report", incident)
      #expect(report.words.contains(words), "\(report.words)")
    }
  }
}
