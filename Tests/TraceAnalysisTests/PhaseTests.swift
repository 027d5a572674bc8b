import Glibc
import Testing
import TraceCorrelation
import TraceModel

@testable import TraceAnalysis

/// When a guest's I/O changed and by how much in which hop, on I/Os made for it.
struct PhaseTests {
  private static let second: Int64 = 1_000_000_000

  /// ns; 5 us in each other hop.
  private static let usual: [Hop: Double] = [
    .guestScheduler: 20_000, .virtioSubmit: 30_000, .hardwareQueue: 100_000,
    .virtioReturn: 20_000,
  ]

  /// The parts of an I/O that a host's block trace shows: none goes through QEMU's log as well.
  private static let parts = Hop.blockParts.filter { !Hop.throughQEMU.contains($0) }

  /// Reads and writes of ten seconds, 500 a second, each with a lognormal time in every hop; `change` may alter one.
  private static func population(
    seed: UInt64, seconds: Int64 = 10, wander: Double = 0,
    _ change: (_ at: Int64, _ io: inout GuestIO) -> Void = { _, _ in }
  ) -> PhasePopulation {
    var random = SeededGenerator(seed: seed)
    // Each hop draws from its own sequence, so that one more hop leaves the times of the others as they are.
    var sequences = parts.map { hop in
      SeededGenerator(seed: hop.name.utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) })
    }
    func normal(_ random: inout SeededGenerator) -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + Double(random.next() >> 11) / Double(1 << 53) }
    }
    var level = 0.0
    var ios = GuestIOs()
    for place in 0..<Int(500 * seconds) {
      let at = Int64(place) * second / 500 + Int64(random.index(below: 1_000_000))
      // A level that comes back to 0 over a hundred I/Os.
      level += -level / 100 + wander * normal(&random)
      var io = GuestIO()
      io.operation = random.index(below: 3) == 0 ? .read : .write
      io.reference = Stamp(at)
      io.grade = .exact
      for (index, hop) in parts.enumerated() {
        let spread = exp(0.4 * normal(&sequences[index]) + level)
        io.times[hop] = Stamp(Int64((Self.usual[hop] ?? 5_000) * spread))
      }
      change(at, &io)
      io.times[.block] = Stamp(parts.reduce(Int64(0)) { $0 + io.times[$1].rawValue })
      ios.append(io)
    }
    return PhasePopulation(guest: "web1", [("254,0", ios)])
  }

  private static func slower(
    _ io: inout GuestIO, _ hop: Hop, by factor: Double
  ) {
    io.times[hop] = Stamp(Int64(Double(io.times[hop].rawValue) * factor))
  }

  @Test(
    "an I/O that is as it was has one phase, the baseline", arguments: 1...20 as ClosedRange<UInt64>
  )
  func steady(seed: UInt64) throws {
    let population = Self.population(seed: seed)
    let phases = GuestPhases(population, [], .init()).phases
    let only = try #require(phases.first)
    #expect(phases.count == 1 && only.isBaseline && only.onsetError == nil)
    let span = try #require(population.span)
    #expect(only.range == span.lowerBound..<span.upperBound + 1)
    #expect(PhaseExcess(population, phases).rows.isEmpty)
  }

  /// For as long as a block of the search. That one in five of such captures shows a phase is a limit of the search, which
  /// must not become worse: of 200 it was 39. Eight of these 40 are expected, and more than twelve seldom come by chance.
  /// One whose latencies do not depend on each other shows none.
  @Test(
    "latencies that go up and down by themselves are seldom phases",
    arguments: [0.005, 0.015, 0.03])
  func wandering(wander: Double) {
    let found = (1...40 as ClosedRange<UInt64>).filter { seed in
      GuestPhases(Self.population(seed: seed, wander: wander), [], .init()).phases.count > 1
    }
    #expect(found.count <= 12, "\(found)")
  }

  @Test(
    "a device that is slower for two seconds is a phase between two of the baseline",
    arguments: [(1, 1.5), (2, 1.5), (3, 1.3), (4, 1.3), (5, 2.0), (6, 1.25)] as [(UInt64, Double)])
  func episode(seed: UInt64, factor: Double) throws {
    let (from, to) = (4_123_000_000 as Int64, 6_456_000_000 as Int64)
    let population = Self.population(seed: seed) { at, io in
      if (from..<to).contains(at) { Self.slower(&io, .hardwareQueue, by: factor) }
    }
    let phases = GuestPhases(population, [], .init()).phases
    try #require(phases.count == 3)
    #expect(phases.map(\.isBaseline) == [true, false, true])
    for (phase, truth) in zip(phases.dropFirst(), [from, to]) {
      let error = try #require(phase.onsetError)
      #expect(abs(phase.range.lowerBound - truth) <= max(error, Self.second / 4))
      #expect(error <= Self.second / 2)
    }
    #expect(
      zip(phases, phases.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
    #expect(phases[1].signals.contains("254,0 writes"))

    let excess = PhaseExcess(population, phases)
    for operation in [BlockOperation.read, .write, nil] {
      let rows = excess.rows.filter { $0.operation == operation && $0.device == nil }
      func row(_ hop: Hop) throws -> PhaseExcess.Row { try #require(rows.first { $0.hop == hop }) }
      let parts = rows.filter { Hop.parts.contains($0.hop) }
      #expect(try parts.reduce(0) { $0 + $1.delta } == row(.total).delta)
      #expect(try row(.block).delta == row(.total).delta)
      // exp(0.4 * 0.4 / 2) is the mean of the lognormal part.
      let expected = 100_000 * exp(0.08) * (factor - 1)
      let hardware = try row(.hardwareQueue)
      let interval = try #require(hardware.interval)
      #expect(abs(Double(hardware.delta) - expected) <= max(0.15 * expected, 3_000))
      #expect(interval.low < Double(hardware.delta) && Double(hardware.delta) < interval.high)
      #expect(abs((hardware.share ?? 0) - 1) < 0.2)
      #expect(hardware.mean - hardware.baselineMean == hardware.delta)
    }
    // Of all that did not change, nothing is blamed; what is cleared is among it.
    #expect(!excess.cleared.contains { $0.hop == .hardwareQueue })
    #expect(excess.cleared.contains { $0.hop == .hostScheduler && $0.device == nil })
  }

  @Test(
    "after an episode a wait in the page cache that is a little shorter does not make it another one; half of it does",
    arguments: [(0.85, true), (0.4, false)])
  func pageCache(factor: Double, isBaseline: Bool) throws {
    let end: Int64 = 6_456_000_000
    let population = Self.population(seed: 11) { at, io in
      guard io.operation == .write else { return }
      io.times[.pageCache] = Stamp(Int64((at >= end ? factor : 1) * 20_000_000))
      if (4_123_000_000..<end).contains(at) { Self.slower(&io, .hardwareQueue, by: 2) }
    }
    let phases = GuestPhases(population, [], .init()).phases
    #expect(phases.map(\.isBaseline) == [true, false, isBaseline])
  }

  @Test("what stays changed has no baseline behind it")
  func openEnd() {
    let population = Self.population(seed: 9) { at, io in
      if at > 6_000_000_000 { Self.slower(&io, .virtioReturn, by: 6) }
    }
    let phases = GuestPhases(population, [], .init()).phases
    #expect(phases.map(\.isBaseline) == [true, false])
  }

  @Test("what lasts for a moment at the ends of the capture is no phase, and not what is usual")
  func ends() {
    let moment: Int64 = 350_000_000
    let population = Self.population(seed: 31) { at, io in
      if at < moment || at >= 10 * Self.second - moment { Self.slower(&io, .hardwareQueue, by: 3) }
    }
    let phases = GuestPhases(population, [], .init()).phases
    #expect(phases.map(\.isBaseline) == [true])
  }

  // MARK: Windows that a person named

  /// Slower from 6 s on, with the windows in seconds.
  private static func named(
    _ windows: NamedWindows, from: Int64 = 6, factor: Double = 2
  ) -> [GuestPhases.Phase] {
    let population = population(seed: 9) { at, io in
      if at >= from * second { slower(&io, .hardwareQueue, by: factor) }
    }
    func scaled(_ window: Range<Int64>?) -> Range<Int64>? {
      window.map { $0.lowerBound * second..<$0.upperBound * second }
    }
    return GuestPhases(
      population, [], .init(),
      NamedWindows(symptom: scaled(windows.symptom), baseline: scaled(windows.baseline))
    ).phases
  }

  @Test(
    "a phase that a named window holds is compared with the rest, or the rest with it",
    arguments: [
      (NamedWindows(symptom: 0..<5), [false, true]), (NamedWindows(symptom: 7..<9), [true, false]),
      (NamedWindows(baseline: 7..<9), [false, true]),
      (NamedWindows(baseline: 1..<3), [true, false]),
      (NamedWindows(symptom: 1..<2, baseline: 8..<9), [false, true]),
      // What reaches over the end of the capture is taken as far as there is any.
      (NamedWindows(symptom: 7..<100), [true, false]),
    ])
  func windows(_ windows: NamedWindows, isBaseline: [Bool]) throws {
    let phases = Self.named(windows)
    #expect(phases.map(\.isBaseline) == isBaseline)
    #expect(phases.allSatisfy { !$0.isNamed })
    // The change is where it was found, not where somebody named a moment.
    let onset = try #require(phases.last)
    #expect(abs(onset.range.lowerBound - 6 * Self.second) < Self.second / 4)
    #expect(onset.onsetError != nil)
    let other = try #require(phases.first { !$0.isBaseline })
    #expect(other.signals.contains("254,0 writes"))
  }

  @Test(
    "where nothing changed at its ends, a named window is cut out as it is",
    arguments: [
      (NamedWindows(symptom: 2..<4), [true, false, true]),
      (NamedWindows(baseline: 2..<4), [false, true, false]),
      (NamedWindows(symptom: 0..<4), [false, true]),
    ])
  func cut(_ windows: NamedWindows, isBaseline: [Bool]) throws {
    let phases = Self.named(windows, from: 20)
    #expect(phases.map(\.isBaseline) == isBaseline)
    #expect(phases.dropFirst().allSatisfy { $0.onsetError == nil && $0.isNamed })
    #expect(phases.last?.range.lowerBound == 4 * Self.second)
    #expect(phases.allSatisfy { $0.signals.isEmpty })
    #expect(
      zip(phases, phases.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
  }

  @Test("of a window that holds the change as a whole, what lies outside is the baseline")
  func around() {
    // Both phases belong to it more than not, so neither is what is usual.
    let phases = Self.named(NamedWindows(symptom: 1..<9))
    #expect(phases.map(\.isBaseline) == [true, false, false, true])
  }

  @Test("an I/O of which nothing of the host is known has its time below the guest")
  func unmatched() throws {
    let population = Self.population(seed: 10) { at, io in
      if at > 5_000_000_000 { Self.slower(&io, .hardwareQueue, by: 3) }
    }
    var ios = GuestIOs()
    population.forEach { _, _, io in
      var alone = io
      for hop in Self.parts where hop != .guestScheduler {
        alone.times[hop] = .unseen
      }
      alone.grade = .unmatched
      ios.append(alone)
    }
    let other = PhasePopulation(guest: "web1", [("254,0", ios)])
    let phases = GuestPhases(other, [], .init()).phases
    try #require(phases.count == 2)
    let rows = PhaseExcess(other, phases).rows.filter { $0.operation == nil && $0.device == nil }
    let below = try #require(rows.first { $0.hop == .belowGuest })
    let total = try #require(rows.first { $0.hop == .total })
    #expect(abs((below.share ?? 0) - 1) < 0.05)
    #expect(
      rows.filter { $0.hop != .total && $0.hop != .block }.reduce(0) { $0 + $1.delta }
        == total.delta)
    let cleared = Set(PhaseExcess(other, phases).cleared.map(\.hop))
    #expect(
      cleared.isDisjoint(with: Self.parts.filter { $0 != .guestScheduler }))
    #expect(
      rows.filter { $0.hop == .hardwareQueue }.allSatisfy { $0.mean == 0 && $0.baselineMean == 0 })
  }

  @Test(
    "a time in which nothing is completed is a phase of its own, with the I/Os that waited in it")
  func stall() throws {
    let stall = 3_000_000_000 as Int64..<3_600_000_000
    let population = Self.population(seed: 11) { at, io in
      if stall.contains(at) {
        io.times[.hardwareQueue] = Stamp(stall.upperBound - at + 100_000)
      }
    }
    let phases = GuestPhases(population, [], .init(stalls: [stall])).phases
    #expect(phases.map(\.isStall) == [false, true, false])
    #expect(phases.map(\.isBaseline) == [true, false, true])
    #expect(phases[1].range == stall && phases[1].signals == ["completions"])
    let rows = PhaseExcess(population, phases).rows
    let hardware = try #require(
      rows.first { $0.hop == .hardwareQueue && $0.operation == nil && $0.device == nil })
    #expect(hardware.mean > 200_000_000)
  }

  @Test("a pause of the guest is no phase, and what was in flight then is not part of one")
  func pause() throws {
    let pause = 3_000_000_000 as Int64..<4_500_000_000
    let population = Self.population(seed: 11) { at, io in
      if pause.contains(at) {
        io.times[.virtioReturn] = Stamp(pause.upperBound - at + 100_000)
      }
    }
    let pauses: [(Range<Int64>, Int64)] = [(pause, 1_500_000_000)]
    let told = GuestPhases(population, [], .init(pauses: pauses)).phases
    #expect(told.count == 1 && told[0].isBaseline)
    #expect(GuestPhases(population, [], .init()).phases.count > 1)
  }

  @Test(
    "of a wait in the page cache the pause goes off that lies in it, and no more",
    arguments: [(200, 700), (500, 400)])
  func waitAcrossPause(length: Int64, left: Int64) {
    let pauses = GuestPhases.Interruptions(pauses: [(3_000..<3_500, length)])
    #expect(pauses.withoutPauses(900, endedAt: 3_800) == left)
    #expect(pauses.withoutPauses(200, endedAt: 3_800) == 200)
    #expect(pauses.withoutPauses(400, endedAt: 2_900) == 400)
    // Of one that ended in it only what lies in it can be.
    #expect(pauses.withoutPauses(400, endedAt: 3_100) == 300)
  }

  @Test(
    "waits for a CPU place a change that hardly shows in a single I/O; alone they make no phase")
  func waits() throws {
    func amounts(from: Int64) -> PhaseAmounts {
      var sum = PhaseAmounts.Sum(within: Span(from: 0, to: 10 * Self.second))
      var random = SeededGenerator(seed: 12)
      for slot in 0..<Int64(1_000) {
        let at = slot * 10_000_000
        let share = at >= from ? 5 : 2
        sum.add(Span(from: at, to: at + Int64(random.index(below: share * 2_000_000))))
      }
      return sum.amounts("waits for a CPU")
    }
    let onset = 6_300_000_000 as Int64
    let population = Self.population(seed: 12) { at, io in
      if at >= onset { Self.slower(&io, .virtioReturn, by: 3) }
    }
    let phases = GuestPhases(population, [amounts(from: onset)], .init()).phases
    try #require(phases.count == 2)
    #expect(abs(phases[1].range.lowerBound - onset) <= 50_000_000)
    #expect(phases[1].signals.contains("waits for a CPU"))
    let steady = Self.population(seed: 12)
    #expect(GuestPhases(steady, [amounts(from: onset)], .init()).phases.count == 1)
  }

  /// The same I/Os as their host alone shows them.
  private static func onHost(_ population: PhasePopulation) -> PhasePopulation {
    var ios = GuestIOs()
    population.forEach { _, _, io in
      var own = io
      for hop in Hop.blockParts where !Hop.onHost.contains(hop) { own.times[hop] = .unseen }
      own.times[.block] = Stamp(Hop.onHost.reduce(0) { $0 + io.times[$1].rawValue })
      ios.append(own)
    }
    return PhasePopulation(guest: "web1", [("8,0", ios)], seenBy: .host)
  }

  @Test("of a guest that its host alone shows the hops on the host are told, and no other")
  func hostAlone() throws {
    let onset = 6_000_000_000 as Int64
    let population = Self.onHost(
      Self.population(seed: 21) { at, io in
        if at >= onset { Self.slower(&io, .hardwareQueue, by: 2) }
      })
    let phases = GuestPhases(population, [], .init()).phases
    try #require(phases.count == 2)
    #expect(abs(phases[1].range.lowerBound - onset) <= 50_000_000)
    let excess = PhaseExcess(population, phases)
    #expect(
      Set(excess.rows.map(\.hop)) == Set(Hop.onHost + [.block, .total]))
    let all = excess.rows.filter { $0.operation == nil && $0.device == nil }
    func delta(_ hop: Hop) throws -> Int64 { try #require(all.first { $0.hop == hop }).delta }
    #expect(try Hop.onHost.reduce(0) { $0 + (try delta($1)) } == delta(.total))
    #expect(Set(excess.cleared.map(\.hop)) == Set(Hop.onHost).subtracting([.hardwareQueue]))
    let steady = Self.onHost(Self.population(seed: 21))
    #expect(GuestPhases(steady, [], .init()).phases.count == 1)
  }

  /// Waits behind neighbours, in cells of 50 ms: of each as much as `wait` says, and a part of that more or less.
  private static func waits(
    _ seconds: Int64, from: Int64 = 0, _ wait: (Int64) -> Double
  ) -> PhaseAmounts {
    let grid = BlockGrid(
      from: from, to: seconds * second - 1, length: 50_000_000, most: .max)
    var random = SeededGenerator(seed: 5)
    let cells = (0..<grid.count).map {
      wait(grid.begin(of: $0)) * Double(50 + random.index(below: 101)) / 100
    }
    return PhaseAmounts("waits behind neighbours", grid, cells).asSymptom
  }

  @Test("where the host alone shows a guest, what its threads wait for makes a phase")
  func symptom() throws {
    let (from, to) = (3_000_000_000 as Int64, 7_000_000_000 as Int64)
    let population = Self.onHost(Self.population(seed: 22))
    let waits = Self.waits(10) { from..<to ~= $0 ? 2.5e7 : 2e6 }
    let phases = GuestPhases(population, [waits], .init()).phases
    try #require(phases.map(\.isBaseline) == [true, false, true])
    #expect(abs(phases[1].range.lowerBound - from) <= 100_000_000)
    #expect(abs(phases[2].range.lowerBound - to) <= 100_000_000)
    #expect(phases[1].signals == ["waits behind neighbours"] && phases[1].showsInWaits)
    // A tenth more is none, nor is what holds a hundredth of a CPU.
    for (usual, more) in [(2e7, 2.2e7), (1e5, 5e5)] {
      let waits = Self.waits(10) { from..<to ~= $0 ? more : usual }
      #expect(GuestPhases(population, [waits], .init()).phases.count == 1)
    }
  }

  @Test(
    "a guest whose threads asked for nothing has the phases of their waits, over the time of the trace"
  )
  func waitsAlone() throws {
    let waits = Self.waits(10) { $0 >= 4_000_000_000 ? 2e7 : 1e6 }
    let population = PhasePopulation(
      guest: "web1", [], seenBy: .host, threads: waits.span)
    let phases = GuestPhases(population, [waits], .init()).phases
    try #require(phases.count == 2)
    #expect(phases[0].range.lowerBound == 0 && phases[1].range.upperBound >= 10 * Self.second)
    #expect(abs(phases[1].range.lowerBound - 4_000_000_000) <= 100_000_000)
    #expect(PhaseExcess(population, phases).rows.isEmpty)
  }

  @Test(
    "waits that are known from a later moment on are compared with the first phase that shows them")
  func knownLate() throws {
    // Faster from 3 s to 6 s; the trace of the waits begins at 3.2 s, and a neighbour comes at 6 s.
    let population = Self.onHost(
      Self.population(seed: 23) { at, io in
        if 3_000_000_000..<6_000_000_000 ~= at { Self.slower(&io, .hardwareQueue, by: 0.5) }
      })
    let waits = Self.waits(10, from: 3_200_000_000) { $0 >= 6_000_000_000 ? 2e7 : 1e6 }
    let phases = GuestPhases(population, [waits], .init()).phases
    #expect(phases.map(\.isBaseline) == [true, false, false])
    let span = Span(from: 3_200_000_000, to: 10 * Self.second)
    let periods = PhasePeriods(phases)
    #expect(periods.within(span) == nil)
    let late = try #require(periods.withinFromFirst(span))
    #expect(late.lengths[late.baseline] == late.lengths[1] && late.lengths[2] > 0)
    #expect(late.standIn == 1 && periods.standIn == nil)
    #expect(periods.withinFromFirst(Span(from: 9 * Self.second, to: 10 * Self.second)) == nil)
  }

  @Test("a few I/Os far outside do not hide when the others changed")
  func strays() throws {
    let onset = 5_000_000_000 as Int64
    let population = Self.population(seed: 13) { at, io in
      if at >= onset { Self.slower(&io, .hardwareQueue, by: 1.5) }
      if at < 40_000_000 { io.reference = Stamp(at - 400 * Self.second) }
    }
    let span = try #require(population.span)
    let searched = try #require(population.searched)
    #expect(span.lowerBound < -399 * Self.second)
    #expect(searched.lowerBound > -Self.second && searched.upperBound == span.upperBound)
    let phases = GuestPhases(population, [], .init()).phases
    try #require(phases.count == 2)
    #expect(phases[0].range.lowerBound == span.lowerBound)
    #expect(abs(phases[1].range.lowerBound - onset) <= 250_000_000)
  }

  @Test("no I/O, or one, has no phase, or one")
  func few() {
    let none = PhasePopulation(guest: "web1", [])
    #expect(GuestPhases(none, [], .init()).phases.isEmpty)
    let all = Self.population(seed: 1)
    var first: GuestIO?
    all.forEach { _, _, io in first = first ?? io }
    let one = PhasePopulation(guest: "web1", [("254,0", GuestIOs([first].compactMap(\.self)))])
    #expect(GuestPhases(one, [], .init()).phases.count == 1)
  }
}
