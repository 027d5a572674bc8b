internal import TraceModel

/// What a recording of trace-cmd says before its events: formats, buffers, clocks. Documentation/trace-cmd/
/// trace-cmd.dat.v6.5.txt and v7.5.txt.
struct TraceDatFile {
  /// The pages of one CPU in one buffer.
  struct Pages {
    let cpu: Int
    let offset: UInt64
    let size: UInt64
  }

  /// A ring buffer: the one of all, or that of an instance.
  struct Buffer {
    let name: String
    let clock: String
    let pageSize: Int
    let isCompressed: Bool
    var cpus: [Pages] = []
  }

  /// Why it cannot be read.
  enum Failure: Error {
    /// It ends too early, or a length is invalid.
    case damaged
    case version(String)
    case compression(String)
    /// Text of ftrace's latency tracers instead of pages.
    case text
  }

  private enum Option {
    static let date: UInt16 = 1
    static let statistics: UInt16 = 2
    static let buffer: UInt16 = 3
    static let clock: UInt16 = 4
    static let system: UInt16 = 5
    static let offset: UInt16 = 7
    static let cpus: UInt16 = 8
    static let version: UInt16 = 9
    static let id: UInt16 = 11
    static let timeShift: UInt16 = 12
    static let guest: UInt16 = 13
    static let ticks: UInt16 = 14
    static let headerInfo: UInt16 = 16
    static let ftraceFormats: UInt16 = 17
    static let eventFormats: UInt16 = 18
    static let commandLines: UInt16 = 21
    static let bufferText: UInt16 = 22
  }

  private(set) var isSwapped = false
  /// Bytes of a `long` of the kernel: 4 or 8.
  private(set) var longSize = 8
  /// Where the events begin in a page.
  private(set) var dataAt = 16
  private(set) var pageSize = 4096
  private(set) var compression = "none"
  private(set) var buffers: [Buffer] = []
  private(set) var headers: [SourceHeader] = []
  private(set) var clock = TraceDatClock()
  /// The clock that was set, `local` where nothing says.
  private(set) var clockName = ""
  /// The session in which it was made.
  private var id: UInt64?
  private var guests: [TraceSession.Guest] = []
  /// Threads of the host that are vCPUs of a guest.
  private(set) var threads: [ThreadFact] = []
  private(set) var names: [(tid: UInt32, name: TaskName)] = []
  /// Formats, with the names of their systems; each array of bytes holds some of them.
  private(set) var formats: [(bytes: [UInt8], all: [(system: Range<Int>, text: Range<Int>)])] = []
  private var hasText = false
  private var cpuCount = 0
  /// Sections by the numbers of the options that name them.
  private var sections: [UInt16: UInt64] = [:]

  private static let mostBytes: UInt64 = 1 << 26
  private static let mostSections = 4096
  private static let mostBuffers = 256
  private static let mostCPUs: UInt32 = 1 << 14
  private static let mostGuests = 1 << 10

  init(_ source: ByteSource, size: UInt64) throws {
    let head = try Self.bytes(source, 0, min(size, 256), size)
    guard
      let (data, begin) = try Self.checked({ () throws(ByteCursor.Short) in
        try TracingData.head(head.span, 0..<head.count)
      })
    else { throw Failure.damaged }
    isSwapped = data.isSwapped
    pageSize = data.pageSize
    guard (256...1 << 16).contains(pageSize) else { throw Failure.damaged }
    switch data.version {
    case "6": try readSequence(source, size)
    case "7": try readSections(source, size, head, begin)
    default: throw Failure.version(data.version)
    }
    guard longSize == 4 || longSize == 8, dataAt >= 8 + longSize, dataAt < 256 else {
      throw Failure.damaged
    }
    if buffers.allSatisfy({ $0.cpus.isEmpty }), hasText { throw Failure.text }
  }

  private static func checked<Value>(
    _ body: () throws(ByteCursor.Short) -> Value
  ) throws(Failure) -> Value {
    do { return try body() } catch { throw .damaged }
  }

  /// Bytes of the file.
  static func bytes(
    _ source: ByteSource, _ offset: UInt64, _ count: UInt64, _ size: UInt64
  ) throws -> [UInt8] {
    guard offset <= size, count <= size - offset, count <= mostBytes else { throw Failure.damaged }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let got = try source.read(into: &bytes, at: 0, count: bytes.count, from: Int64(offset))
    guard got == bytes.count else { throw Failure.damaged }
    return bytes
  }

  // MARK: Version 6

