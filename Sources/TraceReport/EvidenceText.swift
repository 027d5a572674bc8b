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
      return numbers.contains(where: column.contains) ? value : Quantity.count(number)
    }
    guard value.contains(where: \.isNumber), let number = Double(value) else { return value }
    if let whole = Int64(exactly: number) { return Quantity.count(whole) }
    // What three digits behind the point would not show stays as SQLite prints it.
    return abs(number) < 0.01 ? value : Quantity.decimal(number, digits: 3)
  }

  /// In the names of columns whose numbers are names, not amounts: of processes, threads, CPUs, rows.
  private static let numbers = ["pid", "tid", "_id", "cpus", "line"]
}
