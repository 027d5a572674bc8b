internal import TraceModel

/// Reads the records of a recording of perf and gives its tracepoints to those who read the same from text.
struct PerfRecords {
  /// Kinds of records: include/uapi/linux/perf_event.h and tools/lib/perf/include/perf/event.h.
  private enum Kind {
    static let lost: UInt32 = 2
    static let name: UInt32 = 3
    static let fork: UInt32 = 7
    static let sample: UInt32 = 9
    static let lostSamples: UInt32 = 13
    static let switchedWide: UInt32 = 15
    static let attribute: UInt32 = 64
    static let tracingData: UInt32 = 66
    static let finishedRound: UInt32 = 68
    static let ids: UInt32 = 69
    static let auxiliary: UInt32 = 71
    static let timeConversion: UInt32 = 79
    static let feature: UInt32 = 80
    static let compressed: UInt32 = 81
    static let compressed2: UInt32 = 83
  }

  /// What came of walking some bytes.
  struct Walk {
    /// Bytes that were taken.
    var used = 0
    /// How many bytes the next record needs.
    var needed = 8
    /// Bytes behind those taken that belong to the last record and are not read.
    var skip = 0
  }

  /// The machine's byte order is the other one.
  let isSwapped: Bool
  var events: RecordedEvents
  private(set) var order = RecordOrder()
  var features = PerfFeatures()
  private var attributes: [PerfAttribute] = []
  private var ids = PerfIDs()
  private var formats: [Int: UInt16] = [:]
  private(set) var hasFormats = false
  /// The records from here on are none: damage, or the end of what can be read.
  private(set) var isStopped = false
  /// It stopped because no record can begin there.
  private(set) var isDamaged = false
  private(set) var records: Int64 = 0
  private(set) var samples: Int64 = 0
  /// Samples of tracepoints whose format is missing.
  private(set) var unformatted: Int64 = 0
  /// Tracepoints that were recorded without their fields, or without times.
  private(set) var bare: Int64 = 0
  private var lostInRecords: Int64 = 0
  private var lostInCounts: Int64 = 0
  private var ofGuests: Int64 = 0
  private var switchEvent: UInt16?
  private var hasSwitchTracepoint = false
  /// How the processor's counter becomes perf's own clock.
  private var cycles: CycleClock?
  private var unpacker: Unpacker?
  private var isUnpacked = false
  /// How far the file that is being read has come, of several.
  private var stream = Stream()

  private static let mostAttributes = 1 << 14
  /// Formats of all tracepoints of a kernel have some MB.
  private static let mostTracingData = 1 << 26
  /// What perf 6.16 may have put behind a head whose length has run over: a piece of a ring buffer.
  private static let longestCompressed: UInt64 = 1 << 24
  private static let latestTime = Stamp.mostSeconds * 1_000_000_000

  init(sink: any EventSink, isSwapped: Bool) {
    events = RecordedEvents(sink: sink)
    self.isSwapped = isSwapped
  }

  /// The clock of the events.
  var clock: Int32? { attributes.first { $0.clock != nil && $0.isUsed }?.clock }

  /// Whether times of a stream that is one of several can be compared with those of the others.
  struct Stream {
    /// Up to here nothing is to come any more.
    var settled = Int64.min
    /// The stream is in the order of time.
    var isSorted = true
    private var latest = Int64.min
    private var before = Int64.min
    private var seen: Set<Int32> = []
    private var cpu: Int32 = -2

    init() {}

    /// Notes a sample. A thread copies the buffers of its CPUs one after the other: when the first comes again, all
    /// that is older than the round before is there.
    @inline(__always)
    mutating func note(_ time: Int64, _ cpu: Int32) {
      if cpu != self.cpu {
        self.cpu = cpu
        if !seen.insert(cpu).inserted {
          if !isSorted { settled = before }
          before = latest
          seen = [cpu]
        }
      }
      latest = max(latest, time)
      if isSorted { settled = latest }
    }
  }

  // MARK: Attributes and formats

  /// Takes an attribute with the numbers that stand for it.
  mutating func add(_ attribute: PerfAttribute, ids numbers: [UInt64]) {
    guard attributes.count < Self.mostAttributes else { return }
    let place = Int32(attributes.count)
    attributes.append(attribute)
    for id in numbers { ids.update(id) { $0.attribute = place } }
    bind(Int(place))
  }

