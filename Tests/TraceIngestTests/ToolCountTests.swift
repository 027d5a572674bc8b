import Testing
import TraceModel

@testable import TraceIngest

/// What blktrace and blkparse say of lost events themselves, against the gaps of a text.
struct ToolCountTests {
  private static func read(_ text: String) throws -> (CollectingSink, SourceSummary) {
    let scratch = try ScratchFolder()
    let sink = CollectingSink()
    let summary = try TraceIngestTests.read(
      try scratch.file("trace.txt", Array(text.utf8)), into: sink)
    return (sink, summary)
  }

  private static func count(_ kind: ProblemKind, in summary: SourceSummary) -> Int64 {
    summary.problems.filter { $0.kind == kind }.reduce(0) { $0 + $1.count }
  }

  /// Reads, one every 10 ms on CPU 1 and one between them on CPU 0, each of Q, G, I, D and C; without the lines that
  /// `keeps` refuses by their number on the CPU and that of the request.
  private static func lines(
    _ requests: Int, from sector: Int = 0, keeps: (Int, Int, Int) -> Bool = { _, _, _ in true }
  ) -> [String] {
    var sequences = [0, 0]
    return (0..<requests).flatMap { number -> [String] in
      let cpu = 1 - number % 2
      return ["Q", "G", "I", "D", "C"].enumerated().compactMap { place, action in
        sequences[cpu] += 1
        guard keeps(cpu, sequences[cpu], number) else { return nil }
        let at = number * 5_000_000 + place * 20_000
        let digits = String(1_000_000_000 + at % 1_000_000_000).dropFirst()
        return "8,16 \(cpu) \(sequences[cpu]) \(at / 1_000_000_000).\(digits) 700  \(action)   "
          + "R \(sector + 8 * number) + 8 [\(action == "C" ? "0" : "app")]"
      }
    }
  }

  private static func summary(
    _ entries: Int, name: String = "8,16", skips: Int, lost: Int, percent: String? = nil
  ) -> [String] {
    let share = 1000 * Double(lost) / Double(max(1, entries + lost))
    let tenths = Int(share.rounded())
    return [
      "CPU0 (\(name)):",
      " Reads Queued:         20,       80KiB\t Writes Queued:           0,        0KiB",
      "", "Throughput (R/W): 1KiB/s / 0KiB/s", "Events (\(name)): \(entries) entries",
      "Skips: \(skips) forward (\(lost) - \(percent ?? "  \(tenths / 10).\(tenths % 10)")%)",
    ]
  }

  private static func text(_ lines: [String]...) -> String {
    lines.joined().map { $0 + "\n" }.joined()
  }

  @Test(
    "events lost behind the last one of a CPU are counted, and what is open there is so for that reason"
  )
  func behindTheLast() throws {
    let without = Self.lines(200) { cpu, sequence, _ in cpu == 1 || sequence < 500 }
    let (sink, summary) = try Self.read(
      Self.text(without, Self.summary(without.count, skips: 1, lost: 1)))
    #expect(summary.lostEvents == 1)
    #expect(Self.count(.lostUnseen, in: summary) == 1)
    #expect(Self.count(.sequenceGap, in: summary) == 0)
    let open = sink.requests.filter { !$0.completed.isSeen }
    #expect(open.count == 1)
    #expect(open.allSatisfy { $0.traits.contains(.lossy) })
    #expect(sink.requests.count { $0.traits.contains(.lossy) } == 1)
    // Behind the last event of CPU 0 is nothing at all.
    #expect(summary.losses.map(\.cpu) == [1])
    #expect(summary.losses.allSatisfy { $0.events == 0 })
  }

  @Test(
    "where no such count is, a request without a completion is just open", arguments: [true, false])
  func noCount(_ hasSummary: Bool) throws {
    let without = Self.lines(200) { cpu, sequence, _ in cpu == 1 || sequence < 500 }
    let (sink, summary) = try Self.read(
      Self.text(without, hasSummary ? Self.summary(without.count, skips: 0, lost: 0) : []))
    #expect(summary.lostEvents == 0)
    #expect(summary.losses.isEmpty)
    #expect(sink.requests.allSatisfy { !$0.traits.contains(.lossy) })
    #expect(sink.requests.count { !$0.completed.isSeen } == 1)
  }

