internal import TraceModel

/// Parses the payloads of the `sched_*` tracepoints in all their styles: the kernel's, those of
/// libtraceevent's plugins, and raw.
///
/// Names are hostile, so payloads are read from the right, where numbers with known keys stand.
struct SchedPayload {
  /// No machine has a CPU of a higher number: what is kept per CPU must not follow hostile input.
  static let mostCPUs: Int64 = 1 << 16

  /// Reads the payload of a tracepoint into `event`; false when it is no event of the scheduler. The
  /// parts of the envelope are filled in by the caller.
  @inline(__always)
  static func parse(
    _ bytes: Span<UInt8>, _ line: TracepointLine, into event: inout SchedEvent
  ) throws(ParseError) -> Bool {
    let name = line.event.lowerBound
    let nameEnd = line.event.upperBound
    guard bytes.has("sched_", at: name, nameEnd) else { return false }
    let kind = kind(bytes, name + 6, nameEnd)
    event.kind = kind
    let start = line.payload.lowerBound
    let end = line.payload.upperBound
    let isWhole =
      switch kind {
      case .other: true
      case .switched: switched(bytes, start, end, &event)
      case .waking, .wakeup, .wakeupNew: woken(bytes, start, end, &event)
      case .migrated: migrated(bytes, start, end, &event)
      case .freed: about(bytes, start, end, &event)
      case .waited: waited(bytes, start, end, &event)
      }
    guard isWhole else { throw ParseError(.malformedPayload, column: start - line.start + 1) }
    return true
  }

  /// What the tracepoint is whose name stands behind `sched_`.
  @inline(__always)
  private static func kind(_ bytes: Span<UInt8>, _ rest: Int, _ nameEnd: Int) -> SchedEventKind {
    switch nameEnd - rest {
    case 6 where bytes.has("switch", at: rest, nameEnd): .switched
    case 9 where bytes.has("stat_wait", at: rest, nameEnd): .waited
    case 6 where bytes.has("waking", at: rest, nameEnd): .waking
    case 6 where bytes.has("wakeup", at: rest, nameEnd): .wakeup
    case 10 where bytes.has("wakeup_new", at: rest, nameEnd): .wakeupNew
    case 12 where bytes.has("migrate_task", at: rest, nameEnd): .migrated
    case 12 where bytes.has("process_free", at: rest, nameEnd): .freed
    default: .other
    }
  }

  // MARK: sched_switch

  /// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=R+ ==> next_comm=b next_pid=2 next_prio=120`
  private static func switched(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    guard bytes.has("prev_comm=", at: start, end) else {
      return switchedPlugin(bytes, start, end, &event)
    }
    // Newer kernels append ` key=value`: what cannot be read from the right is taken away bit by bit.
    var last = end
    while true {
      var at = last
      if number(" next_prio=", bytes, &at, start, signed: true) != nil,
        let next = number(" next_pid=", bytes, &at, start)
      {
        event.nextTid = UInt32(truncatingIfNeeded: next)
        return switchedNames(bytes, start, at, &event)
      }
      guard dropField(bytes, &last, start) else { return false }
    }
  }

  /// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=R+ ==> next_comm=b`: a name may hold
  /// ` ==> next_comm=` itself, so the last one counts behind which all the rest fits.
  private static func switchedNames(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = end - 11
    while at > start {
      if bytes.has(" next_comm=", at: at, end) {
        let isArrow = bytes.has(" ==>", at: at - 4, end)
        if previous(bytes, start, isArrow ? at - 4 : at, isRaw: !isArrow, &event) {
          event.nextName = TaskName(bytes, from: at + 11, to: end)
          return true
        }
      }
      at -= 1
    }
    return false
  }

  /// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=R+`.
  private static func previous(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, isRaw: Bool, _ event: inout SchedEvent
  ) -> Bool {
    var at = end
    while at > start, bytes[at - 1] != 0x20, bytes[at - 1] != UInt8(ascii: "=") { at -= 1 }
    guard at < end, bytes.has(" prev_state=", at: at - 12, end), at - 12 >= start else {
      return false
    }
    let state = at
    at -= 12
    guard number(" prev_prio=", bytes, &at, start, signed: true) != nil,
      let tid = number(" prev_pid=", bytes, &at, start), at >= start + 10
    else { return false }
    event.tid = UInt32(truncatingIfNeeded: tid)
    event.name = TaskName(bytes, from: start + 10, to: at)
    return bytes[state] &- 0x30 < 10
      ? rawState(bytes, state, end, &event)
      : !isRaw && letterState(bytes, state, end, &event)
  }

