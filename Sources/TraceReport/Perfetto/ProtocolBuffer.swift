/// A message in the wire format of protocol buffers: fields one after another, each a tag and its value
/// (protobuf.dev/programming-guides/encoding). The few kinds that a trace needs.
struct ProtocolBuffer {
  private(set) var bytes: [UInt8] = []

  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
  }

  /// An unsigned integer, or an enumeration.
  mutating func add(_ field: UInt64, _ value: UInt64) {
    tag(field, .varint)
    varint(value)
  }

  /// A signed integer of the kind `int64`: two's complement.
  mutating func add(_ field: UInt64, signed value: Int64) {
    add(field, UInt64(bitPattern: value))
  }

  /// Eight bytes, the lowest first.
  mutating func add(_ field: UInt64, fixed value: UInt64) {
    tag(field, .fixed64)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// A floating-point number.
  mutating func add(_ field: UInt64, real value: Double) { add(field, fixed: value.bitPattern) }

  /// Text.
  mutating func add(_ field: UInt64, _ text: String) {
    tag(field, .lengthDelimited)
    varint(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// A message inside.
  mutating func add(_ field: UInt64, _ message: ProtocolBuffer) {
    tag(field, .lengthDelimited)
    varint(UInt64(message.bytes.count))
    bytes.append(contentsOf: message.bytes)
  }

  private mutating func tag(_ field: UInt64, _ type: WireType) {
    varint(field << 3 | type.rawValue)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
