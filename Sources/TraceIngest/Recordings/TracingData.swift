/// Reads numbers and strings one behind the other out of bytes that may end anywhere.
struct ByteCursor {
  /// The next byte.
  var at: Int
  let end: Int
  var isSwapped: Bool

  /// The bytes end too early, or a length is invalid.
  struct Short: Error {}

  init(_ range: Range<Int>, isSwapped: Bool) {
    (at, end) = (range.lowerBound, range.upperBound)
    self.isSwapped = isSwapped
  }

  var left: Int { end - at }

  mutating func byte(_ bytes: Span<UInt8>) throws(Short) -> UInt8 {
    guard left >= 1 else { throw Short() }
    at += 1
    return bytes[at - 1]
  }

  mutating func short(_ bytes: Span<UInt8>) throws(Short) -> UInt16 {
    guard left >= 2 else { throw Short() }
    at += 2
    return bytes.load16(at: at - 2, isSwapped)
  }

  mutating func word(_ bytes: Span<UInt8>) throws(Short) -> UInt32 {
    guard left >= 4 else { throw Short() }
    at += 4
    return bytes.load32(at: at - 4, isSwapped)
  }

  mutating func long(_ bytes: Span<UInt8>) throws(Short) -> UInt64 {
    guard left >= 8 else { throw Short() }
    at += 8
    return bytes.load64(at: at - 8, isSwapped)
  }

  /// So many bytes.
  mutating func take(_ count: UInt64) throws(Short) -> Range<Int> {
    guard count <= UInt64(left) else { throw Short() }
    defer { at += Int(count) }
    return at..<at + Int(count)
  }

  /// Bytes up to a zero, which is taken, too.
  mutating func string(_ bytes: Span<UInt8>) throws(Short) -> Range<Int> {
    let zero = bytes.zero(from: at, end)
    guard zero < end else { throw Short() }
    defer { at = zero + 1 }
    return at..<zero
  }
}

/// The head that trace-cmd writes into its files and perf into the section `TRACING_DATA`: the formats of the
/// tracepoints, as the traced kernel has them.
struct TracingData {
  /// The version: `6` of trace.dat, `0.6` of perf.
  private(set) var version = ""
  private(set) var isSwapped = false
  private(set) var pageSize = 0
  /// The layout of ftrace's pages.
  private(set) var headerPage = 0..<0
  /// The format texts with the names of their systems, as positions.
  private(set) var formats: [(system: Range<Int>, text: Range<Int>)] = []
  /// `4711 fio`, one a line.
  private(set) var commandLines = 0..<0
  /// The byte behind it.
  private(set) var end = 0

  /// Formats of a kernel with all its modules, some times over.
  private static let mostFormats = 1 << 16
  static let magic: StaticString = "\u{17}\u{08}Dtracing"

  /// What stands before all else: the version, the byte order, the page size.
  static func head(
    _ bytes: Span<UInt8>, _ range: Range<Int>
  ) throws(ByteCursor.Short) -> (TracingData, ByteCursor)? {
    guard bytes.has(magic, at: range.lowerBound, range.upperBound) else { return nil }
    var cursor = ByteCursor(range.lowerBound + 10..<range.upperBound, isSwapped: false)
    var data = TracingData()
    let version = try cursor.string(bytes)
    guard version.count <= 16 else { return nil }
    data.version = bytes.text(from: version.lowerBound, to: version.upperBound)
    data.isSwapped = try cursor.byte(bytes) == 1
    cursor.isSwapped = data.isSwapped
    _ = try cursor.byte(bytes)
    data.pageSize = Int(try cursor.word(bytes))
    return (data, cursor)
  }

  private init() {}

  /// Reads all of it; nil when something else stands here. Throws when the bytes end too early.
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ByteCursor.Short) {
    guard let (data, cursor) = try Self.head(bytes, range) else { return nil }
    self = data
    guard try readFormats(bytes, cursor) else { return nil }
  }

  /// Reads what stands behind the head in a file without sections.
  private mutating func readFormats(
    _ bytes: Span<UInt8>, _ begin: ByteCursor
  ) throws(ByteCursor.Short) -> Bool {
    var cursor = begin
    let page = try cursor.string(bytes)
    guard bytes.equals("header_page", page) else { return false }
    headerPage = try cursor.take(try cursor.long(bytes))
    let event = try cursor.string(bytes)
    guard bytes.equals("header_event", event) else { return false }
    _ = try cursor.take(try cursor.long(bytes))
    formats = try Self.ftraceFormats(bytes, &cursor)
    formats += try Self.eventFormats(bytes, &cursor)
    _ = try cursor.take(UInt64(try cursor.word(bytes)))
    _ = try cursor.take(UInt64(try cursor.word(bytes)))
    if version != "0.5" { commandLines = try cursor.take(try cursor.long(bytes)) }
    end = cursor.at
    return true
  }

  /// The formats of ftrace's own events.
  static func ftraceFormats(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) -> [(system: Range<Int>, text: Range<Int>)] {
    var formats: [(system: Range<Int>, text: Range<Int>)] = []
    let count = try cursor.word(bytes)
    guard count <= mostFormats else { throw ByteCursor.Short() }
    for _ in 0..<count {
      let text = try cursor.take(try cursor.long(bytes))
      formats.append((text.lowerBound..<text.lowerBound, text))
    }
    return formats
  }

  /// The formats of tracepoints, by system.
  static func eventFormats(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) -> [(system: Range<Int>, text: Range<Int>)] {
    var formats: [(system: Range<Int>, text: Range<Int>)] = []
    let systems = try cursor.word(bytes)
    guard systems <= mostFormats else { throw ByteCursor.Short() }
    for _ in 0..<systems {
      let system = try cursor.string(bytes)
      let count = try cursor.word(bytes)
      guard count <= mostFormats, formats.count <= mostFormats else { throw ByteCursor.Short() }
      for _ in 0..<count { formats.append((system, try cursor.take(try cursor.long(bytes)))) }
    }
    return formats
  }
}
