internal import TraceModel

/// Reads the lines that nearly all of `perf sched script` consists of from left to right, with wide loads:
///
///             perf 30288 [000]   900.803815:       sched:sched_switch: prev_comm=perf prev_pid=30288 ...
///
/// A line takes some 25 ns so, and some 100 ns by ``PerfScriptEnvelope`` and ``SchedPayload``, which read
/// all other lines and are the judges of what this may say: where a name is longer than 16 bytes or holds
/// a control character, a number is signed, or a field is one more or one less, it says nothing.
enum SchedColumns {
  /// A line is not looked at unless so many bytes stand from its start on: more than all its fields can
  /// take, so no load ends behind the bytes.
  static let reach = 512

  /// What a line is.
  enum Line {
    /// An event that counts.
    case event
    /// An event of the scheduler that runs and waits do not need; it was not read.
    case other
    /// None that can be read here.
    case unknown
  }

  /// Reads the line at `position`, which moves to the next one unless the line is `unknown`.
  @inline(__always)
  static func read(
    _ bytes: Span<UInt8>, _ position: inout Int, _ end: Int, into event: inout SchedEvent,
    resolution: inout Int32, seconds: inout PerfScriptEnvelope.Seconds
  ) -> Line {
    // Found first, so that the processor can begin the next line before it has done with this one. What stands in
    // front is read below, but for the 16 bytes of the name.
    guard let newline = bytes.newline(from: position + 64, to: end),
      !hasNewline(bytes.word(at: position)), !hasNewline(bytes.word(at: position + 8))
    else { return .unknown }
    var head = PerfScriptEnvelope.Head()
    var at = position
    guard PerfScriptEnvelope.parseHead(bytes, &at, into: &head, &seconds) else { return .unknown }
    event.time = head.time
    event.cpu = head.cpu
    event.pid = 0
    resolution = head.resolution

    // All names up to the colon and the blank are at least eight bytes long.
    at += 12
    let isWhole: Bool
    if bytes.stands("switch: ", at: at) {
      at += 8
      event.kind = .switched
      isWhole = switched(bytes, &at, &event)
    } else if bytes.stands("waking: ", at: at) {
      at += 8
      event.kind = .waking
      isWhole = woken(bytes, &at, &event)
    } else if bytes.stands("wakeup: ", at: at) {
      at += 8
      event.kind = .wakeup
      isWhole = woken(bytes, &at, &event)
    } else if bytes.stands("stat_runtime: ", at: at) {
      guard at + 14 <= newline else { return .unknown }
      position = newline + 1
      return .other
    } else if bytes.stands("migrate_task: ", at: at) {
      at += 14
      event.kind = .migrated
      isWhole = migrated(bytes, &at, &event)
    } else {
      return .unknown
    }
    guard isWhole, at == newline else { return .unknown }
    position = newline + 1
    return .event
  }

  /// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=R+ ==> next_comm=b next_pid=2 next_prio=120`
  @inline(__always)
  private static func switched(
    _ bytes: Span<UInt8>, _ at: inout Int, _ event: inout SchedEvent
  ) -> Bool {
    guard bytes.stands("prev_comm=", at: at),
      let name = name(bytes, at + 10, before: " prev_pid=")
    else { return false }
    event.name = name.name
    at = name.end + 10
    guard let tid = number(bytes, &at), bytes.stands(" prev_prio=", at: at) else { return false }
    event.tid = tid
    at += 11
    guard number(bytes, &at) != nil, bytes.stands(" prev_state=", at: at) else { return false }
    at += 12
    let state = at
    while at < state + 8, bytes[at] > 0x20, bytes[at] != UInt8(ascii: "=") { at += 1 }
    // A number is the raw form of the state.
    guard at > state, (bytes[state] | 0x20) &- 0x61 < 26, bytes.stands(" ==> next_comm=", at: at),
      SchedPayload.letterState(bytes, state, at, &event),
      let next = self.name(bytes, at + 15, before: " next_pid=")
    else { return false }
    event.nextName = next.name
    at = next.end + 10
    guard let nextTid = number(bytes, &at), bytes.stands(" next_prio=", at: at) else {
      return false
    }
    event.nextTid = nextTid
    at += 11
    return number(bytes, &at) != nil
  }

