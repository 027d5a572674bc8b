internal import GRDB
internal import TraceModel

extension IncidentFile {
  /// Works out what every counter did from reading to reading, for all files together: growth, runs over 32 bits,
  /// beginnings anew, single values that stepped back. To be called before anything reads `delta` or `is_reset`.
  ///
  /// Readings of an object with dates are one series over all files of its machine, in the order of the dates;
  /// those of a file without dates are a series of their own. What a loop that writes dates reads twice behind one date
  /// has its place there.
  ///
  /// This connection alone sees them, in a temporary table of the same name, until ``replaceCorrelation(_:findings:)``
  /// stores them with all the rest: a correlation that is interrupted leaves the file as it was.
  public func workOutCounterSteps() throws {
    try writing { db in
      try db.dropPendingCounterSteps()
      try db.execute(
        sql: """
          CREATE TEMP TABLE counter_step (
            sample_id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, delta INTEGER, interval_ns INTEGER)
          """)
      let apart = try db.sourcesApart().sorted().map(String.init).joined(separator: ", ")
      let placed = try db.placedMoments()
      let rows = try Row.fetchCursor(
        db,
        sql: """
          \(placed.with)
          SELECT sample.object_id,
            CASE WHEN \(placed.wall) IS NULL OR moment.source_id IN (\(apart)) THEN moment.source_id END,
            sample.moment_id, moment.source_id, moment.ordinal, \(placed.wall),
            sample.sample_id, sample.counter_id, sample.value, counter.nature = 'total', counter.unit = 'ticks',
            moment.wall_ns IS NOT NULL, counter.nature IN ('rate', 'share', 'mean')
          FROM counter_sample AS sample
          JOIN counter_moment AS moment USING (moment_id)
          JOIN counter USING (counter_id)
          \(placed.join)
          -- What esxtop prints is of its own rows, of which the view knows how long each was.
          WHERE sample.object_id NOT IN (SELECT object_id FROM counter_object WHERE tool = 'esxtop')
          ORDER BY 1, 2, \(placed.wall), moment.source_id, moment.ordinal, sample.sample_id
          """)
      var steps = try CounterStepWriter(db)
      while let row = try rows.next() {
        try steps.add(
          CounterStepWriter.Moment(
            object: row[0], ownSource: row[1], moment: row[2], source: row[3], ordinal: row[4],
            wall: row[5], isDated: row[11]),
          CounterStepWriter.Sample(
            sample: row[6], counter: row[7], value: row[8], isTotal: row[9], isTicks: row[10],
            isOfInterval: row[12]))
      }
      try steps.finish()
      return .commit
    }
  }
}

extension Database {
  /// Stores the steps that were worked out, where they were, and lets the file's own table be seen again.
  func storePendingCounterSteps() throws {
    guard try hasPendingCounterSteps() else { return }
    try execute(
      sql: """
        INSERT INTO main.counter_step (sample_id, kind, delta, interval_ns)
        SELECT sample_id, kind, delta, interval_ns FROM temp.counter_step ORDER BY sample_id
        """)
    try dropPendingCounterSteps()
  }

  fileprivate func dropPendingCounterSteps() throws {
    try execute(sql: "DROP TABLE IF EXISTS temp.counter_step")
  }

  /// Where moments without a date of their own stand among those that have one, in files in which most have: SQL of
  /// their places, to be joined to `moment`. In files in which few have one, hours may be between.
  fileprivate func placedMoments() throws -> (with: String, join: String, wall: String) {
    let mixed = try Int64.fetchAll(
      self,
      sql: """
        SELECT source_id FROM counter_moment GROUP BY source_id
        HAVING count(wall_ns) < count(*) AND 2 * count(wall_ns) >= count(*)
        """)
    guard !mixed.isEmpty else { return ("", "", "moment.wall_ns") }
    let list = mixed.map(String.init).joined(separator: ", ")
    return (
      """
      WITH dated AS (
        SELECT moment_id, source_id, ordinal, wall_ns,
          count(wall_ns) OVER (PARTITION BY source_id ORDER BY ordinal) AS number
        FROM counter_moment WHERE source_id IN (\(list))),
      placed AS MATERIALIZED (
        SELECT moment_id, first_value(wall_ns) OVER (
          PARTITION BY source_id, number ORDER BY ordinal) AS place_ns
        FROM dated)
      """, "LEFT JOIN placed USING (moment_id)", "coalesce(moment.wall_ns, placed.place_ns)"
    )
  }

