internal import TraceModel

/// Puts the events of QEMU's trace together to commands of virtio-scsi disks:
///
///     virtio_scsi_cmd_req virtio_scsi_cmd_req lun=0 tag=0x3c05590 cmd=0x2a
///     scsi_req_parsed target 0 lun 0 tag 62936464 command 42 dir 2 length 4096
///     scsi_req_parsed_lba target 0 lun 0 tag 62936464 command 42 lba 755472
///     scsi_disk_new_request Command: lun=0 tag=0x3c05590 data= 0x2a 0x00 0x00 0x0b 0x87 0x10 0x00 0x00 0x08 0x00
///     scsi_req_continue target 0 lun 0 tag 62936464
///     scsi_req_dequeue target 0 lun 0 tag 62936464
///     virtio_scsi_cmd_resp virtio_scsi_cmd_resp lun=0 tag=0x3c05590 response=0 status=0x0
///
/// (hw/scsi/trace-events of QEMU.) The guest chooses the tag; it is free again with the response.
struct SCSICommandFolding {
  private struct Key: Hashable {
    let lun: UInt64
    let tag: UInt64
  }

  private struct Open {
    var request = QEMURequest()
    var address: Int64?
    var length: Int64?
    var blocks: Int64?
  }

  private var open: [Key: Open] = [:]

  private static let mostOpen = 65_536
  private static let sectorSize: Int64 = 512
  /// A logical block of a disk has no more bytes than this.
  private static let mostOfBlock: Int64 = 65_536

  /// What a command is for, by its first byte.
  private enum Purpose {
    case read, write, flush, other

    init(_ command: UInt64) {
      self =
        switch command {
        case 0x08, 0x28, 0x88, 0xA8: .read
        case 0x0A, 0x2A, 0x8A, 0xAA: .write
        // SYNCHRONIZE CACHE (10) and (16).
        case 0x35, 0x91: .flush
        default: .other
        }
    }
  }

  /// Whether an event is of a SCSI command, used or not.
  static func isOurs(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
    bytes.has("virtio_scsi_cmd_", at: name.lowerBound, name.upperBound)
      || bytes.has("scsi_", at: name.lowerBound, name.upperBound)
  }

  /// What an event did.
  enum Outcome {
    /// Commands are not made of it.
    case unused
    /// It was used.
    case used
    /// A command is at its end; also an open one whose tag a new one has.
    case finished(QEMURequest)
  }

  /// Takes an event.
  mutating func take(
    _ bytes: Span<UInt8>, _ event: QEMUEvent, _ problems: inout ProblemTally
  ) throws -> Outcome {
    if bytes.equals("virtio_scsi_cmd_req", event.name) {
      return try begin(bytes, event, &problems)
    } else if bytes.equals("scsi_req_parsed", event.name) {
      let target = try event.address("target", bytes)
      let length = try event.count("length", bytes)
      try change(bytes, event) { entry in
        entry.request.device |= (target & 0xFFFF) << 32
        entry.length = length
      }
    } else if bytes.equals("scsi_req_parsed_lba", event.name) {
      let address = try event.count("lba", bytes)
      try change(bytes, event) { $0.address = address }
    } else if bytes.equals("scsi_disk_new_request", event.name) {
      let blocks = Self.blocks(bytes, event)
      try change(bytes, event) { $0.blocks = blocks }
    } else if bytes.equals("scsi_req_continue", event.name) {
      try change(bytes, event) { entry in
        if !entry.request.submitted.isSeen { entry.request.submitted = Stamp(event.time) }
      }
    } else if bytes.equals("scsi_req_dequeue", event.name) {
      try change(bytes, event) { $0.request.done = Stamp(event.time) }
    } else if bytes.equals("virtio_scsi_cmd_resp", event.name) {
      return try end(bytes, event, &problems)
    } else {
      return .unused
    }
    return .used
  }

  /// The file is at its end: the rest, oldest first.
  mutating func finish() -> [QEMURequest] {
    defer { open = [:] }
    return open.values.sorted { $0.request.line < $1.request.line }.map(Self.made)
  }

  // MARK: Events

