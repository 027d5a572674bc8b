internal import TraceModel

/// Puts the events of QEMU's trace together to requests of virtio-blk disks:
///
///     virtqueue_pop vq 0x7f621ffd9010 elem 0x55813b74c6c0 in_num 2 out_num 1
///     virtio_blk_handle_read vdev 0x55813c2ef450 req 0x55813b74c6c0 sector 0 nsectors 1
///     blk_co_preadv blk 0x55813b816920 bs 0x55813b8191e0 offset 0 bytes 512 flags 0x8
///     virtio_blk_rw_complete vdev 0x55813c2ef450 req 0x55813b74c6c0 ret 0
///     virtio_blk_req_complete vdev 0x55813c2ef450 req 0x55813b74c6c0 status 0
///     virtqueue_fill vq 0x7f621ffd9010 elem 0x55813b74c6c0 len 513 idx 0
///     virtqueue_flush vq 0x7f621ffd9010 count 1
///
/// (hw/block/trace-events, hw/virtio/trace-events and block/trace-events of QEMU.) The element of the queue
/// and the request have one address, which the next request has again: a pop or a handling begins a new one.
final class QEMURequestFolding {
  private struct Open {
    var request = QEMURequest()
    var queue: UInt64 = 0
    /// An event of virtio-blk was about it: other devices have queues, too.
    var isBlock = false
  }

  private struct StageKey: Hashable {
    let device: UInt64
    let operation: QEMURequest.Operation
    let stage: QEMUStage
  }

  private let sink: any EventSink
  private var open: [UInt64: Open] = [:]
  private var commands = SCSICommandFolding()
  /// Handled, not yet given to the block layer; by address, oldest first.
  private var waiting: [UInt64] = []
  /// Answered, not yet visible to the guest; by queue.
  private var filled: [UInt64: [UInt64]] = [:]
  private var batch: [QEMURequest] = []
  private var stages: [StageKey: LatencyHistogram] = [:]
  private var problems = ProblemTally()

  private static let mostOpen = 65_536
  /// QEMU merges at most 32.
  private static let mostWaiting = 256
  private static let mostStages = 4096
  private static let batchSize = 4096

  init(sink: any EventSink) { self.sink = sink }

