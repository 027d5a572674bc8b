internal import TraceModel

/// Finds a clock's offset when nothing is known of it: every candidate pair allows an interval of offsets,
/// and the point that most intervals cover is the offset.
enum OffsetVoting {
  /// Offsets that one pair of requests allows, ns.
  struct Interval {
    var low: Int64
    var high: Int64
    /// Which guest request votes: it has one vote, however many candidates it has.
    var voter: Int32
  }

  /// The stretch of offsets that most voters allow.
  struct Peak {
    var low: Int64
    var high: Int64
    var voters: Int
  }

  /// The best stretch; nil when there are no intervals.
  static func peak(_ intervals: [Interval]) -> Peak? {
    // Overlapping intervals of one voter count once: join them first. Mostly they come in that order.
    let isSorted = intervals.indices.dropFirst().allSatisfy {
      (intervals[$0 - 1].voter, intervals[$0 - 1].low) <= (intervals[$0].voter, intervals[$0].low)
    }
    let sorted =
      isSorted ? intervals : intervals.sorted { ($0.voter, $0.low) < ($1.voter, $1.low) }
    var starts: [Int64] = []
    var ends: [Int64] = []
    starts.reserveCapacity(sorted.count)
    ends.reserveCapacity(sorted.count)
    var current: Interval?
    for interval in sorted where interval.low <= interval.high {
      if let open = current, open.voter == interval.voter, interval.low <= open.high {
        current?.high = max(open.high, interval.high)
        ends[ends.count - 1] = max(open.high, interval.high)
      } else {
        starts.append(interval.low)
        ends.append(interval.high)
        current = interval
      }
    }
    NumberSort.sort(&starts)
    NumberSort.sort(&ends)
    // An interval ends after its last point: at equal places starts come first.
    var best: Peak?
    var ended = 0
    for (begun, start) in starts.enumerated() {
      while ends[ended] < start { ended += 1 }
      let depth = begun + 1 - ended
      if depth > best?.voters ?? 0 {
        let next = begun + 1 < starts.count ? min(starts[begun + 1], ends[ended]) : ends[ended]
        best = Peak(low: start, high: next, voters: depth)
      }
    }
    return best
  }
}
