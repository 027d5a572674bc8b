import Foundation
import TestSupport
import Testing

/// An incident file of small texts, each of a machine.
struct MadeIncident {
  let path: String
  private let folder: URL

  init() throws {
    folder = try Repository.temporaryFolder()
    path = folder.appending(path: "i.db").path
  }

  /// Ingests a text, or texts that are read as one set, under their names; what was printed.
  @discardableResult
  func add(_ files: [String: Data], _ side: String, _ machine: String) throws -> String {
    let own = folder.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
    let paths = try files.sorted { $0.key < $1.key }.map { name, bytes in
      let file = own.appending(path: name)
      try bytes.write(to: file)
      return file.path
    }
    let outcome = try Program.run(["ingest", path] + paths + ["--\(side)", machine])
    try #require(outcome.status == 0, "\(outcome.errors)\(outcome.words)")
    return outcome.words
  }

  /// Ingests one text.
  @discardableResult
  func add(_ text: String, _ side: String, _ machine: String) throws -> String {
    try add(["trace.txt": Data(text.utf8)], side, machine)
  }

  /// What the rules find, by code, as `severity: sentence`; every evidence is run. Of a code the first is taken.
  func findings() throws -> [String: String] {
    _ = try Program.run("correlate", path)
    return try HandMadePair.findings(of: path)
  }

  /// The rows of a statement, as CSV without its head.
  func rows(_ sql: String) throws -> [String] {
    _ = try Program.run("correlate", path)
    let outcome = try Program.run("query", path, sql, "--format", "csv")
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.output.split(whereSeparator: \.isNewline).dropFirst().map(String.init)
  }

  /// The report's words.
  func report() throws -> String { try Program.run("report", path).words }
}
