internal import TraceModel

/// fio's output for people, and its terse lines (`--minimal`, versions 3 to 5):
///
///     db: (g=0): rw=randwrite, bs=(R) 4096B-4096B, (W) 4096B-4096B, (T) 4096B-4096B, ioengine=libaio, iodepth=16
///     db: (groupid=0, jobs=1): err= 0: pid=1234: Sun Nov 22 09:30:53 2026
///       write: IOPS=308, BW=1234KiB/s (1264kB/s)(12.1MiB/10001msec); 0 zone resets
///          lat (usec): min=32, max=46120, avg=51920.31, stdev=11890.12
///         clat percentiles (usec):
///          |  1.00th=[   30],  5.00th=[   38], 50.00th=[   52], 99.00th=[  123]
///          issued rwts: total=0,3086,0,0 short=0,0,0,0 dropped=0,0,0,0
///
///     3;fio-3.28;db;0;0;0;0;0;0;...
///
/// A terse line has no number of I/Os and no date.
struct FioText: CounterFormat {
  let name = "fio"
  let producedBy = "fio JOBFILE > fio.txt"
  let goodFor = "the same as printed for people, and as terse lines"

  func table() -> any CounterTable { FioTable() }
}

private final class FioTable: CounterTable {
  private static let ways = ["read", "write", "trim"]

  private var isOpen = false
  /// The sizes of I/Os that the head of the output names, by job and direction.
  private var sizes: [String: [Int64?]] = [:]
  private var job: String?
  private var end: WallTime?
  private var sums: [FioSum] = []
  /// Ns of the quantiles that follow, and of which latency they are.
  private var quantiles: (kind: String, scale: Double)?
  private var begun: Set<Int32> = []
  private static let mostJobs = 1 << 12

  func interrupt(_ reason: CounterBreak) {
    if reason == .other { (isOpen, job, sums, quantiles) = (false, nil, [], nil) }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if let terse = Self.terse(bytes, start, end) {
      for sum in terse { try sum.write(log, begun: &begun) }
      return !terse.isEmpty
    }
    if bytes[start] > 0x20 {
      if try head(bytes, start, end, log) {
        isOpen = true
        return true
      }
      let own: [StaticString] = [
        "Run status group ", "Disk stats (", "Jobs: ", "Starting ", "fio: ", "...", "Job",
        "note: ",
      ]
      guard isOpen else { return false }
      if own.contains(where: { bytes.has($0, at: start, end) }) { return true }
      return isForeign(bytes, start, end, log)
    }
    guard isOpen else { return false }
    var from = start
    bytes.skipBlanks(&from, end)
    try detail(bytes, from, end, log)
    return true
  }

  /// What the script of a job prints between: `fsyncs 53`.
  private func isForeign(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) -> Bool {
    guard !OwnHeaders.has(bytes, start, end), CommandLine.bare(bytes, start, end) == nil,
      KnownOutputs.output(bytes, start, end) == nil, !isDigit(bytes[start])
    else { return false }
    log.notices.add(
      .otherOutput, line: log.line, column: nil, bytes: bytes, from: start, to: end)
    return true
  }

  /// Rows of tables begin with one.
  private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  // MARK: - Heads

  private func head(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    // The version stands below the jobs; alone it is of a list of versions.
    if isOpen, bytes.has("fio-", at: start, end), end - start < 64 { return true }
    // `db: (g=0): rw=randwrite, bs=(R) 4096B-4096B, ...`
    if let mark = bytes.find(": (g=", from: start, end),
      bytes.find("): rw=", from: mark, end) != nil
    {
      let name = bytes.text(from: start, to: min(mark, start + 128))
      if sizes.count < Self.mostJobs { sizes[name] = Self.sizes(bytes.text(from: mark, to: end)) }
      return true
    }
    // `db: (groupid=0, jobs=1): err= 0: pid=1234: Sun Nov 22 09:30:53 2026`
    guard let mark = bytes.find(": (groupid=", from: start, end),
      let process = bytes.find(": pid=", from: mark, end)
    else { return false }
    job = bytes.text(from: start, to: min(mark, start + 128))
    (sums, quantiles, self.end) = ([], nil, nil)
    var at = process + 6
    while at < end, bytes[at] != 0x20 { at += 1 }
    bytes.skipBlanks(&at, end)
    self.end = bytes.writtenDate(at, end)?.wall
    return true
  }

  /// `bs=(R) 4096B-4096B, (W) 64.0KiB-64.0KiB, ...`, `bs=4K-4K/4K-4K/4K-4K` before 3.0: nil where the ends differ.
  private static func sizes(_ text: String) -> [Int64?] {
    guard let found = text.firstRange(of: "bs=") else { return [] }
    let rest = text[found.upperBound...]
    if rest.hasPrefix("(R)") {
      return ["(R) ", "(W) ", "(T) "].map { mark in
        rest.firstRange(of: mark).flatMap { size(rest[$0.upperBound...].prefix { $0 != "," }) }
      }
    }
    return rest.prefix { $0 != "," }.split(separator: "/").map { size($0) }
  }

  private static func size(_ text: Substring) -> Int64? {
    let ends = text.split(separator: "-")
    guard ends.count == 2, ends[0] == ends[1] else { return nil }
    let digits = ends[0].prefix { $0.isNumber || $0 == "." }
    let units: [Substring: Double] = [
      "B": 1, "": 1, "K": 1_024, "KiB": 1_024, "M": 1_048_576, "MiB": 1_048_576, "kB": 1_000,
      "MB": 1_000_000,
    ]
    guard let number = Double(digits), let unit = units[ends[0].dropFirst(digits.count)] else {
      return nil
    }
    return Int64(exactly: number * unit)
  }

