import Foundation
import TestSupport
import Testing

/// Rules about what the data are, not what they show: each speaks where it should, and is silent in a twin that
/// differs in that one thing.
struct DataRuleTests {
  /// 300 I/Os over 3 s.
  private static func pair(
    _ seed: UInt64, lost: Int = 0, sectors: Int = 8, device: Int = 90
  ) -> HandMadePair {
    var dice = Dice(seed)
    return HandMadePair(
      ios: (0..<300).map { place in
        var io = HandMadePair.IO(queued: 1_000 + 10_000 * place)
        io.sectors = sectors
        io.device = device + dice.next(below: 60)
        return io
      }, lost: lost)
  }

  @Test("TRACE_INCOMPLETE: numbers that jump are lost events; without a jump there is none")
  func incomplete() throws {
    // 1,500 lines are there; 40 more are missing, 2.60 % of 1,540.
    let words = try #require(try Self.pair(1, lost: 40).findings()["TRACE_INCOMPLETE"])
    #expect(words.hasPrefix("warning: In "), "\(words)")
    #expect(
      words.contains("40 events beside the 1,500 that are there were lost (2.60 %)"), "\(words)")
    // One of 1,501 is less than the threshold of 0.1 %.
    let one = try #require(try Self.pair(1, lost: 1).findings()["TRACE_INCOMPLETE"])
    #expect(one.hasPrefix("info: In "), "\(one)")
    #expect(try Self.pair(1).findings()["TRACE_INCOMPLETE"] == nil)
  }

  @Test(
    "TRACE_INCOMPLETE: one trace as that of two guests is a copy; another trace of the second is none"
  )
  func copied() throws {
    func words(_ second: HandMadePair) throws -> (ingest: String, finding: String?) {
      let incident = try Self.pair(1).ingested()
      let file = try Repository.temporaryFolder().appending(path: "vm2.txt")
      try Data(second.guest.utf8).write(to: file)
      let outcome = try Program.run("ingest", "blktrace", incident, file.path, "--guest", "vm2")
      try #require(outcome.status == 0)
      #expect(try Program.run("correlate", incident).status == 0)
      return (
        outcome.words,
        try HandMadePair.findings(of: incident)["TRACE_INCOMPLETE"]
      )
    }
    let copy = try words(Self.pair(1))
    #expect(copy.ingest.contains("is the same as that of guest vm1: "), "\(copy.ingest)")
    let finding = try #require(copy.finding)
    #expect(finding.hasPrefix("warning: "), "\(finding)")
    #expect(finding.contains(" of vm2 is byte for byte "), "\(finding)")
    let other = try words(Self.pair(2))
    #expect(!other.ingest.contains("is the same as"), "\(other.ingest)")
    #expect(other.finding?.contains("byte for byte") != true)
  }

  @Test("NOT_COMPARABLE: I/Os of another size are another load; a slower device is not")
  func comparable() throws {
    struct Page: Decodable {
      let findings: [One]
      struct One: Decodable {
        let code: String
        let severity: String
        let sentence: String
        let evidence_sql: String
      }
    }
    let before = try Self.pair(1).ingested()
    // 'compare' correlates both.
    func refusal(_ after: String) throws -> Page.One? {
      let json = try Program.run("compare", before, after, "--format", "json")
      return try JSONDecoder().decode(Page.self, from: Data(json.output.utf8)).findings.first {
        $0.code == "NOT_COMPARABLE"
      }
    }
    let larger = try Self.pair(2, sectors: 64).ingested()
    let finding = try #require(try refusal(larger))
    #expect(finding.severity == "warning")
    #expect(
      finding.sentence.contains("4.0 KiB on average before, 32.0 KiB after, and 100.0 %"),
      "\(finding.sentence)")
    // The evidence runs on either side.
    for (incident, bytes) in [(before, "4096"), (larger, "32768")] {
      let rows = try Program.run("query", incident, finding.evidence_sql, "--format", "csv")
      #expect(rows.output.contains("write,300,\(bytes)"), "\(rows.output)\(rows.errors)")
    }
    #expect(try refusal(Self.pair(3, device: 300).ingested()) == nil)
  }
}
