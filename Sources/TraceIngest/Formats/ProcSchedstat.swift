internal import TraceModel

/// `/proc/schedstat`: what the scheduler of each CPU did.
///
///     version 15
///     timestamp 4294907384
///     cpu0 0 0 7102 1051 3677 3032 31366985780 32904218657 7186
///     domain0 3 765 701 11 16026 62 0 0 686 ...
struct ProcSchedstat: CounterFormat {
  let name = "proc-schedstat"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/schedstat; done"
  let goodFor = "time that tasks ran and waited, per CPU"

  func table() -> any CounterTable { ProcSchedstatTable() }
}

private final class ProcSchedstatTable: CounterTable {
  private static let columns: [(String, CounterUnit)] = [
    ("yields", .count), ("legacy", .count), ("schedules", .count), ("idle_schedules", .count),
    ("wakeups", .count), ("local_wakeups", .count), ("run_ns", .nanoseconds),
    ("wait_ns", .nanoseconds), ("timeslices", .count),
  ]
  private var counters: [Int32] = []
  private var cpu = ""
  private var isOpen = false
  private var version: Int64 = 0

  func interrupt(_ reason: CounterBreak) { if reason != .blank { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("version ", at: start, end), let number = bytes.wholeNumber(start + 8..<end) {
      version = number
      isOpen = true
      return true
    }
    // Jiffies.
    if bytes.has("timestamp ", at: start, end), bytes.isNumber(start + 10..<end) { return isOpen }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    if bytes.has("cpu", at: start, end), fields.count == 10 {
      return try cpu(bytes, log)
    }
    // `domain0 3 ...`, from 6.15 on `domain0 MC 3 ...`: balancing, by CPU mask.
    guard isOpen, !cpu.isEmpty, bytes.has("domain", at: start, end), fields.count > 20 else {
      return false
    }
    let firstValue = bytes.isNumber(fields[2]) && version < 17 ? 2 : 3
    for index in firstValue..<fields.count where !bytes.isNumber(fields[index]) { return false }
    let domain = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
    let object = try log.object("proc-schedstat", .domain, "cpu\(cpu) \(domain)")
    try log.begin(object)
    // Their meaning depends on the version, so they keep their number: `v15.1`, `v15.2`.
    for index in firstValue..<fields.count {
      guard let value = bytes.wholeNumber(fields[index]) else { continue }
      let counter = try log.counter("v\(version).\(index - firstValue + 1)")
      try log.add(object, counter, value, .total)
    }
    log.events += 1
    return true
  }

  private func cpu(_ bytes: Span<UInt8>, _ log: CounterLog) throws -> Bool {
    let fields = log.fields
    let name = fields[0].lowerBound + 3..<fields[0].upperBound
    guard bytes.isNumber(name) else { return false }
    for index in 1...9 where !bytes.isNumber(fields[index]) { return false }
    if counters.isEmpty { counters = try Self.columns.map { try log.counter($0.0, $0.1) } }
    cpu = bytes.text(from: name.lowerBound, to: name.upperBound)
    let object = try log.object("proc-schedstat", .cpu, cpu)
    try log.begin(object)
    for (index, counter) in counters.enumerated() {
      guard let value = bytes.wholeNumber(fields[index + 1]) else { continue }
      try log.add(object, counter, value, .total)
    }
    isOpen = true
    log.events += 1
    return true
  }
}

/// Loops over `/proc/PID/task/*/schedstat` with the thread written along:
///
///     2842 (CPU 0/KVM) 32932224795 6123664698 5991
///     1795337815.550581999 18577 3532966699 22037603443 51240 IO io1
///
/// Also the files as `grep .` and `head` print them, which name no thread but its number:
///
///     /proc/2840/task/2842/schedstat:32932224795 6123664698 5991
///     ==> /proc/2840/task/2842/schedstat <==
///     32932224795 6123664698 5991
///
/// The three numbers are ns on a CPU, ns waiting for one, and turns.
struct TaskSchedstat: CounterFormat {
  let name = "task-schedstat"
  let producedBy =
    "for t in /proc/$PID/task/*; do echo \"${t##*/} ($(cat $t/comm)) $(cat $t/schedstat)\"; done"
  let goodFor = "how long vCPU threads waited for a CPU, without a trace"

