/// Cells of a line of esxtop's batch mode, by position and without copies.
///
///     "04/24/2018 10:49:17","0.78","-1",    73.1"8.93","0.00",
///
/// The fourth is of a column without a name, which esxtop neither quotes nor ends with a comma: a cell without quotes ends
/// at a comma or before a quote. A comma at the end of the line opens no cell.
struct EsxtopCells {
  /// Where the next cell begins.
  private var at: Int
  private let end: Int
  /// Cells handed out.
  private(set) var count = 0
  /// The last cell began with a quote and has no end.
  private(set) var isOpen = false
  /// The last cell has no comma behind it, though others follow.
  private(set) var isGlued = false
  /// A quote stands in the last cell, doubled.
  private(set) var hasQuotes = false

  init(_ line: Range<Int>) { (at, end) = (line.lowerBound, line.upperBound) }

  /// What stands in the next cell, without its quotes; nil at the end of the line.
  @inline(__always)
  mutating func next(_ bytes: Span<UInt8>) -> Range<Int>? {
    guard at < end else { return nil }
    count += 1
    isGlued = false
    hasQuotes = false
    let quote = UInt8(ascii: "\"")
    let comma = UInt8(ascii: ",")
    var index = at
    guard bytes[index] == quote else {
      while index < end, bytes[index] != comma, bytes[index] != quote { index += 1 }
      let cell = at..<index
      isGlued = index < end && bytes[index] == quote
      at = isGlued || index == end ? index : index + 1
      return cell
    }
    index += 1
    let first = index
    while true {
      while index < end, bytes[index] != quote { index += 1 }
      guard index + 1 < end, bytes[index + 1] == quote else { break }
      hasQuotes = true
      index += 2
    }
    let cell = first..<index
    guard index < end else {
      isOpen = true
      at = end
      return cell
    }
    index += 1
    isGlued = index < end && bytes[index] != comma
    at = isGlued || index == end ? index : index + 1
    return cell
  }

  /// Passes this many cells.
  @inline(__always)
  mutating func skip(_ number: Int, _ bytes: Span<UInt8>) {
    for _ in 0..<number where next(bytes) == nil { return }
  }
}

extension Span where Element == UInt8 {
  /// A value of esxtop as a number of hundredths: `0.78`, `-1`, `    73.1`; a third decimal is rounded. Nil for anything
  /// else.
  func signedHundredths(_ range: Range<Int>) -> Int64? {
    var at = range.lowerBound
    var end = range.upperBound
    skipBlanks(&at, end)
    while end > at, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
    let isNegative = at < end && self[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    guard let whole = decimal(&at, end), whole < 1 << 50 else { return nil }
    var value = whole * 100
    if at < end {
      guard self[at] == UInt8(ascii: ".") else { return nil }
      at += 1
      var weight: Int64 = 10
      var place = 0
      while at < end {
        let digit = Int64(self[at] &- 0x30)
        guard digit < 10 else { return nil }
        if place < 2 {
          value += digit * weight
          weight /= 10
        } else if place == 2, digit >= 5 {
          value += 1
        }
        place += 1
        at += 1
      }
    }
    return isNegative ? -value : value
  }
}