  /// All in one sequence, of which nobody knows how long it is.
  private mutating func readSequence(_ source: ByteSource, _ size: UInt64) throws {
    var length: UInt64 = 1 << 20
    while true {
      let bytes = try Self.bytes(source, 0, min(length, size), size)
      do throws(ByteCursor.Short) {
        var copy = self
        guard try copy.readSequence(bytes) else { throw ByteCursor.Short() }
        self = copy
        break
      } catch {
        guard length < size, length < Self.mostBytes else { throw Failure.damaged }
        length *= 4
      }
    }
    // The pages of instances are listed elsewhere.
    for index in buffers.indices where buffers[index].cpus.isEmpty {
      guard let offset = instanceTables[index] else { continue }
      let table = try Self.bytes(source, offset, UInt64(10 + 16 * cpuCount), size)
      guard table.span.has("flyrecord", at: 0, table.count) else { continue }
      var cursor = ByteCursor(10..<table.count, isSwapped: isSwapped)
      buffers[index].cpus = try Self.checked { () throws(ByteCursor.Short) in
        try Self.pages(table.span, &cursor, cpuCount)
      }
    }
  }

  /// Where the tables of instances stand, by the places of their buffers.
  private var instanceTables: [Int: UInt64] = [:]

  private mutating func readSequence(_ bytes: [UInt8]) throws(ByteCursor.Short) -> Bool {
    guard let data = try TracingData(bytes.span, 0..<bytes.count) else { return false }
    readPageHeader(bytes.span, data.headerPage)
    formats = [(bytes, data.formats)]
    readNames(bytes.span, data.commandLines)
    var cursor = ByteCursor(data.end..<bytes.count, isSwapped: isSwapped)
    let count = try cursor.word(bytes.span)
    guard count <= Self.mostCPUs else { throw ByteCursor.Short() }
    cpuCount = Int(count)
    buffers = [Buffer(name: "", clock: "", pageSize: pageSize, isCompressed: false)]
    var kind = try cursor.take(10)
    if bytes.span.has("options", at: kind.lowerBound, kind.upperBound) {
      while true {
        let option = try cursor.short(bytes.span)
        if option == 0 { break }
        let range = try cursor.take(UInt64(try cursor.word(bytes.span)))
        if option == Option.buffer {
          var own = ByteCursor(range, isSwapped: isSwapped)
          let offset = try own.long(bytes.span)
          let name = (try? own.string(bytes.span)) ?? range.upperBound..<range.upperBound
          guard buffers.count < Self.mostBuffers else { continue }
          instanceTables[buffers.count] = offset
          buffers.append(
            Buffer(
              name: Self.text(bytes.span, name), clock: "", pageSize: pageSize,
              isCompressed: false))
        } else {
          take(option, bytes.span, range)
        }
      }
      kind = try cursor.take(10)
    }
    if bytes.span.has("latency", at: kind.lowerBound, kind.upperBound) { hasText = true }
    if bytes.span.has("flyrecord", at: kind.lowerBound, kind.upperBound) {
      buffers[0].cpus = try Self.pages(bytes.span, &cursor, cpuCount)
    }
    return true
  }

  private static func pages(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor, _ count: Int
  ) throws(ByteCursor.Short) -> [Pages] {
    var pages: [Pages] = []
    for cpu in 0..<count {
      let (offset, size) = (try cursor.long(bytes), try cursor.long(bytes))
      if size > 0 { pages.append(Pages(cpu: cpu, offset: offset, size: size)) }
    }
    return pages
  }

  // MARK: Version 7

