internal import TraceModel
internal import TraceStore

extension Finding.Code {
  /// The files are not of one capture.
  static let capturesMixed = Finding.Code("CAPTURES_MIXED")
}

/// The files are not of one capture: two recordings of one machine (in two files or one), a guest and a host the wrong
/// way round, or a guest and a host of different times.
///
/// Each is recognised from what cannot be otherwise. A guest whose disk is on no traced device is none of them: that
/// is what `NotJoined` reports.
struct CapturesMixed: Rule {
  let code = Finding.Code.capturesMixed
  let topic = Topic.files
  let about = Subject.input
  let thresholds: [Threshold] = []

  /// Guest and host of one capture are not further apart by their wall clocks, even if those are not well set, ns.
  private static let nearestApart: Int64 = 60_000_000_000
  /// From here on no clock of a machine that keeps time is the reason, ns.
  private static let certainlyApart: Int64 = 3_600_000_000_000
  /// Requests of each of two recordings that could be in the other one, below which nothing is concluded.
  private static let fewestRequests: Int64 = 20
  /// Part of a host's requests that must begin where one of the guest does, and enclose it, in percent; merges and
  /// splits have other beginnings.
  private static let leastEnclosing = 30.0
  /// Pairs of sources that are compared request by request.
  private static let mostPairs = 8

  func findings(_ evidence: Evidence) throws -> [Finding] {
    let spans = try evidence.wallSpans()
    let swapped = try swapped(evidence)
    return try (swapped.isEmpty ? swappedThreads(evidence) : swapped)
      + recordedTwice(evidence, spans) + appended(evidence)
      + twoMachines(evidence) + otherDates(evidence, spans) + apart(evidence, spans)
  }

  private static let once =
    "Ingest the files of one capture into one incident file; compare two captures with 'hiddenq compare'."

  // MARK: - The wrong way round

