internal import TraceModel

/// The tables of `vmstat`: the default one in all its generations and widths, and those of `-d`, `-D`,
/// `-p`, `-s`, `-m` and `-f`.
///
///     procs -----------memory---------- ---swap-- -----io---- -system-- -------cpu------- -----timestamp-----
///      r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st gu                CEST
///      2  0      0 812344  10240 655360    0    0   120   340  800 1500 10  5 80  3  2  0 2026-10-07 10:15:01
struct Vmstat: CounterFormat {
  let name = "vmstat"
  let producedBy = "vmstat -t 1"
  let goodFor = "steal, run queue and block traffic per second, beside what the host measured"

  func table() -> any CounterTable { VmstatTables() }
}

/// vmstat's tables; each knows its own lines.
final class VmstatTables: CounterTable {
  private let rows = VmstatRows()
  private let others: [any CounterTable] = [
    VmstatDisks(), VmstatDiskTotals(), VmstatPartition(), VmstatSlabs(), VmstatSummary(),
  ]

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if try rows.take(bytes, start, end, log) { return true }
    for table in others where try table.take(bytes, start, end, log) {
      rows.interrupt(.other)
      return true
    }
    return false
  }

  func interrupt(_ reason: CounterBreak) {
    rows.interrupt(reason)
    for table in others { table.interrupt(reason) }
  }
}

/// The default table. What its columns are is read from the second line of its header.
private final class VmstatRows: CounterTable {
  /// What the columns are; empty before the first header.
  private var columns: [VmstatColumn?] = []
  /// How far ahead of UTC the zone of `-t` is that the header names; nil without `-t`.
  private var offset: Int32??
  private var run: Int64 = -1
  private var runStart: WallTime?
  /// Seconds between its rows; nil if no command shows it.
  private var interval: Int64?
  private var rowsOfRun: Int64 = 0
  /// The next row is the first of a run for sure.
  private var isRunDue = true
  /// The next row may be: a header came that may be a repetition.
  private var isHeaderNew = false
  /// Something stood between the last row and this place.
  private var isInterrupted = true
  private var isForeign = false
  private var bootRow: [Int64?] = []
  private var lastRow: [Int64?] = []
  private var lastWall: WallTime?

  /// The order of procps without `-a`, for headers in other languages.
  private static let usualOrder: [VmstatColumn] = [
    .r, .b, .swpd, .free, .buff, .cache, .si, .so, .bi, .bo, .in, .cs, .us, .sy, .id, .wa, .st,
    .gu,
  ]

