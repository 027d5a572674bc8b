import Testing
import TraceModel

@testable import TraceCorrelation

/// A guest whose clock steps, and that is paused, while it has requests in flight. All times are the host's until
/// they are printed.
private struct SteppedGuest {
  struct Event {
    /// ns on the reference.
    let at: Int64
    /// For so long the guest does nothing, ns.
    var pause: Int64 = 0
    /// What the guest's clock is moved by at the end of it, ns: for one that stands still in a pause, less by its
    /// length.
    var step: Int64 = 0

    var end: Int64 { at + pause }
  }

  private var random: Simulation.Random
  private(set) var guest: [BlockRequest] = []
  private(set) var host: [BlockRequest] = []
  /// The host's request of each of the guest's.
  private(set) var truth: [Int64: Int64] = [:]
  /// The guest's requests that were under way when something happened.
  private(set) var inFlight: Set<Int64> = []
  let events: [Event]
  /// Reference minus own before the first event, ns.
  private let offset: Int64 = 1_234_567_890

  /// Requests of that many in flight at a time, at a device that takes 0.1 to 1 ms for each, or a hundredfold as
  /// often as `slow` says; of so many sectors that a block comes again seldom, or often.
  init(
    seed: UInt64, _ events: [Event], seconds: Double, depth: Int = 4, slow: Double = 0,
    blocks: Int64 = 10_000_000
  ) {
    random = Simulation.Random(state: seed)
    self.events = events
    var busy = [Int64](repeating: 1_000_000, count: depth)
    var number: Int64 = 0
    while true {
      guard let slot = busy.indices.min(by: { busy[$0] < busy[$1] }) else { return }
      let issued = resumed(busy[slot] + Int64.random(in: 20_000...600_000, using: &random))
      guard Double(issued) < seconds * 1e9 else { break }
      let queued = resumed(issued + Int64.random(in: 50_000...300_000, using: &random))
      let isSlow = Double.random(in: 0..<1, using: &random) < slow
      let device =
        Int64.random(in: 100_000...1_000_000, using: &random) * (isSlow ? 100 : 1)
      let done = queued + 5_000 + device
      let completed = resumed(done + Int64.random(in: 50_000...300_000, using: &random))
      busy[slot] = completed
      number += 1
      let sector = Int64.random(in: 0..<blocks, using: &random) * 8
      let id = number * 2
      var request = BlockRequest()
      request.id = id
      (request.sector, request.sectors, request.rwbs) = (sector, 8, .write)
      request.queued = Stamp(own(issued) - 1_500)
      request.issued = Stamp(own(issued))
      request.firstIssued = request.issued
      request.completed = Stamp(own(completed))
      guest.append(request)
      var piece = BlockRequest()
      piece.id = id + 1
      (piece.sector, piece.sectors, piece.rwbs) = (sector + 2048, 8, .write)
      piece.queued = Stamp(queued)
      piece.issued = Stamp(queued + 5_000)
      piece.firstIssued = piece.issued
      piece.completed = Stamp(done)
      host.append(piece)
      truth[id] = id + 1
      if events.contains(where: { issued <= $0.end && completed >= $0.at }) { inFlight.insert(id) }
    }
  }

  /// The moment, or when the guest goes on.
  private func resumed(_ moment: Int64) -> Int64 {
    guard let event = events.last(where: { $0.at <= moment }), moment < event.end else {
      return moment
    }
    return event.end + (moment - event.at) % 20_000
  }

  private func own(_ moment: Int64) -> Int64 {
    moment - offset + events.filter { $0.end <= moment }.reduce(0) { $0 + $1.step }
  }

  func join() -> Join {
    Join(
      guests: [GuestDisk(machine: "g", stream: 1, source: 1, segment: 0, rows: guest, bios: [])],
      hosts: [
        HostDevice(
          stream: 2, source: 2, rows: host, bios: [], remapDeltas: [], losses: [],
          first: (host.map(\.queued.rawValue).min() ?? 0) - 1_000_000_000,
          last: (host.map(\.completed.rawValue).max() ?? 0) + 1_000_000_000)
      ])
  }

  /// Matches that are claimed to be certain and are wrong.
  func wrong(_ join: Join) -> [GuestIO] {
    join.disks[0].ios.filter {
      [.exact, .merged, .split].contains($0.grade) && $0.hostRequest != truth[$0.request]
    }
  }

  /// The guest's requests that have no certain match.
  func open(_ join: Join) -> [GuestIO] {
    join.disks[0].ios.filter { ![.exact, .merged, .split].contains($0.grade) }
  }

  /// What the offset changes by from one segment to the next, ns.
  func steps(_ join: Join) -> [Int64] {
    let segments = join.clocks.first?.clock.stretches ?? []
    return zip(segments, segments.dropFirst()).map { before, after in
      let own = before.to + (after.from - before.to) / 2
      return after.reference(own) - before.reference(own)
    }
  }
}

