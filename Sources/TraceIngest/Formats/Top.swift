internal import TraceModel

/// `top -b`: what the CPUs and each process did from one report to the next, of procps 3 and 4.
///
///     top - 14:46:31 up 3 days,  1:02,  2 users,  load average: 0.10, 0.20, 0.30
///     Tasks: 123 total,   1 running, 122 sleeping,   0 stopped,   0 zombie
///     %Cpu(s):  5.9 us,  2.0 sy,  0.0 ni, 91.2 id,  0.5 wa,  0.0 hi,  0.1 si,  0.3 st
///     MiB Mem :   1970.4 total,    200.1 free,    900.2 used,    870.1 buff/cache
///
///         PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND
///        2832 qemu      20   0 3145728 1.2g   20480 S  78.0  30.1   9:11.12 qemu-system-x86
///
/// Before 3.3 the third line is `Cpu(s):  5.9%us,  2.0%sy, ...`; with the key `1` there is one for each CPU. The shares have
/// the names that `mpstat` gives them, a process that of `pidstat`. The first report of a run is the mean since boot. The
/// text has the time of day; the day comes from a date before it.
struct Top: CounterFormat {
  let name = "top"
  let producedBy = "date; LC_ALL=C top -b -d 1 -n 60"
  let goodFor = "which process used CPUs, and stolen time, where nothing was traced"

  func table() -> any CounterTable { TopTable() }
}

private final class TopTable: CounterTable {
  /// What the columns of the list are.
  private struct Columns {
    let count: Int
    let process: Int
    let share: Int
    let command: Int
    /// The command is the last one, and may have blanks.
    var isLast: Bool { command == count - 1 }
  }

  /// Reports of this run.
  private var reports = 0
  /// The report's own lines are above the empty line.
  private var isAbove = false
  /// The header of the list was read.
  private var columns: Columns?
  private var areThreads = false
  /// The begin of the day that the last date names, ns since 1970 by the machine's clock, its zone, and the last time.
  private var day: (begin: Int64, utcOffset: Int32?, last: Int64)?
  private var wall: WallTime?

  private static let wholeDay: Int64 = 86_400_000_000_000

  func interrupt(_ reason: CounterBreak) {
    isAbove = false
    switch reason {
    case .blank: return
    case .date: reports = 0
    case .other: (reports, day, wall) = (0, nil, nil)
    }
    columns = nil
  }

  func take(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) throws -> Bool {
    var from = start
    bytes.skipBlanks(&from, end)
    guard from < end else { return false }
    if from == start, bytes.has("top - ", at: from, end) {
      return begin(bytes, from + 6, end, log)
    }
    if try cpus(bytes, from, end, log) { return true }
    if isAbove {
      // `Tasks: ...`, `MiB Swap: ...`, in the language of the machine.
      if bytes.has("Threads:", at: from, end) { areThreads = true }
      if bytes.has("Tasks:", at: from, end) { areThreads = false }
      if !bytes.has("PID ", at: from, end) { return true }
    }
    log.fields.cut(bytes, from, end)
    if let header = header(bytes, log.fields) {
      (columns, isAbove) = (header, false)
      return true
    }
    guard let columns else { return false }
    return try row(bytes, columns, end, log)
  }

  /// `top - 14:46:31 up 3 days, ...`
  private func begin(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog) -> Bool {
    var at = start
    guard let time = bytes.timeOfDay(&at, end) else { return false }
    if log.isClockNew, let date = log.clock {
      let own = Int64(date.utcOffset ?? 0) * 1_000_000_000
      let (local, isTooMuch) = date.nanoseconds.addingReportingOverflow(own)
      if !isTooMuch, Stamp.range.contains(local) {
        let since = (local % Self.wholeDay + Self.wholeDay) % Self.wholeDay
        day = (local - since, date.utcOffset, since)
      }
    }
    if var own = day {
      // Behind midnight; a date may be some seconds later than the report below it was.
      if time < own.last - Self.wholeDay / 2 { own.begin += Self.wholeDay }
      own.last = time
      day = own
      wall = WallTime(
        nanoseconds: own.begin + time - Int64(own.utcOffset ?? 0) * 1_000_000_000,
        utcOffset: own.utcOffset)
    }
    count(log)
    (isAbove, columns) = (true, nil)
    return true
  }

  /// One more report of this run.
  private func count(_ log: CounterLog) {
    reports += 1
    if reports == 1 { log.notices.add(.sinceBootRow, count: 1, line: log.line) }
  }

  // MARK: - CPUs

  /// `%Cpu(s):100.0 us, ...`, `%Cpu0  :  5,9 ut,  2,0 sy, ...`, `Cpu1  :  5.9%us, ...`; two of them in a line since 4.0.
  private func cpus(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    guard var cpu = CPU(bytes, start, end) else { return false }
    if !isAbove { count(log) }
    while true {
      try add(cpu, log)
      guard let next = CPU(bytes, cpu.end, end) else { break }
      cpu = next
    }
    return true
  }

  private func add(_ cpu: CPU, _ log: CounterLog) throws {
    let nature: CounterNature = reports <= 1 ? .sinceBoot : .share
    let object = try object(cpu.name.isEmpty ? .machine : .cpu, cpu.name, log)
    for (name, value) in cpu.values {
      try log.add(object, try log.counter(name, .percent, nature, scale: 100), value, nature)
    }
    counted(log)
  }

