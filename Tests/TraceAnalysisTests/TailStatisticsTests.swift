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

  @Test("the hops around a percentile add up to it, and show where the tail waits")
  func shares() throws {
    let tail = TailStatistics.shares(ios)
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
    let rows = TailStatistics.whatIf(ios)
    let held = try #require(rows.first { $0.hop == .hostScheduler && $0.percentile == 99 })
    #expect(held.now == 1160)
    #expect(held.without == 160)
    let other = try #require(rows.first { $0.hop == .guestScheduler && $0.percentile == 99 })
    #expect(other.without == 1150)
  }

  @Test("too few I/Os have no p99, and a percentile is said of those around it only")
  func tooFew() {
    let tail = TailStatistics.shares(Array(ios.prefix(60)))
    #expect(Set(tail.map(\.percentile)) == [50, 90])
    #expect(TailStatistics.band(of: 99.9, among: 10_000) == 9984..<9995)
    #expect(TailStatistics.shares([]).isEmpty)
  }
}
