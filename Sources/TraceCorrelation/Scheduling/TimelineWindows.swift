/// What threads did, in windows of time from the end of a trace to its begin.
///
/// Slices are kept in the order in which their stays ended. Read backwards, none that is still to come
/// reaches past the end of the stays before it, so that what lies later is complete for all threads: it
/// goes out, and only what reaches into the time before is kept. Memory follows what lies between two
/// limits, not the length of the trace.
public struct TimelineWindows: Sendable {
  /// A stretch of time and what each thread did in it.
  public struct Window: Sendable {
    /// The stretch.
    public let span: Span
    /// By thread; what they hold is cut to the stretch.
    public let timelines: [Int64: ThreadTimeline]
  }

  /// What is not handed out yet, the latest first.
  private var pending: [Int64: ThreadTimeline] = [:]
  private var end = Int64.max

  /// Begins with nothing.
  public init() {}

  /// Takes what a thread did; of one thread the latest first.
  public mutating func add(_ thread: Int64, run: Span?, wait: Span?) {
    guard run != nil || wait != nil else { return }
    pending[thread, default: ThreadTimeline()].append(run: run, wait: wait)
  }

  /// What lies between a moment and the one that was asked for before, which is later. Nil where there is no
  /// time between them.
  public mutating func window(downTo moment: Int64) -> Window? {
    guard moment < end else { return nil }
    let span = Span(from: moment, to: end)
    end = moment
    var timelines: [Int64: ThreadTimeline] = [:]
    for thread in Array(pending.keys) {
      guard var rest = pending.removeValue(forKey: thread) else { continue }
      var timeline = ThreadTimeline()
      timeline.runs = Self.take(&rest.runs, span)
      timeline.waits = Self.take(&rest.waits, span)
      if !rest.isEmpty { pending[thread] = rest }
      if !timeline.isEmpty { timelines[thread] = timeline }
    }
    return Window(span: span, timelines: timelines)
  }

  /// The parts of spans in a window, in order of time; what lies before it is left.
  private static func take(_ spans: inout [Span], _ window: Span) -> [Span] {
    var taken: [Span] = []
    var rest: [Span] = []
    for span in spans {
      let part = Span(from: max(span.from, window.from), to: min(span.to, window.to))
      if part.from < part.to { taken.append(part) }
      if span.from < window.from {
        rest.append(Span(from: span.from, to: min(span.to, window.from)))
      }
    }
    spans = rest
    return taken.reversed()
  }
}

/// Intervals by their numbers, of which those are looked at that have a part in a window of time that moves
/// back.
public struct BackwardSweep: Sendable {
  /// Those whose end has not come, the latest last.
  private var waiting: [Int32]
  private var open: [Int32] = []

  /// Of intervals by where they end.
  public init(_ numbers: [Int32], end: (Int32) -> Int64) {
    waiting = numbers.map { (end: end($0), number: $0) }
      .sorted { ($0.end, $0.number) < ($1.end, $1.number) }.map(\.number)
  }

  /// Looks at those that end at a moment or after it and were not dropped before; what answers false is dropped.
  public mutating func visit(
    endingSince moment: Int64, end: (Int32) -> Int64, _ isWantedAgain: (Int32) -> Bool
  ) {
    while let last = waiting.last, end(last) >= moment {
      open.append(last)
      waiting.removeLast()
    }
    open.removeAll { !isWantedAgain($0) }
  }
}