  private func key(_ bytes: Span<UInt8>, _ event: QEMUEvent) throws -> Key {
    Key(lun: try event.address("lun", bytes), tag: try event.address("tag", bytes))
  }

  private mutating func begin(
    _ bytes: Span<UInt8>, _ event: QEMUEvent, _ problems: inout ProblemTally
  ) throws -> Outcome {
    let key = try key(bytes, event)
    let command = try event.address("cmd", bytes)
    let old = open.removeValue(forKey: key)
    guard open.count < Self.mostOpen else {
      problems.add(.tooManyOpen, count: 1, line: event.number)
      return .used
    }
    var entry = Open()
    entry.request.handled = Stamp(event.time)
    entry.request.line = event.number
    entry.request.tid = event.tid
    entry.request.device = QEMURequest.scsiDevice | key.lun & 0xFFFF_FFFF
    switch Purpose(command) {
    case .read: entry.request.operation = .read
    case .write: entry.request.operation = .write
    case .flush: entry.request.sectors = 0
    case .other: break
    }
    open[key] = entry
    return old.map { .finished(Self.made($0)) } ?? .used
  }

  private mutating func change(
    _ bytes: Span<UInt8>, _ event: QEMUEvent, _ body: (inout Open) -> Void
  ) throws {
    let key = try key(bytes, event)
    guard var entry = open[key] else { return }
    body(&entry)
    open[key] = entry
  }

  private mutating func end(
    _ bytes: Span<UInt8>, _ event: QEMUEvent, _ problems: inout ProblemTally
  ) throws -> Outcome {
    guard var entry = open.removeValue(forKey: try key(bytes, event)) else {
      // It was sent before the trace began.
      problems.add(.unpairedEvent, count: 1, line: event.number)
      return .used
    }
    entry.request.completed = Stamp(event.time)
    if let response = event.field("response", bytes), let status = event.field("status", bytes) {
      entry.request.status = response == 0 && status == 0 ? 0 : 1
    }
    return .finished(Self.made(entry))
  }

  // MARK: Commands

  /// Sectors of 512 bytes, whatever the disk's blocks have.
  private static func made(_ entry: Open) -> QEMURequest {
    var request = entry.request
    guard request.operation != .other, let length = entry.length, length % sectorSize == 0 else {
      return request
    }
    request.sectors = length / sectorSize
    guard let address = entry.address else { return request }
    var block = sectorSize
    if let blocks = entry.blocks, blocks > 0 {
      let size = length / blocks
      if size * blocks == length, size % sectorSize == 0, size <= mostOfBlock { block = size }
    }
    let (sector, isTooFar) = address.multipliedReportingOverflow(by: block / sectorSize)
    if !isTooFar { request.sector = sector }
    return request
  }

  /// `data= 0x2a 0x00 0x00 0x0b 0x87 0x10 0x00 0x00 0x08 0x00`: how many blocks the command asks for; nil where it is
  /// no read or write of a known length.
  private static func blocks(_ bytes: Span<UInt8>, _ event: QEMUEvent) -> Int64? {
    let end = event.fields.upperBound
    guard var at = bytes.find("data=", from: event.fields.lowerBound, end) else { return nil }
    at += 5
    var command = InlineArray<16, UInt8>(repeating: 0)
    var count = 0
    while count < 16 {
      while at < end, bytes[at] == 0x20 { at += 1 }
      guard bytes.has("0x", at: at, end) else { break }
      at += 2
      guard let byte = bytes.hexadecimal(&at, end).flatMap({ UInt8(exactly: $0) }) else {
        return nil
      }
      command[count] = byte
      count += 1
    }
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= count else { return nil }
      var number: Int64 = 0
      for place in range { number = number << 8 | Int64(command[place]) }
      return number
    }
    guard count > 0 else { return nil }
    return switch command[0] {
    // READ (6) and WRITE (6): 0 stands for 256.
    case 0x08, 0x0A: number(4..<5).map { $0 == 0 ? 256 : $0 }
    case 0x28, 0x2A: number(7..<9)
    case 0xA8, 0xAA: number(6..<10)
    case 0x88, 0x8A: number(10..<14)
    default: nil
    }
  }
}
