/// Reading fields out of a line of bytes: a position that moves on, no copies, no Strings.
extension Span where Element == UInt8 {
  /// Moves past blanks and tabs.
  @inline(__always)
  func skipBlanks(_ position: inout Int, _ end: Int) {
    while position < end, self[position] == 0x20 || self[position] == 0x09 { position += 1 }
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
