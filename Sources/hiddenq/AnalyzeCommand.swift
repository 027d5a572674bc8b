internal import ArgumentParser
internal import Foundation
internal import TraceAnalysis
internal import TraceIngest
internal import TraceModel
internal import TraceReport
internal import TraceStore

struct AnalyzeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "analyze", abstract: "Does everything: ingests a directory, joins, reports.",
    usage: """
      hiddenq analyze DIR... [-o OUTDIR] [--extend]
      hiddenq analyze ARCHIVE... [-o OUTDIR] [--extend]
      hiddenq analyze --guest DIR --host DIR [-o OUTDIR] [--extend]
      """,
    discussion: """
      Files below host*/ in DIR belong to a host, those below guest*/ to a guest (guest-web1 and web1-guest are \
      guest web1); an incident.yaml in DIR overrides this (docs/capture-directory.md). An ARCHIVE (tar, also \
      with gzip, xz, zstd or bzip2, or zip) is read as the directory in it, and so are archives in DIR. \
      --guest and --host name the directory, archive or file of one machine, whose name is that of the folder.

      Writes incident.db, report.html and report.md into OUTDIR (default: ./hiddenq-DIRNAME, of the first one) \
      and prints what 'hiddenq explain' says, then the report. An incident file that is already there is \
      extended if all its sources are among the files given; the same files again change nothing. Any other is \
      refused unless --extend is given.

      Exit status 3: the files are not of one capture.
      """)

  @Argument(
    help: ArgumentHelp("Directories with the files, or archives of them.", valueName: "dir"),
    completion: .file())
  var inputs: [String] = []

  @Option(help: ArgumentHelp("A directory with files of this guest.", valueName: "dir"))
  var guest: [String] = []

  @Option(help: ArgumentHelp("A directory with files of this host.", valueName: "dir"))
  var host: [String] = []

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write.", valueName: "outdir"))
  var output: String?

  @Flag(help: "Extend the incident file of OUTDIR even if it is of another capture.")
  var extend = false

  @Flag(help: "Exit with 4 when any line could not be used.")
  var strict = false

  @Flag(help: AllFilesHelp.text)
  var allFiles = false

  @Flag(help: KeptEventsHelp.text)
  var keepEvents = false

  func run() throws {
    let roots = try roots()
    let outdir = output ?? "hiddenq-\(roots[0].name)"
    let isNew = !FileManager.default.fileExists(atPath: outdir)
    do {
      try FileManager.default.createDirectory(
        atPath: outdir, withIntermediateDirectories: true)
    } catch {
      throw CommandFailure(message: "\(outdir): cannot be made")
    }
    // A directory that got nothing goes away again; one that holds something stays.
    defer { if isNew { unsafe _ = rmdir(outdir) } }
    let space = UnpackingSpace(in: outdir)
    defer { space.remove() }
    let files = try InputFiles(roots, unpackingInto: space, excluding: outdir)
    let incident = outdir + "/incident.db"
    if !extend { try CaptureCheck.requireSame(incident, files) }
    let outcome = try Ingestion(options: IngestOptions(), keepsEvents: keepEvents)
      .run(files, into: incident)
    if outcome.usable == 0 {
      Output.finish()
      Output.toStandardError(outcome.leftOut(all: allFiles) + "\n")
      throw CommandFailure(message: UnusableCapture.sentence(roots, files, outcome.unused))
    }
    space.remove()
    let file = try Incident.open(incident, mode: .write)
    try Incident.correlate(file)
    let document = try Report.document(file, ReportRequest())
    try Output.write(HTMLRenderer.render(document), to: outdir + "/report.html")
    try Output.write(MarkdownRenderer.ticket(document), to: outdir + "/report.md")
    Output.print(ExplanationText.render(try Explanation(file, IOFilter())) + "\n")
    let isBrief = try UnusedFiles.areOfTree(outcome.unused) && !allFiles && file.hasNoTrace()
    Output.print(TextRenderer.render(isBrief ? document.findingsAlone : document.withoutAnswer))
    Output.print(outcome.leftOut(all: allFiles))
    Output.print(Self.written([incident, outdir + "/report.html", outdir + "/report.md"]))
    try Incident.requireOneCapture(file)
    if strict, outcome.skipped > 0 || outcome.refused > 0 {
      throw CommandFailure(
        message: "\(outcome.whatWasSkipped) could not be used (--strict)",
        status: Exit.skippedInput)
    }
  }

  /// One line, or one for each file where they are too long for that.
  private static func written(_ paths: [String]) -> String {
    let paths = paths.map { Printable.text($0) }
    let line = "written: \(paths.joined(separator: ", "))"
    return line.count <= TextRenderer.width
      ? "\n\(line)\n" : "\nwritten:\n" + paths.map { "  \($0)\n" }.joined()
  }

  /// What is to be read, with the machines that the command line names.
  private func roots() throws -> [InputRoot] {
    guard inputs.isEmpty || guest.isEmpty && host.isEmpty else {
      throw CommandFailure(
        message: "give directories (archives), or --guest DIR and --host DIR, not both")
    }
    guard !inputs.isEmpty || !guest.isEmpty || !host.isEmpty else {
      throw CommandFailure(
        message: "missing DIR: usage: hiddenq analyze (DIR... | ARCHIVE | --guest DIR --host DIR)")
    }
    var roots = inputs.map { InputRoot(path: $0) }
    for (layer, paths) in [(Layer.guest, guest), (.host, host)] {
      for path in paths {
        let root = InputRoot(path: path)
        let said =
          MachineNaming.machine(ofRoot: root.name)
          ?? (isFile(path) ? MachineNaming.machine(ofFile: root.name) : nil)
        var name = said?.layer == layer ? said?.name ?? root.name : root.name
        // `--guest run1/logs --host run1/logs2`, of files the side alone.
        if isFile(path), said == nil { name = layer.rawValue }
        roots.append(InputRoot(path: path, machine: Machine(name: name, layer: layer)))
      }
    }
    let names = roots.compactMap(\.machine?.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw CommandFailure(
        message:
          "two of the directories would be the machine '\(twice)', which is named after the folder; "
          + "rename one of them")
    }
    return roots
  }

  private func isFile(_ path: String) -> Bool {
    if case .file = Place(path) { !Archive.isArchive(path) } else { false }
  }
}

