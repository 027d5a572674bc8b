internal import TraceModel

/// Reads a text of tracepoints: takes each line out of its envelope and gives it to the family that
/// knows the event. Events of no family are counted.
final class TracepointReader<Envelope: TracepointEnvelope>: LineFormatReader {
  private let format: String
  private let defaultClock: String
  private let families: [any TracepointFamily]
  private var envelope = Envelope()
  private var summary = SourceSummary()
  private var notices = ProblemTally()
  private var extent = TracepointExtent()
  private var files = ReportedFiles()

  init(format: String, clock: String, families: [any TracepointFamily]) {
    self.format = format
    defaultClock = clock
    self.families = families
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    if try readParsed(bytes, line, number: number) { return }
    // `[...]` looks like a notice.
    guard let aside = envelope.aside(bytes, line),
      aside != .notice || !Annotations.isElision(bytes, line)
    else { throw ParseError(.unrecognizedLine, column: 1) }
    try take(aside, bytes, line, number: number)
  }

  func readEvent(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    guard try readParsed(bytes, line, number: number) else {
      throw ParseError(.unrecognizedLine, column: 1)
    }
  }

  /// Reads a line in the envelope; false when it is none.
  @inline(__always)
  private func readParsed(
    _ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64
  ) throws -> Bool {
    var event = TracepointLine()
    guard envelope.parse(bytes, line, into: &event) else { return false }
    if event.event.isEmpty {
      // `<stack trace>` in the place of an event, its lines follow; `/* text */` of a marker.
      guard
        bytes.has("<stack trace>", at: event.payload.lowerBound, event.payload.upperBound)
          || bytes.has("/*", at: event.payload.lowerBound, event.payload.upperBound)
      else {
        throw ParseError(.unrecognizedLine, column: event.payload.lowerBound - line.lowerBound + 1)
      }
      return true
    }
    event.number = number
    event.start = line.lowerBound
    if let file = Envelope.file(bytes, event) {
      files.note(bytes, file, event)
    } else if !files.isEmpty {
      files.note(bytes, line.lowerBound..<line.lowerBound, event)
    }
    if try isLoss(bytes, event) { return true }
    for family in families where try family.read(bytes, event) {
      extent.add(time: event.time, resolution: event.resolution)
      return true
    }
    extent.add(time: event.time, resolution: event.resolution)
    notices.add(
      .unusedEvent, line: number, column: nil, bytes: bytes, from: line.lowerBound,
      to: line.upperBound)
    return true
  }

  func readAhead(
    _ bytes: Span<UInt8>, _ range: Range<Int>, number: Int64
  ) throws -> (Int64, Int) {
    guard Envelope.hasColumns else { return (0, range.lowerBound) }
    // Only the first may take what it sees before the others were asked.
    return try families[0].readAhead(bytes, range, number: number, extent: &extent)
  }

  /// `PERF_RECORD_LOST lost 123`, which perf prints as an event of the CPU that lost.
  @inline(__always)
  private func isLoss(_ bytes: Span<UInt8>, _ event: TracepointLine) throws -> Bool {
    guard bytes[event.event.lowerBound] == UInt8(ascii: "P"),
      bytes.has("PERF_RECORD_LOST", at: event.event.lowerBound, event.event.upperBound)
    else { return false }
    var at = event.payload.lowerBound
    let end = event.payload.upperBound
    if bytes.has("lost ", at: at, end) { at += 5 }
    try lost(cpu: event.cpu < 0 ? nil : event.cpu, bytes.decimal(&at, end), event.number)
    return true
  }

  private func take(
    _ aside: TracepointAside, _ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64
  ) throws {
    switch aside {
    case .decoration: break
    case .notice:
      notices.add(
        .toolNotice, line: number, column: nil, bytes: bytes, from: line.lowerBound,
        to: line.upperBound)
    case .header(let header):
      take(
        SourceHeader(
          name: bytes.text(from: header.name.lowerBound, to: header.name.upperBound),
          value: bytes.text(
            from: header.value.lowerBound,
            to: min(header.value.upperBound, header.value.lowerBound + Self.longestHeader))))
    case .lost(let cpu, let events): try lost(cpu: cpu, events, number)
    case .file(let name):
      files.head(bytes, name)
      notices.add(
        .toolNotice, line: number, column: nil, bytes: bytes, from: line.lowerBound,
        to: line.upperBound)
      try files.refuseSeveral(line: number)
    case .lostBefore(let events):
      summary.lostEvents.add(saturating: events)
      notices.add(.droppedEvents, count: events, line: number)
    }
  }

  private func lost(cpu: Int32?, _ events: Int64?, _ number: Int64) throws {
    // A loss of unknown size is at least one event.
    summary.lostEvents.add(saturating: events ?? 1)
    notices.add(.droppedEvents, count: events ?? 1, line: number)
    for family in families { try family.lost(cpu: cpu) }
  }

  /// Bytes of a header that are kept.
  private static var longestHeader: Int { 4096 }

  /// Headers that are worth keeping; perf prints dozens.
  private static var kept: [String] {
    [
      "captured on", "hostname", "os release", "perf version", "arch", "nrcpus online", "cmdline",
      "clockid", "reference time", "time of first sample", "time of last sample", "tracer",
    ]
  }

