internal import TraceModel

/// Makes the rows of the `io` view out of a disk's requests and their matches.
struct HopRows {
  let disk: GuestDisk
  let clock: GuestClock?

  /// One row per bio, and one per flush that the guest's block layer sent by itself.
  func make(_ pending: PendingDisk, host devices: [HostSide], flushes: [Int32: FlushMatching.Match])
    -> GuestIOs
  {
    var matchOf = [Int32](repeating: -1, count: disk.rows.count)
    for (place, row) in pending.rows.enumerated() {
      matchOf[Int(row)] = Int32(truncatingIfNeeded: place)
    }
    let numbers = RowNumbers(disk.rows, disk.bios)
    var bios: [Int64: [MergedBio]] = [:]
    for bio in disk.bios { bios[bio.request, default: []].append(bio) }
    let device = pending.device.map { devices[$0] }
    let isQueueTraced = disk.rows.contains { $0.queued.isSeen && $0.sector >= 0 }
    var rows: GuestIOs = []
    rows.reserveCapacity(disk.rows.count + disk.bios.count)
    for (index, request) in disk.rows.enumerated() where isIO(request) {
      let merged = numbers.hasBios(index) ? bios[request.id] ?? [] : []
      let place = Int(matchOf[index])
      let match = place < 0 ? nil : pending.outcome.matches[place]
      let isUnmapped = place >= 0 && pending.outcome.unmapped[place]
      let cached = pending.cached.isEmpty ? nil : pending.cached[place]
      var side: HostTimes?
      if let match, let device {
        side = HostTimes(match, device)
      } else if let flush = flushes[Int32(index)], let device {
        side = HostTimes(flush, device)
      }
      // Its times before and after the step do not compare, neither with each other nor with the host's.
      if request.traits.contains(.acrossStep) { side = nil }
      for turn in 0...merged.count {
        let bio = turn == 0 ? nil : merged[turn - 1]
        var row = base(request, bio)
        if turn == 0, !merged.isEmpty {
          (row.sector, row.sectors) = leadingRange(request, merged)
        }
        fill(&row, request, side)
        if !isQueueTraced { fillDriver(&row, request) }
        if let match, match.pieces.isEmpty {
          row.grade = .ambiguous
        } else if side == nil {
          row.reason = reason(request, device, isUnmapped: isUnmapped)
        }
        if let device, let deferred = cached {
          absorb(&row, request, deferred, device)
        }
        rows.append(row)
      }
    }
    return rows
  }

  /// A row of a request that was only seen ending is no I/O: nothing of it could be said.
  private func isIO(_ request: BlockRequest) -> Bool {
    request.queued.isSeen || request.issued.isSeen
  }

  private func base(_ request: BlockRequest, _ bio: MergedBio?) -> GuestIO {
    var row = GuestIO()
    row.request = request.id
    row.isLeading = bio == nil
    row.sector = bio?.sector ?? request.sector
    row.sectors = bio?.sectors ?? request.sectors
    row.rwbs = bio?.rwbs ?? request.rwbs
    row.operation = request.operation
    row.completed = request.completed
    row.queued = bio?.queued ?? request.queued
    // A flush that the block layer sends by itself begins with its D.
    if bio == nil, request.operation == .flush, !request.queued.isSeen {
      row.queued = request.issued
    }
    return row
  }

  /// What is left of a request's range without its merged bios.
  private func leadingRange(
    _ request: BlockRequest, _ merged: [MergedBio]
  ) -> (Int64, Int64) {
    var sector = request.sector
    var sectors = request.sectors
    for bio in merged {
      if bio.sector == sector { sector += bio.sectors }
      sectors -= bio.sectors
    }
    return (sector, sectors)
  }

