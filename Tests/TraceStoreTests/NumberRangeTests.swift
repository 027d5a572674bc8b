import Foundation
import GRDB
import TestSupport
import Testing
import TraceModel

@testable import TraceStore

/// The ranges of columns, and that rows are checked by them where they are decoded.
struct NumberRangeTests {
  @Test(
    "a column's name says which whole numbers it holds",
    arguments: [
      ("at_ns", -2_305_843_009_213_693_952, true), ("at_ns", -2_305_843_009_213_693_953, false),
      ("wall_ns", 4_102_444_800_000_000_000, true),
      ("wall_ns", 4_611_686_018_427_387_904, false), ("block_ns", 2_305_843_009_213_693_952, true),
      ("block_ns", 2_305_843_009_213_693_953, false),
      ("block_ns", -2_305_843_009_213_693_953, false),
      ("offset_ns", 4_611_686_018_427_387_904, true),
      ("offset_ns", 4_611_686_018_427_387_905, false),
      ("sector", -1, true), ("host_sector", 18_014_398_509_481_984, true),
      ("sectors", 18_014_398_509_481_985, false), ("sector", -2, false),
      ("count", 0, true), ("host_requests", -1, false), ("removed_pairs", -1, false),
      ("max_depth", 9_007_199_254_740_992, true),
      ("max_depth", 9_007_199_254_740_993, false), ("mean_depth", -1, false),
      ("issued_cpu", -1, true),
      ("issued_cpu", 2_147_483_648, false), ("op", 4, true), ("op", 5, false),
      ("match_grade", 6, false),
      // What texts hold, and sums over all that a file holds.
      ("value", Int64.max, true), ("value", Int64.min, true), ("run_ns", Int64.max, true),
      // A name that nobody knows.
      ("something", Int64.min, true),
    ] as [(String, Int64, Bool)])
  func whole(_ column: String, _ number: Int64, _ isIn: Bool) {
    #expect(NumberRange.of(column).contains(number) == isIn)
  }

  @Test(
    "and which others",
    arguments: [
      ("share", 1.815, true), ("runner_up_share", 1_000.5, false), ("share_of_total", -0.0, true),
      ("little_residual", .nan, false), ("reported_pct", 162.5, true),
      ("busy_pct", -.infinity, false),
      ("measured_pct", 1e10, false), ("drift_ppm", -100_000, true), ("drift_ppm", 1e6, false),
      ("percentile", 99.9, true),
      ("percentile", 100.1, false), ("mean_ns", .leastNonzeroMagnitude, true),
      ("mean_ns", 9.3e18, false), ("offset_ns", -4.7e18, false),
      ("something", 1.7e308, true), ("something", .infinity, false), ("something", .nan, false),
    ] as [(String, Double, Bool)])
  func other(_ column: String, _ number: Double, _ isIn: Bool) {
    #expect(NumberRange.of(column).contains(number) == isIn)
  }

  @Test("two moments, two durations and their sum differ by what a whole number can be")
  func differences() {
    let (moment, duration) = (NumberRange.moment, NumberRange.duration)
    #expect(!moment.highest.subtractingReportingOverflow(moment.lowest).overflow)
    let length = duration.highest
    #expect(!(length + length).addingReportingOverflow(length).overflow)
  }

  /// A file with a machine, a source, and what a statement adds.
  private func file(_ sql: String) throws -> IncidentFile {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try IncidentFile(path, mode: .create).close()
    try DatabaseQueue(path: path).write { db in
      try db.execute(sql: "PRAGMA ignore_check_constraints = on")
      try db.execute(
        sql: """
          INSERT INTO machine VALUES (1, 'vm1', 'guest'), (2, 'host', 'host');
          INSERT INTO source_file (source_id, machine_id, path, sha256, bytes, format, tool_clock, lines,
            events, skipped_lines, lost_events, first_ns, last_ns)
          VALUES (1, 1, 'g', 'a', 1, 'blktrace', 'blktrace', 1, 1, 0, 0, 0, 1000),
            (2, 2, 'h', 'b', 1, 'blktrace', 'blktrace', 1, 1, 0, 0, 0, 1000);
          INSERT INTO block_stream VALUES (1, 1, '254,0', 0), (2, 2, '8,0', 0);
          INSERT INTO join_summary VALUES (1, 2, 'joined', 0.1, 0.9, 0.1);
          """)
      try db.execute(sql: sql)
    }
    return try IncidentFile(path, mode: .read)
  }

