import Foundation
import TestSupport
import Testing

/// `CAPTURES_MIXED`: files that are not of one capture are recognised, said first, and alone; each beside a twin that
/// differs in that one thing and is one capture.
struct MixedCaptureTests {
  private static func pair(_ seed: UInt64, ios: Int = 300) -> HandMadePair {
    var dice = Dice(seed)
    return HandMadePair(
      ios: (0..<ios).map { place in
        var io = HandMadePair.IO(queued: 1_000 + 10_000 * place + dice.next(below: 900))
        io.device = 90 + dice.next(below: 60)
        io.back = 20 + dice.next(below: 10)
        return io
      })
  }

  /// Issues and completions of one device as perf prints them, with a head that says when the trace began.
  private static func perf(
    _ seed: UInt64, wall: Int, host: String? = nil, device: String = "8,16"
  ) -> String {
    var dice = Dice(seed)
    var text = "# ========\n"
    if let host { text += "# hostname : \(host)\n" }
    text +=
      "# clockid: monotonic (1)\n# reference time: 2026-11-22 08:00:00.000000 = \(wall).000000 (TOD) = "
      + "500.000000000 (monotonic)\n# ========\n#\n"
    for place in 0..<40 {
      let sector = 1_000_000 + 8 * dice.next(below: 1_000_000)
      let at = 501_000_000 + 10_000 * place
      for (event, when, more) in [("issue", at, "4096 "), ("complete", at + 2_000, "")] {
        text +=
          "app 2522 [000] \(HandMadePair.seconds(when)): "
          + "block:block_rq_\(event): \(device) R \(more)() \(sector) + 8 [\(more.isEmpty ? "0" : "app")]\n"
      }
    }
    return text
  }

  /// What is found is that captures are mixed, and nothing else.
  private static func mixed(_ incident: SmallIncident) throws -> String {
    let found = try incident.findings()
    #expect(found.keys.sorted() == ["CAPTURES_MIXED"])
    let words = try #require(found["CAPTURES_MIXED"])
    #expect(words.hasPrefix("critical: "), "\(words)")
    // Before all else in the report.
    let report = try incident.report()
    let place = try #require(report.range(of: "CAPTURES_MIXED")?.lowerBound)
    #expect(report[..<place].contains("What it shows"))
    #expect(!report.contains("What could not be judged"))
    return words
  }

  @Test("two recordings of one guest under one name; the halves of one recording are one capture")
  func twice() throws {
    let incident = try SmallIncident()
    try incident.add(Self.pair(1).guest, "guest", "vm1")
    try incident.add(Self.pair(2).guest, "guest", "vm1")
    let words = try Self.mixed(incident)
    #expect(words.contains("Two recordings of guest vm1 are in one incident file"), "\(words)")
    #expect(words.contains("In the time that both cover, one has "), "\(words)")

    let lines = Self.pair(1).guest.split(separator: "\n", omittingEmptySubsequences: true)
    let halves = try SmallIncident()
    for part in [lines[..<(lines.count / 2)], lines[(lines.count / 2)...]] {
      try halves.add(part.joined(separator: "\n") + "\n", "guest", "vm1")
    }
    #expect(try halves.findings()["CAPTURES_MIXED"] == nil)
  }

  @Test("texts of one recording that a filter made: one of reads, one of writes")
  func filtered() throws {
    let incident = try SmallIncident()
    let writes = Self.pair(1).guest
    let reads = Self.pair(3).guest.replacing(" W ", with: " R ")
    try incident.add(writes, "guest", "vm1")
    try incident.add(reads, "guest", "vm1")
    #expect(try incident.findings()["CAPTURES_MIXED"] == nil)
  }

  @Test("two whole captures in one file, guest and host each")
  func doubled() throws {
    let incident = try SmallIncident()
    for seed in [1, 2] {
      try incident.add(Self.pair(UInt64(seed)).guest, "guest", "vm1")
      try incident.add(Self.pair(UInt64(seed)).host, "host", "h")
    }
    let words = try Self.mixed(incident)
    #expect(words.contains("Two recordings of "), "\(words)")
    let one = try SmallIncident()
    try one.add(Self.pair(1).guest, "guest", "vm1")
    try one.add(Self.pair(1).host, "host", "h")
    #expect(try one.findings()["CAPTURES_MIXED"] == nil)
  }

