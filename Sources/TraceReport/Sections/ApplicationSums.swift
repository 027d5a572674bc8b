internal import TraceModel
internal import TraceStore

/// What fio says of whole jobs, beside Q to C of the same I/Os where the guest's block trace shows them.
enum ApplicationSums {
  /// Jobs that are shown.
  private static let most = 8
  /// The part of the I/Os of one that the other has, at least.
  private static let alike = 0.9

  /// What a job did in one direction.
  private struct Job {
    let machine: String
    let object: String
    var ios: Int64 = 0
    var time: Int64 = 0
    var mean: Double?
    var levels: [String: Int64] = [:]
    /// On the timeline; nil where nothing ties the run to it.
    var from: Int64?
    var to: Int64?

    /// ns; nil where fio did not measure it.
    var average: Double? { ios > 0 && time > 0 ? Double(time) / Double(ios) : mean }
  }

  static func facts(_ file: IncidentFile, _ request: ReportRequest) throws -> [Fact] {
    try jobs(file).filter { request.filter.guest ?? $0.machine == $0.machine }.prefix(most)
      .compactMap { try fact($0, file) }
  }

  private static func jobs(_ file: IncidentFile) throws -> [Job] {
    var jobs: [Job] = []
    for row in try file.rows(
      """
      SELECT machine, object, counter, nature, value, delta, at_ns FROM counter_value
      WHERE tool = 'fio' ORDER BY machine, object, wall_ns, source_id, line
      """)
    {
      guard let machine = row.text("machine"), let object = row.text("object"),
        let counter = row.text("counter")
      else { continue }
      if jobs.last?.machine != machine || jobs.last?.object != object {
        jobs.append(Job(machine: machine, object: object))
      }
      var job = jobs[jobs.count - 1]
      if let at = row.integer("at_ns") {
        job.from = min(job.from ?? at, at)
        job.to = max(job.to ?? at, at)
      }
      switch counter {
      case "ios": job.ios += row.integer("delta") ?? 0
      case "latency_ns": job.time += row.integer("delta") ?? 0
      case "mean_ns": job.mean = row.number("value")
      // Sums grow while the job runs: the last is of all of it.
      default: job.levels[counter] = row.integer("value")
      }
      jobs[jobs.count - 1] = job
    }
    return jobs
  }

  private static func fact(_ job: Job, _ file: IncidentFile) throws -> Fact? {
    // `db write 4096`, `db write` where sizes differ.
    var words = job.object.split(separator: " ")
    let size = words.count > 2 ? words.last.flatMap { Int64($0) } : nil
    if size != nil { words.removeLast() }
    guard words.count >= 2, let way = words.popLast() else { return nil }
    var parts: [String] = []
    if job.ios > 0 { parts.append(Quantity.ios(Int(job.ios))) }
    if let mean = job.average { parts.append("\(Quantity.time(mean)) on average") }
    for (name, label) in [("p50", "half within"), ("p99", "99 % within")] {
      if let level = job.levels["lat_\(name)_ns"] ?? job.levels["clat_\(name)_ns"] {
        parts.append("\(label) \(Quantity.time(level))")
      }
    }
    if let most = job.levels["lat_max_ns"] { parts.append("longest \(Quantity.time(most))") }
    guard !parts.isEmpty else { return nil }
    var text =
      "\(way)s\(size.map { " of \(Quantity.count($0)) B" } ?? ""): " + parts.joined(separator: ", ")
    if let beside = try beside(job, String(way), size, file) { text += "; " + beside }
    return Fact(Printable.text(words.joined(separator: " ")), Printable.text(text))
  }

  /// The guest's I/Os of the same time, direction and size.
  private static func beside(
    _ job: Job, _ way: String, _ size: Int64?, _ file: IncidentFile
  ) throws -> String? {
    guard let from = job.from, let to = job.to, from < to, let mean = job.average, job.ios > 0,
      let row = try file.rows(
        """
        SELECT count(*) AS ios, avg(block_ns) AS mean_ns
        FROM io JOIN (SELECT request_id, comm FROM request) AS asked USING (request_id)
        WHERE guest = \(SQLText.literal(job.machine)) AND comm GLOB 'fio*' AND op = \(SQLText.literal(way))
          AND block_ns IS NOT NULL AND reference_ns BETWEEN \(from) AND \(to)
          \(size.map { "AND sectors = \($0 / 512)" } ?? "")
        """
      ).first, let ios = row.integer("ios"), ios > 0, let traced = row.number("mean_ns")
    else { return nil }
    let words = "\(Quantity.time(traced)) from Q to C (\(Quantity.ios(Int(ios))))"
    guard Double(min(ios, job.ios)) >= alike * Double(max(ios, job.ios)) else {
      return words + ": these are not the same I/Os"
    }
    return mean >= traced
      ? words + ", \(Quantity.time(mean - traced)) above Q"
      : words + ": fio did not wait for the disk (buffered writes)"
  }
}
