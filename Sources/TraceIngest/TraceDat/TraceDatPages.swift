/// Goes through the events of one CPU in one buffer: the pages of ftrace's ring buffer, one behind the other.
/// include/linux/ring_buffer.h and kernel/trace/ring_buffer.c of Linux.
struct TraceDatPages {
  /// What stands next.
  enum Item {
    /// An event whose fields are ``fields``.
    case event
    /// Events were lost here; how many where that is known.
    case lost(Int64?)
    case end
  }

  let cpu: Int
  /// The place of its buffer among those of the file.
  let buffer: Int
  private let pageSize: Int
  private let longSize: Int
  private let dataAt: Int
  private let isSwapped: Bool
  private let isCompressed: Bool
  /// Where the next bytes stand in the file, and how many there are.
  private var offset: UInt64
  private var left: UInt64
  /// Pieces that are still to be unpacked.
  private var pieces: UInt32 = 0
  private let unpacker: PieceUnpacker?

  /// Pages at hand.
  private(set) var bytes: [UInt8] = []
  /// A piece that is packed.
  private var piece: [UInt8] = []
  private var atHand = 0
  private var next = 0
  /// The next event in the page, and the end of its events.
  private var at = 0
  private var end = 0
  /// The stamp of the latest event.
  private(set) var stamp: UInt64 = 0
  /// Where the event's fields stand in ``bytes``.
  private(set) var fields = 0..<0
  /// Pages or pieces that could not be read.
  private(set) var damaged: Int64 = 0
  private var pendingLoss: Item?

  /// Bytes of pages that are read at once.
  private static let window = 1 << 16
  /// Pages that trace-cmd packs at once are 10; there is no reason for many more, and each CPU holds a piece.
  private static let mostPagesInPiece = 16

  init(
    _ pages: TraceDatFile.Pages, in file: TraceDatFile, buffer: Int, source: ByteSource,
    size: UInt64
  ) throws {
    cpu = pages.cpu
    self.buffer = buffer
    let own = file.buffers[buffer]
    pageSize = own.pageSize
    longSize = file.longSize
    dataAt = file.dataAt
    isSwapped = file.isSwapped
    isCompressed = own.isCompressed
    offset = pages.offset
    let (end, isTooLarge) = pages.offset.addingReportingOverflow(pages.size)
    if isTooLarge || pages.offset > size {
      left = 0
      damaged = 1
    } else {
      if end > size { damaged = 1 }
      // The size of packed pages leaves their lengths out; the number of pieces bounds them.
      left = (own.isCompressed ? size : min(end, size)) - pages.offset
    }
    unpacker = isCompressed ? try PieceUnpacker(file.compression) : nil
    if isCompressed, left >= 4 {
      let head = try TraceDatFile.bytes(source, offset, 4, size)
      pieces = head.span.load32(at: 0, isSwapped)
      offset += 4
      left -= 4
    }
  }

  /// Goes to the next event or loss.
  mutating func advance(_ source: ByteSource) throws -> Item {
    while true {
      if let loss = pendingLoss {
        pendingLoss = nil
        return loss
      }
      if at + 4 > end {
        guard try loadPage(source) else { return .end }
        continue
      }
      if step() { return .event }
    }
  }

  /// Reads what stands at the position; false when it is no event.
  @inline(__always)
  private mutating func step() -> Bool {
    let word = bytes.span.load32(at: at, isSwapped)
    let kind = isSwapped ? word >> 27 : word & 31
    let delta = UInt64(isSwapped ? word & 0x7FF_FFFF : word >> 5)
    switch kind {
    case 29:
      // Padding: the rest of the page, or an event that was taken back.
      guard delta != 0, at + 8 <= end else {
        at = end
        return false
      }
      // 1 marks it and is not a time.
      if delta != 1 { stamp &+= delta }
      let length = Int(bytes.span.load32(at: at + 4, isSwapped))
      at = length <= end - at - 4 ? at + 4 + length : end
      return false
    case 30, 31:
      guard at + 8 <= end else {
        at = end
        return false
      }
      let more = UInt64(bytes.span.load32(at: at + 4, isSwapped)) << 27
      at += 8
      if kind == 30 {
        stamp &+= more &+ delta
      } else {
        // 59 bits of a whole stamp.
        var whole = more &+ delta
        if stamp >> 59 != 0 {
          whole |= stamp & (0x1F << 59)
          if whole < stamp { whole &+= 1 << 59 }
        }
        stamp = whole
      }
      return false
    case 0:
      guard at + 8 <= end else { return damage() }
      let length = Int(bytes.span.load32(at: at + 4, isSwapped))
      guard length >= 4, length <= end - at - 4 else { return damage() }
      fields = at + 8..<at + 4 + length
      at += 4 + (length + 3) & ~3
    default:
      let length = Int(kind) * 4
      guard length <= end - at - 4 else { return damage() }
      fields = at + 4..<at + 4 + length
      at += 4 + length
    }
    stamp &+= delta
    return true
  }

