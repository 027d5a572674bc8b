internal import ArgumentParser
internal import Foundation
internal import TraceAnalysis
internal import TraceDigest
internal import TraceModel
internal import TraceReport
internal import TraceStore

struct RedactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redact",
    abstract: "Makes a copy of an incident with pseudonyms in the place of names.",
    discussion: """
      Names of machines, processes, files, disks and interfaces become pseudonyms, the same everywhere; roles \
      (vCPU, iothread, vhost, kernel threads) and all numbers stay, so that reports of the copy show what those \
      of the original show. The original is only read. When a name is left anywhere in the copy, there is no \
      copy (docs/redaction.md).

      The same key gives the same pseudonyms: keep the key file, and copies of one case agree. Without one a key \
      is drawn and forgotten.
      """)

  @Argument(
    help: ArgumentHelp("The incident file.", valueName: "incident"),
    completion: .file())
  var incident: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The copy; nothing may be there.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "A file with the key, 16 bytes or more; made with a new key when it is not there.",
      valueName: "file"))
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "Write each word and its pseudonym here, as CSV. It undoes the redaction: keep it.",
      valueName: "file"))
  var map: String?

  @Flag(help: "Say what would be replaced, and write nothing.")
  var dryRun = false

  @Option(help: "table, csv, json, jsonl or markdown.")
  var format = TabularFormat.table

  @OptionGroup var thresholds: ThresholdOptions

  func run() throws {
    let original = try Incident.open(incident)
    do {
      if dryRun {
        let redactor = Redactor(key: try key(mayMake: false))
        say(try redactor.plan(for: original))
        return
      }
      guard let output else {
        throw CommandFailure(message: "where to? give -o FILE, or --dry-run")
      }
      for path in [output, map].compactMap(\.self)
      where FileManager.default.fileExists(atPath: path) {
        throw CommandFailure(message: "\(path): is already there; redact makes new files only")
      }
      try redact(original, into: output)
    } catch let error as StoreError where error.kind != .interrupted {
      throw CommandFailure(message: Exit.sentence(for: error, file: incident))
    }
  }

  private func redact(_ original: IncidentFile, into output: String) throws {
    let limits = try thresholds.thresholds
    let redactor = Redactor(key: try key(mayMake: true))
    // Until all names are gone it has another name, in case the machine stops.
    let passing = output + ".unredacted"
    Interruption.removing(passing)
    do {
      try original.copy(to: passing)
      let copy = try IncidentFile(passing, mode: .write)
      Interruption.stopping(copy)
      try Correlation.run(
        copy, thresholds: limits, windows: try NamedTimes.given(in: copy))
      let before = try copy.findings()
      let counts = try redactor.apply(to: copy)
      let leftovers = try redactor.leftovers(in: copy)
      guard leftovers.words.isEmpty else {
        let named = leftovers.words.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        throw CommandFailure(
          message:
            "\(leftovers.words.count) names are left in the copy (\(named)); it was deleted. This is a "
            + "fault of hiddenq")
      }
      let after = try Findings.find(in: copy, thresholds: limits)
      try copy.replaceFindings(after)
      try copy.close()
      if let map { try writeMap(redactor, to: map) }
      try publish(passing, as: output)
      Interruption.removing(nil)
      say(counts)
      report(leftovers, before, after)
    } catch {
      for path in [passing, passing + "-journal"] {
        try? FileManager.default.removeItem(atPath: path)
      }
      Interruption.removing(nil)
      throw error
    }
  }

  /// What people want to know of the copy, beside its numbers.
  private func report(
    _ leftovers: Redactor.Leftovers, _ before: [Finding], _ after: [Finding]
  ) {
    Exit.complain(
      "\(output ?? ""): no name is left; \(leftovers.soughtInBytes) were sought in all of its bytes, "
        + "\(leftovers.soughtInColumns) (short, or also a word of ours) in its columns")
    func kinds(_ findings: [Finding]) -> [String] {
      findings.map { "\($0.code.rawValue) \($0.severity.rawValue)" }.sorted()
    }
    if kinds(before) != kinds(after) {
      Exit.complain(
        "the original's findings were made with other limits or another version; the copy has those "
          + "of now (--threshold)")
    }
    if keyFile == nil {
      Exit.complain(
        "the key was drawn and is forgotten; --key-file keeps pseudonyms for other copies")
    }
  }

  private func say(_ counts: [Redactor.Count]) {
    Tabular.print(
      format, columns: ["what", "what is done", "values", "unchanged", "rows changed"],
      rows: counts.map {
        [
          .text($0.what), .text($0.done), .integer($0.values), .integer($0.kept), .integer($0.rows),
        ]
      })
  }

  private func writeMap(_ redactor: Redactor, to path: String) throws {
    var text = ""
    var writer = TabularWriter(.csv) { text += $0 }
    writer.begin(["pseudonym", "name"])
    for (word, pseudonym) in redactor.replaced { writer.add([.text(pseudonym), .text(word)]) }
    writer.end()
    try Self.writeSecret(text, to: path)
  }

  // MARK: - The key

  private func key(mayMake: Bool) throws -> [UInt8] {
    guard let keyFile else { return Self.newKey() }
    if let data = FileManager.default.contents(atPath: keyFile) {
      var key = [UInt8](data)
      while key.last == UInt8(ascii: "\n") { key.removeLast() }
      guard key.count >= 16 else {
        throw CommandFailure(
          message: "\(keyFile): holds \(key.count) bytes, a key has 16 or more; a file that is not "
            + "there is made")
      }
      return key
    }
    guard !FileManager.default.fileExists(atPath: keyFile) else {
      throw CommandFailure(message: "\(keyFile): cannot be read")
    }
    let key = Self.newKey()
    if mayMake {
      try Self.writeSecret(String(decoding: key, as: UTF8.self) + "\n", to: keyFile)
      Exit.complain("\(keyFile): made with a new key; keep it, and keep it to yourself")
    }
    return key
  }

  /// 256 random bits, in hexadecimal digits.
  private static func newKey() -> [UInt8] {
    // The system's generator is getrandom(2), which is fit for keys.
    let bits = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
    return Array(bits.hexadecimal.utf8)
  }

  private static func writeSecret(_ text: String, to path: String) throws {
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw CommandFailure(message: "\(path): cannot be written") }
  }

  /// Gives the copy its name, and the rights of the original.
  private func publish(_ passing: String, as output: String) throws {
    let files = FileManager.default
    let rights = try? files.attributesOfItem(atPath: incident)[.posixPermissions]
    do {
      if let rights { try files.setAttributes([.posixPermissions: rights], ofItemAtPath: passing) }
      try files.moveItem(atPath: passing, toPath: output)
    } catch {
      throw CommandFailure(message: "\(output): cannot be written")
    }
  }
}
