internal import TraceModel

/// Parses lines that blkparse printed with `-f`, by the same string:
///
///     -f "%D %2c %8s %5T.%9t %5p %2a %3d %S + %n [%C]\n"
///
/// Fields and text between them stand as in the string; blanks are taken in any number, because fields
/// are padded to their widths. Remaps and splits need what no field but `%U` prints: without it they count
/// as events and are not followed.
struct BlkparseCustomLine: Sendable {
  /// Why a string cannot be used.
  struct Refusal: Error {
    let reason: String
  }

  private enum Field: UInt8 {
    case action = 0x61  // a
    case cpu = 0x63  // c
    case task = 0x43  // C
    case flags = 0x64  // d
    case device = 0x44  // D
    case error = 0x65  // e
    case cgroup = 0x67  // g
    case major = 0x4D  // M
    case minor = 0x6D  // m
    case sectors = 0x6E  // n
    case byteCount = 0x4E  // N
    case pid = 0x70  // p
    case payload = 0x50  // P
    case sequence = 0x73  // s
    case sector = 0x53  // S
    case fraction = 0x74  // t
    case seconds = 0x54  // T
    case elapsed = 0x75  // u
    case payloadNumber = 0x55  // U
    case timeOfDay = 0x7A  // z
  }

  private enum Piece {
    case field(Field)
    case text([UInt8])
    case blanks
  }

  private var pieces: [Piece] = []

