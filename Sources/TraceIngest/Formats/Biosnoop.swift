internal import TraceModel

/// `biosnoop` of BCC, of libbpf-tools and of bpftrace: a row for each I/O.
///
///     TIME(s)     COMM           PID    DISK    T SECTOR     BYTES  QUE(ms) LAT(ms)
///     0.000771    sync           22177  nvme1n1 W 41963894   3072      0.11    0.47
///
///     TIME(ms)     DISK    COMM             PID    LAT(ms)
///     611          vda     bash             4179        10
///
/// LAT is from the issue to the completion; QUE (`-Q`) the time in the queue before. Kept are sums of whole seconds since the
/// first I/O under the names of `iostat`, of each disk, what each process moved, and at the end the quantiles of LAT. A date
/// before the header says when that was.
struct Biosnoop: CounterFormat {
  let name = "biosnoop"
  let producedBy = "date; biosnoop -Q"
  let goodFor = "how long each I/O of a disk took, and whose it was, where nothing was traced"

  func table() -> any CounterTable { BiosnoopTable() }
}

private final class BiosnoopTable: CounterTable {
  /// Where a row's values stand.
  private struct Columns {
    var names: [String]
    let command: Int?
    let process: Int?
    let disk: Int?
    /// The disk is `MAJOR MINOR`.
    let isNumbered: Bool
    let way: Int?
    let bytes: Int?
    let queue: (place: Int, nanoseconds: Double)?
    let latency: (place: Int, nanoseconds: Double)
    let time: Double
  }

  private struct Sum {
    var ios: Int64 = 0
    var time: Double = 0
  }

  private var columns: Columns?
  private var begin: WallTime?
  /// The second that is summed up, since the first I/O.
  private var second: Int64 = 0
  private var disks: [String: Sum] = [:]
  /// KiB read and written.
  private var processes: [String: (read: Double, written: Double)] = [:]
  private var latencies: [String: LatencyHistogram] = [:]
  private static let most = 4096
  /// Seconds without an I/O that are written; a longer gap is no gap of one run.
  private static let longestGap: Int64 = 600

  func interrupt(_ reason: CounterBreak) { if reason == .other { columns = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var from = start
    bytes.skipBlanks(&from, end)
    if bytes.has("TIME(", at: from, end) {
      guard let header = Self.header(bytes.text(from: from, to: end)) else { return false }
      if columns == nil || disks.isEmpty { begin = log.takeClock() ?? log.prefix }
      columns = header
      return true
    }
    guard let columns else { return false }
    if bytes.has("MAJOR MINOR", at: from, end) || bytes.has("lost ", at: from, end) { return true }
    log.fields.cut(bytes, from, end)
    return try row(bytes, columns, log)
  }

  func finish(_ log: CounterLog) throws {
    guard !latencies.isEmpty else { return }
    // The last second is cut, unless it is all there is.
    if second == 0 { try flush(log) }
    log.prefix = wall(second)
    for (disk, buckets) in latencies.sorted(by: { $0.key < $1.key }) {
      let object = try log.object("biosnoop", .disk, disk)
      try log.begin(object)
      try log.add(object, try log.counter("ios", .count, .level), buckets.count, .level)
      for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let counter = try log.counter("lat_\(name)_ns", .nanoseconds, .level)
        if let value = buckets.quantile(share) { try log.add(object, counter, value, .level) }
      }
    }
    log.prefix = nil
  }