  private mutating func readSections(
    _ source: ByteSource, _ size: UInt64, _ head: [UInt8], _ begin: ByteCursor
  ) throws {
    var cursor = begin
    var next = try Self.checked { () throws(ByteCursor.Short) -> UInt64 in
      let name = try cursor.string(head.span)
      compression = Self.text(head.span, name)
      _ = try cursor.string(head.span)
      return try cursor.long(head.span)
    }
    guard ["none", "", "zstd", "zlib"].contains(compression) else {
      throw Failure.compression(compression)
    }
    var seen = 0
    var tables: [[UInt8]] = []
    while next != 0 {
      seen += 1
      // A chain that leads back to itself has no end.
      guard seen <= Self.mostSections else { throw Failure.damaged }
      let (_, bytes) = try section(source, next, size)
      next = 0
      var cursor = ByteCursor(0..<bytes.count, isSwapped: isSwapped)
      while let option = try? cursor.short(bytes.span), let length = try? cursor.word(bytes.span) {
        guard let range = try? cursor.take(UInt64(length)) else { break }
        if option == 0 {
          guard range.count >= 8 else { break }
          next = bytes.span.load64(at: range.lowerBound, isSwapped)
          break
        }
        if option == Option.buffer {
          guard tables.count < Self.mostBuffers else { continue }
          tables.append(Array(bytes[range]))
        } else {
          take(option, bytes.span, range)
        }
      }
    }
    for table in tables { try readBuffer(table, source, size) }
    if let place = sections[Option.headerInfo] {
      let (_, bytes) = try section(source, place, size)
      var cursor = ByteCursor(0..<bytes.count, isSwapped: isSwapped)
      let page = try Self.checked { () throws(ByteCursor.Short) -> Range<Int> in
        _ = try cursor.string(bytes.span)
        return try cursor.take(try cursor.long(bytes.span))
      }
      readPageHeader(bytes.span, page)
    }
    for option in [Option.ftraceFormats, Option.eventFormats] {
      guard let place = sections[option] else { continue }
      let (_, bytes) = try section(source, place, size)
      var cursor = ByteCursor(0..<bytes.count, isSwapped: isSwapped)
      let all = try Self.checked { () throws(ByteCursor.Short) in
        option == Option.ftraceFormats
          ? try TracingData.ftraceFormats(bytes.span, &cursor)
          : try TracingData.eventFormats(bytes.span, &cursor)
      }
      formats.append((bytes, all))
    }
    if let place = sections[Option.commandLines] {
      let (_, bytes) = try section(source, place, size)
      var cursor = ByteCursor(0..<bytes.count, isSwapped: isSwapped)
      if let length = try? cursor.long(bytes.span), let range = try? cursor.take(length) {
        readNames(bytes.span, range)
      }
    }
  }

  /// A section's bytes, unpacked, and whether what it names is packed, too.
  private func section(
    _ source: ByteSource, _ offset: UInt64, _ size: UInt64
  ) throws -> (isCompressed: Bool, [UInt8]) {
    let head = try Self.bytes(source, offset, 16, size)
    let isCompressed = head.span.load16(at: 2, isSwapped) & 1 != 0
    let length = head.span.load64(at: 8, isSwapped)
    // A section of pages counts them; nobody needs them here.
    let bytes = try Self.bytes(source, offset + 16, min(length, size - offset - 16), size)
    guard isCompressed else { return (false, bytes) }
    guard bytes.count >= 8 else { throw Failure.damaged }
    let packed = Int(bytes.span.load32(at: 0, isSwapped))
    let unpacked = Int(bytes.span.load32(at: 4, isSwapped))
    guard packed <= bytes.count - 8, UInt64(unpacked) <= Self.mostBytes else {
      throw Failure.damaged
    }
    var room: [UInt8] = []
    let unpacker = try PieceUnpacker(compression)
    try unpacker.unpack(bytes.span, 8..<8 + packed, into: &room, count: unpacked)
    return (true, room)
  }

  private mutating func readBuffer(_ table: [UInt8], _ source: ByteSource, _ size: UInt64) throws {
    let bytes = table.span
    var cursor = ByteCursor(0..<table.count, isSwapped: isSwapped)
    let buffer = try Self.checked { () throws(ByteCursor.Short) -> (UInt64, Buffer) in
      let offset = try cursor.long(bytes)
      let name = Self.text(bytes, try cursor.string(bytes))
      let clock = Self.text(bytes, try cursor.string(bytes))
      let pageSize = Int(try cursor.word(bytes))
      let count = try cursor.word(bytes)
      guard count <= Self.mostCPUs else { throw ByteCursor.Short() }
      var cpus: [Pages] = []
      for _ in 0..<count {
        let cpu = try cursor.word(bytes)
        let (offset, size) = (try cursor.long(bytes), try cursor.long(bytes))
        guard cpu < Self.mostCPUs else { throw ByteCursor.Short() }
        if size > 0 { cpus.append(Pages(cpu: Int(cpu), offset: offset, size: size)) }
      }
      return (
        offset,
        Buffer(name: name, clock: clock, pageSize: pageSize, isCompressed: false, cpus: cpus)
      )
    }
    guard (256...1 << 16).contains(buffer.1.pageSize) else { throw Failure.damaged }
    // The buffer of all is empty where an instance was recorded, and its place may be none.
    guard !buffer.1.cpus.isEmpty else { return }
    let head = try Self.bytes(source, buffer.0, 16, size)
    buffers.append(
      Buffer(
        name: buffer.1.name, clock: buffer.1.clock, pageSize: buffer.1.pageSize,
        isCompressed: head.span.load16(at: 2, isSwapped) & 1 != 0, cpus: buffer.1.cpus))
  }

  // MARK: Options

