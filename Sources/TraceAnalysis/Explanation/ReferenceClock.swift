internal import TraceModel
internal import TraceStore

/// The wall clock of a timeline: UTC, ns since 1970, is a moment of the timeline plus ``distance``.
public struct WallClock: Sendable, Equatable {
  /// ns.
  public let distance: Int64

  /// A moment of the timeline in UTC, ns since 1970.
  public func utc(_ moment: Int64) -> Int64 { Stamp.sum(moment, distance) }
}

/// The reference timeline, and what the files say of its date.
struct ReferenceClock {
  /// The machine and tool whose clock it is: `kvm7 blktrace`; nil where nothing ties clocks together.
  let name: String?
  /// Nil where no file tells.
  let wall: WallClock?

  /// From the trace that tells its absolute start and whose clock is tied best to the reference: the reference itself first.
  init(_ file: IncidentFile) throws {
    let rows = try file.rows(
      """
      SELECT clock.reference, source.start_ns, clock.offset_ns FROM clock
      LEFT JOIN source ON source.source_id = clock.source_id AND source.start_clock = 'CLOCK_REALTIME'
      ORDER BY clock.method <> 'reference', clock.error_ns, clock.source_id, clock.segment
      """)
    name = rows.first?.text("reference")
    let found = rows.lazy.compactMap { row -> WallClock? in
      guard let start = row.integer("start_ns"), let offset = row.number("offset_ns"),
        let whole = Int64(exactly: offset.rounded())
      else { return nil }
      let (distance, isTooLarge) = start.subtractingReportingOverflow(whole)
      return isTooLarge ? nil : WallClock(distance: distance)
    }
    wall = found.first
  }

  /// The wall clock of a guest's own block trace; nil where its files do not tell.
  static func own(_ guest: String, _ file: IncidentFile) throws -> WallClock? {
    try file.rows(
      """
      SELECT start_ns FROM source
      WHERE machine = \(Evidence.literal(guest)) AND start_clock = 'CLOCK_REALTIME' AND start_ns IS NOT NULL
        AND source_id IN (SELECT source_id FROM stage) ORDER BY source_id LIMIT 1
      """
    ).first?.integer("start_ns").map(WallClock.init(distance:))
  }
}
