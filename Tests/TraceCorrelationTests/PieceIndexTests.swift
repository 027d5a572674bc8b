import Testing
import TraceModel

@testable import TraceCorrelation

/// The ways to find a host's pieces, each against looking at all of them.
struct PieceIndexTests {
  private struct Chance {
    var state: UInt64

    mutating func below(_ most: Int64) -> Int64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64(state >> 33) % most
    }
  }

  /// Many of few blocks, some long, some of a gigabyte when asked for.
  private static func pieces(_ seed: UInt64, withLong: Bool) -> [HostPiece] {
    var chance = Chance(state: seed)
    let rows = (0..<3_000).map { number in
      var row = BlockRequest()
      row.id = Int64(number)
      row.rwbs = chance.below(2) == 0 ? .read : .write
      row.sector = chance.below(4) == 0 ? 8 * chance.below(20) : 8 * chance.below(40_000)
      row.sectors = 8 * (1 + chance.below(40))
      if withLong, chance.below(200) == 0 { row.sectors = 1 << 21 }
      let queued = 100 * chance.below(20_000)
      row.queued = Stamp(queued)
      row.issued = Stamp(queued + 10)
      row.completed = Stamp(queued + 20 + chance.below(4_000))
      return row
    }
    return HostDevice(
      stream: 1, source: 1, rows: rows, bios: [], remapDeltas: [], losses: [], first: 0,
      last: 3_000_000
    ).pieces
  }

  @Test(
    "the index, and the pieces that are near in time, have each piece of an address and a time once",
    arguments: [(UInt64(3), false), (4, true)])
  func addresses(seed: UInt64, withLong: Bool) {
    let pieces = Self.pieces(seed, withLong: withLong)
    let index = PieceIndex(pieces)
    #expect(index.hasLong == withLong)
    var near = NearPieces(pieces)
    var chance = Chance(state: seed + 100)
    var low: Int64 = 0
    while low < 2_000_000 {
      low += chance.below(8_000)
      let high = low + chance.below(60_000)
      let sector = 8 * (chance.below(3) == 0 ? chance.below(20) : chance.below(40_000))
      let range = sector..<sector + 8 * (1 + chance.below(64))
      let expected = pieces.indices.filter { place in
        let piece = pieces[place]
        return piece.sector < range.upperBound && piece.end > range.lowerBound
          && (low...high).contains(piece.queued)
      }
      var found: [Int] = []
      var looks = 100_000
      let isWhole = index.forEach(
        overlapping: range, queuedFrom: low, to: high, looks: &looks
      ) { found.append(Int($0)) }
      #expect(isWhole && found.sorted() == expected)
      guard !withLong else { continue }
      near.move(to: high)
      near.forget(before: low)
      var alike: [Int] = []
      var rest = 100_000
      let isNear = near.forEach(
        overlapping: range, queuedFrom: low, to: high, looks: &rest
      ) { alike.append(Int($0)) }
      #expect(isNear == true && alike == found && rest == looks)
    }
  }

  @Test("pieces that begin at an address are found in order of arrival, from a moment on")
  func starts() {
    let pieces = Self.pieces(9, withLong: false)
    let starts = StartIndex(pieces)
    for sector in stride(from: Int64(0), to: 2_000, by: 8) {
      for operation in [BlockOperation.read, .write, .discard] {
        for low in [Int64.min, 1_000_000] {
          let expected = pieces.indices.filter {
            pieces[$0].sector == sector && pieces[$0].operation == operation
              && pieces[$0].queued >= low
          }
          var found: [Int] = []
          starts.forEach(sector, operation, queuedFrom: low) {
            found.append(Int($0))
            return true
          }
          #expect(found == expected)
          if low == .min {
            let count = expected.count
            #expect(count == 0 || starts.hasMore(than: count - 1, sector, operation))
            #expect(!starts.hasMore(than: count, sector, operation))
          }
        }
      }
    }
  }
}

/// Packed requests are those that went in.
struct BlockRequestsTests {
  @Test("each request comes out as it went in, the damaged, the long and those with detours, too")
  func roundTrip() {
    var requests: [BlockRequest] = []
    let stamps: [Stamp] = [
      .unseen, Stamp(0), Stamp(-5), Stamp(3_000_000_000), Stamp(1 << 61), Stamp(-(1 << 61)),
    ]
    for queued in stamps {
      for issued in stamps {
        for completed in stamps {
          var request = BlockRequest()
          request.id = requests.count % 17 == 16 ? .max : Int64(requests.count) * 7 - 3
          (request.queued, request.issued, request.completed) = (queued, issued, completed)
          request.firstIssued = requests.count % 5 == 0 ? Stamp(1) : issued
          if requests.count % 11 == 0 { request.flushCompleted = Stamp(9) }
          request.sector = requests.count % 2 == 0 ? -1 : 1 << 54
          request.sectors = requests.count % 3 == 0 ? 1 << 40 : 8
          request.issuedCPU = [-1, 0, 65_535][requests.count % 3]
          request.completedCPU = [65_534, -1][requests.count % 2]
          request.task = Int32(requests.count % 4)
          request.rwbs = requests.count % 2 == 0 ? .write : [.read, .meta]
          request.traits = requests.count % 7 == 0 ? .aliased : []
          request.error = requests.count % 13 == 0 ? -5 : 0
          requests.append(request)
        }
      }
    }
    let packed = BlockRequests(requests)
    #expect(packed.map { "\($0)" } == requests.map { "\($0)" })
    let own = packed.filter { $0.task == 2 }
    #expect(own.map { "\($0)" } == requests.filter { $0.task == 2 }.map { "\($0)" })
    #expect(packed.indices.allSatisfy { packed.id(at: $0) == requests[$0].id })
  }

  @Test("more kinds than a short number holds are no loss")
  func kinds() {
    let requests = (0..<70_000).map { number in
      var request = BlockRequest()
      (request.id, request.task) = (Int64(number), Int32(number))
      return request
    }
    #expect(
      zip(BlockRequests(requests), requests).allSatisfy { $0.task == $1.task && $0.id == $1.id })
  }
}
