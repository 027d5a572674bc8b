internal import GRDB

/// Whether the tables of an incident file are those that hiddenq makes.
///
/// A file from elsewhere may hold a virtual table under a name of ours, or a trigger that runs when it is written to.
/// What is not ours may stay (a user's own views and indexes), as nothing here asks it. Nor does anything ask the views
/// that the file stores: the program makes its own for each connection.
enum SchemaCheck {
  /// Nothing that runs by itself: to be asked before anything is written.
  static func nothingRuns(_ db: Database) throws {
    let trigger = try String.fetchOne(
      db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    guard trigger == nil else {
      throw StoreError(
        .foreign, "has a trigger, which no incident file has; ingest the traces again")
    }
  }

  /// All tables of the current schema are there, word by word. SQLite keeps a statement as it was written: comments
  /// and white space do not count, so that a better comment needs no new version.
  ///
  /// Returns the views that the file stores.
  static func isOurs(_ db: Database) throws -> StoredViews {
    let found = try statements(db)
    let expected = try expected.get()
    var views = StoredViews()
    views.added = Set(
      found.filter { $0.value.type == "view" && expected[$0.key] == nil }.map {
        $0.key.lowercased()
      })
    for (name, ours) in expected {
      let theirs = found[name]
      if theirs?.type == ours.type, theirs?.sql == ours.sql { continue }
      if ours.type == "view", theirs == nil || theirs?.type == "view" {
        views.changed.insert(name)
        continue
      }
      let what =
        theirs == nil ? "lacks '\(name)'" : "has another '\(name)' than this hiddenq makes"
      throw StoreError(.foreign, what + "; ingest the traces again")
    }
    return views
  }

  /// The names of the tables of the current schema.
  static func tables() throws -> [String] {
    try expected.get().filter { $0.value.type == "table" }.keys.sorted()
  }

  private struct Statement {
    let type: String
    let sql: String
  }

  private static let expected = Result {
    try DatabaseQueue().write { db in
      try db.makeTables()
      try db.storeViews()
      return try statements(db)
    }
  }

  /// The tables and views, each with the words of the statement that made it.
  private static func statements(_ db: Database) throws -> [String: Statement] {
    var statements: [String: Statement] = [:]
    let rows = try Row.fetchCursor(
      db, sql: "SELECT name, sql, type FROM sqlite_master WHERE type IN ('table', 'view')")
    while let row = try rows.next() {
      guard let sql: String = try row[1] else { continue }
      statements[try row[0]] = Statement(type: try row[2], sql: words(of: sql))
    }
    return statements
  }

  /// A statement with one blank between its words and signs, and without comments. What stands in quotes stays as it
  /// is, and so does a quote right behind a word: `x'00'` is not `x '00'`.
  static func words(of sql: String) -> String {
    let bytes = Array(sql.utf8)
    var result: [UInt8] = []
    var at = 0
    /// Whether the last byte taken was of a word, with nothing between it and this place.
    var isInWord = false
    func separate() { if !result.isEmpty { result.append(UInt8(ascii: " ")) } }
    while at < bytes.count {
      let byte = bytes[at]
      let next = at + 1 < bytes.count ? bytes[at + 1] : 0
      switch byte {
      case UInt8(ascii: " "), 9, 10, 12, 13:
        at += 1
        isInWord = false
      case UInt8(ascii: "-") where next == byte:
        at = bytes[at...].firstIndex(of: 10) ?? bytes.count
        isInWord = false
      case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
        // To the first `*/` behind it, or to the end.
        at += 2
        while at < bytes.count,
          bytes[at] != UInt8(ascii: "*") || at + 1 == bytes.count
            || bytes[at + 1] != UInt8(ascii: "/")
        {
          at += 1
        }
        at = min(bytes.count, at + 2)
        isInWord = false
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: "["):
        if !isInWord { separate() }
        let end = byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : byte
        // A doubled quote ends one text and begins another right behind it, which comes to the same.
        let last = bytes[(at + 1)...].firstIndex(of: end) ?? bytes.count - 1
        result += bytes[at...last]
        at = last + 1
        isInWord = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "$"), 128...255:
        if !isInWord { separate() }
        result.append(byte)
        at += 1
        isInWord = true
      default:
        separate()
        result.append(byte)
        at += 1
        isInWord = false
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
