internal import TraceModel

/// What `perf record` and `perf sched record` write: a file, a directory of `--threads`, or a pipe.
///
/// The tracepoints in it are read by the formats that the file has of them, so that it does not matter which perf and
/// which kernel wrote it. Events stand in the order in which `perf script` prints them.
struct PerfData: TraceFormat {
  let name = "perf-data"
  let producedBy = "perf sched record -k CLOCK_MONOTONIC -z -- sleep 30 (perf.data)"
  let clock = "perf's sched_clock, or the clock given to perf record -k"
  let goodFor = "as the text of perf script, without conversion, and losses by CPU and event"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    PerfHeader.magic(head) == nil ? .no : .yes
  }

  func reader(into sink: any EventSink) -> FormatReader { .bytes(PerfDataReader(sink: sink)) }
}

/// Reads a recording of perf.
final class PerfDataReader: ByteFormatReader {
  private let sink: any EventSink
  private var records: PerfRecords?
  /// perf was killed: it writes what it knows of the recording at its end.
  private var isUnfinished = false
  /// The file ends before what its head says.
  private var isCut = false
  /// A directory's file without the others.
  private var lacksParts = false

  private static let mostAttributeBytes: UInt64 = 1 << 24
  private static let mostFeatureBytes: UInt64 = 1 << 26

  init(sink: any EventSink) { self.sink = sink }

  func read(_ parts: [InputPart], progress: () -> Void) throws {
    let main = parts[0]
    let head = try main.input.available(atLeast: PerfHeader.length)
    let begin = Array(main.input.buffer[head].prefix(PerfHeader.length))
    guard case .ours(let isSwapped) = PerfHeader.magic(begin.span) else {
      throw Self.refused(
        0,
        "it is perf.data of version 1, as perf before Linux 2.6.34 wrote it; print it with that perf: "
          + "perf script -i FILE > FILE.txt")
    }
    guard let header = PerfHeader(begin.span, isSwapped: isSwapped) else {
      throw Self.refused(0, "its head is cut or damaged; copy it again")
    }
    var records = PerfRecords(sink: sink, isSwapped: isSwapped)
    if header.isPipe {
      main.input.take(16)
      try Self.walk(main, .max, &records, progress)
    } else {
      try readFile(main, header, &records, isOneOfSeveral: parts.count > 1, progress)
    }
    if parts.count > 1 {
      try readStreams(Array(parts.dropFirst()), &records, progress)
    } else if records.features.isDirectory {
      lacksParts = true
    }
    self.records = records
  }

  func finish() throws -> SourceSummary {
    var summary = SourceSummary()
    summary.format = "perf-data"
    guard var records else { return summary }
    self.records = nil
    try records.finish(&summary)
    if records.events.used == 0 { throw Self.refused(records.records, reason(records)) }
    let topology = records.features.topology.batch
    if topology.count > 0 { try sink.receive(topology) }
    if records.order.isForced {
      summary.problems.append(
        Problem(
          kind: .toolNotice, line: nil, column: nil, count: 1,
          excerpt: "its buffers hold more than is put in order at once: some events came late"))
    }
    return summary
  }

  private static func refused(_ records: Int64, _ hint: String) -> IngestError {
    .refused(.noEvents, line: nil, lines: records, hint: hint)
  }

  /// Why nothing could be used.
  private func reason(_ records: PerfRecords) -> String {
    if lacksParts {
      return
        "it is the head of a directory of perf record --threads, without the data beside it; give the directory"
    }
    if records.unformatted > 0, !records.hasFormats {
      let count = "the formats of its \(records.unformatted) tracepoints are missing"
      return isUnfinished
        ? "the recording was killed, and \(count), which perf writes at its end; stop perf with Ctrl-C (SIGINT), "
          + "or record to a pipe: perf record -o - ... > FILE"
        : isCut
          ? "the file is cut, and \(count), which stand at its end; copy it again"
          : "\(count); record it again"
    }
    if records.bare > 0 {
      return
        "its tracepoints were recorded without their fields or times; record them with perf record -R -T, "
        + "or with perf sched record"
    }
    if isUnfinished, records.samples == 0 {
      return "the recording was killed before anything was written; stop perf with Ctrl-C (SIGINT)"
    }
    if records.samples > 0 {
      return
        "its \(records.samples) samples are of no tracepoint that is used; record the scheduler's: perf sched "
        + "record, or perf record -a -e 'sched:*' -e 'block:*'"
    }
    if records.isDamaged {
      return
        "its records are damaged behind the first \(records.records), and none before that is used; copy it again"
    }
    return "it has no samples; was the recording stopped too early?"
  }

