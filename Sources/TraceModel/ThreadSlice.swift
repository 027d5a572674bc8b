/// How a thread left a CPU.
public enum LeaveReason: UInt8, CodedVocabulary {
  /// The trace does not say (its end, a hole, a report without states).
  case unknown = 0
  /// `R+`, `S+`: something else was given the CPU; the thread stays on the run queue.
  case preempted = 1
  /// `R`: it gave up the CPU and stays on the run queue. Old plugin text prints preemption so, too.
  case yielded = 2
  /// `S`: waits for an event.
  case sleeping = 3
  /// `D`: waits for I/O or a lock and cannot be interrupted.
  case blocked = 4
  /// `I`: a kernel thread without work.
  case idle = 5
  /// `T`, `t`: stopped by a signal or a tracer.
  case stopped = 6
  /// `X`, `Z`: it has ended.
  case dead = 7
  /// `P`, `K` and states of other kernels: not runnable.
  case other = 8

  /// The name in views.
  public var name: String {
    switch self {
    case .unknown: ""
    case .preempted: "preempted"
    case .yielded: "yielded"
    case .sleeping: "sleeping"
    case .blocked: "blocked"
    case .idle: "idle"
    case .stopped: "stopped"
    case .dead: "dead"
    case .other: "other"
    }
  }

  /// Whether the thread waits for a CPU from then on.
  @inlinable
  public var isRunnable: Bool { self == .preempted || self == .yielded }
}

/// Why a thread had to wait for a CPU.
public enum WaitCause: UInt8, CodedVocabulary {
  /// No wait was seen.
  case none = 0
  /// It was woken.
  case woken = 1
  /// It was started.
  case created = 2
  /// It was taken off a CPU while it could run.
  case preempted = 3
  /// It gave up a CPU while it could run.
  case yielded = 4

  /// The name in views.
  public var name: String {
    switch self {
    case .none: ""
    case .woken: "woken"
    case .created: "created"
    case .preempted: "preempted"
    case .yielded: "yielded"
    }
  }
}

/// One stay of a thread on a CPU with the wait for a CPU before it: what ends at a switch.
///
/// Half of it may be unseen. The edges that the trace does not show are never guessed.
public struct ThreadSlice: Sendable {
  /// When it got the CPU, ns on the source's clock.
  public var began: Int64 = 0
  /// How long it had waited for it, ns; `Int64.min`: not seen.
  public var wait = Int64.min
  /// How long it then ran, ns; `Int64.min`: its end was not seen.
  public var run = Int64.min
  /// Where the switch that gave it the CPU stands in the file, from 1.
  public var line: Int64 = 0
  /// The thread: a number from ``EventSink/nextThreadID()``.
  public var thread: Int64 = 0
  /// The CPU.
  public var cpu: Int32 = 0
  /// The CPU on whose queue it waited last; -1: not seen.
  public var waitCPU: Int32 = -1
  /// Why it waited.
  public var cause = WaitCause.none
  /// How it left.
  public var left = LeaveReason.unknown

  /// A slice of which nothing is known yet.
  @inlinable
  public init() {}

  /// Whether its numbers are such as an ingest writes; those out of a damaged file need not be.
  @inlinable
  public var isPossible: Bool {
    (0..<1 << 16).contains(cpu) && (-1..<1 << 16).contains(waitCPU)
      && Stamp.range.contains(began)
      && (wait == .min || (0...Stamp.range.upperBound).contains(wait))
      && (run == .min || (0...Stamp.range.upperBound).contains(run))
  }

  /// Whether and how long it waited has become doubtful.
  public mutating func forgetWait() {
    wait = .min
    cause = .none
    waitCPU = -1
  }

  /// The same, of which nothing is known of a wait.
  public var withoutWait: ThreadSlice {
    var slice = self
    slice.forgetWait()
    return slice
  }
}

/// A thread from its first to its last event in one stretch of a source.
public struct TracedThread: Sendable {
  /// Its number, from ``EventSink/nextThreadID()``.
  public var id: Int64 = 0
  /// Thread id; 0 for the idle task of a CPU.
  public var tid: UInt32 = 0
  /// Process id; 0 where the trace does not say.
  public var pid: UInt32 = 0
  /// Its last name in the payload of scheduler events.
  public var name = TaskName()
  /// The stretch of the source.
  public var segment: Int32 = 0
  /// Sum of its whole stays on a CPU, ns.
  public var run: Int64 = 0
  /// How many.
  public var runs: Int64 = 0
  /// Sum of its whole waits for a CPU, ns.
  public var wait: Int64 = 0
  /// How many.
  public var waits: Int64 = 0
  /// The longest, ns.
  public var longestWait: Int64 = 0
  /// What the kernel itself counted as time on the run queue (`sched_stat_wait`), ns; `Int64.min`: the
  /// trace has no such events.
  public var kernelWait: Int64 = 0
  /// How often it was moved to another CPU.
  public var migrations: Int64 = 0

  /// A thread of which nothing is known yet.
  @inlinable
  public init() {}

  /// Adds what is known of a slice of this thread.
  public mutating func add(_ slice: ThreadSlice) {
    if slice.run != .min {
      run.add(saturating: slice.run)
      runs += 1
    }
    if slice.wait != .min {
      wait.add(saturating: slice.wait)
      waits += 1
      longestWait = Swift.max(longestWait, slice.wait)
    }
  }

  /// Adds the sums of another thread.
  public mutating func add(_ other: TracedThread) {
    run.add(saturating: other.run)
    runs += other.runs
    wait.add(saturating: other.wait)
    waits += other.waits
    longestWait = Swift.max(longestWait, other.longestWait)
    migrations += other.migrations
    if other.kernelWait != .min {
      kernelWait = kernelWait == .min ? 0 : kernelWait
      kernelWait.add(saturating: other.kernelWait)
    }
  }
}

/// A row of `perf sched latency`: what perf itself made of a trace.
public struct SchedLatencyRow: Sendable {
  /// Name of the task.
  public var name = ""
  /// Thread id; nil where threads of one name were added up.
  public var tid: Int64?
  /// How many threads were added up.
  public var threads: Int64 = 1
  /// Time on a CPU, ns.
  public var run: Int64 = 0
  /// How often it was switched in.
  public var switches: Int64 = 0
  /// Mean delay between wakeup and run, ns.
  public var meanDelay: Int64?
  /// The longest, ns.
  public var longestDelay: Int64?
  /// Where the longest began and ended, ns on perf's clock.
  public var longestFrom: Int64?
  /// Its end.
  public var longestTo: Int64?
  /// Where it stands in the file, from 1.
  public var line: Int64 = 0

  /// An empty row.
  public init() {}
}

/// Slices and threads that are complete.
public struct SchedBatch: Sendable {
  /// Stays on a CPU, in the order in which they ended.
  public var slices: [ThreadSlice] = []
  /// Threads that have ended or are over with the trace; their slices came before.
  public var threads: [TracedThread] = []
  /// Rows of a report.
  public var latencies: [SchedLatencyRow] = []

  /// An empty batch.
  public init() {}

  /// How many rows it holds.
  public var count: Int { slices.count + threads.count + latencies.count }

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    slices.removeAll(keepingCapacity: true)
    threads.removeAll(keepingCapacity: true)
    latencies.removeAll(keepingCapacity: true)
  }
}
