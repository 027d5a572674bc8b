internal import TraceModel

/// How the blocks of a hop were made: stated in the output.
public struct BlockStatement: Sendable {
  /// The guest; nil where it is about none.
  public let guest: String?
  /// The disk; nil where it is about none.
  public let device: String?
  /// The hop, or what else the samples are of.
  public let subject: String
  /// The length of a block, s.
  public let seconds: Double
  /// Blocks before.
  public let before: Int
  /// Blocks after.
  public let after: Int
  /// The samples are correlated over longer times than the blocks could be made.
  public let isTooShort: Bool
}

/// One guest disk, before against after. A first reading of its I/Os decides what is told apart; each is counted
/// in a second one, and then the counts are compared.
struct DiskComparison {
  let guest: String
  let device: String
  let load: LoadComparison
  private let settings: ComparisonSettings
  /// How much the clocks of both sides may add to a difference, ns.
  private let clockBound: Double
  /// Whether the page cache was observed on one side only.
  private let isCacheOneSided: Bool
  private var hops: [ComparedHop] = []
  /// What the I/Os of before were counted as.
  var before = DiskCounts()
  /// What the I/Os of after were counted as.
  var after = DiskCounts()

  /// A hop that was observed on either side; its counts have the same place.
  private struct ComparedHop {
    let hop: Hop
    let block: Int64
    let isTooShort: Bool
  }

  /// Nothing is counted yet.
  init(
    guest: String, device: String, before: DiskSurvey, after: DiskSurvey,
    settings: ComparisonSettings
  ) {
    self.guest = guest
    self.device = device
    self.settings = settings
    clockBound = Double(before.clockBound) + Double(after.clockBound)
    isCacheOneSided = before.hasPageCache != after.hasPageCache
    load = LoadComparison(guest: guest, device: device, before: before.load, after: after.load)
    for hop in Hop.allCases {
      let cuts = DiskCounts.families.map { operation in
        LatencyCut.pair(
          before: before.latencies(of: hop, operation), after: after.latencies(of: hop, operation),
          shares: operation == nil ? HopDistributions.shares : [])
      }
      guard cuts.contains(where: { $0.before.all.count > 0 || $0.after.all.count > 0 }) else {
        continue
      }
      let length = BlockLength.common(before.waves(of: hop), after.waves(of: hop))
      hops.append(ComparedHop(hop: hop, block: length.block, isTooShort: length.isTooShort))
      self.before.watch(
        hop, CellGrid(before.stretches, block: length.block), cuts.map(\.before))
      self.after.watch(hop, CellGrid(after.stretches, block: length.block), cuts.map(\.after))
    }
  }

  /// The memory that the counts take, bytes.
  var size: Int { before.size + after.size }

  // MARK: Judging

  /// What the counts show.
  struct Result {
    var statements: [BlockStatement] = []
    var lines: [ComparisonLine] = []
    var distributions: [HopDistributions] = []
  }

  /// All of its lines with their verdicts.
  func judged() -> Result {
    var result = Result()
    let judge = LineJudge(settings: settings, clockBound: clockBound, load: load)
    var families = DiskCounts.families.map { _ in [LineJudge.Pending]() }
    for (place, hop) in hops.enumerated() {
      let (old, new) = (before.hops[place], after.hops[place])
      let sides = TwoSides(before: old.grid, after: new.grid, settings: settings)
      for (family, operation) in DiskCounts.families.enumerated() {
        let (first, second) = (old.families[family], new.families[family])
        guard first.count > 0 || second.count > 0 else { continue }
        if operation == nil {
          result.distributions.append(
            HopDistributions(
              guest: guest, device: device, hop: hop.hop, before: HopDistributions.points(first),
              after: HopDistributions.points(second)))
        }
        families[family] += pending(hop.hop, operation, first, second, sides)
      }
      result.statements.append(
        BlockStatement(
          guest: guest, device: device, subject: hop.hop.name,
          seconds: Double(hop.block) / 1e9, before: sides.before.blocks,
          after: sides.after.blocks, isTooShort: hop.isTooShort))
    }
    result.lines = families.flatMap { family in
      // The hops of one operation and statistic are a family for Holm's correction.
      Statistic.allCases.flatMap { statistic in
        judge.judged(family.filter { $0.line.statistic == statistic })
      }
    }
    return result
  }

  /// The lines of a hop of one operation, still to be judged.
  private func pending(
    _ hop: Hop, _ operation: BlockOperation?, _ first: CountedLatencies,
    _ second: CountedLatencies, _ sides: TwoSides
  ) -> [LineJudge.Pending] {
    let outcomes = sides.outcomes(before: first, after: second)
    let obstacle = obstacle(operation, hop)
    return Statistic.allCases.map { statistic in
      var line = ComparisonLine(
        guest: guest, device: device, object: nil, op: operation?.name ?? BlockOperation.together,
        subject: hop.name,
        statistic: statistic, unit: .nanoseconds, countBefore: first.count,
        countAfter: second.count)
      line.before = statistic.value(of: first)
      line.after = statistic.value(of: second)
      return LineJudge.Pending(
        line: line, outcome: outcomes[statistic], obstacle: obstacle, blocks: sides.blocks,
        ratio: sides.ratio,
        crossesClock: hop.isHalf,
        leastSamples: statistic.leastSamples, whole: hop.whole?.name)
    }
  }

  /// What stands against judging a hop's lines at all.
  private func obstacle(_ operation: BlockOperation?, _ hop: Hop) -> String? {
    if let first = load.obstacles.first(where: { operation == nil || !$0.onlyAll }) {
      return "not comparable: " + first.what
    }
    if hop == .total, isCacheOneSided {
      return "the page cache was observed on one side only; see block"
    }
    return nil
  }
}
