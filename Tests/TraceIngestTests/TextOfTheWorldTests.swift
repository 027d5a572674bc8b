import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Block text as people have it: live, of other versions of blkparse, filtered, and with remarks in it.
struct TextOfTheWorldTests {
  private static func read(
    _ text: String, format: (any TraceFormat)? = nil
  ) throws -> (sink: CollectingSink, summary: SourceSummary) {
    let scratch = try ScratchFolder()
    var options = IngestOptions()
    options.format = format
    options.allowedBadPercent = 100
    let sink = CollectingSink()
    let run = try IngestRun(
      source: try ByteSource(path: try scratch.file("trace.txt", Array(text.utf8))),
      options: options)
    return (sink, try run.read(into: sink))
  }

  private static func count(_ kind: ProblemKind, in summary: SourceSummary) -> Int64 {
    summary.problems.filter { $0.kind == kind }.reduce(0) { $0 + $1.count }
  }

  /// Makes lines of blkparse, numbered by CPU.
  private struct Lines {
    var text = ""
    var numbers: [Int: Int] = [:]

    mutating func add(
      _ microseconds: Int, _ action: String, _ tail: String, cpu: Int = 0, rwbs: String = "WS",
      device: String = "8,16"
    ) {
      numbers[cpu, default: 0] += 1
      let number = numbers[cpu] ?? 0
      let time = String(
        format: "%d.%06d000", microseconds / 1_000_000, microseconds % 1_000_000)
      text += "  \(device)   \(cpu) \(number) \(time)   700  \(action)  \(rwbs) \(tail)\n"
    }

    /// A whole request: Q, G, I, D, and C so many microseconds after its D.
    mutating func request(_ at: Int, _ blocks: String, cpu: Int = 0, taking service: Int = 40) {
      for (offset, action) in ["Q", "G", "I", "D"].enumerated() {
        add(at + offset, action, "\(blocks) [app]", cpu: cpu)
      }
      add(at + 3 + service, "C", "\(blocks) [0]", cpu: cpu)
    }
  }

  // MARK: Times before the zero

  @Test(
    "times before the zero of a live trace are negative",
    arguments: [
      ("1266874889.709551615", -1), ("1266874889.709450616", -101_000),
      ("1266874887.209551616", -2_500_000_000), ("0.000000007", 7),
      // More than a day before the wrap, and behind it: times as any.
      ("1266788489.000000000", 1_266_788_489_000_000_000),
      ("1266874889.709551616", 1_266_874_889_709_551_616),
    ])
  func wrappedTimes(_ printed: String, _ nanoseconds: Int64) throws {
    let line = "  8,16   1        1 \(printed)   701  Q  WS 4096 + 8 [app]\n"
    let (sink, summary) = try Self.read(line)
    #expect(sink.requests.map(\.queued.nanoseconds) == [nanoseconds])
    #expect(summary.first.nanoseconds == nanoseconds)
    let custom = try blkparseText(printedWith: "%D %c %s %T.%t %a %d %S + %n\\n")
    let (fields, _) = try Self.read("8,16 1 1 \(printed) Q WS 4096 + 8\n", format: custom)
    #expect(fields.requests.map(\.queued.nanoseconds) == [nanoseconds])
  }

  @Test("a live trace spans what it spans, and its stages hold across the zero")
  func liveTrace() throws {
    var lines = Lines()
    lines.request(0, "2048 + 8")
    let early = """
        8,16   1        1 1266874889.709450616   701  Q  WS 4096 + 8 [app]
        8,16   1        2 1266874889.709461616   701  D  WS 4096 + 8 [app]
        8,16   1        3    0.000020000     0  C  WS 4096 + 8 [0]

      """
    let (sink, summary) = try Self.read(lines.text + early)
    let request = try #require(sink.requests.first { $0.sector == 4096 })
    #expect(request.queued.nanoseconds == -101_000)
    #expect(request.issued.nanoseconds == -90_000)
    #expect(request.completed.nanoseconds == 20_000)
    #expect(summary.first.nanoseconds == -101_000)
    let queues = try #require(summary.stages.first { $0.stage == .q2q })
    #expect(queues.histogram.sum == 101_000)
  }

