internal import TraceModel

/// A place where a guest's disk may lie on a host's device.
enum Placement {
  /// In one piece: sectors to add.
  case distance(Int64)
  /// In the pieces of a map; its number among those of the disk.
  case map(ExtentMap, number: Int)
  /// In pieces that are not known yet: distances that pairs of requests voted for, by guest sector.
  case scattered([Int64: [Int64]])

  /// Where a request may begin on the host.
  func forEachStart(_ request: GuestRequest, _ body: (Int64) -> Void) {
    switch self {
    case .distance(let distance): body(request.sector + distance)
    case .map(let map, _):
      if let start = map.translate(request.sector, request.sectors)?.first?.lowerBound {
        body(start)
      }
    case .scattered(let distances):
      for distance in distances[request.sector] ?? [] { body(request.sector + distance) }
    }
  }

  /// What tells two places apart.
  var key: Key {
    switch self {
    case .distance(let distance): Key(distance: distance, map: -1)
    case .map(_, let number): Key(distance: 0, map: number)
    case .scattered: Key(distance: 0, map: -2)
    }
  }

  struct Key: Hashable {
    let distance: Int64
    let map: Int
  }
}

/// Judges a place of a guest's disk by time: at the right one, one clock offset makes nearly every host
/// piece lie inside its guest request.
struct RegionSearch {
  /// What was found for one place.
  struct Region {
    let placement: Placement
    let votes: Int
    /// Share of the guest's requests, while both traces ran, that the best offset can place.
    let share: Double
    /// Requests that were placed.
    let placed: Int
    /// Share of the host's reads that begin where a read of the guest would lie which lie in such a read's
    /// time; 0 where most requests were placed anyway.
    let answered: Double
    /// How many those are.
    let answers: Int
    /// Matched requests that constrain the clock: unique on both sides.
    let pairs: [CausalPair]
  }

  private let guest: [GuestRequest]
  private let host: [HostPiece]
  /// Places in `host` by (sector, kind, arrival).
  private let byStart: [Int32]
  private let span: ClosedRange<Int64>

  /// Windows of the guest's trace in which the clock is taken as even.
  private static let window: Int64 = 2_000_000_000
  /// Beyond drift: the edges of a peak are those of single requests.
  private static let tolerance: Int64 = 200_000
  /// A block with more occurrences says nothing before the offset is known.
  private static let mostOccurrences = 64

  init(guest: [GuestRequest], host: [HostPiece], hostSpan: ClosedRange<Int64>) {
    self.guest = guest
    self.host = host
    span = hostSpan
    byStart = host.indices.map { Int32($0) }.sorted {
      let (a, b) = (host[Int($0)], host[Int($1)])
      return (a.sector, a.operation.rawValue, a.queued, $0)
        < (b.sector, b.operation.rawValue, b.queued, $1)
    }
  }

  /// A window of the guest's trace and the offset it agrees on.
  private struct Window {
    let requests: Range<Int>
    let centre: Int64
    let peak: OffsetVoting.Peak
  }

  /// Judges one place; nil when no window of the trace agrees with it.
  func region(_ placement: Placement, votes: Int) -> Region? {
    let windows = windows(placement)
    guard !windows.isEmpty else { return nil }
    var claims: [Int32: Int] = [:]
    var matches: [(guest: Int, piece: Int32)] = []
    var placed = 0
    var inside = 0
    for window in windows {
      let (low, high) = (window.peak.low, window.peak.high)
      let middle = low + (high - low) / 2
      for index in window.requests {
        let request = guest[index]
        guard request.issued + middle >= span.lowerBound,
          request.completed + middle <= span.upperBound
        else { continue }
        inside += 1
        let slack = Self.slack(request.issued, window.centre)
        var found: Int32?
        var count = 0
        forEachCandidate(
          request, placement, queuedFrom: request.issued + low - slack,
          completedTo: request.completed + high + slack
        ) { piece in
          count += 1
          found = piece
        }
        if count > 0 { placed += 1 }
        if count == 1, let found {
          claims[found, default: 0] += 1
          matches.append((index, found))
        }
      }
    }
    let pairs: [CausalPair] = matches.compactMap { index, piece in
      let (request, host) = (guest[index], host[Int(piece)])
      guard claims[piece] == 1, !request.isAliased, !request.isLossy, !host.isAliased,
        request.completed - request.issued >= host.completed - host.queued
      else { return nil }
      return CausalPair(
        cause: request.issued, effect: host.queued, answer: host.completed,
        end: request.completed)
    }
    let share = inside == 0 ? 0 : Double(placed) / Double(inside)
    let (answers, asked) =
      share < Join.leastShare ? answers(placement, windows) : (answers: 0, asked: 0)
    return Region(
      placement: placement, votes: votes, share: share, placed: placed,
      answered: asked == 0 ? 0 : Double(answers) / Double(asked), answers: answers, pairs: pairs)
  }

