/// What a recording of perf begins with: tools/perf/util/header.c. A file in pipe mode has only the first two numbers.
struct PerfHeader {
  /// A piece of the file.
  struct Section {
    var offset: UInt64 = 0
    var size: UInt64 = 0
    /// The byte behind it; nil when there is no such byte.
    var end: UInt64? {
      let (end, isTooLarge) = offset.addingReportingOverflow(size)
      return isTooLarge || end >= 1 << 62 ? nil : end
    }
  }

  /// How a file begins.
  enum Magic {
    case ours(isSwapped: Bool)
    /// Version 1, of perf before 2.6.34.
    case first
  }

  static let length = 104
  private static let pipeLength: UInt64 = 16

  let isSwapped: Bool
  /// Records follow, with all that is in sections else.
  let isPipe: Bool
  /// Bytes of each entry in the table of attributes.
  private(set) var attributeSize: UInt64 = 0
  private(set) var attributes = Section()
  private(set) var data = Section()
  /// Which sections stand behind the data, in this order.
  private(set) var features: [Int] = []

  static func magic(_ bytes: Span<UInt8>) -> Magic? {
    if bytes.has("PERFILE2", at: 0, bytes.count) { return .ours(isSwapped: false) }
    if bytes.has("2ELIFREP", at: 0, bytes.count) { return .ours(isSwapped: true) }
    if bytes.has("PERFFILE", at: 0, bytes.count) || bytes.has("ELIFFREP", at: 0, bytes.count) {
      return .first
    }
    return nil
  }

  /// Reads it from the beginning of a file; nil when there is less than that.
  init?(_ bytes: Span<UInt8>, isSwapped: Bool) {
    guard bytes.count >= 16 else { return nil }
    self.isSwapped = isSwapped
    let size = bytes.load64(at: 8, isSwapped)
    isPipe = size == Self.pipeLength
    if isPipe { return }
    guard size >= 72, bytes.count >= 72 else { return nil }
    attributeSize = bytes.load64(at: 16, isSwapped)
    attributes = Section(
      offset: bytes.load64(at: 24, isSwapped), size: bytes.load64(at: 32, isSwapped))
    data = Section(offset: bytes.load64(at: 40, isSwapped), size: bytes.load64(at: 48, isSwapped))
    guard size >= UInt64(Self.length), bytes.count >= Self.length else { return }
    var words = (0..<4).map { bytes.load64(at: 72 + 8 * $0, isSwapped) }
    // Every perf writes the host's name: bit 3. A machine of 32 bits has the halves of the words the other way round.
    if isSwapped, words[0] & 8 == 0 {
      let halves = words.map { $0 << 32 | $0 >> 32 }
      if halves[0] & 8 != 0 { words = halves }
    }
    for bit in 0..<256 where words[bit / 64] >> UInt64(bit % 64) & 1 == 1 { features.append(bit) }
  }
}
