public import TraceModel

/// What is to be said of a group of I/Os: the distributions of their hops, what those around a percentile spent where, and
/// the percentiles without a hop. The I/Os are gone through a few times; none is kept.
public struct HopNumbers: Sendable {
  /// Each hop that was observed.
  public private(set) var hops: [(Hop, LatencyStatistics)] = []
  /// The hops around each percentile; a hop that was not observed in all of those I/Os is left out.
  public private(set) var tail: [TailShare] = []
  /// The percentiles without each hop, over the I/Os in which all of it was observed.
  public private(set) var whatIf: [WhatIf] = []

  /// The hops of a group of I/Os, which are the same each time that they are gone through.
  init(_ ios: some Sequence<HopTimes>) {
    var columns = Columns()
    for times in ios { columns.add(times) }
    columns.look()
    while !columns.isDone {
      for times in ios { columns.addAgain(times) }
      columns.narrow()
    }
    hops = columns.hops
    whatIf = columns.whatIf
    var bands = columns.bands
    guard !bands.isEmpty else { return }
    for times in ios {
      for place in bands.indices { bands[place].add(times) }
    }
    tail = bands.flatMap { $0.shares }
  }

  /// What is known of one column of numbers.
  private struct Column {
    var search = RankSearch()
    var sum = 0.0
    var greatest = Int64.min

    mutating func add(_ number: Int64) {
      search.add(number)
      sum += Double(number)
      greatest = max(greatest, number)
    }

    func quantile(_ share: Double) -> Int64 {
      search.value(at: LatencyStatistics.rank(of: share, among: search.count)) ?? 0
    }
  }

  private struct Columns {
    private var all = Hop.allCases.map { _ in Column() }
    /// Of I/Os in which a hop was observed: from Q to C, and that without the hop.
    private var now = TailStatistics.hops.map { _ in Column() }
    private var without = TailStatistics.hops.map { _ in Column() }
    private(set) var isDone = true

    mutating func add(_ times: HopTimes) {
      for (place, hop) in Hop.allCases.enumerated() {
        if let time = times[hop].nanoseconds { all[place].add(time) }
      }
      guard let block = times[.block].nanoseconds else { return }
      for (place, hop) in TailStatistics.hops.enumerated() {
        guard let part = times[hop].nanoseconds else { continue }
        now[place].search.add(block)
        without[place].search.add(block - part)
      }
    }

    /// All I/Os were there once.
    mutating func look() {
      for (place, hop) in Hop.allCases.enumerated() where all[place].search.count > 0 {
        let count = all[place].search.count
        var ranks = LatencyStatistics.shares.map { LatencyStatistics.rank(of: $0, among: count) }
        if hop == .block {
          ranks += Self.percentiles(count).flatMap { percentile -> [Int] in
            let band = TailStatistics.band(of: percentile, among: count)
            return [band.lowerBound, band.upperBound - 1]
          }
        }
        all[place].search.look(for: Set(ranks).sorted())
      }
      for place in now.indices where now[place].search.count > 0 {
        let count = now[place].search.count
        let ranks = Set(Self.percentiles(count).map { Self.rank($0, count) }).sorted()
        now[place].search.look(for: ranks)
        without[place].search.look(for: ranks)
      }
      isDone = (all + now + without).allSatisfy(\.search.isDone)
    }

    mutating func addAgain(_ times: HopTimes) {
      for (place, hop) in Hop.allCases.enumerated() where !all[place].search.isDone {
        if let time = times[hop].nanoseconds { all[place].search.add(time) }
      }
      guard let block = times[.block].nanoseconds else { return }
      for (place, hop) in TailStatistics.hops.enumerated() {
        guard let part = times[hop].nanoseconds else { continue }
        if !now[place].search.isDone { now[place].search.add(block) }
        if !without[place].search.isDone { without[place].search.add(block - part) }
      }
    }

