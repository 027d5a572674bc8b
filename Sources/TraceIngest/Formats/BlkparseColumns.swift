internal import TraceModel

/// Reads lines of blkparse whose first fields stand in the columns that its format string
/// `"%3d,%-3d %2d %8d %5d.%09lu %5u %2s %3s "` gives them, eight bytes at a time:
///
///     0       8  11       20        30         41  45  49
///       8,0    0        9     0.500000000  4242  D   R 81920 + 8 [fio]
///
/// It takes a line only where ``BlkparseLine`` reads it to the same event, and leaves all others alone:
/// fields that overflow their columns, elapsed times, passthrough commands. Every load is within the
/// bytes given, checked by the standard library.
struct BlkparseColumns {
  /// Columns before the tail. No newline stands in them where ``parse(_:_:into:)`` takes the line, wherever it was
  /// told that the line ends.
  static let tail = 49

  private let general = BlkparseLine()
  /// The first eight bytes of the line before, and the device that they say; at first `  0,0   `.
  private var deviceWord: UInt64 = 0x2020_2030_2C30_2020
  private var device = DeviceNumber(rawValue: 0)
  /// The seconds of the line before with their point, and what they are in nanoseconds; at first what no line has.
  private var secondsWord = UInt64.max
  private var seconds: UInt64 = 0
  /// By the letter of an action.
  private let shapes = Shape.all
  /// Letters seen before, by the four bytes that they stand in.
  private var knownFlags = [KnownFlags](repeating: KnownFlags(), count: 64)

  private struct KnownFlags {
    var word: UInt32 = 0
    var flags: RWBS = []
  }

  /// What follows the letters of an action.
  private struct Shape {
    enum Tail {
      /// The letter is none of an action.
      case unknown
      /// `81920 + 16 [fio]`; `[fio]` for a flush.
      case blocksAndTask
      /// `81920 + 16 [0]`
      case blocksAndError
      /// `[fio]`
      case task
      /// Another form.
      case other
    }

    var action = BlockAction.message
    var tail = Tail.unknown

    static let all: [Shape] = {
      var shapes = [Shape](repeating: Shape(), count: 256)
      for letter in UInt8.min...UInt8.max {
        guard let action = BlockAction(letter: letter) else { continue }
        let tail: Tail =
          switch action {
          case .queue, .getRequest, .sleep, .insert, .issue, .backMerge, .frontMerge, .bounce:
            .blocksAndTask
          case .complete, .requeue: .blocksAndError
          case .plug: .task
          case .unplug, .unplugTimer, .split, .remap, .message: .other
          }
        shapes[Int(letter)] = Shape(action: action, tail: tail)
      }
      return shapes
    }()
  }

