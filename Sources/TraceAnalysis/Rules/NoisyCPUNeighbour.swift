internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A named neighbour was on the CPU while a guest waited.
  static let noisyCPUNeighbour = Finding.Code("NOISY_CPU_NEIGHBOUR")
}

/// Somebody else was on the CPU while a guest's threads waited for it. The guest's own threads are no
/// neighbours, and neither are the kernel's.
struct NoisyCPUNeighbour: Rule {
  let code = Finding.Code.noisyCPUNeighbour
  let about = Subject.cause(
    Suspect(
      .contention, "CPU neighbours", causes: [.cpuNeighbour],
      without: "a scheduler trace of the host in which the guest's threads are known",
      "SELECT 1 FROM thread_wait WHERE role IN ('vcpu', 'iothread') AND guest IS NOT NULL"))
  private let warning = Threshold(
    "cpu-neighbour", 2, "%",
    "part of a guest's vCPUs' (or one I/O thread's) time lost to a neighbour, from which on it warns"
  )
  private let critical = Threshold(
    "cpu-neighbour-critical", 15, "%", "the same, from which on it is critical")
  var thresholds: [Threshold] { [warning, critical] }

  /// Neighbours that a sentence names.
  private static let most = 3

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.hostScheduler] }

  var judgesSelections: Set<Evidence.Kind>? { [.hostScheduler] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let guests = try evidence.rows(
      """
      SELECT DISTINCT guest FROM thread_wait WHERE role IN ('vcpu', 'iothread') AND guest IS NOT NULL
      ORDER BY guest
      """
    ).compactMap { $0.text("guest") }
    let hosts = try evidence.rows(UnnamedGuest.hosts).compactMap { $0.text("machine") }
    guard !guests.isEmpty || !hosts.isEmpty else { return try blindSpot(evidence) }
    return try guests.compactMap { try finding(evidence, .named($0)) }
      + hosts.compactMap { try finding(evidence, .unnamed(host: $0)) }
  }

  /// Whose threads waited.
  private enum Victim {
    case named(String)
    /// Threads of a host that no file gives to a guest.
    case unnamed(host: String)

    var guest: String? { if case .named(let guest) = self { guest } else { nil } }

    /// Of threads that nothing tells apart by their process, a culprit of another guest may be of the same one.
    var condition: String {
      switch self {
      case .named(let guest):
        "culprit.victim_guest = \(Evidence.literal(guest)) AND culprit.class IN ('host', 'guest')"
      case .unnamed(let host):
        "culprit.victim_guest IS NULL AND culprit.machine = \(Evidence.literal(host)) AND (culprit.class = 'host' "
          + "OR culprit.class = 'guest' AND culprit.culprit_guest IS NOT NULL)"
      }
    }

    /// How many vCPUs the waits are spread over.
    var vcpus: String {
      guest == nil
        ? "count(DISTINCT tid)" : "count(DISTINCT coalesce(vcpu, -tid))"
    }
  }

  /// What each neighbour took from the vCPUs together, or from one thread that does the guest's I/O, in the
  /// longest trace; the most of these, per neighbour.
  private static func sql(_ victim: Victim) -> String {
    """
    SELECT neighbour, neighbour_guest, is_guest, neighbour_threads, victim, victim_threads, wait_ns, span_ns,
      max(100.0 * wait_ns / (victim_threads * span_ns)) AS lost_pct
    FROM (
      SELECT coalesce(culprit.culprit_guest, culprit.culprit_comm) AS neighbour,
        culprit.culprit_guest AS neighbour_guest, culprit.class = 'guest' AS is_guest,
        count(DISTINCT culprit.culprit_tid) AS neighbour_threads,
        CASE culprit.victim_role WHEN 'vcpu' THEN 'vCPUs'
          ELSE culprit.victim_comm || ' (' || culprit.victim_tid || ')' END AS victim,
        CASE culprit.victim_role WHEN 'vcpu' THEN
          (SELECT \(victim.vcpus) FROM thread_wait
           WHERE thread_wait.role = 'vcpu' AND thread_wait.guest IS culprit.victim_guest
             AND thread_wait.source_id = culprit.source_id) ELSE 1 END AS victim_threads,
        sum(culprit.wait_ns) AS wait_ns, source.last_ns - source.first_ns AS span_ns
      FROM culprit JOIN source USING (source_id)
      WHERE \(victim.condition)
        AND culprit.victim_role IN \(Evidence.list(ThreadRole.awaited)) AND source.last_ns > source.first_ns
      GROUP BY neighbour, is_guest, victim, culprit.source_id
    )
    GROUP BY neighbour, is_guest ORDER BY lost_pct DESC, neighbour LIMIT \(most)
    """
  }

  private func finding(_ evidence: Evidence, _ victim: Victim) throws -> Finding? {
    let sql = Self.sql(victim)
    let rows = try evidence.rows(sql).filter {
      $0.number("lost_pct") ?? 0 >= evidence.value(of: warning)
    }
    guard let worst = rows.first?.number("lost_pct") else { return nil }
    let whose = victim.guest == nil ? "their" : "its"
    let parts = rows.compactMap { Self.words($0, whose) }
    // The capture's own tools are gone when it is over.
    let severity: Finding.Severity =
      Self.isTracing(rows)
      ? .info : worst >= evidence.value(of: critical) ? .critical : .warning
    return Finding(
      code, severity, guest: victim.guest,
      sentence: (victim.guest == nil
        ? "While threads of guests that no file names waited for a CPU of the host, others were on it: "
        : "While its threads waited for a CPU of the host, others were on it: ")
        + parts.joined(separator: "; ") + ".",
      confidence: .high,
      because:
        "Each wait is laid over what ran on that CPU meanwhile; the parts add up to the waits, and the "
        + "guest's own threads and the kernel's are not counted.",
      evidenceSQL: evidence.proof(sql), nextStep: Self.advice(rows))
  }

  private static func words(_ row: QueryRow, _ whose: String) -> String? {
    guard let name = row.text("neighbour"), let wait = row.integer("wait_ns"),
      let share = row.number("lost_pct"), let threads = row.integer("neighbour_threads"),
      let victim = row.text("victim")
    else { return nil }
    let who =
      if let guest = row.text("neighbour_guest") {
        "guest \(guest)"
      } else {
        name + (row.integer("is_guest") == 1 ? " of another guest" : "")
          + (threads > 1 ? " (\(threads) threads)" : "")
      }
    return Printable.text(who) + " for \(Quantity.seconds(wait)), "
      + "\(Quantity.decimal(share, digits: 1)) % of the time of "
      + (victim == "vCPUs" ? "\(whose) vCPUs" : Printable.text(victim))
  }

  /// Whether all that was there are the tools of a capture.
  private static func isTracing(_ rows: [QueryRow]) -> Bool {
    let tools = ["perf", "blktrace", "trace-cmd"]
    return rows.allSatisfy { tools.contains($0.text("neighbour") ?? "") }
  }

  private static func advice(_ rows: [QueryRow]) -> String {
    if isTracing(rows) {
      return
        "These are tools that trace: capture with fewer events, or keep them off the guest's CPUs "
        + "(taskset)."
    }
    return
      "Keep it off the CPUs of the guest's threads (cpuset, vcpupin, isolated CPUs), or lower its weight "
      + "(cpu.weight, nice); 'culprit' has every thread."
  }

  private func blindSpot(_ evidence: Evidence) throws -> [Finding] {
    let known = try evidence.rows(
      """
      SELECT count(*) AS traces FROM source
      WHERE layer = 'host' AND duplicate_of IS NULL AND source_id IN
        (SELECT source_id FROM thread_wait)
      """
    ).first?.integer("traces")
    let isTraced = known ?? 0 > 0
    return [
      Finding(
        code, .info, guest: nil,
        sentence: isTraced
          ? "Who was on the CPU while a guest waited: no thread of the host's scheduler trace is known as "
            + "a guest's."
          : "Who was on the CPU while a guest waited: the host's scheduler trace is missing.",
        confidence: .none, because: "The input is missing.", evidenceSQL: "SELECT * FROM source",
        nextStep: isTraced
          ? "Save 'ps -eLo pid,ppid,tid,psr,comm' of the host and QEMU's reply to query-cpus-fast."
          : "On the host: 'perf sched record -a -- sleep 30; perf sched script > sched.txt', with "
            + "'ps -eLo pid,ppid,tid,psr,comm'.")
    ]
  }
}
