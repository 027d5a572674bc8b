import GRDB
import TestSupport
import Testing
import TraceModel

@testable import TraceAnalysis
@testable import TraceStore

/// Which file tells what 0 s of a timeline is on the wall clock.
struct WallTimeTests {
  private static let start: Int64 = 1_795_339_847_042_719_838

  /// The trace of a guest and its host, which say when they began.
  private static func incident(
    starts: [String: Int64], pair: HandMadePair = HandMadePair.every10ms(300, seed: 7)
  ) throws -> SmallIncident {
    let incident = try SmallIncident()
    try incident.add(pair)
    for (machine, start) in starts { try begin(incident, machine, start) }
    try Correlation.run(incident.file)
    return incident
  }

  /// Lets the traces of a machine say when they began.
  static func begin(
    _ incident: SmallIncident, _ machine: String, _ start: Int64, clock: String = "CLOCK_REALTIME"
  ) throws {
    try incident.file.queue.write { db in
      try db.execute(
        sql: """
          UPDATE source_file SET start_ns = ?, start_clock = ?
          WHERE tool_clock = 'blktrace' AND machine_id = (SELECT machine_id FROM machine WHERE name = ?)
          """, arguments: [start, clock, machine])
    }
  }

  private static func rows(_ incident: SmallIncident) throws -> [String] {
    try incident.file.rows(
      "SELECT reference || ' ' || (unix_ns - at_ns) || ' ' || error_ns || ' ' || source AS told FROM wall_time"
    ).compactMap { $0.text("told") }
  }

  @Test("the reference timeline's own trace tells its date, whatever the guest's clock says")
  func own() throws {
    let incident = try Self.incident(starts: [
      "host": Self.start, "vm1": Self.start + 5_000_000_000,
    ])
    #expect(try Self.rows(incident) == ["host blktrace \(Self.start) 1000000 host.txt"])
    let timeline = try #require(try incident.file.timelines(of: "vm1").first)
    #expect(timeline.name == "host blktrace" && timeline.wall?.distance == Self.start)
    #expect(timeline.text(8_365_000_000) == "8.365 s (09:30:55.4 UTC)")
    #expect(timeline.date == "0 s is 2026-11-22 09:30:47.0 UTC")
  }

  @Test("where it does not, a trace that is tied to it tells, with the bound of its clock")
  func tied() throws {
    let incident = try Self.incident(starts: ["vm1": Self.start])
    let clock = try #require(
      try incident.file.rows(
        "SELECT offset_ns, error_ns FROM clock WHERE method <> 'reference'"
      ).first)
    let wall = try #require(try incident.file.wallClock(of: "host blktrace"))
    let offset = try #require(clock.number("offset_ns"))
    #expect(abs(Double(wall.distance - Self.start) + offset) < 1_000)
    #expect(wall.error == 1_000_000 + (clock.integer("error_ns") ?? 0))
    #expect(wall.source == "vm1.txt")
  }

  @Test("a start on another clock, or none, tells no date")
  func none() throws {
    let incident = try Self.incident(starts: [:])
    try Self.begin(incident, "host", 42, clock: "CLOCK_MONOTONIC")
    #expect(try Self.rows(incident).isEmpty)
    let timeline = try #require(try incident.file.timelines().first)
    #expect(timeline.wall == nil && timeline.text(8_365_000_000) == "8.365 s")
    #expect(timeline.date == "no file tells the date")
  }

  @Test("a guest alone has its own timeline; guests that nothing ties have one each")
  func apart() throws {
    let incident = try SmallIncident()
    let pair = HandMadePair.every10ms(300, seed: 7)
    for (number, name) in ["vm1", "vm2"].enumerated() {
      try incident.add(
        pair.guestRequests, of: incident.machine(name, .guest), device: pair.guestDevice,
        path: "\(name).txt")
      try Self.begin(incident, name, Self.start + Int64(number) * 1_000_000_000)
    }
    try Correlation.run(incident.file)
    #expect(
      try Self.rows(incident) == [
        "vm1 blktrace \(Self.start) 1000000 vm1.txt",
        "vm2 blktrace \(Self.start + 1_000_000_000) 1000000 vm2.txt",
      ])
    #expect(try incident.file.timelines().map(\.name) == ["vm1 blktrace", "vm2 blktrace"])
    #expect(try incident.file.timelines(of: "vm2").map(\.name) == ["vm2 blktrace"])
  }

  @Test("a start that no clock can have is no date, and no crash")
  func impossible() throws {
    let incident = try Self.incident(starts: [:])
    try Self.begin(incident, "host", .max)
    #expect(throws: StoreError.self) { try incident.file.timelines() }
  }
}
