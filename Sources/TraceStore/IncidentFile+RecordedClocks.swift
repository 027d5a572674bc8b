internal import GRDB

/// A reading of a guest's wall clock between two of its host's.
public struct ClockReadingRow: Sendable {
  /// The path of the file.
  public let path: String
  /// The machine whose file it is: the host.
  public let machine: String
  /// The line of the guest's reading.
  public let line: Int64
  /// The host's wall clock before, ns.
  public let before: Int64
  /// The guest's wall clock, ns.
  public let guest: Int64
  /// The host's wall clock after, ns.
  public let after: Int64
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
  /// `given` or `readings`.
  public var origin: String
  /// The file that recorded it.
  public var path: String
  /// Its line.
  public var line: Int64
  /// A moment on the own clock, ns.
  public var at: Int64
  /// On the reference by the record, ns.
  public var recorded: Int64
  /// How far that may be off, ns.
  public var recordedError: Int64
  /// On the reference by the requests, ns.
  public var found: Int64
  /// How far that may be off, ns.
  public var foundError: Int64

  /// A row.
  public init(
    source: Int64, reference: Int64, origin: String, path: String, line: Int64, at: Int64,
    recorded: Int64, recordedError: Int64, found: Int64, foundError: Int64
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
      SELECT path, machine.name AS machine, before.value, guest.value, guest.line, after.value
      FROM setting AS guest
      JOIN setting AS before USING (source_id, kind, object)
      JOIN setting AS after USING (source_id, kind, object)
      JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE kind = 'clock' AND machine.layer = 'host' AND guest.name = 'guest'
        AND before.name = 'host_before' AND after.name = 'host_after'
      ORDER BY source_id, guest.line
      """
    ) { row -> ClockReadingRow? in
      guard let before = Self.nanoseconds(try row[2]), let guest = Self.nanoseconds(try row[3]),
        let after = Self.nanoseconds(try row[5]), before <= after
      else { return nil }
      return ClockReadingRow(
        path: try row[0], machine: try row[1], line: try row[4], before: before, guest: guest,
        after: after)
    }.compactMap(\.self)
  }

  /// `1795336480.235040393` in ns.
  private static func nanoseconds(_ text: String) -> Int64? {
    let parts = text.split(separator: ".")
    guard parts.count == 2, parts[1].utf8.count == 9, let seconds = Int64(parts[0]),
      let rest = Int64(parts[1]), seconds >= 0, seconds < 1 << 33
    else { return nil }
    return seconds * 1_000_000_000 + rest
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
    try execute(
      "INSERT INTO recorded_clock VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      [
        row.source, row.reference, row.origin, row.path, row.line, row.at, row.recorded,
        row.recordedError, row.found, row.foundError,
      ])
  }
}
