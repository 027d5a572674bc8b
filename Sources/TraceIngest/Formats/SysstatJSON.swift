internal import TraceModel

/// JSON of `iostat -o JSON`, `mpstat -o JSON` and `sadf -j`, under the same names as the tables of these tools.
///
///     {"sysstat": {"hosts": [{"nodename": "web1", "date": "11/22/26", "statistics": [
///       {"timestamp": "11/22/26 09:30:53", "avg-cpu": {"user": 6.18, ...}, "disk": [{"disk_device": "vda", "r/s": 12.00, ...}]}]}]}}
struct SysstatJSON: TraceFormat {
  let name = "sysstat-json"
  let producedBy = "iostat -xt -o JSON 1"
  let clock = "wall clock"
  let goodFor = "load of disks and CPUs that were not traced"

  func recognizes(_ head: Span<UInt8>) -> Recognition {
    beginsAsJSON(head) && head.find("\"sysstat\"", from: 0, head.count) != nil ? .yes : .no
  }

  func reader(into sink: any EventSink) -> FormatReader { .bytes(SysstatJSONReader(sink: sink)) }
}

private final class SysstatJSONReader: WholeFileReader {
  private let log: CounterLog
  private var lines: Int64 = 0
  private var skipped: Int64 = 0
  /// Reports of iostat: the first is of the time since the machine's start.
  private var reports = 0
  private var midnights: (last: Int64, days: Int64) = (0, 0)

  init(sink: any EventSink) { log = CounterLog(sink: sink) }

