import Foundation
import TestSupport
import Testing

/// `hiddenq compare` as scripts use it: statuses, refusals, `--fail-on`.
struct CompareTests {
  @Test("statuses: 0 for the same and for better, 1 for worse, 3 where nothing can be judged")
  func statuses() throws {
    let first = try HandMadePair.measured(1).ingested()
    let second = try HandMadePair.measured(2).ingested()
    let slow = try HandMadePair.measured(3, device: 2).ingested()
    let short = try HandMadePair.measured(4, ios: 20).ingested()
    let same = try Program.run("compare", first, second)
    #expect(same.status == 0)
    #expect(
      same.words.contains("No line is shown to differ. That does not show that they are equal"))
    #expect(try Program.run("compare", slow, first).status == 0)
    let worse = try Program.run("compare", first, slow)
    #expect(worse.status == 1)
    #expect(worse.errors.contains("a change for the worse was shown"))
    let little = try Program.run("compare", first, short)
    #expect(little.status == 3)
    #expect(little.words.contains("needs 50 samples on either side"))
  }

  @Test("what cannot run is status 2, with one clear sentence")
  func refusals() throws {
    let incident = try HandMadePair.measured(5, ios: 20).ingested()
    let typo = try Program.run("compare", incident, incident, "--fail-on", "p98>5%")
    #expect(typo.status == 2)
    #expect(typo.errors.contains("'p98>5%' is no threshold: write 'p99>5%'"))
    #expect(try Program.run("compare", incident, incident + ".no").status == 2)
    #expect(try Program.run("compare", incident).status == 2)
    #expect(try Program.run("compare", "--before", incident).status == 2)
    #expect(
      try Program.run("compare", incident, incident, "--min-change", "-1").status == 2)
  }

  @Test("two windows of one incident: what selects them, and what does not")
  func windows() throws {
    let incident = try HandMadePair.measured(8).ingested()
    for words in [["--split", "7.5"], ["--before", "..7.5", "--after", "7500ms..15"]] {
      let outcome = try Program.run(["compare", incident] + words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.words.hasPrefix("No difference shown: vm1 253,0: I/Os take "))
      #expect(outcome.words.contains("two windows of one capture have the same machines"))
    }
    for (words, says, status) in [
      (["--before", "0..5", "--after", "4..9"], "overlap: 4.000 s to 5.000 s is in both", 2),
      (["--before", "5..5", "--after", "6..9"], "--before 5..5 is empty", 2),
      (
        ["--before", "0..5", "--after", "6..99"], "--after 6..99 reaches outside of the capture", 2
      ),
      (["--split", "15.5"], "--split 15.5 reaches outside of the capture, which lasts from", 2),
      (["--split", "soon"], "--split: 'soon' is no time", 2),
      (["--split", "09:30:53"], "tells the date of its traces", 2),
      (["--before", "7", "--after", "8..9"], "a window is FROM..TO", 2),
      (
        ["--before", "5.002..5.008", "--after", "8..9"],
        "no I/O was queued in the window of before", 3
      ),
      (["--phase", "0", "--phase", "1"], "vm1 has one phase: nothing is known to have changed", 2),
      (["--phase", "0"], "two different phases", 2),
      (["--split", "5", "--phase", "0", "--phase", "1"], "which two", 2),
      (["--before", "0..5"], "a window of --before and one of --after", 2),
      (["--split", "5", "--guest", "nobody"], "has no such guest", 2),
    ] {
      let outcome = try Program.run(["compare", incident] + words)
      #expect(
        outcome.status == status && outcome.errors.contains(says), "\(words): \(outcome.errors)")
      #expect(outcome.output == "")
    }
    let two = try Program.run("compare", incident, incident, "--split", "5")
    #expect(two.status == 2 && two.errors.contains("are about one incident file"))
  }

  @Test("two phases are compared without the time in which the change between them lies")
  func phases() throws {
    let slow = HandMadePair.measured(12, device: 9)
    let pair = HandMadePair(
      ios: HandMadePair.measured(11).ios.filter { $0.queued < 7_000_000 }
        + slow.ios.filter { $0.queued >= 7_000_000 })
    let incident = try pair.ingested()
    let outcome = try Program.run(
      "compare", incident, "--phase", "0", "--phase", "1", "--resamples", "200", "--format", "json")
    #expect(outcome.status == 1, "\(outcome.errors)")
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let windows = try ["before_window", "after_window"].map {
      try #require(document[$0] as? [String: Any])
    }
    let stated = try Program.value(
      incident,
      """
      SELECT before.from_ns, before.to_ns - after.onset_error_ns, after.from_ns + after.onset_error_ns, after.to_ns
      FROM phase AS before JOIN phase AS after ON after.phase = 1 WHERE before.phase = 0
      """)
    let moments = windows.flatMap { [$0["from_ns"] as? Int64, $0["to_ns"] as? Int64] }
    #expect(moments.map { $0.map(String.init) ?? "?" }.joined(separator: ",") == stated)
    let lines = try #require(document["lines"] as? [[String: Any]])
    func verdict(_ subject: String) -> String? {
      lines.first {
        $0["subject"] as? String == subject && $0["op"] as? String == "all"
          && $0["statistic"] as? String == "mean"
      }?["verdict"] as? String
    }
    #expect(verdict("hardware_queue") == "worse" && verdict("guest_scheduler") != "worse")
  }

  @Test("the document for programs of windows is what schema/comparison.schema.json says")
  func windowShape() throws {
    let incident = try HandMadePair.measured(9).ingested()
    let outcome = try Program.run("compare", incident, "--split", "7.5", "--format", "json")
    let schema = try JSONSerialization.jsonObject(
      with: Data(
        contentsOf: Repository.root.appending(path: "schema/comparison.schema.json")))
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    #expect(JSONShape.faults(document, schema, at: "$") == [])
  }

  @Test(
    "--fail-on: a shown increase beyond the limit, also where it is too small to be called worse")
  func failOn() throws {
    let first = try HandMadePair.measured(6).ingested()
    let slow = try HandMadePair.measured(7, device: 2).ingested()
    // A third longer in total: with such a least change nothing is called worse.
    func run(_ threshold: String, _ incidents: String...) throws -> Program.Outcome {
      try Program.run(
        ["compare"] + incidents + ["--min-change", "900", "--fail-on", threshold])
    }
    let total = try run("mean>20%", first, slow)
    #expect(total.status == 1)
    #expect(total.errors.contains("'mean>20%' is exceeded: vm1 253,0 all total mean"))
    #expect(try run("mean>500%", first, slow).status == 0)
    #expect(try run("hardware_queue.p50>50us", first, slow).status == 1)
    #expect(try run("hardware_queue.p50>5ms", first, slow).status == 0)
    #expect(try run("guest_scheduler.mean>1%", first, slow).status == 0)
    #expect(try run("mean>1%", slow, first).status == 0)
    let unsaid = try run("steal>1%", first, slow)
    #expect(unsaid.status == 0)
    #expect(unsaid.errors.contains("--fail-on 'steal>1%': cannot tell"))
  }
}
