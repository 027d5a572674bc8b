import Foundation
import Testing
import TraceDigest
import TraceModel

@testable import TraceIngest

/// blktrace's records, in all shapes, against blkparse's text of the same events.
struct BlktraceBinaryTests {
  /// Which records a machine writes.
  struct Shape: CustomTestStringConvertible {
    let make: RecordBytes
    var testDescription: String {
      "v\(make.isVersion2 ? 8 : 7) \(make.isBigEndian ? "big" : "little")-endian"
    }
    static let all = [
      Shape(make: RecordBytes()), Shape(make: RecordBytes(isBigEndian: true)),
      Shape(make: RecordBytes(isVersion2: true)),
      Shape(make: RecordBytes(isVersion2: true, isBigEndian: true)),
    ]
  }

  private let scratch: ScratchFolder
  private static let boot: UInt64 = 5_000_000_000_000

  init() throws { scratch = try ScratchFolder() }

  private func read(_ paths: [String]) throws -> (sink: CollectingSink, summary: SourceSummary) {
    let inputs = SourceInput.grouping(paths)
    try #require(inputs.count == 1)
    let sink = CollectingSink()
    var options = IngestOptions()
    options.allowedBadPercent = 60
    return (sink, try IngestRun(input: inputs[0], options: options).read(into: sink))
  }

  private func read(_ bytes: [UInt8]) throws -> (sink: CollectingSink, summary: SourceSummary) {
    try read([try scratch.file("\(UUID().uuidString)", bytes)])
  }

  private func rows(ofText text: String) throws -> [String] {
    try read(Array(text.utf8)).sink.rows
  }

  /// One request on two CPUs, with everything that blktrace puts around it.
  private static func files(_ make: RecordBytes) -> [[UInt8]] {
    let t = boot
    let cpu0: [[UInt8]] = [
      make.process(912, "fio", time: t - 300),
      make.record(
        15 | RecordBytes.write, time: t, sequence: 1, sector: 4_196_352, bytes: 4096,
        payload: RecordBytes.big(UInt32(8 << 20 | 2)) + RecordBytes.big(UInt32(8 << 20))
          + RecordBytes.big(UInt64(2048))),
      make.record(
        1 | RecordBytes.write | RecordBytes.sync, time: t + 100, sequence: 2, sector: 4_196_352,
        bytes: 4096),
      make.record(9, time: t + 150, sequence: 3),
      make.record(
        4 | RecordBytes.write | RecordBytes.sync | RecordBytes.cgroup, time: t + 200, sequence: 4,
        sector: 4_196_352, bytes: 4096, payload: [9, 0, 0, 0, 0, 0, 0, 0]),
      make.message("mq-deadline dispatched", time: t + 210),
      make.record(
        10 | RecordBytes.cgroup, time: t + 250, sequence: 5,
        payload: [9, 0, 0, 0, 0, 0, 0, 0] + RecordBytes.big(UInt64(1))),
      make.record(17 | RecordBytes.driverData, time: t + 260, sequence: 6, payload: [1, 2, 3]),
      make.record(
        7 | RecordBytes.write | RecordBytes.sync, time: t + 300, sequence: 7, sector: 4_196_352,
        bytes: 4096),
    ]
    let cpu1: [[UInt8]] = [
      make.timeOfDay(1_700_000_000, 999_999_000, time: t - 2_000),
      make.record(
        8 | RecordBytes.write, time: t + 900, sequence: 1, sector: 4_196_352, bytes: 4096, pid: 0,
        cpu: 1, error: 65_531),
      make.record(
        7 | RecordBytes.read | RecordBytes.passthrough, time: t + 950, sequence: 2, sector: 0,
        bytes: 252, pid: 4242, cpu: 1, payload: [0x12, 0, 0, 0, 0xFC, 0]),
    ]
    return [Array(cpu0.joined()), Array(cpu1.joined())]
  }

  private static let text = """
      8,0    0        1     0.000000000   912  A   W 4196352 + 8 <- (8,2) 2048
      8,0    0        2     0.000000100   912  Q  WS 4196352 + 8 [fio]
      8,0    0        3     0.000000150   912  P   N [fio]
      8,0    0        4     0.000000200   912  G  WS 4196352 + 8 [fio]
      8,0    0        0     0.000000210   912 1,0  m   N mq-deadline dispatched
      8,0    0        5     0.000000250   912  U   N [fio] 1
      8,0    0        7     0.000000300   912  D  WS 4196352 + 8 [fio]
      8,0    1        1     0.000000900     0  C   W 4196352 + 8 [65531]
      8,0    1        2     0.000000950  4242  D   R 252 (12 00 00 00 fc 00 ..) [(null)]
    """

