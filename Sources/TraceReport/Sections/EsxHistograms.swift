internal import TraceModel
internal import TraceStore

/// The latency of virtual disks by vscsiStats, with the bucket in which each quantile lies, beside what the guest's own trace
/// says where that is known to be of the same disk.
enum EsxHistograms {
  private static let most = 24

  static func blocks(_ file: IncidentFile) throws -> [Block] {
    guard try !file.rows("SELECT 1 FROM source WHERE format = 'vscsistats' AND refused = 0").isEmpty
    else { return [] }
    let rows = try file.rows(
      """
      SELECT machine, vm_group, max(vm) AS vm, disk, operation, sum(commands) AS commands, max(mean) AS mean,
        max(greatest) AS greatest, \(bucket(0.5, "p50")), \(bucket(0.99, "p99")),
        (SELECT guest FROM esx_match AS own WHERE own.host = esx_histogram.machine AND own.vm = esx_histogram.vm
          AND own.disk = esx_histogram.disk AND verdict IN ('tied', 'steady') LIMIT 1) AS guest,
        (SELECT device FROM esx_match AS own WHERE own.host = esx_histogram.machine AND own.vm = esx_histogram.vm
          AND own.disk = esx_histogram.disk AND verdict IN ('tied', 'steady') LIMIT 1) AS device
      FROM esx_histogram WHERE quantity = 'latency' GROUP BY machine, source_id, vm_group, disk, operation, line
      ORDER BY machine, vm_group, disk, operation LIMIT \(most)
      """)
    guard !rows.isEmpty else { return [] }
    let guests = try rows.map { try guest(file, $0) }
    return [
      .table(
        Table(
          caption:
            "Latency of virtual disks by vscsiStats since it was started, us: quantiles lie in these buckets; D2C is the "
            + "guest's own trace, all operations:",
          columns: [
            .text("VM"), .text("disk"), .text("commands"), .number("count"), .number("mean"),
            .number("p50 in"), .number("p99 in"), .number("max"), .text("guest's D2C p50, p99"),
          ],
          rows: zip(rows, guests).map { row, guest in
            [
              Printable.text(row.text("vm") ?? "group \(row.integer("vm_group") ?? 0)"),
              Printable.text(row.text("disk") ?? ""), row.text("operation") ?? "",
              Quantity.count(row.integer("commands") ?? 0), text(row, "mean"),
              "(\(text(row, "p50_above")), \(text(row, "p50_up_to"))]",
              "(\(text(row, "p99_above")), \(text(row, "p99_up_to"))]", text(row, "greatest"),
              guest,
            ]
          }))
    ]
  }

  /// The first bucket up to which there is so much of all.
  private static func bucket(_ share: Double, _ name: String) -> String {
    """
    max(CASE WHEN up_to_share < \(share) THEN up_to END) AS \(name)_above,
      min(CASE WHEN up_to_share >= \(share) THEN up_to END) AS \(name)_up_to
    """
  }

  private static func text(_ row: QueryRow, _ name: String) -> String {
    row.integer(name).map(Quantity.count) ?? (name.hasSuffix("up_to") ? "more" : "")
  }

  private static func guest(_ file: IncidentFile, _ row: QueryRow) throws -> String {
    guard let guest = row.text("guest"), let device = row.text("device"),
      let stage = try file.rows(
        """
        SELECT p50_ns, p99_ns FROM stage WHERE stage = 'D2C' AND machine = \(SQLText.literal(guest))
          AND device = \(SQLText.literal(device)) LIMIT 1
        """
      ).first, let p50 = stage.integer("p50_ns"), let p99 = stage.integer("p99_ns")
    else { return "" }
    return "\(Quantity.time(p50)), \(Quantity.time(p99))"
  }
}
