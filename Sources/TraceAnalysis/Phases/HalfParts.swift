internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Shares out the halves of the virtio queue of a guest's I/Os by what the thread that had to act did, while a host's
/// scheduler trace is read forward.
///
/// - On the way in that is the vCPU until the host's thread wakes up (where it is awake already, it has nothing to tell it),
///   then the host's thread until it queues the request.
/// - On the way back it is the host's thread until it sleeps for the first time after it got onto a CPU. While it runs, it
///   may have sent the interrupt already: then a vCPU that waits for a CPU is what counts. After that it is the vCPU; one
///   that sleeps waits for the host's thread, if that is awake.
///
/// What lies before a moment goes out as soon as no part before it can come any more, so that memory follows what lies
/// between two such moments; of the I/Os their numbers are kept in the order of their begins, and how long before it the
/// thread did the same for another one.
final class HalfParts {
  /// Takes a time, ns, of a part of a half; `disk` is the number that the disk was added with.
  typealias Body = (_ half: Hop, _ part: Int, _ time: Int64, _ io: GuestIO, _ disk: Int) -> Void

  /// An I/O that is under way.
  private struct Open {
    let number: Int32
    /// On the way in: the host's thread woke up.
    var isSubmitted = false
    /// On the way back: the host's thread got onto a CPU; and it slept after that.
    var isReaping = false
    var isReturned = false
    /// Of the clocks' bound, ns, in either half.
    var bounds: (submit: Int64, back: Int64)
  }

  /// A disk whose I/Os were followed.
  private struct Disk {
    let ios: GuestIOs
    let number: Int
    let halves: IOHalves
    /// Those that did not begin, the first last; and those that are not over.
    var waiting: [Int32]
    var open: [Open] = []
    /// So long before its Q on the host, or its C in the guest, the same thread did that for another I/O, ns; nothing for
    /// what is longer ago than a number holds.
    var queuedBefore: [Int32]
    var completedBefore: [Int32]
  }

  let guest: String
  let victims: Set<Int64>
  /// The parts, by their numbers.
  let names: HalfPartNames
  private let overlay: WaitOverlay
  /// The trace's span on the reference.
  private let known: Span
  private let clock: SchedulerClock
  /// The trace's bound, ns.
  private let error: Int64
  private let part: (Culprits.Pair) -> Int
  private var disks: [Disk] = []
  /// Which part it is.
  private var places = Culprits.PairMemo<Int>()
  private var states: ThreadStates
  private var since = Int64.min

  /// Of a guest's threads in a trace; `known` is its span on the reference, `error` its clock's bound. `part` says behind
  /// whom of the names a thread waited.
  init(
    of guest: String, _ threads: WaitOverlay.Threads, known: Span, _ clock: SchedulerClock,
    error: Int64,
    _ names: HalfPartNames, part: @escaping (Culprits.Pair) -> Int
  ) {
    (self.guest, self.names, self.part) = (guest, names, part)
    (self.clock, self.error, self.known) = (clock, error, known)
    victims = Set(threads.vcpus.values).union(threads.workers.values)
    states = ThreadStates(of: victims)
    overlay = WaitOverlay(threads, known: known)
  }

  /// Whether there is anything to share out.
  var isEmpty: Bool { disks.isEmpty }

  /// Takes the I/Os of a disk, in the order of their requests.
  func add(_ ios: GuestIOs, disk number: Int, _ halves: IOHalves) {
    let waiting = halves.followed.lazy.filter {
      let io = ios[Int($0)]
      return PhasePopulation.counts(io) && (io.submitCPUWait.isSeen || io.returnCPUWait.isSeen)
    }.map { (begin: halves.begin(ios[Int($0)]), number: $0) }
      .sorted { ($1.begin, $1.number) < ($0.begin, $0.number) }.map(\.number)
    guard !waiting.isEmpty else { return }
    let never = [Int32](repeating: .max, count: ios.count)
    disks.append(
      Disk(
        ios: ios, number: number, halves: halves, waiting: waiting, queuedBefore: never,
        completedBefore: never))
  }

  /// Takes a part of a wait.
  func add(_ part: Culprits.Part) {
    let (from, to) = (clock.reference(part.span.from), clock.reference(part.span.to))
    let number = places.value(of: part, self.part)
    states.add(part.pair.victim, from: from, to: to, .waited(Int32(number)))
  }

