import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Recordings of perf that are made here, in all shapes.
struct PerfDataTests {
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
    "1500 [0] switched cc1:8 sleeping S -> fio:7",
  ]

  /// Two CPUs, one behind the other in each of two rounds.
  private static func records(_ make: PerfBytes) -> [UInt8] {
    var bytes = make.sample(
      id: 11, time: 1000, cpu: 0, tid: 0, make.switched(("swapper/0", 0), 0, ("fio", 7)))
    bytes += make.sample(
      id: 11, time: 1300, cpu: 0, tid: 7, make.switched(("fio", 7), 8, ("cc1", 8)), pid: 5)
    bytes += make.sample(
      id: 22, time: 1100, cpu: 1, tid: 7, make.woken("web:9", 9, on: 1, by: 7))
    bytes += make.sample(
      id: 12, time: 1200, cpu: 1, tid: 0, make.switched(("swapper/1", 0), 0, ("web:9", 9)))
    bytes += make.record(68, [])
    bytes += make.sample(
      id: 11, time: 1500, cpu: 0, tid: 8, make.switched(("cc1", 8), 1, ("fio", 7)))
    bytes += make.sample(
      id: 12, time: 1400, cpu: 1, tid: 9, make.switched(("web:9", 9), 2, ("swapper/1", 0)))
    return bytes + make.record(68, [])
  }

  private static func attributes(
    _ make: PerfBytes, size: Int = 112
  ) -> [(bytes: [UInt8], ids: [Int])] {
    [(make.attribute(372, size: size), [11, 12]), (make.attribute(373, size: size), [21, 22])]
  }

  private static func file(
    _ make: PerfBytes, data: [UInt8]? = nil, more: [(bit: Int, [UInt8])] = [],
    version: String = "0.6", size: Int = 112
  ) -> [UInt8] {
    let formats = make.tracingData(
      [PerfBytes.switchFormat, PerfBytes.wakingFormat], version: version)
    return make.file(
      attributes: attributes(make, size: size), data: data ?? records(make),
      features: [(1, formats), (3, make.string("host1"))] + more)
  }

  @Test(
    "CPUs, cores, sockets and memory nodes are those of the machine", arguments: [false, true])
  func topologyIsRead(isBigEndian: Bool) throws {
    let make = PerfBytes(isBigEndian: isBigEndian)
    let siblings = make.u32(1) + make.string("0-3")
    let places = [(0, 0), (1, 0), (0, 1), (-1, -1)].flatMap { make.u32($0.0) + make.u32($0.1) }
    func node(_ number: Int, _ total: Int, _ free: Int, _ cpus: String) -> [UInt8] {
      make.u32(number) + make.u64(total) + make.u64(free) + make.string(cpus)
    }
    let features = [
      (7, make.u32(4) + make.u32(3)), (13, siblings + siblings + places),
      (14, make.u32(2) + node(0, 4096, 1024, "0-1") + node(1, 2048, 0, "2,3")),
    ]
    let batch = try read(Self.file(make, more: features)).sink.topology
    // CPU 3 is off: its place is not known, its node is.
    #expect(
      batch.cpus.map { [$0.cpu, $0.core ?? -1, $0.socket ?? -1, $0.node ?? -1] } == [
        [0, 0, 0, 0], [1, 1, 0, 0], [2, 0, 1, 1], [3, -1, -1, 1],
      ])
    #expect(
      batch.nodes.map { "\($0.node) \($0.kind) \($0.value)" } == [
        "0 size 4194304", "0 free 1048576", "1 size 2097152", "1 free 0",
      ])
    // How many there are tells their numbers where none is off.
    let counted = try read(Self.file(make, more: [(7, make.u32(2) + make.u32(2))])).sink.topology
    #expect(counted.cpus.map(\.cpu) == [0, 1] && counted.nodes.isEmpty)
    let off = try read(Self.file(make, more: [(7, make.u32(2) + make.u32(1))])).sink.topology
    #expect(off.cpus.isEmpty)
    // What is cut or no list says nothing.
    for bad in [
      (14, make.u32(9) + node(0, 4096, 1024, "0-1")), (14, make.u32(1) + node(0, 1, 5, "0")),
      (13, make.u32(1 << 20)), (14, make.u32(1) + node(0, 8, 1, "3-1,x")),
    ] {
      #expect(try read(Self.file(make, more: [bad])).sink.schedLines == Self.expected)
    }
  }

  @Test("the processor's counter relates perf's own clock to others that count it")
  func countersAreKept() throws {
    var make = PerfBytes()
    let conversion = make.record(79, make.u64(31) + make.u64(1 << 30) + make.u64(-500))
    let own = try read(Self.file(make, data: conversion + Self.records(make))).summary
    #expect(
      try #require(own.session).cycles == CycleClock(multiplier: 1 << 30, shift: 31, zero: -500))
    make.clock = 1
    let other = try read(Self.file(make, data: conversion + Self.records(make))).summary
    #expect(other.session == nil && other.toolClock == "monotonic")
  }

  @Test("a file gives its events in the order of time", arguments: [false, true], [64, 112, 144])
  func fileIsRead(isBigEndian: Bool, size: Int) throws {
    let make = PerfBytes(isBigEndian: isBigEndian)
    let (sink, summary) = try read(Self.file(make, size: size))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.events == 6)
    #expect(summary.resolution == 1)
    #expect(summary.skippedLines == 0)
    #expect(summary.toolClock == "perf")
    #expect(summary.headers.contains(SourceHeader(name: "hostname", value: "host1")))
    // The process of the thread that ran is known.
    #expect(sink.sched.first { $0.tid == 7 }?.pid == 5)
  }

  @Test("formats of older perf have no saved names behind them")
  func oldFormatsAreRead() throws {
    let (sink, _) = try read(Self.file(PerfBytes(), version: "0.5"))
    #expect(sink.schedLines == Self.expected)
  }

  @Test("events are told apart by an id at any of its places", arguments: [false, true])
  func idsAreFound(isBigEndian: Bool) throws {
    var make = PerfBytes(isBigEndian: isBigEndian)
    make.parts = 2 | 4 | 1 << 6 | 1 << 7 | 1 << 10
    #expect(try read(Self.file(make)).sink.schedLines == Self.expected)
    // With a call chain before the fields.
    make.parts |= 1 << 5
    #expect(try read(Self.file(make)).sink.schedLines == Self.expected)
    // Without any: by the type in the fields.
    make.parts = 1 | 2 | 4 | 1 << 7 | 1 << 10
    #expect(try read(Self.file(make)).sink.schedLines == Self.expected)
  }

  @Test("the CPU is that of the id where samples have none")
  func cpuOfIndexIsUsed() throws {
    var make = PerfBytes()
    make.parts = 2 | 4 | 1 << 10 | 1 << 16
    var index = make.u64(4)
    for (id, cpu) in [(11, 0), (12, 1), (21, 0), (22, 1)] {
      index += make.u64(id) + make.u64(0) + make.u64(cpu) + make.u64(-1)
    }
    let data = make.record(69, index) + Self.records(make)
    #expect(try read(Self.file(make, data: data)).sink.schedLines == Self.expected)
  }

  @Test("events of a guest that perf inject put in are not the host's")
  func guestsAreLeftOut() throws {
    let make = PerfBytes()
    var index = make.u64(2)
    for (id, cpu) in [(11, 0), (77, 0)] {
      index += make.u64(id) + make.u64(0) + make.u64(cpu) + make.u64(-1)
    }
    index += make.u64(0) + make.u64(0) + make.u64(4711) + make.u64(0)
    let guest = make.sample(
      id: 77, time: 1250, cpu: 0, tid: 1, make.switched(("init", 1), 1, ("sh", 2)))
    let data = make.record(69, index) + guest + Self.records(make)
    let (sink, summary) = try read(Self.file(make, data: data))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.problems.contains { $0.kind == .unusedEvent && $0.count == 1 })
  }

  @Test("a pipe gives the same, also when it is packed", arguments: [false, true])
  func pipeIsRead(isBigEndian: Bool) throws {
    let make = PerfBytes(isBigEndian: isBigEndian)
    let bytes = make.pipe(
      attributes: Self.attributes(make),
      formats: make.tracingData([PerfBytes.switchFormat, PerfBytes.wakingFormat]),
      features: [(3, make.string("host1")), (32, [])], data: Self.records(make))
    let (sink, summary) = try read(bytes)
    #expect(sink.schedLines == Self.expected)
    #expect(summary.headers.contains(SourceHeader(name: "hostname", value: "host1")))
    #expect(try read(Packing.gzip.pack(bytes)).sink.schedLines == Self.expected)
    #expect(try read(Packing.gzip.pack(Self.file(make))).sink.schedLines == Self.expected)
  }

  @Test("compressed records are one stream, and a record may go on in the next")
  func compressedRecordsAreRead() throws {
    let make = PerfBytes()
    let records = Array(Self.records(make).dropLast(8))
    var flushed: [[UInt8]] = []
    for piece in [records.prefix(150), records.dropFirst(150).prefix(171), records.dropFirst(321)] {
      flushed.append(Array(piece))
    }
    let packed = Packing.zstdStream(flushed)
    var old: [UInt8] = []
    var new: [UInt8] = []
    for piece in packed {
      old += make.record(81, piece)
      var body = make.u64(piece.count) + piece
      while body.count % 8 != 0 { body.append(0) }
      new += make.record(83, body)
    }
    let compressed = (27, make.u32(1) + make.u32(1) + make.u32(3) + make.u32(2) + make.u32(65_536))
    #expect(
      try read(Self.file(make, data: old, more: [compressed])).sink.schedLines == Self.expected)
    #expect(
      try read(Self.file(make, data: new, more: [compressed])).sink.schedLines == Self.expected)
  }

  @Test("both counts of lost events are of the same events")
  func lossesAreOfTheSame() throws {
    let make = PerfBytes()
    let lost = make.record(
      2, make.u64(12) + make.u64(5) + make.trailer(id: 12, time: 1350, cpu: 1, tid: 9))
    let counted = make.record(13, make.u64(5) + make.trailer(id: 12, time: 0, cpu: 1, tid: 9))
    let dropped = make.record(
      13, misc: 1 << 15, make.u64(900) + make.trailer(id: 12, time: 0, cpu: 1, tid: 9))
    let data = Self.records(make) + lost + counted + dropped + make.record(68, [])
    let (sink, summary) = try read(Self.file(make, data: data))
    #expect(summary.lostEvents == 5)
    #expect(sink.schedLines == Self.expected)
    // What web did before it left the CPU is not known any more.
    #expect(!sink.sliceLines.contains { $0.hasPrefix("web:9:9") && $0.contains(" run 200 ") })
    let (_, whole) = try read(
      Self.file(make, data: Self.records(make) + counted + make.record(68, [])))
    #expect(whole.lostEvents == 5)
  }

  @Test("the clock and its anchor are known")
  func clockIsKnown() throws {
    let make = PerfBytes(clock: 1)
    let anchor = make.u32(1) + make.u32(1) + make.u64(1_700_000_000_000_000_000) + make.u64(400)
    let (_, summary) = try read(Self.file(make, more: [(23, make.u64(1)), (29, anchor)]))
    #expect(summary.toolClock == "monotonic")
    #expect(try #require(summary.start).nanoseconds == 1_699_999_999_999_999_600)
    #expect(summary.headers.contains(SourceHeader(name: "clockid", value: "monotonic (1)")))
  }

  @Test("switches without tracepoints are read from records of switches")
  func switchRecordsAreRead() throws {
    var make = PerfBytes()
    make.parts = 2 | 4 | 1 << 7 | 1 << 16
    func switched(_ time: Int, _ tid: Int, _ next: Int, misc: Int) -> [UInt8] {
      make.record(
        15, misc: misc,
        make.u32(next) + make.u32(next) + make.trailer(id: 11, time: time, cpu: 0, tid: tid))
    }
    let data =
      make.record(3, make.u32(7) + make.u32(7) + make.text("fio", 8))
      + switched(1000, 0, 7, misc: 1 << 13 | 1 << 14) + switched(1001, 7, 0, misc: 0)
      + switched(1200, 7, 8, misc: 1 << 13 | 1 << 14) + switched(1300, 8, 7, misc: 1 << 13)
    let file = make.file(
      attributes: [(make.attribute(9), [11])], data: data, features: [(3, make.string("host1"))])
    #expect(
      try read(file).sink.schedLines == [
        "1000 [0] switched swapper:0 preempted R -> fio:7",
        "1200 [0] switched fio:7 preempted R -> :8",
        "1300 [0] switched :8 other ? -> fio:7",
      ])
  }

  @Test("a directory of several files is merged", arguments: [true, false])
  func directoryIsMerged(isByCPU: Bool) throws {
    let make = PerfBytes()
    func sample(_ time: Int, _ cpu: Int) -> [UInt8] {
      make.sample(
        id: 11, time: time, cpu: cpu, tid: 1, make.switched(("a", 1), 1, ("b", 2)))
    }
    let times = (0..<400).map { 1000 + 10 * $0 }
    var first: [UInt8] = []
    var second: [UInt8] = []
    for time in times where time % 20 == 0 { first += sample(time, 0) }
    for time in times where time % 20 != 0 { second += sample(time, 1) }
    let folder = "run-\(isByCPU)/perf.data"
    let formats = make.tracingData([PerfBytes.switchFormat, PerfBytes.wakingFormat])
    let main = make.file(
      attributes: Self.attributes(make), data: make.record(82, []),
      features: [(1, formats), (24, make.u64(1))])
    let paths = [
      try scratch.file("\(folder)/data", main),
      try scratch.file("\(folder)/data.0", isByCPU ? first : first + second),
      try scratch.file("\(folder)/data.1", isByCPU ? second : []),
    ]
    let inputs = SourceInput.grouping(paths)
    #expect(inputs.count == 1)
    let (sink, summary) = try readEvents(try #require(inputs.first))
    #expect(sink.sched.map(\.time) == times.map(Int64.init))
    #expect(summary.skippedLines == 0)
    // Its head alone says what is missing.
    #expect(try Self.hint { try read(main) }.contains("directory"))
  }

  // MARK: What cannot be read

  private static func hint(_ body: () throws -> Any) throws -> String {
    do {
      _ = try body()
      return ""
    } catch IngestError.refused(_, _, _, let hint) { return hint }
  }

  @Test("what cannot be read says why")
  func refusalsSayWhy() throws {
    let make = PerfBytes()
    let file = Self.file(make)
    func hint(_ bytes: [UInt8]) throws -> String { try Self.hint { try read(bytes) } }
    // Killed: no size, and nothing behind the data.
    var killed = Array(file.prefix(104 + 32 + 2 * 128 + Self.records(make).count))
    killed.replaceSubrange(48..<56, with: make.u64(0))
    #expect(try hint(killed).contains("killed"))
    // Cut: it says how long it was.
    #expect(try hint(Array(file.prefix(700))).contains("copy it again"))
    #expect(
      try hint(Array("PERFFILE".utf8) + [UInt8](repeating: 1, count: 200)).contains("version 1"))
    #expect(try hint(Array(file.prefix(40))).contains("copy it again"))
    var bare = make
    bare.parts &= ~(1 << 10)
    let data = make.record(
      9, make.u64(11) + make.u64(0) + make.u64(0) + make.u64(5) + make.u64(0) + make.u64(1))
    #expect(try hint(Self.file(bare, data: data)).contains("-R"))
  }

  @Test("a record of no length ends the reading, and what came before counts")
  func damageEndsReading() throws {
    let make = PerfBytes()
    let data = Self.records(make) + make.u32(9) + make.u16(0) + make.u16(0) + Self.records(make)
    let (sink, summary) = try read(Self.file(make, data: data))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.problems.contains { $0.kind == .malformedRecord && $0.count == 1 })
  }

  @Test("lengths that lie cost an event, not more")
  func lengthsAreChecked() throws {
    var make = PerfBytes()
    make.parts |= 1 << 5
    let good = Self.records(make)
    // A call chain of 2^60 entries, and fields that are longer than the record.
    let head = make.u64(11) + make.u64(0) + make.u64(0) + make.u64(1250) + make.u64(0) + make.u64(1)
    let chain = make.record(9, head + make.u64(1 << 60) + make.u64(0))
    let fields = make.record(9, head + make.u64(0) + make.u32(70_000) + make.u32(0))
    let short = make.record(
      9, head + make.u64(0) + make.u32(20) + [UInt8](repeating: 1, count: 20))
    let (sink, summary) = try read(Self.file(make, data: chain + fields + short + good))
    #expect(sink.schedLines == Self.expected)
    #expect(summary.skippedLines == 3)
  }

  @Test("every cut and every changed byte is survived", arguments: [false, true])
  func damageIsSurvived(isPipe: Bool) throws {
    let make = PerfBytes(clock: 1)
    let formats = make.tracingData([PerfBytes.switchFormat, PerfBytes.wakingFormat])
    let whole =
      isPipe
      ? make.pipe(
        attributes: Self.attributes(make), formats: formats,
        features: [(3, make.string("host1"))], data: Self.records(make))
      : Self.file(make)
    for at in stride(from: 8, to: whole.count, by: 7) {
      _ = try? read(Array(whole.prefix(at)), name: "cut")
      for value in [0, 0x7F, 0xFF] as [UInt8] {
        var damaged = whole
        damaged[at] = value
        _ = try? read(damaged, name: "damaged")
      }
    }
  }
}
