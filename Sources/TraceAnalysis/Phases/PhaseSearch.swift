internal import TraceModel

/// Where latencies change: splits a stretch of blocks where an interval of them differs most from the rest, and tests it
/// by letting whole blocks change places (circular binary segmentation: Olshen, Venkatraman, Lucito and Wigler, 2004).
///
/// All signals are looked at together: an interval's worth is that of the signal in which it differs most, and the same
/// holds for each permutation, so that the test is one for all of them.
struct PhaseSearch {
  /// The borders of blocks at which something changes, ascending.
  private(set) var cuts: [Int] = []

  private let grid: BlockGrid
  private let signals: [PhaseSignal]
  private let amounts: [PhaseAmounts]
  private var random = SeededGenerator(seed: 0x7068_6173_6573)

  /// Blocks that a phase has at least.
  static let leastBlocks = 3
  /// Permutations of a test, its own order included.
  private static let permutations = 199
  /// Permutations that say what is usual for a feature.
  private static let scalePermutations = 30
  /// Standard errors.
  private static let overt = 4.0
  /// Groups of blocks that a test takes.
  private static let leastGroups = 24
  /// A split that chance makes more often is none.
  private static let alpha = 0.01
  /// Splits within splits.
  private static let mostDepth = 6

  init(_ grid: BlockGrid, _ signals: [PhaseSignal], _ amounts: [PhaseAmounts]) {
    (self.grid, self.amounts) = (grid, amounts)
    self.signals = signals.filter { $0.count >= PhaseSignal.least }
    split(0..<grid.count, depth: 0)
    cuts.sort()
  }

  private mutating func split(_ blocks: Range<Int>, depth: Int) {
    guard blocks.count > 2 * Self.leastBlocks, depth <= Self.mostDepth else { return }
    let found =
      signals.flatMap { $0.features(over: blocks) }
      + amounts.compactMap { $0.feature(over: blocks, of: grid) }
    // Blocks that depend on their neighbours change places together.
    let most = max(1, blocks.count / Self.leastGroups)
    let testable = found.compactMap { feature in
      let length = Self.correlated(feature)
      return length <= most || Self.isOvert(feature, length) ? (feature, length) : nil
    }
    guard let longest = testable.map(\.1).max() else { return }
    let group = min(longest, most)
    let groups = stride(from: 0, to: blocks.count, by: group).map {
      $0..<min($0 + group, blocks.count)
    }
    let features = testable.map { scaled($0.0, groups) }
    let scan = Scan(features, order: Array(0..<blocks.count))
    guard let range = scan.range, isReal(scan.worth, features, groups) else { return }
    let borders = [range.lowerBound, range.upperBound].filter { $0 > 0 && $0 < blocks.count }
      .map { blocks.lowerBound + $0 }
    cuts += borders
    let edges = [blocks.lowerBound] + borders + [blocks.upperBound]
    for (begin, end) in zip(edges, edges.dropFirst()) { split(begin..<end, depth: depth + 1) }
  }

  /// Over how many blocks what is left of a feature besides its split depends on itself: a change of level would look like
  /// dependence, and is taken out before.
  private static func correlated(_ feature: BlockFeature) -> Int {
    let blocks = feature.counts.count
    let range = Scan([feature], order: Array(0..<blocks)).range ?? 0..<blocks
    return max(1, Int(BlockLength.automatic(feature.residuals(besides: range)).rounded()))
  }

  /// Whether a feature that depends on itself over so many blocks that too few groups would be left shows a change all the
  /// same: it differs by as many standard errors as so few independent blocks have to.
  private static func isOvert(_ feature: BlockFeature, _ length: Int) -> Bool {
    let blocks = Double(feature.counts.count { $0 > 0 })
    let worth = Scan([feature], order: Array(0..<feature.counts.count)).worth
    // The blocks are in units of their spread, of which the split explains this.
    let left = max(.leastNormalMagnitude, blocks - 1 - worth)
    return worth * (blocks - 2) / left >= overt * overt * Double(length)
  }

  /// A feature in units of what its own permutations make of it: one whose blocks jump by themselves must not hide the
  /// changes of others.
  private mutating func scaled(_ feature: BlockFeature, _ groups: [Range<Int>]) -> BlockFeature {
    var order = PermutedGroups(groups)
    let worths = (0..<Self.scalePermutations).map { _ in
      Scan([feature], order: order.next(&random)).worth.squareRoot()
    }
    let count = Double(worths.count)
    let mean = worths.reduce(0, +) / count
    let spread = (worths.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)).squareRoot()
    return feature.divided(by: max(.leastNormalMagnitude, mean + 2.5 * spread))
  }

  /// Whether blocks that change places hardly ever show such a difference.
  private mutating func isReal(
    _ worth: Double, _ features: [BlockFeature], _ groups: [Range<Int>]
  ) -> Bool {
    var order = PermutedGroups(groups)
    let allowed = Int(Self.alpha * Double(Self.permutations + 1)) - 1
    var exceeded = 0
    for _ in 0..<Self.permutations {
      if Scan(features, order: order.next(&random), enough: worth).worth >= worth {
        exceeded += 1
        if exceeded > allowed { return false }
      }
    }
    return true
  }
}

/// Orders of blocks in which groups of neighbours stay together.
private struct PermutedGroups {
  private var groups: [Range<Int>]

  init(_ groups: [Range<Int>]) { self.groups = groups }

  mutating func next(_ random: inout SeededGenerator) -> [Int] {
    for place in groups.indices.dropLast() {
      groups.swapAt(place, place + random.index(below: groups.count - place))
    }
    return groups.flatMap { Array($0) }
  }
}

/// The interval of blocks that differs most from the rest.
private struct Scan {
  /// Its squared difference, in units of what chance makes of it.
  private(set) var worth = 0.0
  private(set) var range: Range<Int>?

  /// For what rounding makes of a product.
  private static let slack = 1 - 1e-9

  /// Of blocks in an order; it ends where it has found one that is worth `enough`.
  init(_ features: [BlockFeature], order: [Int], enough: Double = .infinity) {
    let blocks = order.count
    let least = PhaseSearch.leastBlocks
    var counts = [Double](repeating: 0, count: blocks + 1)
    var sums = counts
    for feature in features {
      for (place, block) in order.enumerated() {
        counts[place + 1] = counts[place] + feature.counts[block]
        sums[place + 1] = sums[place] + feature.sums[block]
      }
      let total = counts[blocks]
      // An interval that holds hardly anything differs by chance: where a trace has not begun, or there is no load.
      let fewest = max(feature.least, 0.5 * Double(least) * total / Double(blocks))
      let countsUpTo = counts.span
      let sumsUpTo = sums.span
      for begin in 0...(blocks - least) {
        let last = min(blocks, begin + blocks - least)
        guard begin + least <= last else { continue }
        let (count, sum) = (countsUpTo[begin], sumsUpTo[begin])
        // Hardly any interval beats the best one so far, and most are ruled out without a division.
        var bar = Self.slack * worth / total
        for end in (begin + least)...last {
          let members = countsUpTo[end] - count
          let difference = sumsUpTo[end] - sum
          guard difference * difference >= bar * members * (total - members) else { continue }
          let spread = members * (1 - members / total)
          guard members >= fewest, total - members >= fewest, spread > 0,
            difference * difference > worth * spread
          else { continue }
          worth = difference * difference / spread
          bar = Self.slack * worth / total
          range = begin..<end
        }
        if worth >= enough { return }
      }
    }
  }
}
