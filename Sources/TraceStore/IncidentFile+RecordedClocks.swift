internal import GRDB

/// A reading of a guest's clocks between two of its host's.
public struct ClockReadingRow: Sendable {
  /// The path of the file.
  public let path: String
  /// The machine whose file it is: the host.
  public let machine: String
  /// The line of the guest's reading.
  public let line: Int64
  /// The wall clocks.
  public let wall: ClockBracket
  /// CLOCK_MONOTONIC, by which blktrace stamps; nil where it was not read.
  public let monotonic: ClockBracket?
}

/// A guest's time between two of its host's, ns.
public struct ClockBracket: Sendable {
  /// The host's time before.
  public let before: Int64
  /// The guest's time.
  public let guest: Int64
  /// The host's time after.
  public let after: Int64

  /// The times as the file has them; nil when one is no time, or they run backwards.
  fileprivate init?(_ before: String?, _ guest: String?, _ after: String?) {
    guard let before = before.flatMap(Self.nanoseconds),
      let guest = guest.flatMap(Self.nanoseconds),
      let after = after.flatMap(Self.nanoseconds), before <= after
    else { return nil }
    self.before = before
    self.guest = guest
    self.after = after
  }

  /// `1795336480.235040393` in ns.
  private static func nanoseconds(_ text: String) -> Int64? {
    let parts = text.split(separator: ".")
    guard parts.count == 2, parts[1].utf8.count == 9, let seconds = Int64(parts[0]),
      let rest = Int64(parts[1]), seconds >= 0, rest >= 0,
      seconds < NumberRange.moment.highest / 1_000_000_000
    else { return nil }
    return seconds * 1_000_000_000 + rest
  }
}

/// What somebody wrote down of two clocks, and where.
public struct GivenClockRow: Sendable {
  /// The relation.
  public let clock: GivenClock
  /// The file.
  public let path: String
}

/// A row of `recorded_clock`: a recorded relation of two clocks beside that which the requests show.
public struct RecordedClockRow: Sendable {
  /// The trace whose clock it is.
  public var source: Int64
  /// The trace whose clock is the reference.
  public var reference: Int64
  /// `given`, `readings` or `time shift`.
  public var origin: String
  /// The file that recorded it.
  public var path: String
  /// Its line; nil where it has no lines.
  public var line: Int64?
  /// A moment on the own clock, ns.
  public var at: Int64
  /// On the reference by the record, ns.
  public var recorded: Int64
  /// How far that may be off, ns.
  public var recordedError: Int64
  /// On the reference by the requests, ns.
  public var found: Int64
  /// How far that may be off, ns; nil where the requests do not tell.
  public var foundError: Int64?

  /// A row.
  public init(
    source: Int64, reference: Int64, origin: String, path: String, line: Int64?, at: Int64,
    recorded: Int64, recordedError: Int64, found: Int64, foundError: Int64?
  ) {
    self.source = source
    self.reference = reference
    self.origin = origin
    self.path = path
    self.line = line
    self.at = at
    self.recorded = recorded
    self.recordedError = recordedError
    self.found = found
    self.foundError = foundError
  }
}

extension IncidentFile {
  /// The readings that files of hosts hold, in order.
  public func clockReadings() throws -> [ClockReadingRow] {
    try fetch(
      """
      SELECT path, machine.name, guest.line, before.value, guest.value, after.value,
        before_monotonic.value, guest_monotonic.value, after_monotonic.value
      FROM setting AS guest
      JOIN setting AS before USING (source_id, kind, object)
      JOIN setting AS after USING (source_id, kind, object)
      LEFT JOIN setting AS before_monotonic
        ON before_monotonic.source_id = guest.source_id AND before_monotonic.kind = 'clock'
          AND before_monotonic.object = guest.object
          AND before_monotonic.name = 'host_before_monotonic'
      LEFT JOIN setting AS guest_monotonic
        ON guest_monotonic.source_id = guest.source_id AND guest_monotonic.kind = 'clock'
          AND guest_monotonic.object = guest.object AND guest_monotonic.name = 'guest_monotonic'
      LEFT JOIN setting AS after_monotonic
        ON after_monotonic.source_id = guest.source_id AND after_monotonic.kind = 'clock'
          AND after_monotonic.object = guest.object
          AND after_monotonic.name = 'host_after_monotonic'
      JOIN source_file ON source_file.source_id = guest.source_id
      JOIN machine USING (machine_id)
      WHERE guest.kind = 'clock' AND machine.layer = 'host' AND guest.name = 'guest'
        AND before.name = 'host_before' AND after.name = 'host_after'
      ORDER BY guest.source_id, guest.line
      """
    ) { row -> ClockReadingRow? in
      guard let wall = ClockBracket(try row[3], try row[4], try row[5]) else { return nil }
      return ClockReadingRow(
        path: try row[0], machine: try row[1], line: try row[2], wall: wall,
        monotonic: ClockBracket(try row[6], try row[7], try row[8]))
    }.compactMap(\.self)
  }

  /// The relations of clocks that an incident.yaml gives.
  public func givenClockRelations() throws -> [GivenClockRow] {
    try fetch(
      """
      SELECT machine, tool_clock, reference, reference_tool_clock, offset_ns, drift_ppm, error_ns,
        line, path
      FROM given_clock ORDER BY path, line
      """
    ) { row in
      GivenClockRow(
        clock: GivenClock(
          machine: try row[0], toolClock: try row[1], reference: try row[2],
          referenceToolClock: try row[3], offset: try row[4], driftPPM: try row[5],
          error: try row[6], line: try row[7]),
        path: try row[8])
    }
  }

  /// Where an incident.yaml says that a guest's disk lies.
  public func givenMapping(guest: String, device: String) throws -> [GivenDeviceExtent] {
    try fetch(
      """
      SELECT host, host_device, guest_sector, host_sector, sectors, line FROM given_mapping
      WHERE guest = ? AND guest_device = ? ORDER BY guest_sector
      """, [guest, device]
    ) { row in
      GivenDeviceExtent(
        guest: guest, guestDevice: device, host: try row[0], hostDevice: try row[1],
        guestSector: try row[2], hostSector: try row[3], sectors: try row[4], line: try row[5])
    }
  }
}

extension CorrelationWriter {
  /// Adds a recorded relation.
  public func add(_ row: RecordedClockRow) throws {
    try insert(
      into: "recorded_clock",
      [
        "source_id": row.source, "reference_source_id": row.reference, "origin": row.origin,
        "path": row.path, "line": row.line, "at_ns": row.at, "recorded_ns": row.recorded,
        "recorded_error_ns": row.recordedError, "found_ns": row.found,
        "found_error_ns": row.foundError,
      ])
  }
}
