internal import TraceModel

/// `/proc/diskstats`: counters of every disk and partition since boot.
///
///      254      16 vdb 12 2 106 130 4331 237 75040 82354 0 21904 90490 0 0 0 0 487 8005
///
/// Before 2.6.25 a partition had four numbers: reads, sectors read, writes, sectors written.
///
///        8    1 sda1 5024 46400 6662 13324
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
  /// The columns of a partition before 2.6.25: reads, sectors_read, writes, sectors_written.
  private static let partition = [0, 2, 4, 6]
  private var counters: [Int32] = []

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    // 11 numbers up to 4.17, 15 since 4.18, 17 since 5.5; more may come.
    let isPartition = fields.count == 7
    guard
      fields.count == 14 || fields.count == 18 || fields.count >= 20 || isPartition,
      fields.count < 30, bytes.isNumber(fields[0]), bytes.isNumber(fields[1]),
      bytes[fields[2].lowerBound] | 0x20 &- 0x61 < 26
    else { return false }
    // Numbers of devices: 12 and 20 bits.
    if isPartition {
      guard let major = bytes.wholeNumber(fields[0]), major < 1 << 12,
        let minor = bytes.wholeNumber(fields[1]), minor < 1 << 20
      else { return false }
    }
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
    if isPartition {
      for (place, index) in Self.partition.enumerated() {
        guard let value = log.number(bytes, fields[place + 3]) else { continue }
        try log.add(disk, counters[index], value, Self.columns[index].2)
      }
    } else {
      for (index, counter) in counters.enumerated() where index + 3 < fields.count {
        guard let value = log.number(bytes, fields[index + 3]) else { continue }
        try log.add(disk, counter, value, Self.columns[index].2)
      }
    }
    log.events += 1
    return true
  }
}