  private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    let end = bytes.zero(from: range.lowerBound, range.upperBound)
    return bytes.text(from: range.lowerBound, to: min(end, range.lowerBound + 4096))
  }

  private mutating func add(_ name: String, _ value: String) {
    guard !value.isEmpty, headers.count < 64, !headers.contains(where: { $0.name == name }) else {
      return
    }
    headers.append(SourceHeader(name: name, value: value))
  }

  private mutating func take(_ option: UInt16, _ bytes: Span<UInt8>, _ range: Range<Int>) {
    var cursor = ByteCursor(range, isSwapped: isSwapped)
    do throws(ByteCursor.Short) {
      switch option {
      case Option.date:
        // `0x66169f657806d`: microseconds.
        if let offset = Self.number(bytes, range), offset.magnitude < 1 << 52 {
          clock.offset = clock.offset &+ offset * 1000
          hasDate = true
        }
      case Option.offset:
        if let offset = Self.number(bytes, range), offset.magnitude < 1 << 62 {
          clock.offset = clock.offset &+ offset
        }
      case Option.clock:
        // `local global counter uptime perf [mono] mono_raw boot tai x86-tsc`
        if let open = bytes.find("[", from: range.lowerBound, range.upperBound),
          let close = bytes.find("]", from: open, range.upperBound)
        {
          clockName = bytes.text(from: open + 1, to: min(close, open + 64))
        }
      case Option.system:
        let words = Self.text(bytes, range).split(separator: " ")
        if words.count >= 3, words[0] == "Linux" {
          add("hostname", String(words[1]))
          add("os release", String(words[2]))
          if let last = words.last, words.count > 3 { add("arch", String(last)) }
        }
      case Option.version: add("trace-cmd version", Self.text(bytes, range))
      case Option.cpus: cpuCount = Int(min(try cursor.word(bytes), Self.mostCPUs))
      case Option.statistics: readStatistics(bytes, range)
      case Option.id:
        // A later one is of a session that was attached.
        let id = try cursor.long(bytes)
        self.id = id
        headers.removeAll { $0.name == "trace id" }
        add("trace id", String(id, radix: 16))
      case Option.timeShift:
        if let shift = TimeShift(bytes, range, isSwapped: isSwapped) {
          clock.shift = shift
          add("time shift", shift.words)
        }
      case Option.guest: try readGuest(bytes, &cursor)
      case Option.ticks:
        let (multiplier, shift) = (try cursor.word(bytes), try cursor.word(bytes))
        guard multiplier > 0, shift < 64 else { return }
        clock.ticks = (multiplier, shift)
        add("tsc conversion", "shift \(shift) mult \(multiplier)")
      case Option.bufferText: hasText = true
      default:
        if option >= 16, option <= 25, cursor.left >= 8 {
          sections[option] = try cursor.long(bytes)
        }
      }
    } catch {}
  }

  /// The events of the file count from the wall clock's beginning: its start was recorded.
  private(set) var hasDate = false

  /// A number in text, in C's notation.
  private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    var at = range.lowerBound
    let end = bytes.zero(from: at, range.upperBound)
    bytes.skipBlanks(&at, end)
    let isNegative = at < end && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    var value: Int64?
    if bytes.has("0x", at: at, end) {
      at += 2
      value = bytes.hexadecimal(&at, end).flatMap { Int64(exactly: $0) }
    } else {
      value = bytes.decimal(&at, end)
    }
    return value.map { isNegative ? -$0 : $0 }
  }

  /// `overrun: 12`: events that were overwritten before anybody read them.
  private mutating func readStatistics(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    for key in ["overrun: ", "dropped events: "] as [StaticString] {
      var at = range.lowerBound
      while at < range.upperBound {
        let end = bytes.newline(from: at, to: range.upperBound) ?? range.upperBound
        if bytes.has(key, at: at, end) {
          var number = at + key.utf8CodeUnitCount
          overruns.add(saturating: bytes.decimal(&number, end) ?? 0)
        }
        at = end + 1
      }
    }
  }

  /// Events that the kernel counted as overwritten or dropped.
  private(set) var overruns: Int64 = 0

  /// The vCPUs of a guest: their threads on this host.
  private mutating func readGuest(
    _ bytes: Span<UInt8>, _ cursor: inout ByteCursor
  ) throws(ByteCursor.Short) {
    let name = Self.text(bytes, try cursor.string(bytes))
    let id = try cursor.long(bytes)
    let count = try cursor.word(bytes)
    guard count <= Self.mostCPUs else { return }
    if guests.count < Self.mostGuests { guests.append(TraceSession.Guest(name: name, id: id)) }
    var words: [String] = []
    for _ in 0..<count {
      let vcpu = try cursor.word(bytes)
      let tid = Int32(bitPattern: try cursor.word(bytes))
      // -1: a guest on the network, whose threads nobody knows.
      guard tid > 0, vcpu < Self.mostCPUs else { continue }
      var thread = ThreadFact(tid: Int64(tid), line: 1)
      thread.role = .vcpu
      thread.vcpu = Int64(vcpu)
      thread.guest = name
      threads.append(thread)
      words.append("vCPU \(vcpu) is thread \(tid)")
    }
    add(
      "guest \(name)",
      (["trace id \(String(id, radix: 16))"] + words).joined(separator: ", "))
  }

  /// Its times are cycles of the processor.
  var countsCycles: Bool { ["x86-tsc", "tsc2nsec"].contains(clockName) }

  /// What relates its clock to those of other recordings; nil where nothing does.
  var session: TraceSession? {
    var session = TraceSession()
    session.id = id
    session.guests = guests
    session.added = clock.offset
    if countsCycles, let ticks = clock.ticks {
      session.cycles = CycleClock(
        multiplier: UInt64(ticks.multiplier), shift: UInt64(ticks.shift), zero: clock.offset)
    }
    if let shift = clock.shift {
      session.peer = shift.peer
      // Events of a CPU of which it says nothing have the guest's times.
      let isWhole = buffers.allSatisfy { $0.cpus.allSatisfy { shift.covers($0.cpu) } }
      session.shift = shift.isMeasured ? .ptp : isWhole ? .kvm : nil
      session.measured = clock.measured
    }
    let isEmpty =
      id == nil && guests.isEmpty && session.peer == nil && session.cycles == nil
    return isEmpty ? nil : session
  }

  /// `field: local_t commit;	offset:8;	size:8;	signed:1;`
  private mutating func readPageHeader(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    let fields = EventFormat.fields(bytes, range)
    if let commit = fields["commit"] { longSize = commit.size }
    if let data = fields["data"] { dataAt = data.offset }
  }

  /// `4711 fio`, one a line.
  private mutating func readNames(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var at = range.lowerBound
    while at < range.upperBound {
      let end = bytes.newline(from: at, to: range.upperBound) ?? range.upperBound
      var place = at
      if let tid = bytes.decimal(&place, end), tid < 1 << 32, place < end, names.count < 1 << 20 {
        names.append(
          (UInt32(tid), TaskName(bytes, from: place + 1, to: bytes.zero(from: place + 1, end))))
      }
      at = end + 1
    }
  }
}

