internal import GRDB
public import TraceModel

/// Which I/Os a report is about.
public struct IOFilter: Sendable, Equatable {
  /// Only this guest.
  public var guest: String?
  /// Only this disk, major,minor.
  public var device: String?
  /// Only this operation.
  public var op: String?
  /// Only I/Os queued at or after this moment of the reference timeline, ns.
  public var from: Int64?
  /// Only I/Os queued before this moment of the reference timeline, ns.
  public var to: Int64?

  /// All I/Os.
  public init() {}

  /// Whether it leaves any out.
  public var isActive: Bool { self != IOFilter() }

  /// Whether it leaves out none for its time: then sums of the capture tell of it.
  var isOfAllTime: Bool { from == nil && to == nil }

  /// The condition on the `io` view and its arguments.
  var condition: (sql: String, arguments: StatementArguments) {
    var parts: [String] = ["1"]
    var arguments: [(any DatabaseValueConvertible)?] = []
    func add(_ part: String, _ value: (any DatabaseValueConvertible)?) {
      guard let value else { return }
      parts.append(part)
      arguments.append(value)
    }
    add("guest = ?", guest)
    add("device = ?", device)
    add("op = ?", op)
    add("coalesce(reference_ns, queued_at_ns) >= ?", from)
    add("coalesce(reference_ns, queued_at_ns) < ?", to)
    return (parts.joined(separator: " AND "), StatementArguments(arguments))
  }
}

/// A row of the `source` view.
public struct SourceRow: Sendable {
  /// Its number.
  public let id: Int64
  /// The path as it was given.
  public let path: String
  /// The machine.
  public let machine: String
  /// Guest or host.
  public let layer: Layer
  /// The format.
  public let format: String
  /// Lines of it.
  public let lines: Int64
  /// Events of it.
  public let events: Int64
  /// Lines that could not be used.
  public let skippedLines: Int64
  /// Events the tracer lost.
  public let lostEvents: Int64
  /// SHA-256 of its bytes.
  public let sha256: String
  /// From its first event to its last, ns; nil without events.
  public let span: Int64?
  /// The same in UTC, ns since 1970, where the trace says when it began.
  public let wall: ClosedRange<Int64>?
  /// The source that holds the same events and is used instead.
  public let duplicateOf: Int64?
  /// It was refused as a whole.
  public let isRefused: Bool
}

/// A row of the `problem` view with the path of its source.
public struct ProblemRow: Sendable {
  /// The file.
  public let path: String
  /// The line.
  public let line: Int64?
  /// The byte of the line.
  public let column: Int?
  /// What is wrong.
  public let kind: String
  /// What it costs.
  public let severity: ProblemSeverity
  /// How often.
  public let count: Int64
  /// The beginning of the line.
  public let excerpt: String?
  /// What to do.
  public let advice: String
}

/// A guest's disk in the report.
public struct DiskRow: Sendable {
  /// The guest.
  public let guest: String
  /// major,minor.
  public let device: String
  /// The host; nil when not joined.
  public let host: String?
  /// The host's device.
  public let hostDevice: String?
  /// Sectors to add to an address of the guest; nil when not joined, or in several extents.
  public let distance: Int64?
  /// In how many pieces it lies on the device.
  public let extents: Int
  /// Whether that was given; else it was inferred.
  public let isGiven: Bool
  /// What became of the join.
  public let verdict: JoinVerdict
  /// Pairs of requests that voted for the place.
  public let votes: Int?
  /// Share of its requests that one clock places there.
  public let feasibleShare: Double?
  /// The same for the next best place.
  public let runnerUpShare: Double?
  /// Requests that chance would match.
  public let expectedAccidental: Double?
}

/// A row of the `clock` view for the report.
public struct ClockSummary: Sendable {
  /// The machine.
  public let machine: String
  /// The tool's clock.
  public let toolClock: String
  /// How it was found.
  public let method: String
  /// The reference's name.
  public let reference: String
  /// Reference minus own, ns.
  public let offset: Double
  /// Parts per million.
  public let driftPPM: Double
  /// The largest bound, ns.
  public let error: Int64
  /// The bound in the middle, ns.
  public let middleError: Int64
  /// First matched moment on the reference, ns.
  public let from: Double
  /// Last matched moment on the reference, ns.
  public let to: Double
  /// Pairs.
  public let pairs: Int
  /// Pairs taken out.
  public let removedPairs: Int
  /// Contradicting pairs.
  public let violations: Int
}

