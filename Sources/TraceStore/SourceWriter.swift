internal import GRDB
internal import TraceModel

/// Writes the rows of one source into the open transaction.
final class SourceWriter: EventSink {
  private let db: Database
  private let sourceID: Int64
  private let activity: Activity
  private var blocks: BlockRows
  private let sched: SchedRows
  private let counters: CounterRows
  private let pageCache: PageCacheRows
  private let qemu: QEMURows
  private var events: EventChunkWriter?

  init(_ db: Database, sourceID: Int64, activity: Activity, keepsEvents: Bool) throws {
    self.db = db
    self.sourceID = sourceID
    self.activity = activity
    blocks = try BlockRows(db, sourceID: sourceID)
    sched = try SchedRows(db, sourceID: sourceID)
    counters = try CounterRows(db, sourceID: sourceID)
    pageCache = try PageCacheRows(db, sourceID: sourceID)
    qemu = try QEMURows(db, sourceID: sourceID)
    if keepsEvents {
      events = try EventChunkWriter(db, sourceID: sourceID) { try Self.task($0, db) }
    }
  }

  func nextRequestID() -> Int64 { blocks.nextRequestID() }
  func stream(_ key: StreamKey) throws -> Int32 { try blocks.stream(key) }
  func task(_ identity: TaskIdentity) throws -> Int32 { try Self.task(identity, db) }

  private static func task(_ identity: TaskIdentity, _ db: Database) throws -> Int32 {
    // Two names that differ only in bytes that are not UTF-8 become one.
    let name = identity.name.text
    let known = try Int32.fetchOne(
      db, sql: "SELECT task_id FROM task WHERE pid = ? AND comm = ?",
      arguments: [identity.pid, name])
    if let known { return known }
    try db.execute(
      sql: "INSERT INTO task (pid, comm) VALUES (?, ?)", arguments: [identity.pid, name])
    return Int32(truncatingIfNeeded: db.lastInsertedRowID)
  }

  func receive(_ batch: BlockBatch) throws {
    try activity.check()
    try blocks.insert(batch)
  }

  func nextThreadID() -> Int64 { sched.nextThreadID() }

  func receive(_ batch: SchedBatch) throws {
    try activity.check()
    try sched.insert(batch)
  }
  func object(_ object: CounterObject) throws -> Int32 { try counters.object(object) }
  func counter(_ counter: Counter) throws -> Int32 { try counters.counter(counter) }
  func moment(_ moment: CounterMoment) throws -> Int64 { try counters.moment(moment) }
  func receive(_ batch: CounterBatch) throws {
    try activity.check()
    try counters.receive(batch)
  }
  func nextInodeID() -> Int64 { pageCache.nextInodeID() }
  func receive(_ batch: PageCacheBatch) throws { try pageCache.insert(batch) }
  func receive(_ requests: [QEMURequest]) throws {
    try activity.check()
    try qemu.insert(requests)
  }
  var keepsEvents: Bool { events != nil }
  func receive(_ events: [BlockEvent], segment: Int32) throws {
    try self.events?.insert(events, segment: segment)
  }
  func receive(_ events: [SchedEvent], segment: Int32) throws {
    try self.events?.insert(events, segment: segment)
  }
  func receive(_ batch: TopologyBatch) throws { try db.insert(batch, sourceID: sourceID) }

  /// The source has been read: writes the rest and what it held.
  func finish(_ summary: SourceSummary) throws {
    try blocks.finish()
    try sched.finish()
    try counters.finish()
    try pageCache.finish()
    try qemu.finish(summary.qemuStages)
    try db.execute(
      sql: """
        UPDATE source_file SET sha256 = ?, bytes = ?, format = ?, tool_clock = ?,
          resolution_ns = ?, start_ns = ?, start_clock = ?, monotonic_start_ns = ?,
          lines = ?, events = ?, skipped_lines = ?, lost_events = ?, first_ns = ?, last_ns = ?
        WHERE source_id = ?
        """,
      arguments: [
        summary.sha256, summary.bytes, summary.format, summary.toolClock,
        summary.resolution, summary.start?.nanoseconds, summary.start?.clock,
        summary.monotonicStart, summary.lines,
        summary.events, summary.skippedLines, summary.lostEvents, summary.first.nanoseconds,
        summary.last.nanoseconds, sourceID,
      ])
    for header in summary.headers {
      try db.execute(
        sql: "INSERT INTO source_header (source_id, name, value) VALUES (?, ?, ?)",
        arguments: [sourceID, header.name, header.value])
    }
    if let session = summary.session { try db.insert(session, sourceID: sourceID) }
    for problem in summary.problems { try db.insert(problem, sourceID: sourceID) }
    for loss in summary.losses {
      try db.execute(
        sql: """
          INSERT INTO block_loss (stream_id, cpu, events, from_ns, to_ns) VALUES (?, ?, ?, ?, ?)
          """,
        arguments: [loss.stream, loss.cpu, loss.events, loss.from, loss.to])
    }
    for remap in summary.remaps {
      try db.execute(
        sql: """
          INSERT INTO block_remap (stream_id, from_device, delta, count) VALUES (?, ?, ?, ?)
          """,
        arguments: [remap.stream, remap.from.description, remap.delta, remap.count])
    }
    for stage in summary.stages {
      let histogram = stage.histogram
      try db.execute(
        sql: """
          INSERT INTO block_stage (stream_id, stage, count, min_ns, mean_ns, p50_ns, p99_ns, max_ns)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          stage.stream, stage.stage.name, histogram.count, histogram.least, histogram.mean,
          histogram.quantile(0.5), histogram.quantile(0.99), histogram.greatest,
        ])
    }
    for vcpu in summary.kvmExits {
      try db.insert(
        into: "kvm_vcpu",
        [
          "source_id": sourceID, "tid": vcpu.tid, "vcpu": vcpu.vcpu < 0 ? nil : vcpu.vcpu,
          "first_ns": vcpu.first, "last_ns": vcpu.last, "guest_ns": vcpu.guest,
          "entries": vcpu.entries,
        ])
      let number = db.lastInsertedRowID
      for (reason, sums) in vcpu.reasons.sorted(by: { $0.key < $1.key }) {
        try db.insert(
          into: "kvm_exit_sum",
          [
            "kvm_vcpu_id": number, "reason": reason, "is_halt": KVMExits.isHalt(reason),
            "count": sums.count, "sum_ns": sums.sum, "min_ns": sums.least, "max_ns": sums.greatest,
          ])
      }
    }
    if sched.hasThreads { try SchedDuplicates(db, sourceID: sourceID).mark() }
    if blocks.hasStreams { try BlockDuplicates(db, sourceID: sourceID).mark() }
  }
}

extension Database {
  /// Keeps what is wrong with a source.
  func insert(_ problem: Problem, sourceID: Int64) throws {
    try execute(
      sql: """
        INSERT INTO source_problem (source_id, line, column, kind, severity, count, excerpt, advice)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        sourceID, problem.line, problem.column, problem.kind.rawValue,
        problem.kind.severity.rawValue, problem.count, problem.excerpt, problem.kind.advice,
      ])
  }
}
