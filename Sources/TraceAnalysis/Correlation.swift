internal import TraceCorrelation
internal import TraceModel
public import TraceStore

/// Runs the correlation over an incident file: reads its requests, joins them, and writes what was found.
public struct Correlation {
  /// Correlates when sources came in since the last time, or when told to, and runs the rules over what
  /// was found; thresholds by name replace their standard ones.
  public static func run(
    _ file: IncidentFile, always: Bool = false, thresholds: [String: Double] = [:]
  ) throws {
    guard try always || file.needsCorrelation() else { return }
    try join(file, thresholds)
  }

  private static func join(_ file: IncidentFile, _ thresholds: [String: Double]) throws {
    try file.requirePossibleTimes()
    try file.workOutCounterSteps()
    let streams = try file.blockStreams()
    let maps = GivenMaps.compose(try file.givenExtents())
    let requests = try file.requests(of: streams)
    let bios = try file.mergedBios()
    // A device without requests at a driver (device-mapper, md) is a layer above the one that matters.
    let guests = try streams.filter { $0.machine.layer == .guest }.map { stream in
      let rows = requests[stream.stream] ?? []
      let written = GivenMaps.written(
        try file.givenMapping(guest: stream.machine.name, device: stream.device), rows)
      return GuestDisk(
        machine: stream.machine.name, stream: stream.stream, source: stream.source,
        segment: stream.segment, rows: rows, bios: bios[stream.stream] ?? [],
        maps: (written.map { [$0] } ?? []) + maps)
    }
    let hosts = streams.filter { $0.machine.layer == .host && $0.issuedRequests > 0 }.map {
      stream in
      HostDevice(
        stream: stream.stream, source: stream.source, rows: requests[stream.stream] ?? [],
        bios: bios[stream.stream] ?? [], remapDeltas: stream.remapDeltas,
        losses: stream.losses, first: stream.first, last: stream.last)
    }
    func sources(_ layer: Layer) -> [Int64: String] {
      Dictionary(
        streams.filter { $0.machine.layer == layer }.map { ($0.source, $0.machine.name) },
        uniquingKeysWith: { first, _ in first })
    }
    var recorded = try RecordedClocks(file, guests: sources(.guest), hosts: sources(.host))
    // Taken out of the join, which goes: the I/Os of all disks are filled in below, and held once.
    let clocks: [SourceClock]
    var disks: [DiskJoin]
    (disks, clocks) = joined(guests, hosts, recorded.records)
    if hosts.isEmpty, streams.contains(where: { $0.machine.layer == .host && $0.requests > 0 }) {
      for place in disks.indices where disks[place].verdict == .noHost {
        disks[place].verdict = .noHostBios
      }
    }
    let swapped =
      disks.contains { $0.verdict == .joined } ? [] : SwappedSearch.find(guests, hosts, streams)
    let devices = streams.compactMap { stream -> TracedDevice? in
      if let disk = guests.first(where: { $0.stream == stream.stream }) {
        return TracedDevice(stream: stream, rows: disk.rows, bios: disk.bios)
      }
      return hosts.first { $0.stream == stream.stream }.map {
        TracedDevice(stream: stream, rows: $0.rows, bios: $0.bios)
      }
    }
    let cached = try PageCacheCorrelation(
      file, streams.filter { $0.machine.layer == .guest }, guests, clocks, &disks)
    let network = try NetworkCorrelation(file)
    let tasks = try file.tasks()
    let tids = Dictionary(uniqueKeysWithValues: tasks.map { ($0.task, $0.tid) })
    let machines = Dictionary(
      uniqueKeysWithValues: streams.map { ($0.stream, $0.machine.name) })
    var placed: [String: Set<String>] = [:]
    for disk in disks where disk.verdict == .joined {
      guard let guest = machines[disk.disk], let host = disk.device.flatMap({ machines[$0] })
      else { continue }
      placed[host, default: []].insert(guest)
    }
    let scheduling = try SchedulingCorrelation(
      file, BlockMoments(devices, reference: clocks.first?.reference, tids: tids),
      placed: placed)
    let placement = try PlacementCorrelation(file, scheduling)
    let cpu = try GuestCPUCorrelation(file, scheduling, devices, clocks, tids, &disks)
    let queues = QueueCorrelation(streams, guests, hosts, clocks)
    let names = Dictionary(uniqueKeysWithValues: tasks.map { ($0.task, $0.name) })
    let own = scheduling.guestThreads.mapValues { threads in
      Set(tasks.lazy.filter { threads.contains(Int64($0.tid)) }.map(\.task))
    }
    let beside = DiskNeighbours(
      disks, hosts, names: names,
      own: Dictionary(
        uniqueKeysWithValues: hosts.map {
          ($0.stream, machines[$0.stream].flatMap { own[$0] } ?? [])
        }))
    recorded.compare(clocks)
    try file.replaceCorrelation { writer in
      try write(clocks, disks, streams, to: writer)
      try cached.write(to: writer)
      try scheduling.write(to: writer)
      try placement.write(to: writer)
      try network.write(to: writer)
      try cpu.write(to: writer)
      try queues.write(to: writer)
      for neighbour in merged(beside.neighbours, streams) { try writer.add(neighbour.row) }
      for pair in swapped { try pair.write(to: writer) }
      try recorded.write(to: writer)
    } findings: {
      try Findings.find(in: file, thresholds: thresholds)
    }
  }

