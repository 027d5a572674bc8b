internal import GRDB
internal import TraceModel

/// The columns of `block_event_chunk.data`, in their order.
private enum BlockEventColumn: Int, CaseIterable {
  case at, line, device, cpu
  /// The number less that of the event before on the same CPU in the chunk, less one.
  case sequence
  /// ``BlockAction``, and 32 for a command straight to the driver.
  case action
  case rwbs, sector, sectors, other, otherDevice, error, task

  var form: ColumnForm {
    switch self {
    case .at, .line, .device, .otherDevice: .differences
    case .cpu, .sequence, .action, .rwbs, .sector, .sectors, .other, .error, .task: .values
    }
  }
}

/// The columns of `sched_event_chunk.data`, in their order.
private enum SchedEventColumn: Int, CaseIterable {
  case at, line, cpu
  /// ``SchedEventKind`` in the lower four bits, ``LeaveReason`` above.
  case kind
  case task, next, target, delay

  var form: ColumnForm {
    switch self {
    case .at, .line: .differences
    case .cpu, .kind, .task, .next, .target, .delay: .values
    }
  }
}

/// Writes events as they were read, packed: what `ingest --keep-events` keeps besides the rows that it folds them
/// into.
final class EventChunkWriter {
  private let sourceID: Int64
  private let task: (TaskIdentity) throws -> Int32
  private let blockChunks: RawStatement
  private let schedChunks: RawStatement
  private var packer = ColumnPacker()
  private var tasks: [TaskIdentity: Int64] = [:]

  /// Events that say to which CPU the thread goes.
  private static let targeted: [SchedEventKind] = [.waking, .wakeup, .wakeupNew, .migrated]
  /// No chunk has more: a batch of events has some thousands.
  fileprivate static let most = 1 << 20
  /// The database knows them all; this is only quicker.
  private static let mostTasks = 1 << 16

  /// Gets the numbers of threads from `task`.
  init(
    _ db: Database, sourceID: Int64, task: @escaping (TaskIdentity) throws -> Int32
  ) throws {
    self.sourceID = sourceID
    self.task = task
    func insert(into table: String) throws -> RawStatement {
      try RawStatement(
        db, "INSERT INTO \(table) (source_id, segment, events, data) VALUES (?, ?, ?, ?)")
    }
    blockChunks = try insert(into: "block_event_chunk")
    schedChunks = try insert(into: "sched_event_chunk")
  }

  func insert(_ events: [BlockEvent], segment: Int32) throws {
    let threads = try events.map { try number(of: $0.pid, $0.task) }
    // Of each CPU as it is stored, for the reader knows no other.
    let cpus = events.map { $0.hasCPU ? Int64($0.cpu) : .min }
    var latest: [Int64: Int64] = [:]
    let steps = events.indices.map { index in
      let sequence = Int64(events[index].sequence)
      let step = sequence - (latest[cpus[index]] ?? 0) - 1
      latest[cpus[index]] = sequence
      return step
    }
    let count = events.count
    packer.removeAll()
    for column in BlockEventColumn.allCases {
      let form = column.form
      switch column {
      case .at: packer.add(form, count: count) { events[$0].time }
      case .line: packer.add(form, count: count) { events[$0].line }
      case .device: packer.add(form, count: count) { Int64(events[$0].device.rawValue) }
      case .cpu: packer.add(form, count: count) { cpus[$0] }
      case .sequence: packer.add(form, count: count) { steps[$0] }
      case .action:
        packer.add(form, count: count) {
          Int64(events[$0].action.rawValue) | (events[$0].isPassthrough ? 32 : 0)
        }
      case .rwbs: packer.add(form, count: count) { Int64(events[$0].rwbs.rawValue) }
      case .sector:
        packer.add(form, count: count) { events[$0].sector < 0 ? .min : events[$0].sector }
      case .sectors: packer.add(form, count: count) { Int64(events[$0].sectors) }
      case .other: packer.add(form, count: count) { events[$0].other }
      case .otherDevice:
        // A parser leaves that of an earlier remap in other events.
        packer.add(form, count: count) {
          events[$0].action == .remap ? Int64(events[$0].otherDevice.rawValue) : 0
        }
      case .error: packer.add(form, count: count) { Int64(events[$0].error) }
      case .task: packer.add(form, count: count) { threads[$0] }
      }
    }
    try write(blockChunks, segment: segment, events: count)
  }

  func insert(_ events: [SchedEvent], segment: Int32) throws {
    // A parser fills what its kind of event has; the rest is left from the events before.
    let threads = try events.map { event in
      event.kind == .other ? .min : try number(of: event.tid, event.name)
    }
    let coming = try events.map { event in
      event.kind == .switched ? try number(of: event.nextTid, event.nextName) : .min
    }
    let count = events.count
    packer.removeAll()
    for column in SchedEventColumn.allCases {
      let form = column.form
      switch column {
      case .at: packer.add(form, count: count) { events[$0].time }
      case .line: packer.add(form, count: count) { events[$0].line }
      case .cpu: packer.add(form, count: count) { Int64(events[$0].cpu) }
      case .kind:
        packer.add(form, count: count) {
          let event = events[$0]
          let left = event.kind == .switched ? event.left : .unknown
          return Int64(event.kind.rawValue | left.rawValue << 4)
        }
      case .task: packer.add(form, count: count) { threads[$0] }
      case .next: packer.add(form, count: count) { coming[$0] }
      case .target:
        packer.add(form, count: count) {
          events[$0].target < 0 || !Self.targeted.contains(events[$0].kind)
            ? .min : Int64(events[$0].target)
        }
      case .delay:
        packer.add(form, count: count) { events[$0].kind == .waited ? events[$0].delay : 0 }
      }
    }
    try write(schedChunks, segment: segment, events: count)
  }

