internal import TraceModel

extension Finding.Code {
  /// Two incidents do not compare: no rule, for only a comparison finds it, and no file has it.
  static let notComparable = Finding.Code("NOT_COMPARABLE")
}

/// What the lines of a disk mean together, and with those of its guest.
struct ComparisonFindings {
  let load: LoadComparison
  /// The lines of the disk, and those of its guest that are about no disk.
  let lines: [ComparisonLine]
  let runsPerSide: Int
  /// What H3 of the disk's I/Os was made of, where the waits of their threads are known.
  let waits: (before: WaitParts, after: WaitParts)?
  /// What the disk had beside its own load.
  let disturbances: [Disturbance]
  /// The windows of one incident that are compared; nil where incidents are.
  let windows: (before: Recording, after: Recording)?

  var findings: [Finding] {
    notComparable + falseOptimisation + (notExplained.map { [$0] } ?? [])
  }

  var disk: String { Printable.text("\(load.guest) \(load.device)") }

  /// One run on a side does not say what varies between runs.
  var confidence: Finding.Confidence { runsPerSide > 1 ? .high : .medium }

  var caveat: String {
    if windows != nil {
      return
        "Two windows of one recording: they differ, and whatever else changed between them may be the reason."
    }
    return runsPerSide > 1
      ? "Measured against what varies between runs."
      : "One run on a side: these recordings differ, but what varies from run to run is unknown."
  }

  func evidence(_ columns: String) -> String {
    if let windows { return Self.evidence(load, windows.before, windows.after) }
    return
      "SELECT \(columns) FROM hop_summary WHERE guest = \(Evidence.literal(load.guest)) AND device = "
      + "\(Evidence.literal(load.device)) AND op = 'all'"
  }

  /// The numbers of H3 and its waits, of both windows where there are such.
  var waitEvidence: String {
    let sql = { WaitParts.sql(guest: load.guest, device: load.device, $0) }
    guard let windows else { return sql(nil) }
    return "SELECT 'before' AS side, * FROM (\(sql(windows.before))) UNION ALL "
      + "SELECT 'after', * FROM (\(sql(windows.after)))"
  }

  /// Means and quantiles of the hops in both windows, from the single I/Os.
  private static func evidence(
    _ load: LoadComparison, _ before: Recording, _ after: Recording
  ) -> String {
    """
    WITH chosen AS (
      SELECT io_id, CASE WHEN \(before.condition) THEN 'before' ELSE 'after' END AS side FROM io
      WHERE guest = \(Evidence.literal(load.guest)) AND device = \(Evidence.literal(load.device))
        AND op <> 'flush' AND block_ns IS NOT NULL
        AND (match_grade IN \(Evidence.list(MatchGrade.certain)) OR NOT EXISTS (
          SELECT 1 FROM device_map WHERE device_map.guest = io.guest AND guest_device = io.device))
        AND (\(before.condition) OR \(after.condition))),
    placed AS (
      SELECT side, hop, ns, row_number() OVER (PARTITION BY side, hop ORDER BY ns) AS place,
        count(*) OVER (PARTITION BY side, hop) AS ios
      FROM chosen JOIN io_hop USING (io_id) WHERE ns IS NOT NULL)
    SELECT side, hop, max(ios) AS ios, avg(ns) AS mean_ns,
      min(ns) FILTER (WHERE place >= 0.5 * ios) AS p50_ns,
      min(ns) FILTER (WHERE place >= 0.99 * ios) AS p99_ns
    FROM placed GROUP BY side, hop
    """
  }

  private var notComparable: [Finding] {
    let disk =
      "guest = \(Evidence.literal(load.guest)) AND device = \(Evidence.literal(load.device))"
    let side =
      windows.map { " CASE WHEN \($0.before.condition) THEN 'before' ELSE 'after' END AS side," }
      ?? ""
    let within = windows.map { "\($0.before.condition) OR \($0.after.condition)" } ?? "1"
    return load.obstacles.map { obstacle in
      Finding(
        .notComparable, .warning, guest: load.guest,
        sentence: "\(self.disk) had another load: \(obstacle.what).", confidence: .high,
        because: obstacle.onlyAll
          ? "Lines of single operations are free of it and are judged."
          : "Another load has other latencies on the same system.",
        evidenceSQL: """
          SELECT\(side) op, count(*) AS ios, avg(sectors) * 512 AS mean_bytes FROM io
          WHERE \(disk) AND (\(within))
          GROUP BY \(windows == nil ? "" : "side, ")op
          """,
        nextStep: windows == nil
          ? obstacle.remedy : "Choose windows in which the guest asked for the same.")
    }
  }

  func line(_ hop: Hop, _ statistic: Statistic) -> ComparisonLine? {
    lines.first {
      $0.op == BlockOperation.together && $0.subject == hop.name && $0.statistic == statistic
    }
  }

  /// How much longer a hop is on average, ns; 0 where that is not known.
  func change(_ hop: Hop) -> Double { line(hop, .mean)?.change ?? 0 }

  func time(_ value: Double) -> String { Quantity.time(value) }
}
