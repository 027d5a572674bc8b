import Testing
import TraceModel

@testable import TraceCorrelation

/// What damaged traces and given maps hold, and the join must not stumble over.
struct DamagedInputTests {
  @Test(
    "a D line that says fewer sectors than the request's bios have leaves no piece of no length")
  func shorterThanItsBios() {
    var row = BlockRequest()
    row.id = 1
    row.sector = 0
    row.sectors = 8
    row.queued = Stamp(10)
    row.issued = Stamp(20)
    row.completed = Stamp(30)
    var bio = MergedBio()
    bio.request = 1
    bio.sector = 8
    bio.sectors = 8
    bio.queued = Stamp(15)
    let device = HostDevice(
      stream: 1, source: 1, rows: [row], bios: [bio], remapDeltas: [], losses: [], first: 0,
      last: 100)
    #expect(device.pieces.map(\.sectors) == [8])
    // Counting the granules of a piece of no length ended the program.
    _ = PieceIndex(device.pieces)
  }

  @Test(
    "a request as long as the largest disk meets each piece once, and not each place of the disk")
  func longestRequest() {
    let rows = [Int64(0), 1_000_000, 1_000_064].map { sector in
      var row = BlockRequest()
      row.sector = sector
      row.sectors = 128
      row.queued = Stamp(10)
      row.issued = Stamp(20)
      row.completed = Stamp(30)
      return row
    }
    let device = HostDevice(
      stream: 1, source: 1, rows: rows, bios: [], remapDeltas: [], losses: [], first: 0, last: 100)
    var met: [Int32] = []
    var looks = 10
    let index = PieceIndex(device.pieces)
    let isWhole = index.forEach(
      overlapping: 0..<BlockEvent.mostSectors, queuedFrom: 0, to: 100,
      looks: &looks
    ) { met.append($0) }
    #expect(isWhole && met == [0, 1, 2])
    // One lies in two granules.
    #expect(looks == 6)
    looks = 2
    #expect(
      !index.forEach(
        overlapping: 0..<BlockEvent.mostSectors, queuedFrom: 0, to: 100,
        looks: &looks
      ) { _ in })
  }

  /// A request of a block of which the completion is lost, so that the trace gives it that of the next request
  /// of the block, 4 ms later, which is left without one.
  private static func lostCompletion(_ traits: RequestTraits) -> (Join, taker: Int64) {
    var simulation = Simulation(seed: 31)
    simulation.load(seconds: 2, perSecond: 200)
    let at: Int64 = 2_100_000_000
    simulation.add(at: at, sector: 80_000_000)
    simulation.add(at: at + 4_000_000, sector: 80_000_000)
    var rows = simulation.guest
    let (first, second) = (rows.count - 2, rows.count - 1)
    rows[first].completed = rows[second].completed
    rows[second].completed = .unseen
    rows[first].traits.formUnion(traits)
    rows[second].traits.formUnion(traits)
    let disk = GuestDisk(
      machine: "g", stream: 1, source: 1, segment: 0, rows: rows, bios: [])
    return (Join(guests: [disk], hosts: [simulation.device]), rows[first].id)
  }

  @Test(
    "a completion that may be that of the next request of the block makes no certain match",
    arguments: [RequestTraits.aliased, [.aliased, .lossy], .lossy, []])
  func lostCompletion(_ traits: RequestTraits) throws {
    let (join, taker) = Self.lostCompletion(traits)
    let disk = try #require(join.disks.first)
    #expect(disk.verdict == .joined)
    let io = try #require(disk.ios.first { $0.request == taker })
    #expect(io.grade == .ambiguous)
    #expect(disk.ios.count { $0.grade == .exact } > 300)
  }

  @Test("where the host shows one request of the block only, the completion is its own")
  func ownCompletion() throws {
    var simulation = Simulation(seed: 31)
    simulation.load(seconds: 2, perSecond: 200)
    let at: Int64 = 2_100_000_000
    simulation.add(at: at, sector: 80_000_000, device: 5_000_000, isAliased: true)
    simulation.add(at: at + 4_000_000, sector: 80_000_000, hasHost: false, isAliased: true)
    var rows = simulation.guest
    rows[rows.count - 1].completed = .unseen
    let disk = GuestDisk(
      machine: "g", stream: 1, source: 1, segment: 0, rows: rows, bios: [])
    let join = Join(guests: [disk], hosts: [simulation.device])
    let io = try #require(join.disks.first?.ios.first { $0.request == rows[rows.count - 2].id })
    #expect(io.grade == .exact)
  }

  @Test(
    "thousands of requests of one block that are under way together end soon, and nothing is certain",
    .timeLimit(.minutes(1)))
  func copies() throws {
    var simulation = Simulation(seed: 33)
    simulation.load(seconds: 1, perSecond: 200)
    let before = simulation.guest.count
    for number in 0..<20_000 {
      simulation.add(
        at: 1_100_000_000 + Int64(number) * 5_000, sector: 64, device: 900_000_000)
    }
    let join = simulation.join()
    let disk = try #require(join.disks.first)
    #expect(disk.verdict == .joined)
    #expect(disk.ios.dropFirst(before).allSatisfy { $0.grade == .ambiguous })
    #expect(disk.ios.prefix(before).allSatisfy { $0.grade == .exact })
  }

  @Test("extents that overlap are cut; each sector lies in one place")
  func overlappingExtents() {
    let map = ExtentMap([
      ExtentMap.Extent(guestSector: 0, hostSector: 1000, sectors: 100),
      ExtentMap.Extent(guestSector: 10, hostSector: 5000, sectors: 20),
      ExtentMap.Extent(guestSector: 50, hostSector: 7000, sectors: 100),
      ExtentMap.Extent(guestSector: 60, hostSector: 7000, sectors: -5),
    ])
    #expect(map.extents.map(\.guestSector) == [0, 100])
    #expect(map.extents.map(\.hostSector) == [1000, 7050])
    #expect(map.translate(90, 20) == [1090..<1100, 7050..<7060])
  }

  @Test("a request that ends before it began, across a step of the clock, meets a host with losses")
  func endsBeforeItBegan() {
    var simulation = Simulation(seed: 1)
    simulation.load(seconds: 3, perSecond: 300)
    var backwards = simulation.guest[simulation.guest.count / 2]
    backwards.id = 1_000_000
    backwards.sector = 400_000_000
    backwards.completed = Stamp(backwards.issued.rawValue - 1_000_000_000)
    let join = Join(
      guests: [
        GuestDisk(
          machine: "g", stream: 1, source: 1, segment: 0, rows: simulation.guest + [backwards],
          bios: [])
      ],
      hosts: [
        HostDevice(
          stream: 2, source: 2, rows: simulation.host, bios: [], remapDeltas: [],
          losses: [100...200, 150...300, 1_000_000_000...1_000_000_001], first: 0,
          last: 10_000_000_000_000)
      ])
    #expect(join.disks.first?.ios.count == simulation.guest.count + 1)
  }
}
