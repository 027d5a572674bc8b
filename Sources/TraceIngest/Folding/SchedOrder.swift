/// Puts scheduler events into the order of their times.
///
/// perf merges the buffers of the CPUs in rounds and ftrace by its head entries: a line may stand some
/// places too late. A window is held back and sorted on arrival; in order, as nearly always, an event
/// costs one comparison.
struct SchedOrder {
  /// What an event means for those before it.
  enum Arrival {
    case inOrder
    /// It belongs before one that was already folded.
    case late
    /// Time fell for good: another trace follows. The caller drains, restarts, and adds both.
    case newTrace(SchedEvent)
  }

  /// Places in the window, a power of two; one fewer event is held back.
  private static let depth = 64
  /// A fall of time that no merging of buffers explains.
  private static let jump: Int64 = 1_000_000_000

  private var window: [SchedEvent]
  private var first = 0
  private(set) var count = 0
  private var latestTaken = Int64.min
  private var latest = Int64.min
  /// An event from far before; the next one tells whether it is a stray or the first of another trace.
  private var stray: SchedEvent?

  init() { window = [SchedEvent](repeating: SchedEvent(), count: Self.depth) }

  /// Where an event belongs. It is not taken yet, unless it is late.
  @inline(__always)
  mutating func arrival(of event: SchedEvent) -> Arrival {
    if event.time >= latest {
      latest = event.time
      if stray != nil { stray = nil }
      return .inOrder
    }
    return fall(event)
  }

  private mutating func fall(_ event: SchedEvent) -> Arrival {
    if event.time < latest - Self.jump {
      if let held = stray {
        stray = nil
        return .newTrace(held)
      }
      stray = event
      return .late
    }
    stray = nil
    return event.time < latestTaken ? .late : .inOrder
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

  /// Begins anew for another trace; the window is empty.
  mutating func restart() {
    latestTaken = .min
    latest = .min
  }
}
