import Testing
import TraceModel

@testable import TraceIngest

/// The lines of perf and ftrace, whatever stands in them.
struct TracepointEnvelopeTests {
  /// A line and what it says; nil: no event.
  struct Row: CustomTestStringConvertible, Sendable {
    let line: String
    let expected: String?
    var testDescription: String { line }
    init(_ line: String, _ expected: String?) {
      self.line = line
      self.expected = expected
    }
  }

  static func parse<Envelope: TracepointEnvelope>(_ type: Envelope.Type, _ line: String) -> String?
  {
    let bytes = Array(line.utf8)
    var envelope = Envelope()
    var event = TracepointLine()
    guard envelope.parse(bytes.span, 0..<bytes.count, into: &event) else { return nil }
    func text(_ range: Range<Int>) -> String {
      bytes.span.text(from: range.lowerBound, to: range.upperBound)
    }
    return "\(text(event.task))|\(event.tid)/\(event.pid) cpu \(event.cpu) \(event.time) "
      + "\(event.resolution) \(text(event.event))|\(text(event.payload))"
  }

  static let perf: [Row] = [
    Row(
      "         swapper     0 [000] 812345.677697:       sched:sched_waking: comm=a pid=1",
      "swapper|0/0 cpu 0 812345677697000 1000 sched_waking|comm=a pid=1"),
    Row(
      "perf 13975 [000]  1482.433658: sched:sched_switch: prev_comm=perf",
      "perf|13975/0 cpu 0 1482433658000 1000 sched_switch|prev_comm=perf"),
    Row(
      "  my [p] (x) 1      7 [123]     1.000000001: kvm:kvm_entry: vcpu 0, rip 0x1 ",
      "my [p] (x) 1|7/0 cpu 123 1000000001 1 kvm_entry|vcpu 0, rip 0x1"),
    Row(
      "             123 4194304/4194300 [001]     1.000000: block:block_plug: [sh]",
      "123|4194300/4194304 cpu 1 1000000000 1000 block_plug|[sh]"),
    Row(
      "       CPU 0/KVM   182 [0128] K    623.749696:          1 kvm:kvm_exit: x",
      "CPU 0/KVM|182/0 cpu 128 623749696000 1000 kvm_exit|x"),
    Row(
      " sh 1 [000] 2026-11-22 08:28:22.258739  1480.030015: sched:sched_waking: y",
      "sh|1/0 cpu 0 1480030015000 1000 sched_waking|y"),
    Row("              :-1    -1 [001]     5.000000: a:b: ", ":-1|0/0 cpu 1 5000000000 1000 b|"),
    Row(
      "java  3244 75695.008865:          1 cycles:u: ",
      "java|3244/0 cpu -1 75695008865000 1000 u|"),
    Row(
      "     x [000] y z    77 [003]     1.000000: sched:sched_waking: q",
      "x [000] y z|77/0 cpu 3 1000000000 1000 sched_waking|q"),
    Row("java  3244 cpu-clock: ", nil),
    Row("    ffffffff8139bb71 __traceiter_sched_switch+0x41 ([kernel.kallsyms])", nil),
    Row(
      "perf 7 [001] 1.000000: PERF_RECORD_LOST lost 65",
      "perf|7/0 cpu 1 1000000000 1000 PERF_RECORD_LOST|lost 65"),
    Row("  sh 1 [000] 1.000: a:b: c", nil),
    Row("  sh 1 [000] 1.000000", nil),
    Row("[000] 1.000000: a:b: c", nil),
    Row("", nil),
    Row("   <idle>-0     [001] d..2  1234.000001: sched_switch: prev_comm=swapper/1", nil),
    Row("   atrace-14446  (-----) [000] ...2  1212.465062: sched_switch: prev_comm=a", nil),
  ]

