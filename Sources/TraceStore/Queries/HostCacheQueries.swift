internal import GRDB
internal import TraceModel

/// What the host's page cache had of a guest's I/Os of one kind.
public struct AbsorbedIOs: Sendable {
  /// `read` or `write`.
  public let op: String
  /// From D to C in the guest, of each, ns.
  public var durations: [Int64] = []
  /// From C in the guest to when the data was on the disk, of those of which the trace shows it, ns.
  public var deferred: [Int64] = []
}

extension IncidentFile {
  /// The requests of a filter that the host's page cache had, by what they are for.
  public func absorbed(_ filter: IOFilter) throws -> [AbsorbedIOs] {
    let (condition, arguments) = filter.condition
    guard
      try grades(filter).contains(where: { $0.grade == .absorbed })
    else { return [] }
    var result: [AbsorbedIOs] = []
    for (op, duration, deferred) in try fetch(
      """
      SELECT op, virtio_queue_ns, deferred_ns FROM io
      WHERE \(condition) AND match_grade = 'absorbed' AND leading = 1 ORDER BY op, io_id
      """, arguments,
      { row -> (String, Int64?, Int64?) in (try row[0], try row[1], try row[2]) })
    {
      if result.last?.op != op { result.append(AbsorbedIOs(op: op)) }
      if let duration { result[result.count - 1].durations.append(duration) }
      if let deferred { result[result.count - 1].deferred.append(deferred) }
    }
    return result
  }

  /// The recorded relations of clocks beside those that the requests show.
  public func clockChecks(guest: String?) throws -> [ClockCheckRow] {
    try fetch(
      """
      SELECT guest, path, line, at_ns, recorded_ns, recorded_error_ns, found_ns, found_error_ns,
        contradicts
      FROM clock_check WHERE ?1 IS NULL OR guest = ?1 ORDER BY guest, path, line
      """, [guest]
    ) { row in
      ClockCheckRow(
        guest: try row[0], path: try row[1], line: try row[2], at: try row[3],
        recorded: try row[4], recordedError: try row[5], found: try row[6],
        foundError: try row[7], contradicts: try row[8])
    }
  }
}

/// A row of `clock_check`.
public struct ClockCheckRow: Sendable {
  /// The guest.
  public let guest: String
  /// The file that recorded it.
  public let path: String
  /// Its line; nil where it has no lines.
  public let line: Int64?
  /// The moment on the guest's clock, ns.
  public let at: Int64
  /// On the reference by the record, and its error, ns.
  public let recorded: Int64
  /// How far that may be off, ns.
  public let recordedError: Int64
  /// On the reference by the requests, ns.
  public let found: Int64
  /// How far that may be off, ns; nil where the requests do not tell.
  public let foundError: Int64?
  /// Whether the two are further apart than both may be off; nil where that cannot be told.
  public let contradicts: Bool?
}
