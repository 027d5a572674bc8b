import Testing
import TraceModel

@testable import TraceCorrelation

struct FeasiblePolygonTests {
  @Test("the hull keeps the points that can bind, and only those")
  func hull() {
    let points = [(0, 5), (1, 1), (2, 4), (3, 0), (4, 3), (3, 9)].map {
      FeasiblePolygon.Point(x: $0.0, y: $0.1)
    }
    #expect(Self.hull(points, isLower: true).map(\.x) == [0, 1, 3, 4])
    #expect(Self.hull(points, isLower: false).map(\.x) == [4, 3, 0])
  }

  private static func hull(
    _ points: [FeasiblePolygon.Point], isLower: Bool
  ) -> [FeasiblePolygon.Point] {
    var hull = FeasiblePolygon.Hull(isLower: isLower)
    for point in points { hull.add(point) }
    return hull.points
  }

  @Test("the hull of many points, of which few are held at once, bounds all of them")
  func hullOfMany() {
    var state: UInt64 = 7
    let points = (0..<10_000).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return FeasiblePolygon.Point(x: Int64(state >> 40), y: Int64(state >> 20 & 0xfffff))
    }
    let hull = Self.hull(points, isLower: true)
    #expect(hull.first?.x == points.map(\.x).min() && hull.last?.x == points.map(\.x).max())
    for (a, b) in zip(hull, hull.dropFirst()) {
      #expect(
        points.allSatisfy { point in
          Int128(b.x - a.x) * Int128(point.y - a.y) >= Int128(b.y - a.y) * Int128(point.x - a.x)
        })
    }
  }

  @Test("one request bounds the offset from both sides")
  func onePair() throws {
    let pair = CausalPair(cause: 1_000_000, effect: 6_000_000, answer: 7_000_000, end: 2_400_000)
    let relation = try #require(ClockRelation([pair]))
    // 7.0 - 2.4 = 4.6 ms to 6.0 - 1.0 = 5.0 ms
    #expect(abs(relation.reference(1_700_000) - 1_700_000 - 4_800_000) <= 200)
    #expect(relation.error(at: 1_700_000) >= 200_000)
    #expect(relation.error(at: 1_700_000) < 201_000)
  }

  @Test("requests that no line allows are not feasible")
  func contradiction() {
    let pairs = [
      CausalPair(cause: 0, effect: 100, answer: 200, end: 300),
      CausalPair(cause: 1_000, effect: 9_000_000, answer: 9_100_000, end: 2_000),
    ]
    #expect(ClockRelation(pairs) == nil)
  }

  @Test("a wrong pair among many is found and taken out", arguments: [0, 37, 199])
  func wrongPair(_ place: Int) throws {
    var simulation = Simulation(seed: 5)
    simulation.load(seconds: 2, perSecond: 100)
    var pairs = Self.pairs(simulation)
    let true_ = pairs[place % pairs.count]
    pairs[place % pairs.count] = CausalPair(
      cause: true_.cause, effect: true_.effect + 5_000_000, answer: true_.answer + 5_000_000,
      end: true_.end)
    let stretches = ClockFit.fit(pairs)
    #expect(stretches.map(\.removedPairs) == [1])
  }

  static func pairs(_ simulation: Simulation) -> [CausalPair] {
    zip(simulation.guest, simulation.host).map { guest, host in
      CausalPair(
        cause: guest.issued.rawValue, effect: host.queued.rawValue,
        answer: host.completed.rawValue, end: guest.completed.rawValue)
    }
  }
}

struct ClockRelationTests {
  /// Drift, seed.
  static let clocks: [(Double, UInt64)] = [-150, -41, 0, 0.3, 23, 150].flatMap { drift in
    [1, 2, 3].map { (drift, UInt64($0)) }
  }

  @Test(
    "the true clock is inside the bound at every time, also beyond the trace", arguments: clocks)
  func boundHolds(_ drift: Double, _ seed: UInt64) throws {
    var simulation = Simulation(seed: seed)
    simulation.drift = drift
    simulation.load(seconds: 4, perSecond: 200)
    let relation = try #require(ClockRelation(FeasiblePolygonTests.pairs(simulation)))
    for step in -8...16 {
      let own = Int64(step) * 500_000_000
      let miss = abs(relation.reference(own) - simulation.reference(own))
      #expect(miss <= relation.error(at: own), "at \(own)")
    }
    #expect(relation.largestError < 60_000)
    #expect(relation.middleError <= relation.largestError)
  }
}