  func interrupt(_ reason: CounterBreak) { isInterrupted = true }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if Self.isGroupHeader(bytes, start, end) {
      header(log)
      return true
    }
    log.fields.cut(bytes, start, end)
    guard log.fields.count >= 15 else { return false }
    if !bytes.isNumber(log.fields[0]) { return columnHeader(bytes, log) }
    return try row(bytes, end, log)
  }

  /// `procs -----------memory---------- ---swap-- ...`, `--procs-- ----`, and translations: several
  /// groups of dashes and no digit.
  private static func isGroupHeader(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var groups = 0
    var dashes = 0
    var letters = 0
    for index in start..<end {
      switch bytes[index] {
      case UInt8(ascii: "-"):
        dashes += 1
        if dashes == 2 { groups += 1 }
      case 0x30...0x39: return false
      case 0x20: dashes = 0
      default:
        dashes = 0
        letters += 1
      }
    }
    return groups >= 5 && letters >= 10 && bytes.find("reads", from: start, end) == nil
  }

  private func header(_ log: CounterLog) {
    if isInterrupted || log.isClockNew { isRunDue = true }
    isHeaderNew = true
    isInterrupted = false
  }

  /// ` r  b   swpd   free   buff  cache   si ... st                 UTC`.
  private func columnHeader(_ bytes: Span<UInt8>, _ log: CounterLog) -> Bool {
    let fields = log.fields
    guard bytes.equals("r", fields[0]), bytes.equals("b", fields[1]) else {
      return translatedHeader(bytes, log)
    }
    // FreeBSD, AIX, Solaris: `r b w avm fre flt re pi po fr sr ...`
    if ForeignVmstat.operatingSystem(
      bytes, fields[0].lowerBound, fields[fields.count - 1].upperBound) != nil
    {
      isForeign = true
      columns = []
      return false
    }
    var found: [VmstatColumn?] = []
    var known = 0
    for index in 0..<fields.count {
      let column = Self.column(bytes, fields[index])
      if column != nil { known += 1 }
      found.append(column)
    }
    // The zone of -t stands at the end: `UTC`, `CEST`, `+03`.
    var zoneName: Range<Int>?
    if found.count > 1, let last = found.last, last == nil, !found.dropLast().contains(nil) {
      zoneName = fields[fields.count - 1]
      found.removeLast()
    }
    if known < 10 {
      guard (16...18).contains(found.count) else { return false }
      found = Self.usualOrder.prefix(found.count).map { $0 }
    }
    isForeign = false
    if columns != found { isRunDue = true }
    columns = found
    offset = zoneName.map { bytes.writtenZone($0) }
    header(log)
    return true
  }

  /// ` l  s   swpd   frei   Puff  Cache   si   so    bi    bo   in   cs bn sy un wa gs` below a header with
  /// dashes: the order is the same in all languages.
  private func translatedHeader(_ bytes: Span<UInt8>, _ log: CounterLog) -> Bool {
    let fields = log.fields
    guard isHeaderNew, fields.count >= 15 else { return false }
    for index in 0..<fields.count where bytes[fields[index].lowerBound] &- 0x30 < 10 {
      return false
    }
    // The zone of -t is one more.
    let zone = bytes.writtenZone(fields[fields.count - 1])
    let count = fields.count - (zone == nil ? 0 : 1)
    guard (16...18).contains(count), bytes.equals("si", fields[6]) else { return false }
    var found: [VmstatColumn?] = Self.usualOrder.prefix(count).map { $0 }
    // With -a these two are inactive and active memory.
    if bytes[fields[5].lowerBound] | 0x20 != UInt8(ascii: "c") {
      found[4] = nil
      found[5] = nil
    }
    isForeign = false
    if columns != found { isRunDue = true }
    columns = found
    offset = zone.map { .some($0) }
    header(log)
    return true
  }

  private static func column(_ bytes: Span<UInt8>, _ range: Range<Int>) -> VmstatColumn? {
    let names: [(StaticString, VmstatColumn)] = [
      ("r", .r), ("b", .b), ("w", .w), ("swpd", .swpd), ("free", .free), ("buff", .buff),
      ("cache", .cache), ("inact", .inact), ("active", .active), ("si", .si), ("so", .so),
      ("bi", .bi), ("bo", .bo), ("in", .in), ("cs", .cs), ("us", .us), ("sy", .sy), ("id", .id),
      ("wa", .wa), ("st", .st), ("gu", .gu),
    ]
    for (name, column) in names where bytes.equals(name, range) { return column }
    return nil
  }

  private func row(_ bytes: Span<UInt8>, _ end: Int, _ log: CounterLog) throws -> Bool {
    guard !isForeign else { return false }
    let fields = log.fields
    var numbers = 0
    while numbers < fields.count, bytes.isNumber(fields[numbers]) { numbers += 1 }
    var order = columns
    if order.isEmpty {
      // No header: the beginning of the file was cut off.
      guard (16...18).contains(numbers) else { return false }
      order = Self.usualOrder.prefix(numbers).map { $0 }
    }
    guard numbers == order.count else { return false }

    var wall: WallTime?
    if numbers < fields.count {
      guard let date = bytes.writtenDate(fields[numbers].lowerBound, end), date.end == end,
        let written = date.wall
      else { return false }
      wall = written
      if written.utcOffset == nil, let offset = offset ?? nil {
        wall = WallTime(
          nanoseconds: written.nanoseconds - Int64(offset) * 1_000_000_000, utcOffset: offset)
      }
    }
    if columns.isEmpty { columns = order }

    var values = [Int64?](repeating: nil, count: VmstatColumn.allCases.count)
    for (index, column) in order.enumerated() {
      guard let column, let value = log.number(bytes, fields[index]) else { continue }
      // si to cs are unsigned differences of 32 bits: a counter that went back shows as 4294967xxx.
      let isDifference = (VmstatColumn.si.rawValue...VmstatColumn.cs.rawValue)
        .contains(column.rawValue)
      if isDifference, value > 4_000_000_000 {
        log.notices.add(.impossibleValue, count: 1, line: log.line)
      } else {
        values[column.rawValue] = value
      }
    }

    let own = wall ?? log.prefix
    let hasHeader = isHeaderNew
    // `date; vmstat 1 2 | tail -1`: a date and a row, without any header.
    let isFirst = hasHeader && (isRunDue || beginsRun(values, own)) || run < 0 || log.isClockNew
    if isFirst {
      run += 1
      runStart = log.takeClock()
      rowsOfRun = 0
      interval = log.interval
    }
    let elapsed = interval.flatMap { seconds -> Int64? in
      let (time, isTooLong) = (seconds * 1_000_000_000).multipliedReportingOverflow(by: rowsOfRun)
      return isTooLong ? nil : time
    }
    rowsOfRun += 1
    var row = VmstatRow()
    row.run = run
    // Without a header the beginning of the run is not in the file.
    row.isSinceBoot = isFirst && hasHeader
    row.wall = own
    row.runStart = runStart
    row.values = values
    if row.isSinceBoot {
      bootRow = values
      log.notices.add(.sinceBootRow, count: 1, line: log.line)
    }
    lastRow = values
    lastWall = own
    isRunDue = false
    isHeaderNew = false
    isInterrupted = false
    log.events += 1
    try log.add(row, elapsed: elapsed)
    return true
  }

  /// Whether the row below a header that nothing announces begins a new run (`while :; do vmstat 1 7;
  /// done`) or vmstat only repeated its header: a run begins at once, in the second of the last row, with
  /// nearly the averages since boot that the run before began with.
  private func beginsRun(_ values: [Int64?], _ wall: WallTime?) -> Bool {
    guard Self.isAlike(values, bootRow) else { return false }
    if let wall, let lastWall {
      return wall.nanoseconds - lastWall.nanoseconds < 1_000_000_000
        && !Self.isAlike(values, lastRow)
    }
    return !Self.isAlike(values, lastRow)
  }

  private static func isAlike(_ a: [Int64?], _ b: [Int64?]) -> Bool {
    guard a.count == b.count, !a.isEmpty else { return false }
    for column in VmstatColumn.allCases where column.rawValue >= VmstatColumn.si.rawValue {
      guard let one = a[column.rawValue], let other = b[column.rawValue] else { continue }
      let isPercent = column.rawValue >= VmstatColumn.us.rawValue
      let allowed = isPercent ? 1 : max(2, max(one, other) / 20)
      if abs(one - other) > allowed { return false }
    }
    return true
  }
}

