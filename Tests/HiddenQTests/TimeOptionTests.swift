import Foundation
import TestSupport
import Testing

/// Times of the wall clock where a command takes a time.
struct TimeOptionTests {
  /// The reference timeline's 0 s: 2026-10-07 10:11:11 UTC.
  private static let start: Int64 = 1_791_367_871

  /// A guest and its host; the guest's dated file tells the wall clock when incident.yaml does.
  private static func incident(
    isDated: Bool, ios: [HandMadePair.IO], symptom: String? = nil
  ) throws -> String {
    let pair = HandMadePair(ios: ios)
    let dates = [Int64(1), 2].map {
      "\(start + $0).0\n                           node0\nnuma_hit                  \(1000 + $0)\n"
    }
    var files = ["guest-g/blkparse.txt": pair.guest, "host-h/blkparse.txt": pair.host]
    if isDated {
      files["guest-g/numastat.txt"] = dates.joined()
      files["incident.yaml"] = """
        clocks:
          - {machine: g, tool_clock: wall, reference: h, offset_ns: -\(start)000000000, error_ns: 7000}
        """
    }
    if let symptom { files["incident.yaml", default: ""] += "\nsymptom: \(symptom)\n" }
    return try Program.incident(of: files)
  }

  private static let dated = Result {
    try incident(isDated: true, ios: HandMadePair.every10ms(400, seed: 7).ios)
  }

