import Foundation
import TestSupport
import Testing

/// What perf may do on this machine.
enum PerfHere {
  /// Whether it is there and may record tracepoints of all CPUs.
  static let canRecord: Bool = {
    guard let folder = try? Repository.temporaryFolder() else { return false }
    let outcome = try? OtherProgram.run(
      "perf",
      ["record", "-q", "-a", "-e", "sched:sched_switch", "-o", "try.data", "--", "sleep", "0.05"],
      in: folder, withSignals: true)
    return outcome?.status == 0
  }()
}

/// Recordings made here by perf, against the text that the same perf makes of them.
@Suite(.enabled(if: PerfHere.canRecord, "perf cannot record tracepoints of all CPUs here"))
struct RecordedPerfTests {
  /// How a recording is made.
  struct Recording: CustomTestStringConvertible {
    let testDescription: String
    let arguments: [String]
    var isPipe = false
  }

  private static let load =
    "sh -c 'perf bench sched messaging -g 1 -l 60 >/dev/null; "
    + "dd if=/dev/zero of=written bs=64k count=20 oflag=direct 2>/dev/null; sync written'"

  private static let all = [
    Recording(testDescription: "perf sched record", arguments: ["sched", "record"]),
    Recording(
      testDescription: "compressed, with a clock, and the block layer",
      arguments: [
        "record", "-a", "-z", "-k", "CLOCK_MONOTONIC", "-c", "1", "-R", "-e",
        "sched:sched_switch,sched:sched_waking,sched:sched_wakeup_new,sched:sched_migrate_task,block:*",
      ]),
    Recording(
      testDescription: "to a pipe",
      arguments: [
        "record", "-a", "-c", "1", "-R", "-e",
        "sched:sched_switch,sched:sched_waking,sched:sched_wakeup,block:block_rq_issue,"
          + "block:block_rq_complete",
      ], isPipe: true),
  ]

  /// What has to be the same, whichever of the two was read.
  private static let rows = [
    "SELECT tid, comm, run_ns, runs, wait_ns, waits, max_wait_ns, p99_wait_ns, migrations "
      + "FROM thread_wait ORDER BY 1, 2, 3",
    "SELECT victim_tid, victim_comm, culprit_tid, culprit_comm, sum(wait_ns) FROM culprit "
      + "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4, 5",
    "SELECT device, op, rwbs, sector, sectors, queued_ns, get_ns, inserted_ns, issued_ns, "
      + "completed_ns, error, pid, comm FROM request ORDER BY 1, 9, 10, 4",
  ]

  @Test("rows from a recording equal those from its text, and both count once", arguments: all)
  func rowsEqualThoseOfTheText(_ recording: Recording) throws {
    let folder = try Repository.temporaryFolder()
    let words = recording.arguments + ["-m", "4096", "-o", recording.isPipe ? "-" : "perf.data"]
    let command = (["perf"] + words).joined(separator: " ")
    let recorded = try OtherProgram.run(
      "sh", ["-c", "\(command) -- \(Self.load)\(recording.isPipe ? " > perf.data" : "") 2>log"],
      in: folder, withSignals: true)
    #expect(recorded.status == 0, "\(recorded.output)")
    for name in ["data", "text", "both"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: "\(name)/host-h"), withIntermediateDirectories: true)
    }
    let printed = try OtherProgram.run(
      "sh",
      [
        "-c",
        "perf script --ns -i perf.data >text/host-h/perf.txt 2>>log && cp perf.data data/host-h/ && "
          + "cp perf.data text/host-h/perf.txt both/host-h/",
      ], in: folder)
    #expect(printed.status == 0, "\(printed.output)")
    for name in ["data", "text", "both"] {
      let outcome = try Program.run(
        "analyze", "\(folder.path)/\(name)", "-o", "\(folder.path)/\(name)-out")
      #expect([0, 3].contains(outcome.status), "\(outcome.errors)")
    }
    func query(_ name: String, _ sql: String) throws -> String {
      let outcome = try Program.run(
        "query", "\(folder.path)/\(name)-out/incident.db", sql, "--format", "csv")
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.output
    }
    for sql in Self.rows {
      let (data, text) = (try query("data", sql), try query("text", sql))
      #expect(data == text)
      // A second form of the same adds nothing.
      #expect(try query("both", sql) == data)
    }
    #expect(try query("data", "SELECT count(*) > 20 FROM thread_wait").contains("1"))
    #expect(
      try query("both", "SELECT format, duplicate_of IS NULL FROM source ORDER BY 1")
        .contains("perf-data,1"))
    #expect(
      try query("both", "SELECT count(*) FROM source WHERE duplicate_of IS NOT NULL").contains("1"))
  }
}
