import Testing
import TraceModel

@testable import TraceIngest

/// Payloads in the styles of kernels and tools of fifteen years.
struct SchedPayloadTests {
  /// A payload and what it says.
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let payload: String
    let expected: String
    var testDescription: String { "\(name): \(payload)" }
    init(_ name: String, _ payload: String, _ expected: String) {
      self.name = name
      self.payload = payload
      self.expected = expected
    }
  }

  static func parse(_ name: String, _ payload: [UInt8]) throws -> SchedEvent? {
    let bytes = Array(name.utf8) + payload
    var line = TracepointLine()
    line.event = 0..<name.utf8.count
    line.payload = name.utf8.count..<bytes.count
    var event = SchedEvent()
    return try SchedPayload.parse(bytes.span, line, into: &event) ? event : nil
  }

  static func text(_ event: SchedEvent) -> String {
    switch event.kind {
    case .switched:
      "\(event.name.text):\(event.tid) \(event.left) > \(event.nextName.text):\(event.nextTid)"
    case .waited: "\(event.name.text):\(event.tid) \(event.delay)"
    case .other: "other"
    default: "\(event.kind) \(event.name.text):\(event.tid) to \(event.target)"
    }
  }

  static let switches: [Row] = [
    Row(
      "sched_switch",
      "prev_comm=fio prev_pid=4711 prev_prio=120 prev_state=S ==> next_comm=swapper/3 next_pid=0 "
        + "next_prio=120", "fio:4711 sleeping > swapper/3:0"),
    Row(
      "sched_switch",
      "prev_comm=CPU 0/KVM prev_pid=1 prev_prio=-1 prev_state=R+ ==> next_comm=a: b next_pid=2 "
        + "next_prio=-1", "CPU 0/KVM:1 preempted > a: b:2"),
    Row(
      "sched_switch",
      "prev_comm= prev_pid=1 p prev_pid=7 prev_prio=120 prev_state=D ==> next_comm=(sd-pam) "
        + "next_pid=4194304 next_prio=0", " prev_pid=1 p:7 blocked > (sd-pam):4194304"),
    Row(
      "sched_switch",
      "prev_comm===> next_comm=x prev_pid=7 prev_prio=120 prev_state=I ==> next_comm=y next_pid=8 "
        + "next_prio=120", "==> next_comm=x:7 idle > y:8"),
    Row(
      "sched_switch",
      "prev_comm=x prev_pid=7 prev_prio=120 prev_state=S ==> next_comm= ==> next_comm= next_pid=8 "
        + "next_prio=120", "x:7 sleeping >  ==> next_comm=:8"),
    Row(
      "sched_switch",
      "prev_comm= prev_pid=7 prev_prio=120 prev_state=X ==> next_comm= next_pid=8 next_prio=120",
      ":7 dead > :8"),
    Row(
      "sched_switch",
      "prev_comm=a prev_pid=7 prev_prio=120 prev_state=S+ ==> next_comm=b next_pid=8 next_prio=120 "
        + "expected_cpu=3 extra=x", "a:7 preempted > b:8"),
    Row(
      "sched_switch",
      "prev_comm=a prev_pid=7 prev_prio=120 prev_state=D|K ==> next_comm=b next_pid=8 next_prio=9",
      "a:7 blocked > b:8"),
    Row(
      "sched_switch",
      "prev_comm=a prev_pid=7 prev_prio=120 prev_state=D|N ==> next_comm=b next_pid=8 next_prio=9",
      "a:7 idle > b:8"),
    Row(
      "sched_switch",
      "prev_comm=a prev_pid=7 prev_prio=120 prev_state=t ==> next_comm=b next_pid=8 next_prio=9",
      "a:7 stopped > b:8"),
    Row(
      "sched_switch",
      "prev_comm=a prev_pid=7 prev_prio=120 prev_state=P ==> next_comm=b next_pid=8 next_prio=9",
      "a:7 other > b:8"),
    Row(
      "sched_switch", "bash:1234 [120] S ==> swapper/3:0 [120]", "bash:1234 sleeping > swapper/3:0"),
    Row(
      "sched_switch", "swapper/2:0 [120] R ==> kworker/2:1:2923 [120]",
      "swapper/2:0 yielded > kworker/2:1:2923"),
    Row(
      "sched_switch", "a [1] S ==> b:7 [-1] x ==> c [1] S ==> :8 [120]",
      "a [1] S ==> b:7 dead > c [1] S ==> :8"),
    Row(
      "sched_switch",
      "prev_comm=swapper/2 prev_pid=0 prev_prio=120 prev_state=0 next_comm=kworker/2:1 "
        + "next_pid=2923 next_prio=120", "swapper/2:0 yielded > kworker/2:1:2923"),
    Row(
      "sched_switch",
      "prev_comm=sh prev_pid=1642 prev_prio=120 prev_state=4096 next_comm=a next_pid=46 next_prio=9",
      "sh:1642 preempted > a:46"),
    Row(
      "sched_switch",
      "prev_comm=sh prev_pid=1642 prev_prio=120 prev_state=130 next_comm=a next_pid=46 next_prio=9",
      "sh:1642 blocked > a:46"),
    Row(
      "sched_switch",
      "prev_comm=sh prev_pid=1642 prev_prio=120 prev_state=0x1 next_comm=a next_pid=46 next_prio=9",
      "sh:1642 sleeping > a:46"),
  ]

  static let others: [Row] = [
    Row(
      "sched_waking", "comm=CPU 1/KVM pid=4004 prio=120 target_cpu=000",
      "waking CPU 1/KVM:4004 to 0"),
    Row(
      "sched_wakeup", "comm=a pid=1 b pid=7 prio=120 target_cpu=123", "wakeup a pid=1 b:7 to 123"),
    Row(
      "sched_wakeup", "comm=adbd pid=14 prio=120 success=1 target_cpu=003", "wakeup adbd:14 to 3"),
    Row("sched_wakeup", "comm=adbd pid=14 prio=120 success=0 target_cpu=003", "other"),
    Row("sched_wakeup", "fio:4711 [120] success=1 CPU:003", "wakeup fio:4711 to 3"),
    Row("sched_wakeup", "kworker/2:1:2923 [120] CPU:012", "wakeup kworker/2:1:2923 to 12"),
    Row("sched_wakeup_new", "comm= pid=9 prio=-1 target_cpu=001", "wakeupNew :9 to 1"),
    Row(
      "sched_migrate_task", "comm=fio pid=4711 prio=120 orig_cpu=1 dest_cpu=3",
      "migrated fio:4711 to 3"),
    Row("sched_process_free", "comm=fio pid=4711 prio=120 group_dead=true", "freed fio:4711 to -1"),
    Row("sched_stat_wait", "comm=fio pid=4711 delay=84000 [ns]", "fio:4711 84000"),
    Row("sched_stat_wait", "comm=fio pid=4711 delay=9999999999", "fio:4711 9999999999"),
    Row("sched_stat_runtime", "comm=fio pid=4711 runtime=84000 [ns] vruntime=1 [ns]", "other"),
    Row("sched_process_exec", "filename=/bin/sh pid=1 old_pid=1", "other"),
    Row("sched_load_se", "cpu=2 path=(null) comm=kworker/2:1 pid=2923 load=0 util=0", "other"),
  ]

  @Test("every style says the same", arguments: switches + others)
  func parses(_ row: Row) throws {
    let event = try #require(try Self.parse(row.name, Array(row.payload.utf8)))
    #expect(Self.text(event) == row.expected)
  }

  @Test(
    "events of other families are left alone", arguments: ["block_rq_issue", "sched", "kvm_exit"])
  func leavesOthersAlone(_ name: String) throws {
    #expect(try Self.parse(name, Array("comm=a pid=1 prio=2 target_cpu=3".utf8)) == nil)
  }

  @Test("a name that is not UTF-8 keeps its bytes")
  func keepsBytes() throws {
    let payload =
      Array("comm=".utf8) + [0xFF, 0xC3, 0x28] + Array(" pid=5 prio=1 target_cpu=001".utf8)
    let event = try #require(try Self.parse("sched_waking", payload))
    #expect(event.name.low == 0x28C3FF && event.name.high == 0)
  }

  @Test(
    "a payload cut at any byte is refused or is another whole one", arguments: switches + others)
  func refusesCutPayloads(_ row: Row) throws {
    let whole = Array(row.payload.utf8)
    for length in 0..<whole.count {
      let part = Array(whole[..<length])
      // A cut inside of the last number leaves a shorter number, and optional fields may go.
      guard let event = try? Self.parse(row.name, part), event.kind == .switched else { continue }
      let full = try #require(try Self.parse(row.name, whole))
      #expect(event.tid == full.tid && event.name == full.name)
      #expect(event.nextName == full.nextName)
    }
  }
}
