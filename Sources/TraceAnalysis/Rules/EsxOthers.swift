internal import TraceModel
internal import TraceStore

/// A port of a virtual switch of ESXi dropped packets.
struct EsxDrops: Rule {
  let code = Finding.Code.netDropBeforeWire
  let topic = Topic.network
  let about = NetDropBeforeWire().about
  private let warning = Threshold(
    "esx-drops", 0.1, "%",
    "packets that a port of a virtual switch dropped in a row of esxtop, from which on it warns")
  var thresholds: [Threshold] { [warning] }

  /// A VM that does not run takes no packets.
  func follows(_: Finding) -> [Precursor] { [Precursor(.noisyCPUNeighbour, needsOnset: true)] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: warning)
    return try EsxSeries.flatMap(
      evidence, "esx_port", by: "port",
      ["tx_dropped_pct", "rx_dropped_pct", "tx_packets_per_s", "rx_packets_per_s"]
    ) { port in
      try ["rx", "tx"].flatMap { way in
        try port.stretches(least: 1) { ($0["\(way)_dropped_pct"] ?? 0) >= limit }.compactMap {
          try finding(evidence, port, way, $0)
        }
      }
    }
  }

  private func finding(
    _ evidence: Evidence, _ port: EsxSeries, _ way: String, _ stretch: CounterStretch
  ) throws -> Finding? {
    let sql = """
      SELECT port, vm, count(*) AS rows, avg(\(way)_dropped_pct) AS dropped_pct,
        sum(\(way)_dropped_pct / 100 * \(way)_packets_per_s * interval_ns / 1e9) AS least,
        sum(\(way)_dropped_pct / nullif(100 - \(way)_dropped_pct, 0) * \(way)_packets_per_s * interval_ns / 1e9) AS most
      FROM esx_port WHERE machine = \(Evidence.literal(port.host)) AND port = \(Evidence.literal(port.name))
        AND \(port.condition(stretch))
      """
    guard let row = try evidence.rows(sql).first, let share = row.number("dropped_pct") else {
      return nil
    }
    var sentence =
      "\(row.text("vm").map { "\($0): " } ?? "")port \(port.name) of \(port.host) dropped \(EsxSeries.number(share, 2)) % of "
      + "the packets \(way == "rx" ? "for its owner (%DRPRX)" : "that its owner sent (%DRPTX)") \(port.words(stretch))"
    if let least = row.number("least"), let most = row.number("most") {
      sentence +=
        ", about \(EsxSeries.number(least, 0)) to \(EsxSeries.number(most, 0)) packets"
    }
    return Finding(
      code, .warning, guest: row.text("vm"), sentence: Printable.text(sentence + "."),
      confidence: .medium,
      because:
        "ESXi's own share of the row's packets, rounded to 0.01 %. Whether it counts the dropped ones among the packets is "
        + "not known: hence the two numbers.",
      evidenceSQL: sql,
      nextStep: way == "rx"
        ? "If the guest's vmxnet3 counts as many 'pkts rx OOB' or 'ring full' (ethtool -S), its ring was full: enlarge it "
          + "(ethtool -G), and give the VM its CPUs. If not, the packets were lost before the ring."
        : "See the uplink of the switch (esxcli network nic stats get) and traffic shaping of the port.",
      extent: try stretch.extent(evidence, of: port.host))
  }
}

/// A VM's memory lies on another node of an ESXi host than its home node, by `N%L`.
struct EsxNUMA: Rule {
  let code = Finding.Code.numaRemote
  let topic = Topic.memory
  let about = NUMARemote().about
  /// 80 in all the usual lists.
  private let local = Threshold(
    "esx-numa-local", 80, "%",
    "memory of a VM on its home node (N%L), below which it warns on ESXi hosts with several nodes")
  var thresholds: [Threshold] { [local] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let limit = evidence.value(of: local)
    // With one node N%L is 0, and so is all memory on nodes.
    return try EsxSeries.flatMap(
      evidence, "esx_vm", by: "vm", ["numa_local_pct", "numa_remote_mib", "numa_moves"],
      where: "numa_local_mib + numa_remote_mib > 0"
    ) { vm in
      try vm.stretches(least: 3) { ($0["numa_local_pct"] ?? 100) < limit }.compactMap { stretch in
        guard let share = stretch.mean("numa_local_pct", within: true),
          let remote = stretch.mean("numa_remote_mib", within: true)
        else { return nil }
        let moves = (stretch.mean("numa_moves", within: true) ?? 0) * Double(stretch.range.count)
        return Finding(
          code, .warning, guest: vm.name,
          sentence: Printable.text(
            "\(vm.name): \(EsxSeries.number(share)) % of its memory lay on its home node (N%L) \(vm.words(stretch)), "
              + "\(EsxSeries.number(remote, 0)) MiB on others."
              + (moves >= 1
                ? " Its home node changed \(EsxSeries.number(moves, 0)) times (NMIG)." : "")),
          confidence: .medium,
          because:
            "ESXi's own account of where the memory lies; how much of it the VM uses it does not say.",
          evidenceSQL: EsxWaits.sql(
            vm, stretch, ["numa_local_pct", "numa_remote_mib", "numa_local_mib", "numa_moves"]),
          nextStep:
            "Make the VM fit into a node (virtual CPUs and memory), and see whether the host is too full to keep it there.",
          extent: try stretch.extent(evidence, of: vm.host))
      }
    }
  }
}
