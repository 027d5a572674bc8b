internal import TraceModel

/// What the lines of a disk mean together.
struct ComparisonFindings {
  let load: LoadComparison
  /// The lines of the disk.
  let lines: [ComparisonLine]
  let runsPerSide: Int

  var findings: [Finding] { notComparable + falseOptimisation + notExplained }

  private var disk: String { Printable.text("\(load.guest) \(load.device)") }

  /// One run on a side does not say what varies between runs.
  private var confidence: Finding.Confidence { runsPerSide > 1 ? .high : .medium }

  private var caveat: String {
    runsPerSide > 1
      ? "Measured against what varies between runs."
      : "One run on a side: these recordings differ, but what varies from run to run is unknown."
  }

  private func evidence(_ columns: String) -> String {
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

  private func line(_ hop: Hop, _ statistic: Statistic) -> ComparisonLine? {
    lines.first { $0.op == "all" && $0.subject == hop.rawValue && $0.statistic == statistic }
  }

  /// A hop got shorter and the whole did not: because another took the time over, or because there was
  /// little to gain.
  private var falseOptimisation: [Finding] {
    let tuned = Hop.five.filter { hop in
      [Statistic.mean, .p50, .p99].contains { line(hop, $0)?.verdict == .better }
    }
    guard !tuned.isEmpty, let whole = line(.block, .mean), let before = whole.before,
      let after = whole.after, before > 0,
      ![Statistic.mean, .p50, .p99].contains(where: { line(.block, $0)?.verdict == .better }),
      // Means add up, so that one hop's gain and another's loss are of one kind.
      let hop = tuned.min(by: { change($0) < change($1) }), let own = line(hop, .mean),
      let held = own.before, let left = own.after, left < held
    else { return [] }
    let absorbed = Hop.five.filter { $0 != hop && line($0, .mean)?.verdict == .worse }
      .max { change($0) < change($1) }
    func time(_ value: Double) -> String { Quantity.time(Int64(value.rounded())) }
    var sentence =
      "\(disk): \(hop.rawValue) got shorter, from \(time(held)) to \(time(left)) on average, and the "
      + "whole did not: \(time(before)) before, \(time(after)) after."
    let next: String
    if let absorbed, let taken = line(absorbed, .mean), let first = taken.before,
      let second = taken.after
    {
      sentence +=
        " \(absorbed.rawValue) took the time over: \(time(first)) before, \(time(second)) after."
      next = "Tune what \(absorbed.rawValue) waits for, not the queue in front of it."
    } else if let holder = Hop.five.filter({ $0 != hop }).max(by: {
      (line($0, .mean)?.before ?? 0) < (line($1, .mean)?.before ?? 0)
    }), let most = line(holder, .mean)?.before, most > held {
      sentence += " The time is in \(holder.rawValue), which held \(time(most))."
      next = "Look at \(holder.rawValue) first."
    } else {
      return []
    }
    sentence +=
      " Taking \(hop.rawValue) away whole could have given \(time(held)) at most "
      + "(\(Quantity.percent(min(1, held / before))) of the whole); "
      + (after < before ? "it gave \(time(before - after))." : "it gave nothing.")
    return [
      Finding(
        .falseOptimisation, .warning, guest: load.guest, sentence: sentence,
        confidence: confidence, because: caveat,
        evidenceSQL: evidence("hop, mean_ns, p50_ns, p99_ns"),
        nextStep: next)
    ]
  }

  private func change(_ hop: Hop) -> Double { line(hop, .mean)?.change ?? 0 }

  /// The whole got longer, and no hop is shown to have.
  private var notExplained: [Finding] {
    for statistic in [Statistic.mean, .p50, .p99] {
      guard let whole = line(.block, statistic), whole.verdict == .worse,
        let before = whole.before, let after = whole.after,
        !Hop.five.contains(where: { hop in
          Statistic.allCases.contains { line(hop, $0)?.verdict == .worse }
        })
      else { continue }
      return [
        Finding(
          .notExplained, .warning, guest: load.guest,
          sentence:
            "\(disk) got slower (\(statistic.rawValue) \(Quantity.time(Int64(before))) before, "
            + "\(Quantity.time(Int64(after))) after), and no hop that was observed is shown to be longer.",
          confidence: .low, because: caveat, evidenceSQL: evidence("hop, mean_ns, p50_ns, p99_ns"),
          nextStep: "Record for longer, or the layer below the host: its own hypervisor, its "
            + "storage, its clock frequency.")
      ]
    }
    return []
  }
}
