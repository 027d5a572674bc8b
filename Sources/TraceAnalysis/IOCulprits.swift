internal import TraceCorrelation
internal import TraceModel
public import TraceStore

/// Who was on the CPU while a single I/O's vCPU or host thread waited for it, on its way in and back.
///
/// The halves and the threads are those that `submit_cpu_wait_ns` and `return_cpu_wait_ns` are about.
/// Computed for a few I/Os when they are shown, out of the slices of their time.
public struct IOCulprits: Sendable, Equatable {
  /// Threads of one name and guest.
  public struct Part: Sendable, Equatable {
    /// Their name; `(idle CPU)` where the CPU woke up or a quota held the thread back.
    public let name: String
    /// The guest they work for.
    public let guest: String?
    /// How long one of them was on the CPU while the I/O waited for it, ns.
    public let wait: Int64
  }

  /// On the way in, most first.
  public var submit: [Part] = []
  /// On the way back, most first.
  public var back: [Part] = []

  /// Those of an I/O, most first.
  public init(submit: [Part] = [], back: [Part] = []) {
    self.submit = submit
    self.back = back
  }

  /// Finds them, by the number of the I/O; an I/O that no scheduler trace of its host covers has none.
  public static func find(_ ios: [IORow], in file: IncidentFile) throws -> [Int64: IOCulprits] {
    let timed = ios.filter { $0.times[.virtioQueue].isSeen }
    guard !timed.isEmpty else { return [:] }
    let sides = try Dictionary(
      uniqueKeysWithValues: Set(timed.map(\.guest)).map {
        ($0, try GuestSide.all(of: $0, in: file))
      })
    guard sides.values.contains(where: { !$0.isEmpty }) else { return [:] }
    let threads = try threads(of: timed, in: file)
    var found: [Int64: IOCulprits] = [:]
    for io in timed {
      guard let own = threads[io.id], let halves = Halves(io) else { continue }
      for side in sides[io.guest] ?? [] {
        let culprits = try side.culprits(halves, own, in: file)
        if !culprits.submit.isEmpty || !culprits.back.isEmpty { found[io.id] = culprits }
      }
    }
    return found
  }

  /// The guest's CPUs on which an I/O was issued and completed, and the host's thread that queued it.
  fileprivate struct Threads {
    let issued: Int64?
    let completed: Int64?
    let host: Int64?
  }

  private static func threads(
    of ios: [IORow], in file: IncidentFile
  ) throws -> [Int64: Threads] {
    let rows = try file.rows(
      """
      SELECT io_id, own.issued_cpu, own.completed_cpu, task.pid AS host_tid
      FROM guest_io
      JOIN request AS own USING (request_id)
      LEFT JOIN block_request AS below ON below.request_id = guest_io.host_request_id
      LEFT JOIN block_kind ON block_kind.kind_id = below.kind_id
      LEFT JOIN task ON task.task_id = block_kind.task_id
      WHERE io_id IN (\(ios.map { "\($0.id)" }.joined(separator: ", ")))
      """)
    return Dictionary(
      rows.compactMap { row in
        row.integer("io_id").map {
          (
            $0,
            Threads(
              issued: row.integer("issued_cpu"), completed: row.integer("completed_cpu"),
              host: row.integer("host_tid"))
          )
        }
      }, uniquingKeysWith: { first, _ in first })
  }

  /// The two halves of the virtio queue on the reference timeline.
  fileprivate struct Halves {
    let submit: Span
    let back: Span

    /// Nil for an I/O that was not followed, or whose bound makes a half end before it begins.
    init?(_ io: IORow) {
      let times = io.times
      guard let start = io.reference, times[.guestScheduler].isSeen,
        let issued = times.begin(of: .virtioSubmit, from: start),
        let queued = times.end(of: .virtioSubmit, from: start),
        let completed = times.begin(of: .virtioReturn, from: start),
        let end = times.end(of: .virtioReturn, from: start)
      else { return nil }
      submit = Span(from: issued, to: max(issued, queued))
      back = Span(from: completed, to: max(completed, end))
    }
  }
}

/// A guest's threads in one scheduler trace of its host.
private struct GuestSide {
  let source: Int64
  var vcpus: [Int64: Int64] = [:]
  var byThreadID: [Int64: Int64] = [:]
  /// The one that serves its disks where a kernel thread queued for it.
  var fallback: Int64?
  /// The trace's.
  let clock: StoredClock

  static func all(of guest: String, in file: IncidentFile) throws -> [GuestSide] {
    // A host's trace may have hundreds of thousands of threads, of which few work for a guest.
    let rows = try file.rows(
      """
      SELECT source_id, thread_id, tid, role, vcpu FROM thread_wait JOIN source USING (source_id)
      WHERE guest = \(Evidence.literal(guest)) AND source.layer = 'host' AND segment = 0
      ORDER BY source_id, thread_id
      """)
    return try Dictionary(grouping: rows, by: { $0.integer("source_id") ?? 0 })
      .sorted { $0.key < $1.key }
      .compactMap { source, own in try GuestSide(source, own, in: file) }
  }

