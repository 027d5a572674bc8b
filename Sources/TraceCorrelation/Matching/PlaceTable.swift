/// Finds the places of things by a number that several may share: buckets by the number's hash, in one array.
///
/// Nothing is sorted as a whole, and what a bucket holds is mostly one thing.
struct PlaceTable {
  /// Where each bucket begins.
  private let starts: [Int32]
  /// Of each thing a part of the hash, which tells nearly all numbers of a bucket apart, and its place below that.
  private let entries: [UInt64]
  private let shift: UInt64

  /// Of numbers and places that a body is called with, twice: each number with its places in order.
  init(_ forEach: (_ add: (_ number: Int64, _ place: Int32) -> Void) -> Void) {
    var count = 0
    forEach { _, _ in count += 1 }
    let bits = max(1, Int.bitWidth - max(1, count - 1).leadingZeroBitCount)
    let shift = UInt64(64 - bits)
    var starts = [Int32](repeating: 0, count: 1 << bits + 1)
    forEach { number, _ in starts[Int(truncatingIfNeeded: Self.hash(number) >> shift)] += 1 }
    var sum: Int32 = 0
    for bucket in starts.indices { (starts[bucket], sum) = (sum, sum + starts[bucket]) }
    var entries = [UInt64](repeating: 0, count: count)
    var next = starts
    forEach { number, place in
      let hash = Self.hash(number)
      let bucket = Int(truncatingIfNeeded: hash >> shift)
      entries[Int(next[bucket])] = Self.mark(hash) | UInt64(UInt32(bitPattern: place))
      next[bucket] += 1
    }
    for bucket in 0..<(starts.count - 1) {
      let own = Int(starts[bucket])..<Int(starts[bucket + 1])
      if own.count == 2 {
        if entries[own.lowerBound] > entries[own.lowerBound + 1] {
          entries.swapAt(own.lowerBound, own.lowerBound + 1)
        }
      } else if own.count > 2 {
        entries[own].sort()
      }
    }
    (self.starts, self.entries, self.shift) = (starts, entries, shift)
  }

  /// The entries of a number, in the order of their places. Those of another number may, once in a lifetime, be among
  /// them.
  func entries(of number: Int64) -> Range<Int> {
    let hash = Self.hash(number)
    let bucket = Int(truncatingIfNeeded: hash >> shift)
    let (start, end) = (Int(starts[bucket]), Int(starts[bucket + 1]))
    let mark = Self.mark(hash)
    let first = place(from: start, to: end) { entries[$0] >= mark }
    return first..<place(from: first, to: end) { entries[$0] >> 32 > mark >> 32 }
  }

  /// The first place for which something is true that is true for all behind it; the end where there is none.
  @inline(__always)
  private func place(from: Int, to: Int, _ isBehind: (Int) -> Bool) -> Int {
    var (low, high) = (from, to)
    while low < high {
      let middle = low + (high - low) / 2
      if isBehind(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The place in an entry.
  subscript(entry: Int) -> Int32 { Int32(truncatingIfNeeded: entries[entry]) }

  private static func hash(_ number: Int64) -> UInt64 {
    var hash = UInt64(bitPattern: number) &* 0x9e37_79b9_7f4a_7c15
    hash ^= hash >> 32
    return hash &* 0xd6e8_feb8_6659_fd93
  }

  /// The part of a hash that is kept, above the place.
  private static func mark(_ hash: UInt64) -> UInt64 { hash << 32 }
}
