internal import TraceModel

/// Puts events into the order of their times and watches their numbering.
///
/// Lines of one CPU come in order; those of different CPUs may be some milliseconds apart, because the
/// buffers of the CPUs are merged in batches. A window of events is held back and sorted on arrival, which
/// costs next to nothing when the lines are in order already.
///
/// The number of an event counts up per device and CPU. A gap is exactly so many lost events. Time that
/// falls while the number rises is a step of the clock; a number that starts again at 1 is another trace.
struct EventOrder {
  /// What an event means for those before it.
  enum Arrival {
    case inOrder
    /// The clock was set back; requests that are open go on.
    case clockStep
    /// Another trace begins, in which nothing that is open can complete, or the same once more. The event is not
    /// counted yet.
    case newTrace
  }

  private struct Lane {
    var sequence: UInt32 = 0
    var time = Int64.min
    /// The smallest number of the recording; 0: none yet.
    var smallest: UInt32 = 0
    /// The time of the first event.
    var began = Int64.min
  }

  private struct LaneKey: Hashable {
    let device: DeviceNumber
    let cpu: UInt32
  }

  /// Events that are held back at most; a power of two.
  private static let depth = 4096
  /// A fall of the clock that no merging of buffers explains.
  private static let jump: Int64 = 1_000_000_000

  /// Pairs of a device and a CPU whose numbering is followed; a damaged file may name any.
  private static let mostLanes = 1 << 20

  /// The events that are held back, in a ring; made with the first.
  private var window: [BlockEvent] = []
  /// How many were taken out of ``window`` so far, and put into it: the oldest stands at the first number,
  /// both modulo ``depth``.
  private var first = 0
  private var end = 0
  private var lanes: [Lane] = []
  private var laneIndex: [LaneKey: Int] = [:]
  /// The lane last used for each CPU, by its low bits: events of several CPUs alternate. -1: none yet, since a
  /// hostile record may have any key.
  private var recent = [(key: LaneKey, lane: Int)](
    repeating: (LaneKey(device: DeviceNumber(rawValue: .max), cpu: .max), -1), count: 64)
  /// The latest time of this stretch; `Int64.min` before the first event.
  private(set) var latest = Int64.min
  /// The first event of the recording.
  private var beginning: BlockEvent?

  /// Holes found so far, until ``takeGaps()``.
  private var gaps: [Gap] = []

  /// A hole in a CPU's numbering.
  struct Gap {
    let device: DeviceNumber
    let cpu: UInt32
    let events: Int64
    let from: Int64
    let to: Int64
  }

  /// Looks at an event's number and time. The caller drains the window on all but `inOrder`.
  mutating func arrival(of event: BlockEvent) -> Arrival {
    guard event.sequence != 0, let lane = laneNumber(event) else {
      if latest != .min, event.time < latest, event.time < latest - Self.jump || isBeginning(event)
      {
        return .newTrace
      }
      if beginning == nil { beginning = event }
      latest = max(latest, event.time)
      return .inOrder
    }
    let last = lanes[lane]
    // Int32: the counter may pass 2^31 and even wrap.
    let distance = Int32(bitPattern: event.sequence &- last.sequence)
    if last.time != .min || last.sequence != 0 {
      if last.time != .min, event.time < last.time {
        if distance > 0 { return setBack(event, lane) }
        if event.sequence == 1 || event.time < last.time - Self.jump || isBeginning(event) {
          return .newTrace
        }
        lanes[lane].smallest = min(last.smallest, event.sequence)
        lanes[lane].began = min(last.began, event.time)
        // A late line of the same CPU: it was counted as lost when its successor came.
        gaps.append(
          Gap(device: event.device, cpu: event.cpu, events: -1, from: event.time, to: event.time))
        return .inOrder
      }
      if distance > 1 {
        gaps.append(
          Gap(
            device: event.device, cpu: event.cpu, events: Int64(distance) - 1,
            from: last.time == .min ? event.time : last.time, to: event.time))
      }
    } else {
      begin(lane, event)
    }
    lanes[lane].sequence = event.sequence
    lanes[lane].time = event.time
    latest = max(latest, event.time)
    return .inOrder
  }

  private mutating func begin(_ lane: Int, _ event: BlockEvent) {
    if beginning == nil { beginning = event }
    guard lanes[lane].smallest == 0 else { return }
    lanes[lane].smallest = event.sequence
    lanes[lane].began = event.time
  }

