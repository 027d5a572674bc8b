internal import TraceModel

/// `/proc/diskstats`: counters of every disk and partition since boot.
///
///      254      16 vdb 12 2 106 130 4331 237 75040 82354 0 21904 90490 0 0 0 0 487 8005
struct ProcDiskstats: CounterFormat {
  let name = "proc-diskstats"
  let producedBy = "while sleep 1; do date +%s.%N; cat /proc/diskstats; done"
  let goodFor = "throughput and busy time of disks that were not traced"

  func table() -> any CounterTable { ProcDiskstatsTable() }
}

private final class ProcDiskstatsTable: CounterTable {
  private static let columns: [(String, CounterUnit, CounterNature)] = [
    ("reads", .count, .total), ("reads_merged", .count, .total),
    ("sectors_read", .sectors, .total), ("read_ms", .milliseconds, .total),
    ("writes", .count, .total), ("writes_merged", .count, .total),
    ("sectors_written", .sectors, .total), ("write_ms", .milliseconds, .total),
    ("in_flight", .count, .level), ("io_ms", .milliseconds, .total),
    ("weighted_ms", .milliseconds, .total), ("discards", .count, .total),
    ("discards_merged", .count, .total), ("sectors_discarded", .sectors, .total),
    ("discard_ms", .milliseconds, .total), ("flushes", .count, .total),
    ("flush_ms", .milliseconds, .total),
  ]
  private var counters: [Int32] = []

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    // 11 numbers up to 4.17, 15 since 4.18, 17 since 5.5; more may come.
    guard fields.count == 14 || fields.count == 18 || fields.count >= 20, fields.count < 30,
      bytes.isNumber(fields[0]), bytes.isNumber(fields[1]), !bytes.isNumber(fields[2])
    else { return false }
    for index in 3..<fields.count where !bytes.isNumber(fields[index]) { return false }
    if counters.isEmpty {
      counters = try Self.columns.map { try log.counter($0.0, $0.1, $0.2) }
    }
    let name = bytes.text(from: fields[2].lowerBound, to: fields[2].upperBound)
    let number =
      bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound) + ","
      + bytes.text(from: fields[1].lowerBound, to: fields[1].upperBound)
    let disk = try log.object("proc-diskstats", .disk, "\(number) \(name)")
    try log.begin(disk)
    for (index, counter) in counters.enumerated() where index + 3 < fields.count {
      guard let value = bytes.wholeNumber(fields[index + 3]) else { continue }
      try log.add(disk, counter, value, Self.columns[index].2)
    }
    log.events += 1
    return true
  }
}
