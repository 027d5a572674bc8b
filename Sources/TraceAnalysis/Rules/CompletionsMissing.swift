internal import TraceModel
internal import TraceStore

/// Issued requests lack their completions in the trace, or completions their issue, so that their duration is unknown.
struct CompletionsMissing: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  private let part = Threshold(
    "completions-missing", 10, "%",
    "minimum of issued requests without a completion, apart from those in flight at the end of the trace, for a warning"
  )
  var thresholds: [Threshold] { [part] }

  /// Fewer requests may just be in flight at an end of the trace.
  private static let fewest: Int64 = 20

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let suspects = try evidence.rows(Self.suspects)
    guard !suspects.isEmpty else { return try missingFiles(evidence, named: []) }
    let wanted = Set(
      suspects.compactMap { row in
        row.integer("source_id").map { "\($0) \(row.text("device") ?? "")" }
      })
    var named: Set<Int64> = []
    var found: [Finding] = []
    for row in try evidence.rows(Self.sql("1")) {
      guard let source = row.integer("source_id"), let device = row.text("device"),
        wanted.contains("\(source) \(device)"),
        let finding = try judge(evidence, row, source, device)
      else { continue }
      named.insert(source)
      found.append(finding)
    }
    return try found + missingFiles(evidence, named: named)
  }

  /// Devices of which far fewer requests were seen ending than beginning, or none: by the stages, which are
  /// counted anyway. A device without a stage has no request of which two moments are known.
  private static let suspects = """
    SELECT block_stream.source_id, block_stream.device FROM block_stream
    JOIN source USING (source_id)
    LEFT JOIN stage ON stage.source_id = block_stream.source_id AND stage.device = block_stream.device
      AND stage.segment = block_stream.segment
    WHERE source.duplicate_of IS NULL
    GROUP BY block_stream.source_id, block_stream.device, block_stream.segment
    HAVING coalesce(sum(CASE WHEN stage.stage IN ('D2C', 'Q2C') THEN stage.count END), 0) = 0
      OR max(CASE WHEN stage.stage IN ('D2C', 'Q2C') THEN stage.count ELSE 0 END)
        < 0.95 * max(CASE WHEN stage.stage IN ('Q2Q', 'Q2G', 'I2D') THEN stage.count ELSE 0 END)
    """

  /// Requests of the trace's last second may be in flight when it ends; of a short trace, those of its last tenth.
  private static func sql(_ condition: String) -> String {
    """
    SELECT source_id, request.device, source.machine, source.layer, path, lost_events,
      count(issued_ns) AS issued, count(completed_ns) AS completed, count(queued_ns) AS queued,
      count(CASE WHEN completed_ns IS NOT NULL THEN issued_ns END) AS whole,
      sum(issued_ns < last_ns - min(1000000000, (last_ns - first_ns) / 10)) AS early,
      sum(completed_ns IS NULL AND issued_ns < last_ns - min(1000000000, (last_ns - first_ns) / 10))
        AS open,
      100.0 * sum(completed_ns IS NULL AND issued_ns < last_ns - min(1000000000, (last_ns - first_ns) / 10))
        / sum(issued_ns < last_ns - min(1000000000, (last_ns - first_ns) / 10)) AS open_pct,
      source.layer = 'host' AND EXISTS (SELECT 1 FROM device_map WHERE host = source.machine)
        AND NOT EXISTS (SELECT 1 FROM device_map WHERE host = source.machine AND host_device = request.device)
        AS is_beside,
      (SELECT excerpt FROM problem WHERE problem.source_id = source.source_id
        AND kind = 'missing_cpu_file') AS missing_files
    FROM request JOIN source USING (source_id)
    WHERE sectors > 0 AND \(condition)
    GROUP BY source_id, request.device
    """
  }

  private func judge(
    _ evidence: Evidence, _ row: QueryRow, _ source: Int64, _ device: String
  ) throws -> Finding? {
    guard let issued = row.integer("issued"), let completed = row.integer("completed"),
      let queued = row.integer("queued"), let whole = row.integer("whole"),
      let machine = row.text("machine"), let path = row.text("path")
    else { return nil }
    let place = Printable.text("\(try evidence.disk(device, of: machine)) in \(path)") + ": "
    let files = row.text("missing_files").map { "; \(Printable.text($0))" } ?? ""
    let what: String
    let because: String
    if issued >= Self.fewest, completed == 0 {
      what =
        "none of the \(Quantity.count(issued)) issued requests has its completion (C) in the trace"
      because = "So their time at the device is unknown."
    } else if completed >= Self.fewest, issued == 0, queued == 0 {
      what =
        "\(Quantity.count(completed, "completion")) (C) and no issue (D) of their requests are in the trace"
      because = "So their duration is unknown."
    } else if let open = row.integer("open"), let early = row.integer("early"),
      let share = row.number("open_pct"), open >= Self.fewest, row.integer("lost_events") == 0,
      share >= evidence.value(of: part)
    {
      what =
        "\(Quantity.count(open)) of \(Quantity.count(early)) issued requests "
        + "(\(Quantity.decimal(share, digits: 1)) %) have no completion (C) in the trace, those of its end left out"
      because =
        "Latencies are those of the \(Quantity.count(whole, "request")) of which both ends are there; they may not be "
        + "like the others."
    } else {
      return nil
    }
    let isFile = row.text("missing_files") != nil
    // What is not known of a device below no guest's disk leaves nothing about the guests in doubt.
    let isBeside = row.integer("is_beside") == 1
    return Finding(
      code, isBeside ? .info : .warning, guest: row.text("layer") == "guest" ? machine : nil,
      sentence: place + what + files + (isBeside ? ". No guest's disk is mapped to it." : "."),
      confidence: .high, because: because,
      evidenceSQL: Self.sql(
        "source_id = \(source) AND request.device = \(Evidence.literal(device))"),
      nextStep: isFile
        ? "Copy the missing files of the set too: a completion is in the file of the CPU that took the interrupt."
        : "See that no filter left them out (blktrace -a, blkparse -a, grep, perf record -e): an analysis needs "
          + "queue, issue and complete. Of a binary trace, give the files of all CPUs.")
  }

  /// Sets with a gap in their numbers that no other problem reports.
  private func missingFiles(_ evidence: Evidence, named: Set<Int64>) throws -> [Finding] {
    try evidence.rows(Self.filesSQL("1")).compactMap { row in
      guard let source = row.integer("source_id"), !named.contains(source),
        let path = row.text("path"), let files = row.text("missing_files")
      else { return nil }
      return Finding(
        code, .info, guest: row.text("layer") == "guest" ? row.text("machine") : nil,
        sentence: Printable.text("\(path): \(files)."),
        confidence: .medium,
        because:
          "blktrace writes a file for each CPU, empty or not; a CPU that was offline has none.",
        evidenceSQL: Self.filesSQL("source_id = \(source)"),
        nextStep: "Copy the missing file too, unless that CPU was offline.")
    }
  }

  private static func filesSQL(_ condition: String) -> String {
    """
    SELECT source_id, path, machine, layer, problem.excerpt AS missing_files
    FROM problem JOIN source USING (source_id)
    WHERE problem.kind = 'missing_cpu_file' AND duplicate_of IS NULL AND \(condition)
    ORDER BY source_id
    """
  }
}