  func table() -> any CounterTable { TaskSchedstatTable() }
}

private final class TaskSchedstatTable: CounterTable {
  private var counters: [Int32] = []
  /// The thread that a line above names, whose numbers are due.
  private var named: Int64?

  func interrupt(_ reason: CounterBreak) { if reason != .blank { named = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if let file = Self.file(bytes, start, end) {
      guard file.end < end, bytes[file.end] == UInt8(ascii: ":") else {
        guard file.end == end || bytes.has(" <==", at: file.end, end) else { return false }
        named = file.thread
        return true
      }
      return try numbers(bytes, file.end + 1, end, of: file.thread, log)
    }
    if let thread = named {
      named = nil
      if try numbers(bytes, start, end, of: thread, log) { return true }
    }
    var at = start
    guard let pid = bytes.decimal(&at, end), pid < 1 << 23 else { return false }
    if at == end, log.prefix != nil, !counters.isEmpty {
      // `1795338083.312231011 20769`: the thread ended while the loop came to it.
      log.notices.add(.toolNotice, line: log.line, column: nil, bytes: bytes, from: start, to: end)
      return true
    }
    guard at + 1 < end, bytes[at] == 0x20 else { return false }
    at += 1
    let name: Range<Int>
    var values: [Int64] = []
    if bytes[at] == UInt8(ascii: "(") {
      // Names may hold anything: the last parenthesis closes.
      var close = end - 1
      while close > at, bytes[close] != UInt8(ascii: ")") { close -= 1 }
      guard close > at else { return false }
      name = at + 1..<close
      log.fields.cut(bytes, close + 1, end)
      guard log.fields.count == 3 else { return false }
      for index in 0..<3 {
        guard let value = bytes.wholeNumber(log.fields[index]) else { return false }
        values.append(value)
      }
    } else {
      // Only with a date before: three numbers and a word are common.
      guard log.prefix != nil else { return false }
      for _ in 0..<3 {
        guard let value = bytes.decimal(&at, end), at < end, bytes[at] == 0x20 else {
          return false
        }
        values.append(value)
        at += 1
      }
      name = at..<end
    }
    try add(values, to: "\(pid) \(bytes.text(from: name.lowerBound, to: name.upperBound))", log)
    return true
  }

  /// The thread of `/proc/2840/task/2842/schedstat` or `/proc/2840/schedstat` in a line, and where that ends.
  private static func file(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (thread: Int64, end: Int)? {
    guard let found = bytes.find("/proc/", from: start, end), found - start <= 6 else { return nil }
    var at = found + 6
    guard var thread = bytes.decimal(&at, end) else { return nil }
    if bytes.has("/task/", at: at, end) {
      at += 6
      guard let own = bytes.decimal(&at, end) else { return nil }
      thread = own
    }
    guard thread < 1 << 23, bytes.has("/schedstat", at: at, end) else { return nil }
    return (thread, at + 10)
  }

  /// `32932224795 6123664698 5991` of a thread whose name is not written.
  private func numbers(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, of thread: Int64, _ log: CounterLog
  ) throws -> Bool {
    log.fields.cut(bytes, start, end)
    guard log.fields.count == 3 else { return false }
    var values: [Int64] = []
    for index in 0..<3 {
      guard let value = bytes.wholeNumber(log.fields[index]) else { return false }
      values.append(value)
    }
    try add(values, to: "\(thread)", log)
    return true
  }

  private func add(_ values: [Int64], to name: String, _ log: CounterLog) throws {
    if counters.isEmpty {
      counters = [
        try log.counter("run_ns", .nanoseconds), try log.counter("wait_ns", .nanoseconds),
        try log.counter("timeslices"),
      ]
    }
    let task = try log.object("task-schedstat", .task, name)
    try log.begin(task)
    for (counter, value) in zip(counters, values) { try log.add(task, counter, value, .total) }
    log.events += 1
  }
}
