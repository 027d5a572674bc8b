internal import GRDB
internal import TraceModel

/// Writes the rows of one source into the open transaction.
final class SourceWriter: EventSink {
  private let db: Database
  private let sourceID: Int64
  private let activity: Activity
  private let requests: BulkInsert
  private let bios: BulkInsert
  private let sched: SchedRows
  private let counters: CounterRows
  private let pageCache: PageCacheRows
  private let qemu: QEMURows
  private var events: EventChunkWriter?
  private var lastRequestID: Int64
  private var lastStreamID: Int32
  private var streams: [StreamKey: Int32] = [:]

  init(_ db: Database, sourceID: Int64, activity: Activity, keepsEvents: Bool) throws {
    self.db = db
    self.sourceID = sourceID
    self.activity = activity
    requests = try BulkInsert(
      db, into: "block_request",
      columns: [
        "stream_id", "rwbs", "traits", "sector", "sectors", "at_ns", "queued", "got",
        "inserted", "first_issued", "issued", "completed", "finished", "flush_issued",
        "flush_completed", "error", "task_id", "line", "issued_cpu", "completed_cpu",
      ])
    bios = try BulkInsert(
      db, into: "merged_bio",
      columns: [
        "request_id", "rwbs", "sector", "sectors", "queued_ns", "merged", "task_id", "line",
      ])
    sched = try SchedRows(db, sourceID: sourceID)
    counters = try CounterRows(db, sourceID: sourceID)
    pageCache = try PageCacheRows(db, sourceID: sourceID)
    qemu = try QEMURows(db, sourceID: sourceID)
    lastRequestID =
      try Int64.fetchOne(db, sql: "SELECT max(request_id) FROM block_request") ?? 0
    lastStreamID = try Int32.fetchOne(db, sql: "SELECT max(stream_id) FROM block_stream") ?? 0
    if keepsEvents {
      events = try EventChunkWriter(db, sourceID: sourceID) { try Self.task($0, db) }
    }
  }

  func nextRequestID() -> Int64 {
    lastRequestID += 1
    return lastRequestID
  }

  func stream(_ key: StreamKey) throws -> Int32 {
    if let known = streams[key] { return known }
    lastStreamID += 1
    streams[key] = lastStreamID
    try db.execute(
      sql: "INSERT INTO block_stream (stream_id, source_id, device, segment) VALUES (?, ?, ?, ?)",
      arguments: [lastStreamID, sourceID, key.device.description, key.segment])
    return lastStreamID
  }

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
    for request in batch.requests {
      let at = request.earliest
      func delta(_ stamp: Stamp) -> Int64 { stamp.isSeen ? stamp.rawValue - at : .min }
      // SQLite gives the same number by itself, the next one, and need not look for its place.
      requests.add(Int64(request.stream))
      requests.add(Int64(request.rwbs.rawValue))
      requests.add(Int64(request.traits.rawValue))
      requests.add(request.sector < 0 ? .min : request.sector)
      requests.add(request.sectors)
      requests.add(at)
      requests.add(delta(request.queued))
      requests.add(delta(request.got))
      requests.add(delta(request.inserted))
      // The usual case, one D, costs no byte.
      requests.add(request.firstIssued == request.issued ? .min : delta(request.firstIssued))
      requests.add(delta(request.issued))
      requests.add(delta(request.completed))
      requests.add(delta(request.finished))
      requests.add(delta(request.flushIssued))
      requests.add(delta(request.flushCompleted))
      requests.add(Int64(request.error))
      requests.add(Int64(request.task))
      requests.add(request.line)
      requests.add(request.issuedCPU < 0 ? .min : Int64(request.issuedCPU))
      requests.add(request.completedCPU < 0 ? .min : Int64(request.completedCPU))
      try requests.endRow()
    }
    for bio in batch.bios {
      bios.add(bio.request)
      bios.add(Int64(bio.rwbs.rawValue))
      bios.add(bio.sector)
      bios.add(bio.sectors)
      bios.add(bio.queued.rawValue)
      bios.add(
        bio.queued.isSeen && bio.merged.isSeen ? bio.merged.rawValue - bio.queued.rawValue : .min)
      bios.add(Int64(bio.task))
      bios.add(bio.line)
      try bios.endRow()
    }
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
    try requests.finish()
    try bios.finish()
    let last = try Int64.fetchOne(db, sql: "SELECT max(request_id) FROM block_request") ?? 0
    guard last == lastRequestID || lastRequestID == 0 else {
      throw StoreError(.unexpected, "requests were numbered to \(lastRequestID), stored to \(last)")
    }
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
    if sched.hasThreads { try SchedDuplicates(db, sourceID: sourceID).mark() }
    for header in summary.headers {
      try db.execute(
        sql: "INSERT INTO source_header (source_id, name, value) VALUES (?, ?, ?)",
        arguments: [sourceID, header.name, header.value])
    }
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
      try db.execute(
        sql: "INSERT INTO kvm_vcpu VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
        arguments: [
          sourceID, vcpu.tid, vcpu.vcpu < 0 ? nil : vcpu.vcpu, vcpu.first, vcpu.last, vcpu.guest,
          vcpu.entries,
        ])
      let number = db.lastInsertedRowID
      for (reason, sums) in vcpu.reasons.sorted(by: { $0.key < $1.key }) {
        try db.execute(
          sql: "INSERT INTO kvm_exit_sum VALUES (?, ?, ?, ?, ?, ?, ?)",
          arguments: [
            number, reason, KVMExits.isHalt(reason), sums.count, sums.sum, sums.least,
            sums.greatest,
          ])
      }
    }
    if !streams.isEmpty { try BlockDuplicates(db, sourceID: sourceID).mark() }
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

extension BlockRequest {
  /// The earliest stamp that was seen; 0 for a request without any, which no event makes.
  var earliest: Int64 {
    var earliest = Int64.max
    func consider(_ stamp: Stamp) {
      if stamp.isSeen, stamp.rawValue < earliest { earliest = stamp.rawValue }
    }
    consider(queued)
    consider(got)
    consider(inserted)
    consider(firstIssued)
    consider(issued)
    consider(completed)
    consider(finished)
    consider(flushIssued)
    consider(flushCompleted)
    return earliest == .max ? 0 : earliest
  }
}
