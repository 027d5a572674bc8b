internal import ArgumentParser
internal import TraceModel

/// Offline analyzer of trace files from virtualized systems.
@main
struct HiddenQ: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hiddenq",
    abstract: "Follows a guest's I/O through guest, virtio queue and host, out of trace files.",
    discussion: """
      A guest and its host each see half of an I/O's way. hiddenq reads the block traces that somebody \
      saved on both, aligns their clocks, joins them request by request, and says where the time went and \
      how sure that is.

      First steps:
        hiddenq analyze DIR          everything, from a directory with guest*/ and host*/
        hiddenq explain INCIDENT     what changed, since when, where, and because of whom
        hiddenq report INCIDENT      the report again, whole or for a time, an operation, a guest

      Exit status: 0 good; 1 a stated threshold was exceeded; 2 could not run; 3 ran, but the data do \
      not suffice; 4 ran with skipped input under --strict.
      """,
    version: Tool.version,
    subcommands: [
      AnalyzeCommand.self, IngestCommand.self, CorrelateCommand.self, ExplainCommand.self,
      ReportCommand.self, FindingsCommand.self, CompareCommand.self, ShowCommand.self,
      QueryCommand.self, ExportCommand.self, RedactCommand.self, CheckCommand.self,
      FormatsCommand.self, SchemaCommand.self,
      CaptureCommand.self, FleetCommand.self, CompletionsCommand.self,
    ])

  static func main() {
    Interruption.listen()
    do {
      var command = try parseAsRoot()
      try command.run()
      Output.finish()
    } catch {
      Exit.end(with: error)
    }
  }
}
