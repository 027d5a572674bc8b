internal import TraceModel

/// What QEMU's `log` trace backend writes, with `-msg timestamp=on`:
///
///     17676@1795337431.063066:virtio_blk_handle_read vdev 0x55813c2ef450 req 0x55813b74c6c0 sector 0 nsectors 1
///
/// and what `simpletrace.py` prints of a binary trace, with the time since the event before in us:
///
///     virtio_blk_req_complete 12.345 pid=1234 vdev=0x55813c2ef450 req=0x55813b74c6c0 status=0x0
///
/// (util/log.c and scripts/simpletrace.py of QEMU.)
struct QEMUTraceLog: TraceFormat {
  let name = "qemu-log"
  let producedBy =
    "qemu-system-x86_64 -msg timestamp=on -trace 'virtio_blk_*' -trace 'virtqueue_*' -D FILE"
  let clock = "wall clock of the host (CLOCK_REALTIME, us); from simpletrace.py since its begin"
  let goodFor =
    "how long each request of a virtio-blk or virtio-scsi disk was inside QEMU, and in which part; "
    + "without a host's block trace it follows a guest's I/Os through QEMU"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    var found = Recognition.no
    var reader = QEMULine()
    TracepointHead.lines(head) { line in
      var event = QEMUEvent()
      if reader.parse(head, line, into: &event) != nil, QEMULine.isOurs(head, event.name) {
        found = .yes
      }
    }
    return found
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(QEMUTraceReader(sink: sink))
  }

  /// What to do with a trace without times; nil for anything else.
  static func hint(_ head: Span<UInt8>) -> String? {
    var found = false
    TracepointHead.lines(head) { line in
      let end = head.wordEnd(line.lowerBound, line.upperBound)
      if QEMULine.isOurs(head, line.lowerBound..<end),
        head.has(" vdev 0x", at: end, line.upperBound)
          || head.has(" vq 0x", at: end, line.upperBound)
          || head.has(" req 0x", at: end, line.upperBound)
      {
        found = true
      }
    }
    return found
      ? "this is a trace of QEMU without times, which tells no latency; run QEMU with -msg timestamp=on"
      : nil
  }
}

/// Takes lines of a QEMU trace apart.
struct QEMULine {
  /// Which clock a line's time is on.
  enum Clock {
    case wall
    case sinceTheFirst
  }

  /// The sum of the differences that simpletrace printed.
  private var elapsed: Int64 = 0
  private var hasFirst = false

  /// Takes a line apart; nil when it is no event with a time.
  mutating func parse(_ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout QEMUEvent)
    -> Clock?
  {
    event.start = line.lowerBound
    let end = line.upperBound
    var at = line.lowerBound
    if let tid = bytes.decimal(&at, end) {
      // `17676@1795337431.063066:`; the fraction has always six digits.
      guard at < end, bytes[at] == UInt8(ascii: "@"), let tid = UInt32(exactly: tid) else {
        return nil
      }
      at += 1
      guard let (time, _) = bytes.tracepointTime(&at, end), at < end,
        bytes[at] == UInt8(ascii: ":")
      else { return nil }
      event.tid = tid
      event.time = time
      event.name = at + 1..<bytes.wordEnd(at + 1, end)
      event.fields = event.name.upperBound..<end
      return Self.isName(bytes, event.name) ? .wall : nil
    }
    // `virtio_blk_req_complete 12.345 pid=1234 ...`
    event.name = at..<bytes.wordEnd(at, end)
    guard Self.isName(bytes, event.name), event.name.upperBound < end else { return nil }
    at = event.name.upperBound + 1
    guard let whole = bytes.decimal(&at, end), whole < Stamp.mostSeconds * 1_000_000, at + 3 < end,
      bytes[at] == UInt8(ascii: ".")
    else { return nil }
    at += 1
    let start = at
    guard let fraction = bytes.decimal(&at, end), at - start == 3, at == end || bytes[at] == 0x20
    else { return nil }
    let (sum, overflow) = elapsed.addingReportingOverflow(whole * 1000 + fraction)
    guard !overflow, Stamp.range.contains(sum) else { return nil }
    elapsed = hasFirst ? sum : 0
    hasFirst = true
    event.time = elapsed
    event.fields = at..<end
    event.tid = event.field("pid", bytes).flatMap { UInt32(exactly: $0) } ?? 0
    return .sinceTheFirst
  }

  private static func isName(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
    guard name.count > 2, bytes[name.lowerBound] &- 0x61 < 26 else { return false }
    var hasUnderscore = false
    for index in name {
      let byte = bytes[index]
      if byte == UInt8(ascii: "_") { hasUnderscore = true; continue }
      guard (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 else { return false }
    }
    return hasUnderscore
  }

  /// Whether an event is of a part of QEMU that disks have to do with.
  static func isOurs(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
    let parts: [StaticString] = ["virtio_", "virtqueue_", "blk_", "bdrv_", "qcow2_", "scsi_"]
    return parts.contains { bytes.has($0, at: name.lowerBound, name.upperBound) }
  }
}

/// Reads a QEMU trace.
final class QEMUTraceReader: LineFormatReader {
  private let folding: QEMURequestFolding
  private var lines = QEMULine()
  private var extent = TracepointExtent()
  private var clock: QEMULine.Clock?
  private var notices = ProblemTally()

  init(sink: any EventSink) { folding = QEMURequestFolding(sink: sink) }

  func read(_ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64) throws {
    guard !line.isEmpty else { return }
    var event = QEMUEvent()
    event.number = number
    guard let clock = lines.parse(bytes, line, into: &event), clock == self.clock ?? clock else {
      guard Self.isNotice(bytes, line) else { throw ParseError(.unrecognizedLine, column: 1) }
      notices.add(
        .toolNotice, line: number, column: nil, bytes: bytes, from: line.lowerBound,
        to: line.upperBound)
      return
    }
    self.clock = clock
    if try !folding.take(bytes, event) {
      notices.add(
        .unusedEvent, line: number, column: nil, bytes: bytes, from: line.lowerBound,
        to: line.upperBound)
    }
    extent.add(time: event.time, resolution: clock == .wall ? 1000 : 1)
  }

  /// `qemu-system-x86_64: warning: ...`, also with `2026-11-22T08:28:22.258739Z ` before.
  private static func isNotice(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    // The trace may stand in libvirt's log of the guest.
    let (start, end) = bytes.trimmed(line.lowerBound, line.upperBound)
    if start < end, LibvirtLog.isPart(bytes, start, end) { return true }
    return isMessage(bytes, line)
  }

  private static func isMessage(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    bytes.find("qemu", from: line.lowerBound, min(line.upperBound, line.lowerBound + 64)) != nil
      && bytes.find(": ", from: line.lowerBound, line.upperBound) != nil
  }

  func finish() throws -> SourceSummary {
    var summary = SourceSummary()
    summary.format = "qemu-log"
    summary.toolClock = clock == .sinceTheFirst ? "simpletrace" : "wall"
    summary.events = extent.events
    if extent.events > 0 {
      summary.resolution = Int64(extent.resolution)
      summary.first = Stamp(extent.first)
      summary.last = Stamp(extent.last)
    }
    try folding.finish(&summary)
    summary.problems.append(contentsOf: notices.all)
    return summary
  }
}
