public import TraceModel

/// A guest's thread on its host.
public struct GuestThreadRow: Sendable {
  /// The guest; nil where it is not known.
  public let guest: String?
  /// What it is.
  public let role: ThreadRole
  /// Thread id.
  public let tid: Int64
  /// Its name.
  public let comm: String
  /// How long it ran, ns.
  public let run: Int64
  /// How long it waited, ns.
  public let wait: Int64
  /// Part of the trace that it waited, 0 to 1.
  public let waitShare: Double
  /// 99 % of its waits are not longer, ns.
  public let p99: Int64?
  /// Its longest wait, ns.
  public let longest: Int64?
  /// How often it went to another CPU.
  public let migrations: Int64
}

/// Who was on the CPU while some threads of a guest waited.
public struct CulpritRow: Sendable {
  /// The guest.
  public let guest: String?
  /// Whose waits.
  public let role: ThreadRole
  /// Who was there: threads of one name and guest; nil where nobody was seen.
  public let name: String?
  /// The guest it works for.
  public let ofGuest: String?
  /// How many threads.
  public let threads: Int64
  /// What kind of neighbour they are.
  public let kind: CulpritClass
  /// How long, ns.
  public let wait: Int64
  /// Part of the waits, 0 to 1.
  public let share: Double
}

/// How much of the virtio halves of a guest's I/Os was waiting for a CPU.
public struct OverlayRow: Sendable {
  /// The guest.
  public let guest: String
  /// Its disk.
  public let device: String
  /// I/Os of which it is known.
  public let count: Int64
  /// The way in, all together, ns.
  public let submit: Int64
  /// The part of that.
  public let submitWait: Int64
  /// The way back, all together, ns.
  public let back: Int64
  /// The part of that.
  public let backWait: Int64
}

/// A row of the view `vcpu_check`.
public struct RunCheckRow: Sendable {
  /// The guest.
  public let guest: String
  /// Events that were checked.
  public let events: Int64
  /// Those at which the virtual CPU was on no CPU.
  public let violations: Int64
  /// Of 1,000.
  public let perThousand: Double
  /// Of 1,000, if they lay anywhere.
  public let byChance: Double
}

extension IncidentFile {
  /// The guests' threads on traced hosts, those that waited longest first.
  public func guestThreads(_ filter: IOFilter) throws -> [GuestThreadRow] {
    try rows(
      """
      SELECT thread_wait.*, source.last_ns - source.first_ns AS span_ns
      FROM thread_wait JOIN source USING (source_id)
      WHERE role IN \(SQLText.list(ThreadRole.ofGuests)) AND layer = 'host' AND wait_ns > 0
      ORDER BY guest, wait_ns DESC, thread_id
      """
    ).compactMap { row in
      guard let role = row.text("role").flatMap(ThreadRole.init(name:)),
        let tid = row.integer("tid"), let comm = row.text("comm"),
        let run = row.integer("run_ns"), let wait = row.integer("wait_ns"),
        let span = row.integer("span_ns"), span > 0,
        filter.guest == nil || row.text("guest") == filter.guest
      else { return nil }
      return GuestThreadRow(
        guest: row.text("guest"), role: role, tid: tid, comm: comm, run: run, wait: wait,
        waitShare: Double(wait) / Double(span), p99: row.integer("p99_wait_ns"),
        longest: row.integer("max_wait_ns"), migrations: row.integer("migrations") ?? 0)
    }
  }

  /// Who was on the CPU while the guests' threads of a role waited, most first.
  public func culprits(_ filter: IOFilter) throws -> [CulpritRow] {
    try rows(
      """
      SELECT victim_guest, victim_role, culprit_comm, culprit_guest, class,
        count(DISTINCT culprit_tid) AS threads, sum(wait_ns) AS wait_ns,
        1.0 * sum(wait_ns) / sum(sum(wait_ns)) OVER (PARTITION BY victim_guest, victim_role) AS share
      FROM (
        SELECT victim_guest, victim_role, culprit_guest, class, culprit_tid, wait_ns,
          CASE WHEN culprit_tid = 0 THEN '(idle CPU)' ELSE culprit_comm END AS culprit_comm
        FROM culprit JOIN source USING (source_id)
        WHERE source.layer = 'host' AND victim_guest IS NOT NULL
          AND victim_role IN \(SQLText.list(ThreadRole.awaited))
      )
      GROUP BY victim_guest, victim_role, culprit_comm, culprit_guest, class
      ORDER BY victim_guest, victim_role = 'vcpu' DESC, victim_role, wait_ns DESC, culprit_comm
      """
    ).compactMap { row in
      guard let role = row.text("victim_role").flatMap(ThreadRole.init(name:)),
        let kind = row.text("class").flatMap(CulpritClass.init(name:)),
        let threads = row.integer("threads"), let wait = row.integer("wait_ns"),
        let share = row.number("share"),
        filter.guest == nil || row.text("victim_guest") == filter.guest
      else { return nil }
      return CulpritRow(
        guest: row.text("victim_guest"), role: role, name: row.text("culprit_comm"),
        ofGuest: row.text("culprit_guest"), threads: threads, kind: kind, wait: wait, share: share)
    }
  }

  /// How much of the virtio halves was waiting for a CPU.
  public func overlays(_ filter: IOFilter) throws -> [OverlayRow] {
    try rows(
      """
      SELECT guest, device, sum(followed) AS ios,
        sum(followed_submit_ns) AS submit_ns, sum(followed_submit_wait_ns) AS submit_wait_ns,
        sum(followed_return_ns) AS return_ns, sum(followed_return_wait_ns) AS return_wait_ns
      FROM io_count WHERE followed > 0
      GROUP BY guest, device ORDER BY guest, device
      """
    ).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let count = row.integer("ios"), let submit = row.integer("submit_ns"),
        let submitWait = row.integer("submit_wait_ns"), let back = row.integer("return_ns"),
        let backWait = row.integer("return_wait_ns"),
        filter.guest == nil || guest == filter.guest,
        filter.device == nil || device == filter.device
      else { return nil }
      return OverlayRow(
        guest: guest, device: device, count: count, submit: submit, submitWait: submitWait,
        back: back, backWait: backWait)
    }
  }

  /// How the guests' events fall into their virtual CPUs' stays.
  public func runChecks(guest: String?) throws -> [RunCheckRow] {
    try rows("SELECT * FROM vcpu_check ORDER BY guest").compactMap { row in
      guard let name = row.text("guest"), guest == nil || name == guest,
        let events = row.integer("events"), let violations = row.integer("violations"),
        let perThousand = row.number("violations_per_1000"),
        let byChance = row.number("by_chance_per_1000")
      else { return nil }
      return RunCheckRow(
        guest: name, events: events, violations: violations, perThousand: perThousand,
        byChance: byChance)
    }
  }
}
