internal import TraceModel

/// An event of the page cache, of a file system's writes, or of a system call around them.
struct PageCacheEvent {
  enum Kind {
    /// `writeback_dirty_folio`: a page became dirty.
    case dirtied
    /// `block_dirty_buffer`: a piece of a page that has its place on the device became dirty.
    case bufferDirtied
    /// `mm_filemap_add_to_page_cache`: a page or folio was added.
    case added
    /// `ext4_da_write_begin` and its like: a file is about to be written.
    case touched
    /// A piece of a file and its place.
    case mapped
    /// `ext4_writepages`: write-back of a file begins.
    case passBegan
    /// `ext4_writepages_result`.
    case passEnded
    /// `ext4_sync_file_enter`.
    case syncBegan
    /// `ext4_sync_file_exit`.
    case syncEnded
    /// `xfs_file_fsync`, which has no end of its own.
    case syncNamed
    /// `sys_enter_fsync`.
    case syncCallBegan
    /// `sys_exit_fsync`.
    case syncCallEnded
    /// `sys_enter_pwrite64`.
    case writeBegan
    /// `sys_exit_pwrite64`.
    case writeEnded
    /// `balance_dirty_pages`: a writer is held back.
    case throttled
    /// One that says nothing that others do not.
    case aside
  }

  var kind = Kind.aside
  /// The device the payload names first.
  var device: DeviceNumber?
  /// Whether that is the one whose write-back thread cares for the file, not its file system's.
  var isBacking = false
  var inode: UInt64 = 0
  /// `dirtied`, `added`, `mapped`, `passBegan`: the first page.
  var index: Int64 = 0
  /// `added`, `mapped`: how many pages. `passEnded`: pages written, -1 when not said.
  var pages: Int64 = 1
  /// `mapped`, `bufferDirtied`: first sector; -1: none.
  var sector: Int64 = -1
  /// `mapped`: said while pages are written back.
  var isWriteback = false
  /// `syncBegan`, `syncCallBegan`: only the data.
  var isDataOnly = false
  /// What a call gave back.
  var result: Int64 = 0
  /// `throttled`: ms.
  var pause: Int64 = 0

  init() {}
}

/// Parses the payloads of the page-cache tracepoints of kernels 3.x to 6.x:
///
///     bdi 253:0: ino=1490012 index=46495                              writeback_dirty_folio
///     dev 254:17 ino d pfn=0x446d ofs=2527232 order=0                 mm_filemap_add_to_page_cache
///     dev 253,1 ino 12 pos 190443520 len 8192                         ext4_da_write_begin
///     dev 253,1 ino 12 flags CREATE lblk 1596 pblk 701774 len 2 ...   ext4_ext_map_blocks_exit
///     dev 8,1 ino 12 found 1 [0/8) 34304 W                            ext4_es_lookup_extent_exit
///     dev 8:1 ino 0x83 bdev 8:1 addr 0x4000 offset 0x0 length 0x2000  iomap_iter_dstmap
///     254,17 sector=99177 size=4096                                   block_dirty_buffer
///
/// ext4 and jbd2 print inode numbers in decimal, filemap in hexadecimal without `0x`, xfs and iomap
/// with it.
enum PageCachePayload {
  static let pageBytes: Int64 = 4096
  /// ext4's usual block; its mapping events count in blocks and do not tell their size.
  static let blockBytes: Int64 = 4096
  /// No file has so many pages; its pages and their sectors can be added without care.
  static let mostPages: Int64 = 1 << 48
  /// The page cache has no larger folios.
  static let largestOrder: Int64 = 11

