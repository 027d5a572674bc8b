internal import TraceCorrelation
internal import TraceModel

/// An amount over time, in small equal cells: how long the threads of a guest waited for a CPU, ns.
struct PhaseAmounts {
  /// What it is of, for people: `vCPU waits`.
  let name: String
  private let grid: BlockGrid
  private let cells: [Double]
  /// Whether a change of it alone makes a phase: where no I/O shows what the guest felt.
  private(set) var isSymptom = false
  /// A change that matters, as a share of the time.
  private(set) var least = 0.05
  /// The same of a symptom, as a part of itself.
  private(set) var leastPart = 0.5
  /// Cells on either side of a change at least.
  private(set) var leastCells = 0.0
  /// Whether it is usually about nothing: then what is there for a few cells has a begin and an end.
  private var isUsuallyNone = false

  /// Of a cell, ns.
  private static let cell: Int64 = 10_000_000
  private static let mostCells = 1 << 16
  /// A stretch of which less is known says nothing of a symptom.
  private static let fair = 0.3
  /// As a part of what it is otherwise: next to that it is about nothing.
  private static let aboutNone = 0.2
  /// Amounts of fewer cells say nothing.
  private static let least = 15.0

  /// Adds up spans of time, however long, at the price of their two ends.
  struct Sum {
    private let grid: BlockGrid
    /// What lies in the cells in which a span begins or ends, ns.
    private var parts: [Double]
    /// By how many more spans a cell is covered whole than the one before.
    private var covered: [Int]

    /// Nothing yet, within the time of a trace.
    init(within span: Span) {
      grid = BlockGrid(from: span.from, to: span.to, length: cell, most: mostCells)
      parts = [Double](repeating: 0, count: grid.count)
      covered = [Int](repeating: 0, count: grid.count + 1)
    }

    /// Adds the time of a span, where it lies.
    mutating func add(_ span: Span) {
      let (from, to) = (max(span.from, grid.start), min(span.to, grid.begin(of: grid.count)))
      guard to > from else { return }
      let (first, last) = (grid.block(at: from), grid.block(at: to - 1))
      if first == last {
        parts[first] += Double(to - from)
      } else {
        parts[first] += Double(grid.begin(of: first + 1) - from)
        parts[last] += Double(to - grid.begin(of: last))
        covered[first + 1] += 1
        covered[last] -= 1
      }
    }

    /// What was added.
    func amounts(_ name: String) -> PhaseAmounts {
      var cells = parts
      var spans = 0
      for place in cells.indices {
        spans += covered[place]
        cells[place] += Double(spans) * Double(grid.length)
      }
      return PhaseAmounts(name, grid, cells)
    }
  }

  /// What each cell of a grid holds, ns.
  init(_ name: String, _ grid: BlockGrid, _ cells: [Double]) {
    (self.name, self.grid, self.cells) = (name, grid, cells)
  }

  /// What a counter tells, as a symptom: its cells, one for each reading, hold the length of a cell times the value, or
  /// are not a number where it is not known; `least` is the change of the value that matters.
  init(
    counter name: String, _ grid: BlockGrid, _ cells: [Double], least: Double,
    isUsuallyNone: Bool = false
  ) {
    self.init(name, grid, cells)
    self.isUsuallyNone = isUsuallyNone
    (isSymptom, self.least, leastPart, leastCells) = (true, least, 0, 3)
  }

  /// Of a cell, ns.
  var interval: Int64 { grid.length }

  /// Moments at which it goes up from about nothing and stays there for three cells at least, and falls back: too few cells
  /// between other changes for a permutation to tell.
  var edges: [Int64] {
    guard isUsuallyNone else { return [] }
    let values = cells.map { $0 / Double(grid.length) }
    let reach = PhaseSearch.leastBlocks
    var (edges, first): ([Int64], Int) = ([], 0)
    while first < values.count {
      guard values[first] >= least else {
        first += 1
        continue
      }
      let end = values[first...].firstIndex { !($0 >= least) } ?? values.count
      let mean = values[first..<end].reduce(0, +) / Double(end - first)
      let around =
        values[max(0, first - reach)..<first] + values[end..<min(values.count, end + reach)]
      if end - first >= reach, around.allSatisfy({ $0 < Self.aboutNone * mean }) {
        edges += [first, end].filter { $0 > 0 && $0 < values.count }.map(grid.begin)
      }
      first = end
    }
    return edges
  }

