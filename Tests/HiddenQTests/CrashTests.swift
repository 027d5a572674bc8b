import Foundation
import TestSupport
import Testing

/// What was in an incident file stays, and nothing half is left, however a run ends.
///
/// `HIDDENQ_KILLS=200` (`make faults`) kills more often.
@Suite(.serialized)
struct CrashTests {
  private static let kills =
    ProcessInfo.processInfo.environment["HIDDENQ_KILLS"].flatMap(Int.init) ?? 24
  private static let guest = Repository.fixtures.appending(
    path: "kvm-noisy-cpu/guest-L2/blkparse.txt"
  ).path
  private static let host = Repository.fixtures.appending(
    path: "kvm-noisy-cpu/host-L1/blkparse.txt"
  )
  .path

  /// Something that changes an incident file.
  enum Work: String, CaseIterable, Sendable {
    case makesAFile, addsAFile, correlates

    func arguments(_ incident: String) -> [String] {
      switch self {
      case .makesAFile, .addsAFile: ["ingest", incident, CrashTests.host, "--host", "h"]
      case .correlates: ["correlate", incident]
      }
    }

    /// An incident file as it is before; for some there is none.
    func prepare(_ incident: String) throws {
      if self != .makesAFile {
        #expect(
          try Program.run("ingest", incident, CrashTests.guest, "--guest", "g").status == 0)
      }
      if self == .correlates {
        #expect(try Program.run("ingest", incident, CrashTests.host, "--host", "h").status == 0)
      }
    }
  }

  /// All that counts in an incident file; empty for one with nothing in it.
  private static func content(_ incident: String) throws -> String {
    let bytes = try? FileManager.default.attributesOfItem(atPath: incident)[.size] as? Int
    guard let bytes, bytes > 0 else { return "" }
    // As it is: a query of what is due would correlate first.
    let outcome = try Program.run(
      "query", "--as-is", "--format", "csv", incident,
      """
      SELECT (SELECT count(*) FROM source) || ' ' || (SELECT sum(events) FROM source) || ' '
        || (SELECT count(*) || ' ' || total(sectors) || ' ' || total(completed_ns) FROM request) || ' '
        || (SELECT count(*) || ' ' || total(total_ns) FROM io) || ' '
        || (SELECT count(*) FROM clock) || ' ' || (SELECT count(*) FROM hop_summary) || ' '
        || (SELECT total(count) FROM stage)
      """)
    // Nothing for a new file into which nothing came before the program was killed.
    return Program.records(outcome.output).dropFirst().first ?? ""
  }

  @Test(
    "kill -9 at any moment leaves all or nothing of what was being done", arguments: Work.allCases)
  func killed(_ work: Work) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = folder.appending(path: "base.db").path
    try work.prepare(base)
    let bytesBefore = try? Data(contentsOf: URL(filePath: base))
    let before = try Self.content(base)
    let done = folder.appending(path: "done.db").path
    if bytesBefore != nil { try FileManager.default.copyItem(atPath: base, toPath: done) }
    let begin = Date.now
    #expect(try Program.run(work.arguments(done)).status == 0)
    let duration = Date.now.timeIntervalSince(begin)
    let after = try Self.content(done)
    #expect(after != before)

    var wereKilled = 0
    for number in 0..<max(1, Self.kills / Work.allCases.count) {
      let incident = folder.appending(path: "\(number).db").path
      if bytesBefore != nil { try FileManager.default.copyItem(atPath: base, toPath: incident) }
      // Moments that spread evenly, whatever their number; every other one about the commit.
      let golden = (Double(number) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
      let moment = number % 2 == 0 ? golden : 0.7 + 0.4 * golden
      let running = try Program.Running(work.arguments(incident))
      Thread.sleep(forTimeInterval: moment * duration)
      kill(running.process.processIdentifier, SIGKILL)
      if try running.outcome().status == SIGKILL { wereKilled += 1 }

      let hadJournal = FileManager.default.fileExists(atPath: incident + "-journal")
      let found = try Self.content(incident)
      let isNewAndEmpty = work == .makesAFile && Self.isEmpty(found)
      #expect(found == before || found == after || isNewAndEmpty, "killed after \(moment)")
      if let bytesBefore, found == before, before != after {
        #expect(
          try Data(contentsOf: URL(filePath: incident)) == bytesBefore,
          "not a byte may differ (journal: \(hadJournal))")
      }
      if !found.isEmpty { #expect(try Program.run("check", incident).status == 0) }
      #expect(try Program.run(work.arguments(incident)).status == 0)
      #expect(try Self.content(incident) == after)
      try? FileManager.default.removeItem(atPath: incident)
    }
    #expect(wereKilled > 0)
  }

  /// Nothing came into it.
  private static func isEmpty(_ content: String) -> Bool {
    content.isEmpty || content.hasPrefix("0 ")
  }

  // MARK: Journals

  /// An incident file that a killed writer left changed, beside the journal that can undo it.
  private static func halfWritten(_ folder: URL) throws -> (path: String, before: Data) {
    let incident = folder.appending(path: "incident.db")
    #expect(try Program.run("ingest", incident.path, guest, "--guest", "g").status == 0)
    #expect(try Program.run("ingest", incident.path, host, "--host", "h").status == 0)
    #expect(try Program.run("correlate", incident.path).status == 0)
    let before = try Data(contentsOf: incident)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", "-c",
      """
      import os, sqlite3, sys
      db = sqlite3.connect(sys.argv[1], isolation_level=None)
      db.execute("PRAGMA cache_size = 2")
      db.execute("BEGIN IMMEDIATE")
      db.execute("UPDATE block_request SET sectors = sectors + 1")
      db.execute("DELETE FROM source_file")
      os.kill(os.getpid(), 9)
      """, incident.path,
    ]
    try process.run()
    process.waitUntilExit()
    #expect(try Data(contentsOf: incident) != before, "the writer was killed too early")
    #expect(FileManager.default.fileExists(atPath: incident.path + "-journal"))
    return (incident.path, before)
  }

  @Test(
    "what a killed writer left half done is taken back, and said",
    arguments: [["query", "SELECT 1"], ["report"], ["check"], ["correlate"]])
  func rolledBack(_ command: [String]) throws {
    let folder = try Repository.temporaryFolder()
    let (incident, before) = try Self.halfWritten(folder)
    let outcome = try Program.run([command[0], incident] + command.dropFirst())
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("an interrupted run had left it half written"))
    #expect(!FileManager.default.fileExists(atPath: incident + "-journal"))
    if command[0] != "correlate" {
      #expect(try Data(contentsOf: URL(filePath: incident)) == before)
    }
    let again = try Program.run("query", incident, "SELECT count(*) FROM source")
    #expect(again.errors.isEmpty)
  }

  @Test("where it cannot be taken back, that is the reason and the status is 2")
  func readOnlyMedium() throws {
    let folder = try Repository.temporaryFolder()
    let (incident, _) = try Self.halfWritten(folder)
    let medium = folder.appending(path: "medium").path
    try FileManager.default.createDirectory(atPath: medium, withIntermediateDirectories: false)
    guard Self.shell("mount -t tmpfs tmpfs '\(medium)' 2>/dev/null") == 0 else {
      try Test.cancel("no tmpfs can be mounted here")
    }
    defer { _ = Self.shell("umount '\(medium)'") }
    #expect(Self.shell("cp '\(incident)' '\(incident)-journal' '\(medium)'") == 0)
    #expect(Self.shell("mount -o remount,ro '\(medium)'") == 0)
    for command in ["query", "report"] {
      let outcome = try Program.run(
        [command, medium + "/incident.db"] + (command == "query" ? ["SELECT 1"] : []))
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("copy both to a writable place"), "\(outcome.errors)")
    }
  }

  private static func shell(_ command: String) -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", command]
    do { try process.run() } catch { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
  }

  // MARK: Signals

  @Test(
    "SIGINT and SIGTERM during ingest: the file as it was, and said", arguments: [SIGINT, SIGTERM])
  func interruptedIngest(_ signal: Int32) throws {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "incident.db").path
    #expect(try Program.run("ingest", incident, Self.guest, "--guest", "g").status == 0)
    let before = try Data(contentsOf: URL(filePath: incident))
    let fresh = folder.appending(path: "fresh.db").path
    for target in [incident, fresh] {
      let pipe = Pipe()
      let running = try Program.Running(
        ["ingest", "blktrace", target, "-", "--host", "h"], input: pipe)
      let text = try Data(contentsOf: URL(filePath: Self.host))
      try pipe.fileHandleForWriting.write(contentsOf: text)
      // It waits for more, inside its transaction.
      Thread.sleep(forTimeInterval: 0.5)
      kill(running.process.processIdentifier, signal)
      Thread.sleep(forTimeInterval: 0.2)
      try pipe.fileHandleForWriting.close()
      let outcome = try running.outcome()
      #expect(outcome.status == 128 + signal)
      #expect(outcome.errors.contains("interrupted; "), "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: target + "-journal"))
    }
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
    #expect(!FileManager.default.fileExists(atPath: fresh), "an empty incident file was left")
  }

  @Test("an ingest that waits for its input ends soon, too")
  func interruptedWhileWaiting() throws {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "incident.db").path
    let pipe = Pipe()
    let running = try Program.Running(
      ["ingest", "blktrace", incident, "-", "--host", "h"], input: pipe)
    let text = try Data(contentsOf: URL(filePath: Self.host))
    try pipe.fileHandleForWriting.write(contentsOf: text)
    Thread.sleep(forTimeInterval: 0.5)
    kill(running.process.processIdentifier, SIGTERM)
    let outcome = try running.outcome()
    try pipe.fileHandleForWriting.close()
    #expect(outcome.status == 128 + SIGTERM)
    #expect(outcome.errors.contains("interrupted; "))
    #expect(!FileManager.default.fileExists(atPath: incident))
  }

  @Test("SIGTERM at any moment of correlate: the join is whole or not there")
  func interruptedCorrelate() throws {
    let folder = try Repository.temporaryFolder()
    let base = folder.appending(path: "base.db").path
    try Work.correlates.prepare(base)
    let before = try Data(contentsOf: URL(filePath: base))
    let done = folder.appending(path: "done.db").path
    try FileManager.default.copyItem(atPath: base, toPath: done)
    let begin = Date.now
    #expect(try Program.run("correlate", done).status == 0)
    let duration = Date.now.timeIntervalSince(begin)
    var interrupted = 0
    for step in 1...8 {
      let incident = folder.appending(path: "\(step).db").path
      try FileManager.default.copyItem(atPath: base, toPath: incident)
      let running = try Program.Running(["correlate", incident])
      Thread.sleep(forTimeInterval: duration * Double(step) / 9)
      kill(running.process.processIdentifier, SIGTERM)
      let outcome = try running.outcome()
      if outcome.status == 128 + SIGTERM {
        interrupted += 1
        // Before the file is opened there is nothing to say about it.
        #expect(outcome.errors.hasPrefix("hiddenq: interrupted"))
        #expect(try Data(contentsOf: URL(filePath: incident)) == before)
      } else if outcome.status != SIGTERM {
        // Before it listened, or after it was done.
        #expect(outcome.status == 0)
        #expect(try Self.content(incident) == Self.content(done))
      }
    }
    #expect(interrupted > 0)
  }
}