  /// Reads an event; false when it is none of these. Throws for a payload that is not what kernels print.
  static func parse(
    _ bytes: Span<UInt8>, _ line: TracepointLine, into event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    let name = line.event
    guard !name.isEmpty else { return false }
    switch bytes[name.lowerBound] {
    case UInt8(ascii: "w"): return try writeback(bytes, line, &event)
    case UInt8(ascii: "m"): return try filemap(bytes, line, &event)
    case UInt8(ascii: "e"): return try ext4(bytes, line, &event)
    case UInt8(ascii: "b"):
      if has(bytes, name, "block_dirty_buffer") {
        try buffer(bytes, line, &event)
        return true
      }
      if has(bytes, name, "block_touch_buffer") {
        event.kind = .aside
        return true
      }
      if has(bytes, name, "balance_dirty_pages") {
        event.kind = .throttled
        event.pause = number(bytes, line.payload, "pause=") ?? 0
        return true
      }
      return false
    case UInt8(ascii: "s"): return try call(bytes, line, &event)
    case UInt8(ascii: "x"), UInt8(ascii: "i"): return try iomap(bytes, line, &event)
    case UInt8(ascii: "j"):
      guard begins(bytes, name, "jbd2_") else { return false }
      event.kind = .aside
      return true
    case UInt8(ascii: "f"):
      guard has(bytes, name, "folio_wait_writeback") else { return false }
      event.kind = .aside
      return true
    case UInt8(ascii: "g"):
      guard has(bytes, name, "global_dirty_state") else { return false }
      event.kind = .aside
      return true
    default: return false
    }
  }

  // MARK: - By subsystem

  private static func writeback(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    let name = line.event
    if has(bytes, name, "writeback_dirty_folio") || has(bytes, name, "writeback_dirty_page") {
      // `bdi 253:0: ino=1490012 index=46495`; `bdi btrfs-1: ...` names no device.
      guard let inode = number(bytes, line.payload, "ino="),
        let index = number(bytes, line.payload, "index="), index < mostPages
      else { throw malformed(line) }
      event.kind = .dirtied
      event.isBacking = true
      event.device = device(bytes, line.payload, "bdi ", separator: ":")
      event.inode = UInt64(inode)
      event.index = index
      event.pages = 1
      return true
    }
    guard begins(bytes, name, "writeback_") || has(bytes, name, "wait_on_page_writeback") else {
      return false
    }
    event.kind = .aside
    let begins = has(bytes, name, "writeback_single_inode_start")
    guard begins || has(bytes, name, "writeback_single_inode") else { return true }
    // `bdi 254:16: ino=13 state=I_SYNC dirtied_when=4295232468 age=0 index=256 to_write=0 wrote=8 ...`
    guard let inode = number(bytes, line.payload, "ino=") else { throw malformed(line) }
    event.kind = begins ? .passBegan : .passEnded
    event.isBacking = true
    event.device = device(bytes, line.payload, "bdi ", separator: ":")
    event.inode = UInt64(inode)
    event.index = min(number(bytes, line.payload, " index=") ?? 0, mostPages)
    event.pages = number(bytes, line.payload, " wrote=") ?? -1
    return true
  }

  private static func filemap(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    let name = line.event
    guard begins(bytes, name, "mm_filemap_") else { return false }
    event.kind = .aside
    guard has(bytes, name, "mm_filemap_add_to_page_cache") else { return true }
    guard let device = device(bytes, line.payload, "dev ", separator: ":"),
      let inode = hexadecimal(bytes, line.payload, " ino "),
      let offset = number(bytes, line.payload, " ofs=")
    else { throw malformed(line) }
    event.kind = .added
    event.device = device
    event.inode = inode
    event.index = offset / pageBytes
    let order = number(bytes, line.payload, " order=") ?? 0
    event.pages = order <= largestOrder ? 1 << order : 1
    return true
  }