  private static func joined(
    _ guests: [GuestDisk], _ hosts: [HostDevice], _ recorded: [ClockRecord]
  ) -> (disks: [DiskJoin], clocks: [SourceClock]) {
    let join = Join(guests: guests, hosts: hosts, recorded: recorded)
    return (join.disks, join.clocks)
  }

  private static func write(
    _ clocks: [SourceClock], _ disks: [DiskJoin], _ streams: [BlockStream],
    to writer: CorrelationWriter
  ) throws {
    var numbers: [Int64: Int] = [:]
    for clock in clocks {
      for (stretch, relation) in clock.clock.stretches.enumerated() {
        let number = numbers[clock.source, default: 0]
        numbers[clock.source] = number + 1
        try writer.add(
          ClockRow(
            source: clock.source, reference: clock.reference, segment: number,
            stretch: clock.segment, start: clock.clock.start(of: stretch), from: relation.from,
            to: relation.to, offset: relation.offset, driftPPM: relation.driftPPM,
            error: relation.largestError, middleError: relation.middleError,
            method: method(relation), pairs: relation.pairs,
            removedPairs: relation.removedPairs, violations: clock.violations))
      }
    }
    for disk in disks {
      if let device = disk.device {
        for extent in disk.map.extents {
          try writer.add(
            ExtentRow(
              guestStream: disk.disk, hostStream: device, guestSector: extent.guestSector,
              hostSector: extent.hostSector, sectors: extent.sectors, votes: disk.votes,
              feasibleShare: disk.feasibleShare, isGiven: disk.isGiven))
        }
      }
      try writer.add(
        JoinRow(
          guestStream: disk.disk, hostStream: disk.device, verdict: disk.verdict,
          expectedAccidental: disk.expectedAccidental, feasibleShare: disk.feasibleShare,
          runnerUpShare: disk.runnerUpShare))
      for io in disk.ios { try writer.addIO(io.columns) }
    }
    // The stretches of a trace whose clock was set back are one disk: its shares are of all of them.
    let devices = Dictionary(
      uniqueKeysWithValues: streams.map {
        ($0.stream, TracedDisk(source: $0.source, name: $0.device))
      })
    for (_, own) in Dictionary(grouping: disks, by: { devices[$0.disk] }).sorted(by: {
      ($0.value.first?.disk ?? 0) < ($1.value.first?.disk ?? 0)
    }) {
      try writeStatistics(own, to: writer)
    }
  }

  /// A disk in one trace.
  private struct TracedDisk: Hashable {
    let source: Int64
    let name: String
  }