/// Unpacks the pieces of a file of version 7, each by itself.
final class PieceUnpacker {
  private let decoder: (any Decoder)?
  private let name: String

  init(_ compression: String) throws {
    name = compression
    do throws(DecodingFailure) {
      switch compression {
      case "zstd": decoder = try ZstandardDecoder()
      // With zlib's own head, not gzip's.
      case "zlib": decoder = try GzipDecoder(windowBits: 15)
      default: decoder = nil
      }
    } catch { throw TraceDatFile.Failure.compression(compression) }
  }

  /// Unpacks a piece to exactly so many bytes.
  func unpack(
    _ packed: Span<UInt8>, _ range: Range<Int>, into room: inout [UInt8], count: Int
  ) throws {
    guard let decoder else { throw TraceDatFile.Failure.compression(name) }
    // Nothing packs better than this; a length that is larger is none.
    guard count <= range.count * 40_000 + 4096 else { throw TraceDatFile.Failure.damaged }
    if room.count < count {
      room.append(contentsOf: repeatElement(0, count: count - room.count))
    } else if room.count > count {
      room.removeSubrange(count...)
    }
    var consumed = 0
    var produced = 0
    do throws(DecodingFailure) {
      try decoder.restart()
      while produced < count {
        var result: Result<DecodingStep, DecodingFailure> = .failure(DecodingFailure(reason: ""))
        unsafe packed.extracting(range.lowerBound + consumed..<range.upperBound).withUnsafeBytes {
          from in
          unsafe room.withUnsafeMutableBytes { to in
            do throws(DecodingFailure) {
              result = .success(
                try unsafe decoder.decode(
                  from, into: UnsafeMutableRawBufferPointer(rebasing: to[produced..<count])))
            } catch {
              result = .failure(error)
            }
          }
        }
        let step = try result.get()
        consumed += step.consumed
        produced += step.produced
        if step.consumed == 0, step.produced == 0 { break }
        if step.isEnd { break }
      }
    } catch { throw TraceDatFile.Failure.damaged }
    guard produced == count else { throw TraceDatFile.Failure.damaged }
  }
}
