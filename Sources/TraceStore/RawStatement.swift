internal import GRDB
internal import GRDBSQLite
internal import TraceModel

/// A prepared statement through SQLite's own interface.
///
/// The one place, with ``BulkInsert``, that bypasses GRDB: stepping through millions of rows of integers costs
/// a third of what it costs through general values.
@safe
final class RawStatement {
  private let connection: OpaquePointer
  private let statement: OpaquePointer

  /// Prepares SQL of ours on a connection that GRDB owns.
  init(_ db: Database, _ sql: String) throws {
    guard let connection = unsafe db.sqliteConnection else {
      throw StoreError(.unexpected, "the connection is closed")
    }
    var prepared: OpaquePointer?
    let code = unsafe sqlite3_prepare_v2(connection, sql, -1, &prepared, nil)
    guard code == SQLITE_OK, let statement = unsafe prepared else {
      throw unsafe Self.failure(connection, code)
    }
    unsafe self.connection = connection
    unsafe self.statement = statement
  }

  deinit { unsafe sqlite3_finalize(statement) }

  /// Binds an integer; unseen becomes NULL.
  @inline(__always)
  func bind(_ value: Int64, at index: Int32) {
    if value == .min {
      unsafe sqlite3_bind_null(statement, index)
    } else {
      unsafe sqlite3_bind_int64(statement, index, value)
    }
  }

  /// Binds bytes.
  func bind(_ bytes: ArraySlice<UInt8>, at index: Int32) {
    // SQLite copies them.
    let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe _ = sqlite3_bind_blob(
        statement, index, bytes.baseAddress, Int32(truncatingIfNeeded: bytes.count), transient)
    }
  }

  /// Runs to the next row; false at the end, where the statement is ready for another run.
  @inline(__always)
  func step() throws -> Bool {
    let code = unsafe sqlite3_step(statement)
    if code == SQLITE_ROW { return true }
    unsafe sqlite3_reset(statement)
    guard code == SQLITE_DONE else { throw unsafe Self.failure(connection, code) }
    return false
  }

  /// The integer in a column, from 0; `Int64.min` for NULL.
  @inline(__always)
  func integer(_ column: Int32) -> Int64 {
    unsafe sqlite3_column_type(statement, column) == SQLITE_NULL
      ? .min : unsafe sqlite3_column_int64(statement, column)
  }

  /// The bytes in a column, from 0.
  func bytes(_ column: Int32) -> [UInt8] {
    guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
    let count = unsafe Int(sqlite3_column_bytes(statement, column))
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  private static func failure(_ connection: OpaquePointer, _ code: Int32) -> StoreError {
    let text = unsafe String(cString: sqlite3_errmsg(connection))
    return StoreError(DatabaseError(resultCode: ResultCode(rawValue: code), message: text))
  }
}
