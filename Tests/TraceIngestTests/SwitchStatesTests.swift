import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Scheduler text that needs a second thought: shifted states, columns of `trace-cmd report`, reports of two machines.
struct SwitchStatesTests {
  private static func perf(
    _ milliseconds: Int, _ from: String, _ state: String, _ to: String
  ) -> String {
    func task(_ name: String) -> (String, Int) {
      switch name {
      case "idle": ("swapper/0", 0)
      case "vcpu": ("CPU 0/KVM", 501)
      case "kworker": ("kworker/0:1", 12)
      default: (name, 900)
      }
    }
    let ((leaves, tid), (comes, next)) = (task(from), task(to))
    let time = String(format: "100.%03d000", milliseconds)
    return
      "         swapper     0 [000]   \(time): sched:sched_switch: prev_comm=\(leaves) prev_pid=\(tid) "
      + "prev_prio=120 prev_state=\(state) ==> next_comm=\(comes) next_pid=\(next) next_prio=120\n"
  }

  /// The virtual CPU runs 10 ms, is off while `burn` runs 20 ms, comes back, and sleeps; the CPU is idle.
  private static func rounds(_ states: (idle: String, runnable: String, sleeping: String)) -> String
  {
    (0..<5).map { round in
      let at = round * 100
      return perf(at, "idle", states.idle, "vcpu") + perf(at + 10, "vcpu", states.runnable, "burn")
        + perf(at + 30, "burn", states.sleeping, "vcpu")
        + perf(at + 40, "vcpu", states.sleeping, "idle")
    }.joined()
  }

  @Test(
    "states that are one bit high are read one lower",
    arguments: [
      ("R", "R", "S"), ("S", "S", "D"), ("0", "0", "1"), ("1", "1", "2"), ("S", "R+", "D"),
    ])
  func shiftedStates(_ idle: String, _ runnable: String, _ sleeping: String) throws {
    let (sink, summary) = try readSched(Self.rounds((idle, runnable, sleeping)))
    let vcpu = try #require(sink.threads.first { $0.tid == 501 })
    #expect(vcpu.wait == 5 * 20_000_000)
    #expect(vcpu.waits == 5)
    #expect(sink.threads.first { $0.tid == 900 }?.wait == 0)
    let note = summary.problems.first { $0.kind == .shiftedStates }
    #expect((note?.count ?? 0) == (idle == "R" || idle == "0" ? 0 : 20))
  }

  @Test("what comes before the idle task leaves is read with the same states")
  func shiftedFromTheBeginning() throws {
    let text =
      Self.perf(0, "burn", "S", "vcpu") + Self.perf(10, "vcpu", "S", "burn")
      + Self.perf(40, "burn", "S", "vcpu") + Self.perf(50, "vcpu", "D", "idle")
      + Self.perf(90, "idle", "S", "vcpu")
    let (sink, summary) = try readSched(text)
    let vcpu = try #require(sink.threads.first { $0.tid == 501 })
    #expect(vcpu.wait == 30_000_000)
    #expect(summary.problems.first { $0.kind == .shiftedStates }?.count == 5)
  }

  @Test("a worker without work has the letters of a preemption: it does not wait")
  func idleWorkers() throws {
    let text =
      Self.perf(0, "idle", "S", "kworker") + Self.perf(10, "kworker", "R+", "idle")
      + Self.perf(400, "idle", "S", "kworker") + Self.perf(410, "kworker", "R+", "idle")
    let (sink, _) = try readSched(text)
    let worker = try #require(sink.threads.first { $0.tid == 12 })
    #expect(worker.runs == 2)
    #expect(worker.waits == 0)
  }

  // MARK: trace-cmd report

  private static func report(_ seconds: String, _ gap: String, _ text: String) -> String {
    "          <idle>-0     [000]    \(seconds):\(gap) sched_switch:         \(text)\n"
  }

  @Test(
    "the differences of --ts-diff are passed over",
    arguments: ["  (+3000)", "  (+-12)", " (+5)  ", "         ", ""])
  func timeDifferences(_ gap: String) throws {
    let text =
      "cpus=2\n" + Self.report("20.000000", "         ", "swapper/0:0 [120] R ==> app:42 [120]")
      + Self.report("20.003000", gap, "app:42 [120] R ==> hog:43 [120]")
      + Self.report("20.007000", gap, "hog:43 [120] S ==> app:42 [120]")
      + Self.report("20.009000", gap, "app:42 [120] S ==> swapper/0:0 [120]")
    let (sink, summary) = try readSched(text)
    #expect(summary.events == 4)
    let app = try #require(sink.threads.first { $0.tid == 42 })
    #expect((app.run, app.wait, app.waits) == (5_000_000, 4_000_000, 1))
  }

  @Test("a column that nobody knows is counted, line by line")
  func unknownColumns() throws {
    let text =
      "cpus=2\n" + Self.report("20.000000", "", "swapper/0:0 [120] R ==> app:42 [120]")
      + Self.report("20.003000", " {x}", "app:42 [120] R ==> hog:43 [120]")
      + Self.report("20.007000", " {x}", "hog:43 [120] S ==> app:42 [120]")
    let (_, summary) = try readSched(text)
    #expect(summary.events == 1)
    #expect(summary.skippedLines == 2)
    #expect(summary.lines == 4)
  }

  private static func of(_ file: String, _ seconds: String, _ text: String) -> String {
    " \(file): " + report(seconds, "", text)
  }

  @Test("a report of two machines is refused, with or without its head", arguments: [true, false])
  func twoMachines(_ hasHead: Bool) throws {
    let head = "      trace.dat: cpus=1\n trace-web1.dat: cpus=1\n"
    let text =
      (hasHead ? head : "")
      + Self.of("     trace.dat", "30.000000", "swapper/0:0 [120] R ==> a:1 [120]")
      + Self.of("trace-web1.dat", "30.001000", "swapper/0:0 [120] R ==> db:60 [120]")
    let error = #expect(throws: IngestError.self) { try readSched(text) }
    let refusal = try #require(error?.refusal)
    #expect(refusal.problem.kind == .severalMachines)
    #expect(refusal.problem.excerpt?.contains("trace.dat, trace-web1.dat") == true)
    #expect(refusal.problem.excerpt?.contains("trace-cmd report -i") == true)
  }

  @Test("one file with its name before each line is one machine; so are buffers with other events")
  func oneMachine() throws {
    let text =
      " trace.dat: cpus=1\n"
      + Self.of("trace.dat", "30.000000", "swapper/0:0 [120] R ==> a:1 [120]")
      + Self.of("trace.dat", "30.001000", "a:1 [120] S ==> swapper/0:0 [120]")
      + " blk:           <idle>-0     [000]    30.002000: irq_handler_entry:    irq=1\n"
    let (sink, summary) = try readSched(text)
    #expect(summary.events == 3)
    #expect(sink.threads.first { $0.tid == 1 }?.run == 1_000_000)
  }

  @Test("remarks and the echo of a key, in the text of perf")
  func annotated() throws {
    let lines = Self.rounds(("R", "R", "S")).split(separator: "\n").map(String.init)
    var text = lines[0] + "   <-- here it begins\n" + lines[1] + "\n[...]\n"
    text += "^C" + lines[4] + "\n" + lines[5] + " # look\n"
    let (sink, summary) = try readSched(text)
    #expect(summary.events == 4)
    #expect(summary.skippedLines == 0)
    #expect(summary.problems.first { $0.kind == .elidedLines }?.count == 1)
    // Across the cut nothing is known of who ran and waited.
    #expect(sink.threads.first { $0.tid == 501 }?.waits == 0)
  }
}
