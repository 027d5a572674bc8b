import Foundation
import GRDB
import Testing
import TraceModel

@testable import TraceStore

/// Threads and their slices in an incident file, and the views over them.
struct SchedRowsTests {
  /// A new incident file in a folder of its own, removed with it.
  final class Scratch {
    let folder: URL
    let file: IncidentFile

    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "sched-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      file = try IncidentFile(folder.appending(path: "incident.db").path, mode: .create)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func rows(_ sql: String) throws -> [Row] {
      if sql.contains("thread_interval") {
        try file.queue.inDatabase { db in try db.make(.threadInterval) }
      }
      return try file.queue.read { db in try Row.fetchAll(db, sql: sql) }
    }
  }

  private static func thread(_ id: Int64, _ tid: UInt32, _ name: String) -> TracedThread {
    var thread = TracedThread()
    thread.id = id
    thread.tid = tid
    let bytes = Array(name.utf8)
    thread.name = TaskName(bytes.span, from: 0, to: bytes.count)
    return thread
  }

  /// Adds a source in which each thread has these waits; a wait of nil was not seen.
  private static func add(
    _ waits: [(name: String, waits: [Int64?])], to file: IncidentFile, sha256: String = "a"
  ) throws {
    _ = try file.addSource(Machine(name: "kvm1", layer: .host), path: sha256) { sink in
      var batch = SchedBatch()
      for (number, entry) in waits.enumerated() {
        var thread = thread(sink.nextThreadID(), UInt32(100 + number), entry.name)
        for (place, wait) in entry.waits.enumerated() {
          var slice = ThreadSlice()
          slice.thread = thread.id
          slice.began = Int64(place) * 1_000_000
          slice.run = 1000
          slice.left = .sleeping
          slice.line = Int64(place + 1)
          slice.cpu = 3
          slice.waitCPU = wait == nil ? -1 : Int32(place % 2) * 3
          slice.wait = wait ?? .min
          slice.cause = wait == nil ? .none : .woken
          thread.add(slice)
          batch.slices.append(slice)
        }
        thread.kernelWait = .min
        batch.threads.append(thread)
      }
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.format = "perf-sched"
      summary.toolClock = "perf"
      summary.resolution = 1000
      summary.sha256 = sha256
      summary.events = 1
      summary.headers = [SourceHeader(name: "hostname", value: "web1")]
      return summary
    }
  }

  @Test(
    "the 99th percentile is the nearest rank, exactly", arguments: [1, 2, 99, 100, 101, 199, 1000])
  func percentile(_ count: Int) throws {
    let scratch = try Scratch()
    // In an order that is not theirs.
    let waits = (0..<count).map { Int64(($0 * 7919) % 1009 * 1000) }
    try Self.add([("fio", waits), ("other", [5, nil, 7])], to: scratch.file)
    // A second source must not disturb the first.
    try Self.add([("fio", [1, 2, 3])], to: scratch.file, sha256: "b")
    let row = try #require(
      try scratch.rows("SELECT * FROM thread_wait WHERE comm = 'fio' AND source_id = 1").first)
    let sorted = waits.sorted()
    let rank = (99 * count + 99) / 100
    let p99: Int64 = row["p99_wait_ns"]
    let longest: Int64 = row["max_wait_ns"]
    let sum: Int64 = row["wait_ns"]
    let number: Int = row["waits"]
    let run: Int = row["run_ns"]
    #expect(p99 == sorted[rank - 1])
    #expect(longest == sorted[count - 1])
    #expect(sum == waits.reduce(0, +))
    #expect(number == count)
    #expect(run == 1000 * count)
  }

  @Test(
    "more threads than are dealt with at once have the same percentiles", arguments: [1, 3, 7, 100])
  func percentilesOfManyThreads(_ atOnce: Int) throws {
    let scratch = try Scratch()
    // Some with few waits, whose longest it is, between those with many.
    let all = (0..<20).map { (thread: Int) -> [Int64] in
      let count = thread % 3 == 0 ? 50 : 150
      return (0..<count).map { (place: Int) -> Int64 in
        Int64((place * 7919 + thread * 13) % 1009) * 1000
      }
    }
    try Self.add([("first", [1])], to: scratch.file)
    try scratch.file.queue.inDatabase { db in
      let rows = try SchedRows(db, sourceID: 1, threadsAtOnce: atOnce)
      var batch = SchedBatch()
      for waits in all {
        var thread = Self.thread(rows.nextThreadID(), 7, "many")
        for wait in waits {
          var slice = ThreadSlice()
          slice.thread = thread.id
          slice.wait = wait
          slice.waitCPU = 0
          slice.cause = .woken
          thread.add(slice)
          batch.slices.append(slice)
        }
        batch.threads.append(thread)
      }
      try rows.insert(batch)
      try rows.finish()
    }
    let found = try scratch.rows(
      "SELECT p99_wait_ns FROM sched_thread WHERE comm = 'many' ORDER BY thread_id"
    ).map { $0[0] as Int64? }
    let expected = all.map { waits -> Int64? in waits.sorted()[(99 * waits.count + 99) / 100 - 1] }
    #expect(found == expected)
  }

  @Test("a thread that never waited has no percentile, and one that was only woken has no row")
  func notObserved() throws {
    let scratch = try Scratch()
    try Self.add([("runs", [nil, nil]), ("woken", [])], to: scratch.file)
    let rows = try scratch.rows("SELECT * FROM thread_wait")
    let names = rows.map { $0["comm"] as String }
    #expect(names == ["runs"])
    let row = try #require(rows.first)
    let numbers = ["p99_wait_ns", "max_wait_ns", "kernel_wait_ns", "pid", "wait_ns"].map {
      row[$0] as Int64?
    }
    #expect(numbers == [nil, nil, nil, nil, 0])
  }

  @Test("runs and waits are intervals that meet where the thread got the CPU")
  func intervals() throws {
    let scratch = try Scratch()
    try Self.add([("fio", [200, 300, nil])], to: scratch.file)
    let rows = try scratch.rows(
      "SELECT kind, from_ns, to_ns, length_ns, cpu, wait_cpu, how FROM thread_interval "
        + "ORDER BY from_ns, kind")
    let text = rows.map { row -> String in
      let kind: String = row["kind"]
      let from: Int64 = row["from_ns"]
      let to: Int64 = row["to_ns"]
      let length: Int64 = row["length_ns"]
      let waitCPU: Int64? = row["wait_cpu"]
      let how: String = row["how"]
      return "\(kind) \(from) \(to) \(length) on \(waitCPU ?? -1) \(how)"
    }
    #expect(
      text == [
        "wait -200 0 200 on 0 woken", "run 0 1000 1000 on -1 sleeping",
        "wait 999700 1000000 300 on 3 woken", "run 1000000 1001000 1000 on -1 sleeping",
        "run 2000000 2001000 1000 on -1 sleeping",
      ])
  }

  @Test("a duplicate source is left out of the views")
  func duplicates() throws {
    let scratch = try Scratch()
    try Self.add([("fio", [200])], to: scratch.file)
    try Self.add([("fio", [200])], to: scratch.file, sha256: "b")
    try scratch.file.queue.write { db in
      try db.execute(sql: "UPDATE source_file SET duplicate_of = 1 WHERE source_id = 2")
    }
    #expect(try scratch.rows("SELECT * FROM thread_wait").count == 1)
    #expect(try scratch.rows("SELECT * FROM thread_interval").count == 2)
  }

  /// A source with so many switches of one thread; each `strange`-th is not where the others have it.
  private static func addSwitches(
    _ format: String, count: Int, strange: Int, to file: IncidentFile
  ) throws {
    _ = try file.addSource(Machine(name: "kvm1", layer: .host), path: format) { sink in
      var batch = SchedBatch()
      var thread = thread(sink.nextThreadID(), 100, "fio")
      for number in 0..<count {
        var slice = ThreadSlice()
        slice.thread = thread.id
        slice.began = Int64(number) * 1_000_000
        slice.run = 500_000 + Int64(number % 2) * 1000
        if number % strange == 0 { slice.run += 7000 }
        thread.add(slice)
        batch.slices.append(slice)
      }
      batch.threads = [thread]
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.format = format
      summary.sha256 = "\(format) \(count) \(strange)"
      summary.first = Stamp(0)
      summary.last = Stamp(Int64(count) * 1_000_000)
      return summary
    }
  }

  @Test(
    "a report is a duplicate of the events it was made from, whichever came first",
    arguments: [0, 1])
  func reportAndEvents(_ order: Int) throws {
    let scratch = try Scratch()
    let formats = ["perf-sched", "perf-sched-timehist"]
    try Self.addSwitches(formats[order], count: 3000, strange: 1 << 20, to: scratch.file)
    try Self.addSwitches(formats[1 - order], count: 3000, strange: 100, to: scratch.file)
    let rows = try scratch.rows("SELECT format FROM source WHERE duplicate_of IS NOT NULL")
    let duplicates = rows.map { $0["format"] as String }
    #expect(duplicates == ["perf-sched-timehist"])
    #expect(try scratch.rows("SELECT * FROM thread_wait").isEmpty == false)
  }

  @Test("two traces of the same time with other switches are both used")
  func differentTraces() throws {
    let scratch = try Scratch()
    try Self.addSwitches("perf-sched", count: 3000, strange: 1 << 20, to: scratch.file)
    try Self.addSwitches("ftrace", count: 3000, strange: 3, to: scratch.file)
    #expect(try scratch.rows("SELECT * FROM source WHERE duplicate_of IS NOT NULL").isEmpty)
  }

  @Test("what the head says and the step of the times are kept")
  func header() throws {
    let scratch = try Scratch()
    try Self.add([("fio", [200])], to: scratch.file)
    let values = try scratch.rows("SELECT value FROM header").map { $0["value"] as String }
    let steps = try scratch.rows("SELECT resolution_ns FROM source").map {
      $0["resolution_ns"] as Int64
    }
    #expect(values == ["web1"])
    #expect(steps == [1000])
  }

  @Test("perf's own report is kept as it was printed")
  func latency() throws {
    let scratch = try Scratch()
    _ = try scratch.file.addSource(Machine(name: "kvm1", layer: .host), path: "x") { sink in
      var batch = SchedBatch()
      var row = SchedLatencyRow()
      row.name = "sh"
      row.threads = 4
      row.run = 31_151_000
      row.switches = 10
      row.longestDelay = 5
      batch.latencies = [row]
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.sha256 = "x"
      return summary
    }
    let row = try #require(try scratch.rows("SELECT * FROM sched_latency_summary").first)
    let name: String = row["comm"]
    let numbers = ["threads", "run_ns", "max_delay_ns", "tid", "mean_delay_ns"].map {
      row[$0] as Int64?
    }
    #expect(name == "sh")
    #expect(numbers == [4, 31_151_000, 5, nil, nil])
  }

  @Test(
    "every column of the scheduler's views is documented",
    arguments: ["thread_wait", "thread_interval", "sched_latency_summary", "header"])
  func documented(_ name: String) throws {
    let scratch = try Scratch()
    let view = try #require(Schema.views.first { $0.name == name })
    let columns = try scratch.rows("SELECT name FROM pragma_table_info('\(name)')")
    let names = columns.map { $0["name"] as String }
    #expect(names == view.columns.map(\.name))
    #expect(view.columns.allSatisfy { $0.about.count > 3 })
  }
}
