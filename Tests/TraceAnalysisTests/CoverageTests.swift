import Testing

@testable import TraceAnalysis

/// The statistics of `compare`, on series whose truth is known: heavy-tailed latencies that depend on each
/// other in time, as those of real I/Os do. Fixed seeds; the same numbers on every machine.
struct CoverageTests {
  /// Latencies whose logarithm wanders: a stationary first-order process, plus noise of each I/O.
  private struct Wandering {
    /// How much of a step's level stays in the next one.
    let memory: Double
    /// Standard deviation of the wandering level, on the logarithmic scale.
    let swing: Double

    /// So many latencies around a median of `centre` ns, and the moments of their arrivals, ns.
    func latencies(_ count: Int, centre: Double, seed: UInt64) -> TimedRun {
      var random = SeededGenerator(seed: seed)
      var level = gaussian(&random) * swing
      let step = swing * (1 - memory * memory).squareRoot()
      var run = TimedRun()
      var now: Int64 = 0
      for _ in 0..<count {
        level = memory * level + step * gaussian(&random)
        now += 1 + Int64(random.index(below: 2_000_000))
        run.values.append(Int64(centre * exponential(level + 0.5 * gaussian(&random))))
        run.moments.append(now)
      }
      return run
    }

    private func exponential(_ x: Double) -> Double {
      // Scaled down until the series converges at once.
      var (term, sum) = (1.0, 1.0)
      for step in 1...12 {
        term *= x / 64 / Double(step)
        sum += term
      }
      return (0..<6).reduce(sum) { result, _ in result * result }
    }

    private func gaussian(_ random: inout SeededGenerator) -> Double {
      // Twelve uniform numbers: their tails end at six deviations, which does not matter here.
      (0..<12).reduce(-6.0) { sum, _ in
        sum + Double(random.next() >> 11) * 0x1p-53
      }
    }
  }

  private struct Case: CustomTestStringConvertible {
    let name: String
    let series: Wandering
    let count: Int
    var testDescription: String { name }
  }

  private static let cases = [
    Case(name: "hardly correlated", series: Wandering(memory: 0.3, swing: 0.5), count: 1_500),
    Case(
      name: "correlated over 20 I/Os", series: Wandering(memory: 0.95, swing: 0.5), count: 1_500),
    Case(
      name: "correlated over 50 I/Os", series: Wandering(memory: 0.98, swing: 0.4), count: 2_500),
  ]

  private static func sides(
    _ series: Wandering, _ count: Int, seed: UInt64, ratio: Double
  ) -> (TwoSides, CountedLatencies, CountedLatencies) {
    var settings = ComparisonSettings()
    settings.replicates = 200
    settings.seed = seed
    let first = series.latencies(count, centre: 1e6, seed: seed &* 7919)
    let second = series.latencies(count, centre: 1e6 * ratio, seed: seed &* 7919 &+ 104_729)
    let stretches = [first, second].map {
      CellGrid.Stretch(run: 0, start: $0.moments[0], end: $0.moments[count - 1])
    }
    let block = BlockLength.common(
      [first.wave(stretches[0])], [second.wave(stretches[1])]
    ).block
    let sides = TwoSides(
      before: CellGrid([stretches[0]], block: block),
      after: CellGrid([stretches[1]], block: block), settings: settings)
    let (before, after) = counted([first], sides.before, [second], sides.after)
    return (sides, before, after)
  }

  @Test("a 95 % interval covers the true ratio of medians in about 95 of 100", arguments: cases)
  private func coverage(_ one: Case) {
    let truth = 1.2
    var covered = 0
    let trials = 60
    for seed in 1...trials {
      let (sides, before, after) = Self.sides(
        one.series, one.count, seed: UInt64(seed), ratio: truth)
      guard let ratio = sides.outcomes(before: before, after: after)[.p50]?.ratio else { continue }
      if ratio.low <= truth, truth <= ratio.high { covered += 1 }
    }
    #expect(
      (trials * 88 / 100...trials).contains(covered), "\(covered) of \(trials)")
  }

  @Test("without a difference the permutation test finds one in about 5 of 100", arguments: cases)
  private func silence(_ one: Case) {
    var found = 0
    let trials = 60
    for seed in 1...trials {
      let (sides, before, after) = Self.sides(
        one.series, one.count, seed: UInt64(seed), ratio: 1)
      if let p = sides.outcomes(before: before, after: after)[.p50]?.p, p <= 0.05 { found += 1 }
    }
    // Of 60 with a chance of 0.05 each, more than 7 come in less than two of a hundred series.
    #expect(found <= 7, "\(found) of \(trials)")
  }
}
