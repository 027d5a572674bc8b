import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest

/// Small recordings of perf, each with what `perf script --ns` printed of it.
struct PerfDataFixtureTests {
  private static let folder = Repository.fixtures.appending(path: "perf-data")

  @Test(
    "a recording's events are those of the text that perf made of it",
    arguments: ["packed-with-clock-and-blocks", "pipe"])
  func eventsEqualThePrinted(_ name: String) throws {
    let folder = Self.folder.appending(path: name)
    let (own, summary) = try readEvents(
      SourceInput(path: folder.appending(path: "recording.data").path))
    let (printed, said) = try readEvents(
      SourceInput(path: folder.appending(path: "printed.txt").path))
    #expect(own.schedLines == printed.schedLines && !own.sched.isEmpty)
    #expect(own.blockLines == printed.blockLines)
    #expect(own.sliceLines == printed.sliceLines)
    #expect(summary.events == said.events && summary.skippedLines == 0)
    #expect(summary.headers.contains(SourceHeader(name: "hostname", value: "kvm7")))
    #expect(own.topology.cpus.map { [$0.cpu, $0.node ?? -1] } == [[0, 0], [1, 0]])
  }
}
