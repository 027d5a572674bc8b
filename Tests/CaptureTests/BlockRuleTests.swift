import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// Rules about block I/O on generated scenarios whose truth is known: each speaks where it should, and is
/// silent in its quiet twin.
@Suite(.needsShared) struct BlockRuleTests {
  private static func findings(_ preset: String) throws -> [String: Substring] {
    let folder = try Repository.temporaryFolder()
    let scenario = folder.appending(path: "scenario")
    try Scenario.make(preset, seed: 21, seconds: 3, in: scenario)
    let incident = folder.appending(path: "i.db").path
    for (path, option, name) in [
      ("host", "--host", "host"), ("guest-vm1", "--guest", "vm1"),
    ] {
      let file = scenario.appending(path: "\(path)/blkparse.txt").path
      #expect(
        try Program.run("ingest", "blktrace", incident, file, option, name).status == 0)
    }
    let outcome = try Program.run("correlate", incident)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let rows = try Program.run(
      "query", incident, "SELECT code || ' ' || severity || ' ' || sentence FROM finding",
      "--format", "jsonl")
    var found: [String: Substring] = [:]
    for line in rows.output.split(separator: "\n") {
      let text = line.drop { $0 != ":" }.dropFirst(2)
      found[String(text.prefix { $0 != " " })] = text
    }
    return found
  }

  @Test("a neighbour on the device is named, and the hop that holds the tail")
  func noisy() throws {
    let found = try Self.findings("noisy-io")
    let neighbour = try #require(found["NOISY_DISK_NEIGHBOUR"])
    #expect(neighbour.contains("critical"))
    #expect(neighbour.contains("rsync"))
    // What the tail shows is no finding.
    #expect(found["TAIL_AMPLIFIED"] == nil && found["FALSE_OPTIMISATION"] == nil)
  }

  @Test("where nothing is wrong there is no warning")
  func quiet() throws {
    let found = try Self.findings("quiet")
    #expect(found["NOISY_DISK_NEIGHBOUR"] == nil)
    for (code, sentence) in found {
      #expect(!sentence.hasPrefix("\(code) warning") && !sentence.hasPrefix("\(code) critical"))
    }
  }
}