  // MARK: Terminals, remarks, excerpts

  @Test(
    "the echo of a key does not cost the event, or the summary, that it stands in",
    arguments: ["^C", "^C^C", "^\\", "^Z", "^C  "])
  func echo(_ keys: String) throws {
    var lines = Lines()
    lines.request(0, "2048 + 8")
    var rows = lines.text.split(separator: "\n").map(String.init)
    rows[4] = keys + rows[4]
    let text =
      rows.joined(separator: "\n")
      + "\n\(keys)CPU0 (8,16):\n Reads Queued:           0,        0KiB\t Writes Queued:           1\n"
      + "\(keys)\n"
    let (sink, summary) = try Self.read(text)
    #expect(summary.events == 5)
    #expect(summary.skippedLines == 0)
    #expect(sink.requests.map(\.completed.nanoseconds) == [43_000])
    #expect(Self.count(.annotatedLine, in: summary) == 2)
  }

  @Test("an echo inside of a line is taken out, one in a name is part of it")
  func echoInside() throws {
    let (sink, summary) = try Self.read(
      """
        8,16   0        1     0.000000000   700  Q  WS 2048 + 8 [^C app]
        8,16   0        2     0.00^C0001000   700  G  WS 2048 + 8 [^C app]

      """)
    #expect(summary.events == 2)
    #expect(sink.tasks.map(\.name.text) == ["^C app"])
    #expect(sink.requests.map(\.got.nanoseconds) == [1000])
  }

  @Test("remarks behind events and marks of cut lines are notes, prose is not")
  func excerpt() throws {
    let (sink, summary) = try Self.read(
      """
      ...
        8,16   0        1     0.000000000   700  Q  WS 2048 + 8 [app] # the first
        8,16   0        2     0.000001000   700  G  WS 2048 + 8 [app]   <-- see [1]
        8,16   0        3     0.000012000   139  D  WS 2048 + 8 [kworker/1:1H] ... slow from here
        8,16   0        4     0.000050000     0  C  WS 2048 + 8 [0]      done
      [... 40 lines ...]
      [snip]
      …
      --
        8,16   0       45     0.100000000   700  Q  WS 4096 + 8 [a] # b]
        8,16   0       46     0.100001000   700  D  WS 4096 + 8 [a] # b]
        8,16   0       47     0.100050000     0  C  WS 4096 + 8 [0]
      This is what we saw.

      """)
    #expect(summary.events == 7)
    #expect(summary.skippedLines == 1)
    #expect(Self.count(.annotatedLine, in: summary) == 4)
    #expect(Self.count(.elidedLines, in: summary) == 5)
    #expect(sink.requests.map(\.completed.nanoseconds) == [50_000, 100_050_000])
    #expect(sink.tasks.map(\.name.text) == ["app", "a] # b"])
    // What is missing was cut out by a person, not lost by the tracer.
    #expect(summary.lostEvents == 0)
    #expect(Self.count(.sequenceGap, in: summary) == 0)
  }

  @Test("requests that are open where lines were cut out do not take later completions")
  func elidedCompletion() throws {
    let (sink, _) = try Self.read(
      """
        8,16   0        1     0.000000000   700  Q  WS 2048 + 8 [app]
        8,16   0        2     0.000001000   700  D  WS 2048 + 8 [app]
      [...]
        8,16   0       93     5.000000000   700  Q  WS 2048 + 8 [app]
        8,16   0       94     5.000001000   700  D  WS 2048 + 8 [app]
        8,16   0       95     5.000041000     0  C  WS 2048 + 8 [0]

      """)
    let served = sink.requests.filter(\.completed.isSeen)
    #expect(served.map(\.issued.nanoseconds) == [5_000_001_000])
    #expect(sink.requests.count == 2)
  }

