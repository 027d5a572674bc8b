/// Makes recordings of trace-cmd, byte by byte.
struct TraceBytes {
  var make = PerfBytes()
  /// Of the kernel: 4 or 8.
  var longSize = 8
  var pageSize = 512
  /// Options by their numbers.
  var options: [(Int, [UInt8])] = []
  var clock = "mono"
  /// Packs a piece; nil: pages as they are.
  var pack: (([UInt8]) -> [UInt8])?
  var compression = "none"

  struct Event {
    var delta: Int
    var raw: [UInt8]
  }

  private func word(_ kind: Int, _ delta: Int) -> [UInt8] {
    make.u32(make.isBigEndian ? kind << 27 | delta : delta << 5 | kind)
  }

  /// An event in a page: short ones have their length in words, long ones in bytes behind the head.
  func event(_ event: Event) -> [UInt8] {
    var raw = event.raw
    while raw.count % 4 != 0 { raw.append(0) }
    if raw.count <= 112 { return word(raw.count / 4, event.delta) + raw }
    return word(0, event.delta) + make.u32(raw.count + 4) + raw
  }

  func extend(_ delta: Int) -> [UInt8] { word(30, delta & 0x7FF_FFFF) + make.u32(delta >> 27) }
  func absolute(_ time: Int) -> [UInt8] { word(31, time & 0x7FF_FFFF) + make.u32(time >> 27) }
  /// An event of so many bytes that was taken back; a delta of 1 is no time.
  func discarded(_ length: Int, delta: Int = 1) -> [UInt8] {
    word(29, delta) + make.u32(length) + [UInt8](repeating: 0xAA, count: length - 4)
  }

  /// A page that begins at a time; `lost` events are missing before it.
  func page(_ time: Int, _ items: [[UInt8]], lost: Int? = nil) -> [UInt8] {
    let body = Array(items.joined())
    var commit = body.count
    if lost != nil { commit |= 1 << 31 | 1 << 30 }
    var page = make.u64(time) + make.number(UInt64(commit), longSize) + body
    if let lost { page += make.number(UInt64(lost), longSize) }
    return page + [UInt8](repeating: 0, count: pageSize - page.count)
  }

  private var pageHeader: [UInt8] {
    Array(
      """
      \tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
      \tfield: local_t commit;\toffset:8;\tsize:\(longSize);\tsigned:1;
      \tfield: char data;\toffset:\(8 + longSize);\tsize:\(pageSize - 8 - longSize);\tsigned:1;

      """.utf8)
  }

  private func head(_ version: String) -> [UInt8] {
    [0x17, 0x08, 0x44] + Array("tracing\(version)\0".utf8) + [make.isBigEndian ? 1 : 0, 8]
      + make.u32(pageSize)
  }

  private var formats: [UInt8] {
    let systems = [
      ("sched", [PerfBytes.switchFormat, PerfBytes.wakingFormat]), ("block", Self.blockFormats),
    ]
    var bytes = make.u32(systems.count)
    for (system, formats) in systems {
      bytes += Array("\(system)\0".utf8) + make.u32(formats.count)
      for format in formats { bytes += make.u64(format.utf8.count) + Array(format.utf8) }
    }
    return bytes
  }

  private var allOptions: [(Int, [UInt8])] {
    [(4, Array("local [\(clock)] boot\0".utf8)), (5, Array("Linux host1 6.18 x86_64\0".utf8))]
      + options
  }

  private func option(_ number: Int, _ body: [UInt8]) -> [UInt8] {
    make.u16(number) + make.u32(body.count) + body
  }

