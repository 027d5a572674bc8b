internal import GRDB
internal import GRDBSQLite

/// Inserts rows of integers: they gather in memory, and `INSERT INTO .. SELECT` takes them from there as if they
/// were a table.
///
/// A row so costs half of what it costs to bind its values one by one.
final class BulkInsert {
  private let rows: PendingRows
  private let statement: RawStatement

  /// Rows a statement takes: enough that to start it costs nothing, few enough to stay in the processor's cache.
  private static let rowsPerStatement = 256

  /// Rows for these columns of a table of ours.
  init(_ db: Database, into table: String, columns: [String]) throws {
    rows = PendingRows(width: columns.count, most: Self.rowsPerStatement)
    let source = "pending_rows_of_" + table.replacing(".", with: "_")
    try rows.register(as: source, db)
    statement = try RawStatement(
      db,
      "INSERT OR FAIL INTO \(table) (\(columns.joined(separator: ","))) SELECT * FROM \(source)")
  }

  /// Adds one value of the current row; `Int64.min` is NULL.
  @inline(__always)
  func add(_ value: Int64) { rows.add(value) }

  /// Adds a whole row at once, which costs less.
  @inline(__always)
  func addRow<let count: Int>(_ values: InlineArray<count, Int64>) throws {
    rows.add(values)
    try endRow()
  }

  /// The current row is complete.
  @inline(__always)
  func endRow() throws {
    if rows.isFull { try finish() }
  }

  /// Writes what is left.
  func finish() throws {
    guard !rows.isEmpty else { return }
    _ = try statement.step()
    rows.removeAll()
  }
}

/// Rows of integers that SQLite reads as a virtual table, from the first to the last.
///
/// Memory of its own, because SQLite's calls come from outside of any scope in which an array would lend its.
@safe
private final class PendingRows {
  private let values: UnsafeMutableBufferPointer<Int64>
  private let module: UnsafeMutablePointer<sqlite3_module>
  private let width: Int
  private var used = 0

  init(width: Int, most: Int) {
    self.width = width
    unsafe values = .allocate(capacity: width * most)
    unsafe module = .allocate(capacity: 1)
    unsafe values.initialize(repeating: 0)
    unsafe module.initialize(to: Self.calls)
  }

  deinit {
    unsafe values.deallocate()
    unsafe module.deallocate()
  }

  var isEmpty: Bool { used == 0 }
  var isFull: Bool { unsafe used == values.count }

  @inline(__always)
  func add(_ value: Int64) {
    precondition(unsafe used < values.count, "a row that was not ended")
    unsafe values[used] = value
    used += 1
  }

  @inline(__always)
  func add<let count: Int>(_ row: InlineArray<count, Int64>) {
    let start = used
    precondition(
      unsafe count == width && start + count <= values.count, "not a row of this table")
    for index in row.indices { unsafe values[start + index] = row[index] }
    used = start + count
  }

  func removeAll() { used = 0 }

  /// Makes them readable under a name, on this connection and until another takes the name.
  func register(as name: String, _ db: Database) throws {
    guard let connection = unsafe db.sqliteConnection else {
      throw StoreError(.unexpected, "the connection is closed")
    }
    // Also when it fails, SQLite lets go of what it was given.
    let code = unsafe sqlite3_create_module_v2(
      connection, name, module, Unmanaged.passRetained(self).toOpaque(), Self.release)
    guard code == SQLITE_OK else {
      throw StoreError(DatabaseError(resultCode: ResultCode(rawValue: code)))
    }
  }

  // MARK: - What SQLite calls

  /// A use of the rows in a statement; SQLite's own part stands first, as it wants it.
  @unsafe private struct Table {
    var base: sqlite3_vtab
    let rows: Unmanaged<PendingRows>
  }

  /// A pass over them.
  @unsafe private struct Cursor {
    var base: sqlite3_vtab_cursor
    /// Where the current row begins.
    var row: UnsafePointer<Int64>
    var end: UnsafePointer<Int64>
    let width: Int
  }

