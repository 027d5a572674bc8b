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
  struct Timelines {
    fileprivate let places: ThreadPlaces
    fileprivate var stretches: [[Stretch]]

    /// None of a thread that is not one of the guest's.
    subscript(thread: Int64?) -> [Stretch] {
      thread.flatMap(places.known).map { stretches[$0] } ?? []
    }
  }

  /// Up to where a thread's went out, `Int64.min` for nothing, and how it left the CPU before.
  private struct End {
    var at = Int64.min
    var left = LeaveReason.unknown
  }

  private var pending: [[Stretch]]
  private var ends: [End]
  private var taken: Timelines

  /// Of these threads.
  init(of threads: Set<Int64>) {
    taken = Timelines(
      places: ThreadPlaces(of: threads.sorted()), stretches: threads.map { _ in [] })
    pending = taken.stretches
    ends = threads.map { _ in End() }
  }

  mutating func add(
    _ thread: Int64, from: Int64, to: Int64, _ state: State, left: LeaveReason = .unknown
  ) {
    guard to > from, let place = taken.places.known(thread) else { return }
    pending[place].append(Stretch(from: from, to: to, state: state, left: left))
  }

  /// What lies before a moment and did not go out.
  mutating func take(before until: Int64) -> Timelines {
    for place in pending.indices {
      taken.stretches[place].removeAll(keepingCapacity: true)
      if !pending[place].isEmpty || ends[place].at != .min { take(place, before: until) }
    }
    return taken
  }

  private mutating func take(_ place: Int, before until: Int64) {
    var own: [Stretch] = []
    swap(&own, &pending[place])
    if !own.isInOrder { own.sort(by: Stretch.isBefore) }
    var end = ends[place]
    func fill(to moment: Int64) {
      guard end.at != .min, end.at < moment, let state = State(end.left) else { return }
      taken.stretches[place].append(Stretch(from: end.at, to: moment, state: state))
    }
    // What is left moves to the front.
    var rest = 0
    for index in own.indices {
      var stretch = own[index]
      stretch.from = max(stretch.from, end.at)
      guard stretch.to > stretch.from else { continue }
      guard stretch.from < until else {
        own[rest] = stretch
        rest += 1
        continue
      }
      fill(to: stretch.from)
      var now = stretch
      if stretch.to > until {
        stretch.from = until
        own[rest] = stretch
        rest += 1
        now.to = until
        now.left = .unknown
      }
      taken.stretches[place].append(now)
      end = End(at: now.to, left: now.left)
    }
    fill(to: until)
    if end.at != .min { ends[place] = End(at: until, left: end.left) }
    own.removeSubrange(rest...)
    swap(&own, &pending[place])
  }
}

extension ThreadStates.Stretch {
  fileprivate static func isBefore(_ one: Self, _ other: Self) -> Bool {
    one.from == other.from ? one.to < other.to : one.from < other.from
  }
}

extension [ThreadStates.Stretch] {
  fileprivate var isInOrder: Bool {
    indices.dropFirst().allSatisfy { !ThreadStates.Stretch.isBefore(self[$0], self[$0 - 1]) }
  }

  /// The first that ends behind a moment and is one that is looked for.
  func first(
    after moment: Int64, where isLookedFor: (ThreadStates.Stretch) -> Bool
  ) -> ThreadStates.Stretch? {
    self[partitioningIndex { $0.to > moment }...].first(where: isLookedFor)
  }

  /// Each part of a span with what the thread did in it; nil: not seen.
  func forEach(in span: Span, _ body: (_ state: ThreadStates.State?, _ part: Span) -> Void) {
    guard span.to > span.from else { return }
    var at = span.from
    var place = partitioningIndex { $0.to > span.from }
    while place < count, self[place].from < span.to {
      let part = self[place].cut(to: span)
      if part.from > at { body(nil, Span(from: at, to: part.from)) }
      body(self[place].state, part)
      at = part.to
      place += 1
    }
    if at < span.to { body(nil, Span(from: at, to: span.to)) }
  }
}
