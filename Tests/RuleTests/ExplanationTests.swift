import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel
import TraceReport
import TraceStore

/// What `explain` says of small incidents: the five answers, in a text that fits a terminal and a document that fits a chat.
struct ExplanationTests {
  private static func text(_ incident: SmallIncident, _ filter: IOFilter = IOFilter()) throws
    -> String
  {
    let text = ExplanationText.render(try Explanation(incident.file, filter))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= ExplanationText.mostLines + 1 && lines.last == "", "\(text)")
    for line in lines { #expect(line.count <= 80, "\(line)") }
    return text
  }

  /// The text without its line breaks.
  private static func words(_ incident: SmallIncident, _ filter: IOFilter = IOFilter()) throws
    -> String
  {
    try text(incident, filter).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private static func json(_ incident: SmallIncident) throws -> [String: Any] {
    let text = ExplanationJSON.render(try Explanation(incident.file, IOFilter()))
    #expect(text.utf8.count <= ExplanationJSON.mostBytes)
    #expect(!text.contains("SELECT"))
    return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// Twelve seconds; from the sixth on the device takes longer, us.
  private static func pair(slower: Int) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(
      HandMadePair(
        ios: HandMadePair.steady(seconds: 12) { io, _ in
          if io.queued >= 6_000_000 { io.device += slower }
        }))
    try incident.correlate()
    return incident
  }

  // MARK: Nothing changed

  @Test(
    "a steady capture: the first line says so, what held, and how small a change would have been seen"
  )
  func steady() throws {
    let incident = try Self.pair(slower: 0)
    let words = try Self.words(incident)
    #expect(words.hasPrefix("guest vm1: nothing changed during the capture (11.99"), "\(words)")
    #expect(words.contains("% that lasts for half of that time would have been seen."))
    #expect(words.contains("Held 253,0: 4,800 I/Os, mean "))
    #expect(words.contains("of that the hardware queue (H5)"))
    #expect(words.contains("no file tells the date"))
    #expect(!words.contains("Since") && !words.contains("Because"))
    let document = try Self.json(incident)
    let guest = try #require(document["guest"] as? [String: Any])
    #expect(guest["changed"] as? Bool == false)
    #expect((guest["phases"] as? [Any])?.count == 1)
    // A block trace was judged; memory nodes and packets were not.
    func codes(_ name: String) -> [String] {
      (document[name] as? [[String: Any]])?.compactMap { $0["code"] as? String } ?? []
    }
    #expect(codes("ruled_out").contains("DEVICE_STALL"))
    #expect(codes("ruled_out").contains("NOISY_DISK_NEIGHBOUR"))
    #expect(codes("not_judged").contains("NUMA_REMOTE"))
    #expect(codes("not_judged").contains("NET_DROP_BEFORE_WIRE"))
    #expect(Set(codes("ruled_out")).isDisjoint(with: codes("not_judged")))
  }

  @Test("a change by what it says would have been seen is seen")
  func power() throws {
    let steady = try Explanation(Self.pair(slower: 0).file, IOFilter())
    guard case .share(let share) = try #require(steady.guests.first?.smallestChange) else {
      Issue.record("nothing is said of the smallest change")
      return
    }
    #expect(share >= 0.05 && share < 0.3)
    let mean = try #require(steady.guests.first?.disks.first?.mean)
    let change = Int(mean * share / 1_000) + 1
    let words = try Self.words(Self.pair(slower: change))
    #expect(words.contains(/got slower at (5\.[89]|6\.[01])/), "\(words)")
  }

