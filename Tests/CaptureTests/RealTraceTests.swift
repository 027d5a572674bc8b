import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// Real traces and logs, read in two ways.
struct RealTraceTests {
  @Test(.needsShared) func linesOfRealFilesAreReadAlike() throws {
    var files: [String] = []
    for folder in ["traces", "samples/blkparse"] {
      files += Repository.files(below: try Repository.shared(folder)).filter {
        $0.contains("blkparse") && $0.hasSuffix(".txt")
      }
    }
    var lines = 0
    var taken = 0
    for path in files {
      var columns = BlkparseColumns()
      let bytes = Array(try Data(contentsOf: URL(filePath: path)))
      for line in bytes.split(separator: 10) {
        lines += 1
        if BlkparseColumnsTests.check(
          Array(line), &columns, behind: [10] + BlkparseColumnsTests.lines[0].utf8)
        {
          taken += 1
        }
      }
    }
    print("blkparse lines: \(lines), read by columns: \(taken)")
    #expect(taken * 100 > lines * 90)
  }

  @Test(
    "real logs: every event counts, every request that was handled is there, every answer once",
    .needsShared)
  func realLogs() throws {
    let samples = try ["samples/qemu-log", "traces"].map { try Repository.shared($0) }
    let logs = samples.flatMap { Repository.files(below: $0) }.filter {
      $0.contains("qemu-trace.log") || $0.contains("/qemu-log/")
    }
    #expect(logs.count >= 5)
    for log in logs {
      let source = try ByteSource(path: log)
      var input = InputReader(source: source, pieceSize: InputReader.pieceSize)
      var counts: [String: Int] = [:]
      while let line = try input.next() {
        let text = input.buffer.span.text(from: line.lowerBound, to: line.upperBound)
        guard text.first?.isNumber == true, text.contains("@"), let colon = text.firstIndex(of: ":")
        else { continue }
        let name = text[text.index(after: colon)...].prefix { $0 != " " }
        counts["all", default: 0] += 1
        counts[String(name), default: 0] += 1
      }
      let (sink, summary) = try QEMUTraceTests.read(log)
      #expect(summary.events == counts["all"].map(Int64.init), "\(log)")
      #expect(summary.skippedLines == 0)
      func requests(_ operation: QEMURequest.Operation) -> Int {
        sink.requests.count { $0.operation == operation }
      }
      #expect(requests(.read) == counts["virtio_blk_handle_read", default: 0])
      #expect(requests(.write) == counts["virtio_blk_handle_write", default: 0])
      #expect(
        sink.requests.count { $0.done.isSeen } == counts["virtio_blk_rw_complete", default: 0])
      #expect(
        sink.requests.count { $0.completed.isSeen }
          == counts["virtio_blk_req_complete", default: 0])
      for request in sink.requests {
        let stamps = [
          request.popped, request.handled, request.submitted, request.done, request.completed,
          request.returned,
        ].compactMap(\.nanoseconds)
        #expect(stamps == stamps.sorted(), "\(log), line \(request.line)")
      }
    }
  }

  @Test(.needsShared) func tracerTextOfRealCapturesGivesTheRequestsOfItsBlktrace() throws {
    let traces = try Repository.shared("traces")
    for (capture, device) in [
      ("tcg-buffered", "loop6"), ("tcg-noisy-disk", "loop6"), ("tcg-qcow2", "loop7"),
    ] {
      let host = traces.appending(path: capture).appending(path: "host").path
      func requests(_ file: String) throws -> [String] {
        let sink = CollectingSink()
        _ = try IngestRun(input: SourceInput(path: "\(host)/\(file)")).read(into: sink)
        // The tracer prints microseconds.
        return sink.requests.map {
          "\($0.sector)+\($0.sectors) \(($0.completed.rawValue - $0.issued.rawValue + 500) / 20_000)"
        }
      }
      let tracer = try requests("ftrace-blk.txt.gz")
      let text = try requests("blkparse-\(device).txt")
      #expect(tracer.count == text.count)
      let same = zip(tracer.sorted(), text.sorted()).count { $0 == $1 }
      #expect(same * 10 > text.count * 8, "\(capture): \(same) of \(text.count)")
    }
  }
}
