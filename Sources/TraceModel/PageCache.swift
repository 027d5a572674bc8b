/// A page, or a folio of several, that went from clean to dirty (`writeback_dirty_folio`).
///
/// The kernel says so once; a page that is dirtied again while it is dirty says nothing. So a second event
/// for the same page means that writeback took it in between.
public struct DirtiedPage: Sendable {
  /// The file: a number from ``PageCacheSink/nextInodeID()``.
  public var inode: Int64 = 0
  /// The page's number in the file (4 KiB).
  public var index: Int64 = 0
  /// How many pages; more than 1 for large folios.
  public var pages: Int64 = 1
  /// First sector (512 bytes) on the file system's device, where the event before says it; else -1.
  public var sector: Int64 = -1
  /// When, ns on the source's clock.
  public var at: Int64 = 0
  /// Where it stands in the file, from 1.
  public var line: Int64 = 0
  /// Who: an index given by ``EventSink/task(_:)``.
  public var task: Int32 = 0

  /// A page of which nothing is known yet.
  public init() {}

  /// The kernel's largest folio has 2,048 pages.
  public static var longest: Int64 { 1 << 11 }

  /// Whether its numbers are such as an ingest writes; those out of a damaged file need not be.
  public var isPossible: Bool {
    PageExtent.pages.contains(index) && (1...Self.longest).contains(pages)
      && (-1...BlockEvent.mostSectors).contains(sector) && Stamp.range.contains(at)
  }
}

/// A piece of a file and where the file system put it, as it said at a moment.
public struct PageExtent: Sendable {
  /// The file.
  public var inode: Int64 = 0
  /// Its first page.
  public var index: Int64 = 0
  /// How many pages.
  public var pages: Int64 = 0
  /// First sector (512 bytes) on the file system's device.
  public var sector: Int64 = 0
  /// When it was said, ns on the source's clock.
  public var at: Int64 = 0
  /// Where it stands in the file, from 1.
  public var line: Int64 = 0
  /// Whether it was said while the pages were written back.
  public var isWriteback = false

  /// A piece of which nothing is known yet.
  public init() {}

  /// Pages of the largest file: its size in bytes is signed, of 64 bits.
  static var pages: ClosedRange<Int64> { 0...1 << 51 }

  /// Whether its numbers are such as an ingest writes; those out of a damaged file need not be.
  public var isPossible: Bool {
    Self.pages.contains(index) && Self.pages.contains(pages)
      && (0...BlockEvent.mostSectors).contains(sector) && Stamp.range.contains(at)
  }
}

/// A thread that writes a file's dirty pages: from `ext4_writepages` to its result.
public struct WritebackPass: Sendable {
  /// The file.
  public var inode: Int64 = 0
  /// Begin, ns on the source's clock.
  public var from: Int64 = 0
  /// End.
  public var to: Int64 = 0
  /// The page it began with; 0, or where background write-back had stopped the last time.
  public var start: Int64 = 0
  /// Pages that the file system says it wrote; -1: it did not say.
  public var pages: Int64 = -1
  /// Where its begin stands in the file, from 1.
  public var line: Int64 = 0
  /// Who: an index given by ``EventSink/task(_:)``.
  public var task: Int32 = 0
  /// The thread.
  public var tid: UInt32 = 0

  /// A pass of which nothing is known yet.
  public init() {}

  /// Whether its times are such as an ingest writes; those out of a damaged file need not be.
  public var isPossible: Bool { Stamp.range.contains(from) && Stamp.range.contains(to) }
}

/// A call of `fsync` and its like, from its begin to its end.
public struct SyncCall: Sendable {
  /// The file; 0 where the trace does not say.
  public var inode: Int64 = 0
  /// Begin, ns on the source's clock.
  public var from: Int64 = 0
  /// End.
  public var to = Stamp.unseen
  /// What it gave back: 0, or a negative errno.
  public var result: Int64 = 0
  /// Where its begin stands in the file, from 1.
  public var line: Int64 = 0
  /// Who: an index given by ``EventSink/task(_:)``.
  public var task: Int32 = 0
  /// The thread.
  public var tid: UInt32 = 0
  /// Whether only the data were asked for (`fdatasync`).
  public var isDataOnly = false

  /// A call of which nothing is known yet.
  public init() {}

