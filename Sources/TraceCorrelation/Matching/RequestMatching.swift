internal import TraceModel

/// Assigns host pieces to guest requests, one to one in time and address.
///
/// A piece can be a request's when it has the same direction, shares its translated sectors, and lies
/// inside its time at the driver, within the clock's bound. Requests that only one assignment fits are
/// settled first; the rest, where the same blocks are in flight more than once, go by order of arrival.
struct RequestMatching {
  /// A guest request's host side.
  struct Match {
    let grade: MatchGrade
    /// Places in the host's pieces, by address; none where there were too many to tell.
    let pieces: PieceList
  }

  /// Requests of one block issued within this of each other are interchangeable, ns.
  static let interchangeable: Int64 = 2_000

  /// No clock bound is wider: requests further apart never compete, ns.
  private static let horizon: Int64 = 100_000_000
  /// A request of which the blocks are hit more often than this within its bound: which is whose cannot be told.
  private static let mostDepth: Int64 = 64
  /// How many pieces may be looked at for one request, and for all of them on average.
  private static let (mostLooks, meanLooks) = (1 << 16, 256)
  /// How many steps to either side another request of the same blocks makes a match near the step uncertain.
  private static let doubtReach: Int64 = 8
  /// No larger step is looked beyond, ns: two years.
  private static let mostDoubt: Int64 = 1 << 56
  /// So many pairs show a stretch of a clock that steps; fewer may fit by chance.
  private static let crowd = 32
  /// So many requests before a request and behind it are looked at: half of either must have a match, or time does not
  /// make it certain. A side with fewer than the second number, at an end of the trace, does not count.
  private static let (neighbours, fewestNeighbours) = (8, 4)
  /// How many pieces are looked at for others of the same blocks.
  private static let mostOthers = 4096
  /// Requests after which pieces that no later one can have are let go.
  private static let stretch = 256
  /// How many requests may begin while one is at the driver.
  private static let mostTogether = 1 << 13

  private let guest: [GuestRequest]
  private let host: [HostPiece]
  private let index: PieceIndex
  private let map: ExtentMap
  /// When the host's trace runs, ns on its clock.
  private let hostTime: ClosedRange<Int64>

  init(guest: [GuestRequest], host: HostSide, map: ExtentMap) {
    self.guest = guest
    self.host = host.pieces
    index = host.index
    self.map = map
    hostTime = host.rows.first...max(host.rows.first, host.rows.last)
  }

  /// What one pass found.
  struct Outcome {
    /// Per guest request, nil where nothing fits.
    var matches: MatchList
    /// Guest requests whose sectors are not in the map.
    var unmapped: [Bool]
  }

  /// What a request can have.
  private struct Candidates {
    let ranges: [Range<Int64>]
    let pieces: [Int32]
  }

  /// Which pieces each request can have, and which requests can have each piece, in order.
  private struct Wishes {
    private var starts: [Int] = [0]
    private var pieces: [Int32] = []
    private var wantedStarts: [Int] = []
    private var wanting: [Int32] = []

    init(requests: Int) {
      starts.reserveCapacity(requests + 1)
      pieces.reserveCapacity(requests + requests / 8)
    }

    /// Adds a piece for the next request.
    mutating func add(_ piece: Int32) { pieces.append(piece) }

    /// The next request has all of its pieces.
    mutating func endRequest() { starts.append(pieces.count) }

    /// It begins anew.
    mutating func clearRequest() { pieces.removeLast(pieces.count - (starts.last ?? 0)) }

    /// It has too many.
    mutating func dropRequest() {
      clearRequest()
      endRequest()
    }

    /// All requests have theirs.
    mutating func endRequests(ofPieces count: Int) {
      wantedStarts = [Int](repeating: 0, count: count + 1)
      for piece in pieces { wantedStarts[Int(piece)] += 1 }
      var sum = 0
      for piece in wantedStarts.indices {
        (wantedStarts[piece], sum) = (sum, sum + wantedStarts[piece])
      }
      wanting = [Int32](repeating: 0, count: pieces.count)
      for place in 0..<(starts.count - 1) {
        for entry in starts[place]..<starts[place + 1] {
          let piece = Int(pieces[entry])
          wanting[wantedStarts[piece]] = Int32(truncatingIfNeeded: place)
          wantedStarts[piece] += 1
        }
      }
      // Each start has moved on to that of the next piece.
      for piece in stride(from: count, to: 0, by: -1) {
        wantedStarts[piece] = wantedStarts[piece - 1]
      }
      if !wantedStarts.isEmpty { wantedStarts[0] = 0 }
    }

