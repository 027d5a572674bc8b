internal import CompressionLibraries

/// gzip (RFC 1952), or the raw deflate of zip (RFC 1951), by zlib.
@safe final class GzipDecoder: Decoder {
  // Behind a pointer: zlib refuses a stream that has moved.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Without a number: the largest window, and gzip's header and trailer; -15: no header at all.
  init(windowBits: Int32 = 15 + 16) throws(DecodingFailure) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let status = unsafe inflateInit2_(
      stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      unsafe stream.deallocate()
      throw DecodingFailure(reason: "zlib could not be started (\(status))")
    }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func decode(
    _ packed: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> DecodingStep {
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: packed.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = UInt32(packed.count)
    unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(room.count)
    let status = unsafe inflate(stream, Z_NO_FLUSH)
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
      let message = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw DecodingFailure(reason: message ?? "zlib status \(status)")
    }
    return unsafe DecodingStep(
      consumed: packed.count - Int(stream.pointee.avail_in),
      produced: room.count - Int(stream.pointee.avail_out), isEnd: status == Z_STREAM_END)
  }

  func restart() throws(DecodingFailure) {
    guard unsafe inflateReset(stream) == Z_OK else {
      throw DecodingFailure(reason: "zlib could not be restarted")
    }
  }
}

/// xz, by liblzma.
@safe final class XZDecoder: Decoder {
  private let stream: UnsafeMutablePointer<lzma_stream>
  /// `xz -9` needs 65 MiB; a header that asks for more than this is refused.
  private static let mostMemory: UInt64 = 256 << 20

  init() throws(DecodingFailure) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: lzma_stream())
    do {
      try restart()
    } catch {
      unsafe stream.deallocate()
      throw error
    }
  }

  deinit {
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  func decode(
    _ packed: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> DecodingStep {
    unsafe stream.pointee.next_in = packed.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_in = packed.count
    unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = room.count
    let status = unsafe lzma_code(stream, LZMA_RUN)
    switch status {
    case LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR: break
    case LZMA_MEMLIMIT_ERROR:
      throw DecodingFailure(reason: "it needs more than 256 MiB of memory to unpack")
    case LZMA_OPTIONS_ERROR: throw DecodingFailure(reason: "its filters are not supported")
    case LZMA_DATA_ERROR: throw DecodingFailure(reason: "checksum or data error")
    default: throw DecodingFailure(reason: "liblzma status \(status.rawValue)")
    }
    return unsafe DecodingStep(
      consumed: packed.count - stream.pointee.avail_in,
      produced: room.count - stream.pointee.avail_out, isEnd: status == LZMA_STREAM_END)
  }

  func restart() throws(DecodingFailure) {
    let status = unsafe lzma_stream_decoder(stream, Self.mostMemory, 0)
    guard status == LZMA_OK else {
      throw DecodingFailure(reason: "liblzma could not be started (\(status.rawValue))")
    }
  }
}

/// zstd, by libzstd.
@safe final class ZstandardDecoder: Decoder {
  private let stream: OpaquePointer

  init() throws(DecodingFailure) {
    guard let created = unsafe ZSTD_createDStream() else {
      throw DecodingFailure(reason: "libzstd could not be started")
    }
    unsafe stream = created
  }

  deinit { unsafe _ = ZSTD_freeDStream(stream) }

  func decode(
    _ packed: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> DecodingStep {
    var input = unsafe ZSTD_inBuffer(src: packed.baseAddress, size: packed.count, pos: 0)
    var output = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
    // Windows above 128 MiB (zstd --long=28 and more) are refused by the library itself.
    let status = unsafe ZSTD_decompressStream(stream, &output, &input)
    guard ZSTD_isError(status) == 0 else {
      let name = unsafe ZSTD_getErrorName(status).map { unsafe String(cString: $0) }
      throw DecodingFailure(reason: name ?? "libzstd status \(status)")
    }
    return unsafe DecodingStep(consumed: input.pos, produced: output.pos, isEnd: status == 0)
  }

  func restart() throws(DecodingFailure) {
    guard ZSTD_isError(unsafe ZSTD_DCtx_reset(stream, ZSTD_reset_session_only)) == 0 else {
      throw DecodingFailure(reason: "libzstd could not be restarted")
    }
  }
}

/// bzip2, by libbz2.
@safe final class Bzip2Decoder: Decoder {
  // Behind a pointer: libbz2 refuses a stream that has moved.
  private let stream: UnsafeMutablePointer<bz_stream>

  init() throws(DecodingFailure) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: bz_stream())
    guard unsafe BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
      unsafe stream.deallocate()
      throw DecodingFailure(reason: "libbz2 could not be started")
    }
  }

  deinit {
    unsafe BZ2_bzDecompressEnd(stream)
    unsafe stream.deallocate()
  }

  func decode(
    _ packed: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(DecodingFailure) -> DecodingStep {
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: packed.baseAddress?.assumingMemoryBound(to: CChar.self))
    unsafe stream.pointee.avail_in = UInt32(packed.count)
    unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: CChar.self)
    unsafe stream.pointee.avail_out = UInt32(room.count)
    let status = unsafe BZ2_bzDecompress(stream)
    guard status == BZ_OK || status == BZ_STREAM_END else {
      throw DecodingFailure(
        reason: status == BZ_DATA_ERROR ? "checksum or data error" : "libbz2 status \(status)")
    }
    return unsafe DecodingStep(
      consumed: packed.count - Int(stream.pointee.avail_in),
      produced: room.count - Int(stream.pointee.avail_out), isEnd: status == BZ_STREAM_END)
  }

  func restart() throws(DecodingFailure) {
    unsafe BZ2_bzDecompressEnd(stream)
    unsafe stream.pointee = bz_stream()
    guard unsafe BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
      throw DecodingFailure(reason: "libbz2 could not be restarted")
    }
  }
}
