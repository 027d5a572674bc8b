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
    PieceIndex(device.pieces).forEach(
      overlapping: 0..<BlockEvent.mostSectors, queuedFrom: 0, to: 100, in: device.pieces
    ) { met.append($0) }
    #expect(met == [0, 1, 2])
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
