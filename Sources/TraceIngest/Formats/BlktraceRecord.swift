internal import TraceModel

/// One record of blktrace's binary format, `struct blk_io_trace` and its successor in
/// include/uapi/linux/blktrace_api.h: a header, in the byte order of the traced machine, and `pdu_len`
/// bytes.
struct BlktraceRecord {
  /// The shape of a record, told by its own magic: files of several machines or kernels may have been put
  /// together.
  struct Layout: Equatable {
    /// `blk_io_trace2` has 64 bytes and a wider action.
    let isVersion2: Bool
    /// The traced machine has the other byte order.
    let isSwapped: Bool

    /// Bytes before the payload, at least.
    static let smallestHeader = 48

    /// Bytes before the payload.
    var headerSize: Int { isVersion2 ? 64 : 48 }

    /// The shape of the record that begins here; nil when none does.
    @inline(__always)
    init?(_ bytes: Span<UInt8>, at position: Int) {
      guard position + 4 <= bytes.count else { return nil }
      let magic = unsafe bytes.bytes.unsafeLoadUnaligned(
        fromByteOffset: position, as: UInt32.self)
      switch UInt32(littleEndian: magic) {
      case 0x6561_7407: (isVersion2, isSwapped) = (false, false)
      case 0x6561_7408: (isVersion2, isSwapped) = (true, false)
      case 0x0774_6165: (isVersion2, isSwapped) = (false, true)
      case 0x0874_6165: (isVersion2, isSwapped) = (true, true)
      default: return nil
      }
    }
  }

  /// Bit numbers of the categories, counted from the first bit above the action.
  enum Category {
    static let write: UInt64 = 1 << 1
    static let flush: UInt64 = 1 << 2
    static let sync: UInt64 = 1 << 3
    static let passthrough: UInt64 = 1 << 9
    static let notify: UInt64 = 1 << 10
    static let ahead: UInt64 = 1 << 11
    static let meta: UInt64 = 1 << 12
    static let discard: UInt64 = 1 << 13
    static let driverData: UInt64 = 1 << 14
    static let fua: UInt64 = 1 << 15
    // Only in the wider action of version 2.
    static let zoneAppend: UInt64 = 1 << 16
    static let zoneOperations: UInt64 = 0x1F << 17
    static let writeZeroes: UInt64 = 1 << 22
  }

  /// What the low half of the action says besides the action: the payload begins with a cgroup's id.
  private static let hasCgroup: UInt16 = 1 << 8

  let sequence: UInt32
  let time: UInt64
  let sector: UInt64
  let byteCount: UInt32
  let pid: UInt32
  let device: UInt32
  let cpu: UInt32
  let error: UInt16
  /// Without the bit for cgroups.
  let action: UInt16
  let categories: UInt64
  /// Where the payload stands, without a cgroup's id.
  let payload: Range<Int>
  /// Where the next record begins.
  let end: Int
  private let isSwapped: Bool

