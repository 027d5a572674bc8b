internal import GRDB
public import TraceModel

/// A device's stretch of a block trace, without its requests.
public struct BlockStream: Sendable {
  /// Its number.
  public let stream: Int32
  /// The trace.
  public let source: Int64
  /// The machine.
  public let machine: Machine
  /// major,minor.
  public let device: String
  /// The stretch of the trace.
  public let segment: Int
  /// All its requests.
  public let requests: Int
  /// Those that were seen at the driver and back.
  public let issuedRequests: Int
  /// The first event of the trace, ns.
  public let first: Int64
  /// The last event of the trace, ns.
  public let last: Int64
  /// Distances of partitions and mapped devices on it, most often named first.
  public let remapDeltas: [Int64]
  /// When events of its trace were lost, ns.
  public let losses: [ClosedRange<Int64>]
}

extension IncidentFile {
  /// The devices of all block traces that are used.
  public func blockStreams() throws -> [BlockStream] {
    try translating {
      try queue.read { db in
        let rows = try Row.fetchAll(
          db,
          sql: """
            SELECT block_stream.stream_id, source_id, name, layer, device, segment, first_ns, last_ns
            FROM block_stream JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            WHERE duplicate_of IS NULL
            ORDER BY block_stream.stream_id
            """)
        let counts = try requestCounts(db)
        return try rows.map { row in
          let stream: Int32 = try row[0]
          let count = counts[stream] ?? (0, 0)
          let remaps = try Int64.fetchAll(
            db, sql: "SELECT delta FROM block_remap WHERE stream_id = ? ORDER BY count DESC, delta",
            arguments: [stream]
          )
          guard remaps.allSatisfy(NumberRange.distance.contains) else {
            throw StoreError.damagedRemap
          }
          let losses = try Row.fetchAll(
            db,
            sql: """
              SELECT from_ns, to_ns FROM block_loss WHERE stream_id IN
                (SELECT stream_id FROM block_stream WHERE source_id = ?)
              """,
            arguments: [try row[1] as Int64])
          return try BlockStream(
            stream: stream, source: row[1],
            machine: Machine(name: row[2], layer: row.word(3)),
            device: row[4], segment: row[5], requests: count.all, issuedRequests: count.issued,
            first: row[6] ?? 0, last: row[7] ?? 0, remapDeltas: remaps,
            losses: losses.map { loss in
              let (from, to): (Int64, Int64) = try (loss[0], loss[1])
              return from...max(from, to)
            })
        }
      }
    }
  }

  /// How many requests each stretch has, and how many of them were seen at the driver and back. Counted here: SQLite
  /// would sort them.
  private func requestCounts(_ db: Database) throws -> [Int32: (all: Int, issued: Int)] {
    let statement = try RawStatement(
      db, "SELECT kind_id, issued IS NOT NULL AND completed IS NOT NULL FROM block_request")
    var ofKind: [Int64: (all: Int, issued: Int)] = [:]
    // Mostly as the one before.
    var (last, count) = (Int64.min, (all: 0, issued: 0))
    while try statement.step() {
      let kind = statement.integer(0)
      if kind != last {
        ofKind[last] = count
        (last, count) = (kind, ofKind[kind] ?? (0, 0))
      }
      count.all += 1
      count.issued += Int(statement.integer(1))
    }
    ofKind[last] = count
    var counts: [Int32: (all: Int, issued: Int)] = [:]
    for (number, kind) in try requestKinds(db) {
      guard let own = ofKind[number] else { continue }
      counts[kind.stream, default: (0, 0)].all += own.all
      counts[kind.stream, default: (0, 0)].issued += own.issued
    }
    return counts
  }

