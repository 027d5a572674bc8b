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
    /// Requests that were placed, and of how many.
    let placed: Int
    let requests: Int
    /// Share of the host's reads that begin where a read of the guest would lie which lie in such a read's
    /// time; 0 where most requests were placed anyway.
    let answered: Double
    /// How many those are.
    let answers: Int
    /// Matched requests that constrain the clock: unique on both sides.
    private(set) var pairs: [CausalPair]
    /// The windows of the trace, with their offsets.
    private(set) var windows: [Window]

    /// They have said what they can.
    mutating func forgetPairs() { (pairs, windows) = ([], []) }
  }

  private let guest: [GuestRequest]
  private let host: [HostPiece]
  private let starts: StartIndex
  private let span: ClosedRange<Int64>

  /// Windows of the guest's trace in which the clock is taken as even.
  static let window: Int64 = 2_000_000_000
  /// The same for a clock that steps several times in each of those.
  static let shortWindow: Int64 = 125_000_000
  /// Beyond drift: the edges of a peak are those of single requests.
  private static let tolerance: Int64 = 200_000
  /// A block with more occurrences says nothing before the offset is known.
  private static let mostOccurrences = 64
  /// Pieces of one block that are looked at in the time of one request.
  private static let mostInTime = 4096
  /// The smallest window in which requests are looked for that no offset of a whole one can place, ns.
  private static let smallestWindow: Int64 = 60_000_000
  /// How many of them must agree on an offset: fewer do where the address of each occurs once on either side.
  private static let fewest = 5
  static let fewestUnique = 2
  /// And which part of those in a window.
  private static let agreement = 0.8

  /// Of some requests, on a device; `starts` finds its pieces that begin where a request may lie.
  init(guest: [GuestRequest], host: HostSide, starts: StartIndex? = nil) {
    self.guest = guest
    self.host = host.pieces
    span = host.span
    self.starts = starts ?? host.starts
  }

  /// A window of the guest's trace and the offset it agrees on.
  struct Window {
    let requests: Range<Int>
    let centre: Int64
    let peak: OffsetVoting.Peak
  }

  /// Judges one place; nil when no window of the trace agrees with it.
  func region(_ placement: Placement, votes: Int, window: Int64 = window) -> Region? {
    let windows = windows(placement, window)
    guard !windows.isEmpty else { return nil }
    var claims = [UInt8](repeating: 0, count: host.count)
    var matches: [(guest: Int32, piece: Int32)] = []
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
          return count < 2
        }
        if count > 0 { placed += 1 }
        if count == 1, let found {
          claims[Int(found)] = min(2, claims[Int(found)] + 1)
          matches.append((Int32(truncatingIfNeeded: index), found))
        }
      }
    }
    let pairs: [CausalPair] = matches.compactMap { index, piece in
      let (request, host) = (guest[Int(index)], host[Int(piece)])
      guard claims[Int(piece)] == 1, !request.isAliased, !request.isLossy, !host.isAliased,
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
      placement: placement, votes: votes, share: share, placed: placed, requests: guest.count,
      answered: asked == 0 ? 0 : Double(answers) / Double(asked), answers: answers, pairs: pairs,
      windows: windows)
  }

  /// A request that its window's offset does not place, and the pieces that others may.
  private struct Straggler {
    let place: Int
    let pieces: [Int32]
    /// Whether its address occurs once on either side.
    var isUnique = false
  }

  /// A request and its piece, as another offset than its window's places it.
  struct Straggling {
    let place: Int
    let piece: Int32
    let isUnique: Bool
  }

  /// Requests that the offsets of a region's windows do not place, but one of their own does: those beyond a step
  /// of the clock, in the rest of its window or in one with few requests.
  func stragglers(_ region: Region) -> [Straggling] {
    var left = left(by: region)
    guard left.count >= Self.fewestUnique else { return [] }
    var found: [Straggling] = []
    var window = Self.window
    while left.count >= Self.fewestUnique, window >= Self.smallestWindow {
      left = agreed(left, window, &found)
      window /= 2
    }
    return found.sorted { $0.place < $1.place }
  }

  private func left(by region: Region) -> [Straggler] {
    var known = region.pairs[...]
    var windows = region.windows[...]
    var left: [Straggler] = []
    for (place, request) in guest.enumerated() {
      while let pair = known.first, pair.cause < request.issued { known.removeFirst() }
      if let pair = known.first, pair.cause == request.issued, pair.end == request.completed {
        continue
      }
      guard !request.isAliased, !request.isLossy else { continue }
      while let window = windows.first, window.requests.upperBound <= place {
        windows.removeFirst()
      }
      if let window = windows.first, window.requests.contains(place) {
        let slack = Self.slack(request.issued, window.centre)
        var isPlaced = false
        forEachCandidate(
          request, region.placement, queuedFrom: request.issued + window.peak.low - slack,
          completedTo: request.completed + window.peak.high + slack
        ) { _ in
          isPlaced = true
          return false
        }
        if isPlaced { continue }
      }
      var pieces: [Int32] = []
      forEachCandidate(request, region.placement) { piece in
        let candidate = host[Int(piece)]
        if !candidate.isAliased, candidate.sectors == request.sectors,
          candidate.completed - candidate.queued <= request.completed - request.issued
        {
          pieces.append(piece)
        }
      }
      if !pieces.isEmpty { left.append(Straggler(place: place, pieces: pieces)) }
    }
    var occurrences: [Int64: Int] = [:]
    for straggler in left { occurrences[guest[straggler.place].sector] = 0 }
    guard !occurrences.isEmpty else { return [] }
    for request in guest where occurrences[request.sector] != nil {
      occurrences[request.sector, default: 0] += 1
    }
    for index in left.indices where left[index].pieces.count == 1 {
      let request = guest[left[index].place]
      left[index].isUnique =
        occurrences[request.sector] == 1 && onlyPiece(of: request, region.placement) != nil
    }
    return left
  }

  /// Adds those of which nearly all in a window agree on an offset; the rest are left.
  private func agreed(
    _ left: [Straggler], _ window: Int64, _ found: inout [Straggling]
  ) -> [Straggler] {
    var rest: [Straggler] = []
    var start = 0
    while start < left.count {
      let from = guest[left[start].place].issued
      var end = start
      while end < left.count, guest[left[end].place].issued < from + window { end += 1 }
      let centre = from + window / 2
      let own = left[start..<end]
      start = end
      func interval(_ straggler: Straggler, _ piece: Int32) -> OffsetVoting.Interval {
        let (request, piece) = (guest[straggler.place], host[Int(piece)])
        let slack = Self.slack(request.issued, centre)
        return OffsetVoting.Interval(
          low: piece.completed - request.completed - slack,
          high: piece.queued - request.issued + slack, voter: Int32(straggler.place))
      }
      let votes = own.flatMap { one in one.pieces.map { interval(one, $0) } }
      let fewest = own.allSatisfy(\.isUnique) ? Self.fewestUnique : Self.fewest
      guard let peak = OffsetVoting.peak(votes), peak.voters >= fewest,
        Double(peak.voters) >= Self.agreement * Double(own.count)
      else {
        rest += own
        continue
      }
      for straggler in own {
        let fitting = straggler.pieces.filter {
          let vote = interval(straggler, $0)
          return vote.low <= peak.high && vote.high >= peak.low
        }
        if fitting.count == 1, let piece = fitting.first {
          found.append(
            Straggling(place: straggler.place, piece: piece, isUnique: straggler.isUnique))
        }
      }
    }
    return rest
  }

  /// The only piece that begins where the request would lie, with the same direction; nil where there is none,
  /// or several.
  private func onlyPiece(of request: GuestRequest, _ placement: Placement) -> Int32? {
    var found: Int32?
    var count = 0
    placement.forEachStart(request) { sector in
      starts.forEach(sector, request.operation) { piece in
        count += 1
        found = piece
        return count < 2
      }
    }
    guard count == 1, let found, host[Int(found)].sectors == request.sectors,
      !host[Int(found)].isAliased
    else { return nil }
    return found
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
        ) {
          answers.insert($0)
          return true
        }
      }
    }
    return (answers.count, asked.union(answers).count)
  }

  /// The windows of the trace, each with its offset. The one with most agreement says roughly where the
  /// clock is; the others look near it first, and elsewhere only when that is clearly better: a step.
  private func windows(_ placement: Placement, _ length: Int64) -> [Window] {
    var windows: [(requests: Range<Int>, centre: Int64, votes: [OffsetVoting.Interval])] = []
    var peaks: [OffsetVoting.Peak?] = []
    var start = 0
    while start < guest.count {
      let from = guest[start].issued
      var end = start
      while end < guest.count, guest[end].issued < from + length { end += 1 }
      let centre = from + length / 2
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
      guard !starts.hasMore(than: Self.mostOccurrences, sector, request.operation) else { return }
      starts.forEach(sector, request.operation) { piece in
        body(piece)
        return true
      }
    }
  }

  /// The same within known times, however often the block is hit, as long as the body wants more.
  private func forEachCandidate(
    _ request: GuestRequest, _ placement: Placement, queuedFrom: Int64, completedTo: Int64,
    _ body: (Int32) -> Bool
  ) {
    placement.forEachStart(request) { sector in
      var looks = 0
      starts.forEach(sector, request.operation, queuedFrom: queuedFrom) { index in
        let piece = host[Int(index)]
        guard looks < Self.mostInTime, piece.queued <= completedTo else { return false }
        looks += 1
        return piece.completed > completedTo || body(index)
      }
    }
  }
}

extension RegionSearch {
  /// Where some requests may begin at some places.
  static func starts(of requests: [GuestRequest], at places: [Placement]) -> StartSet {
    var starts = StartSet()
    for place in places {
      for request in requests {
        place.forEachStart(request) { starts.insert($0, request.operation) }
      }
    }
    return starts
  }

  /// Of many requests some runs, spread over the whole trace, which show a place as well as all of them; of fewer all.
  static func sample(of requests: [GuestRequest]) -> [GuestRequest] {
    guard requests.count > 2 * sampleRuns * sampleRun else { return requests }
    var sample: [GuestRequest] = []
    sample.reserveCapacity(sampleRuns * sampleRun)
    for run in 0..<sampleRuns {
      let first = run * (requests.count - sampleRun) / (sampleRuns - 1)
      sample += requests[first..<first + sampleRun]
    }
    return sample
  }

  /// How many runs, and how many requests each has: an offset shows in some hundred.
  private static let (sampleRuns, sampleRun) = (16, 1024)
}
