/// CPUs by their numbers; those of most machines without memory of its own.
public struct CPUSet: Sendable, Equatable {
  /// The first 256.
  private var first = SIMD4<UInt64>()
  private var more: Set<Int32> = []

  /// Linux has no more CPUs.
  public static let most: Int32 = 8192

  /// None.
  public init() {}

  /// Of a list as the kernel writes it, `0-3,6`; nil for anything else.
  public init?(list: some StringProtocol) {
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) }
      guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1],
        0 <= low, low <= high, high < Self.most
      else { return nil }
      for cpu in low...high { insert(cpu) }
    }
  }

  /// Whether there is none.
  public var isEmpty: Bool { first == SIMD4() && more.isEmpty }

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

  /// As the kernel writes them: `0-3,6`.
  public var list: String {
    var parts: [String] = []
    var run: (low: Int32, high: Int32)?
    func close() {
      guard let run else { return }
      parts.append(run.low == run.high ? "\(run.low)" : "\(run.low)-\(run.high)")
    }
    for cpu in sorted {
      if let last = run, last.high + 1 == cpu {
        run = (last.low, cpu)
      } else {
        close()
        run = (cpu, cpu)
      }
    }
    close()
    return parts.joined(separator: ",")
  }
}
