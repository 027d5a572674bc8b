internal import Glibc
internal import TraceModel

/// The moment of a change that was found between two blocks, I/O by I/O: where what went before looks most like the
/// blocks before and what comes after most like those after it, by the likelihood ratio of the classes of latencies.
struct OnsetSearch {
  /// Where it is sought, ns.
  let window: Range<Int64>
  /// Where the search began: the border of two blocks, ns.
  private let border: Int64
  /// Of a block, ns.
  private let length: Int64
  /// By signal and class: how much more likely it is after the change; empty where a signal has too few I/Os.
  private var ratios: [[Double]] = []
  /// By how much sums over blocks spread more than those of independent I/Os would.
  private var dispersion = 1.0
  private var events: [(at: Int64, ratio: Double)] = []

  /// Blocks on either side of it that say what is usual there.
  private static let context: Int64 = 4_000_000_000
  /// How far from the border it may lie, ns.
  private static let reach: Int64 = 500_000_000
  /// Least half width of an onset's interval, ns.
  private static let leastError: Int64 = 10_000_000

  /// Of a change at the begin of a block, between the changes before and after it.
  init(
    _ grid: BlockGrid, _ signals: [PhaseSignal], _ amounts: [PhaseAmounts], at cut: Int,
    after previous: Int, before next: Int
  ) {
    (border, length) = (grid.begin(of: cut), grid.length)
    let reach = max(Self.reach, 2 * length)
    let lowest = grid.begin(of: previous) + (border - grid.begin(of: previous)) / 2
    let highest = border + (grid.begin(of: next) - border) / 2
    window = max(border - reach, lowest)..<max(border, min(border + reach, highest))
    let blocks = max(2, Int(Self.context / length))
    // The blocks beside the border may lie on either side of the change.
    var before = max(previous, cut - blocks)..<max(previous, cut - 1)
    if before.isEmpty { before = previous..<cut }
    var after = min(next, cut + 1)..<min(next, cut + blocks)
    if after.isEmpty { after = cut..<next }
    var (sums, squares) = (0.0, 0.0)
    for signal in signals {
      let own = ClassRatios(signal, before, after)
      ratios.append(own.ratios)
      sums += own.squaredSums
      squares += own.squares
    }
    for amount in amounts {
      events +=
        amount.ratios(
          before: grid.range(of: before), after: grid.range(of: after), in: window) ?? []
    }
    dispersion = squares > 0 ? max(1, min(10, sums / squares)) : 1
  }

  /// Takes a latency of a signal, ns; those outside of the window do not count.
  mutating func add(_ latency: Int64, signal: Int, at moment: Int64) {
    guard window.contains(moment), !ratios[signal].isEmpty else { return }
    events.append((moment, ratios[signal][LatencyClass.of(latency)]))
  }

  /// The moment, and half the width of the interval in which it lies, ns.
  func onset() -> (at: Int64, error: Int64) {
    guard events.count >= 4 else { return (border, length) }
    let sorted = events.sorted { $0.at < $1.at }
    // By the event before which the change lies: the logarithm of its likelihood.
    var likelihoods = [Double](repeating: 0, count: sorted.count + 1)
    for place in sorted.indices.reversed() {
      likelihoods[place] = likelihoods[place + 1] + sorted[place].ratio
    }
    let best = likelihoods.indices.max { likelihoods[$0] < likelihoods[$1] } ?? 0
    let limit = likelihoods[best] - 3 * dispersion
    let likely = likelihoods.indices.filter { likelihoods[$0] >= limit }
    func moment(_ place: Int) -> Int64 {
      if place == 0 { return window.lowerBound }
      if place == sorted.count { return window.upperBound }
      return sorted[place - 1].at + (sorted[place].at - sorted[place - 1].at) / 2
    }
    let (first, last) = (likely.first ?? best, likely.last ?? best)
    let low = first > 0 ? sorted[first - 1].at : window.lowerBound
    let high = last < sorted.count ? sorted[last].at : window.upperBound
    let at = moment(best)
    return (at, max(Self.leastError, at - low, high - at))
  }
}

/// How much more likely each class of a signal's latencies is after a change than before.
private struct ClassRatios {
  private(set) var ratios: [Double] = []
  /// Of the ratios around their mean, by block, and of single I/Os.
  private(set) var squaredSums = 0.0
  private(set) var squares = 0.0

  /// Shares of the I/Os of both sides at which classes are taken together: tenths, and the tail.
  private static let edges = [
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995,
  ]
  /// With fewer on a side nothing is said.
  private static let least = 15.0

  init(_ signal: PhaseSignal, _ before: Range<Int>, _ after: Range<Int>) {
    let (own, others) = (signal.classes(in: before), signal.classes(in: after))
    let (first, second) = (own.reduce(0, +), others.reduce(0, +))
    guard first >= Self.least, second >= Self.least else { return }
    let groups = Self.groups(zip(own, others).map { $0 + $1 })
    let most = (groups.last ?? 0) + 1
    func shares(_ members: [Double]) -> [Double] {
      var sums = [Double](repeating: 0.5, count: most)
      for (place, group) in groups.enumerated() { sums[group] += members[place] }
      let total = sums.reduce(0, +)
      return sums.map { $0 / total }
    }
    let (a, b) = (shares(own), shares(others))
    ratios = groups.map { log(b[$0] / a[$0]) }
    for (blocks, members, total) in [(before, own, first), (after, others, second)] {
      let mean = zip(ratios, members).reduce(0) { $0 + $1.0 * $1.1 } / total
      for block in blocks {
        var sum = 0.0
        for (place, count) in signal.classes(in: block..<block + 1).enumerated() where count > 0 {
          sum += count * (ratios[place] - mean)
          squares += count * (ratios[place] - mean) * (ratios[place] - mean)
        }
        squaredSums += sum * sum
      }
    }
  }

  /// The group of each class.
  private static func groups(_ pooled: [Double]) -> [Int] {
    let total = pooled.reduce(0, +)
    var (seen, edge, group) = (0.0, 0, 0)
    return pooled.map { count in
      let own = group
      seen += count
      if edge < edges.count, seen >= edges[edge] * total {
        while edge < edges.count, seen >= edges[edge] * total { edge += 1 }
        group += 1
      }
      return own
    }
  }
}
