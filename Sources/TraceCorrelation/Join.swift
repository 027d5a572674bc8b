public import TraceModel

/// What was found for one guest disk.
public struct DiskJoin: Sendable {
  /// The disk's stretch.
  public let disk: Int32
  /// The host device's stretch; nil when none fits.
  public var device: Int32?
  /// Where the disk lies on it.
  public var map = ExtentMap([])
  /// Whether somebody gave that map; else it was inferred.
  public var isGiven = false
  /// Pairs of requests that voted for that.
  public var votes = 0
  /// Share of the guest's requests that one clock offset can place there.
  public var feasibleShare: Double?
  /// The same for the next best place.
  public var runnerUpShare: Double?
  /// How many requests would be matched by chance.
  public var expectedAccidental: Double?
  /// What to say about it.
  public var verdict = JoinVerdict.noHost
  /// The disk's I/Os, in the order of its requests.
  public var ios: GuestIOs = []
}

/// The clock of one stretch of a guest's trace.
public struct SourceClock: Sendable {
  /// The trace.
  public let source: Int64
  /// The stretch of the trace.
  public let segment: Int
  /// The host's trace whose clock is the reference.
  public let reference: Int64
  /// The relation, as far as requests and records bound it.
  public let clock: GuestClock
  /// The relation by the requests alone; nil where none was matched.
  public let byRequests: GuestClock?
  /// Matched pairs that contradict it by more than its bound.
  public let violations: Int
}

/// Joins the block traces of guests with that of their host, out of nothing but the traces.
public struct Join: Sendable {
  /// Per guest disk.
  public private(set) var disks: [DiskJoin] = []
  /// Per guest trace.
  public private(set) var clocks: [SourceClock] = []

  /// Share of a guest's requests that must fit a place; wrong places reach 0.78 for guests that are copies
  /// of each other and stay below 0.1 otherwise.
  public static let leastShare = 0.5
  /// Share above which a disk lies there in one piece, or a given map is right: no other is looked for.
  private static let wholeShare = 0.9
  /// The part of the best place's share from which on another fits as well: the place of a guest's copy reaches 0.96.
  private static let rivalShare = 0.98
  /// The number of the map that the requests themselves show.
  private static let inferredMap = Int.max
  /// Places that are looked at per disk and device.
  private static let mostCandidates = 12
  /// Segments of a trace, after steps back of its clock, of which each disk's place is searched everywhere.
  private static let mostSegments = 32
  /// Pairs of requests that must vote for a place for it to be looked at with short windows.
  private static let fewestVotes = 16
  /// Share of the requests that these must place: they let more pass by chance than those of usual length.
  private static let shortShare = 0.7
  /// How far beyond the bound pairs are looked for that contradict it, ns.
  private static let falsifierWindow: Int64 = 300_000
  /// Rounds of matching and fitting; two to four are usual.
  private static let mostRounds = 8

