internal import TraceModel

/// What fio says of all I/Os of a job in one direction: how many, for how long, how long they took.
struct FioSum {
  let job: String
  /// `read`, `write` or `trim`.
  let way: String
  /// Size of each I/O; nil where it is not one size, or not said.
  var bytes: Int64?
  /// I/Os; nil where the output has them not.
  var ios: Int64?
  /// For how long the job did them, ms.
  var runtime: Int64 = 0
  /// From the begin of the submission to the completion, on average, ns; nil where the job did not measure it.
  var mean: Double?
  /// `clat_p99_ns`, `lat_max_ns`: quantiles and the longest.
  var levels: [(name: String, nanoseconds: Int64)] = []
  /// When the sums were made.
  var end: WallTime?

  /// The quantiles that are kept.
  static let quantiles: [(percent: Double, name: String)] = [
    (50, "p50"), (99, "p99"), (99.9, "p999"),
  ]

  /// Adds a quantile where it is one of those.
  mutating func add(_ percent: Double, of kind: String, _ nanoseconds: Double) {
    guard let name = Self.quantiles.first(where: { abs($0.percent - percent) < 1e-6 })?.name else {
      return
    }
    add("\(kind)_\(name)_ns", nanoseconds)
  }

  /// Adds a level of some ns.
  mutating func add(_ name: String, _ nanoseconds: Double) {
    guard nanoseconds > 0, let whole = Int64(exactly: nanoseconds.rounded()),
      Stamp.range.contains(whole)
    else { return }
    levels.append((name, whole))
  }

  /// Writes it: sums that begin at 0, and what they came to. `begun`: the objects whose begin is written; fio prints
  /// `--status-interval` sums again and again.
  func write(_ log: CounterLog, begun: inout Set<Int32>) throws {
    let size = bytes.map { " \($0)" } ?? ""
    let object = try log.object("fio", .process, String("\(job) \(way)\(size)".prefix(256)))
    let (wall, own) = (log.prefix, end ?? log.prefix)
    defer { log.prefix = wall }
    let sum = mean.flatMap { mean in
      ios.flatMap { Int64(exactly: (mean * Double($0)).rounded()) }
    }
    if begun.insert(object).inserted, ios != nil {
      log.prefix = own.map {
        WallTime(
          nanoseconds: $0.nanoseconds - min(runtime, 1 << 32) * 1_000_000, utcOffset: $0.utcOffset)
      }
      try log.begin(object)
      try log.add(object, try log.counter("ios"), 0, .total)
      if sum != nil {
        try log.add(object, try log.counter("latency_ns", .nanoseconds), 0, .total)
      }
    }
    log.prefix = own
    try log.begin(object)
    if let ios { try log.add(object, try log.counter("ios"), ios, .total) }
    if let sum {
      try log.add(object, try log.counter("latency_ns", .nanoseconds), sum, .total)
    } else if let mean, let whole = Int64(exactly: mean.rounded()) {
      try log.add(object, try log.counter("mean_ns", .nanoseconds, .mean), whole, .mean)
    }
    for level in levels {
      let counter = try log.counter(level.name, .nanoseconds, .level)
      try log.add(object, counter, level.nanoseconds, .level)
    }
    log.events += 1
  }
}

/// `fio --output-format=json` and `json+`: what the application saw, as sums of each job.
///
///     {"fio version": "fio-3.28", "timestamp_ms": 1795339853123, "jobs": [{"jobname": "db", "groupid": 0,
///       "write": {"io_bytes": 4096000, "total_ios": 1000, "runtime": 10001, "lat_ns": {"max": 9000, "mean": 2000.5, ...},
///         "clat_ns": {"percentile": {"99.000000": 8000, ...}, ...}}}]}
///
/// Before 3.0 `lat` and `clat` are in us, and `io_bytes` in KiB.
struct FioJSON: TraceFormat {
  let name = "fio"
  let producedBy = "fio --output-format=json+ --output=fio.json JOBFILE"
  let clock = "wall clock of the end of the run, where it is written"
  let goodFor = "what the application saw above the block layer, with its tail"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    head.find("\"fio version\"", from: 0, head.count) != nil
      && head.find("\"jobs\"", from: 0, head.count) != nil ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader { .bytes(FioJSONReader(sink: sink)) }
}