  // MARK: File mode

  private func readFile(
    _ main: InputPart, _ header: PerfHeader, _ records: inout PerfRecords, isOneOfSeveral: Bool,
    _ progress: () -> Void
  ) throws {
    // The formats stand behind the data: what cannot be read out of order is copied.
    let isSeekable = main.input.source.isSeekable
    let part =
      isSeekable
      ? main
      : InputPart(InputReader(source: try ByteSource.copy(of: &main.input)))
    let source = part.input.source
    let size = UInt64(try source.contentSize())
    try readAttributes(header, source, size, &records)
    guard header.data.offset >= 72, let end = header.data.end else {
      throw Self.refused(0, "its head is damaged; copy it again")
    }
    isUnfinished = header.data.size == 0 && !isOneOfSeveral && size > header.data.offset
    isCut = end > size
    if header.data.size > 0, !isCut { try readFeatures(header, end, source, size, &records) }
    try Self.skip(part, header.data.offset, &records)
    let length = isUnfinished ? size - min(size, header.data.offset) : header.data.size
    try Self.walk(part, length, &records, progress)
    // The rest was read already; it belongs to the file's fingerprint.
    while true {
      let rest = try part.input.available(atLeast: 1)
      if rest.isEmpty { break }
      part.input.take(rest.count)
    }
  }

  private func readAttributes(
    _ header: PerfHeader, _ source: ByteSource, _ size: UInt64, _ records: inout PerfRecords
  ) throws {
    let stride = header.attributeSize
    guard stride >= UInt64(PerfAttribute.smallest) + 16, stride < 1 << 16,
      header.attributes.size <= Self.mostAttributeBytes,
      let bytes = try Self.section(header.attributes, source, size)
    else { throw Self.refused(0, "its table of events is damaged; copy it again") }
    var known = 0
    for place in Swift.stride(from: 0, to: bytes.count - Int(stride) + 1, by: Int(stride)) {
      guard
        let attribute = PerfAttribute(
          bytes.span, at: place, available: Int(stride) - 16, isSwapped: header.isSwapped)
      else { continue }
      let last = place + Int(stride) - 16
      let table = PerfHeader.Section(
        offset: bytes.span.load64(at: last, header.isSwapped),
        size: bytes.span.load64(at: last + 8, header.isSwapped))
      var numbers: [UInt64] = []
      known += Int(clamping: table.size / 8)
      if table.size > 0, known <= 1 << 20, let ids = try Self.section(table, source, size) {
        for at in Swift.stride(from: 0, to: ids.count - 7, by: 8) {
          numbers.append(ids.span.load64(at: at, header.isSwapped))
        }
      }
      records.add(attribute, ids: numbers)
    }
  }

  private func readFeatures(
    _ header: PerfHeader, _ start: UInt64, _ source: ByteSource, _ size: UInt64,
    _ records: inout PerfRecords
  ) throws {
    let table = PerfHeader.Section(offset: start, size: UInt64(16 * header.features.count))
    guard let places = try Self.section(table, source, size) else { return }
    for (index, bit) in header.features.enumerated() {
      guard let kind = PerfFeatures.Kind(rawValue: bit) else { continue }
      let section = PerfHeader.Section(
        offset: places.span.load64(at: 16 * index, header.isSwapped),
        size: places.span.load64(at: 16 * index + 8, header.isSwapped))
      guard section.size <= Self.mostFeatureBytes,
        let bytes = try Self.section(section, source, size)
      else { continue }
      if kind == .tracingData {
        _ = records.readTracingData(bytes.span, 0..<bytes.count)
      } else {
        records.features.read(kind, bytes.span, 0..<bytes.count, header.isSwapped)
      }
    }
  }

