internal import TraceModel

/// Which numbers a column may hold, by what the column is: a duration, a share, a sector.
///
/// An incident file may come from anywhere, and hold any number that SQLite can. Each number is checked once, where
/// its row is decoded; behind that border differences and sums of a few of them fit into `Int64`, and none is infinite.
/// The names of columns are of one grammar in all tables, views and statements, so that the name implies the range: an
/// expression in a statement needs the name of what it is. Where the grammar does not say it, `schema/tables.sql` does,
/// behind the column.
struct NumberRange: Sendable, Equatable {
  /// What the column holds, for people.
  let meaning: String
  /// The lowest number.
  let lowest: Int64
  /// The highest number.
  let highest: Int64

  private init(_ meaning: String, _ range: ClosedRange<Int64>) {
    self.meaning = meaning
    lowest = range.lowerBound
    highest = range.upperBound
  }

  /// A moment on any clock, ns: a trace's, or a wall clock's before 2100. Two of them are less than 2^63 ns apart.
  static let moment = NumberRange("a moment", Stamp.range.lowerBound...(1 << 62) - 1)
  /// A duration, ns, or the difference of two; below zero where a clock's bound makes it so.
  static let duration = NumberRange("a duration", Stamp.range)
  /// How far apart two clocks are, ns.
  static let offset = NumberRange("an offset", -(1 << 62)...1 << 62)
  /// A part of a whole. Only data that contradict each other make it more than 1, and then a finding says so.
  static let share = NumberRange("a share", -1_000...1_000)
  /// A number of hundred; CPUs may add up, and growth has a sign.
  static let percent = NumberRange("a percentage", -1_000_000_000...1_000_000_000)
  /// A clock's drift.
  static let drift = NumberRange("parts per million", -100_000...100_000)
  /// Of a distribution.
  static let percentile = NumberRange("a percentile", 0...100)
  /// How many there are.
  static let count = NumberRange("a count", 0...(1 << 62) - 1)
  /// How many requests a queue holds.
  static let depth = NumberRange("a depth", 0...1 << 53)
  /// What an I/O is for, by its number.
  static let operation = NumberRange(
    "an operation", 0...Int64(BlockOperation.allCases.map(\.rawValue).max() ?? 0))
  /// How an I/O was matched, by its number.
  static let grade = NumberRange(
    "a grade", 0...Int64(MatchGrade.allCases.map(\.rawValue).max() ?? 0))
  /// Why it was not, by its number.
  static let reason = NumberRange(
    "a reason", 0...Int64(UnmatchedReason.allCases.map(\.rawValue).max() ?? 0))
  /// A CPU as an event names it; -1 where it does not.
  static let cpu = NumberRange("a CPU", -1...(1 << 31) - 1)
  /// An address or a length on a device, in sectors.
  static let sector = NumberRange("a sector", -1...BlockEvent.mostSectors)
  /// How far apart the addresses of two devices are, in sectors.
  static let distance = NumberRange(
    "a distance", -BlockEvent.mostSectors...BlockEvent.mostSectors)
  /// Any whole number, as texts have them, and sums; a number that is not whole must be finite.
  static let any = NumberRange("a number", .min ... .max)

  /// The range that a note behind a column names, `a duration`; nil for other notes.
  init?(note: String) {
    let named: [NumberRange] = [.moment, .duration, .operation, .grade, .reason]
    // What sums come to is not bounded by what one of them may be.
    guard let found = note == "a sum" ? .any : named.first(where: { $0.meaning == note }) else {
      return nil
    }
    self = found
  }

  /// That of a column, by its name.
  static func of(_ column: String) -> NumberRange {
    if let range = byName[column] { return range }
    guard let end = column.utf8.lastIndex(of: UInt8(ascii: "_")) else { return any }
    return byEnd[String(column[column.index(after: end)...])] ?? any
  }

  /// By what stands behind the last `_` of a name.
  private static let byEnd: [String: NumberRange] = [
    "ns": duration, "share": share, "pct": percent, "ppm": drift, "sector": sector,
    "pairs": count, "requests": count, "sectors": count, "depth": depth,
  ]

  private static let byName: [String: NumberRange] = {
    var ranges: [String: NumberRange] = [:]
    for (range, names) in [
      (
        moment,
        [
          "at", "at_ns", "wall_ns", "first_ns", "last_ns", "from_ns", "to_ns", "before_ns",
          "start_ns", "before_wall_ns", "from_wall_ns", "to_wall_ns", "unix_ns",
        ]
      ),
      (offset, ["offset_ns"]),
      // Sums that are columns of views alone.
      (any, ["halted_ns", "hypervisor_ns"]),
      (share, ["share", "share_of_total", "little_residual"]),
      (percentile, ["percentile"]),
      (
        count,
        [
          "count", "n", "ios", "events", "arrivals", "votes", "violations", "samples", "held",
          "joined", "requests", "threads", "extents", "ios_beside", "ios_alone", "vcpus", "waits",
          "runs", "migrations", "lost_events", "skipped_lines", "expected", "expected_accidental",
        ]
      ),
      (cpu, ["issued_cpu", "completed_cpu"]),
      (sector, ["sector", "sectors"]),
    ] {
      for name in names { ranges[name] = range }
    }
    for column in TableDefinition.all.flatMap(\.columns) {
      if let range = column.range { ranges[column.name] = range }
    }
    return ranges
  }()

  /// Whether a whole number is in it.
  func contains(_ number: Int64) -> Bool { lowest <= number && number <= highest }

  /// Whether a number is in it; one that is not finite is in none.
  func contains(_ number: Double) -> Bool {
    self == .any
      ? number.isFinite : Double(lowest) <= number && number <= Double(highest)
  }

  /// For a message: `expected a share (-1000 to 1000)`.
  var expected: String {
    self == .any ? "a finite number" : "\(meaning) (\(lowest) to \(highest))"
  }

  /// Throws ``StoreError`` for a number that the column cannot hold.
  static func check(_ value: StoredValue, _ column: String) throws {
    switch value {
    case .integer(let number): try check(number, column)
    case .real(let number): try check(number, column)
    case .null, .text, .blob: break
    }
  }

  /// Throws ``StoreError`` for a whole number that the column cannot hold.
  static func check(_ number: Int64, _ column: String) throws {
    let range = of(column)
    guard range.contains(number) else { throw damage("\(number)", column, range) }
  }

  /// Throws ``StoreError`` for a number that the column cannot hold.
  static func check(_ number: Double, _ column: String) throws {
    let range = of(column)
    guard range.contains(number) else { throw damage("\(number)", column, range) }
  }

  private static func damage(_ number: String, _ column: String, _ range: NumberRange) -> StoreError
  {
    StoreError(
      .damaged,
      "is damaged: '\(column)' is \(number), expected \(range.expected); 'hiddenq check' names the rows"
    )
  }
}
