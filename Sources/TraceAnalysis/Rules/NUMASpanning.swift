internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A guest runs on several memory nodes.
  static let numaSpanning = Finding.Code("NUMA_SPANNING")
}

/// A guest's virtual CPUs ran on several memory nodes.
struct NUMASpanning: Rule {
  let code = Finding.Code.numaSpanning
  let topic = Topic.memory
  let about = Subject.cause(
    Suspect(
      .placement, "vCPUs on several memory nodes", causes: [.numa],
      without: "the memory of each node (numastat -p or numa_maps of the host)",
      "SELECT 1 FROM numa_placement"))
  private let part = Threshold(
    "numa-spanning", 10, "%", "time on a second node, from which on a guest spans nodes")
  private let remote = Threshold(
    "numa-spanning-remote", 20, "%", "memory on other nodes, from which on spanning warns")
  var thresholds: [Threshold] { [part, remote] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.placement] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try GuestPlacement.all(evidence).compactMap { placement in
      let used = placement.nodes.filter { $0.run ?? 0 >= evidence.value(of: part) }
        .sorted { $0.run ?? 0 > $1.run ?? 0 }
      guard used.count > 1 else { return nil }
      let moves = placement.nodes.compactMap(\.migrations).reduce(0, +)
      let share = placement.remotePercent
      // A guest that stays where it is may span on purpose; one whose memory nobody looked at may not.
      let isHarmful = share.map { $0 >= evidence.value(of: remote) } ?? (moves > 0)
      var sentence =
        "The guest's virtual CPUs ran on several nodes of the host: "
        + used.map {
          "\(Quantity.decimal($0.run ?? 0, digits: 1)) % of their time on node \($0.node)"
        }
        .joined(separator: ", ")
      sentence += "; they went from node to node \(Quantity.count(moves, "time"))"
      if let share {
        sentence +=
          ", and about \(Quantity.decimal(share, digits: 1)) % of the memory they use is on another one"
      }
      return Finding(
        code, isHarmful ? .warning : .info, guest: placement.guest, sentence: sentence + ".",
        confidence: share == nil ? .low : .medium,
        because: share == nil
          ? "Where they ran is measured; where the memory lies nobody recorded (numastat -p QEMU-PID)."
          : "Where they ran and where the memory lies is measured. That all of it is used alike is "
            + "assumed; it is not if the guest was given nodes of its own.",
        evidenceSQL: placement.evidenceSQL,
        nextStep:
          "If the guest fits into one node: pin it there, CPUs and memory. If not: give it virtual nodes "
          + "(-numa node, <numa>) that are pinned to the host's.",
        extent: try evidence.cause(of: placement.guest, [.numa])
          ?? evidence.throughout(placement.guest))
    }
  }
}
