import Foundation
import Testing
import TraceDigest
import TraceModel

@testable import TraceIngest

/// Files that gzip, xz, zstd or bzip2 packed.
struct PackedSourceTests {
  private let scratch: ScratchFolder
  /// A trace of so many requests as blkparse prints it.
  private static let text = trace(from: 0, to: 400)

  init() throws { scratch = try ScratchFolder() }

  private static func trace(from first: Int, to end: Int) -> [UInt8] {
    var lines = ""
    for number in first..<end {
      let time = "0.\(String(String(1_000_000_000 + number * 1000).dropFirst()))"
      let sector = 2048 + 8 * number
      for (step, letter) in ["Q", "G", "D"].enumerated() {
        let sequence = 4 * number + step + 1
        lines += "  8,0    0 \(sequence)  \(time)   912  \(letter)  WS \(sector) + 8 [fio]\n"
      }
      lines += "  8,0    0 \(4 * number + 4)  \(time)     0  C  WS \(sector) + 8 [0]\n"
    }
    return Array(lines.utf8)
  }

  private func read(_ bytes: [UInt8]) throws -> (sink: CollectingSink, summary: SourceSummary) {
    let path = try scratch.file("\(UUID().uuidString).txt", bytes)
    let sink = CollectingSink()
    return (sink, try IngestRun(input: SourceInput(path: path)).read(into: sink))
  }

  private static func digest(_ bytes: [UInt8]) throws -> String {
    try SHA256.digest(of: bytes).hexadecimal
  }

  @Test(arguments: Packing.allCases)
  func packedFileGivesTheSameRowsAndItsOwnDigest(_ packing: Packing) throws {
    let packed = packing.pack(Self.text)
    let (sink, summary) = try read(packed)
    #expect(sink.rows == (try read(Self.text).sink.rows))
    #expect(summary.events == 1600 && summary.skippedLines == 0 && summary.problems.isEmpty)
    #expect(summary.bytes == Int64(packed.count))
    #expect(try summary.sha256 == Self.digest(packed))
  }

  @Test(arguments: Packing.allCases)
  func severalMembersAreOneText(_ packing: Packing) throws {
    // The cut is within a line.
    let packed =
      packing.pack(Array(Self.text[..<1000])) + packing.pack([])
      + packing.pack(Array(Self.text[1000...]))
    let (sink, summary) = try read(packed)
    #expect(summary.events == 1600 && summary.problems.isEmpty)
    #expect(sink.requests.count == 400)
    #expect(try summary.sha256 == Self.digest(packed))
  }

  @Test(arguments: Packing.allCases)
  func truncatedFileGivesWhatIsReadableAndSaysSo(_ packing: Packing) throws {
    // Two members, for xz and bzip2 give nothing of a block before its end.
    let first = packing.pack(Self.text)
    let second = packing.pack(Self.trace(from: 400, to: 800))
    let (sink, summary) = try read(first + second[..<(second.count / 2)])
    #expect(sink.requests.count >= 400 && sink.requests.count < 800)
    let problem = try #require(summary.problems.first { $0.kind == .truncatedInput })
    #expect(problem.kind.severity == .dataLoss && problem.count == 1)
  }

  @Test func lineThatTheTruncationCutIsNotRead() throws {
    // `m` lines end anywhere: cut, this one would still parse.
    let line = "  8,0    0        0     0.000000000     0  m   N cfq1234SN / slice expired t=0\n"
    let packed = Packing.gzip.pack(Self.text + Array(String(line.dropLast(10)).utf8))
    let (_, whole) = try read(packed)
    #expect(whole.events == 1601)
    let (_, cut) = try read(Array(packed.dropLast(8)))
    #expect(cut.events == 1600 && cut.skippedLines == 1)
    #expect(cut.problems.map(\.kind) == [.truncatedLine, .truncatedInput])
  }

  @Test(arguments: Packing.allCases)
  func damagedDataRefuseTheFile(_ packing: Packing) throws {
    var packed = packing.pack(Self.text)
    for index in packed.count / 2..<packed.count / 2 + 8 { packed[index] ^= 0x55 }
    let error = #expect(throws: ReadError.self) { try read(packed) }
    #expect(error?.reason.contains("'\(packing.rawValue) -t'") == true)
  }

  @Test func wrongChecksumRefusesTheFile() throws {
    var packed = Packing.gzip.pack(Self.text)
    packed[packed.count - 5] ^= 1
    #expect(throws: ReadError.self) { try read(packed) }
  }

  @Test(arguments: Packing.allCases)
  func zerosBehindTheDataArePadding(_ packing: Packing) throws {
    let (_, summary) = try read(packing.pack(Self.text) + [UInt8](repeating: 0, count: 512))
    #expect(summary.events == 1600 && summary.problems.isEmpty)
  }

  @Test func otherBytesBehindTheDataAreCounted() throws {
    let packed = Packing.zstd.pack(Self.text) + Array("-- end of file --".utf8)
    let (_, summary) = try read(packed)
    #expect(summary.events == 1600)
    #expect(summary.problems.map(\.kind) == [.trailingBytes])
    #expect(summary.problems[0].count == 17)
    #expect(try summary.sha256 == Self.digest(packed))
  }

  @Test func skippableFramesOfZstdAreSkipped() throws {
    let skippable: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]
    let (_, summary) = try read(skippable + Packing.zstd.pack(Self.text))
    #expect(summary.events == 1600 && summary.problems.isEmpty)
  }

  @Test func bombTakesTimeAndNoMemory() throws {
    // 400 MB of remarks in 0.4 MB.
    let remark: [UInt8] = [0x23] + [UInt8](repeating: 0x20, count: 65_534) + [10]
    let remarks = Packing.gzip.pack(Array(repeatElement(remark, count: 64).joined()))
    var packed = Packing.gzip.pack(Self.text)
    for _ in 0..<100 { packed += remarks }
    #expect(packed.count < 1 << 20)
    let before = Self.residentPeak()
    let (_, summary) = try read(packed)
    #expect(summary.lines == 1600 + 6400)
    #expect(Self.residentPeak() - before < 64 << 20)
  }

  /// The most memory that this process ever had, bytes.
  private static func residentPeak() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  // MARK: - Text as other systems write it

  @Test func byteOrderMarkIsNotPartOfTheFirstLine() throws {
    let (sink, summary) = try read([0xEF, 0xBB, 0xBF] + Self.text)
    #expect(summary.events == 1600 && summary.skippedLines == 0)
    #expect(sink.rows == (try read(Self.text).sink.rows))
  }

  @Test func carriageReturnsAndZerosAtLineEndsAreDropped() throws {
    let text = String(decoding: Self.text, as: UTF8.self)
    let (_, summary) = try read(
      Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8)
        + [UInt8](repeating: 0, count: 4096))
    #expect(summary.events == 1600 && summary.skippedLines == 0)
  }

  @Test(arguments: [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf16])
  func utf16IsRefusedWithAdvice(_ encoding: String.Encoding) throws {
    let text = try #require(String(decoding: Self.text, as: UTF8.self).data(using: encoding))
    let error = #expect(throws: IngestError.self) { try read(Array(text)) }
    guard case .unrecognized(let hint) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(hint?.contains("iconv -f UTF-16") == true)
  }

  @Test func emptyAndPackedEmptyFilesAreEmpty() throws {
    for bytes in [[], Packing.gzip.pack([]), Packing.xz.pack([])] {
      let error = #expect(throws: IngestError.self) { try read(bytes) }
      guard case .empty = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }
}
