internal import GRDB
public import TraceModel

/// A file that was refused as a whole.
public struct RefusedSource: Sendable {
  /// Its path as the user gave it.
  public let path: String
  /// Of its bytes, in hexadecimal.
  public let sha256: String
  /// Its size.
  public let bytes: Int64
  /// The format it was taken for.
  public let format: String
  /// Lines that were counted; 0 where none were.
  public let lines: Int64
  /// Those of them that could not be used.
  public let skippedLines: Int64
  /// Why.
  public let problem: Problem

  /// A refused file.
  public init(
    path: String, sha256: String, bytes: Int64, format: String, lines: Int64, skippedLines: Int64,
    problem: Problem
  ) {
    self.path = path
    self.sha256 = sha256
    self.bytes = bytes
    self.format = format
    self.lines = lines
    self.skippedLines = skippedLines
    self.problem = problem
  }
}

extension IncidentFile {
  /// What became of a file.
  public enum SourceOutcome: Sendable {
    /// It is in.
    case added(SourceSummary)
    /// The same bytes of the same machine were in already; nothing changed.
    case alreadyThere
  }

  /// Adds a source: all of it or, when `read` throws, nothing. The closure gets the sink for the rows and
  /// returns what the source held. With `keepsEvents` the events themselves are kept besides the rows.
  public func addSource(
    _ machine: Machine, path: String, keepsEvents: Bool = false,
    read: (any EventSink) throws -> SourceSummary
  ) throws -> SourceOutcome {
    var outcome = SourceOutcome.alreadyThere
    // Rows are appended: pages that are written once need no room to be read again from, and what is held
    // does not follow the length of the trace.
    try setCache(kilobytes: Self.ingestCache)
    defer { try? setCache(kilobytes: Self.cache) }
    try writing { db in
      try db.letEsxRowsGo()
      let machineID = try Self.machineID(db, machine)
      try db.execute(
        sql: """
          INSERT INTO source_file (machine_id, path, sha256, bytes, format, tool_clock, lines,
            events, skipped_lines, lost_events)
          VALUES (?, ?, '', 0, '', '', 0, 0, 0, 0)
          """,
        arguments: [machineID, path])
      let sourceID = db.lastInsertedRowID
      let writer = try SourceWriter(
        db, sourceID: sourceID, activity: activity, keepsEvents: keepsEvents)
      var summary = try read(writer)
      try activity.check()
      // What was refused before may be wanted now, with other options.
      try Self.forgetRefused(db, machineID, sha256: summary.sha256)
      let known = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM source_file WHERE machine_id = ? AND sha256 = ?",
        arguments: [machineID, summary.sha256])
      guard known == 0 else { return .rollback }
      if let copy = try Self.copyOfAnother(db, summary, machineID) { summary.problems.append(copy) }
      try writer.finish(summary)
      try db.execute(sql: "DELETE FROM incident_state WHERE key = 'correlated'")
      outcome = .added(summary)
      return .commit
    }
    return outcome
  }

  /// Two machines may well print the same table, and never write the same trace or log.
  private static func copyOfAnother(
    _ db: Database, _ summary: SourceSummary, _ machineID: Int64
  ) throws -> Problem? {
    guard summary.first.isSeen, summary.first.rawValue < summary.last.rawValue else { return nil }
    let other = try Row.fetchOne(
      db,
      sql: """
        SELECT layer, name, path FROM source_file JOIN machine USING (machine_id)
        WHERE sha256 = ? AND machine_id <> ? AND NOT refused
        """,
      arguments: [summary.sha256, machineID])
    return try other.map {
      let (layer, name, path): (String, String, String) = try ($0[0], $0[1], $0[2])
      return Problem(
        kind: .copyOfAnother, line: nil, column: nil, count: 1,
        excerpt: "\(layer) \(name): \(path)")
    }
  }

  private static let ingestCache = 4096

  private func setCache(kilobytes: Int) throws {
    try translating {
      try queue.inDatabase { db in try db.execute(sql: "PRAGMA cache_size = -\(kilobytes)") }
    }
  }

  /// What became of a file that was refused.
  public enum RefusalOutcome: Sendable {
    /// The incident file says so now.
    case noted
    /// It said so already.
    case known
    /// The same bytes are in: they were taken with other options.
    case isIn
  }

  /// Keeps the refusal of a file: a source without events, and why. Only one row for the same bytes.
  public func addRefusedSource(_ machine: Machine, _ source: RefusedSource) throws -> RefusalOutcome
  {
    var outcome = RefusalOutcome.noted
    try writing { db in
      let machineID = try Self.machineID(db, machine)
      let refused = try Bool.fetchOne(
        db, sql: "SELECT refused FROM source_file WHERE machine_id = ? AND sha256 = ?",
        arguments: [machineID, source.sha256])
      if let refused {
        outcome = refused ? .known : .isIn
        return .rollback
      }
      try db.execute(
        sql: """
          INSERT INTO source_file (machine_id, path, sha256, bytes, format, tool_clock, lines,
            events, skipped_lines, lost_events, refused)
          VALUES (?, ?, ?, ?, ?, 'none', ?, 0, ?, 0, 1)
          """,
        arguments: [
          machineID, source.path, source.sha256, source.bytes, source.format, source.lines,
          source.skippedLines,
        ])
      try db.insert(source.problem, sourceID: db.lastInsertedRowID)
      return .commit
    }
    return outcome
  }

  private static func forgetRefused(_ db: Database, _ machineID: Int64, sha256: String) throws {
    let refused =
      "SELECT source_id FROM source_file WHERE refused AND machine_id = ? AND sha256 = ?"
    for table in ["source_problem", "source_file"] {
      try db.execute(
        sql: "DELETE FROM \(table) WHERE source_id IN (\(refused))", arguments: [machineID, sha256])
    }
  }

  /// How many sources there are.
  public func sourceCount() throws -> Int {
    try translating {
      try queue.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM source_file") ?? 0 }
    }
  }

  private static func machineID(_ db: Database, _ machine: Machine) throws -> Int64 {
    if let row = try Row.fetchOne(
      db, sql: "SELECT machine_id, layer FROM machine WHERE name = ?", arguments: [machine.name])
    {
      let layer: String = try row[1]
      guard layer == machine.layer.rawValue else {
        throw StoreError(
          .statement,
          "'\(machine.name)' is already the name of a \(layer); give the \(machine.layer.rawValue) "
            + "another name")
      }
      return try row[0]
    }
    try db.execute(
      sql: "INSERT INTO machine (name, layer) VALUES (?, ?)",
      arguments: [machine.name, machine.layer.rawValue])
    return db.lastInsertedRowID
  }
}

extension IncidentFile {
  /// No source ends before it begins, long before all time or behind the year 2100: all that is reckoned with their
  /// times counts on it. Throws ``StoreError`` where one does. Traces end in 2043, but a log may have any date before
  /// 2100, as its machine's clock was set.
  public func requirePossibleTimes() throws {
    try translating {
      try queue.read { db in
        let path = try String.fetchOne(
          db,
          sql: """
            SELECT path FROM source_file
            WHERE first_ns < ?1 OR last_ns NOT BETWEEN ?1 AND ?2 OR last_ns < first_ns
            """, arguments: [Stamp.range.lowerBound, Int64(1) << 62])
        if path != nil {
          throw StoreError(.damaged, "has a damaged row among its sources; ingest the traces again")
        }
      }
    }
  }
}
