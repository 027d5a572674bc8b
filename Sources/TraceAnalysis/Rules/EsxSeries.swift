internal import TraceModel
internal import TraceStore

/// What one of esxtop's files says of one thing, row by row, for the rules about ESXi.
///
/// Rows are means over seconds: what lasts for less nobody can tell, and what rests on them is of low confidence unless it
/// is a sum that ESXi itself keeps.
struct EsxSeries {
  /// Its name: a VM, a disk, a port.
  let name: String
  let host: String
  let source: Int64
  let isUTC: Bool
  /// Each with its line.
  let readings: [CounterStretch.Reading]

  /// A statement that has a row where there is a file of esxtop.
  static let judged = "SELECT 1 FROM source WHERE format = 'esxtop' AND refused = 0"

  /// The same where it has columns of such objects.
  static func judged(_ kind: CounterObjectKind) -> String {
    "SELECT 1 FROM counter_object WHERE tool = 'esxtop' AND kind = \(SQLText.literal(kind.rawValue))"
  }

  /// What is found of each thing of a view, by the column that names them. One after the other: all rows of all VMs are
  /// more than fits.
  static func flatMap<Found>(
    _ evidence: Evidence, _ view: String, by key: String, _ columns: [String],
    where condition: String = "1", _ body: (EsxSeries) throws -> [Found]
  ) throws -> [Found] {
    // Nothing is asked of a view where no file of ESXi is.
    guard evidence.window == nil, try !evidence.rows(judged).isEmpty else { return [] }
    let names = columns.map { $0.split(separator: " ").last.map(String.init) ?? $0 } + ["line"]
    let things = try evidence.rows(
      """
      SELECT DISTINCT machine, source_id, \(key) AS name FROM \(view) WHERE (\(condition)) AND \(key) IS NOT NULL
      ORDER BY machine, source_id, name
      """)
    return try things.flatMap { thing -> [Found] in
      guard let host = thing.text("machine"), let source = thing.integer("source_id"),
        let name = thing.text("name")
      else { return [] }
      let rows = try evidence.rows(
        """
        SELECT line, wall_ns, at_ns, interval_ns, utc_offset_s, \(columns.joined(separator: ", "))
        FROM \(view) WHERE machine = \(Evidence.literal(host)) AND source_id = \(source)
          AND \(key) = \(Evidence.literal(name)) AND (\(condition)) ORDER BY line
        """)
      return try body(
        EsxSeries(
          name: name, host: host, source: source,
          isUTC: rows.allSatisfy { $0.integer("utc_offset_s") != nil },
          readings: rows.map { CounterStretch.Reading($0, names) }))
    }
  }

  /// Stretches in which it was so, the longest first.
  func stretches(
    least: Int, where isSo: (CounterStretch.Reading) -> Bool
  ) -> [CounterStretch] {
    Array(
      CounterStretch.all(readings, least: least, where: isSo)
        .sorted { ($1.range.count, $0.range.lowerBound) < ($0.range.count, $1.range.lowerBound) }
        .prefix(Self.most))
  }

  private static let most = 3

  /// The rows of a stretch, as a condition of SQL on `source_id` and `line`.
  func condition(_ stretch: CounterStretch) -> String {
    let first = Int64(readings[stretch.range.lowerBound]["line"] ?? 0)
    let last = Int64(readings[stretch.range.upperBound - 1]["line"] ?? 0)
    return "source_id = \(source) AND line BETWEEN \(first) AND \(last)"
  }

  /// That a row is of this file and in none of these stretches.
  func otherwise(_ stretches: [CounterStretch]) -> String {
    "source_id = \(source)"
      + stretches.map { " AND NOT (\(condition($0)))" }.joined()
  }

  /// `from 10:50:47.0 to 10:52:27.0 UTC (20 rows of esxtop)`.
  func words(_ stretch: CounterStretch) -> String {
    stretch.words(isUTC: isUTC)
      + " (\(stretch.range.count) \(stretch.range.count == 1 ? "row" : "rows") of esxtop)"
  }

  static func number(_ value: Double, _ digits: Int = 1) -> String {
    Quantity.decimal(value, digits: digits)
  }

  /// `, otherwise 1.2 %`; nothing where it was so in all rows.
  static func otherwise(_ value: Double?, _ unit: String, _ digits: Int = 1) -> String {
    value.map { ", otherwise \(number($0, digits))\(unit)" } ?? ""
  }
}
