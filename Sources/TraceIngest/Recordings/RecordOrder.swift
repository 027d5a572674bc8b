/// Puts the records of a recording into the order of time.
///
/// perf copies the buffers of the CPUs one after the other and then marks the end of the round: nothing behind the next
/// mark is older than what came before this one. Within a round each CPU's piece is in order, so the pieces are merged.
/// Records of the same time stay in the order of the file, as in perf's output.
struct RecordOrder {
  private var records: [TracepointRecord] = []
  private var spare: [TracepointRecord] = []
  /// Where the pieces in ``records`` begin that are in order.
  private var runs: [Int] = []
  /// The fields of the records that wait.
  private var bytes: [UInt8]
  private var used = 0
  /// What their starts count from.
  private var base = 0
  /// Fields of records before the round that is being read.
  private var ofEarlier = 0
  private var limit = Int64.min
  private(set) var latest = Int64.min
  /// Records that were given out before their round was whole, because too much waited.
  private(set) var isForced = false

  private static let leastSettled = 1 << 20
  private var settledAt = RecordOrder.leastSettled

  /// Bytes of fields and records that wait, at most: what two rounds of perf with its usual buffers are on a machine of
  /// some hundred CPUs. More are given out, the older half, as perf does.
  private static let most = 384 << 20

  init() { bytes = [UInt8](repeating: 0, count: 1 << 20) }

  /// Takes a record, whose fields stand at `start`.
  @inline(__always)
  mutating func add(_ record: TracepointRecord, _ source: Span<UInt8>, at start: Int) {
    let length = Int(record.length)
    precondition(start >= 0 && start <= source.count - length)
    // A word behind each, so that its last name can be loaded whole.
    if used + length + 16 > bytes.count { grow(by: length + 16) }
    var record = record
    if length > 0 {
      unsafe source.withUnsafeBufferPointer { from in
        unsafe bytes.withUnsafeMutableBytes { to in
          unsafe to.baseAddress.unsafelyUnwrapped.advanced(by: used).copyMemory(
            from: UnsafeRawPointer(from.baseAddress.unsafelyUnwrapped).advanced(by: start),
            byteCount: length)
        }
      }
      record.start = base + used
    }
    append(record)
    used += length
  }

  /// Takes a record without fields.
  mutating func append(_ record: TracepointRecord) {
    if let last = records.last {
      if record.time < last.time { runs.append(records.count) }
    } else {
      runs.append(0)
    }
    records.append(record)
    latest = max(latest, record.time)
  }

  private mutating func grow(by count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: max(bytes.count, count)))
  }

  /// Whether so much waits that some has to go.
  var isFull: Bool { used + records.count * 96 > Self.most }

  /// A round is at its end: gives out what is not younger than the rounds before it.
  mutating func endRound(_ events: inout RecordedEvents) throws {
    try give(upTo: limit, &events)
    // All that is left is of this round.
    if ofEarlier > 0 {
      unsafe bytes.withUnsafeMutableBytes { buffer in
        if let start = buffer.baseAddress, used > ofEarlier {
          unsafe start.copyMemory(from: start + ofEarlier, byteCount: used - ofEarlier)
        }
      }
      base += ofEarlier
      used -= ofEarlier
    }
    ofEarlier = used
    limit = latest
  }

  /// Too much waits: gives out the older half.
  mutating func relieve(_ events: inout RecordedEvents) throws {
    merge()
    isForced = true
    guard !records.isEmpty else { return }
    try give(upTo: records[records.count / 2].time, &events)
    compact()
  }

  /// Gives out what is not younger than a time, once enough waits for that to be worth the while: of recordings whose
  /// rounds have no marks.
  mutating func settle(upTo limit: Int64, _ events: inout RecordedEvents) throws {
    guard used > settledAt else { return }
    try give(upTo: limit, &events)
    compact()
    settledAt = max(Self.leastSettled, 2 * used)
  }

  /// Moves the fields of the records that wait together.
  private mutating func compact() {
    var kept: [UInt8] = []
    kept.reserveCapacity(records.count * 80 + 1 << 16)
    for index in records.indices {
      let from = records[index].start - base
      let length = Int(records[index].length)
      if length > 0 {
        records[index].start = kept.count
        kept.append(contentsOf: bytes[from..<from + length])
      }
    }
    used = kept.count
    base = 0
    ofEarlier = 0
    kept.append(contentsOf: repeatElement(0, count: 1 << 16))
    bytes = kept
  }

  /// Gives out all.
  mutating func finish(_ events: inout RecordedEvents) throws {
    try give(upTo: .max, &events)
    used = 0
    ofEarlier = 0
  }

  /// Gives out what is not younger than a time.
  mutating func give(upTo limit: Int64, _ events: inout RecordedEvents) throws {
    merge()
    var low = 0
    var high = records.count
    while low < high {
      let middle = (low + high) / 2
      if records[middle].time <= limit { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return }
    for index in 0..<low where records[index].length > 0 { records[index].start -= base }
    try events.deliver(bytes.span, records, 0..<low)
    records.removeSubrange(0..<low)
    runs = records.isEmpty ? [] : [0]
  }

  /// Merges the pieces, two and two.
  private mutating func merge() {
    guard runs.count > 1 else { return }
    if spare.count < records.count {
      spare.append(
        contentsOf: repeatElement(TracepointRecord(), count: records.count - spare.count))
    }
    var runs = runs
    let count = records.count
    if spare.count > count { spare.removeSubrange(count...) }
    while runs.count > 1 {
      var merged: [Int] = []
      merged.reserveCapacity(runs.count / 2 + 1)
      var next = 0
      while next < runs.count {
        let start = runs[next]
        let middle = next + 1 < runs.count ? runs[next + 1] : count
        let end = next + 2 < runs.count ? runs[next + 2] : count
        merged.append(start)
        Self.merge(records, start, middle, end, &spare)
        next += 2
      }
      swap(&records, &spare)
      runs = merged
    }
    self.runs = runs
  }

  private static func merge(
    _ from: [TracepointRecord], _ start: Int, _ middle: Int, _ end: Int,
    _ to: inout [TracepointRecord]
  ) {
    var first = start
    var second = middle
    var at = start
    while first < middle, second < end {
      if from[second].time < from[first].time {
        to[at] = from[second]
        second += 1
      } else {
        to[at] = from[first]
        first += 1
      }
      at += 1
    }
    while first < middle {
      to[at] = from[first]
      first += 1
      at += 1
    }
    while second < end {
      to[at] = from[second]
      second += 1
      at += 1
    }
  }
}