  private static func ext4(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    let name = line.event
    guard begins(bytes, name, "ext4_") else { return false }
    event.kind = .aside
    let payload = line.payload
    let kind: PageCacheEvent.Kind
    if has(bytes, name, "ext4_da_write_begin") || has(bytes, name, "ext4_write_begin")
      || has(bytes, name, "ext4_da_write_pages_extent")
    {
      kind = .touched
    } else if has(bytes, name, "ext4_ext_map_blocks_exit")
      || has(bytes, name, "ext4_ind_map_blocks_exit")
    {
      kind = .mapped
    } else if has(bytes, name, "ext4_es_insert_extent")
      || has(bytes, name, "ext4_es_cache_extent")
      || has(bytes, name, "ext4_es_lookup_extent_exit")
    {
      kind = .mapped
    } else if has(bytes, name, "ext4_writepages") || has(bytes, name, "ext4_da_writepages") {
      kind = .passBegan
    } else if has(bytes, name, "ext4_writepages_result")
      || has(bytes, name, "ext4_da_writepages_result")
    {
      kind = .passEnded
    } else if has(bytes, name, "ext4_sync_file_enter") {
      kind = .syncBegan
    } else if has(bytes, name, "ext4_sync_file_exit") {
      kind = .syncEnded
    } else {
      return true
    }
    guard let device = device(bytes, payload, "dev ", separator: ","),
      let inode = number(bytes, payload, " ino ")
    else { throw malformed(line) }
    event.device = device
    event.inode = UInt64(inode)
    switch kind {
    case .mapped where begins(bytes, name, "ext4_es_"): try status(bytes, line, &event)
    case .mapped:
      guard let index = number(bytes, payload, " lblk "),
        let block = number(bytes, payload, " pblk "), let length = number(bytes, payload, " len ")
      else { throw malformed(line) }
      // ret 0: a hole.
      guard block > 0, number(bytes, payload, " ret ") ?? length > 0 else { return true }
      place(&event, index, length, block)
      event.isWriteback = bytes.find("CREATE", from: payload.lowerBound, payload.upperBound) != nil
    case .passBegan:
      event.kind = .passBegan
      if number(bytes, payload, " range_cyclic ") ?? 0 != 0 {
        event.index = min(number(bytes, payload, " writeback_index ") ?? 0, mostPages)
      }
    case .passEnded:
      event.kind = .passEnded
      event.pages = number(bytes, payload, " pages_written ") ?? -1
    case .syncBegan:
      event.kind = .syncBegan
      event.isDataOnly = number(bytes, payload, " datasync ") ?? 0 != 0
    case .syncEnded:
      event.kind = .syncEnded
      event.result = signed(bytes, payload, " ret ") ?? 0
    default: event.kind = kind
    }
    return true
  }

