internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// Two schedulers both hold requests.
  static let doubleQueueing = Finding.Code("DOUBLE_QUEUEING")
}

/// The guest's I/O scheduler and the host's both hold requests of one disk.
struct DoubleQueueing: Rule {
  let code = Finding.Code.doubleQueueing
  let topic = Topic.queues
  let about = Subject.cause(
    Suspect(
      .queues,
      without: "I/Os of the guest that were matched with the host's",
      "SELECT 1 FROM hop_summary WHERE hop = 'host_scheduler'"))
  private let depth = Threshold(
    "double-queueing", 1, "",
    "requests held by each of the two schedulers on average, from which on it warns")
  var thresholds: [Threshold] { [depth] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks, .joined] }

  func follows(_: Finding) -> [Precursor] {
    [
      Precursor(.limitReached), Precursor(.noisyDiskNeighbour), Precursor(.deviceStall),
      Precursor(.noisyCPUNeighbour),
    ]
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let upper = row.number("guest_depth"), let lower = row.number("host_depth"),
        let upperTime = row.integer("guest_mean_ns"), let lowerTime = row.integer("host_mean_ns"),
        upper >= evidence.value(of: depth), lower >= evidence.value(of: depth)
      else { return nil }
      return Finding(
        code, .warning, guest: guest,
        sentence: Printable.text(
          "\(try evidence.disk(device, of: guest)): its I/Os wait in two schedulers, one after the other: "
            + "\(Quantity.decimal(upper, digits: 1)) of them in the guest's (H2, mean "
            + "\(Quantity.time(upperTime))) and \(Quantity.decimal(lower, digits: 1)) in the host's (H4, mean "
            + "\(Quantity.time(lowerTime))) at any time."),
        confidence: .high,
        because:
          "Requests held on average are their rate times their mean stay (Little's law), of the I/Os that "
          + "were matched; each stay is measured on one clock.",
        evidenceSQL: Self.sql(
          "upper.guest = \(Evidence.literal(guest)) AND upper.device = \(Evidence.literal(device))"),
        nextStep:
          "Let one of the two decide: 'none' in the guest where the host's scheduler knows all its guests. "
          + "The wait itself only ends where the device below is fast enough for what is asked of it.",
        extent: try extent(evidence, guest, device))
    }
  }

  /// From the first slice of time in which the guest's scheduler held so many to the last: without a wait there, there is
  /// but one queue.
  private func extent(
    _ evidence: Evidence, _ guest: String, _ device: String
  ) throws -> Finding.Extent {
    let row = try evidence.rows(
      """
      SELECT min(at_ns) AS from_ns, max(at_ns + interval_ns) AS to_ns, max(interval_ns) AS error_ns FROM queue_depth
      WHERE machine = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))
        AND hop = 'guest_scheduler' AND mean_depth >= \(Evidence.number(evidence.value(of: depth)))
      """
    ).first
    return Finding.Extent(
      from: row?.integer("from_ns"), to: row?.integer("to_ns"),
      error: row?.integer("error_ns") ?? 0,
      places: [Finding.Extent.place(guest, device)])
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT upper.guest AS guest, upper.device AS device,
      1.0 * upper.count * upper.mean_ns / span.ns AS guest_depth,
      1.0 * lower.count * lower.mean_ns / span.ns AS host_depth,
      CAST(upper.mean_ns AS INTEGER) AS guest_mean_ns, CAST(lower.mean_ns AS INTEGER) AS host_mean_ns
    FROM hop_summary AS upper
    JOIN hop_summary AS lower ON lower.guest = upper.guest AND lower.device = upper.device
      AND lower.op = 'all' AND lower.hop = 'host_scheduler'
    JOIN (
      SELECT machine, device, sum(interval_ns) AS ns FROM queue_depth
      WHERE hop = 'virtio_queue' AND arrivals > 0 GROUP BY machine, device
    ) AS span ON span.machine = upper.guest AND span.device = upper.device
    WHERE upper.op = 'all' AND upper.hop = 'guest_scheduler' AND \(condition)
    ORDER BY upper.guest, upper.device
    """
  }
}
