public import TraceAnalysis
internal import TraceModel
internal import TraceStore

/// An explanation for programs: times in ns, shares from 0 to 1, null where nothing is known. It has no SQL in it and is at
/// most 16 KiB long; `schema/explanation.schema.json` describes it.
public enum ExplanationJSON {
  /// One more whenever something is renamed or taken away.
  public static let version = 1
  /// Bytes of a document at most.
  public static let mostBytes = 16_384

  /// What of it is given.
  private struct Limits {
    /// Phases of the worst guest with all of their numbers, and without.
    let phases: Int
    let briefPhases: Int
    let causes: Int
    let findings: Int
    /// Code points of a text, and of a name.
    let text: Int
    let name: Int
    let hasParts: Bool
    /// Rules that could not judge.
    let open: Int
    let hasThresholds: Bool

    /// From the one that gives most.
    static let levels = [
      Limits(
        phases: 4, briefPhases: 16, causes: 8, findings: 8, text: 400, name: 256, hasParts: true,
        open: 16, hasThresholds: true),
      Limits(
        phases: 2, briefPhases: 8, causes: 5, findings: 4, text: 240, name: 256, hasParts: true,
        open: 8, hasThresholds: true),
      Limits(
        phases: 1, briefPhases: 4, causes: 3, findings: 2, text: 160, name: 128, hasParts: false,
        open: 4, hasThresholds: true),
      Limits(
        phases: 1, briefPhases: 1, causes: 2, findings: 1, text: 40, name: 24, hasParts: false,
        open: 2, hasThresholds: false),
    ]
  }

  /// The document, with a newline at its end.
  public static func render(_ explanation: Explanation) -> String {
    var text = ""
    for limits in Limits.levels {
      text = render(explanation, limits)
      if text.utf8.count <= mostBytes { break }
    }
    return text
  }

  private static func render(_ explanation: Explanation, _ limits: Limits) -> String {
    let guests = explanation.guests
    let others = guests.dropFirst().prefix(ExplanationDetail.guests)
    return object(
      [
        ("format", string("hiddenq-explanation")), ("version", "\(version)"),
        ("tool_version", string(Tool.version)),
        ("captures_mixed", explanation.mixed.map { finding($0, limits) } ?? "null"),
        ("guest", guests.first.map { guest($0, limits) } ?? "null"),
        ("others", list(others.map { brief($0, limits) })),
        ("omitted", "\(max(0, guests.count - 1 - others.count))"),
        (
          "finding", list(explanation.findings.prefix(limits.findings).map { finding($0, limits) })
        ),
        ("findings_omitted", "\(max(0, explanation.findings.count - limits.findings))"),
        ("ruled_out", list(explanation.ruledOut.map { ruledOut($0, limits) })),
        (
          "not_judged",
          list(explanation.notJudged.prefix(limits.open).map { notJudged($0, limits) })
        ),
        ("not_judged_omitted", "\(max(0, explanation.notJudged.count - limits.open))"),
      ], separator: ",\n") + "\n"
  }

  // MARK: - Guests

  private static func guest(_ guest: GuestStory, _ limits: Limits) -> String {
    let shown = guest.shown(limits.phases)
    let others = guest.phases.filter { phase in !shown.contains { $0.number == phase.number } }
    let phases = (shown + others.prefix(limits.briefPhases)).sorted { $0.number < $1.number }
    return object([
      ("guest", string(guest.guest, limits.name)), ("op", string(guest.op)),
      ("changed", guest.phases.isEmpty ? "null" : "\(!guest.changed.isEmpty)"),
      ("seen_by", string(guest.source.rawValue)),
      ("timeline", guest.timeline.map { string($0, limits.name) } ?? "null"),
      ("unix_ns_at_0", guest.wall.map { "\($0.utc(0))" } ?? "null"),
      ("lost_ns", number(guest.lostTime)), ("symptom", window(guest.windows.symptom)),
      ("baseline", window(guest.windows.baseline)),
      (
        "phases",
        list(
          phases.map { phase in
            Self.phase(phase, guest, limits, isFull: shown.contains { $0.number == phase.number })
          })
      ),
      ("phases_omitted", "\(guest.phases.count - phases.count)"),
      ("pauses", list(guest.pauses.prefix(8).map { pause($0, limits) })),
      ("pauses_omitted", "\(max(0, guest.pauses.count - 8))"),
      ("disks", list(guest.disks.prefix(4).map { disk($0, limits) })),
      ("smallest_change", smallestChange(guest.smallestChange)),
    ])
  }