  private func swapped(_ evidence: Evidence) throws -> [Finding] {
    var told: Set<String> = []
    return try evidence.swappedSides().compactMap { sides in
      let sql = sides.sql
      guard !told.contains(sides.guest.name), let row = try evidence.rows(sql).first,
        let requests = row.integer("requests"),
        let enclosing = row.integer("enclosing"), let share = row.number("enclosing_pct"),
        enclosing >= Self.fewestRequests, share >= Self.leastEnclosing
      else { return nil }
      told.insert(sides.guest.name)
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Guest and host are the wrong way round. \(Quantity.count(enclosing)) of the "
            + "\(Quantity.count(requests, "request")) (\(Quantity.decimal(share, digits: 1)) %) that host "
            + "\(sides.host.name) issued to its \(sides.host.device) enclose a request of guest "
            + "\(sides.guest.name) to \(sides.guest.device) from Q to C."),
        confidence: .high,
        because:
          "A guest's request encloses the host's request that carries it, from D to C. The other way round it "
          + "would reach the host before the guest sent it. All other findings are withheld.",
        evidenceSQL: sql,
        nextStep: Printable.text(
          "Ingest into a new incident file with the sides exchanged: the files of \(sides.host.name) with --guest, "
            + "those of \(sides.guest.name) with --host."))
    }
  }

  // MARK: - Two recordings of one machine

  /// Two block traces of one device that are no forms of one trace. blktrace records a device once at a time.
  private func recordedTwice(_ evidence: Evidence, _ spans: [WallSpan]) throws -> [Finding] {
    var told: Set<String> = []
    var tried = 0
    return try evidence.rows(Self.pairs).compactMap { row in
      guard let one = row.integer("one"), let other = row.integer("other"),
        let machine = row.text("machine"), let layer = row.text("layer"),
        let device = row.text("device"), let path = row.text("path"),
        let otherPath = row.text("other_path"), !told.contains(machine)
      else { return nil }
      let walls = [one, other].compactMap { source in
        spans.first { $0.source == source && $0.isTrace }
      }
      let reason: String
      let sql: String
      if walls.count == 2 {
        // Two tools may have recorded one after the other.
        guard
          walls[0].gap(to: walls[1])
            > (walls[0].format == walls[1].format ? 0 : Self.certainlyApart)
        else { return nil }
        sql = Self.spanSQL("source_id IN (\(one), \(other))", by: "source_id, path")
        let moments = try evidence.rows(sql)
        guard moments.count == 2, let first = Self.moments(moments[0]),
          let second = Self.moments(moments[1])
        else { return nil }
        reason = "One is of \(first), the other of \(second) UTC"
      } else {
        guard row.integer("overlap_ns") ?? 0 > 0, row.integer("is_one_clock") == 1,
          tried < Self.mostPairs
        else { return nil }
        tried += 1
        sql = Self.sharedSQL(
          one, other, device, isExclusive: row.text("tool_clock") == "blktrace")
        guard let shared = try evidence.rows(sql).first, let own = shared.integer("requests"),
          let its = shared.integer("other_requests"), let both = shared.integer("in_both"),
          own >= Self.fewestRequests, its >= Self.fewestRequests, both * 10 < min(own, its)
        else { return nil }
        reason =
          "In the time that both cover, one has \(Quantity.count(own, "request")) and the other "
          + "\(Quantity.count(its)), of which \(Quantity.count(both)) are the same"
      }
      told.insert(machine)
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Two recordings of \(layer) \(machine) are in one incident file: \(path) and \(otherPath) are both of its "
            + "device \(device). \(reason)."),
        confidence: .high,
        because:
          "Two forms of one trace have the same requests. Sums over two recordings belong to neither of them, so "
          + "all other findings are withheld.",
        evidenceSQL: sql, nextStep: Self.once)
    }
  }

  /// Block traces in use that share a machine and a device.
  private static let pairs = """
    WITH used AS (
      SELECT DISTINCT source.source_id, source.machine, layer, path, tool_clock, first_ns, last_ns, stage.device
      FROM source JOIN stage USING (source_id)
      WHERE duplicate_of IS NULL AND stage.stage = 'D2C' AND stage.count >= \(fewestRequests))
    SELECT one.source_id AS one, other.source_id AS other, one.machine, one.layer, one.device, one.path,
      other.path AS other_path, one.tool_clock, one.tool_clock = other.tool_clock AS is_one_clock,
      min(one.last_ns, other.last_ns) - max(one.first_ns, other.first_ns) AS overlap_ns
    FROM used AS one JOIN used AS other
      ON other.machine = one.machine AND other.device = one.device AND other.source_id > one.source_id
    ORDER BY one.machine, one.source_id, other.source_id, one.device
    """

  /// Of two traces with one kind of clock: requests in the time that both cover, of operations and CPUs that both
  /// have, and those that both saw at the same moment. A filter by operation or CPU leaves nothing to compare; of
  /// tools that several people may run at once, a filter by process does not either.
  private static func sharedSQL(
    _ one: Int64, _ other: Int64, _ device: String, isExclusive: Bool
  ) -> String {
    func requests(of source: Int64) -> String {
      """
      SELECT op, issued_cpu, \(isExclusive ? "NULL AS comm" : "comm"), sector, sectors, issued_ns FROM request
        WHERE source_id = \(source) AND device = \(Evidence.literal(device)) AND sectors > 0
          AND issued_ns BETWEEN (SELECT from_ns FROM span) AND (SELECT to_ns FROM span)
          AND completed_ns IS NOT NULL
      """
    }
    return """
      WITH span AS (
        SELECT max(first_ns) AS from_ns, min(last_ns) AS to_ns FROM source WHERE source_id IN (\(one), \(other))),
      one AS MATERIALIZED (
        \(requests(of: one))),
      other AS MATERIALIZED (
        \(requests(of: other))),
      kind AS (
        SELECT op, issued_cpu, comm FROM one INTERSECT SELECT op, issued_cpu, comm FROM other)
      SELECT
        (SELECT count(*) FROM one JOIN kind ON one.op = kind.op AND one.issued_cpu IS kind.issued_cpu
          AND one.comm IS kind.comm) AS requests,
        (SELECT count(*) FROM other JOIN kind ON other.op = kind.op AND other.issued_cpu IS kind.issued_cpu
          AND other.comm IS kind.comm) AS other_requests,
        (SELECT count(*) FROM (SELECT sector, sectors, issued_ns / 1000 FROM one
          INTERSECT SELECT sector, sectors, issued_ns / 1000 FROM other)) AS in_both
      """
  }

  /// Texts of several recordings, one behind the other.
  private func appended(_ evidence: Evidence) throws -> [Finding] {
    var told: Set<String> = []
    return try evidence.rows(Self.appended("1")).compactMap { row in
      guard let source = row.integer("source_id"), let path = row.text("path"),
        let line = row.integer("line"),
        let machine = row.text("machine"), let layer = row.text("layer"),
        told.insert(path).inserted
      else { return nil }
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "\(path) of \(layer) \(machine) holds two recordings. In line \(Quantity.count(line)) its time falls back, and "
            + "the events that follow are not the earlier ones of that time."),
        confidence: .high,
        because:
          "The same trace once more would have the same events. Sums over two recordings belong to neither of them, "
          + "so all other findings are withheld.",
        evidenceSQL: Self.appended("source_id = \(source)"),
        nextStep:
          "Split the file before line \(line) (head -n \(line - 1), tail -n +\(line)), and ingest each recording into an "
          + "incident file of its own. Add the other side's trace of the same time. Parts of one recording in a wrong "
          + "order: sort the text by its time column.")
    }
  }

  private static func appended(_ condition: String) -> String {
    """
    SELECT source_id, path, machine, layer, line, count AS recordings FROM problem JOIN source USING (source_id)
    WHERE kind = 'another_recording' AND duplicate_of IS NULL AND \(condition) ORDER BY source_id, line
    """
  }

  // MARK: - Names and dates

  /// Files of one machine whose heads name two.
  func otherHostNames(_ evidence: Evidence) throws -> [Finding] {
    try evidence.rows(Self.names("1")).compactMap { row in
      guard let machine = row.text("machine"), let layer = row.text("layer"),
        let name = row.text("host_name"), let other = row.text("other_name"),
        let path = row.text("path"), let otherPath = row.text("other_path")
      else { return nil }
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "Files of two machines were ingested as \(layer) \(machine): \(path) was recorded on \(name), \(otherPath) on "
            + "\(other)."),
        confidence: .high,
        because:
          "The heads of the files name the machine that recorded them. All other findings are withheld.",
        evidenceSQL: Self.names("machine = \(Evidence.literal(machine))"),
        nextStep:
          "Ingest into a new incident file, the files of each machine under a name of their own.")
    }
  }

  /// `web1` and `web1.example.org` are one name.
  private static func names(_ condition: String) -> String {
    """
    WITH named AS (
      SELECT source_id, machine, layer, path,
        lower(substr(value, 1, instr(value || '.', '.') - 1)) AS host_name
      FROM header JOIN source USING (source_id) WHERE header.name = 'hostname' AND value <> '')
    SELECT machine, layer, min(host_name) AS host_name, max(host_name) AS other_name,
      (SELECT path FROM named AS one WHERE one.machine = named.machine
        ORDER BY host_name, source_id LIMIT 1) AS path,
      (SELECT path FROM named AS one WHERE one.machine = named.machine
        ORDER BY host_name DESC, source_id LIMIT 1) AS other_path
    FROM named WHERE \(condition) GROUP BY machine HAVING min(host_name) <> max(host_name) ORDER BY machine
    """
  }

  /// Files of one machine in two groups that lie far apart in time, with recordings of the same kinds in both.
  private func otherDates(_ evidence: Evidence, _ spans: [WallSpan]) throws -> [Finding] {
    // A single reading begins or ends a capture; only what went on for a while is one.
    let lasting = spans.filter { $0.to > $0.from }
    return try Dictionary(grouping: lasting, by: \.machine).sorted { $0.key < $1.key }.compactMap {
      machine, own in
      let sorted = own.sorted { ($0.from, $0.source) < ($1.from, $1.source) }
      guard let first = sorted.first else { return nil }
      var end = first.to
      for place in sorted.indices.dropFirst() {
        defer { end = max(end, sorted[place].to) }
        let (before, after) = (sorted[..<place], sorted[place...])
        guard
          sorted[place].from.subtractingReportingOverflow(end).partialValue > Self.certainlyApart
        else { continue }
        let shared = Set(before.map(\.format)).intersection(after.map(\.format))
        let isTraced = before.contains { $0.isTrace && shared.contains($0.format) }
        guard shared.count >= 2 || isTraced else { continue }
        let sql = Self.spanSQL(
          "source_id IN (\(own.map { "\($0.source)" }.joined(separator: ", ")))",
          by: "machine, begin_ns > \(end)")
        let rows = try evidence.rows(sql)
        guard rows.count == 2, let one = Self.moments(rows[0]), let other = Self.moments(rows[1])
        else { continue }
        return Finding(
          code, .critical, guest: nil,
          sentence: Printable.text(
            "Files of \(first.layer.rawValue) \(machine) are of two times: of \(one) and of \(other) UTC, with the same "
              + "kinds of recordings in both."),
          confidence: .medium,
          because:
            "That is by the dates in the files; a wall clock may be wrong, but hardly differently in the files of one "
            + "machine. Sums over two captures belong to neither of them, so all other findings are withheld.",
          evidenceSQL: sql, nextStep: Self.once)
      }
      return nil
    }
  }

  // MARK: - A guest and a host of different times

  /// A guest of which nothing fits the hosts, and whose files are of another time than theirs.
  private func apart(_ evidence: Evidence, _ spans: [WallSpan]) throws -> [Finding] {
    let hosts = Self.telling(spans.filter { $0.layer == .host })
    guard !hosts.isEmpty else { return [] }
    let matched = Set(
      try evidence.rows("SELECT DISTINCT guest FROM device_map").compactMap { $0.text("guest") })
    let guests = Dictionary(grouping: spans.filter { $0.layer == .guest }, by: \.machine)
    return try guests.sorted { $0.key < $1.key }.compactMap { guest, all in
      guard !matched.contains(guest) else { return nil }
      let own = Self.telling(all)
      let gaps = own.flatMap { one in hosts.map { one.gap(to: $0) } }
      guard let nearest = gaps.min(), nearest > Self.nearestApart else { return nil }
      let sources = (own + hosts).map { "\($0.source)" }.joined(separator: ", ")
      let sql = Self.spanSQL("source_id IN (\(sources))", by: "layer")
      let rows = try evidence.rows(sql)
      guard rows.count == 2, let ours = Self.moments(rows[0]), let theirs = Self.moments(rows[1])
      else { return nil }
      return Finding(
        code, .critical, guest: nil,
        sentence: Printable.text(
          "The files of guest \(guest) and those of the host are of different times: \(ours) and \(theirs) UTC."
        ),
        confidence: nearest > Self.certainlyApart ? .high : .medium,
        because:
          "The guest's I/Os match no I/O of the host, and by their clocks the two traces are of different times. All "
          + "other findings are withheld: a host's trace of another time does not explain this guest.",
        evidenceSQL: sql,
        nextStep:
          "See that both sides are of the same incident, and that both wall clocks are right (date -u on guest and host). "
          + "Record guest and host over the same time. To look at one side alone, ingest only its files."
      )
    }
  }

  /// The time of a capture is that of its traces, else that of its counter logs.
  private static func telling(_ spans: [WallSpan]) -> [WallSpan] {
    let traces = spans.filter(\.isTrace)
    return traces.isEmpty ? spans : traces
  }

  // MARK: - Moments

  /// When sources were recorded, in groups, the earliest first.
  private static func spanSQL(_ condition: String, by group: String) -> String {
    """
    SELECT machine, layer, count(*) AS files, datetime(min(begin_ns) / 1000000000, 'unixepoch') AS begins,
      datetime(max(end_ns) / 1000000000, 'unixepoch') AS ends
    FROM (
      SELECT source_id, path, machine, layer,
        CASE tool_clock WHEN 'wall' THEN first_ns ELSE start_ns + first_ns END AS begin_ns,
        CASE tool_clock WHEN 'wall' THEN last_ns ELSE start_ns + last_ns END AS end_ns
      FROM source WHERE \(condition))
    GROUP BY \(group) ORDER BY layer, min(begin_ns)
    """
  }

  /// `2026-11-22 07:55:04 to 07:55:33`.
  private static func moments(_ row: QueryRow) -> String? {
    guard let begins = row.text("begins"), let ends = row.text("ends") else { return nil }
    return begins == ends ? begins : "\(begins) to \(ends)"
  }
}

