internal import GRDB
public import TraceModel

/// What the slices of a thread in a part of a trace add up to.
public struct ThreadSums: Sendable {
  /// How long it ran, ns.
  public var run: Int64 = 0
  /// How long it waited, ns.
  public var wait: Int64 = 0
  /// Times that it ran.
  public var runs: Int64 = 0
  /// Times that it waited.
  public var waits: Int64 = 0

  /// Nothing yet.
  public init() {}

  /// Takes a slice, or a part of one.
  public mutating func add(_ slice: ThreadSlice) {
    if slice.run != .min, slice.run > 0 {
      run.add(saturating: slice.run)
      runs += 1
    }
    if slice.wait != .min, slice.wait > 0 {
      wait.add(saturating: slice.wait)
      waits += 1
    }
  }
}

extension IncidentFile {
  /// Tables of sums over the capture, which views add up no further, and those whose rows a selection changes.
  private static let (emptied, copied) = (
    ["culprit_sum", "device_neighbour", "net_point", "steal_sum"], ["sched_thread", "source_file"]
  )

  /// Runs a body while the views of this connection show the sums of a selection, that `fill` adds. They stand in tables of
  /// the connection, which come before those of the file: the file is not written, and need not be writable.
  public func withSums<Value>(
    _ fill: (SelectionWriter) throws -> Void, _ body: () throws -> Value
  ) throws -> Value {
    try withTables(
      emptied: Self.emptied, copied: Self.copied, { try fill(SelectionWriter($0)) }, body)
  }

  /// The same of what correlation found otherwise, which takes the place of these tables.
  public func withFound<Value>(
    _ tables: Set<String>, _ fill: (CorrelationWriter) throws -> Void, _ body: () throws -> Value
  ) throws -> Value {
    try withTables(
      emptied: tables.sorted(), copied: [], { try fill(CorrelationWriter($0)) }, body)
  }

  private func withTables<Value>(
    emptied: [String], copied: [String], _ fill: (Database) throws -> Void,
    _ body: () throws -> Value
  ) throws -> Value {
    let tables = emptied + copied
    func drop() throws {
      try queue.unsafeReentrantWrite { db in
        for table in tables { try db.execute(sql: "DROP TABLE IF EXISTS temp.\(table)") }
      }
    }
    return try translating {
      defer { try? drop() }
      try queue.unsafeReentrantWrite { db in
        for table in tables {
          try db.execute(
            sql: "CREATE TEMP TABLE \(table) AS SELECT * FROM main.\(table)"
              + (emptied.contains(table) ? " WHERE 0" : ""))
        }
        try fill(db)
      }
      return try body()
    }
  }

  /// Whose the threads of scheduler traces are, by the threads' numbers.
  public func threadOwners() throws -> [(
    thread: Int64, role: ThreadRole, guest: String?, vcpu: Int64?, process: Int64?
  )] {
    try fetch("SELECT thread_id, role, guest, vcpu, process FROM thread_owner") { row in
      try (row[0], row.word("role"), row[2], row[3], row[4])
    }
  }
}

/// Writes the sums of a selection.
public struct SelectionWriter {
  private let db: Database
  /// For what correlation finds, too.
  public let found: CorrelationWriter

  fileprivate init(_ db: Database) throws {
    self.db = db
    found = try CorrelationWriter(db)
  }

  /// Puts the sums of a trace's threads in the place of those of the whole trace, and the part's first and last moment, own
  /// ns, in that of its span. Threads that are not among the sums did nothing.
  public func replace(source: Int64, span: Range<Int64>, _ sums: [Int64: ThreadSums]) throws {
    try db.execute(
      sql: "UPDATE temp.source_file SET first_ns = ?, last_ns = ? WHERE source_id = ?",
      arguments: [span.lowerBound, span.upperBound, source])
    try db.execute(
      sql: """
        UPDATE temp.sched_thread SET run_ns = 0, wait_ns = 0, runs = 0, waits = 0, migrations = 0, p99_wait_ns = NULL,
          max_wait_ns = NULL, kernel_wait_ns = NULL WHERE source_id = ?
        """, arguments: [source])
    try db.execute(
      sql: "CREATE INDEX IF NOT EXISTS temp.selected_thread ON sched_thread (thread_id)")
    for (thread, sum) in sums {
      try db.execute(
        sql: """
          UPDATE temp.sched_thread SET run_ns = ?, wait_ns = ?, runs = ?, waits = ? WHERE thread_id = ?
          """, arguments: [sum.run, sum.wait, sum.runs, sum.waits, thread])
    }
  }

  /// Takes out the threads of a trace that has no part in the selection.
  public func remove(source: Int64) throws {
    try db.execute(sql: "DELETE FROM temp.sched_thread WHERE source_id = ?", arguments: [source])
  }
}