  @Test("events in gaps are counted once: by the gap, not by the summary again")
  func inGaps() throws {
    let lines = Self.lines(200) { cpu, sequence, _ in cpu == 1 || !(100..<110).contains(sequence) }
    let (_, summary) = try Self.read(
      Self.text(lines, Self.summary(lines.count, skips: 1, lost: 10)))
    #expect(summary.lostEvents == 10)
    #expect(summary.losses.map(\.events) == [10])
    #expect(Self.count(.lostUnseen, in: summary) == 0)
    #expect(Self.count(.sequenceGap, in: summary) == 10)
  }

  @Test(
    "what is missing before the first event of a CPU does not make requests open at the end doubtful"
  )
  func beforeTheFirst() throws {
    let lines = Self.lines(200) { cpu, sequence, number in
      cpu == 1 ? number < 198 || sequence < 500 : sequence > 5
    }
    let (sink, summary) = try Self.read(
      Self.text(lines, Self.summary(lines.count, skips: 1, lost: 5)))
    #expect(summary.lostEvents == 5)
    #expect(Self.count(.lostUnseen, in: summary) == 5)
    #expect(summary.losses.map(\.cpu) == [0])
    #expect(sink.requests.count { !$0.completed.isSeen } == 1)
    #expect(sink.requests.allSatisfy { !$0.traits.contains(.lossy) })
  }

  @Test(
    "several summaries: of two devices they add up; of a text appended to itself they count once")
  func severalSummaries() throws {
    let lines = Self.lines(200) { cpu, sequence, _ in cpu == 1 || sequence < 498 }
    let one = Self.summary(lines.count, skips: 1, lost: 3)
    let other = lines.map { $0.replacing("8,16", with: "8,32") }
    let merged = zip(lines, other).flatMap { [$0, $1] }
    let (_, both) = try Self.read(
      Self.text(merged, one, Self.summary(lines.count, name: "8,32", skips: 1, lost: 3)))
    #expect(both.lostEvents == 6)
    let (_, twice) = try Self.read(Self.text(lines, one, lines, one))
    #expect(twice.lostEvents == 3)
    #expect(Self.count(.lostUnseen, in: twice) == 3)
    #expect(Self.count(.repeatedStretch, in: twice) == Int64(lines.count))
    // A summary of a device of which the text has no line says nothing of it.
    let (_, alone) = try Self.read(
      Self.text(lines, Self.summary(9, name: "8,32", skips: 1, lost: 3)))
    #expect(alone.lostEvents == 0)
  }