  /// `es [0/8) mapped 34304 status W`, `found 1 [0/8) 34304 W`: first block, length, place.
  private static func status(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) {
    let end = line.payload.upperBound
    if number(bytes, line.payload, " found ") == 0 { return }
    guard var at = bytes.find(" [", from: line.payload.lowerBound, end) else {
      throw malformed(line)
    }
    at += 2
    guard let index = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: "/") else {
      throw malformed(line)
    }
    at += 1
    guard let length = bytes.decimal(&at, end), at < end, bytes[at] == UInt8(ascii: ")") else {
      throw malformed(line)
    }
    at += 1
    bytes.skipBlanks(&at, end)
    if bytes.has("mapped ", at: at, end) { at += 7 }
    guard let block = bytes.wideDecimal(&at, end) else { throw malformed(line) }
    bytes.skipBlanks(&at, end)
    if bytes.has("status ", at: at, end) { at += 7 }
    // W written, U unwritten: they have a place. D delayed, H hole: they have none.
    guard at < end, bytes[at] == UInt8(ascii: "W") || bytes[at] == UInt8(ascii: "U"), block > 0,
      block < 1 << 48
    else { return }
    place(&event, index, length, Int64(block))
  }

  /// Sets the place of a piece of a file: its first block in the file and on the device, and how many.
  static func place(
    _ event: inout PageCacheEvent, _ index: Int64, _ length: Int64, _ block: Int64
  ) {
    guard index >= 0, block > 0, index < mostPages, length > 0, length < 1 << 32, block < 1 << 48
    else { return }
    event.kind = .mapped
    event.index = index
    event.pages = length
    event.sector = block * (blockBytes / 512)
  }

  /// `254,17 sector=99177 size=4096`: the sector counts in blocks of that size; one that has no place yet
  /// prints a huge number.
  private static func buffer(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) {
    var at = line.payload.lowerBound
    let end = line.payload.upperBound
    guard let device = BlockPayload.device(bytes, &at, end), bytes.has(" sector=", at: at, end)
    else { throw malformed(line) }
    at += 8
    guard let block = bytes.wideDecimal(&at, end), let size = number(bytes, line.payload, " size=")
    else { throw malformed(line) }
    event.kind = .bufferDirtied
    event.device = device
    // Only blocks as large as a page say which page they are.
    event.sector = size == pageBytes && block < 1 << 48 ? Int64(block) * (size / 512) : -1
  }

  /// `dev 8:1 ino 0x83 bdev 8:1 addr 0x4000 offset 0x0 length 0x2000 type MAPPED`; before 6.8 in decimal.
  private static func iomap(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    let name = line.event
    let payload = line.payload
    if begins(bytes, name, "iomap_") {
      event.kind = .aside
      guard
        has(bytes, name, "iomap_writepage_map") || has(bytes, name, "iomap_iter_dstmap")
          || has(bytes, name, "iomap_apply_dstmap")
      else { return true }
      guard let device = device(bytes, payload, " bdev ", separator: ":"),
        let inode = hexadecimal(bytes, payload, " ino 0x"),
        let address = either(bytes, payload, " addr "),
        let offset = either(bytes, payload, " offset "),
        let length = either(bytes, payload, " length ")
      else { throw malformed(line) }
      guard address < 1 << 60, offset < 1 << 60, length > 0, length < 1 << 48,
        address % 512 == 0, offset % UInt64(pageBytes) == 0
      else { return true }
      event.kind = .mapped
      event.device = device
      event.inode = inode
      event.index = Int64(offset) / pageBytes
      event.pages = (Int64(length) + pageBytes - 1) / pageBytes
      event.sector = Int64(address / 512)
      event.isWriteback = has(bytes, name, "iomap_writepage_map")
      return true
    }
    guard begins(bytes, name, "xfs_") else { return false }
    let isWrite = has(bytes, name, "xfs_file_buffered_write")
    let isSync = has(bytes, name, "xfs_file_fsync")
    guard isWrite || isSync else { return false }
    guard let device = device(bytes, payload, "dev ", separator: ":"),
      let inode = hexadecimal(bytes, payload, " ino 0x")
    else { throw malformed(line) }
    event.device = device
    event.inode = inode
    event.kind = isWrite ? .touched : .syncNamed
    return true
  }

  private static func call(
    _ bytes: Span<UInt8>, _ line: TracepointLine, _ event: inout PageCacheEvent
  ) throws(ParseError) -> Bool {
    // `sys_enter_fsync: fd: 0x00000003`, `sys_exit_pwrite64: 0x2000`.
    var at = line.event.lowerBound
    let end = line.event.upperBound
    let isEnter = bytes.has("sys_enter_", at: at, end)
    guard isEnter || bytes.has("sys_exit_", at: at, end) else { return false }
    at += isEnter ? 10 : 9
    let call = at..<end
    let isSync = has(bytes, call, "fsync") || has(bytes, call, "fdatasync")
    let isWrite =
      has(bytes, call, "write") || has(bytes, call, "pwrite64") || has(bytes, call, "writev")
      || has(bytes, call, "pwritev") || has(bytes, call, "pwritev2")
    guard isSync || isWrite else { return false }
    event.kind =
      isSync
      ? isEnter ? .syncCallBegan : .syncCallEnded : isEnter ? .writeBegan : .writeEnded
    event.isDataOnly = has(bytes, call, "fdatasync")
    guard !isEnter else { return true }
    var place = line.payload.lowerBound
    let last = line.payload.upperBound
    if bytes.has("0x", at: place, last) {
      place += 2
      guard let value = bytes.hexadecimal(&place, last) else { throw malformed(line) }
      event.result = Int64(bitPattern: value)
    } else {
      let isNegative = place < last && bytes[place] == UInt8(ascii: "-")
      if isNegative { place += 1 }
      guard let value = bytes.decimal(&place, last) else { throw malformed(line) }
      event.result = isNegative ? -value : value
    }
    return true
  }

  // MARK: - Fields

  private static func malformed(_ line: TracepointLine) -> ParseError {
    ParseError(.malformedPayload, column: line.payload.lowerBound - line.start + 1)
  }

  @inline(__always)
  private static func has(
    _ bytes: Span<UInt8>, _ name: Range<Int>, _ text: StaticString
  ) -> Bool {
    name.count == text.utf8CodeUnitCount && bytes.has(text, at: name.lowerBound, name.upperBound)
  }

  @inline(__always)
  private static func begins(
    _ bytes: Span<UInt8>, _ name: Range<Int>, _ text: StaticString
  ) -> Bool {
    bytes.has(text, at: name.lowerBound, name.upperBound)
  }

  /// The position behind a key.
  @inline(__always)
  private static func behind(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString
  ) -> Int? {
    guard let at = bytes.find(key, from: payload.lowerBound, payload.upperBound) else { return nil }
    return at + key.utf8CodeUnitCount
  }

  private static func number(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString
  ) -> Int64? {
    guard var at = behind(bytes, payload, key) else { return nil }
    return bytes.decimal(&at, payload.upperBound)
  }

  private static func signed(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString
  ) -> Int64? {
    guard var at = behind(bytes, payload, key), at < payload.upperBound else { return nil }
    guard bytes[at] == UInt8(ascii: "-") else { return bytes.decimal(&at, payload.upperBound) }
    at += 1
    return bytes.decimal(&at, payload.upperBound).map { -$0 }
  }

  private static func hexadecimal(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString
  ) -> UInt64? {
    guard var at = behind(bytes, payload, key) else { return nil }
    return bytes.hexadecimal(&at, payload.upperBound)
  }

  /// `0x4000` or `16384`.
  private static func either(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString
  ) -> UInt64? {
    guard var at = behind(bytes, payload, key) else { return nil }
    if bytes.has("0x", at: at, payload.upperBound) {
      at += 2
      return bytes.hexadecimal(&at, payload.upperBound)
    }
    // -1: it has no place.
    if at < payload.upperBound, bytes[at] == UInt8(ascii: "-") { return .max }
    return bytes.wideDecimal(&at, payload.upperBound)
  }

  /// `253,1` or `253:1` behind a key; nil for other names.
  private static func device(
    _ bytes: Span<UInt8>, _ payload: Range<Int>, _ key: StaticString, separator: StaticString
  ) -> DeviceNumber? {
    guard var at = behind(bytes, payload, key) else { return nil }
    let end = payload.upperBound
    guard let major = bytes.decimal(&at, end), bytes.has(separator, at: at, end) else { return nil }
    at += 1
    guard let minor = bytes.decimal(&at, end) else { return nil }
    return DeviceNumber(major: UInt64(major), minor: UInt64(minor))
  }
}

