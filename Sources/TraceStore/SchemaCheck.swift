internal import GRDB

/// Whether the tables and views of an incident file are those that hiddenq makes.
///
/// A file from elsewhere may hold a view of the same name whose query never ends, a virtual table, or a trigger that
/// runs when it is written to. What is not ours may stay (a user's own views and indexes), as nothing here asks it.
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

  /// All that the current schema has is there, word by word.
  static func isOurs(_ db: Database) throws {
    let found = try statements(db)
    for (name, sql) in try expected.get() where found[name] != sql {
      let what =
        found[name] == nil
        ? "lacks '\(name)'" : "has another '\(name)' than this hiddenq makes"
      throw StoreError(.foreign, what + "; ingest the traces again")
    }
  }

  private static let expected = Result {
    try DatabaseQueue().write { db in
      for file in Schema.files where file.isStructure { try db.execute(sql: file.text) }
      return try statements(db)
    }
  }

  /// The tables and views, each with the statement that made it.
  private static func statements(_ db: Database) throws -> [String: String] {
    var statements: [String: String] = [:]
    let rows = try Row.fetchCursor(
      db, sql: "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view')")
    while let row = try rows.next() {
      let sql: String? = try row[1]
      statements[try row[0]] = sql
    }
    return statements
  }
}
