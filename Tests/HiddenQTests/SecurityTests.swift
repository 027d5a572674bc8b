import Foundation
import TestSupport
import Testing

/// What SECURITY.md promises and no other test shows.
struct SecurityTests {
  @Test("no process is started, no library loaded, no network spoken to: there is no code for it")
  func noCodeForIt() throws {
    let sources = Repository.root.appending(path: "Sources")
    let files = try #require(
      FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var count = 0
    for case let file as URL in files where ["swift", "c", "h"].contains(file.pathExtension) {
      let text = try String(contentsOf: file, encoding: .utf8)
      count += 1
      for match in text.matches(
        of:
          /\b(?:Process|popen|system|fork|exec[lv]p?e?|posix_spawnp?|dlopen|socket|connect|getaddrinfo|URLSession)\(|FoundationNetworking/
      ) {
        Issue.record("\(file.lastPathComponent): \(match.0)")
      }
    }
    #expect(count > 100)
  }

  @Test(
    "a forged view or trigger in an incident file is a sentence or harmless, and writes no other file",
    arguments: [
      "DROP VIEW io; CREATE VIEW io AS SELECT load_extension('libm.so.6') AS io_id, 'g' AS guest",
      "DROP VIEW source; CREATE VIEW source AS SELECT * FROM pragma_user_version(9)",
      "DROP VIEW finding; CREATE VIEW finding AS SELECT writefile('%/other', 'x') AS code",
      "CREATE TRIGGER t AFTER INSERT ON incident_state BEGIN SELECT load_extension('libm.so.6'); END",
      "DROP VIEW problem; CREATE VIEW problem AS SELECT zeroblob(2000000000) AS excerpt",
    ])
  func forged(_ sql: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = folder.appending(path: "incident.db").path
    let trace = Repository.fixtures.appending(path: "blkparse/plain-request/input.txt").path
    #expect(try Program.run("ingest", incident, trace, "--guest", "g").status == 0)
    try Program.alter(incident, sql.replacingOccurrences(of: "%", with: folder.path))
    for command in [
      ["correlate", incident], ["report", incident], ["findings", incident], ["check", incident],
      ["query", incident, "SELECT * FROM io"], ["query", incident, "SELECT * FROM source"],
      ["query", incident, "SELECT length(excerpt) FROM problem"],
    ] {
      let outcome = try Program.run(command)
      #expect([0, 2, 3].contains(outcome.status), "\(command): \(outcome.errors)")
      if outcome.status == 2 {
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["incident.db"])
  }

  /// A query without an end.
  private static let endless =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS a FROM c WHERE x < 0"

  @Test(
    "an incident file with another table under a name of ours, or with a trigger, is refused by every command",
    .timeLimit(.minutes(2)),
    arguments: [
      ("DROP VIEW io; CREATE TABLE io (io_id)", "another 'io'"),
      ("DROP TABLE finding_row; CREATE VIEW finding_row AS \(endless)", "another 'finding_row'"),
      ("DROP TABLE source_problem", "lacks 'source_problem'"),
      ("DROP TABLE machine; CREATE VIRTUAL TABLE machine USING fts5(name)", "another 'machine'"),
      (
        "CREATE TRIGGER t AFTER DELETE ON incident_state BEGIN INSERT INTO incident_state SELECT 'a', a FROM "
          + "(\(endless)); END", "has a trigger"
      ),
    ])
  func anotherSchema(_ sql: String, _ reason: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = folder.appending(path: "incident.db").path
    let trace = Repository.fixtures.appending(path: "blkparse/plain-request/input.txt").path
    #expect(try Program.run("ingest", incident, trace, "--guest", "g").status == 0)
    try Program.alter(incident, sql)
    for command in [
      ["correlate", incident], ["ingest", incident, trace, "--guest", "other"],
      ["report", incident], ["findings", incident], ["check", incident],
      ["show", incident, "slowest"], ["query", incident, "SELECT 1"],
      ["compare", incident, incident],
      ["redact", incident, "-o", folder.appending(path: "redacted.db").path],
      ["export", incident, "--format", "jsonl", "-o", folder.appending(path: "views").path],
    ] {
      let outcome = try Program.run(command)
      #expect(outcome.status == 2, "\(command): \(outcome.errors)")
      #expect(outcome.errors.contains(reason), "\(command): \(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["incident.db"])
  }

  @Test(
    "another view under a name of ours is run by no command, and correlate stores ours in its place",
    .timeLimit(.minutes(2)))
  func anotherView() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = folder.appending(path: "incident.db").path
    let trace = Repository.fixtures.appending(path: "blkparse/plain-request/input.txt").path
    #expect(try Program.run("ingest", incident, trace, "--guest", "g").status == 0)
    try Program.alter(
      incident,
      ["io", "source", "finding", "request"].map {
        "DROP VIEW \($0); CREATE VIEW \($0) AS \(Self.endless);"
      }.joined() + "CREATE VIEW mine AS SELECT count(*) AS requests FROM request")
    let count = "SELECT count(*) AS requests FROM request"
    let own = try Program.run("query", incident, count, "--as-is", "--format", "csv")
    #expect(own.status == 0 && own.output == "requests\n1\n", "\(own)")
    for statement in ["SELECT * FROM main.request", "SELECT requests FROM mine"] {
      let outcome = try Program.run("query", incident, statement, "--as-is")
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("this file stores other views than"), "\(outcome)")
    }
    for command in [
      ["report", incident], ["findings", incident], ["check", incident],
      ["show", incident, "slowest"],
    ] {
      #expect([0, 3].contains(try Program.run(command).status))
    }
    #expect([0, 3].contains(try Program.run("correlate", incident).status))
    let stored = try Program.run(
      "query", incident, "SELECT requests FROM mine", "--format", "csv")
    #expect(stored.output == "requests\n1\n", "\(stored)")
  }

  @Test(
    "packed thread times and texts that are forged are a sentence, in little memory",
    .timeLimit(.minutes(2)),
    arguments: [
      "UPDATE thread_slice_chunk SET data = zeroblob(100)",
      "UPDATE thread_slice_chunk SET data = x''",
      "UPDATE thread_slice_chunk SET data = CAST(x'01' || randomblob(5000) AS BLOB)",
      "UPDATE thread_slice_chunk SET data = x'01FFFFFFFF0000'",
      "UPDATE thread_slice_chunk SET data = zeroblob(100000000)",
      "UPDATE thread_slice_chunk SET slices = 1000000",
      "UPDATE thread_slice_chunk SET slices = 9223372036854775807",
    ])
  func forgedChunks(_ sql: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = folder.appending(path: "incident.db").path
    let trace = Repository.fixtures.appending(
      path: "perf-sched/clock-set-back-by-less-than-a-second/input.txt"
    ).path
    #expect(try Program.run("ingest", incident, trace, "--host", "h").status == 0)
    try Program.alter(incident, sql)
    for command in [
      ["query", incident, "SELECT count(*) FROM thread_interval"], ["correlate", incident],
    ] {
      let outcome = try Program.run(command)
      #expect(outcome.status == 2, "\(command): \(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    }
  }
}