  func read(whole bytes: Span<UInt8>, _ range: Range<Int>) throws {
    var parser = JSONParser(range)
    do {
      while let value = try parser.next(bytes) {
        guard case .array(let hosts)? = value["sysstat"]?["hosts"] else { continue }
        for host in hosts { try read(host) }
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
    var summary = try log.finish(format: "sysstat-json")
    (summary.lines, summary.skippedLines) = (lines, skipped)
    return summary
  }

  private func read(_ host: JSONValue) throws {
    let date = (host["date"] ?? host["file-date"])?.string
    log.begin(day: date.flatMap { SysstatBanner.date($0) })
    midnights = (0, 0)
    guard case .array(let statistics)? = host["statistics"] else { return }
    for report in statistics {
      log.line = report.line ?? log.line
      let isIostat = report["avg-cpu"] != nil || report["disk"].map(Self.isIostat) ?? false
      try isIostat ? iostat(report) : activities(report)
    }
  }

  /// The disks of iostat have `disk_device`, those of sar `disk-device`.
  private static func isIostat(_ disks: JSONValue) -> Bool {
    guard case .array(let rows) = disks else { return false }
    return rows.first?["disk_device"] != nil
  }

  // MARK: - iostat

  private func iostat(_ report: JSONValue) throws {
    reports += 1
    if reports == 1 { log.notices.add(.sinceBootRow, count: 1, line: log.line) }
    let wall = moment(report["timestamp"])
    if case .object(let members, _)? = report["avg-cpu"] {
      try add("iostat", .machine, "", members, wall) { Iostat.cpuColumn("%\($0)") }
    }
    guard case .array(let disks)? = report["disk"] else { return }
    for disk in disks {
      guard case .object(let members, _) = disk, let name = disk["disk_device"]?.string else {
        continue
      }
      let shares = ["util", "rrqm", "wrqm", "drqm"]
      try add("iostat", .disk, name, members, wall) {
        Iostat.diskColumn(shares.contains($0) ? "%\($0)" : $0)
      }
    }
  }

  // MARK: - sar and mpstat

  private func activities(_ report: JSONValue) throws {
    let wall = moment(report["timestamp"])
    // sadf gives the time an object, mpstat a text.
    let tool = report["timestamp"]?["date"] == nil ? "mpstat" : "sar"
    if case .array(let cpus)? = report["cpu-load"] {
      for cpu in cpus {
        guard case .object(let members, _) = cpu, let name = cpu["cpu"]?.string else { continue }
        let isAll = name == "all" || name == "-1"
        try add(tool, isAll ? .machine : .cpu, isAll ? "" : name, members, wall) {
          Self.column("%\($0)")
        }
      }
    }
    guard tool == "sar" else { return }
    if case .array(let disks)? = report["disk"] {
      try rows(disks, "disk-device", tool, .disk, wall) { key in
        switch key {
        case "util", "util-percent": Self.column("%util")
        case "rkB", "wkB", "dkB", "rd_sec", "wr_sec": Self.column("\(key)/s")
        default: Self.column(key)
        }
      }
    }
    for (section, option) in [("net-dev", " -n DEV"), ("net-edev", " -n EDEV")] {
      guard case .array(let interfaces)? = report["network"]?[section] else { continue }
      try rows(interfaces, "iface", tool + option, .interface, wall) {
        Self.column($0.hasPrefix("ifutil") ? "%ifutil" : "\($0)/s")
      }
    }
    try machine(report["paging"], tool + " -B", wall) { "\($0)/s" }
    try machine(report["swap-pages"], tool + " -W", wall) { "\($0)/s" }
    try machine(report["queue"], tool + " -q", wall) { $0 }
    try machine(report["memory"], tool + " -r", wall) { "kb\($0)" }
  }

  private func machine(
    _ value: JSONValue?, _ tool: String, _ wall: WallTime?, _ name: (String) -> String
  ) throws {
    guard case .object(let members, _)? = value else { return }
    try add(tool, .machine, "", members, wall) { key in
      Self.column(key.hasSuffix("-percent") ? "%\(key.dropLast("-percent".count))" : name(key))
    }
  }

  private func rows(
    _ rows: [JSONValue], _ key: String, _ tool: String, _ kind: CounterObjectKind,
    _ wall: WallTime?, _ column: (String) -> Iostat.Column?
  ) throws {
    for row in rows {
      guard case .object(let members, _) = row, let name = row[key]?.string else { continue }
      try add(tool, kind, name, members, wall, column)
    }
  }

  private static func column(_ name: String) -> Iostat.Column? {
    SysstatColumn.meaning(name[...]).map { (name, $0.unit, $0.nature) }
  }

  private func add(
    _ tool: String, _ kind: CounterObjectKind, _ name: String,
    _ members: [(key: String, value: JSONValue)], _ wall: WallTime?,
    _ column: (String) -> Iostat.Column?
  ) throws {
    log.prefix = wall
    let object = try log.object(tool, kind, name)
    try log.begin(object)
    let isSinceBoot = tool == "iostat" && reports == 1
    for member in members {
      guard let value = member.value.hundredths, let column = column(member.key) else { continue }
      let nature = isSinceBoot ? .sinceBoot : column.nature
      let counter = try log.counter(column.counter, column.unit, nature, scale: 100)
      try log.add(object, counter, value, nature)
    }
    if isSinceBoot { log.linesSinceBoot += 1 } else { log.events += 1 }
  }

  // MARK: - Times

  /// `"11/22/26 09:30:53"`, `"14:46:19"`, `{"date": "2026-11-29", "time": "14:46:19", "utc": 1}`.
  private func moment(_ value: JSONValue?) -> WallTime? {
    guard let value else { return nil }
    if let date = value["date"]?.string, let time = value["time"]?.string {
      let isUTC = value["utc"]?.integer == 1
      return written("\(date) \(time)", isUTC: isUTC)
    }
    guard let text = value.string else { return nil }
    guard !text.contains(" "), !text.contains("T"), text.contains(":") else {
      return written(text, isUTC: false)
    }
    let bytes = Array(text.utf8)
    var at = 0
    guard let day = log.day, let time = bytes.span.timeOfDay(&at, bytes.count) else { return nil }
    if time < midnights.last - 43_200_000_000_000 { midnights.days += 1 }
    midnights.last = time
    return WallTime(
      nanoseconds: day + midnights.days * 86_400_000_000_000 + time, utcOffset: nil)
  }

  private func written(_ text: String, isUTC: Bool) -> WallTime? {
    let bytes = Array(text.utf8)
    guard let wall = bytes.span.writtenDate(0, bytes.count)?.wall else { return nil }
    return isUTC ? WallTime(nanoseconds: wall.nanoseconds, utcOffset: 0) : wall
  }
}
