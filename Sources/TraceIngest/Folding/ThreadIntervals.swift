internal import TraceModel

/// Folds scheduler events into the stays of threads on CPUs and their waits for one, while they are read.
/// Memory follows the live threads and the CPUs, not the length of the trace.
///
/// A wait begins when the thread is put on a run queue and ends where it is switched in. `sched_stat_wait`
/// tells how long a thread was in the queue; a trace without it shows the begin as `sched_waking`, else as
/// `sched_wakeup`, and always as a switch-out while runnable. What the trace does not show (the first stay
/// on each CPU, a hole, the end) is left open.
struct ThreadIntervals: ~Copyable {
  private let sink: any EventSink
  private var order: SchedOrder
  /// Slices that ended, oldest first. The youngest are held back, because a loss is told of after it
  /// happened and makes some of them doubtful; sums are made when they are let go.
  private var slices: [ThreadSlice] = []
  /// For each of them the place of its thread.
  private var places: [Int32] = []
  private var threads: [Thread] = []
  private var free: [Int32] = []
  /// What is being handed over; empty in between.
  private var batch = SchedBatch()
  /// Places of threads that have ended and whose slices are still held back.
  private var ended: [Int32] = []
  private var index: [UInt32: Int32] = [:]
  /// Threads seen lately, by the low bits of their number.
  private var recent: [Recent]
  private var cpus: [CPU] = []
  private var segment: Int32 = 0
  private var seen = SeenEvents<SchedEvent>()
  /// The first line behind the last fall of time.
  private var comparedLine: Int64 = 0
  /// Events that were there already, and the first line of them.
  private var repeated: Int64 = 0
  private var firstRepeatedLine: Int64 = 0
  /// Stretches of another recording, and the first line of them.
  private var strangeStretches: Int64 = 0
  private var firstStrangeLine: Int64 = 0
  /// Falls of time else.
  private var clockSteps: Int64 = 0
  private var firstStepLine: Int64 = 0
  private var missing: Int64 = 0
  private var firstMissingLine: Int64 = 0
  /// Whether the trace tells of migrations; else they are counted from one stay to the next.
  private var hasMigrations = false
  /// Whether the trace has the kernel's own sums of waits.
  private var hasKernelWaits = false
  private var forgotten: Int64 = 0
  private var rows: ThreadRows
  private var kept: KeptEvents<SchedEvent>
  private var states = SwitchStates()

  private static let batchSize = 4096
  /// Slices that are held back when a batch goes.
  private static let heldBack = 4096
  /// Threads that are remembered; a trace in which more are alive is no usual one.
  private static let mostThreads = 1 << 18
  /// So often a clock is not set back, and so many traces are not put into one file.
  private static let mostSegments: Int32 = 1000
  /// The place of a thread that is not there.
  private static let nobody: Int32 = -1

  /// What is known of a thread at a moment.
  private enum Phase: UInt8 {
    /// Not seen yet, or a hole in the trace.
    case unknown
    case running
    /// Off the CPU, not runnable.
    case sleeping
    /// On a run queue.
    case waiting
  }

  private struct Thread {
    var row = TracedThread()
    /// `sleeping`, `waiting`: since when.
    var since: Int64 = 0
    /// Off the CPU: since when it has been in the queue, as `sched_stat_wait` tells; `Int64.min`: not told.
    var queued = Int64.min
    /// Moves that the trace told of.
    var moves: Int64 = 0
    /// Stays on another CPU than the one before.
    var changes: Int64 = 0
    /// `running`, `waiting`: where. Else where it was; -1 at first.
    var cpu: Int32 = -1
    var phase = Phase.unknown
    var cause = WaitCause.none
    /// `waiting`: `sched_wakeup` has come, so another wakeup means that events are missing.
    var isQueued = false
    /// It was seen to get a CPU.
    var hasRun = false
    /// `running`: `sched_waking` has come before the thread was off the CPU.
    var wokenEarly = false

    /// Since when a thread that was woken has waited: between the waking and the queue lies the way to the
    /// other CPU (an interrupt), and that is no wait for a CPU.
    var wokenSince: Int64 { max(since, queued) }
  }

  private struct CPU {
    /// The place of the thread that runs; ``nobody`` when that is not known.
    var thread = ThreadIntervals.nobody
    /// The place of its idle task; made when it is first seen.
    var idle = ThreadIntervals.nobody
    /// What is known of the stay.
    var slice = ThreadSlice()
    /// The last event that this CPU recorded.
    var lastSeen = Int64.min
  }

