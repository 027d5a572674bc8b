import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport
import TraceStore

/// Two sides whose difference is known, compared: what is said first, runs, names, findings, the page.
struct PairComparisonTests {
  @Test("the first lines say where the time went: hops that differ, the greatest change first")
  func firstLines() throws {
    let first = try HandMadePair.measured(51).incident()
    let slow = try HandMadePair.measured(52, device: 3, hostScheduled: 60).incident()
    let words = try Self.words(first, slow)
    let outcome = try #require(words.components(separatedBy: "Was the load the same").first)
    #expect(outcome.hasPrefix("Worse: vm1 253,0: I/Os take "))
    let hops = try [
      "vm1 253,0, total:", "vm1 253,0 H5 hardware mean ", "vm1 253,0 H4 host sched mean ",
    ]
    .map { try #require(outcome.range(of: $0)).lowerBound }
    #expect(hops == hops.sorted())
    #expect(!outcome.contains("H2 guest sched"))
    #expect(
      outcome.matches(of: /H5 hardware mean [0-9.]+ us -> [0-9.]+ us, [^:]+: worse/).count == 1)
    // Where nothing differs there is nothing but the totals.
    let same = try Self.words(
      HandMadePair.measured(1).incident(), HandMadePair.measured(2).incident())
    let totals = try #require(same.components(separatedBy: "Was the load the same").first)
    #expect(totals.hasPrefix("No difference shown: vm1 253,0: I/Os take "))
    #expect(totals.contains("vm1 253,0, total:") && totals.firstMatch(of: /H[1-5]/) == nil)
  }