  /// The bytes of a piece of the file; nil when it is not within the file.
  private static func section(
    _ section: PerfHeader.Section, _ source: ByteSource, _ size: UInt64
  ) throws(ReadError) -> [UInt8]? {
    guard let end = section.end, end <= size, section.size <= mostFeatureBytes else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(section.size))
    let got = try source.read(
      into: &bytes, at: 0, count: bytes.count, from: Int64(section.offset))
    return got == bytes.count ? bytes : nil
  }

  // MARK: Records

  private static func skip(
    _ part: InputPart, _ count: UInt64, _ records: inout PerfRecords
  ) throws(ReadError) {
    var left = count
    while left > 0 {
      let range = try part.input.available(atLeast: 1)
      guard !range.isEmpty else { return records.cut() }
      let step = Int(min(UInt64(range.count), left))
      part.input.take(step)
      left -= UInt64(step)
    }
  }

  /// Reads so many bytes of records, or up to the end of the file.
  private static func walk(
    _ part: InputPart, _ length: UInt64, _ records: inout PerfRecords, _ progress: () -> Void
  ) throws {
    var left = length
    var needed = 8
    while left > 0, !records.isStopped {
      needed = try walkPiece(part, &left, needed, &records)
      if needed == 0 { break }
      progress()
    }
    // Damage: the rest still belongs to the file.
    while try !part.input.available(atLeast: 1).isEmpty, length == .max {
      part.input.take(part.input.atHand.count)
    }
  }

  /// Reads the records at hand. Returns how many bytes are needed to go on; 0 at the end.
  private static func walkPiece(
    _ part: InputPart, _ left: inout UInt64, _ needed: Int, _ records: inout PerfRecords
  ) throws -> Int {
    let range = try part.input.available(atLeast: Int(min(UInt64(needed), left)))
    let count = Int(min(UInt64(range.count), left))
    guard count > 0 else { return 0 }
    guard count >= needed else {
      records.cut()
      part.input.take(count)
      return 0
    }
    let walk: PerfRecords.Walk
    do {
      let buffer = part.input.buffer
      walk = try records.walk(buffer.span, range.lowerBound..<range.lowerBound + count)
    }
    part.input.take(walk.used)
    if left != .max { left -= UInt64(walk.used) }
    if walk.skip > 0 {
      let skip = min(UInt64(walk.skip), left)
      try self.skip(part, skip, &records)
      if left != .max { left -= skip }
      return 8
    }
    return walk.needed
  }

  // MARK: Directories

  /// Reads the files of a directory, whose records have no marks of rounds: the one that is behind goes on.
  private func readStreams(
    _ parts: [InputPart], _ records: inout PerfRecords, _ progress: () -> Void
  ) throws {
    struct Place {
      var stream: PerfRecords.Stream
      var needed = 8
      var isAtEnd = false
    }
    var places: [Place] = []
    for part in parts {
      var stream = PerfRecords.Stream()
      stream.isSorted = try Self.isSorted(part, records)
      places.append(Place(stream: stream))
    }
    var unpackers = [PerfRecords.Unpacker?](repeating: nil, count: parts.count)
    while true {
      var next: Int?
      for index in places.indices where !places[index].isAtEnd {
        if next == nil || places[index].stream.settled < places[next ?? 0].stream.settled {
          next = index
        }
      }
      guard let index = next else { break }
      records.beginStream(places[index].stream, unpackers[index])
      var left = UInt64.max
      places[index].needed = try Self.walkPiece(
        parts[index], &left, places[index].needed, &records)
      if places[index].needed == 0 || records.isStopped {
        places[index].isAtEnd = true
        // What is behind damage belongs to the file.
        while try !parts[index].input.available(atLeast: 1).isEmpty {
          parts[index].input.take(parts[index].input.atHand.count)
        }
      }
      (places[index].stream, unpackers[index]) = records.endStream()
      let open = places.filter { !$0.isAtEnd }.map(\.stream.settled)
      try records.give(upTo: open.min() ?? .max)
      progress()
    }
  }

  /// Whether a file's samples are in the order of time, as those of one CPU are. It looks ahead; one that cannot be read
  /// out of order, or is compressed, may not be.
  private static func isSorted(_ part: InputPart, _ records: PerfRecords) throws -> Bool {
    _ = try part.input.available(atLeast: 8)
    let source = part.input.source
    guard source.isSeekable else { return false }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var position: Int64 = 0
    var latest = Int64.min
    while true {
      let got = try source.read(into: &buffer, at: 0, count: buffer.count, from: position)
      guard
        let used = records.follow(buffer.span, 0..<got, &latest)
      else { return false }
      guard used > 0 else { return true }
      position += Int64(used)
    }
  }
}
