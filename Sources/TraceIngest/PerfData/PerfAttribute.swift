/// What perf recorded of one event, and where its fields stand in records: `struct perf_event_attr` of
/// include/uapi/linux/perf_event.h.
struct PerfAttribute {
  /// Bits of `sample_type`.
  enum Part {
    static let ip: UInt64 = 1 << 0
    static let tid: UInt64 = 1 << 1
    static let time: UInt64 = 1 << 2
    static let address: UInt64 = 1 << 3
    static let read: UInt64 = 1 << 4
    static let callChain: UInt64 = 1 << 5
    static let id: UInt64 = 1 << 6
    static let cpu: UInt64 = 1 << 7
    static let period: UInt64 = 1 << 8
    static let stream: UInt64 = 1 << 9
    static let raw: UInt64 = 1 << 10
    static let identifier: UInt64 = 1 << 16
  }

  /// Bits of the flags.
  private enum Flag {
    static let allHaveIDs: UInt64 = 1 << 18
    static let usesClock: UInt64 = 1 << 25
  }

  static let tracepoint: UInt32 = 2
  /// The first version, of Linux 2.6.31 and later.
  static let smallest = 64

  let type: UInt32
  let config: UInt64
  let parts: UInt64
  let readFormat: UInt64
  /// Records that are no samples end with time and CPU, too.
  let hasTrailers: Bool
  /// The clock of `perf record -k`; nil: perf's own.
  let clock: Int32?
  /// Its number among the recorded events; 0 as long as there is none.
  var event: UInt16 = 0
  /// Its records are kept,
  var isUsed = false
  /// and of them these bytes.
  var kept = KeptFields.all

  /// Where a sample has these fields, from its beginning; -1: nowhere.
  let idAt: Int
  let tidAt: Int
  let timeAt: Int
  let cpuAt: Int
  /// Where the fields of unknown length begin.
  let variableAt: Int

  /// Reads an attribute, of which so many bytes are in the file.
  init?(_ bytes: Span<UInt8>, at position: Int, available: Int, isSwapped: Bool) {
    guard available >= Self.smallest else { return nil }
    type = bytes.load32(at: position, isSwapped)
    var size = Int(bytes.load32(at: position + 4, isSwapped))
    if size == 0 { size = Self.smallest }
    size = min(size, available)
    guard size >= Self.smallest else { return nil }
    config = bytes.load64(at: position + 8, isSwapped)
    parts = bytes.load64(at: position + 24, isSwapped)
    readFormat = bytes.load64(at: position + 32, isSwapped)
    var flags = bytes.load64(at: position + 40, false)
    // Bit fields of a machine of the other byte order are counted from the other end of each byte.
    if isSwapped { flags = flags.withReversedBytes }
    hasTrailers = flags & Flag.allHaveIDs != 0
    clock =
      flags & Flag.usesClock != 0 && size >= 96
      ? Int32(bitPattern: bytes.load32(at: position + 92, isSwapped)) : nil
    var at = 8
    let parts = parts
    func take(_ part: UInt64) -> Int {
      guard parts & part != 0 else { return -1 }
      defer { at += 8 }
      return at
    }
    let identifier = take(Part.identifier)
    _ = take(Part.ip)
    tidAt = take(Part.tid)
    timeAt = take(Part.time)
    _ = take(Part.address)
    let id = take(Part.id)
    _ = take(Part.stream)
    cpuAt = take(Part.cpu)
    _ = take(Part.period)
    idAt = identifier >= 0 ? identifier : id
    variableAt = at
  }

  /// The bytes of the counts that `PERF_SAMPLE_READ` adds, at the position; nil when they do not end before `end`.
  func readLength(_ bytes: Span<UInt8>, _ position: Int, _ end: Int, _ isSwapped: Bool) -> Int? {
    let isGroup = readFormat & 8 != 0
    var words = 1
    if readFormat & 1 != 0 { words += 1 }
    if readFormat & 2 != 0 { words += 1 }
    let each = (isGroup ? 1 : 0) + (readFormat & 4 != 0 ? 1 : 0) + (readFormat & 16 != 0 ? 1 : 0)
    if isGroup {
      guard position + 8 <= end else { return nil }
      let count = bytes.load64(at: position, isSwapped)
      guard count <= UInt64(end - position) / 8 else { return nil }
      words += Int(count) * each
    } else {
      words += each
    }
    return position + 8 * words <= end ? 8 * words : nil
  }

