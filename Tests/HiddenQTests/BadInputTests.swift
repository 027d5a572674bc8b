import Foundation
import TestSupport
import Testing

/// Each kind of bad input gets one clear sentence and its exit status, and the incident file stays as it was.
struct BadInputTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let make: @Sendable (URL) throws -> String
    let says: String
  }

  static let cases: [Case] = [
    Case(
      testDescription: "a file that is no blkparse text",
      make: { try write("hello world\n", in: $0) }, says: "no line is an event of format 'blktrace'"
    ),
    Case(testDescription: "an empty file", make: { try write("", in: $0) }, says: "is empty"),
    Case(
      testDescription: "a directory without files",
      make: { folder in
        try FileManager.default.createDirectory(
          at: folder.appending(path: "d"), withIntermediateDirectories: true)
        return folder.appending(path: "d").path
      }, says: "is a directory without files"),
    Case(
      testDescription: "a missing file", make: { $0.appending(path: "none.txt").path },
      says: "No such file"),
    Case(testDescription: "a device", make: { _ in "/dev/null" }, says: "is a device"),
    Case(
      testDescription: "more bad lines than allowed",
      make: { folder in
        try write(String(repeating: line(1) + "garbage\n", count: 20), in: folder)
      }, says: "more than the 10.0 % allowed"),
  ]

  private static func line(_ number: Int) -> String {
    "  8,0    0 \(number)     0.00000\(1000 + number)    10  Q   W \(number * 8) + 8 [fio]\n"
  }

  private static func write(_ text: String, in folder: URL) throws -> String {
    let file = folder.appending(path: "input.txt")
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  @Test("is refused in one sentence and changes nothing", arguments: cases)
  func refused(_ bad: Case) throws {
    let folder = try Repository.temporaryFolder()
    let incident = folder.appending(path: "incident.db").path
    let good = folder.appending(path: "good.txt")
    try (1...50).map(Self.line).joined().write(to: good, atomically: true, encoding: .utf8)
    #expect(
      try Program.run("ingest", "blktrace", incident, good.path, "--guest", "g").status == 0)
    let before = try Data(contentsOf: URL(filePath: incident))
    let outcome = try Program.run(
      "ingest", "blktrace", incident, try bad.make(folder), "--guest", "g")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(bad.says), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
    #expect(!FileManager.default.fileExists(atPath: incident + "-journal"))

    let fresh = folder.appending(path: "fresh.db").path
    let alone = try Program.run("ingest", "blktrace", fresh, try bad.make(folder), "--guest", "g")
    #expect(alone.status == 2)
    #expect(!FileManager.default.fileExists(atPath: fresh), "an empty incident file was left")
  }

  @Test("a truncated file and one with 1 % garbage are used, and say what was left out")
  func partlyUsable() throws {
    let folder = try Repository.temporaryFolder()
    let capture = Repository.fixtures.appending(path: "kvm-noisy-cpu/guest-L2/blkparse.txt")
    let whole = try String(contentsOf: capture, encoding: .utf8)
    let truncated = try Self.write(String(whole.prefix(300_000)), in: folder)
    let cut = try Program.run(
      "ingest", "blktrace", folder.path + "/a.db", truncated, "--guest", "g")
    #expect(cut.status == 0)
    #expect(cut.words.contains("1 line (0.0 %) could not be used"))
    var garbage = ""
    for (number, line) in whole.split(separator: "\n").enumerated() {
      garbage += line + "\n"
      if number % 100 == 0 { garbage += "?? \(number) garbage\n" }
    }
    let dirty = try Self.write(garbage, in: folder)
    let lenient = try Program.run(
      "ingest", "blktrace", folder.path + "/b.db", dirty, "--guest", "g")
    #expect(lenient.status == 0)
    #expect(lenient.words.contains("146 lines (1.0 %) could not be used"))
    #expect(
      try Program.value(
        folder.path + "/b.db",
        "SELECT kind || count || line || column FROM problem WHERE severity = 'skipped'")
        == "unrecognized_line14621")
    let strict = try Program.run(
      "ingest", "--strict", "blktrace", folder.path + "/c.db", dirty, "--guest", "g")
    #expect(strict.status == 4)
  }

  @Test(
    "a trace that is refused as a whole is kept with the reason, named or found",
    arguments: [true, false])
  func refusedTraceIsKept(_ isNamed: Bool) throws {
    let folder = try Repository.temporaryFolder()
    let guest = folder.appending(path: "guest")
    try FileManager.default.createDirectory(at: guest, withIntermediateDirectories: true)
    let good = guest.appending(path: "good.txt").path
    try "  8,0    0        1     0.000000100    10  Q   W 100 + 8 [fio]\n"
      .write(toFile: good, atomically: true, encoding: .utf8)
    let falling = guest.appending(path: "falling.txt").path
    let lines = (0..<2400).map { number in
      "  8,0    0        0  \(number % 2 == 0 ? "1000" : "   1").00000\(1000 + number)    10  Q   W 100 + 8 [fio]\n"
    }
    try lines.joined().write(toFile: falling, atomically: true, encoding: .utf8)
    let incident = folder.path + "/a.db"
    let run = try Program.run(
      ["ingest", incident] + (isNamed ? [good, falling] : [guest.path]) + ["--guest", "g"])
    #expect(run.status == 0)
    #expect(run.words.contains("its times fall back 1000 times"))
    #expect(
      try Program.value(
        incident, "SELECT count(*) || kind || severity FROM problem WHERE severity = 'refused'")
        == "1not_in_orderrefused")
    #expect(try Program.value(incident, "SELECT count(*) FROM source") == "2")
    let strict = try Program.run(
      "ingest", folder.path + "/b.db", good, falling, "--guest", "g", "--strict")
    #expect(strict.status == 4)
  }

  @Test("a place that cannot be written is a sentence, too")
  func unwritable() throws {
    let folder = try Repository.temporaryFolder()
    let good = try Self.write(Self.line(1), in: folder)
    let nowhere = try Program.run(
      "ingest", "blktrace", "/proc/none/incident.db", good, "--guest", "g")
    #expect(nowhere.status == 2)
    #expect(nowhere.errors.contains("cannot be opened"))
    let directory = try Program.run("ingest", "blktrace", folder.path, good, "--guest", "g")
    #expect(directory.status == 2)
    #expect(directory.errors.contains("is a directory"))
  }

  /// A tmpfs of its own, where we may make one.
  @Test("a full disk: a sentence, and the incident file as it was")
  func fullDisk() throws {
    let folder = try Repository.temporaryFolder()
    guard Self.shell("mount -t tmpfs -o size=3200k tmpfs '\(folder.path)' 2>/dev/null") == 0 else {
      try Test.cancel("no tmpfs can be mounted here")
    }
    defer { _ = Self.shell("umount '\(folder.path)'") }
    let incident = folder.appending(path: "incident.db").path
    let capture = Repository.fixtures.appending(path: "kvm-noisy-cpu")
    #expect(
      try Program.run(
        "ingest", "blktrace", incident, capture.path + "/guest-L2/blkparse.txt", "--guest", "g"
      ).status == 0)
    let before = try Data(contentsOf: URL(filePath: incident))
    // What is left is not enough for the second trace.
    #expect(Self.shell("dd if=/dev/zero of='\(folder.path)/fill' bs=1k 2>/dev/null; true") == 0)
    let outcome = try Program.run(
      "ingest", "blktrace", incident, capture.path + "/host-L1/blkparse.txt", "--host", "h")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("disk"), "\(outcome.errors)")
    try FileManager.default.removeItem(at: folder.appending(path: "fill"))
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
    #expect(try Program.value(incident, "SELECT count(*) FROM source") == "1")
  }

  private static func shell(_ command: String) -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", command]
    do { try process.run() } catch { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test(
    "usage errors end with 2",
    arguments: [
      ["ingest"], ["ingest", "x.db"], ["report"], ["report", "none.db"], ["query", "none.db", "x"],
      ["nonsense"], ["ingest", "x.db", "y", "--guest", "a", "--host", "b"],
      ["report", "--format", "x"],
      ["show", "none.db", "slowest"], ["analyze", "none"], ["query", "--name", "x"],
    ])
  func usage(_ arguments: [String]) throws {
    let outcome = try Program.run(arguments, in: try Repository.temporaryFolder())
    #expect(outcome.status == 2)
    #expect(!outcome.errors.isEmpty)
  }

  @Test(
    "help and lists end with 0",
    arguments: [
      ["--help"], ["--version"], ["ingest", "--help"], ["formats"], ["schema"],
      ["query", "--list"],
    ])
  func help(_ arguments: [String]) throws {
    let outcome = try Program.run(arguments)
    #expect(outcome.status == 0)
    #expect(!outcome.output.isEmpty)
  }
}
