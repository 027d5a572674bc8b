internal import TraceModel
internal import TraceStore

/// Where the time of a guest's I/Os went below the guest, by its own block trace and its host's esxtop.
enum EsxLayers {
  static func blocks(_ file: IncidentFile) throws -> [Block] {
    try file.rows("SELECT * FROM esx_match ORDER BY guest, device, host").flatMap { row in
      guard let guest = row.text("guest"), let device = row.text("device") else { return [Block]() }
      return try [.paragraph(Printable.text(sentence(row)))] + table(file, guest, device)
    }
  }

  private static func number(_ row: QueryRow, _ name: String, _ digits: Int = 1) -> String {
    row.number(name).map { Quantity.decimal($0, digits: digits) } ?? "?"
  }

  private static func sentence(_ row: QueryRow) -> String {
    let guest = "Disk \(row.text("device") ?? "") of guest \(row.text("guest") ?? "")"
    let host = row.text("host") ?? ""
    let disk = "\(row.text("disk") ?? "") of VM \(row.text("vm") ?? "") on \(host)"
    let counts =
      "the counts of \(Quantity.count(row.integer("samples") ?? 0, "row")) agree within \(number(row, "mismatch_pct")) % "
      + "(median)"
      + (row.number("next_mismatch_pct") == nil
        ? "" : ", those of the next best disk within \(number(row, "next_mismatch_pct")) %")
    switch row.text("verdict") {
    case "tied":
      var text = "\(guest) is \(disk): \(counts)."
      if let ahead = row.integer("ahead_ns"), let error = row.integer("error_ns") {
        text +=
          " The host's clock is ahead of the guest's by \(Quantity.seconds(ahead)), +-\(Quantity.seconds(error))."
      }
      return text
    case "steady":
      return
        "\(guest) may be \(disk): \(counts). The load was too even to tie the clocks, so no row is compared."
    case "ambiguous":
      return "\(guest) may be \(disk), or another: \(counts). So no row is compared."
    default:
      return
        "\(guest) fits no virtual disk on \(host): the guest ran on another host, or the files are of different times. So "
        + "nothing is compared."
    }
  }

  /// Means over the rows that can be compared, each weighted by its I/Os.
  private static func table(
    _ file: IncidentFile, _ guest: String, _ device: String
  ) throws -> [Block] {
    let parts = [
      "guest_ms", "driver_ms", "vscsi_ms", "queue_ms", "kernel_ms", "device_ms", "driver_error_ms",
    ]
    let rows = try file.rows(
      """
      SELECT count(*) AS rows, sum(ios) AS ios,
        \(parts.map { "sum(ios * \($0)) / sum(ios) AS \($0)" }.joined(separator: ", "))
      FROM esx_layer WHERE is_comparable = 1 AND driver_ms IS NOT NULL AND device_ms IS NOT NULL
        AND guest = \(SQLText.literal(guest)) AND device = \(SQLText.literal(device)) HAVING sum(ios) > 0
      """)
    guard let row = rows.first, let total = row.number("guest_ms"),
      let driver = row.number("driver_ms"), let error = row.number("driver_error_ms")
    else { return [] }
    let bound = max(error, 0.02 * total)
    let driverText =
      driver > bound
      ? Quantity.decimal(driver, digits: 2)
      : "not measurable, under \(Quantity.decimal(bound + max(0, driver), digits: 2))"
    let layers: [(String, String, String)] = [
      ("driver, paravirtual queue", driverText, "D2C of the guest less the virtual disk's time"),
      ("vSCSI and file system", number(row, "vscsi_ms", 2), "virtual disk less GAVG"),
      ("hypervisor queue", number(row, "queue_ms", 2), "QAVG"),
      ("hypervisor", number(row, "kernel_ms", 2), "KAVG - QAVG"),
      ("device", number(row, "device_ms", 2), "DAVG"),
      ("all (D2C)", number(row, "guest_ms", 2), "the guest's block trace"),
    ]
    return [
      .table(
        Table(
          caption: Printable.text(
            "\(guest) \(device): mean ms per I/O, \(Quantity.count(row.integer("ios") ?? 0, "I/O")) in "
              + "\(Quantity.count(row.integer("rows") ?? 0, "row")); means per row, no single I/Os:"
          ),
          columns: [.text("layer"), .number("ms"), .text("from")],
          rows: layers.map { [$0.0, $0.1, $0.2] }))
    ]
  }
}
