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

/// What `--keep-events` does, for the commands that have it.
enum KeptEventsHelp {
  static let text: ArgumentHelp =
    "Keep the events of block and scheduler traces, too: the views block_event and sched_event of 'hiddenq query'."
}

/// What `--all-files` does, for the commands that have it.
enum AllFilesHelp {
  static let text: ArgumentHelp =
    "List every file that is not used with its reason, however many there are."
}

struct IngestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Reads trace files into an incident file.",
    usage: "hiddenq ingest [FORMAT] INCIDENT PATH... (--guest NAME | --host NAME)",
    discussion: """
      FORMAT is a name that 'hiddenq formats' lists; without it each file's format is told from its \
      content. A PATH is a file, '-' for standard input, or a directory: files below host*/ in it belong to \
      a host, those below guest*/ to a guest (guest-web1 is guest web1), unless an incident.yaml at its root \
      (docs/capture-directory.md), or --guest or --host, says otherwise.

      Each file goes in as a whole or not at all; the same bytes again change nothing.
      """)

  @Argument(
    help: ArgumentHelp("[FORMAT] INCIDENT PATH...", valueName: "arguments"),
    completion: .file())
  var words: [String]

  @OptionGroup var machineOptions: MachineOptions

  @Flag(help: "Exit with 4 when any line could not be used.")
  var strict = false

  @Flag(help: KeptEventsHelp.text)
  var keepEvents = false

  @Flag(help: AllFilesHelp.text)
  var allFiles = false

  @Option(
    help: ArgumentHelp(
      "Reject a file if more than this percentage of its lines is unusable.", valueName: "percent"))
  var maxSkipped = 10.0

  @Option(
    help: ArgumentHelp(
      "The -f string that blkparse was given, for text of another form.", valueName: "format"))
  var blkparseFormat: String?

  func run() throws {
    var words = words[...]
    var options = IngestOptions()
    options.allowedBadPercent = maxSkipped
    if let first = words.first, let format = allFormats.first(where: { $0.name == first }),
      !Self.isIncident(first, before: words.dropFirst())
    {
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
    let files = try InputFiles(Array(words), machine: machineOptions.machine)
    let outcome = try Ingestion(options: options, keepsEvents: keepEvents)
      .run(files, into: incident)
    if outcome.usable == 0, outcome.unused.count == 1, let only = outcome.unused.first {
      throw CommandFailure(message: "\(only.path): \(only.reason); \(incident) is as it was")
    }
    Output.print(outcome.text(all: allFiles))
    if outcome.usable == 0 {
      throw CommandFailure(message: "nothing could be used; \(incident) is as it was")
    }
    if strict, outcome.skipped > 0 || outcome.refused > 0 {
      throw CommandFailure(
        message: "\(outcome.whatWasSkipped) could not be used (--strict); see the view 'problem'",
        status: Exit.skippedInput)
    }
  }
}

extension IngestCommand {
  /// Whether a word that is the name of a format is meant as the incident file: a second word is missing, or an
  /// incident file has that name and the next word is none.
  fileprivate static func isIncident(_ word: String, before words: ArraySlice<String>) -> Bool {
    words.count < 2 || IncidentFile.isOne(word) && !IncidentFile.isOne(words[words.startIndex])
  }
}

/// Puts files into an incident file, one after the other, and says what became of each.
struct Ingestion {
  let options: IngestOptions
  /// Whether the events themselves go in besides what they are folded into.
  let keepsEvents: Bool

  /// What became of a file that is in.
  struct Row {
    let file: String
    let format: String
    let machine: Machine
    /// Its numbers; empty for a file that was in already.
    var numbers = ["", "", "", ""]
  }

  struct Outcome {
    /// A row for each file that is in.
    var rows: [Row] = []
    /// Files that could not be used, and why.
    var unused: [UnusedFile] = []
    /// Sentences about lines that were left out, and about what an `incident.yaml` says.
    var notes: [String] = []
    /// New files that are byte for byte those of another machine: whose they are, the file, and the other.
    var copies: [(machine: Machine, file: String, original: String)] = []
    /// Files that are in, new or from before.
    var usable = 0
    /// Whether the incident file is another than before.
    var hasChanged = false
    /// Lines of new files that could not be used.
    var skipped: Int64 = 0
    /// Files of a known format that were refused as a whole.
    var refused = 0

