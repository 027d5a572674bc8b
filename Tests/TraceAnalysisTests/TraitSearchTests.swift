import Testing

@testable import TraceAnalysis

/// What slow I/Os share.
struct TraitSearchTests {
  /// I/Os with made traits: `has` says whether one has a trait, `isSlow` whether it is slow.
  private static func found(
    ios: Int, traits: Int, has: (Int, Int) -> Bool, isSlow: (Int) -> Bool
  ) -> [TraitSearch.Found] {
    var lists = TraitLists()
    for io in 0..<ios {
      for trait in 0..<traits where has(io, trait) { lists.add(UInt16(trait)) }
      lists.endIO()
    }
    return TraitSearch(lists, traits: traits, isSlow: (0..<ios).map(isSlow)).find()
  }

  /// Random booleans, the same each time.
  private static func drawn(_ count: Int, _ share: Double, seed: UInt64) -> [Bool] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Double(generator.index(below: 1_000_000)) < share * 1e6 }
  }

  @Test(
    "a planted trait is told first, with an interval that holds what was planted", arguments: 1...6
  )
  func planted(_ seed: UInt64) throws {
    let ios = 10_000
    let traits = (0..<30).map { Self.drawn(ios, 0.2, seed: seed * 100 + UInt64($0)) }
    let often = Self.drawn(ios, 0.03, seed: seed * 100 + 50)
    let seldom = Self.drawn(ios, 0.01, seed: seed * 100 + 51)
    let found = Self.found(ios: ios, traits: 30, has: { traits[$1][$0] }) {
      traits[7][$0] ? often[$0] : seldom[$0]
    }
    let first = try #require(found.first)
    #expect(first.trait == 7 && found.count == 1)
    // 3 % of 20 % and 1 % of 80 % are slow, so that three in seven slow ones have it, and one in five of the others.
    #expect(first.times.low < 2.19 && 2.19 < first.times.high)
  }

  @Test("another name for the same I/Os is not told again")
  func redundant() {
    let ios = 5_000
    let process = Self.drawn(ios, 0.25, seed: 3)
    let slow = Self.drawn(ios, 0.1, seed: 4)
    let rare = Self.drawn(ios, 0.005, seed: 5)
    let found = Self.found(ios: ios, traits: 3, has: { $1 == 2 ? $0 % 2 == 0 : process[$0] }) {
      process[$0] ? slow[$0] : rare[$0]
    }
    #expect(found.count == 1)
  }

  @Test("bursts alone are no trait: of 40 captures without one few have any")
  func bursts() {
    var told = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let ios = 2_000
      var generator = SeededGenerator(seed: seed)
      func burst(_ share: Double, _ length: Int) -> [Bool] {
        var on = [Bool](repeating: false, count: ios)
        for _ in 0..<Int(share * Double(ios) / Double(length)) {
          let start = generator.index(below: ios)
          for place in start..<min(ios, start + length) { on[place] = true }
        }
        return on
      }
      let slow = burst(0.03, 15)
      let traits = (0..<20).map { _ in burst(0.2, 60) }
      if !Self.found(ios: ios, traits: 20, has: { traits[$1][$0] }, isSlow: { slow[$0] }).isEmpty {
        told += 1
      }
    }
    #expect(told <= 3)
  }

  @Test("too few slow I/Os, and what does not matter, are not told")
  func notTold() {
    let few = Self.found(ios: 400, traits: 1, has: { io, _ in io < 40 }) { $0 < 40 }
    #expect(few.isEmpty)
    // 52 % of the slow ones and 50 % of the others, be it ever so sure.
    let ios = 200_000
    let even = Self.found(ios: ios, traits: 1, has: { io, _ in io % 2 == 0 }) {
      $0 % 2 == 0 ? $0 % 20 == 0 : $0 % 21 == 1
    }
    #expect(even.isEmpty)
  }
}