  /// Joins these disks and devices, with what was recorded of the clocks of guests' traces. `atOwnSectors`: the devices are
  /// the guests' disks as their hypervisor sees them, so that a disk's sectors are the device's.
  public init(
    guests: [GuestDisk], hosts: [HostDevice], recorded: [ClockRecord] = [],
    atOwnSectors: Bool = false
  ) {
    self.recorded = recorded
    pending = guests.map { _ in PendingDisk() }
    var sides = guests.map { $0.dataRequests }
    var devices = hosts.map { HostSide($0) }
    var regions: [Found?]
    let unclear: [Int: JoinVerdict]
    (regions, unclear) = Self.regions(guests, sides, devices, atOwnSectors: atOwnSectors)
    let hasBios = devices.contains { !$0.pieces.isEmpty }
    for (place, disk) in guests.enumerated() {
      var join = DiskJoin(disk: disk.stream)
      join.verdict =
        hosts.isEmpty
        ? .noHost
        : sides[place].isEmpty ? .noRequests : !hasBios ? .noHostBios : unclear[place] ?? .noMapping
      if let found = regions[place] {
        join.votes = found.region.votes
        join.feasibleShare = found.region.share
        join.runnerUpShare = found.runnerUp
      }
      disks.append(join)
    }
    var flushes = FlushMatching()
    var trace: (source: Int64, segment: Int)?
    for guest in guests.sorted(by: { ($0.source, $0.segment) < ($1.source, $1.segment) })
    where trace?.source != guest.source || trace?.segment != guest.segment {
      trace = (guest.source, guest.segment)
      let places = guests.indices.filter {
        guests[$0].source == guest.source && guests[$0].segment == guest.segment
          && regions[$0] != nil
      }
      joinTrace(places, guests, sides, devices, &regions, &flushes)
    }
    sides = []
    for place in devices.indices { devices[place].forgetWays() }
    flushes.settle()
    addRecordedClocks(guests)
    for (place, disk) in guests.enumerated() {
      let clock = clocks.first { $0.source == disk.source && $0.segment == disk.segment }
      let rows = HopRows(disk: disk, clock: clock?.clock)
      disks[place].ios = rows.make(
        pending[place], host: devices, flushes: flushes.matches[disk.stream] ?? [:])
    }
    pending = []
  }

  /// Matches on the way from the matching to the rows.
  private var pending: [PendingDisk] = []
  private let recorded: [ClockRecord]

  // MARK: - Where the disks lie

  private struct Found {
    var region: RegionSearch.Region
    let device: Int
    let runnerUp: Double?
    /// Whether the region is that of some of the disk's requests.
    var isOfSample: Bool
  }

  /// The best place for each disk; one place holds one guest. For those without one, by disk, why, where that is known.
  private static func regions(
    _ guests: [GuestDisk], _ sides: [[GuestRequest]], _ devices: [HostSide], atOwnSectors: Bool
  ) -> (found: [Found?], unclear: [Int: JoinVerdict]) {
    var judged: [Judged] = []
    var unclear: [Int: JoinVerdict] = [:]
    var searched: [Int64: Int] = [:]
    var later: [Int] = []
    var sampled = Set<Int>()
    for disk in guests.indices where !sides[disk].isEmpty {
      searched[guests[disk].source, default: 0] += 1
      if searched[guests[disk].source, default: 0] > mostSegments {
        later.append(disk)
        continue
      }
      let places = judge(disk, guests[disk], sides[disk], devices, atOwnSectors: atOwnSectors)
      if places.isOfSample { sampled.insert(disk) }
      judged += places.judged
      if !atOwnSectors, !OffsetCandidates.hasPattern(sides[disk]) { unclear[disk] = .noPattern }
    }
    // Each step back of a trace's clock makes further ones of its disks: they lie where the first do.
    for disk in later {
      var places: [RegionKey: Judged] = [:]
      for entry in judged
      where guests[entry.disk].source == guests[disk].source
        && entry.region.share >= leastShare
      {
        places[RegionKey(device: entry.device, placement: entry.region.placement.key)] = entry
      }
      for (key, entry) in places.sorted(by: {
        ($0.key.device, $0.key.placement.distance, $0.key.placement.map)
          < ($1.key.device, $1.key.placement.distance, $1.key.placement.map)
      }) {
        let search = RegionSearch(guest: sides[disk], host: devices[key.device])
        if let region = search.region(entry.region.placement, votes: 0) {
          judged.append((disk, key.device, region))
        }
      }
    }
    judged.sort {
      ($0.region.rank, $0.region.placed, $0.region.votes, -$0.region.placement.key.distance)
        > ($1.region.rank, $1.region.placed, $1.region.votes, -$1.region.placement.key.distance)
    }
    var found = [Found?](repeating: nil, count: guests.count)
    var holders: [RegionKey: String] = [:]
    // First those that most requests fit; then those that only their reads show, for the host's cache has
    // the writes.
    let cached = judged.filter(\.region.isSeenByReads).sorted {
      ($0.region.answered, $0.region.placed, -$0.region.placement.key.distance)
        > ($1.region.answered, $1.region.placed, -$1.region.placement.key.distance)
    }
    for entry in judged.filter({ $0.region.share >= leastShare }) + cached
    where found[entry.disk] == nil && unclear[entry.disk] != .severalPlaces {
      if case .distance = entry.region.placement, unclear[entry.disk] == .noPattern,
        Double(entry.region.placed) < wholeShare * Double(entry.region.requests)
      {
        continue
      }
      let hasRival = judged.contains { other in
        isRival(other, of: entry)
          && !judged.contains {
            // Where the disk of another guest lies, of which this one is a copy.
            guests[$0.disk].machine != guests[entry.disk].machine && $0.device == other.device
              && $0.region.placement.key == other.region.placement.key
              && $0.region.share >= other.region.share
          }
      }
      if hasRival {
        unclear[entry.disk] = .severalPlaces
        continue
      }
      let key = RegionKey(device: entry.device, placement: entry.region.placement.key)
      if let holder = holders[key], holder != guests[entry.disk].machine { continue }
      holders[key] = guests[entry.disk].machine
      let runnerUp = judged.first {
        $0.disk == entry.disk
          && ($0.device != entry.device
            || $0.region.placement.key != entry.region.placement.key)
      }
      found[entry.disk] = Found(
        region: entry.region, device: entry.device, runnerUp: runnerUp?.region.share,
        isOfSample: sampled.contains(entry.disk))
    }
    return (found, unclear)
  }

