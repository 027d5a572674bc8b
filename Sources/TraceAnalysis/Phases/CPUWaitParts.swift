internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Shares out the waits for a CPU within the halves of the virtio queue of a guest's I/Os by who was on that CPU, while a
/// host's scheduler trace is read forward.
///
/// The waits are those that `submit_cpu_wait_ns` and `return_cpu_wait_ns` add up: of the host's thread that queued the
/// request and of the vCPU. Where both wait at once the host's thread counts: the vCPU has nothing to do before it is
/// done. What lies before a moment goes out as soon as no part before it can come any more, so that memory follows what
/// lies between two such moments; of the I/Os their numbers are kept in the order of their begins.
final class CPUWaitParts {
  private struct Segment {
    var from: Int64
    let to: Int64
    let part: Int
  }

  /// A disk whose I/Os were followed.
  private struct Disk {
    let ios: [GuestIO]
    let device: Int
    let halves: IOHalves
    /// Those that did not begin, the first last; and those that are not over.
    var waiting: [Int32]
    var open: [Int32] = []
  }

  let victims: Set<Int64>
  private let overlay: WaitOverlay
  private let clock: SchedulerClock
  private let part: (Culprits.Pair) -> Int
  private let population: PhasePopulation
  /// Columns of the parts of either half.
  private let columns: (submit: [Int], back: [Int])
  private var disks: [Disk] = []
  /// By victim and ``Culprits/Pair/occupancy``: the part.
  private var known: [Int64: [Int64: Int]] = [:]
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

  /// Takes a part of a wait, on the trace's clock.
  func add(_ pair: Culprits.Pair, _ span: Span) {
    let part: Int
    if let found = known[pair.victim]?[pair.occupancy] {
      part = found
    } else {
      part = self.part(pair)
      known[pair.victim, default: [:]][pair.occupancy] = part
    }
    let (from, to) = (clock.reference(span.from), clock.reference(span.to))
    guard to > from else { return }
    pending[pair.victim, default: []].append(Segment(from: from, to: to, part: part))
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
      disk.open.append(next)
      disk.waiting.removeLast()
    }
    let (ios, halves, device) = (disk.ios, disk.halves, disk.device)
    disk.open.removeAll { number in
      let io = ios[Int(number)]
      guard let (submit, back) = halves.halves(io, Int(number)),
        let moment = population.moment(of: io)
      else { return true }
      if io.submitCPUWait.isSeen {
        lay(submit, segments) { part, time in
          sums.add(time, column: columns.submit[part], io, device: device, at: moment)
        }
      }
      if io.returnCPUWait.isSeen {
        lay(back, segments) { part, time in
          sums.add(time, column: columns.back[part], io, device: device, at: moment)
        }
      }
      return halves.end(io) <= until
    }
  }

  private func lay(
    _ half: WaitOverlay.Half, _ segments: [Int64: [Segment]],
    _ body: (_ part: Int, _ time: Int64) -> Void
  ) {
    let span = half.span
    guard span.to > span.from else { return }
    let threads = overlay.victims(of: half)
    let worker = threads.worker.flatMap { segments[$0] } ?? []
    let first = worker.partitioningIndex { $0.to > span.from }
    var place = first
    while place < worker.count, worker[place].from < span.to {
      body(
        worker[place].part, min(worker[place].to, span.to) - max(worker[place].from, span.from))
      place += 1
    }
    guard let vcpu = threads.vcpu, vcpu != threads.worker, let own = segments[vcpu] else { return }
    place = own.partitioningIndex { $0.to > span.from }
    var beside = first
    while place < own.count, own[place].from < span.to {
      var from = max(own[place].from, span.from)
      let to = min(own[place].to, span.to)
      while beside < worker.count, worker[beside].to <= from { beside += 1 }
      var next = beside
      // What the host's thread waited meanwhile is its own.
      while from < to, next < worker.count, worker[next].from < to {
        if worker[next].from > from { body(own[place].part, worker[next].from - from) }
        from = max(from, worker[next].to)
        next += 1
      }
      if from < to { body(own[place].part, to - from) }
      place += 1
    }
  }
}

/// The names of those behind whom a guest's threads waited for a CPU.
struct CPUWaitNames {
  /// In the order of their columns; the last is for whoever has none of its own.
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
