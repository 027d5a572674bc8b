public import TraceModel

/// A guest I/O and its hops: one row of the `io` view.
///
/// All moments are mapped to the reference timeline once and rounded; every hop and the total are
/// differences of those, so that the hops add up exactly. Millions are held at once: its small members stand
/// together, where they take eight bytes and not eight each.
public struct GuestIO: Sendable {
  /// The guest request that carried it.
  public var request: Int64 = 0
  /// First sector; -1 for a flush.
  public var sector: Int64 = -1
  /// Length in sectors.
  public var sectors: Int64 = 0
  /// The letters of its `Q`.
  public var rwbs: RWBS = []
  /// What it is for.
  public var operation = BlockOperation.other
  /// Whether it is the first bio of that request.
  public var isLeading = true
  /// How sure the match is.
  public var grade = MatchGrade.unmatched
  /// Why there is none.
  public var reason: UnmatchedReason?
  /// t1, own ns.
  public var queued = Stamp.unseen
  /// t7, own ns.
  public var completed = Stamp.unseen
  /// t1 (t3 where that was not seen) on the reference timeline, ns.
  public var reference = Stamp.unseen
  /// Its hops, ns.
  public var times = HopTimes()
  /// The cache flush within H2, ns.
  public var flush = Stamp.unseen
  /// From the first to the last `D` within H2, ns.
  public var requeue = Stamp.unseen
  /// The part of H3 on the way in, t4 - t3, in which its threads waited for a CPU, ns.
  public var submitCPUWait = Stamp.unseen
  /// The part of H3 on the way back, t7 - t6, in which its threads waited for a CPU, ns.
  public var returnCPUWait = Stamp.unseen
  /// The clock's bound here, ns.
  public var clockError = Stamp.unseen
  /// Host requests that carried it.
  public var hostRequests = 0
  /// The host request that completed last.
  public var hostRequest: Int64?
  /// The host request that wrote last of what the host's page cache had taken.
  public var deferredRequest: Int64?
  /// From t7 to the completion of that: how long acknowledged data was not on the disk, ns.
  public var deferred = Stamp.unseen

  /// An I/O of which nothing is known yet.
  public init() {}
}
