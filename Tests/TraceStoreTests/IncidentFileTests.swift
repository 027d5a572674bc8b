import Foundation
import GRDB
import TestSupport
import Testing
import TraceModel

@testable import TraceStore

struct IncidentFileTests {
  private func path() throws -> String {
    try Repository.temporaryFolder().appending(path: "incident.db").path
  }

  private static let guest = Machine(name: "web1", layer: .guest)

  /// A source of one request.
  private func summary(_ sink: any EventSink, sha: String = "a") throws -> SourceSummary {
    var request = BlockRequest()
    request.id = sink.nextRequestID()
    request.stream = try sink.stream(
      StreamKey(device: DeviceNumber(rawValue: 8 << 20), segment: 0))
    request.task = try sink.task(TaskIdentity(pid: 7, name: TaskName()))
    request.sector = 64
    request.sectors = 8
    request.rwbs = [.write, .sync]
    request.queued = Stamp(1_000)
    request.issued = Stamp(1_500)
    request.firstIssued = request.issued
    request.completed = Stamp(9_000)
    request.line = 3
    var batch = BlockBatch()
    batch.requests.append(request)
    try sink.receive(batch)
    var summary = SourceSummary()
    summary.format = "blktrace"
    summary.toolClock = "blktrace"
    summary.sha256 = sha
    summary.events = 3
    summary.lines = 3
    return summary
  }

  private func rows(_ file: IncidentFile, _ sql: String) throws -> [[StoredValue]] {
    var rows: [[StoredValue]] = []
    try file.query(sql, columns: { _ in }, row: { rows.append($0) })
    return rows
  }

  @Test("the long view has the hops that the wide one has, and no others")
  func hops() throws {
    let path = try path()
    let file = try IncidentFile(path, mode: .create)
    _ = try file.addSource(Self.guest, path: "x") { try summary($0) }
    try DatabaseQueue(path: path).write { db in
      try db.execute(
        sql: """
          INSERT INTO guest_io (request_id, leading, sectors, rwbs, op, page_cache_ns, guest_scheduler_ns,
            virtio_submit_ns, virtio_return_ns, host_scheduler_ns, block_ns, match_grade, host_requests)
          VALUES (1, 1, 8, 0, 1, 1, 20, 300, 4000, 50000, 600000, 0, 1), (1, 0, 8, 0, 1, NULL, 7, NULL, NULL,
            NULL, 9, 5, 0)
          """)
    }
    let all = try rows(file, "SELECT hop, ns FROM io_hop WHERE io_id = 1")
    let expected: [(Hop, Int64)] = [
      (.pageCache, 1), (.guestScheduler, 20), (.virtioQueue, 4_300), (.virtioSubmit, 300),
      (.virtioReturn, 4_000), (.hostScheduler, 50_000), (.block, 600_000), (.total, 600_001),
    ]
    #expect(all == expected.map { [.text($0.name), .integer($1)] })
    let few = try rows(file, "SELECT hop, ns FROM io_hop WHERE io_id = 2")
    #expect(
      few == [
        [.text("guest_scheduler"), .integer(7)], [.text("block"), .integer(9)],
        [.text("total"), .integer(9)],
      ])
    // By the numbers of chosen I/Os it is no scan of all of them.
    let plan = try rows(file, "EXPLAIN QUERY PLAN SELECT ns FROM io_hop WHERE io_id IN (1, 2)")
    #expect(!"\(plan)".contains("SCAN guest_io"), "\(plan)")
  }

  @Test("a request comes back from the view as it went in; what was not seen is NULL")
  func roundTrip() throws {
    let file = try IncidentFile(try path(), mode: .create)
    _ = try file.addSource(Self.guest, path: "x") { try summary($0) }
    let row = try rows(
      file,
      """
      SELECT op, rwbs, sector, sectors, queued_ns, get_ns, inserted_ns, first_issued_ns, issued_ns,
        completed_ns, line FROM request
      """
    )[0]
    #expect(
      row == [
        .text("write"), .text("WS"), .integer(64), .integer(8), .integer(1_000), .null, .null,
        .integer(1_500), .integer(1_500), .integer(9_000), .integer(3),
      ])
    let stored = try #require(try file.requests(of: file.blockStreams())[1]?.first)
    #expect(stored.firstIssued == Stamp(1_500))
    #expect(stored.got == .unseen)
  }

  @Test("the same bytes of the same machine go in once; of another machine again")
  func idempotent() throws {
    let file = try IncidentFile(try path(), mode: .create)
    _ = try file.addSource(Self.guest, path: "x") { try summary($0) }
    guard case .alreadyThere = try file.addSource(Self.guest, path: "y", read: { try summary($0) })
    else {
      Issue.record("went in twice")
      return
    }
    #expect(try file.sourceCount() == 1)
    #expect(try rows(file, "SELECT count(*) FROM request") == [[.integer(1)]])
    _ = try file.addSource(Machine(name: "web2", layer: .guest), path: "x") { try summary($0) }
    #expect(try file.sourceCount() == 2)
  }

  @Test("a source that fails in the middle leaves nothing")
  func atomic() throws {
    struct Failure: Error {}
    let file = try IncidentFile(try path(), mode: .create)
    #expect(throws: Failure.self) {
      _ = try file.addSource(Self.guest, path: "x") { sink in
        _ = try summary(sink)
        throw Failure()
      }
    }
    for table in ["source_file", "machine", "block_request", "block_stream", "task"] {
      #expect(try rows(file, "SELECT count(*) FROM \(table)") == [[.integer(0)]], "\(table)")
    }
  }

  @Test("a name is of one side only")
  func sides() throws {
    let file = try IncidentFile(try path(), mode: .create)
    _ = try file.addSource(Self.guest, path: "x") { try summary($0) }
    #expect(throws: StoreError.self) {
      _ = try file.addSource(Machine(name: "web1", layer: .host), path: "x") {
        try summary($0, sha: "b")
      }
    }
  }

  @Test("files that are none of ours are refused, each with its reason")
  func foreignFiles() throws {
    let text = try path()
    try "not a database, but long enough to look at".write(
      toFile: text, atomically: true, encoding: .utf8)
    #expect(throws: StoreError.self) { try IncidentFile(text, mode: .read) }
    #expect(throws: StoreError.self) { try IncidentFile(try path(), mode: .read) }

    let newer = try path()
    let file = try IncidentFile(newer, mode: .create)
    try file.queue.write { db in try db.execute(sql: "PRAGMA user_version = 99") }
    let error = #expect(throws: StoreError.self) { try IncidentFile(newer, mode: .read) }
    #expect(error?.kind == .tooNew)

    let other = try path()
    let plain = try IncidentFile(other, mode: .create)
    try plain.queue.write { db in try db.execute(sql: "PRAGMA application_id = 1") }
    let foreign = #expect(throws: StoreError.self) { try IncidentFile(other, mode: .read) }
    #expect(foreign?.kind == .foreign)
  }

  @Test(
    "a query cannot write",
    arguments: [
      "DELETE FROM machine", "CREATE TABLE t (a)", "INSERT INTO machine VALUES (9, 'x', 'guest')",
      "SELECT 1; DELETE FROM machine", "DROP VIEW io", "PRAGMA user_version = 3",
    ])
  func readOnly(_ sql: String) throws {
    let path = try path()
    _ = try IncidentFile(path, mode: .create)
    let file = try IncidentFile(path, mode: .read)
    #expect(throws: StoreError.self) { try rows(file, sql) }
  }
}

