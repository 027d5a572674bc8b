internal import GRDB

/// A guest's thread on its host, with who ran while it waited.
public struct GuestThreadRow: Sendable {
  /// A thread, or threads of one name, that ran meanwhile.
  public struct Culprit: Sendable {
    /// Its name; nil for the rest that the trace does not explain.
    public let comm: String?
    /// Its part of the waits, 0 to 1.
    public let share: Double
  }

  /// A kind of culprit.
  public struct Class: Sendable {
    /// `sibling`, `guest`, `host`, ...
    public let name: String
    /// Its part of the waits, 0 to 1.
    public let share: Double
  }

  /// The guest; nil where it is not known.
  public let guest: String?
  /// `vcpu`, `iothread` or `vhost`.
  public let role: String
  /// Thread id.
  public let tid: Int64
  /// Its name.
  public let comm: String
  /// How long it ran, ns.
  public let run: Int64
  /// How long it waited, ns.
  public let wait: Int64
  /// 99 % of its waits are not longer, ns.
  public let p99: Int64?
  /// Its longest wait, ns.
  public let longest: Int64?
  /// Who ran meanwhile, most first.
  public let culprits: [Culprit]
  /// The same by kind.
  public let classes: [Class]
}

extension IncidentFile {
  /// The vCPU, I/O and vhost threads of guests on traced hosts, those that waited longest first.
  public func guestThreads(_ filter: IOFilter) throws -> [GuestThreadRow] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT thread_id, guest, role, tid, comm, run_ns, wait_ns, p99_wait_ns, max_wait_ns
            FROM thread_wait
            WHERE role IN ('vcpu', 'iothread', 'vhost') AND wait_ns > 0
              AND (?1 IS NULL OR guest = ?1)
            ORDER BY wait_ns DESC, thread_id LIMIT 16
            """,
          arguments: [filter.guest]
        ).map { row in
          let thread: Int64 = row[0]
          return GuestThreadRow(
            guest: row[1], role: row[2], tid: row[3], comm: row[4], run: row[5], wait: row[6],
            p99: row[7], longest: row[8],
            culprits: try Row.fetchAll(
              db,
              sql: """
                SELECT CASE class WHEN 'throttled' THEN '(idle CPU)' ELSE culprit_comm END AS who,
                  sum(share) AS part
                FROM culprit WHERE victim_thread_id = ? GROUP BY who ORDER BY part DESC, who
                """,
              arguments: [thread]
            ).map { GuestThreadRow.Culprit(comm: $0[0], share: $0[1] ?? 0) },
            classes: try Row.fetchAll(
              db,
              sql: """
                SELECT class, sum(share) AS part FROM culprit WHERE victim_thread_id = ?
                GROUP BY class ORDER BY part DESC, class
                """,
              arguments: [thread]
            ).map { GuestThreadRow.Class(name: $0[0], share: $0[1] ?? 0) })
        }
      }
    }
  }
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
