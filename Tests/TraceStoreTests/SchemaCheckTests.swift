import Foundation
import GRDB
import TestSupport
import Testing

@testable import TraceStore

/// Whether tables are ours, and which stored views are not: comments and white space do not count, and all else does.
struct SchemaCheckTests {
  @Test(
    "the words of a statement stay the same",
    arguments: [
      ("SELECT a,b FROM t", "SELECT  a , b\n-- which\nFROM\tt"),
      ("SELECT a FROM t", "SELECT /* one */ a FROM/**/t--"),
      ("SELECT 'it''s' || \"a\"", "SELECT 'it''s'||\"a\" -- 'x"),
      ("SELECT x'00', 1.5", "SELECT x'00',1.5"),
    ])
  func same(_ one: String, _ other: String) {
    #expect(SchemaCheck.words(of: one) == SchemaCheck.words(of: other))
  }

  @Test(
    "another statement has others",
    arguments: [
      ("SELECT 'a b'", "SELECT 'a  b'"), ("SELECT '--a'", "SELECT '--b'"),
      ("SELECT \"a\"", "SELECT a"),
      ("SELECT ab", "SELECT a b"), ("SELECT x'00'", "SELECT x '00'"),
      ("SELECT 'a''b'", "SELECT 'a' 'b'"),
      ("SELECT a -- , b\n, c", "SELECT a, b, c"), ("SELECT a /* */ , b", "SELECT a /* , b */"),
      ("SELECT 1", "SELECT 1;SELECT 2"), ("SELECT '/*' , a, '*/'", "SELECT '/*' , b, '*/'"),
      ("SELECT [a b]", "SELECT [a  b]"), ("SELECT `a`", "SELECT 'a'"),
    ])
  func another(_ one: String, _ other: String) {
    #expect(SchemaCheck.words(of: one) != SchemaCheck.words(of: other))
  }

  /// A new file in which a view's statement was replaced.
  private func file(_ edit: (String) -> String) throws -> String {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try IncidentFile(path, mode: .create).close()
    try DatabaseQueue(path: path).write { db in
      let sql = try #require(
        try String.fetchOne(db, sql: "SELECT sql FROM sqlite_master WHERE name = 'thread_wait'"))
      try db.execute(sql: "DROP VIEW thread_wait")
      try db.execute(sql: edit(sql))
      try db.execute(sql: "CREATE VIEW mine AS SELECT count(*) AS threads FROM thread_wait")
    }
    return path
  }

  @Test("a stored view that has other comments is ours")
  func comments() throws {
    let path = try file {
      $0.replacing("-- The machine.", with: "-- The machine, by its name.\n\n")
    }
    #expect(try IncidentFile(path, mode: .read).storedViews.changed.isEmpty)
  }

  @Test(
    "a stored view that says anything else is not run, and correlation stores ours in its place",
    arguments: [
      ("machine.name AS machine", "machine.layer AS machine"),
      ("-- The machine.\n", "-- The machine.\n upper('x') ||"),
      ("tid > 0", "tid > 0 /* */ OR 1"), ("runs > 0", "runs > 00"),
    ])
  func forged(_ ours: String, _ theirs: String) throws {
    let path = try file {
      #expect($0.contains(ours))
      return $0.replacing(ours, with: theirs)
    }
    let incident = try IncidentFile(path, mode: .write)
    #expect(incident.storedViews.changed == ["thread_wait"])
    func read(_ view: String) throws {
      try incident.query("SELECT * FROM \(view)", columns: { _ in }, row: { _ in })
    }
    try read("thread_wait")
    // Another of ours may read it, and so may one that somebody added.
    for view in [
      "main.thread_wait", "\"MAIN\" . [thread_wait]", "main.io", "mine", "(SELECT 1 FROM mine)",
    ] {
      let error = #expect(throws: StoreError.self) { try read(view) }
      #expect(error?.kind == .statement)
      #expect(error?.message.contains("other views than this hiddenq would (thread_wait)") == true)
    }
    try incident.replaceCorrelation { _ in
    } findings: {
      []
    }
    try read("main.thread_wait")
    try read("mine")
    try incident.close()
    let again = try IncidentFile(path, mode: .read)
    #expect(again.storedViews.changed.isEmpty)
  }
}
