internal import TraceModel
internal import TraceStore

/// A guest's place on its host, as rules look at it; shares in percent.
struct GuestPlacement {
  struct Node {
    let node: Int64
    let run: Double?
    let memory: Double?
    let remote: Double?
    let migrations: Int64?
  }

  let guest: String
  let machine: String
  let nodes: [Node]

  /// What the guest must find on other nodes; nil where one side is not known.
  var remotePercent: Double? {
    let parts = nodes.compactMap(\.remote)
    return parts.isEmpty ? nil : parts.reduce(0, +)
  }

  var evidenceSQL: String {
    """
    SELECT guest, machine, node, 100 * run_share AS run_pct, 100 * memory_share AS memory_pct,
      100 * remote_share AS remote_pct,
      100 * sum(remote_share) OVER () AS guest_remote_pct,
      sum(migrations) OVER () AS guest_migrations
    FROM numa_placement
    WHERE guest = \(Evidence.literal(guest)) AND machine = \(Evidence.literal(machine))
    ORDER BY node
    """
  }

  var countersSQL: String {
    """
    SELECT node, sum(numa_hit) AS hit, sum(numa_miss) AS miss, sum(other_node) AS other,
      sum(local_node) + sum(other_node) AS pages
    FROM numa_counter WHERE machine = \(Evidence.literal(machine)) GROUP BY node ORDER BY node
    """
  }

  /// What the host's counters say besides: pages that the nodes gave to tasks of other nodes.
  func counters(_ rows: [QueryRow]) -> String {
    let parts = rows.compactMap { row -> String? in
      guard let node = row.integer("node"), let other = row.integer("other"), other > 0,
        let pages = row.integer("pages")
      else { return nil }
      return "\(Quantity.count(other)) of \(Quantity.count(pages, "page")) of node \(node)"
    }
    guard !parts.isEmpty else { return "" }
    return
      " Meanwhile the host gave \(parts.joined(separator: " and ")) to tasks that ran on another "
      + "node (other_node; allocations, not accesses)."
  }

  static func all(_ evidence: Evidence) throws -> [GuestPlacement] {
    let rows = try evidence.rows(
      """
      SELECT guest, machine, node, 100 * run_share AS run_pct, 100 * memory_share AS memory_pct,
        100 * remote_share AS remote_pct, migrations
      FROM numa_placement ORDER BY guest, machine, node
      """)
    var placements: [GuestPlacement] = []
    for row in rows {
      guard let guest = row.text("guest"), let machine = row.text("machine"),
        let node = row.integer("node")
      else { continue }
      let part = Node(
        node: node, run: row.number("run_pct"), memory: row.number("memory_pct"),
        remote: row.number("remote_pct"), migrations: row.integer("migrations"))
      if let last = placements.last, last.guest == guest, last.machine == machine {
        placements[placements.count - 1] = GuestPlacement(
          guest: guest, machine: machine, nodes: last.nodes + [part])
      } else {
        placements.append(GuestPlacement(guest: guest, machine: machine, nodes: [part]))
      }
    }
    return placements
  }
}