  private func take(_ header: SourceHeader) {
    guard Self.kept.contains(header.name), summary.headers.count < 64 else { return }
    summary.headers.append(header)
    if header.name == "clockid" {
      // `monotonic (1)`
      summary.toolClock = String(header.value.prefix { $0 != " " })
    }
    if header.name == "reference time" { summary.start = PerfReferenceTime.start(header.value) }
  }

  var takesAnnotatedLines: Bool { true }

  /// What stood there may have been anything.
  func elided() throws {
    for family in families { try family.lost(cpu: nil) }
  }

  func finish() throws -> SourceSummary {
    try files.refuseSeveral(line: nil)
    // The differences that `perf script --deltatime` prints instead of times go up and down.
    if extent.events >= 64, extent.falls * 4 > extent.events {
      throw IngestError.refused(
        .notInOrder, line: nil, lines: extent.events,
        hint: "its times go up and down; if it was made with --deltatime, make it again without")
    }
    summary.format = format
    if summary.toolClock.isEmpty { summary.toolClock = defaultClock }
    summary.events = extent.events
    if extent.events > 0 {
      summary.resolution = Int64(extent.resolution)
      summary.first = Stamp(extent.first)
      summary.last = Stamp(extent.last)
    }
    for family in families { try family.finish(&summary) }
    summary.problems.append(contentsOf: notices.all)
    return summary
  }
}

/// The files, or buffers, whose lines `trace-cmd report` printed into one text, each with its name before it.
///
/// Those of several machines must not become one: their CPUs and threads have the same numbers. The buffers of one
/// machine may stand together as long as not two of them show the same switches.
private struct ReportedFiles {
  private struct File {
    let name: [UInt8]
    var hasHead = false
    /// It has events of which one machine has one stream.
    var isWhole = false
  }

  private var files: [File] = []
  /// More are not distinguished.
  private static let most = 64

  var isEmpty: Bool { files.isEmpty }

  /// `trace.dat: cpus=2`.
  mutating func head(_ bytes: Span<UInt8>, _ name: Range<Int>) {
    if let place = place(bytes, name) { files[place].hasHead = true }
  }

  /// An event of the file of this name; of none when it is empty.
  mutating func note(_ bytes: Span<UInt8>, _ name: Range<Int>, _ event: TracepointLine) {
    guard let place = place(bytes, name) else { return }
    if !files[place].isWhole {
      files[place].isWhole =
        bytes.has("sched_switch", at: event.event.lowerBound, event.event.upperBound)
        || bytes.has("block_rq_", at: event.event.lowerBound, event.event.upperBound)
    }
  }

  private mutating func place(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Int? {
    for place in files.indices where files[place].name.count == name.count {
      var isSame = true
      for index in 0..<name.count where files[place].name[index] != bytes[name.lowerBound + index] {
        isSame = false
        break
      }
      if isSame { return place }
    }
    guard files.count < Self.most else { return nil }
    var text: [UInt8] = []
    for index in name { text.append(bytes[index]) }
    files.append(File(name: text))
    return files.count - 1
  }

  /// Throws when the text is of several files that may be of several machines.
  func refuseSeveral(line: Int64?) throws(IngestError) {
    let heads = files.filter(\.hasHead)
    let several = heads.count > 1 ? heads : files.filter(\.isWhole)
    guard several.count > 1 else { return }
    let names = several.map {
      $0.name.isEmpty ? "(no name)" : Printable.text(String(decoding: $0.name, as: UTF8.self))
    }
    throw .refused(
      .severalMachines, line: line, lines: 0,
      hint:
        "it is a report of \(names.count) trace files, \(names.joined(separator: ", ")), whose machines "
        + "must not be mixed; print each by itself and name its machine: trace-cmd report -i \(names[0]) > "
        + "\(names[0]).txt")
  }
}

/// The anchor that `perf record -k` leaves in the head:
///
///     # reference time: 2026-11-22 08:28:22.258739 = 1795336102.258739 (TOD) = 1480.030015724 (monotonic)
enum PerfReferenceTime {
  /// The time of day, ns, at which perf's clock was 0.
  static func start(_ text: String) -> (nanoseconds: Int64, clock: String)? {
    let parts = text.split(separator: "=")
    guard parts.count == 3, let day = nanoseconds(parts[1]), let clock = nanoseconds(parts[2])
    else { return nil }
    return (day - clock, "CLOCK_REALTIME")
  }

  /// ` 1480.030015724 (monotonic)`.
  private static func nanoseconds(_ text: Substring) -> Int64? {
    guard let number = text.split(separator: " ").first else { return nil }
    let halves = number.split(separator: ".")
    guard halves.count == 2, let seconds = Int64(halves[0]),
      (0..<Stamp.mostSeconds).contains(seconds),
      (1...9).contains(halves[1].utf8.count),
      let fraction = Int64(halves[1] + String(repeating: "0", count: 9 - halves[1].utf8.count)),
      fraction >= 0
    else { return nil }
    return seconds * 1_000_000_000 + fraction
  }
}

/// The families that read tracepoints, whichever tool printed them. A new family is a file with its
/// payloads and its place here.
func tracepointFamilies(into sink: any EventSink) -> [any TracepointFamily] {
  [
    SchedTracepoints(sink: sink), PageCacheTracepoints(sink: sink), BlockTracepoints(sink: sink),
    KVMTracepoints(), QEMUTracepoints(sink: sink),
  ]
}
