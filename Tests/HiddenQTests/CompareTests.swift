import Foundation
import TestSupport
import Testing

/// `hiddenq compare` as scripts and people use it: statuses, thresholds, runs, findings, the page.
struct CompareTests {
  /// 1,500 I/Os over 15 s whose device takes 90 to 150 us, or a multiple.
  private static func pair(
    _ seed: UInt64, device: Int = 1, scheduled: Int = 20, hostScheduled: Int = 3, ios: Int = 1_500
  ) -> HandMadePair {
    var dice = Dice(seed)
    return HandMadePair(
      ios: (0..<ios).map { place in
        var io = HandMadePair.IO(queued: 1_000 + 10_000 * place)
        io.scheduled = scheduled + dice.next(below: scheduled)
        io.hostScheduled = hostScheduled + dice.next(below: hostScheduled)
        io.device = device * (90 + dice.next(below: 60))
        io.back = 20 + dice.next(below: 10)
        return io
      })
  }

  @Test("statuses: 0 for the same and for better, 1 for worse, 3 where nothing can be judged")
  func statuses() throws {
    let first = try Self.pair(1).ingested()
    let second = try Self.pair(2).ingested()
    let slow = try Self.pair(3, device: 2).ingested()
    let short = try Self.pair(4, ios: 20).ingested()
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

  @Test("the first lines say where the time went: hops that differ, the greatest change first")
  func firstLines() throws {
    let first = try Self.pair(51).ingested()
    let slow = try Self.pair(52, device: 3, hostScheduled: 60).ingested()
    let words = try Program.run("compare", first, slow).words
    let outcome = try #require(words.components(separatedBy: "Was the load the same").first)
    let hops = try ["total", "H5 hardware", "H4 host sched"].map { name in
      try #require(
        outcome.range(of: "vm1 253,0 \(name == "total" ? "" : name + " ")mean ")
      ).lowerBound
    }
    #expect(hops == hops.sorted())
    #expect(!outcome.contains("H2 guest sched"))
    #expect(
      outcome.matches(of: /H5 hardware mean [0-9.]+ us -> [0-9.]+ us, [^:]+: worse/).count == 1)
    // Where nothing differs there is nothing but the totals.
    let same = try Program.run("compare", Self.pair(1).ingested(), Self.pair(2).ingested()).words
    let totals = try #require(same.components(separatedBy: "Was the load the same").first)
    #expect(totals.contains("vm1 253,0 mean ") && totals.firstMatch(of: /H[1-5]/) == nil)
  }

  @Test("means and quantiles are those that the incident itself states")
  func statedNumbers() throws {
    let (first, second) = (try Self.pair(61).ingested(), try Self.pair(62, device: 9).ingested())
    let json = try Program.run("compare", first, second, "--format", "json").output
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let lines = try #require(document["lines"] as? [[String: Any]])
    for (side, incident) in [("before", first), ("after", second)] {
      let rows = try Program.run(
        "query", incident, "SELECT op, hop, mean_ns, p50_ns, p90_ns, p99_ns FROM hop_summary",
        "--format", "jsonl"
      ).output.split(separator: "\n")
      #expect(rows.count > 10)
      for row in rows {
        let stated = try #require(
          try JSONSerialization.jsonObject(with: Data(row.utf8)) as? [String: Any])
        for statistic in ["mean", "p50", "p90", "p99"] {
          let line = try #require(
            lines.first {
              $0["op"] as? String == stated["op"] as? String
                && $0["subject"] as? String == stated["hop"] as? String
                && $0["statistic"] as? String == statistic
            }, "\(row)")
          let number = try #require(stated[statistic + "_ns"] as? Double)
          let compared = try #require(line[side] as? Double)
          #expect(abs(compared - number) <= 1e-6 * abs(number), "\(row) \(statistic)")
        }
      }
    }
  }

  @Test("what cannot run is status 2, with one clear sentence")
  func refusals() throws {
    let incident = try Self.pair(5, ios: 20).ingested()
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
    let first = try Self.pair(6).ingested()
    let slow = try Self.pair(7, device: 2).ingested()
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

  @Test("several runs on a side are measured against each other, and the output says so")
  func runs() throws {
    let before = try [11, 12, 13].map { try Self.pair($0).ingested() }
    let after = try [14, 15, 16].map { try Self.pair($0, device: 2).ingested() }
    let arguments = before.flatMap { ["--before", $0] } + after.flatMap { ["--after", $0] }
    let text = try Program.run(["compare"] + arguments)
    #expect(text.status == 1)
    #expect(
      text.words.contains(
        "3 before, 3 after: differences are measured by what varies between runs"))
    let json = try Program.run(["compare"] + arguments + ["--format", "json"])
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect((document["before"] as? [String])?.count == 3)
    let lines = try #require(document["lines"] as? [[String: Any]])
    func line(_ subject: String) throws -> [String: Any] {
      try #require(
        lines.first {
          $0["subject"] as? String == subject && $0["op"] as? String == "all"
            && $0["statistic"] as? String == "mean"
        })
    }
    let device = try line("hardware_queue")
    #expect(device["verdict"] as? String == "worse")
    #expect(device["count_before"] as? Int == 4_500)
    // 119.5 us before, twice that after.
    let (low, high) = (device["change_low"] as? Double, device["change_high"] as? Double)
    #expect(try #require(low) < 119_500 && 119_500 < #require(high))
    #expect(try line("guest_scheduler")["verdict"] as? String == "no difference shown")
    // One against three.
    let single = try Program.run(
      ["compare"] + before.flatMap { ["--before", $0] } + ["--after", after[0]])
    #expect(single.words.contains("the single one is taken to vary as the others do"))
  }

  @Test(
    "the only host and the only guest of either side are paired under other names, and it is said")
  func otherNames() throws {
    let first = try Self.pair(21).ingested(host: "alpha", guest: "web-old")
    let second = try Self.pair(22, device: 2).ingested(host: "beta", guest: "web-new")
    let outcome = try Program.run("compare", first, second)
    #expect(
      outcome.words.contains(
        "Taken for the same under two names: guest web-old before and web-new after, the only guest of "
          + "either side; host alpha before and beta after, the only host of either side."))
    #expect(!outcome.words.contains("On one side only"))
    let rows = try Program.run("compare", first, second, "--format", "csv").output
    let depths = rows.split(separator: "\n").filter { $0.contains("queue_depth") }
    #expect(!depths.isEmpty)
    #expect(depths.contains { $0.contains("beta") })
    #expect(depths.allSatisfy { !$0.contains("alpha") && !$0.contains("not observed") })
    #expect(!rows.contains("web-old"))
    // Under their own names nothing is assumed.
    let same = try Program.run("compare", first, first)
    #expect(!same.words.contains("under two names"))
  }

  @Test("time that only moved from one queue to the next is called a false optimisation")
  func falseOptimisation() throws {
    let before = try Self.pair(21, scheduled: 900, hostScheduled: 3).ingested()
    let after = try Self.pair(22, scheduled: 20, hostScheduled: 880).ingested()
    let outcome = try Program.run("compare", before, after)
    #expect(outcome.words.contains("FALSE_OPTIMISATION"))
    #expect(outcome.words.contains("H4 (host scheduler) took the time over"))
    let real = try Self.pair(23, scheduled: 20).ingested()
    #expect(
      try !Program.run("compare", before, real).words.contains("FALSE_OPTIMISATION"))
  }

  @Test("a neighbour that was not there before is named, and one that is gone")
  func neighbour() throws {
    let quiet = try Self.pair(31).ingested()
    var busy = Self.pair(32)
    // Every second I/O waits for the neighbour's large read at the device.
    for place in busy.ios.indices where place % 2 == 0 {
      busy.ios[place].device += 1_000
      busy.foreign.append(
        HandMadePair.Foreign(queued: busy.ios[place].queued - 50, device: 1_300))
    }
    let noisy = try busy.ingested()
    let came = try Program.run("compare", quiet, noisy)
    #expect(came.words.contains("Found after and not before"))
    #expect(came.words.contains("rsync with 750 requests"))
    let went = try Program.run("compare", noisy, quiet)
    #expect(went.words.contains("Found before and not after"))
    #expect(!went.words.contains("Found after and not before"))
  }

  @Test("what the other side's files could not have shown is not called new, and not gone")
  func unjudged() throws {
    let quiet = Self.pair(31)
    let guestAlone = try MadeIncident()
    try guestAlone.add(quiet.guest, "guest", "vm1")
    var busy = Self.pair(32)
    for place in busy.ios.indices where place % 2 == 0 {
      busy.ios[place].device += 1_000
      busy.foreign.append(
        HandMadePair.Foreign(queued: busy.ios[place].queued - 50, device: 1_300))
    }
    let noisy = try busy.ingested()
    let came = try Program.run("compare", guestAlone.path, noisy).words
    #expect(!came.contains("Found after and not before"), "\(came)")
    #expect(
      came.contains("Found after; the files of before could not have shown it NOISY_DISK_NEIGHBOUR")
        || came.contains("Found after; the files of before could not have shown it")
          && came.contains("rsync with 750 requests"),
      "\(came)")
    let went = try Program.run("compare", noisy, guestAlone.path).words
    #expect(!went.contains("Found before and not after"), "\(went)")
    #expect(went.contains("Found before; the files of after could not have shown it"), "\(went)")
    let json = try Program.run("compare", guestAlone.path, noisy, "--format", "json").output
    #expect(json.contains("\"judged_on_both\": false") || json.contains("\"judged_on_both\":false"))
  }

  @Test("the whole is not said to be as long as before where its numbers are smaller")
  func agreement() throws {
    // Now and then the device takes so long that what the guest's scheduler gives is lost in it.
    func incident(_ seed: UInt64, scheduled: Int) throws -> String {
      var dice = Dice(seed)
      return try HandMadePair(
        ios: (0..<400).map { place in
          var io = HandMadePair.IO(queued: 1_000 + 300_000 * place)
          io.scheduled = scheduled + dice.next(below: 20)
          io.device = dice.next(below: 40) == 0 ? 200_000 : 200 + dice.next(below: 60)
          return io
        }
      ).ingested()
    }
    for seed in [71, 73, 75] as [UInt64] {
      let words = try Program.run(
        "compare", incident(seed, scheduled: 900), incident(seed + 1, scheduled: 20)
      ).words
      #expect(words.contains("H2 guest sched mean "), "\(words)")
      for match in words.matches(
        of: /the whole did not: ([0-9.,]+) (us|ms|s) before, ([0-9.,]+) (us|ms|s) after/)
      where match.2 == match.4 {
        let (before, after) = (Double(match.1), Double(match.3))
        #expect(try #require(after) >= #require(before), "\(match.0)")
      }
    }
  }

  @Test("the page has its three pictures with titles and captions, loads nothing and runs nothing")
  func page() throws {
    let first = try Self.pair(41).ingested()
    let slow = try Self.pair(42, device: 2).ingested()
    let page = try Program.run("compare", first, slow, "--format", "html").output
    #expect(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"))
    #expect(page.components(separatedBy: "<svg ").count == 4)
    for words in [
      "vm1 253,0: where the time of an I/O went, on average",
      "vm1 253,0: after divided by before, hop by hop and quantile by quantile",
      "vm1 253,0: how long the I/Os took, before over after",
    ] {
      #expect(page.contains("<figcaption>\(words)</figcaption>"))
      #expect(page.contains("aria-label=\"\(words)\""))
    }
    #expect(page.contains("<g class=\"strip worse\"><title>H5 hardware mean: "))
    // The pictures have no words of their own: text goes without their title.
    #expect(try !Program.run("compare", first, slow).output.contains("In pictures"))
  }
}
