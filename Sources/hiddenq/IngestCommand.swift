internal import ArgumentParser
internal import TraceIngest
internal import TraceModel
internal import TraceReport
internal import TraceStore

/// Which machine files are from.
struct MachineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The files are from this guest.", valueName: "name"))
  var guest: String?

  @Option(help: ArgumentHelp("The files are from this host.", valueName: "name"))
  var host: String?

  /// The machine that was named; nil when none was.
  var machine: Machine? {
    get throws {
      switch (guest, host) {
      case (let name?, nil): Machine(name: name, layer: .guest)
      case (nil, let name?): Machine(name: name, layer: .host)
      case (nil, nil): nil
      case (.some, .some):
        throw CommandFailure(message: "give --guest or --host, not both: one machine at a time")
      }
    }
  }
}

struct IngestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Reads trace files into an incident file.",
    usage: "hiddenq ingest [FORMAT] INCIDENT PATH... (--guest NAME | --host NAME)",
    discussion: """
      FORMAT is a name that 'hiddenq formats' lists; without it each file's format is told from its \
      content. A PATH is a file, '-' for standard input, or a directory: files below host*/ in it belong to \
      a host, those below guest*/ to a guest (guest-web1 is guest web1), unless --guest or --host says \
      otherwise.

      Each file goes in as a whole or not at all; the same bytes again change nothing.
      """)

  @Argument(help: ArgumentHelp("[FORMAT] INCIDENT PATH...", valueName: "arguments"))
  var words: [String]

  @OptionGroup var machineOptions: MachineOptions

  @Flag(help: "Exit with 4 when any line could not be used.")
  var strict = false

  @Option(
    help: ArgumentHelp(
      "Refuse a file of which more lines cannot be used, in percent.", valueName: "percent"))
  var maxSkipped = 10.0

  @Option(
    help: ArgumentHelp(
      "The -f string that blkparse was given, for text of another form.", valueName: "format"))
  var blkparseFormat: String?

  func run() throws {
    var words = words[...]
    var options = IngestOptions()
    options.allowedBadPercent = maxSkipped
    if let first = words.first, let format = allFormats.first(where: { $0.name == first }) {
      options.format = format
      words.removeFirst()
    }
    if let blkparseFormat {
      do {
        options.format = try blkparseText(printedWith: blkparseFormat)
      } catch {
        throw CommandFailure(message: "--blkparse-format: \(Exit.sentence(for: error))")
      }
    }
    guard let incident = words.popFirst(), !words.isEmpty else {
      throw CommandFailure(
        message: "usage: hiddenq ingest [FORMAT] INCIDENT PATH... (--guest NAME | --host NAME)")
    }
    let files = try InputFiles.list(Array(words), machine: machineOptions.machine)
    let outcome = try Ingestion(options: options).run(files, into: incident)
    if outcome.usable == 0, files.count == 1, let only = outcome.unused.first {
      throw CommandFailure(message: "\(only.path): \(only.reason); \(incident) is as it was")
    }
    print(outcome.text, terminator: "")
    if outcome.usable == 0 {
      throw CommandFailure(message: "nothing could be used; \(incident) is as it was")
    }
    if strict, outcome.skipped > 0 {
      throw CommandFailure(
        message: "\(outcome.skipped) lines could not be used (--strict); see the view 'problem'",
        status: Exit.skippedInput)
    }
  }
}

/// Puts files into an incident file, one after the other, and says what became of each.
struct Ingestion {
  let options: IngestOptions

  struct Outcome {
    /// A row for each file that is in.
    var rows: [[String]] = []
    /// Files that could not be used, and why.
    var unused: [(path: String, reason: String)] = []
    /// Sentences about lines that were left out.
    var notes: [String] = []
    /// Files that are in, new or from before.
    var usable = 0
    /// Lines of new files that could not be used.
    var skipped: Int64 = 0

