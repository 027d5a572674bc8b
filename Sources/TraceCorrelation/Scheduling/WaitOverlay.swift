/// How much of the virtio halves of a guest's I/Os its threads on the host waited for a CPU.
///
/// On the way in: the vCPU that issued the request (the CPU of its `D`), until it has kicked, and the host
/// thread that queued it, which took it off the ring. On the way back: that host thread again, which reaps the
/// completion, and the vCPU that took the interrupt: the CPU of `C` in the guest's own trace. Where both
/// wait at once that counts once, so it is never more than the half itself.
public struct WaitOverlay: Sendable {
  /// One half of an I/O.
  public struct Half: Sendable {
    /// When, on the reference.
    public let span: Span
    /// The guest's CPU; negative where it is not known.
    let vcpu: Int32
    /// The id of the host's thread; 0 where it is not known.
    let worker: Int64

    /// Its begin, ns.
    public var from: Int64 { span.from }

    /// A half from a moment to another, which is no earlier unless the clocks' bound makes it so.
    public init(from: Int64, to: Int64, vcpu: Int32, worker: Int64) {
      span = Span(from: from, to: max(from, to))
      self.vcpu = vcpu
      self.worker = worker
    }
  }

  /// The numbers of the threads that are a guest's in one scheduler trace.
  public struct Threads: Sendable {
    /// Of its vCPUs, by the vCPU's number.
    public var vcpus: [Int64: Int64] = [:]
    /// Of all that work for it, by thread id.
    public var workers: [Int64: Int64] = [:]
    /// Of the one that serves its disks, where a kernel thread queued for it.
    public var fallback: Int64?

    /// No threads.
    public init() {}
  }

  private let threads: Threads
  private let known: Span

  /// Of a guest's threads; `known` is the span of the scheduler trace on the reference.
  public init(_ threads: Threads, known: Span) {
    self.threads = threads
    self.known = known
  }

  /// Whether anything can be said of a half: not where the scheduler trace does not cover it or none of its
  /// threads is known.
  public func covers(_ half: Half) -> Bool {
    half.span.from >= known.from && half.span.to <= known.to && !threads(of: half).isEmpty
  }

  /// The waits in the part of a half that lies in a window, ns. Those of all windows add up to the half's.
  public func wait(_ half: Half, in window: TimelineWindows.Window) -> Int64 {
    let part = Span(
      from: max(half.span.from, window.span.from), to: min(half.span.to, window.span.to))
    guard part.from < part.to else { return 0 }
    return threads(of: half).flatMap {
      window.timelines[$0]?.waits.clipped(to: part) ?? []
    }.covered
  }

  /// The numbers of the vCPU and of the host's thread that have to act in a half.
  public func victims(of half: Half) -> (vcpu: Int64?, worker: Int64?) {
    (
      half.vcpu < 0 ? nil : threads.vcpus[Int64(half.vcpu)],
      threads.workers[half.worker] ?? threads.fallback
    )
  }

  private func threads(of half: Half) -> [Int64] {
    let victims = victims(of: half)
    return [victims.vcpu, victims.worker].compactMap(\.self)
  }
}

/// Checks a guest's clock: what a vCPU does, it does while its thread is on a CPU of the host.
public struct RunCheck: Sendable {
  /// Moments that were checked.
  public private(set) var events = 0
  /// Those at which the thread was on no CPU, by more than the clocks' bounds.
  public private(set) var violations = 0
  /// How many would be, if the moments lay anywhere.
  public private(set) var expected = 0.0

  /// When a thread did something, on the reference: at the earliest and at the latest.
  private struct Moment {
    let span: Span
    let thread: Int64
  }

  private var moments: [Moment] = []
  private var sweep = BackwardSweep([]) { _ in 0 }

  /// Begins with moments on the reference, each with the bound of its clock, of threads that are known by
  /// their extents; `clock` is the scheduler trace's.
  public init(
    _ found: [(at: Int64, error: Int64, thread: Int64)], _ extents: [Int64: ThreadExtent],
    clock: SchedulerClock
  ) {
    for (thread, own) in Dictionary(grouping: found, by: \.thread).sorted(by: { $0.key < $1.key }) {
      guard let extent = extents[thread], let seen = extent.seen(on: clock) else { continue }
      let idle = 1 - Double(extent.ran) / Double(seen.to - seen.from)
      for (at, error, _) in own where at - error > seen.from && at + error < seen.to {
        events += 1
        expected += max(0, idle)
        moments.append(Moment(span: Span(from: at - error, to: at + error), thread: thread))
      }
    }
    sweep = BackwardSweep((0..<moments.count).map(Int32.init)) { [moments] in
      moments[Int($0)].span.to
    }
  }

  /// Checks what has a part in the next window of the trace, which is read from its end to its begin.
  public mutating func check(_ window: TimelineWindows.Window) {
    var missed = 0
    sweep.visit(endingSince: window.span.from, end: { [moments] in moments[Int($0)].span.to }) {
      let moment = moments[Int($0)]
      if let runs = window.timelines[moment.thread]?.runs {
        let place = runs.place(endingAfter: moment.span.from)
        if place < runs.count, runs[place].from <= moment.span.to { return false }
      }
      if moment.span.from >= window.span.from {
        missed += 1
        return false
      }
      return true
    }
    violations += missed
  }

  /// Two checks that are over, together.
  public static func + (left: RunCheck, right: RunCheck) -> RunCheck {
    var sum = left
    sum.events += right.events
    sum.violations += right.violations
    sum.expected += right.expected
    return sum
  }
}