struct GuestClockTests {
  @Test(
    "a step is found, and on either side of it the true clock is inside the bound",
    arguments: [-90_000, 90_000, 1_500_000_000])
  func step(_ step: Int64) throws {
    var simulation = Simulation(seed: 8)
    simulation.load(seconds: 4, perSecond: 200)
    let at: Int64 = 2_000_000_000
    // The guest's clock jumps at its time `at`: what it prints from then on is `step` more.
    let pairs = FeasiblePolygonTests.pairs(simulation).compactMap { pair -> CausalPair? in
      if pair.end < at { return pair }
      if pair.cause < at { return nil }
      return CausalPair(
        cause: pair.cause + step, effect: pair.effect, answer: pair.answer, end: pair.end + step)
    }
    let clock = try #require(
      GuestClock(
        ClockFit.fit(pairs), moments: pairs.flatMap { [$0.cause, $0.end] }.sorted()))
    #expect(clock.stretches.count == 2)
    for own in stride(from: Int64(100_000_000), to: 1_900_000_000, by: 100_000_000) {
      #expect(abs(clock.reference(own) - simulation.reference(own)) <= clock.error(at: own))
      let later = own + at + 200_000_000
      #expect(
        abs(clock.reference(later + step) - simulation.reference(later))
          <= clock.error(at: later + step))
    }
  }
}

struct OffsetVotingTests {
  @Test("the stretch that most requests allow wins, and each has one vote")
  func peak() throws {
    let intervals = [
      (0, 10, 0), (5, 15, 1), (8, 12, 2), (100, 110, 3), (100, 110, 3), (100, 105, 3),
    ]
    .map { OffsetVoting.Interval(low: $0.0, high: $0.1, voter: $0.2) }
    let peak = try #require(OffsetVoting.peak(intervals))
    #expect(peak.voters == 3)
    #expect(peak.low == 8)
    #expect(peak.high == 10)
  }

  @Test("nothing votes, nothing wins")
  func none() {
    #expect(OffsetVoting.peak([]) == nil)
    #expect(OffsetVoting.peak([OffsetVoting.Interval(low: 5, high: 4, voter: 0)]) == nil)
  }
}

struct RecordedClockTests {
  /// Ten seconds of requests, and what the true relation is at both ends, within some ns.
  private static func simulated(
    off: Int64 = 0, within error: Int64, requests: Int = 100
  ) -> (simulation: Simulation, record: ClockRecord) {
    var simulation = Simulation(seed: 21)
    simulation.drift = 12
    if requests > 0 { simulation.load(seconds: 10, perSecond: requests) }
    let moments = [Int64(0), 10_000_000_000].map { own in
      let true_ = simulation.reference(own) + off
      return RecordedMoment(own: own, reference: (true_ - error)...(true_ + error))
    }
    return (
      simulation,
      ClockRecord(source: 1, reference: 2, span: 0...10_000_000_000, records: [moments])
    )
  }

  private static func clock(_ simulation: Simulation, _ record: ClockRecord) throws -> SourceClock {
    let join = Join(guests: [simulation.disk], hosts: [simulation.device], recorded: [record])
    #expect(join.disks.map(\.verdict) == [.joined])
    return try #require(join.clocks.first)
  }

  @Test("a record narrows the bound, and the true relation is within it at every time")
  func narrows() throws {
    let (simulation, record) = Self.simulated(off: 300, within: 500)
    let clock = try Self.clock(simulation, record)
    let requests = try #require(clock.byRequests)
    for own in stride(from: Int64(0), through: 10_000_000_000, by: 50_000_000) {
      let away = abs(clock.clock.reference(own) - simulation.reference(own))
      #expect(away <= clock.clock.error(at: own))
      #expect(clock.clock.error(at: own) <= 1_002)
      #expect(requests.error(at: own) > 2_000)
    }
    #expect(clock.clock.stretches.map(\.recordedMoments) == [2])
    #expect(clock.violations == 0)
  }

  @Test("a record that contradicts the requests is left out")
  func contradicts() throws {
    let (simulation, record) = Self.simulated(off: 5_000_000, within: 500)
    let clock = try Self.clock(simulation, record)
    #expect(clock.clock.stretches.map(\.recordedMoments) == [0])
    let middle: Int64 = 5_000_000_000
    #expect(clock.clock.reference(middle) == clock.byRequests?.reference(middle))
  }