  /// Reads the record that begins here; nil when its end is not among the bytes before `limit`, which
  /// then has to be at least `needed`.
  @inline(__always)
  init?(
    _ bytes: Span<UInt8>, at position: Int, _ limit: Int, _ layout: Layout, needed: inout Int
  ) {
    needed = position + layout.headerSize
    guard needed <= limit else { return nil }
    let raw = unsafe bytes.bytes
    let swapped = layout.isSwapped
    @inline(__always) func u16(_ offset: Int) -> UInt16 {
      let value = unsafe raw.unsafeLoadUnaligned(
        fromByteOffset: position + offset, as: UInt16.self)
      return swapped ? UInt16(bigEndian: value) : UInt16(littleEndian: value)
    }
    @inline(__always) func u32(_ offset: Int) -> UInt32 {
      let value = unsafe raw.unsafeLoadUnaligned(
        fromByteOffset: position + offset, as: UInt32.self)
      return swapped ? UInt32(bigEndian: value) : UInt32(littleEndian: value)
    }
    @inline(__always) func u64(_ offset: Int) -> UInt64 {
      let value = unsafe raw.unsafeLoadUnaligned(
        fromByteOffset: position + offset, as: UInt64.self)
      return swapped ? UInt64(bigEndian: value) : UInt64(littleEndian: value)
    }
    let wideAction: UInt64
    let payloadLength: Int
    if layout.isVersion2 {
      pid = u32(28)
      wideAction = u64(32)
      device = u32(40)
      cpu = u32(44)
      error = u16(48)
      payloadLength = Int(u16(50))
    } else {
      wideAction = UInt64(u32(28))
      pid = u32(32)
      device = u32(36)
      cpu = u32(40)
      error = u16(44)
      payloadLength = Int(u16(46))
    }
    needed += payloadLength
    guard needed <= limit else { return nil }
    sequence = u32(4)
    time = u64(8)
    sector = u64(16)
    byteCount = u32(24)
    let low = UInt16(truncatingIfNeeded: wideAction)
    action = low & ~Self.hasCgroup
    categories = wideAction >> 16
    end = needed
    isSwapped = swapped
    var start = position + layout.headerSize
    if low & Self.hasCgroup != 0 { start = min(start + 8, needed) }
    payload = start..<needed
  }

  /// An integer of the payload that the kernel writes in its own byte order (the time of day).
  func native32(_ bytes: Span<UInt8>, at offset: Int) -> UInt32? {
    guard offset + 4 <= payload.count else { return nil }
    let value = unsafe bytes.bytes.unsafeLoadUnaligned(
      fromByteOffset: payload.lowerBound + offset, as: UInt32.self)
    return isSwapped ? UInt32(bigEndian: value) : UInt32(littleEndian: value)
  }

  /// An integer of the payload that is big-endian on every machine (remap, split, unplug).
  func big32(_ bytes: Span<UInt8>, at offset: Int) -> UInt32? {
    guard offset + 4 <= payload.count else { return nil }
    return UInt32(
      bigEndian: unsafe bytes.bytes.unsafeLoadUnaligned(
        fromByteOffset: payload.lowerBound + offset, as: UInt32.self))
  }

  /// As ``big32(_:at:)``, 64 bits.
  func big64(_ bytes: Span<UInt8>, at offset: Int) -> UInt64? {
    guard offset + 8 <= payload.count else { return nil }
    return UInt64(
      bigEndian: unsafe bytes.bytes.unsafeLoadUnaligned(
        fromByteOffset: payload.lowerBound + offset, as: UInt64.self))
  }

  /// The letters that blkparse would print.
  var rwbs: RWBS {
    var flags: RWBS = []
    if categories & Category.flush != 0 { flags.insert(.preflush) }
    if categories & Category.discard != 0 {
      flags.insert(.discard)
    } else if categories & Category.zoneAppend != 0 {
      flags.formUnion([.zone, .write])
    } else if categories & Category.zoneOperations != 0 {
      flags.insert(.zone)
    } else if categories & Category.writeZeroes != 0 {
      flags.formUnion([.zone, .write])
    } else if categories & Category.write != 0 {
      flags.insert(.write)
    } else if byteCount > 0 {
      flags.insert(.read)
    } else {
      flags.insert(.noData)
    }
    if categories & Category.fua != 0 { flags.insert(.fua) }
    if categories & Category.ahead != 0 { flags.insert(.ahead) }
    if categories & Category.sync != 0 { flags.insert(.sync) }
    if categories & Category.meta != 0 { flags.insert(.meta) }
    return flags
  }
}

extension BlktraceRecord {
  /// What became of a record.
  enum Meaning {
    /// An event, with the kernel's absolute time and without the name of its task.
    case event
    /// The name of a thread: its pid, and the name as that of the task.
    case process
    /// The time of day at the record's time, in `other`: ns since 1970.
    case timeOfDay
    /// Belongs to the format and is no event: driver data, zone plugs, notes of other kinds.
    case other
  }