  /// All requests of each of these stretches, in the order in which they ended; without their `G`, `I` and lines.
  ///
  /// One pass over the table for all of them: it has no index by stretch, which would cost each ingest. With a condition
  /// only those for whose stretch and begin (Q, else D, on the trace's own clock) it holds.
  public func requests(
    of streams: [BlockStream], where isMeant: ((_ stream: Int32, _ begin: Int64) -> Bool)? = nil
  ) throws -> [Int32: BlockRequests] {
    try translating {
      try queue.read { db in
        let kinds = try requestKinds(db)
        var detours = try DetourReader(db)
        let statement = try RawStatement(
          db,
          """
          SELECT request_id, kind_id, sector, sectors, at_ns, issued, completed, cpus
          FROM block_request ORDER BY request_id
          """)
        let places = Dictionary(
          streams.enumerated().map { ($1.stream, $0) }, uniquingKeysWith: { first, _ in first })
        var found = streams.map { _ in BlockRequests() }
        for (place, stream) in streams.enumerated() where isMeant == nil {
          found[place].reserveCapacity(stream.requests)
        }
        // Mostly as the one before.
        var last: (number: Int64, kind: RequestKind, place: Int?)?
        while try statement.step() {
          let number = statement.integer(1)
          if last?.number != number {
            guard let kind = kinds[number] else { throw StoreError.damagedRequest }
            last = (number, kind, places[kind.stream])
          }
          guard let kind = last?.kind, let place = last?.place else { continue }
          let at = statement.integer(4)
          if let isMeant, !isMeant(kind.stream, at) { continue }
          var request = BlockRequest()
          func stamp(_ delta: Int64) throws -> Stamp {
            if delta == .min { return .unseen }
            let (moment, overflow) = at.addingReportingOverflow(delta)
            guard !overflow, Stamp.range.contains(moment) else { throw StoreError.damagedRequest }
            return Stamp(moment)
          }
          request.id = statement.integer(0)
          request.sector = max(-1, statement.integer(2))
          request.sectors = statement.integer(3)
          request.stream = kind.stream
          request.task = kind.task
          request.rwbs = kind.rwbs
          request.traits = kind.traits
          request.error = kind.error
          if kind.isQueued { request.queued = try stamp(0) }
          request.issued = try stamp(statement.integer(5))
          request.firstIssued = request.issued
          request.completed = try stamp(statement.integer(6))
          let cpus = CPUPair(packed: statement.integer(7))
          (request.issuedCPU, request.completedCPU) = (cpus.issued, cpus.completed)
          if let detour = try detours.detour(of: request.id) {
            if detour.firstIssued != .min { request.firstIssued = try stamp(detour.firstIssued) }
            request.finished = try stamp(detour.finished)
            request.flushIssued = try stamp(detour.flushIssued)
            request.flushCompleted = try stamp(detour.flushCompleted)
          }
          guard request.sector <= BlockEvent.mostSectors,
            (0...BlockRequest.longest).contains(request.sectors)
          else { throw StoreError.damagedRequest }
          found[place].append(request)
        }
        return Dictionary(
          zip(streams.map(\.stream), found), uniquingKeysWith: { first, _ in first })
      }
    }
  }

  /// What requests of each kind have in common.
  private func requestKinds(_ db: Database) throws -> [Int64: RequestKind] {
    let statement = try RawStatement(
      db, "SELECT kind_id, stream_id, task_id, rwbs, traits, error, is_queued FROM block_kind")
    var kinds: [Int64: RequestKind] = [:]
    while try statement.step() {
      kinds[statement.integer(0)] = RequestKind(
        stream: Int32(truncatingIfNeeded: statement.integer(1)),
        task: Int32(truncatingIfNeeded: statement.integer(2)),
        rwbs: RWBS(rawValue: UInt16(truncatingIfNeeded: statement.integer(3))),
        traits: RequestTraits(rawValue: UInt16(truncatingIfNeeded: statement.integer(4))),
        error: Int32(truncatingIfNeeded: statement.integer(5)),
        isQueued: statement.integer(6) == 1)
    }
    return kinds
  }

