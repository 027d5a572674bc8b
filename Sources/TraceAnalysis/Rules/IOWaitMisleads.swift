internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// iowait is high although next to no I/O is under way.
  static let ioWaitMisleads = Finding.Code("IOWAIT_MISLEADS")
}

/// A machine counts much of its CPU time as waiting for I/O while its disks hold next to nothing: that time is idle, and
/// says how many threads wait, not that a disk is slow.
struct IOWaitMisleads: Rule {
  let code = Finding.Code.ioWaitMisleads
  let topic = Topic.layers
  let about = Subject.cause(
    Suspect(
      .caches, nil, without: "counters of CPUs and of disks over the same time",
      "SELECT 1 WHERE EXISTS (SELECT 1 FROM cpu_counter) AND EXISTS (SELECT 1 FROM disk_counter)"))
  private let share = Threshold(
    "iowait", 20, "%", "CPU time that counts as waiting for I/O, from which on it is looked at")
  private let depth = Threshold(
    "iowait-depth", 0.3, "", "requests that the disks hold on average at the most")
  var thresholds: [Threshold] { [share, depth] }

  private static let fewest: Int64 = 5

  func findings(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    return try evidence.rows(Self.sql("1")).compactMap { row in
      guard let machine = row.text("machine"), let wait = row.number("iowait_pct"),
        let held = row.number("depth"), row.integer("readings") ?? 0 >= Self.fewest,
        wait >= evidence.value(of: share), held <= evidence.value(of: depth)
      else { return nil }
      let isGuest = row.text("layer") == "guest"
      return Finding(
        code, .info, guest: isGuest ? machine : nil,
        sentence: Printable.text(
          "\(isGuest ? "The guest" : machine) counts \(Quantity.decimal(wait, digits: 1)) % of its CPU time as waiting for "
            + "I/O. Its disks held \(Quantity.decimal(held, digits: 2)) requests on average: this is idle time."
        ),
        confidence: .low,
        because:
          "A CPU is waiting for I/O while it is idle and a thread that last ran there waits. One such thread is enough.",
        evidenceSQL: Self.sql("cpu.machine = \(Evidence.literal(machine))"),
        nextStep:
          "Do not look for a slow disk because of it: see how long requests take (await), and which threads are in "
          + "state D (network file systems, io_uring).")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    WITH cpu AS (
      SELECT machine, layer, tool, count(*) AS readings, avg(iowait_pct) AS iowait_pct FROM cpu_counter
      WHERE cpu IS NULL AND iowait_pct IS NOT NULL GROUP BY machine, tool
    ), disk AS (
      SELECT machine, tool, object, avg(depth) AS depth FROM disk_counter GROUP BY machine, tool, object
    )
    SELECT cpu.machine AS machine, cpu.layer AS layer, max(cpu.readings) AS readings, min(cpu.iowait_pct) AS iowait_pct,
      (SELECT max(depth) FROM disk WHERE disk.machine = cpu.machine) AS depth
    FROM cpu WHERE \(condition) GROUP BY cpu.machine ORDER BY cpu.machine
    """
  }
}
