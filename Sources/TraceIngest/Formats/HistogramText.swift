internal import TraceModel

/// Histograms of `biolatency` and `runqlat`, of BCC, of libbpf-tools and of bpftrace.
///
///     Tracing block device I/O... Hit Ctrl-C to end.
///     disk = 'xvdb'
///          usecs               : count     distribution
///            64 -> 127        : 1        |                                        |
///     {'ts': '2020-12-30 14:33:03', 'val_type': 'usecs', 'data': [{'interval-start': 0, 'interval-end': 1, 'count': 0}, ...]}
///     @usecs:
///     [128, 256)            12 |@@@@@@                  |
///
/// Whose histogram it is the first line says, or the command or the name of the file. The buckets of all that were printed are
/// added up: the tools begin anew each time. A bucket is called by its end in ns.
struct HistogramText: CounterFormat {
  let name = "latency-histogram"
  let producedBy = "biolatency -D 30 1; runqlat 30 1"
  let goodFor = "the tail of a disk's latency and of waits for a CPU, where nothing was traced"

  func table() -> any CounterTable { HistogramTextTable() }
}

private final class HistogramTextTable: CounterTable {
  /// By the name of the file; a file is recognised without its name.
  private var ofFile: String? = "biolatency"
  private var tool: String?
  /// Whose the histogram is: a disk, flags, a process.
  private var key = ""
  /// Ns of the unit; nil above a header.
  private var scale: Int64?
  private var counts: [String: [Int64: Int64]] = [:]
  private static let most = 4096

  func begin(path: String) {
    ofFile = Self.tool(path.split(separator: "/").last.map(String.init) ?? path)
  }

  func announce(command: String) { tool = Self.tool(command) ?? tool }

  func interrupt(_ reason: CounterBreak) {
    scale = nil
    if reason == .other { key = "" }
  }

  private static func tool(_ text: String) -> String? {
    ["biolatency", "runqlat"].first { text.contains($0) }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    let (from, to) = bytes.trimmed(start, end)
    guard from < to, to - from < 1 << 16 else { return false }
    if bytes.has("Tracing ", at: from, to) { return title(bytes, from, to) }
    guard let tool = tool ?? ofFile else { return false }
    if bytes.has("{'ts':", at: from, to) {
      return python(bytes.text(from: from, to: to), tool, log)
    }
    if isKey(bytes, from, to) || isHeader(bytes, from, to) { return true }
    guard let scale, let (limit, count) = Self.row(bytes, from, to) else { return false }
    add(tool, key, limit.flatMap { Self.product($0, scale) } ?? .max, count)
    log.events += 1
    return true
  }

  func finish(_ log: CounterLog) throws {
    for (name, buckets) in counts.sorted(by: { $0.key < $1.key }) {
      let words = name.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard words.count == 2 else { continue }
      let kind: CounterObjectKind = words[0] == "biolatency" ? .disk : .task
      let object = try log.object(words[0], kind, words[1])
      try log.begin(object)
      for (limit, count) in buckets.sorted(by: { $0.key < $1.key }) {
        let end = limit == .max ? "inf" : "\(limit)"
        try log.add(object, try log.counter("latency_le_\(end)_ns"), count, .total)
      }
    }
  }

  private func add(_ tool: String, _ key: String, _ limit: Int64, _ count: Int64) {
    let name = "\(tool)\t\(key)"
    guard counts[name] != nil || counts.count < Self.most else { return }
    let sum = (counts[name]?[limit] ?? 0).addingReportingOverflow(count)
    if !sum.overflow { counts[name, default: [:]][limit] = sum.partialValue }
  }

  // MARK: - Lines above the rows

  /// `Tracing block device I/O... Hit Ctrl-C to end.`; any other tool's ends ours.
  private func title(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    (key, scale) = ("", nil)
    if bytes.has("Tracing block device I/O", at: start, end) {
      tool = "biolatency"
    } else if bytes.has("Tracing run queue latency...", at: start, end)
      || bytes.has("Tracing CPU scheduler...", at: start, end)
    {
      tool = "runqlat"
    } else {
      (tool, ofFile) = (nil, nil)
      return false
    }
    return true
  }

  /// `disk = 'xvdb'`, `Bucket disk = 'xvdb'`, `disk = sda`, `flags = Sync-Write`, `pid = 12929`.
  private func isKey(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let names: [StaticString] = [
      "disk = ", "Bucket disk = ", "Bucket ptr = ", "flags = ", "pid = ", "tid = ", "pidns = ",
      "cgroup = ",
    ]
    for name in names where bytes.has(name, at: start, end) {
      let text = bytes.text(from: start + name.utf8CodeUnitCount, to: end)
      key = Self.plain(text)
      scale = nil
      return true
    }
    return false
  }