/// `vmstat -d`: counters of every disk since boot.
///
///     disk- ------------reads------------ ------------writes----------- -----IO------ -----timestamp-----
///            total merged sectors      ms  total merged sectors      ms    cur    sec                 UTC
///     sda    15257    100  841035    8395  50851   5502 1648657  146540      0     44 2021-09-16 20:32:28
private final class VmstatDisks: CounterTable {
  private var isOpen = false
  private var offset: Int32?
  private var counters: [(Int32, CounterNature)] = []

  func interrupt(_ reason: CounterBreak) { if reason == .other { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    if bytes.has("disk-", at: start, end) {
      isOpen = true
      return true
    }
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    if fields.count >= 10, bytes.equals("total", fields[0]), bytes.equals("merged", fields[1]) {
      isOpen = true
      offset = fields.count > 10 ? bytes.writtenZone(fields[10]) : nil
      return true
    }
    guard isOpen, fields.count >= 11, !bytes.isNumber(fields[0]) else { return false }
    for index in 1...10 where !bytes.isNumber(fields[index]) { return false }
    if fields.count > 11 {
      guard let date = bytes.writtenDate(fields[11].lowerBound, end), date.end == end else {
        return false
      }
      if let wall = date.wall {
        log.prefix =
          wall.utcOffset == nil && offset != nil
          ? WallTime(
            nanoseconds: wall.nanoseconds - Int64(offset ?? 0) * 1_000_000_000, utcOffset: offset)
          : wall
      }
    }
    if counters.isEmpty {
      let names: [(String, CounterUnit, CounterNature)] = [
        ("reads_total", .count, .total), ("reads_merged", .count, .total),
        ("reads_sectors", .sectors, .total), ("reads_ms", .milliseconds, .total),
        ("writes_total", .count, .total), ("writes_merged", .count, .total),
        ("writes_sectors", .sectors, .total), ("writes_ms", .milliseconds, .total),
        ("cur", .count, .level), ("sec", .seconds, .total),
      ]
      for (name, unit, nature) in names {
        counters.append((try log.counter(name, unit, nature), nature))
      }
    }
    let name = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
    let disk = try log.object("vmstat -d", .disk, name)
    try log.begin(disk)
    for (index, (counter, nature)) in counters.enumerated() {
      guard let value = log.number(bytes, fields[index + 1]) else { continue }
      try log.add(disk, counter, value, nature)
    }
    log.events += 1
    return true
  }
}

/// `vmstat -D`: totals of all disks.
///
///            10 disks
///        634643 total reads
private final class VmstatDiskTotals: CounterTable {
  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var at = start
    bytes.skipBlanks(&at, end)
    let number = at
    guard at < end, let value = bytes.decimal(&at, end), at > number, at < end,
      bytes[at] == 0x20
    else { return false }
    at += 1
    let names: [(StaticString, CounterUnit, CounterNature)] = [
      ("disks", .count, .level), ("partitions", .count, .level), ("total reads", .count, .total),
      ("merged reads", .count, .total), ("read sectors", .sectors, .total),
      ("milli reading", .milliseconds, .total), ("writes", .count, .total),
      ("merged writes", .count, .total), ("written sectors", .sectors, .total),
      ("milli writing", .milliseconds, .total), ("inprogress IO", .count, .level),
      ("milli spent IO", .milliseconds, .total), ("milli weighted IO", .milliseconds, .total),
    ]
    for (name, unit, nature) in names where bytes.equals(name, at..<end) {
      let all = try log.object("vmstat -D", .machine, "")
      if !isOpen || bytes.equals("disks", at..<end) { try log.begin(all) }
      isOpen = true
      let counter = try log.counter(bytes.text(from: at, to: end), unit, nature)
      try log.add(all, counter, value, nature)
      log.events += 1
      return true
    }
    return false
  }

