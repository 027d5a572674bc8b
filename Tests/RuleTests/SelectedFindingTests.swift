import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport

@testable import TraceStore

/// What the rules find in a part of a capture.
struct SelectedFindingTests {
  private static let second: Int64 = 1_000_000_000

  private static func findings(
    _ incident: SmallIncident, _ window: Range<Int64>, guest: String? = nil
  ) throws -> [Finding] {
    try incident.correlate()
    return try Findings.find(in: incident.file, window: window, guest: guest)
  }

  private static func find(
    _ code: String, _ incident: SmallIncident, _ window: Range<Int64>
  ) throws -> Finding? {
    try findings(incident, window).first {
      $0.code.rawValue == code && $0.notJudgedReason == nil && $0.confidence != .none
    }
  }

  /// A guest over 20 s. In the second half somebody reads beside its disk, and its I/Os take longer.
  private static func neighbour() throws -> SmallIncident {
    var pair = HandMadePair.every10ms(2_000, seed: 3) { io, place in
      if place >= 1_000, place % 2 == 0 { io.device *= 5 }
    }
    pair.foreign = (0..<500).map { place in
      HandMadePair.Foreign(queued: 10_000_000 + 20_000 * place, device: 9_000)
    }
    let incident = try SmallIncident()
    try incident.add(pair)
    return incident
  }

