internal import GRDB
internal import TraceModel

/// The views of esxtop's rows. Each puts the rows together from all counters of all files, which a correlation would do
/// hundreds of times where many VMs have findings.
private enum EsxView: String, CaseIterable {
  case vm = "esx_vm"
  case vcpu = "esx_vcpu"
  case disk = "esx_disk"
  case port = "esx_port"
  case host = "esx_host"
  case user = "esx_user"

  /// By what its rows are looked for.
  var keys: [String] {
    switch self {
    case .vm: ["machine, vm", "source_id, line"]
    case .vcpu: ["source_id, line, vm"]
    case .disk: ["machine, kind, disk", "machine, kind, object"]
    case .port: ["machine, port"]
    case .host, .user: []
    }
  }

  var table: String { "held_\(rawValue)" }
}

extension IncidentFile {
  /// Puts the rows of esxtop together once, for this connection alone: its views read them from then on. To be called anew
  /// when the files or their clocks are others; otherwise what is held already is enough.
  public func holdEsxRows(anew: Bool = true) throws {
    try translating {
      try queue.unsafeReentrantWrite { db in
        if !anew, try db.holdsEsxRows(.host) { return }
        try db.letEsxRowsGo()
        let isThere = try Bool.fetchOne(
          db, sql: "SELECT count(*) > 0 FROM source_file WHERE format = 'esxtop' AND refused = 0")
        guard isThere == true else { return }
        try db.holdEsxReadings()
        for view in EsxView.allCases {
          guard let text = Schema.heldView(view.rawValue) else { continue }
          try db.execute(sql: "CREATE TEMP TABLE \(view.table) AS \(text)")
          for (number, key) in view.keys.enumerated() {
            try db.execute(
              sql: "CREATE INDEX temp.\(view.table)_\(number) ON \(view.table) (\(key))")
          }
          try db.execute(sql: "DROP VIEW temp.\(view.rawValue)")
          try db.execute(
            sql: "CREATE TEMP VIEW \(view.rawValue) AS SELECT * FROM temp.\(view.table)")
        }
        try db.execute(sql: "DROP VIEW temp.esx_reading_value")
        try db.execute(sql: "DROP TABLE temp.esx_reading")
      }
    }
  }

  /// Whether there are rows that a clock ties to the reference timeline.
  public func hasEsxClocks() throws -> Bool {
    try !fetch(
      """
      SELECT 1 FROM clock_relation JOIN source_file USING (source_id)
      WHERE format = 'esxtop' AND refused = 0 LIMIT 1
      """
    ) { _ in true }.isEmpty
  }
}

extension Database {
  /// The views are those of the schema again.
  func letEsxRowsGo() throws {
    for view in EsxView.allCases {
      guard try holdsEsxRows(view) else { continue }
      try execute(sql: "DROP VIEW IF EXISTS temp.\(view.rawValue)")
      try execute(sql: "DROP TABLE temp.\(view.table)")
      for file in Schema.files where file.storedView == view.rawValue {
        try execute(sql: file.temporaryView)
      }
    }
  }

  fileprivate func holdsEsxRows(_ view: EsxView) throws -> Bool {
    try Bool.fetchOne(
      self, sql: "SELECT count(*) > 0 FROM sqlite_temp_master WHERE name = ?",
      arguments: [view.table]) ?? false
  }

  /// A row for each object and moment, with its counters side by side as they were read: what the views group is a tenth
  /// then of what is stored.
  fileprivate func holdEsxReadings() throws {
    let columns = EsxCounter.columns
    try execute(
      sql: "CREATE TEMP TABLE esx_reading (moment_id INTEGER NOT NULL, object_id INTEGER NOT NULL, "
        + columns.map { "\($0) INTEGER" }.joined(separator: ", ") + ")")
    var readings = try EsxReadings(self, columns)
    let samples = try RawStatement(
      self, "SELECT moment_id, object_id, counter_id, value FROM counter_sample")
    while try samples.step() {
      try readings.add(
        moment: samples.integer(0), object: samples.integer(1), counter: samples.integer(2),
        samples.integer(3))
    }
    try readings.finish()
    // As ``counter_value`` has them.
    try execute(
      sql: """
        CREATE TEMP VIEW esx_reading_value AS
        SELECT 'esxtop' AS tool, machine.name AS machine, counter_object.kind AS kind, counter_object.name AS object,
          counter_object.owner AS owner, counter_object.part AS part, moment.wall_ns AS wall_ns,
          moment.utc_offset_s AS utc_offset_s, \(SchemaWords.momentInterval) AS interval_ns,
          moment.source_id AS source_id, moment.line AS line,
          \(columns.map { "reading.\($0) / 100.0 AS \($0)" }.joined(separator: ", "))
        FROM temp.esx_reading AS reading
        JOIN counter_object USING (object_id)
        JOIN counter_moment AS moment USING (moment_id)
        JOIN machine USING (machine_id)
        """)
  }
}

/// Lays the counters of each object side by side, moment by moment. Samples come in the order of their moments.
private struct EsxReadings {
  private let insert: BulkInsert
  private let width: Int
  /// By object: its place, and which counters it has; nil of other tools' objects.
  private var objects: [Int64: (place: Int, kind: Int)] = [:]
  /// By kind and counter: the column.
  private var slots: [[Int64: Int]] = []
  private var moment = Int64.min
  /// The values of the moment, object by object.
  private var values: [Int64]
  private var ids: [Int64] = []
  private var touched: [Int] = []
  private var isTouched: [Bool]

  init(_ db: Database, _ columns: [String]) throws {
    width = columns.count
    insert = try BulkInsert(
      db, into: "temp.esx_reading", columns: ["moment_id", "object_id"] + columns)
    let names = try Row.fetchAll(db, sql: "SELECT counter_id, name FROM counter WHERE scale = 100")
      .map { (id: try $0[0] as Int64, name: try $0[1] as String) }
    let places = Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($1, $0) })
    var kinds: [String: Int] = [:]
    for row in try Row.fetchAll(
      db, sql: "SELECT object_id, kind FROM counter_object WHERE tool = 'esxtop' ORDER BY object_id"
    ) {
      let (id, kind) = (try row[0] as Int64, try row[1] as String)
      if kinds[kind] == nil {
        kinds[kind] = slots.count
        let own = CounterObjectKind(rawValue: kind).map { EsxCounter.columns(of: $0) } ?? [:]
        slots.append(
          Dictionary(
            uniqueKeysWithValues: names.compactMap { counter in
              own[counter.name].flatMap { places[$0] }.map { (counter.id, $0) }
            }))
      }
      objects[id] = (ids.count, kinds[kind] ?? 0)
      ids.append(id)
    }
    values = [Int64](repeating: .min, count: ids.count * columns.count)
    isTouched = [Bool](repeating: false, count: ids.count)
  }

  mutating func add(moment: Int64, object: Int64, counter: Int64, _ value: Int64) throws {
    guard let (place, kind) = objects[object], let slot = slots[kind][counter] else { return }
    if moment != self.moment {
      try write()
      self.moment = moment
    }
    if !isTouched[place] {
      isTouched[place] = true
      touched.append(place)
    }
    values[place * width + slot] = max(values[place * width + slot], value)
  }

  mutating func finish() throws {
    try write()
    try insert.finish()
  }

  private mutating func write() throws {
    for place in touched {
      insert.add(moment)
      insert.add(ids[place])
      for slot in place * width..<(place + 1) * width {
        insert.add(values[slot])
        values[slot] = .min
      }
      try insert.endRow()
      isTouched[place] = false
    }
    touched.removeAll(keepingCapacity: true)
  }
}