/// When a source was recorded, by its wall clock.
struct WallSpan {
  let source: Int64
  let machine: String
  let layer: Layer
  let format: String
  /// Of a block or scheduler trace; else of a log of counters.
  let isTrace: Bool
  /// ns since 1970 in UTC; widened where the zone is not known.
  let from: Int64
  let to: Int64

  /// From the end of one to the begin of the other, ns; below zero where they overlap.
  func gap(to other: WallSpan) -> Int64 {
    max(
      other.from.subtractingReportingOverflow(to).partialValue,
      from.subtractingReportingOverflow(other.to).partialValue)
  }
}

extension Evidence {
  /// The sources in use of which the time of day is known.
  func wallSpans() throws -> [WallSpan] {
    // The local time of a file that does not name its zone may be as far from UTC.
    let zones: Int64 = 14 * 3_600_000_000_000
    // A moment before 1971 or after 2200 is that of a clock that was never set.
    let possible: ClosedRange<Int64> = 31_536_000_000_000_000...7_258_118_400_000_000_000
    return try rows(
      """
      SELECT source_id, machine, layer, format, tool_clock = 'wall' AS is_log,
        EXISTS (SELECT 1 FROM counter_moment AS moment WHERE moment.source_id = source.source_id
          AND wall_ns IS NOT NULL AND utc_offset_s IS NULL)
        OR EXISTS (SELECT 1 FROM vmstat_sample AS sample WHERE sample.source_id = source.source_id
          AND utc_offset_s IS NULL AND coalesce(wall_ns, run_wall_ns) IS NOT NULL) AS is_local,
        CASE tool_clock WHEN 'wall' THEN first_ns ELSE start_ns + first_ns END AS begin_ns,
        CASE tool_clock WHEN 'wall' THEN last_ns ELSE start_ns + last_ns END AS end_ns
      FROM source
      WHERE duplicate_of IS NULL AND refused = 0 AND first_ns IS NOT NULL AND last_ns IS NOT NULL
        AND (tool_clock = 'wall' OR start_clock = 'CLOCK_REALTIME')
      ORDER BY source_id
      """
    ).compactMap { row in
      guard let source = row.integer("source_id"), let machine = row.text("machine"),
        let layer = row.text("layer").flatMap(Layer.init(rawValue:)),
        let format = row.text("format"),
        let begin = row.integer("begin_ns"), let end = row.integer("end_ns"),
        possible.contains(begin), possible.contains(end), begin <= end
      else { return nil }
      let isLog = row.integer("is_log") == 1
      let slack = row.integer("is_local") == 1 ? zones : 0
      return WallSpan(
        source: source, machine: machine, layer: layer, format: format, isTrace: !isLog,
        from: begin - slack, to: end + slack)
    }
  }