    func count(of place: Int) -> Int { starts[place + 1] - starts[place] }

    /// The pieces that a request can have.
    func pieces(of place: Int32) -> ArraySlice<Int32> {
      pieces[starts[Int(place)]..<starts[Int(place) + 1]]
    }

    /// The requests that can have a piece, in order of issue.
    func wanting(_ piece: Int32) -> ArraySlice<Int32> {
      wanting[wantedStarts[Int(piece)]..<wantedStarts[Int(piece) + 1]]
    }

    /// The only piece that a request can have, which no other can; nil where there are others of either.
    func only(of place: Int) -> Int32? {
      guard count(of: place) == 1 else { return nil }
      let piece = pieces[starts[place]]
      return wantedStarts[Int(piece) + 1] - wantedStarts[Int(piece)] == 1 ? piece : nil
    }
  }

  /// One pass with these clocks; `widening` is added to the bound on both sides, ns. `mayStep`:
  /// the clock of this trace steps, be it in another stretch.
  func match(_ clock: GuestClock, widening: Int64 = 0, mayStep: Bool = false) -> Outcome {
    var outcome = Outcome(
      matches: MatchList(count: guest.count),
      unmapped: [Bool](repeating: false, count: guest.count))
    let wishes = wishes(clock, widening, &outcome)
    settle(wishes, &outcome)
    gradeAliases(&outcome)
    gradeCutBios(&outcome)
    gradeSteps(clock, isStepping: mayStep || clock.stretches.count > 1, wishes, &outcome)
    return outcome
  }

  /// Whether so many requests found nothing though they lie in the map and, as the clock has it, in the host's trace, and
  /// none of their events was lost.
  func leavesOpen(
    _ outcome: Outcome, _ clock: GuestClock, _ widening: Int64, _ many: Int
  ) -> Bool {
    var count = 0
    for place in guest.indices where outcome.matches[place] == nil && !outcome.unmapped[place] {
      let request = guest[place]
      guard !request.isAliased, !request.isLossy,
        clock.bounds(at: request.issued).lowerBound - widening >= hostTime.lowerBound,
        clock.bounds(at: request.completed).upperBound + widening <= hostTime.upperBound
      else { continue }
      count += 1
      if count >= many { return true }
    }
    return false
  }

  private func wishes(
    _ clock: GuestClock, _ widening: Int64, _ outcome: inout Outcome
  ) -> Wishes {
    var wishes = Wishes(requests: guest.count)
    var looks = (guest.count + host.count) * Self.meanLooks + 1 << 22
    var near = NearPieces(host)
    let begins = begins(clock, widening)
    for place in guest.indices {
      if place.isMultiple(of: Self.stretch) { near.forget(before: begins[place / Self.stretch]) }
      let request = guest[place]
      let whole = map.translateWhole(request.sector, request.sectors)
      guard whole != nil || map.translate(request.sector, request.sectors) != nil else {
        outcome.unmapped[place] = true
        wishes.endRequest()
        continue
      }
      let longest = clock.longest(from: request.issued, to: request.completed)
      let low = clock.bounds(at: request.issued).lowerBound - widening
      let high = clock.bounds(at: request.completed).upperBound + widening
      var depth: Int64 = 0
      let most = min(looks, Self.mostLooks)
      var own = most
      looks -= own
      near.move(to: high)
      func add(_ piece: Int32, _ range: Range<Int64>) {
        let candidate = host[Int(piece)]
        // H3 as a whole needs no offset: below zero it proves a wrong match.
        let returned = host[Int(candidate.last)].completed
        if returned <= high, candidate.operation == request.operation,
          returned - candidate.queued <= longest
        {
          wishes.add(piece)
          depth += min(candidate.end, range.upperBound) - max(candidate.sector, range.lowerBound)
        }
      }
      func look(_ range: Range<Int64>) -> Bool {
        index.forEach(overlapping: range, queuedFrom: low, to: high, looks: &own) {
          add($0, range)
        }
      }
      // Nearly all: in one piece, and few others are near.
      if let whole, !index.hasLong {
        let isWhole = near.forEach(overlapping: whole, queuedFrom: low, to: high, looks: &own) {
          add($0, whole)
        }
        if isWhole == true, depth <= Self.mostDepth * request.sectors {
          looks += own
          wishes.endRequest()
          continue
        }
        wishes.clearRequest()
        (depth, own) = (0, most)
      }
      let isWhole =
        whole.map(look)
        ?? (map.translate(request.sector, request.sectors) ?? []).allSatisfy(look)
      looks += own
      if isWhole, depth <= Self.mostDepth * request.sectors {
        wishes.endRequest()
      } else {
        outcome.matches[place] = Match(grade: .ambiguous, pieces: PieceList())
        wishes.dropRequest()
      }
    }
    wishes.endRequests(ofPieces: host.count)
    return wishes
  }

