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
    let clock = try #require(try Self.clock(stays, moments))
    for own in stride(from: 5_000 * Self.second, to: at, by: 1_000_000_000) {
      #expect(abs(clock.reference(own) - block(own)) <= clock.error(at: own))
      #expect(clock.error(at: own) < 30_000)
    }
  }

  @Test(
    "a stay that a pause of the host made long does not hide the clock", arguments: [0, 400, 2_000])
  func containmentAcrossPause(milliseconds: Int64) throws {
    var random = Sequence(seed: 11)
    // 400 moments lie within some 300 ms: all of them fit into the long stay, under many offsets.
    let offset = -4_711 * Self.second
    var stays: [Span] = []
    var moments: [(at: Int64, thread: Int64)] = []
    var at: Int64 = 5_000 * Self.second
    for number in 0..<9_000 {
      at += random.next(400_000)
      let stay = Span(from: at, to: at + 20_000 + random.next(60_000))
      if number % 3 == 0 { moments.append((stay.from + 1_000 + random.next(15_000) + offset, 40)) }
      let pause = number == 2_000 ? milliseconds * 1_000_000 : 0
      stays.append(Span(from: stay.from, to: stay.to + pause))
      at = stay.to + pause
    }
    let clock = try #require(try Self.clock([40: stays], moments))
    for own in stride(from: 5_000 * Self.second, to: at, by: 100_000_000) {
      #expect(abs(clock.reference(own) - own - offset) <= clock.error(at: own))
      #expect(clock.error(at: own) < 30_000)
    }
  }

  @Test("threads that ran at other times than they queued tie nothing")
  func noContainment() throws {
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
    #expect(try Self.clock([1: stays], moments) == nil)
  }

  private static func clock(
    _ stays: [Int64: [Span]], _ moments: [(at: Int64, thread: Int64)]
  ) throws -> SchedulerClock? {
    let extents = stays.mapValues { spans in
      var extent = ThreadExtent()
      for span in spans { extent.add(slice(wait: nil, run: (span.from, span.to))) }
      return extent
    }
    let ordered = stays.flatMap { thread, spans in spans.map { (thread: thread, span: $0) } }
      .sorted { $0.span.to < $1.span.to }
    return try ContainmentSearch(extents, moments: moments).clock { stretch, body in
      for (thread, span) in ordered where span.overlap(stretch) > 0 { body(thread, span) }
    }
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
    let trace = Span(from: 0, to: 3_000_000_000)
    var sums = StealSeconds.Sums(trace)
    sums.add(Self.timeline(waits: [(900_000_000, 1_250_000_000), (2_000_000_000, 2_500_000_000)]))
    let rows = StealSeconds.rows(
      sums, trace: trace, vcpus: 2,
      reports: [.init(span: Span(from: 500_000_000, to: 1_500_000_000), stolen: 20, busy: 30)])
    #expect(rows.map(\.at) == [0, 1, 2].map { $0 * Self.second })
    #expect(rows.map(\.waited) == [100_000_000, 250_000_000, 500_000_000])
    #expect(rows.map(\.measured) == [5, 12.5, 25])
    #expect(rows.map(\.reported) == [20, 20, nil])
    #expect(sums.allWaits == 850_000_000)
  }

  @Test("the edges of a trace are no seconds")
  func edges() {
    let rows = StealSeconds.rows(
      nil, trace: Span(from: 300_000_000, to: 2_200_000_000), vcpus: 1, reports: [])
    #expect(rows.map(\.at) == [Self.second])
  }

  // MARK: - A guest's account

  private static let exact = StealSum.Doubts(rounding: 0, error: 0, kernel: 0)

  private static func account(
    _ from: Double, _ to: Double, stolen: Double, counted: Double? = nil,
    late: (Int64, Int64) = (0, 0)
  ) -> StealSum.Account {
    StealSum.Account(
      span: Span(from: Int64(from * 1e9), to: Int64(to * 1e9)), stolen: stolen, busy: 10,
      counted: counted.map { $0 * 1e9 }, late: late)
  }

  @Test(
    "a guest's account is compared over its samples; waits that go on at their ends are in doubt")
  func sum() throws {
    let trace = Span(from: 0, to: 10 * Self.second)
    var sum = try #require(
      StealSum(
        [
          Self.account(1, 3, stolen: 19, counted: 2), Self.account(9, 11, stolen: 1, counted: 2),
        ], trace: trace, vcpus: 1, counted: [],
        StealSum.Doubts(rounding: 0, error: 20_000_000, kernel: 0.03)))
    sum.add(Span(from: 900_000_000, to: 1_300_000_000))
    sum.add(Span(from: 2_900_000_000, to: 2_960_000_000))
    sum.add(Span(from: 5_000_000_000, to: 9_000_000_000))
    #expect(sum.samples == 1)
    #expect(sum.reported == 19)
    #expect(sum.stolen == 19)
    #expect(abs(sum.measured - 18) < 1e-9)
    // 3 % of 18, two ticks of 10 ms and the 120 ms of the first wait until 1.02 s, of 2 s. The second one was over
    // before the last tick.
    #expect(abs(try #require(sum.tolerance) - (0.54 + 1 + 6)) < 1e-9)
    #expect(sum.agrees == true)
  }

  @Test(
    "what a guest did not count makes its percentages too large; another tool tells how much")
  func counted() throws {
    let trace = Span(from: 0, to: 10 * Self.second)
    let samples = [Self.account(2, 4, stolen: 30), Self.account(4, 6, stolen: 30)]
    func sum(_ readings: [StealSum.Account], waited: Double) throws -> StealSum {
      var sum = try #require(
        StealSum(samples, trace: trace, vcpus: 2, counted: readings, Self.exact))
      sum.add(Span(from: 3 * Self.second, to: 3 * Self.second + Int64(waited * 1e9)))
      return sum
    }
    // 30 % of 8 s are 2.4 s; of the 5.6 s that were counted, 1.68 s.
    let readings = [
      Self.account(1, 3, stolen: 0, counted: 2.8), Self.account(3, 7, stolen: 0, counted: 5.6),
    ]
    let told = try sum(readings, waited: 1.68)
    #expect(abs(try #require(told.counted) - 70) < 1e-9)
    #expect(abs(try #require(told.stolen) - 21) < 1e-9)
    #expect(told.agrees == true)
    #expect(try sum(readings, waited: 2.4).agrees == false)
    // Without them, more than the host says proves nothing, and less does.
    #expect(try sum([], waited: 1.68).agrees == nil)
    #expect(try sum([], waited: 2.4).agrees == true)
    #expect(try sum([], waited: 2.9).agrees == false)
    // A reading that is missing in between does not tell.
    #expect(
      try sum([readings[0], Self.account(4, 7, stolen: 0, counted: 3)], waited: 1).stolen == nil)
  }

  @Test("a file that is read long after its date is in doubt by what was waited until then")
  func late() throws {
    var sum = try #require(
      StealSum(
        [Self.account(1, 3, stolen: 30, counted: 2, late: (0, 300_000_000))],
        trace: Span(from: 0, to: 10 * Self.second), vcpus: 1, counted: [], Self.exact))
    sum.add(Span(from: 2_000_000_000, to: 2_500_000_000))
    sum.add(Span(from: 3_050_000_000, to: 3_150_000_000))
    #expect(sum.measured == 25)
    #expect(sum.agrees == true)
    #expect(abs(try #require(sum.tolerance) - (1 + 5)) < 1e-9)
  }

  // MARK: - Windows

  @Test(
    "windows from the end to the begin hold each moment once, whatever reaches over limits")
  func windows() {
    var random = Sequence(seed: 11)
    var all: [Int64: ThreadTimeline] = [:]
    var events: [(end: Int64, thread: Int64, run: Span, wait: Span)] = []
    for thread in Int64(1)...3 {
      var at: Int64 = 0
      while at < 100_000 {
        let wait = Span(from: at + random.next(300), to: at + 300 + random.next(900))
        // One in eight lasts for many windows.
        let length = random.next(8) == 0 ? 9_000 : random.next(700) + 1
        let run = Span(from: wait.to, to: wait.to + length)
        events.append((run.to, thread, run, wait))
        all[thread, default: ThreadTimeline()].runs.append(run)
        all[thread, default: ThreadTimeline()].waits.append(wait)
        at = run.to
      }
    }
    events.sort { ($0.end, $0.thread) < ($1.end, $1.thread) }
    var windows = TimelineWindows()
    var found: [Int64: ThreadTimeline] = [:]
    var last = Int64.max
    while let event = events.popLast() {
      windows.add(event.thread, run: event.run, wait: event.wait)
      guard events.count % 7 == 0 else { continue }
      guard let window = windows.window(downTo: events.last?.end ?? .min) else { continue }
      #expect(window.span.to == last)
      last = window.span.from
      for (thread, timeline) in window.timelines {
        let within = timeline.runs + timeline.waits
        #expect(within.allSatisfy { $0.from >= window.span.from && $0.to <= window.span.to })
        found[thread, default: ThreadTimeline()].runs += timeline.runs
        found[thread, default: ThreadTimeline()].waits += timeline.waits
      }
    }
    for (thread, timeline) in all {
      #expect(Self.joined(found[thread]?.runs ?? []) == timeline.runs)
      #expect(Self.joined(found[thread]?.waits ?? []) == Self.joined(timeline.waits))
    }
  }

  /// Spans that touch, as one.
  private static func joined(_ spans: [Span]) -> [Span] {
    var result: [Span] = []
    for span in spans.sorted(by: { $0.from < $1.from }) {
      if let last = result.last, last.to == span.from {
        result[result.count - 1].to = span.to
      } else {
        result.append(span)
      }
    }
    return result
  }

  @Test(
    "waits of two threads at once count once, only within the half, however windows cut them")
  func overlay() {
    var threads = WaitOverlay.Threads()
    threads.vcpus = [1: 71]
    threads.workers = [40: 72]
    threads.fallback = 72
    let overlay = WaitOverlay(threads, known: Span(from: 0, to: 1000))
    func wait(_ from: Int64, _ to: Int64, vcpu: Int32, worker: Int64, cuts: [Int64]) -> Int64? {
      let half = WaitOverlay.Half(from: from, to: to, vcpu: vcpu, worker: worker)
      guard overlay.covers(half) else { return nil }
      var windows = TimelineWindows()
      windows.add(72, run: nil, wait: Span(from: 200, to: 500))
      windows.add(71, run: nil, wait: Span(from: 100, to: 300))
      return (cuts + [.min]).compactMap { windows.window(downTo: $0) }
        .reduce(0) { $0 + overlay.wait(half, in: $1) }
    }
    for cuts: [Int64] in [[], [250], [600, 400, 230, 210, 50]] {
      #expect(wait(0, 600, vcpu: 1, worker: 40, cuts: cuts) == 400)
      #expect(wait(250, 400, vcpu: 1, worker: 40, cuts: cuts) == 150)
      #expect(wait(0, 600, vcpu: 0, worker: 40, cuts: cuts) == 300)
      #expect(wait(0, 600, vcpu: 1, worker: 77, cuts: cuts) == 400)
      #expect(wait(900, 1100, vcpu: 1, worker: 40, cuts: cuts) == nil)
    }
    let unknown = WaitOverlay(WaitOverlay.Threads(), known: Span(from: 0, to: 9))
    #expect(!unknown.covers(WaitOverlay.Half(from: 1, to: 2, vcpu: 1, worker: 40)))
  }

  @Test("an event while the vCPU is on no CPU is a violation, unless the bound allows it")
  func check() {
    var extent = ThreadExtent()
    var slices: [ThreadSlice] = []
    for number in Int64(0)..<10 {
      slices.append(Self.slice(wait: nil, run: (number * 1000, number * 1000 + 250)))
      extent.add(slices[slices.count - 1])
    }
    for cuts: [Int64] in [[], [3250], [9000, 3250, 3100, 1000]] {
      var check = RunCheck(
        [(1100, 0, 7), (2600, 0, 7), (3300, 100, 7), (20_000, 0, 7)], [7: extent], clock: .own)
      var windows = TimelineWindows()
      for slice in slices.reversed() {
        windows.add(7, run: slice.stay(on: .own), wait: nil)
      }
      for cut in cuts + [.min] {
        if let window = windows.window(downTo: cut) { check.check(window) }
      }
      #expect(check.events == 3)
      #expect(check.violations == 1)
      #expect(abs(check.expected - 3 * (1 - 2500.0 / 9250)) < 1e-9)
    }
  }

  private static func timeline(waits: [(Int64, Int64)]) -> ThreadTimeline {
    var timeline = ThreadTimeline()
    timeline.waits = waits.map { Span(from: $0.0, to: $0.1) }
    return timeline
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
