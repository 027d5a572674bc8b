internal import TraceModel

extension PerfScriptEnvelope {
  /// The usual line of `perf sched script`, read by its columns with wide loads:
  ///
  ///              perf 30288 [000]   900.803815:       sched:sched_switch: prev_comm=perf ...
  ///     0               16    23   29
  ///
  /// False for every other line, also where only a number overflows its column: ``parseAnywhere(_:_:into:)`` reads
  /// those, and is the judge of what this may say.
  @inline(__always)
  static func parseColumns(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool {
    let start = line.lowerBound
    let end = line.upperBound
    // Every load below begins before the line's end.
    guard end - start >= 80, end + 8 <= bytes.count else { return false }
    var head = Head()
    var seconds = Seconds()
    var at = start
    guard parseHead(bytes, &at, into: &head, &seconds), at + 16 < end else { return false }
    let name = at + 6
    at += 12
    // The first byte that is a blank or a control.
    while true {
      guard at < end else { return false }
      let word = bytes.word(at: at)
      let below =
        (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
      at += below.trailingZeroBitCount >> 3
      if below != 0 { break }
    }
    guard at < end, bytes[at] == 0x20, bytes[at - 1] == UInt8(ascii: ":") else { return false }

    var first = start
    while bytes[first] == 0x20 { first += 1 }
    guard first < start + 16, bytes[first] != 0x09 else { return false }
    event.task = first..<(start + 16)
    event.event = name..<(at - 1)
    var last = end
    bytes.skipBlanks(&at, end)
    bytes.skipBlanksBack(&last, at)
    event.payload = at..<last
    event.time = head.time
    event.resolution = head.resolution
    event.tid = head.tid
    event.pid = 0
    event.cpu = head.cpu
    return true
  }

  /// What stands before the payload, but for the name.
  struct Head {
    var time: Int64 = 0
    var tid: UInt32 = 0
    var cpu: Int32 = 0
    var resolution: Int32 = 0

    init() {}
  }

  /// Where the seconds of the line before stood, and which they were: those of the next are mostly the same.
  struct Seconds {
    /// Where the point behind them stood, from the line's start; 0: in no usual column.
    var point = 0
    /// The eight bytes that end with it.
    var word: UInt64 = 0
    var value: Int64 = 0

    init() {}
  }

  /// Reads a line up to `sched:sched_`, to which the position moves. No load ends more than
  /// 104 bytes behind the line's start, or 8 bytes behind its newline.
  @inline(__always)
  static func parseHead(
    _ bytes: Span<UInt8>, _ position: inout Int, into head: inout Head, _ known: inout Seconds
  ) -> Bool {
    let start = position
    let bracket = bytes.word(at: start + 22)
    var at: Int
    let seconds: Int64
    if known.point != 0, bytes.word(at: start + known.point - 7) == known.word,
      let tid = thread(bytes.word(at: start + 15)), isCPU(bracket)
    {
      head.tid = tid
      head.cpu = cpu(bracket)
      seconds = known.value
      at = start + known.point
    } else {
      at = start
      guard let found = parseAnyHead(bytes, &at, into: &head) else { return false }
      seconds = found
      // In front of the eight bytes stands nothing but the bracket.
      let point = at - start
      known = Seconds()
      if isCPU(bracket), (34...36).contains(point) {
        known.point = point
        known.word = bytes.word(at: at - 7)
        known.value = seconds
      }
    }
    guard bytes[at] == UInt8(ascii: ".") else { return false }
    at += 1
    let fraction = bytes.word(at: at)
    if fraction >> 48 == 0x203A {
      // Six digits and `: `: microseconds.
      guard let micros = Self.digits(fraction << 16 | 0x3030) else { return false }
      head.time = seconds &* 1_000_000_000 &+ micros &* 1000
      head.resolution = 1000
      at += 8
    } else {
      // Nine digits and `: ` of --ns.
      guard let most = Self.digits(fraction), bytes[at + 8] &- 0x30 < 10,
        bytes[at + 9] == UInt8(ascii: ":"), bytes[at + 10] == 0x20
      else { return false }
      head.time = seconds &* 1_000_000_000 &+ most &* 10 &+ Int64(bytes[at + 8] &- 0x30)
      head.resolution = 1
      at += 11
    }

    // The names of events are padded to the longest.
    for _ in 0..<3 {
      let blanks = (bytes.word(at: at) ^ 0x2020_2020_2020_2020).trailingZeroBitCount >> 3
      at += blanks
      if blanks < 8 { break }
    }
    guard bytes.stands("sched:sched_", at: at) else { return false }
    position = at
    return true
  }

  /// As ``parseHead(_:_:into:_:)`` up to the point of the seconds, whatever the columns; returns the seconds.
  private static func parseAnyHead(
    _ bytes: Span<UInt8>, _ position: inout Int, into head: inout Head
  ) -> Int64? {
    // The last byte of the name, a blank, at least five columns of the thread.
    let start = position
    guard bytes[start + 16] == 0x20, bytes[start + 15] > 0x20 else { return nil }
    let blanks = (bytes.word(at: start + 17) ^ 0x2020_2020_2020_2020).trailingZeroBitCount >> 3
    guard blanks < 5 else { return nil }
    let (tid, length) = bytes.shortDecimal(at: start + 17 + blanks)
    guard blanks == 0 ? length >= 5 : blanks + length == 5 else { return nil }
    var at = start + 17 + blanks + length

    let bracket = bytes.word(at: at)
    guard isCPU(bracket) else { return nil }
    at += 7

    let padding = (bytes.word(at: at) ^ 0x2020_2020_2020_2020).trailingZeroBitCount >> 3
    at += padding
    let (number, digits) = bytes.shortDecimal(at: at)
    var seconds = Int64(truncatingIfNeeded: number)
    if digits == 8 {
      // Seconds since 1970, or 115 days after the start.
      guard let long = bytes.decimal(&at, at + 11), long < Stamp.mostSeconds else { return nil }
      seconds = long
    } else {
      guard digits > 0 else { return nil }
      at += digits
    }
    head.tid = UInt32(truncatingIfNeeded: tid)
    head.cpu = cpu(bracket)
    position = at
    return seconds
  }

  /// ` [000] `
  @inline(__always)
  private static func isCPU(_ word: UInt64) -> Bool {
    let cpu = word >> 16 & 0xFF_FFFF
    return word & 0x00FF_FF00_0000_FFFF == 0x0020_5D00_0000_5B20
      && cpu & 0xF0_F0F0 == 0x30_3030 && (cpu &+ 0x06_0606) & 0xF0_F0F0 == 0x30_3030
  }

  @inline(__always)
  private static func cpu(_ word: UInt64) -> Int32 {
    Int32(
      truncatingIfNeeded: (word >> 16 & 15) &* 100 &+ (word >> 24 & 15) &* 10 &+ (word >> 32 & 15))
  }

  /// `f 30288 `: the last byte of a name, and a thread in five columns; nil for anything else.
  @inline(__always)
  private static func thread(_ word: UInt64) -> UInt32? {
    let five = word >> 16 & 0xFF_FFFF_FFFF
    let isDigit = five >> 4 & 0x01_0101_0101
    let low = five & 0x0F_0F0F_0F0F
    // Blanks, then digits, at least one.
    guard word & 0xFF > 0x20, word & 0xFF00_0000_0000_FF00 == 0x2000_0000_0000_2000,
      five & 0xF0_F0F0_F0F0 == 0x20_2020_2020 | isDigit << 4,
      (isDigit | isDigit << 8) & 0x01_0101_0101 == isDigit, isDigit >> 32 == 1,
      low & ~(isDigit &* 15) == 0, (low &+ 0x06_0606_0606) & 0xF0_F0F0_F0F0 == 0
    else { return nil }
    var value = low << 24
    value = (value &* 2561) >> 8 & 0x00FF_00FF_00FF_00FF
    value = (value &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
    value = (value &* 42_949_672_960_001) >> 32
    return UInt32(truncatingIfNeeded: value)
  }

  /// Eight digits, the first in the lowest byte; nil when one is none.
  @inline(__always)
  private static func digits(_ word: UInt64) -> Int64? {
    guard word & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030,
      (word &+ 0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030
    else { return nil }
    var value = word & 0x0F0F_0F0F_0F0F_0F0F
    value = (value &* 2561) >> 8 & 0x00FF_00FF_00FF_00FF
    value = (value &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
    value = (value &* 42_949_672_960_001) >> 32
    return Int64(truncatingIfNeeded: value)
  }
}
