internal import TraceModel

/// Before and after, cut into blocks of one length, with the draws that all their lines share.
struct TwoSides: Sendable {
  /// What the data say about one statistic of one line, before anything is made of it.
  struct Outcome: Sendable, Equatable {
    var before: Double
    var after: Double
    var difference: Interval?
    var ratio: Interval?
    /// Not corrected for other lines.
    var p: Double?
  }

  let before: CellGrid
  let after: CellGrid
  private let settings: ComparisonSettings
  private let drawsBefore: BlockDraws
  private let drawsAfter: BlockDraws
  private let permutation: BlockPermutation

  init(before: CellGrid, after: CellGrid, settings: ComparisonSettings) {
    self.before = before
    self.after = after
    self.settings = settings
    // With too few blocks on a side nothing is drawn.
    let count =
      min(before.blocks, after.blocks) < ComparisonSettings.leastBlocks ? 0 : settings.replicates
    drawsBefore = BlockDraws(before, replicates: count, seed: settings.seed)
    drawsAfter = BlockDraws(after, replicates: count, seed: settings.seed &+ 1)
    permutation = BlockPermutation(
      before: before.blocks, after: after.blocks, count: count, seed: settings.seed &+ 2)
  }

  /// Whether any side has several runs, so that what varies between runs is known.
  var hasRepeats: Bool { max(Self.runs(before), Self.runs(after)) > 1 }

  /// Blocks of the side that has fewer.
  var blocks: Int { min(before.blocks, after.blocks) }

  /// How many times as long as the other the longer side is; 1 where a side is empty.
  var ratio: Double {
    let lengths = [before, after].map { $0.stretches.saturatingSum(\.length) }.sorted()
    return lengths[0] > 0 ? Double(lengths[1]) / Double(lengths[0]) : 1
  }

  static func runs(_ grid: CellGrid) -> Int { Set(grid.stretches.map(\.run)).count }

  /// The statistics of a line; nil for those that a side is too small for, or where blocks are too few.
  func outcomes(
    before first: CountedLatencies, after second: CountedLatencies
  ) -> [Statistic: Outcome] {
    let possible = Statistic.allCases.filter {
      min(first.count, second.count) >= $0.leastSamples
    }
    guard !possible.isEmpty, blocks >= ComparisonSettings.leastBlocks else { return [:] }
    let bootstrapBefore = BlockBootstrap(first, before, drawsBefore)
    let bootstrapAfter = BlockBootstrap(second, after, drawsAfter)
    var outcomes: [Statistic: Outcome] = [:]
    for statistic in possible {
      guard let valueBefore = statistic.value(of: first),
        let valueAfter = statistic.value(of: second)
      else { continue }
      var outcome = Outcome(before: valueBefore, after: valueAfter)
      let replicatesBefore = bootstrapBefore.replicates(of: statistic)
      let replicatesAfter = bootstrapAfter.replicates(of: statistic)
      let pairs = zip(replicatesBefore, replicatesAfter)
      outcome.difference = Interval(
        percentilesOf: pairs.map { $1 - $0 }, blocks: blocks, confidence: settings.confidence)
      if valueBefore > 0, replicatesBefore.allSatisfy({ $0 > 0 }) {
        outcome.ratio = Interval(
          percentilesOf: pairs.map { $1 / $0 }, blocks: blocks, confidence: settings.confidence)
      }
      if hasRepeats {
        applyRepeats(
          Self.values(first, statistic), Self.values(second, statistic),
          pairs.map { $1 - $0 }, to: &outcome)
      } else {
        outcome.p = p(first, second, statistic)
      }
      outcomes[statistic] = outcome
    }
    return outcomes
  }

  /// A ratio of two sums, such as a mean over time; nil where a side has none, or blocks are too few.
  func outcome(before first: CellSums, after second: CellSums) -> Outcome? {
    guard blocks >= ComparisonSettings.leastBlocks,
      let valueBefore = first.ratio(0..<before.cells),
      let valueAfter = second.ratio(0..<after.cells)
    else { return nil }
    let (numeratorsBefore, basesBefore) = (
      before.blockSums(first.numerators), before.blockSums(first.denominators)
    )
    let (numeratorsAfter, basesAfter) = (
      after.blockSums(second.numerators), after.blockSums(second.denominators)
    )
    let replicatesBefore = drawsBefore.ratios(numeratorsBefore, basesBefore)
    let replicatesAfter = drawsAfter.ratios(numeratorsAfter, basesAfter)
    let pairs = zip(replicatesBefore, replicatesAfter)
    var outcome = Outcome(before: valueBefore, after: valueAfter)
    outcome.difference = Interval(
      percentilesOf: pairs.map { $1 - $0 }, blocks: blocks, confidence: settings.confidence)
    if valueBefore > 0, replicatesBefore.allSatisfy({ $0 > 0 }) {
      outcome.ratio = Interval(
        percentilesOf: pairs.map { $1 / $0 }, blocks: blocks, confidence: settings.confidence)
    }
    if hasRepeats {
      applyRepeats(
        Self.values(first, before), Self.values(second, after), pairs.map { $1 - $0 },
        to: &outcome)
    } else {
      outcome.p = permutation.p(
        before.blocks(first.numerators) + after.blocks(second.numerators),
        before.blocks(first.denominators) + after.blocks(second.denominators))
    }
    return outcome
  }