  private static let readers: [(String, String, @Sendable (IncidentFile) throws -> Void)] = [
    (
      "UPDATE join_summary SET feasible_share = 1e300", "feasible_share",
      { _ = try $0.disks(IOFilter()) }
    ),
    (
      "INSERT INTO clock_relation VALUES (1, 2, 0, 0, NULL, 0, 9, 9e999, 0, 1, 1, 'm', 1, 0, 0)",
      "offset_ns",
      { _ = try $0.clocks() }
    ),
    (
      "INSERT INTO hop_quantile VALUES (1, 'all', 'block', 1, -1e19, 1, 1, 1, 1, 1, 1)", "mean_ns",
      { _ = try $0.storedHops(IOFilter()) }
    ),
    (
      "INSERT INTO tail_share VALUES (1, 'all', 1e9, 'block', 1, 1, 1)", "percentile",
      { _ = try $0.storedTail(IOFilter()) }
    ),
    (
      "INSERT INTO queue_interval VALUES (2, 'hardware_queue', 0, 9223372036854775807, 1, 1, 1, 0)",
      "interval_ns",
      { _ = try $0.queueDepths() }
    ),
    (
      "INSERT INTO recorded_clock VALUES (1, 2, 'given', 'p', 1, 0, 0, 9223372036854775807, 0, 1)",
      "recorded_error_ns",
      { _ = try $0.clockChecks(guest: nil) }
    ),
    (
      "INSERT INTO block_stage VALUES (1, 'D2C', 1, 1, 9e999, 1, 1, 1)", "mean_ns",
      { _ = try $0.stages() }
    ),
    (
      "UPDATE source_file SET first_ns = -9223372036854775808", "first_ns", { _ = try $0.sources() }
    ),
    // A statement of a rule or section.
    (
      "INSERT INTO steal_second (guest, at_ns, reported_pct) VALUES ('vm1', 4611686018427387904, 1)",
      "at_ns",
      { _ = try $0.rows("SELECT * FROM steal") }
    ),
    (
      "INSERT INTO steal_second (guest, at_ns, reported_pct) VALUES ('vm1', 0, 9e999)",
      "guest_reported_pct",
      { _ = try $0.rows("SELECT * FROM steal") }
    ),
  ]

  @Test(
    "a row with a number that its column cannot hold is an error of the file", arguments: 0..<10)
  func damaged(_ place: Int) throws {
    let (sql, column, read) = Self.readers[place]
    let file = try file(sql)
    let error = #expect(throws: StoreError.self) { try read(file) }
    #expect(error?.kind == .damaged)
    #expect(error?.message.contains("'\(column)' is ") == true, "\(error?.message ?? "")")
    // And `check` names it: the column of the table may have another name than that of the view.
    let faults = try file.integrityFaults()
    #expect(faults.count == 1)
    #expect(faults.first?.contains(column.replacing("guest_", with: "")) == true, "\(faults)")
    #expect(faults.first?.contains(" in row 1") == true)
  }

  @Test("an I/O's numbers are checked where millions of them are read")
  func ios() throws {
    for column in [
      "queued_at_ns", "sectors", "op", "block_ns", "virtio_return_ns", "clock_error_ns",
    ] {
      let file = try file(
        """
        INSERT INTO task VALUES (1, 7, 'fio');
        INSERT INTO block_kind VALUES (1, 1, 1, 0, 0, 0, 1);
        INSERT INTO block_request (kind_id, sector, sectors, at_ns, line, cpus, request_id) VALUES (1, 8, 8, 0, 1, 0, 1);
        INSERT INTO guest_io (request_id, leading, sectors, rwbs, op, queued_at_ns, block_ns, match_grade, host_requests)
        VALUES (1, 1, 8, 0, 0, 100, 500, 5, 0);
        """)
      let traces = try file.diskTraces()
      var count = 0
      try file.forEachIO(of: traces) { _, io in
        #expect(io.times[.block] == Stamp(500))
        count += 1
      }
      #expect(count == 1)
      try DatabaseQueue(path: file.path).write { db in
        try db.execute(sql: "UPDATE guest_io SET \(column) = 4611686018427387905")
      }
      let error = #expect(throws: StoreError.self, "\(column)") {
        try file.forEachIO(of: file.diskTraces()) { _, _ in }
      }
      #expect(error?.kind == .damaged)
    }
  }

  @Test(
    "a word that nobody knows is an error, and not another word",
    arguments: [
      "UPDATE machine SET layer = 'moon'",
      "INSERT INTO finding_row VALUES (1, 'ALL_IS_WELL', 'info', NULL, 's', 'low', 'b', 'SELECT 1', 'n', NULL, NULL, NULL, NULL)",
      "INSERT INTO finding_row VALUES (1, 'NOT_JOINED', 'dire', NULL, 's', 'low', 'b', 'SELECT 1', 'n', NULL, NULL, NULL, NULL)",
      "INSERT INTO thread_role (source_id, tid, role, line) VALUES (2, 7, 'cook', 1)",
    ])
  func words(_ sql: String) throws {
    let file = try file(sql)
    let error = #expect(throws: StoreError.self) {
      _ = try file.sources()
      _ = try file.findings(guest: nil, of: [Finding.Code("NOT_JOINED")])
      _ = try file.threadFacts()
    }
    #expect(error?.kind == .damaged)
    #expect(error?.message.contains("unknown") == true)
  }

  @Test("two devices are no further apart than a disk is long")
  func distances() throws {
    let insert = "INSERT INTO block_remap VALUES (2, '8,1', 18014398509481984, 1)"
    #expect(try file(insert).partitions().map(\.delta) == [1 << 54])
    let damaged = try file(insert.replacing("984, 1)", with: "985, 1)"))
    #expect(throws: StoreError.self) { try damaged.partitions() }
    #expect(throws: StoreError.self) { try damaged.blockStreams() }
  }

  @Test("what a user asks for is what the file holds")
  func free() throws {
    let file = try file("UPDATE join_summary SET feasible_share = 1e300")
    var found: [StoredValue] = []
    try file.query(
      "SELECT feasible_share FROM join_summary", columns: { _ in }, row: { found += $0 })
    #expect(found == [.real(1e300)])
  }
}
