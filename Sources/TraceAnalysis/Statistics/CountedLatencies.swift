internal import Glibc
internal import TraceModel

/// What is told apart when the latencies of a line are counted by time. It is chosen after a first reading, which
/// says how they are distributed; so a second reading of them needs no memory for each.
struct LatencyCut: Sendable {
  /// How they are distributed.
  let all: BinnedLatencies
  /// The same, run by run.
  let runs: [BinnedLatencies]
  /// For each quantile the bin that holds it for both sides together: what the permutation test asks about.
  let limits: [Statistic: Int]
  /// The last bin of each interval that is told apart, ascending.
  let intervals: [Int]
  /// Bins that are told apart within.
  let resolved: [Int]
  /// For each bin its interval, and in the upper half one more than its place among those `resolved`.
  private let table: [UInt32]

  /// The cuts of both sides. The quantiles of all statistics will be exact, and of further shares as well.
  static func pair(
    before: [BinnedLatencies], after: [BinnedLatencies], shares: [Double] = []
  ) -> (before: LatencyCut, after: LatencyCut) {
    var both = BinnedLatencies()
    for run in before + after { both.add(run) }
    let limits = Dictionary(
      uniqueKeysWithValues: Statistic.allCases.compactMap { statistic in
        statistic.share.flatMap(both.place).map { (statistic, $0.bin) }
      })
    return (
      LatencyCut(before, limits: limits, shares: shares),
      LatencyCut(after, limits: limits, shares: shares)
    )
  }

  private init(_ runs: [BinnedLatencies], limits: [Statistic: Int], shares: [Double]) {
    var all = BinnedLatencies()
    for run in runs { all.add(run) }
    self.all = all
    self.runs = runs
    self.limits = limits
    let edges = all.places(ofRanks: Self.ranks(all.count)).map(\.bin)
    intervals = Set(edges + limits.values + limits.values.map { $0 - 1 }).sorted()
    let shares = shares + Statistic.allCases.compactMap(\.share)
    resolved = Set(shares.compactMap { all.place($0)?.bin }).sorted()
    var table: [UInt32] = []
    if all.count > 0 {
      var (interval, place) = (0, 0)
      for bin in all.bins {
        while intervals[interval] < bin { interval += 1 }
        let isResolved = place < resolved.count && resolved[place] == bin
        if isResolved { place += 1 }
        table.append(UInt32(interval) | (isResolved ? UInt32(place) << 16 : 0))
      }
    }
    self.table = table
  }

  /// Ranks from 1 to the last, evenly spaced on the logistic scale: as fine at the 99.9th percentile, in
  /// its own terms, as at the median.
  private static func ranks(_ count: Int) -> [Int] {
    guard count > 0 else { return [] }
    var ranks = [1]
    let steps = 400
    let limit = log(Double(2 * count))
    for step in 0...steps {
      let place = limit * (2 * Double(step) / Double(steps) - 1)
      let rank = Int((Double(count) / (1 + exp(-place))).rounded(.up))
      if rank > ranks[ranks.count - 1], rank <= count { ranks.append(rank) }
    }
    if ranks[ranks.count - 1] < count { ranks.append(count) }
    return ranks
  }

  /// The interval of a value, and its place among the bins resolved; nil for one that is in none of them.
  @inline(__always)
  func place(_ value: Int64) -> (interval: Int, resolved: Int?) {
    let place = LatencyBin.of(value) - LatencyBin.of(all.least)
    let entry = table[min(table.count - 1, max(0, place))]
    return (Int(entry & 0xFFFF), entry > 0xFFFF ? Int(entry >> 16) - 1 : nil)
  }
}

/// The latencies of one line of one side, counted by cell of time and by interval of latency: all that the
/// bootstrap and the permutation test need. Sums are exact, quantiles to one part in a million.
struct CountedLatencies: Sendable {
  let cut: LatencyCut
  let cells: Int
  /// Cell by cell, how many are in each interval.
  private var members: [Int32]
  /// By cell.
  private(set) var sums: [Double]
  /// The least value of each interval, and the greatest.
  private var least: [Int64]
  private var greatest: [Int64]
  /// Within each bin that is resolved.
  private var parts: [[Int32]]

