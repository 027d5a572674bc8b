/// How the time of a side is cut. A *cell* is half a block; a *block* is what is drawn as a whole, so that
/// what belongs together in time stays together. Blocks of the bootstrap begin at any cell and wrap around
/// within their stretch; those of the permutation test do not overlap.
struct CellGrid: Sendable {
  /// A stretch of one trace of one run, on one clock.
  struct Stretch: Sendable, Equatable {
    /// Which of the side's files it is from.
    let run: Int
    /// Its first moment, ns on its own clock.
    let start: Int64
    /// Its last moment, ns on its own clock.
    let end: Int64

    /// How long it is, ns.
    var length: Int64 { end - start }
  }

  static let cellsPerBlock = 2

  let stretches: [Stretch]
  /// The first cell of each stretch, and behind the last the number of cells.
  private let bounds: [Int]

  /// Blocks of that length in ns, stretched a little so that they fill their stretches.
  init(_ stretches: [Stretch], block: Int64) {
    self.stretches = stretches
    var bounds = [0]
    for stretch in stretches {
      let blocks = max(1, Int(stretch.length / max(1, block)))
      bounds.append(bounds[bounds.count - 1] + blocks * Self.cellsPerBlock)
    }
    self.bounds = bounds
  }

  /// How many cells.
  var cells: Int { bounds[bounds.count - 1] }
  /// How many blocks that do not overlap.
  var blocks: Int { cells / Self.cellsPerBlock }

  /// The cells of a stretch.
  func cells(of stretch: Int) -> Range<Int> { bounds[stretch]..<bounds[stretch + 1] }

  /// The cell of a moment.
  func cell(_ stretch: Int, at moment: Int64) -> Int {
    let range = cells(of: stretch)
    let length = Double(stretches[stretch].length) + 1
    let part = Double(moment - stretches[stretch].start) / length
    return range.lowerBound + min(range.count - 1, max(0, Int(part * Double(range.count))))
  }

  /// What the block that begins at each cell holds, from what the cells hold.
  func blockSums<Number: AdditiveArithmetic>(_ perCell: [Number]) -> [Number] {
    var sums = perCell
    for stretch in stretches.indices {
      let range = cells(of: stretch)
      for cell in range {
        for further in 1..<Self.cellsPerBlock {
          sums[cell] +=
            perCell[
              range.lowerBound + (cell - range.lowerBound + further) % range.count]
        }
      }
    }
    return sums
  }

  /// What the blocks that do not overlap hold.
  func blocks<Number: AdditiveArithmetic>(_ perCell: [Number]) -> [Number] {
    stride(from: 0, to: cells, by: Self.cellsPerBlock).map { first in
      (1..<Self.cellsPerBlock).reduce(perCell[first]) { $0 + perCell[first + $1] }
    }
  }
}

/// The draws of a moving-block bootstrap: for each replicate as many blocks as the stretches have, each
/// from anywhere in its stretch. All lines of a side use the same draws, as their hops were measured
/// together.
struct BlockDraws: Sendable {
  let replicates: Int
  let blocks: Int
  /// First cells, replicate by replicate.
  let starts: [Int32]

  /// One replicate of given blocks.
  init(starts: [Int32], blocks: Int) {
    replicates = 1
    self.blocks = blocks
    self.starts = starts
  }

  init(_ grid: CellGrid, replicates: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var starts: [Int32] = []
    starts.reserveCapacity(replicates * grid.blocks)
    for _ in 0..<replicates {
      for stretch in grid.stretches.indices {
        let range = grid.cells(of: stretch)
        for _ in 0..<(range.count / CellGrid.cellsPerBlock) {
          starts.append(Int32(range.lowerBound + random.index(below: range.count)))
        }
      }
    }
    self.replicates = replicates
    blocks = grid.blocks
    self.starts = starts
  }

  /// The ratio of two sums in each replicate, from what the block that begins at each cell holds; not a
  /// number where there is nothing to divide by.
  func ratios(_ numerators: [Double], _ denominators: [Double]) -> [Double] {
    (0..<replicates).map { replicate in
      var (numerator, denominator) = (0.0, 0.0)
      for place in replicate * blocks..<(replicate + 1) * blocks {
        let start = Int(starts[place])
        numerator += numerators[start]
        denominator += denominators[start]
      }
      return denominator > 0 ? numerator / denominator : .nan
    }
  }
}
