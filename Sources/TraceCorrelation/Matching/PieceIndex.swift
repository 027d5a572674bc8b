internal import TraceModel

/// Finds the host's pieces at an address and time: sorted by (granule of the device, arrival), so that a
/// block which is hit a thousand times costs no more than one hit once.
struct PieceIndex {
  private struct Entry {
    let granule: Int64
    let queued: Int64
    let piece: Int32
  }

  private let entries: [Entry]
  /// Pieces too long to be filed under each granule (discards of gigabytes).
  private let long: [Int32]

  /// 64 KiB: most requests lie in one or two.
  private static let shift: Int64 = 7
  private static let mostGranules: Int64 = 64

  init(_ pieces: [HostPiece]) {
    var entries: [Entry] = []
    var long: [Int32] = []
    entries.reserveCapacity(pieces.count + pieces.count / 4)
    for (index, piece) in pieces.enumerated() {
      let first = piece.sector >> Self.shift
      let last = (piece.end - 1) >> Self.shift
      if last - first >= Self.mostGranules {
        long.append(Int32(index))
        continue
      }
      for granule in first...last {
        entries.append(Entry(granule: granule, queued: piece.queued, piece: Int32(index)))
      }
    }
    entries.sort { ($0.granule, $0.queued, $0.piece) < ($1.granule, $1.queued, $1.piece) }
    self.entries = entries
    self.long = long
  }

  /// Calls for each piece that shares sectors with the range and was queued within the times, once.
  ///
  /// `looks` is how many entries may be looked at, and then how many are left; false when they did not suffice.
  func forEach(
    overlapping range: Range<Int64>, queuedFrom low: Int64, to high: Int64,
    in pieces: [HostPiece], looks: inout Int, _ body: (Int32) -> Void
  ) -> Bool {
    let first = range.lowerBound >> Self.shift
    let last = (range.upperBound - 1) >> Self.shift
    var granule = first
    while granule <= last {
      var index = lowerBound(granule, low)
      guard index < entries.count else { break }
      guard entries[index].granule == granule else {
        // On to the next that holds any: a damaged request may be as long as the largest disk.
        granule = entries[index].granule
        continue
      }
      while index < entries.count, entries[index].granule == granule, entries[index].queued <= high
      {
        guard looks > 0 else { return false }
        looks -= 1
        let piece = pieces[Int(entries[index].piece)]
        if piece.sector < range.upperBound, piece.end > range.lowerBound,
          // Filed under several granules: taken in the first that both have.
          granule == max(first, piece.sector >> Self.shift)
        {
          body(entries[index].piece)
        }
        index += 1
      }
      granule += 1
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

  private func lowerBound(_ granule: Int64, _ queued: Int64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let entry = entries[middle]
      if (entry.granule, entry.queued) < (granule, queued) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
