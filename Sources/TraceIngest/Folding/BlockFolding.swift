internal import TraceModel

/// Folds the events of a block trace into requests while they are read. Memory follows the requests in
/// flight, not the length of the trace.
struct BlockFolding {
  private let sink: any EventSink
  private var order = EventOrder()
  private var devices: [DeviceFolding] = []
  private var places: [DeviceNumber: Int] = [:]
  private var lastDevice = -1
  private let output: RowOutput
  private var segment: Int32 = 0
  /// The latest event that was folded in this stretch.
  private var latestFolded = Int64.min
  private var summary = SourceSummary()
  private var tally = ProblemTally()
  private var remaps: [RemapKey: Int64] = [:]
  private var lastRemap: RemapKey?
  private var lastRemapCount: Int64 = 0
  private var losses: [LossInterval] = []
  /// Holes whose end the folding has not reached, from ``nextLoss`` on and by their ends: they are noticed when a
  /// line arrives, which is some thousand events before it is folded.
  private var comingLosses: [ComingLoss] = []
  private var gaps = NumberingGaps()
  private var recording = Recording()
  /// Holes of which it is known that they are losses, or what of them.
  private var provenLosses: [LossInterval] = []
  /// Lost events that no hole shows.
  private var lostUnseen: Int64 = 0
  private var seen = SeenEvents<BlockEvent>()
  /// The first line behind the last fall of time.
  private var comparedLine: Int64 = 0
  /// The tools' counts behind it, while it is compared.
  private var statisticsBehind = TextStatistics()
  /// The largest gap that a filter of the text explains, as known so far.
  private var explained: Int64 = 0
  /// Events that a filter left out.
  private var hidden: Int64 = 0
  private var nextLoss = 0
  private var kept: KeptEvents<BlockEvent>

  private struct ComingLoss {
    let until: Int64
    /// Nil: all devices.
    let device: DeviceNumber?
    /// `Int64.max`: no filter explains it.
    let events: Int64
  }

  /// What is known of the recording that is being read; a text may have several.
  private struct Recording {
    var statistics = TextStatistics()
    /// Events of recordings before.
    var eventsBefore: Int64 = 0
    /// Its first hole in ``losses``.
    var firstLoss = 0
    /// Events that a filter left out, of holes that are not kept one by one.
    var hidden: Int64 = 0
    var isElided = false
    /// Lost events of which no hole tells, at an end of a CPU's numbering.
    var mayLackCompletions = false
  }

  private struct RemapKey: Hashable {
    let from: DeviceNumber
    let to: DeviceNumber
    let delta: Int64
  }

  /// Devices that are followed at once; what a damaged or hostile file names beyond them is counted.
  private static let mostDevices = 1 << 12
  /// So often a clock is not set back, and so many traces are not put into one file.
  private static let mostSegments = 1000
  /// Different distances that are kept; more come only from striped or thin mappings, which no single
  /// distance describes.
  private static let mostRemaps = 4096
  /// Holes that are kept one by one; more are added to the last.
  private static let mostLosses = 100_000
  /// A CPU is silent at an end of a recording by what was lost, not because it is idle, where that is at most one of so
  /// many parts of it.
  private static let shortSilence: Int64 = 10
  /// Holes among which that of a late line is looked for.
  private static let mostLateHoles = 4096

  /// Whether the events are those of a text in which the `C` of a split bio may begin where the bio began.
  private let completionsMayGrow: Bool

  init(sink: any EventSink, completionsMayGrow: Bool = false) {
    self.sink = sink
    self.completionsMayGrow = completionsMayGrow
    kept = KeptEvents(isWanted: sink.keepsEvents)
    output = RowOutput(sink: sink)
  }

  /// Takes the next event of the file.
  mutating func add(_ event: BlockEvent) throws {
    if seen.isComparing { return try compare(event) }
    try take(event)
  }

  private mutating func take(_ event: BlockEvent) throws {
    summary.events += 1
    gaps.note(event)
    guard event.action != .message else { return }
    switch order.arrival(of: event) {
    case .inOrder: seen.note(Self.mark(event))
    case .clockStep:
      tally.add(.timeWentBack, count: 1, line: event.line)
      try drain()
      try beginSegment(event.line)
      for index in devices.indices { try devices[index].clockStepped(to: segment) }
    case .newTrace:
      summary.events -= 1
      seen.beginComparing()
      comparedLine = event.line
      return try compare(event)
    }
    if order.hasGaps { try noteGaps() }
    if kept.isWanted { try kept.add(event, segment: segment, to: sink.receive) }
    if !summary.first.isSeen || event.time < summary.first.rawValue {
      summary.first = Stamp(event.time)
    }
    if !summary.last.isSeen || event.time > summary.last.rawValue {
      summary.last = Stamp(event.time)
    }
    // A third of a trace changes no request: it needs no place in the order, only that its device is known.
    if event.action.isOfNoRequest, lastDevice >= 0, devices[lastDevice].number == event.device {
      return
    }
    if let oldest = order.push(event) { try fold(oldest) }
  }

