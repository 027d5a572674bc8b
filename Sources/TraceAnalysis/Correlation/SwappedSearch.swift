internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Looks for guests and hosts that were ingested the wrong way round, where nothing fits the right way: joins them
/// again with their sides exchanged.
struct SwappedSearch: CorrelationPass {
  static let fills: [String] = []

  private let pairs: [Pair]

  init(_ context: CorrelationContext) throws {
    let isJoined = context.disks.contains { $0.verdict.isFollowed }
    pairs = isJoined ? [] : Self.find(context.guests, context.hosts, context.streams)
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for pair in pairs { try pair.write(to: writer) }
  }

  /// A disk of a so-called guest that is a device of the host of the other one.
  private struct Pair {
    let guestStream: Int32
    let hostStream: Int32
    let clock: GuestClock
    let map: ExtentMap

    func write(to writer: CorrelationWriter) throws {
      // The relation with most pairs; over a step of the clock one of its parts proves as much as both.
      guard let relation = clock.stretches.max(by: { $0.pairs < $1.pairs }),
        relation.offset.magnitude < 4e18
      else { return }
      let extents = map.extents.sorted {
        ($0.sectors, -$0.guestSector) > ($1.sectors, -$1.guestSector)
      }
      .prefix(SwappedSides.mostExtents)
      try writer.add(
        SwappedSidesRow(
          guestStream: Int64(guestStream), hostStream: Int64(hostStream),
          offset: Int64(relation.offset.rounded()),
          driftPPB: Int64((relation.driftPPM * 1000).rounded()),
          // The relation is kept in whole numbers.
          error: relation.largestError + 1_000,
          extents: extents.map {
            SwappedSidesRow.Extent(
              low: $0.guestSector, high: $0.guestSector + $0.sectors - 1,
              delta: $0.hostSector - $0.guestSector)
          }))
    }
  }

  /// Share of a device's requests that must fit; guests that are copies of each other reach 0.78.
  private static let leastShare = 0.8

  private static func find(
    _ guests: [GuestDisk], _ hosts: [HostDevice], _ streams: [BlockStream]
  ) -> [Pair] {
    guard !guests.isEmpty, !hosts.isEmpty else { return [] }
    let byNumber = Dictionary(uniqueKeysWithValues: streams.map { ($0.stream, $0) })
    let asGuests = hosts.compactMap { host in
      byNumber[host.stream].map { stream in
        GuestDisk(
          machine: stream.machine.name, stream: host.stream, source: host.source,
          segment: stream.segment, rows: host.rows, bios: host.bios)
      }
    }
    let asHosts = guests.compactMap { guest -> HostDevice? in
      guard let stream = byNumber[guest.stream], stream.issuedRequests > 0 else { return nil }
      return HostDevice(
        stream: guest.stream, source: guest.source, rows: guest.rows, bios: guest.bios,
        remapDeltas: stream.remapDeltas, losses: stream.losses, first: stream.first,
        last: stream.last)
    }
    let join = Join(guests: asGuests, hosts: asHosts)
    return join.disks.compactMap { disk in
      guard disk.verdict == .joined, let device = disk.device,
        disk.feasibleShare ?? 0 >= leastShare,
        let source = byNumber[disk.disk]?.source, let segment = byNumber[disk.disk]?.segment,
        let clock = join.clocks.first(where: { $0.source == source && $0.segment == segment })
      else { return nil }
      return Pair(
        guestStream: device, hostStream: disk.disk, clock: clock.clock, map: disk.map)
    }
  }
}