  /// Takes a stay of one of the victims on a CPU, on the trace's clock.
  func addStay(_ thread: Int64, _ span: Span, left: LeaveReason) {
    states.add(
      thread, from: clock.reference(span.from), to: clock.reference(span.to), .ran, left: left)
  }

  /// Lays all that lies before a moment of the trace over the I/Os; nil for all that is left.
  func flush(before moment: Int64?, _ body: Body) {
    if since == .min { findOthers() }
    let until = min(moment.map(clock.reference) ?? .max, known.to)
    guard until > since else { return }
    let timelines = states.take(before: until)
    let window = Span(from: since, to: until)
    for place in disks.indices { lay(timelines, window, &disks[place], body) }
    since = until
  }

  // MARK: - Other I/Os

  /// What a thread did for an I/O.
  private struct Deed {
    let at: Int64
    let disk: Int32
    let number: Int32
  }

  private func findOthers() {
    let places = ThreadPlaces(of: victims.sorted())
    var queued = places.threads.map { _ in [Deed]() }
    var completed = queued
    for (place, disk) in disks.enumerated() {
      for number in disk.waiting.reversed() {
        guard let (submit, back) = disk.halves.halves(disk.ios[Int(number)], Int(number)) else {
          continue
        }
        func deed(_ half: WaitOverlay.Half) -> Deed {
          Deed(at: half.span.to, disk: Int32(truncatingIfNeeded: place), number: number)
        }
        if let worker = overlay.victims(of: submit).worker.flatMap(places.known) {
          queued[worker].append(deed(submit))
        }
        if let vcpu = overlay.victims(of: back).vcpu.flatMap(places.known) {
          completed[vcpu].append(deed(back))
        }
      }
    }
    for own in queued {
      Self.forEach(own) { disks[Int($0.disk)].queuedBefore[Int($0.number)] = $1 }
    }
    for own in completed {
      Self.forEach(own) { disks[Int($0.disk)].completedBefore[Int($0.number)] = $1 }
    }
  }

  /// Each of a thread with how long before it the thread did the same, ns.
  private static func forEach(_ deeds: [Deed], _ body: (_ deed: Deed, _ ago: Int32) -> Void) {
    var (last, before) = (Int64.min, Int64.min)
    for deed in deeds.sorted(by: { $0.at < $1.at }) {
      // Several may have one moment.
      if deed.at != last { (before, last) = (last, deed.at) }
      if before != .min { body(deed, Int32(clamping: deed.at - before)) }
    }
  }

  // MARK: - Halves

  private func lay(
    _ timelines: ThreadStates.Timelines, _ window: Span, _ disk: inout Disk, _ body: Body
  ) {
    while let next = disk.waiting.last, disk.halves.begin(disk.ios[Int(next)]) < window.to {
      let bound = Stamp.sum(disk.ios[Int(next)].clockError.nanoseconds ?? 0, error)
      disk.open.append(Open(number: next, bounds: (bound, bound)))
      disk.waiting.removeLast()
    }
    var left = 0
    for place in disk.open.indices {
      var own = disk.open[place]
      let number = Int(own.number)
      let io = disk.ios[number]
      guard let (submit, back) = disk.halves.halves(io, number) else { continue }
      if io.submitCPUWait.isSeen, overlay.covers(submit) {
        let others = Self.moment(submit.span.to, before: disk.queuedBefore[number])
        laySubmit(timelines, submit, window, others: others, &own) { part, time in
          body(.virtioSubmit, part, time, io, disk.number)
        }
      }
      if io.returnCPUWait.isSeen, overlay.covers(back) {
        let others = Self.moment(back.span.to, before: disk.completedBefore[number])
        layBack(timelines, back, window, others: others, &own) { part, time in
          body(.virtioReturn, part, time, io, disk.number)
        }
      }
      guard disk.halves.end(io) > window.to else { continue }
      disk.open[left] = own
      left += 1
    }
    disk.open.removeSubrange(left...)
  }

  /// When the thread did it for another I/O; `Int64.min` for never.
  private static func moment(_ end: Int64, before length: Int32) -> Int64 {
    length == .max ? .min : end - Int64(length)
  }

  private static func cut(_ half: WaitOverlay.Half, to window: Span) -> Span {
    Span(from: max(half.span.from, window.from), to: min(half.span.to, window.to))
  }

