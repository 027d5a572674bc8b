import Foundation
import Testing
import TraceModel

@testable import TraceIngest

/// Keeps what scheduler formats hand over, as text to compare.
final class SchedSink: IdleSink {
  private(set) var slices: [ThreadSlice] = []
  private(set) var threads: [TracedThread] = []
  private(set) var latencies: [SchedLatencyRow] = []

  override func receive(_ batch: SchedBatch) {
    slices += batch.slices
    threads += batch.threads
    latencies += batch.latencies
  }

  /// Source, slices, threads and problems, one a line.
  func text(_ summary: SourceSummary) -> String {
    var lines = [
      "\(summary.format) clock \(summary.toolClock) step \(summary.resolution.map(String.init) ?? "-") "
        + "events \(summary.events) skipped \(summary.skippedLines) lost \(summary.lostEvents) "
        + "first \(summary.first.nanoseconds.map(String.init) ?? "-") "
        + "last \(summary.last.nanoseconds.map(String.init) ?? "-")"
    ]
    if let start = summary.start { lines.append("start \(start.nanoseconds) \(start.clock)") }
    lines += summary.headers.map { "header \($0.name) = \($0.value)" }
    let names = Dictionary(
      uniqueKeysWithValues: threads.map { ($0.id, "\($0.name.text):\($0.tid)") })
    lines += slices.map { slice in
      let wait =
        slice.wait == .min
        ? "wait -" : "wait \(slice.wait) \(slice.cause) on \(slice.waitCPU)"
      return "\(names[slice.thread] ?? "?") cpu \(slice.cpu) at \(slice.began) \(wait) "
        + "run \(slice.run == .min ? "-" : String(slice.run)) \(slice.left) line \(slice.line)"
    }
    lines += threads.map { thread in
      "thread \(thread.name.text):\(thread.tid)/\(thread.pid) segment \(thread.segment) "
        + "run \(thread.run) x\(thread.runs) wait \(thread.wait) x\(thread.waits) "
        + "max \(thread.longestWait) "
        + "kernel \(thread.kernelWait == .min ? "-" : String(thread.kernelWait)) "
        + "moved \(thread.migrations)"
    }
    lines += latencies.map { row in
      func text(_ value: Int64?) -> String { value.map(String.init) ?? "-" }
      return "latency \(row.name):\(text(row.tid)) x\(row.threads) run \(row.run) "
        + "switches \(row.switches) mean \(text(row.meanDelay)) max \(text(row.longestDelay)) "
        + "from \(text(row.longestFrom)) to \(text(row.longestTo)) line \(row.line)"
    }
    lines += summary.problems.map { problem in
      "\(problem.kind.severity.rawValue) \(problem.kind.rawValue) x\(problem.count)"
        + (problem.line.map { " line \($0)" } ?? "")
        + (problem.column.map { " column \($0)" } ?? "")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// The fixtures of the scheduler formats: `Fixtures/perf-sched/preempted-thread-waits`.
struct SchedFixture: CustomTestStringConvertible, Sendable {
  let folder: URL

  var testDescription: String {
    "\(folder.deletingLastPathComponent().lastPathComponent)/\(folder.lastPathComponent)"
  }

  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let formats = [
    "perf-sched", "perf-script", "ftrace", "trace-cmd", "perf-sched-timehist", "perf-sched-latency",
  ]

  static var all: [SchedFixture] {
    formats.flatMap { format -> [SchedFixture] in
      let place = root.appending(path: "Fixtures/\(format)")
      let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      return names.sorted().map { SchedFixture(folder: place.appending(path: $0)) }
    }
  }
}

/// Reads text, whatever share of it is unusable.
func readSched(
  _ text: String, as format: String? = nil
) throws -> (sink: SchedSink, summary: SourceSummary) {
  try readSched(Array(text.utf8), as: format)
}

func readSched(
  _ bytes: [UInt8], as format: String? = nil
) throws -> (sink: SchedSink, summary: SourceSummary) {
  let place = FileManager.default.temporaryDirectory.appending(path: "sched-\(UUID().uuidString)")
  try Data(bytes).write(to: place)
  defer { try? FileManager.default.removeItem(at: place) }
  return try readSchedFile(place.path, as: format)
}

func readSchedFile(
  _ path: String, as format: String? = nil
) throws -> (sink: SchedSink, summary: SourceSummary) {
  var options = IngestOptions()
  options.format = allFormats.first { $0.name == format }
  options.allowedBadPercent = 100
  let sink = SchedSink()
  let run = try IngestRun(source: try ByteSource(path: path), options: options)
  return (sink, try run.read(into: sink))
}
