internal import TraceModel

/// A request that has begun and not ended, or a bio that is not yet in one.
struct OpenRequest {
  /// How far it has come.
  enum Phase: UInt8 {
    /// `Q` only.
    case queued
    /// Has a request of its own (`G`, `I`, or given back by `R`).
    case allocated
    /// At the driver.
    case issued
    /// Its data are done, its flush is not.
    case finishing
  }

  var row = BlockRequest()
  /// The end of the leading bio before merges, for btt's stages: length in sectors.
  var ownSectors: Int64 = 0
  /// Sectors still to complete.
  var remaining: Int64 = 0
  /// First merged bio, -1 for none; a chain through ``OpenRequests/bios``.
  var firstBio: Int32 = -1
  /// How many there are.
  var bioCount: Int32 = 0
  /// The next with the same hash of its first sector.
  var next: Int32 = -1
  /// The next with the same hash of its end.
  var nextByEnd: Int32 = -1
  /// The sector it is filed under.
  var key: Int64 = -1
  /// The end it is filed under; -1 when it is not.
  var endKey: Int64 = -1
  var phase = Phase.queued
  /// `D` had no FUA though the bio asked for it, or the bio wanted a preflush: the kernel ends such a
  /// request with a second completion without length.
  var isSequenced = false
  /// Its completion may be that of a later request of the same blocks.
  var isDoubtful = false
  /// Filed in order of arrival, for what has no address.
  var order: Int64 = 0
}

/// A bio that was merged, on the way with its request.
struct OpenBio {
  var row = MergedBio()
  /// It has been seen as the start of an `I` line: then btt counts it as inserted.
  var inserted = Stamp.unseen
  var next: Int32 = -1
}

/// The requests in flight on one device, found by their first sector, or by their end for merges.
///
/// Hash chains in flat arrays: a request is filed and found a handful of times, and no event allocates.
/// Equal keys (the same block in flight twice) stay in the order in which they came.
struct OpenRequests {
  private(set) var pool: [OpenRequest] = []
  private(set) var bios: [OpenBio] = []
  private var free: [Int32] = []
  private var freeBios: [Int32] = []
  private var byStart: [Int32]
  /// The ends of those chains: the same block may be queued a hundred thousand times.
  private var lastByStart: [Int32]
  /// How long they are.
  private var lengthByStart: [Int32]
  private var byEnd: [Int32]
  private var shift: UInt64
  /// How many are open.
  private(set) var count = 0

  init() {
    byStart = [Int32](repeating: -1, count: 256)
    lastByStart = byStart
    lengthByStart = [Int32](repeating: 0, count: 256)
    byEnd = [Int32](repeating: -1, count: 256)
    shift = 64 - 8
  }

  subscript(index: Int32) -> OpenRequest {
    @inline(__always) get { pool[Int(index)] }
    @inline(__always) _modify { yield &pool[Int(index)] }
  }

  subscript(bio index: Int32) -> OpenBio {
    @inline(__always) get { bios[Int(index)] }
    @inline(__always) _modify { yield &bios[Int(index)] }
  }