  private static func header(_ text: String) -> Columns? {
    var names = text.split { $0 == " " || $0 == "\t" }.map(String.init)
    let isNumbered = names.contains("ID") && names.contains("DISK")
    if isNumbered, let place = names.firstIndex(of: "ID") { names[place] = "MINOR" }
    func unit(_ name: String) -> (place: Int, nanoseconds: Double)? {
      for (word, scale) in [("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1)] {
        if let place = names.firstIndex(of: "\(name)(\(word))") { return (place, scale) }
      }
      return nil
    }
    guard let time = unit("TIME"), time.place == 0, let latency = unit("LAT") else { return nil }
    let process = names.firstIndex(of: "PID")
    guard process != nil || names.contains("DISK") else { return nil }
    return Columns(
      names: names, command: names.firstIndex(of: "COMM"), process: process,
      disk: names.firstIndex(of: "DISK") ?? names.firstIndex(of: "DEVICE"), isNumbered: isNumbered,
      way: names.firstIndex(of: "T"), bytes: names.firstIndex(of: "BYTES"), queue: unit("QUE"),
      latency: latency, time: time.nanoseconds)
  }

  private func row(
    _ bytes: Span<UInt8>, _ columns: Columns, _ log: CounterLog
  ) throws -> Bool {
    let fields = log.fields
    // A command may have blanks; where the request is not known, there is no name of a disk.
    var extra = fields.count - columns.names.count
    let isNameless = extra == -1 && columns.disk != nil
    if isNameless { extra = 0 }
    guard extra >= 0, extra == 0 || columns.command != nil else { return false }
    func place(_ column: Int) -> Int {
      var own = column + (column > columns.command ?? .max ? extra : 0)
      if isNameless, let disk = columns.disk, column > disk { own -= 1 }
      return own
    }
    func text(_ column: Int) -> String {
      bytes.text(from: fields[place(column)].lowerBound, to: fields[place(column)].upperBound)
    }
    func number(_ column: Int) -> Double? {
      guard place(column) < fields.count else { return nil }
      let own = text(column).replacing(",", with: ".")
      return Double(own).flatMap { $0.isFinite && abs($0) < 1e12 ? $0 : nil }
    }
    guard let time = number(0), time >= 0, let latency = number(columns.latency.place),
      latency >= 0
    else { return false }
    let own = Int64(time * columns.time / 1e9)
    if begin == nil, let prefix = log.prefix {
      begin = WallTime(
        nanoseconds: prefix.nanoseconds - own * 1_000_000_000, utcOffset: prefix.utcOffset)
    }
    if own > second { try advance(to: own, log) }
    var disk = isNameless ? "?" : columns.disk.map(text) ?? ""
    if columns.isNumbered, let place = columns.disk { disk += "," + text(place + 1) }
    guard disks[disk] != nil || disks.count < Self.most else { return true }
    var held = latency * columns.latency.nanoseconds
    latencies[disk, default: LatencyHistogram()].add(Int64(held.rounded()))
    if let queue = columns.queue, let waited = number(queue.place), waited > 0 {
      held += waited * queue.nanoseconds
    }
    disks[disk, default: Sum()].ios += 1
    disks[disk]?.time += held
    if let process = columns.process, let size = columns.bytes.flatMap(number) {
      let from = columns.command.map { fields[$0].lowerBound }
      let to = columns.command.map { fields[$0 + extra].upperBound } ?? 0
      let command = from.map { bytes.text(from: $0, to: to) } ?? ""
      let name = "\(text(process)) (\(command))"
      if processes[name] != nil || processes.count < Self.most {
        let isRead = columns.way.map { text($0).contains("R") } ?? false
        processes[name, default: (0, 0)].read += isRead ? size / 1024 : 0
        processes[name]?.written += isRead ? 0 : size / 1024
      }
    }
    log.events += 1
    return true
  }

  /// Writes the seconds before this one.
  private func advance(to own: Int64, _ log: CounterLog) throws {
    let prefix = log.prefix
    defer { log.prefix = prefix }
    let last = min(own, second + Self.longestGap)
    while second < last {
      try flush(log)
      second += 1
    }
    second = own
  }

  /// The end of a second.
  private func wall(_ second: Int64) -> WallTime? {
    begin.flatMap { begin in
      let (end, isTooMuch) = begin.nanoseconds.addingReportingOverflow(
        min(second + 1, 1 << 32) * 1_000_000_000)
      return isTooMuch || !Stamp.range.contains(end)
        ? nil : WallTime(nanoseconds: end, utcOffset: begin.utcOffset)
    }
  }

  /// Writes what has come in this second; disks without an I/O as well.
  private func flush(_ log: CounterLog) throws {
    log.prefix = wall(second)
    for (disk, sum) in disks.sorted(by: { $0.key < $1.key }) {
      let object = try log.object("biosnoop", .disk, disk)
      try log.begin(object)
      try add(log, object, "tps", .count, .rate, Double(sum.ios))
      try add(log, object, "aqu-sz", .count, .mean, sum.time / 1e9)
      if sum.ios > 0 {
        try add(log, object, "await", .milliseconds, .mean, sum.time / 1e6 / Double(sum.ios))
      }
      disks[disk] = Sum()
    }
    for (process, moved) in processes.sorted(by: { $0.key < $1.key }) {
      let object = try log.object("biosnoop", .process, process)
      try log.begin(object)
      try add(log, object, "kB_rd/s", .kibibytes, .rate, moved.read)
      try add(log, object, "kB_wr/s", .kibibytes, .rate, moved.written)
    }
    processes = [:]
    log.prefix = nil
  }

  private func add(
    _ log: CounterLog, _ object: Int32, _ name: String, _ unit: CounterUnit,
    _ nature: CounterNature, _ value: Double
  ) throws {
    guard let whole = Int64(exactly: (value * 100).rounded()) else { return }
    let counter = try log.counter(name, unit, nature, scale: 100)
    try log.add(object, counter, whole, nature)
  }
}