  /// The number of a thread; `Int64.min` where the event names none.
  private func number(of pid: UInt32, _ name: TaskName) throws -> Int64 {
    if pid == 0, name.isEmpty { return .min }
    let identity = TaskIdentity(pid: pid, name: name)
    if let known = tasks[identity] { return known }
    let number = Int64(try task(identity))
    if tasks.count >= Self.mostTasks { tasks.removeAll(keepingCapacity: true) }
    tasks[identity] = number
    return number
  }

  private func write(_ statement: RawStatement, segment: Int32, events: Int) throws {
    statement.bind(sourceID, at: 1)
    statement.bind(Int64(segment), at: 2)
    statement.bind(Int64(events), at: 3)
    statement.bind(packer.bytes, at: 4)
    _ = try statement.step()
  }
}

/// Reads chunks of events back.
private struct EventChunkReader: ~Copyable {
  private let table: String
  private let chunks: RawStatement
  private var values: [[Int64]]
  /// Of the chunk at hand.
  private(set) var source: Int64 = 0
  private(set) var segment: Int64 = 0
  private(set) var count = 0

  init(_ db: Database, table: String, columns: Int) throws {
    self.table = table
    values = (0..<columns).map { _ in [] }
    chunks = try RawStatement(
      db, "SELECT source_id, segment, events, data FROM \(table) ORDER BY chunk_id")
  }

  /// Goes to the next chunk; false behind the last. Throws ``StoreError`` for one that is damaged.
  mutating func next(_ forms: [ColumnForm]) throws -> Bool {
    guard try chunks.step() else { return false }
    source = chunks.integer(0)
    segment = chunks.integer(1)
    let events = chunks.integer(2)
    guard let packed = PackedColumns(chunks.bytes(3)),
      (0...Int64(EventChunkWriter.most)).contains(events)
    else { throw damaged }
    count = Int(events)
    for (column, form) in forms.enumerated() {
      guard packed.unpack(column, form, count: count, into: &values[column]) else { throw damaged }
    }
    return true
  }

  /// A value of the chunk at hand.
  func value(_ column: Int, _ index: Int) -> Int64 { values[column][index] }

  private var damaged: StoreError {
    StoreError(.damaged, "has a damaged chunk in the table \(table)")
  }
}

extension Database {
  /// Unpacks the events of block traces into the temporary table `kept_block_event`.
  func unpackBlockEvents() throws {
    try execute(
      sql: """
        CREATE TEMP TABLE kept_block_event (
          event_id INTEGER PRIMARY KEY,
          source_id INTEGER NOT NULL,
          segment INTEGER NOT NULL,
          at_ns INTEGER NOT NULL,
          line INTEGER NOT NULL,
          device INTEGER NOT NULL,
          cpu INTEGER,
          sequence INTEGER NOT NULL,
          action INTEGER NOT NULL,
          rwbs INTEGER NOT NULL,
          sector INTEGER,
          sectors INTEGER NOT NULL,
          other INTEGER NOT NULL,
          other_device INTEGER NOT NULL,
          error INTEGER NOT NULL,
          task_id INTEGER
        ) STRICT
        """)
    let rows = try BulkInsert(
      self, into: "temp.kept_block_event",
      columns: [
        "source_id", "segment", "at_ns", "line", "device", "cpu", "sequence", "action", "rwbs",
        "sector", "sectors", "other", "other_device", "error", "task_id",
      ])
    let columns = BlockEventColumn.allCases
    var chunks = try EventChunkReader(self, table: "block_event_chunk", columns: columns.count)
    let forms = columns.map(\.form)
    while try chunks.next(forms) {
      var latest: [Int64: Int64] = [:]
      for index in 0..<chunks.count {
        rows.add(chunks.source)
        rows.add(chunks.segment)
        for column in columns {
          var value = chunks.value(column.rawValue, index)
          if column == .sequence {
            let cpu = chunks.value(BlockEventColumn.cpu.rawValue, index)
            value = value &+ (latest[cpu] ?? 0) &+ 1
            latest[cpu] = value
          }
          rows.add(value)
        }
        try rows.endRow()
      }
    }
    try rows.finish()
  }

  /// Unpacks the events of the scheduler into the temporary table `kept_sched_event`.
  func unpackSchedEvents() throws {
    try execute(
      sql: """
        CREATE TEMP TABLE kept_sched_event (
          event_id INTEGER PRIMARY KEY,
          source_id INTEGER NOT NULL,
          segment INTEGER NOT NULL,
          at_ns INTEGER NOT NULL,
          line INTEGER NOT NULL,
          cpu INTEGER NOT NULL,
          kind INTEGER NOT NULL,
          departure INTEGER NOT NULL,
          task_id INTEGER,
          next_task_id INTEGER,
          target_cpu INTEGER,
          delay_ns INTEGER NOT NULL
        ) STRICT
        """)
    let rows = try BulkInsert(
      self, into: "temp.kept_sched_event",
      columns: [
        "source_id", "segment", "at_ns", "line", "cpu", "kind", "departure", "task_id",
        "next_task_id", "target_cpu", "delay_ns",
      ])
    let columns = SchedEventColumn.allCases
    var chunks = try EventChunkReader(self, table: "sched_event_chunk", columns: columns.count)
    let forms = columns.map(\.form)
    while try chunks.next(forms) {
      for index in 0..<chunks.count {
        rows.add(chunks.source)
        rows.add(chunks.segment)
        for column in columns {
          let value = chunks.value(column.rawValue, index)
          if column == .kind {
            rows.add(value & 15)
            rows.add(value >> 4)
          } else {
            rows.add(value)
          }
        }
        try rows.endRow()
      }
    }
    try rows.finish()
  }
}
