import Testing
import TraceModel

@testable import TraceAnalysis

/// The judgement of lines, and runs that are compared with each other.
struct ComparisonTests {
  private static let second: Int64 = 1_000_000_000

  /// Runs of 20 s with 50 latencies a second around a level each, ns.
  private func runs(_ levels: [Int64], seed: UInt64) -> [TimedRun] {
    var random = SeededGenerator(seed: seed)
    return levels.map { level in
      TimedRun(
        values: (0..<1_000).map { _ in level + Int64(random.index(below: 20_000)) - 10_000 },
        moments: (0..<1_000).map { Int64($0) * Self.second / 50 })
    }
  }

  private func outcome(_ before: [Int64], _ after: [Int64]) throws -> TwoSides.Outcome {
    func grid(_ runs: [Int64]) -> CellGrid {
      CellGrid(
        runs.indices.map { CellGrid.Stretch(run: $0, start: 0, end: 20 * Self.second) },
        block: Self.second)
    }
    let sides = TwoSides(before: grid(before), after: grid(after), settings: ComparisonSettings())
    let samples = counted(
      runs(before, seed: 1), sides.before, runs(after, seed: 2), sides.after)
    return try #require(sides.outcomes(before: samples.before, after: samples.after)[.mean])
  }

  @Test("one run on a side shows what three runs that vary as much do not")
  func runsVary() throws {
    let single = try outcome([100_000], [120_000])
    #expect(try #require(single.p) < 0.01)
    #expect(single.difference?.excludesZero == true)
    let repeated = try outcome([100_000, 200_000, 300_000], [120_000, 220_000, 320_000])
    #expect(try #require(repeated.p) > 0.5)
    #expect(repeated.difference?.excludesZero == false)
  }

  @Test("three runs that agree show a difference, and its interval holds it")
  func runsAgree() throws {
    let outcome = try outcome([100_000, 101_000, 99_000], [150_000, 149_000, 151_000])
    #expect(try #require(outcome.p) < 0.01)
    let interval = try #require(outcome.difference)
    #expect(interval.low < 50_000 && 50_000 < interval.high && interval.low > 40_000)
  }

  // MARK: Time spans

  @Test(
    "what is counted by block does not grow with the ratio of the sides' time spans",
    arguments: [
      (6_400_000, 86_400 * second), (1, Stamp.range.upperBound), (second, 3_600 * second),
      (second, 100 * second), (10 * second, 10 * second),
    ] as [(Int64, Int64)])
  func spans(_ short: Int64, _ long: Int64) {
    func wave(_ length: Int64) -> LatencyWave {
      var wave = LatencyWave(CellGrid.Stretch(run: 0, start: 0, end: length))
      for place: Int64 in 0..<100 { wave.add(1_000 + 900 * (place % 2), at: length / 100 * place) }
      return wave
    }
    let block = BlockLength.common([wave(short)], [wave(long)]).block
    let sides = TwoSides(
      before: CellGrid([CellGrid.Stretch(run: 0, start: 0, end: short)], block: block),
      after: CellGrid([CellGrid.Stretch(run: 0, start: 0, end: long)], block: block),
      settings: ComparisonSettings())
    #expect(sides.after.blocks <= ComparisonSettings.mostBlocks + 1)
    // Within the limit the shorter side has as many as it takes.
    if Double(long) <= Double(short) * 100 {
      #expect(sides.blocks >= ComparisonSettings.leastBlocks)
    }
  }

