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
    /// How many times as long as the other the longer side is.
    let ratio: Double
    let crossesClock: Bool
    /// So many samples it takes on either side.
    let leastSamples: Int
    /// The subject of which this one is a part; nil for what stands for itself.
    let whole: String?
  }

  /// Why a line that is beyond its own interval shows no difference.
  private static let uncorrected =
    "beyond its own interval, but not once corrected for the lines beside it"

  let settings: ComparisonSettings
  /// How much the clocks of both sides may add to a difference, ns.
  let clockBound: Double
  /// What the disk had to do; nil for lines that are about none.
  let load: LoadComparison?

  /// The lines of a family with their verdicts.
  ///
  /// A part is no hypothesis of its own beside its whole, so it does not make the correction of the others
  /// stricter: it is asked about only where the whole is shown to differ, and then corrected for the whole's
  /// other parts. Where the whole cannot be tested, its part takes its place in the family.
  func judged(_ family: [Pending]) -> [ComparisonLine] {
    let tested = family.indices.filter {
      family[$0].obstacle == nil && family[$0].outcome?.p != nil
    }
    let subjects = Set(tested.map { family[$0].line.subject })
    var adjusted: [Int: Double] = [:]
    func correct(_ members: [Int], gate: Double) {
      let values = Holm.adjusted(members.compactMap { family[$0].outcome?.p })
      for (member, p) in zip(members, values) { adjusted[member] = max(p, gate) }
    }
    func isPart(_ index: Int) -> Bool { family[index].whole.map(subjects.contains) ?? false }
    correct(tested.filter { !isPart($0) }, gate: 0)
    for whole in tested where !isPart(whole) {
      correct(
        tested.filter { isPart($0) && family[$0].whole == family[whole].line.subject },
        gate: adjusted[whole] ?? 1)
    }
    return family.indices.map { index in
      var line = family[index].line
      line.difference = family[index].outcome?.difference
      line.ratio = family[index].outcome?.ratio
      line.p = adjusted[index]
      (line.verdict, line.reason) = verdict(family[index], p: line.p)
      line.isUncorrected = line.reason == Self.uncorrected
      line.isExcused =
        line.verdict == .cannotTell && line.reason != nil
        && line.reason == line.change.flatMap { load?.excuse(for: $0) }
      return line
    }
  }

  private func verdict(_ pending: Pending, p: Double?) -> (ComparisonVerdict, String?) {
    let line = pending.line
    if let obstacle = pending.obstacle { return (.cannotTell, obstacle) }
    guard line.countBefore > 0, line.countAfter > 0 else {
      return (.cannotTell, "not observed \(line.countBefore > 0 ? "after" : "before")")
    }
    let needed = pending.leastSamples
    guard min(line.countBefore, line.countAfter) >= needed else {
      return (
        .cannotTell,
        "\(line.op == nil ? "it" : line.statistic.rawValue) needs \(Quantity.count(Int64(needed))) "
          + "\(line.op == nil ? "intervals" : "samples") on either side; "
          + "there are \(Quantity.count(Int64(line.countBefore))) and "
          + Quantity.count(Int64(line.countAfter))
      )
    }
    guard pending.blocks >= ComparisonSettings.leastBlocks else {
      if pending.ratio > ComparisonSettings.mostRatio {
        return (
          .cannotTell,
          "one side is \(Quantity.decimal(pending.ratio, digits: 0)) times as long as the other, the limit "
            + "is \(Quantity.decimal(ComparisonSettings.mostRatio, digits: 0)): compare traces of similar length"
        )
      }
      return (
        .cannotTell,
        "\(pending.blocks) blocks of time on the shorter side, at least "
          + "\(ComparisonSettings.leastBlocks) are needed: record for longer"
      )
    }
    guard let difference = pending.outcome?.difference, let change = line.change, let p else {
      return (.cannotTell, "too few repeats have enough samples")
    }
    guard difference.excludesZero else { return (.noDifference, nil) }
    let least = max(
      settings.leastChange(line.unit),
      settings.leastRelativeChange * abs(line.before ?? 0))
    guard p <= 1 - settings.confidence else {
      return (
        .noDifference,
        abs(change) >= least && !(pending.crossesClock && abs(change) <= clockBound)
          ? Self.uncorrected : nil
      )
    }
    if pending.crossesClock, abs(change) <= clockBound {
      return (
        .cannotTell,
        "the change is within the clocks' bound of \(Quantity.time(clockBound))"
      )
    }
    guard abs(change) >= least else { return (.noDifference, "shown, but too small to matter") }
    if let excuse = load?.excuse(for: change) { return (.cannotTell, excuse) }
    return (change < 0 ? .better : .worse, nil)
  }
}
