import Foundation
import TestSupport
import Testing

/// What other tools get, read back by readers that share no code with hiddenq.
struct ExportTests {
  private static let fixture = Result {
    try incident(Repository.fixtures.appending(path: "kvm-noisy-cpu"))
  }

  static func incident(_ files: URL) throws -> String {
    let path = try Repository.temporaryFolder().path + "/incident.db"
    #expect(try Program.run("ingest", path, files.path).status == 0)
    #expect(try Program.run("correlate", path).status == 0)
    return path
  }

  private static func read(_ reader: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["python3", Repository.root.appending(path: "Tests/readers/\(reader)").path] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return output
  }

  @Test("every value of every view is in its file", arguments: ["csv", "jsonl"])
  func tables(_ format: String) throws {
    let incident = try Self.fixture.get()
    let folder = incident + "-" + format
    let outcome = try Program.run("export", incident, "--format", format, "-o", folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let said = try Self.read("tables.py", folder, format, incident)
    #expect(said.hasPrefix("ok: "), "\(said)")
  }

  @Test("slices of a Perfetto trace are the I/Os' hops to the nanosecond, and none overlap")
  func perfetto() throws { try Self.checkPerfetto(Self.fixture.get()) }

  static func checkPerfetto(_ incident: String) throws {
    let trace = incident + ".pftrace"
    let outcome = try Program.run("export", incident, "--format", "perfetto", "-o", trace)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let said = try read("perfetto.py", trace, incident)
    #expect(said.hasPrefix("ok: ") && !said.hasPrefix("ok: 0 "), "\(said)")
  }

  @Test("the same incident gives the same bytes, and a failure leaves no half file")
  func bytes() throws {
    let incident = try Self.fixture.get()
    let traces = ["a", "b"].map { incident + "-" + $0 }
    for trace in traces {
      #expect(
        try Program.run("export", incident, "--format", "perfetto", "-o", trace).status == 0)
    }
    #expect(
      try Data(contentsOf: URL(filePath: traces[0])) == Data(contentsOf: URL(filePath: traces[1])))
    let outcome = try Program.run("export", incident, "--format", "perfetto", "-o", "/dev/full/x")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("cannot be written"))
  }
}
