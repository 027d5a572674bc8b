internal import TraceModel
internal import TraceStore

/// A guest's disk that could not be followed through a host: what is missing, and which file would tell.
struct NotJoined: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  private let whole = Threshold(
    "matched-share", 95, "%",
    "matched I/Os among those that lie wholly inside both traces, below which it is a warning")
  var thresholds: [Threshold] { [whole] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row -> Finding? in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let all = row.integer("ios"), let inside = row.integer("inside"),
        let matched = row.integer("matched"), all > 0
      else { return nil }
      let sql = Self.sql(
        "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))")
      let disk = try evidence.disk(device, of: guest)
      if matched == 0 {
        return try BelowGuest.finding(evidence, guest: guest, device: device, ios: all)
          ?? unfollowed(guest, disk, all, sql)
      }
      let share = 100 * Double(matched) / Double(max(1, inside))
      guard inside > 0, share < evidence.value(of: whole) else { return nil }
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(disk): \(Quantity.count(matched)) of the \(Quantity.count(inside, "I/O")) that lie wholly "
            + "inside both traces were matched for certain."),
        confidence: .high, because: "The reasons of the others are in the view 'io', match_reason.",
        evidenceSQL: sql,
        nextStep:
          "Where the reason is no_mapping, ingest 'filefrag -v' and 'qemu-img map --output=json' of "
          + "its image; where it is lost_events, trace with larger buffers.")
    }
  }

  private func unfollowed(
    _ guest: String, _ disk: String, _ all: Int64, _ sql: String
  ) -> Finding {
    Finding(
      code, .info, guest: guest,
      sentence: Printable.text(
        "\(disk): "
          + (all == 1
            ? "its 1 I/O could not be followed"
            : "none of its \(Quantity.count(all, "I/O")) could be followed")
          + " through a host. Below the guest's scheduler all is one hop."),
      confidence: .none,
      because: "It is joined with no host's block trace; the report says why, disk by disk.",
      evidenceSQL: sql,
      nextStep: Self.ask)
  }

  static let ask =
    "Ask for the host's block trace of the disk below it, from Q to C and over the same time. Run "
    + "blktrace -d DEVICE -o - | blkparse -i - (or 'hiddenq capture host')."

  private static func sql(_ condition: String) -> String {
    """
    SELECT guest, device, sum(count) AS ios,
      sum(count * (coalesce(match_reason, '') NOT IN \(Evidence.list(UnmatchedReason.outside)))) AS inside,
      sum(count * (match_grade IN \(Evidence.list(MatchGrade.certain + [.absorbed])))) AS matched
    FROM io_count WHERE op <> 'flush' AND \(condition) GROUP BY guest, device ORDER BY guest, device
    """
  }
}
