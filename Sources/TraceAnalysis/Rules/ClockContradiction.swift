internal import TraceModel
internal import TraceStore

/// Somebody recorded how a guest's clock stands to its host's, and the requests show another relation. What trace-cmd
/// recorded has a rule of its own.
struct ClockContradiction: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  let thresholds: [Threshold] = []

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let path = row.text("path"),
        let checks = row.integer("checks"), let wrong = row.integer("contradictions"),
        let apart = row.integer("largest_ns"), let allowed = row.integer("allowed_ns")
      else { return nil }
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(path): \(Quantity.count(wrong)) of its \(Quantity.count(checks)) recorded relations of the clocks "
            + "contradict what the requests show, by up to \(Quantity.time(apart)). Both together "
            + "may be off by \(Quantity.time(allowed))."),
        confidence: .high,
        because:
          "No request may reach the host before the guest issued it, which bounds the relation that "
          + "the requests show. The recorded one is bounded by what its file says.",
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND path = \(Evidence.literal(path))"),
        nextStep:
          "See that the record belongs to this capture and this guest, and that no clock was set in between; "
          + "'clock_check' has every moment. The two halves of H3 rest on the requests' relation.")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, path, count(contradicts) AS checks, sum(contradicts) AS contradictions,
      max(CASE WHEN contradicts THEN abs(recorded_ns - found_ns) END) AS largest_ns,
      CAST(max(CASE WHEN contradicts THEN recorded_error_ns + found_error_ns END) AS INTEGER) AS allowed_ns
    FROM clock_check WHERE origin <> 'time shift' AND \(condition) GROUP BY guest, path
    HAVING sum(contradicts) > 0 ORDER BY guest, path
    """
  }
}
