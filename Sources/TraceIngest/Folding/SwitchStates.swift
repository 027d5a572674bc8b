internal import TraceModel

/// Reads the states in which threads leave their CPU, and finds out whether they are one bit too high.
///
/// Kernels 4.15 to 4.19 made the bit from a number that counts from 1, and tools that are older than the kernel may
/// read its bits by another table. Then `S` stands for a thread that stays runnable, `D` for one that sleeps. The idle
/// task is always runnable, so its first leave decides: `R`, or `S` for shifted states.
struct SwitchStates {
  /// What becomes of an event.
  enum Decision {
    case hold
    case keep
    case shift
  }

  /// Events that are held until the idle task leaves; a host without any idle time is taken as usual.
  private static let most = 1 << 16

  private enum Phase {
    case undecided
    /// Too many were held; a leave of the idle task decides for those that follow.
    case late
    case usual
    case shifted
  }

  private var phase = Phase.undecided
  private var held: [SchedEvent] = []
  /// Switches whose state was lowered.
  private(set) var shifted: Int64 = 0
  /// The first of them; 0: none.
  private(set) var firstShiftedLine: Int64 = 0

  /// Whether states are as they are printed, so no event needs to be looked at.
  var isSettled: Bool { phase == .usual }

  /// Whether they are one bit too high.
  var isShifted: Bool { phase == .shifted }

  /// Looks at the next event; what is to be held is kept here.
  mutating func take(_ event: SchedEvent) -> Decision {
    switch phase {
    case .usual: return .keep
    case .shifted: return .shift
    case .undecided, .late: break
    }
    if event.kind == .switched, event.tid == 0, event.letter != 0 {
      phase = event.letter == UInt8(ascii: "S") ? .shifted : .usual
      return phase == .shifted ? .shift : .keep
    }
    if phase == .late { return .keep }
    if held.count < Self.most {
      held.append(event)
      return .hold
    }
    phase = .late
    return .keep
  }

  /// What is held, to be admitted now.
  mutating func release() -> [SchedEvent] {
    guard !held.isEmpty else { return [] }
    defer { held = [] }
    return phase == .shifted ? held.map { lower($0) } : held
  }

  /// The event with the state that is one bit lower.
  mutating func lower(_ event: SchedEvent) -> SchedEvent {
    guard event.kind == .switched else { return event }
    var event = event
    shifted += 1
    if firstShiftedLine == 0 { firstShiftedLine = event.line }
    event.left =
      switch event.letter {
      case UInt8(ascii: "S"): .yielded
      case UInt8(ascii: "D"): .sleeping
      case UInt8(ascii: "T"): .blocked
      case UInt8(ascii: "t"): .stopped
      // Whichever of two tables the tool has, at least one of the dead.
      case UInt8(ascii: "X"), UInt8(ascii: "x"), UInt8(ascii: "Z"), UInt8(ascii: "P"): .dead
      case UInt8(ascii: "I"), UInt8(ascii: "W"): .idle
      // The bit above all of these is a preemption; a kernel thread without work has it as well.
      case UInt8(ascii: "R"): sleepsIdle(event.name) ? .idle : .preempted
      default: event.left
      }
    return event
  }

  /// `kworker/0:1`, `rcu_sched`: threads whose usual sleep has the same letters as a preemption. To take a
  /// preemption for a sleep loses one wait; the other way round the sleep would be one.
  private func sleepsIdle(_ name: TaskName) -> Bool {
    name.low & 0xFF_FFFF_FFFF_FFFF == TaskName("kworker").low
      || name.low & 0xFF_FFFF == TaskName("rcu").low
  }
}
