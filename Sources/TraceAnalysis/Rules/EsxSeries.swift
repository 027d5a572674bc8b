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

  /// All things of a view, by the column that names them.
  static func all(
    _ evidence: Evidence, _ view: String, by key: String, _ columns: [String],
    where condition: String = "1"
  ) throws -> [EsxSeries] {
    // Nothing is asked of a view where no file of ESXi is.
    guard evidence.window == nil, try !evidence.rows(judged).isEmpty else { return [] }
    let rows = try evidence.rows(
      """
      SELECT machine, source_id, line, \(key) AS name, wall_ns, at_ns, interval_ns, utc_offset_s,
        \(columns.joined(separator: ", "))
      FROM \(view) WHERE \(condition) AND \(key) IS NOT NULL ORDER BY machine, source_id, name, line
      """)
    struct Key: Hashable {
      let host: String
      let source: Int64
      let name: String
    }
    var order: [Key] = []
    var found: [Key: [QueryRow]] = [:]
    for row in rows {
      guard let host = row.text("machine"), let source = row.integer("source_id"),
        let name = row.text("name")
      else { continue }
      let key = Key(host: host, source: source, name: name)
      if found[key] == nil { order.append(key) }
      found[key, default: []].append(row)
    }
    let names = columns.map { $0.split(separator: " ").last.map(String.init) ?? $0 } + ["line"]
    return order.map { key in
      let rows = found[key] ?? []
      return EsxSeries(
        name: key.name, host: key.host, source: key.source,
        isUTC: rows.allSatisfy { $0.integer("utc_offset_s") != nil },
        readings: rows.map { CounterStretch.Reading($0, names) })
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