  @Test(
    "a report takes times of the day and dates, and says what it selected on both clocks",
    arguments: [
      ("10:11:13", "3"), ("10:11:13.0 UTC", "2026-10-07T10:11:13.5Z"),
      ("2026-10-07T12:11:13+02:00", "3000ms"),
    ])
  func bothClocks(_ from: String, _ to: String) throws {
    let incident = try Self.dated.get()
    let report = try Program.run("report", incident, "--from", from, "--to", to)
    #expect(report.status == 0, "\(report.errors)")
    // The dates are whole seconds, each of which stands for half a second to either side.
    #expect(
      report.words.contains("(2.500 s (10:11:13.0 UTC) to 3.000 s (10:11:13.5 UTC))"),
      "\(report.words.prefix(1000))")
    #expect(
      report.words.contains("g 253,0 write W 647805000 + 8 [fio] at 2.860 s (10:11:13.4 UTC): "))
    #expect(
      report.words.contains(
        "Times: 0 s is 2026-10-07 10:11:10.5 UTC, within 500.007 ms (clock of h blktrace)."))
  }

  @Test("what selects nothing, and what is no time, is an error that says when the capture was")
  func mistakes() throws {
    let incident = try Self.dated.get()
    for (text, says) in [
      (
        "09:30:53", "--from 09:30:53 is outside of the capture, which lasts from 2026-10-07 10:11:1"
      ),
      ("2026-10-08T10:11:13Z", "is outside of the capture"),
      ("09:30", "'09:30' is no time: write 8.2"),
      ("2026-10-07T10:11:13 IST", "is no time"),
    ] {
      let outcome = try Program.run("report", incident, "--from", text)
      #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.errors)")
    }
    // A date may lie before the capture: there is no doubt about it.
    #expect(
      try Program.run("report", incident, "--from", "2026-10-07T00:00:00Z").status == 0)
  }

  @Test("where no file tells the date, that is said, and seconds are taken")
  func undated() throws {
    let incident = try Self.incident(isDated: false, ios: HandMadePair.every10ms(100, seed: 7).ios)
    for words in [["report", incident], ["show", incident, "slowest"]] {
      let outcome = try Program.run(words + ["--from", "10:11:13"])
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains("tells the date of its traces; give seconds"), "\(outcome.errors)")
      #expect(try Program.run(words + ["--from", "0.1"]).status == 0)
    }
    #expect(
      try Program.run("report", incident).words.contains(
        "Times: no file tells the date (clock of h blktrace)."))
  }

  @Test("a time of the day of a capture of days is one of several")
  func ambiguous() throws {
    let days =
      HandMadePair.every10ms(100, seed: 7).ios
      + HandMadePair.every10ms(100, seed: 7).ios.map { io in
        var later = io
        later.queued += 2 * 86_400_000_000
        return later
      }
    let incident = try Self.incident(isDated: true, ios: days)
    let outcome = try Program.run("report", incident, "--from", "12:00:00")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("more than once during the capture"), "\(outcome.errors)")
    let dated = try Program.run("report", incident, "--from", "2026-10-08T12:00:00Z")
    #expect(dated.status == 0, "\(dated.errors)")
  }

  @Test(
    "a window that a person named is compared with the rest, and the incident stays as it is",
    arguments: [
      (["--symptom", "1..2"], "I/Os were otherwise from 1.000 s (10:11:11.5 UTC) to 2.000 s"),
      (["--symptom", "10:11:12..10:11:13"], "from 1.500 s (10:11:12.0 UTC) to 2.500 s"),
      (["--baseline", "2s.."], "I/Os were otherwise up to 2.000 s (10:11:12.5 UTC)"),
    ])
  func named(words: [String], says: String) throws {
    let incident = try Self.dated.get()
    let phases = "SELECT group_concat(from_ns || ' ' || is_baseline) FROM phase"
    let before = try Program.value(incident, phases)
    let outcome = try Program.run(["explain", incident] + words)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.words.contains(says), "\(outcome.output)")
    #expect(outcome.words.contains("no change was found at its ends, so it was cut out as it is"))
    #expect(outcome.words.contains("Because none is looked for: the change may be chance"))
    #expect(outcome.wideLines.isEmpty)
    #expect(try Program.value(incident, phases) == before)
    #expect(!before.contains(","))
  }

  @Test(
    "a window that is none, is empty, or lies outside of the capture is refused",
    arguments: [
      (["--symptom", "5"], "--symptom 5: a window is FROM..TO"),
      (["--symptom", "a..b"], "--symptom a..b: a window is FROM..TO"),
      (["--baseline", "2..1"], "--baseline 2..1 is empty: it must begin before it ends"),
      (["--symptom", "100.."], "--symptom 100.. reaches outside of the capture"),
      (["--symptom", "1..2", "--baseline", "1.5..3"], "--symptom and --baseline overlap"),
    ])
  func badWindow(words: [String], says: String) throws {
    let outcome = try Program.run(["explain", Self.dated.get()] + words)
    #expect(outcome.status == 2 && outcome.errors.contains(says), "\(outcome.errors)")
  }

  @Test("incident.yaml names when users complained; phases are told by it")
  func givenSymptom() throws {
    let ios = HandMadePair.every10ms(400, seed: 7).ios
    let incident = try Self.incident(
      isDated: true, ios: ios, symptom: "10:11:12..2026-10-07T10:11:13Z")
    let phases =
      "SELECT group_concat(from_ns || ' ' || is_baseline, ' ') FROM phase WHERE phase > 0"
    #expect(try Program.value(incident, phases) == "1500000000 0 2500000000 1")
    let said = try Program.run("explain", incident)
    #expect(said.words.contains("1.500 s (10:11:12.0 UTC) to 2.500 s (10:11:13.0 UTC) as the time"))
    // An option wins.
    let other = try Program.run("explain", incident, "--symptom", "2..3")
    #expect(
      other.words.contains("2.000 s (10:11:12.5 UTC) to 3.000 s (10:11:13.5 UTC) as the time"))
  }

  @Test("a symptom in incident.yaml that no clock places is told with its line, and not used")
  func lostSymptom() throws {
    let ios = HandMadePair.every10ms(400, seed: 7).ios
    let incident = try Self.incident(isDated: false, ios: ios, symptom: "10:11:12..10:11:13")
    let said = try Program.run("explain", incident)
    #expect(said.status == 0)
    #expect(
      said.errors.contains("incident.yaml:2: not used for g: symptom 10:11:12: no file of"),
      "\(said.errors)")
    #expect(try Program.value(incident, "SELECT count(*) FROM phase") == "1")
    let folder = try Repository.temporaryFolder()
    try "symptom: tomorrow\n".write(
      to: folder.appending(path: "incident.yaml"), atomically: true, encoding: .utf8)
    let refused = try Program.run("analyze", folder.path)
    #expect(refused.status == 2)
    #expect(
      refused.errors.contains("incident.yaml:1: 'symptom' is 'tomorrow', expected FROM..TO"),
      "\(refused.errors)")
  }
}
