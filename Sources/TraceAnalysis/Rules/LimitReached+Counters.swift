internal import TraceModel
internal import TraceStore

/// A stated limit at which counters show a guest's disk, where no block trace shows it.
extension LimitReached {
  /// Readings at the limit, at least.
  private static let leastReadings: Int64 = 6

  func counted(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    var found: [Finding] = []
    for machine in try CounterStretch.machines(evidence, without: "stage") where machine.isGuest {
      let rows = try evidence.rows(Self.countedSQL(machine.name, "1"))
      // Of a disk and its partitions, the disk.
      let names = rows.compactMap { $0.text("object") }
      guard
        let row = rows.min(by: {
          ($0.text("object") ?? "").count < ($1.text("object") ?? "").count
        }), !names.isEmpty, let object = row.text("object"), let stated = row.number("stated"),
        let rate = row.number("rate"), let held = row.number("held"),
        let readings = row.integer("readings"), readings >= Self.leastReadings
      else { continue }
      let file = row.text("path")?.split(separator: "/").last.map(String.init) ?? ""
      let zero =
        try evidence.rows(
          "SELECT min(zero_unix_ns) AS zero FROM phase WHERE seen_by = 'counters' AND machine = "
            + Evidence.literal(machine.name)
        ).first?.integer("zero") ?? 0
      found.append(
        Finding(
          code, .warning, guest: machine.name,
          sentence: Printable.text(
            "Disk \(object.split(separator: " ").last ?? "") was at a limit of "
              + "\(LimitCorrelation.Limit.words(stated, isBytes: false)) in \(Quantity.count(readings, "reading")): it did "
              + "\(Quantity.decimal(rate, digits: 1)) requests per second while \(Quantity.decimal(held, digits: 1)) waited. "
              + "\(file) states the limit."),
          confidence: .low,
          because:
            "Counters are means over intervals; the rate is within 2 % of the limit that a file states, and others wait.",
          evidenceSQL: Self.countedSQL(
            machine.name, "object = \(Evidence.literal(object)) AND stated = \(stated)"),
          nextStep:
            "This is a limit, not a slow disk: raise it (virsh blkdeviotune, io.max, the provider's disk type), or ask "
            + "for less.",
          extent: Finding.Extent(
            from: row.integer("from_ns").map { $0 &- zero },
            to: row.integer("to_ns").map { $0 &- zero },
            error: row.integer("interval_ns") ?? 0)))
    }
    return found
  }

  private static func countedSQL(_ machine: String, _ condition: String) -> String {
    """
    SELECT object, stated, path, count(*) AS readings, avg(requests_per_s) AS rate, avg(depth) AS held,
      max(interval_ns) AS interval_ns, min(wall_ns - interval_ns) AS from_ns, max(wall_ns) AS to_ns
    FROM disk_counter JOIN (
      SELECT CAST(value AS REAL) AS stated, min(path) AS path FROM configuration
      WHERE kind = 'limit' AND name = 'iops' GROUP BY value
    ) ON abs(requests_per_s - stated) <= 0.02 * stated
    WHERE machine = \(Evidence.literal(machine)) AND depth >= 0.8 AND \(condition)
    GROUP BY object, stated HAVING count(*) >= \(leastReadings) ORDER BY length(object), object
    """
  }
}
