internal import TraceModel

/// Puts scheduler events into the order of their times.
///
/// perf merges the buffers of the CPUs in rounds and ftrace by its head entries: a line may stand some
/// places too late. A window is held back and sorted on arrival; in order, as nearly always, an event
/// costs one comparison.
struct SchedOrder {
  /// What an event means for those before it.
  enum Arrival {
    case inOrder
    /// It belongs before one that was already folded. It is kept until it is clear whether it is a late
    /// line or time has fallen for good.
    case held
    /// Time has fallen for good: the clock was set back, or another trace follows, or the same once more. The
    /// caller takes what was held; unless it is the same, it drains, restarts, and adds it.
    case fallen
  }

  /// Places in the window, a power of two; one fewer event is held back.
  private static let depth = 64
  /// A fall of time that no merging of buffers explains, ns: two lines of it are enough.
  static let jump: Int64 = 1_000_000_000
  /// So many late lines without one in order between them are no late lines: the clock was set back.
  private static let fall = 64
  /// So many make up a run.
  private static let run = 8

  private var window: [SchedEvent]
  private var first = 0
  private(set) var count = 0
  private var latestTaken = Int64.min
  private var earliestTaken = Int64.min
  /// The latest time of this stretch.
  private(set) var latest = Int64.min
  private var held: [SchedEvent] = []
  /// Lines that came too late.
  private(set) var late: Int64 = 0
  /// The first of them; 0: none.
  private(set) var firstLateLine: Int64 = 0

  /// Whether late lines are kept for ``takeDropped``.
  private let keepsLate: Bool
  private var dropped: [SchedEvent] = []

  /// Events that were in the window already: a short trace that was appended to itself.
  private(set) var repeated: Int64 = 0
  /// The line of the first of them; 0: none.
  private(set) var firstRepeatedLine: Int64 = 0
  /// Whether the last one was.
  private var isRepeating = false

  init(keepsLate: Bool = false) {
    self.keepsLate = keepsLate
    window = [SchedEvent](repeating: SchedEvent(), count: Self.depth)
  }

  /// Where an event belongs. The caller pushes it when it is in order.
  @inline(__always)
  mutating func arrival(of event: SchedEvent) -> Arrival {
    guard event.time >= latest else { return hold(event) }
    latest = event.time
    if !held.isEmpty { dropHeld() }
    return .inOrder
  }

  private mutating func hold(_ event: SchedEvent) -> Arrival {
    let isJump = event.time < latest - Self.jump
    // Lines one behind the other that all are late go on being so when they reach what is not folded yet.
    if !isJump, event.time >= latestTaken, held.count < Self.run {
      dropHeld()
      return .inOrder
    }
    held.append(event)
    return held.count >= (isJump ? 2 : Self.fall) ? .fallen : .held
  }

  /// They were late lines.
  mutating func dropHeld() {
    guard let line = held.first?.line else { return }
    late += Int64(held.count)
    if firstLateLine == 0 { firstLateLine = line }
    if keepsLate { dropped += held }
    held.removeAll(keepingCapacity: true)
  }

  /// The late lines since the last call, where they are kept.
  mutating func takeDropped() -> [SchedEvent] {
    defer { dropped.removeAll(keepingCapacity: true) }
    return dropped
  }

  /// What was held when time fell; it goes on from ``latest``.
  mutating func takeHeld() -> [SchedEvent] {
    defer { held.removeAll(keepingCapacity: true) }
    return held
  }

  /// Begins anew; the window is empty.
  mutating func restart() {
    latestTaken = .min
    earliestTaken = .min
    latest = .min
  }

  /// The earliest time of this stretch; nil before its first event.
  var earliest: Int64? {
    if earliestTaken != .min { return earliestTaken }
    return count == 0 ? nil : window[first].time
  }

  /// Takes an event and gives back the oldest once the window is full.
  @inline(__always)
  mutating func push(_ event: SchedEvent) -> SchedEvent? {
    var at = count
    if count > 0,
      isRepeating || window[(first &+ count &- 1) & (Self.depth - 1)].time > event.time
    {
      guard let place = place(ofLate: event) else {
        isRepeating = true
        repeated += 1
        if firstRepeatedLine == 0 { firstRepeatedLine = event.line }
        return nil
      }
      isRepeating = false
      while at > place {
        window[(first &+ at) & (Self.depth - 1)] = window[(first &+ at &- 1) & (Self.depth - 1)]
        at -= 1
      }
    }
    window[(first &+ at) & (Self.depth - 1)] = event
    count += 1
    return count == Self.depth ? pop() : nil
  }

  /// The place in the window of an event that comes too late; nil when it is there already.
  private func place(ofLate event: SchedEvent) -> Int? {
    var at = count
    while at > 0 {
      let before = window[(first &+ at &- 1) & (Self.depth - 1)]
      guard before.time > event.time else { break }
      at -= 1
    }
    var same = at
    while same > 0 {
      let before = window[(first &+ same &- 1) & (Self.depth - 1)]
      guard before.time == event.time else { break }
      if before.cpu == event.cpu, before.kind == event.kind, before.tid == event.tid,
        before.nextTid == event.nextTid
      {
        return nil
      }
      same -= 1
    }
    return at
  }

  /// The oldest event; nil when there is none.
  @inline(__always)
  mutating func pop() -> SchedEvent? {
    guard count > 0 else { return nil }
    let event = window[first]
    first = (first + 1) & (Self.depth - 1)
    count -= 1
    if latestTaken == .min { earliestTaken = event.time }
    latestTaken = event.time
    return event
  }
}
