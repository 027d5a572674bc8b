internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// The tail is much longer than the median.
  static let tailAmplified = Finding.Code("TAIL_AMPLIFIED")
}

/// The slowest I/Os take many times as long as the usual one, and spend their time in another place.
struct TailAmplified: Rule {
  let code = Finding.Code.tailAmplified
  let topic = Topic.hops
  let about = Subject.tail
  private let ratio = Threshold(
    "tail-ratio", 10, "", "p99 over p50 of Q to C, from which on it is reported")
  private let severe = Threshold(
    "tail-p99", 10, "ms", "p99 of Q to C, from which on that is a warning")
  var thresholds: [Threshold] { [ratio, severe] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("op IN ('read', 'write')")).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let operation = row.text("op"), let count = row.integer("count"),
        let median = row.integer("p50_ns"), let slow = row.integer("p99_ns"),
        let times = row.number("ratio"), times >= evidence.value(of: ratio)
      else { return nil }
      // Fewer than a few beyond the percentile, and one accident is the p99.
      guard count >= 500 else { return nil }
      var sentence =
        "\(try evidence.disk(device, of: guest)), \(operation): 1 % of \(Quantity.count(count, "I/O")) took \(Quantity.time(slow)) or "
        + "more from Q to C, \(Quantity.decimal(times, digits: 1)) times the median of "
        + "\(Quantity.time(median))"
      if let hop = row.text("hop"), let share = row.number("share"),
        let usual = row.number("usual_share")
      {
        sentence +=
          "; around the p99 \(Hop.place(of: hop)) holds \(Quantity.percent(share)) of the time, around the "
          + "median \(Quantity.percent(usual))"
      }
      return Finding(
        code, Double(slow) >= evidence.value(of: severe) * 1e6 ? .warning : .info, guest: guest,
        sentence: Printable.text(sentence) + ".",
        confidence: row.text("hop") == nil ? .medium : .high,
        because: row.text("hop") == nil
          ? "Q and C are measured; which hop it is cannot be said without the host's block trace."
          : "Q and C are measured on one clock, and the hops of those I/Os add up.",
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device)) "
            + "AND op = \(Evidence.literal(operation))"),
        nextStep:
          "Look at the slowest ('hiddenq show INCIDENT slowest') and at the view 'tail': the tail has "
          + "another cause than the median, and tuning the median does not help it.")
    }
  }

  /// The percentiles of Q to C, with the hop that holds most of the time around the p99.
  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, device, op, count, p50_ns, p99_ns, 1.0 * p99_ns / p50_ns AS ratio, worst.hop AS hop,
      worst.share AS share,
      (SELECT share FROM tail WHERE tail.guest = block.guest AND tail.device = block.device
        AND tail.op = block.op AND tail.hop = worst.hop AND percentile = 50) AS usual_share
    FROM hop_summary AS block
    LEFT JOIN (
      SELECT guest AS of_guest, device AS of_device, op AS of_op, hop, share,
        row_number() OVER (PARTITION BY guest, device, op ORDER BY share DESC) AS place
      FROM tail WHERE percentile = 99 AND hop IN
        \(Evidence.blockParts)
    ) AS worst ON worst.of_guest = guest AND worst.of_device = device AND worst.of_op = op
      AND worst.place = 1
    WHERE block.hop = 'block' AND p50_ns > 0 AND \(condition)
    ORDER BY guest, device, op
    """
  }
}
