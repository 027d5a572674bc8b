internal import GRDB
internal import TraceModel

/// Writes threads, their slices, and perf's own report of one source.
final class SchedRows {
  private let db: Database
  private let sourceID: Int64
  private let slices: BulkInsert
  private let firstThreadID: Int64
  private let firstSliceID: Int64
  private var lastThreadID: Int64
  private var hasWaits = false

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    slices = try BulkInsert(
      db, into: "thread_slice",
      columns: [
        "thread_id", "cpu", "at_ns", "wait_ns", "wait_cpu", "cause", "run_ns", "departure", "line",
      ])
    lastThreadID = try Int64.fetchOne(db, sql: "SELECT max(thread_id) FROM sched_thread") ?? 0
    firstThreadID = lastThreadID + 1
    firstSliceID = try Int64.fetchOne(db, sql: "SELECT max(slice_id) FROM thread_slice") ?? 0
  }

  func nextThreadID() -> Int64 {
    lastThreadID += 1
    return lastThreadID
  }

  func insert(_ batch: SchedBatch) throws {
    for slice in batch.slices {
      slices.add(slice.thread)
      slices.add(Int64(slice.cpu))
      slices.add(slice.began)
      slices.add(slice.wait)
      // The usual case, the same CPU, costs no byte.
      slices.add(slice.waitCPU < 0 || slice.waitCPU == slice.cpu ? .min : Int64(slice.waitCPU))
      slices.add(Int64(slice.cause.rawValue))
      slices.add(slice.run)
      slices.add(Int64(slice.left.rawValue))
      slices.add(slice.line)
      try slices.endRow()
    }
    for thread in batch.threads { try insert(thread) }
    for row in batch.latencies { try insert(row) }
  }

  private func insert(_ thread: TracedThread) throws {
    if thread.waits > 0 { hasWaits = true }
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO sched_thread (thread_id, source_id, segment, tid, pid, comm, run_ns, runs,
          wait_ns, waits, max_wait_ns, migrations)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      thread.id, sourceID, thread.segment, thread.tid, thread.pid == 0 ? nil : thread.pid,
      thread.name.text, thread.run, thread.runs, thread.wait, thread.waits,
      thread.waits == 0 ? nil : thread.longestWait, thread.migrations,
    ])
  }

  private func insert(_ row: SchedLatencyRow) throws {
    try db.execute(
      sql: """
        INSERT INTO sched_latency_row (source_id, comm, tid, threads, run_ns, switches,
          mean_delay_ns, max_delay_ns, max_from_ns, max_to_ns, line)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        sourceID, row.name, row.tid, row.threads, row.run, row.switches, row.meanDelay,
        row.longestDelay, row.longestFrom, row.longestTo, row.line,
      ])
  }

  /// Writes what is left and the quantiles of the waits.
  func finish() throws {
    try slices.finish()
    guard hasWaits else { return }
    try db.execute(
      sql: """
        UPDATE sched_thread SET p99_wait_ns = ranked.wait_ns
        FROM (
          SELECT thread_id, wait_ns,
            row_number() OVER (PARTITION BY thread_id ORDER BY wait_ns) AS place
          FROM thread_slice
          WHERE slice_id > ? AND wait_ns IS NOT NULL
        ) AS ranked
        WHERE sched_thread.thread_id >= ? AND ranked.thread_id = sched_thread.thread_id
          AND ranked.place = (99 * sched_thread.waits + 99) / 100
        """,
      arguments: [firstSliceID, firstThreadID])
  }
}