  /// Reads the line at these positions; false when it is not of this shape, and `event` then holds
  /// nothing of use.
  @inline(__always)
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout BlockEvent
  ) -> Bool {
    let start = line.lowerBound
    let end = line.upperBound
    guard line.count > Self.tail + 1 else { return false }
    let first = bytes.word(at: start)
    if first != deviceWord {
      guard let found = Self.device(bytes, start) else { return false }
      deviceWord = first
      device = found
    }
    let cpuTens = bytes[start + 8]
    let cpuOnes = bytes[start + 9] &- 0x30
    guard cpuOnes < 10, bytes[start + 10] == 0x20, bytes[start + 19] == 0x20 else { return false }
    guard cpuTens == 0x20 || cpuTens &- 0x30 < 10 else { return false }
    // Five columns and a point.
    let secondsWord = bytes.word(at: start + 20) << 16
    if secondsWord != self.secondsWord {
      guard secondsWord >> 56 == 0x2E,
        let seconds = Digits.rightAligned(secondsWord << 8 | 0x20_2020)
      else { return false }
      self.secondsWord = secondsWord
      self.seconds = seconds * 1_000_000_000
    }
    guard let sequence = Digits.rightAligned(bytes.word(at: start + 11)) else { return false }
    let fractionHead = bytes[start + 26] &- 0x30
    guard fractionHead < 10, let fraction = Digits.all(bytes.word(at: start + 27)),
      bytes[start + 35] == 0x20
    else { return false }

    var at = start + 36
    let pidWord = bytes.word(at: at)
    if pidWord >> 40 & 0xFF == 0x20, let pid = Digits.rightAligned(pidWord << 24 | 0x20_2020) {
      event.pid = UInt32(truncatingIfNeeded: pid)
      at += 6
    } else {
      // Numbers of six and seven digits are usual on large machines.
      bytes.skipBlanks(&at, end)
      guard let pid = bytes.decimal(&at, end), pid < 1 << 32, at + 8 < end, bytes[at] == 0x20
      else { return false }
      event.pid = UInt32(truncatingIfNeeded: pid)
      at += 1
    }
    guard at + 8 <= end else { return false }

    let rest = bytes.word(at: at)
    let shape = shapes[Int(truncatingIfNeeded: rest >> 8 & 0xFF)]
    guard rest & 0xFF == 0x20, rest >> 16 & 0xFF == 0x20, shape.tail != .unknown else {
      return false
    }
    at += 3
    let field = at
    let letters = UInt32(truncatingIfNeeded: rest >> 24)
    let slot = Int(truncatingIfNeeded: (letters &* 0x9E37_79B9) >> 26)
    if knownFlags[slot].word == letters, letters != 0 {
      event.rwbs = knownFlags[slot].flags
      at += 4
    } else {
      bytes.skipBlanks(&at, end)
      guard let flags = BlkparseLine.flags(bytes, &at, end), at < end, bytes[at] == 0x20 else {
        return false
      }
      event.rwbs = flags
      at += 1
      if at == field + 4 {
        knownFlags[slot] = KnownFlags(word: letters, flags: flags)
      }
    }

    // Else what stands there may be the next line.
    guard at - start >= Self.tail else { return false }
    event.device = device
    event.cpu = cpuTens == 0x20 ? UInt32(cpuOnes) : UInt32(cpuTens &- 0x30) * 10 + UInt32(cpuOnes)
    event.sequence = UInt32(truncatingIfNeeded: sequence)
    event.time = Int64(
      truncatingIfNeeded: seconds + UInt64(fractionHead) * 100_000_000 + fraction)
    event.action = shape.action
    event.task = TaskName()
    event.other = 0
    event.error = 0
    event.sector = -1
    event.sectors = 0
    event.isPassthrough = false
    var hasTask = true
    switch shape.tail {
    case .blocksAndTask, .blocksAndError:
      hasTask = shape.tail == .blocksAndTask
      guard at < end else { return false }
      if !hasTask || bytes[at] != UInt8(ascii: "[") {
        guard Self.blocks(bytes, &at, end, &event) else { return false }
      }
    case .task: break
    case .other, .unknown:
      bytes.skipBlanks(&at, end)
      return general.tail(bytes, &at, end, &event)
    }
    if hasTask { return Self.task(bytes, at, end, &event) }
    // `[0]`; other errors are rare.
    return at + 3 == end && bytes[at] == UInt8(ascii: "[") && bytes[at + 1] == UInt8(ascii: "0")
      && bytes[at + 2] == UInt8(ascii: "]")
  }

  /// `81920 + 16 ` up to the byte behind it.
  @inline(__always)
  private static func blocks(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at + 16 <= bytes.count else { return false }
    let sector = Digits.leading(bytes.word(at: at), bytes.word(at: at + 8))
    at += sector.count
    guard sector.count > 0, at + 4 < end, at + 19 <= bytes.count, bytes[at] == 0x20,
      bytes[at + 1] == UInt8(ascii: "+"), bytes[at + 2] == 0x20
    else { return false }
    at += 3
    let sectors = Digits.leading(bytes.word(at: at), bytes.word(at: at + 8))
    at += sectors.count
    guard sectors.count > 0, sectors.value < 1 << 32, at < end, bytes[at] == 0x20 else {
      return false
    }
    at += 1
    event.sector = Int64(truncatingIfNeeded: sector.value)
    event.sectors = UInt32(truncatingIfNeeded: sectors.value)
    return true
  }

  /// `[fio]` to the end of the line.
  @inline(__always)
  private static func task(
    _ bytes: Span<UInt8>, _ at: Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at + 1 < end, bytes[at] == UInt8(ascii: "["), bytes[end - 1] == UInt8(ascii: "]") else {
      return false
    }
    let length = end - at - 2
    guard length <= 16 else { return false }
    guard at + 17 <= bytes.count else {
      event.task = TaskName(bytes, from: at + 1, to: end - 1)
      return true
    }
    let low = bytes.word(at: at + 1)
    if length >= 8 {
      let high = bytes.word(at: at + 9)
      event.task.low = low
      // A shift by 64 gives 0.
      event.task.high = high & ~(UInt64.max << UInt64(8 * (length - 8)))
    } else {
      event.task.low = low & ~(UInt64.max << UInt64(8 * length))
    }
    return true
  }

  /// `  8,0   `: three columns, a comma, three columns from the left, a blank.
  private static func device(_ bytes: Span<UInt8>, _ start: Int) -> DeviceNumber? {
    var at = start
    let end = start + 8
    bytes.skipBlanks(&at, end)
    guard let major = bytes.decimal(&at, end), at == start + 3, bytes[at] == UInt8(ascii: ",")
    else { return nil }
    at += 1
    guard let minor = bytes.decimal(&at, end), at < end else { return nil }
    while at < end {
      guard bytes[at] == 0x20 else { return nil }
      at += 1
    }
    return DeviceNumber(major: UInt64(major), minor: UInt64(minor))
  }
}

