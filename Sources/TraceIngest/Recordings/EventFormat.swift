internal import TraceModel

/// Numbers in records, in the byte order of the machine that wrote them. All loads are checked against the bounds.
extension Span where Element == UInt8 {
  @inline(__always)
  func load16(at position: Int, _ swapped: Bool) -> UInt16 {
    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt16.self)
    return swapped ? UInt16(bigEndian: value) : UInt16(littleEndian: value)
  }

  @inline(__always)
  func load32(at position: Int, _ swapped: Bool) -> UInt32 {
    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self)
    return swapped ? UInt32(bigEndian: value) : UInt32(littleEndian: value)
  }

  @inline(__always)
  func load64(at position: Int, _ swapped: Bool) -> UInt64 {
    let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
    return swapped ? UInt64(bigEndian: value) : UInt64(littleEndian: value)
  }

  /// Where the first zero byte stands; `end` when there is none.
  @inline(__always)
  func zero(from start: Int, _ end: Int) -> Int {
    var at = start
    while at < end, self[at] != 0 { at += 1 }
    return at
  }
}

/// A field of a tracepoint's record.
struct EventField {
  /// How the field holds its value.
  enum Shape {
    /// In its place: a number, or characters.
    case plain
    /// In its place stand, in 16 bits each, the position from the record's beginning, and the length.
    case located
    /// The same, the position from the field's end.
    case relative
  }

  var offset = 0
  var size = 0
  var isSigned = false
  var shape = Shape.plain

  /// Bytes that a record needs for it.
  var end: Int { offset + size }

  /// The number in the record that begins at `record`; 0 for a size that no number has. The record has the field.
  @inline(__always)
  func integer(_ bytes: Span<UInt8>, _ record: Int, _ swapped: Bool) -> Int64 {
    let at = record + offset
    switch size {
    case 4:
      let value = bytes.load32(at: at, swapped)
      return isSigned ? Int64(Int32(bitPattern: value)) : Int64(value)
    case 8: return Int64(bitPattern: bytes.load64(at: at, swapped))
    case 2:
      let value = bytes.load16(at: at, swapped)
      return isSigned ? Int64(Int16(bitPattern: value)) : Int64(value)
    case 1: return isSigned ? Int64(Int8(bitPattern: bytes[at])) : Int64(bytes[at])
    default: return 0
    }
  }

  /// Where its characters stand, without the zero that ends them; nil when they are not within the record.
  @inline(__always)
  func text(_ bytes: Span<UInt8>, _ record: Int, _ length: Int, _ swapped: Bool) -> Range<Int>? {
    var from = record + offset
    var to = from + size
    if shape == .plain {
      // `char buf[]`, to the end of the record.
      if size == 0 { to = record + length }
    } else {
      let place = bytes.load32(at: from, swapped)
      from = Int(place & 0xFFFF) + (shape == .located ? record : from + 4)
      to = from + Int(place >> 16)
    }
    guard from <= to, to <= record + length else { return nil }
    return from..<bytes.zero(from: from, to)
  }

  /// A task's name.
  @inline(__always)
  func name(_ bytes: Span<UInt8>, _ record: Int, _ length: Int, _ swapped: Bool) -> TaskName? {
    if shape == .plain, size == 16 {
      // What stands behind the zero is rubbish.
      var name = TaskName()
      name.low = bytes.word(at: record + offset)
      let zeros = Self.zeros(name.low)
      if zeros != 0 {
        name.low &= (zeros & (0 &- zeros)) >> 7 &- 1
      } else {
        name.high = bytes.word(at: record + offset + 8)
        let zeros = Self.zeros(name.high)
        if zeros != 0 { name.high &= (zeros & (0 &- zeros)) >> 7 &- 1 }
      }
      return name
    }
    return text(bytes, record, length, swapped).map {
      TaskName(bytes, from: $0.lowerBound, to: $0.upperBound)
    }
  }

  /// The highest bit of each zero byte, as far as the first of them.
  @inline(__always)
  private static func zeros(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }
}

/// The format of a tracepoint as `events/SYSTEM/EVENT/format` of tracefs has it, and as perf and trace-cmd put it into
/// their files:
///
///     name: sched_switch
///     ID: 372
///     format:
///     	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
///     	...
///     print fmt: "prev_comm=%s ...", REC->prev_comm, ...
struct EventFormat {
  /// The group: `sched`.
  let system: String
  /// The tracepoint without its group: `sched_switch`.
  let name: String
  /// What records of it begin with.
  let id: Int
  /// The machine's byte order is the other one.
  let isSwapped: Bool
  private let fields: [String: EventField]
  /// What stands behind `print fmt:`.
  let print: [UInt8]

