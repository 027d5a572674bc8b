/// The lines of `perf script` and `perf sched script`:
///
///            swapper     0 [000] 812345.677697:       sched:sched_waking: comm=CPU 1/KVM pid=4004 ...
///     perf 13975 [000]  1482.433658: sched:sched_switch: prev_comm=perf ...       (with call chains)
///     CPU 0/KVM   174/182   [000]   623.749696123: kvm:kvm_entry: vcpu 0, ...     (-F +pid, --ns)
///
/// A task's name may hold anything, so the line is anchored on ` [cpu] ... time: `: a name of 15 bytes
/// cannot hold all of that.
struct PerfScriptEnvelope: TracepointEnvelope {
  static let hasColumns = true

  init() {}

  /// Tokens between the CPU and the time, or the time and the event, that are passed over: the date of
  /// `-F +tod`, the flags of `-F +misc`, the period.
  private static let passedOver = 4

  @inline(__always)
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool {
    Self.parseColumns(bytes, line, into: &event) || parseAnywhere(bytes, line, into: &event)
  }

  /// Any line, found by its anchors.
  func parseAnywhere(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout TracepointLine
  ) -> Bool {
    let start = line.lowerBound
    let end = line.upperBound
    // The CPU stands behind the name, at most 16 bytes and padding, and one or two numbers; with
    // `perf inject` behind `VM:12345 VCPU:000 `, too.
    var at = start
    while at < end {
      guard bytes[at] == UInt8(ascii: "["), at > start, bytes[at - 1] == 0x20 else {
        at += 1
        continue
      }
      var next = at
      if let cpu = bytes.bracketedCPU(&next, end), time(bytes, &next, end, &event),
        thread(bytes, start, at, &event), name(bytes, next, end, &event)
      {
        event.cpu = cpu
        return true
      }
      at += 1
    }
    return parseWithoutCPU(bytes, line, &event)
  }

  /// `java  3244 75695.008865: cpu-clock: `: the CPU was not recorded. `0` stands for no time at all.
  private func parseWithoutCPU(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ event: inout TracepointLine
  ) -> Bool {
    let end = line.upperBound
    guard !line.isEmpty, bytes[line.lowerBound] != UInt8(ascii: "#") else { return false }
    var at = line.lowerBound
    while at < end {
      bytes.skipBlanks(&at, end)
      let word = at
      let behind = bytes.wordEnd(at, end)
      if behind > word, bytes[behind - 1] == UInt8(ascii: ":") {
        guard let (time, resolution) = bytes.tracepointTime(&at, end), at == behind - 1 else {
          return false
        }
        event.time = time
        event.resolution = resolution
        event.cpu = -1
        return thread(bytes, line.lowerBound, word, &event)
          && name(bytes, behind, end, &event)
      }
      at = behind
    }
    return false
  }

  /// ` 812345.677697:`, with what `-F` may have put before it.
  @inline(__always)
  private func time(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    for _ in 0...Self.passedOver {
      guard at < end, bytes[at] == 0x20 else { return false }
      bytes.skipBlanks(&at, end)
      if let (time, resolution) = bytes.tracepointTime(&at, end), at < end,
        bytes[at] == UInt8(ascii: ":")
      {
        event.time = time
        event.resolution = resolution
        at += 1
        return true
      }
      // A bracket in a name, and the CPU is still to come.
      if at < end, bytes[at] == UInt8(ascii: "[") { return false }
      at = bytes.wordEnd(at, end)
    }
    return false
  }

  /// `CPU 0/KVM   174/182  ` up to the bracket: the name, the process, the thread.
  @inline(__always)
  private func thread(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    var last = end
    bytes.skipBlanksBack(&last, start)
    guard let number = bytes.decimalBefore(&last, start), number < 1 << 32 else { return false }
    event.tid = UInt32(truncatingIfNeeded: number)
    event.pid = 0
    if last > start, bytes[last - 1] == UInt8(ascii: "/") {
      var before = last - 1
      if let process = bytes.decimalBefore(&before, start), process < 1 << 32 {
        event.pid = UInt32(truncatingIfNeeded: process)
        last = before
      }
    } else if last > start, bytes[last - 1] == UInt8(ascii: "-") {
      // `:-1    -1 [000]`: a thread that perf does not know. `bash-12 [000]` is ftrace's.
      last -= 1
      guard last == start || bytes[last - 1] == 0x20 else { return false }
      event.tid = 0
    }
    guard last == start || bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 else { return false }
    bytes.skipBlanksBack(&last, start)
    var first = start
    bytes.skipBlanks(&first, last)
    event.task = first..<last
    return true
  }

