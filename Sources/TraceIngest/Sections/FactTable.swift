internal import TraceModel

/// Facts about a machine among the tables of counters: several commands may have written one file.
final class FactTable: CounterTable {
  let lines: any FactLines
  private(set) var isOpen = false
  private var log = FactLog()

  init(_ lines: any FactLines) { self.lines = lines }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    guard isOpen || lines.opens(bytes, start, end) else { return false }
    let count = self.log.batch.count
    self.log.line = log.line
    guard lines.take(bytes, start, end, &self.log) else { return false }
    isOpen = true
    log.events += Int64(self.log.batch.count - count)
    // A long line may be a long text.
    if self.log.batch.count >= 1024 || end - start > 1 << 16 { try flush(log) }
    return true
  }

  /// Lines of it may follow without its head.
  func open() { isOpen = true }

  func interrupt(_ reason: CounterBreak) { if reason == .other { isOpen = false } }

  func finish(_ log: CounterLog) throws {
    let count = self.log.batch.count
    lines.finish(&self.log)
    log.events += Int64(self.log.batch.count - count)
    try flush(log)
    for problem in self.log.notices.all { log.notices.add(problem) }
  }

  private func flush(_ log: CounterLog) throws {
    guard self.log.batch.count > 0 else { return }
    try log.receive(self.log.batch)
    self.log.batch = TopologyBatch()
  }
}

/// A format of facts that stand in lines of text.
protocol FactFormat: TraceFormat {
  /// What takes its lines.
  func lines() -> any FactLines
  /// Whether a file that begins so is of this format, when nothing stands before it.
  func begins(_ head: Span<UInt8>) -> Bool
}

extension FactFormat {
  func recognizes(_ head: Span<UInt8>) -> Recognition {
    let isOurs = begins(head) || CounterReader.finds(name, head)
    // With counters in it, it is one of theirs; all is read all the same.
    return isOurs && !CounterReader.hasCounters(head) ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(CounterReader(sink: sink, format: name))
  }
}

/// All of them, in the order in which they are asked about a line.
let factFormats: [any FactFormat] = [
  LscpuParsable(), NumactlHardware(), ThreadList(), ThreadAffinity(), VirtualCPUPins(),
  QEMUCommandLine(),
  BlockDeviceList(),
  DmsetupTable(), FilefragMap(), QueueSettings(), LibvirtDomain(), DiskIOTune(),
  ControlGroupLimits(), ClockReadings(), CaptureClocks(),
]
