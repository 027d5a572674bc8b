internal import TraceModel
internal import TraceStore

/// Whose memory: on which nodes guests ran, where their memory lies, and what the hosts allocated where.
struct MemorySection: ReportSection {
  static let anchor = Anchor("memory")

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let hosts = try file.rows(
      """
      SELECT DISTINCT machine FROM numa_placement UNION
      SELECT machine FROM numa_counter WHERE layer = 'host' ORDER BY machine
      """
    ).compactMap { $0.text("machine") }
    var blocks: [Block] = []
    for host in hosts {
      let name = SQLText.literal(host)
      let placements = try file.rows(
        """
        SELECT guest, node, run_share, memory_share, memory_bytes, remote_share, migrations
        FROM numa_placement WHERE machine = \(name) ORDER BY guest, node
        """
      ).filter { request.filter.guest == nil || $0.text("guest") == request.filter.guest }
      if !placements.isEmpty { blocks.append(Self.placement(host, placements)) }
      let counters = try file.rows(
        """
        SELECT node, sum(numa_hit) AS hit, sum(numa_miss) AS miss, sum(numa_foreign) AS foreign_,
          sum(local_node) AS local, sum(other_node) AS other,
          1.0 * sum(other_node) / nullif(sum(local_node) + sum(other_node), 0) AS remote
        FROM numa_counter WHERE machine = \(name) GROUP BY node ORDER BY node
        """)
      if !counters.isEmpty { blocks.append(Self.counters(host, counters)) }
    }
    guard !blocks.isEmpty else { return [] }
    return [
      .heading("Memory nodes"),
      .paragraph(
        "Remote is the part of its time that a guest ran on a node and must find its memory on another, if "
          + "it uses all of it alike. Of the host's counters only 'other' means remote: pages given to a "
          + "task on another node. 'miss' and 'foreign' are pages that lie elsewhere than the policy "
          + "wanted, which may be next to their task. They count allocations, not accesses."),
    ] + blocks
  }

  private static func placement(_ host: String, _ rows: [QueryRow]) -> Block {
    .table(
      Table(
        caption: Printable.text("Guests on the nodes of \(host):"),
        columns: [
          .text("guest"), .number("node"), .number("ran"), .number("memory"), .number("of it"),
          .number("remote"), .number("vCPUs came"),
        ],
        rows: rows.map { row in
          [
            Printable.text(row.text("guest") ?? ""), row.integer("node").map { "\($0)" } ?? "",
            percent(row.number("run_share")),
            row.integer("memory_bytes").map {
              "\(Quantity.count($0 / 1_048_576)) MiB"
            } ?? "?",
            percent(row.number("memory_share")), percent(row.number("remote_share")),
            row.integer("migrations").map(Quantity.count) ?? "?",
          ]
        }))
  }

  private static func counters(_ host: String, _ rows: [QueryRow]) -> Block {
    func count(_ row: QueryRow, _ name: String) -> String {
      row.integer(name).map(Quantity.count) ?? "?"
    }
    return .table(
      Table(
        caption: Printable.text("Pages that \(host) allocated over the capture (numastat):"),
        columns: [
          .number("node"), .number("hit"), .number("miss"), .number("foreign"), .number("local"),
          .number("other"), .number("other of all"),
        ],
        rows: rows.map { row in
          [
            count(row, "node"), count(row, "hit"), count(row, "miss"), count(row, "foreign_"),
            count(row, "local"), count(row, "other"),
            row.number("remote").map(Quantity.share) ?? "",
          ]
        }))
  }

  /// "?" is not observed.
  private static func percent(_ share: Double?) -> String { share.map(Quantity.share) ?? "?" }
}
