internal import GRDB

/// What a machine's counters said of an interval of its wall clock.
public struct CPUReportRow: Sendable {
  /// The file.
  public let source: Int64
  /// Begin of the interval, ns since 1970 as printed.
  public let from: Int64
  /// Its end.
  public let to: Int64
  /// Percent of the counted CPU time stolen; nil where the file has no such column.
  public let stolen: Double?
  /// How much time the machine counted, all CPUs together, ns; nil where the file has percentages only.
  public let counted: Int64?
  /// How long after `from` and `to` the counters may have been read, ns: until another file of the machine has
  /// its next date, since one script writes a date and reads what belongs to it before the next.
  public let late: (begin: Int64, end: Int64)
  /// Percent of the counted CPU time that programs and the kernel used.
  public let busy: Double?
  /// KiB read from block devices per second.
  public let read: Double?
  /// KiB written to block devices per second.
  public let written: Double?
  /// Whether the times were printed as whole seconds: cut off, not rounded.
  public let isWholeSeconds: Bool
  /// Whether the text says how far its times are from UTC.
  public let isUTC: Bool
}

/// A file whose times are a wall clock's.
public struct WallSourceRow: Sendable {
  /// The file.
  public let source: Int64
  /// The machine.
  public let machine: String
  /// The format.
  public let format: String
  /// Its first moment, ns since 1970.
  public let first: Int64
  /// Its last one; the first where ``hasEnd`` is false.
  public let last: Int64
  /// Whether it is known when it ends: rows that follow a date without one may go on for hours.
  public let hasEnd: Bool
  /// Whether the distance of its times from UTC is known; else they are local, as if they were UTC.
  public let isUTC: Bool
  /// Whether its times are whole seconds: cut off, not rounded.
  public var isWholeSeconds: Bool { first % 1_000_000_000 == 0 && last % 1_000_000_000 == 0 }
}

/// When a trace began, on other clocks.
public struct TraceStartRow: Sendable {
  /// First event, own ns.
  public let first: Int64
  /// Last event, own ns.
  public let last: Int64
  /// The own clock's 0 in ns since 1970; nil where no file says it.
  public let wallStart: Int64?
  /// The clock, as the view `source` names it.
  public let toolClock: String
  /// The own clock's 0 on CLOCK_MONOTONIC, ns; nil where no file says it.
  public let monotonicStart: Int64?
}

extension IncidentFile {
  /// What `vmstat` said of a machine, row by row, with dates; the averages since boot are left out. Where two files show the
  /// same time, only the longer one is used for it.
  public func vmstatReports(of machine: String) throws -> [CPUReportRow] {
    let rows = try allVmstatReports(of: machine)
    let files = Dictionary(grouping: rows, by: \.source).sorted { $0.key < $1.key }.map(\.value)
    guard files.count > 1 else { return rows }
    func span(_ rows: [CPUReportRow]) -> Range<Int64> {
      let from = rows.first?.from ?? 0
      return from..<max(from, rows.last?.to ?? 0)
    }
    func length(_ span: Range<Int64>) -> Int64 { span.upperBound &- span.lowerBound }
    var covered: [Range<Int64>] = []
    var kept: [CPUReportRow] = []
    for own in files.sorted(by: { length(span($0)) > length(span($1)) }) {
      kept += own.filter { row in
        !covered.contains { $0.lowerBound < row.to && row.from < $0.upperBound }
      }
      covered.append(span(own))
    }
    return kept.sorted { ($0.source, $0.to) < ($1.source, $1.to) }
  }

  private func allVmstatReports(of machine: String) throws -> [CPUReportRow] {
    try fetch(
      """
      SELECT source_id, before_ns, wall_ns, st, us + sy, bi, bo, utc_offset_s FROM (
        SELECT sample.*, lag(sample.wall_ns) OVER (
          PARTITION BY sample.source_id, sample.run ORDER BY sample.ordinal) AS before_ns
        FROM vmstat_sample AS sample JOIN source_file USING (source_id)
        JOIN machine USING (machine_id) WHERE machine.name = ?)
      WHERE since_boot = 0 AND wall_ns > before_ns
      ORDER BY source_id, wall_ns
      """, [machine]
    ) { row in
      try CPUReportRow(
        source: row[0], from: row[1], to: row[2], stolen: row[3], counted: nil, late: (0, 0),
        busy: row[4],
        read: row[5], written: row[6], isWholeSeconds: true, isUTC: (row[7] as Int64?) != nil)
    }
  }

