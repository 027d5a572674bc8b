import Foundation
import TestSupport
import Testing

/// Wall clocks that an incident.yaml gives, and those whose zone nobody knows.
struct WallClockTests {
  /// The real capture's traces, and for the guest a loop over numastat with these dates.
  private static func incident(dates: [String], plan: String?) throws -> String {
    let folder = try Repository.temporaryFolder()
    let traces = Repository.fixtures.appending(path: "kvm-noisy-cpu")
    for (name, from) in [("guest-g", "guest-L2"), ("host-h", "host-L1")] {
      let target = folder.appending(path: name)
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: traces.appending(path: from + "/blkparse.txt"),
        to: target.appending(path: "blkparse.txt"))
    }
    let table = dates.enumerated().map { number, date in
      "\(date)\n                           node0\nnuma_hit                  \(1000 + number)\n"
    }
    try table.joined().write(
      to: folder.appending(path: "guest-g/numastat.txt"), atomically: true, encoding: .utf8)
    try plan?.write(
      to: folder.appending(path: "incident.yaml"), atomically: true, encoding: .utf8)
    let out = folder.path + "-out"
    let outcome = try Program.run("analyze", folder.path, "-o", out)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return out + "/incident.db"
  }

  private static let wall = """
    FROM clock JOIN source USING (source_id) WHERE clock.tool_clock = 'wall'
    """

  @Test("a wall clock that incident.yaml gives is used, straight or by way of the guest's trace")
  func given() throws {
    let dates = ["1791367872.0", "1791367873.0"]
    // The wall clock at the begin of the guest's trace; the host's trace is the reference.
    let direct = try Self.incident(
      dates: dates,
      plan: """
        clocks:
          - {machine: g, tool_clock: wall, reference: h, offset_ns: -1791367871000000000, error_ns: 7000}
        """)
    // The middle of the two printed seconds, half a second on; a REAL is good for 256 ns there.
    #expect(
      try Program.value(direct, "SELECT abs(offset_ns + 1791367870500000000) < 1000 \(Self.wall)")
        == "1")
    // A printed second may stand for half a second to either side.
    #expect(try Program.value(direct, "SELECT error_ns \(Self.wall)") == "500007000")
    #expect(try Program.value(direct, "SELECT method \(Self.wall)") == "given")
    #expect(
      try Program.value(direct, "SELECT is_used FROM given_clock_relation") == "1")
    let over = try Self.incident(
      dates: dates,
      plan: """
        clocks:
          - {machine: g, tool_clock: wall, reference: g, offset_ns: -1791367871000000000}
        """)
    // The guest's trace is 686 ms ahead of the host's.
    let sum = try Program.value(
      over,
      """
      SELECT abs(wall.offset_ns + 1791367870500000000 - trace.offset_ns) < 100000,
        wall.error_ns > 500000000
      FROM clock AS wall JOIN clock AS trace ON trace.machine = 'g' AND trace.tool_clock = 'blktrace'
      WHERE wall.tool_clock = 'wall'
      """)
    #expect(sum == "1,1")
  }

  @Test("a relation onto a clock that nothing ties is kept and said not to be used")
  func unused() throws {
    let incident = try Self.incident(
      dates: ["1791367872.0", "1791367873.0"],
      plan: """
        clocks:
          - {machine: g, tool_clock: wall, reference: h, reference_tool_clock: perf, offset_ns: 5}
        """)
    #expect(try Program.value(incident, "SELECT is_used FROM given_clock_relation") == "0")
    #expect(try Program.value(incident, "SELECT count(*) \(Self.wall)") == "0")
  }

  @Test("local times without a zone are tied to nothing by the clock, and a problem says so")
  func localTimes() throws {
    let incident = try Self.incident(
      dates: ["2026-10-07 10:11:12", "2026-10-07 10:11:13"], plan: nil)
    #expect(try Program.value(incident, "SELECT count(*) \(Self.wall)") == "0")
    #expect(
      try Program.value(
        incident,
        "SELECT count(*) FROM problem WHERE kind = 'unknown_zone' AND advice LIKE '%hours%'")
        == "1")
  }

  @Test(
    "rows of vmstat below one date are of its zone, and end when the command says",
    arguments: [
      ("", "from 2026-10-07 10:15:01 UTC on.", ""),
      ("$ vmstat 5 2\n", "2026-10-07 10:15:01 to 10:15:06 UTC.", "1791368106000000000"),
    ])
  func rowsBelowADate(_ command: String, _ said: String, _ last: String) throws {
    let folder = try Repository.temporaryFolder()
    let file = folder.appending(path: "vmstat.txt")
    try """
    Wed Oct  7 12:15:01 CEST 2026
    \(command)procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     1  0      0 812344  10240 655360    0    0     1     4   80  100  2  1 96  1  0
     4  0      0 812300  10240 655360    0    0     0    40 1800 2500 50 10 10  0 30

    """.write(to: file, atomically: true, encoding: .utf8)
    let incident = folder.appending(path: "i.db").path
    #expect(try Program.run("ingest", incident, file.path, "--guest", "g").status == 0)
    let report = try Program.run("report", incident)
    #expect(report.words.contains(said), "\(report.output.prefix(300))")
    let columns = "first_ns, coalesce(last_ns, '')"
    #expect(
      try Program.value(incident, "SELECT \(columns) FROM source")
        == "1791368101000000000,\(last)")
    #expect(try Program.value(incident, "SELECT utc_offset_s FROM vm_counter") == "7200")
  }
}
