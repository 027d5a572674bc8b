internal import Foundation
internal import GRDB
public import TraceModel

/// Puts pseudonyms in the place of names in an incident file, and checks that none was left.
public final class Redactor {
  /// What was, or would be, done to one kind of text.
  public struct Count: Sendable {
    /// What it is.
    public let what: String
    /// What is done with it.
    public let done: String
    /// Different values of it.
    public var values: Int64
    /// Those that stay as they are, since nobody chose them.
    public var kept: Int64
    /// Rows that change.
    public var rows: Int64
  }

  private var rewriter: NameRewriter
  /// Values of columns that stay, and the new ones of the others.
  private var keptValues: Set<String> = []
  private var newValues: Set<String> = []

  /// One that makes pseudonyms under a key.
  public init(key: [UInt8]) { rewriter = NameRewriter(Pseudonyms(key: key)) }

  /// Every word that was replaced so far, with its pseudonym, by word.
  public var replaced: [(word: String, pseudonym: String)] {
    rewriter.pseudonyms.given.sorted { $0.key < $1.key }.map { (word: $0.key, pseudonym: $0.value) }
  }

  /// What would be replaced in a file, without a change to it.
  public func plan(for file: IncidentFile) throws -> [Count] {
    try translating { try file.queue.read { db in try changes(db) { _, _, _ in } } }
  }

  /// Replaces all names in a file, which is a copy. The findings go; ``IncidentFile/replaceFindings(_:)``
  /// puts those of the rules in their place.
  public func apply(to file: IncidentFile) throws -> [Count] {
    // New pages begin as zeros, not as what the memory held.
    try translating {
      try file.queue.inDatabase { db in _ = try Row.fetchAll(db, sql: "PRAGMA secure_delete = ON") }
    }
    var counts: [Count] = []
    try file.writing { db in
      try db.execute(
        sql: "CREATE TEMP TABLE replacement (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID")
      defer { try? db.execute(sql: "DROP TABLE replacement") }
      counts = try changes(db) { table, column, values in
        try db.execute(sql: "DELETE FROM replacement")
        for (old, new) in values {
          try db.cachedStatement(sql: "INSERT INTO replacement VALUES (?, ?)")
            .execute(arguments: [old, new])
        }
        try db.execute(
          sql: """
            UPDATE \(table)
            SET "\(column)" = (SELECT new FROM replacement WHERE old = "\(column)")
            WHERE "\(column)" IN (SELECT old FROM replacement)
            """)
      }
      try db.deleteFindings()
      return .commit
    }
    // SQLite leaves old bytes in the gaps of pages that it rearranges; new pages have none.
    try translating { try file.queue.vacuum() }
    return counts
  }

  /// Goes over all columns in the order of the tables; `change` gets the values that become others.
  private func changes(
    _ db: Database, _ change: (String, String, [(String, String?)]) throws -> Void
  ) throws -> [Count] {
    var kinds: [RedactedKind: Count] = [:]
    var taken = Count(what: "lines of input", done: "taken out", values: 0, kept: 0, rows: 0)
    let columns = try Self.textColumns(db)
    // Machines first: other names may contain theirs.
    let isLate: (RedactionPlan.Treatment) -> Bool = { $0 != .replace(.machines) }
    let decided = try columns.map { table, column in
      guard let treatment = RedactionPlan.treatment(table, column) else {
        throw StoreError(
          .foreign, "has a column \(table).\(column) of which it is not known what may stand in it")
      }
      return (table: table, column: column, treatment: treatment)
    }
    for (table, column, treatment) in decided.filter({ !isLate($0.treatment) })
      + decided.filter({ isLate($0.treatment) })
    {
      switch treatment {
      case .keep:
        keptValues.formUnion(try Self.values(db, table, column).map(\.text))
      case .writeAnew: continue
      case .takeOut:
        let values = try Self.values(db, table, column)
        taken.values += Int64(values.count)
        taken.rows += values.reduce(0) { $0 + $1.rows }
        try change(table, column, values.map { ($0.text, nil) })
      case .replace(let kind):
        var count =
          kinds[kind] ?? Count(what: kind.rawValue, done: "replaced", values: 0, kept: 0, rows: 0)
        var changed: [(String, String?)] = []
        for (text, rows) in try Self.values(db, table, column) {
          let new = try rewriter.rewrite(text, kind)
          newValues.insert(new)
          count.values += 1
          if new == text {
            count.kept += 1
          } else {
            count.rows += rows
            changed.append((text, new))
          }
        }
        kinds[kind] = count
        try change(table, column, changed)
      }
    }
    let findings = try Int64.fetchOne(db, sql: "SELECT count(*) FROM finding_row") ?? 0
    return RedactedKind.allCases.compactMap { kinds[$0] } + [
      taken,
      Count(what: "findings", done: "written anew", values: findings, kept: 0, rows: findings),
    ]
  }