    /// All were there once more.
    mutating func narrow() {
      isDone = true
      func narrow(_ columns: inout [Column]) {
        for place in columns.indices where !columns[place].search.isDone {
          if !columns[place].search.isFound() { isDone = false }
        }
      }
      narrow(&all)
      narrow(&now)
      narrow(&without)
    }

    private static func percentiles(_ count: Int) -> [Double] {
      TailStatistics.percentiles.filter { count >= $0.least }.map(\.percentile)
    }

    private static func rank(_ percentile: Double, _ count: Int) -> Int {
      LatencyStatistics.rank(of: percentile / 100, among: count)
    }

    var hops: [(Hop, LatencyStatistics)] {
      let total = Hop.allCases.firstIndex(of: .total).map { all[$0].sum } ?? 0
      return zip(Hop.allCases, all).compactMap { hop, column in
        let count = column.search.count
        guard count > 0 else { return nil }
        return (
          hop,
          LatencyStatistics(
            count: count, mean: column.sum / Double(count), p50: column.quantile(0.5),
            p90: column.quantile(0.9), p99: column.quantile(0.99), p999: column.quantile(0.999),
            max: column.greatest, shareOfTotal: total > 0 ? column.sum / total : nil)
        )
      }
    }

    var whatIf: [WhatIf] {
      TailStatistics.hops.enumerated().flatMap { place, hop in
        Self.percentiles(now[place].search.count).map { percentile in
          WhatIf(
            hop: hop, percentile: percentile, now: now[place].quantile(percentile / 100),
            without: without[place].quantile(percentile / 100))
        }
      }
    }

    /// The I/Os around each percentile.
    var bands: [Band] {
      guard let place = Hop.allCases.firstIndex(of: .block) else { return [] }
      let search = all[place].search
      return Self.percentiles(search.count).compactMap { percentile in
        let ranks = TailStatistics.band(of: percentile, among: search.count)
        return Band(percentile: percentile, ranks: ranks, search)
      }
    }
  }

  /// The I/Os between two ranks of their times from Q to C; those of one time follow each other as they come.
  private struct Band {
    private let percentile: Double
    /// The shortest and the longest time, and which of the I/Os with that time belong to it.
    private let low: (time: Int64, from: Int)
    private let high: (time: Int64, to: Int)
    private var came = (low: 0, high: 0)
    private var ios = 0
    private var hops = (TailStatistics.hops + [.block]).map { _ in (count: 0, sum: 0.0) }

    init?(percentile: Double, ranks: Range<Int>, _ search: RankSearch) {
      let (first, last) = (ranks.lowerBound, ranks.upperBound - 1)
      guard let shortest = search.value(at: first), let longest = search.value(at: last),
        let below = search.below(first), let belowLast = search.below(last)
      else { return nil }
      self.percentile = percentile
      low = (shortest, first - below)
      high = (longest, last + 1 - belowLast)
    }

    mutating func add(_ times: HopTimes) {
      guard let block = times[.block].nanoseconds, block >= low.time, block <= high.time else {
        return
      }
      var isIn = true
      if block == low.time {
        isIn = came.low >= low.from
        came.low += 1
      }
      if block == high.time {
        if came.high >= high.to { isIn = false }
        came.high += 1
      }
      guard isIn else { return }
      ios += 1
      for (place, hop) in TailStatistics.hops.enumerated() {
        if let time = times[hop].nanoseconds {
          hops[place].count += 1
          hops[place].sum += Double(time)
        }
      }
      hops[hops.count - 1].count += 1
      hops[hops.count - 1].sum += Double(block)
    }

    var shares: [TailShare] {
      let whole = hops[hops.count - 1].sum
      return zip(TailStatistics.hops + [.block], hops).compactMap { hop, own in
        guard own.count == ios, whole > 0 else { return nil }
        return TailShare(
          percentile: percentile, hop: hop, ios: ios, mean: own.sum / Double(ios),
          share: own.sum / whole)
      }
    }
  }
}
