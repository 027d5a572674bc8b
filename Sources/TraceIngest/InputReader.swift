internal import Glibc

/// Reads a file in pieces and hands out its lines, or its bytes, by position without copying them; a line
/// that a piece breaks is moved to the front before the next piece is read.
struct InputReader: ~Copyable {
  /// The bytes at hand. Valid until the next call of ``fill()``.
  private(set) var buffer: [UInt8]
  /// Where the bytes come from.
  let source: ByteSource
  private var start = 0
  private var end = 0
  private var atEnd = false
  /// The line handed out last is the beginning of one whose end was lost with the rest of a packed file.
  private(set) var isCut = false

  static let pieceSize = 1 << 20
  /// A longer line is cut here: no format has such lines, and memory must not follow hostile input.
  static let longestLine = 1 << 24

  /// Reads the source from where it stands, `pieceSize` bytes at a time.
  init(source: ByteSource, pieceSize: Int = InputReader.pieceSize) {
    self.source = source
    buffer = [UInt8](repeating: 0, count: pieceSize)
  }

  /// The first bytes of the file, to tell its format by; to be called before any line is taken. The mark
  /// that some editors put before UTF-8 text is not among them.
  mutating func head() throws(ReadError) -> ArraySlice<UInt8> {
    while end < buffer.count, !atEnd { try fillOnce() }
    if end >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF { start = 3 }
    return buffer[start..<min(end, start + 1 << 16)]
  }

  /// The next line as positions in ``buffer``, without its newline, carriage return and NUL padding;
  /// nil at the end of the file.
  @inline(__always)
  mutating func next() throws(ReadError) -> Range<Int>? {
    while true {
      if let newline = newline(from: start) {
        let line = start..<trimmed(start, newline)
        start = newline + 1
        return line
      }
      if atEnd || end - start >= Self.longestLine {
        guard start < end else { return nil }
        isCut = atEnd && source.isTruncated
        let line = start..<trimmed(start, end)
        start = end
        return line
      }
      try fill()
    }
  }

  /// The bytes at hand, which are at least so many but at the end of the file.
  mutating func available(atLeast count: Int) throws(ReadError) -> Range<Int> {
    while end - start < count, !atEnd { try fill() }
    return start..<end
  }

  /// The bytes at hand, from the beginning of a line on.
  var atHand: Range<Int> { start..<end }

  /// Takes bytes away.
  mutating func take(_ count: Int) { start += count }

  @inline(__always)
  private func newline(from position: Int) -> Int? {
    buffer.span.newline(from: position, to: end)
  }

  @inline(__always)
  private func trimmed(_ from: Int, _ to: Int) -> Int {
    var last = to
    while last > from, buffer[last - 1] == 13 || buffer[last - 1] == 0 { last -= 1 }
    return last
  }

  /// Makes room behind the bytes that are still needed and reads a piece.
  private mutating func fill() throws(ReadError) {
    if start > 0 {
      unsafe buffer.withUnsafeMutableBytes { bytes in
        if let base = bytes.baseAddress {
          unsafe _ = memmove(base, base + start, end - start)
        }
      }
      end -= start
      start = 0
    }
    if end == buffer.count {
      buffer.append(contentsOf: repeatElement(0, count: buffer.count))
    }
    try fillOnce()
  }

  private mutating func fillOnce() throws(ReadError) {
    let count = try source.read(into: &buffer, at: end, count: buffer.count - end)
    if count == 0 { atEnd = true }
    end += count
  }
}

/// One file of a source that is read as bytes.
public final class InputPart {
  var input: InputReader

  init(_ input: consuming InputReader) { self.input = input }

  /// Lends the bytes at hand.
  @inline(__always)
  func withBytes<Value>(_ body: (Span<UInt8>) -> Value) -> Value {
    let buffer = input.buffer
    return body(buffer.span)
  }
}
