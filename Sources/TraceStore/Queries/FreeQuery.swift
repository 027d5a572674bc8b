internal import Foundation
internal import GRDB

/// A value as SQLite stores it.
public enum StoredValue: Sendable, Equatable {
  /// NULL.
  case null
  /// An integer.
  case integer(Int64)
  /// A floating-point number.
  case real(Double)
  /// Text.
  case text(String)
  /// Bytes.
  case blob([UInt8])

  /// A whole number, or NULL.
  public init(_ number: Int64?) { self = number.map(StoredValue.integer) ?? .null }
  /// A number, or NULL.
  public init(_ number: Double?) { self = number.map(StoredValue.real) ?? .null }
  /// A text, or NULL.
  public init(_ text: String?) { self = text.map(StoredValue.text) ?? .null }

  /// As SQLite binds it.
  var databaseValue: DatabaseValue {
    switch self {
    case .null: .null
    case .integer(let number): number.databaseValue
    case .real(let number): number.databaseValue
    case .text(let text): text.databaseValue
    case .blob(let bytes): Data(bytes).databaseValue
    }
  }
}

extension IncidentFile {
  /// Runs one statement that reads, and hands out its rows one by one. A user's statement may name its columns as it
  /// likes and gets what the file holds; `isChecked`: a statement of ours, whose numbers must be in the ranges of
  /// their columns.
  public func query(
    _ sql: String, isChecked: Bool = false, columns: ([String]) throws -> Void,
    row: ([StoredValue]) throws -> Void
  ) throws {
    try translating {
      try makeViews(for: sql)
      // Rules read what correlation wrote before it is committed: within its transaction.
      try queue.unsafeReentrantRead { db in
        _ = try QueryGuard.check(sql, db, stored: storedViews)
        let statement = try db.makeStatement(sql: sql)
        guard statement.isReadonly else {
          throw StoreError(.statement, "only statements that read are allowed")
        }
        let names = statement.columnNames
        try columns(names)
        let rows = try Row.fetchCursor(statement)
        while let next = try rows.next() {
          let values = next.databaseValues.map { StoredValue($0) } as [StoredValue]
          if isChecked {
            for (name, value) in zip(names, values) { try NumberRange.check(value, name) }
          }
          try row(values)
        }
      }
    }
  }

  /// The tables that one statement reads, also those behind views. Throws ``StoreError`` for a statement that
  /// does anything but read.
  func tablesRead(by sql: String) throws -> Set<String> {
    try translating {
      try makeViews(for: sql)
      return try queue.unsafeReentrantRead { db in
        try QueryGuard.check(sql, db, stored: storedViews)
      }
    }
  }

  /// Makes the views that this connection unpacks, of those that the statement may name.
  private func makeViews(for sql: String) throws {
    let words = sql.lowercased()
    for view in UnpackedView.allCases where words.contains(view.rawValue) {
      try queue.unsafeReentrantWrite { db in try db.make(view) }
    }
  }
}

extension StoredValue {
  init(_ value: DatabaseValue) {
    self =
      switch value.storage {
      case .null: .null
      case .int64(let integer): .integer(integer)
      case .double(let real): .real(real)
      case .string(let text): .text(text)
      case .blob(let data): .blob([UInt8](data))
      }
  }
}
