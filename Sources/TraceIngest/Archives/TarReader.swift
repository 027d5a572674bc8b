/// The 512 bytes before each entry of a tar archive (POSIX ustar, GNU, and the old form without a magic).
struct TarHeader {
  static let size = 512

  let path: String
  let link: String
  /// Bytes of content.
  let bytes: Int64
  /// `0` file, `1` hard link, `2` symbolic link, `5` folder, `x` and `L` what the next header has no room for, ...
  let type: UInt8
  /// An old GNU sparse file has more of its map in blocks of its own.
  let hasMore: Bool

  /// nil: these bytes are no header, as the checksum shows.
  init?(_ block: [UInt8]) {
    guard let stated = Self.number(block[148..<156]) else { return nil }
    // The checksum's own place counts as blanks.
    let sum = block.indices.reduce(Int64(0)) { sum, at in
      sum + Int64((148..<156).contains(at) ? 0x20 : block[at])
    }
    guard stated == sum, let bytes = Self.number(block[124..<136]), bytes >= 0 else { return nil }
    self.bytes = bytes
    type = block[156]
    let name = Self.text(block[0..<100])
    // GNU keeps other things where ustar has the beginning of a long path: `ustar  ` against `ustar\0`.
    let isPOSIX = block[257..<263].elementsEqual(Array("ustar\0".utf8))
    let prefix = isPOSIX ? Self.text(block[345..<500]) : ""
    path = prefix.isEmpty ? name : prefix + "/" + name
    link = Self.text(block[157..<257])
    hasMore = block[482] != 0
  }

  static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Octal digits with blanks around, or, where the first bit is set, a binary number.
  private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      var value = Int64(first & 0x7F)
      for byte in field.dropFirst() {
        guard value <= Int64.max >> 8 else { return nil }
        value = value << 8 | Int64(byte)
      }
      return value
    }
    let digits = field.drop { $0 == 0x20 || $0 == 0 }.prefix { $0 != 0x20 && $0 != 0 }
    guard digits.count <= 20, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
    return digits.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
  }
}

/// Reads a tar archive from its beginning to its end, without going back.
struct TarReader {
  /// Names and attributes of one entry may not be longer, bytes.
  private static let longestNames: Int64 = 1 << 20

  private let source: ByteSource
  private var block = [UInt8](repeating: 0, count: TarHeader.size)
  private var piece = [UInt8](repeating: 0, count: 1 << 17)
  private var offset: Int64 = 0

  init(_ source: ByteSource) { self.source = source }

  /// Fields of the next entry from the headers before it.
  private struct Extended {
    var path: String?
    var link: String?
    var bytes: Int64?
    var isSparse = false
  }

  mutating func unpack(into output: UnpackedFolder) throws(ReadError) {
    var extended = Extended()
    while true {
      let got = try fill(TarHeader.size)
      if got == 0 { return }
      guard got == TarHeader.size else { return cut("", output) }
      // Two empty blocks end an archive; some end with one.
      if block.allSatisfy({ $0 == 0 }) { return }
      guard let header = TarHeader(block) else {
        throw ReadError(
          path: source.path,
          reason: "its tar data are damaged before byte \(offset); copy it again")
      }
      try output.count()
      let isWhole: Bool
      switch header.type {
      case UInt8(ascii: "x"), UInt8(ascii: "L"), UInt8(ascii: "K"):
        guard let text = try names(header) else { return cut(header.path, output) }
        Self.extend(&extended, header.type, text)
        continue
      case UInt8(ascii: "g"):
        // What holds for all entries is about times and owners.
        guard try names(header) != nil else { return cut(header.path, output) }
        continue
      default: isWhole = try entry(header, extended, output)
      }
      guard isWhole else { return cut(extended.path ?? header.path, output) }
      extended = Extended()
    }
  }

  /// A cut archive gives the files that are whole.
  private func cut(_ path: String, _ output: UnpackedFolder) {
    output.discard()
    output.leaveOut(path, "is where the archive ends too early; copy the archive again")
  }

