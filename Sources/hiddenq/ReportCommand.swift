internal import ArgumentParser
internal import TraceAnalysis
internal import TraceModel
internal import TraceReport
internal import TraceStore

/// Which I/Os a command is about.
struct FilterOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only this guest.", valueName: "name"))
  var guest: String?

  @Option(help: ArgumentHelp("Only this disk of the guest.", valueName: "major,minor"))
  var device: String?

  @Option(help: "Only this operation: read, write, flush, discard.")
  var op: String?

  @Option(
    help: ArgumentHelp(
      "Only I/Os queued at or after this time, as 8.2, 8.2s, 350ms; or by the wall clock, in UTC: 09:30:53, "
        + "2026-11-22T09:30:53Z.",
      valueName: "time"))
  var from: String?

  @Option(help: ArgumentHelp("Only I/Os queued before this time.", valueName: "time"))
  var to: String?

  /// The filter for this incident. A guest or disk that it does not have is a mistake, not an empty report.
  func filter(in file: IncidentFile) throws -> IOFilter {
    if let op, !["read", "write", "flush", "discard", "other"].contains(op) {
      throw CommandFailure(
        message: "unknown operation '\(op)': read, write, flush, discard or other")
    }
    try Incident.requireGuest(guest, in: file)
    try Incident.requireDisk(device, of: guest, in: file)
    var filter = IOFilter()
    (filter.guest, filter.device, filter.op) = (guest, device, op)
    if from != nil || to != nil {
      (filter.from, filter.to) = try TimeReading(file, guest: guest).window(from: from, to: to)
    }
    return filter
  }
}

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Prints the report of an incident, whole or for a selection.",
    discussion: """
      Times are those of the reference timeline, seconds since the first event of the host's block trace, and of the \
      wall clock where a file tells it. Exit status 3: there is no I/O of a guest that could be followed.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case markdown
    case html
    case json
  }

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Option(name: .shortAndLong, help: ArgumentHelp("Write here instead.", valueName: "file"))
  var output: String?

  @Option(help: "text, markdown (for a ticket: at most 60 lines), html or json.")
  var format = Format.text

  @Flag(help: "All of the report as Markdown.")
  var full = false

  @OptionGroup var filter: FilterOptions

  @Option(help: ArgumentHelp("How many of the slowest I/Os to show.", valueName: "n"))
  var top = 10

  func run() throws {
    let file = try Incident.correlated(incident)
    var request = ReportRequest()
    request.filter = try filter.filter(in: file)
    request.slowest = top
    let text =
      switch format {
      case .text: TextRenderer.render(try Report.document(file, request))
      case .markdown:
        full
          ? MarkdownRenderer.render(try Report.document(file, request))
          : MarkdownRenderer.ticket(try Report.document(file, request))
      case .html: HTMLRenderer.render(try Report.document(file, request))
      case .json: try JSONReport.render(file, request)
      }
    if let output {
      try Output.write(text, to: output)
    } else {
      Output.print(text)
    }
    try Incident.requireOneCapture(file)
    guard try file.grades(request.filter).contains(where: { $0.grade != .unmatched }) else {
      throw CommandFailure(
        message: "no I/O could be followed from a guest to its host; the report says why",
        status: Exit.notEnoughData)
    }
  }
}

/// Opens incident files, and says what that did to them.
enum Incident {
  /// An incident file; to read, when nothing else is said.
  static func open(_ path: String, mode: IncidentFile.Mode = .read) throws -> IncidentFile {
    do {
      let file = try IncidentFile(path, mode: mode)
      if file.wasRolledBack {
        Exit.complain(
          "\(path): recovered from an interrupted run (uncommitted changes rolled back)")
      }
      if let version = file.formerVersion {
        Exit.complain("\(path): its schema was version \(version) and has been brought up to date")
      }
      return file
    } catch let error as StoreError {
      throw CommandFailure(message: Exit.sentence(for: error, file: path))
    }
  }

  /// Correlates when it is due, or when told to; can be interrupted.
  static func correlate(
    _ file: IncidentFile, always: Bool = false, thresholds: [String: Double] = [:]
  ) throws {
    Interruption.stopping(file)
    do {
      try Correlation.run(
        file, always: always, thresholds: thresholds, windows: try NamedTimes.given(in: file))
    } catch let error as StoreError where error.kind == .interrupted {
      throw CommandFailure(message: "interrupted; \(file.path) is as it was")
    }
  }

  /// The same, correlated: runs that first when it is due.
  static func correlated(_ path: String) throws -> IncidentFile {
    try correlated(try open(path))
  }

  /// The same for an open file. Where it cannot be written, that is a failure with this status.
  static func correlated(
    _ file: IncidentFile, status: Int32 = Exit.couldNotRun
  ) throws -> IncidentFile {
    guard try file.needsCorrelation() else { return file }
    do {
      try correlate(try IncidentFile(file.path, mode: .write))
    } catch let error as StoreError {
      throw CommandFailure(
        message: Exit.sentence(for: error, file: file.path)
          + "; 'hiddenq correlate' is due and must write to it",
        status: status)
    }
    return try open(file.path)
  }

  /// Refuses a guest that the incident does not have.
  static func requireGuest(_ guest: String?, in file: IncidentFile) throws {
    guard let guest else { return }
    let guests = try file.guestNames()
    guard guests.contains(guest) else {
      throw CommandFailure(
        message: "--guest \(guest): \(file.path) has no such guest; its guests: \(list(guests))")
    }
  }

  /// Refuses a disk that the guest, or without one any guest, does not have.
  static func requireDisk(_ device: String?, of guest: String?, in file: IncidentFile) throws {
    guard let device else { return }
    let disks = try file.guestDisks(of: guest)
    guard disks.contains(device) else {
      let owner = guest.map { "guest '\($0)'" } ?? "the guests"
      throw CommandFailure(
        message: "--device \(device): \(file.path) has no such disk; disks of \(owner): "
          + list(disks))
    }
  }

  /// Says with the exit status that files of several captures are in one incident file: the report has no
  /// other findings then.
  static func requireOneCapture(_ file: IncidentFile) throws {
    guard try file.findings().contains(where: { $0.code.rawValue == "CAPTURES_MIXED" }) else {
      return
    }
    throw CommandFailure(
      message: "the files are not of one capture; the finding CAPTURES_MIXED says why",
      status: Exit.notEnoughData)
  }

  /// `a, b, c and 9 more`; `none`.
  static func list(_ names: [String]) -> String {
    let most = 12
    guard !names.isEmpty else { return "none" }
    let shown = names.prefix(most).joined(separator: ", ")
    return names.count > most ? "\(shown) and \(names.count - most) more" : shown
  }
}
