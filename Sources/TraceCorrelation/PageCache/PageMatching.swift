internal import TraceModel

/// Which pages went with which bio.
///
/// The kernel says when a page becomes dirty, and file systems say where a piece of a file lies; a write of
/// those sectors is the page on its way. Where they do not say it (pages without a place until write-back,
/// and no mapping events in the trace), pages and blocks of one write-back are counted: if there are as many
/// of one as of the other, they belong together in the order of the file. Else nothing is said.
struct PageMatching {
  /// Pages of a bio.
  struct Carried {
    /// The oldest.
    var page: Int
    /// How many are known.
    var known: Int64
  }

  /// Per bio.
  private(set) var carried: [Carried?]

  private let trace: PageCacheTrace
  private let clock: MachineClock
  private static let pageSectors: Int64 = 8

  /// A page of the cache.
  private struct PageKey: Hashable {
    let inode: Int64
    let index: Int64
  }

  /// A block of a disk, by its first sector.
  private struct BlockKey: Hashable {
    let disk: Int
    let sector: Int64
  }

  /// A page that became dirty, with what is known of its end.
  private struct Entry {
    let page: Int
    /// ns on the block trace's clock.
    let dirtied: Int64
    /// When write-back gave it its place; `Int64.min`: not said.
    let taken: Int64
  }

  init(
    _ trace: PageCacheTrace, _ disks: [PageCacheDisk], _ bios: [WrittenBio], _ clock: MachineClock
  ) {
    self.trace = trace
    self.clock = clock
    carried = [Carried?](repeating: nil, count: bios.count)
    let order = trace.pages.indices.sorted {
      (trace.pages[$0].at, $0) < (trace.pages[$1].at, $1)
    }
    let next = Self.nextDirtied(trace, order)
    let places = Self.places(trace)
    // Where each page went, by block.
    var blocks: [BlockKey: [Entry]] = [:]
    var isPlaced = [Bool](repeating: false, count: trace.pages.count)
    let homes = Self.homes(trace, disks)
    for row in order {
      let page = trace.pages[row]
      guard let home = homes[page.inode] else { continue }
      for step in 0..<page.pages {
        var sector = page.sector < 0 ? -1 : page.sector + step * Self.pageSectors
        var taken = Int64.min
        if sector < 0,
          let found = Self.place(
            places[PageKey(inode: page.inode, index: page.index + step)], page.at, next[row])
        {
          sector = found.sector
          if found.isTaken { taken = clock.map(found.at) }
        }
        guard sector >= 0 else { continue }
        isPlaced[row] = true
        blocks[BlockKey(disk: home.disk, sector: sector + home.delta), default: []].append(
          Entry(page: row, dirtied: clock.map(page.at), taken: taken))
      }
    }
    var isGone = [Bool](repeating: false, count: trace.pages.count)
    let slack = clock.largestError
    var unseen = Self.unseen(trace, disks, bios, clock)[...]
    for (place, bio) in bios.enumerated() {
      while let write = unseen.first, write.queued <= bio.queued {
        unseen.removeFirst()
        for sector in stride(
          from: write.sector, to: write.sector + write.sectors, by: Int(Self.pageSectors))
        {
          let key = BlockKey(disk: write.disk, sector: sector)
          guard let entries = blocks[key] else { continue }
          blocks[key] = entries.filter { $0.dirtied > write.queued + slack }
        }
      }
      for sector in stride(
        from: bio.sector, to: bio.sector + bio.sectors, by: Int(Self.pageSectors))
      {
        let key = BlockKey(disk: bio.disk, sector: sector)
        guard let entries = blocks[key] else { continue }
        // What became dirty last before it; what write-back took later waits for another bio.
        guard
          let last = entries.lastIndex(where: {
            $0.dirtied <= bio.queued + slack && $0.taken <= bio.queued + slack
          })
        else { continue }
        add(entries[last].page, to: place)
        isGone[entries[last].page] = true
        blocks[key] = Array(entries[(last + 1)...])
      }
    }
    count(bios, order, next, isPlaced, homes, &isGone)
  }

