import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// The files beside the package that other people's tools wrote, where they are there.
enum RealFiles {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared").standardizedFileURL

  /// All files below a folder, in order, as paths relative to ``root``.
  static func below(_ folder: String) -> [String] {
    let start = root.appending(path: folder).path
    guard let found = FileManager.default.enumerator(atPath: start) else { return [] }
    return found.compactMap { $0 as? String }.map { folder + "/" + $0 }.sorted().filter {
      var isDirectory: ObjCBool = false
      let path = root.appending(path: $0).path
      return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        && !isDirectory.boolValue
    }
  }
}

extension RealFiles {
  /// What the beginning of a file is recognised as.
  static func format(of path: String) throws -> String? {
    var input = InputReader(source: try ByteSource(path: path))
    let head = try input.head()
    return IngestRun.recognize(head.span)?.name
  }
}

@Suite(.needsShared) struct RealCounterFiles {
  /// Headers that people showed without a row.
  private static let headersAlone: Set = [
    "samples/esxtop/09-termcap-glued-head-cut.csv", "samples/esxtop/10-rackhd-header-cut.csv",
  ]

  @Test func everyFileIsRecognizedOnceAndReadWhole() throws {
    let files = RealFiles.below("samples") + RealFiles.below("traces")
    #expect(!files.isEmpty)
    // Traces have their own tests; these are the tables and facts.
    let traces: Set = [
      "blktrace", "perf-sched", "perf-script", "ftrace", "trace-cmd", "perf-sched-timehist",
      "perf-sched-latency", "perf-data", "trace-dat",
    ]
    let ours = Set(allFormats.map(\.name)).subtracting(traces)
    for file in files {
      let path = RealFiles.root.appending(path: file).path
      do {
        let format = try RealFiles.format(of: path)
        guard let format, ours.contains(format) else {
          print("FILE \(file) -> \(format ?? "none")")
          continue
        }
        let run = try IngestRun(source: try ByteSource(path: path))
        let sink = RecordedCounters()
        let summary = try run.read(into: sink)
        print(
          "FILE \(file) -> \(summary.format) events \(summary.events) skipped"
            + " \(summary.skippedLines) moments \(sink.moments.count) values \(sink.samples.count)"
            + " rows \(sink.vmstat.count) facts \(sink.topology.count)")
        for problem in summary.problems where ours.contains(summary.format) {
          print("   \(problem.kind.rawValue) x\(problem.count) \(problem.excerpt ?? "")")
        }
        if ours.contains(summary.format) { #expect(summary.skippedLines == 0, "\(file)") }
      } catch IngestError.refused(.noEvents, _, _, _) where Self.headersAlone.contains(file) {
        print("FILE \(file) -> a header without rows")
      } catch {
        // What is recognised is not refused.
        Issue.record("\(file): \(error)")
      }
    }
  }
}