  private static let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = { rows in
    if let rows = unsafe rows { unsafe Unmanaged<PendingRows>.fromOpaque(rows).release() }
  }

  /// Without `xCreate` the table is there under the name of its module, and needs no statement to make it.
  private static var calls: sqlite3_module {
    var calls = sqlite3_module()
    unsafe calls.xConnect = { connection, source, _, _, table, _ in
      guard let source = unsafe source else { return SQLITE_MISUSE }
      let rows = unsafe Unmanaged<PendingRows>.fromOpaque(source)
      let columns = unsafe (0..<rows.takeUnretainedValue().width).map { "c\($0)" }
      let code = unsafe sqlite3_declare_vtab(
        connection, "CREATE TABLE x(\(columns.joined(separator: ",")))")
      guard code == SQLITE_OK else { return code }
      let made = UnsafeMutablePointer<Table>.allocate(capacity: 1)
      unsafe made.initialize(to: Table(base: sqlite3_vtab(), rows: rows))
      unsafe table?.pointee = UnsafeMutableRawPointer(made)
        .assumingMemoryBound(to: sqlite3_vtab.self)
      return SQLITE_OK
    }
    unsafe calls.xDisconnect = { table in
      unsafe UnsafeMutableRawPointer(table)?.assumingMemoryBound(to: Table.self).deallocate()
      return SQLITE_OK
    }
    unsafe calls.xBestIndex = { _, _ in SQLITE_OK }
    unsafe calls.xOpen = { table, cursor in
      guard
        let rows = unsafe UnsafeMutableRawPointer(table)?.assumingMemoryBound(to: Table.self)
          .pointee.rows.takeUnretainedValue(),
        let first = unsafe UnsafePointer(rows.values.baseAddress)
      else { return SQLITE_MISUSE }
      let made = UnsafeMutablePointer<Cursor>.allocate(capacity: 1)
      unsafe made.initialize(
        to: Cursor(
          base: sqlite3_vtab_cursor(), row: first, end: first + rows.used, width: rows.width))
      unsafe cursor?.pointee = UnsafeMutableRawPointer(made)
        .assumingMemoryBound(to: sqlite3_vtab_cursor.self)
      return SQLITE_OK
    }
    unsafe calls.xClose = { cursor in
      unsafe UnsafeMutableRawPointer(cursor)?.assumingMemoryBound(to: Cursor.self).deallocate()
      return SQLITE_OK
    }
    // The statement opens a cursor for each run, which stands at the first row.
    unsafe calls.xFilter = { _, _, _, _, _ in SQLITE_OK }
    unsafe calls.xNext = { cursor in
      guard let cursor = unsafe PendingRows.cursor(cursor) else { return SQLITE_MISUSE }
      unsafe cursor.pointee.row += cursor.pointee.width
      return SQLITE_OK
    }
    unsafe calls.xEof = { cursor in
      guard let cursor = unsafe PendingRows.cursor(cursor) else { return 1 }
      return unsafe cursor.pointee.row < cursor.pointee.end ? 0 : 1
    }
    unsafe calls.xColumn = { cursor, result, column in
      guard let cursor = unsafe PendingRows.cursor(cursor) else { return SQLITE_MISUSE }
      let value = unsafe cursor.pointee.row[Int(column)]
      // Nothing set is NULL.
      if value != .min { unsafe sqlite3_result_int64(result, value) }
      return SQLITE_OK
    }
    unsafe calls.xRowid = { _, number in
      unsafe number?.pointee = 0
      return SQLITE_OK
    }
    return calls
  }

  @inline(__always)
  private static func cursor(
    _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?
  ) -> UnsafeMutablePointer<Cursor>? {
    unsafe UnsafeMutableRawPointer(cursor)?.assumingMemoryBound(to: Cursor.self)
  }
}
