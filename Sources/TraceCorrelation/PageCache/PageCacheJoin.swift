public import TraceModel

/// What one source tells of a machine's page cache.
public struct PageCacheTrace: Sendable {
  /// The source.
  public var source: Int64 = 0
  /// The files it speaks of, by number.
  public var inodes: [Int64: TracedInode] = [:]
  /// Pages that became dirty.
  public var pages: [DirtiedPage] = []
  /// Where files lie.
  public var extents: [PageExtent] = []
  /// Write-back.
  public var passes: [WritebackPass] = []
  /// Calls of fsync, by their numbers in the incident file.
  public var syncs: [(id: Int64, call: SyncCall)] = []
  /// Moments of block requests.
  public var moments: [BlockMoment] = []

  /// A source that tells nothing.
  public init() {}
}

/// A disk of the same machine in one stretch of a block trace.
public struct PageCacheDisk: Sendable {
  /// major,minor.
  public let device: String
  /// Where partitions and mapped devices lie on it: sectors to add to theirs.
  public let partitions: [String: Int64]
  /// Its requests.
  public let rows: BlockRequests
  /// Its I/Os.
  public let ios: GuestIOs

  /// A disk.
  public init(
    device: String, partitions: [String: Int64], rows: BlockRequests, ios: GuestIOs
  ) {
    self.device = device
    self.partitions = partitions
    self.rows = rows
    self.ios = ios
  }
}

/// A thread as it is known to the incident file.
public struct KnownTask: Sendable {
  /// The thread id.
  public let tid: UInt32
  /// Whether it is the journal's (`jbd2/vda1-8`).
  public let isJournal: Bool

  /// A thread.
  public init(tid: UInt32, name: String) {
    self.tid = tid
    isJournal = name.hasPrefix("jbd2/") || name.hasPrefix("xfsaild/")
  }
}

/// Finds for each block write the pages it carried, and since when they had been dirty.
public struct PageCacheJoin {
  /// The oldest page of an I/O.
  public struct Oldest: Sendable {
    /// Which row of ``PageCacheTrace/pages``.
    public let page: Int
    /// When it became dirty, ns on the block trace's clock.
    public let dirtied: Int64
    /// How many of the I/O's pages are known.
    public let known: Int64
  }

  /// What a call of fsync waited for.
  public struct SyncWait: Sendable {
    /// The call.
    public let id: Int64
    /// Block writes of its own.
    public let writes: Int
    /// Until the last of them was complete, ns.
    public let data: Int64
    /// From then until the journal's last write or flush was complete, ns.
    public let journal: Int64
  }

  /// The trace's clock against the block trace's.
  public let clock: MachineClock
  /// Per disk and I/O, in their order; nil where no page is known.
  public private(set) var oldest: [[Oldest?]]
  /// What calls of fsync waited for.
  public private(set) var waits: [SyncWait] = []

  private static let pageSectors: Int64 = 8

  /// Joins a page-cache trace with the disks of one stretch of a block trace; nil when their clocks cannot
  /// be tied.
  public init?(_ trace: PageCacheTrace, _ disks: [PageCacheDisk], tasks: [Int32: KnownTask]) {
    let bios = Self.bios(disks, tasks)
    guard let clock = Self.clock(trace, disks, bios) else { return nil }
    self.clock = clock
    oldest = disks.map { [Oldest?](repeating: nil, count: $0.ios.count) }
    let match = PageMatching(trace, disks, bios, clock)
    for (place, carried) in match.carried.enumerated() {
      guard let carried else { continue }
      let bio = bios[place]
      oldest[bio.disk][bio.io] = Oldest(
        page: carried.page, dirtied: clock.map(trace.pages[carried.page].at), known: carried.known)
    }
    waits = Self.waits(trace, disks, bios, clock, tasks)
  }

  // MARK: - Clock

  private struct MomentKey: Hashable {
    let kind: BlockMoment.Kind
    let device: String
    let sector: Int64
    let sectors: Int64
    let direction: UInt16
  }

