internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Joins what guests' page-cache traces tell with their block I/Os, and keeps what is to be written of it.
struct PageCacheCorrelation: CorrelationPass {
  static let fills = ["machine_clock", "io_page", "sync_wait"]

  private var clocks: [MachineClockRow] = []
  private var pages: [(page: DirtiedPage, request: Int64, sector: Int64, known: Int64)] = []
  private var waits: [PageCacheJoin.SyncWait] = []

  /// Finds the pages of the disks' I/Os and sets their hop H1.
  init(_ context: CorrelationContext) throws {
    let (file, guests) = (context.file, context.guests)
    let sources = try file.pageCacheSources()
    guard !sources.isEmpty else { return }
    let streams = context.streams.filter { $0.machine.layer == .guest }
    var tasks: [Int32: KnownTask] = [:]
    for (task, tid, name) in try context.tasks() { tasks[task] = KnownTask(tid: tid, name: name) }
    let partitions = try file.partitions()
    for source in sources {
      let trace = try file.pageCacheTrace(of: source.source)
      // Disks of one stretch of a block trace share its clock.
      let places = streams.indices.filter { streams[$0].machine.name == source.machine }
      var stretches: [(source: Int64, segment: Int)] = []
      for place in places {
        let stretch = (streams[place].source, streams[place].segment)
        if !stretches.contains(where: { $0 == stretch }) { stretches.append(stretch) }
      }
      for stretch in stretches {
        let own = places.filter {
          streams[$0].source == stretch.source && streams[$0].segment == stretch.segment
        }
        let join = PageCacheJoin(
          trace,
          own.map { place in
            var deltas: [String: Int64] = [:]
            for row in partitions where row.stream == streams[place].stream {
              if deltas[row.device] == nil { deltas[row.device] = row.delta }
            }
            return PageCacheDisk(
              device: streams[place].device, partitions: deltas, rows: guests[place].rows,
              ios: context.disks[place].ios)
          }, tasks: tasks)
        guard let join else { continue }
        let clock = context.clocks.first {
          $0.source == stretch.source && $0.segment == stretch.segment
        }?.clock
        add(join, trace, source: source.source, stretch)
        for (place, oldest) in zip(own, join.oldest) {
          for (number, page) in oldest.enumerated() {
            guard let page, !context.disks[place].ios[number].times[.pageCache].isSeen,
              let queued = context.disks[place].ios[number].queued.nanoseconds
            else { continue }
            let t1 = clock?.reference(queued) ?? queued
            let t0 = clock?.reference(page.dirtied) ?? page.dirtied
            context.disks[place].ios[number].times[.pageCache] = Stamp(t1 - t0)
            let io = context.disks[place].ios[number]
            pages.append((trace.pages[page.page], io.request, io.sector, page.known))
          }
        }
      }
    }
  }

  private mutating func add(
    _ join: PageCacheJoin, _ trace: PageCacheTrace, source: Int64,
    _ stretch: (source: Int64, segment: Int)
  ) {
    let known = clocks.count { $0.source == source && $0.other == stretch.source }
    for (number, piece) in join.clock.pieces.enumerated() {
      clocks.append(
        MachineClockRow(
          source: source, other: stretch.source, segment: known + number, from: piece.from,
          to: piece.to, offset: piece.offset, driftPPM: piece.driftPPM, error: piece.error,
          method: join.clock.method.rawValue, pairs: piece.pairs,
          removedPairs: piece.removedPairs))
    }
    waits += join.waits
  }

  func write(to writer: CorrelationWriter, _ context: CorrelationContext) throws {
    for row in clocks {
      // A file with events of the scheduler, too, is tied by those: there is one relation between two clocks.
      let isTied = context.threads.traces.contains {
        $0.source == row.source && $0.block == row.other && $0.clock != nil
      }
      if !isTied { try writer.add(row) }
    }
    for row in pages {
      try writer.addOldestPage(row.page, request: row.request, sector: row.sector, known: row.known)
    }
    for wait in waits {
      try writer.addSyncWait(
        wait.id, writes: wait.writes, data: wait.data, journal: wait.journal)
    }
  }
}

extension IncidentFile {
  fileprivate func pageCacheTrace(of source: Int64) throws -> PageCacheTrace {
    var trace = PageCacheTrace()
    trace.source = source
    for inode in try tracedInodes(of: source) { trace.inodes[inode.id] = inode }
    trace.pages = try dirtiedPages(of: source)
    trace.extents = try pageExtents(of: source)
    trace.passes = try writebackPasses(of: source)
    trace.syncs = try syncCalls(of: source)
    trace.moments = try blockMoments(of: source)
    return trace
  }
}
