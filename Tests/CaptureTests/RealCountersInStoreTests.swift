import Foundation
import GRDB
import TestSupport
import Testing
import TraceIngest
import TraceModel

@testable import TraceStore

/// Real files from their bytes to the views, against figures taken from them with awk.
@Suite(.needsShared) struct RealCountersInStore {
  private func incident(_ files: [String], layer: Layer) throws -> (IncidentFile, String) {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "hiddenq-\(UUID().uuidString).db").path
    let traces = try Repository.shared("traces")
    let paths = files.map { traces.appending(path: $0).path }
    let file = try IncidentFile(path, mode: .create)
    for path in paths {
      _ = try file.addSource(Machine(name: "m", layer: layer), path: path) { sink in
        try IngestRun(source: ByteSource(path: path)).read(into: sink)
      }
    }
    try file.workOutCounterSteps()
    return (file, path)
  }

  @Test func vmstatRowsButTheFirst() throws {
    let (file, path) = try incident(["kvm-noisy-cpu/guest/vmstat-t.txt"], layer: .guest)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try file.queue.read { db in
      // awk '/^ *[0-9]/ && n++ {s += $17; c++} END {print c, s}'
      let row = try Row.fetchOne(
        db, sql: "SELECT count(*), sum(st), min(utc_offset_s) FROM vm_counter")
      #expect(try row?.decode(Int.self, atIndex: 0) == 31)
      #expect(try row?.decode(Int.self, atIndex: 1) == 1510)
      #expect(try row?.decode(Int.self, atIndex: 2) == 0)
    }
  }

  @Test func growthOfNumastat() throws {
    let (file, path) = try incident(["kvm-noisy-cpu/host/numastat.txt"], layer: .host)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try file.queue.read { db in
      // Last minus first of the file's tables, by node.
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT node, count(*), sum(numa_hit), sum(other_node), sum(interval_ns), sum(is_reset)
          FROM numa_counter GROUP BY node ORDER BY node
          """)
      #expect(try rows.map { try $0.decode(Int64.self, atIndex: 1) } == [4, 4])
      #expect(
        try rows.map { try $0.decode(Int64.self, atIndex: 2) } == [
          582_677 - 575_343, 994_977 - 983_088,
        ])
      #expect(try rows.map { try $0.decode(Int64.self, atIndex: 3) } == [83_891 - 77_987, 0])
      #expect(try rows.map { try $0.decode(Int64.self, atIndex: 5) } == [0, 0])
    }
  }

  @Test func dropsAtTheTap() throws {
    let (file, path) = try incident(
      ["tcg-net/host/ip-s-s-link-loop.txt", "tcg-net/host/proc-net-dev-loop.txt"], layer: .host)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try file.queue.read { db in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT tool, object, counter, sum(delta), count(*), count(at_ns), sum(is_reset)
          FROM net_counter WHERE counter IN ('tx_dropped', 'tx_drop')
          GROUP BY tool, object, counter HAVING sum(delta) > 0
          """)
      // The same kernel counter read by two tools in one loop; last minus first with awk.
      #expect(try rows.map { try $0.decode(String.self, atIndex: 0) } == ["ip", "proc-net-dev"])
      #expect(try rows.map { try $0.decode(Int64.self, atIndex: 3) } == [2279, 2279])
      #expect(try rows.map { try $0.decode(Int64.self, atIndex: 5) } == [0, 0])
    }
  }
}
