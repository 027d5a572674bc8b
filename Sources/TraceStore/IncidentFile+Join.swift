internal import GRDB
public import TraceModel

/// A row of `clock_relation`.
public struct ClockRow: Sendable {
  /// The trace whose clock it is.
  public var source: Int64
  /// The trace whose clock is the reference.
  public var reference: Int64
  /// Its number among the stretches of its clock.
  public var segment: Int
  /// The stretch of the trace it is for; one such has several clocks where the clock stepped forward.
  public var stretch: Int
  /// Own time from which it is used within that; nil: from its start.
  public var start: Int64?
  /// First matched moment, own ns.
  public var from: Int64
  /// Last matched moment, own ns.
  public var to: Int64
  /// Reference minus own at own = 0, ns.
  public var offset: Double
  /// Parts per million.
  public var driftPPM: Double
  /// The largest bound within the span, ns.
  public var error: Int64
  /// The bound in its middle, ns.
  public var middleError: Int64
  /// How it was found.
  public var method: String
  /// Pairs that bind it.
  public var pairs: Int
  /// Pairs taken out.
  public var removedPairs: Int
  /// Pairs that contradict it.
  public var violations: Int

  /// A row.
  public init(
    source: Int64, reference: Int64, segment: Int, stretch: Int, start: Int64?, from: Int64,
    to: Int64, offset: Double, driftPPM: Double, error: Int64, middleError: Int64, method: String,
    pairs: Int,
    removedPairs: Int, violations: Int
  ) {
    self.source = source
    self.reference = reference
    self.segment = segment
    self.stretch = stretch
    self.start = start
    self.from = from
    self.to = to
    self.offset = offset
    self.driftPPM = driftPPM
    self.error = error
    self.middleError = middleError
    self.method = method
    self.pairs = pairs
    self.removedPairs = removedPairs
    self.violations = violations
  }
}

/// A row of `device_extent`.
public struct ExtentRow: Sendable {
  /// The guest disk's stretch.
  public var guestStream: Int32
  /// The host device's stretch.
  public var hostStream: Int32
  /// First sector on the guest's disk.
  public var guestSector: Int64
  /// First sector on the host's device.
  public var hostSector: Int64
  /// Length in sectors.
  public var sectors: Int64
  /// Pairs of requests that voted for it.
  public var votes: Int
  /// Share of the guest's requests that a clock can place there.
  public var feasibleShare: Double?
  /// Whether somebody gave it; else it was inferred.
  public var isGiven: Bool

  /// An extent.
  public init(
    guestStream: Int32, hostStream: Int32, guestSector: Int64, hostSector: Int64, sectors: Int64,
    votes: Int, feasibleShare: Double?, isGiven: Bool
  ) {
    self.guestStream = guestStream
    self.hostStream = hostStream
    self.guestSector = guestSector
    self.hostSector = hostSector
    self.sectors = sectors
    self.votes = votes
    self.feasibleShare = feasibleShare
    self.isGiven = isGiven
  }
}

/// A row of `hop_quantile`.
public struct HopRow: Sendable {
  /// The guest disk's stretch.
  public var stream: Int32
  /// The operation, or `all`.
  public var op: String
  /// The hop.
  public var hop: Hop
  /// Its numbers.
  public var statistics: LatencyStatistics

  /// A row.
  public init(stream: Int32, op: String, hop: Hop, statistics: LatencyStatistics) {
    self.stream = stream
    self.op = op
    self.hop = hop
    self.statistics = statistics
  }
}

/// A row of `join_summary`.
public struct JoinRow: Sendable {
  /// The guest disk's stretch.
  public var guestStream: Int32
  /// The host device's stretch.
  public var hostStream: Int32?
  /// Whether it is joined, or why not.
  public var verdict: JoinVerdict
  /// Requests that chance would match.
  public var expectedAccidental: Double?
  /// Share of the guest's requests that a clock can place.
  public var feasibleShare: Double?
  /// The same for the next best place.
  public var runnerUpShare: Double?

  /// A row.
  public init(
    guestStream: Int32, hostStream: Int32?, verdict: JoinVerdict, expectedAccidental: Double?,
    feasibleShare: Double?, runnerUpShare: Double?
  ) {
    self.guestStream = guestStream
    self.hostStream = hostStream
    self.verdict = verdict
    self.expectedAccidental = expectedAccidental
    self.feasibleShare = feasibleShare
    self.runnerUpShare = runnerUpShare
  }
}

extension IncidentFile {
  /// Whether sources came in since the last correlation.
  public func needsCorrelation() throws -> Bool {
    try translating {
      try queue.read { db in
        try String.fetchOne(
          db, sql: "SELECT value FROM incident_state WHERE key = 'correlated'") == nil
      }
    }
  }

