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

  /// Replaces all that correlation found, in one transaction: what `write` writes, then what the rules find
  /// in it.
  public func replaceCorrelation(
    _ write: (CorrelationWriter) throws -> Void, findings: () throws -> [Finding]
  ) throws {
    try writing { db in
      for table in Schema.derivedTables {
        try db.execute(sql: "DELETE FROM main.\(table)")
      }
      try db.storePendingCounterSteps()
      try db.storeViews(storedViews.changed)
      try db.execute(
        sql: "DELETE FROM incident_state WHERE key = ?", arguments: [CorrelationWriter.swappedKey])
      let writer = try CorrelationWriter(db)
      try write(writer)
      try writer.finish()
      for file in Schema.files where file.path == "indexes.sql" {
        try db.execute(sql: file.text)
      }
      try db.storeFindings(findings())
      return .commit
    }
    storedViews.changed = []
  }
}

/// Writes what correlation found into the open transaction.
public final class CorrelationWriter {
  private let db: Database
  private let ios: BulkInsert

  init(_ db: Database) throws {
    self.db = db
    ios = try BulkInsert(
      db, into: "guest_io",
      columns: [
        "request_id", "leading", "sector", "sectors", "rwbs", "op", "queued_at_ns",
        "completed_at_ns", "reference_ns", "page_cache_ns", "guest_scheduler_ns", "flush_ns",
        "requeue_ns", "virtio_submit_ns", "virtio_return_ns", "submit_cpu_wait_ns",
        "return_cpu_wait_ns", "host_scheduler_ns", "hardware_queue_ns", "block_ns",
        "clock_error_ns", "match_grade", "match_reason",
        "host_requests", "host_request_id", "deferred_request_id", "deferred_ns",
      ])
  }

  /// Keeps a line about streams that fit each other only the other way round.
  func keepSwapped(_ line: String) throws {
    try db.execute(
      sql: """
        INSERT INTO incident_state VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = value || char(10) || ?2
        """, arguments: [Self.swappedKey, line])
  }

  /// Adds an I/O: its values in the order of the table's columns, `Int64.min` for NULL. Grade and reason
  /// are numbers, see `guest_io`.
  public func addIO(_ values: some Sequence<Int64>) throws {
    for value in values { ios.add(value) }
    try ios.endRow()
  }

  /// Adds a clock relation.
  public func add(_ row: ClockRow) throws {
    try db.execute(
      sql: "INSERT INTO clock_relation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        row.source, row.reference, row.segment, row.stretch, row.start, row.from, row.to,
        row.offset, row.driftPPM, row.error, row.middleError, row.method, row.pairs,
        row.removedPairs, row.violations,
      ])
  }

  /// Adds an extent.
  public func add(_ row: ExtentRow) throws {
    try db.execute(
      sql: "INSERT INTO device_extent VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        row.guestStream, row.hostStream, row.guestSector, row.hostSector, row.sectors, row.votes,
        row.feasibleShare, row.isGiven ? "given" : "inferred",
      ])
  }

  /// Adds a hop's numbers.
  public func add(_ row: HopRow) throws {
    let numbers = row.statistics
    try db.execute(
      sql: "INSERT INTO hop_quantile VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        row.stream, row.op, row.hop.name, numbers.count, numbers.mean, numbers.p50, numbers.p90,
        numbers.p99, numbers.p999, numbers.max, numbers.shareOfTotal,
      ])
  }

  /// Adds what is to be said of a disk's join.
  public func add(_ row: JoinRow) throws {
    try db.execute(
      sql: "INSERT INTO join_summary VALUES (?, ?, ?, ?, ?, ?)",
      arguments: [
        row.guestStream, row.hostStream, row.verdict.name, row.expectedAccidental,
        row.feasibleShare,
        row.runnerUpShare,
      ])
  }

  /// Runs a statement of ours.
  func execute(_ sql: String, _ arguments: [(any DatabaseValueConvertible)?]) throws {
    try db.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
  }

  func finish() throws { try ios.finish() }
}
