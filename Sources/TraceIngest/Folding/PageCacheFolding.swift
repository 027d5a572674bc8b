internal import TraceModel

/// Folds the events of the page cache into pages that became dirty, pieces of files with their places,
/// write-back, and calls of fsync.
///
/// Nothing is held but what is open: a row is handed on with the event that completes it. Which page went
/// with which block request is for the correlation to find.
final class PageCacheFolding {
  private let sink: any EventSink
  private var batch = PageCacheBatch()
  private var threads: [UInt32: Thread] = [:]
  private var inodes: [Inode] = []
  private var byDevice: [Key: Int] = [:]
  private var byBacking: [Key: Int] = [:]
  private var byNumber: [UInt64: [Int]] = [:]
  private var sums: [Int32: PageCacheTask] = [:]
  private var tasks: [TaskIdentity: Int32] = [:]
  /// Whether a page became dirty: only then moments of block requests are of use.
  private(set) var hasPages = false

  private static let batchSize = 8192
  /// Large folios whose size is remembered, over all files.
  private static let mostFolios = 1 << 20
  private var folios = 0

  private struct Key: Hashable {
    let device: DeviceNumber
    let number: UInt64
  }

  private struct Inode {
    var row: TracedInode
    /// Pages of the large folios that begin at an index.
    var folios: [Int64: Int64] = [:]
  }

  /// What a thread is in the middle of.
  private struct Thread {
    /// The file it touched last, as the file system names it.
    var inode: Int?
    /// The place of the page that it is about to make dirty.
    var buffer: (device: DeviceNumber, sector: Int64)?
    var pass: WritebackPass?
    var sync: SyncCall?
    var isSyncCall = false
    /// Write-back within the sync was seen by itself.
    var hasPassInSync = false
    /// When its call of `write` began.
    var write: Int64?
  }

  init(sink: any EventSink) { self.sink = sink }

  /// Takes an event; `name` is the thread's.
  func add(_ event: PageCacheEvent, _ line: TracepointLine, name: TaskName) throws {
    guard event.kind != .aside else { return }
    var thread = threads[line.tid] ?? Thread()
    let buffer = thread.buffer
    thread.buffer = nil
    switch event.kind {
    case .bufferDirtied:
      if let device = event.device, event.sector >= 0 { thread.buffer = (device, event.sector) }
    case .dirtied: try dirtied(event, line, name, &thread, buffer)
    case .added:
      let inode = inode(event)
      thread.inode = inode
      if event.pages > 1, folios < Self.mostFolios {
        inodes[inode].folios[event.index] = event.pages
        folios += 1
      } else if !inodes[inode].folios.isEmpty {
        inodes[inode].folios[event.index] = nil
      }
    case .touched: thread.inode = inode(event)
    case .mapped:
      let inode = inode(event)
      thread.inode = inode
      var extent = PageExtent()
      extent.inode = inodes[inode].row.id
      extent.index = event.index
      extent.pages = event.pages
      extent.sector = event.sector
      extent.at = line.time
      extent.line = line.number
      extent.isWriteback = event.isWriteback
      batch.extents.append(extent)
    case .passBegan:
      let inode = inode(event)
      var pass = WritebackPass()
      pass.inode = inodes[inode].row.id
      pass.from = line.time
      pass.start = event.index
      pass.line = line.number
      pass.tid = line.tid
      pass.task = try task(line, name)
      thread.pass = pass
      thread.hasPassInSync = true
    case .passEnded:
      if var pass = thread.pass, pass.inode == inodes[inode(event)].row.id {
        pass.to = line.time
        pass.pages = event.pages
        batch.passes.append(pass)
      }
      thread.pass = nil
    case .syncCallBegan, .syncBegan, .syncEnded, .syncCallEnded, .syncNamed:
      try sync(event, line, name, &thread)
    case .writeBegan: thread.write = line.time
    case .writeEnded:
      if let from = thread.write, event.result >= 0 {
        let task = try task(line, name)
        sums[task, default: PageCacheTask()].writes += 1
        sums[task, default: PageCacheTask()].writtenBytes.add(saturating: event.result)
        sums[task, default: PageCacheTask()].writeTime.add(saturating: line.time - from)
        let longest = sums[task]?.longestWrite ?? 0
        sums[task, default: PageCacheTask()].longestWrite = max(longest, line.time - from)
      }
      thread.write = nil
    case .throttled:
      if event.pause > 0, event.pause < 1 << 32 {
        let task = try task(line, name)
        sums[task, default: PageCacheTask()].throttles += 1
        sums[task, default: PageCacheTask()].throttleTime.add(
          saturating: event.pause * 1_000_000)
      }
    case .aside: break
    }
    threads[line.tid] = thread
    if batch.count >= Self.batchSize { try flush() }
  }

  /// A moment of a block request.
  func add(_ moment: BlockMoment) throws {
    batch.moments.append(moment)
    if batch.count >= Self.batchSize { try flush() }
  }

  /// Events are missing: what is open cannot be closed by what follows.
  func lost() {
    threads.removeAll()
  }