  /// `bash:1234 [120] S ==> swapper/3:0 [120]`, with a colon in a name: `kworker/2:1:2923 [120]`.
  private static func switchedPlugin(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = end
    guard let (tid, nameEnd) = pluginTask(bytes, &at, start) else { return false }
    var arrow = nameEnd - 5
    while arrow > start {
      if bytes.has(" ==> ", at: arrow, nameEnd) {
        var state = arrow
        while state > start, bytes[state - 1] != 0x20 { state -= 1 }
        var before = state - 1
        if state < arrow, before > start,
          let (leaving, leavingEnd) = pluginTask(bytes, &before, start)
        {
          event.tid = leaving
          event.name = TaskName(bytes, from: start, to: leavingEnd)
          event.nextTid = tid
          event.nextName = TaskName(bytes, from: arrow + 5, to: nameEnd)
          return letterState(bytes, state, arrow, &event)
        }
      }
      arrow -= 1
    }
    return false
  }

  /// `kworker/2:1:2923 [120]` from its right end: the thread, and where its name ends.
  @inline(__always)
  private static func pluginTask(
    _ bytes: Span<UInt8>, _ end: inout Int, _ start: Int
  ) -> (UInt32, Int)? {
    var at = end
    guard at > start, bytes[at - 1] == UInt8(ascii: "]") else { return nil }
    at -= 1
    guard bytes.decimalBefore(&at, start) != nil else { return nil }
    if at > start, bytes[at - 1] == UInt8(ascii: "-") { at -= 1 }
    guard bytes.has(" [", at: at - 2, end), at - 2 >= start else { return nil }
    at -= 2
    guard let tid = bytes.decimalBefore(&at, start), tid < 1 << 32, at > start,
      bytes[at - 1] == UInt8(ascii: ":")
    else { return nil }
    end = at
    return (UInt32(truncatingIfNeeded: tid), at - 1)
  }

  /// `R`, `R+`, `S`, `D|K`, `x`.
  @inline(__always)
  static func letterState(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    let letter = bytes[start]
    event.letter = letter
    if bytes[end - 1] == UInt8(ascii: "+") {
      event.left = .preempted
      return true
    }
    // Before 4.14 an idle kernel thread is `D|N`.
    event.left = reason(letter, isIdle: bytes.has("|N", at: end - 2, end) && end - start > 2)
    return true
  }

  /// How a thread leaves whose state has this letter, without `+`.
  @inline(__always)
  private static func reason(_ letter: UInt8, isIdle: Bool) -> LeaveReason {
    switch letter {
    case UInt8(ascii: "R"): .yielded
    case UInt8(ascii: "S"): .sleeping
    case UInt8(ascii: "D"): isIdle ? .idle : .blocked
    case UInt8(ascii: "I"): .idle
    case UInt8(ascii: "T"), UInt8(ascii: "t"): .stopped
    case UInt8(ascii: "X"), UInt8(ascii: "x"), UInt8(ascii: "Z"): .dead
    default: .other
    }
  }

  /// `0`, `1`, `256`: the bits of the kernel. 1 and 2 mean the same in all of them; the highest bit of the
  /// table, from 256 to 4096 by age, is a preemption; 64 was a dead task and is a parked one.
  @inline(__always)
  private static func rawState(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = start
    // trace-cmd prints `0x1` for some kernels.
    if bytes.has("0x", at: at, end) {
      at += 2
      guard let state = bytes.hexadecimal(&at, end), at == end, state < 1 << 32 else {
        return false
      }
      rawState(Int64(state), &event)
      return true
    }
    guard let state = bytes.decimal(&at, end), at == end else { return false }
    rawState(state, &event)
    return true
  }

  @inline(__always)
  static func rawState(_ state: Int64, _ event: inout SchedEvent) {
    switch state {
    case 0: event.left = .yielded
    case 256, 512, 1024, 2048, 4096: event.left = .preempted
    case _ where state & 256 != 0: event.left = .preempted
    case _ where state & 1 != 0: event.left = .sleeping
    case 1026: event.left = .idle
    case _ where state & 2 != 0: event.left = .blocked
    case _ where state & 12 != 0: event.left = .stopped
    case _ where state & 48 != 0: event.left = .dead
    case 128: event.left = .idle
    default: event.left = .other
    }
    event.letter = letter(ofState: state)
  }

  /// The letter that newer kernels print for the lowest bit of a state; `R` for none of them.
  private static func letter(ofState state: Int64) -> UInt8 {
    let letters: [UInt8] = [0x53, 0x44, 0x54, 0x74, 0x58, 0x5A, 0x50, 0x49]  // SDTtXZPI
    let bit = state.trailingZeroBitCount
    return bit < letters.count ? letters[bit] : UInt8(ascii: "R")
  }

