internal import GRDB
internal import TraceModel

/// The exact 99th percentile of each thread's waits, in memory that follows the live threads.
///
/// While the slices go by, waits are counted in buckets that are a sixteenth of their value wide. That
/// tells in which bucket the rank lies; what lies in that one bucket is then read back.
struct WaitQuantiles {
  /// Where the rank of a thread is to be found; nowhere for one that never waited.
  private struct Target {
    var low = Int64.max
    var high = Int64.min
    /// The place among the waits of that bucket, from 1.
    var rank: Int64 = 0
    var found: [Int64: Int64] = [:]
  }

  private let firstThreadID: Int64
  /// By thread number; emptied when the thread has ended.
  private var counts: [[UInt32]] = []
  /// By thread number.
  private var targets: [Target] = []

  init(firstThreadID: Int64) { self.firstThreadID = firstThreadID }

  /// Counts a wait of a thread, ns.
  @inline(__always)
  mutating func add(_ thread: Int64, _ wait: Int64) {
    let place = Int(thread - firstThreadID)
    if place >= counts.count {
      counts.append(contentsOf: repeatElement([], count: place + 1 - counts.count))
    }
    let bucket = Self.bucket(wait)
    if bucket >= counts[place].count {
      counts[place].append(contentsOf: repeatElement(0, count: bucket + 1 - counts[place].count))
    }
    counts[place][bucket] += 1
  }

  /// The thread has ended: all its waits were counted.
  mutating func close(_ thread: TracedThread) {
    guard thread.waits > 0 else { return }
    let place = Int(thread.id - firstThreadID)
    var rank = (99 * thread.waits + 99) / 100
    for (bucket, members) in counts[place].enumerated() {
      if rank <= Int64(members) {
        let (low, high) = Self.bounds(of: bucket)
        if place >= targets.count {
          targets.append(contentsOf: repeatElement(Target(), count: place + 1 - targets.count))
        }
        targets[place] = Target(low: low, high: high, rank: rank)
        break
      }
      rank -= Int64(members)
    }
    counts[place] = []
  }

  /// Writes the percentiles; all slices and threads are in.
  mutating func write(_ db: Database, sourceID: Int64) throws {
    var chunks = try SliceChunkReader(db, source: sourceID)
    while try chunks.next() {
      try chunks.forEachWait { thread, wait in
        let place = Int(thread - firstThreadID)
        guard targets.indices.contains(place), targets[place].low <= wait,
          wait <= targets[place].high
        else { return }
        targets[place].found[wait, default: 0] += 1
      }
    }
    let update = try RawStatement(
      db, "UPDATE sched_thread SET p99_wait_ns = ? WHERE thread_id = ?")
    for (place, target) in targets.enumerated() {
      var rank = target.rank
      for (wait, members) in target.found.sorted(by: { $0.key < $1.key }) {
        rank -= members
        guard rank <= 0 else { continue }
        update.bind(wait, at: 1)
        update.bind(firstThreadID + Int64(place), at: 2)
        _ = try update.step()
        break
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
