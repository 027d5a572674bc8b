public import TraceModel

/// How much of the waits of some threads for a CPU lies in times in which another CPU that they may use was idle.
///
/// Slices come in the order in which their stays ended; once nothing to come reaches before a moment, the waits that
/// ended before it are settled. Kept is what lies between, not the trace.
public struct AvoidableWaits {
  /// What became of a thread's waits.
  public struct Sum: Sendable, Equatable {
    /// Its waits, ns.
    public var waited: Int64 = 0
    /// The part of them in which at least one other CPU that it may use was idle, ns.
    public var avoidable: Int64 = 0
    /// How long each such CPU was idle meanwhile, ns.
    public var idle: [Int32: Int64] = [:]
  }

  /// By thread.
  public private(set) var sums: [Int64: Sum] = [:]

  private struct Wait {
    let thread: Int64
    let cpu: Int32
    let span: Span
  }

  private let allowed: [Int64: [Int32]]
  private let idle: Set<Int64>
  private var waits: [Wait] = []
  /// When each CPU was idle, in order.
  private var idles: [Int32: [Span]] = [:]

  /// `allowed`: the CPUs that a thread may use; `idle`: the CPUs' idle tasks.
  public init(allowed: [Int64: [Int32]], idle: Set<Int64>) {
    (self.allowed, self.idle) = (allowed, idle)
    for thread in allowed.keys { sums[thread] = Sum() }
  }

  /// Takes the next slice.
  public mutating func add(_ slice: ThreadSlice) {
    if idle.contains(slice.thread) {
      guard slice.run != .min, slice.run > 0 else { return }
      idles[slice.cpu, default: []].append(
        Span(from: slice.began, to: slice.began + slice.run))
    } else if let wait = Culprits.Wait(slice, segment: 0), allowed[wait.victim] != nil {
      waits.append(
        Wait(thread: wait.victim, cpu: wait.cpu, span: Span(from: wait.from, to: wait.to)))
    }
  }

  /// Nothing that is still to come reaches before this moment; nil: nothing is.
  public mutating func settle(before limit: Int64?) {
    let limit = limit ?? .max
    var open: [Wait] = []
    for wait in waits {
      if wait.span.to <= limit { settle(wait) } else { open.append(wait) }
    }
    waits = open
    let needed = waits.reduce(limit) { min($0, $1.span.from) }
    for (cpu, spans) in idles {
      idles[cpu] = Array(spans[spans.place(endingAfter: needed)...])
    }
  }

  private mutating func settle(_ wait: Wait) {
    var sum = sums[wait.thread] ?? Sum()
    sum.waited.add(saturating: wait.span.to - wait.span.from)
    var free: [Span] = []
    for cpu in allowed[wait.thread] ?? [] where cpu != wait.cpu {
      let own = (idles[cpu] ?? []).clipped(to: wait.span)
      guard !own.isEmpty else { continue }
      sum.idle[cpu, default: 0].add(saturating: own.reduce(0) { $0 + $1.to - $1.from })
      free += own
    }
    sum.avoidable.add(saturating: free.covered)
    sums[wait.thread] = sum
  }
}