  /// Version 6: the pages of each CPU of the buffer of all, and of instances by name.
  func version6(_ cpus: [[UInt8]], instances: [(String, [[UInt8]])] = []) -> [UInt8] {
    var bytes = head("6") + Array("header_page\0".utf8) + make.u64(pageHeader.count) + pageHeader
    bytes += Array("header_event\0".utf8) + make.u64(0) + make.u32(0) + formats
    bytes += make.u32(3) + [1, 2, 3] + make.u32(0) + make.u64(6) + Array("7 fio\n".utf8)
    bytes += make.u32(cpus.count) + Array("options  \0".utf8)
    for (number, body) in allOptions { bytes += option(number, body) }
    let names = instances.reduce(0) { $0 + 6 + 8 + $1.0.utf8.count + 1 }
    let tables = 10 + 16 * cpus.count
    let end = bytes.count + names + 2 + tables * (1 + instances.count)
    for (index, instance) in instances.enumerated() {
      bytes += option(
        3, make.u64(end - tables * (instances.count - index)) + Array("\(instance.0)\0".utf8))
    }
    bytes += make.u16(0)
    var data: [UInt8] = []
    for pages in [cpus] + instances.map(\.1) {
      bytes += Array("flyrecord\0".utf8)
      for cpu in pages {
        bytes += make.u64(cpu.isEmpty ? 0 : end + data.count) + make.u64(cpu.count)
        data += cpu
      }
    }
    return bytes + data
  }

  private func section(_ number: Int, _ body: [UInt8]) -> [UInt8] {
    guard let pack, number != 3 else {
      return make.u16(number) + make.u16(number == 3 && pack != nil ? 1 : 0) + make.u32(0)
        + make.u64(body.count) + body
    }
    let packed = pack(body)
    return make.u16(number) + make.u16(1) + make.u32(0) + make.u64(packed.count + 8)
      + make.u32(packed.count) + make.u32(body.count) + packed
  }

  /// Version 7: buffers by name, each with the pages of its CPUs.
  func version7(_ buffers: [(String, [[UInt8]])]) -> [UInt8] {
    var bytes = head("7") + Array("\(compression)\01.0\0".utf8)
    let pointer = bytes.count
    bytes += make.u64(0)
    var named: [(Int, [UInt8])] = []
    let info = Array("header_page\0".utf8) + make.u64(pageHeader.count) + pageHeader
    for (number, body) in [
      (16, info + Array("header_event\0".utf8) + make.u64(0)), (17, make.u32(0)), (18, formats),
      (21, make.u64(6) + Array("7 fio\n".utf8)),
    ] {
      named.append((number, make.u64(bytes.count)))
      bytes += section(number, body)
    }
    for (name, cpus) in buffers {
      let at = bytes.count
      var table =
        make.u64(at) + Array("\(name)\0local\0".utf8) + make.u32(pageSize) + make.u32(cpus.count)
      var body: [UInt8] = []
      for (cpu, pages) in cpus.enumerated() {
        var stored = pages
        if let pack {
          // Two pieces, the first of a page.
          let pieces = [Array(pages.prefix(pageSize)), Array(pages.dropFirst(pageSize))].filter {
            !$0.isEmpty
          }
          stored = make.u32(pieces.count)
          for piece in pieces {
            let packed = pack(piece)
            stored += make.u32(packed.count) + make.u32(piece.count) + packed
          }
        }
        table +=
          make.u32(cpu) + make.u64(at + 16 + body.count)
          + make.u64(pages.isEmpty ? 0 : stored.count)
        body += stored
      }
      bytes += section(3, body)
      named.append((3, table))
    }
    let first = bytes.count
    // Two sections of options: the first names the second.
    let early = Array(allOptions.map { option($0.0, $0.1) }.joined())
    let late = Array(named.map { option($0.0, $0.1) }.joined()) + option(0, make.u64(0))
    let length = 16 + early.count + 14
    let plain = { (body: [UInt8]) -> [UInt8] in
      make.u16(0) + make.u16(0) + make.u32(0) + make.u64(body.count) + body
    }
    bytes += plain(early + option(0, make.u64(first + length))) + plain(late)
    bytes.replaceSubrange(pointer..<pointer + 8, with: make.u64(first))
    return bytes
  }
}
