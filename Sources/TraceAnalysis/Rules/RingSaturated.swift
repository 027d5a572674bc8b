internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A virtqueue was full.
  static let ringSaturated = Finding.Code("RING_SATURATED")
}

/// A guest's requests waited above its virtio queue because there was no place in it.
struct RingSaturated: Rule {
  let code = Finding.Code.ringSaturated
  let topic = Topic.queues
  let about = Subject.cause(
    Suspect(
      .transport, "a full virtio queue", causes: [.virtioRing],
      without: "the depth of the guest's scheduler and of its virtio queue",
      """
      SELECT 1 WHERE EXISTS (SELECT 1 FROM queue_depth WHERE hop = 'virtio_queue')
        AND EXISTS (SELECT 1 FROM queue_depth WHERE hop = 'guest_scheduler')
      """))
  private let requeued = Threshold(
    "ring-requeued", 1, "%",
    "I/Os that the driver gave back because the ring was full (D, R, D), from which on it is a warning"
  )
  private let ceiling = Threshold(
    "ring-ceiling", 50, "%",
    "time slices in which the queue reached its largest depth, from which on that is its limit")
  private let waiting = Threshold(
    "ring-waiting", 1, "",
    "requests that waited above the ring on average meanwhile, from which on it is a warning")
  var thresholds: [Threshold] { [requeued, ceiling, waiting] }