/// How many I/Os have a grade and reason.
public struct GradeCount: Sendable {
  /// How sure the match is.
  public let grade: MatchGrade
  /// Why there is no match.
  public let reason: UnmatchedReason?
  /// Whether they carry data.
  public let isFlush: Bool
  /// How many.
  public let count: Int
}

/// One I/O as the report shows it; ns, nil is "not observed".
public struct IORow: Sendable {
  /// Its number.
  public let id: Int64
  /// The guest.
  public let guest: String
  /// Its disk.
  public let device: String
  /// What it is for.
  public let operation: BlockOperation
  /// The letters.
  public let rwbs: String
  /// First sector.
  public let sector: Int64?
  /// Length.
  public let sectors: Int64
  /// t1 on the reference timeline.
  public let reference: Int64?
  /// Its hops.
  public let times: HopTimes
  /// The flush in H2.
  public let flush: Int64?
  /// The full ring in H2.
  public let requeue: Int64?
  /// The clock's bound.
  public let clockError: Int64?
  /// How sure the match is.
  public let grade: MatchGrade
  /// Why there is no match.
  public let reason: UnmatchedReason?
  /// Name of the task that queued it.
  public let comm: String
  /// Its thread id.
  public let pid: Int64
  /// The guest request.
  public let request: Int64
  /// The host request that completed last.
  public let hostRequest: Int64?
}

/// A row of the `stage` view.
public struct StageRow: Sendable {
  /// The machine.
  public let machine: String
  /// The device.
  public let device: String
  /// btt's name.
  public let stage: String
  /// btt's N.
  public let count: Int
  /// ns.
  public let min: Int64
  /// ns.
  public let mean: Double
  /// ns.
  public let p50: Int64
  /// ns.
  public let p99: Int64
  /// ns.
  public let max: Int64
}

extension IncidentFile {
  /// The files, in the order in which they came.
  public func sources() throws -> [SourceRow] {
    try fetch("SELECT * FROM source ORDER BY source_id") { row in
      let first: Int64? = try row["first_ns"]
      let last: Int64? = try row["last_ns"]
      return try SourceRow(
        id: row["source_id"], path: row["path"], machine: row["machine"],
        layer: row.word("layer"), format: row["format"],
        lines: row["lines"], events: row["events"], skippedLines: row["skipped_lines"],
        lostEvents: row["lost_events"], sha256: row["sha256"],
        span: Self.span(first, last),
        wall: try Self.wall(row, first, last),
        duplicateOf: row["duplicate_of"], isRefused: row["refused"])
    }
  }

  private static func span(_ first: Int64?, _ last: Int64?) -> Int64? {
    guard let first, let last else { return nil }
    let (span, isTooLong) = last.subtractingReportingOverflow(first)
    return isTooLong ? nil : span
  }

  private static func wall(
    _ row: Row, _ first: Int64?, _ last: Int64?
  ) throws -> ClosedRange<Int64>? {
    let clock: String? = try row["start_clock"]
    guard let first, let last, clock == "CLOCK_REALTIME",
      let start: Int64 = try row["start_ns"]
    else { return nil }
    let (from, under) = start.addingReportingOverflow(first)
    let (to, over) = start.addingReportingOverflow(last)
    return under || over || to < from ? nil : from...to
  }

  /// Trouble of all files, the costliest first.
  public func problems() throws -> [ProblemRow] {
    try fetch(
      """
      SELECT problem.*, source.path AS path FROM problem JOIN source USING (source_id)
      ORDER BY \(SQLText.rank("severity", ProblemSeverity.allCases.reversed())), count DESC, source_id, kind
      """
    ) { row in
      try ProblemRow(
        path: row["path"], line: row["line"], column: row["column"], kind: row["kind"],
        severity: row.word("severity"), count: row["count"], excerpt: row["excerpt"],
        advice: row["advice"])
    }
  }

