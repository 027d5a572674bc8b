internal import GRDB
public import TraceModel

/// A guest's disk in one block trace.
public struct DiskTrace: Sendable {
  /// The guest.
  public let guest: String
  /// Its disk, major,minor.
  public let device: String
  /// When its first I/O began, ns on the guest's trace clock.
  public let first: Int64
  /// When its last I/O began, ns on the guest's trace clock.
  public let last: Int64
  fileprivate let stream: Int64
  /// Whether its I/Os were joined with their host's: those count that were matched for certain.
  public fileprivate(set) var isJoined: Bool

  /// Lets all of its I/Os count, as they do where there is no host: for a side that has none beside it.
  public mutating func countAll() { isJoined = false }
}

/// One I/O of a guest's disk, as a comparison of before and after reads it.
public struct DiskIO: Sendable {
  /// Q, or C where Q was not seen, on the guest's trace clock.
  public let moment: Int64
  /// What it is for; nil for an operation of a newer hiddenq.
  public let operation: BlockOperation?
  /// Its length in sectors.
  public let sectors: Int64
  /// Whether its way is certain and whole, so that it counts in the hops.
  public let isWhole: Bool
  /// The bound of the clock that it crossed.
  public let clockError: Int64
  /// Its hops, ns.
  public let times: HopTimes
}

extension IncidentFile {
  /// The guests' disks that have I/Os, trace by trace; with a window of the timeline, ns, those whose Q lies in it.
  public func diskTraces(in window: Range<Int64>? = nil) throws -> [DiskTrace] {
    try translating {
      try queue.read { db in
        // Not grouped by SQL, which would sort all of them first.
        var spans: [Int64: ClosedRange<Int64>] = [:]
        let moments = try RawStatement(
          db,
          """
          SELECT block_kind.stream_id, coalesce(guest_io.queued_at_ns, guest_io.completed_at_ns)
          FROM guest_io JOIN block_request USING (request_id) JOIN block_kind USING (kind_id)
          WHERE \(Self.condition(window))
          """)
        while try moments.step() {
          let (stream, moment) = (moments.integer(0), moments.integer(1))
          guard moment != .min else { continue }
          guard NumberRange.duration.contains(moment) else { throw Self.damagedIO }
          if let span = spans[stream], span.contains(moment) { continue }
          let span = spans[stream] ?? moment...moment
          spans[stream] = min(span.lowerBound, moment)...max(span.upperBound, moment)
        }
        return try Row.fetchAll(
          db,
          sql: """
            SELECT join_summary.guest_stream_id AS stream, machine.name AS guest,
              block_stream.device AS device, join_summary.verdict AS verdict
            FROM join_summary
            JOIN block_stream ON block_stream.stream_id = join_summary.guest_stream_id
            JOIN source_file USING (source_id)
            JOIN machine USING (machine_id)
            ORDER BY guest, device, stream
            """
        ).compactMap { row in
          guard let span = spans[try row["stream"]] else { return nil }
          return try DiskTrace(
            guest: row["guest"], device: row["device"], first: span.lowerBound,
            last: span.upperBound, stream: row["stream"],
            isJoined: row.word("verdict") == JoinVerdict.joined)
        }
      }
    }
  }

  /// On `guest_io`: as ``IOFilter`` selects by time.
  private static func condition(_ window: Range<Int64>?) -> String {
    guard let window else { return "1" }
    let queued = "coalesce(guest_io.reference_ns, guest_io.queued_at_ns)"
    return "\(queued) >= \(window.lowerBound) AND \(queued) < \(window.upperBound)"
  }

  private static var damagedIO: StoreError {
    StoreError(.damaged, "has a damaged row among its I/Os; 'hiddenq check' names the rows")
  }

  /// Hands out the I/Os of some of these traces, or those whose Q lies in a window of the timeline, each with the place of
  /// its trace among them. None is kept: what that takes does not grow with their number.
  public func forEachIO(
    of traces: [DiskTrace], in window: Range<Int64>? = nil, _ body: (Int, DiskIO) throws -> Void
  ) throws {
    try translating {
      try queue.read { db in
        let places = Dictionary(
          uniqueKeysWithValues: traces.enumerated().map { ($1.stream, $0) })
        let hops = Hop.measured.map { "guest_io.\($0.column)" }.joined(separator: ", ")
        let ios = try RawStatement(
          db,
          """
          SELECT block_kind.stream_id, coalesce(guest_io.queued_at_ns, guest_io.completed_at_ns),
            guest_io.op, guest_io.sectors, guest_io.match_grade, guest_io.clock_error_ns,
            \(hops)
          FROM guest_io JOIN block_request USING (request_id) JOIN block_kind USING (kind_id)
          WHERE \(Self.condition(window))
          """)
        while try ios.step() {
          guard let place = places[ios.integer(0)], ios.integer(1) != .min else { continue }
          let io = DiskIO(ios, isJoined: traces[place].isJoined)
          guard io.isPossible else { throw Self.damagedIO }
          try body(place, io)
        }
      }
    }
  }
}

extension DiskIO {
  /// Whether its numbers can be.
  fileprivate var isPossible: Bool {
    func isDuration(_ time: Int64) -> Bool {
      time == .min || NumberRange.duration.contains(time)
    }
    return operation != nil && NumberRange.duration.contains(moment)
      && NumberRange.sector.contains(sectors)
      && isDuration(clockError)
      && times.isTrueOfEach { isDuration($0.rawValue) }
  }

  /// The statement's current row.
  fileprivate init(_ row: RawStatement, isJoined: Bool) {
    moment = row.integer(1)
    operation = BlockOperation(rawValue: Int(truncatingIfNeeded: row.integer(2)))
    sectors = row.integer(3)
    times = HopTimes { index in Stamp(row.integer(Int32(6 + index))) }
    let isCertain = MatchGrade(rawValue: Int(truncatingIfNeeded: row.integer(4)))?.isCertain == true
    isWhole = times[.block].isSeen && (!isJoined || isCertain)
    clockError = row.integer(5)
  }
}
