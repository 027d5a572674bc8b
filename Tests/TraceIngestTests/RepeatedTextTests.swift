import Testing
import TraceModel

@testable import TraceIngest

/// Texts of a block trace that were appended to themselves, of whatever length and whatever their first number.
struct RepeatedTextTests {
  private static func read(_ lines: [String]) throws -> (CollectingSink, SourceSummary) {
    let scratch = try ScratchFolder()
    let sink = CollectingSink()
    let text = lines.map { $0 + "\n" }.joined()
    let summary = try TraceIngestTests.read(
      try scratch.file("trace.txt", Array(text.utf8)), into: sink)
    return (sink, summary)
  }

  /// Requests of 300 us, one every millisecond, on two CPUs, whose numbers begin behind the given one. Of ftrace (0) no
  /// line is numbered.
  private static func lines(_ requests: Int, behind number: Int?, sector: Int = 0) -> [String] {
    var sequences = [number ?? 0, number ?? 0]
    return (0..<requests).flatMap { turn in
      [("Q", 0), ("D", 100), ("C", 300)].map { action, at in
        let cpu = turn % 2
        sequences[cpu] += 1
        let digits = String(1_000_000 + turn * 1_000 + at).dropFirst()
        return "8,0 \(cpu) \(number == nil ? 0 : sequences[cpu]) 0.\(digits)000 700  \(action)   "
          + "R \(sector + 8 * turn) + 8 [\(action == "C" ? "0" : "app")]"
      }
    }
  }

  @Test(
    "a text appended to itself counts once, however short it is and whatever its first number",
    arguments: [1, 2, 5, 400], [0, 100, nil])
  func whole(_ requests: Int, _ number: Int?) throws {
    let lines = Self.lines(requests, behind: number)
    let (once, _) = try Self.read(lines)
    let (sink, summary) = try Self.read(lines + lines)
    #expect(sink.requests.count == requests)
    #expect(
      sink.requests.map(\.completed.nanoseconds) == once.requests.map(\.completed.nanoseconds))
    #expect(sink.requests.allSatisfy { $0.traits.isEmpty })
    #expect(summary.problems.map(\.kind) == [.repeatedStretch])
    #expect(summary.problems.map(\.count) == [Int64(lines.count)])
  }

  @Test(
    "where the second has more, that goes on as the first would have", arguments: [0, 100, nil])
  func longer(_ number: Int?) throws {
    let lines = Self.lines(40, behind: number)
    let (sink, summary) = try Self.read(Array(lines[..<60]) + lines)
    #expect(sink.requests.count == 40)
    #expect(summary.lostEvents == 0)
    #expect(summary.problems.map(\.count) == [60])
    #expect(summary.problems.map(\.kind) == [.repeatedStretch])
  }

  @Test("another short text is not the same once more", arguments: [1, 2, 5])
  func other(_ requests: Int) throws {
    let (sink, summary) = try Self.read(
      Self.lines(requests, behind: 0) + Self.lines(requests, behind: 0, sector: 4096))
    #expect(sink.requests.count == 2 * requests)
    #expect(sink.requests.allSatisfy { $0.completed.isSeen })
    #expect(summary.problems.map(\.kind) == [.timeWentBack])
  }
}
