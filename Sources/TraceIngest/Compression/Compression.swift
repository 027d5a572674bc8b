/// How a file is packed, told by its first bytes.
enum Compression: Sendable {
  case gzip
  case xz
  case zstd
  case bzip2

  /// Bytes that are needed to tell.
  static let magicLength = 10

  /// What a file, or a further member of one, that begins like this is packed with; nil for none of
  /// these.
  init?(_ head: Span<UInt8>) {
    func begins(with magic: [UInt8]) -> Bool {
      guard head.count >= magic.count else { return false }
      return magic.indices.allSatisfy { head[$0] == magic[$0] }
    }
    if begins(with: [0x1F, 0x8B, 8]) {
      self = .gzip
    } else if begins(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) {
      self = .xz
    } else if begins(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if head.count >= 4, head[0] & 0xF0 == 0x50, head[1] == 0x2A, head[2] == 0x4D,
      head[3] == 0x18
    {
      // A skippable frame, which pzstd and others put before the data.
      self = .zstd
    } else if begins(with: Array("BZh".utf8)), head.count >= Self.magicLength,
      (0x31...0x39).contains(head[3]),
      // A block (pi), or the end of an empty file (its square root).
      head[4] == 0x31 && head[5] == 0x41 || head[4] == 0x17 && head[5] == 0x72
    {
      self = .bzip2
    } else {
      return nil
    }
  }

  /// The program that tests and unpacks such a file.
  var program: String {
    switch self {
    case .gzip: "gzip"
    case .xz: "xz"
    case .zstd: "zstd"
    case .bzip2: "bzip2"
    }
  }

  func decoder() throws(DecodingFailure) -> any Decoder {
    switch self {
    case .gzip: try GzipDecoder()
    case .xz: try XZDecoder()
    case .zstd: try ZstandardDecoder()
    case .bzip2: try Bzip2Decoder()
    }
  }
}

/// What one call of a decoder did.
struct DecodingStep {
  /// Packed bytes that were taken.
  var consumed: Int
  /// Bytes that were unpacked.
  var produced: Int
  /// A member (stream, frame) is at its end, checksum and all.
  var isEnd: Bool
}

/// Why packed bytes cannot be unpacked.
struct DecodingFailure: Error {
  let reason: String
}

/// Unpacks one member after the other. Memory is that of the library, which each decoder bounds; output
/// goes nowhere but into the buffer given, so a file that unpacks to a million times its size costs
/// time and no memory.
protocol Decoder: AnyObject {
  /// Unpacks as much as there is, or as there is room for.
  func decode(
    _ packed: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> DecodingStep
  /// Another member follows.
  func restart() throws(DecodingFailure)
}
