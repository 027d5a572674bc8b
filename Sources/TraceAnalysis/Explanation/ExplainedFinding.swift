public import TraceModel
public import TraceStore

extension Explanation {
  /// What a rule found of a cause of a guest's phase: it says, with numbers, what to do. Nil where none did.
  public func finding(about cause: GuestStory.Cause, of guest: GuestStory) -> Finding? {
    guard let kind = CauseKind(name: cause.kind) else { return nil }
    // A rule that looks for little else knows more of it.
    let codes = Suspect.all.filter { $0.suspect.causes.contains(kind) }
      .sorted { $0.suspect.causes.count < $1.suspect.causes.count }.map(\.code)
    return codes.lazy.compactMap { code in
      findings.first { $0.code == code && $0.guest == guest.guest }
    }.first
  }

  /// What the rule looks for, as a phrase: `stolen CPU time`; nil where it has none.
  public static func thing(of code: Finding.Code) -> String? {
    Suspect.all.first { $0.code == code }?.suspect.thing
  }
}

/// How much of what the guests' virtual CPUs waited for a CPU was for tools that record.
public struct RecorderShare: Sendable {
  /// Of all waits of the virtual CPUs, 0 to 1.
  public let share: Double

  /// Of the filter's guest, or of all; nil where no waits are known.
  public init?(_ file: IncidentFile, guest: String?) throws {
    let rows = try file.rows(
      "SELECT culprit_comm, sum(wait_ns) AS wait_ns FROM culprit WHERE victim_role = 'vcpu' AND victim_guest "
        + (guest.map { "= \(Evidence.literal($0))" } ?? "IS NOT NULL") + " GROUP BY culprit_comm")
    var (whole, own) = (0.0, 0.0)
    for row in rows {
      let wait = row.number("wait_ns") ?? 0
      whole += wait
      if CauseCorrelation.recorders.contains(row.text("culprit_comm") ?? "") { own += wait }
    }
    guard whole > 0 else { return nil }
    share = own / whole
  }
}
