import GRDB

/// What the tests read is what they wrote: a value of another kind ends them, as with GRDB's own subscripts,
/// from which those that TraceStore has for itself are told apart here.
extension Row {
  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: Int
  ) -> Value {
    do {
      return try decode(Value.self, atIndex: column)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  subscript<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: String
  ) -> Value {
    do {
      return try decode(Value.self, forColumn: column)
    } catch {
      preconditionFailure("\(error)")
    }
  }
}
