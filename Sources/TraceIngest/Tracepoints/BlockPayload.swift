internal import TraceModel

/// Parses the payloads of the `block_*` tracepoints, of kernels from 2.6.36 on, into the events of
/// blktrace (include/trace/events/block.h):
///
///     254,0 FWFSM 4096 () 52428800 + 8 0x2,0,4 [kworker/u8:3]   block_rq_issue from 6.11 on, in perf
///     8,0 R 36 (12 00 00 00 24 00) 0 + 0 [smartctl]             block_rq_issue before 4.11
///     254,0 WFSM () 52428800 + 8 [-5]                           block_rq_complete
///     8,0 WS 4196352 + 8 <- (8,2) 2048                          block_bio_remap
///     8,0 W 2048 / 3072 [fio]                                   block_split
///     [fio] 4                                                   block_unplug
enum BlockPayload {
  /// Which events there are, and what blktrace makes of them.
  enum Meaning: Equatable {
    /// The same event in blktrace.
    case action(BlockAction)
    /// One that blktrace does not have, or has by another tracepoint.
    case ignored
  }

  /// What the tracepoint of this name, without its group, is; nil when it is none of the block layer's
  /// requests.
  @inline(__always)
  static func meaning(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Meaning? {
    let end = name.upperBound
    guard bytes.has("block_", at: name.lowerBound, end) else { return nil }
    let rest = name.lowerBound + 6
    func `is`(_ text: StaticString) -> Bool {
      end - rest == text.utf8CodeUnitCount && bytes.has(text, at: rest, end)
    }
    if `is`("rq_issue") { return .action(.issue) }
    if `is`("rq_complete") { return .action(.complete) }
    if `is`("bio_queue") { return .action(.queue) }
    if `is`("rq_insert") { return .action(.insert) }
    if `is`("getrq") { return .action(.getRequest) }
    if `is`("plug") { return .action(.plug) }
    if `is`("unplug") || `is`("unplug_io") { return .action(.unplug) }
    if `is`("unplug_timer") { return .action(.unplugTimer) }
    if `is`("bio_backmerge") || `is`("rq_merge") { return .action(.backMerge) }
    if `is`("bio_frontmerge") { return .action(.frontMerge) }
    if `is`("bio_remap") || `is`("rq_remap") { return .action(.remap) }
    // The bios of devices without requests (device-mapper, md); those of requests do not show it.
    if `is`("bio_complete") { return .action(.complete) }
    if `is`("rq_requeue") { return .action(.requeue) }
    if `is`("split") { return .action(.split) }
    if `is`("sleeprq") { return .action(.sleep) }
    if `is`("bio_bounce") { return .action(.bounce) }
    // io_start and io_done enclose the accounting; an error or abort is followed by rq_complete.
    if `is`("io_start") || `is`("io_done") || `is`("rq_error") || `is`("rq_abort") {
      return .ignored
    }
    return nil
  }

  /// Reads the payload of an action into `event`, of which nothing but its place is kept; device 0,0 for
  /// plugs, which name none.
  @inline(__always)
  static func parse(
    _ action: BlockAction, _ bytes: Span<UInt8>, _ payload: Range<Int>,
    into event: inout BlockEvent
  ) throws(ParseError) {
    var at = payload.lowerBound
    let end = payload.upperBound
    event.action = action
    event.task = TaskName()
    event.other = 0
    event.error = 0
    event.sector = -1
    event.sectors = 0
    event.isPassthrough = false
    event.rwbs = .noData
    event.device = DeviceNumber(rawValue: 0)
    let isWhole =
      switch action {
      case .plug, .unplug, .unplugTimer: plug(bytes, &at, end, &event)
      default: request(bytes, &at, end, &event)
      }
    guard isWhole else { throw ParseError(.malformedPayload, column: at + 1) }
  }

  /// `[fio]`, `[fio] 4`.
  private static func plug(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    var last = end
    if event.action != .plug {
      guard let requests = bytes.decimalBefore(&last, at) else { return false }
      event.other = requests
      bytes.skipBlanksBack(&last, at)
    }
    return task(bytes, &at, last, &event)
  }

  @inline(__always)
  private static func request(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard let device = device(bytes, &at, end) else { return false }
    event.device = device
    bytes.skipBlanks(&at, end)
    guard let rwbs = BlkparseLine.flags(bytes, &at, end) else { return false }
    event.rwbs = rwbs
    bytes.skipBlanks(&at, end)
    // `4096 ()`, `()`, `36 (12 00 ..)`: bytes and the command, of requests only.
    var byteCount: Int64 = 0
    var hasCommand = false
    var next = at
    if let number = bytes.decimal(&next, end) {
      bytes.skipBlanks(&next, end)
      if next < end, bytes[next] == UInt8(ascii: "(") {
        byteCount = number
        at = next
      }
    }
    if at < end, bytes[at] == UInt8(ascii: "(") {
      let open = at
      while at < end, bytes[at] != UInt8(ascii: ")") { at += 1 }
      guard at < end else { return false }
      hasCommand = at > open + 1
      at += 1
      bytes.skipBlanks(&at, end)
    }
    guard let sector = bytes.wideDecimal(&at, end) else { return false }
    bytes.skipBlanks(&at, end)
    if event.action == .split {
      event.sector = Int64(bitPattern: sector)
      return split(bytes, &at, end, &event)
    }
    guard at < end, bytes[at] == UInt8(ascii: "+") else { return false }
    at += 1
    bytes.skipBlanks(&at, end)
    guard let sectors = bytes.decimal(&at, end), sectors < 1 << 32 else { return false }
    event.sectors = UInt32(truncatingIfNeeded: sectors)
    bytes.skipBlanks(&at, end)
    switch event.action {
    case .remap:
      event.sector = Int64(bitPattern: sector)
      return origin(bytes, &at, end, &event)
    case .complete, .requeue:
      event.isPassthrough =
        sectors == 0 && (hasCommand || rwbs.contains(.noData) && !rwbs.contains(.preflush))
      if !event.isPassthrough { event.sector = Int64(bitPattern: sector) }
      skipPriority(bytes, &at, end)
      return error(bytes, &at, end, &event)
    default:
      event.isPassthrough = sectors == 0 && (byteCount > 0 || hasCommand)
      if sectors > 0 { event.sector = Int64(bitPattern: sector) }
      skipPriority(bytes, &at, end)
      return task(bytes, &at, end, &event)
    }
  }

  /// `254,16`.
  @inline(__always)
  static func device(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> DeviceNumber? {
    guard let major = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: ",") else {
      return nil
    }
    at += 1
    guard let minor = bytes.decimal(&at, end) else { return nil }
    return DeviceNumber(major: UInt64(major), minor: UInt64(minor))
  }

  /// `none,0,0 `, `be,0,4 `, in perf `0x2,0,4 `: the I/O priority, from 6.11 on.
  @inline(__always)
  private static func skipPriority(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
    guard at < end, bytes[at] != UInt8(ascii: "[") else { return }
    let word = bytes.wordEnd(at, end)
    var commas = 0
    for index in at..<word where bytes[index] == UInt8(ascii: ",") { commas += 1 }
    guard commas == 2 else { return }
    at = word
    bytes.skipBlanks(&at, end)
  }

  /// `[fio]` to the last bracket, for names have brackets too.
  @inline(__always)
  private static func task(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at + 1 < end, bytes[at] == UInt8(ascii: "["), bytes[end - 1] == UInt8(ascii: "]") else {
      return false
    }
    event.task = TaskName(bytes, from: at + 1, to: end - 1)
    return true
  }

  /// `[-5]`; perf without sign prints it as a large number.
  @inline(__always)
  private static func error(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at < end, bytes[at] == UInt8(ascii: "[") else { return false }
    at += 1
    let isNegative = at < end && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    guard let code = bytes.decimal(&at, end), code < 1 << 32, at < end,
      bytes[at] == UInt8(ascii: "]")
    else { return false }
    let value = Int32(truncatingIfNeeded: code)
    event.error = isNegative ? 0 &- value : value
    return true
  }

  /// `<- (8,2) 2048`, of requests with the number of their bios behind it.
  private static func origin(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard bytes.has("<- (", at: at, end) else { return false }
    at += 4
    guard let from = device(bytes, &at, end), at < end, bytes[at] == UInt8(ascii: ")") else {
      return false
    }
    at += 1
    bytes.skipBlanks(&at, end)
    guard let sector = bytes.wideDecimal(&at, end) else { return false }
    event.otherDevice = from
    event.other = Int64(bitPattern: sector)
    return true
  }

  /// `/ 3072 [fio]`.
  private static func split(
    _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ event: inout BlockEvent
  ) -> Bool {
    guard at < end, bytes[at] == UInt8(ascii: "/") else { return false }
    at += 1
    bytes.skipBlanks(&at, end)
    guard let second = bytes.wideDecimal(&at, end) else { return false }
    event.other = Int64(bitPattern: second)
    bytes.skipBlanks(&at, end)
    return task(bytes, &at, end, &event)
  }
}

// MARK: - Records

/// The fields of one of these tracepoints in a binary recording.
struct BlockRecord {
  /// What blktrace makes of it.
  let action: BlockAction
  private let isSwapped: Bool
  private var needed = 0
  private var device: EventField?
  private var sector: EventField?
  private var sectors: EventField?
  private var byteCount: EventField?
  private var letters: EventField?
  private var error: EventField?
  private var otherDevice: EventField?
  private var other: EventField?
  private var task: EventField?
  private var command: EventField?

