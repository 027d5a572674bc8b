public import TraceModel

/// A guest request as the join sees it: what was handed to virtio and came back.
struct GuestRequest {
  let sector: Int64
  let sectors: Int64
  /// The last `D`, own ns.
  let issued: Int64
  /// `C`, own ns.
  let completed: Int64
  /// Its place in the disk's rows.
  let row: Int32
  let operation: BlockOperation
  let isAliased: Bool
  let isLossy: Bool

  var end: Int64 { sector + sectors }
}

/// A bio on the host, or a piece that `X` cut off one: what came out of virtio, and the request that
/// carried it.
struct HostPiece {
  let sector: Int64
  let sectors: Int64
  /// `Q`, ns on the reference.
  let queued: Int64
  /// The last `D` of its request.
  let issued: Int64
  /// `C` of its request.
  let completed: Int64
  /// The place of its request in the device's rows.
  let row: Int32
  /// The thread that queued it.
  let task: Int32
  /// The place, in the device's pieces, of the part of its bio that completes last: the bio is back with that one.
  var last: Int32 = 0
  let operation: BlockOperation
  let isAliased: Bool
  /// The parts of its bio before and behind it, which `X` cut off.
  var isCutBefore = false
  var isCutBehind = false
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
  public let rows: BlockRequests
  /// The bios merged into them.
  public let bios: [MergedBio]
  /// Maps that were ingested and may be this disk's.
  public let maps: [ExtentMap]

  /// A disk as it was ingested.
  public init(
    machine: String, stream: Int32, source: Int64, segment: Int, rows: some Sequence<BlockRequest>,
    bios: [MergedBio], maps: [ExtentMap] = []
  ) {
    self.machine = machine
    self.stream = stream
    self.source = source
    self.segment = segment
    self.rows = rows as? BlockRequests ?? BlockRequests(rows)
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
          sector: row.sector, sectors: row.sectors, issued: row.issued.rawValue,
          completed: row.completed.rawValue, row: Int32(index), operation: row.operation,
          isAliased: row.traits.contains(.aliased), isLossy: row.traits.contains(.lossy)))
    }
    let order = NumberSort.order(of: requests.count) { requests[$0].issued }
    return order.map { requests[Int($0)] }
  }
}

/// A host's device: its requests in one stretch of one trace.
public struct HostDevice: Sendable {
  /// The device's stretch.
  public let stream: Int32
  /// Which trace it is from.
  public let source: Int64
  /// All its requests.
  public let rows: BlockRequests
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
    stream: Int32, source: Int64, rows: some Sequence<BlockRequest>, bios: [MergedBio],
    remapDeltas: [Int64],
    losses: [ClosedRange<Int64>], first: Int64, last: Int64
  ) {
    self.stream = stream
    self.source = source
    self.rows = rows as? BlockRequests ?? BlockRequests(rows)
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
    var ownSectors: [Int32: (sector: Int64, sectors: Int64)] = [:]
    let numbers = RowNumbers(rows, bios)
    for bio in bios {
      guard let index = numbers.place(of: bio.request) else { continue }
      let row = rows[Int(index)]
      guard !row.traits.contains(.acrossStep) else { continue }
      // What is left of the request's range is its first bio.
      let range = ownSectors[index] ?? (row.sector, row.sectors)
      if bio.sector == range.sector {
        ownSectors[index] = (range.sector + bio.sectors, range.sectors - bio.sectors)
      } else {
        ownSectors[index] = (range.sector, range.sectors - bio.sectors)
      }
      guard bio.queued.isSeen, row.issued.isSeen, row.completed.isSeen, bio.sectors > 0 else {
        continue
      }
      pieces.append(
        HostPiece(
          sector: bio.sector, sectors: bio.sectors, queued: bio.queued.rawValue,
          issued: row.issued.rawValue, completed: row.completed.rawValue, row: index,
          task: bio.task, operation: row.operation, isAliased: row.traits.contains(.aliased)))
    }
    for (index, row) in rows.enumerated() where row.sector >= 0 && row.sectors > 0 {
      guard row.queued.isSeen, row.issued.isSeen, row.completed.isSeen,
        !row.traits.contains(.acrossStep)
      else { continue }
      var range = (sector: row.sector, sectors: row.sectors)
      if numbers.hasBios(index), let own = ownSectors[Int32(index)] { range = own }
      // Its D said fewer sectors than its bios have: what its first bio was is not known.
      guard range.sectors > 0 else { continue }
      pieces.append(
        HostPiece(
          sector: range.sector, sectors: range.sectors, queued: row.queued.rawValue,
          issued: row.issued.rawValue, completed: row.completed.rawValue, row: Int32(index),
          task: row.task, operation: row.operation, isAliased: row.traits.contains(.aliased),
          isCutBefore: row.traits.contains(.splitPiece),
          isCutBehind: row.traits.contains(.splitHead)))
    }
    let order = NumberSort.order(of: pieces.count) { pieces[$0].queued }
    pieces = order.map { pieces[Int($0)] }
    Self.sortTogether(&pieces)
    Self.joinCutBios(&pieces)
    return pieces
  }

  /// Puts those that were queued at one time in the order of their sectors.
  private static func sortTogether(_ pieces: inout [HostPiece]) {
    var first = 0
    while first < pieces.count {
      var next = first + 1
      while next < pieces.count, pieces[next].queued == pieces[first].queued { next += 1 }
      if next - first > 1 { pieces[first..<next].sort { $0.sector < $1.sector } }
      first = next
    }
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

/// Finds requests by their numbers, and those that carry bios beside their own.
struct RowNumbers {
  /// The numbers of rows, where those are not in their order.
  private var places: [Int64: Int32]?
  private let rows: BlockRequests
  private var carriers: [Bool]

  /// Of a device's requests and the bios that were merged into them.
  init(_ rows: BlockRequests, _ bios: [MergedBio]) {
    self.rows = rows
    carriers = []
    guard !bios.isEmpty else { return }
    let isInOrder = rows.indices.dropFirst().allSatisfy { rows.id(at: $0 - 1) < rows.id(at: $0) }
    if !isInOrder {
      places = Dictionary(
        rows.indices.map { (rows.id(at: $0), Int32($0)) }, uniquingKeysWith: { $1 })
    }
    carriers = [Bool](repeating: false, count: rows.count)
    for bio in bios {
      if let place = place(of: bio.request) { carriers[Int(place)] = true }
    }
  }

  /// The place of a request among the rows.
  func place(of number: Int64) -> Int32? {
    if let places { return places[number] }
    let place = rows.partitioningIndex { $0.id >= number }
    return place < rows.count && rows[place].id == number ? Int32(place) : nil
  }

  /// Whether the request at a place carries bios that were merged into it.
  func hasBios(_ place: Int) -> Bool { !carriers.isEmpty && carriers[place] }
}