struct StepTests {
  private static func still(_ at: Double, _ milliseconds: Int64) -> SteppedGuest.Event {
    let length = milliseconds * 1_000_000
    return SteppedGuest.Event(at: Int64(at * 1e9), pause: length, step: -length)
  }

  @Test(
    "pauses under load are found with their sizes, and every request is joined",
    arguments: [(1, 0.0), (2, 0.0), (3, 0.05), (4, 0.3)])
  func pauses(_ seed: UInt64, _ slow: Double) {
    let events = [
      Self.still(2.012, 80), Self.still(4.009, 300), Self.still(6.013, 1_200), Self.still(8.5, 3),
    ]
    let guest = SteppedGuest(seed: seed, events, seconds: 12, slow: slow)
    let join = guest.join()
    #expect(guest.wrong(join).isEmpty)
    #expect(guest.open(join).allSatisfy { guest.inFlight.contains($0.request) })
    let steps = guest.steps(join)
    #expect(steps.count == events.count)
    for (step, event) in zip(steps, events) { #expect(abs(step + event.step) < 700_000) }
    for io in join.disks[0].ios where !guest.inFlight.contains(io.request) {
      #expect(io.times[.hardwareQueue].isSeen)
    }
  }

  @Test("the hops of a request that a pause may lie in are not known, and never below zero")
  func hops() {
    let guest = SteppedGuest(seed: 9, [Self.still(2, 300), Self.still(4, 80)], seconds: 6)
    let join = guest.join()
    let ios = join.disks[0].ios
    #expect(ios.allSatisfy { $0.times[.virtioSubmit].nanoseconds ?? 0 >= -500_000 })
    #expect(ios.allSatisfy { $0.times[.virtioQueue].nanoseconds ?? 0 >= 0 })
    #expect(
      ios.allSatisfy {
        $0.times[.block].isSeen
          == ($0.times[.virtioSubmit].isSeen && $0.times[.virtioReturn].isSeen)
      })
    let unknown = ios.filter { !$0.times[.block].isSeen }
    #expect(!unknown.isEmpty && unknown.count < 30)
    // And those that are known are right: the whole of them lies within the times of the host's side.
    for io in ios where io.times[.block].isSeen && !guest.inFlight.contains(io.request) {
      #expect(io.times[.virtioQueue].nanoseconds ?? .max < 700_000)
    }
  }

  @Test("a clock that goes on in a pause has not stepped")
  func goesOn() {
    let guest = SteppedGuest(
      seed: 5, [SteppedGuest.Event(at: 2_000_000_000, pause: 500_000_000)], seconds: 4)
    let join = guest.join()
    #expect(guest.steps(join).isEmpty)
    #expect(guest.open(join).isEmpty && guest.wrong(join).isEmpty)
  }

