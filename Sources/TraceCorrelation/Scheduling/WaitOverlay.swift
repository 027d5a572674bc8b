/// How much of the virtio halves of a guest's I/Os its threads on the host waited for a CPU.
///
/// On the way in: the vCPU that issued the request (the CPU of its `D`), until it has kicked, and the host
/// thread that queued it, which took it off the ring. On the way back: that host thread again, which reaps the
/// completion, and the vCPU that took the interrupt: the CPU of `C` in the guest's own trace. Where both
/// wait at once that counts once, so it is never more than the half itself.
public struct WaitOverlay: Sendable {
  private let vcpus: [Int64: ThreadTimeline]
  private let threads: [Int64: ThreadTimeline]
  private let fallback: ThreadTimeline?
  private let known: Span

  /// Timelines on the reference: of the guest's vCPUs by number, of the host's threads that work for it
  /// by thread id, and the one that serves its disks where a kernel thread queued for it. `known` is the
  /// span of the scheduler trace.
  public init(
    vcpus: [Int64: ThreadTimeline], threads: [Int64: ThreadTimeline], fallback: ThreadTimeline?,
    known: Span
  ) {
    self.vcpus = vcpus
    self.threads = threads
    self.fallback = fallback
    self.known = known
  }

  /// The waits in the half from `from` to `to`, ns; nil where the scheduler trace does not cover it or none of
  /// its threads is known.
  public func wait(from: Int64, to: Int64, vcpu: Int32, thread: Int64) -> Int64? {
    let half = Span(from: from, to: max(from, to))
    guard half.from >= known.from, half.to <= known.to else { return nil }
    let timelines = [vcpu < 0 ? nil : vcpus[Int64(vcpu)], threads[thread] ?? fallback]
      .compactMap(\.self)
    guard !timelines.isEmpty else { return nil }
    return timelines.flatMap { $0.waits.clipped(to: half) }.covered
  }
}

/// Checks a guest's clock: what a vCPU does, it does while its thread is on a CPU of the host.
public struct RunCheck: Sendable, Equatable {
  /// Moments that were checked.
  public private(set) var events = 0
  /// Those at which the thread was on no CPU, by more than the clocks' bounds.
  public private(set) var violations = 0
  /// How many would be, if the moments lay anywhere.
  public private(set) var expected = 0.0

  /// Nothing checked yet.
  public init() {}

  /// Checks moments on the reference, each with the bound of its clock, against a vCPU's timeline.
  public mutating func add(_ moments: [(at: Int64, error: Int64)], _ timeline: ThreadTimeline) {
    guard let seen = timeline.seen else { return }
    let ran = timeline.runs.reduce(0) { $0 + $1.to - $1.from }
    let idle = 1 - Double(ran) / Double(seen.to - seen.from)
    for (at, error) in moments where at - error > seen.from && at + error < seen.to {
      events += 1
      expected += max(0, idle)
      let place = timeline.runs.place(endingAfter: at - error)
      if place >= timeline.runs.count || timeline.runs[place].from > at + error { violations += 1 }
    }
  }
}
