internal import CompressionLibraries
internal import Glibc

/// Reads a zip archive by its directory (APPNOTE 6.3.10): stored and deflated files, zip64.
final class ZipReader {
  /// A directory of files may not be longer, bytes: 200,000 entries with names of 300 bytes.
  private static let longestDirectory: Int64 = 64 << 20

  private let path: String
  private let descriptor: Int32
  private let size: Int64

  init(_ path: String) throws(ReadError) {
    self.path = path
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ReadError(path: path, errno: errno) }
    var status = stat()
    size = unsafe fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// A file of the archive as its directory has it.
  private struct Entry {
    let path: String
    let method: UInt16
    let isEncrypted: Bool
    let isLink: Bool
    let crc: UInt32
    let packed: Int64
    let unpacked: Int64
    let header: Int64
  }

  func unpack(into output: UnpackedFolder) throws(ReadError) {
    let (directory, count) = try directory()
    let hasSlashes = Self.hasSlashes(directory)
    var at = 0
    var number: Int64 = 0
    while at + 46 <= directory.count, directory.number(at, 4) == 0x0201_4B50 {
      number += 1
      let (name, extra, comment) = (
        Int(directory.number(at + 28, 2)), Int(directory.number(at + 30, 2)),
        Int(directory.number(at + 32, 2))
      )
      let end = at + 46 + name + extra + comment
      guard end <= directory.count,
        let entry = Self.entry(directory, at, name, extra, hasSlashes: hasSlashes)
      else {
        throw damaged("its directory does not end")
      }
      at = end
      try output.count()
      if entry.path.hasSuffix("/") { continue }
      if entry.isEncrypted {
        output.leaveOut(entry.path, "is encrypted; unpack the archive and give the folder")
      } else if entry.method != 0 && entry.method != 8 {
        output.leaveOut(
          entry.path,
          "is packed with method \(entry.method); unpack the archive and give the folder")
      } else if entry.isLink {
        if let target = try text(of: entry) { output.link(entry.path, to: target, isHard: false) }
      } else {
        try output.begin(entry.path)
        let fault = try copy(entry) { (bytes, count) throws(ReadError) in
          try output.write(bytes, count: count)
        }
        if let fault {
          output.discard()
          output.leaveOut(entry.path, fault)
        } else {
          output.end()
        }
      }
    }
    guard number == count else {
      throw damaged("its directory has \(number) of \(count) entries")
    }
  }

  /// Whether any name of the directory has a slash. Where none has, a backslash parts folders: a file of Unix with
  /// one in its name would hardly be zipped without its folder.
  private static func hasSlashes(_ directory: [UInt8]) -> Bool {
    var at = 0
    while at + 46 <= directory.count, directory.number(at, 4) == 0x0201_4B50 {
      let name = Int(directory.number(at + 28, 2))
      let end =
        at + 46 + name + Int(directory.number(at + 30, 2)) + Int(directory.number(at + 32, 2))
      guard end <= directory.count else { return true }
      if directory[(at + 46)..<(at + 46 + name)].contains(UInt8(ascii: "/")) { return true }
      at = end
    }
    return false
  }

  private static func entry(
    _ bytes: [UInt8], _ at: Int, _ name: Int, _ extra: Int, hasSlashes: Bool
  ) -> Entry? {
    var path = String(decoding: bytes[(at + 46)..<(at + 46 + name)], as: UTF8.self)
    let system = bytes[at + 5]
    // Programs of Windows that do not know better; some say that they run on Unix.
    if system != 3 || !hasSlashes, !path.contains("/") { path = path.replacing("\\", with: "/") }
    var (packed, unpacked, header) = (
      Int64(bytes.number(at + 20, 4)), Int64(bytes.number(at + 24, 4)),
      Int64(bytes.number(at + 42, 4))
    )
    // zip64: what does not fit stands in an extra field, in this order.
    var field = at + 46 + name
    let end = field + extra
    while field + 4 <= end {
      let (tag, length) = (bytes.number(field, 2), Int(bytes.number(field + 2, 2)))
      guard field + 4 + length <= end else { break }
      if tag == 1 {
        var place = field + 4
        func next() -> Int64? {
          guard place + 8 <= field + 4 + length else { return nil }
          defer { place += 8 }
          return Int64(exactly: bytes.number(place, 8))
        }
        if unpacked == 0xFFFF_FFFF { unpacked = next() ?? -1 }
        if packed == 0xFFFF_FFFF { packed = next() ?? -1 }
        if header == 0xFFFF_FFFF { header = next() ?? -1 }
      }
      field += 4 + length
    }
    guard packed >= 0, unpacked >= 0, header >= 0 else { return nil }
    let mode = bytes.number(at + 38, 4) >> 16
    return Entry(
      path: path, method: UInt16(bytes.number(at + 10, 2)),
      isEncrypted: bytes.number(at + 8, 2) & 1 != 0,
      isLink: system == 3 && mode & 0o170000 == 0o120000, crc: UInt32(bytes.number(at + 16, 4)),
      packed: packed, unpacked: unpacked, header: header)
  }

