internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// Other processes used a device of a host beside a hypervisor. The host's block trace suffices: the thread that queued a
/// request shows whether a guest asked for it. For devices on which no disk of a known guest was found.
struct HostDiskNeighbour: Rule {
  let code = Finding.Code.noisyDiskNeighbour
  let topic = Topic.layers
  let about = NoisyDiskNeighbour().about
  private let told = Threshold(
    "host-disk-neighbour", 10, "%",
    "minimum share of a device's time (D to C, summed) that processes other than a hypervisor took, to be reported"
  )
  private let slower = Threshold(
    "host-disk-neighbour-slower", 50, "%",
    "by how much the hypervisor's requests took longer beside them; below it the finding is information only"
  )
  var thresholds: [Threshold] { [told, slower] }

  /// Maximum of neighbours in a sentence.
  private static let most = 3
  /// The minimum of requests on either side for a comparison.
  private static let fewest: Int64 = 30
  /// Maximum of names; the remaining ones hardly used the device.
  private static let mostNames = 200

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.hostBlocks, .joined] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let devices = try evidence.rows(
      """
      SELECT DISTINCT source.source_id, source.machine, stage.device
      FROM stage JOIN source USING (source_id)
      WHERE source.layer = 'host' AND duplicate_of IS NULL AND stage.stage = 'D2C'
        AND (source.machine, stage.device) NOT IN (SELECT host, host_device FROM device_map)
      ORDER BY source.source_id, stage.device
      """)
    return try devices.compactMap { row in
      guard let source = row.integer("source_id"), let machine = row.text("machine"),
        let device = row.text("device")
      else { return nil }
      return try finding(evidence, source, machine, device)
    }
  }

  private func finding(
    _ evidence: Evidence, _ source: Int64, _ machine: String, _ device: String
  ) throws -> Finding? {
    let users = try evidence.rows(Self.users(source, device))
    let names = users.filter { $0.integer("is_known") != 1 }.compactMap { $0.text("comm") }
    // A device without a guest has no neighbours.
    guard
      users.contains(where: { $0.integer("is_known") == 1 })
        || names.contains(where: BlockSubmitter.isCertainlyGuests)
    else { return nil }
    let sql = Self.sql(
      source, device, guests: names.filter { BlockSubmitter($0) == .guest },
      kernels: names.filter { BlockSubmitter($0) == .kernel })
    let rows = try evidence.rows(sql)
    guard let first = rows.first, let whole = first.number("all_pct"),
      whole >= evidence.value(of: told), whole <= 100.05
    else { return nil }
    let parts = rows.prefix(Self.most).compactMap { row -> String? in
      guard let share = row.number("share_pct"), let requests = row.integer("requests"),
        row.text("comm") != nil
      else { return nil }
      return DiskUser.words(row, requests: requests)
        + ", \(Quantity.decimal(share, digits: 1)) % of that time"
    }
    var effect: Double?
    var words = ""
    if let beside = first.integer("beside_mean_ns"), let alone = first.integer("alone_mean_ns"),
      first.integer("beside") ?? 0 >= Self.fewest, first.integer("alone") ?? 0 >= Self.fewest,
      alone > 0
    {
      effect = Double(beside) / Double(alone) - 1
      words =
        ". In the tenths of a second in which they were active, the guests' requests took \(Quantity.time(beside)) on "
        + "the host on average, in the others \(Quantity.time(alone))"
    }
    let isFelt = effect.map { $0 >= evidence.value(of: slower) / 100 } ?? true
    return Finding(
      code, isFelt ? .warning : .info, guest: nil,
      sentence: Printable.text(
        "On \(try evidence.disk(device, of: machine)) of \(machine), which guests use too, others used \(Quantity.decimal(whole, digits: 1)) % of the "
          + "device's time (D to C of all requests). " + parts.joined(separator: ". ") + words + "."
      ),
      confidence: .medium,
      because:
        "By the threads that queued the requests: those of a hypervisor count as a guest's, other processes as neighbours, "
        + "the kernel's own threads as neither. Only the guest's own block trace shows how much slower the guest became.",
      evidenceSQL: sql,
      nextStep: isFelt
        ? "Limit the neighbour (io.max, io.weight of its cgroup), or move it to another device; ask the guests for their block "
          + "traces over the same time."
        : "Nothing to do at this load; watch it where the device comes closer to its limit.",
      extent: try extent(
        evidence, source, machine, rows.prefix(Self.most),
        lost: isFelt
          ? (first.integer("beside_mean_ns") ?? 0, first.integer("alone_mean_ns") ?? 0) : nil,
        count: first.integer("beside") ?? 0
      ).at(evidence.places(on: device, of: machine)))
  }

  /// As the phases of the guests on that host say, else from the first of those requests to the last.
  private func extent(
    _ evidence: Evidence, _ source: Int64, _ machine: String, _ rows: ArraySlice<QueryRow>,
    lost: (beside: Int64, alone: Int64)?, count: Int64
  ) throws -> Finding.Extent {
    let names = rows.compactMap { $0.text("comm") }
    if let cause = try evidence.cause(of: nil, on: machine, [.diskNeighbour], names: names) {
      return cause
    }
    let own = DiskUser.extent(rows, explains: nil)
    var extent = try evidence.extent(ofTrace: source, from: own.from, to: own.to)
    extent.explains = lost.flatMap {
      $0.alone > 0 ? Evidence.time(Double(count) * (Double($0.beside) - Double($0.alone))) : nil
    }
    return extent
  }

  /// Who queued requests to the device; `is_known`: a file says that the thread works for a guest.
  private static func users(_ source: Int64, _ device: String) -> String {
    """
    SELECT comm, is_known, sum(device_ns) AS device_ns FROM (
      SELECT request.comm, (machine, request.pid) IN (
          SELECT machine, tid FROM thread_wait WHERE guest IS NOT NULL) AS is_known,
        completed_ns - issued_ns AS device_ns
      FROM request WHERE source_id = \(source) AND device = \(Evidence.literal(device)) AND sectors > 0
        AND issued_ns IS NOT NULL AND completed_ns > issued_ns)
    GROUP BY comm, is_known ORDER BY device_ns DESC, comm LIMIT \(mostNames)
    """
  }

  /// The neighbours, the one that used the device most first, and how the guests' requests fared beside them.
  private static func sql(
    _ source: Int64, _ device: String, guests: [String], kernels: [String]
  ) -> String {
    func list(_ names: [String]) -> String { names.map(Evidence.literal).joined(separator: ", ") }
    return """
      WITH life AS MATERIALIZED (
        SELECT comm, pid, sector, sector + sectors - 1 AS end_sector, 512 * sectors AS bytes, coalesce(queued_ns, issued_ns) AS from_ns, completed_ns AS to_ns,
          completed_ns - issued_ns AS device_ns,
          CASE
            WHEN (machine, pid) IN (SELECT machine, tid FROM thread_wait WHERE guest IS NOT NULL) THEN 'guest'
            WHEN comm IN (\(list(guests))) THEN 'guest'
            WHEN comm IN (\(list(kernels))) THEN 'kernel'
            ELSE 'neighbour'
          END AS whose
        FROM request WHERE source_id = \(source) AND device = \(Evidence.literal(device)) AND sectors > 0
          AND issued_ns IS NOT NULL AND completed_ns > issued_ns),
      busy AS (SELECT DISTINCT to_ns / 100000000 AS slice FROM life WHERE whose = 'neighbour'),
      stay AS (
        SELECT to_ns - from_ns AS length_ns, to_ns / 100000000 IN busy AS is_beside FROM life
        WHERE whose = 'guest'),
      effect AS (
        SELECT count(*) FILTER (WHERE is_beside) AS beside,
          CAST(avg(length_ns) FILTER (WHERE is_beside) AS INTEGER) AS beside_mean_ns,
          count(*) FILTER (WHERE NOT is_beside) AS alone,
          CAST(avg(length_ns) FILTER (WHERE NOT is_beside) AS INTEGER) AS alone_mean_ns
        FROM stay)
      SELECT comm, count(*) AS requests, sum(bytes) AS bytes,
        CASE WHEN count(DISTINCT pid) = 1 THEN min(pid) END AS pid, min(from_ns) AS from_ns, max(to_ns) AS to_ns,
        1e9 * count(*) / nullif(max(to_ns) - min(from_ns), 0) AS iops,
        1e3 * sum(bytes) / nullif(max(to_ns) - min(from_ns), 0) AS mb_per_s,
        min(sector) AS first_sector, max(end_sector) AS last_sector, sum(device_ns) AS device_ns,
        100.0 * sum(device_ns) / (SELECT sum(device_ns) FROM life) AS share_pct,
        100.0 * sum(sum(device_ns)) OVER () / (SELECT sum(device_ns) FROM life) AS all_pct,
        beside, beside_mean_ns, alone, alone_mean_ns
      FROM life, effect WHERE whose = 'neighbour'
      GROUP BY comm ORDER BY device_ns DESC, comm
      """
  }
}
