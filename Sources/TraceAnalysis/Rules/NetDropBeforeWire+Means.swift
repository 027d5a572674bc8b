internal import TraceModel
internal import TraceStore

/// Drops by `sar -n EDEV`, which prints so many a second and no sums: of machines without sums.
extension NetDropBeforeWire {
  func means(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    return try evidence.rows(Self.meansSQL("1")).compactMap { row in
      guard let machine = row.text("machine"), let object = row.text("object"),
        let way = row.text("way"), let drops = row.number("drops_per_s"), drops > 0
      else { return nil }
      let share = row.number("drop_pct")
      let isGuest = row.text("layer") == "guest"
      let severity: Finding.Severity =
        share ?? 0 >= evidence.value(of: critical)
        ? .critical : share ?? 0 >= evidence.value(of: warning) ? .warning : .info
      return Finding(
        code, severity, guest: isGuest ? machine : nil,
        sentence: Printable.text(
          "\(object) of \(machine) dropped \(Quantity.decimal(drops, digits: 1)) packets per second on average that it was to "
            + (way == "rx" ? "receive" : "send")
            + (share.map { ", \(Quantity.decimal($0, digits: 2)) % of all." } ?? ".")),
        confidence: .low,
        because:
          "These are means of sar over \(Quantity.count(row.integer("readings") ?? 0, "reading")); whether it is the first "
          + "queue that loses, only the counters of all of them tell.",
        evidenceSQL: Self.meansSQL(
          "machine = \(Evidence.literal(machine)) AND object = \(Evidence.literal(object)) AND way = \(Evidence.literal(way))"
        ),
        nextStep:
          "Save the counters of all interfaces in a loop with dates: while sleep 1; do date +%s.%N; ip -s -s link; "
          + "done > FILE")
    }
  }

  private static func meansSQL(_ condition: String) -> String {
    """
    SELECT *, 100 * drops_per_s / nullif(packets_per_s + drops_per_s, 0) AS drop_pct FROM (
      SELECT machine, layer, object, substr(counter, 1, 2) AS way, count(*) AS readings, avg(value) AS drops_per_s,
        (SELECT avg(other.value) FROM counter_value AS other
          WHERE other.machine = counter_value.machine AND other.tool = 'sar -n DEV'
            AND other.object = counter_value.object AND other.counter = substr(counter_value.counter, 1, 2) || 'pck/s')
          AS packets_per_s
      FROM counter_value
      WHERE tool = 'sar -n EDEV' AND counter IN ('rxdrop/s', 'txdrop/s')
        AND machine NOT IN (SELECT machine FROM net_path)
      GROUP BY machine, object, counter HAVING sum(value) > 0)
    WHERE \(condition) ORDER BY machine, object, way
    """
  }
}