  /// Finds the fields in a format; nil when one is missing that the action needs.
  init?(_ format: EventFormat, _ action: BlockAction) {
    self.action = action
    isSwapped = format.isSwapped
    func field(_ names: String...) -> EventField? {
      for name in names { if let field = format[name] { return field } }
      return nil
    }
    task = field("comm")
    var isWhole = true
    switch action {
    case .plug: isWhole = task != nil
    case .unplug, .unplugTimer:
      other = field("nr_rq")
      isWhole = task != nil && other != nil
    default:
      device = field("dev")
      sector = field("sector")
      letters = field("rwbs")
      sectors = field("nr_sector")
      isWhole = device != nil && sector != nil && letters != nil
      switch action {
      case .split:
        other = field("new_sector")
        isWhole = isWhole && other != nil && task != nil
      case .remap:
        otherDevice = field("old_dev")
        other = field("old_sector")
        isWhole = isWhole && sectors != nil && otherDevice != nil && other != nil
      case .complete, .requeue:
        // block_rq_requeue of newer kernels prints 0 and has no field.
        error = field("error", "errors")
        command = field("cmd")
        isWhole = isWhole && sectors != nil
        task = nil
      default:
        byteCount = field("bytes")
        command = field("cmd")
        isWhole = isWhole && sectors != nil && task != nil
      }
    }
    guard isWhole else { return nil }
    let all = [
      device, sector, sectors, byteCount, letters, error, otherDevice, other, task, command,
    ]
    needed = all.compactMap { $0?.end }.max() ?? 0
  }