  private static func window(_ window: Range<Int64>?) -> String {
    window.map { object([("from_ns", "\($0.lowerBound)"), ("to_ns", "\($0.upperBound)")]) }
      ?? "null"
  }

  private static func brief(_ guest: GuestStory, _ limits: Limits) -> String {
    let largest = guest.largest
    let change = largest?.headline(guest.op)
    let cause = largest?.causes.first
    return object([
      ("guest", string(guest.guest, limits.name)),
      ("changed", guest.phases.isEmpty ? "null" : "\(!guest.changed.isEmpty)"),
      ("lost_ns", number(guest.lostTime)), ("from_ns", integer(largest?.from)),
      ("to_ns", integer(largest?.to)), ("op", string(change?.op ?? guest.op)),
      ("hop", change.map { string($0.hop.name) } ?? "null"),
      ("baseline_mean_ns", integer(change?.baselineMean)),
      ("phase_mean_ns", integer(change?.mean)),
      ("cause", cause.map { string($0.kind, limits.name) } ?? "null"),
      ("cause_name", cause?.name.map { string($0, limits.name) } ?? "null"),
      ("smallest_change", smallestChange(guest.smallestChange)),
    ])
  }

  private static func pause(_ pause: GuestStory.Pause, _ limits: Limits) -> String {
    object([
      ("from_ns", "\(pause.from)"), ("to_ns", "\(pause.to)"), ("length_ns", "\(pause.length)"),
      ("error_ns", "\(pause.error)"), ("is_clock_still", "\(pause.isClockStill)"),
      ("spanning", "\(pause.spanning)"), ("confidence", string(pause.confidence.name)),
    ])
  }

  private static func disk(_ disk: GuestStory.Disk, _ limits: Limits) -> String {
    object([
      ("device", string(disk.device, limits.name)), ("count", "\(disk.count)"),
      ("mean_ns", number(disk.mean)), ("page_cache_mean_ns", disk.pageCache.map(number) ?? "null"),
      ("p50_ns", "\(disk.p50)"), ("p99_ns", "\(disk.p99)"),
      (
        "hops",
        list(
          disk.shares.map {
            object([
              ("hop", string($0.hop.name)), ("share", number($0.share)),
            ])
          })
      ),
    ])
  }

  private static func smallestChange(_ change: SmallestChange?) -> String {
    switch change {
    case .share(let share):
      object([
        ("share", number(share)),
        ("confidence", string((change?.isSure ?? false ? Finding.Confidence.medium : .none).name)),
      ])
    case .unknown: object([("share", "null"), ("confidence", string("none"))])
    case nil: "null"
    }
  }

  // MARK: - Phases

  private static func phase(
    _ phase: GuestStory.Phase, _ guest: GuestStory, _ limits: Limits, isFull: Bool
  ) -> String {
    var members = [
      ("phase", "\(phase.number)"), ("from_ns", "\(phase.from)"), ("to_ns", "\(phase.to)"),
      ("is_baseline", "\(phase.isBaseline)"), ("onset_error_ns", integer(phase.onsetError)),
      ("signals", string(phase.signals, limits.text)),
      ("confidence", string(phase.confidence.name)),
    ]
    guard isFull else { return object(members) }
    let hops = phase.changes.filter {
      $0.op == guest.op
        ? limits.hasParts || $0.part == nil
        : ($0.hop == .total || $0.hop == .block) && $0.part == nil
    }
    members += [
      ("because", string(phase.because, limits.text)),
      ("devices", list(phase.devices.prefix(4).map { string($0, limits.name) })),
      ("excess", list(largest(hops, 24).map { change($0, limits) })),
      ("causes", list(phase.causes.prefix(limits.causes).map { cause($0, limits) })),
      ("causes_omitted", "\(max(0, phase.causes.count - limits.causes))"),
      (
        "cleared",
        list(
          phase.cleared.map {
            object([
              ("layer", string($0.hop?.name ?? GuestStory.stolenLayer)),
              ("low_ns", number($0.interval.lowerBound)),
              ("high_ns", number($0.interval.upperBound)),
            ])
          })
      ),
    ]
    return object(members)
  }

