internal import TraceCorrelation
internal import TraceModel

/// What a guest's threads on the host did over time, while a scheduler trace is read forward: each moment of a thread
/// belongs to one state. What lies before a moment goes out as soon as no part before it can come any more.
struct ThreadStates {
  enum State: Equatable {
    /// It waited for a CPU; the number says for whom.
    case waited(Int32)
    case ran
    /// It waited for an event: `S`.
    case asleep
    /// It waited for I/O or a lock: `D`.
    case blocked

    /// What a thread does from when it left a CPU until it waits for one again; nil where the trace does not tell.
    init?(_ left: LeaveReason) {
      switch left {
      case .sleeping, .idle, .stopped: self = .asleep
      case .blocked: self = .blocked
      case .unknown, .preempted, .yielded, .dead, .other: return nil
      }
    }
  }

  struct Stretch {
    var from: Int64
    var to: Int64
    let state: State
    /// How it left the CPU at the end of a run.
    var left = LeaveReason.unknown

    func cut(to span: Span) -> Span {
      Span(from: max(from, span.from), to: min(to, span.to))
    }
  }

  /// By thread, in the order of time and without overlap; what is in none of them is not seen.
  typealias Timelines = [Int64: [Stretch]]

  private var pending: Timelines = [:]
  /// By thread: up to where it went out, and how it left the CPU before.
  private var ends: [Int64: (at: Int64, left: LeaveReason)] = [:]

  mutating func add(
    _ thread: Int64, from: Int64, to: Int64, _ state: State, left: LeaveReason = .unknown
  ) {
    guard to > from else { return }
    pending[thread, default: []].append(Stretch(from: from, to: to, state: state, left: left))
  }

  /// What lies before a moment and did not go out.
  mutating func take(before until: Int64) -> Timelines {
    var taken: Timelines = [:]
    for thread in Set(pending.keys).union(ends.keys) {
      var own = pending.removeValue(forKey: thread) ?? []
      own.sort { ($0.from, $0.to) < ($1.from, $1.to) }
      var end = ends[thread]
      var ready: [Stretch] = []
      func fill(to moment: Int64) {
        guard let last = end, last.at < moment, let state = State(last.left) else { return }
        ready.append(Stretch(from: last.at, to: moment, state: state))
      }
      var rest: [Stretch] = []
      for var stretch in own {
        stretch.from = max(stretch.from, end?.at ?? .min)
        guard stretch.to > stretch.from else { continue }
        guard stretch.from < until else {
          rest.append(stretch)
          continue
        }
        fill(to: stretch.from)
        var now = stretch
        if stretch.to > until {
          stretch.from = until
          rest.append(stretch)
          now.to = until
          now.left = .unknown
        }
        ready.append(now)
        end = (now.to, now.left)
      }
      fill(to: until)
      if let last = end { ends[thread] = (until, last.left) }
      if !rest.isEmpty { pending[thread] = rest }
      if !ready.isEmpty { taken[thread] = ready }
    }
    return taken
  }
}

extension ThreadStates.Timelines {
  subscript(thread: Int64?) -> Value? { thread.flatMap { self[$0] } }
}

extension [ThreadStates.Stretch] {
  /// The first that ends behind a moment and is one that is looked for.
  func first(
    after moment: Int64, where isLookedFor: (ThreadStates.Stretch) -> Bool
  ) -> ThreadStates.Stretch? {
    self[partitioningIndex { $0.to > moment }...].first(where: isLookedFor)
  }
}

extension [ThreadStates.Stretch]? {
  /// Each part of a span with what the thread did in it; nil: not seen.
  func forEach(in span: Span, _ body: (_ state: ThreadStates.State?, _ part: Span) -> Void) {
    guard span.to > span.from else { return }
    guard let self else { return body(nil, span) }
    var at = span.from
    var place = self.partitioningIndex { $0.to > span.from }
    while place < self.count, self[place].from < span.to {
      let part = self[place].cut(to: span)
      if part.from > at { body(nil, Span(from: at, to: part.from)) }
      body(self[place].state, part)
      at = part.to
      place += 1
    }
    if at < span.to { body(nil, Span(from: at, to: span.to)) }
  }
}
