internal import TraceModel

/// Reads rows by a plan, finds their times, and hands their values over.
///
/// Spreadsheets cut times to minutes: rows of one minute are held until the next begins, and spread over it. Such times
/// are good for an order and a length, and tie to nothing, so that they go without a zone.
final class EsxtopRows {
  /// What a row is.
  enum Outcome {
    case whole(EsxtopStamp)
    case short(Int)
    case long(Int)
    case badStamp
  }

  /// Rows that were handed over.
  private(set) var count: Int64 = 0
  private(set) var first = Stamp.unseen
  private(set) var last = Stamp.unseen
  private(set) var problems = ProblemTally()

  private let sink: any EventSink
  private var plan: EsxtopPlan?
  private var batch = CounterBatch()
  private var ordinal: Int64 = 0
  /// Of the row that was read, by the plan's columns; ``missing`` where a cell has no number.
  private var values: [Int64] = []
  private var isFirstOfRun = true
  /// The first row of a run, until it is known whether it is the only one.
  private var opening: Row?
  private var held: [Held] = []
  /// How long an interval is by the minutes that were complete, ns.
  private var spacing: Int64?

  /// A row of which the minute is known.
  private struct Held {
    let minute: Int64
    let line: Int64
    let values: [Int64]
    let isFirst: Bool
  }

  /// A row with its time.
  private struct Row {
    let values: [Int64]
    let wall: WallTime?
    let line: Int64
  }

  private static let missing = Int64.min
  private static let batchSize = 8192
  private static let mostHeld = 1 << 21
  private static let minute: Int64 = 60_000_000_000

  init(sink: any EventSink) { self.sink = sink }

  /// A header begins a run.
  func begin(_ plan: EsxtopPlan, line: Int64) throws {
    try endRun()
    self.plan = plan
    values = [Int64](repeating: Self.missing, count: plan.columns.count)
    isFirstOfRun = true
    spacing = nil
    var facts = TopologyBatch()
    for machine in plan.machines.all {
      func add(_ name: String, _ value: String) {
        facts.settings.append(
          SettingFact(kind: "esxi", object: machine.label, name: name, value: value, line: line))
      }
      add("group", "\(machine.group)")
      if let leader = machine.leader { add("leader", "\(leader)") }
      if !machine.vcpus.isEmpty { add("vcpus", "\(machine.vcpus.count)") }
      for (bus, kind) in machine.controllers.sorted(by: { $0.key < $1.key }) {
        add("scsi\(bus)", kind)
      }
    }
    if facts.count > 0 { try sink.receive(facts) }
    noteMissing(plan, line)
  }

  /// Which of the wanted columns the file does not have, where that makes a difference.
  private func noteMissing(_ plan: EsxtopPlan, _ line: Int64) {
    guard plan.kinds.contains(.groupMemory), !plan.counters.contains("Numa % Local") else { return }
    problems.add(
      .toolNotice, count: 1, line: line,
      excerpt: "without esxtop -a there are no columns of NUMA and balloons")
  }

  // MARK: - Cells

  /// Reads a row; what it holds stays until the next one.
  func read(
    _ bytes: Span<UInt8>, _ line: Range<Int>, _ plan: EsxtopPlan, isEnded: Bool
  ) -> Outcome {
    var cells = EsxtopCells(line)
    guard let cell = cells.next(bytes), let stamp = EsxtopStamp(bytes, cell) else {
      return .badStamp
    }
    for index in plan.columns.indices {
      let place = plan.columns[index].place
      cells.skip(place - cells.count, bytes)
      guard let cell = cells.next(bytes) else { break }
      let value = bytes.signedHundredths(cell)
      values[index] = value ?? Self.missing
      // An empty cell is of an object that went away.
      if value == nil, !cell.isEmpty {
        problems.add(
          .impossibleValue, count: 1,
          excerpt: bytes.text(from: cell.lowerBound, to: min(cell.upperBound, cell.lowerBound + 40))
        )
      }
    }
    while cells.next(bytes) != nil {}
    if cells.isOpen { return .short(cells.count) }
    // `...,"0.00",` under a header without a comma at its end: the last cell is empty.
    let isEmptyEnd =
      cells.count == plan.cells - 1 && bytes[line.upperBound - 1] == UInt8(ascii: ",")
    if isEmptyEnd, let last = plan.columns.indices.last, plan.columns[last].place == cells.count {
      values[last] = Self.missing
    }
    guard cells.count >= plan.cells || isEmptyEnd else { return .short(cells.count) }
    guard cells.count <= plan.cells else { return .long(cells.count) }
    if !isEnded, bytes[line.upperBound - 1] &- 0x30 < 10, let last = plan.columns.indices.last,
      plan.columns[last].place == plan.cells - 1
    {
      // A number at the end of the file may have been cut.
      values[last] = Self.missing
    }
    return .whole(stamp)
  }

