internal import GRDB
internal import TraceModel

/// The values of a row, checked.
///
/// GRDB's own subscripts, which these hide within this module, end the program where a value is not of the
/// type that is asked for. In a damaged or hostile file any value may be of any type, and any number may be in any
/// column: here that is an error like any other, and every read of a value says `try`.
extension Row {
  /// The value of a column, from 0.
  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: Int
  ) -> Value {
    get throws {
      let value = try decode(Value.self, atIndex: column)
      switch value.databaseValue.storage {
      case .int64(let number): try NumberRange.check(number, name(of: column))
      case .double(let number): try NumberRange.check(number, name(of: column))
      case .null, .string, .blob: break
      }
      return value
    }
  }

  /// The value of a column by its name.
  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: String
  ) -> Value {
    get throws {
      let value = try decode(Value.self, forColumn: column)
      switch value.databaseValue.storage {
      case .int64(let number): try NumberRange.check(number, column)
      case .double(let number): try NumberRange.check(number, column)
      case .null, .string, .blob: break
      }
      return value
    }
  }

  /// The word of a column that has a fixed vocabulary, from 0. Throws ``StoreError`` for an unknown one: taken for
  /// another, or left out, it would make what is shown wrong.
  func word<Word: Vocabulary>(_ column: Int) throws -> Word {
    try Self.word(self[column], name(of: column))
  }

  /// The same by the column's name.
  func word<Word: Vocabulary>(_ column: String) throws -> Word {
    try Self.word(self[column], column)
  }

  /// The same for a column that may be NULL.
  func wordIfAny<Word: Vocabulary>(_ column: String) throws -> Word? {
    let text: String? = try self[column]
    return try text.map { try Self.word($0, column) }
  }

  private static func word<Word: Vocabulary>(_ text: String, _ column: String) throws -> Word {
    guard let word = Word(name: text) else { throw StoreError.unknownWord(text, column) }
    return word
  }

  private func name(of column: Int) -> String {
    columnNames[columnNames.index(columnNames.startIndex, offsetBy: column)]
  }
}
