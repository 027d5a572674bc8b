internal import Glibc
internal import TraceModel

/// What each of many I/Os is like: a list of numbers of traits for each, one behind the other.
struct TraitLists {
  private(set) var starts: [Int32] = [0]
  private(set) var traits: [UInt16] = []

  /// How many I/Os.
  var count: Int { starts.count - 1 }

  /// Adds a trait of the next I/O.
  mutating func add(_ trait: UInt16) { traits.append(trait) }

  /// The next I/O has all of its traits.
  mutating func endIO() { starts.append(Int32(traits.count)) }

  /// The places, in ``traits``, of those of an I/O.
  func range(of place: Int) -> Range<Int> { Int(starts[place])..<Int(starts[place + 1]) }
}

/// Finds what some of many I/Os, the slow ones, have in common that the others have less often.
///
/// I/Os of one trace are not independent: what is slow comes in bursts, and so do processes, sizes and places. So chance
/// is taken from the I/Os themselves: the slow ones are moved along the others, all by the same distance, round the
/// end. That keeps the bursts of both and breaks what ties them. The largest excess over all traits in each of
/// those moves is what chance does with so many traits looked at (Westfall and Young 1993); an excess must be beyond
/// all but 1 % of them.
struct TraitSearch {
  /// A trait that the slow I/Os share.
  struct Found {
    let trait: Int
    /// Slow I/Os, and those that have it, among those that no trait found before has; the same of the others.
    let slow: (all: Int, having: Int)
    let rest: (all: Int, having: Int)
    /// The bounds of how many times as often the slow ones have it, with the correction for so many traits.
    let times: (low: Double, high: Double)

    var slowShare: Double { Double(slow.having) / Double(max(1, slow.all)) }
    var restShare: Double { Double(rest.having) / Double(max(1, rest.all)) }
  }

  /// At most so many are told.
  static let most = 5
  /// Fewer slow I/Os show nothing.
  static let fewest = 50
  /// How often the slow ones are moved, and which part of the moves may exceed what is told.
  private static let (moves, chance) = (999, 0.01)
  /// What matters: so many times as often at least, and so large a part of the slow ones beyond what the others have.
  private static let (leastTimes, leastExcess) = (1.25, 0.05)

  private let lists: TraitLists
  private let traitCount: Int
  private let isSlow: [Bool]

  /// `lists` are those of I/Os in the order of time.
  init(_ lists: TraitLists, traits: Int, isSlow: [Bool]) {
    (self.lists, self.isSlow) = (lists, isSlow)
    traitCount = traits
  }

  /// The traits, the most telling first. Each is sought among the I/Os that have none of those before it, so that
  /// another name for the same I/Os is not told again.
  func find() -> [Found] {
    var alive = (0..<lists.count).map { Int32(truncatingIfNeeded: $0) }
    var generator = SeededGenerator(seed: 0x7261_6974)
    var found: [Found] = []
    while found.count < Self.most, let next = best(alive, &generator) {
      found.append(next)
      alive.removeAll { place in
        lists.range(of: Int(place)).contains { Int(lists.traits[$0]) == next.trait }
      }
    }
    return found
  }

  /// How many I/Os of which have each trait.
  private struct Counts {
    var all: [Int]
    var slow: [Int]
  }