  /// The guests' disks.
  public func disks(_ filter: IOFilter) throws -> [DiskRow] {
    try fetch(
      """
      SELECT machine.name AS guest, block_stream.device AS device, device_map.host AS host,
        device_map.host_device AS host_device,
        CASE count(device_map.guest_sector)
          WHEN 1 THEN device_map.host_sector - device_map.guest_sector END AS distance,
        count(device_map.guest_sector) AS extents, device_map.origin AS origin,
        join_summary.verdict, device_map.votes AS votes,
        join_summary.feasible_share, join_summary.runner_up_share,
        join_summary.expected_accidental
      FROM join_summary
      JOIN block_stream ON block_stream.stream_id = join_summary.guest_stream_id
      JOIN source_file USING (source_id)
      JOIN machine USING (machine_id)
      LEFT JOIN device_map
        ON device_map.guest = machine.name AND device_map.guest_device = block_stream.device
      WHERE (?1 IS NULL OR machine.name = ?1) AND (?2 IS NULL OR block_stream.device = ?2)
      GROUP BY join_summary.guest_stream_id
      ORDER BY guest, device
      """, [filter.guest, filter.device]
    ) { row in
      try DiskRow(
        guest: row["guest"], device: row["device"], host: row["host"],
        hostDevice: row["host_device"], distance: row["distance"], extents: row["extents"],
        isGiven: row["origin"] as String? == "given", verdict: row.word("verdict"),
        votes: row["votes"], feasibleShare: row["feasible_share"],
        runnerUpShare: row["runner_up_share"], expectedAccidental: row["expected_accidental"])
    }
  }

  /// The clocks, without the reference itself.
  public func clocks() throws -> [ClockSummary] {
    try fetch("SELECT * FROM clock WHERE method <> 'reference' ORDER BY machine, segment") { row in
      let offset: Double = try row["offset_ns"]
      let drift: Double = try row["drift_ppm"]
      let from: Double = try row["from_ns"]
      let to: Double = try row["to_ns"]
      return try ClockSummary(
        machine: row["machine"], toolClock: row["tool_clock"], method: row["method"],
        reference: row["reference"], offset: offset, driftPPM: drift,
        error: row["error_ns"], middleError: row["error_middle_ns"],
        from: from + offset + ClockDrift.gain(drift, over: from),
        to: to + offset + ClockDrift.gain(drift, over: to),
        pairs: row["pairs"], removedPairs: row["removed_pairs"], violations: row["violations"])
    }
  }

  /// How many I/Os have which grade.
  public func grades(_ filter: IOFilter) throws -> [GradeCount] {
    let (condition, arguments) = filter.condition
    let counted = filter.isOfAllTime ? "sum(count) AS n FROM io_count" : "count(*) AS n FROM io"
    return try fetch(
      """
      SELECT match_grade, match_reason, op = 'flush' AS is_flush, \(counted)
      WHERE \(condition) GROUP BY 1, 2, 3 ORDER BY 3, 1, 2
      """, arguments
    ) { row in
      try GradeCount(
        grade: row.word("match_grade"), reason: row.wordIfAny("match_reason"),
        isFlush: row["is_flush"],
        count: row["n"])
    }
  }

  /// The I/Os of a filter, in their order; `slowest`: only so many of those with data, slowest first.
  public func ios(_ filter: IOFilter, slowest: Int? = nil) throws -> [IORow] {
    let (whole, arguments) = filter.condition
    var condition = whole
    if let slowest, let known = try longest(filter, slowest) {
      condition += " AND io_id IN (\(known.map { "\($0)" }.joined(separator: ", ")))"
    }
    let order =
      slowest.map {
        """
        AND io.op <> 'flush' AND coalesce(io.block_ns, \(Self.driver)) IS NOT NULL
        ORDER BY coalesce(io.block_ns, \(Self.driver)) DESC, io.io_id LIMIT \($0)
        """
      } ?? "ORDER BY io_id"
    return try fetch(Self.ioSQL + " WHERE \(condition) \(order)", arguments, Self.ioRow)
  }

  /// The numbers of the slowest of a filter with data; nil where what is stored of each disk does not tell.
  private func longest(_ filter: IOFilter, _ count: Int) throws -> [Int64]? {
    guard filter.isOfAllTime, filter.op == nil, count <= Self.mostLongest else { return nil }
    let disks = """
      SELECT stream_id FROM block_stream JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE (?1 IS NULL OR machine.name = ?1) AND (?2 IS NULL OR block_stream.device = ?2)
      """
    let unknown: [Int64] = try fetch(
      """
      SELECT guest_stream_id FROM io_sum
      WHERE op <> \(BlockOperation.flush.rawValue) AND guest_stream_id IN (\(disks))
        AND guest_stream_id NOT IN (SELECT guest_stream_id FROM longest_io) LIMIT 1
      """, [filter.guest, filter.device]
    ) { try $0[0] }
    guard unknown.isEmpty else { return nil }
    return try fetch(
      """
      SELECT io_id FROM longest_io WHERE guest_stream_id IN (\(disks))
      ORDER BY block_ns DESC, io_id LIMIT \(count)
      """, [filter.guest, filter.device]
    ) { try $0[0] }
  }

