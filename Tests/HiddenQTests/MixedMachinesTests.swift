import TestSupport
import Testing

/// Scheduler traces of two machines under one name, against those of one machine.
struct MixedMachinesTests {
  /// Three threads that take turns on each of two CPUs, for 4, 3 and 3 ms, from `begin` us on; `name` and `tid` tell them
  /// apart. Every 50 turns the kernel's own thread of the CPU runs for 1 ms.
  private static func trace(
    _ name: String, tid: Int, begin: Int = 10_000_000, migration: Int = 20, cpus: [Int] = [0, 1]
  ) -> String {
    var lines: [(at: Int, text: String)] = []
    for cpu in cpus {
      var last = ("swapper/\(cpu)", 0)
      func switchTo(_ next: (String, Int), at: Int) {
        lines.append(
          (
            at,
            "\(last.0) \(last.1) [00\(cpu)] \(HandMadePair.seconds(at)): sched:sched_switch: "
              + "prev_comm=\(last.0) prev_pid=\(last.1) prev_prio=120 prev_state=R ==> "
              + "next_comm=\(next.0) next_pid=\(next.1) next_prio=120\n"
          ))
        last = next
      }
      for turn in 0..<100 {
        let at = begin + 10_000 * turn + cpu
        switchTo(("\(name)-a\(cpu)", tid + 3 * cpu), at: at)
        switchTo(("\(name)-b\(cpu)", tid + 3 * cpu + 1), at: at + 4_000)
        switchTo(("\(name)-c\(cpu)", tid + 3 * cpu + 2), at: at + 7_000)
        if turn % 50 == 49 { switchTo(("migration/\(cpu)", migration + 6 * cpu), at: at + 9_000) }
      }
    }
    return lines.sorted { $0.at < $1.at }.map(\.text).joined()
  }

  private static func mixed(_ texts: [String]) throws -> (found: [String: String], kinds: [String])
  {
    let incident = try MadeIncident()
    for text in texts { try incident.add(text, "host", "h") }
    return (try incident.findings(), try incident.rows("SELECT kind FROM problem"))
  }

  @Test("at one time, with different threads on the same CPUs: they are of two machines")
  func atOneTime() throws {
    let (found, kinds) = try Self.mixed([
      Self.trace("app", tid: 4_000), Self.trace("db", tid: 7_000, begin: 10_003_000),
    ])
    #expect(kinds == ["other_machine"])
    #expect(found.keys.sorted() == ["CAPTURES_MIXED"])
    let words = try #require(found["CAPTURES_MIXED"])
    #expect(
      words.hasPrefix("critical: Scheduler traces of two machines were ingested as host h. "),
      "\(words)")
  }

  @Test("the kernel's threads have other numbers: of two machines, at whatever time")
  func kernelThreads() throws {
    let (found, kinds) = try Self.mixed([
      Self.trace("app", tid: 4_000),
      Self.trace("app", tid: 4_000, begin: 90_000_000, migration: 21),
    ])
    #expect(kinds.isEmpty)
    #expect(
      found["CAPTURES_MIXED"]?.contains("2 threads of the kernel have other numbers in ") == true,
      "\(found)")
    #expect(found["CAPTURES_MIXED"]?.contains("as migration/0: 20 and 21.") == true, "\(found)")
  }

  @Test("one machine: later, on other CPUs, by another clock, or other threads of it")
  func oneMachine() throws {
    let whole = Self.trace("app", tid: 4_000)
    for other in [
      Self.trace("app", tid: 4_000, begin: 90_000_000),
      Self.trace("db", tid: 7_000, begin: 90_000_000),
      Self.trace("db", tid: 7_000, cpus: [2, 3]),
      // The other tool's clock is 3 ms ahead.
      Self.trace("app", tid: 4_000, begin: 10_003_000),
    ] {
      let (found, kinds) = try Self.mixed([whole, other])
      #expect(found["CAPTURES_MIXED"] == nil, "\(found)")
      #expect(kinds.isEmpty)
    }
  }

  @Test("a filter by thread hides who ran in between: nothing is concluded from that")
  func filteredByThread() throws {
    // a, b and c take turns; with c's switches hidden, b seems to run on while c does.
    func line(_ last: String, _ tid: Int, _ next: String, _ nextTID: Int, _ at: Int) -> String {
      "\(last) \(tid) [000] \(HandMadePair.seconds(at)): sched:sched_switch: prev_comm=\(last) prev_pid=\(tid) "
        + "prev_prio=120 prev_state=R ==> next_comm=\(next) next_pid=\(nextTID) next_prio=120\n"
    }
    let lines = (0..<100).flatMap { turn -> [String] in
      let at = 10_000_000 + 10_000 * turn
      return [
        line("b", 2, "a", 1, at), line("a", 1, "b", 2, at + 2_000),
        line("b", 2, "c", 3, at + 4_000), line("c", 3, "d", 4, at + 6_000),
        line("d", 4, "c", 3, at + 7_000), line("c", 3, "b", 2, at + 8_000),
      ]
    }
    let parts = ["=a ", "=d "].map { name in lines.filter { $0.contains(name) }.joined() }
    let (found, kinds) = try Self.mixed(parts)
    #expect(found["CAPTURES_MIXED"] == nil, "\(found)")
    #expect(!kinds.contains("other_machine"))
  }
}