  /// Reads a record, but for its envelope; false when it is too short or no kernel's.
  @inline(__always)
  func read(
    _ bytes: Span<UInt8>, _ record: TracepointRecord, into event: inout BlockEvent
  ) -> Bool {
    let start = record.start
    let length = Int(record.length)
    guard length >= needed else { return false }
    func number(_ field: EventField?) -> Int64 {
      field?.integer(bytes, start, isSwapped) ?? 0
    }
    event.action = action
    event.task = TaskName()
    event.other = number(other)
    event.error = 0
    event.sector = -1
    event.sectors = 0
    event.isPassthrough = false
    event.rwbs = .noData
    event.device = DeviceNumber(rawValue: 0)
    if let task {
      guard let name = task.name(bytes, start, length, isSwapped) else { return false }
      event.task = name
    }
    guard let device, let letters else { return true }
    event.device = DeviceNumber(rawValue: UInt32(truncatingIfNeeded: number(device)))
    guard let text = letters.text(bytes, start, length, isSwapped) else { return false }
    var at = text.lowerBound
    guard let rwbs = BlkparseLine.flags(bytes, &at, text.upperBound) else { return false }
    event.rwbs = rwbs
    let first = number(sector)
    let count = number(sectors)
    guard (0..<1 << 32).contains(count) else { return false }
    event.sectors = UInt32(truncatingIfNeeded: count)
    var hasCommand = false
    if let command {
      guard let text = command.text(bytes, start, length, isSwapped) else { return false }
      hasCommand = !text.isEmpty
    }
    switch action {
    case .split:
      event.sectors = 0
      event.sector = first
    case .remap:
      event.sector = first
      event.otherDevice = DeviceNumber(rawValue: UInt32(truncatingIfNeeded: number(otherDevice)))
    case .complete, .requeue:
      event.isPassthrough =
        count == 0 && (hasCommand || rwbs.contains(.noData) && !rwbs.contains(.preflush))
      if !event.isPassthrough { event.sector = first }
      event.error = Int32(truncatingIfNeeded: number(error))
    default:
      event.isPassthrough = count == 0 && (number(byteCount) > 0 || hasCommand)
      if count > 0 { event.sector = first }
    }
    return true
  }
}
