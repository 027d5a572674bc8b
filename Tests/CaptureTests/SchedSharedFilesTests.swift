import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest
@testable import TraceIngestTests

/// The real scheduler traces that lie beside the project; not part of it.
@Suite(.needsShared) struct SchedSharedFilesTests {
  private static let samples = [
    "perf-script/perf61_sched_script.txt", "perf-script/perf61_callgraph.txt",
    "perf-script/perf61_mono_header.txt", "perf-script/perf61_block.txt",
    "ftrace/catapult_android_systrace.txt", "ftrace/catapult_atrace_missing_tgids.txt",
    "ftrace/catapult_decompressed_atrace.txt", "ftrace/derived_lisa_sched_load_report.txt",
    "ftrace/derived_trappy_idle_report.txt", "ftrace/ft_block_sched_ext4_filemap_2.txt",
    "ftrace/lisa_trace_txt.txt", "ftrace/tc_android_sched_irq.txt",
    "ftrace/tc_android_sched_irq_syscall.txt", "ftrace/tc_syscalls.txt",
    "stack-qemu-loop/host_ftrace_mono.txt", "stack-qemu-loop/host_perf.txt",
  ]

  @Test("every event of a real sample is read", arguments: samples)
  func everyEventIsRead(_ path: String) throws {
    let folder = try Repository.shared("samples")
    let place = folder.appending(path: path)
    let (_, summary) = try readSchedFile(place.path)
    #expect(summary.skippedLines == 0)
    // Counted in another way: a CPU in brackets and a time somewhere behind it.
    let event = try Regex(#" \[\d{3,}\] .*?\d+\.\d{6,9}: "#)
    let text = String(decoding: try Data(contentsOf: place), as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline)
    let events = lines.count { $0.first != "#" && $0.contains(event) }
    #expect(summary.events == Int64(events))
  }

  @Test("perf sched latency and timehist of one capture tell of the same threads")
  func reportsAgree() throws {
    let folder = try Repository.shared("samples/perf-sched")
    let (latency, _) = try readSchedFile(folder.appending(path: "latency.txt").path)
    let (timehist, _) = try readSchedFile(folder.appending(path: "timehist.txt").path)
    let rows = latency.latencies.filter { $0.threads == 1 && $0.tid != nil }
    #expect(!rows.isEmpty)
    for row in rows {
      #expect(timehist.threads.contains { Int64($0.tid) == row.tid }, "\(row.name)")
    }
  }

  @Test("the run time of the events is that of perf sched timehist, but for threads that ended")
  func runTimeEqualsTimehist() throws {
    let folder = try Repository.shared("samples")
    let (events, _) = try readSchedFile(
      folder.appending(path: "perf-script/perf61_sched_script.txt").path)
    let (timehist, _) = try readSchedFile(folder.appending(path: "perf-sched/timehist.txt").path)
    let gone = Set(events.slices.filter { $0.left == .dead }.map(\.thread))
    var compared = 0
    for thread in timehist.threads {
      let same = events.threads.filter { $0.tid == thread.tid }
      guard same.count == 1, !gone.contains(same[0].id) else { continue }
      compared += 1
      #expect(abs(same[0].run - thread.run) <= 1000 * max(1, thread.runs), "\(thread.name.text)")
    }
    #expect(compared > 10)
  }

  @Test("perf sched map is refused with the command that helps")
  func mapIsRefused() throws {
    let folder = try Repository.shared("samples/perf-sched")
    #expect {
      try readSchedFile(folder.appending(path: "map.txt").path)
    } throws: { error in
      guard case IngestError.unrecognized(let hint?) = error else { return false }
      return hint.contains("give the perf.data")
    }
  }
}