  private typealias Judged = (disk: Int, device: Int, region: RegionSearch.Region)

  /// Whether a disk may as well lie at another place of the same device: with another offset of the clock as many of
  /// its requests fit, and half as many pairs of addresses vote for it.
  private static func isRival(_ other: Judged, of entry: Judged) -> Bool {
    guard case .distance(let there) = other.region.placement,
      case .distance(let here) = entry.region.placement
    else { return false }
    return other.disk == entry.disk && other.device == entry.device && there != here
      && other.region.share >= rivalShare * entry.region.share
      && other.region.votes * 2 >= entry.region.votes
  }

  /// Judges the places of a disk on all devices: by some of its requests where those show one, else by all.
  private static func judge(
    _ disk: Int, _ guest: GuestDisk, _ side: [GuestRequest], _ devices: [HostSide],
    atOwnSectors: Bool
  ) -> (judged: [Judged], isOfSample: Bool) {
    let numbers = devices.indices.filter { !devices[$0].pieces.isEmpty }
    let own = [OffsetCandidates.Candidate(distance: 0, votes: 0)]
    let candidates = numbers.map { atOwnSectors ? own : addressed(side, devices[$0]) }
    var judged: [Judged] = []
    let sample = RegionSearch.sample(of: side)
    if sample.count < side.count {
      for (number, candidates) in zip(numbers, candidates) {
        let places = placements(guest, devices[number], candidates)
        let starts = StartIndex(
          devices[number].pieces, at: RegionSearch.starts(of: sample, at: places.map(\.place)))
        let search = RegionSearch(guest: sample, host: devices[number], starts: starts)
        for (place, votes) in places {
          if let region = search.region(place, votes: votes) {
            judged.append((disk, number, region))
          }
        }
      }
      let best = judged.max { $0.region.share < $1.region.share }
      if let best, best.region.share >= wholeShare, best.region.placed * 4 >= sample.count {
        return (judged, true)
      }
      judged = []
    }
    for (number, candidates) in zip(numbers, candidates) {
      let search = RegionSearch(guest: side, host: devices[number])
      for (place, votes) in placements(guest, devices[number], candidates) {
        if let region = search.region(place, votes: votes) {
          judged.append((disk, number, region))
        }
      }
      guard !atOwnSectors else { continue }
      judgeHidden(disk, side, search, number, devices[number], candidates, &judged)
    }
    return (judged, false)
  }

  private typealias Candidates = [OffsetCandidates.Candidate]