  // MARK: The others

  /// `comm=fio pid=4711 prio=120 success=1 target_cpu=003`, `fio:4711 [120] success=1 CPU:003`.
  private static func woken(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    event.target = -1
    guard bytes.has("comm=", at: start, end) else {
      return wokenPlugin(bytes, start, end, &event)
    }
    var last = end
    while true {
      var at = last
      if let target = number(" target_cpu=", bytes, &at, start, upTo: mostCPUs) {
        event.target = Int32(truncatingIfNeeded: target)
        return success(bytes, &at, start, &event) && subject(bytes, start, at, &event)
      }
      // Reports without the field exist: then a task's priority ends the line.
      if number(" prio=", bytes, &at, start, signed: true) != nil {
        return subject(bytes, start, last, &event)
      }
      guard dropField(bytes, &last, start) else { return false }
    }
  }

  /// ` success=1`, of kernels up to 4.2. 0: it was awake already, and nothing happened.
  @inline(__always)
  private static func success(
    _ bytes: Span<UInt8>, _ end: inout Int, _ start: Int, _ event: inout SchedEvent
  ) -> Bool {
    if number(" success=", bytes, &end, start) == 0 { event.kind = .other }
    return true
  }

  /// `fio:4711 [120] success=1 CPU:003`.
  private static func wokenPlugin(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = end
    if let cpu = bytes.decimalBefore(&at, start), cpu < mostCPUs,
      bytes.has(" CPU:", at: at - 5, end), at - 5 > start
    {
      event.target = Int32(truncatingIfNeeded: cpu)
      at -= 5
    } else {
      at = end
    }
    guard success(bytes, &at, start, &event),
      let (tid, nameEnd) = pluginTask(bytes, &at, start)
    else { return false }
    event.tid = tid
    event.name = TaskName(bytes, from: start, to: nameEnd)
    return true
  }

  /// `comm=fio pid=4711 prio=120 orig_cpu=1 dest_cpu=3`.
  private static func migrated(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var last = end
    while true {
      var at = last
      if let target = number(" dest_cpu=", bytes, &at, start, upTo: mostCPUs),
        number(" orig_cpu=", bytes, &at, start) != nil
      {
        event.target = Int32(truncatingIfNeeded: target)
        return subject(bytes, start, at, &event)
      }
      guard dropField(bytes, &last, start) else { return false }
    }
  }

  /// `comm=fio pid=4711 prio=120` and, by kernel, more.
  private static func about(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var last = end
    while !subject(bytes, start, last, &event) {
      guard dropField(bytes, &last, start) else { return false }
    }
    return true
  }

  /// `comm=fio pid=4711 delay=84000 [ns]`; raw without the unit.
  private static func waited(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = bytes.has(" [ns]", at: end - 5, end) ? end - 5 : end
    guard let delay = number(" delay=", bytes, &at, start, upTo: .max),
      let tid = number(" pid=", bytes, &at, start), at >= start + 5,
      bytes.has("comm=", at: start, at)
    else { return false }
    event.delay = delay
    event.tid = UInt32(truncatingIfNeeded: tid)
    event.name = TaskName(bytes, from: start + 5, to: at)
    return true
  }

  /// `comm=fio pid=4711 prio=120`.
  @inline(__always)
  private static func subject(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ event: inout SchedEvent
  ) -> Bool {
    var at = end
    guard number(" prio=", bytes, &at, start, signed: true) != nil,
      let tid = number(" pid=", bytes, &at, start), at >= start + 5,
      bytes.has("comm=", at: start, at)
    else { return false }
    event.tid = UInt32(truncatingIfNeeded: tid)
    event.name = TaskName(bytes, from: start + 5, to: at)
    return true
  }

  /// ` pid=4711` from its right end, which moves to the blank; nil when something else stands there.
  @inline(__always)
  private static func number(
    _ key: StaticString, _ bytes: Span<UInt8>, _ end: inout Int, _ start: Int,
    signed: Bool = false, upTo limit: Int64 = 1 << 32
  ) -> Int64? {
    var at = end
    guard let value = bytes.decimalBefore(&at, start), value < limit else { return nil }
    if signed, at > start, bytes[at - 1] == UInt8(ascii: "-") { at -= 1 }
    let key0 = at - key.utf8CodeUnitCount
    guard key0 >= start, bytes.has(key, at: key0, end) else { return nil }
    end = key0
    return value
  }

