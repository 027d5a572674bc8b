internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A limit in a VM's settings held its virtual CPUs back.
  static let cpuLimit = Finding.Code("CPU_LIMIT")
  /// A VM's virtual CPUs waited for each other.
  static let coStop = Finding.Code("CO_STOP")
}

/// A VM's virtual CPUs on ESXi were ready to run and did not: by `%RDY` and `%CSTP` of their worlds, without what a limit
/// in the VM's settings holds back. Sums of a VM hold its helper processes, too, and are not used.
struct EsxReady: Rule {
  let code = Finding.Code.stealHidden
  let topic = Topic.cpus
  let about = StealHidden().about
  /// KB 387750 and esxtop's users name 5 to 10 % of each virtual CPU.
  private let warning = Threshold(
    "esx-ready", 5, "%",
    "part of its virtual CPUs' time that a VM on ESXi was ready (%RDY without %MLMTD) or held back (%CSTP), from which "
      + "on it warns")
  private let critical = Threshold(
    "esx-ready-critical", 25, "%", "the same, from which on it is critical")
  var thresholds: [Threshold] { [warning, critical] }

  /// Rows at least.
  static let least = 3

  /// With a neighbour that is named it is the same from the guest's side.
  func follows(_: Finding) -> [Precursor] { [Precursor(.noisyCPUNeighbour)] }

  /// Who waits for CPUs, row by row: what others had, and what a limit held back.
  static func waits(
    _ evidence: Evidence, _ body: (EsxSeries) throws -> [Finding]
  ) throws -> [Finding] {
    try EsxSeries.flatMap(
      evidence, "esx_vm", by: "vm",
      [
        "ready_pct", "costop_pct", "limited_pct", "run_pct",
        "ready_pct - coalesce(limited_pct, 0) + coalesce(costop_pct, 0) AS held_pct",
        "max(0, ready_pct - coalesce(limited_pct, 0)) AS contended_pct",
      ], where: "vcpus > 0", body)
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: warning)
    return try Self.waits(evidence) { vm in
      try vm.stretches(least: Self.least) { $0["held_pct"] ?? 0 >= limit }.compactMap {
        try finding(evidence, vm, $0)
      }
    }
  }

  private func finding(
    _ evidence: Evidence, _ vm: EsxSeries, _ stretch: CounterStretch
  ) throws -> Finding? {
    let sql = """
      SELECT vm, \(vm.condition(stretch)) AS is_within, count(*) AS rows, max(vcpus) AS vcpus,
        avg(max(0, ready_pct - coalesce(limited_pct, 0))) AS contended_pct, avg(costop_pct) AS costop_pct,
        avg(ready_pct) AS ready_pct, avg(limited_pct) AS limited_pct, avg(run_pct) AS run_pct
      FROM esx_vm WHERE machine = \(Evidence.literal(vm.host)) AND vm = \(Evidence.literal(vm.name))
        AND source_id = \(vm.source) GROUP BY is_within ORDER BY is_within DESC
      """
    let rows = try evidence.rows(sql)
    guard let own = rows.first, let contended = own.number("contended_pct") else { return nil }
    let other = rows.count > 1 ? rows[1] : nil
    let held = contended + (own.number("costop_pct") ?? 0)
    let vcpus = own.integer("vcpus") ?? 1
    var sentence =
      "\(vm.name): its \(vcpus == 1 ? "virtual CPU was" : "\(vcpus) virtual CPUs were each") ready to run without a CPU of "
      + "\(vm.host) for \(EsxSeries.number(contended)) % of the time (%RDY"
      + ((own.number("limited_pct") ?? 0) >= 0.05 ? " without %MLMTD" : "")
      + ") \(vm.words(stretch))\(EsxSeries.otherwise(other?.number("contended_pct"), " %"))."
    if let costop = own.number("costop_pct"), costop >= 0.1 {
      sentence +=
        " For another \(EsxSeries.number(costop)) % they were held back for each other (%CSTP)."
    }
    return Finding(
      code, held >= evidence.value(of: critical) ? .critical : .warning, guest: vm.name,
      sentence: Printable.text(sentence), confidence: .medium,
      because:
        "ESXi's own account of each virtual CPU, as means over the rows. A guest sees none of it as steal unless its VM "
        + "has stealclock.enable = TRUE.",
      evidenceSQL: sql,
      nextStep:
        "See which VM used the CPUs meanwhile (NOISY_CPU_NEIGHBOUR). Give this VM shares or a reservation, fewer virtual "
        + "CPUs, or another host.",
      extent: try stretch.extent(evidence, of: vm.host))
  }
}

