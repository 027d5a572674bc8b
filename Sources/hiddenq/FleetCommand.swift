internal import ArgumentParser
internal import Foundation
internal import TraceDigest
internal import TraceIngest
internal import TraceModel
internal import TraceReport
internal import TraceStore

struct FleetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet", abstract: "Prints the SQL that keeps many incidents in ClickHouse.",
    discussion: """
      Each subcommand prints SQL for clickhouse-client; nothing is sent anywhere. docs/fleet.md shows the way \
      from the first table to the first answer.
      """,
    subcommands: [Tables.self, Load.self, Query.self])

  struct Tables: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ddl", abstract: "Prints the tables, for a cluster or for one server.",
      usage: "hiddenq fleet ddl [--single-node] | clickhouse-client")

    @Flag(help: "For one server: no replicas, no shards, no macros.")
    var singleNode = false

    func run() throws {
      Output.print(FleetSchema.tables(singleNode: singleNode))
    }
  }

  struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "load", abstract: "Prints what loads an incident; twice changes nothing.",
      usage: "hiddenq fleet load INCIDENT... | clickhouse-client",
      discussion: """
        The server reads the incident file itself (sqlite(), below its user_files_path), or, with --jsonl, \
        clickhouse-client reads what 'hiddenq export --format jsonl' wrote. The key of an incident is made \
        from the machines and contents of its files.
        """)

    @Argument(
      help: ArgumentHelp("Incident files.", valueName: "incident"),
      completion: .file())
    var incidents: [String]

    @Option(
      help: ArgumentHelp(
        "The directory of the incident files as the server sees it.", valueName: "dir"))
    var serverDirectory: String?

    @Option(
      help: ArgumentHelp(
        "Where 'export --format jsonl' wrote the (one) incident.", valueName: "dir"))
    var jsonl: String?

    @Option(
      help: ArgumentHelp(
        "When the reference trace began, where no file says it: 2026-11-25T08:00:00Z.",
        valueName: "time"))
    var at: String?

    func run() throws {
      guard jsonl == nil || incidents.count == 1 else {
        throw CommandFailure(message: "--jsonl is about one incident")
      }
      for path in incidents {
        let file = try Incident.correlated(path)
        guard let key = try key(of: file) else {
          throw CommandFailure(
            message: "\(path): nothing was read into it", status: Exit.notEnoughData)
        }
        let incident = FleetSchema.Incident(
          key: key, start: try start(of: file), file: path)
        Output.print(try FleetSchema.load(incident, from: origin(of: path)))
      }
    }

    private func origin(of path: String) -> FleetSchema.Origin {
      if let jsonl { return .jsonLines(jsonl) }
      guard let serverDirectory else { return .incidentFile(path) }
      return .incidentFile(serverDirectory + "/" + URL(filePath: path).lastPathComponent)
    }

    /// A hash over what was read: the same files of the same machines, the same key.
    private func key(of file: IncidentFile) throws -> String? {
      let sources = try file.rows(
        "SELECT DISTINCT machine, sha256 FROM source WHERE refused = 0 ORDER BY machine, sha256"
      ).compactMap { row in
        row.text("machine").flatMap { machine in row.text("sha256").map { [machine, $0] } }
      }
      guard !sources.isEmpty else { return nil }
      // Names may hold any character but NUL.
      let text = sources.map { $0.joined(separator: "\0") + "\0" }.joined()
      return try SHA256.digest(of: Array(text.utf8)).hexadecimal
    }

    /// The absolute start of the reference trace, of any block trace, or the first dated line.
    private func start(of file: IncidentFile) throws -> Int64 {
      if let at {
        guard case .date(let start)? = GivenTime(at) else {
          throw CommandFailure(message: "'\(at)' is no time: write 2026-11-25T08:00:00Z")
        }
        return start
      }
      let start = try file.rows(
        """
        WITH started AS (
          SELECT layer, start_ns FROM source
          WHERE start_clock = 'CLOCK_REALTIME' AND tool_clock = 'blktrace' AND duplicate_of IS NULL)
        SELECT coalesce(
          (SELECT min(start_ns) FROM started WHERE layer = 'host'), (SELECT min(start_ns) FROM started),
          (SELECT min(first_ns) FROM source WHERE tool_clock = 'wall')) AS at
        """
      ).first?.integer("at")
      guard let start else {
        throw CommandFailure(
          message: "\(file.path): no file says when it was recorded; give it with --at",
          status: Exit.notEnoughData)
      }
      return start
    }
  }

  struct Query: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "query", abstract: "Prints a query over the fleet.",
      usage: """
        hiddenq fleet query NAME | clickhouse-client --param_since '2026-01-01 00:00:00'
        hiddenq fleet query --list
        """)

    @Argument(help: ArgumentHelp("The query.", valueName: "name"))
    var name: String?

    @Flag(help: "Name the queries.")
    var list = false

    func run() throws {
      if list {
        Tabular.print(
          .table, columns: ["name", "answers"],
          rows: FleetSchema.queries.map { [.text($0.name), .text($0.about)] })
        return
      }
      guard let name, let query = FleetSchema.queries.first(where: { $0.name == name }) else {
        throw CommandFailure(
          message:
            "\(name.map { "no query '\($0)'" } ?? "which query?"): 'hiddenq fleet query --list'")
      }
      Output.print(query.sql)
    }
  }
}
