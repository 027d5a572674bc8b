internal import TraceModel

/// Joins flushes, which have no address: a host flush belongs to the guest flush in whose time it lies, when
/// no other fits. Looked at over all guests of a host together, for a flush on the host does not say whose
/// it is.
struct FlushMatching {
  private struct GuestFlush {
    let disk: Int32
    let row: Int32
    let low: Int64
    let high: Int64
    let device: Int32
  }

  private struct HostFlush {
    let row: Int32
    let queued: Int64
    let end: Int64
  }

  private var guests: [GuestFlush] = []
  private var hosts: [Int32: [HostFlush]] = [:]
  /// Per disk: the place of the guest's flush in its rows, to that of the host's.
  private(set) var matches: [Int32: [Int32: Int32]] = [:]

  /// Adds a disk's flushes and those of the device it lies on.
  mutating func add(_ disk: GuestDisk, _ device: HostSide, _ clock: GuestClock) {
    for (index, row) in disk.rows.enumerated()
    where row.operation == .flush && !row.traits.contains(.acrossStep) {
      guard let issued = row.issued.nanoseconds, let completed = row.completed.nanoseconds else {
        continue
      }
      guests.append(
        GuestFlush(
          disk: disk.stream, row: Int32(index),
          low: clock.reference(issued) - clock.error(at: issued),
          high: clock.reference(completed) + clock.error(at: completed),
          device: device.rows.stream))
    }
    guard hosts[device.rows.stream] == nil else { return }
    var flushes: [HostFlush] = []
    for (index, row) in device.rows.rows.enumerated()
    where row.operation == .flush && !row.traits.contains(.acrossStep) {
      guard let queued = row.queued.nanoseconds, row.issued.isSeen,
        let completed = row.completed.nanoseconds
      else { continue }
      flushes.append(HostFlush(row: Int32(index), queued: queued, end: completed))
    }
    hosts[device.rows.stream] = flushes.sorted { $0.queued < $1.queued }
  }

  /// Settles those of which only one fits, again and again, until nothing changes.
  mutating func settle() {
    guests.sort { ($0.low, $0.disk, $0.row) < ($1.low, $1.disk, $1.row) }
    var fits: [[Int32]] = guests.map { guest in
      let flushes = hosts[guest.device] ?? []
      var low = 0
      var high = flushes.count
      while low < high {
        let middle = (low + high) / 2
        if flushes[middle].queued < guest.low { low = middle + 1 } else { high = middle }
      }
      var found: [Int32] = []
      while low < flushes.count, flushes[low].queued <= guest.high {
        if flushes[low].end <= guest.high { found.append(Int32(low)) }
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
      if let flush = hosts[guest.device]?[Int(host)] {
        matches[guest.disk, default: [:]][guest.row] = flush.row
      }
      for rival in rivals {
        fits[rival].removeAll { $0 == host }
        if fits[rival].count == 1 { pending.append(rival) }
      }
    }
  }
}
