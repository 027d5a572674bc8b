import Foundation
import TestSupport
import Testing

@testable import HiddenQTests

/// A real guest whose disk QEMU limited to 200 IOPS from 11.02 s of the host's block trace on. Skipped where the capture is
/// not beside the checkout.
@Suite(.needsShared) struct ThrottledCaptureTests {
  /// The capture without the replies that state the limit.
  private static func withoutReplies() throws -> URL {
    let folder = try Repository.temporaryFolder()
    let capture = try Repository.shared("changes/tcg-throttled")
    for side in ["guest", "host"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: side), withIntermediateDirectories: true)
      let files = try FileManager.default.contentsOfDirectory(
        atPath: capture.appending(path: side).path)
      for file in files where !file.hasPrefix("qmp-query-block") {
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: "\(side)/\(file)"),
          withDestinationURL: capture.appending(path: "\(side)/\(file)"))
      }
    }
    return folder
  }

  @Test(
    "the limit is named with its value, with the file that states it and without, and is the cause",
    .timeLimit(.minutes(3)), arguments: [true, false])
  func limit(isStated: Bool) throws {
    let capture =
      isStated ? try Repository.shared("changes/tcg-throttled") : try Self.withoutReplies()
    let out = try Repository.temporaryFolder().path + "/out"
    #expect(try Program.run("analyze", capture.path, "-o", out).status == 0)
    let incident = out + "/incident.db"
    let found = try Program.value(
      incident,
      """
      SELECT severity || ' ' || confidence || ' ' || rank || ' ' || sentence FROM finding WHERE code = 'LIMIT_REACHED'
      """)
    #expect(found.contains("warning \(isStated ? "high" : "medium") 1 vdb (254,16): "), "\(found)")
    #expect(found.contains("an I/O limit of 200 IOPS held its requests back"), "\(found)")
    #expect(found.contains("qmp-query-block-after.json states the limit of datadisk") == isStated)
    let limit = try Program.value(
      incident,
      """
      SELECT abs(rate - 200) <= 4 AND abs(from_ns - 11.02e9) <= 0.5e9 AND held_depth BETWEEN 6 AND 8
        AND busy_below_share < 0.2 FROM io_limit
      """)
    #expect(limit == "1")
    #expect(
      try Program.value(
        incident,
        """
        SELECT kind || ' ' || name || ' ' || (abs(began_ns - 11.02e9) <= 0.25e9) || ' ' || (share > 0.9) || ' ' || confidence
        FROM phase_cause WHERE phase = (SELECT max(phase) FROM phase_cause) AND rank = 1
        """) == "throttle I/O limit of 200 IOPS 1 1 high")
    // It is the limit, and nothing that nobody can explain; that more waits and less is done follows from it.
    #expect(
      try Program.value(
        incident,
        """
        SELECT group_concat(code || ' ' || coalesce(consequence_of, '-'), ', ') FROM finding
        WHERE code IN ('NOT_EXPLAINED', 'BACKPRESSURE_COLLAPSE')
        """) == "BACKPRESSURE_COLLAPSE 1")
    let explained = try Program.run("explain", incident)
    #expect(explained.words.contains("a limit that throttles the guest: I/O limit of 200 IOPS"))
    #expect(explained.wideLines.isEmpty)
  }

  @Test(
    "captures without a limit have none", .timeLimit(.minutes(5)),
    arguments: ["changes/tcg-steady", "changes/tcg-two-onsets", "traces/tcg-noisy-disk"])
  func none(_ capture: String) throws {
    let out = try Repository.temporaryFolder().path + "/out"
    #expect(try Program.run("analyze", Repository.shared(capture).path, "-o", out).status == 0)
    #expect(
      try Program.value(
        out + "/incident.db",
        """
        SELECT (SELECT count(*) FROM io_limit) || ' ' || count(*) FROM finding
        WHERE code IN ('LIMIT_REACHED', 'DISK_BUSY', 'CPU_SATURATED')
        """) == "0 0")
  }

  @Test("sar and mpstat say the same as awk reads of them")
  func independent() throws {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    let sar = try Repository.shared("changes/tcg-throttled/host/sar.txt").path
    let mpstat = try Repository.shared("changes/tcg-throttled/host/mpstat-P-ALL.txt").path
    for path in [sar, mpstat] {
      #expect(try Program.run("ingest", incident, path, "--host", "h").status == 0)
    }
    func awk(_ script: String, _ path: String) throws -> String {
      try OtherProgram.run("awk", [script, path]).output.trimmingCharacters(
        in: .whitespacesAndNewlines)
    }
    let waits = try awk(
      #"/^Average/{next} $2=="DEV"{d=1;next} NF==0{d=0} d{n++; s+=$9} END{printf "%d %.2f\n",n,s}"#,
      sar)
    #expect(
      try Program.value(
        incident,
        """
        SELECT count(*) || ' ' || printf('%.2f', sum(value)) FROM counter_value WHERE tool = 'sar' AND counter = 'await'
        """) == waits)
    let idle = try awk(
      #"/^Average/{next} $2=="CPU"||NF==0{next} $2~/^[0-9]+$/{n++; s+=$12} END{printf "%d %.2f\n",n,s}"#,
      mpstat)
    #expect(
      try Program.value(
        incident,
        """
        SELECT count(*) || ' ' || printf('%.2f', sum(value)) FROM counter_value
        WHERE tool = 'mpstat' AND kind = 'cpu' AND counter = '%idle'
        """) == idle)
  }

  @Test("by the guest's counters and the reply that states the limit alone")
  func counters() throws {
    let capture = try Repository.shared("changes/tcg-throttled")
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    for (file, side) in [
      ("guest/iostat-xt.txt", "guest"), ("host/qmp-query-block-after.json", "host"),
    ] {
      let path = capture.appending(path: file).path
      #expect(try Program.run("ingest", incident, path, "--\(side)", side).status == 0)
    }
    _ = try Program.run("correlate", incident)
    let found = try Program.value(
      incident,
      "SELECT severity || ' ' || confidence || ' ' || sentence FROM finding WHERE code = 'LIMIT_REACHED'"
    )
    #expect(found.contains("warning low Disk vdb was at a limit of 200 IOPS"), "\(found)")
  }

  @Test(
    "fio's own latency beside Q to C: the difference with its interval", .timeLimit(.minutes(3)))
  func application() throws {
    let out = try Repository.temporaryFolder().path + "/out"
    #expect(
      try Program.run("analyze", Repository.shared("traces/kvm-noisy-cpu").path, "-o", out).status
        == 0)
    let report = try Program.run("report", out + "/incident.db").words
    let found = try #require(
      report.firstMatch(
        of:
          /writes of 4,096 B: ([\d.]+) ms on average by fio \(([\d,]+)\), ([\d.]+) ms from Q to C \(([\d,]+)\); ([\d.]+) ms above Q, between ([\d.]+) ms and ([\d.]+) ms/
      ))
    let (own, block, above) = (
      try #require(Double(found.1)), try #require(Double(found.3)), try #require(Double(found.5))
    )
    #expect(abs(own - block - above) < 0.01)
    #expect(try #require(Double(found.6)) < above && above < (try #require(Double(found.7))))
    // By a script over the log: 110.9 ms in the seconds that lie within the trace, but for two at either end.
    #expect(abs(own - 110.9) < 6)
    #expect(
      report.contains("writes of 16,384 B") && report.contains("fio did not wait for the disk"))
  }
}