  /// Seen from the host: its reads where a read of the guest begins, and those of them that lie in the time
  /// of one. A host's page cache serves many of a guest's reads and takes its writes, but what it reads
  /// itself, it mostly reads because the guest asked.
  private func answers(
    _ placement: Placement, _ windows: [Window]
  ) -> (answers: Int, asked: Int) {
    var asked = Set<Int32>()
    var answers = Set<Int32>()
    for window in windows {
      let (low, high) = (window.peak.low, window.peak.high)
      let reads = window.requests.filter { guest[$0].operation == .read }
      guard let first = reads.first, let last = reads.last else { continue }
      let from = guest[first].issued + low
      let span = from...max(from, guest[last].completed + high)
      for index in reads {
        let request = guest[index]
        let slack = Self.slack(request.issued, window.centre)
        forEachCandidate(request, placement) { piece in
          if span.contains(host[Int(piece)].queued) { asked.insert(piece) }
        }
        forEachCandidate(
          request, placement, queuedFrom: request.issued + low - slack,
          completedTo: request.completed + high + slack
        ) { answers.insert($0) }
      }
    }
    return (answers.count, asked.union(answers).count)
  }

  /// The windows of the trace, each with its offset. The one with most agreement says roughly where the
  /// clock is; the others look near it first, and elsewhere only when that is clearly better: a step.
  private func windows(_ placement: Placement) -> [Window] {
    var windows: [(requests: Range<Int>, centre: Int64, votes: [OffsetVoting.Interval])] = []
    var peaks: [OffsetVoting.Peak?] = []
    var start = 0
    while start < guest.count {
      let from = guest[start].issued
      var end = start
      while end < guest.count, guest[end].issued < from + Self.window { end += 1 }
      let centre = from + Self.window / 2
      let votes = votes(start..<end, placement, centre: centre)
      windows.append((start..<end, centre, votes))
      peaks.append(OffsetVoting.peak(votes))
      start = end
    }
    let most = peaks.indices.max { peaks[$0]?.voters ?? 0 < peaks[$1]?.voters ?? 0 }
    guard let most, let best = peaks[most], best.voters >= 3 else { return [] }
    var agreed: [Window] = []
    for (index, window) in windows.enumerated() {
      let tolerance = Self.slack(window.centre, windows[most].centre) + Self.tolerance
      let near = OffsetVoting.peak(
        window.votes.compactMap { vote in
          var vote = vote
          vote.low = max(vote.low, best.low - tolerance)
          vote.high = min(vote.high, best.high + tolerance)
          return vote.low <= vote.high ? vote : nil
        })
      guard let anywhere = peaks[index] else { continue }
      if let near, near.voters * 2 >= anywhere.voters {
        agreed.append(Window(requests: window.requests, centre: window.centre, peak: near))
      } else if anywhere.voters >= 3 {
        agreed.append(Window(requests: window.requests, centre: window.centre, peak: anywhere))
      }
    }
    return agreed
  }

  /// How much the clock may have moved between two moments, ns.
  private static func slack(_ moment: Int64, _ centre: Int64) -> Int64 {
    Int64((FeasiblePolygon.largestSlope * Double(abs(moment - centre))).rounded(.up))
  }

  private func votes(
    _ window: Range<Int>, _ placement: Placement, centre: Int64
  ) -> [OffsetVoting.Interval] {
    var intervals: [OffsetVoting.Interval] = []
    for index in window {
      let request = guest[index]
      let slack = Self.slack(request.issued, centre)
      forEachCandidate(request, placement) { piece in
        let low = host[Int(piece)].completed - request.completed
        let high = host[Int(piece)].queued - request.issued
        if low <= high {
          intervals.append(
            OffsetVoting.Interval(low: low - slack, high: high + slack, voter: Int32(index)))
        }
      }
    }
    return intervals
  }

  /// The pieces that begin where the request would lie, with the same direction; none for a block that
  /// is hit too often.
  private func forEachCandidate(
    _ request: GuestRequest, _ placement: Placement, _ body: (Int32) -> Void
  ) {
    placement.forEachStart(request) { sector in
      var index = lowerBound(sector, request.operation, .min)
      guard !matches(index + Self.mostOccurrences, sector, request.operation) else { return }
      while matches(index, sector, request.operation) {
        body(byStart[index])
        index += 1
      }
    }
  }

  /// The same within known times, however often the block is hit.
  private func forEachCandidate(
    _ request: GuestRequest, _ placement: Placement, queuedFrom: Int64, completedTo: Int64,
    _ body: (Int32) -> Void
  ) {
    placement.forEachStart(request) { sector in
      var index = lowerBound(sector, request.operation, queuedFrom)
      while matches(index, sector, request.operation) {
        let piece = host[Int(byStart[index])]
        if piece.queued > completedTo { break }
        if piece.completed <= completedTo { body(byStart[index]) }
        index += 1
      }
    }
  }

  private func matches(_ place: Int, _ sector: Int64, _ operation: BlockOperation) -> Bool {
    guard place < byStart.count else { return false }
    let piece = host[Int(byStart[place])]
    return piece.sector == sector && piece.operation == operation
  }

  private func lowerBound(_ sector: Int64, _ operation: BlockOperation, _ queued: Int64) -> Int {
    var low = 0
    var high = byStart.count
    while low < high {
      let middle = (low + high) / 2
      let piece = host[Int(byStart[middle])]
      if (piece.sector, piece.operation.rawValue, piece.queued)
        < (sector, operation.rawValue, queued)
      {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