struct SchemaTests {
  /// View and the columns that scripts rely on.
  static let promised: [(String, String)] = [
    (
      "source",
      "source_id path sha256 bytes format machine layer tool_clock start_ns start_clock lines events "
        + "skipped_lines lost_events first_ns last_ns duplicate_of"
    ),
    ("problem", "source_id line column kind severity count excerpt advice"),
    (
      "clock",
      "machine tool_clock reference segment from_ns to_ns offset_ns drift_ppm error_ns method pairs "
        + "removed_pairs violations"
    ),
    (
      "device_map",
      "guest guest_device host host_device guest_sector host_sector sectors origin"
    ),
    (
      "request",
      "request_id machine layer device op rwbs sector sectors queued_ns get_ns inserted_ns "
        + "first_issued_ns issued_ns completed_ns segment error pid comm source_id line"
    ),
    (
      "io",
      "io_id request_id leading guest device op rwbs sector sectors queued_at_ns completed_at_ns "
        + "page_cache_ns guest_scheduler_ns virtio_queue_ns virtio_submit_ns virtio_return_ns "
        + "host_scheduler_ns hardware_queue_ns total_ns block_ns clock_error_ns submit_cpu_wait_ns "
        + "return_cpu_wait_ns match_grade match_reason host_requests"
    ),
    (
      "hop_summary",
      "guest device op hop count mean_ns p50_ns p90_ns p99_ns p999_ns max_ns share_of_total"
    ),
    ("stage", "machine device stage count min_ns mean_ns p50_ns p99_ns max_ns"),
  ]

  @Test("every promised view has its promised columns", arguments: promised)
  func promisedColumns(_ view: String, _ columns: String) throws {
    let folder = try Repository.temporaryFolder()
    let file = try IncidentFile(folder.appending(path: "i.db").path, mode: .create)
    var names: [String] = []
    try file.query("SELECT * FROM \(view)", columns: { names = $0 }, row: { _ in })
    for column in columns.split(separator: " ") {
      #expect(names.contains(String(column)), "\(view).\(column)")
    }
  }

