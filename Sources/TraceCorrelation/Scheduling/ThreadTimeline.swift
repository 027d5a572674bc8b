public import TraceModel

/// A stretch of time, ns, without its end.
public struct Span: Sendable, Equatable {
  /// Its begin.
  public var from: Int64
  /// Its end.
  public var to: Int64

  /// A stretch.
  public init(from: Int64, to: Int64) {
    self.from = from
    self.to = to
  }

  /// How much of it lies within another, ns.
  public func overlap(_ other: Span) -> Int64 {
    max(0, min(to, other.to) - max(from, other.from))
  }
}

/// When a thread was on a CPU and when it waited for one, in order; what the trace does not show of it is
/// neither.
public struct ThreadTimeline: Sendable {
  /// Its stays on CPUs.
  public internal(set) var runs: [Span] = []
  /// Its waits for one.
  public internal(set) var waits: [Span] = []

  var isEmpty: Bool { runs.isEmpty && waits.isEmpty }

  mutating func append(run: Span?, wait: Span?) {
    if let run { runs.append(run) }
    if let wait { waits.append(wait) }
  }
}

extension ThreadSlice {
  /// Its stay on a CPU on another clock; nil where its end was not seen.
  public func stay(on clock: SchedulerClock) -> Span? {
    guard run != .min, run > 0 else { return nil }
    return Span(from: clock.reference(began), to: clock.reference(began + run))
  }

  /// Its wait for a CPU, likewise.
  public func waitSpan(on clock: SchedulerClock) -> Span? {
    guard wait != .min, wait > 0 else { return nil }
    return Span(from: clock.reference(began - wait), to: clock.reference(began))
  }
}

/// What is known of a thread over a whole trace, on the trace's clock.
public struct ThreadExtent: Sendable {
  /// Begin of the first thing seen of it, ns.
  public private(set) var first = Int64.max
  /// End of the last, ns.
  public private(set) var last = Int64.min
  /// How long it ran, ns.
  public private(set) var ran: Int64 = 0
  /// Its first stay on a CPU and its last; nil where it has none.
  private(set) var stays: (first: Span, last: Span)?
  /// How many stays.
  private(set) var runs = 0

  /// A thread that was not seen yet.
  public init() {}

  /// Takes its next slice.
  public mutating func add(_ slice: ThreadSlice) {
    if let wait = slice.waitSpan(on: .own) {
      first = min(first, wait.from)
      last = max(last, wait.to)
    }
    if let stay = slice.stay(on: .own) {
      first = min(first, stay.from)
      last = max(last, stay.to)
      ran.add(saturating: slice.run)
      runs += 1
      stays = (stays?.first ?? stay, stay)
    }
  }

  /// Takes what is known of a later thread that had the same number.
  public mutating func add(_ later: ThreadExtent) {
    first = min(first, later.first)
    last = max(last, later.last)
    ran.add(saturating: later.ran)
    runs += later.runs
    if let other = later.stays { stays = (stays?.first ?? other.first, other.last) }
  }

  /// From the first to the last thing seen of it, on another clock; nil if it is out of range.
  func seen(on clock: SchedulerClock) -> Span? {
    guard first < last else { return nil }
    return Span(from: clock.reference(first), to: clock.reference(last))
  }
}

extension [Span] {
  /// The place of the first one, of those in order, that ends after a time.
  func place(endingAfter time: Int64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].to <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Those, of ones in order, that have a part in a stretch, cut to it.
  func clipped(to span: Span) -> [Span] {
    var result: [Span] = []
    var index = place(endingAfter: span.from)
    while index < count, self[index].from < span.to {
      result.append(
        Span(from: Swift.max(span.from, self[index].from), to: Swift.min(span.to, self[index].to)))
      index += 1
    }
    return result
  }

  /// How long they are together; where several lie over each other that counts once.
  public var covered: Int64 {
    var sum: Int64 = 0
    var until = Int64.min
    for span in sorted(by: { $0.from < $1.from }) where span.to > until {
      sum += span.to - Swift.max(span.from, until)
      until = span.to
    }
    return sum
  }
}
