/// The host's pieces of a stretch of time, by granule of the device: with the guest's requests it moves on over them in
/// the order of time, so that it holds those alone that may be of open requests.
struct NearPieces {
  private struct Node {
    let granule: Int64
    let piece: Int32
    /// The number of the next one in its bucket; -1: it is the last.
    var next: Int
  }

  private let pieces: [HostPiece]
  /// The first piece that has not come yet.
  private var coming = 0
  /// Those that are held, in the order in which they came: a ring, in which each has a place by its number.
  private var nodes = [Node](repeating: Node(granule: 0, piece: 0, next: -1), count: 1 << 10)
  private var first = 0
  private var end = 0
  /// The numbers of the first and the last of each bucket; -1 where it has none.
  private var heads = [Int](repeating: -1, count: 1 << 10)
  private var tails = [Int](repeating: -1, count: 1 << 10)

  /// How many of a bucket are looked at for one granule; where more are held together an index is faster.
  private static let mostSteps = 256

  /// Of pieces in order of arrival.
  init(_ pieces: [HostPiece]) { self.pieces = pieces }

  private func bucket(of granule: Int64) -> Int {
    let hash = UInt64(bitPattern: granule) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: hash >> 32) & (heads.count - 1)
  }

  /// Holds those that were queued until a moment, too.
  mutating func move(to high: Int64) {
    while coming < pieces.count, pieces[coming].queued <= high {
      PieceIndex.forEachGranule(pieces[coming]) {
        add(Node(granule: $0, piece: Int32(truncatingIfNeeded: coming), next: -1))
      }
      coming += 1
    }
  }

  /// Lets go of those that were queued before a moment.
  mutating func forget(before low: Int64) {
    while first < end {
      let node = nodes[first & (nodes.count - 1)]
      guard pieces[Int(node.piece)].queued < low else { break }
      // They go in the order in which they came: it is the first of its bucket.
      let bucket = bucket(of: node.granule)
      heads[bucket] = node.next
      if node.next < 0 { tails[bucket] = -1 }
      first += 1
    }
  }

  private mutating func add(_ node: Node) {
    if end - first == nodes.count { grow() }
    nodes[end & (nodes.count - 1)] = node
    link(end)
    end += 1
  }

  private mutating func link(_ number: Int) {
    let bucket = bucket(of: nodes[number & (nodes.count - 1)].granule)
    if tails[bucket] < 0 {
      heads[bucket] = number
    } else {
      nodes[tails[bucket] & (nodes.count - 1)].next = number
    }
    tails[bucket] = number
  }

  private mutating func grow() {
    let held = (first..<end).map { nodes[$0 & (nodes.count - 1)] }
    let count = 2 * nodes.count
    nodes = [Node](repeating: Node(granule: 0, piece: 0, next: -1), count: count)
    heads = [Int](repeating: -1, count: count)
    tails = heads
    (first, end) = (0, 0)
    for node in held {
      nodes[end] = Node(granule: node.granule, piece: node.piece, next: -1)
      link(end)
      end += 1
    }
  }

  /// Calls for each piece that shares sectors with the range and was queued within the times, once, as
  /// ``PieceIndex/forEach(overlapping:queuedFrom:to:looks:_:)``; nil where that is faster.
  func forEach(
    overlapping range: Range<Int64>, queuedFrom low: Int64, to high: Int64, looks: inout Int,
    _ body: (Int32) -> Void
  ) -> Bool? {
    let granules = PieceIndex.granules(of: range)
    guard granules.upperBound - granules.lowerBound < PieceIndex.mostGranules else { return nil }
    var granule = granules.lowerBound
    while granule <= granules.upperBound {
      var number = heads[bucket(of: granule)]
      var steps = 0
      while number >= 0 {
        let node = nodes[number & (nodes.count - 1)]
        number = node.next
        steps += 1
        guard steps <= Self.mostSteps else { return nil }
        guard node.granule == granule else { continue }
        let piece = pieces[Int(node.piece)]
        guard piece.queued <= high else { break }
        guard piece.queued >= low else { continue }
        guard looks > 0 else { return false }
        looks -= 1
        if PieceIndex.isMet(piece, by: range, in: granule) { body(node.piece) }
      }
      granule += 1
    }
    return true
  }
}