  private func laySubmit(
    _ timelines: ThreadStates.Timelines, _ half: WaitOverlay.Half, _ window: Span, others: Int64,
    _ own: inout Open, _ add: (_ part: Int, _ time: Int64) -> Void
  ) {
    let span = Self.cut(half, to: window)
    guard span.to > span.from else { return }
    let threads = overlay.victims(of: half)
    let worker = timelines[threads.worker]
    var change = own.isSubmitted ? span.from : span.to
    // It is awake when it waits for a CPU, too.
    let awake = worker.first(after: span.from) { $0.state == .ran || $0.state.isWait }
    if !own.isSubmitted, let awake, awake.from < span.to {
      change = max(span.from, awake.from)
      own.isSubmitted = true
    }
    timelines[threads.vcpu].forEach(in: Span(from: span.from, to: change)) { state, part in
      switch state {
      case .waited(let who): add(Int(who), part.to - part.from)
      case .ran: add(names.busy(.vcpu), part.to - part.from)
      case .asleep, .blocked:
        // A vCPU that has to kick is not asleep: as far as the clocks' bound goes, it had done so.
        let time = min(own.bounds.submit, part.to - part.from)
        own.bounds.submit -= time
        add(names.clock, time)
        add(names.idle(.vcpu, state == .blocked), part.to - part.from - time)
      case nil: break
      }
    }
    worker.forEach(in: Span(from: change, to: span.to)) { state, part in
      addWorker(state, part, others: others, add)
    }
  }

  private func addWorker(
    _ state: ThreadStates.State?, _ part: Span, others: Int64, _ add: (Int, Int64) -> Void
  ) {
    switch state {
    case .waited(let who): add(Int(who), part.to - part.from)
    case .ran: addRun(.hostThread, part, others: others, add)
    case .asleep, .blocked:
      add(names.idle(.hostThread, state == .blocked), part.to - part.from)
    case nil: break
    }
  }

  /// Of a thread that ran, the time until it was done with another I/O was that one's.
  private func addRun(
    _ actor: HalfPartNames.Actor, _ part: Span, others: Int64, _ add: (Int, Int64) -> Void
  ) {
    let change = min(max(others, part.from), part.to)
    add(names.busyWithOthers(actor), change - part.from)
    add(names.busy(actor), part.to - change)
  }

  private func layBack(
    _ timelines: ThreadStates.Timelines, _ half: WaitOverlay.Half, _ window: Span, others: Int64,
    _ own: inout Open, _ add: (_ part: Int, _ time: Int64) -> Void
  ) {
    let span = Self.cut(half, to: window)
    guard span.to > span.from else { return }
    let threads = overlay.victims(of: half)
    // A thread that is not known has nothing to do.
    if threads.worker == nil { own.isReturned = true }
    let worker = timelines[threads.worker]
    let vcpu = timelines[threads.vcpu]
    worker.forEach(in: span) { state, part in
      if !own.isReturned {
        if state == .ran {
          own.isReaping = true
        } else if own.isReaping, state == .asleep || state == .blocked {
          own.isReturned = true
        }
      }
      guard own.isReturned || own.isReaping && state == .ran else {
        return addWorker(state, part, others: .min, add)
      }
      vcpu.forEach(in: part) { doing, part in
        switch doing {
        case .waited(let who): add(Int(who), part.to - part.from)
        case .ran where own.isReturned: addRun(.vcpu, part, others: others, add)
        default:
          guard state == .asleep || state == .blocked || state == nil else {
            return addWorker(state, part, others: .min, add)
          }
          addSleep(doing, part, end: half.span.to, &own, add)
        }
      }
    }
  }

  /// Neither thread was awake. The vCPU that completes an I/O is: as far as the clocks' bound goes, that was later.
  private func addSleep(
    _ state: ThreadStates.State?, _ part: Span, end: Int64, _ own: inout Open,
    _ add: (Int, Int64) -> Void
  ) {
    guard let state else { return }
    let late = max(part.from, end - own.bounds.back)
    let time = max(0, part.to - late)
    add(names.clock, time)
    add(names.idle(.vcpu, state == .blocked), part.to - part.from - time)
  }
}

extension ThreadStates.State {
  fileprivate var isWait: Bool {
    if case .waited = self { true } else { false }
  }
}
