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
  private var kinds: [Kind: Int64] = [:]
  /// The kind last used with each set of letters: requests of few kinds alternate.
  private var recent = [(kind: Kind, number: Int64)](
    repeating: (Kind(stream: -1, rwbs: [], traits: [], error: 0), 0), count: 64)

  /// A hostile file may have a kind for each request; those that are forgotten get another number.
  private static let mostKinds = 1 << 16

  /// What many requests have in common.
  private struct Kind: Hashable {
    let stream: Int32
    let rwbs: RWBS
    let traits: RequestTraits
    let error: Int32
  }

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    requests = try BulkInsert(
      db, into: "block_request",
      columns: [
        "kind_id", "sector", "sectors", "at_ns", "queued", "got", "inserted", "issued",
        "completed", "task_id", "line", "cpus",
      ])
    detours = try BulkInsert(
      db, into: "block_detour",
      columns: ["request_id", "first_issued", "finished", "flush_issued", "flush_completed"])
    bios = try BulkInsert(
      db, into: "merged_bio",
      columns: [
        "request_id", "rwbs", "sector", "sectors", "queued_ns", "merged", "task_id", "line",
      ])
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
    let at = request.earliest
    func delta(_ stamp: Stamp) -> Int64 { stamp.isSeen ? stamp.rawValue - at : .min }
    // SQLite gives the same number by itself, the next one, and need not look for its place.
    requests.add(try kind(of: request))
    requests.add(request.sector < 0 ? .min : request.sector)
    requests.add(request.sectors)
    requests.add(at)
    requests.add(delta(request.queued))
    requests.add(delta(request.got))
    requests.add(delta(request.inserted))
    requests.add(delta(request.issued))
    requests.add(delta(request.completed))
    requests.add(Int64(request.task))
    requests.add(request.line)
    requests.add(CPUPair(request).packed)
    try requests.endRow()
    let isIssuedOnce = request.firstIssued == request.issued
    guard
      !isIssuedOnce || request.finished.isSeen || request.flushIssued.isSeen
        || request.flushCompleted.isSeen
    else { return }
    detours.add(request.id)
    detours.add(isIssuedOnce ? .min : delta(request.firstIssued))
    detours.add(delta(request.finished))
    detours.add(delta(request.flushIssued))
    detours.add(delta(request.flushCompleted))
    try detours.endRow()
  }

  private func insert(_ bio: MergedBio) throws {
    bios.add(bio.request)
    bios.add(Int64(bio.rwbs.rawValue))
    bios.add(bio.sector)
    bios.add(bio.sectors)
    bios.add(bio.queued.rawValue)
    bios.add(
      bio.queued.isSeen && bio.merged.isSeen ? bio.merged.rawValue - bio.queued.rawValue : .min)
    bios.add(Int64(bio.task))
    bios.add(bio.line)
    try bios.endRow()
  }

  @inline(__always)
  private mutating func kind(of request: BlockRequest) throws -> Int64 {
    let kind = Kind(
      stream: request.stream, rwbs: request.rwbs, traits: request.traits, error: request.error)
    let place = Int(truncatingIfNeeded: (kind.rwbs.rawValue >> 2 ^ kind.rwbs.rawValue >> 7) & 63)
    if recent[place].kind == kind { return recent[place].number }
    let number = try kinds[kind] ?? add(kind)
    recent[place] = (kind, number)
    return number
  }

  private mutating func add(_ kind: Kind) throws -> Int64 {
    if kinds.count >= Self.mostKinds { kinds.removeAll(keepingCapacity: true) }
    lastKindID += 1
    kinds[kind] = lastKindID
    try db.execute(
      sql: """
        INSERT INTO block_kind (kind_id, stream_id, rwbs, traits, error) VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        lastKindID, kind.stream, Int64(kind.rwbs.rawValue), Int64(kind.traits.rawValue), kind.error,
      ])
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
  /// The earliest stamp that was seen; 0 for a request without any, which no event makes.
  fileprivate var earliest: Int64 {
    var earliest = Int64.max
    func consider(_ stamp: Stamp) {
      if stamp.isSeen, stamp.rawValue < earliest { earliest = stamp.rawValue }
    }
    consider(queued)
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