  private struct Recent {
    /// 0: nobody, as the idle tasks are not looked up.
    var tid: UInt32 = 0
    var place = ThreadIntervals.nobody
  }

  private static let recentSize: UInt32 = 1024

  init(sink: any EventSink, rows: ThreadRows = ThreadRows()) {
    self.sink = sink
    self.rows = rows
    kept = KeptEvents(isWanted: sink.keepsEvents)
    order = SchedOrder(keepsLate: sink.keepsEvents)
    recent = [Recent](repeating: Recent(), count: Int(Self.recentSize))
  }

  /// Places taken by threads: the live ones and those whose slices are held back.
  var liveThreads: Int { threads.count - free.count }

  /// Takes the next event of the file.
  @inline(__always)
  mutating func add(_ event: SchedEvent) throws {
    if states.isSettled {
      try admit(event)
    } else {
      try settle(event)
    }
  }

  /// Events come here until the idle task was seen to leave, which tells how to read the states of all of them, or
  /// until they are too many to wait for that, or where states are shifted.
  private mutating func settle(_ event: SchedEvent) throws {
    switch states.take(event) {
    case .hold: return
    case .shift:
      for held in states.release() { try admit(held) }
      try admit(states.lower(event))
    case .keep:
      for held in states.release() { try admit(held) }
      try admit(event)
    }
  }

  private mutating func admit(_ event: SchedEvent) throws {
    if seen.isComparing { return try compare(event) }
    switch order.arrival(of: event) {
    case .inOrder: break
    case .held: return
    case .fallen: return try fallen()
    }
    if kept.isWanted { try keep(event) }
    seen.note(Self.mark(event))
    if let oldest = order.push(event) { try fold(oldest) }
  }

  /// Keeps an event, and the late lines before it.
  private mutating func keep(_ event: SchedEvent?) throws {
    for late in order.takeDropped() { try kept.add(late, segment: segment, to: sink.receive) }
    if let event { try kept.add(event, segment: segment, to: sink.receive) }
  }

  // MARK: Stretches

  @inline(__always)
  private static func mark(_ event: SchedEvent) -> SeenEvents<SchedEvent>.Mark {
    SeenEvents.Mark(
      time: event.time, UInt64(event.tid) << 32 | UInt64(event.nextTid),
      UInt64(UInt32(bitPattern: event.cpu)) << 8 | UInt64(event.kind.rawValue))
  }

  /// Time has fallen for good: what follows is looked at before it is used.
  private mutating func fallen() throws {
    let held = order.takeHeld()
    comparedLine = held.first?.line ?? 0
    seen.beginComparing()
    for event in held { try admit(event) }
  }

  /// Looks at an event of which it is not clear whether it was there already.
  private mutating func compare(_ event: SchedEvent) throws {
    if event.time > order.latest {
      try endComparing()
      try admit(event)
    } else if seen.compare(event, Self.mark(event)) {
      try endComparing()
    }
  }

  private mutating func endComparing() throws {
    guard seen.isComparing else { return }
    let compared = seen.compared
    switch seen.endComparing() {
    case .repetition:
      repeated += compared
      if firstRepeatedLine == 0 { firstRepeatedLine = comparedLine }
    case .others(let events, let areMany):
      if areMany, isOfAnotherTime(events) {
        strangeStretches += 1
        if firstStrangeLine == 0 { firstStrangeLine = comparedLine }
      } else {
        clockSteps += 1
        if firstStepLine == 0 { firstStepLine = comparedLine }
      }
      try beginStretch(with: events)
    }
  }

  /// Whether events behind a fall of time are more than those of a clock that was set back a little.
  private func isOfAnotherTime(_ events: [SchedEvent]) -> Bool {
    // The texts of several CPUs, one behind the other, are one recording.
    guard let first = events.map(\.time).min(), let earliest = order.earliest,
      events.contains(where: {
        cpus.indices.contains(Int($0.cpu)) && cpus[Int($0.cpu)].lastSeen != .min
      })
    else { return false }
    let fall = order.latest - first
    return fall > SchedOrder.jump || first >= earliest && fall > (order.latest - earliest) / 2
  }

  private mutating func beginStretch(with events: [SchedEvent]) throws {
    while let oldest = order.pop() { try fold(oldest) }
    try closeAll()
    segment += 1
    guard segment < Self.mostSegments else {
      throw IngestError.refused(
        .notInOrder, line: comparedLine, lines: comparedLine,
        hint:
          "its times fall back \(Self.mostSegments) times, so it is not in the order of time; "
          + "sort it by its time column")
    }
    order.restart()
    for event in events { try admit(event) }
  }

