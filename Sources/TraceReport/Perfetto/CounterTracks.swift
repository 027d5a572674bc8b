internal import TraceStore

/// Counters: what queues held, and what was stolen from guests.
enum CounterTracks {
  static func write(_ file: IncidentFile, to events: TrackEvents) throws {
    try write(
      file, to: events, unit: "requests",
      """
      SELECT machine || ' ' || device || ', depth of ' || hop AS name, at_ns, mean_depth AS value
      FROM queue_depth ORDER BY name, at_ns
      """)
    try write(
      file, to: events, unit: "%",
      """
      SELECT name, at_ns, value FROM (
        SELECT guest || ', steal as the guest reports it' AS name, at_ns,
          guest_reported_pct AS value
        FROM steal
        UNION ALL
        SELECT guest || ', steal as the host measured it', at_ns, host_measured_pct FROM steal)
      WHERE at_ns IS NOT NULL AND value IS NOT NULL
      ORDER BY name, at_ns
      """)
  }

  /// Rows of name, time and value, by name and time. The viewer keeps a value until the next.
  private static func write(
    _ file: IncidentFile, to events: TrackEvents, unit: String, _ sql: String
  ) throws {
    var last: (name: String, track: TrackEvents.Track)?
    try file.query(
      sql, isChecked: true, columns: { _ in },
      row: { row in
        guard row.count > 2, case .text(let name) = row[0], case .integer(let at) = row[1] else {
          return
        }
        let value: Double
        switch row[2] {
        case .integer(let whole): value = Double(whole)
        case .real(let real): value = real
        case .null, .text, .blob: return
        }
        if last?.name != name { last = (name, try events.track(name, unit: unit)) }
        if let last { try events.value(value, on: last.track, at: at) }
      })
  }
}
