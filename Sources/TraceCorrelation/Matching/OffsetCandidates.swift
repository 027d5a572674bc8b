internal import TraceModel

/// Where a guest's disk may begin on a host's device, told from the addresses alone, without any time.
///
/// A constant distance leaves the differences between successive addresses unchanged. Each pair of near
/// requests in the guest, with its difference, lengths and directions, is looked up among the pairs of
/// near bios of one thread on the host; equal ones vote for a distance. Random access votes for the right
/// one only, streams for many, so differences of one length and of none do not vote.
enum OffsetCandidates {
  /// A distance in sectors from guest to host, and the pairs that voted for it.
  struct Candidate {
    let distance: Int64
    let votes: Int
  }

  private struct Shape: Hashable {
    let difference: Int64
    let lengths: Int64
    let kinds: Int
  }

  /// Successors of each request that are paired with it.
  private static let reach = 4
  /// A shape that occurs more often than this says nothing.
  private static let mostEqual = 8
  /// Pairs taken from the guest; enough to be sure, few enough to be quick.
  private static let mostPairs = 200_000

  /// The distances with votes, most voted first; those that remap lines name come too, with no vote of
  /// their own where they got none.
  static func find(
    guest: [GuestRequest], host: [HostPiece], remapDeltas: [Int64]
  ) -> [Candidate] {
    var votes: [Int64: Int] = [:]
    forEachVote(guest: guest, host: host) { _, distance in votes[distance, default: 0] += 1 }
    for delta in remapDeltas { votes[delta, default: 0] += 0 }
    votes[0, default: 0] += 0
    return votes.map { Candidate(distance: $0.key, votes: $0.value) }
      .sorted { ($0.votes, -$0.distance) > ($1.votes, -$1.distance) }
  }

  /// The distances that were voted for at each guest sector, most voted first, at most so many.
  static func bySector(
    guest: [GuestRequest], host: [HostPiece], atMost most: Int
  ) -> [Int64: [Int64]] {
    var votes: [Int64: [Int64: Int]] = [:]
    forEachVote(guest: guest, host: host) { sector, distance in
      votes[sector, default: [:]][distance, default: 0] += 1
    }
    return votes.mapValues { distances in
      distances.sorted { ($0.value, -$0.key) > ($1.value, -$1.key) }.prefix(most).map(\.key)
    }
  }

  /// Whether the addresses of these requests can show a place at all: of a stream, or of a few blocks that come again and
  /// again, hardly any pair differs from the others.
  static func hasPattern(_ requests: [GuestRequest]) -> Bool {
    var counts: [Shape: Int] = [:]
    var pairs = 0
    for first in requests.indices.prefix(mostPairs / reach) {
      for second in (first + 1)..<min(first + 1 + reach, requests.count)
      where second < requests.count {
        pairs += 1
        if let shape = shape(requests[first], requests[second]) { counts[shape, default: 0] += 1 }
      }
    }
    let telling = counts.values.filter { $0 <= mostEqual }.reduce(0, +)
    return telling * patternShare >= pairs
  }

  /// One of so many pairs of requests must be unlike the others.
  private static let patternShare = 20

  /// Calls for each vote: the sectors of both requests of a pair, and the distance.
  private static func forEachVote(
    guest: [GuestRequest], host: [HostPiece], _ body: (Int64, Int64) -> Void
  ) {
    var shapes: [Shape: [(Int64, Int64)]] = [:]
    var pairs = 0
    for first in guest.indices {
      for second in (first + 1)..<min(first + 1 + reach, guest.count) where second < guest.count {
        guard let shape = shape(guest[first], guest[second]) else { continue }
        shapes[shape, default: []].append((guest[first].sector, guest[second].sector))
        pairs += 1
      }
      if pairs > mostPairs { break }
    }
    // Hardly any pair of the host has the difference of one of the guest's.
    var differences = Differences()
    for shape in shapes.keys { differences.insert(shape.difference) }
    var byTask: [Int32: [Int32]] = [:]
    for index in host.indices { byTask[host[index].task, default: []].append(Int32(index)) }
    for task in byTask.keys.sorted() {
      let pieces = byTask[task] ?? []
      for first in pieces.indices {
        for second in (first + 1)..<min(first + 1 + reach, pieces.count)
        where second < pieces.count {
          let (a, b) = (host[Int(pieces[first])], host[Int(pieces[second])])
          guard differences.mayContain(b.sector - a.sector), let shape = shape(a, b),
            let sectors = shapes[shape], sectors.count <= mostEqual
          else { continue }
          for (one, other) in sectors {
            body(one, a.sector - one)
            body(other, a.sector - one)
          }
        }
      }
    }
  }

  /// A set of numbers that may take another for one of them.
  private struct Differences {
    private var bits = [UInt64](repeating: 0, count: 1 << 16)

    private static func bit(_ number: Int64) -> (word: Int, mask: UInt64) {
      let hash = (UInt64(bitPattern: number) &* 0x9e37_79b9_7f4a_7c15) >> 42
      return (Int(truncatingIfNeeded: hash >> 6), 1 << (hash & 63))
    }

    mutating func insert(_ number: Int64) {
      let (word, mask) = Self.bit(number)
      bits[word] |= mask
    }

    func mayContain(_ number: Int64) -> Bool {
      let (word, mask) = Self.bit(number)
      return bits[word] & mask != 0
    }
  }

  private static func shape(_ a: GuestRequest, _ b: GuestRequest) -> Shape? {
    shape(a.sector, a.sectors, a.operation, b.sector, b.sectors, b.operation)
  }

  private static func shape(_ a: HostPiece, _ b: HostPiece) -> Shape? {
    shape(a.sector, a.sectors, a.operation, b.sector, b.sectors, b.operation)
  }

  private static func shape(
    _ sectorA: Int64, _ lengthA: Int64, _ kindA: BlockOperation, _ sectorB: Int64,
    _ lengthB: Int64, _ kindB: BlockOperation
  ) -> Shape? {
    let difference = sectorB - sectorA
    // Hot blocks repeat at 0, streams at one length, for every distance alike.
    guard difference != 0, difference != lengthA, difference != -lengthB else { return nil }
    return Shape(
      difference: difference, lengths: lengthA << 32 | lengthB,
      kinds: kindA.rawValue << 4 | kindB.rawValue)
  }
}
