internal import TraceModel

/// The wall clock of a timeline, a row of the view `wall_time`: UTC, ns since 1970, is a moment of the timeline plus
/// ``distance``.
public struct WallClock: Sendable, Equatable {
  /// ns.
  public let distance: Int64
  /// How far it may be off, ns.
  public let error: Int64
  /// The file that tells it.
  public let source: String

  /// A wall clock.
  public init(distance: Int64, error: Int64, source: String) {
    self.distance = distance
    self.error = error
    self.source = source
  }

  /// `8.365 s (09:30:55.4 UTC)`, of a moment and what makes UTC of it; the seconds alone where that is not known.
  public static func text(_ moment: Int64, distance: Int64?) -> String {
    Quantity.seconds(moment)
      + (distance.map { " (\(UTCText.time(Stamp.sum(moment, $0))) UTC)" } ?? "")
  }

  /// A moment of the timeline in UTC, ns since 1970.
  public func utc(_ moment: Int64) -> Int64 { Stamp.sum(moment, distance) }

  /// UTC, ns since 1970, as a moment of the timeline.
  public func moment(_ utc: Int64) -> Int64 { Stamp.sum(utc, -distance) }
}

/// What moments of an incident are counted on.
public struct Timeline: Sendable, Equatable {
  /// The machine and tool whose clock it is: `kvm7 blktrace`.
  public let name: String
  /// Nil where no file tells the date.
  public let wall: WallClock?
  /// From the first event to the last of the traces on it, ns; nil without any.
  public let span: ClosedRange<Int64>?

  /// `8.365 s (09:30:55.4 UTC)`; the seconds alone where no file tells the date.
  public func text(_ moment: Int64) -> String {
    WallClock.text(moment, distance: wall?.distance)
  }

  /// From one moment to another, where one is left out from or to the end of the traces; nil where neither is given, and
  /// where none of the traces is between them.
  public func window(from: Int64?, to: Int64?) -> Range<Int64>? {
    guard from != nil || to != nil, let span else { return nil }
    let (first, last) = (from ?? span.lowerBound, to ?? span.upperBound + 1)
    return first < last && first <= span.upperBound && last > span.lowerBound ? first..<last : nil
  }

  /// `0 s is 2026-11-22 09:30:47.0 UTC`, with its bound where that shows in the digits; or that no file tells it.
  public var date: String {
    guard let wall else { return "no file tells the date" }
    return "0 s is \(UTCText.full(wall.utc(0)))"
      + (wall.error >= 50_000_000 ? ", within \(Quantity.time(wall.error))" : "")
  }
}

extension Timeline? {
  /// The same on a timeline that may not be known.
  public func text(_ moment: Int64) -> String { self?.text(moment) ?? Quantity.seconds(moment) }
}

extension IncidentFile {
  /// The wall clock of a timeline; nil where no file tells it.
  public func wallClock(of timeline: String) throws -> WallClock? {
    try rows(
      "SELECT at_ns, unix_ns, error_ns, source FROM wall_time WHERE reference = \(SQLText.literal(timeline)) LIMIT 1"
    ).lazy.compactMap { row -> WallClock? in
      guard let at = row.integer("at_ns"), let utc = row.integer("unix_ns") else { return nil }
      let (distance, isTooLarge) = utc.subtractingReportingOverflow(at)
      return isTooLarge
        ? nil
        : WallClock(
          distance: distance, error: row.integer("error_ns") ?? 0, source: row.text("source") ?? "")
    }.first
  }

  /// The timelines on which the I/Os of a guest, or without one of all guests, are counted: one where all are joined
  /// with one host. Where no guest has a block trace, those of the hosts.
  public func timelines(of guest: String? = nil) throws -> [Timeline] {
    let traces = try rows(
      """
      SELECT source.source_id, source.machine, source.layer, source.first_ns, source.last_ns,
        source.source_id IN (SELECT source_id FROM stage) AS is_block,
        clock.reference IS NOT NULL AS is_tied,
        coalesce(clock.reference, source.machine || ' ' || source.tool_clock) AS timeline
      FROM source LEFT JOIN clock ON clock.source_id = source.source_id AND clock.segment = 0
      WHERE source.tool_clock NOT IN ('wall', 'none') AND source.duplicate_of IS NULL AND source.refused = 0
      ORDER BY source.source_id
      """)
    func names(_ isMeant: (QueryRow) -> Bool) -> [String] {
      traces.filter { $0.integer("is_block") == 1 && isMeant($0) }.compactMap {
        $0.text("timeline")
      }
    }
    func names(of machine: String) -> [String] {
      // A machine's other trace, which nothing ties to the first, is beside the point.
      let tied = names { $0.text("machine") == machine && $0.integer("is_tied") == 1 }
      return tied.isEmpty ? names { $0.text("machine") == machine } : tied
    }
    var own = try (guest.map { [$0] } ?? guestNames()).flatMap(names)
    if own.isEmpty { own = try machineNames(.host).flatMap(names) }
    var timelines: [Timeline] = []
    for name in own where !timelines.contains(where: { $0.name == name }) {
      var span: ClosedRange<Int64>?
      for trace in traces where trace.text("timeline") == name {
        guard let source = trace.integer("source_id"), let first = trace.integer("first_ns"),
          let last = trace.integer("last_ns")
        else { continue }
        let clock = try storedClock(of: source)
        let (from, to) = (clock?.reference(first) ?? first, clock?.reference(last) ?? last)
        guard from <= to else { continue }
        span = min(from, span?.lowerBound ?? from)...max(to, span?.upperBound ?? to)
      }
      timelines.append(Timeline(name: name, wall: try wallClock(of: name), span: span))
    }
    return timelines
  }
}
