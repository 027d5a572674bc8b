/// The name of a task: at most 16 bytes of anything, as the kernel keeps it.
///
/// Two words instead of a String: names are compared for every event and read by people once. They
/// are hostile input: invalid UTF-8, brackets, terminal escapes and HTML all occur.
public struct TaskName: Hashable, Sendable {
  /// The first eight bytes, the first in the lowest byte.
  public var low: UInt64 = 0
  /// The other eight.
  public var high: UInt64 = 0

  /// No name.
  @inlinable
  public init() {}

  /// The first 16 bytes of a name.
  @inlinable
  public init(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
    var index = start
    var shift: UInt64 = 0
    while index < end, shift < 64 {
      low |= UInt64(bytes[index]) << shift
      shift += 8
      index += 1
    }
    shift = 0
    while index < end, shift < 64 {
      high |= UInt64(bytes[index]) << shift
      shift += 8
      index += 1
    }
  }

  /// A name of ours, of at most 16 bytes.
  public init(_ text: StaticString) {
    for (index, byte) in text.description.utf8.prefix(16).enumerated() {
      let shifted = UInt64(byte) << UInt64(8 * (index % 8))
      if index < 8 { low |= shifted } else { high |= shifted }
    }
  }

  /// Whether there is no name at all.
  public var isEmpty: Bool { low == 0 && high == 0 }

  /// The name with what is not UTF-8 replaced.
  public var text: String {
    var bytes: [UInt8] = []
    for word in [low, high] {
      for index in 0..<8 {
        let byte = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
        if byte == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A thread as a trace names it. Both halves are needed: a name is not unique, and a pid may be used
/// again by another program.
public struct TaskIdentity: Hashable, Sendable {
  /// The thread id.
  public let pid: UInt32
  /// Its name at that moment.
  public let name: TaskName

  /// A thread of a trace.
  @inlinable
  public init(pid: UInt32, name: TaskName) {
    self.pid = pid
    self.name = name
  }
}
