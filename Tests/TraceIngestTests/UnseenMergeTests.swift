import Testing
import TraceModel

@testable import TraceIngest

/// Bios whose merge is not in the trace, as with perf without `block_bio_backmerge`.
struct UnseenMergeTests {
  private static func read(_ lines: [String]) throws -> CollectingSink {
    let scratch = try ScratchFolder()
    let sink = CollectingSink()
    let text = lines.map { "  fio 700 [001] \($0)\n" }.joined()
    let input = SourceInput(path: try scratch.file("trace.txt", Array(text.utf8)))
    _ = try IngestRun(input: input, options: IngestOptions()).read(into: sink)
    return sink
  }

  private static func queue(_ at: String, _ blocks: String, _ way: String = "WS") -> String {
    "\(at): block:block_bio_queue: 8,16 \(way) \(blocks) [fio]"
  }

  private static func issue(_ at: String, _ blocks: String, _ way: String = "WS") -> String {
    "\(at): block:block_rq_issue: 8,16 \(way) 8192 () \(blocks) [fio]"
  }

  private static func complete(_ at: String, _ blocks: String, _ way: String = "WS") -> String {
    "\(at): block:block_rq_complete: 8,16 \(way) () \(blocks) [0]"
  }

  private static func times(_ request: BlockRequest) -> [Int64?] {
    [request.queued.nanoseconds, request.issued.nanoseconds, request.completed.nanoseconds]
      .map { $0.map { $0 / 1000 } }
  }

  @Test("a bio that a longer D covers goes with it, and leaves later requests of its sector alone")
  func covered() throws {
    let sink = try Self.read([
      Self.queue("10.000000", "992 + 8"), Self.queue("10.000010", "1000 + 8"),
      Self.queue("10.000012", "1008 + 16"), Self.issue("10.000020", "992 + 32"),
      Self.complete("10.000120", "992 + 32"),
      Self.queue("12.000000", "1000 + 8"), Self.issue("12.000020", "1000 + 8"),
      Self.complete("12.000120", "1000 + 8"),
    ])
    #expect(
      sink.requests.map(Self.times) == [
        [10_000_000, 10_000_020, 10_000_120], [12_000_000, 12_000_020, 12_000_120],
      ])
    let bios = sink.bios.sorted { $0.sector < $1.sector }
    #expect(bios.map(\.sector) == [1000, 1008] && bios.map(\.sectors) == [8, 16])
    #expect(bios.allSatisfy { $0.request == sink.requests.first?.id && !$0.merged.isSeen })
    #expect(bios.map { $0.queued.nanoseconds } == [10_000_010_000, 10_000_012_000])
  }

  @Test("also where the Q of the first is missing, or one in between")
  func gaps() throws {
    let sink = try Self.read([
      Self.queue("9.000000", "64 + 8"), Self.queue("10.000010", "1000 + 8"),
      Self.queue("10.000012", "1016 + 8"), Self.issue("10.000020", "992 + 32"),
      Self.complete("10.000120", "992 + 32"),
      Self.queue("12.000000", "1016 + 8"), Self.issue("12.000020", "1016 + 8"),
      Self.complete("12.000120", "1016 + 8"),
    ])
    let whole = sink.requests.filter { $0.completed.isSeen }
    #expect(
      whole.map(Self.times) == [
        [nil, 10_000_020, 10_000_120], [12_000_000, 12_000_020, 12_000_120],
      ])
    #expect(sink.bios.map(\.sector).sorted() == [1000, 1016])
  }

  @Test("what is issued by itself, goes the other way or reaches beyond the D waits on")
  func alone() throws {
    let sink = try Self.read([
      Self.queue("10.000000", "992 + 8"), Self.queue("10.000005", "1000 + 8", "R"),
      Self.queue("10.000010", "1000 + 64"), Self.issue("10.000020", "992 + 16"),
      Self.issue("10.000030", "1000 + 64"), Self.issue("10.000040", "1000 + 8", "R"),
      Self.complete("10.000120", "992 + 16"), Self.complete("10.000130", "1000 + 64"),
      Self.complete("10.000140", "1000 + 8", "R"),
    ])
    #expect(sink.bios.isEmpty)
    #expect(
      sink.requests.map(Self.times) == [
        [10_000_000, 10_000_020, 10_000_120], [10_000_010, 10_000_030, 10_000_130],
        [10_000_005, 10_000_040, 10_000_140],
      ])
  }
}
