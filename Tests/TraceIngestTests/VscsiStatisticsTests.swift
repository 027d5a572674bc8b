import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Histograms of virtual disks as vscsiStats prints them.
struct VscsiStatisticsTests {
  private static func read(_ text: String) throws -> ([HistogramFact], SourceSummary) {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).csv")
    try Data(text.utf8).write(to: path)
    defer { try? FileManager.default.removeItem(at: path) }
    let sink = RecordedCounters()
    let summary = try IngestRun(source: try ByteSource(path: path.path)).read(into: sink)
    return (sink.topology.histograms, summary)
  }

  private static func title(_ text: String) -> String {
    "Histogram: \(text),virtual machine worldGroupID,2099979,virtual disk handleID,8194 (scsi0:1)\n"
  }

  @Test("the last limit comes twice, the second time for all above")
  func overflow() throws {
    let (found, summary) = try Self.read(
      Self.title("latency of Read IOs in Microseconds (us)")
        + "min,40\nmax,151537\nmean,392\ncount,9\nFrequency,Histogram Bucket Limit\n1,-1\n2,100\n5,100000\n1,100000\n"
    )
    let own = try #require(found.first)
    #expect(found.count == 1 && summary.events == 1 && summary.problems.isEmpty)
    #expect(own.group == 2_099_979 && own.disk == "scsi0:1")
    #expect(own.quantity == "latency" && own.operation == "read")
    #expect(own.least == 40 && own.greatest == 151_537 && own.mean == 392 && own.count == 9)
    #expect(own.buckets.map(\.limit) == [-1, 100, 100_000, nil])
    #expect(own.buckets.map(\.count) == [1, 2, 5, 1])
  }

  @Test("a count that the buckets contradict is said; a title that is not known is passed")
  func contradiction() throws {
    let (found, summary) = try Self.read(
      Self.title("latency of IOs in Microseconds (us)")
        + "count,9\nFrequency,Histogram Bucket Limit\n1,100\n" + Self.title("weight of IOs")
        + "count,1\nFrequency,Histogram Bucket Limit\n1,100\n")
    #expect(found.count == 1)
    #expect(summary.problems.map(\.kind) == [.otherOutput, .impossibleValue])
  }
}
