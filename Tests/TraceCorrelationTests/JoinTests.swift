import Testing
import TraceModel

@testable import TraceCorrelation

struct JoinTests {
  @Test("a simulated guest is followed whole: place, clock, every hop", arguments: [1, 2, 3])
  func wholeGuest(_ seed: UInt64) throws {
    var simulation = Simulation(seed: seed)
    simulation.drift = 23
    simulation.load(seconds: 3, perSecond: 300)
    for step in 0..<2000 {
      simulation.addNeighbour(
        at: simulation.offset + Int64(step) * 1_500_000, sector: 200_000_000 + Int64(step) * 64)
    }
    let join = simulation.join()
    let disk = try #require(join.disks.first)
    #expect(disk.verdict == .joined)
    #expect(disk.map.extents.map { $0.hostSector - $0.guestSector } == [2048])
    #expect(disk.ios.count == simulation.guest.count)
    let host = Dictionary(uniqueKeysWithValues: simulation.host.map { ($0.id, $0) })
    for (io, request) in zip(disk.ios, simulation.guest) {
      #expect(io.grade == .exact)
      let carried = try #require(io.hostRequest.flatMap { host[$0] })
      #expect(carried.sector == request.sector + 2048)
      let sum = [Hop.guestScheduler, .virtioQueue, .hostScheduler, .hardwareQueue]
        .map { io.times[$0] }
        .reduce(0) { $0 + $1.rawValue }
      #expect(sum == io.times[.block].rawValue)
    }
  }

