import Foundation
import TestSupport
import Testing

extension HandMadePair {
  /// Ingests the pair; the incident file.
  func ingested(host hostName: String = "host", guest guestName: String = "vm1") throws -> String {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "i.db").path
    for (name, option, text) in [
      (hostName, "--host", host), (guestName, "--guest", guest),
    ] {
      let file = folder.appending(path: "\(name).txt")
      try Data(text.utf8).write(to: file)
      let outcome = try Program.run("ingest", "blktrace", incident, file.path, option, name)
      guard outcome.status == 0 else { throw Failure(words: outcome.errors) }
    }
    return incident
  }

  /// Ingests and correlates the pair; what the rules find, by code.
  func findings() throws -> [String: String] {
    let incident = try ingested()
    let outcome = try Program.run("correlate", incident)
    guard outcome.status == 0 else { throw Failure(words: outcome.errors) }
    return try Self.findings(of: incident)
  }

  /// What the rules find in an incident file, by code; the evidence is run.
  static func findings(of incident: String) throws -> [String: String] {
    let rows = try Program.run("findings", incident, "--format", "json")
    let found = try JSONDecoder().decode([Row].self, from: Data(rows.output.utf8))
    for row in found where row.confidence != "none" { try check(row, incident) }
    return Dictionary(found.map { ($0.code, $0.words) }, uniquingKeysWith: { first, _ in first })
  }

  /// A finding as `findings --format json` prints it.
  private struct Row: Decodable {
    let code: String
    let severity: String
    let sentence: String
    let confidence: String
    let evidence_sql: String

    var words: String { "\(severity): \(sentence)" }
  }

  /// The evidence runs, and returns the numbers of the sentence.
  private static func check(_ row: Row, _ incident: String) throws {
    let outcome = try Program.run("query", incident, row.evidence_sql, "--format", "json")
    #expect(outcome.status == 0, "\(row.code): \(outcome.errors)")
    let rows =
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]] ?? []
    let values = rows.flatMap(\.values)
    let missing = SentenceNumbers.unexplained(
      row.sentence, values: values.compactMap { ($0 as? NSNumber)?.doubleValue },
      texts: values.compactMap { $0 as? String })
    #expect(
      missing.isEmpty, "\(row.code): '\(row.sentence)' says \(missing), its evidence does not")
  }

  struct Failure: Error {
    let words: String
  }
}
