internal import TraceModel

/// fio's logs of single I/Os (`write_lat_log`): when, how long, which way, how large, where:
///
///     1795339819076, 12744019, 1, 16384, 0
///
/// Times are ms since 1970 with `log_unix_epoch=1`, else since the job began; values are ns. The file's name says what they
/// are: `_lat` from submission to completion, `_slat` the submission, `_clat` the rest. Kept are sums: of a second, by size
/// and direction.
struct FioLog: CounterFormat {
  let name = "fio-log"
  let producedBy = "fio --write_lat_log=fiolog --log_unix_epoch=1"
  let goodFor = "what the application saw above the block layer, beside Q to C"

  func table() -> any CounterTable { FioLogTable() }
}

private final class FioLogTable: CounterTable {
  /// What is summed up.
  private struct Key: Hashable {
    let isWrite: Bool
    let bytes: Int64
  }

  private struct Sum {
    var ios: Int64 = 0
    var time: Int64 = 0
  }

  /// What the values are; nil where the file's name does not say. A file is recognised without its name.
  private var kind: String? = "lat"
  private var job = ""
  private var sums: [Key: Sum] = [:]
  private var begun: Set<Key> = []
  /// The second that is summed up, since 1970 or since the job began.
  private var second: Int64?
  private static let mostKeys = 64

  func begin(path: String) {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    kind = ["clat", "slat", "lat"].first { name.contains("_\($0).") }
    job = name.split(separator: ".").prefix(2).joined(separator: ".")
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    guard let kind, bytes[start] &- 0x30 < 10 else { return false }
    var at = start
    var values: [Int64] = []
    while values.count < 6, let value = bytes.decimal(&at, end) {
      values.append(value)
      guard at < end else { break }
      guard bytes.has(", ", at: at, end) else { return false }
      at += 2
    }
    // The offset since 3.0, the priority since 3.27.
    guard at == end, (4...6).contains(values.count), values[2] <= 2, values[3] > 0,
      values[3] % 512 == 0
    else {
      return false
    }
    let own = values[0] / 1_000
    if let second, own > second { try flush(kind, log) }
    second = max(second ?? own, own)
    let key = Key(isWrite: values[2] == 1, bytes: values[3])
    guard values[2] < 2, sums[key] != nil || sums.count < Self.mostKeys else { return true }
    sums[key, default: Sum()].ios += 1
    let (time, isTooMuch) = (sums[key]?.time ?? 0).addingReportingOverflow(values[1])
    if !isTooMuch { sums[key]?.time = time }
    log.events += 1
    return true
  }

  func finish(_ log: CounterLog) throws { if let kind, second != nil { try flush(kind, log) } }

  /// Writes what has come until the end of the second.
  private func flush(_ kind: String, _ log: CounterLog) throws {
    guard let second else { return }
    // What grows begins at 0.
    let new = sums.filter { !begun.contains($0.key) }.mapValues { _ in Sum() }
    try write(new, at: second, kind, log)
    begun.formUnion(new.keys)
    try write(sums, at: second + 1, kind, log)
  }

  private func write(
    _ sums: [Key: Sum], at end: Int64, _ kind: String, _ log: CounterLog
  ) throws {
    // Since the job began: no date.
    let isDate = end >= 978_307_200
    log.prefix = isDate ? WallTime(nanoseconds: end * 1_000_000_000, utcOffset: 0) : nil
    defer { log.prefix = nil }
    let sorted = sums.sorted {
      ($0.key.bytes, $0.key.isWrite ? 1 : 0) < ($1.key.bytes, $1.key.isWrite ? 1 : 0)
    }
    for (key, sum) in sorted {
      let way = key.isWrite ? "write" : "read"
      let object = try log.object("fio \(kind)", .process, "\(job) \(way) \(key.bytes)")
      try log.begin(object)
      try log.add(object, try log.counter("ios"), sum.ios, .total)
      try log.add(object, try log.counter("latency_ns", .nanoseconds), sum.time, .total)
    }
  }
}
