internal import Glibc
internal import TraceModel

/// Latencies of one kind over time: of a disk's reads, say. They are counted by equal blocks of time and by classes of
/// an eighth of an octave, so that what is kept does not grow with the number of I/Os.
struct PhaseSignal {
  /// What it is of, for people: `vda reads`.
  let name: String
  let grid: BlockGrid
  /// How many there are.
  private(set) var count = 0
  private var counts: [Double]
  /// Of the logarithms.
  private var sums: [Double]
  /// By block, then by class.
  private var members: [UInt32]

  /// With fewer I/Os nothing can be told.
  static let least = 300

  init(_ name: String, _ grid: BlockGrid) {
    (self.name, self.grid) = (name, grid)
    counts = [Double](repeating: 0, count: grid.count)
    sums = counts
    members = [UInt32](repeating: 0, count: grid.count * LatencyClass.count)
  }

  /// Takes a latency in ns of an I/O that began at a moment of the grid.
  mutating func add(_ latency: Int64, at moment: Int64) {
    let block = grid.block(at: moment)
    count += 1
    counts[block] += 1
    sums[block] += log(Double(max(1, latency)))
    members[block * LatencyClass.count + LatencyClass.of(latency)] += 1
  }

  /// What a change of it can be seen in, over some blocks; empty where they hold too few.
  ///
  /// The mean of the logarithm, in which heavy tails do not drown everything else, and the share of the slowest
  /// twentieth, in which rare slow requests show.
  func features(over blocks: Range<Int>) -> [BlockFeature] {
    let total = counts[blocks].reduce(0, +)
    guard total >= 100 else { return [] }
    let pooled = classes(in: blocks)
    // The classes above the one in which the 95th percentile lies.
    var (slow, seen) = (LatencyClass.count, 0.0)
    for place in (0..<LatencyClass.count).reversed() {
      seen += pooled[place]
      if seen > 0.05 * total { break }
      slow = place
    }
    let tails = blocks.map { block in
      (slow..<LatencyClass.count).reduce(0.0) { $0 + Double(member(block, $1)) }
    }
    return [Array(sums[blocks]), tails].compactMap { values in
      BlockFeature(counts: Array(counts[blocks]), sums: values)
    }
  }

  /// How many of each class some blocks hold.
  func classes(in blocks: Range<Int>) -> [Double] {
    var classes = [Double](repeating: 0, count: LatencyClass.count)
    for block in blocks {
      for place in 0..<LatencyClass.count { classes[place] += Double(member(block, place)) }
    }
    return classes
  }

  private func member(_ block: Int, _ place: Int) -> UInt32 {
    members[block * LatencyClass.count + place]
  }
}

/// Classes of latencies, an eighth of an octave each, from 256 ns to 18 minutes; what is shorter or longer is in the
/// outermost.
enum LatencyClass {
  static let count = 256

  static func of(_ latency: Int64) -> Int {
    guard latency > 256 else { return 0 }
    return min(count - 1, Int((log2(Double(latency)) - 8) * 8))
  }
}

/// Equal blocks of a stretch of time.
struct BlockGrid: Equatable {
  /// The first moment, ns.
  let start: Int64
  /// Of a block, ns.
  let length: Int64
  let count: Int

  /// From the first to the last moment of a stretch: blocks of a length in ns, longer where there would be more of them
  /// than `most`.
  init(from first: Int64, to last: Int64, length: Int64, most: Int) {
    start = first
    let whole = max(1, last - first + 1)
    self.length = max(length, whole / Int64(most) + 1)
    count = Int((whole - 1) / self.length) + 1
  }

  /// The block of a moment; of one outside, the outermost.
  func block(at moment: Int64) -> Int {
    min(count - 1, max(0, Int((moment - start) / length)))
  }

  /// Where a block begins, ns.
  func begin(of block: Int) -> Int64 { start + Int64(block) * length }

  /// The time of a block.
  func range(of block: Int) -> Range<Int64> { begin(of: block)..<begin(of: block + 1) }

  /// The time of some blocks.
  func range(of blocks: Range<Int>) -> Range<Int64> {
    begin(of: blocks.lowerBound)..<begin(of: blocks.upperBound)
  }
}

/// A property of the I/Os in each block: how many there are and what they add up to, less what as many of the whole
/// would, in units of the spread of the blocks.
struct BlockFeature {
  private(set) var counts: [Double]
  private(set) var sums: [Double]
  /// What an interval and the rest have to hold at least.
  var least = 0.0

  /// Nil where all blocks are alike.
  init?(counts: [Double], sums: [Double]) {
    let total = counts.reduce(0, +)
    guard total > 0, counts.count > 1 else { return nil }
    let mean = sums.reduce(0, +) / total
    let centred = zip(sums, counts).map { $0 - mean * $1 }
    let variance =
      zip(centred, counts).reduce(0.0) { $1.1 > 0 ? $0 + $1.0 * $1.0 / $1.1 : $0 }
      / Double(counts.count - 1)
    guard variance > 0 else { return nil }
    self.counts = counts
    self.sums = centred.map { $0 / variance.squareRoot() }
  }

  /// The same in another unit.
  func divided(by unit: Double) -> BlockFeature {
    var other = self
    for block in sums.indices { other.sums[block] /= unit }
    return other
  }

  /// What the blocks hold when this is taken from each of them: where it has another level within a range.
  func residuals(besides range: Range<Int>) -> [Double] {
    var (inside, outside) = ((0.0, 0.0), (0.0, 0.0))
    for block in counts.indices {
      if range.contains(block) {
        inside = (inside.0 + sums[block], inside.1 + counts[block])
      } else {
        outside = (outside.0 + sums[block], outside.1 + counts[block])
      }
    }
    return counts.indices.map { block in
      let level = range.contains(block) ? inside : outside
      guard counts[block] > 0, level.1 > 0 else { return 0 }
      return sums[block] / counts[block] - level.0 / level.1
    }
  }
}
