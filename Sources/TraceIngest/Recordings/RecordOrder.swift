/// Puts the records of a recording into the order of time.
///
/// perf copies the buffers of the CPUs one after the other and then marks the end of the round: nothing behind the next
/// mark is older than what came before this one. Within a round each CPU's piece is in order, so the pieces are merged.
/// Records of the same time stay in the order of the file, as in perf's output.
struct RecordOrder {
  /// Records one behind the other that are in order; those from `next` on wait.
  private struct Run {
    var next: Int
    var end: Int
  }

  /// What came between two marks.
  private struct Round {
    var records: [TracepointRecord] = []
    var runs: [Run] = []
    /// Where their fields are.
    var chunks: [Int] = []

    mutating func removeAll() {
      records.removeAll(keepingCapacity: true)
      runs.removeAll(keepingCapacity: true)
      chunks.removeAll(keepingCapacity: true)
    }
  }

  private var older = Round()
  private var current = Round()
  /// The fields of the records that wait, in chunks that are used again.
  private var bytes: [UInt8]
  private var free: [Int] = []
  /// Where the next fields go, and how many bytes there are before the chunk ends.
  private var used = 0
  private var room = 0
  /// What is given out next.
  private var batch: [TracepointRecord] = []
  private var limit = Int64.min
  private(set) var latest = Int64.min
  /// Records that were given out before their round was whole, because too much waited.
  private(set) var isForced = false
  private var settledAt = RecordOrder.leastSettled

  private static let leastSettled = 1 << 20
  private static let batchSize = 4096
  /// Some thousand records: a round of an idle machine takes one.
  private static let chunk = 1 << 18
  /// Before a record's fields, which may be stored without the first, and behind the last name, which is loaded in words.
  private static let margin = 16
  /// Bytes of fields and records that wait, at most: what two rounds of perf with its usual buffers are on a machine of
  /// some hundred CPUs. More are given out, the older half, as perf does.
  private static let most = 384 << 20
  /// Of usual buffers; an array that grows is in memory twice for a moment.
  private static let usual = 1 << 26

  init() {
    bytes = []
    bytes.reserveCapacity(Self.usual)
    batch.reserveCapacity(Self.batchSize)
  }

  /// Takes a record, whose fields stand at `start`; those of them are kept that are meant.
  @inline(__always)
  mutating func add(
    _ record: TracepointRecord, _ source: Span<UInt8>, at start: Int, keeping kept: KeptFields
  ) {
    var record = record
    record.length = min(record.length, kept.end)
    let skipped = min(Int(kept.start), Int(record.length))
    let length = Int(record.length) - skipped
    precondition(start >= 0 && start <= source.count - Int(record.length))
    if length + Self.margin > room { beginChunk() }
    unsafe source.withUnsafeBufferPointer { from in
      unsafe bytes.withUnsafeMutableBytes { to in
        unsafe to.baseAddress.unsafelyUnwrapped.advanced(by: used).copyMemory(
          from: UnsafeRawPointer(from.baseAddress.unsafelyUnwrapped).advanced(by: start + skipped),
          byteCount: length)
      }
    }
    record.start = used - skipped
    used += length
    room -= length
    append(record)
  }

  /// Takes a record without fields.
  @inline(__always)
  mutating func append(_ record: TracepointRecord) {
    let place = current.records.count
    if place == 0 || record.time < current.records[place - 1].time {
      current.runs.append(Run(next: place, end: place + 1))
    } else {
      current.runs[current.runs.count - 1].end = place + 1
    }
    current.records.append(record)
    if record.time > latest { latest = record.time }
  }

