/// Makes recordings of perf, byte by byte, in either byte order.
struct PerfBytes {
  var isBigEndian = false
  /// `sample_type` of the events: IP, TID, TIME, CPU, PERIOD, RAW, IDENTIFIER.
  var parts: UInt64 = 1 | 2 | 4 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 16
  var clock: UInt32?

  static let switchFormat = """
    name: sched_switch
    ID: 372
    format:
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
    \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
    \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
    \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

    \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
    \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;
    \tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;
    \tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;
    \tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;
    \tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;
    \tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;

    print fmt: "prev_state=%s%s", (REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002) + 1) << 1) - 1)) \
    ? __print_flags(REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002) + 1) << 1) - 1), "|", \
    { 0x00000001, "S" }, { 0x00000002, "D" }) : "R", \
    REC->prev_state & (((0x00000000 | 0x00000001 | 0x00000002) + 1) << 1) ? "+" : "", REC->next_comm

    """

  static let wakingFormat = """
    name: sched_waking
    ID: 373
    format:
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
    \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
    \tfield:__data_loc char[] comm;\toffset:8;\tsize:4;\tsigned:0;
    \tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;
    \tfield:int prio;\toffset:16;\tsize:4;\tsigned:1;
    \tfield:int target_cpu;\toffset:20;\tsize:4;\tsigned:1;

    print fmt: "comm=%s pid=%d", __get_str(comm), REC->pid

    """

  func number(_ value: UInt64, _ size: Int) -> [UInt8] {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    return isBigEndian ? bytes.reversed() : bytes
  }

  func u16(_ value: Int) -> [UInt8] { number(UInt64(value), 2) }
  func u32(_ value: Int) -> [UInt8] { number(UInt64(UInt32(truncatingIfNeeded: value)), 4) }
  func u64(_ value: Int) -> [UInt8] { number(UInt64(bitPattern: Int64(value)), 8) }

  func text(_ text: String, _ size: Int) -> [UInt8] {
    Array(text.utf8) + [UInt8](repeating: 0, count: size - text.utf8.count)
  }

  /// A record: its head and its body.
  func record(_ kind: Int, misc: Int = 0, _ body: [UInt8]) -> [UInt8] {
    u32(kind) + u16(misc) + u16(body.count + 8) + body
  }

  /// An attribute of a tracepoint.
  func attribute(_ event: Int, size: Int = 112) -> [UInt8] {
    // sample_id_all, and use_clockid, as bit fields of this byte order.
    var flags = [UInt8](repeating: 0, count: 8)
    for bit in clock == nil ? [18] : [18, 25] {
      flags[bit / 8] |= isBigEndian ? 0x80 >> UInt8(bit % 8) : 1 << UInt8(bit % 8)
    }
    var bytes = u32(2) + u32(size) + u64(event) + u64(1) + number(parts, 8) + u64(0) + flags
    bytes += [UInt8](repeating: 0, count: size - bytes.count)
    if let clock, size >= 96 { bytes.replaceSubrange(92..<96, with: number(UInt64(clock), 4)) }
    return bytes
  }

  /// The formats, as trace-cmd's head has them.
  func tracingData(_ formats: [String], version: String = "0.6") -> [UInt8] {
    var bytes: [UInt8] = [0x17, 0x08, 0x44] + Array("tracing\(version)\0".utf8)
    bytes += [isBigEndian ? 1 : 0, 8] + u32(4096)
    bytes += Array("header_page\0".utf8) + u64(0) + Array("header_event\0".utf8) + u64(0)
    bytes += u32(0) + u32(1) + Array("sched\0".utf8) + u32(formats.count)
    for format in formats { bytes += u64(format.utf8.count) + Array(format.utf8) }
    bytes += u32(0) + u32(0)
    if version != "0.5" { bytes += u64(0) }
    return bytes
  }

