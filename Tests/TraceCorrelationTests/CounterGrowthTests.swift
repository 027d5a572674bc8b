import Testing

@testable import TraceCorrelation

/// How readings of a growing counter become one series.
struct CounterGrowthTests {
  private static func series(
    _ source: Int64, _ readings: [(wall: Int64?, value: Int64)]
  ) -> [CounterReading] {
    readings.enumerated().map { ordinal, reading in
      CounterReading(
        source: source, ordinal: Int64(ordinal), wall: reading.wall, value: reading.value)
    }
  }

  @Test("last minus first, over files whose dates follow each other in any order of reading")
  func filesInTimeOrder() {
    let later = Self.series(1, [(200, 40), (300, 55)])
    let earlier = Self.series(2, [(0, 10), (100, 17)])
    let growth = CounterGrowth(later + earlier)
    #expect(growth?.growth == 45)
    #expect(growth?.readings == 4)
    #expect(growth?.from == 0)
    #expect(growth?.to == 300)
    #expect(growth?.resets == 0)
  }

  @Test("two loops side by side count no interval twice, and look like no reset")
  func overlap() {
    let long = Self.series(1, [(0, 100), (10, 110), (20, 120), (30, 130)])
    // Dated before its values were read.
    let short = Self.series(2, [(9, 112), (19, 119)])
    let tail = Self.series(3, [(25, 126), (40, 145)])
    let growth = CounterGrowth(long + short + tail)
    #expect(growth?.growth == 45)
    #expect(growth?.resets == 0)
    #expect(growth?.readings == 5)
  }

  @Test("a reset starts again at 0, a counter of 32 bits wraps")
  func resets() {
    let reset = CounterGrowth(Self.series(1, [(0, 100), (1, 130), (2, 7), (3, 9)]))
    #expect(reset?.growth == 39)
    #expect(reset?.resets == 1)
    let wrap = CounterGrowth(Self.series(1, [(0, 4_294_967_290), (1, 10)]))
    #expect(wrap?.growth == 16)
    #expect(wrap?.resets == 0)
  }

  @Test("files without dates are put in the order of their values")
  func undated() {
    let after = Self.series(1, [(nil, 500)])
    let before = Self.series(2, [(nil, 420)])
    let growth = CounterGrowth(after + before)
    #expect(growth?.growth == 80)
    #expect(growth?.from == nil)
    #expect(CounterGrowth(Self.series(1, [(nil, 5)]) + Self.series(2, [(nil, 5)]))?.growth == 0)
  }

  @Test("a single reading grows by nothing that is known")
  func single() {
    #expect(CounterGrowth(Self.series(1, [(0, 17)])) == nil)
    #expect(CounterGrowth([]) == nil)
  }
}
