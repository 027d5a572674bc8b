internal import TraceModel

/// What the tables of one file write into: it knows the moment, gives numbers to objects and counters,
/// and sees counters that go back.
final class CounterLog {
  /// The line that is read.
  var line: Int64 = 0
  /// The date of the last date line, until a table uses it.
  private(set) var clock: WallTime?
  /// Whether a date or an empty date line came since the last sample.
  private(set) var isClockNew = false
  /// The date before the line that is read; nil when it has none.
  var prefix: WallTime?
  /// Begin of the day that the last first line of a tool of sysstat names, ns since 1970 by the machine's own clock.
  private(set) var day: Int64?
  /// How many such lines came.
  private(set) var banner = 0
  /// Whose readings follow.
  var scope = CounterScope()
  /// Seconds between the rows that the last command asked for (`vmstat 1`); nil without such a command.
  var interval: Int64?
  /// Data lines that were used.
  var events: Int64 = 0
  /// Data lines with means over all time since the machine's start, of which no analysis has anything.
  var linesSinceBoot: Int64 = 0
  /// Earliest and latest date that came with data.
  private(set) var first = Stamp.unseen
  private(set) var last = Stamp.unseen
  private(set) var hasWall = false
  /// The latest begin of rows that have no dates and no interval: nobody knows when they end.
  private var openBegin = Stamp.unseen
  var notices = ProblemTally()
  /// Scratch for the tables.
  var fields = Fields()

  private let sink: any EventSink
  private var batch = CounterBatch()
  private var moment: Int64?
  private var momentWall: WallTime?
  private var ordinal: Int64 = 0
  private var vmstatOrdinal: Int64 = 0
  private var sampled: Set<Int32> = []
  private var objects: [CounterObject: Int32] = [:]
  /// Below which headings an object was read first.
  private var homes: [CounterObject: String] = [:]
  private var counters: [Counter: Int32] = [:]
  private var lastTotals: [Int64: Int64] = [:]
  /// What the counters of an object say together in this moment; of those before the current one.
  private var evidence: [Int32: ResetEvidence] = [:]
  private var current: Int32 = -1
  private var currentEvidence = ResetEvidence()
  /// Values of this moment that are smaller than before.
  private var falls: [Fall] = []
  private var settings: [[String]: String] = [:]

  /// A total that is smaller than it was.
  private struct Fall {
    let object: Int32
    let counter: Int32
    let before: Int64
    let value: Int64
    let line: Int64
  }

  private static let batchSize = 4096
  private static let longestName = 1024
  private static let mostNames = 1 << 18

  init(sink: any EventSink) { self.sink = sink }

  /// A date stands between the tables; nil: one without a day, which only parts them.
  func clock(_ wall: WallTime?) {
    clock = wall
    isClockNew = true
  }

  /// A tool of sysstat begins, and names the day.
  func begin(day: (day: Int64, isAmbiguous: Bool)?) {
    self.day = day?.day
    banner += 1
    if day?.isAmbiguous == true { notices.add(.ambiguousDate, count: 1, line: line) }
  }

  /// The date that a run of rows begins at, taken once.
  func takeClock() -> WallTime? {
    defer {
      clock = nil
      isClockNew = false
    }
    return isClockNew ? clock : nil
  }

  /// The name of an object in this part of the file: `eth0`, and `eth0 (web2)` where another's `eth0` was read before
  /// below another heading, at another machine's prompt or in another network namespace. Whether they are one thing
  /// nobody knows then.
  func name(_ tool: String, _ kind: CounterObjectKind, _ name: String) -> String {
    guard scope.isDivided else { return name }
    let here = scope.text
    let object = CounterObject(tool: tool, kind: kind, name: name)
    let home: String
    if let known = homes[object] {
      home = known
    } else {
      home = objects[object] == nil ? here : ""
      if homes.count < Self.mostNames { homes[object] = home }
    }
    return home == here ? name : Self.apart(name, here.isEmpty ? "elsewhere" : here)
  }

