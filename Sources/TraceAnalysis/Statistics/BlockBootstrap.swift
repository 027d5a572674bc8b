/// Quantiles and the mean of a line under the draws of a moving-block bootstrap.
///
/// Nothing is sorted: for some 400 intervals, close together in the tails, it is known how many of each block
/// are not above them. A replicate's quantile is found by adding such counts over the blocks it drew.
struct BlockBootstrap: Sendable {
  private let draws: BlockDraws
  private let cells: Int
  /// An interval that has latencies.
  private struct Edge {
    let least: Double
    let greatest: Double
    let count: Double
  }

  /// Ascending.
  private let edges: [Edge]
  /// By edge, then by the block's first cell: how many are not greater.
  private let below: [Int32]
  /// By the block's first cell.
  private let counts: [Int32]
  private let sums: [Double]

  /// The line's latencies must not be none.
  init(_ samples: CountedLatencies, _ grid: CellGrid, _ draws: BlockDraws) {
    self.draws = draws
    cells = grid.cells
    counts = grid.blockSums(samples.counts().map { Int32($0) })
    sums = grid.blockSums(samples.sums)
    var edges: [Edge] = []
    var below: [Int32] = []
    var running = [Int32](repeating: 0, count: grid.cells)
    for (interval, edge) in samples.edges.enumerated() {
      guard let edge else { continue }
      let members = samples.counts(in: interval)
      for (cell, own) in members.enumerated() { running[cell] += own }
      edges.append(
        Edge(
          least: Double(edge.lowerBound), greatest: Double(edge.upperBound),
          count: members.reduce(0) { $0 + Double($1) }))
      below.append(contentsOf: grid.blockSums(running))
    }
    self.edges = edges
    self.below = below
  }

  /// The mean of each replicate.
  func means() -> [Double] { draws.ratios(sums, counts.map(Double.init)) }

  /// The quantile of each replicate.
  func quantiles(_ p: Double) -> [Double] {
    var hint = edges.count / 2
    return (0..<draws.replicates).map { replicate in
      let places = replicate * draws.blocks..<(replicate + 1) * draws.blocks
      var count = 0
      for place in places { count += Int(counts[Int(draws.starts[place])]) }
      guard count > 0 else { return .nan }
      let target = p * Double(count)
      let edge = firstEdge(reaching: target, in: places, near: hint)
      hint = edge
      let (under, over) = (edge > 0 ? sum(edge - 1, places) : 0, sum(edge, places))
      return value(at: over > under ? (target - under) / (over - under) : 1, of: edge)
    }
  }

  /// What a part of an edge's latencies does not exceed: from the greatest below to the least of them over the
  /// first, as between any two neighbours, and then evenly.
  private func value(at part: Double, of edge: Int) -> Double {
    let own = edges[edge]
    let place = part * own.count
    guard place < 1 else {
      guard own.count > 1 else { return own.greatest }
      return own.least + (place - 1) / (own.count - 1) * (own.greatest - own.least)
    }
    let below = edge > 0 ? edges[edge - 1].greatest : own.least
    return below + place * (own.least - below)
  }

  /// How many of the drawn blocks' values are not greater than an edge.
  @inline(__always)
  private func sum(_ edge: Int, _ places: Range<Int>) -> Double {
    let row = edge * cells
    var sum = 0
    for place in places { sum += Int(below[row + Int(draws.starts[place])]) }
    return Double(sum)
  }

  /// By steps that double away from where the last replicate's was, then by halves.
  private func firstEdge(reaching target: Double, in places: Range<Int>, near hint: Int) -> Int {
    var (low, high) = (-1, edges.count - 1)
    var step = 4
    if sum(hint, places) >= target {
      high = hint
      while high - step > low {
        if sum(high - step, places) < target {
          low = high - step
          break
        }
        high -= step
        step *= 2
      }
    } else {
      low = hint
      while low + step < high {
        if sum(low + step, places) >= target {
          high = low + step
          break
        }
        low += step
        step *= 2
      }
    }
    while high - low > 1 {
      let middle = (low + high) / 2
      if sum(middle, places) >= target { high = middle } else { low = middle }
    }
    return high
  }
}

/// A range that covers the truth at a stated confidence.
public struct Interval: Sendable, Equatable {
  /// Its lower end.
  public let low: Double
  /// Its upper end.
  public let high: Double

  /// Whether it leaves zero out.
  public var excludesZero: Bool { low > 0 || high < 0 }

  /// A range.
  public init(_ low: Double, _ high: Double) {
    self.low = low
    self.high = high
  }

  /// The expanded percentile interval (Hesterberg, 2015): wider than the plain one by what a bootstrap of so
  /// few blocks understates.
  init?(percentilesOf replicates: [Double], blocks: Int, confidence: Double) {
    let sorted = replicates.filter(\.isFinite).sorted()
    guard sorted.count >= 100, blocks > 1 else { return nil }
    let count = Double(blocks)
    let t = Distributions.studentQuantile((1 + confidence) / 2, degrees: count - 1)
    let tail = Distributions.normal(below: -t * (count / (count - 1)).squareRoot())
    let rank = tail * Double(sorted.count + 1)
    self.init(Self.value(sorted, rank), -Self.value(sorted.reversed().map { -$0 }, rank))
  }

  /// The value at a rank from 1, between two by interpolation; the outermost beyond them.
  private static func value(_ sorted: [Double], _ rank: Double) -> Double {
    guard rank > 1 else { return sorted[0] }
    let place = min(Double(sorted.count), rank)
    let lower = Int(place)
    guard lower < sorted.count else { return sorted[sorted.count - 1] }
    return sorted[lower - 1] + (place - Double(lower)) * (sorted[lower] - sorted[lower - 1])
  }
}