  /// Takes an event of QEMU; false when requests are not made of it. Throws ``ParseError`` when a field is
  /// missing.
  func take(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws -> Bool {
    if bytes.has("virtio_blk_", at: event.name.lowerBound, event.name.upperBound) {
      if bytes.equals("virtio_blk_handle_read", event.name) {
        try handled(.read, bytes, event)
      } else if bytes.equals("virtio_blk_handle_write", event.name) {
        try handled(.write, bytes, event)
      } else if bytes.equals("virtio_blk_rw_complete", event.name) {
        try done(bytes, event)
      } else if bytes.equals("virtio_blk_req_complete", event.name) {
        try completed(bytes, event)
      } else if bytes.equals("virtio_blk_submit_multireq", event.name) {
        try merged(bytes, event)
      } else {
        return false
      }
      return true
    }
    if SCSICommandFolding.isOurs(bytes, event.name) {
      switch try commands.take(bytes, event, &problems) {
      case .unused: return false
      case .used: break
      case .finished(let request): try add(request)
      }
      return true
    }
    if bytes.equals("virtqueue_pop", event.name) {
      try popped(bytes, event)
    } else if bytes.equals("virtqueue_fill", event.name) {
      try fill(bytes, event)
    } else if bytes.equals("virtqueue_flush", event.name) {
      try flush(bytes, event)
    } else if bytes.equals("blk_co_preadv", event.name) {
      try submitted(.read, bytes, event)
    } else if bytes.equals("blk_co_pwritev", event.name) {
      try submitted(.write, bytes, event)
    } else {
      return false
    }
    return true
  }

  // MARK: Events

  private func popped(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    let address = try event.address("elem", bytes)
    try begin(address, event)
    open[address]?.request.popped = Stamp(event.time)
    open[address]?.queue = try event.address("vq", bytes)
  }

  private func handled(
    _ operation: QEMURequest.Operation, _ bytes: Span<UInt8>, _ event: QEMUEvent
  ) throws {
    let address = try event.address("req", bytes)
    let sector = try event.count("sector", bytes)
    let sectors = try event.count("nsectors", bytes)
    let device = event.field("vdev", bytes) ?? 0
    if let known = open[address], known.isBlock || !known.request.popped.isSeen {
      try begin(address, event)
    } else if open[address] == nil {
      try begin(address, event)
    }
    guard var entry = open[address] else { return }
    entry.isBlock = true
    entry.request.handled = Stamp(event.time)
    entry.request.operation = operation
    entry.request.sector = sector
    entry.request.sectors = sectors
    entry.request.device = device
    open[address] = entry
    if waiting.count >= Self.mostWaiting { waiting.removeFirst(Self.mostWaiting / 2) }
    waiting.append(address)
  }

  /// `virtio_blk_submit_multireq vdev 0x1 mrb 0x2 start 0 num_reqs 2 offset 41943040 size 8192 is_write 1`
  private func merged(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    let range = try event.range("offset", "size", bytes)
    let count = try event.count("num_reqs", bytes)
    let device = event.field("vdev", bytes) ?? 0
    let operation: QEMURequest.Operation =
      try event.count("is_write", bytes) == 0 ? .read : .write
    for address in waiting {
      guard let request = open[address]?.request, request.device == device,
        request.operation == operation, request.lies(in: range)
      else { continue }
      open[address]?.request.merged = count
    }
  }

  private func submitted(
    _ operation: QEMURequest.Operation, _ bytes: Span<UInt8>, _ event: QEMUEvent
  ) throws {
    let range = try event.range("offset", "bytes", bytes)
    // The address of the disk is another here. A request that was merged lies in the range with its
    // neighbours; of two equal ones on two disks the older goes first, as QEMU does.
    var rest: Int64 = 0
    waiting.removeAll { address in
      guard let request = open[address]?.request, !request.done.isSeen else { return true }
      guard request.operation == operation, request.lies(in: range) else { return false }
      guard rest < (range.upperBound - range.lowerBound) / 512 || request.sectors == 0 else {
        return false
      }
      rest += request.sectors
      open[address]?.request.submitted = Stamp(event.time)
      return true
    }
  }

  private func done(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    let address = try event.address("req", bytes)
    let result = event.field("ret", bytes).map { Int64(bitPattern: $0) }
    guard open[address]?.isBlock == true else {
      // It was handled before the trace began.
      problems.add(.unpairedEvent, count: 1, line: event.number)
      return
    }
    open[address]?.request.done = Stamp(event.time)
    open[address]?.request.result = result
  }

  private func completed(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    let address = try event.address("req", bytes)
    if open[address] == nil || open[address]?.request.completed.isSeen == true {
      try begin(address, event)
    }
    guard var entry = open[address] else { return }
    entry.isBlock = true
    if entry.request.device == 0 { entry.request.device = event.field("vdev", bytes) ?? 0 }
    entry.request.completed = Stamp(event.time)
    entry.request.status = event.field("status", bytes).map { Int64(bitPattern: $0) }
    open[address] = entry
    // Without events of the queue nothing more will come.
    if !entry.request.popped.isSeen { try close(address) }
  }

  private func fill(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    let address = try event.address("elem", bytes)
    guard let entry = open[address] else { return }
    guard entry.isBlock, entry.request.completed.isSeen else {
      open[address] = entry.isBlock ? entry : nil
      return
    }
    filled[entry.queue, default: []].append(address)
  }

  private func flush(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws {
    for address in filled.removeValue(forKey: try event.address("vq", bytes)) ?? [] {
      open[address]?.request.returned = Stamp(event.time)
      try close(address)
    }
  }

  // MARK: Requests

  private func begin(_ address: UInt64, _ event: QEMUEvent) throws {
    try close(address)
    guard open.count < Self.mostOpen else {
      problems.add(.tooManyOpen, count: 1, line: event.number)
      return
    }
    var entry = Open()
    entry.request.line = event.number
    entry.request.tid = event.tid
    open[address] = entry
  }

  private func close(_ address: UInt64) throws {
    guard let entry = open.removeValue(forKey: address), entry.isBlock else { return }
    try add(entry.request)
  }

  /// A request is at its end.
  private func add(_ request: QEMURequest) throws {
    batch.append(request)
    for stage in QEMUStage.allCases {
      guard let time = request.time(in: stage) else { continue }
      guard time >= 0 else {
        problems.add(.negativeTime, count: 1, line: request.line)
        continue
      }
      let key = StageKey(device: request.device, operation: request.operation, stage: stage)
      guard stages[key] != nil || stages.count < Self.mostStages else {
        problems.add(.tooManyDevices, count: 1, line: request.line)
        continue
      }
      stages[key, default: LatencyHistogram()].add(time)
    }
    if batch.count >= Self.batchSize { try hand() }
  }

  private func hand() throws {
    guard !batch.isEmpty else { return }
    try sink.receive(batch)
    batch.removeAll(keepingCapacity: true)
  }

  /// The file is at its end: hands over the rest.
  func finish(_ summary: inout SourceSummary) throws {
    for address in open.keys.sorted(by: {
      (open[$0]?.request.line ?? 0, $0) < (open[$1]?.request.line ?? 0, $1)
    }) {
      try close(address)
    }
    for request in commands.finish() { try add(request) }
    try hand()
    let operations = QEMURequest.Operation.allCases
    let all = QEMUStage.allCases
    func order(_ key: StageKey) -> (UInt64, Int, Int) {
      (
        key.device, operations.firstIndex(of: key.operation) ?? 0,
        all.firstIndex(of: key.stage) ?? 0
      )
    }
    summary.qemuStages += stages.sorted { order($0.key) < order($1.key) }.map {
      QEMUStageSummary(
        device: $0.key.device, operation: $0.key.operation, stage: $0.key.stage,
        histogram: $0.value)
    }
    summary.problems.append(contentsOf: problems.all)
  }
}

extension QEMURequest {
  /// Whether all of it lies between these bytes of its disk.
  fileprivate func lies(in range: Range<Int64>) -> Bool {
    let (first, tooFar) = sector.multipliedReportingOverflow(by: 512)
    let (length, tooLong) = sectors.multipliedReportingOverflow(by: 512)
    let (end, overflow) = first.addingReportingOverflow(length)
    return !tooFar && !tooLong && !overflow && first >= range.lowerBound && end <= range.upperBound
  }
}

/// An event of QEMU's trace, whichever backend wrote it.
struct QEMUEvent {
  /// `virtio_blk_handle_read`.
  var name = 0..<0
  /// What stands behind it: `vdev 0x1 req 0x2 sector 0 nsectors 1`, from simpletrace `vdev=0x1 req=0x2`.
  var fields = 0..<0
  /// Where the line begins.
  var start = 0
  /// ns on the trace's clock.
  var time: Int64 = 0
  /// Where the line stands in the file, from 1.
  var number: Int64 = 0
  /// The thread; 0 where it is not printed.
  var tid: UInt32 = 0

  /// The value behind a name, `0x` or decimal, a minus included; nil when it is not there.
  func field(_ name: StaticString, _ bytes: Span<UInt8>) -> UInt64? {
    var at = fields.lowerBound
    let end = fields.upperBound
    while at < end {
      while at < end, Self.parts(bytes[at]) { at += 1 }
      let start = at
      while at < end, !Self.parts(bytes[at]) { at += 1 }
      guard bytes.equals(name, start..<at), at < end else { continue }
      at += 1
      return Self.number(bytes, &at, end)
    }
    return nil
  }

  /// As ``field(_:_:)``, or a complaint.
  func address(_ name: StaticString, _ bytes: Span<UInt8>) throws -> UInt64 {
    guard let value = field(name, bytes) else {
      throw ParseError(.malformedPayload, column: fields.lowerBound - start + 1)
    }
    return value
  }

  /// A number of things, not negative.
  func count(_ name: StaticString, _ bytes: Span<UInt8>) throws -> Int64 {
    guard let value = Int64(exactly: try address(name, bytes)) else {
      throw ParseError(.malformedNumber, column: fields.lowerBound - start + 1)
    }
    return value
  }

  /// A range of bytes by the names of its begin and length.
  func range(_ begin: StaticString, _ length: StaticString, _ bytes: Span<UInt8>) throws -> Range<
    Int64
  > {
    let from = try count(begin, bytes)
    let (to, overflow) = from.addingReportingOverflow(try count(length, bytes))
    guard !overflow else {
      throw ParseError(.malformedNumber, column: fields.lowerBound - start + 1)
    }
    return from..<to
  }

  /// Blanks, `=` and the comma of `req 0x55d0c0a0, append sector 8`.
  private static func parts(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ",")
  }

  private static func number(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> UInt64? {
    if bytes.has("0x", at: at, end) {
      at += 2
      return bytes.hexadecimal(&at, end)
    }
    if bytes.has("(nil)", at: at, end) { return 0 }
    guard at < end, bytes[at] == UInt8(ascii: "-") else { return bytes.wideDecimal(&at, end) }
    at += 1
    return bytes.decimal(&at, end).map { UInt64(bitPattern: -$0) }
  }
}