/// Another VM or a service of the ESXi host used more CPU time while a VM's virtual CPUs waited.
struct EsxCPUNeighbour: Rule {
  let code = Finding.Code.noisyCPUNeighbour
  let topic = Topic.cpus
  let about = NoisyCPUNeighbour().about
  private let waited = Threshold(
    "esx-neighbour-ready", 5, "%",
    "part of its virtual CPUs' time that a VM on ESXi waited for CPUs that others had, from which on a neighbour is "
      + "looked for")
  private let grown = Threshold(
    "esx-neighbour-cpu", 10, "%",
    "of a CPU that a neighbour on ESXi used more meanwhile, at least")
  var thresholds: [Threshold] { [waited, grown] }

  private static let most = 3

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: waited)
    return try EsxReady.waits(evidence) { vm -> [Finding] in
      let stretches = vm.stretches(least: EsxReady.least) { $0["contended_pct"] ?? 0 >= limit }
      return try stretches.compactMap { try finding(evidence, vm, $0, among: stretches) }
    }
  }

  /// Rows beside which others are quiet: those in which the VM waited for less than a third of the limit.
  private func finding(
    _ evidence: Evidence, _ vm: EsxSeries, _ stretch: CounterStretch, among all: [CounterStretch]
  ) throws -> Finding? {
    let own = "machine = \(Evidence.literal(vm.host))"
    let quiet = """
      source_id = \(vm.source) AND line IN (SELECT line FROM esx_vm WHERE \(own) AND source_id = \(vm.source)
        AND vm = \(Evidence.literal(vm.name)) AND 3 * (ready_pct - coalesce(limited_pct, 0))
          < \(Evidence.number(evidence.value(of: waited))))
      """
    let sql = """
      SELECT name, kind, avg(CASE WHEN \(vm.condition(stretch)) THEN used_pct END) AS beside_pct,
        avg(CASE WHEN \(quiet) THEN used_pct END) AS otherwise_pct
      FROM esx_user
      WHERE \(own) AND source_id = \(vm.source) AND vm IS NOT \(Evidence.literal(vm.name)) AND name NOT LIKE 'idle (%'
      GROUP BY name, kind
      HAVING beside_pct - otherwise_pct >= \(Evidence.number(evidence.value(of: grown)))
      ORDER BY beside_pct - otherwise_pct DESC LIMIT \(Self.most)
      """
    let all = try evidence.rows(sql)
    func growth(_ row: QueryRow) -> Double {
      (row.number("beside_pct") ?? 0) - (row.number("otherwise_pct") ?? 0)
    }
    guard let first = all.first, let name = first.text("name"),
      // One that itself took more than all others together waits because of what it does.
      try all.map(growth).reduce(0, +) > self.growth(of: vm, stretch, quiet, evidence)
    else { return nil }
    let users = all.filter { 3 * growth($0) >= growth(first) }
    let words = users.compactMap { row -> String? in
      guard let name = row.text("name"), let beside = row.number("beside_pct"),
        let other = row.number("otherwise_pct")
      else { return nil }
      let kind = row.text("kind") == "service" ? "the host's service \(name)" : name
      return
        "\(kind) used \(EsxSeries.number(beside)) % of a CPU, otherwise \(EsxSeries.number(other)) %"
    }
    let contended = stretch.mean("contended_pct", within: true) ?? 0
    return Finding(
      code, .warning, guest: vm.name,
      sentence: Printable.text(
        "While \(vm.name)'s virtual CPUs waited for a CPU of \(vm.host) for \(EsxSeries.number(contended)) % of the time "
          + "(%RDY), \(words.joined(separator: "; "))" + ": \(vm.words(stretch))."),
      confidence: .low,
      because: try because(evidence, vm, stretch, neighbour: name),
      evidenceSQL: sql,
      nextStep:
        "Move one of the two to another host, or give \(vm.name) more shares or a reservation. Where the host is not full, "
        + "look at the affinity and the CPU limit of \(vm.name) first. A change of load of \(name) proves it.",
      extent: try stretch.extent(evidence, of: vm.host))
  }

  /// By how much more the VM itself used the CPUs, in % of one.
  private func growth(
    of vm: EsxSeries, _ stretch: CounterStretch, _ quiet: String, _ evidence: Evidence
  ) throws -> Double {
    try evidence.rows(
      """
      SELECT avg(CASE WHEN \(vm.condition(stretch)) THEN used_pct END)
        - avg(CASE WHEN \(quiet) THEN used_pct END) AS growth
      FROM esx_vm WHERE machine = \(Evidence.literal(vm.host)) AND vm = \(Evidence.literal(vm.name))
      """
    ).first?.number("growth") ?? 0
  }

  /// An association in time, and what else the rows say for or against it.
  private func because(
    _ evidence: Evidence, _ vm: EsxSeries, _ stretch: CounterStretch, neighbour: String
  ) throws -> String {
    var text =
      "Both changed in the same rows; esxtop does not say who was on a CPU while another waited."
    let own = "machine = \(Evidence.literal(vm.host)) AND \(vm.condition(stretch))"
    if let util = try evidence.rows("SELECT avg(util_pct) AS util_pct FROM esx_host WHERE \(own)")
      .first?.number("util_pct"), util < 80
    {
      text +=
        " The host's CPUs were busy for \(EsxSeries.number(util)) % of the time on average, so it was not full: "
        + "affinity or a limit may have kept \(vm.name) on a few of them."
    }
    let shared = try evidence.rows(
      """
      SELECT count(*) AS rows, sum(EXISTS (SELECT 1 FROM esx_vcpu AS own WHERE own.source_id = other.source_id
        AND own.line = other.line AND own.vm = \(Evidence.literal(vm.name))
        AND own.physical_cpu = other.physical_cpu)) AS shared
      FROM esx_vcpu AS other WHERE other.machine = \(Evidence.literal(vm.host)) AND vm = \(Evidence.literal(neighbour))
        AND physical_cpu IS NOT NULL AND \(vm.condition(stretch))
      """
    ).first
    if let rows = shared?.integer("rows"), rows > 0, let same = shared?.integer("shared") {
      text += " At the end of \(same) of \(rows) rows both had run last on the same CPU."
    }
    return text
  }
}

