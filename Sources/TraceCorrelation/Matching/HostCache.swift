internal import TraceModel

/// Tells which I/Os of a guest the host's page cache took or served, and when it wrote what it took.
///
/// With `cache=writeback` a guest's write is complete once the host has copied it into its memory: nothing
/// happens on the host's device within its time. A thread of the host's writes the pages later, as soon as the
/// guest flushes or seconds after, and several writes of a page as one. So it is the later write of the
/// same sectors, which no request of the guest has in its own time, that shows the cache; one that is never
/// seen to be written proves nothing by itself.
struct HostCache {
  /// The host's later write of what a guest's write left in the cache.
  struct Deferred {
    /// The place of its request in the device's rows: of several, the one that ended last.
    let row: Int32
    /// When that ended: all of the guest's write is on the disk, ns on the reference.
    let completed: Int64
  }

  /// Per guest request that the cache took or served: its later write, nil for reads and where the trace
  /// ended first.
  private(set) var requests: [Int: Deferred?] = [:]

  /// So many writes must be seen to be written later before the cache is taken as there.
  private static let fewest = 3
  /// The first stretch of time in which a later write is looked for, ns; then twice as much, and so on.
  private static let firstReach: Int64 = 1_000_000_000
  /// How many pieces are looked at for one of them.
  private static let mostLooks = 1 << 14

  /// Looks at the requests of a disk that nothing on the device fits.
  init(
    _ guest: [GuestRequest], _ outcome: RequestMatching.Outcome, _ device: HostSide,
    _ map: ExtentMap, _ clock: GuestClock
  ) {
    let open = guest.indices.filter { place in
      outcome.matches[place] == nil && !outcome.unmapped[place] && !guest[place].isLossy
        && Self.isCovered(guest[place], device, clock)
    }
    guard !open.isEmpty else { return }
    var claimed = [Bool](repeating: false, count: device.pieces.count)
    var direct = 0
    for (request, match) in zip(guest, outcome.matches) {
      guard let match else { continue }
      for piece in match.pieces { claimed[Int(piece)] = true }
      if request.operation == .write { direct += 1 }
    }
    var later: [Int: Deferred] = [:]
    for place in open where guest[place].operation == .write {
      later[place] = Self.deferred(guest[place], device, map, clock, claimed)
    }
    // Without the cache each write has its own on the host; then a later write of the same sectors is that
    // of another request of which a trace is missing.
    let isWritten = later.count >= Self.fewest && later.count > direct
    let quickest = device.pieces.lazy.filter { $0.operation == .read }
      .map { $0.completed - $0.queued }.min()
    for place in open {
      switch guest[place].operation {
      case .write where isWritten: requests[place] = .some(later[place])
      case .read:
        let duration = guest[place].completed - guest[place].issued
        // `cache=writethrough` keeps only what is read: no device answers as fast.
        if isWritten || quickest.map({ duration < $0 }) == true {
          requests[place] = .some(nil)
        }
      default: break
      }
    }
  }

  /// Whether the device would show whatever the request caused there.
  private static func isCovered(
    _ request: GuestRequest, _ device: HostSide, _ clock: GuestClock
  ) -> Bool {
    let from = clock.reference(request.issued) - clock.error(at: request.issued)
    let to = max(from, clock.reference(request.completed) + clock.error(at: request.completed))
    return from >= device.span.lowerBound && to <= device.span.upperBound
      && !device.rows.hasLosses(in: from...to)
  }

  /// The first later writes that no guest request has in its own time and that hold all of the sectors.
  private static func deferred(
    _ request: GuestRequest, _ device: HostSide, _ map: ExtentMap, _ clock: GuestClock,
    _ claimed: [Bool]
  ) -> Deferred? {
    guard let ranges = map.translate(request.sector, request.sectors) else { return nil }
    let from = clock.reference(request.issued) - clock.error(at: request.issued)
    let end = device.span.upperBound
    var reach = firstReach
    var looks = mostLooks
    while true {
      let to = min(end, from + reach)
      if let found = cover(ranges, from, to, device, claimed, &looks) { return found }
      guard to < end, looks > 0 else { return nil }
      reach *= 2
    }
  }

  private static func cover(
    _ ranges: [Range<Int64>], _ from: Int64, _ to: Int64, _ device: HostSide,
    _ claimed: [Bool], _ looks: inout Int
  ) -> Deferred? {
    var pieces = Set<Int32>()
    for range in ranges {
      let isWhole = device.index.forEach(
        overlapping: range, queuedFrom: from, to: to, looks: &looks
      ) {
        if device.pieces[Int($0)].operation == .write, !claimed[Int($0)] { pieces.insert($0) }
      }
      guard isWhole else { return nil }
    }
    var missing = ranges
    var last: HostPiece?
    // The pieces are numbered in order of arrival.
    for place in pieces.sorted() {
      let piece = device.pieces[Int(place)]
      let written = piece.sector..<piece.end
      guard missing.contains(where: { $0.overlaps(written) }) else { continue }
      missing = missing.flatMap { part -> [Range<Int64>] in
        guard part.overlaps(written) else { return [part] }
        return [
          part.lowerBound..<max(part.lowerBound, written.lowerBound),
          min(part.upperBound, written.upperBound)..<part.upperBound,
        ].filter { !$0.isEmpty }
      }
      if piece.completed > last?.completed ?? .min { last = piece }
      if missing.isEmpty { break }
    }
    guard missing.isEmpty, let last else { return nil }
    return Deferred(row: last.row, completed: last.completed)
  }
}
