import Foundation
import TestSupport
import Testing

/// Results reach where they were to go, or the status says that they did not.
struct OutputTests {
  /// A shell runs the program as `"$0" "$@"`.
  private static func shell(
    _ script: String, _ arguments: [String]
  ) throws -> (status: Int32, errors: String) {
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["bash", "-c", script, Program.executable.path] + arguments
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  /// More lines than any buffer holds.
  private static let long = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
    SELECT i, 'a line that is to be printed' AS said FROM n
    """

  private static func incident(_ folder: URL) throws -> String {
    let incident = folder.appending(path: "incident.db").path
    let trace = Repository.fixtures.appending(path: "blkparse/plain-request/input.txt").path
    #expect(try Program.run("ingest", incident, trace, "--guest", "g").status == 0)
    return incident
  }

  @Test(
    "a full disk behind standard output is status 2 and a sentence, however long the results",
    arguments: ["SELECT 1", long], ["table", "csv", "json", "jsonl", "markdown"])
  func fullDisk(_ sql: String, _ format: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = try Self.incident(folder)
    let (status, errors) = try Self.shell(
      #""$0" "$@" >/dev/full"#, ["query", incident, sql, "--format", format])
    #expect(status == 2)
    #expect(
      errors
        == "hiddenq: standard output: cannot be written (No space left on device); the results are not complete\n"
    )
  }

  @Test("the same for help and small tables", arguments: ["--help", "schema", "formats"])
  func fullDiskWithoutIncident(_ command: String) throws {
    let (status, errors) = try Self.shell(#""$0" "$@" >/dev/full"#, [command])
    #expect(status == 2)
    #expect(errors.contains("No space left on device"))
  }

  @Test("'| head' ends it without a word", arguments: ["", "trap '' PIPE; "])
  func reachedEnough(_ way: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = try Self.incident(folder)
    let (status, errors) = try Self.shell(
      way + #""$0" "$@" | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}"#,
      ["query", incident, Self.long, "--format", "csv"])
    #expect(status == 128 + SIGPIPE)
    #expect(errors.isEmpty)
  }

  @Test("what is no regular file is written to and not replaced")
  func pipeAsFile() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = try Self.incident(folder)
    let pipe = folder.appending(path: "pipe").path
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    for arguments in [
      ["report", incident, "--format", "json"], ["export", incident, "--format", "perfetto"],
    ] {
      let (status, errors) = try Self.shell(
        #"""
        out="${@: -1}"; (wc -c <"$out" >"$out.count") & "$0" "$@"; status=$?; wait
        [ -p "$out" ] && [ "$(cat "$out.count")" -gt 100 ] && exit $status; exit 99
        """#, arguments + ["-o", pipe])
      // Status 3: nothing was joined, and the report says so.
      #expect(status == 0 || status == 3, "\(errors)")
    }
  }

  @Test("a link where the unfinished file is to be made is not followed")
  func linkInTheWay() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let incident = try Self.incident(folder)
    let victim = folder.appending(path: "victim")
    try Data("mine".utf8).write(to: victim)
    let out = folder.appending(path: "trace").path
    try FileManager.default.createSymbolicLink(
      atPath: out + ".part", withDestinationPath: victim.path)
    #expect(try Program.run("export", incident, "--format", "perfetto", "-o", out).status == 0)
    #expect(try String(contentsOf: victim, encoding: .utf8) == "mine")
    #expect(try Data(contentsOf: URL(filePath: out)).count > 0)
  }
}
