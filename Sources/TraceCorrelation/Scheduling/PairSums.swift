internal import TraceModel

/// How long threads waited behind what: a sum for each pair, found by the places of its two threads.
struct PairSums: Sendable {
  /// The pairs that came up, in that order: a pair's place among them is its own from then on.
  private(set) var pairs: [Culprits.Pair] = []
  /// By place, ns.
  private(set) var waits: [Int64] = []
  /// By place: what was looked up.
  private var keys: [UInt64] = []
  /// Places by hash, -1 where there is none; a power of two, at least twice as many as there are pairs.
  private var table = [Int32](repeating: -1, count: 64)

  /// The place of a pair, of the places of its threads; where it came up for the first time it is the last.
  @inline(__always)
  mutating func place(
    of pair: @autoclosure () -> Culprits.Pair, victim: Int, culprit: Int,
    _ occupant: Culprits.Occupant
  ) -> Int {
    let key = UInt64(victim) << 32 | UInt64(culprit) << 3 | UInt64(occupant.rawValue)
    var slot = Self.hash(key) & (table.count - 1)
    while table[slot] >= 0 {
      let place = Int(table[slot])
      if keys[place] == key { return place }
      slot = (slot + 1) & (table.count - 1)
    }
    return add(pair(), key, slot)
  }

  @inline(__always)
  mutating func add(_ wait: Int64, at place: Int) { waits[place].add(saturating: wait) }

  private mutating func add(_ pair: Culprits.Pair, _ key: UInt64, _ slot: Int) -> Int {
    let place = pairs.count
    pairs.append(pair)
    waits.append(0)
    keys.append(key)
    table[slot] = Int32(place)
    if 2 * pairs.count > table.count { grow() }
    return place
  }

  private mutating func grow() {
    table = [Int32](repeating: -1, count: 2 * table.count)
    for (place, key) in keys.enumerated() {
      var slot = Self.hash(key) & (table.count - 1)
      while table[slot] >= 0 { slot = (slot + 1) & (table.count - 1) }
      table[slot] = Int32(place)
    }
  }

  /// Fibonacci hashing: neighbouring places spread over the table, whose size is small against 2^32.
  @inline(__always)
  private static func hash(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: key &* 0x9E37_79B9_7F4A_7C15 >> 32)
  }
}
