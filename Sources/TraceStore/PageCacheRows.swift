internal import GRDB
internal import TraceModel

/// Writes what a source tells of the page cache.
final class PageCacheRows {
  private let db: Database
  private let sourceID: Int64
  private let pages: BulkInsert
  private let extents: BulkInsert
  private let moments: BulkInsert
  private var lastInodeID: Int64
  /// Whether there was any row.
  private(set) var hasRows = false

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    pages = try BulkInsert(
      db, into: "dirtied_page",
      columns: ["inode_id", "page", "pages", "sector", "at_ns", "task_id", "line"])
    extents = try BulkInsert(
      db, into: "page_extent",
      columns: ["inode_id", "page", "pages", "sector", "at_ns", "writeback", "line"])
    moments = try BulkInsert(
      db, into: "block_moment",
      columns: ["source_id", "kind", "device", "sector", "sectors", "direction", "at_ns"])
    lastInodeID = try Int64.fetchOne(db, sql: "SELECT max(inode_id) FROM traced_inode") ?? 0
  }

  func nextInodeID() -> Int64 {
    lastInodeID += 1
    return lastInodeID
  }

  func insert(_ batch: PageCacheBatch) throws {
    hasRows = true
    for page in batch.pages {
      pages.add(page.inode)
      pages.add(page.index)
      pages.add(page.pages)
      pages.add(page.sector < 0 ? .min : page.sector)
      pages.add(page.at)
      pages.add(Int64(page.task))
      pages.add(page.line)
      try pages.endRow()
    }
    for extent in batch.extents {
      extents.add(extent.inode)
      extents.add(extent.index)
      extents.add(extent.pages)
      extents.add(extent.sector)
      extents.add(extent.at)
      extents.add(extent.isWriteback ? 1 : 0)
      extents.add(extent.line)
      try extents.endRow()
    }
    for moment in batch.moments {
      moments.add(sourceID)
      moments.add(moment.kind.rawValue)
      moments.add(Int64(moment.device.rawValue))
      moments.add(moment.sector)
      moments.add(moment.sectors)
      moments.add(Int64(moment.direction.rawValue))
      moments.add(moment.at)
      try moments.endRow()
    }
    for pass in batch.passes {
      try db.cachedStatement(
        sql: """
          INSERT INTO writeback_pass (inode_id, task_id, tid, from_ns, to_ns, start_page, pages, line)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        pass.inode, pass.task, pass.tid, pass.from, pass.to, pass.start,
        pass.pages < 0 ? nil : pass.pages, pass.line,
      ])
    }
    for sync in batch.syncs {
      try db.cachedStatement(
        sql: """
          INSERT INTO sync_call (source_id, inode_id, task_id, tid, from_ns, to_ns, result, data_only,
            line)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        sourceID, sync.inode == 0 ? nil : sync.inode, sync.task, sync.tid, sync.from,
        sync.to.nanoseconds, sync.result, sync.isDataOnly, sync.line,
      ])
    }
    for inode in batch.inodes {
      try db.cachedStatement(
        sql: """
          INSERT INTO traced_inode (inode_id, source_id, device, backing_device, inode)
          VALUES (?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        inode.id, sourceID, inode.device?.description, inode.backing?.description,
        Int64(bitPattern: inode.number),
      ])
    }
    for task in batch.tasks {
      try db.insert(
        into: "page_cache_sum",
        [
          "source_id": sourceID, "task_id": task.task, "dirtied_pages": task.dirtiedPages,
          "writes": task.writes, "written_bytes": task.writtenBytes, "write_ns": task.writeTime,
          "max_write_ns": task.longestWrite, "throttles": task.throttles,
          "throttle_ns": task.throttleTime,
        ])
    }
  }

  func finish() throws {
    try pages.finish()
    try extents.finish()
    try moments.finish()
  }
}
