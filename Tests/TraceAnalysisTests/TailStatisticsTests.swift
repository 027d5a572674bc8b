import Testing
import TraceModel

@testable import TraceAnalysis

/// What a tail consists of.
struct TailStatisticsTests {
  /// A thousand I/Os: 900 with 100 ns of hardware, 100 with 1000 ns more in the host's scheduler.
  private var ios: [HopValues] {
    (0..<1000).map { number in
      let wait: Int64 = number % 10 == 0 ? 1000 : 0
      var times = HopTimes()
      times[.guestScheduler] = Stamp(10)
      times[.virtioSubmit] = Stamp(20)
      times[.virtioReturn] = Stamp(30)
      times[.hostScheduler] = Stamp(wait)
      times[.hardwareQueue] = Stamp(100)
      times[.block] = Stamp(160 + wait)
      return HopValues(operation: .read, isSound: true, times: times)
    }
  }

  private func numbers(_ ios: [HopValues]) -> HopNumbers {
    HopNumbers(ios.map(\.times))
  }

  @Test("the hops around a percentile add up to it, and show where the tail waits")
  func shares() throws {
    let tail = numbers(ios).tail
    for percentile in [50.0, 99] {
      let parts = tail.filter {
        $0.percentile == percentile
          && [.guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue].contains($0.hop)
      }
      #expect(abs(parts.reduce(0) { $0 + $1.share } - 1) < 1e-12)
    }
    func share(_ percentile: Double) -> Double? {
      tail.first { $0.percentile == percentile && $0.hop == .hostScheduler }?.share
    }
    #expect(share(50) == 0)
    #expect(try #require(share(99)) > 0.86)
  }

  @Test("without the hop that holds the tail the p99 is the median; without another it stays")
  func whatIf() throws {
    let rows = numbers(ios).whatIf
    let held = try #require(rows.first { $0.hop == .hostScheduler && $0.percentile == 99 })
    #expect(held.now == 1160)
    #expect(held.without == 160)
    let other = try #require(rows.first { $0.hop == .guestScheduler && $0.percentile == 99 })
    #expect(other.without == 1150)
  }

  @Test("too few I/Os have no p99, and a percentile is said of those around it only")
  func tooFew() {
    let tail = numbers(Array(ios.prefix(60))).tail
    #expect(Set(tail.map(\.percentile)) == [50, 90])
    #expect(TailStatistics.band(of: 99.9, among: 10_000) == 9984..<9995)
    #expect(numbers([]).tail.isEmpty)
  }

  @Test(
    "of I/Os that took equally long the first that came are around a percentile, as many as fit")
  func ties() throws {
    let even = (0..<1000).map { number in
      var times = HopTimes()
      times[.guestScheduler] = Stamp(Int64(number))
      times[.block] = Stamp(5_000)
      return HopValues(operation: .read, isSound: true, times: times)
    }
    let tail = numbers(even).tail
    for percentile in [50.0, 90, 99] {
      let band = TailStatistics.band(of: percentile, among: 1000)
      let share = try #require(
        tail.first { $0.percentile == percentile && $0.hop == .guestScheduler })
      #expect(share.ios == band.count)
      #expect(share.mean == Double(band.reduce(0, +)) / Double(band.count))
    }
  }
}

/// Numbers at ranks, found without sorting.
struct RankSearchTests {
  @Test(
    "each rank has the number that it has when all are sorted",
    arguments: [Int64(1), 200, 1 << 20, 1 << 40, Int64.max / 2])
  func ranks(of greatest: Int64) {
    var state: UInt64 = 11
    let numbers = (0..<5_000).map { place -> Int64 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      // Some below zero, many alike.
      let number = Int64(state >> 1) % greatest
      return place % 5 == 0 ? -number : place % 7 == 0 ? greatest / 3 : number
    }
    let sorted = numbers.sorted()
    var search = RankSearch()
    for number in numbers { search.add(number) }
    let ranks = [0, 1, 37, 2_499, 4_500, 4_998, 4_999]
    search.look(for: ranks)
    while !search.isDone {
      for number in numbers { search.add(number) }
      _ = search.isFound()
    }
    for rank in ranks {
      #expect(search.value(at: rank) == sorted[rank])
      #expect(search.below(rank) == sorted.firstIndex(of: sorted[rank]))
    }
  }

  @Test("numbers sorted by their digits are in order, and equal ones keep theirs")
  func sorting() {
    var state: UInt64 = 5
    let numbers = (0..<3_000).map { place -> Int64 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return place % 3 == 0 ? Int64(state % 50) - 25 : Int64(bitPattern: state)
    }
    var sorted = numbers
    NumberSort.sort(&sorted)
    #expect(sorted == numbers.sorted())
    let order = NumberSort.order(of: numbers.count) { numbers[$0] }
    let expected = numbers.indices.sorted { (numbers[$0], $0) < (numbers[$1], $1) }
    #expect(order == expected.map(Int32.init))
  }
}
