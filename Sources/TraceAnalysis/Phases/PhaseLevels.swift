internal import Glibc
internal import TraceModel

/// A mean and how far it may be off, from batches of time.
struct PhaseLevel {
  let mean: Double
  /// Its standard error; infinite for a single batch.
  let error: Double
  let count: Double
  let batches: Int

  /// From what each batch adds up to and how many it holds: the spread of the batches around the mean.
  init?(_ batches: some Sequence<(sum: Double, count: Double)>) {
    var (sum, count, used) = (0.0, 0.0, 0)
    for batch in batches where batch.count > 0 {
      sum += batch.sum
      count += batch.count
      used += 1
    }
    guard count > 0 else { return nil }
    let mean = sum / count
    var departures = 0.0
    for batch in batches where batch.count > 0 {
      let departure = batch.sum - mean * batch.count
      departures += departure * departure
    }
    (self.mean, self.count, self.batches) = (mean, count, used)
    error =
      used > 1
      ? (Double(used) / Double(used - 1) * departures).squareRoot() / count : .infinity
  }

  private init(mean: Double, error: Double, count: Double, batches: Int) {
    (self.mean, self.error, self.count, self.batches) = (mean, error, count, batches)
  }

  /// That of so many times each value.
  func scaled(by factor: Double) -> PhaseLevel {
    PhaseLevel(mean: factor * mean, error: factor * error, count: count, batches: batches)
  }

  /// Half the width of the interval that holds the difference from another level at a confidence.
  func halfWidth(to other: PhaseLevel, confidence: Double) -> Double {
    let degrees = Double(min(batches, other.batches) - 1)
    guard degrees > 0 else { return .infinity }
    return Distributions.studentQuantile((1 + confidence) / 2, degrees: degrees)
      * (error * error + other.error * other.error).squareRoot()
  }
}

/// The levels of a guest's latencies over time: whether two sets of stretches differ enough to matter.
struct PhaseLevels {
  /// What is compared: the reads and writes of each disk, their waits in the page cache, and all of it.
  private struct Series {
    var counts: [Double]
    var sums: [Double]
    var logs: [Double]

    init(_ cells: Int) {
      counts = [Double](repeating: 0, count: cells)
      (sums, logs) = (counts, counts)
    }

    mutating func add(_ value: Int64, _ cell: Int) {
      counts[cell] += 1
      sums[cell] += Double(value)
      logs[cell] += log(Double(max(1, value)))
    }

    /// From batches of so many cells.
    func level(_ cells: [Int], _ values: [Double], _ batch: Int) -> PhaseLevel? {
      PhaseLevel(
        stride(from: 0, to: cells.count, by: batch).map { first in
          cells[first..<min(first + batch, cells.count)].reduce((0.0, 0.0)) {
            ($0.0 + values[$1], $0.1 + counts[$1])
          }
        })
    }

    /// Of the logarithms and of the latencies themselves; nil where there are none.
    func levels(_ cells: [Int]) -> (logs: PhaseLevel, sums: PhaseLevel)? {
      let batch = batch(cells)
      guard let logs = level(cells, logs, batch), let sums = level(cells, sums, batch) else {
        return nil
      }
      return (logs, sums)
    }

    /// Over how many of some cells its latencies depend on themselves: the batches that a level is made of.
    func batch(_ cells: [Int]) -> Int {
      let (sum, count) = cells.reduce((0.0, 0.0)) { ($0.0 + logs[$1], $0.1 + counts[$1]) }
      guard count > 0 else { return 1 }
      let means = cells.map { counts[$0] > 0 ? logs[$0] / counts[$0] : sum / count }
      return max(1, Int(BlockLength.automatic(means).rounded()))
    }
  }

  let grid: BlockGrid
  private var series: [Series]
  private let amounts: [PhaseAmounts]

  /// The same for an amount that alone makes a phase.
  private static let symptomErrors = 4.0
  /// A change of a mean that matters.
  static let leastChange = 0.05
  /// In standard errors.
  private static let leastErrors = 3.0
  /// The same where an amount changed at that moment: it was not chosen for the latencies.
  private static let (leastChangeBeside, leastErrorsBeside) = (0.1, 2.0)
  /// With fewer I/Os on a side nothing is said.
  private static let leastCount = 30.0

  /// For so many signals; one more is for the totals of all I/Os.
  init(_ grid: BlockGrid, signals: Int, _ amounts: [PhaseAmounts]) {
    (self.grid, self.amounts) = (grid, amounts)
    series = [Series](repeating: Series(grid.count), count: signals + 1)
  }

  /// Takes a latency of a signal, ns.
  mutating func add(_ value: Int64, signal: Int, at moment: Int64) {
    series[signal].add(value, grid.block(at: moment))
  }

  /// Takes the total of an I/O, ns.
  mutating func add(total: Int64, at moment: Int64) {
    series[series.count - 1].add(total, grid.block(at: moment))
  }

  /// Whether latencies over two sets of stretches differ, by what matters and by more than chance. Amounts alone do not
  /// make a phase unless they are symptoms: threads may wait for more and the guest's I/O be as before.
  func differ(_ first: [Range<Int64>], _ second: [Range<Int64>]) -> Bool {
    changed(first, second).contains { $0 < series.count || isSymptom($0) }
  }

  private func isSymptom(_ place: Int) -> Bool {
    place >= series.count && amounts[place - series.count].isSymptom
  }

  /// The same, of the series for which a least change is given, as a part of the mean.
  func differ(
    _ first: [Range<Int64>], _ second: [Range<Int64>], least: (_ place: Int) -> Double?
  ) -> Bool {
    changed(first, second).contains { place in
      least(place).map { largestChange(of: [place], first, second) >= $0 } ?? false
    }
  }

