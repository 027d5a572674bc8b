internal import TraceCorrelation
internal import TraceModel
internal import TraceStore

/// trace-cmd recorded how a guest's clock stands to its host's (`TIME_SHIFT`), and the requests show another relation.
///
/// By the protocol `kvm` it is what KVM itself keeps, so it can only be of another session, another host or a guest that
/// was migrated or restored meanwhile. By `ptp` it was measured, and is given some tens of milliseconds.
struct TimeShiftContradiction: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  let thresholds: [Threshold] = []

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try againstRequests(evidence) + apart(evidence)
  }

  private func againstRequests(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let path = row.text("path"),
        let apart = row.integer("largest_ns"), let allowed = row.integer("allowed_ns")
      else { return nil }
      // KVM's own is exact.
      let isMeasured = row.integer("recorded_error_ns") ?? 0 > ExactRelation.error
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(path): the relation of the clocks that trace-cmd \(isMeasured ? "measured" : "took from KVM") "
            + "(TIME_SHIFT) contradicts what the requests show, by up to \(Quantity.time(apart)). Both "
            + "together may be off by \(Quantity.time(allowed))."),
        confidence: isMeasured ? .medium : .high,
        because:
          "No request may reach the host before the guest issued it: the relation that the requests show is "
          + "bounded by causality. The recorded one holds for one session of trace-cmd"
          + (isMeasured
            ? ", and was measured with messages." : ", on the host where the guest then ran."),
        evidenceSQL: Self.sql(
          "guest = \(Evidence.literal(guest)) AND path = \(Evidence.literal(path))"),
        nextStep:
          "See that both recordings are of one session ('trace id' and 'time shift' in the view 'header'). See that "
          + "the guest was not migrated or restored in between. The two halves of H3 rest on the requests' relation."
      )
    }
  }

  /// Recordings of one session overlap; by a relation that is wrong they may not.
  private func apart(_ evidence: Evidence) throws -> [Finding] {
    func sql(_ condition: String) -> String {
      """
      SELECT guest.machine AS guest, guest.path AS path, host.path AS host_path,
        CAST(max(clock.from_ns + clock.offset_ns - host.last_ns,
          host.first_ns - clock.to_ns - clock.offset_ns) AS INTEGER) AS apart_ns
      FROM clock JOIN source AS guest USING (source_id)
      JOIN source AS host ON host.machine || ' ' || host.tool_clock = clock.reference
      WHERE clock.method = 'time shift' AND apart_ns > 0 AND \(condition)
        AND EXISTS (SELECT 1 FROM header AS own JOIN header AS other ON other.source_id = host.source_id
          WHERE own.source_id = guest.source_id AND own.name = 'time shift' AND other.name = 'trace id'
            AND instr(own.value, 'peer ' || other.value || ','))
      ORDER BY guest.path, host.path
      """
    }
    return try evidence.rows(sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let path = row.text("path"),
        let host = row.text("host_path"), let apart = row.integer("apart_ns")
      else { return nil }
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(path): by the relation of the clocks that trace-cmd took from KVM (TIME_SHIFT) it lies "
            + "\(Quantity.time(apart)) beside \(host). Both are of one session."),
        confidence: .high,
        because: "trace-cmd records the guests of a session while it records their host.",
        evidenceSQL: sql(
          "guest.machine = \(Evidence.literal(guest)) AND guest.path = \(Evidence.literal(path))"),
        nextStep:
          "See whether the guest was migrated or restored in between, or its file changed. Nothing ties the clocks "
          + "of both else; record both again, with block events.")
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, path, count(contradicts) AS checks, sum(contradicts) AS contradictions,
      max(CASE WHEN contradicts THEN abs(recorded_ns - found_ns) END) AS largest_ns,
      CAST(max(CASE WHEN contradicts THEN recorded_error_ns + found_error_ns END) AS INTEGER) AS allowed_ns,
      max(recorded_error_ns) AS recorded_error_ns
    FROM clock_check WHERE origin = 'time shift' AND \(condition) GROUP BY guest, path
    HAVING sum(contradicts) > 0 ORDER BY guest, path
    """
  }
}
