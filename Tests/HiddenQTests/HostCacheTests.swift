import Foundation
import TestSupport
import Testing

/// A guest's disk behind the host's page cache (`cache=writeback`): a pair of traces written by hand, with its
/// truth.
struct HostCacheTests {
  private static let folder = Repository.fixtures.appending(path: "host-cache")

  /// The fixture as an incident file.
  private static func incident() throws -> String {
    let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
    for (side, option) in [("host", "--host"), ("guest", "--guest")] {
      let done = try Program.run(
        "ingest", "blktrace", incident, folder.appending(path: "\(side)/blkparse.txt").path,
        option, side)
      #expect(done.status == 0, "\(done.errors)")
    }
    #expect(try Program.run("correlate", incident).status == 0)
    return incident
  }

  @Test("each I/O of the truth is served by whom it says, and written when it says")
  func truth() throws {
    let incident = try Self.incident()
    let got = try Program.value(
      incident,
      """
      SELECT group_concat(row, ';') FROM (
        SELECT io.sector || ' ' || io.completed_at_ns || ' ' || io.op || ' '
          || CASE match_grade WHEN 'exact' THEN 'disk' WHEN 'absorbed' THEN 'cache' ELSE match_grade END
          || ' ' || coalesce(later.completed_ns, '') AS row
        FROM io LEFT JOIN request AS later ON later.request_id = io.deferred_request_id
        WHERE io.op <> 'flush' ORDER BY io.completed_at_ns)
      """)
    let text = try String(contentsOf: Self.folder.appending(path: "truth.csv"), encoding: .utf8)
    // guest_sector,guest_complete_ns,op,served_by,host_complete_ns,deferred_ns
    let truth = text.split(whereSeparator: \.isNewline).dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(truth.count == 103)
    let lines = got.split(separator: ";")
    #expect(lines.count == truth.count)
    for (line, row) in zip(lines, truth) { #expect(line == row.prefix(5).joined(separator: " ")) }
    // How long acknowledged data was not on the disk: true within the clock's bound.
    let delays = try Program.value(
      incident,
      """
      SELECT group_concat(io.completed_at_ns || ' ' || deferred_ns || ' ' || clock_error_ns, ';')
      FROM io WHERE deferred_ns IS NOT NULL
      """)
    let known = Dictionary(
      uniqueKeysWithValues: truth.compactMap { row in
        Int64(row[5]).flatMap { delay in Int64(row[1]).map { ($0, delay) } }
      })
    let rows = delays.split(separator: ";").map { row in
      row.split(separator: " ").compactMap { Int64($0) }
    }
    #expect(rows.count == known.count)
    for row in rows {
      let delay = try #require(known[row[0]])
      #expect(abs(row[1] - delay) <= row[2])
    }
  }

  @Test("the way of what the cache had ends at H3, and its hops add up")
  func hops() throws {
    let incident = try Self.incident()
    #expect(
      try Program.value(
        incident,
        """
        SELECT count(*) FROM io WHERE match_grade = 'absorbed' AND (match_reason <> 'absorbed'
          OR host_scheduler_ns IS NOT NULL OR hardware_queue_ns IS NOT NULL
          OR virtio_submit_ns IS NOT NULL
          OR total_ns <> guest_scheduler_ns + virtio_queue_ns OR host_request_id IS NOT NULL)
        """) == "0")
    let report = try Program.run("report", incident)
    #expect(report.status == 0)
    #expect(report.words.contains("The host's page cache took 46 writes"))
    #expect(report.words.contains("43 were on the disk later"))
    #expect(report.words.contains("Of 3 the host's trace does not show it."))
    #expect(report.words.contains("The host's page cache served 16 reads"))
  }

  @Test("a request whose host side is missing is not taken for one of the cache")
  func missing() throws {
    // The host's write of a guest's write of `cache=none` is not in its trace, and the same blocks are written
    // again later: by another request of the guest.
    let folder = try Repository.temporaryFolder()
    let traces = Repository.fixtures.appending(path: "kvm-noisy-cpu")
    let host = try String(
      contentsOf: traces.appending(path: "host-L1/blkparse.txt"), encoding: .utf8)
    let cut = host.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.contains(" 300256 + 8 ") }.joined(separator: "\n")
    let file = folder.appending(path: "blkparse.txt")
    try cut.write(to: file, atomically: true, encoding: .utf8)
    let incident = folder.appending(path: "incident.db").path
    #expect(
      try Program.run("ingest", "blktrace", incident, file.path, "--host", "h").status == 0)
    #expect(
      try Program.run(
        "ingest", "blktrace", incident, traces.appending(path: "guest-L2/blkparse.txt").path,
        "--guest", "g"
      ).status == 0)
    #expect(try Program.run("correlate", incident).status == 0)
    #expect(
      try Program.value(incident, "SELECT count(*) FROM io WHERE match_grade = 'absorbed'") == "0")
    #expect(
      try Program.value(
        incident, "SELECT min(match_grade) FROM io WHERE sector = 300256 - 2048") == "unmatched")
  }

  @Test("HOST_CACHE_ABSORBS says how many and how much later; a pair without such a cache has none")
  func finding() throws {
    let incident = try Self.incident()
    let rows = try Program.run(
      "query", incident, "SELECT sentence FROM finding WHERE code = 'HOST_CACHE_ABSORBS'",
      "--format", "csv")
    let counts = try Program.run(
      "query", incident,
      "SELECT sum(match_grade = 'absorbed'), count(*) FROM io WHERE op = 'write'", "--format", "csv"
    )
    let numbers = counts.output.split(whereSeparator: \.isNewline).last?.split(separator: ",") ?? []
    #expect(numbers.count == 2 && numbers[0] != "0")
    #expect(rows.output.contains("\(numbers[0]) of \(numbers[1]) writes"), "\(rows.output)")
    #expect(rows.output.contains("came to the disk later, by "))
    let ios = (0..<200).map { HandMadePair.IO(queued: 2_500 * $0 + $0 * $0 % 700) }
    #expect(try HandMadePair(ios: ios).findings()["HOST_CACHE_ABSORBS"] == nil)
  }
}
