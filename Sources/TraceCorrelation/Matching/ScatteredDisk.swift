internal import TraceModel

/// Finds the extents of a disk that lies in a file, when nobody gave a map.
///
/// Pairs of near requests vote for a distance at each sector (a file has many, one per extent). Under all
/// of them together one clock offset makes the most host pieces fit. With that clock a request is looked
/// for by time, direction and length alone; where one piece fits, it shows where those sectors lie. A
/// distance that only one request shows, with no neighbour that agrees, is left out: by time alone it may
/// be somebody else's request.
struct ScatteredDisk {
  /// Distances per sector that are tried before the clock is known.
  private static let mostDistances = 8
  /// Requests that must agree on a distance, and how near they must be, in sectors: qcow2 allocates
  /// clusters of 64 KiB one after the other.
  private static let fewestWitnesses = 2
  private static let neighbourhood: Int64 = 1 << 14
  /// How far beyond the clock's bound a piece is looked for, ns.
  private static let slack: Int64 = 50_000

  let guest: [GuestRequest]
  let host: [HostPiece]
  let search: RegionSearch

  /// The extents that the requests show; nil when they show no clock.
  func map() -> ExtentMap? {
    let distances = OffsetCandidates.bySector(
      guest: guest, host: host, atMost: Self.mostDistances)
    guard let rough = search.region(.scattered(distances), votes: 0) else { return nil }
    let moments = guest.flatMap { [$0.issued, $0.completed] }.sorted()
    guard let clock = GuestClock(ClockFit.fit(rough.pairs), moments: moments) else { return nil }
    let sightings = sightings(clock)
    guard !sightings.isEmpty else { return nil }
    return ExtentMap(extents(of: sightings))
  }

  /// A request that lies at a distance.
  private struct Sighting {
    let sector: Int64
    let sectors: Int64
    let distance: Int64
  }

  /// Requests that one host piece fits by time, direction and length, and no other.
  private func sightings(_ clock: GuestClock) -> [Sighting] {
    var fits: [(guest: Int, piece: Int)] = []
    var claims: [Int: Int] = [:]
    for (place, request) in guest.enumerated() {
      let low = clock.reference(request.issued) - clock.error(at: request.issued) - Self.slack
      let high =
        clock.reference(request.completed) + clock.error(at: request.completed) + Self.slack
      var found: [Int] = []
      var index = firstPiece(from: low)
      while index < host.count, host[index].queued <= high, found.count < 2 {
        let piece = host[index]
        if piece.completed <= high, piece.operation == request.operation,
          piece.sectors == request.sectors
        {
          found.append(index)
        }
        index += 1
      }
      guard found.count == 1, let piece = found.first else { continue }
      fits.append((place, piece))
      claims[piece, default: 0] += 1
    }
    return fits.compactMap { place, piece in
      guard claims[piece] == 1 else { return nil }
      let request = guest[place]
      return Sighting(
        sector: request.sector, sectors: request.sectors,
        distance: host[piece].sector - request.sector)
    }
  }

  private func firstPiece(from time: Int64) -> Int {
    var low = 0
    var high = host.count
    while low < high {
      let middle = (low + high) / 2
      if host[middle].queued < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Stretches of one distance that enough requests agree on, from the first to the last of them.
  private func extents(of sightings: [Sighting]) -> [ExtentMap.Extent] {
    var runs: [(from: Int64, to: Int64, distance: Int64, witnesses: Int)] = []
    for sighting in sightings.sorted(by: { ($0.distance, $0.sector) < ($1.distance, $1.sector) }) {
      let end = sighting.sector + sighting.sectors
      if let last = runs.last, last.distance == sighting.distance,
        sighting.sector - last.to <= Self.neighbourhood
      {
        runs[runs.count - 1].to = max(last.to, end)
        runs[runs.count - 1].witnesses += 1
      } else {
        runs.append((sighting.sector, end, sighting.distance, 1))
      }
    }
    // Where two distances claim the same sectors, the one with more witnesses has them.
    var extents: [ExtentMap.Extent] = []
    for run in runs.filter({ $0.witnesses >= Self.fewestWitnesses })
      .sorted(by: { ($0.witnesses, -$0.from) > ($1.witnesses, -$1.from) })
    {
      for free in Self.free(run.from..<run.to, extents) {
        extents.append(
          ExtentMap.Extent(
            guestSector: free.lowerBound, hostSector: free.lowerBound + run.distance,
            sectors: Int64(free.count)))
      }
    }
    return extents
  }

  /// The parts of a range that no extent has.
  private static func free(
    _ range: Range<Int64>, _ extents: [ExtentMap.Extent]
  ) -> [Range<Int64>] {
    var parts = [range]
    for extent in extents {
      let taken = extent.guestSector..<extent.guestSector + extent.sectors
      parts = parts.flatMap { part -> [Range<Int64>] in
        guard part.overlaps(taken) else { return [part] }
        return [
          part.lowerBound..<max(part.lowerBound, taken.lowerBound),
          min(part.upperBound, taken.upperBound)..<part.upperBound,
        ].filter { !$0.isEmpty }
      }
    }
    return parts
  }
}
