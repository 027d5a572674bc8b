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

  var findings: [Finding] {
    notComparable + falseOptimisation + (notExplained.map { [$0] } ?? [])
  }

  var disk: String { Printable.text("\(load.guest) \(load.device)") }

  /// One run on a side does not say what varies between runs.
  var confidence: Finding.Confidence { runsPerSide > 1 ? .high : .medium }

  var caveat: String {
    runsPerSide > 1
      ? "Measured against what varies between runs."
      : "One run on a side: these recordings differ, but what varies from run to run is unknown."
  }

  func evidence(_ columns: String) -> String {
    "SELECT \(columns) FROM hop_summary WHERE guest = \(Evidence.literal(load.guest)) AND device = "
      + "\(Evidence.literal(load.device)) AND op = 'all'"
  }

  private var notComparable: [Finding] {
    load.obstacles.map { obstacle in
      Finding(
        .notComparable, .warning, guest: load.guest,
        sentence: "\(disk) had another load: \(obstacle.what).", confidence: .high,
        because: obstacle.onlyAll
          ? "Lines of single operations are free of it and are judged."
          : "Another load has other latencies on the same system.",
        evidenceSQL: """
          SELECT op, count(*) AS ios, avg(sectors) * 512 AS mean_bytes FROM io
          WHERE guest = \(Evidence.literal(load.guest)) AND device = \(Evidence.literal(load.device))
          GROUP BY op
          """, nextStep: obstacle.remedy)
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
