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
    guard end - start >= 64, end + 8 <= bytes.count else { return false }

    // ` [000] `
    let bracket = bytes.word(at: start + 22)
    let cpu = bracket >> 16 & 0xFF_FFFF
    guard bracket & 0x00FF_FF00_0000_FFFF == 0x0020_5D00_0000_5B20,
      cpu & 0xF0_F0F0 == 0x30_3030, (cpu &+ 0x06_0606) & 0xF0_F0F0 == 0x30_3030
    else { return false }

    // The last byte of the name, a blank, five columns of the thread.
    let middle = bytes.word(at: start + 14)
    guard middle >> 16 & 0xFF == 0x20, middle >> 8 & 0xFF > 0x20 else { return false }
    var tid: UInt64 = 0
    var columns = middle >> 24
    for _ in 0..<5 {
      let byte = columns & 0xFF
      columns >>= 8
      if byte == 0x20, tid == 0 { continue }
      guard byte &- 0x30 < 10 else { return false }
      tid = tid &* 10 &+ (byte &- 0x30)
      // ` 0 12` is two numbers.
      if tid == 0, columns & 0xFF == 0x20 { return false }
    }
    guard middle >> 56 != 0x20 else { return false }

    var at = start + 29
    while at < end, bytes[at] == 0x20 { at += 1 }
    guard let seconds = bytes.decimal(&at, end), seconds < 9_000_000_000, at < end,
      bytes[at] == UInt8(ascii: ".")
    else { return false }
    at += 1
    let fraction = bytes.word(at: at)
    if fraction >> 48 == 0x203A {
      // Six digits and `: `: microseconds.
      guard let micros = Self.digits(fraction << 16 | 0x3030) else { return false }
      event.time = seconds &* 1_000_000_000 &+ micros &* 1000
      event.resolution = 1000
      at += 8
    } else {
      // Nine digits and `: ` of --ns.
      guard at + 11 < end, let most = Self.digits(fraction), bytes[at + 8] &- 0x30 < 10,
        bytes[at + 9] == UInt8(ascii: ":"), bytes[at + 10] == 0x20
      else { return false }
      event.time =
        seconds &* 1_000_000_000 &+ most &* 10 &+ Int64(bytes[at + 8] &- 0x30)
      event.resolution = 1
      at += 11
    }

    while at < end {
      let word = bytes.word(at: at)
      let blanks = (word ^ 0x2020_2020_2020_2020).trailingZeroBitCount >> 3
      at += blanks
      if blanks < 8 { break }
    }
    // `sched:sched_`
    guard at + 16 < end, bytes.word(at: at) == 0x6373_3A64_6568_6373,
      bytes.word(at: at + 4) == 0x5F64_6568_6373_3A64
    else { return false }
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
    event.tid = UInt32(truncatingIfNeeded: tid)
    event.pid = 0
    event.cpu = Int32(
      truncatingIfNeeded: (cpu & 15) &* 100 &+ (cpu >> 8 & 15) &* 10 &+ (cpu >> 16 & 15))
    return true
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
