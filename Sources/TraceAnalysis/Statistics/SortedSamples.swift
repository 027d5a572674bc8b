internal import TraceModel

/// The latencies of one line of one side, sorted once, each with the cell of time it belongs to. All that
/// the bootstrap and the permutation test need are counts per cell, which one walk over them yields.
struct SortedSamples: Sendable {
  /// Ascending, ns.
  private(set) var values: [Int64] = []
  /// The cell of each.
  private(set) var cells: [Int32] = []

  var count: Int { values.count }

  /// Latencies in any order with their cells.
  init(_ values: [Int64], cells: [Int32]) {
    guard let least = values.min(), let greatest = values.max() else { return }
    self.values = values
    self.cells = cells
    sort(from: UInt64(bitPattern: least), width: UInt64(bitPattern: greatest &- least))
  }

  /// Those in cells that a condition keeps, with their cells renamed; they stay sorted.
  func filtered(_ cell: (Int32) -> Int32?) -> SortedSamples {
    var kept = SortedSamples([], cells: [])
    for index in values.indices {
      guard let renamed = cell(cells[index]) else { continue }
      kept.values.append(values[index])
      kept.cells.append(renamed)
    }
    return kept
  }

  /// Least significant digit first, a byte at a time, over as many bytes as the values differ in: some five
  /// times faster for a million than comparing.
  private mutating func sort(from least: UInt64, width: UInt64) {
    var otherValues = values
    var otherCells = cells
    for shift in stride(from: UInt64(0), to: 64, by: 8) where width >> shift > 0 {
      func digit(_ value: Int64) -> Int {
        Int((UInt64(bitPattern: value) &- least) >> shift & 0xFF)
      }
      var places = [Int](repeating: 0, count: 257)
      for value in values { places[digit(value) + 1] += 1 }
      for index in 1...256 { places[index] += places[index - 1] }
      for index in values.indices {
        let target = digit(values[index])
        otherValues[places[target]] = values[index]
        otherCells[places[target]] = cells[index]
        places[target] += 1
      }
      swap(&values, &otherValues)
      swap(&cells, &otherCells)
    }
  }

  /// The value that a share `p` does not exceed (nearest rank); nil without any.
  func quantile(_ p: Double) -> Int64? {
    values.isEmpty ? nil : LatencyStatistics.quantile(values, p)
  }

  /// The mean; nil without any.
  var mean: Double? {
    values.isEmpty ? nil : values.reduce(0.0) { $0 + Double($1) } / Double(count)
  }

  /// How many are in each cell.
  func counts(_ cellCount: Int) -> [Double] {
    var counts = [Double](repeating: 0, count: cellCount)
    for cell in cells { counts[Int(cell)] += 1 }
    return counts
  }

  /// The sum of each cell.
  func sums(_ cellCount: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: cellCount)
    for index in values.indices { sums[Int(cells[index])] += Double(values[index]) }
    return sums
  }

  /// How many of each cell are below a value; those equal to it count half, so that ties favour no side.
  func counts(below limit: Int64, _ cellCount: Int) -> [Double] {
    var counts = [Double](repeating: 0, count: cellCount)
    for index in values.indices {
      if values[index] > limit { break }
      counts[Int(cells[index])] += values[index] < limit ? 1 : 0.5
    }
    return counts
  }

  /// How many cells the values above the share `p` are spread over.
  func spread(above p: Double) -> Int {
    let first = min(count, Int((p * Double(count)).rounded(.up)))
    return Set(cells[first...]).count
  }

  /// The value that a share `p` of two sides together does not exceed, without merging them.
  static func quantile(_ first: SortedSamples, _ second: SortedSamples, _ p: Double) -> Int64? {
    let count = first.count + second.count
    guard count > 0 else { return nil }
    let rank = min(count, max(1, Int((p * Double(count)).rounded(.up))))
    // So many of the rank's values are of the first side.
    var (low, high) = (max(0, rank - second.count), min(rank, first.count))
    while low < high {
      let middle = (low + high) / 2
      if first.values[middle] < second.values[rank - middle - 1] {
        low = middle + 1
      } else {
        high = middle
      }
    }
    let fromFirst = low > 0 ? first.values[low - 1] : .min
    let fromSecond = rank > low ? second.values[rank - low - 1] : .min
    return max(fromFirst, fromSecond)
  }
}
