import TestSupport
import Testing
import TraceModel

@testable import TraceIngestTests

/// The relation of clocks that trace-cmd records, beside what requests show of it.
struct TimeShiftTests {
  private static func incident(_ recorded: RecordedPair, guest: String = "vm1") throws
    -> SmallIncident
  {
    let incident = try SmallIncident()
    try incident.add(recording: recorded.host, .host, "host", path: "trace.dat")
    try incident.add(recording: recorded.guest, .guest, guest, path: "trace-vm.dat")
    return incident
  }

  private static let pair = HandMadePair.every10ms(300, seed: 3)

  private static let clock = """
    SELECT method, offset_ns, drift_ppm, error_ns, error_middle_ns FROM clock
    WHERE machine = 'vm1' AND method <> 'reference'
    """

  @Test("KVM's relation is used as it is, and matched requests agree with it")
  func relationIsUsed() throws {
    let incident = try Self.incident(RecordedPair(pair: Self.pair))
    let findings = try incident.findings()
    #expect(try incident.value(Self.clock) == "\"time shift, matched requests\",0.0,0.0,1,1")
    #expect(
      try incident.value(
        "SELECT count(*), sum(contradicts), max(recorded_error_ns), count(line) FROM clock_check WHERE origin = 'time shift'"
      ) == "2,0,1,0")
    #expect(
      try incident.value(
        "SELECT min(virtio_submit_ns), max(virtio_submit_ns), max(clock_error_ns) FROM io")
        == "15000,15000,1")
    #expect(findings["TRACE_INCOMPLETE"] == nil)
    #expect(try incident.report().contains("recorded by trace-cmd, which is exact; 300 matched"))
  }

  @Test("a relation that the requests contradict is not used, and is a finding")
  func contradictionIsFound() throws {
    // 5 ms.
    let incident = try Self.incident(RecordedPair(pair: Self.pair, wrong: 10_000_000))
    let finding = try #require(try incident.findings()["TRACE_INCOMPLETE"])
    #expect(finding.hasPrefix("warning: trace-vm.dat: the relation of the clocks that trace-cmd"))
    #expect(finding.contains("took from KVM (TIME_SHIFT) contradicts what the requests show"))
    #expect(try incident.value(Self.clock).hasPrefix("matched requests,"))
    // What the requests show is right.
    #expect(
      try incident.value(
        "SELECT max(abs(virtio_submit_ns - 15000) <= clock_error_ns), max(clock_error_ns) < 50000 FROM io"
      ) == "1,1")
  }

  @Test(
    "a relation that was measured moves nothing, and only what is far off contradicts it",
    arguments: [(10_000_000, false), (4_000_000_000, true)])
  func measuredOneChecks(_ wrong: Int, _ isContradicted: Bool) throws {
    let incident = try Self.incident(
      RecordedPair(pair: Self.pair, wrong: wrong, isMeasured: true))
    let findings = try incident.findings()
    #expect(findings["TRACE_INCOMPLETE"]?.contains("trace-cmd measured") ?? false == isContradicted)
    let clock = try incident.value(Self.clock)
    #expect(clock.hasPrefix("matched requests,"), "\(clock)")
    #expect(
      try incident.value(
        "SELECT count(*) > 0, max(contradicts), min(recorded_error_ns) FROM clock_check WHERE origin = 'time shift'"
      ) == "1,\(isContradicted ? 1 : 0),30000000")
  }

  @Test(
    "without requests the recorded relation places the guest's trace, and its threads are known")
  func placedWithoutRequests() throws {
    // The host calls the guest otherwise.
    let incident = try Self.incident(RecordedPair(pair: nil, name: "instance-00000007"))
    try incident.correlate()
    #expect(try incident.value(Self.clock) == "time shift,0.0,0.0,1,1")
    #expect(
      try incident.lines(
        "SELECT tid, guest, role, vcpu FROM thread_wait WHERE tid IN (4711, 4712) ORDER BY tid"
      ).dropFirst() == ["4711,vm1,vcpu,0", "4712,vm1,vcpu,1"])
    #expect(try incident.findings()["TRACE_INCOMPLETE"] == nil)
  }

  @Test("recordings of one session that the relation lays apart contradict it")
  func recordingsAreApart() throws {
    // 20 s.
    let incident = try Self.incident(RecordedPair(pair: nil, wrong: 40_000_000_000))
    let finding = try #require(try incident.findings()["TRACE_INCOMPLETE"])
    #expect(finding.contains("trace-vm.dat: by the relation"), "\(finding)")
    #expect(finding.contains("beside trace.dat. Both are of one session"), "\(finding)")
  }

  @Test("recordings of two sessions are not related by what one of them says")
  func otherSession() throws {
    let incident = try SmallIncident()
    let other = HandMadePair.every10ms(300, seed: 3)
    try incident.add(other)
    try incident.add(
      recording: RecordedPair(pair: nil).guest, .guest, "vm2", path: "trace-vm.dat")
    try incident.correlate()
    #expect(try incident.value("SELECT count(*) FROM clock WHERE machine = 'vm2'") == "0")
  }
}