  /// The directory's bytes, found from the end of the file, and how many entries it has.
  private func directory() throws(ReadError) -> (bytes: [UInt8], entries: Int64) {
    // 22 bytes and a comment.
    let tail = try read(at: max(0, size - 65_557), count: Int(min(size, 65_557)))
    var end = tail.count - 22
    while end >= 0, tail.number(end, 4) != 0x0605_4B50 { end -= 1 }
    guard end >= 0 else { throw damaged("its directory is missing; is the copy whole?") }
    var (length, begin) = (Int64(tail.number(end + 12, 4)), Int64(tail.number(end + 16, 4)))
    var count = Int64(tail.number(end + 10, 2))
    // The locator of zip64 stands before it.
    if end >= 20, tail.number(end - 20, 4) == 0x0706_4B50,
      let record = Int64(exactly: tail.number(end - 12, 8)), record <= size - 56
    {
      let bytes = try read(at: record, count: 56)
      guard bytes.number(0, 4) == 0x0606_4B50, let long = Int64(exactly: bytes.number(40, 8)),
        let far = Int64(exactly: bytes.number(48, 8)),
        let many = Int64(exactly: bytes.number(32, 8))
      else { throw damaged("its directory is missing; is the copy whole?") }
      (length, begin, count) = (long, far, many)
    }
    guard length <= Self.longestDirectory, begin <= size, length <= size - begin else {
      throw damaged("its directory is missing or too long")
    }
    return (try read(at: begin, count: Int(length)), count)
  }

  /// The target of a link.
  private func text(of entry: Entry) throws(ReadError) -> String? {
    guard entry.unpacked <= 4_096 else { return nil }
    var text: [UInt8] = []
    let fault = try copy(entry) { (bytes, count) throws(ReadError) in text += bytes.prefix(count) }
    return fault == nil ? String(decoding: text, as: UTF8.self) : nil
  }

  /// Hands out the content of an entry. Returns what is wrong with it; nil: nothing.
  private func copy(
    _ entry: Entry, _ take: ([UInt8], Int) throws(ReadError) -> Void
  ) throws(ReadError) -> String? {
    let damage = "is damaged in the archive"
    guard entry.header <= size - 30 else { return damage }
    let local = try read(at: entry.header, count: 30)
    guard local.number(0, 4) == 0x0403_4B50 else { return damage }
    var at =
      entry.header + 30 + Int64(local.number(26, 2)) + Int64(local.number(28, 2))
    guard at <= size, entry.packed <= size - at else { return damage }
    var (left, made) = (entry.packed, Int64(0))
    var crc: UInt = 0
    var room = [UInt8](repeating: 0, count: 1 << 17)
    let decoder: GzipDecoder?
    do {
      decoder = entry.method == 8 ? try GzipDecoder(windowBits: -15) : nil
    } catch {
      throw ReadError(path: path, reason: error.reason)
    }
    var isEnd = entry.method == 0
    var packed: [UInt8] = []
    var start = 0
    while left > 0 || start < packed.count || (decoder != nil && !isEnd) {
      // What the decoder holds back needs no more bytes.
      if start == packed.count, left > 0 {
        packed = try read(at: at, count: Int(min(left, 1 << 17)))
        guard !packed.isEmpty else { return damage }
        start = 0
        at += Int64(packed.count)
        left -= Int64(packed.count)
      }
      let produced: Int
      if let decoder {
        guard let step = Self.step(decoder, packed, start, &room) else { return damage }
        guard step.consumed > 0 || step.produced > 0 || step.isEnd else { return damage }
        start += step.consumed
        produced = step.produced
        isEnd = step.isEnd
      } else {
        produced = packed.count - start
        room.replaceSubrange(0..<produced, with: packed[start...])
        start = packed.count
      }
      made += Int64(produced)
      guard made <= entry.unpacked else { return damage }
      crc = unsafe room.withUnsafeBytes { bytes in
        unsafe crc32(
          crc, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(produced))
      }
      try take(room, produced)
      if decoder != nil, isEnd { break }
    }
    return made == entry.unpacked && UInt32(truncatingIfNeeded: crc) == entry.crc ? nil : damage
  }

  /// One call of the decoder; nil: the data are damaged.
  private static func step(
    _ decoder: GzipDecoder, _ packed: [UInt8], _ start: Int, _ room: inout [UInt8]
  ) -> DecodingStep? {
    unsafe packed.withUnsafeBytes { packed in
      unsafe room.withUnsafeMutableBytes { room in
        try? unsafe decoder.decode(
          UnsafeRawBufferPointer(rebasing: packed[start...]),
          into: UnsafeMutableRawBufferPointer(rebasing: room[...]))
      }
    }
  }

  private func damaged(_ what: String) -> ReadError {
    ReadError(path: path, reason: "its zip data are damaged: \(what)")
  }

  /// Bytes of the file; fewer only where it ends.
  private func read(at offset: Int64, count: Int) throws(ReadError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var got = 0
    while got < count {
      let more = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + got }, count - got, off_t(offset) + got)
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw ReadError(path: path, errno: errno) }
      if more == 0 { break }
      got += more
    }
    bytes.removeLast(count - got)
    return bytes
  }
}

extension [UInt8] {
  /// A little-endian number of up to 8 bytes; 0 where they are not there.
  fileprivate func number(_ at: Int, _ count: Int) -> UInt64 {
    guard at >= 0, at + count <= self.count else { return 0 }
    return (0..<count).reduce(0) { $0 | UInt64(self[at + $1]) << UInt64(8 * $1) }
  }
}
