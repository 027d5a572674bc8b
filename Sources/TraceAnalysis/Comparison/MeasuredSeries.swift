internal import TraceModel

/// A measurement interval by interval, out of one file: steal of each second, drops between two readings.
struct MeasuredSeries: Sendable {
  /// What is measured; the same on both sides.
  struct Key: Hashable, Sendable {
    var subject: MeasuredSubject
    var guest: String?
    var device: String?
    var object: String?
  }

  /// An interval: what was counted in it, and what that is to be divided by (its seconds, the time that was
  /// run), so that long intervals weigh more.
  struct Point: Sendable {
    /// Its begin, ns on the series' own clock.
    var at: Int64
    /// Its length, ns.
    var length: Int64
    var amount: Double
    var base: Double
  }

  var key: Key
  /// Which of the side's files it is from.
  var run: Int
  /// In the order of time.
  var points: [Point]

  /// A usual interval, ns.
  var interval: Int64 {
    let lengths = points.map(\.length).sorted()
    return lengths.isEmpty ? 0 : lengths[lengths.count / 2]
  }

  /// From its first to its last moment; nil where there is no time in it.
  var stretch: CellGrid.Stretch? {
    guard let first = points.first, let last = points.last, last.at + last.length > first.at else {
      return nil
    }
    return CellGrid.Stretch(run: run, start: first.at, end: last.at + last.length)
  }

  /// Finding how long values are correlated takes time that grows with the square of their number: of more than
  /// this some neighbours are taken together.
  private static let mostValues = 4_096

  /// For how many ns neighbouring intervals depend on each other.
  var correlationTime: Double {
    let known = points.filter { $0.base > 0 }
    guard known.count >= 16 else { return 0 }
    let together = (known.count - 1) / Self.mostValues + 1
    let values = stride(from: 0, to: known.count, by: together).map { first in
      let own = known[first..<min(known.count, first + together)]
      return own.reduce(0) { $0 + $1.amount } / own.reduce(0) { $0 + $1.base }
    }
    return BlockLength.automatic(values) * Double(interval) * Double(together)
  }

  /// The sums of each cell of a grid.
  func add(to sums: inout CellSums, _ grid: CellGrid, _ stretch: Int) {
    for point in points {
      let cell = grid.cell(stretch, at: point.at + point.length / 2)
      sums.numerators[cell] += point.amount
      sums.denominators[cell] += point.base
    }
  }
}

/// Two sums by cell; what is compared is the ratio of their totals.
struct CellSums: Sendable {
  var numerators: [Double]
  var denominators: [Double]

  init(_ cells: Int) {
    numerators = [Double](repeating: 0, count: cells)
    denominators = numerators
  }

  /// The ratio over some cells; nil where there is nothing to divide by.
  func ratio(_ cells: Range<Int>) -> Double? {
    let base = denominators[cells].reduce(0, +)
    return base > 0 ? numerators[cells].reduce(0, +) / base : nil
  }
}