  /// What stands at the end of a record that is no sample.
  struct Trailer {
    var pid: UInt32 = 0
    var tid: UInt32 = 0
    var time: Int64?
    var cpu: Int32 = -1
  }

  /// Reads the end of a record between the positions; empty where it has none.
  func trailer(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ isSwapped: Bool) -> Trailer {
    var trailer = Trailer()
    guard hasTrailers else { return trailer }
    var at = end
    func back(_ part: UInt64) -> Int? {
      guard parts & part != 0, at - 8 >= start else { return nil }
      at -= 8
      return at
    }
    _ = back(Part.identifier)
    if let place = back(Part.cpu) {
      trailer.cpu = Int32(bitPattern: bytes.load32(at: place, isSwapped))
    }
    _ = back(Part.stream)
    _ = back(Part.id)
    if let place = back(Part.time) {
      trailer.time = Int64(bitPattern: bytes.load64(at: place, isSwapped))
    }
    if let place = back(Part.tid) {
      trailer.pid = bytes.load32(at: place, isSwapped)
      trailer.tid = bytes.load32(at: place + 4, isSwapped)
    }
    return trailer
  }
}

extension UInt64 {
  /// The bits of each byte in the other order.
  fileprivate var withReversedBytes: UInt64 {
    var value = self
    value = (value & 0x5555_5555_5555_5555) << 1 | value >> 1 & 0x5555_5555_5555_5555
    value = (value & 0x3333_3333_3333_3333) << 2 | value >> 2 & 0x3333_3333_3333_3333
    value = (value & 0x0F0F_0F0F_0F0F_0F0F) << 4 | value >> 4 & 0x0F0F_0F0F_0F0F_0F0F
    return value
  }
}

/// Which event the numbers in records stand for, and on which CPU it counts.
struct PerfIDs {
  struct Entry {
    var attribute: Int32 = -1
    /// -1: not known.
    var cpu: Int32 = -1
    /// `perf inject --guest-data` put it in: it is of another machine.
    var isGuest = false
  }

  private var keys: [UInt64] = []
  private var entries: [Entry] = []
  private var count = 0
  /// More than a machine of some thousand CPUs has for some hundred events.
  private static let most = 1 << 20

  init() {}

  @inline(__always)
  private func slot(_ id: UInt64) -> Int {
    var at = Int(truncatingIfNeeded: (id &* 0x9E37_79B9_7F4A_7C15) >> 32) & (keys.count - 1)
    while keys[at] != 0, keys[at] != id { at = (at + 1) & (keys.count - 1) }
    return at
  }

  /// What is known of a number; 0 is none.
  @inline(__always)
  subscript(_ id: UInt64) -> Entry? {
    guard id != 0, !keys.isEmpty else { return nil }
    let at = slot(id)
    return keys[at] == id ? entries[at] : nil
  }

  /// Notes something about a number.
  mutating func update(_ id: UInt64, _ change: (inout Entry) -> Void) {
    guard id != 0 else { return }
    if 2 * count >= keys.count {
      guard count < Self.most else { return }
      grow()
    }
    let at = slot(id)
    if keys[at] == 0 {
      keys[at] = id
      count += 1
    }
    change(&entries[at])
  }

  private mutating func grow() {
    let (oldKeys, oldEntries) = (keys, entries)
    let size = max(64, 2 * keys.count)
    keys = [UInt64](repeating: 0, count: size)
    entries = [Entry](repeating: Entry(), count: size)
    for (index, key) in oldKeys.enumerated() where key != 0 {
      let at = slot(key)
      keys[at] = key
      entries[at] = oldEntries[index]
    }
  }
}
