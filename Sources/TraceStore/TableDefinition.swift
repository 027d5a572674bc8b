/// A table as `schema/tables.sql` declares it: the one place that says what a column is called, which type it has,
/// what it holds, which numbers it can hold and what becomes of its text in a copy that leaves the house.
struct TableDefinition: Sendable {
  /// The name.
  let name: String
  /// The columns, in order.
  let columns: [Column]
  /// Whether correlation empties and fills it as a whole.
  let isFound: Bool

  /// A column.
  struct Column: Sendable, Equatable {
    /// The name, without quotes.
    let name: String
    /// `INTEGER`, `REAL`, `TEXT` or `BLOB`.
    let type: String
    /// What it holds, with its unit: the comment lines before it, empty where there are none.
    let about: String
    /// What its name and its type leave open: the comment behind it, nil where there is none.
    let note: String?

    /// Which numbers it holds, where its name does not say it.
    var range: NumberRange? { note.flatMap(NumberRange.init(note:)) }
    /// What `redact` does with its text; nil for numbers.
    var treatment: RedactionPlan.Treatment? { note.flatMap(RedactionPlan.Treatment.init(note:)) }

    /// The name as SQL has it: `"in"` is a column of vmstat and a word of SQL.
    var sql: String { name == "in" ? "\"in\"" : name }
  }

  /// All of them, in the order of the file.
  static let all = read(Schema.tables)

  /// One by its name.
  static func named(_ name: String) -> TableDefinition? { all.first { $0.name == name } }

  /// The columns from one to another, both among them; to the last of the table where `last` is nil. Nil where the table
  /// has no such columns.
  func columns(from first: String, to last: String?) -> ArraySlice<Column>? {
    guard let start = columns.firstIndex(where: { $0.name == first }),
      let end = last == nil
        ? columns.indices.last : columns.firstIndex(where: { $0.name == last }),
      start <= end
    else { return nil }
    return columns[start...end]
  }

  /// The line of `tables.sql` below which the tables stand that correlation fills.
  static let border = "-- From here on: what `correlate` finds."

  /// Reads the statements of `tables.sql`: each column stands on a line of its own, as in
  /// `  comm TEXT NOT NULL,  -- names: threads`.
  static func read(_ text: String) -> [TableDefinition] {
    var tables: [TableDefinition] = []
    var name: Substring?
    var columns: [Column] = []
    var about: [Substring] = []
    var isFound = false
    for line in text.split(separator: "\n") {
      if line.hasPrefix(border) { isFound = true }
      if line.hasPrefix("CREATE TABLE ") {
        name = line.split(separator: " ")[2]
        columns = []
        about = []
      } else if line.hasPrefix(")"), let table = name {
        tables.append(TableDefinition(name: String(table), columns: columns, isFound: isFound))
        name = nil
      } else if name != nil {
        let content = line.drop { $0 == " " }
        if content.hasPrefix("--") {
          about.append(content.dropFirst(2).drop { $0 == " " })
        } else if let column = column(content, about: about.joined(separator: " ")) {
          columns.append(column)
          about = []
        }
      }
    }
    return tables
  }

  /// `comm TEXT NOT NULL,  -- names: threads`; nil for a constraint: `UNIQUE (pid, comm)`.
  private static func column(_ line: Substring, about: String) -> Column? {
    let words = line.split(separator: " ", maxSplits: 2)
    guard words.count > 1 else { return nil }
    let type = words[1].prefix { $0 != "," }
    guard ["INTEGER", "REAL", "TEXT", "BLOB"].contains(type) else { return nil }
    let note = line.firstRange(of: "  -- ").map { String(line[$0.upperBound...]) }
    return Column(
      name: words[0].filter { $0 != "\"" }, type: String(type), about: about, note: note)
  }
}
