import Foundation
import TestSupport
import Testing

/// The built program, run as a user runs it.
enum Program {
  struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    /// The output without its line breaks.
    var words: String { output.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    /// Lines wider than a terminal's 80 columns. A long path is never broken, so that it can be copied: the
    /// line that it fills, with at most a word before it, is not counted.
    var wideLines: [Substring] {
      output.split(separator: "\n").filter { line in
        guard line.count > 80 else { return false }
        let path = line.split(separator: " ").filter { $0.contains("/") }.map(\.count).max() ?? 0
        return path <= 60 || line.count - path > 20
      }
    }
  }

  /// Beside the test bundle in the build folder.
  static let executable: URL = {
    var folder = URL(filePath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
    while folder.path != "/" {
      folder = folder.deletingLastPathComponent()
      let candidate = folder.appending(path: "hiddenq")
      if FileManager.default.isExecutableFile(atPath: candidate.path),
        (try? candidate.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) ?? false
      {
        return candidate
      }
    }
    return Repository.root.appending(path: ".build/debug/hiddenq")
  }()

  /// A correlated incident file of these files, by their paths in a capture.
  static func incident(of files: [String: String]) throws -> String {
    let folder = try Repository.folder(of: files)
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    #expect(try run("ingest", incident, folder.path).status == 0)
    _ = try run("correlate", incident)
    return incident
  }

  static func run(_ arguments: String..., in folder: URL = Repository.root) throws -> Outcome {
    try run(arguments, in: folder)
  }

  static func run(_ arguments: [String], in folder: URL = Repository.root) throws -> Outcome {
    try Running(arguments, in: folder, input: nil).outcome()
  }

  /// The program while it runs.
  struct Running {
    let process = Process()
    private let output: URL
    private let errors: URL

    /// Starts it; its standard input is a pipe, or nothing.
    init(_ arguments: [String], in folder: URL = Repository.root, input: Pipe? = nil) throws {
      try self.init(program: executable.path, arguments, in: folder, input: input)
    }

    /// Starts another program, which may start ours.
    init(
      program: String, _ arguments: [String], in folder: URL = Repository.root, input: Pipe? = nil
    ) throws {
      process.executableURL = URL(filePath: program)
      process.arguments = arguments
      process.currentDirectoryURL = folder
      output = try Repository.temporaryFolder().appending(path: "out")
      errors = output.deletingLastPathComponent().appending(path: "err")
      for file in [output, errors] { try Data().write(to: file) }
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = try FileHandle(forWritingTo: errors)
      process.standardInput = input ?? FileHandle.nullDevice
      try process.run()
    }

    /// Waits for its end.
    func outcome() throws -> Outcome {
      process.waitUntilExit()
      defer { try? FileManager.default.removeItem(at: output.deletingLastPathComponent()) }
      return Outcome(
        status: process.terminationStatus,
        output: try String(contentsOf: output, encoding: .utf8),
        errors: try String(contentsOf: errors, encoding: .utf8))
    }
  }

  /// Waits for something that a program is going to do; fails when it has not within a minute.
  static func wait(until what: String, _ isSo: () throws -> Bool) throws {
    let deadline = Date.now.addingTimeInterval(60)
    while try !isSo() {
      try #require(Date.now < deadline, "waited in vain until \(what)")
      usleep(1_000)
    }
  }

  /// Changes an incident file with SQL, as another program can.
  static func alter(_ incident: String, _ sql: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", "-c",
      "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).executescript(sys.argv[2])",
      incident, sql,
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  /// One value of a query.
  static func value(_ incident: String, _ sql: String) throws -> String {
    let outcome = try run("query", incident, sql, "--format", "csv")
    return records(outcome.output).dropFirst().first ?? ""
  }

  /// The records of a CSV text as they stand there, the header first; quoted values may hold line ends.
  static func records(_ csv: String) -> [String] {
    var isQuoted = false
    return csv.split {
      if $0 == "\"" { isQuoted.toggle() }
      return !isQuoted && $0 == "\n"
    }.map(String.init)
  }
}