  /// Whether a symptom differs from what it was in the first of some stretches in which it is known.
  func differInSymptoms(_ stretches: [Range<Int64>], _ second: Range<Int64>) -> Bool {
    let after = cells([second]).map(grid.range(of:))
    return amounts.contains { amount in
      guard amount.isSymptom, let b = amount.level(after) else { return false }
      let first = stretches.lazy.compactMap { amount.level(cells([$0]).map(grid.range(of:))) }.first
      return first.map { Self.isApart($0, b, amount) } ?? false
    }
  }

  /// Whether all symptoms that are known in two stretches are alike as far as matters: too few to differ are not.
  func isAlike(_ first: Range<Int64>, _ second: Range<Int64>) -> Bool {
    let (before, after) = (cells([first]), cells([second]))
    return amounts.allSatisfy { amount in
      guard let a = amount.level(before.map(grid.range(of:))),
        let b = amount.level(after.map(grid.range(of:)))
      else { return true }
      return abs(b.mean - a.mean) < max(amount.least, amount.leastPart * min(a.mean, b.mean))
    }
  }

  /// Whether two levels of an amount differ by what matters and by more than chance.
  private static func isApart(_ a: PhaseLevel, _ b: PhaseLevel, _ amount: PhaseAmounts) -> Bool {
    guard amount.isSymptom else {
      return isApart(a, b, least: amount.least, errors: leastErrors)
    }
    return isApart(
      a, b, least: max(amount.least, amount.leastPart * min(a.mean, b.mean)), errors: symptomErrors)
  }

  /// The series that differ: the places of the signals, then that of the totals, then those of the amounts.
  func changed(_ first: [Range<Int64>], _ second: [Range<Int64>]) -> [Int] {
    let (before, after) = (cells(first), cells(second))
    let waits = amounts.indices.filter { place in
      guard let a = amounts[place].level(before.map(grid.range(of:))),
        let b = amounts[place].level(after.map(grid.range(of:)))
      else { return false }
      return Self.isApart(a, b, amounts[place])
    }
    // What others show need not be searched for.
    let errors = waits.isEmpty ? Self.leastErrors : Self.leastErrorsBeside
    let change = waits.isEmpty ? Self.leastChange : Self.leastChangeBeside
    let latencies = series.indices.filter { place in
      let own = series[place]
      let (a, b) = (own.levels(before), own.levels(after))
      guard let a, let b, a.sums.count >= Self.leastCount, b.sums.count >= Self.leastCount else {
        return false
      }
      return Self.isApart(a.logs, b.logs, least: log(1 + change), errors: errors)
        || Self.isApart(a.sums, b.sums, least: change * abs(a.sums.mean), errors: errors)
    }
    return latencies + waits.map { series.count + $0 }
  }

  /// By what part the mean of one of these latencies changed, of that which changed most; more than 1 where it became
  /// more than twice as long, or less than half.
  func largestChange(
    of places: [Int], _ first: [Range<Int64>], _ second: [Range<Int64>]
  ) -> Double {
    let (before, after) = (cells(first), cells(second))
    return places.lazy.filter(series.indices.contains).compactMap { place -> Double? in
      guard let a = series[place].levels(before)?.sums.mean,
        let b = series[place].levels(after)?.sums.mean, min(a, b) > 0
      else { return nil }
      return max(a, b) / min(a, b) - 1
    }.max() ?? 0
  }

  /// How much two sets of stretches differ, in standard errors of all latencies and amounts together.
  func distance(_ first: [Range<Int64>], _ second: [Range<Int64>]) -> Double {
    let (before, after) = (cells(first), cells(second))
    func squared(_ a: PhaseLevel?, _ b: PhaseLevel?) -> Double {
      guard let a, let b, a.error.isFinite, b.error.isFinite else { return 0 }
      let variance = a.error * a.error + b.error * b.error
      return variance > 0 ? (b.mean - a.mean) * (b.mean - a.mean) / variance : 0
    }
    // The totals are made of the others.
    let latencies = series.dropLast().reduce(0.0) { sum, own in
      let (a, b) = (own.levels(before), own.levels(after))
      return sum + max(squared(a?.logs, b?.logs), squared(a?.sums, b?.sums))
    }
    let waits = amounts.reduce(0.0) {
      $0 + squared($1.level(before.map(grid.range(of:))), $1.level(after.map(grid.range(of:))))
    }
    return (latencies + waits).squareRoot()
  }

  /// Whether two means differ by what matters and by more than chance.
  private static func isApart(
    _ a: PhaseLevel, _ b: PhaseLevel, least: Double, errors: Double
  ) -> Bool {
    let difference = abs(b.mean - a.mean)
    let error = (a.error * a.error + b.error * b.error).squareRoot()
    return difference >= least && difference >= errors * error
  }

  /// Whether stretches hold enough I/Os for something to be said of them.
  func isFilled(_ stretches: [Range<Int64>]) -> Bool {
    let own = cells(stretches)
    return series.contains { one in own.reduce(0) { $0 + one.counts[$1] } >= Self.leastCount }
      || amounts.contains { one in
        one.isSymptom && own.contains { one.sum(grid.range(of: $0)).count > 0 }
      }
  }

  /// The cells whose middle lies in one of the stretches.
  private func cells(_ stretches: [Range<Int64>]) -> [Int] {
    (0..<grid.count).filter { cell in
      let middle = grid.begin(of: cell) + grid.length / 2
      return stretches.contains { $0.contains(middle) }
    }
  }
}
