public import ArgumentParser
internal import TraceAnalysis
internal import TraceIngest
internal import TraceModel
public import TraceReport
internal import TraceStore

struct CorrelateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "correlate",
    abstract:
      "Aligns clocks, maps disks, joins guest and host; other commands do it when it is due.")

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @OptionGroup var thresholds: ThresholdOptions

  func run() throws {
    let limits = try thresholds.thresholds
    do {
      let file = try Incident.open(incident, mode: .write)
      try Incident.correlate(file, always: true, thresholds: limits)
      let disks = try file.disks(IOFilter())
      guard disks.contains(where: { $0.verdict.isFollowed }) else {
        throw CommandFailure(
          message: "no guest disk could be joined with a host; 'hiddenq report' says why",
          status: Exit.notEnoughData)
      }
    } catch let error as StoreError {
      throw CommandFailure(message: Exit.sentence(for: error, file: incident))
    }
  }
}

struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Runs a read-only SQL statement or a stored query.",
    discussion: """
      The views and their columns: 'hiddenq schema'. Stored queries: --list. A statement that reads what \
      'correlate' finds runs that first when it is due; exit status 3: it is due, and the file cannot be \
      written.
      """)

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String?

  @Argument(help: ArgumentHelp("One SQL statement.", valueName: "sql"))
  var sql: String?

  @Option(
    help: ArgumentHelp("A stored query.", valueName: "name"),
    completion: .list(Schema.queries.map(\.name)))
  var name: String?

  @Flag(help: "Name the stored queries.")
  var list = false

  @Flag(
    help: "Query the file as it is: do not run 'correlate', whose tables are empty when it is due."
  )
  var asIs = false

  @Option(help: "table, csv, json, jsonl or markdown.")
  var format = TabularFormat.table

  func run() throws {
    if list {
      Tabular.print(
        format, columns: ["name", "answers"],
        rows: Schema.queries.map { [.text($0.name), .text($0.about)] })
      return
    }
    guard let incident else { throw CommandFailure(message: "which incident file?") }
    let statement: String
    switch (sql, name) {
    case (let sql?, nil): statement = sql
    case (nil, let name?):
      guard let query = Schema.queries.first(where: { $0.name == name }) else {
        throw CommandFailure(message: "no stored query '\(name)': 'hiddenq query --list'")
      }
      statement = query.sql
    default: throw CommandFailure(message: "give one SQL statement, or --name NAME")
    }
    var file = try Incident.open(incident)
    var writer = TabularWriter(format) { Output.print($0) }
    do {
      // What correlate finds is not there yet, which is no answer of none.
      if try !asIs && file.needsCorrelation(for: statement) {
        file = try Incident.correlated(file, status: Exit.notEnoughData)
      }
      try file.query(
        statement, columns: { writer.begin($0) }, row: { writer.add($0) })
    } catch let error as StoreError {
      throw CommandFailure(message: Exit.sentence(for: error))
    }
    writer.end()
  }
}

struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows single I/Os as waterfalls.",
    usage: "hiddenq show INCIDENT slowest [--top N]\nhiddenq show INCIDENT io ID")

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Argument(
    help: ArgumentHelp("'slowest', or 'io' and a number.", valueName: "what"),
    completion: .list(["slowest", "io"]))
  var what: [String]

  @Option(help: ArgumentHelp("How many.", valueName: "n"))
  var top = 10

  @OptionGroup var filter: FilterOptions

  func run() throws {
    let file = try Incident.correlated(incident)
    switch (what.first, what.count) {
    case ("slowest", 1):
      let ios = try file.ios(try filter.filter(in: file), slowest: top)
      guard !ios.isEmpty else {
        throw CommandFailure(message: "no such I/O", status: Exit.notEnoughData)
      }
      let document = Document(
        title: "The slowest I/Os", blocks: [.waterfalls(try Waterfall.of(ios, in: file))])
      Output.print(TextRenderer.render(document))
    case ("io", 2):
      guard let id = Int64(what[1]), let io = try file.io(id) else {
        throw CommandFailure(message: "there is no I/O '\(what[1])'")
      }
      let evidence = try [("guest", io.request), ("host", io.hostRequest)].compactMap {
        side, request -> Fact? in
        guard let request, let place = try file.evidence(of: request) else { return nil }
        return Fact(side, Printable.text("\(place.path), line \(place.line), request \(request)"))
      }
      let document = Document(
        title: "I/O \(id)",
        blocks: [.waterfalls(try Waterfall.of([io], in: file)), .facts(evidence)])
      Output.print(TextRenderer.render(document))
    default:
      throw CommandFailure(message: "show what? 'slowest', or 'io' and its number")
    }
  }
}

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks an incident file's integrity and names its data's faults.",
    discussion: "Exit status 2: the file is damaged, or the hops of an I/O do not add up.")

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Option(help: "table, csv, json, jsonl or markdown.")
  var format = TabularFormat.table

  func run() throws {
    let file = try Incident.open(incident)
    let faults = try file.integrityFaults()
    guard faults.isEmpty else {
      throw CommandFailure(message: "\(incident): \(faults.joined(separator: "; "))")
    }
    let problems = try file.problems()
    Tabular.print(
      format,
      columns: ["severity", "kind", "count", "file", "line", "column", "excerpt", "advice"],
      rows: problems.map { problem in
        [
          .text(problem.severity.name), .text(problem.kind), .integer(problem.count),
          .text(problem.path), problem.line.map { .integer($0) } ?? .null,
          problem.column.map { .integer(Int64($0)) } ?? .null,
          problem.excerpt.map { .text($0) } ?? .null, .text(problem.advice),
        ]
      })
  }
}

