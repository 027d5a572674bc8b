internal import ArgumentParser
internal import Foundation
internal import TraceReport
internal import TraceStore

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Writes an incident for other tools.",
    discussion: """
      csv and jsonl: a directory with one file per view of 'hiddenq schema' (io.csv, culprit.csv, ...; io has what io_hop has). CSV has a \
      header line, the quotes of RFC 4180, lines that end with LF, and an empty field for NULL; JSON Lines has null. perfetto: one trace file for \
      ui.perfetto.dev and trace_processor (docs/export.md).
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case csv, jsonl, perfetto
  }

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Option(help: "csv, jsonl or perfetto.")
  var format: Format

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("A directory; for perfetto a file.", valueName: "path"))
  var output: String

  func run() throws {
    let file = try Incident.correlated(incident)
    do {
      switch format {
      case .csv: try writeViews(of: file, as: .csv)
      case .jsonl: try writeViews(of: file, as: .jsonl)
      case .perfetto: try writeTrace(of: file)
      }
    } catch let error as StoreError {
      throw CommandFailure(message: Exit.sentence(for: error, file: incident))
    }
  }

  private func writeViews(of file: IncidentFile, as format: TabularFormat) throws {
    do {
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(message: "\(output): is no directory and cannot be made one")
    }
    for view in Schema.views where !view.isOtherShape {
      try whole("\(output)/\(view.name).\(format.rawValue)") { result in
        var writer = TabularWriter(format) { result.write($0) }
        try file.query(
          "SELECT * FROM \(view.name)", columns: { writer.begin($0) },
          row: {
            writer.add($0)
            try result.check()
          })
        writer.end()
      }
    }
  }

  private func writeTrace(of file: IncidentFile) throws {
    try whole(output) { result in
      try PerfettoTrace.write(file) {
        result.write($0)
        try result.check()
      }
    }
  }

  private func whole(_ path: String, _ fill: (ResultFile) throws -> Void) throws {
    let result = try ResultFile(path)
    do {
      try fill(result)
      try result.end()
    } catch {
      result.discard()
      throw error
    }
  }
}