  /// Whether it is the first event of the recording once more: the text was appended to itself.
  private func isBeginning(_ event: BlockEvent) -> Bool {
    guard let beginning else { return false }
    return event.time == beginning.time && event.sequence == beginning.sequence
      && event.cpu == beginning.cpu && event.device == beginning.device
      && event.sector == beginning.sector && event.action == beginning.action
      && event.pid == beginning.pid
  }

  // MARK: - The ends of the numbering

  /// Numbers before the first event of each CPU: the tracer counts from 1.
  var before: Int64 { lanes.saturatingSum { Int64($0.smallest) - ($0.smallest > 0 ? 1 : 0) } }

  /// From when to when a CPU of this device had no event yet and should have had some, or had none any more.
  func silences(of device: DeviceNumber) -> [Silence] {
    guard let first = lanes.map(\.began).filter({ $0 != .min }).min(), latest > .min else {
      return []
    }
    return laneIndex.sorted { $0.value < $1.value }.flatMap { key, lane -> [Silence] in
      let lane = lanes[lane]
      guard key.device == device, lane.time != .min, lane.began != .min else { return [] }
      return
        (lane.smallest > 1
        ? [Silence(cpu: key.cpu, isEnd: false, from: first, to: lane.began)] : [])
        + [Silence(cpu: key.cpu, isEnd: true, from: lane.time, to: latest)]
    }
  }

  /// When a CPU was silent at an end of the recording.
  struct Silence {
    let cpu: UInt32
    let isEnd: Bool
    let from: Int64
    let to: Int64
  }

  /// The holes found since the last call.
  mutating func takeGaps() -> [Gap] {
    defer { gaps.removeAll(keepingCapacity: true) }
    return gaps
  }

  /// Lines were cut out of the text here: what follows in a lane is no hole, and no step of the clock.
  mutating func forgetNumbers() {
    for index in lanes.indices { (lanes[index].sequence, lanes[index].time) = (0, .min) }
  }

  /// Whether there are holes to take.
  var hasGaps: Bool { !gaps.isEmpty }

  /// Puts an event into its place; returns the oldest one when the window is full.
  @inline(__always)
  mutating func push(_ event: BlockEvent) -> BlockEvent? {
    let mask = Self.depth - 1
    guard !window.isEmpty else {
      window = [BlockEvent](repeating: event, count: Self.depth)
      end += 1
      return nil
    }
    var oldest: BlockEvent?
    if end - first == Self.depth {
      let earliest = window[first & mask]
      // Behind all of them in the file, before all of them in time.
      if event.time < earliest.time { return event }
      oldest = earliest
      first += 1
    }
    var index = end
    while index > first, window[(index - 1) & mask].time > event.time {
      window[index & mask] = window[(index - 1) & mask]
      index -= 1
    }
    window[index & mask] = event
    end += 1
    return oldest
  }

  /// The events that are held back, in the order of their times.
  var held: [BlockEvent] { (first..<end).map { window[$0 & (Self.depth - 1)] } }

  /// The oldest event that is held back.
  mutating func popFirst() -> BlockEvent? {
    guard first < end else { return nil }
    let event = window[first & (Self.depth - 1)]
    first += 1
    return event
  }

  private mutating func setBack(_ event: BlockEvent, _ lane: Int) -> Arrival {
    // The numbering goes on.
    for index in lanes.indices { lanes[index].time = .min }
    lanes[lane].sequence = event.sequence
    lanes[lane].time = event.time
    latest = event.time
    return .clockStep
  }

  /// What follows is another recording.
  mutating func startAnew() {
    for index in lanes.indices { lanes[index] = Lane() }
    beginning = nil
    latest = .min
  }

  /// The lane of an event's device and CPU; nil when there are too many of them to follow.
  @inline(__always)
  private mutating func laneNumber(_ event: BlockEvent) -> Int? {
    let key = LaneKey(device: event.device, cpu: event.cpu)
    let place = Int(truncatingIfNeeded: event.cpu & 63)
    if recent[place].key == key, recent[place].lane >= 0 { return recent[place].lane }
    let lane: Int
    if let known = laneIndex[key] {
      lane = known
    } else {
      guard lanes.count < Self.mostLanes else { return nil }
      lane = lanes.count
      laneIndex[key] = lane
      lanes.append(Lane())
    }
    recent[place] = (key, lane)
    return lane
  }
}
