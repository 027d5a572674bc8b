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
