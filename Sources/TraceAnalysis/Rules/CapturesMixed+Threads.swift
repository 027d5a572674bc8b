internal import TraceModel
internal import TraceStore

/// What the threads of scheduler traces show of whose they are.
extension CapturesMixed {
  // MARK: - The wrong way round

  /// A host runs its guests' virtual CPUs as threads; a guest that has some, below a host that has none, is the host.
  func swappedThreads(_ evidence: Evidence) throws -> [Finding] {
    guard let row = try evidence.rows(Self.virtualCPUs).first, let guest = row.text("guest"),
      let host = row.text("host"), let threads = row.integer("threads"),
      let names = row.text("names")
    else { return [] }
    return [
      Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Guest and host are the wrong way round. The scheduler trace of guest \(guest) has \(Quantity.count(threads)) "
            + "threads of virtual CPUs (\(names)), and that of host \(host) has none."),
        confidence: .medium,
        because:
          "The host of a guest has threads of its virtual CPUs. That they bear other names there, while the guest has "
          + "guests of its own, is rare. All other findings are withheld.",
        evidenceSQL: Self.virtualCPUs,
        nextStep: Printable.text(
          "Ingest into a new incident file with the sides exchanged: the files of \(host) with --guest, those of "
            + "\(guest) with --host."))
    ]
  }

  /// The one guest and the one host with scheduler traces, if only the guest has threads of virtual CPUs.
  private static let virtualCPUs = """
    WITH named AS (
      SELECT source.machine, layer, role, comm, \(SQLText.virtualCPU(ofThread: "comm")) IS NOT NULL AS is_vcpu
      FROM thread_wait JOIN source USING (source_id) WHERE duplicate_of IS NULL),
    traced AS (
      SELECT machine, layer, sum(is_vcpu) AS threads,
        sum(is_vcpu OR role = \(SQLText.literal(ThreadRole.vcpu.name))) AS any_kind,
        min(CASE WHEN is_vcpu THEN comm END) AS first_name, max(CASE WHEN is_vcpu THEN comm END) AS last_name
      FROM named GROUP BY machine, layer)
    SELECT guest.machine AS guest, host.machine AS host, guest.threads AS threads,
      CASE WHEN first_name = last_name THEN first_name ELSE first_name || ' to ' || last_name END AS names
    FROM (SELECT * FROM traced WHERE layer = 'guest') AS guest
    JOIN (SELECT machine, any_kind FROM traced WHERE layer = 'host') AS host
    WHERE threads > 0 AND host.any_kind = 0 AND (SELECT count(*) FROM traced) = 2
    """

  // MARK: - Two machines under one name

  /// Files of one machine that are of two: by the names in their heads, else by the threads of scheduler traces.
  func twoMachines(_ evidence: Evidence) throws -> [Finding] {
    let named = try otherHostNames(evidence)
    guard named.isEmpty else { return named }
    let strange = try strangeThreads(evidence)
    return strange.isEmpty ? try otherKernelThreads(evidence) : strange
  }

  /// Two scheduler traces that have different threads on the same CPUs at the same moments.
  private func strangeThreads(_ evidence: Evidence) throws -> [Finding] {
    var told: Set<String> = []
    return try evidence.rows(Self.strangers("1")).compactMap { row in
      guard let source = row.integer("source_id"), let machine = row.text("machine"),
        let layer = row.text("layer"), let path = row.text("path"),
        let other = row.text("other_path"), let stays = row.integer("stays"),
        told.insert(machine).inserted
      else { return nil }
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Scheduler traces of two machines were ingested as \(layer) \(machine). While a thread of the one runs on a CPU, "
            + "\(path) and \(other) have different threads there (in \(Quantity.count(stays)) of the stays that were "
            + "compared)."),
        confidence: .medium,
        because:
          "A CPU runs one thread at a time, and the traces know different threads. Only if each had been filtered by its own "
          + "threads could they be of one machine. All other findings are withheld.",
        evidenceSQL: Self.strangers("source_id = \(source)"), nextStep: Self.ownNames)
    }
  }

  private static func strangers(_ condition: String) -> String {
    """
    SELECT source_id, machine, layer, path, excerpt AS other_path, count AS stays
    FROM problem JOIN source USING (source_id)
    WHERE kind = 'other_machine' AND duplicate_of IS NULL AND \(condition) ORDER BY source_id
    """
  }

  /// Scheduler traces in which the kernel's own threads of the same CPUs have different numbers. They begin when the
  /// kernel does, and never end.
  private func otherKernelThreads(_ evidence: Evidence) throws -> [Finding] {
    var told: Set<String> = []
    return try evidence.rows(Self.kernelThreads("1")).compactMap { row in
      guard let one = row.integer("source_id"), let two = row.integer("other_id"),
        let machine = row.text("machine"), let layer = row.text("layer"),
        let path = row.text("path"), let other = row.text("other_path"),
        let name = row.text("comm"), let tid = row.integer("tid"),
        let otherTID = row.integer("other_tid"), let differing = row.integer("differing"),
        told.insert(machine).inserted
      else { return nil }
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Scheduler traces of two machines, or of one before and after a boot, were ingested as \(layer) \(machine). "
            + "\(Quantity.count(differing, "thread")) of the kernel have other numbers in \(path) than in \(other), as "
            + "\(name): \(tid) and \(otherTID)."),
        confidence: .high,
        because:
          "The kernel starts these threads once for each CPU, and they keep their numbers while it runs. All other "
          + "findings are withheld.",
        evidenceSQL: Self.kernelThreads(
          "one.source_id = \(one) AND other.source_id = \(two)"),
        nextStep: Self.ownNames)
    }
  }

  private static func kernelThreads(_ condition: String) -> String {
    """
    WITH kept AS (
      SELECT source_id, source.machine, layer, path, comm, min(tid) AS tid
      FROM thread_wait JOIN source USING (source_id)
      WHERE duplicate_of IS NULL
        AND (comm GLOB 'migration/[0-9]*' OR comm GLOB 'ksoftirqd/[0-9]*' OR comm GLOB 'cpuhp/[0-9]*')
      GROUP BY source_id, comm)
    SELECT one.source_id, other.source_id AS other_id, one.machine, one.layer, one.path, other.path AS other_path,
      sum(one.tid <> other.tid) AS differing, sum(one.tid = other.tid) AS equal,
      min(CASE WHEN one.tid <> other.tid THEN one.comm END) AS comm, one.tid, other.tid AS other_tid
    FROM kept AS one JOIN kept AS other
      ON other.machine = one.machine AND other.comm = one.comm AND other.source_id > one.source_id
    WHERE \(condition)
    GROUP BY one.source_id, other.source_id HAVING differing >= 2 AND differing > equal
    ORDER BY one.source_id, other.source_id
    """
  }

  private static let ownNames =
    "Ingest into a new incident file, the files of each machine under a name of their own."
}
