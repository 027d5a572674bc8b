internal import TraceModel

/// Joins flushes, which have no address: a host flush belongs to the guest flush in whose time it lies, when
/// no other fits. Looked at over all guests of a host together, for a flush on the host does not say whose
/// it is; but a thread that carried the data of one disk alone does not flush for another.
struct FlushMatching {
  private struct GuestFlush {
    let disk: Int32
    let row: Int32
    let low: Int64
    let window: FlushEnds.Window
    let device: Int32
    let isAliased: Bool
  }

  private struct HostFlush {
    let row: Int32
    let queued: Int64
    let end: Int64
    let task: Int32
    /// Another flush was at the device together with it: the end may be the other's.
    let isAliased: Bool
  }

  private var guests: [GuestFlush] = []
  private var hosts: [Int32: [HostFlush]] = [:]
  /// Per host device: all flushes that were there with others, those of the block layer itself, too.
  private var claims: [Int32: [FlushEnds.Claim]] = [:]
  /// Per host device: how many pieces of each disk a thread queued.
  private var carried: Carried = [:]
  /// Per disk: the place of the guest's flush in its rows, to that of the host's.
  private(set) var matches: [Int32: [Int32: Match]] = [:]

  /// By device and thread: I/Os of each disk.
  private typealias Carried = [Int32: [Int32: [Int32: Int]]]
  /// By device and thread: the disk that it works for.
  private typealias Owners = [Int32: [Int32: Int32]]

  /// A guest's flush on the host.
  struct Match {
    /// The place of the host's flush in its device's rows.
    let row: Int32
    /// `C` there, ns on the reference.
    let completed: Int64
    /// Whether that is no other's.
    let isCertain: Bool
  }

  /// Pieces of one disk, and their share, from which on a thread is that disk's.
  private static let leastCarried = 8
  private static let leastShare = 0.99

  /// Adds a disk's flushes and those of the device it lies on; the outcome of its data says whose threads
  /// are whose.
  mutating func add(
    _ disk: GuestDisk, _ device: HostSide, _ clock: GuestClock, _ outcome: RequestMatching.Outcome
  ) {
    for case let match? in outcome.matches where match.grade != .ambiguous {
      for piece in match.pieces {
        let task = device.pieces[Int(piece)].task
        carried[device.rows.stream, default: [:]][task, default: [:]][disk.stream, default: 0] += 1
      }
    }
    for (index, row) in disk.rows.enumerated()
    where row.operation == .flush && !row.traits.contains(.acrossStep) {
      guard let issued = row.issued.nanoseconds, let completed = row.completed.nanoseconds else {
        continue
      }
      guests.append(
        GuestFlush(
          disk: disk.stream, row: Int32(index),
          low: clock.bounds(at: issued).lowerBound,
          window: FlushEnds.Window(
            high: clock.bounds(at: completed).upperBound,
            duration: clock.longest(from: issued, to: completed)),
          device: device.rows.stream, isAliased: row.traits.contains(.aliased)))
    }
    guard hosts[device.rows.stream] == nil else { return }
    var flushes: [HostFlush] = []
    var together: [FlushEnds.Claim] = []
    for (index, row) in device.rows.rows.enumerated()
    where row.operation == .flush && !row.traits.contains(.acrossStep) {
      guard let issued = row.issued.nanoseconds else { continue }
      if row.traits.contains(.aliased) {
        together.append(
          FlushEnds.Claim(
            row: Int32(index), queued: row.queued.nanoseconds ?? issued, issued: issued,
            end: row.completed.nanoseconds))
      }
      guard let queued = row.queued.nanoseconds, let completed = row.completed.nanoseconds else {
        continue
      }
      flushes.append(
        HostFlush(
          row: Int32(index), queued: queued, end: completed, task: row.task,
          isAliased: row.traits.contains(.aliased)))
    }
    hosts[device.rows.stream] = flushes.sorted { $0.queued < $1.queued }
    claims[device.rows.stream] = together
  }

