internal import GRDB
internal import GRDBSQLite

/// What SQL of users may do: read this one file.
///
/// The connection is read-only, but that alone lets a statement attach any other file that the user can read,
/// change settings of the connection, or load a library.
enum QueryGuard {
  /// No text or blob longer than this is made or read, bytes: `randomblob(1e9)` fails instead of filling memory,
  /// and so does a value that a forged file holds. What hiddenq writes is a hundredth of it.
  private static let longestValue: Int32 = 64 << 20
  /// No more heap for all of SQLite, bytes; beyond it the statement fails.
  private static let heap: Int64 = 1 << 30

  /// Pragmas that describe the schema; a value names what they describe.
  private static let describing: Set<String> = [
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
    "database_list", "function_list", "compile_options",
  ]
  /// Pragmas that tell a number when they have no value, and set it when they have one.
  private static let counting: Set<String> = [
    "application_id", "user_version", "page_size", "page_count",
  ]

  /// Bounds the values of a connection.
  static func limitValues(_ db: Database) {
    guard let connection = unsafe db.sqliteConnection else { return }
    unsafe _ = sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, longestValue)
  }

  /// Throws ``StoreError`` for a statement that does anything but read. It compiles the statement, and
  /// SQLite asks for each thing that the statement would do. Returns the tables and views that it reads.
  /// `stored`: the views that the file stores.
  static func check(_ sql: String, _ db: Database, stored: StoredViews) throws -> Set<String> {
    try stored.check(sql)
    guard let connection = unsafe db.sqliteConnection else {
      throw StoreError(.unexpected, "the connection is closed")
    }
    _ = sqlite3_hard_heap_limit64(heap)
    let read = Read(stored)
    let context = unsafe Unmanaged.passUnretained(read).toOpaque()
    unsafe sqlite3_set_authorizer(
      connection,
      { context, action, first, second, _, view in
        if action == SQLITE_READ, let context = unsafe context, let first = unsafe first {
          let read = unsafe Unmanaged<Read>.fromOpaque(context).takeUnretainedValue()
          let name = unsafe String(cString: first)
          read.tables.insert(name)
          // A view none of whose columns is used shows only as the reader of what is behind it.
          let reader = unsafe view.map { unsafe String(cString: $0) } ?? name
          if let refused = [name, reader].first(where: read.stored.isRefused) {
            read.refused = refused
            return SQLITE_DENY
          }
        }
        let isAllowed = unsafe QueryGuard.allows(
          action, first.map { unsafe String(cString: $0) },
          second.map { unsafe String(cString: $0) })
        return isAllowed ? SQLITE_OK : SQLITE_DENY
      }, context)
    defer { unsafe _ = sqlite3_set_authorizer(connection, nil, nil) }
    var statement: OpaquePointer?
    let code = withExtendedLifetime(read) {
      unsafe sqlite3_prepare_v2(connection, sql, -1, &statement, nil)
    }
    unsafe sqlite3_finalize(statement)
    if let view = read.refused { throw stored.refusal(view) }
    if code == SQLITE_AUTH {
      throw StoreError(.statement, "only statements that read the incident file are allowed")
    }
    return read.tables
  }

  /// What a statement reads, told while it is compiled.
  private final class Read {
    let stored: StoredViews
    var tables: Set<String> = []
    /// The view because of which the statement is refused.
    var refused: String?

    init(_ stored: StoredViews) { self.stored = stored }
  }

  private static func allows(_ action: Int32, _ first: String?, _ second: String?) -> Bool {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: true
    case SQLITE_FUNCTION: second?.lowercased() != "load_extension"
    case SQLITE_PRAGMA:
      describing.contains(first?.lowercased() ?? "")
        || second == nil && counting.contains(first?.lowercased() ?? "")
    default: false
    }
  }
}