  /// Pairs of a guest's disk and a host's device that only fit the other way round.
  func swappedSides() throws -> [SwappedSides] {
    try rows(SwappedSidesRow.sql).flatMap { row in
      try (row.text("line") ?? "").split(separator: "\n").compactMap { line in
        guard let row = SwappedSidesRow(line), let guest = try side(row.guestStream),
          let host = try side(row.hostStream)
        else { return nil }
        return SwappedSides(row, guest: guest, host: host)
      }
    }
  }

  private func side(_ stream: Int64) throws -> SwappedSides.Side? {
    try rows(
      """
      SELECT machine, device, source_id FROM block_stream JOIN source USING (source_id)
      WHERE stream_id = \(stream)
      """
    ).first.flatMap { row in
      guard let machine = row.text("machine"), let device = row.text("device"),
        let source = row.integer("source_id")
      else { return nil }
      return SwappedSides.Side(name: machine, device: device, source: source)
    }
  }
}

/// A guest's disk and a host's device whose requests fit each other only the other way round.
struct SwappedSides {
  /// One of them.
  struct Side {
    /// The machine, as it was ingested.
    let name: String
    /// The device, major,minor.
    let device: String
    /// The trace of it.
    let source: Int64
  }

  let guest: Side
  let host: Side
  /// Counts the requests of the host's device, and those that enclose one of the guest's disk.
  let sql: String

