import Testing
import TraceModel

@testable import TraceIngest

/// Lines that the tracer lost, which would have the completion of one request taken for that of another.
struct LostLinesTests {
  private static func requests(_ lines: [String]) throws -> [BlockRequest] {
    try read(lines).sink.requests
  }

  private static func read(_ lines: [String]) throws -> (
    sink: CollectingSink, summary: SourceSummary
  ) {
    let scratch = try ScratchFolder()
    let text = lines.map { $0 + "\n" }.joined()
    let sink = CollectingSink()
    let summary = try TraceIngestTests.read(
      try scratch.file("trace.txt", Array(text.utf8)), into: sink)
    return (sink, summary)
  }

  private static func issued(_ request: BlockRequest) -> [Int64?] {
    [request.firstIssued.nanoseconds, request.issued.nanoseconds, request.completed.nanoseconds]
  }

  @Test("a request that is issued again is one, also where the line that it was given back is lost")
  func requeueLost() throws {
    let requests = try Self.requests([
      "259,0 3 1 1.000000000 700  Q   R 81920 + 72 [app]",
      "259,0 3 2 1.000001000 700  G   R 81920 + 72 [app]",
      "259,0 3 3 1.000002000 700  D   R 81920 + 72 [app]",
      // 3 4: R   R 81920 + 72 [0]
      "259,0 3 5 1.000036000 700  D   R 81920 + 72 [app]",
      "259,0 3 6 1.000160000   0  C   R 81920 + 72 [0]",
    ])
    let request = try #require(requests.first)
    #expect(requests.count == 1)
    #expect(Self.issued(request) == [1_000_002_000, 1_000_036_000, 1_000_160_000])
    #expect(request.traits.contains(.requeued) && !request.traits.contains(.aliased))
  }

  @Test("two requests of the same blocks, each with its Q, stay two")
  func sameBlocks() throws {
    let requests = try Self.requests([
      "259,0 3 1 1.000000000 700  Q   R 81920 + 72 [app]",
      "259,0 3 2 1.000002000 700  D   R 81920 + 72 [app]",
      "259,0 3 3 1.000010000 701  Q   R 81920 + 72 [app]",
      "259,0 3 4 1.000012000 701  D   R 81920 + 72 [app]",
      "259,0 3 5 1.000160000   0  C   R 81920 + 72 [0]",
      "259,0 3 6 1.000170000   0  C   R 81920 + 72 [0]",
    ])
    #expect(requests.count == 2)
    #expect(requests.allSatisfy { $0.completed.isSeen && $0.traits.contains(.aliased) })
  }

  @Test("a trace of D and C alone does not say whether a second D is another request")
  func noQueue() throws {
    let requests = try Self.requests([
      "259,0 3 1 1.000002000 700  D   R 81920 + 72 [app]",
      "259,0 3 2 1.000012000 701  D   R 81920 + 72 [app]",
      "259,0 3 3 1.000160000   0  C   R 81920 + 72 [0]",
      "259,0 3 4 1.000170000   0  C   R 81920 + 72 [0]",
    ])
    #expect(requests.count == 2)
    #expect(requests.allSatisfy { $0.completed.isSeen && $0.traits.contains(.aliased) })
  }

  /// Two reads of the same blocks, the second so many ns after the first, with a line lost between them; before that
  /// ten others of 100 us each, which show what is usual.
  private static func lossBetween(_ distance: Int64, _ completions: [Int64]) throws
    -> [BlockRequest]
  {
    let lines = linesOfSameBlocks(distance, completions, isLost: true)
    return Array(try requests(lines).filter { $0.sector == 81_920 })
  }

  private static func linesOfSameBlocks(
    _ distance: Int64, _ completions: [Int64], isLost: Bool
  ) -> [String] {
    var lines: [String] = []
    var number = 0
    func line(_ at: Int64, _ text: String) {
      number += 1
      let (seconds, rest) = at.quotientAndRemainder(dividingBy: 1_000_000_000)
      let digits = String(rest)
      let nanoseconds = String(repeating: "0", count: 9 - digits.count) + digits
      lines.append("259,0 3 \(number) \(seconds).\(nanoseconds) 700 \(text)")
    }
    for turn in 0..<10 {
      let (begin, sector) = (Int64(turn) * 1_000_000, 1_024 * turn)
      line(begin, " Q   R \(sector) + 8 [app]")
      line(begin + 1_000, " D   R \(sector) + 8 [app]")
      line(begin + 101_000, " C   R \(sector) + 8 [0]")
    }
    let begin: Int64 = 1_000_000_000
    for at in [begin, begin + distance] {
      line(at, " Q   R 81920 + 8 [app]")
      line(at + 1_000, " D   R 81920 + 8 [app]")
      number += isLost && at == begin ? 1 : 0
    }
    for at in completions { line(begin + at, " C   R 81920 + 8 [0]") }
    return lines
  }