  // MARK: - Times

  /// Takes the row that was read last.
  func add(_ stamp: EsxtopStamp, line: Int64) throws {
    guard let plan else { return }
    let isFirst = isFirstOfRun
    isFirstOfRun = false
    switch stamp {
    case .second(let local):
      let shift = plan.utcOffset.map { Int64($0) * 1_000_000_000 } ?? 0
      try emit(
        values, WallTime(nanoseconds: local - shift, utcOffset: plan.utcOffset), line,
        isFirst: isFirst)
    case .timeOfDay:
      problems.add(.timeWithoutDay, count: 1, line: line)
      try emit(values, nil, line, isFirst: isFirst)
    case .minute(let minute):
      if let before = held.last?.minute, before != minute { try release(isLast: false) }
      held.append(Held(minute: minute, line: line, values: values, isFirst: isFirst))
      if held.count * max(1, values.count) > Self.mostHeld { try release(isLast: true) }
    }
  }

  /// The end of the file.
  func finish() throws {
    try endRun()
    try flush()
  }

  private func endRun() throws {
    try release(isLast: true)
    guard let opening, let plan else { return }
    self.opening = nil
    // A single row of somebody's cut is of the middle of a run where VMs did something; else nobody knows.
    let isOfMiddle = plan.columns.indices.contains {
      plan.columns[$0].isOfVirtualDisk && opening.values[$0] != 0
        && opening.values[$0] != Self.missing
    }
    try hand(opening, hasDisks: isOfMiddle)
  }

  /// A minute is over. The first one may have begun before its first row: its rows end with it, as far apart as those of
  /// the next one.
  private func release(isLast: Bool) throws {
    guard let latest = held.last?.minute, let earliest = held.first?.minute else { return }
    let own = held.count { $0.minute == latest }
    let isComplete = !isLast && earliest != latest || spacing != nil && !isLast
    if isComplete { spacing = Self.minute / Int64(own) }
    if spacing == nil, !isLast { return }
    let gap = spacing ?? Self.minute / Int64(max(1, held.count))
    problems.add(
      .unknownZone, count: 1, line: held[0].line,
      excerpt: "times in whole minutes, as spreadsheets save them: rows are spread over each minute"
    )
    try spread(gap)
    held.removeAll(keepingCapacity: true)
  }

  private func spread(_ gap: Int64) throws {
    let byMinute = Dictionary(grouping: held.indices) { held[$0].minute }
    for (minute, rows) in byMinute.sorted(by: { $0.value[0] < $1.value[0] }) {
      // Rows before a complete minute end with it, those behind begin with it.
      let isPartial = Int64(rows.count) * gap < Self.minute - gap / 2
      let isFirst = count == 0 && opening == nil && isPartial
      for (number, index) in rows.enumerated() {
        let offset =
          isFirst
          ? Self.minute - Int64(rows.count - number) * gap
          : min(Int64(number) * gap, Self.minute - 1)
        let row = held[index]
        try emit(
          row.values, WallTime(nanoseconds: minute + offset, utcOffset: nil), row.line,
          isFirst: row.isFirst)
      }
    }
  }

  // MARK: - Values

  private func emit(
    _ values: [Int64], _ wall: WallTime?, _ line: Int64, isFirst: Bool
  ) throws {
    let row = Row(values: values, wall: wall, line: line)
    if isFirst {
      opening = row
      return
    }
    if let opening {
      self.opening = nil
      try hand(opening, hasDisks: false)
    }
    try hand(row, hasDisks: true)
  }

