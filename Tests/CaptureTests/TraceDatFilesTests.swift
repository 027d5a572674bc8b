import Foundation
import TestSupport
import Testing
import TraceModel

@testable import HiddenQTests
@testable import TraceIngest
@testable import TraceIngestTests

/// Recordings of trace-cmd beside the checkout, against what `trace-cmd report -t -R` prints of them.
@Suite(.needsShared) struct TraceDatFilesTests {
  private static let printed = [
    ("own/tc-v6.dat", "tc-v6.dat"), ("own/tc-v6-top.dat", "tc-v6-top.dat"),
    ("own/tc-v7-zstd.dat", "tc-v7-zstd.dat"), ("own/tc-v7-none.dat", "tc-v7-none.dat"),
    ("own/tc-v7-mono.dat", "tc-v7-mono.dat"), ("own/tc-v7-top.dat", "tc-v7-top.dat"),
    ("own/tc-v7-lost.dat", "tc-v7-lost.dat"), ("own/tc-v7-date-stack.dat", "tc-v7-date-stack.dat"),
    ("own/pair-network-ptp/host.dat", "pair-network-ptp_host.dat"),
    ("own/pair-network-ptp/host-127.0.0.1.dat", "pair-network-ptp_host-127.0.0.1.dat"),
    ("own/pair-synthetic-kvm/guest-pair.dat", "pair-synthetic-kvm_guest-pair.dat"),
    ("own/pair-synthetic-kvm/host-pair.dat", "pair-synthetic-kvm_host-pair.dat"),
    ("foreign/lisa_sched_load_trace.dat.gz", "lisa_sched_load_trace.dat"),
    ("foreign/bengo501_trace_fifo_v3.dat", "bengo501_trace_fifo_v3.dat"),
  ]

  private static func path(_ name: String) throws -> String {
    try Repository.shared("samples/trace-dat").appending(path: name).path
  }

  /// Reads a recording as `trace-cmd report` does, measured relations of clocks and all.
  private static func readLikeReport(_ path: String) throws -> (KeptEventSink, SourceSummary) {
    let sink = KeptEventSink()
    let reader = TraceDatReader(sink: sink, isLikeReport: true)
    var input = InputReader(source: try ByteSource(path: path))
    _ = try input.head()
    try reader.read([InputPart(input)]) {}
    return (sink, try reader.finish())
  }

  /// Times, CPUs and threads of the scheduler's events, and the requests of the block layer, out of raw text.
  private static func requests(_ text: String) throws -> [String] {
    let line = try Regex(
      #"\[(\d+)\] +(\d+)\.(\d{9}): block_rq_(issue|complete|insert): +(.*)"#)
    return try text.split(separator: "\n").compactMap { text in
      guard let match = try line.firstMatch(in: text) else { return nil }
      func word(_ place: Int) -> String { String(match.output[place].substring ?? "") }
      func value(_ key: String) -> Int {
        let words = word(5).split(separator: " ")
        let word = words.first { $0.hasPrefix(key + "=") }?.dropFirst(key.count + 1) ?? "0"
        return word.hasPrefix("0x") ? Int(word.dropFirst(2), radix: 16) ?? 0 : Int(word) ?? 0
      }
      let device = DeviceNumber(rawValue: UInt32(value("dev")))
      let action = ["issue": "D", "complete": "C", "insert": "I"][word(4)] ?? "?"
      return "\(Int(word(2)) ?? 0)\(word(3)) [\(Int(word(1)) ?? 0)] \(action) \(device) "
        + "\(value("sector"))+\(value("nr_sector"))"
    }
  }

  @Test("events equal the text of trace-cmd, in their order", arguments: printed)
  func eventsEqualTheText(_ name: String, _ expected: String) throws {
    let (binary, summary) = try Self.readLikeReport(try Self.path(name))
    let place = try Self.path("expected/\(expected).tc316-report-tR.txt.gz")
    let (text, said) = try readEvents(SourceInput(path: place))
    #expect(summary.format == "trace-dat")
    #expect(!binary.sched.isEmpty)
    Self.compare(binary.schedLinesWithoutLetters, text.schedLinesWithoutLetters, name)
    #expect(summary.lostEvents == said.lostEvents)
    if name.hasPrefix("own") { #expect(summary.skippedLines == 0) }
    let raw = try OtherProgram.run("zcat", [place]).output
    let requests = binary.block.filter { [.issue, .complete, .insert].contains($0.action) }.map {
      "\($0.time) [\($0.cpu)] \($0.action.name) \($0.device) \(max(0, $0.sector))+\($0.sectors)"
    }
    Self.compare(requests, try Self.requests(raw), name)
  }

  private static func compare(_ own: [String], _ other: [String], _ name: String) {
    #expect(own.count == other.count, "\(name)")
    guard own != other else { return }
    for (one, two) in zip(own, other) where one != two {
      Issue.record("\(name): '\(one)', in the text '\(two)'")
      return
    }
  }

  @Test("a guest's events have the host's time where KVM's relation is in the file")
  func guestHasTheHostsTime() throws {
    let (guest, summary) = try readEvents(
      SourceInput(path: try Self.path("own/pair-synthetic-kvm/guest-pair.dat")))
    let (host, other) = try readEvents(
      SourceInput(path: try Self.path("own/pair-synthetic-kvm/host-pair.dat")))
    // The same switches of one machine, recorded twice: 4e12 cycles lay between the files.
    let firsts = Array(zip(guest.sched, host.sched).prefix(50))
    #expect(firsts.count == 50)
    for (one, two) in firsts {
      #expect(one.tid == two.tid && (one.time - two.time).magnitude < 20_000)
    }
    #expect(summary.toolClock == "tsc" && other.toolClock == "tsc")
    #expect(
      summary.headers.contains {
        $0.name == "time shift" && $0.value.contains("offset 4000000000000")
      })
    #expect(other.headers.contains(SourceHeader(name: "trace id", value: "1111222233334444")))
    #expect(
      other.headers.contains {
        $0.name == "guest vm1" && $0.value.hasSuffix("vCPU 0 is thread 4711, vCPU 1 is thread 4712")
      })
  }

