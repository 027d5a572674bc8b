internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A named neighbour used the device while a guest waited.
  static let noisyDiskNeighbour = Finding.Code("NOISY_DISK_NEIGHBOUR")
}

/// Others used the device below a guest's disk: threads of the host that belong to no guest of the trace.
struct NoisyDiskNeighbour: Rule {
  let code = Finding.Code.noisyDiskNeighbour
  let topic = Topic.layers
  let about = Subject.cause(
    Suspect(
      .contention, "disk neighbours", causes: [.diskNeighbour],
      without: "the host's block trace",
      Evidence.Kind.hostBlocks.sql + " UNION ALL " + EsxSeries.judged(.diskUser)))
  private let told = Threshold(
    "disk-neighbour", 10, "%",
    "share of the device's time (D to C, summed) that others used, from which on it is reported")
  private let severe = Threshold(
    "disk-neighbour-critical", 50, "%", "the same, from which on it is critical")
  private let slower = Threshold(
    "disk-neighbour-slower", 50, "%",
    "by how much the guest's I/Os took longer on the host (H4 and H5) beside them than alone, below which "
      + "it is only told")
  private let part = Threshold(
    "disk-neighbour-part", 20, "%",
    "part of the guest's time from Q to C that is spent in the host's H4 and H5, below which it is only told"
  )
  var thresholds: [Threshold] { [told, severe, slower, part] }

  /// Neighbours that a sentence names.
  private static let most = 3
  /// Fewer I/Os on either side show no difference.
  private static let fewest: Int64 = 30

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.hostBlocks, .joined] }

  var judgesSelections: Set<Evidence.Kind>? { [.hostBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let disks = try evidence.rows(
      """
      SELECT guest, guest_device, host, host_device FROM disk_neighbour
      GROUP BY guest, guest_device, host, host_device ORDER BY guest, guest_device, host_device
      """)
    return try disks.compactMap { disk in
      guard let guest = disk.text("guest"), let device = disk.text("guest_device"),
        let host = disk.text("host"), let hostDevice = disk.text("host_device")
      else { return nil }
      let sql = Self.sql(guest, device, host, hostDevice, evidence)
      let rows = try evidence.rows(sql)
      guard let first = rows.first, let whole = first.number("all_pct"),
        whole >= evidence.value(of: told)
      else { return nil }
      let names = rows.prefix(Self.most).compactMap { row -> String? in
        guard let share = row.number("share_pct"), let requests = row.integer("requests")
        else { return nil }
        return DiskUser.words(row, requests: requests)
          + ", \(Quantity.decimal(share, digits: 1)) % of that time"
      }
      let effect = Effect(first)
      let isFelt =
        effect.map { $0.growth >= evidence.value(of: slower) / 100 } ?? true
        && first.number("host_pct") ?? 100 >= evidence.value(of: part)
      let severity: Finding.Severity =
        !isFelt ? .info : whole >= evidence.value(of: severe) ? .critical : .warning
      return Finding(
        code, severity, guest: guest,
        sentence: Printable.text(
          "On \(try evidence.disk(hostDevice, of: host)) of \(host), which holds its disk "
            + "\(try evidence.disk(device, of: guest)), others used "
            + "\(Quantity.decimal(whole, digits: 1)) % of the device's time (D to C of all requests). "
            + names.joined(separator: ". ") + (effect?.words ?? "")
            + (first.number("host_pct").map {
              ". Of its time from Q to C, \(Quantity.decimal($0, digits: 1)) % is on that device"
            } ?? "") + "."),
        confidence: effect == nil ? .medium : .high,
        because: effect == nil
          ? "These threads used parts of the device that belong to no guest. There are too few of the "
            + "guest's I/Os without them to say how much they cost it."
          : "These threads used parts of the device that belong to no guest. The guest's I/Os beside them "
            + "are compared with those of the same trace that met none.",
        evidenceSQL: evidence.proof(sql),
        nextStep: !isFelt
          ? "Nothing to do for this guest at this load; watch it where the device comes closer to its limit."
          : "Limit the neighbour (io.max, io.weight of its cgroup), or move it to another device. 'hiddenq explain' shows when "
            + "it began, 'hiddenq compare INCIDENT --split TIME' what differs since then.",
        extent: try
          (evidence.cause(
            of: guest, [.diskNeighbour],
            names: rows.prefix(Self.most).compactMap { $0.text("comm") })
          ?? DiskUser.extent(rows.prefix(Self.most), explains: effect?.lost))
          .at(evidence.places(on: hostDevice, of: host)))
    }
  }

  /// How the guest's I/Os fared beside the neighbour that used the device most.
  private struct Effect {
    let growth: Double
    /// What the I/Os beside it took longer, all together, ns; nil where they did not.
    let lost: Int64?
    let words: String

    init?(_ row: QueryRow) {
      guard let beside = row.integer("beside_mean_ns"), let alone = row.integer("alone_mean_ns"),
        row.integer("ios_beside") ?? 0 >= NoisyDiskNeighbour.fewest,
        row.integer("ios_alone") ?? 0 >= NoisyDiskNeighbour.fewest, alone > 0
      else { return nil }
      growth = Double(beside) / Double(alone) - 1
      lost = Evidence.time(
        Double(row.integer("ios_beside") ?? 0) * (Double(beside) - Double(alone)))
      words =
        ". While \(row.text("comm") ?? "one of them") was active, the guest's I/Os spent \(Quantity.time(beside)) on the "
        + "host on average (H4 and H5), otherwise \(Quantity.time(alone))"
    }
  }

  private static func sql(
    _ guest: String, _ device: String, _ host: String, _ hostDevice: String, _ evidence: Evidence
  ) -> String {
    """
    SELECT comm, pid, requests, bytes, from_ns, to_ns, first_sector, last_sector,
      1e9 * requests / nullif(to_ns - from_ns, 0) AS iops, 1e3 * bytes / nullif(to_ns - from_ns, 0) AS mb_per_s,
      100.0 * share AS share_pct, 100.0 * sum(share) OVER () AS all_pct,
      ios_beside, beside_mean_ns, ios_alone, alone_mean_ns,
      (SELECT 100.0 * sum(CASE WHEN hop = 'block' THEN 0 ELSE mean_ns END)
          / nullif(sum(CASE WHEN hop = 'block' THEN mean_ns END), 0)
        FROM \(evidence.from(.hopSummary)) WHERE hop_summary.guest = disk_neighbour.guest AND device = guest_device
          AND op = 'all' AND hop IN \(Evidence.list(Hop.onHost + [.block]))) AS host_pct
    FROM disk_neighbour
    WHERE guest = \(Evidence.literal(guest)) AND guest_device = \(Evidence.literal(device))
      AND host = \(Evidence.literal(host)) AND host_device = \(Evidence.literal(hostDevice))
    ORDER BY share DESC, comm
    """
  }
}