  @Test(
    "pages that lead to each other are reported, and their tables are not scanned",
    .timeLimit(.minutes(1)))
  func circularPages() throws {
    let path = try Repository.temporaryFolder().appending(path: "i.db").path
    let file = try IncidentFile(path, mode: .create)
    try file.writing { db in
      try db.execute(sql: "INSERT INTO setting VALUES (1, 'queue', 'vda', 'nr_tags', '64', 1)")
      return .commit
    }
    try file.close()
    let root = try DatabaseQueue(path: path).read { db in
      try Int.fetchOne(db, sql: "SELECT rootpage FROM sqlite_master WHERE name = 'setting'") ?? 0
    }
    let size = 16_384
    var data = [UInt8](try Data(contentsOf: URL(filePath: path)))
    func bytes(_ number: Int, _ count: Int) -> [UInt8] {
      (0..<count).reversed().map { UInt8(number >> (8 * $0) & 0xFF) }
    }
    // Six levels of inner pages, each with the one below it as its 400 children: 400^6 leaves.
    data += data[(root - 1) * size..<root * size]
    for level in 0..<6 {
      let child = data.count / size
      var page = [UInt8](repeating: 0, count: size)
      page[0] = 5
      page.replaceSubrange(3..<5, with: bytes(400, 2))
      page.replaceSubrange(5..<7, with: bytes(size - 2_400, 2))
      page.replaceSubrange(8..<12, with: bytes(child, 4))
      for cell in 0..<400 {
        let start = size - 6 * (cell + 1)
        page.replaceSubrange(12 + 2 * cell..<14 + 2 * cell, with: bytes(start, 2))
        page.replaceSubrange(
          start..<start + 6, with: bytes(child, 4) + [0x80 | UInt8(cell >> 7), UInt8(cell & 127)])
      }
      if level < 5 {
        data += page
      } else {
        data.replaceSubrange((root - 1) * size..<root * size, with: page)
      }
    }
    data.replaceSubrange(28..<32, with: bytes(data.count / size, 4))
    try Data(data).write(to: URL(filePath: path))
    let faults = try IncidentFile(path, mode: .read).integrityFaults()
    #expect(!faults.isEmpty)
  }

  @Test("every column of every view is documented, in its order")
  func documentedColumns() throws {
    let folder = try Repository.temporaryFolder()
    let file = try IncidentFile(folder.appending(path: "i.db").path, mode: .create)
    var views: [String] = []
    // These are made for a connection when a statement asks for them.
    for view in UnpackedView.allCases {
      try file.query("SELECT * FROM \(view.rawValue)", columns: { _ in }, row: { _ in })
    }
    try file.query(
      """
      SELECT name FROM sqlite_master WHERE type = 'view'
      UNION ALL SELECT name FROM sqlite_temp_master WHERE type = 'view'
      """, columns: { _ in },
      row: { if case .text(let name) = $0[0] { views.append(name) } })
    #expect(Set(views) == Set(Schema.views.map(\.name)))
    for view in Schema.views {
      var names: [String] = []
      try file.query("SELECT * FROM \(view.name)", columns: { names = $0 }, row: { _ in })
      #expect(view.columns.map(\.name) == names, "\(view.name)")
      #expect(!view.about.isEmpty)
      for column in view.columns where column.name.hasSuffix("_ns") {
        #expect(column.about.contains("ns"), "\(view.name).\(column.name) has no unit")
      }
    }
  }

  @Test("every SQL file of schema/ is compiled in, and every stored query runs")
  func everyFile() throws {
    let root = Repository.root.appending(path: "schema")
    let found =
      FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String }
      .filter { $0.hasSuffix(".sql") } ?? []
    #expect(Set(found) == Set(Schema.files.map(\.path)))
    let folder = try Repository.temporaryFolder()
    let file = try IncidentFile(folder.appending(path: "i.db").path, mode: .create)
    for query in Schema.queries {
      try file.query(query.sql, columns: { _ in }, row: { _ in })
      #expect(!query.about.isEmpty)
    }
  }

  @Test(
    "the CPUs of D and C are stored as they were, also the largest, and the one that was not seen")
  func cpus() {
    let ends: [Int32] = [-1, 0, 1, 65_535]
    for issued in ends {
      for completed in ends {
        var request = BlockRequest()
        (request.issuedCPU, request.completedCPU) = (issued, completed)
        let read = CPUPair(packed: CPUPair(request).packed)
        #expect((read.issued, read.completed) == (issued, completed))
      }
    }
  }
}
