internal import TraceModel

/// `runqslower` of BCC and of libbpf-tools: each wait for a CPU that was longer than a limit.
///
///     Tracing run queue latency higher than 10000 us
///     TIME     COMM             TID           LAT(us)
///     04:16:32 CPU 0/KVM        12924           12739
///
/// Kept are the sums of a second of each thread. The day comes from a date before it.
struct Runqslower: CounterFormat {
  let name = "runqslower"
  let producedBy = "date; runqslower 1000"
  let goodFor = "which threads waited long for a CPU, where nothing was traced"

  func table() -> any CounterTable { RunqslowerTable() }
}

private final class RunqslowerTable: CounterTable {
  private struct Sum {
    var waits: Int64 = 0
    var time: Int64 = 0
    var longest: Int64 = 0
  }

  private var isOpen = false
  /// The lines end with the thread that ran before.
  private var hasPrevious = false
  private var day: (begin: Int64, utcOffset: Int32?, last: Int64)?
  private var time: Int64?
  private var sums: [String: Sum] = [:]
  private var changed: Set<String> = []
  private static let most = 1 << 14
  private static let wholeDay: Int64 = 86_400_000_000_000

  func interrupt(_ reason: CounterBreak) { if reason == .other { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("Tracing run queue latency higher than ", at: start, end) { return true }
    if bytes.has("TIME ", at: start, end), bytes.find(" LAT(us)", from: start, end) != nil,
      bytes.find("COMM", from: start, end) != nil
    {
      if let clock = log.takeClock() { begin(clock) }
      (isOpen, hasPrevious) = (true, bytes.find("PREV", from: start, end) != nil)
      return true
    }
    var at = start
    guard isOpen, let own = bytes.timeOfDay(&at, end), at < end, bytes[at] == 0x20,
      let (thread, wait) = row(bytes, at + 1, end, log)
    else { return false }
    if let time, own != time { try flush(time, log) }
    time = own
    guard sums[thread] != nil || sums.count < Self.most else { return true }
    var sum = sums[thread] ?? Sum()
    sum.waits += 1
    sum.time += wait
    sum.longest = max(sum.longest, wait)
    sums[thread] = sum
    changed.insert(thread)
    log.events += 1
    return true
  }

  func finish(_ log: CounterLog) throws { if let time { try flush(time, log) } }

  /// `CPU 0/KVM        12924           12739`: the name is padded to 16 bytes, and may have blanks.
  private func row(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) -> (thread: String, wait: Int64)? {
    func found(_ comm: Range<Int>, _ tid: Range<Int>, _ wait: Range<Int>) -> (String, Int64)? {
      guard bytes.isNumber(tid), let wait = bytes.wholeNumber(wait), wait < 1 << 40 else {
        return nil
      }
      let (from, to) = bytes.trimmed(comm.lowerBound, comm.upperBound)
      let name = bytes.text(from: from, to: to)
      return ("\(bytes.text(from: tid.lowerBound, to: tid.upperBound)) \(name)", wait * 1_000)
    }
    let padded = start + 16
    if padded < end, bytes[padded] == 0x20 {
      log.fields.cut(bytes, padded, end)
      if log.fields.count >= 2,
        let row = found(start..<padded, log.fields[0], log.fields[1])
      {
        return row
      }
    }
    // Blanks that were joined.
    log.fields.cut(bytes, start, end)
    let last = log.fields.count - 1 - (hasPrevious ? 2 : 0)
    guard last >= 2 else { return nil }
    return found(
      log.fields[0].lowerBound..<log.fields[last - 2].upperBound, log.fields[last - 1],
      log.fields[last])
  }

  private func begin(_ clock: WallTime) {
    let local = clock.nanoseconds.addingReportingOverflow(
      Int64(clock.utcOffset ?? 0) * 1_000_000_000)
    guard !local.overflow, Stamp.range.contains(local.partialValue) else { return }
    let since = (local.partialValue % Self.wholeDay + Self.wholeDay) % Self.wholeDay
    day = (local.partialValue - since, clock.utcOffset, since)
  }

  private func flush(_ time: Int64, _ log: CounterLog) throws {
    let prefix = log.prefix
    defer { log.prefix = prefix }
    if var own = day {
      if time < own.last - Self.wholeDay / 2 { own.begin += Self.wholeDay }
      own.last = time
      day = own
      log.prefix = WallTime(
        nanoseconds: own.begin + time - Int64(own.utcOffset ?? 0) * 1_000_000_000,
        utcOffset: own.utcOffset)
    }
    for thread in changed.sorted() {
      guard let sum = sums[thread] else { continue }
      let object = try log.object("runqslower", .task, thread)
      try log.begin(object)
      try log.add(object, try log.counter("waits"), sum.waits, .total)
      try log.add(object, try log.counter("wait_ns", .nanoseconds), sum.time, .total)
      let longest = try log.counter("longest_wait_ns", .nanoseconds, .level)
      try log.add(object, longest, sum.longest, .level)
    }
    changed = []
  }
}
