internal import TraceModel
internal import TraceStore

/// The readings of a machine's counters in the order of time, and the longest stretch of them in which something was so.
///
/// They are means over intervals: what lasts for less than a few of them nobody can tell.
struct CounterStretch {
  /// A machine with counters.
  struct Machine {
    let name: String
    let isGuest: Bool
  }

  /// The machines of which a view of traces shows nothing: where it does, traces say it better.
  static func machines(_ evidence: Evidence, without view: String) throws -> [Machine] {
    try evidence.rows(
      """
      SELECT DISTINCT machine, layer FROM source
      WHERE machine NOT IN (SELECT machine FROM source JOIN \(view) USING (source_id, machine)) ORDER BY machine
      """
    ).compactMap { row in
      row.text("machine").map { Machine(name: $0, isGuest: row.text("layer") == "guest") }
    }
  }

  /// A reading.
  struct Reading {
    /// Its interval, ns since 1970 as printed; nil without dates.
    let from: Int64?
    let to: Int64?
    /// The end on the reference timeline, ns; nil where nothing ties the counters to it.
    let at: Int64?
    /// Where it stands.
    let source: Int64?
    let line: Int64?
    let values: [String: Double]

    init(_ row: QueryRow, _ names: [String]) {
      to = row.integer("wall_ns")
      at = row.integer("at_ns")
      (source, line) = (row.integer("source_id"), row.integer("line"))
      from = to.flatMap { end in row.integer("interval_ns").map { end &- $0 } }
      var values: [String: Double] = [:]
      for name in names { values[name] = row.number(name) }
      self.values = values
    }

    subscript(_ name: String) -> Double? { values[name] }
  }

  /// Readings in which it was so, and of all others, at least.
  private static let (least, leastOthers) = (4, 3)
  /// The same where it touches the first or the last reading: tools that begin and end do work themselves.
  private static let leastAtEnds = 6

  let readings: [Reading]
  let range: Range<Int>

  /// Nil where there is no such stretch. One reading that is otherwise does not end it.
  init?(_ readings: [Reading], where isSo: (Reading) -> Bool) {
    var best: Range<Int>?
    var (first, last, missed) = (-1, -1, 0)
    func close() {
      if first >= 0, last + 1 - first > best?.count ?? 0 { best = first..<last + 1 }
      (first, missed) = (-1, 0)
    }
    for (place, reading) in readings.enumerated() {
      if isSo(reading) {
        if first < 0 { first = place }
        (last, missed) = (place, 0)
      } else if first >= 0 {
        missed += 1
        if missed > 1 { close() }
      }
    }
    close()
    guard let best else { return nil }
    let touches = best.lowerBound == 0 || best.upperBound == readings.count
    guard best.count >= (touches ? Self.leastAtEnds : Self.least),
      readings.count - best.count >= Self.leastOthers
    else { return nil }
    (self.readings, range) = (readings, best)
  }

  /// A stretch that somebody else chose.
  init(_ readings: [Reading], _ range: Range<Int>) {
    (self.readings, self.range) = (readings, range)
  }

  /// All stretches of so many readings at least in which it was so; one reading that is otherwise ends none.
  static func all(
    _ readings: [Reading], least: Int, where isSo: (Reading) -> Bool
  ) -> [CounterStretch] {
    var ranges: [Range<Int>] = []
    for place in readings.indices where isSo(readings[place]) {
      if let last = ranges.last, place - last.upperBound <= 1 {
        ranges[ranges.count - 1] = last.lowerBound..<place + 1
      } else {
        ranges.append(place..<place + 1)
      }
    }
    return ranges.filter { range in range.count { isSo(readings[$0]) } >= least }
      .map { CounterStretch(readings, $0) }
  }

  /// The mean of a value within, or of all others; nil where none has it.
  func mean(_ name: String, within: Bool) -> Double? {
    let own = readings.indices.filter { range.contains($0) == within }.compactMap {
      readings[$0][name]
    }
    return own.isEmpty ? nil : own.reduce(0, +) / Double(own.count)
  }

  /// A condition of SQL that holds for the readings within; nil where they have neither dates nor lines.
  var condition: String? {
    let (first, last) = (readings[range.lowerBound], readings[range.upperBound - 1])
    if let from = first.to, let to = last.to { return "wall_ns BETWEEN \(from) AND \(to)" }
    guard let source = first.source, let from = first.line, let to = last.line,
      last.source == source
    else { return nil }
    return "source_id = \(source) AND line BETWEEN \(from) AND \(to)"
  }