  @Test("a neighbour on the disk is in the part in which it was, with the shares of that part")
  func diskNeighbour() throws {
    let incident = try Self.neighbour()
    let code = "NOISY_DISK_NEIGHBOUR"
    let calm = try Self.find(code, incident, -Self.second..<9 * Self.second)
    #expect(calm == nil)
    let whole = try #require(
      try incident.file.findings().first { $0.code.rawValue == code })
    let busy = try #require(
      try Self.find(code, incident, 9_900_000_000..<21 * Self.second))
    // 500 requests of 9 ms, in the whole beside twice as many I/Os.
    #expect(
      busy.sentence.contains("made 500 requests") && whole.sentence.contains("made 500 requests"))
    #expect(busy.sentence != whole.sentence)
    // No table has its sums, and it says so.
    #expect(busy.evidenceSQL == nil && busy.because.contains("no statement that returns them"))
    // All of the time is the same as all of the capture.
    let all = try #require(try Self.find(code, incident, -Self.second..<30 * Self.second))
    #expect(all.sentence == whole.sentence && all.severity == whole.severity)
    // The file still says what it did.
    #expect(try incident.file.findings().first { $0.code.rawValue == code } == whole)
  }

  @Test("a stall is in the parts that it touches, and its evidence runs on the file")
  func stall() throws {
    var pair = HandMadePair.every10ms(1_000, seed: 5)
    // At 5 s the device completes nothing for half a second, with I/Os of 50 times in it.
    for place in 500..<550 {
      pair.ios[place].device = 5_500_000 - pair.ios[place].hostIssued + place
    }
    let incident = try SmallIncident()
    try incident.add(pair)
    let code = "DEVICE_STALL"
    #expect(try Self.find(code, incident, 0..<4 * Self.second) == nil)
    #expect(try Self.find(code, incident, 6 * Self.second..<9 * Self.second) == nil)
    let found = try #require(
      try Self.find(code, incident, 5 * Self.second..<6 * Self.second))
    let sql = try #require(found.evidenceSQL)
    let rows = try incident.file.rows(sql)
    #expect(rows.count == 1 && (rows[0].integer("longest_ns") ?? 0) > 400_000_000)
    // Elsewhere the same statement has no rows: its time is in it.
    #expect(sql.contains("6000000000"))
  }

  @Test("pauses are in the parts that they touch, with the sums of those alone")
  func pauses() throws {
    let incident = try SmallIncident()
    try incident.add(HandMadePair.every10ms(2_000, seed: 5))
    try incident.correlate()
    let pauses = [(2, 300), (7, 1_200), (15, 80)]
    for (number, (second, length)) in pauses.enumerated() {
      let from = Int64(second) * Self.second
      try incident.add(
        "guest_pause",
        [
          "guest": "vm1", "pause": number, "from_ns": from,
          "to_ns": from + Int64(length) * 1_000_000, "length_ns": length * 1_000_000,
          "error_ns": 20_000, "spanning": number + 1, "confidence": "high",
          "because": "no request passed",
        ])
    }
    func found(_ window: Range<Int64>) throws -> Finding? {
      try Findings.find(in: incident.file, window: window).first {
        $0.code.rawValue == "VM_PAUSED" && $0.notJudgedReason == nil
      }
    }
    #expect(try found(3 * Self.second..<6 * Self.second) == nil)
    let both = try #require(try found(0..<8 * Self.second))
    #expect(both.severity == .critical)
    #expect(both.sentence.contains("It happened 2 times, together 1.500 s"), "\(both.sentence)")
    #expect(both.sentence.contains("3 of its I/Os were in flight: they waited"), "\(both.sentence)")
    // A pause that began before the part reaches into it.
    let one = try #require(try found(7_500_000_000..<14 * Self.second))
    #expect(!one.sentence.contains("It happened") && one.extent.from == 7 * Self.second)
    let rows = try incident.file.rows(#require(one.evidenceSQL))
    #expect(rows.map { $0.integer("longest_ns") } == [1_200_000_000])
    let short = try #require(try found(14 * Self.second..<16 * Self.second))
    #expect(short.severity == .info)
  }

  @Test("requests that failed are in the part in which they ended, with the part in the evidence")
  func errors() throws {
    let incident = try SmallIncident()
    // At 40, 41 and 42 ms.
    try incident.add(LeastInputTests.errors(-5), "guest", "m")
    #expect(try Self.find("IO_ERRORS", incident, 0..<40_000_000) == nil)
    #expect(try Self.find("IO_ERRORS", incident, 50_000_000..<90_000_000) == nil)
    let found = try #require(try Self.find("IO_ERRORS", incident, 41_000_000..<90_000_000))
    #expect(found.sentence.contains("2 of 49 writes failed with -5 (EIO)"), "\(found.sentence)")
    let rows = try incident.file.rows(#require(found.evidenceSQL))
    #expect(rows.compactMap { $0.integer("failed") } == [2])
  }

  @Test("a full ring is judged by the slices and I/Os of the part")
  func ring() throws {
    let pair = HandMadePair.every10ms(2_000, seed: 9) { io, place in
      if place < 1_000, place % 4 == 0 {
        io.isRequeued = true
        io.scheduled = 400
      }
    }
    let incident = try SmallIncident()
    try incident.add(pair)
    let code = "RING_SATURATED"
    let found = try #require(
      try Self.find(code, incident, -Self.second..<9_995_000_000))
    #expect(found.sentence.contains("25.0 % of the I/Os (D, R, D)"), "\(found.sentence)")
    let rows = try incident.file.rows(#require(found.evidenceSQL))
    #expect(rows.compactMap { $0.number("requeued_pct") } == [25])
    #expect(try Self.find(code, incident, 11 * Self.second..<20 * Self.second) == nil)
  }

  @Test("packets lost are those between the readings of the part")
  func drops() throws {
    func netDev(_ second: Int) -> String {
      let lost = second < 20 ? 0 : 100 * (second - 20)
      return "\(1_795_339_853 + second).0\n"
        + "Inter-|   Receive                            |  Transmit\n"
        + " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
        + "  eth0: 900 \(1000 * second) 0 0 0 0 0 0 900 \(1000 * second) 0 \(lost) 0 0 0 0\n"
    }
    let incident = try SmallIncident()
    try incident.add(HandMadePair.every10ms(4_000, seed: 11))
    try incident.add((0..<40).map(netDev).joined(), "guest", "vm1", path: "net.txt")
    let code = "NET_DROP_BEFORE_WIRE"
    // Nothing ties the counters to the timeline.
    let loose = try Self.findings(incident, 0..<30 * Self.second)
    let open = try #require(loose.first { $0.code.rawValue == code })
    #expect(open.notJudgedReason?.contains("as far as clocks tell") == true)
    for machine in ["host", "vm1"] {
      try WallTimeTests.begin(incident, machine, 1_795_339_852_900_000_000)
    }
    try Correlation.run(incident.file, always: true)
    #expect(try Self.find(code, incident, 0..<19 * Self.second) == nil)
    let late = try #require(try Self.find(code, incident, 25 * Self.second..<36 * Self.second))
    #expect(late.sentence.contains("lost 1,000 of 11,000 packets (9.09 %)"), "\(late.sentence)")
    let all = try #require(try Self.find(code, incident, 0..<50 * Self.second))
    #expect(all.sentence.contains("lost 1,900 of 40,900 packets"), "\(all.sentence)")
  }

  @Test("rules that need the whole are listed once each, and the report tells them in a line")
  func notJudged() throws {
    let incident = try Self.neighbour()
    let found = try Self.findings(incident, 0..<9 * Self.second)
    let open = found.filter { $0.notJudgedReason != nil }
    let codes = open.map(\.code.rawValue)
    #expect(Set(codes).count == codes.count && codes.contains("NOT_EXPLAINED"))
    #expect(!codes.contains("NOISY_DISK_NEIGHBOUR") && !codes.contains("TRACE_INCOMPLETE"))
    #expect(open.allSatisfy { $0.evidenceSQL == nil })
    var request = ReportRequest()
    (request.filter.from, request.filter.to) = (0, 9 * Self.second)
    let words = TextRenderer.render(try Report.document(incident.file, request))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("Findings are about the selected time (0.000 s to 9.000 s)"))
    #expect(words.contains("Not judged for a part of the capture: "))
    #expect(!words.contains("NOISY_DISK_NEIGHBOUR"))
  }

  @Test("a time that the block traces do not reach is not judged, and not called free of faults")
  func beyond() throws {
    let found = try Self.findings(Self.neighbour(), 30 * Self.second..<40 * Self.second)
    for code in ["NOISY_DISK_NEIGHBOUR", "DEVICE_STALL", "IO_ERRORS", "RING_SATURATED"] {
      let own = found.filter { $0.code.rawValue == code }
      #expect(
        own.count == 1 && own[0].notJudgedReason?.contains("lies in that time") == true, "\(code)")
    }
  }

  @Test("waits are those of the part, and so is who was on the CPU")
  func waits() throws {
    // Each 10 ms for 10 s a vCPU waits 4 ms for its CPU and runs 3; in the second half a hog is there meanwhile.
    let stays = (0..<1_000).flatMap { place -> [SmallIncident.Stay] in
      let at = 10_000 * place
      let own = SmallIncident.Stay(
        tid: 501, comm: "CPU 0/KVM", cpu: 0, began: at + 5_000, ran: 3_000, waited: 4_000)
      guard place >= 500 else { return [own] }
      return [
        SmallIncident.Stay(tid: 900, comm: "hog", cpu: 0, began: at + 1_000, ran: 4_000), own,
      ]
    }
    let incident = try SmallIncident()
    try incident.add(stays, of: "host")
    try incident.correlate()
    let source = try #require(try incident.file.sources().first?.id)
    // Its times are those of the timeline.
    try incident.add(
      "clock_relation",
      [
        "source_id": source, "reference_source_id": source, "segment": 0, "from_ns": 0,
        "to_ns": 10 * Self.second,
      ])
    func said(_ code: String, _ window: Range<Int64>) throws -> String? {
      try Findings.find(in: incident.file, window: window).first {
        $0.code.rawValue == code && $0.confidence != .none
      }?.sentence
    }
    let (steal, neighbour) = ("STEAL_HIDDEN", "NOISY_CPU_NEIGHBOUR")
    #expect(try said(neighbour, 0..<5 * Self.second) == nil)
    #expect(
      try said(steal, 0..<5 * Self.second)?.contains("waited 2.000 s for a CPU, 40.0 %")
        == true)
    let late = try #require(try said(neighbour, 5 * Self.second..<10 * Self.second))
    #expect(
      late.contains("hog (pid ") && late.contains("CPUs used; on CPU 0) held it for 2.000 s"),
      "\(late)")
    let middle = try #require(try said(neighbour, 2_500_000_000..<7_500_000_000))
    #expect(middle.contains(") held it for 1.000 s, 20.0 %"), "\(middle)")
    // 3 ms into a wait of 4.
    let cut = try #require(try said(neighbour, 5 * Self.second..<6_004_000_000))
    #expect(cut.contains(") held it for 0.403 s"), "\(cut)")
    // A time that the trace does not reach is not judged, and nothing is said to be missing.
    let beyond = try Findings.find(in: incident.file, window: 20 * Self.second..<30 * Self.second)
    #expect(
      beyond.filter { [steal, neighbour].contains($0.code.rawValue) }
        .allSatisfy { $0.notJudgedReason != nil })
    // The file shows what it did.
    #expect(
      try incident.file.rows("SELECT sum(wait_ns) AS waited_ns FROM culprit").first?
        .integer("waited_ns") == 4 * Self.second)
  }
}