  /// At most so many, in their order: all whole hops, then the parts that changed most.
  private static func largest(
    _ changes: [GuestStory.Change], _ most: Int
  ) -> [GuestStory.Change] {
    let parts = changes.indices.filter { changes[$0].part != nil }
    let kept = Set(
      parts.sorted { changes[$0].delta.magnitude > changes[$1].delta.magnitude }
        .prefix(max(0, most - (changes.count - parts.count))))
    return changes.indices.filter { changes[$0].part == nil || kept.contains($0) }
      .prefix(most).map { changes[$0] }
  }

  private static func change(_ change: GuestStory.Change, _ limits: Limits) -> String {
    object([
      ("op", string(change.op)), ("hop", string(change.hop.name)),
      ("part", change.part.map { string($0, limits.name) } ?? "null"),
      ("baseline_count", "\(change.baselineCount)"), ("phase_count", "\(change.count)"),
      ("baseline_mean_ns", "\(change.baselineMean)"), ("phase_mean_ns", "\(change.mean)"),
      ("delta_ns", "\(change.delta)"),
      ("low_ns", change.interval.map { number($0.lowerBound) } ?? "null"),
      ("high_ns", change.interval.map { number($0.upperBound) } ?? "null"),
      ("share", change.share.map(number) ?? "null"),
      ("baseline_p50_ns", integer(change.p50?.before)),
      ("phase_p50_ns", integer(change.p50?.after)),
      ("baseline_p99_ns", integer(change.p99?.before)),
      ("phase_p99_ns", integer(change.p99?.after)),
    ])
  }

  private static func cause(_ cause: GuestStory.Cause, _ limits: Limits) -> String {
    object([
      ("kind", string(cause.kind, limits.name)),
      ("name", cause.name.map { string($0, limits.name) } ?? "null"),
      ("machine", cause.machine.map { string($0, limits.name) } ?? "null"),
      ("pid", integer(cause.pid)), ("began_ns", integer(cause.began)),
      ("ended_ns", integer(cause.ended)), ("rate_before", cause.rateBefore.map(number) ?? "null"),
      ("rate_after", cause.rateAfter.map(number) ?? "null"),
      ("rate_unit", cause.rateUnit.map { string($0, limits.name) } ?? "null"),
      ("explains_ns", integer(cause.explains)), ("share", cause.share.map(number) ?? "null"),
      ("confidence", string(cause.confidence, limits.name)),
      ("because", string(cause.because, limits.text)),
    ])
  }

  // MARK: - Rules

  private static func finding(_ finding: Finding, _ limits: Limits) -> String {
    object([
      ("code", string(finding.code.rawValue)), ("severity", string(finding.severity.rawValue)),
      ("guest", finding.guest.map { string($0, limits.name) } ?? "null"),
      ("sentence", string(finding.sentence, limits.text)),
      ("confidence", string(finding.confidence.name)),
      ("rank", integer(finding.rank.map { Int64($0) })), ("from_ns", integer(finding.extent.from)),
      ("to_ns", integer(finding.extent.to)), ("explains_ns", integer(finding.extent.explains)),
      ("consequence_of", integer(finding.consequenceOf.map { Int64($0) })),
    ])
  }

  private static func ruledOut(_ rule: Explanation.RuledOut, _ limits: Limits) -> String {
    object([
      ("code", string(rule.code.rawValue)),
      (
        "thresholds",
        list(
          rule.thresholds.filter { _ in limits.hasThresholds }.map {
            object([
              ("name", string($0.name)), ("limit", number($0.standard)), ("unit", string($0.unit)),
            ])
          })
      ),
    ])
  }

  private static func notJudged(_ rule: Explanation.NotJudged, _ limits: Limits) -> String {
    object([
      ("code", string(rule.code.rawValue)),
      ("guest", rule.guest.map { string($0, limits.name) } ?? "null"),
      ("missing", string(rule.missing, limits.text)),
    ])
  }

  // MARK: - JSON

  private static func object(_ members: [(String, String)], separator: String = ",") -> String {
    "{" + members.map { "\(JSONText.string($0.0)):\($0.1)" }.joined(separator: separator) + "}"
  }

  private static func list(_ items: [String]) -> String {
    "[" + items.joined(separator: ",\n") + "]"
  }

  /// A text of a file, cut where it is longer than so many code points.
  private static func string(_ text: String, _ most: Int = .max) -> String {
    guard text.unicodeScalars.count > most else { return JSONText.string(text) }
    return JSONText.string(String(text.unicodeScalars.prefix(most - 2)) + "..")
  }

  private static func integer(_ value: Int64?) -> String { value.map { "\($0)" } ?? "null" }

  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}