  /// What the record says, in an event that is empty; throws when it cannot be used.
  @inline(__always)
  func read(_ bytes: Span<UInt8>, into event: inout BlockEvent) throws(ParseError) -> Meaning {
    event.time = Int64(bitPattern: time)
    if categories & Category.notify != 0 { return note(bytes, into: &event) }
    if categories & Category.driverData != 0 { return .other }
    guard let kind = Self.action(action) else {
      // 17 driver data, 18 and 19 zone plugs.
      if (17...19).contains(action) { return .other }
      throw ParseError(.unknownAction, column: 1)
    }
    event.sequence = sequence
    event.device = DeviceNumber(rawValue: device)
    event.cpu = cpu
    event.pid = pid
    event.action = kind
    event.rwbs = rwbs
    event.isPassthrough = categories & Category.passthrough != 0
    switch kind {
    case .plug, .message: break
    case .unplug, .unplugTimer:
      guard let depth = big64(bytes, at: 0) else {
        throw ParseError(.malformedTail, column: 1)
      }
      event.other = Int64(truncatingIfNeeded: depth)
    case .split:
      guard let second = big64(bytes, at: 0) else {
        throw ParseError(.malformedTail, column: 1)
      }
      event.sector = Int64(bitPattern: sector)
      event.other = Int64(bitPattern: second)
    case .remap:
      guard let from = big32(bytes, at: 0), let to = big32(bytes, at: 4),
        let sectorFrom = big64(bytes, at: 8)
      else { throw ParseError(.malformedTail, column: 1) }
      event.sector = Int64(bitPattern: sector)
      event.sectors = byteCount >> 9
      event.otherDevice = DeviceNumber(rawValue: from)
      // As blkparse does: the line belongs to the device the bio goes to.
      event.device = DeviceNumber(rawValue: to)
      event.other = Int64(bitPattern: sectorFrom)
    case .complete, .requeue:
      event.error = Int32(Int16(bitPattern: error))
      if !event.isPassthrough {
        event.sector = Int64(bitPattern: sector)
        event.sectors = byteCount >> 9
      }
    case .queue, .getRequest, .sleep, .insert, .issue, .backMerge, .frontMerge, .bounce:
      if !event.isPassthrough, byteCount >> 9 > 0 {
        event.sector = Int64(bitPattern: sector)
        event.sectors = byteCount >> 9
      }
    }
    return .event
  }

  private func note(_ bytes: Span<UInt8>, into event: inout BlockEvent) -> Meaning {
    switch action {
    case 0:
      var end = payload.lowerBound
      while end < payload.upperBound, bytes[end] != 0 { end += 1 }
      event.pid = pid
      event.task = TaskName(bytes, from: payload.lowerBound, to: end)
      return .process
    case 1:
      guard let seconds = native32(bytes, at: 0), let nanoseconds = native32(bytes, at: 4) else {
        return .other
      }
      event.other = Int64(seconds) * 1_000_000_000 + Int64(nanoseconds)
      return .timeOfDay
    case 2:
      event.device = DeviceNumber(rawValue: device)
      event.cpu = cpu
      event.pid = pid
      event.rwbs = .noData
      return .event
    default: return .other
    }
  }

  /// `enum blktrace_act`; 16, abort, is never written.
  @inline(__always)
  private static func action(_ number: UInt16) -> BlockAction? {
    switch number {
    case 1: .queue
    case 2: .backMerge
    case 3: .frontMerge
    case 4: .getRequest
    case 5: .sleep
    case 6: .requeue
    case 7: .issue
    case 8: .complete
    case 9: .plug
    case 10: .unplug
    case 11: .unplugTimer
    case 12: .insert
    case 13: .split
    case 14: .bounce
    case 15: .remap
    default: nil
    }
  }
}
