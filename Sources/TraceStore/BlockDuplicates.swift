internal import GRDB
internal import TraceModel

/// Finds out whether two sources of a machine hold the same block requests: the text and the binary files
/// of one trace, or what perf and blktrace recorded side by side. They are one trace; a request that is
/// seen twice would double every rate and depth.
struct BlockDuplicates {
  private let db: Database
  private let sourceID: Int64

  /// Requests that are looked for in the other source.
  private static let sample = 2000
  /// So many of them at least, and this share of those in its time, must be there.
  private static let fewest = 10
  private static let share = 0.9
  /// Occurrences of the same blocks that are tried.
  private static let mostOccurrences = 16
  /// How far a difference of two clocks of one machine may wander: the clock of perf and that of blktrace
  /// run at slightly different rates.
  private static let wander: Int64 = 1_000_000
  /// Two forms of one blktrace have the same clock.
  private static let exact: Int64 = 1_000
  /// Texts have microseconds: a time between two stamps may differ by one on either side, ns.
  private static let rounding: Int64 = 2_000

  init(_ db: Database, sourceID: Int64) {
    self.db = db
    self.sourceID = sourceID
  }

  private struct Source {
    let id: Int64
    let format: String
    let requests: Int64
    /// Those that were seen ending.
    let completed: Int64
    /// Those whose Q was seen.
    let queued: Int64
    /// Whether it tells of other things as well.
    let isMixed: Bool
    /// The step of its times, ns.
    let resolution: Int64

    /// No request was seen ending: `block_bio_queue` alone, as page-cache traces have it, or `block_rq_issue`.
    var isQueueOnly: Bool { requests > 0 && completed == 0 }
    /// By which moment its requests are known again in another source: the last that most of them have.
    var moment: Moment {
      if 2 * completed >= requests { return .completed }
      return 2 * queued >= requests ? .queued : .issued
    }
    var isBlktrace: Bool { format == "blktrace" }
  }

  /// A moment of a request that both sources show.
  private enum Moment { case queued, issued, completed }

  private struct Key: Hashable {
    let device: String
    let sector: Int64
    let sectors: Int64
    let direction: Int64
  }

  /// Marks the lesser of two sources that hold the same requests and takes its rows away; what only it knows
  /// (the absolute start, the tie of two clocks) goes to the other.
  func mark() throws {
    guard try hasOthers() else { return }
    let sources = try candidates()
    guard let own = sources.first(where: { $0.id == sourceID }) else { return }
    for other in sources where other.id != sourceID {
      // blktrace numbers its events and shows the way through the layer; then more is better, then older.
      let (less, more) =
        (own.isQueueOnly ? 0 : 1, own.isBlktrace ? 1 : 0, own.requests, -own.resolution, -own.id)
          < (
            other.isQueueOnly ? 0 : 1, other.isBlktrace ? 1 : 0, other.requests,
            -other.resolution, -other.id
          )
        ? (own, other) : (other, own)
      guard let tie = try tie(less, more) else { continue }
      try join(less, to: more, tie)
      if less.id == own.id { return }
    }
  }

  /// Whether the machine has other block traces at all; counting requests takes a while.
  private func hasOthers() throws -> Bool {
    try Bool.fetchOne(
      db,
      sql: """
        SELECT EXISTS (SELECT 1 FROM source_file own JOIN source_file other USING (machine_id)
          WHERE own.source_id = ?1 AND other.source_id <> ?1
            AND other.source_id IN (SELECT source_id FROM block_stream))
        """,
      arguments: [sourceID]) ?? false
  }

