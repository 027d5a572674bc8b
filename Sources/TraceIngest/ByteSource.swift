internal import Glibc
internal import TraceDigest
internal import TraceModel

/// Why a file could not be read.
public struct ReadError: Error, Sendable {
  /// The file as the user named it.
  public let path: String
  /// What the operating system said.
  public let reason: String

  /// A failure with the current `errno`.
  init(path: String, errno code: Int32) {
    self.path = path
    reason = unsafe String(cString: strerror(code))
  }

  /// A failure of our own words.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// An open file or standard input, read from its start in pieces with read(2); what gzip, xz, zstd or
/// bzip2 packed is unpacked on the way.
///
/// Not mmap: it costs the same CPU, but it holds the whole file in memory, kills the process when the
/// file is cut while it is read, and cannot serve a pipe.
///
/// A packed file that ends too early gives what was readable and says ``isTruncated``; one with damaged
/// data is refused, because what came before the damage cannot be trusted (gzip, zstd and bzip2 check a
/// block or member only at its end).
public final class ByteSource {
  /// The file as the user named it; `-` for standard input.
  public let path: String
  /// Its size on disk, 0 where that is not known beforehand (a pipe).
  public let size: Int64
  /// How many bytes of the file were read, packed where it is packed.
  public private(set) var bytesRead: Int64 = 0
  /// The file is packed and ends before its data do.
  private(set) var isTruncated = false
  /// Bytes behind the packed data that are neither packed nor padding.
  private(set) var trailingBytes: Int64 = 0

  private let descriptor: Int32
  private let digest: SHA256
  /// It is read together with others, whose bytes are hashed one behind the other afterwards.
  var isOneOfSeveral = false
  private var packing = Packing.unknown

  private enum Packing {
    /// Nothing was read.
    case unknown
    /// As it is.
    case none
    case packed(PackedInput)
  }

  /// Opens a regular file or, for `-`, standard input.
  public init(path: String) throws(ReadError) {
    self.path = path
    digest = try Self.newDigest(path)
    if path == "-" {
      descriptor = 0
      size = 0
      return
    }
    // Opening a device can do something to it: a tape rewinds.
    var named = stat()
    if unsafe stat(path, &named) == 0, Self.isSpecial(named) {
      throw ReadError(path: path, reason: "is a device, socket or pipe, expected a file")
    }
    let opened = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw ReadError(path: path, errno: errno) }
    var status = stat()
    guard unsafe fstat(opened, &status) == 0 else {
      let code = errno
      close(opened)
      throw ReadError(path: path, errno: code)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR:
      close(opened)
      throw ReadError(path: path, reason: "is a directory, expected a file")
    default:
      close(opened)
      throw ReadError(path: path, reason: "is a device, socket or pipe, expected a file")
    }
    descriptor = opened
    size = Int64(status.st_size)
  }

  private static func newDigest(_ path: String) throws(ReadError) -> SHA256 {
    do { return try SHA256() } catch {
      throw ReadError(path: path, reason: error.description)
    }
  }

