import Foundation
import TestSupport
import Testing
import TraceAnalysis
import TraceModel

/// LIMIT_REACHED on pairs of traces written by hand.
struct LimitRuleTests {
  /// Eight I/Os in flight, let through one every `step` microseconds; `queue`: how many wait for that.
  private static func pair(step: Int, queue: Int = 8, jitter: Int = 0) -> HandMadePair {
    var completed: [Int] = []
    let ios = (0..<1_600).map { place -> HandMadePair.IO in
      let due = (place + 1) * step + (jitter == 0 ? 0 : place * 7_919 % jitter)
      let queued = place < queue ? 10 * place : completed[place - queue]
      var io = HandMadePair.IO(queued: queued)
      io.toHost = max(15, due - io.issued)
      completed.append(io.completed)
      return io
    }
    return HandMadePair(ios: ios)
  }

  private static func findings(
    _ pair: HandMadePair, limit: String?
  ) throws -> (found: [String: String], incident: SmallIncident) {
    let incident = try SmallIncident()
    try incident.add(pair)
    if let limit {
      try incident.add(
        "{\"return\": [{\"device\": \"d0\", \"inserted\": {\"node-name\": \"n0\", \(limit), \"file\": \"/a.img\"}}]}\n",
        "host", "host", path: "qmp.json")
    }
    return (try incident.findings(), incident)
  }

  @Test("a limit that a file states, and an even rate at it while I/Os wait")
  func stated() throws {
    let (found, incident) = try Self.findings(Self.pair(step: 5_000), limit: "\"iops\": 200")
    let words = try #require(found["LIMIT_REACHED"])
    #expect(words.hasPrefix("warning: 253,0: from "), "\(words)")
    #expect(words.contains("an I/O limit of 200 IOPS held its requests back"), "\(words)")
    #expect(words.contains("qmp.json states the limit of n0: iops 200."), "\(words)")
    #expect(
      try incident.value(
        "SELECT abs(rate - 200) < 4 AND held_depth > 7 AND busy_below_share < 0.1 FROM io_limit")
        == "1")
    #expect(
      try incident.rows("SELECT object, name, value FROM configuration WHERE kind = 'limit'")
        == ["n0,iops,200"])
  }

  /// `{"return": [...]}` of query-block with a limit of 200 IOPS.
  private static let reply =
    "{\"return\": [{\"device\": \"d0\", \"inserted\": {\"node-name\": \"n0\", \"iops\": 200, \"file\": \"/a.img\"}}]}\n"

  private static let vmstat = """
    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0
     1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0

    """

  @Test("with several guests the host's file may mean another's disk, and the confidence says so")
  func severalGuests() throws {
    func found(guests: [String], reply side: String, of machine: String) throws -> Finding? {
      let incident = try SmallIncident()
      try incident.add(Self.pair(step: 5_000))
      for guest in guests { try incident.add(Self.vmstat, "guest", guest, path: "\(guest).txt") }
      try incident.add(Self.reply, side, machine, path: "qmp.json")
      try incident.correlate()
      return try incident.file.findings().first { $0.code.rawValue == "LIMIT_REACHED" }
    }
    #expect(try found(guests: [], reply: "host", of: "host")?.confidence == .high)
    let several = try #require(try found(guests: ["vm2"], reply: "host", of: "host"))
    #expect(several.confidence == .medium)
    #expect(several.because.hasSuffix("There are 2 guests; the file may mean another's disk."))
    // Another guest's own file states nothing of this one.
    #expect(try found(guests: [], reply: "guest", of: "vm2") == nil)
  }

  @Test("in bytes a second, where the limit is one")
  func bytes() throws {
    let (found, _) = try Self.findings(
      Self.pair(step: 5_000), limit: "\"bps_rd\": 819200, \"bps\": 819200")
    #expect(try #require(found["LIMIT_REACHED"]).contains("an I/O limit of 0.8 MB/s"))
  }

  @Test("no finding with another limit, with none, or where nothing waits")
  func silent() throws {
    #expect(
      try Self.findings(Self.pair(step: 5_000), limit: "\"iops\": 300").found["LIMIT_REACHED"]
        == nil)
    #expect(
      try Self.findings(Self.pair(step: 5_000), limit: "\"iops\": 0").found["LIMIT_REACHED"] == nil)
    // No thread of the host is known: its wait may be a thread's that works.
    #expect(try Self.findings(Self.pair(step: 5_000), limit: nil).found["LIMIT_REACHED"] == nil)
    // The guest asks for 200 a second by itself.
    let own = HandMadePair(
      ios: (0..<1_600).map { HandMadePair.IO(queued: 5_000 * ($0 + 1)) })
    #expect(try Self.findings(own, limit: "\"iops\": 200").found["LIMIT_REACHED"] == nil)
  }
}