extension Span where Element == UInt8 {
  /// A hexadecimal number of at most 16 digits, without `0x`, and its end; nil, and the position as it was,
  /// when there is none.
  @inline(__always)
  func hexadecimal(_ position: inout Int, _ end: Int) -> UInt64? {
    var at = position
    var value: UInt64 = 0
    while at < end {
      let byte = self[at]
      let digit: UInt8
      if byte &- 0x30 < 10 {
        digit = byte &- 0x30
      } else if (byte | 0x20) &- 0x61 < 6 {
        digit = (byte | 0x20) &- 0x57
      } else {
        break
      }
      guard at - position < 16 else { return nil }
      value = value << 4 | UInt64(digit)
      at += 1
    }
    guard at > position else { return nil }
    position = at
    return value
  }
}

// MARK: - Records

/// The fields of one of these tracepoints in a binary recording.
struct PageCacheRecord {
  /// What is read of a record, each where the event has it.
  private enum Part: Int, CaseIterable {
    case device, backing, inode, index, bytes, pages, block, order, status, found, result, flags
    case isDataOnly, cyclic, pause, size
  }

  private let kind: PageCacheEvent.Kind
  private let isSwapped: Bool
  private var needed = 0
  private var parts = [EventField?](repeating: nil, count: Part.allCases.count)
  /// `mapped`: the place is a byte on the device, of iomap; else a block of ext4.
  private let isIomap: Bool
  /// `mapped`: only where the status says that it is written or unwritten.
  private let hasStatus: Bool
  private let isWriteback: Bool
  private let isDataOnlyCall: Bool

