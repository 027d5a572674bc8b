import Testing
import TraceCorrelation
import TraceModel

@testable import TraceAnalysis

/// What the change of a phase comes from, on measures and I/Os made for it: ten seconds, of which the last five are slower.
struct PhaseCauseTests {
  private static let second: Int64 = 1_000_000_000

  /// Phases of five seconds each, and the excess of I/Os whose hops grow by so many ns in the second.
  private static func story(
    _ grown: KeyValuePairs<Hop, Int64>, isStall: Bool = false
  ) -> (phases: [GuestPhases.Phase], excess: PhaseExcess) {
    let middle = 5 * second
    let usual: [Hop: Int64] = [
      .guestScheduler: 10_000, .virtioSubmit: 20_000, .hardwareQueue: 100_000,
      .virtioReturn: 20_000,
    ]
    let ios = (0..<2_000).map { place in
      var io = GuestIO()
      io.operation = .write
      io.grade = .exact
      io.reference = Stamp(Int64(place) * 5_000_000)
      for hop in Hop.blockParts {
        let more = grown.first { $0.key == hop }?.value ?? 0
        // So much from one to the next that no mean is exact.
        io.times[hop] = Stamp(
          (usual[hop] ?? 2_000) + Int64(place % 7) * 100 + (place >= 1_000 ? more : 0))
      }
      io.times[.block] = Stamp(Hop.blockParts.reduce(0) { $0 + io.times[$1].rawValue })
      return io
    }
    let population = PhasePopulation(guest: "web1", [("254,0", GuestIOs(ios))])
    let phases = [
      GuestPhases.Phase(range: 0..<middle, isBaseline: true, core: 0..<middle),
      GuestPhases.Phase(
        range: middle..<2 * middle, onsetError: 1, isStall: isStall, core: middle..<2 * middle),
    ]
    return (phases, PhaseExcess(population, phases))
  }

  private static func measures(_ phases: [GuestPhases.Phase]) -> PhaseMeasures {
    var measures = PhaseMeasures(periods: PhasePeriods(phases))
    // By period: the first phase is the baseline, whose number is the last.
    measures.arrivals = [0, 200, 200]
    measures.bytes = [0, 819_200, 819_200]
    measures.cpuWaits = [0, 1_000, 1_000]
    measures.served = [0, 5_000, 5_000]
    measures.ran = [0, 1e8, 1e8]
    measures.isDeviceKnown = true
    return measures
  }

  private static func user(
    _ name: String, rates: (before: Double, after: Double), weights: (before: Double, after: Double)
  ) -> PhaseUser {
    PhaseUser(
      name: name, machine: "host1", pid: 42, rates: [0, rates.after, rates.before], unit: "CPUs",
      weights: [0, weights.after, weights.before])
  }

  private static func rows(
    _ grown: KeyValuePairs<Hop, Int64>, isStall: Bool = false,
    _ change: (inout PhaseMeasures) -> Void = { _ in }
  ) -> [PhaseCauses.Row] {
    let story = story(grown, isStall: isStall)
    var measures = measures(story.phases)
    change(&measures)
    return PhaseCauses(measures, story.phases, story.excess).rows
  }

  @Test(
    "a neighbour that the guest pushed aside is no cause of its faster I/Os; one that left is",
    arguments: [(1.8e9, CauseKind.ownCPU, "java"), (0.65e9, .cpuNeighbour, "vm1")])
  func pushedAside(ran: Double, kind: CauseKind, name: String) throws {
    let rows = Self.rows([.virtioReturn: -15_000]) {
      $0.cpuWaits = [0, 1_000, 16_000]
      $0.threadWaits = [0, 1e8, 3e8]
      $0.ran = [0, ran, 6e8]
      $0.occupants = [
        (.cpuNeighbour, Self.user("vm1", rates: (0.6, 0.2), weights: (3e8, 1e8)))
      ]
      $0.ownThreads = [Self.user("java", rates: (0, 1.2), weights: (0, 0))]
    }
    let first = try #require(rows.first)
    #expect(first.kind == kind && first.user?.name == name)
    #expect(abs(first.explains + 15_000) < 100)
  }

  @Test("waits for a CPU are shared out by who came onto it; who was there as before is no cause")
  func cpuNeighbour() throws {
    let rows = Self.rows([.virtioReturn: 100_000]) {
      $0.cpuWaits = [0, 91_000, 1_000]
      $0.occupants = [
        (.cpuNeighbour, Self.user("ffmpeg", rates: (0, 2), weights: (0, 3e8))),
        (.cpuNeighbour, Self.user("cc1plus", rates: (0.5, 1), weights: (1e8, 2e8))),
        (.ownCPU, Self.user("web1", rates: (1, 1), weights: (1e8, 9e8))),
      ]
    }
    try #require(rows.map(\.kind) == [.cpuNeighbour, .cpuNeighbour, .unknown])
    #expect(rows.map { $0.user?.name } == ["ffmpeg", "cc1plus", nil])
    // 90 of 100 us are waits; three quarters of what grew was behind the first.
    #expect(abs(rows[0].explains - 67_500) < 10 && abs((rows[0].share ?? 0) - 0.675) < 0.001)
    #expect(abs(rows[1].explains - 22_500) < 10)
    #expect(abs(rows[2].explains - 10_000) < 10)
    #expect(rows[0].began && !rows[1].began)
    #expect(rows.map(\.confidence) == [.high, .low, .none])
  }