  /// The source is at its end.
  func finish() throws {
    // Calls that the end of the trace cut off.
    for (_, thread) in threads.sorted(by: { $0.key < $1.key }) {
      if let sync = thread.sync { batch.syncs.append(sync) }
    }
    threads.removeAll()
    batch.inodes = inodes.map(\.row)
    batch.tasks = sums.sorted { $0.key < $1.key }.map { task, sum in
      var sum = sum
      sum.task = task
      return sum
    }
    try flush()
  }

  private func flush() throws {
    guard batch.count > 0 else { return }
    try sink.receive(batch)
    batch.removeAll()
  }

  // MARK: - Parts

  private func dirtied(
    _ event: PageCacheEvent, _ line: TracepointLine, _ name: TaskName, _ thread: inout Thread,
    _ buffer: (device: DeviceNumber, sector: Int64)?
  ) throws {
    hasPages = true
    let inode = inode(event, of: thread)
    var page = DirtiedPage()
    page.inode = inodes[inode].row.id
    page.index = event.index
    page.pages = inodes[inode].folios[event.index] ?? 1
    page.at = line.time
    page.line = line.number
    page.task = try task(line, name)
    if let buffer {
      page.sector = buffer.sector
      inodes[inode].row.device = buffer.device
    }
    sums[page.task, default: PageCacheTask()].dirtiedPages += page.pages
    batch.pages.append(page)
  }

  private func sync(
    _ event: PageCacheEvent, _ line: TracepointLine, _ name: TaskName, _ thread: inout Thread
  ) throws {
    func begin(isCall: Bool) throws {
      // Its end is missing.
      if let open = thread.sync { batch.syncs.append(open) }
      var sync = SyncCall()
      sync.from = line.time
      sync.line = line.number
      sync.tid = line.tid
      sync.task = try task(line, name)
      sync.isDataOnly = event.isDataOnly
      thread.sync = sync
      thread.isSyncCall = isCall
      thread.hasPassInSync = false
    }
    func end() {
      thread.sync?.to = Stamp(line.time)
      thread.sync?.result = event.result
      if let sync = thread.sync { batch.syncs.append(sync) }
      thread.sync = nil
    }
    switch event.kind {
    case .syncCallBegan: try begin(isCall: true)
    case .syncBegan:
      let inode = inode(event)
      thread.inode = inode
      let isInCall = thread.isSyncCall && thread.sync != nil && thread.sync?.inode == 0
      if !isInCall { try begin(isCall: false) }
      thread.sync?.inode = inodes[inode].row.id
      if event.isDataOnly { thread.sync?.isDataOnly = true }
    case .syncNamed:
      let inode = inode(event)
      thread.inode = inode
      if thread.isSyncCall { thread.sync?.inode = inodes[inode].row.id }
    case .syncEnded:
      if let sync = thread.sync, sync.inode != 0, !thread.hasPassInSync {
        // Nothing said when it wrote: it did within the call.
        var pass = WritebackPass()
        pass.inode = sync.inode
        pass.from = sync.from
        pass.to = line.time
        pass.line = sync.line
        pass.tid = line.tid
        pass.task = sync.task
        batch.passes.append(pass)
      }
      if !thread.isSyncCall { end() }
    default: if thread.isSyncCall { end() }
    }
  }

  private func task(_ line: TracepointLine, _ name: TaskName) throws -> Int32 {
    let identity = TaskIdentity(pid: line.tid, name: name)
    if let known = tasks[identity] { return known }
    let task = try sink.task(identity)
    tasks[identity] = task
    return task
  }

  /// The file of an event that names it by its file system, or by its backing device.
  private func inode(_ event: PageCacheEvent, of thread: Thread? = nil) -> Int {
    let number = event.inode
    guard event.isBacking else {
      let device = event.device ?? DeviceNumber(rawValue: 0)
      let key = Key(device: device, number: number)
      if let known = byDevice[key] { return known }
      // One that was only seen by its backing device until now.
      if let all = byNumber[number] {
        let open = all.filter { inodes[$0].row.device == nil }
        if open.count == 1, let only = open.first {
          inodes[only].row.device = device
          byDevice[key] = only
          return only
        }
      }
      let place = add(number)
      inodes[place].row.device = device
      byDevice[key] = place
      return place
    }
    // The thread has just touched it by its other name.
    if let place = thread?.inode, inodes[place].row.number == number {
      if inodes[place].row.backing == nil, let backing = event.device {
        inodes[place].row.backing = backing
        byBacking[Key(device: backing, number: number)] = place
      }
      return place
    }
    let backing = event.device ?? DeviceNumber(rawValue: 0)
    let key = Key(device: backing, number: number)
    if let known = byBacking[key] { return known }
    let place =
      byDevice[key]
      ?? (byNumber[number] ?? []).first { inodes[$0].row.backing == nil } ?? add(number)
    inodes[place].row.backing = event.device
    byBacking[key] = place
    return place
  }

  private func add(_ number: UInt64) -> Int {
    var row = TracedInode()
    row.id = sink.nextInodeID()
    row.number = number
    inodes.append(Inode(row: row))
    byNumber[number, default: []].append(inodes.count - 1)
    return inodes.count - 1
  }
}
