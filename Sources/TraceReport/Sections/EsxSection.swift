internal import TraceModel
internal import TraceStore

/// What ESXi's esxtop says: its VMs, disks and ports, each by its means over the file and its worst row. ESXi's own words
/// stand in the heads of columns.
struct EsxSection: ReportSection {
  static let anchor = Anchor("esxi")

  private static let most = 12

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let histograms = try EsxHistograms.blocks(file)
    guard try !file.rows("SELECT 1 FROM source WHERE format = 'esxtop' AND refused = 0").isEmpty
    else { return histograms.isEmpty ? [] : [.heading("ESXi")] + histograms }
    // Four tables are made of the same rows.
    try file.holdEsxRows(anew: false)
    let hosts = try file.rows(
      """
      SELECT machine, count(*) AS rows, min(wall_ns) AS from_ns, max(wall_ns) AS to_ns,
        min(utc_offset_s IS NOT NULL) AS is_utc, avg(util_pct) AS util_pct, avg(free_mib) AS free_mib,
        max(state) AS state, avg(balloon_mib) AS balloon_mib, avg(swapped_mib) AS swapped_mib
      FROM esx_host GROUP BY machine ORDER BY machine
      """)
    let tables =
      try EsxLayers.blocks(file) + [vms(file), disks(file), ports(file)].compactMap(\.self)
    guard !hosts.isEmpty || !tables.isEmpty else { return [] }
    return [
      .heading("ESXi"),
      .paragraph(
        "Means over the rows of esxtop, which are means over seconds themselves, and the worst row. Ready time, co-stop and "
          + "limits are of each virtual CPU; what helper processes of a VM waited is left out."),
    ] + (hosts.isEmpty ? [] : [.facts(hosts.map(Self.host))]) + tables + histograms
  }

  private static func number(_ row: QueryRow, _ name: String, _ digits: Int = 1) -> String {
    row.number(name).map { Quantity.decimal($0, digits: digits) } ?? ""
  }

  private static func host(_ row: QueryRow) -> Fact {
    var parts = ["\(Quantity.count(row.integer("rows") ?? 0, "row"))"]
    if let from = row.integer("from_ns"), let to = row.integer("to_ns") {
      parts.append(
        "\(UTCText.time(from)) to \(UTCText.time(to))" + (row.integer("is_utc") == 1 ? " UTC" : ""))
    }
    if row.number("util_pct") != nil { parts.append("CPUs busy \(number(row, "util_pct")) %") }
    if row.number("free_mib") != nil {
      parts.append("\(number(row, "free_mib", 0)) MiB of memory free")
    }
    if let balloon = row.number("balloon_mib"), balloon >= 1 {
      parts.append("balloons hold \(number(row, "balloon_mib", 0)) MiB")
    }
    if let swapped = row.number("swapped_mib"), swapped >= 1 {
      parts.append("\(number(row, "swapped_mib", 0)) MiB of VMs swapped out")
    }
    return Fact(Printable.text(row.text("machine") ?? ""), parts.joined(separator: ", ") + ".")
  }

  private func vms(_ file: IncidentFile) throws -> Block? {
    let rows = try file.rows(
      """
      SELECT machine, vm, max(vcpus) AS vcpus, avg(used_pct) AS used, avg(ready_pct) AS ready, max(ready_pct) AS most_ready,
        max(costop_pct) AS costop, max(limited_pct) AS limited, max(swap_wait_pct) AS swap_wait, avg(swapped_mib) AS swapped,
        avg(balloon_mib) AS balloon
      FROM esx_vm GROUP BY machine, vm ORDER BY max(ready_pct) DESC, machine, vm LIMIT \(Self.most)
      """)
    guard !rows.isEmpty else { return nil }
    return .table(
      Table(
        caption: "VMs; %RDY as mean and worst, %CSTP, %MLMTD and %SWPWT at worst:",
        columns: [
          .text("VM"), .number("vCPUs"), .number("%USED"), .number("%RDY"), .number("worst"),
          .number("%CSTP"), .number("%MLMTD"), .number("%SWPWT"), .number("MCTLSZ"),
          .number("SWCUR"),
        ],
        rows: rows.map { row in
          [
            Printable.text(row.text("vm") ?? ""), "\(row.integer("vcpus") ?? 0)",
            Self.number(row, "used"), Self.number(row, "ready"), Self.number(row, "most_ready"),
            Self.number(row, "costop"), Self.number(row, "limited"),
            Self.number(row, "swap_wait"), Self.number(row, "balloon", 0),
            Self.number(row, "swapped", 0),
          ]
        }))
  }

  private func disks(_ file: IncidentFile) throws -> Block? {
    let rows = try file.rows(
      """
      SELECT machine, kind, object, coalesce(vm, '') AS vm, disk, avg(commands_per_s) AS rate, max(guest_ms) AS most,
        sum(guest_ms * commands_per_s) / nullif(sum(commands_per_s), 0) AS gavg,
        sum(device_ms * commands_per_s) / nullif(sum(commands_per_s), 0) AS davg,
        sum(kernel_ms * commands_per_s) / nullif(sum(commands_per_s), 0) AS kavg,
        sum(queue_ms * commands_per_s) / nullif(sum(commands_per_s), 0) AS qavg, max(queued) AS queued
      FROM esx_disk WHERE kind IN ('disk', 'disk_user') GROUP BY machine, kind, object HAVING rate > 0
      ORDER BY machine, disk, kind, rate DESC LIMIT \(2 * Self.most)
      """)
    guard !rows.isEmpty else { return nil }
    return .table(
      Table(
        caption:
          "Disks of the host and who uses them; ms per command: GAVG = DAVG + KAVG, QAVG is a part of KAVG:",
        columns: [
          .text("disk"), .text("VM"), .number("CMDS/s"), .number("GAVG"), .number("worst"),
          .number("DAVG"), .number("KAVG"), .number("QAVG"),
        ],
        rows: rows.map { row in
          [
            Printable.text(Self.short(row.text("disk") ?? "")),
            row.text("kind") == "disk" ? "(all)" : Printable.text(row.text("vm") ?? ""),
            Self.number(row, "rate"), Self.number(row, "gavg", 2), Self.number(row, "most", 2),
            Self.number(row, "davg", 2), Self.number(row, "kavg", 2), Self.number(row, "qavg", 2),
          ]
        }))
  }

  /// Names of disks are long and differ at their ends.
  private static func short(_ name: String) -> String {
    name.count <= 24 ? name : "\(name.prefix(11))..\(name.suffix(11))"
  }

  private func ports(_ file: IncidentFile) throws -> Block? {
    let rows = try file.rows(
      """
      SELECT machine, port, avg(tx_packets_per_s) AS tx, avg(rx_packets_per_s) AS rx, max(tx_dropped_pct) AS tx_dropped,
        max(rx_dropped_pct) AS rx_dropped
      FROM esx_port GROUP BY machine, port HAVING coalesce(tx_dropped, 0) + coalesce(rx_dropped, 0) > 0
      ORDER BY rx_dropped + tx_dropped DESC LIMIT \(Self.most)
      """)
    guard !rows.isEmpty else { return nil }
    return .table(
      Table(
        caption: "Ports that dropped packets, % in the worst row:",
        columns: [
          .text("port"), .number("PKTTX/s"), .number("PKTRX/s"), .number("%DRPTX"),
          .number("%DRPRX"),
        ],
        rows: rows.map { row in
          [
            Printable.text(row.text("port") ?? ""), Self.number(row, "tx"), Self.number(row, "rx"),
            Self.number(row, "tx_dropped", 2), Self.number(row, "rx_dropped", 2),
          ]
        }))
  }
}