private final class FioJSONReader: WholeFileReader {
  private let log: CounterLog
  private var begun: Set<Int32> = []
  private var lines: Int64 = 0
  private var skipped: Int64 = 0

  init(sink: any EventSink) { log = CounterLog(sink: sink) }

  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws {
    var parser = JSONParser(range)
    do {
      while let begin = parser.begin(bytes) {
        // `fio: terminating on signal 2` stands before and between.
        guard bytes[begin] == UInt8(ascii: "{") else {
          parser.skip(to: bytes.newline(from: begin, to: range.upperBound) ?? range.upperBound)
          continue
        }
        if let value = try parser.next(bytes) { try read(value) }
      }
    } catch let error as ParseError {
      let at = min(max(range.lowerBound, error.column - 1), range.upperBound)
      log.notices.add(
        error.kind, line: parser.line, column: nil, bytes: bytes, from: at, to: range.upperBound)
      skipped += 1
    }
    lines = parser.line
  }

  func finish() throws -> SourceSummary {
    var summary = try log.finish(format: "fio")
    (summary.lines, summary.skippedLines) = (lines, skipped)
    return summary
  }

  private func read(_ run: JSONValue) throws {
    guard case .array(let jobs)? = run["jobs"] else { return }
    let stamp = run["timestamp_ms"]?.integer ?? run["timestamp"]?.integer.map { $0 &* 1_000 }
    // Jobs of an earlier group ended before that.
    let last = jobs.compactMap { $0["groupid"]?.integer }.max() ?? 0
    for job in jobs {
      log.line = job.line ?? log.line
      for way in ["read", "write", "trim"] {
        guard let own = job[way], var sum = Self.sum(job["jobname"]?.string ?? "", way, own) else {
          continue
        }
        let begin = job["job_start"]?.integer.map { $0 &+ sum.runtime }
        let isLast = job["groupid"]?.integer ?? 0 == last
        sum.end = (begin ?? (isLast ? stamp : nil)).flatMap { Self.wall($0) }
        try sum.write(log, begun: &begun)
      }
    }
  }

  private static func wall(_ milliseconds: Int64) -> WallTime? {
    let (time, isTooMuch) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    guard !isTooMuch, Stamp.range.contains(time), milliseconds >= 978_307_200_000 else {
      return nil
    }
    return WallTime(nanoseconds: time, utcOffset: 0)
  }

  /// The sums of a direction; nil where nothing was done in it.
  private static func sum(_ job: String, _ way: String, _ value: JSONValue) -> FioSum? {
    guard let ios = value["total_ios"]?.integer, ios > 0 else { return nil }
    var sum = FioSum(job: job, way: way)
    sum.ios = ios
    sum.runtime = max(0, value["runtime"]?.integer ?? 0)
    let isNew = value["lat_ns"] != nil || value["clat_ns"] != nil
    let scale: Double = isNew ? 1 : 1_000
    if let moved = value["io_bytes"]?.integer, moved >= 0, moved < 1 << 50 {
      let bytes = isNew ? moved : moved << 10
      if bytes % ios == 0, bytes > 0, (bytes / ios) % 512 == 0 { sum.bytes = bytes / ios }
    }
    let lat = value["lat_ns"] ?? value["lat"]
    if let mean = lat?["mean"]?.number, mean > 0 { sum.mean = mean * scale }
    if let most = lat?["max"]?.number { sum.add("lat_max_ns", most * scale) }
    for kind in ["lat", "clat"] {
      guard case .object(let members, _)? = (value["\(kind)_ns"] ?? value[kind])?["percentile"]
      else { continue }
      for member in members {
        guard let percent = Double(member.key), let time = member.value.number else { continue }
        sum.add(percent, of: kind, time * scale)
      }
    }
    return sum
  }
}