/// Decimal numbers in words of eight characters, the first in the lowest byte.
private enum Digits {
  private static let ones: UInt64 = 0x0101_0101_0101_0101

  /// Blanks and then digits, at least one; nil for anything else.
  @inline(__always)
  static func rightAligned(_ word: UInt64) -> UInt64? {
    // Bit 4 tells digits (0x30...) from blanks (0x20).
    let digits = word >> 4 & ones
    // No blank behind a digit, and nothing in the low half of what is no digit.
    guard digits | digits << 8 == digits, digits >> 56 == 1,
      word & (ones &* 0x0F) & ~(digits &* 0x0F) == 0
    else { return nil }
    return all(word | ones &* 0x10)
  }

  /// Eight digits; nil for anything else.
  @inline(__always)
  static func all(_ word: UInt64) -> UInt64? {
    guard nonDigits(word) == 0 else { return nil }
    return value(word)
  }

  /// The number that sixteen characters begin with and how many digits it has: up to 15, and 0 when there are more
  /// or none.
  @inline(__always)
  static func leading(_ word: UInt64, _ next: UInt64) -> (value: UInt64, count: Int) {
    let others = nonDigits(word)
    if others != 0 {
      let count = others.trailingZeroBitCount >> 3
      return count == 0 ? (0, 0) : (value(padded(word, count)), count)
    }
    let behind = nonDigits(next)
    guard behind != 0 else { return (0, 0) }
    let count = behind.trailingZeroBitCount >> 3
    return count == 0
      ? (value(word), 8) : (value(word) * power(count) + value(padded(next, count)), 8 + count)
  }

  /// The first `count` characters (1...8) behind as many zeros as make it eight.
  @inline(__always)
  private static func padded(_ word: UInt64, _ count: Int) -> UInt64 {
    word << UInt64(64 - 8 * count)
      | (ones &* 0x30) & ~(UInt64.max << UInt64(64 - 8 * count))
  }

  /// The highest bit of each byte that is no digit, exact up to and with the first of them.
  @inline(__always)
  private static func nonDigits(_ word: UInt64) -> UInt64 {
    // What is above 9 reaches the eighth bit with 0x76 added, or had it; carries go to later bytes only.
    let digits = word ^ (ones &* 0x30)
    return (digits | (digits &+ ones &* 0x76)) & (ones &* 0x80)
  }

  @inline(__always)
  private static func value(_ word: UInt64) -> UInt64 {
    var value = word & (ones &* 0x0F)
    value = (value &* 2561) >> 8 & 0x00FF_00FF_00FF_00FF
    value = (value &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
    return (value &* 42_949_672_960_001) >> 32
  }

  @inline(__always)
  private static func power(_ exponent: Int) -> UInt64 {
    switch exponent {
    case 1: 10
    case 2: 100
    case 3: 1000
    case 4: 10_000
    case 5: 100_000
    case 6: 1_000_000
    case 7: 10_000_000
    default: 100_000_000
    }
  }
}
