internal import GRDB
internal import TraceModel

/// Writes what a source tells of requests inside QEMU.
final class QEMURows {
  private let db: Database
  private let sourceID: Int64
  private let requests: BulkInsert

  init(_ db: Database, sourceID: Int64) throws {
    self.db = db
    self.sourceID = sourceID
    requests = try BulkInsert(
      db, into: "qemu_block_request",
      columns: [
        "source_id", "device", "op", "sector", "sectors", "popped_ns", "handled_ns", "submitted_ns",
        "done_ns", "completed_ns", "returned_ns", "merged", "result", "status", "tid", "line",
      ])
  }

  func insert(_ batch: [QEMURequest]) throws {
    for request in batch {
      requests.add(sourceID)
      requests.add(Int64(bitPattern: request.device))
      requests.add(Int64(request.operation.rawValue))
      requests.add(request.sector < 0 ? .min : request.sector)
      requests.add(request.sectors < 0 ? .min : request.sectors)
      // Int64.min, the stamp that was not seen, is NULL.
      requests.add(request.popped.rawValue)
      requests.add(request.handled.rawValue)
      requests.add(request.submitted.rawValue)
      requests.add(request.done.rawValue)
      requests.add(request.completed.rawValue)
      requests.add(request.returned.rawValue)
      requests.add(request.merged)
      requests.add(request.result ?? .min)
      requests.add(request.status ?? .min)
      requests.add(request.tid == 0 ? .min : Int64(request.tid))
      requests.add(request.line)
      try requests.endRow()
    }
  }

  func finish(_ stages: [QEMUStageSummary]) throws {
    try requests.finish()
    for stage in stages {
      let histogram = stage.histogram
      try db.insert(
        into: "qemu_stage_sum",
        [
          "source_id": sourceID, "device": Int64(bitPattern: stage.device),
          "op": stage.operation.name, "stage": stage.stage.rawValue, "count": histogram.count,
          "min_ns": histogram.least, "mean_ns": histogram.mean, "p50_ns": histogram.quantile(0.5),
          "p99_ns": histogram.quantile(0.99), "max_ns": histogram.greatest,
        ])
    }
  }
}