  @Test("the processes of blkparse -s are part of the summary, before and behind the CPUs")
  func processes() throws {
    var lines = Lines()
    lines.request(0, "2048 + 8")
    func block(_ name: String) -> String {
      "\(name)\n Reads Queued:           0,        0KiB\t Writes Queued:           1,        4KiB\n"
        + " IO unplugs:             0        \t Timer unplugs:           0\n"
        + " Allocation wait:         0        \t Allocation wait:         1\n"
        + " Dispatch wait:           0        \t Dispatch wait:           1\n"
        + " Completion wait:         0        \t Completion wait:        40\n"
    }
    let text =
      lines.text + block("app (700)") + block("a (b) 1 (42, ...)") + "\n" + block("CPU0 (8,16):")
      + block("late (7)")
    let (_, summary) = try Self.read(text)
    #expect(summary.events == 5)
    #expect(summary.skippedLines == 0)
    // A sentence with a number in parentheses is no process of more than 16 bytes.
    let (_, prose) = try Self.read(lines.text + "this is the slow one of them (12)\n")
    #expect(prose.skippedLines == 1)
  }

  // MARK: Split bios

  /// A bio of 1024 sectors in four pieces, served in this order, then a request where a piece was.
  private static func split(_ order: [Int], growing: Bool, withSplits: Bool = true) -> String {
    var lines = Lines()
    lines.add(0, "Q", "10000 + 1024 [app]")
    for piece in 0..<4 {
      let sector = 10_000 + 256 * piece
      if piece < 3 {
        if withSplits {
          lines.add(1 + 4 * piece, "X", "\(sector) / \(sector + 256) [app]")
        } else {
          lines.numbers[0, default: 0] += 1
        }
      }
      for (offset, action) in ["G", "I", "D"].enumerated() {
        lines.add(2 + 4 * piece + offset, action, "\(sector) + 256 [app]")
      }
    }
    for (place, piece) in order.enumerated() {
      let sector = 10_000 + 256 * piece
      lines.add(
        100 + 10 * place, "C", growing ? "10000 + \(256 * piece + 256) [0]" : "\(sector) + 256 [0]")
    }
    // blkparse does not forget where the piece at 10512 belonged to.
    for (offset, action) in ["Q", "G", "I", "D"].enumerated() {
      lines.add(1000 + offset, action, "10512 + 8 [app]")
    }
    lines.add(1050, "C", growing ? "10000 + 520 [0]" : "10512 + 8 [0]")
    return lines.text
  }

