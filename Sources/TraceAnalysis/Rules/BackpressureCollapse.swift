internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Waits grow while the arrivals do not.
  static let backpressureCollapse = Finding.Code("BACKPRESSURE_COLLAPSE")
}

/// The more requests wait, the fewer are served: the queues push back, and the throughput falls.
///
/// Compared are slices of time with many I/Os in the stack with those with the usual number. More in the
/// queue alone is a burst, and fewer served alone is a quiet time; both at once is a collapse.
struct BackpressureCollapse: Rule {
  let code = Finding.Code.backpressureCollapse
  let topic = Topic.queues
  let about = Subject.cause(
    Suspect(
      .throughput,
      without: "the guest's block trace",
      "SELECT 1 FROM hop_summary WHERE hop = 'block'"))
  private let crowd = Threshold(
    "collapse-depth", 2, "",
    "I/Os in the stack over their usual number, from which on a slice is crowded")
  private let loss = Threshold(
    "collapse-loss", 50, "%", "of the usual I/Os and bytes per second, missing in crowded slices")
  var thresholds: [Threshold] { [crowd, loss] }

  private static let slice = DiskSlices.slice
  /// A second of crowded slices, and a tenth of all.
  private static let fewest: Int64 = 10
  private static let leastShare = 5.0

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func follows(_: Finding) -> [Precursor] {
    [
      Precursor(.noisyDiskNeighbour), Precursor(.deviceStall), Precursor(.noisyCPUNeighbour),
      Precursor(.limitReached), Precursor(.ringSaturated), Precursor(.notExplained),
    ]
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try rows(evidence).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let crowded = row.integer("crowded"), let share = row.number("crowded_pct"),
        let depth = row.number("crowded_depth"), let usualDepth = row.number("usual_depth"),
        let rate = row.number("crowded_per_s"), let usual = row.number("usual_per_s"),
        let bytes = row.number("crowded_bytes_per_s"),
        let usualBytes = row.number("usual_bytes_per_s"),
        crowded >= Self.fewest, share >= Self.leastShare,
        rate <= usual * (1 - evidence.value(of: loss) / 100),
        bytes <= usualBytes * (1 - evidence.value(of: loss) / 100)
      else { return nil }
      // What a limit held back is no second thing.
      let isLimited = try isAtLimit(evidence, guest, device, row)
      return Finding(
        code, isLimited ? .info : .warning, guest: guest,
        sentence: Printable.text(
          "\(try evidence.disk(device, of: guest)): with \(Quantity.decimal(depth, digits: 1)) I/Os in the stack it served "
            + "\(Quantity.decimal(rate, digits: 0)) per second, with its usual "
            + "\(Quantity.decimal(usualDepth, digits: 1)) it served \(Quantity.decimal(usual, digits: 0)). More "
            + "waited and less was done in \(Quantity.count(crowded, "slice")) of 100 ms, "
            + "\(Quantity.decimal(share, digits: 1)) % of the busy time."
            + (isLimited ? " A limit on its I/O held it back then (LIMIT_REACHED)." : "")),
        confidence: .medium,
        because:
          "An association of slices of one trace: bytes per second fell as well. Slices in which the "
          + "device completed nothing are left out. It does not say what came first.",
        evidenceSQL: sql(
          evidence, "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))"),
        nextStep: isLimited
          ? "See LIMIT_REACHED: tuning queues does not help against a limit."
          : "See which hop holds them then ('queue_depth'). Limit what is in flight at the top (iodepth, "
            + "nr_requests, queue-size) to where the throughput still grew.",
        extent: Finding.Extent(
          from: row.integer("from_ns"), to: row.integer("to_ns"), error: 2 * Self.slice,
          places: [Finding.Extent.place(guest, device)]))
    }
  }

  /// Whether the disk was at a limit on its I/O for most of the time from the first to the last crowded slice.
  private func isAtLimit(
    _ evidence: Evidence, _ guest: String, _ device: String, _ row: QueryRow
  ) throws -> Bool {
    guard let from = row.integer("from_ns"), let to = row.integer("to_ns"), to > from else {
      return false
    }
    let share = try evidence.rows(
      """
      SELECT 1.0 * sum(max(0, min(to_ns, \(to)) - max(from_ns, \(from)))) / \(to - from) AS share
      FROM \(evidence.from(.limit))
      WHERE guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
      """
    ).first?.number("share")
    return share ?? 0 >= 0.5
  }

  /// What the statement returns of the disks whose slices show a collapse; of others the I/Os are not gone through.
  private func rows(_ evidence: Evidence) throws -> [QueryRow] {
    let disks = try evidence.slices().filter { !$0.flows.isEmpty }
    guard !disks.isEmpty else { return [] }
    let stalls = try evidence.rows(
      "SELECT machine, device, at_ns, length_ns FROM queue_stall WHERE length_ns >= \(Self.slice)")
    return try disks.flatMap { disk -> [QueryRow] in
      let still = stalls.filter {
        $0.text("machine") == disk.guest && $0.text("device") == disk.device
      }.compactMap { row in
        row.integer("at_ns").flatMap { at in row.integer("length_ns").map { (at, $0) } }
      }
      guard mayCollapse(disk.flows, still, evidence) else { return [] }
      return try evidence.rows(
        sql(
          evidence,
          "guest = \(Evidence.literal(disk.guest)) AND device = \(Evidence.literal(disk.device))"))
    }
  }

  /// Whether the crowded slices of a disk may be enough, and so much slower: as the statement has it, but for how sums of
  /// broken numbers are rounded.
  private func mayCollapse(
    _ slices: [DiskSlices.Flow], _ stalls: [(at: Int64, length: Int64)], _ evidence: Evidence
  ) -> Bool {
    let flowing = slices.filter { slice in
      !stalls.contains { stall in
        stall.at < (slice.place + 2) * Self.slice
          && Stamp.sum(stall.at, stall.length) > (slice.place - 1) * Self.slice
      }
    }.sorted { $0.depth < $1.depth }
    // percent_rank: the share of the others that are less deep.
    var usual: (count: Double, depth: Double, done: Double, bytes: Double) = (0, 0, 0, 0)
    var below = 0
    for (turn, slice) in flowing.enumerated() {
      if turn > 0, slice.depth > flowing[turn - 1].depth { below = turn }
      let rank = flowing.count > 1 ? Double(below) / Double(flowing.count - 1) : 0
      guard (0.1...0.5).contains(rank) else { continue }
      usual = (
        usual.count + 1, usual.depth + slice.depth, usual.done + slice.done,
        usual.bytes + slice.bytes
      )
    }
    guard usual.count > 0 else { return false }
    let rounding = 1e-9
    let least = evidence.value(of: crowd) * usual.depth / usual.count * (1 - rounding)
    let crowded = flowing.filter { $0.depth >= least && $0.depth >= 4 * (1 - rounding) }
    guard crowded.count >= Self.fewest,
      100 * Double(crowded.count) >= Self.leastShare * Double(flowing.count) * (1 - rounding)
    else { return false }
    let left = (1 - evidence.value(of: loss) / 100) / usual.count + rounding
    func mean(_ value: (DiskSlices.Flow) -> Double) -> Double {
      crowded.reduce(0) { $0 + value($1) } / Double(crowded.count)
    }
    // A slice that is crowded by rounding alone may be the fastest.
    let isRounded = flowing.contains { abs($0.depth - least) <= 2 * rounding * least }
    return isRounded
      || mean(\.done) <= usual.done * left && mean(\.bytes) <= usual.bytes * left
  }

  /// I/Os in the stack on average in a slice: the sum of the times of those it completed, over its length.
  private func sql(_ evidence: Evidence, _ condition: String) -> String {
    """
    WITH slice AS (
      \(DiskSlices.flowSQL(condition))
    ), flowing AS (
      SELECT guest, device, place, done, bytes, depth,
        percent_rank() OVER (PARTITION BY guest, device ORDER BY depth) AS rank
      FROM slice WHERE NOT EXISTS (
        SELECT 1 FROM queue_stall WHERE queue_stall.machine = slice.guest
          AND queue_stall.device = slice.device
          AND length_ns >= \(Self.slice)
          AND at_ns < (place + 2) * \(Self.slice) AND at_ns + length_ns > (place - 1) * \(Self.slice))
    ), usual AS (
      SELECT guest, device, avg(depth) AS depth, avg(done) AS done, avg(bytes) AS bytes
      FROM flowing WHERE rank BETWEEN 0.1 AND 0.5 GROUP BY guest, device
    )
    SELECT flowing.guest AS guest, flowing.device AS device, \(Self.slice / 1_000_000) AS slice_ms,
      sum(is_crowded) AS crowded, 100.0 * avg(is_crowded) AS crowded_pct,
      avg(CASE WHEN is_crowded THEN flowing.depth END) AS crowded_depth, usual_depth,
      10.0 * avg(CASE WHEN is_crowded THEN flowing.done END) AS crowded_per_s, 10.0 * usual_done AS usual_per_s,
      \(Self.slice) * min(CASE WHEN is_crowded THEN place END) AS from_ns,
      \(Self.slice) * (1 + max(CASE WHEN is_crowded THEN place END)) AS to_ns,
      10.0 * avg(CASE WHEN is_crowded THEN flowing.bytes END) AS crowded_bytes_per_s,
      10.0 * usual_bytes AS usual_bytes_per_s
    FROM (
      SELECT flowing.guest, flowing.device, flowing.place, flowing.done, flowing.bytes, flowing.depth,
        usual.depth AS usual_depth, usual.done AS usual_done, usual.bytes AS usual_bytes,
        flowing.depth >= \(Evidence.number(evidence.value(of: crowd))) * usual.depth
          AND flowing.depth >= 4 AS is_crowded
      FROM flowing JOIN usual ON usual.guest = flowing.guest AND usual.device = flowing.device
    ) AS flowing
    GROUP BY flowing.guest, flowing.device ORDER BY flowing.guest, flowing.device
    """
  }
}
