internal import TraceModel
internal import TraceStore

/// Others used the device below a guest's disk: processes of the host whose requests lie outside every
/// guest's part of it.
struct NoisyDiskNeighbour: Rule {
  let code = Finding.Code.noisyDiskNeighbour
  private let told = Threshold(
    "disk-neighbour", 10, "%",
    "share of the device's time (D to C, summed) that others took, from which on it is a warning")
  private let severe = Threshold(
    "disk-neighbour-critical", 50, "%", "the same, from which on it is critical")
  var thresholds: [Threshold] { [told, severe] }

  /// A map in more pieces (an image in a file) says little about what lies between them.
  private static let mostExtents = 64

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let disks = try evidence.rows(
      """
      SELECT guest, host, host_device, count(*) AS extents FROM device_map
      GROUP BY guest, host, host_device HAVING count(*) <= \(Self.mostExtents)
      ORDER BY guest, host, host_device
      """)
    return try disks.compactMap { disk in
      guard let guest = disk.text("guest"), let host = disk.text("host"),
        let device = disk.text("host_device")
      else { return nil }
      let sql = Self.sql(host: host, device: device)
      let rows = try evidence.rows(sql)
      guard let first = rows.first, let whole = first.number("all_pct"),
        whole >= evidence.value(of: told)
      else { return nil }
      let names = rows.prefix(3).compactMap { row -> String? in
        guard let comm = row.text("comm"), let share = row.number("share_pct"),
          let requests = row.integer("requests")
        else { return nil }
        return "\(comm) with \(Quantity.count(requests)) requests, "
          + "\(Quantity.decimal(share, digits: 1)) %"
      }
      return Finding(
        code, whole >= evidence.value(of: severe) ? .critical : .warning, guest: guest,
        sentence: Printable.text(
          "On \(device) of \(host), which holds its disk, others took "
            + "\(Quantity.decimal(whole, digits: 1)) % of the device's time (D to C of all requests): "
            + names.joined(separator: "; ") + "."),
        confidence: .medium,
        because:
          "The addresses of these requests lie outside every guest's part of the device. Whether "
          + "the guest's own I/Os waited for them shows in H4 and H5 over the same time.",
        evidenceSQL: sql,
        nextStep:
          "Limit it (io.max, io.weight of its cgroup), or move it to another device; compare the "
          + "report with --to and --from around its begin.")
    }
  }

  private static func sql(host: String, device: String) -> String {
    """
    WITH own AS (
      SELECT comm, sectors, completed_ns - issued_ns AS d2c,
        EXISTS (
          SELECT 1 FROM device_map
          WHERE device_map.host = request.machine AND device_map.host_device = request.device
            AND request.sector < device_map.host_sector + device_map.sectors
            AND request.sector + request.sectors > device_map.host_sector) AS is_guests
      FROM request
      WHERE machine = \(Evidence.literal(host)) AND device = \(Evidence.literal(device))
        AND sector IS NOT NULL AND sectors > 0 AND issued_ns IS NOT NULL AND completed_ns IS NOT NULL
    )
    SELECT comm, count(*) AS requests, 512 * sum(sectors) AS bytes,
      100.0 * sum(d2c) / (SELECT sum(d2c) FROM own) AS share_pct,
      100.0 * (SELECT sum(d2c) FROM own WHERE NOT is_guests) / (SELECT sum(d2c) FROM own) AS all_pct,
      (SELECT count(DISTINCT comm) FROM own WHERE NOT is_guests) AS processes
    FROM own WHERE NOT is_guests
    GROUP BY comm ORDER BY sum(d2c) DESC, comm
    """
  }
}
