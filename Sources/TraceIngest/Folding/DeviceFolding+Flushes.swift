internal import TraceModel

/// Flushes, whose events have no address: bios that are nothing else, the flush that a write with preflush
/// waits for, and the one after a FUA write.
extension DeviceFolding {
  /// `D  FN [kworker/0:1H]`: the flush machinery sends a flush, for a bio that is nothing else, before a
  /// write with preflush, or after a FUA write.
  mutating func flushIssued(_ event: BlockEvent) throws {
    var flush = try begin(event).row
    flush.traits.insert(.flush)
    flush.sector = -1
    flush.firstIssued = Stamp(event.time)
    flush.issued = Stamp(event.time)
    flush.issuedCPU = event.knownCPU
    try dropLostFlushes(leaving: 0)
    markTogether(with: &flush)
    if let back = flushes.firstIndex(where: { !$0.issued.isSeen }) {
      flushes[back].traits.formUnion(flush.traits)
      flushes[back].issued = flush.issued
      flushes[back].issuedCPU = flush.issuedCPU
      return
    }
    if let bio = try flushBio(of: event, where: { !$0.row.issued.isSeen }) {
      open[bio].row.traits.formUnion(flush.traits)
      if !open[bio].row.traits.contains(.requeued) { open[bio].row.firstIssued = flush.issued }
      open[bio].row.issued = flush.issued
      open[bio].row.issuedCPU = flush.issuedCPU
      open[bio].phase = .issued
      return
    }
    for index in awaitingPreflush where !open[index].row.flushIssued.isSeen {
      open[index].row.flushIssued = flush.issued
    }
    flushes.append(flush)
    if flushes.count > Self.mostFlushes {
      output.givenUp += 1
      try output.emit(numbered(flushes.removeFirst()))
    }
  }

  /// `R  FN 0 [0]`: the driver gave back the flush that it was handed last; another D follows.
  mutating func flushRequeued() {
    if let bio = flushBios.last(where: {
      open[$0].row.issued.isSeen && !open[$0].row.completed.isSeen
    }) {
      open[bio].row.traits.insert(.requeued)
      open[bio].row.issued = .unseen
    } else if let place = flushes.lastIndex(where: { $0.issued.isSeen }) {
      flushes[place].traits.insert(.requeued)
      flushes[place].issued = .unseen
    }
  }

  /// The flush bio that an event without an address is of: that of its thread, for a driver that takes a
  /// flush at once has its D written by the thread of its Q; else the oldest.
  mutating func flushBio(
    of event: BlockEvent, where isNext: (OpenRequest) -> Bool
  ) throws -> Int32? {
    let candidates = flushBios.filter { isNext(open[$0]) }
    guard candidates.count > 1 else { return candidates.first }
    let task = try output.task(pid: event.pid, name: event.task)
    return candidates.first { open[$0].row.task == task } ?? candidates.first
  }

  /// Ends the oldest flushes at the device of which the completion was lost, until so many are left.
  ///
  /// A flush has no address, so that one without its completion would take that of the next, and each after it that of
  /// its next, to the end of the trace. Where flushes hardly ever meet at the device and events were lost, a flush that
  /// meets another has lost its completion.
  private mutating func dropLostFlushes(leaving count: Int) throws {
    guard lostUntil > .min, flushesTogether * Self.flushesPerMeeting < flushesAlone else { return }
    while true {
      let bios = flushBios.filter { open[$0].row.issued.isSeen && !open[$0].row.completed.isSeen }
      let others = flushes.indices.filter { flushes[$0].issued.isSeen }
      guard bios.count + others.count > count else { return }
      let bioIssued = bios.first.map { open[$0].row.issued.rawValue } ?? .max
      let otherIssued = others.first.map { flushes[$0].issued.rawValue } ?? .max
      guard min(bioIssued, otherIssued) <= lostUntil else { return }
      if let bio = bios.first, bioIssued <= otherIssued {
        open[bio].row.traits.insert(.lossy)
        try emit(bio, isEnd: true)
      } else if let place = others.first {
        var lost = flushes.remove(at: place)
        lost.traits.insert(.lossy)
        try output.emit(numbered(lost))
      }
    }
  }

