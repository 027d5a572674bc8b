internal import TraceModel

/// Parses one line of blkparse's default output.
///
/// Fields are separated by runs of blanks and may overflow their columns, so nothing is taken from a
/// fixed place:
///
///       8,0    0        9     0.500000000  4242  D   R 252 (12 00 00 00 fc 00 ..) [sg inq]
///     259,1048575 123   30     0.000000300 4194304  Q   R 2048 + 8 [(null)]
struct BlkparseLine {
  /// Lines without a number were read: ftrace printed them, by its own clock.
  private(set) var hasUnnumbered = false

  /// Reads the line at these positions into `event`, of which nothing is kept from before.
  @inline(__always)
  mutating func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout BlockEvent
  ) throws(ParseError) {
    let end = line.upperBound
    var at = line.lowerBound
    func complaint(_ kind: ProblemKind) -> ParseError {
      ParseError(at >= end ? .truncatedLine : kind, column: at - line.lowerBound + 1)
    }

    bytes.skipBlanks(&at, end)
    guard at < end, bytes[at] &- 0x30 < 10 else { throw complaint(.unrecognizedLine) }
    guard let major = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: ",") else {
      throw complaint(.unrecognizedLine)
    }
    at += 1
    guard let minor = bytes.decimal(&at, end),
      let device = DeviceNumber(major: UInt64(major), minor: UInt64(minor))
    else { throw complaint(.malformedNumber) }
    event.device = device

    bytes.skipBlanks(&at, end)
    guard let cpu = bytes.decimal(&at, end), cpu < Int64(BlockEvent.mostCPUs) else {
      throw complaint(.malformedNumber)
    }
    event.cpu = UInt32(truncatingIfNeeded: cpu)

    bytes.skipBlanks(&at, end)
    // An unsigned counter printed as a signed one: `-1294967296` once it is past 2^31.
    let isNegative = at < end && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let sequenceStart = at
    guard let sequence = bytes.decimal(&at, end), sequence < 1 << 32 else {
      throw complaint(.malformedNumber)
    }
    event.sequence = UInt32(truncatingIfNeeded: isNegative ? -sequence : sequence)
    if at < end, bytes[at] == UInt8(ascii: ".") {
      // `  7,0    1  1399.564305340 10134  Q   R 11112 + 8 [fio]`: ftrace's `blk_classic` has none.
      at = sequenceStart
      event.sequence = 0
      hasUnnumbered = true
    }

    bytes.skipBlanks(&at, end)
    guard let seconds = bytes.decimal(&at, end), seconds < Stamp.mostSeconds, at < end,
      bytes[at] == UInt8(ascii: ".")
    else { throw complaint(.malformedNumber) }
    at += 1
    let fractionStart = at
    guard let fraction = bytes.decimal(&at, end), at - fractionStart == 9 else {
      throw complaint(.malformedNumber)
    }
    event.time = Self.unwrapped(seconds: seconds, fraction: fraction)

    bytes.skipBlanks(&at, end)
    guard let pid = bytes.decimal(&at, end), pid < 1 << 32 else {
      throw complaint(.malformedNumber)
    }
    event.pid = UInt32(truncatingIfNeeded: pid)

    try parseAction(bytes, &at, line, into: &event)
  }

  /// The time of an event, ns, as blkparse prints it.
  ///
  /// Where it reads a live trace its zero is the earliest event of the first batch; those of other CPUs that come
  /// later may be older. It keeps times in 64 bits without a sign and prints their seconds as 32 bits, so 101 us
  /// before the zero is `1266874889.709450616`. Only a day before that wrap is taken for such times.
  @inline(__always)
  static func unwrapped(seconds: Int64, fraction: Int64) -> Int64 {
    let time = seconds * 1_000_000_000 + fraction
    return wrappedTimes.contains(time) ? time - wrappedTimes.upperBound : time
  }

  /// 2^64 ns without the four times 2^32 s that are cut off, and the day before it.
  private static let wrappedTimes: Range<Int64> = {
    let zero: Int64 = 1_266_874_889_709_551_616
    return zero - 86_400_000_000_000..<zero
  }()

  /// Reads a line of ftrace's `blk` tracer behind its envelope, in which the actions may be words:
  ///
  ///     7,0    Q   R 11112 + 8 [fio]
  ///     7,0    1,0  complete  FN 0 [0]
  mutating func parseTracer(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout BlockEvent
  ) throws(ParseError) {
    var at = line.lowerBound
    guard let device = BlockPayload.device(bytes, &at, line.upperBound) else {
      throw ParseError(.malformedNumber, column: 1)
    }
    event.device = device
    try parseAction(bytes, &at, line, into: &event)
  }

  /// Reads what stands behind the pid: the action, the letters and the tail.
  @inline(__always)
  private func parseAction(
    _ bytes: Span<UInt8>, _ at: inout Int, _ line: Range<Int>, into event: inout BlockEvent
  ) throws(ParseError) {
    let end = line.upperBound
    func complaint(_ kind: ProblemKind, _ at: Int) -> ParseError {
      ParseError(at >= end ? .truncatedLine : kind, column: at - line.lowerBound + 1)
    }
    bytes.skipBlanks(&at, end)
    skipCgroup(bytes, &at, end)
    guard let action = Self.action(bytes, &at, end) else { throw complaint(.unknownAction, at) }
    event.action = action
    event.task = TaskName()
    event.other = 0
    event.error = 0
    event.sector = -1
    event.sectors = 0
    event.isPassthrough = false

    bytes.skipBlanks(&at, end)
    guard let rwbs = Self.flags(bytes, &at, end) else { throw complaint(.unknownFlags, at) }
    event.rwbs = rwbs
    bytes.skipBlanks(&at, end)

    guard tail(bytes, &at, end, &event) else { throw complaint(.malformedTail, at) }
  }

  /// Reads what stands behind the letters, as the event's action wants it; false when it is not that.
  @inline(__always)
  func tail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    switch event.action {
    case .message: true
    case .complete, .requeue: completionTail(bytes, &at, end, &event)
    case .plug: task(bytes, &at, end, &event)
    case .unplug, .unplugTimer: unplugTail(bytes, &at, end, &event)
    case .remap: remapTail(bytes, &at, end, &event)
    case .split: splitTail(bytes, &at, end, &event)
    case .queue, .getRequest, .sleep, .insert, .issue, .backMerge, .frontMerge, .bounce:
      requestTail(bytes, &at, end, &event)
    }
  }

  /// `1,0 ` between pid and action: the cgroup of a message, from blkparse 1.3 on.
  @inline(__always)
  private func skipCgroup(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
    var index = at
    var hasComma = false
    while index < end, bytes[index] != 0x20 {
      if bytes[index] == UInt8(ascii: ",") { hasComma = true }
      index += 1
    }
    if hasComma {
      at = index
      bytes.skipBlanks(&at, end)
    }
  }

  /// One letter, or `UT`.
  @inline(__always)
  static func action(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> BlockAction? {
    guard at < end else { return nil }
    let next = at + 1 < end ? bytes[at + 1] : 0x20
    if next != 0x20 {
      if bytes[at] &- 0x61 < 26 { return word(bytes, &at, end) }
      guard bytes[at] == UInt8(ascii: "U"), next == UInt8(ascii: "T"),
        at + 2 >= end || bytes[at + 2] == 0x20
      else { return nil }
      at += 2
      return .unplugTimer
    }
    let action = BlockAction(letter: bytes[at])
    if action != nil { at += 1 }
    return action
  }

  /// The words of ftrace's `verbose` option.
  private static func word(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
  ) -> BlockAction? {
    let words: [(StaticString, BlockAction)] = [
      ("queue", .queue), ("backmerge", .backMerge), ("frontmerge", .frontMerge),
      ("getrq", .getRequest), ("sleeprq", .sleep), ("requeue", .requeue), ("issue", .issue),
      ("complete", .complete), ("plug", .plug), ("unplug_io", .unplug),
      ("unplug_timer", .unplugTimer), ("insert", .insert), ("split", .split),
      ("bounce", .bounce), ("remap", .remap), ("message", .message),
    ]
    let behind = bytes.wordEnd(at, end)
    for (word, action) in words where behind - at == word.utf8CodeUnitCount {
      if bytes.has(word, at: at, behind) {
        at = behind
        return action
      }
    }
    return nil
  }

  /// The RWBS letters: an optional `F` before the operation is a preflush, after it FUA.
  @inline(__always)
  static func flags(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> RWBS? {
    var index = at
    var flags: RWBS = []
    guard index < end else { return nil }
    if bytes[index] == UInt8(ascii: "F"), index + 1 < end, bytes[index + 1] != 0x20,
      bytes[index + 1] != UInt8(ascii: "S")
    {
      flags.insert(.preflush)
      index += 1
    }
    switch bytes[index] {
    case UInt8(ascii: "R"): flags.insert(.read)
    case UInt8(ascii: "W"): flags.insert(.write)
    case UInt8(ascii: "D"): flags.insert(.discard)
    case UInt8(ascii: "F"): flags.insert(.flush)
    case UInt8(ascii: "N"): flags.insert(.noData)
    case UInt8(ascii: "Z"):
      // `ZA` append, `ZR` reset, `ZRA` reset all, `ZF` finish, `ZO` open, `ZC` close.
      flags.insert(.zone)
      if index + 1 < end {
        switch bytes[index + 1] {
        case UInt8(ascii: "A"):
          flags.insert(.write)
          index += 1
        case UInt8(ascii: "R"):
          index += index + 2 < end && bytes[index + 2] == UInt8(ascii: "A") ? 2 : 1
        case UInt8(ascii: "F"), UInt8(ascii: "O"), UInt8(ascii: "C"): index += 1
        default: break
        }
      }
    default: return nil
    }
    index += 1
    while index < end, bytes[index] != 0x20 {
      switch bytes[index] {
      case UInt8(ascii: "F"): flags.insert(.fua)
      case UInt8(ascii: "A"): flags.insert(.ahead)
      case UInt8(ascii: "S"): flags.insert(.sync)
      case UInt8(ascii: "M"): flags.insert(.meta)
      case UInt8(ascii: "E"): flags.insert(.secureErase)
      case UInt8(ascii: "Z"): flags.insert(.zone)
      case UInt8(ascii: "B"): flags.insert(.barrier)
      case UInt8(ascii: "U"): flags.insert(.untorn)
      default: return nil
      }
      index += 1
    }
    at = index
    return flags
  }

  /// `81920 + 16 [fio]`, `[jbd2/vda-8]` for an empty flush, `252 (12 00 ..) [sg inq]` for a passthrough
  /// command in bytes; with `-t` an elapsed time stands before the bracket.
  @inline(__always)
  private func requestTail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    if at < end, bytes[at] &- 0x30 < 10 {
      guard let number = bytes.wideDecimal(&at, end) else { return false }
      bytes.skipBlanks(&at, end)
      if at < end, bytes[at] == UInt8(ascii: "+") {
        guard sectors(bytes, &at, end, &event) else { return false }
        event.sector = Int64(bitPattern: number)
      } else {
        event.isPassthrough = true
      }
    }
    skipParentheses(bytes, &at, end)
    return task(bytes, &at, end, &event)
  }

  /// `81920 + 16 [0]`, `0 [0]` without a length, `[0]` and `(12 00 ..) [0]` for passthrough commands.
  @inline(__always)
  private func completionTail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    if at < end, bytes[at] &- 0x30 < 10 {
      guard let sector = bytes.wideDecimal(&at, end) else { return false }
      event.sector = Int64(bitPattern: sector)
      bytes.skipBlanks(&at, end)
      if at < end, bytes[at] == UInt8(ascii: "+") {
        guard sectors(bytes, &at, end, &event) else { return false }
      }
    } else {
      event.isPassthrough = true
    }
    skipParentheses(bytes, &at, end)
    guard at < end, bytes[at] == UInt8(ascii: "[") else { return false }
    at += 1
    let isNegative = at < end && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    guard let code = bytes.decimal(&at, end), code < 1 << 16, at < end,
      bytes[at] == UInt8(ascii: "]")
    else { return false }
    // A u16 that carries -errno: 65531 is -5 (EIO).
    let value = Int32(truncatingIfNeeded: code)
    event.error = isNegative ? -value : value >= 0x8000 ? value - 0x1_0000 : value
    at += 1
    bytes.skipBlanks(&at, end)
    return at == end
  }

  /// `[fio] 3`: the requests that were let go.
  private func unplugTail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    var last = end
    while last > at, bytes[last - 1] &- 0x30 < 10 { last -= 1 }
    var depth = last
    guard let requests = bytes.decimal(&depth, end) else { return false }
    while last > at, bytes[last - 1] == 0x20 { last -= 1 }
    guard task(bytes, &at, last, &event) else { return false }
    event.other = requests
    return true
  }

  /// `2056 + 8 <- (8,1) 8`.
  private func remapTail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard let sector = bytes.wideDecimal(&at, end) else { return false }
    event.sector = Int64(bitPattern: sector)
    bytes.skipBlanks(&at, end)
    if at < end, bytes[at] == UInt8(ascii: "+") {
      guard sectors(bytes, &at, end, &event) else { return false }
      bytes.skipBlanks(&at, end)
    }
    guard bytes.has("<- (", at: at, end) else { return false }
    at += 4
    guard let major = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: ",") else {
      return false
    }
    at += 1
    guard let minor = bytes.decimal(&at, end),
      let device = DeviceNumber(major: UInt64(major), minor: UInt64(minor)),
      at < end, bytes[at] == UInt8(ascii: ")")
    else { return false }
    event.otherDevice = device
    at += 1
    bytes.skipBlanks(&at, end)
    guard let from = bytes.wideDecimal(&at, end) else { return false }
    event.other = Int64(bitPattern: from)
    return true
  }

  /// `2048 / 3072 [fio]`.
  private func splitTail(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard let sector = bytes.wideDecimal(&at, end) else { return false }
    event.sector = Int64(bitPattern: sector)
    bytes.skipBlanks(&at, end)
    guard at < end, bytes[at] == UInt8(ascii: "/") else { return false }
    at += 1
    bytes.skipBlanks(&at, end)
    guard let second = bytes.wideDecimal(&at, end) else { return false }
    event.other = Int64(bitPattern: second)
    bytes.skipBlanks(&at, end)
    return task(bytes, &at, end, &event)
  }

  /// `+ 16` and the blanks behind it.
  @inline(__always)
  private func sectors(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    at += 1
    bytes.skipBlanks(&at, end)
    guard let count = bytes.decimal(&at, end), count < 1 << 32 else { return false }
    event.sectors = UInt32(truncatingIfNeeded: count)
    bytes.skipBlanks(&at, end)
    return true
  }

  /// `(   83755) ` of `-t`, `(12 00 ..) ` of a command: neither is used.
  @inline(__always)
  private func skipParentheses(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
    guard at < end, bytes[at] == UInt8(ascii: "(") else { return }
    var index = at
    while index < end, bytes[index] != UInt8(ascii: ")") { index += 1 }
    guard index < end else { return }
    at = index + 1
    bytes.skipBlanks(&at, end)
  }

  /// `[my [p] (x) 1]`: from this bracket to the last one of the line, for names have brackets too.
  @inline(__always)
  private func task(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at < end, bytes[at] == UInt8(ascii: "[") else { return false }
    var last = end - 1
    while last > at, bytes[last] == 0x20 { last -= 1 }
    guard last > at, bytes[last] == UInt8(ascii: "]") else {
      // Cut off inside the name, or something stands behind it.
      while last > at, bytes[last] != UInt8(ascii: "]") { last -= 1 }
      at = last > at ? last + 1 : end
      return false
    }
    // No name is that long: the last bracket is one of a remark behind the name, `[app] # see [1]`.
    if last - at - 1 > Self.longestName, Self.hasRemark(bytes, at, last) { return false }
    event.task = TaskName(bytes, from: at + 1, to: last)
    at = last + 1
    return true
  }

  /// Bytes of the name of a task.
  private static let longestName = 15

  private static func hasRemark(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var index = start
    while index + 2 < end {
      if bytes[index] == UInt8(ascii: "]"), bytes[index + 1] == 0x20 {
        var next = index + 1
        bytes.skipBlanks(&next, end)
        if next < end, Annotations.beginsRemark(bytes, next, end) { return true }
      }
      index += 1
    }
    return false
  }
}

extension BlockAction {
  /// By the letter that blkparse prints.
  init?(letter: UInt8) {
    switch letter {
    case UInt8(ascii: "Q"): self = .queue
    case UInt8(ascii: "G"): self = .getRequest
    case UInt8(ascii: "S"): self = .sleep
    case UInt8(ascii: "I"): self = .insert
    case UInt8(ascii: "D"): self = .issue
    case UInt8(ascii: "C"): self = .complete
    case UInt8(ascii: "R"): self = .requeue
    case UInt8(ascii: "M"): self = .backMerge
    case UInt8(ascii: "F"): self = .frontMerge
    case UInt8(ascii: "B"): self = .bounce
    case UInt8(ascii: "P"): self = .plug
    case UInt8(ascii: "U"): self = .unplug
    case UInt8(ascii: "X"): self = .split
    case UInt8(ascii: "A"): self = .remap
    case UInt8(ascii: "m"): self = .message
    default: return nil
    }
  }
}
