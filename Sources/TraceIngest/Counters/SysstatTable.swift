internal import TraceModel

/// What a column of sysstat's tools is, by its name alone: all of them name their units the same way.
enum SysstatColumn {
  typealias Meaning = (unit: CounterUnit, nature: CounterNature)

  /// nil for what is no number that anything could use.
  static func meaning(_ name: Substring) -> Meaning? {
    if name.hasPrefix("%") {
      return levels.contains(name.dropFirst()) ? (.percent, .level) : (.percent, .share)
    }
    if name.hasSuffix("/s") {
      let stem = name.dropLast(2)
      if sectors.contains(stem) { return (.sectors, .rate) }
      if stem.hasSuffix("byt") { return (.bytes, .rate) }
      if stem.hasSuffix("MB") || stem.hasPrefix("MB_") { return (.mebibytes, .rate) }
      // pgpgin and pgpgout are KiB, whatever their names say.
      let isSize = stem.hasSuffix("kB") || stem.hasPrefix("kB_") || stem.hasPrefix("pgpg")
      return (isSize ? .kibibytes : .count, .rate)
    }
    if name.hasPrefix("kb") { return (.kibibytes, .level) }
    return others[name]
  }

  /// Shares of what there is at a moment.
  private static let levels: Set<Substring> = [
    "memused", "commit", "swpused", "swpcad", "hugused", "fsused", "ufsused", "Iused",
  ]
  /// Blocks of 512 bytes.
  private static let sectors: Set<Substring> = ["rd_sec", "wr_sec", "bread", "bwrtn", "bdscd"]

  private static let others: [Substring: Meaning] = [
    "tps": (.count, .rate), "rtps": (.count, .rate), "wtps": (.count, .rate),
    "dtps": (.count, .rate), "await": (.milliseconds, .mean), "svctm": (.milliseconds, .mean),
    "areq-sz": (.kibibytes, .mean), "avgrq-sz": (.sectors, .mean), "aqu-sz": (.count, .mean),
    "avgqu-sz": (.count, .mean), "runq-sz": (.count, .level), "plist-sz": (.count, .level),
    "blocked": (.count, .level), "ldavg-1": (.count, .level), "ldavg-5": (.count, .level),
    "ldavg-15": (.count, .level), "totsck": (.count, .level), "tcpsck": (.count, .level),
    "udpsck": (.count, .level), "rawsck": (.count, .level), "ip-frag": (.count, .level),
    "tcp-tw": (.count, .level), "dentunusd": (.count, .level), "file-nr": (.count, .level),
    "inode-nr": (.count, .level), "pty-nr": (.count, .level), "MHz": (.count, .level),
    "VSZ": (.kibibytes, .level), "RSS": (.kibibytes, .level), "threads": (.count, .level),
    "fd-nr": (.count, .level),
  ]
}

/// The tables of `sar`, `mpstat` and `pidstat`: a time of the day, then columns, under a header that begins with one, too.
///
///     Linux 6.1.0 (web1)   11/22/2026   _x86_64_   (2 CPU)
///
///     12:06:38 PM     CPU     %user     %nice   %system   %iowait    %steal     %idle
///     12:06:39 PM     all      6.18      0.00     11.24     48.31      2.25     32.02
///     Average:        all      6.18      0.00     11.24     48.31      2.25     32.02
///
/// Times of the day take the day of the first line, and the next one behind midnight.
final class SysstatTable: CounterTable {
  /// Whose table it is.
  struct Tool: Sendable {
    let name: String
    /// Whether a header with these columns is its own.
    let owns: @Sendable (_ columns: [Substring]) -> Bool

    /// The tool and the option that prints these columns: `sar`, `sar -B`. The first column that is among them tells.
    func name(_ columns: [Substring]) -> String {
      let options: [(column: Substring, option: String)] = [
        ("%idle", ""), ("%util", ""), ("rxpck/s", " -n DEV"), ("rxerr/s", " -n EDEV"),
        ("pgpgin/s", " -B"), ("pswpin/s", " -W"), ("rtps", " -b"), ("runq-sz", " -q"),
        ("kbmemfree", " -r"), ("kbswpfree", " -S"), ("totsck", " -n SOCK"), ("proc/s", " -w"),
        ("kB_rd/s", " -d"), ("minflt/s", " -r"), ("cswch/s", " -w"), ("%CPU", ""),
      ]
      if let own = options.first(where: { columns.contains($0.column) }) {
        return name + own.option
      }
      let other = columns.first { SysstatColumn.meaning($0) != nil }
      return name + (other.map { " \($0)" } ?? "")
    }
  }

  private struct Header {
    let names: [Substring]
    /// Where the column is that says what a row is of; nil: of the machine.
    let key: Int?
    /// Of processes or threads.
    let process: Int?
    let columns: [SysstatColumn.Meaning?]
    /// All of it: which activity it is.
    let text: String
    /// What its objects are told apart by from those of another activity: each of those has intervals of its own.
    let tool: String
  }

