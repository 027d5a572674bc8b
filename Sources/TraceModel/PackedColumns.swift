/// How the values of a packed column are kept.
public enum ColumnForm: Sendable {
  /// As they are; `Int64.min`, which stands for NULL, is as short as 0.
  case values
  /// As differences to the one before: times, lines.
  case differences
}

/// Packs rows of integers column by column, so that each value takes as few bytes as it needs.
///
/// A row of nine integers in SQLite costs some 200 ns and 30 bytes; packed it costs some 20 ns and 14
/// bytes. So what is read as a whole, and by this program only, is packed.
///
/// The bytes: 1, the version; then for each column its length in four bytes, the lowest first, and its
/// values in order, each in groups of seven bits, the lowest first, with the highest bit set in all but the
/// last. The sign is in the lowest bit.
public struct ColumnPacker: ~Copyable {
  @usableFromInline var storage: [UInt8] = []
  @usableFromInline var end = 1

  @usableFromInline static let version: UInt8 = 1

  /// Nothing packed yet.
  public init() {}

  /// What was packed.
  public var bytes: ArraySlice<UInt8> { storage[..<end] }

  /// Begins anew and keeps the memory.
  @inlinable
  public mutating func removeAll() { end = 1 }

  /// Appends a column.
  @inlinable
  @inline(__always)
  public mutating func add(_ form: ColumnForm, count: Int, _ value: (Int) -> Int64) {
    let head = end
    let start = head + 4
    // The longest number takes ten bytes.
    let most = start + 10 * count
    if most > storage.count {
      storage.append(contentsOf: repeatElement(0, count: most - storage.count))
    }
    var at = start
    var bytes = storage.mutableSpan
    bytes[0] = Self.version
    var previous: Int64 = 0
    for index in 0..<count {
      var number = value(index)
      switch form {
      case .values: number = number == .min ? 0 : number >= 0 ? number &+ 1 : number
      case .differences:
        let difference = number &- previous
        previous = number
        number = difference
      }
      var rest = UInt64(bitPattern: number &<< 1 ^ number &>> 63)
      while rest >= 0x80 {
        bytes[at] = UInt8(truncatingIfNeeded: rest) | 0x80
        rest &>>= 7
        at += 1
      }
      bytes[at] = UInt8(truncatingIfNeeded: rest)
      at += 1
    }
    let length = UInt32(truncatingIfNeeded: at - start)
    for byte in 0..<4 {
      bytes[head + byte] = UInt8(truncatingIfNeeded: length >> UInt32(8 * byte))
    }
    end = at
  }
}

/// Reads what ``ColumnPacker`` packed. The bytes come out of a file, so nothing about them is taken for
/// granted.
public struct PackedColumns: Sendable {
  private let bytes: [UInt8]
  private var columns: [Range<Int>] = []

  /// Finds the columns; nil when the bytes are not whole or of another version.
  public init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    guard bytes.first == ColumnPacker.version else { return nil }
    var at = 1
    while at < bytes.count {
      guard at + 4 <= bytes.count else { return nil }
      var length = 0
      for byte in 0..<4 { length |= Int(bytes[at + byte]) << (8 * byte) }
      at += 4
      guard at + length <= bytes.count else { return nil }
      columns.append(at..<(at + length))
      at += length
    }
  }

  /// Hands out the values of a column, in order; false when it does not have exactly so many.
  @inline(__always)
  public func unpack(
    _ column: Int, _ form: ColumnForm, count: Int, into values: inout [Int64]
  ) -> Bool {
    guard columns.indices.contains(column), count >= 0, columns[column].count >= count else {
      return false
    }
    if values.count < count {
      values.append(contentsOf: repeatElement(0, count: count - values.count))
    }
    var at = columns[column].lowerBound
    let end = columns[column].upperBound
    let bytes = bytes.span
    var target = values.mutableSpan
    var previous: Int64 = 0
    for index in 0..<count {
      guard at < end else { return false }
      // Most take one byte or two.
      var number = UInt64(bytes[at])
      at += 1
      if number >= 0x80 {
        number &= 0x7F
        var shift: UInt64 = 7
        while true {
          guard at < end, shift < 70 else { return false }
          let byte = bytes[at]
          at += 1
          number |= UInt64(byte & 0x7F) &<< shift
          if byte < 0x80 { break }
          shift += 7
        }
      }
      let value = Int64(bitPattern: number &>> 1) ^ -Int64(bitPattern: number & 1)
      switch form {
      case .values:
        target[index] = value == 0 ? .min : value > 0 || value == .min ? value &- 1 : value
      case .differences:
        previous = previous &+ value
        target[index] = previous
      }
    }
    return at == end
  }
}