  @inline(__always)
  private func slot(_ sector: Int64) -> Int {
    Int(truncatingIfNeeded: (UInt64(bitPattern: sector) &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  /// The oldest one among those that are filed as this sector is, where they are more than so many; -1 where
  /// they are not. More than a few are there only if they have the same sector.
  @inline(__always)
  func oldest(at sector: Int64, ifMoreThan most: Int32) -> Int32 {
    let slot = slot(sector)
    return lengthByStart[slot] > most ? byStart[slot] : -1
  }

  /// Files a new one behind others with the same sector.
  @inline(__always)
  mutating func insert(_ request: OpenRequest) -> Int32 {
    if count >= byStart.count { grow() }
    let index: Int32
    if let reused = free.popLast() {
      index = reused
      pool[Int(index)] = request
    } else {
      index = Int32(pool.count)
      pool.append(request)
    }
    count += 1
    link(index)
    return index
  }

  /// Takes it out and gives its bios' places back.
  @inline(__always)
  mutating func remove(_ index: Int32) {
    unlink(index)
    unlinkEnd(index)
    var bio = pool[Int(index)].firstBio
    while bio >= 0 {
      freeBios.append(bio)
      bio = bios[Int(bio)].next
    }
    pool[Int(index)].firstBio = -1
    pool[Int(index)].isDoubtful = false
    free.append(index)
    count -= 1
  }

  /// Changes the sector it is filed under.
  mutating func rekey(_ index: Int32, to sector: Int64) {
    unlink(index)
    pool[Int(index)].key = sector
    link(index)
  }

  /// Makes it findable by its end, so that bios can be appended to it.
  @inline(__always)
  mutating func fileEnd(_ index: Int32) {
    unlinkEnd(index)
    let end = pool[Int(index)].row.sector + pool[Int(index)].row.sectors
    pool[Int(index)].endKey = end
    let slot = slot(end)
    pool[Int(index)].nextByEnd = byEnd[slot]
    byEnd[slot] = index
  }

  @inline(__always)
  mutating func unlinkEnd(_ index: Int32) {
    let end = pool[Int(index)].endKey
    guard end >= 0 else { return }
    pool[Int(index)].endKey = -1
    let slot = slot(end)
    if byEnd[slot] == index {
      byEnd[slot] = pool[Int(index)].nextByEnd
      return
    }
    var before = byEnd[slot]
    while before >= 0 {
      let following = pool[Int(before)].nextByEnd
      if following == index {
        pool[Int(before)].nextByEnd = pool[Int(index)].nextByEnd
        return
      }
      before = following
    }
  }

  /// The oldest one at this sector that goes the same way and that the test accepts; -1 for none.
  @inline(__always)
  func first(
    at sector: Int64, going way: RWBS, where accepts: (OpenRequest) -> Bool
  ) -> Int32 {
    var index = byStart[slot(sector)]
    while index >= 0 {
      if pool[Int(index)].key == sector, pool[Int(index)].row.rwbs.direction == way,
        accepts(pool[Int(index)])
      {
        return index
      }
      index = pool[Int(index)].next
    }
    return -1
  }

  /// All at this sector that go the same way and that the test accepts, the oldest one first.
  func all(at sector: Int64, going way: RWBS, where accepts: (OpenRequest) -> Bool) -> [Int32] {
    var found: [Int32] = []
    var index = byStart[slot(sector)]
    while index >= 0 {
      let request = pool[Int(index)]
      if request.key == sector, request.row.rwbs.direction == way, accepts(request) {
        found.append(index)
      }
      index = request.next
    }
    return found
  }

  /// The one at this sector that was issued last among those that go the same way and that the test
  /// accepts; -1 for none.
  func latestIssued(
    at sector: Int64, going way: RWBS, where accepts: (OpenRequest) -> Bool
  ) -> Int32 {
    var latest: Int32 = -1
    var index = byStart[slot(sector)]
    while index >= 0 {
      let request = pool[Int(index)]
      if request.key == sector, request.row.rwbs.direction == way, accepts(request),
        latest < 0 || request.row.issued.rawValue >= pool[Int(latest)].row.issued.rawValue
      {
        latest = index
      }
      index = request.next
    }
    return latest
  }

  /// The request, not yet issued, that ends at this sector; -1 for none.
  @inline(__always)
  func first(endingAt sector: Int64, where accepts: (OpenRequest) -> Bool) -> Int32 {
    var index = byEnd[slot(sector)]
    while index >= 0 {
      if pool[Int(index)].endKey == sector, accepts(pool[Int(index)]) { return index }
      index = pool[Int(index)].nextByEnd
    }
    return -1
  }

  /// The one that came first among those that are filed by this end, go the same way and that the test accepts; -1
  /// for none. Of a great many only the latest are looked at.
  func oldest(
    endingAt sector: Int64, going way: RWBS, where accepts: (OpenRequest) -> Bool
  ) -> Int32 {
    var oldest: Int32 = -1
    var index = byEnd[slot(sector)]
    var looked = 0
    while index >= 0, looked < Self.mostAtOneEnd {
      let request = pool[Int(index)]
      if request.endKey == sector, request.row.rwbs.direction == way, accepts(request),
        oldest < 0 || request.order < pool[Int(oldest)].order
      {
        oldest = index
      }
      index = request.nextByEnd
      looked += 1
    }
    return oldest
  }

  /// Requests with one end that are looked at for each event.
  private static let mostAtOneEnd = 1 << 10

  /// Adds a bio to a request.
  mutating func attach(_ bio: OpenBio, to index: Int32) {
    var bio = bio
    bio.next = pool[Int(index)].firstBio
    let place: Int32
    if let reused = freeBios.popLast() {
      place = reused
      bios[Int(place)] = bio
    } else {
      place = Int32(bios.count)
      bios.append(bio)
    }
    pool[Int(index)].firstBio = place
    pool[Int(index)].bioCount += 1
  }

  /// All that are open, in the order in which they came.
  func all() -> [Int32] {
    var found: [Int32] = []
    for slot in byStart {
      var index = slot
      while index >= 0 {
        found.append(index)
        index = pool[Int(index)].next
      }
    }
    return found.sorted { pool[Int($0)].order < pool[Int($1)].order }
  }

  @inline(__always)
  private mutating func link(_ index: Int32) {
    let slot = slot(pool[Int(index)].key)
    pool[Int(index)].next = -1
    if byStart[slot] < 0 {
      byStart[slot] = index
    } else {
      pool[Int(lastByStart[slot])].next = index
    }
    lastByStart[slot] = index
    lengthByStart[slot] += 1
  }

  @inline(__always)
  private mutating func unlink(_ index: Int32) {
    let slot = slot(pool[Int(index)].key)
    lengthByStart[slot] -= 1
    if byStart[slot] == index {
      byStart[slot] = pool[Int(index)].next
      return
    }
    var before = byStart[slot]
    while before >= 0 {
      let following = pool[Int(before)].next
      if following == index {
        pool[Int(before)].next = pool[Int(index)].next
        if lastByStart[slot] == index { lastByStart[slot] = before }
        return
      }
      before = following
    }
  }

  private mutating func grow() {
    let open = all()
    let ends = open.filter { pool[Int($0)].endKey >= 0 }
    let size = byStart.count * 2
    byStart = [Int32](repeating: -1, count: size)
    lastByStart = byStart
    lengthByStart = [Int32](repeating: 0, count: size)
    byEnd = [Int32](repeating: -1, count: size)
    shift -= 1
    for index in open { link(index) }
    for index in ends {
      pool[Int(index)].endKey = -1
      fileEnd(index)
    }
  }
}
