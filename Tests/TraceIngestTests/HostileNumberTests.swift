import Foundation
import TestSupport
import Testing
import TraceModel

@testable import TraceIngest

/// Numbers that no tracer prints and that each ended the program, or filled the memory, once.
struct HostileNumberTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// As `hiddenq formats` names it.
    let format: String
    let lines: [String]
    /// Lines that are skipped.
    let skipped: Int64
  }

  private static func block(_ number: Int, _ what: String) -> String {
    "  8,0    0 \(number) \(number).000000000   100  \(what)"
  }

  private static func sched(_ number: Int, _ what: String) -> String {
    "             fio   100 [000]   \(100 + number).000000: \(what)"
  }

  static let cases: [Case] = [
    Case(
      testDescription: "sectors at both ends of 64 bits", format: "blktrace",
      lines: (1...30).map { block($0, "Q   W 8 + 8 [fio]") } + [
        block(31, "M   W 9223372036854775807 + 8 [fio]"),
        block(32, "G   W 9223372036854775800 + 8 [fio]"),
        block(33, "X   W 18446744073709551615 / 8 [fio]"),
      ], skipped: 3),
    Case(
      testDescription: "CPUs that no machine has", format: "blktrace",
      lines: (1...30).map { block($0, "Q   W 8 + 8 [fio]") } + [
        "  8,0 65535 31 31.000000000   100  Q   W 8 + 8 [fio]",
        "  8,0 65536 32 32.000000000   100  Q   W 8 + 8 [fio]",
        "  8,0 131071 33 33.000000000   100  Q   W 8 + 8 [fio]",
      ], skipped: 2),
    Case(
      testDescription: "a time that is beyond 292 years when a second one is added",
      format: "blktrace",
      lines: (1...30).map { block($0, "Q   W 8 + 8 [fio]") } + [
        "  8,0    0 31 8999999999.000000000   100  Q   W 8 + 8 [fio]"
      ], skipped: 1),
    Case(
      testDescription: "durations of decades, summed", format: "blktrace",
      lines: (1...20).map { block($0, "Q   W \($0 * 8) + 8 [fio]") }
        + (1...20).map {
          "  8,0    0 \(20 + $0) 2305843008.000000000   100  C   W \($0 * 8) + 8 [0]"
        }, skipped: 0),
    Case(
      testDescription: "losses that overflow when they are added", format: "ftrace",
      lines: (1...30).map {
        "             fio-100     [000] .....  \(100 + $0).000000: sched_waking: comm=a pid=7 prio=120 "
          + "target_cpu=000"
      } + Array(repeating: "CPU:3 [LOST 9223372036854775807 EVENTS]", count: 3), skipped: 0),
    Case(
      testDescription: "waits by the kernel that overflow when they are added",
      format: "perf-sched",
      lines: (1...30).map {
        sched($0, "sched:sched_stat_wait: comm=fio pid=100 delay=999999999999999999 [ns]")
      }, skipped: 0),
    Case(
      testDescription: "pauses of writers that overflow when they are added",
      format: "perf-script",
      lines: (1...3000).map {
        sched($0, "writeback:balance_dirty_pages: bdi 8:0: pause=4294967295")
      }, skipped: 0),
    Case(
      testDescription: "a reference time of minus 292 years", format: "perf-script",
      lines: ["# reference time: x = -9223372036854775808.5 = 9.5 (monotonic)"]
        + (1...30).map { sched($0, "sched:sched_waking: comm=a pid=7 prio=120 target_cpu=000") },
      skipped: 0),
    Case(
      testDescription: "runs of decades in a report of perf", format: "perf-sched-timehist",
      lines: ["     time    cpu  task name       wait time  sch delay   run time"]
        + (1...30).map {
          "   \(100 + $0).000001 [0000]  fio[100]  0.000  1099511627775.000  1099511627775.000"
        } + Array(repeating: "   200.000001 lost 9223372036854775807 events", count: 3), skipped: 0
    ),
    Case(
      testDescription: "a CPU of a number that no machine has", format: "perf-sched",
      lines: (1...30).map {
        sched($0, "sched:sched_wakeup: comm=a pid=7 prio=120 target_cpu=2147483647")
      }, skipped: 0),
  ]

  @Test("are skipped or added up, and end nothing", arguments: cases)
  func survives(_ hostile: Case) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "input.txt")
    try Data((hostile.lines.joined(separator: "\n") + "\n").utf8).write(to: file)
    var options = IngestOptions()
    options.format = allFormats.first { $0.name == hostile.format }
    #expect(options.format != nil)
    options.allowedBadPercent = 50
    let run = try IngestRun(input: SourceInput(path: file.path), options: options)
    let sink = CollectingSink()
    let summary = try run.read(into: sink)
    #expect(summary.skippedLines == hostile.skipped)
    #expect(summary.events > 0)
    #expect(summary.lostEvents >= 0)
  }

  @Test("flushes that only begin are given up when too many are open, and counted")
  func givesUp() throws {
    let sink = IdleSink()
    var folding = BlockFolding(sink: sink)
    var event = BlockEvent()
    event.action = .queue
    event.rwbs = [.preflush, .write, .sync]
    for number in 0..<1500 {
      event.time = Int64(number)
      try folding.add(event)
    }
    let summary = try folding.finish()
    #expect(summary.problems.first { $0.kind == .tooManyOpen }?.count == 476)
  }

  @Test(
    "requests of one block that never complete: the oldest is given up from 1,024 on, and is a row all the same",
    arguments: [BlockAction.queue, .issue])
  func oneBlock(_ action: BlockAction) throws {
    let sink = CollectingSink()
    var folding = BlockFolding(sink: sink)
    var event = BlockEvent()
    event.rwbs = .write
    event.sectors = 8
    event.sector = 8
    for number in 0..<1100 {
      event.time = Int64(number)
      event.action = .queue
      try folding.add(event)
      // What goes on from the Q finds it before the next comes.
      event.action = action
      if action != .queue { try folding.add(event) }
    }
    let summary = try folding.finish()
    #expect(summary.problems.first { $0.kind == .tooManyOpen }?.count == 76)
    #expect(sink.requests.count == 1100)
    #expect(Set(sink.requests.map(\.queued)).count == 1100)
  }

  @Test("a text whose times fall again and again is refused in a sentence")
  func fallsAgain() throws {
    let sink = IdleSink()
    var folding = BlockFolding(sink: sink)
    var event = BlockEvent()
    event.action = .queue
    event.rwbs = .write
    event.sectors = 8
    event.sector = 8
    #expect(throws: IngestError.self) {
      for number in 0..<3000 {
        event.sequence = UInt32(number + 1)
        event.time = number % 2 == 0 ? 5_000_000_000 : 0
        try folding.add(event)
      }
    }
  }

  @Test("fields of all ones are like any others: nothing remembers them before they came")
  func allOnes() throws {
    // Found by the fuzzer: the device, CPU and pid that stood in caches for "none yet".
    let file = Repository.fixtures.appending(path: "blktrace/fields-of-all-ones/input.blktrace")
    var options = IngestOptions()
    options.allowedBadPercent = 100
    // No machine has that CPU, and the file has no other record.
    #expect(throws: IngestError.self) {
      try IngestRun(source: ByteSource(path: file.path), options: options)
        .read(into: CollectingSink())
    }

    let sink = CollectingSink()
    var folding = BlockFolding(sink: sink)
    var event = BlockEvent()
    event.sequence = 7
    event.device = DeviceNumber(rawValue: .max)
    event.cpu = .max
    event.pid = .max
    event.action = .queue
    event.rwbs = .write
    event.sector = 8
    event.sectors = 8
    try folding.add(event)
    _ = try folding.finish()
    #expect(sink.rows.count == 1)
  }
}