  /// What the tracepoint of this name, without its group, is; nil when it is none of these. The kinds are those that
  /// ``PageCachePayload`` reads from text.
  static func kind(_ name: String) -> PageCacheEvent.Kind? {
    switch name {
    case "writeback_dirty_folio", "writeback_dirty_page": return .dirtied
    case "writeback_single_inode_start": return .passBegan
    case "writeback_single_inode": return .passEnded
    case "mm_filemap_add_to_page_cache": return .added
    case "ext4_da_write_begin", "ext4_write_begin", "ext4_da_write_pages_extent",
      "xfs_file_buffered_write":
      return .touched
    case "ext4_ext_map_blocks_exit", "ext4_ind_map_blocks_exit", "ext4_es_insert_extent",
      "ext4_es_cache_extent", "ext4_es_lookup_extent_exit", "iomap_writepage_map",
      "iomap_iter_dstmap", "iomap_apply_dstmap":
      return .mapped
    case "ext4_writepages", "ext4_da_writepages": return .passBegan
    case "ext4_writepages_result", "ext4_da_writepages_result": return .passEnded
    case "ext4_sync_file_enter": return .syncBegan
    case "ext4_sync_file_exit": return .syncEnded
    case "xfs_file_fsync": return .syncNamed
    case "block_dirty_buffer": return .bufferDirtied
    case "balance_dirty_pages": return .throttled
    default: break
    }
    for (prefix, isEnter) in [("sys_enter_", true), ("sys_exit_", false)]
    where name.hasPrefix(prefix) {
      switch name.dropFirst(prefix.count) {
      case "fsync", "fdatasync": return isEnter ? .syncCallBegan : .syncCallEnded
      case "write", "pwrite64", "writev", "pwritev", "pwritev2":
        return isEnter ? .writeBegan : .writeEnded
      default: return nil
      }
    }
    let aside = [
      "writeback_", "wait_on_page_writeback", "mm_filemap_", "ext4_", "iomap_", "jbd2_",
      "folio_wait_writeback", "global_dirty_state", "block_touch_buffer",
    ]
    return aside.contains { name.hasPrefix($0) } ? .aside : nil
  }

  /// Finds the fields in a format; nil when it is of no such event, says nothing that is used, or lacks a field.
  init?(_ format: EventFormat) {
    guard let kind = Self.kind(format.name), kind != .aside else { return nil }
    self.kind = kind
    isSwapped = format.isSwapped
    isIomap = format.name.hasPrefix("iomap_")
    hasStatus = format.name.hasPrefix("ext4_es_")
    isWriteback = format.name == "iomap_writepage_map"
    isDataOnlyCall = format.name.hasSuffix("fdatasync")
    var found = parts
    func set(_ part: Part, _ names: String...) -> Bool {
      for name in names {
        if let field = format[name] {
          found[part.rawValue] = field
          return true
        }
      }
      return false
    }
    let isWhole: Bool
    switch kind {
    case .dirtied: isWhole = set(.backing, "name") && set(.inode, "ino") && set(.index, "index")
    case .passBegan where format.name.hasPrefix("writeback_"),
      .passEnded where format.name.hasPrefix("writeback_"):
      isWhole = set(.backing, "name") && set(.inode, "ino")
      _ = set(.index, "writeback_index")
      _ = set(.pages, "wrote")
    case .added:
      isWhole = set(.device, "s_dev") && set(.inode, "i_ino") && set(.index, "index")
      _ = set(.order, "order")
    case .touched, .syncNamed: isWhole = set(.device, "dev") && set(.inode, "ino")
    case .mapped where isIomap:
      isWhole =
        set(.device, "bdev") && set(.inode, "ino") && set(.block, "addr")
        && set(.index, "offset", "pos") && set(.bytes, "length")
    case .mapped:
      isWhole =
        set(.device, "dev") && set(.inode, "ino") && set(.index, "lblk") && set(.block, "pblk")
        && set(.pages, "len") && (!hasStatus || set(.status, "status"))
      _ = set(.found, "found")
      _ = set(.result, "ret")
      _ = set(.flags, "flags")
    case .passBegan:
      isWhole = set(.device, "dev") && set(.inode, "ino")
      if set(.cyclic, "range_cyclic") { _ = set(.index, "writeback_index") }
    case .passEnded:
      isWhole = set(.device, "dev") && set(.inode, "ino")
      _ = set(.pages, "pages_written")
    case .syncBegan:
      isWhole = set(.device, "dev") && set(.inode, "ino")
      _ = set(.isDataOnly, "datasync")
    case .syncEnded:
      isWhole = set(.device, "dev") && set(.inode, "ino")
      _ = set(.result, "ret")
    case .bufferDirtied:
      isWhole = set(.device, "dev") && set(.block, "sector") && set(.size, "size")
    case .throttled: isWhole = set(.pause, "pause")
    case .syncCallEnded, .writeEnded: isWhole = set(.result, "ret")
    case .syncCallBegan, .writeBegan: isWhole = true
    case .aside: isWhole = false
    }
    guard isWhole else { return nil }
    parts = found
    needed = found.compactMap { $0?.end }.max() ?? 0
  }