  private mutating func damage() -> Bool {
    damaged += 1
    at = end
    return false
  }

  /// Goes to the next page; false when there is none.
  private mutating func loadPage(_ source: ByteSource) throws -> Bool {
    while next + pageSize > atHand {
      guard try fill(source) else { return false }
    }
    let page = next
    next += pageSize
    let commit =
      longSize == 8
      ? bytes.span.load64(at: page + 8, isSwapped)
      : UInt64(bytes.span.load32(at: page + 8, isSwapped))
    stamp = bytes.span.load64(at: page, isSwapped)
    at = page + dataAt
    end = at + Int(commit & 0x7FF_FFFF)
    let room = page + pageSize
    if end > room {
      damaged += 1
      at = room
      end = room
      return true
    }
    if commit & 1 << 31 != 0 {
      var count: Int64?
      // The number stands behind the events.
      if commit & 1 << 30 != 0, end + longSize <= room {
        count = Int64(
          clamping: longSize == 8
            ? bytes.span.load64(at: end, isSwapped) : UInt64(bytes.span.load32(at: end, isSwapped)))
      }
      pendingLoss = .lost(count)
    }
    return true
  }

  /// Reads or unpacks the next pages; false when there are none.
  private mutating func fill(_ source: ByteSource) throws -> Bool {
    next = 0
    atHand = 0
    guard isCompressed else {
      // A page that is cut is none.
      let count =
        min(left / UInt64(pageSize), UInt64(max(1, Self.window / pageSize))) * UInt64(pageSize)
      guard count > 0 else { return false }
      var buffer: [UInt8] = []
      swap(&buffer, &bytes)
      bytes = try take(source, Int(count), buffer)
      atHand = Int(count)
      return true
    }
    guard pieces > 0, left >= 8 else { return false }
    pieces -= 1
    var buffer: [UInt8] = []
    swap(&buffer, &piece)
    piece = try take(source, 8, buffer)
    let packed = Int(piece.span.load32(at: 0, isSwapped))
    let unpacked = Int(piece.span.load32(at: 4, isSwapped))
    guard packed <= left, packed <= 2 * Self.mostPagesInPiece * pageSize,
      unpacked <= Self.mostPagesInPiece * pageSize,
      unpacked % pageSize == 0, let unpacker
    else {
      damaged += 1
      pieces = 0
      return false
    }
    buffer = []
    swap(&buffer, &piece)
    piece = try take(source, packed, buffer)
    let own = piece
    do {
      try unpacker.unpack(own.span, 0..<packed, into: &bytes, count: unpacked)
    } catch is TraceDatFile.Failure {
      // The next piece stands by itself.
      damaged += 1
      pendingLoss = .lost(nil)
      return pieces > 0
    }
    atHand = unpacked
    return true
  }

  /// Reads bytes of the file to the front of a buffer.
  private mutating func take(
    _ source: ByteSource, _ count: Int, _ buffer: consuming [UInt8]
  ) throws -> [UInt8] {
    if buffer.count < count {
      buffer.append(contentsOf: repeatElement(0, count: count - buffer.count))
    }
    let got = try source.read(into: &buffer, at: 0, count: count, from: Int64(offset))
    guard got == count else {
      throw ReadError(path: source.path, reason: "changed while it was read; copy it first")
    }
    offset += UInt64(count)
    left -= UInt64(count)
    return buffer
  }
}
