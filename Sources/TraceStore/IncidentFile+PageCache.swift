internal import GRDB
public import TraceModel

/// A source with rows of the page cache, without them.
public struct PageCacheSource: Sendable {
  /// The source.
  public let source: Int64
  /// Its machine.
  public let machine: String
}

/// A device that lies on another at a constant distance.
public struct PartitionRow: Sendable {
  /// The stretch of the device below.
  public let stream: Int32
  /// The device above, major,minor.
  public let device: String
  /// Sectors to add to an address on it.
  public let delta: Int64
}

/// A row of `machine_clock`.
public struct MachineClockRow: Sendable {
  /// The source whose times are mapped.
  public var source: Int64
  /// The source onto whose clock.
  public var other: Int64
  /// The piece.
  public var segment: Int
  /// First own moment, ns.
  public var from: Int64
  /// Last own moment, ns.
  public var to: Int64
  /// Other minus own at own = 0, ns.
  public var offset: Double
  /// Parts per million.
  public var driftPPM: Double
  /// How far off it may be, ns.
  public var error: Int64
  /// How it was found.
  public var method: String
  /// Pairs that it rests on.
  public var pairs: Int
  /// Pairs that were taken out.
  public var removedPairs: Int

  /// A row.
  public init(
    source: Int64, other: Int64, segment: Int, from: Int64, to: Int64, offset: Double,
    driftPPM: Double, error: Int64, method: String, pairs: Int, removedPairs: Int
  ) {
    self.source = source
    self.other = other
    self.segment = segment
    self.from = from
    self.to = to
    self.offset = offset
    self.driftPPM = driftPPM
    self.error = error
    self.method = method
    self.pairs = pairs
    self.removedPairs = removedPairs
  }
}

