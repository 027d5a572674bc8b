public import TraceModel

/// A guest request as the join sees it: what was handed to virtio and came back.
struct GuestRequest {
  /// Its place in the disk's rows.
  let row: Int32
  let sector: Int64
  let sectors: Int64
  let operation: BlockOperation
  /// The last `D`, own ns.
  let issued: Int64
  /// `C`, own ns.
  let completed: Int64
  let isAliased: Bool
  let isLossy: Bool

  var end: Int64 { sector + sectors }
}

/// A bio on the host, or a piece that `X` cut off one: what came out of virtio, and the request that
/// carried it.
struct HostPiece {
  /// The place of its request in the device's rows.
  let row: Int32
  let sector: Int64
  let sectors: Int64
  let operation: BlockOperation
  /// `Q`, ns on the reference.
  let queued: Int64
  /// The last `D` of its request.
  let issued: Int64
  /// `C` of its request.
  let completed: Int64
  let isAliased: Bool
  /// The thread that queued it.
  let task: Int32
  /// The parts of its bio before and behind it, which `X` cut off.
  var isCutBefore = false
  var isCutBehind = false
  /// The place, in the device's pieces, of the part of its bio that completes last: the bio is back with that one.
  var last: Int32 = 0
  /// The completion of another part of its bio is not known.
  var hasLostSibling = false

  var end: Int64 { sector + sectors }
}

/// A guest's disk: its requests in one stretch of one trace.
public struct GuestDisk: Sendable {
  /// The guest's name.
  public let machine: String
  /// The device's stretch.
  public let stream: Int32
  /// Which trace it is from: disks of one trace share a clock.
  public let source: Int64
  /// The stretch of that trace: after a step back of its clock another begins.
  public let segment: Int
  /// All its requests.
  public let rows: [BlockRequest]
  /// The bios merged into them.
  public let bios: [MergedBio]
  /// Maps that were ingested and may be this disk's.
  public let maps: [ExtentMap]

  /// A disk as it was ingested.
  public init(
    machine: String, stream: Int32, source: Int64, segment: Int, rows: [BlockRequest],
    bios: [MergedBio], maps: [ExtentMap] = []
  ) {
    self.machine = machine
    self.stream = stream
    self.source = source
    self.segment = segment
    self.rows = rows
    self.bios = bios
    self.maps = maps
  }

  /// Requests with data that were seen at the driver and back, by time of issue.
  var dataRequests: [GuestRequest] {
    var requests: [GuestRequest] = []
    requests.reserveCapacity(rows.count)
    for (index, row) in rows.enumerated() where row.sector >= 0 && row.sectors > 0 {
      guard row.issued.isSeen, row.completed.isSeen, !row.traits.contains(.acrossStep) else {
        continue
      }
      requests.append(
        GuestRequest(
          row: Int32(index), sector: row.sector, sectors: row.sectors, operation: row.operation,
          issued: row.issued.rawValue, completed: row.completed.rawValue,
          isAliased: row.traits.contains(.aliased), isLossy: row.traits.contains(.lossy)))
    }
    requests.sort { ($0.issued, $0.row) < ($1.issued, $1.row) }
    return requests
  }
}

/// A host's device: its requests in one stretch of one trace.
public struct HostDevice: Sendable {
  /// The device's stretch.
  public let stream: Int32
  /// Which trace it is from.
  public let source: Int64
  /// All its requests.
  public let rows: [BlockRequest]
  /// The bios merged into them.
  public let bios: [MergedBio]
  /// Distances of partitions and mapped devices on it, as remap lines say.
  public let remapDeltas: [Int64]
  /// When events were lost, ns; in order, none touching another.
  public let losses: [ClosedRange<Int64>]
  /// The first event of the trace, ns.
  public let first: Int64
  /// The last event of the trace, ns.
  public let last: Int64

  /// A device as it was ingested.
  public init(
    stream: Int32, source: Int64, rows: [BlockRequest], bios: [MergedBio], remapDeltas: [Int64],
    losses: [ClosedRange<Int64>], first: Int64, last: Int64
  ) {
    self.stream = stream
    self.source = source
    self.rows = rows
    self.bios = bios
    self.remapDeltas = remapDeltas
    self.losses = Self.joined(losses)
    self.first = first
    self.last = last
  }

