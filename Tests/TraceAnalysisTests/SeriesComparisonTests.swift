import Testing
import TraceModel

@testable import TraceAnalysis

/// What is measured second by second.
struct SeriesComparisonTests {
  private static let second: Int64 = 1_000_000_000

  private func steal(_ level: Double, seconds: Int, seed: UInt64, run: Int = 0) -> MeasuredSeries {
    var random = SeededGenerator(seed: seed)
    return MeasuredSeries(
      key: MeasuredSeries.Key(subject: .steal, guest: "vm1"), run: run,
      points: (0..<seconds).map { place in
        MeasuredSeries.Point(
          at: Int64(place) * Self.second, length: Self.second,
          amount: level + Double(random.index(below: 400)) / 100 - 2, base: 1)
      })
  }

  private func line(_ before: [MeasuredSeries], _ after: [MeasuredSeries]) throws -> ComparisonLine
  {
    try #require(
      SeriesComparison(before, after, loads: [], settings: ComparisonSettings()).lines.first)
  }

  @Test("thirty seconds show that steal doubled, with an interval that holds the truth")
  func worse() throws {
    let line = try line([steal(10, seconds: 30, seed: 1)], [steal(20, seconds: 30, seed: 2)])
    #expect(line.verdict == .worse)
    #expect(line.unit == .percent)
    let interval = try #require(line.difference)
    #expect(interval.low < 10 && 10 < interval.high)
    #expect(interval.high - interval.low < 4)
  }

  @Test("the same steal stays silent; less than a point does not matter")
  func silent() throws {
    #expect(
      try line([steal(10, seconds: 30, seed: 3)], [steal(10, seconds: 30, seed: 4)]).verdict
        == .noDifference)
    #expect(
      try line([steal(3, seconds: 300, seed: 5)], [steal(3.7, seconds: 300, seed: 6)]).verdict
        == .noDifference)
  }

  @Test("a quarter of a minute is too short, and the reason says what would do")
  func short() throws {
    let line = try line([steal(10, seconds: 15, seed: 7)], [steal(30, seconds: 30, seed: 8)])
    #expect(line.verdict == .cannotTell)
    #expect(line.reason == "it needs 16 intervals on either side; there are 15 and 30")
  }

  @Test("a slow wave in the series makes its blocks longer")
  func correlated() throws {
    var wave = steal(20, seconds: 120, seed: 9)
    for place in wave.points.indices where place / 12 % 2 == 0 { wave.points[place].amount += 15 }
    let noise = steal(20, seconds: 120, seed: 10)
    let slow = SeriesComparison([wave], [noise], loads: [], settings: ComparisonSettings())
    let fast = SeriesComparison([noise], [noise], loads: [], settings: ComparisonSettings())
    #expect(slow.statements[0].seconds > 2 * fast.statements[0].seconds)
  }

  @Test(
    "points of the network path that lost nothing are not told; those that lost on one side are")
  func drops() throws {
    func series(_ lost: Double) -> MeasuredSeries {
      MeasuredSeries(
        key: MeasuredSeries.Key(subject: .drops, guest: "vm1", object: "host tap0 tx_dropped"),
        run: 0,
        points: (0..<40).map {
          MeasuredSeries.Point(
            at: Int64($0) * Self.second, length: Self.second, amount: lost * Double($0 % 3),
            base: 1)
        })
    }
    let none = SeriesComparison(
      [series(0)], [series(0)], loads: [], settings: ComparisonSettings())
    #expect(none.lines.isEmpty)
    let lossy = try line([series(0)], [series(50)])
    #expect(lossy.verdict == .worse)
    #expect(lossy.ratio == nil)
  }

  @Test("series of several runs are measured by what varies between the runs")
  func runs() throws {
    let before = [10.0, 20, 30].enumerated().map {
      steal($1, seconds: 30, seed: UInt64($0), run: $0)
    }
    let after = [14.0, 24, 34].enumerated().map {
      steal($1, seconds: 30, seed: UInt64(9 + $0), run: $0)
    }
    #expect(try line(before, after).verdict == .noDifference)
    #expect(try line([before[0]], [after[0]]).verdict == .worse)
  }

  @Test("a vCPU's waits and runs are laid on the seconds in which they were")
  func seconds() throws {
    var seconds = VCPUSeconds(from: 1_000, to: 1_000 + 3 * Self.second + 5)
    seconds.watch(7, guest: "vm1", name: "vcpu 0")
    seconds.nodes = [0: 0, 1: 1]
    seconds.memory = ["vm1": [0: 1]]
    var slice = ThreadSlice()
    slice.thread = 7
    slice.cpu = 1
    slice.wait = Self.second
    slice.began = 1_000 + 3 * Self.second / 2
    slice.run = Self.second / 4
    seconds.add(slice)
    slice.cpu = 0
    slice.wait = .min
    slice.began = 1_000 + 7 * Self.second / 4
    slice.run = Self.second / 2
    seconds.add(slice)
    slice.thread = 8
    seconds.add(slice)
    let waits = try #require(seconds.waits.first)
    #expect(waits.key == VCPUSeconds.VCPU(guest: "vm1", name: "vcpu 0"))
    #expect(waits.value.map(\.amount) == [500, 500, 0])
    let remote = try #require(seconds.remoteShares["vm1"])
    // A quarter of a second on the other node, then a quarter and a quarter on its own.
    #expect(remote.map(\.amount) == [0, 25e9, 0])
    #expect(remote.map(\.base) == [0, 0.5e9, 0.25e9])
  }

  @Test("of a trace that spans decades a few thousand intervals are kept, and hold all of it")
  func decades() throws {
    var seconds = VCPUSeconds(from: 0, to: Stamp.range.upperBound)
    seconds.watch(7, guest: "vm1", name: "vcpu 0")
    var slice = ThreadSlice()
    slice.thread = 7
    slice.wait = Stamp.range.upperBound
    slice.began = Stamp.range.upperBound
    seconds.add(slice)
    let points = try #require(seconds.waits.first).value
    #expect(Int64(points.count) <= VCPUSeconds.mostIntervals && points.count > 2_000)
    // It waited all the time: 1,000 ms of each second.
    #expect(points.allSatisfy { abs($0.amount / $0.base - 1_000) < 1e-6 })
  }

  @Test(
    "how long a series of a week is correlated is found without a hundred billion steps",
    .timeLimit(.minutes(1)))
  func long() {
    // A wave of two hours in which neighbours depend on each other, second by second.
    let points = (0..<Int64(7 * 86_400)).map { second -> MeasuredSeries.Point in
      let amount: Double = second / 3_600 % 2 == 0 ? 20 : 10
      return MeasuredSeries.Point(
        at: second * Self.second, length: Self.second, amount: amount, base: 1)
    }
    let week = MeasuredSeries(
      key: MeasuredSeries.Key(subject: .steal, guest: "vm1"), run: 0, points: points)
    #expect(week.correlationTime > Double(600 * Self.second))
  }

  @Test("two readings decades apart make no more blocks than two an hour apart")
  func farApart() throws {
    func series(_ ends: Int64) -> MeasuredSeries {
      MeasuredSeries(
        key: MeasuredSeries.Key(subject: .steal, guest: "vm1"), run: 0,
        points: (0..<Int64(40)).map { place -> MeasuredSeries.Point in
          let at = place * Self.second + (place < 20 ? 0 : ends)
          return MeasuredSeries.Point(at: at, length: Self.second, amount: 10, base: 1)
        })
    }
    let line = try line([series(0)], [series(Stamp.range.upperBound)])
    #expect(line.verdict == .cannotTell)
    #expect(line.reason?.contains("times as long as the other") == true, "\(line.reason ?? "")")
  }
}
