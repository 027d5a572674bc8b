/// CPUs by their numbers; those of most machines without memory of its own.
public struct CPUSet: Sendable, Equatable {
  private var first: UInt64 = 0
  private var more: Set<Int32> = []

  /// None.
  public init() {}

  /// Adds a CPU; a number below 0 is none.
  public mutating func insert(_ cpu: Int32) {
    guard cpu >= 0 else { return }
    if cpu < 64 { first |= 1 << UInt64(cpu) } else { more.insert(cpu) }
  }

  /// Adds those of another set.
  public mutating func formUnion(_ other: CPUSet) {
    first |= other.first
    if !other.more.isEmpty { more.formUnion(other.more) }
  }

  /// Their numbers, the lowest first.
  public var sorted: [Int32] {
    (0..<64).filter { first & 1 << UInt64($0) != 0 }.map { Int32($0) } + more.sorted()
  }
}
