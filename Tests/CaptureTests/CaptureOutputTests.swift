import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// What the program says of real captures and of generated ones, as it does of the fixtures in `HiddenQTests`.
struct CaptureOutputTests {
  private static let captures = Result {
    try ["kvm-noisy-cpu", "tcg-net"].map {
      try StoredQueryTests.incident(Repository.shared("traces/\($0)"))
    }
  }

  @Test(
    "slices of a Perfetto trace of a capture with scheduler traces are the hops, and none overlap",
    .needsShared)
  func perfettoOfCapture() throws {
    try ExportTests.checkPerfetto(
      ExportTests.incident(Repository.shared("traces/kvm-noisy-cpu")))
  }

  @Test(
    "on real captures every evidence runs, and returns the numbers of its sentence", .needsShared,
    arguments: ["kvm-noisy-disk", "tcg-buffered", "tcg-net", "kvm-numa-remote"])
  func evidenceOfCaptures(_ capture: String) throws {
    try FindingTests.checkEvidence(Repository.shared("traces/\(capture)").path)
  }

  @Test(
    "half of a capture with a neighbour on the disk gives a report that helps, and no false claim",
    .needsShared)
  func halvesOfNoisyDisk() throws {
    try HalfCaptureTests.checkHalves(of: Repository.shared("traces/kvm-noisy-disk").path)
  }

  @Test(
    "each stored query answers in at least one of several real captures", .needsShared,
    arguments: StoredQueryTests.names)
  func answers(_ name: String) throws {
    let rows = try StoredQueryTests.rows(
      of: name, in: [StoredQueryTests.fixture.get()] + Self.captures.get())
    #expect(name == "sums" ? rows == 0 : rows > 0)
  }

  @Test("no capture that is one is called mixed", .needsShared, arguments: ["traces", "changes"])
  func captures(_ place: String) throws {
    for capture in Repository.folders(in: try Repository.shared(place))
    where capture.lastPathComponent != "tcg-paused-busy" {
      let output = try Repository.temporaryFolder().path
      _ = try Program.run("analyze", capture.path, "-o", output)
      let rows = try Program.run(
        "query", output + "/incident.db", "SELECT code FROM finding", "--format", "csv")
      #expect(rows.status == 0)
      #expect(
        !rows.output.contains("CAPTURES_MIXED"), "\(capture.lastPathComponent): \(rows.output)")
    }
  }

  /// A whole generated capture of a guest and its host, with the guest's page-cache trace; what is found in it.
  private static func findings(_ preset: String) throws -> [String: String] {
    let folder = try Repository.temporaryFolder()
    let scenario = folder.appending(path: "scenario")
    try Scenario.make(preset, seed: 23, seconds: 3, in: scenario)
    let analyzed = folder.appending(path: "analyzed").path
    let outcome = try Program.run("analyze", scenario.path, "-o", analyzed)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try HandMadePair.findings(of: analyzed + "/incident.db")
  }

  @Test(
    "PAGE_CACHE_HIDES: writes lie in the guest's page cache; where they do not for long, silent",
    .needsShared)
  func pageCache() throws {
    let words = try #require(try Self.findings("page-cache-bound")["PAGE_CACHE_HIDES"])
    #expect(words.contains("written data lay in the guest's page cache for"), "\(words)")
    // There its writes lie there for 12 ms.
    #expect(try Self.findings("quiet")["PAGE_CACHE_HIDES"] == nil)
  }
}
