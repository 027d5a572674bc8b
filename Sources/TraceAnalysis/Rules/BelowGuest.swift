internal import TraceModel
internal import TraceStore

/// What can be said of a guest's disk when nothing of its host is known: how long the one hop below the
/// guest takes, and with what of the guest's own seconds it goes.
enum BelowGuest {
  /// Fewer I/Os say nothing.
  private static let fewestIOs: Int64 = 100
  /// Fewer seconds show no association.
  private static let fewestSeconds: Int64 = 10

  /// What can be said of a disk with so many I/Os; nil where they are too few.
  static func finding(
    _ evidence: Evidence, guest: String, device: String, ios: Int64
  ) throws -> Finding? {
    // Without asking: thousands of hardly used disks would be gone through one by one.
    guard ios >= fewestIOs else { return nil }
    let sql = sql(guest: guest, device: device)
    guard let row = try evidence.rows(sql).first, let count = row.integer("count"),
      count >= fewestIOs, let median = row.integer("p50_ns"), let slow = row.integer("p99_ns")
    else { return nil }
    var sentence =
      "\(try evidence.disk(device, of: guest)): it is joined with no host's trace, so all below the "
      + "guest's scheduler is one hop (H3+H4+H5, D to C in the guest): median \(Quantity.time(median)), p99 \(Quantity.time(slow)), "
      + "\(Quantity.ios(Int(clamping: count)))"
    if let seconds = row.integer("seconds"), seconds >= fewestSeconds {
      let goesWith = [
        ("the steal that the guest reports", "steal_correlation"),
        ("the I/Os in flight", "depth_correlation"), ("the I/Os per second", "rate_correlation"),
      ].compactMap { name, column in
        row.number(column).map { "\(name) \(Quantity.decimal($0, digits: 2))" }
      }
      sentence +=
        ". Over \(Quantity.count(seconds, "second")) its mean goes with (rank correlation, -1 to 1): "
        + goesWith.joined(separator: ", ")
      if let much = row.number("much_steal_ns"), let little = row.number("little_steal_ns") {
        sentence +=
          "; in the half of the seconds with more steal it is \(Quantity.time(Int64(much))), in the other "
          + "\(Quantity.time(Int64(little)))"
      }
    }
    return Finding(
      .traceIncomplete, .info, guest: guest, sentence: Printable.text(sentence) + ".",
      confidence: .low,
      because:
        "These are associations of seconds, no causes: which layer held the I/Os cannot be seen from the "
        + "guest.",
      evidenceSQL: sql, nextStep: NotJoined.ask)
  }

  /// The seconds are those of the guest's vmstat; an I/O belongs to the one in which it was queued.
  private static func sql(guest: String, device: String) -> String {
    """
    WITH block AS (
      SELECT CAST(floor(queued_at_ns / 1e9) AS INTEGER) AS second, count(*) AS ios,
        avg(block_ns - guest_scheduler_ns) AS below_ns, sum(block_ns - guest_scheduler_ns) / 1e9 AS depth
      FROM io WHERE guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
        AND op <> 'flush' AND block_ns IS NOT NULL AND guest_scheduler_ns IS NOT NULL
      GROUP BY second
    ), stolen AS (
      SELECT CAST(floor(at_ns / 1e9 - 0.5) AS INTEGER) AS second, avg(st) AS steal FROM vm_counter
      WHERE machine = \(Evidence.literal(guest)) AND at_ns IS NOT NULL AND st IS NOT NULL GROUP BY second
    ), placed AS (
      SELECT below_ns, steal, rank() OVER (ORDER BY below_ns) AS below_rank,
        CASE WHEN steal IS NOT NULL THEN rank() OVER (ORDER BY steal) END AS steal_rank,
        rank() OVER (ORDER BY depth) AS depth_rank, rank() OVER (ORDER BY ios) AS rate_rank,
        CASE WHEN steal IS NOT NULL THEN ntile(2) OVER (PARTITION BY steal IS NULL ORDER BY steal) END AS half
      FROM block LEFT JOIN stolen USING (second) WHERE ios >= 5
    )
    SELECT summary.count AS count, summary.p50_ns AS p50_ns, summary.p99_ns AS p99_ns,
      count(*) AS seconds,
      \(correlation("steal_rank")) AS steal_correlation, \(correlation("depth_rank")) AS depth_correlation,
      \(correlation("rate_rank")) AS rate_correlation,
      avg(CASE WHEN half = 2 THEN below_ns END) AS much_steal_ns,
      avg(CASE WHEN half = 1 THEN below_ns END) AS little_steal_ns
    FROM hop_summary AS summary LEFT JOIN placed
    WHERE summary.guest = \(Evidence.literal(guest)) AND summary.device = \(Evidence.literal(device))
      AND summary.op = 'all' AND summary.hop = 'below_guest'
    """
  }

  /// Pearson's correlation of a rank with that of the hop's mean: Spearman's.
  private static func correlation(_ rank: String) -> String {
    let known = "CASE WHEN \(rank) IS NOT NULL THEN below_rank END"
    return """
      (avg(1.0 * below_rank * \(rank)) - avg(\(known)) * avg(\(rank)))
        / nullif(sqrt((avg(1.0 * (\(known)) * (\(known))) - avg(\(known)) * avg(\(known)))
          * (avg(1.0 * \(rank) * \(rank)) - avg(\(rank)) * avg(\(rank)))), 0)
      """
  }
}
