import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Recordings of trace-cmd that are made here, in all shapes.
struct TraceDatTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func read(
    _ bytes: [UInt8], name: String = UUID().uuidString
  ) throws -> (sink: KeptEventSink, summary: SourceSummary) {
    try readEvents(SourceInput(path: try scratch.file(name, bytes)))
  }

  private static let expected = [
    "1000 [0] switched swapper/0:0 yielded R -> fio:7",
    "1100 [1] waking web:9:9 target 1 delay 0",
    "1200 [1] switched swapper/1:0 yielded R -> web:9:9",
    "1300 [0] switched fio:7 preempted R -> cc1:8",
    "1400 [1] switched web:9:9 blocked D -> swapper/1:0",
    "134219228 [0] switched cc1:8 sleeping S -> fio:7",
  ]

  /// The pages of two CPUs.
  private static func cpus(_ trace: TraceBytes) -> [[UInt8]] {
    let make = trace.make
    func event(_ delta: Int, _ raw: [UInt8]) -> [UInt8] {
      trace.event(TraceBytes.Event(delta: delta, raw: raw))
    }
    let first = trace.page(
      1000,
      [
        event(0, make.switched(("swapper/0", 0), 0, ("fio", 7))), trace.discarded(12),
        trace.discarded(8, delta: 100),
        event(200, make.switched(("fio", 7), 8, ("cc1", 8)) + [UInt8](repeating: 0, count: 64)),
      ])
    let second = trace.page(
      1500,
      [trace.extend(1 << 27), event(0, make.switched(("cc1", 8), 1, ("fio", 7)))])
    let other = trace.page(
      900,
      [
        trace.absolute(1100), event(0, make.woken("web:9", 9, on: 1, by: 7)),
        event(100, make.switched(("swapper/1", 0), 0, ("web:9", 9))),
        event(200, make.switched(("web:9", 9), 2, ("swapper/1", 0))),
      ])
    return [first + second, other]
  }

  @Test("version 6 gives its events in the order of time", arguments: [false, true], [4, 8])
  func version6IsRead(isBigEndian: Bool, longSize: Int) throws {
    let trace = TraceBytes(make: PerfBytes(isBigEndian: isBigEndian), longSize: longSize)
    let (sink, summary) = try read(trace.version6(Self.cpus(trace)))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.events == 6 && summary.skippedLines == 0)
    #expect(summary.toolClock == "monotonic")
    #expect(summary.headers.contains(SourceHeader(name: "hostname", value: "host1")))
    #expect(
      try read(Packing.xz.pack(trace.version6(Self.cpus(trace)))).sink.schedLines == Self.expected)
  }

  @Test("version 7 does, however it is packed", arguments: [false, true], ["none", "zstd"])
  func version7IsRead(isBigEndian: Bool, compression: String) throws {
    var trace = TraceBytes(make: PerfBytes(isBigEndian: isBigEndian))
    trace.compression = compression
    if compression == "zstd" { trace.pack = { Packing.zstd.pack($0) } }
    let (sink, summary) = try read(trace.version7([("", Self.cpus(trace))]))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.skippedLines == 0)
    // In an instance, beside an empty buffer of all.
    #expect(
      try read(trace.version7([("", []), ("own", Self.cpus(trace))])).sink.schedLines
        == Self.expected)
    // The same events in two buffers count once.
    let (twice, said) = try read(
      trace.version7([("", Self.cpus(trace)), ("own", Self.cpus(trace))]))
    #expect(twice.schedLines == Self.expected)
    #expect(said.problems.contains { $0.kind == .unusedEvent && $0.count == 6 })
  }

  @Test("instances of version 6 are read")
  func instancesAreRead() throws {
    let trace = TraceBytes()
    let bytes = trace.version6([[], []], instances: [("own", Self.cpus(trace))])
    #expect(try read(bytes).sink.schedLines == Self.expected)
  }

  @Test("lost events are counted, and what they make doubtful is left out")
  func lossesAreCounted() throws {
    let trace = TraceBytes()
    var cpus = Self.cpus(trace)
    cpus[1] += trace.page(
      2000,
      [
        trace.event(
          TraceBytes.Event(
            delta: 0, raw: trace.make.switched(("swapper/1", 0), 0, ("web:9", 9))))
      ], lost: 17)
    let (sink, summary) = try read(trace.version6(cpus))
    #expect(summary.lostEvents == 17)
    #expect(sink.sched.count == 7)
  }

  // MARK: Clocks

  /// `TIME_SHIFT` of two CPUs with two samples each: time, offset, scaling, and bits of the fraction.
  private static func shift(
    _ make: PerfBytes, flags: Int, _ samples: [(Int, Int, Int, Int)]
  ) -> [UInt8] {
    var bytes = make.u64(5) + make.u32(flags) + make.u32(2)
    for _ in 0..<2 {
      bytes += make.u32(samples.count)
      bytes += samples.flatMap { make.u64($0.0) } + samples.flatMap { make.u64($0.1) }
      bytes += samples.flatMap { make.u64($0.2) }
    }
    for _ in 0..<2 { bytes += samples.flatMap { make.u64($0.3) } }
    return bytes
  }

  @Test(
    "a guest has its host's times, to the nanosecond, by KVM's relation with scaling and cycles")
  func relationIsExact() throws {
    var trace = TraceBytes()
    trace.clock = "x86-tsc"
    // The host's cycles are 3/2 of the guest's and 4e12 ahead; one is half a nanosecond.
    trace.options = [
      (
        12,
        Self.shift(
          trace.make, flags: 0,
          [(0, 4_000_000_000_000, 3 << 31, 32), (900, 4_000_000_000_000, 3 << 31, 32)])
      ),
      (14, trace.make.u32(1 << 30) + trace.make.u32(31) + trace.make.u64(0)),
    ]
    let (sink, summary) = try read(trace.version6(Self.cpus(trace)))
    let cycles = [1000, 1100, 1200, 1300, 1400, 134_219_228]
    #expect(sink.sched.map(\.time) == cycles.map { Int64(($0 * 3 / 2 + 4_000_000_000_000) / 2) })
    #expect(summary.toolClock == "tsc")
    #expect(
      summary.headers.contains {
        $0.name == "time shift" && $0.value.hasPrefix("kvm, peer 5, offset 4000000000000")
      })
  }

  @Test("offsets of KVM's relation are steps; those that were measured move nothing")
  func offsetsAreSteps() throws {
    var trace = TraceBytes()
    let samples = [(900, 1_000_000, 1, 0), (1250, 2_000_000, 1, 0), (1350, 3_000_000, 1, 0)]
    trace.options = [(12, Self.shift(trace.make, flags: 0, samples))]
    // Behind the last sample the one before it counts, as in trace-cmd.
    #expect(
      try read(trace.version6(Self.cpus(trace))).sink.sched.map(\.time) == [
        1_001_000, 1_001_100, 1_001_200, 2_001_300, 2_001_400, 136_219_228,
      ])
    trace.options = [(12, Self.shift(trace.make, flags: 1, samples))]
    #expect(try read(trace.version6(Self.cpus(trace))).sink.schedLines == Self.expected)
  }

  @Test("the threads of a guest's virtual CPUs are known")
  func guestIsKnown() throws {
    var trace = TraceBytes()
    let make = trace.make
    trace.options = [
      (11, make.u64(0x1234)),
      (
        13,
        Array("vm1\0".utf8) + make.u64(9) + make.u32(3) + make.u32(0) + make.u32(4711) + make.u32(1)
          + make.u32(4712) + make.u32(2) + make.u32(-1)
      ),
    ]
    let (sink, summary) = try read(trace.version7([("", Self.cpus(trace))]))
    #expect(sink.facts.map(\.tid) == [4711, 4712])
    #expect(sink.facts.allSatisfy { $0.role == .vcpu && $0.guest == "vm1" })
    #expect(summary.headers.contains(SourceHeader(name: "trace id", value: "1234")))
    let session = try #require(summary.session)
    #expect(session.id == 0x1234 && session.peer == nil && session.cycles == nil)
    #expect(session.guests == [TraceSession.Guest(name: "vm1", id: 9)])
  }

  @Test(
    "what relates a recording to others is kept: its session, its host's, cycles, what messages measured"
  )
  func sessionIsKept() throws {
    var trace = TraceBytes()
    trace.clock = "x86-tsc"
    let ticks = (14, trace.make.u32(1 << 30) + trace.make.u32(31) + trace.make.u64(0))
    // OFFSET: 500 ns.
    let offset = (7, Array("500\0".utf8))
    let samples = [(1000, 4_000, 1, 0), (2000, 6_000, 1, 0)]
    trace.options = [(12, Self.shift(trace.make, flags: 0, samples)), ticks, offset]
    let exact = try #require(try read(trace.version6(Self.cpus(trace))).summary.session)
    #expect(exact.peer == 5 && exact.shift == .kvm && exact.measured.isEmpty && exact.added == 500)
    #expect(exact.cycles == CycleClock(multiplier: 1 << 30, shift: 31, zero: 500))
    // It says nothing of the third CPU, whose events have the guest's times.
    let three = Self.cpus(trace) + [Self.cpus(trace)[1]]
    #expect(try #require(try read(trace.version6(three)).summary.session).shift == nil)
    trace.options = [(12, Self.shift(trace.make, flags: 1, samples)), ticks, offset]
    let measured = try #require(try read(trace.version6(Self.cpus(trace))).summary.session)
    #expect(measured.shift == .ptp)
    // Of both CPUs: on the guest's clock with what the file adds, on the host's without.
    #expect(
      measured.measured
        == [(1_000, 2_500), (1_500, 4_000), (1_000, 2_500), (1_500, 4_000)].map {
          TraceSession.Moment(own: $0, host: $1)
        })
  }

  @Test("a date makes the times those of the wall clock")
  func dateIsAdded() throws {
    var trace = TraceBytes()
    trace.options = [(1, Array("0x5f5e100\0".utf8))]
    let (sink, summary) = try read(trace.version6(Self.cpus(trace)))
    #expect(sink.sched.first?.time == 100_000_001_000)
    #expect(try #require(summary.start).nanoseconds == 0)
  }

  @Test("clocks that count no time are refused", arguments: ["x86-tsc", "counter", "uptime"])
  func otherClocksAreRefused(_ clock: String) throws {
    var trace = TraceBytes()
    trace.clock = clock
    #expect {
      try read(trace.version6(Self.cpus(trace)))
    } throws: { error in
      guard case .refused(_, _, _, let hint) = error as? IngestError else { return false }
      return hint.contains("-C mono")
    }
  }

  @Test("every cut and every changed byte is survived", arguments: [6, 7])
  func damageIsSurvived(_ version: Int) throws {
    var trace = TraceBytes()
    trace.options = [
      (12, Self.shift(trace.make, flags: 0, [(0, 5, 1, 0), (900, 5, 1, 0)])),
      (14, trace.make.u32(1 << 31) + trace.make.u32(31) + trace.make.u64(0)),
    ]
    if version == 7 {
      trace.pack = { Packing.zstd.pack($0) }
      trace.compression = "zstd"
    }
    let whole =
      version == 6 ? trace.version6(Self.cpus(trace)) : trace.version7([("", Self.cpus(trace))])
    for at in stride(from: 8, to: whole.count, by: 11) {
      _ = try? read(Array(whole.prefix(at)), name: "cut")
      for value in [0, 0x7F, 0xFF] as [UInt8] {
        var damaged = whole
        damaged[at] = value
        _ = try? read(damaged, name: "damaged")
      }
    }
  }

  @Test("a chain of sections that leads back to itself ends")
  func chainsEnd() throws {
    let trace = TraceBytes()
    var bytes = trace.version7([("", Self.cpus(trace))])
    // The last section of options names itself as the next.
    let last = bytes.count - 8
    let pointer = Array(bytes[(10 + 2 + 2 + 4 + 9)..<(10 + 2 + 2 + 4 + 17)])
    bytes.replaceSubrange(last..<last + 8, with: pointer)
    #expect(throws: IngestError.self) { try read(bytes) }
  }
}
