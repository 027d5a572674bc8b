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
  private let general = BlkparseLine()
  /// The first eight bytes of the line before, and the device that they say.
  private var deviceWord: UInt64 = 0
  private var device = DeviceNumber(rawValue: 0)
  /// Letters seen before, by the four bytes that they stand in.
  private var knownFlags = [KnownFlags](repeating: KnownFlags(), count: 64)

  private struct KnownFlags {
    var word: UInt32 = 0
    var flags: RWBS = []
  }

  /// Reads the line at these positions; false when it is not of this shape, and `event` then holds
  /// nothing of use.
  @inline(__always)
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout BlockEvent
  ) -> Bool {
    let start = line.lowerBound
    let end = line.upperBound
    guard line.count >= 51 else { return false }
    let raw = unsafe bytes.bytes
    @inline(__always) func word(_ at: Int) -> UInt64 {
      unsafe UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    let first = word(start)
    if first != deviceWord {
      guard let found = Self.device(bytes, start) else { return false }
      deviceWord = first
      device = found
    }
    let cpuTens = bytes[start + 8]
    let cpuOnes = bytes[start + 9] &- 0x30
    guard cpuOnes < 10, bytes[start + 10] == 0x20, bytes[start + 19] == 0x20 else { return false }
    guard cpuTens == 0x20 || cpuTens &- 0x30 < 10 else { return false }
    let secondsWord = word(start + 20)
    guard let sequence = Digits.rightAligned(word(start + 11)),
      // Five columns, moved to the end of eight.
      let seconds = Digits.rightAligned(secondsWord << 24 | 0x20_2020),
      secondsWord >> 40 & 0xFF == 0x2E
    else { return false }
    let fractionHead = bytes[start + 26] &- 0x30
    guard fractionHead < 10, let fraction = Digits.all(word(start + 27)),
      bytes[start + 35] == 0x20
    else { return false }

    var at = start + 36
    let pidWord = word(at)
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

    let rest = word(at)
    guard rest & 0xFF == 0x20, rest >> 16 & 0xFF == 0x20,
      let action = Self.action(UInt8(truncatingIfNeeded: rest >> 8))
    else { return false }
    at += 3
    let field = at
    let letters = UInt32(truncatingIfNeeded: rest >> 24)
    let slot = Int(truncatingIfNeeded: (letters &* 0x9E37_79B9) >> 26)
    if knownFlags[slot].word == letters {
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

    event.device = device
    event.cpu = cpuTens == 0x20 ? UInt32(cpuOnes) : UInt32(cpuTens &- 0x30) * 10 + UInt32(cpuOnes)
    event.sequence = UInt32(truncatingIfNeeded: sequence)
    event.time = Int64(
      truncatingIfNeeded: seconds * 1_000_000_000 + UInt64(fractionHead) * 100_000_000 + fraction)
    event.action = action
    event.task = TaskName()
    event.other = 0
    event.error = 0
    event.sector = -1
    event.sectors = 0
    event.isPassthrough = false
    switch action {
    case .queue, .getRequest, .sleep, .insert, .issue, .backMerge, .frontMerge, .bounce:
      guard at < end else { return false }
      if bytes[at] != UInt8(ascii: "[") {
        guard extent(bytes, raw, &at, end, &event) else { return false }
      }
      return task(bytes, raw, at, end, &event)
    case .complete, .requeue:
      // `81920 + 16 [0]`; other errors are rare.
      return extent(bytes, raw, &at, end, &event) && at + 3 == end && bytes[at] == UInt8(ascii: "[")
        && bytes[at + 1] == UInt8(ascii: "0") && bytes[at + 2] == UInt8(ascii: "]")
    case .plug: return task(bytes, raw, at, end, &event)
    case .unplug, .unplugTimer, .split, .remap, .message:
      bytes.skipBlanks(&at, end)
      return general.tail(bytes, &at, end, &event)
    }
  }

  /// `81920 + 16 ` up to the byte behind it.
  @inline(__always)
  private func extent(
    _ bytes: Span<UInt8>, _ raw: RawSpan, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard let sector = Digits.leading(bytes, raw, &at, end), at + 4 < end,
      bytes[at] == 0x20, bytes[at + 1] == UInt8(ascii: "+"), bytes[at + 2] == 0x20
    else { return false }
    at += 3
    guard let sectors = Digits.leading(bytes, raw, &at, end), sectors < 1 << 32, at < end,
      bytes[at] == 0x20
    else { return false }
    at += 1
    event.sector = Int64(truncatingIfNeeded: sector)
    event.sectors = UInt32(truncatingIfNeeded: sectors)
    return true
  }

  /// `[fio]` to the end of the line.
  @inline(__always)
  private func task(
    _ bytes: Span<UInt8>, _ raw: RawSpan, _ at: Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at + 1 < end, bytes[at] == UInt8(ascii: "["), bytes[end - 1] == UInt8(ascii: "]") else {
      return false
    }
    let length = end - at - 2
    guard length <= 16, at + 17 <= bytes.count else {
      event.task = TaskName(bytes, from: at + 1, to: end - 1)
      return true
    }
    let low = unsafe UInt64(
      littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at + 1, as: UInt64.self))
    if length >= 8 {
      let high = unsafe UInt64(
        littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at + 9, as: UInt64.self))
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

  @inline(__always)
  private static func action(_ letter: UInt8) -> BlockAction? {
    switch letter {
    case UInt8(ascii: "Q"): .queue
    case UInt8(ascii: "G"): .getRequest
    case UInt8(ascii: "I"): .insert
    case UInt8(ascii: "D"): .issue
    case UInt8(ascii: "C"): .complete
    case UInt8(ascii: "P"): .plug
    case UInt8(ascii: "U"): .unplug
    case UInt8(ascii: "M"): .backMerge
    case UInt8(ascii: "F"): .frontMerge
    case UInt8(ascii: "A"): .remap
    case UInt8(ascii: "X"): .split
    case UInt8(ascii: "R"): .requeue
    case UInt8(ascii: "S"): .sleep
    case UInt8(ascii: "B"): .bounce
    case UInt8(ascii: "m"): .message
    default: nil
    }
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

  /// Up to 15 digits, the position then being behind them; nil when there are more, or none, or when fewer than 16
  /// bytes can be loaded.
  @inline(__always)
  static func leading(
    _ bytes: Span<UInt8>, _ raw: RawSpan, _ at: inout Int, _ end: Int
  ) -> UInt64? {
    guard at + 16 <= bytes.count, at < end else { return nil }
    let word = unsafe UInt64(
      littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
    let others = nonDigits(word)
    if others != 0 {
      let count = others.trailingZeroBitCount >> 3
      guard count > 0, at + count <= end else { return nil }
      at += count
      return value(padded(word, count))
    }
    let next = unsafe UInt64(
      littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: at + 8, as: UInt64.self))
    let behind = nonDigits(next)
    guard behind != 0 else { return nil }
    let count = behind.trailingZeroBitCount >> 3
    guard at + 8 + count <= end else { return nil }
    at += 8 + count
    return count == 0 ? value(word) : value(word) * power(count) + value(padded(next, count))
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
    // Without carries between bytes: the seven low bits plus 0x46 overflow into the eighth above '9';
    // with 0x50 they do not below '0'.
    let low = word & (ones &* 0x7F)
    let above = low &+ ones &* 0x46
    let notBelow = low &+ ones &* 0x50
    return (above | ~notBelow | word) & (ones &* 0x80)
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
