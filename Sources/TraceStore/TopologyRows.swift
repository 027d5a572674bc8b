internal import GRDB
internal import TraceModel

/// Writes facts about machines. A few hundred rows per source, so through GRDB's own binding.
extension Database {
  func insert(_ batch: TopologyBatch, sourceID: Int64) throws {
    for cpu in batch.cpus {
      try insert(
        "cpu_topology (source_id, cpu, core, socket, node, line)",
        [sourceID, cpu.cpu, cpu.core, cpu.socket, cpu.node, cpu.line])
    }
    for fact in batch.nodes {
      try insert(
        "node_topology (source_id, node, kind, other_node, value, line)",
        [sourceID, fact.node, fact.kind.rawValue, fact.other, fact.value, fact.line])
    }
    for thread in batch.threads {
      try insert(
        "thread_role (source_id, tid, pid, ppid, comm, role, vcpu, name, guest, cpu, line)",
        [
          sourceID, thread.tid, thread.pid, thread.parent, thread.comm, thread.role?.name,
          thread.vcpu, thread.name, thread.guest, thread.cpu, thread.line,
        ])
    }
    for disk in batch.disks {
      try insert(
        "disk_topology (source_id, name, device, parent, start_sector, bytes, type, file, line)",
        [
          sourceID, disk.name, disk.number, disk.parent, disk.start, disk.bytes, disk.type,
          disk.file, disk.line,
        ])
    }
    for drive in batch.drives {
      try insert(
        "guest_drive (source_id, guest, device, node, qdev, driver, file, bytes, line)",
        [
          sourceID, drive.guest, drive.device, drive.node, drive.qdev, drive.driver, drive.file,
          drive.bytes, drive.line,
        ])
    }
    for extent in batch.extents {
      try insert(
        "given_extent (source_id, tool, object, start, bytes, target, target_start, detail, line)",
        [
          sourceID, extent.tool, extent.object, extent.start, extent.bytes, extent.target,
          extent.targetStart, extent.detail, extent.line,
        ])
    }
    for setting in batch.settings {
      try insert(
        "setting (source_id, kind, object, name, value, line)",
        [sourceID, setting.kind, setting.object, setting.name, setting.value, setting.line])
    }
    for histogram in batch.histograms {
      try insert(
        "disk_histogram (source_id, vm_group, disk, quantity, operation, least, greatest, mean, count, line)",
        [
          sourceID, histogram.group, histogram.disk, histogram.quantity, histogram.operation,
          histogram.least, histogram.greatest, histogram.mean, histogram.count, histogram.line,
        ])
      let number = lastInsertedRowID
      for (place, bucket) in histogram.buckets.enumerated() {
        try insert(
          "disk_histogram_bucket (histogram_id, bucket, up_to, count)",
          [number, Int64(place), bucket.limit, bucket.count])
      }
    }
  }

  private func insert(
    _ tableAndColumns: String, _ values: [(any DatabaseValueConvertible)?]
  ) throws {
    let places = values.map { _ in "?" }.joined(separator: ",")
    let statement = try cachedStatement(
      sql: "INSERT INTO \(tableAndColumns) VALUES (\(places))")
    try statement.execute(arguments: StatementArguments(values))
  }
}