  /// A write that only the page-cache trace saw.
  private struct UnseenWrite {
    let disk: Int
    let sector: Int64
    let sectors: Int64
    /// ns on the block trace's clock.
    let queued: Int64
  }

  /// Writes that the page-cache trace saw queued and the block trace did not, which began later or lost them:
  /// the pages they carried do not wait for another.
  private static func unseen(
    _ trace: PageCacheTrace, _ disks: [PageCacheDisk], _ bios: [WrittenBio], _ clock: MachineClock
  ) -> [UnseenWrite] {
    // Where no event is in both, none of them can be told to be in one alone.
    guard clock.method == .sameEvents else { return [] }
    var seen: [BlockKey: [Int64]] = [:]
    for bio in bios {
      seen[BlockKey(disk: bio.disk, sector: bio.sector), default: []].append(bio.queued)
    }
    let places = Dictionary(
      disks.enumerated().map { ($1.device, $0) }, uniquingKeysWith: { first, _ in first })
    var names: [DeviceNumber: Int?] = [:]
    var unseen: [UnseenWrite] = []
    for moment in trace.moments
    where moment.kind == .queued && moment.direction.contains(.write) && moment.sectors > 0 {
      let disk = names[moment.device] ?? places[moment.device.description]
      names[moment.device] = .some(disk)
      guard let disk else { continue }
      let queued = clock.map(moment.at)
      // Texts have microseconds.
      let reach = clock.error(at: moment.at) + 2_000
      let times = seen[BlockKey(disk: disk, sector: moment.sector)] ?? []
      let nearest = times.partitioningIndex { $0 >= queued - reach }
      if nearest < times.count, times[nearest] <= queued + reach { continue }
      unseen.append(
        UnseenWrite(
          disk: disk, sector: moment.sector, sectors: moment.sectors, queued: queued))
    }
    return unseen.sorted { ($0.queued, $0.disk, $0.sector) < ($1.queued, $1.disk, $1.sector) }
  }

  private mutating func add(_ page: Int, to bio: Int) {
    guard var known = carried[bio] else {
      carried[bio] = Carried(page: page, known: 1)
      return
    }
    known.known += 1
    if trace.pages[page].at < trace.pages[known.page].at { known.page = page }
    carried[bio] = known
  }

  /// When each page became dirty again; `Int64.max`: never.
  private static func nextDirtied(_ trace: PageCacheTrace, _ order: [Int]) -> [Int64] {
    var next = [Int64](repeating: .max, count: trace.pages.count)
    var last: [PageKey: Int] = [:]
    for row in order {
      let page = trace.pages[row]
      let key = PageKey(inode: page.inode, index: page.index)
      if let before = last[key] { next[before] = page.at }
      last[key] = row
    }
    return next
  }

  // MARK: - Places

  private struct Place {
    let at: Int64
    let sector: Int64
    let isWriteback: Bool
  }

  /// The places of all pages that became dirty, in the order in which they were said.
  private static func places(_ trace: PageCacheTrace) -> [PageKey: [Place]] {
    var indices: [Int64: [Int64]] = [:]
    for page in trace.pages {
      for step in 0..<page.pages { indices[page.inode, default: []].append(page.index + step) }
    }
    for (inode, all) in indices {
      var unique: [Int64] = []
      for index in all.sorted() where index != unique.last { unique.append(index) }
      indices[inode] = unique
    }
    var places: [PageKey: [Place]] = [:]
    // A look-up that says what the one before said adds nothing.
    var last: [Int64: PageExtent] = [:]
    for extent in trace.extents.sorted(by: { ($0.at, $0.line) < ($1.at, $1.line) }) {
      if !extent.isWriteback, let before = last[extent.inode], before.index == extent.index,
        before.pages == extent.pages, before.sector == extent.sector
      {
        continue
      }
      last[extent.inode] = extent
      guard let all = indices[extent.inode] else { continue }
      var index = all.partitioningIndex { $0 >= extent.index }
      while index < all.count, all[index] < extent.index + extent.pages {
        places[PageKey(inode: extent.inode, index: all[index]), default: []].append(
          Place(
            at: extent.at, sector: extent.sector + (all[index] - extent.index) * pageSectors,
            isWriteback: extent.isWriteback))
        index += 1
      }
    }
    return places
  }