  @Test("another recording behind the first has its own count")
  func twoRecordings() throws {
    let lines = Self.lines(200) { cpu, sequence, _ in cpu == 1 || sequence < 498 }
    let other = Self.lines(100, from: 1_000_000)
    let (sink, summary) = try Self.read(
      Self.text(
        lines, Self.summary(lines.count, skips: 1, lost: 3), other,
        Self.summary(other.count, skips: 0, lost: 0)))
    #expect(Self.count(.anotherRecording, in: summary) == 1)
    #expect(summary.lostEvents == 3)
    #expect(
      sink.requests.filter { $0.traits.contains(.lossy) }.allSatisfy { $0.sector < 1_000_000 })
    #expect(sink.requests.contains { $0.traits.contains(.lossy) })
  }

  @Test("a text of which lines were cut off does not have all that its summary counts")
  func cutOff() throws {
    let lines = Array(Self.lines(200) { cpu, sequence, _ in cpu == 1 || sequence != 30 })
    let (_, summary) = try Self.read(
      Self.text(Array(lines[500...]), Self.summary(lines.count, skips: 1, lost: 1)))
    #expect(summary.lostEvents == 0)
  }

  @Test(
    "numbers that no blkparse prints count for nothing",
    arguments: [
      "Skips: 1 forward (99999999999999999999 - 100.0%)",
      "Skips: 1 forward (9223372036854775807 - 100.0%)", "Skips: -1 forward (-3 -   0.3%)",
      "Skips: 0 forward (3 -   0.3%)", "Skips: 9 forward (3 -   0.3%)",
      "Skips: 1 forward (3 -  50.0%)", "Skips: 1 forward (3 -   0.3", "Skips: 1 forward (",
      "Skips:", "Skips: 1,,, forward (3 - 1000.0%)",
    ])
  func hostile(_ line: String) throws {
    let lines = Self.lines(200)
    let (_, summary) = try Self.read(
      Self.text(lines, ["Events (8,16): \(lines.count) entries", line]))
    #expect(summary.lostEvents == 0)
    #expect(summary.problems.allSatisfy { $0.kind == .unrecognizedLine || $0.kind == .toolNotice })
  }

  @Test("dropped events, said of each device and of all, count once, and not beside the gaps")
  func dropped() throws {
    let lines = Self.lines(200) { cpu, sequence, _ in cpu == 1 || !(100..<110).contains(sequence) }
    let notices = [
      "=== sdb ===", "  Total:                   990 events (dropped 14),       47 KiB data",
      "You have 14 dropped events",
      "Consider using a larger buffer size (-b) and/or more buffers (-n)",
    ]
    let (_, summary) = try Self.read(Self.text(lines, notices))
    #expect(summary.lostEvents == 14)
    #expect(Self.count(.droppedEvents, in: summary) == 14)
    #expect(Self.count(.sequenceGap, in: summary) == 10)
    #expect(Self.count(.lostUnseen, in: summary) == 4)
  }

  // MARK: - Filters

  @Test("requests that a filter kept whole are no losses", arguments: [3, 5, 7])
  func everyThird(_ distance: Int) throws {
    let lines = Self.lines(600) { _, _, number in number % distance == 0 }
    let (sink, summary) = try Self.read(Self.text(lines))
    #expect(sink.requests.count == (599 / distance) + 1)
    #expect(summary.lostEvents == 0)
    #expect(summary.losses.isEmpty)
    #expect(Self.count(.filteredText, in: summary) > 0)
    #expect(sink.requests.allSatisfy { $0.completed.isSeen && !$0.traits.contains(.lossy) })
  }

  @Test("where a filter left few requests out, those that are there are not doubtful meanwhile")
  func allButEighth() throws {
    let lines = Self.lines(600) { _, _, number in number % 8 != 0 }
    let (sink, summary) = try Self.read(Self.text(lines))
    #expect(sink.requests.count == 525)
    #expect(summary.lostEvents == 0)
    #expect(Self.count(.filteredText, in: summary) > 300)
    #expect(sink.requests.allSatisfy { $0.completed.isSeen && !$0.traits.contains(.lossy) })
  }

  @Test("as many gaps that cut requests are losses", arguments: [9, 13, 37])
  func everywhereCut(_ distance: Int) throws {
    let lines = Self.lines(600) { _, sequence, _ in sequence % distance != 0 }
    let (sink, summary) = try Self.read(Self.text(lines))
    let lost = 3000 - lines.count
    #expect(summary.lostEvents >= Int64(lost) - 2)
    #expect(Self.count(.filteredText, in: summary) == 0)
    #expect(sink.requests.contains { $0.traits.contains(.lossy) })
  }

  @Test("blkparse that read a pipe and found no gap leaves the gaps to a filter")
  func checkedPipe() throws {
    let lines = Self.lines(600) { _, sequence, _ in sequence % 9 != 0 }
    for entries in [lines.count, 3000] {
      let (_, summary) = try Self.read(Self.text(lines, Self.summary(entries, skips: 0, lost: 0)))
      #expect(summary.lostEvents == 0)
      #expect(summary.losses.isEmpty)
      #expect(Self.count(.filteredText, in: summary) > 0)
    }
  }

  @Test(
    "of files blkparse does not look for gaps: its 0 proves nothing, but the lines it printed do")
  func uncheckedFiles() throws {
    let lines = Self.lines(600) { _, sequence, _ in sequence % 9 != 0 }
    let lost = Int64(3000 - lines.count)
    let (_, gaps) = try Self.read(
      Self.text(lines, Self.summary(lines.count, name: "sdb", skips: 0, lost: 0)))
    #expect(gaps.lostEvents >= lost - 2)
    #expect(Self.count(.filteredText, in: gaps) == 0)
    let (_, printed) = try Self.read(
      Self.text(lines, Self.summary(3000, name: "sdb", skips: 0, lost: 0)))
    #expect(printed.lostEvents == 0)
    #expect(Self.count(.filteredText, in: printed) >= lost - 2)
  }

  @Test("of a filtered text the events that blkparse missed are lost, in the largest gaps")
  func lossBesideFilter() throws {
    let lines = Self.lines(600) { cpu, sequence, _ in
      sequence % 9 != 0 && (cpu == 1 || !(700..<760).contains(sequence))
    }
    let (_, summary) = try Self.read(Self.text(lines, Self.summary(2940, skips: 1, lost: 60)))
    #expect(summary.lostEvents == 60)
    #expect(summary.losses.map(\.events) == [60])
  }
}