  /// How many of each disk are stored, as `schema/tables.sql` says.
  private static let mostLongest = 100

  /// One I/O; nil when there is none of that number.
  public func io(_ id: Int64) throws -> IORow? {
    try fetch(Self.ioSQL + " WHERE io_id = ?", [id], Self.ioRow).first
  }

  /// The stages of all devices.
  public func stages() throws -> [StageRow] {
    try fetch(
      """
      SELECT * FROM stage
      ORDER BY machine, device, segment, \(SQLText.rank("stage", Stage.allCases))
      """
    ) { row in
      try StageRow(
        machine: row["machine"], device: row["device"], stage: row["stage"], count: row["count"],
        min: row["min_ns"], mean: row["mean_ns"], p50: row["p50_ns"], p99: row["p99_ns"],
        max: row["max_ns"])
    }
  }

  /// Where the events of a request stand: (file, line).
  public func evidence(of request: Int64) throws -> (path: String, line: Int64)? {
    let places: [(path: String, line: Int64)] = try fetch(
      """
      SELECT source.path AS path, request.line AS line
      FROM request JOIN source USING (source_id) WHERE request_id = ?
      """, [request]
    ) { row in
      let path: String = try row["path"]
      let line: Int64 = try row["line"]
      return (path, line)
    }
    return places.first
  }

  /// From D to C of an I/O whose disk has no Q in its trace.
  private static let driver = driver(of: "io")

  /// The same of a row of the view `io`, or of its table.
  static func driver(of io: String) -> String {
    let flush =
      io == "io" ? SQLText.literal(BlockOperation.flush.name) : "\(BlockOperation.flush.rawValue)"
    return """
      CASE WHEN \(io).queued_at_ns IS NULL AND \(io).op <> \(flush)
        AND NOT block_kind.traits & \(RequestTraits.acrossStep.rawValue) AND block_kind.stream_id NOT IN
          (SELECT stream_id FROM block_kind WHERE is_queued AND NOT traits & \(RequestTraits.flush.rawValue))
        THEN block_request.completed - block_request.issued END
      """
  }

  private static let ioSQL = """
    SELECT io.*, \(driver) AS driver_ns, task.comm AS comm, task.pid AS pid FROM io
    JOIN block_request USING (request_id) JOIN block_kind USING (kind_id) JOIN task USING (task_id)
    """

  private static func times(_ row: Row) throws -> HopTimes {
    func stamp(_ column: String) throws -> Stamp {
      let time: Int64? = try row[column]
      return time.map(Stamp.init) ?? .unseen
    }
    var times = try HopTimes { try stamp(Hop.measured[$0].column) }
    times.driver = try stamp("driver_ns")
    return times
  }

  private static func ioRow(_ row: Row) throws -> IORow {
    try IORow(
      id: row["io_id"], guest: row["guest"], device: row["device"], operation: row.word("op"),
      rwbs: row["rwbs"], sector: row["sector"], sectors: row["sectors"],
      reference: row["reference_ns"], times: times(row), flush: row["flush_ns"],
      requeue: row["requeue_ns"],
      clockError: row["clock_error_ns"], grade: row.word("match_grade"),
      reason: row.wordIfAny("match_reason"),
      comm: row["comm"], pid: row["pid"], request: row["request_id"],
      hostRequest: row["host_request_id"])
  }

  /// The values of the rows of a statement.
  func fetch<Value>(
    _ sql: String, _ arguments: StatementArguments = [], _ value: (Row) throws -> Value
  ) throws -> [Value] {
    try translating {
      try queue.unsafeReentrantRead { db in
        // Row by row: some have hundreds of thousands.
        let rows = try Row.fetchCursor(db, sql: sql, arguments: arguments)
        var values: [Value] = []
        while let row = try rows.next() { values.append(try value(row)) }
        return values
      }
    }
  }
}
