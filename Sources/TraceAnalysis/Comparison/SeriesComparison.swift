internal import TraceModel

/// What is measured interval by interval, before against after: a mean over time, whose uncertainty comes
/// from blocks of intervals.
struct SeriesComparison {
  private(set) var statements: [BlockStatement] = []
  private(set) var lines: [ComparisonLine] = []

  /// Intervals that it takes on either side.
  private static let leastIntervals = CellGrid.cellsPerBlock * ComparisonSettings.leastBlocks

  /// Whether the sides are windows of one recording. What drifts for longer than a block differs between any two of them.
  private let isWithin: Bool

  /// `loads`: what the disks had to do, which may be the reason for other depths. `isWithin`: the sides are windows of
  /// one recording.
  init(
    _ before: [MeasuredSeries], _ after: [MeasuredSeries], loads: [LoadComparison],
    settings: ComparisonSettings, isWithin: Bool = false
  ) {
    self.isWithin = isWithin
    let first = Dictionary(grouping: before, by: \.key)
    let second = Dictionary(grouping: after, by: \.key)
    for subject in MeasuredSubject.allCases {
      var families: [String: [LineJudge.Pending]] = [:]
      let keys = Set(first.keys).union(second.keys).filter { $0.subject == subject }
        .sorted {
          ($0.guest ?? "", $0.device ?? "", $0.object ?? "")
            < ($1.guest ?? "", $1.device ?? "", $1.object ?? "")
        }
      for key in keys {
        guard
          let pending = pending(key, first[key] ?? [], second[key] ?? [], settings)
        else { continue }
        families[key.device ?? "", default: []].append(pending)
      }
      for (device, family) in families.sorted(by: { $0.key < $1.key }) {
        let load = subject == .queueDepth ? loads.first { $0.device == device } ?? loads.first : nil
        lines += LineJudge(settings: settings, clockBound: 0, load: load).judged(family)
      }
    }
  }

  /// A line still to be judged; nil where nothing was ever there.
  private mutating func pending(
    _ key: MeasuredSeries.Key, _ before: [MeasuredSeries], _ after: [MeasuredSeries],
    _ settings: ComparisonSettings
  ) -> LineJudge.Pending? {
    let before = before.filter { $0.stretch != nil }
    let after = after.filter { $0.stretch != nil }
    guard !before.isEmpty || !after.isEmpty else { return nil }
    // Points of a path that lost nothing on either side are no news.
    if key.subject == .drops,
      (before + after).allSatisfy({ $0.points.allSatisfy { $0.amount == 0 } })
    {
      return nil
    }
    let block = Self.block(before, after)
    let sides = TwoSides(
      before: CellGrid(before.compactMap(\.stretch), block: block.length),
      after: CellGrid(after.compactMap(\.stretch), block: block.length), settings: settings)
    let first = Self.sums(before, sides.before)
    let second = Self.sums(after, sides.after)
    var line = ComparisonLine(
      guest: key.guest, device: key.device, object: key.object, op: nil,
      subject: key.subject.name, statistic: .mean, unit: key.subject.unit,
      countBefore: before.reduce(0) { $0 + $1.points.count },
      countAfter: after.reduce(0) { $0 + $1.points.count })
    line.before = first.ratio(0..<sides.before.cells)
    line.after = second.ratio(0..<sides.after.cells)
    let isLong = min(line.countBefore, line.countAfter) >= Self.leastIntervals
    if isLong {
      statements.append(
        BlockStatement(
          guest: key.guest, device: key.device,
          subject: [key.subject.name, key.object].compactMap(\.self).joined(separator: " "),
          seconds: Double(block.length) / 1e9, before: sides.before.blocks,
          after: sides.after.blocks, isTooShort: block.isTooShort))
    }
    return LineJudge.Pending(
      line: line, outcome: isLong ? sides.outcome(before: first, after: second) : nil,
      obstacle: isWithin && isLong && block.isTooShort
        ? "it drifts for longer than its blocks of time, so any two windows of this length differ: record for longer"
        : nil,
      blocks: sides.blocks, ratio: sides.ratio, crossesClock: false,
      leastSamples: Self.leastIntervals, whole: nil)
  }

  private static func sums(_ series: [MeasuredSeries], _ grid: CellGrid) -> CellSums {
    var sums = CellSums(grid.cells)
    for (stretch, one) in series.enumerated() { one.add(to: &sums, grid, stretch) }
    return sums
  }

  /// Two intervals at least, so that each cell holds one; longer where neighbours depend on each other, but
  /// so that ten blocks are left on either side.
  private static func block(
    _ before: [MeasuredSeries], _ after: [MeasuredSeries]
  ) -> (length: Int64, isTooShort: Bool) {
    let lengths = [before, after].filter { !$0.isEmpty }.map {
      $0.saturatingSum { $0.stretch?.length ?? 0 }
    }
    let interval = (before + after).map(\.interval).max() ?? 1
    let least = Int64(CellGrid.cellsPerBlock) * interval
    let most = (lengths.min() ?? 0) / Int64(ComparisonSettings.leastWantedBlocks)
    let enough = (lengths.max() ?? 0) / Int64(ComparisonSettings.enoughBlocks)
    let needed = 2 * ((before + after).map(\.correlationTime).max() ?? 0)
    let longest = lengths.max() ?? 0
    let wanted = max(enough, BlockLength.length(needed, within: longest))
    return (
      max(BlockLength.least(longest), least, min(most, wanted)), wanted > max(least, most)
    )
  }
}
