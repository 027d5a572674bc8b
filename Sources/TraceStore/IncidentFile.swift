internal import Foundation
internal import GRDB

/// An incident: one SQLite file that holds what was read and what was found.
public final class IncidentFile {
  /// How to open one.
  public enum Mode: Sendable {
    /// To read only; it must exist.
    case read
    /// To write; it must exist.
    case write
    /// To write; made when it is not there.
    case create
  }

  /// Its path as the user gave it.
  public let path: String
  /// Whether opening made it.
  public let isNew: Bool
  /// Whether opening took back what a killed program had left half done.
  public let wasRolledBack: Bool
  /// The schema version that it had, where opening brought it to ours.
  public let formerVersion: Int32?
  /// What it is doing.
  public let activity: Activity
  let queue: DatabaseQueue
  /// The views that the file stores, where they are not those of this program.
  var storedViews = StoredViews()

  /// Kilobytes of pages that SQLite holds.
  static let cache = 16_384

  /// Opens an incident file. Throws ``StoreError``.
  ///
  /// One of an older schema version is brought to ours when it is opened to be written, as a whole or not at all.
  ///
  /// A killed program may have left a journal; SQLite then needs to write once to roll the file back, so
  /// such a file is opened writable for a moment even when it is only to be read.
  public init(_ path: String, mode: Mode) throws {
    self.path = path
    let exists = FileManager.default.fileExists(atPath: path)
    guard exists || mode == .create else { throw StoreError(.missing, "there is no such file") }
    func attributes() -> [FileAttributeKey: Any] {
      (try? FileManager.default.attributesOfItem(atPath: path)) ?? [:]
    }
    guard attributes()[.type] as? FileAttributeType != .typeDirectory else {
      throw StoreError(.access, "is a directory, expected an incident file")
    }
    wasRolledBack = exists ? try Self.rollBackIfNeeded(path) : false
    // A file whose making was interrupted is empty again.
    isNew = !exists || attributes()[.size] as? Int == 0
    guard !isNew || mode == .create else {
      throw StoreError(.foreign, "is empty; 'hiddenq ingest' fills it")
    }

    var configuration = Configuration()
    configuration.readonly = mode == .read
    configuration.foreignKeysEnabled = false
    configuration.busyMode = .timeout(2)
    let makesFile = isNew
    configuration.prepareDatabase { db in
      if makesFile { try db.execute(sql: "PRAGMA page_size = 16384") }
      try db.execute(sql: "PRAGMA cache_size = -\(Self.cache)")
      // The file may be from anywhere: its views get no functions but harmless ones, its pages no trust.
      try db.execute(sql: "PRAGMA trusted_schema = OFF")
      try db.execute(sql: "PRAGMA cell_size_check = ON")
      QueryGuard.limitValues(db)
      try db.makeTemporaryViews()
    }
    let made = isNew
    let queue = try translating {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      if made, mode == .create {
        do {
          try queue.write { db in try Self.createSchema(db) }
        } catch {
          try? queue.close()
          Self.remove(path)
          throw error
        }
      }
      return queue
    }
    self.queue = queue
    activity = Activity(queue, path: path, isNew: isNew)
    formerVersion = try Self.bringUpToDate(queue, mode)
    if !isNew { storedViews = try translating { try queue.read(SchemaCheck.isOurs) } }
  }

