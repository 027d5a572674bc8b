import Foundation
import GRDB
import TestSupport
import Testing
import TraceModel

@testable import TraceStore

/// Incident files of older schema versions.
///
/// `Fixtures/incident-files/N.sqlite.gz` is one that the first release with version N wrote. The last thing before that
/// release is to write it anew: `RECORD=1 swift test --filter MigrationTests`. Once CHANGELOG.md names a release,
/// any change of `schema/` needs a new version and its step.
struct MigrationTests {
  private static let released = Repository.fixtures.appending(path: "incident-files")

  /// Whether the current version is out: the change log has a heading like `## 0.1.0`.
  private static var isReleased: Bool {
    get throws {
      try String(contentsOf: Repository.root.appending(path: "CHANGELOG.md"), encoding: .utf8)
        .contains(/(?m)^## \[?[0-9]/)
    }
  }

  /// The structure of a file, one statement a row.
  private static func structure(_ path: String) throws -> [String] {
    try DatabaseQueue(path: path).read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
          WHERE name NOT IN ('guest_io_request', 'merged_bio_request') ORDER BY type, name
          """)
    }
  }

  private static func gzip(_ arguments: [String], from: URL, to: URL) throws {
    try Data().write(to: to)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip"] + arguments
    process.standardInput = try FileHandle(forReadingFrom: from)
    process.standardOutput = try FileHandle(forWritingTo: to)
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  private static func value(_ file: IncidentFile, _ sql: String) throws -> String {
    var found = ""
    try file.query(sql, columns: { _ in }, row: { found = "\($0)" })
    return found
  }

  /// A new file with a row of each kind that is quickly made.
  private static func fill(_ path: String) throws {
    let file = try IncidentFile(path, mode: .create)
    let machine = Machine(name: "web1", layer: .guest)
    _ = try file.addSource(machine, path: "trace.txt") { sink in
      var request = BlockRequest()
      request.id = sink.nextRequestID()
      request.stream = try sink.stream(
        StreamKey(device: DeviceNumber(rawValue: 8 << 20), segment: 0))
      request.task = try sink.task(TaskIdentity(pid: 7, name: TaskName("fio")))
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
      summary.sha256 = String(repeating: "a", count: 64)
      summary.events = 3
      summary.lines = 3
      return summary
    }
  }

  @Test("an incident file of every version opens, and its structure becomes that of a new one")
  func everyRelease() throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let new = folder.appending(path: "new.db")
    try Self.fill(new.path)
    let latest = Self.released.appending(path: "\(Schema.version).sqlite.gz")
    if Repository.isRecording {
      try Self.gzip(["-9n"], from: new, to: latest)
      Issue.record("recorded \(latest.lastPathComponent); run again without RECORD")
      return
    }
    for version in 1...Schema.version {
      let old = folder.appending(path: "\(version).db")
      try Self.gzip(
        ["-d"], from: Self.released.appending(path: "\(version).sqlite.gz"), to: old)
      // Before its release the schema changes, and the file is of the day on which it was written.
      let isNow = try Self.structure(old.path) == Self.structure(new.path)
      guard try version < Schema.version || Self.isReleased || isNow else { continue }
      if version < Schema.version {
        #expect {
          try IncidentFile(old.path, mode: .read)
        } throws: { error in (error as? StoreError)?.kind == .tooOld }
      }
      let file = try IncidentFile(old.path, mode: .write)
      #expect(file.formerVersion == (version < Schema.version ? version : nil))
      #expect(try file.integrityFaults() == [])
      let request = "SELECT machine, op, sector, completed_ns - issued_ns, comm FROM request"
      let asNew = try Self.value(IncidentFile(new.path, mode: .read), request)
      #expect(try Self.value(file, request) == asNew)
      #expect(
        try Self.structure(old.path) == Self.structure(new.path),
        "schema/ differs from version \(version); see the comment above")
    }
  }

  /// To a version that there is not.
  private static let next = Migration(
    from: Schema.version,
    sql: """
      ALTER TABLE machine ADD COLUMN site TEXT;
      UPDATE machine SET site = 'cellar';
      """)

  @Test("a step keeps what was ingested, makes views anew and has correlation be due")
  func step() throws {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try Self.fill(path)
    let queue = try DatabaseQueue(path: path)
    try queue.write { db in
      try db.execute(
        sql: """
          INSERT INTO incident_state VALUES ('correlated', 'yes');
          DROP VIEW io;
          CREATE VIEW io AS SELECT 1 AS an_old_form;
          """)
      try Migration.run(db, from: Schema.version, to: Schema.version + 1, steps: [Self.next])
    }
    let found = try queue.read { db in
      try String.fetchOne(
        db,
        sql: """
          SELECT (SELECT user_version FROM pragma_user_version) || ' ' || (SELECT site FROM machine)
            || ' ' || (SELECT count(*) FROM request) || ' ' || (SELECT count(io_id) FROM io)
            || ' ' || (SELECT count(*) FROM incident_state)
          """)
    }
    #expect(found == "\(Schema.version + 1) cellar 1 0 0")
  }

  @Test("a step that fails leaves the file to the byte as it was")
  func failingStep() throws {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try Self.fill(path)
    let before = try Data(contentsOf: URL(filePath: path))
    let broken = Migration(
      from: Schema.version, sql: Self.next.sql + "INSERT INTO nothing VALUES (1);")
    let queue = try DatabaseQueue(path: path)
    #expect(throws: DatabaseError.self) {
      try queue.write { db in
        try Migration.run(db, from: Schema.version, to: Schema.version + 1, steps: [broken])
      }
    }
    try queue.close()
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test("a version that no release has written is refused in a sentence")
  func unknownVersion() throws {
    let path = try Repository.temporaryFolder().appending(path: "incident.db").path
    try Self.fill(path)
    try DatabaseQueue(path: path).write { try $0.execute(sql: "PRAGMA user_version = 0") }
    let before = try Data(contentsOf: URL(filePath: path))
    for mode in [IncidentFile.Mode.read, .write] {
      #expect {
        try IncidentFile(path, mode: mode)
      } throws: { error in (error as? StoreError)?.kind == .foreign }
    }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test("steps lead from each version to the next, with none left out")
  func complete() {
    #expect(Migration.all.map(\.from).sorted() == Array(1..<Schema.version))
  }
}
