internal import GRDB

/// What brings an incident file of one schema version to the next: a file `schema/migrations/N.sql`, which
/// starts from version N and is kept for ever once N + 1 is released.
///
/// It changes tables of what was ingested, and nothing else: views, and the tables of what correlation finds, are
/// made anew by each migration as the current schema has them. The version is the header's `user_version`,
/// which every SQLite tool shows; GRDB's own migrator would keep a table of its own beside it.
struct Migration {
  let from: Int32
  let sql: String

  /// All of them.
  static var all: [Migration] {
    Schema.files.compactMap { file in
      guard file.path.hasPrefix("migrations/"), file.path.hasSuffix(".sql"),
        let from = Int32(file.path.dropFirst("migrations/".count).dropLast(".sql".count))
      else { return nil }
      return Migration(from: from, sql: file.text)
    }
  }

  /// Brings a database up to a version, in the transaction that is open. What was found is emptied, so that
  /// correlation is due. Throws ``StoreError`` where there is no way from one to the other.
  static func run(
    _ db: Database, from: Int32, to: Int32 = Schema.version, steps: [Migration] = all
  ) throws {
    let way = try (from..<to).map { version in
      guard let step = steps.first(where: { $0.from == version }) else {
        throw StoreError(
          .foreign, "has schema version \(from), and no release of hiddenq has written that")
      }
      return step
    }
    for view in try String.fetchAll(
      db, sql: "SELECT name FROM sqlite_master WHERE type = 'view'")
    {
      try db.execute(sql: "DROP VIEW main.\(view.quotedDatabaseIdentifier)")
    }
    for step in way { try db.execute(sql: step.sql) }
    // Those of the current schema; what an older one called otherwise, its step has dropped.
    for table in Schema.derivedTables { try db.execute(sql: "DROP TABLE IF EXISTS main.\(table)") }
    try db.execute(sql: Schema.derivedStructure)
    try db.storeViews()
    try db.execute(sql: "DELETE FROM incident_state WHERE key = 'correlated'")
    try db.execute(sql: "PRAGMA user_version = \(to)")
  }
}