  private var isOpen = false
  func interrupt(_ reason: CounterBreak) { isOpen = false }
}

/// `vmstat -p loop0`: counters of one partition.
///
///     loop0           reads      read sectors      writes  requested writes
///                      5472            415773        6851            503858
private final class VmstatPartition: CounterTable {
  private var name: String?

  func interrupt(_ reason: CounterBreak) { if reason == .other { name = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    if fields.count == 7, bytes.equals("reads", fields[1]), bytes.equals("sectors", fields[3]),
      bytes.equals("requested", fields[5])
    {
      name = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
      return true
    }
    guard let name, fields.count == 4 else { return false }
    for index in 0..<4 where !bytes.isNumber(fields[index]) { return false }
    let disk = try log.object("vmstat -p", .disk, name)
    try log.begin(disk)
    let columns: [(String, CounterUnit)] = [
      ("reads", .count), ("read sectors", .sectors), ("writes", .count),
      ("requested writes", .sectors),
    ]
    for (index, (column, unit)) in columns.enumerated() {
      guard let value = log.number(bytes, fields[index]) else { continue }
      try log.add(disk, try log.counter(column, unit), value, .total)
    }
    log.events += 1
    return true
  }
}

/// `vmstat -m`: the kernel's slab caches.
///
///     Cache                       Num  Total   Size  Pages
///     ext4_groupinfo_4k          1148   1148    144     28
private final class VmstatSlabs: CounterTable {
  private var isOpen = false

  func interrupt(_ reason: CounterBreak) { if reason != .blank { isOpen = false } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    let fields = log.fields
    guard fields.count == 5 else { return false }
    if bytes.equals("Cache", fields[0]), bytes.equals("Num", fields[1]) {
      isOpen = true
      return true
    }
    guard isOpen else { return false }
    for index in 1...4 where !bytes.isNumber(fields[index]) { return false }
    let name = bytes.text(from: fields[0].lowerBound, to: fields[0].upperBound)
    let slab = try log.object("vmstat -m", .slab, name)
    try log.begin(slab)
    let columns: [(String, CounterUnit)] = [
      ("Num", .count), ("Total", .count), ("Size", .bytes), ("Pages", .count),
    ]
    for (index, (column, unit)) in columns.enumerated() {
      guard let value = log.number(bytes, fields[index + 1]) else { continue }
      try log.add(slab, try log.counter(column, unit, .level), value, .level)
    }
    log.events += 1
    return true
  }
}

/// `vmstat -s` and `-f`: one number and what it is per line.
///
///          16345678 K total memory
///            123456 stolen cpu ticks
///           8154400 K paged in
///         182032258 pages alloc in normal
///             44376 forks
///
/// Since procps 4.0 `K paged in` stands where `pages paged in` stood: the kernel has always counted KiB there.
/// `pages alloc in ...` and `pages free` came with 4.0.5.
private final class VmstatSummary: CounterTable {
  private var isOpen = false

