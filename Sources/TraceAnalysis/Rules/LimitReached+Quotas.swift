internal import TraceModel
internal import TraceStore

/// CPU quotas of control groups, as the kernel counts them.
extension LimitReached {
  /// The part of the periods, in %, from which on it warns.
  private static let leastShare = 1.0

  func quotas(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    return try evidence.rows(Self.quotaSQL("1")).compactMap { row in
      guard let machine = row.text("machine"), let object = row.text("object"),
        let periods = row.number("periods"), let throttled = row.number("throttled"), periods > 0,
        throttled > 0, throttled <= periods
      else { return nil }
      let share = 100 * throttled / periods
      let isOnce = row.integer("is_once") == 1
      let isGuest = row.text("layer") == "guest"
      let held = row.number("throttled_ns").map { ", for \(Quantity.time($0))" } ?? ""
      return Finding(
        code, share >= Self.leastShare && !isOnce ? .warning : .info,
        guest: isGuest ? machine : nil,
        sentence: Printable.text(
          "\(object.isEmpty ? "A control group" : object): its CPU quota was used up in "
            + "\(Quantity.count(Int64(throttled))) of \(Quantity.count(Int64(periods))) periods "
            + "(\(Quantity.decimal(share, digits: 1)) %), and its threads were held back\(held)"
            + (isOnce ? ". That is since it was made; it was read once." : ".")),
        confidence: isOnce ? .low : .high,
        because: "The kernel counts the periods in which the group used up its quota (cpu.max).",
        evidenceSQL: Self.quotaSQL(
          "machine = \(Evidence.literal(machine)) AND object = \(Evidence.literal(object))"),
        nextStep:
          "This is a limit, not a neighbour: raise the quota (cpu.max, CPUQuota=, cputune), or ask for less."
      )
    }
  }

  private static func quotaSQL(_ condition: String) -> String {
    """
    SELECT machine, layer, object, count(delta) = 0 AS is_once,
      CASE WHEN count(delta) > 0 THEN sum(CASE WHEN counter = 'periods' THEN delta END)
        ELSE max(CASE WHEN counter = 'periods' THEN value END) END AS periods,
      CASE WHEN count(delta) > 0 THEN sum(CASE WHEN counter = 'throttled_periods' THEN delta END)
        ELSE max(CASE WHEN counter = 'throttled_periods' THEN value END) END AS throttled,
      CASE WHEN count(delta) > 0 THEN sum(CASE WHEN counter = 'throttled_ns' THEN delta END)
        ELSE max(CASE WHEN counter = 'throttled_ns' THEN value END) END AS throttled_ns
    FROM counter_value WHERE tool = 'cpu.stat' AND \(condition)
    GROUP BY machine, object ORDER BY machine, object
    """
  }
}
