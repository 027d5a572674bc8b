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

  private static let slice: Int64 = 100_000_000
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
    try evidence.rows(sql(evidence, "1")).compactMap { row in
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
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(device): with \(Quantity.decimal(depth, digits: 1)) I/Os in the stack it served "
            + "\(Quantity.decimal(rate, digits: 0)) per second, with its usual "
            + "\(Quantity.decimal(usualDepth, digits: 1)) it served \(Quantity.decimal(usual, digits: 0)). More "
            + "waited and less was done in \(Quantity.count(crowded)) slices of 100 ms, "
            + "\(Quantity.decimal(share, digits: 1)) % of the busy time."),
        confidence: .medium,
        because:
          "An association of slices of one trace: bytes per second fell as well. Slices in which the "
          + "device completed nothing are left out. It does not say what came first.",
        evidenceSQL: sql(
          evidence, "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))"),
        nextStep:
          "See which hop holds them then ('queue_depth'). Limit what is in flight at the top (iodepth, "
          + "nr_requests, queue-size) to where the throughput still grew.",
        extent: Finding.Extent(
          from: row.integer("from_ns"), to: row.integer("to_ns"), error: 2 * Self.slice,
          places: [Finding.Extent.place(guest, device)]))
    }
  }

  /// I/Os in the stack on average in a slice: the sum of the times of those it completed, over its length.
  private func sql(_ evidence: Evidence, _ condition: String) -> String {
    """
    WITH slice AS (
      SELECT guest, device, (reference_ns + block_ns) / \(Self.slice) AS place, count(*) AS done,
        512 * sum(sectors) AS bytes, 1.0 * sum(block_ns) / \(Self.slice) AS depth
      FROM io WHERE op IN ('read', 'write') AND leading = 1 AND block_ns IS NOT NULL AND \(condition)
      GROUP BY guest, device, place
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