  private static func isSpecial(_ status: stat) -> Bool {
    ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// A file without a name, for content that cannot be read out of order where it is. It goes away with this object.
  private init(copyOf other: ByteSource) throws(ReadError) {
    path = other.path
    digest = try Self.newDigest(path)
    size = 0
    isOneOfSeveral = true
    packing = .none
    var opened: Int32 = -1
    let named = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) }
    for folder in [named, "/var/tmp", "/tmp"] {
      guard opened < 0, let folder else { continue }
      // mkstemp(3) replaces the six letters.
      var template = Array("\(folder)/hiddenq-XXXXXX".utf8CString)
      opened = unsafe template.withUnsafeMutableBufferPointer { name -> Int32 in
        guard let base = name.baseAddress else { return -1 }
        let made = unsafe mkstemp(base)
        if made >= 0 { unsafe _ = unlink(base) }
        return made
      }
    }
    guard opened >= 0 else { throw ReadError(path: other.path, errno: errno) }
    descriptor = opened
  }

  /// The rest of a packed file or a pipe as a file whose bytes can be read in any order; what is at hand of it comes
  /// first. The file is read to its end. Throws when it unpacks to more than a recording can.
  static func copy(of input: inout InputReader) throws(ReadError) -> ByteSource {
    let copy = try ByteSource(copyOf: input.source)
    var written: Int64 = 0
    while true {
      let range = try input.available(atLeast: 1)
      guard !range.isEmpty else { break }
      guard written < mostUnpacked || written / mostRatio < input.source.bytesRead else {
        throw ReadError(
          path: input.source.path,
          reason: "unpacks to more than \(mostRatio) times its size: that is no recording")
      }
      try copy.write(input.buffer.span, range)
      written += Int64(range.count)
      input.take(range.count)
    }
    guard lseek(copy.descriptor, 0, SEEK_SET) == 0 else {
      throw ReadError(path: input.source.path, errno: errno)
    }
    return copy
  }

  /// Beyond this a file must not unpack to more than ``mostRatio`` times its size.
  private static let mostUnpacked: Int64 = 1 << 30
  private static let mostRatio: Int64 = 256

  private func write(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ReadError) {
    var from = range.lowerBound
    while from < range.upperBound {
      let count = unsafe bytes.extracting(from..<range.upperBound).withUnsafeBufferPointer {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw ReadError(path: path, errno: errno) }
      from += count
    }
  }

  /// Whether its content can be read in any order: a file that is not packed, of which something was read already.
  var isSeekable: Bool {
    if case .none = packing { descriptor > 0 } else { false }
  }

  /// Bytes of the content now; 0 where it is not seekable.
  func contentSize() throws(ReadError) -> Int64 {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw ReadError(path: path, errno: errno) }
    return isSeekable ? Int64(status.st_size) : 0
  }

  /// Reads content from a place, whatever was read before; it does not count as read. Returns fewer bytes only at the
  /// end of the file.
  func read(
    into buffer: inout [UInt8], at offset: Int, count: Int, from position: Int64
  ) throws(ReadError) -> Int {
    var got = 0
    while got < count {
      let more = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe pread(
          descriptor, bytes.baseAddress.map { unsafe $0 + offset + got },
          min(count - got, bytes.count - offset - got), off_t(position) + off_t(got))
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw ReadError(path: path, errno: errno) }
      if more == 0 { break }
      got += more
    }
    return got
  }

  deinit {
    if descriptor > 0 { close(descriptor) }
  }

  /// Reads up to `count` bytes of content to the place given; returns how many, 0 at the end.
  func read(into buffer: inout [UInt8], at offset: Int, count: Int) throws(ReadError) -> Int {
    switch packing {
    case .none: return try readFile(into: &buffer, at: offset, count: count)
    case .packed(let input): return try unpack(input, into: &buffer, at: offset, count: count)
    case .unknown: break
    }
    var got = 0
    while got < min(count, Compression.magicLength) {
      let more = try readFile(into: &buffer, at: offset + got, count: count - got)
      if more == 0 { break }
      got += more
    }
    guard let compression = Compression(buffer.span.extracting(offset..<offset + got)) else {
      packing = .none
      return got
    }
    let input = try failing(compression) { () throws(DecodingFailure) in
      try PackedInput(compression, begin: buffer[offset..<offset + got])
    }
    packing = .packed(input)
    return try unpack(input, into: &buffer, at: offset, count: count)
  }

  /// SHA-256 of the bytes of the file that were read, in hexadecimal.
  func sha256() throws(ReadError) -> String { try hexadecimal(digest) }

  private func hexadecimal(_ digest: SHA256) throws(ReadError) -> String {
    do { return try digest.digest().hexadecimal } catch {
      throw ReadError(path: path, reason: error.description)
    }
  }

  /// SHA-256 of several files that were read to their ends, as if they were one.
  static func sha256(of sources: [ByteSource]) throws(ReadError) -> String {
    if sources.count == 1 { return try sources[0].sha256() }
    let (bytes, sha256) = try fingerprint(of: sources)
    let read = sources.reduce(0) { $0 + $1.bytesRead }
    guard bytes == read else {
      throw ReadError(path: sources[0].path, reason: "changed while it was read; copy it first")
    }
    return sha256
  }

  /// The size and SHA-256 of files as if they were one, or of so many bytes at their beginning, whatever was read
  /// of them so far.
  static func fingerprint(
    of sources: [ByteSource], upTo limit: Int64 = .max
  ) throws(ReadError) -> (bytes: Int64, sha256: String) {
    let digest = try newDigest(sources[0].path)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var bytes: Int64 = 0
    for source in sources {
      var offset = 0
      while true {
        let room = Int(min(Int64(buffer.count), limit - bytes - Int64(offset)))
        let got = unsafe buffer.withUnsafeMutableBytes { bytes in
          unsafe pread(source.descriptor, bytes.baseAddress, room, offset)
        }
        if got < 0, errno == EINTR { continue }
        guard got >= 0 else { throw ReadError(path: source.path, errno: errno) }
        if got == 0 { break }
        offset += got
        unsafe buffer.withUnsafeBytes { bytes in
          unsafe digest.update(UnsafeRawBufferPointer(rebasing: bytes[0..<got]))
        }
      }
      bytes += Int64(offset)
    }
    return (bytes, try sources[0].hexadecimal(digest))
  }

  private func readFile(
    into buffer: inout [UInt8], at offset: Int, count: Int
  ) throws(ReadError) -> Int {
    while true {
      let got = unsafe buffer.withUnsafeMutableBytes { bytes in
        let got = unsafe Glibc.read(
          descriptor, bytes.baseAddress.map { unsafe $0 + offset }, count)
        if got > 0, !isOneOfSeveral {
          unsafe digest.update(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + got]))
        }
        return got
      }
      if got >= 0 {
        bytesRead += Int64(got)
        return got
      }
      if errno != EINTR { throw ReadError(path: path, errno: errno) }
    }
  }

  private func unpack(
    _ input: PackedInput, into buffer: inout [UInt8], at offset: Int, count: Int
  ) throws(ReadError) -> Int {
    while true {
      if input.wantsMore, !input.isAtEndOfFile {
        try input.refill { (bytes, place, room) throws(ReadError) in
          try readFile(into: &bytes, at: place, count: room)
        }
        continue
      }
      let progress = try failing(input.compression) { () throws(DecodingFailure) in
        try input.decode(into: &buffer, at: offset, count: count)
      }
      switch progress {
      case .bytes(let produced): return produced
      case .needsInput: continue
      case .end:
        trailingBytes = input.trailingBytes
        return 0
      case .truncated:
        isTruncated = true
        return 0
      }
    }
  }

  private func failing<Value>(
    _ compression: Compression, _ body: () throws(DecodingFailure) -> Value
  ) throws(ReadError) -> Value {
    do {
      return try body()
    } catch {
      let program = compression.program
      throw ReadError(
        path: path,
        reason: "its \(program) data are damaged before byte \(bytesRead) (\(error.reason)); "
          + "check it with '\(program) -t' and copy it again")
    }
  }
}
