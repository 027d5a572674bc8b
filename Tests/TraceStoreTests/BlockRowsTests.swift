import GRDB
import Testing
import TraceModel

@testable import TraceStore

/// Block requests in an incident file: what is read back is what was written.
struct BlockRowsTests {
  private static func request(
    _ id: Int64, queued: Int64?, issued: Int64?, completed: Int64?, task: Int32, stream: Int32
  ) -> BlockRequest {
    var request = BlockRequest()
    request.id = id
    request.sector = 8 * id
    request.sectors = 8
    request.queued = queued.map { Stamp($0) } ?? .unseen
    request.issued = issued.map { Stamp($0) } ?? .unseen
    request.firstIssued = request.issued
    request.completed = completed.map { Stamp($0) } ?? .unseen
    request.rwbs = .write
    request.line = 10 * id
    request.task = task
    request.stream = stream
    return request
  }

  @Test(
    "a request without a Q, and one whose Q is later than its other times, after a step of the clock"
  )
  func times() throws {
    let scratch = try SchedRowsTests.Scratch()
    var written: [BlockRequest] = []
    _ = try scratch.file.addSource(Machine(name: "g", layer: .guest), path: "a") { sink in
      let device = try #require(DeviceNumber(major: 8, minor: 0))
      let stream = try sink.stream(StreamKey(device: device, segment: 0))
      let task = try sink.task(TaskIdentity(pid: 7, name: TaskName("fio")))
      let times: [(Int64?, Int64?, Int64?)] = [
        (100, 200, 300), (nil, 50, 300), (5_000, -200, -100), (nil, nil, 900), (0, nil, nil),
      ]
      written = times.map { queued, issued, completed in
        Self.request(
          sink.nextRequestID(), queued: queued, issued: issued, completed: completed, task: task,
          stream: stream)
      }
      var batch = BlockBatch()
      batch.requests = written
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.format = "blktrace"
      summary.toolClock = "blktrace"
      summary.sha256 = "a"
      summary.events = 1
      return summary
    }
    let streams = try scratch.file.blockStreams()
    let read = try scratch.file.requests(of: streams).values.flatMap { $0 }
    // The line is not read again.
    let expected = written.map { request in
      var request = request
      request.line = 0
      return request
    }
    #expect("\(read)" == "\(expected)")
    let rows = try scratch.rows(
      "SELECT queued_ns, issued_ns, completed_ns, pid, comm FROM request ORDER BY request_id")
    #expect(
      rows.map { [$0[0], $0[1], $0[2]] as [Int64?] }
        == written.map { [$0.queued, $0.issued, $0.completed].map(\.nanoseconds) })
    #expect(rows.allSatisfy { $0[3] == 7 && $0[4] == "fio" })
  }

  @Test("what a request is for is the same in the view and in the program, whatever its letters")
  func operations() throws {
    let scratch = try SchedRowsTests.Scratch()
    var written: [BlockRequest] = []
    _ = try scratch.file.addSource(Machine(name: "g", layer: .guest), path: "a") { sink in
      let device = try #require(DeviceNumber(major: 8, minor: 0))
      let stream = try sink.stream(StreamKey(device: device, segment: 0))
      let task = try sink.task(TaskIdentity(pid: 7, name: TaskName("fio")))
      let traits: [RequestTraits] = [[], .flush, .passthrough]
      for letters in UInt16(0)..<(1 << 7) {
        for trait in traits {
          for sectors in [Int64(0), 8] {
            var request = Self.request(
              sink.nextRequestID(), queued: 1, issued: 2, completed: 3, task: task, stream: stream)
            request.rwbs = RWBS(rawValue: letters)
            request.traits = trait
            request.sectors = sectors
            written.append(request)
          }
        }
      }
      var batch = BlockBatch()
      batch.requests = written
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.format = "blktrace"
      summary.toolClock = "blktrace"
      summary.sha256 = "a"
      summary.events = 1
      return summary
    }
    let rows = try scratch.rows("SELECT op FROM request ORDER BY request_id")
    let operations = rows.map { $0[0] as String }
    #expect(operations == written.map(\.operation.name))
    #expect(Set(operations).count == BlockOperation.allCases.count)
  }

  @Test("a file whose sources have times that no trace has is not reckoned with")
  func impossibleTimes() throws {
    let scratch = try SchedRowsTests.Scratch()
    _ = try scratch.file.addSource(Machine(name: "g", layer: .guest), path: "a") { _ in
      var summary = SourceSummary()
      summary.format = "blktrace"
      summary.sha256 = "a"
      summary.events = 1
      return summary
    }
    try scratch.file.requirePossibleTimes()
    for last in [Int64.min, .max] {
      try scratch.file.queue.write { db in
        try db.execute(sql: "UPDATE source_file SET last_ns = ?", arguments: [last])
      }
      #expect(throws: StoreError.self) { try scratch.file.requirePossibleTimes() }
    }
    // A log of the year 2099 is none of those: a clock may be set to any.
    try scratch.file.queue.write { db in
      try db.execute(
        sql: "UPDATE source_file SET first_ns = ?1, last_ns = ?1",
        arguments: [Int64(4_070_908_800_000_000_000)])
    }
    try scratch.file.requirePossibleTimes()
  }
}
