internal import TraceModel
internal import TraceStore

/// How long requests of the guests' disks were in the parts of QEMU, where its own trace was given.
struct QEMUSection: ReportSection {
  static let anchor = Anchor("qemu")

  /// Disks that are shown.
  private static let mostDisks = 8

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let rows = try file.rows(
      """
      SELECT machine, device, op, stage, count, min_ns, mean_ns, p50_ns, p99_ns, max_ns, source_id
      FROM qemu_stage ORDER BY source_id, device, op
      """)
    guard !rows.isEmpty else { return [] }
    var blocks: [Block] = [
      .heading("Inside QEMU"),
      .paragraph(
        "By QEMU's own trace. pop: virtqueue_pop to virtio_blk_handle_*; submit: from there to its block "
          + "layer (merging); io: virtio_blk_handle_* to virtio_blk_rw_complete, its block layer and all "
          + "below; complete: to virtio_blk_req_complete; return: to virtqueue_flush, when the guest can "
          + "see the answer. 'other' are flushes and discards."),
    ]
    var seen: [[String?]] = []
    for row in rows {
      let disk = [
        row.text("machine"), row.text("device"), row.integer("source_id").map(String.init),
      ]
      guard !seen.contains(disk) else { continue }
      seen.append(disk)
      guard seen.count <= Self.mostDisks else { continue }
      let own = rows.filter {
        [$0.text("machine"), $0.text("device"), $0.integer("source_id").map(String.init)] == disk
      }
      blocks.append(.table(Self.table(own, disk)))
    }
    if seen.count > Self.mostDisks {
      blocks.append(
        .paragraph("\(seen.count - Self.mostDisks) more disks are in the view qemu_stage."))
    }
    return blocks
  }

  private static func table(_ rows: [QueryRow], _ disk: [String?]) -> Table {
    let median = rows.first { $0.text("stage") == QEMUStage.io.rawValue }?.integer("p50_ns")
    let unit = Quantity.TimeUnit.fitting(median ?? 0)
    let stages = QEMUStage.allCases.map(\.rawValue)
    let sorted = rows.enumerated().sorted { one, other in
      func place(_ row: QueryRow) -> Int { row.text("stage").flatMap(stages.firstIndex) ?? 0 }
      let (first, second) = (one.element.text("op") ?? "", other.element.text("op") ?? "")
      return first == second
        ? place(one.element) < place(other.element) : one.offset < other.offset
    }.map(\.element)
    func time(_ row: QueryRow, _ column: String) -> String {
      row.integer(column).map(unit.text) ?? ""
    }
    return Table(
      caption: Printable.text(
        "\(disk[0] ?? ""), disk at \(disk[1] ?? "no address"), \(unit.symbol):"),
      columns: [
        .text("op"), .text("stage"), .number("N"), .number("min"), .number("mean"), .number("p50"),
        .number("p99"), .number("max"),
      ],
      rows: sorted.map { row in
        [
          row.text("op") ?? "", row.text("stage") ?? "", Quantity.count(row.integer("count") ?? 0),
          time(row, "min_ns"), unit.text(row.number("mean_ns") ?? 0),
          time(row, "p50_ns"), time(row, "p99_ns"), time(row, "max_ns"),
        ]
      })
  }
}