  /// The threads that were seen to work for one disk alone.
  private func owners(_ carried: Carried) -> Owners {
    carried.mapValues { threads in
      threads.compactMapValues { disks in
        guard let most = disks.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else {
          return nil
        }
        let all = disks.values.reduce(0, +)
        let isOwn = Double(most.value) >= Self.leastShare * Double(all)
        return most.value >= Self.leastCarried && isOwn ? most.key : nil
      }
    }
  }

  /// Settles those of which only one fits. What is settled shows whose threads flush, for pools of workers
  /// carry no data; so again, until that is known.
  mutating func settle() {
    guests.sort { ($0.low, $0.disk, $0.row) < ($1.low, $1.disk, $1.row) }
    var owned = owners(carried)
    while true {
      let found = settle(owned)
      var seen = carried
      for (guest, host) in found {
        seen[guest.device, default: [:]][host.task, default: [:]][guest.disk, default: 0] += 1
      }
      let known = owners(seen)
      if known.values.reduce(0, { $0 + $1.count }) <= owned.values.reduce(0, { $0 + $1.count }) {
        match(found)
        return
      }
      owned = known
    }
  }

  /// Those of which only one fits, again and again, until nothing changes.
  private func settle(_ owners: Owners) -> [(guest: GuestFlush, host: HostFlush)] {
    var fits: [[Int32]] = guests.map { guest in
      let flushes = hosts[guest.device] ?? []
      var low = 0
      var high = flushes.count
      while low < high {
        let middle = (low + high) / 2
        if flushes[middle].queued < guest.low { low = middle + 1 } else { high = middle }
      }
      var found: [Int32] = []
      while low < flushes.count, flushes[low].queued <= guest.window.high {
        let flush = flushes[low]
        let owner = owners[guest.device]?[flush.task] ?? guest.disk
        // Where an end may be another's, the beginning alone decides who competes.
        if owner == guest.disk,
          guest.isAliased || flush.isAliased
            || guest.window.holds(from: flush.queued, to: flush.end)
        {
          found.append(Int32(low))
        }
        low += 1
      }
      return found
    }
    var wantedBy: [Int32: [Int32: [Int]]] = [:]
    for (place, guest) in guests.enumerated() {
      for host in fits[place] {
        wantedBy[guest.device, default: [:]][host, default: []].append(place)
      }
    }
    var found: [(guest: GuestFlush, host: HostFlush)] = []
    var pending = guests.indices.filter { fits[$0].count == 1 }
    var done = Set<Int>()
    while let place = pending.popLast() {
      guard fits[place].count == 1, let host = fits[place].first, done.insert(place).inserted
      else { continue }
      let guest = guests[place]
      let rivals = (wantedBy[guest.device]?[host] ?? []).filter {
        $0 != place && !done.contains($0)
      }
      // Another that has no choice either: whose it is cannot be told.
      if rivals.contains(where: { fits[$0] == [host] }) {
        fits[place] = []
        for rival in rivals { fits[rival].removeAll { $0 == host } }
        continue
      }
      if let flush = hosts[guest.device]?[Int(host)] { found.append((guest, flush)) }
      for rival in rivals {
        fits[rival].removeAll { $0 == host }
        if fits[rival].count == 1 { pending.append(rival) }
      }
    }
    return found
  }

  /// With the ends that are theirs.
  private mutating func match(_ found: [(guest: GuestFlush, host: HostFlush)]) {
    for (device, claims) in claims {
      let own = found.filter { $0.guest.device == device }
      let guestOf = Dictionary(uniqueKeysWithValues: own.map { ($0.host.row, $0.guest) })
      let ends = FlushEnds(
        claims.map { claim in
          var claim = claim
          if let guest = guestOf[claim.row], !guest.isAliased { claim.guest = guest.window }
          return claim
        }
      ).ends
      for (guest, host) in own {
        let end =
          host.isAliased ? ends[host.row] : FlushEnds.End(time: host.end, isCertain: true)
        // Where the guest's own end may be another's, too: as it stands it is too early for this one.
        guard let end, guest.window.holds(from: host.queued, to: end.time) else { continue }
        matches[guest.disk, default: [:]][guest.row] = Match(
          row: host.row, completed: end.time, isCertain: end.isCertain && !guest.isAliased)
      }
    }
  }
}
