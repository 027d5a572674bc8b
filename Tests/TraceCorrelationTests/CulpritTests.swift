import Testing
import TraceModel

@testable import TraceCorrelation

@Suite("Who was on the CPU")
struct CulpritTests {
  @Test("what ran during a wait gets its part, and nobody gets the rest")
  func parts() {
    // 7 waits from 100 to 1000; 5 runs from 200 to 700, 6 from 700 on.
    let blame = Self.blame([
      Self.slice(5, from: 200, run: 500), Self.slice(6, from: 700, run: 300),
      Self.slice(7, from: 1000, run: 10, wait: 900),
    ])
    #expect(blame[Self.pair(7, 5)] == 500)
    #expect(blame[Self.pair(7, 6)] == 300)
    #expect(blame[Self.pair(7, 0, .unseen)] == 100)
  }

  @Test("a wait on another CPU's queue is laid over that CPU, also when its occupant is not over")
  func otherQueue() {
    let blame = Self.blame([
      Self.slice(7, from: 1000, run: 10, wait: 400, waitCPU: 1),
      Self.slice(5, cpu: 1, from: 500, run: 5000),
    ])
    #expect(blame == [Self.pair(7, 5): 400])
  }

  @Test("an idle CPU is on its way out of idle, or holds the thread back")
  func idle() {
    let second: Int64 = 1_000_000_000
    func victim(_ thread: Int64, _ at: Int64, _ wait: Int64, _ cause: WaitCause) -> ThreadSlice {
      Self.slice(thread, from: at, run: 1, wait: wait, cause: cause)
    }
    let blame = Self.blame(
      [
        Self.slice(1, from: 0, run: second), victim(7, second, 40_000, .woken),
        Self.slice(1, from: second + 1, run: second), victim(8, 2 * second + 1, 9_000_000, .woken),
        Self.slice(1, from: 2 * second + 2, run: second),
        victim(9, 3 * second + 2, 60_000_000, .preempted),
      ], idle: [1])
    #expect(
      blame == [
        Self.pair(7, 1, .wakingUp): 40_000, Self.pair(8, 1, .lingering): 9_000_000,
        Self.pair(9, 1, .heldBack): 60_000_000,
      ])
  }

  @Test("a wait over more switches than are kept is blamed in a second pass, and adds up")
  func starvation() {
    var slices: [ThreadSlice] = []
    for number in 0..<20_000 {
      slices.append(Self.slice(Int64(10 + number % 3), from: Int64(number) * 100, run: 90))
    }
    slices.append(Self.slice(7, from: 2_000_000, run: 5, wait: 1_990_000))
    slices.append(Self.slice(8, from: 2_000_005, run: 5, wait: 55))
    let blame = Self.blame(slices)
    let own = blame.filter { $0.key.victim == 7 }
    #expect(own.values.reduce(0, +) == 1_990_000)
    #expect(own[Self.pair(7, 0, .unseen)] == 199_000)
    #expect(own[Self.pair(7, 10)].map { abs($0 - 597_000) < 200 } == true)
    #expect(blame[Self.pair(8, 7)] == 5)
  }

  @Test("a stretch behind a step of the clock has nothing to do with the one before")
  func stretches() {
    var culprits = Culprits(threads: 5...7, idle: [])
    culprits.add(Self.slice(5, from: 0, run: 1000), segment: 0)
    culprits.add(Self.slice(7, from: 900, run: 5, wait: 300), segment: 1)
    culprits.finish()
    #expect(culprits.blame == [Self.pair(7, 0, .unseen): 300])
  }

  @Test("classes: siblings are no neighbours, and a quota is seen where it stops what runs")
  func classes() {
    func owner(_ role: ThreadRole, _ guest: String?) -> ThreadOwners.Owner {
      ThreadOwners.Owner(role: role, guest: guest, vcpu: nil, process: nil)
    }
    let web = owner(.vcpu, "web")
    func kind(_ culprit: ThreadOwners.Owner?) -> CulpritClass {
      CulpritClass(.thread, victim: web, culprit: culprit, isThrottled: false)
    }
    #expect(kind(owner(.iothread, "web")) == .sibling)
    #expect(kind(owner(.vhost, "web")) == .sibling)
    #expect(kind(owner(.vcpu, "db")) == .guest)
    #expect(kind(owner(.kernel, nil)) == .kernel)
    #expect(kind(owner(.other, nil)) == .host)
    let owners = [Int64(7): web, 8: web]
    let held = [Self.pair(7, 1, .heldBack): Int64(50_000_000), Self.pair(8, 5): 100_000_000]
    #expect(Throttling(held, owners: [7: web]).holds(7, owners: owners))
    #expect(!Throttling([Self.pair(7, 5): 100_000_000], owners: owners).holds(7, owners: owners))
  }

  @Test("who watches some threads sees all of their waits, part by part and once")
  func watch() {
    var generator = SystemRandomNumberGenerator()
    var slices: [ThreadSlice] = []
    var waited: [Int64: Int64] = [:]
    // Two CPUs; now and then nobody is seen on one.
    var ends: [Int64] = [0, 0]
    for number in 0..<3_000 {
      let cpu = Int(number % 2)
      let thread = Int64.random(in: 1...6, using: &generator)
      let begin = ends[cpu] + Int64.random(in: 0...20, using: &generator)
      let wait = Int64.random(in: 0...300, using: &generator)
      let run = Int64.random(in: 1...100, using: &generator)
      slices.append(
        Self.slice(thread, cpu: Int32(cpu), from: begin, run: run, wait: min(wait, begin)))
      if thread < 3, min(wait, begin) > 0 { waited[thread, default: 0] += min(wait, begin) }
      ends[cpu] = begin + run
    }
    slices.sort { $0.began + $0.run < $1.began + $1.run }
    var seen: [Culprits.Pair: Int64] = [:]
    var places: [Int: Culprits.Pair] = [:]
    var culprits = Culprits(
      threads: 1...6, idle: [],
      watches: [
        Culprits.Watch([1, 2]) { part in
          seen[part.pair, default: 0] += part.span.to - part.span.from
          #expect(places.updateValue(part.pair, forKey: part.place).map { $0 == part.pair } ?? true)
        }
      ])
    for slice in slices { culprits.add(slice, segment: 0) }
    culprits.finish()
    #expect(seen == culprits.blame.filter { $0.key.victim < 3 })
    for (victim, wait) in waited {
      #expect(seen.filter { $0.key.victim == victim }.values.reduce(0, +) == wait)
    }
  }

  @Test("a thread has one place, whether its number lies near the others or not")
  func places() {
    for numbers: [Int64] in [[], [5, 6, 7, 90], [3, .max], [.min, .max]] {
      var places = ThreadPlaces(numbers)
      let threads: [Int64] = [7, 0, 90, 5, .max, .min, -1, 1_000_000]
      #expect(threads.allSatisfy { places.known($0) == nil })
      #expect(threads.map { places.place(of: $0) } == Array(threads.indices))
      #expect(threads.map { places.known($0) } == Array(threads.indices))
      #expect(places.threads == threads)
    }
  }

  @Test("sums of many pairs are those of a dictionary")
  func sums() {
    var sums = PairSums()
    var expected: [Culprits.Pair: Int64] = [:]
    for number in 0..<5_000 {
      let (victim, culprit) = (number * 7 % 61, number * 13 % 83)
      let occupant = Culprits.Occupant(rawValue: UInt8(number % 5)) ?? .thread
      let pair = Self.pair(Int64(victim), Int64(culprit), occupant)
      let place = sums.place(of: pair, victim: victim, culprit: culprit, occupant)
      sums.add(Int64(number), at: place)
      #expect(sums.pairs[place] == pair)
      expected[pair, default: 0] += Int64(number)
    }
    #expect(Dictionary(uniqueKeysWithValues: zip(sums.pairs, sums.waits)) == expected)
  }

  private static func blame(
    _ slices: [ThreadSlice], idle: Set<Int64> = []
  ) -> [Culprits.Pair: Int64] {
    var culprits = Culprits(threads: slices.map(\.thread), idle: idle)
    for slice in slices { culprits.add(slice, segment: 0) }
    culprits.finish()
    if var starved = culprits.starved {
      for slice in slices { starved.add(slice, segment: 0) }
      starved.finish()
      culprits.add(starved)
    }
    return culprits.blame
  }

  private static func pair(
    _ victim: Int64, _ culprit: Int64, _ occupant: Culprits.Occupant = .thread
  ) -> Culprits.Pair {
    Culprits.Pair(victim: victim, culprit: culprit, occupant: occupant)
  }

  private static func slice(
    _ thread: Int64, cpu: Int32 = 0, from: Int64, run: Int64, wait: Int64 = .min,
    waitCPU: Int32 = -1, cause: WaitCause = .woken
  ) -> ThreadSlice {
    var slice = ThreadSlice()
    slice.thread = thread
    slice.cpu = cpu
    slice.began = from
    slice.run = run
    slice.wait = wait
    slice.waitCPU = waitCPU
    slice.cause = wait == .min ? .none : cause
    return slice
  }
}
