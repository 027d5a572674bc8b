import Testing
import TraceCorrelation
import TraceModel

@testable import TraceAnalysis

/// What a report draws over time.
struct IntervalTests {
  @Test(
    "intervals have round lengths, begin at multiples of them, and are few",
    arguments: [
      (Int64(0), Int64(3_000_000_000), Int64(50_000_000)),
      (-2_300_000_000, 33_432_000_000, 500_000_000),
      (7, 80_000_000_000, 2_000_000_000), (5, 5, 50_000_000),
      (0, 1 << 60, 20_000_000_000_000_000),
    ])
  func grid(_ from: Int64, _ to: Int64, _ length: Int64) {
    let grid = IntervalGrid(from...to)
    #expect(grid.length == length)
    #expect(grid.count <= IntervalGrid.mostIntervals)
    #expect(grid.begin(of: 0) % length == 0 && grid.begin(of: 0) <= from)
    #expect(grid.place(of: from) == 0 && grid.place(of: to) == grid.count - 1)
    #expect(grid.place(of: to + 1) == nil && grid.place(of: from - 1) == nil)
    // What the trace covers is all of its time.
    #expect((0..<grid.count).reduce(0) { $0 + grid.covered(of: $1) } == to - from + 1)
  }

  private static func io(
    _ operation: BlockOperation, at: Int64, _ time: Int64?, leading: Bool = true
  ) -> GuestIO {
    var io = GuestIO()
    io.operation = operation
    io.isLeading = leading
    io.reference = Stamp(at)
    if let time { io.times[.block] = Stamp(time) }
    return io
  }

  @Test("each I/O from Q to C counts once, in its interval and with its length")
  func latencies() throws {
    let second: Int64 = 1_000_000_000
    let ios: GuestIOs =
      [
        Self.io(.write, at: 100, 999), Self.io(.write, at: 200, 1_000),
        Self.io(.write, at: 300, 5_000_000), Self.io(.read, at: 9 * second, 2 * second),
        // Neither of a request of its own, nor whole, nor data.
        Self.io(.write, at: 300, 1, leading: false), Self.io(.write, at: 300, nil),
        Self.io(.flush, at: 300, 1),
        Self.io(.discard, at: 9 * second, 5_000 * second),
      ]
    let rows = try #require(
      LatencyIntervals([ios], covered: [0...(10 * second)]) { $0.reference.nanoseconds })
    func count(_ op: String) -> Int {
      rows.cells.filter { $0.op == op }.reduce(0) { $0 + $1.count }
    }
    #expect(count("read") == 1 && count("write") == 3 && count("all") == 5)
    for op in ["read", "write", "all"] {
      let own = rows.intervals.filter { $0.op == op }
      #expect(own.reduce(0) { $0 + $1.count } == count(op))
      #expect(own.allSatisfy { ($0.count == 0) == ($0.p50 == nil) })
    }
    let first = try #require(rows.intervals.first { $0.op == "write" && $0.count > 0 })
    #expect(first.p50 == 1_000 && first.p99 == 5_000_000)
    let writes = rows.cells.filter { $0.op == "write" }
    #expect(writes.map(\.low) == [0, 1_000, 3_981_000])
    #expect(writes.map(\.high) == [1_000, 1_585, 6_310_000])
    #expect(rows.cells.contains { $0.high == nil && $0.low == 1_000_000_000_000 })
    #expect(LatencyIntervals([], covered: [0...5]) { $0.reference.nanoseconds } == nil)
  }

  private static func request(_ task: Int32, completed: Int64?, sectors: Int64 = 8) -> BlockRequest
  {
    var request = BlockRequest()
    request.task = task
    request.sectors = sectors
    request.rwbs = [.write]
    request.issued = Stamp(0)
    if let completed { request.completed = Stamp(completed) }
    return request
  }

  @Test("what a device completed is told for whom; what has no name is in the sum alone")
  func devices() {
    let requests =
      (0..<9).map { Self.request(Int32($0 % 3), completed: Int64($0) * 100_000_000) } + [
        Self.request(3, completed: nil), Self.request(4, completed: 5, sectors: 0),
      ]
    let sums = DeviceIntervals(BlockRequests(requests), covered: 0...1_000_000_000, named: 2) {
      request in
      request.task == 0 ? .guest("vm1") : .thread("t\(request.task)")
    }
    func count(_ owner: DeviceIntervals.Owner?) -> Int {
      sums.rows.filter { $0.owner == owner }.reduce(0) { $0 + $1.requests }
    }
    #expect(count(nil) == 9)
    #expect(count(.guest("vm1")) == 3 && count(.thread("t1")) == 3)
    #expect(count(.thread("t2")) == 0)
    let whole = sums.rows.filter { $0.owner == nil }
    #expect(whole.reduce(0) { $0 + $1.bytes } == 9 * 4096)
    #expect(whole.reduce(0) { $0 + $1.length } == 1_000_000_001)
  }
}
