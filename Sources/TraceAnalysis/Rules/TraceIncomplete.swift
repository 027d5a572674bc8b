internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Input is missing, lost or cut.
  static let traceIncomplete = Finding.Code("TRACE_INCOMPLETE")
}

/// Events were lost, or lines could not be used: what rests on them is less sure.
struct TraceIncomplete: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  private let warning = Threshold(
    "incomplete", 0.1, "%", "lost events of a trace, from which on it is a warning")
  var thresholds: [Threshold] { [warning] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let sql = """
      SELECT path, machine, events, lost_events, skipped_lines,
        100.0 * lost_events / (events + lost_events) AS lost_pct
      FROM source
      WHERE duplicate_of IS NULL AND (lost_events > 0 OR skipped_lines > 0)
      ORDER BY lost_events DESC, skipped_lines DESC, path
      """
    return try evidence.rows(sql).compactMap { row in
      guard let path = row.text("path"), let machine = row.text("machine"),
        let lost = row.integer("lost_events"), let skipped = row.integer("skipped_lines"),
        let events = row.integer("events")
      else { return nil }
      let share = row.number("lost_pct") ?? 0
      var parts: [String] = []
      if lost > 0 {
        parts.append(
          "\(Quantity.count(lost, "event")) beside the \(Quantity.count(events)) that are there were lost "
            + "(\(Quantity.decimal(share, digits: 2)) %)")
      }
      if skipped > 0 { parts.append("\(Quantity.count(skipped, "line")) could not be used") }
      return Finding(
        code, share >= evidence.value(of: warning) ? .warning : .info, guest: nil,
        sentence: Printable.text("In \(path) of \(machine) ") + parts.joined(separator: ", and ")
          + ".",
        confidence: .high,
        because: lost > 0
          ? "Numbering that jumps, or the tool's own notice, shows exactly how many are missing."
          : "Every line is an event, a known notice, or counted here.",
        evidenceSQL: """
          SELECT path, events, lost_events, skipped_lines,
            100.0 * lost_events / (events + lost_events) AS lost_pct
          FROM source WHERE path = \(Evidence.literal(path)) AND machine = \(Evidence.literal(machine))
          """,
        nextStep: lost > 0
          ? "Trace again with larger buffers (blktrace -b 4096 -n 16, perf -m 16M), or fewer devices."
          : "See the view 'problem' for the lines and their reasons.")
    }
  }
}