  /// A record of it can be no longer: perf's records have 16 bits for their size, and ftrace's pages are not larger than
  /// this.
  private static let longestRecord: Int64 = 1 << 16
  private static let mostFields = 256
  private static let longestPrint = 1 << 16

  /// Reads a format text; nil when it has no name or number.
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>, system: String, isSwapped: Bool) {
    guard let (name, id) = Self.head(bytes, range) else { return nil }
    self.system = system
    self.name = bytes.text(from: name.lowerBound, to: name.upperBound)
    self.id = id
    self.isSwapped = isSwapped
    fields = Self.fields(bytes, range)
    var print: [UInt8] = []
    if let start = bytes.find("\nprint fmt:", from: range.lowerBound, range.upperBound) {
      let end = bytes.newline(from: start + 1, to: range.upperBound) ?? range.upperBound
      for index in start + 11..<min(end, start + Self.longestPrint) { print.append(bytes[index]) }
    }
    self.print = print
  }

  /// The fields that a text lists, by name.
  static func fields(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [String: EventField] {
    var fields: [String: EventField] = [:]
    var at = range.lowerBound
    while at < range.upperBound, fields.count < mostFields {
      let end = bytes.newline(from: at, to: range.upperBound) ?? range.upperBound
      var start = at
      bytes.skipBlanks(&start, end)
      if bytes.has("field:", at: start, end), let (name, field) = field(bytes, start + 6, end) {
        fields[name] = field
      }
      at = end + 1
    }
    return fields
  }

  /// Builds one of ours.
  init(name: String, fields: [String: EventField], print: String) {
    (system, self.name, id, isSwapped) = ("", name, 0, false)
    self.fields = fields
    self.print = Array(print.utf8)
  }

  /// The name and the number, without reading the rest: a file may have thousands of formats.
  static func head(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (name: Range<Int>, id: Int)? {
    var name: Range<Int>?
    var at = range.lowerBound
    while at < range.upperBound {
      let end = bytes.newline(from: at, to: range.upperBound) ?? range.upperBound
      if name == nil, bytes.has("name: ", at: at, end) {
        name = at + 6..<end
      } else if let name, bytes.has("ID: ", at: at, end) {
        var number = at + 4
        guard let id = bytes.decimal(&number, end), id < 1 << 16, name.count <= 128 else {
          return nil
        }
        return (name, Int(id))
      }
      at = end + 1
    }
    return nil
  }

  /// `char prev_comm[16];	offset:8;	size:16;	signed:0;`
  private static func field(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (String, EventField)? {
    guard let semicolon = bytes.find(";", from: start, end) else { return nil }
    func number(_ key: StaticString) -> Int64? {
      guard var at = bytes.find(key, from: semicolon, end) else { return nil }
      at += key.utf8CodeUnitCount
      return bytes.decimal(&at, end)
    }
    guard let offset = number("offset:"), let size = number("size:"), offset < longestRecord,
      size < longestRecord
    else { return nil }
    var field = EventField()
    field.offset = Int(offset)
    field.size = Int(size)
    if bytes.has("__data_loc ", at: start, semicolon) { field.shape = .located }
    if bytes.has("__rel_loc ", at: start, semicolon) { field.shape = .relative }
    // The name is the last word, without `[16]` behind it.
    var last = semicolon
    bytes.skipBlanksBack(&last, start)
    let isArray = last > start && bytes[last - 1] == UInt8(ascii: "]")
    if isArray {
      while last > start, bytes[last - 1] != UInt8(ascii: "[") { last -= 1 }
      last -= 1
    }
    var first = last
    while first > start, Self.isWord(bytes[first - 1]) { first -= 1 }
    guard first < last else { return nil }
    if let signed = number("signed:") {
      field.isSigned = signed != 0
    } else {
      // Before 2.6.35 the text does not say.
      let isUnsigned =
        bytes.find("unsigned", from: start, first) != nil || bytes.has("u", at: start, first)
        || bytes.has("dev_t", at: start, first) || bytes.has("sector_t", at: start, first)
      field.isSigned = !isArray && !isUnsigned
    }
    guard field.shape == .plain || field.size == 4 else { return nil }
    return (bytes.text(from: first, to: last), field)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_")
  }

  /// The bytes of a record that its own fields have. Fields that are located elsewhere in it may be anywhere behind.
  var kept: KeptFields {
    let own = fields.filter { !$0.key.hasPrefix("common_") }.values
    var kept = KeptFields()
    if own.allSatisfy({ $0.offset >= 8 }) { kept.start = 8 }
    if own.allSatisfy({ $0.shape == .plain && $0.size > 0 }) {
      kept.end = UInt16(clamping: own.map(\.end).max() ?? Int(UInt16.max))
    }
    return kept
  }

  /// The field of this name; nil where this kernel has none.
  subscript(_ name: String) -> EventField? { fields[name] }
}