  /// One entry with its content; false: the archive ends within it.
  private mutating func entry(
    _ header: TarHeader, _ extended: Extended, _ output: UnpackedFolder
  ) throws(ReadError) -> Bool {
    let path = extended.path ?? header.path
    let bytes = extended.bytes ?? header.bytes
    switch header.type {
    case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
      // The oldest form has a folder as a file whose name ends so.
      if path.hasSuffix("/") { return try content(bytes, output, keeps: false) }
      if extended.isSparse {
        output.leaveOut(path, "is a sparse file; it was not unpacked")
        return try content(bytes, output, keeps: false)
      }
      try output.begin(path)
      return try content(bytes, output, keeps: true)
    case UInt8(ascii: "1"), UInt8(ascii: "2"):
      output.link(path, to: extended.link ?? header.link, isHard: header.type == UInt8(ascii: "1"))
      return true
    case UInt8(ascii: "3"), UInt8(ascii: "4"):
      output.leaveOut(path, "is a device; it was not made")
      return true
    case UInt8(ascii: "6"):
      output.leaveOut(path, "is a pipe; it was not made")
      return true
    case UInt8(ascii: "5"):
      return true
    case UInt8(ascii: "S"):
      output.leaveOut(path, "is a sparse file; it was not unpacked")
      var hasMore = header.hasMore
      while hasMore {
        guard try fill(TarHeader.size) == TarHeader.size else { return false }
        try output.spend(TarHeader.size)
        hasMore = block[504] != 0
      }
      return try content(bytes, output, keeps: false)
    default:
      return try content(bytes, output, keeps: false)
    }
  }

  /// The content of an entry and what fills its last block; false: the archive ends before.
  private mutating func content(
    _ bytes: Int64, _ output: UnpackedFolder, keeps: Bool
  ) throws(ReadError) -> Bool {
    var left = bytes
    while left > 0 {
      let got = try source.read(into: &piece, at: 0, count: Int(min(left, Int64(piece.count))))
      guard got > 0 else { return false }
      offset += Int64(got)
      left -= Int64(got)
      if keeps { try output.write(piece, count: got) } else { try output.spend(got) }
    }
    if keeps { output.end() }
    let rest = Int(bytes % Int64(TarHeader.size))
    // An archive that ends within the filling has lost nothing.
    if rest > 0 { _ = try fill(TarHeader.size - rest) }
    return true
  }

  /// The content of a header's header; nil: the archive ends before.
  private mutating func names(_ header: TarHeader) throws(ReadError) -> [UInt8]? {
    guard header.bytes <= Self.longestNames else {
      throw ReadError(
        path: source.path,
        reason: "its tar data are damaged before byte \(offset): a name of "
          + "\(header.bytes) bytes")
    }
    var text: [UInt8] = []
    var left = Int(header.bytes)
    while left > 0 {
      let got = try fill(TarHeader.size)
      guard got == TarHeader.size else { return nil }
      text += block.prefix(left)
      left -= min(left, TarHeader.size)
    }
    return text
  }

  /// Up to a block of bytes, from the block's begin; fewer only at the end.
  private mutating func fill(_ count: Int) throws(ReadError) -> Int {
    var got = 0
    while got < count {
      let more = try source.read(into: &block, at: got, count: count - got)
      if more == 0 { break }
      got += more
    }
    offset += Int64(got)
    return got
  }

  private static func extend(_ extended: inout Extended, _ type: UInt8, _ text: [UInt8]) {
    switch type {
    case UInt8(ascii: "L"): extended.path = TarHeader.text(text[...])
    case UInt8(ascii: "K"): extended.link = TarHeader.text(text[...])
    default:
      // `27 path=a/long/name/of/it\n`: the length counts itself and the line end.
      var rest = text[...]
      while let blank = rest.firstIndex(of: 0x20),
        let length = Int(String(decoding: rest[..<blank], as: UTF8.self)),
        length > blank - rest.startIndex + 1, length <= rest.count
      {
        let record = rest[(blank + 1)..<(rest.startIndex + length - 1)]
        rest = rest.dropFirst(length)
        guard let equals = record.firstIndex(of: 0x3D) else { continue }
        let value = String(decoding: record[(equals + 1)...], as: UTF8.self)
        switch String(decoding: record[..<equals], as: UTF8.self) {
        case "path": extended.path = value
        case "linkpath": extended.link = value
        case "size": extended.bytes = Int64(value).flatMap { $0 >= 0 ? $0 : nil }
        case let key where key.hasPrefix("GNU.sparse."): extended.isSparse = true
        default: break
        }
      }
    }
  }
}