  /// A bin is resolved into so many parts, as a power of two, or into single ns.
  private static let partBits = 10

  /// Nothing is counted yet.
  init(_ cut: LatencyCut, cells: Int) {
    self.cut = cut
    self.cells = cells
    let isEmpty = cut.all.count == 0
    members = [Int32](repeating: 0, count: isEmpty ? 0 : cells * cut.intervals.count)
    sums = [Double](repeating: 0, count: cells)
    least = [Int64](repeating: .max, count: cut.intervals.count)
    greatest = [Int64](repeating: .min, count: cut.intervals.count)
    parts = cut.resolved.map {
      [Int32](repeating: 0, count: 1 << min(Self.partBits, LatencyBin.width($0)))
    }
  }

  /// Counts a latency in ns, one of those that the cut was made from.
  @inline(__always)
  mutating func add(_ value: Int64, cell: Int) {
    let place = cut.place(value)
    members[cell * cut.intervals.count + place.interval] += 1
    sums[cell] += Double(value)
    least[place.interval] = min(least[place.interval], value)
    greatest[place.interval] = max(greatest[place.interval], value)
    if let resolved = place.resolved {
      let bin = cut.resolved[resolved]
      let part = (value - LatencyBin.values(bin).lowerBound) >> Int64(Self.partWidth(bin))
      parts[resolved][min(parts[resolved].count - 1, max(0, Int(part)))] += 1
    }
  }

  /// The power of two that a part of a bin is wide.
  private static func partWidth(_ bin: Int) -> Int { max(0, LatencyBin.width(bin) - partBits) }

  /// How many there are.
  var count: Int { cut.all.count }

  /// The memory that the counts take, bytes.
  var size: Int { 4 * members.count + 8 * sums.count + parts.reduce(0) { $0 + 4 * $1.count } }

  /// The mean; nil without any.
  var mean: Double? { cut.all.mean }

  /// The value that a share does not exceed (nearest rank); nil without any. To the middle of its bin where
  /// the cut does not resolve that.
  func quantile(_ share: Double) -> Int64? {
    guard let place = cut.all.place(share) else { return nil }
    guard let resolved = cut.resolved.firstIndex(of: place.bin) else {
      return cut.all.quantile(share)
    }
    var left = cut.all.rank(share) - place.below
    for (part, members) in parts[resolved].enumerated() {
      left -= Int(members)
      guard left <= 0 else { continue }
      let width = Int64(Self.partWidth(place.bin))
      let value = LatencyBin.values(place.bin).lowerBound + Int64(part) << width + (1 << width) / 2
      return min(cut.all.greatest, max(cut.all.least, value))
    }
    return cut.all.quantile(share)
  }

  /// How many are in each cell.
  func counts() -> [Double] { (0..<cells).map { Double(row($0).reduce(0, +)) } }

  /// How many of each cell are below a bin, which must be one of the cut's limits; those within it count half,
  /// so that ties favour no side.
  func counts(below limit: Int) -> [Double] {
    (0..<cells).map { cell in
      var count = 0.0
      for (last, members) in zip(cut.intervals, row(cell)) where last <= limit {
        count += Double(members) * (last < limit ? 1 : 0.5)
      }
      return count
    }
  }

  /// How many of a cell are in each interval.
  private func row(_ cell: Int) -> ArraySlice<Int32> {
    members.isEmpty ? [] : members[cell * cut.intervals.count..<(cell + 1) * cut.intervals.count]
  }

  /// From the least to the greatest value of each interval; nil for one without any.
  var edges: [ClosedRange<Int64>?] {
    zip(least, greatest).map { $0 <= $1 ? $0...$1 : nil }
  }

  /// How many of each cell are in an interval.
  func counts(in interval: Int) -> [Int32] {
    (0..<cells).map { members[$0 * cut.intervals.count + interval] }
  }
}