  @Test("guest and host the wrong way round: each request is enclosed, not enclosing")
  func swapped() throws {
    let incident = try SmallIncident()
    try incident.add(Self.pair(1).host, "guest", "vm1")
    try incident.add(Self.pair(1).guest, "host", "h")
    let words = try Self.mixed(incident)
    #expect(
      words.contains(
        "Guest and host are the wrong way round. 300 of the 300 requests (100.0 %) that host h issued to its 253,0 "
          + "enclose a request of guest vm1 to 259,0 from Q to C"), "\(words)")
  }

  /// Switches between a vCPU and a thread that takes its CPU, every 4 and 6 ms: the vCPU waits for 40 % of its time.
  private static func switches(from begin: Int, cycles: Range<Int>, waits: Int = 4_000) -> String {
    cycles.map { cycle in
      let (at, next) = (begin + 10_000 * cycle, begin + 10_000 * (cycle + 1) - waits)
      return [("burn", 900, "CPU 0/KVM", 501, at), ("CPU 0/KVM", 501, "burn", 900, next)].map {
        name, tid, then, thenTid, when in
        "\(name) \(tid) [000] \(HandMadePair.seconds(when)): sched:sched_switch: prev_comm=\(name) prev_pid=\(tid) "
          + "prev_prio=120 prev_state=R ==> next_comm=\(then) next_pid=\(thenTid) next_prio=120\n"
      }.joined()
    }.joined()
  }

  @Test(
    "a scheduler trace that was appended to itself, whole, in part, or twice, counts once",
    arguments: [
      [0..<100, 0..<100], [0..<75, 25..<100], [0..<100, 50..<100, 0..<100], [0..<90, 80..<100],
    ])
  func repeated(_ parts: [Range<Int>]) throws {
    func words(_ parts: [Range<Int>]) throws -> (found: [String: String], rows: [String]) {
      let incident = try SmallIncident()
      try incident.add(
        parts.map { Self.switches(from: 10_000_000, cycles: $0) }.joined(), "host", "h")
      return try (
        incident.findings(),
        incident.rows("SELECT comm, runs, run_ns, waits, wait_ns FROM thread_wait ORDER BY comm")
      )
    }
    let once = try words([0..<100])
    #expect(once.found["STEAL_HIDDEN"]?.contains("waited 0.396 s for a CPU") == true, "\(once)")
    let appended = try words(parts)
    #expect(appended.found == once.found)
    #expect(appended.rows == once.rows)
    let incident = try SmallIncident()
    try incident.add(
      parts.map { Self.switches(from: 10_000_000, cycles: $0) }.joined(), "host", "h")
    let events = parts.map(\.count).reduce(0, +) * 2 - 200
    #expect(
      try incident.rows("SELECT kind, line, count FROM problem")
        == ["repeated_stretch,\(parts[0].count * 2 + 1),\(events)"])
    #expect(try incident.rows("SELECT events FROM source") == ["200"])
  }

  @Test(
    "two scheduler traces in one text: of the same time, or of the time before a reboot",
    arguments: [(10_000_000, 5_000), (10_100_000, 4_000), (5_000_000, 4_000)])
  func appended(_ begin: Int, _ waits: Int) throws {
    let incident = try SmallIncident()
    try incident.add(
      Self.switches(from: 10_000_000, cycles: 0..<100)
        + Self.switches(from: begin + 7, cycles: 0..<100, waits: waits), "host", "h")
    let words = try Self.mixed(incident)
    #expect(words.contains(" of host h holds two recordings. In line 201 its time falls back"))
  }

  @Test("a clock that was set back a little, and the texts of two CPUs, are one recording")
  func oneRecording() throws {
    let first = Self.switches(from: 10_000_000, cycles: 0..<100)
    for second in [
      Self.switches(from: 10_600_003, cycles: 0..<100),
      Self.switches(from: 10_000_000, cycles: 0..<100)
        .replacing("[000]", with: "[001]").replacing("501", with: "502")
        .replacing("900", with: "901"),
    ] {
      let incident = try SmallIncident()
      try incident.add(first + second, "host", "h")
      #expect(try incident.findings()["CAPTURES_MIXED"] == nil)
      #expect(try incident.rows("SELECT kind FROM problem").contains("time_went_back"))
    }
  }

  @Test(
    "two files of one scheduler trace that overlap: what both have counts once, and nothing is lost"
  )
  func overlapping() throws {
    let whole = Self.switches(from: 10_000_000, cycles: 0..<100)
    let sums =
      "SELECT comm, sum(runs), sum(run_ns), sum(waits), sum(wait_ns) FROM thread_wait GROUP BY comm"
    let once = try SmallIncident()
    try once.add(whole, "host", "h")
    for parts in [[0..<75, 25..<100], [40..<100, 0..<60], [0..<30, 20..<100]] {
      let incident = try SmallIncident()
      for part in parts {
        try incident.add(Self.switches(from: 10_000_000, cycles: part), "host", "h")
      }
      #expect(try incident.rows(sums) == once.rows(sums), "\(parts)")
      #expect(try incident.rows("SELECT kind FROM problem") == ["overlaps_another"], "\(parts)")
      #expect(try incident.rows("SELECT 1 FROM source WHERE duplicate_of IS NOT NULL").isEmpty)
      let longest = try incident.rows("SELECT max(max_wait_ns), max(p99_wait_ns) FROM thread_wait")
      #expect(
        try longest == once.rows("SELECT max(max_wait_ns), max(p99_wait_ns) FROM thread_wait"))
    }
    // What lies wholly in the other is the same trace.
    let incident = try SmallIncident()
    try incident.add(whole, "host", "h")
    try incident.add(Self.switches(from: 10_000_000, cycles: 20..<60), "host", "h")
    let same = "SELECT source_id, duplicate_of FROM source WHERE duplicate_of IS NOT NULL"
    #expect(try incident.rows(same) == ["2,1"])
    #expect(try incident.rows("SELECT kind FROM problem").isEmpty)
  }

  @Test("two files of one block trace that overlap: it is said what of the lesser is left out")
  func overlappingBlocks() throws {
    let lines = Self.pair(1).host.split(separator: "\n")
    let incident = try SmallIncident()
    for part in [lines[..<1_000], lines[700...]] {
      try incident.add(part.joined(separator: "\n") + "\n", "host", "h")
    }
    #expect(
      try incident.rows("SELECT source_id, kind, severity, count FROM problem")
        == ["2,part_left_out,skipped,100"])
    #expect(try incident.report().contains("part = file 1"))
  }

  @Test("a block trace that was appended to itself counts once; two in one text are said first")
  func appendedBlocks() throws {
    func incident(_ seeds: [UInt64]) throws -> SmallIncident {
      let incident = try SmallIncident()
      try incident.add(seeds.map { Self.pair($0).guest }.joined(), "guest", "vm1")
      try incident.add(Self.pair(1).host, "host", "h")
      return incident
    }
    let once = try incident([1])
    let twice = try incident([1, 1])
    #expect(try twice.findings() == once.findings())
    let io = "SELECT count(*), sum(total_ns) FROM io"
    #expect(try twice.rows(io) == once.rows(io))
    #expect(try twice.rows("SELECT kind FROM problem") == ["repeated_stretch"])
    let words = try Self.mixed(incident([1, 2]))
    #expect(words.contains(" of guest vm1 holds two recordings. In line "), "\(words)")
  }

  @Test("scheduler traces of guest and host the wrong way round: only the guest has virtual CPUs")
  func swappedThreads() throws {
    let host = Self.switches(from: 10_000_000, cycles: 0..<100)
    let guest = host.replacing("CPU 0/KVM", with: "app").replacing("burn", with: "swapper/0")
    let swapped = try SmallIncident()
    try swapped.add(host, "guest", "vm1")
    try swapped.add(guest, "host", "h")
    let words = try Self.mixed(swapped)
    #expect(
      words.contains(
        "The scheduler trace of guest vm1 has 1 threads of virtual CPUs (CPU 0/KVM), and that of host h has none"
      ))
    // A guest with guests of its own, on a host that runs it.
    for (one, other) in [(guest, host), (host, host.replacing("burn", with: "other"))] {
      let incident = try SmallIncident()
      try incident.add(one, "guest", "vm1")
      try incident.add(other, "host", "h")
      #expect(try incident.findings()["CAPTURES_MIXED"] == nil)
    }
  }

  @Test("a guest whose disk is on no traced device is none: nothing is mixed")
  func unmapped() throws {
    let incident = try SmallIncident()
    try incident.add(Self.pair(1).guest, "guest", "vm1")
    try incident.add(Self.pair(2).host, "host", "h")
    let found = try incident.findings()
    #expect(found["CAPTURES_MIXED"] == nil)
    #expect(
      found["TRACE_INCOMPLETE"]?.contains("it is joined with no host's trace") == true, "\(found)")
  }

  @Test("guest and host of different times by their clocks; of one time they are one capture")
  func apart() throws {
    func incident(hostLater: Int) throws -> SmallIncident {
      let incident = try SmallIncident()
      try incident.add(Self.perf(1, wall: 1_795_330_000), "guest", "vm1")
      try incident.add(Self.perf(2, wall: 1_795_330_000 + hostLater), "host", "h")
      return incident
    }
    let words = try Self.mixed(incident(hostLater: 7_200))
    #expect(
      words.contains("The files of guest vm1 and those of the host are of different times: "),
      "\(words)")
    // A clock may be some seconds wrong.
    #expect(try incident(hostLater: 30).findings()["CAPTURES_MIXED"] == nil)
    #expect(try incident(hostLater: 0).findings()["CAPTURES_MIXED"] == nil)
  }

  @Test("files of one machine that were recorded on two hosts, or at two times")
  func names() throws {
    func incident(_ one: (Int, String), _ other: (Int, String)) throws -> SmallIncident {
      let incident = try SmallIncident()
      for (number, (wall, name)) in [one, other].enumerated() {
        try incident.add(
          Self.perf(UInt64(number + 1), wall: wall, host: name, device: "8,\(16 * number)"), "host",
          "h")
      }
      return incident
    }
    let two = try Self.mixed(incident((1_795_330_000, "alpha"), (1_795_330_000, "beta")))
    #expect(two.contains("was recorded on alpha, "), "\(two)")
    let late = try Self.mixed(incident((1_795_330_000, "alpha"), (1_795_430_000, "alpha")))
    #expect(late.contains("Files of host h are of two times: "), "\(late)")
    let same = try incident((1_795_330_000, "alpha"), (1_795_330_020, "alpha.example.org"))
    #expect(try same.findings()["CAPTURES_MIXED"] == nil)
  }
}