  // MARK: - A job's lines

  private func detail(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws {
    guard let job else { return }
    // `write: IOPS=308, ...`, `write: io=10240KB, bw=..., runt= 60001msec`
    for (place, way) in Self.ways.enumerated()
    where bytes.text(from: start, to: min(end, start + way.utf8.count + 1)) == way + ":" {
      var sum = FioSum(job: job, way: way)
      let known = sizes[job] ?? []
      sum.bytes = place < known.count ? known[place] : nil
      sum.runtime = Self.runtime(bytes, start, end)
      sum.end = self.end
      sums.append(sum)
      return
    }
    guard !sums.isEmpty else { return }
    if bytes.has("|", at: start, end) {
      if let quantiles { add(bytes.text(from: start + 1, to: end), quantiles) }
      return
    }
    quantiles = nil
    for kind in ["lat", "clat"]
    where bytes.text(from: start, to: min(end, start + kind.utf8.count + 1)) == kind + " " {
      let text = bytes.text(from: start + kind.utf8.count + 1, to: end)
      if text.hasPrefix("percentiles ("), let scale = Self.scale(text.dropFirst(13)) {
        quantiles = (kind, scale)
      } else if kind == "lat", text.hasPrefix("("), let scale = Self.scale(text.dropFirst()),
        let mean = Self.number(text, "avg="), sums[sums.count - 1].mean == nil
      {
        if mean > 0 { sums[sums.count - 1].mean = mean * scale }
        if let most = Self.number(text, "max=") {
          sums[sums.count - 1].add("lat_max_ns", most * scale)
        }
      }
    }
    if bytes.has("issued", at: start, end) {
      try write(bytes.text(from: start, to: end), log)
    }
  }

  /// The job's last line that counts: `issued rwts: total=0,3086,0,0 short=...`, `issued    : total=r=0/w=3086/d=0, ...`.
  private func write(_ text: String, _ log: CounterLog) throws {
    guard let found = text.firstRange(of: "total=") else { return }
    let counts = text[found.upperBound...].prefix { $0 != " " }.split { $0 == "," || $0 == "/" }
      .map { Int64($0.drop { !$0.isNumber }) }
    for var sum in sums {
      guard let place = Self.ways.firstIndex(of: sum.way), place < counts.count,
        let ios = counts[place], ios > 0
      else { continue }
      sum.ios = ios
      try sum.write(log, begun: &begun)
    }
    (sums, job) = ([], nil)
  }

  private func add(_ text: String, _ quantiles: (kind: String, scale: Double)) {
    for part in text.split(separator: ",") {
      let words = part.split { $0 == "=" || $0 == "[" || $0 == "]" || $0 == " " }
      guard words.count >= 2, words[0].hasSuffix("th"), let percent = Double(words[0].dropLast(2)),
        let value = Double(words[1])
      else { continue }
      sums[sums.count - 1].add(percent, of: quantiles.kind, value * quantiles.scale)
    }
  }

  /// The ms before `msec)`, or behind `runt=`.
  private static func runtime(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int64 {
    guard let mark = bytes.find("msec", from: start, end) else { return 0 }
    var from = mark
    while from > start, bytes[from - 1] &- 0x30 < 10 { from -= 1 }
    return bytes.wholeNumber(from..<mark) ?? 0
  }

  /// `usec)...`: ns.
  private static func scale(_ text: Substring) -> Double? {
    let units: [(String, Double)] = [("nsec", 1), ("usec", 1e3), ("msec", 1e6), ("sec", 1e9)]
    return units.first { text.hasPrefix($0.0) }?.1
  }

  /// `avg=51920.31`, `max=46.1k`.
  private static func number(_ text: String, _ name: String) -> Double? {
    guard let found = text.firstRange(of: name) else { return nil }
    let rest = text[found.upperBound...].drop { $0 == " " }
    let digits = rest.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits) else { return nil }
    switch rest.dropFirst(digits.count).first {
    case "k", "K": return number * 1e3
    case "m", "M": return number * 1e6
    case "g", "G": return number * 1e9
    default: return number
    }
  }

  // MARK: - Terse lines

  /// Nil for another line.
  private static func terse(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> [FioSum]? {
    guard end - start > 32, bytes[start] >= UInt8(ascii: "3"), bytes[start] <= UInt8(ascii: "5"),
      bytes.has(";fio-", at: start + 1, end)
    else { return nil }
    let fields = bytes.text(from: start, to: end).split(
      separator: ";", omittingEmptySubsequences: false)
    // Sums, slat, clat, 20 quantiles, lat, bandwidth; 5 adds what the bandwidth was counted of, and IOPS.
    let length = fields[0] == "5" ? 47 : 41
    let count = fields[0] == "3" ? 2 : 3
    guard fields.count >= 5 + count * length else { return nil }
    var sums: [FioSum] = []
    for place in 0..<count {
      let own = fields[(5 + place * length)..<(5 + (place + 1) * length)]
      let first = own.startIndex
      var sum = FioSum(job: String(fields[2].prefix(128)), way: ways[place])
      guard let runtime = Int64(own[first + 3]), runtime > 0 else { continue }
      sum.runtime = runtime
      for quantile in own[(first + 12)..<(first + 32)] {
        let parts = quantile.split(separator: "=")
        guard parts.count == 2, let percent = Double(parts[0].dropLast()),
          let value = Double(parts[1])
        else { return nil }
        sum.add(percent, of: "clat", value * 1e3)
      }
      guard let most = Double(own[first + 33]), let mean = Double(own[first + 34]) else {
        return nil
      }
      if mean > 0 { sum.mean = mean * 1e3 }
      sum.add("lat_max_ns", most * 1e3)
      sums.append(sum)
    }
    return sums
  }
}
