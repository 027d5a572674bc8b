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

  /// The host's trace twice: longer than what is read of a text, before there is a transaction, to tell what it is.
  private static let longText = Result {
    let text = try Data(contentsOf: URL(filePath: host))
    return text + text
  }
  private static let readFirst = 1 << 20

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

  // MARK: Moments

  /// When a program is ended, by something that it does itself: how fast the machine is, and what else runs on it, does
  /// not matter.
  private enum Moment {
    /// When it has read so many bytes of its input and waits for more.
    case input(Int)
    /// When it has used so much time of a CPU, seconds.
    case cpu(Double)
    /// As a file that it writes (the incident file or its journal) is to grow beyond so many bytes.
    case size(Int)

    /// What the kernel ends it with.
    var signal: Int32 {
      switch self {
      case .input: SIGKILL
      case .cpu: SIGPROF
      case .size: SIGXFSZ
      }
    }

    /// Number `number` of a work's moments. They spread evenly, whatever their number.
    init(_ number: Int, of work: Work, input: Int, cpu: Double, sizes: ClosedRange<Int>) {
      let golden = (Double(number) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
      func part(of range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(golden * Double(range.upperBound - range.lowerBound))
      }
      switch number % 4 {
      // A correlation has no input.
      case 0 where work != .correlates: self = .input(part(of: 1...input))
      case 0, 2: self = .cpu(golden * cpu)
      // Pages are written in their order, at the commit: those that are new come last.
      case 1: self = .size(part(of: sizes))
      default: self = .size(part(of: 1...sizes.upperBound))
      }
    }
  }

  /// Runs a program that the kernel ends at a moment. Its timer and limit outlive the `exec`.
  private static let launcher = """
    import os, resource, signal, sys
    kind, amount, program = sys.argv[1], sys.argv[2], sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A test's thread may hold signals back, and what it starts inherits that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if kind == "cpu":
      signal.signal(signal.SIGPROF, signal.SIG_DFL)
      signal.setitimer(signal.ITIMER_PROF, float(amount))
    else:
      signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
      resource.setrlimit(resource.RLIMIT_FSIZE, (int(amount), int(amount)))
    os.execv(program[0], program)
    """

  /// Runs a program and prints the time that it used of a CPU, seconds.
  private static let measured = """
    import resource, subprocess, sys
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(used.ru_utime + used.ru_stime)
    """

  private static func python(_ script: String, _ arguments: [String]) throws -> Program.Outcome {
    try Program.Running(
      program: "/usr/bin/env", ["python3", "-c", script] + arguments
    ).outcome()
  }

  /// Lets a work on an incident file end at a moment; its status.
  private static func end(_ work: Work, on incident: String, at moment: Moment) throws -> Int32 {
    let program = [Program.executable.path] + work.arguments(incident)
    switch moment {
    case .cpu(let seconds):
      // 0 would be no timer.
      return try python(launcher, ["cpu", "\(max(seconds, 0.001))"] + program).status
    case .size(let bytes): return try python(launcher, ["size", "\(bytes)"] + program).status
    case .input(let bytes):
      let pipe = Pipe()
      let running = try Program.Running(
        ["ingest", "blktrace", incident, "-", "--host", "h"], input: pipe)
      try feed(longText.get().prefix(bytes), to: pipe)
      if bytes > readFirst { try waitsInTransaction(on: incident) }
      kill(running.process.processIdentifier, SIGKILL)
      return try running.outcome().status
    }
  }

  /// Hands a program a part of its input, and returns when it has taken all of it.
  private static func feed(_ text: Data, to pipe: Pipe) throws {
    try pipe.fileHandleForWriting.write(contentsOf: text)
    try Program.wait(until: "the input is read") {
      var unread: Int32 = 0
      let descriptor = pipe.fileHandleForWriting.fileDescriptor
      return unsafe ioctl(descriptor, UInt(FIONREAD), &unread) == 0 && unread == 0
    }
  }

  /// Returns when a transaction is open that has changed the incident file.
  private static func waitsInTransaction(on incident: String) throws {
    try Program.wait(until: "there is a journal") {
      FileManager.default.fileExists(atPath: incident + "-journal")
    }
  }

  /// Hands a program the rest of its input in whole lines, as long as it runs.
  private static func feedOn(
    _ text: Data, to pipe: Pipe, of running: Program.Running
  ) throws {
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    #expect(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
    var rest = text[...]
    while !rest.isEmpty {
      let piece = rest.prefix(4096)
      try Program.wait(until: "there is place in the pipe") {
        let written = unsafe piece.withUnsafeBytes { bytes in
          unsafe write(descriptor, bytes.baseAddress, bytes.count)
        }
        return written == piece.count || !running.process.isRunning
      }
      guard running.process.isRunning else { return }
      rest = rest.dropFirst(piece.count)
    }
  }

  private static func size(_ path: String) throws -> Int {
    try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
  }

  @Test(
    "ended at any moment it leaves all or nothing of what was being done", arguments: Work.allCases)
  func killed(_ work: Work) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let base = folder.appending(path: "base.db").path
    try work.prepare(base)
    let bytesBefore = try? Data(contentsOf: URL(filePath: base))
    let before = try Self.content(base)
    let done = folder.appending(path: "done.db").path
    if bytesBefore != nil { try FileManager.default.copyItem(atPath: base, toPath: done) }
    let measured = try Self.python(
      Self.measured, [Program.executable.path] + work.arguments(done))
    let cpu = try #require(Double(measured.words), "\(measured.errors)")
    let after = try Self.content(done)
    #expect(after != before)
    let sizes = (bytesBefore?.count ?? 0)...(try Self.size(done) - 1)

    for number in 0..<max(4, Self.kills / Work.allCases.count) {
      let incident = folder.appending(path: "\(number).db").path
      if bytesBefore != nil { try FileManager.default.copyItem(atPath: base, toPath: incident) }
      let moment = Moment(
        number, of: work, input: try Self.longText.get().count, cpu: cpu, sizes: sizes)
      let status = try Self.end(work, on: incident, at: moment)
      switch moment {
      // It may need less time than it did before.
      case .cpu: #expect([moment.signal, 0].contains(status), "\(moment)")
      case .input, .size: #expect(status == moment.signal, "\(moment)")
      }

      let hadJournal = FileManager.default.fileExists(atPath: incident + "-journal")
      let found = try Self.content(incident)
      let isNewAndEmpty = work == .makesAFile && Self.isEmpty(found)
      #expect(found == before || found == after || isNewAndEmpty, "ended at \(moment)")
      if case .cpu = moment {} else { #expect(found != after, "ended at \(moment)") }
      if let bytesBefore, found == before, before != after {
        #expect(
          try Data(contentsOf: URL(filePath: incident)) == bytesBefore,
          "not a byte may differ (\(moment), journal: \(hadJournal))")
      }
      if !found.isEmpty { #expect(try Program.run("check", incident).status == 0) }
      #expect(try Program.run(work.arguments(incident)).status == 0)
      #expect(try Self.content(incident) == after)
      try? FileManager.default.removeItem(atPath: incident)
    }
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
    #expect(outcome.errors.contains("recovered from an interrupted run"))
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
    let text = try Self.longText.get()
    for target in [incident, fresh] {
      let pipe = Pipe()
      let running = try Program.Running(
        ["ingest", "blktrace", target, "-", "--host", "h"], input: pipe)
      let begin = text.prefix(text.count * 2 / 3)
      try #require(begin.count > Self.readFirst)
      try Self.feed(begin, to: pipe)
      try Self.waitsInTransaction(on: target)
      kill(running.process.processIdentifier, signal)
      // It reads on, and ends where it next looks whether it should.
      try Self.feedOn(text.suffix(from: begin.endIndex), to: pipe, of: running)
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
    try Self.feed(Self.longText.get(), to: pipe)
    try Self.waitsInTransaction(on: incident)
    kill(running.process.processIdentifier, SIGTERM)
    let outcome = try running.outcome()
    try pipe.fileHandleForWriting.close()
    #expect(outcome.status == 128 + SIGTERM)
    #expect(outcome.errors.contains("interrupted; "))
    #expect(!FileManager.default.fileExists(atPath: incident))
  }

  @Test("SIGTERM while correlate writes: the join is whole or not there")
  func interruptedCorrelate() throws {
    let folder = try Repository.temporaryFolder()
    let base = folder.appending(path: "base.db").path
    try Work.correlates.prepare(base)
    let before = try Data(contentsOf: URL(filePath: base))
    let done = folder.appending(path: "done.db").path
    try FileManager.default.copyItem(atPath: base, toPath: done)
    #expect(try Program.run("correlate", done).status == 0)
    // It may be done by the time at which it is told to stop; that is not so again and again.
    for step in 1...8 {
      let incident = folder.appending(path: "\(step).db").path
      try FileManager.default.copyItem(atPath: base, toPath: incident)
      let running = try Program.Running(["correlate", incident])
      try Program.wait(until: "it writes or is done") {
        !running.process.isRunning
          || FileManager.default.fileExists(atPath: incident + "-journal")
      }
      kill(running.process.processIdentifier, SIGTERM)
      let outcome = try running.outcome()
      if outcome.status == 128 + SIGTERM {
        #expect(outcome.errors.hasPrefix("hiddenq: interrupted; "), "\(outcome.errors)")
        #expect(try Data(contentsOf: URL(filePath: incident)) == before)
        return
      }
      #expect(outcome.status == 0)
      #expect(try Self.content(incident) == Self.content(done))
    }
    Issue.record("correlate was always done before it was told to stop")
  }

  @Test("SIGTERM before there is anything to do: it ends, and nothing is half done")
  func interruptedEarly() throws {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "incident.db").path
    let pipe = Pipe()
    let running = try Program.Running(
      ["ingest", "blktrace", incident, "-", "--host", "h"], input: pipe)
    // It has made its incident file, and reads on to see what the text is.
    try Self.feed(Self.longText.get().prefix(1_000), to: pipe)
    kill(running.process.processIdentifier, SIGTERM)
    let outcome = try running.outcome()
    try pipe.fileHandleForWriting.close()
    #expect(outcome.status == 128 + SIGTERM)
    #expect(outcome.errors.hasPrefix("hiddenq: interrupted; "), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: incident))
  }
}