  /// Reads a record; false when it is too short or no kernel's.
  func read(
    _ bytes: Span<UInt8>, _ record: TracepointRecord, into event: inout PageCacheEvent
  ) -> Bool {
    guard Int(record.length) >= needed else { return false }
    func number(_ part: Part) -> Int64? {
      parts[part.rawValue]?.integer(bytes, record.start, isSwapped)
    }
    event.inode = UInt64(bitPattern: number(.inode) ?? 0)
    event.isDataOnly = isDataOnlyCall || number(.isDataOnly) ?? 0 != 0
    event.result = number(.result) ?? 0
    if let device = number(.device) {
      event.device = DeviceNumber(rawValue: UInt32(truncatingIfNeeded: device))
    }
    if let field = parts[Part.backing.rawValue] {
      // `253:0`; `btrfs-1` names no device.
      guard let text = field.text(bytes, record.start, Int(record.length), isSwapped) else {
        return false
      }
      event.isBacking = true
      event.device = Self.device(bytes, text)
    }
    let index = number(.index) ?? 0
    event.kind = kind
    switch kind {
    case .dirtied:
      guard (0..<PageCachePayload.mostPages).contains(index) else { return false }
      event.index = index
    case .added:
      guard (0..<PageCachePayload.mostPages).contains(index) else { return false }
      event.index = index
      let order = number(.order) ?? 0
      event.pages = (0...PageCachePayload.largestOrder).contains(order) ? 1 << order : 1
    case .passBegan:
      let isMeant = parts[Part.cyclic.rawValue] == nil || number(.cyclic) ?? 0 != 0
      event.index = isMeant ? min(max(0, index), PageCachePayload.mostPages) : 0
      if event.isBacking { event.pages = number(.pages) ?? -1 }
    case .passEnded:
      event.index = min(max(0, index), PageCachePayload.mostPages)
      event.pages = number(.pages) ?? -1
    case .mapped: mapped(index, number, &event)
    case .bufferDirtied:
      let block = number(.block) ?? -1
      let size = number(.size) ?? 0
      // Only blocks as large as a page say which page they are.
      event.sector =
        size == PageCachePayload.pageBytes && (0..<1 << 48).contains(block)
        ? block * (size / 512) : -1
    case .throttled: event.pause = number(.pause) ?? 0
    default: break
    }
    return true
  }

  /// A piece of a file and its place; an aside where it has none.
  private func mapped(
    _ index: Int64, _ number: (Part) -> Int64?, _ event: inout PageCacheEvent
  ) {
    let block = number(.block) ?? -1
    event.kind = .aside
    if isIomap {
      let length = number(.bytes) ?? 0
      guard (0..<1 << 60).contains(block), (0..<1 << 60).contains(index),
        length > 0, length < 1 << 48, block % 512 == 0, index % PageCachePayload.pageBytes == 0
      else { return }
      event.kind = .mapped
      event.index = index / PageCachePayload.pageBytes
      event.pages = (length + PageCachePayload.pageBytes - 1) / PageCachePayload.pageBytes
      event.sector = block / 512
      event.isWriteback = isWriteback
      return
    }
    if hasStatus {
      // 1 written, 2 unwritten: they have a place; 4 delayed, 8 hole: they have none. Before 3.13 the status stood in
      // the upper bits of the place.
      guard number(.found) != 0, (number(.status) ?? 0) & 3 != 0 else { return }
    } else {
      // ret 0: a hole.
      guard number(.result) ?? number(.pages) ?? 0 > 0 else { return }
      event.isWriteback = (number(.flags) ?? 0) & 1 != 0
    }
    PageCachePayload.place(&event, index, number(.pages) ?? 0, block)
  }

  /// `253:0`.
  private static func device(_ bytes: Span<UInt8>, _ text: Range<Int>) -> DeviceNumber? {
    var at = text.lowerBound
    guard let major = bytes.decimal(&at, text.upperBound),
      bytes.has(":", at: at, text.upperBound)
    else { return nil }
    at += 1
    guard let minor = bytes.decimal(&at, text.upperBound) else { return nil }
    return DeviceNumber(major: UInt64(major), minor: UInt64(minor))
  }
}
