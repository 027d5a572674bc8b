import Testing
import TraceCorrelation

/// When a guest stood still as a whole, out of steps, silences and requests made for it. Times in ms where nothing else is
/// written.
struct PauseTests {
  private static func span(_ from: Int64, _ to: Int64) -> Span {
    Span(from: from * 1_000_000, to: to * 1_000_000)
  }

  /// Ten seconds of a busy guest: an I/O every 10 ms, done on the host after 1, seen after 2; nothing of it between two
  /// moments.
  private static func busy(but still: Span? = nil) -> PauseSearch.Evidence {
    var evidence = PauseSearch.Evidence()
    evidence.covered = span(0, 10_000)
    evidence.shorter = (5_000_000, 3_000_000)
    for place in 0..<1_000 as Range<Int64> {
      let io = span(10 * place, 10 * place + 2)
      if let still, io.overlap(still) > 0 { continue }
      evidence.ios.append((io.from, io.from + 1_000_000, io.to))
      evidence.requests.append(io.from)
      evidence.hostRequests += [io.from, io.from + 1_000_000]
    }
    return evidence
  }

  private static func step(_ from: Int64, _ to: Int64, by length: Int64) -> ClockStep {
    ClockStep(window: span(from, to), length: length * 1_000_000, error: 100_000)
  }

  @Test("a clock that falls behind while no vCPU runs is a pause as long as the step")
  func step() throws {
    var evidence = Self.busy(but: Self.span(4_001, 4_299))
    evidence.steps = [Self.step(3_992, 4_310, by: 300)]
    evidence.vcpus = [Self.span(4_001, 4_300)]
    // It was on its way when the guest stopped: done on the host at once, seen after the pause.
    evidence.ios.append((4_000_500_000, 4_001_500_000, 4_302_000_000))
    let pause = try #require(PauseSearch(evidence).pauses.first)
    #expect(PauseSearch(evidence).pauses.count == 1)
    #expect(pause.length == 300_000_000 && pause.error == 100_000)
    #expect(pause.range == Self.span(4_001, 4_300))
    #expect(pause.isClockStill && !pause.isHostStill && pause.spanning == 1)
    #expect(pause.shownBy == .vcpus)
  }

  @Test(
    "a clock that was set while the vCPUs ran is none, nor one that jumps ahead, nor a small step")
  func set() {
    var evidence = Self.busy()
    evidence.steps = [Self.step(3_992, 4_310, by: 300)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
    evidence.vcpus = [Self.span(4_050, 4_100)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
    evidence.vcpus = [Self.span(4_001, 4_300)]
    evidence.steps = [Self.step(3_992, 4_310, by: -300), Self.step(4_000, 4_100, by: 15)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
  }

  @Test("without a scheduler trace the guest's requests must be away for as long")
  func requests() throws {
    var evidence = Self.busy(but: Self.span(4_001, 4_299))
    evidence.covered = nil
    evidence.steps = [Self.step(3_992, 4_310, by: 300)]
    let pause = try #require(PauseSearch(evidence).pauses.first)
    #expect(pause.shownBy == .requests && pause.length == 300_000_000)
    var running = Self.busy()
    running.covered = nil
    running.steps = evidence.steps
    #expect(PauseSearch(running).pauses.isEmpty)
  }

  @Test("of an idle guest the pause lies in one of several silences")
  func idle() throws {
    var evidence = Self.busy(but: Self.span(4_000, 7_000))
    evidence.steps = [Self.step(3_992, 7_010, by: 300)]
    evidence.vcpus = [Self.span(4_100, 4_450), Self.span(4_500, 4_600), Self.span(5_000, 5_400)]
    let pause = try #require(PauseSearch(evidence).pauses.first)
    #expect(pause.range == Self.span(4_100, 5_400) && pause.length == 300_000_000)
  }

  @Test(
    "where nothing runs on the host, and nothing else is as silent, the guest stood still with it")
  func host() throws {
    let still = Self.span(4_001, 4_301)
    var evidence = Self.busy(but: still)
    evidence.host = [still]
    evidence.vcpus = [still]
    let pause = try #require(PauseSearch(evidence).pauses.first)
    #expect(PauseSearch(evidence).pauses.count == 1)
    #expect(pause.range == still && pause.length == 300_000_000 && pause.error == 3_000_000)
    #expect(!pause.isClockStill && pause.isHostStill && pause.shownBy == .host)
    // A device that answers shows that the trace has a hole.
    evidence.hostRequests.append(4_150_000_000)
    #expect(PauseSearch(evidence).pauses.isEmpty)
  }

  @Test(
    "a host that is often silent says nothing by its silence, and neither does the end of a trace")
  func often() {
    let still = Self.span(4_001, 4_301)
    var evidence = Self.busy(but: still)
    evidence.host = [Self.span(1_000, 1_090), still, Self.span(9_999, 11_000)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
    evidence.host = [Self.span(9_999, 11_000)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
    // A single I/O comes after the end of all others.
    evidence.ios.append((11_001_000_000, 11_002_000_000, 11_003_000_000))
    evidence.host = [Self.span(9_999, 11_000)]
    #expect(PauseSearch(evidence).pauses.isEmpty)
  }

  @Test(
    "vCPUs that do nothing while a completion waits for them stood still; without one they may be idle"
  )
  func vcpus() throws {
    let still = Self.span(4_001, 4_301)
    var evidence = Self.busy(but: still)
    evidence.vcpus = [still]
    #expect(PauseSearch(evidence).pauses.isEmpty)
    evidence.ios.append((4_000_500_000, 4_001_500_000, 4_302_000_000))
    let pause = try #require(PauseSearch(evidence).pauses.first)
    #expect(!pause.isHostStill && pause.spanning == 1 && pause.shownBy == .vcpus)
    // The host was not done: it is the device that they wait for.
    evidence.ios[evidence.ios.count - 1].done = 4_301_500_000
    #expect(PauseSearch(evidence).pauses.isEmpty)
  }

  @Test("what began before a silence, and ends after it, fills it")
  func silences() {
    var silences = Silences()
    func see(_ from: Int64, _ to: Int64) {
      silences.see(from: from * 1_000_000, to: to * 1_000_000)
    }
    see(0, 10)
    see(15, 20)
    see(100, 110)
    #expect(silences.gaps == [Self.span(20, 100)])
    #expect(silences.longestOther == 5_000_000)
    see(50, 120)
    #expect(silences.gaps == [Self.span(20, 50)])
    see(300, 310)
    see(5, 320)
    #expect(silences.gaps.isEmpty)
    see(500, 501)
    see(400, 400 + 102)
    #expect(silences.gaps == [Self.span(320, 400)])
  }
}
