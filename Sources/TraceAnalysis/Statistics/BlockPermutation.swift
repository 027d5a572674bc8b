/// Whether blocks of before and of after could as well have changed places: a permutation test of whole
/// blocks with a studentised statistic (Chung and Romano, 2013), which stays valid where the sides differ
/// in spread.
struct BlockPermutation: Sendable {
  private let beforeCount: Int
  private let afterCount: Int
  /// The blocks called "after", permutation by permutation.
  private let members: [Int32]

  /// Permutations of so many blocks of either side.
  init(before: Int, after: Int, count: Int, seed: UInt64) {
    beforeCount = before
    afterCount = after
    var random = SeededGenerator(seed: seed)
    var order = (0..<Int32(before + after)).map { $0 }
    var members: [Int32] = []
    members.reserveCapacity(count * after)
    for _ in 0..<count {
      for place in 0..<after {
        order.swapAt(place, place + random.index(below: order.count - place))
      }
      members.append(contentsOf: order[0..<after])
    }
    self.members = members
  }

  /// The two-sided p for equal ratios of sums. Numerators and denominators by block, those of before
  /// first.
  func p(_ numerators: [Double], _ denominators: [Double]) -> Double {
    var whole = Sums()
    for (numerator, denominator) in zip(numerators, denominators) {
      whole.add(numerator, denominator)
    }
    var after = Sums()
    for block in beforeCount..<(beforeCount + afterCount) {
      after.add(numerators[block], denominators[block])
    }
    let observed = statistic(whole, after)
    // What differs by rounding only is as extreme.
    let limit = observed * (1 - 1e-9)
    var asExtreme = 0
    let permutations = members.count / max(1, afterCount)
    var place = 0
    for _ in 0..<permutations {
      var sums = Sums()
      for _ in 0..<afterCount {
        let block = Int(members[place])
        sums.add(numerators[block], denominators[block])
        place += 1
      }
      if statistic(whole, sums) >= limit { asExtreme += 1 }
    }
    return Double(1 + asExtreme) / Double(1 + permutations)
  }

  private func statistic(_ whole: Sums, _ after: Sums) -> Double {
    let before = whole - after
    guard let (first, firstVariance) = before.ratio(of: beforeCount),
      let (second, secondVariance) = after.ratio(of: afterCount)
    else { return 0 }
    let difference = abs(second - first)
    guard difference > 0 else { return 0 }
    return difference / (firstVariance + secondVariance).squareRoot()
  }

  private struct Sums {
    var numerator = 0.0
    var denominator = 0.0
    var squares = 0.0
    var products = 0.0
    var denominatorSquares = 0.0

    @inline(__always)
    mutating func add(_ numerator: Double, _ denominator: Double) {
      self.numerator += numerator
      self.denominator += denominator
      squares += numerator * numerator
      products += numerator * denominator
      denominatorSquares += denominator * denominator
    }

    static func - (left: Sums, right: Sums) -> Sums {
      Sums(
        numerator: left.numerator - right.numerator,
        denominator: left.denominator - right.denominator,
        squares: left.squares - right.squares, products: left.products - right.products,
        denominatorSquares: left.denominatorSquares - right.denominatorSquares)
    }

    /// The ratio of the sums and its variance, from how much the blocks depart from it.
    func ratio(of blocks: Int) -> (Double, Double)? {
      guard denominator > 0, blocks > 1 else { return nil }
      let ratio = numerator / denominator
      let departures = squares - 2 * ratio * products + ratio * ratio * denominatorSquares
      let correction = Double(blocks) / Double(blocks - 1)
      return (ratio, max(0, departures) / (denominator * denominator) * correction)
    }
  }
}
