internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Slower, but no layer given accounts for it.
  static let notExplained = Finding.Code("NOT_EXPLAINED")
}

/// From some moment on the I/Os were slower, and nothing in the files accounts for it.
///
/// The moment is where the slices before and after differ most. What became slower is then laid beside
/// what could explain it: the virtio queue's halves beside the waits for a CPU inside them, the host's hops
/// beside what the device had to do. Where these did not grow with it, a layer is missing from the files,
/// and the nearest one is not to blame.
struct NotExplained: Rule {
  let code = Finding.Code.notExplained
  let topic = Topic.hops
  let about = Subject.cause(
    Suspect(
      .rest,
      without: "the guest's block trace",
      "SELECT 1 FROM hop_summary WHERE hop = 'block'"))
  private let slower = Threshold(
    "slower", 25, "%", "by how much Q to C grew within a trace, from which on it must be explained")
  private let explained = Threshold(
    "explained", 50, "%", "of that growth that the files must account for")
  var thresholds: [Threshold] { [slower, explained] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.slices().compactMap { disk in
      guard let shift = Shift(disk.parts, least: 1 + evidence.value(of: slower) / 100) else {
        return nil
      }
      let sql = Self.sql(
        guest: disk.guest, device: disk.device,
        at: try onset(evidence, disk.guest, shift, disk.parts))
      guard let row = try evidence.rows(sql).first,
        try !Self.isLimited(evidence, disk.guest, disk.device, since: row.integer("at_ns"))
      else { return nil }
      return try judge(row, evidence, guest: disk.guest, device: disk.device, sql: sql)
    }
  }

  /// Whether the disk was at a limit since that moment, for most of the time: that explains it.
  private static func isLimited(
    _ evidence: Evidence, _ guest: String, _ device: String, since moment: Int64?
  ) throws -> Bool {
    guard let moment else { return false }
    let limits = try evidence.rows(
      """
      SELECT to_ns - max(from_ns, \(moment)) AS held_ns,
        (SELECT max(to_ns) FROM phase WHERE phase.guest = io_limit.guest) - \(moment) AS all_ns
      FROM io_limit WHERE guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
      """)
    return limits.contains { row in
      (row.number("held_ns") ?? 0) >= 0.5 * (row.number("all_ns") ?? .infinity)
    }
  }

  /// Where a phase of unknown cause begins near the moment, that is known better.
  private func onset(
    _ evidence: Evidence, _ guest: String, _ shift: Shift, _ series: [DiskSlices.Part]
  ) throws -> Int64 {
    let end = series.last?.at ?? shift.at
    let (length, isTooLong) = end.subtractingReportingOverflow(series.first?.at ?? shift.at)
    let near = 2 * (isTooLong ? 0 : length) / Int64(DiskSlices.partCount)
    let phase = try evidence.cause(
      of: guest, [.unknown], near: Finding.Extent(from: shift.at, to: max(end, shift.at + 1)))
    guard let from = phase?.from, from >= shift.at - near, from <= shift.at + near else {
      return shift.at
    }
    return from
  }

  private func judge(
    _ row: QueryRow, _ evidence: Evidence, guest: String, device: String, sql: String
  ) throws -> Finding? {
    guard let at = row.integer("at_ns"), let before = row.number("block_before_ns"),
      let after = row.number("block_after_ns"),
      after >= before * (1 + evidence.value(of: slower) / 100),
      let load = row.number("load_ratio"), load <= 1.2
    else { return nil }
    let when = try evidence.moment(at, of: guest)
    let growth = after - before
    let least = evidence.value(of: explained) / 100
    let virtio = row.number("virtio_growth_ns") ?? 0
    let below = row.number("below_growth_ns") ?? 0
    let what: String
    let missing: String
    if virtio >= growth / 2 {
      guard let seen = row.number("seen_virtio_growth_ns"), let wait = row.number("wait_growth_ns"),
        row.integer("seen_before") ?? 0 >= 50, row.integer("seen_after") ?? 0 >= 50
      else { return nil }
      guard wait < least * seen else { return nil }
      what =
        "\(Self.time(virtio)) of it in the virtio queue (H3), where the waits for a CPU that the files show "
        + (wait >= 0
          ? "grew by \(Self.time(wait)) only" : "became shorter, by \(Self.time(-wait))")
      missing =
        "Look below the host of these files (is it a VM itself? its own steal, frequency, SMT siblings, "
        + "memory bandwidth) and at KVM's exits: perf record -e 'kvm:*' on the host."
    } else if below >= growth / 2 {
      guard let work = row.number("device_ratio"), work < 1.1 else { return nil }
      what =
        "\(Self.time(below)) of it on the host's disk (H4 and H5), which was asked for "
        + "\(Quantity.decimal(work, digits: 2)) times as many requests as before"
      missing =
        "Look at the device itself and who shares it beyond this host (array, fabric, thin pool): its own "
        + "statistics at that time."
    } else {
      return nil
    }
    return Finding(
      code, .warning, guest: guest,
      sentence: Printable.text(
        "\(try evidence.disk(device, of: guest)): from \(when) on an I/O took \(Self.time(after)) on average from Q to C, "
          + "before that \(Self.time(before)); \(what). The layers given do not account for it."),
      confidence: .medium,
      because:
        "The moment is where slices of the trace differ most, at equal load; two parts of one run are "
        + "compared, and runs vary.",
      evidenceSQL: sql, nextStep: missing,
      extent: try extent(row, evidence, guest, from: at).at([Finding.Extent.place(guest, device)]))
  }