  /// Of each stretch of requests, from where on in time pieces may be of any of them or of a later one.
  private func begins(_ clock: GuestClock, _ widening: Int64) -> [Int64] {
    var begins = [Int64](repeating: .max, count: guest.count / Self.stretch + 1)
    for place in guest.indices {
      let low = clock.bounds(at: guest[place].issued).lowerBound - widening
      begins[place / Self.stretch] = min(begins[place / Self.stretch], low)
    }
    for stretch in begins.indices.dropLast().reversed() {
      begins[stretch] = min(begins[stretch], begins[stretch + 1])
    }
    return begins
  }

  /// Settles requests that compete for pieces, each group in order of issue.
  private func settle(_ wishes: Wishes, _ outcome: inout Outcome) {
    var isGrouped = [Bool](repeating: false, count: guest.count)
    for place in guest.indices where !isGrouped[place] && wishes.count(of: place) > 0 {
      // Nearly all: one piece, and nobody else who wants it.
      if let piece = wishes.only(of: place),
        let range = map.translateWhole(guest[place].sector, guest[place].sectors)
      {
        let candidate = host[Int(piece)]
        if candidate.sector <= range.lowerBound, candidate.end >= range.upperBound {
          outcome.matches[place] = Match(
            grade: candidate.sectors > guest[place].sectors ? .merged : .exact,
            pieces: PieceList(piece))
        }
        continue
      }
      var members: [Int32] = []
      var pending = [Int32(place)]
      isGrouped[place] = true
      while let next = pending.popLast() {
        members.append(next)
        for piece in wishes.pieces(of: next) {
          for other in wishes.wanting(piece) where !isGrouped[Int(other)] {
            isGrouped[Int(other)] = true
            pending.append(other)
          }
        }
      }
      settle(members.sorted(), wishes, &outcome)
    }
  }

  private func candidates(_ place: Int32, _ wishes: Wishes) -> Candidates {
    let request = guest[Int(place)]
    return Candidates(
      ranges: map.translate(request.sector, request.sectors) ?? [],
      pieces: Array(wishes.pieces(of: place)))
  }