    /// All of it for a terminal: the table, then what was left out, grouped by reason.
    var text: String {
      var blocks: [Block] = []
      if !rows.isEmpty {
        blocks.append(
          .table(
            Table(
              caption: "",
              columns: [
                .text("file"), .text("machine"), .text("format"), .number("events"),
                .number("skipped"), .number("lost"), .number("span"),
              ],
              rows: rows.map { $0.map(Printable.text) })))
      }
      blocks += notes.map { .paragraph(Printable.text($0)) }
      if !unused.isEmpty {
        let reasons = Dictionary(grouping: unused, by: \.reason)
        blocks.append(.heading("Not used: \(unused.count) \(unused.count == 1 ? "file" : "files")"))
        blocks.append(
          contentsOf: reasons.sorted { ($0.value.count, $1.key) > ($1.value.count, $0.key) }.map {
            .paragraph(
              Printable.text(
                "\($0.value.map(\.path).joined(separator: ", ")): \($0.key)"))
          })
      }
      return TextRenderer.render(blocks)
    }
  }

  func run(_ files: [InputFile], into incident: String) throws -> Outcome {
    let store: IncidentFile
    do {
      store = try IncidentFile(incident, mode: .create)
    } catch let error as StoreError {
      throw CommandFailure(message: Exit.sentence(for: error, file: incident))
    }
    var outcome = Outcome()
    for file in files {
      do {
        switch try ingest(file, into: store) {
        case .added(let summary):
          outcome.usable += 1
          outcome.skipped += summary.skippedLines
          if let note = skipped(file, summary) { outcome.notes.append(note) }
          outcome.rows.append(row(file, summary))
        case .alreadyThere:
          outcome.usable += 1
          outcome.rows.append([file.name, file.machineName, "already in", "", "", "", ""])
        }
      } catch let error as StoreError where error.kind != .statement {
        // The incident file itself: going on would fail again.
        if store.isNew, (try? store.sourceCount()) ?? 0 == 0 { store.discard() }
        throw CommandFailure(message: Exit.sentence(for: error, file: incident))
      } catch {
        outcome.unused.append((file.name, Exit.sentence(for: error)))
      }
    }
    if outcome.usable == 0, store.isNew { store.discard() }
    return outcome
  }

  /// What was left out of a file that is in: how much, and where first.
  private func skipped(_ file: InputFile, _ summary: SourceSummary) -> String? {
    guard summary.skippedLines > 0,
      let most = summary.problems.filter({ $0.kind.severity == .skipped })
        .max(by: { $0.count < $1.count })
    else { return nil }
    let share = Double(summary.skippedLines) / Double(summary.skippedLines + summary.events)
    let place = most.line.map { ", first at line \($0), column \(most.column ?? 1)" } ?? ""
    let lines = summary.skippedLines == 1 ? "line" : "lines"
    return
      "\(file.name): \(summary.skippedLines) \(lines) (\(Quantity.percent(share))) could not be "
      + "used, most often \(most.kind.rawValue)\(place): \(most.kind.advice)"
  }

  private func ingest(_ file: InputFile, into store: IncidentFile) throws
    -> IncidentFile.SourceOutcome
  {
    let progress = ProgressLine(file.path, size: InputFiles.size(of: file.input.parts))
    let run = try IngestRun(input: file.input, options: options) { progress.update($0) }
    defer { progress.end() }
    guard let machine = file.machine else {
      throw CommandFailure(
        message: "whose file is it? Give --guest NAME or --host NAME, or put it below guest*/ or "
          + "host*/")
    }
    return try store.addSource(machine, path: file.path, run)
  }

  private func row(_ file: InputFile, _ summary: SourceSummary) -> [String] {
    let span = summary.first.nanoseconds.flatMap { first in
      summary.last.nanoseconds.map { Quantity.seconds($0 - first) }
    }
    return [
      file.name, file.machineName, summary.format, Quantity.count(summary.events),
      Quantity.count(summary.skippedLines), Quantity.count(summary.lostEvents), span ?? "",
    ]
  }
}

extension IncidentFile {
  /// Adds what a run reads.
  fileprivate func addSource(
    _ machine: Machine, path: String, _ run: consuming IngestRun
  ) throws -> SourceOutcome {
    var pending: IngestRun? = consume run
    return try addSource(machine, path: path) { sink in
      guard let run = pending.take() else {
        throw CommandFailure(message: "\(path) was to be read twice")
      }
      return try run.read(into: sink)
    }
  }
}
