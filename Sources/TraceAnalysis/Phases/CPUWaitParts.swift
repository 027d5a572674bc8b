internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Shares out the waits for a CPU within the halves of the virtio queue of a guest's I/Os by who was on that CPU, while a
/// host's scheduler trace is read forward.
///
/// Of `submit_cpu_wait_ns` and `return_cpu_wait_ns`, which say when the vCPU or the host's thread that queued the request
/// waited, it is the part in which that thread had to act. On the way in that is the vCPU until the host's thread wakes up
/// (where it is awake already, it has nothing to tell it), then the host's thread. On the way back it is the host's thread
/// until it gets onto a CPU, then the vCPU. What lies before a moment goes out as soon as no part before it can come any
/// more, so that memory follows what lies between two such moments; of the I/Os their numbers are kept in the order of
/// their begins.
final class CPUWaitParts {
  /// A wait, or a stay on a CPU.
  fileprivate struct Segment {
    var from: Int64
    let to: Int64
    /// Whose it is; nil for a stay.
    let part: Int?
  }

  /// An I/O that is under way, and whether in each half the one who has to act first is done.
  private struct Open {
    let number: Int32
    var isSubmitted = false
    var isReturned = false
  }

  /// A disk whose I/Os were followed.
  private struct Disk {
    let ios: [GuestIO]
    let device: Int
    let halves: IOHalves
    /// Those that did not begin, the first last; and those that are not over.
    var waiting: [Int32]
    var open: [Open] = []
  }

  let victims: Set<Int64>
  private let overlay: WaitOverlay
  private let clock: SchedulerClock
  private let part: (Culprits.Pair) -> Int
  private let population: PhasePopulation
  /// Columns of the parts of either half.
  private let columns: (submit: [Int], back: [Int])
  private var disks: [Disk] = []
  /// Which part it is.
  private var known = Culprits.PairMemo<Int>()
  /// By thread, what did not go out.
  private var pending: [Int64: [Segment]] = [:]

  /// Of a guest's threads in a trace; `known` is its span on the reference. `parts` are those of `sums` that are waits for
  /// a CPU, and `part` says which of them a culprit is.
  init(
    _ threads: WaitOverlay.Threads, known: Span, _ clock: SchedulerClock,
    _ population: PhasePopulation, _ parts: [HopPart], _ sums: PartSums,
    part: @escaping (Culprits.Pair) -> Int
  ) {
    func columns(_ hop: Hop) -> [Int] {
      parts.map { part in sums.columns.firstIndex { $0 == .init(hop: hop, part: part) } ?? 0 }
    }
    self.columns = (columns(.virtioSubmit), columns(.virtioReturn))
    (self.population, self.part, self.clock) = (population, part, clock)
    victims = Set(threads.vcpus.values).union(threads.workers.values)
    overlay = WaitOverlay(threads, known: known)
  }

  /// Takes the I/Os of a disk, in the order of their requests.
  func add(_ ios: [GuestIO], device: Int, _ halves: IOHalves) {
    let waiting = halves.followed.lazy.map { (begin: halves.begin(ios[Int($0)]), number: $0) }
      .sorted { ($1.begin, $1.number) < ($0.begin, $0.number) }.map(\.number)
    disks.append(Disk(ios: ios, device: device, halves: halves, waiting: waiting))
  }

  /// Takes a part of a wait.
  func add(_ part: Culprits.Part) {
    add(part.pair.victim, part.span, known.value(of: part, self.part))
  }

  /// Takes a stay of one of the victims on a CPU, on the trace's clock.
  func addStay(_ thread: Int64, _ span: Span) { add(thread, span, nil) }

  private func add(_ thread: Int64, _ span: Span, _ part: Int?) {
    let (from, to) = (clock.reference(span.from), clock.reference(span.to))
    guard to > from else { return }
    pending[thread, default: []].append(Segment(from: from, to: to, part: part))
  }

  /// Lays all that lies before a moment of the trace over the I/Os; nil for all that is left.
  func flush(before moment: Int64?, to sums: inout PartSums) {
    let until = moment.map(clock.reference) ?? .max
    var segments: [Int64: [Segment]] = [:]
    for thread in Array(pending.keys) {
      guard var own = pending.removeValue(forKey: thread) else { continue }
      own.sort { ($0.from, $0.to) < ($1.from, $1.to) }
      var last = Int64.min
      var ready: [Segment] = []
      var rest: [Segment] = []
      for var segment in own {
        segment.from = max(segment.from, last)
        guard segment.to > segment.from else { continue }
        last = segment.to
        if segment.from >= until {
          rest.append(segment)
        } else if segment.to > until {
          ready.append(Segment(from: segment.from, to: until, part: segment.part))
          rest.append(Segment(from: until, to: segment.to, part: segment.part))
        } else {
          ready.append(segment)
        }
      }
      if !rest.isEmpty { pending[thread] = rest }
      if !ready.isEmpty { segments[thread] = ready }
    }
    for place in disks.indices { lay(segments, until, &disks[place], &sums) }
  }