  /// Takes the string that was given to `blkparse -f`.
  init(_ format: String) throws(Refusal) {
    var bytes = Array(format.utf8)
    // `\n` and `\t` as the shell passes them on.
    for (escape, byte) in [(UInt8(ascii: "n"), UInt8(10)), (UInt8(ascii: "t"), UInt8(9))] {
      while let at = bytes.indices.dropLast().first(where: {
        bytes[$0] == UInt8(ascii: "\\") && bytes[$0 + 1] == escape
      }) {
        bytes.replaceSubrange(at...at + 1, with: [byte])
      }
    }
    var seen: Set<Field> = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == 0x20 || byte == 9 || byte == 10 {
        if case .blanks = pieces.last { continue }
        pieces.append(.blanks)
      } else if byte == UInt8(ascii: "%") {
        while index < bytes.count, bytes[index] &- 0x30 < 10 || bytes[index] == 0x2D { index += 1 }
        guard index < bytes.count else { throw Refusal(reason: "it ends within a field") }
        guard let field = Field(rawValue: bytes[index]) else {
          let letter = String(decoding: [bytes[index]], as: UTF8.self)
          throw Refusal(reason: "blkparse has no field %\(letter)")
        }
        index += 1
        seen.insert(field)
        pieces.append(.field(field))
      } else if case .text(let text) = pieces.last {
        pieces[pieces.count - 1] = .text(text + [byte])
      } else {
        pieces.append(.text([byte]))
      }
    }
    guard seen.contains(.action), seen.contains(.flags) else {
      throw Refusal(reason: "it has no %a and %d: what happened cannot be told")
    }
    guard seen.contains(.timeOfDay) || seen.contains(.seconds) && seen.contains(.fraction) else {
      throw Refusal(reason: "it has neither %T and %t nor %z: when it happened cannot be told")
    }
    guard seen.contains(.sector), seen.contains(.sectors) || seen.contains(.byteCount) else {
      throw Refusal(reason: "it has no %S with %n or %N: requests cannot be told apart")
    }
  }

  /// Reads the line at these positions into `event`, of which nothing is kept from before.
  func parse(
    _ bytes: Span<UInt8>, _ line: Range<Int>, into event: inout BlockEvent
  ) throws(ParseError) {
    var at = line.lowerBound
    let end = line.upperBound
    event = BlockEvent()
    event.hasCPU = false
    var major: Int64 = 0
    var minor: Int64 = 0
    var hasSecond = false
    var hasFraction = false
    for (index, piece) in pieces.enumerated() {
      func complaint(_ kind: ProblemKind) -> ParseError {
        ParseError(at >= end ? .truncatedLine : kind, column: at - line.lowerBound + 1)
      }
      func number() throws(ParseError) -> Int64 {
        bytes.skipBlanks(&at, end)
        let isNegative = at < end && bytes[at] == 0x2D
        if isNegative { at += 1 }
        guard let value = bytes.decimal(&at, end) else { throw complaint(.malformedNumber) }
        return isNegative ? -value : value
      }
      switch piece {
      case .blanks: bytes.skipBlanks(&at, end)
      case .text(let text):
        bytes.skipBlanks(&at, end)
        for byte in text {
          guard at < end, bytes[at] == byte else { throw complaint(.unrecognizedLine) }
          at += 1
        }
      case .field(let field):
        switch field {
        case .device:
          bytes.skipBlanks(&at, end)
          guard let device = BlockPayload.device(bytes, &at, end) else {
            throw complaint(.unrecognizedLine)
          }
          (major, minor) = (Int64(device.major), Int64(device.minor))
        case .major: major = try number()
        case .minor: minor = try number()
        case .cpu:
          event.cpu = UInt32(truncatingIfNeeded: try number())
          event.hasCPU = true
        case .sequence: event.sequence = UInt32(truncatingIfNeeded: try number())
        case .pid: event.pid = UInt32(truncatingIfNeeded: try number())
        case .seconds:
          let seconds = try number()
          guard (0..<Stamp.mostSeconds).contains(seconds) else { throw complaint(.malformedNumber) }
          event.time = event.time % 1_000_000_000 + seconds * 1_000_000_000
        case .fraction:
          let fraction = try number()
          guard (0..<1_000_000_000).contains(fraction) else { throw complaint(.malformedNumber) }
          event.time += fraction - event.time % 1_000_000_000
          hasFraction = true
        case .timeOfDay: try timeOfDay(bytes, &at, line, &event)
        case .action:
          bytes.skipBlanks(&at, end)
          guard let action = BlkparseLine.action(bytes, &at, lettersEnd(bytes, at, end)) else {
            throw complaint(.unknownAction)
          }
          event.action = action
        case .flags:
          bytes.skipBlanks(&at, end)
          guard let flags = BlkparseLine.flags(bytes, &at, lettersEnd(bytes, at, end)) else {
            throw complaint(.unknownFlags)
          }
          event.rwbs = flags
        case .sector:
          bytes.skipBlanks(&at, end)
          guard let sector = bytes.wideDecimal(&at, end) else { throw complaint(.malformedNumber) }
          event.sector = Int64(bitPattern: sector)
        case .sectors: event.sectors = UInt32(truncatingIfNeeded: try number())
        case .byteCount: event.sectors = UInt32(truncatingIfNeeded: try number() >> 9)
        case .error:
          let code = Int32(truncatingIfNeeded: try number())
          event.error = code >= 0x8000 && code < 0x1_0000 ? code - 0x1_0000 : code
        case .payloadNumber:
          event.other = try number()
          hasSecond = true
        case .elapsed: _ = try number()
        case .cgroup, .payload: skipText(bytes, &at, end, before: index)
        case .task:
          let start = at
          skipText(bytes, &at, end, before: index)
          event.task = TaskName(bytes, from: start, to: at)
        }
      }
    }
    guard
      let device = DeviceNumber(
        major: UInt64(truncatingIfNeeded: major), minor: UInt64(truncatingIfNeeded: minor))
    else { throw ParseError(.malformedNumber, column: 1) }
    event.device = device
    // `%T` and `%t` wrap as the default line's time does; `%z` is a time of day.
    if hasFraction {
      let (seconds, fraction) = event.time.quotientAndRemainder(dividingBy: 1_000_000_000)
      event.time = BlkparseLine.unwrapped(seconds: seconds, fraction: fraction)
    }
    settle(&event, hasSecond: hasSecond)
  }

  /// What the default line would not have printed is taken away.
  private func settle(_ event: inout BlockEvent, hasSecond: Bool) {
    switch event.action {
    case .remap:
      // From where it came is not printed.
      event.action = .message
    case .split where !hasSecond: event.action = .message
    case .complete, .requeue: event.task = TaskName()
    case .plug, .unplug, .unplugTimer, .message:
      event.sector = -1
      event.sectors = 0
    default: if event.sectors == 0 { event.sector = -1 }
    }
    if event.action != .complete, event.action != .requeue { event.error = 0 }
  }

  /// `16:40:12.258739`: ns since midnight.
  private func timeOfDay(
    _ bytes: Span<UInt8>, _ at: inout Int, _ line: Range<Int>, _ event: inout BlockEvent
  ) throws(ParseError) {
    let end = line.upperBound
    bytes.skipBlanks(&at, end)
    var parts: [Int64] = []
    for mark in [UInt8(ascii: ":"), UInt8(ascii: ":"), UInt8(ascii: "."), 0] {
      let start = at
      guard let value = bytes.decimal(&at, end), mark != 0 || at - start == 6,
        mark == 0 || at < end && bytes[at] == mark, value < 1_000_000
      else { throw ParseError(.malformedNumber, column: at - line.lowerBound + 1) }
      if mark != 0 { at += 1 }
      parts.append(value)
    }
    // Where the string has the finer time too, that counts.
    guard !hasTime else { return }
    event.time = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000_000 + parts[3] * 1000
  }

  private var hasTime: Bool {
    pieces.contains { if case .field(.fraction) = $0 { true } else { false } }
  }

  /// The end of the letters that begin here.
  private func lettersEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    var at = start
    while at < end, (bytes[at] | 0x20) &- 0x61 < 26 { at += 1 }
    return at
  }

  /// Moves to where the next text of the string stands last in the line, to its end when none follows.
  private func skipText(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, before index: Int) {
    var last = end
    if index + 1 < pieces.count {
      switch pieces[index + 1] {
      case .text(let text):
        var place = end - text.count
        while place > at, !text.indices.allSatisfy({ bytes[place + $0] == text[$0] }) {
          place -= 1
        }
        last = max(at, place)
      case .blanks where index + 2 < pieces.count:
        last = at
        while last < end, bytes[last] != 0x20 { last += 1 }
      case .blanks, .field: break
      }
    }
    at = last
  }
}

/// The text of `blkparse -f FORMAT`.
struct BlkparseCustomText: TraceFormat {
  let name = "blkparse-format"
  let producedBy = "blkparse -f FORMAT -i vdb"
  let clock = "CLOCK_MONOTONIC since the first event of the trace, or the time of day (%z)"
  let goodFor = "as blkparse's default text, as far as the fields go"
  private let line: BlkparseCustomLine

  init(_ format: String) throws(BlkparseCustomLine.Refusal) {
    line = try BlkparseCustomLine(format)
  }

  /// Never by itself: the string has to be given.
  func recognizes(_ head: Span<UInt8>) -> Recognition { .no }

  func reader(into sink: any EventSink) -> FormatReader {
    .lines(BlkparseReader(sink: sink, custom: line))
  }
}

/// The format of text that was printed with `blkparse -f` and this string, to be set as
/// ``IngestOptions/format``. Throws ``IngestError/unusableOption(_:)`` for a string that leaves out what is
/// needed.
public func blkparseText(printedWith format: String) throws(IngestError) -> any TraceFormat {
  do {
    return try BlkparseCustomText(format)
  } catch {
    throw .unusableOption("blkparse format '\(format)': \(error.reason)")
  }
}
