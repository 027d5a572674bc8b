import Foundation
import Testing

@testable import TraceAnalysis

/// A small part of `make calibration`, on latencies that are heavy-tailed and correlated in time.
struct CalibrationTests {
  private static let settings: ComparisonSettings = {
    var settings = ComparisonSettings()
    settings.replicates = 400
    return settings
  }()

  private static let stretch = CellGrid.Stretch(run: 0, start: 0, end: 1_000_000_000)

  /// Four hops of 1,500 latencies each over a second; slow waves make hundreds of them slow together.
  private func trace(_ seed: UInt64, scale: Double = 1) -> [TimedRun] {
    var random = SeededGenerator(seed: seed)
    func normal() -> Double {
      let (a, b) = (
        Double.random(in: 1e-12..<1, using: &random), Double.random(in: 0..<1, using: &random)
      )
      return (-2 * log(a)).squareRoot() * cos(2 * .pi * b)
    }
    return (0..<4).map { hop in
      var samples = TimedRun()
      var wave = normal()
      for place in 0..<1_500 {
        wave = 0.95 * wave + (1 - 0.95 * 0.95).squareRoot() * normal()
        let value = 80_000 * (hop == 0 ? scale : 1) * exp(0.15 * wave + 0.6 * normal())
        samples.moments.append(Int64(place) * 1_000_000_000 / 1_500)
        samples.values.append(Int64(value))
      }
      return samples
    }
  }

  /// The lines of the four hops, judged as one family for each statistic.
  private func lines(_ before: [TimedRun], _ after: [TimedRun]) -> [ComparisonLine] {
    var families: [Statistic: [LineJudge.Pending]] = [:]
    for (hop, (first, second)) in zip(before, after).enumerated() {
      let block = BlockLength.common(
        [first.wave(Self.stretch)], [second.wave(Self.stretch)]
      ).block
      let sides = TwoSides(
        before: CellGrid([Self.stretch], block: block),
        after: CellGrid([Self.stretch], block: block), settings: Self.settings)
      let (old, new) = counted([first], sides.before, [second], sides.after)
      let outcomes = sides.outcomes(before: old, after: new)
      for statistic in [Statistic.mean, .p50, .p99] {
        var line = ComparisonLine(
          guest: nil, device: nil, object: nil, op: "all", subject: "hop \(hop)",
          statistic: statistic, unit: .nanoseconds, countBefore: old.count, countAfter: new.count)
        line.before = statistic.value(of: old)
        line.after = statistic.value(of: new)
        families[statistic, default: []].append(
          LineJudge.Pending(
            line: line, outcome: outcomes[statistic], obstacle: nil, blocks: sides.blocks,
            ratio: sides.ratio, crossesClock: false, leastSamples: statistic.leastSamples,
            whole: nil))
      }
    }
    let judge = LineJudge(settings: Self.settings, clockBound: 0, load: nil)
    return families.values.flatMap(judge.judged)
  }

  @Test("what differs by the seed only is hardly ever said to differ, family by family")
  func same() {
    var shown: [Statistic: Int] = [:]
    for pair in 0..<60 {
      let lines = lines(trace(UInt64(2 * pair)), trace(UInt64(2 * pair + 1)))
      for statistic in [Statistic.mean, .p50, .p99]
      where lines.contains(where: { $0.statistic == statistic && $0.verdict != .noDifference }) {
        shown[statistic, default: 0] += 1
      }
    }
    // At a rate of one in twenty, more than eight of sixty would come once in a hundred times.
    #expect(shown.values.allSatisfy { $0 <= 8 }, "\(shown)")
  }

  @Test(
    "a hop that is a fifth shorter is named, the others are not, and the intervals hold the truth")
  func tuned() {
    var (named, others, covered) = (0, 0, 0)
    for pair in 0..<30 {
      let lines = lines(
        trace(UInt64(1_000 + pair)), trace(UInt64(2_000 + pair), scale: 0.8))
      let better = Set(lines.filter { $0.verdict == .better }.map(\.subject))
      if better.contains("hop 0") { named += 1 }
      if better.count > 1 { others += 1 }
      if let ratio = lines.first(where: { $0.subject == "hop 0" && $0.statistic == .p50 })?.ratio,
        ratio.low <= 0.8, ratio.high >= 0.8
      {
        covered += 1
      }
    }
    #expect(named >= 28, "\(named)")
    #expect(others <= 5, "\(others)")
    #expect(covered >= 25, "\(covered)")
  }
}