  /// From the guest's threads in it; nil where it shows none of its virtual CPUs, or no clock ties it to the
  /// reference.
  private init?(_ source: Int64, _ rows: [QueryRow], in file: IncidentFile) throws {
    guard let clock = try file.storedClock(of: source) else { return nil }
    (self.source, self.clock) = (source, clock)
    var workers: [ThreadRole: [Int64]] = [:]
    for row in rows {
      guard let thread = row.integer("thread_id"), let tid = row.integer("tid"),
        let role = row.text("role").flatMap(ThreadRole.init(name:))
      else { continue }
      if role == .vcpu, let number = row.integer("vcpu") { vcpus[number] = thread }
      byThreadID[tid] = thread
      workers[role, default: []].append(thread)
    }
    guard !vcpus.isEmpty else { return nil }
    let served = workers[.iothread] ?? workers[.emulator] ?? []
    fallback = served.count == 1 ? served[0] : nil
  }

  func culprits(
    _ halves: IOCulprits.Halves, _ threads: IOCulprits.Threads, in file: IncidentFile
  ) throws -> IOCulprits {
    let worker = threads.host.flatMap { byThreadID[$0] } ?? fallback
    let submit = victims(threads.issued, worker)
    let back = victims(threads.completed, worker)
    var waits: [(thread: Int64, cpu: Int32, span: Span)] = []
    var stays: [(thread: Int64, cpu: Int32, span: Span)] = []
    try file.forEachSlice(
      of: source, from: clock.own(halves.submit.from), to: clock.own(halves.back.to)
    ) { slice in
      if slice.wait != .min, slice.wait > 0,
        submit.contains(slice.thread) || back.contains(slice.thread)
      {
        let span = Span(
          from: clock.reference(slice.began - slice.wait), to: clock.reference(slice.began))
        waits.append((slice.thread, slice.waitCPU < 0 ? slice.cpu : slice.waitCPU, span))
      }
      if slice.run != .min, slice.run > 0 {
        let span = Span(
          from: clock.reference(slice.began), to: clock.reference(slice.began + slice.run))
        stays.append((slice.thread, slice.cpu, span))
      }
    }
    // Of those that were on a CPU in this time few had one that was waited for.
    stays.removeAll { stay in
      !waits.contains { $0.cpu == stay.cpu && $0.span.overlap(stay.span) > 0 }
    }
    let names = try Self.names(of: Set(stays.map(\.thread)), in: file)
    func parts(_ half: Span, _ victims: Set<Int64>) -> [IOCulprits.Part] {
      var spans: [String: (guest: String?, name: String, spans: [Span])] = [:]
      for wait in waits where victims.contains(wait.thread) && wait.span.overlap(half) > 0 {
        let part = Span(from: max(wait.span.from, half.from), to: min(wait.span.to, half.to))
        for stay in stays where stay.cpu == wait.cpu && stay.span.overlap(part) > 0 {
          let (name, guest) = names[stay.thread] ?? ("(idle CPU)", nil)
          spans["\(name)\0\(guest ?? "")", default: (guest, name, [])].spans.append(
            Span(from: max(stay.span.from, part.from), to: min(stay.span.to, part.to)))
        }
      }
      return spans.values.map {
        IOCulprits.Part(name: $0.name, guest: $0.guest, wait: $0.spans.covered)
      }.sorted { ($1.wait, $0.name, $0.guest ?? "") < ($0.wait, $1.name, $1.guest ?? "") }
    }
    return IOCulprits(submit: parts(halves.submit, submit), back: parts(halves.back, back))
  }

  /// The names of threads and the guests they work for, by number; the idle tasks of CPUs have none.
  private static func names(
    of threads: Set<Int64>, in file: IncidentFile
  ) throws -> [Int64: (name: String, guest: String?)] {
    guard !threads.isEmpty else { return [:] }
    let rows = try file.rows(
      """
      SELECT thread_id, comm, guest FROM thread_wait
      WHERE thread_id IN (\(threads.sorted().map { "\($0)" }.joined(separator: ", ")))
      """)
    return Dictionary(
      rows.compactMap { row in
        row.integer("thread_id").map { ($0, (row.text("comm") ?? "", row.text("guest"))) }
      }, uniquingKeysWith: { first, _ in first })
  }

  private func victims(_ vcpu: Int64?, _ worker: Int64?) -> Set<Int64> {
    Set([vcpu.flatMap { vcpus[$0] }, worker].compactMap(\.self))
  }
}
