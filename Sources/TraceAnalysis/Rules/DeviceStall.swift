internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// The device completed nothing for a while.
  static let deviceStall = Finding.Code("DEVICE_STALL")
}

/// A disk completed nothing for a while, though it held requests.
struct DeviceStall: Rule {
  let code = Finding.Code.deviceStall
  let topic = Topic.queues
  let about = Subject.cause(
    Suspect(
      .device, "a stalled device", causes: [.device], stalls: true,
      without: "a block trace",
      "SELECT 1 FROM stage WHERE stage = 'D2C'"))
  private let told = Threshold(
    "device-stall", 100, "ms", "time without a completion, from which on it is a warning")
  private let severe = Threshold(
    "device-stall-critical", 1000, "ms", "the same, from which on it is critical")
  private let ratio = Threshold(
    "device-stall-ratio", 10, "",
    "such a time over the device's median of D to C, below which it is no stall")
  var thresholds: [Threshold] { [told, severe, ratio] }

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks, .hostBlocks] }

  var judgesSelections: Set<Evidence.Kind>? { [.guestBlocks, .hostBlocks] }

  func follows(_: Finding) -> [Precursor] { [Precursor(.noisyDiskNeighbour)] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(sql(evidence, "1")).compactMap { row in
      guard let machine = row.text("machine"), let device = row.text("device"),
        let hop = row.text("hop"), let count = row.integer("stalls"),
        let whole = row.integer("stalled_ns"), let longest = row.integer("longest_ns"),
        let at = row.integer("longest_at_ns"), let waiting = row.integer("waiting"),
        let median = row.integer("median_ns"), let isOpen = row.integer("is_open")
      else { return nil }
      let guests = row.text("guests")
      let guest =
        hop == Hop.hardwareQueue.name ? guests.flatMap { $0.contains(",") ? nil : $0 } : machine
      let isHost = hop == Hop.hardwareQueue.name
      // Disks of guests are known to lie elsewhere; below what, nobody said.
      let isBeside = isHost && guests == nil && row.integer("is_mapped") == 1
      let when = try evidence.moment(at, of: machine)
      var sentence = "\(try evidence.disk(device, of: machine)) of \(machine)"
      if isHost, let guests { sentence += ", below \(guests)," }
      if isBeside { sentence += ", to which no guest's disk is mapped," }
      sentence +=
        " completed nothing for \(Quantity.time(longest)) from \(when) on"
        + (isOpen == 1 ? ", to the end of the trace," : "")
        + " with \(Quantity.count(waiting)) \(waiting == 1 ? "request" : "requests") in it. The median of D to C is "
        + Quantity.time(median)
      if count > 1 {
        sentence +=
          ". It happened \(Quantity.count(count, "time")), together \(Quantity.time(whole))"
      }
      return Finding(
        code,
        !isHost
          ? .info
          : Double(longest) >= evidence.value(of: severe) * 1e6 && !isBeside ? .critical : .warning,
        guest: guest,
        sentence: Printable.text(sentence) + ".",
        confidence: isHost ? .high : .low,
        because: isHost
          ? "D and C of the host's block trace, on one clock; requests that lack an end do not count."
            + (isBeside
              ? " No I/O of a guest is matched with its requests; whether any pass it, below another device, is not known."
              : "")
          : "This is what the guest saw from D to C. The device may have stalled, or the guest's own CPUs did "
            + "not run to see it answer. Only the host's block trace tells.",
        evidenceSQL: sql(
          evidence,
          "stall.machine = \(Evidence.literal(machine)) AND stall.device = \(Evidence.literal(device))"
        ),
        nextStep: Self.advice(isHost: isHost, device: device),
        extent: try Self.extent(row, evidence, guest, from: at, length: longest)
          .at(
            isHost
              ? evidence.places(on: device, of: machine) : [Finding.Extent.place(machine, device)]))
    }
  }

  /// The longest stall. A phase that the device is the cause of is this stall where both are at the same time.
  private static func extent(
    _ row: QueryRow, _ evidence: Evidence, _ guest: String?, from: Int64, length: Int64
  ) throws -> Finding.Extent {
    let (end, isTooLate) = from.addingReportingOverflow(length)
    var own = Finding.Extent(
      from: from, to: isTooLate ? .max : end, hasOnset: true,
      explains: guest == nil ? nil : Evidence.time(row.number("least_lost_ns")))
    if let source = row.integer("source_id"), try !evidence.isOwnTimeline(source) {
      (own.from, own.to) = (nil, nil)
    }
    guard let guest else { return own }
    return try evidence.cause(of: guest, [.device], near: own) ?? own
  }

  private static func advice(isHost: Bool, device: String) -> String {
    guard isHost else {
      return "Trace the host's disk below it over the same time ('hiddenq capture host')."
    }
    // Major 7: the kernel's loop driver.
    guard !device.hasPrefix("7,") else {
      return
        "It is a loop device: its requests waited in the file system of its file, or on the disk below that; "
        + "trace that disk, too. 'queue_stall' has every such time."
    }
    return
      "Look into the host's kernel log, the device's error counters and firmware, and the path to it "
      + "(fabric, multipath, a RAID that rebuilds) at that time; 'queue_stall' has every such time."
  }

  /// Requests of the device without a completion. Where there are others, a single one that is open to the end is
  /// more likely another completion that the trace lacks than a stall.
  private static let neverCompleted = """
    (SELECT count(*) FROM request WHERE request.machine = stall.machine AND request.device = stall.device
      AND issued_ns IS NOT NULL AND completed_ns IS NULL)
    """

  /// The stalls of the host's disks, and the guest's own where the host's disk below is not known. Where the guest, or its
  /// host, stood still as a whole, the device did not.
  private func sql(_ evidence: Evidence, _ condition: String) -> String {
    """
    SELECT stall.source_id AS source_id, stall.machine AS machine, stall.device AS device, stall.hop AS hop, count(*) AS stalls,
      sum(length_ns) AS stalled_ns, sum(1.0 * held * length_ns) AS least_lost_ns, max(length_ns) AS longest_ns, at_ns AS longest_at_ns,
      held + joined AS waiting, is_open, usual.p50_ns AS median_ns,
      EXISTS (SELECT 1 FROM device_map) AS is_mapped,
      (SELECT group_concat(guest, ', ') FROM (SELECT DISTINCT guest FROM device_map
        WHERE host = stall.machine AND host_device = stall.device ORDER BY guest)) AS guests
    FROM \(evidence.from(.queueStall, as: "stall"))
    JOIN (SELECT machine, device, max(p50_ns) AS p50_ns FROM stage WHERE stage = 'D2C'
      GROUP BY machine, device) AS usual
      ON usual.machine = stall.machine AND usual.device = stall.device
    WHERE length_ns >= \(Evidence.number(evidence.value(of: told) * 1e6))
      AND length_ns >= \(Evidence.number(evidence.value(of: ratio))) * usual.p50_ns
      AND (held + joined >= 2 OR is_open AND held + joined >= \(Self.neverCompleted)) AND \(condition)
      AND NOT EXISTS (SELECT 1 FROM pause
        WHERE (pause.guest = stall.machine
            OR pause.is_host_still = 1 AND stall.hop = \(SQLText.literal(Hop.hardwareQueue.name)))
          AND min(pause.to_ns, stall.at_ns + stall.length_ns) - max(pause.from_ns, stall.at_ns)
            >= max(stall.length_ns, pause.length_ns) / 2)
      AND (stall.hop = \(SQLText.literal(Hop.hardwareQueue.name)) OR NOT EXISTS (SELECT 1 FROM device_map
        WHERE guest = stall.machine AND guest_device = stall.device))
    GROUP BY stall.machine, stall.device, stall.hop ORDER BY longest_ns DESC, machine, device
    """
  }
}