struct FormatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "formats",
    abstract: "Lists the formats that can be read.",
    discussion: "For each: what it is good for, its clock, and a command that produces it.")

  @Option(help: "table, csv, json, jsonl or markdown.")
  var format = TabularFormat.table

  func run() throws {
    guard format != .table else {
      for (place, family) in formatFamilies.enumerated() {
        Output.print("\(place == 0 ? "" : "\n")\(family.title)\n\n")
        for one in allFormats where family.names.contains(one.name) { Output.print(Self.text(one)) }
      }
      return
    }
    Tabular.print(
      format, columns: ["name", "produced by", "clock", "good for", "family"],
      rows: allFormats.map { one in
        let family = formatFamilies.first { $0.names.contains(one.name) }?.title
        return [
          .text(one.name), .text(one.producedBy), .text(one.clock), .text(one.goodFor),
          .text(family ?? ""),
        ]
      })
  }

  /// A format in lines of 80 columns; its command is one to copy.
  private static func text(_ format: any TraceFormat) -> String {
    let longest = allFormats.map(\.name.count).max() ?? 0
    // The text begins at one column for all of them.
    func padded(_ name: String) -> String {
      name + String(repeating: " ", count: longest - name.count)
    }
    return TextRenderer.render([
      .facts([
        Fact(padded(format.name), format.goodFor), Fact(padded("  clock"), format.clock),
      ])
    ])
      + command(format.producedBy)
  }

  /// `  $ vmstat -t 1`; what is too long goes on behind a backslash, where it is not inside of quotes.
  private static func command(_ text: String) -> String {
    var words: [String] = []
    var isInQuotes = false
    for word in text.split(separator: " ") {
      if isInQuotes { words[words.count - 1] += " " + word } else { words.append(String(word)) }
      if !word.count(where: { $0 == "'" || $0 == "\"" }).isMultiple(of: 2) { isInQuotes.toggle() }
    }
    var lines: [String] = []
    var line = "  $"
    for word in words {
      if line.count + 1 + word.count > TextRenderer.width - 2 {
        lines.append(line + " \\")
        line = "   "
      }
      line += " " + word
    }
    return (lines + [line]).joined(separator: "\n") + "\n"
  }
}

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Lists every view and column with its unit.")

  @Option(help: "table, csv, json, jsonl or markdown.")
  var format = TabularFormat.table

  func run() throws {
    Tabular.print(
      format, columns: ["view", "column", "holds"],
      rows: Schema.views.flatMap { view in
        [[.text(view.name), .text(""), .text(view.about)]]
          + view.columns.map { [.text(view.name), .text($0.name), .text($0.about)] }
      })
  }
}

extension TabularFormat: ExpressibleByArgument {}

/// Prints small tables.
enum Tabular {
  static func print(_ format: TabularFormat, columns: [String], rows: [[StoredValue]]) {
    var writer = TabularWriter(format) { Output.print($0) }
    writer.begin(columns)
    for row in rows { writer.add(row) }
    writer.end()
  }
}