/// A limit in a VM's settings held its virtual CPUs back, by `%MLMTD`: a setting, and no neighbour.
struct CPULimit: Rule {
  let code = Finding.Code.cpuLimit
  let topic = Topic.hypervisor
  let about = Subject.cause(
    Suspect(
      .contention, "a CPU limit", causes: [.throttle], without: "esxtop of an ESXi host",
      isMissed: false,
      EsxSeries.judged))
  /// The usual lists warn from 0 to 2 %.
  private let warning = Threshold(
    "esx-limited", 1, "%",
    "part of its virtual CPUs' time that a limit held a VM on ESXi back (%MLMTD), from which on it warns"
  )
  var thresholds: [Threshold] { [warning] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: warning)
    return try EsxReady.waits(evidence) { vm -> [Finding] in
      try vm.stretches(least: EsxReady.least) { $0["limited_pct"] ?? 0 >= limit }.compactMap {
        stretch in
        guard let own = stretch.mean("limited_pct", within: true),
          let ready = stretch.mean("ready_pct", within: true)
        else { return nil }
        let sql = EsxWaits.sql(vm, stretch, ["limited_pct", "ready_pct", "run_pct"])
        return Finding(
          code, .warning, guest: vm.name,
          sentence: Printable.text(
            "\(vm.name): a limit in its settings held its virtual CPUs back for \(EsxSeries.number(own)) % of the time "
              + "(%MLMTD) \(vm.words(stretch))"
              + "\(EsxSeries.otherwise(stretch.mean("limited_pct", within: false), " %")). "
              + "That is part of its ready time (%RDY) of \(EsxSeries.number(ready)) %, and no neighbour's doing."
          ),
          confidence: .medium,
          because: "ESXi's own account of each virtual CPU, as means over the rows.",
          evidenceSQL: sql,
          nextStep:
            "Raise or remove the CPU limit of the VM or of its resource pool (sched.cpu.max), if it is not meant.",
          extent: try stretch.extent(evidence, of: vm.host))
      }
    }
  }
}