  @Test(
    "a request is not given up for a line that is lost while it is in flight for no longer than usual"
  )
  func lossBetween() throws {
    let requests = try Self.lossBetween(60_000, [81_000, 140_000])
      .sorted { $0.queued.rawValue < $1.queued.rawValue }
    #expect(requests.map(\.completed.nanoseconds) == [1_000_081_000, 1_000_140_000])
    // Which is whose is not sure: the lost line may be a completion.
    #expect(requests.allSatisfy { $0.traits.isSuperset(of: [.aliased, .lossy]) })
  }

  @Test(
    "a completion that may be that of the next request is in no sum of a stage",
    arguments: [true, false])
  func stages(_ isLost: Bool) throws {
    let (_, summary) = try Self.read(
      Self.linesOfSameBlocks(60_000, [81_000, 140_000], isLost: isLost))
    func count(_ stage: Stage) -> Int64? {
      summary.stages.first { $0.stage == stage }?.histogram.count
    }
    #expect(count(.q2q) == 11)
    #expect(count(.d2c) == (isLost ? 10 : 12))
    #expect(count(.q2c) == (isLost ? 10 : 12))
  }

  @Test("one that has been in flight for much longer lost its completion, and takes no other's")
  func lossLongAgo() throws {
    let requests = try Self.lossBetween(50_000_000, [50_101_000])
      .sorted { $0.queued.rawValue < $1.queued.rawValue }
    #expect(requests.map(\.completed.nanoseconds) == [nil, 1_050_101_000])
  }

  /// Flushes of 300 us, one every 10 ms, without the completions of these.
  private static func flushes(_ count: Int, without lost: Set<Int>, numbered: Bool = true)
    -> [String]
  {
    // A text without any Q is filtered, and gaps of its numbering are the filter's.
    let whole = [
      "253,0 2 1 0.000000000 700  Q   W 81920 + 8 [app]",
      "253,0 2 2 0.000001000 700  G   W 81920 + 8 [app]",
      "253,0 2 3 0.000002000 700  D   W 81920 + 8 [app]",
      "253,0 2 4 0.000100000   0  C   W 81920 + 8 [0]",
    ]
    var sequence = 0
    return whole
      + (0..<count).flatMap { number -> [String] in
        let hundredths = number < 10 ? "0\(number)" : "\(number)"
        sequence += 2
        let first = "253,0 1 \(sequence - 1) 1.\(hundredths)0000000 61  D  FN [kworker/0:1H]"
        guard !lost.contains(number) else {
          if !numbered { sequence -= 1 }
          return [first]
        }
        return [first, "253,0 1 \(sequence) 1.\(hundredths)0300000  0  C  FN 0 [0]"]
      }
  }

  @Test(
    "a flush whose completion is lost does not take that of the next",
    arguments: [[20], [20, 21, 25]])
  func flushLost(_ lost: [Int]) throws {
    let requests = try Self.requests(Self.flushes(30, without: Set(lost))).filter {
      $0.operation == .flush
    }
    #expect(requests.count == 30)
    #expect(requests.count { !$0.completed.isSeen && $0.traits.contains(.lossy) } == lost.count)
    let times = requests.compactMap { request in
      request.completed.nanoseconds.flatMap { end in request.issued.nanoseconds.map { end - $0 } }
    }
    #expect(times == Array(repeating: 300_000, count: 30 - lost.count))
    #expect(requests.allSatisfy { !$0.traits.contains(.aliased) })
  }

  @Test("where no line is lost, flushes at the device together end in their order")
  func flushesTogether() throws {
    let requests = try Self.requests(Self.flushes(30, without: [20], numbered: false)).filter {
      $0.operation == .flush
    }
    // Nothing says that the completion of the 21st is not the next one.
    #expect(requests.count == 30)
    #expect(requests.count { $0.traits.contains(.aliased) } == 10)
    #expect(requests.count { !$0.completed.isSeen } == 1)
  }
}