  private static func values(
    _ db: Database, _ table: String, _ column: String
  ) throws -> [(text: String, rows: Int64)] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT "\(column)", count(*) FROM \(table) WHERE "\(column)" IS NOT NULL
        GROUP BY 1 ORDER BY 1
        """
    ).map { row in try (row[0], row[1]) }
  }

  /// All columns of a file that hold text.
  static func textColumns(_ db: Database) throws -> [(table: String, column: String)] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT sqlite_master.name, columns.name FROM sqlite_master
        JOIN pragma_table_info(sqlite_master.name) AS columns
        WHERE sqlite_master.type = 'table' AND sqlite_master.name NOT LIKE 'sqlite_%'
          AND columns.type NOT IN ('INTEGER', 'REAL', 'BLOB')
        ORDER BY sqlite_master.rowid, columns.cid
        """
    ).map { row in try (row[0], row[1]) }
  }
}

extension Redactor {
  /// What a check of a redacted file found.
  public struct Leftovers: Sendable {
    /// Words that should have been replaced and stand in it.
    public let words: [String]
    /// How many words were sought in every byte of the file.
    public let soughtInBytes: Int
    /// How many only in the columns, since they are short or since the file's own texts contain them.
    public let soughtInColumns: Int
  }

  /// Seeks every word that was replaced: in all bytes of the file, and those in the columns only that are
  /// shorter than five bytes or part of what stays (the schema, names of formats, the kernel's threads).
  /// After ``apply(to:)``, before findings are written: their sentences are made of ordinary words.
  public func leftovers(in file: IncidentFile) throws -> Leftovers {
    let words = Set(rewriter.pseudonyms.given.keys)
    let schema = try translating {
      try file.queue.read { db in
        try String.fetchAll(db, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
      }
    }
    let long = words.filter { $0.utf8.count >= ByteSearch.shortest }
    let own = (schema + keptValues + rewriter.kept).joined(separator: "\n")
    let sought = long.subtracting(ByteSearch(long).found(in: own))
    let borders = ValueBorders(keptValues.union(newValues))
    let hits = try ByteSearch(sought).hits(inFileAt: file.path)
    var left = try Set(
      hits.filter { try !borders.cross($0, inFileAt: file.path) }.map(\.text))
    try translating {
      try file.queue.read { db in
        for (table, column) in try Self.textColumns(db) {
          guard case .replace(let kind) = RedactionPlan.treatment(table, column) else { continue }
          for (text, _) in try Self.values(db, table, column) {
            left.formUnion(try rewriter.leftovers(in: text, kind))
          }
        }
      }
    }
    return Leftovers(
      words: left.sorted(), soughtInBytes: sought.count,
      soughtInColumns: words.count - sought.count)
  }
}

extension IncidentFile {
  /// Makes a copy without unused pages at a path where nothing is, for nobody else to read; this file stays
  /// as it is.
  public func copy(to path: String) throws {
    let files = FileManager.default
    guard !files.fileExists(atPath: path) else {
      throw StoreError(.access, "\(path) is already there")
    }
    guard files.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    else { throw StoreError(.access, "\(path) cannot be written") }
    try translating {
      try queue.inDatabase { db in
        // The new file's pages begin as zeros, not as what the memory held.
        _ = try Row.fetchAll(db, sql: "PRAGMA secure_delete = ON")
        try db.execute(sql: "VACUUM INTO ?", arguments: [path])
      }
    }
  }

  /// Puts findings in the place of those that are there.
  public func replaceFindings(_ findings: [Finding]) throws {
    try writing { db in
      try db.deleteFindings()
      try db.storeFindings(findings)
      return .commit
    }
  }
}