  @Test(
    "a C that begins where its bio began belongs to the piece that ends there",
    arguments: [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
  func splitBios(_ order: [Int]) throws {
    let growing = try Self.read(Self.split(order, growing: true))
    let pieces = try Self.read(Self.split(order, growing: false))
    #expect(growing.sink.text(growing.summary) == pieces.sink.text(pieces.summary))
    #expect(pieces.sink.requests.count == 5)
    #expect(growing.sink.requests.allSatisfy { $0.issued.isSeen && $0.completed.isSeen })
    #expect(Self.count(.unpairedEvent, in: growing.summary) == 0)
    let ends = growing.sink.requests.sorted { ($0.sector, $0.sectors) < ($1.sector, $1.sectors) }
      .map(\.completed.nanoseconds)
    let expected = (0..<4).map { piece in
      Int64(100 + 10 * (order.firstIndex(of: piece) ?? -1)) * 1000
    }
    #expect(ends == [expected[0], expected[1], 1_050_000, expected[2], expected[3]])
  }

  @Test("without the lines of the splits, too")
  func splitsFilteredOut() throws {
    let (sink, _) = try Self.read(Self.split([0, 1, 2, 3], growing: true, withSplits: false))
    let served = sink.requests.filter { $0.issued.isSeen && $0.completed.isSeen }
    #expect(
      served.map(\.completed.nanoseconds) == [100_000, 110_000, 120_000, 130_000, 1_050_000])
  }

  @Test("a device of bios only: the pieces of a split bio are found by their ends")
  func splitOnMapper() throws {
    for growing in [true, false] {
      var lines = Lines()
      lines.add(0, "Q", "10000 + 512 [app]", device: "253,0")
      lines.add(1, "X", "10000 / 10256 [app]", device: "253,0")
      lines.add(100, "C", growing ? "10000 + 512 [0]" : "10256 + 256 [0]", device: "253,0")
      lines.add(150, "C", "10000 + 256 [0]", device: "253,0")
      let (sink, _) = try Self.read(lines.text)
      #expect(sink.requests.map(\.sector) == [10_256, 10_000])
      #expect(sink.requests.map(\.completed.nanoseconds) == [100_000, 150_000])
    }
  }

  @Test("a binary trace names each piece: a partial completion is none of a split")
  func binaryIsNotRenamed() throws {
    let events = [
      "8,16 WS 0 () 10000 + 512 [app]", "8,16 WS 0 () 10256 + 128 [app]",
    ].map { "  app 7 [000] 1.000000: block:block_rq_issue: \($0)\n" }
    let end = "  app 7 [000] 1.000100: block:block_rq_complete: 8,16 WS () 10000 + 384 [0]\n"
    let (sink, _) = try Self.read(events.joined() + end)
    let partial = try #require(sink.requests.first { $0.sector == 10_000 })
    #expect(partial.traits.contains(.partial))
    #expect(sink.requests.first { $0.sector == 10_256 }?.completed.isSeen == false)
  }

  // MARK: Flushes of devices without requests

  @Test("flushes of device-mapper have a Q and a C", arguments: ["C FWS 0 [0]", "C  WS 0 [0]"])
  func bareFlushes(_ end: String) throws {
    var text = ""
    for number in 0..<3 {
      text += "253,0 1 \(2 * number + 1) \(number).000000000 700  Q FWS [app]\n"
      text += "253,0 1 \(2 * number + 2) \(number).00\(number + 4)000000 0  \(end)\n"
    }
    let (sink, summary) = try Self.read(text)
    #expect(sink.requests.map(\.operation) == [.flush, .flush, .flush])
    let times = sink.requests.compactMap { request in
      request.completed.nanoseconds.flatMap { end in request.queued.nanoseconds.map { end - $0 } }
    }
    #expect(times == [4_000_000, 5_000_000, 6_000_000])
    #expect(Self.count(.unpairedEvent, in: summary) == 0)
    #expect(sink.requests.allSatisfy { !$0.traits.contains(.aliased) })
  }

  @Test(
    "of two flushes together which is whose cannot be told; perf prints them with a length of 0")
  func flushesTogether() throws {
    let (sink, _) = try Self.read(
      """
        app 7 [000] 1.000000: block:block_bio_queue: 253,0 FWS 0 + 0 [app]
        app 8 [000] 1.000100: block:block_bio_queue: 253,0 FWS 0 + 0 [app]
        app 0 [000] 1.004000: block:block_bio_complete: 253,0 FWS 0 + 0 [0]
        app 0 [000] 1.005000: block:block_bio_complete: 253,0 FWS 0 + 0 [-5]

      """)
    #expect(sink.requests.map(\.completed.nanoseconds) == [1_004_000_000, 1_005_000_000])
    #expect(sink.requests.map(\.error) == [0, -5])
    #expect(sink.requests.allSatisfy { $0.traits.contains(.aliased) })
  }

  @Test("a flush that a device's own machinery ends is no bio's")
  func flushOfMachinery() throws {
    let (sink, _) = try Self.read(
      """
        8,16 1 1 0.000000000 700  Q FWS [app]
        8,16 1 2 0.001000000   0  C  FN 0 [0]
        8,16 1 3 0.002000000   0  C  WS 0 [0]

      """)
    let bio = try #require(sink.requests.first { $0.queued.isSeen })
    #expect(bio.completed.nanoseconds == 2_000_000)
    #expect(sink.requests.count == 2)
  }

  // MARK: Errors

  @Test("the errno of a completion is the same in every text")
  func errors() throws {
    let texts = [
      "  8,16 0 1 0.000000100 0  C  WS 2368 + 8 [65531]\n",
      "  8,16   0        1     0.000000100     0  C  WS 2368 + 8 [65531]\n",
      "  8,16   0        1     0.000000100     0  C  WS 2368 + 8 [-5]\n",
      "  swapper     0 [000]     1.000000: block:block_rq_complete: 8,16 WS () 2368 + 8 [-5]\n",
      "  swapper     0 [000]     1.000000: block:block_rq_complete: 8,16 WS () 2368 + 8 be,0,4 [-5]\n",
      "          <idle>-0       [001] ..s1.   410.121377: block_rq_complete: 8,16 WS () 2368 + 8 [-5]\n",
    ]
    for text in texts {
      let (sink, _) = try Self.read(text)
      #expect(sink.requests.map(\.error) == [-5], "\(text)")
      #expect(sink.requests.map(\.sector) == [2368])
    }
  }

  // MARK: Filters and losses

  private static func filtered(_ keeps: (String) -> Bool, without: Range<Int> = 0..<0) -> String {
    var lines = Lines()
    for number in 0..<400 {
      lines.request(number * 100, "\(2048 + 8 * number) + 8", cpu: number % 2)
    }
    return lines.text.split(separator: "\n").enumerated().filter { place, line in
      !without.contains(place) && keeps(String(line))
    }.map { $0.element + "\n" }.joined()
  }

  @Test(
    "gaps that a filter left are no losses",
    arguments: [["D"], ["Q"], ["C"], ["D", "C"], ["Q", "C"], ["Q", "G", "D", "C"]])
  func filters(_ actions: [String]) throws {
    let text = Self.filtered { line in actions.contains { line.contains(" 700  \($0) ") } }
    let (sink, summary) = try Self.read(text)
    #expect(summary.events == Int64(400 * actions.count))
    #expect(summary.lostEvents == 0)
    #expect(summary.losses.isEmpty)
    #expect(Self.count(.sequenceGap, in: summary) == 0)
    #expect(Self.count(.filteredText, in: summary) > 0)
    #expect(sink.requests.allSatisfy { !$0.traits.contains(.lossy) || actions == ["C"] })
    if actions == ["D", "C"] {
      #expect(sink.requests.count == 400)
      #expect(
        sink.requests.allSatisfy {
          ($0.completed.nanoseconds ?? 0) - ($0.issued.nanoseconds ?? 0) == 40_000
        })
    }
  }

