internal import SchemaText

/// The SQL of `schema/` and what it says about the views.
public enum Schema {
  /// `hqnc`, in the header of every incident file.
  static let applicationID: Int32 = 0x6871_6E63
  /// The version this program writes.
  public static let version: Int32 = 1

  /// A file of `schema/`.
  struct File: Sendable {
    let path: String
    let text: String

    /// Whether it makes tables; indexes come after the load, queries are for users.
    var makesTables: Bool { path == "tables.sql" }

    /// The name of the view that it makes and every incident file stores; nil where it makes none.
    var storedView: String? {
      path.hasPrefix("views/") ? String(path.dropFirst("views/".count).dropLast(".sql".count)) : nil
    }

    /// The statement of a stored view, for one connection alone.
    var temporaryView: String {
      text.replacing("CREATE VIEW ", with: "CREATE TEMP VIEW ", maxReplacements: 1)
    }

    /// Whether it makes a view over what the incident file keeps packed, for one connection.
    var isMadeOnDemand: Bool { path.hasPrefix("program/") }
  }

  /// All of them, in the order of execution.
  static let files: [File] = sources.map { File(path: $0.path, text: SchemaWords.fill($0.text)) }

  /// The same as they stand in `schema/`, without the program's words.
  private static let sources: [File] = (0..<schemaFileCount()).map { index in
    let file = unsafe schemaFile(index)
    return unsafe File(path: String(cString: file.path), text: String(cString: file.text))
  }

  /// The statement of a view of esxtop's rows, over objects with their counters side by side (`esx_reading_value`).
  static func heldView(_ name: String) -> String? {
    guard let source = sources.first(where: { $0.storedView == name }) else { return nil }
    let text = SchemaWords.fill(source.text, isHeld: true)
    guard let head = text.firstRange(of: "CREATE VIEW \(name) AS\n") else { return nil }
    return text[head.upperBound...].filter { $0 != ";" }
      .replacing("\nFROM counter_value\n", with: "\nFROM temp.esx_reading_value AS counter_value\n")
  }

  /// `tables.sql`, which ``TableDefinition`` reads and other files of `schema/` take columns from.
  static let tables = SchemaWords.fill(sources.first { $0.makesTables }?.text ?? "")

  /// The part of it that makes the tables of what correlation finds.
  static var derivedStructure: String {
    tables.firstRange(of: TableDefinition.border).map { String(tables[$0.lowerBound...]) } ?? ""
  }

  /// The tables that correlation empties and fills as a whole.
  static var derivedTables: [String] { TableDefinition.all.filter(\.isFound).map(\.name) }

  /// A stored query: its name, and what it answers.
  public struct Query: Sendable {
    /// The name for `hiddenq query --name`.
    public let name: String
    /// Its first comment.
    public let about: String
    /// The SQL.
    public let sql: String
  }

  /// The stored queries.
  public static var queries: [Query] { queries(in: "queries/") }

  /// The queries in a folder of `schema/`, each with its first comment.
  static func queries(in folder: String) -> [Query] {
    files.filter { $0.path.hasPrefix(folder) }.map { file in
      let comment = file.text.split(separator: "\n").prefix { $0.hasPrefix("--") }
        .map { $0.dropFirst(2).drop { $0 == " " } }
      return Query(
        name: String(file.path.dropFirst(folder.count).dropLast(".sql".count)),
        about: comment.joined(separator: " "), sql: file.text)
    }
  }

  /// A view as its comments document it.
  public struct View: Sendable {
    /// The name.
    public let name: String
    /// What one row is.
    public let about: String
    /// Its columns, in order.
    public let columns: [Column]

    /// Whether it only says in another shape what another view says: an export leaves it out.
    public var isOtherShape: Bool { name == "io_hop" }
  }

  /// A column of a view.
  public struct Column: Sendable {
    /// The name.
    public let name: String
    /// What it holds, with its unit.
    public let about: String
  }

  /// The documented views.
  public static var views: [View] {
    var found: [View] = []
    for file in files where file.storedView != nil || file.isMadeOnDemand {
      if let view = view(of: file.text, among: found) { found.append(view) }
    }
    return found
  }

  /// Reads `-- comment` lines before `CREATE VIEW name` or `CREATE TEMP VIEW name` and before each `expression AS column`, up to the
  /// first `FROM` at the start of a line. After `SELECT *` the columns are those of the view that this `FROM` names.
  private static func view(of text: String, among others: [View]) -> View? {
    var name: String?
    var about: [String] = []
    var comment: [String] = []
    var columns: [Column] = []
    var isWhole = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let trimmed = line.drop { $0 == " " }
      if trimmed.hasPrefix("--") {
        comment.append(String(trimmed.dropFirst(2).drop { $0 == " " }))
      } else if let start = ["CREATE VIEW ", "CREATE TEMP VIEW "].first(where: trimmed.hasPrefix) {
        name = trimmed.dropFirst(start.count).split(separator: " ").first.map(String.init)
        about = comment
        comment = []
      } else if line.hasPrefix("FROM ") {
        let source = line.dropFirst("FROM ".count)
        if isWhole { columns = others.first { $0.name == source }?.columns ?? [] }
        break
      } else if line == "SELECT *" {
        isWhole = true
      } else if !comment.isEmpty, let column = alias(in: trimmed) {
        columns.append(Column(name: column, about: comment.joined(separator: " ")))
        comment = []
      }
    }
    return name.map { View(name: $0, about: about.joined(separator: " "), columns: columns) }
  }

  /// `expression AS column,`: the column.
  private static func alias(in line: Substring) -> String? {
    let words = line.split(separator: " ")
    guard words.count >= 2, words[words.count - 2] == "AS" || words.count == 2 && words[0] == "AS"
    else { return nil }
    var last = words[words.count - 1]
    if last.hasSuffix(",") { last = last.dropLast() }
    // `"in"` is a column of vmstat and a word of SQL.
    if last.hasPrefix("\""), last.hasSuffix("\"") { last = last.dropFirst().dropLast() }
    return String(last)
  }
}