  /// A line of shares of one CPU, or of all.
  private struct CPU {
    /// Its number; empty for all together.
    let name: String
    var values: [(name: String, value: Int64)] = []
    var end: Int

    private static let names: [String] = [
      "%usr", "%sys", "%nice", "%idle", "%iowait", "%irq", "%soft", "%steal",
    ]
    private static let words: [(StaticString, Int)] = [
      ("us", 0), ("sy", 1), ("ni", 2), ("id", 3), ("wa", 4), ("hi", 5), ("si", 6), ("st", 7),
    ]

    init?(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) {
      var at = start
      bytes.skipBlanks(&at, limit)
      if at < limit, bytes[at] == UInt8(ascii: "%") { at += 1 }
      guard bytes.has("Cpu", at: at, limit) || bytes.has("CPU", at: at, limit) else { return nil }
      at += 3
      let number = at
      while at < limit, bytes[at] &- 0x30 < 10 { at += 1 }
      name = bytes.text(from: number, to: at)
      if name.isEmpty {
        guard bytes.has("(s)", at: at, limit) else { return nil }
        at += 3
      }
      bytes.skipBlanks(&at, limit)
      guard at < limit, bytes[at] == UInt8(ascii: ":") else { return nil }
      at += 1
      end = at
      while let share = Self.share(bytes, &at, limit), values.count < Self.names.count {
        // Other languages have other words in the same order.
        let place = Self.words.first { bytes.equals($0.0, share.word) }?.1 ?? values.count
        values.append((Self.names[place], share.value))
        end = at
      }
      // 3.0 had neither wa nor st.
      guard values.count >= 4, Set(values.map(\.name)).count == values.count else { return nil }
    }

    /// ` 91.2 id,`, `100,0 id,`, ` 91.2%id,`
    private static func share(
      _ bytes: Span<UInt8>, _ at: inout Int, _ limit: Int
    ) -> (value: Int64, word: Range<Int>)? {
      var index = at
      while index < limit, bytes[index] == 0x20 || bytes[index] == UInt8(ascii: ",") { index += 1 }
      let start = index
      while index < limit,
        bytes[index] &- 0x30 < 10 || bytes[index] == UInt8(ascii: ".")
          || bytes[index] == UInt8(ascii: ",")
      {
        index += 1
      }
      guard let value = bytes.hundredths(start..<index, orWithComma: true) else { return nil }
      while index < limit, bytes[index] == 0x20 || bytes[index] == UInt8(ascii: "%") { index += 1 }
      let word = index
      while index < limit, bytes[index] | 0x20 &- 0x61 < 26 || bytes[index] >= 0x80 { index += 1 }
      guard index > word else { return nil }
      at = index
      return (value, word..<index)
    }
  }

  // MARK: - Processes

  /// `PID USER PR NI VIRT RES SHR S %CPU %MEM TIME+ COMMAND`, in the order that the machine's settings give.
  private func header(_ bytes: Span<UInt8>, _ fields: Fields) -> Columns? {
    func place(_ name: StaticString) -> Int? {
      (0..<fields.count).first { bytes.equals(name, fields[$0]) }
    }
    // A command may be called so; the row has its number.
    guard !(0..<fields.count).contains(where: { bytes.isNumber(fields[$0]) }),
      let process = place("PID"), let share = place("%CPU"), let command = place("COMMAND"),
      reports > 0 || place("TIME+") != nil && place("PR") != nil
    else { return nil }
    // An earlier column with blanks would shift all behind it.
    guard command > max(process, share) else { return nil }
    return Columns(count: fields.count, process: process, share: share, command: command)
  }

  private func row(
    _ bytes: Span<UInt8>, _ columns: Columns, _ end: Int, _ log: CounterLog
  ) throws -> Bool {
    let fields = log.fields
    guard fields.count >= columns.count, bytes.isNumber(fields[columns.process]),
      let share = bytes.hundredths(fields[columns.share], orWithComma: true)
    else { return false }
    let last = columns.isLast ? fields[fields.count - 1] : fields[columns.command]
    let command = bytes.text(from: fields[columns.command].lowerBound, to: last.upperBound)
    let process = bytes.text(
      from: fields[columns.process].lowerBound, to: fields[columns.process].upperBound)
    counted(log)
    // Most processes do nothing in a second.
    guard share > 0 else { return true }
    let nature: CounterNature = reports <= 1 ? .sinceBoot : .share
    let object =
      areThreads
      ? try object(.task, "\(process) \(command)", log)
      : try object(.process, "\(process) (\(command))", log)
    try log.add(object, try log.counter("%CPU", .percent, nature, scale: 100), share, nature)
    return true
  }

  private func object(
    _ kind: CounterObjectKind, _ name: String, _ log: CounterLog
  ) throws -> Int32 {
    if log.prefix == nil { log.prefix = wall }
    let object = try log.object("top", kind, String(name.prefix(256)))
    try log.begin(object)
    return object
  }

  private func counted(_ log: CounterLog) {
    if reports <= 1 { log.linesSinceBoot += 1 } else { log.events += 1 }
  }
}