  /// The same, of which a change alone makes a phase.
  var asSymptom: PhaseAmounts {
    var own = self
    own.isSymptom = true
    return own
  }

  /// The time that it is known of.
  var span: Span { Span(from: grid.start, to: grid.begin(of: grid.count)) }

  /// The cells that begin within a range of time; empty where the trace does not reach.
  private func members(_ range: Range<Int64>) -> ArraySlice<Double> {
    func first(from moment: Int64) -> Int {
      min(grid.count, max(0, Int((moment - grid.start + grid.length - 1) / grid.length)))
    }
    guard range.upperBound > grid.start else { return [] }
    let begin = first(from: max(range.lowerBound, grid.start))
    return cells[begin..<max(begin, first(from: range.upperBound))]
  }

  /// How many cells that are known begin within a range of time, and what they add up to.
  func sum(_ range: Range<Int64>) -> (count: Double, sum: Double) {
    var (count, sum) = (0.0, 0.0)
    for cell in members(range) where cell.isFinite {
      count += 1
      sum += cell
    }
    return (count, sum)
  }

  /// What a change of it can be seen in, over some blocks of a grid; nil where they are all alike.
  func feature(over blocks: Range<Int>, of grid: BlockGrid) -> BlockFeature? {
    let sums = blocks.map { sum(grid.range(of: $0)) }
    var feature = BlockFeature(counts: sums.map(\.count), sums: sums.map(\.sum))
    feature?.least = leastCells
    return feature
  }

  /// As a share of the time, over stretches, by the cells of a grid. A symptom's cells are taken together as far as they
  /// depend on each other.
  func level(_ ranges: [Range<Int64>]) -> PhaseLevel? {
    let sums = ranges.map { range in
      let own = sum(range)
      return (sum: own.sum / Double(grid.length), count: own.count)
    }
    guard isSymptom, sums.count > 1 else { return PhaseLevel(sums) }
    let known = sums.filter { $0.count > 0 }
    let time = ranges.reduce(0.0) { $0 + Double($1.upperBound - $1.lowerBound) }
    let shown = known.reduce(0.0) { $0 + $1.count } * Double(grid.length)
    guard shown >= Self.fair * time, Double(known.count) >= leastCells else { return nil }
    let batch = max(1, Int(BlockLength.automatic(known.map { $0.sum / $0.count }).rounded()))
    return PhaseLevel(
      stride(from: 0, to: known.count, by: batch).map { first in
        known[first..<min(first + batch, known.count)].reduce((0.0, 0.0)) {
          ($0.0 + $1.sum, $0.1 + $1.count)
        }
      })
  }

  /// How much more likely each cell of a window is after a change than before it, as normal amounts around the means of
  /// either side; nil where a side has too few cells.
  func ratios(
    before: Range<Int64>, after: Range<Int64>, in window: Range<Int64>
  ) -> [(at: Int64, ratio: Double)]? {
    let (first, second) = (sum(before), sum(after))
    guard first.count >= Self.least, second.count >= Self.least else { return nil }
    let means = (first.sum / first.count, second.sum / second.count)
    var squares = 0.0
    for (range, mean) in [(before, means.0), (after, means.1)] {
      for value in members(range) { squares += (value - mean) * (value - mean) }
    }
    let variance = squares / (first.count + second.count - 2)
    guard variance > 0 else { return nil }
    let own = members(window)
    return own.indices.map { cell in
      let (a, b) = (own[cell] - means.0, own[cell] - means.1)
      return (grid.begin(of: cell) + grid.length / 2, (a * a - b * b) / (2 * variance))
    }
  }
}
