public import TraceModel

/// How many requests a queue held, over time.
///
/// The depth comes from the events alone: one more at each entry, one less at each leaving. The time spent
/// in the queue comes from the pairs. On a whole trace both say the same (Little's law, L = lambda * W);
/// what the events hold and the pairs do not is of requests whose other end the trace does not show.
public struct QueueDepth: Sendable {
  /// A stay in the queue; unseen where the trace does not show it, ns on one clock.
  public struct Stay: Sendable {
    /// When it entered.
    public let entered: Stamp
    /// When it left.
    public let left: Stamp

    /// A stay.
    public init(entered: Stamp, left: Stamp) {
      self.entered = entered
      self.left = left
    }
  }

  /// A stretch of time.
  public struct Interval: Sendable, Equatable {
    /// Its start, ns.
    public let at: Int64
    /// Its length, ns.
    public let length: Int64
    /// Entries in it.
    public var arrivals: Int = 0
    /// The mean depth over it.
    public var mean: Double = 0
    /// The largest depth in it.
    public var greatest: Int64 = 0
    /// The part of the depth that no pair accounts for, 0 to 1; nil where the queue was empty.
    public var residual: Double?
  }

  /// The stretches, one after the other.
  public let intervals: [Interval]

  /// When it held requests and none left, in the order of time.
  public let stalls: [QueueStall]

  /// An entry or a leaving. Whole: the trace shows both ends of the stay.
  struct Moment {
    let at: Int64
    let change: Int8
    let isWhole: Bool
  }

  /// At most so many intervals per queue.
  public static let mostIntervals = 240

  /// The depth of a queue; nil where no stay shows both its ends, for then the trace does not show the
  /// queue. `last`: the end of the trace; `most`: so many intervals, or a few less.
  public init?(_ stays: [Stay], last: Int64, most: Int = mostIntervals) {
    self.init(last: last, most: most) { stays.forEach($0) }
  }

  /// The same of stays that a body is called with, each time in the same order: they are gone through more than once.
  public init?(
    last: Int64, most: Int = mostIntervals, of forEachStay: (_ body: (Stay) -> Void) -> Void
  ) {
    var (count, hasWhole) = (0, false)
    forEachStay { stay in
      count += (stay.entered.isSeen ? 1 : 0) + (stay.left.isSeen ? 1 : 0)
      if stay.entered.isSeen, stay.left.isSeen { hasWhole = true }
    }
    guard hasWhole else { return nil }
    var moments: [Moment] = []
    moments.reserveCapacity(count)
    var depth: Int64 = 0
    forEachStay { stay in
      let isWhole = stay.entered.isSeen && stay.left.isSeen
      if let at = stay.entered.nanoseconds {
        moments.append(Moment(at: at, change: 1, isWhole: isWhole))
      } else if stay.left.isSeen {
        // It was in there when the trace began.
        depth += 1
      }
      if let at = stay.left.nanoseconds {
        moments.append(Moment(at: at, change: -1, isWhole: isWhole))
      }
    }
    // At one moment those that enter come first: what takes no time has been there.
    moments.sort { $0.at != $1.at ? $0.at < $1.at : $0.change > $1.change }
    let start = moments[0].at
    let end = max(last, moments[moments.count - 1].at)
    let length = Self.length(for: end - start, most: Int64(max(1, most)))
    var intervals = (0...(end - start) / length).map {
      Interval(at: start + $0 * length, length: length)
    }
    let held = Self.sweep(moments, from: depth, start: start, end: end, &intervals)
    let paired = Self.paired(forEachStay, start: start, length: length, count: intervals.count)
    for place in intervals.indices where held[place] > 0 {
      let span = min(length, end - intervals[place].at)
      intervals[place].mean = Double(held[place]) / Double(max(1, span))
      intervals[place].residual = 1 - Double(paired[place]) / Double(held[place])
    }
    self.intervals = intervals
    self.stalls = QueueStall.find(in: moments, end: end)
  }

  /// Fills in arrivals and largest depths; returns the depth's integral over each interval, in request-ns.
  private static func sweep(
    _ moments: [Moment], from initial: Int64, start: Int64, end: Int64,
    _ intervals: inout [Interval]
  ) -> [Int64] {
    let length = intervals[0].length
    var held = [Int64](repeating: 0, count: intervals.count)
    var depth = initial
    var time = start
    var place = 0
    intervals[0].greatest = depth
    func advance(to moment: Int64) {
      while true {
        let border = intervals[place].at + length
        let until = min(moment, border)
        // A thousand requests of 73 years, all at once, are more than Int64 holds.
        let (area, isTooLarge) = depth.multipliedReportingOverflow(by: until - time)
        held[place].add(saturating: isTooLarge ? .max : area)
        time = until
        guard moment >= border, place + 1 < intervals.count else { break }
        place += 1
        intervals[place].greatest = depth
      }
    }
    for moment in moments {
      advance(to: moment.at)
      depth += Int64(moment.change)
      if moment.change > 0 { intervals[place].arrivals += 1 }
      intervals[place].greatest = max(intervals[place].greatest, depth)
    }
    advance(to: end)
    return held
  }

  /// The time that whole stays spent in each interval, in request-ns.
  private static func paired(
    _ forEachStay: (_ body: (Stay) -> Void) -> Void, start: Int64, length: Int64, count: Int
  ) -> [Int64] {
    var paired = [Int64](repeating: 0, count: count)
    forEachStay { stay in
      guard var from = stay.entered.nanoseconds, let to = stay.left.nanoseconds, to > from
      else { return }
      var place = Int((from - start) / length)
      while from < to, place < count {
        let until = min(to, start + Int64(place + 1) * length)
        paired[place].add(saturating: until - from)
        from = until
        place += 1
      }
    }
    return paired
  }

  /// 1, 2 or 5 times a power of ten, from a millisecond on, so that there are not too many.
  private static func length(for span: Int64, most: Int64) -> Int64 {
    var length: Int64 = 1_000_000
    while true {
      for factor: Int64 in [1, 2, 5] where span / (length * factor) < most {
        return length * factor
      }
      length *= 10
    }
  }
}

extension BlockRequest {
  /// Its stay in the I/O scheduler: from Q to the last D.
  public var schedulerStay: QueueDepth.Stay { QueueDepth.Stay(entered: queued, left: issued) }

  /// Its stay at the driver: from the last D to C.
  public var driverStay: QueueDepth.Stay { QueueDepth.Stay(entered: issued, left: completed) }
}
