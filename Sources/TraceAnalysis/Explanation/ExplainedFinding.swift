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
  /// Of the I/Os' time in the virtio queue, and of the time of the requests of the devices below; nil where that is not known.
  public let ofQueue: Double?
  /// See ``ofQueue``.
  public let ofDevice: Double?
  /// Of what the guest's own threads waited for a virtual CPU.
  public let insideGuest: Double?

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
    let costs = try file.rows(
      "SELECT place, sum(taken_ns) AS taken_ns, max(of_ns) AS of_ns FROM recorder_cost "
        + (guest.map { "WHERE guest = \(Evidence.literal($0)) " } ?? "")
        + "GROUP BY place, guest, device")
    func part(_ place: String) -> Double? {
      let own = costs.filter { $0.text("place") == place }
      let all = own.reduce(0) { $0 + ($1.number("of_ns") ?? 0) }
      return all > 0 ? own.reduce(0) { $0 + ($1.number("taken_ns") ?? 0) } / all : nil
    }
    (ofQueue, ofDevice, insideGuest) = (part("virtio_queue"), part("device"), part("guest_cpu"))
  }
}
