internal import TraceModel

/// What the evidence of a finding returned, as people read it.
enum EvidenceText {
  /// Behind the rows: how to get them again.
  static let rerun =
    "Run it again: 'hiddenq query INCIDENT', or sqlite3 on the incident file, followed by this statement."

  /// Longer texts stand in the finding's sentences already.
  private static let longest = 60

  /// A list of values for each row that was kept; what has no value in a row is left out of it.
  static func rows(_ returned: Finding.Returned) -> [[Fact]] {
    returned.rows.map { row in
      zip(returned.columns, row).compactMap { column, value in
        guard let value, value.count <= longest else { return nil }
        return Fact(column, text(value, of: column))
      }
    }
  }

  /// A value in the unit that the name of its column says: `12.905 s` of `wait_ns`, `24.5 %` of `lost_pct`.
  private static func text(_ value: String, of column: String) -> String {
    if column.hasSuffix("_ns"), let number = Double(value),
      let time = Int64(exactly: number.rounded())
    {
      return Quantity.time(time)
    }
    if column.hasSuffix("_pct"), let number = Double(value) {
      return Quantity.decimal(number, digits: 1) + " %"
    }
    if let number = Int64(value) {
      return column.hasSuffix("_id") || column == "tid" || column == "pid"
        ? value : Quantity.count(number)
    }
    guard let number = Double(value), value.contains(where: \.isNumber) else { return value }
    return Quantity.decimal(number, digits: 3)
  }
}