  @Test("means and quantiles are those that the incident itself states")
  func statedNumbers() throws {
    let (first, second) = (
      try HandMadePair.measured(61).incident(), try HandMadePair.measured(62, device: 9).incident()
    )
    let document = try Self.json([first], [second])
    let lines = try #require(document["lines"] as? [[String: Any]])
    for (side, incident) in [("before", first), ("after", second)] {
      let rows = try incident.objects(
        "SELECT op, hop, mean_ns, p50_ns, p90_ns, p99_ns FROM hop_summary")
      #expect(rows.count > 10)
      for stated in rows {
        for statistic in ["mean", "p50", "p90", "p99"] {
          let line = try #require(
            lines.first {
              $0["op"] as? String == stated["op"] as? String
                && $0["subject"] as? String == stated["hop"] as? String
                && $0["statistic"] as? String == statistic
            }, "\(stated)")
          let number = try #require(stated[statistic + "_ns"] as? Double)
          let compared = try #require(line[side] as? Double)
          #expect(abs(compared - number) <= 1e-6 * abs(number), "\(stated) \(statistic)")
        }
      }
    }
  }

  @Test("several runs on a side are measured against each other, and the output says so")
  func runs() throws {
    let before = try [11, 12, 13].map { try HandMadePair.measured($0).incident() }
    let after = try [14, 15, 16].map { try HandMadePair.measured($0, device: 2).incident() }
    let comparison = try Self.comparison(before, after)
    #expect(comparison.showsWorse)
    #expect(
      try Self.words(before, after).contains(
        "3 before, 3 after: differences are measured by what varies between runs"))
    let document = try Self.json(before, after)
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
    let single = try Self.words(before, [after[0]])
    #expect(single.contains("the single one is taken to vary as the others do"))
  }

  @Test(
    "the only host and the only guest of either side are paired under other names, and it is said")
  func otherNames() throws {
    let first = try HandMadePair.measured(21).incident(host: "alpha", guest: "web-old")
    let second = try HandMadePair.measured(22, device: 2).incident(host: "beta", guest: "web-new")
    let outcome = try Self.words(first, second)
    #expect(
      outcome.contains(
        "Taken for the same under two names: guest web-old before and web-new after, the only guest of "
          + "either side; host alpha before and beta after, the only host of either side."))
    #expect(!outcome.contains("On one side only"))
    let rows = ComparisonRows.render(try Self.comparison([first], [second]), as: .csv)
    let depths = rows.split(separator: "\n").filter { $0.contains("queue_depth") }
    #expect(!depths.isEmpty)
    #expect(depths.contains { $0.contains("beta") })
    #expect(depths.allSatisfy { !$0.contains("alpha") && !$0.contains("not observed") })
    #expect(!rows.contains("web-old"))
    // Under their own names nothing is assumed.
    let same = try Self.words(first, first)
    #expect(!same.contains("under two names"))
  }

  @Test("time that only moved from one queue to the next is called a false optimisation")
  func falseOptimisation() throws {
    let before = try HandMadePair.measured(21, scheduled: 900, hostScheduled: 3).incident()
    let after = try HandMadePair.measured(22, scheduled: 20, hostScheduled: 880).incident()
    let outcome = try Self.words(before, after)
    #expect(outcome.contains("FALSE_OPTIMISATION"))
    #expect(outcome.contains("H4 (host scheduler) took the time over"))
    let real = try HandMadePair.measured(23, scheduled: 20).incident()
    #expect(
      try !Self.words(before, real).contains("FALSE_OPTIMISATION"))
  }

  @Test("a neighbour that was not there before is named, and one that is gone")
  func neighbour() throws {
    let quiet = try HandMadePair.measured(31).incident()
    var busy = HandMadePair.measured(32)
    // Every second I/O waits for the neighbour's large read at the device.
    for place in busy.ios.indices where place % 2 == 0 {
      busy.ios[place].device += 1_000
      busy.foreign.append(
        HandMadePair.Foreign(queued: busy.ios[place].queued - 50, device: 1_300))
    }
    let noisy = try busy.incident()
    let came = try Self.words(quiet, noisy)
    #expect(came.contains("Found after and not before"))
    #expect(came.contains("rsync (pid "))
    let went = try Self.words(noisy, quiet)
    #expect(went.contains("Found before and not after"))
    #expect(!went.contains("Found after and not before"))
  }

  @Test("what the other side's files could not have shown is not called new, and not gone")
  func unjudged() throws {
    let quiet = HandMadePair.measured(31)
    let guestAlone = try SmallIncident()
    try guestAlone.add(quiet.guest, "guest", "vm1")
    var busy = HandMadePair.measured(32)
    for place in busy.ios.indices where place % 2 == 0 {
      busy.ios[place].device += 1_000
      busy.foreign.append(
        HandMadePair.Foreign(queued: busy.ios[place].queued - 50, device: 1_300))
    }
    let noisy = try busy.incident()
    let came = try Self.words(guestAlone, noisy)
    #expect(!came.contains("Found after and not before"), "\(came)")
    #expect(
      came.contains("Found after; cannot judge before, whose files could not show it")
        && came.contains("rsync (pid "), "\(came)")
    #expect(came.contains("Disturbances Cannot judge: "), "\(came)")
    let went = try Self.words(noisy, guestAlone)
    #expect(!went.contains("Found before and not after"), "\(went)")
    #expect(
      went.contains("Found before; cannot judge after, whose files could not show it"), "\(went)")
    let json = ComparisonJSON.render(try Self.comparison([guestAlone], [noisy]))
    #expect(json.contains("\"judged_on_both\": false") || json.contains("\"judged_on_both\":false"))
  }

  @Test("the whole is not said to be as long as before where its numbers are smaller")
  func agreement() throws {
    // Now and then the device takes so long that what the guest's scheduler gives is lost in it.
    func incident(_ seed: UInt64, scheduled: Int) throws -> SmallIncident {
      var dice = Dice(seed)
      return try HandMadePair(
        ios: (0..<400).map { place in
          var io = HandMadePair.IO(queued: 1_000 + 300_000 * place)
          io.scheduled = scheduled + dice.next(below: 20)
          io.device = dice.next(below: 40) == 0 ? 200_000 : 200 + dice.next(below: 60)
          return io
        }
      ).incident()
    }
    for seed in [71, 73, 75] as [UInt64] {
      let words = try Self.words(
        incident(seed, scheduled: 900), incident(seed + 1, scheduled: 20))
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
    let first = try HandMadePair.measured(41).incident()
    let slow = try HandMadePair.measured(42, device: 2).incident()
    let comparison = try Self.comparison([first], [slow])
    let page = HTMLRenderer.render(Report.document(comparison))
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
    #expect(page.contains("<g class=\"strip worse\" fill=\"#d55e00\"><title>H5 hardware mean: "))
    // The pictures have no words of their own: text goes without their title.
    #expect(!TextRenderer.render(Report.document(comparison)).contains("In pictures"))
  }

  @Test("a rate limit of one side is named, and what it does is no false optimisation")
  func rateLimit() throws {
    // As many I/Os as it always has, each let through 5 ms after the one before, in H3; the guest's scheduler is quicker.
    func limited(_ seed: UInt64) throws -> SmallIncident {
      var dice = Dice(seed)
      return try HandMadePair(
        ios: (0..<3_000).map { place in
          var io = HandMadePair.IO(queued: 1_000 + 5_000 * place)
          io.scheduled = 20 + dice.next(below: 20)
          io.toHost = 35_000
          io.device = 150 + dice.next(below: 60)
          return io
        }
      ).incident()
    }
    let free = try HandMadePair.measured(81, scheduled: 900).incident()
    let comparison = try Self.comparison([free], [limited(82)])
    let words = Self.words(comparison)
    #expect(!words.contains("FALSE_OPTIMISATION"), "\(words)")
    let limit = try #require(comparison.disturbances.first { $0.kind == .rateLimit })
    #expect(try abs(#require(limit.after?.value) - 200) < 2 && limit.before?.value == 0)
    #expect(words.contains("after only, a rate limit seems to hold at 200 requests/s"))
    // What the guest asks for as evenly, and gets at once, is no limit.
    let even = try Self.comparison([free], [HandMadePair.measured(83).incident()])
    #expect(!even.disturbances.contains { $0.kind == .rateLimit })
  }

  @Test("the verdict is of the totals, and contradicts none of their lines")
  func verdict() throws {
    let base = try HandMadePair.measured(91).incident()
    for (other, kind) in [
      (try HandMadePair.measured(92).incident(), ComparisonOutcome.Kind.noDifference),
      (try HandMadePair.measured(93, device: 9).incident(), .worse),
    ] {
      let comparison = try Self.comparison([base], [other])
      #expect(comparison.outcome.kind == kind)
      let total = comparison.lines.filter {
        $0.op == "all" && $0.subject == "total" && [.mean, .p50, .p90, .p99].contains($0.statistic)
      }
      #expect(total.contains { $0.verdict == .worse } == (kind == .worse))
      #expect(!total.contains { $0.verdict == .better })
      let document = Report.document(comparison)
      let json = ComparisonJSON.render(comparison)
      let mean = try #require(total.first { $0.statistic == .mean }?.after)
      #expect(document.title.contains(Quantity.brief(Int64(mean.rounded()))), "\(document.title)")
      // All forms begin with it.
      #expect(json.contains("\"verdict\":\"\(kind.rawValue)\""))
      #expect(json.contains("\"verdict_sentence\":\"\(document.title)\""))
      #expect(HTMLRenderer.render(document).contains("<h1>\(document.title)</h1>"))
      #expect(Self.words(comparison).hasPrefix(document.title))
      #expect(MarkdownRenderer.render(document).hasPrefix("# "))
    }
  }

  // MARK: Comparing

  private static func comparison(
    _ before: [SmallIncident], _ after: [SmallIncident]
  ) throws -> Comparison {
    for incident in before + after { try incident.correlate() }
    return try Comparison(
      before: before.map(\.file), after: after.map(\.file), settings: ComparisonSettings())
  }

  /// The words of `compare`.
  private static func words(_ before: SmallIncident, _ after: SmallIncident) throws -> String {
    try words([before], [after])
  }

  private static func words(_ before: [SmallIncident], _ after: [SmallIncident]) throws -> String {
    words(try comparison(before, after))
  }

  private static func words(_ comparison: Comparison) -> String {
    TextRenderer.render(Report.document(comparison))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The document for programs.
  private static func json(
    _ before: [SmallIncident], _ after: [SmallIncident]
  ) throws -> [String: Any] {
    let text = ComparisonJSON.render(try comparison(before, after))
    return try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }
}

extension HandMadePair {
  /// An incident of the pair's rows.
  fileprivate func incident(host: String = "host", guest: String = "vm1") throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(self, host: host, guest: guest)
    return incident
  }
}
