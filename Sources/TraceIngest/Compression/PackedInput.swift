/// The packed bytes of a file on their way through a decoder, member after member.
final class PackedInput {
  let compression: Compression
  /// The file has no more bytes.
  private(set) var isAtEndOfFile = false
  /// Bytes behind the last member that are neither a member nor padding.
  private(set) var trailingBytes: Int64 = 0

  private let decoder: any Decoder
  private var packed: [UInt8]
  private var start = 0
  private var end: Int
  private var phase = Phase.member

  private enum Phase {
    case member
    case betweenMembers
    /// What is left is only counted.
    case behind
  }

  /// What one attempt came to.
  enum Progress {
    case bytes(Int)
    case needsInput
    /// The last member is whole.
    case end
    /// The file ends within a member.
    case truncated
  }

  private static let pieceSize = 1 << 18

  init(_ compression: Compression, begin: ArraySlice<UInt8>) throws(DecodingFailure) {
    self.compression = compression
    decoder = try compression.decoder()
    packed = Array(begin)
    end = packed.count
    if packed.count < Self.pieceSize {
      packed.append(contentsOf: repeatElement(0, count: Self.pieceSize - packed.count))
    }
  }

  /// Whether more of the file is needed before anything can be done.
  var wantsMore: Bool {
    switch phase {
    case .member, .behind: start == end
    case .betweenMembers: end - start < Compression.magicLength
    }
  }

  /// Takes more of the file; `read` gets a place and the room behind it, and returns 0 at the end.
  func refill(
    _ read: (inout [UInt8], Int, Int) throws(ReadError) -> Int
  ) throws(ReadError) {
    if start > 0 {
      packed.replaceSubrange(0..<end - start, with: Array(packed[start..<end]))
      end -= start
      start = 0
    }
    let got = try read(&packed, end, packed.count - end)
    end += got
    if got == 0 { isAtEndOfFile = true }
  }

  func decode(
    into buffer: inout [UInt8], at offset: Int, count: Int
  ) throws(DecodingFailure) -> Progress {
    switch phase {
    case .member:
      let step = try step(into: &buffer, at: offset, count: count)
      start += step.consumed
      if step.isEnd { phase = .betweenMembers }
      if step.produced > 0 { return .bytes(step.produced) }
      if step.isEnd || start < end && step.consumed > 0 { return .needsInput }
      if start < end { throw DecodingFailure(reason: "the decoder does not go on") }
      return isAtEndOfFile ? .truncated : .needsInput
    case .betweenMembers:
      // Padding: tape blocks behind gzip, groups of four between the streams of xz.
      while start < end, packed[start] == 0 { start += 1 }
      if start == end { return isAtEndOfFile ? .end : .needsInput }
      if !isAtEndOfFile, wantsMore { return .needsInput }
      if Compression(packed.span.extracting(start..<end)) == compression {
        try decoder.restart()
        phase = .member
      } else {
        phase = .behind
      }
      return .needsInput
    case .behind:
      trailingBytes += Int64(end - start)
      start = end
      return isAtEndOfFile ? .end : .needsInput
    }
  }

  private func step(
    into buffer: inout [UInt8], at offset: Int, count: Int
  ) throws(DecodingFailure) -> DecodingStep {
    var result: Result<DecodingStep, DecodingFailure> = .failure(DecodingFailure(reason: ""))
    unsafe packed.withUnsafeBytes { packed in
      unsafe buffer.withUnsafeMutableBytes { room in
        do throws(DecodingFailure) {
          result = .success(
            try unsafe decoder.decode(
              UnsafeRawBufferPointer(rebasing: packed[start..<end]),
              into: UnsafeMutableRawBufferPointer(rebasing: room[offset..<offset + count])))
        } catch {
          result = .failure(error)
        }
      }
    }
    return try result.get()
  }
}