  private func settle(_ group: [Int32], _ wishes: Wishes, _ outcome: inout Outcome) {
    if group.count == 1, let place = group.first {
      if let only = uniqueTiling(candidates(place, wishes), [:]) {
        outcome.matches[Int(place)] = Match(grade: grade(only, place), pieces: PieceList(only))
        return
      }
    }
    let requests = group.map { candidates($0, wishes) }
    /// The place of a request in the group, which is in order.
    func turn(of place: Int32) -> Int { group.partitioningIndex { $0 >= place } }
    // What each piece has given away, so that a piece serves several requests only where they lie side by
    // side (QEMU merged them).
    var taken: [Int32: [Range<Int64>]] = [:]
    // First those that only one tiling fits; each settles others. They are looked at in order of issue, pass
    // after pass, where a rival took what they want.
    var isOpen = [Bool](repeating: true, count: group.count)
    var isWaiting = isOpen
    var queue = Queue(group.indices.map { Queue.Turn(pass: 0, place: Int32($0)) })
    while let next = queue.next() {
      let number = Int(next.place)
      isWaiting[number] = false
      guard let only = uniqueTiling(requests[number], taken) else { continue }
      take(only, requests[number].ranges, &taken)
      let place = group[number]
      outcome.matches[Int(place)] = Match(grade: grade(only, place), pieces: PieceList(only))
      isOpen[number] = false
      for piece in only {
        for other in wishes.wanting(piece) {
          let rival = turn(of: other)
          guard isOpen[rival], !isWaiting[rival] else { continue }
          isWaiting[rival] = true
          queue.add(
            Queue.Turn(
              pass: rival > number ? next.pass : next.pass + 1, place: Int32(rival)))
        }
      }
    }
    // Then by order of arrival: the ring and the driver keep it.
    var uncertain: [Int] = []
    for number in group.indices where isOpen[number] {
      guard let tiling = firstTiling(requests[number], taken) else { continue }
      take(tiling, requests[number].ranges, &taken)
      outcome.matches[Int(group[number])] = Match(
        grade: grade(tiling, group[number]), pieces: PieceList(tiling))
      uncertain.append(number)
    }
    // A piece of the same blocks that is nobody's might be its as well: of some request a trace has no line.
    for number in uncertain where hasAlternative(group[number], requests[number], taken, outcome) {
      makeAmbiguous(group[number], &outcome)
    }
    if group.count > 1 || !uncertain.isEmpty {
      gradeRivals(group, wishes, &outcome)
      gradeUnmatchedRivals(group, wishes, &outcome)
    }
  }

  /// Requests that are to be looked at, by pass and then in order of issue: a binary heap.
  private struct Queue {
    struct Turn: Comparable {
      let pass: Int32
      let place: Int32

      static func < (a: Turn, b: Turn) -> Bool { (a.pass, a.place) < (b.pass, b.place) }
    }

    private var turns: [Turn]

    /// Of turns in order.
    init(_ turns: [Turn]) { self.turns = turns }

    mutating func add(_ turn: Turn) {
      turns.append(turn)
      var place = turns.count - 1
      while place > 0, turns[place] < turns[(place - 1) / 2] {
        turns.swapAt(place, (place - 1) / 2)
        place = (place - 1) / 2
      }
    }

    mutating func next() -> Turn? {
      guard let first = turns.first, let last = turns.popLast() else { return nil }
      guard !turns.isEmpty else { return first }
      turns[0] = last
      var place = 0
      while true {
        var least = place
        for child in [2 * place + 1, 2 * place + 2]
        where child < turns.count && turns[child] < turns[least] {
          least = child
        }
        if least == place { return first }
        turns.swapAt(place, least)
        place = least
      }
    }
  }

  /// Whether a piece that nobody has could be in the place of one of a request's.
  private func hasAlternative(
    _ place: Int32, _ request: Candidates, _ taken: [Int32: [Range<Int64>]], _ outcome: Outcome
  ) -> Bool {
    guard let match = outcome.matches[Int(place)] else { return false }
    return request.pieces.contains { other in
      guard taken[other] == nil else { return false }
      let free = host[Int(other)]
      return match.pieces.contains { own in
        let piece = host[Int(own)]
        return request.ranges.contains { range in
          let part = range.clamped(to: piece.sector..<piece.end)
          return !part.isEmpty && free.sector <= part.lowerBound && free.end >= part.upperBound
        }
      }
    }
  }

  /// Two requests of the same blocks that could each have the other's pieces: sound when the host's pieces
  /// do not overlap, for then order decides, or when it makes no difference.
  private func gradeRivals(
    _ group: [Int32], _ wishes: Wishes, _ outcome: inout Outcome
  ) {
    for first in group {
      guard let a = outcome.matches[Int(first)], let piece = a.pieces.first else { continue }
      let horizon = guest[Int(first)].completed + Self.horizon
      for second in wishes.wanting(piece) where second > first {
        // They are in order of issue: what follows came too late to compete.
        if guest[Int(second)].issued > horizon { break }
        guard let b = outcome.matches[Int(second)], a.pieces != b.pieces,
          a.pieces.allSatisfy({ wishes.pieces(of: second).contains($0) }),
          b.pieces.allSatisfy({ wishes.pieces(of: first).contains($0) }),
          sameBlocks(first, second)
        else { continue }
        let disjoint =
          a.pieces.allSatisfy { one in
            b.pieces.allSatisfy { other in
              let (x, y) = (host[Int(one)], host[Int(other)])
              return x.completed <= y.queued || y.completed <= x.queued
            }
          }
        if disjoint || areInterchangeable(first, second, a, b) { continue }
        makeAmbiguous(first, &outcome)
        makeAmbiguous(second, &outcome)
      }
    }
  }

