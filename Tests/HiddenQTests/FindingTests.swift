import Foundation
import TestSupport
import Testing

/// What the rules say, through the command as users run it.
struct FindingTests {
  /// A finding as `findings --format json` prints it.
  private struct Finding: Decodable {
    let code: String
    let severity: String
    let sentence: String
    let confidence: String
    let evidence_sql: String
    let next_step: String
  }

  private static let fixture = Repository.fixtures.appending(path: "kvm-noisy-cpu").path

  @Test("every evidence runs, and returns the numbers of its sentence")
  func evidence() throws { try Self.checkEvidence(Self.fixture) }

  static func checkEvidence(_ capture: String) throws {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    #expect(try Program.run("ingest", incident, capture).status == 0)
    let findings = try Self.findings(incident)
    for finding in findings where finding.confidence != "none" {
      let outcome = try Program.run(
        "query", incident, finding.evidence_sql, "--format", "json")
      #expect(outcome.status == 0, "\(finding.code): \(outcome.errors)")
      let rows =
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]] ?? []
      #expect(!rows.isEmpty, "\(finding.code) has evidence without rows")
      let values = rows.flatMap(\.values)
      let missing = SentenceNumbers.unexplained(
        finding.sentence, values: values.compactMap { ($0 as? NSNumber)?.doubleValue },
        texts: values.compactMap { $0 as? String })
      #expect(
        missing.isEmpty,
        "\(finding.code): '\(finding.sentence)' says \(missing), its evidence does not")
    }
    for finding in findings { #expect(!finding.next_step.isEmpty) }
  }

  @Test("statuses: 0 without --fail-on, 1 from that severity on, 2 for an unknown threshold")
  func statuses() throws {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    _ = try Program.run("ingest", incident, Self.fixture)
    let worst = Set(try Self.findings(incident).map(\.severity))
    #expect(
      try Program.run("findings", incident, "--fail-on", "critical").status
        == (worst.contains("critical") ? 1 : 0))
    #expect(
      try Program.run("findings", incident, "--fail-on", "warning").status
        == (worst.isDisjoint(with: ["warning", "critical"]) ? 0 : 1))
    #expect(try Program.run("findings", incident, "--threshold", "none-such=1").status == 2)
  }

  private static func findings(_ incident: String) throws -> [Finding] {
    let outcome = try Program.run("findings", incident, "--format", "json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try JSONDecoder().decode([Finding].self, from: Data(outcome.output.utf8))
  }
}
