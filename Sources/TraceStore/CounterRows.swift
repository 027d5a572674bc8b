internal import GRDB
internal import TraceModel

/// Writes the counters of one source into the open transaction.
final class CounterRows {
  private let db: Database
  private let sourceID: Int64
  private let machineID: Int64
  private let moments: BulkInsert
  private let samples: BulkInsert
  private let vmstat: BulkInsert
  private var lastMomentID: Int64

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    machineID =
      try Int64.fetchOne(
        db, sql: "SELECT machine_id FROM source_file WHERE source_id = ?", arguments: [sourceID])
      ?? 0
    moments = try BulkInsert(
      db, into: "counter_moment",
      columns: ["moment_id", "source_id", "ordinal", "wall_ns", "utc_offset_s", "line"])
    samples = try BulkInsert(
      db, into: "counter_sample", columns: ["moment_id", "object_id", "counter_id", "value"])
    vmstat = try BulkInsert(
      db, into: "vmstat_sample",
      columns: [
        "source_id", "ordinal", "run", "since_boot", "wall_ns", "utc_offset_s", "run_wall_ns",
        "line",
      ] + VmstatColumn.allCases.map { "\"\($0.name)\"" })
    lastMomentID =
      try Int64.fetchOne(db, sql: "SELECT max(moment_id) FROM counter_moment") ?? 0
  }

  func object(_ object: CounterObject) throws -> Int32 {
    // `#1` is told by its place in this file, and another thing in every other.
    let name =
      object.name.hasPrefix("#") ? "#\(sourceID):\(object.name.dropFirst())" : object.name
    let known = try Int32.fetchOne(
      db,
      sql: """
        SELECT object_id FROM counter_object
        WHERE machine_id = ? AND tool = ? AND kind = ? AND name = ?
        """,
      arguments: [machineID, object.tool, object.kind.rawValue, name])
    if let known { return known }
    try db.execute(
      sql: """
        INSERT INTO counter_object (machine_id, tool, kind, name, owner, part)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        machineID, object.tool, object.kind.rawValue, name, object.owner, object.part,
      ])
    return Int32(truncatingIfNeeded: db.lastInsertedRowID)
  }

  func counter(_ counter: Counter) throws -> Int32 {
    let known = try Int32.fetchOne(
      db,
      sql: """
        SELECT counter_id FROM counter WHERE name = ? AND unit = ? AND nature = ? AND scale = ?
        """,
      arguments: [
        counter.name, counter.unit.rawValue, counter.nature.rawValue, counter.scale,
      ])
    if let known { return known }
    try db.execute(
      sql: "INSERT INTO counter (name, unit, nature, scale) VALUES (?, ?, ?, ?)",
      arguments: [
        counter.name, counter.unit.rawValue, counter.nature.rawValue, counter.scale,
      ])
    return Int32(truncatingIfNeeded: db.lastInsertedRowID)
  }

  func moment(_ moment: CounterMoment) throws -> Int64 {
    lastMomentID += 1
    moments.add(lastMomentID)
    moments.add(sourceID)
    moments.add(moment.ordinal)
    moments.add(moment.wall?.nanoseconds ?? .min)
    moments.add((moment.wall?.utcOffset).map { Int64($0) } ?? .min)
    moments.add(moment.line)
    try moments.endRow()
    return lastMomentID
  }

  func receive(_ batch: CounterBatch) throws {
    for sample in batch.samples {
      samples.add(sample.moment)
      samples.add(Int64(sample.object))
      samples.add(Int64(sample.counter))
      samples.add(sample.value)
      try samples.endRow()
    }
    for row in batch.vmstat {
      vmstat.add(sourceID)
      vmstat.add(row.ordinal)
      vmstat.add(row.run)
      vmstat.add(row.isSinceBoot ? 1 : 0)
      vmstat.add(row.wall?.nanoseconds ?? .min)
      vmstat.add(((row.wall ?? row.runStart)?.utcOffset).map { Int64($0) } ?? .min)
      vmstat.add(row.runStart?.nanoseconds ?? .min)
      vmstat.add(row.line)
      for value in row.values { vmstat.add(value ?? .min) }
      try vmstat.endRow()
    }
  }

  func finish() throws {
    try moments.finish()
    try samples.finish()
    try vmstat.finish()
  }
}
