public import TraceModel

/// Waits that lasted for thousands of switches of their CPU: found in a first pass over the slices, blamed
/// in a second one, in memory that follows their number.
public struct StarvedWaits {
  /// How long, ns.
  public private(set) var blame: [Culprits.Pair: Int64] = [:]

  private let idle: Set<Int64>
  /// By stretch and CPU.
  private var queues: [Key: Queue] = [:]

  private struct Key: Hashable {
    let segment: Int32
    let cpu: Int32
  }

  private struct Queue {
    /// In order of their begin.
    var waits: [Culprits.Wait]
    /// How many have begun.
    var begun = 0
    /// The places of those that are not over.
    var open: [Int] = []
    /// How much of each is covered.
    var covered: [Int64]
  }

  init(_ waits: [Culprits.Wait], idle: Set<Int64>) {
    self.idle = idle
    for (key, own) in Dictionary(
      grouping: waits, by: { Key(segment: $0.segment, cpu: $0.cpu) })
    {
      queues[key] = Queue(
        waits: own.sorted { ($0.from, $0.to, $0.victim) < ($1.from, $1.to, $1.victim) },
        covered: [Int64](repeating: 0, count: own.count))
    }
  }

  /// Takes the next slice, in the same order as in the first pass.
  public mutating func add(_ slice: ThreadSlice, segment: Int32) {
    guard slice.run != .min, slice.run > 0 else { return }
    let key = Key(segment: segment, cpu: slice.cpu)
    guard var queue = queues.removeValue(forKey: key) else { return }
    let (from, to) = (slice.began, slice.began + slice.run)
    while queue.begun < queue.waits.count, queue.waits[queue.begun].from < to {
      queue.open.append(queue.begun)
      queue.begun += 1
    }
    if !queue.open.isEmpty {
      queue.open.removeAll { queue.waits[$0].to <= from }
      let isIdle = idle.contains(slice.thread)
      for place in queue.open {
        let wait = queue.waits[place]
        let part = min(to, wait.to) - max(from, wait.from)
        guard part > 0 else { continue }
        let occupant = wait.occupant(isIdle: isIdle, part)
        let pair = Culprits.Pair(
          victim: wait.victim, culprit: slice.thread, occupant: occupant)
        blame[pair, default: 0].add(saturating: part)
        queue.covered[place].add(saturating: part)
      }
    }
    queues[key] = queue
  }

  /// No more slices: what nobody covers is left as the rest.
  public mutating func finish() {
    for queue in queues.values {
      for (wait, covered) in zip(queue.waits, queue.covered) where wait.to - wait.from > covered {
        let pair = Culprits.Pair(victim: wait.victim, culprit: 0, occupant: .unseen)
        blame[pair, default: 0].add(saturating: wait.to - wait.from - covered)
      }
    }
    queues = [:]
  }
}
