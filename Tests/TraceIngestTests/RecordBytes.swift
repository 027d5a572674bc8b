/// Makes blktrace records.
struct RecordBytes {
  var isVersion2 = false
  var isBigEndian = false

  /// `BLK_TC_ACT` of the kernel.
  static func category(_ number: UInt64) -> UInt64 { 1 << (16 + number) }
  static let read = category(0)
  static let write = category(1)
  static let flush = category(2)
  static let sync = category(3)
  static let passthrough = category(9)
  static let notify = category(10)
  static let discard = category(13)
  static let driverData = category(14)
  static let cgroup: UInt64 = 0x100

  func record(
    _ action: UInt64, time: UInt64, sequence: UInt32 = 0, sector: UInt64 = 0, bytes: UInt32 = 0,
    pid: UInt32 = 912, device: UInt32 = 8 << 20, cpu: UInt32 = 0, error: UInt16 = 0,
    payload: [UInt8] = []
  ) -> [UInt8] {
    let magic: UInt32 = isVersion2 ? 0x6561_7408 : 0x6561_7407
    var record =
      integer(magic) + integer(sequence) + integer(time) + integer(sector) + integer(bytes)
    if isVersion2 {
      record += integer(pid) + integer(action)
    } else {
      record += integer(UInt32(truncatingIfNeeded: action)) + integer(pid)
    }
    record += integer(device) + integer(cpu) + integer(error) + integer(UInt16(payload.count))
    if isVersion2 { record += [UInt8](repeating: 0xAA, count: 12) }
    return record + payload
  }

  func process(_ pid: UInt32, _ name: String, time: UInt64, cpu: UInt32 = 0) -> [UInt8] {
    let comm = Array(name.utf8) + [UInt8](repeating: 0, count: 16 - name.utf8.count)
    // Number, sector and length of notes are whatever the buffer held before.
    return record(
      Self.notify, time: time, sequence: 77, sector: 4242, bytes: 9, pid: pid, cpu: cpu,
      payload: comm)
  }

  func timeOfDay(_ seconds: UInt32, _ nanoseconds: UInt32, time: UInt64) -> [UInt8] {
    record(
      Self.notify | 1, time: time, pid: 0, payload: integer(seconds) + integer(nanoseconds))
  }

  func message(_ text: String, time: UInt64) -> [UInt8] {
    record(
      Self.notify | 2 | Self.cgroup, time: time,
      payload: [1, 0, 0, 0, 0, 0, 0, 0] + Array(text.utf8))
  }

  /// An integer in the traced machine's byte order.
  func integer<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    let big = Self.big(value)
    return isBigEndian ? big : big.reversed()
  }

  /// An integer as the payloads of remaps, splits and unplugs have it.
  static func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) }
  }
}