  @Test("steps forward are found with their sizes", arguments: [2, 250, 5_000])
  func forward(_ milliseconds: Int64) {
    let event = SteppedGuest.Event(at: 3_000_000_000, step: milliseconds * 1_000_000)
    let guest = SteppedGuest(seed: 7, [event], seconds: 6)
    let join = guest.join()
    #expect(guest.wrong(join).isEmpty)
    #expect(guest.open(join).count <= guest.inFlight.count)
    #expect(guest.steps(join).count == 1)
    for step in guest.steps(join) { #expect(abs(step + event.step) < 700_000) }
  }

  @Test(
    "of more requests than a place is looked for with, a step out and back between those is found")
  func excursion() {
    // 16 runs of 1,024 requests are looked at first. The clock is off for half of the time between two of those.
    let (there, back) = (Int64(9_000_000), Int64(20_000_000))
    let events = [
      SteppedGuest.Event(at: 6_100_000_000, step: there),
      SteppedGuest.Event(at: 6_300_000_000, pause: back, step: -there),
    ]
    let guest = SteppedGuest(seed: 21, events, seconds: 12)
    #expect(guest.guest.count > 33_000)
    let join = guest.join()
    #expect(guest.wrong(join).isEmpty)
    #expect(guest.open(join).count <= guest.inFlight.count)
    #expect(guest.steps(join).count == 2)
    for (step, event) in zip(guest.steps(join), events) {
      #expect(abs(step + event.step) < 700_000)
    }
  }

  @Test("after an idle pause two requests whose blocks occur once show the step")
  func idle() {
    // At the depth of one, and then nothing but two requests three seconds later.
    var events = [Self.still(2, 300)]
    events.append(SteppedGuest.Event(at: 2_300_000_001, pause: 3_000_000_000))
    let guest = SteppedGuest(seed: 12, events, seconds: 5.302, depth: 1)
    let join = guest.join()
    let late = guest.guest.filter { $0.issued.rawValue > 3_000_000_000 }
    #expect(late.count >= 2 && late.count < 5)
    #expect(guest.wrong(join).isEmpty)
    #expect(guest.open(join).allSatisfy { guest.inFlight.contains($0.request) })
    #expect(guest.steps(join).count == 1)
  }

  @Test(
    "many steps, copies of blocks and slow requests end in bounded time, with nothing wrong",
    .timeLimit(.minutes(2)), arguments: 1...12)
  func many(_ seed: UInt64) {
    var random = Simulation.Random(state: seed &* 977)
    var events: [SteppedGuest.Event] = []
    var at: Int64 = 500_000_000
    while at < 10_000_000_000 {
      let length = Int64.random(in: 1_000_000...400_000_000, using: &random)
      let kind = Int.random(in: 0..<3, using: &random)
      events.append(
        SteppedGuest.Event(
          at: at, pause: kind < 2 ? length : 0, step: kind == 0 ? -length : kind == 1 ? 0 : length))
      at += length + Int64.random(in: 50_000_000...1_500_000_000, using: &random)
    }
    let guest = SteppedGuest(
      seed: seed, events, seconds: 11, depth: Int(seed), slow: 0.1,
      blocks: seed % 3 == 0 ? 6 : seed % 3 == 1 ? 2_000 : 10_000_000)
    let join = guest.join()
    #expect(guest.wrong(join).count == 0)
    // Six blocks, always the same: nothing votes for a place.
    let isHopeless = seed % 3 == 0
    #expect((join.disks[0].verdict == .joined) != isHopeless)
    if !isHopeless { #expect(guest.open(join).count < 20 + guest.inFlight.count) }
  }

  @Test("a step so early that it is not found leaves nothing certain before it", arguments: 1...12)
  func notFound(_ seed: UInt64) {
    var random = Simulation.Random(state: seed &* 7_919)
    let length = Int64.random(in: 300_000...30_000_000, using: &random)
    let event = SteppedGuest.Event(
      at: Int64.random(in: 15_000_000...80_000_000, using: &random),
      pause: seed.isMultiple(of: 2) ? length : 0,
      step: seed.isMultiple(of: 2) ? -length : length)
    let guest = SteppedGuest(
      seed: seed, [event], seconds: 3, depth: [1, 4, 16][Int(seed % 3)], slow: 0.3, blocks: 40)
    #expect(guest.wrong(guest.join()).count == 0)
  }
}

struct ClockFitTests {
  /// A request each millisecond, off by 5 s, and from one number on by a step more.
  private static func pairs(_ count: Int, stepAt: Int = .max, by step: Int64 = 0) -> [CausalPair] {
    (0..<count).map { number in
      let own = Int64(number) * 1_000_000
      let other = own + 5_000_000_000 + (number >= stepAt ? step : 0)
      return CausalPair(
        cause: own, effect: other + 50_000, answer: other + 400_000, end: own + 450_000)
    }
  }

  @Test("a request that lies across a step ends the search neither at its begin nor at its end")
  func across() {
    var pairs = Self.pairs(100, stepAt: 50, by: 300_000_000)
    // Issued before the pause, on the device when it begins, and back after it: longer on the host.
    let own: Int64 = 49_100_000
    pairs.append(
      CausalPair(
        cause: own, effect: own + 5_000_050_000, answer: own + 5_200_000_000, end: own + 700_000))
    let segments = ClockFit.fit(pairs)
    #expect(segments.count == 2)
    #expect(segments.map(\.removedPairs) == [0, 0])
  }

  @Test("a pair that no line allows is a wrong one")
  func impossible() {
    var pairs = Self.pairs(100)
    pairs.append(
      CausalPair(
        cause: 30_500_000, effect: 5_030_600_000, answer: 5_530_600_000, end: 30_900_000))
    #expect(ClockFit.fit(pairs).map(\.removedPairs) == [1])
  }

  @Test("two wrong pairs close to each other are no step")
  func neighbours() {
    var pairs = Self.pairs(200)
    for number in [90, 93] {
      let pair = pairs[number]
      pairs[number] = CausalPair(
        cause: pair.cause, effect: pair.effect + 7_000_000, answer: pair.answer + 7_000_000,
        end: pair.end)
    }
    #expect(ClockFit.fit(pairs).count == 1)
  }

  @Test("two pairs at the end bind a segment where their blocks occur once, and else do not")
  func few() {
    let pairs = Self.pairs(100, stepAt: 98, by: 300_000_000)
    #expect(ClockFit.fit(pairs).count == 1)
    let unique = pairs.enumerated().map { number, pair in
      CausalPair(
        cause: pair.cause, effect: pair.effect, answer: pair.answer, end: pair.end,
        isUnique: number >= 98)
    }
    #expect(ClockFit.fit(unique).count == 2)
  }

  @Test("pairs that do not go together end soon", .timeLimit(.minutes(5)))
  func random() {
    var random = Simulation.Random(state: 3)
    let pairs = Self.pairs(1_000).map { pair in
      let away = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
      return CausalPair(
        cause: pair.cause, effect: pair.effect + away, answer: pair.answer + away, end: pair.end)
    }
    #expect(ClockFit.fit(pairs).isEmpty)
    #expect(ClockFit.fit(Self.pairs(4_000, stepAt: 1_000, by: -300_000)).count == 2)
  }
}
