internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Guests' disks joined with hosts' devices: where they lie, how the clocks relate, and each I/O with its hops.
struct BlockJoin: CorrelationPass {
  static let fills = [
    "clock_relation", "device_extent", "guest_io", "hop_quantile", "hop_without", "io_sum",
    "join_summary", "longest_io", "tail_share",
  ]

  init(_ context: CorrelationContext) throws {
    let records = try context.recordedClocks().records
    (context.disks, context.clocks) = Self.joined(context.guests, context.hosts, records)
    let hasHostBios = !context.hosts.isEmpty
    guard !hasHostBios,
      context.streams.contains(where: { $0.machine.layer == .host && $0.requests > 0 })
    else { return }
    for place in context.disks.indices where context.disks[place].verdict == .noHost {
      context.disks[place].verdict = .noHostBios
    }
  }

  /// Taken out of the join, which goes: the I/Os of all disks are filled in by other passes, and held once.
  private static func joined(
    _ guests: [GuestDisk], _ hosts: [HostDevice], _ recorded: [ClockRecord]
  ) -> (disks: [DiskJoin], clocks: [SourceClock]) {
    let join = Join(guests: guests, hosts: hosts, recorded: recorded)
    return (join.disks, join.clocks)
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    var numbers: [Int64: Int] = [:]
    for clock in context.clocks {
      for (stretch, relation) in clock.clock.stretches.enumerated() {
        let number = numbers[clock.source, default: 0]
        numbers[clock.source] = number + 1
        try writer.add(
          ClockRow(
            source: clock.source, reference: clock.reference, segment: number,
            stretch: clock.segment, start: clock.clock.start(of: stretch), from: relation.from,
            to: relation.to, offset: relation.offset, driftPPM: relation.driftPPM,
            error: relation.largestError, middleError: relation.middleError,
            method: Self.method(relation), pairs: relation.pairs,
            removedPairs: relation.removedPairs, violations: clock.violations))
      }
    }
    var written: Int64 = 0
    for disk in context.disks {
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
      try writer.add(disk.ios, to: "guest_io", GuestIO.columns)
      try IOSums(disk.ios).write(of: disk.disk, to: writer)
      // The table was empty, so that SQLite numbers them from 1.
      try LongestIOs(disk.ios, from: written + 1).write(of: disk.disk, to: writer)
      written += Int64(disk.ios.count)
    }
    // The stretches of a trace whose clock was set back are one disk: its shares are of all of them.
    let devices = Dictionary(
      uniqueKeysWithValues: context.streams.map { ($0.stream, TracedDisk($0)) })
    for (_, own) in Dictionary(grouping: context.disks, by: { devices[$0.disk] }).sorted(by: {
      ($0.value.first?.disk ?? 0) < ($1.value.first?.disk ?? 0)
    }) {
      try Self.writeStatistics(own, to: writer)
    }
  }

  /// How a relation is called that trace-cmd recorded.
  static let timeShift = "time shift"

  private static func method(_ relation: ClockRelation) -> String {
    if relation.isExact {
      return relation.pairs == 0 ? timeShift : timeShift + ", matched requests"
    }
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
    let hops = own.lazy.flatMap(\.ios).filter(\.times.isObserved).map(\.hops)
    try HopStatistics.eachGroup(hops, isJoined: own.contains { $0.verdict.isFollowed }) {
      op, numbers in
      for (hop, statistics) in numbers.hops {
        try writer.add(
          HopRow(stream: disk.disk, op: op, hop: hop, statistics: statistics))
      }
      for share in numbers.tail {
        try writer.add(
          TailRow(
            stream: disk.disk, op: op, percentile: share.percentile, hop: share.hop,
            ios: share.ios, mean: share.mean, share: share.share))
      }
      for row in numbers.whatIf {
        try writer.add(
          WhatIfRow(
            stream: disk.disk, op: op, hop: row.hop, percentile: row.percentile,
            now: row.now, without: row.without))
      }
    }
  }
}

/// A disk in one trace.
struct TracedDisk: Hashable {
  let source: Int64
  let name: String

  init(_ stream: BlockStream) {
    (source, name) = (stream.source, stream.device)
  }
}

extension GuestIO {
  /// The columns of its row in `guest_io`; `Int64.min` is NULL. The table is in `schema/tables.sql`.
  fileprivate static let columns: [(name: String, value: @Sendable (GuestIO) -> Int64)] = [
    ("request_id", { $0.request }),
    ("leading", { $0.isLeading ? 1 : 0 }),
    ("sector", { $0.sector < 0 ? .min : $0.sector }),
    ("sectors", { $0.sectors }),
    ("rwbs", { Int64($0.rwbs.rawValue) }),
    ("op", { Int64($0.operation.rawValue) }),
    ("queued_at_ns", { $0.queued.rawValue }),
    ("completed_at_ns", { $0.completed.rawValue }),
    ("reference_ns", { $0.reference.rawValue }),
    ("page_cache_ns", { $0.times[.pageCache].rawValue }),
    ("guest_scheduler_ns", { $0.times[.guestScheduler].rawValue }),
    ("flush_ns", { $0.flush.rawValue }),
    ("requeue_ns", { $0.requeue.rawValue }),
    ("virtio_submit_ns", { $0.times[.virtioSubmit].rawValue }),
    ("virtio_return_ns", { $0.times[.virtioReturn].rawValue }),
    ("submit_cpu_wait_ns", { $0.submitCPUWait.rawValue }),
    ("return_cpu_wait_ns", { $0.returnCPUWait.rawValue }),
    ("host_scheduler_ns", { $0.times[.hostScheduler].rawValue }),
    ("hardware_queue_ns", { $0.times[.hardwareQueue].rawValue }),
    ("qemu_ns", { $0.times[.qemu].rawValue }),
    ("backend_ns", { $0.times[.backend].rawValue }),
    ("block_ns", { $0.times[.block].rawValue }),
    ("clock_error_ns", { $0.clockError.rawValue }),
    ("match_grade", { Int64($0.grade.rawValue) }),
    ("match_reason", { $0.reason.map { Int64($0.rawValue) } ?? .min }),
    ("host_requests", { Int64($0.hostRequests) }),
    ("host_request_id", { $0.hostRequest ?? .min }),
    ("deferred_request_id", { $0.deferredRequest ?? .min }),
    ("deferred_ns", { $0.deferred.rawValue }),
  ]

  fileprivate var hops: HopValues {
    HopValues(
      operation: operation, isSound: grade.isCertain, times: times)
  }
}
