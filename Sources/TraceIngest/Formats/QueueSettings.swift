internal import TraceModel

/// Settings of disks' queues as a loop or `grep . /sys/block/*/queue/*` prints them:
///
///     /sys/block/vdb/queue/nr_requests:256
///     vdb/queue/scheduler: [mq-deadline] none
struct QueueSettings: FactFormat {
  let name = "queue-settings"
  let producedBy = "grep . /sys/block/*/queue/{scheduler,nr_requests,max_sectors_kb,write_cache}"
  let clock = "none"
  let goodFor = "schedulers and limits on both sides: double queueing"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = QueueLines()
    return anyLine(of: head, atMost: 8) { start, end in lines.opens(head, start, end) }
  }

  func lines() -> any FactLines { QueueLines() }
}

private final class QueueLines: FactLines {
  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let lines: [StaticString] = ["/scheduler:", "/nr_requests:", "/max_sectors_kb:"]
    for line in lines {
      guard let found = bytes.find(line, from: start, end) else { continue }
      // A path and nothing before it: prose has blanks.
      return bytes.find(" ", from: start, found) == nil
    }
    return false
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    // `NAME   MAJ:MIN       SIZE TYPE START`: a list of devices follows, which is another format's.
    if BlockDeviceList.isHeader(bytes, start, end) { return false }
    guard let colon = bytes.find(":", from: start, end) else {
      // `/sys/block/vdb/mq/0`: a hardware queue.
      if bytes.has("/sys/block/", at: start, end) { return true }
      return isWord(bytes, start, end, &log)
    }
    var at = colon + 1
    bytes.skipBlanks(&at, end)
    let path = bytes.text(from: start, to: colon)
    // The device is behind `/block/`, or first: `vdb/queue/scheduler`, `vdb nr_tags`.
    let parts = path.split { $0 == "/" || $0 == " " }
    let first = parts.firstIndex(of: "block").map { $0 + 1 } ?? 0
    guard first + 1 < parts.count else { return isWord(bytes, start, end, &log) }
    let name = parts[(first + 1)...].filter { $0 != "queue" }.joined(separator: " ")
    // `|-vdb1 254:17  1073741824 part`: no setting is called by a number.
    guard let initial = name.utf8.first, initial &- 0x61 < 26 else { return false }
    log.batch.settings.append(
      SettingFact(
        kind: "queue", object: String(parts[first]), name: name,
        value: bytes.text(from: at, to: end), line: log.line))
    return true
  }

  /// `254:16`, `LABDATA`: a word alone is another command's answer, which names no device.
  private func isWord(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    guard bytes.find(" ", from: start, end) == nil else { return false }
    log.notices.add(.toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
    return true
  }
}
