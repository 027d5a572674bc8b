import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel

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
    func finding(_ second: HandMadePair) throws -> String? {
      let incident = try SmallIncident()
      try incident.add(Self.pair(1).host, "host", "host")
      try incident.add(Self.pair(1).guest, "guest", "vm1")
      try incident.add(second.guest, "guest", "vm2", path: "vm2.txt")
      return try incident.findings()["TRACE_INCOMPLETE"]
    }
    let copy = try #require(try finding(Self.pair(1)))
    #expect(copy.hasPrefix("warning: "), "\(copy)")
    #expect(copy.contains(" of vm2 is byte for byte "), "\(copy)")
    #expect(try finding(Self.pair(2))?.contains("byte for byte") != true)
  }

  @Test("NOT_COMPARABLE: I/Os of another size are another load; a slower device is not")
  func comparable() throws {
    let before = try Self.incident(Self.pair(1))
    func refusal(_ after: SmallIncident) throws -> Finding? {
      try after.correlate()
      return try Comparison(
        before: [before.file], after: [after.file], settings: ComparisonSettings()
      ).findings.first {
        $0.code.rawValue == "NOT_COMPARABLE"
      }
    }
    let larger = try Self.incident(Self.pair(2, sectors: 64))
    let finding = try #require(try refusal(larger))
    #expect(finding.severity == .warning)
    #expect(
      finding.sentence.contains("4.0 KiB on average before, 32.0 KiB after, and 100.0 %"),
      "\(finding.sentence)")
    // The evidence runs on either side.
    for (incident, bytes) in [(before, "4096"), (larger, "32768")] {
      let rows = try incident.rows(#require(finding.evidenceSQL))
      #expect(rows.contains { $0.hasPrefix("write,300,\(bytes)") }, "\(rows)")
    }
    #expect(try refusal(Self.incident(Self.pair(3, device: 300))) == nil)
  }

  private static func incident(_ pair: HandMadePair) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(pair)
    try incident.correlate()
    return incident
  }
}
