internal import ArgumentParser
internal import Foundation
internal import TraceAnalysis
internal import TraceIngest
internal import TraceReport
internal import TraceStore

struct AnalyzeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Does everything: ingests a directory, joins, reports.",
    discussion: """
      Files below host*/ in DIR belong to a host, those below guest*/ to a guest; an incident.yaml in DIR \
      may say otherwise (docs/capture-directory.md). Writes incident.db, report.html and report.md into OUTDIR \
      (default: ./hiddenq-DIRNAME) and prints the report. An incident file that is \
      already there is extended; the same files again change nothing.
      """)

  @Argument(
    help: ArgumentHelp("The directory with the files.", valueName: "dir"),
    completion: .directory)
  var directory: String

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "outdir"))
  var output: String?

  @Flag(help: "Exit with 4 when any line could not be used.")
  var strict = false

  @Flag(help: KeptEventsHelp.text)
  var keepEvents = false

  func run() throws {
    guard InputFiles.isDirectory(directory) else {
      throw CommandFailure(message: "\(directory): is no directory; use 'hiddenq ingest' for files")
    }
    let files = try InputFiles([directory], machine: nil)
    let name = URL(filePath: directory).standardizedFileURL.lastPathComponent
    let outdir = output ?? "hiddenq-\(name)"
    do {
      try FileManager.default.createDirectory(
        atPath: outdir, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(message: "\(outdir): cannot be made")
    }
    let incident = outdir + "/incident.db"
    let outcome = try Ingestion(options: IngestOptions(), keepsEvents: keepEvents)
      .run(files, into: incident)
    if outcome.usable == 0 {
      throw CommandFailure(message: "\(directory): nothing in it could be used")
    }
    let file = try Incident.open(incident, mode: .write)
    try Incident.correlate(file)
    let document = try Report.document(file, ReportRequest())
    try Output.write(HTMLRenderer.render(document), to: outdir + "/report.html")
    try Output.write(MarkdownRenderer.render(document), to: outdir + "/report.md")
    Output.print(TextRenderer.render(document))
    Output.print(outcome.leftOut)
    Output.print("\nwritten: \(incident), \(outdir)/report.html, \(outdir)/report.md\n")
    if strict, outcome.skipped > 0 || outcome.refused > 0 {
      throw CommandFailure(
        message: "\(outcome.whatWasSkipped) could not be used (--strict)",
        status: Exit.skippedInput)
    }
  }
}
