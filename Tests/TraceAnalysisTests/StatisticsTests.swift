import Testing

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

  @Test(
    "sorting by digits equals sorting by comparing, below zero too, and keeps cells with values")
  func sorting() {
    var random = SeededGenerator(seed: 3)
    let values = (0..<5_000).map { _ in
      Int64(truncatingIfNeeded: random.next()) >> Int64(random.index(below: 60))
    }
    let sorted = SortedSamples(values, cells: values.indices.map { Int32($0) })
    #expect(sorted.values == values.sorted())
    #expect(zip(sorted.values, sorted.cells).allSatisfy { values[Int($1)] == $0 })
  }

  @Test("the quantile of two sides together is that of their union")
  func union() {
    var random = SeededGenerator(seed: 4)
    for size in [(1, 1), (1, 50), (40, 3), (333, 500)] {
      let first = (0..<size.0).map { _ in Int64(random.index(below: 90)) }
      let second = (0..<size.1).map { _ in Int64(random.index(below: 60)) }
      let zeros = { (count: Int) in [Int32](repeating: 0, count: count) }
      let (a, b) = (
        SortedSamples(first, cells: zeros(size.0)), SortedSamples(second, cells: zeros(size.1))
      )
      let whole = SortedSamples(first + second, cells: zeros(size.0 + size.1))
      for p in [0.01, 0.5, 0.9, 0.99, 1] {
        #expect(SortedSamples.quantile(a, b, p) == whole.quantile(p))
      }
    }
  }

  @Test("a replicate that draws every block once has the quantiles of the whole")
  func identity() {
    let grid = CellGrid([CellGrid.Stretch(run: 0, start: 0, end: 1_000)], block: 100)
    var random = SeededGenerator(seed: 5)
    let values = (0..<1_000).map { _ in Int64(1_000 + random.index(below: 100_000)) }
    let samples = SortedSamples(
      values, cells: values.indices.map { Int32(grid.cell(0, at: Int64($0))) })
    let once = BlockDraws(starts: (0..<10).map { Int32(2 * $0) }, blocks: 10)
    let bootstrap = BlockBootstrap(samples, grid, once)
    for p in [0.5, 0.9, 0.99] {
      let exact = Double(samples.quantile(p) ?? 0)
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
