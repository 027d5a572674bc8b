internal import GRDB
internal import TraceModel

/// The columns of `thread_slice_chunk.data`, in their order.
private enum SliceColumn: Int, CaseIterable {
  case thread, cpu, began, wait
  /// The CPU on whose queue it waited, less the CPU it got.
  case waitCPU
  case run
  /// ``WaitCause`` in the upper four bits, ``LeaveReason`` in the lower.
  case how
  case line

  var form: ColumnForm {
    switch self {
    case .began, .line: .differences
    case .thread, .cpu, .wait, .waitCPU, .run, .how: .values
    }
  }
}

/// Writes the slices of a source, packed. As rows they took half of the time of a whole ingest.
struct SliceChunkWriter: ~Copyable {
  private let sourceID: Int64
  private let insert: RawStatement
  private var pending: [ThreadSlice] = []
  private var packer = ColumnPacker()

  /// Slices of a chunk, about: some 50 KB, which are unpacked in a fraction of a millisecond.
  private static let size = 4096
  /// No chunk has more: the longest batch is the last of a trace, with a stay of each live thread and CPU.
  fileprivate static let most = 1 << 20

  init(_ db: Database, sourceID: Int64) throws {
    self.sourceID = sourceID
    insert = try RawStatement(
      db,
      """
      INSERT INTO thread_slice_chunk (source_id, slices, from_ns, to_ns, data)
      VALUES (?, ?, ?, ?, ?)
      """)
  }

  mutating func add(_ slices: [ThreadSlice]) throws {
    pending.append(contentsOf: slices)
    if pending.count >= Self.size { try finish() }
  }

  /// Writes what is left.
  mutating func finish() throws {
    let slices = pending
    guard !slices.isEmpty else { return }
    var (from, to) = (Int64.max, Int64.min)
    for slice in slices {
      from = min(from, slice.wait == .min ? slice.began : slice.began &- slice.wait)
      to = max(to, slice.run == .min ? slice.began : slice.began &+ slice.run)
    }
    packer.removeAll()
    let count = slices.count
    for column in SliceColumn.allCases {
      switch column {
      case .thread: packer.add(.values, count: count) { slices[$0].thread }
      case .cpu: packer.add(.values, count: count) { Int64(slices[$0].cpu) }
      case .began: packer.add(.differences, count: count) { slices[$0].began }
      case .wait: packer.add(.values, count: count) { slices[$0].wait }
      case .waitCPU:
        packer.add(.values, count: count) {
          let slice = slices[$0]
          return slice.waitCPU < 0 ? .min : Int64(slice.waitCPU) - Int64(slice.cpu)
        }
      case .run: packer.add(.values, count: count) { slices[$0].run }
      case .how:
        packer.add(.values, count: count) {
          Int64(slices[$0].cause.rawValue << 4 | slices[$0].left.rawValue)
        }
      case .line: packer.add(.differences, count: count) { slices[$0].line }
      }
    }
    insert.bind(sourceID, at: 1)
    insert.bind(Int64(count), at: 2)
    insert.bind(from, at: 3)
    insert.bind(to, at: 4)
    insert.bind(packer.bytes, at: 5)
    _ = try insert.step()
    pending.removeAll(keepingCapacity: true)
  }
}

/// Reads slices back, chunk by chunk, in the order in which the stays of a source ended or in the opposite one.
struct SliceChunkReader: ~Copyable {
  private let chunks: RawStatement
  private let isBackwards: Bool
  private var columns = SliceColumn.allCases.map { _ in [Int64]() }
  private var packed: PackedColumns?
  /// The source of the chunk at hand.
  private(set) var source: Int64 = 0
  /// Its number.
  private(set) var chunk: Int64 = 0
  /// How many slices it has.
  private(set) var count = 0

  /// Chunks of a source, or of all of them, that may have something between two times.
  init(
    _ db: Database, source: Int64? = nil, from: Int64 = .min, to: Int64 = .max,
    isBackwards: Bool = false
  ) throws {
    self.isBackwards = isBackwards
    chunks = try RawStatement(
      db,
      """
      SELECT source_id, slices, data, chunk_id FROM thread_slice_chunk
      WHERE to_ns >= ? AND from_ns <= ? \(source == nil ? "" : "AND source_id = ?")
      ORDER BY chunk_id \(isBackwards ? "DESC" : "")
      """)
    // The lowest integer would become NULL.
    chunks.bind(max(from, -.max), at: 1)
    chunks.bind(to, at: 2)
    if let source { chunks.bind(source, at: 3) }
  }

  /// Goes to the next chunk; false behind the last. Throws ``StoreError`` for one that is damaged.
  mutating func next() throws -> Bool {
    guard try chunks.step() else { return false }
    source = chunks.integer(0)
    chunk = chunks.integer(3)
    packed = PackedColumns(chunks.bytes(2))
    let slices = chunks.integer(1)
    guard packed != nil, (0...Int64(SliceChunkWriter.most)).contains(slices) else {
      throw Self.damaged
    }
    count = Int(slices)
    return true
  }