  /// Whether its times are such as an ingest writes; those out of a damaged file need not be.
  public var isPossible: Bool {
    Stamp.range.contains(from) && (!to.isSeen || Stamp.range.contains(to.rawValue))
  }
}

/// A moment in the life of a block request that a page-cache trace shows too. It ties the trace's clock to
/// that of the block trace.
public struct BlockMoment: Sendable, Hashable {
  /// Which.
  public enum Kind: Int64, Sendable {
    /// `Q`.
    case queued = 0
    /// `D`.
    case issued = 1
    /// `C`.
    case completed = 2
  }

  /// Which.
  public var kind = Kind.queued
  /// The device.
  public var device = DeviceNumber(rawValue: 0)
  /// First sector (512 bytes, whole device).
  public var sector: Int64 = 0
  /// Length in sectors.
  public var sectors: Int64 = 0
  /// Read, write or discard.
  public var direction: RWBS = []
  /// When, ns on the source's clock.
  public var at: Int64 = 0

  /// A moment of which nothing is known yet.
  public init() {}

  /// Whether its numbers are such as an ingest writes; those out of a damaged file need not be.
  public var isPossible: Bool {
    (0...BlockEvent.mostSectors).contains(sector)
      && (0...Int64(BlockEvent.longest)).contains(sectors) && Stamp.range.contains(at)
  }
}

/// A file of which a page-cache trace speaks.
public struct TracedInode: Sendable {
  /// Its number, from ``PageCacheSink/nextInodeID()``.
  public var id: Int64 = 0
  /// Its file system's device; nil where the trace does not say.
  public var device: DeviceNumber?
  /// The device whose write-back thread cares for it; nil where the trace does not say.
  public var backing: DeviceNumber?
  /// The inode number.
  public var number: UInt64 = 0

  /// A file of which nothing is known yet.
  public init() {}
}

/// What a thread did to the page cache, over the whole trace.
public struct PageCacheTask: Sendable {
  /// Who: an index given by ``EventSink/task(_:)``.
  public var task: Int32 = 0
  /// Pages it made dirty.
  public var dirtiedPages: Int64 = 0
  /// Calls of `write` and its like that were seen whole.
  public var writes: Int64 = 0
  /// Bytes that those wrote.
  public var writtenBytes: Int64 = 0
  /// Their time, ns.
  public var writeTime: Int64 = 0
  /// The longest, ns.
  public var longestWrite: Int64 = 0
  /// How often the kernel held it back because too much was dirty.
  public var throttles: Int64 = 0
  /// For how long, ns (the kernel counts in ms).
  public var throttleTime: Int64 = 0

  /// A thread that did nothing.
  public init() {}
}

/// Rows of the page cache that are complete.
public struct PageCacheBatch: Sendable {
  /// Pages that became dirty.
  public var pages: [DirtiedPage] = []
  /// Where files lie.
  public var extents: [PageExtent] = []
  /// Write-back.
  public var passes: [WritebackPass] = []
  /// Calls of fsync.
  public var syncs: [SyncCall] = []
  /// Moments of block requests.
  public var moments: [BlockMoment] = []
  /// Files; at the end of the source.
  public var inodes: [TracedInode] = []
  /// Sums by thread; at the end of the source.
  public var tasks: [PageCacheTask] = []

  /// An empty batch.
  public init() {}

  /// How many rows it holds.
  public var count: Int {
    pages.count + extents.count + passes.count + syncs.count + moments.count + inodes.count
      + tasks.count
  }

  /// Empties it and keeps its memory.
  public mutating func removeAll() {
    pages.removeAll(keepingCapacity: true)
    extents.removeAll(keepingCapacity: true)
    passes.removeAll(keepingCapacity: true)
    syncs.removeAll(keepingCapacity: true)
    moments.removeAll(keepingCapacity: true)
    inodes.removeAll(keepingCapacity: true)
    tasks.removeAll(keepingCapacity: true)
  }
}

/// Takes what is read of the page cache.
public protocol PageCacheSink: AnyObject {
  /// The number to use for a file from now on; each call gives the next.
  func nextInodeID() -> Int64
  /// Takes rows; they are complete and will not be touched again.
  func receive(_ batch: PageCacheBatch) throws
}