  /// Whether blocks could as well have changed sides. A quantile is tested by how many values of each block
  /// lie below the quantile of both sides together.
  private func p(
    _ first: CountedLatencies, _ second: CountedLatencies, _ statistic: Statistic
  ) -> Double? {
    let counts = before.blocks(first.counts()) + after.blocks(second.counts())
    guard statistic.share != nil else {
      return permutation.p(before.blocks(first.sums) + after.blocks(second.sums), counts)
    }
    guard let limit = first.cut.limits[statistic] else { return nil }
    return permutation.p(
      before.blocks(first.counts(below: limit)) + after.blocks(second.counts(below: limit)), counts)
  }

  /// With several runs the differences between runs of one side are what the difference of the sides is
  /// measured by (Welch's t), unless the blocks alone vary more.
  private func applyRepeats(
    _ runsBefore: [Double], _ runsAfter: [Double], _ differences: [Double],
    to outcome: inout Outcome
  ) {
    guard let spread = RunSpread(runsBefore, runsAfter) else {
      outcome.difference = nil
      outcome.ratio = nil
      return
    }
    let change = outcome.after - outcome.before
    let mean = differences.reduce(0, +) / Double(differences.count)
    let within =
      differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      / Double(max(1, differences.count - 1))
    let error = max(spread.variance, within).squareRoot()
    let t = Distributions.studentQuantile((1 + settings.confidence) / 2, degrees: spread.degrees)
    let difference = Interval(change - t * error, change + t * error)
    outcome.difference = difference
    outcome.ratio =
      outcome.before > 0
      ? Interval(1 + difference.low / outcome.before, 1 + difference.high / outcome.before) : nil
    outcome.p =
      error > 0
      ? 2 * Distributions.student(below: -abs(change) / error, degrees: spread.degrees)
      : (change == 0 ? 1 : 0)
  }

  /// The ratio of each run.
  private static func values(_ sums: CellSums, _ grid: CellGrid) -> [Double] {
    Dictionary(grouping: grid.stretches.indices, by: { grid.stretches[$0].run })
      .sorted { $0.key < $1.key }
      .compactMap { _, stretches in
        var (numerator, base) = (0.0, 0.0)
        for cell in stretches.flatMap({ grid.cells(of: $0) }) {
          numerator += sums.numerators[cell]
          base += sums.denominators[cell]
        }
        return base > 0 ? numerator / base : nil
      }
  }

  /// The statistic of each run that has enough samples.
  private static func values(_ samples: CountedLatencies, _ statistic: Statistic) -> [Double] {
    samples.cut.runs.filter { $0.count >= statistic.leastSamples }.compactMap { run in
      if let share = statistic.share { run.quantile(share).map(Double.init) } else { run.mean }
    }
  }
}

/// How much the difference of two means of runs varies, as the runs themselves say.
struct RunSpread: Sendable, Equatable {
  let variance: Double
  /// Welch's and Satterthwaite's degrees of freedom.
  let degrees: Double

  /// Nil where neither side has two runs. A side of one run is taken to vary as the other does.
  init?(_ before: [Double], _ after: [Double]) {
    guard !before.isEmpty, !after.isEmpty else { return nil }
    let parts = [Self.variance(before), Self.variance(after)]
    switch (parts[0], parts[1]) {
    case (let first?, let second?):
      let (a, b) = (first / Double(before.count), second / Double(after.count))
      variance = a + b
      let weight =
        a * a / Double(before.count - 1) + b * b / Double(after.count - 1)
      degrees =
        weight > 0
        ? (a + b) * (a + b) / weight : Double(min(before.count, after.count) - 1)
    case (let only?, nil), (nil, let only?):
      variance = only * (1 / Double(before.count) + 1 / Double(after.count))
      degrees = Double(max(before.count, after.count) - 1)
    case (nil, nil): return nil
    }
  }

  private static func variance(_ values: [Double]) -> Double? {
    guard values.count > 1 else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
  }
}

extension Statistic {
  /// Its value, ns.
  func value(of samples: CountedLatencies) -> Double? {
    if let share { samples.quantile(share).map(Double.init) } else { samples.mean }
  }
}

extension BlockBootstrap {
  func replicates(of statistic: Statistic) -> [Double] {
    if let share = statistic.share { quantiles(share) } else { means() }
  }
}