  /// Two requests of the same blocks were at the driver together, and the host shows one for both: whose it is, and which
  /// of the two completions is whose, cannot be told.
  private func gradeUnmatchedRivals(
    _ group: [Int32], _ wishes: Wishes, _ outcome: inout Outcome
  ) {
    for place in group {
      guard let match = outcome.matches[Int(place)], match.grade != .ambiguous else { continue }
      let hasRival = match.pieces.contains { piece in
        wishes.wanting(piece).contains {
          outcome.matches[Int($0)] == nil && sameBlocks(place, $0)
        }
      }
      if hasRival { makeAmbiguous(place, &outcome) }
    }
  }

  /// Requests of the same blocks were at the devices of both layers together: each layer's D and C lines
  /// may be paired crosswise, and no order of times can tell.
  private func gradeAliases(_ outcome: inout Outcome) {
    for place in guest.indices where guest[place].isAliased {
      guard let match = outcome.matches[place] else { continue }
      // A completion of these blocks may be lost, and each request since then has that of the next.
      if guest[place].isLossy { makeAmbiguous(Int32(place), &outcome) }
      var other = place + 1
      // In order of issue: those that begin while this one is at the driver.
      while other < guest.count, guest[other].issued < guest[place].completed {
        defer { other += 1 }
        guard other - place <= Self.mostTogether else {
          makeAmbiguous(Int32(place), &outcome)
          break
        }
        guard sameBlocks(Int32(place), Int32(other)), let rival = outcome.matches[other],
          overlapOnHost(match, rival),
          !areInterchangeable(Int32(place), Int32(other), match, rival)
        else { continue }
        makeAmbiguous(Int32(place), &outcome)
        makeAmbiguous(Int32(other), &outcome)
      }
    }
  }

  /// A request is back when all parts of its bio are, those of requests that QEMU merged with it, too.
  private func gradeCutBios(_ outcome: inout Outcome) {
    for place in guest.indices {
      guard let match = outcome.matches[place] else { continue }
      if match.pieces.contains(where: { host[Int($0)].hasLostSibling }) {
        makeAmbiguous(Int32(place), &outcome)
      }
    }
  }

  /// Near a step of the clock, and where most requests find nothing since a step was not found, time does not tell
  /// which of several requests of the same blocks is whose.
  private func gradeSteps(
    _ clock: GuestClock, isStepping: Bool, _ wishes: Wishes, _ outcome: inout Outcome
  ) {
    var doubted: [Int32] = []
    func doubt(_ place: Int, _ time: ClosedRange<Int64>) {
      guard let match = outcome.matches[place], match.grade != .ambiguous,
        hasOthers(place, match, from: time.lowerBound, to: time.upperBound)
      else { return }
      makeAmbiguous(Int32(place), &outcome)
      doubted.append(Int32(place))
    }
    if isStepping {
      for (place, request) in guest.enumerated() where outcome.matches[place] != nil {
        if let time = doubtfulTime(of: request, clock) { doubt(place, time) }
      }
    }
    for place in amongUnmatched(clock, outcome) { doubt(place, .min ... .max) }
    // A request that has its piece only because a rival took the other is as doubtful as the rival.
    while let place = doubted.popLast() {
      for piece in outcome.matches[Int(place)]?.pieces ?? PieceList() {
        for rival in wishes.wanting(piece) {
          guard let match = outcome.matches[Int(rival)], match.grade != .ambiguous,
            !match.pieces.contains(piece)
          else { continue }
          makeAmbiguous(rival, &outcome)
          doubted.append(rival)
        }
      }
    }
  }

