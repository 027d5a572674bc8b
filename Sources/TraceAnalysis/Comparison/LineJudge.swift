internal import TraceModel

/// Turns what the data say about lines into verdicts. All of these must hold for `better` or `worse`: the
/// permutation test after Holm's correction over the family, an interval that excludes zero, a change beyond
/// the clock's bound where the line crosses clocks, and one that is large enough to matter.
struct LineJudge {
  /// A line that waits for the others of its family.
  struct Pending {
    var line: ComparisonLine
    let outcome: TwoSides.Outcome?
    /// What stands against judging it at all.
    let obstacle: String?
    let blocks: Int
    let crossesClock: Bool
  }

  let settings: ComparisonSettings
  /// How much the clocks of both sides may add to a difference, ns.
  let clockBound: Double
  /// What the disk had to do; nil for lines that are about none.
  let load: LoadComparison?

  /// The lines of a family with their verdicts.
  func judged(_ family: [Pending]) -> [ComparisonLine] {
    let tested = family.filter { $0.obstacle == nil }.compactMap(\.outcome?.p)
    var adjusted = Holm.adjusted(tested).makeIterator()
    return family.map { pending in
      var line = pending.line
      line.difference = pending.outcome?.difference
      line.ratio = pending.outcome?.ratio
      if pending.obstacle == nil, pending.outcome?.p != nil { line.p = adjusted.next() }
      (line.verdict, line.reason) = verdict(pending, p: line.p)
      return line
    }
  }

  private func verdict(_ pending: Pending, p: Double?) -> (ComparisonVerdict, String?) {
    let line = pending.line
    if let obstacle = pending.obstacle { return (.cannotTell, obstacle) }
    guard line.countBefore > 0, line.countAfter > 0 else {
      return (.cannotTell, "not observed \(line.countBefore > 0 ? "after" : "before")")
    }
    let needed = line.statistic.leastSamples
    guard min(line.countBefore, line.countAfter) >= needed else {
      return (
        .cannotTell,
        "\(line.statistic.rawValue) needs \(Quantity.count(Int64(needed))) samples on either side; "
          + "there are \(Quantity.count(Int64(line.countBefore))) and "
          + Quantity.count(Int64(line.countAfter))
      )
    }
    guard pending.blocks >= ComparisonSettings.leastBlocks else {
      return (
        .cannotTell,
        "\(pending.blocks) blocks of time on the shorter side, at least "
          + "\(ComparisonSettings.leastBlocks) are needed: record for longer"
      )
    }
    guard let difference = pending.outcome?.difference, let change = line.change, let p else {
      return (.cannotTell, "too few repeats have enough samples")
    }
    guard p <= 1 - settings.confidence, difference.excludesZero else { return (.noDifference, nil) }
    if pending.crossesClock, abs(change) <= clockBound {
      return (
        .cannotTell,
        "the change is within the clocks' bound of \(Quantity.time(Int64(clockBound.rounded())))"
      )
    }
    let least = max(
      line.unit == .nanoseconds ? settings.leastChange : 0,
      settings.leastRelativeChange * abs(line.before ?? 0))
    guard abs(change) >= least else { return (.noDifference, "shown, but too small to matter") }
    if let excuse = load?.excuse(for: change) { return (.cannotTell, excuse) }
    return (change < 0 ? .better : .worse, nil)
  }
}
