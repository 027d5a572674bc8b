internal import GRDB

/// The SQL of `schema/fleet/`: incidents of a fleet in a ClickHouse cluster.
public enum FleetSchema {
  /// Where the cluster takes an incident's rows from.
  public enum Origin: Sendable {
    /// The incident file itself, by its path as the server sees it.
    case incidentFile(String)
    /// The directory that `hiddenq export --format jsonl` filled, as the client sees it.
    case jsonLines(String)
  }

  /// An incident to load.
  public struct Incident: Sendable {
    /// Its key: the same for the same content.
    public var key: String
    /// Start of its reference trace, ns since 1970.
    public var start: Int64
    /// Its file, for people.
    public var file: String

    /// An incident.
    public init(key: String, start: Int64, file: String) {
      self.key = key
      self.start = start
      self.file = file
    }
  }

  /// The tables: for a cluster, or for one server.
  public static func tables(singleNode: Bool) -> String {
    let text = text(of: "fleet/tables.sql")
    return singleNode ? Self.singleNode(text) : text
  }

  /// The statements that load an incident.
  /// Throws ``StoreError`` when SQLite fails.
  public static func load(_ incident: Incident, from origin: Origin) throws -> String {
    var load = text(of: "fleet/load.sql")
    let seconds = incident.start / 1_000_000_000
    let rest = String(incident.start % 1_000_000_000 + 1_000_000_000).dropFirst()
    let values = [
      ("incident", literal(incident.key)),
      ("at", "toDateTime64('\(seconds).\(rest)', 9, 'UTC')"), ("file", literal(incident.file)),
    ]
    for (name, value) in values { load = load.replacing("{{\(name)}}", with: value) }
    switch origin {
    case .incidentFile(let path):
      for view in views {
        load = load.replacing(
          "{{\(view)}}", with: "sqlite(\(literal(path)), '\(view)')")
      }
      return load
    case .jsonLines(let folder):
      // The comment of the file stands once.
      let template = text(of: "fleet/staging.sql").split(
        separator: "\n", omittingEmptySubsequences: false)
      let comment = template.prefix { !$0.hasPrefix("CREATE ") }
      let statements = template.dropFirst(comment.count).joined(separator: "\n")
      let words = Set(load.split { !($0.isLetter || $0.isNumber || $0 == "_") })
      var staging = comment.joined(separator: "\n")
      let types = try columnTypes()
      for view in views {
        load = load.replacing("{{\(view)}}", with: "staged_\(view)")
        let columns = (types[view] ?? []).filter { words.contains($0.name[...]) }
          .map { "\($0.name) Nullable(\($0.type))" }
        staging +=
          "\n"
          + statements.replacing("{{view}}", with: view)
          .replacing("{{columns}}", with: columns.joined(separator: ",\n  "))
          .replacing("{{file}}", with: literal("\(folder)/\(view).jsonl"))
      }
      return staging + "\n" + load
    }
  }

  /// The queries over the fleet.
  public static var queries: [Schema.Query] { Schema.queries(in: "fleet/queries/") }

  /// The views of an incident file of which something is kept.
  static let views = [
    "source", "device_map", "io", "thread_wait", "culprit", "steal", "finding",
  ]

  /// By view: its columns with their types in ClickHouse. Where SQLite knows none, for the column is an expression, the
  /// name says what it holds.
  private static func columnTypes() throws -> [String: [(name: String, type: String)]] {
    let columns = try DatabaseQueue().write { db in
      try db.makeTables()
      try db.storeViews()
      return try views.map { try ($0, db.columns(in: $0)) }
    }
    return Dictionary(uniqueKeysWithValues: columns).mapValues { columns in
      columns.map { column in
        switch column.type {
        case "INTEGER": (column.name, "Int64")
        case "REAL": (column.name, "Float64")
        case "TEXT": (column.name, "String")
        default: (column.name, type(of: .of(column.name)))
        }
      }
    }
  }

  /// Words with a number in the tables are words in the views.
  private static func type(of range: NumberRange) -> String {
    switch range {
    case .moment, .duration, .offset, .count: "Int64"
    case .share, .percent: "Float64"
    default: "String"
    }
  }

  private static func text(of path: String) -> String {
    Schema.files.first { $0.path == path }?.text ?? ""
  }

  /// One server has no macros, no replicas and no shards.
  private static func singleNode(_ text: String) -> String {
    var statements: [Substring] = []
    for statement in text.split(separator: ";\n", omittingEmptySubsequences: true)
    where !statement.contains("ENGINE = Distributed") {
      statements.append(statement)
    }
    var result = statements.joined(separator: ";\n")
      .replacing(" ON CLUSTER '{cluster}'", with: "")
      .replacing("_local\n(", with: "\n(")
    while let start = result.firstRange(of: "('/clickhouse/tables/"),
      let end = result[start.lowerBound...].firstRange(of: "'{replica}'")
    {
      let rest = result[end.upperBound...]
      result =
        result[..<start.lowerBound] + "(" + (rest.hasPrefix(", ") ? rest.dropFirst(2) : rest)
    }
    return result.replacing("ENGINE = Replicated", with: "ENGINE = ") + ";\n"
  }

  /// A text as a literal of ClickHouse.
  private static func literal(_ text: String) -> String {
    var result = "'"
    for character in text.unicodeScalars {
      switch character {
      case "'": result += "\\'"
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0": result += "\\0"
      default: result.unicodeScalars.append(character)
      }
    }
    return result + "'"
  }
}
