public import TraceModel

/// Why a source was refused as a whole.
public enum IngestError: Error, Sendable {
  /// The file has no bytes, or nothing but blank lines.
  case empty
  /// No line in the file is an event of the format.
  case noEvents(format: String, firstLine: String, lines: Int64)
  /// No format recognises the file.
  case unrecognized(hint: String?)
  /// An option that cannot be meant.
  case unusableOption(String)
  /// A set of files that is no binary trace.
  case notOneText(files: Int)
  /// The file is of a format that is read, and all of it is refused, for the reason in kind and hint.
  case refused(ProblemKind, line: Int64?, lines: Int64, hint: String)
  /// More lines than allowed could not be used.
  case tooManyBadLines(bad: Int64, of: Int64, allowedPercent: Double, first: Problem)

  /// Why a file of a format that was recognised was refused, to be kept, and how many of its lines were
  /// read; nil for a file that is none of ours or empty.
  public var refusal: (problem: Problem, lines: Int64)? {
    switch self {
    case .noEvents(_, let firstLine, let lines):
      (
        Problem(kind: .noEvents, line: 1, column: 1, count: lines, excerpt: firstLine),
        lines
      )
    case .tooManyBadLines(let bad, let all, _, let first):
      (
        Problem(
          kind: .tooManyBadLines, line: first.line, column: first.column, count: bad,
          excerpt: first.excerpt), all
      )
    case .refused(let kind, let line, let lines, let hint):
      (Problem(kind: kind, line: line, column: nil, count: 1, excerpt: hint), lines)
    case .empty, .unrecognized, .unusableOption, .notOneText: nil
    }
  }
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
  /// The files of a set behind the first.
  private let others: [InputPart]
  private let sources: [ByteSource]
  private let format: any TraceFormat
  private let options: IngestOptions
  /// The beginning of the file, to describe a refused one.
  private let head: [UInt8]
  /// Told how many bytes were read, now and then.
  private let progress: (Int64) -> Void

  /// The name of the format it was recognised as.
  public var formatName: String { format.name }

  /// The side that files of its format are always of; nil: either.
  public var readBy: Layer? { format.readBy }

  /// Whether such a file may be given by itself.
  public var standsAlone: Bool { format.standsAlone }

  /// Opens a file, or the files of a set, and tells the format. Throws ``ReadError`` or ``IngestError``.
  public init(
    input: SourceInput, options: IngestOptions = IngestOptions(),
    progress: @escaping (Int64) -> Void = { _ in }
  ) throws {
    var sources: [ByteSource] = []
    for path in input.parts { sources.append(try ByteSource(path: path)) }
    try self.init(sources: sources, options: options, progress: progress)
  }

  /// Tells the format of an open file. Throws ``ReadError`` or ``IngestError``.
  public init(
    source: ByteSource, options: IngestOptions = IngestOptions(),
    progress: @escaping (Int64) -> Void = { _ in }
  ) throws {
    try self.init(sources: [source], options: options, progress: progress)
  }

  private init(
    sources: [ByteSource], options: IngestOptions, progress: @escaping (Int64) -> Void
  ) throws {
    if sources.count > 1 { for source in sources { source.isOneOfSeveral = true } }
    let pieceSize = sources.count == 1 ? InputReader.pieceSize : 1 << 17
    var input = InputReader(source: sources[0], pieceSize: pieceSize)
    var others: [InputPart] = []
    var head = try input.head()
    for source in sources.dropFirst() {
      var other = InputReader(source: source, pieceSize: pieceSize)
      let begin = try other.head()
      if head.isEmpty { head = begin }
      others.append(InputPart(other))
    }
    guard !head.isEmpty, head.count == 1 << 16 || head.contains(where: { $0 > 0x20 || $0 == 0 })
    else { throw IngestError.empty }
    if Self.isUTF16(head.span) {
      throw IngestError.unrecognized(
        hint: "this is UTF-16 text, as PowerShell's '>' writes it; convert it: "
          + "iconv -f UTF-16 -t UTF-8 FILE > FILE.txt")
    }
    if let named = options.format {
      let forms = allFormats.filter { $0.name == named.name }
      format = Self.recognize(head.span, among: forms) ?? named
    } else {
      guard let format = Self.recognize(head.span) else {
        throw IngestError.unrecognized(hint: Self.hint(head.span))
      }
      self.format = format
    }
    self.head = Array(head)
    self.input = input
    self.others = others
    self.sources = sources
    self.options = options
    self.progress = progress
  }

