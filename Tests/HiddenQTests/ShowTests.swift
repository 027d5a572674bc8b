import Foundation
import GRDB
import TestSupport
import Testing

/// `hiddenq show` of an incident whose host has far more threads than an I/O meets.
struct ShowTests {
  /// Adds a scheduler trace of the host, on the clock of its block trace: two virtual CPUs and an emulator of the
  /// guest, and so many other threads.
  private static func addThreads(_ count: Int, to incident: String) throws {
    try DatabaseQueue(path: incident).write { db in
      try db.execute(
        sql: """
          INSERT INTO source_file (source_id, machine_id, path, sha256, bytes, format, tool_clock, lines, events,
            skipped_lines, lost_events, first_ns, last_ns)
          SELECT 77, machine_id, 'sched.txt', 'f', 1, 'perf-sched', 'perf', 1, 1, 0, 0, 0, 1000000000
          FROM machine WHERE layer = 'host';
          INSERT INTO clock_relation
          SELECT 77, reference_source_id, 0, 0, NULL, 0, 1000000000, 0.0, 0.0, 1000, 1000, 'block events', 9, 0, 0
          FROM clock_relation LIMIT 1;
          WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < \(count))
          INSERT INTO sched_thread (thread_id, source_id, segment, tid, comm, run_ns, runs, wait_ns, waits, migrations)
          SELECT x, 77, 0, x, 'worker with a long name ' || x, 1, 1, 0, 0, 0 FROM n;
          INSERT INTO thread_owner SELECT thread_id, 'other', NULL, NULL, NULL FROM sched_thread;
          UPDATE thread_owner SET role = 'vcpu', guest = 'vm1', vcpu = thread_id - 1 WHERE thread_id < 3;
          UPDATE thread_owner SET role = 'emulator', guest = 'vm1' WHERE thread_id = 3;
          """)
    }
  }

  @Test("show needs no memory for the threads of a host that no I/O met")
  func manyThreads() throws {
    var dice = Dice(9)
    let incident = try HandMadePair(
      ios: (0..<200).map { place in
        var io = HandMadePair.IO(queued: 1_000 + 10_000 * place)
        io.device = 90 + dice.next(below: 60)
        return io
      }
    ).ingested()
    #expect(try Program.run("correlate", incident).status == 0)
    let before = try Program.run("show", incident, "slowest")
    try Self.addThreads(200_000, to: incident)
    // Their rows as dictionaries took 1.6 KB each; the program itself maps less than half of this.
    let limited = Process()
    limited.executableURL = URL(filePath: "/bin/sh")
    limited.arguments = [
      "-c", "ulimit -v 300000; exec \"$0\" \"$@\"", Program.executable.path, "show", incident,
      "slowest",
    ]
    let output = Pipe()
    limited.standardOutput = output
    try limited.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    limited.waitUntilExit()
    #expect(limited.terminationStatus == 0)
    #expect(!text.isEmpty && String(decoding: text, as: UTF8.self) == before.output)
  }
}