  /// What a series is made of: the readings with dates. Where none has one, those of the file with most of them: nobody
  /// knows how files without dates follow each other.
  static func series(_ rows: [QueryRow]) -> [QueryRow] {
    let dated = rows.filter { $0.integer("wall_ns") != nil }
    guard dated.isEmpty else { return dated }
    let files = Dictionary(grouping: rows) { $0.integer("source_id") ?? 0 }
    return files.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.value ?? []
  }

  /// A process and how much it did on average within and otherwise.
  struct TopProcess {
    let tool: String
    let name: String
    let inside: Double
    let outside: Double
  }

  /// The process that did most more within than otherwise, by the first of these tools that tells: in what these counters
  /// count together; nil where no file tells.
  func process(
    _ evidence: Evidence, of machine: String, by tools: [String], _ counters: String...
  ) throws -> TopProcess? {
    guard let condition else { return nil }
    let isDated = readings[range.lowerBound].to != nil
    let names = counters.map(Evidence.literal).joined(separator: ", ")
    for tool in tools {
      // A tool may leave out what did nothing: its readings are counted over all of its rows.
      let own =
        "machine = \(Evidence.literal(machine)) AND tool = \(Evidence.literal(tool)) AND nature <> 'since_boot'"
        + (isDated
          ? " AND wall_ns IS NOT NULL"
          : " AND source_id = \(readings[range.lowerBound].source ?? 0)")
      let moment = isDated ? "wall_ns" : "line"
      let row = try evidence.rows(
        """
        WITH reading AS (
          SELECT count(DISTINCT CASE WHEN \(condition) THEN \(moment) END) AS inside,
            count(DISTINCT CASE WHEN NOT (\(condition)) THEN \(moment) END) AS outside
          FROM counter_value WHERE \(own))
        SELECT object, amount.inside / max(1, reading.inside) AS inside, amount.outside / max(1, reading.outside) AS outside
        FROM (
          SELECT object, total(CASE WHEN \(condition) THEN value END) AS inside,
            total(CASE WHEN NOT (\(condition)) THEN value END) AS outside
          FROM counter_value WHERE \(own) AND kind IN ('process', 'task') AND counter IN (\(names))
          GROUP BY object) AS amount, reading
        WHERE amount.inside / max(1, reading.inside) > 1.25 * amount.outside / max(1, reading.outside)
        ORDER BY amount.inside / max(1, reading.inside) - amount.outside / max(1, reading.outside) DESC, object LIMIT 1
        """
      ).first
      if let name = row?.text("object"), let inside = row?.number("inside") {
        return TopProcess(
          tool: tool, name: name, inside: inside, outside: row?.number("outside") ?? 0)
      }
    }
    return nil
  }

  /// When it was so: on the timeline where the counters have a place there, else from the zero of their phases, else since
  /// 1970.
  func extent(_ evidence: Evidence, of machine: String) throws -> Finding.Extent {
    let (first, last) = (readings[range.lowerBound], readings[range.upperBound - 1])
    // Of the first reading of all nobody knows when its interval began.
    guard let from = first.from ?? first.to, let to = last.to else { return Finding.Extent() }
    let error = to &- from == 0 ? 0 : (first.to ?? to) &- from
    if let at = first.at, let end = last.at {
      return Finding.Extent(
        from: at &- error, to: end, error: error, hasOnset: range.lowerBound > 0)
    }
    let zero = try evidence.rows(
      "SELECT min(zero_unix_ns) AS zero FROM phase WHERE seen_by = 'counters' AND machine = "
        + Evidence.literal(machine)
    ).first?.integer("zero")
    return Finding.Extent(
      from: from &- (zero ?? 0), to: to &- (zero ?? 0), error: error,
      hasOnset: range.lowerBound > 0)
  }

  /// `from 14:46:31 to 14:46:45 UTC`, `from reading 12 to 26`.
  func words(isUTC: Bool) -> String {
    let first = readings[range.lowerBound]
    guard let from = first.from ?? first.to, let to = readings[range.upperBound - 1].to
    else { return "from reading \(range.lowerBound + 1) to \(range.upperBound)" }
    return "from \(UTCText.time(from)) to \(UTCText.time(to))" + (isUTC ? " UTC" : "")
  }
}
