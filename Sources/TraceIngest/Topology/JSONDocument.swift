internal import TraceModel

/// A value of a JSON text, with the line an object begins in.
indirect enum JSONValue {
  case null
  case bool(Bool)
  case integer(Int64)
  /// A number with decimal places, also in hundredths; nil for one with more than two of them, an exponent, or too large.
  case decimal(Double, hundredths: Int64?)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)], line: Int64)

  /// A member of an object; the first of that name.
  subscript(_ key: String) -> JSONValue? {
    guard case .object(let members, _) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A number, or one that older tools wrote as a string (`lsblk` before 2.33).
  var integer: Int64? {
    switch self {
    case .integer(let value): value
    case .string(let text): Int64(text)
    default: nil
    }
  }

  /// A number in hundredths.
  var hundredths: Int64? {
    switch self {
    case .decimal(_, let hundredths): hundredths
    case .integer(let value) where value.magnitude < 1 << 56: value * 100
    default: nil
    }
  }

  /// Any number.
  var number: Double? {
    switch self {
    case .decimal(let value, _): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  var line: Int64? {
    guard case .object(_, let line) = self else { return nil }
    return line
  }
}

/// Reads JSON texts (RFC 8259) that stand one behind the other. No number type but Int64; a limit of depth
/// and of the number of values.
struct JSONParser {
  private var at: Int
  private let end: Int
  private(set) var line: Int64 = 1
  private static let deepest = 64
  /// More values than this are no description of a machine; each takes some 100 bytes.
  private static let most = 1 << 22
  private var count = 0

  init(_ range: Range<Int>) {
    at = range.lowerBound
    end = range.upperBound
  }

  /// Where the next value begins, or what stands in its place; nil at the end of the text.
  mutating func begin(_ bytes: Span<UInt8>) -> Int? {
    skipBlanks(bytes)
    return at < end ? at : nil
  }

  /// Goes on at a later position of the same line.
  mutating func skip(to position: Int) { at = min(max(at, position), end) }

  /// The next value; nil at the end of the text. Throws where the text is none.
  mutating func next(_ bytes: Span<UInt8>) throws(ParseError) -> JSONValue? {
    skipBlanks(bytes)
    guard at < end else { return nil }
    return try value(bytes, depth: 0)
  }

  private mutating func skipBlanks(_ bytes: Span<UInt8>) {
    while at < end {
      switch bytes[at] {
      case 10:
        line += 1
        at += 1
      case 0x20, 0x09, 13, 0: at += 1
      default: return
      }
    }
  }

  private func complaint(_ kind: ProblemKind = .malformedTail) -> ParseError {
    ParseError(at >= end ? .truncatedLine : kind, column: at + 1)
  }

  private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(ParseError) -> JSONValue {
    count += 1
    guard depth < Self.deepest, count <= Self.most, at < end else { throw complaint() }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object(bytes, depth: depth)
    case UInt8(ascii: "["): return try array(bytes, depth: depth)
    case UInt8(ascii: "\""): return .string(try string(bytes))
    case UInt8(ascii: "t"): return try word("true", .bool(true), bytes)
    case UInt8(ascii: "f"): return try word("false", .bool(false), bytes)
    case UInt8(ascii: "n"): return try word("null", .null, bytes)
    default: return try number(bytes)
    }
  }

  private mutating func word(
    _ text: StaticString, _ value: JSONValue, _ bytes: Span<UInt8>
  ) throws(ParseError) -> JSONValue {
    guard bytes.has(text, at: at, end) else { throw complaint() }
    at += text.utf8CodeUnitCount
    return value
  }

  private mutating func number(_ bytes: Span<UInt8>) throws(ParseError) -> JSONValue {
    let start = at
    let isNegative = bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let digits = at
    let value = bytes.decimal(&at, end)
    var isInteger = value != nil
    while at < end {
      switch bytes[at] {
      case 0x30...0x39, UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"),
        UInt8(ascii: "+"), UInt8(ascii: "-"):
        isInteger = false
        at += 1
        continue
      default: break
      }
      break
    }
    guard at > digits, bytes[digits] &- 0x30 < 10 else {
      at = start
      throw complaint(.malformedNumber)
    }
    guard isInteger, let value else {
      guard let number = Double(bytes.text(from: start, to: at)), number.isFinite else {
        throw complaint(.malformedNumber)
      }
      return .decimal(
        number, hundredths: bytes.hundredths(digits..<at).map { isNegative ? -$0 : $0 })
    }
    return .integer(isNegative ? -value : value)
  }

  private mutating func string(_ bytes: Span<UInt8>) throws(ParseError) -> String {
    at += 1
    var text: [UInt8] = []
    while at < end, bytes[at] != UInt8(ascii: "\"") {
      if bytes[at] == 10 { line += 1 }
      guard bytes[at] == UInt8(ascii: "\\") else {
        text.append(bytes[at])
        at += 1
        continue
      }
      at += 1
      guard at < end else { throw complaint() }
      switch bytes[at] {
      case UInt8(ascii: "n"): text.append(10)
      case UInt8(ascii: "t"): text.append(9)
      case UInt8(ascii: "r"): text.append(13)
      case UInt8(ascii: "b"): text.append(8)
      case UInt8(ascii: "f"): text.append(12)
      case UInt8(ascii: "u"):
        guard var scalar = hexadecimal(bytes, at + 1) else { throw complaint() }
        at += 4
        // A surrogate pair; half of one becomes the replacement character.
        if scalar & 0xFC00 == 0xD800, bytes.has("\\u", at: at + 1, end),
          let low = hexadecimal(bytes, at + 3), low & 0xFC00 == 0xDC00
        {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
          at += 6
        }
        text.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
      default: text.append(bytes[at])
      }
      at += 1
    }
    guard at < end else { throw complaint() }
    at += 1
    return String(decoding: text, as: UTF8.self)
  }

  private func hexadecimal(_ bytes: Span<UInt8>, _ start: Int) -> UInt32? {
    guard start + 4 <= end else { return nil }
    var value: UInt32 = 0
    for index in start..<start + 4 {
      let byte = bytes[index]
      let digit: UInt8
      if byte &- 0x30 < 10 {
        digit = byte &- 0x30
      } else if (byte | 0x20) &- 0x61 < 6 {
        digit = (byte | 0x20) &- 0x61 + 10
      } else {
        return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private mutating func array(_ bytes: Span<UInt8>, depth: Int) throws(ParseError) -> JSONValue {
    at += 1
    var elements: [JSONValue] = []
    skipBlanks(bytes)
    while at < end, bytes[at] != UInt8(ascii: "]") {
      elements.append(try value(bytes, depth: depth + 1))
      try separate(bytes, before: UInt8(ascii: "]"))
    }
    guard at < end else { throw complaint() }
    at += 1
    return .array(elements)
  }

  private mutating func object(_ bytes: Span<UInt8>, depth: Int) throws(ParseError) -> JSONValue {
    let beginning = line
    at += 1
    var members: [(key: String, value: JSONValue)] = []
    skipBlanks(bytes)
    while at < end, bytes[at] != UInt8(ascii: "}") {
      guard bytes[at] == UInt8(ascii: "\"") else { throw complaint() }
      let key = try string(bytes)
      skipBlanks(bytes)
      guard at < end, bytes[at] == UInt8(ascii: ":") else { throw complaint() }
      at += 1
      skipBlanks(bytes)
      members.append((key, try value(bytes, depth: depth + 1)))
      try separate(bytes, before: UInt8(ascii: "}"))
    }
    guard at < end else { throw complaint() }
    at += 1
    return .object(members, line: beginning)
  }

  /// A comma, or the bracket that closes.
  private mutating func separate(_ bytes: Span<UInt8>, before close: UInt8) throws(ParseError) {
    skipBlanks(bytes)
    guard at < end else { throw complaint() }
    if bytes[at] == UInt8(ascii: ",") {
      at += 1
      skipBlanks(bytes)
      guard at < end, bytes[at] != close else { throw complaint() }
    } else if bytes[at] != close {
      throw complaint()
    }
  }
}
