import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// Recordings of perf beside the checkout, against what `perf script --ns` prints of them.
@Suite(.needsShared) struct PerfDataFilesTests {
  private static let printed = [
    "sched.data", "sched-mono.data", "sched-callgraph.data", "sched-zstd.data", "sched-pipe.data",
    "sched-block-mono.data", "sched-lost.data", "sched-threads.data",
  ]

  private static func input(_ path: String) throws -> SourceInput {
    let folder = try Repository.shared("samples/perf-data").appending(path: path)
    let files = Repository.files(below: folder)
    return files.isEmpty
      ? SourceInput(path: folder.path) : try #require(SourceInput.grouping(files).first)
  }

  @Test("events equal the text of perf, in their order", arguments: printed)
  func eventsEqualTheText(_ name: String) throws {
    let (binary, summary) = try readEvents(try Self.input("own/\(name)"))
    let (text, said) = try readEvents(
      try Self.input("expected/\(name).perf61-script-ns.txt.gz"))
    #expect(summary.format == "perf-data")
    #expect(summary.events == said.events)
    #expect(summary.skippedLines == 0)
    #expect(summary.first == said.first && summary.last == said.last)
    #expect(!binary.sched.isEmpty)
    Self.compare(binary.schedLines, text.schedLines, name)
    Self.compare(binary.blockLines, text.blockLines, name)
    // The text does not say that events were lost, and when.
    if summary.lostEvents == 0 { Self.compare(binary.sliceLines, text.sliceLines, name) }
  }

  private static func compare(_ own: [String], _ other: [String], _ name: String) {
    #expect(own.count == other.count, "\(name)")
    guard own != other else { return }
    for (one, two) in zip(own, other) where one != two {
      Issue.record("\(name): '\(one)', in the text '\(two)'")
      return
    }
  }

  @Test("what is no scheduler trace, or a damaged one, says why")
  func otherFilesSayWhy() throws {
    let folder = try Repository.shared("samples/perf-data/foreign")
    for path in Repository.files(below: folder) {
      let name = path.split(separator: "/").last.map(String.init) ?? path
      do {
        let (sink, summary) = try readEvents(SourceInput(path: path))
        print(name, summary.events, sink.sched.count, sink.block.count, summary.skippedLines)
      } catch let error as IngestError {
        guard case .refused(.noEvents, _, _, let hint) = error else {
          Issue.record("\(name): \(error)")
          continue
        }
        print(name, hint)
        #expect(hint.count > 20)
      }
    }
  }

  @Test("a killed recording says that its formats are missing")
  func killedRecordingSaysWhy() throws {
    #expect {
      try readEvents(try Self.input("own/sched-killed.data"))
    } throws: { error in
      guard case .refused(.noEvents, _, _, let hint) = error as? IngestError else { return false }
      return hint.contains("killed") && hint.contains("1493") && hint.contains("SIGINT")
    }
  }

  @Test("records of switches make a scheduler trace where there are no tracepoints")
  func switchRecordsAreRead() throws {
    let (sink, summary) = try readEvents(try Self.input("own/switch-events.data"))
    #expect(summary.events > 100)
    #expect(sink.sched.allSatisfy { $0.kind == .switched })
    #expect(sink.sched.contains { $0.left == .preempted })
    #expect(sink.slices.contains { $0.run > 0 })
  }

  @Test("lost events are counted once")
  func lossesAreCountedOnce() throws {
    let (_, summary) = try readEvents(try Self.input("own/sched-lost.data"))
    #expect(summary.lostEvents == 7734)
  }

  @Test("the clock of perf record -k is known, and when it was")
  func clockIsKnown() throws {
    let (_, summary) = try readEvents(try Self.input("own/sched-mono.data"))
    #expect(summary.toolClock == "monotonic")
    let start: Int64 = 1_795_958_028_277_191_000 - 435_594_310_940
    #expect(try #require(summary.start).nanoseconds == start)
    #expect(summary.headers.contains { $0.name == "hostname" && !$0.value.isEmpty })
    #expect(
      summary.headers.contains { $0.name == "cmdline" && $0.value.contains("sched record") })
  }
}
