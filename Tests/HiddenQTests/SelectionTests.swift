import Foundation
import TestSupport
import Testing

/// What a command is asked about: guests, disks and times that are there or not, and tables that are due.
struct SelectionTests {
  private static let pair = HandMadePair(ios: (0..<300).map { .init(queued: 2_500 * $0) })

  private static let incident = Result { () -> String in
    let incident = try pair.ingested()
    _ = try Program.run("correlate", incident)
    return incident
  }

  private static let guest = Result { () -> String in
    try Program.value(incident.get(), "SELECT machine FROM source WHERE layer = 'guest'")
  }

  @Test(
    "a guest that is not there is an error that names those that are",
    arguments: [["report"], ["report", "--format", "json"], ["findings"], ["show"]])
  func unknownGuest(_ words: [String]) throws {
    let incident = try Self.incident.get()
    let rest = words[0] == "show" ? ["slowest"] : []
    let outcome = try Program.run(
      [words[0], incident] + rest + words.dropFirst() + ["--guest", "nobody"])
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(
      outcome.errors.contains("has no such guest; its guests: \(try Self.guest.get())"),
      "\(outcome.errors)")
    let known = try Program.run(
      [words[0], incident] + rest + words.dropFirst() + ["--guest", try Self.guest.get()])
    #expect(known.status == 0, "\(known.errors)")
  }

  @Test("a disk that is not there is an error that names those that are")
  func unknownDisk() throws {
    let incident = try Self.incident.get()
    for words in [["report", incident], ["show", incident, "slowest"]] {
      let outcome = try Program.run(words + ["--device", "8,0"])
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains("has no such disk; disks of the guests: 253,0"),
        "\(outcome.errors)")
      #expect(try Program.run(words + ["--device", "253,0"]).status == 0)
    }
  }

  @Test("times that end before they begin are an error")
  func times() throws {
    let outcome = try Program.run("report", try Self.incident.get(), "--from", "2", "--to", "1")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("--from must be before --to"))
  }

  @Test(
    "a report of a selection says what its findings are about: a time is judged anew, a disk is not"
  )
  func wholeCapture() throws {
    let incident = try Self.incident.get()
    let sentence = "Findings are about the whole capture, not only the selection"
    let whole = try Program.run("report", incident)
    #expect(!whole.words.contains(sentence))
    let ofGuest = try Program.run("report", incident, "--guest", try Self.guest.get())
    #expect(!ofGuest.words.contains(sentence))
    for (options, words) in [
      (["--from", "0.1", "--to", "0.3"], "(0.100 s to 0.300 s)"),
      (["--from", "100ms"], "(from 0.100 s on)"), (["--to", "0.3"], "(until 0.300 s)"),
    ] {
      let part = try Program.run(["report", incident] + options)
      #expect(part.status == 0, "\(part.errors)")
      #expect(
        part.words.contains("Findings are about the selected time \(words), whatever the disk"),
        "\(part.output)")
      #expect(part.words.contains("Not judged for a part of the capture: "))
      #expect(!part.words.contains(sentence))
      let found = try Program.run(["findings", incident, "--format", "csv"] + options)
      #expect(found.status == 0, "\(found.errors)")
      #expect(found.output.contains("NOT_EXPLAINED,info,,Not judged for a part of the capture: "))
    }
    let disk = try Program.run("report", incident, "--op", "write", "--device", "253,0")
    #expect(disk.words.contains("\(sentence) (device 253,0, operation write)."), "\(disk.output)")
    for times in [["--from", "99"], ["--from", "99", "--to", "100"], ["--to=-99"]] {
      let outside = try Program.run(["findings", incident] + times)
      #expect(outside.status == 2 && outside.errors.contains("select no time of the capture"))
    }
  }

  @Test("a query right after ingest is answered by what correlate finds, never by empty tables")
  func queryAfterIngest() throws {
    let incident = try Self.pair.ingested()
    let raw = try Data(contentsOf: URL(filePath: incident))
    // What ingest wrote needs nothing else.
    #expect(try Program.value(incident, "SELECT count(*) FROM source") == "2")
    #expect(try Program.value(incident, "SELECT sum(count) > 0 FROM stage") == "1")
    #expect(try Program.value(incident, "SELECT count(*) FROM problem") == "0")
    #expect(try Data(contentsOf: URL(filePath: incident)) == raw)
    let asIs = try Program.run("query", incident, "SELECT count(*) FROM io", "--as-is")
    #expect(asIs.words == "count(*) 0")
    #expect(try Data(contentsOf: URL(filePath: incident)) == raw)
    #expect(try Program.value(incident, "SELECT count(*) FROM io") == "300")
    #expect(try Program.value(incident, "SELECT verdict FROM join_summary") == "joined")
    let stored = try Self.pair.ingested()
    let hops = try Program.run("query", stored, "--name", "hops", "--format", "jsonl")
    #expect(hops.status == 0 && !hops.output.isEmpty)
  }

  @Test("where it cannot be written a query says that correlate is due, with status 3")
  func queryOfLocked() throws {
    let incident = try Self.pair.ingested()
    // Another program writes to it: true also for root, whom no mode of a file stops.
    let other = Process()
    other.executableURL = URL(filePath: "/usr/bin/env")
    other.arguments = [
      "python3", "-c",
      """
      import sqlite3, sys
      file = sqlite3.connect(sys.argv[1], isolation_level=None)
      file.execute("BEGIN IMMEDIATE")
      print("locked", flush=True)
      sys.stdin.read()
      """, incident,
    ]
    let (locked, end) = (Pipe(), Pipe())
    other.standardOutput = locked
    other.standardInput = end
    try other.run()
    #expect(locked.fileHandleForReading.availableData.starts(with: "locked".utf8))
    let outcome = try Program.run("query", incident, "SELECT count(*) FROM io")
    #expect(outcome.status == 3)
    #expect(outcome.output == "")
    #expect(
      outcome.errors.contains("'hiddenq correlate' is due and must write to it"),
      "\(outcome.errors)")
    #expect(try Program.value(incident, "SELECT count(*) FROM source") == "2")
    try end.fileHandleForWriting.close()
    other.waitUntilExit()
    #expect(try Program.value(incident, "SELECT count(*) FROM io") == "300")
  }

  @Test("an incident file may have the name of a format")
  func namedLikeFormat() throws {
    let folder = try Repository.temporaryFolder()
    let trace = "  8,0    0        1     0.000000100    10  Q   W 100 + 8 [fio]\n"
    try Data(trace.utf8).write(to: folder.appending(path: "trace.txt"))
    try Data((trace + trace.replacing("000000100", with: "000000200")).utf8).write(
      to: folder.appending(path: "later.txt"))
    // Alone before one path it cannot be a format; later the file is there.
    let first = try Program.run("ingest", "vmstat", "trace.txt", "--guest", "g", in: folder)
    #expect(first.status == 0, "\(first.errors)")
    let second = try Program.run(
      "ingest", "vmstat", "trace.txt", "later.txt", "--guest", "g", in: folder)
    #expect(second.status == 0, "\(second.errors)")
    let sources = try Program.run(
      "query", "vmstat", "SELECT count(*) FROM source", "--format", "csv", in: folder)
    #expect(sources.output == "count(*)\n2\n")
    // With another incident file behind it, it is the format.
    let format = try Program.run(
      "ingest", "blktrace", "other.db", "trace.txt", "--guest", "g", in: folder)
    #expect(format.status == 0, "\(format.errors)")
  }
}
