internal import Glibc

/// Reading fields out of a line of bytes: a position that moves on, no copies, no Strings.
extension Span where Element == UInt8 {
  /// Moves past blanks and tabs.
  @inline(__always)
  func skipBlanks(_ position: inout Int, _ end: Int) {
    while position < end, self[position] == 0x20 || self[position] == 0x09 { position += 1 }
  }

  /// Moves past a terminal's escape sequences: `ESC [ ... letter`, `ESC ] ... BEL`.
  func skipEscapes(_ position: inout Int, _ end: Int) {
    while position + 1 < end, self[position] == 0x1B {
      var at = position + 2
      switch self[position + 1] {
      case UInt8(ascii: "["): while at < end, !(0x40...0x7E).contains(self[at]) { at += 1 }
      case UInt8(ascii: "]"): while at < end, self[at] != 7 { at += 1 }
      default: at -= 1
      }
      position = Swift.min(at + 1, end)
    }
  }

  /// A decimal number of at most 19 digits and its end; nil, and the position as it was, when there is
  /// no digit or the number is too large for Int64.
  @inline(__always)
  func decimal(_ position: inout Int, _ end: Int) -> Int64? {
    var index = position
    var value: UInt64 = 0
    while index < end {
      let digit = self[index] &- 0x30
      guard digit < 10 else { break }
      guard index - position < 19 else { return nil }
      value = value &* 10 &+ UInt64(digit)
      index += 1
    }
    guard index > position, value <= UInt64(Int64.max) else { return nil }
    position = index
    return Int64(truncatingIfNeeded: value)
  }

  /// As ``decimal(_:_:)`` up to the largest UInt64, which the kernel prints for "no sector".
  @inline(__always)
  func wideDecimal(_ position: inout Int, _ end: Int) -> UInt64? {
    var index = position
    var value: UInt64 = 0
    while index < end {
      let digit = self[index] &- 0x30
      guard digit < 10 else { break }
      let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = tens.addingReportingOverflow(UInt64(digit))
      guard !tooLarge, !overflow else { return nil }
      value = sum
      index += 1
    }
    guard index > position else { return nil }
    position = index
    return value
  }

  /// Eight bytes, the first in the lowest byte. Checked against the bounds.
  @inline(__always)
  func word(at position: Int) -> UInt64 {
    unsafe UInt64(
      littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// Whether these bytes stand at the position.
  @inline(__always)
  func has(_ text: StaticString, at position: Int, _ end: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position >= 0, position + count <= end, end <= self.count else { return false }
    if count >= 8 {
      // Eight bytes at a time; the last eight may overlap with those before.
      let wanted = unsafe UnsafeRawPointer(text.utf8Start)
      var offset = 0
      while true {
        let part = unsafe wanted.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        guard UInt64(littleEndian: part) == word(at: position + offset) else { return false }
        if offset + 8 == count { return true }
        offset = Swift.min(offset + 8, count - 8)
      }
    }
    return text.withUTF8Buffer { wanted in
      for offset in wanted.indices {
        if unsafe self[position + offset] != wanted[offset] { return false }
      }
      return true
    }
  }

  /// Whether these 8 to 16 bytes stand at the position, with a load of the first eight and one of the last
  /// eight, which the compiler compares with constants.
  @inline(__always)
  func stands(_ text: StaticString, at position: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    let wanted = unsafe UnsafeRawPointer(text.utf8Start)
    let first = unsafe wanted.loadUnaligned(as: UInt64.self)
    guard word(at: position) == UInt64(littleEndian: first) else { return false }
    if count == 8 { return true }
    let last = unsafe wanted.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    return word(at: position + count - 8) == UInt64(littleEndian: last)
  }

  /// Whether the first bytes of these eight stand at the position.
  @inline(__always)
  func stands(_ text: StaticString, at position: Int, only count: Int) -> Bool {
    let wanted = unsafe UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
    let difference = word(at: position) ^ UInt64(littleEndian: wanted)
    return difference &<< UInt64(64 - 8 * count) == 0
  }

  /// The number of at most eight digits that begins at the position, and how many it has; 0 when there is
  /// none. All digits at once: byte by byte took three times as long.
  @inline(__always)
  func shortDecimal(at position: Int) -> (value: UInt64, length: Int) {
    let word = word(at: position) ^ 0x3030_3030_3030_3030
    // The highest bits of a byte that is no digit are not all 0, before or after 6 is added.
    let others = (word | (word &+ 0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0
    let length = others.trailingZeroBitCount >> 3
    guard length > 0 else { return (0, 0) }
    // The digits to the upper end, zeros before them.
    var value = word &<< UInt64(64 &- 8 &* length)
    value = (value &* 2561) >> 8 & 0x00FF_00FF_00FF_00FF
    value = (value &* 6_553_601) >> 16 & 0x0000_FFFF_0000_FFFF
    value = (value &* 42_949_672_960_001) >> 32
    return (value, length)
  }

  /// Where the first newline stands.
  @inline(__always)
  func newline(from start: Int, to end: Int) -> Int? {
    guard start >= 0, start < end, end <= count else { return nil }
    return unsafe withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress,
        let found = unsafe memchr(base + start, 10, end - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
  }

  /// Where these bytes first stand between the positions.
  func find(_ text: StaticString, from start: Int, _ end: Int) -> Int? {
    var index = start
    while index + text.utf8CodeUnitCount <= end {
      if has(text, at: index, end) { return index }
      index += 1
    }
    return nil
  }

  /// The bytes between the positions as text, for people; what is not UTF-8 is replaced.
  func text(from start: Int, to end: Int) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Swift.max(0, end - start))
    var index = start
    while index < end {
      bytes.append(self[index])
      index += 1
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
