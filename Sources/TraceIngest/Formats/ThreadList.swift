internal import TraceModel

/// `ps -eLo pid,tid,psr,comm` with any columns that have `PID` and `TID` (or `LWP`, `SPID`), and HMP's
/// `info cpus`:
///
///       PID   TID PSR CLS PRI  NI     TIME STAT COMMAND
///     18571 18579   1  TS  19   0 00:04:23 S    CPU 0/KVM
///     * CPU #0: thread_id=25627
struct ThreadList: TraceFormat {
  let name = "ps"
  let producedBy = "ps -eLo pid,tid,psr,comm"
  let clock = "none"
  let goodFor = "which threads are vCPUs, iothreads and vhost workers"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    let lines = ThreadLines()
    var log = FactLog()
    // The header, then a row below it.
    return anyLine(of: head, atMost: 8) { start, end in
      lines.take(head, start, end, &log) && log.batch.count > 0
    } ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(FactLineReader(sink: sink, format: name, lines: ThreadLines()))
  }
}

private final class ThreadLines: FactLines {
  private var columns = 0
  private var pid: Int?
  private var parent: Int?
  private var tid: Int?
  private var cpu: Int?
  private var hasCommand = false

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if let found = bytes.find("thread_id=", from: start, end),
      let number = bytes.find("CPU #", from: start, found)
    {
      return monitor(bytes, number + 5, found + 10, end, &log)
    }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    if header(bytes, fields) { return true }
    guard columns > 0, let tid, fields.count >= columns - (hasCommand ? 1 : 0),
      let thread = bytes.wholeNumber(fields[tid])
    else { return false }
    var fact = ThreadFact(tid: thread, line: log.line)
    if let pid {
      guard let process = bytes.wholeNumber(fields[pid]) else { return false }
      fact.pid = process
    }
    if let parent { fact.parent = bytes.wholeNumber(fields[parent]) }
    if let cpu { fact.cpu = bytes.wholeNumber(fields[cpu]) }
    if hasCommand, fields.count >= columns {
      // Names have blanks: everything from there to the end of the line.
      let from = fields[columns - 1].lowerBound
      fact.comm = bytes.text(from: from, to: end)
      ThreadName.role(bytes, from, end, &fact)
    }
    log.batch.threads.append(fact)
    return true
  }

  private func header(_ bytes: Span<UInt8>, _ fields: Fields) -> Bool {
    func place(_ names: [StaticString]) -> Int? {
      (0..<fields.count).first { index in names.contains { bytes.equals($0, fields[index]) } }
    }
    guard let thread = place(["TID", "LWP", "SPID"]) else { return false }
    tid = thread
    pid = place(["PID", "TGID"])
    parent = place(["PPID"])
    cpu = place(["PSR", "P", "CPUID"])
    columns = fields.count
    hasCommand = place(["COMMAND", "CMD", "COMM", "NAME"]) == fields.count - 1
    return true
  }

  /// `* CPU #0: thread_id=25627`
  private func monitor(
    _ bytes: Span<UInt8>, _ number: Int, _ thread: Int, _ end: Int, _ log: inout FactLog
  ) -> Bool {
    var at = number
    guard let vcpu = bytes.decimal(&at, end) else { return false }
    at = thread
    guard let tid = bytes.decimal(&at, end) else { return false }
    var fact = ThreadFact(tid: tid, line: log.line)
    fact.role = .vcpu
    fact.vcpu = vcpu
    log.batch.threads.append(fact)
    return true
  }
}

/// What the name of a thread says about it, as QEMU (`debug-threads=on`) and vhost give names.
enum ThreadName {
  /// `CPU 3/KVM`, `IO iothread0`, `vhost-2832`, `qemu-system-x86`.
  static func role(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ fact: inout ThreadFact) {
    if bytes.has("CPU ", at: start, end) {
      var at = start + 4
      if let vcpu = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: "/") {
        fact.role = .vcpu
        fact.vcpu = vcpu
      }
    } else if bytes.has("IO ", at: start, end) {
      fact.role = .iothread
      fact.name = bytes.text(from: start + 3, to: end)
    } else if bytes.has("vhost-", at: start, end) {
      fact.role = .vhost
    } else if bytes.has("qemu-", at: start, end) || bytes.equals("kvm", start..<end) {
      fact.role = .emulator
    }
  }
}
