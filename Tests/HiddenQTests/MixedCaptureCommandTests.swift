import Foundation
import TestSupport
import Testing

/// What commands say of traces that are not of one capture.
struct MixedCaptureCommandTests {
  private static let pair = HandMadePair.every10ms(300, seed: 1) { $0.device = 90 + $1 % 60 }

  /// Guest and host the wrong way round.
  private static func swapped() throws -> String {
    let incident = try MadeIncident()
    try incident.add(pair.host, "guest", "vm1")
    try incident.add(pair.guest, "host", "h")
    #expect(try incident.findings().keys.sorted() == ["CAPTURES_MIXED"])
    return incident.path
  }

  @Test("the names of a redacted file are others, and it says the same")
  func redacted() throws {
    let incident = try Self.swapped()
    let redacted = incident + ".redacted"
    #expect(try Program.run("redact", incident, "-o", redacted).status == 0)
    #expect(try HandMadePair.findings(of: redacted)["CAPTURES_MIXED"] != nil)
  }

  @Test("compare says it of the side that is mixed, and nothing else")
  func compared() throws {
    let outcome = try Program.run("compare", Self.pair.ingested(), Self.swapped())
    let words = outcome.words
    #expect(outcome.status == 3)
    #expect(!words.contains("worse than") && !words.contains("%: worse"), "\(words)")
    #expect(words.contains("CAPTURES_MIXED"), "\(words)")
    #expect(!words.contains("Found before"), "\(words)")
  }

  @Test("ingest says that a trace is a copy of another machine's, and of another trace nothing")
  func copied() throws {
    let incident = try MadeIncident()
    try incident.add(Self.pair.guest, "guest", "vm1")
    let copy = try incident.add(Self.pair.guest, "guest", "vm2")
    #expect(copy.contains("is the same as that of guest vm1: "), "\(copy)")
    let other = try incident.add(Self.pair.host, "guest", "vm3")
    #expect(!other.contains("is the same as"), "\(other)")
  }
}
