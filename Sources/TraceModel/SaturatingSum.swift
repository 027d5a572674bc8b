extension Int64 {
  /// Adds a number; a sum that is too large stays at the largest number there is.
  ///
  /// For sums over what a file says: their addends are limited to what can be, not how many there are, and
  /// a sum of 292 years must not end the program.
  @inlinable
  public mutating func add(saturating other: Int64) {
    let (sum, isTooLarge) = addingReportingOverflow(other)
    self = isTooLarge ? (other < 0 ? .min + 1 : .max) : sum
  }
}

extension Sequence {
  /// The sum of a number of each element, as ``Swift/Int64/add(saturating:)`` adds.
  @inlinable
  public func saturatingSum(_ number: (Element) throws -> Int64) rethrows -> Int64 {
    var sum: Int64 = 0
    for element in self { sum.add(saturating: try number(element)) }
    return sum
  }
}
