internal import TraceModel
internal import TraceStore

/// Two machines have the same trace or log, byte for byte: a file was copied into the wrong folder, and what it
/// shows would count for both.
struct CopiedTraces: Rule {
  let code = Finding.Code.traceIncomplete
  let topic = Topic.files
  let about = Subject.input
  let thresholds: [Threshold] = []

  func findings(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.sql("1")).compactMap { row in
      guard let machine = row.text("machine"), let other = row.text("other_machine"),
        let files = row.integer("files"), let path = row.text("path"),
        let otherPath = row.text("other_path")
      else { return nil }
      let more =
        files == 1
        ? "" : files == 2 ? ", and 1 more file" : ", and \(Quantity.count(files - 1)) more files"
      return Finding(
        code, .warning, guest: nil,
        sentence: Printable.text(
          "\(path) of \(machine) is byte for byte \(otherPath) of \(other)\(more): for one of the two machines there "
            + "is no trace of its own."),
        confidence: .high,
        because: "No two machines write the same times; the sums (SHA-256) of the files are equal.",
        evidenceSQL: Self.sql(
          "own.machine = \(Evidence.literal(machine)) AND other.machine = \(Evidence.literal(other))"
        ),
        nextStep:
          "Take the copy out and ingest into a new incident file; nothing that is said of both can be believed before."
      )
    }
  }

  private static func sql(_ condition: String) -> String {
    """
    SELECT own.machine, other.machine AS other_machine, count(*) AS files, min(own.path) AS path,
      min(other.path) AS other_path
    FROM source AS own JOIN source AS other ON other.sha256 = own.sha256
      AND other.machine <> own.machine AND other.source_id < own.source_id
    WHERE own.first_ns < own.last_ns AND \(condition)
    GROUP BY own.machine, other.machine ORDER BY own.machine, other.machine
    """
  }
}