  /// Takes the section of the formats; false when it is cut or none.
  mutating func readTracingData(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard let data = try? TracingData(bytes, range) else { return false }
    hasFormats = true
    for (system, text) in data.formats {
      let name = bytes.text(
        from: system.lowerBound, to: min(system.upperBound, system.lowerBound + 64))
      guard let format = EventFormat(bytes, text, system: name, isSwapped: data.isSwapped),
        let event = events.add(format)
      else { continue }
      formats[format.id] = event
    }
    for index in attributes.indices { bind(index) }
    return true
  }

  /// Ties an attribute to its tracepoint.
  private mutating func bind(_ index: Int) {
    guard attributes[index].event == 0 || !attributes[index].isUsed else { return }
    let attribute = attributes[index]
    guard attribute.type == PerfAttribute.tracepoint else {
      if attribute.event == 0 {
        attributes[index].event = events.add(unused: "events of type \(attribute.type)") ?? 0
      }
      return
    }
    guard let event = formats[Int(truncatingIfNeeded: attribute.config)] else { return }
    attributes[index].event = event
    let isWhole = attribute.parts & PerfAttribute.Part.raw != 0 && attribute.timeAt >= 0
    attributes[index].isUsed = events.isUsed(event) && isWhole
    attributes[index].kept = events.kept(event)
    if events.name(event) == "sched_switch", isWhole { hasSwitchTracepoint = true }
  }

  // MARK: Walking

  /// Reads the records between the positions that are whole.
  mutating func walk(_ bytes: Span<UInt8>, _ range: Range<Int>) throws -> Walk {
    var walk = Walk()
    var at = range.lowerBound
    while !isStopped {
      guard at + 8 <= range.upperBound else {
        walk.needed = 8
        break
      }
      let kind = bytes.load32(at: at, isSwapped)
      var size = Int(bytes.load16(at: at + 6, isSwapped))
      if kind == Kind.compressed2 {
        size = Self.lengthOfCompressed(bytes, at, range, size, isSwapped)
      }
      guard size >= 8 else {
        stop()
        break
      }
      guard at + size <= range.upperBound else {
        walk.needed = size
        break
      }
      switch kind {
      case Kind.sample: try sample(bytes, at, at + size)
      case Kind.finishedRound: try order.endRound(&events)
      case Kind.tracingData:
        // The formats follow the record.
        guard size >= 12 else {
          stop()
          break
        }
        let length = Int(bytes.load32(at: at + 8, isSwapped))
        guard length <= Self.mostTracingData else {
          stop()
          break
        }
        guard at + size + length <= range.upperBound else {
          walk.needed = size + length
          walk.used = at - range.lowerBound
          return walk
        }
        _ = readTracingData(bytes, at + size..<at + size + length)
        size += length
      case Kind.auxiliary:
        guard size >= 16 else {
          stop()
          break
        }
        let length = bytes.load64(at: at + 8, isSwapped)
        guard length < 1 << 48 else {
          stop()
          break
        }
        records += 1
        walk.used = at + size - range.lowerBound
        walk.skip = Int(length)
        return walk
      case Kind.compressed: try unpack(bytes, at + 8..<at + size)
      case Kind.compressed2:
        // What is behind the data fills the record up.
        guard size >= 16 else {
          stop()
          break
        }
        let length = bytes.load64(at: at + 8, isSwapped)
        try unpack(bytes, at + 16..<at + 16 + Int(min(length, UInt64(size - 16))))
      default: try other(kind, bytes, at, at + size)
      }
      records += 1
      at += size
    }
    walk.used = at - range.lowerBound
    return walk
  }

  /// Damage: nothing behind it can be trusted, for records have any length.
  private mutating func stop() {
    isStopped = true
    isDamaged = true
    events.skip(.malformedRecord, excerpt: nil)
  }

  /// The file ends within a record.
  mutating func cut() {
    guard !isStopped else { return }
    isStopped = true
    events.skip(.truncatedLine, excerpt: nil)
  }

  /// Bytes of a record of kind 83: perf 6.16 wrote some whose length does not fit into its 16 bits.
  private static func lengthOfCompressed(
    _ bytes: Span<UInt8>, _ at: Int, _ range: Range<Int>, _ size: Int, _ isSwapped: Bool
  ) -> Int {
    guard at + 16 <= range.upperBound else { return max(size, 16) }
    let data = bytes.load64(at: at + 8, isSwapped)
    guard data <= longestCompressed else { return size }
    return size >= 16 && Int(data) <= size - 16 ? size : 16 + Int(data)
  }

