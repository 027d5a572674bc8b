internal import GRDB
public import TraceModel

extension IncidentFile {
  /// The guests' disks of which traces of QEMU on hosts tell, by the trace and QEMU's address of the disk.
  public func qemuDisks() throws -> [QEMUDisk] {
    try translating {
      try queue.read { db in
        let sources = try Row.fetchAll(
          db,
          sql: """
            SELECT source_id, format, first_ns, last_ns
            FROM source_file JOIN machine USING (machine_id)
            WHERE layer = ? AND duplicate_of IS NULL AND first_ns IS NOT NULL
              AND EXISTS (SELECT 1 FROM qemu_stage_sum AS sum WHERE sum.source_id = source_file.source_id)
            ORDER BY source_id
            """, arguments: [Layer.host.name])
        return try sources.flatMap { row -> [QEMUDisk] in
          let (source, format): (Int64, String) = try (row[0], row[1])
          let (first, last): (Int64, Int64) = try (row[2], row[3])
          return try Self.qemuDisks(
            db,
            QEMUDisk(
              source: source, isOwnTrace: format == "qemu-log", span: first...max(first, last)))
        }
      }
    }
  }

  /// The disks of one trace, in the order of their addresses.
  private static func qemuDisks(_ db: Database, _ empty: QEMUDisk) throws -> [QEMUDisk] {
    let statement = try RawStatement(
      db,
      """
      SELECT device, qemu_request_id, op, sector, sectors, popped_ns, handled_ns, submitted_ns, done_ns,
        completed_ns, returned_ns
      FROM qemu_block_request WHERE source_id = ? ORDER BY qemu_request_id
      """)
    statement.bind(empty.source, at: 1)
    var disks: [Int64: QEMUDisk] = [:]
    while try statement.step() {
      var request = QEMURequest()
      request.id = statement.integer(1)
      guard let operation = QEMURequest.Operation(rawValue: Int(statement.integer(2))) else {
        throw damagedQEMU
      }
      request.operation = operation
      let (sector, sectors) = (statement.integer(3), statement.integer(4))
      if sector != .min { request.sector = sector }
      if sectors != .min { request.sectors = sectors }
      request.popped = Stamp(statement.integer(5))
      request.handled = Stamp(statement.integer(6))
      request.submitted = Stamp(statement.integer(7))
      request.done = Stamp(statement.integer(8))
      request.completed = Stamp(statement.integer(9))
      request.returned = Stamp(statement.integer(10))
      guard request.isPossible else { throw damagedQEMU }
      disks[statement.integer(0), default: empty].requests.append(request)
    }
    return disks.sorted { $0.key < $1.key }.map(\.value)
  }

  private static var damagedQEMU: StoreError {
    StoreError(.damaged, "has a damaged row of QEMU's trace; 'hiddenq check' says more")
  }
}

extension QEMURequest {
  /// Whether its numbers are such as a trace can have.
  fileprivate var isPossible: Bool {
    [popped, handled, submitted, done, completed, returned].allSatisfy {
      !$0.isSeen || Stamp.range.contains($0.rawValue)
    } && NumberRange.distance.contains(sector) && sectors <= BlockRequest.longest
  }
}