  private func fill(_ row: inout GuestIO, _ request: BlockRequest, _ side: HostTimes?) {
    func mapped(_ stamp: Stamp) -> Int64? {
      stamp.nanoseconds.map { clock?.reference($0) ?? $0 }
    }
    let t1 = mapped(row.queued)
    let t3 = mapped(request.issued)
    let t7 = mapped(request.completed)
    if let clock, let moment = t1 ?? t3 {
      row.reference = Stamp(moment)
      let own = row.queued.nanoseconds ?? request.issued.nanoseconds ?? 0
      row.clockError = Stamp(
        max(
          clock.error(at: own),
          request.completed.nanoseconds.map { clock.error(at: $0) } ?? 0))
    }
    guard !request.traits.contains(.acrossStep) else { return }
    if let t1, let t3, !isUnclear(row.queued, request.issued) {
      row.times[.guestScheduler] = Stamp(t3 - t1)
    }
    if let t1, let t7, !isUnclear(row.queued, request.completed) {
      row.times[.block] = Stamp(t7 - t1)
    }
    if let from = request.flushIssued.nanoseconds, let to = request.flushCompleted.nanoseconds {
      row.flush = Stamp(to - from)
    }
    if request.traits.contains(.requeued), let first = mapped(request.firstIssued), let t3 {
      row.requeue = Stamp(t3 - first)
    }
    guard let side, let t3, let t7, let issued = request.issued.nanoseconds,
      let completed = request.completed.nanoseconds
    else { return }
    // Under way when the clock stepped: on which side of the step it began or ended decides all of H3.
    let own = completed - issued
    if clock?.isUnclear(at: issued, besides: own) != true {
      row.times[.virtioSubmit] = Stamp(side.queued - t3)
    }
    if clock?.isUnclear(at: completed, besides: own) != true {
      row.times[.virtioReturn] = Stamp(t7 - side.completed)
    }
    // Below zero at a step says on which side of it the request was not. Elsewhere it says that the match is
    // wrong, and stays.
    if let both = row.times[.virtioQueue].nanoseconds, both < 0,
      clock?.mayHoldStep(from: issued, to: completed) == true
    {
      (row.times[.virtioSubmit], row.times[.virtioReturn]) = (.unseen, .unseen)
    }
    if !row.times[.virtioQueue].isSeen { row.times[.block] = .unseen }
    row.times[.hostScheduler] = Stamp(side.issued - side.queued)
    row.times[.hardwareQueue] = Stamp(side.completed - side.issued)
    row.grade = side.grade
    row.hostRequests = side.requests
    row.hostRequest = side.request
  }

  /// A trace of D and C alone (`perf record -e block:block_rq_issue,block:block_rq_complete`).
  private func fillDriver(_ row: inout GuestIO, _ request: BlockRequest) {
    guard request.operation != .flush, !request.traits.contains(.acrossStep),
      let issued = request.issued.nanoseconds, let completed = request.completed.nanoseconds,
      !isUnclear(request.issued, request.completed)
    else { return }
    let from = clock?.reference(issued) ?? issued
    row.times.driver = Stamp((clock?.reference(completed) ?? completed) - from)
  }

  private func isUnclear(_ from: Stamp, _ to: Stamp) -> Bool {
    guard let clock, let from = from.nanoseconds, let to = to.nanoseconds else { return false }
    return clock.isUnclear(from: from, to: to)
  }

  /// The host's page cache had it: its way ends at H3.
  private func absorb(
    _ row: inout GuestIO, _ request: BlockRequest, _ deferred: HostCache.Deferred?,
    _ device: HostSide
  ) {
    row.grade = .absorbed
    row.reason = .absorbed
    guard let deferred, let clock, let completed = request.completed.nanoseconds else { return }
    row.deferredRequest = device.rows.rows[Int(deferred.row)].id
    row.deferred = Stamp(deferred.completed - clock.reference(completed))
  }

  private func reason(
    _ request: BlockRequest, _ device: HostSide?, isUnmapped: Bool
  ) -> UnmatchedReason {
    if request.traits.contains(.lossy) { return .lostEvents }
    guard let issued = request.issued.nanoseconds else {
      return .afterEnd
    }
    guard let completed = request.completed.nanoseconds else { return .afterEnd }
    guard let device, let clock else { return .noMapping }
    let from = clock.reference(issued) - clock.error(at: issued)
    // A request across a step of the clock may end before it began.
    let to = max(from, clock.reference(completed) + clock.error(at: completed))
    if from < device.span.lowerBound { return .beforeStart }
    if to > device.span.upperBound { return .afterEnd }
    if isUnmapped { return .noMapping }
    if device.rows.hasLosses(in: from...to) { return .lostEvents }
    return .noCandidate
  }
}

/// The host's side of one guest request: the times of the part of its bios that completes last.
private struct HostTimes {
  let queued: Int64
  let issued: Int64
  let completed: Int64
  let grade: MatchGrade
  let requests: Int
  let request: Int64

  init?(_ match: RequestMatching.Match, _ device: HostSide) {
    var last: HostPiece?
    for place in match.pieces {
      let piece = device.pieces[Int(device.pieces[Int(place)].last)]
      if piece.completed > last?.completed ?? .min { last = piece }
    }
    guard let critical = last else { return nil }
    queued = critical.queued
    issued = critical.issued
    completed = critical.completed
    grade = match.grade
    requests =
      match.pieces.count == 1 ? 1 : Set(match.pieces.map { device.pieces[Int($0)].row }).count
    request = device.rows.rows[Int(critical.row)].id
  }

  /// A flush.
  init?(_ flush: FlushMatching.Match, _ device: HostSide) {
    let row = device.rows.rows[Int(flush.row)]
    guard let queued = row.queued.nanoseconds, let issued = row.issued.nanoseconds else {
      return nil
    }
    self.queued = queued
    self.issued = issued
    completed = flush.completed
    grade = flush.isCertain ? .exact : .ambiguous
    requests = 1
    request = row.id
  }
}
