internal import GRDB
internal import TraceModel

/// Writes the block requests of one source.
struct BlockRows {
  private let db: Database
  private let sourceID: Int64
  private let requests: BulkInsert
  private let detours: BulkInsert
  private let bios: BulkInsert
  private var lastRequestID: Int64
  private var lastStreamID: Int32
  private var lastKindID: Int64
  private var streams: [StreamKey: Int32] = [:]
  private var kinds: [RequestKind: Int64] = [:]
  /// The kind last used with each task and set of letters: requests of few kinds alternate.
  private var recent = [(kind: RequestKind, number: Int64)](
    repeating: (RequestKind(), 0), count: 256)
  private let insertKind: RawStatement

  /// A hostile file may have a kind for each request; those that are forgotten get another number.
  private static let mostKinds = 1 << 16

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    requests = try BulkInsert(
      db, into: "block_request",
      columns: [
        "kind_id", "sector", "sectors", "at_ns", "got", "inserted", "issued", "completed", "line",
        "cpus",
      ])
    detours = try BulkInsert(
      db, into: "block_detour",
      columns: ["request_id", "first_issued", "finished", "flush_issued", "flush_completed"])
    bios = try BulkInsert(
      db, into: "merged_bio",
      columns: [
        "request_id", "rwbs", "sector", "sectors", "queued_ns", "merged", "task_id", "line",
      ])
    insertKind = try RawStatement(
      db,
      """
      INSERT INTO block_kind (kind_id, stream_id, task_id, rwbs, traits, error, is_queued)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """)
    lastRequestID =
      try Int64.fetchOne(db, sql: "SELECT max(request_id) FROM block_request") ?? 0
    lastStreamID = try Int32.fetchOne(db, sql: "SELECT max(stream_id) FROM block_stream") ?? 0
    lastKindID = try Int64.fetchOne(db, sql: "SELECT max(kind_id) FROM block_kind") ?? 0
  }

  var hasStreams: Bool { !streams.isEmpty }

  mutating func nextRequestID() -> Int64 {
    lastRequestID += 1
    return lastRequestID
  }

  mutating func stream(_ key: StreamKey) throws -> Int32 {
    if let known = streams[key] { return known }
    lastStreamID += 1
    streams[key] = lastStreamID
    try db.execute(
      sql: "INSERT INTO block_stream (stream_id, source_id, device, segment) VALUES (?, ?, ?, ?)",
      arguments: [lastStreamID, sourceID, key.device.description, key.segment])
    return lastStreamID
  }

  mutating func insert(_ batch: BlockBatch) throws {
    for request in batch.requests { try insert(request) }
    for bio in batch.bios { try insert(bio) }
  }

  private mutating func insert(_ request: BlockRequest) throws {
    let at = request.queued.nanoseconds ?? request.earliest
    func delta(_ stamp: Stamp) -> Int64 { stamp.isSeen ? stamp.rawValue - at : .min }
    // SQLite gives the same number by itself, the next one, and need not look for its place.
    try requests.addRow([
      try kind(of: request), request.sector < 0 ? .min : request.sector, request.sectors, at,
      delta(request.got), delta(request.inserted), delta(request.issued), delta(request.completed),
      request.line, CPUPair(request).packed,
    ])
    let isIssuedOnce = request.firstIssued == request.issued
    guard
      !isIssuedOnce || request.finished.isSeen || request.flushIssued.isSeen
        || request.flushCompleted.isSeen
    else { return }
    try detours.addRow([
      request.id, isIssuedOnce ? .min : delta(request.firstIssued), delta(request.finished),
      delta(request.flushIssued), delta(request.flushCompleted),
    ])
  }

  private func insert(_ bio: MergedBio) throws {
    let isMergedLater = bio.queued.isSeen && bio.merged.isSeen
    try bios.addRow([
      bio.request, Int64(bio.rwbs.rawValue), bio.sector, bio.sectors, bio.queued.rawValue,
      isMergedLater ? bio.merged.rawValue - bio.queued.rawValue : .min, Int64(bio.task), bio.line,
    ])
  }

  @inline(__always)
  private mutating func kind(of request: BlockRequest) throws -> Int64 {
    let kind = RequestKind(
      stream: request.stream, task: request.task, rwbs: request.rwbs, traits: request.traits,
      error: request.error, isQueued: request.queued.isSeen)
    let letters = Int(kind.rwbs.rawValue >> 2 ^ kind.rwbs.rawValue >> 7)
    let place = (letters &+ Int(kind.task) &* 5) & 255
    if recent[place].kind == kind { return recent[place].number }
    let number = try kinds[kind] ?? add(kind)
    recent[place] = (kind, number)
    return number
  }

  private mutating func add(_ kind: RequestKind) throws -> Int64 {
    if kinds.count >= Self.mostKinds { kinds.removeAll(keepingCapacity: true) }
    lastKindID += 1
    kinds[kind] = lastKindID
    insertKind.bind(lastKindID, at: 1)
    insertKind.bind(Int64(kind.stream), at: 2)
    insertKind.bind(Int64(kind.task), at: 3)
    insertKind.bind(Int64(kind.rwbs.rawValue), at: 4)
    insertKind.bind(Int64(kind.traits.rawValue), at: 5)
    insertKind.bind(Int64(kind.error), at: 6)
    insertKind.bind(kind.isQueued ? 1 : 0, at: 7)
    _ = try insertKind.step()
    return lastKindID
  }

  /// Writes what is left.
  func finish() throws {
    try requests.finish()
    try detours.finish()
    try bios.finish()
    let last = try Int64.fetchOne(db, sql: "SELECT max(request_id) FROM block_request") ?? 0
    guard last == lastRequestID || lastRequestID == 0 else {
      throw StoreError(.unexpected, "requests were numbered to \(lastRequestID), stored to \(last)")
    }
  }
}

/// What many requests have in common: a row of `block_kind`.
struct RequestKind: Hashable {
  var stream: Int32 = -1
  var task: Int32 = -1
  var rwbs: RWBS = []
  var traits: RequestTraits = []
  var error: Int32 = 0
  /// Their `Q` was seen.
  var isQueued = false
}

/// The CPUs of a request's `D` and `C`, -1 for one that was not seen, as `block_request.cpus` holds them.
struct CPUPair {
  let issued: Int32
  let completed: Int32

  private static let bits: Int64 = 17

  init(_ request: BlockRequest) { (issued, completed) = (request.issuedCPU, request.completedCPU) }

  /// Bits beyond those of two CPUs, in a damaged file, are none of them.
  init(packed: Int64) {
    let mask: Int64 = 1 << Self.bits - 1
    issued = Int32(truncatingIfNeeded: packed >> Self.bits & mask) - 1
    completed = Int32(truncatingIfNeeded: packed & mask) - 1
  }

  var packed: Int64 { Int64(max(-1, issued) + 1) << Self.bits | Int64(max(-1, completed) + 1) }
}

extension BlockRequest {
  /// The earliest stamp that was seen of a request without a `Q`; 0 for one without any, which no event makes.
  fileprivate var earliest: Int64 {
    var earliest = Int64.max
    func consider(_ stamp: Stamp) {
      if stamp.isSeen, stamp.rawValue < earliest { earliest = stamp.rawValue }
    }
    consider(got)
    consider(inserted)
    consider(firstIssued)
    consider(issued)
    consider(completed)
    consider(finished)
    consider(flushIssued)
    consider(flushCompleted)
    return earliest == .max ? 0 : earliest
  }
}