  private mutating func beginChunk() {
    let place: Int
    if let known = free.popLast() {
      place = known
    } else {
      place = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: Self.chunk))
    }
    current.chunks.append(place)
    used = place + Self.margin
    room = Self.chunk - Self.margin
  }

  /// Bytes that wait.
  private var waiting: Int {
    (older.chunks.count + current.chunks.count) * Self.chunk
      + (older.records.count + current.records.count) * MemoryLayout<TracepointRecord>.stride
  }

  /// Whether so much waits that some has to go.
  var isFull: Bool { waiting > Self.most }

  /// A round is at its end: gives out what is not younger than the rounds before it.
  mutating func endRound(_ events: inout RecordedEvents) throws {
    try give(upTo: limit, &events)
    // All that was older is given out.
    dropOlder()
    swap(&older, &current)
    room = 0
    limit = latest
  }

  private mutating func dropOlder() {
    free.append(contentsOf: older.chunks)
    older.removeAll()
  }

  /// Too much waits: gives out the older half.
  mutating func relieve(_ events: inout RecordedEvents) throws {
    isForced = true
    var times: [Int64] = []
    for round in [older, current] {
      for run in round.runs {
        for index in stride(from: run.next, to: run.end, by: 64) {
          times.append(round.records[index].time)
        }
      }
    }
    times.sort()
    guard !times.isEmpty else { return }
    try give(upTo: times[times.count / 2], &events)
    compact()
  }

  /// Gives out what is not younger than a time, once enough waits for that to be worth the while: of recordings whose
  /// rounds have no marks.
  mutating func settle(upTo limit: Int64, _ events: inout RecordedEvents) throws {
    guard waiting > settledAt else { return }
    try give(upTo: limit, &events)
    compact()
    settledAt = max(Self.leastSettled, 2 * waiting)
  }

  /// Moves the records that wait together, and forgets the others.
  private mutating func compact() {
    let rounds = [older, current]
    let old = bytes
    self = RecordOrder(keeping: self)
    for round in rounds {
      for run in round.runs {
        for index in run.next..<run.end {
          let record = round.records[index]
          if record.length > 0 {
            add(record, old.span, at: record.start, keeping: .all)
          } else {
            append(record)
          }
        }
      }
    }
  }

  /// One without records.
  private init(keeping other: RecordOrder) {
    self.init()
    (limit, latest, isForced) = (other.limit, other.latest, other.isForced)
    settledAt = other.settledAt
  }

  /// Gives out all.
  mutating func finish(_ events: inout RecordedEvents) throws {
    try give(upTo: .max, &events)
    dropOlder()
    swap(&older, &current)
    dropOlder()
    room = 0
  }

  /// Gives out what is not younger than a time.
  private mutating func give(upTo limit: Int64, _ events: inout RecordedEvents) throws {
    // What is worked on is nobody else's meanwhile.
    var rounds = (older: Round(), current: Round())
    var batch: [TracepointRecord] = []
    swap(&rounds.older, &older)
    swap(&rounds.current, &current)
    swap(&batch, &self.batch)
    defer {
      swap(&rounds.older, &older)
      swap(&rounds.current, &current)
      swap(&batch, &self.batch)
    }
    try Self.merge(&rounds.older, &rounds.current, upTo: limit, bytes.span, &batch, &events)
  }

  private static func merge(
    _ older: inout Round, _ current: inout Round, upTo limit: Int64, _ bytes: Span<UInt8>,
    _ batch: inout [TracepointRecord], _ events: inout RecordedEvents
  ) throws {
    let count = older.runs.count
    var queue = CursorQueue()
    for (number, run) in older.runs.enumerated() where run.next < run.end {
      let time = older.records[run.next].time
      if time <= limit { queue.insert(CursorQueue.Place(time: time, cursor: number)) }
    }
    for (number, run) in current.runs.enumerated() where run.next < run.end {
      let time = current.records[run.next].time
      if time <= limit { queue.insert(CursorQueue.Place(time: time, cursor: count + number)) }
    }
    while let number = queue.first {
      let other = queue.second
      var run = number < count ? older.runs[number] : current.runs[number - count]
      let time =
        number < count
        ? try take(older.records, &run, number, before: other, upTo: limit, bytes, &batch, &events)
        : try take(
          current.records, &run, number, before: other, upTo: limit, bytes, &batch, &events)
      if number < count { older.runs[number] = run } else { current.runs[number - count] = run }
      if let time { queue.firstMovedOn(to: time) } else { queue.removeFirst() }
    }
    try deliver(&batch, bytes, &events)
  }

  /// Takes records of a run for as long as none of another comes before them; returns the time of the next, nil where none
  /// of it is to be given out.
  @inline(__always)
  private static func take(
    _ records: [TracepointRecord], _ run: inout Run, _ number: Int,
    before other: CursorQueue.Place?, upTo limit: Int64, _ bytes: Span<UInt8>,
    _ batch: inout [TracepointRecord], _ events: inout RecordedEvents
  ) throws -> Int64? {
    var place = CursorQueue.Place(time: 0, cursor: number)
    while run.next < run.end {
      let record = records[run.next]
      guard record.time <= limit else { return nil }
      place.time = record.time
      if let other, other.precedes(place) { return record.time }
      batch.append(record)
      run.next += 1
      if batch.count == batchSize { try deliver(&batch, bytes, &events) }
    }
    return nil
  }

  private static func deliver(
    _ batch: inout [TracepointRecord], _ bytes: Span<UInt8>, _ events: inout RecordedEvents
  ) throws {
    guard !batch.isEmpty else { return }
    try events.deliver(bytes, batch, 0..<batch.count)
    batch.removeAll(keepingCapacity: true)
  }
}