extension IncidentFile {
  /// Whether counters and facts are all that it holds.
  fileprivate func hasNoTrace() throws -> Bool {
    try rows(
      "SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM request) OR EXISTS (SELECT 1 FROM thread_wait)"
    )
    .isEmpty
  }
}

/// Whether files are those of which an incident file was made.
enum CaptureCheck {
  /// Refuses to add to an incident file that holds a source which is not among these files, by content.
  static func requireSame(_ incident: String, _ files: InputFiles) throws {
    guard IncidentFile.isOne(incident) else { return }
    let file = try Incident.open(incident, mode: .write)
    let sources = try file.rows("SELECT path, sha256, bytes FROM source WHERE refused = 0")
    try file.close()
    var bySize: [Int64: [InputFile]] = [:]
    for file in files.files {
      bySize[InputFiles.size(of: file.input.parts), default: []].append(file)
    }
    let others = sources.filter { source in
      guard let path = source.text("path"), let sha256 = source.text("sha256"),
        let bytes = source.integer("bytes")
      else { return true }
      let isThere = (bySize[bytes] ?? []).contains {
        (try? $0.input.fingerprint().sha256) == sha256
      }
      // A log that has grown begins as it was.
      return !isThere
        && !files.files.contains {
          $0.path == path && (try? $0.input.fingerprint(ofFirst: bytes)) == sha256
        }
    }
    guard let first = others.first?.text("path") else { return }
    let more = others.count > 1 ? " and \(others.count - 1) more" : ""
    throw CommandFailure(
      message:
        "\(incident) is of another capture: it holds \(first)\(more), which is not among the files "
        + "given; choose another -o, or add to it with --extend")
  }
}

/// Why no file of a capture could be used, and what helps.
enum UnusableCapture {
  private static let mostNames = 6

  /// One sentence; the reason of each file stands before it.
  static func sentence(
    _ roots: [InputRoot], _ files: InputFiles, _ unused: [UnusedFile]
  ) -> String {
    let names = roots.map(\.path).joined(separator: ", ")
    let ownerless = unused.filter { $0.kind == .ownerless }
    if !ownerless.isEmpty {
      return "no usable file in \(names): no folder begins with guest or host (found: "
        + "\(tops(ownerless.map(\.path)))); name the folders guest-NAME/ and host-NAME/, or give them by "
        + "'hiddenq analyze --guest DIR --host DIR'"
    }
    let count = unused.count
    let all = count == 1 ? "its only file has" : "all \(count) files have"
    if unused.allSatisfy({ $0.kind == .foreign }) {
      return
        "no usable file in \(names): \(all) an unknown format ('hiddenq formats' lists the known ones); "
        + "'hiddenq capture guest' and 'hiddenq capture host' print scripts that record usable files"
    }
    return
      "no usable file in \(names); the reasons are above, and 'hiddenq formats' lists what can be read"
  }

  /// The folders, and files, at the top.
  private static func tops(_ paths: [String]) -> String {
    var tops: [String] = []
    for path in paths {
      let parts = path.split(separator: "/")
      let top = parts.count > 1 ? parts[0] + "/" : path
      if !tops.contains(top) { tops.append(top) }
    }
    let shown = tops.prefix(mostNames).joined(separator: ", ")
    return tops.count > mostNames ? "\(shown) and \(tops.count - mostNames) more" : shown
  }
}