  /// The places of a disk on a device that addresses show, the best first.
  private static func addressed(_ side: [GuestRequest], _ device: HostSide) -> Candidates {
    let all = OffsetCandidates.find(
      guest: side, host: device.pieces, remapDeltas: device.rows.remapDeltas)
    let named = Set(device.rows.remapDeltas)
    return Candidates(all.prefix(mostCandidates))
      + all.dropFirst(mostCandidates).filter { named.contains($0.distance) }.prefix(32)
  }

  /// The places of a disk on a device that maps and addresses show.
  private static func placements(
    _ guest: GuestDisk, _ device: HostSide, _ candidates: Candidates
  ) -> [(place: Placement, votes: Int)] {
    // A map is of a file; the file system under it may begin at any partition of the device.
    let starts = [0] + device.rows.remapDeltas.prefix(8)
    let maps = guest.maps.enumerated().flatMap { place, map in
      Set(starts).sorted().enumerated().map { shift, start in
        (
          place: Placement.map(map.moved(by: start), number: place * starts.count + shift),
          votes: 0
        )
      }
    }
    return maps + candidates.map { (.distance($0.distance), $0.votes) }
  }

  /// Judges those that show only when all requests are looked at, where none is as good as can be.
  private static func judgeHidden(
    _ disk: Int, _ side: [GuestRequest], _ search: RegionSearch, _ number: Int,
    _ device: HostSide, _ candidates: Candidates, _ judged: inout [Judged]
  ) {
    let isPlaced = judged.contains {
      $0.disk == disk && $0.device == number && $0.region.share >= wholeShare
    }
    if !isPlaced {
      // Writes that the host's page cache takes do not come to its device in the order of the guest.
      let readsAlone = OffsetCandidates.find(
        guest: side.filter { $0.operation == .read },
        host: device.pieces.filter { $0.operation == .read }, remapDeltas: [])
      let known = Set(candidates.map(\.distance))
      for candidate in readsAlone.prefix(mostCandidates)
      where candidate.votes > 0 && !known.contains(candidate.distance) {
        let place = Placement.distance(candidate.distance)
        if let region = search.region(place, votes: candidate.votes) {
          judged.append((disk, number, region))
        }
      }
      let scattered = ScatteredDisk(guest: side, host: device.pieces, search: search)
      if let map = scattered.map(),
        let region = search.region(.map(map, number: inferredMap), votes: 0)
      {
        judged.append((disk, number, region))
      }
    }
    // Addresses alone vote for a place, and no offset holds for a whole window: the clock may step in each.
    let isAnywhere = judged.contains {
      $0.disk == disk && $0.device == number
        && ($0.region.share >= leastShare || $0.region.isSeenByReads)
    }
    if !isAnywhere, let best = candidates.first, best.votes >= fewestVotes,
      candidates.dropFirst().first.map({ $0.votes * 4 <= best.votes }) ?? true,
      let region = search.region(
        .distance(best.distance), votes: best.votes, window: RegionSearch.shortWindow),
      region.share >= shortShare
    {
      judged.append((disk, number, region))
    }
  }

  private struct RegionKey: Hashable {
    let device: Int
    let placement: Placement.Key
  }

  // MARK: - Clock and matches

