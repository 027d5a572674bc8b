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

  init(format: String, clock: String, families: [any TracepointFamily]) {
    self.format = format
    defaultClock = clock
    self.families = families
  }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    var event = TracepointLine()
    guard envelope.parse(bytes, line, into: &event) else {
      guard let aside = envelope.aside(bytes, line) else {
        throw ParseError(.unrecognizedLine, column: 1)
      }
      try take(aside, bytes, line, number: number)
      return
    }
    // `<stack trace>` in the place of an event: its lines follow.
    if event.event.isEmpty { return }
    event.number = number
    event.start = line.lowerBound
    if try isLoss(bytes, event) { return }
    for family in families where try family.read(bytes, event) {
      extent.add(time: event.time, resolution: event.resolution)
      return
    }
    extent.add(time: event.time, resolution: event.resolution)
    notices.add(
      .unusedEvent, line: number, column: nil, bytes: bytes, from: line.lowerBound,
      to: line.upperBound)
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

  func finish() throws -> SourceSummary {
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
