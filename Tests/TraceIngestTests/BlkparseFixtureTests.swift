import Foundation
import TestSupport
import Testing
import TraceIngest
import TraceModel

/// One fixture, one oddity: its folder is named by it.
struct Fixture: CustomTestStringConvertible, Sendable {
  let folder: URL

  var testDescription: String { folder.lastPathComponent }

  static func all(_ format: String) -> [Fixture] {
    Repository.folders(in: Repository.fixtures.appending(path: format)).map(Fixture.init)
  }
}

struct BlkparseFixtureTests {
  @Test("folds as recorded", arguments: Fixture.all("blkparse"))
  func foldsAsRecorded(_ fixture: Fixture) throws {
    let sink = CollectingSink()
    let summary = try read(fixture.folder.appending(path: "input.txt").path, into: sink)
    let difference = try Repository.difference(
      sink.text(summary), from: fixture.folder.appending(path: "expected.txt"))
    #expect(difference == nil)
  }

  @Test("events and unusable lines are all the lines there are", arguments: Fixture.all("blkparse"))
  func everyLineIsAccountedFor(_ fixture: Fixture) throws {
    let text = try Data(contentsOf: fixture.folder.appending(path: "input.txt"))
    let summary = try read(
      fixture.folder.appending(path: "input.txt").path, into: CollectingSink())
    let newlines = text.count { $0 == 10 }
    let hasTail = text.last.map { $0 != 10 } ?? false
    #expect(summary.lines == Int64(newlines + (hasTail ? 1 : 0)))
    #expect(summary.bytes == Int64(text.count))
    #expect(summary.events + summary.skippedLines <= summary.lines)
  }
}

/// Reads a file as blkparse text, whatever share of it is unusable.
func read(_ path: String, into sink: CollectingSink) throws -> SourceSummary {
  var options = IngestOptions()
  options.format = allFormats.first { $0.name == "blktrace" }
  options.allowedBadPercent = 100
  let run = try IngestRun(source: try ByteSource(path: path), options: options)
  return try run.read(into: sink)
}
