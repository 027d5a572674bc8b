internal import GRDB
internal import TraceModel

/// Writes threads, their slices, and perf's own report of one source.
final class SchedRows {
  private let db: Database
  private let sourceID: Int64
  private var slices: SliceChunkWriter
  private var lastThreadID: Int64
  private var quantiles: WaitQuantiles
  /// Whether the source had any thread.
  private(set) var hasThreads = false

  init(
    _ db: Database, sourceID: Int64, threadsAtOnce: Int = WaitQuantiles.mostAtOnce
  ) throws {
    self.db = db
    self.sourceID = sourceID
    slices = try SliceChunkWriter(db, sourceID: sourceID)
    lastThreadID = try Int64.fetchOne(db, sql: "SELECT max(thread_id) FROM sched_thread") ?? 0
    quantiles = WaitQuantiles(firstThread: lastThreadID + 1, mostAtOnce: threadsAtOnce)
  }

  func nextThreadID() -> Int64 {
    lastThreadID += 1
    return lastThreadID
  }

  func insert(_ batch: SchedBatch) throws {
    try slices.add(batch.slices)
    quantiles.count(batch.slices)
    for thread in batch.threads { try insert(thread) }
    for row in batch.latencies { try insert(row) }
  }

  private func insert(_ thread: TracedThread) throws {
    hasThreads = true
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO sched_thread (thread_id, source_id, segment, tid, pid, comm, run_ns, runs,
          wait_ns, waits, max_wait_ns, p99_wait_ns, kernel_wait_ns, migrations)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      thread.id, sourceID, thread.segment, thread.tid, thread.pid == 0 ? nil : thread.pid,
      thread.name.text, thread.run, thread.runs, thread.wait, thread.waits,
      thread.waits == 0 ? nil : thread.longestWait, quantiles.percentile(of: thread),
      thread.kernelWait == .min ? nil : thread.kernelWait, thread.migrations,
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
    try quantiles.write(db, sourceID: sourceID)
  }
}