  @Test("of a filtered text a hole that no filter leaves is a loss")
  func lossInFilteredText() throws {
    let text = Self.filtered(
      { $0.contains(" 700  D ") || $0.contains(" 700  C ") }, without: 600..<1600)
    let (_, summary) = try Self.read(text)
    // 500 events on each of two CPUs, and the three that the filter leaves out before a D.
    #expect(summary.losses.map(\.events) == [503, 503])
    #expect(Self.count(.filteredText, in: summary) > 0)
  }

  /// Requests, each of five lines, of which every third is a read; `keeps` by the number of a line.
  private static func directions(_ keeps: (Int, Bool) -> Bool, reads: Int = 3) -> String {
    var text = ""
    for number in 0..<600 {
      let isRead = number % reads == 0
      for (place, action) in ["Q", "G", "I", "D", "C"].enumerated() {
        let line = number * 5 + place
        guard keeps(line, isRead) else { continue }
        text +=
          "8,0 1 \(line + 1) \(number / 100).\(String(100 + number % 100).dropFirst())\(place)000000 700  \(action)  "
          + "\(isRead ? "R" : "WS") \(8 * number) + 8 [\(action == "C" ? "0" : "app")]\n"
      }
    }
    return text
  }

  @Test(
    "requests of one direction (blkparse -a read, grep), all of them whole, are a filter's",
    arguments: [true, false])
  func direction(_ reads: Bool) throws {
    let (sink, summary) = try Self.read(Self.directions { $1 == reads })
    #expect(sink.requests.count == (reads ? 200 : 400))
    #expect(summary.lostEvents == 0)
    #expect(Self.count(.sequenceGap, in: summary) == 0)
    #expect(Self.count(.filteredText, in: summary) == (reads ? 1_990 : 995))
  }

