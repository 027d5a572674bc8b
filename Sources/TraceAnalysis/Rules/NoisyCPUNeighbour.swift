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
  let topic = Topic.cpus
  let about = Subject.cause(
    Suspect(
      .contention, "CPU neighbours", causes: [.cpuNeighbour],
      without: "a scheduler trace of the host in which the guest's threads are known",
      "SELECT 1 FROM thread_wait WHERE role IN ('vcpu', 'iothread') AND guest IS NOT NULL UNION ALL "
        + EsxSeries.judged))
  private let warning = Threshold(
    "cpu-neighbour", 2, "%",
    "part of a guest's vCPUs' (or one I/O thread's) time lost to a neighbour, from which on it warns"
  )
  private let critical = Threshold(
    "cpu-neighbour-critical", 15, "%", "the same, from which on it is critical")
  private let part = Threshold(
    "cpu-neighbour-part", 20, "%",
    "part of the guest's time from Q to C that its I/Os waited for CPUs that neighbours held, below which it is "
      + "only told, where that is known, no phase began with them and they are not critical")
  var thresholds: [Threshold] { [warning, critical, part] }

  /// Neighbours that a sentence names, and threads and CPUs of each.
  private static let most = 3
  private static let mostThreads = 4
  private static let mostCPUs = 8
  /// Fewer I/Os do not tell what they felt.
  private static let fewest: Int64 = 30

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
    guard !guests.isEmpty || !hosts.isEmpty else {
      // On ESXi its own tool tells.
      return try evidence.rows(EsxSeries.judged).isEmpty ? blindSpot(evidence) : []
    }
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

    /// The host whose threads they are, where no guest is named.
    var host: String? { if case .unnamed(let host) = self { host } else { nil } }

    /// The threads that waited.
    var own: String {
      switch self {
      case .named(let guest): "thread_wait.guest = \(Evidence.literal(guest))"
      case .unnamed(let host):
        "thread_wait.guest IS NULL AND thread_wait.machine = \(Evidence.literal(host))"
      }
    }

    /// How many vCPUs the waits are spread over.
    var vcpus: String {
      guest == nil
        ? "count(DISTINCT tid)" : "count(DISTINCT coalesce(vcpu, -tid))"
    }
  }

  /// What each neighbour took from the vCPUs together, or from one thread that does the guest's I/O, in the
  /// longest trace; the most of these, per neighbour. What the guest's I/Os waited for a CPU is shared out as the waits of
  /// the threads are.
  private func sql(_ victim: Victim, _ evidence: Evidence) -> String {
    let isSame =
      "blame.neighbour = top.neighbour AND blame.is_guest = top.is_guest AND blame.source_id = top.source_id"
    let io =
      victim.guest.map { evidence.ioWaits(of: $0, where: "EXISTS (SELECT 1 FROM top)") }
      ?? "SELECT 0 AS ios, NULL AS io_block_ns, NULL AS io_wait_ns"
    return """
      WITH blame AS MATERIALIZED (
        SELECT coalesce(culprit.culprit_guest, culprit.culprit_comm) AS neighbour,
          culprit.culprit_guest AS neighbour_guest, culprit.class = 'guest' AS is_guest, culprit_tid,
          culprit_thread_id, victim_role, victim_guest, culprit.source_id AS source_id,
          CASE culprit.victim_role WHEN 'vcpu' THEN 'vCPUs'
            ELSE culprit.victim_comm || ' (' || culprit.victim_tid || ')' END AS victim,
          wait_ns, source.last_ns - source.first_ns AS span_ns
        FROM culprit JOIN source USING (source_id)
        WHERE \(victim.condition)
          AND culprit.victim_role IN \(Evidence.list(ThreadRole.awaited)) AND source.last_ns > source.first_ns),
      lost AS (
        SELECT neighbour, neighbour_guest, is_guest, source_id, victim, span_ns,
          count(DISTINCT culprit_tid) AS neighbour_threads,
          CASE victim_role WHEN 'vcpu' THEN
            (SELECT \(victim.vcpus) FROM thread_wait
             WHERE thread_wait.role = 'vcpu' AND thread_wait.guest IS blame.victim_guest
               AND thread_wait.source_id = blame.source_id) ELSE 1 END AS victim_threads,
          sum(wait_ns) AS wait_ns
        FROM blame GROUP BY neighbour, is_guest, victim, source_id),
      top AS (
        SELECT *, neighbour_guest IS NULL AND neighbour IN (\(Self.recorders)) AS is_recorder,
          max(100.0 * wait_ns / (victim_threads * span_ns)) AS lost_pct FROM lost
        GROUP BY neighbour, is_guest
        HAVING lost_pct >= \(Evidence.number(evidence.value(of: warning)))
        ORDER BY is_recorder, lost_pct DESC, neighbour LIMIT \(Self.most)),
      io_wait AS (\(io)),
      shared AS (
        SELECT top.*,
          (SELECT sum(wait_ns) FROM blame WHERE \(isSame)) AS all_wait_ns,
          (SELECT sum(thread_wait.wait_ns) FROM thread_wait
           WHERE thread_wait.source_id = top.source_id AND \(victim.own)
             AND thread_wait.role IN \(Evidence.list(ThreadRole.awaited))) AS victim_wait_ns,
          (SELECT 1.0 * sum(run_ns) / top.span_ns FROM thread_wait
           WHERE thread_id IN (SELECT culprit_thread_id FROM blame WHERE \(isSame))) AS used_cpus,
          (SELECT group_concat(tid, ', ') FROM (SELECT DISTINCT culprit_tid AS tid FROM blame
             WHERE \(isSame) ORDER BY tid LIMIT \(Self.mostThreads))) AS pids,
          (SELECT group_concat(cpu, ', ') FROM (SELECT DISTINCT cpu FROM thread_cpu
             WHERE thread_id IN (SELECT culprit_thread_id FROM blame WHERE \(isSame)) ORDER BY cpu)) AS cpus
        FROM top)
      SELECT *, 1.0 * io_wait_ns * all_wait_ns / victim_wait_ns AS io_lost_ns,
        sum((NOT is_recorder) * 1.0 * io_wait_ns * all_wait_ns / victim_wait_ns) OVER () AS all_io_lost_ns,
        100.0 * sum((NOT is_recorder) * 1.0 * io_wait_ns * all_wait_ns / victim_wait_ns) OVER ()
          / nullif(io_block_ns, 0) AS io_lost_pct
      FROM shared, io_wait ORDER BY is_recorder, lost_pct DESC, neighbour
      """
  }

  private func finding(_ evidence: Evidence, _ victim: Victim) throws -> Finding? {
    let sql = sql(victim, evidence)
    let all = try evidence.rows(sql)
    // What recorded the capture is gone when it is over.
    let others = all.filter { $0.integer("is_recorder") != 1 }
    let rows = others.isEmpty ? all : others
    guard let worst = rows.compactMap({ $0.number("lost_pct") }).max() else { return nil }
    let whose = victim.guest == nil ? "their" : "its"
    let parts = rows.compactMap { Self.words($0, whose) }
    let cause =
      others.isEmpty
      ? nil
      : try evidence.cause(
        of: victim.guest, on: victim.host, [.cpuNeighbour],
        names: others.compactMap { $0.text("neighbour") })
    let lost = others.isEmpty ? nil : Lost(rows)
    let isFelt =
      cause != nil || worst >= evidence.value(of: critical)
      || lost.map { $0.share >= evidence.value(of: part) } ?? true
    let severity: Finding.Severity =
      others.isEmpty || !isFelt
      ? .info : worst >= evidence.value(of: critical) ? .critical : .warning
    // What no phase began with was there throughout.
    var extent = try cause ?? evidence.extent(ofTrace: rows.first?.integer("source_id"))
    if cause == nil, severity > .info { extent.explains = Evidence.time(lost?.time) }
    return Finding(
      code, severity, guest: victim.guest,
      sentence: (victim.guest == nil
        ? "While threads of guests that no file names waited for a CPU of the host, others ran on it. "
        : "While its threads waited for a CPU of the host, others ran on it. ")
        + parts.joined(separator: ". ") + (lost?.words ?? "") + ".",
      confidence: .high,
      because:
        "Each wait is compared with what ran on that CPU meanwhile; the parts add up to the waits. The "
        + "guest's own threads and the kernel's are not counted."
        + (lost == nil
          ? ""
          : " What its I/Os waited behind them is their share of the waits of its threads."),
      evidenceSQL: evidence.proof(sql),
      nextStep: !isFelt && !others.isEmpty
        ? "Nothing to do for this guest's I/O at this load; 'culprit' has every thread."
        : Self.advice(rows), extent: extent)
  }

  /// What the guest's I/Os waited for a CPU behind all neighbours that are named.
  private struct Lost {
    /// Ns.
    let time: Double
    /// Percent of their time from Q to C.
    let share: Double

    /// Nil where too few of the guest's I/Os are known with their waits.
    init?(_ rows: [QueryRow]) {
      guard let first = rows.first, first.integer("ios") ?? 0 >= NoisyCPUNeighbour.fewest,
        let share = first.number("io_lost_pct"), let time = first.number("all_io_lost_ns")
      else { return nil }
      (self.time, self.share) = (time, share)
    }

    var words: String {
      ". Its I/Os waited \(Quantity.time(time)) for these CPUs, \(Quantity.decimal(share, digits: 1)) % of their time "
        + "from Q to C"
    }
  }

  private static func words(_ row: QueryRow, _ whose: String) -> String? {
    guard let name = row.text("neighbour"), let wait = row.integer("wait_ns"),
      let share = row.number("lost_pct"), let threads = row.integer("neighbour_threads"),
      let victim = row.text("victim")
    else { return nil }
    var facts: [String] = []
    if row.text("neighbour_guest") == nil {
      if threads > 1 { facts.append("\(threads) threads") }
      if let pids = row.text("pids") {
        facts.append(
          (threads > 1 ? "pids " : "pid ") + pids + (threads > Int64(mostThreads) ? ", ..." : ""))
      }
    }
    if let used = row.number("used_cpus") {
      facts.append("\(Quantity.decimal(used, digits: 2)) CPUs used")
    }
    if let cpus = row.text("cpus") {
      let list = cpus.split(separator: ", ")
      facts.append(
        list.count == 1
          ? "on CPU \(cpus)" : list.count <= mostCPUs ? "on CPUs \(cpus)" : "on \(list.count) CPUs")
    }
    let who =
      (row.text("neighbour_guest").map { "guest \($0)" }
        ?? name + (row.integer("is_guest") == 1 ? " of another guest" : ""))
      + (facts.isEmpty ? "" : " (\(facts.joined(separator: "; ")))")
    return Printable.text(who) + " held it for \(Quantity.seconds(wait)), "
      + "\(Quantity.decimal(share, digits: 1)) % of the time of "
      + (victim == "vCPUs" ? "\(whose) vCPUs" : Printable.text(victim))
  }

  /// The tools that record captures, as a list of SQL.
  static let recorders = CauseCorrelation.recorders.sorted().map(Evidence.literal)
    .joined(separator: ", ")

  private static func advice(_ rows: [QueryRow]) -> String {
    if rows.allSatisfy({ $0.integer("is_recorder") == 1 }) {
      return
        "These are tools that trace: capture with fewer events, or keep them off the guest's CPUs "
        + "(taskset)."
    }
    return
      "Keep the neighbour off the CPUs of the guest's threads (cpuset, vcpupin, isolated CPUs), or lower its weight "
      + "(cpu.weight, nice). The view culprit has every thread."
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
          : "On the host: the perf.data of 'perf sched record -k CLOCK_MONOTONIC -a -- sleep 30', with "
            + "'ps -eLo pid,ppid,tid,psr,comm'.")
    ]
  }
}