  private let tool: Tool
  private var header: Header?
  /// By activity, the last time of the day and how many midnights came before it: `sar -A` shows the whole day for one
  /// after the other.
  private var clocks: [String: (last: Int64, days: Int64)] = [:]
  private var banner = 0

  init(_ tool: Tool) { self.tool = tool }

  func interrupt(_ reason: CounterBreak) { if reason == .other { header = nil } }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    log.fields.cut(bytes, start, end)
    guard log.fields.count >= 3 else { return false }
    if banner != log.banner { (banner, clocks) = (log.banner, [:]) }
    if Self.isAverage(bytes, log.fields[0]) {
      // The mean of what stands above it.
      return header != nil && log.fields.count >= 3
    }
    guard let (time, first) = Self.time(bytes, log.fields) else { return false }
    // `12:10:00 PM       LINUX RESTART      (2 CPU)`
    if bytes.has("LINUX", at: log.fields[min(first, log.fields.count - 1)].lowerBound, end) {
      return tool.name == "sar" && bytes.find("RESTART", from: start, end) != nil
    }
    if let own = header(bytes, log.fields, from: first) {
      header = own
      _ = moment(time, own.text, log)
      return true
    }
    guard let header else { return false }
    let count = log.fields.count - first
    guard count == header.names.count || header.process != nil && count > header.names.count else {
      return false
    }
    return try row(bytes, header, first, time, log)
  }

  // MARK: - Headers

  static let keys: Set<Substring> = [
    "CPU", "DEV", "IFACE", "NODE", "FILESYSTEM", "INTR", "TTY", "BUS",
  ]

  private func header(_ bytes: Span<UInt8>, _ fields: Fields, from first: Int) -> Header? {
    guard first < fields.count else { return nil }
    let initial = bytes[fields[first].lowerBound]
    guard initial == UInt8(ascii: "%") || initial | 0x20 &- 0x61 < 26 else { return nil }
    let names = (first..<fields.count).map {
      Substring(bytes.text(from: fields[$0].lowerBound, to: fields[$0].upperBound))
    }
    let columns = names.map { Self.keys.contains($0) ? nil : SysstatColumn.meaning($0) }
    guard columns.contains(where: { $0 != nil }), tool.owns(names) else { return nil }
    let process = names.firstIndex { $0 == "PID" }
    return Header(
      names: names, key: process == nil ? names.firstIndex(where: Self.keys.contains) : nil,
      process: process, columns: columns, text: names.joined(separator: " "),
      tool: tool.name(names))
  }

  // MARK: - Rows

  private func row(
    _ bytes: Span<UInt8>, _ header: Header, _ first: Int, _ time: Int64, _ log: CounterLog
  ) throws -> Bool {
    let fields = log.fields
    var values: [Int64?] = []
    for (place, column) in header.columns.enumerated() {
      guard column != nil else {
        values.append(nil)
        continue
      }
      guard let value = Self.value(bytes, fields[first + place], column?.unit ?? .count) else {
        return false
      }
      values.append(value)
    }
    func word(_ place: Int) -> String {
      bytes.text(from: fields[first + place].lowerBound, to: fields[first + place].upperBound)
    }
    let (kind, name): (CounterObjectKind, String)
    if let process = header.process {
      let tail = bytes.text(
        from: fields[first + header.names.count - 1].lowerBound,
        to: fields[fields.count - 1].upperBound)
      (kind, name) = (.process, "\(word(process)) (\(tail))")
    } else if let key = header.key {
      (kind, name) = Self.object(header.names[key], word(key))
    } else {
      (kind, name) = (.machine, "")
    }
    log.prefix = moment(time, header.text, log)
    let object = try log.object(header.tool, kind, name)
    try log.begin(object)
    for (place, column) in header.columns.enumerated() {
      guard let column, let value = values[place] else { continue }
      let counter = try log.counter(
        String(header.names[place]), column.unit, column.nature, scale: 100)
      try log.add(object, counter, value, column.nature)
    }
    log.events += 1
    return true
  }

  /// `all` and `0` of CPUs, `vda` and `dev253-0` of disks, `eth0`.
  static func object(_ key: Substring, _ word: String) -> (CounterObjectKind, String) {
    switch key {
    case "CPU": return word == "all" || word == "-1" ? (.machine, "") : (.cpu, word)
    case "NODE": return word == "all" ? (.machine, "") : (.node, word)
    case "IFACE": return (.interface, word)
    case "DEV":
      // `dev253-0`: the number of a disk whose name the tool did not look up.
      let parts = word.dropFirst(3).split(separator: "-")
      let isNumber =
        word.hasPrefix("dev") && parts.count == 2 && parts.allSatisfy { Int($0) != nil }
      return (.disk, isNumber ? "\(parts[0]),\(parts[1])" : word)
    default: return (.machine, word == "all" || word == "sum" ? "" : "\(key) \(word)")
    }
  }

  /// Hundredths: `12.50`, `-3.00`; with `--human` also `976.0k` and `7.6%`.
  static func value(_ bytes: Span<UInt8>, _ range: Range<Int>, _ unit: CounterUnit) -> Int64? {
    if let value = bytes.hundredths(range, orWithComma: true) { return value }
    guard let last = range.last, range.count > 1 else { return nil }
    if bytes[range.lowerBound] == UInt8(ascii: "-") {
      return bytes.hundredths(range.lowerBound + 1..<range.upperBound, orWithComma: true).map {
        -$0
      }
    }
    let number = range.lowerBound..<last
    guard let value = bytes.hundredths(number, orWithComma: true) else { return nil }
    // The letters are of bytes: `k` is the unit of the column itself.
    let powers: [UInt8: Int64] = [
      UInt8(ascii: "k"): 1, UInt8(ascii: "M"): 1 << 10, UInt8(ascii: "G"): 1 << 20,
      UInt8(ascii: "T"): 1 << 30,
    ]
    if bytes[last] == UInt8(ascii: "%") { return value }
    if bytes[last] == UInt8(ascii: "B") { return value / 1024 }
    guard unit == .kibibytes, let factor = powers[bytes[last]] else { return nil }
    let (product, isTooMuch) = value.multipliedReportingOverflow(by: factor)
    return isTooMuch ? nil : product
  }

  // MARK: - Times

  /// `Average:`, `Durchschn.:`, `Moyenne :`: a word with a colon behind it, and no digit.
  private static func isAverage(_ bytes: Span<UInt8>, _ field: Range<Int>) -> Bool {
    guard let last = field.last, bytes[last] == UInt8(ascii: ":"), field.count > 3 else {
      return false
    }
    return !field.contains { bytes[$0] &- 0x30 < 10 }
  }

  /// The time of the day that a line begins with, ns, and the field behind it.
  private static func time(_ bytes: Span<UInt8>, _ fields: Fields) -> (time: Int64, next: Int)? {
    var at = fields[0].lowerBound
    guard fields[0].count == 8 || fields[0].count == 7,
      var time = bytes.timeOfDay(&at, fields[0].upperBound), at == fields[0].upperBound
    else { return nil }
    let half = 43_200_000_000_000 as Int64
    if bytes.equals("AM", fields[1]) {
      if time >= half { time -= half }
      return (time, 2)
    }
    if bytes.equals("PM", fields[1]) {
      if time < half { time += half }
      return (time, 2)
    }
    return (time, 1)
  }

  /// When a time of the day was, by the day that the tool wrote first; nil where it wrote none.
  private func moment(_ time: Int64, _ activity: String, _ log: CounterLog) -> WallTime? {
    let half = 43_200_000_000_000 as Int64
    var clock = clocks[activity] ?? (time, 0)
    if time < clock.last - half { clock.days += 1 }
    clock.last = time
    if clocks.count < 1 << 10 || clocks[activity] != nil { clocks[activity] = clock }
    return log.day.map {
      WallTime(nanoseconds: $0 + clock.days * 2 * half + time, utcOffset: nil)
    }
  }
}

