internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// A disk was at a limit on its I/O.
  static let limitReached = Finding.Code("LIMIT_REACHED")
}

/// A guest's disk was at a limit that somebody set on its I/O: not slow, but held back.
struct LimitReached: Rule {
  let code = Finding.Code.limitReached
  let topic = Topic.queues
  let about = Subject.cause(
    Suspect(
      .throughput, "a limit on I/O", causes: [.throttle],
      without: "the host's block and scheduler traces, or the limits of the guest's disks",
      """
      SELECT 1 WHERE EXISTS (SELECT 1 FROM configuration WHERE kind = 'limit')
        OR EXISTS (SELECT 1 FROM counter_value WHERE tool IN ('nvme amzn', 'cpu.stat'))
        OR EXISTS (SELECT 1 FROM device_map) AND EXISTS (SELECT 1 FROM thread_wait WHERE guest IS NOT NULL)
      """))
  let thresholds: [Threshold] = []

  func inputs(of _: Finding) -> Set<Evidence.Kind> { [.guestBlocks] }

  var judgesSelections: Set<Evidence.Kind>? { [.guestBlocks] }

  func findings(_ evidence: Evidence) throws -> [Finding] {
    // A host's file seldom says whose disk it means: with several guests it may be another's.
    let guests =
      try evidence.rows(
        "SELECT count(DISTINCT machine) AS guests FROM source WHERE layer = 'guest'"
      ).first?.integer("guests") ?? 0
    return try allowances(evidence) + quotas(evidence) + counted(evidence)
      + evidence.rows(Self.sql("1", evidence)).compactMap { row in
        guard let guest = row.text("guest"), let device = row.text("device"),
          let unit = row.text("unit"), let rate = row.number("rate"), let ios = row.integer("ios"),
          let held = row.number("held_depth"), let from = row.integer("from_ns")
        else { return nil }
        let isBytes = unit == "bytes"
        let stated = row.number("setting_value")
        let value = LimitCorrelation.Limit.words(stated ?? rate, isBytes: isBytes)
        let operation = row.text("op").flatMap { $0 == "all" ? nil : " for \($0)s" } ?? ""
        var sentence =
          "\(try evidence.disk(device, of: guest)): from \(try evidence.moment(from, of: guest)) on, an I/O limit of \(value)\(operation) held its "
          + "requests back. \(Quantity.count(ios, "I/O")) came through at an even rate of "
          + "\(LimitCorrelation.Limit.words(rate, isBytes: isBytes)) while "
          + "\(Quantity.decimal(held, digits: 1)) waited on average."
        if let busy = row.number("busy_below_pct") {
          sentence +=
            " The host's disk had one of them in \(Quantity.decimal(busy, digits: 1)) % of that time."
        }
        if let path = row.text("path"), let name = row.text("setting_name"), let stated {
          let object = row.text("setting_object").flatMap { $0.isEmpty ? nil : " of \($0)" } ?? ""
          let file = path.split(separator: "/").last.map(String.init) ?? path
          sentence +=
            " \(file) states the limit\(object): \(name) \(Quantity.decimal(stated, digits: 0))."
        }
        let isInferred = stated == nil
        return Finding(
          code, .warning, guest: guest, sentence: Printable.text(sentence),
          confidence: isInferred || guests > 1 || row.number("busy_below_pct") == nil
            ? .medium : .high,
          because: isInferred
            ? "No file states a limit. The rate is even, the host's disk and the threads between were idle, and "
              + "requests waited all the time: nothing else does that."
            : "The rate is within 2 % of the limit that a file states, and requests waited all the time."
              + (guests > 1
                ? " There are \(guests) guests; the file may mean another's disk." : ""),
          evidenceSQL: Self.sql(
            "guest = \(Evidence.literal(guest)) AND device = \(Evidence.literal(device))", evidence),
          nextStep:
            "This is a limit, not a slow disk: raise it (virsh blkdeviotune, block_set_io_throttle, io.max, the "
            + "provider's disk type), or ask for less. Tuning queues does not help.",
          extent: (try evidence.cause(of: guest, [.throttle], names: [Self.name(row)])
            ?? Finding.Extent(
              from: from, to: row.integer("to_ns"), error: row.integer("error_ns") ?? 0))
            .at([Finding.Extent.place(guest, device)]))
      }
  }

  /// What the cause of a phase is called that comes from it.
  private static func name(_ row: QueryRow) -> String {
    "I/O limit of "
      + LimitCorrelation.Limit.words(
        row.number("setting_value") ?? row.number("rate") ?? 0, isBytes: row.text("unit") == "bytes"
      )
  }

  private static func sql(_ condition: String, _ evidence: Evidence) -> String {
    """
    SELECT guest, device, op, unit, from_ns, to_ns, error_ns, rate, rate / 1e6 AS rate_per_us, ios, held_depth,
      100.0 * busy_below_share AS busy_below_pct, setting_object, setting_name, setting_value,
      setting_value / 1e6 AS setting_per_us,
      (SELECT path FROM configuration WHERE kind = 'limit' AND name = setting_name
        AND object IS setting_object AND CAST(value AS REAL) = setting_value ORDER BY path, line LIMIT 1) AS path
    FROM \(evidence.from(.limit)) WHERE \(condition)
    ORDER BY guest, device
    """
  }
}
