internal import TraceModel

/// How long each vCPU waited for a CPU of the host, and on which memory nodes it ran, second by second; in a trace of
/// more than ``mostIntervals`` seconds by a few seconds, so that memory does not grow with its time span.
struct VCPUSeconds {
  /// A vCPU.
  struct VCPU: Hashable {
    let guest: String
    let name: String
  }

  /// The node of each CPU; empty where no file says it.
  var nodes: [Int64: Int64] = [:]
  /// The part of a guest's memory on each node, 0 to 1; empty where no file says it.
  var memory: [String: [Int64: Double]] = [:]

  private let from: Int64
  private let count: Int
  private var watched: [Int64: VCPU] = [:]
  private var waited: [VCPU: [Int64]] = [:]
  private var ran: [String: [Double]] = [:]
  private var remote: [String: [Double]] = [:]

  /// The length of an interval: whole seconds, in ns.
  private let length: Int64

  private static let second: Int64 = 1_000_000_000
  /// At most so many intervals of a trace.
  static let mostIntervals: Int64 = 4_096

  /// The whole seconds from the first to the last moment of a trace, ns on its clock.
  init(from: Int64, to: Int64) {
    self.from = from
    let seconds = max(0, (to - from) / Self.second)
    let together = max(1, (seconds + Self.mostIntervals - 1) / Self.mostIntervals)
    length = together * Self.second
    count = Int(seconds / together)
  }

  /// Follows a thread. Threads of one name add up.
  mutating func watch(_ thread: Int64, guest: String, name: String) {
    let vcpu = VCPU(guest: guest, name: name)
    watched[thread] = vcpu
    waited[vcpu] = waited[vcpu] ?? [Int64](repeating: 0, count: count)
    ran[guest] = ran[guest] ?? [Double](repeating: 0, count: count)
    remote[guest] = remote[guest] ?? [Double](repeating: 0, count: count)
  }

  /// Takes a stay on a CPU and the wait before it.
  mutating func add(_ slice: ThreadSlice) {
    guard count > 0, slice.isPossible, let vcpu = watched[slice.thread] else { return }
    if slice.wait != .min {
      share(slice.began - slice.wait, slice.began) { waited[vcpu]?[$0] += $1 }
    }
    if slice.run != .min, let node = nodes[Int64(slice.cpu)], let memory = memory[vcpu.guest] {
      let away = 1 - (memory[node] ?? 0)
      share(slice.began, slice.began + slice.run) { interval, time in
        ran[vcpu.guest]?[interval] += Double(time)
        remote[vcpu.guest]?[interval] += away * Double(time)
      }
    }
  }

  /// Hands out the parts of a stretch of time, interval by interval.
  private func share(_ begin: Int64, _ end: Int64, _ body: (Int, Int64) -> Void) {
    var at = max(begin, from)
    let last = min(end, from + Int64(count) * length)
    while at < last {
      let place = (at - from) / length
      let border = min(last, from + (place + 1) * length)
      body(Int(place), border - at)
      at = border
    }
  }

  private func points(_ amounts: (Int) -> (Double, Double)) -> [MeasuredSeries.Point] {
    (0..<count).map { interval in
      let (amount, base) = amounts(interval)
      return MeasuredSeries.Point(
        at: from + Int64(interval) * length, length: length, amount: amount, base: base)
    }
  }

  /// Waits in ms of each interval, to be divided by its seconds.
  var waits: [VCPU: [MeasuredSeries.Point]] {
    let seconds = Double(length / Self.second)
    return waited.mapValues { times in points { (Double(times[$0]) / 1e6, seconds) } }
  }

  /// The part of its time on a CPU, in percent, that a guest ran on nodes where its memory was not, if it
  /// uses all of it alike; weighted by how long it ran. Guests of which the nodes are not known are left out.
  var remoteShares: [String: [MeasuredSeries.Point]] {
    ran.filter { $0.value.contains { $0 > 0 } }.reduce(into: [:]) { shares, guest in
      guard let away = remote[guest.key] else { return }
      shares[guest.key] = points { (100 * away[$0], guest.value[$0]) }
    }
  }
}