  @Test("with few I/Os nothing is said of small changes")
  func few() throws {
    let incident = try SmallIncident()
    try incident.add(.every10ms(200, seed: 3))
    try incident.correlate()
    let words = try Self.words(incident)
    #expect(
      words.hasPrefix(
        "guest vm1: no change was found during the capture, but its I/Os are too few to tell ("),
      "\(words)")
    #expect(words.contains("of I/Os, confidence none)"))
    let guest = try #require(try Self.json(incident)["guest"] as? [String: Any])
    let power = try #require(guest["smallest_change"] as? [String: Any])
    #expect(power["share"] is NSNull && power["confidence"] as? String == "none")
  }

  @Test(
    "each other guest without a change has the smallest one that would have been seen, or too few I/Os"
  )
  func others() throws {
    let incident = try SmallIncident()
    let ios = HandMadePair.steady(seconds: 12)
    // Of the first most time lies in its one change.
    try incident.add(
      HandMadePair(
        ios: HandMadePair.steady(seconds: 12) { io, _ in
          if io.queued >= 6_000_000 { io.device += 400 }
        }))
    for (guest, pair) in [("vm2", HandMadePair(ios: ios)), ("vm3", .every10ms(60, seed: 3))] {
      try incident.add(
        pair.guestRequests, of: incident.machine(guest, .guest), device: pair.guestDevice,
        path: "\(guest).txt")
    }
    try incident.correlate()
    let words = try Self.words(incident)
    #expect(words.contains(/vm2: no change of its I\/O by [0-9]+ % or more, mean/), "\(words)")
    #expect(words.contains("vm3: too few I/Os to tell of a change, mean"), "\(words)")
    let others = try #require(try Self.json(incident)["others"] as? [[String: Any]])
    let powers = others.compactMap { $0["smallest_change"] as? [String: Any] }
    #expect(powers.compactMap { $0["confidence"] as? String } == ["medium", "none"])
    #expect(powers.first?["share"] is Double && powers.last?["share"] is NSNull)
  }

  // MARK: A change

  @Test(
    "a change: what, since when, where, because of whom, and what is cleared; with the date where a file has it"
  )
  func changed() throws {
    let incident = try Self.pair(slower: 400)
    let before = try Self.words(incident)
    #expect(before.hasPrefix("guest vm1: I/Os got slower at 5.99"), "\(before)")
    #expect(before.contains("What writes on 253,0: mean "))
    #expect(before.contains("until the capture ends at 1"))
    #expect(before.contains("Where H5 hardware "))
    #expect(before.contains(/Because[^\n]*device/), "\(before)")
    #expect(before.contains("H4 host sched (") && before.contains("Cleared"))
    #expect(!before.contains("UTC"))
    #expect(!before.contains("Not seen"))

    try incident.alter("DELETE FROM phase_candidate")
    #expect(try Self.words(incident).contains("Because no cause was looked for"))
    try incident.alter(
      """
      UPDATE source_file SET start_clock = 'CLOCK_REALTIME', start_ns = 1795339847042719838
      WHERE machine_id = (SELECT machine_id FROM machine WHERE name = 'host')
      """)
    try incident.add(
      "phase_candidate",
      [
        "guest": "vm1", "phase": 1, "rank": 1, "kind": "disk_neighbour", "name": "fio",
        "machine": "host", "pid": 4711, "began_ns": 6_000_000_000, "rate_before": 0,
        "rate_after": 310.4, "rate_unit": "requests/s", "explains_ns": 380_000, "share": 0.95,
        "confidence": "high", "because": "its requests lie before the guest's",
        "evidence_sql": "SELECT 1",
      ])
    try incident.add(
      "phase_candidate",
      [
        "guest": "vm1", "phase": 1, "rank": 2, "kind": "unknown", "explains_ns": 20_000,
        "share": 0.05, "confidence": "low", "because": "what no candidate accounts for",
      ])
    let words = try Self.words(incident)
    #expect(words.contains("0 s is 2026-11-22 09:30:47.0 UTC (clock of host blktrace)"), "\(words)")
    #expect(words.contains("(09:30:53.0 UTC)"))
    #expect(
      words.contains(
        "Because 1. disk neighbour fio (pid 4711 on the host), 0 -> 310 requests/s, from 6.000 s: explains +380.0 us, "
          + "95.0 %; confidence high"), "\(words)")
    #expect(
      words.contains(
        "2. unknown: no cause in these files for +20.0 us, 5.0 % of the change (what no candidate"
      ))
    let document = try Self.json(incident)
    let guest = try #require(document["guest"] as? [String: Any])
    #expect(guest["unix_ns_at_0"] as? Int64 == 1_795_339_847_042_719_838)
    let phase = try #require((guest["phases"] as? [[String: Any]])?.last)
    #expect((phase["causes"] as? [[String: Any]])?.first?["pid"] as? Int == 4711)
    // What a phase may come from is not ruled out, though the rule found nothing in the whole.
    let ruledOut = (document["ruled_out"] as? [[String: Any]])?.compactMap { $0["code"] as? String }
    #expect(ruledOut?.contains("NOISY_DISK_NEIGHBOUR") == false)
    let hops = try #require(phase["excess"] as? [[String: Any]])
    func delta(_ hop: String) -> Int? {
      hops.first { $0["hop"] as? String == hop && $0["op"] as? String == "all" }?["delta_ns"]
        as? Int
    }
    let parts = Hop.parts.reduce(0) { $0 + (delta($1.name) ?? 0) }
    #expect(parts == delta("total"))
  }

  /// A change by hop and operation, us: count, baseline, phase, and how far the delta may be off.
  private static func change(
    _ incident: SmallIncident, _ op: String, _ hop: Hop, _ before: Int, _ after: Int, error: Int
  ) throws {
    try incident.add(
      "hop_excess",
      [
        "guest": "vm1", "op": op, "phase": 1, "hop": hop.name, "baseline_count": 600,
        "phase_count": 400, "baseline_mean_ns": 1_000 * before, "phase_mean_ns": 1_000 * after,
        "delta_ns": 1_000 * (after - before), "low_ns": 1_000.0 * Double(after - before - error),
        "high_ns": 1_000.0 * Double(after - before + error),
      ])
  }

  @Test(
    "what waits in the page cache does not hide what the disk does: the headline is from Q to C, and where that is as it was, it is the page cache"
  )
  func pageCache() throws {
    func words(block: Int, cache: Int, error: Int) throws -> String {
      let incident = try SmallIncident()
      _ = try incident.machine("vm1", .guest)
      for phase in 0...1 {
        try incident.add(
          "guest_phase",
          [
            "guest": "vm1", "phase": phase, "from_ns": phase * 2_000_000_000,
            "to_ns": (phase + 1) * 2_000_000_000, "is_baseline": 1 - phase,
            "onset_error_ns": 10_000_000, "signals": "253,0 reads", "confidence": "high",
            "seen_by": "guest",
          ])
      }
      for op in ["read", "all"] {
        let hasCache = op == "all"
        try Self.change(incident, op, .hardwareQueue, 100, block, error: 10)
        try Self.change(incident, op, .block, 120, block + 20, error: 11)
        if hasCache { try Self.change(incident, op, .pageCache, 5_000, cache, error: error) }
        try Self.change(
          incident, op, .total, 120 + (hasCache ? 5_000 : 0),
          block + 20 + (hasCache ? cache : 0), error: error)
      }
      return try Self.words(incident)
    }
    let slower = try words(block: 155, cache: 4_800, error: 400)
    #expect(
      slower.hasPrefix(
        "guest vm1: I/Os got slower at 2.000 s: 175.0 us from Q to C on average instead of 120.0 us."
      ),
      "\(slower)")
    #expect(slower.contains("Where H5 hardware 100.0 -> 155.0 us, +55.0 (+45.0 to +65.0), 100.0 %"))
    #expect(
      slower.contains(
        "Before Q not part of this: page cache 5.000 -> 4.800 ms per I/O, -0.200 (-0.600 to +0.200): may be chance"
      ),
      "\(slower)")
    #expect(slower.contains("What reads: mean 120 -> 175 us"))

    let cache = try words(block: 100, cache: 8_000, error: 400)
    #expect(
      cache.hasPrefix(
        "guest vm1: waits in the page cache got longer at 2.000 s: 8.000 ms on average instead of 5.000 ms."
      ), "\(cache)")
    #expect(cache.contains("Where H1 page cache 5.000 -> 8.000 ms, +3.000"))
    #expect(!cache.contains("Before Q"))

    let neither = try words(block: 101, cache: 5_010, error: 400)
    #expect(neither.contains("I/Os changed at 2.000 s"))
    #expect(neither.contains("which may be chance"))
  }

  @Test("a guest, disk or operation alone")
  func selection() throws {
    let incident = try Self.pair(slower: 400)
    var filter = IOFilter()
    (filter.guest, filter.device, filter.op) = ("vm1", "253,0", "write")
    let words = try Self.words(incident, filter)
    #expect(words.hasPrefix("guest vm1: writes got slower at 5.99"), "\(words)")
    filter.op = "read"
    #expect(try Self.words(incident, filter).contains("too few reads to tell by how much"))
    filter.device = "8,0"
    #expect(try Explanation(incident.file, filter).guests.isEmpty)
  }

  @Test("files of several captures: that is said first and instead of all else")
  func mixed() throws {
    let incident = try SmallIncident()
    let pair = HandMadePair.every10ms(200, seed: 15)
    try incident.add(pair)
    let other = HandMadePair.every10ms(200, seed: 16) { io, _ in io.queued += 3_000 }
    try incident.add(
      other.guestRequests, of: incident.machine("vm1", .guest), device: other.guestDevice,
      path: "vm1-again.txt")
    try incident.correlate()
    let words = try Self.words(incident)
    #expect(words.hasPrefix("The files are not of one capture"), "\(words)")
    #expect(!words.contains("nothing changed") && !words.contains("Held"))
    let document = try Self.json(incident)
    #expect((document["captures_mixed"] as? [String: Any])?["code"] as? String == "CAPTURES_MIXED")
    #expect(document["guest"] is NSNull)
  }

  @Test("what only a host of another kind counts is not missed")
  func otherHypervisor() throws {
    let incident = try SmallIncident()
    _ = try incident.machine("vm1", .guest)
    try incident.correlate()
    let open = (try Self.json(incident)["not_judged"] as? [[String: Any]])?.compactMap {
      $0["code"] as? String
    }
    #expect(open?.contains("NOISY_CPU_NEIGHBOUR") == true, "\(open ?? [])")
    #expect(open?.contains { ["CPU_LIMIT", "CO_STOP", "HOST_SWAP"].contains($0) } == false)
  }

  @Test("a guest without I/O, and no guest at all")
  func nothing() throws {
    let incident = try SmallIncident()
    try incident.correlate()
    #expect(try Self.words(incident).hasPrefix("No guest's own files are here"))
    _ = try incident.machine("vm1", .guest)
    #expect(try Self.words(incident).hasPrefix("guest vm1: none of its I/Os is known"))
    #expect(try Self.json(incident)["omitted"] as? Int == 0)
  }

  // MARK: Much, and hostile

  @Test(
    "nine guests with hostile names and many phases fit; the worst is told, five more, and how many are omitted"
  )
  func many() throws {
    let incident = try SmallIncident()
    let evil = "\u{1B}[31m<b>\"'\n\u{202E}"
    for guest in 0..<9 {
      let name = "g\(guest)" + String(repeating: evil, count: 24)
      _ = try incident.machine(name, .guest)
      for phase in 0..<40 {
        try incident.add(
          "guest_phase",
          [
            "guest": name, "phase": phase, "from_ns": phase * 1_000_000_000,
            "to_ns": (phase + 1) * 1_000_000_000, "is_baseline": phase % 2 == 0 ? 1 : 0,
            "onset_error_ns": 10_000_000, "signals": String(repeating: evil, count: 50),
            "confidence": "high", "because": String(repeating: evil, count: 50),
            "seen_by": guest % 2 == 0 ? "guest" : "host",
          ])
        for op in ["all", "read", "write"] where phase % 2 == 1 {
          for hop in Hop.parts + [.block, .total] {
            let time = hop == .total ? 6_000_000 : 1_000_000
            try incident.add(
              "hop_excess",
              [
                "guest": name, "op": op, "phase": phase, "hop": hop.name, "baseline_count": 100,
                "phase_count": 100 + guest, "baseline_mean_ns": time,
                "phase_mean_ns": 3 * time, "delta_ns": 2 * time, "low_ns": 1.5 * Double(time),
                "high_ns": 2.5 * Double(time), "share": Double(time) / 6e6,
                "baseline_p50_ns": time, "phase_p50_ns": 3 * time, "baseline_p99_ns": 2 * time,
                "phase_p99_ns": 9 * time,
              ])
          }
        }
        for rank in 1...12 where phase % 2 == 1 {
          try incident.add(
            "phase_candidate",
            [
              "guest": name, "phase": phase, "rank": rank, "kind": "cpu_neighbour",
              "name": String(repeating: evil, count: 10), "machine": name, "pid": 7,
              "rate_before": 0.0, "rate_after": 1.98, "rate_unit": "CPUs",
              "explains_ns": 1_000_000, "share": 0.1, "confidence": "medium",
              "because": String(repeating: evil, count: 50), "evidence_sql": "SELECT 1",
            ])
          for hop in Hop.parts where rank == 1 {
            try incident.add(
              "cleared_layer",
              [
                "guest": name, "phase": phase, "layer": hop.name, "low_ns": -1_000.5,
                "high_ns": 2_000.5, "because": "",
              ])
          }
        }
      }
    }
    let text = try Self.text(incident)
    #expect(!text.contains("\u{1B}") && !text.contains("\u{202E}"))
    #expect(text.hasPrefix("guest g8"))
    #expect(text.contains("\ng7") && text.contains("\ng3") && !text.contains("\ng2"))
    #expect(text.contains("\n3 more guests omitted.\n"))
    for label in ["What", "Since", "Where", "Because", "Cleared"] {
      #expect(text.contains("\(label) "))
    }
    #expect(text.contains("CPU neighbour"))
    #expect(text.contains("more phases omitted"))
    let document = try Self.json(incident)
    #expect(document["omitted"] as? Int == 3)
    #expect((document["others"] as? [Any])?.count == 5)
    let guest = try #require(document["guest"] as? [String: Any])
    #expect(guest["phases_omitted"] as? Int ?? 0 > 20)
  }
}
