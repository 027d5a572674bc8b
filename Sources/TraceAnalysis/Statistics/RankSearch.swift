internal import TraceModel

/// Finds the values at ranks among many numbers without keeping or sorting them: they are gone through a few times, and
/// each time what lies around a rank is counted in finer bins, until a bin holds one value.
///
/// The result is exact, whatever the numbers are, and takes the same memory for any number of them.
struct RankSearch {
  /// Bins of the first time: no wider than a 128th of what they hold, for numbers from 0 on, and once more for those below.
  private typealias Bins = LogBins<7>
  private static let half = Bins.bin(of: UInt64(Int64.max)) + 1
  /// Bits that one more time tells apart.
  private static let bits = 13

  /// A stretch of values in which ranks lie.
  private struct Part {
    /// The bin of the first time that it is in.
    let bin: Int
    let low: Int64
    /// The power of two that its own bins are wide.
    let shift: Int
    /// How many numbers lie below it.
    let below: Int
    let ranks: [Int]
    var counts: [UInt32]

    init(bin: Int, low: Int64, width: Int, below: Int, ranks: [Int]) {
      (self.bin, self.low, self.below, self.ranks) = (bin, low, below, ranks)
      shift = max(0, width - RankSearch.bits)
      counts = [UInt32](repeating: 0, count: 1 << (width - shift))
    }
  }

  private var first = [UInt32](repeating: 0, count: 2 * half)
  private var parts: [Part] = []
  /// For each bin of the first time one more than the place of its first part; 0: it has none.
  private var partOf: [UInt8] = []
  private var values: [Int: (value: Int64, below: Int)] = [:]

  /// How many numbers came the first time.
  private(set) var count = 0

  private static func bin(of number: Int64) -> Int {
    number >= 0
      ? half + Bins.bin(of: UInt64(number)) : half - 1 - Bins.bin(of: UInt64(bitPattern: ~number))
  }

  /// A number; each comes once each time.
  @inline(__always)
  mutating func add(_ number: Int64) {
    let bin = Self.bin(of: number)
    guard !partOf.isEmpty else {
      first[bin] += 1
      count += 1
      return
    }
    guard partOf[bin] > 0 else { return }
    refine(number, bin)
  }

  private mutating func refine(_ number: Int64, _ bin: Int) {
    var place = Int(partOf[bin]) - 1
    while place < parts.count, parts[place].bin == bin {
      let part = parts[place].shift
      let own = (number - parts[place].low) >> Int64(part)
      if own >= 0, own < parts[place].counts.count { parts[place].counts[Int(own)] += 1 }
      place += 1
    }
  }

  /// After the first time: which ranks are looked for, from 0, in order. At most some dozen.
  mutating func look(for ranks: [Int]) {
    partOf = [UInt8](repeating: 0, count: first.count)
    var below = 0
    var rest = ranks[...]
    for bin in first.indices where first[bin] > 0 && !rest.isEmpty {
      let next = below + Int(first[bin])
      let own = Array(rest.prefix { $0 < next })
      if !own.isEmpty {
        rest.removeFirst(own.count)
        let isBelowZero = bin < Self.half
        let number = isBelowZero ? Self.half - 1 - bin : bin - Self.half
        let range = Bins.values(of: number)
        narrow(
          bin: bin, low: isBelowZero ? ~range.upperBound : range.lowerBound,
          width: Bins.width(of: number), below: below, ranks: own)
      }
      below = next
    }
    markParts()
  }

  /// After each time: whether all are found. Else once more.
  mutating func isFound() -> Bool {
    let former = parts
    parts = []
    for part in former {
      var below = part.below
      var rest = part.ranks[...]
      for (own, count) in part.counts.enumerated() where count > 0 && !rest.isEmpty {
        let next = below + Int(count)
        let ranks = Array(rest.prefix { $0 < next })
        if !ranks.isEmpty {
          rest.removeFirst(ranks.count)
          narrow(
            bin: part.bin, low: part.low + Int64(own) << Int64(part.shift), width: part.shift,
            below: below, ranks: ranks)
        }
        below = next
      }
    }
    markParts()
    return parts.isEmpty
  }

  /// Whether nothing is left to look for.
  var isDone: Bool { parts.isEmpty }

  private mutating func narrow(
    bin: Int, low: Int64, width: Int, below: Int, ranks: [Int]
  ) {
    if width == 0 {
      for rank in ranks { values[rank] = (low, below) }
    } else {
      parts.append(Part(bin: bin, low: low, width: width, below: below, ranks: ranks))
    }
  }

  private mutating func markParts() {
    for bin in partOf.indices where partOf[bin] > 0 { partOf[bin] = 0 }
    for (place, part) in parts.enumerated() where partOf[part.bin] == 0 {
      partOf[part.bin] = UInt8(place + 1)
    }
  }

  /// The number at a rank that was looked for and found.
  func value(at rank: Int) -> Int64? { values[rank]?.value }

  /// How many numbers are less than that.
  func below(_ rank: Int) -> Int? { values[rank]?.below }
}
