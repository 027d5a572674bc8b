internal import TraceModel

/// Finds the host's pieces at an address and time: filed by granule of the device, those of each in order of arrival, so
/// that a block which is hit a thousand times costs no more than one hit once.
final class PieceIndex {
  private lazy var table = Self.table(pieces)
  /// Pieces too long to be filed under each granule (discards of gigabytes).
  private let long: [Int32]
  /// The granules that hold any, in order: for a range of so many that most of them hold none.
  private lazy var granules = Self.granules(pieces)
  private let pieces: [HostPiece]

  /// 64 KiB: most requests lie in one or two.
  private static let shift: Int64 = 7
  static let mostGranules: Int64 = 64

  /// Of a device's pieces, which are in order of arrival.
  init(_ pieces: [HostPiece]) {
    self.pieces = pieces
    var long: [Int32] = []
    for index in pieces.indices where Self.isLong(pieces[index]) {
      long.append(Int32(truncatingIfNeeded: index))
    }
    self.long = long
  }

  private static func isLong(_ piece: HostPiece) -> Bool {
    (piece.end - 1) >> shift - piece.sector >> shift >= mostGranules
  }

  /// Whether there are any of those.
  var hasLong: Bool { !long.isEmpty }

  /// The first and the last granule of a range.
  @inline(__always)
  static func granules(of range: Range<Int64>) -> ClosedRange<Int64> {
    let first = range.lowerBound >> shift
    return first...max(first, (range.upperBound - 1) >> shift)
  }

  /// Whether a piece that is filed under a granule shares sectors with a range, and this granule is the first that both
  /// have.
  @inline(__always)
  static func isMet(_ piece: HostPiece, by range: Range<Int64>, in granule: Int64) -> Bool {
    piece.sector < range.upperBound && piece.end > range.lowerBound
      && granule == max(range.lowerBound >> shift, piece.sector >> shift)
  }

  @inline(__always)
  static func forEachGranule(_ piece: HostPiece, _ body: (Int64) -> Void) {
    let (first, last) = (piece.sector >> shift, (piece.end - 1) >> shift)
    guard last - first < mostGranules else { return }
    var granule = first
    while granule <= last {
      body(granule)
      granule += 1
    }
  }

  private static func table(_ pieces: [HostPiece]) -> PlaceTable {
    PlaceTable { add in
      for index in pieces.indices {
        forEachGranule(pieces[index]) { add($0, Int32(truncatingIfNeeded: index)) }
      }
    }
  }

  private static func granules(_ pieces: [HostPiece]) -> [Int64] {
    var granules: [Int64] = []
    for piece in pieces { forEachGranule(piece) { granules.append($0) } }
    NumberSort.sort(&granules)
    var last: Int64?
    granules.removeAll { granule in
      defer { last = granule }
      return granule == last
    }
    return granules
  }

  /// Calls for each piece that shares sectors with the range and was queued within the times, once.
  ///
  /// `looks` is how many entries may be looked at, and then how many are left; false when they did not suffice.
  func forEach(
    overlapping range: Range<Int64>, queuedFrom low: Int64, to high: Int64, looks: inout Int,
    _ body: (Int32) -> Void
  ) -> Bool {
    let first = range.lowerBound >> Self.shift
    let last = (range.upperBound - 1) >> Self.shift
    if last - first < Self.mostGranules {
      var granule = first
      while granule <= last {
        guard visit(granule, range, low, high, &looks, body) else { return false }
        granule += 1
      }
    } else {
      // A damaged request may be as long as the largest disk.
      var place = granules.partitioningIndex { $0 >= first }
      while place < granules.count, granules[place] <= last {
        guard visit(granules[place], range, low, high, &looks, body) else {
          return false
        }
        place += 1
      }
    }
    for index in long {
      guard looks > 0 else { return false }
      looks -= 1
      let piece = pieces[Int(index)]
      if piece.queued >= low, piece.queued <= high, piece.sector < range.upperBound,
        piece.end > range.lowerBound
      {
        body(index)
      }
    }
    return true
  }