  /// Events were lost before the next one, on this CPU or on one that is not known: whatever was on that
  /// CPU may have gone, and whoever was not on another CPU may have come and gone. A wait that ended since
  /// that CPU was last heard of may have been two.
  mutating func lost(cpu: Int32?) throws {
    for held in states.release() { try admit(held) }
    // What was lost in a stretch that was there already was lost once.
    guard !seen.isComparing else { return }
    while let oldest = order.pop() { try fold(oldest) }
    var since = Int64.max
    for number in cpus.indices where cpu == nil || number == Int(cpu ?? 0) {
      since = min(since, cpus[number].lastSeen)
    }
    // A CPU that was never heard of: nothing is sure from the beginning on.
    if let cpu, cpu < 0 || Int(cpu) >= cpus.count { since = .min }
    for place in slices.indices.reversed() where slices[place].began > since {
      slices[place].forgetWait()
    }
    for number in cpus.indices where cpus[number].slice.began > since {
      cpus[number].slice.forgetWait()
    }
    for number in cpus.indices where cpu == nil || number == Int(cpu ?? 0) {
      loseTrack(ofCPU: number)
    }
    for place in threads.indices where threads[place].phase != .running {
      threads[place].phase = .unknown
    }
  }

  /// The trace is at its end.
  mutating func finish(_ summary: inout SourceSummary) throws {
    for held in states.release() { try admit(held) }
    try endComparing()
    order.dropHeld()
    try keep(nil)
    try kept.flush(to: sink.receive)
    while let oldest = order.pop() { try fold(oldest) }
    try closeAll()
    var tally = ProblemTally()
    tally.add(.tooManyThreads, count: forgotten)
    tally.add(.threadsAddedUp, count: rows.addedUp)
    tally.add(.missingSwitch, count: missing, line: firstMissingLine)
    tally.add(.lateLine, count: order.late, line: order.firstLateLine)
    tally.add(.shiftedStates, count: states.shifted, line: states.firstShiftedLine)
    tally.add(.timeWentBack, count: clockSteps, line: firstStepLine)
    tally.add(.repeatedStretch, count: order.repeated, line: order.firstRepeatedLine)
    tally.add(.repeatedStretch, count: repeated, line: firstRepeatedLine)
    tally.add(.anotherRecording, count: strangeStretches, line: firstStrangeLine)
    summary.problems.append(contentsOf: tally.all)
    // They were read as events, and none of them is used.
    summary.skippedLines += order.late
    summary.events -= order.late + order.repeated + repeated
  }

  // MARK: One event

  private mutating func fold(_ event: SchedEvent) throws {
    if index.count > Self.mostThreads { try forgetThreads() }
    let number = Int(event.cpu)
    if number >= cpus.count {
      cpus.append(contentsOf: repeatElement(CPU(), count: number + 1 - cpus.count))
    }
    cpus[number].lastSeen = event.time
    switch event.kind {
    case .switched: try switched(event)
    case .waking: woken(event, byWaking: true, .woken)
    case .wakeup: woken(event, byWaking: false, .woken)
    case .wakeupNew: woken(event, byWaking: false, .created)
    case .migrated: migrated(event)
    case .waited: waited(event)
    case .freed:
      if let place = index[event.tid], threads[Int(place)].phase != .running {
        end(place)
      }
    case .other: break
    }
  }

  private mutating func switched(_ event: SchedEvent) throws {
    let number = Int(event.cpu)
    leave(event, number)
    arrive(event, number)
    if slices.count >= Self.batchSize + Self.heldBack { try letGo(Self.batchSize) }
  }

  /// The half of a switch that is about the thread that leaves.
  @inline(__always)
  private mutating func leave(_ event: SchedEvent, _ number: Int) {
    var place = cpus[number].thread
    if place != Self.nobody, threads[Int(place)].row.tid == event.tid {
      var slice = cpus[number].slice
      slice.run = event.time - slice.began
      slice.left = event.left
      slices.append(slice)
      places.append(place)
    } else {
      if place != Self.nobody {
        noteMissing(event)
        loseTrack(ofCPU: number)
      }
      place = self.place(of: event.tid, on: number)
      if threads[Int(place)].phase == .running {
        noteMissing(event)
        loseTrack(ofCPU: Int(threads[Int(place)].cpu))
      }
    }
    cpus[number].thread = Self.nobody
    if event.tid == 0 {
      threads[Int(place)].row.name = event.name
      threads[Int(place)].phase = .unknown
      return
    }
    let at = Int(place)
    if threads[at].row.name != event.name { threads[at].row.name = event.name }
    if event.pid != 0 { threads[at].row.pid = event.pid }
    threads[at].cpu = event.cpu
    threads[at].since = event.time
    threads[at].queued = .min
    if event.left.isRunnable {
      threads[at].phase = .waiting
      threads[at].cause = event.left == .preempted ? .preempted : .yielded
      threads[at].isQueued = false
      threads[at].wokenEarly = false
    } else if event.left == .dead {
      threads[at].phase = .unknown
      end(place)
    } else {
      threads[at].phase = .sleeping
    }
  }