  /// `      sched:sched_waking: payload`, after what `-F` may have put before it.
  @inline(__always)
  private func name(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout TracepointLine
  ) -> Bool {
    var at = start
    for _ in 0...Self.passedOver {
      bytes.skipBlanks(&at, end)
      guard at < end else { return false }
      if bytes.has("PERF_RECORD_", at: at, end) {
        let first = at
        while at < end, bytes[at] == UInt8(ascii: "_") || bytes[at] &- 0x41 < 26 { at += 1 }
        event.event = first..<at
        if at < end, bytes[at] == UInt8(ascii: ":") { at += 1 }
        payload(bytes, at, end, &event)
        return true
      }
      var first = at
      at = bytes.wordEnd(at, end)
      if at > first + 1, bytes[at - 1] == UInt8(ascii: ":") {
        let behind = at
        // The group goes; what a PMU event carries behind its own colon stays.
        var colon = first
        while colon < behind - 1, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
        if colon < behind - 2 { first = colon + 1 }
        event.event = first..<(behind - 1)
        payload(bytes, behind, end, &event)
        return true
      }
    }
    return false
  }

  @inline(__always)
  private func payload(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout TracepointLine
  ) {
    var at = start
    var last = end
    bytes.skipBlanks(&at, end)
    bytes.skipBlanksBack(&last, at)
    event.payload = at..<last
  }

  func aside(_ bytes: Span<UInt8>, _ line: Range<Int>) -> TracepointAside? {
    var at = line.lowerBound
    let end = line.upperBound
    bytes.skipBlanks(&at, end)
    guard at < end else { return .decoration }
    if at > line.lowerBound, isFrame(bytes, at, end) { return .decoration }
    if bytes[at] == UInt8(ascii: "#") { return header(bytes, at + 1, end) }
    if let lost = lostNotice(bytes, at, end) { return lost }
    let notices: [StaticString] = [
      "Warning:", "Check IO/CPU overload", "[ perf record:", "Samples do not have", "Processed ",
      "perf:", "WARNING:", "incompatible file format", "Can't ", "[",
    ]
    for notice in notices where bytes.has(notice, at: at, end) { return .notice }
    var number = at
    if bytes.decimal(&number, end) != nil,
      bytes.has(" out of order events recorded", at: number, end)
        || bytes.has(" map information files", at: number, end)
    {
      return .notice
    }
    return nil
  }

  /// `	ffffffff8139bb71 __traceiter_sched_switch+0x41 ([kernel.kallsyms])`.
  private func isFrame(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var at = start
    while at < end, bytes[at] &- 0x30 < 10 || bytes[at] &- 0x61 < 6 { at += 1 }
    return at > start && (at == end || bytes[at] == 0x20)
  }

  /// `Processed 12 events and lost 3 chunks!`, which perf says without a place.
  private func lostNotice(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> TracepointAside? {
    guard bytes.has("Processed ", at: start, end),
      let found = bytes.find("lost ", from: start, end)
    else { return nil }
    var at = found + 5
    guard let count = bytes.decimal(&at, end) else { return nil }
    return .lostBefore(events: count)
  }

  /// ` hostname : web1` behind the `#`.
  private func header(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> TracepointAside {
    var at = start
    bytes.skipBlanks(&at, end)
    guard let colon = bytes.find(":", from: at, end) else { return .decoration }
    var nameEnd = colon
    bytes.skipBlanksBack(&nameEnd, at)
    var value = colon + 1
    bytes.skipBlanks(&value, end)
    guard nameEnd > at, value < end else { return .decoration }
    return .header(SourceHeaderLine(name: at..<nameEnd, value: value..<end))
  }
}
