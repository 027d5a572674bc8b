import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport
import TraceStore

/// Two windows of one incident, compared.
struct WindowComparisonTests {
  /// Between two I/Os, in microseconds of the host's clock.
  private static let border = 7_495_000

  private static let (first, second) = (
    Int64(-1_000_000_000)..<7_495_000_000, Int64(7_495_000_000)..<15_000_000_000
  )

  /// 15 s, of which the second half is that of another pair.
  private static func joined(_ first: HandMadePair, _ second: HandMadePair) -> [HandMadePair.IO] {
    first.ios.filter { $0.queued < border } + second.ios.filter { $0.queued >= border }
  }

  private static func incident(_ ios: [HandMadePair.IO]) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(HandMadePair(ios: ios))
    try incident.correlate()
    return incident
  }

  private static func windows(
    _ incident: SmallIncident, _ before: Range<Int64> = first, _ after: Range<Int64> = second
  ) throws -> Comparison {
    try incident.correlate()
    return try Comparison(
      within: incident.file, before: before, after: after, guest: nil,
      settings: ComparisonSettings())
  }

  @Test(
    "windows say what two incidents of their I/Os would say, to the last digit", arguments: [1, 3])
  func sameAsIncidents(_ device: Int) throws {
    let ios = Self.joined(.measured(71), .measured(72, device: device))
    let within = try Self.windows(Self.incident(ios))
    let apart = try Comparison(
      before: [Self.incident(ios.filter { $0.queued < Self.border }).file],
      after: [Self.incident(ios.filter { $0.queued >= Self.border }).file],
      settings: ComparisonSettings())
    #expect(within.loads.first?.before == apart.loads.first?.before)
    #expect(within.loads.first?.after == apart.loads.first?.after)
    // The halves of H3 cross clocks, which each incident relates by its own I/Os.
    let lines = within.lines.filter {
      $0.subject != Hop.virtioSubmit.name && $0.subject != Hop.virtioReturn.name && $0.op != nil
    }
    #expect(lines.count >= 2 * 5 * Statistic.allCases.count)
    for line in lines {
      let other = try #require(
        apart.lines.first {
          ($0.subject, $0.op, $0.statistic) == (line.subject, line.op, line.statistic)
        })
      #expect(line.before == other.before && line.after == other.after, "\(line)")
      #expect(line.difference == other.difference && line.p == other.p, "\(line)")
      #expect(line.verdict == other.verdict && line.reason == other.reason, "\(line)")
    }
    let mean = try #require(
      lines.first { $0.op == "all" && $0.subject == "hardware_queue" && $0.statistic == .mean })
    #expect(mean.verdict == (device == 1 ? .noDifference : .worse))
    #expect(mean.countBefore == ios.count { $0.queued < Self.border })
  }

  @Test(
    "an I/O is in the window that holds its Q, whenever it ends; one on the border in the later")
  func population() throws {
    var ios = HandMadePair.measured(73).ios
    // It begins before the border and ends after it.
    let last = try #require(ios.lastIndex { $0.queued < Self.border })
    ios[last].device = 9_000
    let incident = try Self.incident(ios)
    let queued = try #require(
      try incident.file.rows(
        "SELECT reference_ns FROM io ORDER BY reference_ns LIMIT 1 OFFSET \(last)"
      ).first?.integer("reference_ns"))
    let early = try Self.windows(incident, -1_000_000_000..<queued, queued..<15_000_000_000)
    let late = try Self.windows(incident, -1_000_000_000..<queued + 1, queued + 1..<15_000_000_000)
    #expect(early.loads.first?.before.count == last)
    #expect(early.loads.first?.after.count == ios.count - last)
    #expect(late.loads.first?.before.count == last + 1)
    let longest = { (comparison: Comparison) in
      comparison.distributions.first { $0.hop == .hardwareQueue }.map {
        ($0.before.last?.nanoseconds ?? 0, $0.after.last?.nanoseconds ?? 0)
      } ?? (0, 0)
    }
    #expect(longest(late).0 == 9_000_000 && longest(late).1 < 1_000_000)
    #expect(longest(early).0 < 1_000_000 && longest(early).1 == 9_000_000)
  }

  @Test(
    "what the incident says as a whole is not taken for a difference, and is said not to be judged")
  func wholeIncident() throws {
    let comparison = try Self.windows(
      Self.incident(Self.joined(.measured(74), .measured(75, device: 3))))
    #expect(comparison.findingsOnOneSide.isEmpty && comparison.onOneSide.isEmpty)
    let words = TextRenderer.render(Report.document(comparison))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("Setup The same: two windows of one capture have the same machines"))
    #expect(
      words.contains("before :memory:, -1.000 s to 7.495 s after :memory:, 7.495 s to 15.000 s"))
    #expect(words.contains("times no file tells the date (clock of host blktrace)"))
    #expect(!words.contains("One run on a side"))
  }

  @Test("counters without a place on the timeline are in no window, and that is said")
  func unplaced() throws {
    func netDev(_ second: Int) -> String {
      "\(1_795_339_853 + second).0\n"
        + "Inter-|   Receive                            |  Transmit\n"
        + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
        + "  eth0: 900 \(1000 * second) 0 \(7 * second) 0 0 0 0 900 10 0 0 0 0 0 0\n"
    }
    let incident = try SmallIncident()
    try incident.add(HandMadePair(ios: HandMadePair.measured(76, ios: 4_000).ios))
    try incident.add((0..<40).map(netDev).joined(), "guest", "vm1", path: "net.txt")
    let loose = try Self.windows(
      incident, 0..<20_000_000_000, 20_000_000_000..<40_000_000_000)
    #expect(!loose.lines.contains { $0.subject == "drops" })
    #expect(loose.notJudged.contains("packets lost on vm1: nothing ties its times to the timeline"))
    // The host's trace says when it began: a tenth of a second before the counters.
    let tied = try SmallIncident()
    try tied.add(HandMadePair(ios: HandMadePair.measured(76, ios: 4_000).ios))
    try tied.add((0..<40).map(netDev).joined(), "guest", "vm1", path: "net.txt")
    for machine in ["host", "vm1"] {
      try WallTimeTests.begin(tied, machine, 1_795_339_852_900_000_000)
    }
    let placed = try Self.windows(tied, 0..<20_000_000_000, 20_000_000_000..<40_000_000_000)
    let line = try #require(placed.lines.first { $0.subject == "drops" })
    #expect(!placed.notJudged.contains { $0.contains("packets lost") })
    // Of 39 intervals those that lie in one window.
    #expect(line.countBefore + line.countAfter <= 39 && line.countBefore >= 18)
    #expect(line.before == 7 && line.after == 7 && line.verdict == .noDifference)
  }

  @Test("the evidence of a finding is about the windows")
  func evidence() throws {
    var other = HandMadePair.measured(77)
    for place in other.ios.indices { other.ios[place].sectors = 64 }
    let incident = try Self.incident(Self.joined(.measured(78), other))
    let comparison = try Self.windows(incident)
    let finding = try #require(comparison.findings.first { $0.code.rawValue == "NOT_COMPARABLE" })
    let rows = try incident.file.rows(#require(finding.evidenceSQL))
    #expect(rows.map { $0.text("side") } == ["after", "before"])
    #expect(rows.map { $0.number("mean_bytes") } == [32_768, 4_096])
    #expect(rows.compactMap { $0.integer("ios") }.reduce(0, +) == 1_500)
    // A hop that gives what another takes.
    let moved = try Self.incident(
      Self.joined(.measured(79, scheduled: 400), .measured(80, hostScheduled: 400)))
    let taken = try Self.windows(moved)
    let found = try #require(taken.findings.first { $0.code.rawValue == "FALSE_OPTIMISATION" })
    let hops = try moved.file.rows(#require(found.evidenceSQL))
    for line in taken.lines where line.op == "all" && [.mean, .p50].contains(line.statistic) {
      for (side, value, count) in [
        ("before", line.before, line.countBefore), ("after", line.after, line.countAfter),
      ] {
        let row = try #require(
          hops.first { $0.text("side") == side && $0.text("hop") == line.subject },
          "\(line.subject)")
        #expect(row.integer("ios") == Int64(count))
        let stated = try #require(row.number("\(line.statistic.rawValue)_ns"))
        #expect(abs(stated - (value ?? 0)) <= 1e-6 * stated, "\(line.subject) \(stated)")
      }
    }
  }

  @Test("its document for programs has the windows")
  func document() throws {
    let comparison = try Self.windows(Self.incident(HandMadePair.measured(81).ios))
    let text = ComparisonJSON.render(comparison)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let window = try #require(document["after_window"] as? [String: Any])
    #expect(window["timeline"] as? String == "host blktrace")
    #expect(window["from_ns"] as? Int64 == Int64(Self.border) * 1_000)
    #expect(window["from_unix_ns"] is NSNull)
    #expect((document["not_judged"] as? [String])?.isEmpty == false)
  }
}