  @Test("where all requests are reads and some are cut, lines were lost")
  func lossAmongReads() throws {
    // 12 of every 60 lines, from the middle of a request to that of another.
    let (_, summary) = try Self.read(
      Self.directions({ line, _ in line % 60 < 33 || line % 60 >= 45 }, reads: 1))
    #expect(summary.lostEvents == 600)
    #expect(Self.count(.filteredText, in: summary) == 0)
  }

  @Test("a hole in a whole text is a loss")
  func loss() throws {
    let (_, summary) = try Self.read(Self.filtered({ _ in true }, without: 600..<700))
    #expect(summary.lostEvents == 100)
    #expect(Self.count(.filteredText, in: summary) == 0)
  }

  // MARK: Missing completions

  /// Requests as perf prints them, 20 ms apart and each 4 ms long; those that this leaves out have no completion, or
  /// no issue.
  private static func perf(
    _ count: Int, taking service: (Int) -> Int = { _ in 4_000 },
    events: (begin: String, end: String) = ("rq_issue", "rq_complete"),
    hasIssue: (Int) -> Bool, hasCompletion: (Int) -> Bool, sector: (Int) -> Int
  ) -> String {
    var lines: [(Int, String)] = []
    for number in 0..<count {
      let (from, place) = (number * 20_000, "\(sector(number)) + 8")
      func line(_ at: Int, _ event: String) -> (Int, String) {
        let time = String(format: "%d.%06d", 100 + at / 1_000_000, at % 1_000_000)
        return (at, "         swapper     0 [000] \(time): block:\(event)\n")
      }
      if hasIssue(number) {
        let bytes = events.begin == "rq_issue" ? "4096 () " : ""
        lines.append(line(from, "block_\(events.begin): 8,16 R \(bytes)\(place) [app]"))
      }
      if hasCompletion(number) {
        let command = events.end == "rq_complete" ? "() " : ""
        lines.append(
          line(from + service(number), "block_\(events.end): 8,16 R \(command)\(place) [0]"))
      }
    }
    return lines.sorted { $0.0 < $1.0 }.map(\.1).joined()
  }

  @Test("a D whose completion is missing does not take that of a later D of its sector")
  func missingCompletions() throws {
    // Sectors come again after 300 requests, 6 s later; a third of the first have no completion.
    let text = Self.perf(
      900, hasIssue: { _ in true }, hasCompletion: { $0 >= 300 || $0 % 3 != 0 },
      sector: { 2048 + 8 * ($0 % 300) })
    let (sink, _) = try Self.read(text)
    let times = sink.requests.compactMap { request in
      request.completed.nanoseconds.flatMap { end in request.issued.nanoseconds.map { end - $0 } }
    }
    #expect(times.count == 800)
    #expect(Set(times) == [4_000_000])
    #expect(sink.requests.count { !$0.completed.isSeen } == 100)
  }