    /// `12 lines`, `2 files and 12 lines`.
    var whatWasSkipped: String {
      let lines = "\(skipped) \(skipped == 1 ? "line" : "lines")"
      guard refused > 0 else { return lines }
      let files = "\(refused) \(refused == 1 ? "file" : "files")"
      return skipped == 0 ? files : "\(files) and \(lines)"
    }

    /// All of it for a terminal: the table, then what was left out; all names of that or a summary.
    func text(all: Bool) -> String {
      var blocks: [Block] = []
      if !rows.isEmpty {
        // Where there is no room, the names of machines do without their side.
        let long = table { Report.name($0) }
        let isNarrow = TextRenderer.isTooWide(long)
        blocks.append(.table(isNarrow ? table { $0.name } : long))
      }
      return TextRenderer.render(blocks + notBlocks(all))
    }

    /// What is beside the table: for a reader of the report, which has a table of its own.
    func leftOut(all: Bool) -> String {
      let blocks = notBlocks(all)
      return blocks.isEmpty ? "" : "\n" + TextRenderer.render(blocks)
    }

    private func notBlocks(_ all: Bool) -> [Block] {
      var blocks: [Block] = []
      if usable > 0, !hasChanged {
        let files = usable == 1 ? "The file is" : "All \(usable) files are"
        blocks.append(.paragraph("\(files) in already; nothing has changed."))
      }
      blocks += (notes + copied).map { .paragraph(Printable.text($0)) }
      return blocks + UnusedFiles.blocks(unused, all: all)
    }

    /// A folder that was copied as a whole has one sentence.
    private var copied: [String] {
      Dictionary(grouping: copies, by: \.machine).sorted { $0.key.name < $1.key.name }.map {
        let (first, more) = ($0.value[0], $0.value.count - 1)
        let others =
          more == 0 ? "" : ", and so \(more == 1 ? "is 1 more file" : "are \(more) more files")"
        return "\(first.file) is the same as that of \(first.original)\(others): "
          + ProblemKind.copyOfAnother.advice
      }
    }

    private func table(_ name: (Machine) -> String) -> Table {
      Table(
        caption: "",
        columns: [
          .text("file"),
          .text("recognised as", yielding: Table.Column.Yielding(least: 13, keepsBeginning: true)),
          .text("machine", yielding: Table.Column.Yielding(least: 10, keepsBeginning: false)),
          .number("events"), .number("skipped"), .number("lost"), .number("span"),
        ],
        rows: rows.map { row in
          ([row.file, row.format, name(row.machine)] + row.numbers).map(Printable.text)
        })
    }
  }

  /// A file that is refused, until it is known whether any other can be used.
  private struct Refused {
    let file: InputFile
    let machine: Machine
    let format: String
    let problem: Problem
    let lines: Int64
  }

  func run(_ input: InputFiles, into incident: String) throws -> Outcome {
    var outcome = Outcome()
    outcome.unused = input.unused
    let store = try Incident.open(incident, mode: .create)
    Interruption.stopping(store)
    do {
      var refused: [Refused] = []
      for file in input.files {
        if let refusal = try add(file, of: input, to: store, &outcome) { refused.append(refusal) }
      }
      outcome.refused = refused.count
      if outcome.usable > 0 {
        for refusal in refused { try keep(refusal, in: store, &outcome) }
        for plan in input.plans where try store.replaceGiven(plan.given, path: plan.path) {
          outcome.hasChanged = true
        }
        outcome.notes += input.notes
      }
    } catch let error as StoreError {
      if store.isNew, (try? store.sourceCount()) ?? 0 == 0 { store.discard() }
      guard error.kind == .interrupted else {
        throw CommandFailure(message: Exit.sentence(for: error, file: incident))
      }
      let added = outcome.rows.count { $0.numbers[0] != "" }
      throw CommandFailure(
        message: "interrupted; "
          + (added == 0
            ? "\(incident) is as it was"
            : "\(incident) holds the \(added) \(added == 1 ? "file" : "files") read before; run it "
              + "again for the rest"))
    }
    if outcome.usable == 0, store.isNew { store.discard() }
    return outcome
  }