  /// All disks of one stretch of a trace: they share its clock.
  private mutating func joinTrace(
    _ places: [Int], _ guests: [GuestDisk], _ sides: [[GuestRequest]], _ devices: [HostSide],
    _ regions: inout [Found?], _ flushes: inout FlushMatching
  ) {
    guard let first = places.first, let found = regions[first] else { return }
    let reference = devices[found.device].rows.source
    let matchers = places.compactMap { place -> (place: Int, matching: RequestMatching)? in
      guard let found = regions[place] else { return nil }
      let side = sides[place]
      let map: ExtentMap
      switch found.region.placement {
      case .distance(let distance):
        let start = side.lazy.map(\.sector).min() ?? 0
        let end = side.lazy.map(\.end).max() ?? 0
        map = ExtentMap([
          ExtentMap.Extent(
            guestSector: start, hostSector: start + distance, sectors: end - start)
        ])
      case .map(let extents, let number):
        map = extents
        disks[place].isGiven = number != Self.inferredMap
      case .scattered: return nil
      }
      disks[place].map = map
      let device = devices[found.device]
      return (
        place,
        RequestMatching(guest: side, host: device, map: map)
      )
    }
    lazy var moments = places.flatMap { sides[$0].flatMap { [$0.issued, $0.completed] } }.sorted()
    func match(_ clock: GuestClock) -> [RequestMatching.Outcome] {
      matchers.map { $0.matching.match(clock, widening: Self.falsifierWindow) }
    }
    // What some of the requests show starts the matching, unless that leaves any open that all of them may place.
    let isOfSample = places.contains { regions[$0]?.isOfSample == true }
    var start = Self.start(places, sides, devices, regions)
    var rough = GuestClock(start.clock, moments: moments)
    var placed: [RequestMatching.Outcome]?
    if isOfSample {
      if let rough, rough.stretches.count == 1 {
        let outcomes = match(rough)
        let isWhole = zip(matchers, outcomes).allSatisfy {
          !$0.matching.leavesOpen($1, rough, Self.falsifierWindow, RegionSearch.fewestUnique)
        }
        if isWhole { placed = outcomes }
      }
      if placed == nil {
        for place in places {
          guard let found = regions[place], found.isOfSample else { continue }
          let search = RegionSearch(guest: sides[place], host: devices[found.device])
          guard
            let whole = search.region(found.region.placement, votes: found.region.votes)
          else { continue }
          regions[place] = Found(
            region: whole, device: found.device, runnerUp: found.runnerUp, isOfSample: false)
        }
        start = Self.start(places, sides, devices, regions)
        rough = GuestClock(start.clock, moments: moments)
      }
    }
    let unique = start.unique
    // The clock that they show is all that is needed of them.
    for place in places { regions[place]?.region.forgetPairs() }
    guard var clock = rough else {
      for place in places { disks[place].verdict = .noClock }
      return
    }
    func side(_ matcher: (place: Int, matching: RequestMatching)) -> HostSide {
      devices[regions[matcher.place]?.device ?? 0]
    }
    // Matching within a bound confirms the bound: it shuts out the very pairs that would contradict it. So
    // the clock is fitted to what a wider window matches, and only the last matching uses the bound.
    var last: (clock: GuestClock, outcomes: [RequestMatching.Outcome])?
    func forEachPair(
      _ outcomes: [RequestMatching.Outcome], _ clock: GuestClock, _ body: (CausalPair) -> Void
    ) {
      for (matcher, outcome) in zip(matchers, outcomes) {
        Self.forEachPair(
          outcome, sides[matcher.place], side(matcher), clock, unique[matcher.place] ?? [], body)
      }
    }
    for _ in 0..<Self.mostRounds {
      let outcomes = placed ?? match(clock)
      placed = nil
      last = (clock, outcomes)
      let fitted = ClockFit.fit { forEachPair(outcomes, clock, $0) }
      guard let better = GuestClock(fitted, moments: moments) else { break }
      let isSettled = better.isSame(as: clock)
      clock = better
      if isSettled { break }
    }
    let byRequests = clock
    for record in records(of: guests[first], guests) where record.reference == reference {
      clock = record.narrowing(clock)
    }
    let source = guests[first].source
    let mayStep = guests.contains { $0.source == source && $0.segment != guests[first].segment }
    // The last matching within the wide window may have been with this clock.
    let wide =
      last?.clock == clock ? last?.outcomes : match(clock)
    var violations = 0
    forEachPair(wide ?? [], clock) { if !clock.allows($0) { violations += 1 } }
    last = nil
    let outcomes = matchers.map { $0.matching.match(clock, mayStep: mayStep) }
    for (matcher, outcome) in zip(matchers, outcomes) {
      let place = matcher.place
      guard let found = regions[place] else { continue }
      let device = devices[found.device]
      disks[place].device = device.rows.stream
      disks[place].verdict = .joined
      disks[place].expectedAccidental = Self.expectedAccidental(sides[place], device, clock)
      let cache = HostCache(sides[place], outcome, device, disks[place].map, clock)
      pending[place] = PendingDisk(
        device: found.device, rows: sides[place].map(\.row), outcome: outcome,
        cached: cache.requests)
      flushes.add(guests[place], device, clock, outcome)
    }
    clocks.append(
      SourceClock(
        source: guests[first].source, segment: guests[first].segment, reference: reference,
        clock: clock, byRequests: byRequests, violations: violations))
  }

