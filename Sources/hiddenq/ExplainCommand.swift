internal import ArgumentParser
internal import Foundation
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

      Changes are compared with the first phase and what is like it. --symptom and --baseline say otherwise: \
      what lies in the window of --symptom is compared with the rest, or all with the window of --baseline. A \
      window in which no change was found is cut out as it is. incident.yaml may name a symptom, too \
      (docs/capture-directory.md). All is correlated anew for that; the incident file stays as it is.

      With the code of a finding in place of the incident, as in 'hiddenq explain RING_SATURATED', it prints \
      what that finding means, what else it could be, what would refute it, and what to do.

      Exit status 3: the files are not of one capture.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  enum Operation: String, ExpressibleByArgument, CaseIterable {
    case read, write
  }

  @Argument(
    help: ArgumentHelp("The incident file, or the code of a finding.", valueName: "incident"),
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

  @Flag(
    help: "Only what the slowest I/Os of each disk have in common: at most five lines per disk.")
  var slow = false

  @Option(
    help: ArgumentHelp(
      "With --slow: the I/Os queued in this time, instead of the slowest.", valueName: "from..to"))
  var during: String?

  @Option(
    help: ArgumentHelp(
      "With --slow: the I/Os queued in this phase of the guest.", valueName: "number"))
  var phase: Int64?

  @Option(
    help: ArgumentHelp(
      "With --slow: the I/Os that took so long from Q to C, like 20ms..1s; either may be left out.",
      valueName: "from..to"))
  var latency: String?

  @Option(
    help: ArgumentHelp(
      "When users complained: compare this time with the rest.", valueName: "from..to"))
  var symptom: String?

  @Option(
    help: ArgumentHelp(
      "The usual behaviour: compare the rest with this time.", valueName: "from..to"))
  var baseline: String?

  func validate() throws {
    if !slow, during != nil || phase != nil || latency != nil {
      throw ValidationError("--during, --phase and --latency go with --slow")
    }
    if during != nil, phase != nil {
      throw ValidationError("--during and --phase both say when: give one of them")
    }
  }

  func run() throws {
    if FindingPages.isCode(incident), !FileManager.default.fileExists(atPath: incident) {
      guard let page = FindingPages.page(of: incident) else {
        throw CommandFailure(
          message: "\(incident): no such file, and no finding has this code; codes: "
            + FindingPages.codes.joined(separator: ", "))
      }
      return Output.print(page)
    }
    let file = try Incident.correlated(incident)
    try Incident.requireGuest(guest, in: file)
    try Incident.requireDisk(device, of: guest, in: file)
    if slow { return Output.print(try slowText(file)) }
    var filter = IOFilter()
    (filter.guest, filter.device, filter.op) = (guest, device, op?.rawValue)
    let windows = try NamedTimes.windows(
      symptom: symptom, baseline: baseline, of: guest, in: file)
    let explanation =
      windows.isEmpty
      ? try Explanation(file, filter, named: NamedTimes.symptoms(in: file))
      : try Correlation.telling(file, windows) {
        try Explanation(file, filter, named: windows)
      }
    switch format {
    case .text: Output.print(ExplanationText.render(explanation))
    case .json: Output.print(ExplanationJSON.render(explanation))
    }
    try Incident.requireOneCapture(file)
  }

  /// What the slowest I/Os share, or those that the options say.
  private func slowText(_ file: IncidentFile) throws -> String {
    guard during != nil || phase != nil || latency != nil else {
      return try SlowText.render(file, guest: guest, device: device)
    }
    let own = SlowOptions(during: during, phase: phase, latency: latency, guest: guest)
    let selection = try own.selection(in: file)
    return try selection.telling(file) {
      try SlowText.render(file, guest: guest, device: device, selected: own.words(selection))
    }
  }
}
