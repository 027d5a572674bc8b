internal import TraceModel

/// A tracepoint in a binary recording: who, where, when, which event, and where its fields stand.
struct TracepointRecord {
  /// Nanoseconds on the trace's clock.
  var time: Int64 = 0
  /// Where its fields begin, as their format counts.
  var start = 0
  /// Bytes of its fields: perf's records and ftrace's pages have no more than 16 bits tell.
  var length: UInt16 = 0
  /// Its event, by its number in ``RecordedEvents``.
  var event: UInt16 = 0
  /// The CPU that recorded it; -1: not known.
  var cpu: Int32 = -1
  /// The running thread.
  var tid: UInt32 = 0
  /// Its process; 0: not recorded.
  var pid: UInt32 = 0

  init() {}
}

/// Which bytes of a record hold what families read.
struct KeptFields {
  /// What stands before is in every tracepoint's record, and used before.
  var start: UInt16 = 0
  /// What stands behind fills the record up.
  var end = UInt16.max

  static let all = KeptFields()
}

/// Names that a recording gives to threads beside its events.
struct RecordedNames {
  private var names: [UInt32: TaskName] = [:]
  /// More threads than a machine has.
  private static let most = 1 << 20

  subscript(_ tid: UInt32) -> TaskName { names[tid] ?? TaskName() }

  mutating func set(_ tid: UInt32, _ name: TaskName) {
    guard names.count < Self.most || names[tid] != nil else { return }
    names[tid] = name
  }

  /// A thread has the name of the one that made it until it takes another.
  mutating func inherit(_ tid: UInt32, from parent: UInt32) {
    if let name = names[parent] { set(tid, name) }
  }
}

/// Records of one family on their way into it, in the order of time.
struct RecordRun {
  /// Those that are meant.
  let range: Range<Int>
  /// The number of the first of them; the others count on.
  let number: Int64
  /// Names of threads.
  let names: RecordedNames

  /// The number of a record.
  @inline(__always)
  func number(of index: Int) -> Int64 { number &+ Int64(index &- range.lowerBound) }
}

/// What was wrong with records.
struct RecordProblems {
  /// Records that could not be used.
  private(set) var skipped: Int64 = 0
  private(set) var tally = ProblemTally()

  mutating func skip(_ kind: ProblemKind, _ number: Int64, excerpt: @autoclosure () -> String?) {
    skipped += 1
    tally.add(kind, count: 1, line: number, excerpt: excerpt())
  }

  mutating func note(
    _ kind: ProblemKind, count: Int64 = 1, line: Int64? = nil, excerpt: @autoclosure () -> String?
  ) {
    tally.add(kind, count: count, line: line, excerpt: excerpt())
  }
}

/// The tracepoints of a binary recording: knows their formats, and gives records to the families that read the same
/// events from text.
struct RecordedEvents {
  /// The number that stands for lost events, whose count is in ``TracepointRecord/start``.
  static let lost: UInt16 = 0

  private struct Event {
    let name: String
    var kept = KeptFields.all
    /// The families that read it, a bit for each.
    var families: UInt32 = 0
    /// It belongs to a family that has no need of it.
    var isIgnored = false
    var unused: Int64 = 0
  }

  private let families: [any TracepointFamily]
  private var events = [Event(name: "lost")]
  private var numbers: [String: UInt16] = [:]
  private(set) var problems = RecordProblems()
  private(set) var extent = TracepointExtent()
  /// Records that could not be read as far as to give them to a family.
  private var unread: Int64 = 0
  private var delivered: Int64 = 0
  private var lostEvents: Int64 = 0
  /// Names of threads, as far as the recording was read.
  var names = RecordedNames()

  /// Formats of which anything is kept.
  private static let mostEvents = 1 << 15

  init(sink: any EventSink) { families = tracepointFamilies(into: sink) }

  /// Makes an event known by its format; returns its number, nil when there are too many. One of the same name and
  /// group is the same.
  mutating func add(_ format: EventFormat) -> UInt16? {
    let key = "\(format.system):\(format.name)"
    if let known = numbers[key] { return known }
    guard events.count < Self.mostEvents else { return nil }
    let number = UInt16(events.count)
    var event = Event(name: format.name, kept: format.kept)
    for (place, family) in families.enumerated() {
      switch family.bind(format, as: Int(number)) {
      case .none: break
      case .ignored: event.isIgnored = true
      case .read: event.families |= 1 << UInt32(place)
      }
    }
    events.append(event)
    numbers[key] = number
    return number
  }

