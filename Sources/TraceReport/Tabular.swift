internal import TraceModel
public import TraceStore

/// The forms in which commands print tables.
public enum TabularFormat: String, CaseIterable, Sendable {
  /// Aligned columns.
  case table
  /// RFC 4180 quoting, a header line, lines that end with LF; NULL is an empty field.
  case csv
  /// One array of objects.
  case json
  /// One object per line.
  case jsonl
  /// A table for a ticket.
  case markdown
}

/// Writes rows of values in one of the forms, row by row where the form allows it.
public struct TabularWriter {
  private let format: TabularFormat
  private let write: (String) -> Void
  private var columns: [String] = []
  private var rows: [[StoredValue]] = []
  private var count = 0

  /// Writes to a place.
  public init(_ format: TabularFormat, write: @escaping (String) -> Void) {
    self.format = format
    self.write = write
  }

  /// The names of the columns; before any row.
  public mutating func begin(_ columns: [String]) {
    self.columns = columns
    switch format {
    case .csv: write(columns.map(Self.field).joined(separator: ",") + "\n")
    case .json: write("[")
    case .table, .jsonl, .markdown: break
    }
  }

  /// A row.
  public mutating func add(_ row: [StoredValue]) {
    count += 1
    switch format {
    case .csv: write(row.map { Self.field(Self.plain($0)) }.joined(separator: ",") + "\n")
    case .json: write((count == 1 ? "\n" : ",\n") + object(row))
    case .jsonl: write(object(row) + "\n")
    case .table, .markdown: rows.append(row)
    }
  }

  /// No more rows.
  public mutating func end() {
    switch format {
    case .csv, .jsonl: break
    case .json: write(count == 0 ? "]\n" : "\n]\n")
    case .table: write(aligned().joined(separator: "\n") + "\n")
    case .markdown: write(MarkdownRenderer.render(asTable()) + "\n")
    }
  }

  private func asTable() -> Table {
    Table(
      caption: "",
      columns: columns.enumerated().map { index, name in
        rows.allSatisfy({ Self.isNumber($0[index]) }) && !rows.isEmpty
          ? .number(Printable.text(name)) : .text(Printable.text(name))
      },
      rows: rows.map { $0.map { Printable.text(Self.plain($0)) } })
  }

  /// As wide as it has to be: people look at wide tables in a pager.
  private func aligned() -> [String] {
    let table = asTable()
    let widths = table.columns.indices.map { column in
      max(table.columns[column].name.count, table.rows.map { $0[column].count }.max() ?? 0)
    }
    return ([table.columns.map(\.name)] + table.rows).map { cells in
      var line = ""
      for (column, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        line += table.columns[column].isNumber ? padding + cell : cell + padding
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
  }

  private static func isNumber(_ value: StoredValue) -> Bool {
    switch value {
    case .null, .integer, .real: true
    case .text, .blob: false
    }
  }

  private static func plain(_ value: StoredValue) -> String {
    switch value {
    case .null: ""
    case .integer(let integer): String(integer)
    case .real(let real): "\(real)"
    case .text(let text): text
    case .blob(let bytes): bytes.hexadecimal
    }
  }

  private static func field(_ text: String) -> String {
    let needsQuotes = text.unicodeScalars.contains {
      $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r"
    }
    guard needsQuotes else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" { quoted += "\"" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
  }

  private func object(_ row: [StoredValue]) -> String {
    "{"
      + zip(columns, row).map { name, value in
        JSONText.string(name) + ":" + Self.json(value)
      }.joined(separator: ",") + "}"
  }

  private static func json(_ value: StoredValue) -> String {
    switch value {
    case .null: "null"
    case .integer(let integer): String(integer)
    case .real(let real): real.isFinite ? "\(real)" : "null"
    case .text(let text): JSONText.string(text)
    case .blob(let bytes): JSONText.string(bytes.hexadecimal)
    }
  }
}

/// Strings as JSON writes them.
enum JSONText {
  /// The string in quotes, all control characters escaped.
  static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
