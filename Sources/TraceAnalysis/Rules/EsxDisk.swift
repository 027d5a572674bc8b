internal import TraceModel
internal import TraceStore

/// Commands to a disk of an ESXi host took much longer than usual, by GAVG, with what of it was the device's, the queue's and
/// ESXi's.
struct EsxDiskBusy: Rule {
  let code = Finding.Code.diskBusy
  let topic = Topic.layers
  let about = DiskBusy().about
  /// The usual lists warn from 10 to 25 ms.
  private let slow = Threshold(
    "esx-disk-ms", 10, "ms",
    "mean time of a command to a disk of an ESXi host (GAVG), from which on it is busy if that is twice as long as usual"
  )
  var thresholds: [Threshold] { [slow] }

  /// Rows at least, and commands per second in them.
  private static let least = 3
  private static let leastCommands = 1.0

  /// A neighbour that is named says the same of the VM.
  func follows(_: Finding) -> [Precursor] { [] }

  /// Disks and datastores with the stretches in which they were slow.
  func slowDisks(_ evidence: Evidence) throws -> [(disk: EsxSeries, stretches: [CounterStretch])] {
    let limit = evidence.value(of: slow)
    return try EsxSeries.flatMap(
      evidence, "esx_disk", by: "object",
      [
        "commands_per_s",
        """
        coalesce(guest_ms, (reads_per_s * read_ms + coalesce(writes_per_s * write_ms, 0))
          / nullif(reads_per_s + coalesce(writes_per_s, 0), 0)) AS guest_ms
        """,
        "coalesce(commands_per_s, reads_per_s + coalesce(writes_per_s, 0), reads_per_s) AS rate",
      ], where: "kind IN ('disk', 'datastore')"
    ) { disk -> [(disk: EsxSeries, stretches: [CounterStretch])] in
      let times = disk.readings.compactMap { reading in
        (reading["rate"] ?? 0) >= Self.leastCommands ? reading["guest_ms"] : nil
      }.sorted()
      guard !times.isEmpty else { return [] }
      let usual = times[times.count / 4]
      let stretches = disk.stretches(least: Self.least) {
        ($0["rate"] ?? 0) >= Self.leastCommands && ($0["guest_ms"] ?? 0) >= max(limit, 2 * usual)
      }
      return stretches.isEmpty ? [] : [(disk, stretches)]
    }
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try slowDisks(evidence).flatMap { disk, stretches in
      try stretches.compactMap { try finding(evidence, disk, $0, among: stretches) }
    }
  }

  private func finding(
    _ evidence: Evidence, _ disk: EsxSeries, _ stretch: CounterStretch, among all: [CounterStretch]
  ) throws -> Finding? {
    func mean(_ column: String) -> String {
      "sum(\(column) * commands_per_s) / nullif(sum(CASE WHEN \(column) IS NOT NULL THEN commands_per_s END), 0) AS \(column)"
    }
    let sql = """
      SELECT object, \(disk.condition(stretch)) AS is_within, count(*) AS rows, avg(commands_per_s) AS commands_per_s,
        \(["guest_ms", "device_ms", "kernel_ms", "queue_ms"].map(mean).joined(separator: ", ")), avg(queued) AS queued,
        max(device_depth_limit) AS device_depth_limit, total(aborts_per_s) AS aborts, total(resets_per_s) AS resets
      FROM esx_disk WHERE machine = \(Evidence.literal(disk.host)) AND object = \(Evidence.literal(disk.name))
        AND kind IN ('disk', 'datastore') AND (\(disk.condition(stretch)) OR \(disk.otherwise(all)))
      GROUP BY is_within ORDER BY is_within DESC
      """
    let rows = try evidence.rows(sql)
    guard let own = rows.first else { return nil }
    let time = own.number("guest_ms") ?? stretch.mean("guest_ms", within: true) ?? 0
    let other =
      (rows.count > 1 ? rows[1].number("guest_ms") : nil)
      ?? stretch.mean("guest_ms", within: false)
    var sentence =
      "\(disk.host): disk \(disk.name) was slow \(disk.words(stretch)): a command took \(EsxSeries.number(time)) ms (GAVG)"
      + "\(EsxSeries.otherwise(other, " ms"))."
    if let device = own.number("device_ms"), let kernel = own.number("kernel_ms") {
      sentence +=
        " Of that \(EsxSeries.number(device)) ms were the device's (DAVG) and \(EsxSeries.number(kernel)) ms ESXi's (KAVG)"
        + (own.number("queue_ms").map { ", its queue \(EsxSeries.number($0)) ms (QAVG)" } ?? "")
        + "."
    }
    if let rate = own.number("commands_per_s") {
      sentence +=
        " It did \(EsxSeries.number(rate)) commands per second"
        + "\(EsxSeries.otherwise(rows.count > 1 ? rows[1].number("commands_per_s") : nil, ""))."
    }
    return Finding(
      code, .warning, guest: nil, sentence: Printable.text(sentence), confidence: .medium,
      because:
        "ESXi's own means over all commands of the rows: nine commands of 1 ms and one of 500 ms are 50.9 ms. DAVG is "
        + "driver, adapter, fabric and array together.",
      evidenceSQL: sql,
      nextStep: (own.number("queue_ms") ?? 0) >= 1
        ? "Commands waited in ESXi's queue: see who fills it (view esx_disk, kind 'disk_user'), and the queue depth (DQLEN). "
          + "A deeper queue only helps if DAVG stays."
        : "See who uses the disk (view esx_disk, kind 'disk_user'), and the array or its paths.",
      extent: try stretch.extent(evidence, of: disk.host).at([
        Finding.Extent.place(disk.host, disk.name)
      ]))
  }
}

