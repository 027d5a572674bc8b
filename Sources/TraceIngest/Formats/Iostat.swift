internal import TraceModel

/// `iostat`: what each disk did on average from one report to the next, and the CPUs before it.
///
///     11/22/2026 09:30:53 AM
///     avg-cpu:  %user   %nice %system %iowait  %steal   %idle
///                6.18    0.00   11.24   48.31    2.25   32.02
///
///     Device            r/s     rkB/s   rrqm/s  %rrqm r_await rareq-sz     w/s ...  aqu-sz  %util
///     vda             12.00    196.00     0.00   0.00    0.58    16.33   41.00 ...    0.04   3.20
///
/// The columns go by their names: sysstat 9 to 12, with and without `-x`, in kB, MB, sectors or blocks. The first report of
/// a run is the mean since boot.
struct Iostat: CounterFormat {
  let name = "iostat"
  let producedBy = "iostat -xt 1"
  let goodFor = "load, latency and busy time of disks that were not traced"

  func table() -> any CounterTable { IostatTable() }

  /// A column as a counter.
  typealias Column = (counter: String, unit: CounterUnit, nature: CounterNature)
}

private final class IostatTable: CounterTable {
  private typealias Column = Iostat.Column

  /// Whose values the rows below a header are.
  private enum Part {
    case none
    /// Of all CPUs together, in one row.
    case cpus([Column?])
    /// Of a disk each.
    case disks([Column?])
  }

  private var part = Part.none
  /// Reports of this run; a report has each part at most once.
  private var reports = 0
  private var hasCPUs = false
  private var hasDisks = false

  func interrupt(_ reason: CounterBreak) {
    if case .other = reason { reports = 0 }
    part = .none
    if reason == .date || reports == 0 { (hasCPUs, hasDisks) = (false, false) }
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count > 0 else { return false }
    if let header = Self.header(bytes, fields) {
      begin(header, log)
      return true
    }
    switch part {
    case .none: return false
    case .cpus(let columns):
      guard fields.count == columns.count, let values = Self.values(bytes, fields, from: 0) else {
        return false
      }
      part = .none
      try add(log, try log.object("iostat", .machine, ""), columns, values)
    case .disks(let columns):
      guard fields.count == columns.count + 1, let values = Self.values(bytes, fields, from: 1)
      else { return false }
      let name = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
      try add(log, try log.object("iostat", .disk, name), columns, values)
    }
    if reports == 1 { log.linesSinceBoot += 1 } else { log.events += 1 }
    return true
  }

  /// A part that the report has already begins the next one.
  private func begin(_ header: Part, _ log: CounterLog) {
    part = header
    let isRepeated =
      switch header {
      case .cpus: hasCPUs || hasDisks
      default: hasDisks
      }
    if isRepeated { (hasCPUs, hasDisks) = (false, false) }
    if !hasCPUs, !hasDisks {
      reports += 1
      if reports == 1 { log.notices.add(.sinceBootRow, count: 1, line: log.line) }
    }
    if case .cpus = header { hasCPUs = true } else { hasDisks = true }
  }

  private func add(
    _ log: CounterLog, _ object: Int32, _ columns: [Column?], _ values: [Int64?]
  ) throws {
    try log.begin(object)
    for (column, value) in zip(columns, values) {
      guard let column, let value else { continue }
      let nature = reports == 1 ? .sinceBoot : column.nature
      let counter = try log.counter(column.counter, column.unit, nature, scale: 100)
      try log.add(object, counter, value, nature)
    }
  }

  /// Hundredths; a nil element is `-nan`, printed after a counter of the kernel fell. Nil if a field is not a number.
  private static func values(_ bytes: Span<UInt8>, _ fields: Fields, from first: Int) -> [Int64?]? {
    var values: [Int64?] = []
    for index in first..<fields.count {
      if let value = bytes.hundredths(fields[index], orWithComma: true) {
        values.append(value)
      } else if bytes.equals("-nan", fields[index]) || bytes.equals("nan", fields[index]) {
        values.append(nil)
      } else {
        return nil
      }
    }
    return values
  }

  // MARK: - Headers

  private static func header(_ bytes: Span<UInt8>, _ fields: Fields) -> Part? {
    guard fields.count >= 3 else { return nil }
    let isCPUs = bytes.equals("avg-cpu:", fields[0])
    guard isCPUs || bytes.equals("Device", fields[0]) || bytes.equals("Device:", fields[0]) else {
      return nil
    }
    let names = (1..<fields.count).map {
      bytes.text(from: fields[$0].lowerBound, to: fields[$0].upperBound)
    }
    let columns = names.map { isCPUs ? Iostat.cpuColumn($0) : Iostat.diskColumn($0) }
    // `Device tps ...` and `Device r/s ...`: anything else that begins so is another's.
    guard columns.contains(where: { $0 != nil }) else { return nil }
    return isCPUs ? .cpus(columns) : .disks(columns)
  }
}

extension Iostat {
  static func cpuColumn(_ name: String) -> Column? {
    ["%user", "%nice", "%system", "%iowait", "%steal", "%idle"].contains(name)
      ? (name, .percent, .share) : nil
  }

  /// By what stands behind the letter of the operation: `r/s`, `d_await`, `wkB/s`.
  static func diskColumn(_ name: String) -> Column? {
    switch name {
    case "tps", "rqm/s": return (name, .count, .rate)
    case "kB/s", "kB_read/s", "kB_wrtn/s", "kB_dscd/s": return (name, .kibibytes, .rate)
    case "MB/s", "MB_read/s", "MB_wrtn/s", "MB_dscd/s": return (name, .mebibytes, .rate)
    case "Blk_read/s", "Blk_wrtn/s", "Blk_dscd/s": return (name, .sectors, .rate)
    case "await", "svctm": return (name, .milliseconds, .mean)
    case "areq-sz": return (name, .kibibytes, .mean)
    case "avgrq-sz": return (name, .sectors, .mean)
    case "aqu-sz", "avgqu-sz": return (name, .count, .mean)
    case "%util", "%rrqm", "%wrqm", "%drqm": return (name, .percent, .share)
    default: break
    }
    guard let operation = name.first, "rwdf".contains(operation) else { return nil }
    switch name.dropFirst() {
    case "/s", "rqm/s": return (name, .count, .rate)
    case "kB/s": return (name, .kibibytes, .rate)
    case "MB/s": return (name, .mebibytes, .rate)
    case "sec/s": return (name, .sectors, .rate)
    case "_await": return (name, .milliseconds, .mean)
    case "areq-sz": return (name, .kibibytes, .mean)
    default: return nil
    }
  }
}
