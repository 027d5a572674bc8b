import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// The binary sets of real captures against blkparse's text of the same traces.
struct BlktraceRealSetTests {
  private struct Pair: CustomTestStringConvertible {
    let text: String
    let stem: String
    var testDescription: String { stem }
  }

  private static func read(_ input: SourceInput) throws -> (CollectingSink, SourceSummary) {
    let sink = CollectingSink()
    var options = IngestOptions()
    options.allowedBadPercent = 100
    return (sink, try IngestRun(input: input, options: options).read(into: sink))
  }

  @Test(.needsShared) func capturesGiveTheSameRowsAsTheirText() throws {
    let inputs = SourceInput.grouping(Repository.files(below: try Repository.shared("traces")))
    let sets = inputs.filter { $0.parts.contains { $0.contains(".blktrace.") } }
    #expect(sets.count == 20)
    for set in sets {
      let folder = URL(filePath: set.path).deletingLastPathComponent().path
      let text = try #require(
        inputs.first {
          $0.path.hasPrefix(folder + "/blkparse") && $0.path.contains(".txt")
        })
      let (binary, summary) = try Self.read(set)
      let (parsed, said) = try Self.read(text)
      let (rows, expected) = (binary.rows, parsed.rows)
      #expect(rows.count == expected.count, "\(set.path)")
      if rows != expected {
        let difference = rows.difference(from: expected)
        Issue.record("\(set.path): \(difference.count) rows differ: \(difference.prefix(4))")
      }
      #expect(summary.events == said.events, "\(set.path)")
      #expect(summary.skippedLines == 0)
      #expect(summary.lostEvents == said.lostEvents)
      #expect(summary.first == said.first && summary.last == said.last)
      print(
        set.path.split(separator: "/").suffix(3).joined(separator: "/"), set.parts.count, "files",
        summary.events, "events", rows.count, "rows, start",
        summary.start.map { "\($0.nanoseconds)" } ?? "-", summary.monotonicStart ?? -1)
    }
  }
}