/// Another VM asked more of a disk of an ESXi host while a VM's commands to it took longer.
struct EsxDiskNeighbour: Rule {
  let code = Finding.Code.noisyDiskNeighbour
  let topic = Topic.layers
  let about = NoisyDiskNeighbour().about
  private let grown = Threshold(
    "esx-neighbour-commands", 20, "/s",
    "commands per second that a neighbour on ESXi did more, at least, while another VM's took longer"
  )
  var thresholds: [Threshold] { [grown] }

  private static let most = 3

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try EsxDiskBusy().slowDisks(evidence).flatMap { disk, stretches in
      try stretches.flatMap { try findings(evidence, disk, $0, among: stretches) }
    }
  }

  private func findings(
    _ evidence: Evidence, _ disk: EsxSeries, _ stretch: CounterStretch, among all: [CounterStretch]
  ) throws -> [Finding] {
    let within = disk.condition(stretch)
    let sql = """
      SELECT vm, disk, sum(beside_per_s) AS beside_per_s, sum(otherwise_per_s) AS otherwise_per_s,
        max(beside_ms) AS beside_ms, max(otherwise_ms) AS otherwise_ms
      FROM (
        SELECT vm, disk, avg(CASE WHEN is_beside THEN commands_per_s END) AS beside_per_s,
          avg(CASE WHEN NOT is_beside THEN commands_per_s END) AS otherwise_per_s,
          sum(CASE WHEN is_beside THEN guest_ms * commands_per_s END)
            / nullif(sum(CASE WHEN is_beside THEN commands_per_s END), 0) AS beside_ms,
          sum(CASE WHEN NOT is_beside THEN guest_ms * commands_per_s END)
            / nullif(sum(CASE WHEN NOT is_beside THEN commands_per_s END), 0) AS otherwise_ms
        FROM (SELECT *, \(within) AS is_beside FROM esx_disk
          WHERE machine = \(Evidence.literal(disk.host)) AND kind = 'disk_user' AND vm IS NOT NULL
            AND disk = \(Evidence.literal(disk.name)) AND (\(within) OR \(disk.otherwise(all))))
        GROUP BY vm, disk, object)
      GROUP BY vm, disk ORDER BY coalesce(sum(beside_per_s), 0) - coalesce(sum(otherwise_per_s), 0) DESC
      """
    let users = try evidence.rows(sql)
    func growth(_ row: QueryRow) -> Double {
      (row.number("beside_per_s") ?? 0) - (row.number("otherwise_per_s") ?? 0)
    }
    let least = evidence.value(of: grown)
    return try users.compactMap { victim in
      guard let name = victim.text("vm"), let beside = victim.number("beside_ms"),
        let other = victim.number("otherwise_ms"), beside >= 2 * other,
        victim.number("beside_per_s") ?? 0 >= 1
      else { return nil }
      let others = users.filter {
        $0.text("vm") != name && growth($0) >= least
          && ($0.number("beside_per_s") ?? 0) >= 1.25 * ($0.number("otherwise_per_s") ?? 0)
      }
      // What the VM asked for itself is its own load.
      guard !others.isEmpty, others.map(growth).reduce(0, +) > growth(victim) else { return nil }
      let words = others.prefix(Self.most).compactMap { row -> String? in
        guard let name = row.text("vm"), let beside = row.number("beside_per_s") else { return nil }
        return
          "\(name) did \(EsxSeries.number(beside)) commands per second"
          + EsxSeries.otherwise(row.number("otherwise_per_s") ?? 0, "")
      }
      return Finding(
        code, .warning, guest: name,
        sentence: Printable.text(
          "\(name)'s commands to \(disk.name) took \(EsxSeries.number(beside)) ms on average (GAVG) \(disk.words(stretch)), "
            + "otherwise \(EsxSeries.number(other)) ms, while \(words.joined(separator: "; "))."),
        confidence: .low,
        because:
          "Both changed in the same rows, on the same disk. The VM itself did "
          + "\(EsxSeries.number(victim.number("beside_per_s") ?? 0)) commands per second"
          + "\(EsxSeries.otherwise(victim.number("otherwise_per_s"), "")). Other hosts that use the disk are not in this "
          + "file.",
        evidenceSQL: sql,
        nextStep:
          "Limit the neighbour's I/O (Storage I/O Control, IOPS limit of its disk), or put the two on different disks.",
        extent: try stretch.extent(evidence, of: disk.host).at([
          Finding.Extent.place(disk.host, disk.name)
        ]))
    }
  }
}