  @inline(__always)
  private func visit(
    _ granule: Int64, _ range: Range<Int64>, _ low: Int64, _ high: Int64,
    _ looks: inout Int, _ body: (Int32) -> Void
  ) -> Bool {
    let entries = table.entries(of: granule)
    var entry = entries.lowerBound
    if entries.count > 1 { entry = firstEntry(entries, low) }
    while entry < entries.upperBound {
      let index = table[entry]
      let piece = pieces[Int(index)]
      entry += 1
      guard piece.queued <= high else { break }
      guard piece.queued >= low, piece.sector >> Self.shift <= granule,
        (piece.end - 1) >> Self.shift >= granule
      else { continue }
      guard looks > 0 else { return false }
      looks -= 1
      // Filed under several granules: taken in the first that both have.
      if Self.isMet(piece, by: range, in: granule) {
        body(index)
      }
    }
    return true
  }

  private func firstEntry(_ entries: Range<Int>, _ low: Int64) -> Int {
    var (from, to) = (entries.lowerBound, entries.upperBound)
    while from < to {
      let middle = from + (to - from) / 2
      if pieces[Int(table[middle])].queued < low { from = middle + 1 } else { to = middle }
    }
    return from
  }
}

/// Finds the host's pieces that begin at an address, with a direction.
final class StartIndex {
  private lazy var table = Self.table(pieces, wanted)
  private let pieces: [HostPiece]
  private let wanted: StartSet?

  /// Of a device's pieces, which are in order of arrival; of those that begin at one of some addresses, where these are
  /// given.
  init(_ pieces: [HostPiece], at wanted: StartSet? = nil) {
    self.pieces = pieces
    self.wanted = wanted
  }

  private static func table(_ pieces: [HostPiece], _ wanted: StartSet?) -> PlaceTable {
    PlaceTable { add in
      for index in pieces.indices {
        let piece = pieces[index]
        if let wanted, !wanted.mayContain(piece.sector, piece.operation) { continue }
        add(number(piece.sector, piece.operation), Int32(truncatingIfNeeded: index))
      }
    }
  }

  fileprivate static func number(_ sector: Int64, _ operation: BlockOperation) -> Int64 {
    sector << 3 | Int64(operation.rawValue)
  }

  /// Calls for each, in order of arrival, as long as the body wants more.
  @inline(__always)
  func forEach(
    _ sector: Int64, _ operation: BlockOperation, queuedFrom low: Int64 = .min,
    _ body: (Int32) -> Bool
  ) {
    let entries = table.entries(of: Self.number(sector, operation))
    var entry = entries.lowerBound
    if low != .min, entries.count > 1 {
      var to = entries.upperBound
      while entry < to {
        let middle = entry + (to - entry) / 2
        if pieces[Int(table[middle])].queued < low { entry = middle + 1 } else { to = middle }
      }
    }
    while entry < entries.upperBound {
      let index = table[entry]
      entry += 1
      let piece = pieces[Int(index)]
      guard piece.sector == sector, piece.operation == operation, piece.queued >= low else {
        continue
      }
      if !body(index) { return }
    }
  }

  /// Whether more than so many begin there, counted as far as that.
  func hasMore(than most: Int, _ sector: Int64, _ operation: BlockOperation) -> Bool {
    let entries = table.entries(of: Self.number(sector, operation))
    guard entries.count > most else { return false }
    var count = 0
    forEach(sector, operation) { _ in
      count += 1
      return count <= most
    }
    return count > most
  }
}

/// Addresses with directions, among which it may count others.
struct StartSet {
  private var bits = [UInt64](repeating: 0, count: 1 << 16)

  private static func bit(_ number: Int64) -> (word: Int, mask: UInt64) {
    let hash = (UInt64(bitPattern: number) &* 0x9e37_79b9_7f4a_7c15) >> 42
    return (Int(truncatingIfNeeded: hash >> 6), 1 << (hash & 63))
  }

  mutating func insert(_ sector: Int64, _ operation: BlockOperation) {
    let (word, mask) = Self.bit(StartIndex.number(sector, operation))
    bits[word] |= mask
  }

  @inline(__always)
  func mayContain(_ sector: Int64, _ operation: BlockOperation) -> Bool {
    let (word, mask) = Self.bit(StartIndex.number(sector, operation))
    return bits[word] & mask != 0
  }
}
