import Foundation
import GRDB
import TestSupport
import Testing

@testable import TraceStore

/// Text within statements.
struct SQLTextTests {
  private static let hostile = [
    "web1", "", "it's", "'", "''", "x' OR '1'='1", "x'; DROP TABLE machine; --", "/* */ --", "a\nb",
    "\\'", "\"", "a\0b",
    "\0", "'\0'", "\u{1F600}\u{202E}", "%_?1:a@b$c",
  ]

  @Test("a literal is the text that it was made of, whatever that is", arguments: hostile)
  func literal(_ text: String) throws {
    let found = try DatabaseQueue().read { db in
      try Row.fetchAll(
        db,
        sql:
          "SELECT CAST(\(SQLText.literal(text)) AS BLOB), 7 AS after WHERE \(SQLText.literal(text)) = CAST(? AS TEXT)",
        arguments: [Data(text.utf8)])
    }
    try #require(found.count == 1)
    let bytes: Data = try found[0].decode(Data.self, atIndex: 0)
    #expect(bytes == Data(text.utf8))
    #expect(try found[0].decode(Int.self, forColumn: "after") == 7)
  }

  @Test(
    "the statements of a file about a machine of any name read that machine", arguments: hostile)
  func statement(_ name: String) throws {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try IncidentFile(path, mode: .create).close()
    try DatabaseQueue(path: path).write { db in
      try db.execute(
        sql: "INSERT INTO machine VALUES (1, CAST(? AS TEXT), 'guest'), (2, 'another', 'host')",
        arguments: [Data(name.utf8)])
    }
    let file = try IncidentFile(path, mode: .read)
    let rows = try file.rows(
      "SELECT count(*) AS n FROM machine WHERE name = \(SQLText.literal(name))")
    #expect(rows.first?.integer("n") == 1)
  }

  @Test("no source puts text between quotes of a statement by itself")
  func sources() throws {
    let folder = Repository.root.appending(path: "Sources")
    let files = try #require(
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var count = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      count += 1
      let text = try String(contentsOf: file, encoding: .utf8)
      // `= '\(name)'` and the like; what FleetSchema prints between quotes are names of views and digits.
      let found = text.matches(of: /(?:=|<>|LIKE|IN \() ?'\\\(/).count
      #expect(found == 0, "\(file.lastPathComponent)")
    }
    #expect(count > 100)
  }
}
