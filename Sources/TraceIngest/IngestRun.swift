public import TraceModel

/// Why a source was refused as a whole.
public enum IngestError: Error, Sendable {
  /// The file has no bytes, or nothing but blank lines.
  case empty
  /// No line in the file is an event of the format.
  case noEvents(format: String, firstLine: String)
  /// No format recognises the file.
  case unrecognized(hint: String?)
  /// More lines than allowed could not be used.
  case tooManyBadLines(bad: Int64, of: Int64, allowedPercent: Double, first: Problem)
}

/// How to read a source.
public struct IngestOptions: Sendable {
  /// The format to read it as; nil to tell by the content.
  public var format: (any TraceFormat)?
  /// Share of the lines, in percent, that may be unusable before the source is refused.
  public var allowedBadPercent = 10.0

  /// Tell the format by content; refuse above 10 % bad lines.
  public init() {}
}

/// Reads one source from its first byte to its last, and counts what it could not use.
public struct IngestRun: ~Copyable {
  private var input: InputReader
  private let format: any TraceFormat
  private let options: IngestOptions
  /// Told how many bytes were read, now and then.
  private let progress: (Int64) -> Void

  /// Opens a source and tells its format. Throws ``ReadError`` or ``IngestError``.
  public init(
    source: ByteSource, options: IngestOptions = IngestOptions(),
    progress: @escaping (Int64) -> Void = { _ in }
  ) throws {
    var input = InputReader(source: source)
    let head = try input.head()
    guard !head.isEmpty else { throw IngestError.empty }
    if let format = options.format {
      self.format = format
    } else {
      guard let format = Self.recognize(head.span) else {
        throw IngestError.unrecognized(hint: Self.hint(head.span))
      }
      self.format = format
    }
    self.input = input
    self.options = options
    self.progress = progress
  }

  /// Reads it all into the sink. Throws ``ReadError``, ``IngestError``, or what the sink throws; then
  /// nothing of the source may be kept.
  public consuming func read(into sink: any EventSink) throws -> SourceSummary {
    var bad: [Problem] = []
    var summary =
      switch format.reader(into: sink) {
      case .lines(let reader): try readLines(reader, &bad)
      case .bytes(let reader): try readBytes(reader)
      }
    summary.bytes = input.bytesRead
    summary.sha256 = input.sha256()
    guard summary.events > 0 else {
      guard let first = bad.first?.excerpt else { throw IngestError.empty }
      throw IngestError.noEvents(format: format.name, firstLine: first)
    }
    let all = summary.skippedLines + summary.events
    let percent = 100 * Double(summary.skippedLines) / Double(all)
    // A reader of bytes has counted its own.
    let skipped = summary.problems.filter { $0.kind.severity == .skipped }
    if percent > options.allowedBadPercent, let most = skipped.max(by: { $0.count < $1.count }) {
      throw IngestError.tooManyBadLines(
        bad: summary.skippedLines, of: all, allowedPercent: options.allowedBadPercent, first: most)
    }
    return summary
  }

  private mutating func readLines(
    _ reader: any LineFormatReader, _ bad: inout [Problem]
  ) throws -> SourceSummary {
    var tally = ProblemTally()
    var number: Int64 = 0
    var skipped: Int64 = 0
    while let line = try input.next() {
      number += 1
      do {
        try reader.read(input.buffer.span, line, number: number)
      } catch let error as ParseError {
        skipped += 1
        tally.add(
          error.kind, line: number, column: error.column, bytes: input.buffer.span,
          from: line.lowerBound, to: line.upperBound)
      }
      if number & 0xFFFF == 0 { progress(input.bytesRead) }
    }
    bad = tally.all
    var summary = try reader.finish()
    summary.lines = number
    summary.skippedLines += skipped
    summary.problems.insert(contentsOf: bad, at: 0)
    return summary
  }

  private mutating func readBytes(_ reader: any ByteFormatReader) throws -> SourceSummary {
    while let (range, isEnd) = try input.available() {
      let used = try reader.read(input.buffer.span, range, isEnd: isEnd)
      input.take(used)
      progress(input.bytesRead)
      if isEnd { break }
    }
    return try reader.finish()
  }

  /// The format that is surest of itself; nil when none is.
  static func recognize(_ head: Span<UInt8>) -> (any TraceFormat)? {
    var best: (any TraceFormat)?
    var certainty = Recognition.no
    for format in allFormats {
      let recognition = format.recognizes(head)
      if recognition > certainty {
        best = format
        certainty = recognition
      }
    }
    return best
  }

  /// What to do with a file that we do not read but know.
  private static func hint(_ head: Span<UInt8>) -> String? {
    if head.has("PERFILE2", at: 0, head.count) {
      return "this is perf.data; convert it: perf script -i FILE > FILE.txt"
    }
    if head.has("\u{17}\u{08}Dtracing", at: 0, head.count) {
      return "this is a trace.dat; convert it: trace-cmd report -i FILE > FILE.txt"
    }
    let magics: [StaticString] = ["\u{07}tae", "\u{08}tae", "eat\u{07}", "eat\u{08}"]
    for magic in magics where head.has(magic, at: 0, head.count) {
      return "this is blktrace binary; convert it: blkparse -i FILE > FILE.txt"
    }
    if PerfSchedMap.isMap(head) { return PerfSchedMap.hint }
    return nil
  }
}