  /// `eth0 (web2)`, `eth0 (web2, index 17)`: another object of the same name.
  static func apart(_ name: String, _ place: String) -> String {
    if name.hasSuffix(")"), name.contains(" (") || name.hasPrefix("(") {
      return name.dropLast() + ", \(place))"
    }
    return name.isEmpty ? "(\(place))" : name + " (\(place))"
  }

  /// The number of an object.
  func object(_ tool: String, _ kind: CounterObjectKind, _ plain: String) throws -> Int32 {
    try object(tool, kind, plain, called: name(tool, kind, plain))
  }

  /// The number of an object by the name that ``name(_:_:_:)`` gave.
  func object(
    _ tool: String, _ kind: CounterObjectKind, _ plain: String, called name: String
  ) throws -> Int32 {
    let object = CounterObject(tool: tool, kind: kind, name: name)
    if let known = objects[object] { return known }
    try check(name, among: objects.count)
    if name != plain {
      notices.add(.keptApart, count: 1, line: line, excerpt: name)
    }
    let number = try sink.object(object)
    objects[object] = number
    return number
  }

  /// The number of a counter.
  func counter(
    _ name: String, _ unit: CounterUnit = .count, _ nature: CounterNature = .total,
    scale: Int64 = 1
  ) throws -> Int32 {
    let counter = Counter(name: name, unit: unit, nature: nature, scale: scale)
    if let known = counters[counter] { return known }
    try check(name, among: counters.count)
    let number = try sink.counter(counter)
    counters[counter] = number
    return number
  }

  /// Refuses names that no tool prints, and more of them than there are: memory must not follow hostile
  /// input.
  private func check(_ name: String, among known: Int) throws {
    guard name.utf8.count <= Self.longestName, known < Self.mostNames else {
      throw ParseError(.unrecognizedLine, column: 1)
    }
  }

  /// The object's values of a moment follow. It is a new moment when a date came since the last, when the
  /// object had its turn in this one, or when the line's own date is half a second later.
  func begin(_ object: Int32) throws {
    var isNew = moment == nil || isClockNew || sampled.contains(object)
    if !isNew, let prefix, let momentWall,
      abs(prefix.nanoseconds - momentWall.nanoseconds) >= 500_000_000
    {
      isNew = true
    }
    if isNew {
      settle()
      momentWall = prefix ?? (isClockNew ? clock : nil)
      isClockNew = false
      clock = nil
      moment = try sink.moment(
        CounterMoment(ordinal: ordinal, wall: momentWall, line: line))
      ordinal += 1
      sampled.removeAll(keepingCapacity: true)
      if let momentWall { see(momentWall) }
    }
    sampled.insert(object)
  }

  /// Adds a value of the object that began last or of any of this moment.
  func add(_ object: Int32, _ counter: Int32, _ value: Int64, _ nature: CounterNature) throws {
    guard let moment else { return }
    if nature == .total {
      let key = Int64(object) << 32 | Int64(counter)
      if let before = lastTotals[key] {
        if object != current {
          if current >= 0 { evidence[current] = currentEvidence }
          current = object
          currentEvidence = evidence[object] ?? ResetEvidence()
        }
        currentEvidence.add(before, value)
        if value < before {
          falls.append(
            Fall(object: object, counter: counter, before: before, value: value, line: line))
        }
      }
      if lastTotals.count >= 4 * Self.mostNames { lastTotals.removeAll(keepingCapacity: true) }
      lastTotals[key] = value
    }
    batch.samples.append(
      CounterSample(moment: moment, object: object, counter: counter, value: value))
    if batch.count >= Self.batchSize { try flush() }
  }

  /// The moment is complete: decides for each value that fell whether its object was reset.
  private func settle() {
    defer {
      evidence.removeAll(keepingCapacity: evidence.count < 1 << 12)
      current = -1
      currentEvidence = ResetEvidence()
      falls.removeAll(keepingCapacity: falls.count < 1 << 12)
    }
    guard !falls.isEmpty else { return }
    if current >= 0 { evidence[current] = currentEvidence }
    for fall in falls {
      let kind: ProblemKind
      if evidence[fall.object]?.isReset(inFileOrder: true) == true {
        kind = .counterReset
      } else if CounterSeries.wrap(fall.before, fall.value) != nil {
        kind = .counterWrapped
      } else {
        kind = .counterSteppedBack
      }
      notices.add(kind, count: 1, line: fall.line, excerpt: self.excerpt(fall))
    }
  }