  /// The neighbours of each disk on each device, of all stretches of either trace; the one that used the device
  /// most first.
  private static func merged(
    _ neighbours: [DiskNeighbours.Neighbour], _ streams: [BlockStream]
  ) -> [DiskNeighbours.Neighbour] {
    let devices = Dictionary(
      uniqueKeysWithValues: streams.map {
        ($0.stream, TracedDisk(source: $0.source, name: $0.device))
      })
    struct Pair: Hashable {
      let disk: TracedDisk?
      let device: TracedDisk?
    }
    let groups = Dictionary(grouping: neighbours) {
      Pair(disk: devices[$0.disk], device: devices[$0.device])
    }
    return groups.values.sorted {
      ($0[0].disk, $0[0].device) < ($1[0].disk, $1[0].device)
    }.flatMap(DiskNeighbours.merged)
  }

  private static func method(_ relation: ClockRelation) -> String {
    if relation.recordedMoments == 0 { return "matched requests" }
    return relation.pairs == 0 ? "recorded" : "matched requests, recorded"
  }

  /// The distributions of a disk's hops, what its tail consists of, and what it would be without each; of all
  /// stretches of its trace.
  private static func writeStatistics(_ own: [DiskJoin], to writer: CorrelationWriter) throws {
    guard let disk = own.max(by: { ($0.ios.count, $1.disk) < ($1.ios.count, $0.disk) }) else {
      return
    }
    // Of those that never came to an end nothing is known; a trace may hold nothing else.
    let hops = own.flatMap { $0.ios.lazy.map(\.hops).filter(\.times.isObserved) }
    try HopStatistics.eachGroup(hops, isJoined: own.contains { $0.verdict == .joined }) { op, ios in
      for (hop, statistics) in HopStatistics.hops(ios) {
        try writer.add(
          HopRow(stream: disk.disk, op: op, hop: hop, statistics: statistics))
      }
      for share in TailStatistics.shares(ios) {
        try writer.add(
          TailRow(
            stream: disk.disk, op: op, percentile: share.percentile, hop: share.hop,
            ios: share.ios, mean: share.mean, share: share.share))
      }
      for row in TailStatistics.whatIf(ios) {
        try writer.add(
          WhatIfRow(
            stream: disk.disk, op: op, hop: row.hop, percentile: row.percentile,
            now: row.now, without: row.without))
      }
    }
  }
}

/// A device's stretch of a block trace with its requests.
struct TracedDevice {
  let stream: BlockStream
  let rows: [BlockRequest]
  let bios: [MergedBio]
}

extension DiskNeighbours.Neighbour {
  fileprivate var row: DiskNeighbourRow {
    DiskNeighbourRow(
      guestStream: disk, hostStream: device, comm: comm, requests: requests, bytes: bytes,
      deviceTime: deviceTime, share: share, besideCount: beside.count, besideMean: beside.mean,
      aloneCount: alone.count, aloneMean: alone.mean)
  }
}

extension GuestIO {
  /// The values of its row in `guest_io`, in the order of the writer's columns.
  fileprivate var columns: [Int64] {
    [
      request, isLeading ? 1 : 0, sector < 0 ? .min : sector, sectors, Int64(rwbs.rawValue),
      Int64(operation.rawValue), queued.rawValue, completed.rawValue, reference.rawValue,
      times[.pageCache].rawValue, times[.guestScheduler].rawValue, flush.rawValue,
      requeue.rawValue, times[.virtioSubmit].rawValue, times[.virtioReturn].rawValue,
      submitCPUWait.rawValue, returnCPUWait.rawValue, times[.hostScheduler].rawValue,
      times[.hardwareQueue].rawValue, times[.block].rawValue,
      clockError.rawValue, Int64(grade.rawValue), reason.map { Int64($0.rawValue) } ?? .min,
      Int64(hostRequests), hostRequest ?? .min, deferredRequest ?? .min, deferred.rawValue,
    ]
  }

  fileprivate var hops: HopValues {
    HopValues(
      operation: operation, isSound: grade.isCertain, times: times)
  }
}