  /// Takes ` expected_cpu=3` away from the right; false when the rest is no such field.
  private static func dropField(_ bytes: Span<UInt8>, _ end: inout Int, _ start: Int) -> Bool {
    var at = end
    var hasEquals = false
    while at > start, bytes[at - 1] != 0x20 {
      at -= 1
      if bytes[at] == UInt8(ascii: "=") { hasEquals = true }
    }
    guard hasEquals, at > start else { return false }
    bytes.skipBlanksBack(&at, start)
    end = at
    return true
  }
}

// MARK: - Records

/// The fields of one of these tracepoints in a binary recording.
struct SchedRecord {
  /// What happened.
  let kind: SchedEventKind
  private let isSwapped: Bool
  /// Bytes that all fields need.
  private var needed = 0
  private var name = EventField()
  private var tid = EventField()
  private var nextName = EventField()
  private var nextTid = EventField()
  private var state = EventField()
  private var target: EventField?
  private var success: EventField?

  /// The fields of no event: no record has them.
  init() {
    (kind, isSwapped, needed) = (.other, false, .max)
  }

  /// Finds the fields in a format; nil when it is of no event that is used, or lacks one of them.
  init?(_ format: EventFormat) {
    guard let kind = SchedPayload.kind(ofName: format.name), kind != .other else { return nil }
    self.kind = kind
    isSwapped = format.isSwapped
    let prefix = kind == .switched ? "prev_" : ""
    guard let name = format[prefix + "comm"], let tid = format[prefix + "pid"] else { return nil }
    (self.name, self.tid) = (name, tid)
    var all = [name, tid]
    switch kind {
    case .switched:
      guard let state = format["prev_state"], let nextName = format["next_comm"],
        let nextTid = format["next_pid"]
      else { return nil }
      (self.state, self.nextName, self.nextTid) = (state, nextName, nextTid)
      all += [state, nextName, nextTid]
    case .waking, .wakeup, .wakeupNew:
      target = format["target_cpu"] ?? format["cpu"]
      success = format["success"]
    case .migrated:
      guard let target = format["dest_cpu"] else { return nil }
      self.target = target
    case .waited:
      guard let delay = format["delay"] else { return nil }
      state = delay
      all.append(delay)
    case .freed, .other: break
    }
    if let target { all.append(target) }
    if let success { all.append(success) }
    needed = all.map(\.end).max() ?? 0
  }

  /// Reads a record, but for its envelope; false when it is too short or no machine's. The state in which a thread leaves
  /// is as the kernel keeps it.
  @inline(__always)
  func read(
    _ bytes: Span<UInt8>, _ record: TracepointRecord, into event: inout SchedEvent,
    left: inout Int64
  ) -> Bool {
    let start = record.start
    let length = Int(record.length)
    guard length >= needed, let name = name.name(bytes, start, length, isSwapped) else {
      return false
    }
    event.kind = kind
    event.name = name
    event.tid = UInt32(truncatingIfNeeded: tid.integer(bytes, start, isSwapped))
    switch kind {
    case .switched:
      guard let nextName = nextName.name(bytes, start, length, isSwapped) else { return false }
      event.nextName = nextName
      event.nextTid = UInt32(truncatingIfNeeded: nextTid.integer(bytes, start, isSwapped))
      left = state.integer(bytes, start, isSwapped)
    case .waited:
      event.delay = state.integer(bytes, start, isSwapped)
      return event.delay >= 0
    default:
      event.target = -1
      if let target {
        let cpu = target.integer(bytes, start, isSwapped)
        guard cpu < SchedPayload.mostCPUs else { return false }
        event.target = cpu < 0 ? -1 : Int32(truncatingIfNeeded: cpu)
      }
      // Of kernels up to 4.2; 0: it was awake already, and nothing happened.
      if let success, success.integer(bytes, start, isSwapped) == 0 { event.kind = .other }
    }
    return true
  }
}

extension SchedPayload {
  /// What the tracepoint of this name, without its group, is; nil when it is none of the scheduler's.
  static func kind(ofName name: String) -> SchedEventKind? {
    let bytes = Array(name.utf8)
    guard name.hasPrefix("sched_") else { return nil }
    return kind(bytes.span, 6, bytes.count)
  }

  /// A state as the kernel keeps it, by the letters that the file has for it.
  @inline(__always)
  static func state(_ spelled: SwitchLetters.Spelled, _ event: inout SchedEvent) {
    let (letter, isPreempted, isIdle) = spelled
    event.letter = letter
    event.left = isPreempted ? .preempted : reason(letter, isIdle: isIdle)
  }
}
