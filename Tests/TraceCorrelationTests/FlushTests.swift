import Testing
import TraceModel

@testable import TraceCorrelation

/// Flushes have no address.
struct FlushTests {
  /// Two guests on one device, each with a thread on the host; their flushes begin at the same moments.
  private func pair(threads: (Int32, Int32)) throws -> (Simulation, Simulation) {
    var first = Simulation(seed: 1)
    var second = Simulation(seed: 2, idsFrom: 1_000_000)
    second.distance = 500_000_000
    (first.thread, second.thread) = threads
    first.load(seconds: 2, perSecond: 200)
    second.load(seconds: 2, perSecond: 200)
    return (first, second)
  }

  private func join(_ first: Simulation, _ second: Simulation) -> [[GuestIO]] {
    let rows = (first.host + second.host).sorted { $0.completed.rawValue < $1.completed.rawValue }
    let device = HostDevice(
      stream: 9, source: 9, rows: rows, bios: [], remapDeltas: [], losses: [],
      first: first.device.first, last: first.device.last)
    let guests = [first, second].enumerated().map { number, simulation in
      GuestDisk(
        machine: "g\(number)", stream: Int32(number + 1), source: Int64(number + 1), segment: 0,
        rows: simulation.guest, bios: [])
    }
    return Join(guests: guests, hosts: [device]).disks.map { $0.ios.filter { $0.sectors == 0 } }
  }

  @Test("of two guests that flush at once, the thread that carried a guest's data says whose it is")
  func threads() throws {
    for (threads, isKnown) in [((1, 2) as (Int32, Int32), true), ((1, 1), false)] {
      var (first, second) = try pair(threads: threads)
      for step in 0..<20 {
        // Each fits into the other as well.
        first.addFlush(at: Int64(step) * 50_000_000, device: 300_000)
        second.addFlush(at: Int64(step) * 50_000_000 + 200, device: 300_000)
      }
      let flushes = join(first, second)
      #expect(flushes.map(\.count) == [20, 20])
      for (own, simulation) in zip(flushes, [first, second]) {
        let ids = Set(simulation.host.map(\.id))
        #expect(own.allSatisfy { ($0.grade == .exact) == isKnown })
        #expect(own.compactMap(\.hostRequest).allSatisfy { ids.contains($0) })
        #expect(own.allSatisfy { $0.hostRequest != nil || $0.reason == .noCandidate })
      }
    }
  }

  @Test("an end that fits only one of the flushes at the device is its, whatever the order says")
  func ends() throws {
    var (first, second) = try pair(threads: (1, 2))
    for step in 0..<10 {
      // The second began later and ended first; the trace pairs ends by order.
      first.addFlush(at: Int64(step) * 100_000_000, device: 400_000, swapped: 150_000)
      second.addFlush(at: Int64(step) * 100_000_000 + 50_000, device: 100_000, swapped: 350_000)
    }
    let flushes = join(first, second)
    for (own, device) in zip(flushes, [400_000, 100_000] as [Int64]) {
      #expect(own.count == 10)
      #expect(own.allSatisfy { $0.grade == .exact && $0.times[.hardwareQueue] == Stamp(device) })
    }
  }

  @Test(
    "a guest's end that may be another's makes a match ambiguous, and none where the host was longer",
    arguments: [(5_000, true), (300_000, false)] as [(Int64, Bool)])
  func earlyEnds(_ early: Int64, _ fits: Bool) throws {
    var (first, second) = try pair(threads: (1, 2))
    for step in 0..<10 {
      first.addFlush(at: Int64(step) * 100_000_000, device: 400_000, early: early)
    }
    second.addFlush(at: 50_000_000, device: 400_000)
    let own = join(first, second)[0]
    #expect(own.count == 10)
    #expect(own.allSatisfy { $0.grade == (fits ? .ambiguous : .unmatched) })
    #expect(
      own.allSatisfy {
        $0.times[.virtioQueue].isSeen == fits && $0.times[.virtioQueue].nanoseconds ?? 0 >= 0
      })
  }

  @Test("ends that fit either flush are given to one, and said to be ambiguous")
  func ambiguousEnds() {
    let ends = FlushEnds([
      FlushEnds.Claim(
        row: 1, queued: 0, issued: 10, end: 100, guest: .init(high: 250, duration: 250)),
      FlushEnds.Claim(
        row: 2, queued: 5, issued: 15, end: 110, guest: .init(high: 240, duration: 240)),
      FlushEnds.Claim(
        row: 3, queued: 500, issued: 510, end: 600, guest: .init(high: 620, duration: 620)),
    ]).ends
    #expect(ends[1]?.time == 110)
    #expect(ends[2]?.time == 100)
    #expect(ends[1]?.isCertain == false && ends[2]?.isCertain == false)
    #expect(ends[3]?.time == 600 && ends[3]?.isCertain == true)
  }

  @Test("an end may be of a flush that no guest asked for, or of one that never ended in the trace")
  func endsOfOthers() {
    let guest = FlushEnds.Window(high: 250, duration: 250)
    // The guest's fits both ends, the host's own as well.
    let own = FlushEnds([
      FlushEnds.Claim(row: 1, queued: 0, issued: 10, end: 100, guest: guest),
      FlushEnds.Claim(row: 2, queued: 15, issued: 15, end: 110),
    ]).ends
    #expect(own[1]?.isCertain == false)
    // Only the guest's is known to have ended, but whether at 100 or 110 depends on which of the others did.
    let unended = FlushEnds([
      FlushEnds.Claim(row: 1, queued: 0, issued: 10, end: 100, guest: guest),
      FlushEnds.Claim(row: 2, queued: 15, issued: 15, end: 110),
      FlushEnds.Claim(row: 3, queued: 20, issued: 20, end: nil),
    ]).ends
    #expect(unended.values.allSatisfy { !$0.isCertain })
    // One end only can be the guest's, whoever else was there.
    let one = FlushEnds([
      FlushEnds.Claim(row: 1, queued: 0, issued: 10, end: 400, guest: guest),
      FlushEnds.Claim(row: 2, queued: 15, issued: 15, end: 110),
      FlushEnds.Claim(row: 3, queued: 20, issued: 20, end: nil),
    ]).ends
    #expect(one[1]?.time == 110 && one[1]?.isCertain == true)
  }

  @Test("of very many together nothing is certain, and it does not hang")
  func manyTogether() {
    let claims = (0..<100_000).map { number in
      FlushEnds.Claim(
        row: Int32(number), queued: Int64(number), issued: Int64(number), end: Int64(number) + 50,
        guest: .init(high: Int64(number) + 60, duration: 60))
    }
    let ends = FlushEnds(claims).ends
    #expect(ends.count == claims.count)
    #expect(ends.values.allSatisfy { !$0.isCertain })
  }
}
