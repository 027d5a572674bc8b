import Foundation
import Testing
import TraceModel

@testable import TraceCorrelation

/// Stretches in which things come through at one even rate.
struct EvenRateTests {
  /// Things that ended at these moments, ns, each with 4,096 bytes.
  private func series(_ moments: [Int64], bytes: (Int) -> Int64 = { _ in 4_096 }) throws
    -> EvenRate.Series
  {
    var series = EvenRate.Series(0...(try #require(moments.max())))
    for (place, moment) in moments.enumerated() { series.add(at: moment, amount: bytes(place)) }
    return series
  }

  /// The same numbers in each run: xorshift.
  private struct Numbers {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    mutating func next() -> Double {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Double(state >> 11) / Double(1 << 53)
    }
  }

  @Test("200 a second from 10 s on: the rate within 2 %, the time within a cell")
  func limit() throws {
    var numbers = Numbers()
    var moments: [Int64] = []
    // Before, 400 a second that come as they like.
    while moments.last ?? 0 < 10_000_000_000 {
      moments.append((moments.last ?? 0) + Int64(2_500_000 * (0.2 + 1.6 * numbers.next())))
    }
    moments += (0..<2_000).map {
      10_005_000_000 + Int64($0) * 5_000_000 + Int64(400_000 * numbers.next())
    }
    let found = try #require(EvenRate.all(series(moments), byAmount: false).first)
    #expect(abs(found.rate - 200) <= 4)
    #expect(abs(found.range.lowerBound - 10_000_000_000) <= found.cell)
    #expect(found.range.upperBound >= 19_500_000_000)
    // All of the same size: the bytes are as even.
    let bytes = try #require(EvenRate.all(series(moments), byAmount: true).first)
    #expect(abs(bytes.rate - 200 * 4_096) <= 4 * 4_096)
  }

  @Test("what stands still for 50 ms and is let through afterwards does not end it")
  func stall() throws {
    let moments = (0..<2_400).map { place -> Int64 in
      let due = Int64(place) * 5_000_000
      return (6_000_000_000..<6_050_000_000).contains(due) ? 6_050_000_000 : due
    }
    let found = try #require(EvenRate.all(series(moments), byAmount: false).first)
    #expect(found.range.upperBound - found.range.lowerBound >= 11_000_000_000)
    #expect(abs(found.rate - 200) <= 2)
  }

  @Test("bytes that are even while requests are not")
  func bandwidth() throws {
    // 10 MB a second, in requests of 4 KiB in some seconds and of 64 KiB in others.
    var moments: [Int64] = []
    var sizes: [Int64] = []
    var at = 0.0
    while at < 12e9 {
      let size: Int64 = Int(at / 1e9) * 5 % 7 < 3 ? 4_096 : 65_536
      at += Double(size) / 10e6 * 1e9
      moments.append(Int64(at))
      sizes.append(size)
    }
    let own = try series(moments) { sizes[$0] }
    let found = try #require(EvenRate.all(own, byAmount: true).first)
    #expect(abs(found.rate - 10e6) <= 0.2e6)
    #expect(found.range.upperBound - found.range.lowerBound >= 10_000_000_000)
    #expect(
      EvenRate.all(own, byAmount: false).allSatisfy {
        $0.range.upperBound - $0.range.lowerBound <= 3_000_000_000
      })
  }

  @Test("what a device with times of its own does is not even")
  func random() throws {
    var numbers = Numbers()
    var moments: [Int64] = []
    while moments.last ?? 0 < 30_000_000_000 {
      // Exponential, 200 a second.
      let wait = -log(1 - numbers.next()) * 5_000_000
      moments.append((moments.last ?? 0) + Int64(wait))
    }
    let found = EvenRate.all(try series(moments), byAmount: false).first
    let length = found.map { $0.range.upperBound - $0.range.lowerBound } ?? 0
    #expect(length < 6_000_000_000, "\(length)")
    #expect(EvenRate.all(EvenRate.Series(0...1), byAmount: false).isEmpty)
  }
}