  private static func clock(
    _ trace: PageCacheTrace, _ disks: [PageCacheDisk], _ bios: [WrittenBio]
  ) -> MachineClock? {
    var own: [MomentKey: [Int64]] = [:]
    var names: [DeviceNumber: String] = [:]
    for moment in trace.moments {
      let name = names[moment.device] ?? moment.device.description
      names[moment.device] = name
      own[
        MomentKey(
          kind: moment.kind, device: name, sector: moment.sector, sectors: moment.sectors,
          direction: moment.direction.rawValue), default: []
      ].append(moment.at)
    }
    var other: [MomentKey: [Int64]] = [:]
    for disk in disks {
      func add(_ kind: BlockMoment.Kind, _ at: Stamp, _ range: (Int64, Int64), _ rwbs: RWBS) {
        guard let at = at.nanoseconds, range.0 >= 0, range.1 > 0 else { return }
        let key = MomentKey(
          kind: kind, device: disk.device, sector: range.0, sectors: range.1,
          direction: rwbs.direction.rawValue)
        if own[key] != nil { other[key, default: []].append(at) }
      }
      for io in disk.ios { add(.queued, io.queued, (io.sector, io.sectors), io.rwbs) }
      for row in disk.rows {
        add(.issued, row.issued, (row.sector, row.sectors), row.rwbs)
        add(.completed, row.completed, (row.sector, row.sectors), row.rwbs)
      }
    }
    if let clock = MachineClock(own: own, other: other) { return clock }
    // No event is in both: a thread's writes lie within its write-back.
    var stretches: [UInt32: [ClosedRange<Int64>]] = [:]
    for pass in trace.passes where pass.to >= pass.from {
      stretches[pass.tid, default: []].append(pass.from...pass.to)
    }
    var moments: [UInt32: [Int64]] = [:]
    for bio in bios where stretches[bio.tid] != nil && !bio.isMetadata {
      moments[bio.tid, default: []].append(bio.queued)
    }
    return MachineClock(stretches: stretches, moments: moments)
  }

  // MARK: - Bios

  private static func bios(
    _ disks: [PageCacheDisk], _ tasks: [Int32: KnownTask]
  ) -> [WrittenBio] {
    var bios: [WrittenBio] = []
    for (place, disk) in disks.enumerated() {
      var taskOf: [Int64: Int32] = [:]
      for row in disk.rows { taskOf[row.id] = row.task }
      for (number, io) in disk.ios.enumerated() {
        guard io.operation == .write, io.sector >= 0, io.sectors > 0,
          let queued = io.queued.nanoseconds
        else { continue }
        let task = taskOf[io.request].flatMap { tasks[$0] }
        bios.append(
          WrittenBio(
            disk: place, io: number, sector: io.sector, sectors: io.sectors, queued: queued,
            completed: io.completed, tid: task?.tid ?? 0, isMetadata: io.rwbs.contains(.meta)))
      }
    }
    return bios.sorted { ($0.queued, $0.disk, $0.io) < ($1.queued, $1.disk, $1.io) }
  }

  // MARK: - What fsync waited for

  private static func waits(
    _ trace: PageCacheTrace, _ disks: [PageCacheDisk], _ bios: [WrittenBio],
    _ clock: MachineClock, _ tasks: [Int32: KnownTask]
  ) -> [SyncWait] {
    // The journal's writes and flushes, by their ends.
    var journal: [(from: Int64, to: Int64)] = []
    for disk in disks {
      for row in disk.rows {
        guard tasks[row.task]?.isJournal ?? false || row.operation == .flush,
          let from = row.queued.nanoseconds ?? row.issued.nanoseconds,
          let to = row.finished.nanoseconds ?? row.completed.nanoseconds
        else { continue }
        journal.append((from, to))
      }
    }
    journal.sort { $0 < $1 }
    var byThread: [UInt32: [Int]] = [:]
    for (place, bio) in bios.enumerated() where !bio.isMetadata {
      byThread[bio.tid, default: []].append(place)
    }
    return trace.syncs.compactMap { id, call in
      guard let end = call.to.nanoseconds else { return nil }
      let slack = clock.error(at: call.from)
      let from = clock.map(call.from)
      let to = clock.map(end)
      guard to >= from else { return nil }
      let mine = byThread[call.tid] ?? []
      var index = mine.partitioningIndex { bios[$0].queued >= from - slack }
      var writes = 0
      var dataEnd = from
      while index < mine.count, bios[mine[index]].queued <= to + slack {
        let bio = bios[mine[index]]
        index += 1
        guard let completed = bio.completed.nanoseconds, completed <= to + slack else { continue }
        writes += 1
        dataEnd = max(dataEnd, min(completed, to))
      }
      var journalEnd = dataEnd
      var entry = journal.partitioningIndex { $0.from >= from - slack }
      while entry < journal.count, journal[entry].from <= to {
        if journal[entry].to <= to + slack {
          journalEnd = max(journalEnd, min(journal[entry].to, to))
        }
        entry += 1
      }
      return SyncWait(id: id, writes: writes, data: dataEnd - from, journal: journalEnd - dataEnd)
    }
  }
}

/// A bio that carries data to a disk.
struct WrittenBio {
  let disk: Int
  let io: Int
  let sector: Int64
  let sectors: Int64
  /// `Q`, ns on the block trace's clock.
  let queued: Int64
  let completed: Stamp
  /// The thread that queued it; 0: not known.
  let tid: UInt32
  let isMetadata: Bool
}
