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
    /// Time has fallen for good: the clock was set back, or another trace follows. The caller drains,
    /// restarts, and adds what was held.
    case fallen
  }

  /// Places in the window, a power of two; one fewer event is held back.
  private static let depth = 64
  /// A fall of time that no merging of buffers explains, ns: two lines of it are enough.
  private static let jump: Int64 = 1_000_000_000
  /// So many late lines without one in order between them are no late lines: the clock was set back.
  private static let fall = 64

  private var window: [SchedEvent]
  private var first = 0
  private(set) var count = 0
  private var latestTaken = Int64.min
  private var latest = Int64.min
  private var held: [SchedEvent] = []
  /// Lines that came too late.
  private(set) var late: Int64 = 0
  /// The first of them; 0: none.
  private(set) var firstLateLine: Int64 = 0

  init() { window = [SchedEvent](repeating: SchedEvent(), count: Self.depth) }

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
    if !isJump, event.time >= latestTaken {
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
    held.removeAll(keepingCapacity: true)
  }

  /// Begins anew with what was held; the window is empty.
  mutating func restart() -> [SchedEvent] {
    defer { held.removeAll(keepingCapacity: true) }
    latestTaken = .min
    latest = held.map(\.time).max() ?? .min
    return held
  }

  /// Takes an event and gives back the oldest once the window is full.
  @inline(__always)
  mutating func push(_ event: SchedEvent) -> SchedEvent? {
    var at = count
    while at > 0 {
      let before = window[(first &+ at &- 1) & (Self.depth - 1)]
      guard before.time > event.time else { break }
      window[(first &+ at) & (Self.depth - 1)] = before
      at -= 1
    }
    window[(first &+ at) & (Self.depth - 1)] = event
    count += 1
    return count == Self.depth ? pop() : nil
  }

  /// The oldest event; nil when there is none.
  @inline(__always)
  mutating func pop() -> SchedEvent? {
    guard count > 0 else { return nil }
    let event = window[first]
    first = (first + 1) & (Self.depth - 1)
    count -= 1
    latestTaken = event.time
    return event
  }
}
