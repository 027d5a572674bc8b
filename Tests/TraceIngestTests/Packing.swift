internal import CompressionLibraries

/// Packs bytes as the programs of these names do.
enum Packing: String, CaseIterable {
  case gzip, xz, zstd, bzip2

  func pack(_ bytes: [UInt8]) -> [UInt8] {
    var room = [UInt8](repeating: 0, count: bytes.count + bytes.count / 2 + 4096)
    let count = unsafe room.withUnsafeMutableBytes { room in
      unsafe bytes.withUnsafeBytes { bytes in
        switch self {
        case .gzip: unsafe gzip(bytes, room)
        case .xz:
          unsafe xz(bytes, room)
        case .zstd:
          unsafe ZSTD_compress(room.baseAddress, room.count, bytes.baseAddress, bytes.count, 3)
        case .bzip2:
          unsafe bzip2(bytes, room)
        }
      }
    }
    return Array(room[0..<count])
  }

  /// Pieces of one stream of zstd that never ends, each flushed, as perf writes them.
  static func zstdStream(_ pieces: [[UInt8]]) -> [[UInt8]] {
    guard let context = unsafe ZSTD_createCCtx() else { return [] }
    defer { unsafe _ = ZSTD_freeCCtx(context) }
    return pieces.map { piece in
      var room = [UInt8](repeating: 0, count: piece.count * 2 + 4096)
      let count = unsafe room.withUnsafeMutableBytes { room in
        unsafe piece.withUnsafeBytes { piece in
          var input = unsafe ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
          var output = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
          unsafe _ = ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush)
          return unsafe output.pos
        }
      }
      return Array(room[0..<count])
    }
  }

  private func gzip(_ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Int {
    var stream = unsafe z_stream()
    unsafe _ = deflateInit2_(
      &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    unsafe stream.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.avail_in = UInt32(bytes.count)
    unsafe stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.avail_out = UInt32(room.count)
    unsafe _ = deflate(&stream, Z_FINISH)
    let count = unsafe Int(stream.total_out)
    unsafe _ = deflateEnd(&stream)
    return count
  }

  private func xz(_ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Int {
    var count = 0
    unsafe _ = lzma_easy_buffer_encode(
      6, LZMA_CHECK_CRC64, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
      bytes.count, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count, room.count)
    return count
  }

  private func bzip2(_ bytes: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Int
  {
    var count = UInt32(room.count)
    unsafe _ = BZ2_bzBuffToBuffCompress(
      room.baseAddress?.assumingMemoryBound(to: CChar.self), &count,
      UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: CChar.self)),
      UInt32(bytes.count), 9, 0, 0)
    return Int(count)
  }
}
