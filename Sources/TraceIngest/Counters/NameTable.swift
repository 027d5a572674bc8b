/// Numbers for names that come again and again: no String is made for a name that is known.
struct NameTable {
  private var entries: [(name: [UInt8], value: Int32, next: Int32)] = []
  private var firstByHash: [UInt64: Int32] = [:]

  /// The number of the name between the positions; nil when it has none yet.
  func value(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int32? {
    var index = firstByHash[Self.hash(bytes, start, end)] ?? -1
    while index >= 0 {
      let entry = entries[Int(index)]
      if Self.isSame(entry.name, bytes, start, end) { return entry.value }
      index = entry.next
    }
    return nil
  }

  /// Gives a name that has none a number.
  mutating func insert(_ value: Int32, for bytes: Span<UInt8>, from start: Int, to end: Int) {
    var name: [UInt8] = []
    for index in start..<end { name.append(bytes[index]) }
    let hash = Self.hash(bytes, start, end)
    entries.append((name, value, firstByHash[hash] ?? -1))
    firstByHash[hash] = Int32(entries.count - 1)
  }

  /// FNV-1a.
  private static func hash(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in start..<end { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
    return hash
  }

  private static func isSame(
    _ name: [UInt8], _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> Bool {
    guard name.count == end - start else { return false }
    for offset in name.indices where name[offset] != bytes[start + offset] { return false }
    return true
  }
}

/// The fields of a line that blanks part.
struct Fields {
  /// The line they were cut from.
  private(set) var ranges: [Range<Int>] = []

  var count: Int { ranges.count }
  subscript(_ index: Int) -> Range<Int> { ranges[index] }

  /// Cuts the bytes between the positions.
  mutating func cut(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
    ranges.removeAll(keepingCapacity: true)
    var at = start
    while true {
      bytes.skipBlanks(&at, end)
      guard at < end else { return }
      let from = at
      while at < end, bytes[at] != 0x20, bytes[at] != 0x09 { at += 1 }
      ranges.append(from..<at)
    }
  }
}

extension Span where Element == UInt8 {
  /// The whole of these bytes as a number up to Int64.max; nil when they are anything else.
  func wholeNumber(_ range: Range<Int>) -> Int64? {
    var at = range.lowerBound
    guard let value = decimal(&at, range.upperBound), at == range.upperBound else { return nil }
    return value
  }

  /// Whether these bytes are exactly that text.
  func equals(_ text: StaticString, _ range: Range<Int>) -> Bool {
    range.count == text.utf8CodeUnitCount && has(text, at: range.lowerBound, range.upperBound)
  }

  /// Whether all of these bytes are digits, and there are some.
  func isNumber(_ range: Range<Int>) -> Bool {
    for index in range where self[index] &- 0x30 > 9 { return false }
    return !range.isEmpty
  }

  /// `2292.29` as a number of hundredths; also `2292` and `2292.3`, and with a comma where tools follow the language. nil
  /// for anything else.
  func hundredths(_ range: Range<Int>, orWithComma hasComma: Bool = false) -> Int64? {
    var at = range.lowerBound
    let end = range.upperBound
    guard let whole = decimal(&at, end), whole < 1 << 56 else { return nil }
    guard at < end else { return whole * 100 }
    guard self[at] == UInt8(ascii: ".") || hasComma && self[at] == UInt8(ascii: ",") else {
      return nil
    }
    at += 1
    let start = at
    guard let part = decimal(&at, end), at == end, at - start <= 2 else { return nil }
    return whole * 100 + (at - start == 1 ? part * 10 : part)
  }
}
