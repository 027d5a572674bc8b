import Testing
import TraceModel

@testable import TraceIngest

/// What is refused, and what must not be taken for something else.
struct PerfSchedTests {
  private static let line =
    "               a    10 [000] %: sched:sched_waking: comm=a pid=10 prio=120 target_cpu=000\n"

  private func text(_ times: [String]) -> String {
    times.map { Self.line.replacing("%", with: $0) }.joined()
  }

  @Test("differences instead of times are refused")
  func deltaTimes() throws {
    let times = (0..<100).map { "0.0000\(10 + ($0 * 37) % 90)" }
    #expect {
      try readSched(text(times))
    } throws: { error in
      guard case IngestError.refused(.notInOrder, _, _, let hint) = error else { return false }
      return hint.contains("--deltatime")
    }
  }

  @Test("perf sched map is refused with the command that helps")
  func map() throws {
    let map = "  *A0         900.803815 secs A0 => migration/0:18\n   A0 *B0     900.803849 secs \n"
    #expect {
      try readSched(map)
    } throws: { error in
      guard case IngestError.unrecognized(let hint?) = error else { return false }
      return hint.contains("give the perf.data")
    }
  }

  @Test("an event of the scheduler without a CPU cannot be used, and is counted")
  func withoutCPU() throws {
    let (_, summary) = try readSched(
      "a 10 1.000000: sched:sched_waking: comm=a pid=10 prio=120 target_cpu=000\n"
        + "a 10 1.000001: sched:sched_stat_runtime: comm=a pid=10 runtime=5 [ns]\n")
    #expect(summary.skippedLines == 1)
    #expect(summary.events == 1)
  }

  @Test("a CPU number or thread that no kernel has does not take memory or stop the run")
  func hugeNumbers() throws {
    let (sink, summary) = try readSched(
      "a 4294967295 [65535] 1.000000: sched:sched_switch: prev_comm=a prev_pid=4294967295 "
        + "prev_prio=1 prev_state=S ==> next_comm=b next_pid=4294967294 next_prio=1\n"
        + "a 4294967295 [65536] 1.000000: sched:sched_switch: prev_comm=a prev_pid=1 "
        + "prev_prio=1 prev_state=S ==> next_comm=b next_pid=2 next_prio=1\n"
        + "a 1 [000] 1.000000: sched:sched_switch: prev_comm=a prev_pid=99999999999999999999 "
        + "prev_prio=1 prev_state=S ==> next_comm=b next_pid=2 next_prio=1\n",
      as: "perf-sched")
    #expect(summary.events == 1)
    #expect(summary.skippedLines == 2)
    #expect(sink.threads.map(\.tid) == [4_294_967_295, 4_294_967_294])
  }

  @Test("memory follows the live threads: short-lived ones leave")
  func endedThreadsLeave() throws {
    var folding = ThreadIntervals(sink: SchedSink())
    var peak = 0
    for number in 0..<50_000 {
      var event = SchedEvent()
      event.kind = .switched
      event.time = Int64(number) * 1000
      event.tid = UInt32(number + 1)
      event.nextTid = UInt32(number + 2)
      event.left = .dead
      try folding.add(event)
      peak = max(peak, folding.liveThreads)
    }
    #expect(peak < 20_000)
  }
}

extension PerfSchedTests {
  @Test("threads beyond those that are told apart are one row, and nothing of them is lost")
  func threadsAddedUp() throws {
    let (all, _) = try Self.fold(mostOwn: 1 << 19)
    let (some, problems) = try Self.fold(mostOwn: 6)
    #expect(all.threads.count == 21)
    // Five threads and the idle task have a row of their own.
    #expect(some.threads.count == 7)
    let others = try #require(some.threads.first { $0.name.text == "(others)" })
    #expect(others.runs == 15 && others.run == 150_000)
    #expect(others.waits == 15 && others.wait == 60_000 && others.longestWait == 4_000)
    #expect(
      some.threads.reduce(0) { $0 + $1.run } == all.threads.reduce(0) { $0 + $1.run })
    #expect(some.slices.count == all.slices.count)
    #expect(problems == ["threads_added_up 15"])
  }

  /// 20 threads, one after the other woken, switched in 4 us later and out after another 10.
  private static func fold(mostOwn: Int) throws -> (sink: SchedSink, problems: [String]) {
    let sink = SchedSink()
    var folding = ThreadIntervals(sink: sink, rows: ThreadRows(mostOwn: mostOwn))
    for tid in UInt32(101)...120 {
      var event = SchedEvent()
      event.cpu = 0
      event.time = Int64(tid) * 100_000
      event.kind = .wakeup
      event.tid = tid
      event.name = TaskName("woken")
      event.target = 0
      try folding.add(event)
      event.kind = .switched
      event.time += 4_000
      event.tid = 0
      event.left = .yielded
      event.nextTid = tid
      event.nextName = TaskName("woken")
      try folding.add(event)
      event.time += 10_000
      event.tid = tid
      event.left = .sleeping
      event.nextTid = 0
      event.nextName = TaskName("swapper/0")
      try folding.add(event)
    }
    var summary = SourceSummary()
    try folding.finish(&summary)
    return (sink, summary.problems.map { "\($0.kind.rawValue) \($0.count)" })
  }
}
