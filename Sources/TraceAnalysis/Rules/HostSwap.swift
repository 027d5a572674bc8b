internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A host swapped a VM's memory, or squeezed it out by a balloon.
  static let hostSwap = Finding.Code("HOST_SWAP")
}

/// ESXi read a VM's memory back from its swap file, or the VM's virtual CPUs waited for that: the guest sees slow memory and
/// nothing else. Balloons alone are told as information.
struct HostSwap: Rule {
  let code = Finding.Code.hostSwap
  let topic = Topic.hypervisor
  let about = Subject.cause(
    Suspect(
      .placement, "memory that the host swaps", causes: [.hostMemory],
      without: "esxtop of an ESXi host", isMissed: false,
      EsxSeries.judged)
  )
  private let read = Threshold(
    "esx-swap-read", 1, "MiB/s", "memory of a VM that ESXi swaps in (SWR/s), from which on it warns"
  )
  private let wait = Threshold(
    "esx-swap-wait", 5, "%",
    "part of its virtual CPUs' time that a VM waited for swapped memory (%SWPWT), from which on it warns"
  )
  var thresholds: [Threshold] { [read, wait] }

  private static let least = 2
  /// Balloons of less are noise, MiB.
  private static let leastBalloon = 1.0

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let (rate, share) = (evidence.value(of: read), evidence.value(of: wait))
    let swapped = try EsxSeries.flatMap(
      evidence, "esx_vm", by: "vm",
      ["swap_read_mib_s", "swap_wait_pct", "swapped_mib", "balloon_mib"]
    ) { vm in
      try vm.stretches(least: Self.least) {
        ($0["swap_read_mib_s"] ?? 0) >= rate || ($0["swap_wait_pct"] ?? 0) >= share
      }.map { try finding(evidence, vm, $0) }
    }
    return try swapped + balloons(evidence)
  }

  private func finding(
    _ evidence: Evidence, _ vm: EsxSeries, _ stretch: CounterStretch
  ) throws -> Finding {
    var parts: [String] = []
    if let read = stretch.mean("swap_read_mib_s", within: true) {
      parts.append(
        "ESXi read \(EsxSeries.number(read, 2)) MiB/s of its memory back from swap (SWR/s)")
    }
    if let wait = stretch.mean("swap_wait_pct", within: true) {
      parts.append(
        "its virtual CPUs waited for that for \(EsxSeries.number(wait)) % of the time (%SWPWT)")
    }
    var sentence = "\(vm.name): \(parts.joined(separator: ", and ")) \(vm.words(stretch))."
    if let swapped = stretch.mean("swapped_mib", within: true) {
      sentence += " \(EsxSeries.number(swapped, 0)) MiB of it are swapped out (SWCUR)."
    }
    return Finding(
      code, .warning, guest: vm.name, sentence: Printable.text(sentence), confidence: .medium,
      because:
        "ESXi's own account, as means over the rows. The guest does not see it, and its own memory may look free.",
      evidenceSQL: EsxWaits.sql(
        vm, stretch, ["swap_read_mib_s", "swap_wait_pct", "swapped_mib", "balloon_mib"]),
      nextStep:
        "Give the host memory: move a VM away, reserve this VM's memory, or make its VMs smaller. Swapped pages come back "
        + "one by one.",
      extent: try stretch.extent(evidence, of: vm.host))
  }

  /// Hosts that take memory from their VMs throughout.
  private func balloons(_ evidence: Evidence) throws -> [Finding] {
    guard evidence.window == nil, try !evidence.rows(EsxSeries.judged).isEmpty else { return [] }
    let sql = """
      SELECT machine, count(*) AS vms, sum(balloon_mib) AS balloon_mib, sum(swapped_mib) AS swapped_mib FROM (
        SELECT machine, vm, avg(balloon_mib) AS balloon_mib, avg(swapped_mib) AS swapped_mib FROM esx_vm
        GROUP BY machine, vm HAVING avg(balloon_mib) >= \(Evidence.number(Self.leastBalloon)))
      GROUP BY machine ORDER BY machine
      """
    return try evidence.rows(sql).compactMap { row in
      guard let host = row.text("machine"), let vms = row.integer("vms"),
        let balloon = row.number("balloon_mib")
      else { return nil }
      let swapped =
        row.number("swapped_mib").map {
          ", and \(EsxSeries.number($0, 0)) MiB of theirs are swapped out"
        }
        ?? ""
      return Finding(
        code, .info, guest: nil,
        sentence: Printable.text(
          "\(host) is short of memory: balloons hold \(EsxSeries.number(balloon, 0)) MiB of "
            + "\(vms) \(vms == 1 ? "VM" : "VMs") (MCTLSZ)\(swapped)."),
        confidence: .medium,
        because:
          "The means of all rows. A balloon makes the guest itself free memory, and costs little while it can.",
        evidenceSQL: sql,
        nextStep:
          "See whether the guests swap or lack page cache, and give the host memory or fewer VMs.")
    }
  }
}
