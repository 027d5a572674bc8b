internal import GRDB

extension Database {
  /// Values by the names of their columns.
  typealias InsertedRow = KeyValuePairs<String, (any DatabaseValueConvertible)?>

  /// Adds a row to a table of ours. The order of the columns is the caller's; a column that is not named is NULL or has
  /// its default. For tables of many rows there is ``BulkInsert``.
  func insert(into table: String, orReplace: Bool = false, _ row: InsertedRow) throws {
    let names = row.map(\.key).joined(separator: ", ")
    let places = row.map { _ in "?" }.joined(separator: ", ")
    let verb = orReplace ? "INSERT OR REPLACE" : "INSERT"
    try cachedStatement(sql: "\(verb) INTO \(table) (\(names)) VALUES (\(places))")
      .execute(arguments: StatementArguments(row.map(\.value)))
  }
}