  /// Whether a file is there that hiddenq made, by its header; it is not opened as a database.
  public static func isOne(_ path: String) -> Bool {
    guard let handle = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? handle.close() }
    // `SQLite format 3`, and from byte 68 on the application's number.
    guard let head = try? handle.read(upToCount: 72), head.count == 72,
      head.prefix(15).elementsEqual("SQLite format 3".utf8)
    else { return false }
    return head.suffix(4).reduce(Int32(0)) { $0 << 8 | Int32($1) } == Schema.applicationID
  }

  /// Ends all use of it.
  public func close() throws { try translating { try queue.close() } }

  /// Takes the file away again: for one that was made and then got nothing.
  public func discard() {
    try? queue.close()
    Self.remove(path)
  }

  static func remove(_ path: String) {
    for suffix in ["", "-journal"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }

  /// Lets SQLite take back what a killed program left half done. Returns whether there was something.
  private static func rollBackIfNeeded(_ path: String) throws -> Bool {
    let journal = path + "-journal"
    guard FileManager.default.fileExists(atPath: journal) else { return false }
    // The journal of a program that is writing now stays.
    try translating {
      let queue: DatabaseQueue
      do {
        queue = try DatabaseQueue(path: path)
        _ = try queue.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") }
      } catch let error as DatabaseError
        where [.SQLITE_READONLY, .SQLITE_CANTOPEN].contains(error.resultCode.primaryResultCode)
      {
        throw StoreError(
          .access,
          "an interrupted run left a journal that must be rolled back first, but the file or its "
            + "directory cannot be written; copy both to a writable place")
      }
      try queue.close()
    }
    return !FileManager.default.fileExists(atPath: journal)
  }

  private static func createSchema(_ db: Database) throws {
    try db.makeTables()
    try db.storeViews()
    try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
    try db.execute(sql: "PRAGMA user_version = \(Schema.version)")
  }

  /// Returns the version that the file had, if that was not ours.
  private static func bringUpToDate(_ queue: DatabaseQueue, _ mode: Mode) throws -> Int32? {
    let (application, version) = try translating {
      try queue.read { db in
        (
          try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0,
          try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        )
      }
    }
    guard application == Schema.applicationID else {
      throw StoreError(.foreign, "is an SQLite file, but not an incident file of hiddenq")
    }
    guard version <= Schema.version else {
      throw StoreError(
        .tooNew,
        "has schema version \(version), this hiddenq knows up to \(Schema.version); "
          + "use a newer hiddenq")
    }
    try translating { try queue.read(SchemaCheck.nothingRuns) }
    guard version < Schema.version else { return nil }
    guard version >= Migration.all.map(\.from).min() ?? Schema.version else {
      throw StoreError(
        .foreign, "has schema version \(version), and no release of hiddenq has written that")
    }
    guard mode != .read else {
      throw StoreError(
        .tooOld,
        "has schema version \(version), this hiddenq has \(Schema.version); 'hiddenq correlate' brings it up to "
          + "date, and an older hiddenq cannot read it from then on")
    }
    try translating {
      try queue.inDatabase { db in
        try db.inTransaction(.immediate) {
          try Migration.run(db, from: version)
          return .commit
        }
      }
    }
    return version
  }
}

extension IncidentFile {
  /// What is wrong with the file itself: damaged pages, I/Os whose hops do not add up. Empty when it is
  /// sound.
  public func integrityFaults() throws -> [String] {
    try translating {
      try queue.read { db in
        var faults = try String.fetchAll(db, sql: "PRAGMA integrity_check(10)").filter {
          $0 != "ok"
        }
        // Its pages may lead to each other, so that a scan of a table would not end.
        guard faults.isEmpty else { return faults }
        faults += try Self.impossibleNumbers(db)
        for query in Schema.queries where query.name == "sums" {
          let count = try Row.fetchAll(db, sql: query.sql).count
          if count > 0 { faults.append("the hops of \(count) I/Os do not add up to their total") }
        }
        return faults
      }
    }
  }

  /// The columns that hold a number out of their range, each with the first such row: ten of them at most.
  private static func impossibleNumbers(_ db: Database) throws -> [String] {
    var faults: [String] = []
    for table in try SchemaCheck.tables() {
      let columns = try Row.fetchAll(
        db, sql: "SELECT name, type FROM pragma_table_info(?) WHERE type IN ('INTEGER', 'REAL')",
        arguments: [table]
      ).compactMap { row -> (name: String, range: NumberRange, condition: String)? in
        let (name, type): (String, String) = try (row[0], row[1])
        let range = NumberRange.of(name)
        guard range != .any || type == "REAL" else { return nil }
        let column = name.quotedDatabaseIdentifier
        return (
          name, range,
          range == .any
            ? "abs(\(column)) > \(Double.greatestFiniteMagnitude)"
            : "\(column) NOT BETWEEN \(range.lowest) AND \(range.highest)"
        )
      }
      guard !columns.isEmpty else { continue }
      let counts = try Row.fetchOne(
        db,
        sql: "SELECT "
          + columns.map { "count(*) FILTER (WHERE \($0.condition))" }.joined(separator: ", ")
          + " FROM \(table)")
      for (place, column) in columns.enumerated() {
        guard let count: Int = try counts?[place], count > 0,
          let first = try Row.fetchOne(
            db,
            sql: "SELECT rowid, \(column.name.quotedDatabaseIdentifier) || '' FROM \(table) "
              + "WHERE \(column.condition) LIMIT 1")
        else { continue }
        let (row, value): (Int64, String) = try (first[0], first[1])
        faults.append(
          "\(table).\(column.name) is \(value) in row \(row)"
            + (count > 1 ? " and in \(count - 1) more" : "")
            + ", expected \(column.range.expected)")
        if faults.count == 10 { return faults }
      }
    }
    return faults
  }
}