  /// A first clock of disks of one trace, by requests that their regions place without doubt; and for each disk the rows of
  /// those of which the address occurs once on either side.
  private static func start(
    _ places: [Int], _ sides: [[GuestRequest]], _ devices: [HostSide], _ regions: [Found?]
  ) -> (clock: [ClockRelation], unique: [Int: Set<Int32>]) {
    var unique: [Int: Set<Int32>] = [:]
    var candidates: [[CausalPair]] = []
    for place in places {
      guard let found = regions[place] else { continue }
      candidates.append(found.region.pairs)
      if found.isOfSample { continue }
      let device = devices[found.device]
      let search = RegionSearch(guest: sides[place], host: device)
      let stragglers = search.stragglers(found.region)
      unique[place] = Set(stragglers.lazy.filter(\.isUnique).map { sides[place][$0.place].row })
      candidates.append(
        stragglers.map { straggler in
          let (request, piece) = (
            sides[place][straggler.place], device.pieces[Int(straggler.piece)]
          )
          return CausalPair(
            cause: request.issued, effect: piece.queued, answer: piece.completed,
            end: request.completed, isUnique: straggler.isUnique)
        })
    }
    let clock = ClockFit.fit { body in
      for pairs in candidates { pairs.forEach(body) }
    }
    return (clock, unique)
  }

  /// What was recorded of a trace's clock. Of a trace in several stretches nobody knows which it is of.
  private func records(of guest: GuestDisk, _ guests: [GuestDisk]) -> [ClockRecord] {
    let isWhole = !guests.contains { $0.source == guest.source && $0.segment != 0 }
    return isWhole ? recorded.filter { $0.source == guest.source } : []
  }

  /// Traces without a matched request are placed on the reference by what was recorded, where something was.
  private mutating func addRecordedClocks(_ guests: [GuestDisk]) {
    for guest in guests where !clocks.contains(where: { $0.source == guest.source }) {
      // With traces of several clocks on the host, which of them is the reference is open.
      let own = records(of: guest, guests)
      guard own.count == 1, let record = own.first, let clock = record.clock else { continue }
      clocks.append(
        SourceClock(
          source: guest.source, segment: guest.segment, reference: record.reference, clock: clock,
          byRequests: nil, violations: 0))
    }
  }

  /// Calls with the matches that may constrain a clock: sound, and whole on both sides.
  private static func forEachPair(
    _ outcome: RequestMatching.Outcome, _ guest: [GuestRequest], _ device: HostSide,
    _ clock: GuestClock, _ unique: Set<Int32>, _ body: (CausalPair) -> Void
  ) {
    for (request, match) in zip(guest, outcome.matches) {
      guard let match, match.grade != .ambiguous, !request.isAliased, !request.isLossy else {
        continue
      }
      // Its true partner may be among the lost.
      if !device.rows.losses.isEmpty {
        let from = clock.reference(request.issued) - Self.falsifierWindow
        let to = max(from, clock.reference(request.completed) + Self.falsifierWindow)
        if device.rows.hasLosses(in: from...to) { continue }
      }
      var (effect, answer, isAliased) = (Int64.max, Int64.min, false)
      for place in match.pieces {
        let piece = device.pieces[Int(place)]
        effect = min(effect, piece.queued)
        answer = max(answer, piece.completed)
        if piece.isAliased { isAliased = true }
      }
      guard !isAliased, effect != .max else { continue }
      body(
        CausalPair(
          cause: request.issued, effect: effect, answer: answer, end: request.completed,
          isUnique: !unique.isEmpty && unique.contains(request.row)))
    }
  }

