internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// vCPUs waited for a CPU of the host.
  static let stealHidden = Finding.Code("STEAL_HIDDEN")
}

/// A guest's virtual CPUs waited for a CPU of the host: to the guest that time looks like work, or like
/// nothing at all.
struct StealHidden: Rule {
  let code = Finding.Code.stealHidden
  let topic = Topic.cpus
  let about = Subject.cause(
    Suspect(
      .contention, "stolen CPU time", causes: [.cpuNeighbour, .ownCPU, .throttle],
      without: "a scheduler trace of the host, or counters of stolen time",
      """
      SELECT 1 FROM thread_wait WHERE role = 'vcpu' UNION ALL SELECT 1 FROM vm_counter WHERE st IS NOT NULL
      UNION ALL SELECT 1 FROM cpu_counter WHERE steal_pct IS NOT NULL UNION ALL \(EsxSeries.judged)
      """))
  private let warning = Threshold(
    "steal", 5, "%", "part of its virtual CPUs' time that a guest waited, from which on it warns")
  private let critical = Threshold(
    "steal-critical", 25, "%", "the same, from which on it is critical")
  private let unfelt = Threshold(
    "steal-unfelt", 15, "%",
    "part of their time that others held the CPUs, from which on it warns although the guest's I/Os lost less by "
      + "that than steal-part")
  private let part = Threshold(
    "steal-part", 20, "%",
    "part of the guest's time from Q to C that its I/Os waited for CPUs that others held, from which on it was felt"
  )
  var thresholds: [Threshold] { [warning, critical, unfelt, part] }

  /// Fewer I/Os do not tell what they felt.
  private static let fewest: Int64 = 30