  /// Hands out all slices of the chunk; without their lines, which hardly anybody wants.
  mutating func forEach(
    withLines: Bool = false, _ body: (ThreadSlice) throws -> Void
  ) throws {
    for column in SliceColumn.allCases where withLines || column != .line { try unpack(column) }
    var slice = ThreadSlice()
    for place in 0..<count {
      let index = isBackwards ? count - 1 - place : place
      slice.thread = columns[SliceColumn.thread.rawValue][index]
      slice.cpu = Int32(truncatingIfNeeded: columns[SliceColumn.cpu.rawValue][index])
      slice.began = columns[SliceColumn.began.rawValue][index]
      slice.wait = columns[SliceColumn.wait.rawValue][index]
      let waitCPU = columns[SliceColumn.waitCPU.rawValue][index]
      slice.waitCPU =
        waitCPU == .min ? -1 : Int32(truncatingIfNeeded: waitCPU &+ Int64(slice.cpu))
      slice.run = columns[SliceColumn.run.rawValue][index]
      let how = UInt8(truncatingIfNeeded: columns[SliceColumn.how.rawValue][index])
      guard let cause = WaitCause(rawValue: how >> 4), let left = LeaveReason(rawValue: how & 15)
      else { throw Self.damaged }
      slice.cause = cause
      slice.left = left
      if withLines { slice.line = columns[SliceColumn.line.rawValue][index] }
      guard slice.isPossible else { throw Self.damaged }
      try body(slice)
    }
  }

  /// Hands out of the slices of some threads when they waited and ran: their other fields are not set.
  mutating func forEachTime(
    of isWanted: (Int64) -> Bool, _ body: (ThreadSlice) throws -> Void
  ) throws {
    for column in [SliceColumn.thread, .began, .wait, .run] { try unpack(column) }
    var slice = ThreadSlice()
    for place in 0..<count {
      let index = isBackwards ? count - 1 - place : place
      slice.thread = columns[SliceColumn.thread.rawValue][index]
      guard isWanted(slice.thread) else { continue }
      slice.began = columns[SliceColumn.began.rawValue][index]
      slice.wait = columns[SliceColumn.wait.rawValue][index]
      slice.run = columns[SliceColumn.run.rawValue][index]
      guard slice.isPossible else { throw Self.damaged }
      try body(slice)
    }
  }

  /// Hands out the waits of the chunk: the thread and how long, ns.
  mutating func forEachWait(_ body: (Int64, Int64) -> Void) throws {
    try unpack(.thread)
    try unpack(.wait)
    for index in 0..<count {
      let wait = columns[SliceColumn.wait.rawValue][index]
      if wait != .min { body(columns[SliceColumn.thread.rawValue][index], wait) }
    }
  }

  /// Hands out the stays of the chunk that are known whole: the thread, begin and end, ns.
  mutating func forEachStay(_ body: (Int64, Int64, Int64) -> Void) throws {
    try unpack(.thread)
    try unpack(.began)
    try unpack(.run)
    for index in 0..<count {
      let run = columns[SliceColumn.run.rawValue][index]
      guard run > 0 else { continue }
      let began = columns[SliceColumn.began.rawValue][index]
      guard Stamp.range.contains(began), Stamp.range.contains(run) else { throw Self.damaged }
      body(columns[SliceColumn.thread.rawValue][index], began, began + run)
    }
  }

  private mutating func unpack(_ column: SliceColumn) throws {
    guard let packed,
      packed.unpack(
        column.rawValue, column.form, count: count, into: &columns[column.rawValue])
    else { throw Self.damaged }
  }

  private static var damaged: StoreError {
    StoreError(.damaged, "has a damaged chunk in the table thread_slice_chunk")
  }
}

extension Database {
  /// Unpacks all slices into the temporary table `thread_slice`.
  func unpackSlices() throws {
    try execute(
      sql: """
        CREATE TEMP TABLE thread_slice (
          slice_id INTEGER PRIMARY KEY,
          thread_id INTEGER NOT NULL,
          cpu INTEGER NOT NULL,
          at_ns INTEGER NOT NULL,
          wait_ns INTEGER,
          wait_cpu INTEGER,
          cause INTEGER NOT NULL,
          run_ns INTEGER,
          departure INTEGER NOT NULL,
          line INTEGER NOT NULL
        ) STRICT
        """)
    let rows = try BulkInsert(
      self, into: "temp.thread_slice",
      columns: [
        "thread_id", "cpu", "at_ns", "wait_ns", "wait_cpu", "cause", "run_ns", "departure", "line",
      ])
    var chunks = try SliceChunkReader(self)
    while try chunks.next() {
      try chunks.forEach(withLines: true) { slice in
        rows.add(slice.thread)
        rows.add(Int64(slice.cpu))
        rows.add(slice.began)
        rows.add(slice.wait)
        rows.add(slice.waitCPU < 0 ? .min : Int64(slice.waitCPU))
        rows.add(Int64(slice.cause.rawValue))
        rows.add(slice.run)
        rows.add(Int64(slice.left.rawValue))
        rows.add(slice.line)
        try rows.endRow()
      }
    }
    try rows.finish()
  }
}
