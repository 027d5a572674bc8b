import Testing
import TraceModel

@testable import TraceCorrelation

@Suite("What vCPUs waited for")
struct StealTests {
  private static let second: Int64 = 1_000_000_000

  @Test("who queued when ties a scheduler trace's clock, drift and all, within its own bound")
  func containment() throws {
    var random = Sequence(seed: 7)
    // 2,000 stays of two threads over 4 s; the block clock is 30 ppm faster and 4,711 s behind.
    func block(_ own: Int64) -> Int64 { own - 4_711 * Self.second + own * 3 / 100_000 }
    var stays: [Int64: [Span]] = [:]
    var moments: [(at: Int64, thread: Int64)] = []
    var at: Int64 = 5_000 * Self.second
    for number in 0..<2_000 {
      at += random.next(4_000_000)
      let stay = Span(from: at, to: at + 20_000 + random.next(60_000))
      let thread = Int64(40 + number % 2)
      stays[thread, default: []].append(stay)
      if number % 3 == 0 {
        moments.append((block(stay.from + 1_000 + random.next(15_000)), thread))
      }
      at = stay.to
    }
    let search = ContainmentSearch(stays: stays, moments: moments)
    let found = search.clock()
    let clock = try #require(found)
    for own in stride(from: 5_000 * Self.second, to: at, by: 1_000_000_000) {
      #expect(abs(clock.reference(own) - block(own)) <= clock.error(at: own))
      #expect(clock.error(at: own) < 30_000)
    }
  }

  @Test("threads that ran at other times than they queued tie nothing")
  func noContainment() {
    var random = Sequence(seed: 9)
    var stays: [Span] = []
    var moments: [(at: Int64, thread: Int64)] = []
    var at: Int64 = 0
    for _ in 0..<2_000 {
      at += random.next(3_000_000)
      stays.append(Span(from: at, to: at + 50_000))
      at += 50_000
      moments.append((random.next(3 * Self.second), 1))
    }
    #expect(ContainmentSearch(stays: [1: stays], moments: moments).clock() == nil)
  }

  @Test("a series is laid where it fits, and nowhere when it fits everywhere")
  func series() throws {
    var random = Sequence(seed: 3)
    var amounts: [(at: Int64, amount: Double)] = []
    var samples: [SeriesAlignment.Sample] = []
    let offset: Int64 = 77 * Self.second + 340_000_000
    for number in 0..<30 {
      let level = Double(random.next(900) + 10)
      for part in 0..<100 {
        amounts.append((Int64(number) * Self.second + Int64(part) * 10_000_000, level / 100))
      }
      let from = Int64(number) * Self.second - offset
      samples.append(
        SeriesAlignment.Sample(span: Span(from: from, to: from + Self.second), amount: level))
    }
    let curve = try #require(GrowthCurve(amounts))
    let found = try #require(SeriesAlignment.offset([(curve, samples)], within: nil))
    #expect(abs(found.offset - offset) <= found.error)
    #expect(found.error < Self.second / 2)
    let flat = try #require(GrowthCurve(amounts.map { ($0.at, 1) }))
    let same = samples.map { SeriesAlignment.Sample(span: $0.span, amount: 100) }
    #expect(SeriesAlignment.offset([(flat, same)], within: nil) == nil)
  }

  @Test("a second holds the part of each wait that lies in it")
  func seconds() {
    var timeline = ThreadTimeline()
    timeline.add(Self.slice(wait: (900_000_000, 1_250_000_000)))
    timeline.add(Self.slice(wait: (2_000_000_000, 2_500_000_000)))
    let rows = StealSeconds.rows(
      [timeline], trace: Span(from: 0, to: 3_000_000_000), vcpus: 2,
      reports: [.init(span: Span(from: 500_000_000, to: 1_500_000_000), stolen: 20, busy: 30)])
    #expect(rows.map(\.at) == [0, 1, 2].map { $0 * Self.second })
    #expect(rows.map(\.waited) == [100_000_000, 250_000_000, 500_000_000])
    #expect(rows.map(\.measured) == [5, 12.5, 25])
    #expect(rows.map(\.reported) == [20, 20, nil])
  }

