internal import TraceModel
internal import TraceStore

/// Limits that a provider counts by itself: of an EBS volume, or of its instance.
extension LimitReached {
  func allowances(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    return try evidence.rows(Self.allowanceSQL("1")).compactMap { row in
      guard let machine = row.text("machine"), let counter = row.text("counter"),
        let object = row.text("object"), let held = row.number("exceeded_s"), held > 0
      else { return nil }
      let whose = counter.contains("instance") ? "its instance" : "the volume"
      let what = counter.hasPrefix("iops") ? "IOPS" : "throughput"
      let share = row.number("exceeded_pct")
      let isGuest = row.text("layer") == "guest"
      return Finding(
        code, share ?? 0 >= 1 ? .warning : .info, guest: isGuest ? machine : nil,
        sentence: Printable.text(
          "\(object.isEmpty ? "An EBS volume" : object): the \(what) limit of \(whose) held I/O back for "
            + "\(Quantity.decimal(held, digits: 1)) s"
            + (share.map {
              ", \(Quantity.decimal($0, digits: 1)) % of the time between the readings."
            }
              ?? " since it was attached; that was read once, so how much of it was now is not known.")
        ),
        confidence: share == nil ? .low : .high,
        because:
          "The volume counts by itself for how long more was asked for than it, or its instance, may do.",
        evidenceSQL: Self.allowanceSQL(
          "machine = \(Evidence.literal(machine)) AND object = \(Evidence.literal(object)) AND counter = \(Evidence.literal(counter))"
        ),
        nextStep:
          "This is a limit, not a slow disk: provision more IOPS or throughput for the volume, or take an instance type "
          + "with more for EBS.")
    }
  }

  private static func allowanceSQL(_ condition: String) -> String {
    """
    SELECT machine, layer, object, counter,
      CASE WHEN count(delta) > 0 THEN sum(delta) ELSE max(value) END / 1e6 AS exceeded_s,
      1e5 * sum(delta) / nullif(sum(interval_ns), 0) AS exceeded_pct
    FROM counter_value
    WHERE tool = 'nvme amzn' AND counter GLOB '*_exceeded_us' AND \(condition)
    GROUP BY machine, object, counter ORDER BY machine, object, counter
    """
  }
}
