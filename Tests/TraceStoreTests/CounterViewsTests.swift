import Foundation
import GRDB
import Testing
import TraceModel

@testable import TraceStore

/// Fills an incident file through the sink and asks its views.
@Suite struct CounterViewsTests {
  private static let second: Int64 = 1_000_000_000
  private static let start: Int64 = 1_791_367_872_000_000_000

  private func incident(
    _ sources: [(any EventSink) throws -> Void]
  ) throws -> (IncidentFile, String) {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "hiddenq-\(UUID().uuidString).db").path
    let file = try IncidentFile(path, mode: .create)
    for (index, fill) in sources.enumerated() {
      let outcome = try file.addSource(
        Machine(name: "h", layer: .host), path: "file\(index)"
      ) { sink in
        try fill(sink)
        var summary = SourceSummary()
        summary.sha256 = "\(index)"
        return summary
      }
      guard case .added = outcome else { throw StoreError(.unexpected, "not added") }
    }
    try file.workOutCounterSteps()
    return (file, path)
  }

  /// Samples of one node: other_node and local_node at each second.
  private func numastat(
    _ readings: [(second: Int64?, local: Int64, other: Int64)]
  ) -> (any EventSink) throws -> Void {
    { sink in
      let node = try sink.object(CounterObject(tool: "numastat", kind: .node, name: "1"))
      let local = try sink.counter(Counter(name: "local_node", unit: .pages, nature: .total))
      let other = try sink.counter(Counter(name: "other_node", unit: .pages, nature: .total))
      var batch = CounterBatch()
      for (ordinal, reading) in readings.enumerated() {
        let wall = reading.second.map {
          WallTime(nanoseconds: Self.start + $0 * Self.second, utcOffset: 0)
        }
        let moment = try sink.moment(
          CounterMoment(ordinal: Int64(ordinal), wall: wall, line: Int64(ordinal + 1)))
        for (counter, value) in [(local, reading.local), (other, reading.other)] {
          batch.samples.append(
            CounterSample(moment: moment, object: node, counter: counter, value: value))
        }
      }
      try sink.receive(batch)
    }
  }

  private func rows(_ file: IncidentFile, _ sql: String) throws -> [[Int64?]] {
    try file.queue.read { db in
      try Row.fetchAll(db, sql: sql).map { row in (0..<row.count).map { row[$0] } }
    }
  }

  @Test func growthOfTwoFilesIsOneSeriesAndAResetIsSaid() throws {
    let (file, path) = try incident([
      numastat([(0, 100, 10), (2, 300, 60)]), numastat([(1, 200, 10), (3, 50, 5)]),
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let found = try rows(
      file,
      """
      SELECT node, interval_ns, local_node, other_node, is_reset, at_ns,
        CAST(remote_ratio * 1000 AS INTEGER)
      FROM numa_counter ORDER BY wall_ns
      """)
    #expect(
      found == [
        [1, Self.second, 100, 0, 0, nil, 0], [1, Self.second, 100, 50, 0, nil, 333],
        [1, Self.second, 50, 5, 1, nil, 90],
      ])
  }

  @Test func filesWithoutDatesAreSeriesOfTheirOwn() throws {
    let (file, path) = try incident([
      numastat([(nil, 100, 10), (nil, 300, 60)]), numastat([(nil, 1000, 10), (nil, 1001, 10)]),
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let found = try rows(
      file, "SELECT interval_ns, local_node, other_node FROM numa_counter ORDER BY source_id")
    #expect(found == [[nil, 200, 50], [nil, 1, 0]])
  }

  @Test func wrapsOf32BitsAreCountedAcross() throws {
    let (file, path) = try incident([
      { sink in
        let cpu = try sink.object(CounterObject(tool: "softnet", kind: .cpu, name: "0"))
        let dropped = try sink.counter(Counter(name: "dropped", unit: .count, nature: .total))
        var batch = CounterBatch()
        for (ordinal, value) in [4_294_967_290, 4, 2].enumerated() {
          let moment = try sink.moment(
            CounterMoment(
              ordinal: Int64(ordinal),
              wall: WallTime(
                nanoseconds: Self.start + Int64(ordinal) * Self.second, utcOffset: nil), line: 1))
          batch.samples.append(
            CounterSample(moment: moment, object: cpu, counter: dropped, value: Int64(value)))
        }
        try sink.receive(batch)
      }
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let found = try rows(
      file, "SELECT value, delta, is_reset FROM net_counter ORDER BY wall_ns")
    #expect(found == [[4_294_967_290, nil, 0], [4, 10, 0], [2, 2, 1]])
  }

  /// Values of an object's counters, one reading a second.
  private func readings(
    _ object: CounterObject, _ values: [(name: String, values: [Int64])], from first: Int64 = 0,
    isDated: Bool = true
  ) -> (any EventSink) throws -> Void {
    { sink in
      let number = try sink.object(object)
      var batch = CounterBatch()
      for ordinal in 0..<(values.first?.values.count ?? 0) {
        let wall =
          isDated
          ? WallTime(
            nanoseconds: Self.start + (first + Int64(ordinal)) * Self.second, utcOffset: 0) : nil
        let moment = try sink.moment(
          CounterMoment(ordinal: Int64(ordinal), wall: wall, line: Int64(ordinal + 1)))
        for counter in values {
          let id = try sink.counter(Counter(name: counter.name, unit: .count, nature: .total))
          batch.samples.append(
            CounterSample(
              moment: moment, object: number, counter: id, value: counter.values[ordinal]))
        }
      }
      try sink.receive(batch)
    }
  }

  private let cpu = CounterObject(tool: "proc-stat", kind: .cpu, name: "0")

  @Test(
    "one value that falls by itself is marked and left out, and no growth is invented behind it")
  func stepBack() throws {
    let (file, path) = try incident([
      readings(
        cpu,
        [
          ("user", [1000, 1100, 1200, 1300, 1400]),
          ("iowait", [54281, 54281, 54280, 54280, 54283]),
          // A live migration, and what the new host steals.
          ("steal", [9000, 9100, 40, 60, 90]),
        ])
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sql = """
      SELECT delta, is_reset, is_step_back FROM counter_value WHERE counter = '%' ORDER BY wall_ns
      """
    func series(_ name: String) throws -> [[Int64?]] {
      try rows(file, sql.replacing("%", with: name))
    }
    #expect(
      try series("iowait") == [[nil, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [2, 0, 0]])
    #expect(
      try series("steal") == [[nil, 0, 0], [100, 0, 0], [0, 0, 1], [20, 0, 0], [30, 0, 0]])
    #expect(try series("user").allSatisfy { $0[1] == 0 && $0[2] == 0 })
  }

  @Test("a reboot is when most of a reading falls; what did not fall is not counted from 0")
  func reset() throws {
    let (file, path) = try incident([
      readings(
        cpu,
        [
          ("user", [1000, 1100, 30]), ("system", [500, 520, 10]), ("irq", [0, 0, 0]),
          ("softirq", [1, 1, 2]), ("idle", [3_000_000_000, 3_000_000_100, 700]),
        ])
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try rows(
        file,
        """
        SELECT delta, is_reset FROM counter_value WHERE wall_ns = \(Self.start + 2 * Self.second)
        ORDER BY counter
        """) == [[700, 1], [0, 0], [1, 0], [10, 1], [30, 1]])
  }

  @Test("files whose dates are a moment off look like no reset")
  func filesSideBySide() throws {
    let (file, path) = try incident([
      readings(cpu, [("user", [1000, 1100]), ("idle", [2000, 2100])], from: 0),
      // Dated a second late.
      readings(cpu, [("user", [1090, 1190]), ("idle", [2090, 2190])], from: 2),
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try rows(
        file,
        "SELECT sum(delta), sum(is_reset), sum(is_step_back) FROM counter_value GROUP BY counter")
        == [[190, 0, 1], [190, 0, 1]])
  }

  @Test("two tables without a name, of two files, are two objects")
  func unnamed() throws {
    let queue = CounterObject(tool: "ethtool", kind: .queue, name: "#1 rx 0")
    let (file, path) = try incident([
      readings(queue, [("packets", [25_000_000])], isDated: false),
      readings(queue, [("packets", [37_000])], isDated: false),
      readings(queue, [("packets", [37_500])]), readings(queue, [("packets", [99_000])], from: 5),
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try rows(file, "SELECT count(DISTINCT object), count(delta) FROM net_counter") == [[4, 0]])
  }

  @Test("what the kernel counted of a thread: its name says what it is, QEMU's reply whose")
  func threads() throws {
    func task(_ name: String, _ waits: [Int64]) -> (any EventSink) throws -> Void {
      readings(
        CounterObject(tool: "task-schedstat", kind: .task, name: name),
        [("run_ns", [0, 500_000_000]), ("wait_ns", waits), ("timeslices", [5, 9])])
    }
    let (file, path) = try incident([
      task("42 CPU 3/KVM", [0, 400_000_000]), task("43 it's (odd)", [0, 0]),
      { sink in
        var batch = TopologyBatch()
        var thread = ThreadFact(tid: 43, line: 1)
        thread.role = .iothread
        batch.threads.append(thread)
        try sink.receive(batch)
      },
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try rows(
        file,
        """
        SELECT tid, role = 'vcpu', role = 'iothread', vcpu, run_ns, wait_ns, timeslices, span_ns, readings
        FROM task_wait ORDER BY tid
        """) == [
          [42, 1, 0, 3, 500_000_000, 400_000_000, 4, Self.second, 2],
          [43, 0, 1, nil, 500_000_000, 0, 4, Self.second, 2],
        ])
  }

  @Test func averagesSinceBootAreNoSamplesAndAClockGivesTheTime() throws {
    let (file, path) = try incident([
      { sink in
        var batch = CounterBatch()
        for ordinal in 0..<2 {
          var row = VmstatRow()
          row.ordinal = Int64(ordinal)
          row.isSinceBoot = ordinal == 0
          row.wall = WallTime(nanoseconds: Self.second * Int64(ordinal + 1), utcOffset: 0)
          row.values = Array(repeating: nil, count: VmstatColumn.allCases.count)
          row.values[VmstatColumn.in.rawValue] = 800
          row.values[VmstatColumn.st.rawValue] = 7
          batch.vmstat.append(row)
        }
        try sink.receive(batch)
      }
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sql = "SELECT at_ns, wall_ns, \"in\", st, gu FROM vm_counter"
    #expect(try rows(file, sql) == [[nil, 2 * Self.second, 800, 7, nil]])
    try file.queue.write { db in
      try db.execute(
        sql: """
          INSERT INTO clock_relation
            VALUES (1, 1, 0, 0, NULL, 0, 9, 500.0, 1.0, 1, 1, 'test', 1, 0, 0)
          """)
    }
    #expect(
      try rows(file, sql) == [[2 * Self.second + 500 + 2000, 2 * Self.second, 800, 7, nil]])
  }

  @Test func factsOfTopologyAreKept() throws {
    let (file, path) = try incident([
      { sink in
        var batch = TopologyBatch()
        batch.cpus.append(CPUPlace(cpu: 3, core: nil, socket: 1, node: 1, line: 5))
        batch.nodes.append(NodeFact(node: 0, kind: .distance, other: 1, value: 21, line: 6))
        var thread = ThreadFact(tid: 25627, line: 7)
        thread.role = .vcpu
        thread.vcpu = 2
        batch.threads.append(thread)
        batch.disks.append(DiskFact(name: "vda1", line: 8))
        batch.drives.append(DriveFact(line: 9))
        var extent = ExtentFact(
          tool: "filefrag", object: "d", start: 0, bytes: 4096, detail: "eof", line: 10)
        extent.targetStart = 8192
        batch.extents.append(extent)
        batch.settings.append(
          SettingFact(kind: "queue", object: "vda", name: "nr_requests", value: "32", line: 11))
        try sink.receive(batch)
      }
    ])
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(try rows(file, "SELECT cpu, core, node FROM cpu_topology") == [[3, nil, 1]])
    #expect(try rows(file, "SELECT other_node, value FROM node_topology") == [[1, 21]])
    #expect(try rows(file, "SELECT tid FROM thread_role WHERE role = 'vcpu'") == [[25627]])
    #expect(try rows(file, "SELECT target_start FROM given_extent") == [[8192]])
    for table in ["disk_topology", "guest_drive", "setting"] {
      #expect(try rows(file, "SELECT count(*) FROM \(table)") == [[1]])
    }
  }

  @Test(arguments: [
    "vm_counter", "numa_counter", "net_counter", "counter_value", "net_total", "task_wait",
  ])
  func everyColumnHasItsComment(_ name: String) throws {
    let (file, path) = try incident([])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let columns = try file.queue.read { db in
      try String.fetchAll(db, sql: "SELECT name FROM pragma_table_info('\(name)')")
    }
    let view = try #require(Schema.views.first { $0.name == name })
    #expect(!columns.isEmpty)
    #expect(view.columns.map(\.name) == columns)
    #expect(view.columns.allSatisfy { !$0.about.isEmpty })
  }
}
