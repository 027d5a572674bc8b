import TraceModel

@testable import TraceCorrelation

/// A small guest on a host with a known clock, made with a generator of its own seed: same seed, same
/// requests.
struct Simulation {
  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var word = state
      word ^= word >> 33
      word = word &* 0xFF51_AFD7_ED55_8CCD
      word ^= word >> 33
      return word
    }
  }

  var random: Random
  /// Reference minus guest at guest time 0, ns.
  var offset: Int64 = 1_234_567_890
  /// How much faster the reference runs, ppm.
  var drift = 0.0
  /// Sectors from guest to host.
  var distance: Int64 = 2048
  private(set) var guest: [BlockRequest] = []
  private(set) var host: [BlockRequest] = []
  /// The host's thread that queues for it.
  var thread: Int32 = 0
  private var lastID: Int64

  init(seed: UInt64, idsFrom first: Int64 = 0) {
    random = Random(state: seed)
    lastID = first
  }

  func reference(_ own: Int64) -> Int64 {
    own + offset + Int64((drift * 1e-6 * Double(own)).rounded())
  }

  func own(_ reference: Int64) -> Int64 {
    Int64((Double(reference - offset) / (1 + drift * 1e-6)).rounded())
  }

  /// A request that the guest issues at a time of its own; nil as sector is a random one.
  mutating func add(
    at issued: Int64, sector: Int64? = nil, sectors: Int64 = 8, rwbs: RWBS = .read,
    device: Int64? = nil, hasHost: Bool = true, isAliased: Bool = false
  ) {
    let sector = sector ?? Int64.random(in: 0..<10_000_000, using: &random) * 8
    let there = Int64.random(in: 8_000...40_000, using: &random)
    let queue = Int64.random(in: 500...3_000, using: &random)
    let service = device ?? Int64.random(in: 40_000...200_000, using: &random)
    let back = Int64.random(in: 8_000...40_000, using: &random)
    let queued = reference(issued) + there
    let completed = queued + queue + service
    var request = make(sector, sectors, rwbs)
    request.queued = Stamp(issued - 1_500)
    request.issued = Stamp(issued)
    request.firstIssued = request.issued
    request.completed = Stamp(own(completed + back))
    if isAliased { request.traits.insert(.aliased) }
    guest.append(request)
    guard hasHost else { return }
    var piece = make(sector + distance, sectors, rwbs)
    piece.task = thread
    piece.queued = Stamp(queued)
    piece.issued = Stamp(queued + queue)
    piece.firstIssued = piece.issued
    piece.completed = Stamp(completed)
    if isAliased { piece.traits.insert(.aliased) }
    host.append(piece)
  }

  /// A flush that is this long at the device; the host's trace gives the end that is `swapped` to it instead, and
  /// the guest's one that is so much `early`.
  mutating func addFlush(
    at issued: Int64, device: Int64, swapped: Int64? = nil, early: Int64? = nil
  ) {
    let queued = reference(issued) + 10_000
    var request = make(-1, 0, [.flush])
    request.traits.insert(.flush)
    request.issued = Stamp(issued)
    request.firstIssued = request.issued
    request.completed = Stamp(own(queued + 1_000 + device + 10_000 - (early ?? 0)))
    if early != nil { request.traits.insert(.aliased) }
    guest.append(request)
    var piece = make(-1, 0, [.preflush, .write])
    piece.traits.insert(.flush)
    piece.task = thread
    piece.queued = Stamp(queued)
    piece.issued = Stamp(queued + 1_000)
    piece.completed = Stamp(queued + 1_000 + (swapped ?? device))
    if swapped != nil { piece.traits.insert(.aliased) }
    host.append(piece)
  }

  /// Somebody else's request on the host.
  mutating func addNeighbour(at queued: Int64, sector: Int64) {
    var piece = make(sector, 8, .read)
    piece.task = 99
    piece.queued = Stamp(queued)
    piece.issued = Stamp(queued + 1_000)
    piece.completed = Stamp(queued + 90_000)
    host.append(piece)
  }

  private mutating func make(_ sector: Int64, _ sectors: Int64, _ rwbs: RWBS) -> BlockRequest {
    lastID += 1
    var request = BlockRequest()
    request.id = lastID
    request.sector = sector
    request.sectors = sectors
    request.rwbs = rwbs
    return request
  }

  /// Requests of a workload over so many seconds.
  mutating func load(seconds: Double, perSecond: Int) {
    var time: Int64 = 1_000_000
    while Double(time) < seconds * 1e9 {
      add(at: time, rwbs: Bool.random(using: &random) ? .read : .write)
      time += Int64.random(in: 1...(2_000_000_000 / Int64(perSecond)), using: &random)
    }
  }

  var disk: GuestDisk {
    GuestDisk(machine: "g", stream: 1, source: 1, segment: 0, rows: guest, bios: [])
  }

  var device: HostDevice {
    HostDevice(
      stream: 2, source: 2, rows: host, bios: [], remapDeltas: [], losses: [],
      first: (host.map(\.queued.rawValue).min() ?? 0) - 1_000_000_000,
      last: (host.map(\.completed.rawValue).max() ?? 0) + 1_000_000_000)
  }

  func join() -> Join { Join(guests: [disk], hosts: [device]) }
}