  @Test(arguments: Shape.all)
  func setOfFilesGivesTheRowsOfItsText(_ shape: Shape) throws {
    let files = Self.files(shape.make)
    let paths = [
      try scratch.file("vdb.blktrace.1", files[1]), try scratch.file("vdb.blktrace.0", files[0]),
      try scratch.file("vdb.blktrace.2", []),
    ]
    let (sink, summary) = try read(paths)
    #expect(sink.rows == (try rows(ofText: Self.text)))
    #expect(sink.requests.map(\.line) == [2])
    #expect(sink.requests.map(\.error) == [-5])
    #expect(sink.tasks == [TaskIdentity(pid: 912, name: name("fio"))])
    #expect(summary.events == 9 && summary.lines == 12 && summary.skippedLines == 0)
    #expect(summary.remaps.map(\.delta) == [4_196_352 - 2048])
    #expect(summary.monotonicStart == Int64(Self.boot))
    let start: Int64 = 1_700_000_000_999_999_000 + 2_000
    #expect(summary.start?.nanoseconds == start)
    #expect(summary.start?.clock == "CLOCK_REALTIME")
    // The driver's record has a number of its own.
    #expect(summary.lostEvents == 1)
    #expect(summary.bytes == Int64(files[0].count + files[1].count))
    #expect(
      summary.sha256
        == (try SHA256.digest(of: Array(files[0] + files[1])).hexadecimal))
  }

  @Test func everyRecordHasItsOwnShape() throws {
    var mixed: [UInt8] = []
    for (number, shape) in Shape.all.enumerated() {
      let t = Self.boot + 1000 * UInt64(number)
      let sector = UInt64(8 * number)
      mixed += shape.make.record(
        1 | RecordBytes.write, time: t, sequence: UInt32(2 * number + 1), sector: sector,
        bytes: 4096)
      mixed += shape.make.record(
        8 | RecordBytes.write, time: t + 500, sequence: UInt32(2 * number + 2), sector: sector,
        bytes: 4096)
    }
    let (sink, summary) = try read(mixed)
    #expect(sink.requests.map(\.sector) == [0, 8, 16, 24])
    #expect(
      sink.requests.map { $0.completed.rawValue - $0.queued.rawValue } == [500, 500, 500, 500])
    #expect(summary.skippedLines == 0 && summary.lostEvents == 0)
  }

  @Test func recordsOfAllCPUsInOneFileAreTakenAsTheySay() throws {
    let make = RecordBytes()
    let all = Self.files(make)
    let path = try scratch.file("renamed.blktrace.0", all[0] + all[1])
    let (sink, _) = try read([path])
    #expect(sink.rows == (try rows(ofText: Self.text)))
  }

  @Test func filesPutTogetherAreSaidToBeOutOfOrder() throws {
    // More events of one CPU than are held back, then those of another from the same time.
    let make = RecordBytes()
    var all: [UInt8] = []
    for cpu in [UInt32(0), 1] {
      for number in 0..<6000 {
        all += make.record(
          1 | RecordBytes.read, time: Self.boot + UInt64(number) * 100 + UInt64(cpu),
          sequence: UInt32(number + 1), sector: UInt64(8 * number), bytes: 512, cpu: cpu)
      }
    }
    let (_, summary) = try read(all)
    #expect(summary.problems.contains { $0.kind == .lateLine })
    let half = all.count / 2
    let (_, whole) = try read([
      try scratch.file("x.blktrace.0", Array(all[..<half])),
      try scratch.file("x.blktrace.1", Array(all[half...])),
    ])
    #expect(whole.events == 12_000 && whole.problems.isEmpty)
  }

  @Test func fileThatIsCutGivesItsWholeRecords() throws {
    let whole = Self.files(RecordBytes())[0]
    for cut in [1, 20, 47, 48, 50] {
      let (_, summary) = try read(Array(whole.dropLast(cut)))
      #expect(summary.events == 6)
      #expect(summary.skippedLines == (cut == 48 ? 0 : 1))
      #expect(summary.problems.map(\.kind).contains(.truncatedLine) == (cut != 48))
    }
  }

  @Test func damageIsSteppedOverAndCountedOnce() throws {
    let files = Self.files(RecordBytes())
    let (sink, summary) = try read(files[0] + [UInt8](repeating: 7, count: 1001) + files[1])
    #expect(sink.requests.count == 1 && summary.events == 9)
    #expect(summary.skippedLines == 1)
    #expect(summary.problems.first { $0.kind == .malformedRecord }?.count == 1)
  }

  @Test func threadKeepsItsFirstNameAndUnknownOnesAreNull() throws {
    let make = RecordBytes()
    let t = Self.boot
    func queue(_ pid: UInt32, _ time: UInt64, _ sector: UInt64) -> [UInt8] {
      make.record(
        1 | RecordBytes.read, time: time, sequence: UInt32(time - t) + 1, sector: sector,
        bytes: 512, pid: pid)
    }
    let bytes =
      make.process(5, "first", time: t - 1) + queue(5, t, 0)
      + make.process(5, "second", time: t + 1) + queue(5, t + 1, 8) + queue(6, t + 2, 16)
    let (sink, _) = try read(bytes)
    #expect(sink.tasks.map(\.name.text) == ["first", "(null)"])
  }

  @Test func mergedFileKeepsAbsoluteNotesAndTheStartIsFoundFromThem() throws {
    // As `blkparse -d` writes it: notes as they were, events from 0.
    let make = RecordBytes()
    let t = Self.boot
    let bytes =
      make.timeOfDay(1_700_000_000, 0, time: t)
      + make.process(912, "fio", time: t + 5_000_000)
      + make.record(1 | RecordBytes.read, time: 0, sequence: 1, sector: 8, bytes: 512)
      + make.process(7, "dd", time: t + 5_000_900)
      + make.record(1 | RecordBytes.read, time: 1000, sequence: 2, sector: 16, bytes: 512, pid: 7)
    let (_, summary) = try read(bytes)
    #expect(summary.first.rawValue == 0 && summary.last.rawValue == 1000)
    #expect(summary.monotonicStart == Int64(t) + 5_000_000)
    #expect(summary.start?.nanoseconds == 1_700_000_000_005_000_000)
  }

  @Test func streamOfTheKernelsTracerHasNoKnownStart() throws {
    // ftrace's `blk` with options/bin: no numbers, no notes, some trace clock.
    let make = RecordBytes()
    let (sink, summary) = try read(
      make.record(1 | RecordBytes.read, time: 77, sector: 8, bytes: 512)
        + make.record(8 | RecordBytes.read, time: 99, sector: 8, bytes: 512))
    #expect(summary.start == nil && summary.monotonicStart == nil)
    #expect(summary.lostEvents == 0)
    #expect(sink.requests.map(\.completed.rawValue) == [22])
  }

  @Test func notesAloneAreNoTrace() throws {
    let error = #expect(throws: IngestError.self) {
      try read(RecordBytes().timeOfDay(1, 2, time: 3))
    }
    guard case .empty = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func timesFarFromAllOthersAreDamage() throws {
    let make = RecordBytes()
    let (_, summary) = try read(
      make.record(1 | RecordBytes.read, time: 77, sequence: 1, sector: 8, bytes: 512)
        + make.record(
          1 | RecordBytes.read, time: .max - 5, sequence: 2, sector: 16, bytes: 512)
        + make.record(
          1 | RecordBytes.read, time: 1 << 62, sequence: 3, sector: 16, bytes: 512))
    #expect(summary.skippedLines + 1 == summary.events)
    #expect(summary.problems.contains { $0.kind == .malformedRecord })
  }

  @Test func anyBytesAreSurvived() throws {
    // Records with every byte changed in turn.
    let make = RecordBytes()
    let whole = Array(Self.files(make).joined())
    for index in whole.indices {
      var bytes = whole
      bytes[index] = bytes[index] ^ UInt8(truncatingIfNeeded: index &* 37 | 1)
      guard let (_, summary) = try? read(bytes) else { continue }
      #expect(summary.events + summary.skippedLines > 0)
    }
  }

  private func name(_ text: String) -> TaskName {
    let bytes = Array(text.utf8)
    return TaskName(bytes.span, from: 0, to: bytes.count)
  }

  // MARK: - Sets

  @Test func filesOfOneDeviceAreOneSource() throws {
    let record = RecordBytes().record(1, time: 1)
    let paths = [
      try scratch.file("vda.blktrace.10", record), try scratch.file("vda.blktrace.2", record),
      try scratch.file("vmstat.txt", [65]),
      try scratch.file("vdb.blktrace.0.gz", Packing.gzip.pack(record)),
      try scratch.file("vdb.blktrace.1", []),
      try scratch.file("vda.blktrace.2.gz", Packing.gzip.pack(record)),
      try scratch.file("vdc.blktrace.0", Array("  8,0 text".utf8)),
      try scratch.file(".blktrace.0", record),
    ]
    let inputs = SourceInput.grouping(paths)
    let folder = scratch.url.path + "/"
    #expect(
      inputs.map { $0.parts.map { $0.replacingOccurrences(of: folder, with: "") } } == [
        ["vda.blktrace.2", "vda.blktrace.10"], ["vda.blktrace.2.gz"], ["vmstat.txt"],
        ["vdb.blktrace.0.gz", "vdb.blktrace.1"], ["vdc.blktrace.0"], [".blktrace.0"],
      ])
    #expect(inputs[0].path == folder + "vda")
    #expect(inputs[3].path == folder + "vdb")
  }
}
