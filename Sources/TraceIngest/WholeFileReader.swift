internal import TraceModel

/// Reads a file as a whole: for formats that cannot be cut into lines, as JSON. Such files describe a
/// machine and are small; a large one is something else.
protocol WholeFileReader: ByteFormatReader {
  /// Takes the whole file, which stands at these positions.
  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws
}

extension WholeFileReader {
  func read(_ parts: [InputPart], progress: () -> Void) throws {
    for part in parts {
      let range = try part.input.available(atLeast: wholeFileLimit + 1)
      guard range.count <= wholeFileLimit else {
        throw IngestError.refused(
          .tooLarge, line: nil, lines: 0,
          hint: "is larger than \(wholeFileLimit >> 20) MiB, which no file of its kind is")
      }
      let buffer = part.input.buffer
      try read(whole: buffer.span, range)
      part.input.take(range.count)
      progress()
    }
  }
}

/// Bytes that a file which is read as a whole may have.
private let wholeFileLimit = 64 << 20
