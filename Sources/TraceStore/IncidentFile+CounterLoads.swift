internal import GRDB

/// What the counters of a disk or partition grew by from one reading to the next.
public struct DiskLoadRow: Sendable {
  /// major,minor; the name where a tool prints that alone.
  public let number: String
  /// The name that the machine gives it.
  public let name: String
  /// Begin of the interval, ns since 1970 as printed.
  public let from: Int64
  /// Its end.
  public let to: Int64
  /// Reads and writes that were completed.
  public let requests: Double
  /// How long they took together, ms.
  public let waited: Double
  /// Whether the text says how far its times are from UTC.
  public let isUTC: Bool
}

/// Where the loads of a machine's disks come from.
public enum DiskLoadTool: CaseIterable, Sendable {
  /// `/proc/diskstats`: what was counted.
  case diskstats
  /// `iostat`: means, printed with two decimal places.
  case iostat
  /// `sar -d`: the same, reads and writes together.
  case sar
}

/// Tools that print shares of the machine's CPU time.
public enum CPUShareTool: String, CaseIterable, Sendable {
  /// Every CPU apart, too.
  case mpstat
  /// The same.
  case sar
  /// All together.
  case iostat
  /// All together, or every CPU apart.
  case top
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
  /// The disks and partitions of a machine by one of the tools, with dates, in the order of their names and of time.
  public func diskLoads(of machine: String, by tool: DiskLoadTool) throws -> [DiskLoadRow] {
    switch tool {
    case .diskstats: try diskstatsLoads(of: machine)
    case .iostat: try iostatLoads(of: machine)
    case .sar: try sarLoads(of: machine)
    }
  }

  /// A reading in which a counter began anew or fell is left out.
  private func diskstatsLoads(of machine: String) throws -> [DiskLoadRow] {
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

  /// The same by `iostat`, which prints how many a second and how long each took on average; reports
  /// without waits (no `-x`) are skipped.
  private func iostatLoads(of machine: String) throws -> [DiskLoadRow] {
    try fetch(
      """
      SELECT object, from_ns, wall_ns, reads + writes AS requests,
        coalesce(reads * read_ms + writes * write_ms, (reads + writes) * all_ms) AS waited, is_utc
      FROM (
        SELECT object, wall_ns - max(interval_ns) AS from_ns, wall_ns, max(interval_ns) AS interval_ns,
          max(CASE WHEN counter = 'r/s' THEN value END) * max(interval_ns) / 1e9 AS reads,
          max(CASE WHEN counter = 'w/s' THEN value END) * max(interval_ns) / 1e9 AS writes,
          max(CASE WHEN counter = 'r_await' THEN value END) AS read_ms,
          max(CASE WHEN counter = 'w_await' THEN value END) AS write_ms,
          max(CASE WHEN counter = 'await' THEN value END) AS all_ms,
          min(utc_offset_s IS NOT NULL) AS is_utc
        FROM counter_value
        WHERE machine = ?1 AND tool = 'iostat' AND kind = 'disk' AND interval_ns > 0
          AND nature IN ('rate', 'mean')
        GROUP BY object, source_id, wall_ns)
      WHERE requests < 1e12 AND waited < 1e15
      ORDER BY object, wall_ns
      """, [machine]
    ) {
      try DiskLoadRow(
        number: $0[0], name: $0[0], from: $0[1], to: $0[2], requests: $0[3], waited: $0[4],
        isUTC: $0[5])
    }
  }

  /// The same by `sar -d`.
  private func sarLoads(of machine: String) throws -> [DiskLoadRow] {
    try fetch(
      """
      SELECT object, wall_ns - max(interval_ns), wall_ns,
        max(CASE WHEN counter = 'tps' THEN value END) * max(interval_ns) / 1e9 AS requests,
        max(CASE WHEN counter = 'tps' THEN value END) * max(interval_ns) / 1e9
          * max(CASE WHEN counter = 'await' THEN value END) AS waited,
        min(utc_offset_s IS NOT NULL)
      FROM counter_value
      WHERE machine = ?1 AND tool = 'sar' AND kind = 'disk' AND interval_ns > 0
        AND counter IN ('tps', 'await')
      GROUP BY object, source_id, wall_ns
      HAVING requests < 1e12 AND waited < 1e15
      ORDER BY object, wall_ns
      """, [machine]
    ) {
      try DiskLoadRow(
        number: $0[0], name: $0[0], from: $0[1], to: $0[2], requests: $0[3], waited: $0[4],
        isUTC: $0[5])
    }
  }

  /// What is not idle, waiting for I/O or stolen, as a condition of the counters that sysstat's tools print of a CPU.
  private static let unused = "('%idle', '%iowait', '%steal')"

  /// What a tool of sysstat says of the machine's CPUs, with dates.
  public func reports(of machine: String, by tool: CPUShareTool) throws -> [CPUReportRow] {
    try fetch(
      """
      SELECT source_id, wall_ns - max(interval_ns), wall_ns,
        max(CASE WHEN counter = '%steal' THEN value END),
        100.0 - sum(CASE WHEN counter IN \(Self.unused) THEN value END),
        max(utc_offset_s)
      FROM counter_value
      WHERE machine = ?1 AND tool = ?2 AND kind = 'machine' AND nature = 'share' AND interval_ns > 0
        AND counter IN \(Self.unused)
      GROUP BY source_id, wall_ns HAVING max(counter = '%idle') = 1
      ORDER BY source_id, wall_ns
      """, [machine, tool.rawValue]
    ) {
      try CPUReportRow(
        source: $0[0], from: $0[1], to: $0[2], stolen: $0[3], counted: nil, late: (0, 0),
        busy: $0[4], read: nil, written: nil, isWholeSeconds: true,
        isUTC: ($0[5] as Int64?) != nil)
    }
  }

  /// The CPUs of a machine, with dates: by `/proc/stat`, else by a tool that prints each.
  public func cpuLoads(of machine: String) throws -> [CPULoadRow] {
    let counted = try procStatCPULoads(of: machine)
    guard counted.isEmpty else { return counted }
    for tool in CPUShareTool.allCases {
      let rows = try fetch(
        """
        SELECT object, wall_ns - max(interval_ns), wall_ns,
          1.0 - sum(CASE WHEN counter IN \(Self.unused) THEN value END) / 100,
          min(utc_offset_s IS NOT NULL)
        FROM counter_value
        WHERE machine = ?1 AND tool = ?2 AND kind = 'cpu' AND nature = 'share' AND interval_ns > 0
          AND counter IN \(Self.unused)
        GROUP BY object, source_id, wall_ns HAVING max(counter = '%idle') = 1
        ORDER BY object, wall_ns
        """, [machine, tool.rawValue]
      ) { try CPULoadRow(cpu: $0[0], from: $0[1], to: $0[2], busy: $0[3], isUTC: $0[4]) }
      if !rows.isEmpty { return rows }
    }
    return []
  }

  /// The CPUs of a machine by `/proc/stat`, with dates.
  private func procStatCPULoads(of machine: String) throws -> [CPULoadRow] {
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
