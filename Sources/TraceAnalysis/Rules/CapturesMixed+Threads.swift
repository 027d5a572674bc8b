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
          "Guest and host are the wrong way round: the scheduler trace of guest \(guest) has \(Quantity.count(threads)) "
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
}
