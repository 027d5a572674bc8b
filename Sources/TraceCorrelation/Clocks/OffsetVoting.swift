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
    // Overlapping intervals of one voter count once: join them first.
    let sorted = intervals.sorted { ($0.voter, $0.low) < ($1.voter, $1.low) }
    var edges: [(at: Int64, step: Int)] = []
    edges.reserveCapacity(sorted.count * 2)
    var current: Interval?
    func close() {
      guard let interval = current else { return }
      edges.append((interval.low, 1))
      edges.append((interval.high, -1))
    }
    for interval in sorted where interval.low <= interval.high {
      if let open = current, open.voter == interval.voter, interval.low <= open.high {
        current?.high = max(open.high, interval.high)
      } else {
        close()
        current = interval
      }
    }
    close()
    // An interval ends after its last point: at equal places starts come first.
    edges.sort { ($0.at, -$0.step) < ($1.at, -$1.step) }
    var best: Peak?
    var depth = 0
    for (index, edge) in edges.enumerated() {
      depth += edge.step
      if edge.step > 0, depth > best?.voters ?? 0, index + 1 < edges.count {
        best = Peak(low: edge.at, high: edges[index + 1].at, voters: depth)
      }
    }
    return best
  }
}
