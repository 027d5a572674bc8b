internal import GRDB
internal import TraceModel

/// The exact 99th percentile of each thread's waits, out of the slices of a source.
///
/// Of fewer than 100 waits it is the longest, which is most threads. For the others waits are counted in buckets
/// that are a sixteenth of their value wide, which tells in which bucket the rank lies; what lies in that one bucket
/// is gathered when the source has been read. Waits of the first threads are counted as they come. Of more threads
/// some thousand at once are dealt with afterwards, so that memory does not grow with their number.
struct WaitQuantiles {
  private struct Target {
    let thread: Int64
    /// The place of the percentile among the waits, from 1; then among those of its bucket.
    var rank: Int64
    var counts = WaitCounts()
    var bucket: ClosedRange<Int64>?
    var found: [Int64] = []

    init(thread: Int64, rank: Int64) {
      self.thread = thread
      self.rank = rank
    }

    /// All its waits are counted.
    mutating func chooseBucket() { bucket = counts.takeBucket(of: &rank) }
  }

  /// Threads that are dealt with at once: some 2 KB each.
  static let mostAtOnce = 1 << 14

  private let mostAtOnce: Int
  /// The number of the source's first thread; those behind it count up.
  private let first: Int64
  /// Of the first threads.
  private var counted: [WaitCounts] = []
  private var pending: [(thread: Int64, waits: Int64)] = []

  init(firstThread: Int64, mostAtOnce: Int = Self.mostAtOnce) {
    first = firstThread
    self.mostAtOnce = mostAtOnce
  }

  /// Counts what the first threads have waited.
  mutating func count(_ slices: [ThreadSlice]) {
    for slice in slices where slice.wait != .min {
      let place = Int(truncatingIfNeeded: slice.thread - first)
      guard place < mostAtOnce else { continue }
      while place >= counted.count { counted.append(WaitCounts()) }
      counted[place].add(slice.wait)
    }
  }

  /// The percentile of a thread that has ended, where that is known at once; else it is kept for ``write``. nil
  /// for one that never waited.
  mutating func percentile(of thread: TracedThread) -> Int64? {
    guard thread.waits > 0 else { return nil }
    guard thread.waits < 100 else {
      pending.append((thread.id, thread.waits))
      return nil
    }
    let place = Int(truncatingIfNeeded: thread.id - first)
    if counted.indices.contains(place) { counted[place] = WaitCounts() }
    return thread.longestWait
  }

  /// Writes those that were kept; all slices and threads are in.
  mutating func write(_ db: Database, sourceID: Int64) throws {
    let update = try RawStatement(
      db, "UPDATE sched_thread SET p99_wait_ns = ? WHERE thread_id = ?")
    pending.sort { $0.thread < $1.thread }
    for start in stride(from: 0, to: pending.count, by: mostAtOnce) {
      var targets = pending[start..<min(start + mostAtOnce, pending.count)].map {
        Target(thread: $0.thread, rank: (99 * $0.waits + 99) / 100)
      }
      try find(&targets, db, sourceID)
      for target in targets where target.found.indices.contains(Int(target.rank) - 1) {
        update.bind(target.found.sorted()[Int(target.rank) - 1], at: 1)
        update.bind(target.thread, at: 2)
        _ = try update.step()
      }
      // All that were counted are in the first group.
      counted = []
    }
    pending = []
    counted = []
  }

  private func find(_ targets: inout [Target], _ db: Database, _ sourceID: Int64) throws {
    guard let lowest = targets.first?.thread, let highest = targets.last?.thread else { return }
    // By the thread's number less the lowest; -1 for one that is not looked for.
    var places = [Int32](repeating: -1, count: Int(highest - lowest) + 1)
    var isCounted = true
    for index in targets.indices {
      let target = targets[index].thread
      places[Int(target - lowest)] = Int32(index)
      if counted.indices.contains(Int(target - first)) {
        targets[index].counts = counted[Int(target - first)]
      } else {
        isCounted = false
      }
    }
    @inline(__always) func place(of thread: Int64) -> Int? {
      guard lowest <= thread, thread <= highest else { return nil }
      let place = Int(places[Int(thread - lowest)])
      return place < 0 ? nil : place
    }
    if !isCounted {
      var chunks = try SliceChunkReader(db, source: sourceID)
      while try chunks.next() {
        try chunks.forEachWait { thread, wait in
          guard let place = place(of: thread), !counted.indices.contains(Int(thread - first)) else {
            return
          }
          targets[place].counts.add(wait)
        }
      }
    }
    for index in targets.indices { targets[index].chooseBucket() }
    var chunks = try SliceChunkReader(db, source: sourceID)
    while try chunks.next() {
      try chunks.forEachWait { thread, wait in
        guard let place = place(of: thread), targets[place].bucket?.contains(wait) == true else {
          return
        }
        targets[place].found.append(wait)
      }
    }
  }
}

/// Waits of a thread, counted in buckets.
private struct WaitCounts {
  private typealias Bins = LogBins<4>
  private var counts: [UInt32] = []

  @inline(__always)
  mutating func add(_ wait: Int64) {
    let bucket = Bins.bin(of: UInt64(max(0, wait)))
    if bucket >= counts.count {
      counts.append(contentsOf: repeatElement(0, count: bucket + 1 - counts.count))
    }
    counts[bucket] += 1
  }

  /// The bucket in which the wait of this rank lies; the rank is then the one within it. Forgets all counts.
  mutating func takeBucket(of rank: inout Int64) -> ClosedRange<Int64>? {
    defer { counts = [] }
    for (bucket, members) in counts.enumerated() {
      if rank <= Int64(members) { return Bins.values(of: bucket) }
      rank -= Int64(members)
    }
    return nil
  }
}
