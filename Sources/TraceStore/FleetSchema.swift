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
  public static func load(_ incident: Incident, from origin: Origin) -> String {
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
      var staging = text(of: "fleet/staging.sql")
      for view in views {
        load = load.replacing("{{\(view)}}", with: "staged_\(view)")
        staging = staging.replacing(
          "{{\(view).jsonl}}", with: literal("\(folder)/\(view).jsonl"))
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