  /// With a neighbour that is named it is the same from the guest's side.
  func follows(_ finding: Finding) -> [Precursor] {
    finding.severity > .info ? [Precursor(.noisyCPUNeighbour)] : []
  }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.hostScheduler] }

  var judgesSelections: Set<Evidence.Kind>? { [.hostScheduler] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let measured = try hosted(evidence)
    let guests = try evidence.rows(
      "SELECT DISTINCT machine FROM source WHERE layer = 'guest' ORDER BY machine"
    ).compactMap { $0.text("machine") }
    guard evidence.window == nil else {
      // Of what was counted since a start, and of a host's own steal, no part of the capture is known.
      let known = Set(measured.map(\.guest))
      return try measured.compactMap(\.finding) + unnamed(evidence)
        + guests.filter { !known.contains($0) }.flatMap { try alone(evidence, $0) }
    }
    let counted = try counted(evidence, guests)
    let known = Set(measured.map(\.guest) + counted.compactMap(\.guest))
    let once = try countedOnce(evidence)
    return try nested(evidence) + once + measured.compactMap(\.finding) + unnamed(evidence)
      + counted.compactMap(\.finding)
      + guests.filter { !known.contains($0) }.flatMap { try alone(evidence, $0) }
  }

  // MARK: A host that is a guest itself

  /// A host whose own CPU time is stolen is a virtual machine: what its guests wait for lies below it, too.
  private func nested(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.nestedSQL("1")).compactMap { row in
      guard let host = row.text("machine"), let stolen = row.number("stolen_pct"),
        let samples = row.integer("samples"), let tool = row.text("tool"),
        stolen >= evidence.value(of: warning)
      else { return nil }
      return Finding(
        code, stolen >= evidence.value(of: critical) ? .critical : .warning, guest: nil,
        sentence: Printable.text(
          "Of host \(host)'s own CPU time \(Quantity.decimal(stolen, digits: 1)) % was stolen, by \(tool) "
            + "(\(Quantity.count(samples, "sample"))). It is a virtual machine itself, and waited for a CPU of the machine "
            + "below it."),
        confidence: .medium,
        because:
          "Only a virtual machine counts stolen time. Its guests waited meanwhile, which neither they nor this host's "
          + "scheduler trace show.",
        evidenceSQL: Self.nestedSQL("machine = \(Evidence.literal(host))"),
        nextStep: "Ask whoever runs the machine below it; record there as on a host of this guest.")
    }
  }

  /// Per host and tool the mean of the samples, of `/proc/stat` over all CPUs.
  private static func nestedSQL(_ condition: String) -> String {
    """
    WITH reading AS (
      SELECT machine, wall_ns, 100.0 * sum(CASE WHEN counter = 'steal' THEN delta END) / sum(delta) AS stolen_pct
      FROM counter_value JOIN source USING (source_id, machine)
      WHERE source.layer = 'host' AND tool = 'proc-stat' AND kind = 'cpu' AND unit = 'ticks'
        AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
        AND interval_ns > 0
      GROUP BY machine, source_id, wall_ns
      HAVING max(is_reset) = 0 AND max(is_step_back AND counter <> 'iowait') = 0 AND sum(delta) > 0),
    host AS (
      SELECT machine, 'st of vmstat' AS tool, count(*) AS samples, avg(st) AS stolen_pct
      FROM vm_counter WHERE layer = 'host' AND st IS NOT NULL GROUP BY machine
      UNION ALL
      SELECT machine, '/proc/stat', count(*), avg(stolen_pct) FROM reading GROUP BY machine)
    SELECT machine, tool, samples, stolen_pct FROM (
      SELECT *, row_number() OVER (PARTITION BY machine ORDER BY samples DESC, tool) AS place FROM host
      WHERE stolen_pct IS NOT NULL)
    WHERE place = 1 AND \(condition) ORDER BY machine
    """
  }

  // MARK: With the host's scheduler trace

  /// The longest trace of each guest's vCPUs, with what the guest itself said.
  private func sql(_ guest: String, _ evidence: Evidence) -> String {
    let isMuch = """
      EXISTS (SELECT 1 FROM thread_wait JOIN source USING (source_id)
        WHERE role = 'vcpu' AND guest = \(Evidence.literal(guest)) AND last_ns > first_ns GROUP BY source_id
        HAVING 100.0 * sum(wait_ns) >= \(Evidence.number(evidence.value(of: warning)))
          * count(DISTINCT coalesce(vcpu, -tid)) * (last_ns - first_ns))
      """
    let held = """
      SELECT sum(culprit.wait_ns) FROM culprit
      WHERE culprit.victim_guest = waits.guest AND culprit.victim_role = 'vcpu' AND culprit.source_id = waits.source_id
      """
    let isRecorder = "class = 'host' AND culprit_comm IN (\(NoisyCPUNeighbour.recorders))"
    return """
      WITH io_wait AS MATERIALIZED (\(evidence.ioWaits(of: guest, where: isMuch)))
      SELECT *, 100.0 * others_ns / (vcpus * span_ns) AS others_pct,
        100.0 * io_wait_ns * others_ns / waited_ns / nullif(io_block_ns, 0) AS io_lost_pct
      FROM (
      SELECT waits.*, 100.0 * waited_ns / (waits.vcpus * span_ns) AS waited_pct,
        100.0 * ran_ns / (waits.vcpus * span_ns) AS ran_pct,
        said.guest_reported_pct, said.guest_busy_pct, said.guest_counted_pct, said.guest_stolen_pct,
        said.tool, said.agrees, said.tolerance_pct, said.host_measured_pct,
        100.0 * (\(held) AND class = 'sibling') / waited_ns AS sibling_pct,
        100.0 * (\(held) AND class = 'throttled') / waited_ns AS throttled_pct,
        100.0 * (\(held) AND class = 'kernel') / waited_ns AS kernel_pct,
        100.0 * (\(held) AND \(isRecorder)) / waited_ns AS recorder_pct,
        100.0 * (\(held) AND class IN ('host', 'guest') AND NOT (\(isRecorder))) / waited_ns AS neighbour_pct,
        waited_ns - coalesce((\(held) AND (class = 'sibling' OR \(isRecorder))), 0) AS others_ns,
        (SELECT count(DISTINCT cpu) FROM thread_cpu WHERE thread_cpu.guest = waits.guest
          AND thread_cpu.source_id = waits.source_id AND thread_cpu.role IN \(Evidence.list(ThreadRole.awaited))) AS cpus,
        (SELECT group_concat(role, ', ') FROM (SELECT DISTINCT role FROM thread_cpu WHERE thread_cpu.guest = waits.guest
          AND thread_cpu.source_id = waits.source_id AND role = 'iothread')) AS io_roles
      FROM (
        SELECT thread_wait.guest, thread_wait.source_id, source.lost_events,
          count(DISTINCT coalesce(thread_wait.vcpu, -thread_wait.tid)) AS vcpus,
          sum(thread_wait.wait_ns) AS waited_ns, sum(thread_wait.run_ns) AS ran_ns,
          source.last_ns - source.first_ns AS span_ns
        FROM thread_wait JOIN source USING (source_id)
        WHERE thread_wait.role = 'vcpu' AND thread_wait.guest = \(Evidence.literal(guest))
          AND source.last_ns > source.first_ns
        GROUP BY thread_wait.source_id ORDER BY span_ns DESC, source_id LIMIT 1
      ) AS waits
      LEFT JOIN (
        SELECT * FROM steal_reconciliation WHERE guest = \(Evidence.literal(guest))
        ORDER BY agrees IS NULL, tolerance_pct IS NULL, tolerance_pct, samples DESC, tool LIMIT 1
      ) AS said USING (guest)
      ), io_wait
      """
  }

  private func hosted(_ evidence: Evidence) throws -> [(guest: String, finding: Finding?)] {
    let guests = try evidence.rows(
      """
      SELECT DISTINCT guest FROM thread_wait WHERE role = 'vcpu' AND guest IS NOT NULL ORDER BY guest
      """
    ).compactMap { $0.text("guest") }
    return try guests.map { guest in
      let sql = sql(guest, evidence)
      return (guest, try evidence.rows(sql).first.flatMap { try finding(evidence, guest, $0, sql) })
    }
  }

  private func finding(
    _ evidence: Evidence, _ guest: String, _ row: QueryRow, _ sql: String
  ) throws -> Finding? {
    guard let waited = row.integer("waited_ns"), let share = row.number("waited_pct"),
      let vcpus = row.integer("vcpus"), let span = row.integer("span_ns"),
      share >= evidence.value(of: warning)
    else { return nil }
    let others = row.number("others_pct") ?? share
    let isOwn = row.number("sibling_pct") ?? 0 >= 50
    let cause = try evidence.cause(of: guest, [.cpuNeighbour, .throttle])
    let severity = severity(row, others: others, isCause: cause != nil, evidence)
    var sentence =
      "\(vcpus == 1 ? "Its vCPU" : "Its \(vcpus) vCPUs") waited \(Quantity.seconds(waited)) for a CPU of "
      + "the host, \(Quantity.decimal(share, digits: 1)) % of their time in "
      + "\(Quantity.seconds(span))"
    if severity == .info, isOwn, let cpus = row.integer("cpus"), cpus > 0 {
      sentence =
        "Its \(vcpus == 1 ? "vCPU" : "\(vcpus) vCPUs")\(row.text("io_roles") == nil ? "" : " and I/O threads") share "
        + "\(cpus == 1 ? "1 CPU" : "\(cpus) CPUs") of the host: the vCPU\(vcpus == 1 ? "" : "s") waited "
        + "\(Quantity.seconds(waited)) for one, \(Quantity.decimal(share, digits: 1)) % of their time in "
        + Quantity.seconds(span)
    }
    let counted = row.number("guest_counted_pct")
    if Self.isPossible(counted), let busy = row.number("guest_busy_pct"),
      let said = row.number("guest_reported_pct")
    {
      let (busy, said) = (Quantity.decimal(busy, digits: 1), Quantity.decimal(said, digits: 1))
      if let counted {
        sentence +=
          ". The guest counted \(Quantity.decimal(counted, digits: 1)) % of its time, and shows \(busy) % of that "
          + "as its own work (us + sy) and \(said) % as stolen"
      } else {
        sentence += ". The guest shows \(busy) % of its own work (us + sy) and \(said) % stolen"
      }
    }
    sentence += Self.holders(row)
    let (confidence, because) = Self.trust(row)
    let isQuota = row.number("throttled_pct") ?? 0 >= 50
    return Finding(
      code, severity, guest: guest, sentence: sentence + ".", confidence: confidence,
      because: because + Self.contradiction(counted), evidenceSQL: evidence.proof(sql),
      nextStep: severity == .info
        ? isOwn
          ? "No neighbour: where the guest is short of CPU time, give its vCPUs, iothreads and vhost threads CPUs of their "
            + "own."
          : "Nothing to do for this guest's I/O at this load; 'culprit' has every thread that held the CPUs."
        : isQuota
          ? "Look at the CPU quota of the guest's cgroup (cpu.max, cpu.stat: nr_throttled)."
          : "See the view 'culprit' for who was on the CPUs. Give the vCPUs, iothreads and vhost threads "
            + "CPUs of their own, or move what shares them.",
      extent: try (severity == .info ? evidence.cause(of: guest, [.ownCPU]) : cause)
        ?? evidence.extent(ofTrace: row.integer("source_id")))
  }

  /// By what others held the CPUs: the guest's own threads, and the tools that recorded the capture, are no steal.
  private func severity(
    _ row: QueryRow, others: Double, isCause: Bool, _ evidence: Evidence
  ) -> Finding.Severity {
    guard others >= evidence.value(of: warning) else { return .info }
    guard others < evidence.value(of: critical) else { return .critical }
    let isKnown = row.integer("ios") ?? 0 >= Self.fewest
    let isFelt =
      isCause || !isKnown || others >= evidence.value(of: unfelt)
      || row.number("io_lost_pct") ?? 100 >= evidence.value(of: part)
    return isFelt ? .warning : .info
  }

  /// `. Meanwhile the CPUs were held by the VM's own threads (76.3 %) and the host's kernel (15.3 %)`.
  private static func holders(_ row: QueryRow) -> String {
    func words(_ parts: [(column: String, words: String)], least: Double = 1) -> [String] {
      parts.compactMap { column, words in
        row.number(column).flatMap {
          $0 >= least ? "\(words) (\(Quantity.decimal($0, digits: 1)) %)" : nil
        }
      }
    }
    let held = words([
      ("sibling_pct", "the VM's own threads"), ("neighbour_pct", "other processes or guests"),
      ("kernel_pct", "the host's kernel"), ("recorder_pct", "recording tools"),
    ])
    let idle = words([("throttled_pct", "idle, as under a quota")], least: 10)
    let parts = (held.isEmpty ? [] : ["held by " + list(held)]) + idle
    return parts.isEmpty ? "" : ". Meanwhile the CPUs were " + list(parts)
  }

  /// Whether a guest may have counted such a part of its time.
  private static func isPossible(_ counted: Double?) -> Bool { counted ?? 0 <= 100.1 }

  /// Why the guest's own account is not in the sentence.
  private static func contradiction(_ counted: Double?) -> String {
    guard let counted, !isPossible(counted) else { return "" }
    return
      " The guest's own account is left out, for it contradicts itself: it counted \(Quantity.decimal(counted, digits: 1)) % "
      + "of the time that passed."
  }

  // MARK: With the host's scheduler trace alone

  /// The vCPUs of a host that no file gives to a guest: a trace alone names threads, and mostly no process.
  private func unnamed(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(UnnamedGuest.hosts).compactMap { host in
      guard let machine = host.text("machine") else { return nil }
      let sql = Self.unnamedSQL(machine)
      guard let row = try evidence.rows(sql).first, let waited = row.integer("waited_ns"),
        let share = row.number("waited_pct"), let vcpus = row.integer("vcpus"),
        let span = row.integer("span_ns"), let threads = row.text("threads"),
        share >= evidence.value(of: warning)
      else { return nil }
      let lost = row.integer("lost_events") ?? 0
      let others = row.number("others_pct") ?? share
      let own = row.number("own_of_wait_pct") ?? 0
      return Finding(
        code,
        others >= evidence.value(of: critical)
          ? .critical : others >= evidence.value(of: warning) ? .warning : .info, guest: nil,
        sentence: Printable.text(
          "On \(machine), \(vcpus == 1 ? "1 vCPU" : "\(vcpus) vCPUs") of \(UnnamedGuest.name(row)) waited "
            + "\(Quantity.seconds(waited)) for a CPU, \(Quantity.decimal(share, digits: 1)) % of \(vcpus == 1 ? "its" : "their") time in "
            + "\(Quantity.seconds(span)). By vCPU: \(threads)\(vcpus > Int64(Self.mostThreads) ? ", ..." : "")"
            + (own >= 1
              ? ". For \(Quantity.decimal(own, digits: 1)) % of that time hypervisors' own threads or recording tools held the "
                + "CPUs" : "") + "."
        ),
        confidence: .medium,
        because:
          "Every wait is in the host's scheduler trace; the threads are vCPUs by their names. The guest's own st is not "
          + "there to compare."
          + (lost > 0 ? " \(Quantity.count(lost, "event")) of that trace were lost." : ""),
        evidenceSQL: evidence.proof(sql),
        nextStep:
          "See the view 'culprit' for the threads that had the CPUs. Save 'ps -eLo pid,ppid,tid,psr,comm' and QEMU's reply "
          + "to query-cpus-fast next time: they name the guest.",
        extent: try evidence.cause(of: nil, on: machine, [.cpuNeighbour, .ownCPU, .throttle])
          ?? evidence.extent(ofTrace: row.integer("source_id")))
    }
  }

  /// The maximum of threads whose waits are listed one by one.
  private static let mostThreads = 4

  /// Over the longest trace that has such vCPUs. Of threads that nothing tells apart by their process, those of another
  /// hypervisor may be of the same one.
  private static func unnamedSQL(_ machine: String) -> String {
    """
    WITH own AS (
      SELECT thread_wait.*, source.lost_events, source.last_ns - source.first_ns AS span_ns
      FROM thread_wait JOIN source USING (source_id)
      WHERE thread_wait.role = 'vcpu' AND thread_wait.guest IS NULL
        AND thread_wait.machine = \(Evidence.literal(machine)) AND source.last_ns > source.first_ns),
    longest AS (SELECT source_id FROM own ORDER BY span_ns DESC, source_id LIMIT 1),
    known AS (
      SELECT sum(wait_ns) AS wait_ns FROM culprit
      WHERE victim_role = 'vcpu' AND victim_guest IS NULL AND machine = \(Evidence.literal(machine))
        AND source_id IN longest AND (class = 'sibling' OR class = 'guest' AND culprit_guest IS NULL
          OR class = 'host' AND culprit_comm IN (\(NoisyCPUNeighbour.recorders))))
    SELECT source_id, count(DISTINCT tid) AS vcpus, count(DISTINCT coalesce(vcpu, -tid)) AS numbers,
      sum(wait_ns) AS waited_ns, sum(run_ns) AS ran_ns, span_ns, lost_events,
      100.0 * sum(wait_ns) / (count(DISTINCT tid) * span_ns) AS waited_pct,
      100.0 * (SELECT wait_ns FROM known) / sum(wait_ns) AS own_of_wait_pct,
      100.0 * (sum(wait_ns) - coalesce((SELECT wait_ns FROM known), 0)) / (count(DISTINCT tid) * span_ns) AS others_pct,
      (SELECT group_concat(line, ', ') FROM (
        SELECT printf('%s (%d) %.3f s', comm, tid, sum(wait_ns) / 1e9) AS line FROM own
        WHERE source_id IN longest GROUP BY tid ORDER BY sum(wait_ns) DESC, tid LIMIT \(mostThreads))) AS threads
    FROM own WHERE source_id IN longest GROUP BY source_id
    """
  }

  private static func trust(_ row: QueryRow) -> (Finding.Confidence, String) {
    let lost = row.integer("lost_events") ?? 0
    let doubt =
      lost > 0 ? " \(Quantity.count(lost, "event")) of that trace were lost." : ""
    guard let tool = row.text("tool"), let said = row.number("guest_reported_pct"),
      let measured = row.number("host_measured_pct")
    else {
      return (
        .medium,
        "Every wait is in the host's scheduler trace; the guest's own st is not there to compare."
          + doubt
      )
    }
    let stolen = row.number("guest_stolen_pct")
    let both =
      "the host measured \(Quantity.decimal(measured, digits: 1)) %, the guest's \(tool) says "
      + "\(Quantity.decimal(stolen ?? said, digits: 1)) %"
      + (stolen == nil ? "" : " of the time that passed")
    guard let tolerance = row.number("tolerance_pct") else {
      return (
        .medium,
        "Every wait is in the host's scheduler trace; no clock ties the guest's samples to it, over all "
          + "there is \(both)." + doubt
      )
    }
    let within = "the tolerance of \(Quantity.decimal(tolerance, digits: 1)) points"
    switch row.integer("agrees") {
    case 1? where tolerance >= measured:
      return (
        .medium,
        "Every wait is in the host's scheduler trace. Over the same seconds \(both). Too few samples to "
          + "compare: they are known to \(Quantity.decimal(tolerance, digits: 1)) points only."
          + doubt
      )
    case 1?:
      return (
        lost > 0 ? .medium : .high,
        "Over the same seconds \(both). They agree within \(within)." + doubt
      )
    case nil:
      return (
        .medium,
        "Every wait is in the host's scheduler trace. Over the same seconds \(both) of the time that it "
          + "counted, which may be less than passed: /proc/stat, read twice, would tell." + doubt
      )
    default:
      return (
        .medium,
        "Over the same seconds \(both), which is beyond \(within): the guest may not account for steal, "
          + "or a layer is above its host." + doubt
      )
    }
  }

  // MARK: With the kernel's sums of the host's threads

  /// Each virtual CPU's thread of hosts that have no scheduler trace of them.
  private static let threads = """
    SELECT machine, guest, tid, vcpu, comm, run_ns, wait_ns, span_ns, readings FROM task_wait
    WHERE layer = 'host' AND role = 'vcpu' AND machine NOT IN (
      SELECT machine FROM thread_wait WHERE role = 'vcpu')
    """

  /// The virtual CPUs of guests in the hosts' schedstat; guest nil: the files do not name it.
  private func counted(
    _ evidence: Evidence, _ guests: [String]
  ) throws -> [(guest: String?, finding: Finding?)] {
    let groups = try evidence.rows(
      "SELECT DISTINCT machine, guest FROM (\(Self.threads)) ORDER BY machine, guest")
    return try groups.compactMap { group in
      guard let machine = group.text("machine") else { return nil }
      let named = group.text("guest")
      let place =
        "machine = \(Evidence.literal(machine)) AND guest IS \(named.map(Evidence.literal) ?? "NULL")"
      let sql = """
        SELECT *, 100.0 * wait_ns / span_ns AS waited_pct,
          100.0 * sum(wait_ns) OVER () / sum(span_ns) OVER () AS all_waited_pct,
          100.0 * sum(wait_ns) OVER () / nullif(sum(wait_ns + run_ns) OVER (), 0) AS of_ready_pct,
          count(*) OVER () AS threads, sum(wait_ns) OVER () AS all_waited_ns
        FROM (\(Self.threads)) WHERE \(place) ORDER BY vcpu, tid
        """
      let rows = try evidence.rows(sql)
      // One guest in the files, and one thread for each of its virtual CPUs: whose else.
      let numbers = rows.compactMap { $0.integer("vcpu") }
      let isOne = groups.count == 1 && guests.count == 1 && Set(numbers).count == rows.count
      let guest = named ?? (isOne ? guests[0] : nil)
      return (guest, finding(evidence, guest, rows, sql))
    }
  }

  private func finding(
    _ evidence: Evidence, _ guest: String?, _ rows: [QueryRow], _ sql: String
  ) -> Finding? {
    guard let first = rows.first, let threads = first.integer("threads"),
      let waited = first.integer("all_waited_ns"), let ready = first.number("of_ready_pct")
    else { return nil }
    let share = first.number("all_waited_pct")
    guard share ?? ready >= evidence.value(of: warning) else { return nil }
    let who =
      guest == nil
      ? "\(threads == 1 ? "A vCPU thread" : "\(threads) vCPU threads")"
      : "Its \(threads == 1 ? "vCPU thread" : "\(threads) vCPU threads")"
    let waits = rows.compactMap { $0.integer("wait_ns") }.map(Self.rounded)
    var sentence =
      who + " waited "
      + (rows.count <= Self.mostThreads
        ? Self.list(waits) : Self.rounded(waited) + ", all together,")
    if let share, let span = rows.compactMap({ $0.integer("span_ns") }).max() {
      sentence +=
        " of \(Self.rounded(span)) for a CPU of the host, \(Quantity.decimal(share, digits: 1)) % of "
        + (threads == 1 ? "its time" : "their time")
    } else {
      sentence +=
        " for a CPU of the host, \(Quantity.decimal(ready, digits: 1)) % of the time that they could run"
    }
    let isCritical = share ?? 0 >= evidence.value(of: critical)
    return Finding(
      code, isCritical ? .critical : .warning, guest: guest, sentence: sentence + ".",
      confidence: share == nil ? .low : .medium,
      because: "The kernel's own sums for each thread (schedstat)"
        + (first.text("guest") == nil ? ", recognised as vCPUs by their names" : "")
        + (share == nil
          ? "; without dates, so it is not known in what time" : "")
        + ". They do not show who was on the CPUs.",
      evidenceSQL: sql,
      nextStep:
        "On the host: the perf.data of 'perf sched record -k CLOCK_MONOTONIC -a -- sleep 30' and "
        + "'ps -eLo pid,ppid,tid,psr,comm' show who was on the CPUs.")
  }

  /// Threads of virtual CPUs by the kernel's sums that were read but once: since each was started.
  private func countedOnce(_ evidence: Evidence) throws -> [Finding] {
    let sql = """
      SELECT machine, count(*) AS threads, sum(wait_ns) AS wait_ns,
        100.0 * sum(wait_ns) / nullif(sum(wait_ns + run_ns), 0) AS of_ready_pct
      FROM (
        SELECT machine, object, sum(CASE WHEN counter = 'wait_ns' THEN value END) AS wait_ns,
          sum(CASE WHEN counter = 'run_ns' THEN value END) AS run_ns
        FROM counter_value
        WHERE tool = 'task-schedstat' AND layer = 'host' AND object GLOB '* CPU [0-9]*/KVM*'
          AND value BETWEEN 0 AND 1 << 60
          AND machine NOT IN (SELECT machine FROM thread_wait WHERE role = 'vcpu')
        GROUP BY machine, object HAVING sum(counter = 'wait_ns') = 1)
      GROUP BY machine ORDER BY machine
      """
    return try evidence.rows(sql).compactMap { row in
      guard let machine = row.text("machine"), let threads = row.integer("threads"),
        let waited = row.integer("wait_ns"), let share = row.number("of_ready_pct"),
        share >= evidence.value(of: warning)
      else { return nil }
      return Finding(
        code, .info, guest: nil,
        sentence: Printable.text(
          "Since \(threads == 1 ? "it was" : "they were") started \(threads == 1 ? "a vCPU thread" : "\(threads) vCPU threads") "
            + "on \(machine) waited \(Self.rounded(waited)) for a CPU of the host, \(Quantity.decimal(share, digits: 1)) % of the "
            + "time that \(threads == 1 ? "it" : "they") could run. That was read once, so how much of it fell into the capture is not known."
        ),
        confidence: .low,
        because:
          "The kernel's own sums for each thread (schedstat); an average since its start does not show when it waited.",
        evidenceSQL: sql, nextStep: "On the host: read them again. " + Self.ask)
    }
  }

  private static func rounded(_ time: Int64) -> String {
    Quantity.decimal(Double(time) / 1e9, digits: 1) + " s"
  }

  private static func list(_ parts: [String]) -> String {
    parts.count < 2
      ? parts.joined() : parts.dropLast().joined(separator: ", ") + " and " + (parts.last ?? "")
  }

  // MARK: Without them

  /// What the guest itself says, out of `/proc/stat` where it was read more than once: that tells how much of
  /// the time the guest counted, and so what part of all its time was stolen. Readings in which a counter began
  /// anew or fell, that follow one without all of them, or with more stolen than twice of what passed, are left out.
  private static func aloneSQL(_ guest: String, _ evidence: Evidence) -> String {
    """
    WITH reading AS (
      SELECT source_id, object, wall_ns, interval_ns, 1e7 * sum(delta) AS counted_ns,
        1e7 * sum(CASE WHEN counter = 'steal' THEN delta END) AS stolen_ns
      FROM \(evidence.from(.counterValue))
      WHERE machine = \(Evidence.literal(guest)) AND tool = 'proc-stat' AND kind = 'cpu' AND unit = 'ticks'
        AND counter IN ('user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal')
        AND interval_ns > 0 AND object NOT LIKE '%(%'
      GROUP BY source_id, object, wall_ns
      HAVING max(is_reset) = 0 AND max(is_step_back AND counter <> 'iowait') = 0
        AND min(interval_ns) = max(interval_ns) AND stolen_ns <= 1e9 + 2 * interval_ns),
    stat AS (
      SELECT count(DISTINCT wall_ns) + 1 AS readings,
        100.0 * sum(counted_ns) / sum(interval_ns) AS counted_pct,
        100.0 * sum(stolen_ns) / sum(interval_ns) AS stolen_pct
      FROM reading GROUP BY source_id HAVING stolen_pct IS NOT NULL
      ORDER BY readings DESC, source_id LIMIT 1)
    SELECT guest, count(*) AS samples, avg(guest_reported_pct) AS reported_pct,
      max(guest_reported_pct) AS most_pct, avg(guest_busy_pct) AS busy_pct,
      (SELECT stolen_pct FROM stat) AS stolen_pct, (SELECT counted_pct FROM stat) AS counted_pct,
      (SELECT readings FROM stat) AS readings
    FROM \(evidence.from(.steal))
    WHERE guest = \(Evidence.literal(guest)) AND guest_reported_pct IS NOT NULL GROUP BY guest
    """
  }

  /// `/proc/stat` or `vmstat -s` of a guest, read once: what it counted since it was started.
  private static func onceSQL(_ guest: String) -> String {
    """
    SELECT object, 100.0 * sum(CASE WHEN counter IN ('steal', 'stolen cpu ticks') THEN value END)
        / nullif(sum(value), 0) AS stolen_pct,
      sum(value) / 100.0 AS counted_s
    FROM counter_value
    WHERE machine = \(Evidence.literal(guest)) AND tool IN ('proc-stat', 'vmstat -s')
      AND kind = 'machine' AND unit = 'ticks' AND counter NOT LIKE '%guest%'
    GROUP BY source_id, line, object HAVING stolen_pct IS NOT NULL
    ORDER BY wall_ns DESC, source_id DESC, line DESC LIMIT 1
    """
  }

  /// What the guest's vmstat said of all the time since it was started, where it said nothing else.
  private static func averageSQL(_ guest: String) -> String {
    """
    SELECT st AS stolen_pct FROM vmstat_sample AS sample
    JOIN source_file USING (source_id) JOIN machine USING (machine_id)
    WHERE machine.name = \(Evidence.literal(guest)) AND since_boot = 1 AND st IS NOT NULL
    ORDER BY sample.source_id DESC, ordinal DESC LIMIT 1
    """
  }

  /// The file has no reading of the time of the capture.
  private func unknown(_ evidence: Evidence, _ guest: String) throws -> Finding {
    let once = Self.onceSQL(guest)
    if let row = try evidence.rows(once).first, let stolen = row.number("stolen_pct") {
      // Another machine's reading in the same file: `=== web2 ===`.
      let whose = row.text("object").map { $0.isEmpty ? "" : " " + $0 } ?? ""
      return Finding(
        code, .info, guest: guest,
        sentence: Printable.text(
          "Since it was started the guest\(whose) counted \(Quantity.decimal(stolen, digits: 1)) % of its CPU time as "
            + "stolen. That was read once, so how much of it fell into the capture is not known."),
        confidence: .low, because: "An average since boot does not show when the guest waited.",
        evidenceSQL: once, nextStep: "In the guest: read /proc/stat again. " + Self.ask)
    }
    let average = Self.averageSQL(guest)
    if let stolen = try evidence.rows(average).first?.number("stolen_pct"),
      stolen >= evidence.value(of: warning)
    {
      return Finding(
        code, .info, guest: guest,
        sentence:
          "Since it was started the guest counted \(Quantity.decimal(stolen, digits: 0)) % of its CPU time as "
          + "stolen, by the first row of vmstat, which averages since boot. How much of it fell into the capture is not known.",
        confidence: .low, because: "An average since boot does not show when the guest waited.",
        evidenceSQL: average, nextStep: "In the guest: 'vmstat -t 1'. " + Self.ask)
    }
    let columns = """
      SELECT count(*) AS samples FROM vm_counter
      WHERE machine = \(Evidence.literal(guest)) AND st IS NULL
      """
    if try evidence.rows(UnnamedGuest.hosts).isEmpty,
      try evidence.rows(columns).first?.integer("samples") ?? 0 > 0
    {
      return Finding(
        code, .info, guest: guest,
        sentence:
          "Whether its vCPUs waited for a CPU of the host: the host's scheduler trace is missing, and the "
          + "guest's vmstat has no column st.",
        confidence: .none, because: "The input is missing.", evidenceSQL: columns,
        nextStep: Self.ask
          + " In the guest: a vmstat of procps 3 or newer, or read /proc/stat twice.")
    }
    let boot = """
      SELECT sum(problem.count) AS since_boot FROM problem JOIN source USING (source_id)
      WHERE machine = \(Evidence.literal(guest)) AND kind = 'since_boot_row'
      """
    let isAverage = try evidence.rows(boot).first?.integer("since_boot") != nil
    let isTraced = try !evidence.rows(UnnamedGuest.hosts).isEmpty
    return Finding(
      code, .info, guest: guest,
      sentence: isTraced
        ? "Whether its vCPUs waited for a CPU of the host: which threads of the host's scheduler trace are its vCPUs no "
          + "file says, and the guest's st is not there."
        : "Whether its vCPUs waited for a CPU of the host: there is "
          + (isAverage
            ? "no scheduler trace of the host, and of the guest's vmstat only the average since boot."
            : "neither the host's scheduler trace nor the guest's st."),
      confidence: .none, because: "The input is missing.",
      evidenceSQL: isAverage ? boot : "SELECT * FROM source",
      nextStep: Self.ask + " In the guest: 'vmstat -t 1'.")
  }

  private func alone(_ evidence: Evidence, _ guest: String) throws -> [Finding] {
    let sql = Self.aloneSQL(guest, evidence)
    guard let row = try evidence.rows(sql).first, let samples = row.integer("samples"),
      let reported = row.number("reported_pct"), let most = row.number("most_pct")
    else {
      guard evidence.window == nil else {
        return [
          Finding(
            code, .info, guest: guest,
            sentence:
              "Whether its vCPUs waited for a CPU of the host in this part of the capture: neither the host's scheduler "
              + "trace nor a second of the guest's st lies in it.",
            confidence: .none, because: "The input is missing.", evidenceSQL: sql,
            nextStep: Self.ask)
        ]
      }
      return [try unknown(evidence, guest)]
    }
    let stolen = row.number("stolen_pct")
    guard stolen ?? reported >= evidence.value(of: warning) else {
      return [
        Finding(
          code, .info, guest: guest,
          sentence:
            "What its vCPUs waited for a CPU of the host is not measured; the guest's own st does not "
            + "show much.",
          confidence: .none, because: "The host's scheduler trace is missing.", evidenceSQL: sql,
          nextStep: Self.ask)
      ]
    }
    let shown =
      "\(Quantity.decimal(reported, digits: 1)) % stolen on average of \(Quantity.count(samples)) sample"
      + (samples == 1 ? ", " : "s, ") + "\(Quantity.decimal(most, digits: 1)) % at most"
    let busy =
      row.number("busy_pct").map {
        ". Its own work (us + sy) is \(Quantity.decimal($0, digits: 1)) %"
      } ?? ""
    guard let stolen, let counted = row.number("counted_pct"),
      let readings = row.integer("readings")
    else {
      // It cannot be critical: how much of all time that is, nobody knows.
      return [
        Finding(
          code, .warning, guest: guest,
          sentence: "Of the time that it counted, the guest shows \(shown)\(busy).",
          confidence: .low,
          because:
            "The guest's own account, of the time that it counted. A guest whose ticks come late counts less "
            + "than passes, so this may be too much. Who was on the CPU only the host knows.",
          evidenceSQL: sql, nextStep: try Self.again(evidence, guest) + Self.ask)
      ]
    }
    return [
      Finding(
        code, stolen >= evidence.value(of: critical) ? .critical : .warning, guest: guest,
        sentence:
          "By /proc/stat, read \(Quantity.count(readings, "time")), \(Quantity.decimal(stolen, digits: 1)) % of "
          + "the guest's CPU time was stolen. "
          + (Self.isPossible(counted)
            ? "It counted \(Quantity.decimal(counted, digits: 1)) % of the time that passed, and of that it shows "
              + "\(shown)\(busy)."
            : "It shows \(shown)\(busy)."),
        confidence: Self.isPossible(counted) ? .medium : .low,
        because: "The guest's own account; who was on the CPU only the host knows."
          + (Self.isPossible(counted)
            ? ""
            : " It contradicts itself: it counted \(Quantity.decimal(counted, digits: 1)) % of the time that passed."),
        evidenceSQL: sql,
        nextStep: Self.ask)
    ]
  }

  /// The files that show how much time the guest counted.
  private static func again(_ evidence: Evidence, _ guest: String) throws -> String {
    let row = try evidence.rows(
      """
      SELECT count(*) AS files FROM source
      WHERE machine = \(Evidence.literal(guest)) AND format = 'proc-stat' AND refused = 0
      """
    ).first
    return row?.integer("files") ?? 0 == 0
      ? "In the guest: read /proc/stat twice. "
      : "In the guest: read /proc/stat twice, each time with the date before it (date +%s.%N). "
  }

  private static let ask =
    "On the host (ask the provider): the perf.data of 'perf sched record -k CLOCK_MONOTONIC -a -- sleep 30' and "
    + "'ps -eLo pid,ppid,tid,psr,comm'."
}

/// The threads of hypervisors that no file gives to a guest.
enum UnnamedGuest {
  /// The hosts on which such a vCPU was traced. Beside a guest of the incident, others are its neighbours.
  static let hosts = """
    SELECT DISTINCT machine FROM thread_wait WHERE role = 'vcpu' AND guest IS NULL
      AND machine NOT IN (SELECT machine FROM thread_wait WHERE role = 'vcpu'
        AND guest IN (SELECT machine FROM source WHERE layer = 'guest'))
    ORDER BY machine
    """

  /// How a sentence calls it, by its number of vCPUs and of different numbers of those: two with the number 0 are not
  /// of one guest.
  static func name(_ row: QueryRow) -> String {
    row.integer("numbers") == row.integer("vcpus")
      ? "a guest that no file names" : "guests that no file names"
  }
}
