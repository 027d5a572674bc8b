import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// Before against after on the real captures beside the checkout (../shared), as a user compares them. What
/// happened in them was written down when they were made.
@Suite(.needsShared) struct RealPairTests {
  @Test("a rate limit is no optimisation, and is named")
  func throttled() throws {
    let changes = try Repository.shared("changes")
    let pair = try ["tcg-steady", "tcg-throttled"].map { capture in
      let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
      let files = changes.appending(path: capture).path
      #expect(try Program.run("ingest", incident, files).status == 0)
      return incident
    }
    let outcome = try Program.run("compare", pair[0], pair[1])
    #expect(
      outcome.words.hasPrefix(
        "Perhaps worse, not shown: guest vdb: I/Os take 13.1 ms on average"))
    #expect(outcome.words.contains("after only, a rate limit seems to hold at 200 requests/s"))
    #expect(!outcome.words.contains("FALSE_OPTIMISATION"))
  }

  private static let captures = [
    "kvm-baseline", "kvm-noisy-cpu", "kvm-neighbour-gone", "kvm-neighbour-moved",
    "kvm-noisy-disk",
  ]

  private static let incidents = Result {
    let traces = try Repository.shared("traces")
    var incidents: [String: String] = [:]
    for capture in captures {
      let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
      let files = traces.appending(path: capture).path
      #expect(try Program.run("ingest", incident, files).status == 0)
      incidents[capture] = incident
    }
    return incidents
  }

  /// What a comparison says, and what of it comes before the details.
  private static func compared(_ before: String, _ after: String) throws -> (
    status: Int32, first: String, all: String
  ) {
    let incidents = try incidents.get()
    let outcome = try Program.run(
      "compare", try #require(incidents[before]), try #require(incidents[after]))
    // Paths are not broken.
    let lines = outcome.output.split(separator: "\n").filter { !$0.contains("incident.db") }
    #expect(lines.allSatisfy { $0.count <= 80 })
    let first = try #require(outcome.words.components(separatedBy: "Was the load the same").first)
    #expect(first.contains("One run on a side shows that recordings differ, not that the change"))
    return (outcome.status, first, outcome.words)
  }

  @Test(
    "a neighbour on the disk: the host's scheduler and the disk are worse, by how much, and who it is"
  )
  func noisyDisk() throws {
    let (status, first, _) = try Self.compared("kvm-baseline", "kvm-noisy-disk")
    #expect(status == 1)
    #expect(first.hasPrefix("Worse: guest vdb: I/Os take "))
    #expect(first.contains("fio used the same disk after only"))
    let before = try #require(first.components(separatedBy: "Found after and not before").first)
    for hop in ["H4 host sched", "H5 hardware"] {
      let line = try #require(
        before.firstMatch(
          of: Regex("\(hop) mean ([0-9.]+) ms -> ([0-9.]+) ms, x [0-9.]+ [(][^)]+[)]: worse")))
      let values = line.output.compactMap { $0.substring.flatMap { Double($0) } }
      #expect(values.count == 2 && values[1] > 3 * values[0])
    }
    #expect(first.contains("NOISY_DISK_NEIGHBOUR") && first.contains("fio (pid 3312, "))
  }

  @Test(
    "the neighbour on the CPUs is gone: steal is better, and no hop is called so by its value alone"
  )
  func neighbourGone() throws {
    let (_, first, all) = try Self.compared("kvm-noisy-cpu", "kvm-neighbour-gone")
    #expect(first.firstMatch(of: /guest steal [0-9.]+ -> [0-9.]+ %, -[^:]+: better/) != nil)
    #expect(first.contains("Found before and not after") && first.contains("stress-ng-cpu"))
    // Shorter by a quarter as measured, with an interval that holds zero.
    #expect(
      first.firstMatch(
        of:
          /guest vdb [(]254,16[)], total: .* mean, ms [0-9.]+ [0-9.]+ -2[0-9.]+ % [^)]+[)] no difference shown/
      )
        != nil)
    #expect(first.contains("stress-ng-cpu used the same CPUs before only"))
    #expect(!all.contains("FALSE_OPTIMISATION"))
  }

  @Test(
    "the neighbour moved: steal falls, latency does not, and no layer is blamed for what rose")
  func neighbourMoved() throws {
    let (_, first, _) = try Self.compared("kvm-noisy-cpu", "kvm-neighbour-moved")
    #expect(first.firstMatch(of: /guest steal [0-9.]+ -> [0-9.]+ %, -[^:]+: better/) != nil)
    #expect(first.contains("NOT_EXPLAINED"))
    #expect(first.contains("What grew instead is not explained by the layers given."))
    #expect(
      first.firstMatch(of: /(mean|p50|p90|p99), ms [0-9.]+ [0-9.]+ [^)]+[)] (better|worse)/) == nil)
    #expect(first.hasPrefix("No difference shown: "))
  }
}