  private func lay(
    _ segments: [Int64: [Segment]], _ until: Int64, _ disk: inout Disk, _ sums: inout PartSums
  ) {
    while let next = disk.waiting.last, disk.halves.begin(disk.ios[Int(next)]) < until {
      disk.open.append(Open(number: next))
      disk.waiting.removeLast()
    }
    let (ios, halves, device) = (disk.ios, disk.halves, disk.device)
    var left = 0
    for place in disk.open.indices {
      var own = disk.open[place]
      let io = ios[Int(own.number)]
      guard let (submit, back) = halves.halves(io, Int(own.number)),
        let moment = population.moment(of: io)
      else { continue }
      if io.submitCPUWait.isSeen {
        let threads = overlay.victims(of: submit)
        let worker = segments[threads.worker]
        // It is awake when it waits, too.
        Self.lay(
          submit.span, segments[threads.vcpu], worker, isDone: &own.isSubmitted,
          when: Self.first(worker, after: submit.from) { _ in true }
        ) { part, time in
          sums.add(time, column: columns.submit[part], io, device: device, at: moment)
        }
      }
      if io.returnCPUWait.isSeen {
        let threads = overlay.victims(of: back)
        // A thread that is not known has nothing to do.
        if threads.worker == nil { own.isReturned = true }
        let worker = segments[threads.worker]
        Self.lay(
          back.span, worker, segments[threads.vcpu], isDone: &own.isReturned,
          when: Self.first(worker, after: back.from) { $0.part == nil }
        ) { part, time in
          sums.add(time, column: columns.back[part], io, device: device, at: moment)
        }
      }
      guard halves.end(io) > until else { continue }
      disk.open[left] = own
      left += 1
    }
    disk.open.removeSubrange(left...)
  }

  /// Lays over a half the waits of the thread that has to act first and, from the begin of what shows that it is done, of
  /// the other one.
  private static func lay(
    _ half: Span, _ first: [Segment]?, _ second: [Segment]?, isDone: inout Bool,
    when done: Segment?, _ body: (_ part: Int, _ time: Int64) -> Void
  ) {
    guard half.to > half.from else { return }
    var change = isDone ? half.from : half.to
    if !isDone, let done, done.from < half.to {
      change = max(half.from, done.from)
      isDone = true
    }
    add(first, Span(from: half.from, to: change), body)
    add(second, Span(from: change, to: half.to), body)
  }

  /// The first that ends behind a moment and is one that is looked for.
  private static func first(
    _ segments: [Segment]?, after moment: Int64, _ isLookedFor: (Segment) -> Bool
  ) -> Segment? {
    guard let segments else { return nil }
    return segments[segments.partitioningIndex { $0.to > moment }...].first(where: isLookedFor)
  }

  private static func add(
    _ segments: [Segment]?, _ span: Span, _ body: (_ part: Int, _ time: Int64) -> Void
  ) {
    guard let segments, span.to > span.from else { return }
    var place = segments.partitioningIndex { $0.to > span.from }
    while place < segments.count, segments[place].from < span.to {
      let own = segments[place]
      if let part = own.part { body(part, min(own.to, span.to) - max(own.from, span.from)) }
      place += 1
    }
  }
}

extension [Int64: [CPUWaitParts.Segment]] {
  fileprivate subscript(thread: Int64?) -> Value? { thread.flatMap { self[$0] } }
}

/// The names of those behind whom a guest's threads waited for a CPU.
struct CPUWaitNames {
  /// In the order of their columns; the last is for all others.
  let parts: [HopPart]
  private let places: [HopPart: Int]

  /// Names that have a part of their own.
  private static let most = 12

  /// Out of all that a guest's threads waited for in the traces of its host.
  init(of guest: String, _ traces: [ThreadFindings.Trace], _ owners: [Int64: ThreadOwners.Owner]) {
    var sums: [HopPart: Int64] = [:]
    for trace in traces where trace.machine.layer == .host {
      for (pair, kind, wait) in trace.blame where owners[pair.victim]?.guest == guest {
        let part = Self.part(kind, pair.culprit, of: guest, trace, owners)
        sums[part, default: 0].add(saturating: wait)
      }
    }
    let words = sums.keys.filter { $0.name == nil && $0.word != HopPart.others }
    let named = sums.filter { $0.key.name != nil }
      .sorted { ($1.value, $0.key.name ?? "") < ($0.value, $1.key.name ?? "") }
      .prefix(Self.most).map(\.key)
    parts =
      named + words.sorted { ($0.word ?? "") < ($1.word ?? "") }
      + [HopPart(.cpuWait, word: HopPart.others)]
    places = Dictionary(uniqueKeysWithValues: parts.enumerated().map { ($1, $0) })
  }

  /// Which of them a culprit is.
  func place(
    of pair: Culprits.Pair, _ guest: String, _ trace: ThreadFindings.Trace,
    _ owners: [Int64: ThreadOwners.Owner]
  ) -> Int {
    let kind = CulpritClass(
      pair.occupant, victim: owners[pair.victim], culprit: owners[pair.culprit],
      isThrottled: trace.throttling.holds(pair.victim, owners: owners))
    return places[Self.part(kind, pair.culprit, of: guest, trace, owners)] ?? parts.count - 1
  }

  private static func part(
    _ kind: CulpritClass, _ culprit: Int64, of guest: String, _ trace: ThreadFindings.Trace,
    _ owners: [Int64: ThreadOwners.Owner]
  ) -> HopPart {
    let name = trace.threads[culprit]?.name ?? ""
    func named(_ name: String) -> HopPart {
      name.isEmpty
        ? HopPart(.cpuWait, word: HopPart.others) : HopPart(.cpuWait, name: name)
    }
    switch kind {
    case .host:
      return CauseCorrelation.recorders.contains(name)
        ? HopPart(.cpuWait, word: HopPart.recorder) : named(name)
    case .guest: return named(owners[culprit]?.guest ?? name)
    case .sibling: return named(guest)
    case .kernel: return HopPart(.cpuWait, word: HopPart.kernel)
    case .throttled: return HopPart(.cpuWait, word: HopPart.throttled)
    case .unknown: return HopPart(.cpuWait, word: HopPart.nobody)
    }
  }
}
