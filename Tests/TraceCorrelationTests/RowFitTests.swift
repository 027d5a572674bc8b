import Testing

@testable import TraceCorrelation

/// Rows of a tool with a clock of its own against the moments that they counted.
struct RowFitTests {
  private static let second: Int64 = 1_000_000_000

  /// Bursts and lulls: so many completions in each tenth of a second.
  private static func completions(_ seed: UInt64, seconds: Int) -> [Int64] {
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    var moments: [Int64] = []
    var level = 10
    for tenth in 0..<seconds * 10 {
      if next() % 7 == 0 { level = Int(next() % 40) }
      for _ in 0..<level {
        moments.append(Int64(tenth) * second / 10 + Int64(next() % 100_000_000))
      }
    }
    return moments.sorted()
  }

  /// Rows whose true edges are `start + number * period`, with stamps cut to seconds on a clock that is ahead.
  private static func rows(
    _ moments: [Int64], start: Int64, period: Int64, count: Int, ahead: Int64
  ) -> [RowFit.Row] {
    (0...count).map { number in
      let end = start + Int64(number) * period
      let own = moments.count { $0 > end - period && $0 <= end }
      let printed = (end + ahead) / second * second
      return RowFit.Row(end: printed, rate: Double(own) * 1e9 / Double(period))
    }
  }

  @Test("lag and period are found, whatever the clock", arguments: [0, 1_700, -1_300] as [Int64])
  func lag(milliseconds: Int64) throws {
    let moments = Self.completions(7, seconds: 60)
    let ahead = 100 * Self.second + milliseconds * 1_000_000
    let rows = Self.rows(
      moments, start: 3_210_000_000, period: 2_023_000_000, count: 26, ahead: ahead)
    let fit = try #require(
      RowFit(rows, completions: moments, guess: -100 * Self.second + Self.second / 2))
    #expect(fit.mismatch < 0.05)
    #expect(fit.contrast > 0.8)
    for (number, edge) in fit.edges.enumerated() {
      guard let edge else { continue }
      let end = 3_210_000_000 + Int64(number) * 2_023_000_000
      #expect(abs(edge.to - end) <= 100_000_000, "row \(number)")
    }
  }

  @Test("another machine's counts do not fit")
  func stranger() throws {
    let rows = Self.rows(
      Self.completions(7, seconds: 60), start: 3_210_000_000, period: 2_023_000_000, count: 26,
      ahead: 0)
    let fit = try #require(
      RowFit(rows, completions: Self.completions(99, seconds: 60), guess: Self.second / 2))
    #expect(fit.mismatch > 0.1)
  }

  @Test("in even load nothing holds the clock")
  func steady() throws {
    let moments = (0..<6000).map { Int64($0) * 10_000_000 }
    let rows = Self.rows(
      moments, start: 3_210_000_000, period: 2_000_000_000, count: 26, ahead: 0)
    let fit = try #require(RowFit(rows, completions: moments, guess: 0))
    #expect(fit.mismatch < 0.02)
    #expect(fit.contrast < 0.9)
  }

  @Test("too few rows fit anything")
  func fewRows() {
    let moments = Self.completions(7, seconds: 10)
    let rows = Self.rows(moments, start: Self.second, period: 2 * Self.second, count: 3, ahead: 0)
    #expect(RowFit(rows, completions: moments, guess: 0) == nil)
  }
}