  private mutating func sample(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws {
    samples += 1
    guard !attributes.isEmpty else { return unusable() }
    var place = 0
    var cpu: Int32 = -1
    var isFound = attributes.count == 1
    let idAt = attributes[0].idAt
    if idAt >= 0, start + idAt + 8 <= end {
      if let entry = ids[bytes.load64(at: start + idAt, isSwapped)] {
        if entry.isGuest {
          ofGuests += 1
          return
        }
        cpu = entry.cpu
        if entry.attribute >= 0 {
          place = Int(entry.attribute)
          isFound = true
        }
      }
    }
    if !isFound, let other = placeByFields(bytes, start, end) {
      place = other
      isFound = true
    }
    guard isFound, start + attributes[place].variableAt <= end else { return unusable() }
    let timeAt = attributes[place].timeAt
    guard timeAt >= 0 else {
      bare += 1
      return
    }
    let time = Int64(bitPattern: bytes.load64(at: start + timeAt, isSwapped))
    guard time >= 0, time < Self.latestTime else { return unusable() }
    if attributes[place].cpuAt >= 0 {
      cpu = Int32(bitPattern: bytes.load32(at: start + attributes[place].cpuAt, isSwapped))
    }
    stream.note(time, cpu)
    guard attributes[place].isUsed else {
      if attributes[place].event == 0 {
        unformatted += 1
      } else {
        if attributes[place].type == PerfAttribute.tracepoint,
          attributes[place].parts & PerfAttribute.Part.raw == 0
        {
          bare += 1
        }
        events.pass(attributes[place].event, at: time)
      }
      return
    }
    guard let raw = fields(bytes, start, end, place) else { return unusable() }
    var record = TracepointRecord()
    record.time = time
    record.cpu = cpu
    record.length = UInt16(truncatingIfNeeded: raw.count)
    record.event = attributes[place].event
    let tidAt = attributes[place].tidAt
    if tidAt >= 0 {
      record.pid = bytes.load32(at: start + tidAt, isSwapped)
      record.tid = bytes.load32(at: start + tidAt + 4, isSwapped)
      // -1: the thread had ended already.
      if record.tid == .max { (record.tid, record.pid) = (commonThread(bytes, raw), 0) }
    }
    order.add(record, bytes, at: raw.lowerBound, keeping: attributes[place].kept)
    if order.isFull { try order.relieve(&events) }
  }

  private mutating func unusable() { events.skip(.malformedRecord, excerpt: nil) }

  /// Every record of a tracepoint has the running thread at this place.
  private func commonThread(_ bytes: Span<UInt8>, _ raw: Range<Int>) -> UInt32 {
    raw.count >= 8 ? bytes.load32(at: raw.lowerBound + 4, isSwapped) : 0
  }

  /// Where the fields of a sample's tracepoint stand.
  @inline(__always)
  private func fields(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ place: Int
  ) -> Range<Int>? {
    let parts = attributes[place].parts
    var at = start + attributes[place].variableAt
    if parts & (PerfAttribute.Part.read | PerfAttribute.Part.callChain) != 0 {
      if parts & PerfAttribute.Part.read != 0 {
        guard let length = attributes[place].readLength(bytes, at, end, isSwapped) else {
          return nil
        }
        at += length
      }
      if parts & PerfAttribute.Part.callChain != 0 {
        guard at + 8 <= end else { return nil }
        let count = bytes.load64(at: at, isSwapped)
        guard count <= UInt64(end - at) / 8 - 1 else { return nil }
        at += 8 + 8 * Int(count)
      }
    }
    guard at + 4 <= end else { return nil }
    let length = Int(bytes.load32(at: at, isSwapped))
    guard length <= end - at - 4 else { return nil }
    return at + 4..<at + 4 + length
  }

  /// Old recordings of several events have no numbers: then the type within the fields tells.
  private func placeByFields(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    let parts = attributes[0].parts
    guard parts & PerfAttribute.Part.raw != 0, attributes.allSatisfy({ $0.parts == parts }),
      let raw = fields(bytes, start, end, 0), raw.count >= 8
    else { return nil }
    let type = UInt64(bytes.load16(at: raw.lowerBound, isSwapped))
    return attributes.firstIndex { $0.type == PerfAttribute.tracepoint && $0.config == type }
  }

  // MARK: Other records

  private mutating func other(
    _ kind: UInt32, _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) throws {
    let body = start + 8
    switch kind {
    case Kind.lost:
      guard end - body >= 16 else { return }
      let id = bytes.load64(at: body, isSwapped)
      let count = Int64(clamping: bytes.load64(at: body + 8, isSwapped))
      let trailer = trailer(of: id, bytes, body + 16, end)
      lostInRecords.add(saturating: count)
      var record = TracepointRecord()
      record.event = RecordedEvents.lost
      record.cpu = trailer.cpu >= 0 ? trailer.cpu : ids[id]?.cpu ?? -1
      record.start = Int(clamping: count)
      record.time = time(trailer)
      order.append(record)
    case Kind.lostSamples:
      // Bit 15: a filter of the user's dropped them.
      guard end - body >= 8, bytes.load16(at: start + 4, isSwapped) & 1 << 15 == 0 else { return }
      lostInCounts.add(saturating: Int64(clamping: bytes.load64(at: body, isSwapped)))
    case Kind.name:
      guard end - body >= 9 else { return }
      let tid = bytes.load32(at: body + 4, isSwapped)
      events.names.set(
        tid, TaskName(bytes, from: body + 8, to: bytes.zero(from: body + 8, min(end, body + 24))))
    case Kind.fork:
      guard end - body >= 16 else { return }
      events.names.inherit(
        bytes.load32(at: body + 8, isSwapped), from: bytes.load32(at: body + 12, isSwapped))
    case Kind.switchedWide: try switched(bytes, start, end)
    case Kind.attribute: readAttribute(bytes, body, end)
    case Kind.feature:
      guard end - body >= 8 else { return }
      let number = bytes.load64(at: body, isSwapped)
      guard let feature = PerfFeatures.Kind(rawValue: Int(clamping: number)) else { return }
      features.read(feature, bytes, body + 8..<end, isSwapped)
    case Kind.ids: readIDs(bytes, body, end)
    case Kind.timeConversion:
      // On x86: time = zero + (tsc * mult) >> shift.
      guard end - body >= 24 else { return }
      let values = (0..<3).map { bytes.load64(at: body + 8 * $0, isSwapped) }
      features.add(
        "tsc conversion",
        "shift \(values[0]) mult \(values[1]) zero \(Int64(bitPattern: values[2]))")
      // Of a counter that is shorter than a word there is more to say; that of x86 is not.
      if end - body >= 42, bytes[body + 41] != 0 { return }
      cycles = CycleClock(
        multiplier: values[1], shift: values[0], zero: Int64(bitPattern: values[2]))
    default: break
    }
  }

  private func trailer(
    of id: UInt64, _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) -> PerfAttribute.Trailer {
    let place = Int(ids[id]?.attribute ?? 0)
    guard place >= 0, place < attributes.count else { return PerfAttribute.Trailer() }
    return attributes[place].trailer(bytes, start, end, isSwapped)
  }

  private func time(_ trailer: PerfAttribute.Trailer) -> Int64 {
    guard let time = trailer.time, time >= 0, time < Self.latestTime else {
      return max(0, order.latest)
    }
    return time
  }

  /// `perf record --switch-events` without a tracepoint: who left a CPU to whom, and whether it had to.
  private mutating func switched(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws {
    let misc = bytes.load16(at: start + 4, isSwapped)
    guard !hasSwitchTracepoint, end - start >= 16, misc & 1 << 13 != 0, !attributes.isEmpty
    else { return }
    // Which event it belongs to does not matter: the ends of all records are the same.
    let trailer = attributes[0].trailer(bytes, start + 16, end, isSwapped)
    guard let time = trailer.time, time >= 0, time < Self.latestTime, trailer.cpu >= 0 else {
      return
    }
    if switchEvent == nil { switchEvent = events.add(Self.switchFormat) }
    guard let switchEvent else { return }
    let next = bytes.load32(at: start + 12, isSwapped)
    let words = [
      name(of: trailer.tid).low, name(of: trailer.tid).high, name(of: next).low,
      name(of: next).high,
      misc & 1 << 14 != 0 ? 256 : 1, UInt64(trailer.tid) | UInt64(next) << 32,
    ]
    var fields: [UInt8] = []
    fields.reserveCapacity(48)
    for word in words {
      for shift in 0..<8 { fields.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    }
    var record = TracepointRecord()
    record.time = time
    record.cpu = trailer.cpu
    record.tid = trailer.tid
    record.pid = trailer.pid
    record.event = switchEvent
    record.length = 48
    order.add(record, fields.span, at: 0, keeping: .all)
    stream.note(time, trailer.cpu)
  }

  private func name(of tid: UInt32) -> TaskName {
    let name = events.names[tid]
    return tid == 0 && name.isEmpty ? TaskName("swapper") : name
  }

  /// What such a record says, as a tracepoint: `?` stands for a state that it does not tell.
  private static let switchFormat: EventFormat = {
    func field(_ offset: Int, _ size: Int) -> EventField {
      EventField(offset: offset, size: size, isSigned: false, shape: .plain)
    }
    return EventFormat(
      name: "sched_switch",
      fields: [
        "prev_comm": field(0, 16), "next_comm": field(16, 16), "prev_state": field(32, 8),
        "prev_pid": field(40, 4), "next_pid": field(44, 4),
      ],
      print:
        #"REC->prev_state & 255 ? __print_flags(REC->prev_state & 255, "|", { 1, "?" }) : "R", "#
        + #"REC->prev_state & 256 ? "+" : """#)
  }()

  /// An attribute in a pipe, with its numbers behind it.
  private mutating func readAttribute(_ bytes: Span<UInt8>, _ body: Int, _ end: Int) {
    guard end - body >= PerfAttribute.smallest else { return unusable() }
    var size = Int(bytes.load32(at: body + 4, isSwapped))
    if size == 0 { size = PerfAttribute.smallest }
    guard size <= end - body,
      let attribute = PerfAttribute(bytes, at: body, available: size, isSwapped: isSwapped)
    else { return unusable() }
    var numbers: [UInt64] = []
    var at = body + size
    while at + 8 <= end {
      numbers.append(bytes.load64(at: at, isSwapped))
      at += 8
    }
    add(attribute, ids: numbers)
  }

  /// Which number counts on which CPU, and which are of a guest.
  private mutating func readIDs(_ bytes: Span<UInt8>, _ body: Int, _ end: Int) {
    guard end - body >= 8 else { return }
    let count = bytes.load64(at: body, isSwapped)
    guard count <= UInt64(end - body - 8) / 32 else { return }
    let guests = body + 8 + 32 * Int(count)
    let hasGuests = end - guests >= 16 * Int(count)
    for index in 0..<Int(count) {
      let at = body + 8 + 32 * index
      let cpu = Int64(bitPattern: bytes.load64(at: at + 16, isSwapped))
      let isGuest = hasGuests && bytes.load64(at: guests + 16 * index, isSwapped) != 0
      ids.update(bytes.load64(at: at, isSwapped)) {
        $0.cpu = (0..<Int64(1 << 16)).contains(cpu) ? Int32(truncatingIfNeeded: cpu) : -1
        if isGuest { $0.isGuest = true }
      }
    }
  }

  // MARK: Compressed records

  /// Unpacks what a record holds of the stream, and reads the records in it; one may go on in the next.
  private mutating func unpack(_ bytes: Span<UInt8>, _ range: Range<Int>) throws {
    guard !isUnpacked else { return stop() }
    var own = try unpacker ?? Unpacker()
    unpacker = nil
    isUnpacked = true
    defer {
      isUnpacked = false
      unpacker = own
    }
    var at = range.lowerBound
    var unpacked = 0
    let most = features.mostUnpacked > 0 ? max(features.mostUnpacked, 1 << 16) : 1 << 30
    while !isStopped {
      let step: DecodingStep
      do {
        step = try own.decode(bytes, at..<range.upperBound)
      } catch {
        // What came before is whole: perf flushes each piece.
        return stop()
      }
      at += step.consumed
      unpacked += step.produced
      guard unpacked <= most else { return stop() }
      // What is left is less than a record, or a record whose formats are still to come.
      let walk = try walk(own.bytes.span, 0..<own.count)
      own.drop(walk.used)
      guard walk.skip == 0, walk.needed <= Unpacker.room / 2 else { return stop() }
      if step.produced == 0, at >= range.upperBound || step.consumed == 0 { break }
    }
  }

  /// Goes on with a file of several.
  mutating func beginStream(_ stream: Stream, _ unpacker: Unpacker?) {
    self.stream = stream
    self.unpacker = unpacker
    isStopped = false
  }

  /// Leaves a file of several.
  mutating func endStream() -> (Stream, Unpacker?) {
    defer { unpacker = nil }
    return (stream, unpacker)
  }

  /// Looks at the times of the samples between the positions; returns how many bytes were whole records, nil when a time
  /// falls or cannot be seen.
  func follow(_ bytes: Span<UInt8>, _ range: Range<Int>, _ latest: inout Int64) -> Int? {
    var at = range.lowerBound
    while at + 8 <= range.upperBound {
      let kind = bytes.load32(at: at, isSwapped)
      let size = Int(bytes.load16(at: at + 6, isSwapped))
      guard size >= 8, at + size <= range.upperBound else { break }
      if kind == Kind.compressed || kind == Kind.compressed2 || kind == Kind.auxiliary {
        return nil
      }
      if kind == Kind.sample {
        guard let first = attributes.first else { return nil }
        var place = 0
        if first.idAt >= 0, at + first.idAt + 8 <= at + size {
          place = Int(ids[bytes.load64(at: at + first.idAt, isSwapped)]?.attribute ?? 0)
        }
        guard place >= 0, attributes[place].timeAt >= 0, attributes[place].timeAt + 8 <= size else {
          return nil
        }
        let time = Int64(
          bitPattern: bytes.load64(at: at + attributes[place].timeAt, isSwapped))
        guard time >= latest else { return nil }
        latest = time
      }
      at += size
    }
    return at - range.lowerBound
  }

  /// The one stream that all compressed records of a file make up.
  struct Unpacker {
    private let decoder: ZstandardDecoder
    private(set) var bytes: [UInt8]
    private(set) var count = 0

    static let room = 1 << 18

    init() throws {
      do {
        decoder = try ZstandardDecoder()
      } catch {
        throw ReadError(path: "", reason: error.reason)
      }
      bytes = [UInt8](repeating: 0, count: Self.room)
    }

    mutating func decode(
      _ packed: Span<UInt8>, _ range: Range<Int>
    ) throws(DecodingFailure) -> DecodingStep {
      var result: Result<DecodingStep, DecodingFailure> = .failure(DecodingFailure(reason: ""))
      unsafe packed.extracting(range).withUnsafeBytes { packed in
        unsafe bytes.withUnsafeMutableBytes { room in
          do throws(DecodingFailure) {
            result = .success(
              try unsafe decoder.decode(
                packed, into: UnsafeMutableRawBufferPointer(rebasing: room[count...])))
          } catch {
            result = .failure(error)
          }
        }
      }
      let step = try result.get()
      count += step.produced
      return step
    }

    /// Takes bytes away from the front.
    mutating func drop(_ used: Int) {
      guard used > 0 else { return }
      unsafe bytes.withUnsafeMutableBytes { buffer in
        if let start = buffer.baseAddress {
          unsafe start.copyMemory(from: start + used, byteCount: count - used)
        }
      }
      count -= used
    }
  }

  // MARK: The end

  /// Gives out what is settled in all streams of several.
  mutating func give(upTo time: Int64) throws { try order.settle(upTo: time, &events) }

  /// Nothing follows.
  mutating func finish(_ summary: inout SourceSummary) throws {
    try order.finish(&events)
    // Both count the same: what was lost, and of which event.
    try events.lose(somewhere: lostInCounts - lostInRecords)
    if ofGuests > 0 {
      events.note(
        .unusedEvent, count: ofGuests,
        excerpt: "events of a guest, put in by perf inject --guest-data")
    }
    summary.lines = records
    try events.finish(&summary)
    summary.headers = features.headers
    summary.start = features.start
    summary.toolClock = clock.map(PerfFeatures.name(ofClock:)) ?? "perf"
    if clock == nil, let cycles {
      var session = TraceSession()
      session.cycles = cycles
      summary.session = session
    }
    if let clock {
      summary.headers.append(
        SourceHeader(name: "clockid", value: "\(PerfFeatures.name(ofClock: clock)) (\(clock))"))
    }
  }
}
