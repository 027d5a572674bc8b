internal import GRDB

/// What the threads of one guest, or of one name, asked of a host's device.
public struct HostSideRow: Sendable {
  /// The guest they work for, or nil.
  public let guest: String?
  /// Their name where no guest is known.
  public let comm: String
  /// The host.
  public let host: String
  /// The device, major,minor.
  public let device: String
  /// Requests that carry data and of which Q, D and C were seen; D and C of a device without any Q in its trace.
  public let requests: Int
  /// Their bytes.
  public let bytes: Int64
  /// H4, Q to D: median, ns; nil where Q was not traced.
  public let schedulerP50: Int64?
  /// H4: p99, ns; nil where Q was not traced.
  public let schedulerP99: Int64?
  /// H5, D to C: median, ns.
  public let hardwareP50: Int64
  /// H5: p99, ns.
  public let hardwareP99: Int64
}

extension IncidentFile {
  /// The host's hops by who asked, the most requests first; for an incident in which no guest's disk was
  /// followed. Quantiles are nearest ranks.
  public func hostSides(most: Int) throws -> [HostSideRow] {
    try translating {
      try queue.read { db in
        let isJoined = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM device_map)")
        guard isJoined == false else { return [] }
        return try Row.fetchAll(db, sql: Self.hostSides, arguments: [most]).map { row in
          HostSideRow(
            guest: try row["guest"], comm: try row["comm"], host: try row["host"],
            device: try row["device"], requests: try row["requests"], bytes: try row["bytes"],
            schedulerP50: try row["h4_p50"], schedulerP99: try row["h4_p99"],
            hardwareP50: try row["h5_p50"], hardwareP99: try row["h5_p99"])
        }
      }
    }
  }

  private static let hostSides = """
    WITH owner AS (
      SELECT machine, tid, min(guest) AS guest FROM thread_wait WHERE guest IS NOT NULL
      GROUP BY machine, tid
    ), queueing AS (
      SELECT DISTINCT source_id, device FROM stage WHERE stage IN ('Q2Q', 'Q2C')
    ), stay AS (
      SELECT owner.guest, CASE WHEN owner.guest IS NULL THEN request.comm ELSE '' END AS comm,
        request.machine AS host, request.device, 512 * sectors AS bytes,
        issued_ns - queued_ns AS h4, completed_ns - issued_ns AS h5
      FROM request LEFT JOIN owner ON owner.machine = request.machine AND owner.tid = request.pid
      WHERE request.layer = 'host' AND sectors > 0 AND issued_ns IS NOT NULL AND completed_ns IS NOT NULL
        AND (queued_ns IS NOT NULL
          OR (request.source_id, request.device) NOT IN (SELECT source_id, device FROM queueing))
    ), placed AS (
      SELECT *, row_number() OVER (PARTITION BY guest, comm, host, device ORDER BY h4) AS h4_place,
        row_number() OVER (PARTITION BY guest, comm, host, device ORDER BY h5) AS h5_place,
        count(*) OVER (PARTITION BY guest, comm, host, device) AS n
      FROM stay
    )
    SELECT guest, comm, host, device, max(n) AS requests, sum(bytes) AS bytes,
      max(CASE WHEN h4_place = (n * 50 + 99) / 100 THEN h4 END) AS h4_p50,
      max(CASE WHEN h4_place = (n * 99 + 99) / 100 THEN h4 END) AS h4_p99,
      max(CASE WHEN h5_place = (n * 50 + 99) / 100 THEN h5 END) AS h5_p50,
      max(CASE WHEN h5_place = (n * 99 + 99) / 100 THEN h5 END) AS h5_p99
    FROM placed GROUP BY guest, comm, host, device
    ORDER BY guest IS NULL, requests DESC, comm, device LIMIT ?
    """
}