  /// From that moment to the end; what it costs is the growth, over all I/Os since then.
  private func extent(
    _ row: QueryRow, _ evidence: Evidence, _ guest: String, from: Int64
  ) throws -> Finding.Extent {
    var own = try evidence.throughout(guest)
    // The moment is the begin of one of so many slices.
    let length = (own.to ?? from).subtractingReportingOverflow(own.from ?? from)
    own.error = length.overflow ? 0 : length.partialValue / Int64(DiskSlices.partCount)
    (own.from, own.to) = (from, max(own.to ?? from, from))
    own.hasOnset = true
    own.explains = Evidence.time(row.number("lost_ns"))
    return try evidence.cause(of: guest, [.unknown], near: own) ?? own
  }

  private static func time(_ nanoseconds: Double) -> String {
    Quantity.time(nanoseconds)
  }

  private static func sql(guest: String, device: String, at: Int64) -> String {
    """
    WITH part AS (
      SELECT reference_ns >= \(at) AS is_after, block_ns, virtio_queue_ns AS virtio_ns,
        \(Hop.onHost.map(\.column).joined(separator: " + ")) AS below_ns,
        submit_cpu_wait_ns + return_cpu_wait_ns AS wait_ns, reference_ns
      FROM io WHERE guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
        AND host_scheduler_ns IS NOT NULL AND op IN ('read', 'write')
    ), disk AS (
      SELECT sum(CASE WHEN queue_depth.at_ns >= \(at) THEN arrivals END)
          / nullif(sum(CASE WHEN queue_depth.at_ns >= \(at) THEN 1.0 END), 0) AS after_rate,
        sum(CASE WHEN queue_depth.at_ns < \(at) THEN arrivals END)
          / nullif(sum(CASE WHEN queue_depth.at_ns < \(at) THEN 1.0 END), 0) AS before_rate
      FROM queue_depth
      WHERE hop = 'hardware_queue' AND EXISTS (
        SELECT 1 FROM device_map WHERE device_map.host = queue_depth.machine
          AND device_map.host_device = queue_depth.device AND device_map.guest = \(Evidence.literal(guest))
          AND device_map.guest_device = \(Evidence.literal(device)))
    )
    SELECT \(at) AS at_ns,
      avg(CASE WHEN is_after THEN block_ns END) AS block_after_ns,
      avg(CASE WHEN NOT is_after THEN block_ns END) AS block_before_ns,
      sum(is_after) * (avg(CASE WHEN is_after THEN block_ns END) - avg(CASE WHEN NOT is_after THEN block_ns END))
        AS lost_ns,
      avg(CASE WHEN is_after THEN virtio_ns END) - avg(CASE WHEN NOT is_after THEN virtio_ns END)
        AS virtio_growth_ns,
      avg(CASE WHEN is_after THEN below_ns END) - avg(CASE WHEN NOT is_after THEN below_ns END)
        AS below_growth_ns,
      count(CASE WHEN NOT is_after THEN wait_ns END) AS seen_before,
      count(CASE WHEN is_after THEN wait_ns END) AS seen_after,
      avg(CASE WHEN is_after AND wait_ns IS NOT NULL THEN virtio_ns END)
        - avg(CASE WHEN NOT is_after AND wait_ns IS NOT NULL THEN virtio_ns END)
        AS seen_virtio_growth_ns,
      avg(CASE WHEN is_after THEN wait_ns END) - avg(CASE WHEN NOT is_after THEN wait_ns END)
        AS wait_growth_ns,
      (1.0 * sum(is_after) / (max(reference_ns) - \(at)))
        / nullif(1.0 * sum(NOT is_after) / (\(at) - min(reference_ns)), 0) AS load_ratio,
      (SELECT after_rate / nullif(before_rate, 0) FROM disk) AS device_ratio
    FROM part
    """
  }
}

/// The moment from which on the slices are slower, if there is one.
private struct Shift {
  /// The first slice after it.
  let at: Int64

  /// Slices on either side; one slow slice is no shift.
  private static let fewest = 4
  /// Of all pairs of a slice before and one after, those in which the later is the slower.
  private static let leastSeparation = 0.95

  init?(_ slices: [DiskSlices.Part], least ratio: Double) {
    guard slices.count >= 3 * Self.fewest else { return nil }
    var best: (place: Int, growth: Double)?
    for place in Self.fewest...(slices.count - Self.fewest) {
      let before = slices[..<place].map(\.mean)
      let after = slices[place...].map(\.mean)
      let growth = Self.median(after) / Self.median(before)
      guard growth >= ratio, Self.separation(before, after) >= Self.leastSeparation else {
        continue
      }
      if growth > best?.growth ?? 0 { best = (place, growth) }
    }
    guard let best else { return nil }
    at = slices[best.place].at
  }

  private static func separation(_ before: [Double], _ after: [Double]) -> Double {
    let slower = before.reduce(0) { sum, early in sum + after.count { $0 > early } }
    return Double(slower) / Double(before.count * after.count)
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted[(sorted.count - 1) / 2]
  }
}
