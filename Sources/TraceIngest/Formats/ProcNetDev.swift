internal import TraceModel

/// `/proc/net/dev`:
///
///     Inter-|   Receive                                                |  Transmit
///      face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop ...
///       eth0:  538837    7609    0    0    0     0          0         0 89665067    8971    0    0 ...
///
/// `drop` is dropped and missed together.
struct ProcNetDev: CounterFormat {
  let name = "proc-net-dev"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/net/dev; done"
  let goodFor = "packets and drops at each interface"

  func table() -> any CounterTable { ProcNetDevTable() }
}

private final class ProcNetDevTable: CounterTable {
  private var isOpen = false
  private var counters: [Int32] = []

  func interrupt(_ reason: CounterBreak) { if reason != .blank { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var at = start
    bytes.skipBlanks(&at, end)
    if bytes.has("Inter-|", at: at, end) || bytes.has("face |", at: at, end) {
      isOpen = true
      return true
    }
    guard isOpen else { return false }
    // The name may hold colons (`eth0:1`) and may touch its first number: 16 numbers from the right.
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count == 17 || fields.count == 16 else { return false }
    let first = fields[0]
    var colon = first.upperBound - 1
    while colon > first.lowerBound, bytes[colon] != UInt8(ascii: ":") { colon -= 1 }
    guard colon > first.lowerBound else { return false }
    let isGlued = fields.count == 16
    guard isGlued == (colon + 1 < first.upperBound) else { return false }
    var values: [Range<Int>] = isGlued ? [colon + 1..<first.upperBound] : []
    for index in 1..<fields.count { values.append(fields[index]) }
    guard values.allSatisfy({ bytes.isNumber($0) }) else { return false }
    if counters.isEmpty {
      for name in [
        "rx_bytes", "rx_packets", "rx_errs", "rx_drop", "rx_fifo", "rx_frame", "rx_compressed",
        "rx_multicast", "tx_bytes", "tx_packets", "tx_errs", "tx_drop", "tx_fifo", "tx_colls",
        "tx_carrier", "tx_compressed",
      ] {
        counters.append(try log.counter(name, name.hasSuffix("bytes") ? .bytes : .count))
      }
    }
    let name = bytes.text(from: first.lowerBound, to: colon)
    let interface = try log.object("proc-net-dev", .interface, name)
    try log.begin(interface)
    for (index, range) in values.enumerated() {
      guard let value = bytes.wholeNumber(range) else { continue }
      try log.add(interface, counters[index], value, .total)
    }
    log.events += 1
    return true
  }
}

/// `/proc/net/softnet_stat`: a line of hexadecimal words per CPU that is online.
///
///     00001daf 00000000 00000077 00000000 ... 00000001
struct SoftnetStat: CounterFormat {
  let name = "softnet"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/net/softnet_stat; done"
  let goodFor = "packets dropped because a CPU's backlog was full, and polls cut short"

  func table() -> any CounterTable { SoftnetTable() }
}

private final class SoftnetTable: CounterTable {
  /// CPUs of the table so far, for kernels before 5.10 that do not say which.
  private var rows: Int64 = 0
  private var counters: [Int: (Int32, CounterNature)] = [:]

  func interrupt(_ reason: CounterBreak) { rows = 0 }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    // 9 to 15 words of 8 digits and nothing else.
    var at = start
    bytes.skipBlanks(&at, end)
    var words: [Int64] = []
    while at < end {
      guard words.count < 16, let word = Self.word(bytes, at, end) else { return false }
      words.append(word)
      at += 8
      guard at == end || bytes[at] == 0x20 else { return false }
      bytes.skipBlanks(&at, end)
    }
    // The fourth to eighth are 0 in every kernel; those of /proc/net/stat/* are not.
    guard words.count >= 9, words[3..<8].allSatisfy({ $0 == 0 }) else { return false }
    if log.isClockNew { rows = 0 }
    let hasIndex = words.count >= 13
    if counters.isEmpty {
      let names: [(Int, String, CounterNature)] = [
        (0, "processed", .total), (1, "dropped", .total), (2, "time_squeeze", .total),
        (8, "cpu_collision", .total), (9, "received_rps", .total),
        (10, "flow_limit_count", .total), (11, "backlog_len", .level),
        (13, "input_qlen", .level), (14, "process_qlen", .level),
      ]
      for (index, name, nature) in names {
        counters[index] = (try log.counter(name, .count, nature), nature)
      }
    }
    // A file without dates: the line with CPU 0, or the first as the last table had rows, begins anew.
    let cpu = hasIndex ? words[12] : rows
    if !hasIndex { log.notices.add(.unnamedObject, count: 1, line: log.line) }
    rows += 1
    let object = try log.object("softnet", .cpu, "\(cpu)")
    try log.begin(object)
    for (index, value) in words.enumerated() {
      guard let (counter, nature) = counters[index] else { continue }
      try log.add(object, counter, value, nature)
    }
    log.events += 1
    return true
  }

  private static func word(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64? {
    guard start + 8 <= end else { return nil }
    var value: Int64 = 0
    for index in start..<start + 8 {
      let byte = bytes[index]
      let digit: UInt8
      if byte &- 0x30 < 10 {
        digit = byte &- 0x30
      } else if byte &- 0x61 < 6 {
        digit = byte &- 0x61 + 10
      } else {
        return nil
      }
      value = value << 4 | Int64(digit)
    }
    return value
  }
}