  /// Adds one file, or says why not. Throws only what would happen to the next file, too.
  private func add(
    _ file: InputFile, of input: InputFiles, to store: IncidentFile, _ outcome: inout Outcome
  ) throws -> Refused? {
    let progress = ProgressLine(file.path, size: InputFiles.size(of: file.input.parts))
    defer { progress.end() }
    var format: String?
    do {
      let run = try IngestRun(input: file.input, options: options) { progress.update($0) }
      let side = run.readBy
      let lone = side.flatMap { side in
        run.standsAlone && !input.files.contains { $0.machine?.layer == side }
          ? Machine(name: side.rawValue, layer: side) : nil
      }
      guard let machine = file.machine ?? side.flatMap(input.onlyMachine) ?? lone else {
        throw Ownerless()
      }
      format = run.formatName
      switch try store.addSource(machine, path: file.path, keepsEvents, run) {
      case .added(let summary):
        outcome.usable += 1
        outcome.hasChanged = true
        outcome.skipped += summary.skippedLines
        if let note = skipped(file, summary) { outcome.notes.append(note) }
        if let copy = summary.problems.first(where: { $0.kind == .copyOfAnother }) {
          outcome.copies.append((machine, file.name, copy.excerpt ?? "another machine"))
        }
        outcome.rows.append(row(file, machine, summary))
      case .alreadyThere:
        outcome.usable += 1
        outcome.rows.append(Row(file: file.name, format: "already in", machine: machine))
      }
    } catch let error as StoreError where error.kind != .statement {
      throw error
    } catch {
      outcome.unused.append(
        UnusedFile(path: file.name, reason: Exit.sentence(for: error), kind: Self.kind(error)))
      guard let machine = file.machine,
        let (problem, lines) = Self.refusal(error)
      else { return nil }
      return Refused(
        file: file, machine: machine, format: format ?? "unknown", problem: problem, lines: lines)
    }
    return nil
  }

  private static func kind(_ error: any Error) -> UnusedFile.Kind {
    switch error {
    case is Ownerless: .ownerless
    case IngestError.unrecognized(hint: nil): .foreign
    default: .other
    }
  }

  /// What is to be kept about a file that was recognised and could not be used.
  private static func refusal(_ error: any Error) -> (Problem, Int64)? {
    switch error {
    case let error as IngestError: return error.refusal
    case let error as ReadError:
      return (
        Problem(kind: .unreadable, line: nil, column: nil, count: 1, excerpt: error.reason), 0
      )
    default: return nil
    }
  }

  /// A source row for a refused file: its bytes, and why.
  private func keep(
    _ refused: Refused, in store: IncidentFile, _ outcome: inout Outcome
  ) throws {
    // What cannot even be read has no fingerprint by which to know it again; it is listed all the same.
    guard let (bytes, sha256) = try? refused.file.input.fingerprint() else { return }
    let result = try store.addRefusedSource(
      refused.machine,
      RefusedSource(
        path: refused.file.path, sha256: sha256, bytes: bytes, format: refused.format,
        lines: refused.lines,
        skippedLines: refused.problem.kind == .tooManyBadLines ? refused.problem.count : 0,
        problem: refused.problem))
    switch result {
    case .noted: outcome.hasChanged = true
    case .known: break
    case .isIn:
      outcome.notes.append(
        "\(refused.file.name): refused now, but in already from a run with other options")
    }
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

  private func row(_ file: InputFile, _ machine: Machine, _ summary: SourceSummary) -> Row {
    let span = summary.first.nanoseconds.flatMap { first in
      summary.last.nanoseconds.map { Quantity.seconds($0 - first) }
    }
    return Row(
      file: file.name, format: summary.format, machine: machine,
      numbers: [
        Quantity.count(summary.events), Quantity.count(summary.skippedLines),
        Quantity.count(summary.lostEvents), span ?? "",
      ])
  }
}

/// The machine of a file is unknown.
struct Ownerless: Error {
  let message =
    "whose file is it? Give --guest NAME or --host NAME, put it below guest*/ or host*/, or name it in "
    + "incident.yaml"
}

extension IncidentFile {
  /// Adds what a run reads.
  fileprivate func addSource(
    _ machine: Machine, path: String, _ keepsEvents: Bool, _ run: consuming IngestRun
  ) throws -> SourceOutcome {
    var pending: IngestRun? = consume run
    return try addSource(machine, path: path, keepsEvents: keepsEvents) { sink in
      guard let run = pending.take() else {
        throw CommandFailure(message: "\(path) was to be read twice")
      }
      return try run.read(into: sink)
    }
  }
}
