/// Where the sectors of a guest's disk lie on the host's device.
public struct ExtentMap: Sendable {
  /// A stretch of the disk that lies in one piece.
  public struct Extent: Sendable {
    /// Its first sector on the guest's disk.
    public let guestSector: Int64
    /// Its first sector on the host's device.
    public let hostSector: Int64
    /// Its length in sectors.
    public let sectors: Int64

    /// A stretch.
    public init(guestSector: Int64, hostSector: Int64, sectors: Int64) {
      self.guestSector = guestSector
      self.hostSector = hostSector
      self.sectors = sectors
    }
  }

  /// The stretches, by guest sector, none overlapping.
  public let extents: [Extent]

  /// A map of these stretches; where two claim the same sectors, the one that begins first has them.
  public init(_ extents: [Extent]) {
    var kept: [Extent] = []
    var taken = Int64.min
    for extent in extents.sorted(by: { $0.guestSector < $1.guestSector }) {
      let from = max(taken, extent.guestSector)
      let to = extent.guestSector + extent.sectors
      guard from < to else { continue }
      kept.append(
        Extent(
          guestSector: from, hostSector: extent.hostSector + from - extent.guestSector,
          sectors: to - from))
      taken = to
    }
    self.extents = kept
  }

  /// The map with the host's side moved on by so many sectors.
  func moved(by sectors: Int64) -> ExtentMap {
    guard sectors != 0 else { return self }
    return ExtentMap(
      extents.map {
        Extent(
          guestSector: $0.guestSector, hostSector: $0.hostSector + sectors, sectors: $0.sectors)
      })
  }

  /// This map and then another: from a disk to a file, from the file to a device. What the second does
  /// not hold is left out.
  public func followed(by next: ExtentMap) -> ExtentMap {
    var result: [Extent] = []
    for extent in extents {
      var at = extent.hostSector
      let end = extent.hostSector + extent.sectors
      var index = next.firstExtent(endingAfter: at)
      while at < end, index < next.extents.count {
        let piece = next.extents[index]
        let from = max(at, piece.guestSector)
        let to = min(end, piece.guestSector + piece.sectors)
        if from < to {
          result.append(
            Extent(
              guestSector: extent.guestSector + from - extent.hostSector,
              hostSector: piece.hostSector + from - piece.guestSector, sectors: to - from))
        }
        at = max(at, to)
        if piece.guestSector >= end { break }
        index += 1
      }
    }
    return ExtentMap(result)
  }

  /// The stretches of the host's device that hold these sectors, in order; nil when some of them are
  /// nowhere.
  func translate(_ sector: Int64, _ sectors: Int64) -> [Range<Int64>]? {
    var ranges: [Range<Int64>] = []
    var position = sector
    let end = sector + sectors
    var index = firstExtent(endingAfter: sector)
    while position < end {
      guard index < extents.count else { return nil }
      let extent = extents[index]
      guard extent.guestSector <= position else { return nil }
      let until = min(end, extent.guestSector + extent.sectors)
      let start = extent.hostSector + position - extent.guestSector
      if let last = ranges.last, last.upperBound == start {
        ranges[ranges.count - 1] = last.lowerBound..<start + until - position
      } else {
        ranges.append(start..<start + until - position)
      }
      position = until
      index += 1
    }
    return ranges
  }

  /// The stretch of the host's device that holds these sectors side by side; nil when they are in several, or some of
  /// them nowhere.
  func translateWhole(_ sector: Int64, _ sectors: Int64) -> Range<Int64>? {
    let index = extents.count == 1 ? 0 : firstExtent(endingAfter: sector)
    guard index < extents.count else { return nil }
    let extent = extents[index]
    guard extent.guestSector <= sector,
      sector + sectors <= extent.guestSector + extent.sectors
    else { return nil }
    let start = extent.hostSector + sector - extent.guestSector
    return start..<start + sectors
  }

  private func firstExtent(endingAfter sector: Int64) -> Int {
    var low = 0
    var high = extents.count
    while low < high {
      let middle = (low + high) / 2
      if extents[middle].guestSector + extents[middle].sectors <= sector {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
