internal import GRDB

/// What the counters of a disk or partition grew by from one reading to the next.
public struct DiskLoadRow: Sendable {
  /// major,minor.
  public let number: String
  /// The name that the machine gives it.
  public let name: String
  /// Begin of the interval, ns since 1970 as printed.
  public let from: Int64
  /// Its end.
  public let to: Int64
  /// Reads and writes that were completed.
  public let requests: Int64
  /// How long they took together, ms.
  public let waited: Int64
  /// Whether the text says how far its times are from UTC.
  public let isUTC: Bool
}

/// What a CPU did from one reading of `/proc/stat` to the next.
public struct CPULoadRow: Sendable {
  /// Its number.
  public let cpu: String
  /// Begin of the interval, ns since 1970 as printed.
  public let from: Int64
  /// Its end.
  public let to: Int64
  /// The share of the counted time in which programs or the kernel ran.
  public let busy: Double
  /// Whether the text says how far its times are from UTC.
  public let isUTC: Bool
}

extension IncidentFile {
  /// The disks and partitions of a machine by `/proc/diskstats`, with dates, in the order of their names and of time. A
  /// reading in which a counter began anew or fell is left out.
  public func diskLoads(of machine: String) throws -> [DiskLoadRow] {
    try fetch(
      """
      SELECT substr(object, 1, instr(object, ' ') - 1), substr(object, instr(object, ' ') + 1),
        wall_ns - max(interval_ns), wall_ns,
        sum(CASE WHEN counter IN ('reads', 'writes') THEN delta END),
        sum(CASE WHEN counter IN ('read_ms', 'write_ms') THEN delta END),
        min(utc_offset_s IS NOT NULL)
      FROM counter_value
      WHERE machine = ?1 AND tool = 'proc-diskstats' AND interval_ns > 0 AND instr(object, ' ') > 1
        AND counter IN ('reads', 'writes', 'read_ms', 'write_ms')
      GROUP BY object, wall_ns
      HAVING count(*) = 4 AND min(delta) >= 0 AND max(delta) < 1000000000000
        AND max(is_reset OR is_step_back) = 0
      ORDER BY object, wall_ns
      """, [machine]
    ) {
      try DiskLoadRow(
        number: $0[0], name: $0[1], from: $0[2], to: $0[3], requests: $0[4], waited: $0[5],
        isUTC: $0[6])
    }
  }

  /// The CPUs of a machine by `/proc/stat`, with dates.
  public func cpuLoads(of machine: String) throws -> [CPULoadRow] {
    try fetch(
      """
      SELECT object, wall_ns - max(interval_ns), wall_ns,
        1.0 * sum(CASE WHEN counter NOT IN ('idle', 'iowait', 'steal') THEN delta END)
          / sum(delta),
        min(utc_offset_s IS NOT NULL)
      FROM counter_value
      WHERE machine = ?1 AND tool = 'proc-stat' AND kind = 'cpu' AND interval_ns > 0
        AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
      GROUP BY object, wall_ns
      HAVING min(delta) >= 0 AND sum(delta) > 0 AND count(*) = 8 AND max(is_reset) = 0
      ORDER BY object, wall_ns
      """, [machine]
    ) { try CPULoadRow(cpu: $0[0], from: $0[1], to: $0[2], busy: $0[3], isUTC: $0[4]) }
  }
}