  @Test(
    "of a host alone waits and requests there are shared out; what I/Os felt of the waits is not known"
  )
  func hostAlone() throws {
    func rows(
      _ grown: KeyValuePairs<Hop, Int64>, waits: Double, run: Double = 0.5
    ) -> [PhaseCauses.Row] {
      Self.rows(grown) { measures in
        measures.isOfHost = true
        measures.cpuWaits = []
        measures.threadWaits = [0, 1e7 + waits, 1e7]
        measures.occupants = [
          (.cpuNeighbour, Self.user("stress", rates: (0, run), weights: (0, waits)))
        ]
      }
    }
    // 0.4 s a second over 200 requests: 2 ms for each.
    let alone = rows([:], waits: 4e8)
    #expect(alone.map(\.kind) == [.cpuNeighbour] && alone[0].user?.name == "stress")
    #expect(!alone[0].isPerIO && abs((alone[0].share ?? 0) - 1) < 0.01)
    let both = rows([.hardwareQueue: 6_000_000], waits: 4e8)
    #expect(both.map(\.kind) == [.device, .cpuNeighbour])
    #expect(both[0].isPerIO && abs(both[0].explains - 6_000_000) < 10_000)
    #expect(abs((both[1].share ?? 0) - 0.25) < 0.01)
    // One who hardly ran did not hold them up.
    #expect(rows([:], waits: 4e8, run: 0.001).map(\.kind) == [.unknown])
    // Waits that hardly changed are no part of it.
    #expect(rows([.hardwareQueue: 6_000_000], waits: 1e6).map(\.kind) == [.device])
    // One went up, the other down: the larger one is told.
    let apart = rows([.hardwareQueue: -50_000], waits: 4e8)
    #expect(apart.map(\.kind) == [.cpuNeighbour] && abs((apart[0].share ?? 0) - 1) < 0.01)
  }

  @Test("of a quota nobody ran: it has no rates")
  func throttle() {
    let rows = Self.rows([.virtioReturn: 100_000]) {
      $0.cpuWaits = [0, 101_000, 1_000]
      $0.occupants = [(.throttle, Self.user("", rates: (0, 0), weights: (0, 3e8)))]
    }
    #expect(rows.map(\.kind) == [.throttle] && rows.first?.user == nil)
  }

  @Test("a guest that wants more of a CPU than before waits behind those who were there as before")
  func ownDemand() throws {
    let causes = Self.rows([.virtioReturn: 50_000]) { measures in
      measures.cpuWaits = [0, 41_000, 1_000]
      measures.ran = [0, 1.8e9, 6e8]
      measures.occupants = [
        (.cpuNeighbour, Self.user("vm2", rates: (1.4, 1.1), weights: (1e6, 4e7)))
      ]
      measures.ownThreads = [Self.user("java", rates: (0, 1.3), weights: (0, 1.3e9))]
    }
    let first = try #require(causes.first)
    #expect(first.kind == .ownCPU && first.user?.name == "java" && first.began)
    #expect(abs(first.explains - 40_000) < 500)
    // Of others who use more of it they are the cause, as ever.
    let other = Self.rows([.virtioReturn: 50_000]) { measures in
      measures.cpuWaits = [0, 41_000, 1_000]
      measures.ran = [0, 1.8e9, 6e8]
      measures.occupants = [
        (.cpuNeighbour, Self.user("vm2", rates: (0.2, 1.1), weights: (1e6, 4e7)))
      ]
      measures.ownThreads = [Self.user("java", rates: (0, 1.3), weights: (0, 1.3e9))]
    }
    #expect(other.first?.kind == .cpuNeighbour)
  }

  @Test(
    "where the scheduler trace begins later than the baseline, the cause says so and is less sure")
  func standIn() throws {
    func rows(_ standIn: Int?) -> [PhaseCauses.Row] {
      Self.rows([.virtioReturn: 50_000]) { measures in
        measures.cpuWaits = [0, 41_000, 1_000]
        measures.occupants = [
          (.cpuNeighbour, Self.user("stress-ng", rates: (0, 1.1), weights: (0, 4e7)))
        ]
        measures.standIn = standIn
      }
    }
    let shown = try #require(rows(nil).first)
    #expect(shown.kind == .cpuNeighbour && shown.confidence == .high)
    let late = try #require(rows(2).first)
    #expect(late.kind == .cpuNeighbour && late.confidence == .medium)
    #expect(late.because.hasSuffix("so this is the change from phase 2"))
    #expect(late.explains == shown.explains)
  }