  @inline(__always)
  private static func mark(_ event: BlockEvent) -> SeenEvents<BlockEvent>.Mark {
    SeenEvents.Mark(
      time: event.time, UInt64(bitPattern: event.sector) << 8 | UInt64(event.action.rawValue),
      UInt64(event.device.rawValue) << 32 | UInt64(event.cpu))
  }

  /// Looks at an event behind a fall of time, of which it is not clear whether it was there already.
  private mutating func compare(_ event: BlockEvent) throws {
    if event.time > order.latest {
      try endComparing()
      try add(event)
    } else if event.action != .message, seen.compare(event, Self.mark(event)) {
      try endComparing()
    }
  }

  private mutating func endComparing() throws {
    guard seen.isComparing else { return }
    let compared = seen.compared
    switch seen.endComparing() {
    case .repetition:
      tally.add(.repeatedStretch, count: compared, line: comparedLine)
      recording.statistics.unite(with: statisticsBehind)
    case .others(let events, let areMany):
      tally.add(areMany ? .anotherRecording : .timeWentBack, count: 1, line: comparedLine)
      try drain()
      try settleRecording()
      try finishDevices()
      try beginSegment(comparedLine)
      order.startAnew()
      recording = Recording()
      recording.statistics = statisticsBehind
      recording.eventsBefore = summary.events
      recording.firstLoss = losses.count
      for event in events { try add(event) }
    }
    statisticsBehind = TextStatistics()
  }

  /// Takes what blktrace or blkparse says of the events of the text.
  mutating func note(_ statement: (inout TextStatistics) -> Void) {
    if seen.isComparing { statement(&statisticsBehind) } else { statement(&recording.statistics) }
  }

  /// Compares the tools' counts of the recording with its events: the tracer may have lost more events than the
  /// holes show, or fewer.
  private mutating func settleRecording() throws {
    guard !recording.statistics.isEmpty else { return }
    tally.add(
      .droppedEvents, count: recording.statistics.dropped, line: recording.statistics.droppedLine)
    var holes = losses[recording.firstLoss...].saturatingSum { $0.events }
    holes.add(saturating: recording.hidden)
    let verdict = recording.statistics.verdict(
      TextStatistics.Held(
        events: summary.events - recording.eventsBefore, inGaps: holes, before: order.before,
        isElided: recording.isElided, devices: Set(places.keys.map(\.description))))
    switch verdict {
    case .unknown: break
    case .moreLost(let events):
      hide(allBut: .max)
      try lostWithoutHole(events)
    case .lostInGaps(let events): hide(allBut: events)
    }
  }

  /// Of the holes of this recording only the largest are losses, together of so many events.
  private mutating func hide(allBut lost: Int64) {
    var left = lost
    let largest = losses[recording.firstLoss...].enumerated().sorted {
      ($1.element.events, $0.offset) < ($0.element.events, $1.offset)
    }
    for (_, hole) in largest where hole.events > 0 {
      var loss = hole
      loss.events = min(left, hole.events)
      hidden.add(saturating: hole.events - loss.events)
      left -= loss.events
      if loss.events > 0 { provenLosses.append(loss) }
    }
    losses.removeSubrange(recording.firstLoss...)
  }

  /// More events were lost than the holes show: those before the first event of a CPU, else behind the last one.
  private mutating func lostWithoutHole(_ events: Int64) throws {
    lostUnseen.add(saturating: events)
    tally.add(.lostUnseen, count: events)
    let atEnd = events - min(events, order.before)
    recording.mayLackCompletions = atEnd > 0
    // The tracer's own count says nothing of the place.
    guard recording.statistics.dropped == 0, let first = summary.first.nanoseconds else { return }
    let span = max(0, order.latest.subtractingReportingOverflow(first).partialValue)
    for device in devices {
      let stream = try sink.stream(StreamKey(device: device.number, segment: segment))
      for silence in order.silences(of: device.number) where !silence.isEnd || atEnd > 0 {
        // A CPU that is silent for long is idle.
        guard silence.from < silence.to, silence.to - silence.from <= span / Self.shortSilence
        else { continue }
        provenLosses.append(
          LossInterval(
            stream: stream, cpu: silence.cpu, events: 0, from: silence.from, to: silence.to))
      }
    }
  }

