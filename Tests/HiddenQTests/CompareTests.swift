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
