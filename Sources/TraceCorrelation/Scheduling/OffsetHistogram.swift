/// How many moments lie within a stay of their thread, by the offset between the clocks of both.
///
/// Each pair of a moment and a stay allows an interval of offsets. There are tens of millions of pairs, so
/// that the inner loop runs over flat arrays and shifts instead of dividing.
struct OffsetHistogram {
  /// The offsets that most moments allow, ns.
  struct Peak {
    let low: Int64
    let high: Int64
    /// Of the moments.
    let share: Double
    /// The best share well away from it.
    let byChance: Double
  }

  /// Some 10 us; two texts with microseconds tell no more.
  private static let finestShift: Int64 = 13
  private static let mostBins: Int64 = 8_000_000
  /// Nearer to the peak than this is not away from it, ns.
  private static let apart: Int64 = 5_000_000

  private let low: Int64
  /// A bin is two to this many ns wide.
  private let shift: Int64
  private let slack: Int64
  /// By how much more moments the bin is allowed than the one before it.
  private var steps: [Int32]

  /// A thread's part in it.
  private struct Thread {
    /// Where its moments lie in ``times``.
    let moments: Range<Int>
    /// Stays that are not counted yet, in order.
    var stays: [Span] = []
  }

  private var threads: [Thread] = []
  private var places: [Int64: Int] = [:]
  /// The moments, later than the lowest offset, with slack, ns.
  private var times: [Int64] = []
  /// The lowest bin that the moment counted in: a thread's stays come in order, so that bins fall, and none is
  /// counted twice.
  private var lowest: [Int]

  /// Stays of a thread that are counted at once: moment by moment, each goes down through a few neighbouring
  /// bins. Stay by stay, each would touch as many distant bins as there are moments.
  private static let batch = 256

  /// Moments by thread, offsets that are looked at, and by how much two stamps of one thing may differ, ns.
  init(_ voters: [(at: Int64, thread: Int64)], offsets: Span, slack: Int64) {
    low = offsets.from
    self.slack = slack
    var shift = Self.finestShift
    while (offsets.to - offsets.from) >> shift >= Self.mostBins { shift += 1 }
    self.shift = shift
    let bins = Int((offsets.to - offsets.from) >> shift) + 1
    steps = [Int32](repeating: 0, count: bins + 1)
    lowest = [Int](repeating: bins, count: voters.count)
    for (thread, own) in Dictionary(grouping: voters, by: \.thread) {
      places[thread] = threads.count
      threads.append(Thread(moments: times.count..<(times.count + own.count)))
      times += own.map { $0.at - offsets.from + slack }
    }
  }

  /// Counts the offsets under which a thread's moments lie within its next stay.
  mutating func add(_ thread: Int64, _ stay: Span) {
    guard let place = places[thread] else { return }
    threads[place].stays.append(stay)
    if threads[place].stays.count == Self.batch { count(place) }
  }

  private mutating func count(_ place: Int) {
    let stays = threads[place].stays
    for moment in threads[place].moments {
      Self.count(
        stays, since: times[moment] - 2 * slack, until: times[moment], shift, &lowest[moment],
        into: &steps)
    }
    threads[place].stays.removeAll(keepingCapacity: true)
  }

  /// Counts one moment, in as many stays as it has.
  private static func count(
    _ stays: [Span], since: Int64, until: Int64, _ shift: Int64, _ lowest: inout Int,
    into steps: inout [Int32]
  ) {
    var steps = steps.mutableSpan
    for stay in stays {
      guard until >= stay.from else { return }
      let first = Int(max(0, since - stay.to) >> shift)
      let last = min(lowest - 1, Int((until - stay.from) >> shift))
      guard first <= last else { continue }
      steps[first] += 1
      steps[last + 1] -= 1
      lowest = first
    }
  }

  /// Where most moments agree, of all that was added.
  mutating func peak() -> Peak {
    for place in threads.indices { count(place) }
    // Twice through the bins takes less than to keep the depth of each.
    var (most, first, last) = (Int32(0), 0, -1)
    forEachDepth { place, depth in
      if depth > most {
        (most, first, last) = (depth, place, place)
      } else if depth == most, place == last + 1 {
        last = place
      }
    }
    let apart = Int(Self.apart >> shift) + 2
    var other: Int32 = 0
    forEachDepth { place, depth in
      if depth > other, place < first - apart || place > last + apart { other = depth }
    }
    let count = Double(times.count)
    return Peak(
      low: low + Int64(max(0, first - 1)) << shift, high: low + Int64(last + 2) << shift,
      share: Double(most) / count, byChance: Double(other) / count)
  }

  /// How many moments each bin is allowed.
  private func forEachDepth(_ body: (_ place: Int, _ depth: Int32) -> Void) {
    var depth: Int32 = 0
    let steps = steps.span
    for place in steps.indices {
      depth += steps[place]
      body(place, depth)
    }
  }
}
