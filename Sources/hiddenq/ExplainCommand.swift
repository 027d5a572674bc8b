internal import ArgumentParser
internal import TraceAnalysis
internal import TraceModel
internal import TraceReport
internal import TraceStore

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Says what changed, since when, where the time went, and because of whom.",
    discussion: """
      At most 25 lines, to attach to an incident: which I/Os got slower in which guest, since when, which hops \
      hold the extra time, what caused it as far as the files show, and which layers did not change. The \
      guest that lost most time is told in full, up to five others in a line each. If nothing changed during \
      the capture, it says so, and how small a change would have been seen.

      Exit status 3: the files are not of one capture.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  enum Operation: String, ExpressibleByArgument, CaseIterable {
    case read, write
  }

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Option(help: "text, or json (at most 16 KiB; schema/explanation.schema.json).")
  var format = Format.text

  @Option(help: ArgumentHelp("Only this guest.", valueName: "name"))
  var guest: String?

  @Option(help: ArgumentHelp("Only this disk of the guest.", valueName: "major,minor"))
  var device: String?

  @Option(help: "Only this operation: read, write.")
  var op: Operation?

  func run() throws {
    let file = try Incident.correlated(incident)
    try Incident.requireGuest(guest, in: file)
    try Incident.requireDisk(device, of: guest, in: file)
    var filter = IOFilter()
    (filter.guest, filter.device, filter.op) = (guest, device, op?.rawValue)
    let explanation = try Explanation(file, filter)
    switch format {
    case .text: Output.print(ExplanationText.render(explanation))
    case .json: Output.print(ExplanationJSON.render(explanation))
    }
    try Incident.requireOneCapture(file)
  }
}