  /// Flushes have no address: of several at the device together, which completion is whose cannot be told.
  private mutating func markTogether(with flush: inout BlockRequest) {
    defer {
      if flush.traits.contains(.aliased) { flushesTogether += 1 } else { flushesAlone += 1 }
    }
    for bio in flushBios
    where open[bio].row.issued.isSeen && !open[bio].row.completed.isSeen {
      open[bio].row.traits.insert(.aliased)
      flush.traits.insert(.aliased)
    }
    for other in flushes.indices where flushes[other].issued.isSeen {
      flushes[other].traits.insert(.aliased)
      flush.traits.insert(.aliased)
    }
  }

  /// `C  FN 0 [0]` ends a flush; `C WSM 1054536 [0]` a FUA write whose data and flush are done;
  /// `C  WS 0 [0]` an empty flush bio.
  mutating func completedWithoutLength(_ event: BlockEvent) throws {
    if try completedBareFlush(event) { return }
    if event.rwbs.contains(.preflush) || event.rwbs.contains(.flush) {
      try dropLostFlushes(leaving: 1)
      let place = flushes.firstIndex { $0.issued.isSeen }
      let bio = flushBios.first {
        open[$0].row.issued.isSeen && !open[$0].row.completed.isSeen
      }
      // Of several the one that was issued first.
      let issued = place.map { flushes[$0].issued.rawValue } ?? .max
      if let bio, open[bio].row.issued.rawValue <= issued {
        open[bio].row.completed = Stamp(event.time)
        open[bio].row.completedCPU = event.knownCPU
        open[bio].row.error = event.error
        lastFlush = open[bio].row
        return
      }
      for index in awaitingPreflush where open[index].row.flushIssued.isSeen {
        open[index].row.flushCompleted = Stamp(event.time)
      }
      // One that was given back and whose next D was lost, or one from before the trace.
      var flush =
        flushes.isEmpty ? try begin(event).row : flushes.remove(at: place ?? 0)
      flush.traits.insert(.flush)
      flush.sector = -1
      flush.completed = Stamp(event.time)
      flush.completedCPU = event.knownCPU
      flush.error = event.error
      try output.emit(numbered(flush))
      return
    }
    if let position = finishing.firstIndex(where: { open[$0].row.sector == event.sector }) {
      let index = finishing.remove(at: position)
      open[index].row.finished = Stamp(event.time)
      try emit(index)
      return
    }
    let isDone = flushBios.firstIndex { open[$0].row.completed.isSeen }
    if let position = isDone ?? flushBios.firstIndex(where: { wentAlong(open[$0].row) }) {
      let bio = flushBios.remove(at: position)
      if isDone == nil { share(lastFlush, with: bio) }
      open[bio].row.finished = Stamp(event.time)
      try emit(bio)
    }
  }

  /// `C FWS 0 [0]` on a device that has bios and no requests (device-mapper, md, bcache): its flushes have a Q and a C.
  /// They have no address, so the oldest is taken. The flush machinery of a device with requests prints `C FN`, which
  /// is no end of a bio.
  private mutating func completedBareFlush(_ event: BlockEvent) throws -> Bool {
    guard !hasRequests, let bio = flushBios.first,
      open[bio].row.rwbs.contains(.write) == event.rwbs.contains(.write)
    else { return false }
    if flushBios.count > 1 {
      // Which completion is whose cannot be told.
      for other in flushBios { open[other].row.traits.insert(.aliased) }
    }
    flushBios.removeFirst()
    open[bio].row.completed = Stamp(event.time)
    open[bio].row.completedCPU = event.knownCPU
    open[bio].row.error = event.error
    try emit(bio)
    return true
  }

  /// Bios that wait while a flush is at the device all go with the next one, which has one `D FN` and one
  /// `C FN`, and each its own `C WS 0 [0]`.
  private func wentAlong(_ row: BlockRequest) -> Bool {
    guard let queued = row.queued.nanoseconds, let issued = lastFlush.issued.nanoseconds else {
      return false
    }
    return !row.issued.isSeen && queued <= issued
  }

  private mutating func share(_ flush: BlockRequest, with bio: Int32) {
    open[bio].row.firstIssued = flush.issued
    open[bio].row.issued = flush.issued
    open[bio].row.issuedCPU = flush.issuedCPU
    open[bio].row.completed = flush.completed
    open[bio].row.completedCPU = flush.completedCPU
    open[bio].row.error = flush.error
    open[bio].row.traits.formUnion(flush.traits.intersection([.aliased, .acrossStep]))
    open[bio].phase = .issued
  }
}