  /// How many guest requests would find a piece if the host's pieces lay at random in their region: the
  /// pieces per time and sector, times each request's time at the driver and size.
  private static func expectedAccidental(
    _ guest: [GuestRequest], _ device: HostSide, _ clock: GuestClock
  ) -> Double {
    let length = Double(max(1, device.span.upperBound - device.span.lowerBound))
    var expected = 0.0
    for (operation, pieces) in device.extents {
      // Starts of pieces lie on multiples of eight sectors almost everywhere.
      let places = max(1, Double(pieces.end - pieces.sector) / 8)
      let rate = Double(pieces.count) / length / places
      for request in guest where request.operation == operation {
        let time =
          Double(request.completed - request.issued) + 2 * Double(clock.error(at: request.issued))
        expected += rate * time
      }
    }
    return expected
  }
}

/// A host device with its pieces and the ways to find them.
struct HostSide {
  let rows: HostDevice
  let pieces: [HostPiece]
  private(set) var index: PieceIndex
  private(set) var starts: StartIndex
  /// What the pieces of each operation span, and how many they are.
  let extents: [(operation: BlockOperation, pieces: (sector: Int64, end: Int64, count: Int))]

  init(_ device: HostDevice) {
    rows = device
    let pieces = device.pieces
    self.pieces = pieces
    index = PieceIndex(pieces)
    starts = StartIndex(pieces)
    var extents = [(sector: Int64, end: Int64, count: Int)](
      repeating: (.max, .min, 0), count: BlockOperation.allCases.count)
    for piece in pieces {
      let place = piece.operation.rawValue
      extents[place].sector = min(extents[place].sector, piece.sector)
      extents[place].end = max(extents[place].end, piece.end)
      extents[place].count += 1
    }
    self.extents = BlockOperation.allCases.compactMap { operation in
      let own = extents[operation.rawValue]
      return own.count > 0 ? (operation, own) : nil
    }
  }

  var span: ClosedRange<Int64> { rows.first...max(rows.first, rows.last) }

  /// Nothing is looked for any more.
  mutating func forgetWays() { (index, starts) = (PieceIndex([]), StartIndex([])) }
}

/// What the matching has to say about a disk, before it is made into rows.
struct PendingDisk {
  var device: Int?
  /// The place of each request in the disk's rows.
  var rows: [Int32] = []
  var outcome = RequestMatching.Outcome(matches: MatchList(count: 0), unmapped: [])
  /// What the host's page cache took or served, by the place of the request.
  var cached: [Int: HostCache.Deferred?] = [:]
}

extension GuestClock {
  /// Whether a pair's order holds within the bound.
  func allows(_ pair: CausalPair) -> Bool {
    reference(pair.cause) - error(at: pair.cause) <= pair.effect
      && reference(pair.end) + error(at: pair.end) >= pair.answer
  }

  /// Whether it maps alike.
  func isSame(as other: GuestClock) -> Bool {
    stretches.count == other.stretches.count
      && zip(stretches, other.stretches).allSatisfy {
        $0.pairs == $1.pairs && $0.offset == $1.offset && $0.driftPPM == $1.driftPPM
      }
  }
}

extension RegionSearch.Region {
  /// Whether the host's reads there are the guest's, though most of the guest's requests have no part on the
  /// device: clearly more than twins and chance reach.
  var isSeenByReads: Bool {
    guard answers >= 16, answered >= 0.8 else { return false }
    if case .map(_, number: .max) = placement { return false }
    return true
  }

  /// A given map is believed before an inferred place that fits as well; one that fits clearly better
  /// contradicts it. And a disk in one piece is believed before one in pieces that were inferred: below a
  /// loop device, where its file lies, the same requests are seen once more.
  var rank: Double {
    switch placement {
    case .distance: share
    case .map(_, number: .max), .scattered: share - 0.05
    case .map: share + 0.05
    }
  }
}