  private func best(_ alive: [Int32], _ generator: inout SeededGenerator) -> Found? {
    let slow = alive.indices.filter { isSlow[Int(alive[$0])] }
    guard slow.count >= Self.fewest, alive.count >= 2 * slow.count else { return nil }
    let counts = counts(alive)
    let score = Scores(counts.all, ios: alive.count, slow: slow.count)
    var own = counts.slow
    let observed = score.excesses(own)
    var moved: [[Float]] = []
    moved.reserveCapacity(Self.moves)
    for _ in 0..<Self.moves {
      let distance = 1 + generator.index(below: alive.count - 1)
      for trait in own.indices { own[trait] = 0 }
      for place in slow {
        var other = place + distance
        if other >= alive.count { other -= alive.count }
        for entry in lists.range(of: Int(alive[other])) { own[Int(lists.traits[entry])] += 1 }
      }
      moved.append(score.excesses(own))
    }
    let spread = (0..<traitCount).map { trait -> Float in
      let sum = moved.reduce(Float(0)) { $0 + $1[trait] * $1[trait] }
      return max(1, (sum / Float(moved.count)).squareRoot())
    }
    func largest(_ excesses: [Float]) -> Float {
      var largest = -Float.infinity
      for trait in excesses.indices { largest = max(largest, excesses[trait] / spread[trait]) }
      return largest
    }
    let sorted = moved.map(largest).sorted()
    let limit = sorted[min(sorted.count - 1, Int((1 - Self.chance) * Double(sorted.count + 1)))]
    let told = (0..<traitCount).filter { trait in
      counts.all[trait] < alive.count && observed[trait] / spread[trait] > limit
    }.compactMap { trait -> (found: Found, rank: Float)? in
      let found = Self.found(
        trait, counts, ios: alive.count, slow: slow.count,
        width: Double(limit) * Double(spread[trait]))
      // Of those that are sure the one that says most of which I/Os are slow, however it comes in bursts.
      return found.map { ($0, observed[trait]) }
    }
    return told.max { $0.rank < $1.rank }?.found
  }

  private func counts(_ alive: [Int32]) -> Counts {
    var counts = Counts(
      all: [Int](repeating: 0, count: traitCount), slow: [Int](repeating: 0, count: traitCount))
    for place in alive {
      let slow = isSlow[Int(place)] ? 1 : 0
      for entry in lists.range(of: Int(place)) {
        counts.all[Int(lists.traits[entry])] += 1
        counts.slow[Int(lists.traits[entry])] += slow
      }
    }
    return counts
  }

  /// Nil where it does not matter, be it ever so sure.
  private static func found(
    _ trait: Int, _ counts: Counts, ios: Int, slow: Int, width: Double
  ) -> Found? {
    let having = counts.slow[trait]
    let others = counts.all[trait] - having
    // Half an I/O more in each cell: what none of the others has can be given a bound, too.
    let share = (Double(having) + 0.5) / (Double(slow) + 1)
    let other = (Double(others) + 0.5) / (Double(ios - slow) + 1)
    let error =
      ((1 - share) / (share * (Double(slow) + 1)) + (1 - other)
        / (other * (Double(ios - slow) + 1)))
      .squareRoot()
    let times = share / other
    let excess = Double(having) / Double(slow) - Double(others) / Double(max(1, ios - slow))
    let low = times / exp(width * error)
    guard times >= leastTimes, excess >= leastExcess, low > 1 else { return nil }
    return Found(
      trait: trait, slow: (slow, having), rest: (ios - slow, others),
      times: (low, times * exp(width * error)))
  }

  /// By how many standard deviations, were all I/Os independent, more slow ones have a trait than chance gives them.
  /// By square roots (Freeman and Tukey 1950), which hold for rare traits, too.
  private struct Scores {
    private let expected: [Float]
    private let deviation: [Float]

    init(_ having: [Int], ios: Int, slow: Int) {
      expected = having.map {
        (4 * Float(Double($0) * Double(slow) / Double(ios)) + 1).squareRoot()
      }
      let part = Double(ios - slow) / Double(max(1, ios - 1))
      deviation = having.map { Float((part * (1 - Double($0) / Double(ios))).squareRoot()) }
    }

    func excesses(_ having: [Int]) -> [Float] {
      having.indices.map { trait in
        guard deviation[trait] > 0 else { return 0 }
        let count = Float(having[trait])
        return (count.squareRoot() + (count + 1).squareRoot() - expected[trait]) / deviation[trait]
      }
    }
  }
}