  private mutating func beginSegment(_ line: Int64) throws {
    segment += 1
    latestFolded = .min
    guard segment < Self.mostSegments else {
      throw IngestError.refused(
        .notInOrder, line: line, lines: line,
        hint:
          "its times fall back \(Self.mostSegments) times, so it is not in the order of time; sort "
          + "it by its time column, or give the per-CPU files of blktrace")
    }
  }

  /// Lines were cut out of the text here, or the tool says that it lost events: whatever is open may have ended.
  mutating func elided() throws {
    guard !seen.isComparing else { return }
    recording.isElided = true
    order.forgetNumbers()
    guard order.latest > .min, comingLosses.last?.until != order.latest else { return }
    comes(until: order.latest, nil, events: .max)
  }

  /// The trace is at its end.
  mutating func finish() throws -> SourceSummary {
    try endComparing()
    try drain()
    try settleRecording()
    try finishDevices()
    settleRemap()
    try kept.flush(to: sink.receive)
    try output.flush()
    // Some were filled by lines that came late.
    losses.removeAll { $0.events <= 0 }
    explained = gaps.explained(of: summary.events, parts: output.parts)
    if explained > 0 {
      for loss in losses where loss.events <= explained { hidden.add(saturating: loss.events) }
      losses.removeAll { $0.events <= explained }
    }
    tally.add(.filteredText, count: hidden)
    summary.losses = losses + provenLosses.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
    summary.lostEvents = summary.losses.saturatingSum { $0.events }
    tally.add(.sequenceGap, count: summary.lostEvents)
    summary.lostEvents.add(saturating: lostUnseen)
    tally.add(.tooManyOpen, count: output.givenUp)
    tally.add(.unpairedEvent, count: output.unpaired)
    summary.problems.append(contentsOf: tally.all)
    summary.stages = output.stages
    // In an order that is the same each time, down to the numbers of the streams.
    summary.remaps = try remaps.sorted { one, other in
      (one.value, one.key.delta, one.key.from, one.key.to)
        > (other.value, other.key.delta, other.key.from, other.key.to)
    }.map { key, count in
      RemapDelta(
        from: key.from,
        stream: try sink.stream(StreamKey(device: key.to, segment: segment)),
        delta: key.delta, count: count)
    }
    return summary
  }

  private mutating func drain() throws {
    while let event = order.popFirst() { try fold(event) }
    // What was held back was older than the latest event of the file.
    try noticeLosses(until: .max)
  }

  /// Tells the devices of the holes that have ended by this time.
  @inline(__always)
  private mutating func noticeLosses(until time: Int64) throws {
    guard nextLoss < comingLosses.count else { return }
    try noticeComingLosses(until: time)
  }

  private mutating func noticeComingLosses(until time: Int64) throws {
    guard comingLosses[nextLoss].until <= time else { return }
    // By now some thousand events that follow were seen.
    if gaps.wantsLook(of: summary.events) { gaps.look(at: order.held, of: summary.events) }
    explained = gaps.explained(of: summary.events)
    while nextLoss < comingLosses.count, comingLosses[nextLoss].until <= time {
      let loss = comingLosses[nextLoss]
      nextLoss += 1
      if loss.events <= explained { continue }
      guard let number = loss.device else {
        for device in devices.indices { devices[device].lost(until: loss.until) }
        continue
      }
      if let device = try folding(of: number) { devices[device].lost(until: loss.until) }
    }
    if nextLoss > 0, nextLoss == comingLosses.count {
      comingLosses.removeAll(keepingCapacity: true)
      nextLoss = 0
    }
  }

  private mutating func fold(_ event: BlockEvent) throws {
    // Too late for its place: requests around it may be paired wrongly.
    if event.time < latestFolded {
      tally.add(.lateLine, count: 1, line: event.line)
    } else {
      latestFolded = event.time
    }
    try noticeLosses(until: event.time)
    if event.action == .remap {
      noteRemap(event)
      return
    }
    if lastDevice < 0 || devices[lastDevice].number != event.device {
      guard let device = try folding(of: event.device) else {
        tally.add(.tooManyDevices, count: 1, line: event.line)
        return
      }
      lastDevice = device
    }
    try devices[lastDevice].fold(event)
  }

  /// The place of a device's folding; nil when there are too many.
  private mutating func folding(of number: DeviceNumber) throws -> Int? {
    if let known = places[number] { return known }
    guard devices.count < Self.mostDevices else { return nil }
    places[number] = devices.count
    devices.append(
      DeviceFolding(
        number: number,
        stream: try sink.stream(StreamKey(device: number, segment: segment)), output: output,
        completionsMayGrow: completionsMayGrow))
    return devices.count - 1
  }