  /// The matched requests among those that find nothing while the host's trace runs; and, where others lie outside of
  /// it, those across its start or its end, whose own host side may lie outside, too.
  private func amongUnmatched(_ clock: GuestClock, _ outcome: Outcome) -> [Int] {
    BlockOperation.allCases.flatMap { operation in
      var across: (begin: [Int], end: [Int]) = ([], [])
      var outside: (begin: Int, end: Int) = (0, 0)
      var inside: [Int32] = []
      for (place, request) in guest.enumerated()
      where request.operation == operation && !outcome.unmapped[place] {
        let (issued, completed) = (
          clock.reference(request.issued), clock.reference(request.completed)
        )
        if completed < hostTime.lowerBound {
          outside.begin += 1
        } else if issued > hostTime.upperBound {
          outside.end += 1
        } else if issued < hostTime.lowerBound {
          across.begin.append(place)
        } else if completed > hostTime.upperBound {
          across.end.append(place)
        } else {
          inside.append(Int32(truncatingIfNeeded: place))
        }
      }
      // Of traces that were started together a few requests are across, and none outside.
      if outside.begin < Self.fewestNeighbours { across.begin = [] }
      if outside.end < Self.fewestNeighbours { across.end = [] }
      let found = inside.map { outcome.matches[Int($0)]?.pieces.isEmpty == false }
      let among =
        found.allSatisfy { $0 }
        ? [] : inside.indices.filter { found[$0] && isAmongUnmatched($0, found) }
      return across.begin + across.end + among.map { Int(inside[$0]) }
    }
  }

  /// Whether most of the requests that were issued just before this one, or just after it, found nothing. Either side
  /// counts by itself: the step that was not found may lie right beside the request.
  private func isAmongUnmatched(_ turn: Int, _ found: [Bool]) -> Bool {
    let before = found[max(0, turn - Self.neighbours)..<turn]
    let after = found[(turn + 1)..<min(found.count, turn + 1 + Self.neighbours)]
    return [before, after].contains { side in
      side.count >= Self.fewestNeighbours && side.count { $0 } * 2 < side.count
    }
  }

  /// When a request may have been on the host, ns, if the clock stepped elsewhere than it seems; nil where it does not
  /// matter.
  private func doubtfulTime(of request: GuestRequest, _ clock: GuestClock) -> ClosedRange<Int64>? {
    // So few pairs of the same blocks may fit by chance.
    let isThin = [request.issued, request.completed].contains {
      clock.stretches[clock.stretch(at: $0)].pairs < Self.crowd
    }
    if isThin { return .min ... .max }
    let doubt = max(clock.doubt(at: request.issued), clock.doubt(at: request.completed))
    guard doubt > 0 else { return nil }
    let reach = Self.doubtReach * min(doubt, Self.mostDoubt)
    let low = clock.bounds(at: request.issued).lowerBound - reach
    return low...max(low, clock.bounds(at: request.completed).upperBound + reach)
  }

  /// Whether pieces of the same blocks are among those queued in a time which the match does not have; also where
  /// there are too many to look at.
  private func hasOthers(_ place: Int, _ match: Match, from low: Int64, to high: Int64) -> Bool {
    guard let ranges = map.translate(guest[place].sector, guest[place].sectors) else { return true }
    var looks = Self.mostOthers
    var others = false
    for range in ranges where !others {
      let isWhole = index.forEach(
        overlapping: range, queuedFrom: low, to: high, looks: &looks
      ) { piece in
        if host[Int(piece)].operation == guest[place].operation, !match.pieces.contains(piece) {
          others = true
        }
      }
      if !isWhole { return true }
    }
    return others
  }

  private func overlapOnHost(_ a: Match, _ b: Match) -> Bool {
    a.pieces.contains { one in
      b.pieces.contains { other in
        let (x, y) = (host[Int(one)], host[Int(other)])
        return x.issued < y.completed && y.issued < x.completed
      }
    }
  }

  private func areInterchangeable(_ a: Int32, _ b: Int32, _ x: Match, _ y: Match) -> Bool {
    guard abs(guest[Int(a)].issued - guest[Int(b)].issued) <= Self.interchangeable else {
      return false
    }
    return zip(x.pieces, y.pieces).allSatisfy { one, other in
      let (p, q) = (host[Int(one)], host[Int(other)])
      let overlap = p.issued < q.completed && q.issued < p.completed
      return !overlap || abs(p.issued - q.issued) <= Self.interchangeable
    }
  }

  private func makeAmbiguous(_ place: Int32, _ outcome: inout Outcome) {
    guard let match = outcome.matches[Int(place)] else { return }
    outcome.matches[Int(place)] = Match(grade: .ambiguous, pieces: match.pieces)
  }

