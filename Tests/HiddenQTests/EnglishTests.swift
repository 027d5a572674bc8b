import Foundation
import TestSupport
import Testing

/// What users read is plain: none of the phrases that a reader once needed a second look for is left.
struct EnglishTests {
  private static let phrases = [
    "SQL that reads", "from this severity on", "of which more lines cannot be used",
    "No rule found anything",
    "left it half written", "taken back", "with no neighbour ", "its own other threads were there",
    "lost their time in several", "requests bind it", "whose begin or end it does not show",
    "so few samples tell nothing", "calls a false optimisation so", "nothing in it could be used",
    "others took", "others were on it", "is blamed", "laid over", "lay over", "is told that",
    "it is told",
    "half written",
  ]

  /// The texts in quotes of a source, without its comments.
  private static func texts(of source: String) -> String {
    source.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
      .flatMap { line in line.matches(of: /"((?:[^"\\]|\\.)*)"/).map { String($0.1) } }
      .joined(separator: "\n")
  }

  private static func files(in folder: String, _ ending: String) throws -> [URL] {
    let root = Repository.root.appending(path: folder)
    return FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?
      .compactMap { $0 as? URL }.filter { $0.pathExtension == ending } ?? []
  }

  @Test("no text of the program and no page of the documents has them")
  func phrases() throws {
    let sources = try Self.files(in: "Sources", "swift")
    let pages = try Self.files(in: "docs", "md") + [Repository.root.appending(path: "README.md")]
    #expect(sources.count > 100 && pages.count > 20)
    for file in sources + pages {
      let text = try String(contentsOf: file, encoding: .utf8)
      let read = file.pathExtension == "swift" ? Self.texts(of: text) : text
      for phrase in Self.phrases {
        #expect(!read.contains(phrase), "\(file.lastPathComponent): \(phrase)")
      }
    }
    // The search itself finds what is there.
    #expect(Self.texts(of: "  let a = \"it is told \\\"so\\\"\"  // laid over").contains("is told"))
    #expect(!Self.texts(of: "  // \"laid over\"").contains("laid"))
  }

  /// Of what the rules find in the ten scenarios and in the demo: the sentence, the reason for its confidence, the advice.
  private static func checkLengths(_ findings: [[String: Any]]) throws {
    for finding in findings {
      for part in ["sentence", "because", "next_step"] {
        for sentence in Sentences.of(try #require(finding[part] as? String)) {
          #expect(Sentences.words(of: sentence) <= 25, "\(finding["code"] ?? ""): \(sentence)")
        }
      }
    }
  }

  @Test("no sentence of a finding of the ten scenarios has more than 25 words")
  func goldenLengths() throws {
    let golden = try Self.files(in: "Fixtures/golden", "json")
    #expect(golden.count >= 10)
    var codes: Set<String> = []
    for file in golden {
      let text = try Data(contentsOf: file)
      let scenario = try JSONSerialization.jsonObject(with: text) as? [String: Any]
      let report = try #require(scenario?["with_the_cause"] as? [String: Any])
      let findings = try #require(report["finding"] as? [[String: Any]])
      codes.formUnion(findings.compactMap { $0["code"] as? String })
      try Self.checkLengths(findings)
    }
    #expect(codes.count >= 10)
  }

  @Test("no sentence of a finding has more than 25 words")
  func length() throws {
    let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
    let capture = Repository.fixtures.appending(path: "kvm-cpu-neighbour").path
    #expect(try Program.run("ingest", incident, capture).status == 0)
    let outcome = try Program.run("findings", incident, "--format", "json")
    let findings = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    #expect(findings.count > 1)
    try Self.checkLengths(findings)
  }
}
