internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// The hop that would be tuned is not the one that holds the time.
  static let falseOptimisation = Finding.Code("FALSE_OPTIMISATION")
}

/// What tuning a layer can gain at most: the layer that holds the time, those where tuning would be for
/// nothing, and those where it would only move the wait down to a device that is full.
struct FalseOptimisation: Rule {
  let code = Finding.Code.falseOptimisation
  let topic = Topic.hops
  let about = Subject.tail
  private let worthwhile = Threshold(
    "tuning-gain", 10, "%", "share of the p99 of Q to C below which tuning a hop is called in vain")
  private let full = Threshold(
    "device-full", 90, "%",
    "time slices in which the device holds as many requests as it ever does, on average nine tenths of "
      + "that, from which on it is the limit")
  private let capped = Threshold(
    "device-capped", 95, "%",
    "time slices that reach the device's largest depth while others wait above it, from which on that is "
      + "a limit")
  var thresholds: [Threshold] { [worthwhile, full, capped] }

  /// Fewer slices say nothing about a limit.
  private static let fewestSlices: Int64 = 20

  /// Some disk of some guest.
  private struct Disk: Equatable {
    let guest: String
    let device: String
  }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let rows = try evidence.rows(Self.sql("1"))
    var disks: [Disk] = []
    for row in rows {
      guard let guest = row.text("guest"), let device = row.text("device") else { continue }
      let disk = Disk(guest: guest, device: device)
      if !disks.contains(disk) { disks.append(disk) }
    }
    return try disks.compactMap { disk in
      try finding(
        disk, rows.filter { $0.text("guest") == disk.guest && $0.text("device") == disk.device },
        evidence)
    }
  }

  private func finding(_ disk: Disk, _ hops: [QueryRow], _ evidence: Evidence) throws -> Finding? {
    guard let best = hops.first, let hop = best.text("hop"), let gain = best.number("gain_pct"),
      let now = best.integer("now_ns"), let without = best.integer("without_ns"),
      gain >= evidence.value(of: worthwhile)
    else { return nil }
    let vain = hops.dropFirst().compactMap { row -> String? in
      guard let hop = row.text("hop"), let gain = row.number("gain_pct"),
        gain < evidence.value(of: worthwhile)
      else { return nil }
      return "\(Quantity.decimal(gain, digits: 1)) % in \(Hop.place(of: hop))"
    }
    let limit = try limit(best, evidence)
    // What is above a full device only waits there.
    let isMoved = limit?.isFull == true && hop != "hardware_queue" && hop != "virtio_return"
    guard !vain.isEmpty || isMoved else { return nil }
    var sentence = ""
    if let most = hops.max(by: { $0.number("mean_pct") ?? 0 < $1.number("mean_pct") ?? 0 }),
      let name = most.text("hop"), let share = most.number("mean_pct")
    {
      sentence =
        "\(try evidence.disk(disk.device, of: disk.guest)): of all the time from Q to C, \(Hop.place(of: name)) holds most, "
        + "\(Quantity.decimal(share, digits: 1)) %. "
    }
    sentence +=
      "Of the p99, \(Quantity.time(now)), tuning can take away most in \(Hop.place(of: hop)): at most "
      + "\(Quantity.decimal(gain, digits: 1)) %, to \(Quantity.time(without))"
    if !vain.isEmpty {
      sentence += "; it would take away at most " + vain.joined(separator: ", ")
    }
    sentence += "."
    if let limit { sentence += " " + limit.words }
    return Finding(
      code, isMoved ? .warning : .info, guest: disk.guest, sentence: Printable.text(sentence),
      confidence: .high,
      because:
        "Each I/O's own hop was taken away and the percentile computed anew. It is an upper bound: "
        + "what leaves one queue earlier may wait in the next.",
      evidenceSQL: Self.sql(
        "what_if.guest = \(Evidence.literal(disk.guest)) "
          + "AND what_if.device = \(Evidence.literal(disk.device))"),
      nextStep: isMoved
        ? "Give the device less to do or more parallel service first; compare before with after "
          + "('hiddenq compare') from Q to C, not in one hop."
        : "Tune the layer that holds the time first, and compare before with after "
          + "('hiddenq compare').")
  }

  /// The device below the disk is at its limit, always or again and again.
  private func limit(
    _ row: QueryRow, _ evidence: Evidence
  ) throws -> (isFull: Bool, words: String)? {
    guard let device = row.text("host_device"), let depth = row.integer("device_ceiling"),
      let slices = row.integer("device_slices"), slices >= Self.fewestSlices,
      let waiting = row.number("device_waiting")
    else { return nil }
    let disk = try evidence.disk(device, of: row.text("host") ?? "")
    if let share = row.number("device_full_pct"), share >= evidence.value(of: full), waiting >= 1 {
      return (
        true,
        "The device below, \(disk), is full: it holds \(Quantity.count(depth, "request")) in "
          + "\(Quantity.decimal(share, digits: 1)) % of \(Quantity.count(slices)) time slices. "
          + "\(Quantity.decimal(waiting, digits: 1)) wait for it in the host's scheduler on average. Requests that "
          + "a layer above it no longer holds will wait there."
      )
    }
    if let share = row.number("device_capped_pct"), share >= evidence.value(of: capped),
      let held = row.number("host_scheduler_pct"), held >= evidence.value(of: worthwhile)
    {
      return (
        false,
        "The device below, \(disk), never holds more than \(Quantity.count(depth, "request")), which it reached in "
          + "\(Quantity.decimal(share, digits: 1)) % of \(Quantity.count(slices)) time slices. The I/Os "
          + "spent \(Quantity.decimal(held, digits: 1)) % of their time waiting for it (H4). A larger queue "
          + "depth of the device may be enough."
      )
    }
    return nil
  }

  private static func sql(_ condition: String) -> String {
    """
    WITH slice AS (
      SELECT machine, device, hop, mean_depth, max_depth,
        max(max_depth) OVER (PARTITION BY machine, device, hop) AS ceiling
      FROM queue_depth WHERE arrivals > 0 AND hop IN ('hardware_queue', 'host_scheduler')
    ), below AS (
      SELECT machine, device, max(ceiling) AS ceiling, count(*) AS slices,
        100.0 * avg(max_depth = ceiling) AS capped,
        100.0 * avg(max_depth = ceiling AND mean_depth >= 0.9 * ceiling) AS full,
        (SELECT avg(mean_depth) FROM slice AS above WHERE above.hop = 'host_scheduler'
          AND above.machine = slice.machine AND above.device = slice.device) AS waiting
      FROM slice WHERE hop = 'hardware_queue' GROUP BY machine, device
    ), part AS (
      SELECT hop.guest, hop.device, hop.hop, 100.0 * hop.mean_ns / block.mean_ns AS mean_pct
      FROM hop_summary AS hop JOIN hop_summary AS block ON block.guest = hop.guest
        AND block.device = hop.device AND block.op = 'all' AND block.hop = 'block'
      WHERE hop.op = 'all' AND block.mean_ns > 0
    )
    SELECT what_if.guest AS guest, what_if.device AS device, what_if.hop AS hop, part.mean_pct AS mean_pct,
      now_ns, without_ns, 100.0 * (now_ns - without_ns) / now_ns AS gain_pct,
      map.host AS host, map.host_device AS host_device, below.ceiling AS device_ceiling, below.slices AS device_slices,
      below.full AS device_full_pct, below.capped AS device_capped_pct, below.waiting AS device_waiting,
      (SELECT mean_pct FROM part AS held WHERE held.guest = what_if.guest
        AND held.device = what_if.device AND held.hop = 'host_scheduler') AS host_scheduler_pct
    FROM what_if
    LEFT JOIN part ON part.guest = what_if.guest AND part.device = what_if.device
      AND part.hop = what_if.hop
    LEFT JOIN (
      SELECT guest, guest_device, min(host) AS host, min(host_device) AS host_device
      FROM device_map GROUP BY guest, guest_device
    ) AS map ON map.guest = what_if.guest AND map.guest_device = what_if.device
    LEFT JOIN below ON below.machine = map.host AND below.device = map.host_device
    WHERE what_if.op = 'all' AND percentile = 99 AND now_ns > 0 AND what_if.hop IN
      \(Evidence.blockParts)
      AND \(condition)
    ORDER BY what_if.guest, what_if.device, gain_pct DESC, what_if.hop
    """
  }
}