  static let ftrace: [Row] = [
    Row(
      "          <idle>-0       [001] ..s1.   410.121377: block_rq_complete: 254,0 W () 1 + 8 [0]",
      "<idle>|0/0 cpu 1 410121377000 1000 block_rq_complete|254,0 W () 1 + 8 [0]"),
    Row(
      "          atrace-14446  (-----) [000] ...2  1212.465062: sched_switch: x",
      "atrace|14446/0 cpu 0 1212465062000 1000 sched_switch|x"),
    Row(
      "   my-th [1] -7-14446  ( 1234) [000] ...2  1212.465062: sched_switch: x",
      "my-th [1] -7|14446/1234 cpu 0 1212465062000 1000 sched_switch|x"),
    Row(
      "       trace-cmd-6244  [005] 162534.215742: sched_switch:         a:1 [120] x ==> b:0 [120]",
      "trace-cmd|6244/0 cpu 5 162534215742000 1000 sched_switch|a:1 [120] x ==> b:0 [120]"),
    Row(
      "      sh-1  [005] 1.215742123 (+12): sched_waking: y",
      "sh|1/0 cpu 5 1215742123 1 sched_waking|y"),
    Row(
      "xfwm4-3252  [005] ....   395.705675: sys_recvmsg -> 0x24",
      "xfwm4|3252/0 cpu 5 395705675000 1000 sys_recvmsg|-> 0x24"),
    Row(
      "atrace-14662 [000] 50260.647576: sched_wakeup: comm=a\\n\\",
      "atrace|14662/0 cpu 0 50260647576000 1000 sched_wakeup|comm=a"),
    Row("  sh-1 [000] 123456789: sched_waking: x", nil),
    Row("# tracer: nop", nil),
  ]

  @Test("perf script", arguments: perf)
  func perfScript(_ row: Row) {
    #expect(Self.parse(PerfScriptEnvelope.self, row.line) == row.expected)
  }

  @Test("ftrace and trace-cmd", arguments: ftrace)
  func ftraceText(_ row: Row) {
    #expect(Self.parse(FtraceEnvelope.self, row.line) == row.expected)
  }

  /// A real line, and bytes to put into it that mean something.
  private static let bases = [
    "     migration/0    18 [000]   900.803849: sched:sched_switch: prev_comm=a prev_pid=1 prev_prio=0",
    "       CPU 0/KVM 30182 [017] 4276.018731035:     sched:sched_waking: comm=a pid=1 prio=0",
  ]
  private static let meaningful = Array(" [](),:./-_0123456789+\tRSsched\u{1}".utf8) + [0xFF, 0x80]

  @Test("reading by columns never says anything else than reading by anchors", arguments: 0..<8)
  func columnsAgree(_ seed: Int) {
    var random = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    func next(_ below: Int) -> Int {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return Int(random % UInt64(below))
    }
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = Array(Self.bases[seed & 1].utf8)
      for _ in 0..<next(4) {
        let place = next(64)
        switch next(3) {
        case 0: bytes[place] = Self.meaningful[next(Self.meaningful.count)]
        case 1: bytes.insert(Self.meaningful[next(Self.meaningful.count)], at: place)
        default: bytes.remove(at: place)
        }
      }
      let length = bytes.count
      bytes += Array(repeating: 0x78, count: 8)
      var fast = TracepointLine()
      var judge = TracepointLine()
      guard PerfScriptEnvelope.parseColumns(bytes.span, 0..<length, into: &fast) else { continue }
      accepted += 1
      #expect(PerfScriptEnvelope().parseAnywhere(bytes.span, 0..<length, into: &judge))
      let line = String(decoding: bytes[..<length], as: UTF8.self)
      #expect(fast == judge, "\(line)")
    }
    #expect(accepted > 1000)
  }

  /// An aside as text.
  static let asides: [(String, TracepointAside?)] = [
    ("CPU:3 [LOST 1234 EVENTS]", .lost(cpu: 3, events: 1234)),
    ("CPU:3 [LOST EVENTS]", .lost(cpu: 3, events: nil)),
    ("CPU:2 [123 EVENTS DROPPED]", .lost(cpu: 2, events: 123)),
    ("##### CPU 2 buffer started ####", .lost(cpu: 2, events: nil)),
    ("# entries-in-buffer/entries-written: 10/25   #P:2", .lostBefore(events: 15)),
    ("# entries-in-buffer/entries-written: 25/25   #P:2", .decoration),
    (" => schedule", .decoration),
    ("cpus=8", .notice),
    ("hello", nil),
  ]

  @Test("what ftrace says besides", arguments: asides)
  func ftraceAsides(_ line: String, _ expected: TracepointAside?) {
    let bytes = Array(line.utf8)
    #expect(FtraceEnvelope().aside(bytes.span, 0..<bytes.count) == expected)
  }

  @Test("perf's reference time gives the start of its clock")
  func referenceTime() throws {
    let start = try #require(
      PerfReferenceTime.start(
        "2026-11-22 08:28:22.258739 = 1795336102.258739 (TOD) = 1480.030015724 (monotonic)"))
    #expect(start.nanoseconds == 1_795_336_102_258_739_000 - 1_480_030_015_724)
    #expect(PerfReferenceTime.start("2026 = x = y") == nil)
  }
}
