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
  public private(set) var runs: [Span] = []
  /// Its waits for one.
  public private(set) var waits: [Span] = []

  /// A thread that was not seen yet.
  public init() {}

  /// Takes its next slice.
  public mutating func add(_ slice: ThreadSlice) {
    if slice.wait != .min, slice.wait > 0 {
      waits.append(Span(from: slice.began - slice.wait, to: slice.began))
    }
    if slice.run != .min, slice.run > 0 {
      runs.append(Span(from: slice.began, to: slice.began + slice.run))
    }
  }

  /// The same on another clock.
  public func mapped(_ clock: SchedulerClock) -> ThreadTimeline {
    guard !clock.isIdentity else { return self }
    var result = self
    result.runs = runs.map { Span(from: clock.reference($0.from), to: clock.reference($0.to)) }
    result.waits = waits.map { Span(from: clock.reference($0.from), to: clock.reference($0.to)) }
    return result
  }

  /// From the first to the last thing seen of it.
  var seen: Span? {
    let first = [runs.first?.from, waits.first?.from].compactMap(\.self).min()
    let last = [runs.last?.to, waits.last?.to].compactMap(\.self).max()
    guard let first, let last, first < last else { return nil }
    return Span(from: first, to: last)
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