  private func hasPendingCounterSteps() throws -> Bool {
    try Bool.fetchOne(
      self, sql: "SELECT count(*) FROM sqlite_temp_master WHERE name = 'counter_step'") ?? false
  }
}

/// Goes through the readings of one object after the other.
private struct CounterStepWriter {
  /// Where a value stands.
  struct Moment: Equatable {
    let object: Int64
    /// The source where readings have no dates, which is a series of its own then.
    let ownSource: Int64?
    let moment: Int64
    let source: Int64
    let ordinal: Int64
    /// Its date, or the one before it in its file.
    let wall: Int64?
    let isDated: Bool
  }

  struct Sample {
    let sample: Int64
    let counter: Int64
    let value: Int64
    let isTotal: Bool
    let isTicks: Bool
    /// It is of the time since the object's reading before, whatever that held.
    let isOfInterval: Bool
  }

  /// A counter of the object, with the moment it was read last at.
  private struct Known {
    var series: CounterSeries
    var at: Moment
  }

  private let steps: BulkInsert
  private var now: Moment?
  private var reading: [Sample] = []
  private var known: [Int64: Known] = [:]
  /// When the object was read last.
  private var last: Moment?

  init(_ db: Database) throws {
    steps = try BulkInsert(
      db, into: "temp.counter_step", columns: ["sample_id", "kind", "delta", "interval_ns"])
  }

  mutating func add(_ moment: Moment, _ sample: Sample) throws {
    if let now, now != moment {
      try settle(now)
      if now.object != moment.object || now.ownSource != moment.ownSource {
        known.removeAll(keepingCapacity: known.count < 1 << 16)
        last = nil
      }
    }
    now = moment
    reading.append(sample)
  }

  mutating func finish() throws {
    if let now { try settle(now) }
    try steps.finish()
  }

  /// Whether a sum of CPU time fell by more than the kernel's own jitter of a few ticks: it goes on from there, as the
  /// stolen time of another host after a live migration.
  private static func isFar(_ before: Int64, _ after: Int64) -> Bool {
    let fall = before.subtractingReportingOverflow(after)
    return fall.overflow || fall.partialValue > 10
  }

  private static func interval(from before: Moment, to now: Moment) -> Int64? {
    now.isDated ? now.wall.flatMap { wall in before.wall.map { wall &- $0 } } : nil
  }

  /// A reading is complete: first what its counters say together, then each of them.
  private mutating func settle(_ now: Moment) throws {
    var evidence = ResetEvidence()
    var isInFileOrder = true
    for sample in reading where sample.isTotal {
      guard let before = known[sample.counter] else { continue }
      evidence.add(before.series.last, sample.value)
      if before.at.source != now.source || before.at.ordinal >= now.ordinal {
        isInFileOrder = false
      }
    }
    let isReset = evidence.isReset(inFileOrder: isInFileOrder)
    defer { last = now }
    for sample in reading where sample.isOfInterval {
      guard let last else { continue }
      steps.add(sample.sample)
      steps.add(CounterStepKind.grew.rawValue)
      steps.add(.min)
      steps.add(Self.interval(from: last, to: now) ?? .min)
      try steps.endRow()
    }
    for sample in reading where !sample.isOfInterval {
      guard var before = known[sample.counter] else {
        known[sample.counter] = Known(series: CounterSeries(sample.value), at: now)
        continue
      }
      let interval = Self.interval(from: before.at, to: now)
      let step =
        sample.isTotal
        ? before.series.step(
          to: sample.value, isReset: isReset,
          isNewBase: sample.isTicks && Self.isFar(before.series.last, sample.value)) : nil
      steps.add(sample.sample)
      steps.add(step?.kind.rawValue ?? CounterStepKind.grew.rawValue)
      steps.add(step?.growth ?? .min)
      steps.add(interval ?? .min)
      try steps.endRow()
      before.at = now
      known[sample.counter] = before
    }
    reading.removeAll(keepingCapacity: reading.count < 1 << 16)
  }
}