  /// Replaces what correlation found, or of it some tables alone, in one transaction: what `write` writes, then what the
  /// rules find in it. Without rules the correlation is not at its end: it stays due.
  public func replaceCorrelation(
    only tables: Set<String>? = nil, _ write: (CorrelationWriter) throws -> Void,
    findings: (() throws -> [Finding])?
  ) throws {
    try writing { db in
      for table in Schema.derivedTables where tables?.contains(table) ?? true {
        try db.execute(sql: "DELETE FROM main.\(table)")
      }
      try db.storePendingCounterSteps()
      try db.storeViews(storedViews.changed)
      if tables == nil {
        try db.execute(
          sql: "DELETE FROM incident_state WHERE key = ?", arguments: [CorrelationWriter.swappedKey]
        )
      }
      let writer = try CorrelationWriter(db)
      try write(writer)
      for file in Schema.files where file.path == "indexes.sql" {
        try db.execute(sql: file.text)
      }
      if let findings { try db.storeFindings(findings()) }
      return .commit
    }
    storedViews.changed = []
  }
}

/// Writes what correlation found into the open transaction.
public final class CorrelationWriter {
  private let db: Database

  init(_ db: Database) throws { self.db = db }

  /// Keeps a line about streams that fit each other only the other way round.
  func keepSwapped(_ line: String) throws {
    try db.execute(
      sql: """
        INSERT INTO incident_state VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = value || char(10) || ?2
        """, arguments: [Self.swappedKey, line])
  }

  /// Adds rows of whole numbers, of which a table has one for each I/O; `Int64.min` is NULL. Each column stands beside
  /// what its value is made by.
  public func add<Row>(
    _ rows: some Sequence<Row>, to table: String,
    _ columns: [(name: String, value: @Sendable (Row) -> Int64)]
  ) throws {
    let bulk = try BulkInsert(db, into: table, columns: columns.map(\.name))
    let values = columns.map(\.value)
    for row in rows {
      for value in values { bulk.add(value(row)) }
      try bulk.endRow()
    }
    try bulk.finish()
  }

  /// Adds a clock relation.
  public func add(_ row: ClockRow) throws {
    try db.insert(
      into: "clock_relation",
      [
        "source_id": row.source, "reference_source_id": row.reference, "segment": row.segment,
        "stretch": row.stretch, "start_ns": row.start, "from_ns": row.from, "to_ns": row.to,
        "offset_ns": row.offset, "drift_ppm": row.driftPPM, "error_ns": row.error,
        "error_middle_ns": row.middleError, "method": row.method, "pairs": row.pairs,
        "removed_pairs": row.removedPairs, "violations": row.violations,
      ])
  }

  /// Adds an extent.
  public func add(_ row: ExtentRow) throws {
    try db.insert(
      into: "device_extent",
      [
        "guest_stream_id": row.guestStream, "host_stream_id": row.hostStream,
        "guest_sector": row.guestSector, "host_sector": row.hostSector, "sectors": row.sectors,
        "votes": row.votes, "feasible_share": row.feasibleShare,
        "origin": row.isGiven ? "given" : "inferred",
      ])
  }

  /// Adds a hop's numbers.
  public func add(_ row: HopRow) throws {
    let numbers = row.statistics
    try db.insert(
      into: "hop_quantile",
      [
        "guest_stream_id": row.stream, "op": row.op, "hop": row.hop.name, "count": numbers.count,
        "mean_ns": numbers.mean, "p50_ns": numbers.p50, "p90_ns": numbers.p90,
        "p99_ns": numbers.p99, "p999_ns": numbers.p999, "max_ns": numbers.max,
        "share_of_total": numbers.shareOfTotal,
      ])
  }

  /// Adds what is to be said of a disk's join.
  public func add(_ row: JoinRow) throws {
    try db.insert(
      into: "join_summary",
      [
        "guest_stream_id": row.guestStream, "host_stream_id": row.hostStream,
        "verdict": row.verdict.name, "expected_accidental": row.expectedAccidental,
        "feasible_share": row.feasibleShare, "runner_up_share": row.runnerUpShare,
      ])
  }

  /// Adds a row of a result: a value for each column, by the column's name.
  public func add(to table: String, _ row: KeyValuePairs<String, StoredValue>) throws {
    let names = row.map(\.key).joined(separator: ", ")
    let places = row.map { _ in "?" }.joined(separator: ", ")
    try db.cachedStatement(sql: "INSERT INTO \(table) (\(names)) VALUES (\(places))")
      .execute(arguments: StatementArguments(row.map(\.value.databaseValue)))
  }

  /// Adds a row: a value for each column, by the column's name.
  func insert(into table: String, orReplace: Bool = false, _ row: Database.InsertedRow) throws {
    try db.insert(into: table, orReplace: orReplace, row)
  }
}