  /// The half of a switch that is about the thread that comes.
  @inline(__always)
  private mutating func arrive(_ event: SchedEvent, _ number: Int) {
    let place = self.place(of: event.nextTid, on: number)
    let at = Int(place)
    var slice = ThreadSlice()
    slice.began = event.time
    slice.line = event.line
    slice.cpu = event.cpu
    if event.nextTid != 0 {
      switch threads[at].phase {
      case .waiting:
        let stayed = threads[at].cause == .preempted || threads[at].cause == .yielded
        slice.wait = event.time - (stayed ? threads[at].since : threads[at].wokenSince)
        slice.cause = threads[at].cause
        slice.waitCPU = threads[at].cpu
      case .sleeping where threads[at].wokenEarly:
        // Woken between its decision to sleep and its switch, so runnable from the switch on.
        slice.wait = event.time - threads[at].wokenSince
        slice.cause = .woken
        slice.waitCPU = threads[at].cpu
      case .sleeping where threads[at].queued > threads[at].since:
        // Nobody was seen to wake it, and yet the kernel took it from a queue.
        slice.wait = event.time - threads[at].queued
        slice.cause = .woken
        slice.waitCPU = event.cpu
      case .running:
        noteMissing(event)
        loseTrack(ofCPU: Int(threads[at].cpu))
      case .sleeping, .unknown: break
      }
      if threads[at].hasRun, threads[at].cpu != event.cpu, !hasMigrations {
        threads[at].changes += 1
      }
    }
    slice.thread = threads[at].row.id
    if threads[at].row.name != event.nextName { threads[at].row.name = event.nextName }
    threads[at].phase = .running
    threads[at].queued = .min
    threads[at].hasRun = true
    threads[at].cpu = event.cpu
    threads[at].wokenEarly = false
    cpus[number].thread = place
    cpus[number].slice = slice
  }

  private mutating func woken(_ event: SchedEvent, byWaking: Bool, _ cause: WaitCause) {
    guard event.tid != 0 else { return }
    let at = Int(place(of: event.tid, on: 0))
    if event.pid != 0 { threads[at].row.pid = event.pid }
    switch threads[at].phase {
    case .running:
      // On its way to sleep; when `sched_wakeup` follows while it runs, it stays awake.
      threads[at].wokenEarly = byWaking
      return
    case .waiting
    where states.isShifted && threads[at].cause == .preempted && !threads[at].isQueued:
      // The same letters stand for a kernel thread that has nothing to do: it slept, for it is woken now.
      threads[at].since = event.time
    case .waiting where threads[at].cause == .preempted || threads[at].cause == .yielded:
      // Preempted on its way to sleep (`R+`, too): it never left the queue, and now it will not.
      return
    case .waiting:
      if !byWaking, !threads[at].isQueued {
        threads[at].isQueued = true
        if event.target >= 0 { threads[at].cpu = event.target }
        return
      }
      // Nobody is woken twice without having slept: its stay on a CPU is missing.
      noteMissing(event)
      threads[at].since = event.time
    case .sleeping where threads[at].wokenEarly && !byWaking:
      // `since` stays: it was off the CPU after `sched_waking`.
      break
    case .sleeping, .unknown: threads[at].since = event.time
    }
    threads[at].phase = .waiting
    threads[at].queued = .min
    threads[at].cause = cause
    threads[at].isQueued = !byWaking
    threads[at].wokenEarly = false
    threads[at].row.name = event.name
    if event.target >= 0 { threads[at].cpu = event.target }
  }

  /// `sched_stat_wait`: the thread leaves the queue, mostly because it is switched in next. A change of
  /// its priority takes it out and puts it back, so that one wait may come in parts: the first begins it.
  private mutating func waited(_ event: SchedEvent) {
    guard event.tid != 0 else { return }
    hasKernelWaits = true
    let at = Int(place(of: event.tid, on: 0))
    threads[at].row.kernelWait.add(saturating: event.delay)
    let (began, overflows) = event.time.subtractingReportingOverflow(event.delay)
    guard threads[at].queued == .min, event.delay >= 0, !overflows else { return }
    threads[at].queued = began
  }

