internal import GRDB
internal import TraceModel

/// Finds out whether two sources of a machine hold the same scheduler events, as `perf sched script` and
/// `perf sched timehist` of one capture do: their threads would count twice.
struct SchedDuplicates {
  private let db: Database
  private let sourceID: Int64

  /// Stays on a CPU that are looked for in the other source.
  private static let sample: Int64 = 400
  /// So many of them at least, and this share must be there, for the sources to be the same.
  private static let fewest = 10
  private static let share = 0.9

  init(_ db: Database, sourceID: Int64) {
    self.db = db
    self.sourceID = sourceID
  }

  /// The end of a stay: a switch. Both forms print it, to the microsecond at least.
  private struct Switch: Hashable {
    let microseconds: Int64
    let cpu: Int64
    let tid: Int64
  }

  private struct Source {
    let id: Int64
    let first: Int64
    let last: Int64
    let slices: Int64
    let isReport: Bool
    /// The step of its times, ns.
    let resolution: Int64

    /// Which of two is used: a report last, then the one with clearly fewer stays, then the one with coarser times.
    func isLess(than other: Source) -> Bool {
      if isReport != other.isReport { return isReport }
      let difference = slices - other.slices
      if difference.magnitude > max(slices, other.slices).magnitude / 100 { return difference < 0 }
      if resolution != other.resolution { return resolution > other.resolution }
      return difference < 0
    }
  }

  /// Marks the lesser one of two sources that hold the same events: a report before the events, then the
  /// one with fewer of them.
  func mark() throws {
    let sources = try overlapping()
    guard let own = sources.first(where: { $0.id == sourceID }) else { return }
    for other in sources where other.id != sourceID {
      let (less, more) = other.isLess(than: own) ? (other, own) : (own, other)
      guard try isSame(less, as: more) else {
        try markStranger(other, less, more)
        continue
      }
      if try hasOwnPart(less, beside: more) {
        try cut(less, by: more)
        continue
      }
      // Whatever pointed at the lesser one points at the better one.
      try db.execute(
        sql: "UPDATE source_file SET duplicate_of = ? WHERE source_id = ? OR duplicate_of = ?",
        arguments: [more.id, less.id, less.id])
      if less.id == own.id { return }
    }
  }

