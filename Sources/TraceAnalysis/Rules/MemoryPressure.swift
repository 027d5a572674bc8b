internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A machine ran short of memory.
  static let memoryPressure = Finding.Code("MEMORY_PRESSURE")
}

/// A machine swapped, made its threads reclaim memory themselves, or had them wait for memory.
struct MemoryPressure: Rule {
  let code = Finding.Code.memoryPressure
  let topic = Topic.memory
  let about = Subject.cause(
    Suspect(
      .placement, "a shortage of memory",
      without:
        "counters of paging over time (vmstat, sar -B -W, /proc/vmstat, /proc/pressure/memory)",
      """
      SELECT 1 FROM vm_counter UNION ALL SELECT 1 FROM counter_value WHERE counter IN ('pswpin', 'pswpin/s')
        OR tool = 'pressure' AND object LIKE 'memory%'
      """))
  private let swapping = Threshold(
    "memory-swap", 256, "KiB/s", "swapped in and out on average, from which on it warns")
  private let scanning = Threshold(
    "memory-direct", 100, "",
    "pages per second that threads had to look at themselves, from which on it warns")
  private let waiting = Threshold(
    "memory-wait", 10, "%",
    "time in which some thread waited for memory (PSI), from which on it warns")
  var thresholds: [Threshold] { [swapping, scanning, waiting] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    let sql = Self.sql("1")
    return try evidence.rows(sql).compactMap { row in
      guard let machine = row.text("machine") else { return nil }
      var parts: [String] = []
      if let swap = row.number("swap_kib_per_s"), swap >= evidence.value(of: swapping),
        row.integer("swap_readings") ?? 0 >= 3
      {
        parts.append("it swapped \(Quantity.decimal(swap, digits: 0)) KiB per second")
      }
      if let scan = row.number("direct_per_s"), scan >= evidence.value(of: scanning) {
        parts.append(
          "its threads looked at \(Quantity.decimal(scan, digits: 0)) pages per second themselves to free some"
        )
      }
      if let wait = row.number("waited_pct"), wait >= evidence.value(of: waiting) {
        parts.append(
          "some thread waited for memory in \(Quantity.decimal(wait, digits: 1)) % of the time")
      }
      guard !parts.isEmpty else { return nil }
      let isGuest = row.text("layer") == "guest"
      return Finding(
        code, .warning, guest: isGuest ? machine : nil,
        sentence: Printable.text(
          "\(isGuest ? "The guest" : machine) was short of memory: \(parts.joined(separator: "; "))."
        ),
        confidence: .low,
        because: "Means over all readings; when it was so, the single ones tell.",
        evidenceSQL: Self.sql("machine = \(Evidence.literal(machine))"),
        nextStep:
          "See who holds the memory (smem, ps -eo pid,rss,comm --sort -rss), the balloon's size, and limits of "
          + "the control group (memory.max).")
    }
  }

  /// Of each machine; the largest where several tools say it.
  private static func sql(_ condition: String) -> String {
    """
    WITH swap AS (
      SELECT machine, layer, avg(si + so) AS kib, sum(si + so > 0) AS readings FROM vm_counter GROUP BY machine
      UNION ALL
      SELECT machine, layer, 4.0 * sum(value) / count(DISTINCT line), count(DISTINCT CASE WHEN value > 0 THEN line END)
      FROM counter_value WHERE counter IN ('pswpin/s', 'pswpout/s') GROUP BY machine, source_id
      UNION ALL
      SELECT machine, layer, 4e9 * sum(delta) / nullif(max(wall_ns) - min(wall_ns - interval_ns), 0),
        count(DISTINCT CASE WHEN delta > 0 THEN line END)
      FROM counter_value WHERE counter IN ('pswpin', 'pswpout') AND interval_ns > 0 AND delta >= 0
      GROUP BY machine, source_id
    ), direct AS (
      SELECT machine, layer, avg(value) AS pages FROM counter_value WHERE counter = 'pgscand/s' GROUP BY machine
      UNION ALL
      SELECT machine, layer, 1e9 * sum(delta) / nullif(max(wall_ns) - min(wall_ns - interval_ns), 0)
      FROM counter_value
      WHERE counter GLOB 'pgscan_direct*' AND counter <> 'pgscan_direct_throttle' AND interval_ns > 0 AND delta >= 0
      GROUP BY machine, source_id
    ), wait AS (
      SELECT machine, layer, 100.0 * sum(delta) / nullif(sum(interval_ns), 0) AS pct FROM counter_value
      WHERE tool = 'pressure' AND object = 'memory some' AND counter = 'total' AND interval_ns > 0 AND delta >= 0
      GROUP BY machine
    ), named AS (
      SELECT machine, layer FROM swap UNION SELECT machine, layer FROM direct UNION SELECT machine, layer FROM wait
    )
    SELECT machine, layer, (SELECT max(kib) FROM swap WHERE swap.machine = named.machine) AS swap_kib_per_s,
      (SELECT max(readings) FROM swap WHERE swap.machine = named.machine) AS swap_readings,
      (SELECT max(pages) FROM direct WHERE direct.machine = named.machine) AS direct_per_s,
      (SELECT max(pct) FROM wait WHERE wait.machine = named.machine) AS waited_pct
    FROM named WHERE \(condition) ORDER BY machine
    """
  }
}