  @Test("a side that is far longer than the other cannot be judged, and the reason says so")
  func lopsided() throws {
    var line = ComparisonLine(
      guest: "vm1", device: "253,0", object: nil, op: "all", subject: Hop.block.rawValue,
      statistic: .mean, unit: .nanoseconds, countBefore: 1_000, countAfter: 1_000)
    line.before = 1
    line.after = 2
    let pending = LineJudge.Pending(
      line: line, outcome: nil, obstacle: nil, blocks: 1, ratio: 13_500_000, crossesClock: false,
      leastSamples: 50, whole: nil)
    let judge = LineJudge(settings: ComparisonSettings(), clockBound: 0, load: nil)
    let judged = try #require(judge.judged([pending]).first)
    #expect(judged.verdict == .cannotTell)
    #expect(
      judged.reason?.contains("13,500,000 times as long as the other, the limit is 128") == true)
  }

  // MARK: Judging

  private func pending(
    _ subject: Hop, p: Double, whole: Hop? = nil, before: Double = 100_000,
    after: Double = 150_000
  ) -> LineJudge.Pending {
    var line = ComparisonLine(
      guest: "vm1", device: "253,0", object: nil, op: "all", subject: subject.rawValue,
      statistic: .mean, unit: .nanoseconds, countBefore: 1_000, countAfter: 1_000)
    line.before = before
    line.after = after
    let change = after - before
    return LineJudge.Pending(
      line: line,
      outcome: TwoSides.Outcome(
        before: before, after: after,
        difference: Interval(change - abs(change) / 2, change + abs(change) / 2), ratio: nil, p: p),
      obstacle: nil, blocks: 20, ratio: 1, crossesClock: false, leastSamples: 50,
      whole: whole?.rawValue)
  }

  private func verdicts(_ family: [LineJudge.Pending]) -> [String: ComparisonVerdict] {
    let judge = LineJudge(settings: ComparisonSettings(), clockBound: 0, load: nil)
    return Dictionary(
      uniqueKeysWithValues: judge.judged(family).map { ($0.subject, $0.verdict) })
  }

  @Test("a part is asked about only where its whole differs, and makes nothing else stricter")
  func parts() {
    let still = verdicts([
      pending(.virtioQueue, p: 0.4), pending(.virtioSubmit, p: 0.001, whole: .virtioQueue),
      pending(.virtioReturn, p: 0.9, whole: .virtioQueue), pending(.hostScheduler, p: 0.02),
    ])
    #expect(still["virtio_submit"] == .noDifference)
    // Two wholes: 0.02 becomes 0.04. With the parts it would be 0.06 at least.
    #expect(still["host_scheduler"] == .worse)
    let moved = verdicts([
      pending(.virtioQueue, p: 0.01), pending(.virtioSubmit, p: 0.001, whole: .virtioQueue),
      pending(.virtioReturn, p: 0.3, whole: .virtioQueue), pending(.hostScheduler, p: 0.02),
    ])
    #expect(moved["virtio_submit"] == .worse)
    #expect(moved["virtio_return"] == .noDifference)
  }

  @Test("a part whose whole is missing stands for itself")
  func orphan() {
    #expect(
      verdicts([pending(.block, p: 0.01, whole: .total), pending(.hardwareQueue, p: 0.8)])["block"]
        == .worse)
  }

  @Test("small changes do not matter, however sure they are")
  func small() {
    #expect(verdicts([pending(.total, p: 0.0005, after: 103_000)])["total"] == .noDifference)
    #expect(
      verdicts([pending(.total, p: 0.0005, before: 1_000, after: 1_900)])["total"] == .noDifference)
    #expect(verdicts([pending(.total, p: 0.0005, after: 94_000)])["total"] == .better)
  }

  // MARK: Thresholds

  @Test(
    "thresholds",
    arguments: [
      ("p99>5%", "all total p99"), (" p99 > 5 % ", "all total p99"),
      ("host_scheduler.p50>2ms", "all host_scheduler p50"),
      ("read.total.p99.9>10%", "read total p99.9"), ("read.p99>300us", "read total p99"),
      ("steal>10%", "all steal any"), ("flush.mean>1s", "flush total mean"),
    ])
  func threshold(_ text: String, _ meaning: String) throws {
    let threshold = try #require(ComparisonThreshold(text))
    #expect(
      "\(threshold.op) \(threshold.subject) \(threshold.statistic?.rawValue ?? "any")" == meaning)
  }

  @Test(
    "what is no threshold",
    arguments: [
      "", ">", "p99", "p99>", "p99>5", "p99>%", "p98>5%", ">5%", "p99<5%", "p99>5%>6%",
      "nothing.p99>5%", "read.write.p99>5%", "p99>nan%", "p99>inf%", "total..p99>5%",
    ])
  func noThreshold(_ text: String) {
    #expect(ComparisonThreshold(text) == nil)
  }

  @Test("a limit is exceeded by a shown increase beyond it, in its own unit, and by nothing else")
  func exceeded() throws {
    let judge = LineJudge(settings: ComparisonSettings(), clockBound: 0, load: nil)
    let worse = judge.judged([pending(.total, p: 0.001)])[0]
    let chance = judge.judged([pending(.total, p: 0.3)])[0]
    let better = judge.judged([pending(.total, p: 0.001, after: 50_000)])[0]
    func exceeds(_ text: String, _ line: ComparisonLine) throws -> Bool {
      let threshold = try #require(ComparisonThreshold(text))
      return threshold.concerns(line) && threshold.isExceeded(by: line, confidence: 0.95)
    }
    #expect(try exceeds("mean>49%", worse))
    #expect(try !exceeds("mean>51%", worse))
    #expect(try exceeds("mean>49us", worse))
    #expect(try !exceeds("mean>51us", worse))
    #expect(try !exceeds("p99>1%", worse))
    #expect(try !exceeds("read.mean>1%", worse))
    #expect(try !exceeds("mean>1%", chance))
    #expect(try !exceeds("mean>1%", better))
  }
}
