internal import TraceModel

extension ComparisonFindings {
  /// A hop got shorter and the whole did not: because another took the time over, or because there was
  /// little to gain.
  ///
  /// Means decide, for they add up: what one hop gives and another takes is of one kind. Quantiles of the
  /// whole may move meanwhile, some up and some down, when another queue has another order.
  var falseOptimisation: [Finding] {
    let tuned = Hop.passed.filter { hop in
      [Statistic.mean, .p50, .p99].contains { line(hop, $0)?.verdict == .better }
    }
    guard let hop = tuned.min(by: { change($0) < change($1) }), let own = line(hop, .mean),
      let held = own.before, let left = own.after, left < held,
      let whole = line(.block, .mean), let before = whole.before, let after = whole.after,
      before > 0, whole.verdict == .noDifference || whole.verdict == .worse,
      // Where the whole fell by as much as the hop gave, it is only not sure yet.
      before - after < (held - left) / 2,
      // Time that moved from one queue to the next is no more than the first one held: where the whole grew by more, something
      // else did it.
      after - before <= held,
      // A limit, a neighbour or a pause of one side alone is no tuning.
      !disturbances.contains(where: { $0.isOneSided ?? false })
    else { return [] }
    let moved = [Statistic.p50, .p99].compactMap { line(.block, $0) }
    let isShorter = moved.contains { $0.verdict == .better }
    guard !isShorter || moved.contains(where: { $0.verdict != .better }) else { return [] }
    var sentence =
      "\(disk): \(hop.label) got shorter, from \(time(held)) to \(time(left)) on average, and the "
      + "whole did not: \(time(before)) before, \(time(after)) after"
      + moved.compactMap(Self.movement).map { "; " + $0 }.joined() + "."
    let next: String
    // Who took at least half of what was given.
    let takers = Hop.passed.filter {
      $0 != hop && line($0, .mean)?.verdict == .worse && change($0) >= (held - left) / 2
    }
    if let taker = takers.max(by: { change($0) < change($1) }), let taken = line(taker, .mean),
      let first = taken.before, let second = taken.after
    {
      sentence +=
        " \(taker.label) took the time over: \(time(first)) before, \(time(second)) after."
      next = "Tune what \(taker.label) waits for, not the queue in front of it."
    } else if !isShorter,
      let holder = Hop.passed.filter({ $0 != hop }).max(by: {
        (line($0, .mean)?.before ?? 0) < (line($1, .mean)?.before ?? 0)
      }), let most = line(holder, .mean)?.before, most > held
    {
      sentence += " The time is in \(holder.label), which held \(time(most))."
      next = "Look at \(holder.label) first."
    } else {
      return []
    }
    sentence +=
      " Taking \(hop.label) away whole could have given \(time(held)) at most "
      + "(\(Quantity.percent(held / before)) of the whole); "
      + (after < before ? "it gave \(time(before - after))." : "it gave nothing.")
    return [
      Finding(
        .falseOptimisation, .warning, guest: load.guest, sentence: sentence,
        confidence: confidence, because: caveat,
        evidenceSQL: evidence("hop, mean_ns, p50_ns, p99_ns"),
        nextStep: next)
    ]
  }

  /// A quantile of the whole that is shown to have moved, in words; nil for others.
  private static func movement(_ line: ComparisonLine) -> String? {
    guard let before = line.before, let after = line.after else { return nil }
    switch line.verdict {
    case .better, .worse:
      return
        "its \(line.statistic.rawValue) got \(line.verdict == .better ? "shorter" : "longer"), "
        + "from \(Quantity.time(Int64(before))) to \(Quantity.time(Int64(after)))"
    case .noDifference, .cannotTell: return nil
    }
  }
}