  @Test("where completions are missing, one of a D that is missing is not given to an old request")
  func missingIssues() throws {
    let text = Self.perf(
      900, hasIssue: { $0 < 300 || $0 % 30 != 0 }, hasCompletion: { $0 >= 300 || $0 % 3 != 0 },
      sector: { 2048 + 8 * ($0 % 300) })
    let (sink, summary) = try Self.read(text)
    let times = sink.requests.compactMap { request in
      request.completed.nanoseconds.flatMap { end in request.issued.nanoseconds.map { end - $0 } }
    }
    #expect(Set(times) == [4_000_000])
    #expect(Self.count(.unpairedEvent, in: summary) > 0)
  }

  /// How long each request took, ns, in the order of their lines; nil where the completion is missing.
  private static func times(_ text: String) throws -> [Int64?] {
    try read(text).sink.requests.sorted { $0.line < $1.line }.map { request in
      request.completed.nanoseconds.flatMap { end in
        (request.issued.nanoseconds ?? request.queued.nanoseconds).map { end - $0 }
      }
    }
  }

  @Test(
    "a D whose completion is missing does not take that of the next D of its sector, soon after",
    arguments: [(400, 5), (400, 1), (9_000, 6), (9_000, 1)])
  func missingCompletionsOfHotSectors(_ count: Int, _ sectors: Int) throws {
    // After the first ten the same few come again and again, as when a file system writes an inode.
    let isThere = { (number: Int) in number < 10 || number % 7 != 3 && number % 11 != 0 }
    let sector = { (number: Int) in number < 10 ? 8 * number : 2048 + 8 * (number % sectors) }
    for events in [("rq_issue", "rq_complete"), ("bio_queue", "bio_complete")] {
      let text = Self.perf(
        count, taking: { 400 + $0 % 3 }, events: events, hasIssue: { _ in true },
        hasCompletion: isThere, sector: sector)
      let right = (0..<count).map { isThere($0) ? Int64(400_000 + 1_000 * ($0 % 3)) : nil }
      #expect(try Self.times(text) == right)
    }
  }

  @Test("also where they are all of one sector, and too few came back before the first is missing")
  func missingCompletionOfTheOnlySector() throws {
    for isThere in [{ $0 != 3 }, { $0 % 2 == 1 }] as [(Int) -> Bool] {
      let text = Self.perf(
        60, taking: { 400 + $0 % 3 }, hasIssue: { _ in true }, hasCompletion: isThere,
        sector: { _ in 2048 })
      let right = (0..<60).map { isThere($0) ? Int64(400_000 + 1_000 * ($0 % 3)) : nil }
      #expect(try Self.times(text) == right)
    }
  }

  @Test("of two requests for the same blocks that both came back late, each keeps its time")
  func lateTogether() throws {
    // 100 and 101 are for the same blocks, and come back after 400 and 381 ms, while others take 4 ms.
    let text = Self.perf(
      200, taking: { $0 == 100 ? 400_000 : $0 == 101 ? 381_000 : 4_000 }, hasIssue: { _ in true },
      hasCompletion: { _ in true }, sector: { 2048 + 8 * ($0 == 101 ? 100 : $0) })
    var right = [Int64?](repeating: 4_000_000, count: 200)
    right.replaceSubrange(100...101, with: [400_000_000, 381_000_000])
    #expect(try Self.times(text) == right)
  }

  @Test("a request that was slow among others that were not stays slow")
  func slowRequest() throws {
    var text = Self.perf(
      300, hasIssue: { _ in true }, hasCompletion: { $0 != 100 }, sector: { 2048 + 8 * $0 })
    text +=
      "         swapper     0 [000] 109.000000: block:block_rq_complete: 8,16 R () 2848 + 8 [0]\n"
    let (sink, _) = try Self.read(text)
    let slow = try #require(sink.requests.first { $0.sector == 2848 })
    #expect(slow.completed.nanoseconds == 109_000_000_000)
    #expect(slow.issued.nanoseconds == 102_000_000_000)
  }
}