  /// `b'sda'`: sda.
  private static func plain(_ text: String) -> String {
    var own = text[...]
    if own.hasPrefix("b'") { own = own.dropFirst() }
    if own.hasPrefix("'"), own.hasSuffix("'"), own.utf8.count >= 2 {
      own = own.dropFirst().dropLast()
    }
    return String(own.prefix(128))
  }

  /// `     usecs               : count     distribution`, `@usecs:`, `@usecs[259, 0]:`
  private func isHeader(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let isBPFTrace = bytes[start] == UInt8(ascii: "@")
    let from = isBPFTrace ? start + 1 : start
    for (word, own) in [("nsecs", 1), ("usecs", 1_000), ("msecs", 1_000_000)]
      as [(StaticString, Int64)]
    where bytes.has(word, at: from, end) {
      if isBPFTrace {
        guard bytes[end - 1] == UInt8(ascii: ":") else { return false }
        key = Self.index(bytes.text(from: from, to: end))
      } else {
        guard bytes.find(": count", from: from, end) != nil else { return false }
      }
      scale = own
      return true
    }
    return false
  }

  /// `usecs[259, 0]:`: 259,0
  private static func index(_ text: String) -> String {
    guard let open = text.firstIndex(of: "["), let close = text.lastIndex(of: "]"), open < close
    else { return "" }
    return String(text[text.index(after: open)..<close].filter { $0 != " " }.prefix(128))
  }

  // MARK: - Rows

  /// The end of a bucket, in the unit of the header, that no value of it reaches, and how many it has.
  private static func row(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (limit: Int64?, count: Int64)? {
    var fields = Fields()
    fields.cut(bytes, start, min(end, start + 256))
    // `64 -> 127        : 1        |    |`
    if fields.count >= 5, bytes.equals("->", fields[1]), bytes.equals(":", fields[3]),
      bytes.isNumber(fields[0]), let last = bytes.wholeNumber(fields[2]), last < .max,
      let count = bytes.wholeNumber(fields[4])
    {
      return (last + 1, count)
    }
    // `[128, 256)            12 |@@@  |`, `[1K, 2K)  3 |@`, `[0]  1 |`, `(..., 0)  1 |`
    let first = bytes[start]
    guard first == UInt8(ascii: "[") || first == UInt8(ascii: "("), fields.count >= 2 else {
      return nil
    }
    let isOne = bytes[fields[0].upperBound - 1] == UInt8(ascii: "]")
    let place = isOne ? 0 : 1
    guard place + 1 < fields.count, let count = bytes.wholeNumber(fields[place + 1]) else {
      return nil
    }
    let text = bytes.text(
      from: fields[place].lowerBound + (isOne ? 1 : 0), to: fields[place].upperBound - 1)
    if text == "..." { return (nil, count) }
    let units: [Character: Int64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    let factor = text.last.flatMap { units[$0] }
    guard let number = Int64(factor == nil ? text : String(text.dropLast())),
      let limit = product(number, factor ?? 1), limit >= 0, limit < .max
    else { return nil }
    return (isOne ? limit + 1 : limit, count)
  }

  private static func product(_ left: Int64, _ right: Int64) -> Int64? {
    let (product, isTooMuch) = left.multipliedReportingOverflow(by: right)
    return isTooMuch ? nil : product
  }

  /// A line of `-j`: the text of a dictionary of Python.
  private func python(_ text: String, _ tool: String, _ log: CounterLog) -> Bool {
    func value(_ name: String, in part: Substring) -> Substring? {
      part.firstRange(of: "'\(name)': ").map {
        part[$0.upperBound...].prefix { !",}]".contains($0) }
      }
    }
    let units: [Substring: Int64] = ["'nsecs'": 1, "'usecs'": 1_000, "'msecs'": 1_000_000]
    guard let unit = value("val_type", in: text[...]).flatMap({ units[$0] }),
      let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]")
    else { return false }
    let tail = text[close...]
    let own = ["flags", "Bucket ptr", "disk", "pid"].lazy.compactMap { value($0, in: tail) }.first
    for part in text[open..<close].split(separator: "{") {
      guard let last = value("interval-end", in: part).flatMap({ Int64($0) }), last < .max,
        let count = value("count", in: part).flatMap({ Int64($0) }), count >= 0
      else { continue }
      add(
        tool, own.map { Self.plain(String($0)) } ?? "", Self.product(last + 1, unit) ?? .max, count)
    }
    log.events += 1
    return true
  }
}
