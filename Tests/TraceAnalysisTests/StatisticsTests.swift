import Testing
import TraceModel

@testable import TraceAnalysis

/// The pieces of the statistics, against numbers from tables and by hand.
struct StatisticsTests {
  @Test("quantiles of Student's distribution are those of the tables")
  func student() {
    for (degrees, expected) in [(1.0, 12.706), (4, 2.776), (9, 2.262), (30, 2.042), (1e6, 1.960)] {
      #expect(
        abs(Distributions.studentQuantile(0.975, degrees: degrees) - expected) < 0.001)
    }
    #expect(abs(Distributions.normal(below: 1.959964) - 0.975) < 1e-6)
  }

  @Test("Holm's correction multiplies the least p by their number, the next by one less")
  func holm() {
    #expect(Holm.adjusted([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02])
    #expect(Holm.adjusted([0.6, 0.9]) == [1, 1])
    #expect(Holm.adjusted([]) == [])
  }

  @Test("bins hold every value once, in order, and are never wider than 0.1 % of it")
  func bins() {
    var random = SeededGenerator(seed: 3)
    let edges: [Int64] = [
      0, 1, -1, 1_023, 1_024, 2_047, 2_048, 2_049, -2_047, -2_048, -2_049, 1 << 40, .max, .min + 1,
    ]
    for value in edges
      + (0..<5_000).map({ _ in
        Int64(truncatingIfNeeded: random.next()) >> Int64(random.index(below: 60))
      })
    {
      let bin = LatencyBin.of(value)
      let values = LatencyBin.values(bin)
      #expect(values.contains(value))
      #expect(Double(values.upperBound) - Double(values.lowerBound) <= 0.001 * abs(Double(value)))
      if values.upperBound < .max { #expect(LatencyBin.of(values.upperBound + 1) == bin + 1) }
    }
  }

  @Test("bins of any fineness follow each other without a gap, and each holds what has its number")
  func logBins() {
    func check<let bits: Int>(_ type: LogBins<bits>.Type) {
      var next: Int64 = 0
      for bin in 0..<(40 << bits) {
        let values = LogBins<bits>.values(of: bin)
        #expect(values.lowerBound == next && values.count == 1 << LogBins<bits>.width(of: bin))
        #expect(values.count == 1 || Int64(values.count) << Int64(bits) <= values.lowerBound)
        for value in [values.lowerBound, values.upperBound] {
          #expect(LogBins<bits>.bin(of: UInt64(value)) == bin)
        }
        next = values.upperBound + 1
      }
    }
    check(LogBins<4>.self)
    check(LogBins<6>.self)
    #expect(LogBins<6>.values(of: LogBins<6>.bin(of: UInt64(Int64.max))).upperBound == .max)
  }

  /// Latencies of a heavy tail, some below zero, ns.
  private func latencies(_ count: Int, seed: UInt64) -> [Int64] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      Int64(truncatingIfNeeded: random.next() >> UInt64(44 + random.index(below: 18))) - 90
    }
  }

  /// A second for each cell.
  private static func grid(cells: Int64) -> CellGrid {
    CellGrid(
      [CellGrid.Stretch(run: 0, start: 0, end: cells * 1_000_000_000 - 1)],
      block: 2_000_000_000 - 1)
  }

  /// One latency for each cell in turn.
  private static func inTurn(_ values: [Int64], cells: Int) -> TimedRun {
    TimedRun(
      values: values, moments: values.indices.map { Int64($0 % cells) * 1_000_000_000 + 5 })
  }

  @Test(
    "counted latencies have the mean and the quantiles of all values, and each cell what is in it",
    arguments: [1, 2, 60, 20_000])
  func counting(_ count: Int) throws {
    let values = latencies(count, seed: 5)
    let grid = Self.grid(cells: 8)
    let samples = counted([Self.inTurn(values, cells: 8)], grid, [], grid).before
    let sorted = values.sorted()
    #expect(samples.mean == Double(values.reduce(0, +)) / Double(count))
    for share in Statistic.allCases.compactMap(\.share) {
      let exact = LatencyStatistics.quantile(sorted, share)
      let got = try #require(samples.quantile(share))
      #expect(abs(Double(got - exact)) <= 1e-6 * abs(Double(exact)))
      let binned = try #require(samples.cut.all.quantile(share))
      #expect(abs(Double(binned - exact)) <= 0.0005 * abs(Double(exact)) + 1)
    }
    for cell in 0..<8 {
      let own = values.indices.filter { $0 % 8 == cell }.map { values[$0] }
      #expect(samples.counts()[cell] == Double(own.count))
      #expect(samples.sums[cell] == Double(own.reduce(0, +)))
    }
  }

  @Test("a quantile of both sides cuts either: what is in its bin counts half")
  func union() throws {
    let (first, second) = (latencies(3_000, seed: 6), latencies(700, seed: 7).map { 3 * $0 })
    let grid = Self.grid(cells: 4)
    let sides = counted(
      [Self.inTurn(first, cells: 4)], grid, [Self.inTurn(second, cells: 4)], grid)
    let all = (first + second).sorted()
    for statistic in [Statistic.p50, .p90, .p99, .p999] {
      let limit = try #require(sides.before.cut.limits[statistic])
      #expect(sides.after.cut.limits[statistic] == limit)
      let share = try #require(statistic.share)
      #expect(limit == LatencyBin.of(LatencyStatistics.quantile(all, share)))
      for (values, samples) in [(first, sides.before), (second, sides.after)] {
        let below = values.indices.reduce(into: [0.0, 0, 0, 0]) { counts, index in
          let bin = LatencyBin.of(values[index])
          if bin <= limit { counts[index % 4] += bin < limit ? 1 : 0.5 }
        }
        #expect(samples.counts(below: limit) == below)
      }
    }
  }

  @Test("a replicate that draws every block once has the quantiles of the whole, over gaps too")
  func identity() {
    let grid = CellGrid([CellGrid.Stretch(run: 0, start: 0, end: 1_000)], block: 100)
    var random = SeededGenerator(seed: 5)
    // The slowest twelve of a thousand are far away from all others, and close to each other.
    let values = (0..<1_000).map { place in
      place % 83 == 0
        ? 245_000_000 + Int64(random.index(below: 60_000))
        : Int64(1_000 + random.index(below: 100_000))
    }
    let samples = counted(
      [TimedRun(values: values, moments: values.indices.map { Int64($0) })], grid, [], grid
    ).before
    let once = BlockDraws(starts: (0..<10).map { Int32(2 * $0) }, blocks: 10)
    let bootstrap = BlockBootstrap(samples, grid, once)
    let sorted = values.sorted()
    for p in [0.1, 0.5, 0.9, 0.95, 0.99, 0.995] {
      let exact = Double(LatencyStatistics.quantile(sorted, p))
      #expect(abs(bootstrap.quantiles(p)[0] - exact) <= 0.01 * exact)
    }
    #expect(bootstrap.means()[0] == samples.mean)
  }

  @Test("a grid keeps moments in their stretch, and its blocks hold everything once")
  func grid() {
    let grid = CellGrid(
      [
        CellGrid.Stretch(run: 0, start: -50, end: 1_000),
        CellGrid.Stretch(run: 1, start: 500, end: 900),
      ], block: 100)
    #expect(grid.blocks == 14)
    #expect(grid.cell(0, at: -50) == 0)
    #expect(grid.cell(0, at: 1_000) == 19)
    #expect(grid.cell(1, at: 500) == 20)
    #expect(grid.cell(1, at: 900) == 27)
    let ones = [Int](repeating: 1, count: grid.cells)
    #expect(grid.blocks(ones).reduce(0, +) == grid.cells)
    #expect(grid.blockSums(ones).allSatisfy { $0 == 2 })
    // The last cell of a stretch goes on with its first, not with the next stretch.
    #expect(grid.blockSums(Array(0..<grid.cells))[19] == 19)
  }

  @Test("white noise needs no blocks; a slow wave needs long ones")
  func blockLength() {
    var random = SeededGenerator(seed: 6)
    let noise = (0..<192).map { _ in Double(random.index(below: 1_000)) }
    #expect(BlockLength.automatic(noise) < 4)
    var level = 0.0
    let wave = noise.map { value in
      level = 0.9 * level + value - 500
      return level
    }
    #expect(BlockLength.automatic(wave) > 8)
    #expect(BlockLength.automatic([Double](repeating: 7, count: 192)) == 1)
  }

  @Test("runs are what differences are measured by; one run against three varies as the three do")
  func repeats() throws {
    let both = try #require(RunSpread([10, 12, 14], [20, 22, 24]))
    #expect(both.variance == 4.0 / 3 + 4.0 / 3)
    #expect(abs(both.degrees - 4) < 1e-9)
    let single = try #require(RunSpread([10, 12, 14], [20]))
    #expect(single.variance == 4.0 / 3 + 4)
    #expect(single.degrees == 2)
    #expect(RunSpread([10], [20]) == nil)
  }
}
