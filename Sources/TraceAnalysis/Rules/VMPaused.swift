internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A guest stood still as a whole.
  static let vmPaused = Finding.Code("VM_PAUSED")
}

/// A guest stood still as a whole for a while.
struct VMPaused: Rule {
  let code = Finding.Code.vmPaused
  let topic = Topic.layers
  let about = Subject.cause(
    Suspect(
      .device, "a pause of the guest",
      without: "block traces of the guest and its host whose I/Os were matched",
      "SELECT 1 FROM hop_summary WHERE hop = 'host_scheduler'"))
  private let told = Threshold(
    "vm-pause", 100, "ms", "length of a guest's pause, from which on it is a warning")
  private let severe = Threshold(
    "vm-pause-critical", 1000, "ms", "the same, from which on it is critical")
  var thresholds: [Threshold] { [told, severe] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks] }

  var judgesSelections: Set<Evidence.Kind>? { [.guestBlocks, .hostBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(sql(evidence, "1")).compactMap { row in
      guard let guest = row.text("guest"), let count = row.integer("pauses"),
        let whole = row.integer("paused_ns"), let longest = row.integer("longest_ns"),
        let from = row.integer("from_ns"), let to = row.integer("to_ns"),
        let first = row.integer("first_ns"), let last = row.integer("last_ns"),
        let error = row.integer("error_ns"), let spanning = row.integer("waiting"),
        let isClockStill = row.integer("is_clock_still"),
        let isHostStill = row.integer("is_host_still"),
        let confidence = row.text("confidence"), let because = row.text("because")
      else { return nil }
      let host = isHostStill == 1 ? ", and nothing ran on its host" : ""
      let clock =
        isClockStill == 1
        ? ". Its clock stood still, too, so its own files do not show it" : ". Its clock went on"
      return Finding(
        code, severity(longest, evidence), guest: guest,
        sentence:
          "It stood still\(host) for \(Quantity.time(longest)) "
          + place(from, to, longest) + " (both within \(Quantity.time(error)))" + clock
          + (count > 1
            ? ". It happened \(Quantity.count(count, "time")), together \(Quantity.time(whole))"
            : "")
          + (spanning > 0
            ? ". \(Quantity.count(spanning)) of its I/Os were in flight: "
              + (isClockStill == 1
                ? "they took that much longer on the host's clock, not on its own"
                : "they waited for it, and no device took that time") : "") + ".",
        confidence: Finding.Confidence(name: confidence) ?? .none,
        because: "At that time \(because).",
        evidenceSQL: sql(evidence, "guest = \(Evidence.literal(guest))"),
        nextStep:
          "Look for who stopped it at that time: QEMU's log and QMP events (STOP, RESUME), snapshots, migration, "
          + "backup, 'virsh suspend'. If the host stood still, see its kernel log. The view pause has every such time.",
        extent: Finding.Extent(
          from: first, to: last, hasOnset: true, explains: Evidence.time(row.number("lost_ns"))))
    }
  }

  /// `from 13.014 s on`, or within which stretch, where it cannot be placed better.
  private func place(_ from: Int64, _ to: Int64, _ length: Int64) -> String {
    to - from <= length + length / 4
      ? "from \(Quantity.seconds(from)) on"
      : "somewhere from \(Quantity.seconds(from)) to \(Quantity.seconds(to))"
  }

  private func severity(_ length: Int64, _ evidence: Evidence) -> Finding.Severity {
    let time = Double(length) / 1e6
    return time >= evidence.value(of: severe)
      ? .critical : time >= evidence.value(of: told) ? .warning : .info
  }

  /// The longest pause of each guest, and how many there are.
  private func sql(_ evidence: Evidence, _ condition: String) -> String {
    """
    WITH own AS (SELECT * FROM \(evidence.from(.pause)) WHERE \(condition))
    SELECT guest, count(*) AS pauses, sum(length_ns) AS paused_ns, max(length_ns) AS longest_ns, from_ns, to_ns,
      error_ns, is_clock_still, is_host_still, confidence, because, sum(1.0 * length_ns * spanning) AS lost_ns,
      (SELECT min(from_ns) FROM own AS other WHERE other.guest = own.guest) AS first_ns,
      (SELECT max(to_ns) FROM own AS other WHERE other.guest = own.guest) AS last_ns,
      (SELECT sum(spanning) FROM own AS other WHERE other.guest = own.guest) AS waiting
    FROM own GROUP BY guest ORDER BY longest_ns DESC, guest
    """
  }
}
