internal import GRDB

/// The values of a row, checked.
///
/// GRDB's own subscripts, which these hide within this module, end the program where a value is not of the
/// type that is asked for. In a damaged or hostile file any value may be of any type: here that is an error
/// like any other, and every read of a value says `try`.
extension Row {
  /// The value of a column, from 0.
  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: Int
  ) -> Value {
    get throws { try decode(Value.self, atIndex: column) }
  }

  /// The value of a column by its name.
  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: String
  ) -> Value {
    get throws { try decode(Value.self, forColumn: column) }
  }
}