/// A VM's virtual CPUs were held back until the others of the VM caught up, by `%CSTP`.
struct CoStop: Rule {
  let code = Finding.Code.coStop
  let topic = Topic.hypervisor
  let about = Subject.cause(
    Suspect(
      .contention, "co-stop", without: "esxtop of an ESXi host", isMissed: false,
      EsxSeries.judged))
  /// 3 % in all the usual lists.
  private let warning = Threshold(
    "esx-costop", 3, "%",
    "part of its virtual CPUs' time that a VM on ESXi was held back for its other virtual CPUs (%CSTP), from which on it "
      + "warns")
  var thresholds: [Threshold] { [warning] }

  /// A virtual CPU falls behind the others because it waits.
  func follows(_: Finding) -> [Precursor] {
    [Precursor(.noisyCPUNeighbour), Precursor(.hostSwap), Precursor(.stealHidden)]
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: warning)
    return try EsxReady.waits(evidence) { vm -> [Finding] in
      try vm.stretches(least: EsxReady.least) { $0["costop_pct"] ?? 0 >= limit }.compactMap {
        stretch in
        guard let own = stretch.mean("costop_pct", within: true) else { return nil }
        return Finding(
          code, .warning, guest: vm.name,
          sentence: Printable.text(
            "\(vm.name): its virtual CPUs were held back for each other for \(EsxSeries.number(own)) % of the time (%CSTP) "
              + "\(vm.words(stretch))"
              + "\(EsxSeries.otherwise(stretch.mean("costop_pct", within: false), " %"))."),
          confidence: .medium,
          because: "ESXi's own account of each virtual CPU, as means over the rows.",
          evidenceSQL: EsxWaits.sql(vm, stretch, ["costop_pct", "ready_pct", "vcpus"]),
          nextStep:
            "Give the VM no more virtual CPUs than it uses, and remove what makes one of them wait: ready time, swapping, "
            + "snapshots.",
          extent: try stretch.extent(evidence, of: vm.host))
      }
    }
  }
}

/// What proves a finding about a VM's own columns.
enum EsxWaits {
  static func sql(_ vm: EsxSeries, _ stretch: CounterStretch, _ columns: [String]) -> String {
    """
    SELECT vm, \(vm.condition(stretch)) AS is_within, count(*) AS rows,
      \(columns.map { "avg(\($0)) AS \($0)" }.joined(separator: ", "))
    FROM esx_vm WHERE machine = \(Evidence.literal(vm.host)) AND vm = \(Evidence.literal(vm.name))
      AND source_id = \(vm.source) GROUP BY is_within ORDER BY is_within DESC
    """
  }
}
