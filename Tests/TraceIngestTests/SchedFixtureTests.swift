import Foundation
import Testing
import TraceModel

@testable import TraceIngest

struct SchedFixtureTests {
  /// `RECORD=1 swift test` writes what was read instead of comparing it; review the difference as code.
  @Test("reads as recorded, in the format of its folder", arguments: SchedFixture.all)
  func readsAsRecorded(_ fixture: SchedFixture) throws {
    let (sink, summary) = try readSchedFile(fixture.folder.appending(path: "input.txt").path)
    #expect(summary.format == fixture.folder.deletingLastPathComponent().lastPathComponent)
    let place = fixture.folder.appending(path: "expected.txt")
    if ProcessInfo.processInfo.environment["RECORD"] != nil {
      try sink.text(summary).write(to: place, atomically: true, encoding: .utf8)
    }
    let expected = try String(decoding: Data(contentsOf: place), as: UTF8.self)
    #expect(sink.text(summary) == expected)
  }

  @Test("there are fixtures for every scheduler format", arguments: SchedFixture.formats)
  func hasFixtures(_ format: String) {
    #expect(
      SchedFixture.all.contains {
        $0.folder.deletingLastPathComponent().lastPathComponent == format
      })
  }

  @Test("the sums of a thread are those of its slices", arguments: SchedFixture.all)
  func sumsAreThoseOfTheSlices(_ fixture: SchedFixture) throws {
    let (sink, _) = try readSchedFile(fixture.folder.appending(path: "input.txt").path)
    for thread in sink.threads {
      var sum = TracedThread()
      for slice in sink.slices where slice.thread == thread.id { sum.add(slice) }
      #expect(sum.run == thread.run && sum.runs == thread.runs)
      #expect(sum.wait == thread.wait && sum.waits == thread.waits)
      #expect(sum.longestWait == thread.longestWait)
    }
  }

  @Test("no CPU runs two threads at once, and no thread runs twice", arguments: SchedFixture.all)
  func staysDoNotOverlap(_ fixture: SchedFixture) throws {
    let (sink, _) = try readSchedFile(fixture.folder.appending(path: "input.txt").path)
    let segments = Dictionary(uniqueKeysWithValues: sink.threads.map { ($0.id, $0.segment) })
    var ends: [[Int64]: Int64] = [:]
    for slice in sink.slices where slice.run != .min {
      let segment = Int64(segments[slice.thread] ?? 0)
      for key in [[0, segment, Int64(slice.cpu)], [1, slice.thread]] {
        #expect(ends[key, default: .min] <= slice.began)
        ends[key] = slice.began + slice.run
      }
    }
  }
}
