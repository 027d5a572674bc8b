import Testing
import TraceModel

@testable import TraceCorrelation

struct QEMUJoinTests {
  /// What QEMU's clock shows when the guest's shows 0, ns.
  private static let offset: Int64 = 1_800_000_000_000_000_000

  /// Requests at random sectors, one each 10 ms: Q, 20 us later D, 900 us later C.
  private static let rows: [BlockRequest] = {
    var generator = SystemOrder()
    return (0..<200).map { number in
      var row = BlockRequest()
      row.id = Int64(number + 1)
      row.queued = Stamp(Int64(number) * 10_000_000)
      row.issued = Stamp(row.queued.rawValue + 20_000)
      row.firstIssued = row.issued
      row.completed = Stamp(row.issued.rawValue + 900_000)
      row.sector = Int64(generator.next() % 1_000_000) * 8
      row.sectors = 8
      row.rwbs = number.isMultiple(of: 2) ? .write : .read
      return row
    }
  }()

  private struct SystemOrder {
    private var state: UInt64 = 7

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
  }

  /// The same requests as QEMU sees them: popped 100 us behind D, handled 5 us later, submitted 10 us after that, done 600 us
  /// later, completed 3 us and visible 2 us after that.
  private static func requests(
    _ change: (inout QEMURequest) -> Void = { _ in }
  ) -> [QEMURequest] {
    rows.map { row in
      var request = QEMURequest()
      request.id = row.id
      request.operation = row.operation == .write ? .write : .read
      (request.sector, request.sectors) = (row.sector, row.sectors)
      let popped = row.issued.rawValue + offset + 100_000
      request.popped = Stamp(popped)
      request.handled = Stamp(popped + 5_000)
      request.submitted = Stamp(popped + 15_000)
      request.done = Stamp(popped + 615_000)
      request.completed = Stamp(popped + 618_000)
      request.returned = Stamp(popped + 620_000)
      change(&request)
      return request
    }
  }

  private static func disk(_ requests: [QEMURequest], source: Int64 = 2) -> QEMUDisk {
    var disk = QEMUDisk(source: source, isOwnTrace: true, span: offset - 1...offset + 3_000_000_000)
    disk.requests = requests
    return disk
  }

  private static func joined(_ disks: [QEMUDisk], _ rows: [BlockRequest] = rows) -> DiskJoin {
    let guest = GuestDisk(
      machine: "web1", stream: 1, source: 1, segment: 0, rows: rows, bios: [])
    var join = Join(guests: [guest], hosts: []).disks[0]
    QEMUJoin(guests: [guest], disks: disks).apply(to: &join, timeline: nil)
    return join
  }

  @Test("each I/O has its way through QEMU, and its hops add up")
  func followed() throws {
    let join = Self.joined([Self.disk(Self.requests())])
    #expect(join.verdict == .joinedWithQEMU)
    #expect(join.ios.count == Self.rows.count)
    for io in join.ios {
      #expect(io.grade == .exact && io.reason == nil && io.hostRequests == 0)
      let bound = try #require(io.clockError.nanoseconds)
      #expect(io.times[.qemu] == Stamp(20_000) && io.times[.backend] == Stamp(600_000))
      #expect(abs(io.times[.virtioSubmit].rawValue - 100_000) <= bound)
      #expect(abs(io.times[.virtioReturn].rawValue - 180_000) <= bound)
      #expect(io.times[.virtioQueue] == Stamp(280_000))
      #expect(!io.times[.belowGuest].isSeen && !io.times[.hostScheduler].isSeen)
      let parts = Hop.blockParts.reduce(Int64(0)) { $0 + (io.times[$1].nanoseconds ?? 0) }
      #expect(io.times[.block] == Stamp(parts))
    }
  }

  @Test("without the events around the backend those of the request bound it")
  func handledAndCompleted() {
    let join = Self.joined([
      Self.disk(
        Self.requests { request in
          (request.popped, request.submitted) = (.unseen, .unseen)
          (request.done, request.returned) = (.unseen, .unseen)
        })
    ])
    for io in join.ios {
      // From handled to completed; nothing shows QEMU's own time, which is not 0.
      #expect(io.times[.backend] == Stamp(613_000) && !io.times[.qemu].isSeen)
      #expect(io.times[.virtioQueue] == Stamp(287_000))
    }
  }

  @Test("of two disks in QEMU's trace the one whose requests lie in the guest's is taken")
  func rightDisk() {
    let other = Self.disk(Self.requests { $0.sector += 4096 }, source: 3)
    #expect(Self.joined([other]).verdict == .noHost)
    #expect(Self.joined([other]).ios.allSatisfy { $0.grade == .unmatched })
    let join = Self.joined([other, Self.disk(Self.requests())])
    #expect(join.verdict == .joinedWithQEMU && join.ios.allSatisfy { $0.grade == .exact })
  }

  @Test("a request that QEMU answered before it took it is not followed")
  func impossible() {
    var requests = Self.requests()
    requests[7].completed = requests[7].handled
    requests[7].done = requests[7].handled
    requests[7].returned = Stamp(requests[7].popped.rawValue - 1)
    let join = Self.joined([Self.disk(requests)])
    #expect(join.ios.filter { $0.grade == .unmatched }.map(\.request) == [8])
    #expect(join.ios.filter { $0.reason == .noCandidate }.map(\.request) == [8])
  }

  @Test("a flush of which QEMU's trace shows the end alone is found, and its hops are not made up")
  func flush() {
    var flush = BlockRequest()
    flush.id = 201
    flush.queued = Stamp(2_000_000_000)
    flush.issued = Stamp(2_000_010_000)
    flush.firstIssued = flush.issued
    flush.completed = Stamp(2_002_000_000)
    flush.rwbs = [.flush]
    flush.traits = .flush
    var end = QEMURequest()
    end.id = 201
    end.completed = Stamp(Self.offset + 2_001_500_000)
    let join = Self.joined([Self.disk(Self.requests() + [end])], Self.rows + [flush])
    let io = join.ios.first { $0.operation == .flush }
    #expect(io?.grade == .exact)
    #expect(io?.times[.backend].isSeen == false && io?.times[.virtioSubmit].isSeen == false)
    // Where the guest discards, too, it is not known which of the two that was.
    var discard = Self.rows[0]
    discard.id = 202
    discard.rwbs = .discard
    let unclear = Self.joined(
      [Self.disk(Self.requests() + [end])], Self.rows + [flush, discard])
    #expect(unclear.ios.first { $0.operation == .flush }?.grade == .unmatched)
  }
}