  /// The first row of a run has CPUs and memory, but hardly any disk, not even where VMs write all the time.
  private func hand(_ row: Row, hasDisks: Bool) throws {
    guard let plan else { return }
    let (values, wall, line) = (row.values, row.wall, row.line)
    if !hasDisks, plan.columns.contains(where: \.isDisk) {
      problems.add(
        .sinceBootRow, count: 1, line: line,
        excerpt: "the first row of esxtop has no values of disks; they are left out")
    }
    let moment = try sink.moment(CounterMoment(ordinal: ordinal, wall: wall, line: line))
    ordinal += 1
    for index in plan.columns.indices {
      let value = values[index]
      let column = plan.columns[index]
      guard value != Self.missing, hasDisks || !column.isDisk else { continue }
      batch.samples.append(
        CounterSample(
          moment: moment, object: column.object, counter: column.counter, value: value))
    }
    if batch.count >= Self.batchSize { try flush() }
    count += 1
    guard let wall, Stamp.range.contains(wall.nanoseconds) else { return }
    let stamp = Stamp(wall.nanoseconds)
    if !first.isSeen || stamp.rawValue < first.rawValue { first = stamp }
    if last.isSeen, stamp.rawValue < last.rawValue {
      problems.add(.timeWentBack, count: 1, line: line)
    } else {
      last = stamp
    }
  }

  private func flush() throws {
    guard batch.count > 0 else { return }
    try sink.receive(batch)
    batch.removeAll()
  }
}

/// When a row's interval ended, ns since 1970 as printed.
enum EsxtopStamp {
  case second(Int64)
  /// Begin of the minute: `3/26/2015 22:42`.
  case minute(Int64)
  /// `22:42:26` without a day.
  case timeOfDay

  /// The first cell of a row: `04/24/2018 10:49:17`, month first always; Windows adds `.482`.
  init?(_ bytes: Span<UInt8>, _ cell: Range<Int>) {
    var at = cell.lowerBound
    let end = cell.upperBound
    bytes.skipBlanks(&at, end)
    guard let first = bytes.decimal(&at, end), at < end else { return nil }
    if bytes[at] == UInt8(ascii: ":") {
      at = cell.lowerBound
      bytes.skipBlanks(&at, end)
      guard Self.time(bytes, &at, end) != nil else { return nil }
      self = .timeOfDay
      return
    }
    guard bytes[at] == UInt8(ascii: "/") else { return nil }
    at += 1
    guard let second = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: "/") else {
      return nil
    }
    at += 1
    guard let year = bytes.decimal(&at, end), at < end, (1990...2200).contains(year),
      (1...12).contains(first), (1...31).contains(second)
    else { return nil }
    bytes.skipBlanks(&at, end)
    guard let time = Self.time(bytes, &at, end) else { return nil }
    let day = SysstatBanner.daysSince1970(year, first, second) * 86_400_000_000_000
    self = time.hasSeconds ? .second(day + time.value) : .minute(day + time.value)
  }

  /// `10:49:17`, `22:42`, `10:49:17.482`.
  private static func time(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
  ) -> (value: Int64, hasSeconds: Bool)? {
    guard let hour = bytes.decimal(&at, end), hour < 24, at < end, bytes[at] == UInt8(ascii: ":")
    else { return nil }
    at += 1
    guard let minute = bytes.decimal(&at, end), minute < 60 else { return nil }
    var value = (hour * 3600 + minute * 60) * 1_000_000_000
    guard at < end, bytes[at] == UInt8(ascii: ":") else { return at == end ? (value, false) : nil }
    at += 1
    guard let second = bytes.decimal(&at, end), second < 61 else { return nil }
    value += second * 1_000_000_000
    if at < end, bytes[at] == UInt8(ascii: ".") {
      at += 1
      let start = at
      guard let part = bytes.decimal(&at, end), at - start <= 9 else { return nil }
      var unit: Int64 = 1_000_000_000
      for _ in start..<at { unit /= 10 }
      value += part * unit
    }
    return at == end ? (value, true) : nil
  }
}
