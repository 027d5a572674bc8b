import Foundation
import TestSupport
import Testing

/// What SQL of users may not do.
struct QueryGuardTests {
  private static let incident = Result {
    let path = try Repository.temporaryFolder().path + "/incident.db"
    let outcome = try Program.run(
      "ingest", path, Repository.fixtures.appending(path: "kvm-noisy-cpu").path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    // Else the first query that reads what it finds runs it, while others look at the file.
    #expect(try Program.run("correlate", path).status == 0)
    return path
  }

  @Test(
    "it neither writes, nor opens other files, nor changes settings, nor loads code",
    arguments: [
      "DELETE FROM source_file", "CREATE TABLE mine (a)", "CREATE TEMP TABLE mine (a)",
      "ATTACH '%/other.db' AS other", "ATTACH ':memory:' AS other", "DETACH main",
      "VACUUM INTO '%/copy.db'", "PRAGMA user_version = 9", "PRAGMA journal_mode = WAL",
      "PRAGMA query_only = 0", "PRAGMA writable_schema = 1", "PRAGMA temp_store_directory = '%'",
      "SELECT load_extension('libm.so')", "BEGIN IMMEDIATE", "REINDEX", "ANALYZE",
      "SELECT * FROM pragma_user_version(9)",
    ])
  func refused(_ sql: String) throws {
    let incident = try Self.incident.get()
    let folder = URL(filePath: incident).deletingLastPathComponent().path
    let before = try Data(contentsOf: URL(filePath: incident))
    let outcome = try Program.run(
      "query", incident, sql.replacingOccurrences(of: "%", with: folder))
    #expect(outcome.status == 2, "\(outcome.output)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["incident.db"])
    #expect(try Data(contentsOf: URL(filePath: incident)) == before)
  }

  @Test(
    "it reads, also with steps of its own",
    arguments: [
      "SELECT count(*) FROM request",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n",
      "PRAGMA table_info(io)", "SELECT name FROM pragma_table_info('io')", "PRAGMA user_version",
      "SELECT kind, count(*) FROM thread_interval GROUP BY kind",
      "EXPLAIN QUERY PLAN SELECT * FROM io",
    ])
  func allowed(_ sql: String) throws {
    let outcome = try Program.run("query", try Self.incident.get(), sql)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test("a value that would fill the memory is refused")
  func largeValue() throws {
    let outcome = try Program.run(
      "query", try Self.incident.get(), "SELECT length(randomblob(900000000))")
    #expect(outcome.status == 2)
  }
}
