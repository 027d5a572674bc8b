internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A machine's counters show that its CPUs were busy.
  static let cpuSaturated = Finding.Code("CPU_SATURATED")
}

/// For some time a machine's CPUs, or one of them, were hardly ever idle, by its counters. Where a scheduler trace of the
/// machine is there, that says it better, and by whom.
struct CPUSaturated: Rule {
  let code = Finding.Code.cpuSaturated
  let topic = Topic.cpus
  let about = Subject.cause(
    Suspect(
      .contention, "saturated CPUs",
      without: "the counters of CPUs over time",
      "SELECT 1 FROM cpu_counter"))
  private let limit = Threshold(
    "cpu-saturated", 90, "%",
    "time in which CPUs ran programs or were stolen, from which on they are saturated")
  private let change = Threshold(
    "cpu-change", 15, "%", "by how much less they did otherwise at least, of their time")
  var thresholds: [Threshold] { [limit, change] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil else { return [] }
    return try CounterStretch.machines(evidence, without: "thread_wait").compactMap { machine in
      let rows = CounterStretch.series(
        try evidence.rows(
          "SELECT * FROM cpu_counter WHERE machine = \(Evidence.literal(machine.name)) "
            + "ORDER BY cpu, wall_ns, source_id, line"))
      // What the kernel counted is better than what a tool printed of it, and each CPU better than all together.
      let tools = Set(rows.compactMap { $0.text("tool") })
      guard
        let tool = ["proc-stat", "mpstat", "sar", "vmstat", "top", "iostat"].first(
          where: tools.contains)
      else { return nil }
      let own = rows.filter { $0.text("tool") == tool }
      let series = Dictionary(grouping: own) { $0.text("cpu") ?? "" }.mapValues { own in
        own.map {
          CounterStretch.Reading($0, ["busy_pct", "iowait_pct", "steal_pct", "run_queue"])
        }
      }
      let all = series[""].flatMap { stretch($0, evidence) }
      let alone = series.filter { !$0.key.isEmpty }.compactMapValues { stretch($0, evidence) }
      guard let first = all ?? alone.values.max(by: { $0.range.count < $1.range.count }) else {
        return nil
      }
      let cpus =
        all == nil
        ? alone.filter { $0.value.range.overlaps(first.range) }.keys
          .sorted { ($0.count, $0) < ($1.count, $1) } : []
      return try finding(
        first, cpus, evidence, machine, tool: tool,
        isUTC: own.allSatisfy { $0.integer("utc_offset_s") != nil })
    }
  }

  private func stretch(
    _ readings: [CounterStretch.Reading], _ evidence: Evidence
  ) -> CounterStretch? {
    let least = evidence.value(of: limit)
    let stretch = CounterStretch(readings) {
      ($0["busy_pct"] ?? 0) + ($0["steal_pct"] ?? 0) >= least && ($0["busy_pct"] ?? 0) >= least / 2
    }
    guard let stretch, let own = stretch.mean("busy_pct", within: true),
      let other = stretch.mean("busy_pct", within: false),
      own - other >= evidence.value(of: change)
    else { return nil }
    return stretch
  }

  private func finding(
    _ busy: CounterStretch, _ cpus: [String], _ evidence: Evidence,
    _ machine: CounterStretch.Machine,
    tool: String, isUTC: Bool
  ) throws -> Finding? {
    let isGuest = machine.isGuest
    let own = "machine = \(Evidence.literal(machine.name)) AND tool = \(Evidence.literal(tool))"
    guard let condition = busy.condition, let used = busy.mean("busy_pct", within: true),
      let other = busy.mean("busy_pct", within: false)
    else { return nil }
    let sql = """
      SELECT cpu, \(condition) AS is_busy, count(*) AS readings, avg(busy_pct) AS busy_pct, avg(steal_pct) AS steal_pct,
        avg(run_queue) AS run_queue
      FROM cpu_counter WHERE \(own) GROUP BY cpu, is_busy ORDER BY cpu, is_busy
      """
    let what =
      cpus.isEmpty
      ? "its CPUs"
      : cpus.count == 1 ? "CPU \(cpus[0])" : "CPUs \(cpus.prefix(8).joined(separator: ", "))"
    var sentence =
      "\(isGuest ? "The guest" : machine.name): \(what) ran for \(Quantity.decimal(used, digits: 1)) % of the time "
      + "\(busy.words(isUTC: isUTC)), otherwise for \(Quantity.decimal(other, digits: 1)) %."
    if let queue = busy.mean("run_queue", within: true) {
      sentence += " \(Quantity.decimal(queue, digits: 1)) tasks ran or waited for a CPU on average."
    }
    var because =
      "Counters are means over intervals. They tell which CPUs were used, and not by which thread."
    if let user = try busy.process(evidence, of: machine.name, by: ["pidstat", "top"], "%CPU"),
      user.inside >= 10
    {
      because +=
        " By \(user.tool), process \(Printable.text(user.name)) used \(Quantity.decimal(user.inside / 100, digits: 2)) CPUs, otherwise "
        + "\(Quantity.decimal(user.outside / 100, digits: 2))."
    }
    if let wait = try pressure(evidence, machine.name, condition) {
      because +=
        " Some thread waited for a CPU in \(Quantity.decimal(wait, digits: 1)) % of that time."
    }
    return Finding(
      code, .warning, guest: isGuest ? machine.name : nil, sentence: Printable.text(sentence),
      confidence: .low,
      because: because,
      evidenceSQL: sql,
      nextStep: isGuest
        ? "See which process of the guest runs (pidstat -u 1, top -b), and whether its virtual CPUs suffice."
        : "See which thread runs there (pidstat -t 1, top -H), and record the scheduler ('hiddenq capture host').",
      extent: try busy.extent(evidence, of: machine.name))
  }

  /// The part of that time in which some thread waited for a CPU (PSI), in %; nil where no file tells.
  private func pressure(
    _ evidence: Evidence, _ machine: String, _ condition: String
  ) throws -> Double? {
    try evidence.rows(
      """
      SELECT 100.0 * sum(delta) / nullif(sum(interval_ns), 0) AS waited_pct FROM counter_value
      WHERE machine = \(Evidence.literal(machine)) AND tool = 'pressure' AND object = 'cpu some' AND counter = 'total'
        AND interval_ns > 0 AND delta >= 0 AND \(condition)
      """
    ).first?.number("waited_pct")
  }
}