  /// Reads it all into the sink. Throws ``ReadError``, ``IngestError``, or what the sink throws; then
  /// nothing of the source may be kept.
  public consuming func read(into sink: any EventSink) throws -> SourceSummary {
    let (format, options, sources, head) = (format, options, sources, head)
    var summary =
      switch format.reader(into: sink) {
      case .lines(let reader): try readLines(reader)
      case .bytes(let reader): try readBytes(reader)
      }
    summary.bytes = sources.reduce(0) { $0 + $1.bytesRead }
    summary.sha256 = try ByteSource.sha256(of: sources)
    var content = ProblemTally()
    content.add(.truncatedInput, count: Int64(sources.count { $0.isTruncated }))
    content.add(.trailingBytes, count: sources.reduce(0) { $0 + $1.trailingBytes })
    summary.problems.append(contentsOf: content.all)
    if let gap = SourceInput.gap(in: sources.map(\.path)) {
      summary.problems.append(
        Problem(kind: .missingCPUFile, line: nil, column: nil, count: gap.files, excerpt: gap.words)
      )
    }
    let bad = summary.problems.filter {
      $0.kind.severity == .skipped && $0.kind != .trailingBytes
    }
    guard summary.events > 0 else {
      // What is no text has no first line to show.
      guard let begin = head.firstIndex(where: { $0 > 0x20 }), !head.prefix(512).contains(0)
      else { throw IngestError.empty }
      if let advice = KnownOutputs.advice(head.span) {
        throw IngestError.unrecognized(hint: advice)
      }
      let end = head[begin...].firstIndex { $0 == 10 || $0 == 13 } ?? head.count
      let first = head.span.text(from: begin, to: min(end, begin + ProblemTally.excerptLength))
      throw IngestError.noEvents(
        format: format.name, firstLine: bad.first?.excerpt ?? first, lines: summary.lines)
    }
    let all = summary.skippedLines + summary.events
    let percent = 100 * Double(summary.skippedLines) / Double(all)
    if percent > 50, let advice = KnownOutputs.advice(head.span, isRead: true) {
      // The user named the format; it was not recognised.
      throw IngestError.unrecognized(hint: advice)
    }
    if percent > options.allowedBadPercent, let most = bad.max(by: { $0.count < $1.count }) {
      throw IngestError.tooManyBadLines(
        bad: summary.skippedLines, of: all, allowedPercent: options.allowedBadPercent, first: most)
    }
    return summary
  }

  private mutating func readLines(_ reader: any LineFormatReader) throws -> SourceSummary {
    guard others.isEmpty else { throw IngestError.notOneText(files: others.count + 1) }
    let source = sources[0]
    var tally = ProblemTally()
    var number: Int64 = 0
    var skipped: Int64 = 0
    var nextProgress: Int64 = 0
    reader.begin(path: source.path)
    while true {
      let ahead = try reader.readAhead(input.buffer.span, input.atHand, number: number + 1)
      number += ahead.0
      input.take(ahead.1 - input.atHand.lowerBound)
      guard let line = try input.next() else { break }
      number += 1
      defer {
        if number >= nextProgress {
          progress(source.bytesRead)
          nextProgress = number + 1 << 16
        }
      }
      do {
        if input.isCut { throw ParseError(.truncatedLine, column: line.count + 1) }
        try reader.read(input.buffer.span, line, number: number)
      } catch let error as ParseError {
        if let note = try Self.reread(reader, input.buffer.span, line, number: number) {
          tally.add(
            note, line: number, column: nil, bytes: input.buffer.span, from: line.lowerBound,
            to: line.upperBound)
          continue
        }
        skipped += 1
        tally.add(
          error.kind, line: number, column: error.column, bytes: input.buffer.span,
          from: line.lowerBound, to: line.upperBound)
      }
    }
    var summary = try reader.finish()
    summary.lines = number
    summary.skippedLines += skipped
    summary.problems.insert(contentsOf: tally.all, at: 0)
    return summary
  }

  /// Looks at a line that the reader cannot use for what a person or a terminal added to it, and has it read without
  /// that; nil when that does not help.
  private static func reread(
    _ reader: any LineFormatReader, _ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64
  ) throws -> ProblemKind? {
    guard reader.takesAnnotatedLines else { return nil }
    if Annotations.isElision(bytes, line) {
      try reader.elided()
      return .elidedLines
    }
    if let clean = Annotations.withoutEcho(bytes, line) {
      if clean.allSatisfy({ $0 == 0x20 }) { return .toolNotice }
      do {
        try reader.read(clean.span, 0..<clean.count, number: number)
        return .annotatedLine
      } catch is ParseError {}
    }
    for end in Annotations.remarks(bytes, line) {
      do {
        try reader.readEvent(bytes, line.lowerBound..<end, number: number)
        return .annotatedLine
      } catch is ParseError {}
    }
    return nil
  }

  private consuming func readBytes(_ reader: any ByteFormatReader) throws -> SourceSummary {
    let (sources, progress) = (sources, progress)
    try reader.read([InputPart(input)] + others) {
      progress(sources.reduce(0) { $0 + $1.bytesRead })
    }
    return try reader.finish()
  }

  /// The format that is surest of itself; nil when none is.
  static func recognize(
    _ head: Span<UInt8>, among formats: [any TraceFormat] = allFormats
  ) -> (any TraceFormat)? {
    var best: (any TraceFormat)?
    var certainty = Recognition.no
    for format in formats {
      let recognition = format.recognizes(head)
      if recognition > certainty {
        best = format
        certainty = recognition
      }
      if certainty == .yes { break }
    }
    return best
  }

  /// What to do with a file that we do not read but know.
  private static func hint(_ head: Span<UInt8>) -> String? {
    if head.has("ustar", at: 257, head.count) {
      return "this is a tar archive; unpack it: tar -xf FILE"
    }
    if PerfSchedMap.isMap(head) { return PerfSchedMap.hint }
    return QEMUTraceLog.hint(head) ?? KnownOutputs.advice(head)
  }

  /// A byte order mark of UTF-16, or text in which every other byte is zero.
  private static func isUTF16(_ head: Span<UInt8>) -> Bool {
    guard head.count >= 4 else { return false }
    if head[0] == 0xFF, head[1] == 0xFE { return true }
    if head[0] == 0xFE, head[1] == 0xFF { return true }
    var zeros = [0, 0]
    let count = min(head.count, 512) & ~1
    for index in 0..<count where head[index] == 0 { zeros[index & 1] += 1 }
    return max(zeros[0], zeros[1]) * 10 > count / 2 * 9 && min(zeros[0], zeros[1]) == 0
  }
}