extension IncidentFile {
  /// The sources that saw pages become dirty.
  public func pageCacheSources() throws -> [PageCacheSource] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT source_id, name FROM source_file JOIN machine USING (machine_id)
          WHERE layer = 'guest' AND EXISTS
            (SELECT 1 FROM traced_inode WHERE traced_inode.source_id = source_file.source_id)
          ORDER BY source_id
          """
      ).map { try PageCacheSource(source: $0[0], machine: $0[1]) }
    }
  }

  /// The devices that lie on traced ones, as remap lines say, most often named first.
  public func partitions() throws -> [PartitionRow] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT stream_id, from_device, delta FROM block_remap
          ORDER BY count DESC, stream_id, from_device, delta
          """
      ).map { row in
        let delta: Int64 = try row[2]
        guard NumberRange.distance.contains(delta) else { throw StoreError.damagedRemap }
        return try PartitionRow(stream: row[0], device: row[1], delta: delta)
      }
    }
  }

  /// All threads: number, thread id, name.
  public func tasks() throws -> [(task: Int32, tid: UInt32, name: String)] {
    try read { db in
      try Row.fetchAll(db, sql: "SELECT task_id, pid, comm FROM task").map {
        try ($0[0], $0[1], $0[2])
      }
    }
  }

  /// The files a source speaks of.
  public func tracedInodes(of source: Int64) throws -> [TracedInode] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: "SELECT inode_id, device, backing_device, inode FROM traced_inode WHERE source_id = ?",
        arguments: [source]
      ).map { row in
        var inode = TracedInode()
        inode.id = try row[0]
        inode.device = try (row[1] as String?).flatMap(DeviceNumber.init)
        inode.backing = try (row[2] as String?).flatMap(DeviceNumber.init)
        inode.number = try UInt64(bitPattern: row[3] as Int64)
        return inode
      }
    }
  }

  /// The pages that a source saw become dirty.
  public func dirtiedPages(of source: Int64) throws -> [DirtiedPage] {
    try rows(
      """
      SELECT inode_id, page, pages, sector, at_ns, task_id, line FROM dirtied_page
      WHERE inode_id IN (SELECT inode_id FROM traced_inode WHERE source_id = ?) ORDER BY rowid
      """, source
    ) { row in
      var page = DirtiedPage()
      page.inode = row.integer(0)
      page.index = row.integer(1)
      page.pages = row.integer(2)
      page.sector = max(-1, row.integer(3))
      page.at = row.integer(4)
      page.task = Int32(truncatingIfNeeded: row.integer(5))
      page.line = row.integer(6)
      guard page.isPossible else { throw Self.damaged }
      return page
    }
  }

  /// The pieces of files of which a source says the place.
  public func pageExtents(of source: Int64) throws -> [PageExtent] {
    try rows(
      """
      SELECT inode_id, page, pages, sector, at_ns, writeback, line FROM page_extent
      WHERE inode_id IN (SELECT inode_id FROM traced_inode WHERE source_id = ?) ORDER BY rowid
      """, source
    ) { row in
      var extent = PageExtent()
      extent.inode = row.integer(0)
      extent.index = row.integer(1)
      extent.pages = row.integer(2)
      extent.sector = row.integer(3)
      extent.at = row.integer(4)
      extent.isWriteback = row.integer(5) != 0
      extent.line = row.integer(6)
      guard extent.isPossible else { throw Self.damaged }
      return extent
    }
  }

  /// The write-back that a source saw.
  public func writebackPasses(of source: Int64) throws -> [WritebackPass] {
    try rows(
      """
      SELECT inode_id, task_id, tid, from_ns, to_ns, start_page, pages, line FROM writeback_pass
      WHERE inode_id IN (SELECT inode_id FROM traced_inode WHERE source_id = ?) ORDER BY rowid
      """, source
    ) { row in
      var pass = WritebackPass()
      pass.inode = row.integer(0)
      pass.task = Int32(truncatingIfNeeded: row.integer(1))
      pass.tid = UInt32(truncatingIfNeeded: row.integer(2))
      pass.from = row.integer(3)
      pass.to = row.integer(4)
      pass.start = row.integer(5)
      pass.pages = max(-1, row.integer(6))
      pass.line = row.integer(7)
      guard pass.isPossible else { throw Self.damaged }
      return pass
    }
  }

  /// The calls of fsync that a source saw, with their numbers.
  public func syncCalls(of source: Int64) throws -> [(id: Int64, call: SyncCall)] {
    try rows(
      """
      SELECT sync_id, inode_id, task_id, tid, from_ns, to_ns, result, data_only, line FROM sync_call
      WHERE source_id = ? ORDER BY sync_id
      """, source
    ) { row in
      var call = SyncCall()
      call.inode = max(0, row.integer(1))
      call.task = Int32(truncatingIfNeeded: row.integer(2))
      call.tid = UInt32(truncatingIfNeeded: row.integer(3))
      call.from = row.integer(4)
      call.to = Stamp(row.integer(5))
      call.result = row.integer(6)
      call.isDataOnly = row.integer(7) != 0
      call.line = row.integer(8)
      guard call.isPossible else { throw Self.damaged }
      return (row.integer(0), call)
    }
  }

  /// The moments of block requests that a page-cache source saw.
  public func blockMoments(of source: Int64) throws -> [BlockMoment] {
    try rows(
      """
      SELECT kind, device, sector, sectors, direction, at_ns FROM block_moment
      WHERE source_id = ? ORDER BY rowid
      """, source
    ) { row in
      var moment = BlockMoment()
      guard let kind = BlockMoment.Kind(rawValue: row.integer(0)) else { throw Self.damaged }
      moment.kind = kind
      moment.device = DeviceNumber(rawValue: UInt32(truncatingIfNeeded: row.integer(1)))
      moment.sector = row.integer(2)
      moment.sectors = row.integer(3)
      moment.direction = RWBS(rawValue: UInt16(truncatingIfNeeded: row.integer(4)))
      moment.at = row.integer(5)
      guard moment.isPossible else { throw Self.damaged }
      return moment
    }
  }

  private static var damaged: StoreError {
    StoreError(.damaged, "has a damaged row of the page cache; 'hiddenq check' says more")
  }

  private func rows<Element>(
    _ sql: String, _ source: Int64, _ element: (RawStatement) throws -> Element
  ) throws -> [Element] {
    try read { db in
      let statement = try RawStatement(db, sql)
      statement.bind(source, at: 1)
      var all: [Element] = []
      while try statement.step() { all.append(try element(statement)) }
      return all
    }
  }

  private func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    try translating { try queue.read(body) }
  }
}

extension CorrelationWriter {
  /// Adds the relation of two clocks of a machine.
  public func add(_ row: MachineClockRow) throws {
    try insert(
      into: "machine_clock",
      [
        "source_id": row.source, "other_source_id": row.other, "segment": row.segment,
        "from_ns": row.from, "to_ns": row.to, "offset_ns": row.offset, "drift_ppm": row.driftPPM,
        "error_ns": row.error, "method": row.method, "pairs": row.pairs,
        "removed_pairs": row.removedPairs,
      ])
  }

  /// Adds the oldest page of an I/O.
  public func addOldestPage(
    _ page: DirtiedPage, request: Int64, sector: Int64, known: Int64
  ) throws {
    try insert(
      into: "io_page",
      [
        "request_id": request, "sector": sector, "inode_id": page.inode, "page": page.index,
        "pages": known, "task_id": page.task, "dirtied_ns": page.at, "line": page.line,
      ])
  }

  /// Adds what a call of fsync waited for, ns.
  public func addSyncWait(_ id: Int64, writes: Int, data: Int64, journal: Int64) throws {
    try insert(
      into: "sync_wait", orReplace: true,
      ["sync_id": id, "writes": writes, "data_ns": data, "journal_ns": journal])
  }
}

extension DeviceNumber {
  /// From `254,16`.
  fileprivate init?(_ text: String) {
    let halves = text.split(separator: ",")
    guard halves.count == 2, let major = UInt64(halves[0]), let minor = UInt64(halves[1]) else {
      return nil
    }
    self.init(major: major, minor: minor)
  }
}