  private static func joined(_ losses: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
    var joined: [ClosedRange<Int64>] = []
    for loss in losses.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, last.upperBound >= loss.lowerBound {
        joined[joined.count - 1] = last.lowerBound...max(last.upperBound, loss.upperBound)
      } else {
        joined.append(loss)
      }
    }
    return joined
  }

  /// Whether events were lost within these times.
  func hasLosses(in times: ClosedRange<Int64>) -> Bool {
    let place = losses.partitioningIndex { $0.upperBound >= times.lowerBound }
    return place < losses.count && losses[place].lowerBound <= times.upperBound
  }

  /// Every bio, and every piece of one, whose way is known from `Q` to `C`, by time of arrival.
  var pieces: [HostPiece] {
    var pieces: [HostPiece] = []
    pieces.reserveCapacity(rows.count + bios.count)
    var ownSectors: [Int64: (sector: Int64, sectors: Int64)] = [:]
    var indexOf: [Int64: Int32] = [:]
    if !bios.isEmpty {
      for (index, row) in rows.enumerated() { indexOf[row.id] = Int32(index) }
    }
    for bio in bios {
      guard let index = indexOf[bio.request] else { continue }
      let row = rows[Int(index)]
      guard !row.traits.contains(.acrossStep) else { continue }
      // What is left of the request's range is its first bio.
      let range = ownSectors[row.id] ?? (row.sector, row.sectors)
      if bio.sector == range.sector {
        ownSectors[row.id] = (range.sector + bio.sectors, range.sectors - bio.sectors)
      } else {
        ownSectors[row.id] = (range.sector, range.sectors - bio.sectors)
      }
      guard bio.queued.isSeen, row.issued.isSeen, row.completed.isSeen, bio.sectors > 0 else {
        continue
      }
      pieces.append(
        HostPiece(
          row: index, sector: bio.sector, sectors: bio.sectors, operation: row.operation,
          queued: bio.queued.rawValue, issued: row.issued.rawValue,
          completed: row.completed.rawValue, isAliased: row.traits.contains(.aliased),
          task: bio.task))
    }
    for (index, row) in rows.enumerated() where row.sector >= 0 && row.sectors > 0 {
      guard row.queued.isSeen, row.issued.isSeen, row.completed.isSeen,
        !row.traits.contains(.acrossStep)
      else { continue }
      let range = ownSectors[row.id] ?? (row.sector, row.sectors)
      // Its D said fewer sectors than its bios have: what its first bio was is not known.
      guard range.sectors > 0 else { continue }
      pieces.append(
        HostPiece(
          row: Int32(index), sector: range.sector, sectors: range.sectors,
          operation: row.operation, queued: row.queued.rawValue, issued: row.issued.rawValue,
          completed: row.completed.rawValue, isAliased: row.traits.contains(.aliased),
          task: row.task, isCutBefore: row.traits.contains(.splitPiece),
          isCutBehind: row.traits.contains(.splitHead)))
    }
    pieces.sort { ($0.queued, $0.sector) < ($1.queued, $1.sector) }
    Self.joinCutBios(&pieces)
    return pieces
  }

  /// Says of each piece which part of its bio completes last. The parts of one bio were queued at one time and lie side
  /// by side; one that was merged into another request no longer says that it was cut.
  private static func joinCutBios(_ pieces: inout [HostPiece]) {
    var first = 0
    while first < pieces.count {
      var next = first + 1
      var last = first
      while next < pieces.count, pieces[next].queued == pieces[first].queued,
        pieces[next].sector == pieces[next - 1].end,
        pieces[next].isCutBefore || pieces[next - 1].isCutBehind
      {
        if pieces[next].completed > pieces[last].completed { last = next }
        next += 1
      }
      let isLacking = pieces[first].isCutBefore || pieces[next - 1].isCutBehind
      for place in first..<next {
        pieces[place].last = Int32(last)
        pieces[place].hasLostSibling = isLacking
      }
      first = next
    }
  }
}