  /// All that have requests. One that is the same as another for its threads, as the text of a recording is, still has its
  /// own.
  private func candidates() throws -> [Source] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT other.source_id, other.format,
          (SELECT count(*) FROM block_request JOIN block_kind USING (kind_id) JOIN block_stream USING (stream_id)
           WHERE block_stream.source_id = other.source_id),
          (SELECT count(completed) FROM block_request JOIN block_kind USING (kind_id) JOIN block_stream USING (stream_id)
           WHERE block_stream.source_id = other.source_id),
          (SELECT count(*) FROM block_request JOIN block_kind USING (kind_id) JOIN block_stream USING (stream_id)
           WHERE block_stream.source_id = other.source_id AND is_queued),
          EXISTS (SELECT 1 FROM traced_inode WHERE traced_inode.source_id = other.source_id)
            OR EXISTS (SELECT 1 FROM sched_thread WHERE sched_thread.source_id = other.source_id),
          coalesce(other.resolution_ns, 1000)
        FROM source_file own JOIN source_file other USING (machine_id)
        WHERE own.source_id = ? AND other.source_id IN (SELECT source_id FROM block_stream)
        ORDER BY other.source_id
        """,
      arguments: [sourceID]
    ).map {
      try Source(
        id: $0[0], format: $0[1], requests: $0[2], completed: $0[3], queued: $0[4],
        isMixed: $0[5], resolution: $0[6])
    }
  }

  /// How two clocks of a machine lie, from the requests that both saw.
  private struct Tie {
    /// To be added to a time of the lesser one, ns.
    let offset: Int64
    let requests: Int
    /// The devices that both saw.
    let devices: [String]
  }

  /// The constant difference at which nearly all requests of the one are requests of the other; nil when
  /// there is none.
  private func tie(_ less: Source, _ more: Source) throws -> Tie? {
    var wanted: [(key: Key, time: Int64)] = []
    let step = max(1, less.requests / Int64(Self.sample))
    let moment = less.moment
    try forEachRequest(of: less.id, every: step, moment) { wanted.append(($0, $1)) }
    // Devices that only one of them saw say nothing.
    let shared = try devices(of: less.id).filter { try devices(of: more.id).contains($0) }
    wanted.removeAll { !shared.contains($0.key.device) }
    let keys = Set(wanted.map(\.key))
    var times: [Key: [Int64]] = [:]
    var first = Int64.max
    var last = Int64.min
    try forEachRequest(of: more.id, every: 1, moment) { key, time in
      first = min(first, time)
      last = max(last, time)
      guard keys.contains(key) else { return }
      times[key, default: []].append(time)
    }
    let width = less.isBlktrace && more.isBlktrace ? Self.exact : Self.wander
    var differences: [(at: Int64, voter: Int)] = []
    for (voter, request) in wanted.enumerated() {
      guard let found = times[request.key], found.count <= Self.mostOccurrences else { continue }
      for time in found { differences.append((time - request.time, voter)) }
    }
    differences.sort { $0.at < $1.at }
    var best: (from: Int, to: Int) = (0, 0)
    var from = 0
    for to in differences.indices {
      while differences[to].at - differences[from].at > width { from += 1 }
      if to + 1 - from > best.to - best.from { best = (from, to + 1) }
    }
    let cluster = differences[best.from..<best.to]
    guard !cluster.isEmpty else { return nil }
    let offset = cluster[best.from + cluster.count / 2].at
    let votes = Set(cluster.map(\.voter)).count
    // Only those that fall into the other's time, and whose blocks are not too hot to tell, count.
    let decidable = wanted.count {
      $0.time + offset >= first && $0.time + offset <= last
        && times[$0.key]?.count ?? 0 <= Self.mostOccurrences
    }
    // Text and binary of one blktrace count from its first event: every request at the very same nanosecond
    // is no accident, however few there are.
    let isIdentical =
      less.isBlktrace && more.isBlktrace && less.requests == more.requests
      && votes == wanted.count && cluster.allSatisfy { $0.at == 0 }
    guard try isIdentical || votes >= Self.fewest || isAlike(less, more),
      Double(votes) >= Self.share * Double(decidable)
    else { return nil }
    return Tie(offset: offset, requests: votes, devices: shared)
  }

  /// Whether two short traces of different tools are the same request by request: what was asked for, and how
  /// long each part of it took. Others that ask for the same blocks do not take as long to the microsecond.
  private func isAlike(_ one: Source, _ other: Source) throws -> Bool {
    guard one.requests == other.requests, (1..<Int64(Self.fewest)).contains(one.requests),
      !(one.isBlktrace && other.isBlktrace)
    else { return false }
    let lives = try [one, other].map { source in
      try Row.fetchAll(
        db,
        sql: """
          SELECT device, sector, sectors, rwbs & 14,
            CASE WHEN is_queued THEN completed END, completed - issued
          FROM block_request JOIN block_kind USING (kind_id) JOIN block_stream USING (stream_id)
          WHERE source_id = ? AND sector IS NOT NULL AND completed IS NOT NULL
          ORDER BY at_ns + completed, sector
          """, arguments: [source.id]
      ).map { row in
        try (
          key: Key(device: row[0], sector: row[1], sectors: row[2], direction: row[3]),
          parts: [row[4], row[5]] as [Int64?]
        )
      }
    }
    return lives[0].count == Int(one.requests) && lives[1].count == lives[0].count
      && zip(lives[0], lives[1]).allSatisfy { own, its in
        own.key == its.key && zip(own.parts, its.parts).allSatisfy(Self.areAlike)
      }
  }

  private static func areAlike(_ one: Int64?, _ other: Int64?) -> Bool {
    guard let one, let other else { return one == other }
    let (difference, overflows) = one.subtractingReportingOverflow(other)
    return !overflows && difference.magnitude <= rounding.magnitude
  }

  private func devices(of source: Int64) throws -> [String] {
    try String.fetchAll(
      db, sql: "SELECT DISTINCT device FROM block_stream WHERE source_id = ?", arguments: [source])
  }

  /// Requests with an address, by the time of their completion; or bios by that of their arrival, or requests by that of
  /// their D, where one of the two shows nothing else. Merges make requests longer than their first bio: then the length does
  /// not count.
  private func forEachRequest(
    of source: Int64, every step: Int64, _ moment: Moment, _ body: (Key, Int64) -> Void
  ) throws {
    let devices = try Row.fetchAll(
      db, sql: "SELECT stream_id, device FROM block_stream WHERE source_id = ?",
      arguments: [source])
    for row in devices {
      let device: String = try row[1]
      let statement = try RawStatement(db, Self.requests(by: moment))
      statement.bind(try row[0], at: 1)
      statement.bind(step, at: 2)
      while try statement.step() {
        body(
          Key(
            device: device, sector: statement.integer(0), sectors: statement.integer(1),
            direction: statement.integer(2)),
          statement.integer(3))
      }
    }
  }

  private static func requests(by moment: Moment) -> String {
    switch moment {
    case .queued:
      """
      SELECT sector, 0, rwbs & 14, at_ns
      FROM block_request JOIN block_kind USING (kind_id)
      WHERE stream_id = ?1 AND sector IS NOT NULL AND is_queued
        AND request_id % ?2 = 0
      UNION ALL
      SELECT merged_bio.sector, 0, merged_bio.rwbs & 14, queued_ns
      FROM merged_bio JOIN block_request USING (request_id) JOIN block_kind USING (kind_id)
      WHERE stream_id = ?1 AND queued_ns IS NOT NULL AND bio_id % ?2 = 0
      """
    case .issued, .completed:
      """
      SELECT sector, sectors, rwbs & 14, at_ns + \(moment == .issued ? "issued" : "completed") AS moment
      FROM block_request JOIN block_kind USING (kind_id)
      WHERE stream_id = ?1 AND sector IS NOT NULL AND moment IS NOT NULL
        AND request_id % ?2 = 0
      """
    }
  }

  /// Requests of the lesser one that ended before the other began or after its end: more than the few at the ends of
  /// two tools that were started one after the other.
  private func leftOut(_ less: Source, _ more: Source, _ tie: Tie) throws -> Int64 {
    var (first, last) = (Int64.max, Int64.min)
    try forEachRequest(of: more.id, every: 1, less.moment) { _, time in
      first = min(first, time)
      last = max(last, time)
    }
    var outside: Int64 = 0
    try forEachRequest(of: less.id, every: 1, less.moment) { key, time in
      guard tie.devices.contains(key.device) else { return }
      if time + tie.offset < first - Self.wander || time + tie.offset > last + Self.wander {
        outside += 1
      }
    }
    return outside * 10 > less.requests ? outside : 0
  }

  private func join(_ less: Source, to more: Source, _ tie: Tie) throws {
    // Of two tools the lesser is there for what it tells besides, and may well have run for longer.
    let outside = less.format == more.format ? try leftOut(less, more, tie) : 0
    if outside > 0 {
      let path = try String.fetchOne(
        db, sql: "SELECT path FROM source_file WHERE source_id = ?", arguments: [more.id])
      try db.insert(
        Problem(kind: .partLeftOut, line: nil, column: nil, count: outside, excerpt: path),
        sourceID: less.id)
    }
    try db.execute(
      sql: """
        INSERT OR REPLACE INTO clock_tie (source_id, other_source_id, offset_ns, requests)
        VALUES (?, ?, ?, ?)
        """,
      arguments: [less.id, more.id, tie.offset, tie.requests])
    // The start of a clock is the same moment on another plus the difference.
    try db.execute(
      sql: """
        UPDATE source_file SET
          start_ns = lesser.start_ns - ?1, start_clock = lesser.start_clock,
          monotonic_start_ns = lesser.monotonic_start_ns - ?1
        FROM (SELECT start_ns, start_clock, monotonic_start_ns FROM source_file
              WHERE source_id = ?2) AS lesser
        WHERE source_file.source_id = ?3 AND source_file.start_ns IS NULL
          AND lesser.start_ns IS NOT NULL
        """,
      arguments: [tie.offset, less.id, more.id])
    for device in tie.devices { try deleteRows(of: less.id, device) }
    // What it tells besides is used.
    guard try devices(of: less.id).isEmpty, !(less.isQueueOnly && less.isMixed) else { return }
    try db.execute(
      sql: """
        UPDATE source_file SET duplicate_of = ?1
        WHERE (source_id = ?2 OR duplicate_of = ?2) AND source_id <> ?1
          AND (SELECT duplicate_of FROM source_file WHERE source_id = ?1) IS NULL
        """,
      arguments: [more.id, less.id])
  }

  private func deleteRows(of source: Int64, _ device: String) throws {
    let streams = "(SELECT stream_id FROM block_stream WHERE source_id = ? AND device = ?)"
    let kinds = "(SELECT kind_id FROM block_kind WHERE stream_id IN \(streams))"
    let requests = "(SELECT request_id FROM block_request WHERE kind_id IN \(kinds))"
    let tables = [
      ("merged_bio", "request_id IN \(requests)"), ("block_detour", "request_id IN \(requests)"),
      ("block_request", "kind_id IN \(kinds)"), ("block_kind", "stream_id IN \(streams)"),
      ("block_loss", "stream_id IN \(streams)"), ("block_remap", "stream_id IN \(streams)"),
      ("block_stage", "stream_id IN \(streams)"), ("block_stream", "stream_id IN \(streams)"),
    ]
    for (table, condition) in tables {
      try db.execute(
        sql: "DELETE FROM \(table) WHERE \(condition)", arguments: [source, device])
    }
  }
}