  /// `comm=fio pid=4711 prio=120 target_cpu=003`
  @inline(__always)
  private static func woken(
    _ bytes: Span<UInt8>, _ at: inout Int, _ event: inout SchedEvent
  ) -> Bool {
    guard subject(bytes, &at, &event), bytes.stands(" target_cpu=", at: at) else { return false }
    at += 12
    guard let target = number(bytes, &at), target < UInt32(SchedPayload.mostCPUs) else {
      return false
    }
    event.target = Int32(truncatingIfNeeded: target)
    return true
  }

  /// `comm=fio pid=4711 prio=120 orig_cpu=1 dest_cpu=3`
  @inline(__always)
  private static func migrated(
    _ bytes: Span<UInt8>, _ at: inout Int, _ event: inout SchedEvent
  ) -> Bool {
    guard subject(bytes, &at, &event), bytes.stands(" orig_cpu=", at: at) else { return false }
    at += 10
    guard number(bytes, &at) != nil, bytes.stands(" dest_cpu=", at: at) else { return false }
    at += 10
    guard let target = number(bytes, &at), target < UInt32(SchedPayload.mostCPUs) else {
      return false
    }
    event.target = Int32(truncatingIfNeeded: target)
    return true
  }

  /// `comm=fio pid=4711 prio=120`
  @inline(__always)
  private static func subject(
    _ bytes: Span<UInt8>, _ at: inout Int, _ event: inout SchedEvent
  ) -> Bool {
    guard bytes.stands("comm=   ", at: at, only: 5),
      let name = name(bytes, at + 5, before: " pid=   ", only: 5)
    else { return false }
    event.name = name.name
    at = name.end + 5
    guard let tid = number(bytes, &at), bytes.stands(" prio=  ", at: at, only: 6) else {
      return false
    }
    event.tid = tid
    at += 6
    return number(bytes, &at) != nil
  }

  /// The name up to the first place where the key stands. A name may hold the key itself; then what
  /// follows is no line of this form.
  @inline(__always)
  private static func name(
    _ bytes: Span<UInt8>, _ start: Int, before key: StaticString, only count: Int = 16
  ) -> (name: TaskName, end: Int)? {
    let low = bytes.word(at: start)
    let high = bytes.word(at: start + 8)
    var from = start
    while from <= start + 16 {
      let word = bytes.word(at: from)
      let blanks = Self.blanksAndControls(word)
      guard blanks != 0 else {
        from += 8
        continue
      }
      let at = from + blanks.trailingZeroBitCount >> 3
      let length = at - start
      guard length <= 16, bytes[at] == 0x20 else { return nil }
      if count == 16 ? bytes.stands(key, at: at) : bytes.stands(key, at: at, only: count) {
        var name = TaskName()
        if length < 8 {
          name.low = low & (1 &<< UInt64(8 &* length) &- 1)
        } else {
          name.low = low
          // Shifted in two steps, for 64 is one too many for one.
          let half = UInt64(4 &* (16 &- length))
          name.high = high & ((UInt64.max &>> half) &>> half)
        }
        return (name, at)
      }
      from = at + 1
    }
    return nil
  }

  /// At most eight digits.
  @inline(__always)
  private static func number(_ bytes: Span<UInt8>, _ at: inout Int) -> UInt32? {
    let (value, length) = bytes.shortDecimal(at: at)
    guard length > 0 else { return nil }
    at += length
    return UInt32(truncatingIfNeeded: value)
  }

  /// Whether one of eight bytes is a newline.
  @inline(__always)
  private static func hasNewline(_ word: UInt64) -> Bool {
    let other = word ^ 0x0A0A_0A0A_0A0A_0A0A
    return (other &- 0x0101_0101_0101_0101) & ~other & 0x8080_8080_8080_8080 != 0
  }

  /// The highest bit of each byte up to 0x20, as far as the first of them.
  @inline(__always)
  static func blanksAndControls(_ word: UInt64) -> UInt64 {
    (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
  }
}
