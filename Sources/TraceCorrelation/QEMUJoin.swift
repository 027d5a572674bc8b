public import TraceModel

/// Follows guests' I/Os through QEMU by QEMU's own trace, where no block trace of the host shows their disks.
///
/// QEMU sees the guest's own sectors, and each request of the guest's driver is one request there. So the join is that
/// of two block traces: a request lies within the guest's time at the driver, and all of them bound the clock.
/// QEMU's moments are mapped to the guest's clock, and from there to the timeline of the guest's I/Os.
public struct QEMUJoin: Sendable {
  /// Per guest trace: how its clock becomes that of QEMU's trace, which is its reference.
  public let clocks: [SourceClock]

  private let joined: [DiskJoin]
  private let guests: [GuestDisk]
  private let requests: [Int64: QEMURequest]

  /// Joins these guests' disks with those of traces of QEMU.
  public init(guests: [GuestDisk], disks: [QEMUDisk]) {
    self.guests = guests
    let hasDiscards = guests.contains { $0.rows.contains { $0.operation == .discard } }
    let devices = disks.enumerated().map { number, disk in
      Self.device(disk, stream: Int32(clamping: number), othersAreFlushes: !hasDiscards)
    }
    let join = Join(guests: guests, hosts: devices, atOwnSectors: true)
    (joined, clocks) = (join.disks, join.clocks)
    requests = Dictionary(
      disks.lazy.flatMap(\.requests).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Whether anything was joined.
  public var isEmpty: Bool { !joined.contains { $0.verdict == .joined } }

  /// Gives a guest's disk its way through QEMU; `timeline` maps the guest's clock, nil: it is the timeline.
  public func apply(to disk: inout DiskJoin, timeline: GuestClock?) {
    guard let place = joined.firstIndex(where: { $0.disk == disk.disk }),
      joined[place].verdict == .joined,
      let clock = clocks.first(where: {
        $0.source == guests[place].source && $0.segment == guests[place].segment
      })?.clock, joined[place].ios.count == disk.ios.count
    else { return }
    disk.verdict = .joinedWithQEMU
    disk.feasibleShare = joined[place].feasibleShare
    disk.runnerUpShare = joined[place].runnerUpShare
    disk.expectedAccidental = joined[place].expectedAccidental
    let rows = guests[place].rows
    var row = 0
    for index in disk.ios.indices {
      let found = joined[place].ios[index]
      // Both are in the order of the requests.
      while row < rows.count, rows.id(at: row) < found.request { row += 1 }
      guard row < rows.count, rows.id(at: row) == found.request,
        let request = found.hostRequest.flatMap({ requests[$0] }),
        let issued = rows[row].issued.nanoseconds,
        let completed = rows[row].completed.nanoseconds
      else {
        disk.ios[index].reason = found.reason == .absorbed ? .noCandidate : found.reason
        continue
      }
      disk.ios[index].grade = found.grade
      disk.ios[index].reason = found.reason
      let bound = timeline.map { max($0.error(at: issued), $0.error(at: completed)) } ?? 0
      disk.ios[index].clockError = found.clockError.nanoseconds.map { Stamp($0 + bound) } ?? .unseen
      func mapped(_ own: Int64) -> Int64 { timeline?.reference(own) ?? own }
      func before(_ moment: Int64) -> Int64 { mapped(clock.own(moment, inStretchOf: issued)) }
      func after(_ moment: Int64) -> Int64 { mapped(clock.own(moment, inStretchOf: completed)) }
      // Near a step of the clock it may not be known when it left the guest, or came back. Of a flush there may be no
      // event but its end.
      guard found.times[.virtioQueue].isSeen, let way = Way(request) else { continue }
      var times = disk.ios[index].times
      times[.virtioSubmit] = Stamp(before(way.entered) - mapped(issued))
      times[.virtioReturn] = Stamp(mapped(completed) - after(way.left))
      times[.backend] = Stamp(after(way.answered) - before(way.submitted))
      if way.showsItself {
        times[.qemu] = Stamp(
          before(way.submitted) - before(way.entered) + after(way.left) - after(way.answered))
      }
      disk.ios[index].times = times
    }
  }

  /// A request's way through QEMU, ns on the clock of QEMU's trace: the innermost events that are known bound the
  /// backend, the outermost QEMU.
  private struct Way {
    let entered: Int64
    let submitted: Int64
    let answered: Int64
    let left: Int64
    /// Whether events on either side of the backend show QEMU's own time.
    let showsItself: Bool

    init?(_ request: QEMURequest) {
      guard
        let entered = request.popped.nanoseconds ?? request.handled.nanoseconds,
        let left = request.returned.nanoseconds ?? request.completed.nanoseconds
          ?? request.done.nanoseconds
      else { return nil }
      (self.entered, self.left) = (entered, left)
      let inside = [request.submitted, request.handled].first(where: \.isSeen)?.rawValue
      let outside = [request.done, request.completed].first(where: \.isSeen)?.rawValue
      submitted = inside ?? entered
      answered = outside ?? left
      showsItself = submitted != entered || answered != left || request.done.isSeen
      guard entered <= submitted, submitted <= answered, answered <= left else { return nil }
    }

    /// Only that the guest got its answer: a flush of virtio-blk has no other event where the queue's are switched off.
    init?(endOf request: QEMURequest) {
      guard request.operation == .other, let end = request.completed.nanoseconds else { return nil }
      (entered, submitted, answered, left) = (end, end, end, end)
      showsItself = false
    }
  }

  // MARK: - QEMU's disks as devices

  /// A flush of virtio-blk has no event of its own, but a discard has none either: where the guest sends some, it is not
  /// known which is which.
  private static func device(
    _ disk: QEMUDisk, stream: Int32, othersAreFlushes: Bool
  ) -> HostDevice {
    let rows = disk.requests.compactMap { request -> BlockRequest? in
      guard let way = Way(request) ?? Way(endOf: request) else { return nil }
      var row = BlockRequest()
      row.id = request.id
      row.stream = stream
      // QEMU's log has whole microseconds: the request came in up to one later than it says.
      row.queued = Stamp(way.entered + (way.entered.isMultiple(of: 1000) ? 999 : 0))
      row.issued = Stamp(max(way.submitted, row.queued.rawValue))
      row.completed = Stamp(max(way.left, row.issued.rawValue))
      row.firstIssued = row.issued
      switch request.operation {
      case .read: row.rwbs = .read
      case .write: row.rwbs = .write
      case .other:
        guard request.sectors == 0 || othersAreFlushes && request.sectors < 0 else { return nil }
        row.rwbs = .flush
        row.traits = .flush
      }
      if request.operation != .other {
        guard request.sector >= 0, request.sectors > 0 else { return nil }
        (row.sector, row.sectors) = (request.sector, request.sectors)
      }
      return row
    }
    return HostDevice(
      stream: stream, source: disk.source, rows: rows, bios: [], remapDeltas: [], losses: [],
      first: disk.span.lowerBound, last: disk.span.upperBound)
  }
}
