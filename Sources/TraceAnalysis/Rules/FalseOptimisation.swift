internal import TraceModel
internal import TraceStore

/// What tuning a layer can gain at most: the layer that holds the time, and those where tuning would be for
/// nothing.
struct FalseOptimisation: Rule {
  let code = Finding.Code.falseOptimisation
  private let worthwhile = Threshold(
    "tuning-gain", 10, "%", "share of the p99 of Q to C below which tuning a hop is called in vain")
  var thresholds: [Threshold] { [worthwhile] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let rows = try evidence.rows(Self.sql("1"))
    var disks: [(guest: String, device: String)] = []
    for row in rows {
      guard let guest = row.text("guest"), let device = row.text("device") else { continue }
      if !disks.contains(where: { $0 == (guest, device) }) { disks.append((guest, device)) }
    }
    return disks.compactMap { guest, device in
      let own = rows.filter { $0.text("guest") == guest && $0.text("device") == device }
      guard let best = own.first, let hop = best.text("hop"), let gain = best.number("gain_pct"),
        let now = best.integer("now_ns"), let without = best.integer("without_ns")
      else { return nil }
      let vain = own.dropFirst().compactMap { row -> (String, Double)? in
        guard let hop = row.text("hop"), let gain = row.number("gain_pct"),
          gain < evidence.value(of: worthwhile)
        else { return nil }
        return (hop, gain)
      }
      guard !vain.isEmpty, gain >= evidence.value(of: worthwhile) else { return nil }
      let list = vain.map {
        "\(TailAmplified.words($0.0)) at most \(Quantity.decimal($0.1, digits: 1)) %"
      }.joined(separator: ", ")
      return Finding(
        code, .info, guest: guest,
        sentence: Printable.text(
          "\(device): of the p99 of Q to C, \(Quantity.time(now)), tuning can take away most in "
            + "\(TailAmplified.words(hop)): at most \(Quantity.decimal(gain, digits: 1)) %, to "
            + "\(Quantity.time(without)). It would be for nothing in \(list)."),
        confidence: .high,
        because:
          "Each I/O's own hop was taken away and the percentile computed anew. It is an upper bound: "
          + "what leaves one queue earlier may wait in the next.",
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))"),
        nextStep: "Tune the layer that holds the time first, and compare before with after "
          + "('hiddenq compare').")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, device, hop, now_ns, without_ns, 100.0 * (now_ns - without_ns) / now_ns AS gain_pct
    FROM what_if
    WHERE op = 'all' AND percentile = 99 AND now_ns > 0 AND hop IN
      ('guest_scheduler', 'virtio_submit', 'virtio_return', 'host_scheduler', 'hardware_queue')
      AND \(condition)
    ORDER BY guest, device, gain_pct DESC, hop
    """
  }
}
