import Foundation
import TestSupport
import Testing

/// Times of the wall clock where a command takes a time.
struct TimeOptionTests {
  /// The reference timeline's 0 s: 2026-10-07 10:11:11 UTC.
  private static let start: Int64 = 1_791_367_871

  /// A guest and its host; the guest's dated file tells the wall clock when incident.yaml does.
  private static func incident(isDated: Bool, ios: [HandMadePair.IO]) throws -> String {
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
      report.words.contains("g 253,0 write W 647805000 + 8 [fio] at 2.860 s (10:11:13.3 UTC): "))
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
}