  /// The bios that were merged into requests, by stretch, each in the order of those.
  public func mergedBios() throws -> [Int32: [MergedBio]] {
    try translating {
      try queue.read { db in
        let statement = try RawStatement(
          db,
          """
          SELECT merged_bio.request_id, merged_bio.rwbs, merged_bio.sector, merged_bio.sectors,
            merged_bio.queued_ns, merged_bio.merged, merged_bio.task_id, merged_bio.line, stream_id
          FROM merged_bio JOIN block_request USING (request_id) JOIN block_kind USING (kind_id)
          ORDER BY bio_id
          """)
        var bios: [Int32: [MergedBio]] = [:]
        while try statement.step() {
          var bio = MergedBio()
          bio.request = statement.integer(0)
          bio.rwbs = RWBS(rawValue: UInt16(truncatingIfNeeded: statement.integer(1)))
          bio.sector = statement.integer(2)
          bio.sectors = statement.integer(3)
          bio.queued = Stamp(statement.integer(4))
          if let queued = bio.queued.nanoseconds, statement.integer(5) != .min {
            bio.merged = Stamp(queued &+ statement.integer(5))
          }
          bio.task = Int32(truncatingIfNeeded: statement.integer(6))
          bio.line = statement.integer(7)
          guard !bio.queued.isSeen || Stamp.range.contains(bio.queued.rawValue),
            !bio.merged.isSeen || Stamp.range.contains(bio.merged.rawValue),
            (-1...BlockEvent.mostSectors).contains(bio.sector),
            (0...BlockRequest.longest).contains(bio.sectors)
          else { throw StoreError.damagedRequest }
          bios[Int32(truncatingIfNeeded: statement.integer(8)), default: []].append(bio)
        }
        return bios
      }
    }
  }
}

/// The rows of `block_detour`, beside those of `block_request` in the same order.
private struct DetourReader {
  private let statement: RawStatement
  private var next: Detour?

  /// ns after the request's first stamp; `Int64.min` for what was not seen.
  struct Detour {
    let request: Int64
    let firstIssued: Int64
    let finished: Int64
    let flushIssued: Int64
    let flushCompleted: Int64
  }

  init(_ db: Database) throws {
    statement = try RawStatement(
      db,
      """
      SELECT request_id, first_issued, finished, flush_issued, flush_completed
      FROM block_detour ORDER BY request_id
      """)
    try advance()
  }

  /// The detour of a request; to be asked in the order of their numbers.
  mutating func detour(of request: Int64) throws -> Detour? {
    while let found = next, found.request <= request {
      try advance()
      if found.request == request { return found }
    }
    return nil
  }

  private mutating func advance() throws {
    guard try statement.step() else {
      next = nil
      return
    }
    next = Detour(
      request: statement.integer(0), firstIssued: statement.integer(1),
      finished: statement.integer(2), flushIssued: statement.integer(3),
      flushCompleted: statement.integer(4))
  }
}

/// A row of `given_extent` that maps bytes to bytes.
public struct GivenExtentRow: Sendable {
  /// The file that said so.
  public let source: Int64
  /// The tool that printed it.
  public let tool: String
  /// First byte of the extent.
  public let start: Int64
  /// Its length.
  public let bytes: Int64
  /// First byte where it lies; nil for a hole.
  public let target: Int64?
}

extension IncidentFile {
  /// The extents that hosts' files gave.
  public func givenExtents() throws -> [GivenExtentRow] {
    try translating {
      try queue.read { db in
        try Row.fetchAll(
          db,
          sql: """
            SELECT source_id, tool, start, given_extent.bytes, target_start FROM given_extent
            JOIN source_file USING (source_id) JOIN machine USING (machine_id)
            WHERE layer = 'host' AND tool IN ('filefrag', 'qemu-img map')
            ORDER BY source_id, start
            """
        ).map {
          try GivenExtentRow(source: $0[0], tool: $0[1], start: $0[2], bytes: $0[3], target: $0[4])
        }
      }
    }
  }
}
