import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest

struct QEMUTraceTests {
  /// Keeps the requests.
  final class QEMUSink: IdleSink {
    var requests: [QEMURequest] = []
    override func receive(_ requests: [QEMURequest]) { self.requests += requests }

    func text(_ summary: SourceSummary) -> String {
      func text(_ stamp: Stamp) -> String { stamp.nanoseconds.map(String.init) ?? "-" }
      func text(_ value: Int64?) -> String { value.map(String.init) ?? "-" }
      var lines = [
        "\(summary.format) clock \(summary.toolClock) step \(text(summary.resolution)) "
          + "events \(summary.events) skipped \(summary.skippedLines) "
          + "first \(text(summary.first)) last \(text(summary.last))"
      ]
      for request in requests {
        lines.append(
          "\(request.operation) \(request.sector)+\(request.sectors) of "
            + "\(String(request.device, radix: 16)) "
            + "popped \(text(request.popped)) handled \(text(request.handled)) "
            + "submitted \(text(request.submitted)) done \(text(request.done)) "
            + "completed \(text(request.completed)) returned \(text(request.returned)) "
            + "merged \(request.merged) result \(text(request.result)) "
            + "status \(text(request.status)) line \(request.line) tid \(request.tid)")
      }
      for stage in summary.qemuStages {
        lines.append(
          "stage \(String(stage.device, radix: 16)) \(stage.operation) \(stage.stage) "
            + "N \(stage.histogram.count) sum \(stage.histogram.sum)")
      }
      lines += summary.problems.map { problem in
        "\(problem.kind.severity.rawValue) \(problem.kind.rawValue) x\(problem.count)"
          + (problem.line.map { " line \($0)" } ?? "")
          + (problem.column.map { " column \($0)" } ?? "")
      }
      return lines.joined(separator: "\n") + "\n"
    }
  }

  static func read(_ path: String) throws -> (sink: QEMUSink, summary: SourceSummary) {
    var options = IngestOptions()
    options.allowedBadPercent = 100
    let sink = QEMUSink()
    let run = try IngestRun(source: try ByteSource(path: path), options: options)
    return (sink, try run.read(into: sink))
  }

  private static let folder = SchedFixture.root.appending(path: "Fixtures/qemu-log")

  static var fixtures: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted() ?? []
  }

  /// `RECORD=1 swift test` writes what was read instead of comparing it; review the difference as code.
  @Test("reads as recorded", arguments: fixtures)
  func readsAsRecorded(_ name: String) throws {
    let place = Self.folder.appending(path: name)
    let (sink, summary) = try Self.read(place.appending(path: "input.txt").path)
    let expected = place.appending(path: "expected.txt")
    if ProcessInfo.processInfo.environment["RECORD"] != nil {
      try sink.text(summary).write(to: expected, atomically: true, encoding: .utf8)
    }
    #expect(sink.text(summary) == String(decoding: try Data(contentsOf: expected), as: UTF8.self))
  }

  @Test("a trace without times is refused with what to do")
  func withoutTimes() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "log", Array("virtio_blk_handle_read vdev 0x1 req 0xa0 sector 0 nsectors 8\n".utf8))
    #expect {
      try Self.read(path)
    } throws: { error in
      guard case IngestError.unrecognized(let hint?) = error else { return false }
      return hint.contains("-msg timestamp=on")
    }
  }

  @Test("what is open is bounded, however many requests never end")
  func openIsBounded() throws {
    let folder = try ScratchFolder()
    var text = ""
    for number in 0..<70_000 {
      text += "9@10.000000:virtio_blk_handle_read vdev 0x1 req 0x\(String(number, radix: 16)) "
      text += "sector 0 nsectors 8\n"
    }
    let (sink, summary) = try Self.read(try folder.file("log", Array(text.utf8)))
    #expect(sink.requests.count == 65_536)
    let dropped = summary.problems.first { $0.kind == .tooManyOpen }?.count ?? 0
    #expect(dropped == 4464)
  }
}
