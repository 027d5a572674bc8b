public import TraceAnalysis
internal import TraceStore

/// A comparison as rows, one per line: for spreadsheets and scripts.
public enum ComparisonRows {
  /// The names of the columns.
  static let columns = [
    "guest", "device", "object", "op", "subject", "statistic", "unit", "count_before",
    "count_after",
    "before", "after", "change", "change_low", "change_high", "ratio", "ratio_low", "ratio_high",
    "p_adjusted", "verdict", "reason", "uncorrected",
  ]

  /// All lines in a form.
  public static func render(_ comparison: Comparison, as format: TabularFormat) -> String {
    var text = ""
    var writer = TabularWriter(format) { text += $0 }
    writer.begin(columns)
    for line in comparison.lines { writer.add(row(line)) }
    writer.end()
    return text
  }

  /// A line in words: `web1 253,0 all total p99`.
  public static func name(of line: ComparisonLine) -> String {
    [line.guest, line.device, line.object, line.op, line.subject, line.statistic.rawValue]
      .compactMap { $0 }
      .joined(separator: " ")
  }

  /// The values of a line, in the order of ``columns``.
  static func row(_ line: ComparisonLine) -> [StoredValue] {
    func text(_ text: String?) -> StoredValue { text.map { .text($0) } ?? .null }
    func number(_ number: Double?) -> StoredValue { number.map { .real($0) } ?? .null }
    let ratio = line.relativeChange.map { $0 + 1 }
    return [
      text(line.guest), text(line.device), text(line.object), text(line.op), .text(line.subject),
      .text(line.statistic.rawValue), .text(line.unit.rawValue),
      .integer(Int64(line.countBefore)), .integer(Int64(line.countAfter)), number(line.before),
      number(line.after), number(line.change), number(line.difference?.low),
      number(line.difference?.high), number(ratio), number(line.ratio?.low),
      number(line.ratio?.high), number(line.p), .text(line.verdict.rawValue), text(line.reason),
      .integer(line.isUncorrected ? 1 : 0),
    ]
  }
}