  @Test(
    "guest and host of one session: the clocks' relation is the true one, and nothing is fitted")
  func sessionRelatesTheClocks() throws {
    let incident = try Repository.temporaryFolder().appending(path: "incident.db").path
    for (file, side, name) in [("guest-pair", "--guest", "web1"), ("host-pair", "--host", "kvm7")] {
      let path = try Self.path("own/pair-synthetic-kvm/\(file).dat")
      #expect(try Program.run("ingest", incident, path, side, name).status == 0)
    }
    // No disk of the guest was traced.
    #expect(try Program.run("correlate", incident).status == 3)
    // 4e12 cycles lay between the counters; the guest's events have the host's times.
    #expect(
      try Program.value(
        incident,
        """
        SELECT reference || ' ' || method || ' ' || offset_ns || ' ' || drift_ppm || ' ' || error_ns || ' ' || pairs
        FROM clock WHERE machine = 'web1'
        """) == "kvm7 tsc time shift 0.0 0.0 1 0")
    // The same switches of one machine, seen twice within some microseconds.
    #expect(
      try Program.value(
        incident,
        """
        SELECT max(abs(guest.first_ns - host.first_ns)) < 5000 FROM source AS guest, source AS host
        WHERE guest.layer = 'guest' AND host.layer = 'host'
        """) == "1")
  }

  @Test("a relation that was only measured does not move a guest's events")
  func measuredRelationIsNotUsed() throws {
    let name = "own/pair-network-ptp/host-127.0.0.1.dat"
    let (guest, summary) = try readEvents(SourceInput(path: try Self.path(name)))
    let (moved, _) = try Self.readLikeReport(try Self.path(name))
    #expect(summary.headers.contains { $0.name == "time shift" && $0.value.hasPrefix("ptp") })
    #expect(guest.sched.count == moved.sched.count)
    #expect(guest.sched.map(\.time) != moved.sched.map(\.time))
  }

  @Test("cycles without their length are refused, and so is what holds no tracepoint of ours")
  func refusalsSayWhy() throws {
    for (name, words) in [
      ("own/tc-v7-tsc.dat", "cycles"), ("foreign/trappy_trace.dat", "of no tracepoint"),
    ] {
      #expect {
        try readEvents(SourceInput(path: try Self.path(name)))
      } throws: { error in
        guard case .refused(_, _, _, let hint) = error as? IngestError else { return false }
        return hint.contains(words)
      }
    }
  }
}
