/// Remembers some events of a trace, to tell whether those behind a fall of time are the same once more: a text that
/// was appended to itself (`>>`), or others.
///
/// Which events are remembered depends on what they are, so that a repetition has the same ones. When there are too
/// many, every other one is forgotten: memory does not follow the trace.
struct SeenEvents<Event> {
  /// What an event was: made of all that tells it from others, its time first.
  struct Mark {
    fileprivate let bits: UInt64

    @inline(__always)
    init(time: Int64, _ first: UInt64, _ second: UInt64) {
      let mixed =
        UInt64(bitPattern: time) &* 0x9E37_79B9_7F4A_7C15 ^ first &* 0xC2B2_AE3D_27D4_EB4F
        ^ second &* 0x1656_67B1_9E37_79F9
      bits = mixed ^ mixed >> 32
    }
  }

  /// What follows a fall of time.
  enum Verdict {
    /// The same events once more; these are not held any more.
    case repetition
    /// Others, which were held, and whether they are enough to be sure.
    case others([Event], areMany: Bool)
  }

  /// Marks that are kept.
  private static var most: Int { 4096 }
  /// So many marks make it clear what they are.
  private static var enough: Int { 16 }
  /// Events that are held until it is clear.
  private static var mostHeld: Int { 1 << 18 }

  private var marks: [UInt64] = []
  /// Marks are kept that have none of these bits.
  private var mask: UInt64 = 0
  /// The marks, while they are looked up.
  private var known: Set<UInt64> = []
  private var repeated = 0
  private var strange = 0
  private var held: [Event] = []
  /// Whether events are looked up.
  private(set) var isComparing = false
  /// Whether those that are looked up are clearly a repetition.
  private var isRepetition = false
  /// Events that were looked up since ``beginComparing``.
  private(set) var compared: Int64 = 0

  /// Remembers an event.
  @inline(__always)
  mutating func note(_ mark: Mark) {
    if mark.bits & mask == 0 { remember(mark) }
  }

  private mutating func remember(_ mark: Mark) {
    marks.append(mark.bits)
    while marks.count >= Self.most, mask != .max {
      mask = mask << 1 | 1
      marks.removeAll { $0 & mask != 0 }
    }
  }

  /// Time has fallen: what follows is to be looked up.
  mutating func beginComparing() {
    known = Set(marks)
    (repeated, strange, compared) = (0, 0, 0)
    (isComparing, isRepetition) = (true, false)
  }

  /// Looks up an event that follows a fall of time; true when it is clear that it and those before it are others.
  mutating func compare(_ event: Event, _ mark: Mark) -> Bool {
    compared += 1
    if isRepetition { return false }
    held.append(event)
    if mark.bits & mask == 0 {
      if known.contains(mark.bits) { repeated += 1 } else { strange += 1 }
      if repeated + strange >= Self.enough { isRepetition = mostAreKnown }
    }
    if isRepetition { held = [] }
    return !isRepetition && (repeated + strange >= Self.enough || held.count >= Self.mostHeld)
  }

  /// Some lines of a repetition may be strange: those that came too late to be remembered.
  private var mostAreKnown: Bool { repeated > 0 && repeated >= 9 * strange }

  /// What those that were looked up are.
  mutating func endComparing() -> Verdict {
    defer { (known, held, isComparing) = ([], [], false) }
    return mostAreKnown
      ? .repetition : .others(held, areMany: repeated + strange >= Self.enough)
  }
}