  /// The machine's ticks by `/proc/stat`, or by `vmstat -s` under other names.
  private static let ticks = """
    (SELECT machine, source_id, wall_ns, interval_ns, utc_offset_s, line, delta,
      is_reset OR is_step_back AND counter NOT IN ('iowait', 'IO-wait cpu ticks') AS is_broken,
      lag(line) OVER (PARTITION BY source_id, counter ORDER BY line) AS before_line,
      CASE counter
        WHEN 'non-nice user cpu ticks' THEN 'user' WHEN 'nice user cpu ticks' THEN 'nice'
        WHEN 'system cpu ticks' THEN 'system' WHEN 'idle cpu ticks' THEN 'idle'
        WHEN 'IO-wait cpu ticks' THEN 'iowait' WHEN 'IRQ cpu ticks' THEN 'irq'
        WHEN 'softirq cpu ticks' THEN 'softirq' WHEN 'stolen cpu ticks' THEN 'steal'
        ELSE counter
      END AS counter
    FROM counter_value
    WHERE unit = 'ticks' AND kind = 'machine' AND tool IN ('proc-stat', 'vmstat -s') AND object = '')
    """

  /// The same out of `/proc/stat`, read several times. A reading in which a counter began anew or fell is left out, one
  /// that lacks a counter of the reading before, and one with more stolen time than twice of what passed: no host
  /// steals that, a broken counter does. iowait alone may fall by a little (proc(5)).
  public func procStatReports(of machine: String) throws -> [CPUReportRow] {
    let dates = try dates(of: machine)
    return try fetch(
      """
      SELECT source_id, wall_ns - interval_ns AS from_ns, wall_ns,
        100.0 * sum(CASE WHEN counter = 'steal' THEN delta END) / nullif(sum(delta), 0),
        100.0 * sum(CASE WHEN counter IN ('user', 'nice', 'system', 'irq', 'softirq') THEN delta END)
          / nullif(sum(delta), 0),
        utc_offset_s, sum(delta)
      FROM \(Self.ticks)
      WHERE machine = ?1 AND interval_ns > 0
        AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
      GROUP BY source_id, wall_ns HAVING min(delta) >= 0 AND max(is_broken) = 0
        AND min(before_line) = max(before_line)
        AND coalesce(max(CASE WHEN counter = 'steal' THEN delta END)
          > 100 + interval_ns / 5000000 * (
            SELECT nullif(count(*), 0) FROM counter_object JOIN machine USING (machine_id)
            WHERE machine.name = ?1 AND tool = 'proc-stat' AND kind = 'cpu'
              AND counter_object.name NOT LIKE '%(%'), 0) = 0
      ORDER BY source_id, wall_ns
      """, [machine]
    ) { row in
      let source: Int64 = try row[0]
      let (from, to): (Int64, Int64) = try (row[1], row[2])
      return try CPUReportRow(
        source: source, from: from, to: to, stolen: row[3],
        counted: (row[6] as Int64?).flatMap { $0.magnitude < 1 << 39 ? $0 * 10_000_000 : nil },
        late: (
          Self.untilNext(from, source, in: dates), Self.untilNext(to, source, in: dates)
        ),
        busy: row[4], read: nil,
        written: nil, isWholeSeconds: to % 1_000_000_000 == 0, isUTC: (row[5] as Int64?) != nil)
    }
  }

