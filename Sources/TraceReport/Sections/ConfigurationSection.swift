internal import TraceModel
internal import TraceStore

/// How disks, queues and guests are set up, each with the file and line that states it.
struct ConfigurationSection: ReportSection {
  static let anchor = Anchor("configuration")

  /// Rows of the table; more are in the view.
  private static let most = 60

  func blocks(_ file: IncidentFile, _ request: ReportRequest) throws -> [Block] {
    let names = try DeviceNames(file)
    let disks = try file.disks(request.filter)
    // Disks that no guest uses say nothing about it; where names are unknown all are shown.
    var used: [String: Set<String>] = [:]
    for disk in disks {
      used[disk.guest, default: []].insert(names.short(disk.device, of: disk.guest))
      if let host = disk.host, let device = disk.hostDevice {
        used[host, default: []].insert(names.short(device, of: host))
      }
    }
    func isShown(_ machine: String, _ object: String) -> Bool {
      guard let own = used[machine] else { return false }
      return own.contains { $0.contains(",") || object.hasPrefix($0) || $0.hasPrefix(object) }
    }
    let folder = DataSection.folder(try file.sources().map(\.path))
    var rows: [[String]] = []
    for row in try file.rows(
      "SELECT * FROM configuration ORDER BY layer, machine, kind DESC, object, path, line")
    {
      guard let machine = row.text("machine"), let kind = row.text("kind"),
        let name = row.text("name"), let value = row.text("value")
      else { continue }
      let object = row.text("object") ?? ""
      if kind == "queue", !isShown(machine, object) { continue }
      rows.append([
        Printable.text(machine), Printable.text(object), Printable.text(name),
        Printable.text(value),
        Printable.text(
          "\((row.text("path") ?? "").dropFirst(folder.count)):\(row.integer("line") ?? 1)"),
      ])
    }
    // The same stated again, as before and after, is one row.
    var seen: Set<[String]> = []
    rows = rows.filter { seen.insert(Array($0.prefix(4))).inserted }
    let placement = try placement(file, request.filter)
    guard !rows.isEmpty || !placement.isEmpty else { return [] }
    return [.heading("Configuration")]
      + (rows.isEmpty
        ? []
        : [
          .table(
            Table(
              caption: rows.count > Self.most
                ? "\(Self.most) of \(Quantity.count(Int64(rows.count), "setting")); all: the view 'configuration'."
                : "Schedulers, queues, limits and options, as the files state them.",
              columns: [
                .text("machine"), .text("of"), .text("setting"),
                .text("value", yielding: .init(least: 12, keepsBeginning: true)),
                .text("stated in", yielding: .init(least: 12, keepsBeginning: false)),
              ], rows: Array(rows.prefix(Self.most))))
        ])
      + placement
  }

  /// On which CPUs the guests' threads ran, and where their memory lies.
  private func placement(_ file: IncidentFile, _ filter: IOFilter) throws -> [Block] {
    let threads = try file.rows(
      """
      SELECT guest, role, comm, tid, group_concat(cpu, ', ') AS cpus FROM (
        SELECT DISTINCT guest, role, comm, tid, cpu FROM thread_cpu WHERE guest IS NOT NULL ORDER BY cpu)
      GROUP BY guest, role, comm, tid ORDER BY guest, role DESC, comm, tid
      """
    ).filter { filter.guest == nil || $0.text("guest") == filter.guest }
    guard !threads.isEmpty else { return [] }
    return [
      .table(
        Table(
          caption: threads.count > Self.most
            ? "CPUs on which \(Self.most) of \(threads.count) threads of the guests ran:"
            : "CPUs on which the guests' threads ran:",
          columns: [
            .text("guest"), .text("role"), .text("thread"), .number("tid"), .text("CPUs"),
          ],
          rows: threads.prefix(Self.most).map { row in
            [
              Printable.text(row.text("guest") ?? ""), row.text("role") ?? "",
              Printable.text(row.text("comm") ?? ""), "\(row.integer("tid") ?? 0)",
              row.text("cpus") ?? "",
            ]
          }))
    ]
  }
}