  /// Fewer slices say nothing about a limit.
  private static let fewestSlices: Int64 = 20

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks] }

  var judgesSelections: Set<Evidence.Kind>? { [.guestBlocks] }

  func follows(_: Finding) -> [Precursor] {
    [
      Precursor(.limitReached), Precursor(.deviceStall), Precursor(.noisyDiskNeighbour),
      Precursor(.noisyCPUNeighbour),
    ]
  }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1", evidence)).compactMap { row in
      guard let guest = row.text("guest"), let device = row.text("device"),
        let depth = row.integer("ceiling"), let slices = row.integer("slices"),
        let share = row.number("at_ceiling_pct"), let above = row.number("waiting_above")
      else { return nil }
      let back = row.number("requeued_pct") ?? 0
      let wasGivenBack = back >= evidence.value(of: requeued)
      let wasFull =
        slices >= Self.fewestSlices && share >= evidence.value(of: ceiling)
        && above >= evidence.value(of: waiting)
      guard wasGivenBack || wasFull else { return nil }
      let queue = Self.isOfAnotherDriver(device) ? "the driver's queue" : "the virtio queue"
      let disk = try evidence.disk(device, of: guest)
      // One request at a time fills no queue: whoever is below gave it back.
      let isBusyBelow = wasGivenBack && depth <= 1
      var sentence =
        isBusyBelow
        ? "\(disk): what is below the driver took no more requests"
        : "\(disk): \(queue) was full"
      if wasGivenBack, let wait = row.integer("requeue_mean_ns") {
        sentence +=
          ". The driver gave back \(Quantity.decimal(back, digits: 1)) % of the I/Os (D, R, D), which "
          + "waited \(Quantity.time(wait)) each for a place"
      }
      sentence +=
        ". It held \(Quantity.count(depth)) \(depth == 1 ? "request" : "requests") at most, in \(Quantity.decimal(share, digits: 1)) % of "
        + "\(Quantity.count(slices)) time slices just as many, and "
        + "\(Quantity.decimal(above, digits: 1)) waited above it on average"
      let busy = row.number("thread_busy_pct")
      if let busy, let thread = row.text("thread") {
        sentence +=
          ". \(thread), which empties it, ran for \(Quantity.decimal(busy, digits: 1)) % of the time"
      }
      let isThreadBusy = busy ?? 0 >= Self.busy
      let isDeviceFull = row.number("device_full_pct") ?? 0 >= Self.busy
      if isDeviceFull, let full = row.number("device_full_pct"),
        let limit = row.integer("device_ceiling")
      {
        sentence +=
          ". Below it the device is full as well (\(Quantity.count(limit, "request")), in "
          + "\(Quantity.decimal(full, digits: 1)) % of its time slices)"
      }
      return Finding(
        code, isDeviceFull ? .info : .warning, guest: guest,
        sentence: Printable.text(sentence) + ".",
        confidence: wasGivenBack && !isBusyBelow && !Self.isOfAnotherDriver(device)
          ? .high : .medium,
        because: wasGivenBack
          ? "The driver's requeues are in the guest's block trace."
            + (Self.isOfAnotherDriver(device) || isBusyBelow
              ? " Whether its own queue was full or its target was busy, they do not say." : "")
          : "Its depth ends at the same number again and again while others wait above it: a limit. "
            + "Whether it is the ring's size or the disk's tags, the command line of QEMU would tell.",
        evidenceSQL: Self.sql(
          "ring.machine = \(Evidence.literal(guest)) AND ring.device = \(Evidence.literal(device))",
          evidence),
        nextStep: Self.isOfAnotherDriver(device) || isBusyBelow
          ? Self.adviceForTarget
          : Self.advice(isThreadBusy: isThreadBusy, isDeviceFull: isDeviceFull),
        extent: (try evidence.cause(of: guest, [.virtioRing]) ?? Self.extent(row))
          .at([Finding.Extent.place(guest, device)]))
    }
  }

  /// From the first slice of time in which it was full to the last, and what the I/Os waited that were given back.
  private static func extent(_ row: QueryRow) -> Finding.Extent {
    Finding.Extent(
      from: row.integer("full_from_ns"), to: row.integer("full_to_ns"),
      error: row.integer("slice_ns") ?? 0, explains: Evidence.time(row.number("requeue_ns")))
  }

  /// Whether a device's number is one of a driver that is not virtio-blk, as `8,0` of sd: IDE, SCSI, MMC, Xen and NVMe
  /// (admin-guide/devices.txt of the kernel). The number of virtio-blk is given out as the guest boots.
  private static func isOfAnotherDriver(_ device: String) -> Bool {
    guard let major = device.split(separator: ",").first.flatMap({ Int($0) }) else { return false }
    return [3, 8, 22, 179, 202, 259].contains(major) || (65...71).contains(major)
      || (128...135).contains(major)
  }

  private static let adviceForTarget =
    "Look at what the driver may send at once (queue_depth and can_queue of the SCSI device and its host; "
    + "cmd_per_lun and virtqueue_size of a virtio-scsi controller), and at errors of the target in the "
    + "guest's kernel log."

  /// A thread or a device that is so much in use is the limit itself.
  private static let busy = 90.0

  private static func advice(isThreadBusy: Bool, isDeviceFull: Bool) -> String {
    if isDeviceFull {
      return
        "A larger ring only moves the wait down to the device, which is the limit. Reduce the load on "
        + "it, or give it more parallel service."
    }
    if isThreadBusy {
      return
        "The thread is the limit, not the ring: more iothreads (iothread-vq-mapping), num-queues, or less "
        + "work per request (aio=native or io_uring, cache=none). A larger ring alone only moves the wait."
    }
    return
      "Raise queue-size and num-queues of the virtio-blk device (and nr_requests of the disk in the guest), "
      + "then compare ('hiddenq compare')."
  }

  private static func sql(_ condition: String, _ evidence: Evidence) -> String {
    """
    WITH slice AS (
      SELECT machine, device, hop, at_ns, interval_ns, mean_depth, max_depth,
        max(max_depth) OVER (PARTITION BY machine, device, hop) AS ceiling
      FROM \(evidence.from(.queueDepth)) WHERE arrivals > 0
    ), ring AS (
      SELECT machine, device, ceiling, count(*) AS slices,
        100.0 * avg(max_depth = ceiling) AS at_ceiling_pct,
        min(CASE WHEN max_depth = ceiling THEN at_ns END) AS full_from_ns,
        max(CASE WHEN max_depth = ceiling THEN at_ns + interval_ns END) AS full_to_ns, max(interval_ns) AS slice_ns
      FROM slice WHERE hop = 'virtio_queue' GROUP BY machine, device
    ), above AS (
      SELECT machine, device, avg(mean_depth) AS waiting FROM slice
      WHERE hop = 'guest_scheduler' GROUP BY machine, device
    ), below AS (
      SELECT machine, device, ceiling, 100.0 * avg(max_depth = ceiling AND mean_depth >= 0.9 * ceiling) AS full
      FROM slice WHERE hop = 'hardware_queue' GROUP BY machine, device
    ), back AS (
      SELECT guest, device, 100.0 * (1.0 * sum(requeued) / sum(count)) AS pct,
        CAST(sum(1.0 * requeued_ns) / nullif(sum(requeued), 0) AS INTEGER) AS mean_ns,
        CASE WHEN sum(requeued) > 0 THEN sum(1.0 * requeued_ns) END AS all_ns
      FROM \(evidence.from(.ioCount)) GROUP BY guest, device
    )
    SELECT ring.machine AS guest, ring.device AS device, ring.ceiling AS ceiling, ring.slices AS slices,
      at_ceiling_pct, above.waiting AS waiting_above, back.pct AS requeued_pct,
      back.mean_ns AS requeue_mean_ns, back.all_ns AS requeue_ns, full_from_ns, full_to_ns, slice_ns, thread.comm AS thread, thread.busy_pct AS thread_busy_pct,
      max(below.full) AS device_full_pct, below.ceiling AS device_ceiling
    FROM ring
    JOIN above ON above.machine = ring.machine AND above.device = ring.device
    LEFT JOIN back ON back.guest = ring.machine AND back.device = ring.device
    LEFT JOIN (
      SELECT thread_wait.guest, comm, max(100.0 * run_ns / (last_ns - first_ns)) AS busy_pct
      FROM thread_wait JOIN source USING (source_id)
      WHERE role = 'iothread' AND last_ns > first_ns GROUP BY thread_wait.guest
    ) AS thread ON thread.guest = ring.machine
    LEFT JOIN (SELECT DISTINCT guest, guest_device, host, host_device FROM device_map) AS map
      ON map.guest = ring.machine AND map.guest_device = ring.device
    LEFT JOIN below ON below.machine = map.host AND below.device = map.host_device
    WHERE \(condition)
    GROUP BY ring.machine, ring.device ORDER BY ring.machine, ring.device
    """
  }
}