  @Test("the edges of a trace are no seconds")
  func edges() {
    let rows = StealSeconds.rows(
      [], trace: Span(from: 300_000_000, to: 2_200_000_000), vcpus: 1, reports: [])
    #expect(rows.map(\.at) == [Self.second])
  }

  @Test("a guest's account is compared over its own samples, within a tolerance that says why")
  func sum() throws {
    var timeline = ThreadTimeline()
    timeline.add(Self.slice(wait: (1_000_000_000, 1_400_000_000)))
    timeline.add(Self.slice(wait: (5_000_000_000, 9_000_000_000)))
    let account = StealSum.Account(
      span: Span(from: Self.second, to: 3 * Self.second), stolen: 380_000_000, busy: 10)
    let outside = StealSum.Account(
      span: Span(from: 9 * Self.second, to: 11 * Self.second), stolen: 1, busy: 10)
    let sum = try #require(
      StealSum(
        [account, outside], [timeline], trace: Span(from: 0, to: 10 * Self.second), vcpus: 1,
        rounding: 0, error: 20_000_000))
    #expect(sum.samples == 1)
    #expect(sum.reported == 19)
    #expect(sum.measured == 20)
    // A quarter of 20, and 20 ms at either end of 2 s.
    #expect(abs((sum.tolerance ?? 0) - (5 + 2)) < 1e-9)
  }

  @Test("waits of two threads at once count once, and only within the half")
  func overlay() {
    var vcpu = ThreadTimeline()
    vcpu.add(Self.slice(wait: (100, 300)))
    var iothread = ThreadTimeline()
    iothread.add(Self.slice(wait: (200, 500)))
    let overlay = WaitOverlay(
      vcpus: [1: vcpu], threads: [40: iothread], fallback: iothread, known: Span(from: 0, to: 1000))
    #expect(overlay.wait(from: 0, to: 600, vcpu: 1, thread: 40) == 400)
    #expect(overlay.wait(from: 250, to: 400, vcpu: 1, thread: 40) == 150)
    #expect(overlay.wait(from: 0, to: 600, vcpu: 0, thread: 40) == 300)
    #expect(overlay.wait(from: 0, to: 600, vcpu: 1, thread: 77) == 400)
    #expect(overlay.wait(from: 900, to: 1100, vcpu: 1, thread: 40) == nil)
    let unknown = WaitOverlay(vcpus: [:], threads: [:], fallback: nil, known: Span(from: 0, to: 9))
    #expect(unknown.wait(from: 1, to: 2, vcpu: 1, thread: 40) == nil)
  }

  @Test("an event while the vCPU is on no CPU is a violation, unless the bound allows it")
  func check() {
    var vcpu = ThreadTimeline()
    for number in Int64(0)..<10 {
      vcpu.add(Self.slice(wait: nil, run: (number * 1000, number * 1000 + 250)))
    }
    var check = RunCheck()
    check.add([(1100, 0), (2600, 0), (3300, 100), (20_000, 0)], vcpu)
    #expect(check.events == 3)
    #expect(check.violations == 1)
    #expect(abs(check.expected - 3 * (1 - 2500.0 / 9250)) < 1e-9)
  }

  private static func slice(
    wait: (Int64, Int64)?, run: (Int64, Int64)? = nil
  ) -> ThreadSlice {
    var slice = ThreadSlice()
    if let wait {
      slice.began = wait.1
      slice.wait = wait.1 - wait.0
    }
    if let run {
      slice.began = run.0
      slice.run = run.1 - run.0
    }
    return slice
  }

  /// Repeatable numbers.
  private struct Sequence {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ limit: Int64) -> Int64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64(state >> 33) % limit
    }
  }
}
