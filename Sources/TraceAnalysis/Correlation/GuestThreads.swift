internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// A guest's threads in one host's scheduler trace, whose clock is tied to the reference.
struct GuestThreads {
  let source: Int64
  /// Of the trace, on the reference.
  let span: Span
  let clock: SchedulerClock
  let numbers: WaitOverlay.Threads
  /// Of its vCPUs.
  let extents: [Int64: ThreadExtent]
  /// The largest bound of the trace's clock, ns.
  let error: Int64
  /// By what part the kernel's own sum of its vCPUs' waits differs from the waits between switches; nil where the
  /// trace does not have that sum.
  let kernelDifference: Double?

  /// Nil where the trace shows none of the guest's vCPUs, or no clock ties it to the reference.
  init?(
    of guest: String, _ trace: ThreadFindings.Trace, _ owners: [Int64: ThreadOwners.Owner]
  ) {
    guard trace.machine.layer == .host, let clock = trace.clock else { return nil }
    var numbers = WaitOverlay.Threads()
    var serving: [ThreadRole: [Int64]] = [:]
    // Of threads that had one number one after the other, the last.
    for number in trace.extents.keys.sorted() {
      guard let owner = owners[number], owner.guest == guest, let thread = trace.threads[number]
      else { continue }
      if owner.role == .vcpu { numbers.vcpus[owner.vcpu ?? -1 - thread.tid] = number }
      numbers.workers[thread.tid] = number
      serving[owner.role, default: []].append(number)
    }
    guard !numbers.vcpus.isEmpty else { return nil }
    // Where a kernel thread queued for the guest, its iothread did the rest, if it has but one.
    let served = serving[.iothread] ?? serving[.emulator] ?? []
    numbers.fallback = served.count == 1 ? served[0] : nil
    let vcpus = numbers.vcpus.values.compactMap { trace.threads[$0] }
    let waited = vcpus.reduce(0) { $0 + Double($1.wait) }
    let kernel = vcpus.compactMap(\.kernelWait)
    kernelDifference =
      kernel.count == vcpus.count && waited > 0
      ? abs(kernel.reduce(0) { $0 + Double($1) } / waited - 1) : nil
    source = trace.source
    span = Span(
      from: clock.reference(trace.span.from), to: clock.reference(trace.span.to))
    self.clock = clock
    self.numbers = numbers
    extents = trace.extents.filter { numbers.vcpus.values.contains($0.key) }
    error = max(clock.error(at: trace.span.from), clock.error(at: trace.span.to))
  }
}