/// The first line of sysstat's tools: `Linux 6.1.0 (web1)  11/22/2026  _x86_64_  (2 CPU)`.
enum SysstatBanner {
  /// Begin of the day that it names, ns since 1970 as if the machine's zone were UTC, and whether day and month may be the
  /// other way round; nil where the line is none, or has no day.
  static func day(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> (day: Int64, isAmbiguous: Bool)? {
    guard bytes.has("Linux ", at: start, end) else { return nil }
    var fields = Fields()
    fields.cut(bytes, start, end)
    for index in 2..<max(2, fields.count) {
      if let found = date(bytes.text(from: fields[index].lowerBound, to: fields[index].upperBound))
      {
        return found
      }
    }
    return nil
  }

  /// `11/22/2026`, `11/22/26`, `2026-11-22`, `22.11.2026`, `22/11/26`.
  static func date(_ text: String) -> (day: Int64, isAmbiguous: Bool)? {
    guard let mark = text.first(where: { "/.-".contains($0) }) else { return nil }
    let parts = text.split(separator: mark, omittingEmptySubsequences: false).map { Int64($0) }
    guard parts.count == 3, let first = parts[0], let second = parts[1], let third = parts[2] else {
      return nil
    }
    var (year, month, day) = (third, first, second)
    var isAmbiguous = false
    if first > 31 {
      (year, month, day) = (first, second, third)
    } else if mark == "." || first > 12 {
      (month, day) = (second, first)
    } else {
      isAmbiguous = mark != "." && second <= 12 && first != second
    }
    if year < 100 { year += 2000 }
    guard (1...12).contains(month), (1...31).contains(day), (1990...2200).contains(year) else {
      return nil
    }
    return (daysSince1970(year, month, day) * 86_400_000_000_000, isAmbiguous)
  }

  /// Of the Gregorian calendar, by years that begin in March.
  static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let own = month <= 2 ? year - 1 : year
    let era = own / 400
    let ofEra = own - era * 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }
}