  /// What a machine said without dates: the rows of `vmstat`, else what `/proc/stat` or `vmstat -s` grew by. They follow each
  /// other, as long as each other for all that is known: from 0 to 1, 1 to 2, ...
  public func undatedReports(of machine: String) throws -> [CPUReportRow] {
    func reports(_ sql: String) throws -> [CPUReportRow] {
      var place: Int64 = 0
      return try fetch(sql, [machine]) { row in
        place += 1
        return try CPUReportRow(
          source: row[0], from: place - 1, to: place, stolen: row[1], counted: nil, late: (0, 0),
          busy: row[2], read: nil, written: nil, isWholeSeconds: false, isUTC: false)
      }
    }
    let rows = try reports(
      """
      SELECT source_id, st, us + sy FROM vmstat_sample AS sample
      JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE machine.name = ?1 AND since_boot = 0 AND wall_ns IS NULL AND st IS NOT NULL
      ORDER BY source_id, ordinal
      """)
    guard rows.isEmpty else { return rows }
    return try reports(
      """
      SELECT source_id,
        100.0 * sum(CASE WHEN counter = 'steal' THEN delta END) / nullif(sum(delta), 0) AS stolen,
        100.0 * sum(CASE WHEN counter IN ('user', 'nice', 'system', 'irq', 'softirq') THEN delta END)
          / nullif(sum(delta), 0)
      FROM \(Self.ticks)
      WHERE machine = ?1 AND wall_ns IS NULL
        AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
      GROUP BY source_id, line
      HAVING min(delta) >= 0 AND max(is_broken) = 0 AND stolen IS NOT NULL
        AND min(before_line) = max(before_line)
      ORDER BY source_id, line
      """)
  }

  /// Formats whose tool writes dates itself, as a list of SQL.
  private static let selfDated =
    "('iostat', 'sar', 'mpstat', 'pidstat', 'top', 'fio', 'fio-log', 'biosnoop', 'biolatency', 'runqlat', 'runqslower', "
    + "'esxtop')"

  /// When a script wrote a date for what it read of a machine, and into which file, in order of time; ns since 1970 as
  /// printed. ``selfDated`` tools write their own, whatever else runs.
  private func dates(of machine: String) throws -> [(at: Int64, source: Int64)] {
    try fetch(
      """
      SELECT wall_ns, source_id FROM counter_moment JOIN source_file USING (source_id)
      JOIN machine USING (machine_id)
      WHERE machine.name = ? AND wall_ns IS NOT NULL AND source_file.format NOT IN \(Self.selfDated)
      ORDER BY wall_ns, source_id
      """, [machine]
    ) { row -> (at: Int64, source: Int64) in try (row[0], row[1]) }
  }

  /// From a date in one file to the next in another, ns; 0 where there is none.
  private static func untilNext(
    _ date: Int64, _ source: Int64, in dates: [(at: Int64, source: Int64)]
  ) -> Int64 {
    var low = 0
    var high = dates.count
    while low < high {
      let middle = (low + high) / 2
      if dates[middle].at <= date { low = middle + 1 } else { high = middle }
    }
    return dates[low...].first { $0.source != source }.map { $0.at &- date } ?? 0
  }

  /// The files with wall-clock times.
  public func wallSources() throws -> [WallSourceRow] {
    try fetch(
      """
      SELECT source_id, name, format, first_ns, coalesce(last_ns, first_ns), last_ns IS NOT NULL,
        NOT EXISTS (SELECT 1 FROM counter_moment AS moment
          WHERE moment.source_id = source_file.source_id AND wall_ns IS NOT NULL
            AND utc_offset_s IS NULL)
        AND NOT EXISTS (SELECT 1 FROM vmstat_sample AS sample
          WHERE sample.source_id = source_file.source_id AND utc_offset_s IS NULL
            AND coalesce(wall_ns, run_wall_ns) IS NOT NULL)
      FROM source_file JOIN machine USING (machine_id)
      WHERE tool_clock = 'wall' AND first_ns IS NOT NULL
      ORDER BY source_id
      """
    ) {
      try WallSourceRow(
        source: $0[0], machine: $0[1], format: $0[2], first: $0[3], last: $0[4], hasEnd: $0[5],
        isUTC: $0[6])
    }
  }