  private mutating func migrated(_ event: SchedEvent) {
    guard event.tid != 0 else { return }
    hasMigrations = true
    let at = Int(place(of: event.tid, on: 0))
    threads[at].moves += 1
    threads[at].row.name = event.name
    if threads[at].phase == .waiting { threads[at].cpu = event.target }
  }

  // MARK: Threads

  /// The place of a thread, made when it is new. The idle tasks of all CPUs are called 0.
  @inline(__always)
  private mutating func place(of tid: UInt32, on cpu: Int) -> Int32 {
    if tid == 0 {
      if cpus[cpu].idle == Self.nobody { cpus[cpu].idle = newThread(0) }
      return cpus[cpu].idle
    }
    // The threads that are busy now are few: most are found here.
    let slot = Int(tid & (Self.recentSize - 1))
    if recent[slot].tid == tid { return recent[slot].place }
    let place: Int32
    if let known = index[tid] {
      place = known
    } else {
      place = newThread(tid)
      index[tid] = place
    }
    recent[slot] = Recent(tid: tid, place: place)
    return place
  }

  private mutating func newThread(_ tid: UInt32) -> Int32 {
    var thread = Thread()
    thread.row.id = rows.number(for: tid, segment: segment, sink)
    thread.row.tid = tid
    thread.row.segment = segment
    if let place = free.popLast() {
      threads[Int(place)] = thread
      return place
    }
    threads.append(thread)
    return Int32(truncatingIfNeeded: threads.count - 1)
  }

  /// Lets go of all that are on no CPU.
  private mutating func forgetThreads() throws {
    for place in index.values.sorted() where threads[Int(place)].phase != .running {
      threads[Int(place)].phase = .unknown
      forgotten += 1
      end(place)
    }
    try letGo(0)
  }

  /// The thread is gone: its number may be used again.
  private mutating func end(_ place: Int32) {
    let tid = threads[Int(place)].row.tid
    index[tid] = nil
    recent[Int(tid & (Self.recentSize - 1))] = Recent()
    ended.append(place)
  }

  /// What ran on the CPU is not known any more; how long it did will not be.
  private mutating func loseTrack(ofCPU number: Int) {
    let place = cpus[number].thread
    guard place != Self.nobody else { return }
    threads[Int(place)].phase = .unknown
    if cpus[number].slice.wait != .min {
      slices.append(cpus[number].slice)
      places.append(place)
    }
    cpus[number].thread = Self.nobody
  }

  private mutating func noteMissing(_ event: SchedEvent) {
    missing += 1
    if firstMissingLine == 0 { firstMissingLine = event.line }
  }

  /// The end of a stretch.
  private mutating func closeAll() throws {
    for number in cpus.indices { loseTrack(ofCPU: number) }
    ended.append(contentsOf: cpus.map(\.idle).filter { $0 != Self.nobody })
    ended.append(contentsOf: index.values.sorted())
    try letGo(slices.count)
    if let others = rows.takeOthers() {
      batch.threads.append(others)
      try handOver()
    }
    threads.removeAll()
    free.removeAll()
    index.removeAll()
    for slot in recent.indices { recent[slot] = Recent() }
    cpus.removeAll()
  }

  /// Hands the oldest slices over and adds them up, and the threads that have ended with them.
  private mutating func letGo(_ count: Int) throws {
    for number in 0..<count {
      let slice = slices[number]
      guard slice.run != .min || slice.wait != .min else { continue }
      threads[Int(places[number])].row.add(slice)
      batch.slices.append(slice)
    }
    slices.removeSubrange(..<count)
    places.removeSubrange(..<count)
    if !ended.isEmpty {
      let open = Set(places)
      for place in ended where !open.contains(place) {
        if let row = rows.ended(row(of: place)) { batch.threads.append(row) }
        threads[Int(place)] = Thread()
        free.append(place)
      }
      ended.removeAll { !open.contains($0) }
    }
    try handOver()
  }

  private mutating func handOver() throws {
    defer { batch.removeAll() }
    if batch.count > 0 { try sink.receive(batch) }
  }

  /// The row of a thread that has ended. One that was only woken has one, too: its name may be all that
  /// is known of it.
  private func row(of place: Int32) -> TracedThread {
    let thread = threads[Int(place)]
    var row = thread.row
    row.migrations = hasMigrations ? thread.moves : thread.changes
    if !hasKernelWaits { row.kernelWait = .min }
    return row
  }
}