  /// Pieces of the map that the statement names.
  static let mostExtents = 64

  init(_ row: SwappedSidesRow, guest: Side, host: Side) {
    self.guest = guest
    self.host = host
    let extents = row.extents.prefix(Self.mostExtents).map(Self.values).joined(separator: ", ")
    let drift = Evidence.number(Double(row.driftPPB) / 1000)
    // Both ends within the bound of the clock, which is known at the ends of the trace.
    func onGuestsClock(_ column: String) -> String {
      ClockDrift.reference(column, offset: "\(row.offset)", drift: drift)
    }
    sql = """
      WITH extent(low, high, delta) AS (VALUES \(extents)),
      host_side AS MATERIALIZED (
        SELECT request_id, op, sector, \(onGuestsClock("issued_ns")) - \(row.error) AS from_ns,
          \(onGuestsClock("completed_ns")) + \(row.error) AS to_ns
        FROM request WHERE source_id = \(host.source) AND device = \(Evidence.literal(host.device))
          AND sectors > 0 AND issued_ns IS NOT NULL AND completed_ns IS NOT NULL),
      placed AS MATERIALIZED (
        SELECT request_id, op, sector + delta AS sector, from_ns, to_ns
        FROM host_side JOIN extent ON sector BETWEEN low AND high),
      guest_side AS MATERIALIZED (
        SELECT op, sector, queued_ns, completed_ns FROM request
        WHERE source_id = \(guest.source) AND device = \(Evidence.literal(guest.device))
          AND sectors > 0 AND queued_ns IS NOT NULL AND completed_ns IS NOT NULL),
      enclosing AS (
        SELECT count(DISTINCT placed.request_id) AS enclosing FROM placed JOIN guest_side
          ON guest_side.sector = placed.sector AND guest_side.op = placed.op
          AND guest_side.queued_ns >= placed.from_ns AND guest_side.completed_ns <= placed.to_ns)
      SELECT count(*) AS requests, enclosing, 100.0 * enclosing / count(*) AS enclosing_pct
      FROM host_side JOIN enclosing
      """
  }

  private static func values(_ extent: SwappedSidesRow.Extent) -> String {
    "(\(extent.low), \(extent.high), \(extent.delta))"
  }
}
