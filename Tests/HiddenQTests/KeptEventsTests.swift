import Foundation
import TestSupport
import Testing

/// What `ingest --keep-events` keeps, and that it changes nothing else.
struct KeptEventsTests {
  private static let fixture = Repository.fixtures.appending(path: "kvm-noisy-cpu")

  private static func ingest(_ arguments: String...) throws -> String {
    let incident = try Repository.temporaryFolder().path + "/incident.db"
    let outcome = try Program.run(["ingest", incident] + arguments)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return incident
  }

  private static func lines(_ incident: String, _ sql: String) throws -> [String] {
    Array(
      Program.records(try Program.run("query", incident, sql, "--format", "csv").output)
        .dropFirst())
  }

  @Test("every line of the fixture's blkparse texts comes back as it stands there")
  func blockEvents() throws {
    let incident = try Self.ingest(Self.fixture.path, "--keep-events")
    for (layer, folder) in [("guest", "guest-L2"), ("host", "host-L1")] {
      let text = try String(
        contentsOf: Self.fixture.appending(path: "\(folder)/blkparse.txt"), encoding: .utf8)
      // `254,16  1  3  0.005789063  128  Q WSM 1054520 + 8 [jbd2/vdb-8]`
      let written = text.split(separator: "\n").compactMap { line -> String? in
        let words = line.split(separator: " ")
        guard words.count > 6, words[0].contains(",") else { return nil }
        let time = words[3].split(separator: ".")
        // Without a length as well: `C WSM 1054512 [0]`.
        let hasSector = words.count > 7 && Int64(words[7]) != nil
        let isSized = words.count > 9 && words[8] == "+"
        let sectors = [hasSector ? words[7] : "", isSized ? words[9] : "0"]
        let isRemap = words[5] == "A"
        // A task's name may hold blanks, and a number stands behind it: `U N [IO io1] 1`.
        let name =
          line.firstIndex(of: "[").flatMap { open in
            line.lastIndex(of: "]").map { line[line.index(after: open)..<$0] }
          } ?? ""
        let isEnd = ["C", "R"].contains(words[5])
        let ns = (Int64(time[0]) ?? 0) * 1_000_000_000 + (Int64(time[1]) ?? 0)
        return
          ([words[1], words[2], "\(ns)", words[5], words[6]] + sectors
          + [isEnd ? name : "", isEnd || isRemap ? "" : name])
          .joined(separator: "|")
      }
      let kept = try Self.lines(
        incident,
        """
        SELECT cpu || '|' || sequence || '|' || at_ns || '|' || action || '|' || rwbs || '|'
          || coalesce(sector, '') || '|' || sectors || '|' || coalesce(error, '') || '|'
          || CASE WHEN action IN ('C', 'R', 'A') THEN '' ELSE coalesce(comm, '') END
        FROM block_event WHERE layer = '\(layer)' ORDER BY line
        """)
      #expect(written.count > 10_000)
      #expect(kept.count == written.count)
      let other = zip(written, kept).filter { $0 != $1 }
      #expect(other.isEmpty, "\(other.prefix(3))")
    }
  }

  @Test("what they are folded into is the same with and without them")
  func rowsAreTheSame() throws {
    let sql = "SELECT * FROM request ORDER BY request_id"
    let without = try Self.lines(Self.ingest(Self.fixture.path), sql)
    #expect(without.count > 1000)
    #expect(try without == Self.lines(Self.ingest(Self.fixture.path, "--keep-events"), sql))
    let bare = try Self.ingest(Self.fixture.path)
    #expect(try Program.value(bare, "SELECT count(*) FROM block_event") == "0")
  }

  @Test("events of the scheduler come back with both threads of a switch")
  func schedEvents() throws {
    let text = """
      fio   912 [001]   100.000001: sched:sched_waking: comm=fio pid=914 prio=120 target_cpu=003
      fio   912 [001]   100.000002: sched:sched_wakeup: comm=fio pid=914 prio=120 target_cpu=003
      fio   912 [001]   100.000005: sched:sched_switch: prev_comm=fio prev_pid=912 prev_prio=120 prev_state=S ==> \
      next_comm=stress-ng next_pid=7 next_prio=120
      swapper     0 [003]   100.000009: sched:sched_switch: prev_comm=swapper/3 prev_pid=0 prev_prio=120 \
      prev_state=R ==> next_comm=fio next_pid=914 next_prio=120

      """
    let file = try Repository.temporaryFolder().appending(path: "sched.txt")
    try Data(text.utf8).write(to: file)
    let incident = try Self.ingest(file.path, "--host", "kvm1", "--keep-events")
    let kept = try Self.lines(
      incident,
      """
      SELECT line, at_ns, cpu, kind, tid, comm, next_tid, next_comm, how, target_cpu
      FROM sched_event ORDER BY event_id
      """)
    #expect(
      kept == [
        "1,100000001000,1,waking,914,fio,,,,3",
        "2,100000002000,1,wakeup,914,fio,,,,3",
        "3,100000005000,1,switch,912,fio,7,stress-ng,sleeping,",
        "4,100000009000,3,switch,0,swapper/3,914,fio,yielded,",
      ])
  }

  @Test("a chunk that is damaged is said to be, and nothing is shown of it")
  func damaged() throws {
    let incident = try Self.ingest(Self.fixture.path, "--keep-events")
    try Program.alter(
      incident,
      "UPDATE block_event_chunk SET data = substr(data, 1, length(data) - 1) WHERE chunk_id = 2")
    let outcome = try Program.run("query", incident, "SELECT count(*) FROM block_event")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("damaged chunk in the table block_event_chunk"))
  }
}
