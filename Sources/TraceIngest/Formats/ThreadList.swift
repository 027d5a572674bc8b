internal import TraceModel

/// `ps -eLo pid,tid,psr,comm` with any columns that have `PID` and `TID` (or `LWP`, `SPID`), and HMP's
/// `info cpus`:
///
///       PID   TID PSR CLS PRI  NI     TIME STAT COMMAND
///     18571 18579   1  TS  19   0 00:04:23 S    CPU 0/KVM
///     * CPU #0: thread_id=25627
struct ThreadList: FactFormat {
  let name = "ps"
  let producedBy = "ps -eLo pid,tid,psr,comm"
  let clock = "none"
  let goodFor = "which threads are vCPUs, iothreads and vhost workers"

  func begins(_ head: Span<UInt8>) -> Bool {
    let lines = ThreadLines()
    var log = FactLog()
    // The header, then a row below it.
    return anyLine(of: head, atMost: 8) { start, end in
      lines.take(head, start, end, &log) && log.batch.count > 0
    }
  }

  func lines() -> any FactLines { ThreadLines() }
}

final class ThreadLines: FactLines {
  private var columns = 0
  private var pid: Int?
  private var parent: Int?
  private var tid: Int?
  private var cpu: Int?
  private var hasCommand = false

  func opens(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    if Self.monitor(bytes, start, end, line: 1) != nil { return true }
    var fields = Fields()
    fields.cut(bytes, start, end)
    func has(_ names: StaticString...) -> Bool {
      names.contains { name in (0..<fields.count).contains { bytes.equals(name, fields[$0]) } }
    }
    // `top -H` and `pidstat -t` have other columns besides.
    return fields.count >= 2 && has("TID", "LWP", "SPID")
      && has("PID", "TGID", "COMMAND", "CMD", "COMM", "NAME")
      && bytes.find("%usr", from: start, end) == nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: inout FactLog) -> Bool {
    if let fact = Self.monitor(bytes, start, end, line: log.line) {
      log.batch.threads.append(fact)
      return true
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
      let name = bytes.text(from: from, to: end)
      fact.comm = name
      fact.role =
        Hypervisor.role(ofThread: name) ?? (Hypervisor.isProcess(name) ? .emulator : nil)
      fact.vcpu = Hypervisor.vcpu(ofThread: name)
      if fact.role == .iothread { fact.name = Hypervisor.ioThreadName(ofThread: name) }
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

  /// `* CPU #0: thread_id=25627`; nil for any other line.
  static func monitor(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, line: Int64
  ) -> ThreadFact? {
    var at = start
    while at < end, bytes[at] <= 0x20 || bytes[at] == UInt8(ascii: "*") { at += 1 }
    guard bytes.has("CPU #", at: at, end), let found = bytes.find("thread_id=", from: at, end)
    else { return nil }
    at += 5
    guard let vcpu = bytes.decimal(&at, end) else { return nil }
    at = found + 10
    guard let tid = bytes.decimal(&at, end) else { return nil }
    var fact = ThreadFact(tid: tid, line: line)
    fact.role = .vcpu
    fact.vcpu = vcpu
    return fact
  }
}