  /// Makes an event known that no family has a format for: one of the processor's counters.
  mutating func add(unused name: String) -> UInt16? {
    guard events.count < Self.mostEvents else { return nil }
    events.append(Event(name: name))
    return UInt16(events.count - 1)
  }

  /// Whether any family reads it.
  func isUsed(_ event: UInt16) -> Bool { events[Int(event)].families != 0 }

  /// What of its records is to be kept.
  func kept(_ event: UInt16) -> KeptFields { events[Int(event)].kept }

  /// How many events are known; their numbers are below it.
  var count: Int { events.count }

  /// The event's name without its group.
  func name(_ event: UInt16) -> String { events[Int(event)].name }

  /// Counts a record that no family reads.
  @inline(__always)
  mutating func pass(_ event: UInt16, at time: Int64) {
    events[Int(event)].unused &+= 1
    extent.add(time: time, resolution: 1)
  }

  /// Notes trouble.
  mutating func note(
    _ kind: ProblemKind, count: Int64 = 1, line: Int64? = nil, excerpt: @autoclosure () -> String?
  ) {
    problems.note(kind, count: count, line: line, excerpt: excerpt())
  }

  /// Records that a family read.
  var used: Int64 { delivered - (problems.skipped - unread) }

  /// Notes a record that cannot be used.
  mutating func skip(_ kind: ProblemKind, excerpt: @autoclosure () -> String?) {
    unread += 1
    problems.skip(kind, delivered + 1, excerpt: excerpt())
  }

  /// Gives records to their families; their starts are positions in `bytes`.
  mutating func deliver(
    _ bytes: Span<UInt8>, _ records: [TracepointRecord], _ range: Range<Int>
  ) throws {
    var index = range.lowerBound
    while index < range.upperBound {
      let event = records[index].event
      if event == Self.lost {
        try lose(records[index])
        index += 1
        continue
      }
      let route = events[Int(event)].families
      var end = index
      while end < range.upperBound, records[end].event != Self.lost,
        records[end].event == event || events[Int(records[end].event)].families == route
      {
        extent.add(time: records[end].time, resolution: 1)
        end += 1
      }
      let run = RecordRun(range: index..<end, number: delivered + 1, names: names)
      for (place, family) in families.enumerated() where route & 1 << UInt32(place) != 0 {
        try family.read(bytes, records, run, &problems)
      }
      delivered += Int64(end - index)
      index = end
    }
  }

  private mutating func lose(_ record: TracepointRecord) throws {
    let count = max(1, Int64(record.start))
    lostEvents.add(saturating: count)
    problems.note(.droppedEvents, count: count, line: delivered + 1, excerpt: nil)
    for family in families { try family.lost(cpu: record.cpu < 0 ? nil : record.cpu) }
  }

  /// Events were lost, nobody knows when.
  mutating func lose(somewhere events: Int64) throws {
    guard events > 0 else { return }
    lostEvents.add(saturating: events)
    problems.note(.droppedEvents, count: events, excerpt: nil)
  }

  /// Events that were lost, as far as records say.
  var lostCount: Int64 { lostEvents }

  /// The file is at its end: what the families made of it.
  mutating func finish(_ summary: inout SourceSummary) throws {
    for family in families { try family.finish(&summary) }
    let unused = events.filter { $0.unused > 0 && !$0.isIgnored }
    let count = unused.reduce(into: Int64(0)) { $0.add(saturating: $1.unused) }
    if count > 0 {
      let names = unused.sorted { ($1.unused, $0.name) < ($0.unused, $1.name) }.prefix(4).map(
        \.name)
      problems.note(
        .unusedEvent, count: count,
        excerpt: names.joined(separator: ", ") + (unused.count > 4 ? ", ..." : ""))
    }
    summary.events = extent.events - (problems.skipped - unread)
    if extent.events > 0 {
      summary.resolution = 1
      summary.first = Stamp(extent.first)
      summary.last = Stamp(extent.last)
    }
    summary.lostEvents.add(saturating: lostEvents)
    summary.skippedLines += problems.skipped
    summary.problems.append(contentsOf: problems.tally.all)
  }
}
