internal import GRDB

extension IncidentFile {
  /// The guests that the incident is about, by name: those whose files are in it, and those that files of a
  /// host name.
  public func guestNames() throws -> [String] {
    try translating {
      try queue.read { db in
        try String.fetchAll(
          db,
          sql: """
            SELECT name FROM machine WHERE layer = 'guest'
            UNION SELECT guest FROM finding WHERE guest IS NOT NULL
              AND guest NOT IN (SELECT owner FROM counter_object WHERE owner IS NOT NULL)
            UNION SELECT guest FROM guest_phase WHERE guest IS NOT NULL
            UNION SELECT DISTINCT guest FROM thread_owner WHERE guest IS NOT NULL
            UNION SELECT DISTINCT guest FROM net_path WHERE guest IS NOT NULL
            UNION SELECT DISTINCT guest FROM numa_placement WHERE guest IS NOT NULL
            ORDER BY 1
            """)
      }
    }
  }

  /// The disks of guests (nil: all of them), `major,minor`, as their block traces have them.
  public func guestDisks(of guest: String?) throws -> [String] {
    try translating {
      try queue.read { db in
        try String.fetchAll(
          db,
          sql: """
            SELECT DISTINCT block_stream.device
            FROM block_stream JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            WHERE machine.layer = 'guest' AND (?1 IS NULL OR machine.name = ?1)
            ORDER BY 1
            """, arguments: [guest])
      }
    }
  }

  /// Whether a statement reads what ``needsCorrelation()`` says has still to be found. Throws ``StoreError``
  /// for a statement that does anything but read.
  public func needsCorrelation(for sql: String) throws -> Bool {
    guard try needsCorrelation() else { return false }
    let tables = try tablesRead(by: sql)
    return !tables.isDisjoint(with: Schema.derivedTables)
  }
}
