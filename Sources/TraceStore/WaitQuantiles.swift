internal import GRDB
internal import TraceModel

/// The exact 99th percentile of each thread's waits, out of the slices of a source that has been read.
///
/// Of fewer than 100 waits it is the longest, which is most threads. For the others the slices are gone
/// through twice: the first time waits are counted in buckets that are a sixteenth of their value wide,
/// which tells in which bucket the rank lies; what lies in that one bucket is gathered the second time. Some
/// thousand threads are dealt with at once, so that memory does not grow with their number.
struct WaitQuantiles {
  private struct Target {
    let thread: Int64
    /// The place of the percentile among the waits, from 1; from the second pass on among those of its bucket.
    var rank: Int64
    var counts: [UInt32] = []
    var low = Int64.max
    var high = Int64.min
    var found: [Int64] = []

    init(thread: Int64, rank: Int64) {
      self.thread = thread
      self.rank = rank
    }
  }

  /// Threads of a pass: some 2 KB each.
  private static let mostAtOnce = 1 << 14

  private var pending: [(thread: Int64, waits: Int64)] = []

  /// The percentile of a thread that has ended, where that is known at once; else it is kept for ``write``. nil
  /// for one that never waited.
  mutating func percentile(of thread: TracedThread) -> Int64? {
    guard thread.waits > 0 else { return nil }
    guard thread.waits < 100 else {
      pending.append((thread.id, thread.waits))
      return nil
    }
    return thread.longestWait
  }

  /// Writes those that were kept; all slices and threads are in.
  mutating func write(_ db: Database, sourceID: Int64) throws {
    let update = try RawStatement(
      db, "UPDATE sched_thread SET p99_wait_ns = ? WHERE thread_id = ?")
    for start in stride(from: 0, to: pending.count, by: Self.mostAtOnce) {
      var targets = pending[start..<min(start + Self.mostAtOnce, pending.count)].map {
        Target(thread: $0.thread, rank: (99 * $0.waits + 99) / 100)
      }
      try Self.find(&targets, db, sourceID)
      for target in targets where target.found.indices.contains(Int(target.rank) - 1) {
        update.bind(target.found.sorted()[Int(target.rank) - 1], at: 1)
        update.bind(target.thread, at: 2)
        _ = try update.step()
      }
    }
    pending = []
  }

  private static func find(_ targets: inout [Target], _ db: Database, _ sourceID: Int64) throws {
    let places = Dictionary(
      uniqueKeysWithValues: targets.enumerated().map { ($1.thread, $0) })
    var chunks = try SliceChunkReader(db, source: sourceID)
    while try chunks.next() {
      try chunks.forEachWait { thread, wait in
        guard let place = places[thread] else { return }
        let bucket = bucket(wait)
        if bucket >= targets[place].counts.count {
          targets[place].counts.append(
            contentsOf: repeatElement(0, count: bucket + 1 - targets[place].counts.count))
        }
        targets[place].counts[bucket] += 1
      }
    }
    for place in targets.indices {
      for (bucket, members) in targets[place].counts.enumerated() {
        if targets[place].rank <= Int64(members) {
          (targets[place].low, targets[place].high) = bounds(of: bucket)
          break
        }
        targets[place].rank -= Int64(members)
      }
      targets[place].counts = []
    }
    chunks = try SliceChunkReader(db, source: sourceID)
    while try chunks.next() {
      try chunks.forEachWait { thread, wait in
        guard let place = places[thread], targets[place].low <= wait, wait <= targets[place].high
        else { return }
        targets[place].found.append(wait)
      }
    }
  }

  /// Below 16 each value has its own bucket; above, 16 buckets per power of two.
  @inline(__always)
  private static func bucket(_ value: Int64) -> Int {
    guard value >= 16 else { return Int(max(0, value)) }
    let exponent = 63 - value.leadingZeroBitCount
    return (exponent - 3) << 4 | Int((value >> Int64(exponent - 4)) & 15)
  }

  private static func bounds(of bucket: Int) -> (Int64, Int64) {
    guard bucket >= 16 else { return (Int64(bucket), Int64(bucket)) }
    let shift = Int64((bucket >> 4) - 1)
    let low = Int64(16 + bucket & 15) << shift
    return (low, low + (1 << shift) - 1)
  }
}