  func interrupt(_ reason: CounterBreak) { isOpen = false }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var from = start
    bytes.skipBlanks(&from, end)
    var at = from
    while at < end, bytes[at] &- 0x30 < 10 { at += 1 }
    let digits = from..<at
    guard !digits.isEmpty, at + 1 < end, bytes[at] == 0x20 else { return false }
    bytes.skipBlanks(&at, end)
    let scale: Int64
    let target: (unit: CounterUnit, nature: CounterNature)
    if let unit = Self.scale(bytes, at, end) {
      scale = unit
      at += 2
      // `K paged in`: since boot; all others are how much there is.
      let isTotal = bytes.equals("paged in", at..<end) || bytes.equals("paged out", at..<end)
      target = (.bytes, isTotal ? .total : .level)
    } else if let known = Self.target(bytes, at, end) {
      scale = 1
      target = known
    } else {
      return false
    }
    let machine = try log.object("vmstat -s", .machine, "")
    if !isOpen || bytes.has("total memory", at: at, end) { try log.begin(machine) }
    isOpen = true
    log.events += 1
    guard let number = log.number(bytes, digits) else { return true }
    let (value, overflow) = number.multipliedReportingOverflow(by: scale)
    guard !overflow else {
      // `18014398509481983 K used memory`: a difference that fell below 0.
      log.notices.add(.impossibleValue, count: 1, line: log.line)
      return true
    }
    let counter = try log.counter(
      bytes.text(from: at, to: end), target.unit, target.nature)
    try log.add(machine, counter, value, target.nature)
    return true
  }

  /// What a line without a unit counts; nil for lines that no procps prints.
  private static func target(
    _ bytes: Span<UInt8>, _ at: Int, _ end: Int
  ) -> (unit: CounterUnit, nature: CounterNature)? {
    let kinds: [StaticString] = [
      "non-nice user", "nice user", "system", "idle", "IO-wait", "IRQ", "softirq", "stolen",
      "non-nice guest", "nice guest", "guest", "guest nice", "steal",
    ]
    if bytes.has(" cpu ticks", at: end - 10, end) {
      let isKnown = kinds.contains { bytes.equals($0, at..<end - 10) }
      return isKnown ? (.ticks, .total) : nil
    }
    if bytes.has("pages alloc in ", at: at, end) { return (.pages, .total) }
    let pages: [StaticString] = ["pages swapped in", "pages swapped out", "pages free"]
    if pages.contains(where: { bytes.equals($0, at..<end) }) { return (.pages, .total) }
    // The kernel's pgpgin and pgpgout count KiB, whatever procps calls them.
    let totals: [StaticString] = [
      "pages paged in", "pages paged out", "interrupts", "CPU context switches", "forks",
    ]
    if totals.contains(where: { bytes.equals($0, at..<end) }) { return (.count, .total) }
    return bytes.equals("boot time", at..<end) ? (.seconds, .level) : nil
  }

  /// `K total memory`: the unit of `-S`, in bytes; nil when the line is about no memory.
  private static func scale(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Int64? {
    guard at + 2 < end, bytes[at + 1] == 0x20 else { return nil }
    let names: [StaticString] = [
      "total memory", "used memory", "active memory", "inactive memory", "free memory",
      "buffer memory", "swap cache", "total swap", "used swap", "free swap", "paged in",
      "paged out",
    ]
    guard names.contains(where: { bytes.equals($0, at + 2..<end) }) else { return nil }
    switch bytes[at] {
    case UInt8(ascii: "K"): return 1024
    case UInt8(ascii: "k"): return 1000
    case UInt8(ascii: "M"): return 1 << 20
    case UInt8(ascii: "m"): return 1_000_000
    case UInt8(ascii: "B"), UInt8(ascii: "b"): return 1
    default: return nil
    }
  }
}
