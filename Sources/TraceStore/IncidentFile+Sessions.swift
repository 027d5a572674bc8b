internal import GRDB
public import TraceModel

/// A recording with what it says of its session.
public struct TraceSessionRow: Sendable {
  /// The source.
  public let source: Int64
  /// The machine that was recorded.
  public let machine: Machine
  /// What its times mean.
  public let toolClock: String
  /// The file.
  public let path: String
  /// What it says.
  public let session: TraceSession
}

extension Database {
  /// Keeps what a recording says of its session. A number of 64 bits is text, for an integer of SQLite has a sign.
  func insert(_ session: TraceSession, sourceID: Int64) throws {
    func text(_ id: UInt64) -> String { String(id, radix: 16) }
    try insert(
      into: "trace_session",
      [
        "source_id": sourceID, "trace_id": session.id.map(text),
        "peer_trace_id": session.peer.map(text), "protocol": session.shift?.rawValue,
        "tsc_multiplier": session.cycles.map { Int64($0.multiplier) },
        "tsc_shift": session.cycles.map { Int64($0.shift) },
        "tsc_zero_ns": session.cycles?.zero, "added_ns": session.added,
      ])
    for guest in session.guests {
      try insert(
        into: "session_guest",
        ["source_id": sourceID, "guest": guest.name, "trace_id": text(guest.id)])
    }
    for moment in session.measured {
      try insert(
        into: "session_moment",
        ["source_id": sourceID, "own_ns": moment.own, "host_ns": moment.host])
    }
  }
}

extension IncidentFile {
  /// The recordings that say something of their sessions.
  public func traceSessions() throws -> [TraceSessionRow] {
    let moments = Dictionary(
      grouping: try fetch(
        "SELECT source_id, own_ns, host_ns FROM session_moment ORDER BY source_id, own_ns"
      ) { row -> (source: Int64, moment: TraceSession.Moment) in
        (try row[0], TraceSession.Moment(own: try row[1], host: try row[2]))
      }, by: \.source)
    return try fetch(
      """
      SELECT source_id, machine.name, machine.layer, tool_clock, path, trace_id, peer_trace_id, protocol,
        tsc_multiplier, tsc_shift, tsc_zero_ns, added_ns
      FROM trace_session JOIN source_file USING (source_id) JOIN machine USING (machine_id)
      WHERE refused = 0 ORDER BY source_id
      """
    ) { row -> TraceSessionRow? in
      guard let layer = Layer(rawValue: try row[2]) else { return nil }
      func number(_ text: String?) -> UInt64? { text.flatMap { UInt64($0, radix: 16) } }
      var session = TraceSession()
      session.id = number(try row[5])
      session.peer = number(try row[6])
      session.shift = (try row[7] as String?).flatMap(TraceSession.ShiftProtocol.init)
      if let multiplier = try row[8] as Int64?, let shift = try row[9] as Int64?,
        let zero = try row[10] as Int64?
      {
        session.cycles = CycleClock(
          multiplier: UInt64(clamping: multiplier), shift: UInt64(clamping: shift), zero: zero)
      }
      session.added = try row[11]
      let source: Int64 = try row[0]
      session.measured = (moments[source] ?? []).map(\.moment)
      return TraceSessionRow(
        source: source, machine: Machine(name: try row[1], layer: layer), toolClock: try row[3],
        path: try row[4], session: session)
    }.compactMap(\.self)
  }
}