  @Test(
    "packets are a cause where the host moves more of them, not where all of the guest's threads need longer"
  )
  func packets() throws {
    func rows(packets: (before: Double, after: Double), served: (Double, Double))
      -> [PhaseCauses.Row]
    {
      Self.rows([.virtioReturn: 10_000]) { measures in
        measures.served = [0, served.1, served.0]
        measures.network = Self.user("vhost-40", rates: packets, weights: (0, 0))
      }
    }
    let flood = rows(packets: (0.01, 0.24), served: (5_000, 5_100))
    #expect(flood.first?.kind == .network && flood.first?.user?.name == "vhost-40")
    let slow = rows(packets: (0.2, 0.6), served: (5_000, 15_000))
    #expect(slow.first?.kind == .virtioRing)
    let few = rows(packets: (0.001, 0.01), served: (5_000, 5_100))
    #expect(few.first?.kind == .unknown)
  }

  @Test("time behind others on the device is theirs by how much more they kept it busy")
  func diskNeighbour() throws {
    let rows = Self.rows([.hostScheduler: 300_000, .hardwareQueue: 100_000]) {
      $0.sharers = [
        Self.user("restic", rates: (0, 900), weights: (0, 8e8)),
        Self.user("syslog", rates: (3, 3), weights: (1e6, 1e6)),
      ]
      $0.behind = [1: 380_000]
    }
    #expect(rows.map(\.kind) == [.diskNeighbour])
    #expect(rows.first?.user?.name == "restic" && rows.first?.user?.pid == 42)
    #expect(abs((rows.first?.share ?? 0) - 0.95) < 0.001)
  }

  @Test("a hop that grew with nobody asking for more is the device, or the host's scheduler")
  func alone() {
    #expect(Self.rows([.hardwareQueue: 200_000]).map(\.kind) == [.device])
    #expect(Self.rows([.hostScheduler: 200_000]).map(\.kind) == [.hostScheduler])
    // The thread that submits finds no tag, and what it would submit next waits in H3.
    let held = Self.rows([.virtioSubmit: 80_000, .hostScheduler: 50_000])
    #expect(held.map(\.kind) == [.hostScheduler])
    #expect(abs((held.first?.share ?? 0) - 1) < 0.001)
  }

  @Test("a guest that asks for more is its own cause, by the process that does")
  func ownLoad() {
    let rows = Self.rows([.guestScheduler: 50_000, .hardwareQueue: 200_000]) {
      $0.arrivals = [0, 800, 200]
      $0.tasks = [
        Self.user("postgres", rates: (200, 200), weights: (8e5, 8e5)),
        Self.user("pgbench", rates: (0, 600), weights: (0, 2e6)),
      ]
    }
    #expect(rows.map(\.kind) == [.ownLoad] && rows.first?.user?.name == "pgbench")
    #expect(abs((rows.first?.share ?? 0) - 1) < 0.001)
  }

  @Test(
    "a thread that needs longer for each request is the ring's; on other nodes it is the memory")
  func queue() {
    let slow = Self.rows([.virtioSubmit: 60_000, .virtioReturn: 40_000]) {
      $0.served = [0, 40_000, 5_000]
      $0.server = Self.user("IO iothread0", rates: (0.1, 0.8), weights: (0, 0))
    }
    #expect(slow.map(\.kind) == [.virtioRing] && slow.first?.user?.name == "IO iothread0")
    let moved = Self.rows([.virtioSubmit: 60_000, .virtioReturn: 40_000]) {
      $0.nodes = [[0, 0], [0, 1], [1, 0]]
    }
    #expect(moved.map(\.kind) == [.numa])
  }

  @Test("what nothing accounts for is unknown, and so is all of it without a host")
  func unknown() {
    let asleep = Self.rows([.virtioSubmit: 100_000])
    #expect(asleep.map(\.kind) == [.unknown] && asleep.first?.confidence == Finding.Confidence.none)
    let blind = Self.rows([.virtioReturn: 100_000]) {
      $0.cpuWaits = []
      $0.served = []
      $0.ran = []
    }
    #expect(blind.map(\.kind) == [.unknown])
    // The trace of the device began later: who used it before is not known.
    let late = Self.rows([.hardwareQueue: 200_000]) { $0.isDeviceKnown = false }
    #expect(late.map(\.kind) == [.unknown])
  }

  @Test("where it became better, what ended is looked for")
  func better() throws {
    let rows = Self.rows([.virtioReturn: -15_000]) {
      $0.cpuWaits = [0, 1_000, 16_000]
      $0.occupants = [(.cpuNeighbour, Self.user("ffmpeg", rates: (2, 0), weights: (3e8, 0)))]
    }
    let row = try #require(rows.first)
    #expect(row.kind == .cpuNeighbour && !row.began && abs(row.explains + 15_000) < 10)
  }

  @Test("a time without completions is the device's where the requests were there")
  func stall() {
    #expect(Self.rows([.hardwareQueue: 400_000_000], isStall: true).map(\.kind) == [.device])
    #expect(Self.rows([.virtioSubmit: 400_000_000], isStall: true).map(\.kind) == [.unknown])
  }
}