  @Test("after an idle pause a record of the time before it still narrows the bound")
  func idlePause() throws {
    var (simulation, _) = Self.simulated(within: 500, requests: 0)
    simulation.load(seconds: 5, perSecond: 100)
    // Paused at 7 s for 300 ms: no request shows it.
    let moments = [(Int64(2_000_000_000), Int64(0)), (9_000_000_000, 300_000_000)].map {
      own, step in
      let true_ = simulation.reference(own) + step
      return RecordedMoment(own: own, reference: (true_ - 500)...(true_ + 500))
    }
    let record = ClockRecord(
      source: 1, reference: 2, span: 0...10_000_000_000, records: [moments])
    let clock = try Self.clock(simulation, record)
    #expect(clock.clock.stretches.map(\.recordedMoments) == [1])
    let own: Int64 = 2_000_000_000
    #expect(
      abs(clock.clock.reference(own) - simulation.reference(own)) <= clock.clock.error(at: own))
    #expect(clock.clock.error(at: own) <= 1_002)
    #expect(clock.clock.isShown(at: own))
    #expect(!clock.clock.isShown(at: 9_000_000_000))
  }

  @Test("a trace without a matched request is placed by the record alone")
  func alone() throws {
    var (simulation, record) = Self.simulated(within: 500, requests: 0)
    for at in 1...3 { simulation.add(at: Int64(at) * 1_000_000_000, hasHost: false) }
    let join = Join(guests: [simulation.disk], hosts: [simulation.device], recorded: [record])
    #expect(join.disks.map(\.verdict) == [.noHostBios])
    let clock = try #require(join.clocks.first)
    #expect(clock.byRequests == nil)
    let own: Int64 = 3_000_000_000
    #expect(abs(clock.clock.reference(own) - simulation.reference(own)) <= 502)
    // Its I/Os lie on the reference timeline, with the record's bound.
    let io = try #require(join.disks.first?.ios.last)
    #expect(abs(io.reference.rawValue - simulation.reference(own - 1_500)) <= 502)
  }
}

struct ExactRelationTests {
  /// Ten seconds of requests, and a relation that is off the true one.
  private static func simulated(
    off: Int64, requests: Int = 100
  ) -> (simulation: Simulation, record: ClockRecord) {
    var simulation = Simulation(seed: 22)
    simulation.drift = 12
    if requests > 0 { simulation.load(seconds: 10, perSecond: requests) }
    let middle: Int64 = 5_000_000_000
    let exact = ExactRelation(
      own: middle, reference: simulation.reference(middle) + off, gain: 12e-6)
    return (
      simulation,
      ClockRecord(
        source: 1, reference: 2, span: 0...10_000_000_000, records: [], exact: exact)
    )
  }

  @Test("a relation that is known takes the place of what requests leave open, to the nanosecond")
  func isUsed() throws {
    let (simulation, record) = Self.simulated(off: 0)
    let join = Join(guests: [simulation.disk], hosts: [simulation.device], recorded: [record])
    let clock = try #require(join.clocks.first)
    for own in stride(from: Int64(0), through: 20_000_000_000, by: 50_000_000) {
      #expect(abs(clock.clock.reference(own) - simulation.reference(own)) <= 1)
      #expect(clock.clock.error(at: own) == 1)
    }
    let relation = try #require(clock.clock.stretches.first)
    #expect(relation.isExact && relation.pairs > 100 && clock.violations == 0)
    #expect(try #require(clock.byRequests).error(at: 0) > 1_000)
  }

  @Test("one that requests contradict is left out")
  func isContradicted() throws {
    let (simulation, record) = Self.simulated(off: 5_000_000)
    let join = Join(guests: [simulation.disk], hosts: [simulation.device], recorded: [record])
    let clock = try #require(join.clocks.first)
    #expect(clock.clock == clock.byRequests)
  }

  @Test("a trace without a matched request is placed by it")
  func alone() throws {
    var (simulation, record) = Self.simulated(off: 0, requests: 0)
    for at in 1...3 { simulation.add(at: Int64(at) * 1_000_000_000, hasHost: false) }
    let join = Join(guests: [simulation.disk], hosts: [simulation.device], recorded: [record])
    let clock = try #require(join.clocks.first?.clock)
    let own: Int64 = 3_000_000_000
    #expect(abs(clock.reference(own) - simulation.reference(own)) <= 1)
    #expect(clock.error(at: own) == 1)
  }

  @Test("two clocks that count one counter are related exactly")
  func cyclesAreConverted() throws {
    let own = try #require(CycleClock(multiplier: 1 << 30, shift: 31, zero: 0))
    let same = try #require(CycleClock(multiplier: 1 << 30, shift: 31, zero: -7_000))
    #expect(own.time(1_000_000_000_000_003, on: same) == 999_999_999_993_003)
    #expect(own.gain(of: same) == 0)
    // 100 ppm faster: cycles are rounded down.
    let faster = try #require(CycleClock(multiplier: 1_000_100, shift: 20, zero: 0))
    let slower = try #require(CycleClock(multiplier: 1_000_000, shift: 20, zero: 500))
    #expect(faster.time(1_000_100_000_000, on: slower) == 1_000_000_000_500)
    #expect(abs(slower.gain(of: faster) - 1e-4) < 1e-12)
    #expect(CycleClock(multiplier: 0, shift: 20, zero: 0) == nil)
    #expect(CycleClock(multiplier: 5, shift: 33, zero: 0) == nil)
    #expect(
      own.time(.max, on: try #require(CycleClock(multiplier: .max >> 32, shift: 0, zero: 0))) == nil
    )
  }
}