  /// The place of a page that was dirty from one moment to the next: what write-back said meanwhile, else
  /// what was known before, else what was said meanwhile.
  private static func place(
    _ places: [Place]?, _ from: Int64, _ to: Int64
  ) -> (sector: Int64, at: Int64, isTaken: Bool)? {
    guard let places else { return nil }
    let first = places.partitioningIndex { $0.at >= from }
    let behind = places[first...].prefix { $0.at < to }
    if let written = behind.first(where: \.isWriteback) {
      return (written.sector, written.at, true)
    }
    if let said = first > 0 ? places[first - 1] : behind.first {
      return (said.sector, said.at, false)
    }
    return nil
  }

  /// On which disk each file lies, and how far behind its start.
  private static func homes(
    _ trace: PageCacheTrace, _ disks: [PageCacheDisk]
  ) -> [Int64: (disk: Int, delta: Int64)] {
    trace.inodes.compactMapValues { inode in
      guard let device = (inode.device ?? inode.backing)?.description else { return nil }
      if let disk = disks.firstIndex(where: { $0.device == device }) { return (disk, 0) }
      for (place, disk) in disks.enumerated() {
        if let delta = disk.partitions[device] { return (place, delta) }
      }
      return nil
    }
  }

  // MARK: - By count

  private mutating func count(
    _ bios: [WrittenBio], _ order: [Int], _ next: [Int64], _ isPlaced: [Bool],
    _ homes: [Int64: (disk: Int, delta: Int64)], _ isGone: inout [Bool]
  ) {
    var byInode: [Int64: [Int]] = [:]
    for row in order where !isPlaced[row] && !isGone[row] {
      byInode[trace.pages[row].inode, default: []].append(row)
    }
    guard !byInode.isEmpty else { return }
    var byThread: [UInt32: [Int]] = [:]
    for (place, bio) in bios.enumerated() where !bio.isMetadata {
      byThread[bio.tid, default: []].append(place)
    }
    // Per file, how far its pages have been looked at, and those of them that are still dirty.
    var seen: [Int64: (count: Int, dirty: [Int])] = [:]
    for pass in trace.passes.sorted(by: { ($0.from, $0.line) < ($1.from, $1.line) }) {
      guard let rows = byInode[pass.inode] else { continue }
      var state = seen[pass.inode] ?? (0, [])
      while state.count < rows.count, trace.pages[rows[state.count]].at <= pass.from {
        state.dirty.append(rows[state.count])
        state.count += 1
      }
      // Dirtied before it, and not again before it.
      state.dirty.removeAll { next[$0] <= pass.from || isGone[$0] }
      seen[pass.inode] = state
      guard let mine = byThread[pass.tid] else { continue }
      let slack = clock.error(at: pass.from)
      let from = clock.map(pass.from) - slack
      let to = clock.map(pass.to) + slack
      var blocks: [Int] = []
      var index = mine.partitioningIndex { bios[$0].queued >= from }
      while index < mine.count, bios[mine[index]].queued <= to {
        let place = mine[index]
        index += 1
        let bio = bios[place]
        if let home = homes[pass.inode], home.disk != bio.disk { continue }
        let free = bio.sectors / Self.pageSectors - (carried[place]?.known ?? 0)
        for _ in 0..<max(0, free) { blocks.append(place) }
      }
      guard !blocks.isEmpty else { continue }
      let pages = state.dirty.flatMap { row in
        (0..<trace.pages[row].pages).map { (index: trace.pages[row].index + $0, row: row) }
      }.sorted {
        // Background write-back goes on where it had stopped.
        ($0.index < pass.start ? 1 : 0, $0.index) < ($1.index < pass.start ? 1 : 0, $1.index)
      }
      for row in state.dirty { isGone[row] = true }
      guard pages.count == blocks.count else { continue }
      for (page, block) in zip(pages, blocks) { add(page.row, to: block) }
    }
  }
}