  /// A sample with these fields.
  func sample(id: Int, time: Int, cpu: Int, tid: Int, _ raw: [UInt8], pid: Int = 0) -> [UInt8] {
    var body: [UInt8] = []
    if parts & 1 << 16 != 0 { body += u64(id) }
    if parts & 1 != 0 { body += u64(0x1234) }
    body += u32(pid) + u32(tid) + u64(time)
    if parts & 1 << 6 != 0 { body += u64(id) }
    if parts & 1 << 7 != 0 { body += u32(cpu) + u32(0) }
    if parts & 1 << 8 != 0 { body += u64(1) }
    if parts & 1 << 5 != 0 { body += u64(2) + u64(1) + u64(2) }
    var padded = raw
    while (padded.count + 4) % 8 != 0 { padded.append(0xEE) }
    return record(9, body + u32(padded.count) + padded)
  }

  /// What stands at the end of records that are no samples.
  func trailer(id: Int, time: Int, cpu: Int, tid: Int, pid: Int = 0) -> [UInt8] {
    var bytes = u32(pid) + u32(tid) + u64(time)
    if parts & 1 << 6 != 0 { bytes += u64(id) }
    if parts & 1 << 7 != 0 { bytes += u32(cpu) + u32(0) }
    if parts & 1 << 16 != 0 { bytes += u64(id) }
    return bytes
  }

  func switched(
    _ from: (String, Int), _ state: Int, _ to: (String, Int)
  ) -> [UInt8] {
    // What follows a name's zero is rubbish.
    var name = text(from.0, 16)
    if from.0.utf8.count < 14 { name[15] = 0x41 }
    return u16(372) + [0, 0] + u32(from.1) + name + u32(from.1) + u32(120) + u64(state)
      + text(to.0, 16) + u32(to.1) + u32(120)
  }

  func woken(_ name: String, _ tid: Int, on cpu: Int, by waker: Int) -> [UInt8] {
    let place = 24 | (name.utf8.count + 1) << 16
    return u16(373) + [0, 0] + u32(waker) + u32(place) + u32(tid) + u32(120) + u32(cpu)
      + Array(name.utf8) + [0]
  }

  /// A whole file: attributes with their numbers, data, features.
  func file(
    attributes: [(bytes: [UInt8], ids: [Int])], data: [UInt8], features: [(bit: Int, [UInt8])]
  ) -> [UInt8] {
    let stride = (attributes.first?.bytes.count ?? 112) + 16
    let ids = attributes.flatMap { $0.ids.flatMap(u64) }
    let tableAt = 104 + ids.count
    let dataAt = tableAt + stride * attributes.count
    var bytes = Array("PERFILE2".utf8)
    if isBigEndian { bytes.reverse() }
    var bits = [UInt64](repeating: 0, count: 4)
    for feature in features { bits[feature.bit / 64] |= 1 << UInt64(feature.bit % 64) }
    bytes += u64(104) + u64(stride) + u64(tableAt) + u64(stride * attributes.count)
    bytes += u64(dataAt) + u64(data.count) + u64(0) + u64(0)
    for word in bits { bytes += number(word, 8) }
    bytes += ids
    var at = 104
    for (attribute, own) in attributes {
      bytes += attribute + u64(at) + u64(8 * own.count)
      at += 8 * own.count
    }
    bytes += data
    var place = bytes.count + 16 * features.count
    for (_, section) in features {
      bytes += u64(place) + u64(section.count)
      place += section.count
    }
    for (_, section) in features { bytes += section }
    return bytes
  }

  /// A whole pipe: the same as records.
  func pipe(
    attributes: [(bytes: [UInt8], ids: [Int])], formats: [UInt8], features: [(bit: Int, [UInt8])],
    data: [UInt8]
  ) -> [UInt8] {
    var magic = Array("PERFILE2".utf8)
    if isBigEndian { magic.reverse() }
    var bytes = magic + u64(16)
    for (attribute, ids) in attributes { bytes += record(64, attribute + ids.flatMap(u64)) }
    for (bit, section) in features { bytes += record(80, u64(bit) + section) }
    var padded = formats
    while padded.count % 8 != 0 { padded.append(0) }
    bytes += record(66, u32(padded.count)) + padded
    return bytes + data
  }

  func string(_ text: String) -> [UInt8] {
    let size = (text.utf8.count + 64) / 64 * 64
    return u32(size) + self.text(text, size)
  }
}