  /// The span of a trace, and its start on the wall clock.
  public func traceStart(of source: Int64) throws -> TraceStartRow? {
    try fetch(
      """
      SELECT first_ns, last_ns, CASE WHEN start_clock = 'CLOCK_REALTIME' THEN start_ns END AS start_ns, tool_clock,
        monotonic_start_ns
      FROM source_file WHERE source_id = ? AND first_ns IS NOT NULL AND last_ns IS NOT NULL
      """, [source]
    ) {
      try TraceStartRow(
        first: $0[0], last: $0[1], wallStart: $0[2], toolClock: $0[3], monotonicStart: $0[4])
    }.first
  }

  /// How far a block trace is ahead of another clock of its machine, by requests that a trace with that
  /// clock saw, too; ns.
  public func tiedOffset(toolClock: String, to source: Int64) throws -> Int64? {
    try fetch(
      """
      SELECT offset_ns FROM clock_tie JOIN source_file USING (source_id)
      WHERE tool_clock = ? AND other_source_id = ? ORDER BY requests DESC, source_id LIMIT 1
      """, [toolClock, source]
    ) { try $0[0] as Int64 }.first
  }

  /// How many CPUs a machine has by its own account; nil where no file says it.
  public func cpuCount(of machine: String) throws -> Int? {
    let count = try fetch(
      """
      SELECT count(DISTINCT cpu) FROM cpu_topology
      JOIN source_file USING (source_id) JOIN machine USING (machine_id) WHERE machine.name = ?
      """, [machine]
    ) { try $0[0] as Int }.first
    return count == 0 ? nil : count
  }

  /// The relations of clocks that were given.
  public func givenClocks() throws -> [GivenClock] {
    try fetch(
      """
      SELECT machine, tool_clock, reference, reference_tool_clock, offset_ns, drift_ppm, error_ns, line
      FROM given_clock ORDER BY machine, tool_clock
      """
    ) {
      try GivenClock(
        machine: $0[0], toolClock: $0[1], reference: $0[2], referenceToolClock: $0[3],
        offset: $0[4], driftPPM: $0[5], error: $0[6], line: $0[7])
    }
  }

  /// The machine of a source and the clock of its times.
  public func clock(of source: Int64) throws -> (machine: String, toolClock: String)? {
    try fetch(
      """
      SELECT machine.name, tool_clock FROM source_file JOIN machine USING (machine_id)
      WHERE source_id = ?
      """, [source]
    ) { row -> (machine: String, toolClock: String) in try (row[0], row[1]) }.first
  }
}

extension CorrelationWriter {
  /// Adds a guest's account of a stretch beside the host's; percentages.
  public func addStealSum(
    guest: String, source: Int64, span: (from: Int64, to: Int64)?, samples: Int, vcpus: Int,
    reported: Double, counted: Double?, measured: Double, busy: Double?, tolerance: Double?,
    agrees: Bool?
  ) throws {
    try insert(
      into: "steal_sum",
      [
        "guest": guest, "source_id": source, "from_ns": span?.from, "to_ns": span?.to,
        "samples": samples, "vcpus": vcpus, "reported_pct": reported, "counted_pct": counted,
        "measured_pct": measured, "busy_pct": busy, "tolerance_pct": tolerance, "agrees": agrees,
      ])
  }

  /// Adds a second of a guest; percentages and ns.
  public func addStealSecond(
    guest: String, at: Int64?, wall: Int64?, vcpus: Int?, covered: Int64?, waited: Int64?,
    ran: Int64?, reported: Double?, measured: Double?, busy: Double?
  ) throws {
    try insert(
      into: "steal_second",
      [
        "guest": guest, "at_ns": at, "wall_ns": wall, "vcpus": vcpus, "covered_ns": covered,
        "waited_ns": waited, "ran_ns": ran, "reported_pct": reported, "measured_pct": measured,
        "busy_pct": busy,
      ])
  }

  /// Adds how a guest's events fall into its virtual CPUs' stays.
  public func addRunCheck(
    guest: String, source: Int64, host: Int64, events: Int, violations: Int, expected: Double
  ) throws {
    try insert(
      into: "vcpu_check_sum",
      [
        "guest": guest, "source_id": source, "host_source_id": host, "events": events,
        "violations": violations, "expected": expected,
      ])
  }
}