  /// What is open stays incomplete: the end of a trace.
  private mutating func finishDevices() throws {
    for index in devices.indices.sorted(by: { devices[$0].number < devices[$1].number }) {
      try devices[index].finish(mayLackCompletions: recording.mayLackCompletions)
    }
    devices.removeAll()
    places.removeAll()
    lastDevice = -1
  }

  private mutating func noteRemap(_ event: BlockEvent) {
    let key = RemapKey(
      from: event.otherDevice, to: event.device, delta: event.sector &- event.other)
    if key == lastRemap {
      lastRemapCount += 1
      return
    }
    settleRemap()
    lastRemap = key
    lastRemapCount = 1
  }

  /// Adds the run of equal remaps that has just ended.
  private mutating func settleRemap() {
    guard let key = lastRemap else { return }
    if remaps[key] != nil || remaps.count < Self.mostRemaps {
      remaps[key, default: 0] += lastRemapCount
    }
    lastRemap = nil
  }

  private mutating func noteGaps() throws {
    for gap in order.takeGaps() {
      guard try folding(of: gap.device) != nil else { continue }
      let stream = try sink.stream(StreamKey(device: gap.device, segment: segment))
      if gap.events > 0 {
        gaps.note(gap: gap.events)
        if losses.count >= Self.mostLosses / 2, gap.events <= gaps.explained(of: summary.events) {
          hidden.add(saturating: gap.events)
          recording.hidden.add(saturating: gap.events)
          continue
        }
      }
      if gap.events < 0 || losses.count >= Self.mostLosses {
        // A line that came late fills the hole it had left, one of the last of its CPU.
        let near = losses.suffix(Self.mostLateHoles)
        if let hole = near.lastIndex(where: {
          $0.cpu == gap.cpu && $0.stream == stream && $0.events > 0
        }) {
          losses[hole].events += gap.events
        } else if gap.events > 0 {
          losses[losses.count - 1].events += gap.events
        }
        continue
      }
      losses.append(
        LossInterval(
          stream: stream, cpu: gap.cpu, events: gap.events, from: gap.from, to: gap.to))
      comes(until: gap.to, gap.device, events: gap.events)
    }
  }

  private mutating func comes(until time: Int64, _ device: DeviceNumber?, events: Int64) {
    var place = comingLosses.count
    while place > nextLoss, comingLosses[place - 1].until > time { place -= 1 }
    comingLosses.insert(ComingLoss(until: time, device: device, events: events), at: place)
  }
}

/// Gathers finished rows and hands them to the sink in batches.
final class RowOutput {
  let sink: any EventSink
  private var batch = BlockBatch()
  private var tasks: [TaskIdentity: Int32] = [:]
  /// The task last seen with each pid, by its low bits: a trace switches between few tasks all the time.
  private var recent = [(identity: TaskIdentity, number: Int32)](
    repeating: (TaskIdentity(pid: .max, name: TaskName()), -1), count: 256)
  /// Stages of devices that are done.
  var stages: [StageSummary] = []
  /// Requests given up because too many were open.
  var givenUp: Int64 = 0
  /// Requests of which Q, D or C was not seen.
  private(set) var parts: Int64 = 0
  /// Completions without a request that are not at the start of the trace.
  var unpaired: Int64 = 0

  private static let batchSize = 8192
  private static let mostTasks = 1 << 18

  init(sink: any EventSink) { self.sink = sink }

  @inline(__always)
  func task(pid: UInt32, name: TaskName) throws -> Int32 {
    let identity = TaskIdentity(pid: pid, name: name)
    let place = Int(truncatingIfNeeded: pid & 255)
    if recent[place].identity == identity, recent[place].number >= 0 {
      return recent[place].number
    }
    let number: Int32
    if let known = tasks[identity] {
      number = known
    } else {
      number = try sink.task(identity)
      // The sink knows them all; this is only quicker.
      if tasks.count >= Self.mostTasks { tasks.removeAll(keepingCapacity: true) }
      tasks[identity] = number
    }
    recent[place] = (identity, number)
    return number
  }

  @inline(__always)
  func emit(_ request: BlockRequest) throws {
    if !request.queued.isSeen || !request.issued.isSeen || !request.completed.isSeen { parts += 1 }
    batch.requests.append(request)
    if batch.count >= Self.batchSize { try flush() }
  }

  @inline(__always)
  func emit(_ bio: MergedBio) { batch.bios.append(bio) }

  func flush() throws {
    guard batch.count > 0 else { return }
    try sink.receive(batch)
    batch.removeAll()
  }
}
