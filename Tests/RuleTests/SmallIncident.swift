import Foundation
import GRDB
import TestSupport
import Testing
import TraceAnalysis
import TraceIngest
import TraceModel
import TraceReport

@testable import TraceStore

/// An incident in memory, made of rows that a test declares by the names of their columns, or of small texts. It is
/// correlated, judged and told in the test's own process.
final class SmallIncident {
  let file: IncidentFile
  private var required: [String: [(name: String, isText: Bool)]] = [:]
  /// Each source has bytes of its own.
  private var sources = 0
  /// Each trace has lines of its own.
  private var traces = 0

  /// With a path it is a file there.
  init(path: String = ":memory:") throws { file = try IncidentFile(path, mode: .create) }

  /// Texts by their paths in a capture: `guest/a.txt`, `guest-web1/b.txt`, `host/c.txt`.
  convenience init(of texts: [String: String]) throws {
    try self.init()
    for (path, text) in texts.sorted(by: { $0.key < $1.key }) {
      let folder = try #require(path.split(separator: "/").first).split(
        separator: "-", maxSplits: 1)
      try add(text, String(folder[0]), String(try #require(folder.last)), path: path)
    }
  }

  // MARK: Rows

  /// Values by the names of their columns.
  typealias Row = KeyValuePairs<String, (any DatabaseValueConvertible)?>

  /// Adds a row; its number. A column that must have a value and is not named is 0 or empty.
  @discardableResult
  func add(_ table: String, _ row: Row) throws -> Int64 {
    try file.queue.write { db in try self.add(table, row, db) }
  }

  private func add(_ table: String, _ row: Row, _ db: Database) throws -> Int64 {
    let required = try required(of: table, db)
    var values: [(String, (any DatabaseValueConvertible)?)] = Array(row).map { ($0.key, $0.value) }
    for column in required where !row.contains(where: { $0.key == column.name }) {
      values.append((column.name, column.isText ? "" : 0))
    }
    let names = values.map(\.0).joined(separator: ", ")
    let places = values.map { _ in "?" }.joined(separator: ", ")
    try db.cachedStatement(sql: "INSERT INTO \(table) (\(names)) VALUES (\(places))")
      .execute(arguments: StatementArguments(values.map(\.1)))
    return db.lastInsertedRowID
  }

  private func required(of table: String, _ db: Database) throws -> [(name: String, isText: Bool)] {
    if let known = required[table] { return known }
    try #require(try db.tableExists(table), "there is no table \(table)")
    let columns = try GRDB.Row.fetchAll(
      db,
      sql: """
        SELECT name, type FROM pragma_table_info(?) WHERE "notnull" AND dflt_value IS NULL AND NOT pk
        """, arguments: [table]
    ).map { row in
      let type = try row.decode(String.self, atIndex: 1)
      return (name: try row.decode(String.self, atIndex: 0), isText: type == "TEXT")
    }
    required[table] = columns
    return columns
  }

  /// The number of a machine.
  func machine(_ name: String, _ layer: Layer) throws -> Int64 {
    try file.queue.write { db in
      let known = try Int64.fetchOne(
        db, sql: "SELECT machine_id FROM machine WHERE name = ?", arguments: [name])
      return try known ?? self.add("machine", ["name": name, "layer": layer.rawValue], db)
    }
  }

  /// A file that was read: the number of its source.
  func source(
    _ path: String, of machine: Int64, format: String, clock: String, from: Int64? = nil,
    to: Int64? = nil, events: Int = 1, lost: Int = 0
  ) throws -> Int64 {
    sources += 1
    return try add(
      "source_file",
      [
        "machine_id": machine, "path": path, "sha256": "\(sources)", "format": format,
        "tool_clock": clock, "first_ns": from, "last_ns": to, "lines": events, "events": events,
        "lost_events": lost,
      ])
  }

  /// The number of a thread as block traces name it.
  private func task(_ pid: Int, _ comm: String, _ db: Database) throws -> Int64 {
    let known = try Int64.fetchOne(
      db, sql: "SELECT task_id FROM task WHERE pid = ? AND comm = ?", arguments: [pid, comm])
    return try known ?? add("task", ["pid": pid, "comm": comm], db)
  }

  // MARK: Block traces

  /// Adds both traces of a pair, as rows.
  func add(_ pair: HandMadePair, host: String = "host", guest: String = "vm1") throws {
    try add(
      pair.hostRequests, of: machine(host, .host), device: HandMadePair.hostDevice,
      path: "\(host).txt")
    try add(
      pair.guestRequests, of: machine(guest, .guest), device: pair.guestDevice,
      path: "\(guest).txt", lost: pair.lost)
  }

  /// Adds the block trace of a device. Of `lost` events the last one's number tells.
  func add(
    _ requests: [HandMadePair.Request], of machine: Int64, device: String, path: String,
    lost: Int = 0
  ) throws {
    let moments = requests.flatMap { request in
      [request.queued, request.got, request.issued, request.completed]
        + (request.inserted.map { [$0] } ?? [])
        + (request.givenBack.map { [$0.issued, $0.at] } ?? [])
    }.sorted()
    let last = moments.last ?? 0
    let source = try source(
      path, of: machine, format: "blktrace", clock: "blktrace", from: 0,
      to: Int64(last) * 1_000, events: moments.count, lost: lost)
    let stream = try add(
      "block_stream", ["source_id": source, "device": device, "segment": 0])
    if lost > 0 {
      try add(
        "block_loss",
        [
          "stream_id": stream, "cpu": 1, "events": lost,
          "from_ns": moments.dropLast().last.map { $0 * 1_000 }, "to_ns": last * 1_000,
        ])
    }
    try file.queue.write { db in
      var kinds: [String: Int64] = [:]
      // As the folding of a trace lets go of them.
      for (place, request) in requests.sorted(by: { $0.completed < $1.completed }).enumerated() {
        let (pid, comm) = request.task
        let traits: RequestTraits = request.givenBack == nil ? [] : .requeued
        let name = "\(pid) \(comm) \(request.isRead) \(traits.rawValue)"
        let kind =
          try kinds[name]
          ?? self.add(
            "block_kind",
            [
              "stream_id": stream, "task_id": self.task(pid, comm, db),
              "rwbs": (request.isRead ? RWBS.read : .write).rawValue, "traits": traits.rawValue,
              "is_queued": 1,
            ], db)
        kinds[name] = kind
        func after(_ moment: Int) -> Int { (moment - request.queued) * 1_000 }
        let number = try self.add(
          "block_request",
          [
            "kind_id": kind, "sector": request.sector, "sectors": request.sectors,
            "at_ns": request.queued * 1_000, "got": after(request.got),
            "inserted": request.inserted.map(after), "issued": after(request.issued),
            "completed": after(request.completed), "line": place + 1, "cpus": Self.cpus,
          ], db)
        if let first = request.givenBack?.issued {
          _ = try self.add(
            "block_detour", ["request_id": number, "first_issued": after(first)], db)
        }
      }
      for (stage, times) in Self.stages(of: requests) where times.count > 0 {
        _ = try self.add(
          "block_stage",
          [
            "stream_id": stream, "stage": stage.name, "count": times.count,
            "min_ns": times.least, "mean_ns": times.mean, "p50_ns": times.quantile(0.5),
            "p99_ns": times.quantile(0.99), "max_ns": times.greatest,
          ], db)
      }
    }
  }

  /// CPU 1 issued it, and took the interrupt.
  private static let cpus = 2 << 17 | 2

  /// The times between the events of requests without merges.
  private static func stages(
    of requests: [HandMadePair.Request]
  ) -> [(Stage, LatencyHistogram)] {
    func histogram(_ times: [Int?]) -> LatencyHistogram {
      var histogram = LatencyHistogram()
      for time in times.compactMap({ $0 }) { histogram.add(Int64(time) * 1_000) }
      return histogram
    }
    let arrivals = requests.map(\.queued).sorted()
    return [
      (.q2q, histogram(zip(arrivals.dropFirst(), arrivals).map { $0 - $1 })),
      (.q2g, histogram(requests.map { $0.got - $0.queued })),
      (.g2i, histogram(requests.map { request in request.inserted.map { $0 - request.got } })),
      (.i2d, histogram(requests.map { request in request.inserted.map { request.issued - $0 } })),
      (.d2c, histogram(requests.map { $0.completed - $0.issued })),
      (.q2c, histogram(requests.map { $0.completed - $0.queued })),
    ]
  }

  // MARK: Scheduler traces

  /// A stay of a thread on a CPU, with its wait for it before, in microseconds.
  struct Stay {
    let tid: Int
    let comm: String
    let cpu: Int
    let began: Int
    let ran: Int
    /// nil: none was seen.
    var waited: Int?
    /// It could have run on.
    var isPreempted = false
  }

  /// Adds the scheduler trace of a host. The stays are in the order in which they end.
  func add(_ stays: [Stay], of machine: String, path: String = "sched.txt", pid: Int? = nil) throws
  {
    traces += 1
    let number = traces
    _ = try file.addSource(Machine(name: machine, layer: .host), path: path) { sink in
      var batch = SchedBatch()
      var threads: [Int: TracedThread] = [:]
      for (place, stay) in stays.enumerated() {
        var thread = threads[stay.tid] ?? TracedThread()
        if thread.id == 0 {
          thread.id = sink.nextThreadID()
          thread.tid = UInt32(stay.tid)
          let bytes = Array(stay.comm.utf8)
          thread.name = TaskName(bytes.span, from: 0, to: bytes.count)
          thread.kernelWait = .min
        }
        var slice = ThreadSlice()
        slice.thread = thread.id
        slice.began = Int64(stay.began) * 1_000
        slice.run = Int64(stay.ran) * 1_000
        slice.cpu = Int32(stay.cpu)
        slice.left = stay.isPreempted ? .preempted : .sleeping
        slice.line = Int64(place + 1)
        if let waited = stay.waited {
          slice.wait = Int64(waited) * 1_000
          slice.waitCPU = slice.cpu
          slice.cause = .woken
        }
        thread.add(slice)
        batch.slices.append(slice)
        threads[stay.tid] = thread
      }
      batch.threads = threads.values.sorted { $0.id < $1.id }
      try sink.receive(batch)
      var summary = SourceSummary()
      summary.format = "perf-script"
      summary.toolClock = "perf"
      summary.resolution = 1_000
      summary.sha256 = "sched \(number)"
      (summary.events, summary.lines) = (Int64(stays.count), Int64(stays.count))
      summary.first = Stamp((stays.map { $0.began - ($0.waited ?? 0) }.min() ?? 0).nanoseconds)
      summary.last = Stamp((stays.map { $0.began + $0.ran }.max() ?? 0).nanoseconds)
      return summary
    }
  }

  // MARK: Texts

  /// Reads a text; the name of the format that it was recognised as.
  @discardableResult
  func add(_ text: String, _ side: String, _ machine: String, path: String = "trace.txt") throws
    -> String
  {
    let layer = try #require(Layer(rawValue: side))
    let folder = try Repository.folder(of: [path: text])
    defer { try? FileManager.default.removeItem(at: folder) }
    var run: IngestRun? = try IngestRun(
      input: SourceInput(path: folder.appending(path: path).path))
    let name = run?.formatName ?? ""
    _ = try file.addSource(Machine(name: machine, layer: layer), path: path) { sink in
      guard let run = run.take() else { throw IngestError.empty }
      return try run.read(into: sink)
    }
    return name
  }

  /// Reads a recording.
  func add(recording bytes: [UInt8], _ side: Layer, _ machine: String, path: String) throws {
    let folder = try Repository.temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let place = folder.appending(path: path)
    try Data(bytes).write(to: place)
    var run: IngestRun? = try IngestRun(input: SourceInput(path: place.path))
    _ = try file.addSource(Machine(name: machine, layer: side), path: path) { sink in
      guard let run = run.take() else { throw IngestError.empty }
      return try run.read(into: sink)
    }
  }

  // MARK: What is made of it

  /// Correlates what came in since the last time.
  func correlate() throws {
    try Correlation.run(file)
    // A rule or a view must not need what a file on a disk has and this one has not.
    #expect(try file.integrityFaults().isEmpty)
  }

  /// What the rules find, by code, as `severity: sentence`; every evidence is run. Of a code the first is taken.
  func findings() throws -> [String: String] {
    try correlate()
    let found = try file.findings()
    for finding in found where finding.confidence != .none { try check(finding) }
    return Dictionary(
      found.map { ($0.code.rawValue, "\($0.severity.rawValue): \($0.sentence)") },
      uniquingKeysWith: { first, _ in first })
  }

  /// The evidence runs, and returns the numbers of the sentence.
  private func check(_ finding: Finding) throws {
    var values: [StoredValue] = []
    try file.query(
      try #require(finding.evidenceSQL), columns: { _ in }, row: { values += $0 })
    let missing = SentenceNumbers.unexplained(
      finding.sentence,
      values: values.compactMap {
        switch $0 {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .null, .text, .blob: nil
        }
      },
      texts: values.compactMap { if case .text(let text) = $0 { text } else { nil } })
    #expect(
      missing.isEmpty,
      "\(finding.code.rawValue): '\(finding.sentence)' says \(missing), its evidence does not")
  }

  /// What a statement answers, as CSV: the names of its columns, then its rows.
  func lines(_ sql: String) throws -> [String] {
    try correlate()
    var text = ""
    var writer = TabularWriter(.csv) { text += $0 }
    try file.query(sql, columns: { writer.begin($0) }, row: { writer.add($0) })
    writer.end()
    // A quoted value may hold line ends.
    var isQuoted = false
    return text.split {
      if $0 == "\"" { isQuoted.toggle() }
      return !isQuoted && $0.isNewline
    }.map(String.init)
  }

  /// The rows of a statement, as CSV without its head.
  func rows(_ sql: String) throws -> [String] { Array(try lines(sql).dropFirst()) }

  /// The rows of a statement as objects.
  func objects(_ sql: String) throws -> [[String: Any]] {
    try correlate()
    var text = ""
    var writer = TabularWriter(.json) { text += $0 }
    try file.query(sql, columns: { writer.begin($0) }, row: { writer.add($0) })
    writer.end()
    return try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
  }

  /// The rows of a stored query.
  func rows(named name: String) throws -> [String] {
    try rows(#require(Schema.queries.first { $0.name == name }).sql)
  }

  /// One value of a statement; empty where there is none.
  func value(_ sql: String) throws -> String { try rows(sql).first ?? "" }

  /// Changes what is there, as another program can.
  func alter(_ sql: String) throws { try file.queue.write { db in try db.execute(sql: sql) } }

  /// The report as text.
  func reportText(_ request: ReportRequest = ReportRequest()) throws -> String {
    try correlate()
    return TextRenderer.render(try Report.document(file, request))
  }

  /// The report's words.
  func report(_ request: ReportRequest = ReportRequest()) throws -> String {
    try reportText(request).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The report for programs.
  func json() throws -> String {
    try correlate()
    return try JSONReport.render(file, ReportRequest())
  }
}

extension HandMadePair {
  /// What the rules find in the pair, by code.
  func findings() throws -> [String: String] {
    let incident = try SmallIncident()
    try incident.add(self)
    return try incident.findings()
  }
}

extension Int {
  /// Of so many microseconds.
  fileprivate var nanoseconds: Int64 { Int64(self) * 1_000 }
}
