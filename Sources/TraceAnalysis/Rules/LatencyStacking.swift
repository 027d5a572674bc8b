internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// No hop dominates: several add up.
  static let latencyStacking = Finding.Code("LATENCY_STACKING")
}

/// The slow I/Os are slow in several hops at once: no layer alone is to blame.
struct LatencyStacking: Rule {
  let code = Finding.Code.latencyStacking
  let topic = Topic.hops
  let about = Subject.tail
  private let least = Threshold(
    "stacked-share", 15, "%",
    "part of the time of the I/Os around the p99, from which on a hop counts")
  private let most = Threshold(
    "stacked-dominant", 50, "%", "the same, from which on one hop dominates and nothing is stacked")
  private let slow = Threshold(
    "stacked-p99", 1, "ms", "p99 of Q to C, from which on it is reported")
  private let severe = Threshold(
    "stacked-p99-warning", 10, "ms", "the same, from which on it is a warning")
  var thresholds: [Threshold] { [least, most, slow, severe] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let rows = try evidence.rows(Self.sql("1"))
    var disks: [(guest: String, device: String)] = []
    for row in rows {
      guard let guest = row.text("guest"), let device = row.text("device") else { continue }
      if !disks.contains(where: { $0 == (guest, device) }) { disks.append((guest, device)) }
    }
    return try disks.compactMap { guest, device in
      let own = rows.filter { $0.text("guest") == guest && $0.text("device") == device }
      let hops = own.compactMap { row in
        row.text("hop").flatMap { hop in row.number("share_pct").map { (hop: hop, share: $0) } }
      }
      guard let first = own.first, let p99 = first.integer("p99_ns"), let top = hops.first,
        first.integer("count") ?? 0 >= 500, Double(p99) >= evidence.value(of: slow) * 1e6,
        top.share < evidence.value(of: most)
      else { return nil }
      let stacked = hops.filter { $0.share >= evidence.value(of: least) }
      guard stacked.count >= 3 else { return nil }
      let parts = stacked.map {
        "\(Hop.place(of: $0.hop)) \(Quantity.decimal($0.share, digits: 1)) %"
      }
      return Finding(
        code, Double(p99) >= evidence.value(of: severe) * 1e6 ? .warning : .info, guest: guest,
        sentence: Printable.text(
          "\(try evidence.disk(device, of: guest)): the I/Os around the p99 of Q to C (\(Quantity.time(p99))) spent their time in several "
            + "places: " + parts.joined(separator: ", ") + "."),
        confidence: .medium,
        because:
          "These are the hops of the same I/Os, and they add up; the two halves of H3 are known within the "
          + "clocks' bound.",
        evidenceSQL: Self.sql(
          "tail.guest = \(Evidence.literal(guest)) AND tail.device = \(Evidence.literal(device))"),
        nextStep:
          "Tuning one of these layers takes away no more than its own part ('what_if'). Before tuning any, look "
          + "for what they share, such as the CPUs that all of them wait for.")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT tail.guest AS guest, tail.device AS device, tail.hop AS hop, 100.0 * share AS share_pct,
      block.p99_ns AS p99_ns, block.count AS count
    FROM tail JOIN hop_summary AS block ON block.guest = tail.guest AND block.device = tail.device
      AND block.op = 'all' AND block.hop = 'block'
    WHERE tail.op = 'all' AND percentile = 99 AND tail.hop IN
      \(Evidence.blockParts)
      AND \(condition)
    ORDER BY tail.guest, tail.device, share DESC, tail.hop
    """
  }
}
