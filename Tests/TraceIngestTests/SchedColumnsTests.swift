import Testing
import TraceModel

@testable import TraceIngest

/// The fast reader of scheduler lines against the general ones: whatever it takes, it must read alike, also when
/// it knows the columns and the second of the line before.
struct SchedColumnsTests {
  private static let lines = [
    "     migration/0    18 [000]   900.803849:       sched:sched_switch: prev_comm=migration/0 "
      + "prev_pid=18 prev_prio=0 prev_state=S ==> next_comm=my [p] x next_pid=30288 next_prio=120",
    "            perf 30288 [001]   900.803851:       sched:sched_waking: comm=CPU 0/KVM pid=30182 "
      + "prio=120 target_cpu=003",
    "            perf 30288 [017]   900.803852: sched:sched_stat_runtime: comm=perf pid=30288 "
      + "runtime=5 [ns]",
    "            perf 30288 [017] 12900.803853123:       sched:sched_wakeup: comm=a pid=1 prio=98 "
      + "target_cpu=000",
    "            perf 3028812 [017]   900.803853: sched:sched_migrate_task: comm=a pid=1 prio=12 "
      + "orig_cpu=1 dest_cpu=0",
    "              :-1    -1 [000] 1795336102.803853:       sched:sched_switch: prev_comm=a prev_pid=9 "
      + "prev_prio=0 prev_state=R+ ==> next_comm=b next_pid=10 next_prio=120",
  ]
  private static let odd = Array(" [](),:./-_0123456789+=>\t\nRSsched\u{1}".utf8) + [0xFF, 0x80]

  /// Reads a line after another; nil where the fast reader leaves it. Reports a difference.
  private static func check(_ line: [UInt8], after before: String) -> Bool {
    let behind = [10] + [UInt8](repeating: 0x78, count: SchedColumns.reach)
    var event = SchedEvent()
    var resolution: Int32 = 0
    var seconds = PerfScriptEnvelope.Seconds()
    var at = 0
    let first = Array(before.utf8) + behind
    _ = SchedColumns.read(
      first.span, &at, first.count, into: &event, resolution: &resolution, seconds: &seconds)
    at = 0
    let bytes = line + behind
    let kind = SchedColumns.read(
      bytes.span, &at, bytes.count, into: &event, resolution: &resolution, seconds: &seconds)
    guard kind != .unknown else { return false }

    let line = line.prefix { $0 != 10 }
    let text = String(decoding: line, as: UTF8.self)
    var envelope = TracepointLine()
    var judge = SchedEvent()
    guard PerfScriptEnvelope().parseAnywhere(bytes.span, 0..<line.count, into: &envelope),
      (try? SchedPayload.parse(bytes.span, envelope, into: &judge)) == true
    else {
      Issue.record("only the fast reader takes: \(text)")
      return true
    }
    #expect(at == line.count + 1, "\(text)")
    #expect(resolution == envelope.resolution && event.time == envelope.time, "\(text)")
    #expect((kind == .event) == (judge.kind != .other), "\(text)")
    if kind == .event {
      #expect(event.cpu == envelope.cpu, "\(text)")
      #expect(SchedPayloadTests.text(event) == SchedPayloadTests.text(judge), "\(text)")
    }
    return true
  }

  @Test func usualLinesAreTakenAndReadAlike() {
    let taken = Self.lines.map { line in
      Self.lines.count { Self.check(Array(line.utf8), after: $0) }
    }
    #expect(taken == [6, 6, 6, 6, 6, 0])
  }

  @Test("whatever is taken of changed lines is read alike", arguments: lines)
  func changed(_ line: String) {
    let bytes = Array(line.utf8)
    var taken = 0
    for before in [line, Self.lines[1]] {
      for index in bytes.indices {
        for byte in Self.odd {
          var changed = bytes
          changed[index] = byte
          if Self.check(changed, after: before) { taken += 1 }
        }
        var other = bytes
        other.remove(at: index)
        if Self.check(other, after: before) { taken += 1 }
        for byte in Self.odd {
          other = bytes
          other.insert(byte, at: index)
          if Self.check(other, after: before) { taken += 1 }
        }
      }
    }
    #expect(taken > 100 || line == Self.lines[5])
  }
}
