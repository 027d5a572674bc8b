/// CPUs by their numbers; those of most machines without memory of its own.
public struct CPUSet: Sendable, Equatable {
  /// The first 256.
  private var first = SIMD4<UInt64>()
  private var more: Set<Int32> = []

  /// None.
  public init() {}

  /// Adds a CPU; a number below 0 is none.
  public mutating func insert(_ cpu: Int32) {
    guard cpu >= 0 else { return }
    if cpu < 256 { first[Int(cpu >> 6)] |= 1 << UInt64(cpu & 63) } else { more.insert(cpu) }
  }

  /// Their numbers, the lowest first.
  public var sorted: [Int32] {
    (0..<256).filter { first[$0 >> 6] & 1 << UInt64($0 & 63) != 0 }.map { Int32($0) }
      + more.sorted()
  }
}