  /// The source itself and those in use of the same machine whose stays overlap with its own in time.
  private func overlapping() throws -> [Source] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT other.source_id, other.first_ns, other.last_ns, other.format,
          (SELECT count(*) FROM sched_thread WHERE source_id = other.source_id),
          (SELECT sum(runs) FROM sched_thread WHERE source_id = other.source_id),
          coalesce(other.resolution_ns, 1000)
        FROM source_file own JOIN source_file other USING (machine_id)
        WHERE own.source_id = ? AND other.duplicate_of IS NULL
          AND other.first_ns <= own.last_ns AND own.first_ns <= other.last_ns
        ORDER BY other.source_id
        """,
      arguments: [sourceID]
    ).compactMap { row in
      guard try row[4] as Int64 > 0 else { return nil }
      return try Source(
        id: row[0], first: row[1], last: row[2], slices: row[5] ?? 0,
        isReport: row[3] == "perf-sched-timehist", resolution: row[6])
    }
  }

  private func isSame(_ less: Source, as more: Source) throws -> Bool {
    let from = max(less.first, more.first)
    let to = min(less.last, more.last)
    let step = max(1, less.slices / Self.sample)
    var wanted: Set<Switch> = []
    try forEachSwitch(of: less.id, from: from, to: to, every: step) { wanted.insert($0) }
    guard wanted.count >= Self.fewest else { return false }
    let all = wanted.count
    try forEachSwitch(of: more.id, from: from - 2000, to: to + 2000, every: 1) { found in
      // One form may have cut the nanoseconds off and the other rounded them.
      for microseconds in (found.microseconds - 1)...(found.microseconds + 1) {
        wanted.remove(Switch(microseconds: microseconds, cpu: found.cpu, tid: found.tid))
      }
    }
    return Double(all - wanted.count) >= Self.share * Double(all)
  }

  // MARK: Traces of other machines

  /// A moment that both traces cover for less than this, ns, is not compared: their forms may round differently.
  private static let shortest: Int64 = 10_000
  /// So many stays during which the other trace has another thread on that CPU show two machines.
  private static let fewestStrange: Int64 = 20

  /// Notes it where two traces cannot be of one machine: on the same CPUs at the same moments they have different threads,
  /// and threads that the other one does not know. Two clocks of one machine know the same threads. Where a filter by
  /// thread took switches out, it is not known who ran in between.
  private func markStranger(_ other: Source, _ less: Source, _ more: Source) throws {
    guard try !lacksSwitches(less), try !lacksSwitches(more), try !sharesThreads(less, more),
      try !sharesThreads(more, less)
    else { return }
    let strange = try strangeStays(of: less, beside: more)
    guard strange >= Self.fewestStrange else { return }
    let path = try String.fetchOne(
      db, sql: "SELECT path FROM source_file WHERE source_id = ?", arguments: [other.id])
    try db.insert(
      Problem(kind: .otherMachine, line: nil, column: nil, count: strange, excerpt: path),
      sourceID: sourceID)
  }

  private struct Stay {
    let from: Int64
    let to: Int64
    let tid: Int64
    var isStrange = false
    var isShared = false
  }

  /// Of some stays of one trace, those during which the other has only other threads on that CPU.
  private func strangeStays(of less: Source, beside more: Source) throws -> Int64 {
    let (from, to) = (max(less.first, more.first), min(less.last, more.last))
    let cpus = try openCPUs(of: less, from: from, to: to).intersection(
      openCPUs(of: more, from: from, to: to))
    var stays: [Int32: [Stay]] = [:]
    let step = max(1, less.slices / Self.sample)
    var number: Int64 = 0
    try forEachStay(of: less.id, from: from, to: to) { cpu, stay in
      guard stay.tid > 0, cpus.contains(cpu) else { return }
      number += 1
      if number % step == 0 { stays[cpu, default: []].append(stay) }
    }
    for cpu in stays.keys { stays[cpu]?.sort { $0.from < $1.from } }
    try forEachStay(of: more.id, from: from, to: to) { cpu, stay in
      guard stay.tid > 0, let all = stays[cpu] else { return }
      var place = all.partitioningIndex { $0.to > stay.from }
      while place < all.count, all[place].from < stay.to {
        if min(all[place].to, stay.to) - max(all[place].from, stay.from) >= Self.shortest {
          if all[place].tid == stay.tid {
            stays[cpu]?[place].isShared = true
          } else {
            stays[cpu]?[place].isStrange = true
          }
        }
        place += 1
      }
    }
    return stays.values.saturatingSum { own in
      Int64(own.count { $0.isStrange && !$0.isShared })
    }
  }

  private struct Placed: Hashable {
    let cpu: Int32
    let tid: Int64
  }

  /// CPUs on which no thread has nearly every other stay. Of a trace with the switches of one thread only, it is not
  /// known who ran between two of them.
  private func openCPUs(of source: Source, from: Int64, to: Int64) throws -> Set<Int32> {
    var all: [Int32: Int64] = [:]
    var own: [Placed: Int64] = [:]
    try forEachStay(of: source.id, from: from, to: to) { cpu, stay in
      all[cpu, default: 0] += 1
      if stay.tid > 0 { own[Placed(cpu: cpu, tid: stay.tid), default: 0] += 1 }
    }
    var open = Set(all.keys)
    for (placed, count) in own where count * 20 >= (all[placed.cpu] ?? 0) * 9 {
      open.remove(placed.cpu)
    }
    return open
  }

  /// Whether one of twenty stays or more lacks a switch.
  private func lacksSwitches(_ source: Source) throws -> Bool {
    let missing = try Int64.fetchOne(
      db, sql: "SELECT count FROM source_problem WHERE source_id = ? AND kind = ?",
      arguments: [source.id, ProblemKind.missingSwitch.rawValue])
    return (missing ?? 0) > source.slices / 20
  }

  /// Whether more than half of the time that threads ran is that of threads that the other trace has, too.
  private func sharesThreads(_ one: Source, _ other: Source) throws -> Bool {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT total(run_ns), total(CASE WHEN EXISTS (
            SELECT 1 FROM sched_thread AS same WHERE same.source_id = ?
              AND same.tid = own.tid AND same.comm = own.comm) THEN run_ns END)
        FROM sched_thread AS own WHERE source_id = ? AND tid > 0
        """,
      arguments: [other.id, one.id])
    guard let row else { return false }
    return try (row[1] as Double) * 2 > row[0] as Double
  }

  /// Stays of threads on CPUs that are known whole.
  private func forEachStay(
    of source: Int64, from: Int64, to: Int64, _ body: (Int32, Stay) -> Void
  ) throws {
    let threads = try tids(of: source)
    var chunks = try SliceChunkReader(db, source: source, from: from, to: to)
    while try chunks.next() {
      try chunks.forEach { slice in
        guard slice.run > 0, let tid = threads[slice.thread] else { return }
        body(slice.cpu, Stay(from: slice.began, to: slice.began + slice.run, tid: tid))
      }
    }
  }

  // MARK: Traces that overlap

  /// Whether a part of it, more than some switches at its ends, is of a time that the other does not cover.
  private func hasOwnPart(_ less: Source, beside more: Source) throws -> Bool {
    var own: Int64 = 0
    for (from, to) in [(less.first, more.first - 2000), (more.last + 2000, less.last)]
    where from < to {
      try forEachSwitch(of: less.id, from: from, to: to, every: 1) { _ in own += 1 }
    }
    return own >= Int64(Self.fewest) || own * 10 > less.slices
  }

  /// Takes away what the other source has, too: the stays and waits of its time.
  private func cut(_ less: Source, by more: Source) throws {
    let lastChunk =
      try Int64.fetchOne(db, sql: "SELECT max(chunk_id) FROM thread_slice_chunk") ?? 0
    var left: [Int64: TracedThread] = [:]
    var places: [Int64: Int32] = [:]
    var taken: Int64 = 0
    var firstLine: Int64?
    var writer = try SliceChunkWriter(db, sourceID: less.id)
    var chunks = try SliceChunkReader(db, source: less.id)
    while try chunks.next(), chunks.chunk <= lastChunk {
      var kept: [ThreadSlice] = []
      try chunks.forEach(withLines: true) { slice in
        guard let slice = Self.part(of: slice, outside: more) else {
          taken += 1
          firstLine = min(firstLine ?? .max, slice.line)
          return
        }
        kept.append(slice)
        left[slice.thread, default: TracedThread()].add(slice)
        if let place = places[slice.thread], place != slice.cpu {
          left[slice.thread]?.migrations += 1
        }
        places[slice.thread] = slice.cpu
      }
      try writer.add(kept)
    }
    try writer.finish()
    try db.execute(
      sql: "DELETE FROM thread_slice_chunk WHERE source_id = ? AND chunk_id <= ?",
      arguments: [less.id, lastChunk])
    let threads = try tids(of: less.id).keys.sorted()
    var quantiles = WaitQuantiles(firstThread: threads.first ?? 0, mostAtOnce: 1 << 14)
    for id in threads {
      guard var thread = left[id] else {
        try db.execute(sql: "DELETE FROM sched_thread WHERE thread_id = ?", arguments: [id])
        continue
      }
      thread.id = id
      // The kernel's own sum is of all of it.
      try db.execute(
        sql: """
          UPDATE sched_thread SET run_ns = ?, runs = ?, wait_ns = ?, waits = ?, max_wait_ns = ?,
            p99_wait_ns = ?, kernel_wait_ns = NULL, migrations = ? WHERE thread_id = ?
          """,
        arguments: [
          thread.run, thread.runs, thread.wait, thread.waits,
          thread.waits == 0 ? nil : thread.longestWait, quantiles.percentile(of: thread),
          thread.migrations, id,
        ])
    }
    try quantiles.write(db, sourceID: less.id)
    // Shares of its time are of that part of it.
    if less.first >= more.first {
      try db.execute(
        sql: "UPDATE source_file SET first_ns = ? WHERE source_id = ?",
        arguments: [min(more.last, less.last), less.id])
    } else if less.last <= more.last {
      try db.execute(
        sql: "UPDATE source_file SET last_ns = ? WHERE source_id = ?",
        arguments: [max(more.first, less.first), less.id])
    }
    let path = try String.fetchOne(
      db, sql: "SELECT path FROM source_file WHERE source_id = ?", arguments: [more.id])
    try db.insert(
      Problem(
        kind: .overlapsAnother, line: firstLine, column: nil, count: taken, excerpt: path),
      sourceID: less.id)
  }

  /// What a stay and its wait have that the other source does not: it leaves stays open at its end, and waits at its
  /// beginning.
  private static func part(of slice: ThreadSlice, outside more: Source) -> ThreadSlice? {
    guard more.first...more.last ~= slice.began else { return slice }
    var slice = slice
    if slice.run != .min, slice.began + slice.run <= more.last { slice.run = .min }
    if slice.wait != .min, slice.began - slice.wait >= more.first { slice.forgetWait() }
    return slice.run == .min && slice.wait == .min ? nil : slice
  }

  private func forEachSwitch(
    of source: Int64, from: Int64, to: Int64, every step: Int64, _ body: (Switch) -> Void
  ) throws {
    let threads = try tids(of: source)
    var chunks = try SliceChunkReader(db, source: source, from: from, to: to)
    var number: Int64 = 0
    while try chunks.next() {
      try chunks.forEach { slice in
        number += 1
        guard number % step == 0, slice.run != .min, let tid = threads[slice.thread], tid > 0
        else { return }
        let until = slice.began + slice.run
        guard from <= until, until <= to else { return }
        body(Switch(microseconds: until / 1000, cpu: Int64(slice.cpu), tid: tid))
      }
    }
  }

  private func tids(of source: Int64) throws -> [Int64: Int64] {
    var tids: [Int64: Int64] = [:]
    let threads = try RawStatement(
      db, "SELECT thread_id, tid FROM sched_thread WHERE source_id = ?")
    threads.bind(source, at: 1)
    while try threads.step() { tids[threads.integer(0)] = threads.integer(1) }
    return tids
  }
}