  private func sameBlocks(_ a: Int32, _ b: Int32) -> Bool {
    let (x, y) = (guest[Int(a)], guest[Int(b)])
    return x.operation == y.operation && x.sector < y.end && y.sector < x.end
  }

  private func grade(_ pieces: [Int32], _ place: Int32) -> MatchGrade {
    if pieces.count > 1 { return .split }
    let request = guest[Int(place)]
    guard let piece = pieces.first else { return .unmatched }
    return host[Int(piece)].sectors > request.sectors ? .merged : .exact
  }

  // MARK: - Tilings

  /// The pieces that cover all ranges when only one set of them does; nil when none or several do.
  private func uniqueTiling(
    _ request: Candidates, _ taken: [Int32: [Range<Int64>]]
  ) -> [Int32]? {
    tiling(request, taken, mustBeUnique: true)
  }

  /// The pieces that cover all ranges, at each sector the earliest that leads to the end.
  private func firstTiling(
    _ request: Candidates, _ taken: [Int32: [Range<Int64>]]
  ) -> [Int32]? {
    tiling(request, taken, mustBeUnique: false)
  }

  private func tiling(
    _ request: Candidates, _ taken: [Int32: [Range<Int64>]], mustBeUnique: Bool
  ) -> [Int32]? {
    var chosen: [Int32] = []
    for range in request.ranges {
      guard let pieces = tiling(of: range, request.pieces, taken, mustBeUnique: mustBeUnique),
        !pieces.contains(where: chosen.contains)
      else { return nil }
      chosen += pieces
    }
    return chosen
  }

  /// The pieces that cover a range side by side. The first may begin before it (QEMU merged requests); each further one
  /// begins where the one before ends, for the parts of one request do not overlap.
  private func tiling(
    of range: Range<Int64>, _ pieces: [Int32], _ taken: [Int32: [Range<Int64>]], mustBeUnique: Bool
  ) -> [Int32]? {
    func begin(_ piece: Int32) -> Int64 { max(host[Int(piece)].sector, range.lowerBound) }
    func isUsable(_ piece: Int32) -> Bool {
      let candidate = host[Int(piece)]
      return candidate.sector < range.upperBound && candidate.end > range.lowerBound
        && isFree(piece, begin(piece)..<min(candidate.end, range.upperBound), taken)
    }
    if pieces.count == 1, let only = pieces.first {
      let candidate = host[Int(only)]
      let isWhole = candidate.sector <= range.lowerBound && candidate.end >= range.upperBound
      return isWhole && isUsable(only) ? [only] : nil
    }
    // From the end backwards: how a piece goes on does not depend on how it was reached.
    var ways: [Int64: (count: Int, first: Int32)] = [:]
    for piece in pieces.filter(isUsable).sorted(by: { begin($0) > begin($1) }) {
      let end = host[Int(piece)].end
      let count = end >= range.upperBound ? 1 : ways[end]?.count ?? 0
      guard count > 0 else { continue }
      let other = ways[begin(piece)]
      let isEarlier = other.map { host[Int(piece)].queued < host[Int($0.first)].queued } ?? true
      ways[begin(piece)] = (
        min(count + (other?.count ?? 0), 2), isEarlier ? piece : other?.first ?? piece
      )
    }
    var chosen: [Int32] = []
    var sector = range.lowerBound
    while sector < range.upperBound {
      guard let way = ways[sector], !mustBeUnique || way.count == 1 else { return nil }
      chosen.append(way.first)
      sector = host[Int(way.first)].end
    }
    return chosen
  }

  private func isFree(
    _ piece: Int32, _ range: Range<Int64>, _ taken: [Int32: [Range<Int64>]]
  ) -> Bool {
    guard let given = taken[piece] else { return true }
    return given.allSatisfy { !$0.overlaps(range) }
  }

  private func take(
    _ pieces: [Int32], _ ranges: [Range<Int64>], _ taken: inout [Int32: [Range<Int64>]]
  ) {
    for piece in pieces {
      let candidate = host[Int(piece)]
      for range in ranges where range.overlaps(candidate.sector..<candidate.end) {
        taken[piece, default: []].append(range.clamped(to: candidate.sector..<candidate.end))
      }
    }
  }
}