  @Test("guest and host of different incidents are not joined")
  func mismatch() throws {
    var here = Simulation(seed: 1)
    here.load(seconds: 3, perSecond: 300)
    var elsewhere = Simulation(seed: 2)
    elsewhere.load(seconds: 3, perSecond: 300)
    let join = Join(guests: [here.disk], hosts: [elsewhere.device])
    #expect(join.disks.first?.verdict == .noMapping)
    #expect(join.clocks.isEmpty)
    #expect(
      join.disks.first?.ios.allSatisfy { $0.grade == .unmatched && !$0.times[.virtioQueue].isSeen }
        == true)
  }

  @Test("a request whose host side is not there stays unmatched, and its neighbours are right")
  func missingOnHost() throws {
    var simulation = Simulation(seed: 3)
    simulation.load(seconds: 2, perSecond: 200)
    let last = try #require(simulation.guest.last).issued.rawValue
    simulation.add(at: last + 500_000, hasHost: false)
    simulation.add(at: last + 1_000_000)
    let ios = try #require(simulation.join().disks.first).ios
    let lost = try #require(ios.dropLast().last)
    #expect(lost.grade == .unmatched)
    #expect(lost.reason == .noCandidate)
    #expect(ios.last?.grade == .exact)
  }

  @Test("the same block twice at the device at once is ambiguous, one after the other is not")
  func hotBlocks() throws {
    var simulation = Simulation(seed: 4)
    simulation.load(seconds: 2, perSecond: 200)
    let base = try #require(simulation.guest.last).issued.rawValue + 10_000_000
    // Overlapping at the device, 60 us apart.
    simulation.add(at: base, sector: 80, device: 300_000, isAliased: true)
    simulation.add(at: base + 60_000, sector: 80, device: 300_000, isAliased: true)
    // The second begins when the first has ended.
    simulation.add(at: base + 10_000_000, sector: 80, device: 50_000)
    simulation.add(at: base + 10_400_000, sector: 80, device: 50_000)
    let ios = try #require(simulation.join().disks.first).ios.suffix(4)
    #expect(ios.map(\.grade) == [.ambiguous, .ambiguous, .exact, .exact])
  }

  @Test(
    "of two requests of the same blocks at once, of which the host shows one, neither is certain")
  func unmatchedRival() throws {
    var simulation = Simulation(seed: 6)
    simulation.load(seconds: 2, perSecond: 200)
    let base = try #require(simulation.guest.last).issued.rawValue + 10_000_000
    // The host's request of the second lies within the time of both.
    simulation.add(at: base, sector: 80, device: 900_000, hasHost: false)
    simulation.add(at: base + 60_000, sector: 80, device: 200_000)
    let ios = try #require(simulation.join().disks.first).ios.suffix(2)
    #expect(ios.allSatisfy { !$0.grade.isCertain })
  }

  @Test(
    "requests that QEMU merged come back with the last part of their bio",
    arguments: [false, true])
  func cutBio(_ isPartLost: Bool) throws {
    var simulation = Simulation(seed: 7)
    simulation.load(seconds: 2, perSecond: 200)
    let issued = try #require(simulation.guest.last).issued.rawValue + 10_000_000
    let (guests, parts) = Self.mergedAndCut(
      at: issued, queued: simulation.reference(issued) + 20_000, completed: simulation.own)
    let known = isPartLost ? Array(parts.dropFirst()) : parts
    let device = HostDevice(
      stream: 2, source: 2, rows: simulation.host + known, bios: [], remapDeltas: [], losses: [],
      first: simulation.device.first, last: simulation.device.last)
    let disk = GuestDisk(
      machine: "g", stream: 1, source: 1, segment: 0, rows: simulation.guest + guests, bios: [])
    let ios = try #require(Join(guests: [disk], hosts: [device]).disks.first).ios.suffix(2)
    if isPartLost {
      // Of the first no part may be missing; the second does not know when its bio was back.
      #expect(ios.map(\.grade) == [.unmatched, .ambiguous])
    } else {
      #expect(ios.map(\.grade) == [.split, .split])
      #expect(ios.map(\.times[.hardwareQueue]) == [Stamp(200_000), Stamp(200_000)])
      #expect(ios.map(\.hostRequest) == [901, 901])
    }
  }

  /// Two reads side by side, which the host has as one bio that `X` cut into four; the second part is the last to
  /// come back.
  private static func mergedAndCut(
    at issued: Int64, queued: Int64, completed own: (Int64) -> Int64
  ) -> (guests: [BlockRequest], parts: [BlockRequest]) {
    let guests = (0..<2).map { number -> BlockRequest in
      var request = BlockRequest()
      request.id = 800 + Int64(number)
      (request.sector, request.sectors, request.rwbs) = (8_000 + 512 * Int64(number), 512, .read)
      request.queued = Stamp(issued - 2_000)
      request.issued = Stamp(issued + Int64(number) * 3_000)
      request.firstIssued = request.issued
      request.completed = Stamp(own(queued + 221_000) + Int64(number) * 1_000)
      return request
    }
    let parts = ([120, 200, 150, 140] as [Int64]).enumerated().map {
      number, length -> BlockRequest in
      var part = BlockRequest()
      part.id = 900 + Int64(number)
      (part.sector, part.sectors, part.rwbs) = (10_048 + 256 * Int64(number), 256, .read)
      part.queued = Stamp(queued)
      part.issued = Stamp(queued + 2_000)
      part.firstIssued = part.issued
      part.completed = Stamp(queued + 2_000 + length * 1_000)
      if number > 0 { part.traits.insert(.splitPiece) }
      if number < 3 { part.traits.insert(.splitHead) }
      return part
    }
    return (guests, parts)
  }

  @Test("parts of a request do not overlap, so that a shorter one before a whole one is another's")
  func overlappingPieces() throws {
    var simulation = Simulation(seed: 8)
    simulation.load(seconds: 2, perSecond: 200)
    let base = try #require(simulation.guest.last).issued.rawValue + 10_000_000
    // The completion of the first is lost in the guest.
    simulation.add(at: base, sector: 8_000, device: 90_000)
    simulation.add(at: base + 500, sector: 8_000, sectors: 64, device: 90_000)
    var guests = simulation.guest
    guests[guests.count - 2].completed = .unseen
    let disk = GuestDisk(
      machine: "g", stream: 1, source: 1, segment: 0, rows: guests, bios: [])
    let ios = try #require(Join(guests: [disk], hosts: [simulation.device]).disks.first).ios.suffix(
      2)
    #expect(ios.map(\.grade) == [.unmatched, .exact])
    #expect(ios.last?.hostRequest == simulation.host.last?.id)
  }

  /// Requests of eight sectors, so many microseconds apart, that follow each other, each with a host side; the host has
  /// as many more before and behind them.
  private static func stream(_ count: Int, every microseconds: Int64, more: Int) -> Simulation {
    var simulation = Simulation(seed: 9)
    for number in -more..<(count + more) {
      let issued = (Int64(number + more) * microseconds + Int64(number * number % 7) * 40) * 1_000
      let sector = 1_000_000 + Int64(number) * 8
      if (0..<count).contains(number) {
        simulation.add(at: issued, sector: sector, device: 900_000)
      } else {
        simulation.addNeighbour(
          at: simulation.reference(issued) + 20_000, sector: sector + simulation.distance)
      }
    }
    return simulation
  }

  @Test(
    "where requests follow each other no place is claimed",
    arguments: [(12, 40), (400, 0), (400, 40)])
  func streams(_ count: Int, _ more: Int) throws {
    let disk = try #require(Self.stream(count, every: 5_000, more: more).join().disks.first)
    #expect([.severalPlaces, .noPattern].contains(disk.verdict), "\(disk.verdict)")
    #expect(disk.ios.allSatisfy { $0.grade == .unmatched })
  }

  @Test("a host's trace without any Q shows no bio, and says so")
  func noBios() throws {
    var simulation = Simulation(seed: 10)
    simulation.load(seconds: 2, perSecond: 200)
    let rows = simulation.host.map { row in
      var row = row
      row.queued = .unseen
      return row
    }
    let device = HostDevice(
      stream: 2, source: 2, rows: rows, bios: [], remapDeltas: [], losses: [],
      first: simulation.device.first, last: simulation.device.last)
    let join = Join(guests: [simulation.disk], hosts: [device])
    #expect(join.disks.map(\.verdict) == [.noHostBios])
  }

  @Test("requests outside the other trace's time say so")
  func windows() throws {
    var simulation = Simulation(seed: 6)
    simulation.load(seconds: 4, perSecond: 200)
    let from = simulation.reference(1_000_000_000)
    let to = simulation.reference(3_000_000_000)
    let device = HostDevice(
      stream: 2, source: 2,
      rows: simulation.host.filter {
        $0.queued.rawValue >= from && $0.completed.rawValue <= to
      },
      bios: [], remapDeltas: [], losses: [], first: from, last: to)
    let ios = try #require(Join(guests: [simulation.disk], hosts: [device]).disks.first).ios
    for io in ios {
      let issued = simulation.reference(io.queued.rawValue)
      if issued < from - 200_000 { #expect(io.reason == .beforeStart) }
      if issued > to { #expect(io.reason == .afterEnd) }
      if issued > from + 1_000_000, issued < to - 1_000_000 { #expect(io.grade == .exact) }
    }
  }
}

struct ExtentMapTests {
  static let map = ExtentMap([
    ExtentMap.Extent(guestSector: 100, hostSector: 1000, sectors: 50),
    ExtentMap.Extent(guestSector: 0, hostSector: 5000, sectors: 100),
    ExtentMap.Extent(guestSector: 150, hostSector: 1050, sectors: 10),
  ])

  @Test("a range over several extents is one piece where they touch on the host")
  func translates() {
    #expect(Self.map.translate(10, 8) == [5010..<5018])
    #expect(Self.map.translate(96, 8) == [5096..<5100, 1000..<1004])
    #expect(Self.map.translate(146, 8) == [1046..<1054])
  }

  @Test("a range that is nowhere has no translation", arguments: [(160, 8), (156, 8), (-8, 16)])
  func nowhere(_ sector: Int64, _ sectors: Int64) {
    #expect(Self.map.translate(sector, sectors) == nil)
  }
}