  /// `proc-stat cpu 0 iowait: 54281, then 54280`
  private func excerpt(_ fall: Fall) -> String {
    let object = objects.first { $0.value == fall.object }?.key
    let counter = counters.first { $0.value == fall.counter }?.key
    let names = [object?.tool, object?.kind.rawValue, object?.name, counter?.name]
    return String(
      (names.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
        + ": \(fall.before), then \(fall.value)").prefix(ProblemTally.excerptLength))
  }

  /// The whole of these bytes as a number; one that Int64 does not hold cannot be, and is noted.
  func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    let value = bytes.wholeNumber(range)
    if value == nil, bytes.isNumber(range) {
      notices.add(.impossibleValue, count: 1, line: line)
    }
    return value
  }

  /// Adds what the text says about an object besides its counters; the same again is left out.
  func setting(_ kind: String, _ object: String, _ name: String, _ value: String) throws {
    guard settings[[kind, object, name]] != value else { return }
    settings[[kind, object, name]] = value
    var batch = TopologyBatch()
    batch.settings.append(
      SettingFact(kind: kind, object: object, name: name, value: value, line: line))
    try sink.receive(batch)
  }

  /// Hands over facts about the machine.
  func receive(_ batch: TopologyBatch) throws { try sink.receive(batch) }

  /// Adds a row of vmstat. `elapsed` is the time since the begin of its run, ns, if the command shows it.
  func add(_ row: VmstatRow, elapsed: Int64?) throws {
    var row = row
    row.ordinal = vmstatOrdinal
    vmstatOrdinal += 1
    row.line = line
    if let wall = row.wall {
      see(wall)
    } else if let begin = row.runStart {
      see(begin, elapsed: elapsed)
    }
    batch.vmstat.append(row)
    if batch.count >= Self.batchSize { try flush() }
  }

  /// Hands over what is left and says what was read.
  func finish(format: String) throws -> SourceSummary {
    settle()
    try flush()
    var summary = SourceSummary()
    summary.format = format
    summary.toolClock = hasWall ? "wall" : "none"
    summary.events = events
    summary.first = first
    // An end that would be the begin of rows is none.
    summary.last = openBegin.isSeen && openBegin.rawValue >= last.rawValue ? .unseen : last
    summary.problems = notices.all
    return summary
  }

  private func see(_ wall: WallTime) {
    hasWall = true
    if wall.utcOffset == nil { notices.add(.unknownZone, count: 1, line: line) }
    let stamp = Stamp(wall.nanoseconds)
    if !first.isSeen || stamp.rawValue < first.rawValue { first = stamp }
    if last.isSeen, stamp.rawValue < last.rawValue {
      notices.add(.timeWentBack, count: 1, line: line)
    } else {
      last = stamp
    }
  }

  /// A row that follows a date at a known distance, or at an unknown one.
  private func see(_ begin: WallTime, elapsed: Int64?) {
    if let elapsed {
      let (moment, overflow) = begin.nanoseconds.addingReportingOverflow(elapsed)
      if !overflow, Stamp.range.contains(moment) {
        return see(WallTime(nanoseconds: moment, utcOffset: begin.utcOffset))
      }
    }
    hasWall = true
    if begin.utcOffset == nil { notices.add(.unknownZone, count: 1, line: line) }
    let stamp = Stamp(begin.nanoseconds)
    if !first.isSeen || stamp.rawValue < first.rawValue { first = stamp }
    if !openBegin.isSeen || stamp.rawValue > openBegin.rawValue { openBegin = stamp }
  }

  private func flush() throws {
    guard batch.count > 0 else { return }
    try sink.receive(batch)
    batch.removeAll()
  }
}
