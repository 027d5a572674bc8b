internal import GRDB
public import TraceModel

extension IncidentFile {
  /// What became of a file.
  public enum SourceOutcome: Sendable {
    /// It is in.
    case added(SourceSummary)
    /// The same bytes of the same machine were in already; nothing changed.
    case alreadyThere
  }

  /// Adds a source: all of it or, when `read` throws, nothing. The closure gets the sink for the rows and
  /// returns what the source held.
  public func addSource(
    _ machine: Machine, path: String, read: (any EventSink) throws -> SourceSummary
  ) throws -> SourceOutcome {
    try translating {
      var outcome = SourceOutcome.alreadyThere
      try queue.inDatabase { db in
        try db.inTransaction(.immediate) {
          let machineID = try Self.machineID(db, machine)
          try db.execute(
            sql: """
              INSERT INTO source_file (machine_id, path, sha256, bytes, format, tool_clock, lines,
                events, skipped_lines, lost_events)
              VALUES (?, ?, '', 0, '', '', 0, 0, 0, 0)
              """,
            arguments: [machineID, path])
          let writer = try SourceWriter(db, sourceID: db.lastInsertedRowID)
          let summary = try read(writer)
          let known = try Int.fetchOne(
            db, sql: "SELECT count(*) FROM source_file WHERE machine_id = ? AND sha256 = ?",
            arguments: [machineID, summary.sha256])
          guard known == 0 else { return .rollback }
          try writer.finish(summary)
          try db.execute(sql: "DELETE FROM incident_state WHERE key = 'correlated'")
          outcome = .added(summary)
          return .commit
        }
      }
      return outcome
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
      let layer: String = row[1]
      guard layer == machine.layer.rawValue else {
        throw StoreError(
          .statement,
          "'\(machine.name)' is already the name of a \(layer); give the \(machine.layer.rawValue) "
            + "another name")
      }
      return row[0]
    }
    try db.execute(
      sql: "INSERT INTO machine (name, layer) VALUES (?, ?)",
      arguments: [machine.name, machine.layer.rawValue])
    return db.lastInsertedRowID
  }
}
