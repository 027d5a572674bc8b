internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A guest's memory lies on another node than its CPUs.
  static let numaRemote = Finding.Code("NUMA_REMOTE")
}

/// A guest runs on another memory node than its memory lies on.
struct NUMARemote: Rule {
  let code = Finding.Code.numaRemote
  let topic = Topic.memory
  let about = Subject.cause(
    Suspect(
      .placement, "remote memory", causes: [.numa],
      without: "the memory of each node (numastat -p or numa_maps of the host)",
      "SELECT 1 FROM numa_placement UNION ALL SELECT 1 FROM counter WHERE name = 'Numa % Local'"))
  private let warning = Threshold(
    "numa-remote", 20, "%", "memory that a guest must reach on other nodes, from which on it warns")
  var thresholds: [Threshold] { [warning] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.placement] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let placements = try GuestPlacement.all(evidence)
    let remote = try placements.compactMap { placement -> Finding? in
      guard let share = placement.remotePercent, share >= evidence.value(of: warning),
        let main = placement.nodes.max(by: { $0.remote ?? 0 < $1.remote ?? 0 }),
        let ran = main.run, let held = main.memory
      else { return nil }
      return Finding(
        code, .warning, guest: placement.guest,
        sentence:
          "About \(Quantity.decimal(share, digits: 1)) % of the guest's memory accesses must go to "
          + "another node. It ran \(Quantity.decimal(ran, digits: 1)) % of its time on node "
          + "\(main.node), where \(Quantity.decimal(held, digits: 1)) % of its memory lies.",
        confidence: .medium,
        because:
          "The host's scheduler trace shows where it ran, numastat -p where its memory lies. That it uses all "
          + "of it alike is assumed."
          + placement.counters(try evidence.rows(placement.countersSQL)),
        evidenceSQL: placement.evidenceSQL,
        nextStep:
          "Bring both together: pin the virtual CPUs (virsh vcpupin, taskset) to the node of the "
          + "memory, or move the memory (migratepages PID FROM TO; numactl --membind, <numatune>).",
        extent: try evidence.cause(of: placement.guest, [.numa])
          ?? evidence.throughout(placement.guest))
    }
    return try remote + openFindings(evidence, placements)
  }

  // MARK: What cannot be judged

  /// Says which file is missing where the host has several nodes, or nobody says how many.
  private func openFindings(
    _ evidence: Evidence, _ placements: [GuestPlacement]
  ) throws -> [Finding] {
    let sql = """
      SELECT source.machine, count(DISTINCT node) AS nodes FROM source
      LEFT JOIN (
        SELECT machine, node FROM node_size
        UNION SELECT machine, CAST(object AS INTEGER) FROM counter_value WHERE kind = 'node'
        UNION SELECT machine, CAST(replace(object, rtrim(object, '0123456789'), '') AS INTEGER)
        FROM counter_value WHERE tool = 'numastat -p' AND kind = 'process' AND object LIKE '% node %'
      ) AS known USING (machine)
      WHERE layer = 'host' AND format <> 'esxtop' GROUP BY source.machine ORDER BY source.machine
      """
    let hosts = try evidence.rows(sql)
    if hosts.isEmpty {
      if try !evidence.rows(EsxSeries.judged).isEmpty { return [] }
      return [
        open(
          nil, "Whether the guest's memory is remote is not known: nothing of its host is here.",
          sql,
          "Ask for lscpu -p, numastat -p QEMU-PID and perf sched record of the host.")
      ]
    }
    return hosts.compactMap { host in
      guard let machine = host.text("machine"), let nodes = host.integer("nodes") else {
        return nil
      }
      let own = placements.filter { $0.machine == machine }
      if nodes == 0 {
        return open(
          nil,
          Printable.text(
            "Whether memory is remote on \(machine) is not known: nothing says how many nodes it has."
          ),
          sql, "Record on the host: lscpu -p, numactl -H and numastat -p QEMU-PID.")
      }
      guard nodes > 1 else { return nil }
      var missing: [String] = []
      if !own.contains(where: { $0.nodes.contains { $0.run != nil } }) {
        missing.append("where the guests ran (perf sched record -a, with lscpu -p)")
      }
      if !own.contains(where: { $0.nodes.contains { $0.memory != nil } }) {
        missing.append("where their memory lies (numastat -p QEMU-PID)")
      }
      guard !missing.isEmpty else { return nil }
      return open(
        nil,
        Printable.text("Whether memory is remote on \(machine) is not known: nothing says ")
          + missing.joined(separator: ", nor ") + ".", sql,
        "Record these on the host while the load runs.")
    }
  }

  private func open(
    _ guest: String?, _ sentence: String, _ sql: String, _ next: String
  ) -> Finding {
    Finding(
      code, .info, guest: guest, sentence: sentence, confidence: .none,
      because: "An input is missing.", evidenceSQL: sql, nextStep: next)
  }
}
